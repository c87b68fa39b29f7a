// What happened, for operators and their programs: one line an event.
//
//   2026-11-28T02:51:20.123Z level=warning event=disk_stalled seconds=10 peer="a b"
//
//   log.Write(LogLevel::kWarning, "disk_stalled", {{"seconds", 10}});
//
// A value stands bare if it is a plain word, else in quotes, where everything but printable ASCII
// is escaped; so whatever a client sends cannot end the line, or look like another field.
// Responses, values and passwords are never handed in.
//
// Events that clients can cause as they like go through WriteOfClient: kClientEventsPerSecond are
// written, and the next line tells how many were not. A log that does not take a line now (a full
// pipe) loses it: nobody here waits for a reader.
//
// Ownership: the clock outlives it.
// Thread-safe. A line is one write, so lines never mix.
#ifndef IDEM_SERVER_EVENT_LOG_H_
#define IDEM_SERVER_EVENT_LOG_H_

#include <atomic>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "idem/clock.h"
#include "server/log_level.h"
#include "server/socket.h"

namespace idem::server {

std::string_view NameOf(LogLevel level);

struct LogField {
  LogField(std::string_view field, std::string_view text) : name(field), value(text) {}
  LogField(std::string_view field, std::integral auto number)
      : name(field), value(std::to_string(number)) {}

  std::string_view name;
  std::string value;
};

class EventLog {
 public:
  using Fields = std::initializer_list<LogField>;

  static constexpr size_t kValueBytes = 256;  // of a value; the rest is cut
  static constexpr int64_t kClientEventsPerSecond = 10;

  // Writes nothing.
  EventLog() = default;
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  // From now on writes events of this level or above, to the file, or to stderr if `path` is empty.
  // Once, before other threads know of it.
  absl::Status Open(const std::string& path, LogLevel level, const Clock* clock);
  // The file anew: it was moved away. Keeps the old one if that cannot be.
  absl::Status Reopen();

  void set_level(LogLevel level) { level_.store(level, std::memory_order_relaxed); }
  bool Wants(LogLevel level) const {
    return clock_ != nullptr && level >= level_.load(std::memory_order_relaxed);
  }
  void Write(LogLevel level, std::string_view event, Fields fields = {}) const;
  void WriteOfClient(LogLevel level, std::string_view event, Fields fields) const;

 private:
  void WriteLine(LogLevel level, std::string_view event, Fields fields, uint64_t suppressed) const;
  bool TakesOneOfClient(uint64_t* suppressed) const;

  std::string path_;
  UniqueFd file_;  // not valid: stderr
  std::atomic<LogLevel> level_{LogLevel::kNotice};
  const Clock* clock_ = nullptr;               // null: nothing is written
  mutable std::atomic<int64_t> second_{0};     // of the events of clients that are counted
  mutable std::atomic<int64_t> in_second_{0};  // how many
  mutable std::atomic<uint64_t> suppressed_{0};
};

}  // namespace idem::server

#endif  // IDEM_SERVER_EVENT_LOG_H_
