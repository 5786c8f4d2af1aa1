#include "core/iso_time.hpp"

namespace people_counter::core {

namespace {

constexpr int kDaysOfMonth[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

class Reader {
  public:
    explicit Reader(std::string_view text) noexcept : text_{text} {}

    bool at_end() const noexcept { return at_ == text_.size(); }
    char peek() const noexcept { return at_end() ? '\0' : text_[at_]; }
    bool take(char wanted) noexcept {
        const bool found = peek() == wanted;
        at_ += found ? 1 : 0;
        return found;
    }
    bool has_digit() const noexcept { return peek() >= '0' && peek() <= '9'; }

    // Exactly so many digits.
    bool number(int digits, int &value) noexcept {
        value = 0;
        for (; digits > 0; --digits) {
            if (!has_digit()) {
                return false;
            }
            value = value * 10 + (text_[at_++] - '0');
        }
        return true;
    }

    // What follows the point, in microseconds: at least one digit.
    bool fraction(Micros &micros) noexcept {
        micros = 0;
        int digits = 0;
        bool round_up = false;
        for (; has_digit(); ++digits) {
            const int digit = text_[at_++] - '0';
            if (digits < 6) {
                micros = micros * 10 + digit;
            } else if (digits == 6) {
                round_up = digit >= 5;
            }
        }
        for (int i = digits; i < 6; ++i) {
            micros *= 10;
        }
        micros += round_up ? 1 : 0;
        return digits > 0;
    }

  private:
    std::string_view text_;
    std::size_t at_ = 0;
};

bool is_leap(int year) noexcept { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

// Days since 2000-01-01.
Micros days_of(int year, int month, int day) noexcept {
    const int before = year - 1;
    Micros days = 365LL * before + before / 4 - before / 100 + before / 400;
    for (int i = 1; i < month; ++i) {
        days += kDaysOfMonth[i - 1] + (i == 2 && is_leap(year) ? 1 : 0);
    }
    constexpr Micros kDaysTo2000 = 365LL * 1999 + 1999 / 4 - 1999 / 100 + 1999 / 400;
    return days + day - 1 - kDaysTo2000;
}

bool parse_date(Reader &reader, Micros &days) noexcept {
    int year = 0;
    int month = 0;
    int day = 0;
    if (!reader.number(4, year) || !reader.take('-') || !reader.number(2, month) || !reader.take('-') ||
        !reader.number(2, day) || year < 1 || month < 1 || month > 12) {
        return false;
    }
    const int last = kDaysOfMonth[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
    days = days_of(year, month, day);
    return day >= 1 && day <= last;
}

bool parse_clock(Reader &reader, Micros &clock) noexcept {
    int hour = 0;
    int minute = 0;
    int second = 0;
    Micros fraction = 0;
    if (!reader.number(2, hour) || !reader.take(':') || !reader.number(2, minute)) {
        return false;
    }
    if (reader.take(':')) {
        if (!reader.number(2, second) || ((reader.take('.') || reader.take(',')) && !reader.fraction(fraction))) {
            return false;
        }
    }
    clock = (hour * 3600LL + minute * 60LL + second) * kSecond + fraction;
    return minute < 60 && second <= 60 && clock <= kDay;
}

bool parse_offset(Reader &reader, IsoTime &time) noexcept {
    if (reader.at_end()) {
        return true;
    }
    time.has_offset = true;
    if (reader.take('Z') || reader.take('z')) {
        return reader.at_end();
    }
    const bool west = reader.take('-');
    int hours = 0;
    int minutes = 0;
    if (!(west || reader.take('+')) || !reader.number(2, hours)) {
        return false;
    }
    const bool colon = reader.take(':');
    if ((colon || !reader.at_end()) && !reader.number(2, minutes)) {
        return false;
    }
    time.offset = (hours * 3600LL + minutes * 60LL) * kSecond * (west ? -1 : 1);
    return reader.at_end() && hours < 16 && minutes < 60;
}

}  // namespace

bool parse_iso_time(std::string_view text, IsoTime &time) noexcept {
    Reader reader{text};
    Micros days = 0;
    Micros clock = 0;
    time = IsoTime{};
    if (!parse_date(reader, days) || !(reader.take('T') || reader.take('t') || reader.take(' ')) ||
        !parse_clock(reader, clock) || !parse_offset(reader, time)) {
        return false;
    }
    time.local = days * kDay + clock;
    return true;
}

}  // namespace people_counter::core
