// A command is a row: what it is called, what it takes, and two functions.
//
//   arguments ──► plan ──► Requests ──► Store::Execute ──► Replies ──► answer ──► RESP
//                                      (many commands at once)
//
// `plan` turns the arguments into Requests and never touches the store; `answer` turns the Replies
// into RESP and never touches the arguments. Between them the requests of a whole pipeline are
// executed as one batch. Outcomes that are errors are told by error_texts.h; `answer` sees the
// others only.
//
// A command that asks the store nothing, or not through a Request, has `run` instead: it is called
// in order, after everything before it was executed.
//
// A command that changes more than one key must be planned atomically: a batch may be cut between
// two requests, and then the whole command is planned again.
#ifndef IDEM_SERVER_COMMAND_H_
#define IDEM_SERVER_COMMAND_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "idem/request.h"
#include "server/context.h"
#include "server/resp_writer.h"

namespace idem::server {

struct Command;
class Transaction;

using Arguments = std::span<const std::string_view>;

// One call of a command by one client.
struct Call {
  const Command& command;
  Arguments args;  // args[0] is the command's name; views into the connection's input
  ServerContext& server;
  Session& session;
  Lsn lsn = 0;         // `run` raises it if what it tells may not leave before that is committed
  size_t changes = 0;  // made by `run`, for the caller to have committed
  bool backlog_full = false;  // `run` wrote no answer; to be called again when the log has room
  // The same; when the log has moved, or session.blocked.until_ms has come.
  bool blocked = false;
  Transaction* transaction = nullptr;  // within EXEC: what the command is a part of
};

// What a command asks of the store.
class Plan {
 public:
  // `requests` already holds those of the commands before.
  explicit Plan(std::vector<Request>* requests) : requests_(requests) {}

  // One more request; valid until the next one.
  Request& Ask(Op op, std::string_view key) {
    Request& request = requests_->emplace_back();
    request.op = op;
    request.key = key;
    return request;
  }
  // All requests of this command happen at once or not at all; at most 64.
  void SetAtomic() { atomic_ = true; }
  // Answers this error and asks nothing.
  void Fail(std::string_view error) { error_ = error; }
  bool failed() const { return !error_.empty(); }
  std::string* error() { return &error_; }
  bool atomic() const { return atomic_; }

 private:
  std::vector<Request>* requests_;
  bool atomic_ = false;
  std::string error_;
};

// What one planned command asked and was told.
struct Told {
  std::span<const Request> requests;
  std::span<const Reply> replies;
  std::span<const std::string_view> values = {};  // within EXEC: instead of the responses

  const Request& request() const { return requests.front(); }
  const Reply& reply() const { return replies.front(); }
  std::string_view value(size_t i = 0) const {
    return values.empty() ? replies[i].response.bytes() : values[i];
  }
};

// As in Redis' COMMAND.
enum CommandFlag : uint32_t {
  kWrite = 1 << 0,
  kReadOnly = 1 << 1,
  kDenyOom = 1 << 2,
  kFast = 1 << 3,
  kAdmin = 1 << 4,
  kNoAuth = 1 << 5,
  kLoading = 1 << 6,
  kStale = 1 << 7,
  kContainer = 1 << 8,   // has subcommands; not shown
  kNoMulti = 1 << 9,     // refused between MULTI and EXEC
  kNotQueued = 1 << 10,  // executed at once even there; not shown
  kTimed = 1 << 11,      // may take long: its time is always taken; not shown
  kAudited = 1 << 12,    // the event log tells who did it; not shown
};

// Positions of keys in the arguments; last -1 is the last argument.
struct KeyRange {
  int first = 0;
  int last = 0;
  int step = 0;
  int count_at = 0;  // not 0: the client says there how many keys follow
};

struct Command {
  std::string_view name;  // lower case; a subcommand is "client|id"
  int arity;              // arguments with the name; -n: at least n
  uint32_t flags;
  KeyRange keys;
  void (*plan)(const Call& call, Plan& plan);
  void (*answer)(const Told& told, RespWriter& out);
  void (*run)(Call& call, RespWriter& out);
  std::string_view group;
  std::string_view since;  // version of Redis, or of Idem for our own
  std::string_view syntax;
  std::string_view summary;
  size_t index = 0;  // in LoopStats::commands_by_index; the table gives it
};

}  // namespace idem::server

#endif  // IDEM_SERVER_COMMAND_H_
