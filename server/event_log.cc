#include "server/event_log.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/text.h"

namespace idem::server {
namespace {

constexpr std::string_view kLevels[] = {"debug", "verbose", "notice", "warning"};
constexpr std::string_view kPlain =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:/+,@[]%";

absl::Status OpenFile(const std::string& path, UniqueFd* file) {
  *file = UniqueFd(open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640));
  if (file->valid()) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("cannot write the log file ", path, ": ", std::strerror(errno)));
}

void AppendValue(std::string_view value, std::string& line) {
  const bool is_plain = !value.empty() && value.find_first_not_of(kPlain) == value.npos;
  if (is_plain && value.size() <= EventLog::kValueBytes) {
    absl::StrAppend(&line, Absl(value));
  } else {
    const std::string_view kept = value.substr(0, EventLog::kValueBytes);
    absl::StrAppend(&line, "\"", absl::CHexEscape(Absl(kept)),
                    kept.size() < value.size() ? "..\"" : "\"");
  }
}

std::string Timestamp(const Clock& clock) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromUnixMillis(clock.WallMs()),
                          absl::UTCTimeZone());
}

}  // namespace

std::string_view NameOf(LogLevel level) { return kLevels[static_cast<size_t>(level)]; }

absl::Status EventLog::Open(const std::string& path, LogLevel level, const Clock* clock) {
  path_ = path;
  set_level(level);
  clock_ = clock;
  return path.empty() ? absl::OkStatus() : OpenFile(path, &file_);
}

absl::Status EventLog::Reopen() {
  if (path_.empty()) return absl::OkStatus();
  UniqueFd file;
  if (absl::Status status = OpenFile(path_, &file); !status.ok()) return status;
  // Under the same number: others are writing to it.
  if (dup3(file.get(), file_.get(), O_CLOEXEC) >= 0) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("dup3: ", std::strerror(errno)));
}

void EventLog::Write(LogLevel level, std::string_view event, Fields fields) const {
  if (Wants(level)) WriteLine(level, event, fields, 0);
}

void EventLog::WriteOfClient(LogLevel level, std::string_view event, Fields fields) const {
  uint64_t suppressed = 0;
  if (Wants(level) && TakesOneOfClient(&suppressed)) WriteLine(level, event, fields, suppressed);
}

// Two threads at the turn of a second may let one or two too many through.
bool EventLog::TakesOneOfClient(uint64_t* suppressed) const {
  const int64_t second = clock_->BootMs() / 1000;
  if (second_.exchange(second, std::memory_order_relaxed) != second) {
    in_second_.store(0, std::memory_order_relaxed);
  }
  if (in_second_.fetch_add(1, std::memory_order_relaxed) >= kClientEventsPerSecond) {
    suppressed_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  *suppressed = suppressed_.exchange(0, std::memory_order_relaxed);
  return true;
}

void EventLog::WriteLine(LogLevel level, std::string_view event, Fields fields,
                         uint64_t suppressed) const {
  std::string line =
      absl::StrCat(Timestamp(*clock_), " level=", Absl(NameOf(level)), " event=", Absl(event));
  for (const LogField& field : fields) {
    absl::StrAppend(&line, " ", Absl(field.name), "=");
    AppendValue(field.value, line);
  }
  if (suppressed > 0) absl::StrAppend(&line, " suppressed=", suppressed);
  line += '\n';
  const int fd = file_.valid() ? file_.get() : STDERR_FILENO;
  pollfd room = {.fd = fd, .events = POLLOUT, .revents = 0};
  if (poll(&room, 1, 0) != 1) return;
  [[maybe_unused]] const ssize_t ignored = write(fd, line.data(), line.size());
}

}  // namespace idem::server
