// What a store can tell about itself. All counts are since Open unless said otherwise.
#ifndef IDEM_STATS_H_
#define IDEM_STATS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "idem/answer.h"
#include "idem/options.h"

namespace idem {

struct LogStats {
  static constexpr size_t kSyncBuckets = 26;

  uint32_t epoch = 0;
  Lsn appended = 0;
  Lsn committed = 0;
  Lsn synced = 0;
  uint64_t batches = 0;
  uint64_t syncs = 0;
  uint64_t bytes_written = 0;
  uint64_t segments = 0;       // files now
  uint64_t segment_bytes = 0;  // their sizes together, the spare included
  int64_t last_sync_us = 0;
  int64_t worst_sync_us = 0;
  int64_t all_syncs_us = 0;  // what they took together
  // Syncs by duration: [i] took at most 2^i us, and more than the half; the last took longer.
  std::array<uint64_t, kSyncBuckets> syncs_by_duration{};
  int64_t commit_running_ms = 0;   // how long the disk has not answered; 0: nobody waits for it
  bool spare_ready = false;        // the reserve for a full disk stands by
  bool disk_full = false;          // claims are refused
  bool failed = false;             // a write or sync failed: the store must be opened anew
  uint64_t torn_tails_cut = 0;     // at this open
  uint64_t damaged_snapshots = 0;  // at this open; an older one was used, or the log alone
  uint64_t records_recovered = 0;
  uint32_t salvages = 0;    // in the life of the directory: data was lost, and an operator went on
  uint64_t kept_bytes = 0;  // of the log: full files, and what is written of the one in use
  uint64_t pinned_bytes = 0;  // of these: kept for a cursor of the change stream alone
  uint64_t snapshots = 0;     // published
  uint64_t snapshots_failed = 0;
  bool snapshot_running = false;
  bool last_snapshot_failed = false;
  Lsn snapshot_lsn = 0;         // what the newest one covers; 0: there is none
  uint64_t snapshot_bytes = 0;  // of the newest
  // When the newest was begun, or was asked for and found to cover everything. 0: never.
  int64_t snapshot_unix_ms = 0;
};

// 1 s, 10 s, 1 min, 10 min, 1 h, 6 h, 1 d, 2 d, 7 d, 30 d.
inline constexpr std::array<int64_t, 10> kRetryAgesMs = {
    1'000,      10'000,     60'000,      600'000,     3'600'000,
    21'600'000, 86'400'000, 172'800'000, 604'800'000, 2'592'000'000};

struct NamespaceStats {
  std::string name;
  uint64_t entries = 0;      // now, of every kind, expired ones that are not freed yet included
  uint64_t bytes = 0;        // now: their blocks and large responses
  uint64_t max_entries = 0;  // as opened; 0: none
  uint64_t max_bytes = 0;
  uint64_t claims = 0;
  uint64_t replays = 0;
  uint64_t busy = 0;
  uint64_t mismatches = 0;
  uint64_t finishes = 0;
  uint64_t duplicates = 0;
  uint64_t refused_for_quota = 0;
};

struct Stats {
  std::string store_id;  // a random UUID, made with the directory
  Durability durability = Durability::kAlways;
  uint64_t records = 0;  // now, expired ones that are not freed yet included
  uint64_t registers = 0;
  uint64_t registers_with_deadline = 0;
  uint64_t in_progress = 0;
  uint64_t seen_ids = 0;
  uint64_t sequences = 0;
  uint64_t memory_bytes = 0;  // now: the next six; what the limit is for
  uint64_t record_bytes = 0;  // blocks and large responses, as the allocators give them
  uint64_t register_bytes = 0;
  uint64_t seen_bytes = 0;
  uint64_t sequence_bytes = 0;
  uint64_t index_bytes = 0;
  uint64_t wheel_bytes = 0;
  uint64_t page_bytes = 0;  // memory mapped for blocks, index and wheel, free pages included
  uint64_t memory_limit_bytes = 0;
  uint64_t claims = 0;     // answers CLAIMED
  uint64_t takeovers = 0;  // of them, with attempt > 1
  uint64_t replays = 0;
  // The same by the age of the finish: [i] up to kRetryAgesMs[i], the last one beyond. How late
  // retries come is what a retention is chosen by.
  std::array<uint64_t, kRetryAgesMs.size() + 1> replays_by_age{};
  int64_t replay_ages_ms = 0;  // their sum
  uint64_t too_old = 0;        // refused because of when they were issued
  uint64_t busy = 0;
  uint64_t mismatches = 0;
  uint64_t finishes = 0;
  uint64_t fenced = 0;        // by a token or by an epoch
  uint64_t unknown_keys = 0;  // answers UNKNOWNKEY
  uint64_t duplicates = 0;    // of seen ids and of sequences
  uint64_t gaps = 0;
  uint64_t expired = 0;
  uint64_t expired_registers = 0;  // of them
  int64_t timer_lag_ms = 0;        // now: how far the freeing of what has expired is behind
  uint64_t responses_omitted = 0;
  uint64_t refused_for_memory = 0;
  uint64_t refused_for_disk = 0;
  uint64_t refused_for_quota = 0;
  uint64_t waiting = 0;        // now: who wait for a claim that runs
  uint64_t waits_refused = 0;  // told Busy at once, because too many waited
  LogStats log;
  std::vector<NamespaceStats> namespaces;  // by name

  // Of every kind.
  uint64_t entries() const { return records + registers + seen_ids + sequences; }
};

// How far Store::Open has come with reading what the store holds.
struct OpenProgress {
  uint64_t bytes_read = 0;
  uint64_t bytes_total = 0;
  uint64_t records = 0;
};

}  // namespace idem

#endif  // IDEM_STATS_H_
