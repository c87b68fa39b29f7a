// The state machine: (entry, request, moment) -> (reply, next entry). The only place that knows it.
//
//              BEGIN                    COMPLETE / FAIL FINAL
//   absent ──────────────► in progress ───────────────────────► completed | failed (final)
//      ▲                    │   ▲  │ lease over: orphaned,                     │
//      │ RELEASE, FORGET    │   │  │ BEGIN takes over (held: nobody does)      │ retention over,
//      └────────────────────┤   └──┘                                          │ FORGET
//                FAIL RETRY ▼   ▲ BEGIN, after its pause                       ▼
//                     failed (retry)                                        absent
//
// Pure: no lock, no clock, no log, no random number. Thread-safe. Steps are decided here too
// (step_transition.cc), registers, the plain values (register_transition.cc), and seen ids and
// sequences (dedup_transition.cc).
#ifndef IDEM_STORE_TRANSITION_H_
#define IDEM_STORE_TRANSITION_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/hash.h"
#include "idem/request.h"
#include "log/image.h"
#include "store/limits.h"

namespace idem::engine {

// What a decision may know beside the entry and the request.
struct Moment {
  int64_t now_ms = 0;     // store time
  int64_t wall_ms = 0;    // for issued_unix_ms only
  int64_t offset_ms = 0;  // store time is Clock::BootMs and this
  // Claims made before this open are not taken over before the grace ends.
  int64_t opened_ms = 0;
  int64_t grace_end_ms = 0;
  bool memory_full = false;  // new entries are refused
  bool quota_full = false;   // the same, for the namespace of the key alone
  bool disk_full = false;    // claims and registers are refused; what runs may finish
  // A longer response is dropped and the fact kept: the store's limit, or what memory still takes.
  uint64_t response_bytes_max = 0;
  const Policy* policy = nullptr;  // of the key
  const HashSecret* secret = nullptr;
};

enum class Change : uint8_t {
  kNone,
  kInstall,          // `next` replaces the entry
  kInstallNewToken,  // the same, after the caller has put a fresh token into `next` and the reply
  kInstallSteps,     // the same, after the caller has put the changed steps into `next` (below)
  kRemove,           // the entry goes
};

// `request` must be valid (limits.h). `entry` is absent() or what stands under the key; one whose
// deadline has passed counts as absent. On kInstall `next` shares the views of `entry` and
// `request`. Fills everything of `reply` (which must be fresh) but its lsn.
Change Transition(const Image& entry, const Request& request, const Moment& moment, Image& next,
                  Reply& reply);

// On kInstallSteps: what the steps of `next`, which are still those of the entry, become by
// `request`; `to` has room for StepBytesAfter.
size_t StepBytesAfter(const Image& next, const Request& request);
void WriteStepsAfter(const Image& next, const Request& request, char* to);
// Whether the request may end so.
inline bool ChangesSteps(const Request& request) {
  return request.op == Op::kStep || (request.op == Op::kRemove && request.body);
}

// The end of the claim's lease as this open sees it: restart grace included.
int64_t LeaseEndMs(const Image& entry, const Moment& moment);

inline bool Expired(const Image& entry, int64_t now_ms) {
  return entry.deadline_ms != 0 && entry.deadline_ms <= now_ms;
}

// As a reply tells it: a moment of Clock::BootMs.
inline int64_t ToldDeadline(const Image& entry, const Moment& moment) {
  return entry.deadline_ms == 0 ? 0 : entry.deadline_ms - moment.offset_ms;
}

// Makes a used reply fresh. Shorter than to assign a fresh one, which would be made elsewhere
// first.
inline void Renew(Reply& reply) {
  std::destroy_at(&reply);
  std::construct_at(&reply);
}

// --- shared by the parts of the table ---

// kStep by the current token.
Change MakeStep(const Image& entry, const Request& request, const Moment& moment, Image& next,
                Reply& reply);
// kRemove of a record's body alone: its response, or the data of its steps.
Change ForgetBody(const Image& entry, const Request& request, const Moment& moment, Image& next,
                  Reply& reply);
Change RegisterTransition(const Image& entry, const Request& request, const Moment& moment,
                          Image& next, Reply& reply);
Change DedupTransition(const Image& entry, const Request& request, const Moment& moment,
                       Image& next, Reply& reply);
// Drops the response and keeps the fact: its size and its checksum.
void OmitValue(std::string_view value, const HashSecret& secret, Image& image);
// Gives the reply the entry's value, which is a response, a register's value or steps.
void GiveValue(const Image& entry, Reply& reply);
// Fills the reply with what the entry is; with its value if `with_value`. Steps always.
void Describe(const Image& entry, const Moment& moment, bool with_value, Reply& reply);
inline Change Answer(Reply& reply, Outcome outcome) {
  reply.outcome = outcome;
  return Change::kNone;
}
// Nothing: there is room for one more.
inline std::optional<Outcome> WhyNoNewEntry(const Moment& moment) {
  if (moment.memory_full) return Outcome::kOutOfMemory;
  if (moment.quota_full) return Outcome::kQuotaFull;
  return std::nullopt;
}

}  // namespace idem::engine

#endif  // IDEM_STORE_TRANSITION_H_
