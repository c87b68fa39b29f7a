// Has the memory fetched that requests for several places are about to look at, so that their
// misses of the cache overlap.
//
//   all: the line of the table ──► all: whose entry stands there ──► all: the lines of the entry
//
// The first and the last step are loops of nothing but fetches. One whose page is not in the TLB
// holds up what comes behind it until the page tables have been walked, some 200 ns in a virtual
// machine, and only the walks of fetches close to each other overlap. Between other work, such as
// hashing the next key, every fetch would cost its walk.
//
// Thread rule: from any thread, holding no stripe's lock.
#ifndef IDEM_STORE_FETCH_AHEAD_H_
#define IDEM_STORE_FETCH_AHEAD_H_

#include <cstddef>
#include <span>

#include "store/stripe.h"
#include "store/table.h"

namespace idem::engine {

// As many as are worth it at a time: a core has some 20 misses in flight.
inline constexpr size_t kFetchedTogetherMax = 32;

struct Spot {
  Stripe* stripe = nullptr;
  Table::Place place{};
};

// At most kFetchedTogetherMax spots.
void FetchAhead(std::span<const Spot> spots);

}  // namespace idem::engine

#endif  // IDEM_STORE_FETCH_AHEAD_H_
