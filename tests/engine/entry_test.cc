// Entries are written into heap buffers of exactly their size, so that ASan sees a byte too much.
#include "store/entry.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <string>

#include "gtest/gtest.h"
#include "base/arena.h"
#include "store/limits.h"
#include "tests/support/seeds.h"
#include "tests/support/test_size.h"
#include "tests/support/text.h"

namespace idem::engine {
namespace {

constexpr uint64_t kMax48 = (uint64_t{1} << 48) - 1;

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
  int64_t Ms() { return static_cast<int64_t>(UpTo(kMax48)); }
  Lsn AnyLsn() { return UpTo(kMax48); }
  std::string Bytes(size_t size) {
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_());
    return bytes;
  }

  std::unique_ptr<OwnedImage> Next() {
    auto owned = std::make_unique<OwnedImage>();
    owned->key = Bytes(1 + UpTo(kKeyBytesMax - 1));
    Image& image = owned->image;
    image.key = owned->key;
    image.token = UpTo(kTokenMax);
    image.deadline_ms = Ms();
    random_() % 4 == 0 ? FillRegister(*owned) : FillRecord(*owned);
    return owned;
  }

 private:
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
    image.attempt = static_cast<uint32_t>(UpTo(std::numeric_limits<uint32_t>::max()));
    image.fingerprint = {random_(), random_(), static_cast<Fingerprint::Kind>(Below(3))};
    image.since_ms = Ms();
    image.until_ms = Ms();
    image.finished() ? FillFinish(owned) : FillUnfinished(image);
  }

  void FillFinish(OwnedImage& owned) {
    owned.image.code = static_cast<uint16_t>(UpTo(0xffff));
    owned.image.value_omitted = Below(3) == 0;
    if (!owned.image.value_omitted) return FillValue(owned);
    owned.image.omitted_bytes = UpTo(std::numeric_limits<uint32_t>::max());
    owned.image.omitted_checksum = random_();
  }

  void FillUnfinished(Image& image) {
    image.hold = Below(2) == 0;
    image.retention_ms = static_cast<int64_t>(UpTo(kRetentionMsMax));
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
  std::unique_ptr<char[]> entry(new char[EntryBytes(image)]);
  WriteEntry(image, lsn, entry.get());
  return entry;
}

void ExpectHolds(const char* entry, const Image& image, Lsn lsn) {
  const Image read = ReadEntry(entry);
  EXPECT_EQ(Text(read), Text(image));
  EXPECT_EQ(read.value, image.value);
  EXPECT_EQ(read.key, image.key);
  EXPECT_EQ(read.value_body, image.value_body);
  EXPECT_EQ(EntryBytes(read), EntryBytes(image));
  EXPECT_EQ(EntryKey(entry), image.key);
  EXPECT_EQ(EntryLsn(entry), lsn);
  EXPECT_EQ(EntryDeadlineMs(entry), image.deadline_ms);
}

template <typename Check>
void ForRandomImages(Check check) {
  RunSeeds(TestSize(20'000), [&](uint64_t seed) {
    RandomImages images(seed);
    const std::unique_ptr<OwnedImage> owned = images.Next();
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

// As an EXTEND or a new deadline is installed: the image that is written views the entry itself.
TEST(EntryTest, AnEntryIsRewrittenFromItsOwnViews) {
  ForRandomImages([](RandomImages& images, const Image& image) {
    const std::unique_ptr<char[]> entry = Write(image, images.AnyLsn());
    Image next = ReadEntry(entry.get());
    Image expected = image;
    next.token = expected.token = images.UpTo(kTokenMax);
    next.deadline_ms = expected.deadline_ms = images.Ms();
    next.until_ms = expected.until_ms = images.Ms();
    const Lsn lsn = images.AnyLsn();
    WriteEntry(next, lsn, entry.get());
    ExpectHolds(entry.get(), expected, lsn);
  });
}

// COMPLETE without memory: the key is a view of what is overwritten.
TEST(EntryTest, AFinishWithoutItsBodyFitsWhereTheClaimStood) {
  ForRandomImages([](RandomImages& images, const Image& image) {
    if (image.kind != Kind::kRecord || image.finished()) return;
    const std::unique_ptr<char[]> entry = Write(image, images.AnyLsn());
    Image finish = ReadEntry(entry.get());
    Image expected = image;
    for (Image* each : {&finish, &expected}) {
      each->state = State::kCompleted;
      each->has_owner = false;
      each->hold = false;
      each->retention_ms = 0;
      each->value_omitted = true;
      each->omitted_bytes = 17'000'000;
      each->omitted_checksum = 0x123456789abcdef;
    }
    ASSERT_LE(EntryBytes(finish), EntryBytes(image));
    WriteEntry(finish, 9, entry.get());
    expected.owner = {};
    ExpectHolds(entry.get(), expected, 9);
  });
}

TEST(EntryTest, TheWheelMarkStandsApart) {
  ForRandomImages([](RandomImages& images, const Image& image) {
    const Lsn lsn = images.AnyLsn();
    const std::unique_ptr<char[]> entry = Write(image, lsn);
    EXPECT_FALSE(EntryWheelMark(entry.get()).scheduled);
    for (const uint32_t tick : {0u, 1u, 0x80000000u, ~0u}) {
      SetEntryWheelMark(entry.get(), {.scheduled = true, .tick = tick});
      EXPECT_TRUE(EntryWheelMark(entry.get()).scheduled);
      EXPECT_EQ(EntryWheelMark(entry.get()).tick, tick);
      ExpectHolds(entry.get(), image, lsn);
    }
    SetEntryWheelMark(entry.get(), {});
    EXPECT_FALSE(EntryWheelMark(entry.get()).scheduled);
    ExpectHolds(entry.get(), image, lsn);
    SetEntryWheelMark(entry.get(), {.scheduled = true, .tick = 5});
    WriteEntry(ReadEntry(entry.get()), lsn, entry.get());
    EXPECT_FALSE(EntryWheelMark(entry.get()).scheduled) << "a rewritten entry is not scheduled";
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

// A block must hold every entry that the limits allow.
TEST(EntryTest, TheLargestEntryFitsABlock) {
  const std::string key(kKeyBytesMax, 'k'), value(kInlineValueBytesMax, 'v');
  Image image;
  image.key = key;
  image.kind = Kind::kRegister;
  image.value = value;
  EXPECT_EQ(EntryBytes(image), kEntryHeadBytes + kKeyBytesMax + kInlineValueBytesMax);
  EXPECT_LE(EntryBytes(image), Arena::kBlockBytesMax);
}

// A short key and a short answer stay within two cache lines.
TEST(EntryTest, CommonEntriesAreSmall) {
  Image image;
  image.key = "0123456789abcdef0123456789abcdef0123";
  image.kind = Kind::kRecord;
  image.state = State::kInProgress;
  EXPECT_EQ(EntryBytes(image), 64u + 36 + 8);
  image.has_owner = true;
  EXPECT_EQ(EntryBytes(image), 64u + 36 + 8 + 16);
  image.state = State::kCompleted;
  image.has_owner = false;
  image.value = "ok";
  EXPECT_EQ(EntryBytes(image), 64u + 36 + 2);
}

}  // namespace
}  // namespace idem::engine
