// How connections come to the loops: accepted by any, given to the one that has the fewest.
#include <sys/epoll.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

#include "server/event_loop.h"

namespace idem::server {
namespace {

constexpr std::string_view kTooManyClients = "-ERR max number of clients reached\r\n";

bool OutOfDescriptors(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

void EventLoop::StartAccepting() {
  is_accepting_ = true;
  for (const Listener& listener : listeners_) {
    epoll_event event{.events = EPOLLIN | EPOLLEXCLUSIVE,
                      .data = {.ptr = const_cast<Listener*>(&listener)}};
    const int error = epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listener.socket.get(), &event);
    is_accepting_ = is_accepting_ && (error == 0 || errno == EEXIST);
  }
}

void EventLoop::PauseAccepting() {
  for (const Listener& listener : listeners_) {
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listener.socket.get(), nullptr);
  }
  is_accepting_ = false;
  accept_again_ms_ = context_.server.clock().BootMs() + kAcceptPauseMs;
}

// Null: the event is no listener's.
const Listener* EventLoop::ListenerOf(const void* event_pointer) const {
  const auto* const listener = static_cast<const Listener*>(event_pointer);
  const std::less<> before;
  const Listener* const first = listeners_.data();
  const bool is_one = !before(listener, first) && before(listener, first + listeners_.size());
  return is_one ? listener : nullptr;
}

void EventLoop::Accept(const Listener& listener) {
  UniqueFd socket = AcceptFrom(listener.socket.get());
  if (!socket.valid()) {
    if (OutOfDescriptors(errno)) PauseAccepting();
    return;
  }
  ServerContext& server = context_.server;
  if (server.clients.fetch_add(1, std::memory_order_relaxed) >= server.options.maxclients) {
    server.clients.fetch_sub(1, std::memory_order_relaxed);
    return Reject(std::move(socket), listener.kind);
  }
  std::optional<Stream> stream = StreamOf(std::move(socket), listener.kind);
  if (!stream) {
    server.clients.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  context_.stats.connections.Add(1);
  EventLoop& loop = LeastLoaded();
  loop.load_.fetch_add(1, std::memory_order_relaxed);
  if (&loop == this) return Admit(*std::move(stream));
  loop.Adopt(*std::move(stream));
}

// Nothing: no memory for it.
std::optional<Stream> EventLoop::StreamOf(UniqueFd socket, Listener::Kind kind) const {
  if (kind != Listener::Kind::kUnix) {
    SetKeepalive(socket.get(), context_.server.options.tcp_keepalive_s);
  }
  if (kind != Listener::Kind::kTls) return Stream(std::move(socket));
  std::unique_ptr<TlsSession> tls = context_.server.tls.Get()->Accept(socket.get());
  if (tls == nullptr) return std::nullopt;
  return Stream(std::move(socket), std::move(tls));
}

EventLoop& EventLoop::LeastLoaded() {
  EventLoop* least = this;
  for (const auto& loop : all_) {
    const int load = loop->load_.load(std::memory_order_relaxed);
    if (load < least->load_.load(std::memory_order_relaxed)) least = loop.get();
  }
  return *least;
}

void EventLoop::Adopt(Stream stream) {
  {
    const std::lock_guard lock(adopted_mutex_);
    adopted_.push_back(std::move(stream));
  }
  Wake();
}

void EventLoop::TakeAdopted() {
  std::vector<Stream> adopted;
  {
    const std::lock_guard lock(adopted_mutex_);
    adopted.swap(adopted_);
  }
  for (Stream& stream : adopted) Admit(std::move(stream));
}

void EventLoop::Admit(Stream stream) {
  const int fd = stream.fd();
  auto& client = clients_[fd];
  client = std::make_unique<Client>(std::move(stream), context_);
  (client->is_known() ? known_ : strangers_).Add(*client, client->connection.since_boot_ms());
  client->interest = EPOLLIN;
  epoll_event event{.events = EPOLLIN, .data = {.ptr = client.get()}};
  const bool added = epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
  if (!added || stop_.load(std::memory_order_relaxed) != StopMode::kRunning) Close(*client);
}

void EventLoop::Reject(UniqueFd socket, Listener::Kind kind) {
  context_.stats.rejected_connections.Add(1);
  context_.server.log.WriteOfClient(
      LogLevel::kWarning, "client_rejected",
      {{"peer", PeerOf(socket.get())}, {"maxclients", context_.server.options.maxclients.get()}});
  if (kind == Listener::Kind::kTls) return;  // a reason would cost a handshake
  Stream stream(std::move(socket));
  stream.Send(kTooManyClients);
  stream.End();
}

}  // namespace idem::server
