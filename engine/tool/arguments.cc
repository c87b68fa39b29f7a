#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/path.h"
#include "tool/command.h"

namespace idem::engine {
namespace {

absl::string_view Absl(std::string_view text) { return {text.data(), text.size()}; }

absl::Status Wrong(const Command& command, std::string_view word, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(Absl(word), Absl(why), "; idem-tool ",
                                                 Absl(command.name), " --help tells more"));
}

}  // namespace

absl::StatusOr<Arguments> Arguments::Parse(const Command& command,
                                           std::span<const char* const> words) {
  Arguments arguments;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (!word.starts_with("--")) {
      arguments.directories_.emplace_back(WithoutTrailingSlashes(word));
      continue;
    }
    const std::string_view name = word.substr(0, word.find('='));
    const auto flag = std::find_if(command.flags.begin(), command.flags.end(),
                                   [name](const Command::Flag& f) { return f.name == name; });
    if (flag == command.flags.end()) return Wrong(command, word, ": no such flag");
    const bool joined = name.size() < word.size();
    if (joined && !flag->takes_value) return Wrong(command, name, ": takes no value");
    if (!joined && flag->takes_value && i + 1 == words.size()) {
      return Wrong(command, name, ": needs a value");
    }
    std::string& value = arguments.flags_[std::string(name)];
    if (joined) value = word.substr(name.size() + 1);
    if (!joined && flag->takes_value) value = words[++i];
  }
  if (arguments.directories() < command.directories_min) {
    return Wrong(command, command.name, ": a directory is missing");
  }
  if (arguments.directories() > command.directories_max) {
    return Wrong(command, arguments.directories_.back(), ": one directory too many");
  }
  return arguments;
}

std::optional<std::string> Arguments::Value(std::string_view flag) const {
  const auto found = flags_.find(flag);
  if (found == flags_.end()) return std::nullopt;
  return found->second;
}

}  // namespace idem::engine
