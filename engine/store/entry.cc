#include "store/entry.h"

#include <cstring>

#include "base/check.h"

namespace idem::engine {
namespace {

enum Offset : size_t {
  kFingerprint = 0,
  kWord = 16,
  kLsn = 24,
  kDeadline = 30,
  kSince = 36,
  kUntil = 42,
  kWheelTick = 48,
  kValueBytes = 52,
  kAttempt = 56,
  kKeyBytes = 60,
  kCode = 62,
};
static_assert(kCode + sizeof(uint16_t) == kEntryHeadBytes);

// The word, from its low end.
constexpr uint64_t kTokenMask = (uint64_t{1} << 53) - 1;
constexpr unsigned kStateShift = 53;
constexpr uint64_t kRegister = uint64_t{1} << 56;
constexpr uint64_t kHold = uint64_t{1} << 57;
constexpr uint64_t kOwner = uint64_t{1} << 58;
constexpr uint64_t kOmitted = uint64_t{1} << 59;
constexpr uint64_t kShared = uint64_t{1} << 60;
constexpr uint64_t kScheduled = uint64_t{1} << 61;
constexpr unsigned kFingerprintShift = 62;

constexpr size_t kRetentionBytes = 8;
constexpr size_t kChecksumBytes = 8;
static_assert(kChecksumBytes <= kRetentionBytes, "a finish without its body must fit");

bool Unfinished(const Image& image) { return image.kind == Kind::kRecord && !image.finished(); }

size_t TailBytes(const Image& image) {
  if (Unfinished(image)) return kRetentionBytes + (image.has_owner ? image.owner.size() : 0);
  if (image.value_omitted) return kChecksumBytes;
  if (image.value_body != nullptr) return sizeof(Body*);
  return image.value.size();
}

uint64_t Flag(bool set, uint64_t flag) { return set ? flag : 0; }

uint64_t WordOf(const Image& image) {
  return image.token | static_cast<uint64_t>(image.state) << kStateShift |
         Flag(image.kind == Kind::kRegister, kRegister) | Flag(image.hold, kHold) |
         Flag(image.has_owner, kOwner) | Flag(image.value_omitted, kOmitted) |
         Flag(image.value_body != nullptr, kShared) |
         static_cast<uint64_t>(image.fingerprint.kind) << kFingerprintShift;
}

void WriteTail(const Image& image, char* tail) {
  if (Unfinished(image)) {
    StoreAt(tail, image.retention_ms);
    if (image.has_owner)
      std::memcpy(tail + kRetentionBytes, image.owner.data(), sizeof(image.owner));
  } else if (image.value_omitted) {
    StoreAt(tail, image.omitted_checksum);
  } else if (image.value_body != nullptr) {
    StoreAt(tail, reinterpret_cast<uintptr_t>(image.value_body));
  } else if (!image.value.empty()) {
    std::memmove(tail, image.value.data(), image.value.size());
  }
}

void ReadTail(const char* tail, uint32_t value_bytes, bool shared, Image& image) {
  if (Unfinished(image)) {
    image.retention_ms = Load<int64_t>(tail);
    if (image.has_owner)
      std::memcpy(image.owner.data(), tail + kRetentionBytes, sizeof(image.owner));
  } else if (image.value_omitted) {
    image.omitted_bytes = value_bytes;
    image.omitted_checksum = Load<uint64_t>(tail);
  } else if (shared) {
    image.value_body = reinterpret_cast<Body*>(Load<uintptr_t>(tail));
    image.value = image.value_body->bytes();
  } else {
    image.value = {tail, value_bytes};
  }
}

}  // namespace

size_t EntryBytes(const Image& image) {
  return kEntryHeadBytes + image.key.size() + TailBytes(image);
}

void WriteEntry(const Image& image, Lsn lsn, char* to) {
  IDEM_CHECK(image.value_body != nullptr || image.value.size() <= kInlineValueBytesMax);
  // The views may point into this very entry, at the places where they are written again.
  char* const key = to + kEntryHeadBytes;
  std::memmove(key, image.key.data(), image.key.size());
  WriteTail(image, key + image.key.size());
  const uint64_t value_bytes = image.value_omitted ? image.omitted_bytes : image.value.size();
  StoreAt(to + kFingerprint, image.fingerprint.low);
  StoreAt(to + kFingerprint + 8, image.fingerprint.high);
  StoreAt(to + kWord, WordOf(image));
  Store48(to + kLsn, lsn);
  Store48(to + kDeadline, static_cast<uint64_t>(image.deadline_ms));
  Store48(to + kSince, static_cast<uint64_t>(image.since_ms));
  Store48(to + kUntil, static_cast<uint64_t>(image.until_ms));
  StoreAt(to + kWheelTick, uint32_t{0});
  StoreAt(to + kValueBytes, static_cast<uint32_t>(value_bytes));
  StoreAt(to + kAttempt, image.attempt);
  StoreAt(to + kKeyBytes, static_cast<uint16_t>(image.key.size()));
  StoreAt(to + kCode, image.code);
}

Image ReadEntry(const char* from) {
  const uint64_t word = Load<uint64_t>(from + kWord);
  Image image;
  image.key = EntryKey(from);
  image.kind = (word & kRegister) != 0 ? Kind::kRegister : Kind::kRecord;
  image.token = word & kTokenMask;
  image.state = static_cast<State>(word >> kStateShift & 7);
  image.hold = (word & kHold) != 0;
  image.has_owner = (word & kOwner) != 0;
  image.value_omitted = (word & kOmitted) != 0;
  image.fingerprint = {Load<uint64_t>(from + kFingerprint), Load<uint64_t>(from + kFingerprint + 8),
                       static_cast<Fingerprint::Kind>(word >> kFingerprintShift)};
  image.deadline_ms = EntryDeadlineMs(from);
  image.since_ms = static_cast<int64_t>(Load48(from + kSince));
  image.until_ms = static_cast<int64_t>(Load48(from + kUntil));
  image.attempt = Load<uint32_t>(from + kAttempt);
  image.code = Load<uint16_t>(from + kCode);
  ReadTail(image.key.data() + image.key.size(), Load<uint32_t>(from + kValueBytes),
           (word & kShared) != 0, image);
  return image;
}

WheelMark EntryWheelMark(const char* entry) {
  return {(Load<uint64_t>(entry + kWord) & kScheduled) != 0, Load<uint32_t>(entry + kWheelTick)};
}

void SetEntryWheelMark(char* entry, WheelMark mark) {
  const uint64_t word = Load<uint64_t>(entry + kWord) & ~kScheduled;
  StoreAt(entry + kWord, word | Flag(mark.scheduled, kScheduled));
  StoreAt(entry + kWheelTick, mark.tick);
}

}  // namespace idem::engine
