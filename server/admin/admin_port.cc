#include "server/admin/admin_port.h"

#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace idem::server {
namespace {

constexpr const char* kAddress = "127.0.0.1";
constexpr int kLookMs = 100;  // how late a deadline may be noticed
constexpr int kForever = -1;
constexpr size_t kReceiveBytes = 4096;

bool MayRetry(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

absl::StatusOr<std::unique_ptr<AdminPort>> AdminPort::Start(uint16_t port, const Clock& clock,
                                                            Respond respond) {
  absl::StatusOr<UniqueFd> listener = ListenOn(kAddress, port, "--admin-port");
  if (!listener.ok()) return listener.status();
  UniqueFd stop(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!stop.valid()) return absl::UnavailableError("no eventfd");
  return std::unique_ptr<AdminPort>(
      new AdminPort(*std::move(listener), std::move(stop), clock, std::move(respond)));
}

AdminPort::AdminPort(UniqueFd listener, UniqueFd stop, const Clock& clock, Respond respond)
    : listener_(std::move(listener)),
      stop_(std::move(stop)),
      clock_(clock),
      respond_(std::move(respond)),
      thread_([this] { Run(); }) {}

AdminPort::~AdminPort() {
  eventfd_write(stop_.get(), 1);
  thread_.join();
}

std::vector<pollfd> AdminPort::Wanted() const {
  std::vector<pollfd> wanted = {{.fd = stop_.get(), .events = POLLIN, .revents = 0},
                                {.fd = listener_.get(), .events = POLLIN, .revents = 0}};
  for (const Visitor& visitor : visitors_) {
    const short events = visitor.output.empty() ? POLLIN : POLLOUT;
    wanted.push_back({.fd = visitor.socket.get(), .events = events, .revents = 0});
  }
  return wanted;
}

void AdminPort::Run() {
  while (true) {
    std::vector<pollfd> events = Wanted();
    poll(events.data(), events.size(), visitors_.empty() ? kForever : kLookMs);
    if (events[0].revents != 0) return;
    for (size_t i = 0; i < visitors_.size(); ++i) Serve(visitors_[i], events[i + 2].revents);
    std::erase_if(visitors_, [](const Visitor& visitor) { return visitor.is_done; });
    if (events[1].revents != 0) Accept();
  }
}

void AdminPort::Accept() {
  UniqueFd socket = AcceptFrom(listener_.get());
  if (!socket.valid()) return;
  if (visitors_.size() == kConnections) visitors_.erase(visitors_.begin());
  visitors_.push_back(
      {.socket = std::move(socket), .deadline_ms = clock_.BootMs() + kTimeoutMs, .input = {}});
}

void AdminPort::Serve(Visitor& visitor, short events) {
  if (events != 0 && visitor.output.empty()) Receive(visitor);
  if (events != 0 && !visitor.output.empty()) Send(visitor);
  if (clock_.BootMs() >= visitor.deadline_ms) visitor.is_done = true;
}

void AdminPort::Receive(Visitor& visitor) {
  char bytes[kReceiveBytes];
  const ssize_t count = recv(visitor.socket.get(), bytes, sizeof(bytes), 0);
  if (count <= 0) {
    visitor.is_done = count == 0 || !MayRetry(errno);
    return;
  }
  visitor.input.append(bytes, static_cast<size_t>(count));
  const HttpRequest request = ParseHttpRequest(visitor.input);
  if (request.state == HttpRequest::State::kIncomplete) return;
  const bool is_whole = request.state == HttpRequest::State::kWhole;
  visitor.output = EncodeHttp(is_whole ? respond_(request.path) : HttpError(request.status));
}

void AdminPort::Send(Visitor& visitor) {
  const std::string_view rest = std::string_view(visitor.output).substr(visitor.sent);
  const ssize_t count = send(visitor.socket.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
  if (count < 0) {
    visitor.is_done = !MayRetry(errno);
    return;
  }
  visitor.sent += static_cast<size_t>(count);
  visitor.is_done = visitor.sent == visitor.output.size();
  if (!visitor.is_done) return;
  shutdown(visitor.socket.get(), SHUT_WR);
  DiscardInput(visitor.socket.get());
}

}  // namespace idem::server
