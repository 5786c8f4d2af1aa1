#!/usr/bin/perl
# Makes the table of what was measured.
#
#   report.pl [--complete] [--into README] en|vi NUMBERS FACTS
#
# NUMBERS: lines "figure, reference, measured", one a pair; FACTS: lines "name, text"; both separated by tabs. --into puts
# the table between the lines <!-- bench:begin --> and <!-- bench:end --> of that file. --complete: no row may be missing.
use strict;
use warnings;
use utf8;
use open qw(:std :encoding(UTF-8));

my $complete = @ARGV && $ARGV[0] eq '--complete' ? shift : undef;
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
    millis   => sub { number($_[0] / 1000, 1) . ' ms' },
    ratio    => sub { number($_[0], 2) },
);
my @bare     = ('bare table', 'bảng trần');
my @in_order = ('in order',   'đúng thứ tự');
my @idle     = ('idle server', 'máy chủ rảnh');
my @without  = ('without', 'khi không có');
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
    ['alert_p50', 'From the commit of a movement to the commit of its alert, busy server, 100 rules: half of 1,000 within',
        'Từ commit của lượt đến commit của cảnh báo, máy chủ bận, 100 quy tắc: một nửa trong 1.000 lần không quá', \@idle,
        'millis', 'measured_at_most', 10_000],
    ['alert_p99', '– 99 of 100 within', '– 99 trên 100 lần không quá', \@idle, 'millis', 'measured_at_most', 50_000],
    ['alert_ingest', 'One movement a transaction, of the bare table, with the alert worker and 100 active rules',
        'Mỗi giao dịch một lượt, so với bảng trần, khi có tiến trình cảnh báo và 100 quy tắc đang bật', \@without, 'ratio',
        'below_at_most', 0.05],
    ['alert_idle', 'CPU time of an idle server in a minute, with the alert worker',
        'Thời gian CPU của máy chủ rảnh trong một phút, khi có tiến trình cảnh báo', \@without, 'millis'],
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

sub percent { return number($_[0], $_[1] // 0) . ' %' }

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
    elsif ($goal eq 'below_at_most') {
        my $below = median(map { $_->[0] - $_->[1] } @$pairs);
        ($target, $met) = (say_in('less by ≤ ', 'giảm ≤ ') . number($bound, 2), $below <= $bound);
    }
    elsif ($goal eq 'above_at_most') {
        my @above = sort { $a <=> $b } map { $_->[1] - $_->[0] } @$pairs;
        $ratio_text = '+' . $unit{$unit}->($measured - $base);
        $ratio_text .= sprintf ' (%s–%s)', map { $unit{$unit}->($_) } @above[0, -1] if @above > 1;
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
my @missing = map { $_->[0] } grep { !$pairs{ $_->[0] } } @figures;
die "not measured: @missing\n" if $complete && @missing;
for my $figure (@figures) {
    $text .= row($figure, $pairs{ $figure->[0] }) if $pairs{ $figure->[0] };
}
$text = '' unless %pairs;
$text .= "\n" if %pairs;
my $memory = number($facts{memory_gb}, 0);
$text .= say_in(
    "$facts{cpu}, $facts{cores} cores, $memory GB of memory; $facts{versions}. ",
    "$facts{cpu}, $facts{cores} nhân, bộ nhớ $memory GB; $facts{versions}. ");
if (%pairs) {
    my @fewer = $facts{memory_pairs} ? (say_in("memory: $facts{memory_pairs}", "bộ nhớ: $facts{memory_pairs}")) : ();
    push @fewer, say_in('disk: one load', 'dung lượng đĩa: một lần nạp') if $pairs{bytes};
    my $fewer = @fewer ? ' (' . join('; ', @fewer) . ')' : '';
    $text .= say_in(
        "$facts{pairs} pair" . ($facts{pairs} == 1 ? '' : 's') . " in alternation$fewer, $facts{slice} s each where time is fixed. ",
        "$facts{pairs} cặp đo xen kẽ$fewer, mỗi lần $facts{slice} giây nếu đo theo thời gian. ");
}
$text .= say_in(
    "Server: $facts{settings}; synchronous_commit is off except with the eight clients.\n",
    "Máy chủ: $facts{settings}; synchronous_commit tắt, trừ phép đo với tám client.\n");
$text .= contended() if $pairs{contended};
$text .= bytes()     if $facts{bytes_parts};
$text .= alternatives() if $facts{alternative_as_it_is};

# What the eight clients did, without a guess at the reasons.
sub contended {
    my ($eight, $alone) = map { number(median(map { $_->[1] } @{ $pairs{$_} }), 0) } qw(contended contended_alone);
    my ($bare, $ours) = map { my $side = $_; number(median(map { $_->[$side] } @{ $pairs{contended_flushes} }), 2) } 0, 1;
    my $one   = number(median(map { $_->[1] } @{ $pairs{contended_alone_flushes} }), 2);
    my $apart = number(median(map { $_->[1] } @{ $pairs{contended_apart_flushes} }), 2);
    my @waits = map { [split /=/] } split / /, $facts{waits} // '';
    my $samples = 0;
    $samples += $_->[1] for @waits;
    my $waits = join ', ', map {
        ($_->[0] eq 'none:' ? say_in('none', 'không chờ') : $_->[0]) . ' ' . percent(100 * $_->[1] / $samples)
    } grep { $_->[1] >= 0.01 * $samples } @waits;
    $samples = number($samples, 0);
    return "\n" . say_in(
        "Eight clients on one session, as measured: $eight movements a second, one client alone $alone. Flushes of the WAL "
            . "for each commit: $ours; in the bare table $bare, one client alone $one, eight clients on 64 sessions $apart. "
            . "What busy backends waited for, in $samples samples: $waits. The row of the session in `session_statistics` is "
            . "locked from the statement to the end of the commit, so the commits of one session come one after another; "
            . "movements of one transaction share its flush.\n",
        "Tám client trên một phiên, theo số đo: $eight lượt mỗi giây, một client $alone. Số lần ghi WAL xuống đĩa cho mỗi "
            . "commit: $ours; bảng trần $bare, một client $one, tám client trên 64 phiên $apart. Tiến trình bận chờ gì, trong "
            . "$samples mẫu: $waits. Dòng của phiên trong `session_statistics` bị khoá từ câu lệnh đến hết commit, nên các commit "
            . "của một phiên nối tiếp nhau; các lượt trong một giao dịch dùng chung một lần ghi.\n");
}

# Where the bytes are, and how full the pages of the key.
sub bytes {
    my @parts = map { [split /=/] } split / /, $facts{bytes_parts};
    my %part  = map { $_->[0] => $_->[1] } @parts;
    my $rest  = 0;
    $rest += $_->[1] for grep { $_->[0] !~ /^people_movements/ } @parts;
    my $fill = sub { defined $_[0] && length $_[0] ? say_in(', in leaf pages ' . percent($_[0]) . ' full',
                                                            ', trong các trang lá đầy ' . percent($_[0])) : '' };
    my $tuple = $facts{bytes_tuple} ? number($facts{bytes_tuple}, 1) : undef;
    my ($movements, $heap, $key, $again) = (number($facts{bytes_movements}, 0), map { number($_, 1) }
        $part{people_movements}, $part{people_movements_pkey}, $facts{bytes_reindexed_key});
    my $statistics = number($rest, 1);
    my $list = join ', ', map { "$_->[0] " . number($_->[1], 1) } @parts;
    my ($full, $full_again) = map { $fill->($facts{$_}) } qw(bytes_fill bytes_reindexed_fill);
    return "\n" . say_in(
        "What the bytes of a movement are, of $movements movements: $heap in the table ("
            . ($tuple ? "a row of $tuple, 4 for its line pointer, and page headers" : 'row, line pointer, page headers')
            . "); $key in the primary key (an entry of 52: 8 of header, 40 of session, time and id, 4 of line pointer$full); "
            . "$statistics in the statistics with their indexes. After REINDEX the key takes $again$full_again. "
            . "By table and index, before it: $list.\n",
        "Số byte của một lượt, với $movements lượt: $heap trong bảng ("
            . ($tuple ? "một dòng $tuple, con trỏ dòng 4, và đầu trang" : 'dòng, con trỏ dòng, đầu trang')
            . "); $key trong khoá chính (một mục 52: phần đầu 8, phiên, thời điểm và id 40, con trỏ 4$full); $statistics trong các "
            . "bảng thống kê cùng chỉ mục của chúng. Sau REINDEX, khoá chiếm $again$full_again. Theo bảng và chỉ mục, trước "
            . "REINDEX: $list.\n");
}

# The bare table with another key, or with maintenance. Printed only.
sub alternatives {
    my %name = (
        as_it_is   => '(session_id, movement_time, id), as it is',
        hourly     => '– the same, REINDEX after each hour',
        time_first => '(movement_time, session_id, id)',
    );
    my $table = "\n| key of the bare table | bytes a movement | of these the key | leaf pages full | load | pages for an hour of "
        . "one session |\n| --- | --- | --- | --- | --- | --- |\n";
    for my $alternative (qw(as_it_is hourly time_first)) {
        my ($bytes, $key, $fill, $seconds, $pages) = split /;/, $facts{"alternative_$alternative"};
        $table .= sprintf "| %s | %s | %s | %s | %s s | %s |\n", $name{$alternative}, number($bytes, 1), number($key, 1),
            length $fill ? percent($fill) : '', number($seconds, 1), $pages;
    }
    return "$table\nOf " . number($facts{bytes_movements}, 0) . " movements, loaded as for `bytes`.\n";
}

if (!defined $into) {
    print $text;
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
