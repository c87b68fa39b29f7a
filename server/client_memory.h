// What the buffers of all clients may take together, and who has to go when that is too much.
//
//   a connection holds more ──► Charge ──► all within the limit?  ──► stays
//                                          not above its share?   ──► stays
//                                          else                   ──► must be dropped
//
// The share of a client is the limit divided by their number, so the sum stays below twice the
// limit whoever does what, and who asks and reads as others do is never dropped for what they hold.
// Charged is what was received and what waits to be sent, never what a header promises.
//
// Connections round what they hold to kStep, so most of them are never charged at all and nothing
// here is touched while they work.
//
// Thread-safe.
#ifndef IDEM_SERVER_CLIENT_MEMORY_H_
#define IDEM_SERVER_CLIENT_MEMORY_H_

#include <algorithm>
#include <atomic>
#include <cstddef>

namespace idem::server {

class ClientMemory {
 public:
  static constexpr size_t kStep = 16 << 10;

  explicit ClientMemory(size_t limit) : limit_(limit) {}
  ClientMemory(const ClientMemory&) = delete;
  ClientMemory& operator=(const ClientMemory&) = delete;

  // One of `clients` connections held `before` and now holds `after`. False: it must be dropped.
  bool Charge(size_t before, size_t after, int clients) {
    const size_t total =
        bytes_.fetch_add(after - before, std::memory_order_relaxed) + after - before;
    const bool takes_more = after > before;
    return !takes_more || total <= limit_ ||
           after <= limit_ / static_cast<size_t>(std::max(clients, 1));
  }
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  const size_t limit_;
  std::atomic<size_t> bytes_{0};
};

}  // namespace idem::server

#endif  // IDEM_SERVER_CLIENT_MEMORY_H_
