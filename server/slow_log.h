// What SLOWLOG shows: the newest commands that took long.
//
// An entry holds the command's name and its keys, cut to a bound. It never holds values, responses
// or passwords: they are not handed in.
//
// Thread-safe. The threshold costs one relaxed load; the mutex is for commands that were slow.
#ifndef IDEM_SERVER_SLOW_LOG_H_
#define IDEM_SERVER_SLOW_LOG_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/options.h"

namespace idem::server {

class SlowLog {
 public:
  // Of what an entry keeps, as in Redis: words, the last of which tells how many more there were,
  // and bytes of each.
  static constexpr size_t kWords = 32;
  static constexpr size_t kWordBytes = 128;
  static constexpr int64_t kOff = -1;

  struct Entry {
    uint64_t id = 0;  // rises, also over Clear
    int64_t unix_seconds = 0;
    int64_t duration_us = 0;
    std::vector<std::string> words;
    std::string peer;
    std::string client_name;
  };

  // The threshold, in microseconds, may change at any time; it outlives the log.
  SlowLog(const Live<int64_t>& threshold_us, size_t entries_max)
      : threshold_us_(threshold_us), entries_max_(entries_max) {}

  // Commands that took at least so long belong here; kOff: none.
  int64_t threshold_us() const { return threshold_us_; }
  bool Takes(int64_t duration_us) const {
    const int64_t threshold = threshold_us();
    return threshold != kOff && duration_us >= threshold;
  }

  // Cuts the words; the oldest entry beyond the bound goes.
  void Add(int64_t unix_seconds, int64_t duration_us, std::span<const std::string_view> words,
           std::string_view peer, std::string_view client_name);
  // The newest first.
  std::vector<Entry> Newest(size_t count) const;
  size_t size() const;
  void Clear();

 private:
  const Live<int64_t>& threshold_us_;
  const size_t entries_max_;
  mutable std::mutex mutex_;
  std::deque<Entry> entries_;  // under mutex_; the oldest first
  uint64_t next_id_ = 0;       // under mutex_
};

}  // namespace idem::server

#endif  // IDEM_SERVER_SLOW_LOG_H_
