// The optimistic transaction itself: what it sees, when it is beaten, what it leaves.
#include "server/transaction.h"

#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/client.h"

namespace idem::server {
namespace {

using Result = Transaction::Result;

class TransactionTest : public testing::Test {
 protected:
  void Set(std::string_view key, std::string_view value, int64_t ttl_ms = 0) {
    Request request;
    request.op = Op::kPut;
    request.key = key;
    request.value = value;
    request.retention_ms = ttl_ms;
    Reply reply;
    ASSERT_EQ(store_.Execute({&request, 1}, {&reply, 1}), 1u);
  }
  Token VersionOf(std::string_view key) { return Get(key).token; }
  Reply Get(std::string_view key) {
    Request request;
    request.key = key;
    request.want_value = true;
    Reply reply;
    EXPECT_EQ(store_.Execute({&request, 1}, {&reply, 1}), 1u);
    return reply;
  }
  std::string ValueOf(std::string_view key) { return std::string(Get(key).response.bytes()); }

  OneThreadServer server_;
  Store& store_ = server_.store();
  const int64_t now_ms_ = server_.clock().BootMs();
};

TEST_F(TransactionTest, SeesItsOwnWritesAndNobodyElseDoes) {
  Set("old", "1", 100);
  Transaction transaction(store_, now_ms_);
  transaction.Put("new", "2", 50);
  transaction.PutKeepingDeadline("old", "3");
  transaction.SetTtl("new", 70);
  EXPECT_EQ(transaction.Look("new").value, "2");
  EXPECT_EQ(transaction.Look("new").ttl_ms, 70);
  EXPECT_EQ(transaction.Look("old").value, "3");
  EXPECT_EQ(transaction.Look("old").ttl_ms, 100);
  EXPECT_EQ(ValueOf("new"), "");
  EXPECT_EQ(transaction.Commit(), Result::kDone);
  EXPECT_EQ(transaction.changes(), 2u);
  EXPECT_EQ(ValueOf("new"), "2");
  EXPECT_EQ(Get("new").ttl_ms, 70);
  EXPECT_EQ(ValueOf("old"), "3");
  EXPECT_EQ(Get("old").ttl_ms, 100);
}

TEST_F(TransactionTest, IsBeatenByAnyChangeOfWhatItWrites) {
  for (const char* before : {"", "1"}) {
    if (*before != 0) Set("k", before);
    Transaction beaten(store_, now_ms_);
    beaten.Look("k");
    beaten.Put("k", "mine");
    beaten.Put("other", "mine");
    Set("k", "theirs");
    EXPECT_EQ(beaten.Commit(), Result::kConflict);
    EXPECT_EQ(ValueOf("k"), "theirs");
    EXPECT_EQ(ValueOf("other"), "");
  }
}

TEST_F(TransactionTest, IsNotBeatenByAChangeOfWhatItOnlyReads) {
  Set("read", "1");
  Transaction transaction(store_, now_ms_);
  transaction.Look("read");
  transaction.Put("k", "mine");
  Set("read", "2");
  EXPECT_EQ(transaction.Commit(), Result::kDone);
}

TEST_F(TransactionTest, OfOnlyReadsSeesOneMoment) {
  Set("a", "1");
  Transaction torn(store_, now_ms_), whole(store_, now_ms_);
  torn.Look("a");
  Set("a", "2");
  torn.Look("b");
  EXPECT_EQ(torn.Commit(), Result::kConflict);
  whole.Look("a");
  whole.Look("b");
  EXPECT_EQ(whole.Commit(), Result::kDone);
  EXPECT_EQ(whole.changes(), 0u);
}

TEST_F(TransactionTest, AWatchedKeyMustStayAsItWas) {
  Set("k", "1", 100);
  const Token version = VersionOf("k");
  const int64_t deadline_ms = Get("k").deadline_ms;
  const WatchedKey here = {.key = "k", .version = version, .deadline_ms = deadline_ms};
  const WatchedKey nowhere = {.key = "absent"};
  const WatchedKey newer = {.key = "k", .version = version + 1, .deadline_ms = deadline_ms};
  const WatchedKey gone = {.key = "absent", .version = version};
  const WatchedKey longer = {.key = "k", .version = version, .deadline_ms = deadline_ms + 1};
  Transaction late(store_, now_ms_), early(store_, now_ms_), fine(store_, now_ms_);
  EXPECT_TRUE(early.Watch(here));
  EXPECT_TRUE(early.Watch(nowhere));
  EXPECT_FALSE(late.Watch(newer));
  EXPECT_FALSE(late.Watch(longer));
  EXPECT_FALSE(late.Watch(gone));
  early.Put("other", "mine");
  Set("absent", "here");
  EXPECT_EQ(early.Commit(), Result::kConflict);
  EXPECT_TRUE(fine.Watch(here));
  fine.Put("other", "mine");
  EXPECT_EQ(fine.Commit(), Result::kDone);
  EXPECT_EQ(ValueOf("k"), "1");
  EXPECT_EQ(Get("k").ttl_ms, 100);
  EXPECT_GT(VersionOf("k"), version) << "put anew as it was";
}

TEST_F(TransactionTest, KeyAfterKeyIsRefusedBeyondSixtyFour) {
  std::vector<std::string> keys;
  for (int i = 0; i < 65; ++i) keys.push_back("k" + std::to_string(i));
  Transaction transaction(store_, now_ms_);
  for (const std::string& key : keys) transaction.Put(key, "v");
  EXPECT_EQ(transaction.Commit(), Result::kError);
  EXPECT_EQ(transaction.error(), "ERR a transaction takes at most 64 keys; split it");
  EXPECT_EQ(ValueOf("k0"), "");
}

TEST_F(TransactionTest, WhatTheStoreRefusesIsAnError) {
  Transaction bad_key(store_, now_ms_), large(store_, now_ms_);
  bad_key.Look("");
  EXPECT_EQ(bad_key.Commit(), Result::kError);
  EXPECT_EQ(bad_key.error(), "ERR key must have 1 to 1024 bytes");
  large.Put("k", "v");
  large.Put("large", std::string((1 << 20) + 1, 'l'));
  EXPECT_EQ(large.Commit(), Result::kError);
  EXPECT_EQ(ValueOf("k"), "");
}

TEST_F(TransactionTest, UndoneItIsAsBefore) {
  Set("k", "1");
  Transaction transaction(store_, now_ms_);
  transaction.Look("k");
  const std::vector<Transaction::Entry> mark = transaction.Mark();
  transaction.Put("k", "2");
  transaction.Undo(mark);
  EXPECT_EQ(transaction.Look("k").value, "1");
  EXPECT_EQ(transaction.Commit(), Result::kDone);
  EXPECT_EQ(transaction.changes(), 0u);
}

// So a long transaction cannot be beaten for ever by short ones.
TEST_F(TransactionTest, OneThatWasBeatenHasTheOthersWait) {
  TransactionGate& gate = server_.loop().server.transactions;
  int attempts = 0;
  UntilNotBeaten(server_.loop().server, [&] {
    EXPECT_EQ(gate.is_open(), attempts == 0);
    return ++attempts < 3 ? Result::kConflict : Result::kDone;
  });
  EXPECT_EQ(attempts, 3);
  EXPECT_TRUE(gate.is_open());
}

}  // namespace
}  // namespace idem::server
