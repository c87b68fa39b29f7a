// All keys at once, for operators and test suites: KEYS, FLUSHALL, FLUSHDB. Bounded or not, they
// hold up the other clients of their event loop.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/commands/families.h"
#include "server/error_texts.h"
#include "server/text.h"

namespace idem::server {
namespace {

constexpr size_t kEntriesPerScan = 1000;  // what the store visits at once
constexpr size_t kKeysMax = 100'000;      // that KEYS walks over

// KEYS pattern
void RunKeys(Call& call, RespWriter& out) {
  if (call.args[1].size() > kPatternBytesMax) return out.Error(kPatternTooLong);
  Store& store = *call.server.store;
  if (store.GetStats().entries() > kKeysMax) {
    return out.Error(absl::StrCat("ERR KEYS takes at most ", kKeysMax, " keys in all; use SCAN"));
  }
  std::set<std::string> found;  // a walk may visit a key twice
  uint64_t cursor = 0;
  do {
    cursor = store.Scan(cursor, kEntriesPerScan, [&](const Store::Entry& entry) {
      if (MatchesGlob(call.args[1], entry.key)) found.emplace(entry.key);
    });
  } while (cursor != 0);
  call.lsn = store.GetStats().log.appended;
  out.Array(found.size());
  for (const std::string& key : found) out.Bulk(key);
}

// False: the log had no room for all of them.
bool RemovePlainKeys(Store& store, const std::vector<std::string>& keys, Call& call) {
  std::vector<Request> requests(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    requests[i].op = Op::kRemove;
    requests[i].kind = Kind::kRegister;
    requests[i].key = keys[i];
  }
  std::vector<Reply> replies(keys.size());
  const size_t executed = store.Execute(requests, replies, Store::CommitBy::kCaller);
  for (size_t i = 0; i < executed; ++i) {
    call.changes += replies[i].changed ? 1 : 0;
    call.lsn = std::max(call.lsn, replies[i].lsn);
  }
  return executed == keys.size();
}

// FLUSHALL [ASYNC | SYNC], and FLUSHDB: records stay. Keys that come while it walks may stay, too.
// Where the log has no room it is called again, and what is gone is gone.
void RunFlush(Call& call, RespWriter& out) {
  const Arguments args = call.args;
  const bool understood =
      args.size() == 1 || (args.size() == 2 && (EqualsIgnoreCase(args[1], "ASYNC") ||
                                                EqualsIgnoreCase(args[1], "SYNC")));
  if (!understood) return out.Error(kSyntaxError);
  Store& store = *call.server.store;
  uint64_t cursor = 0;
  do {
    std::vector<std::string> keys;
    cursor = store.Scan(cursor, kEntriesPerScan, [&keys](const Store::Entry& entry) {
      if (entry.about->kind == Kind::kRegister) keys.emplace_back(entry.key);
    });
    if (!RemovePlainKeys(store, keys, call)) {
      call.backlog_full = true;
      return;
    }
  } while (cursor != 0);
  out.SimpleString("OK");
}

constexpr Command kCommands[] = {
    {"keys", 2, kReadOnly | kAdmin | kTimed, kNone, nullptr, nullptr, RunKeys, "generic", "1.0.0",
     "pattern", "Find all keys matching the given pattern"},
    {"flushall", -1, kWrite | kAdmin | kNoMulti | kTimed, kNone, nullptr, nullptr, RunFlush,
     "server", "1.0.0", "[ASYNC | SYNC]", "Remove all plain keys; records stay"},
    {"flushdb", -1, kWrite | kAdmin | kNoMulti | kTimed, kNone, nullptr, nullptr, RunFlush,
     "server", "1.0.0", "[ASYNC | SYNC]", "Remove all plain keys; records stay"},
};

}  // namespace

std::span<const Command> KeyspaceCommands() { return kCommands; }

}  // namespace idem::server
