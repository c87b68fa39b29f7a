// Places where one test build can be told to be wrong, so that the tests can be tested: each bug
// that somebody could write there must be caught (tests/seeded_bugs_test.py).
//
//   if (IDEM_BUG(manifest_directory_not_synced)) return absl::OkStatus();
//
// Everywhere but in that build it is the constant false. There the environment names the one bug
// that is on: IDEM_SEEDED_BUG=manifest_directory_not_synced.
//
// Thread rule: any thread.
#ifndef IDEM_BASE_SEEDED_BUG_H_
#define IDEM_BASE_SEEDED_BUG_H_

#ifdef IDEM_SEEDED_BUGS

#include <cstdlib>
#include <string_view>

namespace idem::engine {

inline bool SeededBugIsOn(std::string_view name) {
  static const char* const chosen = std::getenv("IDEM_SEEDED_BUG");
  return chosen != nullptr && name == chosen;
}

}  // namespace idem::engine

#define IDEM_BUG(name) (::idem::engine::SeededBugIsOn(#name))

#else

#define IDEM_BUG(name) false

#endif

#endif  // IDEM_BASE_SEEDED_BUG_H_
