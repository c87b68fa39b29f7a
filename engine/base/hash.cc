#include "base/hash.h"

#include <random>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace idem::engine {

uint64_t Random64() {
  static thread_local std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

HashSecret RandomSecret() {
  HashSecret secret;
  for (size_t i = 0; i < secret.size(); i += sizeof(uint64_t)) {
    const uint64_t word = Random64();
    __builtin_memcpy(secret.data() + i, &word, sizeof(word));
  }
  return secret;
}

uint64_t KeyedHash64(const HashSecret& secret, std::string_view bytes) {
  return XXH3_64bits_withSecret(bytes.data(), bytes.size(), secret.data(), secret.size());
}

Hash128 KeyedHash128(const HashSecret& secret, uint64_t domain,
                     std::initializer_list<std::string_view> parts) {
  XXH3_state_t state;
  XXH3_128bits_reset_withSecret(&state, secret.data(), secret.size());
  XXH3_128bits_update(&state, &domain, sizeof(domain));
  for (std::string_view part : parts) {
    const uint64_t length = part.size();
    XXH3_128bits_update(&state, &length, sizeof(length));
    XXH3_128bits_update(&state, part.data(), part.size());
  }
  const XXH128_hash_t hash = XXH3_128bits_digest(&state);
  return {hash.low64, hash.high64};
}

uint64_t Checksum(uint64_t salt, std::string_view bytes) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), salt);
}

}  // namespace idem::engine
