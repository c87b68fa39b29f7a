// What all event loops have seen together since the start: for INFO and the metrics.
//
// Thread rule: plain values; Sum may run beside the loops.
#ifndef IDEM_SERVER_TOTALS_H_
#define IDEM_SERVER_TOTALS_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "server/context.h"

namespace idem::server {

struct Totals {
  uint64_t connections = 0;
  uint64_t blocked_clients = 0;  // now
  uint64_t rejected = 0;
  uint64_t commands = 0;
  uint64_t error_replies = 0;
  uint64_t hits = 0;
  uint64_t misses = 0;
  uint64_t protocol_errors = 0;
  uint64_t output_overflows = 0;
  uint64_t evicted_clients = 0;
  uint64_t input_bytes = 0;
  uint64_t output_bytes = 0;
};

Totals Sum(const ServerContext& server);

struct NamedTotals {
  std::string_view name;  // "get", "client|id"
  CommandTotals totals;
};

// Of the commands that were called at all, in alphabetical order.
std::vector<NamedTotals> SumByCommand(const ServerContext& server);

}  // namespace idem::server

#endif  // IDEM_SERVER_TOTALS_H_
