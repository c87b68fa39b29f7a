#include <algorithm>
#include <array>

#include "server/admin/metrics.h"

namespace idem::server {
namespace {

static_assert(LogStats::kSyncBuckets == kDurationBounds + 1);

double SecondsOf(int64_t ms) { return static_cast<double>(ms) / 1000; }

DurationTotals SyncsOf(const LogStats& log) {
  DurationTotals syncs;
  syncs.buckets = log.syncs_by_duration;
  for (const uint64_t count : syncs.buckets) syncs.count += count;
  syncs.sum_ns = static_cast<uint64_t>(log.all_syncs_us) * 1000;
  return syncs;
}

void TellOutcomes(const Stats& stats, MetricsText& text) {
  text.Family("idem_claims_total", "counter", "Answers to IDEM.BEGIN.");
  text.Sample(stats.claims - std::min(stats.claims, stats.takeovers), {{"result", "new"}});
  text.Sample(stats.takeovers, {{"result", "takeover"}});
  text.Sample(stats.replays, {{"result", "replay"}});
  text.Sample(stats.busy, {{"result", "in_progress"}});
  text.Sample(stats.mismatches, {{"result", "mismatch"}});
  text.Sample(stats.refused_for_memory + stats.refused_for_disk + stats.refused_for_quota,
              {{"result", "rejected"}});
  text.Family("idem_commits_total", "counter",
              "Settlements: ok counts those that changed something; stale_token and missing also "
              "those of EXTEND and RELEASE.");
  text.Sample(stats.finishes, {{"result", "ok"}});
  text.Sample(stats.fenced, {{"result", "stale_token"}});
  text.Sample(stats.unknown_keys, {{"result", "missing"}});
  text.Family("idem_refused_total", "counter", "New entries refused for want of room.");
  text.Sample(stats.refused_for_memory, {{"for", "memory"}});
  text.Sample(stats.refused_for_disk, {{"for", "disk"}});
  text.Sample(stats.refused_for_quota, {{"for", "quota"}});
  text.Counter("idem_responses_omitted_total", "Responses too large to keep; the fact was kept.",
               stats.responses_omitted);
}

// How late retries come: what a retention is chosen by.
void TellRetries(const Stats& stats, MetricsText& text) {
  std::array<double, kRetryAgesMs.size()> bounds;
  std::transform(kRetryAgesMs.begin(), kRetryAgesMs.end(), bounds.begin(), SecondsOf);
  text.Family("idem_retry_age_seconds", "histogram", "Age of the finish, at each replay.");
  text.Histogram(bounds, stats.replays_by_age, stats.replays, SecondsOf(stats.replay_ages_ms));
  text.Counter("idem_too_old_total", "Requests refused because of when they were issued.",
               stats.too_old);
}

void TellEntries(const Stats& stats, MetricsText& text) {
  text.Family("idem_entries", "gauge",
              "Entries now, expired ones that are not freed yet included.");
  text.Sample(stats.in_progress, {{"state", "in_progress"}});
  text.Sample(stats.records - std::min(stats.records, stats.in_progress), {{"state", "finished"}});
  text.Sample(stats.registers, {{"state", "plain"}});
  text.Sample(stats.seen_ids, {{"state", "seen"}});
  text.Sample(stats.sequences, {{"state", "sequence"}});
  text.Family("idem_expired_total", "counter",
              "Entries that were freed because their time was over.");
  text.Sample(stats.expired - std::min(stats.expired, stats.expired_registers),
              {{"state", "record"}});
  text.Sample(stats.expired_registers, {{"state", "plain"}});
  text.GaugeSeconds("idem_timer_lag_seconds", "How far the freeing of expired entries is behind.",
                    SecondsOf(stats.timer_lag_ms));
}

void TellMemory(const Stats& stats, MetricsText& text) {
  text.Family("idem_memory_bytes", "gauge", "What the limit counts, by what it is for.");
  text.Sample(stats.record_bytes, {{"kind", "records"}});
  text.Sample(stats.register_bytes, {{"kind", "plain"}});
  text.Sample(stats.seen_bytes, {{"kind", "seen"}});
  text.Sample(stats.sequence_bytes, {{"kind", "sequences"}});
  text.Sample(stats.index_bytes, {{"kind", "index"}});
  text.Sample(stats.wheel_bytes, {{"kind", "timers"}});
  text.Gauge("idem_memory_limit_bytes", "maxmemory: at 90 % of it new entries are refused.",
             stats.memory_limit_bytes);
  text.Gauge("idem_page_bytes", "Memory mapped for them, free pages included.", stats.page_bytes);
}

void TellNamespaces(const std::vector<NamespaceStats>& spaces, MetricsText& text) {
  if (spaces.empty()) return;
  const auto gauge = [&](std::string_view name, std::string_view help,
                         uint64_t NamespaceStats::*value) {
    text.Family(name, "gauge", help);
    for (const auto& space : spaces) text.Sample(space.*value, {{"namespace", space.name}});
  };
  gauge("idem_namespace_entries", "Entries of a namespace now.", &NamespaceStats::entries);
  gauge("idem_namespace_bytes", "What they take, without their part of the index.",
        &NamespaceStats::bytes);
  gauge("idem_namespace_quota_entries", "max-entries; 0: none.", &NamespaceStats::max_entries);
  gauge("idem_namespace_quota_bytes", "max-bytes; 0: none.", &NamespaceStats::max_bytes);
  text.Family("idem_namespace_answers_total", "counter", "Answers about keys of a namespace.");
  for (const auto& space : spaces) {
    const auto tell = [&](uint64_t count, std::string_view result) {
      text.Sample(count, {{"namespace", space.name}, {"result", result}});
    };
    tell(space.claims, "claimed");
    tell(space.replays, "replay");
    tell(space.busy, "in_progress");
    tell(space.mismatches, "mismatch");
    tell(space.finishes, "finished");
    tell(space.duplicates, "duplicate");
    tell(space.refused_for_quota, "quota");
  }
}

void TellSnapshots(const LogStats& log, int64_t wall_ms, MetricsText& text) {
  text.Family("idem_snapshots_total", "counter", "Snapshots since the start.");
  text.Sample(log.snapshots, {{"result", "ok"}});
  text.Sample(log.snapshots_failed, {{"result", "failed"}});
  text.Gauge("idem_snapshot_bytes", "Size of the newest snapshot.", log.snapshot_bytes);
  if (log.snapshot_unix_ms == 0) return;
  text.GaugeSeconds("idem_snapshot_age_seconds", "Age of the newest snapshot, if there is one.",
                    SecondsOf(std::max<int64_t>(0, wall_ms - log.snapshot_unix_ms)));
}

}  // namespace

void TellStore(const Stats& stats, MetricsText& text) {
  TellOutcomes(stats, text);
  TellRetries(stats, text);
  TellEntries(stats, text);
  TellMemory(stats, text);
  TellNamespaces(stats.namespaces, text);
}

void TellLog(const LogStats& log, int64_t wall_ms, MetricsText& text) {
  text.Counter("idem_wal_bytes_total", "Written to the log.", log.bytes_written);
  text.Gauge("idem_wal_kept_bytes", "Of the log: what a start would read.", log.kept_bytes);
  text.Gauge("idem_wal_lag_records", "Appended, and not yet proved on disk.",
             log.appended - std::min(log.appended, log.synced));
  text.Family("idem_wal_fsync_duration_seconds", "histogram", "Durable writes of the log.");
  text.Histogram(SyncsOf(log));
  text.GaugeSeconds("idem_wal_commit_running_seconds",
                    "How long the disk has not answered; 0 if nobody waits for it.",
                    SecondsOf(log.commit_running_ms));
  text.Gauge("idem_wal_failed", "1: a write failed, and the server is about to stop.", log.failed);
  text.Gauge("idem_disk_full", "1: claims are refused until there is space.", log.disk_full);
  text.Gauge("idem_spare_ready", "1: the reserve for a full disk stands by.", log.spare_ready);
  text.Gauge("idem_torn_tails_cut", "Unfinished ends of the log, cut at this start.",
             log.torn_tails_cut);
  text.Gauge("idem_damaged_snapshots", "Snapshots that this start could not use.",
             log.damaged_snapshots);
  text.Gauge("idem_salvages", "How often damage was cut out of this directory by hand.",
             log.salvages);
  TellSnapshots(log, wall_ms, text);
}

}  // namespace idem::server
