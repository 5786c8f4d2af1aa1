#include "core/uuid.hpp"
#include "support.hpp"

#include <cstring>
#include <optional>

namespace people_counter::core {
namespace {

using test::Random;

const std::string kDigits = "0123456789abcdeffedcba9876543210";
constexpr std::uint8_t kBytes[16] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                     0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10};

bool reads_as_bytes(std::string_view text) {
    Uuid uuid;
    return parse_uuid(text, uuid) && std::memcmp(uuid.bytes, kBytes, sizeof kBytes) == 0;
}

bool is_taken(std::string_view text) {
    Uuid uuid;
    return parse_uuid(text, uuid);
}

// Hyphens behind the groups of four digits that `which` has bits for.
std::string hyphenated(const std::string &digits, unsigned which) {
    std::string text;
    for (std::size_t group = 0; group < 8; ++group) {
        text += digits.substr(group * 4, 4);
        text += group < 7 && (which >> group & 1u) != 0 ? "-" : "";
    }
    return text;
}

TEST(ParseUuid, TakesEveryFormOfTheServer) {
    for (unsigned which = 0; which < 128; ++which) {
        const std::string text = hyphenated(kDigits, which);
        EXPECT_TRUE(reads_as_bytes(text)) << text;
        EXPECT_TRUE(reads_as_bytes("{" + text + "}")) << text;
        std::string upper = text;
        std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return std::toupper(c); });
        EXPECT_TRUE(reads_as_bytes(upper)) << upper;
    }
    EXPECT_TRUE(reads_as_bytes("01234567-89ab-cdef-fedc-ba9876543210"));
    EXPECT_TRUE(reads_as_bytes("01234567-89AB-cdEF-fedc-BA9876543210"));
}

TEST(ParseUuid, RefusesGarbage) {
    const std::vector<std::string> garbage{std::string{},
                                           std::string{"{"},
                                           std::string{"{}"},
                                           std::string{"-"},
                                           "{" + kDigits,
                                           kDigits + "}",
                                           "{{" + kDigits + "}}",
                                           "}" + kDigits + "{",
                                           " " + kDigits,
                                           kDigits + " ",
                                           kDigits + "\n",
                                           "-" + kDigits,
                                           kDigits + "-",
                                           kDigits + "0",
                                           "{" + kDigits + "-}",
                                           "{-" + kDigits + "}",
                                           kDigits.substr(0, 31) + "g",
                                           "urn:uuid:" + kDigits,
                                           "0x" + kDigits.substr(2),
                                           "01234567--89ab-cdef-fedc-ba9876543210",
                                           "0123456-789ab-cdef-fedc-ba9876543210",
                                           "012-34567-89ab-cdef-fedc-ba9876543210",
                                           "01234567_89ab_cdef_fedc_ba9876543210",
                                           "01234567-89ab-cdef-fedc-ba987654321",
                                           std::string(32, '-'),
                                           std::string(36, '0'),
                                           std::string(100'000, '0')};
    for (const std::string &text : garbage) {
        EXPECT_FALSE(is_taken(text)) << text.substr(0, 80);
    }
}

TEST(ParseUuid, IsCutOffAtEveryLength) {
    const std::string text = hyphenated(kDigits, 127);
    for (std::size_t length = 0; length < text.size(); ++length) {
        const std::string copy = text.substr(0, length);  // of its own, so that the sanitizer sees its end
        EXPECT_FALSE(is_taken(copy)) << copy;
        EXPECT_FALSE(is_taken("{" + copy)) << copy;
        EXPECT_FALSE(is_taken("{" + copy + "}")) << copy;
    }
}

TEST(ParseUuid, TakesNoOtherByteInAnyPlace) {
    for (std::size_t at = 0; at < kDigits.size(); ++at) {
        for (int byte = 0; byte < 256; ++byte) {
            std::string text = kDigits;
            text[at] = static_cast<char>(byte);
            const bool digit = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') ||
                               (byte >= 'A' && byte <= 'F');
            ASSERT_EQ(is_taken(text), digit) << at << " " << byte;
        }
    }
}

TEST(ParseUuid, ReadsBackWhatIsWritten) {
    Random random("parse uuid");
    for (int i = 0; i < 50'000; ++i) {
        Uuid uuid;
        std::string digits;
        for (std::uint8_t &byte : uuid.bytes) {
            byte = static_cast<std::uint8_t>(random.between(0, 255));
            const std::string_view hex{random.chance(50) ? "0123456789abcdef" : "0123456789ABCDEF"};
            digits += hex[byte >> 4u];
            digits += hex[byte & 15u];
        }
        std::string text = hyphenated(digits, static_cast<unsigned>(random.between(0, 127)));
        text = random.chance(30) ? "{" + text + "}" : text;
        Uuid again;
        ASSERT_TRUE(parse_uuid(text, again)) << text;
        ASSERT_EQ(std::memcmp(again.bytes, uuid.bytes, sizeof uuid.bytes), 0) << text;
    }
}

TEST(UuidVersion, IsSevenOnlyWithItsVariant) {
    Uuid uuid;
    for (unsigned version = 0; version < 16; ++version) {
        for (unsigned variant = 0; variant < 16; ++variant) {
            std::string text = "00000000-0000-0000-0000-000000000000";
            text[14] = "0123456789abcdef"[version];
            text[19] = "0123456789abcdef"[variant];
            ASSERT_TRUE(parse_uuid(text, uuid));
            EXPECT_EQ(is_uuid_v7(uuid), version == 7 && variant >= 8 && variant < 12) << text;
        }
    }
}

TEST(UuidVersion, HoldsItsMilliseconds) {
    Uuid uuid;
    ASSERT_TRUE(parse_uuid("017f22e2-79b0-7cc3-98c4-dc0c0c07398f", uuid));  // the example of RFC 9562
    EXPECT_TRUE(is_uuid_v7(uuid));
    EXPECT_EQ(unix_milliseconds_of(uuid), 1'645'557'742'000);
    ASSERT_TRUE(parse_uuid("00000000-0000-7000-8000-000000000000", uuid));
    EXPECT_EQ(unix_milliseconds_of(uuid), 0);
    ASSERT_TRUE(parse_uuid("ffffffff-ffff-7fff-bfff-ffffffffffff", uuid));
    EXPECT_EQ(unix_milliseconds_of(uuid), (std::int64_t{1} << 48) - 1);
    Random random("milliseconds");
    UuidV7Generator generator;
    std::int64_t now = 1'764'000'000'000;
    for (int i = 0; i < 10'000; ++i) {
        now += random.between(2, 100'000);  // a millisecond that no id ran ahead into
        const Uuid made = generator.next(now * 1'000'000 + random.between(0, 999'999), 0);
        ASSERT_TRUE(is_uuid_v7(made));
        ASSERT_EQ(unix_milliseconds_of(made), now);
    }
}

}  // namespace
}  // namespace people_counter::core
