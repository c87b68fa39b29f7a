// When a request was first issued, told by its own key: many keys are ids that begin with a time.
//
//   store->Begin(key, fingerprint, {.issued_unix_ms = *idem::IssueTimeOf(key)});
//
// A retry that comes so late that its record may be forgotten is then TooOld without any help of
// the client's. See BeginOptions::issued_unix_ms.
#ifndef IDEM_ISSUE_TIME_H_
#define IDEM_ISSUE_TIME_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace idem {

// Milliseconds since 1970, 1 or more. The key, or what follows its last ':' ("acme:<id>"), must be
//   a UUIDv7 (RFC 9562)   019506f2-8c00-7a3c-b1d4-0e5f6a7b8c9d, in either case
//   a ULID                01JM3F5300ZFS8X4N6T2Q0R1CK, in either case
// Otherwise kInvalidArgument. The client made the id: its clock is what the time is worth.
absl::StatusOr<int64_t> IssueTimeOf(std::string_view key);

}  // namespace idem

#endif  // IDEM_ISSUE_TIME_H_
