#include "tests/support/snapshot_reading.h"

#include "base/coding.h"
#include "gtest/gtest.h"
#include "log/record.h"

namespace idem::engine {
namespace {

void ReadRecords(std::string_view payload, uint32_t count, ReadSnapshot& snapshot) {
  for (uint32_t i = 0; i < count; ++i) {
    ASSERT_GE(payload.size(), sizeof(Lsn));
    const Lsn lsn = Load<Lsn>(payload.data());
    payload.remove_prefix(sizeof(Lsn));
    Image image;
    const absl::StatusOr<size_t> length = DecodeRecord(payload, image);
    ASSERT_TRUE(length.ok()) << length.status();
    EXPECT_FALSE(image.absent()) << "a removal";
    const std::string key(image.key);
    EXPECT_TRUE(snapshot.lsns.emplace(key, lsn).second) << "twice: " << key;
    snapshot.records[key] = payload.substr(0, *length);
    payload.remove_prefix(*length);
  }
  EXPECT_TRUE(payload.empty());
}

}  // namespace

ReadSnapshot ReadSnapshotFile(std::string_view bytes) {
  ReadSnapshot snapshot;
  uint64_t chain = 0;
  const absl::StatusOr<SnapshotHeader> header = DecodeSnapshotHeader("snapshot", bytes, &chain);
  EXPECT_TRUE(header.ok()) << header.status();
  if (!header.ok()) return snapshot;
  snapshot.header = *header;
  bytes.remove_prefix(kBlockBytes);
  SnapshotFooter counted;
  for (SnapshotBlockHeader block; block.kind != SnapshotBlockKind::kFooter;) {
    const bool valid =
        DecodeSnapshotBlockHeader(bytes, header->salt, snapshot.blocks.size() + 1, block);
    EXPECT_TRUE(valid) << "block " << snapshot.blocks.size() + 1;
    if (!valid) return snapshot;
    const std::string_view payload = bytes.substr(kSnapshotBlockHeaderBytes, block.payload_bytes);
    EXPECT_EQ(block.payload_hash, Checksum(header->salt, payload));
    bytes.remove_prefix(kSnapshotBlockHeaderBytes + payload.size());
    snapshot.blocks.push_back(block);
    if (block.kind == SnapshotBlockKind::kFooter) {
      EXPECT_TRUE(DecodeSnapshotFooter(payload, snapshot.footer));
      break;
    }
    ReadRecords(payload, block.record_count, snapshot);
    ++counted.blocks;
    counted.records += block.record_count;
    chain = NextSnapshotChain(chain, block);
  }
  EXPECT_TRUE(bytes.empty()) << "bytes behind the footer";
  EXPECT_EQ(snapshot.footer.blocks, counted.blocks);
  EXPECT_EQ(snapshot.footer.records, counted.records);
  EXPECT_EQ(snapshot.footer.chain, chain);
  return snapshot;
}

absl::Status Publish(Log& log, SnapshotWriter& writer) {
  absl::Status status = writer.Seal();
  for (bool more = true; status.ok() && more;) {
    const absl::StatusOr<bool> read = writer.Verify();
    if (!read.ok()) return read.status();
    more = *read;
  }
  return status.ok() ? log.PublishSnapshot(writer) : status;
}

}  // namespace idem::engine
