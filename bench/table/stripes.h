// What the striped peers share: a map is cut into stripes, each behind a mutex, chosen by bits of
// the key's hash that the map under it does not look at first.
#ifndef IDEM_BENCH_TABLE_STRIPES_H_
#define IDEM_BENCH_TABLE_STRIPES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <string_view>

#include "bench/table/table.h"

namespace idem::bench {

template <typename Content>
class Stripes {
 public:
  explicit Stripes(uint32_t count) : count_(count), stripes_(new Stripe[count]) {}

  // Calls `act` with the content of the stripe under its lock.
  template <typename Act>
  auto With(uint64_t hash, Act&& act) {
    Stripe& stripe = stripes_[((hash >> 32) * count_) >> 32];
    const std::lock_guard hold(stripe.mutex);
    return act(stripe.content);
  }

 private:
  struct alignas(64) Stripe {
    std::mutex mutex;
    Content content;
  };

  const uint64_t count_;
  std::unique_ptr<Stripe[]> stripes_;
};

// A value that needs no allocation of its own.
struct InlineValue {
  static constexpr size_t kBytesMax = 100;

  InlineValue() = default;
  InlineValue(std::string_view response, int64_t deadline)
      : deadline_ms(deadline), bytes(static_cast<uint32_t>(response.size())) {
    if (response.size() > kBytesMax) Fail("too long a response");
    std::memcpy(text.data(), response.data(), response.size());
  }
  std::string_view response() const { return {text.data(), bytes}; }

  int64_t deadline_ms = 0;
  uint32_t bytes = 0;
  std::array<char, kBytesMax> text;
};

}  // namespace idem::bench

#endif  // IDEM_BENCH_TABLE_STRIPES_H_
