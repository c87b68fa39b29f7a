// The options that every way to ask for a claim has: IDEM.BEGIN, IDEM.BEGINWINDOW.
#ifndef IDEM_SERVER_COMMANDS_CLAIM_OPTIONS_H_
#define IDEM_SERVER_COMMANDS_CLAIM_OPTIONS_H_

#include <string>

#include "server/option_reader.h"

namespace idem::server {

// FP digest | BODY bytes, at which `options` stands.
void SetFingerprint(OptionReader& options, const Call& call, Request& request, std::string* error);
// FP, BODY, LEASE, TTL, OWNER, HOLD. False: `options` stands at another one.
bool ReadClaimOption(OptionReader& options, const Call& call, Request& request, std::string* error);

}  // namespace idem::server

#endif  // IDEM_SERVER_COMMANDS_CLAIM_OPTIONS_H_
