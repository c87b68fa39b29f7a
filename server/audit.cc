#include "server/audit.h"

namespace idem::server {
namespace {

std::string_view DecisionOf(const Request& request) {
  if (request.op != Op::kResolve) return request.body ? "forget_body" : "forget";
  switch (request.resolution) {
    case Resolution::kCompleted:
      return "complete";
    case Resolution::kFailed:
      return "fail";
    case Resolution::kClaimable:
      return "retry";
  }
  return "";
}

}  // namespace

void Audit(const Told& told, const Session& session, const EventLog& log) {
  const Request& request = told.request();
  const Reply& reply = told.reply();
  if (!reply.changed || (request.op != Op::kResolve && !request.force)) return;
  log.Write(LogLevel::kWarning, "audit",
            {{"decision", DecisionOf(request)},
             {"key", request.key},
             {"token", reply.token},
             {"age_ms", reply.age_ms},
             {"user", session.user == nullptr ? "" : session.user->name()},
             {"peer", session.peer}});
}

}  // namespace idem::server
