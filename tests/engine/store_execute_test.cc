// Store::Execute and Store::Scan, and the memory limit, in memory mode.
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "idem/store.h"
#include "tests/support/requests.h"
#include "tests/support/test_store.h"

namespace idem {
namespace {

using engine::Ask;

Request Put(std::string_view key, std::string_view value = {}) {
  Request request = Ask(Op::kPut, key);
  request.value = value;
  return request;
}

class StoreExecuteTest : public StoreTest {
 protected:
  void PutMany(int count) {
    for (int i = 0; i < count; ++i) {
      const std::string key = "key" + std::to_string(i);
      ASSERT_EQ(Execute(Put(key, key)).outcome, Outcome::kOk);
    }
  }
};

TEST_F(StoreExecuteTest, NoRequestsAreFine) {
  Open();
  EXPECT_EQ(store_->Execute({}, {}), 0u);
}

TEST_F(StoreExecuteTest, InOrderOneReplyEach) {
  Open();
  std::vector<std::string> values;
  for (size_t i = 0; i < 1000; ++i) values.push_back(std::to_string(i));
  std::vector<Request> requests;
  for (size_t i = 0; i < 1000; ++i) {
    Request& put = requests.emplace_back(Put(i % 2 == 0 ? "even" : "odd", values[i]));
    put.want_value = true;
  }
  std::vector<Reply> replies(requests.size());
  EXPECT_EQ(store_->Execute(requests, replies), 1000u);
  for (size_t i = 2; i < 1000; ++i) {
    EXPECT_EQ(replies[i].response.bytes(), values[i - 2]);
    EXPECT_EQ(replies[i].lsn, i + 1);
    EXPECT_GT(replies[i].token, replies[i - 1].token);
  }
}

TEST_F(StoreExecuteTest, AnInvalidRequestStopsNobody) {
  Open();
  const Request requests[] = {Put("a", "1"), Put(""), Put("b", "2")};
  Reply replies[3];
  EXPECT_EQ(store_->Execute(requests, replies), 3u);
  EXPECT_EQ(replies[1].outcome, Outcome::kInvalid);
  EXPECT_STRNE(replies[1].error, "");
  EXPECT_EQ(replies[2].outcome, Outcome::kOk);
}

TEST_F(StoreExecuteTest, UsedRepliesAreMadeFresh) {
  Open();
  Reply reply = Execute(Put("k", "v"));
  Request get = Ask(Op::kGet, "k");
  get.want_value = true;
  EXPECT_EQ(store_->Execute({&get, 1}, {&reply, 1}), 1u);
  EXPECT_FALSE(reply.changed);
  EXPECT_EQ(reply.response.bytes(), "v");
  get.key = "other";
  EXPECT_EQ(store_->Execute({&get, 1}, {&reply, 1}), 1u);
  EXPECT_EQ(reply.outcome, Outcome::kAbsent);
  EXPECT_EQ(reply.response.size(), 0u);
}

// --- Scan

class StoreScanTest : public StoreExecuteTest {
 protected:
  // One walk; `between` is called after each step.
  template <typename Between>
  std::map<std::string, int> Walk(size_t count, Between between) {
    std::map<std::string, int> visits;
    uint64_t cursor = 0;
    do {
      cursor = store_->Scan(cursor, count, [&](const Store::Entry& entry) {
        ++visits[std::string(entry.key)];
        EXPECT_EQ(entry.about->kind, Kind::kRegister);
        EXPECT_EQ(entry.about->value_bytes, entry.key.size());
        EXPECT_EQ(entry.about->response.size(), 0u);
        EXPECT_NE(entry.about->lsn, 0u);
      });
      between();
    } while (cursor != 0 && !HasFailure());
    return visits;
  }
};

TEST_F(StoreScanTest, AnEmptyStoreEndsAtOnce) {
  Open();
  EXPECT_TRUE(Walk(10, [] {}).empty());
}

TEST_F(StoreScanTest, EveryEntryOnce) {
  for (const uint32_t stripes : {1u, 64u}) {
    options_.stripes = stripes;
    Open();
    PutMany(3000);
    for (const size_t count : {1u, 7u, 100u, 1000u}) {
      const std::map<std::string, int> visits = Walk(count, [] {});
      EXPECT_EQ(visits.size(), 3000u);
      for (const auto& [key, times] : visits) EXPECT_EQ(times, 1) << key;
    }
  }
}

TEST_F(StoreScanTest, WhoStaysIsVisitedWhileTheTableGrows) {
  options_.stripes = 2;
  Open();
  PutMany(2000);
  int arrivals = 0;
  const std::map<std::string, int> visits = Walk(50, [&] {
    for (int i = 0; i < 200 && arrivals < 50'000; ++i) {
      const std::string key = "new" + std::to_string(arrivals++);
      Execute(Put(key, key));
    }
  });
  for (int i = 0; i < 2000; ++i) {
    EXPECT_TRUE(visits.contains("key" + std::to_string(i))) << i;
  }
}

TEST_F(StoreScanTest, ExpiredEntriesAreNotShown) {
  Open();
  PutMany(100);
  Request put = Put("gone", "gone");
  put.retention_ms = 1000;
  Execute(put);
  clock_.Advance(1000);
  EXPECT_EQ(Walk(10, [] {}).size(), 100u);
}

TEST_F(StoreScanTest, AnyCountAndAnyCursorComeToAnEnd) {
  Open();
  PutMany(3000);
  EXPECT_EQ(Walk(0, [] {}).size(), 3000u);
  EXPECT_EQ(Walk(~size_t{0}, [] {}).size(), 3000u);
  size_t most = 0, visited = 0;
  uint64_t cursor = 0;
  do {
    visited = 0;
    cursor = store_->Scan(cursor, ~size_t{0}, [&](const Store::Entry&) { ++visited; });
    most = std::max(most, visited);
  } while (cursor != 0);
  EXPECT_LT(most, 2000u) << "a call is bounded, whatever it is asked for";
  for (const uint64_t foreign : {~uint64_t{0}, uint64_t{64} << 32, uint64_t{1} << 63}) {
    EXPECT_EQ(store_->Scan(foreign, 10, [](const Store::Entry&) { FAIL(); }), 0u);
  }
}

// --- the memory limit

class StoreMemoryLimitTest : public StoreExecuteTest {
 protected:
  StoreMemoryLimitTest() {
    options_.memory_limit_bytes = 16 << 20;
    options_.policy.max_response_bytes = 1 << 20;
    options_.stripes = 4;
    Open();
  }

  // Claims, with every other one completed, until no more are taken.
  void Fill() {
    const std::string response(20'000, 'r');
    for (int i = 0;; ++i) {
      absl::StatusOr<Answer> answer = store_->Begin("key" + std::to_string(i), {});
      if (!answer.ok()) {
        refusal_ = answer.status();
        return;
      }
      Claim& claim = std::get<Claim>(*answer);
      i % 2 == 0 ? running_.push_back(claim.token()) : running_.push_back(0);
      if (i % 2 == 1) {
        ASSERT_TRUE(claim.Complete(response).ok());
      }
    }
  }

  std::vector<Token> running_;
  absl::Status refusal_;
};

TEST_F(StoreMemoryLimitTest, NewClaimsAreRefusedAndRunningOnesFinish) {
  Fill();
  EXPECT_EQ(refusal_.code(), absl::StatusCode::kResourceExhausted);
  const uint64_t limit = options_.memory_limit_bytes;
  EXPECT_GE(store_->GetStats().memory_bytes, limit / 10 * 9);
  EXPECT_LE(store_->GetStats().memory_bytes, limit);
  const std::string response(1 << 20, 'r');
  for (size_t i = 0; i < running_.size(); ++i) {
    if (running_[i] == 0) continue;
    const std::string key = "key" + std::to_string(i);
    ASSERT_TRUE(store_->Attach(key, running_[i]).Complete(response).ok());
    const Replay replay = Begin<Replay>(key);
    EXPECT_EQ(replay.response_bytes, response.size());
    EXPECT_EQ(replay.response.size(), replay.response_omitted ? 0u : response.size());
  }
  const Stats stats = store_->GetStats();
  EXPECT_EQ(stats.in_progress, 0u);
  EXPECT_GT(stats.responses_omitted, 0u);
  EXPECT_EQ(stats.refused_for_memory, 1u);
  EXPECT_LE(stats.memory_bytes, limit + response.size() + options_.stripes * 4096);
}

TEST_F(StoreMemoryLimitTest, ThereIsRoomAgainWhenRecordsExpire) {
  Fill();
  clock_.Advance(options_.policy.default_lease_ms + options_.policy.default_retention_ms + 1000);
  ExpireAll();
  EXPECT_EQ(store_->GetStats().records, 0u);
  EXPECT_LT(store_->GetStats().memory_bytes, 4u << 20);
  ClaimAndCrash("new");
}

}  // namespace
}  // namespace idem
