// MULTI, EXEC, DISCARD, WATCH, UNWATCH. EXEC runs what was queued on one Transaction: at once or
// not at all; a command that fails changes nothing itself and does not hinder the others, as in
// Redis.
#include "server/commands/transaction_commands.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "server/command_batch.h"
#include "server/commands/families.h"
#include "server/error_texts.h"
#include "server/transaction.h"

namespace idem::server {
namespace {

constexpr std::string_view kNotAllowed = "ERR Command not allowed inside a transaction";
constexpr std::string_view kQueueFull =
    "ERR a transaction takes at most 10000 commands and 64 MiB; split it";
constexpr std::string_view kAborted = "EXECABORT Transaction discarded because of previous errors.";
constexpr std::string_view kAnswersTooLarge =
    "ERR the answers of this transaction are larger than 64 MiB; split it";
constexpr std::string_view kTooManyWatched = "ERR WATCH takes at most 64 keys";

void EndTransaction(Session& session) {
  session.queue.reset();
  session.watched.clear();
}

void Queue(Call& call, RespWriter& out) {
  CommandQueue& queue = *call.session.queue;
  if ((call.command.flags & kNoMulti) != 0) {
    queue.Spoil();
    out.Error(kNotAllowed);
  } else if (!queue.Add(call.command, call.args)) {
    out.Error(kQueueFull);
  } else {
    out.SimpleString("QUEUED");
  }
}

// --- One command of a transaction ----------------------------------------------------------------

struct Asked {
  std::vector<Request> requests;
  std::vector<Reply> replies;
  std::vector<std::string_view> values;
};

// An atomic command that does not come through leaves nothing behind.
void AskAll(bool is_atomic, Transaction& transaction, Asked& asked) {
  for (const Request& request : asked.requests) transaction.Look(request.key);
  const std::vector<Transaction::Entry> mark = transaction.Mark();
  bool undone = false;
  for (const Request& request : asked.requests) {
    const Reply& reply =
        asked.replies.emplace_back(transaction.Ask(request, &asked.values.emplace_back()));
    undone = undone || IsError(reply.outcome) || reply.outcome == Outcome::kNotMet;
  }
  if (is_atomic && undone) transaction.Undo(mark);
}

// How long the answer is but for its framing. One value may be asked for many times.
size_t ValueBytes(const Asked& asked) {
  size_t bytes = 0;
  for (const std::string_view value : asked.values) bytes += value.size();
  return bytes;
}

// This and RunQueued: false if the answer is larger than a transaction may give; there is none.
bool RunPlanned(const Call& call, Transaction& transaction, RespWriter& out) {
  Asked asked;
  Plan plan(&asked.requests);
  call.command.plan(call, plan);
  if (plan.failed()) {
    out.Error(*plan.error());
    return true;
  }
  AskAll(plan.atomic(), transaction, asked);
  for (size_t i = 0; i < asked.replies.size(); ++i) {
    if (!IsError(asked.replies[i].outcome)) continue;
    out.Error(ErrorText(asked.requests[i], asked.replies[i]));
    return true;
  }
  if (ValueBytes(asked) > CommandBatch::kAnswerBytes) return false;
  call.command.answer({asked.requests, asked.replies, asked.values}, out);
  return true;
}

bool RunQueued(const CommandQueue::Queued& queued, Call& exec, Transaction& transaction,
               RespWriter& out) {
  const std::vector<std::string_view> args(queued.args.begin(), queued.args.end());
  Call call = {*queued.command, args, exec.server, exec.session};
  call.transaction = &transaction;
  if (queued.command->plan != nullptr) return RunPlanned(call, transaction, out);
  queued.command->run(call, out);
  exec.lsn = std::max(exec.lsn, call.lsn);
  exec.changes += call.changes;
  return true;
}

// --- EXEC ----------------------------------------------------------------------------------------

// One attempt: kDone, or what keeps it from being done. `answer` may be told in the end.
Transaction::Result TryQueue(Call& call, RespVersion version, OutputBuffer& answer) {
  Transaction transaction(*call.server.store, call.server.clock().BootMs());
  RespWriter out(&answer, version);
  const Session& session = call.session;
  for (const WatchedKey& watched : session.watched) {
    if (transaction.Watch(watched)) continue;
    out.NullArray();
    call.lsn = std::max(call.lsn, transaction.lsn());
    return Transaction::Result::kDone;
  }
  out.Array(session.queue->commands().size());
  for (const CommandQueue::Queued& queued : session.queue->commands()) {
    const bool answered = RunQueued(queued, call, transaction, out);
    if (!answered || answer.size() > CommandBatch::kAnswerBytes) {
      answer.Clear();
      out.Error(kAnswersTooLarge);
      return Transaction::Result::kDone;
    }
  }
  const Transaction::Result result = transaction.Commit();
  call.lsn = std::max(call.lsn, transaction.lsn());
  call.changes += transaction.changes();
  if (result == Transaction::Result::kError) {
    answer.Clear();
    out.Error(transaction.error());
  }
  return result;
}

void RunExec(Call& call, RespWriter& out) {
  Session& session = call.session;
  if (session.queue == nullptr) return out.Error("ERR EXEC without MULTI");
  if (session.queue->spoiled()) {
    EndTransaction(session);
    return out.Error(kAborted);
  }
  OutputBuffer answer;
  const auto result = UntilNotBeaten(call.server, [&] {
    answer.Clear();
    return TryQueue(call, out.version(), answer);
  });
  call.backlog_full = result == Transaction::Result::kBacklogFull;
  if (call.backlog_full) return;
  EndTransaction(session);
  out.Encoded(answer.view());
}

void RunMulti(Call& call, RespWriter& out) {
  if (call.session.queue != nullptr) return out.Error("ERR MULTI calls can not be nested");
  call.session.queue = std::make_unique<CommandQueue>();
  out.SimpleString("OK");
}

void RunDiscard(Call& call, RespWriter& out) {
  if (call.session.queue == nullptr) return out.Error("ERR DISCARD without MULTI");
  EndTransaction(call.session);
  out.SimpleString("OK");
}

// --- WATCH ---------------------------------------------------------------------------------------

bool Watches(const Session& session, std::string_view key) {
  return std::any_of(session.watched.begin(), session.watched.end(),
                     [key](const WatchedKey& watched) { return watched.key == key; });
}

// WATCH key [key ...]: all of them, or none.
void RunWatch(Call& call, RespWriter& out) {
  Session& session = call.session;
  if (session.queue != nullptr) return out.Error("ERR WATCH inside MULTI is not allowed");
  std::vector<Request> requests;
  for (const std::string_view key : call.args.subspan(1)) {
    if (Watches(session, key)) continue;
    Request& request = requests.emplace_back();
    request.kind = Kind::kRegister;
    request.key = key;
  }
  if (session.watched.size() + requests.size() > Transaction::kKeys) {
    return out.Error(kTooManyWatched);
  }
  std::vector<Reply> replies(requests.size());
  call.backlog_full = call.server.store->Execute(requests, replies) < requests.size();
  if (call.backlog_full) return;
  for (size_t i = 0; i < requests.size(); ++i) {
    if (IsError(replies[i].outcome)) return out.Error(ErrorText(requests[i], replies[i]));
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    call.lsn = std::max(call.lsn, replies[i].lsn);
    session.watched.push_back(
        {std::string(requests[i].key), replies[i].token, replies[i].deadline_ms});
  }
  out.SimpleString("OK");
}

void RunUnwatch(Call& call, RespWriter& out) {
  if (call.transaction == nullptr) call.session.watched.clear();
  out.SimpleString("OK");
}

constexpr Command kCommands[] = {
    {"multi", 1, kFast | kNotQueued, kNone, nullptr, nullptr, RunMulti, "transactions", "1.2.0", "",
     "Mark the start of a transaction block"},
    {"exec", 1, kNotQueued | kTimed, kNone, nullptr, nullptr, RunExec, "transactions", "1.2.0", "",
     "Execute all commands issued after MULTI"},
    {"discard", 1, kFast | kNotQueued, kNone, nullptr, nullptr, RunDiscard, "transactions", "2.0.0",
     "", "Discard all commands issued after MULTI"},
    {"watch", -2, kFast | kNotQueued, kAll, nullptr, nullptr, RunWatch, "transactions", "2.2.0",
     "key [key ...]", "Execute the next EXEC only if these keys have not changed till then"},
    {"unwatch", 1, kFast, kNone, nullptr, nullptr, RunUnwatch, "transactions", "2.2.0", "",
     "Forget about all watched keys"},
};

}  // namespace

bool IsQueued(const Command& command, const Session& session) {
  return session.queue != nullptr && (command.flags & kNotQueued) == 0;
}

void RunOrQueue(Call& call, RespWriter& out) {
  if (IsQueued(call.command, call.session)) {
    Queue(call, out);
  } else {
    call.command.run(call, out);
  }
}

std::span<const Command> TransactionCommands() { return kCommands; }

}  // namespace idem::server
