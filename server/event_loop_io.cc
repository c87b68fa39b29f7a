// EventLoop: the bytes of its clients, in and out.
#include <sys/epoll.h>

#include <cerrno>
#include <string_view>

#include "server/event_loop.h"

namespace idem::server {
namespace {

bool MayRetry(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

void EventLoop::Receive(Client& client) {
  if (!client.connection.wants_input()) return;
  if (received_.size() - received_bytes_ < kReceiveBytes) ServeInputs();  // no room
  char* const room = received_.data() + received_bytes_;
  const ssize_t count = client.stream.Receive(room, kReceiveBytes);
  if (count > 0) {
    inputs_.push_back({&client, {room, static_cast<size_t>(count)}});
    received_bytes_ += static_cast<size_t>(count);
  } else if (count == 0) {
    client.connection.FeedEnd();
  } else if (!MayRetry(errno)) {
    Close(client);
  }
}

void EventLoop::ServeInputs() {
  for (const auto& [client, bytes] : inputs_) {
    if (client->is_closed) continue;
    client->connection.Feed(bytes);
    if (has_timeout_ || client->queue == &strangers_) NoteSign(*client);
  }
  inputs_.clear();
  received_bytes_ = 0;
}

// It is not silent, or it is known now. Other input of a stranger buys it no time.
void EventLoop::NoteSign(Client& client) {
  if (client.is_known()) known_.Add(client, now_ms_);
}

// Sends what may leave; what a full output had stopped then goes on, and may leave too.
void EventLoop::Flush(Client& client) {
  Connection& connection = client.connection;
  do {
    if (!SendReleasable(client)) return Close(client);
  } while (connection.Continue());
  if (connection.finished()) {
    client.stream.End();
    return Close(client);
  }
  SetWaiting(client, connection.waits_for_commit());
  const int64_t until_ms = connection.blocked_until_ms();
  SetTimed(client, until_ms);
  if (connection.waits_for_answer() && until_ms == 0) blocked_[connection.id()] = &client;
  UpdateInterest(client);
}

// False: the client is gone.
bool EventLoop::SendReleasable(Client& client) {
  while (!client.cannot_send) {
    const std::string_view bytes = client.connection.Releasable();
    if (bytes.empty()) return true;
    const ssize_t count = client.stream.Send(bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && !MayRetry(errno)) return false;
    if (count < 0) {
      client.cannot_send = true;
    } else {
      client.connection.Sent(static_cast<size_t>(count));
    }
  }
  return true;
}

void EventLoop::UpdateInterest(Client& client) {
  const uint32_t interest =
      (client.connection.wants_input() ? uint32_t{EPOLLIN} : 0) |
      (client.connection.waits_for_answer() ? uint32_t{EPOLLRDHUP} : 0) |
      (client.cannot_send || client.stream.receive_wants_to_send() ? uint32_t{EPOLLOUT} : 0);
  if (interest == client.interest) return;
  client.interest = interest;
  epoll_event event{.events = interest, .data = {.ptr = &client}};
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, client.stream.fd(), &event);
}

}  // namespace idem::server
