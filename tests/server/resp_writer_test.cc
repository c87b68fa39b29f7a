#include "server/resp_writer.h"

#include <functional>
#include <limits>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace idem::server {
namespace {

using Write = std::function<void(RespWriter&)>;

std::string Written(RespVersion version, const Write& write) {
  const std::string before = "+OK\r\n";
  BufferPool pool;
  OutputBuffer out(&pool);
  out.Append(before);
  RespWriter writer(&out, version);
  write(writer);
  const std::string written(out.view());
  EXPECT_EQ(written.substr(0, before.size()), before) << "the writer must only append";
  return written.substr(before.size());
}

void ExpectBoth(std::string_view want, const Write& write) {
  EXPECT_EQ(Written(RespVersion::k2, write), want) << "in RESP2";
  EXPECT_EQ(Written(RespVersion::k3, write), want) << "in RESP3";
}

void ExpectEach(std::string_view want2, std::string_view want3, const Write& write) {
  EXPECT_EQ(Written(RespVersion::k2, write), want2) << "in RESP2";
  EXPECT_EQ(Written(RespVersion::k3, write), want3) << "in RESP3";
}

TEST(RespWriterTest, RepliesThatAreTheSameInBothVersions) {
  ExpectBoth("+OK\r\n", [](RespWriter& w) { w.SimpleString("OK"); });
  ExpectBoth("-ERR syntax error\r\n", [](RespWriter& w) { w.Error("ERR syntax error"); });
  ExpectBoth("$5\r\nhello\r\n", [](RespWriter& w) { w.Bulk("hello"); });
  ExpectBoth("$0\r\n\r\n", [](RespWriter& w) { w.Bulk(""); });
  ExpectBoth("*0\r\n", [](RespWriter& w) { w.Array(0); });
  ExpectBoth("*12\r\n", [](RespWriter& w) { w.Array(12); });
}

TEST(RespWriterTest, Integers) {
  ExpectBoth(":0\r\n", [](RespWriter& w) { w.Integer(0); });
  ExpectBoth(":-2\r\n", [](RespWriter& w) { w.Integer(-2); });
  ExpectBoth(":9223372036854775807\r\n",
             [](RespWriter& w) { w.Integer(std::numeric_limits<int64_t>::max()); });
  ExpectBoth(":-9223372036854775808\r\n",
             [](RespWriter& w) { w.Integer(std::numeric_limits<int64_t>::min()); });
}

TEST(RespWriterTest, BulkKeepsEveryByte) {
  std::string bytes;
  for (int c = 0; c < 256; ++c) bytes.push_back(static_cast<char>(c));
  ExpectBoth("$256\r\n" + bytes + "\r\n", [&](RespWriter& w) { w.Bulk(bytes); });
}

TEST(RespWriterTest, NoTextForgesAReply) {
  ExpectBoth("-ERR unknown command 'a  +OK  '\r\n",
             [](RespWriter& w) { w.Error("ERR unknown command 'a\r\n+OK\r\n'"); });
  ExpectBoth("+a b c\r\n", [](RespWriter& w) { w.SimpleString("a\nb\rc"); });
}

TEST(RespWriterTest, TheVersionDecidesTheBytes) {
  ExpectEach("$-1\r\n", "_\r\n", [](RespWriter& w) { w.Null(); });
  ExpectEach("*-1\r\n", "_\r\n", [](RespWriter& w) { w.NullArray(); });
  ExpectEach("*14\r\n", "%7\r\n", [](RespWriter& w) { w.Map(7); });
  ExpectEach("*3\r\n", "~3\r\n", [](RespWriter& w) { w.Set(3); });
  ExpectEach("$4\r\na\r\nb\r\n", "=8\r\ntxt:a\r\nb\r\n",
             [](RespWriter& w) { w.Verbatim("a\r\nb"); });
  ExpectEach("$0\r\n\r\n", "=4\r\ntxt:\r\n", [](RespWriter& w) { w.Verbatim(""); });
}

TEST(RespWriterTest, HelloChangesTheVersionBetweenReplies) {
  BufferPool pool;
  OutputBuffer out(&pool);
  RespWriter writer(&out);
  EXPECT_EQ(writer.version(), RespVersion::k2);
  writer.Null();
  writer.set_version(RespVersion::k3);
  EXPECT_EQ(writer.version(), RespVersion::k3);
  writer.Map(1);
  writer.Bulk("proto");
  writer.Integer(3);
  EXPECT_EQ(out.view(), "$-1\r\n%1\r\n$5\r\nproto\r\n:3\r\n");
}

}  // namespace
}  // namespace idem::server
