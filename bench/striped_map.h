// What people write when they need a table of seen requests in their process: std::unordered_map
// cut into stripes with a mutex each, and a deadline in every entry. The named peer of the store's
// benchmarks.
//
// It does less than a store: no fingerprint, token, lease or takeover, nothing is ever freed by
// time, and it stops to rehash a whole stripe. Thread-safe.
#ifndef IDEM_BENCH_STRIPED_MAP_H_
#define IDEM_BENCH_STRIPED_MAP_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace idem::bench {

class StripedMap {
 public:
  using Clock = std::chrono::steady_clock;

  // False: the key is there already.
  bool Claim(std::string_view key, Clock::duration lease) {
    Stripe& stripe = StripeOf(key);
    const Clock::time_point now = Clock::now();
    const std::lock_guard hold(stripe.mutex);
    auto [found, is_new] = stripe.entries.try_emplace(std::string(key));
    if (!is_new && now < found->second.deadline) return false;
    found->second.deadline = now + lease;
    return true;
  }

  void Complete(std::string_view key, std::string_view response, Clock::duration retention) {
    Stripe& stripe = StripeOf(key);
    const Clock::time_point now = Clock::now();
    const std::lock_guard hold(stripe.mutex);
    const auto found = stripe.entries.find(key);
    if (found == stripe.entries.end()) return;
    found->second.response = response;
    found->second.deadline = now + retention;
  }

  // Copies the response. False: there is no such key.
  bool Find(std::string_view key, std::string* response) {
    Stripe& stripe = StripeOf(key);
    const Clock::time_point now = Clock::now();
    const std::lock_guard hold(stripe.mutex);
    const auto found = stripe.entries.find(key);
    if (found == stripe.entries.end() || now >= found->second.deadline) return false;
    *response = found->second.response;
    return true;
  }

  void Erase(std::string_view key) {
    Stripe& stripe = StripeOf(key);
    const std::lock_guard hold(stripe.mutex);
    const auto found = stripe.entries.find(key);
    if (found != stripe.entries.end()) stripe.entries.erase(found);
  }

 private:
  static constexpr int kStripeBits = 6;  // as many as a store has

  struct Entry {
    std::string response;
    Clock::time_point deadline;
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view key) const { return std::hash<std::string_view>()(key); }
  };
  struct alignas(64) Stripe {
    std::mutex mutex;
    std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries;
  };

  Stripe& StripeOf(std::string_view key) {
    return stripes_[Hash()(key) >> (sizeof(size_t) * 8 - kStripeBits)];
  }

  std::array<Stripe, size_t{1} << kStripeBits> stripes_;
};

}  // namespace idem::bench

#endif  // IDEM_BENCH_STRIPED_MAP_H_
