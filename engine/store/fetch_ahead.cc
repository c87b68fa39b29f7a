#include "store/fetch_ahead.h"

#include <array>

#include "base/check.h"
#include "store/entry.h"

namespace idem::engine {

void FetchAhead(std::span<const Spot> spots) {
  IDEM_CHECK(spots.size() <= kFetchedTogetherMax);
  std::array<Stripe::Whereabouts, kFetchedTogetherMax> all;
  for (const Spot& spot : spots) spot.stripe->PrefetchSlot(spot.place);
  for (size_t i = 0; i < spots.size(); ++i) all[i] = spots[i].stripe->EntryAt(spots[i].place);
  for (const Stripe::Whereabouts& there : std::span(all).first(spots.size())) {
    if (there.entry == nullptr) continue;  // the stripe has had no entry yet
    if (there.is_new) Arena::PrefetchHeader(there.entry);
    PrefetchEntry(there.entry);
  }
}

}  // namespace idem::engine
