// Which hosts a list of patterns allows.
#pragma once

#include <string_view>

namespace people_counter::core {

// `patterns` are separated by commas: * is every host, *.example.com every name below example.com, and anything else
// that host. Case, a dot at the end of a name and the brackets of an IPv6 address mean nothing.
bool host_is_allowed(std::string_view patterns, std::string_view host) noexcept;

}  // namespace people_counter::core
