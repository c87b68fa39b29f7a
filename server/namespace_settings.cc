#include "server/namespace_settings.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/setting_kinds.h"

namespace idem::server {
namespace {

constexpr int64_t kMostEntries = int64_t{1} << 40;
constexpr int64_t kMostBytes = int64_t{1} << 46;

NamespaceOptions& Newest(ServerOptions& options) { return options.store.namespaces.back(); }

// The words of a namespace alone; they change the newest one.
std::vector<Setting> OwnWords() {
  const auto newest = [](auto field) {
    return [field](auto& options) -> auto& { return field(options.store.namespaces.back()); };
  };
  return {
      WordSetting<bool>("hold", {{"no", false}, {"yes", true}}, "",
                        newest([](auto& space) -> auto& { return space.policy.hold; })),
      WordSetting<bool>("fingerprint", {{"optional", false}, {"required", true}}, "", newest([
                        ](auto& space) -> auto& { return space.policy.fingerprint_required; })),
      NumberSetting("max-entries", 0, {0, kMostEntries}, "",
                    newest([](auto& space) -> auto& { return space.max_entries; })),
      BytesSetting("max-bytes", "0", "0 to 65536gb", {0, kMostBytes}, "",
                   newest([](auto& space) -> auto& { return space.max_bytes; })),
  };
}

// Those that are settings of the store, too, in the order of that table.
constexpr std::string_view kPolicyWords[] = {"default-lease-ms", "default-retention-ms",
                                             "max-response-bytes", "max-steps", "max-step-bytes"};

std::string SetPolicyWord(std::string_view name, std::string_view value, ServerOptions& options) {
  ServerOptions alone;
  alone.store.policy = Newest(options).policy;
  std::string fault = FindSetting(name)->set(value, alone);
  Newest(options).policy = alone.store.policy;
  return fault;
}

using Words = std::vector<std::pair<std::string_view, std::string_view>>;

// Takes what is named `name` out of `words` and sets it; what is wrong with it.
template <typename Set>
std::string Take(std::string_view name, Words& words, const Set& set) {
  const auto found = std::find_if(words.begin(), words.end(),
                                  [name](const auto& word) { return word.first == name; });
  if (found == words.end()) return "";
  const std::string fault = set(found->second);
  words.erase(found);
  return fault.empty() ? "" : absl::StrCat(Absl(name), "= ", fault);
}

std::string SetWords(Words words, ServerOptions& options) {
  std::string fault;
  for (const std::string_view name : kPolicyWords) {
    if (!fault.empty()) return fault;
    fault = Take(name, words,
                 [&, name](std::string_view value) { return SetPolicyWord(name, value, options); });
  }
  for (const Setting& row : OwnWords()) {
    if (!fault.empty()) return fault;
    fault = Take(row.name, words, [&](std::string_view value) { return row.set(value, options); });
  }
  if (!fault.empty() || words.empty()) return fault;
  return absl::StrCat(Absl(words[0].first), "= is given twice, or is none of ",
                      absl::StrJoin(kPolicyWords, "=, ", absl::StreamFormatter()),
                      "=, hold=, fingerprint=, max-entries= and max-bytes=");
}

// NAME word=value [word=value ..]
std::string SetNamespace(std::string_view value, ServerOptions& options) {
  if (value.empty()) return "";
  const std::vector<std::string> parts = absl::StrSplit(Absl(value), ' ', absl::SkipEmpty());
  if (parts.empty() || !IsSettingName(parts[0], ":=,")) {
    return absl::StrCat("begins with a name of 1 to ", kSettingNameMax,
                        " letters, none of them ':', '=' or ','");
  }
  std::vector<NamespaceOptions>& spaces = options.store.namespaces;
  for (const NamespaceOptions& other : spaces) {
    if (other.name == parts[0])
      return absl::StrCat("there is a namespace ", other.name, " already");
  }
  if (spaces.size() == NamespaceOptions::kMax) {
    return absl::StrCat("takes at most ", NamespaceOptions::kMax);
  }
  Words words;
  for (size_t i = 1; i < parts.size(); ++i) {
    const std::string_view part = parts[i];
    const size_t equals = part.find('=');
    if (equals == std::string_view::npos) {
      return absl::StrCat(parts[0], ": ", parts[i], " is not of the form word=value");
    }
    words.emplace_back(part.substr(0, equals), part.substr(equals + 1));
  }
  spaces.push_back({.name = parts[0], .policy = options.store.policy});
  const std::string fault = SetWords(std::move(words), options);
  if (fault.empty()) return "";
  spaces.pop_back();
  return absl::StrCat(parts[0], ": ", fault);
}

std::string ShowNames(const ServerOptions& options) {
  return absl::StrJoin(
      options.store.namespaces, " ",
      [](std::string* text, const NamespaceOptions& space) { absl::StrAppend(text, space.name); });
}

}  // namespace

Setting NamespaceSetting() {
  return {"namespace",
          "",
          "NAME [default-lease-ms=N] [default-retention-ms=N] [max-response-bytes=N] "
          "[max-steps=N] [max-step-bytes=N] [hold=yes|no] [fingerprint=required|optional] "
          "[max-entries=N] [max-bytes=N]",
          "what holds for keys that begin with NAME and ':', for each such line; what is not named "
          "is as for all keys; a full quota, max-entries or max-bytes, refuses new keys there",
          SetNamespace,
          ShowNames,
          kWords | kRepeats};
}

}  // namespace idem::server
