// The check of Options before a store is opened.
#ifndef IDEM_STORE_OPEN_OPTIONS_H_
#define IDEM_STORE_OPEN_OPTIONS_H_

#include "absl/status/status.h"
#include "idem/options.h"

namespace idem::engine {

// kInvalidArgument names the option, its range and what was given.
absl::Status ValidateOptions(const Options& options);

}  // namespace idem::engine

#endif  // IDEM_STORE_OPEN_OPTIONS_H_
