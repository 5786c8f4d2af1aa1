// What is called of curl.
#pragma once

#include "pg/prelude.hpp"

namespace people_counter::delivery {

// curl resolves names in threads of its own. They inherit that signals are blocked, so that the server's handlers run
// in the one thread that they are made for.
template <class Call>
auto with_signals_blocked(Call &&call) {
    sigset_t before;
    sigprocmask(SIG_SETMASK, &BlockSig, &before);
    const auto result = call();
    sigprocmask(SIG_SETMASK, &before, nullptr);
    return result;
}

}  // namespace people_counter::delivery
