// How one entry stands in memory: a head, the key, and a tail by state.
//
//   every entry                     a record, too                    then
//    0 word 8 (below)               24 code 2                        key (a UUID's text packed: 16)
//    8 LSN 6                        26 span 4: deadline - since,     tail
//   14 deadline 6                      when finished
//   20 sizes 4 (below)              30 fingerprint 16, if it has one
//
//   word    | token 53 | state 3 | hold | owner | omitted | shared | repeated | packed | print 2 |
//           the states after the last one of records are a register, a seen id (hold: its refreshes
//           are capped), a sequence; print: its kind
//   sizes   | key bytes - 1: 10 | value bytes: 9 | span, bit 32: 1 | wheel mark: 12 |
//
//   tail    attempt 4, if not 1 (repeated), and
//           in progress, failed for retry   since 5, until 5, retention 5, owner digest 16 if any
//           and then                        value up to 256 bytes | Body* 8 | size 4 and checksum 8
//                                           if omitted. Of an unfinished record: its steps
//           seen id                         until 5, if capped
//           sequence                        epoch 4, next 8, ahead 8
//
// So a finished record with a UUID as its key and a fingerprint takes 62 bytes and its response:
// 16 key, 16 fingerprint, 8 word, 6 LSN, 10 times, 4 sizes, 2 code. A UUID as a seen id takes 40,
// 45 once it is refreshed; a producer that one names 60. All times are ms of store time.
//
// The tail of a finish without its body is no longer than the shortest one of a running claim, so
// such a finish always fits where the claim stood: COMPLETE needs no memory.
//
// Plain functions over bytes. The stripe's lock guards what they touch. An entry owns one reference
// of its shared Body.
#ifndef IDEM_STORE_ENTRY_H_
#define IDEM_STORE_ENTRY_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/coding.h"
#include "idem/answer.h"
#include "log/image.h"
#include "store/stored_key.h"

namespace idem::engine {

// Longer values stand in a shared Body.
inline constexpr size_t kInlineValueBytesMax = Response::kInlineBytes;
// Deadlines are below the first, other times below the second: 34 years of an open store.
inline constexpr int64_t kDeadlineLimitMs = int64_t{1} << 47;
inline constexpr int64_t kEntryTimeLimitMs = int64_t{1} << 40;

// Whether an entry can hold what the image says; what transitions make always can.
bool FitsEntry(const Image& image);
// The bytes that `image` takes as an entry. Its value, if long, must stand in a Body.
size_t EntryBytes(const Image& image, const StoredKey& key);

// Writes `image`, whose key is `key`, at `to`; copies no reference of its Body. The value may view
// the very entry it overwrites. Not scheduled afterwards: keeps no wheel mark.
void WriteEntry(const Image& image, const StoredKey& key, Lsn lsn, char* to);
// Views the entry at `from`, all but its key.
Image ReadEntry(const char* from);

bool EntryHasKey(const char* entry, const StoredKey& key);
// The key's bytes as they are hashed: those of a UUID packed.
std::string_view EntryKeyBytes(const char* entry);
// The key as it was given; `buffer` holds it if it was packed.
std::string_view EntryKeyText(const char* entry, UuidText& buffer);
inline Lsn EntryLsn(const char* entry) { return LoadBytes<6>(entry + 8); }
inline int64_t EntryDeadlineMs(const char* entry) {
  return static_cast<int64_t>(LoadBytes<6>(entry + 14));
}

// What the wheel calls the place where the entry's item waits; 0: none does.
inline uint16_t EntryWheelMark(const char* entry) {
  return static_cast<uint16_t>(Load<uint32_t>(entry + 20) >> 20);
}
void SetEntryWheelMark(char* entry, uint16_t mark);

// Lines of the cache on which an entry stands: all that is before its value; and all of it, with a
// response of some 100 bytes.
inline constexpr size_t kEntryHeadLines = 2;
inline constexpr size_t kEntryLines = 4;
// Has them fetched.
inline void PrefetchEntry(const char* entry, size_t lines = kEntryLines) {
  constexpr size_t kLineBytes = 64;
  for (size_t line = 0; line < lines; ++line) __builtin_prefetch(entry + line * kLineBytes, 1);
}

}  // namespace idem::engine

#endif  // IDEM_STORE_ENTRY_H_
