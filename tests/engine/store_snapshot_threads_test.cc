// Snapshots while many threads change the store.
#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/requests.h"
#include "tests/support/snapshot_reading.h"
#include "tests/support/test_size.h"
#include "tests/support/test_store.h"

namespace idem {
namespace {

using engine::Ask;

class StoreSnapshotThreadsTest : public StoreTest {
 protected:
  StoreSnapshotThreadsTest() {
    options_.durability = Durability::kInterval;
    options_.directory = "/store";
    options_.file_system = &files_;
    options_.background = Background::kThreads;
    options_.stripes = 4;
    options_.policy.max_response_bytes = 16'000;
    options_.segment_bytes = options_.backlog_bytes = 256 << 10;
    Open();
  }

  // Puts and removes keys of its own; returns those that are left.
  std::set<std::string> ChangeSome(int thread, int rounds) {
    std::set<std::string> left;
    for (int i = 0; i < rounds; ++i) {
      const std::string key = std::to_string(thread) + "-" + std::to_string(i * 7 % 500);
      const bool remove = i % 5 == 4;
      Request request = Ask(remove ? Op::kRemove : Op::kPut, key);
      const std::string value(static_cast<size_t>(i % 40 == 0 ? 10'000 : i % 500), 'v');
      request.value = value;
      Reply reply;
      while (store_->Execute({&request, 1}, {&reply, 1}) == 0) std::this_thread::yield();
      remove ? left.erase(key) : left.insert(key).second;
    }
    return left;
  }

  std::set<std::string> KeysOfNewest() {
    const Lsn covers = store_->GetStats().log.snapshot_lsn;
    const engine::ReadSnapshot snapshot =
        engine::ReadSnapshotFile(*files_.Read(engine::SnapshotPath("/store", covers)));
    std::set<std::string> keys;
    for (const auto& [key, lsn] : snapshot.lsns) keys.insert(key);
    return keys;
  }
};

TEST_F(StoreSnapshotThreadsTest, UnderLoad) {
  constexpr int kThreads = 3;
  const int rounds = static_cast<int>(TestSize(60'000));
  std::vector<std::set<std::string>> left(kThreads);
  std::atomic<int> running = kThreads;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      left[static_cast<size_t>(i)] = ChangeSome(i, rounds);
      --running;
    });
  }
  std::thread other([&] { EXPECT_TRUE(store_->Snapshot().ok()); });
  do {
    const absl::Status status = store_->Snapshot();
    EXPECT_TRUE(status.ok()) << status;
  } while (running > 0);
  for (std::thread& thread : threads) thread.join();
  other.join();
  ASSERT_TRUE(store_->Snapshot().ok());
  std::set<std::string> wanted;
  for (const auto& keys : left) wanted.insert(keys.begin(), keys.end());
  EXPECT_EQ(KeysOfNewest(), wanted);
  EXPECT_GE(store_->GetStats().log.snapshots, 2u);
  EXPECT_EQ(store_->GetStats().log.snapshots_failed, 0u);
}

// The destructor does not wait for a walk to come to its end.
TEST_F(StoreSnapshotThreadsTest, CloseWhileOneRuns) {
  ChangeSome(0, static_cast<int>(TestSize(20'000)));
  ASSERT_TRUE(store_->StartSnapshot().ok());
  store_.reset();
  const std::vector<std::string> names = *files_.List("/store");
  for (const std::string& name : names) EXPECT_FALSE(name.ends_with(".snap.tmp"));
}

}  // namespace
}  // namespace idem
