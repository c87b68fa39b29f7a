// Snapshots made by hand, from the records of a log.
#ifndef IDEM_TESTS_SUPPORT_TEST_SNAPSHOT_H_
#define IDEM_TESTS_SUPPORT_TEST_SNAPSHOT_H_

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "log/manifest.h"
#include "log/record.h"
#include "log/snapshot_format.h"

namespace idem::engine {

// Of every key the newest record, encoded, under its LSN.
using KeyStates = std::map<std::string, std::pair<Lsn, std::string>>;

// Of the records up to `upto`; removals leave nothing.
inline KeyStates StatesOf(const std::map<Lsn, std::string>& records, Lsn upto) {
  KeyStates states;
  for (const auto& [lsn, encoded] : records) {
    if (lsn > upto) break;
    Image image;
    if (!DecodeRecord(encoded, image).ok()) continue;
    states[std::string(image.key)] = {lsn, encoded};
    if (image.absent()) states.erase(std::string(image.key));
  }
  return states;
}

// The bytes of a snapshot of `states`, in blocks of about `block_bytes`. `about` is what a manifest
// says of it; its `covers` and `highest_lsn` are given.
inline std::string SnapshotBytes(const Manifest& manifest, const KeyStates& states,
                                 size_t block_bytes, ManifestSnapshot* about) {
  constexpr uint64_t kSalt = 77;
  std::string bytes(kBlockBytes, '\0');
  SnapshotFooter footer;
  footer.highest_lsn = about->highest_lsn;
  footer.latest_deadline_ms = kNeverMs;
  footer.chain = EncodeSnapshotHeader({.covers = about->covers,
                                       .salt = kSalt,
                                       .store_ms = manifest.store_ms,
                                       .wall_ms = 0,
                                       .epoch = manifest.epoch,
                                       .store_id = manifest.store_id,
                                       .secret = manifest.secret},
                                      bytes.data());
  const auto add = [&](SnapshotBlockKind kind, const std::string& payload, uint32_t count) {
    SnapshotBlockHeader header;
    header.kind = kind;
    header.number = footer.blocks + 1;
    header.payload_bytes = static_cast<uint32_t>(payload.size());
    header.record_count = count;
    header.payload_hash = Checksum(kSalt, payload);
    bytes.resize(bytes.size() + kSnapshotBlockHeaderBytes);
    EncodeSnapshotBlockHeader(header, kSalt,
                              bytes.data() + bytes.size() - kSnapshotBlockHeaderBytes);
    bytes += payload;
    return header;
  };
  std::string payload;
  uint32_t count = 0;
  const auto flush = [&] {
    if (count == 0) return;
    footer.chain =
        NextSnapshotChain(footer.chain, add(SnapshotBlockKind::kRecords, payload, count));
    ++footer.blocks;
    footer.records += std::exchange(count, 0);
    payload.clear();
  };
  for (const auto& [key, state] : states) {
    payload.append(reinterpret_cast<const char*>(&state.first), sizeof(Lsn)).append(state.second);
    ++count;
    if (payload.size() >= block_bytes) flush();
  }
  flush();
  std::string end(kSnapshotFooterBytes, '\0');
  EncodeSnapshotFooter(footer, end.data());
  about->hash = add(SnapshotBlockKind::kFooter, end, 0).hash;
  about->bytes = bytes.size();
  about->latest_deadline_ms = kNeverMs;
  return bytes;
}

}  // namespace idem::engine

#endif  // IDEM_TESTS_SUPPORT_TEST_SNAPSHOT_H_
