// TCP and Unix sockets, as far as the server needs them: all are non-blocking.
//
// Thread rule: a UniqueFd belongs to one thread at a time.
#ifndef IDEM_SERVER_SOCKET_H_
#define IDEM_SERVER_SOCKET_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace idem::server {

// Owns a file descriptor.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~UniqueFd();

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// One of the words of `bind`.
struct BindAddress {
  std::string address;
  bool is_optional = false;  // "-::1": where there is no such address, it is left out
};

// "127.0.0.1 -::1"; * is any IPv4 address, ::* any IPv6 address.
std::vector<BindAddress> BindAddressesOf(std::string_view bind);
bool IsNumericAddress(const std::string& address);
bool IsLoopback(const std::string& address);
// The first of the words that is not loopback; empty: there is none.
std::string ExposedAddressOf(std::string_view bind);

// Listens on a numeric IPv4 or IPv6 address; port 0 takes any free one. kUnavailable: the message
// says why not, and which `option` names another port.
absl::StatusOr<UniqueFd> ListenOn(const std::string& address, uint16_t port,
                                  std::string_view option = "--port");
uint16_t PortOf(int socket);
// Listens at this path. A socket that is there and that nobody listens at is replaced. `mode` is
// set before anybody can connect; 0 leaves it to the umask.
absl::StatusOr<UniqueFd> ListenAt(const std::string& path, uint32_t mode);

// The next connection that waits at `listener`, not valid if there is none; errno tells why.
UniqueFd AcceptFrom(int listener);
// Has the system probe the other side every so many seconds; 0: never.
void SetKeepalive(int socket, int seconds);
// "127.0.0.1:50000", "/run/idem/idem.sock:0"
std::string PeerOf(int socket);

// Throws away what the client sent and nobody will read. Closing a socket with unread bytes resets
// the connection, and the reset may overtake our last answer.
void DiscardInput(int socket);

}  // namespace idem::server

#endif  // IDEM_SERVER_SOCKET_H_
