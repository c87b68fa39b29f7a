// Where the values of the settings come from:
//
//   flag  >  environment  >  config file  >  standard
//
//   idem-server /etc/idem.conf --port 7000        or --config /etc/idem.conf, --port=7000
//   IDEM_CONF_PORT=7000 idem-server
//
// A config file is written as redis.conf is: a name and its value on a line, words split by the
// quoting rules of Redis, a comment on a line that begins with #. Later lines win over earlier
// ones.
//
// The variables begin with IDEM_CONF_ and not with IDEM_, because Docker and Kubernetes themselves
// make an IDEM_PORT for a service called idem.
#ifndef IDEM_SERVER_OPTION_SOURCES_H_
#define IDEM_SERVER_OPTION_SOURCES_H_

#include <span>

#include "absl/status/statusor.h"
#include "server/options.h"

namespace idem::server {

// `arguments` without the program's name; `environment` as in environ, "NAME=value". An error is
// one line that names the flag, the variable, or the file and the line, and says what to do;
// control bytes in what it repeats are written as \x0a.
absl::StatusOr<ServerOptions> ParseOptions(std::span<const char* const> arguments,
                                           std::span<const char* const> environment = {});

}  // namespace idem::server

#endif  // IDEM_SERVER_OPTION_SOURCES_H_
