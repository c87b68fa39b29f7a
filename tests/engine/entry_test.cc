// Entries are written into heap buffers of exactly their size, so that ASan sees a byte too much.
#include "store/entry.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <string>

#include "base/arena.h"
#include "gtest/gtest.h"
#include "store/limits.h"
#include "tests/support/seeds.h"
#include "tests/support/test_size.h"
#include "tests/support/text.h"
#include "timer/timing_wheel.h"

namespace idem::engine {
namespace {

constexpr uint64_t kMax48 = (uint64_t{1} << 48) - 1;
constexpr int64_t kMaxMs = kEntryTimeLimitMs - 1;
constexpr int64_t kMaxSpanMs = (int64_t{1} << 33) - 1;
constexpr const char* kUuid = "0190a3f4-7c1e-7b52-9d3e-5f60718293a4";

// An image with what it views.
struct OwnedImage {
  std::string key;
  std::string value;
  BodyRef body;
  Image image;
};

class RandomImages {
 public:
  explicit RandomImages(uint64_t seed) : random_(seed) {}

  uint64_t Below(uint64_t limit) { return random_() % limit; }
  // The borders of a field are as likely as what lies between.
  uint64_t UpTo(uint64_t max) {
    const uint64_t kind = random_() % 4;
    if (kind == 0) return 0;
    if (kind == 1) return max;
    return max == std::numeric_limits<uint64_t>::max() ? random_() : random_() % (max + 1);
  }
  int64_t Ms(int64_t max = kMaxMs) {
    return static_cast<int64_t>(UpTo(static_cast<uint64_t>(max)));
  }
  Lsn AnyLsn() { return UpTo(kMax48); }
  std::string Bytes(size_t size) {
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_());
    return bytes;
  }

  std::unique_ptr<OwnedImage> Next() {
    auto owned = std::make_unique<OwnedImage>();
    owned->key = Key();
    Image& image = owned->image;
    image.key = owned->key;
    image.token = UpTo(kTokenMax);
    image.deadline_ms = Ms();
    switch (Below(6)) {
      case 0:
        FillRegister(*owned);
        break;
      case 1:
        image.kind = Kind::kSeen;
        image.token = 0;
        image.until_ms = Ms();
        break;
      case 2:
        image.kind = Kind::kSequence;
        image.token = 0;
        image.sequence = {static_cast<uint32_t>(random_()), random_(), random_()};
        break;
      default:
        FillRecord(*owned);
    }
    return owned;
  }

 private:
  std::string Key() {
    if (random_() % 3 != 0) return Bytes(1 + UpTo(kKeyBytesMax - 1));
    std::string key = kUuid;
    for (char& c : key) {
      if (c != '-') c = "0123456789abcdef"[random_() % 16];
    }
    return key;
  }

  void FillRegister(OwnedImage& owned) {
    owned.image.kind = Kind::kRegister;
    FillValue(owned);
  }

  void FillRecord(OwnedImage& owned) {
    constexpr State kStates[] = {State::kInProgress, State::kCompleted, State::kFailedFinal,
                                 State::kFailedRetry};
    Image& image = owned.image;
    image.kind = Kind::kRecord;
    image.state = kStates[Below(4)];
    image.attempt =
        Below(2) == 0 ? 1 : static_cast<uint32_t>(UpTo(std::numeric_limits<uint32_t>::max()));
    image.fingerprint.kind = static_cast<Fingerprint::Kind>(Below(3));
    if (image.fingerprint.kind != Fingerprint::Kind::kNone) {
      image.fingerprint.low = random_();
      image.fingerprint.high = random_();
    }
    image.code = static_cast<uint16_t>(UpTo(0xffff));
    image.finished() ? FillFinish(owned) : FillUnfinished(owned);
  }

  void FillFinish(OwnedImage& owned) {
    owned.image.since_ms =
        owned.image.deadline_ms - Ms(std::min(owned.image.deadline_ms, kMaxSpanMs));
    owned.image.value_omitted = Below(3) == 0;
    if (!owned.image.value_omitted) return FillValue(owned);
    owned.image.omitted_bytes = UpTo(std::numeric_limits<uint32_t>::max());
    owned.image.omitted_checksum = random_();
  }

  // With steps or without; here they may be any bytes.
  void FillUnfinished(OwnedImage& owned) {
    Image& image = owned.image;
    if (Below(2) == 0) FillValue(owned);
    image.since_ms = Ms();
    image.until_ms = Ms();
    image.hold = Below(2) == 0;
    image.retention_ms = Ms();
    image.has_owner = Below(2) == 0;
    if (!image.has_owner) return;
    for (char& byte : image.owner) byte = static_cast<char>(random_());
  }

  void FillValue(OwnedImage& owned) {
    const bool shared = Below(2) == 0;
    owned.value = Bytes(shared ? kInlineValueBytesMax + 1 + Below(1000)  //
                               : UpTo(kInlineValueBytesMax));
    owned.image.value = owned.value;
    if (!shared) return;
    owned.body = BodyRef(Body::New(owned.value));
    owned.image.value_body = owned.body.get();
    owned.image.value = owned.body.get()->bytes();
  }

  std::mt19937_64 random_;
};

std::unique_ptr<char[]> Write(const Image& image, Lsn lsn) {
  const StoredKey key(image.key);
  std::unique_ptr<char[]> entry(new char[EntryBytes(image, key)]);
  WriteEntry(image, key, lsn, entry.get());
  return entry;
}

void ExpectHolds(const char* entry, const Image& image, Lsn lsn) {
  Image read = ReadEntry(entry);
  EXPECT_TRUE(read.key.empty());
  UuidText buffer;
  read.key = EntryKeyText(entry, buffer);
  EXPECT_EQ(read.key, image.key);
  EXPECT_EQ(Text(read), Text(image));
  EXPECT_EQ(read.value, image.value);
  EXPECT_EQ(read.value_body, image.value_body);
  const StoredKey key(image.key);
  EXPECT_EQ(EntryBytes(read, key), EntryBytes(image, key));
  EXPECT_TRUE(EntryHasKey(entry, key));
  EXPECT_EQ(EntryLsn(entry), lsn);
  EXPECT_EQ(EntryDeadlineMs(entry), image.deadline_ms);
}

template <typename Check>
void ForRandomImages(Check check) {
  RunSeeds(TestSize(20'000), [&](uint64_t seed) {
    RandomImages images(seed);
    const std::unique_ptr<OwnedImage> owned = images.Next();
    ASSERT_TRUE(FitsEntry(owned->image));
    check(images, owned->image);
  });
}

TEST(EntryTest, WhatIsWrittenIsRead) {
  ForRandomImages([](RandomImages& images, const Image& image) {
    const Lsn lsn = images.AnyLsn();
    const std::unique_ptr<char[]> entry = Write(image, lsn);
    ExpectHolds(entry.get(), image, lsn);
  });
}

// As an EXTEND, a new deadline or a takeover is installed: the image that is written views the
// entry itself. With another attempt its value stands in another place.
TEST(EntryTest, AnEntryIsRewrittenFromItsOwnViews) {
  ForRandomImages([](RandomImages& images, const Image& image) {
    const StoredKey key(image.key);
    const bool repeats = image.kind == Kind::kRecord && images.Below(2) == 0;
    std::unique_ptr<char[]> entry(new char[EntryBytes(image, key) + (repeats ? 4 : 0)]);
    WriteEntry(image, key, images.AnyLsn(), entry.get());
    Image next = ReadEntry(entry.get());
    Image expected = image;
    const int64_t later = images.Ms(kMaxMs - image.deadline_ms);
    for (Image* const each : {&next, &expected}) {
      if (repeats) each->attempt = image.attempt == 1 ? 2 : 1;
      each->deadline_ms += later;
      if (image.finished()) each->since_ms += later;
    }
    if (image.has_token()) next.token = expected.token = images.UpTo(kTokenMax);
    const Lsn lsn = images.AnyLsn();
    WriteEntry(next, key, lsn, entry.get());
    ExpectHolds(entry.get(), expected, lsn);
  });
}

// COMPLETE without memory, or FAIL for retry, where a claim stood.
TEST(EntryTest, AFinishWithoutItsBodyFitsWhereTheClaimStood) {
  ForRandomImages([](RandomImages& images, const Image& image) {
    if (image.kind != Kind::kRecord || image.finished()) return;
    const std::unique_ptr<char[]> entry = Write(image, images.AnyLsn());
    const StoredKey key(image.key);
    Image finish = ReadEntry(entry.get());
    finish.state = images.Below(2) == 0 ? State::kCompleted : State::kFailedFinal;
    finish.has_owner = false;
    finish.owner = {};
    finish.hold = false;
    finish.until_ms = finish.retention_ms = 0;
    finish.since_ms = finish.deadline_ms - images.Ms(std::min(finish.deadline_ms, kMaxSpanMs));
    finish.value = {};
    finish.value_body = nullptr;
    finish.value_omitted = true;
    finish.omitted_bytes = 17'000'000;
    finish.omitted_checksum = 0x123456789abcdef;
    ASSERT_LE(EntryBytes(finish, key), EntryBytes(image, key));
    Image expected = finish;
    expected.key = image.key;
    WriteEntry(finish, key, 9, entry.get());
    ExpectHolds(entry.get(), expected, 9);
  });
}

TEST(EntryTest, TheWheelMarkStandsApart) {
  ForRandomImages([](RandomImages& images, const Image& image) {
    const Lsn lsn = images.AnyLsn();
    const std::unique_ptr<char[]> entry = Write(image, lsn);
    EXPECT_EQ(EntryWheelMark(entry.get()), 0);
    for (const uint16_t mark :
         {uint16_t{1}, TimingWheel::kMarkMax, uint16_t{0xfff}, uint16_t{0}, uint16_t{0x5a5}}) {
      SetEntryWheelMark(entry.get(), mark);
      EXPECT_EQ(EntryWheelMark(entry.get()), mark);
      ExpectHolds(entry.get(), image, lsn);
    }
    WriteEntry(ReadEntry(entry.get()), StoredKey(image.key), lsn, entry.get());
    EXPECT_EQ(EntryWheelMark(entry.get()), 0) << "a rewritten entry is not scheduled";
  });
}

TEST(EntryTest, WritingTakesNoReferenceOfTheBody) {
  const std::string value(1000, 'v');
  BodyRef body(Body::New(value));
  Image image;
  image.key = "k";
  image.kind = Kind::kRegister;
  image.value_body = body.get();
  image.value = body.get()->bytes();
  const std::unique_ptr<char[]> entry = Write(image, 1);
  const BodyRef taken(ReadEntry(entry.get()).value_body);  // the one reference, now the entry's
  EXPECT_EQ(body.release(), taken.get());
  EXPECT_EQ(taken.get()->bytes(), value);
}

Image Finished(int64_t since_ms, int64_t deadline_ms) {
  Image image;
  image.kind = Kind::kRecord;
  image.key = kUuid;
  image.state = State::kCompleted;
  image.attempt = 1;
  image.since_ms = since_ms;
  image.deadline_ms = deadline_ms;
  return image;
}

TEST(EntryTest, RefusesTimesThatItCannotHold) {
  for (int64_t Image::*const field :
       {&Image::deadline_ms, &Image::since_ms, &Image::until_ms, &Image::retention_ms}) {
    Image image;
    image.kind = Kind::kRecord;
    image.state = State::kInProgress;
    const int64_t limit_ms = field == &Image::deadline_ms ? kDeadlineLimitMs : kEntryTimeLimitMs;
    for (const int64_t ms : {int64_t{0}, limit_ms - 1}) {
      image.*field = ms;
      EXPECT_TRUE(FitsEntry(image)) << ms;
    }
    for (const int64_t ms : {int64_t{-1}, limit_ms, std::numeric_limits<int64_t>::max(),
                             std::numeric_limits<int64_t>::min()}) {
      image.*field = ms;
      EXPECT_FALSE(FitsEntry(image)) << ms;
    }
  }
}

TEST(EntryTest, RefusesSpansAndSizesThatItCannotHold) {
  EXPECT_TRUE(FitsEntry(Finished(5, 5)));
  EXPECT_FALSE(FitsEntry(Finished(6, 5))) << "forgotten before it was finished";
  EXPECT_TRUE(FitsEntry(Finished(5, 5 + kMaxSpanMs)));
  EXPECT_FALSE(FitsEntry(Finished(5, 6 + kMaxSpanMs)));
  Image omitted = Finished(1, 2);
  omitted.value_omitted = true;
  omitted.omitted_bytes = std::numeric_limits<uint32_t>::max();
  EXPECT_TRUE(FitsEntry(omitted));
  ++omitted.omitted_bytes;
  EXPECT_FALSE(FitsEntry(omitted));
  EXPECT_DEATH(Write(omitted, 1), "check failed");
}

// A block must hold every entry that the limits allow.
TEST(EntryTest, TheLargestEntryFitsABlock) {
  const std::string key(kKeyBytesMax, 'k'), value(kInlineValueBytesMax, 'v');
  Image image = Finished(1, 2);
  image.key = key;
  image.value = value;
  image.attempt = 2;
  image.fingerprint.kind = Fingerprint::Kind::kDigest;
  EXPECT_EQ(EntryBytes(image, StoredKey(key)), 30 + 16 + kKeyBytesMax + 4 + kInlineValueBytesMax);
  image.state = State::kInProgress;
  image.has_owner = true;
  EXPECT_EQ(EntryBytes(image, StoredKey(key)),
            30 + 16 + kKeyBytesMax + 4 + 15 + 16 + kInlineValueBytesMax);
  EXPECT_LE(EntryBytes(image, StoredKey(key)), Arena::kBlockBytesMax);
}

// The bytes that the head of entry.h names.
TEST(EntryTest, CommonEntriesAreSmall) {
  const StoredKey uuid(kUuid), text("0190A3F4-7c1e-7b52-9d3e-5f60718293a4");
  Image image = Finished(1, 2);
  image.fingerprint.kind = Fingerprint::Kind::kBody;
  EXPECT_EQ(EntryBytes(image, uuid), 62u);
  EXPECT_EQ(EntryBytes(image, text), 62u - 16 + 36);
  image.value = "ok";
  EXPECT_EQ(EntryBytes(image, uuid), 62u + 2);
  image.attempt = 2;
  EXPECT_EQ(EntryBytes(image, uuid), 62u + 4 + 2);
  image.value_omitted = true;
  EXPECT_EQ(EntryBytes(image, uuid), 62u + 4 + 12);
  image.state = State::kInProgress;
  image.value_omitted = false;
  image.attempt = 1;
  EXPECT_EQ(EntryBytes(image, uuid), 62u + 15 + 2);
  image.has_owner = true;
  EXPECT_EQ(EntryBytes(image, uuid), 62u + 15 + 16 + 2) << "two bytes of steps";
  image.value = {};
  EXPECT_EQ(EntryBytes(image, uuid), 62u + 15 + 16);
  image.fingerprint.kind = Fingerprint::Kind::kNone;
  EXPECT_EQ(EntryBytes(image, uuid), 30u + 16 + 15 + 16);
  Image plain;
  plain.kind = Kind::kRegister;
  plain.value = "value";
  EXPECT_EQ(EntryBytes(plain, uuid), 24u + 16 + 5);
  Image seen;
  seen.kind = Kind::kSeen;
  EXPECT_EQ(EntryBytes(seen, uuid), 40u);
  seen.until_ms = 1;
  EXPECT_EQ(EntryBytes(seen, uuid), 45u);
  Image producer;
  producer.kind = Kind::kSequence;
  EXPECT_EQ(EntryBytes(producer, uuid), 60u);
}

}  // namespace
}  // namespace idem::engine
