// The command line: whatever it is, it is taken or refused in one line of text.
//
//   input: the arguments, a line each
#include <cstdint>
#include <string>
#include <vector>

#include "absl/flags/reflection.h"
#include "absl/strings/str_split.h"
#include "server/options.h"
#include "tests/fuzz/expect.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  const std::string input(reinterpret_cast<const char*>(bytes), count);
  const std::vector<std::string> lines = absl::StrSplit(input, '\n');
  std::vector<const char*> arguments;
  arguments.reserve(lines.size());
  for (const std::string& line : lines) arguments.push_back(line.c_str());
  const absl::FlagSaver saver;
  const auto options = idem::server::ParseOptions(arguments);
  if (options.ok()) {
    idem::Expect(options->threads >= 1 && options->maxclients >= 1, "what is taken can be used");
  } else {
    const absl::string_view error = options.status().message();
    idem::Expect(!error.empty() && error.find('\n') == error.npos, "an error is one line");
  }
  return 0;
}
