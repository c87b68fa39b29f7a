// What a request looked like: the same key with another fingerprint is another request.
//
// A Fingerprint is made by a Store (Store::FingerprintOf, Store::FingerprintOfDigest), because both
// kinds are keyed by the store's secret: nobody outside can search for two requests that collide.
// The secret is kept in the store's directory, so fingerprints hold across restarts; a store in
// memory mode makes a new one each time. A plain value; copies are independent.
#ifndef IDEM_FINGERPRINT_H_
#define IDEM_FINGERPRINT_H_

#include <cstdint>

namespace idem {

struct Fingerprint {
  enum class Kind : uint8_t {
    kNone = 0,    // the caller gave none: matches only a claim that gave none either
    kBody = 1,    // hashed here from the request's parts
    kDigest = 2,  // the caller's own digest
  };

  // 128 bits of XXH3 (https://xxhash.com), keyed. Both 0 when kind is kNone.
  uint64_t low = 0;
  uint64_t high = 0;
  Kind kind = Kind::kNone;

  friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};

}  // namespace idem

#endif  // IDEM_FINGERPRINT_H_
