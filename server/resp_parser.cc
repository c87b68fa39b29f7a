#include "server/resp_parser.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "server/clear_and_trim.h"

namespace idem::server {

struct RespParser::LengthTexts {
  std::string_view invalid;
  std::string_view too_long;
  std::string_view unauthenticated;
};

constexpr RespParser::LengthTexts RespParser::kArgCountTexts = {
    "invalid multibulk length", "too big mbulk count string", "unauthenticated multibulk length"};
constexpr RespParser::LengthTexts RespParser::kBulkTexts = {
    "invalid bulk length", "too big bulk count string", "unauthenticated bulk length"};

namespace {

constexpr std::string_view kCrlf = "\r\n";
constexpr size_t kMaxHeaderBytes = 32;  // the longest int64 with its type and CRLF takes 23
constexpr size_t kKeptArgs = 64;        // capacity that survives from one command to the next
constexpr size_t kArgsAtAGlance = 64;
constexpr size_t kKeptUnquotedBytes = 256;

// One spelling for each number: no plus sign, no leading zero, no blank, no "-0".
std::optional<int64_t> ParseCanonicalNumber(std::string_view text) {
  int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data(), end, number);
  if (status != std::errc() || stop != end) return std::nullopt;
  const bool padded = text.starts_with("-0") || (text.starts_with('0') && text.size() > 1);
  if (padded) return std::nullopt;
  return number;
}

bool IsBlank(char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); }
bool IsHexDigit(char c) { return absl::ascii_isxdigit(static_cast<unsigned char>(c)); }
bool IsQuote(char c) { return c == '"' || c == '\''; }

// Redis skips every blank between words, but lets \v and \f stand inside one.
bool EndsWord(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

char Take(std::string_view* text) {
  const char c = text->front();
  text->remove_prefix(1);
  return c;
}

// The byte that an escape in double quotes stands for; `text` begins behind the backslash.
char TakeEscape(std::string_view* text) {
  const bool is_hex =
      text->size() >= 3 && text->front() == 'x' && IsHexDigit((*text)[1]) && IsHexDigit((*text)[2]);
  if (is_hex) {
    uint8_t byte = 0;
    std::from_chars(text->data() + 1, text->data() + 3, byte, 16);
    text->remove_prefix(3);
    return static_cast<char>(byte);
  }
  switch (const char c = Take(text)) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

// Appends what stands between the quote that was just taken and its partner. False if there is no
// partner, or if it touches the next word.
bool TakeQuoted(char quote, std::string_view* text, std::string* out) {
  while (!text->empty()) {
    const char c = Take(text);
    if (c == quote) return text->empty() || IsBlank(text->front());
    if (c == '\\' && quote == '"' && !text->empty()) {
      out->push_back(TakeEscape(text));
    } else if (c == '\\' && quote == '\'' && text->starts_with('\'')) {
      out->push_back(Take(text));
    } else {
      out->push_back(c);
    }
  }
  return false;
}

// A word that has a quote somewhere, as in pre"fix"; the closing quote ends it.
bool TakeWordWithQuotes(std::string_view* text, std::string* out) {
  while (!text->empty() && !EndsWord(text->front())) {
    const char c = Take(text);
    if (IsQuote(c)) return TakeQuoted(c, text, out);
    out->push_back(c);
  }
  return true;
}

bool IsCrlf(const char* at) { return std::memcmp(at, kCrlf.data(), kCrlf.size()) == 0; }

// The quick way steps over what is as it nearly always is: "$36\r\n", of one to three digits, with
// at least two bytes behind it. Null: it is not.
const char* StepOverLength(char type, const char* at, const char* end, size_t* length) {
  constexpr ptrdiff_t kLongest = 6;
  if (end - at < kLongest || *at++ != type) return nullptr;
  size_t number = static_cast<uint8_t>(*at++ - '0');
  if (number > 9) return nullptr;
  for (int i = 0; i < 2 && *at != '\r'; ++i) {
    const size_t digit = static_cast<uint8_t>(*at++ - '0');
    if (digit > 9 || number == 0) return nullptr;
    number = 10 * number + digit;
  }
  if (!IsCrlf(at)) return nullptr;
  *length = number;
  return at + kCrlf.size();
}

// So many bytes and what ends them.
const char* StepOverText(const char* at, const char* end, size_t bytes) {
  if (static_cast<size_t>(end - at) < bytes + kCrlf.size()) return nullptr;
  at += bytes;
  return IsCrlf(at) ? at + kCrlf.size() : nullptr;
}

bool IsHttp(std::string_view line) {
  const absl::string_view text(line.data(), line.size());
  return absl::StartsWithIgnoreCase(text, "POST ") || absl::StartsWithIgnoreCase(text, "Host:");
}

}  // namespace

RespParser::Result RespParser::Parse(std::string_view unread) {
  if (!error_.empty()) return Result::kError;
  if (finished_) StartCommand();
  if (unread.empty()) return Result::kNeedMore;
  finished_ = unread.front() == '*' ? ParseMultibulk(unread) : ParseInline(unread);
  if (finished_) return Result::kCommand;
  return error_.empty() ? Result::kNeedMore : Result::kError;
}

size_t RespParser::memory_bytes() const {
  return slices_.capacity() * sizeof(Slice) + args_.capacity() * sizeof(std::string_view) +
         unquoted_.capacity();
}

bool RespParser::TakeWhole(std::string_view unread) {
  const char* const end = unread.data() + unread.size();
  size_t count = 0;
  const char* at = StepOverLength('*', unread.data(), end, &count);
  if (at == nullptr || count > std::min<size_t>(kArgsAtAGlance, limits_.max_args)) return false;
  args_.resize(count);
  for (std::string_view& arg : args_) {
    size_t bytes = 0;
    const char* const text = StepOverLength('$', at, end, &bytes);
    if (text == nullptr || bytes > limits_.max_bulk_bytes) return false;
    at = StepOverText(text, end, bytes);
    if (at == nullptr) return false;
    arg = {text, bytes};
  }
  pos_ = static_cast<size_t>(at - unread.data());
  return pos_ <= limits_.max_command_bytes;
}

bool RespParser::ParseMultibulk(std::string_view unread) {
  if (pos_ == 0) {
    if (TakeWhole(unread)) return true;
    args_.clear();
    pos_ = 0;
    if (!ReadArgCount(unread)) return false;
  }
  while (slices_.size() < arg_count_) {
    if (!ReadArg(unread)) return false;
  }
  args_.reserve(slices_.size());
  for (const Slice& slice : slices_) args_.emplace_back(unread.data() + slice.begin, slice.size);
  return true;
}

bool RespParser::ReadArgCount(std::string_view unread) {
  int64_t count = 0;
  if (!ReadLength(unread, kArgCountTexts, &count)) return false;
  if (count > limits_.max_args) return FailOverLimit(kArgCountTexts);
  arg_count_ = count > 0 ? static_cast<size_t>(count) : 0;
  return true;
}

bool RespParser::ReadArg(std::string_view unread) {
  if (!bulk_bytes_ && !ReadBulkBytes(unread)) return false;
  const size_t end = pos_ + *bulk_bytes_;
  if (unread.size() < end + kCrlf.size()) return false;
  if (unread.substr(end, kCrlf.size()) != kCrlf) {
    return Fail("bulk string is not terminated by CRLF");
  }
  slices_.push_back({static_cast<uint32_t>(pos_), *bulk_bytes_});
  pos_ = end + kCrlf.size();
  bulk_bytes_.reset();
  return true;
}

bool RespParser::ReadBulkBytes(std::string_view unread) {
  if (unread.size() == pos_) return false;
  if (unread[pos_] != '$') return Fail(std::string("expected '$', got '") + unread[pos_] + "'");
  int64_t bytes = 0;
  if (!ReadLength(unread, kBulkTexts, &bytes)) return false;
  if (bytes < 0) return Fail(kBulkTexts.invalid);
  if (bytes > limits_.max_bulk_bytes) return FailOverLimit(kBulkTexts);
  // This bound, itself 32 bits, is what makes every offset fit into a Slice.
  if (pos_ + static_cast<size_t>(bytes) + kCrlf.size() > limits_.max_command_bytes) {
    return Fail("too big request");
  }
  bulk_bytes_ = static_cast<uint32_t>(bytes);
  return true;
}

// Reads "<type><number>\r\n" at pos_ and steps over it.
bool RespParser::ReadLength(std::string_view unread, const LengthTexts& texts, int64_t* length) {
  const std::string_view header = unread.substr(pos_, kMaxHeaderBytes);
  const size_t newline = header.find('\n');
  if (header.size() == kMaxHeaderBytes && newline == header.npos) return Fail(texts.too_long);
  if (newline == header.npos) return false;
  if (header[newline - 1] != '\r') return Fail(texts.invalid);
  const std::optional<int64_t> number = ParseCanonicalNumber(header.substr(1, newline - 2));
  if (!number) return Fail(texts.invalid);
  *length = *number;
  pos_ += newline + 1;
  return true;
}

bool RespParser::ParseInline(std::string_view unread) {
  // Only as far as the limit, so that the error does not depend on how the bytes arrived.
  const size_t window_bytes = size_t{limits_.max_inline_bytes} + 1 - pos_;
  const std::string_view window = unread.substr(pos_, window_bytes);
  const size_t newline = window.find('\n');
  const std::string_view fresh = window.substr(0, newline);
  if (fresh.find('\0') != fresh.npos) return Fail("NUL byte in inline request");
  pos_ += fresh.size();
  if (pos_ > limits_.max_inline_bytes) return Fail("too big inline request");
  if (newline == window.npos) return false;

  const std::string_view line = unread.substr(0, pos_);  // a CR at its end is a blank like others
  ++pos_;
  return SplitLine(line);
}

bool RespParser::SplitLine(std::string_view line) {
  if (IsHttp(line)) {
    error_ = kHttpError;
    return false;
  }
  for (;;) {
    line.remove_prefix(
        static_cast<size_t>(std::find_if_not(line.begin(), line.end(), IsBlank) - line.begin()));
    if (line.empty()) return true;
    if (args_.size() == limits_.max_args) return FailOverLimit(kArgCountTexts);
    const std::optional<std::string_view> word = TakeWord(&line);
    if (!word) return Fail("unbalanced quotes in request");
    args_.push_back(*word);
  }
}

// Nothing if the quotes do not balance.
std::optional<std::string_view> RespParser::TakeWord(std::string_view* line) {
  const auto stop =
      std::find_if(line->begin(), line->end(), [](char c) { return EndsWord(c) || IsQuote(c); });
  if (stop == line->end() || EndsWord(*stop)) {
    const std::string_view word = line->substr(0, static_cast<size_t>(stop - line->begin()));
    line->remove_prefix(word.size());
    return word;
  }
  // A word never grows by losing its quotes: with room for the rest of the line, unquoted_ does
  // not move under the views into it.
  unquoted_.reserve(unquoted_.size() + line->size());
  const size_t begin = unquoted_.size();
  if (!TakeWordWithQuotes(line, &unquoted_)) return std::nullopt;
  return std::string_view(unquoted_).substr(begin);
}

bool RespParser::FailOverLimit(const LengthTexts& texts) {
  return Fail(limits_.authenticated ? texts.invalid : texts.unauthenticated);
}

bool RespParser::Fail(std::string_view what) {
  error_.assign("ERR Protocol error: ").append(what);
  return false;
}

void RespParser::StartCommand() {
  pos_ = 0;
  finished_ = false;
  arg_count_ = 0;
  ClearAndTrim(&slices_, kKeptArgs);
  ClearAndTrim(&args_, kKeptArgs);
  ClearAndTrim(&unquoted_, kKeptUnquotedBytes);
}

}  // namespace idem::server
