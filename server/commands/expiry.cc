#include "server/commands/expiry.h"

#include <algorithm>

#include "server/error_texts.h"
#include "server/text.h"

namespace idem::server {
namespace {

constexpr int64_t kPassedMs = 1;  // of the boot clock: earlier than any server

void SetMoment(int64_t unix_ms, const Call& call, Request& request) {
  const int64_t latest_ms = call.server.clock().BootMs() + kLongestTtlMs;
  request.deadline_ms = std::clamp(call.server.wall_time.BootMsAt(unix_ms), kPassedMs, latest_ms);
}

// One so long that the moment it leads to is no number any more is refused, as in Redis. Most are
// not, and go without a look at the clock.
bool SetLength(int64_t ms, const Call& call, Request& request) {
  int64_t unused = 0;
  if (ms > kLongestTtlMs && __builtin_add_overflow(ms, call.server.clock().WallMs(), &unused)) {
    return false;
  }
  request.retention_ms = std::min(ms, kLongestTtlMs);
  return true;
}

}  // namespace

void ReadExpiry(const Expiry& expiry, const Call& call, Request& request, std::string* error) {
  const std::optional<int64_t> number = ParseInteger(expiry.text);
  int64_t ms = 0;
  if (!number) {
    *error = kNotAnInteger;
  } else if ((*number <= 0 && !expiry.may_have_passed) ||
             __builtin_mul_overflow(*number, expiry.unit_ms, &ms)) {
    *error = InvalidExpireTime(call.command.name);
  } else if (expiry.is_moment) {
    SetMoment(ms, call, request);
  } else if (ms <= 0) {
    request.deadline_ms = kPassedMs;
  } else if (!SetLength(ms, call, request)) {
    *error = InvalidExpireTime(call.command.name);
  }
}

bool ReadExpiryOption(OptionReader& options, std::optional<Expiry>& expiry) {
  static constexpr struct {
    ShortWord word;
    int64_t unit_ms;
    bool is_moment;
  } kWords[] = {{"EX", 1000, false}, {"PX", 1, false}, {"EXAT", 1000, true}, {"PXAT", 1, true}};
  for (const auto& [word, unit_ms, is_moment] : kWords) {
    if (!options.Is(word)) continue;
    if (expiry && (expiry->unit_ms != unit_ms || expiry->is_moment != is_moment)) return false;
    expiry = {options.Value(), unit_ms, is_moment};
    return true;
  }
  return false;
}

}  // namespace idem::server
