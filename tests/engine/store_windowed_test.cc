// Begin with a WindowedKey: windows side by side count as one, and nothing runs twice across them.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "gtest/gtest.h"
#include "idem/store.h"
#include "tests/support/test_store.h"

namespace idem {
namespace {

constexpr int64_t kWindowMs = 60'000;
constexpr int64_t kRetentionMs = 600'000;
// Where a window begins, in time that the fake clock starts at.
constexpr int64_t kBorderMs = 1'800'000'000'000 / kWindowMs * kWindowMs;

// Runs something when the store asks for the wall's time. For a Begin that is just before it takes
// locks to claim: whatever it has looked at by then may be different afterwards.
class InterruptingClock final : public Clock {
 public:
  explicit InterruptingClock(const Clock* clock) : clock_(clock) {}

  int64_t BootMs() const override { return clock_->BootMs(); }
  int64_t WallMs() const override {
    if (const auto run = std::exchange(interrupt, nullptr)) run();
    return clock_->WallMs();
  }
  std::string BootId() const override { return clock_->BootId(); }

  mutable std::function<void()> interrupt;

 private:
  const Clock* clock_;
};

class StoreWindowedTest : public StoreTest {
 protected:
  StoreWindowedTest() {
    UseDisk(Durability::kAlways);
    Open();
  }

  WindowedKey Issued(int64_t unix_ms, std::string_view body = "two pizzas") const {
    return {store_->FingerprintOf({"POST /orders", body}), unix_ms, kWindowMs};
  }
  template <typename Kind>
  Kind Order(int64_t issued_unix_ms, std::string_view body = "two pizzas") {
    return std::get<Kind>(
        store_->Begin(Issued(issued_unix_ms, body), {.retention_ms = kRetentionMs}).value());
  }
  void Run(int64_t issued_unix_ms, std::string_view response) {
    Claim claim = Order<Claim>(issued_unix_ms);
    EXPECT_EQ(claim.attempt(), 1u);
    EXPECT_TRUE(claim.Complete(response).ok());
  }
  void ExpectReplay(int64_t issued_unix_ms, std::string_view response) {
    EXPECT_EQ(Order<Replay>(issued_unix_ms).response.bytes(), response) << issued_unix_ms;
  }
};

TEST_F(StoreWindowedTest, ARetryAcrossTheBorderIsADuplicate) {
  Claim claim = Order<Claim>(kBorderMs - 1);
  EXPECT_EQ(Order<Busy>(kBorderMs).reason, Busy::Reason::kRunning);
  EXPECT_TRUE(claim.Complete("order 1").ok());
  ExpectReplay(kBorderMs - 1, "order 1");
  ExpectReplay(kBorderMs, "order 1");
  EXPECT_EQ(store_->GetStats().records, 1u);
}

// A queue may deliver the retry before the request.
TEST_F(StoreWindowedTest, TheOrderOfArrivalDoesNotMatter) {
  Run(kBorderMs, "order 1");
  ExpectReplay(kBorderMs - 1, "order 1");
}

TEST_F(StoreWindowedTest, WhatWasIssuedWithinAWindowsLengthIsOne) {
  for (int64_t first = kBorderMs - kWindowMs; first < kBorderMs + kWindowMs; first += 7'001) {
    for (const int64_t apart : {-kWindowMs + 1, int64_t{-1}, int64_t{0}, kWindowMs - 1}) {
      const std::string body = "at " + std::to_string(first) + " and " + std::to_string(apart);
      const Claim claim = Order<Claim>(first, body);
      Order<Busy>(first + apart, body);
    }
  }
}

TEST_F(StoreWindowedTest, WhatWasIssuedTwoWindowsApartIsNot) {
  Run(kBorderMs, "order 1");
  Run(kBorderMs + 2 * kWindowMs, "order 2");
  Run(kBorderMs - 2 * kWindowMs, "order 0");
  ExpectReplay(kBorderMs + kWindowMs - 1, "order 1");
  ExpectReplay(kBorderMs - 2 * kWindowMs, "order 0");
}

TEST_F(StoreWindowedTest, AnotherRequestIsNotADuplicate) {
  Run(kBorderMs, "order 1");
  const Claim claim = Order<Claim>(kBorderMs, "three pizzas");
}

// A window that answers from its neighbour holds nothing itself: duplicates do not make a chain.
TEST_F(StoreWindowedTest, DuplicatesDoNotReachFurtherThanTheFirst) {
  Run(kBorderMs - 1, "order 1");
  ExpectReplay(kBorderMs + kWindowMs - 1, "order 1");
  Run(kBorderMs + kWindowMs, "order 2");
  ExpectReplay(kBorderMs + kWindowMs - 1, "order 1");  // between both: the earlier one's
}

TEST_F(StoreWindowedTest, TheNextAttemptTakesOverFromTheNeighbour) {
  const std::string key = [&] { return Order<Claim>(kBorderMs - 1).key(); }();
  clock_.Advance(options_.policy.default_lease_ms);
  Claim second = Order<Claim>(kBorderMs);
  EXPECT_EQ(second.attempt(), 2u);
  EXPECT_EQ(second.key(), key);
  EXPECT_TRUE(second.Complete("order 1").ok());
  ExpectReplay(kBorderMs, "order 1");
}

TEST_F(StoreWindowedTest, ACallerWhoComesBetweenIsSeen) {
  InterruptingClock clock(&clock_);
  options_.clock = &clock;
  Open();
  std::optional<Claim> other;
  clock.interrupt = [&] { other.emplace(Order<Claim>(kBorderMs)); };
  Order<Busy>(kBorderMs - 1);
  EXPECT_TRUE(other.has_value());
  store_.reset();  // before its clock
}

TEST_F(StoreWindowedTest, WhatWasForgottenIsNotInTheWay) {
  EXPECT_TRUE(Order<Claim>(kBorderMs - 1).Release().ok());
  Run(kBorderMs, "order 1");
  ExpectReplay(kBorderMs - 1, "order 1");
}

// The record of the first may be gone: a request that could belong to it does not run as new.
TEST_F(StoreWindowedTest, TooLateToKnowIsTooOld) {
  clock_.JumpWall(kBorderMs - clock_.WallMs());
  Run(kBorderMs, "order 1");
  const int64_t last_duplicate = kBorderMs + kWindowMs - 1;
  clock_.Advance(kRetentionMs - 1);
  ExpectReplay(last_duplicate, "order 1");
  clock_.Advance(1);
  Order<TooOld>(last_duplicate);
  Order<TooOld>(kBorderMs);
  const int64_t latest = clock_.WallMs() - kRetentionMs + 2 * kWindowMs;
  Order<TooOld>(latest - 1);
  const Claim claim = Order<Claim>(latest);
}

TEST_F(StoreWindowedTest, AScopeBeginsItsKeyAndHasItsPolicy) {
  options_.namespaces = {{.name = "orders", .policy = {.default_retention_ms = kRetentionMs}}};
  Open();
  WindowedKey key = Issued(kBorderMs);
  key.scope = "orders";
  const auto claim = std::get<Claim>(store_->Begin(key).value());
  EXPECT_EQ(claim.key().substr(0, 7), "orders:");
  EXPECT_TRUE(std::holds_alternative<Claim>(store_->Begin(Issued(kBorderMs)).value()));
  key.window_ms = kRetentionMs / 2;
  EXPECT_EQ(store_->Begin(key).status().message(), "two windows must be shorter than retention");
  key.scope = "others";
  EXPECT_TRUE(store_->Begin(key).ok()) << "the store's default retention is a day";
}

// For event loops: the same, and told under which key.
TEST_F(StoreWindowedTest, ExecuteFindsTheSameRecord) {
  const Claim claim = Order<Claim>(kBorderMs - 1);
  Request begin;
  begin.retention_ms = kRetentionMs;
  std::string stands;
  Reply reply;
  ASSERT_TRUE(store_->ExecuteWindowed(Issued(kBorderMs), begin, stands, reply).ok());
  EXPECT_EQ(reply.outcome, Outcome::kBusy);
  EXPECT_EQ(stands, claim.key());
  ASSERT_TRUE(store_->ExecuteWindowed(Issued(kBorderMs + kWindowMs), begin, stands, reply).ok());
  EXPECT_EQ(reply.outcome, Outcome::kClaimed);
  EXPECT_NE(stands, claim.key());
  EXPECT_GT(reply.lsn, store_->committed()) << "it does not wait";
}

TEST_F(StoreWindowedTest, HoldsOverARestart) {
  Run(kBorderMs - 1, "order 1");
  Open();
  ExpectReplay(kBorderMs, "order 1");
}

TEST_F(StoreWindowedTest, RefusesWhatPromisesNothing) {
  const auto why = [&](const WindowedKey& key, const BeginOptions& options = {}) {
    const absl::StatusOr<Answer> answer = store_->Begin(key, options);
    return std::string(answer.status().message());
  };
  WindowedKey key = Issued(kBorderMs);
  key.request = {};
  EXPECT_EQ(why(key), "a windowed key needs a fingerprint");
  EXPECT_EQ(why(Issued(0)), "time of issue must be positive milliseconds since 1970");
  key = Issued(kBorderMs);
  key.window_ms = 0;
  EXPECT_EQ(why(key), "window must be 1 ms or more");
  const int64_t two_windows = 2 * kWindowMs;
  EXPECT_EQ(why(Issued(kBorderMs), {.retention_ms = two_windows}),
            "two windows must be shorter than retention");
  EXPECT_EQ(why(Issued(kBorderMs), {.retention_ms = two_windows + 1}), "");
  EXPECT_EQ(why(Issued(kBorderMs, "b"), {.lease_ms = 0}),
            "lease must be 1 to 86400000 ms (24 hours)");
}

}  // namespace
}  // namespace idem
