// The outcomes of a Reply that are errors, as a status.
//
// Thread rule: pure functions.
#ifndef IDEM_STORE_REPLY_STATUS_H_
#define IDEM_STORE_REPLY_STATUS_H_

#include "absl/status/status.h"
#include "idem/request.h"

namespace idem::engine {

// What every call may answer beside its own outcomes; OK for those.
// `op` is what was asked.
absl::Status StatusOf(const Reply& reply, Op op = Op::kBegin);

}  // namespace idem::engine

#endif  // IDEM_STORE_REPLY_STATUS_H_
