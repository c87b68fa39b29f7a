#include "log/snapshot_format.h"

#include <gtest/gtest.h>

#include <string>

#include "base/coding.h"

namespace idem::engine {
namespace {

constexpr uint64_t kSalt = 0x0123456789abcdef;

SnapshotHeader SomeHeader() {
  SnapshotHeader header;
  header.covers = 100;
  header.salt = kSalt;
  header.store_ms = 5000;
  header.wall_ms = 1'800'000'000'000;
  header.epoch = 3;
  header.store_id.fill('i');
  header.secret.fill('s');
  return header;
}

std::string Encoded(const SnapshotHeader& header) {
  std::string block(kBlockBytes, 'x');
  EncodeSnapshotHeader(header, block.data());
  return block;
}

SnapshotBlockHeader SomeBlock() {
  SnapshotBlockHeader header;
  header.kind = SnapshotBlockKind::kFooter;
  header.number = 7;
  header.payload_bytes = 77;
  header.record_count = 3;
  header.payload_hash = 2;
  return header;
}

std::string Encoded(SnapshotBlockHeader header) {
  std::string bytes(kSnapshotBlockHeaderBytes, 'x');
  EncodeSnapshotBlockHeader(header, kSalt, bytes.data());
  return bytes;
}

// The hash is right again after a change by hand.
std::string Rehashed(std::string block) {
  StoreAt(block.data() + 8, Checksum(kSalt, std::string_view(block).substr(16)));
  return block;
}

TEST(SnapshotFormatTest, NamesTellWhatIsCovered) {
  EXPECT_EQ(SnapshotPath("d", 77), "d/snap-0000000000000077.snap");
  EXPECT_EQ(SnapshotTemporaryPath("d", 77), "d/snap-0000000000000077.snap.tmp");
  EXPECT_EQ(SnapshotCovers("snap-0000000000000077.snap"), 77u);
  EXPECT_EQ(SnapshotCovers("snap-0000000000000077.snap.tmp"), 77u);
  for (const char* other : {"", "snap-77.snap", "wal-0000000000000077.log", "MANIFEST.tmp",
                            "snap-000000000000007x.snap", "snap-0000000000000077.snap.tm"}) {
    EXPECT_FALSE(SnapshotCovers(other).has_value()) << other;
  }
}

TEST(SnapshotFormatTest, HeaderComesBack) {
  const SnapshotHeader header = SomeHeader();
  std::string block(kBlockBytes, 'x');
  const uint64_t written_chain = EncodeSnapshotHeader(header, block.data());
  uint64_t chain = 0;
  const absl::StatusOr<SnapshotHeader> read = DecodeSnapshotHeader("snap", block, &chain);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(chain, written_chain);
  EXPECT_EQ(read->covers, header.covers);
  EXPECT_EQ(read->salt, header.salt);
  EXPECT_EQ(read->store_ms, header.store_ms);
  EXPECT_EQ(read->wall_ms, header.wall_ms);
  EXPECT_EQ(read->epoch, header.epoch);
  EXPECT_EQ(read->store_id, header.store_id);
  EXPECT_EQ(read->secret, header.secret);
}

TEST(SnapshotFormatTest, HeaderStandsAtTheseOffsets) {
  const std::string block = Encoded(SomeHeader());
  EXPECT_EQ(block.substr(0, 8), "idemsnp1");
  EXPECT_EQ(Load<uint64_t>(&block[8]), Checksum(kSalt, std::string_view(block).substr(16)));
  EXPECT_EQ(Load<uint16_t>(&block[16]), kFormatMajor);
  EXPECT_EQ(Load<uint16_t>(&block[18]), kFormatMinor);
  EXPECT_EQ(Load<uint32_t>(&block[20]), kIncompatibleFeatures);
  EXPECT_TRUE(IsZero(block.substr(24, 8)));
  EXPECT_EQ(block.substr(32, 16), std::string(16, 'i'));
  EXPECT_EQ(Load<uint64_t>(&block[48]), 100u);
  EXPECT_EQ(Load<uint64_t>(&block[56]), kSalt);
  EXPECT_EQ(Load<int64_t>(&block[64]), 5000);
  EXPECT_EQ(Load<int64_t>(&block[72]), 1'800'000'000'000);
  EXPECT_EQ(Load<uint64_t>(&block[80]), 3u);
  EXPECT_EQ(block.substr(88, 192), std::string(192, 's'));
  EXPECT_TRUE(IsZero(block.substr(280)));
}

TEST(SnapshotFormatTest, HeaderRefusesEveryFlippedBitAndEveryTruncation) {
  const std::string block = Encoded(SomeHeader());
  uint64_t chain = 0;
  for (size_t bit = 0; bit < block.size() * 8; ++bit) {
    std::string flipped = block;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    ASSERT_TRUE(absl::IsDataLoss(DecodeSnapshotHeader("snap", flipped, &chain).status())) << bit;
  }
  const std::string cut = block.substr(0, kBlockBytes - 1);
  EXPECT_TRUE(absl::IsDataLoss(DecodeSnapshotHeader("snap", cut, &chain).status()));
}

TEST(SnapshotFormatTest, TellsANewerFormatFromDamage) {
  uint64_t chain = 0;
  for (const size_t offset : {16u, 20u}) {  // major, incompatible features
    std::string newer = Encoded(SomeHeader());
    ++newer[offset];
    const absl::Status status = DecodeSnapshotHeader("snap", Rehashed(newer), &chain).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  }
  std::string minor = Encoded(SomeHeader());
  ++minor[18];
  EXPECT_TRUE(DecodeSnapshotHeader("snap", Rehashed(minor), &chain).ok());
}

TEST(SnapshotFormatTest, BlockHeaderStandsAtTheseOffsetsAndComesBack) {
  const std::string bytes = Encoded(SomeBlock());
  EXPECT_EQ(bytes.substr(0, 4), "iSNB");
  EXPECT_EQ(Load<uint32_t>(&bytes[4]), 1u);
  EXPECT_EQ(Load<uint64_t>(&bytes[8]), 7u);
  EXPECT_EQ(Load<uint32_t>(&bytes[16]), 77u);
  EXPECT_EQ(Load<uint32_t>(&bytes[20]), 3u);
  EXPECT_EQ(Load<uint64_t>(&bytes[24]), 2u);
  EXPECT_EQ(Load<uint64_t>(&bytes[32]), Checksum(kSalt, std::string_view(bytes).substr(0, 32)));
  SnapshotBlockHeader read;
  ASSERT_TRUE(DecodeSnapshotBlockHeader(bytes, kSalt, 7, read));
  EXPECT_EQ(read.kind, SnapshotBlockKind::kFooter);
  EXPECT_EQ(read.number, 7u);
  EXPECT_EQ(read.payload_bytes, 77u);
  EXPECT_EQ(read.record_count, 3u);
  EXPECT_EQ(read.payload_hash, 2u);
  EXPECT_EQ(read.hash, Load<uint64_t>(&bytes[32]));
}

TEST(SnapshotFormatTest, BlockHeaderRefusesFlippedBitsAndWhatBelongsElsewhere) {
  const std::string bytes = Encoded(SomeBlock());
  SnapshotBlockHeader read;
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(DecodeSnapshotBlockHeader(flipped, kSalt, 7, read)) << bit;
  }
  EXPECT_FALSE(DecodeSnapshotBlockHeader(bytes, kSalt, 8, read)) << "another block";
  EXPECT_FALSE(DecodeSnapshotBlockHeader(bytes, kSalt + 1, 7, read)) << "another file";
  EXPECT_FALSE(DecodeSnapshotBlockHeader(bytes.substr(0, 39), kSalt, 7, read));
  SnapshotBlockHeader unknown = SomeBlock();
  unknown.kind = static_cast<SnapshotBlockKind>(2);
  EXPECT_FALSE(DecodeSnapshotBlockHeader(Encoded(unknown), kSalt, 7, read)) << "unknown kind";
}

TEST(SnapshotFormatTest, FooterStandsAtTheseOffsetsAndComesBack) {
  const SnapshotFooter footer{3, 50, 120, kNeverMs, 0xfedcba9876543210};
  std::string bytes(kSnapshotFooterBytes, 'x');
  EncodeSnapshotFooter(footer, bytes.data());
  const uint64_t fields[] = {3, 50, 120, kNeverMs, 0xfedcba9876543210};
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(Load<uint64_t>(&bytes[i * 8]), fields[i]);
  SnapshotFooter read;
  ASSERT_TRUE(DecodeSnapshotFooter(bytes, read));
  EXPECT_EQ(read, footer);
  EXPECT_FALSE(DecodeSnapshotFooter(bytes.substr(1), read));
  EXPECT_FALSE(DecodeSnapshotFooter(bytes + 'x', read));
}

TEST(SnapshotFormatTest, ChainTellsEveryBlockAndTheirOrder) {
  SnapshotBlockHeader a;
  SnapshotBlockHeader b;
  a.hash = 1;
  b.hash = 2;
  const auto chain = [](auto... blocks) {
    uint64_t value = 5;
    ((value = NextSnapshotChain(value, blocks)), ...);
    return value;
  };
  EXPECT_EQ(chain(a), Checksum(5, std::string("\1\0\0\0\0\0\0\0", 8)));
  EXPECT_NE(chain(a, b), chain(b, a));
  EXPECT_NE(chain(a, b), chain(a));
}

}  // namespace
}  // namespace idem::engine
