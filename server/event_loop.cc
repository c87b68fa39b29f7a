#include "server/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace idem::server {
namespace {

constexpr int kEventsPerTurn = 256;
constexpr int kLookMs = 1000;            // for a timeout
constexpr int64_t kStrangerMs = 10'000;  // to authenticate
constexpr int kDrainMs = 5000;
constexpr int kForever = -1;

absl::Status SystemError(const char* what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(errno)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create(ServerContext& server, size_t index,
                                                             std::span<const Listener> listeners,
                                                             const EventLoops& all) {
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return SystemError("epoll_create1");
  UniqueFd wakeup(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wakeup.valid()) return SystemError("eventfd");
  std::unique_ptr<EventLoop> loop(
      new EventLoop(server, index, listeners, all, std::move(epoll), std::move(wakeup)));
  // Edge-triggered, so that nobody has to read it.
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.ptr = &loop->wakeup_}};
  if (epoll_ctl(loop->epoll_.get(), EPOLL_CTL_ADD, loop->wakeup_.get(), &event) != 0) {
    return SystemError("epoll_ctl");
  }
  return loop;
}

EventLoop::EventLoop(ServerContext& server, size_t index, std::span<const Listener> listeners,
                     const EventLoops& all, UniqueFd epoll, UniqueFd wakeup)
    : context_(server, index),
      store_(server.store),
      listeners_(listeners),
      all_(all),
      epoll_(std::move(epoll)),
      wakeup_(std::move(wakeup)),
      received_(kReceivedBytes) {
  context_.waited.SetWake([this] { Wake(); });
  if (Store* const store = store_.get()) ListenTo(*store);
}

EventLoop::~EventLoop() {
  if (Store* const store = store_.get()) store->RemoveCommitListener(commit_listener_);
  context_.server.clients.fetch_sub(load_.load(), std::memory_order_relaxed);
}

void EventLoop::Run() {
  StartAccepting();
  while (stop_.load(std::memory_order_acquire) == StopMode::kRunning) Turn(kForever);
  if (stop_.load(std::memory_order_acquire) == StopMode::kDrain) Drain();
}

void EventLoop::ListenTo(Store& store) {
  commit_listener_ = store.AddCommitListener([this] { OnCommit(); });
}

void EventLoop::RequestStop(StopMode mode) {
  stop_.store(mode, std::memory_order_release);
  Wake();
}

void EventLoop::Wake() {
  const uint64_t one = 1;
  // Full means that the wakeup is already on its way.
  [[maybe_unused]] const ssize_t ignored = write(wakeup_.get(), &one, sizeof(one));
}

// On the thread that commits.
void EventLoop::OnCommit() {
  context_.log_moves.fetch_add(1, std::memory_order_acq_rel);
  if (asleep_.exchange(false, std::memory_order_acq_rel)) Wake();
}

void EventLoop::Turn(int timeout_ms) {
  epoll_event events[kEventsPerTurn];
  const int count = epoll_wait(epoll_.get(), events, kEventsPerTurn, SleepMs(timeout_ms));
  asleep_.store(false, std::memory_order_relaxed);
  LookAtClock();
  if (!blocked_.empty()) TellWaited();
  for (int i = 0; i < count; ++i) Dispatch(events[i]);
  ServeInputs();
  if (!is_accepting_ && context_.server.clock().BootMs() >= accept_again_ms_) StartAccepting();
  TouchWaiting();
  TouchDue();
  CloseSilent();
  EndTurn();
  CommitTurn();
}

// What the turn changed, and what was left of a batch that was too large for one commit.
void EventLoop::CommitTurn() {
  const bool changed = context_.batch.TakeChanges() > 0;
  if (waiting_.size() == clients_.size() && changed && store_->Commit()) {
    TouchWaiting();
    EndTurn();
  }
  if (changed || context_.batch.TakeChanges() > 0) store_->RequestCommit();
}

// How long may epoll_wait sleep?
int EventLoop::SleepMs(int timeout_ms) {
  if (!clients_.empty() && timeout_ms == kForever) timeout_ms = kLookMs;
  if (!is_accepting_ && (timeout_ms == kForever || timeout_ms > kAcceptPauseMs)) {
    timeout_ms = kAcceptPauseMs;
  }
  if (!timed_.empty()) {
    const int64_t left_ms = timed_.begin()->first - context_.server.clock().BootMs();
    timeout_ms = std::min(timeout_ms, static_cast<int>(std::max<int64_t>(0, left_ms)));
  }
  if (waiting_.empty()) return timeout_ms;
  // From here on a move wakes us; one that came before is seen here.
  asleep_.exchange(true, std::memory_order_acq_rel);
  return context_.log_moves.load(std::memory_order_acquire) == seen_moves_ ? timeout_ms : 0;
}

void EventLoop::Dispatch(const epoll_event& event) {
  if (const Listener* const listener = ListenerOf(event.data.ptr)) return Accept(*listener);
  if (event.data.ptr == &wakeup_) return TakeAdopted();
  Client& client = *static_cast<Client*>(event.data.ptr);  // freed at the end of a turn only
  if (event.events & EPOLLOUT) client.cannot_send = false;
  if ((event.events & EPOLLRDHUP) && client.connection.waits_for_answer()) return Close(client);
  // EPOLLHUP without input: both sides are closed, and nobody is left to answer.
  if ((event.events & (EPOLLERR | EPOLLHUP)) && !(event.events & EPOLLIN)) return Close(client);
  const bool may_receive = (event.events & EPOLLIN) || client.stream.receive_wants_to_send();
  if (may_receive) Receive(client);
  Touch(client);
}

void EventLoop::EndTurn() {
  // Flush may touch again.
  for (size_t i = 0; i < touched_.size(); ++i) {
    touched_[i]->is_touched = false;
    if (!touched_[i]->is_closed) Flush(*touched_[i]);
  }
  touched_.clear();
  for (const Client* client : closed_) clients_.erase(client->stream.fd());
  const int closed = static_cast<int>(closed_.size());
  context_.server.clients.fetch_sub(closed, std::memory_order_relaxed);
  load_.fetch_sub(closed, std::memory_order_relaxed);
  closed_.clear();
}

void EventLoop::Drain() {
  if (is_accepting_) PauseAccepting();
  for (const auto& [fd, client] : clients_) {
    client->connection.Close();
    Touch(*client);
  }
  EndTurn();
  const Clock& clock = context_.server.clock();
  const int64_t deadline_ms = clock.BootMs() + kDrainMs;
  accept_again_ms_ = deadline_ms + kDrainMs;
  while (!clients_.empty() && clock.BootMs() < deadline_ms &&
         stop_.load(std::memory_order_acquire) == StopMode::kDrain) {
    Turn(kAcceptPauseMs);
  }
}

// --- Clients that are waited for -----------------------------------------------------------------

void EventLoop::LookAtClock() {
  const bool has_timeout = context_.server.options.timeout_s != 0;
  if (!has_timeout && strangers_.empty()) {
    has_timeout_ = false;
    return;
  }
  now_ms_ = context_.server.clock().BootMs();
  if (has_timeout && !has_timeout_) known_.RenewAll(now_ms_);
  has_timeout_ = has_timeout;
}

void EventLoop::CloseSilent() {
  if (!strangers_.empty()) CloseOverdue(strangers_, kStrangerMs);
  if (has_timeout_) CloseOverdue(known_, int64_t{1000} * context_.server.options.timeout_s);
}

void EventLoop::CloseOverdue(const Patience& queue, int64_t limit_ms) {
  if (limit_ms == 0) return;
  while (Patience::Guest* const late = queue.Overdue(limit_ms, now_ms_)) {
    Client& client = static_cast<Client&>(*late);
    if (client.is_waiting || client.connection.waits_for_answer()) {
      known_.Add(client, now_ms_);  // it is we who are late
    } else {
      Close(client);
    }
  }
}

void EventLoop::Touch(Client& client) {
  if (client.is_touched || client.is_closed) return;
  client.is_touched = true;
  touched_.push_back(&client);
}

void EventLoop::TouchWaiting() {
  const uint64_t moves = context_.log_moves.load(std::memory_order_acquire);
  if (moves == seen_moves_) return;
  seen_moves_ = moves;
  for (Client* client : waiting_) Touch(*client);
}

// Who waits was flushed, and is in blocked_, before its answer can be here.
void EventLoop::TellWaited() {
  for (WaitedReplies::Waited& waited : context_.waited.Take()) {
    const auto client = blocked_.find(waited.client);
    if (client == blocked_.end()) continue;  // it has gone
    Client& told = *client->second;
    blocked_.erase(client);
    told.connection.TellWaited(waited.reply);
    if (has_timeout_) NoteSign(told);
    Touch(told);
  }
}

// Whose time to wait is over.
void EventLoop::TouchDue() {
  if (timed_.empty()) return;
  const int64_t now_ms = context_.server.clock().BootMs();
  for (const auto& [until_ms, client] : timed_) {
    if (until_ms > now_ms) break;
    Touch(*client);
  }
}

void EventLoop::SetTimed(Client& client, int64_t until_ms) {
  if (client.blocked_until_ms == until_ms) return;
  if (client.blocked_until_ms != 0) timed_.erase({client.blocked_until_ms, &client});
  if (until_ms != 0) timed_.emplace(until_ms, &client);
  client.blocked_until_ms = until_ms;
  context_.stats.blocked_clients.Set(timed_.size());
}

void EventLoop::SetWaiting(Client& client, bool is_waiting) {
  if (client.is_waiting == is_waiting) return;
  client.is_waiting = is_waiting;
  if (is_waiting) {
    client.waiting_index = waiting_.size();
    return waiting_.push_back(&client);
  }
  waiting_.back()->waiting_index = client.waiting_index;
  waiting_[client.waiting_index] = waiting_.back();
  waiting_.pop_back();
}

void EventLoop::Close(Client& client) {
  if (client.is_closed) return;
  client.is_closed = true;
  SetWaiting(client, false);
  SetTimed(client, 0);
  client.queue->Remove(client);
  blocked_.erase(client.connection.id());
  closed_.push_back(&client);
}

}  // namespace idem::server
