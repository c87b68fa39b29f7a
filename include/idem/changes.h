// The change stream: what was finished, in the order of the log, to be published elsewhere: an
// outbox that Complete itself writes. What Store::ReadChanges takes and tells.
//
// Changes are records that were completed or failed finally; and, for who asks for them, the steps
// of claims and the new numbers of sequences. Plain values are none. A reader goes on with a page's
// `next`, after a crash with one that it had kept: each change is told at least once, and always
// under the same LSN. Nothing is told before it is proved on disk. Reading takes no lock that a
// writer waits for.
//
// With a cursor `after` says: its reader has handled everything up to there. The cursor is moved
// (made, if there is none; only forward), durably, and what is behind it stays in the log, up to
// Options::max_pinned_log_bytes. Reading begins where the cursor then stands, so a reader that has
// kept nothing passes 0. A cursor is the plain value "idem:cursor:<name>", and ends with it; there
// may be 1000.
#ifndef IDEM_CHANGES_H_
#define IDEM_CHANGES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "idem/answer.h"

namespace idem {

// One change. Its LSN is its name for ever: whoever is told of it twice is told the same LSN, so
// the highest LSN that was handled is all that a receiver must keep to drop repetitions.
struct Change {
  enum class What : uint8_t {
    kCompleted,
    kFailed,    // finally
    kStep,      // a claim in progress made this step
    kSequence,  // a producer went on to here
  };
  Lsn lsn = 0;
  What what = What::kCompleted;
  std::string key = {};  // of a sequence, the producer

  // --- of records
  Token token = 0;  // of the claim
  uint32_t attempt = 0;
  uint16_t code = 0;
  bool response_omitted = false;  // it was larger than the store keeps; only its size is known
  uint64_t response_bytes = 0;
  std::string response = {};  // of a step, its data
  std::string step = {};      // its name

  // --- of sequences: where the producer stands. All numbers below `expected` have come, and
  // expected + 1 + i has if bit i of `ahead` is set; so without a window the new one is expected -
  // 1
  uint32_t epoch = 0;
  uint64_t expected = 0;
  uint64_t ahead = 0;
};

struct ChangePage {
  std::vector<Change> changes;
  // Where to go on. Greater than what was asked for, unless that was `synced`: a page without
  // changes is not the end.
  Lsn next = 0;
  // The log can be read up to here; at `next` == `synced` the reader has caught up.
  Lsn synced = 0;
};

// The log no longer holds all that follows the LSN that was asked for: changes up to `upto` may be
// missed. Nothing was read; `upto` is where reading can go on.
struct Truncated {
  Lsn upto = 0;
};

using ChangesAnswer = std::variant<ChangePage, Truncated>;

struct ChangesOptions {
  // 1 .. 1000. A page ends sooner behind 1 MiB of the log, or of what it tells.
  size_t count = 100;
  // Empty: none. Else up to 256 bytes that name a durable cursor.
  std::string_view cursor = {};
  // Whether to tell these too. Apart from it all is the same: LSNs, cursors, `next`.
  bool steps = false;
  bool sequences = false;
};

}  // namespace idem

#endif  // IDEM_CHANGES_H_
