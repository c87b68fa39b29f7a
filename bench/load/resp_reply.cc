#include "bench/load/resp_reply.h"

#include <charconv>

namespace idem::bench {
namespace {

// Reads one item; arrays only as far as their length.
std::optional<size_t> ReadItem(std::string_view bytes, RespItem* item) {
  const size_t end = bytes.find('\r');
  if (end == bytes.npos || end + 1 >= bytes.size()) return 0;
  const std::string_view line = bytes.substr(1, end - 1);
  size_t used = end + 2;
  *item = {.type = bytes[0], .integer = 0, .text = line};
  if (item->type == '+' || item->type == '-') return used;

  const auto [stop, error] = std::from_chars(line.begin(), line.end(), item->integer);
  if (error != std::errc() || stop != line.end()) return std::nullopt;
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
