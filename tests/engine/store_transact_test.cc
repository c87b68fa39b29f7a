// Store::Transact: all or none, over keys of several stripes.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "idem/store.h"
#include "tests/support/requests.h"
#include "tests/support/test_store.h"
#include "tests/support/text.h"

namespace idem {
namespace {

using engine::Ask;

class StoreTransactTest : public StoreTest {
 protected:
  StoreTransactTest() { Open(); }

  static Request Put(std::string_view key, std::string_view value) {
    Request request = Ask(Op::kPut, key);
    request.value = value;
    return request;
  }
  static Request Finish(std::string_view key, Token token, std::string_view response) {
    Request request = Ask(Op::kComplete, key);
    request.token = token;
    request.value = response;
    return request;
  }
  static Request SetDeadline(std::string_view key, int64_t ttl_ms) {
    Request request = Ask(Op::kSetDeadline, key);
    request.retention_ms = ttl_ms;
    return request;
  }
  const std::vector<Reply>& Transact(const std::vector<Request>& requests) {
    replies_ = std::vector<Reply>(requests.size());
    EXPECT_TRUE(store_->Transact(requests, replies_));
    return replies_;
  }
  std::string ValueOf(std::string_view key) {
    Request get = Ask(Op::kGet, key);
    get.want_value = true;
    const Reply reply = Execute(get);
    return reply.outcome == Outcome::kOk ? std::string(reply.response.bytes()) : "absent";
  }
  uint64_t Entries() const {
    const Stats stats = store_->GetStats();
    return stats.entries();
  }
  static std::vector<std::string> Keys(int count) {
    std::vector<std::string> keys;
    for (int i = 0; i < count; ++i) keys.push_back("key" + std::to_string(i));
    return keys;
  }

  std::vector<Reply> replies_;
};

TEST_F(StoreTransactTest, AllOfItHappens) {
  Execute(Put("old", "1"));
  const std::string long_value(10'000, 'l');
  const Lsn before = store_->committed();
  Transact({Put("a", "1"), Put("b", long_value), Put("old", "2"), Ask(Op::kBegin, "record"),
            Ask(Op::kGet, "nothing")});
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(replies_[i].lsn, before + 4) << "all of it, or nothing, may be told";
    EXPECT_TRUE(replies_[i].changed);
  }
  EXPECT_EQ(replies_[3].outcome, Outcome::kClaimed);
  EXPECT_EQ(replies_[4].outcome, Outcome::kAbsent);
  EXPECT_EQ(ValueOf("a"), "1");
  EXPECT_EQ(ValueOf("b"), long_value);
  EXPECT_EQ(ValueOf("old"), "2");
}

TEST_F(StoreTransactTest, NothingAndOneAreFine) {
  Transact({});
  EXPECT_EQ(store_->committed(), 0u);
  Transact({Put("a", "1")});
  EXPECT_EQ(ValueOf("a"), "1");
}

// One request after the other is the one that fails, among three that would change something.
TEST_F(StoreTransactTest, OneErrorUndoesAll) {
  Request fails_if_present = Put("taken", "x");
  fails_if_present.condition = Condition::kIfAbsent;
  const Request failing[] = {fails_if_present, Finish("unknown", 77, "x"), Finish("claim", 77, "x"),
                             Ask(Op::kBegin, "taken"), Ask(Op::kRemove, "claim")};
  const Outcome outcomes[] = {Outcome::kNotMet, Outcome::kUnknownKey, Outcome::kFenced,
                              Outcome::kWrongKind, Outcome::kRefused};
  Execute(Put("taken", "1"));
  Execute(Put("grows", "1"));
  Execute(Put("goes", "1"));
  ClaimAndCrash("claim");
  const uint64_t entries = Entries(), memory = store_->GetStats().memory_bytes;
  const Lsn before = store_->committed();
  const std::string long_value(10'000, 'l');
  for (size_t kind = 0; kind < std::size(failing); ++kind) {
    for (size_t place = 0; place <= 3; ++place) {
      SCOPED_TRACE(testing::Message() << engine::Name(outcomes[kind]) << " at " << place);
      std::vector<Request> requests = {Put("new", "1"), Put("grows", long_value),
                                       Ask(Op::kRemove, "goes")};
      requests.insert(requests.begin() + static_cast<ptrdiff_t>(place), failing[kind]);
      Transact(requests);
      EXPECT_EQ(replies_[place].outcome, outcomes[kind]);
      for (const Reply& reply : replies_) EXPECT_FALSE(reply.changed);
      EXPECT_EQ(Entries(), entries);
      EXPECT_EQ(ValueOf("new"), "absent");
      EXPECT_EQ(ValueOf("grows"), "1");
      EXPECT_EQ(ValueOf("goes"), "1");
      EXPECT_EQ(store_->committed(), before) << "nothing was logged";
    }
  }
  EXPECT_LE(store_->GetStats().memory_bytes, memory + (64 << 10));
}

TEST_F(StoreTransactTest, AnswersUndoNothing) {
  const Claim running = BeginClaim("running");
  ASSERT_TRUE(BeginClaim("finished").Complete("done").ok());
  Request other = Ask(Op::kBegin, "finished2");
  ASSERT_TRUE(BeginClaim("finished2").Complete("done").ok());
  other.fingerprint = store_->FingerprintOf({"other"});
  Transact({Put("a", "1"), Ask(Op::kBegin, "running"), Ask(Op::kBegin, "finished"), other,
            Ask(Op::kRemove, "nothing")});
  EXPECT_EQ(replies_[1].outcome, Outcome::kBusy);
  EXPECT_EQ(replies_[2].outcome, Outcome::kReplay);
  EXPECT_EQ(replies_[2].response.bytes(), "done");
  EXPECT_EQ(replies_[3].outcome, Outcome::kMismatch);
  EXPECT_EQ(replies_[4].outcome, Outcome::kAbsent);
  EXPECT_EQ(ValueOf("a"), "1");
}

TEST_F(StoreTransactTest, WhatIsNotATransaction) {
  const std::vector<std::string> keys = Keys(65);
  std::vector<Request> requests;
  for (const std::string& key : keys) requests.push_back(Put(key, "v"));
  for (const Reply& reply : Transact(requests)) {
    EXPECT_EQ(reply.outcome, Outcome::kInvalid);
    EXPECT_NE(std::string(reply.error).find("64 keys"), std::string::npos);
  }
  for (const Reply& reply : Transact({Put("a", "1"), Put("b", "1"), Put("a", "2")})) {
    EXPECT_EQ(reply.outcome, Outcome::kInvalid);
    EXPECT_NE(std::string(reply.error).find("twice"), std::string::npos);
  }
  for (const Reply& reply : Transact({Put("a", "1"), Put("", "1")})) {
    EXPECT_EQ(reply.outcome, Outcome::kInvalid);
    EXPECT_NE(std::string(reply.error).find("key"), std::string::npos);
  }
  EXPECT_EQ(Entries(), 0u);
}

// Each of them may need a page for its entry and one for its table, in a stripe of its own.
TEST_F(StoreTransactTest, SixtyFourNewStripesAtOnce) {
  options_.stripes = 1024;
  for (int before = 0; before < 70; ++before) {
    Open();
    for (const std::string& key : Keys(before)) Execute(Put(key, "v"));
    std::vector<std::string> keys;
    for (int i = 0; i < 64; ++i) keys.push_back("new" + std::to_string(i));
    std::vector<Request> requests;
    for (const std::string& key : keys) requests.push_back(Put(key, "v"));
    for (const Reply& reply : Transact(requests)) ASSERT_EQ(reply.outcome, Outcome::kOk) << before;
  }
}

TEST_F(StoreTransactTest, ManyDeadlinesAtOnce) {
  const std::vector<std::string> keys = Keys(64);
  std::vector<Request> requests;
  for (const std::string& key : keys) {
    Execute(Put(key, key));
    requests.push_back(SetDeadline(key, 1000));
  }
  for (const Reply& reply : Transact(requests)) EXPECT_EQ(reply.outcome, Outcome::kOk);
  EXPECT_EQ(store_->GetStats().registers_with_deadline, 64u);
}

TEST_F(StoreTransactTest, DeadlinesOfLargeValues) {
  const std::vector<std::string> keys = Keys(16);
  std::vector<Request> requests;
  for (size_t i = 0; i < keys.size(); ++i) {
    Execute(Put(keys[i], std::string(i % 3 == 0 ? 900'000 : 10, 'v')));
    requests.push_back(SetDeadline(keys[i], 1000));
  }
  requests.push_back(Put("new", "v"));
  for (const Reply& reply : Transact(requests)) {
    EXPECT_EQ(reply.outcome, Outcome::kOk);
    EXPECT_TRUE(reply.changed);
  }
  EXPECT_EQ(store_->GetStats().registers_with_deadline, 16u);
  EXPECT_EQ(ValueOf("key0").size(), 900'000u);
}

TEST_F(StoreTransactTest, TooLargeForTheLog) {
  const std::vector<std::string> keys = Keys(20);
  const std::string value(1 << 20, 'v');
  std::vector<Request> puts, deadlines;
  for (const std::string& key : keys) {
    puts.push_back(Put(key, value));
    deadlines.push_back(SetDeadline(key, 1000));
  }
  for (const Reply& reply : Transact(puts)) {
    EXPECT_EQ(reply.outcome, Outcome::kInvalid);
    EXPECT_NE(std::string(reply.error).find("too large"), std::string::npos);
  }
  EXPECT_EQ(Entries(), 0u);
  for (const Request& put : puts) Execute(put);
  for (const Reply& reply : Transact(deadlines)) EXPECT_EQ(reply.outcome, Outcome::kInvalid);
  EXPECT_EQ(store_->GetStats().registers_with_deadline, 0u);
}

TEST_F(StoreTransactTest, WhatWasUndoneIsNotCounted) {
  const Claim claim = BeginClaim("claim");
  const std::string too_large((1 << 20) + 1, 'l');
  Transact({Finish("claim", claim.token(), too_large), Finish("unknown", 77, "x")});
  EXPECT_EQ(replies_[1].outcome, Outcome::kUnknownKey);
  EXPECT_EQ(store_->GetStats().responses_omitted, 0u);
  EXPECT_EQ(store_->GetStats().finishes, 0u);
  Transact({Finish("claim", claim.token(), too_large)});
  EXPECT_EQ(store_->GetStats().responses_omitted, 1u);
  EXPECT_EQ(store_->GetStats().finishes, 1u);
}

}  // namespace
}  // namespace idem
