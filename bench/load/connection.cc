#include "bench/load/connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "absl/strings/str_cat.h"

namespace idem::bench {
namespace {

absl::Status SystemError(const char* call) {
  return absl::UnavailableError(absl::StrCat(call, ": ", std::strerror(errno)));
}

}  // namespace

absl::StatusOr<Connection> Connection::Open(uint16_t port) {
  Connection connection(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connection.fd_ < 0) return SystemError("socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(connection.fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return SystemError("connect");
  }
  const int on = 1;
  setsockopt(connection.fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (fcntl(connection.fd_, F_SETFL, O_NONBLOCK) != 0) return SystemError("fcntl");
  return connection;
}

Connection::~Connection() {
  if (fd_ >= 0) close(fd_);
}

void Connection::Ask(const Exchange& exchange, const ResponseShape& shape) {
  exchange.operation->rounds[exchange.round].request.AppendTo(&output_, exchange, shape);
  asked_.push_back(exchange);
}

absl::StatusOr<bool> Connection::Flush() {
  while (written_ < output_.size()) {
    const ssize_t sent =
        send(fd_, output_.data() + written_, output_.size() - written_, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return false;
    if (sent < 0) return SystemError("send");
    written_ += static_cast<size_t>(sent);
  }
  output_.clear();
  written_ = 0;
  return true;
}

absl::Status Connection::ReadOnce() {
  if (filled_ == input_.size()) input_.resize(2 * input_.size());
  const ssize_t got = recv(fd_, input_.data() + filled_, input_.size() - filled_, 0);
  if (got == 0) return absl::UnavailableError("the server closed the connection");
  if (got < 0) {
    return errno == EAGAIN || errno == EINTR ? absl::OkStatus() : SystemError("recv");
  }
  filled_ += static_cast<size_t>(got);
  return absl::OkStatus();
}

void Connection::Consume(size_t used) {
  std::memmove(input_.data(), input_.data() + used, filled_ - used);
  filled_ -= used;
}

absl::StatusOr<std::string> Connection::Call(std::string_view request) {
  output_.append(request);
  const absl::StatusOr<bool> flushed = Flush();
  if (!flushed.ok()) return flushed.status();
  for (;;) {
    pollfd readable = {.fd = fd_, .events = POLLIN, .revents = 0};
    if (poll(&readable, 1, 10'000) <= 0) return absl::DeadlineExceededError("no answer in 10 s");
    if (absl::Status status = ReadOnce(); !status.ok()) return status;
    RespReply reply;
    const std::optional<size_t> length = ReadReply(received(), &reply);
    if (!length) return absl::InternalError("the server does not speak RESP");
    if (*length == 0) continue;
    const std::string text(reply.head().text);
    Consume(*length);
    if (reply.head().type == '-') return absl::FailedPreconditionError(text);
    return text;
  }
}

}  // namespace idem::bench
