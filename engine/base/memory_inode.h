// A file of a MemoryDisk: what readers see, and beside it, block by block, what a power cut may
// leave of it.
//
//   seen       | a | b'| c''| d |        what a reader sees
//   on disk    | a | b | c  |            what was synced
//   unsynced         b' c',c''           since then: every content that these blocks have had
//
// Blocks are shared and never changed, so that a copy of a file costs pointers. Thread rule: the
// owner locks.
#ifndef IDEM_BASE_MEMORY_INODE_H_
#define IDEM_BASE_MEMORY_INODE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace idem::engine {

// Gives one of 0 .. n - 1. 0 is the oldest that may be: it decides for what was synced.
using Choose = std::function<uint64_t(uint64_t n)>;

class Inode {
 public:
  Inode() = default;
  // On the disk at once.
  explicit Inode(std::string_view contents);

  uint64_t size() const { return seen_.size; }
  std::string contents() const;
  // `length` bytes that are there.
  void Read(uint64_t offset, char* out, size_t length) const;
  void Write(uint64_t offset, std::string_view bytes);
  // An empty file, on the disk too. For the lock file, whose bytes mean nothing.
  void Clear();
  void Sync();
  // Of what was written only this.
  void SyncRange(uint64_t offset, size_t length);
  // What was written since the last sync stays visible, and no later sync writes it. This is what
  // Linux does when a sync fails: the pages count as clean. A power cut may find it on the disk.
  void SyncFailed();

  // What a power cut leaves: of each block something that it has held since the sync, or a torn
  // mixture of two such, cut between sectors; of the sizes since then, one.
  Inode AfterPowerCut(const Choose& choose) const;

  bool locked = false;

 private:
  static constexpr size_t kBlockBytes = 4096;
  static constexpr size_t kSectorBytes = 512;
  using Block = std::array<char, kBlockBytes>;
  using BlockRef = std::shared_ptr<const Block>;  // null: zeros
  struct Image {
    std::vector<BlockRef> blocks;
    uint64_t size = 0;

    BlockRef At(size_t index) const;
    void Set(size_t index, BlockRef block);
  };
  struct Unsynced {
    std::vector<BlockRef> versions;  // as seen, after each write
    bool clean = false;              // since a sync that failed
    BlockRef next;                   // what the next sync writes, unless clean
  };

  void SyncBlockRange(size_t index, size_t begin, size_t length);
  void WriteBlock(size_t index, size_t begin, std::string_view bytes);
  static BlockRef Overwritten(const BlockRef& block, size_t begin, std::string_view bytes);
  static BlockRef ChooseBlock(const BlockRef& on_disk, const Unsynced& unsynced,
                              const Choose& choose);
  static BlockRef Torn(const BlockRef& front, const BlockRef& back, size_t cut);
  void CutBehindEnd();

  Image seen_;
  Image on_disk_;
  std::map<size_t, Unsynced> unsynced_;  // by index of the block
  std::vector<uint64_t> sizes_;          // since the last sync
};

}  // namespace idem::engine

#endif  // IDEM_BASE_MEMORY_INODE_H_
