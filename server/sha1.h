// SHA-1, the name of a script in Redis' protocol. Not for anything that must be secure.
//
// Thread-safe: a pure function.
#ifndef IDEM_SERVER_SHA1_H_
#define IDEM_SERVER_SHA1_H_

#include <string>
#include <string_view>

namespace idem::server {

// 40 hex digits, lower case (FIPS 180-4, 6.1).
std::string Sha1Hex(std::string_view text);

}  // namespace idem::server

#endif  // IDEM_SERVER_SHA1_H_
