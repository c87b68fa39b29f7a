// A store in its stride takes nothing from the heap: claims, finishes, replays and expiry of small
// records live on what the store has.
//
// This program counts every allocation, whoever makes it: it puts itself before the C library's
// malloc and its kin, which operator new calls, too. So it stands alone, and only where no
// sanitizer has the same idea. A failure names the frames of the first allocation, for addr2line.
#include <dlfcn.h>
#include <execinfo.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/requests.h"
#include "tests/support/test_store.h"

// NOLINTBEGIN(bugprone-reserved-identifier, readability-identifier-naming): the C library's names
extern "C" {
void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* memory, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);
}

namespace {

// One thread: the store has none of its own.
bool counting = false;
int64_t allocations = 0;
std::array<void*, 12> first_frames;
int first_frame_count = 0;

void Count() {
  if (!counting) return;
  counting = false;  // what backtrace allocates is not the store's
  if (++allocations == 1) {
    first_frame_count = backtrace(first_frames.data(), static_cast<int>(first_frames.size()));
  }
  counting = true;
}

}  // namespace

extern "C" {
void* malloc(size_t bytes) {
  Count();
  return __libc_malloc(bytes);
}
void* calloc(size_t count, size_t bytes) {
  Count();
  return __libc_calloc(count, bytes);
}
void* realloc(void* memory, size_t bytes) {
  Count();
  return __libc_realloc(memory, bytes);
}
void* memalign(size_t alignment, size_t bytes) {
  Count();
  return __libc_memalign(alignment, bytes);
}
void* aligned_alloc(size_t alignment, size_t bytes) { return memalign(alignment, bytes); }
int posix_memalign(void** memory, size_t alignment, size_t bytes) {
  *memory = memalign(alignment, bytes);
  return *memory == nullptr ? ENOMEM : 0;
}
}
// NOLINTEND(bugprone-reserved-identifier, readability-identifier-naming)

namespace idem {
namespace {

constexpr size_t kRecords = 2'000;  // of a round
constexpr int64_t kRoundMs = 500;
constexpr int64_t kLivesRounds = 4;
constexpr int kRounds = 60;

// Those in this program, as a command that names their lines.
std::string FirstFrames() {
  Dl_info self, about;
  if (dladdr(&first_frames, &self) == 0) return "";
  std::string text = absl::StrCat("\n  addr2line -Cfpie ", self.dli_fname);
  for (void* const frame : std::span(first_frames.data(), static_cast<size_t>(first_frame_count))) {
    if (dladdr(frame, &about) == 0 || about.dli_fbase != self.dli_fbase) continue;
    const auto offset = static_cast<char*>(frame) - static_cast<char*>(about.dli_fbase);
    absl::StrAppend(&text, " 0x", absl::Hex(offset - 1));
  }
  return text;
}

class SteadyStateTest : public StoreTest {
 protected:
  SteadyStateTest() {
    std::array<void*, 1> frame;
    backtrace(frame.data(), 1);  // the first call of all loads a library
    options_.policy.default_lease_ms = 100;
    options_.policy.default_retention_ms = kRoundMs * kLivesRounds;
    options_.stripes = 4;
    Open();
    for (size_t i = 0; i < 2 * kRecords; ++i) keys_.push_back(absl::StrCat("order-0000-", i));
    requests_.resize(2 * kRecords);
    replies_.resize(2 * kRecords);
  }

  // Other keys in each round.
  void NameKeys(int round, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      for (size_t digit = 0; digit < 4; ++digit) keys_[i][6 + digit] = Digit(round, digit);
      requests_[i] = engine::Ask(Op::kBegin, keys_[i]);
    }
  }
  static char Digit(int round, size_t digit) {
    for (size_t i = 3; i > digit; --i) round /= 10;
    return static_cast<char>('0' + round % 10);
  }

  // What `run` allocates.
  template <typename Run>
  int64_t Counted(Run&& run) {
    allocations = 0;
    counting = true;
    run();
    counting = false;
    return allocations;
  }
  int64_t ExecuteAll(size_t count, Outcome outcome) {
    const std::span<const Request> requests(requests_.data(), count);
    const std::span<Reply> replies(replies_.data(), count);
    const int64_t made = Counted([&] { EXPECT_EQ(store_->Execute(requests, replies), count); });
    for (size_t i = 0; i < count; ++i) EXPECT_EQ(replies_[i].outcome, outcome);
    return made;
  }

  // A round of `count` records: claimed, finished, asked for again; those of old expire.
  struct Made {
    int64_t claims = 0, finishes = 0, replays = 0, expiry = 0;
  };
  Made Round(int round, size_t count) {
    Made made;
    NameKeys(round, count);
    made.claims = ExecuteAll(count, Outcome::kClaimed);
    for (size_t i = 0; i < count; ++i) {
      requests_[i].op = Op::kComplete;
      requests_[i].token = replies_[i].token;
      requests_[i].value = "it is done";
    }
    made.finishes = ExecuteAll(count, Outcome::kOk);
    for (Request& request : requests_) request.op = Op::kBegin;
    made.replays = ExecuteAll(count, Outcome::kReplay);
    clock_.Advance(kRoundMs);
    made.expiry = Counted([this] { ExpireAll(); });
    return made;
  }

  std::vector<std::string> keys_;
  std::vector<Request> requests_;
  std::vector<Reply> replies_;
};

TEST_F(SteadyStateTest, TakesNothingFromTheHeap) {
  int round = 0;
  // With more records than will be: then what is left over is enough, however keys fall.
  while (round < 2 * kLivesRounds) Round(round++, 2 * kRecords);
  while (round < 6 * kLivesRounds) Round(round++, kRecords);
  for (const int end = round + kRounds; round < end; ++round) {
    const Made made = Round(round, kRecords);
    EXPECT_EQ(made.claims, 0) << "claims" << FirstFrames();
    EXPECT_EQ(made.finishes, 0) << "finishes" << FirstFrames();
    EXPECT_EQ(made.replays, 0) << "replays" << FirstFrames();
    EXPECT_EQ(made.expiry, 0) << "expiry" << FirstFrames();
    if (HasFailure()) return;
  }
  EXPECT_LE(store_->GetStats().records, kRecords * kLivesRounds);
}

TEST_F(SteadyStateTest, CountsWhatIsAllocated) {
  std::string text;
  EXPECT_EQ(Counted([&text] { text.resize(1'000); }), 1);
  EXPECT_NE(FirstFrames(), "");
  EXPECT_EQ(Counted([] {
              const std::vector<int> aligned_to_its_own_liking(100);
              EXPECT_EQ(aligned_to_its_own_liking.size(), 100u);
            }),
            1);
}

}  // namespace
}  // namespace idem
