#include "idem/claim.h"

#include <utility>

#include "idem/store.h"

namespace idem {
namespace {

Request Settlement(Op op, const Claim& claim) {
  Request request;
  request.op = op;
  request.key = claim.key();
  request.token = claim.token();
  return request;
}

Request Finish(Op op, const Claim& claim, std::string_view response, const FinishOptions& options) {
  Request request = Settlement(op, claim);
  request.value = response;
  request.code = options.code;
  request.retention_ms = options.retention_ms;
  request.nowait = options.nowait;
  return request;
}

}  // namespace

Claim::Claim(Store* store, std::string_view key, Reply& reply)
    : store_(store),
      key_(key),
      token_(reply.token),
      attempt_(reply.attempt),
      lease_ms_(reply.lease_ms),
      steps_(std::move(reply.response)) {}

absl::Status Claim::Complete(std::string_view response, const FinishOptions& options) {
  return store_->Settle(Finish(Op::kComplete, *this, response, options));
}

absl::Status Claim::FailFinal(std::string_view response, const FinishOptions& options) {
  Request request = Finish(Op::kFail, *this, response, options);
  request.final = true;
  return store_->Settle(request);
}

absl::Status Claim::FailRetry(int64_t after_ms) {
  Request request = Settlement(Op::kFail, *this);
  request.after_ms = after_ms;
  return store_->Settle(request);
}

absl::Status Claim::Extend(int64_t lease_ms) {
  Request request = Settlement(Op::kExtend, *this);
  request.lease_ms = lease_ms;
  return store_->Settle(request);
}

absl::Status Claim::Step(std::string_view name, std::string_view data) {
  Request request = Settlement(Op::kStep, *this);
  request.step = name;
  request.value = data;
  return store_->Settle(request);
}

absl::Status Claim::Release() { return store_->Settle(Settlement(Op::kRelease, *this)); }

}  // namespace idem
