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
    bool cold;         // there was no last look: whether a row was late is told by when it arrived

    statistics::SessionConfig config;
    statistics::FoldState fold;

    // False if the session is gone, or has no statistics.
    bool read();

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

    void add(const core::Observation &observation);
};

Series people_inside(Look &look);
// Of the samples; `all` is indexed by metric.
void read_samples(Look &look, uint32 metrics, Series *all);
// People of the last minute or hour; the ring is kept with the session, and brought up to date first.
void read_flows(Look &look, uint32 metrics, core::FlowRing &ring, Series *all);
Series exits_absorbed(Look &look);
Series detection_accuracy(Look &look);
// Silence is measured for a rule: its threshold is where the one interesting instant lies. `state` as it is before.
Series silence(Look &look, const Rule &rule, const core::AlertState &state);
Micros silence_due(const Look &look, const core::AlertRule &rule);

// When the level inside changes without a movement: the next reset or planned baseline; kEndOfTime if there is none.
Micros next_baseline(Look &look);

}  // namespace people_counter::alerting
