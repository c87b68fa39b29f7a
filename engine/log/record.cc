#include "log/record.h"

#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/coding.h"
#include "log/steps.h"

namespace idem::engine {
namespace {

// The presence bits, in the order of their fields.
enum Field : uint16_t {
  kDeadline = 1 << 0,         // 6
  kFingerprint = 1 << 1,      // 16
  kBodyFingerprint = 1 << 2,  // no bytes: set, hashed from a body; clear, the caller's own digest
  kOwner = 1 << 3,            // 16
  kHold = 1 << 4,             // no bytes
  kSince = 1 << 5,            // 6
  kUntil = 1 << 6,            // 6
  kRetention = 1 << 7,        // 6
  kAttempt = 1 << 8,          // 4
  kCode = 1 << 9,             // 2
  kOmitted = 1 << 10,         // 8 bytes of the value that was not kept, 8 checksum of it
  kValue = 1 << 11,           // the rest
  kSequence = 1 << 12,        // epoch 4, next 8, ahead 8
  kStepMade = 1 << 13,        // no bytes
  // 1 << 14 .. 1 << 15: unknown, refused.
};

enum class RecordKind : uint8_t { kRemoval = 1, kRecord, kRegister, kSeen, kSequence };

constexpr Token kTokenMax = (Token{1} << 53) - 1;
constexpr uint64_t kTimeLimit = uint64_t{1} << 47;
constexpr size_t kTimeBytes = 6;

// What an image of such a kind and state may have, and what it must have.
struct Shape {
  uint16_t allowed = 0;
  uint16_t required = 0;
};

constexpr uint16_t kOfEveryRecord = kDeadline | kFingerprint | kBodyFingerprint | kSince | kAttempt;

Shape ShapeOf(RecordKind kind, State state) {
  if (kind == RecordKind::kRemoval) return {};
  if (kind == RecordKind::kRegister) return {kDeadline | kValue, 0};
  if (kind == RecordKind::kSeen) return {kDeadline | kUntil, kDeadline};
  if (kind == RecordKind::kSequence) return {kDeadline | kSequence, kSequence};
  switch (state) {
    case State::kInProgress:
      return {kOfEveryRecord | kOwner | kHold | kUntil | kRetention | kValue | kStepMade, kAttempt};
    case State::kFailedRetry:
      return {kOfEveryRecord | kUntil | kRetention | kValue, kAttempt};
    default:
      return {kOfEveryRecord | kCode | kOmitted | kValue, kAttempt};
  }
}

bool Fits(uint16_t fields, Shape shape) {
  if ((fields & ~shape.allowed) != 0 || (fields & shape.required) != shape.required) return false;
  if ((fields & kBodyFingerprint) != 0 && (fields & kFingerprint) == 0) return false;
  if ((fields & kStepMade) != 0 && (fields & kValue) == 0) return false;
  return (fields & kOmitted) == 0 || (fields & kValue) == 0;
}

RecordKind KindOf(const Image& image) {
  switch (image.kind) {
    case Kind::kAny:
      return RecordKind::kRemoval;
    case Kind::kRecord:
      return RecordKind::kRecord;
    case Kind::kRegister:
      return RecordKind::kRegister;
    case Kind::kSeen:
      return RecordKind::kSeen;
    case Kind::kSequence:
      return RecordKind::kSequence;
  }
  IDEM_CHECK(false);
  return RecordKind::kRemoval;
}

// Seen ids and sequences have no token, and so their removals have none.
bool TokenFits(RecordKind kind, Token token) {
  if (kind == RecordKind::kRemoval) return token <= kTokenMax;
  const bool has_one = kind == RecordKind::kRecord || kind == RecordKind::kRegister;
  return has_one ? token != 0 && token <= kTokenMax : token == 0;
}

// Of a producer something has come, and nothing beyond the largest number.
bool SequenceFits(const Sequence& sequence) {
  constexpr uint64_t kEnd = Sequence::kSeqMax + 1;
  if (sequence.next == 0 || sequence.next > kEnd) return false;
  return sequence.next + static_cast<uint64_t>(std::bit_width(sequence.ahead)) < kEnd ||
         sequence.ahead == 0;
}

uint16_t If(bool condition, Field field) { return condition ? field : 0; }

uint16_t FieldsOf(const Image& image) {
  if (image.absent()) return 0;
  const int fields = If(image.deadline_ms != 0, kDeadline) |
                     If(image.fingerprint.kind != Fingerprint::Kind::kNone, kFingerprint) |
                     If(image.fingerprint.kind == Fingerprint::Kind::kBody, kBodyFingerprint) |
                     If(image.has_owner, kOwner) | If(image.hold, kHold) |
                     If(image.since_ms != 0, kSince) | If(image.until_ms != 0, kUntil) |
                     If(image.retention_ms != 0, kRetention) | If(image.attempt != 0, kAttempt) |
                     If(image.code != 0, kCode) | If(image.value_omitted, kOmitted) |
                     If(!image.value.empty(), kValue) |
                     If(image.kind == Kind::kSequence, kSequence) | If(image.step_made, kStepMade);
  return static_cast<uint16_t>(fields);
}

// --- writing

class FieldWriter {
 public:
  explicit FieldWriter(char* to) : to_(to) {}

  template <typename T>
  void Put(T value) {
    StoreAt(to_, value);
    to_ += sizeof(T);
  }
  void PutTime(int64_t ms) {
    IDEM_CHECK(static_cast<uint64_t>(ms) < kTimeLimit);
    StoreBytes<6>(to_, static_cast<uint64_t>(ms));
    to_ += kTimeBytes;
  }
  void PutBytes(std::string_view bytes) {
    std::memcpy(to_, bytes.data(), bytes.size());
    to_ += bytes.size();
  }
  char* end() const { return to_; }

 private:
  char* to_;
};

void PutHead(const Image& image, RecordKind kind, uint16_t fields, FieldWriter& to) {
  const State state = kind == RecordKind::kRecord ? image.state : State::kAbsent;
  to.Put<uint32_t>(0);  // the length, once it is known
  to.Put(static_cast<uint8_t>(kind));
  to.Put(static_cast<uint8_t>(state));
  to.Put(fields);
  to.Put(image.token);
  to.Put(static_cast<uint16_t>(image.key.size()));
  to.PutBytes(image.key);
}

void PutFields(const Image& image, uint16_t fields, FieldWriter& to) {
  if (fields & kDeadline) to.PutTime(image.deadline_ms);
  if (fields & kFingerprint) {
    to.Put(image.fingerprint.low);
    to.Put(image.fingerprint.high);
  }
  if (fields & kOwner) to.PutBytes({image.owner.data(), image.owner.size()});
  if (fields & kSince) to.PutTime(image.since_ms);
  if (fields & kUntil) to.PutTime(image.until_ms);
  if (fields & kRetention) to.PutTime(image.retention_ms);
  if (fields & kAttempt) to.Put(image.attempt);
  if (fields & kCode) to.Put(image.code);
  if (fields & kOmitted) {
    to.Put(image.omitted_bytes);
    to.Put(image.omitted_checksum);
  }
  if (fields & kSequence) {
    to.Put(image.sequence.epoch);
    to.Put(image.sequence.next);
    to.Put(image.sequence.ahead);
  }
}

// --- reading

absl::Status Refused(absl::string_view why) {
  return absl::DataLossError(absl::StrCat("a record that no version wrote: ", why));
}

class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes) : reader_(bytes) {}

  // A field that stands there although it says nothing is not how we write.
  template <typename T>
  T Read() {
    const T value = reader_.Read<T>();
    ok_ &= value != 0;
    return value;
  }
  template <typename T>
  T ReadAny() {
    return reader_.Read<T>();
  }
  int64_t ReadTime() {
    const std::string_view bytes = reader_.ReadBytes(kTimeBytes);
    const uint64_t ms = bytes.empty() ? 0 : LoadBytes<6>(bytes.data());
    ok_ &= ms != 0 && ms < kTimeLimit;
    return static_cast<int64_t>(ms);
  }
  std::string_view ReadBytes(size_t length) { return reader_.ReadBytes(length); }
  std::string_view ReadRest() {
    ok_ &= reader_.left() > 0;
    return reader_.ReadBytes(reader_.left());
  }
  bool ok() const { return ok_ && reader_.ok(); }
  bool at_end() const { return reader_.left() == 0; }

 private:
  ByteReader reader_;
  bool ok_ = true;
};

void ReadFields(uint16_t fields, FieldReader& from, Image& image) {
  if (fields & kDeadline) image.deadline_ms = from.ReadTime();
  if (fields & kFingerprint) {
    image.fingerprint.low = from.ReadAny<uint64_t>();
    image.fingerprint.high = from.ReadAny<uint64_t>();
    image.fingerprint.kind =
        (fields & kBodyFingerprint) ? Fingerprint::Kind::kBody : Fingerprint::Kind::kDigest;
  }
  image.has_owner = (fields & kOwner) != 0;
  if (image.has_owner) {
    const std::string_view digest = from.ReadBytes(image.owner.size());
    if (!digest.empty()) std::memcpy(image.owner.data(), digest.data(), digest.size());
  }
  image.hold = (fields & kHold) != 0;
  image.step_made = (fields & kStepMade) != 0;
  if (fields & kSince) image.since_ms = from.ReadTime();
  if (fields & kUntil) image.until_ms = from.ReadTime();
  if (fields & kRetention) image.retention_ms = from.ReadTime();
  if (fields & kAttempt) image.attempt = from.Read<uint32_t>();
  if (fields & kCode) image.code = from.Read<uint16_t>();
  image.value_omitted = (fields & kOmitted) != 0;
  if (image.value_omitted) {
    image.omitted_bytes = from.Read<uint64_t>();
    image.omitted_checksum = from.ReadAny<uint64_t>();
  }
  if (fields & kValue) image.value = from.ReadRest();
  if (fields & kSequence) {
    image.sequence.epoch = from.ReadAny<uint32_t>();
    image.sequence.next = from.ReadAny<uint64_t>();
    image.sequence.ahead = from.ReadAny<uint64_t>();
  }
}

bool KnownKind(uint8_t kind, uint8_t state) {
  if (kind == static_cast<uint8_t>(RecordKind::kRecord)) {
    return state >= static_cast<uint8_t>(State::kInProgress) &&
           state <= static_cast<uint8_t>(State::kFailedRetry);
  }
  return state == 0 && kind >= static_cast<uint8_t>(RecordKind::kRemoval) &&
         kind <= static_cast<uint8_t>(RecordKind::kSequence);
}

// The value of an unfinished record is its steps.
bool HasSoundValue(const Image& image) {
  return image.kind != Kind::kRecord || image.finished() || image.value.empty() ||
         AreSteps(image.value);
}

Kind ImageKind(RecordKind kind) {
  constexpr Kind kKinds[] = {Kind::kAny, Kind::kRecord, Kind::kRegister, Kind::kSeen,
                             Kind::kSequence};
  return kKinds[static_cast<size_t>(kind) - 1];
}

absl::Status DecodeWhole(std::string_view record, Image& image) {
  FieldReader from(record.substr(sizeof(uint32_t)));
  const uint8_t kind_byte = from.Read<uint8_t>();
  const uint8_t state_byte = from.ReadAny<uint8_t>();
  const uint16_t fields = from.ReadAny<uint16_t>();
  if (!KnownKind(kind_byte, state_byte)) return Refused("unknown kind or state");
  const auto kind = static_cast<RecordKind>(kind_byte);
  image = Image{};
  image.kind = ImageKind(kind);
  image.state = static_cast<State>(state_byte);
  if (!Fits(fields, ShapeOf(kind, image.state))) return Refused("fields that do not go together");
  image.token = from.ReadAny<Token>();
  image.key = from.ReadBytes(from.Read<uint16_t>());
  if (!TokenFits(kind, image.token)) return Refused("token out of range");
  if (image.key.size() > kRecordKeyBytesMax) return Refused("key too long");
  ReadFields(fields, from, image);
  if (kind == RecordKind::kSequence && !SequenceFits(image.sequence)) {
    return Refused("a sequence that cannot be");
  }
  if (!from.ok() || !from.at_end()) return Refused("a field out of range, or a wrong length");
  if (!HasSoundValue(image)) return Refused("steps that no claim makes");
  return absl::OkStatus();
}

}  // namespace

char* EncodeRecordHead(const Image& image, char* to) {
  const RecordKind kind = KindOf(image);
  const uint16_t fields = FieldsOf(image);
  IDEM_CHECK(Fits(fields, ShapeOf(kind, image.state)));
  IDEM_CHECK(TokenFits(kind, image.token));
  IDEM_CHECK(kind != RecordKind::kSequence || SequenceFits(image.sequence));
  IDEM_CHECK(HasSoundValue(image));
  IDEM_CHECK(!image.key.empty() && image.key.size() <= kRecordKeyBytesMax);
  FieldWriter writer(to);
  PutHead(image, kind, fields, writer);
  PutFields(image, fields, writer);
  const size_t value_bytes = fields & kValue ? image.value.size() : 0;
  StoreAt(to, static_cast<uint32_t>(static_cast<size_t>(writer.end() - to) + value_bytes));
  return writer.end();
}

char* EncodeRecord(const Image& image, char* to) {
  char* const end = EncodeRecordHead(image, to);
  if (image.absent()) return end;
  FieldWriter writer(end);
  if (!image.value.empty()) writer.PutBytes(image.value);
  return writer.end();
}

void EncodeRecord(const Image& image, std::string& to) {
  const size_t start = to.size();
  to.resize(start + MaxRecordBytes(image.key.size(), image.value.size()));
  to.resize(static_cast<size_t>(EncodeRecord(image, to.data() + start) - to.data()));
}

bool FindRecord(std::string_view bytes, std::string_view& record, std::string_view& key) {
  if (bytes.size() < kRecordHeadBytes) return false;
  const uint32_t length = Load<uint32_t>(bytes.data());
  const size_t key_bytes = Load<uint16_t>(bytes.data() + kRecordHeadBytes - sizeof(uint16_t));
  if (length > bytes.size() || length < kRecordHeadBytes + key_bytes) return false;
  record = bytes.substr(0, length);
  key = bytes.substr(kRecordHeadBytes, key_bytes);
  return true;
}

absl::StatusOr<size_t> DecodeRecord(std::string_view bytes, Image& image) {
  if (bytes.size() < kRecordHeadBytes) return Refused("it ends within its head");
  const uint32_t length = Load<uint32_t>(bytes.data());
  if (length < kRecordHeadBytes || length > bytes.size()) return Refused("wrong length");
  absl::Status status = DecodeWhole(bytes.substr(0, length), image);
  if (!status.ok()) return status;
  return length;
}

}  // namespace idem::engine
