// A row's syntax line as the "arguments" of COMMAND DOCS, from which redis-cli makes its hints.
//
//   key [FP digest | BODY bytes] [HOLD]   ->   key,  "FP digest | BODY bytes" (optional),  ..
//
// A piece in brackets or angle brackets stays whole: it is shown, nobody takes it apart.
#ifndef IDEM_SERVER_COMMANDS_SYNTAX_DOCS_H_
#define IDEM_SERVER_COMMANDS_SYNTAX_DOCS_H_

#include <string_view>
#include <vector>

#include "server/resp_writer.h"

namespace idem::server {

struct SyntaxPiece {
  std::string_view text;
  bool is_optional;

  friend bool operator==(const SyntaxPiece&, const SyntaxPiece&) = default;
};

std::vector<SyntaxPiece> SplitSyntax(std::string_view syntax);
void TellArgumentDocs(std::string_view syntax, RespWriter& out);

}  // namespace idem::server

#endif  // IDEM_SERVER_COMMANDS_SYNTAX_DOCS_H_
