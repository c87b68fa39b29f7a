#include "log/batch.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "base/check.h"
#include "log/record.h"

namespace idem::engine {
namespace {

constexpr std::align_val_t kAlignment{kBlockBytes};
constexpr size_t kSpareBatches = 3;  // one is filled, one written, one waits

bool IsShared(const Image& image) {
  return image.value_body != nullptr && image.value.size() >= Batch::kSharedBytesMin;
}

size_t CopiedBytesMax(const Image& image) {
  return MaxRecordBytes(image.key.size(), IsShared(image) ? 0 : image.value.size());
}

size_t CopiedBytesMax(std::span<const Image> images) {
  size_t bytes = 0;
  for (const Image& image : images) bytes += CopiedBytesMax(image);
  return bytes;
}

size_t RecordBytesMax(std::span<const Image> images) {
  size_t bytes = 0;
  for (const Image& image : images) bytes += MaxRecordBytes(image.key.size(), image.value.size());
  return bytes;
}

int64_t DeadlineOf(const Image& image) {
  if (image.absent()) return 0;
  return image.deadline_ms == 0 ? kNeverMs : image.deadline_ms;
}

}  // namespace

AlignedBuffer::AlignedBuffer(size_t bytes)
    : size_(bytes), bytes_(static_cast<char*>(::operator new(bytes, kAlignment))) {}

void AlignedBuffer::Free::operator()(char* bytes) const { ::operator delete(bytes, kAlignment); }

Batch::Batch(size_t copied_bytes) : buffer_(kBatchHeaderBytes + copied_bytes + kBlockBytes) {}

void Batch::Clear(Lsn first_lsn) {
  splices_.clear();
  first_lsn_ = first_lsn;
  record_count_ = 0;
  copied_bytes_ = shared_bytes_ = 0;
  latest_deadline_ms_ = 0;
}

bool Batch::HasRoomFor(std::span<const Image> images) const {
  return record_count_ + images.size() <= kRecordsMax &&
         payload_bytes() + RecordBytesMax(images) <= kPayloadBytesMax;
}

bool Batch::HasRoomForEncoded(size_t bytes) const { return payload_bytes() + bytes <= capacity(); }

void Batch::CountRecords(uint32_t count, int64_t latest_deadline_ms) {
  record_count_ += count;
  latest_deadline_ms_ = std::max(latest_deadline_ms_, latest_deadline_ms);
}

void Batch::Add(const Image& image) {
  IDEM_CHECK(copied_bytes_ + CopiedBytesMax(image) <= capacity());
  const bool shared = IsShared(image);
  char* const record_end = shared ? EncodeRecordHead(image, end()) : EncodeRecord(image, end());
  copied_bytes_ += static_cast<size_t>(record_end - end());
  if (shared) {
    shared_bytes_ += image.value.size();
    splices_.push_back({copied_bytes_, BodyRef::Share(image.value_body)});
  }
  CountRecords(1, DeadlineOf(image));
}

void Batch::AddEncoded(std::string_view records, uint32_t count, int64_t latest_deadline_ms) {
  IDEM_CHECK(HasRoomForEncoded(records.size()));
  std::memcpy(end(), records.data(), records.size());
  copied_bytes_ += records.size();
  CountRecords(count, latest_deadline_ms);
}

char* Batch::Finish(size_t padded_bytes, AlignedBuffer& scratch) {
  const size_t bytes = kBatchHeaderBytes + payload_bytes();
  IDEM_CHECK(padded_bytes >= bytes && padded_bytes - bytes < kBlockBytes);
  if (splices_.empty()) {
    std::memset(buffer_.data() + bytes, 0, padded_bytes - bytes);
    return buffer_.data();
  }
  if (scratch.size() < padded_bytes) scratch = AlignedBuffer(padded_bytes);
  char* to = scratch.data() + kBatchHeaderBytes;
  const char* from = buffer_.data() + kBatchHeaderBytes;
  size_t copied = 0;
  const auto copy = [&to](const char* bytes_from, size_t length) {
    std::memcpy(to, bytes_from, length);
    to += length;
  };
  for (const Splice& splice : splices_) {
    copy(from + copied, splice.after_copied_bytes - copied);
    copied = splice.after_copied_bytes;
    copy(splice.body.get()->bytes().data(), splice.body.get()->bytes().size());
  }
  copy(from + copied, copied_bytes_ - copied);
  std::memset(to, 0, padded_bytes - bytes);
  return scratch.data();
}

BatchQueue::Appended BatchQueue::Append(std::span<const Image> images, Lsn first_lsn) {
  const bool new_batch = batches_.empty() || !batches_.back()->HasRoomFor(images);
  if (new_batch) Begin(images, first_lsn);
  Batch& batch = *batches_.back();
  const size_t bytes_before = batch.payload_bytes();
  for (const Image& image : images) batch.Add(image);
  return {batch.payload_bytes() - bytes_before, new_batch};
}

// An append that is larger than a batch gets a buffer of its own.
void BatchQueue::Begin(std::span<const Image> images, Lsn first_lsn) {
  const size_t copied_bytes = CopiedBytesMax(images);
  if (copied_bytes > Batch::kPayloadBytesMax) {
    batches_.push_back(std::make_unique<Batch>(copied_bytes));
  } else if (spare_.empty()) {
    batches_.push_back(std::make_unique<Batch>());
  } else {
    batches_.push_back(std::move(spare_.back()));
    spare_.pop_back();
  }
  batches_.back()->Clear(first_lsn);
}

std::unique_ptr<Batch> BatchQueue::TakeFront() {
  std::unique_ptr<Batch> batch = std::move(batches_.front());
  batches_.pop_front();
  return batch;
}

void BatchQueue::Recycle(std::unique_ptr<Batch> batch) {
  if (spare_.size() >= kSpareBatches || batch->capacity() != Batch::kPayloadBytesMax) return;
  batch->Clear(0);
  spare_.push_back(std::move(batch));
}

}  // namespace idem::engine
