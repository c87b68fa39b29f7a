#include "base/memory_inode.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace idem::engine {

Inode::BlockRef Inode::Image::At(size_t index) const {
  return index < blocks.size() ? blocks[index] : nullptr;
}

void Inode::Image::Set(size_t index, BlockRef block) {
  if (index >= blocks.size()) blocks.resize(index + 1);
  blocks[index] = std::move(block);
}

Inode::Inode(std::string_view contents) {
  Write(0, contents);
  Sync();
}

std::string Inode::contents() const {
  std::string bytes(size(), '\0');
  Read(0, bytes.data(), bytes.size());
  return bytes;
}

void Inode::Read(uint64_t offset, char* out, size_t length) const {
  while (length > 0) {
    const size_t begin = offset % kBlockBytes;
    const size_t part = std::min(length, kBlockBytes - begin);
    const BlockRef block = seen_.At(offset / kBlockBytes);
    if (block == nullptr) {
      std::memset(out, 0, part);
    } else {
      std::memcpy(out, block->data() + begin, part);
    }
    offset += part;
    out += part;
    length -= part;
  }
}

void Inode::Write(uint64_t offset, std::string_view bytes) {
  if (bytes.empty()) return;
  if (offset + bytes.size() > size()) {
    seen_.size = offset + bytes.size();
    sizes_.push_back(seen_.size);
  }
  while (!bytes.empty()) {
    const size_t begin = offset % kBlockBytes;
    const size_t part = std::min(bytes.size(), kBlockBytes - begin);
    WriteBlock(offset / kBlockBytes, begin, bytes.substr(0, part));
    offset += part;
    bytes.remove_prefix(part);
  }
}

// What an earlier sync has failed to write is not written by the next one either, only `bytes`.
void Inode::WriteBlock(size_t index, size_t begin, std::string_view bytes) {
  const BlockRef seen = Overwritten(seen_.At(index), begin, bytes);
  Unsynced& unsynced = unsynced_[index];
  const bool first = unsynced.versions.empty() || unsynced.clean;
  unsynced.next = Overwritten(first ? on_disk_.At(index) : unsynced.next, begin, bytes);
  unsynced.clean = false;
  unsynced.versions.push_back(seen);
  seen_.Set(index, seen);
}

Inode::BlockRef Inode::Overwritten(const BlockRef& block, size_t begin, std::string_view bytes) {
  auto next = block == nullptr ? std::make_shared<Block>() : std::make_shared<Block>(*block);
  std::memcpy(next->data() + begin, bytes.data(), bytes.size());
  return next;
}

void Inode::Clear() {
  const bool was_locked = locked;
  *this = Inode();
  locked = was_locked;
}

void Inode::Sync() {
  for (auto unsynced = unsynced_.begin(); unsynced != unsynced_.end();) {
    if (unsynced->second.clean) {
      ++unsynced;
      continue;
    }
    on_disk_.Set(unsynced->first, unsynced->second.next);
    unsynced = unsynced_.erase(unsynced);
  }
  on_disk_.size = seen_.size;
  sizes_.clear();
}

void Inode::SyncRange(uint64_t offset, size_t length) {
  length = std::min<uint64_t>(length, size() - std::min(offset, size()));
  on_disk_.size = std::max(on_disk_.size, offset + length);
  std::erase_if(sizes_, [this](uint64_t size) { return size <= on_disk_.size; });
  while (length > 0) {
    const size_t begin = offset % kBlockBytes;
    const size_t part = std::min(length, kBlockBytes - begin);
    SyncBlockRange(offset / kBlockBytes, begin, part);
    offset += part;
    length -= part;
  }
}

// The rest of the block waits, if more than the last write is unsynced.
void Inode::SyncBlockRange(size_t index, size_t begin, size_t length) {
  const BlockRef seen = seen_.At(index);
  on_disk_.Set(index, Overwritten(on_disk_.At(index), begin, {seen->data() + begin, length}));
  const auto unsynced = unsynced_.find(index);
  if (unsynced == unsynced_.end()) return;
  std::vector<BlockRef>& versions = unsynced->second.versions;
  if (versions.size() == 1 || length == kBlockBytes) {
    unsynced_.erase(unsynced);
  } else {
    versions.assign(1, seen);
  }
}

void Inode::SyncFailed() {
  for (auto& [index, unsynced] : unsynced_) unsynced.clean = true;
}

Inode Inode::AfterPowerCut(const Choose& choose) const {
  Inode left;
  left.on_disk_ = on_disk_;
  const uint64_t size = choose(sizes_.size() + 1);
  if (size > 0) left.on_disk_.size = sizes_[size - 1];
  for (const auto& [index, unsynced] : unsynced_) {
    left.on_disk_.Set(index, ChooseBlock(on_disk_.At(index), unsynced, choose));
  }
  left.CutBehindEnd();
  left.seen_ = left.on_disk_;
  return left;
}

// The choices: what is on disk, torn while the first version was written, that version, ..
Inode::BlockRef Inode::ChooseBlock(const BlockRef& on_disk, const Unsynced& unsynced,
                                   const Choose& choose) {
  const auto version = [&](uint64_t i) { return i == 0 ? on_disk : unsynced.versions[i - 1]; };
  const uint64_t choice = choose(2 * unsynced.versions.size() + 1);
  BlockRef chosen = version((choice + 1) / 2);
  if (choice % 2 == 0) return chosen;
  const BlockRef before = version(choose((choice + 1) / 2));
  const size_t cut = kSectorBytes * (1 + choose(kBlockBytes / kSectorBytes - 1));
  return choose(2) == 0 ? Torn(before, chosen, cut) : Torn(chosen, before, cut);
}

Inode::BlockRef Inode::Torn(const BlockRef& front, const BlockRef& back, size_t cut) {
  static const Block kZeros{};
  const Block& bytes = front == nullptr ? kZeros : *front;
  return Overwritten(back, 0, std::string_view(bytes.data(), cut));
}

// Bytes behind the end are zeros when the file grows over them again.
void Inode::CutBehindEnd() {
  const uint64_t end = on_disk_.size;
  on_disk_.blocks.resize(std::min<uint64_t>(on_disk_.blocks.size(), end / kBlockBytes + 1));
  const BlockRef last = on_disk_.At(end / kBlockBytes);
  if (last == nullptr) return;
  const size_t begin = end % kBlockBytes;
  on_disk_.Set(end / kBlockBytes, Overwritten(last, begin, std::string(kBlockBytes - begin, '\0')));
}

}  // namespace idem::engine
