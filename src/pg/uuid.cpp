#include "pg/prelude.hpp"

#include "pg/uuid.hpp"

#include <chrono>

namespace people_counter::pg {

namespace {

// Randomness is drawn in blocks: asking for it costs more than the id itself. A fork would hand the same block to two
// processes, so it belongs to the process that drew it.
struct UuidSource {
    static constexpr int kWords = 64;

    int pid = 0;
    int unused = 0;
    core::UuidV7Generator generator;
    uint64 random[kWords] = {};
};

constinit UuidSource source;

void refill() {
    source.unused = 0;
    if (!pg_strong_random(source.random, sizeof source.random)) {
        ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values")));
    }
    source.pid = MyProcPid;
    source.unused = UuidSource::kWords;
}

}  // namespace

core::Uuid next_uuid() {
    if (unlikely(source.unused == 0 || source.pid != MyProcPid)) {
        refill();
    }
    const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    const int64 now = std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch).count();
    return source.generator.next(now, source.random[--source.unused]);
}

}  // namespace people_counter::pg
