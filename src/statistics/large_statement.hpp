// The events of one statement on their way to the sessions they belong to, however many they are.
#pragma once

#include "pg/relations.hpp"
#include "statistics/transition_reader.hpp"

namespace people_counter::statistics {

// The events of one statement. Few of them are the rule and take no more than an array.
void apply_statement(const pg::Relations &relations, TransitionReader &reader);

}  // namespace people_counter::statistics
