// The same commands to two servers in memory, one spoken to in RESP2 and one in RESP3.
#ifndef IDEM_TESTS_SERVER_BOTH_PROTOCOLS_H_
#define IDEM_TESTS_SERVER_BOTH_PROTOCOLS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "gtest/gtest.h"
#include "tests/server/client.h"

namespace idem::server {

class BothProtocols : public testing::Test {
 protected:
  BothProtocols() { client3_.Ask({"HELLO", "3"}); }

  // The reply in RESP2, and in RESP3 where it differs.
  void Expect(const Words& command, std::string_view reply2, std::string_view reply3 = {}) {
    EXPECT_EQ(client2_.Ask(command), reply2) << testing::PrintToString(command);
    EXPECT_EQ(client3_.Ask(command), reply3.empty() ? reply2 : reply3)
        << testing::PrintToString(command);
  }
  void ExpectNull(const Words& command) { Expect(command, "$-1\r\n", "_\r\n"); }
  // The whole error line without its CRLF.
  void ExpectError(const Words& command, std::string_view error) {
    Expect(command, "-" + std::string(error) + "\r\n");
  }
  void ExpectOk(const Words& command) { Expect(command, "+OK\r\n"); }
  void ExpectInteger(const Words& command, int64_t number) {
    Expect(command, ":" + std::to_string(number) + "\r\n");
  }
  void ExpectBulk(const Words& command, std::string_view bytes) { Expect(command, Bulk(bytes)); }

  // Both servers do the same, so they hand out the same tokens. Claims `key`.
  std::string Claim(const std::string& key, const Words& options = {}) {
    Words command = {"IDEM.BEGIN", key};
    command.insert(command.end(), options.begin(), options.end());
    const std::string reply = client2_.Ask(command);
    EXPECT_EQ(client3_.Ask(command), reply);
    constexpr std::string_view kClaimed = "*5\r\n$7\r\nCLAIMED\r\n:";
    if (!reply.starts_with(kClaimed)) {
      ADD_FAILURE() << "not claimed: " << reply;
      return "0";
    }
    return reply.substr(kClaimed.size(), reply.find('\r', kClaimed.size()) - kClaimed.size());
  }

  void Advance(int64_t ms) {
    server2_.clock().Advance(ms);
    server3_.clock().Advance(ms);
  }

  OneThreadServer server2_, server3_;
  Client client2_{server2_}, client3_{server3_};
};

}  // namespace idem::server

#endif  // IDEM_TESTS_SERVER_BOTH_PROTOCOLS_H_
