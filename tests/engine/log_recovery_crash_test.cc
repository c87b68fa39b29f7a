// A log whose disk fails or whose process dies at any call to its files, also while it recovers.
//
// What must hold afterwards: everything acknowledged or shown is there, what is there is a prefix
// of the log's order, no token is granted twice, store time does not go back.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <random>
#include <string>

#include "base/body.h"
#include "tests/support/seeds.h"
#include "tests/support/test_log.h"
#include "tests/support/test_size.h"

namespace idem::engine {
namespace {

using Files = std::map<std::string, std::string>;
using StepKind = Store::StepKind;

enum class Death { kPowerCut, kKill };

class CrashingLog : public TestLog {
 public:
  explicit CrashingLog(Durability durability) {
    options.durability = durability;
    options.segment_bytes = 20 << 10;
    options.policy.max_response_bytes = 4096;
    options.sync_interval_ms = 100;
  }

  // One life: opens and works until the log fails, or to the end. Every choice is `choose(n)`.
  template <typename Choose>
  void Live(int steps, const Choose& choose) {
    if (!OpenAndCheck()) return;
    for (int i = 0; i < steps && log->status().ok(); ++i) {
      DoOne(choose(8));
      Note();
    }
    if (choose(2) == 0) log->Close().IgnoreError();
    Note();
  }

  // After a kill a power cut may follow before anybody has looked.
  void Die(Death death) {
    if (death == Death::kPowerCut) committed = synced;
    must_have = std::max(shown, committed);
    death == Death::kKill ? Kill() : PowerCut();
  }

  // False: the open failed, as it may while the disk does.
  bool OpenAndCheck() {
    open_status = Open();
    if (!open_status.ok()) return false;
    EXPECT_GE(last_recovered, must_have) << "acknowledged, and lost";
    ForgetTheLost();
    EXPECT_TRUE(recovered == appended) << "not what was appended";
    EXPECT_GT(opened->tokens.first, tokens_limit) << "a token can come twice";
    EXPECT_GT(opened->clock.opened_ms(), store_ms) << "time goes back";
    tokens_limit = opened->tokens.limit;
    shown = must_have = committed = synced = last_recovered;
    store_ms = opened->clock.opened_ms() - 1;
    appended_ms = {{0, store_ms}};
    return true;
  }

  absl::Status open_status;
  Lsn committed = 0;
  Lsn synced = 0;
  Lsn shown = 0;  // by an open
  Lsn must_have = 0;
  Token tokens_limit = 0;
  int64_t store_ms = 0;  // at which something that is synced was appended
  std::map<Lsn, int64_t> appended_ms;

 private:
  void DoOne(uint64_t what) {
    switch (what) {
      case 0:
      case 1:
        AppendSome(50 + 37 * (appended.size() % 7));
        break;
      case 2:
        Append(std::vector<Image>{Register("a", "1"), Register("b", "2"), Register("c", "3")});
        break;
      case 3:
        AppendShared();
        break;
      case 4:
      case 5:
        log->WaitCommitted(LastAppended()).IgnoreError();
        break;
      case 6:
        clock.Advance(60);
        log->Step(StepKind::kCommit);
        break;
      case 7:
        log->Step(StepKind::kPrepareSegment);
        if (appended.size() % 5 == 0) RaiseEpoch();
        break;
    }
  }
  void AppendShared() {
    const BodyRef body(Body::New(std::string(4096, 'b')));
    Image image = Register("shared", body.get()->bytes());
    image.value_body = body.get();
    Append(image);
  }
  void RaiseEpoch() {
    const absl::StatusOr<TokenRange> range = log->RaiseEpoch();
    if (!range.ok()) return;
    EXPECT_GE(range->first, tokens_limit);
    tokens_limit = range->limit;
  }
  void Note() {
    EXPECT_GE(log->committed(), committed);
    EXPECT_GE(log->synced(), synced);
    EXPECT_TRUE(options.durability != Durability::kAlways || log->synced() == log->committed());
    appended_ms.emplace(LastAppended(), opened->clock.NowMs());
    if (log->synced() > synced) {
      store_ms = std::max(store_ms, std::prev(appended_ms.upper_bound(log->synced()))->second);
    }
    committed = log->committed();
    synced = log->synced();
  }
};

// The same choices in every run, all kinds among them.
class Steady {
 public:
  uint64_t operator()(uint64_t n) const {
    static constexpr uint64_t kChoices[] = {7, 0, 4, 1, 2, 5, 3, 4, 6, 1,
                                            4, 0, 3, 5, 7, 2, 4, 6, 6};
    return kChoices[next_++ % std::size(kChoices)] % n;
  }

 private:
  mutable size_t next_ = 0;
};

constexpr int kSteps = 60;

// Runs `check` on the world after a life in which the n-th call failed, for n = 1 .. all.
template <typename Check>
void ForEachFailingCall(Durability durability, const absl::Status& error, bool keep_failing,
                        const Check& check) {
  const int64_t stride = TestSize(20) == 20 ? 1 : 11;
  for (int64_t nth = 1;; nth += stride) {
    SCOPED_TRACE("call " + std::to_string(nth));
    CrashingLog world(durability);
    world.files.FailCall(nth, error, keep_failing);
    world.Live(kSteps, Steady());
    const bool failed = world.files.calls() >= nth;
    world.files.FailCall(0, error);
    check(world);
    if (!failed || testing::Test::HasFailure()) {
      EXPECT_GT(nth, 50);
      return;
    }
  }
}

void ExpectSurvivesEveryFailure(Durability durability) {
  const absl::Status broken = absl::UnavailableError("the disk is broken");
  const absl::Status full = absl::ResourceExhaustedError("no space left");
  for (const absl::Status& error : {broken, full}) {
    for (const bool keep_failing : {false, true}) {
      for (const Death death : {Death::kPowerCut, Death::kKill}) {
        SCOPED_TRACE(std::string(error.message()) + (keep_failing ? ", for ever" : ", once") +
                     (death == Death::kKill ? ", then killed" : ", then a power cut"));
        ForEachFailingCall(durability, error, keep_failing, [death](CrashingLog& world) {
          world.Die(death);
          ASSERT_TRUE(world.OpenAndCheck()) << world.open_status;
          world.Live(10, Steady());
          world.Die(Death::kPowerCut);
          ASSERT_TRUE(world.OpenAndCheck()) << world.open_status;
        });
      }
    }
  }
}

TEST(LogRecoveryCrashTest, SurvivesEveryFailureInAlways) {
  ExpectSurvivesEveryFailure(Durability::kAlways);
}
TEST(LogRecoveryCrashTest, SurvivesEveryFailureInInterval) {
  ExpectSurvivesEveryFailure(Durability::kInterval);
}
TEST(LogRecoveryCrashTest, SurvivesEveryFailureInOs) {
  ExpectSurvivesEveryFailure(Durability::kOs);
}

// Dies at every call of a recovery, and again at every call of the next one.
TEST(LogRecoveryCrashTest, SurvivesACrashAtEveryCallOfARecovery) {
  const absl::Status broken = absl::UnavailableError("the disk is broken");
  const int64_t stride = TestSize(20) == 20 ? 1 : 7;
  for (const Death death : {Death::kPowerCut, Death::kKill}) {
    CrashingLog first(Durability::kOs);
    first.Live(kSteps, [choose = Steady()](uint64_t n) { return n == 2 ? 1 : choose(n); });
    first.Die(Death::kKill);
    const Files files = first.Files();
    for (int64_t nth = 1; nth <= 40; nth += stride) {
      CrashingLog second(Durability::kOs);
      second.TakeFiles(files);
      second.appended = first.appended;
      second.must_have = first.must_have;
      for (int64_t mth = 0; mth <= 40; mth += stride) {
        SCOPED_TRACE(std::to_string(nth) + ", then " + std::to_string(mth));
        second.files.FailCall(mth == 0 ? nth : mth, broken, /*keep_failing=*/true);
        second.OpenAndCheck();
        second.files.FailCall(0, broken);
        second.Die(death);
      }
      ASSERT_TRUE(second.OpenAndCheck()) << second.open_status;
      const Lsn last = second.last_recovered;
      second.Die(death);
      ASSERT_TRUE(second.OpenAndCheck()) << second.open_status;
      EXPECT_EQ(second.last_recovered, last) << "once more gives the same";
    }
  }
}

// --- a power cut that leaves some of what was not synced

// Any sectors of `seen` instead of those `on_disk`; in some blocks that differ the write was torn,
// and nothing of them can be read.
std::string MixSectors(const std::string& seen, const std::string& on_disk,
                       std::mt19937_64& random) {
  constexpr size_t kSectorBytes = 512;
  constexpr size_t kDeviceBlockBytes = 4096;
  std::string mixed = random() % 2 == 0 ? seen : on_disk;
  const size_t common = std::min(seen.size(), on_disk.size());
  for (size_t at = 0; at < common; at += kSectorBytes) {
    mixed.replace(at, kSectorBytes, random() % 2 == 0 ? seen : on_disk, at, kSectorBytes);
  }
  for (size_t at = 0; at < common; at += kDeviceBlockBytes) {
    if (seen.compare(at, kDeviceBlockBytes, on_disk, at, kDeviceBlockBytes) == 0) continue;
    if (random() % 4 != 0) continue;
    for (size_t i = at; i < std::min(at + kDeviceBlockBytes, common); ++i) {
      mixed[i] = static_cast<char>(random());
    }
  }
  return mixed;
}

// MANIFEST comes by a rename: it is the old one or the new one. Of a file whose entry is new there
// is all or nothing.
void CutPowerAnyhow(CrashingLog& world, std::mt19937_64& random) {
  const Files seen = world.Files();
  world.Die(Death::kPowerCut);
  const Files on_disk = world.Files();
  for (const auto& [name, contents] : seen) {
    const auto old = on_disk.find(name);
    if (old != on_disk.end() && name != "MANIFEST") {
      world.Damage(name, MixSectors(contents, old->second, random));
    } else if (random() % 2 == 0) {
      world.Damage(name, contents);
    }
  }
}

TEST(LogRecoveryCrashTest, SurvivesAnyMixtureOfOldAndNewSectors) {
  RunSeeds(TestSize(1500), [](uint64_t seed) {
    std::mt19937_64 random(seed);
    static constexpr Durability kModes[] = {Durability::kAlways, Durability::kInterval,
                                            Durability::kOs};
    CrashingLog world(kModes[random() % 3]);
    const absl::Status broken = absl::UnavailableError("the disk is broken");
    for (int life = 0; life < 6 && !testing::Test::HasFailure(); ++life) {
      if (random() % 4 != 0) {
        world.files.FailCall(static_cast<int64_t>(1 + random() % 60), broken, random() % 2 == 0);
      }
      world.Live(static_cast<int>(random() % 40), [&](uint64_t n) { return random() % n; });
      world.files.FailCall(0, broken);
      random() % 4 == 0 ? world.Die(Death::kKill) : CutPowerAnyhow(world, random);
      ASSERT_TRUE(random() % 4 == 0 || world.OpenAndCheck()) << world.open_status;
    }
  });
}

}  // namespace
}  // namespace idem::engine
