#include "server/commands/expiry.h"

#include <algorithm>

#include "server/error_texts.h"
#include "server/text.h"

namespace idem::server {

std::optional<int64_t> ReadExpiry(const Expiry& expiry, const Call& call, std::string* error) {
  const std::optional<int64_t> number = ParseInteger(expiry.text);
  const int64_t now_ms = call.server.clock().WallMs();
  int64_t ms = 0;
  int64_t unused = 0;
  if (!number) {
    *error = kNotAnInteger;
  } else if (*number <= 0 || __builtin_mul_overflow(*number, expiry.unit_ms, &ms) ||
             (!expiry.is_moment && __builtin_add_overflow(ms, now_ms, &unused))) {
    *error = InvalidExpireTime(call.command.name);
  } else {
    return std::min(expiry.is_moment ? ms - now_ms : ms, kLongestTtlMs);
  }
  return std::nullopt;
}

bool ReadExpiryOption(OptionReader& options, std::optional<Expiry>& expiry) {
  static constexpr struct {
    std::string_view word;
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
