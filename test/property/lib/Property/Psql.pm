package Property::Psql;

# One psql that stays connected. run() sends SQL and returns what came back: the rows, and the SQLSTATEs of errors.

use v5.26;
use warnings;
use feature 'signatures';
no warnings 'experimental::signatures';

use IO::Select;
use IPC::Open3 ();
use Time::HiRes ();

our $patience = 180;    # seconds without an answer

my $separator = "\x1f";
my $end       = '-- end of answer --';

sub new ($class, $database) {
    my $self = bless { database => $database, pending => '' }, $class;
    my @command = ('psql', '-X', '-q', '-A', '-t', '-F', $separator, '-P', 'null=~', '-v', 'VERBOSITY=verbose', '-d', $database);
    local $ENV{PGOPTIONS} = '-c timezone=UTC -c client_min_messages=warning';
    my ($in, $out);
    $self->{pid} = IPC::Open3::open3($in, $out, undef, @command);
    @$self{qw(in out)} = ($in, $out);
    $self->{in}->autoflush(1);
    $self->{select} = IO::Select->new($self->{out});
    return $self;
}

# Starts SQL without waiting for it; answer() waits.
sub send ($self, $sql) {
    local $SIG{PIPE} = 'IGNORE';
    print { $self->{in} } $sql, "\n\\echo $end\n\\warn $end\n";
}

sub answer ($self) {
    my (@rows, @states, @messages);
    my $ends = 0;
    while ($ends < 2) {
        my $line = $self->line // do {
            push @states, 'LOST';
            push @messages, 'psql ended, or did not answer in time';
            last;
        };
        if    ($line eq $end) { $ends++ }
        elsif ($line =~ /^(?:psql:[^:]*:\d+: )?(?:ERROR|FATAL|PANIC):  (\w{5}): (.*)/) {
            push @states,   $1;
            push @messages, $line;
        }
        elsif ($line =~ /^[A-Z][A-Z ]+\d*: / || $line =~ /^\s*\^$/) {
            push @messages, $line if $line !~ /^(?:LOCATION|SCHEMA NAME|TABLE NAME)/;
        }
        elsif ($line =~ /^(?:psql: )?(?:error|server closed|connection to server)/) {
            push @states,   'LOST';
            push @messages, $line;
        }
        elsif (length $line) { push @rows, [ map { $_ eq '~' ? undef : $_ } split /$separator/, $line, -1 ] }
    }
    return { rows => \@rows, states => \@states, messages => \@messages };
}

sub run ($self, $sql) {
    $self->send($sql);
    return $self->answer;
}

# Rows of a query that must not fail.
sub rows ($self, $sql) {
    my $answer = $self->run($sql);
    die join("\n", "in database $self->{database}: $sql", @{ $answer->{messages} }) . "\n" if @{ $answer->{states} };
    return $answer->{rows};
}

sub line ($self) {
    my $deadline = Time::HiRes::time() + $patience;
    my $length;
    while (($length = index $self->{pending}, "\n") < 0) {
        my $left = $deadline - Time::HiRes::time();
        return undef if $left <= 0 || !$self->{select}->can_read($left);
        return undef if !sysread $self->{out}, $self->{pending}, 65536, length $self->{pending};
    }
    my $line = substr $self->{pending}, 0, $length + 1, '';
    chomp $line;
    return $line;
}

sub close ($self) {
    return if !$self->{pid};
    local ($SIG{PIPE}, $?) = ('IGNORE', 0);
    CORE::close($self->{in});
    CORE::close($self->{out});
    waitpid $self->{pid}, 0;
    $self->{pid} = undef;
}

1;
