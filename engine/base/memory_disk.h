// The files of a MemoryFileSystem: what readers see, and beside it what the disk holds.
//
//   directory: entries ─────────► inode: seen          what a reader sees
//              changes, unsynced         unsynced      what a power cut may leave, or not
//              entries_on_disk ─────────► on disk      what a power cut leaves
//
// Syncing a file or a directory brings the upper row to the lower one. A power cut leaves the lower
// row and any part of the middle one: of files block by block (memory_inode.h), of directories
// every create, rename and remove by itself. So a synced file whose entry was not synced may be
// gone, and an entry may lead to a file without its contents. Directories themselves are on the
// disk once made, as FileSystem::CreateDirectory sees to.
//
// PowerCut and ProcessDeath build the inodes anew. Handles from before keep the old ones, which
// nobody else can reach any more.
//
// Functions that return an int give 0 or an errno, the one a real file system gives. Thread rule:
// the owner locks.
#ifndef IDEM_BASE_MEMORY_DISK_H_
#define IDEM_BASE_MEMORY_DISK_H_

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/memory_inode.h"

namespace idem::engine {

class MemoryDisk {
 public:
  MemoryDisk();

  int Create(std::string_view path, std::shared_ptr<Inode>* inode);
  int Find(std::string_view path, std::shared_ptr<Inode>* inode);
  // Writes as much of `bytes` as the capacity allows.
  int Write(Inode& inode, uint64_t offset, std::string_view bytes);
  int Rename(std::string_view from, std::string_view to);
  int Remove(std::string_view path);
  int List(std::string_view directory, std::vector<std::string>* names) const;
  // Its parent exists; no error if it does, too.
  int MakeDirectory(std::string_view path);
  bool IsDirectory(std::string_view path) const;
  int SyncDirectory(std::string_view path);

  // Makes the file, in a directory that exists, or replaces its contents. Contents and entry are on
  // the disk at once.
  void Put(std::string_view path, std::string_view contents);

  void PowerCut(const Choose& choose);
  void ProcessDeath();
  // As it is now, for another process: no file of the one is one of the other.
  MemoryDisk Copy() const;

  // Counts the lives of the process: a handle from an earlier one is dead.
  int64_t life() const { return life_; }
  void set_capacity(uint64_t bytes) { capacity_ = bytes; }

 private:
  using Entries = std::map<std::string, std::shared_ptr<Inode>, std::less<>>;
  struct Change {
    std::string erased;  // empty: none
    std::string set;     // empty: none
    std::shared_ptr<Inode> inode;

    void ApplyTo(Entries& entries) const;
  };
  struct Directory {
    Entries entries;
    Entries entries_on_disk;
    std::vector<Change> unsynced;

    void Apply(Change change);
  };
  // Where a path leads: a directory that exists, and a name in it.
  struct Place {
    Directory* directory = nullptr;
    std::string name;
  };

  int Locate(std::string_view path, Place* place);
  // Why there is no directory `path`.
  int WhyNoDirectory(std::string_view path) const;
  bool IsFile(std::string_view path) const;
  uint64_t UsedBytes() const;
  template <typename Remake>
  void ReplaceInodes(Remake remake);

  std::map<std::string, Directory, std::less<>> directories_;  // by normalised path
  int64_t life_ = 0;
  uint64_t capacity_ = std::numeric_limits<uint64_t>::max();
};

}  // namespace idem::engine

#endif  // IDEM_BASE_MEMORY_DISK_H_
