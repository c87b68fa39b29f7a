// The keys that benchmarks use: number i of a seed is always the same canonical UUID text, as
// random as a real one, so a later run can name the keys of an earlier one without a list of them.
//
// The response of a key begins with the key, or with as much of it as it has room for, so that an
// answer meant for another one is noticed.
#ifndef IDEM_BENCH_KEY_SPACE_H_
#define IDEM_BENCH_KEY_SPACE_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace idem::bench {

constexpr size_t kKeyBytes = 36;
using Key = std::array<char, kKeyBytes>;

inline std::string_view View(const Key& key) { return {key.data(), key.size()}; }

// SplitMix64 (Steele, Lea, Flood 2014).
inline uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

namespace internal {

constexpr auto kHexPairs = [] {
  std::array<std::array<char, 2>, 256> pairs{};
  for (size_t byte = 0; byte < pairs.size(); ++byte) {
    pairs[byte] = {"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
  }
  return pairs;
}();

inline char* WriteHex(uint64_t value, size_t bytes, char* out) {
  for (; bytes > 0; --bytes, value <<= 8, out += 2) {
    std::memcpy(out, kHexPairs[value >> 56].data(), 2);
  }
  return out;
}

}  // namespace internal

class KeySpace {
 public:
  explicit KeySpace(uint64_t seed) : base_(Mix(seed) << 1) {}

  Key KeyOf(uint64_t number) const {
    constexpr uint64_t kVersion4 = 0x4000;
    constexpr uint64_t kVariant = uint64_t{0b10} << 62;
    const uint64_t high = (Mix(base_ + 2 * number) & ~uint64_t{0xf000}) | kVersion4;
    const uint64_t low = (Mix(base_ + 2 * number + 1) & ~(uint64_t{0b11} << 62)) | kVariant;
    Key key;
    char* out = internal::WriteHex(high, 4, key.data());
    *out++ = '-';
    out = internal::WriteHex(high << 32, 2, out);
    *out++ = '-';
    out = internal::WriteHex(high << 48, 2, out);
    *out++ = '-';
    out = internal::WriteHex(low, 2, out);
    *out++ = '-';
    internal::WriteHex(low << 16, 6, out);
    return key;
  }

 private:
  uint64_t base_;
};

// Responses of one size.
class ResponseShape {
 public:
  explicit ResponseShape(size_t bytes)
      : key_bytes_(std::min(bytes, kKeyBytes)), filler_(bytes - key_bytes_, 'r') {}

  size_t bytes() const { return key_bytes_ + filler_.size(); }
  void AppendTo(std::string* out, const Key& key) const {
    out->append(View(key).substr(0, key_bytes_)).append(filler_);
  }
  bool Matches(const Key& key, std::string_view response) const {
    return response.size() == bytes() && response.starts_with(View(key).substr(0, key_bytes_)) &&
           response.ends_with(filler_);
  }

 private:
  size_t key_bytes_;
  std::string filler_;
};

}  // namespace idem::bench

#endif  // IDEM_BENCH_KEY_SPACE_H_
