// The public calls, one by one, in memory mode: each answer, each error, and what they leave.
#include "idem/store.h"

#include <cstdint>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/test_store.h"

namespace idem {
namespace {

using absl::StatusCode;

class StoreCallsTest : public StoreTest {
 protected:
  StoreCallsTest() { Open(); }

  // A record that somebody else's request made.
  void PutRegister(std::string_view key) {
    Request put;
    put.op = Op::kPut;
    put.key = key;
    ASSERT_EQ(Execute(put).outcome, Outcome::kOk);
  }
};

// --- Begin

TEST_F(StoreCallsTest, BeginClaims) {
  const Claim claim = BeginClaim("k", {.lease_ms = 5000});
  EXPECT_EQ(claim.key(), "k");
  EXPECT_EQ(claim.attempt(), 1u);
  EXPECT_EQ(claim.lease_ms(), 5000);
  EXPECT_NE(claim.token(), 0u);
  EXPECT_LT(claim.token(), Token{1} << 53);
}

TEST_F(StoreCallsTest, BeginIsBusyWhileTheLeaseRuns) {
  const Claim claim = BeginClaim("k", {.lease_ms = 5000});
  clock_.Advance(1000);
  const Busy busy = Begin<Busy>("k");
  EXPECT_EQ(busy.reason, Busy::Reason::kRunning);
  EXPECT_EQ(busy.retry_after_ms, 4000);
  EXPECT_EQ(busy.age_ms, 1000);
  EXPECT_EQ(busy.attempt, 1u);
  clock_.Advance(4000);
  const Claim taken_over = BeginClaim("k");
  EXPECT_EQ(taken_over.attempt(), 2u);
  EXPECT_GT(taken_over.token(), claim.token());
}

TEST_F(StoreCallsTest, BeginIsBusyForWhatIsHeld) {
  const Claim claim = BeginClaim("k", {.lease_ms = 5000, .hold = true});
  clock_.Advance(5000);
  const Busy busy = Begin<Busy>("k");
  EXPECT_EQ(busy.reason, Busy::Reason::kHeld);
  EXPECT_EQ(busy.retry_after_ms, 0);
}

TEST_F(StoreCallsTest, BeginReplays) {
  ASSERT_TRUE(BeginClaim("k").Complete("done", {.code = 201, .retention_ms = 86'400'001}).ok());
  clock_.Advance(1000);
  const Replay replay = Begin<Replay>("k");
  EXPECT_EQ(replay.state, State::kCompleted);
  EXPECT_EQ(replay.code, 201);
  EXPECT_EQ(replay.response.bytes(), "done");
  EXPECT_EQ(replay.response_bytes, 4u);
  EXPECT_FALSE(replay.response_omitted);
  EXPECT_EQ(replay.age_ms, 1000);
  EXPECT_EQ(replay.ttl_ms, 86'399'001);
}

TEST_F(StoreCallsTest, BeginTellsAMismatch) {
  ASSERT_TRUE(BeginClaim("k", {}, store_->FingerprintOf({"a"})).Complete("secret").ok());
  EXPECT_EQ(Begin<Mismatch>("k", {}, store_->FingerprintOf({"b"})).state, State::kCompleted);
  EXPECT_EQ(Begin<Mismatch>("k").state, State::kCompleted);
  EXPECT_EQ(Begin<Replay>("k", {}, store_->FingerprintOf({"a"})).response.bytes(), "secret");
}

TEST_F(StoreCallsTest, BeginTellsWhatIsTooOld) {
  const int64_t issued_ms = clock_.WallMs();
  clock_.Advance(86'400'000);
  ClaimAndCrash("k", {.issued_unix_ms = issued_ms});
  clock_.Advance(1);
  Begin<TooOld>("other", {.issued_unix_ms = issued_ms});
}

TEST_F(StoreCallsTest, BeginFindsItsOwnersClaim) {
  const Claim claim = BeginClaim("k", {.owner = "ann"});
  clock_.Advance(20'000);
  const Claim again = BeginClaim("k", {.owner = "ann"});
  EXPECT_EQ(again.token(), claim.token());
  EXPECT_EQ(again.attempt(), 1u);
  EXPECT_EQ(again.lease_ms(), 30'000);
  Begin<Busy>("k", {.owner = "bob"});
}

TEST_F(StoreCallsTest, BeginErrors) {
  EXPECT_EQ(store_->Begin("", {}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->Begin(std::string(1025, 'k'), {}).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_TRUE(store_->Begin(std::string(1024, 'k'), {}).ok());
  EXPECT_EQ(store_->Begin("k", {}, {.lease_ms = 0}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->Begin("k", {}, {.lease_ms = 2, .retention_ms = 1}).status().code(),
            StatusCode::kInvalidArgument);
  PutRegister("register");
  EXPECT_EQ(store_->Begin("register", {}).status().code(), StatusCode::kFailedPrecondition);
}

// --- Claim

TEST_F(StoreCallsTest, CompleteIsSafeToRetry) {
  Claim claim = BeginClaim("k");
  EXPECT_TRUE(claim.Complete("done").ok());
  EXPECT_TRUE(claim.Complete("done").ok());
  EXPECT_EQ(claim.Complete("other").code(), StatusCode::kAborted);
  EXPECT_EQ(claim.FailFinal("done").code(), StatusCode::kAborted);
  EXPECT_EQ(claim.FailRetry().code(), StatusCode::kAborted);
  EXPECT_EQ(claim.Extend(1000).code(), StatusCode::kAborted);
  EXPECT_EQ(claim.Release().code(), StatusCode::kAborted);
  EXPECT_EQ(Begin<Replay>("k").response.bytes(), "done");
  EXPECT_EQ(store_->GetStats().finishes, 1u);
}

TEST_F(StoreCallsTest, FailFinalIsReplayed) {
  ASSERT_TRUE(BeginClaim("k").FailFinal("declined", {.code = 402}).ok());
  const Replay replay = Begin<Replay>("k");
  EXPECT_EQ(replay.state, State::kFailedFinal);
  EXPECT_EQ(replay.code, 402);
  EXPECT_EQ(replay.response.bytes(), "declined");
}

TEST_F(StoreCallsTest, FailRetryLetsTheNextOneTry) {
  ASSERT_TRUE(BeginClaim("k").FailRetry(1000).ok());
  const Busy busy = Begin<Busy>("k");
  EXPECT_EQ(busy.reason, Busy::Reason::kBackoff);
  EXPECT_EQ(busy.retry_after_ms, 1000);
  clock_.Advance(1000);
  EXPECT_EQ(BeginClaim("k").attempt(), 2u);
}

TEST_F(StoreCallsTest, ExtendKeepsTheClaim) {
  Claim claim = BeginClaim("k");
  clock_.Advance(20'000);
  EXPECT_TRUE(claim.Extend(30'000).ok());
  clock_.Advance(29'999);
  EXPECT_EQ(Begin<Busy>("k").retry_after_ms, 1);
  EXPECT_EQ(claim.Extend(0).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(claim.Extend(86'400'001).code(), StatusCode::kInvalidArgument);
}

TEST_F(StoreCallsTest, ReleaseForgetsTheClaim) {
  Claim claim = BeginClaim("k");
  EXPECT_TRUE(claim.Release().ok());
  EXPECT_EQ(claim.Release().code(), StatusCode::kNotFound);
  EXPECT_EQ(claim.Complete("late").code(), StatusCode::kNotFound);
  EXPECT_EQ(BeginClaim("k").attempt(), 1u);
}

TEST_F(StoreCallsTest, AStaleClaimIsFenced) {
  Claim stale = BeginClaim("k");
  clock_.Advance(30'000);
  Claim current = BeginClaim("k");
  for (const absl::Status& status : {stale.Complete("x"), stale.FailFinal("x"), stale.FailRetry(),
                                     stale.Extend(1000), stale.Release()}) {
    EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition) << status;
  }
  EXPECT_TRUE(current.Complete("y").ok());
  EXPECT_EQ(store_->GetStats().fenced, 5u);
}

TEST_F(StoreCallsTest, ALateCompleteBeforeATakeoverCounts) {
  Claim claim = BeginClaim("k");
  clock_.Advance(60'000);
  EXPECT_TRUE(claim.Complete("late").ok());
  EXPECT_EQ(Begin<Replay>("k").response.bytes(), "late");
}

TEST_F(StoreCallsTest, AnExpiredClaimIsUnknown) {
  Claim claim = BeginClaim("k", {.lease_ms = 1000, .retention_ms = 2000});
  clock_.Advance(3000);
  EXPECT_EQ(claim.Complete("x").code(), StatusCode::kNotFound);
}

TEST_F(StoreCallsTest, LimitsOfAFinish) {
  Claim claim = BeginClaim("k");
  const std::string huge((16 << 20) + 1, 'h');
  EXPECT_EQ(claim.Complete(huge).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(claim.Complete("x", {.retention_ms = 0}).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(claim.FailRetry(-1).code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(claim.Complete(std::string((1 << 20) + 1, 'l')).ok());
  const Replay replay = Begin<Replay>("k");
  EXPECT_TRUE(replay.response_omitted);
  EXPECT_EQ(replay.response_bytes, (1u << 20) + 1);
  EXPECT_EQ(replay.response.size(), 0u);
}

TEST_F(StoreCallsTest, DroppingAClaimSettlesNothing) {
  { const Claim claim = BeginClaim("k"); }
  EXPECT_EQ(Begin<Busy>("k").reason, Busy::Reason::kRunning);
}

TEST_F(StoreCallsTest, ADetachedClaimGoesOnElsewhere) {
  const Token token = BeginClaim("k").token();
  Claim attached = store_->Attach("k", token);
  EXPECT_EQ(attached.attempt(), 0u);
  EXPECT_EQ(attached.lease_ms(), 0);
  EXPECT_TRUE(attached.Extend(50'000).ok());
  const Token detached = std::move(attached).Detach();
  EXPECT_EQ(detached, token);
  EXPECT_TRUE(store_->Attach("k", detached).Complete("done").ok());
  EXPECT_EQ(store_->Attach("k", token + 1).Complete("x").code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->Attach("k", 0).Complete("x").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->Attach("unknown", token).Complete("x").code(), StatusCode::kNotFound);
}

TEST_F(StoreCallsTest, AClaimMoves) {
  Claim claim = BeginClaim("k");
  Claim moved = std::move(claim);
  EXPECT_EQ(moved.key(), "k");
  Claim assigned = BeginClaim("other");
  assigned = std::move(moved);
  EXPECT_TRUE(assigned.Complete("done").ok());
  EXPECT_EQ(Begin<Replay>("k").response.bytes(), "done");
}

// --- Forget

TEST_F(StoreCallsTest, ForgetDropsWhatIsFinished) {
  ASSERT_TRUE(BeginClaim("k").Complete("done").ok());
  EXPECT_TRUE(store_->Forget("k").ok());
  EXPECT_TRUE(store_->Forget("k").ok()) << "absent is forgotten";
  EXPECT_EQ(BeginClaim("k").attempt(), 1u);
}

TEST_F(StoreCallsTest, ForgetByForceFencesTheClaim) {
  Claim claim = BeginClaim("k");
  EXPECT_EQ(store_->Forget("k").code(), StatusCode::kFailedPrecondition);
  EXPECT_TRUE(store_->Forget("k", /*force=*/true).ok());
  EXPECT_EQ(claim.Complete("x").code(), StatusCode::kNotFound);
  ClaimAndCrash("k");
  EXPECT_EQ(claim.Complete("x").code(), StatusCode::kFailedPrecondition);
}

TEST_F(StoreCallsTest, ForgetIsForRecords) {
  PutRegister("register");
  EXPECT_EQ(store_->Forget("register", true).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->Forget("").code(), StatusCode::kInvalidArgument);
}

// --- fingerprints

TEST_F(StoreCallsTest, AFingerprintTellsItsPartsApart) {
  const Fingerprint fingerprint = store_->FingerprintOf({"ab", "c"});
  EXPECT_EQ(fingerprint.kind, Fingerprint::Kind::kBody);
  EXPECT_EQ(fingerprint, store_->FingerprintOf({"ab", "c"}));
  EXPECT_NE(fingerprint, store_->FingerprintOf({"a", "bc"}));
  EXPECT_NE(fingerprint, store_->FingerprintOf({"abc"}));
  EXPECT_NE(fingerprint, store_->FingerprintOf({"ab", "c", ""}));
  EXPECT_NE(fingerprint, store_->FingerprintOf({"c", "ab"}));
  EXPECT_NE(store_->FingerprintOf({}), store_->FingerprintOf({""}));
}

TEST_F(StoreCallsTest, DigestsHaveOneTo32Bytes) {
  EXPECT_EQ(store_->FingerprintOfDigest("").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->FingerprintOfDigest(std::string(33, 'd')).status().code(),
            StatusCode::kInvalidArgument);
  const Fingerprint longest = *store_->FingerprintOfDigest(std::string(32, 'd'));
  EXPECT_EQ(longest.kind, Fingerprint::Kind::kDigest);
  EXPECT_NE(longest, *store_->FingerprintOfDigest(std::string(31, 'd')));
  EXPECT_NE(*store_->FingerprintOfDigest("d"), store_->FingerprintOf({"d"}));
}

TEST_F(StoreCallsTest, EachStoreInMemoryHasASecretOfItsOwn) {
  const Fingerprint before = store_->FingerprintOf({"a"});
  Open();
  EXPECT_NE(store_->FingerprintOf({"a"}), before);
}

// --- what it tells about itself

TEST_F(StoreCallsTest, StatsCountWhatHappened) {
  Claim claim = BeginClaim("k");
  Begin<Busy>("k");
  clock_.Advance(30'000);
  Claim taken_over = BeginClaim("k");
  EXPECT_FALSE(claim.Complete("x").ok());
  EXPECT_TRUE(taken_over.Complete(std::string((1 << 20) + 1, 'l')).ok());
  Begin<Replay>("k");
  Begin<Mismatch>("k", {}, store_->FingerprintOf({"other"}));
  ClaimAndCrash("running");
  PutRegister("register");
  const Stats stats = store_->GetStats();
  EXPECT_EQ(stats.durability, Durability::kMemory);
  EXPECT_EQ(stats.store_id.size(), 36u);
  EXPECT_EQ(stats.records, 2u);
  EXPECT_EQ(stats.registers, 1u);
  EXPECT_EQ(stats.registers_with_deadline, 0u);
  EXPECT_EQ(stats.in_progress, 1u);
  EXPECT_EQ(stats.claims, 3u);
  EXPECT_EQ(stats.takeovers, 1u);
  EXPECT_EQ(stats.replays, 1u);
  EXPECT_EQ(stats.busy, 1u);
  EXPECT_EQ(stats.mismatches, 1u);
  EXPECT_EQ(stats.finishes, 1u);
  EXPECT_EQ(stats.fenced, 1u);
  EXPECT_EQ(stats.responses_omitted, 1u);
  EXPECT_EQ(stats.memory_limit_bytes, options_.memory_limit_bytes);
  EXPECT_GT(stats.memory_bytes, 0u);
  EXPECT_EQ(stats.log.committed, store_->committed());
}

TEST_F(StoreCallsTest, StatsTellHowLateRetriesCome) {
  EXPECT_TRUE(BeginClaim("k", {.retention_ms = 7'776'000'000}).Complete("done").ok());
  int64_t age_ms = 0;
  for (const int64_t bound_ms : kRetryAgesMs) {
    for (const int64_t at_ms : {bound_ms, bound_ms + 1}) {
      clock_.Advance(at_ms - age_ms);
      age_ms = at_ms;
      Begin<Replay>("k");
    }
  }
  Begin<TooOld>("other", {.issued_unix_ms = 1});
  const Stats stats = store_->GetStats();
  EXPECT_THAT(stats.replays_by_age, testing::ElementsAre(1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1));
  EXPECT_EQ(stats.replays, 20u);
  EXPECT_EQ(stats.replay_ages_ms, 2 * (1'000 + 10'000 + 60'000 + 600'000 + 3'600'000 + 21'600'000 +
                                       86'400'000 + 172'800'000 + 604'800'000 + 2'592'000'000) +
                                      10);
  EXPECT_EQ(stats.too_old, 1u);
}

TEST_F(StoreCallsTest, ExpiredEntriesAreFreedByASteppedStore) {
  for (int i = 0; i < 2000; ++i) {
    ClaimAndCrash("k" + std::to_string(i), {.lease_ms = 1, .retention_ms = 10});
  }
  clock_.Advance(20'000);
  ExpireAll();
  EXPECT_EQ(store_->GetStats().records, 0u);
  EXPECT_EQ(store_->GetStats().in_progress, 0u);
  EXPECT_EQ(store_->GetStats().expired, 2000u);
}

TEST_F(StoreCallsTest, TokensRiseOverRestartsInMemoryMode) {
  const Token before = BeginClaim("k").token();
  clock_.Advance(1000);
  Open();
  EXPECT_GT(BeginClaim("k").token(), before);
}

}  // namespace
}  // namespace idem
