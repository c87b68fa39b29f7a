// Store::BeginMany answers as so many calls of Begin would, and waits for all of them.
#include <array>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "idem/memory_file_system.h"
#include "idem/store.h"
#include "tests/support/test_store.h"

namespace idem {
namespace {

class StoreBeginManyTest : public StoreTest {
 protected:
  std::vector<absl::StatusOr<Answer>> BeginMany(const std::vector<BeginCall>& calls) {
    std::vector<absl::StatusOr<Answer>> answers(calls.size());
    store_->BeginMany(calls, answers);
    return answers;
  }
  template <typename Kind>
  static bool Is(const absl::StatusOr<Answer>& answer) {
    return answer.ok() && std::holds_alternative<Kind>(*answer);
  }
};

TEST_F(StoreBeginManyTest, AnswersEachInItsPlace) {
  Open();
  const Fingerprint card = store_->FingerprintOf({"card 42"});
  ASSERT_TRUE(BeginClaim("done", {}, card).Complete("receipt", {.code = 201}).ok());
  const Claim running = BeginClaim("running");
  const auto answers = BeginMany({{.key = "new", .fingerprint = card},
                                  {.key = "done", .fingerprint = card},
                                  {.key = "done"},
                                  {.key = ""},
                                  {.key = "running"},
                                  {.key = "new", .fingerprint = card}});
  EXPECT_TRUE(Is<Claim>(answers[0]));
  ASSERT_TRUE(Is<Replay>(answers[1]));
  EXPECT_EQ(std::get<Replay>(*answers[1]).response.bytes(), "receipt");
  EXPECT_EQ(std::get<Replay>(*answers[1]).code, 201);
  EXPECT_TRUE(Is<Mismatch>(answers[2]));
  EXPECT_EQ(answers[3].status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(Is<Busy>(answers[4]));
  EXPECT_TRUE(Is<Busy>(answers[5])) << "of one key the first of the calls has it";
}

TEST_F(StoreBeginManyTest, TakesAnyNumber) {
  Open();
  for (const size_t count : {0u, 1u, 15u, 16u, 17u, 63u, 64u, 65u, 200u}) {
    std::vector<std::string> keys;
    for (size_t i = 0; i < count; ++i) keys.push_back(std::to_string(count * 1000 + i));
    std::vector<BeginCall> calls;
    for (const std::string& key : keys) calls.push_back({.key = key});
    for (size_t i = 0; auto& answer : BeginMany(calls)) {
      ASSERT_TRUE(Is<Claim>(answer)) << count;
      const Claim& claim = std::get<Claim>(*answer);
      EXPECT_EQ(claim.key(), keys[i++]);
    }
    for (const auto& answer : BeginMany(calls)) EXPECT_TRUE(Is<Busy>(answer)) << count;
  }
}

TEST_F(StoreBeginManyTest, ReturnsWhenAllIsCommitted) {
  MemoryFileSystem files;
  options_.durability = Durability::kAlways;
  options_.directory = "/store";
  options_.file_system = &files;
  Open();
  EXPECT_TRUE(Is<Claim>(BeginMany({{.key = "a"}, {.key = "b"}})[1]));
  EXPECT_EQ(store_->synced(), 2u);
  files.Crash();
  files.FailCall(1, absl::UnavailableError("no power"), /*keep_failing=*/true);
  store_.reset();
  files.FailCall(0, absl::OkStatus());
  Open();
  for (const auto& answer : BeginMany({{.key = "a"}, {.key = "b"}})) EXPECT_TRUE(Is<Busy>(answer));
  store_.reset();
}

TEST_F(StoreBeginManyTest, KeysOfManyStripesWithLargeAndSmallAnswers) {
  Open();
  const std::string large(100'000, 'r');
  std::vector<std::string> keys;
  for (int i = 0; i < 100; ++i) keys.push_back("key-" + std::to_string(i));
  for (size_t i = 0; i < keys.size(); ++i) {
    ASSERT_TRUE(BeginClaim(keys[i]).Complete(i % 2 == 0 ? large : "small").ok());
  }
  std::vector<BeginCall> calls;
  for (const std::string& key : keys) calls.push_back({.key = key});
  const auto answers = BeginMany(calls);
  for (size_t i = 0; i < keys.size(); ++i) {
    ASSERT_TRUE(Is<Replay>(answers[i]));
    EXPECT_EQ(std::get<Replay>(*answers[i]).response.bytes(), i % 2 == 0 ? large : "small");
  }
}

}  // namespace
}  // namespace idem
