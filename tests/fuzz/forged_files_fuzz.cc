// Files with right hashes and wrong contents, as only a bug or somebody of ill will writes them: an
// open takes them or refuses, and neither crashes nor takes more memory than they are worth.
//
//   input: 1 byte that says of what: a manifest, batches of the log, records of a snapshot
#include <fuzzer/FuzzedDataProvider.h>

#include <string>
#include <string_view>
#include <utility>

#include "base/coding.h"
#include "base/hash.h"
#include "log/log_reader.h"
#include "log/manifest.h"
#include "log/segment.h"
#include "tests/fuzz/expect.h"
#include "tests/support/store_with_snapshots.h"
#include "tests/support/test_snapshot.h"

namespace idem::engine {
namespace {

using Files = StoreWithSnapshots::Files;

constexpr char kManifest[] = "MANIFEST";
constexpr uint64_t kManifestHashSeed = 0x316e616d6d656469;  // its magic, as manifest.cc has it

const Files& WholeFiles() {
  static const StoreWithSnapshots& store = *new StoreWithSnapshots();
  return store.files();
}

Manifest WholeManifest() { return DecodeManifest(kManifest, WholeFiles().at(kManifest)).value(); }

void Open(const Files& files) {
  TestLog log;
  StoreWithSnapshots::MakeSmall(log);
  log.TakeFiles(files);
  const absl::Status status = OpenKeys(log.options).status;
  const bool expected =
      status.ok() || absl::IsDataLoss(status) || absl::IsFailedPrecondition(status);
  ExpectEqual(expected ? "" : std::string(status.ToString()), "", "taken, or refused as damaged");
}

// What is taken is written as it was read.
void ForgeManifest(FuzzedDataProvider& input) {
  std::string bytes = WholeFiles().at(kManifest);
  while (input.remaining_bytes() > 8) {
    const size_t at = input.ConsumeIntegralInRange<size_t>(20, bytes.size());
    const std::string patch = input.ConsumeRandomLengthString(64);
    bytes.replace(at, std::min(patch.size(), bytes.size() - at), patch);
  }
  bytes.resize(std::max<size_t>(24, bytes.size() - input.ConsumeIntegralInRange<size_t>(0, 100)));
  StoreAt(bytes.data() + 16, static_cast<uint32_t>(bytes.size()));
  StoreAt(bytes.data() + 8, Checksum(kManifestHashSeed, std::string_view(bytes).substr(16)));
  const absl::StatusOr<Manifest> manifest = DecodeManifest(kManifest, bytes);
  if (manifest.ok()) {
    Expect(*DecodeManifest(kManifest, EncodeManifest(*manifest)) == *manifest,
           "reads what it wrote");
  }
  Files files = WholeFiles();
  files[kManifest] = bytes;
  Open(files);
}

// Behind the last batch, and chained to it.
void ForgeBatches(FuzzedDataProvider& input) {
  const Manifest manifest = WholeManifest();
  MemoryFileSystem disk;
  for (const ManifestSegment& segment : manifest.segments) {
    if (segment.state != SegmentState::kInUse) continue;
    const std::string path = SegmentPath("d", segment.number);
    Files files = WholeFiles();
    std::string& bytes = files.at(path.substr(2));
    disk.Overwrite(path, bytes);
    SegmentReader reader = SegmentReader::Open(&disk, "d", segment).value();
    while (reader.Next().value().has_value()) {
    }
    uint64_t offset = reader.next_offset();
    BatchHeader batch;
    batch.segment_number = segment.number;
    batch.first_lsn = reader.end().last_lsn + 1;
    batch.chain = reader.end().chain;
    while (input.remaining_bytes() > 0) {
      const std::string payload = input.ConsumeRandomLengthString(3000);
      if (offset + kBatchHeaderBytes + payload.size() > bytes.size()) break;
      batch.kind = static_cast<BatchKind>(input.ConsumeIntegralInRange<uint32_t>(0, 3));
      batch.record_count = input.ConsumeIntegral<uint8_t>();
      batch.durable_upto = batch.first_lsn - input.ConsumeIntegralInRange<Lsn>(0, 2);
      batch.store_ms = input.ConsumeIntegral<int64_t>();
      batch.payload_bytes = static_cast<uint32_t>(payload.size());
      batch.payload_hash = Checksum(segment.salt, payload);
      EncodeBatchHeader(batch, segment.salt, bytes.data() + offset);
      bytes.replace(offset + kBatchHeaderBytes, payload.size(), payload);
      offset = RoundUp(offset + kBatchHeaderBytes + payload.size(), kBlockBytes);
      batch.first_lsn += batch.record_count;
      batch.chain = batch.hash;
    }
    Open(files);
  }
}

void ForgeSnapshot(FuzzedDataProvider& input) {
  Manifest manifest = WholeManifest();
  KeyStates states;
  while (input.remaining_bytes() > 0) {
    const Lsn lsn = input.ConsumeIntegral<uint8_t>();
    const std::string key = std::to_string(states.size());
    states[key] = {lsn, input.ConsumeRandomLengthString(2000)};
  }
  ManifestSnapshot& about = manifest.snapshots.front();
  Files files = WholeFiles();
  const std::string bytes = SnapshotBytes(manifest, states, 1000, &about);
  files[SnapshotPath("d", about.covers).substr(2)] = bytes;
  files[kManifest] = EncodeManifest(manifest);
  Open(files);
}

}  // namespace
}  // namespace idem::engine

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  FuzzedDataProvider input(bytes, count);
  constexpr void (*kForgers[])(FuzzedDataProvider&) = {
      idem::engine::ForgeManifest, idem::engine::ForgeBatches, idem::engine::ForgeSnapshot};
  kForgers[input.ConsumeIntegralInRange<size_t>(0, 2)](input);
  return 0;
}
