// The named cursors of the change stream. A cursor is a register:
//
//   "idem:cursor:<name>" ──► the LSN up to which its reader has handled everything, in decimal
//
// So it is as durable as any value, and an operator can see it (SCAN, GET) and end it (DEL). What
// is kept here are the names alone, of those that a load or a reader has met: the register itself
// tells whether it is still there. It has no deadline: a log segment that holds one is dropped
// behind snapshots, not by age.
//
// Thread rule: everything from any thread.
#ifndef IDEM_STORE_CURSORS_H_
#define IDEM_STORE_CURSORS_H_

#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "idem/answer.h"
#include "log/image.h"

namespace idem::engine {

inline constexpr std::string_view kCursorKeyPrefix = "idem:cursor:";
inline constexpr size_t kCursorNameBytesMax = 256;

std::string CursorKey(std::string_view name);
// What such a register holds; none if it is no LSN.
std::optional<Lsn> CursorLsn(std::string_view value);
std::string CursorValue(Lsn lsn);

class Cursors {
 public:
  static constexpr size_t kMax = 1000;

  // A load has met this image.
  void Loaded(const Image& image) IDEM_EXCLUDES(mutex_) {
    if (image.kind == Kind::kRegister && image.key.starts_with(kCursorKeyPrefix)) {
      MutexLock lock(mutex_);
      keys_.emplace(image.key);
    }
  }
  // False: there are kMax others.
  bool Add(const std::string& key) IDEM_EXCLUDES(mutex_);
  void Forget(const std::string& key) IDEM_EXCLUDES(mutex_);
  std::vector<std::string> keys() const IDEM_EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  std::set<std::string, std::less<>> keys_ IDEM_GUARDED_BY(mutex_);
};

}  // namespace idem::engine

#endif  // IDEM_STORE_CURSORS_H_
