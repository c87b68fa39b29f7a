// What a key is subject to: what a request falls back on where it names nothing, and the limits of
// an entry. A store has one policy; the keys of a namespace may have another one, and a quota.
#ifndef IDEM_POLICY_H_
#define IDEM_POLICY_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace idem {

struct Policy {
  // Used where a Begin names none. Lease 1 .. 86,400,000 (24 h), retention 1 .. 7,776,000,000
  // (90 d); retention may not be shorter than the lease.
  int64_t default_lease_ms = 30'000;
  int64_t default_retention_ms = 86'400'000;
  // Every claim is as if it had asked for BeginOptions::hold.
  bool hold = false;
  // A Begin without a fingerprint is refused: kInvalidArgument.
  bool fingerprint_required = false;
  // A longer response is dropped and the fact kept; a longer register value is refused.
  // 0 .. 16 MiB.
  uint32_t max_response_bytes = 1 << 20;
  // Of one claim; a further one is refused. 0 .. 255, and 0 .. 65,535 for their names and data
  // together.
  uint32_t max_steps = 16;
  uint32_t max_step_bytes = 4096;
};

// A namespace is all keys that begin with its name and a ':'. Its policy stands for itself: nothing
// is taken over from that of the store. It is not kept in the log: what is stored already keeps
// what it was given, and may be more than a quota.
struct NamespaceOptions {
  static constexpr size_t kMax = 1000;  // of one store
  static constexpr size_t kNameBytesMax = 64;

  std::string name;  // 1 .. kNameBytesMax bytes, no ':'
  Policy policy = {};
  // Quota of entries of every kind, and of their bytes as Stats counts them; 0: none. Once one is
  // reached, new entries of this namespace are refused, kResourceExhausted; claims that run can
  // finish, so responses may exceed it, and so may what several threads add at the same moment.
  uint64_t max_entries = 0;
  uint64_t max_bytes = 0;
};

}  // namespace idem

#endif  // IDEM_POLICY_H_
