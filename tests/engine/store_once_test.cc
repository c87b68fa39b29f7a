// Store::Once: runs the work once, or replays.
#include <cstdint>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "idem/store.h"
#include "tests/support/test_store.h"

namespace idem {
namespace {

using absl::StatusCode;

class StoreOnceTest : public StoreTest {
 protected:
  StoreOnceTest() { Open(); }

  absl::StatusOr<Replay> Once(const Store::Work& work, const BeginOptions& options = {}) {
    return store_->Once("k", {}, Counted(work), options);
  }
  absl::StatusOr<Replay> OnceReturning(std::string response, const BeginOptions& options = {}) {
    return Once([response](Claim&) { return response; }, options);
  }
  Store::Work Counted(const Store::Work& work) {
    return [this, work](Claim& claim) {
      ++runs_;
      return work(claim);
    };
  }

  int runs_ = 0;
};

TEST_F(StoreOnceTest, RunsOnceAndReplays) {
  const absl::StatusOr<Replay> first = OnceReturning("done", {.retention_ms = 100'000});
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->state, State::kCompleted);
  EXPECT_EQ(first->response.bytes(), "done");
  EXPECT_EQ(first->response_bytes, 4u);
  EXPECT_EQ(first->age_ms, 0);
  EXPECT_EQ(first->ttl_ms, 100'000);
  clock_.Advance(10);
  const absl::StatusOr<Replay> second = OnceReturning("other");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->response.bytes(), "done");
  EXPECT_EQ(second->age_ms, 10);
  EXPECT_EQ(second->ttl_ms, 99'990);
  EXPECT_EQ(runs_, 1);
}

TEST_F(StoreOnceTest, ALargeResponseIsTheSameFreshAndReplayed) {
  const std::string response(500'000, 'r');
  EXPECT_EQ(OnceReturning(response)->response.bytes(), response);
  EXPECT_EQ(OnceReturning("other")->response.bytes(), response);
  EXPECT_EQ(runs_, 1);
}

// The one who ran it has all of it; later ones are told that it was too large.
TEST_F(StoreOnceTest, AResponseTooLargeToKeepIsStillDone) {
  const std::string response(2'000'000, 'r');
  const Replay fresh = *OnceReturning(response);
  EXPECT_EQ(fresh.response.bytes(), response);
  EXPECT_FALSE(fresh.response_omitted);
  const Replay replay = *OnceReturning("other");
  EXPECT_TRUE(replay.response_omitted);
  EXPECT_EQ(replay.response_bytes, response.size());
  EXPECT_EQ(runs_, 1);
}

TEST_F(StoreOnceTest, TheWorkSeesItsClaim) {
  ASSERT_TRUE(Once(
                  [this](Claim& claim) {
                    EXPECT_EQ(claim.key(), "k");
                    EXPECT_EQ(claim.attempt(), 1u);
                    EXPECT_EQ(claim.lease_ms(), 7000);
                    EXPECT_EQ(Begin<Busy>("k").reason, Busy::Reason::kRunning);
                    return std::string("done");
                  },
                  {.lease_ms = 7000})
                  .ok());
}

TEST_F(StoreOnceTest, AnErrorLetsTheNextOneTry) {
  EXPECT_EQ(Once([](Claim&) { return absl::InternalError("no"); }).status(),
            absl::InternalError("no"));
  const Replay replay = *Once([](Claim& claim) -> absl::StatusOr<std::string> {
    return "attempt " + std::to_string(claim.attempt());
  });
  EXPECT_EQ(replay.response.bytes(), "attempt 2");
}

TEST_F(StoreOnceTest, ErrorsOfItsBegin) {
  const Claim claim = BeginClaim("k");
  const absl::Status busy = OnceReturning("x").status();
  EXPECT_EQ(busy.code(), StatusCode::kUnavailable);
  EXPECT_NE(busy.message().find("30000 ms"), absl::string_view::npos) << busy;
  const Fingerprint other = store_->FingerprintOf({"other"});
  const auto work = [](Claim&) { return std::string(); };
  EXPECT_EQ(store_->Once("k", other, work).status().code(), StatusCode::kAborted);
  EXPECT_EQ(store_->Once("old", {}, work, {.issued_unix_ms = 1}).status().code(),
            StatusCode::kOutOfRange);
  EXPECT_EQ(store_->Once("", {}, work).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(runs_, 0);
}

TEST_F(StoreOnceTest, AHeldRecordIsBusyForGood) {
  EXPECT_FALSE(Once([](Claim&) { return absl::InternalError("crashed"); }, {.hold = true}).ok());
  ClaimAndCrash("k", {.hold = true});
  clock_.Advance(100'000);
  const absl::Status status = OnceReturning("x").status();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_NE(status.message().find("operator"), absl::string_view::npos) << status;
}

// --- the work settles its claim itself

TEST_F(StoreOnceTest, CompletedByTheWork) {
  const Replay replay = *Once([](Claim& claim) {
    EXPECT_TRUE(claim.Complete("by itself", {.code = 201}).ok());
    return std::string("returned");
  });
  EXPECT_EQ(replay.response.bytes(), "by itself");
  EXPECT_EQ(replay.code, 201);
  EXPECT_EQ(OnceReturning("x")->response.bytes(), "by itself");
}

TEST_F(StoreOnceTest, FailedForGoodByTheWork) {
  const Replay replay = *Once([](Claim& claim) {
    EXPECT_TRUE(claim.FailFinal("declined").ok());
    return std::string("returned");
  });
  EXPECT_EQ(replay.state, State::kFailedFinal);
  EXPECT_EQ(replay.response.bytes(), "declined");
}

TEST_F(StoreOnceTest, SettledAndThenAnError) {
  const absl::Status status = Once([](Claim& claim) -> absl::StatusOr<std::string> {
                                EXPECT_TRUE(claim.FailFinal("declined").ok());
                                return absl::InternalError("declined");
                              }).status();
  EXPECT_EQ(status, absl::InternalError("declined"));
  EXPECT_EQ(Begin<Replay>("k").response.bytes(), "declined") << "the error changed nothing";
}

// Nobody may be left with a claim that nobody works on.
TEST_F(StoreOnceTest, FailedForRetryByTheWork) {
  const absl::Status status = Once([](Claim& claim) -> absl::StatusOr<std::string> {
                                EXPECT_TRUE(claim.FailRetry().ok());
                                return "returned all the same";
                              }).status();
  EXPECT_EQ(status.code(), StatusCode::kAborted);
  EXPECT_EQ(BeginClaim("k").attempt(), 2u) << "the key is free";
}

TEST_F(StoreOnceTest, ReleasedByTheWork) {
  const absl::Status status = Once([](Claim& claim) -> absl::StatusOr<std::string> {
                                EXPECT_TRUE(claim.Release().ok());
                                return "returned all the same";
                              }).status();
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_EQ(BeginClaim("k").attempt(), 1u);
}

TEST_F(StoreOnceTest, TakenOverMeanwhile) {
  const absl::Status status = Once([this](Claim& claim) -> absl::StatusOr<std::string> {
                                clock_.Advance(claim.lease_ms());
                                EXPECT_TRUE(BeginClaim("k").Complete("by the other").ok());
                                return "too late";
                              }).status();
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(Begin<Replay>("k").response.bytes(), "by the other");
}

// --- the lease while the work runs

TEST_F(StoreOnceTest, TheLeaseIsKeptWhileTheWorkRuns) {
  const Replay replay = *Once([this](Claim& claim) {
    for (int i = 0; i < 30; ++i) {
      clock_.Advance(claim.lease_ms() / 3);
      store_->Step(Store::StepKind::kExpire);
      EXPECT_GT(Begin<Busy>("k").retry_after_ms, claim.lease_ms() / 2);
    }
    return std::string("done");
  });
  EXPECT_EQ(replay.response.bytes(), "done");
}

TEST_F(StoreOnceTest, TheLeaseIsNotKeptAfterwards) {
  EXPECT_FALSE(Once([](Claim&) { return absl::InternalError("no"); }).ok());
  ClaimAndCrash("k");
  for (int i = 0; i < 3; ++i) {
    clock_.Advance(10'000);
    store_->Step(Store::StepKind::kExpire);
  }
  EXPECT_EQ(BeginClaim("k").attempt(), 3u);
}

TEST_F(StoreOnceTest, AShortLeaseIsKeptToo) {
  EXPECT_TRUE(Once(
                  [this](Claim&) {
                    for (int i = 0; i < 10; ++i) {
                      clock_.Advance(1);
                      store_->Step(Store::StepKind::kExpire);
                    }
                    return std::string("done");
                  },
                  {.lease_ms = 2})
                  .ok());
}

}  // namespace
}  // namespace idem
