#include "server/transaction.h"

#include <algorithm>
#include <utility>

#include "server/error_texts.h"

namespace idem::server {
namespace {

constexpr std::string_view kTooManyKeys = "ERR a transaction takes at most 64 keys; split it";

bool IsConflict(Outcome outcome) {
  return outcome == Outcome::kNotMet || outcome == Outcome::kWrongKind;
}

bool ConditionHolds(const Transaction::Entry& entry, const Request& request) {
  switch (request.condition) {
    case Condition::kIfAbsent:
      return entry.absent();
    case Condition::kIfPresent:
      return !entry.absent();
    case Condition::kIfValue:
      return entry.Holds(request.expected_value);
    default:  // no command of the server asks for a version
      return true;
  }
}

}  // namespace

const Transaction::Entry& Transaction::Look(std::string_view key) { return Find(key); }

Transaction::Entry& Transaction::Find(std::string_view key) {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [key](const Entry& entry) { return entry.key == key; });
  if (found != entries_.end()) return *found;
  Entry& entry = entries_.emplace_back();
  entry.key = key;
  if (entries_.size() > kKeys) {
    error_ = kTooManyKeys;
  } else if (error_.empty() && !backlog_full_) {
    Load(entry);
  }
  return entry;
}

void Transaction::Load(Entry& entry) {
  Request get;
  get.key = entry.key;
  get.want_value = true;
  Reply reply;
  if (store_.Execute({&get, 1}, {&reply, 1}, Store::CommitBy::kCaller) == 0) {
    backlog_full_ = true;
    return;
  }
  lsn_ = std::max(lsn_, reply.lsn);
  if (IsError(reply.outcome)) {
    error_ = ErrorText(get, reply);
  } else if (reply.outcome == Outcome::kOk) {
    entry.kind = reply.kind;
    entry.seen = reply.token;
    entry.deadline_ms = entry.seen_deadline_ms = reply.deadline_ms;
    entry.ttl_ms = reply.ttl_ms;
    entry.value = read_.emplace_back(std::move(reply.response)).bytes();
  }
}

int64_t Transaction::DeadlineOf(const Request& request) const {
  if (request.deadline_ms != 0) return request.deadline_ms;
  const int64_t ttl_ms = request.retention_ms.value_or(0);
  return DeadlineAfter(ttl_ms == 0 ? kNoDeadline : ttl_ms);
}

void Transaction::Write(Entry& entry, std::string_view value, int64_t deadline_ms) {
  entry.kind = Kind::kRegister;
  entry.value = made_.emplace_back(value);
  SetDeadline(entry, deadline_ms);
}

void Transaction::SetDeadline(Entry& entry, int64_t deadline_ms) {
  if (deadline_ms != 0 && deadline_ms <= now_ms_) return Remove(entry);
  entry.deadline_ms = deadline_ms;
  entry.ttl_ms = deadline_ms == 0 ? kNoDeadline : deadline_ms - now_ms_;
  entry.written = entry.deadline_set = true;
}

void Transaction::Put(std::string_view key, std::string_view value, int64_t ttl_ms) {
  Write(Find(key), value, DeadlineAfter(ttl_ms));
}

// Not by Write: the store keeps the exact deadline.
void Transaction::PutKeepingDeadline(std::string_view key, std::string_view value) {
  Entry& entry = Find(key);
  entry.kind = Kind::kRegister;
  entry.value = made_.emplace_back(value);
  entry.written = true;
}

void Transaction::SetTtl(std::string_view key, int64_t ttl_ms) {
  SetDeadline(Find(key), DeadlineAfter(ttl_ms));
}

void Transaction::Remove(std::string_view key) { Remove(Find(key)); }

void Transaction::Remove(Entry& entry) {
  entry.kind = Kind::kAny;
  entry.value = {};
  entry.ttl_ms = kNoDeadline;
  entry.deadline_ms = 0;
  entry.written = entry.deadline_set = true;
}

Reply Transaction::Ask(const Request& request, std::string_view* value) {
  Entry& entry = Find(request.key);
  Reply reply;
  reply.kind = entry.kind;
  reply.ttl_ms = entry.ttl_ms;
  reply.deadline_ms = entry.deadline_ms;
  reply.value_bytes = entry.value.size();
  *value = entry.value;
  const bool reads = request.op == Op::kGet;
  if (!entry.is_plain() && (!reads || request.kind == Kind::kRegister)) {
    reply.outcome = Outcome::kWrongKind;
  } else if (reads) {
    reply.outcome = entry.absent() ? Outcome::kAbsent : Outcome::kOk;
  } else if (request.op == Op::kPut) {
    reply.outcome = AskPut(entry, request);
  } else if (request.op == Op::kSetDeadline) {
    reply.outcome = AskSetDeadline(entry, request);
  } else {
    reply.outcome = AskRemove(entry, request);
  }
  return reply;
}

Outcome Transaction::AskPut(Entry& entry, const Request& request) {
  if (!ConditionHolds(entry, request)) return Outcome::kNotMet;
  if (request.keep_deadline) {
    PutKeepingDeadline(entry.key, request.value);
  } else {
    Write(entry, request.value, DeadlineOf(request));
  }
  return Outcome::kOk;
}

Outcome Transaction::AskSetDeadline(Entry& entry, const Request& request) {
  if (entry.absent()) return Outcome::kAbsent;
  const int64_t deadline_ms = DeadlineOf(request);
  if (!ConditionHolds(entry, request) ||
      !Holds(request.deadline_condition, entry.deadline_ms, deadline_ms)) {
    return Outcome::kNotMet;
  }
  SetDeadline(entry, deadline_ms);
  return Outcome::kOk;
}

Outcome Transaction::AskRemove(Entry& entry, const Request& request) {
  if (entry.absent()) return Outcome::kAbsent;
  if (!ConditionHolds(entry, request)) return Outcome::kNotMet;
  Remove(entry);
  return Outcome::kOk;
}

bool Transaction::Watch(const WatchedKey& watched) {
  Entry& entry = Find(watched.key);
  entry.watched = true;
  return entry.seen == watched.version && entry.seen_deadline_ms == watched.deadline_ms &&
         entry.is_plain();
}

// A guard changes nothing but the version: an absent key is "removed", another one is put as it is.
std::vector<Request> Transaction::RequestsToCommit() const {
  const bool writes = std::any_of(entries_.begin(), entries_.end(),
                                  [](const Entry& entry) { return entry.written; });
  std::vector<Request> requests;
  if (!writes) return requests;
  for (const Entry& entry : entries_) {
    if (!entry.written && !entry.watched) continue;
    Request& request = requests.emplace_back();
    request.op = entry.absent() ? Op::kRemove : Op::kPut;
    request.kind = Kind::kRegister;
    request.key = entry.key;
    request.value = entry.value;
    request.condition = Condition::kIfVersion;
    request.expected_version = entry.seen;
    if (entry.watched) request.expected_deadline_ms = entry.seen_deadline_ms;
    request.keep_deadline = !entry.deadline_set;
    if (entry.deadline_set) request.deadline_ms = entry.deadline_ms;
  }
  return requests;
}

Transaction::Result Transaction::Commit() {
  if (!error_.empty()) return Result::kError;
  if (backlog_full_) return Result::kBacklogFull;
  const std::vector<Request> requests = RequestsToCommit();
  if (requests.empty()) return CommitReads();
  std::vector<Reply> replies(requests.size());
  const auto by = Store::CommitBy::kCaller;
  const bool executed = requests.size() == 1 ? store_.Execute(requests, replies, by) == 1
                                             : store_.Transact(requests, replies, by);
  if (!executed) return Result::kBacklogFull;
  Result result = Result::kDone;
  for (size_t i = 0; i < replies.size() && result == Result::kDone; ++i) {
    result = ResultOf(requests[i], replies[i]);
  }
  return result;
}

// Several keys were looked at one after the other: they still are what they were, all at once.
Transaction::Result Transaction::CommitReads() {
  if (entries_.size() < 2) return Result::kDone;
  std::vector<Request> requests(entries_.size());
  for (size_t i = 0; i < requests.size(); ++i) requests[i].key = entries_[i].key;
  std::vector<Reply> replies(requests.size());
  if (!store_.Transact(requests, replies, Store::CommitBy::kCaller)) return Result::kBacklogFull;
  for (size_t i = 0; i < requests.size(); ++i) {
    const Result result = ResultOf(requests[i], replies[i]);
    if (result != Result::kDone) return result;
    const Entry& entry = entries_[i];
    const bool same = replies[i].token == entry.seen && replies[i].kind == entry.kind &&
                      (!entry.watched || replies[i].deadline_ms == entry.seen_deadline_ms);
    if (!same) return Result::kConflict;
  }
  return Result::kDone;
}

Transaction::Result Transaction::ResultOf(const Request& request, const Reply& reply) {
  lsn_ = std::max(lsn_, reply.lsn);
  changes_ += reply.changed ? 1 : 0;
  if (IsConflict(reply.outcome)) return Result::kConflict;
  if (!IsError(reply.outcome)) return Result::kDone;
  error_ = ErrorText(request, reply);
  return Result::kError;
}

Transaction::Result UntilNotBeaten(ServerContext& server,
                                   absl::FunctionRef<Transaction::Result()> attempt) {
  auto result = Transaction::Result::kConflict;
  for (bool beaten = false; result == Transaction::Result::kConflict; beaten = true) {
    const TransactionGate::Turn turn(server.transactions, beaten);
    result = attempt();
  }
  return result;
}

void RunTransaction(Call& call, RespWriter& out, TransactionBody body) {
  if (call.transaction != nullptr) return body(*call.transaction, out);
  OutputBuffer answer;
  const auto result = UntilNotBeaten(call.server, [&] {
    answer.Clear();
    Transaction transaction(*call.server.store, call.server.clock().BootMs());
    RespWriter writer(&answer, out.version());
    body(transaction, writer);
    const Transaction::Result committed = transaction.Commit();
    call.lsn = std::max(call.lsn, transaction.lsn());
    call.changes += transaction.changes();
    if (committed == Transaction::Result::kError) {
      answer.Clear();
      writer.Error(transaction.error());
    }
    return committed;
  });
  call.backlog_full = result == Transaction::Result::kBacklogFull;
  if (!call.backlog_full) out.Encoded(answer.view());
}

}  // namespace idem::server
