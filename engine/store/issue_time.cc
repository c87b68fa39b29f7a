#include "idem/issue_time.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace idem {
namespace {

constexpr std::string_view kHexDigits = "0123456789ABCDEF";
constexpr std::string_view kUlidDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";  // Crockford's
constexpr size_t kUuidBytes = 36;
constexpr size_t kUlidBytes = 26;
constexpr size_t kUlidTimeBytes = 10;

int DigitOf(char c, std::string_view digits) {
  const char upper = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  const size_t at = digits.find(upper);
  return at == digits.npos ? -1 : static_cast<int>(at);
}

// tttttttt-tttt-7rrr-vrrr-rrrrrrrrrrrr: t are 48 bits of time, v is 8, 9, a or b.
std::optional<int64_t> TimeOfUuid(std::string_view id) {
  constexpr std::array<size_t, 4> kHyphens = {8, 13, 18, 23};
  constexpr size_t kVersionAt = 14;
  constexpr size_t kVariantAt = 19;
  int64_t time_ms = 0;
  for (size_t i = 0; i < kUuidBytes; ++i) {
    const bool is_hyphen = std::find(kHyphens.begin(), kHyphens.end(), i) != kHyphens.end();
    const int digit = DigitOf(id[i], kHexDigits);
    if (is_hyphen ? id[i] != '-' : digit < 0) return std::nullopt;
    if (!is_hyphen && i < kVersionAt) time_ms = time_ms << 4 | digit;
  }
  const bool is_rfc = DigitOf(id[kVariantAt], kHexDigits) >> 2 == 2;
  if (id[kVersionAt] != '7' || !is_rfc) return std::nullopt;
  return time_ms;
}

// ttttttttttrrrrrrrrrrrrrrrr: t are 50 bits, of which the time has 48.
std::optional<int64_t> TimeOfUlid(std::string_view id) {
  int64_t time_ms = 0;
  for (size_t i = 0; i < kUlidBytes; ++i) {
    const int digit = DigitOf(id[i], kUlidDigits);
    if (digit < 0) return std::nullopt;
    if (i < kUlidTimeBytes) time_ms = time_ms << 5 | digit;
  }
  if (time_ms >> 48 != 0) return std::nullopt;
  return time_ms;
}

}  // namespace

absl::StatusOr<int64_t> IssueTimeOf(std::string_view key) {
  const size_t colon = key.rfind(':');
  const std::string_view id = colon == key.npos ? key : key.substr(colon + 1);
  std::optional<int64_t> time_ms;
  if (id.size() == kUuidBytes) time_ms = TimeOfUuid(id);
  if (id.size() == kUlidBytes) time_ms = TimeOfUlid(id);
  if (time_ms.value_or(0) > 0) return *time_ms;
  return absl::InvalidArgumentError(
      "the key tells no time of issue: it, or what follows its last ':', must be a UUIDv7 or ULID");
}

}  // namespace idem
