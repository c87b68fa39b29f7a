#include "server/socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace idem::server {
namespace {

constexpr int kBacklog = 511;
constexpr int kDiscardReads = 64;

// An address of either family.
struct Address {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);

  sockaddr* any() { return reinterpret_cast<sockaddr*>(&storage); }
  sockaddr_in& v4() { return reinterpret_cast<sockaddr_in&>(storage); }
  sockaddr_in6& v6() { return reinterpret_cast<sockaddr_in6&>(storage); }
};

bool Parse(const std::string& text, uint16_t port, Address& address) {
  if (inet_pton(AF_INET, text.c_str(), &address.v4().sin_addr) == 1) {
    address.storage.ss_family = AF_INET;
    address.v4().sin_port = htons(port);
    address.size = sizeof(sockaddr_in);
    return true;
  }
  address.storage.ss_family = AF_INET6;
  address.v6().sin6_port = htons(port);
  address.size = sizeof(sockaddr_in6);
  return inet_pton(AF_INET6, text.c_str(), &address.v6().sin6_addr) == 1;
}

uint16_t PortIn(Address& address) {
  return ntohs(address.storage.ss_family == AF_INET ? address.v4().sin_port
                                                    : address.v6().sin6_port);
}

absl::Status CannotListen(const std::string& address, uint16_t port) {
  const std::string_view hint = errno == EADDRINUSE ? "; --port names another one" : "";
  return absl::UnavailableError(absl::StrCat("cannot listen on ", address, ":", port, ": ",
                                             std::strerror(errno),
                                             absl::string_view(hint.data(), hint.size())));
}

void SetOption(int socket, int level, int option) {
  const int on = 1;
  setsockopt(socket, level, option, &on, sizeof(on));
}

}  // namespace

UniqueFd::~UniqueFd() {
  if (fd_ >= 0) close(fd_);
}

absl::StatusOr<UniqueFd> ListenOn(const std::string& address, uint16_t port) {
  Address where;
  if (!Parse(address, port, where)) {
    return absl::InvalidArgumentError(absl::StrCat(address, " is not a numeric address"));
  }
  UniqueFd listener(
      socket(where.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!listener.valid()) return CannotListen(address, port);
  SetOption(listener.get(), SOL_SOCKET, SO_REUSEADDR);
  if (bind(listener.get(), where.any(), where.size) != 0) return CannotListen(address, port);
  if (listen(listener.get(), kBacklog) != 0) return CannotListen(address, port);
  return listener;
}

uint16_t PortOf(int socket) {
  Address address;
  getsockname(socket, address.any(), &address.size);
  return PortIn(address);
}

UniqueFd AcceptFrom(int listener) {
  UniqueFd client(accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (client.valid()) SetOption(client.get(), IPPROTO_TCP, TCP_NODELAY);
  return client;
}

std::string PeerOf(int socket) {
  Address address;
  char text[INET6_ADDRSTRLEN] = "";
  if (getpeername(socket, address.any(), &address.size) != 0) return "";
  const bool is_v4 = address.storage.ss_family == AF_INET;
  const void* const bytes = is_v4 ? static_cast<void*>(&address.v4().sin_addr)
                                  : static_cast<void*>(&address.v6().sin6_addr);
  inet_ntop(address.storage.ss_family, bytes, text, sizeof(text));
  return is_v4 ? absl::StrCat(text, ":", PortIn(address))
               : absl::StrCat("[", text, "]:", PortIn(address));
}

void DiscardInput(int socket) {
  char bytes[4096];
  for (int i = 0; i < kDiscardReads; ++i) {
    if (recv(socket, bytes, sizeof(bytes), MSG_DONTWAIT) <= 0) return;
  }
}

}  // namespace idem::server
