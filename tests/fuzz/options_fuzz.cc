// The configuration: whatever it is, it is taken or refused in one line of text.
//
//   input: arguments and variables (IDEM_CONF_..), a line each; behind an empty line a config file
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/option_sources.h"
#include "server/socket.h"
#include "tests/fuzz/expect.h"

namespace idem::server {
namespace {

void Configure(std::string_view input) {
  const size_t head = std::min(input.find("\n\n"), input.size());
  const std::vector<std::string> lines =
      absl::StrSplit(absl::string_view(input.data(), head), '\n');
  const std::string_view file = input.substr(std::min(head + 2, input.size()));
  const UniqueFd config(memfd_create("config", MFD_CLOEXEC));
  Expect(write(config.get(), file.data(), file.size()) == static_cast<ssize_t>(file.size()),
         "room");
  const std::string path = absl::StrCat("/proc/self/fd/", config.get());

  std::vector<const char*> arguments, environment;
  for (const std::string& line : lines) {
    (line.starts_with("IDEM_CONF_") ? environment : arguments).push_back(line.c_str());
  }
  if (!file.empty()) arguments.insert(arguments.end(), {"--config", path.c_str()});
  const absl::StatusOr<ServerOptions> options = ParseOptions(arguments, environment);
  if (options.ok()) {
    Expect(options->threads >= 1 && options->maxclients >= 1, "what is taken can be used");
  } else {
    const absl::string_view error = options.status().message();
    Expect(!error.empty() && error.find('\n') == error.npos, "an error is one line");
  }
}

}  // namespace
}  // namespace idem::server

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  idem::server::Configure({reinterpret_cast<const char*>(bytes), count});
  return 0;
}
