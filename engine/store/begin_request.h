// A Begin of the public API as the Request that it is.
#ifndef IDEM_STORE_BEGIN_REQUEST_H_
#define IDEM_STORE_BEGIN_REQUEST_H_

#include <string_view>

#include "idem/options.h"
#include "idem/request.h"

namespace idem {

inline Request BeginRequest(std::string_view key, const Fingerprint& fingerprint,
                            const BeginOptions& options) {
  Request request;
  request.op = Op::kBegin;
  request.key = key;
  request.fingerprint = fingerprint;
  request.lease_ms = options.lease_ms;
  request.retention_ms = options.retention_ms;
  request.owner = options.owner;
  request.hold = options.hold;
  request.issued_unix_ms = options.issued_unix_ms;
  request.wait_ms = options.wait_ms;
  request.nowait = options.nowait;
  return request;
}

}  // namespace idem

#endif  // IDEM_STORE_BEGIN_REQUEST_H_
