// idem-tool restore: makes a store of a backup.
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "tool/commands.h"
#include "tool/directory_use.h"
#include "tool/judge.h"
#include "tool/store_copier.h"
#include "tool/store_files.h"

namespace idem::engine {
namespace {

// The store that was backed up has gone on, and has raised its epoch at each open. The restored one
// must begin above: its tokens are fences that others may have seen the later ones of.
constexpr uint32_t kEpochsSinceBackup = 1024;

absl::Status CheckSource(const Surroundings& to, const std::string& directory) {
  const absl::StatusOr<StoreFiles> found = FindStoreFiles(to.files, directory);
  if (!found.ok()) return found.status();
  if (const std::optional<std::string> holder = HolderOf(directory)) {
    return absl::FailedPreconditionError(absl::StrCat(directory, ": in use by ", *holder));
  }
  return JudgeDirectory(to.files, directory).status;
}

int Run(const Arguments& arguments, const Surroundings& to) {
  absl::Status status = CheckSource(to, arguments.directory(0));
  if (!status.ok()) return Fail(to, status);
  const absl::StatusOr<CopiedStore> copied =
      CopyStore(to.files, arguments.directory(0), arguments.directory(1), kEpochsSinceBackup);
  if (!copied.ok()) return Fail(to, copied.status());
  to.out << "restored all records up to " << copied->verdict.last_lsn << " into "
         << arguments.directory(1) << ": " << copied->files << " files, " << copied->bytes
         << " bytes, verified, epoch " << copied->epoch << "\n";
  return kClean;
}

constexpr char kHelp[] = R"(
Verifies the backup in FROM, copies it into DIR, which must be empty or missing, and verifies the
copy. FROM is not changed. The epoch is raised by 1024, so that no token which the original gave
since the backup is given again, as long as it was opened less often than that since.

What is lost: everything since the backup. A key that was finished after the backup can be claimed
again; whoever restores decides whether that is bearable, or reconciles first. Do not run the
original and the restored store at the same time.

Exit codes:
  0   done and verified
  2   FROM is damaged; nothing is left in DIR
  3   cannot read FROM, or it is in use; DIR is not empty; no space
  64  a wrong command line

Example:
  idem-tool restore /backup/idem-2026-11-22 /var/lib/idem
)";

}  // namespace

const Command kRestore = {.name = "restore",
                          .summary = "makes a store of a backup, with a raised epoch",
                          .synopsis = "FROM DIR",
                          .help = kHelp,
                          .directories_min = 2,
                          .directories_max = 2,
                          .flags = {},
                          .run = Run};

}  // namespace idem::engine
