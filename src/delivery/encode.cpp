#include "delivery/encode.hpp"

#include <algorithm>

namespace people_counter::delivery {

namespace {

constexpr size_t kWordBytes = 39;  // 64 characters with =?UTF-8?B? and ?=, which fit into a line behind Subject:
constexpr size_t kPlainLength = 64;

bool is_plain(const char *text) {
    const size_t length = strlen(text);
    return length <= kPlainLength && strstr(text, "=?") == nullptr &&
           std::all_of(text, text + length, [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

char *to_utf8(const char *text) {
    const int encoding = GetDatabaseEncoding();
    auto left = static_cast<int>(strlen(text));
    if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII || left == 0) {
        return pstrdup(text);
    }
    const Oid conversion = FindDefaultConversionProc(encoding, PG_UTF8);
    const int room = left * MAX_CONVERSION_GROWTH + 1;
    auto *start = reinterpret_cast<unsigned char *>(pstrdup(text));
    auto *part = static_cast<unsigned char *>(palloc(room));
    StringInfoData out;
    initStringInfo(&out);
    while (left > 0) {
        const int taken = !OidIsValid(conversion) ? 0
                                                  : pg_do_encoding_conversion_buf(conversion, encoding, PG_UTF8, start,
                                                                                  left, part, room, true);
        if (taken > 0) {
            appendStringInfoString(&out, reinterpret_cast<char *>(part));
        }
        start += taken;
        left -= taken;
        if (left > 0) {
            const int width = std::min(left, pg_mblen(reinterpret_cast<char *>(start)));
            appendStringInfoChar(&out, '?');
            start += width;
            left -= width;
        }
    }
    return out.data;
}

void append_base64(StringInfo out, const char *bytes, size_t size, size_t width) {
    static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t column = 0;
    for (size_t i = 0; i < size; i += 3) {
        uint32 group = 0;
        for (size_t k = 0; k < 3; ++k) {
            group = group << 8 | (i + k < size ? static_cast<unsigned char>(bytes[i + k]) : 0);
        }
        for (size_t k = 0; k < 4; ++k) {
            appendStringInfoChar(out, i + k > size ? '=' : kDigits[group >> (18 - 6 * k) & 63]);
        }
        column += 4;
        if (width > 0 && (column >= width || i + 3 >= size)) {
            appendStringInfoString(out, "\r\n");
            column = 0;
        }
    }
}

void append_header_text(StringInfo out, const char *utf8) {
    if (is_plain(utf8)) {
        appendStringInfoString(out, utf8);
        return;
    }
    const size_t length = strlen(utf8);
    for (size_t from = 0; from < length;) {
        size_t to = std::min(from + kWordBytes, length);
        while (to < length && to > from + 1 && (static_cast<unsigned char>(utf8[to]) & 0xc0) == 0x80) {
            --to;  // no character is in two words
        }
        appendStringInfo(out, "%s=?UTF-8?B?", from == 0 ? "" : "\r\n ");
        append_base64(out, utf8 + from, to - from, 0);
        appendStringInfoString(out, "?=");
        from = to;
    }
}

char *signature_of(const char *key, const char *timestamp, const char *body, size_t body_size) {
    uint8 digest[PG_SHA256_DIGEST_LENGTH];
    const auto bytes = [](const char *text) { return reinterpret_cast<const uint8 *>(text); };
    pg_hmac_ctx *hmac = pg_hmac_create(PG_SHA256);
    if (hmac == nullptr || pg_hmac_init(hmac, bytes(key), strlen(key)) < 0 ||
        pg_hmac_update(hmac, bytes(timestamp), strlen(timestamp)) < 0 || pg_hmac_update(hmac, bytes("."), 1) < 0 ||
        pg_hmac_update(hmac, bytes(body), body_size) < 0 || pg_hmac_final(hmac, digest, sizeof digest) < 0) {
        const char *reason = hmac == nullptr ? "out of memory" : pg_hmac_error(hmac);
        pg_hmac_free(hmac);
        ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not sign an alert: %s", reason)));
    }
    pg_hmac_free(hmac);
    auto *hex = static_cast<char *>(palloc(2 * sizeof digest + 1));
    hex[hex_encode(reinterpret_cast<char *>(digest), sizeof digest, hex)] = '\0';
    return hex;
}

char *text_of(const pg_uuid_t &uuid) { return DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&uuid))); }

}  // namespace people_counter::delivery
