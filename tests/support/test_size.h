// How much work a randomised or exhaustive test does: all of it in a plain build, a fixed part
// under a sanitizer, where the same instruction costs ten times as much.
#ifndef IDEM_TESTS_SUPPORT_TEST_SIZE_H_
#define IDEM_TESTS_SUPPORT_TEST_SIZE_H_

#include <algorithm>
#include <cstdint>

namespace idem {

inline int64_t TestSize(int64_t full) {
  return std::max<int64_t>(1, full / IDEM_TEST_SIZE_DIVISOR);
}

}  // namespace idem

#endif  // IDEM_TESTS_SUPPORT_TEST_SIZE_H_
