// idem-tool backup: a consistent copy of a store, also of one that runs.
#include <string>

#include "tool/commands.h"
#include "tool/directory_use.h"
#include "tool/judge.h"
#include "tool/store_copier.h"
#include "tool/store_files.h"

namespace idem::engine {
namespace {

// A store that runs is judged by its copy.
absl::Status CheckSource(const Surroundings& to, const std::string& directory) {
  const absl::StatusOr<StoreFiles> found = FindStoreFiles(to.files, directory);
  if (!found.ok()) return found.status();
  if (HolderOf(directory).has_value()) return absl::OkStatus();
  return JudgeDirectory(to.files, directory).status;
}

int Run(const Arguments& arguments, const Surroundings& to) {
  absl::Status status = CheckSource(to, arguments.directory(0));
  if (!status.ok()) return Fail(to, status);
  const absl::StatusOr<CopiedStore> copied =
      CopyStore(to.files, arguments.directory(0), arguments.directory(1), /*raise_epoch=*/0);
  if (!copied.ok()) return Fail(to, copied.status());
  to.out << "backup of all records up to " << copied->verdict.last_lsn << ": " << copied->files
         << " files, " << copied->bytes << " bytes, verified\n";
  return kClean;
}

constexpr char kHelp[] = R"(
Copies the store in DIR into TO, which must be empty or missing. DIR may be in use: the copy is
then the store as it was at one moment while the copy was made, with everything that was answered
before the command began. The copy is read back and verified before the command ends well. DIR is
not changed.

Do not open a backup as a store while the original lives: both would hand out the same tokens.
`idem-tool restore` makes a store of it that may be opened.

Zeros at the ends of files are holes in the copy; tar -S and rsync -S keep them so.

Exit codes:
  0   done and verified
  2   DIR is damaged; nothing is left in TO
  3   cannot read DIR, TO is not empty, no space
  64  a wrong command line

Example:
  idem-tool backup /var/lib/idem /backup/idem-2026-11-22
)";

}  // namespace

const Command kBackup = {.name = "backup",
                         .summary = "copies a store, also a running one, and verifies the copy",
                         .synopsis = "DIR TO",
                         .help = kHelp,
                         .directories_min = 2,
                         .directories_max = 2,
                         .flags = {},
                         .run = Run};

}  // namespace idem::engine
