#!/usr/bin/perl
# What the kernel knows of a server.
#
#   process.pl cpu POSTMASTER        seconds of CPU of the server so far, of all its processes, gone ones included
#   process.pl memory PROCESS        follows a process to its end: its peak of private memory and swap, in bytes
use strict;
use warnings;
use POSIX       ();
use Time::HiRes ();

sub slurp {
    my ($file) = @_;
    open my $in, '<', $file or return;
    local $/;
    return scalar <$in>;
}

# The fields of /proc/PID/stat behind the name of the program, which may hold blanks: state is field 0, ppid 1.
sub stat_of {
    my ($pid) = @_;
    my $line = slurp("/proc/$pid/stat") // return;
    $line =~ s/.*\)\s+//s;
    return split ' ', $line;
}

sub cpu {
    my ($postmaster) = @_;
    my $ticks = 0;
    for my $directory (glob '/proc/[0-9]*') {
        my ($pid)  = $directory =~ /(\d+)/;
        my @fields = stat_of($pid) or next;
        $ticks += $fields[11] + $fields[12] if $fields[1] == $postmaster || $pid == $postmaster;
    }
    my @fields = stat_of($postmaster) or die "no process $postmaster\n";
    $ticks += $fields[13] + $fields[14];
    printf "%.2f\n", $ticks / POSIX::sysconf(POSIX::_SC_CLK_TCK());
    return;
}

sub memory {
    my ($pid) = @_;
    my $peak = 0;
    while (my $status = slurp("/proc/$pid/status")) {
        my $now = 0;
        $now += $_ * 1024 for $status =~ /^(?:RssAnon|VmSwap):\s+(\d+) kB/mg;
        $peak = $now if $now > $peak;
        Time::HiRes::sleep(0.02);
    }
    print "$peak\n";
    return;
}

my ($what, @arguments) = @ARGV;
if    (($what // '') eq 'cpu')    { cpu(@arguments) }
elsif (($what // '') eq 'memory') { memory(@arguments) }
else                              { die "process.pl cpu POSTMASTER | memory PROCESS\n" }
