// What a look of the past could see: which transactions had ended when its snapshot was taken.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

namespace people_counter::core {

// Transaction ids go round; which of two is older is told by the shorter way. Good for half a circle.
constexpr bool xid_precedes(uint32_t a, uint32_t b) noexcept { return static_cast<int32_t>(a - b) < 0; }

enum class Then : uint8_t {
    kVisible,    // had ended, if it committed at all
    kInvisible,  // had not
    kUnknown,    // nobody knows: it may belong to one of those that ran
};

struct PastView {
    uint32_t xmin;                // all before had ended
    uint32_t xmax;                // this one and all behind had not begun
    std::span<uint32_t> running;  // of those between, with their subtransactions
    bool overflowed;              // some of which had more than can be known

    // Sorts, so that it can be asked.
    void prepare() noexcept { std::sort(running.begin(), running.end()); }

    bool was_running(uint32_t xid) const noexcept { return std::binary_search(running.begin(), running.end(), xid); }

    // Of one that is no subtransaction: it is always known.
    bool was_running_or_later(uint32_t xid) const noexcept { return !xid_precedes(xid, xmax) || was_running(xid); }

    Then ask(uint32_t xid) const noexcept {
        if (xid_precedes(xid, xmin)) {
            return Then::kVisible;
        }
        if (was_running_or_later(xid)) {
            return Then::kInvisible;
        }
        return overflowed ? Then::kUnknown : Then::kVisible;
    }
};

}  // namespace people_counter::core
