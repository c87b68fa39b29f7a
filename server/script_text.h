// The normal form of a Lua script: two texts that mean the same, but for how they are written, have
// the same one. What it evens out:
//
//   comments, blanks, line ends, semicolons
//   quotes; letter case of the words within redis.call(..); pcall (call), unlink (del)
//   local key = KEYS[1]            the name is replaced by what it stands for
//   tonumber(ARGV[2])              ARGV[2]
//   if (a == b) then               if a == b then
//   names of local variables       v1, v2, .. as they come
//
// Nothing is executed, and a text that is no Lua at all has a normal form, too.
//
// Thread-safe: a pure function. At worst the work grows with the square of the text: bound that.
#ifndef IDEM_SERVER_SCRIPT_TEXT_H_
#define IDEM_SERVER_SCRIPT_TEXT_H_

#include <string>
#include <string_view>

namespace idem::server {

std::string NormalForm(std::string_view script);

}  // namespace idem::server

#endif  // IDEM_SERVER_SCRIPT_TEXT_H_
