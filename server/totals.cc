#include "server/totals.h"

#include <algorithm>

#include "server/command_table.h"

namespace idem::server {

Totals Sum(const ServerContext& server) {
  Totals totals;
  for (const LoopStats& loop : server.loops) {
    totals.connections += loop.connections.value();
    totals.blocked_clients += loop.blocked_clients.value();
    totals.rejected += loop.rejected_connections.value();
    totals.commands += loop.commands.value();
    totals.error_replies += loop.error_replies.value();
    totals.hits += loop.keyspace_hits.value();
    totals.misses += loop.keyspace_misses.value();
    totals.protocol_errors += loop.protocol_errors.value();
    totals.output_overflows += loop.output_overflows.value();
    totals.evicted_clients += loop.evicted_clients.value();
    totals.input_bytes += loop.input_bytes.value();
    totals.output_bytes += loop.output_bytes.value();
  }
  return totals;
}

std::vector<NamedTotals> SumByCommand(const ServerContext& server) {
  std::vector<NamedTotals> all;
  for (const Command& command : server.commands->rows()) {
    NamedTotals named = {command.name, {}};
    for (const LoopStats& loop : server.loops) {
      loop.commands_by_index[command.index].AddTo(named.totals);
    }
    if (named.totals.calls > 0) all.push_back(named);
  }
  std::sort(all.begin(), all.end(),
            [](const NamedTotals& a, const NamedTotals& b) { return a.name < b.name; });
  return all;
}

}  // namespace idem::server
