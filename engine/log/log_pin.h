// What readers of the change stream still want of the log, as the store's cursors tell.
//
// Thread rule: a value; a LogPinSource is called from any thread, with no lock of the log held.
#ifndef IDEM_LOG_LOG_PIN_H_
#define IDEM_LOG_LOG_PIN_H_

#include <cstdint>
#include <functional>
#include <limits>

#include "idem/answer.h"

namespace idem::engine {

struct LogPin {
  // Records behind it are wanted.
  Lsn upto = std::numeric_limits<Lsn>::max();
  // What tells so is durable once this is: before, a crash could want more again.
  Lsn lsn = 0;
};

using LogPinSource = std::function<LogPin()>;

}  // namespace idem::engine

#endif  // IDEM_LOG_LOG_PIN_H_
