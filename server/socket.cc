#include "server/socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/text.h"

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

absl::Status CannotListen(const std::string& address, uint16_t port, std::string_view option) {
  const std::string hint =
      errno == EADDRINUSE ? absl::StrCat("; ", Absl(option), " names another one") : "";
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", address, ":", port, ": ", std::strerror(errno), hint));
}

void SetOption(int socket, int level, int option, int value = 1) {
  setsockopt(socket, level, option, &value, sizeof(value));
}

absl::Status CannotListenAt(const std::string& path) {
  return absl::UnavailableError(
      absl::StrCat("cannot listen at ", path, ": ", std::strerror(errno), "; see unixsocket"));
}

// A server that was killed leaves its socket behind.
void RemoveStaleSocket(const sockaddr_un& where) {
  struct stat status;
  if (lstat(where.sun_path, &status) != 0 || !S_ISSOCK(status.st_mode)) return;
  const UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto* const any = reinterpret_cast<const sockaddr*>(&where);
  const bool refused = connect(probe.get(), any, sizeof(where)) != 0 && errno == ECONNREFUSED;
  if (refused) unlink(where.sun_path);
}

// The client's side has no name: ours, as Redis has it.
std::string UnixNameOf(int socket) {
  sockaddr_un name{};
  socklen_t size = sizeof(name);
  getsockname(socket, reinterpret_cast<sockaddr*>(&name), &size);
  return absl::StrCat(name.sun_path, ":0");
}

}  // namespace

UniqueFd::~UniqueFd() {
  if (fd_ >= 0) close(fd_);
}

std::vector<BindAddress> BindAddressesOf(std::string_view bind) {
  std::vector<BindAddress> addresses;
  for (absl::string_view word : absl::StrSplit(Absl(bind), ' ', absl::SkipEmpty())) {
    const bool is_optional = word[0] == '-';
    if (is_optional) word.remove_prefix(1);
    std::string address(word);
    if (address == "*") address = "0.0.0.0";
    if (address == "::*") address = "::";
    addresses.push_back({std::move(address), is_optional});
  }
  return addresses;
}

bool IsNumericAddress(const std::string& address) {
  Address parsed;
  return Parse(address, 0, parsed);
}

bool IsLoopback(const std::string& address) {
  Address parsed;
  if (!Parse(address, 0, parsed)) return false;
  if (parsed.storage.ss_family == AF_INET) {
    return (ntohl(parsed.v4().sin_addr.s_addr) >> 24) == 127;
  }
  return IN6_IS_ADDR_LOOPBACK(&parsed.v6().sin6_addr);
}

std::string ExposedAddressOf(std::string_view bind) {
  for (BindAddress& each : BindAddressesOf(bind)) {
    if (!IsLoopback(each.address)) return std::move(each.address);
  }
  return "";
}

absl::StatusOr<UniqueFd> ListenOn(const std::string& address, uint16_t port,
                                  std::string_view option) {
  Address where;
  if (!Parse(address, port, where)) {
    return absl::InvalidArgumentError(absl::StrCat(address, " is not a numeric address"));
  }
  UniqueFd listener(
      socket(where.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!listener.valid()) return CannotListen(address, port, option);
  SetOption(listener.get(), SOL_SOCKET, SO_REUSEADDR);
  if (bind(listener.get(), where.any(), where.size) != 0)
    return CannotListen(address, port, option);
  if (listen(listener.get(), kBacklog) != 0) return CannotListen(address, port, option);
  return listener;
}

absl::StatusOr<UniqueFd> ListenAt(const std::string& path, uint32_t mode) {
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  if (path.size() >= sizeof(where.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat("cannot listen at ", path,
                                                   ": a path of a socket has at most ",
                                                   sizeof(where.sun_path) - 1, " bytes"));
  }
  std::copy(path.begin(), path.end(), where.sun_path);
  RemoveStaleSocket(where);
  UniqueFd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const auto* const any = reinterpret_cast<const sockaddr*>(&where);
  if (!listener.valid() || bind(listener.get(), any, sizeof(where)) != 0) {
    return CannotListenAt(path);
  }
  if (mode != 0 && chmod(path.c_str(), mode) != 0) return CannotListenAt(path);
  if (listen(listener.get(), kBacklog) != 0) return CannotListenAt(path);
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

void SetKeepalive(int socket, int seconds) {
  constexpr int kProbes = 3;
  if (seconds == 0) return;
  SetOption(socket, SOL_SOCKET, SO_KEEPALIVE);
  SetOption(socket, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
  SetOption(socket, IPPROTO_TCP, TCP_KEEPINTVL, std::max(1, seconds / kProbes));
  SetOption(socket, IPPROTO_TCP, TCP_KEEPCNT, kProbes);
}

std::string PeerOf(int socket) {
  Address address;
  char text[INET6_ADDRSTRLEN] = "";
  if (getpeername(socket, address.any(), &address.size) != 0) return "";
  if (address.storage.ss_family == AF_UNIX) return UnixNameOf(socket);
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
