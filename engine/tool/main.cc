#include <cstddef>
#include <iostream>

#include "tool/command.h"

int main(int argc, char** argv) {
  const std::span<const char* const> words(argv, static_cast<size_t>(argc));
  return idem::engine::RunTool(words.subspan(words.empty() ? 0 : 1),
                               {idem::FileSystem::System(), std::cout, std::cerr});
}
