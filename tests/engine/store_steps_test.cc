// Steps through the public calls: what the next claim is handed, what is refused, what a restart,
// a power cut and FORGET BODY leave of them.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "idem/store.h"
#include "tests/support/requests.h"
#include "tests/support/test_store.h"

namespace idem {
namespace {

using absl::StatusCode;
using Steps = std::vector<Step>;

class StoreStepsTest : public StoreTest {
 protected:
  StoreStepsTest() {
    UseDisk(Durability::kAlways);
    options_.policy.max_response_bytes = 4096;
    options_.segment_bytes = 1 << 20;
    options_.restart_grace_ms = 0;
    Open();
  }

  static constexpr int64_t kLeaseMs = 1000;
  Claim ClaimIt() { return BeginClaim("k", {.lease_ms = kLeaseMs}); }
  Claim ClaimNext() {
    clock_.Advance(kLeaseMs);
    return ClaimIt();
  }
  Reply Shown() {
    Request get = engine::Get(Kind::kRecord, false);
    get.key = "k";
    return Execute(get);
  }
};

TEST_F(StoreStepsTest, AreHandedToTheNextClaimAndGoWithTheFinish) {
  Claim first = ClaimIt();
  EXPECT_TRUE(first.steps().empty());
  ASSERT_TRUE(first.Step("charge", "receipt 7").ok());
  ASSERT_TRUE(first.Step("note").ok());
  Claim second = ClaimNext();
  const Steps made = {{"charge", "receipt 7"}, {"note", ""}};
  EXPECT_EQ(second.steps(), made);
  EXPECT_EQ(first.Step("late").code(), StatusCode::kFailedPrecondition);
  ASSERT_TRUE(second.Step("mail").ok());
  ASSERT_TRUE(second.FailRetry().ok());
  Claim third = ClaimIt();
  const Claim moved = std::move(third);
  EXPECT_EQ(moved.steps(), (Steps{{"charge", "receipt 7"}, {"note", ""}, {"mail", ""}}));
  EXPECT_EQ(UnpackSteps(Shown().response.bytes()), moved.steps());
  Claim last = store_->Attach("k", moved.token());
  ASSERT_TRUE(last.Complete("done").ok());
  EXPECT_EQ(Begin<Replay>("k").response.bytes(), "done");
  EXPECT_EQ(Shown().response.size(), 0u);
  EXPECT_EQ(last.Step("more").code(), StatusCode::kAborted);
}

TEST_F(StoreStepsTest, TheSameStepAgainIsFineAndAnotherOneIsNot) {
  Claim claim = ClaimIt();
  ASSERT_TRUE(claim.Step("charge", "receipt 7").ok());
  const Lsn appended = store_->GetStats().log.appended;
  EXPECT_TRUE(claim.Step("charge", "receipt 7").ok());
  EXPECT_EQ(claim.Step("charge", "receipt 8").code(), StatusCode::kAborted);
  EXPECT_EQ(store_->GetStats().log.appended, appended);
  EXPECT_EQ(ClaimNext().steps(), (Steps{{"charge", "receipt 7"}}));
}

TEST_F(StoreStepsTest, WhoMadeAStepCannotRelease) {
  Claim claim = ClaimIt();
  ASSERT_TRUE(claim.Step("charge").ok());
  EXPECT_EQ(claim.Release().code(), StatusCode::kFailedPrecondition);
  EXPECT_TRUE(store_->Forget("k", /*force=*/true).ok());
  EXPECT_TRUE(ClaimIt().Release().ok());
}

TEST_F(StoreStepsTest, LimitsHold) {
  Claim claim = ClaimIt();
  EXPECT_EQ(claim.Step("").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(claim.Step(std::string(256, 'n')).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(claim.Step("n", std::string(4096, 'd')).code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(claim.Step("0", std::string(4096 - 17, 'd')).ok());
  EXPECT_TRUE(claim.Step("1", "d").ok());
  EXPECT_EQ(claim.Step("2", std::string(14, 'd')).code(), StatusCode::kInvalidArgument);
  for (char name = 'a'; name < 'a' + 14; ++name) {
    EXPECT_TRUE(claim.Step({&name, 1}).ok()) << name;
  }
  EXPECT_EQ(claim.Step("z").code(), StatusCode::kInvalidArgument) << "the seventeenth";
  EXPECT_TRUE(claim.Step("a").ok()) << "made already";
  EXPECT_EQ(ClaimNext().steps().size(), 16u);
}

TEST_F(StoreStepsTest, EverySizeIsKeptOverRestartsWithAndWithoutASnapshot) {
  const std::vector<size_t> sizes = {0, 1, 240, 300, 1000, 2000};
  for (const bool snapshot : {false, true}) {
    Claim claim = ClaimIt();
    Steps made;
    std::vector<std::string> kept;
    for (const size_t size : sizes) kept.push_back(std::string(size, 'd'));
    for (size_t i = 0; i < sizes.size(); ++i) {
      static constexpr std::string_view kNames[] = {"a", "b", "c", "d", "e", "f"};
      ASSERT_TRUE(claim.Step(kNames[i], kept[i]).ok());
      made.push_back({kNames[i], kept[i]});
      EXPECT_EQ(UnpackSteps(Shown().response.bytes()), made);
    }
    const Token token = std::move(claim).Detach();
    if (snapshot) {
      ASSERT_TRUE(store_->Snapshot().ok());
    }
    Open();
    EXPECT_EQ(ClaimNext().steps(), made);
    EXPECT_EQ(store_->Attach("k", token).Step("g").code(), StatusCode::kFailedPrecondition);
    ASSERT_TRUE(store_->Forget("k", true).ok());
  }
  ExpireAll();
  EXPECT_EQ(store_->GetStats().record_bytes, 0u);
}

TEST_F(StoreStepsTest, WhatWasToldSurvivesAPowerCut) {
  Claim claim = ClaimIt();
  ASSERT_TRUE(claim.Step("charge", std::string(300, 'r')).ok());
  const Token token = std::move(claim).Detach();
  const Request step = [&] {
    Request request = engine::MakeStep(token, "mail");
    request.key = "k";
    return request;
  }();
  const Reply told = Execute(step);
  EXPECT_GT(told.lsn, store_->committed()) << "may not be told yet";
  files_.Crash();
  files_.FailCall(1, absl::UnavailableError("no power"), /*keep_failing=*/true);
  store_.reset();
  files_.FailCall(0, absl::OkStatus());
  Open();
  EXPECT_EQ(ClaimNext().steps(), (Steps{{"charge", std::string(300, 'r')}}));
}

TEST_F(StoreStepsTest, StepsInATransactionFindTheirRoom) {
  const Token token = ClaimIt().token();
  for (const std::string_view name : {"a", "b", "c"}) {
    const std::string data(200, name[0]);
    Request requests[2] = {engine::MakeStep(token, name, data), engine::Put("v")};
    requests[0].key = "k";
    requests[1].key = "register";
    Reply replies[2];
    ASSERT_TRUE(store_->Transact(requests, replies));
    EXPECT_EQ(replies[0].outcome, Outcome::kOk);
  }
  EXPECT_EQ(ClaimNext().steps().size(), 3u);
}

TEST_F(StoreStepsTest, ForgetBodyKeepsTheFact) {
  for (const size_t size : {2u, 300u}) {
    const std::string response(size, 'r');
    const Token token = [&] {
      Claim claim = ClaimIt();
      EXPECT_TRUE(claim.Complete(response, {.code = 201}).ok());
      return claim.token();
    }();
    const uint64_t finishes = store_->GetStats().finishes;
    EXPECT_TRUE(store_->ForgetBody("k").ok());
    EXPECT_TRUE(store_->ForgetBody("k").ok());
    EXPECT_EQ(store_->GetStats().finishes, finishes);
    Open();
    const Replay replay = Begin<Replay>("k");
    EXPECT_TRUE(replay.response_omitted);
    EXPECT_EQ(replay.response_bytes, size);
    EXPECT_EQ(replay.response.bytes(), "");
    EXPECT_EQ(replay.code, 201);
    Claim attached = store_->Attach("k", token);
    EXPECT_TRUE(attached.Complete(response, {.code = 201}).ok()) << "the same finish, repeated";
    EXPECT_EQ(attached.Complete("x", {.code = 201}).code(), StatusCode::kAborted);
    ASSERT_TRUE(store_->Forget("k").ok());
  }
}

TEST_F(StoreStepsTest, ForgetBodyDropsTheDataOfSteps) {
  Claim claim = ClaimIt();
  EXPECT_TRUE(claim.Step("charge", std::string(300, 'r')).ok());
  EXPECT_TRUE(claim.Step("mail", "ann@example.org").ok());
  EXPECT_EQ(store_->ForgetBody("k").code(), StatusCode::kFailedPrecondition);
  EXPECT_TRUE(store_->ForgetBody("k", /*force=*/true).ok());
  EXPECT_TRUE(claim.FailRetry().ok()) << "the claim goes on";
  EXPECT_TRUE(store_->ForgetBody("k").ok());
  Open();
  EXPECT_EQ(ClaimIt().steps(), (Steps{{"charge", ""}, {"mail", ""}}));
  EXPECT_TRUE(store_->ForgetBody("unknown").ok());
}

}  // namespace
}  // namespace idem
