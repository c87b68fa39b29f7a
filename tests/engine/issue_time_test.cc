// The time of issue that a key tells by itself.
#include "idem/issue_time.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace idem {
namespace {

// The examples of RFC 9562 (A.6) and of the ULID specification, with the times that they give.
constexpr std::string_view kUuid = "017F22E2-79B0-7CC3-98C4-DC0C0C07398F";
constexpr int64_t kUuidMs = 1'645'557'742'000;
constexpr std::string_view kUlid = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
constexpr int64_t kUlidMs = 1'469'922'850'259;

std::string With(std::string_view id, size_t at, char c) {
  std::string changed(id);
  changed[at] = c;
  return changed;
}

void ExpectNone(std::string_view key) {
  const absl::StatusOr<int64_t> time_ms = IssueTimeOf(key);
  EXPECT_TRUE(absl::IsInvalidArgument(time_ms.status())) << key;
}

TEST(IssueTime, IsThatOfTheId) {
  EXPECT_EQ(IssueTimeOf(kUuid).value(), kUuidMs);
  EXPECT_EQ(IssueTimeOf("017f22e2-79b0-7cc3-98c4-dc0c0c07398f").value(), kUuidMs);
  EXPECT_EQ(IssueTimeOf(kUlid).value(), kUlidMs);
  EXPECT_EQ(IssueTimeOf("01arz3ndektsv4rrffq69g5fav").value(), kUlidMs);
  EXPECT_EQ(IssueTimeOf("ffffffff-ffff-7000-8000-000000000000").value(), (int64_t{1} << 48) - 1);
  EXPECT_EQ(IssueTimeOf("7ZZZZZZZZZ0000000000000000").value(), (int64_t{1} << 48) - 1);
  EXPECT_EQ(IssueTimeOf("00000000-0001-7000-8000-000000000000").value(), 1);
}

TEST(IssueTime, IsToldBehindTheLastColon) {
  EXPECT_EQ(IssueTimeOf("acme:" + std::string(kUuid)).value(), kUuidMs);
  EXPECT_EQ(IssueTimeOf("acme:orders:" + std::string(kUlid)).value(), kUlidMs);
  ExpectNone(std::string(kUuid) + ":1");
  ExpectNone("acme-" + std::string(kUlid));
}

TEST(IssueTime, IsNotGuessed) {
  ExpectNone("");
  ExpectNone("order-7");
  ExpectNone("acme:");
  ExpectNone(kUuid.substr(1));
  ExpectNone(std::string(kUuid) + "0");
  ExpectNone("017F22E279B07CC398C4DC0C0C07398F");
  ExpectNone("00000000-0000-7000-8000-000000000000");  // 1970: no clock told that
  for (size_t at = 0; at < kUuid.size(); ++at) ExpectNone(With(kUuid, at, 'g'));
  for (const char version : {'1', '4', '6', '8'}) ExpectNone(With(kUuid, 14, version));
  for (const char variant : {'0', '7', 'c', 'f'}) ExpectNone(With(kUuid, 19, variant));
  for (const char variant : {'8', '9', 'a', 'B'}) {
    EXPECT_EQ(IssueTimeOf(With(kUuid, 19, variant)).value(), kUuidMs);
  }
  for (size_t at = 0; at < kUlid.size(); ++at) {
    for (const char no_digit : {'I', 'l', 'O', 'u', '-', '\0'})
      ExpectNone(With(kUlid, at, no_digit));
  }
  ExpectNone(With(kUlid, 0, '8'));  // over 48 bits
}

}  // namespace
}  // namespace idem
