// Is there an order of these calls, one at a time, that explains every answer?
//
// Each call must fall between the moment it was made and the moment it was answered (Herlihy and
// Wing). Keys do not know of each other, so each is judged by itself: what it may answer says the
// Model (model.h), a map under one thread, and no part of the engine. The search is that of Wing
// and Gong: try each call that may be next, go on from there, come back if that leads nowhere. What
// was tried is remembered, as Lowe does: the same calls done and the same state need no second
// look.
//
// Time passes as an event among others: a call knows some moment between its own two ends, and time
// never goes back. A call without an answer took effect at any time until the store was opened
// again, or never; one with an answer did, whatever happened to the store later.
//
// WrongTokens (history.h) looks at what concerns all keys together.
#ifndef IDEM_TESTS_SUPPORT_LINEARIZABILITY_H_
#define IDEM_TESTS_SUPPORT_LINEARIZABILITY_H_

#include <string>

#include "idem/options.h"
#include "tests/support/history.h"

namespace idem::engine {

struct Verdict {
  std::string wrong;  // empty: an order exists for each key. Else the calls, and the furthest way
  int64_t tried = 0;  // calls put next to each other, all keys together
  int64_t concurrent = 0;  // times that two or more calls could have been next
};

// Each event's key is judged in a store that was opened at store time `opened_ms` and was empty.
// At most 512 events concern one key.
Verdict Linearize(const Options& options, int64_t opened_ms, const History& history);

}  // namespace idem::engine

#endif  // IDEM_TESTS_SUPPORT_LINEARIZABILITY_H_
