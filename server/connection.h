// One client's conversation, without its socket: bytes in, bytes out.
//
//   Feed ──► RespParser ──► CommandTable ──► CommandBatch ──► GatedOutput ──► Releasable
//                                               │ Store::Execute
//
// Answers leave in the order of the commands, and none before the store has committed what it
// tells. Who drives the connections of a loop has their changes committed (LoopContext::batch).
// Nothing here blocks, sleeps or reads a socket, so a whole server runs under a test.
//
// A connection pauses, and takes no more input, while
//   - the log has no room just now: it goes on when committed() or log_moves has moved;
//   - more than kPauseBytes of answers wait for a client that does not read them;
//   - its last command waits for its answer (BEGIN .. WAIT): it goes on with TellWaited. Should the
//     connection go before, its waiter is forgotten;
//   - a command waits for something to tell (Session::blocked): it is run again when the log has
//     moved, or its time is over. Nothing else remembers it, so it goes with the connection.
// Its unfinished bytes stay where they are; Continue() goes on with them. Memory: input holds at
// most one unfinished command and what was fed with it; output at most kCloseBytes, then the
// connection is dropped. Both are given back when empty, and charged to all clients together
// (client_memory.h).
//
// While the store is being opened, commands that need it are answered with LOADING.
//
// Ownership: LoopContext outlives the connection.
// Thread rule: none; belongs to one event loop.
#ifndef IDEM_SERVER_CONNECTION_H_
#define IDEM_SERVER_CONNECTION_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/command.h"
#include "server/command_batch.h"
#include "server/command_timing.h"
#include "server/context.h"
#include "server/gated_output.h"
#include "server/output_buffer.h"
#include "server/resp_parser.h"
#include "server/resp_writer.h"
#include "server/waited_replies.h"

namespace idem::server {

// What the connections of one event loop share.
struct LoopContext {
  LoopContext(ServerContext& shared, size_t loop)
      : server(shared), stats(shared.loops[loop]), batch(shared.options), timing(server, stats) {}

  // Has the changes of this loop committed by another thread.
  void RequestCommit() {
    if (batch.TakeChanges() > 0) server.store->RequestCommit();
  }

  ServerContext& server;
  LoopStats& stats;
  CommandBatch batch;
  CommandTiming timing;
  BufferPool buffers;  // of the connections' output
  // Counts the calls of the loop's commit listener: something was committed, or the log has room
  // again.
  std::atomic<uint64_t> log_moves{0};
  WaitedReplies waited;
};

class Connection {
 public:
  static constexpr size_t kPauseBytes = 1 << 20;
  static constexpr size_t kCloseBytes = 2 * CommandBatch::kAnswerBytes;

  Connection(LoopContext& loop, std::string peer);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Bytes from the client; only while wants_input().
  void Feed(std::string_view bytes);
  // The client sends no more. What it sent whole is still executed and answered.
  void FeedEnd() { input_ended_ = true; }
  // No more commands are executed; what is answered may still leave.
  void Close();

  // Goes on after a pause if its reason is gone. True: something was executed.
  bool Continue();

  // The answer to the command that waits has come.
  void TellWaited(Reply& reply);
  // Its client's last command waits for its answer; if until then at the longest: boot time, else
  // 0.
  bool waits_for_answer() const { return pause_ == Pause::kWaiting || pause_ == Pause::kBlocked; }
  int64_t blocked_until_ms() const {
    return pause_ == Pause::kBlocked ? session_.blocked.until_ms : 0;
  }
  uint64_t id() const { return session_.id; }

  // What may be sent now, and how much of it was.
  std::string_view Releasable() { return output_.Releasable(Committed()); }
  void Sent(size_t bytes);

  bool wants_input() const { return pause_ == Pause::kNone && !closing_ && !input_ended_; }
  // Something here goes on when committed() moves.
  bool waits_for_commit() const {
    return output_.has_gates() || pause_ == Pause::kBacklog || pause_ == Pause::kBlocked;
  }
  int64_t since_boot_ms() const { return session_.since_boot_ms; }
  // Is it somebody? Until then commands are few and small, and the owner gives it little time.
  bool is_authenticated() const { return session_.user != nullptr; }
  // Nothing is left to do: close the socket.
  bool finished() const;

 private:
  enum class Pause : uint8_t { kNone, kBacklog, kOutput, kWaiting, kBlocked };
  // As long as this is the same it is not worth asking again.
  struct LogMoment {
    Lsn committed = 0;
    uint64_t moves = 0;
    bool operator==(const LogMoment&) const = default;
  };

  const RespLimits& Limits() const;
  LogMoment Now() const { return {Committed(), loop_.log_moves.load(std::memory_order_acquire)}; }

  // 0 while the store is being opened: nothing waits for it then.
  Lsn Committed() const;
  // Executes what is whole; returns how many bytes are done with.
  size_t Run(std::string_view input);
  void RunBuffered();
  // These take the command whose bytes are [begin, end) and return where to go on.
  size_t Take(bool is_inline, size_t begin, size_t end);
  size_t RunAlone(const Command& command, size_t begin, size_t end);
  // Executes and answers what is planned. Returns `next`, or where to go on after the pause.
  size_t Settle(size_t next);
  // Executes the last one of the batch, which may wait. False: the log has no room.
  bool ExecuteOrWait();
  void ForgetWaiter();
  size_t AwaitLog(const LogMoment& before, size_t next, Pause reason);
  bool MustPauseOn();

  size_t TellAll(size_t executed);
  void Tell(size_t i);
  void Count(const Command& command, bool failed);
  void TellAnswer(const Command& command, const Told& told);
  void TellProtocolError();
  void CountLookups(const Told& told);
  void PauseIfFull();
  size_t HeldBytes() const;
  void Charge();
  void Drop(Counter& why);

  LoopContext& loop_;
  Session session_;
  std::optional<RespParser> parser_;
  GatedOutput output_;
  RespWriter writer_;
  std::string input_;    // received, not done with
  size_t charged_ = 0;   // of HeldBytes
  LogMoment paused_at_;  // when the log had no room
  Pause pause_ = Pause::kNone;
  // While kWaiting: what waits, and as whom.
  const Command* waiting_command_ = nullptr;
  Op waiting_op_ = Op::kBegin;
  WaitId waiter_ = 0;
  bool input_ended_ = false;
  bool closing_ = false;
};

}  // namespace idem::server

#endif  // IDEM_SERVER_CONNECTION_H_
