#include "core/iso_time.hpp"
#include "support.hpp"

#include <cinttypes>
#include <optional>

namespace people_counter::core {
namespace {

using test::clock;
using test::kDayLength;
using test::kMinute;
using test::kUsecs;
using test::Random;
using test::utc;

struct Read {
    Micros local;
    std::optional<Micros> offset;

    bool operator==(const Read &) const = default;
};

void PrintTo(const Read &read, std::ostream *out) {
    *out << read.local << (read.offset ? " offset " + std::to_string(*read.offset) : " without offset");
}

std::optional<Read> read(std::string_view text) {
    IsoTime time{-1, -1, true};
    if (!parse_iso_time(text, time)) {
        return std::nullopt;
    }
    return Read{time.local, time.has_offset ? std::optional{time.offset} : std::nullopt};
}

constexpr auto kNone = std::nullopt;
const Micros kMorning = utc(2026, 11, 26, 8, 30);

int last_day(int year, int month) {
    const bool leap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
    const int days[] = {31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1];
}

TEST(IsoTime, TakesEveryForm) {
    EXPECT_EQ(read("2026-11-26T08:30"), (Read{kMorning, kNone}));
    EXPECT_EQ(read("2026-11-26t08:30"), (Read{kMorning, kNone}));
    EXPECT_EQ(read("2026-11-26 08:30"), (Read{kMorning, kNone}));
    EXPECT_EQ(read("2026-11-26T08:30:05"), (Read{kMorning + 5 * kUsecs, kNone}));
    EXPECT_EQ(read("2026-11-26T08:30:05.25"), (Read{kMorning + 5'250'000, kNone}));
    EXPECT_EQ(read("2026-11-26T08:30:05,25"), (Read{kMorning + 5'250'000, kNone}));
    EXPECT_EQ(read("2026-11-26T08:30Z"), (Read{kMorning, 0}));
    EXPECT_EQ(read("2026-11-26T08:30:00z"), (Read{kMorning, 0}));
    EXPECT_EQ(read("2026-11-26T08:30:00.000001+07"), (Read{kMorning + 1, clock(7)}));
    EXPECT_EQ(read("2026-11-26T08:30:00+0730"), (Read{kMorning, clock(7, 30)}));
    EXPECT_EQ(read("2026-11-26T08:30:00+07:30"), (Read{kMorning, clock(7, 30)}));
    EXPECT_EQ(read("2026-11-26T08:30:00-03:30"), (Read{kMorning, -clock(3, 30)}));
    EXPECT_EQ(read("2026-11-26T08:30-00:00"), (Read{kMorning, 0}));
    EXPECT_EQ(read("2026-11-26T08:30+15:59"), (Read{kMorning, clock(15, 59)}));
    EXPECT_EQ(read("2026-11-26T08:30-15:59"), (Read{kMorning, -clock(15, 59)}));
}

TEST(IsoTime, KnowsTheInstant) {
    IsoTime time;
    ASSERT_TRUE(parse_iso_time("2026-11-26T08:30:00.25+07:00", time));
    EXPECT_EQ(time.instant(), utc(2026, 11, 26, 1, 30) + 250'000);
    ASSERT_TRUE(parse_iso_time("2026-12-31T20:00:00-05:00", time));
    EXPECT_EQ(time.instant(), utc(2027, 1, 1, 1));
}

TEST(IsoTime, ForgetsWhatItReadBefore) {
    IsoTime time;
    ASSERT_TRUE(parse_iso_time("2026-11-26T08:30+07:00", time));
    ASSERT_TRUE(parse_iso_time("2026-11-26T08:30", time));
    EXPECT_FALSE(time.has_offset);
    EXPECT_EQ(time.offset, 0);
}

// Every day of the years 1 to 3999, counted one by one, and days that no month has.
TEST(IsoTime, KnowsEveryDay) {
    Micros expected = utc(2000, 1, 1);
    for (int year = 2000; year < 4000; ++year) {
        for (int month = 1; month <= 12; ++month) {
            const int last = last_day(year, month);
            for (int day = 0; day <= 32; ++day) {
                char text[32];
                std::snprintf(text, sizeof text, "%04d-%02d-%02dT00:00", year, month, day);
                if (day < 1 || day > last) {
                    ASSERT_EQ(read(text), kNone) << text;
                    continue;
                }
                ASSERT_EQ(read(text), (Read{expected, kNone})) << text;
                expected += kDayLength;
            }
        }
    }
    expected = utc(2000, 1, 1);
    for (int year = 1999; year >= 1; --year) {
        for (int month = 12; month >= 1; --month) {
            for (int day = last_day(year, month); day >= 1; --day) {
                expected -= kDayLength;
                char text[32];
                std::snprintf(text, sizeof text, "%04d-%02d-%02dT00:00", year, month, day);
                ASSERT_EQ(read(text), (Read{expected, kNone})) << text;
            }
        }
    }
    // The server's year 1 begins here, too.
    EXPECT_EQ(expected, -730'119 * kDayLength);
}

TEST(IsoTime, HasLeapDaysWhereTheyAre) {
    for (const int year : {4, 1600, 1996, 2000, 2024, 2400, 9996}) {
        char text[32];
        std::snprintf(text, sizeof text, "%04d-02-29T12:00", year);
        EXPECT_TRUE(read(text).has_value()) << text;
    }
    for (const int year : {1, 100, 1900, 2023, 2100, 2200, 2300, 9900, 9999}) {
        char text[32];
        std::snprintf(text, sizeof text, "%04d-02-29T12:00", year);
        EXPECT_EQ(read(text), kNone) << text;
    }
}

TEST(IsoTime, IsOfTheYears1To9999) {
    EXPECT_EQ(read("0000-12-31T00:00"), kNone);
    EXPECT_TRUE(read("0001-01-01T00:00").has_value());
    EXPECT_EQ(read("9999-12-31T23:59:59.999999"), (Read{2'921'940 * kDayLength - 1, kNone}));
    EXPECT_EQ(read("10000-01-01T00:00"), kNone);
    EXPECT_EQ(read("-001-01-01T00:00"), kNone);
    EXPECT_EQ(read("+2026-01-01T00:00"), kNone);
    EXPECT_EQ(read("26-01-01T00:00"), kNone);
}

TEST(IsoTime, HasMidnightAtBothEnds) {
    const Micros midnight = utc(2026, 11, 27);
    EXPECT_EQ(read("2026-11-26T24:00"), (Read{midnight, kNone}));
    EXPECT_EQ(read("2026-11-26T24:00:00.000000Z"), (Read{midnight, 0}));
    EXPECT_EQ(read("2026-12-31T24:00:00"), (Read{utc(2027, 1, 1), kNone}));
    EXPECT_EQ(read("2024-02-28T24:00:00"), (Read{utc(2024, 2, 29), kNone}));
    EXPECT_EQ(read("2026-11-26T24:00:00.000001"), kNone);
    EXPECT_EQ(read("2026-11-26T24:00:01"), kNone);
    EXPECT_EQ(read("2026-11-26T24:01"), kNone);
    EXPECT_EQ(read("2026-11-26T25:00"), kNone);
}

TEST(IsoTime, TakesALeapSecondForTheNextMinute) {
    EXPECT_EQ(read("2016-12-31T23:59:60Z"), (Read{utc(2017, 1, 1), 0}));
    EXPECT_EQ(read("2016-06-30T23:58:60"), (Read{utc(2016, 6, 30, 23, 59), kNone}));
    EXPECT_EQ(read("2016-06-30T12:30:60.5"), (Read{utc(2016, 6, 30, 12, 31) + 500'000, kNone}));
    EXPECT_EQ(read("2016-12-31T23:59:61"), kNone);
    EXPECT_EQ(read("2016-12-31T23:60:00"), kNone);
    EXPECT_EQ(read("2016-12-31T23:59:60.5"), kNone);  // past the end of the day
}

TEST(IsoTime, RoundsAtTheSixthDigit) {
    const auto fraction = [](const char *digits) {
        const auto time = read(std::string{"2026-11-26T08:30:00."} + digits);
        return time ? time->local - kMorning : -1;
    };
    EXPECT_EQ(fraction("1"), 100'000);
    EXPECT_EQ(fraction("000001"), 1);
    EXPECT_EQ(fraction("123456"), 123'456);
    EXPECT_EQ(fraction("1234564"), 123'456);
    EXPECT_EQ(fraction("1234565"), 123'457);
    EXPECT_EQ(fraction("12345649999999999"), 123'456);
    EXPECT_EQ(fraction("0000004"), 0);
    EXPECT_EQ(fraction("9999994"), 999'999);
    EXPECT_EQ(fraction("9999995"), 1'000'000);  // carries into the second
    EXPECT_EQ(fraction(("25" + std::string(5000, '0')).c_str()), 250'000);
    EXPECT_EQ(fraction(""), -1);
    EXPECT_EQ(read("2026-12-31T23:59:59.9999999"), (Read{utc(2027, 1, 1), kNone}));
}

TEST(IsoTime, RefusesGarbage) {
    for (const char *text : {"",
                             " ",
                             "now",
                             "infinity",
                             "-infinity",
                             "epoch",
                             "today",
                             "2026",
                             "2026-11",
                             "2026-11-26",
                             "20261126T083000",
                             "2026-11-26T",
                             "2026-11-26T8:30",
                             "2026-11-26T08",
                             "2026-11-26T08:",
                             "2026-11-26T08:3",
                             "2026-11-26T08:30:",
                             "2026-11-26T08:30:5",
                             "2026-11-26T08:30:05.",
                             "2026-11-26T08:30:05.Z",
                             "2026-11-26T08:30:05,",
                             "2026-11-26  08:30",
                             "2026-11-26_08:30",
                             " 2026-11-26T08:30",
                             "2026-11-26T08:30 ",
                             "2026-11-26T08:30 Z",
                             "2026-11-26T08:30ZZ",
                             "2026-11-26T08:30Z+01",
                             "2026-11-26T08:30+",
                             "2026-11-26T08:30-",
                             "2026-11-26T08:30+7",
                             "2026-11-26T08:30+07:",
                             "2026-11-26T08:30+07:3",
                             "2026-11-26T08:30+073",
                             "2026-11-26T08:30+07:60",
                             "2026-11-26T08:30+16:00",
                             "2026-11-26T08:30-16:00",
                             "2026-11-26T08:30+99:99",
                             "2026-11-26T08:30+07:30:00",
                             "2026-11-26T08:30+-7:00",
                             "2026-11-26T08:30UTC",
                             "2026-11-26T08:30 Asia/Saigon",
                             "2026-00-26T08:30",
                             "2026-13-26T08:30",
                             "2026/11/26T08:30",
                             "2026-11-26T08.30",
                             "2026-11-26T-1:30",
                             "2026-11-26T08:-1",
                             "26.11.2026 08:30",
                             "2026-W48-4T08:30",
                             "2026-330T08:30",
                             "1764146200",
                             "1e9",
                             "2026-11-26T08:30:05.1e5",
                             "2026-11-26T08:30:0x5",
                             "２０２６-11-26T08:30",
                             "2026-11-26T08:30:00−07:00",
                             "2026-11-26T08:30BC"}) {
        EXPECT_EQ(read(text), kNone) << text;
    }
}

TEST(IsoTime, RefusesAnEmbeddedNul) {
    const std::string text = "2026-11-26T08:30:00+07:00";
    for (std::size_t at = 0; at <= text.size(); ++at) {
        std::string with = text;
        with.insert(at, 1, '\0');
        EXPECT_EQ(read(with), kNone) << "inserted at " << at;
        if (at < text.size()) {
            with = text;
            with[at] = '\0';
            EXPECT_EQ(read(with), kNone) << "in place of " << at;
        }
    }
}

// What is left of a time when it is cut off is a shorter form, or refused; nothing behind the end is looked at.
TEST(IsoTime, IsCutOffAtEveryLength) {
    const std::string text = "2026-11-26T08:31:59.987654+07:45";
    const std::size_t first_of_a_form[] = {16, 19, 21, 22, 23, 24, 25, 26, 29, 32};
    for (std::size_t length = 0; length <= text.size(); ++length) {
        const std::string copy = text.substr(0, length);  // of its own, so that the sanitizer sees its end
        const bool whole = std::find(std::begin(first_of_a_form), std::end(first_of_a_form), length) !=
                           std::end(first_of_a_form);
        EXPECT_EQ(read(copy).has_value(), whole) << copy;
    }
    const std::string compact = "2026-11-26T08:31+0745";
    EXPECT_TRUE(read(compact.substr(0, 19)).has_value());
    EXPECT_FALSE(read(compact.substr(0, 20)).has_value());
}

// Any byte in any place: taken only if the text is still of the form, and never a crash.
TEST(IsoTime, TakesNoOtherByteInAnyPlace) {
    const std::string text = "2026-11-26T08:31:59.5+07:45";
    for (std::size_t at = 0; at < text.size(); ++at) {
        for (int byte = 0; byte < 256; ++byte) {
            std::string other = text;
            other[at] = static_cast<char>(byte);
            const bool was_digit = text[at] >= '0' && text[at] <= '9';
            const bool is_digit = byte >= '0' && byte <= '9';
            if (read(other).has_value() && other != text) {
                ASSERT_TRUE((was_digit && is_digit) || (at == 10 && (byte == ' ' || byte == 't')) ||
                            (at == 19 && (byte == ',')) || (at == 21 && byte == '-') || (at == 24 && is_digit))
                    << at << " " << byte;
            }
        }
    }
}

TEST(IsoTime, ReadsBackWhatIsWritten) {
    Random random("iso time");
    for (int i = 0; i < 200'000; ++i) {
        const Micros instant = random.between(-730'118 * kDayLength, 2'921'938 * kDayLength);
        const bool with_offset = random.chance(80);
        const Micros offset = with_offset ? random.between(-959, 959) * kMinute : 0;
        const Micros local = instant + offset;
        const std::int64_t seconds = test::floor_quotient(local, kUsecs);
        const std::time_t unix_time = seconds + 946'684'800;
        std::tm tm{};
        gmtime_r(&unix_time, &tm);
        char text[80];
        int length = std::snprintf(text, sizeof text, "%04d-%02d-%02d%c%02d:%02d:%02d%c%06" PRId64, tm.tm_year + 1900,
                                   tm.tm_mon + 1, tm.tm_mday, "Tt "[random.between(0, 2)], tm.tm_hour, tm.tm_min,
                                   tm.tm_sec, ".,"[random.between(0, 1)], local - seconds * kUsecs);
        if (with_offset) {
            const Micros minutes = std::abs(offset) / kMinute;
            const char *const forms[] = {"%c%02d:%02d", "%c%02d%02d"};
            std::snprintf(text + length, sizeof text - static_cast<std::size_t>(length), forms[random.between(0, 1)],
                          offset < 0 ? '-' : '+', static_cast<int>(minutes / 60), static_cast<int>(minutes % 60));
        }
        IsoTime time;
        ASSERT_TRUE(parse_iso_time(text, time)) << text;
        ASSERT_EQ(time.has_offset, with_offset) << text;
        ASSERT_EQ(time.local, local) << text;
        ASSERT_EQ(time.instant(), instant) << text;
    }
}

}  // namespace
}  // namespace people_counter::core
