#include "server/commands/claim_options.h"

#include <string_view>

#include "absl/status/statusor.h"

namespace idem::server {

// BODY is hashed here; FP is a digest that the caller made. One of them at most.
void SetFingerprint(OptionReader& options, const Call& call, Request& request, std::string* error) {
  if (request.fingerprint.kind != Fingerprint::Kind::kNone) return options.Unknown();
  const bool is_body = options.Is("BODY");
  const std::string_view bytes = options.Value();
  if (!error->empty()) return;
  if (is_body) {
    request.fingerprint = call.server.store->FingerprintOf({bytes});
    return;
  }
  const absl::StatusOr<Fingerprint> digest = call.server.store->FingerprintOfDigest(bytes);
  if (digest.ok()) {
    request.fingerprint = *digest;
  } else {
    *error = "ERR FP takes a digest of 1 to 32 bytes; send a longer text as BODY";
  }
}

bool ReadClaimOption(OptionReader& options, const Call& call, Request& request,
                     std::string* error) {
  if (options.Is("FP") || options.Is("BODY")) {
    SetFingerprint(options, call, request, error);
  } else if (options.Is("LEASE")) {
    request.lease_ms = options.Integer();
  } else if (options.Is("TTL")) {
    request.retention_ms = options.Integer();
  } else if (options.Is("OWNER")) {
    request.owner = options.Value();
  } else if (options.Is("HOLD")) {
    request.hold = true;
  } else {
    return false;
  }
  return true;
}

}  // namespace idem::server
