// Many threads on few keys. What must hold, whatever the order: one owner per attempt, tokens that
// rise, changes that are all there or not at all, bytes that stay.
#include <algorithm>
#include <atomic>
#include <barrier>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "idem/store.h"
#include "tests/support/requests.h"
#include "tests/support/test_size.h"
#include "tests/support/test_store.h"

namespace idem {
namespace {

using engine::Ask;

constexpr int kThreads = 4;

// Each case runs without a log and with one.
class StoreThreadsTest : public StoreTest, public testing::WithParamInterface<Durability> {
 protected:
  StoreThreadsTest() {
    options_.durability = GetParam();
    options_.directory = GetParam() == Durability::kMemory ? "" : "/store";
    options_.file_system = &files_;
    options_.background = Background::kThreads;
    options_.stripes = 4;
    Open();
  }

  // `run` is called in each thread, all starting together.
  static void RunThreads(int count, const std::function<void(int)>& run) {
    std::barrier<> start(count);
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i) {
      threads.emplace_back([&, i] {
        start.arrive_and_wait();
        run(i);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  static int Rounds(int full) { return static_cast<int>(TestSize(full)); }

  Request Put(std::string_view key, std::string_view value) {
    Request request = Ask(Op::kPut, key);
    request.value = value;
    return request;
  }
};

// Whoever claims fails for retry, so that the next attempt can begin: each attempt has one owner.
TEST_P(StoreThreadsTest, OneClaimPerAttempt) {
  constexpr int kKeys = 3;
  std::mutex mutex;
  std::map<std::string, std::map<uint32_t, Token>> owners;
  RunThreads(kThreads, [&](int) {
    for (int round = 0; round < Rounds(2000); ++round) {
      const std::string key = "key" + std::to_string(round % kKeys);
      absl::StatusOr<Answer> answer = store_->Begin(key, {});
      ASSERT_TRUE(answer.ok()) << answer.status();
      Claim* const claim = std::get_if<Claim>(&*answer);
      if (claim == nullptr) continue;
      {
        const std::lock_guard lock(mutex);
        EXPECT_TRUE(owners[key].emplace(claim->attempt(), claim->token()).second)
            << key << " attempt " << claim->attempt() << " has two owners";
      }
      ASSERT_TRUE(claim->FailRetry().ok());
    }
  });
  std::set<Token> all;
  for (const auto& [key, attempts] : owners) {
    Token last = 0;
    uint32_t expected = 0;
    for (const auto& [attempt, token] : attempts) {
      EXPECT_EQ(attempt, ++expected) << "no attempt is left out";
      EXPECT_GT(token, last) << "tokens of a key rise";
      EXPECT_TRUE(all.insert(token).second) << "a token was given twice";
      last = token;
    }
  }
}

TEST_P(StoreThreadsTest, ManyBeginOneKeyAndOneOwnsIt) {
  for (int round = 0; round < Rounds(200); ++round) {
    const std::string key = "key" + std::to_string(round);
    std::atomic<int> claims = 0, busy = 0;
    RunThreads(kThreads, [&](int) {
      const absl::StatusOr<Answer> answer = store_->Begin(key, {});
      ASSERT_TRUE(answer.ok()) << answer.status();
      if (std::holds_alternative<Claim>(*answer)) ++claims;
      if (std::holds_alternative<Busy>(*answer)) ++busy;
    });
    EXPECT_EQ(claims, 1);
    EXPECT_EQ(busy, kThreads - 1);
  }
}

TEST_P(StoreThreadsTest, OnceRunsTheWorkOnce) {
  constexpr int kCallers = 8;
  for (int round = 0; round < Rounds(100); ++round) {
    const std::string key = "key" + std::to_string(round);
    const std::string response(round % 2 == 0 ? 10 : 1000, 'r');
    std::atomic<int> runs = 0;
    RunThreads(kCallers, [&](int) {
      const auto work = [&](Claim&) {
        ++runs;
        return response;
      };
      for (;;) {
        const absl::StatusOr<Replay> replay = store_->Once(key, {}, work);
        if (!replay.ok() && absl::IsUnavailable(replay.status())) {
          std::this_thread::yield();
          continue;
        }
        ASSERT_TRUE(replay.ok()) << replay.status();
        EXPECT_EQ(replay->response.bytes(), response);
        return;
      }
    });
    EXPECT_EQ(runs, 1);
  }
}

// Transfers between accounts, over keys in any order: no deadlock, and no money is lost.
TEST_P(StoreThreadsTest, TransactionsOverlapInAnyOrder) {
  constexpr int kAccounts = 6;
  constexpr int64_t kStart = 1000;
  std::vector<std::string> keys;
  for (int i = 0; i < kAccounts; ++i) keys.push_back("account" + std::to_string(i));
  const std::string start = std::to_string(kStart);
  for (const std::string& key : keys) Execute(Put(key, start));
  RunThreads(kThreads, [&](int thread) {
    std::mt19937 random(static_cast<uint32_t>(thread));
    for (int round = 0; round < Rounds(2000); ++round) {
      const std::string& from = keys[random() % kAccounts];
      const std::string& to = keys[random() % kAccounts];
      if (from == to) continue;
      Request get[] = {Ask(Op::kGet, from), Ask(Op::kGet, to)};
      get[0].want_value = get[1].want_value = true;
      Reply balance[2];
      ASSERT_TRUE(store_->Transact(get, balance));
      const int64_t amount = random() % 10;
      const auto balance_of = [&](int i) {
        return std::stoll(std::string(balance[i].response.bytes()));
      };
      const std::string values[] = {std::to_string(balance_of(0) - amount),
                                    std::to_string(balance_of(1) + amount)};
      Request put[] = {Put(from, values[0]), Put(to, values[1])};
      for (int i = 0; i < 2; ++i) {
        put[i].condition = Condition::kIfVersion;
        put[i].expected_version = balance[i].token;
      }
      Reply done[2];
      while (!store_->Transact(put, done)) std::this_thread::yield();
      ASSERT_EQ(done[0].changed, done[1].changed);
    }
  });
  int64_t sum = 0;
  for (const std::string& key : keys) {
    Request get = Ask(Op::kGet, key);
    get.want_value = true;
    sum += std::stoll(std::string(Execute(get).response.bytes()));
  }
  EXPECT_EQ(sum, kAccounts * kStart);
}

// Each value is one byte over and over; a reader keeps what it was given while writers go on.
TEST_P(StoreThreadsTest, ResponsesStayWhileEntriesAreReplaced) {
  constexpr int kKeys = 4;
  const auto key_of = [](int number) { return "key" + std::to_string(number % kKeys); };
  RunThreads(kThreads, [&](int thread) {
    std::vector<Response> kept;
    for (int round = 0; round < Rounds(3000); ++round) {
      const std::string key = key_of(round);
      if (thread % 2 == 0) {
        const size_t size = round % 3 == 0 ? 100 : 2000;
        const std::string value(size, static_cast<char>('a' + round % 26));
        Request request = round % 50 == 49 ? Ask(Op::kRemove, key) : Put(key, value);
        Reply reply;
        while (store_->Execute({&request, 1}, {&reply, 1}) == 0) std::this_thread::yield();
      } else {
        Request get = Ask(Op::kGet, key);
        get.want_value = true;
        kept.push_back(Execute(get).response);
        if (kept.size() > 50) kept.erase(kept.begin());
      }
    }
    for (const Response& response : kept) {
      const std::string_view bytes = response.bytes();
      EXPECT_TRUE(std::all_of(bytes.begin(), bytes.end(), [&](char c) { return c == bytes[0]; }));
    }
  });
}

TEST_P(StoreThreadsTest, ScanWhileOthersWrite) {
  const int staying = Rounds(3000);
  for (int i = 0; i < staying; ++i) Execute(Put("stays" + std::to_string(i), "v"));
  RunThreads(kThreads, [&](int thread) {
    if (thread == 0) {
      for (int walk = 0; walk < 3; ++walk) {
        std::set<std::string> seen;
        uint64_t cursor = 0;
        do {
          cursor = store_->Scan(cursor, 100, [&](const Store::Entry& entry) {
            if (entry.key.starts_with("stays")) seen.emplace(entry.key);
          });
        } while (cursor != 0);
        EXPECT_EQ(seen.size(), static_cast<size_t>(staying));
      }
      return;
    }
    for (int round = 0; round < staying; ++round) {
      const std::string key = "moves" + std::to_string(thread) + "-" + std::to_string(round / 2);
      Execute(round % 2 == 0 ? Put(key, "v") : Ask(Op::kRemove, key));
      if (round % 100 == 0) (void)store_->GetStats();
    }
  });
  EXPECT_EQ(store_->GetStats().registers, static_cast<uint64_t>(staying));
}

// Time goes on and entries are freed, while others claim them and finish.
TEST_P(StoreThreadsTest, ExpiryWhileOthersClaim) {
  options_.background = Background::kManual;
  Open();
  RunThreads(kThreads, [&](int thread) {
    for (int round = 0; round < Rounds(2000); ++round) {
      if (thread == 0) {
        clock_.Advance(1);
        store_->Step(Store::StepKind::kExpire);
        continue;
      }
      const std::string key = "key" + std::to_string(round % 40);
      absl::StatusOr<Answer> answer = store_->Begin(key, {}, {.lease_ms = 20, .retention_ms = 40});
      ASSERT_TRUE(answer.ok()) << answer.status();
      if (Claim* const claim = std::get_if<Claim>(&*answer)) {
        const absl::Status status = claim->Complete("done");
        const bool lost = absl::IsNotFound(status) || absl::IsFailedPrecondition(status);
        EXPECT_TRUE(status.ok() || lost) << status;
      }
    }
  });
  clock_.Advance(10'000);
  ExpireAll();
  EXPECT_EQ(store_->GetStats().records, 0u);
}

INSTANTIATE_TEST_SUITE_P(Modes, StoreThreadsTest,
                         testing::Values(Durability::kMemory, Durability::kOs),
                         [](const testing::TestParamInfo<Durability>& test) {
                           return test.param == Durability::kMemory ? "Memory" : "Files";
                         });

}  // namespace
}  // namespace idem
