// Which rows an earlier look could see.
#include "core/past_view.hpp"

#include <gtest/gtest.h>

#include <array>

namespace people_counter::core {
namespace {

TEST(PastView, OlderThanAllIsVisible) {
    std::array<uint32_t, 2> running{107, 103};
    PastView view{103, 110, running, false};
    view.prepare();
    EXPECT_EQ(view.ask(102), Then::kVisible);
    EXPECT_EQ(view.ask(3), Then::kVisible);
}

TEST(PastView, WhatRanIsInvisible) {
    std::array<uint32_t, 3> running{107, 103, 105};
    PastView view{103, 110, running, false};
    view.prepare();
    for (const uint32_t xid : {103U, 105U, 107U, 110U, 111U, 1000U}) {
        EXPECT_EQ(view.ask(xid), Then::kInvisible) << xid;
    }
    for (const uint32_t xid : {104U, 106U, 108U, 109U}) {
        EXPECT_EQ(view.ask(xid), Then::kVisible) << xid;
    }
}

TEST(PastView, OverflowLeavesTheRestUnknown) {
    std::array<uint32_t, 1> running{103};
    PastView view{103, 110, running, true};
    view.prepare();
    EXPECT_EQ(view.ask(102), Then::kVisible);
    EXPECT_EQ(view.ask(103), Then::kInvisible);
    EXPECT_EQ(view.ask(104), Then::kUnknown);
    EXPECT_EQ(view.ask(110), Then::kInvisible);
}

TEST(PastView, GoesRoundTheCircle) {
    std::array<uint32_t, 2> running{5, 0xfffffff0U};
    PastView view{0xfffffff0U, 8, running, false};
    view.prepare();
    EXPECT_EQ(view.ask(0xffffffefU), Then::kVisible);
    EXPECT_EQ(view.ask(0xfffffff0U), Then::kInvisible);
    EXPECT_EQ(view.ask(0xfffffff1U), Then::kVisible);
    EXPECT_EQ(view.ask(4), Then::kVisible);
    EXPECT_EQ(view.ask(5), Then::kInvisible);
    EXPECT_EQ(view.ask(8), Then::kInvisible);
    EXPECT_EQ(view.ask(0x70000000U), Then::kInvisible);
}

}  // namespace
}  // namespace people_counter::core
