// How the answers about records look in RESP (PROTOCOL.md).
#ifndef IDEM_SERVER_COMMANDS_RECORD_REPLIES_H_
#define IDEM_SERVER_COMMANDS_RECORD_REPLIES_H_

#include <string_view>

#include "server/command.h"

namespace idem::server {

// CLAIMED token attempt lease_ms steps | REPLAY outcome code response age_ms ttl_ms
// | BUSY reason retry_after_ms attempt age_ms | MISMATCH state | TOOOLD
void AnswerBegin(const Told& told, RespWriter& out);
// The same without CLAIMED; null when there is no record.
void AnswerWait(const Told& told, RespWriter& out);
// Field, value, ..; null when there is no record. What the record holds only if it was asked for.
void AnswerGet(const Told& told, RespWriter& out);
// The steps of a record that is not finished, as an array of [name, bytes of the data].
void TellStepSizes(const Reply& reply, RespWriter& out);
void AnswerOk(const Told& told, RespWriter& out);

// "running", "orphaned", "held", "completed", "failed_final", "failed_retry"
std::string_view StateName(const Reply& reply);

}  // namespace idem::server

#endif  // IDEM_SERVER_COMMANDS_RECORD_REPLIES_H_
