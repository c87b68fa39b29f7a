// Calls that do not wait for their own commit: they wait for what they saw, and nobody is shown
// what a crash could still undo.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <random>
#include <string>

#include "gtest/gtest.h"
#include "idem/store.h"
#include "tests/support/requests.h"
#include "tests/support/test_size.h"
#include "tests/support/test_store.h"

namespace idem {
namespace {

using engine::Ask;
using engine::Complete;
using engine::FailRetry;

constexpr std::string_view kKey = engine::kKey;

Request NoWait(Request request) {
  request.nowait = true;
  return request;
}

class StoreNoWaitTest : public StoreTest {
 protected:
  StoreNoWaitTest() {
    UseDisk(Durability::kAlways);
    options_.policy.max_response_bytes = 4096;
    options_.segment_bytes = 64 << 10;
    options_.stripes = 1;  // one last removal for all
    options_.restart_grace_ms = 0;
  }

  void Commit() {
    while (store_->Step(Store::StepKind::kCommit)) {
    }
  }
  // Before the store is destroyed, which would commit.
  void PowerCut() {
    files_.Crash();
    files_.FailCall(1, absl::UnavailableError("no power"), /*keep_failing=*/true);
    store_.reset();
    files_.FailCall(0, absl::OkStatus());
    Open();
  }
  bool MayLeave(const Reply& reply) const { return reply.lsn <= store_->committed(); }
  Reply BeginAgain() { return Execute(Ask(Op::kBegin)); }
};

TEST_F(StoreNoWaitTest, AClaimOfAFreshKeyWaitsForNothing) {
  Open();
  const Reply claim = Execute(NoWait(Ask(Op::kBegin)));
  EXPECT_EQ(claim.outcome, Outcome::kClaimed);
  EXPECT_TRUE(MayLeave(claim));
  EXPECT_EQ(store_->committed(), 0u);
  const Reply busy = BeginAgain();
  EXPECT_EQ(busy.outcome, Outcome::kBusy);
  EXPECT_FALSE(MayLeave(busy)) << "what another caller sees must be durable";
  Commit();
  EXPECT_TRUE(MayLeave(busy));
}

TEST_F(StoreNoWaitTest, ALostClaimIsNobodysAndItsTokenIsWorthNothing) {
  Open();
  const Token lost = Execute(NoWait(Ask(Op::kBegin))).token;
  PowerCut();
  EXPECT_EQ(Execute(Complete(lost, "late")).outcome, Outcome::kUnknownKey);
  const Reply claim = BeginAgain();
  EXPECT_EQ(claim.outcome, Outcome::kClaimed);
  EXPECT_EQ(claim.attempt, 1u);
  EXPECT_GT(claim.token, lost);
  EXPECT_EQ(Execute(Complete(lost, "late")).outcome, Outcome::kFenced);
}

TEST_F(StoreNoWaitTest, AFinishWaitsForTheClaimThatItSaw) {
  Open();
  const Reply claim = BeginAgain();
  const Reply finish = Execute(NoWait(Complete(claim.token, "done")));
  EXPECT_EQ(finish.outcome, Outcome::kOk);
  EXPECT_EQ(finish.lsn, claim.lsn);
  EXPECT_FALSE(MayLeave(finish));
  EXPECT_TRUE(store_->Commit());
  EXPECT_TRUE(MayLeave(finish));
}

TEST_F(StoreNoWaitTest, ALostFinishLeavesTheClaim) {
  Open();
  const Token token = BeginAgain().token;
  Commit();
  EXPECT_TRUE(MayLeave(Execute(NoWait(Complete(token, "done")))));
  const Reply replay = BeginAgain();
  EXPECT_EQ(replay.outcome, Outcome::kReplay);
  EXPECT_FALSE(MayLeave(replay)) << "nobody is told of a finish that a crash can undo";
  PowerCut();
  EXPECT_EQ(BeginAgain().outcome, Outcome::kBusy);
  EXPECT_EQ(Execute(Complete(token, "done")).outcome, Outcome::kOk) << "telling it again is safe";
}

TEST_F(StoreNoWaitTest, WaitsForTheRemovalThatItSaw) {
  Open();
  const Token token = BeginAgain().token;
  Commit();
  const Reply removal = Execute(engine::Release(token));
  const Reply claim = Execute(NoWait(Ask(Op::kBegin)));
  EXPECT_EQ(claim.outcome, Outcome::kClaimed);
  EXPECT_EQ(claim.lsn, removal.lsn);
  EXPECT_FALSE(MayLeave(claim)) << "or two callers have the claim after a crash";
}

TEST_F(StoreNoWaitTest, IsCommittedAllTheSame) {
  options_.background = Background::kThreads;
  Open();
  BeginOptions begin;
  begin.nowait = true;
  FinishOptions finish;
  finish.nowait = true;
  Claim claim = BeginClaim(kKey, begin);
  EXPECT_TRUE(claim.Complete("done", finish).ok());
  EXPECT_EQ(Begin<Replay>(kKey).response.bytes(), "done");
  EXPECT_EQ(store_->synced(), 2u);
  store_.reset();
  files_.Crash();
  Open();
  EXPECT_EQ(Begin<Replay>(kKey).response.bytes(), "done");
}

TEST_F(StoreNoWaitTest, ATransactionTakesNoNotice) {
  Open();
  const Request request = NoWait(Ask(Op::kBegin));
  Reply reply;
  EXPECT_TRUE(store_->Transact({&request, 1}, {&reply, 1}));
  EXPECT_EQ(reply.lsn, 1u);
}

// The rule itself, call by call: a reply waits for the last change of its key, or for the last
// removal if it tells of an absence; for its own change only if it did not ask otherwise.
class Rule {
 public:
  void Check(const Request& request, const Reply& reply, Lsn appended) {
    const std::string key(request.key);
    const auto found = changed_.find(key);
    const Lsn seen = found == changed_.end() ? removal_ : found->second;
    EXPECT_EQ(reply.lsn, reply.changed && !request.nowait ? appended : seen);
    if (!reply.changed) return;
    if (reply.state == State::kAbsent) {
      changed_.erase(key);
      removal_ = appended;
    } else {
      changed_[key] = appended;
    }
  }

 private:
  std::map<std::string, Lsn> changed_;
  Lsn removal_ = 0;
};

Request RandomRequest(std::mt19937_64& random, const std::string& key, Token token) {
  const Request requests[] = {
      Ask(Op::kBegin),  Ask(Op::kGet),          Complete(token, "done"),
      FailRetry(token), engine::Release(token), engine::Remove(Kind::kRecord, random() % 2 == 0)};
  Request request = requests[random() % std::size(requests)];
  request.key = key;
  request.nowait = random() % 2 == 0;
  return request;
}

TEST_F(StoreNoWaitTest, EveryReplyWaitsForWhatItSawAndForNoMore) {
  const char* const given = std::getenv("IDEM_SEED");
  const uint64_t seed = given == nullptr ? 1 : std::strtoull(given, nullptr, 10);
  SCOPED_TRACE("replay with IDEM_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  Open();
  Rule rule;
  std::map<std::string, Token> tokens;  // of the last claim of each key
  const int64_t calls = TestSize(20'000);
  for (int64_t i = 0; i < calls && !HasFailure(); ++i) {
    if (random() % 8 == 0) Commit();
    if (random() % 64 == 0) store_->Step(Store::StepKind::kPrepareSegment);
    const std::string key = "key" + std::to_string(random() % 5);
    const Request request = RandomRequest(random, key, std::max<Token>(1, tokens[key]));
    Reply reply;
    while (store_->Execute({&request, 1}, {&reply, 1}) == 0) {
      Commit();
      store_->Step(Store::StepKind::kPrepareSegment);
    }
    rule.Check(request, reply, store_->GetStats().log.appended);
    if (reply.outcome == Outcome::kClaimed) tokens[key] = reply.token;
  }
}

}  // namespace
}  // namespace idem
