// The right to run a request now, held by one owner until it is settled or taken over.
#ifndef IDEM_CLAIM_H_
#define IDEM_CLAIM_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "idem/answer.h"
#include "idem/steps.h"

namespace idem {

class Store;
struct Reply;

struct FinishOptions {
  uint16_t code = 0;  // told with every replay, e.g. an HTTP status
  // Lengthens the retention that Begin named; a shorter one is ignored.
  std::optional<int64_t> retention_ms = std::nullopt;
  // Does not wait for its own commit, only for what it saw. A crash soon after can undo the finish:
  // the claim runs again, and after its lease another caller does the work once more.
  bool nowait = false;
};

// Settling calls return when their effect is as durable as the store's mode promises. Their errors:
//   kFailedPrecondition  fenced: the key has a newer token; this claim's work no longer counts
//   kNotFound            the key is unknown: forgotten, released, or its retention is over
//   kAborted             already settled in another way, or the step was made with other data; what
//                        was first stands
//   kInvalidArgument     a limit was exceeded (the message says which); nothing changed
//   kResourceExhausted   no space for the log; nothing changed, try again
//   kDataLoss            the log failed: whether it took effect is unknown until the next open
// The same settlement again answers OK: retrying after a lost answer is safe.
//
// Dropping a Claim settles nothing: the work may have happened. Its lease runs out, and the next
// Begin takes over.
//
// The Store must outlive it. One thread at a time.
class [[nodiscard]] Claim {
 public:
  Claim(Claim&& other) noexcept
      : store_(std::exchange(other.store_, nullptr)),
        key_(std::move(other.key_)),
        token_(other.token_),
        attempt_(other.attempt_),
        lease_ms_(other.lease_ms_),
        steps_(std::move(other.steps_)) {}
  Claim& operator=(Claim&&) noexcept = default;
  ~Claim() = default;

  // The request took effect; `response` answers every retry during retention. A response over the
  // store's limit is dropped and the fact kept.
  absl::Status Complete(std::string_view response, const FinishOptions& options = {});
  // The request failed and must not be run again; `response` is replayed.
  absl::Status FailFinal(std::string_view response, const FinishOptions& options = {});
  // The request failed without effect: the next Begin may run it, not before `after_ms`.
  absl::Status FailRetry(int64_t after_ms = 0);
  // The lease ends no earlier than `lease_ms` from now. Never shortens it.
  absl::Status Extend(int64_t lease_ms);
  // A checkpoint: this much is done, and whoever claims the key next is told so, with `data`. A
  // name of 1 .. 255 bytes; Policy::max_steps and max_step_bytes bound what one key may have.
  absl::Status Step(std::string_view name, std::string_view data = {});
  // Nothing was done: forget the claim. kFailedPrecondition, too, if there are steps: FailRetry
  // keeps them.
  absl::Status Release();

  const std::string& key() const { return key_; }
  Token token() const { return token_; }
  uint32_t attempt() const { return attempt_; }   // 1 for the first claim of a key; 0 if attached
  int64_t lease_ms() const { return lease_ms_; }  // as granted; 0 if attached
  // Those that were there when Begin answered, in the order in which they were made; none if
  // attached. They view this claim.
  std::vector<idem::Step> steps() const { return UnpackSteps(steps_.bytes()); }

  // Lets go of the claim without settling it; a later Store::Attach(key, token) continues.
  Token Detach() && {
    store_ = nullptr;
    return token_;
  }

 private:
  friend class Store;
  Claim(Store* store, std::string_view key, Reply& reply);
  Claim(Store* store, std::string_view key, Token token)
      : store_(store), key_(key), token_(token) {}

  Store* store_;
  std::string key_;
  Token token_;
  uint32_t attempt_ = 0;
  int64_t lease_ms_ = 0;
  Response steps_;
};

}  // namespace idem

#endif  // IDEM_CLAIM_H_
