#include "tests/support/store_beside_model.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/text.h"

namespace idem::engine {
namespace {

constexpr size_t kHistory = 4'000;
constexpr size_t kHistoryShown = 25;
constexpr int64_t kHourMs = 3'600'000;

// Callers use their replies again: nothing of this may shine through.
std::vector<Reply> UsedReplies(size_t count) {
  std::vector<Reply> replies(count);
  for (Reply& reply : replies) {
    reply.outcome = Outcome::kReplay;
    reply.kind = Kind::kRecord;
    reply.state = State::kFailedFinal;
    reply.held = reply.orphaned = reply.changed = reply.value_omitted = reply.has_owner = true;
    reply.code = 1;
    reply.attempt = 2;
    reply.value_bytes = 3;
    reply.token = 4;
    reply.epoch = 6;
    reply.seq = 7;
    reply.lease_ms = reply.retry_after_ms = reply.age_ms = reply.ttl_ms = reply.deadline_ms = 5;
    reply.lsn = ~Lsn{0};
    reply.response.Copy("another's");
  }
  return replies;
}

bool Undoes(Outcome outcome) {
  return outcome >= Outcome::kUnknownKey || outcome == Outcome::kNotMet ||
         outcome == Outcome::kDuplicate || outcome == Outcome::kGap ||
         outcome == Outcome::kStaleEpoch;
}

}  // namespace

StoreBesideModel::StoreBesideModel(uint64_t seed, const Traffic& traffic, Options options)
    : options_([&] {
        options.clock = &clock_;
        options.file_system = &file_system_;
        options.background = Background::kManual;
        return options;
      }()),
      transaction_max_(traffic.transaction_max),
      model_(options_),
      random_(seed, traffic, &model_) {
  Open();
  offset_ms_ = 1 - clock_.BootMs();  // store time begins with 1
  model_.Reopen(1, offset_ms_);
  // Whether a claim in the very millisecond of a first open has a restart grace is not this test's.
  clock_.Advance(1);
  SetModelTime();
}

void StoreBesideModel::Open() {
  auto opened = Store::Open(options_);
  ASSERT_TRUE(opened.ok()) << opened.status();
  store_ = *std::move(opened);
}

bool StoreBesideModel::Run(int64_t operations) {
  while (operations > 0 && !testing::Test::HasFailure()) {
    const int64_t count = std::min(operations, random_.OneIn(3) ? 1 : 1 + random_.Pick(70));
    PassTime();
    operations -= random_.OneIn(12) ? TransactSome(count) : ExecuteSome(count);
    StepSome();
  }
  return !testing::Test::HasFailure();
}

void StoreBesideModel::PassTime() {
  clock_.Advance(random_.TimeStepMs());
  if (random_.OneIn(500)) clock_.JumpWall(random_.Pick(2 * kHourMs) - kHourMs);
  SetModelTime();
}

void StoreBesideModel::SetModelTime() {
  model_.SetTime(clock_.BootMs() + offset_ms_, clock_.WallMs());
}

// --- Calls ---

int64_t StoreBesideModel::ExecuteSome(int64_t count) {
  Execute(random_.Batch(count));
  return count;
}

void StoreBesideModel::Execute(std::span<const Request> requests) {
  std::vector<Reply> replies = UsedReplies(requests.size());
  size_t done = 0;
  for (int tries = 0; done < requests.size(); ++tries) {
    ASSERT_LT(tries, 100) << "the backlog stays full for " << requests.size() - done << ", first "
                          << Text(requests[done]);
    done += store_->Execute(requests.subspan(done), std::span(replies).subspan(done));
    if (done < requests.size()) CommitAll();
  }
  for (size_t i = 0; i < requests.size() && !testing::Test::HasFailure(); ++i) {
    Check(requests[i], model_.Answer(requests[i], replies[i]), replies[i]);
  }
}

int64_t StoreBesideModel::TransactSome(int64_t count) {
  std::vector<Request> requests = random_.Batch(std::min(count, transaction_max_));
  for (Request& request : requests) request.nowait = false;  // it takes no notice of that
  if (!random_.OneIn(10)) {  // a key that stands twice makes all of it invalid
    std::set<std::string_view> keys;
    std::erase_if(requests,
                  [&](const Request& request) { return !keys.insert(request.key).second; });
  }
  Transact(requests);
  return static_cast<int64_t>(requests.size());
}

void StoreBesideModel::Transact(std::span<const Request> requests) {
  std::vector<Reply> replies = UsedReplies(requests.size());
  if (!store_->Transact(requests, replies)) {
    CommitAll();
    ASSERT_TRUE(store_->Transact(requests, replies)) << "the backlog stays full";
  }
  const std::vector<Reply> wanted = model_.AnswerTogether(requests, replies);
  const bool undone = std::any_of(wanted.begin(), wanted.end(),
                                  [](const Reply& reply) { return Undoes(reply.outcome); });
  for (size_t i = 0; i < requests.size() && !testing::Test::HasFailure(); ++i) {
    if (!undone || Undoes(wanted[i].outcome)) {
      Check(requests[i], wanted[i], replies[i]);
    } else {
      EXPECT_FALSE(replies[i].changed || Undoes(replies[i].outcome))
          << Text(requests[i]) << " -> " << Text(requests[i].op, replies[i]);
    }
  }
  // Its changes are told with the last LSN of all, but each has its own; all commit together.
  const auto changes = std::count_if(replies.begin(), replies.end(),
                                     [](const Reply& reply) { return reply.changed; });
  for (size_t i = 0; i < requests.size(); ++i) {
    if (!replies[i].changed) continue;
    EXPECT_EQ(replies[i].lsn, last_lsn_);
    last_changes_[std::string(requests[i].key)].lsn -= static_cast<Lsn>(changes - 1);
  }
}

void StoreBesideModel::Check(const Request& request, const Reply& wanted, const Reply& told) {
  ++outcomes_[static_cast<size_t>(told.outcome)];
  history_.emplace_back(request.key, absl::StrCat(model_.now_ms(), " ", Text(request), " -> ",
                                                  Text(request.op, told)));
  if (history_.size() > kHistory) history_.pop_front();
  EXPECT_TRUE(SaysTheSame(request.op, wanted, told))
      << "wanted: " << Text(request.op, wanted) << "\ntold:   " << Text(request.op, told) << "\n"
      << History(request.key);
  if (request.op == Op::kGet && told.outcome == Outcome::kOk) {
    EXPECT_EQ(told.deadline_ms, told.ttl_ms == -1 ? 0 : clock_.BootMs() + told.ttl_ms);
  }
  if (told.outcome < Outcome::kInvalid) CheckLsn(request, told);
}

// A change has a position of its own; who sees an entry, or that it is gone, waits for that change.
// So does who does not wait for his own.
void StoreBesideModel::CheckLsn(const Request& request, const Reply& told) {
  LastChange& last = last_changes_[std::string(request.key)];
  if (!told.changed || request.nowait) {
    EXPECT_LE(told.lsn, last_lsn_) << History(request.key);
    if (told.kind != Kind::kAny || last.removed) {
      EXPECT_GE(told.lsn, last.lsn) << History(request.key);
    }
  }
  if (!told.changed) return;
  const Lsn lsn = request.nowait ? last_lsn_ + 1 : told.lsn;
  EXPECT_GE(lsn, last_lsn_) << History(request.key);
  last_lsn_ = lsn;
  last_change_ms_ = model_.now_ms();
  last = {lsn, told.outcome == Outcome::kOk &&
                   (request.op == Op::kRemove || request.op == Op::kRelease)};
}

std::string StoreBesideModel::History(std::string_view key) const {
  std::vector<std::string> lines;
  for (auto at = history_.rbegin(); at != history_.rend() && lines.size() < kHistoryShown; ++at) {
    if (at->first == key) lines.push_back(at->second);
  }
  std::string text = absl::StrCat("last calls on '", std::string(key.substr(0, 20)), "':\n");
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    absl::StrAppend(&text, "  ", *line, "\n");
  }
  return text;
}

// --- Background work ---

void StoreBesideModel::StepSome() {
  if (random_.OneIn(5)) {
    for (int64_t steps = random_.Pick(4); steps > 0; --steps) {
      store_->Step(Store::StepKind::kExpire);
    }
  }
  if (random_.OneIn(3)) store_->Step(Store::StepKind::kCommit);
  if (random_.OneIn(3)) store_->Step(Store::StepKind::kPrepareSegment);
  if (random_.OneIn(4)) ScanOneStep();
  if (random_.OneIn(30)) store_->StartSnapshot().IgnoreError();  // none in memory mode
  if (random_.OneIn(2)) store_->Step(Store::StepKind::kSnapshot);
}

void StoreBesideModel::CommitAll() {
  store_->Step(Store::StepKind::kPrepareSegment);
  for (int tries = 0; tries < 1'000; ++tries) {
    if (!store_->Step(Store::StepKind::kCommit) && store_->committed() >= last_lsn_) break;
    store_->Step(Store::StepKind::kPrepareSegment);
  }
  EXPECT_GE(store_->committed(), last_lsn_);
  committed_at_ms_ = last_change_ms_;
}

// What has a deadline has a near one, or one in fifty years.
void StoreBesideModel::LetAllExpire() {
  clock_.Advance(24 * kHourMs);
  SetModelTime();
  while (store_->Step(Store::StepKind::kExpire)) {
  }
  const Stats stats = store_->GetStats();
  EXPECT_EQ(stats.entries(), model_.Keys().size());
}

// --- Everything they hold ---

void StoreBesideModel::CompareAll(size_t count) {
  std::set<std::string> left = model_.Keys();
  uint64_t cursor = 0;
  do {
    cursor = store_->Scan(cursor, count, [&](const Store::Entry& entry) {
      Request get;
      get.key = entry.key;
      const Reply wanted = model_.Answer(get, *entry.about);
      EXPECT_EQ(Text(Op::kGet, wanted), Text(Op::kGet, *entry.about)) << History(entry.key);
      left.erase(std::string(entry.key));
    });
  } while (cursor != 0 && !testing::Test::HasFailure());
  if (testing::Test::HasFailure()) return;
  for (const std::string& key : left) ADD_FAILURE() << "not in the scan; " << History(key);
}

// What was there when the walk began and never went away is seen at least once.
void StoreBesideModel::ScanOneStep() {
  if (cursor_ == 0) {
    births_at_start_ = model_.births();
    seen_.clear();
  }
  cursor_ = store_->Scan(cursor_, 1 + static_cast<size_t>(random_.Pick(1000)),
                         [&](const Store::Entry& entry) {
                           EXPECT_TRUE(model_.Has(entry.key)) << History(entry.key);
                           seen_.insert(std::string(entry.key));
                         });
  if (cursor_ != 0) return;
  for (const std::string& key : model_.Keys(births_at_start_)) {
    EXPECT_TRUE(seen_.contains(key)) << "missed by a walk; " << History(key);
  }
}

}  // namespace idem::engine
