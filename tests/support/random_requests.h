// Requests at random, aimed at what matters: few keys, tokens that are current or were, the same
// finish sent twice, values around every size at which they are kept in another way, and times that
// fall on the millisecond at which something turns.
#ifndef IDEM_TESTS_SUPPORT_RANDOM_REQUESTS_H_
#define IDEM_TESTS_SUPPORT_RANDOM_REQUESTS_H_

#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "idem/request.h"
#include "tests/support/model.h"

namespace idem::engine {

// What a run is like.
struct Traffic {
  int64_t keys = 12;
  std::vector<size_t> value_bytes = {0, 1, 10, 255, 256, 257, 300};
  // Leases and pauses are up to this, retentions up to eight times as much.
  int64_t lease_ms_max = 40;
  int64_t time_step_ms_max = 40;
  // One step of time in 1 / this is an hour to a hundred days long; 0: none is.
  int64_t long_steps = 2'000;
  // Requests in a transaction; 64 are the limit.
  int64_t transaction_max = 66;
};

class RandomRequests {
 public:
  RandomRequests(uint64_t seed, const Traffic& traffic, const Model* model);

  // The views of a request stay valid until the next batch.
  std::vector<Request> Batch(int64_t count);
  // How far time goes on before the next batch; often not at all.
  int64_t TimeStepMs();
  // 0 .. count - 1.
  int64_t Pick(int64_t count) {
    return static_cast<int64_t>(random_() % static_cast<uint64_t>(count));
  }
  bool OneIn(int64_t count) { return Pick(count) == 0; }

 private:
  Request Next();
  void Fill(Request& request);
  void FillBegin(Request& request);
  void FillSeq(Request& request);
  void FillFinish(Request& request);
  void FillStep(Request& request);
  void FillPut(Request& request);
  void Spoil(Request& request);
  Op PickOp(int64_t key);
  Token PickToken(const std::string& key);
  std::string_view PickValue(int64_t key);
  Fingerprint PickFingerprint(int64_t key);
  int64_t PickMs(int64_t max_ms);
  void PickCondition(Request& request);
  std::string_view Keep(std::string text) { return kept_.emplace_back(std::move(text)); }
  template <typename T, size_t kCount>
  T Any(const T (&choices)[kCount]) {
    return choices[Pick(static_cast<int64_t>(kCount))];
  }

  const Traffic traffic_;
  const Model* const model_;
  std::mt19937_64 random_;
  int64_t key_ = 0;  // of the request that is being made
  std::deque<std::string> kept_;
};

// For a failure's message.
std::string Text(const Request& request);

}  // namespace idem::engine

#endif  // IDEM_TESTS_SUPPORT_RANDOM_REQUESTS_H_
