# README.vi.md says what README.md says, as far as a program can tell: the same headings, blocks, tables, links and code.
package Readmes;
use strict;
use warnings;
use Exporter qw(import);
our @EXPORT_OK = qw(broken_links compare_readmes);

# parse(file): what can be compared; each a list of texts, in the order of the page.
sub parse {
    my ($file) = @_;
    my %page = map { $_ => [] } qw(headings blocks tables items links code);
    my ($fence, $content, $table);
    open my $in, '<', $file or die "$file: $!\n";
    while (my $line = <$in>) {
        if (defined $fence) {
            if ($line =~ /^```\s*$/) {
                push @{ $page{blocks} }, "$fence\n" . untranslated($fence, $content);
                undef $fence;
            } else {
                $content .= $line;
            }
            next;
        }
        if ($line =~ /^```(\w*)/) {
            ($fence, $content) = ($1, '');
            next;
        }
        if ($line =~ /^\|/) {
            push @{ $page{tables} }, '' unless defined $table;
            # Of a row: how many cells, and the digits of its numbers, which have other separators.
            my $digits = join ' ', map { tr/.,//dr } $line =~ /\d[\d.,]*/g;
            $table = $page{tables}[-1] .= ($line =~ tr/|//) . " columns: $digits\n";
        } else {
            undef $table;
        }
        push @{ $page{headings} }, $1 if $line =~ /^(#+) /;
        push @{ $page{items} },    $1 if $line =~ /^( *)\* /;
        # A picture may be in the language of the page.
        push @{ $page{links} }, map { s/\.vi\.png$/.png/r } grep { !/^README/ } $line =~ /\]\(([^)]+)\)/g;
        push @{ $page{code} }, $line =~ /`([^`]+)`/g;
    }
    # Another language has another order of words.
    @{ $page{$_} } = sort @{ $page{$_} } for qw(links code);
    return \%page;
}

sub untranslated {
    my ($language, $content) = @_;
    $content =~ s/ *# .*//g    if $language eq 'sh';
    $content =~ s/"[^"]*"/""/g if $language eq 'mermaid';
    return $content;
}

sub first_difference {
    my ($what, $of, $other) = @_;
    for my $i (0 .. ($#$of > $#$other ? $#$of : $#$other)) {
        my ($here, $there) = map { $_->[$i] // '(nothing)' } $of, $other;
        return "number " . ($i + 1) . " of the $what differs:\n$here\nbut\n$there" if $here ne $there;
    }
    return undef;
}

# compare_readmes(one, other): a list of [name of the test, what is wrong or undef].
sub compare_readmes {
    my @names = @_;
    my ($one, $other) = map { parse($_) } @names;
    my @results = map { ["both READMEs: $_", first_difference($_, $one->{$_}, $other->{$_})] } sort keys %$one;
    my @none = grep { !@{ $one->{$_} } } sort keys %$one;
    push @results, ['both READMEs have all of these', @none ? "no @none" : undef];
    push @results, ['numbers in Vietnamese have a decimal comma', points_in_vietnamese($names[1])];
    return @results;
}

# Of the table that is made by a program, without the versions of programs.
sub points_in_vietnamese {
    my ($file) = @_;
    open my $in, '<', $file or die "$file: $!\n";
    my $page = do { local $/; <$in> };
    my ($made) = $page =~ /<!-- bench:begin -->(.*)<!-- bench:end -->/s or return 'no table';
    $made =~ s/(?:PostgreSQL|people_counter) \d[\d.]*//g;
    return $made =~ /(.{0,40}\d\.\d(?!\d\d).{0,10})/ ? $1 : undef;
}

# broken_links(root, file): relative links to what is not there.
sub broken_links {
    my ($root, $file) = @_;
    open my $in, '<', "$root/$file" or die "$file: $!\n";
    my $page = do { local $/; <$in> };
    my $folder = $file =~ s{[^/]*$}{}r;
    return grep { !/^(?:\w+:|#)/ && !-e "$root/$folder" . s/#.*//r } $page =~ /\]\(([^)\s]+)\)/g;
}

1;
