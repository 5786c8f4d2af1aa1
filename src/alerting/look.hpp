// One look at one session: what is known of it, and the metrics of the rules as they went since the last look.
//
// Everything is palloc'd in the context of the look.
#pragma once

#include "alerting/rules.hpp"
#include "core/flow.hpp"
#include "statistics/base_scan.hpp"

namespace people_counter::alerting {

using core::Micros;

struct Look {
    const pg::Relations &relations;
    pg_uuid_t session;
    Snapshot snapshot;
    Micros now;
    Micros lag;        // what is older when it arrives is too late for an alert
    Micros installed;  // what was observed before is history
    Micros live_from;  // the earliest observation that arrived since the last look; kEndOfTime: none that counts
    Micros seen_to;    // where the last look ended
    bool late;         // something came that is older than what may fire an alert
    bool cold;         // there was no last look: whether a row was late is told by when it arrived

    statistics::SessionConfig config;
    statistics::FoldState fold;

    // False if the session is gone, or has no statistics. `known` is what its row said before; nullptr: to be read.
    bool read(const statistics::SessionConfig *known);

    // What is only carried on is observed no earlier than the last look ended: nothing before that is to be taken back.
    Micros carried_at(Micros time) const {
        const Micros looked = seen_to < now ? seen_to : now;
        return time > looked ? time : looked;
    }

    Micros walk_from() const { return live_from < seen_to ? live_from : seen_to; }
    bool is_live(Micros time) const { return time >= live_from && time >= installed; }
    // For rows, whose arrival is known.
    bool is_live(Micros time, Micros arrived) const { return is_live(time) && (!cold || arrived - time <= lag); }
};

// What a metric did: its observations in order of time, and until when it is known.
struct Series {
    core::Observation *observations;
    Size count;
    Size capacity;
    Micros known_to;   // until when what was observed tells the value
    Micros due_to;     // and until when it will if nothing else is observed
    Micros valid_for;  // how long an observation tells the value; 0: until the next
    bool has_current;  // and what it is now
    double current;
    double least;  // of the observations
    double greatest;

    void add(const core::Observation &observation);
};

// A level that an earlier look has found, kept with the session: what came since begins there.
struct LevelAnchor {
    Micros time;
    int64 level;  // just before `time`
    bool valid;
};

Series people_inside(Look &look, LevelAnchor &anchor);
// Of the samples; `all` is indexed by metric.
void read_samples(Look &look, uint32 metrics, Series *all);
// Passages of the last second that a ring has, in order of time, so that a look need not read all of it again.
struct Passage {
    Micros time;
    bool entered;
    bool live;
};
struct LastSecond {
    Passage *rows;
    Size count;
    Size capacity;
    int64 second;
};

// People of the last minute or hour; the ring is kept with the session in `context`, and brought up to date first.
void read_flows(Look &look, uint32 metrics, core::FlowRing &ring, LastSecond &last, MemoryContext context, Series *all);
Series exits_absorbed(Look &look);
Series detection_accuracy(Look &look);
// Silence is measured for a rule: its threshold is where the one interesting instant lies. `state` as it is before.
Series silence(Look &look, const Rule &rule, const core::AlertState &state);
Micros silence_due(const Look &look, const core::AlertRule &rule);

// When the level inside changes without a movement: the next reset or planned baseline; kEndOfTime if there is none.
Micros next_baseline(Look &look);

}  // namespace people_counter::alerting
