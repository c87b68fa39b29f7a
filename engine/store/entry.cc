#include "store/entry.h"

#include <cstring>

#include "base/check.h"
#include "base/coding.h"
#include "store/limits.h"
#include "timer/timing_wheel.h"

namespace idem::engine {
namespace {

constexpr size_t kDeadlineBytes = 6;
constexpr size_t kTimeBytes = 5;
constexpr size_t kLsnBytes = 6;
constexpr size_t kFingerprintBytes = 16;

enum Offset : size_t {
  kWord = 0,
  kLsn = 8,
  kDeadline = 14,
  kSizes = 20,
  kHeadEnd = 24,
  kCode = 24,
  kSpan = 26,
  kRecordHeadEnd = 30,
};
static_assert(kDeadline + kDeadlineBytes == kSizes && kLsn + kLsnBytes == kDeadline);
static_assert(kLsn == 8 && kDeadline == 14 && kSizes == 20, "as in entry.h");
static_assert(kEntryTimeLimitMs == int64_t{1} << 8 * kTimeBytes);

// The word, from its low end.
constexpr unsigned kTokenBits = 53;
constexpr uint64_t kTokenMask = (uint64_t{1} << kTokenBits) - 1;
constexpr uint64_t kRegisterState = 5;
constexpr uint64_t kSeenState = 6;
constexpr uint64_t kSequenceState = 7;
static_assert(static_cast<uint64_t>(State::kFailedRetry) < kRegisterState && kSequenceState < 8);
constexpr uint64_t kHold = uint64_t{1} << 56;
constexpr uint64_t kCapped = kHold;  // of a seen id
constexpr uint64_t kOwner = uint64_t{1} << 57;
constexpr uint64_t kOmitted = uint64_t{1} << 58;
constexpr uint64_t kShared = uint64_t{1} << 59;
constexpr uint64_t kRepeated = uint64_t{1} << 60;
constexpr uint64_t kPacked = uint64_t{1} << 61;
constexpr unsigned kFingerprintShift = 62;

// The sizes, from their low end.
constexpr unsigned kKeyBits = 10;
constexpr unsigned kValueShift = kKeyBits;
constexpr unsigned kValueBits = 9;
constexpr unsigned kSpanShift = kValueShift + kValueBits;
constexpr unsigned kMarkShift = kSpanShift + 1;
static_assert(kMarkShift == 20, "as in entry.h");
constexpr uint32_t kMarkMask = ~uint32_t{0} << kMarkShift;
constexpr uint32_t kKeyMask = (1u << kKeyBits) - 1;
static_assert(kKeyBytesMax == 1u << kKeyBits && kInlineValueBytesMax < 1u << kValueBits);
static_assert(TimingWheel::kMarkMax < 1u << (32 - kMarkShift));
static_assert(kRetentionMsMax < int64_t{1} << 33, "a span has 33 bits");
static_assert(kDeadlineMsMax < kDeadlineLimitMs - kEntryTimeLimitMs);

constexpr size_t kAttemptBytes = 4;
constexpr size_t kRunningBytes = 3 * kTimeBytes;
constexpr size_t kOmittedBytes = 4 + 8;
constexpr size_t kSequenceBytes = 4 + 8 + 8;
static_assert(kOmittedBytes <= kRunningBytes, "a finish without its body must fit");

bool Unfinished(const Image& image) { return image.kind == Kind::kRecord && !image.finished(); }
// Of a register there is none.
bool Repeated(const Image& image) { return image.kind == Kind::kRecord && image.attempt != 1; }

size_t KeyOffset(bool is_record, bool has_fingerprint) {
  return (is_record ? kRecordHeadEnd : kHeadEnd) + (has_fingerprint ? kFingerprintBytes : 0);
}

uint64_t StateIn(uint64_t word) { return word >> kTokenBits & 7; }

size_t KeyOffsetIn(uint64_t word) {
  return KeyOffset(StateIn(word) < kRegisterState, word >> kFingerprintShift != 0);
}

size_t KeyBytesIn(const char* entry) { return (Load<uint32_t>(entry + kSizes) & kKeyMask) + 1; }

// Of the tail.
size_t BytesBeforeValue(const Image& image) {
  const size_t attempt = Repeated(image) ? kAttemptBytes : 0;
  if (!Unfinished(image)) return attempt;
  return attempt + kRunningBytes + (image.has_owner ? image.owner.size() : 0);
}

size_t TailBytes(const Image& image) {
  if (image.kind == Kind::kSeen) return image.until_ms == 0 ? 0 : kTimeBytes;
  if (image.kind == Kind::kSequence) return kSequenceBytes;
  const size_t before_value = BytesBeforeValue(image);
  if (image.value_omitted) return before_value + kOmittedBytes;
  if (image.value_body != nullptr) return before_value + sizeof(Body*);
  return before_value + image.value.size();
}

uint64_t Flag(bool set, uint64_t flag) { return set ? flag : 0; }

uint64_t StateOf(const Image& image) {
  if (image.kind == Kind::kRecord) return static_cast<uint64_t>(image.state);
  if (image.kind == Kind::kRegister) return kRegisterState;
  return image.kind == Kind::kSeen ? kSeenState : kSequenceState;
}

uint64_t WordOf(const Image& image, bool packed) {
  const bool capped = image.kind == Kind::kSeen && image.until_ms != 0;
  return image.token | StateOf(image) << kTokenBits | Flag(image.hold || capped, kHold) |
         Flag(image.has_owner, kOwner) | Flag(image.value_omitted, kOmitted) |
         Flag(image.value_body != nullptr, kShared) | Flag(Repeated(image), kRepeated) |
         Flag(packed, kPacked) | static_cast<uint64_t>(image.fingerprint.kind) << kFingerprintShift;
}

int64_t SpanOf(const Image& image) {
  return image.finished() ? image.deadline_ms - image.since_ms : 0;
}

uint32_t SizesOf(const Image& image, const StoredKey& key) {
  const bool is_inline = image.value_body == nullptr && !image.value_omitted;
  const size_t value_bytes = is_inline ? image.value.size() : 0;
  return static_cast<uint32_t>(key.bytes().size() - 1) |
         static_cast<uint32_t>(value_bytes) << kValueShift |
         static_cast<uint32_t>(SpanOf(image) >> 32) << kSpanShift;
}

char* PutTime(char* to, int64_t ms) {
  StoreBytes<kTimeBytes>(to, static_cast<uint64_t>(ms));
  return to + kTimeBytes;
}
int64_t TimeAt(const char* from) { return static_cast<int64_t>(LoadBytes<kTimeBytes>(from)); }

void WriteSequence(const Sequence& sequence, char* to) {
  StoreAt(to, sequence.epoch);
  StoreAt(to + 4, sequence.next);
  StoreAt(to + 12, sequence.ahead);
}

Sequence SequenceAt(const char* from) {
  return {Load<uint32_t>(from), Load<uint64_t>(from + 4), Load<uint64_t>(from + 12)};
}

void WriteTail(const Image& image, char* tail) {
  if (image.kind == Kind::kSequence) return WriteSequence(image.sequence, tail);
  if (image.kind == Kind::kSeen) {
    if (image.until_ms != 0) PutTime(tail, image.until_ms);
    return;
  }
  if (Repeated(image)) {
    StoreAt(tail, image.attempt);
    tail += kAttemptBytes;
  }
  if (Unfinished(image)) {
    tail = PutTime(tail, image.since_ms);
    tail = PutTime(tail, image.until_ms);
    tail = PutTime(tail, image.retention_ms);
    if (image.has_owner) {
      std::memcpy(tail, image.owner.data(), sizeof(image.owner));
      tail += sizeof(image.owner);
    }
  }
  if (image.value_omitted) {
    StoreAt(tail, static_cast<uint32_t>(image.omitted_bytes));
    StoreAt(tail + sizeof(uint32_t), image.omitted_checksum);
  } else if (image.value_body != nullptr) {
    StoreAt(tail, reinterpret_cast<uintptr_t>(image.value_body));
  }
}

void ReadTail(const char* tail, uint64_t word, size_t value_bytes, Image& image) {
  if ((word & kRepeated) != 0) {
    image.attempt = Load<uint32_t>(tail);
    tail += kAttemptBytes;
  }
  if (Unfinished(image)) {
    image.since_ms = TimeAt(tail);
    image.until_ms = TimeAt(tail + kTimeBytes);
    image.retention_ms = TimeAt(tail + 2 * kTimeBytes);
    tail += kRunningBytes;
    if (image.has_owner) {
      std::memcpy(image.owner.data(), tail, sizeof(image.owner));
      tail += sizeof(image.owner);
    }
  }
  if (image.value_omitted) {
    image.omitted_bytes = Load<uint32_t>(tail);
    image.omitted_checksum = Load<uint64_t>(tail + sizeof(uint32_t));
  } else if ((word & kShared) != 0) {
    image.value_body = reinterpret_cast<Body*>(Load<uintptr_t>(tail));
    image.value = image.value_body->bytes();
  } else {
    image.value = {tail, value_bytes};
  }
}

// A seen id or a sequence.
void ReadDedup(const char* tail, uint64_t word, Image& image) {
  if (StateIn(word) == kSequenceState) {
    image.kind = Kind::kSequence;
    image.sequence = SequenceAt(tail);
  } else {
    image.kind = Kind::kSeen;
    if ((word & kCapped) != 0) image.until_ms = TimeAt(tail);
  }
}

void ReadRecordHead(const char* from, uint64_t word, Image& image) {
  image.kind = Kind::kRecord;
  image.state = static_cast<State>(StateIn(word));
  image.attempt = 1;
  image.code = Load<uint16_t>(from + kCode);
  image.fingerprint.kind = static_cast<Fingerprint::Kind>(word >> kFingerprintShift);
  if (image.fingerprint.kind != Fingerprint::Kind::kNone) {
    image.fingerprint.low = Load<uint64_t>(from + kRecordHeadEnd);
    image.fingerprint.high = Load<uint64_t>(from + kRecordHeadEnd + 8);
  }
  if (!image.finished()) return;
  const uint64_t high = Load<uint32_t>(from + kSizes) >> kSpanShift & 1;
  const uint64_t span = high << 32 | Load<uint32_t>(from + kSpan);
  image.since_ms = image.deadline_ms - static_cast<int64_t>(span);
}

void WriteRecordHead(const Image& image, char* to) {
  StoreAt(to + kCode, image.code);
  StoreAt(to + kSpan, static_cast<uint32_t>(SpanOf(image)));
  if (image.fingerprint.kind == Fingerprint::Kind::kNone) return;
  StoreAt(to + kRecordHeadEnd, image.fingerprint.low);
  StoreAt(to + kRecordHeadEnd + 8, image.fingerprint.high);
}

}  // namespace

bool FitsEntry(const Image& image) {
  if (image.deadline_ms < 0 || image.deadline_ms >= kDeadlineLimitMs) return false;
  for (const int64_t ms : {image.since_ms, image.until_ms, image.retention_ms}) {
    if (ms < 0 || ms >= kEntryTimeLimitMs) return false;
  }
  const int64_t span = SpanOf(image);
  return span >= 0 && span < int64_t{1} << 33 && image.omitted_bytes <= ~uint32_t{0};
}

size_t EntryBytes(const Image& image, const StoredKey& key) {
  return KeyOffset(image.kind == Kind::kRecord,
                   image.fingerprint.kind != Fingerprint::Kind::kNone) +
         key.bytes().size() + TailBytes(image);
}

void WriteEntry(const Image& image, const StoredKey& key, Lsn lsn, char* to) {
  IDEM_CHECK(FitsEntry(image));
  const uint64_t word = WordOf(image, key.packed());
  char* const key_at = to + KeyOffsetIn(word);
  char* const tail = key_at + key.bytes().size();
  const bool has_inline_value = image.value_body == nullptr;
  IDEM_CHECK(!has_inline_value || image.value.size() <= kInlineValueBytesMax);
  // First, as it may stand in this very entry.
  if (has_inline_value && !image.value.empty()) {
    std::memmove(tail + BytesBeforeValue(image), image.value.data(), image.value.size());
  }
  StoreAt(to + kWord, word);
  StoreBytes<kLsnBytes>(to + kLsn, lsn);
  StoreBytes<kDeadlineBytes>(to + kDeadline, static_cast<uint64_t>(image.deadline_ms));
  StoreAt(to + kSizes, SizesOf(image, key));
  if (image.kind == Kind::kRecord) WriteRecordHead(image, to);
  std::memcpy(key_at, key.bytes().data(), key.bytes().size());
  WriteTail(image, tail);
}

Image ReadEntry(const char* from) {
  const uint64_t word = Load<uint64_t>(from + kWord);
  const uint32_t sizes = Load<uint32_t>(from + kSizes);
  Image image;
  image.token = word & kTokenMask;
  image.deadline_ms = EntryDeadlineMs(from);
  const char* const tail = from + KeyOffsetIn(word) + (sizes & kKeyMask) + 1;
  if (StateIn(word) > kRegisterState) {
    ReadDedup(tail, word, image);
    return image;
  }
  image.hold = (word & kHold) != 0;
  image.has_owner = (word & kOwner) != 0;
  image.value_omitted = (word & kOmitted) != 0;
  if (StateIn(word) == kRegisterState) {
    image.kind = Kind::kRegister;
  } else {
    ReadRecordHead(from, word, image);
  }
  ReadTail(tail, word, sizes >> kValueShift & ((1u << kValueBits) - 1), image);
  return image;
}

bool EntryHasKey(const char* entry, const StoredKey& key) {
  const uint64_t word = Load<uint64_t>(entry + kWord);
  const char* const at = entry + KeyOffsetIn(word);
  const std::string_view bytes = key.bytes();
  if (((word & kPacked) != 0) != key.packed()) return false;
  if (key.packed()) return std::memcmp(at, bytes.data(), kUuidBytes) == 0;
  return KeyBytesIn(entry) == bytes.size() && std::memcmp(at, bytes.data(), bytes.size()) == 0;
}

std::string_view EntryKeyBytes(const char* entry) {
  return {entry + KeyOffsetIn(Load<uint64_t>(entry + kWord)), KeyBytesIn(entry)};
}

std::string_view EntryKeyText(const char* entry, UuidText& buffer) {
  const uint64_t word = Load<uint64_t>(entry + kWord);
  const char* const key = entry + KeyOffsetIn(word);
  if ((word & kPacked) == 0) return {key, KeyBytesIn(entry)};
  StoredKey::Unpack(key, buffer);
  return {buffer.data(), buffer.size()};
}

void SetEntryWheelMark(char* entry, uint16_t mark) {
  const uint32_t sizes = Load<uint32_t>(entry + kSizes) & ~kMarkMask;
  StoreAt(entry + kSizes, sizes | uint32_t{mark} << kMarkShift);
}

}  // namespace idem::engine
