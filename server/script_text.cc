#include "server/script_text.h"

#include <algorithm>
#include <initializer_list>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/text.h"

namespace idem::server {
namespace {

using Tokens = std::vector<std::string>;

constexpr size_t kAliases = 16;  // more of them are not looked for

bool IsNameByte(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// --- From text to tokens: a name or number, 'a string', or a sign such as == ---------------------

class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  // Empty at the end.
  std::string Next() {
    SkipBlanksAndComments();
    if (rest_.empty()) return "";
    if (IsNameByte(rest_.front())) return TakeName();
    if (rest_.front() == '"' || rest_.front() == '\'') return TakeString();
    return TakeSign();
  }

 private:
  void SkipBlanksAndComments() {
    for (;;) {
      while (!rest_.empty() && (absl::ascii_isspace(static_cast<unsigned char>(rest_.front())) ||
                                rest_.front() == ';')) {
        rest_.remove_prefix(1);
      }
      if (!rest_.starts_with("--")) return;
      const bool is_long = rest_.starts_with("--[[");
      const size_t end = is_long ? rest_.find("]]") : rest_.find('\n');
      const size_t past = end == rest_.npos ? rest_.size() : end + (is_long ? 2 : 1);
      rest_.remove_prefix(past);
    }
  }

  std::string TakeName() {
    size_t size = 0;
    while (size < rest_.size() && IsNameByte(rest_[size])) ++size;
    return Take(size);
  }

  std::string TakeString() {
    const char quote = rest_.front();
    size_t size = 1;
    while (size < rest_.size() && rest_[size] != quote) size += rest_[size] == '\\' ? 2 : 1;
    std::string text = Take(std::min(size + 1, rest_.size()));
    text.front() = '\'';
    if (text.size() > 1 && text.back() == quote) text.back() = '\'';
    return text;
  }

  std::string TakeSign() {
    static constexpr std::string_view kSigns[] = {"==", "~=", "<=", ">=", ".."};
    for (const std::string_view sign : kSigns) {
      if (rest_.starts_with(sign)) return Take(sign.size());
    }
    return Take(1);
  }

  std::string Take(size_t size) {
    std::string taken(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
};

Tokens TokensOf(std::string_view script) {
  Scanner scanner(script);
  Tokens tokens;
  for (std::string token = scanner.Next(); !token.empty(); token = scanner.Next()) {
    tokens.push_back(std::move(token));
  }
  return tokens;
}

// --- Tokens evened out ---------------------------------------------------------------------------

bool Matches(const Tokens& tokens, size_t at, std::initializer_list<std::string_view> pattern) {
  if (at + pattern.size() > tokens.size()) return false;
  for (const std::string_view word : pattern) {
    if (!word.empty() && tokens[at] != word) return false;
    ++at;
  }
  return true;
}

// Position of the bracket that closes the one at `open`; the end if there is none.
size_t ClosingBracket(const Tokens& tokens, size_t open) {
  int depth = 0;
  for (size_t i = open; i < tokens.size(); ++i) {
    if (tokens[i] == "(") ++depth;
    if (tokens[i] == ")" && --depth == 0) return i;
  }
  return tokens.size();
}

void EvenOutCalls(Tokens& tokens) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (Matches(tokens, i, {"redis", ".", "pcall"})) tokens[i + 2] = "call";
    if (!Matches(tokens, i, {"redis", ".", "call", "("})) continue;
    const size_t end = ClosingBracket(tokens, i + 3);
    for (size_t word = i + 4; word < end; ++word) {
      if (tokens[word].front() == '\'') tokens[word] = ToLower(tokens[word]);
      if (tokens[word] == "'unlink'") tokens[word] = "'del'";
    }
  }
}

bool IsArgument(const Tokens& tokens, size_t at) {
  return Matches(tokens, at, {"KEYS", "[", "", "]"}) || Matches(tokens, at, {"ARGV", "[", "", "]"});
}

void DropNumberCasts(Tokens& tokens) {
  for (size_t i = 0; i + 6 < tokens.size(); ++i) {
    if (!Matches(tokens, i, {"tonumber", "("}) || !IsArgument(tokens, i + 2)) continue;
    if (tokens[i + 6] != ")") continue;
    tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(i + 6));
    tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(i),
                 tokens.begin() + static_cast<std::ptrdiff_t>(i + 2));
  }
}

// local x = KEYS[1]: takes the line out and puts KEYS[1] in x's place. False: `at` begins none.
bool InlineAlias(Tokens& tokens, size_t at) {
  if (!Matches(tokens, at, {"local", "", "="}) || !IsArgument(tokens, at + 3)) return false;
  const auto line = tokens.begin() + static_cast<std::ptrdiff_t>(at);
  const std::string name = line[1];
  const Tokens argument(line + 3, line + 7);
  Tokens after(tokens.begin(), line);
  for (auto token = line + 7; token != tokens.end(); ++token) {
    const bool is_assigned = token + 1 != tokens.end() && token[1] == "=";
    if (*token == name && is_assigned) return false;
    if (*token == name) {
      after.insert(after.end(), argument.begin(), argument.end());
    } else {
      after.push_back(*token);
    }
  }
  tokens = std::move(after);
  return true;
}

void InlineAliases(Tokens& tokens) {
  size_t inlined = 0;
  for (size_t i = 0; i < tokens.size() && inlined < kAliases;) {
    if (InlineAlias(tokens, i)) {
      ++inlined;
    } else {
      ++i;
    }
  }
}

// if (..) then
void DropOuterBrackets(Tokens& tokens) {
  for (size_t i = 0; i + 1 < tokens.size(); ++i) {
    if ((tokens[i] != "if" && tokens[i] != "elseif") || tokens[i + 1] != "(") continue;
    const size_t end = ClosingBracket(tokens, i + 1);
    if (!Matches(tokens, end, {")", "then"})) continue;
    tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(end));
    tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(i + 1));
  }
}

// Names are declared behind `local` and `for`, apart by commas.
void RenameLocals(Tokens& tokens) {
  absl::flat_hash_map<std::string, std::string> names;
  bool expects_name = false;
  bool in_list = false;
  for (std::string& token : tokens) {
    if (expects_name) names.try_emplace(token, absl::StrCat("v", names.size() + 1));
    in_list = expects_name || (in_list && token == ",");
    expects_name = token == "local" || token == "for" || (in_list && token == ",");
    const auto renamed = names.find(token);
    if (renamed != names.end()) token = renamed->second;
  }
}

}  // namespace

std::string NormalForm(std::string_view script) {
  Tokens tokens = TokensOf(script);
  EvenOutCalls(tokens);
  DropNumberCasts(tokens);
  InlineAliases(tokens);
  DropOuterBrackets(tokens);
  RenameLocals(tokens);
  return absl::StrJoin(tokens, " ");
}

}  // namespace idem::server
