#include "tests/support/model.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/body.h"
#include "tests/support/text.h"

namespace idem::engine {
namespace {

constexpr int64_t kDayMs = 86'400'000;
constexpr Token kHighestToken = (Token{1} << 53) - 1;

bool From(int64_t low, int64_t value, int64_t high) { return low <= value && value <= high; }

bool Undoes(Outcome outcome) {
  constexpr Outcome kUndoing[] = {Outcome::kNotMet, Outcome::kDuplicate, Outcome::kGap,
                                  Outcome::kStaleEpoch};
  return outcome >= Outcome::kUnknownKey ||
         std::find(std::begin(kUndoing), std::end(kUndoing), outcome) != std::end(kUndoing);
}

}  // namespace

// A response of any length.
Response Model::ResponseOf(std::string_view bytes) {
  Response response;
  if (bytes.size() <= Response::kInlineBytes) {
    response.Copy(bytes);
    return response;
  }
  Body* const body = Body::New(bytes);
  response.Share(body);
  body->Unref();
  return response;
}

Reply Model::Plain(Outcome outcome) {
  Reply reply;
  reply.outcome = outcome;
  return reply;
}

Reply Model::Changed(Outcome outcome, State state) {
  Reply reply = Plain(outcome);
  reply.changed = true;
  reply.state = state;
  return reply;
}

Model::Model(const Options& options)
    : default_lease_ms_(options.policy.default_lease_ms),
      default_retention_ms_(options.policy.default_retention_ms),
      grace_ms_(options.restart_grace_ms == -1 ? options.policy.default_lease_ms
                                               : options.restart_grace_ms),
      response_bytes_max_(options.policy.max_response_bytes),
      steps_max_(options.policy.max_steps),
      step_bytes_max_(options.policy.max_step_bytes) {}

void Model::SetTime(int64_t now_ms, int64_t wall_ms) {
  now_ms_ = now_ms;
  wall_ms_ = wall_ms;
}

void Model::Reopen(int64_t now_ms, int64_t offset_ms) {
  now_ms_ = opened_ms_ = now_ms;
  offset_ms_ = offset_ms;
}

// --- Every call ---

const char* Model::WhyInvalid(const Request& request) const {
  const bool by_token = request.op == Op::kComplete || request.op == Op::kFail ||
                        request.op == Op::kExtend || request.op == Op::kStep ||
                        request.op == Op::kRelease;
  const bool finishes = request.op == Op::kComplete || (request.op == Op::kFail && request.final);
  const bool for_register = request.op == Op::kPut || request.op == Op::kSetDeadline;
  if (!From(1, static_cast<int64_t>(request.key.size()), 1024)) return "key";
  if (by_token && (request.token == 0 || request.token > kHighestToken)) return "token";
  if (request.op == Op::kBegin) {
    const int64_t lease_ms = request.lease_ms.value_or(default_lease_ms_);
    const int64_t retention_ms = request.retention_ms.value_or(default_retention_ms_);
    if (request.owner.size() > 64) return "owner";
    if (!From(1, lease_ms, kDayMs)) return "lease";
    if (!From(lease_ms, retention_ms, 90 * kDayMs)) return "retention";
    if (request.issued_unix_ms < 0) return "issued";
    if (!From(0, request.wait_ms, 60'000)) return "wait";
  }
  if (request.op == Op::kStep) {
    if (!From(1, static_cast<int64_t>(request.step.size()), 255)) return "name";
    if (request.step.size() + request.value.size() > step_bytes_max_) return "step";
  }
  if (request.op == Op::kExtend && !From(1, request.lease_ms.value_or(0), kDayMs)) return "lease";
  if (finishes && !From(1, request.retention_ms.value_or(1), 90 * kDayMs)) return "retention";
  if (request.op == Op::kFail && !finishes && !From(0, request.after_ms, 90 * kDayMs)) {
    return "pause";
  }
  if ((finishes || request.op == Op::kResolve) && request.value.size() > 16 << 20)
    return "response";
  if (request.op == Op::kPut && request.value.size() > response_bytes_max_) return "value";
  if (request.op == Op::kSeen) {
    const int64_t ttl_ms = request.retention_ms.value_or(default_retention_ms_);
    if (!From(1, ttl_ms, 90 * kDayMs)) return "retention";
    if (!From(ttl_ms, request.cap_ms.value_or(ttl_ms), 365 * kDayMs)) return "cap";
  }
  if (request.op == Op::kSeq && (request.seq >> 53 != 0 || request.window > 64)) return "seq";
  if ((for_register || request.op == Op::kSeq) &&
      !From(0, request.retention_ms.value_or(0), 36'500 * kDayMs))
    return "deadline";
  if (for_register && !From(0, request.deadline_ms, 2 * 36'500 * kDayMs)) return "moment";
  return nullptr;
}

Model::Entry* Model::Find(std::string_view key) {
  const auto found = entries_.find(key);
  return found == entries_.end() || Expired(found->second) ? nullptr : &found->second;
}

Reply Model::Answer(const Request& request, const Reply& told) {
  if (WhyInvalid(request) != nullptr) return Plain(Outcome::kInvalid);
  Entry* const entry = Find(request.key);
  Kind found = Kind::kAny;
  State state = State::kAbsent;
  Token token = 0;
  if (entry != nullptr) {
    const auto* record = std::get_if<Record>(&entry->what);
    found = KindOf(*entry);
    state = record != nullptr ? record->state : State::kAbsent;
    token = TokenOf(std::string(request.key));
  }
  Reply reply = Dispatch(request, entry, told);
  if (std::exchange(token_fell_, false)) return Plain(Outcome::kUnavailable);
  reply.kind = found;
  if (reply.token == 0) reply.token = token;
  if (!reply.changed) reply.state = state;
  return reply;
}

Reply Model::Dispatch(const Request& request, Entry* entry, const Reply& told) {
  const bool for_register = request.op == Op::kPut || request.op == Op::kSetDeadline;
  const bool for_any = request.op == Op::kRemove || request.op == Op::kGet;
  const bool for_body = request.op == Op::kRemove && request.body;
  const Kind wanted = for_register              ? Kind::kRegister
                      : for_any && !for_body    ? request.kind
                      : request.op == Op::kSeen ? Kind::kSeen
                      : request.op == Op::kSeq  ? Kind::kSequence
                                                : Kind::kRecord;
  if (entry != nullptr && wanted != Kind::kAny && KindOf(*entry) != wanted) {
    return Plain(Outcome::kWrongKind);
  }
  switch (request.op) {
    case Op::kBegin:
      return Begin(request, entry, told);
    case Op::kAwait:
      return Await(request, entry, told);
    case Op::kResolve:
      return Resolve(request, entry, told);
    case Op::kPut:
      return Put(request, entry, told);
    case Op::kSetDeadline:
      return SetDeadline(request, entry);
    case Op::kGet:
      return Get(request, entry, told);
    case Op::kRemove:
      if (entry == nullptr) return Plain(Outcome::kAbsent);
      if (KindOf(*entry) == Kind::kRecord) return RemoveRecord(request, *entry, told);
      if (KindOf(*entry) == Kind::kRegister) return RemoveRegister(request, *entry);
      Forget(request.key);
      return Changed(Outcome::kOk, State::kAbsent);
    case Op::kSeen:
      return Seen(request, entry, told);
    case Op::kSeq:
      return Seq(request, entry, told);
    default:
      return Settle(request, entry, told);
  }
}

std::vector<Reply> Model::AnswerTogether(std::span<const Request> requests,
                                         std::span<const Reply> told) {
  std::vector<Reply> replies(requests.size());
  std::set<std::string_view> keys;
  bool valid = requests.size() <= 64;
  for (const Request& request : requests) {
    valid = valid && WhyInvalid(request) == nullptr && keys.insert(request.key).second;
  }
  if (!valid) {
    for (Reply& reply : replies) reply.outcome = Outcome::kInvalid;
    return replies;
  }
  std::map<std::string_view, std::optional<Entry>> before;
  for (const std::string_view key : keys) {
    const Entry* const entry = Find(key);
    before[key] = entry == nullptr ? std::nullopt : std::optional(*entry);
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    replies[i] = Answer(requests[i], told[i]);
    if (!Undoes(replies[i].outcome)) continue;
    for (const auto& [key, entry] : before) {
      if (entry.has_value()) {
        entries_.insert_or_assign(std::string(key), *entry);
      } else {
        entries_.erase(std::string(key));
      }
    }
    replies[i].changed = false;
    for (size_t j = 0; j < i; ++j) replies[j] = Reply{};
    return replies;
  }
  return replies;
}

Token Model::TakeToken(const Reply& told) {
  token_fell_ = told.token <= last_token_ || told.token > kHighestToken;
  last_token_ = std::max(last_token_, told.token);
  return told.token;
}

bool Model::Refused(const Reply& told) const {
  return memory_may_be_short_ && told.outcome == Outcome::kOutOfMemory;
}

void Model::Install(std::string_view key, Entry entry) {
  const Entry* const old = Find(key);
  entry.born = old == nullptr ? ++births_ : old->born;
  entries_.insert_or_assign(std::string(key), std::move(entry));
}

void Model::Forget(std::string_view key) { entries_.erase(entries_.find(key)); }

std::set<std::string> Model::Keys(uint64_t since) {
  std::set<std::string> keys;
  for (const auto& [key, entry] : entries_) {
    if (!Expired(entry) && entry.born <= since) keys.insert(key);
  }
  return keys;
}

Token Model::TokenOf(const std::string& key) const {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return 0;
  if (const auto* record = std::get_if<Record>(&found->second.what)) return record->token;
  const auto* value = std::get_if<Register>(&found->second.what);
  return value != nullptr ? value->version : 0;
}

Kind Model::KindOf(const Entry& entry) {
  constexpr Kind kKinds[] = {Kind::kRecord, Kind::kRegister, Kind::kSeen, Kind::kSequence};
  return kKinds[entry.what.index()];
}

std::pair<uint32_t, uint64_t> Model::ProducerOf(const std::string& key) const {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return {0, 0};
  const auto* producer = std::get_if<Producer>(&found->second.what);
  if (producer == nullptr) return {0, 0};
  return {producer->epoch, NextOf(*producer)};
}

std::vector<int64_t> Model::TurnsOf(const std::string& key) const {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return {};
  std::vector<int64_t> turns = {opened_ms_ + grace_ms_};
  if (found->second.forget_ms.has_value()) turns.push_back(*found->second.forget_ms);
  const auto* record = std::get_if<Record>(&found->second.what);
  if (record != nullptr) turns.push_back(record->until_ms);
  const auto* seen = std::get_if<SeenId>(&found->second.what);
  if (seen != nullptr && seen->capped_ms.has_value()) turns.push_back(*seen->capped_ms);
  return turns;
}

std::string Model::StateOf(const std::string& key) const {
  std::string state = absl::StrCat(last_token_, ";");
  const auto found = entries_.find(key);
  if (found == entries_.end()) return state;
  absl::StrAppend(&state, found->second.forget_ms.value_or(-1), ";");
  if (const auto* value = std::get_if<Register>(&found->second.what)) {
    absl::StrAppend(&state, "register ", value->version, ";", value->value);
    return state;
  }
  if (const auto* seen = std::get_if<SeenId>(&found->second.what)) {
    absl::StrAppend(&state, "seen ", seen->capped_ms.value_or(-1));
    return state;
  }
  if (const auto* producer = std::get_if<Producer>(&found->second.what)) {
    absl::StrAppend(&state, "producer ", producer->epoch);
    for (const uint64_t seq : producer->came) absl::StrAppend(&state, " ", seq);
    return state;
  }
  const Record& record = std::get<Record>(found->second.what);
  absl::StrAppend(&state, Name(record.state), ";", record.token, ";", record.attempt, ";",
                  Text(record.fingerprint), ";", record.owner, ";", record.hold, ";",
                  record.since_ms, ";", record.until_ms, ";", record.retention_ms);
  absl::StrAppend(&state, ";", record.code, ";", record.omitted, record.may_be_omitted, ";",
                  record.response, ";", Packed(record));
  return state;
}

// --- Reading ---

Reply Model::Get(const Request& request, Entry* entry, const Reply& told) {
  if (entry == nullptr) return Plain(Outcome::kAbsent);
  Reply reply;
  auto* record = std::get_if<Record>(&entry->what);
  if (record != nullptr && std::exchange(record->may_be_omitted, false)) {
    record->omitted = told.value_omitted;
  }
  Describe(*entry, request.want_value, reply);
  return reply;
}

void Model::Describe(const Entry& entry, bool with_value, Reply& reply) const {
  reply.ttl_ms = entry.forget_ms.has_value() ? *entry.forget_ms - now_ms_ : -1;
  std::string_view value;
  if (const auto* record = std::get_if<Record>(&entry.what)) {
    value = record->response;
    reply.attempt = record->attempt;
    reply.code = record->code;
    reply.held = record->hold;
    reply.has_owner = !record->owner.empty();
    reply.fingerprint = record->fingerprint;
    reply.age_ms = now_ms_ - record->since_ms;
    reply.value_omitted = record->omitted;
    if (record->state == State::kInProgress) {
      reply.orphaned = now_ms_ >= LeaseEnd(*record);
      reply.lease_ms = reply.orphaned ? 0 : LeaseEnd(*record) - now_ms_;
    } else if (record->state == State::kFailedRetry) {
      reply.retry_after_ms = std::max<int64_t>(0, record->until_ms - now_ms_);
    }
    // Those of an unfinished record, whether its value is wanted or not.
    if (!record->steps.empty()) reply.response = ResponseOf(Packed(*record));
    with_value &= record->steps.empty();
  } else if (const auto* plain = std::get_if<Register>(&entry.what)) {
    value = plain->value;
  } else if (const auto* producer = std::get_if<Producer>(&entry.what)) {
    reply.epoch = producer->epoch;
    reply.seq = NextOf(*producer);
  }
  reply.value_bytes = value.size();
  if (with_value && !reply.value_omitted) reply.response = ResponseOf(value);
}

bool SaysTheSame(Op op, const Reply& one, const Reply& other) {
  if (Text(op, one) != Text(op, other)) return false;
  return one.outcome >= Outcome::kInvalid || one.response.bytes() == other.response.bytes();
}

}  // namespace idem::engine
