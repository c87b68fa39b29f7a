#include "server/admin/metrics.h"

#include "server/readiness.h"
#include "server/totals.h"
#include "server/version.h"

#ifndef IDEM_COMMIT
#define IDEM_COMMIT "unknown"
#endif

namespace idem::server {
namespace {

void TellBuild(const ServerContext& server, MetricsText& text) {
  text.Family("idem_build_info", "gauge", "What was built: always 1.");
  text.Sample(1, {{"version", kIdemVersion}, {"commit", IDEM_COMMIT}, {"compiler", __VERSION__}});
  text.Gauge("idem_ready", "1 while clients are served, as /readyz tells.",
             WhyNotReady(server).empty() ? 1 : 0);
}

void TellLoading(const ServerContext& server, MetricsText& text) {
  const LoadingState& loading = server.loading;
  text.Gauge("idem_loading", "1 while the store is being opened.",
             server.store.get() == nullptr ? 1 : 0);
  text.Gauge("idem_loading_bytes", "Read of the store's files at this start.",
             loading.bytes_read.value());
  text.Gauge("idem_loading_limit_bytes", "To be read of them.", loading.bytes_total.value());
  text.GaugeSeconds("idem_replay_duration_seconds", "What the opening of the store took.",
                    static_cast<double>(loading.took_ns.value()) / 1e9);
}

void TellConnections(const ServerContext& server, const Totals& totals, MetricsText& text) {
  text.Gauge("idem_connections", "Clients now.",
             static_cast<uint64_t>(server.clients.load(std::memory_order_relaxed)));
  text.Gauge("idem_connections_limit", "The most at one time.",
             static_cast<uint64_t>(server.options.maxclients));
  text.Counter("idem_connections_accepted_total", "Clients that were let in.", totals.connections);
  text.Counter("idem_connections_rejected_total", "Clients over the limit.", totals.rejected);
  text.Counter("idem_protocol_errors_total", "Clients closed for what they sent.",
               totals.protocol_errors);
  text.Counter("idem_output_overflows_total", "Clients closed because they did not read.",
               totals.output_overflows);
  text.Counter("idem_evicted_clients_total", "Clients closed because all held too much memory.",
               totals.evicted_clients);
  text.Counter("idem_received_bytes_total", "Bytes from clients.", totals.input_bytes);
  text.Counter("idem_sent_bytes_total", "Bytes to clients.", totals.output_bytes);
  text.Counter("idem_unknown_scripts_total", "EVAL and SCRIPT LOAD of a script that is not known.",
               server.scripts.unknown());
  text.Counter("idem_error_replies_total", "Answers that are errors.", totals.error_replies);
  text.Family("idem_lookups_total", "counter", "Reads of plain keys, by whether there was one.");
  text.Sample(totals.hits, {{"result", "hit"}});
  text.Sample(totals.misses, {{"result", "miss"}});
}

void TellCommands(const ServerContext& server, MetricsText& text) {
  const std::vector<NamedTotals> commands = SumByCommand(server);
  text.Family("idem_commands_total", "counter", "Calls of each command.");
  for (const auto& [name, totals] : commands) text.Sample(totals.calls, {{"cmd", name}});
  text.Family("idem_command_errors_total", "counter", "Of them, answered with an error.");
  for (const auto& [name, totals] : commands) text.Sample(totals.failed, {{"cmd", name}});
  text.Family("idem_command_duration_seconds", "histogram",
              "Execution of a command without its commit and the network: a sample of one batch "
              "in 64, and its share of it; so the count is not that of the calls.");
  for (const auto& [name, totals] : commands) {
    if (totals.durations.count > 0) text.Histogram(totals.durations, {{"cmd", name}});
  }
}

}  // namespace

std::string MetricsPage(const ServerContext& server) {
  MetricsText text;
  TellBuild(server, text);
  TellLoading(server, text);
  TellConnections(server, Sum(server), text);
  TellCommands(server, text);
  if (const Store* const store = server.store.get()) {
    const Stats stats = store->GetStats();
    TellStore(stats, text);
    TellLog(stats.log, server.clock().WallMs(), text);
  }
  TellProcess(server.started_unix_ms, text);
  return text.text();
}

}  // namespace idem::server
