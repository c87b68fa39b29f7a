// Commands and replies as bytes, for tests that compare them.
#ifndef IDEM_TESTS_SERVER_ENCODE_H_
#define IDEM_TESTS_SERVER_ENCODE_H_

#include <string>
#include <string_view>
#include <vector>

namespace idem::server {

using Words = std::vector<std::string>;

// A command as clients send it.
inline std::string Encode(const Words& words) {
  std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) {
    bytes += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  return bytes;
}

inline std::string Bulk(std::string_view bytes) {
  return "$" + std::to_string(bytes.size()) + "\r\n" + std::string(bytes) + "\r\n";
}

}  // namespace idem::server

#endif  // IDEM_TESTS_SERVER_ENCODE_H_
