// How a store is opened, and how a request is begun. Every value is in the unit its name ends with.
#ifndef IDEM_OPTIONS_H_
#define IDEM_OPTIONS_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "idem/clock.h"
#include "idem/file_system.h"
#include "idem/fingerprint.h"
#include "idem/policy.h"

namespace idem {

// What an answer is worth (README, "Guarantees").
enum class Durability : uint8_t {
  kAlways,    // leaves when what it says is on the disk
  kInterval,  // leaves when written to the system; synced every sync_interval_ms
  kOs,        // leaves when written to the system; synced when the system likes
  kMemory,    // no log: everything is gone at close
};

// Who does the work that no caller waits for (commits, expiry, preparing log segments).
enum class Background : uint8_t {
  kThreads,  // the store's own threads
  kManual,   // only Store::Step: for tests and simulators
};

struct Options {
  // Where the store lives; made if missing. Must be empty in memory mode.
  std::string directory = {};
  Durability durability = Durability::kAlways;
  // kInterval: 1 .. 60,000. At most this much is lost in a power cut.
  int64_t sync_interval_ms = 1000;

  // Entries, index, wheel and large responses together: 16 MiB or more. At 90 % new claims are
  // refused; claims that run can always finish. Recovery never refuses. Entries and
  // wheel, without responses over 256 bytes, cannot be more than 32 GiB, whatever the limit; nor
  // can the index.
  uint64_t memory_limit_bytes = uint64_t{1} << 30;
  // Of every key, but for those of a namespace that is named here, at most NamespaceOptions::kMax.
  Policy policy = {};
  std::vector<NamespaceOptions> namespaces = {};
  // After an open no claim is taken over for this long, so that owners who could not reach a
  // closed store can still finish. -1: one default lease. 0 .. 86,400,000.
  int64_t restart_grace_ms = -1;
  // Who wait for one key, and for all of them (BeginOptions::wait_ms); whoever comes beyond is told
  // Busy at once. 0 .. 1,000,000. One takes up to about 2 KiB, which the limit does not count.
  uint32_t max_key_waiters = 64;
  uint32_t max_waiters = 10'000;

  // Independent locks, a power of two, 1 .. 1024. 64 keeps two to sixteen threads out of each
  // other's way; more cost about 20 KiB each.
  uint32_t stripes = 64;
  // Size of one log file: 64 KiB .. 1 GiB, and room for the largest record. Two are kept filled
  // with zeros ahead.
  uint64_t segment_bytes = 64 << 20;
  // Appended but not yet written: beyond it callers wait. 64 KiB .. 1 GiB.
  uint64_t backlog_bytes = 32 << 20;

  // How much of the log, in full files, is kept beyond what the store needs, because a cursor of
  // the change stream is still before it; what is older is dropped, and the cursor's reader told
  // so. 0 .. 64 TiB.
  uint64_t max_pinned_log_bytes = uint64_t{1} << 30;

  Background background = Background::kThreads;
  // Not owned; must outlive the store.
  Clock* clock = Clock::System();
  FileSystem* file_system = FileSystem::System();
};

// The longest response that a store may keep for any key, whatever its namespace.
inline uint32_t LongestResponseBytes(const Options& options) {
  uint32_t longest = options.policy.max_response_bytes;
  for (const NamespaceOptions& space : options.namespaces) {
    longest = std::max(longest, space.policy.max_response_bytes);
  }
  return longest;
}

struct BeginOptions {
  std::optional<int64_t> lease_ms = std::nullopt;
  std::optional<int64_t> retention_ms = std::nullopt;
  // 0 .. 64 bytes that name this caller, so that its own retried Begin finds its own claim.
  std::string_view owner = {};
  // When the lease ends nobody takes over: an operator resolves it.
  bool hold = false;
  // When the request was first issued (wall clock; see IssueTimeOf); see TooOld. 0: not known.
  int64_t issued_unix_ms = 0;
  // Instead of Busy, waits up to so long for what becomes of the claim that runs: its finish is
  // replayed; if it fails for retry, is released or its lease ends, one of those who wait gets the
  // claim, the first that came. 0 .. 60,000; 0 waits for nobody. A held key is Busy at once.
  int64_t wait_ms = 0;
  // Does not wait for the claim's own commit, only for what the answer saw. A crash soon after can
  // undo the claim: nobody has the key then, and this claim's finish is told kNotFound or fenced.
  // So only for work that may be done twice, or whose finish is what counts.
  bool nowait = false;
};

// One of the calls of Store::BeginMany.
struct BeginCall {
  std::string_view key = {};
  Fingerprint fingerprint = {};
  BeginOptions options = {};
};

}  // namespace idem

#endif  // IDEM_OPTIONS_H_
