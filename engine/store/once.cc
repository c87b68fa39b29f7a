// Store::Once: begin, run, complete; or replay.
#include <string>

#include "base/body.h"
#include "idem/store.h"
#include "store/core.h"

namespace idem {
namespace {

struct Refusal {
  absl::Status operator()(const Busy& busy) const {
    if (busy.reason == Busy::Reason::kHeld) {
      return absl::UnavailableError("busy: held until an operator resolves it");
    }
    return absl::UnavailableError("busy: retry in " + std::to_string(busy.retry_after_ms) + " ms");
  }
  absl::Status operator()(const Mismatch&) const {
    return absl::AbortedError("mismatch: the key was used for another request");
  }
  absl::Status operator()(const TooOld&) const {
    return absl::OutOfRangeError("too old: a record of the request may have expired");
  }
  absl::Status operator()(const Claim&) const { return absl::OkStatus(); }
  absl::Status operator()(const Replay&) const { return absl::OkStatus(); }
};

absl::StatusOr<std::string> RunKeepingLease(engine::Core& core, const Store::Work& work,
                                            Claim& claim) {
  const engine::Housekeeper::Heartbeat heartbeat(&core.housekeeper(), claim.key(), claim.token(),
                                                 claim.lease_ms());
  return work(claim);
}

int64_t RetentionMs(const engine::Core& core, std::string_view key, const BeginOptions& options) {
  return options.retention_ms.value_or(core.PolicyOf(key).default_retention_ms);
}

// What was just completed, whole even where the store keeps less of it.
Replay FreshReplay(std::string_view response, int64_t retention_ms) {
  Replay replay;
  replay.response_bytes = response.size();
  replay.ttl_ms = retention_ms;
  if (response.size() <= Response::kInlineBytes) {
    replay.response.Copy(response);
  } else {
    const engine::BodyRef body(engine::Body::New(response));
    replay.response_omitted = body.get() == nullptr;
    if (body.get() != nullptr) replay.response.Share(body.get());
  }
  return replay;
}

}  // namespace

absl::StatusOr<Replay> Store::Once(std::string_view key, const Fingerprint& fingerprint,
                                   const Work& work, const BeginOptions& options) {
  absl::StatusOr<Answer> answer = Begin(key, fingerprint, options);
  if (!answer.ok()) return answer.status();
  if (Replay* replay = std::get_if<Replay>(&*answer)) return std::move(*replay);
  Claim* claim = std::get_if<Claim>(&*answer);
  if (claim == nullptr) return std::visit(Refusal{}, *answer);

  const absl::StatusOr<std::string> response = RunKeepingLease(*core_, work, *claim);
  if (!response.ok()) {
    // Settled by the work itself, or taken over: then this changes nothing.
    claim->FailRetry().IgnoreError();
    return response.status();
  }
  const absl::Status completed = claim->Complete(*response);
  if (completed.ok()) return FreshReplay(*response, RetentionMs(*core_, key, options));
  // The work has settled the claim itself. To ask with Begin might claim the key for nobody.
  if (absl::IsAborted(completed)) return FinishOf(*claim);
  return completed;
}

}  // namespace idem
