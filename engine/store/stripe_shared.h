// What all stripes of a store share: memory, tokens, the log. `tokens` and `log` may come after
// recovery, before the first Execute. Outlives the stripes; what it points to is somebody else's.
//
// The index has a pool of its own, so that its pages stand side by side: they are some
// seventeenth of all memory, and the TLB has room for that, not for the entries.
#ifndef IDEM_STORE_STRIPE_SHARED_H_
#define IDEM_STORE_STRIPE_SHARED_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/hash.h"
#include "base/page_pool.h"
#include "log/log.h"
#include "store/memory_meter.h"
#include "store/namespaces.h"
#include "store/token_source.h"

namespace idem::engine {

struct StripeShared {
  PagePool* entry_pool = nullptr;  // and of the wheel
  PagePool* index_pool = nullptr;
  MemoryMeter* memory = nullptr;
  TokenSource* tokens = nullptr;
  Log* log = nullptr;
  const HashSecret* table_secret = nullptr;
  const Namespaces* namespaces = nullptr;

  // Of the packed bytes: a UUID's text and the 16 bytes it spells meet in one place of the table.
  uint64_t HashOf(std::string_view key_bytes) const {
    return KeyedHash64(*table_secret, key_bytes);
  }
  // PagePool::Refill of both.
  bool RefillPages(size_t requests = 1) const {
    const bool entries_low = entry_pool->Refill(requests);
    const bool index_low = index_pool->Refill(requests);
    return entries_low || index_low;
  }
};

}  // namespace idem::engine

#endif  // IDEM_STORE_STRIPE_SHARED_H_
