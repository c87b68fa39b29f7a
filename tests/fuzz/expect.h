// What a fuzz target asserts: libFuzzer takes the abort for a find and keeps the input.
#ifndef IDEM_TESTS_FUZZ_EXPECT_H_
#define IDEM_TESTS_FUZZ_EXPECT_H_

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace idem {

inline void Expect(bool holds, std::string_view promise) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", std::string(promise).c_str());
  std::abort();
}

inline void ExpectEqual(std::string_view got, std::string_view wanted, std::string_view promise) {
  if (got == wanted) return;
  std::fprintf(stderr, "wanted: %s\ngot:    %s\n", std::string(wanted).c_str(),
               std::string(got).c_str());
  Expect(false, promise);
}

}  // namespace idem

#endif  // IDEM_TESTS_FUZZ_EXPECT_H_
