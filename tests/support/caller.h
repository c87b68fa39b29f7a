// A thread's worth of random calls on a store, and what the thread sees of them. Half of them wait
// for their commit, as an application does (Store::Begin, Claim::Complete ..); the others go
// through Store::Execute, one or a few together, as a server's event loop does.
#ifndef IDEM_TESTS_SUPPORT_CALLER_H_
#define IDEM_TESTS_SUPPORT_CALLER_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <random>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "idem/store.h"
#include "tests/support/history.h"

namespace idem::engine {

// What all callers of a history share.
class CallersWorld {
 public:
  static constexpr size_t kKeys = 4;

  explicit CallersWorld(size_t keys) : keys_(keys) {}

  size_t keys() const { return keys_; }
  // Records and registers by turns, the last for both.
  static std::string_view KeyOf(size_t key);
  Moments& moments() { return moments_; }
  // The token that somebody heard of last. Relaxed: see Moments.
  Token TokenOf(size_t key) const { return tokens_[key].load(std::memory_order_relaxed); }
  void HeardOf(size_t key, Token token) { tokens_[key].store(token, std::memory_order_relaxed); }

 private:
  const size_t keys_;
  Moments moments_;
  std::array<std::atomic<Token>, kKeys> tokens_{};
};

class Caller {
 public:
  // One thread at a time. All outlive it.
  Caller(uint64_t seed, int thread, int life, Store* store, CallersWorld* world)
      : random_(seed), thread_(thread), life_(life), store_(store), world_(world) {}

  // So many random calls; fewer if the store answers no more.
  void Call(int count);
  // Asks for all that each key holds.
  void ReadAll();
  // What was refused for want of space, or because the log has failed, has done nothing and is left
  // out, and so is what has looked and may not be told.
  History TakeHistory();
  int refused() const { return refused_; }

 private:
  uint64_t Pick(uint64_t count) { return random_() % count; }
  bool OneIn(uint64_t count) { return Pick(count) == 0; }
  template <typename T, size_t kCount>
  T Any(const T (&choices)[kCount]) {
    return choices[Pick(kCount)];
  }
  Request SomeRequest();
  void Fill(Request& request);
  void FillBegin(Request& request);
  void FillPut(Request& request);
  void PickCondition(Request& request);
  Token PickToken();
  int64_t PickRetentionMs();
  std::string_view PickValue();

  Event& Begin(const Request& request);
  void End(Event& event);
  bool CallAndWait(const Request& request);
  absl::StatusOr<Reply> Wait(const Request& request);
  absl::Status Settle(const Request& request);
  bool Execute(std::span<const Request> requests);
  bool Committed(Lsn lsn);
  static void LeaveOut(Event& event) { event.invoked = 0; }

  std::mt19937_64 random_;
  const int thread_;
  const int life_;
  Store* const store_;
  CallersWorld* const world_;
  History history_;
  int refused_ = 0;
  size_t key_ = 0;  // of the request that is being made
  std::array<Token, CallersWorld::kKeys> own_tokens_{};
};

}  // namespace idem::engine

#endif  // IDEM_TESTS_SUPPORT_CALLER_H_
