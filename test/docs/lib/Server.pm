# A PostgreSQL of the tests' own, which preloads people_counter: for commands that act on a whole server, and for settings that
# are there only if it is preloaded. It is reached by a socket in a directory that goes with the program.
package Server;
use strict;
use warnings;

sub start {
    my ($class, $home) = @_;
    my $self = bless { home => $home, data => "$home/data", port => 5432 }, $class;
    my $log = "$home/server.log";
    system("initdb -D '$self->{data}' -U postgres -A trust --no-sync --no-locale --encoding=UTF8 >'$home/initdb.log' 2>&1") == 0
        or die "initdb failed:\n" . `cat '$home/initdb.log'`;
    open my $settings, '>>', "$self->{data}/postgresql.conf" or die "postgresql.conf: $!\n";
    print {$settings} <<"END";
listen_addresses = ''
port = $self->{port}
unix_socket_directories = '$home'
shared_preload_libraries = 'people_counter'
fsync = off
timezone = 'UTC'
END
    close $settings or die "postgresql.conf: $!\n";
    system("pg_ctl -D '$self->{data}' -l '$log' -w -t 300 -s start </dev/null >/dev/null 2>&1") == 0
        or die "the server does not start:\n" . `tail -n 20 '$log'`;
    $self->{pid} = $$;
    return $self;
}

# Of a forked child, the server is its parent's.
sub DESTROY {
    my ($self) = @_;
    return unless ($self->{pid} // 0) == $$;
    local ($?, $@);
    system("pg_ctl -D '$self->{data}' -m immediate -w -s stop >/dev/null 2>&1");
}

# environment(): in which the programs of PostgreSQL reach it.
sub environment {
    my ($self) = @_;
    return (PGHOST => $self->{home}, PGPORT => $self->{port}, PGUSER => 'postgres');
}

# psql(database, command...): the lines that it prints, without its messages; dies if one fails.
sub psql {
    my ($self, $database, @commands) = @_;
    local %ENV = (%ENV, $self->environment);
    open my $out, '-|', 'psql', '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', $database, map { ('-c', $_) } @commands
        or die "psql: $!\n";
    my @lines = <$out>;
    close $out or die "psql failed: @commands\n";
    chomp @lines;
    return @lines;
}

# try(database, command): what it says, and whether it worked.
sub try {
    my ($self, $database, $command) = @_;
    local %ENV = (%ENV, $self->environment);
    my $child = open(my $out, '-|') // die "fork: $!\n";
    if (!$child) {
        open STDERR, '>&', \*STDOUT;
        exec 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $database, '-c', $command or die "psql: $!\n";
    }
    my $said = do { local $/; <$out> } // '';
    return (close($out), $said);
}

1;
