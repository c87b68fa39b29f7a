// Entry memory of one stripe: blocks of a few sizes, cut from pages, named by 32-bit references.
//
//   Ref   | page index, 22 bits | 16-byte unit in the page, 10 bits |
//
//   page  | block | block | block | ..        all of one size class
//             │
//             └─ free blocks of a page form a list through their first bytes
//
// A page belongs to one size class while a block of it lives, and goes back to the pool with its
// last block. Pages with room are chained per class. Size classes: steps of 16 bytes up to 512, of
// 64 up to 2048. Allocate and Free are O(1) (a free of the last block of a page included).
//
// Not thread-safe: the stripe's lock guards it.
#ifndef IDEM_STORE_ARENA_H_
#define IDEM_STORE_ARENA_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "store/page_pool.h"

namespace idem::engine {

// 0 is no reference.
using Ref = uint32_t;

class Arena {
 public:
  static constexpr size_t kBlockBytesMax = 2048;

  explicit Arena(PagePool* pool);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // A block of at least `bytes` (1 .. kBlockBytesMax), contents undefined; 0 without memory.
  Ref Allocate(size_t bytes);
  void Free(Ref ref);

  char* At(Ref ref) const { return bases_[ref >> kUnitBits] + (ref & kUnitMask) * kUnitBytes; }

  // What a block of `bytes` would take, and what this one does.
  static size_t BlockBytesFor(size_t bytes) { return ClassBytes(ClassOf(bytes)); }
  size_t BlockBytes(Ref ref) const { return ClassBytes(pages_[ref >> kUnitBits].size_class); }

  // Linear in pages; for tests.
  size_t CountBlocks() const;
  // Stops the program if the structure is broken. Linear; for tests.
  void CheckInvariants() const;

 private:
  static constexpr size_t kUnitBytes = 16;
  static constexpr uint32_t kUnitBits = 10;
  static constexpr uint32_t kUnitMask = (1u << kUnitBits) - 1;
  static constexpr size_t kClasses = 32 + 24;
  static constexpr uint32_t kPagesMax = 1u << (32 - kUnitBits);
  static constexpr uint16_t kNoUnit = 0xffff;
  static_assert(kPageBytes == kUnitBytes << kUnitBits);

  struct Page {
    uint32_t previous = 0;  // with room, of the same class; 0: none
    uint32_t next = 0;
    uint16_t free_unit = kNoUnit;  // head of the list of freed blocks
    uint16_t fresh_unit = 0;       // from here on no block was ever cut
    uint16_t live = 0;
    uint8_t size_class = 0;
  };

  static size_t ClassOf(size_t bytes);
  static size_t ClassBytes(size_t size_class);
  static bool HasRoom(const Page& page);

  uint32_t AddPage(size_t size_class);
  void RemovePage(uint32_t index);
  void Link(uint32_t index);
  void Unlink(uint32_t index);
  size_t CountFreed(uint32_t index) const;

  PagePool* const pool_;
  std::vector<char*> bases_;  // by page index; index 0 is never used
  std::vector<Page> pages_;
  std::vector<uint32_t> unused_indexes_;
  std::array<uint32_t, kClasses> with_room_{};  // first page with room, by class
};

}  // namespace idem::engine

#endif  // IDEM_STORE_ARENA_H_
