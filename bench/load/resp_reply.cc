#include "bench/load/resp_reply.h"

namespace idem::bench {
namespace {

// Nothing if it is none. Numbers beyond 18 digits are not for us.
std::optional<int64_t> ReadNumber(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text.empty() || text.size() > 18) return std::nullopt;
  int64_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    number = 10 * number + (c - '0');
  }
  return negative ? -number : number;
}

// Lines are so short that a search of another kind costs more.
size_t EndOfLine(std::string_view bytes) {
  size_t end = 0;
  while (end < bytes.size() && bytes[end] != '\r') ++end;
  return end;
}

// Reads one item; arrays only as far as their length.
std::optional<size_t> ReadItem(std::string_view bytes, RespItem* item) {
  const size_t end = EndOfLine(bytes);
  if (end + 1 >= bytes.size()) return 0;
  const std::string_view line = bytes.substr(1, end - 1);
  size_t used = end + 2;
  *item = {.type = bytes[0], .integer = 0, .text = line};
  if (item->type == '+' || item->type == '-') return used;

  const std::optional<int64_t> number = ReadNumber(line);
  if (!number) return std::nullopt;
  item->integer = *number;
  if (item->type == ':') return used;
  if (item->type != '$' && item->type != '*') return std::nullopt;
  if (item->integer < 0) {
    item->type = '_';
  } else if (item->type == '$') {
    const auto length = static_cast<size_t>(item->integer);
    if (bytes.size() < used + length + 2) return 0;
    item->text = bytes.substr(used, length);
    used += length + 2;
  }
  return used;
}

}  // namespace

std::optional<size_t> ReadReply(std::string_view bytes, RespReply* reply) {
  reply->count = 0;
  size_t used = 0;
  for (int64_t wanted = 1; wanted > 0; --wanted) {
    RespItem item;
    const std::optional<size_t> length =
        used < bytes.size() ? ReadItem(bytes.substr(used), &item) : 0;
    if (!length || *length == 0) return length;
    used += *length;
    if (item.type == '*') wanted += item.integer;
    if (reply->count < RespReply::kMaxItems) reply->items[reply->count++] = item;
  }
  return used;
}

}  // namespace idem::bench
