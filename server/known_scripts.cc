#include "server/known_scripts.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "server/known_script_rows.h"
#include "server/script_text.h"

namespace idem::server {
namespace {

constexpr size_t kLongestText = 4 << 10;  // with room for comments; normal forms cost its square

using ScriptsByForm = absl::flat_hash_map<std::string, const KnownScript*>;

ScriptsByForm IndexRows() {
  ScriptsByForm scripts;
  for (const KnownScript& row : KnownScriptRows()) scripts.emplace(NormalForm(row.text), &row);
  return scripts;
}

}  // namespace

const KnownScript* FindKnownScript(std::string_view text) {
  static const ScriptsByForm& scripts = *new ScriptsByForm(IndexRows());
  if (text.size() > kLongestText) return nullptr;
  const auto found = scripts.find(NormalForm(text));
  return found == scripts.end() ? nullptr : found->second;
}

}  // namespace idem::server
