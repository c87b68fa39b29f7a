// A record as one line of JSON.
//
// A key or value is any bytes, a JSON string is text: every byte that is not printable ASCII is
// written \u00XX. So one character stands for one byte (decode as Latin-1).
#ifndef IDEM_TOOL_RECORD_JSON_H_
#define IDEM_TOOL_RECORD_JSON_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "log/image.h"

namespace idem::engine {

std::string JsonString(std::string_view bytes);  // with its quotes

struct RecordPlace {
  Lsn lsn = 0;
  std::string_view file;  // name, without directory
};

// Without a newline. Values only if asked for: they are the users' data.
std::string RecordJson(const Image& image, const RecordPlace& place, bool with_value);

}  // namespace idem::engine

#endif  // IDEM_TOOL_RECORD_JSON_H_
