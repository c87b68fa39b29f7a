// The line in the event log that tells who took a decision about a claim out of its owner's hands.
//
//   .. level=warning event=audit decision=complete key="order \\"7\\"" token=4294967301
//      age_ms=90211 user=ops peer=10.0.0.7:50000
//
// One for each IDEM.RESOLVE, and for each IDEM.FORGET .. FORCE, that changed something. It is of
// the highest level and not among the events of which clients cause too many: no setting loses it.
// A key longer than EventLog::kValueBytes is cut there; the token names the claim all the same.
#ifndef IDEM_SERVER_AUDIT_H_
#define IDEM_SERVER_AUDIT_H_

#include "server/command.h"

namespace idem::server {

// For commands with kAudited: `told` is what was executed, by this client.
void Audit(const Told& told, const Session& session, const EventLog& log);

}  // namespace idem::server

#endif  // IDEM_SERVER_AUDIT_H_
