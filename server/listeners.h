// The sockets at which connections are accepted: TCP at every address of `bind`, TLS beside it, and
// a Unix socket.
//
// Ownership: Server owns the Listeners, which outlive its event loops.
// Thread rule: read by all threads.
#ifndef IDEM_SERVER_LISTENERS_H_
#define IDEM_SERVER_LISTENERS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/options.h"
#include "server/socket.h"

namespace idem::server {

struct Listener {
  enum class Kind : uint8_t { kTcp, kTls, kUnix };

  UniqueFd socket;
  Kind kind;
  std::string name;  // "127.0.0.1:6379", "/run/idem.sock"
};

class Listeners {
 public:
  // All that the options name. `port` 0 takes any free one, or none if others are named.
  static absl::StatusOr<Listeners> Open(const ServerOptions& options);
  Listeners(Listeners&&) = default;
  Listeners& operator=(Listeners&&) = default;
  // Takes the Unix socket's file away.
  ~Listeners();

  std::span<const Listener> all() const { return all_; }
  // The TCP port in fact; 0: there is none.
  uint16_t port() const { return port_; }
  // "127.0.0.1:6379, /run/idem.sock"
  std::string Names() const;

 private:
  Listeners() = default;
  absl::Status OpenPort(const ServerOptions& options, uint16_t port, Listener::Kind kind);
  absl::Status OpenUnix(const ServerOptions& options);

  std::vector<Listener> all_;
  uint16_t port_ = 0;
};

}  // namespace idem::server

#endif  // IDEM_SERVER_LISTENERS_H_
