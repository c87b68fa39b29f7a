#include "server/commands/info.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/readiness.h"
#include "server/text.h"
#include "server/totals.h"
#include "server/version.h"

namespace idem::server {
namespace {

struct Facts {
  const ServerContext& server;
  Stats store;
  Totals totals;
};

// One "name:value" line.
template <typename Value>
void Line(std::string& text, std::string_view name, const Value& value) {
  absl::StrAppend(&text, Absl(name), ":", value, "\r\n");
}

void Server(const Facts& facts, std::string& text) {
  const int64_t up_ms = facts.server.clock().BootMs() - facts.server.started_boot_ms;
  Line(text, "redis_version", Absl(kRedisVersion));
  Line(text, "idem_version", Absl(kIdemVersion));
  Line(text, "redis_mode", "standalone");
  Line(text, "os", "Linux");
  Line(text, "arch_bits", 8 * sizeof(void*));
  Line(text, "multiplexing_api", "epoll");
  Line(text, "process_id", getpid());
  Line(text, "run_id", facts.server.run_id);
  Line(text, "tcp_port", facts.server.options.port);
  Line(text, "admin_port", std::max(facts.server.options.admin_port, 0));
  Line(text, "server_time_usec", facts.server.clock().WallMs() * 1000);
  Line(text, "uptime_in_seconds", up_ms / 1000);
  Line(text, "uptime_in_days", up_ms / 86'400'000);
  Line(text, "io_threads_active", facts.server.options.threads);
}

void Clients(const Facts& facts, std::string& text) {
  Line(text, "connected_clients", facts.server.clients.load(std::memory_order_relaxed));
  Line(text, "maxclients", facts.server.options.maxclients.get());
  Line(text, "blocked_clients", facts.store.waiting + facts.totals.blocked_clients);
}

void Memory(const Facts& facts, std::string& text) {
  Line(text, "used_memory", facts.store.memory_bytes);
  Line(text, "used_memory_human", HumanBytes(facts.store.memory_bytes));
  Line(text, "maxmemory", facts.store.memory_limit_bytes);
  Line(text, "maxmemory_human", HumanBytes(facts.store.memory_limit_bytes));
  Line(text, "maxmemory_policy", "noeviction");
  Line(text, "mem_clients_normal", facts.server.client_memory.bytes());
}

// The fields, and how they are reckoned, are those of Redis.
void TellLoading(const ServerContext& server, std::string& text) {
  const uint64_t loaded = server.loading.bytes_read.value();
  const uint64_t total = std::max(loaded, server.loading.bytes_total.value());
  const int64_t up_ms = server.clock().BootMs() - server.started_boot_ms;
  const double seconds = static_cast<double>(up_ms) / 1000;
  const double eta =
      seconds * static_cast<double>(total - loaded) / static_cast<double>(loaded + 1);
  Line(text, "loading_start_time", (server.clock().WallMs() - up_ms) / 1000);
  Line(text, "loading_total_bytes", total);
  Line(text, "loading_loaded_bytes", loaded);
  Line(text, "loading_loaded_perc",
       absl::StrFormat("%.2f", 100.0 * static_cast<double>(loaded) /
                                   static_cast<double>(std::max<uint64_t>(total, 1))));
  Line(text, "loading_eta_seconds", loaded == 0 ? 1 : static_cast<int64_t>(eta));
  Line(text, "loading_records", server.loading.records.value());
}

void Persistence(const Facts& facts, std::string& text) {
  const LogStats& log = facts.store.log;
  const bool is_loading = facts.server.store.get() == nullptr;
  Line(text, "loading", is_loading ? 1 : 0);
  Line(text, "async_loading", 0);
  if (is_loading) TellLoading(facts.server, text);
  Line(text, "rdb_changes_since_last_save",
       log.appended - std::min(log.appended, log.snapshot_lsn));
  Line(text, "rdb_bgsave_in_progress", log.snapshot_running ? 1 : 0);
  Line(text, "rdb_last_save_time", log.snapshot_unix_ms / 1000);
  Line(text, "rdb_last_bgsave_status", log.last_snapshot_failed ? "err" : "ok");
  Line(text, "rdb_saves", log.snapshots);
  Line(text, "aof_enabled", facts.store.durability == Durability::kMemory ? 0 : 1);
  Line(text, "aof_last_write_status", log.failed || log.disk_full ? "err" : "ok");
  Line(text, "aof_current_size", log.segment_bytes);
}

void Statistics(const Facts& facts, std::string& text) {
  Line(text, "total_connections_received", facts.totals.connections);
  Line(text, "total_commands_processed", facts.totals.commands);
  Line(text, "total_net_input_bytes", facts.totals.input_bytes);
  Line(text, "total_net_output_bytes", facts.totals.output_bytes);
  Line(text, "rejected_connections", facts.totals.rejected);
  Line(text, "expired_keys", facts.store.expired);
  Line(text, "evicted_keys", 0);
  Line(text, "evicted_clients", facts.totals.evicted_clients);
  Line(text, "keyspace_hits", facts.totals.hits);
  Line(text, "keyspace_misses", facts.totals.misses);
  Line(text, "client_output_buffer_limit_disconnections", facts.totals.output_overflows);
  Line(text, "total_error_replies", facts.totals.error_replies);
}

void Replication(const Facts&, std::string& text) {
  Line(text, "role", "master");
  Line(text, "connected_slaves", 0);
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

void Cpu(const Facts&, std::string& text) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  Line(text, "used_cpu_sys", absl::StrFormat("%.6f", Seconds(usage.ru_stime)));
  Line(text, "used_cpu_user", absl::StrFormat("%.6f", Seconds(usage.ru_utime)));
}

void Cluster(const Facts&, std::string& text) { Line(text, "cluster_enabled", 0); }

void TellLog(const LogStats& log, std::string& text) {
  Line(text, "epoch", log.epoch);
  Line(text, "appended_lsn", log.appended);
  Line(text, "committed_lsn", log.committed);
  Line(text, "durable_lsn", log.synced);
  Line(text, "durable_lag", log.appended - std::min(log.appended, log.synced));
  Line(text, "log_batches", log.batches);
  Line(text, "log_syncs", log.syncs);
  Line(text, "log_bytes_written", log.bytes_written);
  Line(text, "log_segments", log.segments);
  Line(text, "log_segment_bytes", log.segment_bytes);
  Line(text, "log_pinned_bytes", log.pinned_bytes);
  Line(text, "log_kept_bytes", log.kept_bytes);
  Line(text, "last_sync_us", log.last_sync_us);
  Line(text, "worst_sync_us", log.worst_sync_us);
  Line(text, "commit_running_ms", log.commit_running_ms);
  Line(text, "spare_ready", log.spare_ready ? 1 : 0);
  Line(text, "disk_full", log.disk_full ? 1 : 0);
  Line(text, "log_failed", log.failed ? 1 : 0);
  Line(text, "torn_tails_cut", log.torn_tails_cut);
  Line(text, "damaged_snapshots", log.damaged_snapshots);
  Line(text, "records_recovered", log.records_recovered);
  Line(text, "salvages", log.salvages);
}

void TellSnapshots(const LogStats& log, int64_t wall_ms, std::string& text) {
  const int64_t age_ms = std::max<int64_t>(0, wall_ms - log.snapshot_unix_ms);
  Line(text, "snapshot_age_seconds", log.snapshot_unix_ms == 0 ? -1 : age_ms / 1000);
  Line(text, "snapshot_lsn", log.snapshot_lsn);
  Line(text, "snapshot_bytes", log.snapshot_bytes);
  Line(text, "snapshot_running", log.snapshot_running ? 1 : 0);
  Line(text, "snapshots", log.snapshots);
  Line(text, "snapshots_failed", log.snapshots_failed);
}

// Replays by age, each count with the age up to which it goes.
std::string RetryAges(const Stats& store) {
  static constexpr std::array<std::string_view, std::tuple_size_v<decltype(store.replays_by_age)>>
      kNames = {"1s", "10s", "1m", "10m", "1h", "6h", "1d", "2d", "7d", "30d", "over"};
  std::string text;
  for (size_t i = 0; i < kNames.size(); ++i) {
    absl::StrAppend(&text, i == 0 ? "" : ",", Absl(kNames[i]), "=", store.replays_by_age[i]);
  }
  return text;
}

void Idem(const Facts& facts, std::string& text) {
  const Stats& store = facts.store;
  Line(text, "ready", WhyNotReady(facts.server).empty() ? 1 : 0);
  Line(text, "store_id", store.store_id);
  Line(text, "durability", DurabilityName(facts.server.options.store));
  TellLog(store.log, text);
  TellSnapshots(store.log, facts.server.clock().WallMs(), text);
  Line(text, "records", store.records);
  Line(text, "registers", store.registers);
  Line(text, "seen_ids", store.seen_ids);
  Line(text, "sequences", store.sequences);
  Line(text, "in_progress", store.in_progress);
  Line(text, "record_bytes", store.record_bytes);
  Line(text, "register_bytes", store.register_bytes);
  Line(text, "seen_bytes", store.seen_bytes);
  Line(text, "sequence_bytes", store.sequence_bytes);
  Line(text, "index_bytes", store.index_bytes);
  Line(text, "wheel_bytes", store.wheel_bytes);
  Line(text, "page_bytes", store.page_bytes);
  Line(text, "claims", store.claims);
  Line(text, "takeovers", store.takeovers);
  Line(text, "replays", store.replays);
  Line(text, "retry_age", RetryAges(store));
  Line(text, "too_old", store.too_old);
  Line(text, "busy", store.busy);
  Line(text, "mismatches", store.mismatches);
  Line(text, "finishes", store.finishes);
  Line(text, "fenced", store.fenced);
  Line(text, "duplicates", store.duplicates);
  Line(text, "gaps", store.gaps);
  Line(text, "responses_omitted", store.responses_omitted);
  Line(text, "refused_for_memory", store.refused_for_memory);
  Line(text, "refused_for_disk", store.refused_for_disk);
  Line(text, "refused_for_quota", store.refused_for_quota);
  Line(text, "waiting", store.waiting);
  Line(text, "waits_refused", store.waits_refused);
  Line(text, "protocol_errors", facts.totals.protocol_errors);
  Line(text, "unknown_scripts", facts.server.scripts.unknown());
  Line(text, "default_lease_ms", facts.server.options.store.policy.default_lease_ms);
  Line(text, "default_retention_ms", facts.server.options.store.policy.default_retention_ms);
  Line(text, "restart_grace_ms", facts.server.options.store.restart_grace_ms);
  Line(text, "max_response_bytes", facts.server.options.store.policy.max_response_bytes);
  Line(text, "max_steps", facts.server.options.store.policy.max_steps);
  Line(text, "max_step_bytes", facts.server.options.store.policy.max_step_bytes);
  Line(text, "max_key_waiters", facts.server.options.store.max_key_waiters);
  Line(text, "max_waiters", facts.server.options.store.max_waiters);
}

void Namespaces(const Facts& facts, std::string& text) {
  for (const NamespaceStats& space : facts.store.namespaces) {
    absl::StrAppend(&text, "namespace_", space.name, ":entries=", space.entries);
    absl::StrAppend(&text, ",bytes=", space.bytes, ",max_entries=", space.max_entries,
                    ",max_bytes=", space.max_bytes, ",claims=", space.claims);
    absl::StrAppend(&text, ",replays=", space.replays, ",busy=", space.busy,
                    ",mismatches=", space.mismatches, ",finishes=", space.finishes);
    absl::StrAppend(&text, ",duplicates=", space.duplicates,
                    ",refused_for_quota=", space.refused_for_quota, "\r\n");
  }
}

void Keyspace(const Facts& facts, std::string& text) {
  const uint64_t keys = facts.store.entries();
  if (keys == 0) return;
  const uint64_t expires = keys - facts.store.registers + facts.store.registers_with_deadline;
  Line(text, "db0", absl::StrCat("keys=", keys, ",expires=", expires, ",avg_ttl=0"));
}

// The calls are counted, what they took is reckoned from those that were timed.
void CommandStatistics(const Facts& facts, std::string& text) {
  for (const auto& [name, totals] : SumByCommand(facts.server)) {
    const double mean_us = totals.durations.mean_us();
    Line(text, absl::StrCat("cmdstat_", Absl(name)),
         absl::StrFormat("calls=%d,usec=%d,usec_per_call=%.2f,rejected_calls=0,failed_calls=%d",
                         totals.calls, std::llround(mean_us * static_cast<double>(totals.calls)),
                         mean_us, totals.failed));
  }
}

void LatencyStatistics(const Facts& facts, std::string& text) {
  for (const auto& [name, totals] : SumByCommand(facts.server)) {
    const DurationTotals& durations = totals.durations;
    if (durations.count == 0) continue;
    Line(text, absl::StrCat("latency_percentiles_usec_", Absl(name)),
         absl::StrFormat("p50=%d.000,p99=%d.000,p99.9=%d.000", durations.PercentileUs(50),
                         durations.PercentileUs(99), durations.PercentileUs(99.9)));
  }
}

constexpr struct {
  std::string_view name;
  void (*tell)(const Facts& facts, std::string& text);
  bool is_default = true;  // told if nothing is named
} kSections[] = {
    {"Server", Server},
    {"Clients", Clients},
    {"Memory", Memory},
    {"Persistence", Persistence},
    {"Stats", Statistics},
    {"Replication", Replication},
    {"CPU", Cpu},
    {"Commandstats", CommandStatistics, false},
    {"Latencystats", LatencyStatistics, false},
    {"Cluster", Cluster},
    {"Idem", Idem},
    {"Namespaces", Namespaces},
    {"Keyspace", Keyspace},
};

// All that is known of a store that is not open yet.
Stats LimitsOf(const Options& options) {
  Stats stats;
  stats.durability = options.durability;
  stats.memory_limit_bytes = options.memory_limit_bytes;
  return stats;
}

bool Wanted(std::string_view section, bool is_default, Arguments named) {
  if (named.empty()) return is_default;
  return std::any_of(named.begin(), named.end(), [=](std::string_view name) {
    return EqualsIgnoreCase(name, section) || EqualsIgnoreCase(name, "all") ||
           EqualsIgnoreCase(name, "everything") ||
           (is_default && EqualsIgnoreCase(name, "default"));
  });
}

}  // namespace

std::string InfoText(const ServerContext& server, Arguments sections) {
  const Store* const store = server.store.get();
  const Facts facts = {
      server, store == nullptr ? LimitsOf(server.options.store) : store->GetStats(), Sum(server)};
  std::string text;
  for (const auto& [name, tell, is_default] : kSections) {
    if (!Wanted(name, is_default, sections)) continue;
    absl::StrAppend(&text, text.empty() ? "" : "\r\n", "# ", Absl(name), "\r\n");
    tell(facts, text);
  }
  return text;
}

}  // namespace idem::server
