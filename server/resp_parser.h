// Turns the bytes of a connection into commands: the request half of RESP.
//
// A request is a multibulk array of bulk strings, or one inline line that is split into words by
// the quoting rules of Redis:
//
//   *2\r\n$3\r\nGET\r\n$1\r\nk\r\n        GET k\r\n        GET "k\x01 \n" 'it\'s'\n
//
// The parser does no I/O and copies nothing. The connection owns one contiguous buffer and gives
// all bytes that no finished command has used yet; the arguments are views into that buffer:
//
//        consumed before │◄──────────── unread ────────────►│
//   buffer: ░░░░░░░░░░░░ │ *2\r\n$3\r\nGET\r\n$1048576\r\nab│..
//                                                 ▲ pos_: the next call goes on here
//
// Nearly every command is there as a whole, and short: that one is taken at a glance (TakeWhole).
// All others go the careful way, argument by argument, and it alone knows the errors.
//
// Between calls it remembers offsets, never pointers, so the buffer may grow or move. No byte is
// looked at more than twice, but for the at most 32 bytes of an unfinished length and the line of
// an inline command, which is split when it is whole: a command costs O(n) however it trickles in.
//
// Memory: what the parser holds grows with received bytes, never with a declared length: 8 bytes
// an argument while a command is unfinished, 16 more when it is whole. What an unusually large
// command needed is given back by the next Parse.
//
// Errors are fatal for the connection and repeat for ever: answer error() and close. The texts are
// those of Redis 7.0 where Redis has one. Where we are stricter: both bytes of every CRLF are
// checked, a length field longer than 32 bytes is refused at once, an inline line may hold no NUL,
// and the number of inline arguments is bounded too.
//
// Thread rule: none; a parser belongs to its connection.
#ifndef IDEM_SERVER_RESP_PARSER_H_
#define IDEM_SERVER_RESP_PARSER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace idem::server {

// What one command may cost. The defaults are those of Redis.
struct RespLimits {
  uint32_t max_args = 1024 * 1024;
  uint32_t max_bulk_bytes = 512u << 20;
  uint32_t max_inline_bytes = 64u << 10;     // without the newline
  uint32_t max_command_bytes = 1024u << 20;  // a multibulk command with all its framing
  bool authenticated = true;                 // chooses the text of an error, nothing else

  // For a client that has not given its password yet.
  static constexpr RespLimits BeforeAuth() {
    return {.max_args = 10,
            .max_bulk_bytes = 16u << 10,
            .max_inline_bytes = 16u << 10,
            .max_command_bytes = 64u << 10,
            .authenticated = false};
  }
};

class RespParser {
 public:
  enum class Result { kCommand, kNeedMore, kError };

  // error() when the client speaks HTTP: a browser or a forged request, worth a line in the log.
  static constexpr std::string_view kHttpError = "ERR HTTP request on a Redis port; closing";

  explicit RespParser(const RespLimits& limits) : limits_(limits) {}
  RespParser(const RespParser&) = delete;
  RespParser& operator=(const RespParser&) = delete;

  // `unread` begins with the first byte of the unfinished command. After kNeedMore call again with
  // the same bytes and more behind them, at the same or another address. After kCommand drop
  // consumed() bytes and call again.
  Result Parse(std::string_view unread);

  // The finished command; valid until the buffer changes or the next Parse. Empty for an empty
  // line, `*0` and `*-1`, which the caller skips.
  std::span<const std::string_view> args() const { return args_; }
  // Bytes of the finished command.
  size_t consumed() const { return pos_; }
  // After kError: the answer without its leading '-'. May hold any byte that the client sent.
  std::string_view error() const { return error_; }

  // Bytes held beyond the parser itself, so that a connection can be charged for them.
  size_t memory_bytes() const;

  // For the commands that follow; not while one is unfinished.
  void set_limits(const RespLimits& limits) { limits_ = limits; }

 private:
  struct Slice {
    uint32_t begin;
    uint32_t size;
  };
  struct LengthTexts;
  static const LengthTexts kArgCountTexts;
  static const LengthTexts kBulkTexts;

  // False: it is not that simple, and nothing has changed but args_.
  bool TakeWhole(std::string_view unread);
  // These return false when they need more bytes or have failed (then error_ is set).
  bool ParseMultibulk(std::string_view unread);
  bool ReadArgCount(std::string_view unread);
  bool ReadArg(std::string_view unread);
  bool ReadBulkBytes(std::string_view unread);
  bool ReadLength(std::string_view unread, const LengthTexts& texts, int64_t* length);
  bool ParseInline(std::string_view unread);
  bool SplitLine(std::string_view line);
  bool FailOverLimit(const LengthTexts& texts);
  bool Fail(std::string_view what);

  std::optional<std::string_view> TakeWord(std::string_view* line);
  void StartCommand();

  RespLimits limits_;
  size_t pos_ = 0;                      // bytes of `unread` that are done with
  bool finished_ = false;               // the last Parse gave a command
  size_t arg_count_ = 0;                // declared by the array header; known once pos_ > 0
  std::optional<uint32_t> bulk_bytes_;  // of the argument at pos_, once its header is read
  std::vector<Slice> slices_;           // finished arguments of an unfinished multibulk command
  std::vector<std::string_view> args_;
  std::string unquoted_;  // inline words that had quotes
  std::string error_;
};

}  // namespace idem::server

#endif  // IDEM_SERVER_RESP_PARSER_H_
