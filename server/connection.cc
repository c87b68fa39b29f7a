#include "server/connection.h"

#include <algorithm>
#include <utility>

#include "server/access.h"
#include "server/audit.h"
#include "server/command_table.h"
#include "server/commands/transaction_commands.h"
#include "server/error_texts.h"

namespace idem::server {
namespace {

// A command may hold the largest response and a body to hash; thousands of keys, but no million.
constexpr RespLimits kLimits = {
    .max_args = 64u << 10, .max_bulk_bytes = 64u << 20, .max_command_bytes = 80u << 20};
constexpr size_t kKeptInputBytes = 1024;
constexpr size_t kWatchedBytes = 1024;  // the longest key
// A turn that changes more does not wait for its end: the disk works while the rest is executed.
constexpr size_t kChangesPerCommit = 256;
constexpr std::string_view kLoadingError = "LOADING Idem is loading the dataset in memory";

// What matters of a command's replies as a whole.
struct Summary {
  Lsn lsn = 0;  // the highest
  size_t value_bytes = 0;
  const Reply* failed = nullptr;  // the first
};

Summary SummaryOf(const Told& told) {
  Summary summary;
  for (const Reply& reply : told.replies) {
    summary.lsn = std::max(summary.lsn, reply.lsn);
    summary.value_bytes += reply.response.size();
    if (summary.failed == nullptr && IsError(reply.outcome)) summary.failed = &reply;
  }
  return summary;
}

}  // namespace

Connection::Connection(LoopContext& loop, std::string peer)
    : loop_(loop), output_(&loop.buffers), writer_(output_.buffer()) {
  session_.user = loop.server.users.initial();
  parser_.emplace(Limits());
  session_.id = loop.server.next_client_id.fetch_add(1, std::memory_order_relaxed);
  session_.since_boot_ms = loop.server.clock().BootMs();
  session_.peer = std::move(peer);
}

Connection::~Connection() {
  ForgetWaiter();
  loop_.server.client_memory.Charge(charged_, 0, 1);
}

const RespLimits& Connection::Limits() const {
  static constexpr RespLimits kBeforeAuth = RespLimits::BeforeAuth();
  return is_authenticated() ? kLimits : kBeforeAuth;
}

void Connection::Feed(std::string_view bytes) {
  loop_.stats.input_bytes.Add(bytes.size());
  if (!wants_input()) return;
  if (!input_.empty()) {
    input_.append(bytes);
    return RunBuffered();
  }
  const size_t done = Run(bytes);
  input_.assign(bytes.substr(done));
  Charge();
}

void Connection::RunBuffered() {
  input_.erase(0, Run(input_));
  const bool is_roomy =
      input_.capacity() > kKeptInputBytes && input_.size() < input_.capacity() / 4;
  if (is_roomy) std::string(input_).swap(input_);
  Charge();
}

void Connection::Close() {
  ForgetWaiter();
  closing_ = true;
  pause_ = Pause::kNone;
}

bool Connection::Continue() {
  if (pause_ == Pause::kNone || MustPauseOn()) return false;
  pause_ = Pause::kNone;
  RunBuffered();
  return true;
}

bool Connection::MustPauseOn() {
  switch (pause_) {
    case Pause::kNone:
      return false;
    case Pause::kWaiting:  // for TellWaited
      return true;
    case Pause::kOutput:
      return output_.unsent_bytes() > kPauseBytes;
    case Pause::kBacklog:
      return Now() == paused_at_;
    case Pause::kBlocked:
      return Now() == paused_at_ && loop_.server.clock().BootMs() < session_.blocked.until_ms;
  }
  return false;
}

Lsn Connection::Committed() const {
  const Store* const store = loop_.server.store.get();
  return store == nullptr ? 0 : store->committed();
}

void Connection::Sent(size_t bytes) {
  loop_.stats.output_bytes.Add(bytes);
  output_.Sent(bytes);
  Charge();
}

bool Connection::finished() const {
  if (!output_.empty()) return false;
  return closing_ || (input_ended_ && pause_ == Pause::kNone);
}

size_t Connection::Run(std::string_view input) {
  size_t next = 0;
  while (pause_ == Pause::kNone && !closing_) {
    const RespParser::Result result = parser_->Parse(input.substr(next));
    if (result == RespParser::Result::kCommand) {
      const size_t end = next + parser_->consumed();
      next = parser_->args().empty() ? end : Take(input[next] != '*', next, end);
      continue;
    }
    const size_t unfinished = next;
    next = Settle(unfinished);
    if (next != unfinished || pause_ != Pause::kNone) break;
    if (result == RespParser::Result::kError) TellProtocolError();
    break;
  }
  return closing_ ? input.size() : next;
}

size_t Connection::Take(bool is_inline, size_t begin, size_t end) {
  CommandBatch& batch = loop_.batch;
  std::string error;
  const Command* const command = loop_.server.commands->Find(parser_->args(), &error);
  if (command != nullptr && !session_.may_do_all()) {
    error = AccessError(session_, *command, parser_->args());
  }
  if (command == nullptr || !error.empty()) {
    if (session_.queue != nullptr) session_.queue->Spoil();
    batch.AddError(std::move(error), begin);
  } else if ((command->flags & kLoading) == 0 && loop_.server.store.get() == nullptr) {
    batch.AddError(std::string(kLoadingError), begin);
  } else if (command->run != nullptr || session_.queue != nullptr) {
    return RunAlone(*command, begin, end);
  } else {
    batch.Add({*command, parser_->args(), loop_.server, session_}, begin);
  }
  // Inline words that had quotes are the parser's, and only until the next Parse.
  return is_inline || batch.full() ? Settle(end) : end;
}

size_t Connection::RunAlone(const Command& command, size_t begin, size_t end) {
  const size_t next = Settle(begin);
  if (pause_ != Pause::kNone || closing_) return next;
  const LogMoment before = Now();
  const size_t answer = output_.buffer()->size();
  const bool is_queued = IsQueued(command, session_);
  const auto watch = loop_.timing.Start(command);
  Call call = {command, parser_->args(), loop_.server, session_};
  RunOrQueue(call, writer_);
  loop_.batch.AddChanges(call.changes);
  if (call.backlog_full) return AwaitLog(before, begin, Pause::kBacklog);
  if (call.blocked) return AwaitLog(before, begin, Pause::kBlocked);
  if (watch && !is_queued) loop_.timing.Note(*watch, call);
  Count(command, output_.buffer()->view().substr(answer).starts_with('-'));
  output_.Seal(call.lsn);
  loop_.stats.commands.Add(1);
  PauseIfFull();
  if ((command.flags & kNoAuth) != 0) parser_->set_limits(Limits());
  if (session_.quit) Close();
  return end;
}

size_t Connection::Settle(size_t next) {
  CommandBatch& batch = loop_.batch;
  if (batch.empty()) return next;
  // Read before: what moves after it must not be missed.
  const LogMoment before = Now();
  const auto watch = loop_.timing.Start(batch);
  size_t executed = batch.Execute(loop_.server.store.get());
  if (batch.changes() >= kChangesPerCommit) loop_.RequestCommit();
  size_t told = TellAll(executed);
  const bool waits_next = batch.last_may_wait() && told + 1 == batch.size() && !closing_;
  if (waits_next && ExecuteOrWait()) told = ++executed;
  if (watch) loop_.timing.Note(*watch, batch, told, session_);
  loop_.stats.commands.Add(told);
  if (pause_ == Pause::kNone) PauseIfFull();
  if (told < executed) {
    next = batch.offset(told);
    parser_.emplace(Limits());
  } else if (executed < batch.size() && !closing_) {
    next = AwaitLog(before, batch.offset(executed), Pause::kBacklog);
  }
  batch.Clear();
  return next;
}

// Returns how many were told: where the output is full, those that only read may as well be
// executed later.
size_t Connection::TellAll(size_t executed) {
  const CommandBatch& batch = loop_.batch;
  for (size_t i = 0; i < executed && !closing_; ++i) {
    const bool is_full = output_.unsent_bytes() > kPauseBytes;
    if (is_full && !batch.HasChanged(i, executed)) return i;
    Tell(i);
  }
  return executed;
}

bool Connection::ExecuteOrWait() {
  CommandBatch& batch = loop_.batch;
  const size_t last = batch.size() - 1;
  LoopContext* const loop = &loop_;
  const uint64_t client = session_.id;
  switch (batch.ExecuteLast(*loop_.server.store, waiter_,
                            [loop, client](Reply& reply) { loop->waited.Put(client, reply); })) {
    case Store::Waiting::kBacklogFull:
      return false;
    case Store::Waiting::kAnswered:
      Tell(last);
      return true;
    case Store::Waiting::kWaits:
      waiting_command_ = batch.command(last);
      waiting_op_ = batch.told(last).request().op;
      pause_ = Pause::kWaiting;
      return true;
  }
  return true;
}

void Connection::TellWaited(Reply& reply) {
  if (pause_ != Pause::kWaiting) return;
  pause_ = Pause::kNone;
  waiter_ = 0;
  Request request;
  request.op = waiting_op_;
  TellAnswer(*waiting_command_, {{&request, 1}, {&reply, 1}});
  PauseIfFull();
  if (pause_ == Pause::kNone && !closing_) RunBuffered();
}

void Connection::ForgetWaiter() {
  if (waiter_ != 0) loop_.server.store->ForgetWaiter(waiter_);
  waiter_ = 0;
}

// The log was full, or told nothing, at `before`: goes on at `next` when that may have changed.
size_t Connection::AwaitLog(const LogMoment& before, size_t next, Pause reason) {
  pause_ = reason;
  paused_at_ = before;
  parser_.emplace(Limits());
  return next;
}

void Connection::Tell(size_t i) {
  const CommandBatch& batch = loop_.batch;
  if (const Command* const command = batch.command(i)) return TellAnswer(*command, batch.told(i));
  loop_.stats.error_replies.Add(1);
  writer_.Error(batch.error(i));
  output_.Seal(0);
}

void Connection::Count(const Command& command, bool failed) {
  CommandStats& stats = loop_.stats.commands_by_index[command.index];
  stats.calls.Add(1);
  if (!failed) return;
  stats.failed.Add(1);
  loop_.stats.error_replies.Add(1);
}

void Connection::TellAnswer(const Command& command, const Told& told) {
  const Summary summary = SummaryOf(told);
  if (output_.unsent_bytes() + summary.value_bytes > kCloseBytes) {
    return Drop(loop_.stats.output_overflows);
  }
  CountLookups(told);
  Count(command, summary.failed != nullptr);
  if (summary.failed == nullptr) {
    if ((command.flags & kAudited) != 0) Audit(told, session_, loop_.server.log);
    command.answer(told, writer_);
  } else {
    const auto index = static_cast<size_t>(summary.failed - told.replies.data());
    writer_.Error(ErrorText(told.requests[index], *summary.failed));
  }
  output_.Seal(summary.lsn);
}

void Connection::TellProtocolError() {
  loop_.stats.protocol_errors.Add(1);
  loop_.server.log.WriteOfClient(LogLevel::kVerbose, "protocol_error",
                                 {{"peer", session_.peer}, {"error", parser_->error()}});
  writer_.Error(parser_->error());
  output_.Seal(0);
  Close();
}

void Connection::CountLookups(const Told& told) {
  for (size_t i = 0; i < told.requests.size(); ++i) {
    if (told.requests[i].op != Op::kGet || !told.requests[i].want_value) continue;
    const bool found = told.replies[i].outcome == Outcome::kOk;
    (found ? loop_.stats.keyspace_hits : loop_.stats.keyspace_misses).Add(1);
  }
}

void Connection::PauseIfFull() {
  if (!closing_ && output_.unsent_bytes() > kPauseBytes) pause_ = Pause::kOutput;
}

size_t Connection::HeldBytes() const {
  const size_t queued = session_.queue == nullptr ? 0 : session_.queue->bytes();
  const size_t watched = session_.watched.size() * kWatchedBytes;
  return input_.capacity() + output_.memory_bytes() + parser_->memory_bytes() + queued + watched;
}

void Connection::Charge() {
  const size_t held = HeldBytes() / ClientMemory::kStep * ClientMemory::kStep;
  if (held == charged_) return;
  ServerContext& server = loop_.server;
  const int clients = server.clients.load(std::memory_order_relaxed);
  const bool may_stay = server.client_memory.Charge(std::exchange(charged_, held), held, clients);
  if (!may_stay && !closing_) Drop(loop_.stats.evicted_clients);
}

// What the client would have been told is in the store.
void Connection::Drop(Counter& why) {
  why.Add(1);
  const bool is_evicted = &why == &loop_.stats.evicted_clients;
  loop_.server.log.WriteOfClient(
      LogLevel::kWarning, is_evicted ? "client_evicted" : "output_overflow",
      {{"peer", session_.peer}, {"name", session_.name}, {"unsent_bytes", output_.unsent_bytes()}});
  output_.Discard();
  Close();
}

}  // namespace idem::server
