// The after-image of one entry: everything that is known of a key after a change, decided.
//
// The same struct is what a transition reads and makes, what the log encodes (record.h), what
// recovery decodes, and what a stripe installs. It owns nothing but views: `key`, `value` and
// `owner` point into an entry, a request or a file buffer that must outlive it.
#ifndef IDEM_LOG_IMAGE_H_
#define IDEM_LOG_IMAGE_H_

#include <array>
#include <cstdint>
#include <string_view>

#include "base/body.h"
#include "idem/answer.h"
#include "idem/fingerprint.h"
#include "idem/request.h"

namespace idem::engine {

using OwnerDigest = std::array<char, 16>;

// Up to where the numbers of one producer came: all below `next` did, `next` did not, and
// next + 1 + i did if bit i of `ahead` is set.
struct Sequence {
  static constexpr uint32_t kWindowMax = 64;
  static constexpr uint64_t kSeqMax = (uint64_t{1} << 53) - 1;

  uint32_t epoch = 0;
  uint64_t next = 0;
  uint64_t ahead = 0;

  friend bool operator==(const Sequence&, const Sequence&) = default;
};

struct Image {
  std::string_view key;
  // kAny: there is no entry. As an after-image that is a removal: only `key` and `token` count
  // (the token that the removed entry had).
  Kind kind = Kind::kAny;

  // --- every kind
  Token token = 0;             // of the latest claim; a register's version; else 0
  int64_t deadline_ms = 0;     // store time at which the entry is forgotten; 0: never
  std::string_view value;      // response or register value; unfinished: its steps (steps.h)
  Body* value_body = nullptr;  // not owned; set when `value` stands in a Body

  // --- records
  State state = State::kAbsent;
  bool hold = false;
  bool has_owner = false;
  bool value_omitted = false;  // finished, response too large: size and checksum are kept
  uint16_t code = 0;
  uint32_t attempt = 0;
  Fingerprint fingerprint;
  OwnerDigest owner{};
  int64_t since_ms = 0;  // in progress: the claim; later: the finish or failure
  // In progress: end of the lease. Failed for retry: end of the backoff. Seen id: no refresh makes
  // it live longer than until then; 0 before the first.
  int64_t until_ms = 0;
  int64_t retention_ms = 0;  // in progress: as named by BEGIN
  uint64_t omitted_bytes = 0;
  uint64_t omitted_checksum = 0;
  // The last of its steps was made by this very change: of a log's record, never of an entry.
  bool step_made = false;

  Sequence sequence;  // of a sequence

  bool has_token() const { return kind == Kind::kRecord || kind == Kind::kRegister; }
  bool absent() const { return kind == Kind::kAny; }
  bool finished() const { return state == State::kCompleted || state == State::kFailedFinal; }
};

}  // namespace idem::engine

#endif  // IDEM_LOG_IMAGE_H_
