// What TYPE calls an entry; SCAN .. TYPE takes the same words.
#ifndef IDEM_SERVER_COMMANDS_TYPE_NAMES_H_
#define IDEM_SERVER_COMMANDS_TYPE_NAMES_H_

#include <string_view>

#include "idem/request.h"

namespace idem::server {

constexpr std::string_view TypeName(Kind kind) {
  switch (kind) {
    case Kind::kAny:
      return "none";
    case Kind::kRecord:
      return "record";
    case Kind::kRegister:
      return "string";
    case Kind::kSeen:
      return "seen";
    case Kind::kSequence:
      return "sequence";
  }
  return "";
}

}  // namespace idem::server

#endif  // IDEM_SERVER_COMMANDS_TYPE_NAMES_H_
