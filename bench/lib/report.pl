#!/usr/bin/perl
# Makes the table of what was measured.
#
#   report.pl [--into README] en|vi NUMBERS FACTS
#
# NUMBERS: lines "figure, reference, measured", one a pair; FACTS: lines "name, text"; both separated by tabs. --into puts
# the table between the lines <!-- bench:begin --> and <!-- bench:end --> of that file.
use strict;
use warnings;
use utf8;
use open qw(:std :encoding(UTF-8));

my $into = @ARGV && $ARGV[0] eq '--into' ? (splice @ARGV, 0, 2)[1] : undef;
my ($language, $numbers_file, $facts_file) = @ARGV;
my $english = $language eq 'en';
sub say_in { my ($en, $vi) = @_; return $english ? $en : $vi }

# A figure: what, reference, unit, and the target as (which number, bound).
my %unit = (
    rate     => sub { say_in(number($_[0], 0) . '/s',     number($_[0], 0) . '/s') },
    cpu_rate => sub { say_in(number($_[0], 0) . '/CPU s', number($_[0], 0) . '/s CPU') },
    micros   => sub { number($_[0], $_[0] < 10 ? 2 : $_[0] < 100 ? 1 : 0) . ' µs' },
    bytes    => sub { say_in(number($_[0], 1) . ' bytes', number($_[0], 1) . ' byte') },
    memory   => sub { number($_[0] / 2**20, 0) . ' MB' },
);
my @bare     = ('bare table', 'bảng trần');
my @in_order = ('in order',   'đúng thứ tự');
my @small    = ('at 10,000 movements', 'khi có 10.000 lượt');
my @figures  = (
    ['single', 'One movement a transaction, 4 clients, 64 sessions', 'Mỗi giao dịch một lượt qua, 4 client, 64 phiên',
        \@bare, 'rate', 'at_least', 0.80],
    ['single_cpu', '– by CPU time of the server', '– theo thời gian CPU của máy chủ', \@bare, 'cpu_rate'],
    ['plpgsql', '– for comparison: counts only, by a PL/pgSQL statement trigger',
        '– để so sánh: chỉ đếm, bằng trigger PL/pgSQL theo câu lệnh', \@bare, 'rate'],
    ['plpgsql_cpu', '– the same by CPU time of the server', '– như trên, theo thời gian CPU của máy chủ', \@bare, 'cpu_rate'],
    ['copy', '1,000,000 rows by COPY, 64 sessions interleaved', '1.000.000 dòng bằng COPY, 64 phiên xen kẽ', \@bare, 'rate',
        'at_least', 0.90],
    ['copy_cpu', '– by CPU time of the server', '– theo thời gian CPU của máy chủ', \@bare, 'cpu_rate'],
    ['memory', '10,000,000 rows by COPY: peak memory of the backend', '10.000.000 dòng bằng COPY: bộ nhớ cao nhất của tiến trình',
        \@bare, 'memory', 'above_at_most', 256 * 2**20],
    ['contended', 'Eight clients on one and the same session, each commit flushed',
        'Tám client trên cùng một phiên, mỗi commit được ghi xuống đĩa', \@bare, 'rate'],
    ['contended_cpu', '– by CPU time of the server', '– theo thời gian CPU của máy chủ', \@bare, 'cpu_rate'],
    ['contended_alone', '– for comparison: one client alone', '– để so sánh: chỉ một client', \@bare, 'rate'],
    ['contended_apart', '– for comparison: eight clients on 64 sessions', '– để so sánh: tám client trên 64 phiên', \@bare,
        'rate'],
    ['late', '10,000 late movements into yesterday, 2,000 movements an hour: cost of one',
        '10.000 lượt đến muộn vào ngày hôm qua, 2.000 lượt mỗi giờ: chi phí một lượt', \@in_order, 'micros', 'at_most', 5],
    ['late_cpu', '– by CPU time of the server', '– theo thời gian CPU của máy chủ', \@in_order, 'micros'],
    ['query_current', 'calculate_current_people_inside at 10,000,000 movements, one call',
        'calculate_current_people_inside khi có 10.000.000 lượt, một lần gọi', \@small, 'micros', 'at_most', 1.3],
    ['query_overview', 'current_session_overview at 10,000,000 movements',
        'current_session_overview khi có 10.000.000 lượt', \@small, 'micros', 'at_most', 1.3],
    ['query_day_of_one', 'A day of hourly_analytics of one session at 10,000,000 movements',
        'Một ngày của hourly_analytics của một phiên khi có 10.000.000 lượt', \@small, 'micros', 'at_most', 1.3],
    ['query_day_of_all', 'A day of hourly_analytics of all 64 sessions at 10,000,000 movements',
        'Một ngày của hourly_analytics của cả 64 phiên khi có 10.000.000 lượt', \@small, 'micros', 'at_most', 1.3],
    ['bytes', 'Disk for a movement, all indexes and statistics included',
        'Dung lượng đĩa cho một lượt, gồm mọi chỉ mục và thống kê', \@bare, 'bytes', 'measured_at_most', 190],
    ['bytes_reindexed', '– after REINDEX of people_movements', '– sau khi REINDEX people_movements', \@bare, 'bytes'],
);

sub number {
    my ($value, $decimals) = @_;
    my $text = sprintf '%.*f', $decimals, $value;
    1 while $text =~ s/^(\d+)(\d{3})/$1,$2/;
    $text =~ tr/.,/,./ unless $english;
    return $text;
}

sub median {
    my @sorted = sort { $a <=> $b } @_;
    my $middle = int(@sorted / 2);
    return @sorted % 2 ? $sorted[$middle] : ($sorted[$middle - 1] + $sorted[$middle]) / 2;
}

sub read_tabbed {
    my ($file) = @_;
    open my $in, '<', $file or die "$file: $!\n";
    my @rows = map { chomp; [split /\t/, $_, -1] } <$in>;
    return @rows;
}

sub row {
    my ($figure, $pairs) = @_;
    my ($name, $en, $vi, $reference, $unit, $goal, $bound) = @$figure;
    my @ratios     = sort { $a <=> $b } map { $_->[1] / $_->[0] } @$pairs;
    my $base       = median(map { $_->[0] } @$pairs);
    my $measured   = median(map { $_->[1] } @$pairs);
    my $ratio      = median(@ratios);
    my $ratio_text = number($ratio, 2);
    $ratio_text .= sprintf ' (%s–%s)', number($ratios[0], 2), number($ratios[-1], 2) if @ratios > 1;
    my ($target, $met) = ('', '');
    if    (!defined $goal)              { }
    elsif ($goal eq 'at_least')         { ($target, $met) = ('≥ ' . number($bound, 2), $ratio >= $bound) }
    elsif ($goal eq 'at_most')          { ($target, $met) = ('≤ ' . number($bound, $bound == int $bound ? 0 : 1), $ratio <= $bound) }
    elsif ($goal eq 'measured_at_most') { ($target, $met) = ('≤ ' . $unit{$unit}->($bound), $measured <= $bound) }
    elsif ($goal eq 'above_at_most') {
        $ratio_text = '+' . $unit{$unit}->($measured - $base);
        ($target, $met) = ('≤ +' . $unit{$unit}->($bound), $measured - $base <= $bound);
    }
    $target .= ': ' . ($met ? say_in('met', 'đạt') : say_in('**missed**', '**không đạt**')) if defined $goal;
    return sprintf "| %s | %s: %s | %s | %s | %s |\n", say_in($en, $vi), say_in(@$reference), $unit{$unit}->($base),
        $unit{$unit}->($measured), $ratio_text, $target;
}

my %facts = map { $_->[0] => $_->[1] } read_tabbed($facts_file);
my %pairs;
push @{ $pairs{ $_->[0] } }, [@$_[1, 2]] for read_tabbed($numbers_file);

my $text = '';
$text .= "Small sizes and short runs: these numbers only show that the measurement works.\n\n" if $facts{quick};
$text .= say_in(
    "| | compared with | measured | ratio: median (lowest–highest) | target |\n",
    "| | so với | đo được | tỉ lệ: trung vị (thấp nhất–cao nhất) | mục tiêu |\n");
$text .= "| --- | --- | --- | --- | --- |\n";
for my $figure (@figures) {
    $text .= row($figure, $pairs{ $figure->[0] }) if $pairs{ $figure->[0] };
}
$text .= "\n" . say_in(
    "$facts{machine}. $facts{pairs} pairs in alternation, $facts{slice} s each where time is fixed. Server: $facts{settings}; "
        . "synchronous_commit is off except with the eight clients.\n",
    "$facts{machine}. $facts{pairs} cặp đo xen kẽ, mỗi lần $facts{slice} giây nếu đo theo thời gian. Máy chủ: $facts{settings}; "
        . "synchronous_commit tắt, trừ phép đo với tám client.\n");
if ($pairs{contended}) {
    my ($eight, $alone) = map { median(map { $_->[1] } @{ $pairs{$_} }) } qw(contended contended_alone);
    my $less = $eight < 0.9 * $alone;
    ($eight, $alone) = map { number($_, 0) } $eight, $alone;
    $text .= "\n" . say_in(
        "What bounds eight clients on one session: its row in `session_statistics` is locked from the statement to the end "
            . "of the commit, so the transactions of one session come one after another, each with a flush of its own, while "
            . "the bare table and different sessions share flushes (group commit). Eight clients reach $eight/s, one alone "
            . "$alone/s; in $facts{waits_lock} of 100 samples a busy backend waited for a lock. Several movements a "
            . "transaction share a flush."
            . ($less ? " That eight reach less than one alone is not the flush: movements overtake one another while they wait "
                . "for the lock, and the hour of one that is too late to be appended is read again." : '') . "\n",
        "Điều giới hạn tám client trên một phiên: dòng của phiên trong `session_statistics` bị khóa từ câu lệnh đến hết commit, "
            . "nên các giao dịch của một phiên nối tiếp nhau, mỗi giao dịch một lần ghi xuống đĩa, trong khi bảng trần và các "
            . "phiên khác nhau ghi gộp (group commit). Tám client đạt $eight/s, một client đạt $alone/s; trong 100 mẫu có "
            . "$facts{waits_lock} mẫu tiến trình đang chờ khóa. Nhiều lượt trong một giao dịch dùng chung một lần ghi."
            . ($less ? " Tám client chậm hơn một client không phải do ghi đĩa: các lượt vượt nhau trong khi chờ khóa, và giờ của "
                . "lượt đến quá muộn để nối thêm phải được đọc lại." : '') . "\n");
}
$text .= "\n" . say_in(
    'Bytes a movement, by table and index, before the REINDEX, of ' . number($facts{bytes_movements}, 0) . ' movements',
    'Số byte mỗi lượt theo bảng và chỉ mục, trước khi REINDEX, với ' . number($facts{bytes_movements}, 0) . ' lượt')
    . ": $facts{bytes_parts}.\n" if $facts{bytes_parts};

if (!defined $into) {
    print $english && !$facts{quick} ? "# Results\n\nMade by `bench/run`; how to read it: [README.md](README.md).\n\n$text" : $text;
    exit 0;
}
open my $in, '<', $into or die "$into: $!\n";
my $page = do { local $/; <$in> };
close $in;
$page =~ s/(<!-- bench:begin -->\n).*?(<!-- bench:end -->)/$1$text$2/s
    or die "$into has no lines <!-- bench:begin --> and <!-- bench:end -->\n";
open my $out, '>', $into or die "$into: $!\n";
print {$out} $page;
close $out or die "$into: $!\n";
