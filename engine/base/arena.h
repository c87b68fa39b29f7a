// Memory of one stripe: blocks of a few sizes, cut from pages, named by 32-bit references.
//
//   Ref   a unit number of the pool (page_pool.h): 8 bytes each; 0 is no reference
//
//   page  | header | block | block | block | ..        all of one size class
//            │
//            └─ a bit for each block: whether it is used
//
// A page belongs to one size class while a block of it lives. When its last block is freed it goes
// back to the pool, or becomes the arena's spare: where claims are few, the page of the only one
// would else come and go with each. Size classes: steps of 8 bytes up to 512, of 64 up to 2048.
// Allocate and Free are O(1): they look at the words of one header.
//
// Pages are chained through their headers, for each class by how full they are, in quarters. New
// blocks go to the fullest page that has room, so that the emptiest ones drain. Where sizes change
// over time that is not enough: a few blocks that live long keep many pages. So the owner now and
// then moves what stands in a sparse page (SparsePage, EmptyPage), until less than a tenth of all
// is waste.
//
// Not thread-safe: the stripe's lock guards it.
#ifndef IDEM_BASE_ARENA_H_
#define IDEM_BASE_ARENA_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/functional/function_ref.h"
#include "base/page_pool.h"

namespace idem::engine {

// 0 is no reference: a page begins with its header.
using Ref = uint32_t;

class Arena {
 public:
  static constexpr uint32_t kNone = PagePool::kNoPage;
  static constexpr size_t kBlockBytesMin = 24;
  static constexpr size_t kBlockBytesMax = 2048;

  explicit Arena(PagePool* pool);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // A block of at least `bytes` (1 .. kBlockBytesMax), aligned to 8, contents undefined; 0 without
  // memory.
  Ref Allocate(size_t bytes);
  void Free(Ref ref);

  char* At(Ref ref) const { return pool_->UnitAt(ref); }
  // Has the header fetched of the page in which `block` stands: Allocate and Free look at it.
  static void PrefetchHeader(const char* block) {
    __builtin_prefetch(block - reinterpret_cast<uintptr_t>(block) % kPageBytes, 1);
  }

  // A page whose blocks would find room in others of its class, if too much of the arena is waste;
  // else kNone. O(classes).
  uint32_t SparsePage() const;
  // Visits the blocks of a page.
  void VisitBlocks(uint32_t page, absl::FunctionRef<void(Ref)> visit) const;
  // Copies each block of a SparsePage elsewhere, tells where to, and gives the page back. Needs no
  // memory. At most three quarters of a page move.
  void EmptyPage(uint32_t page, absl::FunctionRef<void(Ref from, Ref to)> moved);

  // What a block of `bytes` would take, and what this one does.
  static size_t BlockBytesFor(size_t bytes) { return ClassBytes(ClassOf(bytes)); }
  size_t BlockBytes(Ref ref) const { return ClassBytes(HeaderOf(ref).size_class); }

  // Whole pages.
  size_t memory_bytes() const { return page_count_ * kPageBytes; }
  size_t block_bytes() const { return block_bytes_; }
  // Linear in pages; for tests.
  size_t CountBlocks() const;
  // Stops the program if the structure is broken. Linear; for tests.
  void CheckInvariants() const;

 private:
  static constexpr uint32_t kUnitMask = (1u << kUnitBits) - 1;
  static constexpr size_t kClasses = 64 + 24;
  static constexpr size_t kFull = 4;             // the quarter of a page without room
  static constexpr size_t kSparsePagesMin = 64;  // a smaller arena has no waste worth a move

  // One chain for each quarter.
  using Chains = std::array<uint32_t, kFull + 1>;
  struct Header {
    uint32_t previous;  // in its chain
    uint32_t next;
    uint16_t live;
    uint16_t capacity;
    uint8_t size_class;
    uint8_t first_word;  // of `used`: all before it are full
    uint8_t quarter;     // the chain it is in
    std::array<uint64_t, 11> used;
  };
  static_assert(sizeof(Header) == 104);
  static_assert((kPageBytes - sizeof(Header)) / kBlockBytesMin <= 11 * 64);

  static size_t ClassOf(size_t bytes);
  static size_t ClassBytes(size_t size_class);

  Header& HeaderAt(uint32_t page) const { return *reinterpret_cast<Header*>(pool_->PageAt(page)); }
  Header& HeaderOf(Ref ref) const { return HeaderAt(ref >> kUnitBits); }
  static Ref RefOf(uint32_t page, const Header& header, uint32_t index) {
    const size_t offset = sizeof(Header) + index * ClassBytes(header.size_class);
    return (page << kUnitBits) + static_cast<uint32_t>(offset / kUnitBytes);
  }
  uint32_t& ChainOf(const Header& header) { return chains_[header.size_class][header.quarter]; }
  uint32_t PageWithRoom(size_t size_class);
  uint32_t AddPage(size_t size_class);
  uint32_t TakePage();
  void GivePage(uint32_t page);
  void SetLive(uint32_t page, size_t live);
  void Link(uint32_t page);
  void Unlink(uint32_t page);
  size_t CheckChain(size_t size_class, size_t quarter, size_t& free_blocks) const;
  void GiveChain(uint32_t first);

  PagePool* const pool_;
  std::array<Chains, kClasses> chains_;  // the first page of each
  std::array<uint32_t, kClasses> free_blocks_{};
  uint32_t spare_ = kNone;  // a page without blocks, in no chain
  size_t page_count_ = 0;   // with the spare one
  size_t block_bytes_ = 0;  // of all that live
};

}  // namespace idem::engine

#endif  // IDEM_BASE_ARENA_H_
