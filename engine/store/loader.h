// Fills the stripes from the blocks that an open reads, on several threads.
//
//   opener ── Add ──► chunk | chunk | chunk | ..     every worker goes over every chunk,
//                       ▲       ▲                    and installs what is of its share
//               worker 1┘       └ worker 0
//
// A stripe belongs to one share, so the order of each key is kept, and nobody waits for a lock.
// All workers look at all keys: to find a record and to hash its key takes nanoseconds, to install
// it hundreds.
//
// Memory: kChunksAhead chunks at most wait for the slowest worker; then Add waits, too. Threads
// start with the first full chunk, so a small store is opened without any.
//
// Thread rule: belongs to the opener's thread; nobody else uses the stripes meanwhile.
#ifndef IDEM_STORE_LOADER_H_
#define IDEM_STORE_LOADER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "log/replay_sink.h"
#include "store/load_share.h"

namespace idem::engine {

class Loader final : public ReplaySink {
 public:
  static constexpr size_t kChunkBytes = 512 << 10;

  // workers = 0: all is done in Add and Finish.
  Loader(const LoadTarget& target, size_t workers, size_t chunk_bytes = kChunkBytes);
  ~Loader() override;
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  bool Add(RecordBlock block) override;
  absl::Status Finish() override;
  void Clear() override;

 private:
  static constexpr size_t kChunksAhead = 32;

  struct Chunk {
    std::vector<RecordBlock> blocks;
    size_t workers_left = 0;
  };

  bool Publish();
  bool InstallHere();
  void StartWorkers();
  void StopWorkers() IDEM_EXCLUDES(mutex_);
  void Work(size_t worker) IDEM_EXCLUDES(mutex_);
  Chunk* Wait(uint64_t number) IDEM_EXCLUDES(mutex_);
  void Done(Chunk* chunk, const LoadShare& share) IDEM_EXCLUDES(mutex_);

  const LoadTarget target_;
  const size_t workers_;
  const size_t chunk_bytes_;
  std::vector<RecordBlock> filling_;
  size_t filling_bytes_ = 0;
  LoadShare whole_;  // without threads
  std::vector<std::thread> threads_;

  Mutex mutex_;
  Condition work_;  // chunks_ has grown, or stopping_
  Condition room_;  // chunks_ has shrunk
  std::deque<std::unique_ptr<Chunk>> chunks_ IDEM_GUARDED_BY(mutex_);
  uint64_t chunks_gone_ IDEM_GUARDED_BY(mutex_) = 0;  // from the front of chunks_
  bool stopping_ IDEM_GUARDED_BY(mutex_) = false;
  LoadShare::Refusal first_ IDEM_GUARDED_BY(mutex_);
};

}  // namespace idem::engine

#endif  // IDEM_STORE_LOADER_H_
