// Policies by namespace as an operator sets them and sees them: the setting's words and its faults,
// what a full quota answers, INFO and metrics.
#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/admin/metrics.h"
#include "server/settings.h"
#include "tests/server/client.h"

namespace idem::server {
namespace {

using testing::HasSubstr;
using testing::Not;

class NamespaceSettingTest : public testing::Test {
 protected:
  std::string Set(std::string_view value) { return FindSetting("namespace")->set(value, options_); }
  const NamespaceOptions& newest() const { return options_.store.namespaces.back(); }

  ServerOptions options_;
};

TEST_F(NamespaceSettingTest, WhatIsNotNamedIsAsForAllKeys) {
  options_.store.policy.default_lease_ms = 7;
  options_.store.policy.max_steps = 3;
  ASSERT_EQ(Set("orders"), "");
  EXPECT_EQ(newest().name, "orders");
  EXPECT_EQ(newest().policy.default_lease_ms, 7);
  EXPECT_EQ(newest().policy.max_steps, 3u);
  EXPECT_FALSE(newest().policy.hold);
  EXPECT_EQ(newest().max_entries, 0u);
}

TEST_F(NamespaceSettingTest, Words) {
  ASSERT_EQ(Set("orders hold=yes max-bytes=2mb  fingerprint=required default-retention-ms=1000 "
                "max-step-bytes=6 max-steps=5 max-response-bytes=4 max-entries=3 "
                "default-lease-ms=1000"),
            "")
      << "in any order";
  EXPECT_EQ(newest().policy.default_lease_ms, 1000);
  EXPECT_EQ(newest().policy.default_retention_ms, 1000);
  EXPECT_TRUE(newest().policy.hold);
  EXPECT_TRUE(newest().policy.fingerprint_required);
  EXPECT_EQ(newest().policy.max_response_bytes, 4u);
  EXPECT_EQ(newest().policy.max_steps, 5u);
  EXPECT_EQ(newest().policy.max_step_bytes, 6u);
  EXPECT_EQ(newest().max_entries, 3u);
  EXPECT_EQ(newest().max_bytes, 2u << 20);
  EXPECT_EQ(options_.store.policy.default_lease_ms, 30'000) << "the others keep theirs";
  ASSERT_EQ(Set("mail"), "");
  EXPECT_EQ(FindSetting("namespace")->show(options_), "orders mail");
}

TEST_F(NamespaceSettingTest, AFaultSaysWhatToDoAndChangesNothing) {
  EXPECT_THAT(Set(":"), HasSubstr("begins with a name of 1 to 64"));
  EXPECT_THAT(Set("a:b"), HasSubstr("begins with a name"));
  EXPECT_THAT(Set("hold=yes"), HasSubstr("begins with a name"));
  EXPECT_THAT(Set(std::string(65, 'x')), HasSubstr("begins with a name"));
  EXPECT_EQ(Set("a hold"), "a: hold is not of the form word=value");
  EXPECT_EQ(Set("a hold=maybe"), "a: hold= takes no or yes");
  EXPECT_EQ(Set("a max-steps=256"), "a: max-steps= 256 is out of range; it takes 0 to 255");
  EXPECT_THAT(Set("a default-retention-ms=5"), HasSubstr("is less than default-lease-ms"));
  EXPECT_THAT(Set("a max-entries=-1"), HasSubstr("max-entries= "));
  EXPECT_THAT(Set("a max-bytes=many"), HasSubstr("max-bytes= takes 0 to 65536gb"));
  EXPECT_THAT(Set("a lease=1"), HasSubstr("lease= is given twice, or is none of default-lease-ms"));
  EXPECT_THAT(Set("a hold=no hold=yes"), HasSubstr("hold= is given twice"));
  EXPECT_TRUE(options_.store.namespaces.empty());
  ASSERT_EQ(Set("a"), "");
  EXPECT_EQ(Set("a"), "there is a namespace a already");
  for (int i = 1; i < 1000; ++i) ASSERT_EQ(Set("n" + std::to_string(i)), "");
  EXPECT_EQ(Set("more"), "takes at most 1000");
}

ServerOptions WithNamespaces() {
  ServerOptions options = OneThreadServer::InMemory();
  EXPECT_EQ(FindSetting("namespace")->set("orders max-entries=1 fingerprint=required", options),
            "");
  EXPECT_EQ(FindSetting("namespace")->set("mail", options), "");
  return options;
}

TEST(Namespaces, AFullOneRefusesItsNewKeysAlone) {
  OneThreadServer server(WithNamespaces());
  Client client(server);
  const std::string full =
      "-QUOTA namespace orders is full: new keys are refused there; raise its max-entries or "
      "max-bytes, or shorten what its keys are kept for\r\n";
  EXPECT_THAT(client.Ask({"IDEM.BEGIN", "orders:1"}), HasSubstr("need a fingerprint"));
  EXPECT_THAT(client.Ask({"IDEM.BEGIN", "orders:1", "BODY", "x"}), HasSubstr("CLAIMED"));
  EXPECT_EQ(client.Ask({"IDEM.BEGIN", "orders:2", "BODY", "x"}), full);
  EXPECT_EQ(client.Ask({"SET", "orders:3", "v"}), full);
  EXPECT_EQ(client.Ask({"IDEM.SEEN", "orders:4"}), full);
  EXPECT_EQ(client.Ask({"SET", "mail:3", "v"}), "+OK\r\n");
  EXPECT_EQ(client.Ask({"SET", "orders", "v"}), "+OK\r\n");
  EXPECT_EQ(client.Ask({"DEL", "mail:3"}), ":1\r\n");
}

TEST(Namespaces, TheirCountsAreToldInInfoAndMetrics) {
  OneThreadServer server(WithNamespaces());
  Client client(server);
  client.Ask({"IDEM.BEGIN", "orders:1", "BODY", "x"});
  client.Ask({"IDEM.BEGIN", "orders:1", "BODY", "x"});
  client.Ask({"IDEM.BEGIN", "orders:1", "BODY", "y"});
  client.Ask({"IDEM.BEGIN", "orders:2", "BODY", "x"});
  const std::string info = client.Ask({"INFO", "namespaces"});
  EXPECT_THAT(info, HasSubstr("namespace_mail:entries=0,bytes=0,max_entries=0,max_bytes=0,"));
  EXPECT_THAT(info, testing::ContainsRegex(
                        "namespace_orders:entries=1,bytes=[1-9][0-9]*,max_entries=1,max_bytes=0,"
                        "claims=1,replays=0,busy=1,mismatches=1,finishes=0,duplicates=0,"
                        "refused_for_quota=1\r\n"));
  EXPECT_THAT(client.Ask({"INFO", "idem"}), HasSubstr("refused_for_quota:1\r\n"));

  const std::string metrics = MetricsPage(server.context());
  EXPECT_THAT(metrics, HasSubstr("idem_namespace_entries{namespace=\"orders\"} 1\n"));
  EXPECT_THAT(metrics, HasSubstr("idem_namespace_quota_entries{namespace=\"orders\"} 1\n"));
  EXPECT_THAT(
      metrics,
      HasSubstr("idem_namespace_answers_total{namespace=\"orders\",result=\"claimed\"} 1\n"));
  EXPECT_THAT(metrics,
              HasSubstr("idem_namespace_answers_total{namespace=\"orders\",result=\"quota\"} 1\n"));

  OneThreadServer plain;
  EXPECT_THAT(MetricsPage(plain.context()), Not(HasSubstr("idem_namespace_")));
  Client other(plain);
  EXPECT_THAT(other.Ask({"INFO"}), Not(HasSubstr("namespace_")));
}

}  // namespace
}  // namespace idem::server
