// What a directory holds, as text: a line of JSON for each key, as `idem-tool dump` prints it, so
// that builds of years can be compared.
#ifndef IDEM_TESTS_SUPPORT_GOLDEN_STATE_H_
#define IDEM_TESTS_SUPPORT_GOLDEN_STATE_H_

#include <map>
#include <string>

#include "tests/support/key_state.h"
#include "tests/support/test_log.h"
#include "tool/record_json.h"

namespace idem::engine {

// Contents by name. Or "refused: " and why.
inline std::string StateText(const std::map<std::string, std::string>& files) {
  TestLog log;
  log.TakeFiles(files);
  const OpenedKeys opened = OpenKeys(log.options, [](const Image& image, Lsn lsn) {
    return RecordJson(image, {lsn, ""}, /*with_value=*/true) + "\n";
  });
  if (!opened.status.ok()) return "refused: " + std::string(opened.status.message()) + "\n";
  std::string text;
  for (const auto& [key, line] : opened.keys) text += line;
  return text;
}

}  // namespace idem::engine

#endif  // IDEM_TESTS_SUPPORT_GOLDEN_STATE_H_
