// The only door to the server's headers. Every file outside src/core that needs PostgreSQL includes this, first.
#pragma once

extern "C" {
#include <postgres.h>

#include <access/genam.h>
#include <access/heapam.h>
#include <access/htup_details.h>
#include <access/skey.h>
#include <access/stratnum.h>
#include <access/table.h>
#include <access/tableam.h>
#include <access/xact.h>
#include <catalog/index.h>
#include <catalog/namespace.h>
#include <catalog/pg_class.h>
#include <catalog/pg_collation.h>
#include <catalog/pg_enum.h>
#include <catalog/pg_proc.h>
#include <catalog/pg_type.h>
#include <commands/extension.h>
#include <commands/trigger.h>
#include <common/hashfn.h>
#include <executor/executor.h>
#include <executor/nodeModifyTable.h>
#include <executor/spi.h>
#include <executor/tuptable.h>
#include <fmgr.h>
#include <funcapi.h>
#include <mb/pg_wchar.h>
#include <miscadmin.h>
#include <nodes/execnodes.h>
#include <optimizer/optimizer.h>
#include <pgstat.h>
#include <pgtime.h>
#include <port/pg_bswap.h>
#include <rewrite/rewriteHandler.h>
#include <storage/bufmgr.h>
#include <storage/lmgr.h>
#include <storage/lock.h>
#include <storage/predicate.h>
#include <tcop/utility.h>
#include <utils/acl.h>
#include <utils/array.h>
#include <utils/builtins.h>
#include <utils/date.h>
#include <utils/datum.h>
#include <utils/fmgroids.h>
#include <utils/inval.h>
#include <utils/lsyscache.h>
#include <utils/memutils.h>
#include <utils/numeric.h>
#include <utils/rangetypes.h>
#include <utils/rel.h>
#include <utils/snapmgr.h>
#include <utils/syscache.h>
#include <utils/timestamp.h>
#include <utils/tuplestore.h>
#include <utils/typcache.h>
#include <utils/uuid.h>
}

// The server renames these; C++ code means the standard ones.
#undef _
#undef fprintf
#undef gettext
#undef printf
#undef snprintf
#undef sprintf
#undef strerror
#undef vfprintf
#undef vprintf
#undef vsnprintf
#undef vsprintf
