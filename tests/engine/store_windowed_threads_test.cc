// Callers on both sides of a window's border, all at once: one of them runs.
#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "idem/store.h"
#include "tests/support/test_size.h"
#include "tests/support/test_store.h"

namespace idem {
namespace {

constexpr int kThreads = 2;
constexpr int64_t kWindowMs = 1'000;
constexpr int64_t kBorderMs = 1'800'000'000'000;

// Orders that were issued twice, a millisecond before the border and at it.
class BothSides : public StoreTest {
 protected:
  BothSides() {
    options_.background = Background::kThreads;
    Open();
  }

  absl::StatusOr<Answer> Order(int thread, int round) {
    const int64_t issued_unix_ms = kBorderMs - 1 + thread;
    const Fingerprint order = store_->FingerprintOf({"order", std::to_string(round)});
    return store_->Begin({order, issued_unix_ms, kWindowMs});
  }
};

TEST_F(BothSides, OneRuns) {
  const int rounds = static_cast<int>(TestSize(10'000));
  std::atomic<int> arrivals{0};  // not a barrier: they must leave within less than a microsecond
  std::vector<std::atomic<int>> claims(static_cast<size_t>(rounds));
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int round = 0; round < rounds; ++round) {
        ++arrivals;
        while (arrivals < (round + 1) * kThreads) std::this_thread::yield();
        const absl::StatusOr<Answer> answer = Order(thread, round);
        if (std::holds_alternative<Claim>(answer.value())) ++claims[static_cast<size_t>(round)];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::atomic<int>& of_round : claims) ASSERT_EQ(of_round, 1);
  EXPECT_EQ(store_->GetStats().records, static_cast<uint64_t>(rounds));
}

// Whoever runs gives its claim back: the record comes and goes between the looks of the others.
TEST_F(BothSides, OneRunsAtATimeWhileClaimsAreReleased) {
  const int turns = static_cast<int>(TestSize(5'000));
  std::atomic<int> running{0};
  std::atomic<int> claimed{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int turn = 0; turn < turns; ++turn) {
        absl::StatusOr<Answer> answer = Order(thread, 0);
        Claim* const claim = std::get_if<Claim>(&answer.value());
        if (claim == nullptr) continue;
        ++claimed;
        EXPECT_EQ(++running, 1);
        --running;
        EXPECT_TRUE(claim->Release().ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(claimed, 0);
}

}  // namespace
}  // namespace idem
