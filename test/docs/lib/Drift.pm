# What the documentation says of names and texts, against what there is.
package Drift;
use strict;
use warnings;
use Exporter qw(import);
use Blocks qw(slurp);
our @EXPORT_OK = qw(all_pages generated_pages named_settings quoted_texts);

my $database = 'reference';

# generated_pages(server, root): a list of [name of the test, what is wrong or undef], as all below. Leaves the database for those.
sub generated_pages {
    my ($server, $root) = @_;
    $server->psql('postgres', "CREATE DATABASE $database TEMPLATE template0");
    $server->psql($database, 'CREATE EXTENSION people_counter', 'CREATE EXTENSION people_counter_rest');
    local %ENV = (%ENV, $server->environment, PGOPTIONS => '');
    my @results;
    for my $page (['api.md', 'api_reference.sql'], ['reference.md', 'reference.sql']) {
        my ($name, $by) = @$page;
        my $made = qx(psql -XAtq -v ON_ERROR_STOP=1 -d $database -f '$root/docs/$by');
        my $why = $? ? "docs/$by failed" : $made eq slurp("$root/docs/$name") ? undef : "psql -XAtq -f docs/$by makes another one";
        push @results, ["docs/$name is what docs/$by makes", $why];
    }
    return @results;
}

# all_pages(root): docs/README.md has them.
sub all_pages {
    my ($root) = @_;
    my $page = slurp("$root/docs/README.md");
    my @missing = grep { $_ ne 'README.md' && $page !~ /\]\(\Q$_\E[)#]/ } map { m{([^/]*)$} } glob "$root/docs/*.md";
    return ['docs/README.md leads to every page', @missing ? "not to @missing" : undef];
}

# named_settings(server, root, file...): docs/configuring.md names every setting, and no page one that is not there.
sub named_settings {
    my ($server, $root, @files) = @_;
    my $page = slurp("$root/docs/configuring.md");
    my %is_setting = map { $_ => 1 } $server->psql($database, q(SELECT name FROM pg_settings WHERE name LIKE 'people_counter.%'));
    my @rows = $server->psql($database, q(SELECT config_key FROM system_config WHERE origin = 'shipped'));
    my @variables = slurp("$root/docker/env.example") =~ /^#?([A-Z][A-Z0-9_]*)=/mg;
    push @variables, slurp("$root/docker/gateway/defaults.envsh") =~ /"\$\{((?:API|GATEWAY|POSTGREST)_[A-Z_]+):-/g;
    my $missing = sub { join(' ', grep { $page !~ /`\Q$_\E`/ } @_) || undef };
    my @unknown;
    for my $file (@files) {
        push @unknown, map { "$_ in $file" } grep { !$is_setting{$_} } slurp($file) =~ /\b(people_counter\.(?:alert|delivery|stream)_\w*\w)(?![*\w.])/g;
    }
    return (['docs/configuring.md names every setting of the server', %is_setting ? $missing->(sort keys %is_setting) : 'there is none'],
            ['docs/configuring.md names every row of system_config', @rows ? $missing->(@rows) : 'there is none'],
            ['docs/configuring.md names every variable of the containers and the gateway', @variables > 60 ? $missing->(@variables) : 'there are few'],
            ['every setting that a page names is there', @unknown ? "@unknown" : undef]);
}

# What the sources and the programs of PostgreSQL have in them; literals of C++ that go on in the next line are put together.
sub all_texts {
    my ($root) = @_;
    my @sources = split /\0/, qx(find '$root/src' '$root/sql' '$root/docker' '$root/scripts' '$root/dashboard/js' -type f -print0);
    my $ours = join "\n", map { slurp($_) } @sources;
    $ours =~ s/"\s*\n\s*"//g;
    $ours =~ s/\\"/"/g;
    chomp(my ($programs, $libraries) = (scalar qx(pg_config --bindir), scalar qx(pg_config --libdir)));
    my @programs = grep { -e } map { "$programs/$_" } qw(postgres psql pg_dump pg_restore pg_upgrade pg_ctl);
    return join "\n", $ours, map { slurp($_) } @programs, glob "$libraries/libpq.so.5";
}

# quoted_texts(root, file): in the first column of the tables of a page, what is in `...` is what somebody is told. It must be in our
# sources or in PostgreSQL; a … stands for what differs, names in "..." too.
sub quoted_texts {
    my ($root, $file) = @_;
    my $all = all_texts($root);
    my ($count, @unknown) = (0);
    for my $line (split /\n/, slurp($file)) {
        my ($cell) = $line =~ /^\| (.*?) \|/ or next;
        for my $text ($cell =~ /`([^`]+)`/g) {
            my @parts = grep { length > 3 } map { s/^\s+|\s+$//gr } split /…/, $text;
            ++$count;
            push @unknown, $text if !@parts || grep { index($all, $_) < 0 } @parts;
        }
    }
    my ($name) = $file =~ m{([^/]*)$};
    return ["the messages that docs/$name explains are those of the programs",
            $count < 40 ? "only $count found" : @unknown ? join("\n", 'not found:', @unknown) : undef];
}

1;
