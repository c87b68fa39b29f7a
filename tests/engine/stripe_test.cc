// One stripe: where an answer's LSN comes from, records applied, and changes of several keys at
// once.
#include "store/stripe.h"

#include <cstdint>
#include <span>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/one_stripe.h"
#include "tests/support/pages.h"
#include "tests/support/requests.h"

namespace idem::engine {
namespace {

const std::string kMiddleValue(200, 'm');
const std::string kLongValue(10'000, 'v');

class StripeTest : public testing::Test {
 protected:
  ~StripeTest() override { one_.stripe.CheckInvariants(); }

  Reply Do(const Request& request) { return one_.Do(request); }
  std::string ValueOf(std::string_view key) {
    const Reply reply = one_.Do(key, Get(Kind::kAny, true));
    return reply.outcome == Outcome::kOk ? std::string(reply.response.bytes()) : "absent";
  }
  static Image RegisterOf(std::string_view key, std::string_view value, Token token = 1) {
    Image image;
    image.kind = Kind::kRegister;
    image.key = key;
    image.value = value;
    image.token = token;
    return image;
  }
  static Image RemovalOf(std::string_view key, Token token = 1) {
    Image image;
    image.key = key;
    image.token = token;
    return image;
  }

  OneStripe one_;
};

TEST_F(StripeTest, AReplyCarriesTheLsnOfWhatItMadeOrSaw) {
  EXPECT_EQ(Do(Get(Kind::kAny, false)).lsn, 0u);
  EXPECT_EQ(Do(Put("a")).lsn, 1u);
  EXPECT_EQ(one_.Do("other", Put("b")).lsn, 2u);
  EXPECT_EQ(Do(Get(Kind::kAny, false)).lsn, 1u);
  Request not_met = Put("c");
  not_met.condition = idem::Condition::kIfAbsent;
  EXPECT_EQ(Do(not_met).lsn, 1u);
  EXPECT_EQ(Do(SetDeadline(1000)).lsn, 3u);
  EXPECT_EQ(Do(Get(Kind::kAny, false)).lsn, 3u);
}

TEST_F(StripeTest, AnAbsenceCarriesTheLsnOfTheLastRemoval) {
  Do(Put("a"));
  EXPECT_EQ(Do(Remove(Kind::kAny)).lsn, 2u);
  EXPECT_EQ(Do(Get(Kind::kAny, false)).lsn, 2u);
  EXPECT_EQ(one_.Do("never there", Get(Kind::kAny, false)).lsn, 2u);
  one_.Do("other", Put("b"));
  EXPECT_EQ(Do(Get(Kind::kAny, false)).lsn, 2u);
  EXPECT_EQ(one_.Do("other", Get(Kind::kAny, false)).lsn, 3u);
}

TEST_F(StripeTest, AnExpiredEntryStillCarriesItsLsn) {
  Do(Put("a", 1000));
  one_.Advance(1000);
  EXPECT_EQ(Do(Get(Kind::kAny, false)).outcome, Outcome::kAbsent);
  EXPECT_EQ(Do(Get(Kind::kAny, false)).lsn, 1u);
}

TEST_F(StripeTest, ARefusalCarriesTheLsnOfWhatItSaw) {
  Do(Put("a"));
  const Request put = Put("b");
  Call call = one_.Prepare(put);
  call.room = Log::Room::kNoSpace;
  Reply reply;
  EXPECT_TRUE(one_.stripe.Execute(call, one_.moment(), reply));
  EXPECT_EQ(reply.outcome, Outcome::kNoSpace);
  EXPECT_EQ(reply.lsn, 1u);
  EXPECT_FALSE(reply.changed);
  call.room = Log::Room::kFailed;
  reply = Reply{};
  EXPECT_TRUE(one_.stripe.Execute(call, one_.moment(), reply));
  EXPECT_EQ(reply.outcome, Outcome::kUnavailable);
  EXPECT_EQ(ValueOf(kKey), "a");
}

TEST_F(StripeTest, WithoutTokensClaimsAreRefused) {
  TokenSource none({.first = 1, .limit = 1});
  one_.shared.tokens = &none;
  EXPECT_EQ(Do(Begin({})).outcome, Outcome::kUnavailable);
  EXPECT_EQ(one_.entries(), 0u);
  EXPECT_TRUE(one_.log.records.empty());
}

// A deadline copies the whole register into the log: it needs room for a value that is not its own.
TEST_F(StripeTest, ALargeValueAsksForMoreRoom) {
  Do(Put(kLongValue));
  const Request request = SetDeadline(1000);
  Call call = one_.Prepare(request);
  call.value_room = kLongValue.size() - 1;
  Reply reply;
  EXPECT_FALSE(one_.stripe.Execute(call, one_.moment(), reply));
  EXPECT_EQ(one_.log.records.size(), 1u);
  EXPECT_EQ(Do(Get(Kind::kAny, false)).ttl_ms, -1);
  EXPECT_EQ(call.value_room, kLongValue.size()) << "it tells how much it needs";
  reply = Reply{};
  EXPECT_TRUE(one_.stripe.Execute(call, one_.moment(), reply));
  EXPECT_EQ(reply.outcome, Outcome::kOk);
  EXPECT_EQ(Do(Get(Kind::kAny, false)).ttl_ms, 1000);
  EXPECT_EQ(ValueOf(kKey), kLongValue);
}

TEST_F(StripeTest, AFieldThatIsNotReadDoesNoHarm) {
  Do(Put(kLongValue));
  const Reply got = Do(Get(Kind::kAny, true));
  Request request = SetDeadline(1000);
  request.value = got.response.bytes();  // the very bytes that the entry shares
  EXPECT_EQ(Do(request).outcome, Outcome::kOk);
  EXPECT_EQ(ValueOf(kKey), kLongValue);
}

// --- records applied

TEST_F(StripeTest, OfTwoRecordsTheNewerWins) {
  ASSERT_TRUE(one_.Apply(RegisterOf("k", "new", 5), 20).ok());
  ASSERT_TRUE(one_.Apply(RegisterOf("k", "old", 4), 19).ok());
  ASSERT_TRUE(one_.Apply(RegisterOf("k", "other", 5), 20).ok());
  ASSERT_TRUE(one_.Apply(RemovalOf("k", 4), 18).ok());
  EXPECT_EQ(ValueOf("k"), "new");
  ASSERT_TRUE(one_.Apply(RegisterOf("k", kLongValue, 5), 21).ok());
  EXPECT_EQ(ValueOf("k"), kLongValue);
  EXPECT_EQ(one_.Do("k", Get(Kind::kAny, false)).lsn, 21u);
}

TEST_F(StripeTest, ARemovalThatIsAppliedRemoves) {
  ASSERT_TRUE(one_.Apply(RegisterOf("k", kLongValue), 7).ok());
  ASSERT_TRUE(one_.Apply(RemovalOf("k"), 8).ok());
  EXPECT_EQ(ValueOf("k"), "absent");
  EXPECT_EQ(one_.entries(), 0u);
  EXPECT_EQ(one_.Do("k", Get(Kind::kAny, false)).lsn, 8u);
  ASSERT_TRUE(one_.Apply(RemovalOf("nothing there"), 9).ok());
  EXPECT_EQ(one_.Do("k", Get(Kind::kAny, false)).lsn, 9u) << "its absence was told, too";
}

TEST_F(StripeTest, AFallingTokenIsDataLoss) {
  ASSERT_TRUE(one_.Apply(RegisterOf("k", "v", 5), 7).ok());
  EXPECT_EQ(one_.Apply(RegisterOf("k", "w", 4), 8).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(one_.Apply(RemovalOf("k", 4), 8).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ValueOf("k"), "v");
  EXPECT_TRUE(one_.Apply(RegisterOf("k", "w", 5), 8).ok());
  EXPECT_EQ(ValueOf("k"), "w");
}

// --- several changes at once, as a transaction makes them

class StripeTransactionTest : public StripeTest {
 protected:
  struct Step {
    std::string key;
    Request request;
    Call call = {};
    Stripe::Pending pending = {};
    Reply reply = {};
  };

  // The stripe stays locked from Prepare to Abandon or Install, which the analysis cannot follow.
  void PrepareAll(std::span<Step> steps) IDEM_NO_ANALYSIS {
    for (Step& step : steps) {
      step.request.key = step.key;
      step.call = one_.Prepare(step.request);
    }
    one_.stripe.Lock();
    for (Step& step : steps) {
      one_.stripe.PrepareLocked(step.call, one_.moment(), step.pending, step.reply);
    }
  }
  void AbandonAll(std::span<Step> steps) IDEM_NO_ANALYSIS {
    for (Step& step : steps) one_.stripe.AbandonLocked(step.pending);
    one_.stripe.Unlock();
  }
  void InstallAll(std::span<Step> steps) IDEM_NO_ANALYSIS {
    for (Step& step : steps) {
      if (step.pending.change == Change::kNone) continue;
      one_.stripe.InstallLocked(step.pending, one_.log.Append({&step.pending.next, 1}));
    }
    one_.stripe.Unlock();
  }
};

TEST_F(StripeTransactionTest, AbandonedChangesLeaveNothing) {
  one_.Do("in place", Put("old"));
  one_.Do("grows", Put("old"));
  one_.Do("goes", Put("old"));
  const auto before = one_.Dump();
  const uint64_t items = one_.stats().wheel_bytes;
  const size_t pages = one_.pool.CountFree();
  Step steps[] = {{"new", Put("new")},
                  {"new and long", Put(kLongValue, 1000)},
                  {"in place", Put("new")},
                  {"grows", Put(kMiddleValue)},
                  {"goes", Remove(Kind::kAny)}};
  PrepareAll(steps);
  for (const Step& step : steps) EXPECT_EQ(step.reply.outcome, Outcome::kOk) << step.key;
  AbandonAll(steps);
  one_.stripe.CheckInvariants();
  EXPECT_EQ(one_.Dump(), before);
  EXPECT_GT(one_.stats().wheel_bytes, items);  // its items stay until they fall due
  one_.Advance(2000);
  one_.ExpireAll();
  EXPECT_EQ(one_.entries(), 3u);
  EXPECT_EQ(one_.stats().wheel_bytes, items);
  EXPECT_EQ(one_.pool.CountFree(), pages - 2) << "all but a spare page of each of its arenas";
}

TEST_F(StripeTransactionTest, InstalledChangesAreAllThere) {
  one_.Do("grows", Put("old"));
  one_.Do("goes", Put("old"));
  Step steps[] = {
      {"new", Put(kLongValue)}, {"grows", Put(kMiddleValue)}, {"goes", Remove(Kind::kAny)}};
  PrepareAll(steps);
  InstallAll(steps);
  EXPECT_EQ(ValueOf("new"), kLongValue);
  EXPECT_EQ(ValueOf("grows"), kMiddleValue);
  EXPECT_EQ(ValueOf("goes"), "absent");
}

// The block of the first new entry is the one that the second key's entry was in before.
TEST_F(StripeTransactionTest, ABlockThatIsTakenLooksLikeNoEntry) {
  for (const char* key : {"aa", "bb", "cc"}) one_.hashes[key] = 7;
  one_.Do("cc", Put("stays, with the page"));
  one_.Do("bb", Put("gone"));
  one_.Do("bb", Remove(Kind::kAny));
  Step steps[] = {{"aa", Put("1111")}, {"bb", Put("2222")}};
  PrepareAll(steps);
  EXPECT_EQ(steps[1].pending.old_ref, 0u);
  InstallAll(steps);
  EXPECT_EQ(ValueOf("aa"), "1111");
  EXPECT_EQ(ValueOf("bb"), "2222");
}

}  // namespace
}  // namespace idem::engine
