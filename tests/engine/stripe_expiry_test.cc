// When entries are forgotten, and when they are freed.
#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/one_stripe.h"
#include "tests/support/requests.h"
#include "tests/support/seeds.h"
#include "tests/support/test_size.h"

namespace idem::engine {
namespace {

constexpr int64_t kDayMs = 86'400'000;

class StripeExpiryTest : public testing::Test {
 protected:
  ~StripeExpiryTest() override { one_.stripe.CheckInvariants(); }

  Reply Do(const Request& request) { return one_.Do(request); }
  Outcome State() { return Do(Get(Kind::kAny, false)).outcome; }
  // What has to happen by now has happened.
  uint64_t EntriesAfterExpiry() {
    one_.ExpireAll();
    return one_.entries();
  }

  OneStripe one_;
};

TEST_F(StripeExpiryTest, IsExactOnAccess) {
  const Reply claimed = Do(Begin({}));
  Request complete = Complete(claimed.token, "done");
  complete.retention_ms = kDayMs;
  EXPECT_EQ(Do(complete).outcome, Outcome::kOk);
  one_.Advance(kDayMs - 1);
  EXPECT_EQ(Do(Begin({})).outcome, Outcome::kReplay);
  EXPECT_EQ(Do(Begin({})).ttl_ms, 1);
  one_.Advance(1);
  EXPECT_EQ(State(), Outcome::kAbsent);
  EXPECT_EQ(Do(complete).outcome, Outcome::kUnknownKey);
  EXPECT_EQ(one_.entries(), 1u) << "nobody has freed it yet";
  const Reply again = Do(Begin({}));
  EXPECT_EQ(again.outcome, Outcome::kClaimed);
  EXPECT_EQ(again.attempt, 1u);
  EXPECT_GT(again.token, claimed.token);
  EXPECT_EQ(one_.entries(), 1u) << "the new claim stands in its place";
  EXPECT_EQ(one_.stats().expired, 0u);
}

TEST_F(StripeExpiryTest, TheWheelFreesOneTickAfterTheDeadline) {
  for (int64_t ttl_ms = 1; ttl_ms <= 200; ++ttl_ms) {
    Do(Put("v", ttl_ms));
    one_.Advance(ttl_ms - 1);
    EXPECT_EQ(EntriesAfterExpiry(), 1u) << ttl_ms;
    one_.Advance(kTickMs);
    EXPECT_EQ(EntriesAfterExpiry(), 0u) << ttl_ms;
    EXPECT_EQ(one_.stats().expired, static_cast<uint64_t>(ttl_ms));
  }
}

TEST_F(StripeExpiryTest, ALaterDeadlineCounts) {
  Do(Put("v", 1000));
  one_.Advance(500);
  Do(SetDeadline(2000));
  one_.Advance(1999);
  EXPECT_EQ(EntriesAfterExpiry(), 1u);
  EXPECT_EQ(State(), Outcome::kOk);
  one_.Advance(1 + kTickMs);
  EXPECT_EQ(EntriesAfterExpiry(), 0u);
}

TEST_F(StripeExpiryTest, AnEarlierDeadlineCountsWithinItsSlack) {
  Do(Put("v", kDayMs));
  Do(SetDeadline(16'000));
  one_.Advance(16'000);
  EXPECT_EQ(State(), Outcome::kAbsent);
  one_.Advance(1000 + kTickMs);  // a sixteenth
  EXPECT_EQ(EntriesAfterExpiry(), 0u);
}

TEST_F(StripeExpiryTest, WithoutADeadlineItStays) {
  Do(Put("v", 1000));
  Do(SetDeadline(0));
  one_.Advance(1000 * kDayMs);
  EXPECT_EQ(EntriesAfterExpiry(), 1u);
  EXPECT_EQ(State(), Outcome::kOk);
  Do(SetDeadline(1000));
  one_.Advance(1000 + kTickMs);
  EXPECT_EQ(EntriesAfterExpiry(), 0u);
}

TEST_F(StripeExpiryTest, AHeldRecordStaysUntilItIsFinished) {
  Request begin = Begin({});
  begin.hold = true;
  const Reply claimed = Do(begin);
  one_.Advance(1000 * kDayMs);
  EXPECT_EQ(EntriesAfterExpiry(), 1u);
  EXPECT_EQ(Do(Complete(claimed.token, "late")).outcome, Outcome::kOk);
  one_.Advance(one_.policy.default_retention_ms + kTickMs);
  EXPECT_EQ(EntriesAfterExpiry(), 0u);
}

TEST_F(StripeExpiryTest, HeartbeatsTakeNoMemory) {
  const Token token = Do(Begin({})).token;
  for (int i = 0; i < 10'000; ++i) {
    one_.Advance(10'000);
    ASSERT_EQ(Do(Extend(token, 30'000)).outcome, Outcome::kOk);
    one_.Expire(100);
  }
  EXPECT_LT(one_.memory.used(), 32u << 10) << "a page of the table, and little of the wheel";
}

TEST_F(StripeExpiryTest, AnItemOfAnEarlierLifeDoesNoHarm) {
  Do(Put("v", 1000));
  Do(Remove(Kind::kRegister));
  Do(Put("v", 2000));
  Do(Remove(Kind::kRegister));
  Do(Put("v", 1000));
  one_.Advance(999);
  EXPECT_EQ(EntriesAfterExpiry(), 1u);
  one_.Advance(1 + kTickMs);
  EXPECT_EQ(EntriesAfterExpiry(), 0u);
  one_.Advance(2000);
  EXPECT_EQ(EntriesAfterExpiry(), 0u);
}

TEST_F(StripeExpiryTest, EachSliceIsBounded) {
  constexpr uint64_t kEntries = 1000;
  constexpr size_t kBudget = 64;
  for (uint64_t i = 0; i < kEntries; ++i) one_.Do("key" + std::to_string(i), Put("v", 1000));
  one_.Advance(1000 + kTickMs);
  for (uint64_t before = kEntries; before > 0 && !HasFailure(); before = one_.entries()) {
    const bool done = one_.Expire(kBudget);
    EXPECT_GE(one_.entries() + kBudget, before);
    if (one_.entries() > 0) {
      EXPECT_FALSE(done);
    }
  }
}

TEST_F(StripeExpiryTest, WhatWasAppliedTooLateIsFreedInSlices) {
  one_.Advance(500 * kDayMs);
  one_.ExpireAll();
  Image image;
  image.kind = Kind::kRegister;
  for (Lsn lsn = 1; lsn <= 100; ++lsn) {
    const std::string key = std::to_string(lsn);
    image.key = key;
    image.deadline_ms = static_cast<int64_t>(lsn);
    ASSERT_TRUE(one_.Apply(image, lsn).ok());
  }
  one_.Advance(kTickMs);
  EXPECT_FALSE(one_.Expire(10));
  EXPECT_EQ(EntriesAfterExpiry(), 0u);
}

TEST_F(StripeExpiryTest, EqualHashesWithOneDeadlineAreAllFreed) {
  for (int i = 0; i < 20; ++i) {
    const std::string key = "key" + std::to_string(i);
    one_.hashes[key] = 0x12345678;
    one_.Do(key, Put(key, i == 7 ? 0 : 1000));
  }
  for (int i = 0; i < 20; ++i) {
    const std::string key = "key" + std::to_string(i);
    EXPECT_EQ(one_.Do(key, Get(Kind::kAny, true)).response.bytes(), key);
  }
  one_.Advance(1000 + kTickMs);
  EXPECT_EQ(EntriesAfterExpiry(), 1u);
  EXPECT_EQ(one_.Do("key7", Get(Kind::kAny, true)).response.bytes(), "key7");
}

// The wheel sees 196 days ahead.
TEST_F(StripeExpiryTest, DeadlinesFarAheadAreKept) {
  for (const int64_t days : {89, 99, 100, 198, 199, 398, 796, 1000, 36'500}) {
    one_.Do("near", Put("v", kDayMs));
    Do(Put("v", days * kDayMs));
    for (const int64_t step_days : {days / 3, days / 3}) {
      one_.Advance(step_days * kDayMs);
      EXPECT_EQ(EntriesAfterExpiry(), 1u) << days;
      EXPECT_EQ(State(), Outcome::kOk) << days;
    }
    one_.Advance(days * kDayMs);
    EXPECT_EQ(EntriesAfterExpiry(), 0u) << days;
  }
}

// A machine sleeps, and nothing expires meanwhile: what comes next must not be lost in the wheel.
TEST_F(StripeExpiryTest, AfterALongSleepNewDeadlinesCount) {
  for (const int64_t days : {50, 99, 150, 250, 390, 400, 500, 800, 1200}) {
    one_.Do("before", Put("v", kDayMs));
    one_.Advance(days * kDayMs);
    Do(Put("v", 90 * kDayMs));
    one_.Do("soon", Put("v", 1000));
    EXPECT_EQ(EntriesAfterExpiry(), 2u) << days;
    one_.Advance(1000 + kTickMs);
    EXPECT_EQ(EntriesAfterExpiry(), 1u) << days;
    one_.Advance(90 * kDayMs);
    EXPECT_EQ(EntriesAfterExpiry(), 0u) << days;
  }
}

// A store that was open for years in all: recovery comes before the stripe learns what time it is.
TEST_F(StripeExpiryTest, ARecoveredStoreOfAnyAgeExpires) {
  for (const int64_t days : {1, 90, 100, 200, 390, 400, 500, 800, 4000}) {
    OneStripe one;
    const int64_t opened_ms = days * kDayMs;
    Image image;
    image.kind = Kind::kRegister;
    const int64_t deadlines[] = {opened_ms - 1000, opened_ms + 1000, opened_ms + 80 * kDayMs};
    Lsn lsn = 0;
    for (const int64_t deadline_ms : deadlines) {
      const std::string key = std::to_string(deadline_ms);
      image.key = key;
      image.deadline_ms = deadline_ms;
      ASSERT_TRUE(one.Apply(image, ++lsn).ok());
    }
    one.now_ms = opened_ms;
    one.ExpireAll();
    EXPECT_EQ(one.entries(), 2u) << days;
    one.Do("new", Put("v", 1000));
    one.Advance(1000 + kTickMs);
    one.ExpireAll();
    EXPECT_EQ(one.entries(), 1u) << days;
    one.Advance(85 * kDayMs);
    one.ExpireAll();
    EXPECT_EQ(one.entries(), 0u) << days;
    one.stripe.CheckInvariants();
  }
}

// Deadlines set, moved and dropped at random, with time going in steps from a moment to months.
class RandomDeadlines {
 public:
  explicit RandomDeadlines(uint64_t seed) : random_(seed) {}

  void Run(int64_t steps) {
    for (int64_t step = 0; step < steps && !testing::Test::HasFailure(); ++step) {
      random_() % 8 == 0 ? one_.Advance(SomeMs()) : ChangeOne();
      if (random_() % 16 == 0) ExpireAndCheck();
    }
    one_.Advance(200 * kDayMs);
    ExpireAndCheck();
    one_.stripe.CheckInvariants();
  }

 private:
  struct Times {
    int64_t deadline_ms = 0;  // 0: none
    int64_t freed_ms = 0;     // by then
  };

  int64_t SomeMs() { return 1 + static_cast<int64_t>(random_() % (uint64_t{1} << random_() % 34)); }

  void ChangeOne() {
    const std::string key = "key" + std::to_string(random_() % 30);
    const int64_t ttl_ms = random_() % 8 == 0 ? 0 : SomeMs();
    const uint64_t choice = random_() % 8;
    if (choice == 0) {
      if (one_.Do(key, Remove(Kind::kRegister)).changed) times_.erase(key);
    } else if (one_.Do(key, choice < 4 ? Put("v", ttl_ms) : SetDeadline(ttl_ms)).changed) {
      Times& times = times_[key];
      times.deadline_ms = ttl_ms == 0 ? 0 : one_.now_ms + ttl_ms;
      times.freed_ms = times.deadline_ms + ttl_ms / 16 + 2 * kTickMs;
    }
  }

  void ExpireAndCheck() {
    one_.ExpireAll();
    uint64_t least = 0, most = 0;
    for (const auto& [key, times] : times_) {
      if (times.deadline_ms == 0 || times.deadline_ms > one_.now_ms) ++least;
      if (times.deadline_ms == 0 || times.freed_ms > one_.now_ms) ++most;
    }
    EXPECT_GE(one_.entries(), least) << "freed too early";
    EXPECT_LE(one_.entries(), most) << "not freed";
  }

  std::mt19937_64 random_;
  OneStripe one_;
  std::map<std::string, Times> times_;
};

TEST(StripeRandomExpiryTest, NothingIsFreedEarlyNorMuchTooLate) {
  RunSeeds(TestSize(200), [](uint64_t seed) { RandomDeadlines(seed).Run(2000); });
}

// Was the change that brought the deadline lost, what stood there before would be back.
TEST_F(StripeExpiryTest, AnAbsenceWaitsForTheChangeThatExpired) {
  Do(Put("stays"));
  const Lsn lsn = Do(Put("goes", 10)).lsn;
  one_.Advance(10);
  EXPECT_GE(Do(Get(Kind::kAny, false)).lsn, lsn);
  one_.Advance(2 * kTickMs);
  EXPECT_EQ(EntriesAfterExpiry(), 0u);
  const Reply reply = Do(Get(Kind::kAny, false));
  EXPECT_EQ(reply.outcome, Outcome::kAbsent);
  EXPECT_GE(reply.lsn, lsn);
}

}  // namespace
}  // namespace idem::engine
