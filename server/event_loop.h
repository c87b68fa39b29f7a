// One thread's share of the connections, over epoll. It blocks only in epoll_wait, or in a commit
// for which all its clients wait.
//
// A turn:
//
//   epoll_wait ──► read all that are ready ──► execute ──► write what may leave, once ──► close
//                                                     └──► commit what was changed, once
//
// so a durable batch of many clients needs one commit and each client one write. An answer that
// waits for a commit holds up its own connection only: another thread commits, and the loop goes on
// to read. When the commit comes, the loop is woken by an eventfd, but only if it sleeps and
// something waits for it: the listener and the loop exchange `asleep_` in opposite order around
// log_moves, so nothing is missed: no commit, and no new segment where the log had no room.
//
// Clients are read one after the other, then served, then written to, not one by one from end to
// end: a system call leaves little of the caches to the code after it, and vice versa.
//
// A client whose command waits for its answer (BEGIN .. WAIT) is not read meanwhile, only watched:
// should it go, its waiter goes too. The answer is put into LoopContext::waited by whoever brings
// it about, and the loop is woken.
//
// The exception: where every client of the loop waits for a commit, the loop has nothing else to
// do, and commits by itself. A hand-over there and back costs about as much as a fast disk.
//
// A client whose command waits for its answer (IDEM.CHANGES .. BLOCK) counts as one that waits for
// a commit. It is not read meanwhile, only watched: should it go, its command is forgotten.
//
// A client that has not authenticated in kStrangerMs is closed, and so is one that was silent for
// the setting `timeout`. A loop wakes at least once a second while it has clients, so that it sees
// a setting that has moved; it looks at the clock only where one of the two is waited for.
//
// All loops wait at the same listening sockets (EPOLLEXCLUSIVE). Whoever accepts a connection gives
// it to the loop that has the fewest: the kernel alone would give a burst of them to one loop. Out
// of file descriptors a loop leaves new connections in the kernel's queue for a moment instead of
// spinning.
//
// Ownership: the ServerContext, the listeners and the vector of all loops outlive the loop. A
// Client lives in clients_. Thread rule: Run on one thread; ListenTo, RequestStop and Adopt from
// any.
#ifndef IDEM_SERVER_EVENT_LOOP_H_
#define IDEM_SERVER_EVENT_LOOP_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "server/connection.h"
#include "server/context.h"
#include "server/listeners.h"
#include "server/patience.h"
#include "server/socket.h"
#include "server/stream.h"

struct epoll_event;

namespace idem::server {

enum class StopMode : uint8_t {
  kRunning,  // not stopped
  kDrain,    // answers what was executed, as far as it is committed within a few seconds
  kNow,
};

class EventLoop;
using EventLoops = std::vector<std::unique_ptr<EventLoop>>;

class EventLoop {
 public:
  // The loop with this index of server.loops; `all` is complete before the first one runs.
  static absl::StatusOr<std::unique_ptr<EventLoop>> Create(ServerContext& server, size_t index,
                                                           std::span<const Listener> listeners,
                                                           const EventLoops& all);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Serves until RequestStop.
  void Run();
  // The store is open: wakes the loop when something is committed. Once, before context.store is
  // set.
  void ListenTo(Store& store);
  void RequestStop(StopMode mode);
  // Takes over a connection that another loop has accepted.
  void Adopt(Stream stream);

 private:
  struct Client : Patience::Guest {
    Client(Stream connected, LoopContext& loop)
        : stream(std::move(connected)), connection(loop, PeerOf(stream.fd())) {}

    // Until then it gets little time.
    bool is_known() const { return stream.is_established() && connection.is_authenticated(); }

    Stream stream;
    Connection connection;
    uint32_t interest = 0;
    bool is_touched = false;
    bool is_closed = false;
    bool cannot_send = false;  // the socket is full
    bool is_waiting = false;
    size_t waiting_index = 0;      // in waiting_, while it is there
    int64_t blocked_until_ms = 0;  // as in timed_; 0: it is not there
  };

  EventLoop(ServerContext& server, size_t index, std::span<const Listener> listeners,
            const EventLoops& all, UniqueFd epoll, UniqueFd wakeup);

  static constexpr int kAcceptPauseMs = 100;  // out of file descriptors
  // Of one client in a turn: the others wait as long. When so much of several may not find room,
  // what was received is served first.
  static constexpr size_t kReceiveBytes = 16 << 10;
  static constexpr size_t kReceivedBytes = 16 * kReceiveBytes;
  static_assert(kReceiveBytes >= TlsSession::kRecordBytes);

  void Turn(int timeout_ms);
  void Drain();
  void EndTurn();
  void CommitTurn();
  int SleepMs(int timeout_ms);
  void Dispatch(const epoll_event& event);

  const Listener* ListenerOf(const void* event_pointer) const;
  void Accept(const Listener& listener);
  std::optional<Stream> StreamOf(UniqueFd socket, Listener::Kind kind) const;
  EventLoop& LeastLoaded();
  void TakeAdopted();
  void Admit(Stream stream);
  void Reject(UniqueFd socket, Listener::Kind kind);
  void StartAccepting();
  void PauseAccepting();

  void LookAtClock();
  void CloseSilent();
  void CloseOverdue(const Patience& queue, int64_t limit_ms);

  void Receive(Client& client);
  void ServeInputs();
  void NoteSign(Client& client);
  void Flush(Client& client);
  bool SendReleasable(Client& client);
  void UpdateInterest(Client& client);
  void Touch(Client& client);
  void TouchWaiting();
  void TellWaited();
  void TouchDue();
  void SetWaiting(Client& client, bool is_waiting);
  void SetTimed(Client& client, int64_t until_ms);
  void Close(Client& client);

  void OnCommit();
  void Wake();

  LoopContext context_;
  const OpenedStore& store_;
  std::span<const Listener> listeners_;
  const EventLoops& all_;
  UniqueFd epoll_;
  UniqueFd wakeup_;
  int commit_listener_ = 0;
  std::atomic<StopMode> stop_{StopMode::kRunning};
  std::atomic<bool> asleep_{false};  // the next commit must wake the loop
  std::atomic<int> load_{0};         // connections here or on their way
  std::mutex adopted_mutex_;
  std::vector<Stream> adopted_;  // guarded by adopted_mutex_

  absl::flat_hash_map<int, std::unique_ptr<Client>> clients_;  // by file descriptor
  std::vector<Client*> touched_;                               // to be flushed in this turn
  std::vector<Client*> closed_;                                // to be freed in this turn
  std::vector<Client*> waiting_;                               // for a commit, in no order
  std::set<std::pair<int64_t, Client*>> timed_;                // by the end of their wait
  Patience strangers_;                                         // not known yet
  Patience known_;                                             // in order while there is a timeout
  bool has_timeout_ = false;
  int64_t now_ms_ = 0;                              // of this turn, while somebody is waited for
  absl::flat_hash_map<uint64_t, Client*> blocked_;  // wait for an answer, by session
  uint64_t seen_moves_ = 0;
  bool is_accepting_ = false;
  int64_t accept_again_ms_ = 0;  // boot time; while not accepting

  // What has been read in this turn and not been served yet; views of received_.
  struct Input {
    Client* client;
    std::string_view bytes;
  };
  std::vector<Input> inputs_;
  std::vector<char> received_;
  size_t received_bytes_ = 0;
};

}  // namespace idem::server

#endif  // IDEM_SERVER_EVENT_LOOP_H_
