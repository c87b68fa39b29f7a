// How a StoreBesideModel ends its store, and finds out what the next one holds.
#include <utility>

#include "gtest/gtest.h"
#include "tests/support/store_beside_model.h"
#include "tests/support/text.h"

namespace idem::engine {
namespace {

constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kOpenMs = 1;                // an open itself may count as a moment of store time
constexpr std::string_view kProbe = "probe";  // a register that tells the store's time

}  // namespace

void StoreBesideModel::PutProbe() {
  Request put;
  put.op = Op::kPut;
  put.key = kProbe;
  put.retention_ms = int64_t{36'500} * 24 * kHourMs;
  Execute({&put, 1});
}

int64_t StoreBesideModel::ProbedNowMs() {
  Request get;
  get.key = kProbe;
  Reply reply;
  EXPECT_EQ(store_->Execute({&get, 1}, {&reply, 1}), 1u);
  const std::vector<int64_t> turns = model_.TurnsOf(std::string(kProbe));
  EXPECT_EQ(reply.outcome, Outcome::kOk);
  EXPECT_EQ(turns.size(), 2u);
  return turns.back() - reply.ttl_ms;
}

// What the dead store would still write at its end nobody sees.
void StoreBesideModel::KillStore() {
  file_system_.Kill();
  file_system_.FailCall(1, absl::UnavailableError("killed"), /*keep_failing=*/true);
  store_.reset();
  file_system_.FailCall(0, absl::OkStatus());
}

void StoreBesideModel::Restart(End end) {
  PutProbe();
  CommitAll();
  std::vector<Model> states = {model_};  // that may be left
  if (random_.OneIn(2)) PassTime();
  for (int64_t calls = end == End::kKilled ? 0 : random_.Pick(12); calls > 0; --calls) {
    ExecuteSome(1);
    states.push_back(model_);
    if (random_.OneIn(4)) CommitAll();
    if (store_->committed() >= last_lsn_ || end == End::kClosed) states = {model_};
  }
  snapshots_ += store_->GetStats().log.snapshots;
  const int64_t ended_ms = model_.now_ms();
  end == End::kClosed ? store_.reset() : KillStore();
  clock_.Advance(random_.Pick(30 * 24 * kHourMs));
  clock_.JumpWall(random_.Pick(40 * 24 * kHourMs) - 20 * 24 * kHourMs);
  Open();
  if (testing::Test::HasFatalFailure()) return;

  const int64_t now_ms = ProbedNowMs();
  EXPECT_LE(now_ms, ended_ms + kOpenMs) << "store time stands still while closed";
  EXPECT_GE(now_ms, committed_at_ms_) << "store time never goes back behind what was committed";
  offset_ms_ = now_ms - clock_.BootMs();
  for (Model& state : states) {
    state.SetTime(now_ms, clock_.WallMs());
    state.Reopen(now_ms, offset_ms_);
  }
  FindWhatIsLeft(std::move(states));
  cursor_ = 0;
}

// After a kill: the state after what was committed, or after some more calls, in their order.
void StoreBesideModel::FindWhatIsLeft(std::vector<Model> candidates) {
  const Token last_token = model_.last_token();
  last_changes_.clear();
  last_lsn_ = store_->committed();
  for (Model& candidate : candidates) {
    if (!HoldsTheSame(candidate)) continue;
    model_ = candidate;
    model_.KeepTokensAfter(last_token);
    return;
  }
  model_ = candidates.front();
  ADD_FAILURE() << "not a state that the store was in since its last commit";
  CompareAll(100);
}

std::map<std::string, std::string> StoreBesideModel::ScanAll(size_t count) {
  std::map<std::string, std::string> entries;
  uint64_t cursor = 0;
  do {
    cursor = store_->Scan(cursor, count, [&](const Store::Entry& entry) {
      entries[std::string(entry.key)] = Text(Op::kGet, *entry.about);
    });
  } while (cursor != 0);
  return entries;
}

bool StoreBesideModel::HoldsTheSame(Model& model) {
  std::map<std::string, std::string> wanted;
  for (const std::string& key : model.Keys()) {
    Request get;
    get.key = key;
    wanted[key] = Text(Op::kGet, model.Answer(get, {}));
  }
  return ScanAll(100) == wanted;
}

}  // namespace idem::engine
