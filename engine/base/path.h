// Paths as text; the file system is not asked.
#ifndef IDEM_BASE_PATH_H_
#define IDEM_BASE_PATH_H_

#include <string_view>

namespace idem::engine {

inline std::string_view WithoutTrailingSlashes(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  return path;
}

// "a/b" of "a/b/c", "/" of "/a", "." of "a".
inline std::string_view ParentDirectory(std::string_view path) {
  path = WithoutTrailingSlashes(path);
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return WithoutTrailingSlashes(path.substr(0, slash == 0 ? 1 : slash));
}

// "c" of "a/b/c".
inline std::string_view FileName(std::string_view path) {
  path = WithoutTrailingSlashes(path);
  return path.substr(path.rfind('/') + 1);
}

}  // namespace idem::engine

#endif  // IDEM_BASE_PATH_H_
