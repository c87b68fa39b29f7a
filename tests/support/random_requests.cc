#include "tests/support/random_requests.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/support/text.h"

namespace idem::engine {
namespace {

constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kFiftyYearsMs = 50 * 365 * 24 * kHourMs;

std::string KeyName(int64_t number) { return absl::StrCat("key-", number); }

// A few keys are as long as a key may be.
std::string KeyBytes(int64_t number) {
  std::string key = KeyName(number);
  if (number % 97 == 5) key.resize(number % 2 == 0 ? 1024 : 300, 'k');
  return key;
}

}  // namespace

RandomRequests::RandomRequests(uint64_t seed, const Traffic& traffic, const Model* model)
    : traffic_(traffic), model_(model), random_(seed) {}

std::vector<Request> RandomRequests::Batch(int64_t count) {
  kept_.clear();
  std::vector<Request> requests;
  for (; count > 0; --count) requests.push_back(Next());
  return requests;
}

int64_t RandomRequests::TimeStepMs() {
  if (traffic_.long_steps != 0 && OneIn(traffic_.long_steps))
    return kHourMs + Pick(2'400 * kHourMs);
  switch (Pick(8)) {
    case 0:
      return Pick(traffic_.time_step_ms_max);
    case 1:
    case 2:
      return Pick(3);
    case 3: {
      const std::vector<int64_t> turns = model_->TurnsOf(KeyBytes(Pick(traffic_.keys)));
      if (turns.empty()) return 1;
      const int64_t turn_ms = turns[static_cast<size_t>(Pick(static_cast<int64_t>(turns.size())))];
      const int64_t step_ms = turn_ms - model_->now_ms() - 1 + Pick(3);
      return step_ms < 0 || step_ms > 100 * traffic_.time_step_ms_max ? 0 : step_ms;
    }
    default:
      return 0;
  }
}

Request RandomRequests::Next() {
  key_ = Pick(traffic_.keys);
  Request request;
  request.op = PickOp(key_);
  request.key = Keep(KeyBytes(key_));
  Fill(request);
  request.nowait = OneIn(4);
  if (OneIn(200)) Spoil(request);
  return request;
}

// Keys have a bent: most are records or registers for good, some are both in turn.
Op RandomRequests::PickOp(int64_t key) {
  constexpr Op kRecordOps[] = {Op::kBegin, Op::kBegin,    Op::kBegin,    Op::kBegin,    Op::kBegin,
                               Op::kBegin, Op::kComplete, Op::kComplete, Op::kComplete, Op::kFail,
                               Op::kFail,  Op::kExtend,   Op::kRelease,  Op::kResolve,  Op::kRemove,
                               Op::kGet,   Op::kGet,      Op::kStep,     Op::kStep,     Op::kStep,
                               Op::kAwait};
  constexpr Op kRegisterOps[] = {Op::kPut,         Op::kPut,    Op::kPut, Op::kSetDeadline,
                                 Op::kSetDeadline, Op::kRemove, Op::kGet};
  constexpr Op kSeenOps[] = {Op::kSeen, Op::kSeen, Op::kSeen, Op::kRemove, Op::kGet};
  constexpr Op kSeqOps[] = {Op::kSeq, Op::kSeq,    Op::kSeq, Op::kSeq,
                            Op::kSeq, Op::kRemove, Op::kGet};
  int64_t bent = key % 5;
  if (OneIn(key % 7 == 6 ? 2 : 30)) bent = Pick(5);
  switch (bent) {
    case 2:
      return Any(kRegisterOps);
    case 3:
      return Any(kSeenOps);
    case 4:
      return Any(kSeqOps);
    default:
      return Any(kRecordOps);
  }
}

void RandomRequests::Fill(Request& request) {
  switch (request.op) {
    case Op::kBegin:
      return FillBegin(request);
    case Op::kComplete:
    case Op::kFail:
      return FillFinish(request);
    case Op::kAwait:
      request.fingerprint = PickFingerprint(key_);
      return;
    case Op::kExtend:
      request.lease_ms = 1 + PickMs(2 * traffic_.lease_ms_max);
      request.token = PickToken(std::string(request.key));
      return;
    case Op::kRelease:
      request.token = PickToken(std::string(request.key));
      return;
    case Op::kStep:
      return FillStep(request);
    case Op::kResolve:
      request.resolution =
          Any({Resolution::kCompleted, Resolution::kFailed, Resolution::kClaimable});
      request.value = PickValue(key_);
      return;
    case Op::kPut:
    case Op::kSetDeadline:
      return FillPut(request);
    case Op::kSeen:
      request.refresh = OneIn(2);
      request.retention_ms = 1 + PickMs(8 * traffic_.lease_ms_max);
      if (OneIn(3)) request.cap_ms = *request.retention_ms + PickMs(8 * traffic_.lease_ms_max);
      return;
    case Op::kSeq:
      return FillSeq(request);
    case Op::kRemove:
      PickCondition(request);
      request.force = OneIn(3);
      request.body = OneIn(3);
      [[fallthrough]];
    case Op::kGet:
      request.kind = Any({Kind::kAny, Kind::kAny, Kind::kAny, Kind::kRecord, Kind::kRegister,
                          Kind::kSeen, Kind::kSequence});
      request.want_value = OneIn(2);
  }
}

// Around where the producer stands, with a window that reaches there or not.
void RandomRequests::FillSeq(Request& request) {
  const auto [epoch, next] = model_->ProducerOf(std::string(request.key));
  constexpr int64_t kNear[] = {0, 0, 0, 0, 1, 2, 3, 63, 64, 65, -1, -2, -70};
  request.epoch = epoch + (OneIn(40) ? 1 : 0) - (epoch > 0 && OneIn(30) ? 1 : 0);
  const int64_t seq = static_cast<int64_t>(next) + Any(kNear);
  request.seq = static_cast<uint64_t>(seq < 0 || OneIn(20) ? 0 : seq);
  request.window = Any({0u, 0u, 1u, 3u, 64u});
  if (!OneIn(3)) request.retention_ms = PickMs(8 * traffic_.lease_ms_max);
}

void RandomRequests::FillBegin(Request& request) {
  constexpr std::string_view kOwners[] = {"", "", "", "ann", "ann", "bob"};
  request.fingerprint = PickFingerprint(key_);
  request.owner = Any(kOwners);
  if (OneIn(40)) request.owner = Keep(std::string(64, 'o'));
  request.hold = OneIn(8);
  if (OneIn(10)) request.condition = Condition::kIfPresent;
  if (!OneIn(4)) {
    request.lease_ms = 1 + PickMs(traffic_.lease_ms_max);
    request.retention_ms = *request.lease_ms + PickMs(8 * traffic_.lease_ms_max);
  }
  if (OneIn(10)) {
    const int64_t retention_ms = request.retention_ms.value_or(8 * traffic_.lease_ms_max);
    request.issued_unix_ms = model_->wall_ms() - retention_ms - 2 + Pick(5);
  }
}

void RandomRequests::FillFinish(Request& request) {
  request.token = PickToken(std::string(request.key));
  request.final = OneIn(2);
  if (request.op == Op::kFail && !request.final) {
    request.after_ms = OneIn(2) ? 0 : PickMs(traffic_.lease_ms_max);
    return;
  }
  request.value = PickValue(key_);
  request.code = OneIn(3) ? 500 : 200;
  if (OneIn(4)) request.retention_ms = 1 + PickMs(16 * traffic_.lease_ms_max);
}

// Of few names, so that a step comes twice.
void RandomRequests::FillStep(Request& request) {
  constexpr std::string_view kNames[] = {"charge", "mail", "ship", "note"};
  request.token = PickToken(std::string(request.key));
  request.step = OneIn(40) ? Keep(std::string(255, 'n')) : Any(kNames);
  request.value = PickValue(key_);
}

void RandomRequests::FillPut(Request& request) {
  if (!OneIn(3)) request.retention_ms = PickMs(8 * traffic_.lease_ms_max);
  if (OneIn(20)) request.retention_ms = kFiftyYearsMs;
  if (OneIn(4)) {
    const int64_t moment_ms = model_->now_ms() - 8 + PickMs(traffic_.lease_ms_max);
    request.deadline_ms = std::max<int64_t>(0, moment_ms - model_->offset_ms());
  }
  PickCondition(request);
  if (request.op == Op::kPut) {
    request.value = PickValue(key_);
    request.keep_deadline = OneIn(4);
    request.want_value = OneIn(3);
  } else {
    request.deadline_condition =
        Any({DeadlineCondition::kAlways, DeadlineCondition::kAlways, DeadlineCondition::kIfNone,
             DeadlineCondition::kIfSet, DeadlineCondition::kIfLater, DeadlineCondition::kIfEarlier,
             DeadlineCondition::kIfSetAndEarlier});
  }
}

void RandomRequests::PickCondition(Request& request) {
  request.condition =
      Any({Condition::kAlways, Condition::kAlways, Condition::kAlways, Condition::kIfAbsent,
           Condition::kIfPresent, Condition::kIfValue, Condition::kIfVersion});
  if (request.condition == Condition::kIfValue) request.expected_value = PickValue(key_);
  if (request.condition == Condition::kIfVersion) {
    request.expected_version = OneIn(4) ? 0 : PickToken(std::string(request.key));
  }
}

// One limit is broken, if this call has it.
void RandomRequests::Spoil(Request& request) {
  switch (Pick(9)) {
    case 6:
      request.seq = (uint64_t{1} << 53) - (OneIn(2) ? 0 : 1);
      break;
    case 7:
      request.window = 65;
      request.cap_ms = OneIn(2) ? 0 : 365 * 24 * kHourMs + 1;
      break;
    case 0:
      request.key = OneIn(2) ? std::string_view() : Keep(std::string(1025, 'k'));
      break;
    case 1:
      request.token = OneIn(2) ? 0 : ~Token{0};
      break;
    case 2:
      request.lease_ms = Any({int64_t{0}, int64_t{-1}, 24 * kHourMs + 1});
      break;
    case 3:
      request.retention_ms = Any({int64_t{-1}, int64_t{1} << 60});
      break;
    case 4:
      request.owner = Keep(std::string(65, 'o'));
      break;
    case 5:
      request.step = OneIn(2) ? std::string_view() : Keep(std::string(256, 'n'));
      break;
    default:
      request.after_ms = -1;
  }
}

Token RandomRequests::PickToken(const std::string& key) {
  const Token current = model_->TokenOf(key);
  if (current == 0) return model_->last_token() + 1;
  return Any({current, current, current, current, current, current, current, current - 1,
              current + 1, model_->last_token()});
}

// Of two bytes each key prefers one, and one size: so the same finish comes twice.
std::string_view RandomRequests::PickValue(int64_t key) {
  const auto sizes = static_cast<int64_t>(traffic_.value_bytes.size());
  const int64_t size = OneIn(2) ? key % sizes : Pick(sizes);
  const char byte = OneIn(4) ? 'b' : 'a';
  return Keep(std::string(traffic_.value_bytes[static_cast<size_t>(size)], byte));
}

Fingerprint RandomRequests::PickFingerprint(int64_t key) {
  const Fingerprint all[] = {{},
                             {.low = 1, .high = 2, .kind = Fingerprint::Kind::kBody},
                             {.low = 1, .high = 3, .kind = Fingerprint::Kind::kBody},
                             {.low = 1, .high = 2, .kind = Fingerprint::Kind::kDigest}};
  return OneIn(8) ? Any(all) : all[key % 4];
}

// Often short, sometimes up to the end.
int64_t RandomRequests::PickMs(int64_t max_ms) {
  return Pick(1 + Any({int64_t{2}, max_ms / 4, max_ms}));
}

std::string Text(const Request& request) {
  std::string text = absl::StrCat(Name(request.op), " kind=", static_cast<int>(request.kind));
  if (request.token != 0) absl::StrAppend(&text, " token=", request.token);
  if (request.lease_ms.has_value()) absl::StrAppend(&text, " lease=", *request.lease_ms);
  if (request.retention_ms.has_value()) {
    absl::StrAppend(&text, " retention=", *request.retention_ms);
  }
  if (request.fingerprint.kind != Fingerprint::Kind::kNone) {
    absl::StrAppend(&text, " fp=", Text(request.fingerprint));
  }
  absl::StrAppend(&text, " value=", request.value.size(), "x",
                  request.value.empty() ? "" : std::string(1, request.value[0]),
                  " owner=", std::string(request.owner.substr(0, 3)), " after=", request.after_ms,
                  " issued=", request.issued_unix_ms, " code=", request.code,
                  request.hold ? " hold" : "", request.final ? " final" : "",
                  request.force ? " force" : "", request.nowait ? " nowait" : "",
                  request.keep_deadline ? " keep" : "", request.want_value ? " want" : "",
                  " resolution=", static_cast<int>(request.resolution),
                  " if=", static_cast<int>(request.condition), "/",
                  static_cast<int>(request.deadline_condition), " ", request.expected_value.size(),
                  " ", request.expected_version, request.refresh ? " refresh" : "",
                  " cap=", request.cap_ms.value_or(-1), " seq=", request.epoch, "/", request.seq,
                  "/", request.window);
  absl::StrAppend(&text, request.body ? " body" : "",
                  request.step.empty() ? "" : " step=" + std::string(request.step.substr(0, 8)));
  return text;
}

}  // namespace idem::engine
