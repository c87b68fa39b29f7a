// Snapshots on demand: IDEM.SNAPSHOT, and Redis' words for it. Nothing waits: INFO tells what
// becomes of one.
#include <algorithm>

#include "server/commands/families.h"
#include "server/error_texts.h"
#include "server/text.h"

namespace idem::server {
namespace {

void Start(Call& call, std::string_view answer, RespWriter& out) {
  const absl::Status status = call.server.store->StartSnapshot();
  if (status.ok()) return out.SimpleString(answer);
  out.Error("ERR " + std::string(status.message()));
}

void RunSnapshot(Call& call, RespWriter& out) { Start(call, "OK", out); }

// BGSAVE [SCHEDULE]
void RunBgsave(Call& call, RespWriter& out) {
  const bool schedule = call.args.size() == 2;
  if (schedule && !EqualsIgnoreCase(call.args[1], "schedule")) return out.Error(kSyntaxError);
  const bool running = call.server.store->GetStats().log.snapshot_running;
  if (running && !schedule) return out.Error("ERR Background save already in progress");
  Start(call, running ? "Background saving scheduled" : "Background saving started", out);
}

// Without a snapshot, and while the store is being opened: when the server started, as Redis does.
void RunLastsave(Call& call, RespWriter& out) {
  const Store* const store = call.server.store.get();
  const int64_t taken_ms = store == nullptr ? 0 : store->GetStats().log.snapshot_unix_ms;
  const Clock& clock = call.server.clock();
  const int64_t started_ms = clock.WallMs() - (clock.BootMs() - call.server.started_boot_ms);
  out.Integer((taken_ms != 0 ? taken_ms : started_ms) / 1000);
}

constexpr Command kCommands[] = {
    {"idem.snapshot",
     1,
     kAdmin,
     {},
     nullptr,
     nullptr,
     RunSnapshot,
     "idem",
     "0.1.0",
     "",
     "Start a snapshot in the background"},
    {"bgsave",
     -1,
     kAdmin,
     {},
     nullptr,
     nullptr,
     RunBgsave,
     "server",
     "1.0.0",
     "[SCHEDULE]",
     "Start a snapshot in the background"},
    {"lastsave",
     1,
     kLoading | kStale | kFast,
     {},
     nullptr,
     nullptr,
     RunLastsave,
     "server",
     "1.0.0",
     "",
     "Get the Unix time of the newest snapshot"},
};

}  // namespace

std::span<const Command> SnapshotCommands() { return kCommands; }

}  // namespace idem::server
