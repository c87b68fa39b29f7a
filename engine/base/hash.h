// All hashing of the engine; the only room's file that knows xxHash (https://xxhash.com, XXH3).
#ifndef IDEM_BASE_HASH_H_
#define IDEM_BASE_HASH_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace idem::engine {

struct Hash128 {
  uint64_t low = 0;
  uint64_t high = 0;
  friend bool operator==(const Hash128&, const Hash128&) = default;
};

// Random bytes that key a hash, so that nobody outside can aim collisions.
using HashSecret = std::array<char, 192>;

HashSecret RandomSecret();
uint64_t Random64();

// Of a key in the table.
uint64_t KeyedHash64(const HashSecret& secret, std::string_view bytes);
// Of several parts, each with its length before it, under a domain, so that hashes made for
// different purposes never meet.
Hash128 KeyedHash128(const HashSecret& secret, uint64_t domain,
                     std::initializer_list<std::string_view> parts);

// Checksum of what stands in a file; the salt makes blocks of another file invalid.
uint64_t Checksum(uint64_t salt, std::string_view bytes);

}  // namespace idem::engine

#endif  // IDEM_BASE_HASH_H_
