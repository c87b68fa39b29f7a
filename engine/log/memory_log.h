// No log at all: Durability::kMemory. What is appended is committed at once and gone at close.
//
// Tokens still rise over restarts, because they start from the wall clock: milliseconds since 2025,
// << 12. That holds as long as the clock does not go back and fewer than four million tokens a
// second are handed out; 53 bits last until 2094.
//
// Thread rule: as log.h. Nothing is encoded; no lock is taken. The listener is never called.
#ifndef IDEM_LOG_MEMORY_LOG_H_
#define IDEM_LOG_MEMORY_LOG_H_

#include "log/log.h"

namespace idem::engine {

OpenedLog OpenMemoryLog(const Options& options);

}  // namespace idem::engine

#endif  // IDEM_LOG_MEMORY_LOG_H_
