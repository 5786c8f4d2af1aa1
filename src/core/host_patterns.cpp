#include "core/host_patterns.hpp"

#include <algorithm>

namespace people_counter::core {

namespace {

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same(std::string_view a, std::string_view b) noexcept {
    return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) noexcept {
    constexpr std::string_view kBlank = " \t\r\n";
    const auto first = text.find_first_not_of(kBlank);
    return first == text.npos ? std::string_view{} : text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string_view plain(std::string_view host) noexcept {
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        return host.substr(1, host.size() - 2);
    }
    if (host.size() > 1 && host.back() == '.') {
        host.remove_suffix(1);
    }
    return host;
}

bool matches(std::string_view pattern, std::string_view host) noexcept {
    if (pattern == "*") {
        return true;
    }
    if (pattern.starts_with("*.")) {
        const std::string_view suffix = plain(pattern).substr(1);
        return host.size() > suffix.size() && same(host.substr(host.size() - suffix.size()), suffix);
    }
    return same(plain(pattern), host);
}

}  // namespace

bool host_is_allowed(std::string_view patterns, std::string_view host) noexcept {
    host = plain(host);
    for (;;) {
        const auto comma = patterns.find(',');
        const std::string_view pattern = trimmed(patterns.substr(0, comma));
        if (!pattern.empty() && !host.empty() && matches(pattern, host)) {
            return true;
        }
        if (comma == patterns.npos) {
            return false;
        }
        patterns.remove_prefix(comma + 1);
    }
}

}  // namespace people_counter::core
