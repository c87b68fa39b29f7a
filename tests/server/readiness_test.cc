// What INFO says of a disk that does not answer, and of one that has failed.
#include "server/readiness.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/client.h"
#include "tests/support/watched_file_system.h"

namespace idem::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Readiness, IsToldByInfo) {
  MemoryFileSystem files;
  WatchedFileSystem slow(&files);
  ServerOptions options = OneThreadServer::OnDisk(&files);
  options.store.file_system = &slow;
  OneThreadServer server(options);
  Client writer(server);
  Client probe(server);
  std::vector<std::string> told;
  slow.before = [&] {
    server.clock().Advance(5'000);
    const std::string info = probe.Ask({"INFO", "idem"});
    told.push_back(info.substr(info.find("ready:"), 7));
  };
  writer.Send({"SET", "a", "1"});
  server.Commit();
  EXPECT_THAT(told, ElementsAre("ready:1", "ready:0")) << "5 s, 10 s";
  EXPECT_EQ(writer.Receive(), "+OK\r\n");
  EXPECT_THAT(probe.Ask({"INFO", "idem"}), HasSubstr("ready:1\r\n"));
  slow.before = [] {};
  files.FailCall(1, absl::UnavailableError("broken"));
  writer.Send({"SET", "a", "2"});
  server.Commit();
  EXPECT_THAT(probe.Ask({"INFO", "idem"}), HasSubstr("ready:0\r\n"));
  EXPECT_EQ(writer.Receive(), "") << "unknown";
}

}  // namespace
}  // namespace idem::server
