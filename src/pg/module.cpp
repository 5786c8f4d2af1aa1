// Loading the library.
//
// By shared_preload_libraries it also makes the board in shared memory and registers the launcher. Without, everything
// works but the alert worker, which start_alert_worker() starts.
#include "alerting/board.hpp"
#include "alerting/launcher.hpp"
#include "alerting/marks.hpp"
#include "pg/guard.hpp"
#include "pg/settings.hpp"

extern "C" {
PG_MODULE_MAGIC;
PGDLLEXPORT void _PG_init(void);
}

namespace people_counter::pg {

namespace {

constexpr uint32 kChangesOfSlot = 512;

shmem_request_hook_type next_request = nullptr;
shmem_startup_hook_type next_startup = nullptr;
object_access_hook_type next_access = nullptr;

void request_memory() {
    if (next_request != nullptr) {
        next_request();
    }
    RequestAddinShmemSpace(alerting::board_size(settings.alert_workers, kChangesOfSlot));
}

void make_board() {
    if (next_startup != nullptr) {
        next_startup();
    }
    alerting::renew_board();
}

// A database that comes, also as a copy of another, may have the extension in it; and a worker has to learn that the
// extension was dropped, or that a subscription fills its tables.
void watch_objects(ObjectAccessType access, Oid catalog, Oid object, int part, void *argument) {
    if (next_access != nullptr) {
        next_access(access, catalog, object, part, argument);
    }
    if (catalog == DatabaseRelationId && access != OAT_DROP) {
        alerting::note_databases();
    } else if ((catalog == ExtensionRelationId && access == OAT_DROP) || catalog == SubscriptionRelationId) {
        alerting::note_catalog();
    }
}

}  // namespace

}  // namespace people_counter::pg

extern "C" void _PG_init(void) {
    namespace pg = people_counter::pg;
    namespace alerting = people_counter::alerting;
    pg::define_settings();
    if (IsBinaryUpgrade) {
        return;
    }
    alerting::register_marks();
    if (!process_shared_preload_libraries_in_progress || pg::settings.alert_workers == 0) {
        return;
    }
    alerting::set_board_shape(pg::settings.alert_workers, pg::kChangesOfSlot);
    pg::next_request = shmem_request_hook;
    shmem_request_hook = pg::request_memory;
    pg::next_startup = shmem_startup_hook;
    shmem_startup_hook = pg::make_board;
    pg::next_access = object_access_hook;
    object_access_hook = pg::watch_objects;
    alerting::register_launcher();
}

PEOPLE_COUNTER_FUNCTION(library_version) {
    return people_counter::pg::pg_entry(
        [&]() -> Datum { return PointerGetDatum(cstring_to_text(PEOPLE_COUNTER_VERSION)); });
}
