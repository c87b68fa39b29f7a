#include "server/text.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace idem::server {
namespace {

template <typename Number>
std::optional<Number> ParseCanonical(std::string_view text) {
  Number number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data(), end, number);
  if (status != std::errc() || stop != end) return std::nullopt;
  if (text.starts_with("-0") || (text.starts_with('0') && text.size() > 1)) return std::nullopt;
  return number;
}

char Take(std::string_view* text) {
  const char c = text->front();
  text->remove_prefix(1);
  return c;
}

char TakeLiteral(std::string_view* pattern) {
  if (pattern->starts_with('\\') && pattern->size() > 1) pattern->remove_prefix(1);
  return Take(pattern);
}

// Takes the set that follows '['; one that is not closed ends with the pattern.
bool TakeSet(std::string_view* pattern, char c) {
  const bool negated = pattern->starts_with('^');
  if (negated) pattern->remove_prefix(1);
  bool found = false;
  while (!pattern->empty() && pattern->front() != ']') {
    char low = TakeLiteral(pattern);
    char high = low;
    if (pattern->size() >= 2 && pattern->front() == '-') {
      pattern->remove_prefix(1);
      high = TakeLiteral(pattern);
    }
    if (low > high) std::swap(low, high);
    found = found || (low <= c && c <= high);
  }
  if (!pattern->empty()) pattern->remove_prefix(1);
  return found != negated;
}

// Takes one element that stands for exactly one byte.
bool TakeMatching(std::string_view* pattern, char c) {
  switch (pattern->front()) {
    case '?':
      pattern->remove_prefix(1);
      return true;
    case '[':
      pattern->remove_prefix(1);
      return TakeSet(pattern, c);
    default:
      return TakeLiteral(pattern) == c;
  }
}

}  // namespace

std::optional<int64_t> ParseInteger(std::string_view text) {
  // Nearly all are short and positive, and need no look at overflow.
  constexpr size_t kShort = 18;
  if (text.empty() || text.size() > kShort || text.front() == '0')
    return ParseCanonical<int64_t>(text);
  int64_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return ParseCanonical<int64_t>(text);
    number = 10 * number + (c - '0');
  }
  return number;
}

std::optional<uint64_t> ParseUnsigned(std::string_view text) {
  return ParseCanonical<uint64_t>(text);
}

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return absl::EqualsIgnoreCase(Absl(a), Absl(b));
}

std::string ToLower(std::string_view text) { return absl::AsciiStrToLower(Absl(text)); }

std::string ToUpper(std::string_view text) { return absl::AsciiStrToUpper(Absl(text)); }

// When an element fails, the last star takes one byte more; stars before it need no second try.
bool MatchesGlob(std::string_view pattern, std::string_view text) {
  std::optional<std::string_view> behind_star;
  std::string_view text_at_star;
  while (!text.empty()) {
    if (pattern.starts_with('*')) {
      pattern.remove_prefix(1);
      behind_star = pattern;
      text_at_star = text;
    } else if (!pattern.empty() && TakeMatching(&pattern, text.front())) {
      text.remove_prefix(1);
    } else if (behind_star) {
      text_at_star.remove_prefix(1);
      text = text_at_star;
      pattern = *behind_star;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*') == pattern.npos;
}

}  // namespace idem::server
