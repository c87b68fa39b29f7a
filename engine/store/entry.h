// How one entry stands in memory: a head of one cache line, the key, and a tail by state.
//
//    0 fingerprint 16       24 LSN 6          42 until 6           56 attempt 4
//   16 word 8 (below)       30 deadline 6     48 wheel tick 4      60 key bytes 2
//                           36 since 6        52 value bytes 4     62 code 2
//   64 key
//    + tail:  in progress, failed for retry   retention 8, owner digest 16 if there is one
//             finished, register              value up to 256 bytes | Body* 8 | checksum 8 if
//             omitted
//
//   word: | token 53 | state 3 | register | hold | owner | omitted | shared | scheduled | fp kind 2
//   |
//
// The tail of a finish without its body is as long as the shortest tail of a running claim, so such
// a finish always fits where the claim stood: COMPLETE needs no memory.
//
// Plain functions over bytes. The stripe's lock guards what they touch. An entry owns one reference
// of its shared Body.
#ifndef IDEM_STORE_ENTRY_H_
#define IDEM_STORE_ENTRY_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/coding.h"
#include "idem/answer.h"
#include "log/image.h"

namespace idem::engine {

inline constexpr size_t kEntryHeadBytes = 64;
// Longer values stand in a shared Body.
inline constexpr size_t kInlineValueBytesMax = Response::kInlineBytes;

// The bytes that `image` takes as an entry. Its value, if long, must stand in a Body.
size_t EntryBytes(const Image& image);

// Writes `image` at `to`; copies no reference of its Body. `image` may view the very entry it
// overwrites. Not scheduled afterwards: keeps no wheel tick.
void WriteEntry(const Image& image, Lsn lsn, char* to);
// Views the entry at `from`.
Image ReadEntry(const char* from);

inline std::string_view EntryKey(const char* entry) {
  return {entry + kEntryHeadBytes, Load<uint16_t>(entry + 60)};
}
inline Lsn EntryLsn(const char* entry) { return Load48(entry + 24); }
inline int64_t EntryDeadlineMs(const char* entry) {
  return static_cast<int64_t>(Load48(entry + 30));
}

// The tick under which the entry's item waits in the wheel.
struct WheelMark {
  bool scheduled = false;
  uint32_t tick = 0;
};
WheelMark EntryWheelMark(const char* entry);
void SetEntryWheelMark(char* entry, WheelMark mark);

}  // namespace idem::engine

#endif  // IDEM_STORE_ENTRY_H_
