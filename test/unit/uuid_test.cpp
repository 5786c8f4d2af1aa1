#include "core/uuid.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

namespace people_counter::core {
namespace {

constexpr std::int64_t kNow = 1'764'000'000'123'456'789;

std::uint64_t milliseconds_of(const Uuid &uuid) {
    std::uint64_t value = 0;
    for (int i = 0; i < 6; ++i) {
        value = value << 8 | uuid.bytes[i];
    }
    return value;
}

unsigned fraction_of(const Uuid &uuid) { return (uuid.bytes[6] & 0x0fu) << 8 | uuid.bytes[7]; }

bool less(const Uuid &a, const Uuid &b) { return std::memcmp(a.bytes, b.bytes, sizeof a.bytes) < 0; }

TEST(UuidV7, HasVersionAndVariant) {
    UuidV7Generator generator;
    for (const std::uint64_t random : {std::uint64_t{0}, ~std::uint64_t{0}}) {
        const Uuid uuid = generator.next(kNow, random);
        EXPECT_EQ(uuid.bytes[6] >> 4, 7);
        EXPECT_EQ(uuid.bytes[8] >> 6, 2);
    }
}

TEST(UuidV7, HoldsTimeAndFraction) {
    UuidV7Generator generator;
    const Uuid uuid = generator.next(kNow, 0);
    EXPECT_EQ(milliseconds_of(uuid), 1'764'000'000'123u);
    EXPECT_EQ(fraction_of(uuid), 456'789u * 4096 / 1'000'000);
    EXPECT_EQ(fraction_of(generator.next(kNow + 1'000'000 - 456'789 - 1, 0)), 4095u);
}

TEST(UuidV7, HoldsAllRandomBits) {
    UuidV7Generator generator;
    const Uuid ones = generator.next(kNow, ~std::uint64_t{0});
    const Uuid zeros = generator.next(kNow, 3);
    EXPECT_EQ(ones.bytes[8], 0xbf);
    EXPECT_EQ(zeros.bytes[8], 0x80);
    for (int i = 9; i < 16; ++i) {
        EXPECT_EQ(ones.bytes[i], 0xff);
        EXPECT_EQ(zeros.bytes[i], 0);
    }
    const Uuid some = generator.next(kNow, 0x0123'4567'89ab'cdefu << 2);
    const std::uint8_t expected[8] = {0x81, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
    EXPECT_EQ(std::memcmp(some.bytes + 8, expected, sizeof expected), 0);
}

TEST(UuidV7, AscendsWithinOneTick) {
    UuidV7Generator generator;
    Uuid last = generator.next(kNow, ~std::uint64_t{0});
    for (int i = 0; i < 10'000; ++i) {
        const Uuid next = generator.next(kNow, 0);
        ASSERT_TRUE(less(last, next)) << i;
        last = next;
    }
    // 10,000 ticks are less than three milliseconds.
    EXPECT_LE(milliseconds_of(last) - static_cast<std::uint64_t>(kNow / 1'000'000), 3u);
}

TEST(UuidV7, AscendsWhenTheClockGoesBack) {
    UuidV7Generator generator;
    const Uuid before = generator.next(kNow, ~std::uint64_t{0});
    const Uuid after = generator.next(kNow - 3'600'000'000'000, 0);
    EXPECT_TRUE(less(before, after));
    EXPECT_EQ(milliseconds_of(after), milliseconds_of(before));
    // Follows the clock again once that has caught up.
    EXPECT_EQ(milliseconds_of(generator.next(kNow + 5'000'000, 0)), 1'764'000'000'128u);
}

TEST(UuidV7, AscendsOnAnyClock) {
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random{seed};
    UuidV7Generator generator;
    std::int64_t now = kNow;
    Uuid last = generator.next(now, random());
    for (int i = 0; i < 200'000; ++i) {
        now += static_cast<std::int64_t>(random() % 4001) - 1500;
        const Uuid next = generator.next(now, random());
        ASSERT_TRUE(less(last, next)) << i;
        last = next;
    }
}

TEST(UuidV7, TakesTimesBefore1970AsZero) {
    UuidV7Generator generator;
    const Uuid first = generator.next(-1, 0);
    EXPECT_EQ(milliseconds_of(first), 0u);
    EXPECT_TRUE(less(first, generator.next(INT64_MIN, 0)));
    EXPECT_EQ(milliseconds_of(generator.next(INT64_MAX, 0)), 9'223'372'036'854u);
}

}  // namespace
}  // namespace people_counter::core
