// What idem-server is told at start: flags with the words of redis.conf.
//
// Every flag has a default, a range and a reason; --help lists them. CONFIG GET and INFO show the
// same words with the values in force.
#ifndef IDEM_SERVER_OPTIONS_H_
#define IDEM_SERVER_OPTIONS_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "idem/options.h"

namespace idem::server {

struct ServerOptions {
  Options store;
  std::string bind = "127.0.0.1";  // a loopback address, IPv4 or IPv6
  uint16_t port = 6379;            // 0: any free one
  int threads = 1;                 // event loops, 1 .. 64
  int maxclients = 10'000;
  void (*shut_down)() = nullptr;  // what SHUTDOWN calls; null: it is refused
};

// Reads "--name value" and "--name=value", without the program's name. An error is one line that
// names the flag and says what to do.
absl::StatusOr<ServerOptions> ParseOptions(std::span<const char* const> arguments);

// All flags with their defaults.
std::string UsageText();

// "always", "everysec", "interval 250 ms", "os", "memory".
std::string DurabilityName(const Options& options);
// "1.0 GiB"
std::string HumanBytes(uint64_t bytes);

}  // namespace idem::server

#endif  // IDEM_SERVER_OPTIONS_H_
