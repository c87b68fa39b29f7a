// A mutex with Clang's thread-safety annotations, a lock for a scope, and a condition to wait on.
//
// Thin over std::mutex, so that ThreadSanitizer understands it. The lock order of the engine stands
// in DESIGN.md. Annotations: https://clang.llvm.org/docs/ThreadSafetyAnalysis.html
#ifndef IDEM_BASE_MUTEX_H_
#define IDEM_BASE_MUTEX_H_

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define IDEM_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define IDEM_THREAD_ANNOTATION(x)
#endif

#define IDEM_CAPABILITY(name) IDEM_THREAD_ANNOTATION(capability(name))
#define IDEM_SCOPED_CAPABILITY IDEM_THREAD_ANNOTATION(scoped_lockable)
#define IDEM_GUARDED_BY(mutex) IDEM_THREAD_ANNOTATION(guarded_by(mutex))
#define IDEM_REQUIRES(...) IDEM_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define IDEM_EXCLUDES(...) IDEM_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))
#define IDEM_ACQUIRE(...) IDEM_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define IDEM_RELEASE(...) IDEM_THREAD_ANNOTATION(release_capability(__VA_ARGS__))
#define IDEM_TRY_ACQUIRE(...) IDEM_THREAD_ANNOTATION(try_acquire_capability(__VA_ARGS__))
#define IDEM_ASSERT_HELD(...) IDEM_THREAD_ANNOTATION(assert_capability(__VA_ARGS__))
#define IDEM_NO_ANALYSIS IDEM_THREAD_ANNOTATION(no_thread_safety_analysis)

namespace idem::engine {

class IDEM_CAPABILITY("mutex") Mutex {
 public:
  // Who finds it taken looks again for a while: most holds are shorter than it takes to fall asleep
  // and to be woken, which costs both threads a system call.
  void Lock() IDEM_ACQUIRE() {
    for (int looks = 0; looks < kLooks; ++looks) {
      if (mutex_.try_lock()) return;
      Pause();
    }
    mutex_.lock();
  }
  bool TryLock() IDEM_TRY_ACQUIRE(true) { return mutex_.try_lock(); }
  void Unlock() IDEM_RELEASE() { mutex_.unlock(); }
  // Tells the analysis what it cannot see: the caller holds this mutex.
  void AssertHeld() const IDEM_ASSERT_HELD(this) {}

 private:
  friend class Condition;
  static constexpr int kLooks = 30;  // about a microsecond
  static void Pause() {
#ifdef __SSE2__
    _mm_pause();
#endif
  }
  std::mutex mutex_;
};

class IDEM_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) IDEM_ACQUIRE(mutex) : mutex_(mutex) { mutex_.Lock(); }
  ~MutexLock() IDEM_RELEASE() { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Waits may end without a reason; callers wait in a loop.
class Condition {
 public:
  void Wait(Mutex& mutex) IDEM_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  void WaitFor(Mutex& mutex, int64_t timeout_ms) IDEM_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait_for(lock, std::chrono::milliseconds(timeout_ms));
    lock.release();
  }
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace idem::engine

#endif  // IDEM_BASE_MUTEX_H_
