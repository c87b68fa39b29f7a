// What entries take, what happens when that is too much, and how long a response lives.
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/one_stripe.h"
#include "tests/support/pages.h"
#include "tests/support/requests.h"

namespace idem::engine {
namespace {

constexpr uint64_t kTellBytes = 4096;  // by so much the meter may lag
const std::string kLongValue(10'000, 'v');

std::string KeyNumber(int number) { return "key" + std::to_string(number); }

// --- responses

class StripeResponseTest : public testing::TestWithParam<size_t> {
 protected:
  Reply Finished() {
    const Token token = one_->Do(Begin({})).token;
    EXPECT_EQ(one_->Do(Complete(token, value_)).outcome, Outcome::kOk);
    return one_->Do(Begin({}));
  }

  const std::string value_ = std::string(GetParam(), 'r');
  std::unique_ptr<OneStripe> one_ = std::make_unique<OneStripe>();
};

TEST_P(StripeResponseTest, OutlivesExpiry) {
  const Reply replay = Finished();
  one_->Advance(one_->policy.default_lease_ms + one_->policy.default_retention_ms + kTickMs);
  one_->ExpireAll();
  EXPECT_EQ(one_->entries(), 0u);
  EXPECT_EQ(replay.response.bytes(), value_);
}

TEST_P(StripeResponseTest, OutlivesTheRemovalOfItsRecord) {
  const Reply replay = Finished();
  EXPECT_EQ(one_->Do(Remove(Kind::kRecord)).outcome, Outcome::kOk);
  one_->Do(Put("something else"));
  EXPECT_EQ(replay.response.bytes(), value_);
}

TEST_P(StripeResponseTest, OutlivesANewValue) {
  one_->Do(Put(value_));
  const Reply first = one_->Do(Get(Kind::kAny, true));
  const std::string other(GetParam(), 'o');
  Request put = Put(other);
  put.want_value = true;
  const Reply old = one_->Do(put);
  one_->Do(Put(""));
  EXPECT_EQ(first.response.bytes(), value_);
  EXPECT_EQ(old.response.bytes(), value_);
}

TEST_P(StripeResponseTest, OutlivesTheStripe) {
  const Reply replay = Finished();
  one_.reset();
  EXPECT_EQ(replay.response.bytes(), value_);
}

TEST_P(StripeResponseTest, MovesWithItsBytes) {
  Reply replay = Finished();
  Response taken = std::move(replay.response);
  EXPECT_EQ(taken.bytes(), value_);
  EXPECT_EQ(replay.response.size(), 0u);
  Response assigned = Finished().response;
  assigned = std::move(taken);
  EXPECT_EQ(assigned.bytes(), value_);
  EXPECT_EQ(taken.size(), 0u);
}

INSTANTIATE_TEST_SUITE_P(CopiedAndShared, StripeResponseTest,
                         testing::Values(0, 1, kInlineValueBytesMax, kInlineValueBytesMax + 1,
                                         100'000));

// --- counts

TEST(StripeMemoryTest, MetersBlocksBodiesAndIndex) {
  OneStripe one;
  one.Do(Put("short"));
  one.Do("other", Put(kLongValue));
  const uint64_t page_of_table = kPageBytes;
  EXPECT_GE(one.memory.used() + kTellBytes, page_of_table + kLongValue.size() + 2 * 64);
  EXPECT_LE(one.memory.used(), page_of_table + kLongValue.size() + 1024 + kTellBytes);
  one.stripe.CheckInvariants();
}

TEST(StripeMemoryTest, AllOfItComesBack) {
  OneStripe one;
  one.Do(Put("v"));
  one.Do(Remove(Kind::kAny));
  const size_t pages = one.pool.CountFree();
  for (int i = 0; i < 200; ++i) one.Do(KeyNumber(i), Put(i % 2 == 0 ? kLongValue : "short"));
  EXPECT_GT(one.memory.used(), 100 * kLongValue.size());
  for (int i = 0; i < 200; ++i) one.Do(KeyNumber(i), Remove(Kind::kAny));
  EXPECT_EQ(one.entries(), 0u);
  EXPECT_LE(one.memory.used(), kPageBytes + kTellBytes);
  EXPECT_EQ(one.pool.CountFree(), pages);
  one.stripe.CheckInvariants();
}

TEST(StripeMemoryTest, TheIndexIsMeteredAsItGrows) {
  OneStripe one;
  constexpr int kEntries = 20'000;
  for (int i = 0; i < kEntries; ++i) one.Do(KeyNumber(i), Put("v", 1000));
  const uint64_t entries = kEntries * uint64_t{24}, slots = kEntries * uint64_t{7};
  const uint64_t items = kEntries * uint64_t{4};
  EXPECT_GE(one.memory.used(), entries + slots + items);
  one.Advance(2000);
  one.ExpireAll();
  EXPECT_EQ(one.entries(), 0u);
  EXPECT_LE(one.memory.used(), 4 * slots + 64 * kTellBytes);
  const uint64_t used = one.memory.used();
  one.Do(Put("v"));
  EXPECT_LE(used, one.memory.used() + kTellBytes) << "the wheel's part was given back at once";
  one.stripe.CheckInvariants();
}

TEST(StripeMemoryTest, RewritesStayInTheirBlock) {
  OneStripe one;
  one.Do("other", Put("keeps the page"));
  one.Do(Put("1"));
  const uint64_t used = one.memory.used();
  const Pages none_left = TakePages(one.pool);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(one.Do(Put(std::to_string(i))).outcome, Outcome::kOk);
  EXPECT_EQ(one.Do(SetDeadline(1000)).outcome, Outcome::kOk);
  EXPECT_LE(one.memory.used(), used + kTellBytes);
  GivePages(one.pool, none_left);
}

// --- the limit

class FullStripeTest : public testing::Test {
 protected:
  static constexpr uint64_t kLimit = 1 << 20;

  FullStripeTest() {
    claim_ = one_.Do("claim", Begin({})).token;
    for (number_ = 0; !one_.memory.full(); ++number_) one_.Do(KeyNumber(number_), Put(kLongValue));
  }
  ~FullStripeTest() override { one_.stripe.CheckInvariants(); }

  OneStripe one_{kLimit};
  Token claim_ = 0;
  int number_ = 0;
};

TEST_F(FullStripeTest, RefusesNewEntriesAndLongerValues) {
  const uint64_t used = one_.memory.used();
  EXPECT_GE(used, kLimit / 10 * 9);
  EXPECT_LE(used, kLimit / 10 * 9 + kLongValue.size() + kTellBytes);
  EXPECT_EQ(one_.Do("new", Begin({})).outcome, Outcome::kOutOfMemory);
  EXPECT_EQ(one_.Do("new", Put("")).outcome, Outcome::kOutOfMemory);
  EXPECT_EQ(one_.Do("key0", Put(kLongValue + "1")).outcome, Outcome::kOutOfMemory);
  EXPECT_EQ(one_.memory.used(), used);
  EXPECT_EQ(one_.stats().refused_for_memory, 3u);
}

TEST_F(FullStripeTest, ServesWhatIsThere) {
  EXPECT_EQ(one_.Do("key0", Get(Kind::kAny, true)).response.bytes(), kLongValue);
  EXPECT_EQ(one_.Do("key0", Put(std::string(kLongValue.size(), 'w'))).outcome, Outcome::kOk);
  EXPECT_EQ(one_.Do("claim", Extend(claim_, 50'000)).outcome, Outcome::kOk);
  one_.Advance(60'000);
  EXPECT_EQ(one_.Do("claim", Begin({})).attempt, 2u) << "a takeover is no new entry";
}

TEST_F(FullStripeTest, AcceptsAgainWhenThereIsRoom) {
  EXPECT_EQ(one_.Do("key0", Put("short")).outcome, Outcome::kOk);
  EXPECT_EQ(one_.Do("key1", Remove(Kind::kAny)).outcome, Outcome::kOk);
  EXPECT_FALSE(one_.memory.full());
  EXPECT_EQ(one_.Do("new", Begin({})).outcome, Outcome::kClaimed);
}

TEST_F(FullStripeTest, AClaimCanAlwaysBeFinished) {
  const std::string response(kLimit, 'r');
  const Request complete = Complete(claim_, response);
  EXPECT_EQ(one_.Do("claim", complete).outcome, Outcome::kOk);
  const Reply replay = one_.Do("claim", Begin({}));
  EXPECT_EQ(replay.outcome, Outcome::kReplay);
  EXPECT_TRUE(replay.value_omitted);
  EXPECT_EQ(replay.value_bytes, response.size());
  EXPECT_EQ(replay.response.size(), 0u);
  EXPECT_EQ(one_.Do("claim", complete).outcome, Outcome::kOk) << "the same again is safe";
  EXPECT_EQ(one_.Do("claim", Complete(claim_, response + "1")).outcome, Outcome::kConflict);
  EXPECT_EQ(one_.stats().responses_omitted, 1u);
}

TEST_F(FullStripeTest, AResponseThatStillFitsIsKept) {
  EXPECT_EQ(one_.Do("claim", Complete(claim_, kLongValue)).outcome, Outcome::kOk);
  EXPECT_EQ(one_.Do("claim", Begin({})).response.bytes(), kLongValue);
}

TEST_F(FullStripeTest, RecoveryNeverRefuses) {
  Image image;
  image.kind = Kind::kRegister;
  image.value = kLongValue;
  for (Lsn lsn = 1000; one_.memory.used() < 2 * kLimit; ++lsn) {
    const std::string key = "recovered" + std::to_string(lsn);
    image.key = key;
    ASSERT_TRUE(one_.Apply(image, lsn).ok());
  }
  EXPECT_EQ(one_.Do("claim", Complete(claim_, "")).outcome, Outcome::kOk);
  EXPECT_FALSE(one_.Do("claim", Begin({})).value_omitted);
}

// --- compaction

// Of many entries few live on: they move together, and are what they were.
TEST(StripeMemoryTest, EntriesThatStandSparselyMoveTogether) {
  OneStripe one;
  constexpr int kEntries = 20'000;
  constexpr int kStays = 8;  // one of so many
  const std::string value(200, 'v');
  for (int i = 0; i < kEntries; ++i) {
    one.Do(KeyNumber(i), Put(value, i % kStays == 0 ? 0 : 1000));
  }
  const auto stays_before = [&] {
    auto entries = one.Dump();
    std::erase_if(entries,
                  [](const auto& entry) { return std::stoi(entry.first.substr(3)) % kStays; });
    return entries;
  }();
  one.Advance(1000 + kTickMs);
  one.ExpireAll();
  EXPECT_EQ(one.entries(), static_cast<uint64_t>(kEntries / kStays));
  const size_t free_before = one.pool.CountFree();
  for (int round = 0; round < 1000; ++round) one.Expire(1000);
  // Some 265 pages before; what lives on needs 35, and 64 are not worth a move.
  EXPECT_GE(one.pool.CountFree(), free_before + 180);
  EXPECT_EQ(one.Dump(), stays_before);
  one.stripe.CheckInvariants();
}

}  // namespace
}  // namespace idem::engine
