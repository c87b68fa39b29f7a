#include "log/log_format.h"

#include <gtest/gtest.h>

#include <string>

#include "base/coding.h"

namespace idem::engine {
namespace {

SegmentHeader SomeHeader() {
  SegmentHeader header;
  header.number = 7;
  header.file_bytes = 64 << 10;
  header.salt = 0x0123456789abcdef;
  header.first_lsn = 100;
  header.previous_chain = 0xfedcba9876543210;
  header.store_ms = 5000;
  header.wall_ms = 1'800'000'000'000;
  header.epoch = 3;
  header.alignment = kDenseAlignment;
  header.store_id.fill('i');
  header.secret.fill('s');
  return header;
}

std::string Encoded(const SegmentHeader& header) {
  std::string block(kBlockBytes, 'x');
  EncodeSegmentHeader(header, block.data());
  return block;
}

BatchHeader SomeBatch() {
  BatchHeader header;
  header.segment_number = 7;
  header.first_lsn = 100;
  header.record_count = 3;
  header.payload_bytes = 77;
  header.durable_upto = 99;
  header.store_ms = 5001;
  header.chain = 1;
  header.payload_hash = 2;
  return header;
}

std::string Encoded(BatchHeader header, uint64_t salt) {
  std::string bytes(kBatchHeaderBytes, 'x');
  EncodeBatchHeader(header, salt, bytes.data());
  return bytes;
}

TEST(LogFormatTest, SegmentHeaderComesBack) {
  const SegmentHeader header = SomeHeader();
  std::string block(kBlockBytes, 'x');
  const uint64_t written_chain = EncodeSegmentHeader(header, block.data());
  uint64_t chain = 0;
  const absl::StatusOr<SegmentHeader> read = DecodeSegmentHeader("wal", block, &chain);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(chain, written_chain);
  EXPECT_EQ(read->number, header.number);
  EXPECT_EQ(read->file_bytes, header.file_bytes);
  EXPECT_EQ(read->salt, header.salt);
  EXPECT_EQ(read->first_lsn, header.first_lsn);
  EXPECT_EQ(read->previous_chain, header.previous_chain);
  EXPECT_EQ(read->store_ms, header.store_ms);
  EXPECT_EQ(read->wall_ms, header.wall_ms);
  EXPECT_EQ(read->epoch, header.epoch);
  EXPECT_EQ(read->alignment, header.alignment);
  EXPECT_EQ(read->store_id, header.store_id);
  EXPECT_EQ(read->secret, header.secret);
}

TEST(LogFormatTest, SegmentHeaderStandsAtTheseOffsets) {
  const std::string block = Encoded(SomeHeader());
  EXPECT_EQ(block.substr(0, 8), "idemwal1");
  EXPECT_EQ(Load<uint16_t>(block.data() + 16), kFormatMajor);
  EXPECT_EQ(Load<uint16_t>(block.data() + 18), kFormatMinor);
  EXPECT_EQ(Load<uint32_t>(block.data() + 20), kIncompatibleFeatures);
  EXPECT_EQ(Load<uint32_t>(block.data() + 28), kDenseAlignment);
  EXPECT_EQ(block.substr(32, 16), std::string(16, 'i'));
  EXPECT_EQ(Load<uint64_t>(block.data() + 48), 7u);
  EXPECT_EQ(Load<uint64_t>(block.data() + 56), 64u << 10);
  EXPECT_EQ(Load<uint64_t>(block.data() + 64), 0x0123456789abcdefu);
  EXPECT_EQ(Load<uint64_t>(block.data() + 72), 100u);
  EXPECT_EQ(Load<uint64_t>(block.data() + 80), 0xfedcba9876543210u);
  EXPECT_EQ(Load<int64_t>(block.data() + 88), 5000);
  EXPECT_EQ(Load<int64_t>(block.data() + 96), 1'800'000'000'000);
  EXPECT_EQ(Load<uint32_t>(block.data() + 104), 3u);
  EXPECT_EQ(block.substr(112, 192), std::string(192, 's'));
  EXPECT_TRUE(IsZero(std::string_view(block).substr(304)));
}

TEST(LogFormatTest, RefusesEveryFlippedBitOfASegmentHeader) {
  const std::string block = Encoded(SomeHeader());
  for (size_t bit = 0; bit < block.size() * 8; ++bit) {
    std::string flipped = block;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    uint64_t chain = 0;
    ASSERT_TRUE(absl::IsDataLoss(DecodeSegmentHeader("wal", flipped, &chain).status())) << bit;
  }
}

// Rewrites the hash, as a newer version would have written it.
std::string Rehashed(std::string block) {
  const uint64_t salt = Load<uint64_t>(block.data() + 64);
  StoreAt(block.data() + 8, Checksum(salt, std::string_view(block).substr(16)));
  return block;
}

TEST(LogFormatTest, TellsANewerFormatFromDamage) {
  uint64_t chain = 0;
  std::string newer = Encoded(SomeHeader());
  StoreAt(newer.data() + 16, uint16_t{2});
  const absl::Status major = DecodeSegmentHeader("wal-7", Rehashed(newer), &chain).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(major)) << major;
  EXPECT_NE(major.message().find("wal-7"), absl::string_view::npos) << major;

  std::string feature = Encoded(SomeHeader());
  StoreAt(feature.data() + 20, kIncompatibleFeatures + 1);
  EXPECT_TRUE(
      absl::IsFailedPrecondition(DecodeSegmentHeader("wal", Rehashed(feature), &chain).status()));

  std::string minor = Encoded(SomeHeader());
  StoreAt(minor.data() + 18, uint16_t{9});
  StoreAt(minor.data() + 24, uint32_t{9});  // compatible features
  EXPECT_TRUE(DecodeSegmentHeader("wal", Rehashed(minor), &chain).ok());
}

TEST(LogFormatTest, BatchHeaderComesBack) {
  BatchHeader written = SomeBatch();
  std::string bytes(kBatchHeaderBytes, 'x');
  EncodeBatchHeader(written, 5, bytes.data());
  BatchHeader read;
  ASSERT_TRUE(DecodeBatchHeader(bytes, 5, 7, read));
  EXPECT_EQ(read.kind, BatchKind::kRecords);
  EXPECT_EQ(read.first_lsn, 100u);
  EXPECT_EQ(read.last_lsn(), 102u);
  EXPECT_EQ(read.payload_bytes, 77u);
  EXPECT_EQ(read.durable_upto, 99u);
  EXPECT_EQ(read.store_ms, 5001);
  EXPECT_EQ(read.chain, 1u);
  EXPECT_EQ(read.payload_hash, 2u);
  EXPECT_EQ(read.hash, written.hash);
}

TEST(LogFormatTest, RefusesEveryFlippedBitAndForeignBatches) {
  const std::string bytes = Encoded(SomeBatch(), 5);
  BatchHeader header;
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(DecodeBatchHeader(flipped, 5, 7, header)) << bit;
  }
  EXPECT_FALSE(DecodeBatchHeader(bytes, 6, 7, header)) << "another file's salt";
  EXPECT_FALSE(DecodeBatchHeader(bytes, 5, 8, header)) << "another segment";
  EXPECT_FALSE(DecodeBatchHeader(bytes.substr(0, kBatchHeaderBytes - 1), 5, 7, header));
}

TEST(LogFormatTest, ZeroIsZero) {
  EXPECT_TRUE(IsZero(""));
  EXPECT_TRUE(IsZero(std::string(5000, '\0')));
  for (size_t i : {0u, 1u, 2500u, 4999u}) {
    std::string bytes(5000, '\0');
    bytes[i] = 1;
    EXPECT_FALSE(IsZero(bytes)) << i;
  }
}

}  // namespace
}  // namespace idem::engine
