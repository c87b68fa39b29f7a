// Policies by namespace through the public calls: which keys they hold for, what a full quota
// refuses and what it does not, and what is counted over every way an entry comes and goes.
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "idem/store.h"
#include "tests/support/requests.h"
#include "tests/support/test_store.h"

namespace idem {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

constexpr int64_t kLeaseMs = 1'000;
constexpr int64_t kRetentionMs = 60'000;

class StoreNamespacesTest : public StoreTest {
 protected:
  StoreNamespacesTest() {
    UseDisk(Durability::kAlways);
    options_.policy.max_response_bytes = 4096;
    options_.segment_bytes = 1 << 20;
    options_.restart_grace_ms = 0;
    options_.namespaces = {{.name = "orders", .policy = {.max_response_bytes = 4096}},
                           {.name = "mail", .policy = {.max_response_bytes = 4096}}};
    Policy& policy = orders().policy;
    policy.default_lease_ms = kLeaseMs;
    policy.default_retention_ms = kRetentionMs;
  }

  NamespaceOptions& orders() { return options_.namespaces[0]; }
  NamespaceStats Counted(std::string_view name = "orders") {
    for (NamespaceStats& space : store_->GetStats().namespaces) {
      if (space.name == name) return space;
    }
    ADD_FAILURE() << "no namespace " << name;
    return {};
  }
  uint64_t Entries() { return Counted().entries; }
  absl::Status BeginStatus(std::string_view key) { return store_->Begin(key, {}).status(); }
  void ExpectFull(const absl::Status& status) {
    EXPECT_EQ(status.code(), StatusCode::kResourceExhausted) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("max_entries"));
  }
  void Complete(std::string_view key, std::string_view response = "done") {
    ASSERT_TRUE(BeginClaim(key).Complete(response).ok()) << key;
  }
};

TEST_F(StoreNamespacesTest, ANameEndsBeforeTheFirstColon) {
  Open();
  for (const std::string_view key : {"orders:1", "orders:", "orders::", "orders:a:b"}) {
    EXPECT_EQ(BeginClaim(key).lease_ms(), kLeaseMs) << key;
  }
  for (const std::string_view key : {"orders", "order:1", "ordersx:1", "x:orders:1", ":orders:1",
                                     "Orders:1", "mail:orders:1", "1"}) {
    EXPECT_EQ(BeginClaim(key).lease_ms(), 30'000) << key;
  }
  EXPECT_EQ(Entries(), 4u);
  EXPECT_EQ(Counted("mail").entries, 1u);
}

TEST_F(StoreNamespacesTest, WhatARequestDoesNotNameIsAsThePolicySays) {
  orders().policy.max_response_bytes = 100;
  orders().policy.max_steps = 1;
  Open();
  Claim claim = BeginClaim("orders:1");
  EXPECT_TRUE(claim.Step("charge").ok());
  EXPECT_EQ(claim.Step("mail").code(), StatusCode::kInvalidArgument);
  ASSERT_TRUE(claim.Complete(std::string(101, 'x')).ok());
  const auto replay = Begin<Replay>("orders:1");
  EXPECT_TRUE(replay.response_omitted);
  EXPECT_EQ(replay.ttl_ms, kRetentionMs);
  EXPECT_EQ(BeginClaim("orders:2", {.lease_ms = 7}).lease_ms(), 7) << "what it names counts";
  Complete("mail:1", std::string(101, 'x'));
  EXPECT_EQ(Begin<Replay>("mail:1").response.size(), 101u);
  EXPECT_EQ(store_->Seen("orders:id").value(), true);
  clock_.Advance(kRetentionMs);
  EXPECT_EQ(store_->Seen("orders:id").value(), true);
}

TEST_F(StoreNamespacesTest, ClaimsMayAllBeHeld) {
  orders().policy.hold = true;
  Open();
  ClaimAndCrash("orders:1");
  ClaimAndCrash("mail:1", {.lease_ms = kLeaseMs});
  clock_.Advance(kLeaseMs);
  EXPECT_EQ(Begin<Busy>("orders:1").reason, Busy::Reason::kHeld);
  EXPECT_EQ(BeginClaim("mail:1").attempt(), 2u);
}

TEST_F(StoreNamespacesTest, AFingerprintMayBeRequired) {
  orders().policy.fingerprint_required = true;
  Open();
  const absl::Status refused = BeginStatus("orders:1");
  EXPECT_EQ(refused.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("fingerprint"));
  EXPECT_TRUE(store_->Begin("orders:1", store_->FingerprintOf({"body"})).ok());
  EXPECT_TRUE(BeginStatus("mail:1").ok());
}

TEST_F(StoreNamespacesTest, AFullQuotaRefusesNewEntriesOfThatNamespaceAlone) {
  orders().max_entries = 3;
  Open();
  Claim running = BeginClaim("orders:1");
  Complete("orders:2");
  EXPECT_EQ(store_->Seen("orders:3").value(), true);
  ExpectFull(BeginStatus("orders:4"));
  ExpectFull(store_->Seen("orders:5").status());
  ExpectFull(store_->Seq("orders:6", 0, 0).status());
  ExpectFull(store_->Cas("orders:7", 0, "v").status());
  EXPECT_TRUE(BeginStatus("mail:4").ok());
  EXPECT_TRUE(BeginStatus("4").ok());

  EXPECT_EQ(Begin<Replay>("orders:2").response.bytes(), "done") << "what is there is answered";
  EXPECT_EQ(store_->Seen("orders:3").value(), false);
  EXPECT_TRUE(running.Complete(std::string(4000, 'x')).ok()) << "who runs may finish";
  EXPECT_EQ(Begin<Replay>("orders:1").response.size(), 4000u);
  const NamespaceStats counted = Counted();
  EXPECT_EQ(counted.entries, 3u);
  EXPECT_EQ(counted.max_entries, 3u);
  EXPECT_EQ(counted.claims, 2u);
  EXPECT_EQ(counted.finishes, 2u);
  EXPECT_EQ(counted.replays, 2u);
  EXPECT_EQ(counted.duplicates, 1u);
  EXPECT_EQ(counted.refused_for_quota, 4u);
  EXPECT_EQ(store_->GetStats().refused_for_quota, 4u);

  ASSERT_TRUE(store_->Forget("orders:2").ok());
  EXPECT_TRUE(BeginStatus("orders:4").ok()) << "there is room again";
  ExpectFull(BeginStatus("orders:5"));
}

TEST_F(StoreNamespacesTest, ATakeoverIsNoNewEntry) {
  orders().max_entries = 1;
  Open();
  ClaimAndCrash("orders:1");
  clock_.Advance(kLeaseMs);
  EXPECT_EQ(BeginClaim("orders:1").attempt(), 2u);
}

TEST_F(StoreNamespacesTest, AQuotaOfBytesStopsWhatGrows) {
  orders().max_bytes = 4000;
  Open();
  const CasAnswer first = store_->Cas("orders:r", 0, std::string(3000, 'x')).value();
  EXPECT_LT(Counted().bytes, 4000u);
  EXPECT_TRUE(BeginStatus("orders:1").ok());
  const CasAnswer second =
      store_->Cas("orders:r", first.now.version, std::string(4000, 'x')).value();
  EXPECT_GE(Counted().bytes, 4000u);
  ExpectFull(BeginStatus("orders:2"));
  ExpectFull(store_->Cas("orders:r", second.now.version, std::string(4001, 'x')).status());
  EXPECT_TRUE(store_->Cas("orders:r", second.now.version, "short").ok());
  EXPECT_TRUE(BeginStatus("orders:2").ok());
}

TEST_F(StoreNamespacesTest, WhatExpiresMakesRoom) {
  orders().max_entries = 2;
  Open();
  Complete("orders:1");
  Complete("orders:2");
  clock_.Advance(2 * kRetentionMs);
  ExpireAll();
  EXPECT_EQ(Entries(), 0u);
  EXPECT_EQ(Counted().bytes, 0u);
  EXPECT_TRUE(BeginStatus("orders:3").ok());
}

TEST_F(StoreNamespacesTest, ARestartCountsWhatItFindsAndTakesTheNewPolicy) {
  Open();
  for (const std::string_view key : {"orders:1", "orders:2", "orders:3", "mail:1"}) Complete(key);
  const uint64_t bytes = Counted().bytes;
  orders().max_entries = 2;
  orders().policy.default_retention_ms = 2 * kRetentionMs;
  Open();
  EXPECT_EQ(Entries(), 3u);
  EXPECT_EQ(Counted().bytes, bytes);
  EXPECT_LE(Begin<Replay>("orders:3").ttl_ms, kRetentionMs) << "it keeps what it was given";
  ExpectFull(BeginStatus("orders:4"));
  options_.namespaces.clear();
  Open();
  EXPECT_TRUE(store_->GetStats().namespaces.empty());
  EXPECT_TRUE(BeginStatus("orders:4").ok());
}

TEST_F(StoreNamespacesTest, ATransactionIsRefusedAsAWhole) {
  orders().max_entries = 1;
  Open();
  Complete("orders:1");
  std::vector<Request> requests = {engine::Put("1"), engine::Put("2")};
  requests[0].key = "mail:1";
  requests[1].key = "orders:2";
  std::vector<Reply> replies(2);
  ASSERT_TRUE(store_->Transact(requests, replies));
  EXPECT_EQ(replies[1].outcome, Outcome::kQuotaFull);
  EXPECT_EQ(store_->ReadVersion("mail:1")->version, 0u);
  EXPECT_EQ(Counted("mail").entries, 0u);
}

TEST_F(StoreNamespacesTest, TheLongestResponseMayBeThatOfANamespace) {
  EXPECT_EQ(LongestResponseBytes(options_), 4096u);
  orders().policy.max_response_bytes = 5000;
  EXPECT_EQ(LongestResponseBytes(options_), 5000u);
  options_.policy.max_response_bytes = 6000;
  EXPECT_EQ(LongestResponseBytes(options_), 6000u);
}

TEST_F(StoreNamespacesTest, WhatOpenRefuses) {
  const auto refusal = [this](std::vector<NamespaceOptions> spaces) {
    options_.namespaces = std::move(spaces);
    const absl::Status status = Store::Open(options_).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(refusal({{.name = ""}}), HasSubstr("name must be 1 to 64"));
  EXPECT_THAT(refusal({{.name = std::string(65, 'x')}}), HasSubstr("name must be 1 to 64"));
  EXPECT_THAT(refusal({{.name = "a:b"}}), HasSubstr("no ':'"));
  EXPECT_THAT(refusal({{.name = "a"}, {.name = "a"}}), HasSubstr("namespace a: it is there twice"));
  EXPECT_THAT(refusal({{.name = "a", .policy = {.default_lease_ms = 0}}}),
              HasSubstr("namespace a: default_lease_ms"));
  EXPECT_THAT(refusal({{.name = "a", .policy = {.default_retention_ms = 29'999}}}),
              HasSubstr("namespace a: default_retention_ms is shorter"));
  EXPECT_THAT(refusal({{.name = "a", .policy = {.max_response_bytes = 16 << 20}}}),
              HasSubstr("segment_bytes"));
  EXPECT_THAT(refusal(std::vector<NamespaceOptions>(1001)), HasSubstr("number of namespaces"));
}

}  // namespace
}  // namespace idem
