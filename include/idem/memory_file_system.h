// A FileSystem in memory that fails and forgets on command. For tests of Idem and of its users.
//
// It keeps, beside what a reader sees, what a disk would hold: Crash() throws away everything that
// was not synced (file contents since the last Sync but for what was written durably, directory
// entries since the last SyncDirectory), or leaves any part of it. Thread-safe.
#ifndef IDEM_MEMORY_FILE_SYSTEM_H_
#define IDEM_MEMORY_FILE_SYSTEM_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "idem/file_system.h"

namespace idem {

class MemoryFileSystem final : public FileSystem {
 public:
  MemoryFileSystem();
  ~MemoryFileSystem() override;

  // FileSystem. Files and locks still open keep working on their old contents after a Crash, as a
  // dead process's would: nothing they do is seen any more.
  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override;
  absl::Status CreateDirectory(const std::string& directory) override;
  absl::Status SyncDirectory(const std::string& directory) override;
  absl::StatusOr<std::unique_ptr<DirectoryLock>> Lock(const std::string& path,
                                                      std::string_view holder) override;

  // A power cut: only what was synced is left, and all locks are free. What a dead store still does
  // by path would be seen: let all calls fail (FailCall) until it is destroyed.
  void Crash();
  // A power cut that leaves any part of what was not synced: of every 4 KiB block of a file what it
  // held at some time since the sync, or a mixture of two such at a sector of 512 bytes; of every
  // file a size since then; every create, rename and remove or not, each by itself. `choose(n)`
  // tells each time which, 0 .. n - 1; if it always says 0 this is Crash().
  using Choose = std::function<uint64_t(uint64_t n)>;
  void Crash(const Choose& choose);
  // The same with choices that `seed` makes.
  void Crash(uint64_t seed);
  // A killed process: everything written is left, and all locks are free. As to dead stores: above.
  void Kill();
  // A copy of all files and of what is known of their disk, as a Kill would leave it. Nothing that
  // happens here or there is seen on the other side.
  std::unique_ptr<MemoryFileSystem> Fork() const;

  // From now on the `nth` call (1 = the next) that may fail (every call of File and FileSystem)
  // fails with `error`; with `keep_failing` all later ones too. nth = 0 ends it.
  void FailCall(int64_t nth, absl::Status error, bool keep_failing = false);
  // Calls counted so far, failed ones included.
  int64_t calls() const;
  // Creating or growing files beyond this many bytes in all fails with kResourceExhausted.
  void SetCapacity(uint64_t bytes);

  // The contents of a file as a reader sees them; for tests that damage files.
  absl::StatusOr<std::string> Read(const std::string& path) const;
  void Overwrite(const std::string& path, std::string_view contents);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace idem

#endif  // IDEM_MEMORY_FILE_SYSTEM_H_
