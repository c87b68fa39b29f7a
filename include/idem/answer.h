// What a Begin can answer, and the bytes of a response.
//
// Duplicates are answers, not errors. absl::Status is for misuse, limits and I/O.
#ifndef IDEM_ANSWER_H_
#define IDEM_ANSWER_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace idem {

namespace engine {
class Body;
}

// Position of a record in the store's log. 0 means "nothing".
using Lsn = uint64_t;
// The right to finish one claim: 53 bits, rises for ever, never reused. Hand it downstream as a
// fencing number. 0 is no token.
using Token = uint64_t;

enum class State : uint8_t {
  kAbsent = 0,
  kInProgress = 1,  // claimed; its lease may be over (orphaned), or it may be held
  kCompleted = 2,
  kFailedFinal = 3,  // finished as a failure: replayed like a success
  kFailedRetry = 4,  // gave up for now: the next claim runs it again
};

// Immutable bytes that stay valid for as long as the Response lives: after expiry, after Forget,
// after the store is closed. No lock is held meanwhile. Up to kInlineBytes are copied into the
// Response, more are shared by reference count. Move-only. One thread at a time; it may be moved
// to and destroyed on another thread.
class Response {
 public:
  static constexpr size_t kInlineBytes = 256;

  Response() {}  // not defaulted: Response{} would clear all inline bytes
  Response(Response&& other) noexcept;
  Response& operator=(Response&& other) noexcept;
  ~Response();

  std::string_view bytes() const { return {body_ == nullptr ? inline_ : shared_bytes_, size_}; }
  size_t size() const { return size_; }

  // For the engine: becomes a copy of at most kInlineBytes, or a share of `body` (may not be null).
  void Copy(std::string_view bytes);
  void Share(engine::Body* body);

 private:
  engine::Body* body_ = nullptr;
  const char* shared_bytes_ = nullptr;
  uint32_t size_ = 0;
  char inline_[kInlineBytes];
};

// The request was finished before: this is its answer.
struct Replay {
  State state = State::kCompleted;  // kCompleted or kFailedFinal
  uint16_t code = 0;                // what the finisher gave as CODE
  // True: the response was larger than the store keeps, or was forgotten (Store::ForgetBody); only
  // its size is known. The work *was* done: do not do it again.
  bool response_omitted = false;
  uint64_t response_bytes = 0;
  int64_t age_ms = 0;  // since the finish
  int64_t ttl_ms = 0;  // how much longer this answer is remembered
  Response response = {};
};

// Somebody else has the claim, or nobody may have it yet.
struct Busy {
  enum class Reason : uint8_t {
    kRunning = 0,  // its lease runs
    kHeld = 1,     // its lease is over, but it asked that nobody repeats it: an operator decides
    kBackoff = 2,  // it failed for retry and asked for a pause
  };
  Reason reason = Reason::kRunning;
  int64_t retry_after_ms = 0;  // the earliest moment at which asking again can help; 0 when held
  uint32_t attempt = 0;
  int64_t age_ms = 0;  // since the claim, or since the failure
};

// The key was used for another request. Nothing was changed, and no response is told.
struct Mismatch {
  State state = State::kAbsent;  // of the other request
};

// The caller said when it issued the request (BeginOptions::issued_unix_ms), and that is longer ago
// than the retention it names: a record of it may have expired, so it must not run as new.
struct TooOld {};

}  // namespace idem

#endif  // IDEM_ANSWER_H_
