// A whole server without sockets: whatever a client sends, the answers are the same however its
// bytes are cut, and nothing it leaves behind is held.
//
//   input: 1 byte for the cuts, then what the client sends
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "tests/fuzz/expect.h"
#include "tests/server/client.h"

namespace idem::server {
namespace {

std::string AnswersTo(std::string_view input, size_t piece_bytes) {
  OneThreadServer server;
  std::string answers;
  {
    Client client(server);
    while (!input.empty() && client.connection().wants_input()) {
      client.Feed(input.substr(0, piece_bytes));
      input.remove_prefix(std::min(piece_bytes, input.size()));
      answers += client.Receive();
    }
  }
  Expect(server.context().client_memory.bytes() == 0, "who is gone holds nothing");
  return answers;
}

// These tell of the process, of moments, or of the order in which this store's hash has its keys.
bool TellsMoreThanItIsAsked(std::string_view input) {
  const std::string lower = absl::AsciiStrToLower(absl::string_view(input.data(), input.size()));
  for (const char* word : {"info", "scan", "stuck", "slowlog", "latency", "memory", "config"}) {
    if (absl::StrContains(lower, word)) return true;
  }
  return false;
}

void AskBothWays(std::string_view input) {
  if (input.empty()) return;
  const size_t piece_bytes = static_cast<uint8_t>(input[0]) + 1;
  input.remove_prefix(1);
  const std::string in_pieces = AnswersTo(input, piece_bytes);
  if (TellsMoreThanItIsAsked(input)) return;
  ExpectEqual(in_pieces, AnswersTo(input, input.size() + 1), "cuts make no difference");
}

}  // namespace
}  // namespace idem::server

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  idem::server::AskBothWays({reinterpret_cast<const char*>(bytes), count});
  return 0;
}
