#include "log/record.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "base/coding.h"
#include "tests/support/seeds.h"
#include "tests/support/test_size.h"

namespace idem::engine {
namespace {

constexpr int64_t kTimeMax = (int64_t{1} << 47) - 1;
constexpr Token kTokenMax = (Token{1} << 53) - 1;

std::string Encoded(const Image& image) {
  std::string bytes;
  EncodeRecord(image, bytes);
  return bytes;
}

Image Removal() {
  Image image;
  image.key = "order-7";
  image.token = 5;
  return image;
}

Image RegisterImage() {
  Image image;
  image.kind = Kind::kRegister;
  image.key = "lock";
  image.token = kTokenMax;
  image.value = "holder";
  image.deadline_ms = 12;
  return image;
}

Image Claim() {
  Image image;
  image.kind = Kind::kRecord;
  image.state = State::kInProgress;
  image.key = "order-7";
  image.token = (Token{3} << 32) + 17;
  image.attempt = 2;
  image.since_ms = 1000;
  image.until_ms = 31'000;
  image.retention_ms = 86'400'000;
  image.deadline_ms = 86'431'000;
  return image;
}

Image FullClaim() {
  Image image = Claim();
  image.hold = true;
  image.has_owner = true;
  image.owner.fill('o');
  image.fingerprint = {1, 2, Fingerprint::Kind::kBody};
  image.deadline_ms = 0;
  return image;
}

Image Finished() {
  Image image;
  image.kind = Kind::kRecord;
  image.state = State::kCompleted;
  image.key = std::string_view("k\0k", 3);
  image.token = 1;
  image.attempt = 1;
  image.since_ms = kTimeMax;
  image.deadline_ms = kTimeMax;
  image.code = 201;
  image.fingerprint = {0, 0, Fingerprint::Kind::kDigest};
  image.value = "charged";
  return image;
}

Image Omitted() {
  Image image = Finished();
  image.state = State::kFailedFinal;
  image.value = {};
  image.value_omitted = true;
  image.omitted_bytes = uint64_t{1} << 40;
  image.omitted_checksum = 0;
  return image;
}

Image GivenUp() {
  Image image = Claim();
  image.state = State::kFailedRetry;
  return image;
}

Image SeenImage() {
  Image image;
  image.kind = Kind::kSeen;
  image.key = "event-1";
  image.deadline_ms = 12;
  return image;
}

Image CappedSeenImage() {
  Image image = SeenImage();
  image.until_ms = 13;
  return image;
}

Image SequenceImage() {
  Image image;
  image.kind = Kind::kSequence;
  image.key = "producer";
  image.sequence = {.epoch = 2, .next = 7, .ahead = 5};
  return image;
}

// The last numbers there are.
Image FullSequenceImage() {
  Image image = SequenceImage();
  image.deadline_ms = kTimeMax;
  image.sequence = {~uint32_t{0}, Sequence::kSeqMax - 64, ~uint64_t{0}};
  return image;
}

Image WithSteps() {
  Image image = Claim();
  image.value = std::string_view("\4\0\0mail", 7);
  return image;
}

Image WithAStepMade() {
  Image image = WithSteps();
  image.step_made = true;
  return image;
}

std::vector<Image> AllImages() {
  std::vector<Image> all = {
      Removal(),           RegisterImage(), Claim(),        FullClaim(),       Finished(),
      Omitted(),           GivenUp(),       SeenImage(),    CappedSeenImage(), SequenceImage(),
      FullSequenceImage(), WithSteps(),     WithAStepMade()};
  all.push_back(GivenUp());
  all.back().value = std::string_view("\1\2\0ndd\1\0\0m", 10);
  return all;
}

void ExpectEqual(const Image& a, const Image& b) {
  EXPECT_EQ(a.key, b.key);
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.token, b.token);
  EXPECT_EQ(a.deadline_ms, b.deadline_ms);
  EXPECT_EQ(a.value, b.value);
  EXPECT_EQ(a.state, b.state);
  EXPECT_EQ(a.hold, b.hold);
  EXPECT_EQ(a.step_made, b.step_made);
  EXPECT_EQ(a.has_owner, b.has_owner);
  EXPECT_EQ(a.value_omitted, b.value_omitted);
  EXPECT_EQ(a.code, b.code);
  EXPECT_EQ(a.attempt, b.attempt);
  EXPECT_EQ(a.fingerprint, b.fingerprint);
  EXPECT_EQ(a.owner, b.owner);
  EXPECT_EQ(a.since_ms, b.since_ms);
  EXPECT_EQ(a.until_ms, b.until_ms);
  EXPECT_EQ(a.retention_ms, b.retention_ms);
  EXPECT_EQ(a.omitted_bytes, b.omitted_bytes);
  EXPECT_EQ(a.omitted_checksum, b.omitted_checksum);
  EXPECT_EQ(a.sequence, b.sequence);
}

// What is refused is kDataLoss; what is accepted has this one encoding.
void ExpectRefusedOrCanonical(std::string_view bytes) {
  Image image;
  const absl::StatusOr<size_t> length = DecodeRecord(bytes, image);
  if (!length.ok()) {
    EXPECT_EQ(length.status().code(), absl::StatusCode::kDataLoss);
    return;
  }
  EXPECT_EQ(Encoded(image), bytes.substr(0, *length));
}

TEST(RecordTest, ComesBackAsItWas) {
  for (const Image& image : AllImages()) {
    const std::string bytes = Encoded(image);
    EXPECT_LE(bytes.size(), MaxRecordBytes(image.key.size(), image.value.size()));
    const std::string followed = bytes + "next";
    Image decoded;
    const absl::StatusOr<size_t> length = DecodeRecord(followed, decoded);
    ASSERT_TRUE(length.ok()) << length.status();
    EXPECT_EQ(*length, bytes.size());
    ExpectEqual(decoded, image);
  }
}

// The bytes are a promise to every later version.
TEST(RecordTest, HasTheseBytes) {
  EXPECT_EQ(absl::BytesToHexString(Encoded(Removal())),
            "19000000"          // length
            "01000000"          // kind, state, presence bits
            "0500000000000000"  // token
            "07006f726465722d37");
  EXPECT_EQ(absl::BytesToHexString(Encoded(RegisterImage())),
            "22000000"
            "03000108"
            "ffffffffffff1f00"
            "04006c6f636b"
            "0c0000000000"  // deadline
            "686f6c646572");
  EXPECT_EQ(absl::BytesToHexString(Encoded(FullClaim())),
            "4f000000"
            "0201fe01"
            "1100000003000000"
            "07006f726465722d37"
            "0100000000000000"                  // fingerprint
            "0200000000000000"                  //
            "6f6f6f6f6f6f6f6f6f6f6f6f6f6f6f6f"  // owner
            "e80300000000"                      // since
            "187900000000"                      // until
            "005c26050000"                      // retention
            "02000000");                        // attempt
  EXPECT_EQ(absl::BytesToHexString(Encoded(Omitted())),
            "47000000"
            "02032307"
            "0100000000000000"
            "03006b006b"
            "ffffffffff7f"                      // deadline
            "00000000000000000000000000000000"  // fingerprint
            "ffffffffff7f"                      // since
            "01000000"                          // attempt
            "c900"                              // code
            "0000000000010000"                  // omitted bytes
            "0000000000000000");                // checksum
  EXPECT_EQ(absl::BytesToHexString(Encoded(CappedSeenImage())),
            "25000000"
            "04004100"
            "0000000000000000"  // no token
            "07006576656e742d31"
            "0c0000000000"    // deadline
            "0d0000000000");  // no refresh beyond
  EXPECT_EQ(absl::BytesToHexString(Encoded(SequenceImage())),
            "2e000000"
            "05000010"
            "0000000000000000"
            "080070726f6475636572"
            "02000000"            // epoch
            "0700000000000000"    // next
            "0500000000000000");  // ahead
}

TEST(RecordTest, StepsStandWhereAValueDoes) {
  EXPECT_EQ(absl::BytesToHexString(Encoded(WithSteps())),
            "3c000000"
            "0201e109"
            "1100000003000000"
            "07006f726465722d37"
            "18d526050000"  // deadline
            "e80300000000"  // since
            "187900000000"  // until
            "005c26050000"  // retention
            "02000000"      // attempt
            "0400006d61696c");
  const std::string made = Encoded(WithAStepMade());
  EXPECT_EQ(absl::BytesToHexString(made.substr(4, 4)), "0201e129");
  EXPECT_EQ(made.substr(8), Encoded(WithSteps()).substr(8));
}

TEST(RecordTest, TakesKeysAndValuesUpToTheirLimits) {
  const std::string key(kRecordKeyBytesMax, 'k');
  const std::string value(16 << 20, 'v');
  Image image = RegisterImage();
  image.key = key;
  image.value = value;
  const std::string bytes = Encoded(image);
  Image decoded;
  ASSERT_TRUE(DecodeRecord(bytes, decoded).ok());
  ExpectEqual(decoded, image);
}

TEST(RecordTest, HeadAndValueMakeTheWhole) {
  const Image image = Finished();
  std::string head(MaxRecordBytes(image.key.size(), 0), '\0');
  head.resize(static_cast<size_t>(EncodeRecordHead(image, head.data()) - head.data()));
  EXPECT_EQ(head + std::string(image.value), Encoded(image));
}

TEST(RecordTest, RefusesEveryTruncation) {
  for (const Image& image : AllImages()) {
    const std::string bytes = Encoded(image);
    for (size_t length = 0; length < bytes.size(); ++length) {
      const std::string cut = bytes.substr(0, length);  // exact, so that ASan sees a read beyond
      Image decoded;
      EXPECT_TRUE(absl::IsDataLoss(DecodeRecord(cut, decoded).status())) << length;
      if (length < sizeof(uint32_t)) continue;
      std::string shortened = cut;  // and says so
      StoreAt(shortened.data(), static_cast<uint32_t>(length));
      ExpectRefusedOrCanonical(shortened);
    }
  }
}

TEST(RecordTest, RefusesOrReadsEveryFlippedBitAsWhatItSays) {
  for (const Image& image : AllImages()) {
    const std::string bytes = Encoded(image);
    for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      std::string flipped = bytes;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      ExpectRefusedOrCanonical(flipped);
    }
  }
}

TEST(RecordTest, RefusesOrReadsRandomBytesAsWhatTheySay) {
  RunSeeds(TestSize(40), [](uint64_t seed) {
    std::mt19937_64 random(seed);
    const std::vector<Image> images = AllImages();
    for (int i = 0; i < 5000; ++i) {
      std::string bytes = Encoded(images[random() % images.size()]);
      for (uint64_t n = 1 + random() % 4; n > 0; --n) {
        bytes[random() % bytes.size()] = static_cast<char>(random() % 4 == 0 ? 0 : random());
      }
      bytes.resize(random() % 4 == 0 ? random() % (bytes.size() + 9) : bytes.size(), '\1');
      if (bytes.size() >= 4) StoreAt(bytes.data(), static_cast<uint32_t>(bytes.size()));
      ExpectRefusedOrCanonical(bytes);
    }
  });
}

// Each line: at this offset these bytes, in the encoding of that image, are refused.
TEST(RecordTest, RefusesWhatNoVersionWrites) {
  struct Case {
    Image image;
    size_t offset;
    std::string bytes;
  };
  const std::string zero_time(6, '\0');
  const std::string late_time("\0\0\0\0\0\x80", 6);
  const std::vector<Case> cases = {
      {Removal(), 4, std::string(1, '\0')},               // kind
      {Removal(), 4, "\6"},                               // kind
      {Removal(), 5, "\1"},                               // a removal has no state
      {Claim(), 5, std::string(1, '\0')},                 // state
      {Claim(), 5, "\5"},                                 // state
      {Removal(), 7, "\x80"},                             // unknown field
      {Removal(), 7, "\x40"},                             // unknown field
      {Removal(), 7, "\x20"},                             // a removal makes no step
      {Claim(), 7, "\x21"},                               // a step was made, and there is none
      {RegisterImage(), 8, std::string(8, '\0')},         // token 0
      {SeenImage(), 8, "\1"},                             // a token
      {SequenceImage(), 8, "\1"},                         // a token
      {SeenImage(), 6, std::string(1, '\0')},             // seen for ever
      {SequenceImage(), 7, std::string(1, '\0')},         // nothing of the sequence
      {SequenceImage(), 26 + 4, std::string(8, '\0')},    // nothing has come
      {SequenceImage(), 26 + 4, std::string(8, '\xff')},  // a number that is too large
      {FullSequenceImage(), 32 + 4, "\xc0"},              // the same, ahead
      {Removal(), 14, "\x20"},                            // token of 54 bits
      {Removal(), 16, std::string(2, '\0')},              // no key
      {RegisterImage(), 22, zero_time},                   // a deadline that says nothing
      {RegisterImage(), 22, late_time},                   //
      {Claim(), 25 + 6 * 4, std::string(4, '\0')},        // attempt 0
      {WithSteps(), 25 + 6 * 4 + 4, "\x05"},              // a name that is longer than it is
      {WithSteps(), 25 + 6 * 4 + 5, "\x01"},              // data that goes on behind the record
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    std::string bytes = Encoded(cases[i].image);
    bytes.replace(cases[i].offset, cases[i].bytes.size(), cases[i].bytes);
    Image decoded;
    EXPECT_TRUE(absl::IsDataLoss(DecodeRecord(bytes, decoded).status())) << "case " << i;
  }
}

TEST(RecordTest, RefusesAKeyThatIsTooLong) {
  std::string bytes = Encoded(Removal());
  bytes.append(kRecordKeyBytesMax - 6, 'k');
  StoreAt(bytes.data(), static_cast<uint32_t>(bytes.size()));
  StoreAt(bytes.data() + 16, static_cast<uint16_t>(kRecordKeyBytesMax + 1));
  Image decoded;
  EXPECT_TRUE(absl::IsDataLoss(DecodeRecord(bytes, decoded).status()));
}

// What could not be read again is not written in the first place.
TEST(RecordDeathTest, WritesNothingThatItWouldRefuse) {
  std::vector<Image> bad(8, Claim());
  bad[0].token = 0;
  bad[1].token = kTokenMax + 1;
  bad[2].key = {};
  bad[3].attempt = 0;
  bad[4].value = "no steps";
  bad[5].until_ms = kTimeMax + 1;
  bad[6].since_ms = -1;
  bad[7] = Finished();
  bad[7].hold = true;
  for (const Image& image : bad) {
    EXPECT_DEATH(Encoded(image), "check failed");
  }
}

}  // namespace
}  // namespace idem::engine
