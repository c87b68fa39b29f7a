// What threads did to a store, as they saw it: each call with the moments at which it was made and
// answered, and what went on beside: time that passed, the store's end and its next open.
//
//   thread 1   ├── BEGIN a ──┤     ├────── COMPLETE a ─────────── (no answer)
//   thread 2      ├──── BEGIN a ────┤  ├─ GET b ─┤
//   the clock           ├ now=12 ┤                     ┆ power cut     ├ reopened, now=9 ┤
//
// Moments are numbers from one counter: smaller was earlier, and nothing else.
#ifndef IDEM_TESTS_SUPPORT_HISTORY_H_
#define IDEM_TESTS_SUPPORT_HISTORY_H_

#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "idem/request.h"

namespace idem::engine {

// Hands out moments. Relaxed, so that it orders nothing between threads that the store itself
// leaves unordered: a race stays one for ThreadSanitizer. A moment taken before a lock is taken, or
// after, stays so, because locks hold back what stands inside of them.
class Moments {
 public:
  uint64_t Next() { return next_.fetch_add(1, std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> next_{1};
};

struct Event {
  enum class Kind : uint8_t {
    kCall,
    kTime,    // from here on store time is now_ms
    kReopen,  // the same, after a crash: what has no answer by now happened before or never
  };
  static constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

  Kind kind = Kind::kCall;
  int life = 0;    // of the store: one more with each kReopen; that one belongs to the life it ends
  int thread = 0;  // for those who read it
  uint64_t invoked = 0;
  uint64_t returned = kNever;
  // kCall. The request's views are of constants or of what outlives the history.
  Request request = {};
  std::optional<Reply> told = std::nullopt;  // none: whether it took effect is not known
  bool briefly = false;                      // told by a call that waits: see Briefly()
  // kTime, kReopen.
  int64_t now_ms = 0;
  int64_t wall_ms = 0;
};

using History = std::vector<Event>;

// What is left of a reply when Store::Begin, Claim::Complete and their kin have told it.
Reply Briefly(Reply reply);

// Whether this call gave out its token for the first time. Of a claim with an owner nobody can
// tell: he may have had it before.
bool GaveToken(const Event& event);

// Why tokens are not unique or do not rise, over all keys; empty if they do.
std::string WrongTokens(const History& history);

std::string Text(const Event& event);

}  // namespace idem::engine

#endif  // IDEM_TESTS_SUPPORT_HISTORY_H_
