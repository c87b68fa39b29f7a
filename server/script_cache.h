// Which scripts were told by their text, so that EVALSHA may name them. As in Redis it is lost when
// the server stops, and clients send the text again.
//
// Bounded: one script more than kScripts empties it. Only known scripts are kept.
//
// Thread-safe.
#ifndef IDEM_SERVER_SCRIPT_CACHE_H_
#define IDEM_SERVER_SCRIPT_CACHE_H_

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"

namespace idem::server {

struct KnownScript;

class ScriptCache {
 public:
  static constexpr size_t kScripts = 1000;

  // `sha1` in lower case. Null: not told, or flushed.
  const KnownScript* Find(std::string_view sha1) const;
  void Add(std::string_view sha1, const KnownScript* script);
  void Flush();

  // How often a script came that is none of the known ones.
  void CountUnknown() { unknown_.fetch_add(1, std::memory_order_relaxed); }
  uint64_t unknown() const { return unknown_.load(std::memory_order_relaxed); }

 private:
  mutable std::mutex mutex_;
  absl::flat_hash_map<std::string, const KnownScript*> scripts_;  // under mutex_
  std::atomic<uint64_t> unknown_{0};
};

}  // namespace idem::server

#endif  // IDEM_SERVER_SCRIPT_CACHE_H_
