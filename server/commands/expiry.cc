#include "server/commands/expiry.h"

#include <algorithm>

#include "server/error_texts.h"
#include "server/text.h"

namespace idem::server {
namespace {

// A moment, or a length so long that the moment it leads to may not be a number any more.
std::optional<int64_t> ReadFarExpiry(int64_t ms, const Expiry& expiry, const Call& call,
                                     std::string* error) {
  const int64_t now_ms = call.server.clock().WallMs();
  int64_t unused = 0;
  if (expiry.is_moment) return std::min(ms - now_ms, kLongestTtlMs);
  if (!__builtin_add_overflow(ms, now_ms, &unused)) return kLongestTtlMs;
  *error = InvalidExpireTime(call.command.name);
  return std::nullopt;
}

}  // namespace

std::optional<int64_t> ReadExpiry(const Expiry& expiry, const Call& call, std::string* error) {
  const std::optional<int64_t> number = ParseInteger(expiry.text);
  int64_t ms = 0;
  if (!number) {
    *error = kNotAnInteger;
  } else if (*number <= 0 || __builtin_mul_overflow(*number, expiry.unit_ms, &ms)) {
    *error = InvalidExpireTime(call.command.name);
  } else if (!expiry.is_moment && ms <= kLongestTtlMs) {
    return ms;  // without a look at the clock, which most commands can do without
  } else {
    return ReadFarExpiry(ms, expiry, call, error);
  }
  return std::nullopt;
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
