// Where the server listens.
#include "server/listeners.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace idem::server {
namespace {

using testing::HasSubstr;

ServerOptions Options(const std::string& bind, const std::string& unixsocket = "") {
  ServerOptions options;
  options.bind = bind;
  options.port = 0;
  options.unixsocket = unixsocket;
  return options;
}

TEST(BindAddresses, WordsOfRedis) {
  const auto addresses = BindAddressesOf("  127.0.0.1 -::1 * -::* ");
  ASSERT_EQ(addresses.size(), 4u);
  EXPECT_EQ(addresses[1].address, "::1");
  EXPECT_TRUE(addresses[1].is_optional);
  EXPECT_EQ(addresses[2].address, "0.0.0.0");
  EXPECT_FALSE(addresses[2].is_optional);
  EXPECT_EQ(addresses[3].address, "::");
  EXPECT_TRUE(IsLoopback("127.8.8.8") && IsLoopback("::1"));
  EXPECT_FALSE(IsLoopback("0.0.0.0") || IsLoopback("::") || IsLoopback("10.0.0.1"));
  EXPECT_FALSE(IsLoopback("") || IsNumericAddress("localhost") || IsNumericAddress(""));
}

TEST(Listeners, AllAddressesHaveOnePort) {
  const auto listeners = Listeners::Open(Options("127.0.0.1 127.0.0.2"));
  ASSERT_TRUE(listeners.ok()) << listeners.status();
  ASSERT_EQ(listeners->all().size(), 2u);
  EXPECT_NE(listeners->port(), 0);
  EXPECT_EQ(PortOf(listeners->all()[1].socket.get()), listeners->port());
  const std::string port = std::to_string(listeners->port());
  EXPECT_EQ(listeners->Names(), "127.0.0.1:" + port + ", 127.0.0.2:" + port);
}

TEST(Listeners, AnAddressThatIsMissingMustBeOptional) {
  // Reserved for documentation: nobody has it.
  EXPECT_THAT(std::string(Listeners::Open(Options("127.0.0.1 192.0.2.1")).status().message()),
              HasSubstr("cannot listen on 192.0.2.1"));
  const auto listeners = Listeners::Open(Options("-192.0.2.1 127.0.0.1"));
  ASSERT_TRUE(listeners.ok()) << listeners.status();
  EXPECT_EQ(listeners->all().size(), 1u);
  EXPECT_THAT(std::string(Listeners::Open(Options("-192.0.2.1")).status().message()),
              HasSubstr("cannot listen on 192.0.2.1"))
      << "one must be there";
}

TEST(Listeners, KeepaliveIsAskedOfTheSystem) {
  const auto listener = ListenOn("127.0.0.1", 0);
  ASSERT_TRUE(listener.ok());
  const auto option = [&listener](int level, int name) {
    int value = -1;
    socklen_t size = sizeof(value);
    getsockopt(listener->get(), level, name, &value, &size);
    return value;
  };
  SetKeepalive(listener->get(), 0);
  EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 0);
  SetKeepalive(listener->get(), 90);
  EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPIDLE), 90);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPINTVL), 30);
}

TEST(Listeners, AUnixSocketAloneGoesWithItsOwner) {
  const std::string path = testing::TempDir() + "idem-listen-" + std::to_string(getpid());
  {
    ServerOptions options = Options("127.0.0.1", path);
    options.unixsocketperm = 0600;
    const auto listeners = Listeners::Open(options);
    ASSERT_TRUE(listeners.ok()) << listeners.status();
    ASSERT_EQ(listeners->all().size(), 1u) << "no port is asked for";
    EXPECT_EQ(listeners->port(), 0);
    EXPECT_EQ(listeners->Names(), path);
    struct stat status;
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    EXPECT_FALSE(Listeners::Open(options).ok()) << "it is in use";
  }
  EXPECT_NE(access(path.c_str(), F_OK), 0);
}

}  // namespace
}  // namespace idem::server
