#include "server/commands/syntax_docs.h"

#include <algorithm>

namespace idem::server {
namespace {

// Position behind the bracket that closes the one at the front.
size_t EndOfBrackets(std::string_view text) {
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '[' || text[i] == '<') ++depth;
    if (text[i] == ']' || text[i] == '>') --depth;
    if (depth == 0) return i + 1;
  }
  return text.size();
}

}  // namespace

std::vector<SyntaxPiece> SplitSyntax(std::string_view syntax) {
  std::vector<SyntaxPiece> pieces;
  while (!syntax.empty()) {
    const bool bracketed = syntax.front() == '[' || syntax.front() == '<';
    const size_t end =
        bracketed ? EndOfBrackets(syntax) : std::min(syntax.find(' '), syntax.size());
    const std::string_view piece = syntax.substr(0, end);
    pieces.push_back({bracketed ? piece.substr(1, end - 2) : piece, piece.front() == '['});
    syntax.remove_prefix(std::min(end + 1, syntax.size()));
  }
  return pieces;
}

void TellArgumentDocs(std::string_view syntax, RespWriter& out) {
  const std::vector<SyntaxPiece> pieces = SplitSyntax(syntax);
  out.Array(pieces.size());
  for (const SyntaxPiece& piece : pieces) {
    out.Map(piece.is_optional ? 3 : 2);
    out.Bulk("name");
    out.Bulk(piece.text);
    out.Bulk("type");
    out.Bulk("string");
    if (!piece.is_optional) continue;
    out.Bulk("flags");
    out.Set(1);
    out.SimpleString("optional");
  }
}

}  // namespace idem::server
