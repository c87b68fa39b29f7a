// IDEM_CHECK(condition): the program stops when an invariant does not hold. Stays on in release
// builds: a store that goes on with a broken structure would answer wrongly. For mistakes in Idem's
// own code only; whatever a caller, a client or a disk can cause is an error status.
#ifndef IDEM_BASE_CHECK_H_
#define IDEM_BASE_CHECK_H_

#include <cstdio>
#include <cstdlib>

namespace idem::engine {

[[noreturn, gnu::cold, gnu::noinline]] inline void CheckFailed(const char* file, int line,
                                                               const char* condition) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace idem::engine

#define IDEM_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::idem::engine::CheckFailed(__FILE__, __LINE__, #condition))

#endif  // IDEM_BASE_CHECK_H_
