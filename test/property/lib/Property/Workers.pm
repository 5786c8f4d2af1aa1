package Property::Workers;

# Runs closures in processes of their own and brings their results back.

use v5.26;
use warnings;
use feature 'signatures';
no warnings 'experimental::signatures';

use Exporter 'import';
use Storable ();

our @EXPORT_OK = qw(in_parallel);

# Each closure returns a hash reference. One that dies returns { failures => [why] }.
sub in_parallel (@closures) {
    my (@pipes, @pids);
    for my $closure (@closures) {
        pipe my $read, my $write or die "pipe: $!";
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            CORE::close($read);
            my $result = eval { $closure->() } // { failures => [ 'a worker died: ' . ($@ || 'without a word') ] };
            binmode $write;
            print {$write} Storable::freeze($result);
            CORE::close($write);
            exit 0;
        }
        CORE::close($write);
        push @pipes, $read;
        push @pids,  $pid;
    }
    local ($SIG{INT}, $SIG{TERM}) = (sub ($s) { kill TERM => @pids; exit 130 }) x 2;
    my @results;
    for my $pipe (@pipes) {
        local $/;
        binmode $pipe;
        my $frozen = <$pipe>;
        push @results, length($frozen // '') ? Storable::thaw($frozen) : { failures => ['a worker ended without a result'] };
    }
    waitpid $_, 0 for @pids;
    return @results;
}

1;
