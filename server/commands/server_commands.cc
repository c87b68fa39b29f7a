// Questions about the server: INFO, TIME.
#include <string>

#include "absl/strings/str_cat.h"
#include "server/commands/families.h"
#include "server/commands/info.h"
#include "server/text.h"

namespace idem::server {
namespace {

void RunInfo(Call& call, RespWriter& out) {
  out.Verbatim(InfoText(call.server, call.args.subspan(1)));
}

void RunTime(Call& call, RespWriter& out) {
  const int64_t now_ms = call.server.clock().WallMs();
  out.Array(2);
  out.Bulk(absl::StrCat(now_ms / 1000));
  out.Bulk(absl::StrCat(now_ms % 1000 * 1000));
}

constexpr uint32_t kFlags = kLoading | kStale;

constexpr Command kCommands[] = {
    {"info",
     -1,
     kFlags,
     {},
     nullptr,
     nullptr,
     RunInfo,
     "server",
     "1.0.0",
     "[section [section ...]]",
     "Get information and statistics about the server"},
    {"time",
     1,
     kFlags | kFast,
     {},
     nullptr,
     nullptr,
     RunTime,
     "server",
     "2.6.0",
     "",
     "Return the current server time"},
};

}  // namespace

std::span<const Command> ServerCommands() { return kCommands; }

}  // namespace idem::server
