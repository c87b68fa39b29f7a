// Little-endian integers in bytes, and a reader that cannot run over the end.
#ifndef IDEM_BASE_CODING_H_
#define IDEM_BASE_CODING_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace idem::engine {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are written as the machine stores");

template <typename T>
T Load(const char* from) {
  static_assert(std::is_integral_v<T>);
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

template <typename T>
void StoreAt(char* to, T value) {
  static_assert(std::is_integral_v<T>);
  std::memcpy(to, &value, sizeof(T));
}

// Unsigned integers of `kBytes` bytes, 0 .. 8. Put together in registers: copied into a larger
// integer they would go through memory, and to read at once what was written in two parts stalls.
template <size_t kBytes>
uint64_t LoadBytes(const char* from) {
  if constexpr (kBytes == 8) return Load<uint64_t>(from);
  if constexpr (kBytes >= 4) return Load<uint32_t>(from) | LoadBytes<kBytes - 4>(from + 4) << 32;
  if constexpr (kBytes >= 2) return Load<uint16_t>(from) | LoadBytes<kBytes - 2>(from + 2) << 16;
  if constexpr (kBytes == 1) return Load<uint8_t>(from);
  return 0;
}
template <size_t kBytes>
void StoreBytes(char* to, uint64_t value) {
  if constexpr (kBytes == 8) {
    StoreAt(to, value);
  } else if constexpr (kBytes >= 4) {
    StoreAt(to, static_cast<uint32_t>(value));
    StoreBytes<kBytes - 4>(to + 4, value >> 32);
  } else if constexpr (kBytes >= 2) {
    StoreAt(to, static_cast<uint16_t>(value));
    StoreBytes<kBytes - 2>(to + 2, value >> 16);
  } else if constexpr (kBytes == 1) {
    StoreAt(to, static_cast<uint8_t>(value));
  }
}

template <typename T>
void Append(std::string& to, T value) {
  char bytes[sizeof(T)];
  StoreAt(bytes, value);
  to.append(bytes, sizeof(T));
}

// Reads from the front of a view. After the first read beyond the end ok() is false and every
// later read gives zeros.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  template <typename T>
  T Read() {
    if (!Has(sizeof(T))) return T{};
    const T value = Load<T>(bytes_.data());
    bytes_.remove_prefix(sizeof(T));
    return value;
  }
  std::string_view ReadBytes(size_t length) {
    if (!Has(length)) return {};
    const std::string_view taken = bytes_.substr(0, length);
    bytes_.remove_prefix(length);
    return taken;
  }
  bool ok() const { return ok_; }
  size_t left() const { return bytes_.size(); }

 private:
  bool Has(size_t length) {
    if (bytes_.size() >= length) return true;
    ok_ = false;
    bytes_ = {};
    return false;
  }

  std::string_view bytes_;
  bool ok_ = true;
};

}  // namespace idem::engine

#endif  // IDEM_BASE_CODING_H_
