// Opening a log that has snapshots: the newest whole one and the log behind it give the exact
// state, or the open is refused and has changed nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/coding.h"
#include "log/segment.h"
#include "tests/support/test_log.h"
#include "tests/support/test_size.h"
#include "tests/support/test_snapshot.h"

namespace idem::engine {
namespace {

using Files = std::map<std::string, std::string>;

// Installs if newer, as a stripe does.
class StateLog : public TestLog {
 public:
  StateLog() {
    options.segment_bytes = 24 << 10;
    options.policy.max_response_bytes = 64;
  }

  absl::Status OpenStates() {
    log.reset();
    states.clear();
    VisitorSink sink([this](const Image& image, Lsn lsn) { return Install(image, lsn); },
                     [this] { states.clear(); });
    absl::StatusOr<OpenedLog> result = OpenFileLog(options, sink);
    if (!result.ok()) return result.status();
    log = std::move(result->log);
    std::erase_if(states, [](const auto& state) { return state.second.second.empty(); });
    return absl::OkStatus();
  }

  KeyStates states;

 private:
  absl::Status Install(const Image& image, Lsn lsn) {
    auto& [known_lsn, encoded] = states[std::string(image.key)];
    if (known_lsn >= lsn) return absl::OkStatus();
    known_lsn = lsn;
    encoded = image.absent() ? "" : Encoded(image);
    return absl::OkStatus();
  }
};

// A log of several segments, and snapshots of two moments.
class LogRecoverySnapshotTest : public testing::Test {
 protected:
  void SetUp() override {
    StateLog log;
    ASSERT_TRUE(log.Open().ok());
    for (int i = 0; i < 60; ++i) {
      log.PrepareSegment();
      AppendOne(log, i);
    }
    log.PrepareSegment();
    log.PowerCut();
    records_ = log.appended;
    last_ = log.LastAppended();
    expected_ = StatesOf(records_, last_);
    files_ = log.Files();
    manifest_ = ManifestFile::Read(&log.files, "store").value();
    ASSERT_GE(manifest_.segments.size(), 6u);
    // The newest covers three closed segments and some of the next one, the older one segment less.
    newest_ = AddSnapshot(manifest_.segments[2].end.last_lsn + 2, 5);
    older_ = AddSnapshot(manifest_.segments[1].end.last_lsn + 2, 3);
    WriteManifest();
  }

  // Few keys; a third of the records are removals of one that is there.
  static void AppendOne(TestLog& log, int i) {
    const std::string key = "key" + std::to_string(i * 7 % 10);
    const std::string value(50, static_cast<char>('a' + i % 26));
    Image image = Register(key, value, static_cast<Token>(i + 1));
    if (i % 3 == 2) {
      image = Image{};
      image.key = key;
      image.token = static_cast<Token>(i + 1);
    }
    ASSERT_NE(log.Append(image), 0u);
    ASSERT_TRUE(log.Commit());
  }

  // A walk that copied some keys as they were up to `later` records after it had begun.
  ManifestSnapshot AddSnapshot(Lsn covers, Lsn later) {
    ManifestSnapshot about{.covers = covers, .highest_lsn = covers + later};
    KeyStates states = StatesOf(records_, covers);
    for (const auto& [key, state] : StatesOf(records_, covers + later)) {
      if (state.first % 2 == (covers + later) % 2) states[key] = state;
    }
    const std::string bytes = SnapshotBytes(manifest_, states, 200, &about);
    manifest_.snapshots.push_back(about);
    files_[NameOf(about)] = bytes;
    return about;
  }
  void WriteManifest() { files_["MANIFEST"] = EncodeManifest(manifest_); }
  static std::string NameOf(const ManifestSnapshot& snapshot) {
    return SnapshotPath("store", snapshot.covers).substr(6);
  }
  std::string NameOfSegment(size_t index) const {
    return SegmentPath("store", manifest_.segments[index].number).substr(6);
  }
  // As the shelf would: what the older snapshot covers whole.
  void DropCovered(Lsn covers) {
    while (manifest_.segments.front().end.last_lsn <= covers) {
      files_.erase(NameOfSegment(0));
      manifest_.segments.erase(manifest_.segments.begin());
    }
    WriteManifest();
  }

  static std::unique_ptr<StateLog> LogOf(const Files& files) {
    auto log = std::make_unique<StateLog>();
    log->TakeFiles(files);
    return log;
  }
  void ExpectState(const Files& files, uint64_t damaged_snapshots) {
    const std::unique_ptr<StateLog> log = LogOf(files);
    ASSERT_EQ(log->OpenStates(), absl::OkStatus());
    EXPECT_TRUE(log->states == expected_) << "another state";
    EXPECT_EQ(log->log->stats().damaged_snapshots, damaged_snapshots);
    EXPECT_EQ(log->log->committed(), last_);
    log->PowerCut();
    ASSERT_EQ(log->OpenStates(), absl::OkStatus());
    EXPECT_TRUE(log->states == expected_) << "once more gives another state";
    EXPECT_EQ(log->log->stats().damaged_snapshots, 0u) << "it is not named any more";
  }
  std::string Refused(const Files& files, absl::StatusCode code = absl::StatusCode::kDataLoss) {
    const std::unique_ptr<StateLog> log = LogOf(files);
    const absl::Status status = log->OpenStates();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_TRUE(log->Files() == files) << "a refused open has changed a file";
    return std::string(status.message());
  }

  std::map<Lsn, std::string> records_;
  KeyStates expected_;
  Lsn last_ = 0;
  Manifest manifest_;
  ManifestSnapshot newest_, older_;
  Files files_;
};

TEST_F(LogRecoverySnapshotTest, LoadsTheNewestAndTheLogBehindIt) {
  ASSERT_GT(expected_.size(), 3u);
  ExpectState(files_, 0);
  DropCovered(older_.covers);
  ExpectState(files_, 0);
}

TEST_F(LogRecoverySnapshotTest, DoesNotReadWhatTheSnapshotCovers) {
  files_[NameOf(older_)] = "not needed";
  for (size_t i = 0; i < 3; ++i) files_[NameOfSegment(i)] = "not needed";
  ExpectState(files_, 0);
  files_[NameOfSegment(3)][kBlockBytes + 80] ^= 1;
  EXPECT_THAT(Refused(files_), testing::HasSubstr(NameOfSegment(3) + ": offset 4096"));
}

TEST_F(LogRecoverySnapshotTest, AnyDamageOfTheNewestIsHarmless) {
  DropCovered(older_.covers);
  const std::string whole = files_[NameOf(newest_)];
  const size_t stride = static_cast<size_t>(20 / TestSize(20));
  for (size_t at = 0; at < whole.size(); at += at < 400 || at >= kBlockBytes ? stride : 97) {
    SCOPED_TRACE("byte " + std::to_string(at));
    Files files = files_;
    std::string& bytes = files[NameOf(newest_)];
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    if (at >= 16 && at < 24) continue;  // format version and features: see below
    ExpectState(files, 1);
    bytes = whole.substr(0, at);
    ExpectState(files, 1);
    if (HasFailure()) return;
  }
  Files files = files_;
  files[NameOf(newest_)] = whole + '\0';
  ExpectState(files, 1);
  files[NameOf(newest_)] = files[NameOf(older_)];
  ExpectState(files, 1);
  files.erase(NameOf(newest_));
  ExpectState(files, 1);
}

// Its hashes are right, but no version writes such a record.
TEST_F(LogRecoverySnapshotTest, ARecordThatCannotBeDecodedIsDamage) {
  KeyStates states = expected_;
  states.begin()->second.second[4] = 9;
  files_[NameOf(newest_)] = SnapshotBytes(manifest_, states, 200, &manifest_.snapshots[0]);
  WriteManifest();
  ExpectState(files_, 1);
}

TEST_F(LogRecoverySnapshotTest, TheSnapshotOfAnotherStoreIsDamage) {
  Manifest other = manifest_;
  other.store_id[3] ^= 1;
  files_[NameOf(newest_)] = SnapshotBytes(other, expected_, 200, &manifest_.snapshots[0]);
  WriteManifest();
  ExpectState(files_, 1);
}

TEST_F(LogRecoverySnapshotTest, WithoutAWholeSnapshotTheLogMustReachBack) {
  for (const ManifestSnapshot& snapshot : {newest_, older_}) {
    files_[NameOf(snapshot)][kBlockBytes + 10] ^= 1;
  }
  ExpectState(files_, 2);
  DropCovered(older_.covers);
  EXPECT_THAT(Refused(files_), testing::HasSubstr(NameOf(newest_) + ": offset 4096: "));
  // Unless all that was dropped had expired.
  manifest_.forgotten_lsn = manifest_.segments[0].end.last_lsn;
  manifest_.segments.erase(manifest_.segments.begin());
  WriteManifest();
  EXPECT_EQ(LogOf(files_)->OpenStates(), absl::OkStatus());
}

TEST_F(LogRecoverySnapshotTest, ALogThatDoesNotReachBackToItsSnapshotIsRot) {
  const size_t first_needed = 3;
  for (size_t i = 0; i <= first_needed; ++i) files_.erase(NameOfSegment(i));
  manifest_.segments.erase(manifest_.segments.begin(),
                           manifest_.segments.begin() + first_needed + 1);
  WriteManifest();
  EXPECT_THAT(Refused(files_), testing::HasSubstr(NameOfSegment(0) + ": offset 0: the log begins"));
}

// What a snapshot has copied was durable before it was published.
TEST_F(LogRecoverySnapshotTest, ALogThatEndsBeforeWhatItsSnapshotHoldsIsRot) {
  manifest_.durable_lsn = 0;
  files_.erase(NameOf(newest_));
  for (const Lsn highest_lsn : {last_, last_ + 1}) {
    ManifestSnapshot& about = manifest_.snapshots[0];
    about.highest_lsn = highest_lsn;
    files_[NameOf(about)] = SnapshotBytes(manifest_, expected_, 200, &about);
    WriteManifest();
    if (highest_lsn == last_) {
      ExpectState(files_, 0);
    } else {
      EXPECT_THAT(Refused(files_), testing::HasSubstr(NameOf(about)));
    }
  }
}

TEST_F(LogRecoverySnapshotTest, RefusesASnapshotOfANewerFormat) {
  std::string& bytes = files_[NameOf(newest_)];
  StoreAt(bytes.data() + 16, uint16_t{2});
  StoreAt(bytes.data() + 8, Checksum(Load<uint64_t>(bytes.data() + 56),
                                     std::string_view(bytes).substr(16, kBlockBytes - 16)));
  EXPECT_THAT(Refused(files_, absl::StatusCode::kFailedPrecondition), testing::HasSubstr("snap-"));
}

// With the newest snapshot whole, and with it damaged.
TEST_F(LogRecoverySnapshotTest, SurvivesAFailureOrACrashAtEveryCall) {
  DropCovered(older_.covers);
  Files damaged = files_;
  damaged[NameOf(newest_)][kBlockBytes + 50] ^= 1;
  const absl::Status broken = absl::UnavailableError("the disk is broken");
  const int64_t stride = TestSize(20) == 20 ? 1 : 7;
  for (const Files* files : std::initializer_list<const Files*>{&files_, &damaged}) {
    for (const bool keep_failing : {false, true}) {
      for (int64_t nth = 1; nth <= 60; nth += stride) {
        SCOPED_TRACE("call " + std::to_string(nth));
        const std::unique_ptr<StateLog> log = LogOf(*files);
        log->files.FailCall(nth, broken, keep_failing);
        const absl::Status status = log->OpenStates();
        log->files.FailCall(0, broken);
        ASSERT_TRUE(!status.ok() || log->states == expected_);
        nth % 2 == 0 ? log->PowerCut() : log->Kill();
        ASSERT_EQ(log->OpenStates(), absl::OkStatus());
        ASSERT_TRUE(log->states == expected_);
      }
    }
  }
}

}  // namespace
}  // namespace idem::engine
