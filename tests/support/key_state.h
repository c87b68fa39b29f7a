// An open of a log as its store sees it: of every key the newest image, whether it came from a
// snapshot or from the log behind it.
#ifndef IDEM_TESTS_SUPPORT_KEY_STATE_H_
#define IDEM_TESTS_SUPPORT_KEY_STATE_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "log/file_log.h"
#include "log/record.h"

namespace idem::engine {

using KeyState = std::map<std::string, std::string>;  // what tells of a key, by key

struct OpenedKeys {
  absl::Status status;
  std::unique_ptr<Log> log;  // if the status is OK
  KeyState keys;
};

inline std::string EncodedImage(const Image& image, Lsn) {
  std::string record;
  EncodeRecord(image, record);
  return record;
}

// `tell` makes of an image what is kept of it.
inline OpenedKeys OpenKeys(
    const Options& options,
    const std::function<std::string(const Image&, Lsn)>& tell = EncodedImage) {
  std::map<std::string, std::pair<Lsn, std::string>> newest;
  VisitorSink sink(
      [&](const Image& image, Lsn lsn) {
        auto& [newest_lsn, text] = newest[std::string(image.key)];
        if (lsn <= newest_lsn) return absl::OkStatus();
        newest_lsn = lsn;
        text = image.absent() ? std::string() : tell(image, lsn);
        return absl::OkStatus();
      },
      [&newest] { newest.clear(); });
  absl::StatusOr<OpenedLog> opened = OpenFileLog(options, sink);
  OpenedKeys result;
  result.status = opened.status();
  if (!opened.ok()) return result;
  result.log = std::move(opened->log);
  for (auto& [key, value] : newest) {
    if (!value.second.empty()) result.keys[key] = std::move(value.second);
  }
  return result;
}

}  // namespace idem::engine

#endif  // IDEM_TESTS_SUPPORT_KEY_STATE_H_
