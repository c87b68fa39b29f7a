// A word of at most 16 bytes in any letter case, packed into numbers: what names of commands and
// options are compared by, several times a command.
//
//   "get"         head = the first, the middle and the last byte, lower-cased
//   "xadd", "expire"
//                 head, tail = the first 4 and the last 4
//   "idem.begin"  head = the first 8, tail = the last 8; they overlap
//
// A longer word equals no short one, because its size differs.
//
// Thread-safe: a plain value.
#ifndef IDEM_SERVER_SHORT_WORD_H_
#define IDEM_SERVER_SHORT_WORD_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace idem::server {

class ShortWord {
 public:
  static constexpr size_t kLongest = 16;

  constexpr ShortWord() = default;
  constexpr explicit ShortWord(std::string_view text) : size_(text.size()) {
    const char* const begin = text.data();
    const char* const end = begin + text.size();
    if (text.size() > kLongest) return;
    if (text.size() >= 8) {
      head_ = LowerCased(Load(begin, 8));
      tail_ = LowerCased(Load(end - 8, 8));
    } else if (text.size() >= 4) {
      head_ = LowerCased(Load(begin, 4));
      tail_ = LowerCased(Load(end - 4, 4));
    } else if (!text.empty()) {
      const auto byte = [begin](size_t i) { return uint64_t{static_cast<uint8_t>(begin[i])}; };
      head_ = LowerCased(byte(0) | byte(text.size() / 2) << 8 | byte(text.size() - 1) << 16);
    }
  }
  // A literal.
  template <size_t kSize>
  consteval ShortWord(const char (&text)[kSize])  // NOLINT(google-explicit-constructor)
      : ShortWord(std::string_view(text, kSize - 1)) {
    static_assert(kSize - 1 <= kLongest);
  }

  constexpr bool operator==(const ShortWord&) const = default;

  // Its upper bits are well mixed.
  uint64_t hash() const { return ((head_ ^ size_) * kMix ^ tail_) * kMix; }

 private:
  static constexpr uint64_t kMix = 0x9e3779b97f4a7c15;  // 2^64 / the golden ratio

  static constexpr uint64_t Load(const char* from, size_t bytes) {
    uint64_t number = 0;
    if (!std::is_constant_evaluated()) {
      std::memcpy(&number, from, bytes);
      return number;
    }
    for (size_t i = bytes; i > 0; --i) number = number << 8 | static_cast<uint8_t>(from[i - 1]);
    return number;
  }

  // All eight bytes at once: the top bit of a byte of is_upper says that it is 'A' to 'Z'.
  static constexpr uint64_t LowerCased(uint64_t bytes) {
    constexpr uint64_t kEach = 0x0101010101010101;
    const uint64_t low_bits = bytes & (0x7f * kEach);
    const uint64_t from_a = low_bits + (0x80 - 'A') * kEach;
    const uint64_t beyond_z = low_bits + (0x7f - 'Z') * kEach;
    const uint64_t is_upper = from_a & ~beyond_z & ~bytes & (0x80 * kEach);
    return bytes | is_upper >> 2;
  }

  uint64_t head_ = 0;
  uint64_t tail_ = 0;
  uint64_t size_ = 0;
};

}  // namespace idem::server

#endif  // IDEM_SERVER_SHORT_WORD_H_
