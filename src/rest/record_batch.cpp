// An array of movements as one statement, and what became of each.
#include "pg/guard.hpp"
#include "pg/uuid.hpp"
#include "rest/rows.hpp"
#include "rest/statement.hpp"

#include <algorithm>

extern "C" {
#include <utils/json.h>
}

namespace people_counter::rest {

namespace {

constexpr int kColumns = 12;  // those of kMovementFields

Statement insert_movements(
    "INSERT INTO people_counter_rest.people_movements"
    " (session_id, id, movement_time, person_id, movement_direction, centroid_x, centroid_y, bounding_box_x1,"
    "  bounding_box_y1, bounding_box_x2, bounding_box_y2, confidence_score, frame_number)"
    " SELECT $1, r.id, r.t, r.p, CAST(r.d AS people_counter_rest.movement_direction), r.x, r.y, r.x1, r.y1, r.x2, "
    "r.y2, r.c,"
    "        r.f FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4),"
    "                            pg_catalog.unnest($5), pg_catalog.unnest($6), pg_catalog.unnest($7),"
    "                            pg_catalog.unnest($8), pg_catalog.unnest($9), pg_catalog.unnest($10),"
    "                            pg_catalog.unnest($11), pg_catalog.unnest($12), pg_catalog.unnest($13))"
    "        AS r(id, t, p, d, x, y, x1, y1, x2, y2, c, f)"
    " ON CONFLICT DO NOTHING RETURNING id, movement_time");

struct Key {
    pg_uuid_t id;
    TimestampTz time;
};

struct ElementType {
    Oid type;
    Oid array;
    int16 length;
    bool by_value;
    char alignment;
};

constexpr ElementType kUuid{UUIDOID, UUIDARRAYOID, UUID_LEN, false, TYPALIGN_CHAR};
constexpr ElementType kTime{TIMESTAMPTZOID, TIMESTAMPTZARRAYOID, 8, true, TYPALIGN_DOUBLE};
constexpr ElementType kWhole{INT4OID, INT4ARRAYOID, 4, true, TYPALIGN_INT};
constexpr ElementType kText{TEXTOID, TEXTARRAYOID, -1, false, TYPALIGN_INT};
constexpr ElementType kReal{FLOAT4OID, FLOAT4ARRAYOID, 4, true, TYPALIGN_INT};
constexpr ElementType kElements[kColumns] = {kUuid, kTime, kWhole, kText, kReal, kReal,
                                             kReal, kReal, kReal,  kReal, kReal, kWhole};

struct Row {
    Key key;
    const char *detail;  // why it was rejected
    bool is_new;
};

class Batch {
  public:
    Batch(Jsonb *body, core::Calendar calendar) : calendar_{calendar}, size_{JB_ROOT_COUNT(body)} {
        const Size cells = std::max<Size>(1, size_) * kColumns;
        rows_ = static_cast<Row *>(palloc_extended(std::max<Size>(1, size_) * sizeof(Row), MCXT_ALLOC_HUGE));
        values_ = static_cast<Datum *>(palloc_extended(cells * sizeof(Datum), MCXT_ALLOC_HUGE));
        nulls_ = static_cast<bool *>(palloc_extended(cells, MCXT_ALLOC_HUGE));
        JsonbIterator *iterator = JsonbIteratorInit(&body->root);
        JsonbValue value;
        JsonbIteratorNext(&iterator, &value, true);
        for (uint32 i = 0; JsonbIteratorNext(&iterator, &value, true) == WJB_ELEM; ++i) {
            read(value, rows_[i]);
        }
    }

    void insert(const pg_uuid_t &session) {
        Oid types[1 + kColumns] = {UUIDOID};
        Datum arguments[1 + kColumns] = {UUIDPGetDatum(&session)};
        int count = static_cast<int>(good_);
        int lower = 1;
        for (int i = 0; i < kColumns; ++i) {
            const ElementType &element = kElements[i];
            types[1 + i] = element.array;
            arguments[1 + i] = PointerGetDatum(construct_md_array(values_ + i * size_, nulls_ + i * size_, 1, &count,
                                                                  &lower, element.type, element.length,
                                                                  element.by_value, element.alignment));
        }
        const uint64 inserted = good_ == 0 ? 0 : insert_movements.run(1 + kColumns, types, arguments, nullptr, false);
        if (inserted < good_) {
            find_duplicates(inserted);
        }
    }

    const char *answer() const {
        uint64 recorded = 0;
        StringInfoData results;
        initStringInfo(&results);
        for (uint32 i = 0; i < size_; ++i) {
            const Row &row = rows_[i];
            appendStringInfoString(&results, i == 0 ? "" : ", ");
            if (row.detail != nullptr) {
                appendStringInfoString(&results, "{\"status\": \"rejected\", \"detail\": ");
                escape_json(&results, row.detail);
                appendStringInfoChar(&results, '}');
            } else {
                recorded += row.is_new ? 1 : 0;
                appendStringInfo(&results, "{\"movement_id\": \"%s\", \"status\": \"%s\"}",
                                 DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&row.key.id))),
                                 row.is_new ? "recorded" : "duplicate");
            }
        }
        return psprintf("{\"count\": %u, \"recorded\": " UINT64_FORMAT ", \"duplicates\": " UINT64_FORMAT
                        ", \"rejected\": %u, \"results\": [%s]}",
                        size_, recorded, good_ - recorded, size_ - static_cast<uint32>(good_), results.data);
    }

  private:
    void read(const JsonbValue &element, Row &row) {
        row = Row{{}, nullptr, true};
        if (element.type != jbvBinary || !JsonContainerIsObject(element.val.binary.data)) {
            row.detail = "this element is not an object. Each element of the array is an object.";
            return;
        }
        Given given[kMostFields];
        const Problem problem = read_row(kMovementFields, element.val.binary.data, calendar_, given);
        if (problem.found()) {
            row.detail = psprintf("%s. %s", problem.message, problem.hint);
            return;
        }
        if (given[0].is_null) {
            const core::Uuid made = pg::next_uuid();
            memcpy(row.key.id.data, made.bytes, UUID_LEN);
        } else {
            row.key.id = *DatumGetUUIDP(given[0].value);
        }
        row.key.time = given[1].is_null ? GetCurrentTransactionStartTimestamp() : DatumGetTimestampTz(given[1].value);
        given[0] = {UUIDPGetDatum(&row.key.id), false};
        given[1] = {TimestampTzGetDatum(row.key.time), false};
        for (int i = 0; i < kColumns; ++i) {
            values_[i * size_ + good_] = given[i].value;
            nulls_[i * size_ + good_] = given[i].is_null;
        }
        ++good_;
    }

    // Of rows with the same key the first is the one that was inserted.
    void find_duplicates(uint64 inserted) {
        HASHCTL control{};
        control.keysize = sizeof(Key);
        control.entrysize = sizeof(Key);
        control.hcxt = CurrentMemoryContext;
        HTAB *fresh = hash_create("people_counter new movements", 1024, &control,
                                  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
        for (uint64 i = 0; i < inserted; ++i) {
            const Key key{*DatumGetUUIDP(column(i, 1)), DatumGetTimestampTz(column(i, 2))};
            hash_search(fresh, &key, HASH_ENTER, nullptr);
        }
        for (uint32 i = 0; i < size_; ++i) {
            Row &row = rows_[i];
            row.is_new = row.detail == nullptr && hash_search(fresh, &row.key, HASH_REMOVE, nullptr) != nullptr;
        }
        hash_destroy(fresh);
    }

    core::Calendar calendar_;
    uint32 size_;
    Size good_ = 0;
    Row *rows_;
    Datum *values_;  // by column
    bool *nulls_;
};

}  // namespace

}  // namespace people_counter::rest

PEOPLE_COUNTER_FUNCTION(rest_record_batch) {
    using namespace people_counter;
    return pg::pg_entry([&]() -> Datum {
        Jsonb *body = PG_GETARG_JSONB_P(2);
        rest::require_rows(body, true, "Send an array of movements.");
        MemoryContext const outer = CurrentMemoryContext;
        SPI_connect();
        rest::Batch batch{body, rest::calendar_of(PG_GETARG_TEXT_PP(1))};
        batch.insert(*PG_GETARG_UUID_P(0));
        const char *answer = batch.answer();
        MemoryContextSwitchTo(outer);
        text *result = cstring_to_text(answer);
        SPI_finish();
        return PointerGetDatum(result);
    });
}
