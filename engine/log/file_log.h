// The log in files: opening it. FORMAT.md has the bytes, log_recovery.h the steps, log_writer.h
// what runs afterwards.
//
// What survives: in kAlways everything up to committed(); in the weaker modes the same after the
// death of the process, and everything up to synced() after a power cut. What comes back is always
// a prefix of the log's order.
#ifndef IDEM_LOG_FILE_LOG_H_
#define IDEM_LOG_FILE_LOG_H_

#include "absl/status/statusor.h"
#include "log/log.h"
#include "log/replay_sink.h"

namespace idem::engine {

// Opens the log in options.directory, making both if there is none, and gives every record to
// `sink`. An open that is refused has changed no file but LOCK. Errors beside the sink's own:
//   kAlreadyExists       in use; says by whom
//   kPermissionDenied    not allowed to read or write there
//   kResourceExhausted   no space for the next segment, or no epoch is left
//   kDataLoss            damage in what was known durable; names file and offset
//   kFailedPrecondition  written by a newer format
//   kInvalidArgument     segment_bytes cannot hold the largest record
//   kUnavailable         any other failure to read or write
//
// Beyond the contract of log.h:
//   * After kBacklogFull, WaitCommitted(committed() + 1) returns once it is worth asking again,
//     also when nothing is left to commit and only the next segment is missing. The listener is
//     called then, too.
//   * Who holds a reservation must not wait for a commit before he has released it.
//   * Release may call the listener, so it is called with no lock held, too.
//   * Reserve says kNoSpace for what does not fit into one segment; it never will.
//   * The destructor without Close leaves the files as a kill would.
absl::StatusOr<OpenedLog> OpenFileLog(const Options& options, ReplaySink& sink,
                                      const Store::OpenListener& listener = {});

}  // namespace idem::engine

#endif  // IDEM_LOG_FILE_LOG_H_
