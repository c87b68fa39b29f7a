// Reading what clients write: numbers, words and patterns, by the rules of Redis.
//
// Thread-safe: pure functions.
#ifndef IDEM_SERVER_TEXT_H_
#define IDEM_SERVER_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/string_view.h"

namespace idem::server {

// One spelling for each number: no plus sign, no leading zero, no blank, no "-0".
std::optional<int64_t> ParseInteger(std::string_view text);
// The same from 0 to 2^64 - 1.
std::optional<uint64_t> ParseUnsigned(std::string_view text);

bool EqualsIgnoreCase(std::string_view a, std::string_view b);
std::string ToLower(std::string_view text);
std::string ToUpper(std::string_view text);

// So much of what a client sent is repeated to it in an error.
inline std::string_view Shown(std::string_view text) { return text.substr(0, 128); }

// Patterns longer than this are refused: what a match costs grows with pattern x text.
inline constexpr size_t kPatternBytesMax = 1024;
// Does `text` match the glob `pattern`: ? * [abc] [^a-z] and \ to take the next byte as it is?
// Takes at most pattern x text steps, whatever the pattern.
bool MatchesGlob(std::string_view pattern, std::string_view text);

// What the functions of Abseil take.
inline absl::string_view Absl(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace idem::server

#endif  // IDEM_SERVER_TEXT_H_
