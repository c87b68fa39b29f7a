#include "tests/support/store_oracle.h"

#include <algorithm>

#include "gtest/gtest.h"

namespace idem {
namespace {

bool Finished(State state) { return state == State::kCompleted || state == State::kFailedFinal; }

Reply Ask(Store& store, const Request& request) {
  Reply reply;
  EXPECT_EQ(store.Execute({&request, 1}, {&reply, 1}), 1u);
  return reply;
}

}  // namespace

const std::string& StoreOracle::KeyOf(int key) {
  static const std::vector<std::string> keys = [] {
    std::vector<std::string> names;
    for (int i = 0; i < kKeys; ++i) {
      const char* const kind = IsRegister(i)   ? "register-"
                               : IsSeenId(i)   ? "event-"
                               : IsProducer(i) ? "producer-"
                                               : "order-";
      names.push_back(kind + std::to_string(i));
    }
    return names;
  }();
  return keys[static_cast<size_t>(key)];
}

StoreOracle::StoreOracle(const Options& options)
    : clock_(options.clock),
      grace_ms_(options.restart_grace_ms),
      retention_ms_(options.policy.default_retention_ms),
      always_(options.durability == Durability::kAlways) {}

int64_t StoreOracle::NowMs() const {
  return opened_boot_ms_ < 0 ? open_ms_ : open_ms_ + clock_->BootMs() - opened_boot_ms_;
}

const StoreOracle::Change* StoreOracle::LastOf(int key) const {
  const auto last = std::find_if(changes_.rbegin(), changes_.rend(),
                                 [key](const Change& change) { return change.key == key; });
  return last == changes_.rend() ? nullptr : &*last;
}

// --- what is told

void StoreOracle::Told(std::span<const Call> calls, std::span<const Reply> replies, bool together) {
  const Lsn before = changes_.size();
  for (size_t i = 0; i < calls.size(); ++i) {
    // Of a transaction that did nothing only the reply that is the reason says something.
    if (!together || replies[i].lsn != 0) TellOne(calls[i], replies[i]);
  }
  if (!together) return;
  for (size_t i = before; i + 1 < changes_.size(); ++i) changes_[i].last_of_append = false;
}

void StoreOracle::TellOne(const Call& call, const Reply& reply) {
  const Change* const last = LastOf(call.key);
  if (last != nullptr && LsnOf(*last) > recovered_ && NowMs() < last->known_until_ms) {
    EXPECT_GE(reply.lsn, LsnOf(*last)) << "P2: an answer does not wait for what it saw";
  }
  CheckDedup(call, reply);
  if (!reply.changed) return;
  if (reply.token != 0 && call.request.op == Op::kBegin) {
    CheckToken(call, reply);
    CheckTakeover(call, reply);
  }
  if (call.request.op == Op::kPut) CheckToken(call, reply);
  if (call.request.condition == Condition::kIfVersion) {
    EXPECT_EQ(call.request.expected_version, TokenOf(call.key))
        << "a stale version changed something";
  }
  if (call.request.token != 0) {
    EXPECT_EQ(call.request.token, TokenOf(call.key)) << "P5: a stale token changed something";
  }
  changes_.push_back(ChangeBy(call, reply));
}

void StoreOracle::CheckToken(const Call& call, const Reply& reply) {
  EXPECT_GT(reply.token, last_token_) << "P4: a token came twice, or fell: " << KeyOf(call.key);
  last_token_ = std::max(last_token_, reply.token);
}

// Nothing is new twice, and nothing is a duplicate that never was told to be new.
void StoreOracle::CheckDedup(const Call& call, const Reply& reply) const {
  const Change* const last = LastOf(call.key);
  const bool known = last != nullptr && last->there;
  const Request& request = call.request;
  const bool same_epoch = known && request.epoch == last->position.epoch;
  switch (reply.outcome) {
    case Outcome::kNew:
      if (!known || NowMs() >= last->known_until_ms) break;
      EXPECT_EQ(request.op, Op::kSeq) << "P8: new twice: " << KeyOf(call.key);
      EXPECT_GE(request.epoch, last->position.epoch) << "P5: a stale epoch";
      EXPECT_EQ(request.seq, same_epoch ? last->position.next : 0) << "P8: " << KeyOf(call.key);
      break;
    case Outcome::kDuplicate:
      EXPECT_TRUE(known) << "P3: a duplicate of nothing: " << KeyOf(call.key);
      if (!known || request.op == Op::kSeen) break;
      EXPECT_TRUE(same_epoch && request.seq < last->position.next) << KeyOf(call.key);
      break;
    case Outcome::kStaleEpoch:
      EXPECT_TRUE(known && request.epoch < last->position.epoch) << KeyOf(call.key);
      break;
    default:
      break;
  }
}

void StoreOracle::CheckTakeover(const Call& call, const Reply& reply) {
  const Change* const last = LastOf(call.key);
  if (last == nullptr || last->state == State::kAbsent || NowMs() >= last->known_until_ms) return;
  EXPECT_FALSE(Finished(last->state)) << "P8: a finish became claimable: " << KeyOf(call.key);
  EXPECT_EQ(reply.attempt, last->attempt + 1);
  EXPECT_GE(NowMs(), last->busy_until_ms) << "P6: taken over before the lease has run";
  if (last->state != State::kInProgress || LsnOf(*last) > recovered_) return;
  EXPECT_GE(NowMs(), life_ms_ + grace_ms_) << "P6: taken over before the restart grace has run";
}

StoreOracle::Change StoreOracle::ChangeBy(const Call& call, const Reply& reply) const {
  const Change* const last = LastOf(call.key);
  Change change;
  if (last != nullptr && call.request.op != Op::kBegin) change = *last;
  change.key = call.key;
  change.last_of_append = true;
  change.state = reply.state;
  change.token = reply.token;
  change.there = true;
  change.at_ms = NowMs();
  switch (call.request.op) {
    case Op::kBegin:
      change.attempt = reply.attempt;
      if (reply.attempt > 1) change.steps = last->steps;
      CheckSteps(change, reply);
      change.busy_until_ms = NowMs() + reply.lease_ms;
      change.retention_ms = call.request.retention_ms.value_or(retention_ms_);
      change.known_until_ms = change.busy_until_ms + change.retention_ms;
      break;
    case Op::kExtend:
      change.busy_until_ms = std::max(change.busy_until_ms, NowMs() + *call.request.lease_ms);
      change.known_until_ms =
          std::max(change.known_until_ms, change.busy_until_ms + change.retention_ms);
      break;
    case Op::kStep:
      change.steps.emplace_back(call.request.step, call.value);
      break;
    case Op::kFail:
    case Op::kComplete:
      change.value = call.value;
      if (Finished(change.state)) change.steps.clear();
      change.busy_until_ms = NowMs() + call.request.after_ms;
      change.known_until_ms =
          Finished(change.state)
              ? NowMs() + change.retention_ms
              : std::max(change.known_until_ms, change.busy_until_ms + change.retention_ms);
      break;
    case Op::kPut:
      change.value = call.value;
      change.known_until_ms = kNeverMs;
      break;
    case Op::kSeen:
      change.known_until_ms = NowMs() + reply.ttl_ms;
      break;
    case Op::kSeq:
      change.position = {reply.epoch, reply.seq};
      change.known_until_ms = NowMs() + retention_ms_;
      break;
    default:
      if (call.request.body) {
        ForgetBody(change);
        break;
      }
      change.there = false;
      change.position = {};
      change.state = State::kAbsent;
      change.token = 0;
      change.known_until_ms = kNeverMs;
      break;
  }
  return change;
}

void StoreOracle::ForgetBody(Change& change) {
  change.omitted = Finished(change.state);
  for (auto& step : change.steps) step.second = {};
}

void StoreOracle::SawPositions(const Store& store) {
  EXPECT_GE(store.committed(), committed_);
  EXPECT_GE(store.synced(), synced_);
  committed_ = store.committed();
  synced_ = store.synced();
}

// --- what is left

void StoreOracle::Died(Death death) {
  if (death == Death::kPowerCut && !always_) committed_ = synced_;
  must_have_ = committed_;
  open_ms_ = NowMs() + 1;  // an open lets store time go on by one, be it cut short or not
  opened_boot_ms_ = -1;
}

bool StoreOracle::Opened(Store& store) {
  opened_boot_ms_ = clock_->BootMs();
  life_ms_ = open_ms_;
  recovered_ = committed_ = synced_ = store.committed();
  EXPECT_GE(recovered_, must_have_) << "P1, P2: told, and lost";
  EXPECT_LE(recovered_, changes_.size()) << "more than was ever appended";
  if (testing::Test::HasFailure()) return false;
  EXPECT_TRUE(recovered_ == 0 || changes_[recovered_ - 1].last_of_append) << "half a transaction";
  changes_.resize(recovered_);
  for (int key = 0; key < kKeys; ++key) CheckShown(store, key);
  for (int key = 0; key < kKeys; ++key) CheckReplayed(store, key);
  return !testing::Test::HasFailure();
}

void StoreOracle::CheckShown(Store& store, int key) const {
  Request get;
  get.op = Op::kGet;
  get.key = KeyOf(key);
  get.want_value = true;
  const Reply reply = Ask(store, get);
  const Change* const last = LastOf(key);
  const bool known = last != nullptr && last->there;
  if (reply.outcome == Outcome::kAbsent) {
    EXPECT_TRUE(!known || NowMs() >= last->known_until_ms) << "P7: forgotten: " << KeyOf(key);
    return;
  }
  EXPECT_TRUE(known) << "P3: never made, or removed before: " << KeyOf(key);
  if (!known) return;
  EXPECT_EQ(reply.state, last->state) << "P3: " << KeyOf(key);
  EXPECT_EQ(reply.token, last->token) << "P3: " << KeyOf(key);
  EXPECT_EQ(reply.epoch, last->position.epoch) << "P3: " << KeyOf(key);
  EXPECT_EQ(reply.seq, last->position.next) << "P3: " << KeyOf(key);
  EXPECT_EQ(reply.attempt, IsRegister(key) ? 0 : last->attempt) << "P3: " << KeyOf(key);
  if (Finished(last->state) || IsRegister(key)) {
    CheckValue(*last, reply);
  } else {
    CheckSteps(*last, reply);
  }
}

void StoreOracle::CheckValue(const Change& change, const Reply& reply) const {
  EXPECT_EQ(reply.value_omitted, change.omitted) << "P3: " << KeyOf(change.key);
  EXPECT_EQ(reply.value_bytes, change.value.bytes) << "P3: " << KeyOf(change.key);
  EXPECT_EQ(reply.response.bytes(), change.omitted ? "" : change.value.text())
      << "P3, P8: another value: " << KeyOf(change.key);
}

void StoreOracle::CheckSteps(const Change& change, const Reply& reply) {
  std::vector<std::pair<std::string, std::string>> made;
  for (const auto& [name, data] : change.steps) made.emplace_back(name, data.text());
  std::vector<std::pair<std::string, std::string>> shown;
  for (const Step& step : UnpackSteps(reply.response.bytes())) {
    shown.emplace_back(step.name, step.data);
  }
  EXPECT_EQ(shown, made) << "P3: steps of " << KeyOf(change.key);
}

void StoreOracle::CheckReplayed(Store& store, int key) const {
  const Change* const last = LastOf(key);
  if (last == nullptr || !Finished(last->state) || NowMs() >= last->known_until_ms) return;
  Request begin;
  begin.op = Op::kBegin;
  begin.key = KeyOf(key);
  const Reply reply = Ask(store, begin);
  EXPECT_EQ(reply.outcome, Outcome::kReplay) << "P8: a finish became claimable: " << KeyOf(key);
  CheckValue(*last, reply);
}

}  // namespace idem
