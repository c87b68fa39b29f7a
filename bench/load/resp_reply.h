// One reply of a server that speaks RESP2, read in place.
//
// A reply is told as a flat list: the reply itself, and if that is an array, its elements behind
// it (nested ones behind theirs). The views point into the bytes that were read.
#ifndef IDEM_BENCH_LOAD_RESP_REPLY_H_
#define IDEM_BENCH_LOAD_RESP_REPLY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace idem::bench {

struct RespItem {
  char type = 0;          // '+' '-' ':' '$' '*', or '_' for either null
  int64_t integer = 0;    // of ':', or the length of '$' and '*'
  std::string_view text;  // of '+', '-' and '$'
};

struct RespReply {
  static constexpr size_t kMaxItems = 8;  // further ones are read but not kept

  std::array<RespItem, kMaxItems> items;
  size_t count = 0;

  const RespItem& head() const { return items[0]; }
  bool Is(char type, std::string_view text) const {
    return head().type == type && head().text == text;
  }
  // An array that begins with the bulk string `word`.
  bool BeginsWith(std::string_view word) const {
    return head().type == '*' && count > 1 && items[1].type == '$' && items[1].text == word;
  }
};

// Reads the reply at the front of `bytes` and returns its length: 0 if more bytes are needed,
// nothing if this is not RESP.
std::optional<size_t> ReadReply(std::string_view bytes, RespReply* reply);

}  // namespace idem::bench

#endif  // IDEM_BENCH_LOAD_RESP_REPLY_H_
