// Real threads that wait for one key: each effect happens once, everyone gets the one result, and
// nobody is left behind. Also under TSan.
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "idem/store.h"

namespace idem {
namespace {

constexpr int kThreads = 8;
constexpr int kRounds = 400;

Options InMemory() {
  Options options;
  options.durability = Durability::kMemory;
  return options;
}

// Calls from all threads at once.
template <typename Call>
void Together(Call call) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(call, i);
  for (std::thread& thread : threads) thread.join();
}

TEST(StoreWaitThreadsTest, EveryClickGetsTheOneResult) {
  auto store = Store::Open(InMemory()).value();
  std::atomic<int> effects{0};
  std::atomic<int> failures{0};
  Together([&](int thread) {
    for (int round = 0; round < kRounds; ++round) {
      const std::string key = "order-" + std::to_string(round);
      absl::StatusOr<Answer> answer = store->Begin(key, {}, {.wait_ms = 60'000});
      ASSERT_TRUE(answer.ok()) << answer.status();
      if (auto* const claim = std::get_if<Claim>(&*answer)) {
        // Every other one gives up first: somebody else who waits gets the claim.
        if (claim->attempt() == 1 && round % 2 == 0) {
          ++failures;
          ASSERT_TRUE(claim->FailRetry().ok());
          answer = store->Begin(key, {}, {.wait_ms = 60'000});
        }
      }
      if (auto* const claim = std::get_if<Claim>(&*answer)) {
        ++effects;
        ASSERT_TRUE(claim->Complete("by " + std::to_string(thread)).ok());
      } else {
        ASSERT_TRUE(std::holds_alternative<Replay>(*answer)) << answer->index();
      }
    }
  });
  EXPECT_EQ(effects, kRounds);
  EXPECT_EQ(failures, kRounds / 2);
  EXPECT_EQ(store->GetStats().waiting, 0u);
}

// Waiters that go away while others change what they wait for: told or forgotten, never both.
TEST(StoreWaitThreadsTest, WhoGoesAwayIsToldBeforeOrNever) {
  auto store = Store::Open(InMemory()).value();
  Together([&](int thread) {
    for (int round = 0; round < kRounds; ++round) {
      Request begin;
      begin.op = Op::kBegin;
      begin.key = "k";
      begin.lease_ms = 60'000;
      begin.wait_ms = thread % 2 == 0 ? 1 : 60'000;
      auto told = std::make_shared<std::atomic<Token>>(0);
      std::atomic<bool> is_told{false};
      Reply reply;
      WaitId id = 0;
      const auto waiting = store->ExecuteOrWait(begin, reply, id, [&is_told, told](Reply& answer) {
        *told = answer.outcome == Outcome::kClaimed ? answer.token : 0;
        is_told = true;
      });
      if (waiting == Store::Waiting::kAnswered) {
        *told = reply.outcome == Outcome::kClaimed ? reply.token : 0;
      } else {
        const bool was_forgotten = store->ForgetWaiter(id);
        EXPECT_NE(was_forgotten, is_told.load());
      }
      if (*told != 0) {
        EXPECT_TRUE(store->Attach("k", *told).FailRetry().ok());
      }
    }
  });
  EXPECT_EQ(store->GetStats().waiting, 0u);
}

}  // namespace
}  // namespace idem
