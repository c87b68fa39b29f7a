// A log in a directory in memory, and a test that plays its store: it appends records, commits them
// by hand, lets the disk fail or forget, and opens the log anew.
#ifndef IDEM_TESTS_SUPPORT_TEST_LOG_H_
#define IDEM_TESTS_SUPPORT_TEST_LOG_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "idem/clock.h"
#include "idem/memory_file_system.h"
#include "idem/options.h"
#include "log/file_log.h"
#include "log/image.h"
#include "log/log.h"
#include "log/record.h"

namespace idem::engine {

// A register, the simplest image.
inline Image Register(std::string_view key, std::string_view value, Token token = 1) {
  Image image;
  image.kind = Kind::kRegister;
  image.key = key;
  image.value = value;
  image.token = token;
  return image;
}

class TestLog {
 public:
  TestLog() {
    options.directory = "store";
    options.segment_bytes = 64 << 10;
    options.backlog_bytes = 64 << 10;
    options.policy.max_response_bytes = 4096;
    options.background = Background::kManual;
    options.clock = &clock;
    options.file_system = &files;
  }

  absl::Status Open() {
    log.reset();
    recovered.clear();
    last_recovered = 0;
    from_snapshot_ = false;
    Sink sink(this);
    absl::StatusOr<OpenedLog> result = OpenFileLog(options, sink);
    if (!result.ok()) return result.status();
    opened = std::make_unique<OpenedLog>(*std::move(result));
    log = std::move(opened->log);
    return absl::OkStatus();
  }

  // Appends if the log has room; 0 if not.
  Lsn Append(std::span<const Image> images) {
    size_t bytes = 0;
    for (const Image& image : images) {
      bytes += MaxRecordBytes(image.key.size(), image.value.size());
    }
    room = log->Reserve(bytes);
    if (room != Log::Room::kGranted) return 0;
    const Lsn lsn = log->Append(images);
    log->Release(bytes);
    for (size_t i = 0; i < images.size(); ++i) {
      appended[lsn - images.size() + 1 + i] = Encoded(images[i]);
    }
    return lsn;
  }
  Lsn Append(const Image& image) { return Append({&image, 1}); }
  // A register with a value of `bytes` bytes.
  Lsn AppendSome(size_t bytes = 100) {
    return Append(Register("key" + std::to_string(appended.size()), std::string(bytes, 'v')));
  }

  // What an open has not shown is gone, and its positions will be used again.
  void ForgetTheLost() { appended.erase(appended.upper_bound(last_recovered), appended.end()); }

  bool Commit() { return log->WaitCommitted(LastAppended()).ok(); }
  Lsn LastAppended() const { return appended.empty() ? 0 : appended.rbegin()->first; }
  void StepAll(Store::StepKind kind) {
    while (log->Step(kind)) {
    }
  }
  void PrepareSegment() { log->Step(Store::StepKind::kPrepareSegment); }

  // The process is gone, and what is not on disk too. Its threads first: what they go on to open or
  // rename would reach the files of the next life.
  void PowerCut() {
    log.reset();
    files.Crash();
  }
  void Kill() {
    log.reset();
    files.Kill();
  }

  static std::string Encoded(const Image& image) {
    std::string bytes;
    EncodeRecord(image, bytes);
    return bytes;
  }

  // Every file but LOCK.
  std::map<std::string, std::string> Files() {
    std::map<std::string, std::string> contents;
    const std::vector<std::string> names =
        files.List(options.directory).value_or(std::vector<std::string>());
    for (const std::string& name : names) {
      if (name != "LOCK") contents[name] = *files.Read(options.directory + "/" + name);
    }
    return contents;
  }
  // The directory of another log, as it is on disk.
  void TakeFiles(const std::map<std::string, std::string>& contents) {
    for (const auto& [name, bytes] : contents) Damage(name, bytes);
  }
  std::vector<std::string> Segments() {
    std::vector<std::string> names;
    for (const auto& [name, contents] : Files()) {
      if (name.starts_with("wal-")) names.push_back(name);
    }
    return names;
  }
  void Damage(const std::string& name, const std::string& contents) {
    files.Overwrite(options.directory + "/" + name, contents);
  }

  FakeClock clock;
  MemoryFileSystem files;
  Options options;
  std::unique_ptr<OpenedLog> opened;  // its log is in `log`
  std::unique_ptr<Log> log;
  Log::Room room = Log::Room::kGranted;  // of the last Append
  std::map<Lsn, std::string> appended;   // over all lives
  std::map<Lsn, std::string> recovered;  // by the last Open
  Lsn last_recovered = 0;
  absl::Status visitor_status;

 private:
  // Snapshots come first, and are not looked at; behind one the log may begin anywhere.
  class Sink final : public ReplaySink {
   public:
    explicit Sink(TestLog* test)
        : test_(test),
          log_([test](const Image& image, Lsn lsn) { return test->Visit(image, lsn); }) {}
    bool Add(RecordBlock block) override {
      test_->from_snapshot_ |= block.first_lsn == 0;
      return block.first_lsn == 0 || log_.Add(std::move(block));
    }
    absl::Status Finish() override { return log_.Finish(); }
    void Clear() override { log_.Clear(); }

   private:
    TestLog* const test_;
    VisitorSink log_;
  };

  absl::Status Visit(const Image& image, Lsn lsn) {
    const bool begins = from_snapshot_ && last_recovered == 0;
    if (!begins && lsn != last_recovered + 1)
      return absl::InternalError("a hole in the log's order");
    last_recovered = lsn;
    recovered[lsn] = Encoded(image);
    return visitor_status;
  }

  bool from_snapshot_ = false;
};

// A test with one log.
class LogTest : public testing::Test {
 protected:
  void Open(Durability durability = Durability::kAlways) {
    test_.options.durability = durability;
    const absl::Status status = test_.Open();
    ASSERT_TRUE(status.ok()) << status;
    log_ = test_.log.get();
  }
  void Reopen() {
    test_.PowerCut();
    Open(test_.options.durability);
  }
  // Appends and commits until the log has gone on into its spare.
  void FillUntilRotated() {
    for (int i = 0; i < 1000 && log_->stats().spare_ready; ++i) {
      ASSERT_NE(test_.AppendSome(4000), 0u);
      ASSERT_TRUE(test_.Commit());
    }
    ASSERT_FALSE(log_->stats().spare_ready);
  }

  TestLog test_;
  Log* log_ = nullptr;
  const absl::Status broken_ = absl::UnavailableError("the disk is broken");
  const absl::Status full_ = absl::ResourceExhaustedError("no space left");
};

}  // namespace idem::engine

#endif  // IDEM_TESTS_SUPPORT_TEST_LOG_H_
