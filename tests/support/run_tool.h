// idem-tool in this process, over the files of a test.
#ifndef IDEM_TESTS_SUPPORT_RUN_TOOL_H_
#define IDEM_TESTS_SUPPORT_RUN_TOOL_H_

#include <initializer_list>
#include <sstream>
#include <string>

#include "idem/file_system.h"
#include "tool/command.h"

namespace idem::engine {

struct ToolRun {
  int code;
  std::string out;
  std::string errors;
};

inline ToolRun RunToolOn(FileSystem* files, std::initializer_list<const char*> words) {
  std::ostringstream out;
  std::ostringstream errors;
  const int code = RunTool({words.begin(), words.size()}, {files, out, errors});
  return {code, out.str(), errors.str()};
}

}  // namespace idem::engine

#endif  // IDEM_TESTS_SUPPORT_RUN_TOOL_H_
