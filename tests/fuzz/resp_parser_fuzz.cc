// The parser: whatever the bytes and however they are cut, the same commands come out and the same
// error; what it holds grows with what it was given; and what it took, written as an array of bulk
// strings, it takes again.
//
//   input: 1 byte for limits, 1 for the cuts, then what a client sends
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/resp_parser.h"
#include "tests/fuzz/expect.h"
#include "tests/server/encode.h"

namespace idem::server {
namespace {

// Enough for what survives from one command to the next.
constexpr size_t kKeptBytes = 8 << 10;

struct Parsed {
  std::vector<Words> commands;
  std::optional<std::string> error;
  size_t unread = 0;

  bool operator==(const Parsed&) const = default;
};

// In pieces of `piece_bytes`, then of 1, 2 .. `piece_bytes`, each parsed in memory of exactly its
// size, so that the address sanitizer sees who reads on.
Parsed ParseInPieces(std::string_view input, const RespLimits& limits, size_t piece_bytes) {
  RespParser parser(limits);
  Parsed parsed;
  std::string unread;
  size_t piece = piece_bytes - 1;
  while (!input.empty() && !parsed.error) {
    piece = piece % piece_bytes + 1;
    unread += input.substr(0, piece);
    input.remove_prefix(std::min(piece, input.size()));
    for (;;) {
      const std::vector<char> exact(unread.begin(), unread.end());
      const RespParser::Result result = parser.Parse({exact.data(), exact.size()});
      Expect(parser.memory_bytes() <= kKeptBytes + 24 * unread.size(), "memory follows the input");
      if (result == RespParser::Result::kError) parsed.error = std::string(parser.error());
      if (result != RespParser::Result::kCommand) break;
      Expect(parser.consumed() > 0 && parser.consumed() <= unread.size(), "it goes on");
      if (!parser.args().empty()) {
        parsed.commands.emplace_back(parser.args().begin(), parser.args().end());
      }
      unread.erase(0, parser.consumed());
    }
  }
  parsed.unread = parsed.error ? 0 : unread.size();
  return parsed;
}

void ExpectTakenAgain(const std::vector<Words>& commands) {
  std::string encoded;
  for (const Words& words : commands) encoded += Encode(words);
  const Parsed again = ParseInPieces(encoded, RespLimits(), encoded.size() + 1);
  Expect(again == Parsed{commands, std::nullopt, 0}, "what was taken is taken again");
}

RespLimits LimitsFor(uint8_t choice) {
  if (choice % 3 == 0) return RespLimits();
  if (choice % 3 == 1) return RespLimits::BeforeAuth();
  return {.max_args = 3, .max_bulk_bytes = 20, .max_inline_bytes = 30, .max_command_bytes = 60};
}

void ParseBothWays(std::string_view input) {
  if (input.size() < 2) return;
  const RespLimits limits = LimitsFor(static_cast<uint8_t>(input[0]));
  const size_t piece_bytes = static_cast<uint8_t>(input[1]) % 64 + 1;
  input.remove_prefix(2);
  const Parsed whole = ParseInPieces(input, limits, input.size() + 1);
  Expect(ParseInPieces(input, limits, piece_bytes) == whole, "cuts make no difference");
  ExpectTakenAgain(whole.commands);
}

}  // namespace
}  // namespace idem::server

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  idem::server::ParseBothWays({reinterpret_cast<const char*>(bytes), count});
  return 0;
}
