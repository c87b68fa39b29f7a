// Several threads on one log in files, with its own background threads. For ThreadSanitizer, too.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/body.h"
#include "base/mutex.h"
#include "tests/support/test_log.h"
#include "tests/support/test_size.h"

namespace idem::engine {
namespace {

// Appends from many threads; remembers what was appended where, and what was acknowledged.
class Writers {
 public:
  explicit Writers(Log* log) : log_(log) {}

  void Run(int threads, int appends) {
    std::vector<std::thread> running;
    for (int i = 0; i < threads; ++i) {
      running.emplace_back([this, i, appends] { Write(i, appends); });
    }
    for (std::thread& thread : running) thread.join();
  }

  Lsn acknowledged() const { return acknowledged_; }
  int granted() const { return granted_; }
  std::map<Lsn, std::string> appended() {
    MutexLock lock(mutex_);
    return appended_;
  }

 private:
  void Write(int thread, int appends) {
    std::mt19937 random(static_cast<uint32_t>(thread));
    const BodyRef body(Body::New(std::string(4096, 'b')));
    for (int i = 0; i < appends; ++i) {
      const std::string key = std::to_string(thread) + "/" + std::to_string(i);
      const std::string value(random() % 300, 'v');
      Image image = Register(key, value);
      if (random() % 16 == 0) {
        image.value = body.get()->bytes();
        image.value_body = body.get();
      }
      const Lsn lsn = Append(image);
      if (lsn == 0) return;
      if (random() % 4 != 0) {
        log_->RequestCommit();
      } else if (log_->WaitCommitted(lsn).ok()) {
        Acknowledge(lsn);
      }
    }
  }

  // Waits for room; 0 when the log has failed or the disk is full.
  Lsn Append(const Image& image) {
    const size_t bytes = MaxRecordBytes(image.key.size(), image.value.size());
    Log::Room room = log_->Reserve(bytes);
    while (room == Log::Room::kBacklogFull) {
      if (!log_->WaitCommitted(log_->committed() + 1).ok()) return 0;
      room = log_->Reserve(bytes);
    }
    if (room != Log::Room::kGranted) return 0;
    Lsn lsn = 0;
    {
      MutexLock lock(mutex_);  // as a stripe's
      lsn = log_->Append({&image, 1});
      appended_[lsn] = TestLog::Encoded(image);
      ++granted_;
    }
    log_->Release(bytes);
    return lsn;
  }

  void Acknowledge(Lsn lsn) {
    EXPECT_GE(log_->committed(), lsn);
    MutexLock lock(mutex_);
    acknowledged_ = std::max(acknowledged_, lsn);
  }

  Log* const log_;
  Mutex mutex_;
  std::map<Lsn, std::string> appended_ IDEM_GUARDED_BY(mutex_);
  std::atomic<int> granted_{0};
  Lsn acknowledged_ = 0;
};

class FileLogThreadsTest : public LogTest {
 protected:
  void SetUp() override {
    test_.options.background = Background::kThreads;
    test_.options.clock = Clock::System();
    test_.options.sync_interval_ms = 1;
  }
  const int appends_ = static_cast<int>(TestSize(2000));
};

TEST_F(FileLogThreadsTest, CommitsWhatManyThreadsAppend) {
  for (const Durability durability :
       {Durability::kAlways, Durability::kInterval, Durability::kOs}) {
    Open(durability);
    const Lsn before = test_.last_recovered;
    std::atomic<Lsn> told{0};
    log_->SetListener([&] { told = log_->committed(); });
    Writers writers(log_);
    writers.Run(4, appends_);
    EXPECT_TRUE(log_->Close().ok());
    EXPECT_EQ(log_->committed(), before + static_cast<Lsn>(4 * appends_));
    EXPECT_EQ(told, log_->committed());
    const LogStats stats = log_->stats();
    EXPECT_LE(stats.batches, stats.appended);
    test_.PowerCut();
    Open(durability);
    std::map<Lsn, std::string> fresh(test_.recovered.upper_bound(before), test_.recovered.end());
    EXPECT_TRUE(fresh == writers.appended());
    test_.Kill();
  }
}

TEST_F(FileLogThreadsTest, ACommitIsRequestedAndComes) {
  Open();
  test_.AppendSome();
  log_->RequestCommit();
  while (log_->committed() < 1) std::this_thread::yield();
}

// Nobody waits for ever, and nothing acknowledged is lost, when the disk fails under load.
TEST_F(FileLogThreadsTest, ADiskThatFailsUnderLoad) {
  for (int64_t nth = 1; nth < 60; nth += 7) {
    ASSERT_TRUE(test_.Open().ok());
    log_ = test_.log.get();
    const Lsn before = test_.last_recovered;
    test_.files.FailCall(nth, broken_, /*keep_failing=*/true);
    Writers writers(log_);
    writers.Run(3, appends_);
    test_.files.FailCall(0, broken_);
    log_->Close().IgnoreError();
    const Lsn acknowledged = std::max(before, writers.acknowledged());
    test_.PowerCut();
    ASSERT_TRUE(test_.Open().ok());
    EXPECT_GE(test_.last_recovered, acknowledged);
    test_.Kill();
  }
}

TEST_F(FileLogThreadsTest, ADiskThatFillsUpUnderLoadAndHeals) {
  Open();
  while (!log_->stats().spare_ready) std::this_thread::yield();
  test_.files.SetCapacity(0);
  Writers first(log_);
  first.Run(3, 100'000);
  EXPECT_GT(first.granted(), 10);
  while (log_->accepts_claims()) std::this_thread::yield();
  EXPECT_TRUE(log_->status().ok());
  test_.files.SetCapacity(1 << 30);
  while (!log_->accepts_claims()) std::this_thread::yield();
  Writers second(log_);
  second.Run(3, appends_);
  EXPECT_EQ(second.granted(), 3 * appends_);
  EXPECT_TRUE(log_->Close().ok());
  Reopen();
  EXPECT_EQ(test_.last_recovered, static_cast<Lsn>(first.granted() + second.granted()));
}

TEST_F(FileLogThreadsTest, MarksWhenItIsIdle) {
  Open();
  while (!log_->stats().spare_ready) std::this_thread::yield();
  test_.AppendSome();
  EXPECT_TRUE(test_.Commit());
  while (log_->stats().syncs < 2) std::this_thread::yield();
}

}  // namespace
}  // namespace idem::engine
