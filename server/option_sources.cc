#include "server/option_sources.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "server/resp_parser.h"
#include "server/settings.h"
#include "server/socket.h"
#include "server/text.h"

namespace idem::server {
namespace {

constexpr std::string_view kVariablePrefix = "IDEM_CONF_";
constexpr size_t kShownBytes = 64;  // of a name that nobody knows, in an error

struct Assignment {
  std::string value;
  std::string origin;  // "--port", "IDEM_CONF_PORT", "/etc/idem.conf:3: port"
};

absl::Status Invalid(std::string_view origin, std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(Absl(origin), ": ", Absl(what)));
}

// What one source sets.
using Assignments = std::map<const Setting*, std::vector<Assignment>>;

void Assign(const Setting& setting, Assignment assignment, Assignments& all) {
  std::vector<Assignment>& mine = all[&setting];
  if (!setting.Is(kRepeats)) mine.clear();
  mine.push_back(std::move(assignment));
}

// --- The command line ----------------------------------------------------------------------------

struct CommandLine {
  Assignments assignments;
  std::string config_file;
  bool check_only = false;
};

absl::Status UnknownFlag(std::string_view argument, std::string_view name) {
  const std::string hint = name.empty() ? "; --help lists all" : NearestSetting(name);
  return absl::InvalidArgumentError(
      absl::StrCat("unknown option ", Absl(argument.substr(0, kShownBytes)), hint));
}

absl::Status TakeFlag(std::string_view name, std::string_view value, std::string_view argument,
                      CommandLine& line) {
  const std::string origin = absl::StrCat("--", Absl(name));
  if (name == "config") {
    line.config_file = value;
    return value.empty() ? Invalid(origin, "needs the name of a file") : absl::OkStatus();
  }
  const Setting* const setting = FindSetting(name);
  if (setting == nullptr) return UnknownFlag(argument, name);
  if (setting->Is(kSecret)) {
    return Invalid(origin,
                   "everybody can see the command line: set it in a config file, or by "
                   "the environment");
  }
  Assign(*setting, {std::string(value), origin}, line.assignments);
  return absl::OkStatus();
}

// A word without dashes that comes first is the config file, as redis-server has it.
absl::StatusOr<CommandLine> ReadCommandLine(std::span<const char* const> arguments) {
  CommandLine line;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (i == 0 && !argument.empty() && argument[0] != '-') {
      line.config_file = argument;
      continue;
    }
    const size_t dashes = std::min(argument.find_first_not_of('-'), argument.size());
    const size_t equals = argument.find('=');
    const std::string_view name = argument.substr(dashes, equals - dashes);
    if (dashes == 0 || name.empty()) return UnknownFlag(argument, "");
    if (name == "check-config" && equals == argument.npos) {
      line.check_only = true;
      continue;
    }
    const bool next_is_value = equals == argument.npos;
    if (name != "config" && FindSetting(name) == nullptr) return UnknownFlag(argument, name);
    if (next_is_value && i + 1 == arguments.size()) {
      return Invalid(absl::StrCat("--", Absl(name)), "needs a value");
    }
    const std::string_view value = next_is_value ? arguments[++i] : argument.substr(equals + 1);
    if (absl::Status status = TakeFlag(name, value, argument, line); !status.ok()) return status;
  }
  return line;
}

// --- The environment -----------------------------------------------------------------------------

absl::StatusOr<Assignments> ReadEnvironment(std::span<const char* const> environment) {
  Assignments assignments;
  for (const std::string_view variable : environment) {
    if (!variable.starts_with(kVariablePrefix)) continue;
    const size_t equals = std::min(variable.find('='), variable.size());
    const std::string_view origin = variable.substr(0, equals);
    const std::string_view name = origin.substr(kVariablePrefix.size());
    const Setting* const setting = FindSetting(name);
    if (setting == nullptr) {
      return Invalid(origin, absl::StrCat("no such setting", NearestSetting(name)));
    }
    const std::string_view value = variable.substr(std::min(equals + 1, variable.size()));
    Assign(*setting, {std::string(value), std::string(origin)}, assignments);
  }
  return assignments;
}

// --- The config file -----------------------------------------------------------------------------

// The words of a line, split as an inline command is. Needs a line that begins with a letter.
absl::StatusOr<std::vector<std::string>> Words(const std::string& line, std::string_view origin) {
  RespParser parser{RespLimits()};
  const std::string text = line + "\n";
  if (parser.Parse(text) != RespParser::Result::kCommand) {
    return Invalid(origin,
                   line.find('\0') == line.npos && line.size() < RespLimits().max_inline_bytes
                       ? "a quote has no partner"
                       : "is no line of a config file");
  }
  return std::vector<std::string>(parser.args().begin(), parser.args().end());
}

absl::Status TakeLine(const std::string& line, const std::string& place, Assignments& assignments) {
  const absl::StatusOr<std::vector<std::string>> words = Words(line, place);
  if (!words.ok()) return words.status();
  const std::string& name = words->front();
  const Setting* const setting = FindSetting(name);
  if (setting == nullptr) {
    return Invalid(place, absl::StrCat("no such setting: ", name.substr(0, kShownBytes),
                                       NearestSetting(name)));
  }
  const std::string origin = absl::StrCat(place, ": ", name);
  if (words->size() < 2) return Invalid(origin, "needs a value");
  if (words->size() > 2 && !setting->Is(kWords)) {
    return Invalid(origin, "takes one value; put it in quotes if it has blanks");
  }
  Assign(*setting, {absl::StrJoin(words->begin() + 1, words->end(), " "), origin}, assignments);
  return absl::OkStatus();
}

absl::StatusOr<Assignments> ReadFile(const std::string& path) {
  Assignments assignments;
  if (path.empty()) return assignments;
  errno = 0;
  std::ifstream file(path);
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const size_t begin = line.find_first_not_of(" \t\r");
    if (begin == line.npos || line[begin] == '#') continue;
    const std::string place = absl::StrCat(path, ":", number);
    if (std::isalpha(static_cast<unsigned char>(line[begin])) == 0) {
      return Invalid(place, "begins with no name of a setting; a comment begins with #");
    }
    if (absl::Status status = TakeLine(line.substr(begin), place, assignments); !status.ok()) {
      return status;
    }
  }
  if (file.eof() && !file.bad()) return assignments;
  return absl::InvalidArgumentError(
      absl::StrCat("cannot read the config file ", path, ": ", std::strerror(errno)));
}

// --- All of them ---------------------------------------------------------------------------------

absl::Status Apply(const Assignments& chosen, ServerOptions& options) {
  for (const Setting& setting : Settings()) {
    const auto found = chosen.find(&setting);
    const std::vector<Assignment> standard = {
        {setting.standard, absl::StrCat("--", Absl(setting.name))}};
    for (const Assignment& assignment : found == chosen.end() ? standard : found->second) {
      const std::string fault = setting.set(assignment.value, options);
      if (!fault.empty()) return Invalid(assignment.origin, fault);
    }
  }
  return absl::OkStatus();
}

absl::Status CheckExposure(const Assignments& chosen, const ServerOptions& options) {
  const std::string exposed = ExposedAddressOf(options.bind);
  if (exposed.empty() || !options.users.empty()) return absl::OkStatus();
  const auto found = chosen.find(FindSetting("bind"));
  return Invalid(found == chosen.end() ? "--bind" : found->second.back().origin,
                 absl::StrCat("will not listen on ", exposed,
                              " without a password; set requirepass or users, or use 127.0.0.1 or "
                              "::1 and a tunnel"));
}

absl::StatusOr<ServerOptions> ReadAll(std::span<const char* const> arguments,
                                      std::span<const char* const> environment) {
  absl::StatusOr<CommandLine> line = ReadCommandLine(arguments);
  if (!line.ok()) return line.status();
  absl::StatusOr<Assignments> variables = ReadEnvironment(environment);
  if (!variables.ok()) return variables.status();
  absl::StatusOr<Assignments> in_file = ReadFile(line->config_file);
  if (!in_file.ok()) return in_file.status();
  Assignments chosen = std::move(line->assignments);
  chosen.merge(*variables);  // leaves out what is there already
  chosen.merge(*in_file);
  ServerOptions options;
  options.config_file = line->config_file;
  options.check_only = line->check_only;
  if (absl::Status status = Apply(chosen, options); !status.ok()) return status;
  if (absl::Status status = CheckExposure(chosen, options); !status.ok()) return status;
  return options;
}

// An error repeats what was written, and that may hold, in quotes, what ends a line or hides it.
absl::Status WithoutControls(const absl::Status& error) {
  std::string text;
  for (const char c : error.message()) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::iscntrl(byte) != 0) {
      absl::StrAppend(&text, "\\x", absl::Hex(byte, absl::kZeroPad2));
    } else {
      text.push_back(c);
    }
  }
  return {error.code(), text};
}

}  // namespace

absl::StatusOr<ServerOptions> ParseOptions(std::span<const char* const> arguments,
                                           std::span<const char* const> environment) {
  absl::StatusOr<ServerOptions> options = ReadAll(arguments, environment);
  if (!options.ok()) return WithoutControls(options.status());
  return options;
}

}  // namespace idem::server
