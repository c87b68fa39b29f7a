#include "server/option_reader.h"

#include <limits>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/error_texts.h"
#include "server/text.h"

namespace idem::server {
namespace {

constexpr size_t kShownBytes = 64;  // of what the client sent, in an error

std::string SyntaxError(const Command& command, std::string_view word) {
  if (!ExplainsErrors(command)) return std::string(kSyntaxError);
  return absl::StrCat("SYNTAX error at '", Absl(word.substr(0, kShownBytes)), "'", Usage(command));
}

std::string NumberError(const Command& command, std::string_view what, int64_t low, int64_t high) {
  if (!ExplainsErrors(command)) return std::string(kNotAnInteger);
  std::string error = NotAnInteger(what);
  using Limits = std::numeric_limits<int64_t>;
  if (low == Limits::min()) return error;
  if (high == Limits::max()) return absl::StrCat(error, "; it takes ", low, " or more");
  return absl::StrCat(error, "; it takes ", low, " to ", high);
}

}  // namespace

bool OptionReader::Next() {
  if (!error_->empty() || next_ >= call_.args.size()) return false;
  word_ = call_.args[next_++];
  packed_ = ShortWord(word_);
  return true;
}

std::string_view OptionReader::Value() {
  if (next_ < call_.args.size()) return call_.args[next_++];
  Unknown();
  return {};
}

bool OptionReader::Takes(const ShortWord& word) {
  if (next_ >= call_.args.size() || !(ShortWord(call_.args[next_]) == word)) return false;
  ++next_;
  return true;
}

int64_t OptionReader::Integer(int64_t low, int64_t high) {
  const std::string_view text = Value();
  if (!error_->empty()) return 0;
  const std::optional<int64_t> number = ParseInteger(text);
  if (number && *number >= low && *number <= high) return *number;
  *error_ = NumberError(call_.command, ToUpper(word_), low, high);
  return 0;
}

void OptionReader::Unknown() { *error_ = SyntaxError(call_.command, word_); }

int64_t IntegerArgument(const Call& call, size_t index, std::string_view what, int64_t low,
                        int64_t high, std::string* error) {
  const std::optional<int64_t> number = ParseInteger(call.args[index]);
  if (number && *number >= low && *number <= high) return *number;
  if (error->empty()) *error = NumberError(call.command, what, low, high);
  return 0;
}

}  // namespace idem::server
