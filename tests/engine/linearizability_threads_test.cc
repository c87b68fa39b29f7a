// Real threads on few keys of a real store: whatever they were told, there is an order of their
// calls that explains it (linearizability.h), and tokens rise and are unique. With files the store
// is also cut off in the middle, by a power cut or a kill, and opened again: what was answered
// holds, what was not may have happened or not.
//
// A seed decides who asks for what; how the threads meet is up to the machine, which a clock and a
// disk that give way to other threads make meet more often. So IDEM_SEED=n runs the history n
// again and again, IDEM_T4_HISTORIES times (500), and the failure prints the history itself.
// IDEM_T4_HISTORIES is else the number of histories of all cases together.
#include <algorithm>
#include <atomic>
#include <barrier>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "idem/clock.h"
#include "idem/memory_file_system.h"
#include "idem/store.h"
#include "tests/support/caller.h"
#include "tests/support/linearizability.h"
#include "tests/support/requests.h"
#include "tests/support/seeds.h"
#include "tests/support/test_size.h"
#include "tests/support/watched_file_system.h"

namespace idem::engine {
namespace {

constexpr int kTimeStepsMax = 30;  // in one life
constexpr int64_t kProbeMs = int64_t{36'500} * 24 * 3'600'000;

// Without a message, so that threads share no count of who refers to it: Debian's Abseil keeps that
// where ThreadSanitizer does not see it.
absl::Status CutOffError() { return absl::UnavailableError(""); }

// Lets other threads go first, one time in `count`.
void GiveWay(uint32_t count) {
  static std::atomic<uint32_t> threads{0};
  thread_local uint32_t state = 2'654'435'761U * ++threads;
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  if (state % count == 0) std::this_thread::yield();
}

// A call looks at it between being made and locking anything.
class YieldingClock final : public Clock {
 public:
  int64_t BootMs() const override {
    GiveWay(8);
    const int64_t now_ms = clock_.BootMs();
    GiveWay(4);
    return now_ms;
  }
  int64_t WallMs() const override { return clock_.WallMs(); }
  std::string BootId() const override { return clock_.BootId(); }
  void Advance(int64_t ms) { clock_.Advance(ms); }

 private:
  FakeClock clock_;
};

struct Case {
  const char* name;
  Durability durability;
  int percent;  // of all histories
};

// One history.
class Stage {
 public:
  Stage(uint64_t seed, Durability durability);
  void Run();

 private:
  uint64_t Pick(uint64_t count) { return random_() % count; }
  bool OneIn(uint64_t count) { return Pick(count) == 0; }
  void Open();
  void RunLife(int life);
  void RunBackground(int life, const std::atomic<int>& callers);
  void PassTime(int life);
  void StepSome();
  void CutOff();
  void Reopen(int life);
  void ReadAll(int life);
  void PutProbe();
  int64_t ProbedNowMs();
  void Judge() const;

  std::mt19937_64 random_;
  YieldingClock clock_;
  MemoryFileSystem files_;
  WatchedFileSystem disk_{&files_};
  Options options_;
  CallersWorld world_;
  std::unique_ptr<Store> store_;
  int64_t offset_ms_ = 0;  // store time - boot time
  int64_t probe_until_ms_ = 0;
  History history_;
};

Stage::Stage(uint64_t seed, Durability durability)
    : random_(seed), world_(1 + seed % CallersWorld::kKeys) {
  disk_.before = [] { GiveWay(2); };
  options_.durability = durability;
  options_.directory = durability == Durability::kMemory ? "" : "/store";
  options_.background = OneIn(2) ? Background::kManual : Background::kThreads;
  options_.clock = &clock_;
  options_.file_system = &disk_;
  options_.policy.default_lease_ms = 20;
  options_.policy.default_retention_ms = 150;
  options_.restart_grace_ms = 15;
  options_.stripes = OneIn(2) ? 1 : 4;
  options_.policy.max_response_bytes = 1'000;
  options_.segment_bytes = 64 << 10;
  options_.backlog_bytes = 64 << 10;
}

void Stage::Run() {
  const int lives = options_.durability == Durability::kMemory ? 1 : 1 + static_cast<int>(Pick(3));
  Open();
  if (testing::Test::HasFailure()) return;
  offset_ms_ = 1 - clock_.BootMs();  // store time begins with 1
  // Whether a claim in the very millisecond of a first open has a restart grace is not this test's.
  clock_.Advance(1);
  history_.push_back({.kind = Event::Kind::kTime,
                      .invoked = world_.moments().Next(),
                      .returned = world_.moments().Next(),
                      .now_ms = 2,
                      .wall_ms = clock_.WallMs()});
  PutProbe();
  for (int life = 0; life < lives && !testing::Test::HasFailure(); ++life) {
    if (life > 0) Reopen(life - 1);
    ReadAll(life);
    RunLife(life);
    if (life + 1 < lives) {
      CutOff();
    } else {
      ReadAll(life);
    }
  }
  Judge();
}

void Stage::Open() {
  auto opened = Store::Open(options_);
  ASSERT_TRUE(opened.ok()) << opened.status();
  store_ = *std::move(opened);
}

void Stage::RunLife(int life) {
  constexpr int kThreads[] = {2, 2, 3, 4, 8, 16};
  constexpr int kCalls = 120;
  const int threads = kThreads[Pick(std::size(kThreads))];
  const bool disk_fails = options_.durability != Durability::kMemory && !OneIn(4);
  if (disk_fails) {
    const auto nth = static_cast<int64_t>(1 + Pick(OneIn(2) ? 100 : 20));
    files_.FailCall(nth, CutOffError(), /*keep_failing=*/true);
  }
  std::vector<std::unique_ptr<Caller>> callers;
  for (int i = 0; i < threads; ++i) {
    callers.push_back(std::make_unique<Caller>(random_(), i, life, store_.get(), &world_));
  }
  std::atomic<int> running = threads;
  std::barrier<> start(threads + 1);
  std::vector<std::thread> running_threads;
  for (const auto& caller : callers) {
    running_threads.emplace_back([&running, &start, threads, caller = caller.get()] {
      start.arrive_and_wait();
      caller->Call(kCalls / threads);
      running.fetch_sub(1, std::memory_order_relaxed);
    });
  }
  start.arrive_and_wait();
  RunBackground(life, running);
  for (std::thread& thread : running_threads) thread.join();
  for (const auto& caller : callers) {
    EXPECT_TRUE(disk_fails || caller->refused() == 0) << "refused without a reason";
    History calls = caller->TakeHistory();
    std::ranges::move(calls, std::back_inserter(history_));
  }
}

// Time passes, and what the store does by itself is done.
void Stage::RunBackground(int life, const std::atomic<int>& callers) {
  for (int steps = 0; callers.load(std::memory_order_relaxed) > 0;) {
    if (steps < kTimeStepsMax && OneIn(3)) {
      PassTime(life);
      ++steps;
    }
    StepSome();
    std::this_thread::yield();
  }
}

void Stage::PassTime(int life) {
  const auto step_ms = static_cast<int64_t>(1 + Pick(OneIn(4) ? 60 : 6));
  Event event = {.kind = Event::Kind::kTime, .life = life, .invoked = world_.moments().Next()};
  clock_.Advance(step_ms);
  event.returned = world_.moments().Next();
  event.now_ms = clock_.BootMs() + offset_ms_;
  event.wall_ms = clock_.WallMs();
  history_.push_back(std::move(event));
}

void Stage::StepSome() {
  if (options_.durability != Durability::kMemory && OneIn(40)) {
    store_->StartSnapshot().IgnoreError();
  }
  if (options_.background == Background::kThreads) return;
  constexpr Store::StepKind kKinds[] = {Store::StepKind::kCommit, Store::StepKind::kExpire,
                                        Store::StepKind::kPrepareSegment,
                                        Store::StepKind::kSnapshot};
  store_->Step(kKinds[Pick(std::size(kKinds))]);
}

// --- the end of a life, and the next

// From here on the disk takes nothing more; what was not synced is gone, or any part of it.
void Stage::CutOff() {
  files_.FailCall(1, CutOffError(), /*keep_failing=*/true);
  options_.durability == Durability::kAlways ? files_.Crash(random_()) : files_.Kill();
  store_.reset();
  files_.FailCall(0, absl::OkStatus());
}

void Stage::Reopen(int life) {
  const int64_t ended_ms = clock_.BootMs() + offset_ms_;
  clock_.Advance(static_cast<int64_t>(Pick(1'000)));
  Event event = {.kind = Event::Kind::kReopen, .life = life, .invoked = world_.moments().Next()};
  Open();
  if (testing::Test::HasFailure()) return;
  event.returned = world_.moments().Next();
  event.now_ms = ProbedNowMs();
  event.wall_ms = clock_.WallMs();
  EXPECT_LE(event.now_ms, ended_ms + 1) << "store time stands still while closed";
  offset_ms_ = event.now_ms - clock_.BootMs();
  history_.push_back(std::move(event));
}

void Stage::ReadAll(int life) {
  Caller reader(0, -1, life, store_.get(), &world_);
  reader.ReadAll();
  History calls = reader.TakeHistory();
  std::ranges::move(calls, std::back_inserter(history_));
}

// A register that tells the store's time.
void Stage::PutProbe() {
  Request put = Put("here", kProbeMs);
  put.key = "probe";
  Reply reply;
  ASSERT_EQ(store_->Execute({&put, 1}, {&reply, 1}), 1u);
  while (store_->committed() < reply.lsn) {
    if (!store_->Commit()) std::this_thread::yield();
  }
  probe_until_ms_ = clock_.BootMs() + offset_ms_ + kProbeMs;
}

int64_t Stage::ProbedNowMs() {
  const Request get = Ask(Op::kGet, "probe");
  Reply reply;
  EXPECT_EQ(store_->Execute({&get, 1}, {&reply, 1}), 1u);
  EXPECT_EQ(reply.outcome, Outcome::kOk) << "what was acknowledged is lost";
  return probe_until_ms_ - reply.ttl_ms;
}

void Stage::Judge() const {
  EXPECT_EQ(WrongTokens(history_), "");
  const Verdict verdict = Linearize(options_, 1, history_);
  EXPECT_TRUE(verdict.wrong.empty()) << verdict.wrong;
}

// --- cases

int64_t AllHistories(int64_t otherwise) {
  const char* const text = std::getenv("IDEM_T4_HISTORIES");
  return text != nullptr ? std::strtoll(text, nullptr, 10) : otherwise;
}

class LinearizabilityTest : public testing::TestWithParam<Case> {};

TEST_P(LinearizabilityTest, EveryAnswerHasItsPlace) {
  const bool again = std::getenv("IDEM_SEED") != nullptr;
  const int64_t histories = AllHistories(TestSize(4'000)) * GetParam().percent / 100;
  RunSeeds(std::max<int64_t>(1, histories), [again](uint64_t seed) {
    const int64_t times = again ? AllHistories(500) : 1;
    for (int64_t i = 0; i < times && !HasFailure(); ++i) Stage(seed, GetParam().durability).Run();
  });
}

INSTANTIATE_TEST_SUITE_P(Cases, LinearizabilityTest,
                         testing::Values(Case{"Memory", Durability::kMemory, 40},
                                         Case{"PowerCut", Durability::kAlways, 40},
                                         Case{"Kill", Durability::kInterval, 20}),
                         [](const testing::TestParamInfo<Case>& test) { return test.param.name; });

}  // namespace
}  // namespace idem::engine
