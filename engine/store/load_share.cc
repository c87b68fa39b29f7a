#include "store/load_share.h"

#include <utility>

#include "log/record.h"

namespace idem::engine {

void LoadShare::Install(std::span<const RecordBlock> blocks) {
  for (const RecordBlock& block : blocks) {
    if (refusal_.status.ok()) Find(block);
    ++block_number_;
  }
  Flush();
}

// A block that is broken is refused by every share at the same place.
void LoadShare::Find(const RecordBlock& block) {
  RecordBlockReader reader(block);
  for (RecordBlockReader::Found found; reader.Next(found);) {
    const StoredKey key(found.key);
    const uint64_t hash = target_.shared->HashOf(key.bytes());
    const size_t stripe = StripeIndexOf(hash, target_.stripes->size());
    if (stripe % shares_ != index_) continue;
    waiting_[waiting_count_] = {&block, block_number_, found, key};
    spots_[waiting_count_] = {(*target_.stripes)[stripe].get(),
                              Table::PlaceOf(static_cast<uint32_t>(hash))};
    if (++waiting_count_ == waiting_.size()) Flush();
  }
  if (reader.status().ok()) return;
  Flush();
  Refuse({block_number_, block.offset + block.records.size()}, reader.status());
}

void LoadShare::Flush() {
  FetchAhead({spots_.data(), waiting_count_});
  for (size_t i = 0; i < waiting_count_ && refusal_.status.ok(); ++i) {
    const Waiting& waiting = waiting_[i];
    absl::Status status = InstallOne(waiting, spots_[i]);
    if (status.ok()) continue;
    const uint64_t offset = OffsetOf(*waiting.block, waiting.found.record.data());
    if (absl::IsDataLoss(status)) {
      const absl::string_view why = status.message();
      status = DamageAt(*waiting.block->path, offset, {why.data(), why.size()});
    }
    Refuse({waiting.block_number, offset}, std::move(status));
  }
  waiting_count_ = 0;
}

absl::Status LoadShare::InstallOne(const Waiting& waiting, const Spot& spot) {
  Image image;
  const absl::StatusOr<size_t> length = DecodeRecord(waiting.found.record, image);
  if (!length.ok()) return length.status();
  if (target_.cursors != nullptr) target_.cursors->Loaded(image);
  target_.shared->RefillPages();
  return spot.stripe->Apply(waiting.key, spot.place, image, waiting.found.lsn);
}

void LoadShare::Reset() {
  block_number_ = 0;
  refusal_ = {};
}

void LoadShare::Refuse(Place place, absl::Status status) {
  if (refusal_.status.ok()) refusal_ = {place, std::move(status)};
}

}  // namespace idem::engine
