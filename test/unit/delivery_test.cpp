#include "core/backoff.hpp"
#include "core/host_patterns.hpp"

#include <gtest/gtest.h>

namespace people_counter::core {
namespace {

constexpr Micros kTenMinutes = 600 * kSecond;

TEST(Backoff, DoublesUpToTheMost) {
    Micros expected = kSecond;
    for (int failed = 1; failed <= 40; ++failed) {
        EXPECT_EQ(backoff(failed, 1.0, 0, kTenMinutes), expected) << failed;
        expected = std::min(2 * expected, kTenMinutes);
    }
}

TEST(Backoff, IsBetweenHalfAndAll) {
    for (int failed = 1; failed <= 12; ++failed) {
        const Micros full = std::min(kTenMinutes, kSecond << (failed - 1));
        EXPECT_EQ(backoff(failed, 0.0, 0, kTenMinutes), full / 2);
        for (int i = 1; i < 100; ++i) {
            const Micros wait = backoff(failed, i / 100.0, 0, kTenMinutes);
            EXPECT_GE(wait, full / 2);
            EXPECT_LE(wait, full);
        }
    }
}

TEST(Backoff, GrantsWhatIsAskedForUpToTheMost) {
    EXPECT_EQ(backoff(1, 0.5, 30 * kSecond, kTenMinutes), 30 * kSecond);
    EXPECT_EQ(backoff(1, 0.5, 1, kTenMinutes), 750'000);
    EXPECT_EQ(backoff(1, 0.5, kEndOfTime, kTenMinutes), kTenMinutes);
    EXPECT_EQ(backoff(30, 0.0, 0, kTenMinutes), kTenMinutes / 2);
}

TEST(Backoff, TakesAnyNumberOfAttempts) {
    EXPECT_EQ(backoff(0, 1.0, 0, kTenMinutes), kSecond);
    EXPECT_EQ(backoff(INT32_MAX, 1.0, 0, kTenMinutes), kTenMinutes);
    EXPECT_EQ(backoff(1, 1.0, 0, kSecond / 4), kSecond / 4);
    EXPECT_EQ(backoff(5, 0.0, 0, 0), 0);
}

TEST(HostPatterns, StarIsEveryHost) {
    EXPECT_TRUE(host_is_allowed("*", "example.com"));
    EXPECT_TRUE(host_is_allowed(" * ", "10.0.0.1"));
    EXPECT_TRUE(host_is_allowed("other.com,*", "[::1]"));
    EXPECT_FALSE(host_is_allowed("*", ""));
}

TEST(HostPatterns, NothingIsNoHost) {
    for (const char *patterns : {"", " ", ",", " , ,"}) {
        EXPECT_FALSE(host_is_allowed(patterns, "example.com")) << patterns;
    }
}

TEST(HostPatterns, ANameIsThatHost) {
    EXPECT_TRUE(host_is_allowed("example.com", "example.com"));
    EXPECT_TRUE(host_is_allowed("a.com, Example.COM ,b.com", "eXample.com."));
    EXPECT_TRUE(host_is_allowed("example.com.", "example.com"));
    EXPECT_FALSE(host_is_allowed("example.com", "www.example.com"));
    EXPECT_FALSE(host_is_allowed("example.com", "example.com.evil.net"));
    EXPECT_FALSE(host_is_allowed("example.com", "xexample.com"));
    EXPECT_FALSE(host_is_allowed("example.com", "example.co"));
}

TEST(HostPatterns, ADomainIsTheNamesBelowIt) {
    EXPECT_TRUE(host_is_allowed("*.example.com", "hooks.example.com"));
    EXPECT_TRUE(host_is_allowed("*.example.com.", "a.b.EXAMPLE.com"));
    EXPECT_FALSE(host_is_allowed("*.example.com", "example.com"));
    EXPECT_FALSE(host_is_allowed("*.example.com", ".example.com"));
    EXPECT_FALSE(host_is_allowed("*.example.com", "evilexample.com"));
    EXPECT_FALSE(host_is_allowed("*.example.com", "hooks.example.com.evil.net"));
}

TEST(HostPatterns, AStarElsewhereIsNoPattern) {
    EXPECT_FALSE(host_is_allowed("ex*.com", "example.com"));
    EXPECT_FALSE(host_is_allowed("10.*", "10.0.0.1"));
}

TEST(HostPatterns, AddressesAreNames) {
    EXPECT_TRUE(host_is_allowed("127.0.0.1", "127.0.0.1"));
    EXPECT_FALSE(host_is_allowed("127.0.0.1", "127.1"));
    EXPECT_TRUE(host_is_allowed("::1", "[::1]"));
    EXPECT_TRUE(host_is_allowed("[::1]", "::1"));
}

}  // namespace
}  // namespace people_counter::core
