// Errors as clients see them: a one-word code, then what to do. Where Redis has the error the text
// is Redis', letter by letter, because client libraries match on it.
#ifndef IDEM_SERVER_ERROR_TEXTS_H_
#define IDEM_SERVER_ERROR_TEXTS_H_

#include <string>
#include <string_view>

#include "idem/request.h"
#include "server/command.h"

namespace idem::server {

inline constexpr std::string_view kSyntaxError = "ERR syntax error";
inline constexpr std::string_view kPatternTooLong = "ERR a pattern is at most 1024 bytes";
inline constexpr std::string_view kNotAnInteger = "ERR value is not an integer or out of range";
inline constexpr std::string_view kWrongType =
    "WRONGTYPE Operation against a key holding the wrong kind of value";
inline constexpr std::string_view kWrongPassword =
    "WRONGPASS invalid username-password pair or user is disabled.";
inline constexpr std::string_view kNotAuthenticated = "NOAUTH Authentication required.";

// Our own commands explain their errors; those of Redis say what Redis says.
bool ExplainsErrors(const Command& command);
// "; usage: IDEM.RELEASE key token"
std::string Usage(const Command& command);
// "ERR LEASE is not an integer or out of range"
std::string NotAnInteger(std::string_view what);
// "ERR wrong number of arguments for 'set' command"
std::string WrongArity(std::string_view command);
// "ERR invalid expire time in 'set' command"
std::string InvalidExpireTime(std::string_view command);

// Is this outcome an error, rather than an answer that the command tells in its own way?
bool IsError(Outcome outcome);
std::string ErrorText(const Request& request, const Reply& reply);

}  // namespace idem::server

#endif  // IDEM_SERVER_ERROR_TEXTS_H_
