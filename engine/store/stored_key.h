// A key as entries hold it: the canonical text of a UUID as its 16 bytes, any other as it is.
//
//   "0190a3f4-7c1e-7b52-9d3e-5f60718293a4"  ->  01 90 a3 f4 7c 1e 7b 52 9d 3e 5f 60 71 82 93 a4
//
// Only lower case digits in the groups 8-4-4-4-12 are packed, so that unpacking gives the same text
// again. Packed or not is part of the key: 16 raw bytes are another key than the text they spell.
//
// A plain value that views the text it was made of. Thread-safe.
#ifndef IDEM_STORE_STORED_KEY_H_
#define IDEM_STORE_STORED_KEY_H_

#include <array>
#include <cstddef>
#include <string_view>

namespace idem::engine {

inline constexpr size_t kUuidBytes = 16;
inline constexpr size_t kUuidTextBytes = 36;
using UuidText = std::array<char, kUuidTextBytes>;

class StoredKey {
 public:
  StoredKey() = default;
  // `text` must outlive this.
  explicit StoredKey(std::string_view text);

  bool packed() const { return packed_; }
  std::string_view bytes() const {
    return packed_ ? std::string_view(uuid_.data(), uuid_.size()) : text_;
  }
  std::string_view text() const { return text_; }

  // The text that was packed into these kUuidBytes.
  static void Unpack(const char* bytes, UuidText& text);

 private:
  std::string_view text_;
  std::array<char, kUuidBytes> uuid_{};
  bool packed_ = false;
};

}  // namespace idem::engine

#endif  // IDEM_STORE_STORED_KEY_H_
