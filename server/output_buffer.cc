#include "server/output_buffer.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace idem::server {
namespace {

constexpr size_t kLeastBytes = 4096;
constexpr size_t kKeptBlockBytes = 64 << 10;
constexpr size_t kKeptBytes = 4 << 20;  // in all

void Allocate(size_t bytes, Block& block) {
  block.bytes = std::make_unique_for_overwrite<char[]>(bytes);
  block.capacity = bytes;
}

}  // namespace

void BufferPool::Lend(size_t bytes, Block& block) {
  if (blocks_.empty() || blocks_.back().capacity < bytes) return Allocate(bytes, block);
  block = std::move(blocks_.back());
  blocks_.pop_back();
  kept_bytes_ -= block.capacity;
}

void BufferPool::TakeBack(Block block) {
  if (block.capacity > kKeptBlockBytes || kept_bytes_ + block.capacity > kKeptBytes) return;
  kept_bytes_ += block.capacity;
  blocks_.push_back(std::move(block));
}

void OutputBuffer::Append(std::string_view bytes) {
  if (bytes.empty()) return;
  std::memcpy(Room(bytes.size()), bytes.data(), bytes.size());
  size_ += bytes.size();
}

void OutputBuffer::DropFront(size_t count) {
  size_ -= count;
  std::memmove(block_.bytes.get(), block_.bytes.get() + count, size_);
}

void OutputBuffer::Clear() {
  GiveBack(std::exchange(block_, {}));
  size_ = 0;
}

void OutputBuffer::Grow(size_t bytes) {
  const size_t wanted = std::max({size_ + bytes, 2 * block_.capacity, kLeastBytes});
  Block larger;
  pool_ != nullptr ? pool_->Lend(wanted, larger) : Allocate(wanted, larger);
  if (size_ > 0) std::memcpy(larger.bytes.get(), block_.bytes.get(), size_);
  std::swap(block_, larger);
  GiveBack(std::move(larger));
}

void OutputBuffer::GiveBack(Block block) {
  if (pool_ != nullptr && block.capacity > 0) pool_->TakeBack(std::move(block));
}

}  // namespace idem::server
