// A small store with two snapshots and a log behind them, and what an open of its files must show
// after somebody has damaged them: a state that the store once had and that misses nothing known
// durable, or a refusal that changes nothing; never another state.
//
// Some keys are written again and again, one is removed.
#ifndef IDEM_TESTS_SUPPORT_STORE_WITH_SNAPSHOTS_H_
#define IDEM_TESTS_SUPPORT_STORE_WITH_SNAPSHOTS_H_

#include <map>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "tests/support/key_state.h"
#include "tests/support/test_log.h"

namespace idem::engine {

class StoreWithSnapshots {
 public:
  using Files = std::map<std::string, std::string>;
  enum class Opened { kRefused, kCut, kExact };

  StoreWithSnapshots() {
    TestLog log;
    MakeSmall(log);
    EXPECT_TRUE(log.Open().ok());
    for (const int upto : {6, 12}) {
      AppendSome(log, upto);
      TakeSnapshot(log);
    }
    durable_ = log.LastAppended();
    AppendSome(log, 15);
    files_ = log.Files();
    log.Kill();
  }

  const Files& files() const { return files_; }

  static void MakeSmall(TestLog& log) {
    log.options.segment_bytes = 24 << 10;
    log.options.policy.max_response_bytes = 64;
  }

  Opened Check(const Files& files) const {
    TestLog log;
    MakeSmall(log);
    log.TakeFiles(files);
    const OpenedKeys opened = OpenKeys(log.options);
    if (!opened.status.ok()) {
      EXPECT_TRUE(absl::IsDataLoss(opened.status)) << opened.status;
      EXPECT_NE(opened.status.message().find("store/"), absl::string_view::npos) << opened.status;
      EXPECT_TRUE(log.Files() == files) << "a refused open has changed a file";
      return Opened::kRefused;
    }
    const Lsn last = opened.log->committed();
    EXPECT_GE(last, durable_) << "lost without a word";
    const auto state = states_.find(last);
    EXPECT_TRUE(state != states_.end() && opened.keys == state->second)
        << "another state: " << last;
    return last == states_.rbegin()->first ? Opened::kExact : Opened::kCut;
  }

 private:
  void AppendSome(TestLog& log, int upto) {
    for (; written_ < upto; ++written_) {
      const std::string key = "key" + std::to_string(written_ % 5);
      const std::string value = "value " + std::to_string(written_);
      Image image = Register(key, value);
      if (written_ % 5 == 3) image.kind = Kind::kAny;
      log.PrepareSegment();
      const Lsn lsn = log.Append(image);
      EXPECT_NE(lsn, 0u);
      EXPECT_TRUE(log.Commit());
      live_.erase(key);
      if (!image.absent()) live_[key] = {lsn, TestLog::Encoded(image)};
      KeyState& state = states_[lsn];
      state.clear();
      for (const auto& [name, entry] : live_) state[name] = entry.second;
    }
  }

  void TakeSnapshot(TestLog& log) {
    const auto snapshot = log.log->StartSnapshot();
    EXPECT_TRUE(snapshot.ok()) << snapshot.status();
    for (const auto& [key, entry] : live_) {
      Image image;
      EXPECT_TRUE(DecodeRecord(entry.second, image).ok());
      (*snapshot)->Add(image, entry.first);
    }
    EXPECT_TRUE((*snapshot)->Seal().ok());
    while ((*snapshot)->Verify().value()) {
    }
    EXPECT_TRUE(log.log->PublishSnapshot(**snapshot).ok());
  }

  std::map<std::string, std::pair<Lsn, std::string>> live_;
  std::map<Lsn, KeyState> states_;  // as of each LSN
  int written_ = 0;
  Files files_;
  Lsn durable_ = 0;
};

}  // namespace idem::engine

#endif  // IDEM_TESTS_SUPPORT_STORE_WITH_SNAPSHOTS_H_
