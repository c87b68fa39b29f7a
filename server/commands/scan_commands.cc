// Walks over the store: SCAN and IDEM.STUCK. Each call does a bounded amount of work and returns a
// cursor; 0 ends the walk. What is there from the first call to the last is seen at least once.
//
// What a walk tells, absences too, may leave when everything that was appended before is committed.
#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/commands/families.h"
#include "server/commands/record_replies.h"
#include "server/commands/type_names.h"
#include "server/error_texts.h"
#include "server/option_reader.h"
#include "server/text.h"

namespace idem::server {
namespace {

constexpr int64_t kMaxInteger = std::numeric_limits<int64_t>::max();
constexpr size_t kEntriesPerScan = 1000;  // what the store visits at once
constexpr size_t kScansPerCommand = 10;   // while nothing matches

struct Walk {
  uint64_t cursor = 0;
  size_t count = 10;
};

bool ReadCursor(std::string_view text, Walk& walk, RespWriter& out) {
  const std::optional<uint64_t> cursor = ParseUnsigned(text);
  if (!cursor) {
    out.Error("ERR invalid cursor");
    return false;
  }
  walk.cursor = *cursor;
  return true;
}

void TellKeys(uint64_t cursor, const std::vector<std::string>& keys, RespWriter& out) {
  out.Array(2);
  out.Bulk(absl::StrCat(cursor));
  out.Array(keys.size());
  for (const std::string& key : keys) out.Bulk(key);
}

struct ScanFilter {
  std::string_view pattern = "*";
  std::optional<std::string_view> type;
};

// Long patterns cost more for each entry, so fewer are visited.
size_t EntriesAtOnce(const Walk& walk, const ScanFilter& filter) {
  constexpr size_t kPatternBytes = 64;  // that all entries are worth
  const size_t affordable =
      kEntriesPerScan * kPatternBytes / std::max(filter.pattern.size(), kPatternBytes);
  return std::min(walk.count, affordable);
}

bool Passes(const Store::Entry& entry, const ScanFilter& filter) {
  const std::string_view type = TypeName(entry.about->kind);
  if (filter.type && !EqualsIgnoreCase(type, *filter.type)) return false;
  return filter.pattern == "*" || MatchesGlob(filter.pattern, entry.key);
}

ScanFilter ReadScanOptions(const Call& call, Walk& walk, std::string* error) {
  ScanFilter filter;
  OptionReader options(call, 2, error);
  while (options.Next()) {
    if (options.Is("MATCH")) {
      filter.pattern = options.Value();
      if (filter.pattern.size() > kPatternBytesMax) *error = kPatternTooLong;
    } else if (options.Is("TYPE")) {
      filter.type = options.Value();
    } else if (options.Is("COUNT")) {
      const int64_t count = options.Integer();
      if (count < 1 && error->empty()) options.Unknown();
      walk.count = static_cast<size_t>(count);
    } else {
      options.Unknown();
    }
  }
  return filter;
}

void RunScan(Call& call, RespWriter& out) {
  Walk walk;
  if (!ReadCursor(call.args[1], walk, out)) return;
  std::string error;
  const ScanFilter filter = ReadScanOptions(call, walk, &error);
  if (!error.empty()) return out.Error(error);
  std::vector<std::string> keys;
  walk.cursor = call.server.store->Scan(walk.cursor, EntriesAtOnce(walk, filter),
                                        [&](const Store::Entry& entry) {
                                          if (!call.session.Sees(entry.key)) return;
                                          if (Passes(entry, filter)) keys.emplace_back(entry.key);
                                        });
  call.lsn = call.server.store->GetStats().log.appended;
  TellKeys(walk.cursor, keys, out);
}

struct StuckFilter {
  int64_t min_age_ms = 0;
  bool held = true;
  bool orphaned = true;  // and not held

  bool Passes(const Reply& about) const {
    if (about.kind != Kind::kRecord || !about.orphaned || about.age_ms < min_age_ms) return false;
    return about.held ? held : orphaned;
  }
};

// A row of what is told: [key, state, token, attempt, age_ms, ttl_ms, owner, steps].
void TellOneStuck(const Store::Entry& entry, RespWriter& out) {
  const Reply& about = *entry.about;
  out.Array(8);
  out.Bulk(entry.key);
  out.Bulk(StateName(about));
  out.Integer(static_cast<int64_t>(about.token));
  out.Integer(about.attempt);
  out.Integer(about.age_ms);
  out.Integer(about.ttl_ms);
  out.Integer(about.has_owner ? 1 : 0);
  TellStepSizes(about, out);
}

// Writes their rows; returns how many. Stuck claims are rare: walks on, up to a bound, until there
// is something to tell.
size_t TellStuck(Call& call, const StuckFilter& filter, Walk& walk, RespWriter& rows) {
  size_t found = 0;
  Store& store = *call.server.store;
  const auto visit = [&](const Store::Entry& entry) {
    if (!filter.Passes(*entry.about) || !call.session.Sees(entry.key)) return;
    TellOneStuck(entry, rows);
    ++found;
  };
  for (size_t i = 0; i < kScansPerCommand && found == 0; ++i) {
    walk.cursor = store.Scan(walk.cursor, std::min(walk.count, kEntriesPerScan), visit);
    if (walk.cursor == 0) break;
  }
  return found;
}

// IDEM.STUCK [CURSOR c] [COUNT n] [MINAGE ms] [HELD | ORPHANED]
void RunStuck(Call& call, RespWriter& out) {
  Walk walk{.cursor = 0, .count = 100};
  StuckFilter filter;
  std::string error;
  OptionReader options(call, 1, &error);
  while (options.Next()) {
    if (options.Is("CURSOR")) {
      if (!ReadCursor(options.Value(), walk, out)) return;
    } else if (options.Is("COUNT")) {
      walk.count = static_cast<size_t>(options.Integer(1, kMaxInteger));
    } else if (options.Is("MINAGE")) {
      filter.min_age_ms = options.Integer(0);
    } else if (options.Is("HELD") && filter.held) {
      filter.orphaned = false;
    } else if (options.Is("ORPHANED") && filter.orphaned) {
      filter.held = false;
    } else {
      options.Unknown();
    }
  }
  if (!error.empty()) return out.Error(error);
  OutputBuffer rows;
  RespWriter rows_writer(&rows, out.version());
  const size_t found = TellStuck(call, filter, walk, rows_writer);
  call.lsn = call.server.store->GetStats().log.appended;
  out.Array(2);
  out.Bulk(absl::StrCat(walk.cursor));
  out.Array(found);
  out.Encoded(rows.view());
}

void RunDbSize(Call& call, RespWriter& out) {
  const Stats stats = call.server.store->GetStats();
  call.lsn = stats.log.appended;
  out.Integer(static_cast<int64_t>(stats.entries()));
}

constexpr Command kCommands[] = {
    {"scan",
     -2,
     kReadOnly | kTimed,
     {},
     nullptr,
     nullptr,
     RunScan,
     "generic",
     "2.8.0",
     "cursor [MATCH pattern] [COUNT count] [TYPE type]",
     "Incrementally iterate the keys space"},
    {"dbsize",
     1,
     kReadOnly | kFast,
     {},
     nullptr,
     nullptr,
     RunDbSize,
     "server",
     "1.0.0",
     "",
     "Return the number of keys in the selected database"},
    {"idem.stuck",
     -1,
     kReadOnly,
     {},
     nullptr,
     nullptr,
     RunStuck,
     "idem",
     "0.1.0",
     "[CURSOR cursor] [COUNT count] [MINAGE milliseconds] [HELD | ORPHANED]",
     "Walks the claims whose lease is over, for IDEM.RESOLVE"},
};

}  // namespace

std::span<const Command> ScanCommands() { return kCommands; }

}  // namespace idem::server
