// The judge itself: histories made by hand, of which it is plain whether an order explains them.
#include "tests/support/linearizability.h"

#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "tests/support/requests.h"

namespace idem::engine {
namespace {

constexpr Token kFirst = 10;
constexpr Token kSecond = 20;

Reply Told(Outcome outcome) {
  Reply reply;
  reply.outcome = outcome;
  return reply;
}

Reply Claimed(Token token, uint32_t attempt = 1) {
  Reply reply = Told(Outcome::kClaimed);
  reply.token = token;
  reply.attempt = attempt;
  reply.lease_ms = 100;
  return reply;
}

Reply Running(int64_t age_ms) {
  Reply reply = Told(Outcome::kBusy);
  reply.attempt = 1;
  reply.age_ms = age_ms;
  reply.retry_after_ms = 100 - age_ms;
  return reply;
}

Request Claim() {
  Request begin = Begin({});
  begin.lease_ms = 100;
  begin.retention_ms = 1'000;
  return begin;
}

class LinearizabilityJudgeTest : public testing::Test {
 protected:
  // A call on one key, told as by a call that waits.
  void Call(uint64_t invoked, uint64_t returned, const Request& request, Reply told) {
    Unanswered(invoked, request);
    Event& event = history_.back();
    event.returned = returned;
    event.told = std::move(told);
    event.briefly = true;
  }
  void Unanswered(uint64_t invoked, const Request& request) {
    Event& event = history_.emplace_back();
    event.life = life_;
    event.invoked = invoked;
    event.request = request;
  }
  void Time(uint64_t invoked, uint64_t returned, int64_t now_ms) {
    history_.push_back({.kind = Event::Kind::kTime,
                        .life = life_,
                        .invoked = invoked,
                        .returned = returned,
                        .now_ms = now_ms});
  }
  void Reopen(uint64_t invoked, uint64_t returned, int64_t now_ms) {
    Time(invoked, returned, now_ms);
    history_.back().kind = Event::Kind::kReopen;
    ++life_;
  }
  bool HasOrder() const {
    Options options;
    options.restart_grace_ms = 0;
    return Linearize(options, 1, history_).wrong.empty();
  }

  int life_ = 0;
  History history_;
};

TEST_F(LinearizabilityJudgeTest, OneAfterTheOther) {
  Call(1, 2, Claim(), Claimed(kFirst));
  Call(3, 4, Claim(), Running(0));
  Call(5, 6, Complete(kFirst, "done"), Told(Outcome::kOk));
  Call(7, 8, Complete(kFirst, "other"), Told(Outcome::kConflict));
  EXPECT_TRUE(HasOrder());
}

TEST_F(LinearizabilityJudgeTest, TwoClaimsAtOnce) {
  Call(1, 4, Claim(), Claimed(kFirst));
  Call(2, 3, Claim(), Claimed(kSecond));
  EXPECT_FALSE(HasOrder());
}

TEST_F(LinearizabilityJudgeTest, CallsThatOverlapMayStandEitherWay) {
  Call(1, 4, Claim(), Running(0));
  Call(2, 3, Claim(), Claimed(kFirst));
  EXPECT_TRUE(HasOrder());
}

TEST_F(LinearizabilityJudgeTest, CallsThatDoNotOverlapMayNot) {
  Call(1, 2, Claim(), Running(0));
  Call(3, 4, Claim(), Claimed(kFirst));
  EXPECT_FALSE(HasOrder());
}

TEST_F(LinearizabilityJudgeTest, AFinishIsNotLost) {
  Call(1, 2, Claim(), Claimed(kFirst));
  Call(3, 4, Complete(kFirst, "done"), Told(Outcome::kOk));
  Call(5, 6, Claim(), Running(0));
  EXPECT_FALSE(HasOrder());
}

TEST_F(LinearizabilityJudgeTest, TokensOfAKeyRise) {
  Call(1, 2, Claim(), Claimed(kSecond));
  Call(3, 4, FailRetry(kSecond), Told(Outcome::kOk));
  Call(5, 6, Claim(), Claimed(kFirst, 2));
  EXPECT_FALSE(HasOrder());
}

TEST_F(LinearizabilityJudgeTest, ACallKnowsAMomentOfItsOwn) {
  Call(1, 2, Claim(), Claimed(kFirst));
  Time(4, 5, 51);
  Call(3, 6, Claim(), Running(0));
  Call(7, 8, Claim(), Running(50));
  EXPECT_TRUE(HasOrder());
  Call(9, 10, Claim(), Running(0));
  EXPECT_FALSE(HasOrder()) << "time went back";
}

TEST_F(LinearizabilityJudgeTest, WhatWasToldOutlivesTheStore) {
  Call(1, 2, Claim(), Claimed(kFirst));
  Call(3, 4, Complete(kFirst, "done"), Told(Outcome::kOk));
  Reopen(5, 6, 2);
  Call(7, 8, Complete(kFirst, "done"), Told(Outcome::kOk));
  EXPECT_TRUE(HasOrder());
  Call(9, 10, Remove(Kind::kRecord), Told(Outcome::kOk));
  Reopen(11, 12, 3);
  Call(13, 14, Complete(kFirst, "done"), Told(Outcome::kOk));
  EXPECT_FALSE(HasOrder());
}

TEST_F(LinearizabilityJudgeTest, WhatWasNotToldHappenedBeforeTheReopenOrNever) {
  const auto seen = [this](const Request& request, Outcome outcome) {
    history_.clear();
    life_ = 0;
    Call(1, 2, Claim(), Claimed(kFirst));
    Unanswered(3, Complete(kFirst, "done"));
    Unanswered(4, FailRetry(kFirst));
    Reopen(5, 6, 2);
    Call(7, 8, request, Told(outcome));
    return HasOrder();
  };
  EXPECT_TRUE(seen(Complete(kFirst, "other"), Outcome::kConflict)) << "completed or failed";
  EXPECT_TRUE(seen(Complete(kFirst, "done"), Outcome::kOk)) << "completed";
  EXPECT_TRUE(seen(Extend(kFirst, 10), Outcome::kOk)) << "it runs";
  Call(9, 10, Complete(kFirst, "other"), Told(Outcome::kConflict));
  EXPECT_FALSE(HasOrder()) << "it runs, and then a call from before has settled it";
}

TEST_F(LinearizabilityJudgeTest, ATokenThatNobodyWasToldIsFoundOut) {
  Unanswered(1, Claim());
  Reopen(2, 3, 2);
  Call(4, 5, Complete(kFirst, "done"), Told(Outcome::kFenced));
  Call(6, 7, Claim(), Running(1));
  EXPECT_TRUE(HasOrder());
}

TEST_F(LinearizabilityJudgeTest, TokensRiseOverAllKeys) {
  Call(1, 4, Claim(), Claimed(kSecond));
  Call(2, 3, Claim(), Claimed(kFirst));
  history_[1].request.key = "another";
  EXPECT_EQ(WrongTokens(history_), "") << "they overlap";
  history_[1].invoked = 5;
  history_[1].returned = 6;
  EXPECT_NE(WrongTokens(history_), "");
  history_[1].told = Claimed(kSecond);
  EXPECT_NE(WrongTokens(history_), "") << "given twice";
}

}  // namespace
}  // namespace idem::engine
