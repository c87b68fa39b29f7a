// What an open of a directory would say, found by an open that writes nothing.
#ifndef IDEM_TOOL_JUDGE_H_
#define IDEM_TOOL_JUDGE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "idem/answer.h"
#include "idem/file_system.h"

namespace idem::engine {

struct Verdict {
  absl::Status status;  // why the open would be refused; kDataLoss: damage, with file and offset
  bool torn = false;    // it would cut a torn tail
  Lsn last_lsn = 0;
  uint64_t records = 0;            // that it would read
  uint64_t damaged_snapshots = 0;  // that it would do without
};

Verdict JudgeDirectory(FileSystem* files, const std::string& directory);

}  // namespace idem::engine

#endif  // IDEM_TOOL_JUDGE_H_
