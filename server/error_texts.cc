#include "server/error_texts.h"

#include "absl/strings/str_cat.h"
#include "server/text.h"

namespace idem::server {
namespace {

constexpr std::string_view kUnknownKey =
    "UNKNOWNKEY no record of this key: it was released or forgotten, or its retention is over";
constexpr std::string_view kFenced =
    "FENCED this token is not the current one: another caller has the claim, so drop this result";
constexpr std::string_view kConflict =
    "CONFLICT already settled in another way, and the first settlement stands; see IDEM.GET";
constexpr std::string_view kOtherStep =
    "CONFLICT the claim is settled, or this step was made with other data, which stands; see "
    "IDEM.GET";
constexpr std::string_view kHasSteps =
    "REFUSED the claim has steps, so something was done; IDEM.FAIL key token RETRY keeps them for "
    "the next attempt";
constexpr std::string_view kRunning =
    "REFUSED the claim of this key is not settled; IDEM.FORGET key FORCE drops it and fences its "
    "owner";
constexpr std::string_view kNotStuck =
    "REFUSED only a claim whose lease is over can be resolved; see IDEM.STUCK";
constexpr std::string_view kOutOfMemory = "OOM command not allowed when used memory > 'maxmemory'.";
constexpr std::string_view kQuotaFull =
    " is full: new keys are refused there; raise its max-entries or max-bytes, or shorten what its "
    "keys are kept for";
constexpr std::string_view kNoSpace =
    "NOSPACE the disk of the log is full: free some space; claims that run can still finish";
constexpr std::string_view kUnavailable =
    "UNAVAILABLE the log has failed: nothing more is accepted; see the server's output, then "
    "restart it";

}  // namespace

bool ExplainsErrors(const Command& command) { return command.group == "idem"; }

std::string Usage(const Command& command) {
  return absl::StrCat("; usage: ", ToUpper(command.name), " ", Absl(command.syntax));
}

std::string NotAnInteger(std::string_view what) {
  return absl::StrCat("ERR ", Absl(what), " is not an integer or out of range");
}

std::string WrongArity(std::string_view command) {
  return absl::StrCat("ERR wrong number of arguments for '", Absl(command), "' command");
}

std::string InvalidExpireTime(std::string_view command) {
  return absl::StrCat("ERR invalid expire time in '", Absl(command), "' command");
}

bool IsError(Outcome outcome) { return outcome >= Outcome::kUnknownKey; }

std::string ErrorText(const Request& request, const Reply& reply) {
  switch (reply.outcome) {
    case Outcome::kUnknownKey:
      return std::string(kUnknownKey);
    case Outcome::kFenced:
      return std::string(kFenced);
    case Outcome::kConflict:
      return std::string(request.op == Op::kStep ? kOtherStep : kConflict);
    case Outcome::kRefused:
      if (request.op == Op::kRelease) return std::string(kHasSteps);
      return std::string(request.op == Op::kResolve ? kNotStuck : kRunning);
    case Outcome::kWrongKind:
      return std::string(kWrongType);
    case Outcome::kInvalid:
      return absl::StrCat("ERR ", reply.error);
    case Outcome::kOutOfMemory:
      return std::string(kOutOfMemory);
    case Outcome::kQuotaFull:
      return absl::StrCat("QUOTA namespace ", Absl(request.key.substr(0, request.key.find(':'))),
                          Absl(kQuotaFull));
    case Outcome::kNoSpace:
      return std::string(kNoSpace);
    case Outcome::kUnavailable:
      return std::string(kUnavailable);
    default:
      return "";
  }
}

}  // namespace idem::server
