# What is no SQL in the documentation: commands are run, settings are made, JSON and Python are read. A block that cannot be run says why
# in the line before it, and which suite does what it shows.
package Commands;
use strict;
use warnings;
use Exporter qw(import);
use File::Temp qw(tempfile);
use JSON::PP qw(decode_json);
use Blocks qw(slurp);
our @EXPORT_OK = qw(check_block names_of_suites overlooked_faults prepare_databases);

# What is shown and not for a program of ours: pictures, what others print or send, pages and their code, which test/e2e runs.
my %IS_SHOWN = map { $_ => 1 } qw(text mermaid http eml html js javascript nginx);

sub names_of_suites {
    my ($root) = @_;
    my ($names) = slurp("$root/scripts/test") =~ /^ALL=\((.*?)\)/m or die "scripts/test has no ALL\n";
    return split ' ', $names;
}

# prepare_databases(server, root, place): the databases that pages name, with somebody in them, and the directory in which their commands
# are given, which looks like a clone. Anew for each page, the databases as copies of one.
sub prepare_databases {
    my ($server, $root, $place) = @_;
    my @all = $server->psql('postgres', 'SELECT datname FROM pg_database');
    if (!grep { $_ eq 'a_template' } @all) {
        $server->psql('postgres', 'CREATE DATABASE a_template');
        $server->psql('a_template', 'CREATE EXTENSION people_counter', 'CREATE EXTENSION people_counter_rest', <<'END');
WITH door AS (INSERT INTO sessions (session_name, start_time) VALUES ('Door', '2025-06-16 09:00+00') RETURNING id)
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
SELECT id, timestamptz '2025-06-16 09:00+00' + person * interval '1 minute', person, 'in' FROM door, generate_series(1, 20) AS person
END
    }
    $server->psql('postgres', (map { qq(DROP DATABASE "$_" WITH (FORCE)) } grep { !/^(?:postgres|template[01]|a_template)$/ } @all),
        map { "CREATE DATABASE $_ TEMPLATE a_template" } qw(people_counter counting));
    system('rm', '-rf', $place) == 0 && mkdir($place) && mkdir("$place/srv") && mkdir("$place/srv/backups") && mkdir("$place/clone")
        or die "$place: $!\n";
    for my $path (glob "$root/*") {
        my ($name) = $path =~ m{([^/]*)$};
        symlink $path, "$place/clone/$name" unless $name eq 'build';
    }
}

# Addresses and places that a page names stand for those of the test.
sub in_place {
    my ($text, $server, $place) = @_;
    $text =~ s{db\.example\.org}{$server->{home}}g;
    $text =~ s{(?<![\w/.])/srv/}{$place/srv/}g;
    return $text;
}

# run_shell(text, server, place): what is wrong, or undef. Stops at the first command that fails.
sub run_shell {
    my ($text, $server, $place) = @_;
    local %ENV = (%ENV, $server->environment, BACKUP_DIR => "$place/srv/backups", LOG_DIR => "$place/srv", TMPDIR => $place);
    delete @ENV{qw(PGDATABASE PGOPTIONS)};
    my $child = open(my $out, '-|') // die "fork: $!\n";
    if (!$child) {
        open STDERR, '>&', \*STDOUT;
        open STDIN, '<', '/dev/null';
        chdir "$place/clone" or die "$place/clone: $!\n";
        exec 'timeout', '300', 'bash', '-euo', 'pipefail', '-c', in_place($text, $server, $place) or die "bash: $!\n";
    }
    my $said = do { local $/; <$out> } // '';
    return close($out) ? undef : 'status ' . ($? >> 8) . ":\n$said";
}

# try_settings(text, server): of postgresql.conf. ALTER SYSTEM knows every name, and refuses what cannot be its value; nothing is
# read again, so nothing changes.
sub try_settings {
    my ($text, $server) = @_;
    my $count = 0;
    for my $line (split /\n/, $text) {
        next unless $line =~ /^[^#]*\S/;
        my ($name, $value) = $line =~ /^([a-z_.]+) = ('(?:[^']|'')*'|[\w.]+)\s*(?:#.*)?$/ or return "no setting: $line";
        my ($worked, $said) = $server->try('postgres', "ALTER SYSTEM SET $name = " . ($value =~ /^'/ ? $value : "'$value'"));
        return $said unless $worked;
        ++$count;
    }
    $server->psql('postgres', 'ALTER SYSTEM RESET ALL');
    return $count ? undef : 'no setting in it';
}

sub read_python {
    my ($text) = @_;
    my ($file, $name) = tempfile(UNLINK => 1);
    print {$file} $text;
    close $file or die "$name: $!\n";
    my $said = qx(python3 -c 'import ast, sys; ast.parse(open(sys.argv[1], encoding="utf-8").read())' '$name' 2>&1);
    return $? ? "this is no Python:\n$said" : undef;
}

# check_block(block, server, place, is_suite): what is wrong, or undef; in a list, or the empty list if there is nothing to check.
sub check_block {
    my ($block, $server, $place, $is_suite) = @_;
    my ($language, $text, $reason) = @$block{qw(language content reason)};
    return if $IS_SHOWN{$language};
    if (defined $reason) {
        return 'it is left out without a reason' unless $reason =~ /\w+ \w+/;
        my @unknown = grep { !$is_suite->{$_} } $reason =~ /\bsuite (\w+)/g;
        return "there is no suite @unknown" if @unknown;
        return if $language eq 'sql';
        return 'it does not say which suite does what it shows' unless $language !~ /^(?:sh|ini)$/ || $reason =~ /\bsuite \w/;
        return undef;
    }
    return if $language eq 'sql';
    return run_shell($text, $server, $place) if $language eq 'sh';
    return try_settings($text, $server) if $language eq 'ini';
    return read_python($text) if $language eq 'python';
    return eval { decode_json($text); 1 } ? undef : "this is no JSON: $@" if $language eq 'json';
    return "what is a block of '$language'?";
}

# overlooked_faults(server, place, is_suite): of blocks that are wrong, which are not found to be.
sub overlooked_faults {
    my @places = @_;
    my %wrong = (
        'a command that fails' => [sh => "true\nfalse\ntrue"],
        'a command that fails in a pipe' => [sh => 'false | cat'],
        'a variable that is not set' => [sh => 'echo $nobody_sets_this'],
        'a setting that is not there' => [ini => 'people_counter.alert_max_lagg = 5min'],
        'a setting with a wrong value' => [ini => 'max_connections = many'],
        'no setting at all' => [ini => '# nothing'],
        'a comma too many' => [json => '{"a": 1,}'],
        'no Python' => [python => 'def f(:'],
        'a reason without a suite' => [sh => 'true', 'it is too hard'],
        'a suite that is not there' => [sh => 'true', 'suite nonsense does'],
        'no reason' => [sh => 'true', ''],
        'a language that nobody reads' => [cobol => 'STOP RUN.'],
    );
    my @overlooked;
    for my $name (sort keys %wrong) {
        my ($language, $content, $reason) = @{ $wrong{$name} };
        my ($verdict) = check_block({ language => $language, content => $content, reason => $reason }, @places);
        push @overlooked, $name unless defined $verdict;
    }
    return @overlooked;
}

1;
