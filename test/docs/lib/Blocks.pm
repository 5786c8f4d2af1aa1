# The fenced blocks of a page of Markdown.
package Blocks;
use strict;
use warnings;
use Exporter qw(import);
our @EXPORT_OK = qw(blocks_of slurp);

sub slurp {
    my ($file) = @_;
    open my $in, '<', $file or die "$file: $!\n";
    local $/;
    return <$in> // '';
}

# blocks_of(root, file): in order, each with its place ("docs/guide.md:12"), language and content; reason, if the line before it is a
# comment "not run: reason"; of sql, also expected, which is the block ```text that follows, if nothing but empty lines is between.
sub blocks_of {
    my ($root, $file) = @_;
    my (@blocks, $indent, $open, $reason, $expects);
    my $number = 0;
    for my $line (split /^/, slurp($file)) {
        ++$number;
        if ($open) {
            if ($line =~ /^\s*```\s*$/) {
                if ($open->{language} eq 'text' && $expects) {
                    $expects->{expected} = $open->{content};
                }
                $expects = $open->{language} eq 'sql' ? $open : undef;
                undef $open;
                undef $reason;
            } else {
                $open->{content} .= $line =~ s/^\Q$indent\E//r;    # in a list
            }
        } elsif ($line =~ /^(\s*)```(\w*)/) {
            $indent = $1;
            $open = { place => substr($file, length($root) + 1) . ":$number", language => $2, content => '', reason => $reason };
            push @blocks, $open;
        } elsif ($line =~ /\S/) {
            $reason = $line =~ /^\s*<!-- not run\b(?::\s*)?(.*?)\s*-->/ ? $1 : undef;
            undef $expects;
        }
    }
    die "$file: a block is not closed\n" if $open;
    return @blocks;
}

1;
