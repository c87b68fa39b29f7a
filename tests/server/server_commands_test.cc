// The commands that clients send at connect, and those about the server and its commands; and what
// holds for every row of the table.
#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/commands/syntax_docs.h"
#include "tests/server/both_protocols.h"
#include "tests/support/test_size.h"

namespace idem::server {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

using ServerCommands = BothProtocols;

TEST_F(ServerCommands, PingEchoSelectTime) {
  Expect({"PING"}, "+PONG\r\n");
  ExpectBulk({"ping", "hi"}, "hi");
  ExpectError({"PING", "a", "b"}, "ERR wrong number of arguments for 'ping' command");
  ExpectBulk({"ECHO", "x\ny"}, "x\ny");
  ExpectOk({"SELECT", "0"});
  ExpectError({"SELECT", "1"}, "ERR DB index is out of range");
  ExpectError({"SELECT", "-1"}, "ERR DB index is out of range");
  ExpectError({"SELECT", "abc"}, "ERR value is not an integer or out of range");
  ExpectError({"SELECT", "2147483648"},
              "ERR value is out of range, value must between -2147483648 and 2147483647");
  Expect({"TIME"}, "*2\r\n$10\r\n1800000000\r\n$1\r\n0\r\n");
}

TEST_F(ServerCommands, HelloChoosesTheProtocol) {
  const std::string three = client2_.Ask({"HELLO", "3"});
  EXPECT_THAT(three, StartsWith("%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n8.4.0"
                                "\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\n"
                                "standalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0"));
  EXPECT_THAT(client2_.Ask({"HELLO"}), StartsWith("%7\r\n"));
  EXPECT_THAT(client2_.Ask({"hello", "2"}), StartsWith("*14\r\n"));
  EXPECT_THAT(client2_.Ask({"HELLO"}), HasSubstr("proto\r\n:2\r\n"));
}

TEST_F(ServerCommands, HelloTakesAuthAndName) {
  EXPECT_THAT(client2_.Ask({"HELLO", "3", "setname", "me", "AUTH", "default", "x"}),
              StartsWith("%7\r\n"));
  EXPECT_EQ(client2_.Ask({"CLIENT", "GETNAME"}), "$2\r\nme\r\n");
  client2_.Ask({"HELLO", "2"});
  ExpectError({"HELLO", "4"}, "NOPROTO unsupported protocol version");
  ExpectError({"HELLO", "1"}, "NOPROTO unsupported protocol version");
  ExpectError({"HELLO", "abc"}, "ERR Protocol version is not an integer or out of range");
  ExpectError({"HELLO", "3", "WAT"}, "ERR Syntax error in HELLO option 'WAT'");
  ExpectError({"HELLO", "3", "AUTH", "x"}, "ERR Syntax error in HELLO option 'AUTH'");
  ExpectError({"HELLO", "2", "SETNAME", "a b"},
              "ERR Client names cannot contain spaces, newlines or special characters.");
  ExpectError({"HELLO", "2", "AUTH", "bob", "x"},
              "WRONGPASS invalid username-password pair or user is disabled.");
  EXPECT_EQ(client2_.Ask({"GET", "none"}), "$-1\r\n") << "a refused HELLO changes nothing";
}

TEST_F(ServerCommands, AuthWithoutAPassword) {
  ExpectError({"AUTH", "x"},
              "ERR AUTH <password> called without any password configured for the default user. "
              "Are you sure your configuration is correct?");
  ExpectOk({"AUTH", "default", "x"});
  ExpectError({"AUTH", "bob", "x"},
              "WRONGPASS invalid username-password pair or user is disabled.");
  ExpectError({"AUTH", "a", "b", "c"}, "ERR syntax error");
}

TEST_F(ServerCommands, ResetGoesBackToTheStart) {
  EXPECT_EQ(client3_.Ask({"CLIENT", "SETNAME", "me"}), "+OK\r\n");
  EXPECT_EQ(client3_.Ask({"RESET"}), "+RESET\r\n");
  EXPECT_EQ(client3_.Ask({"CLIENT", "GETNAME"}), "$-1\r\n");
}

TEST_F(ServerCommands, ClientNamesAndLibraries) {
  ExpectInteger({"CLIENT", "ID"}, 1);
  ExpectNull({"client", "getname"});
  ExpectOk({"CLIENT", "SETNAME", "me"});
  ExpectBulk({"CLIENT", "GETNAME"}, "me");
  ExpectOk({"CLIENT", "SETNAME", ""});
  ExpectNull({"CLIENT", "GETNAME"});
  ExpectError({"CLIENT", "SETNAME", "a b"},
              "ERR Client names cannot contain spaces, newlines or special characters.");
  ExpectOk({"client", "setinfo", "lib-name", "redis-py"});
  ExpectOk({"CLIENT", "SETINFO", "LIB-VER", "8.0"});
  ExpectError({"CLIENT", "SETINFO", "LIB-AGE", "8"}, "ERR Unrecognized option 'LIB-AGE'");
  ExpectError({"CLIENT", "SETINFO", "lib-ver", "8 0"},
              "ERR lib-ver cannot contain spaces, newlines or special characters.");
  EXPECT_THAT(client2_.Ask({"CLIENT", "INFO"}), HasSubstr(" lib-name=redis-py lib-ver=8.0\n"));
  EXPECT_THAT(client3_.Ask({"CLIENT", "INFO"}), StartsWith("="));
  ExpectOk({"CLIENT", "NO-EVICT", "on"});
}

TEST_F(ServerCommands, UnknownWordsAnswerInRedisOwnTexts) {
  ExpectError({"FOO", "a", "b"}, "ERR unknown command 'FOO', with args beginning with: 'a' 'b' ");
  ExpectError({"FOO\r\n+OK"}, "ERR unknown command 'FOO  +OK', with args beginning with: ");
  ExpectError({"CLIENT", "MAINT_NOTIFICATIONS", "ON"},
              "ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.");
  ExpectError({"config", "wat", "a", "b"}, "ERR unknown subcommand 'wat'. Try CONFIG HELP.");
  ExpectError({"CLIENT"}, "ERR wrong number of arguments for 'client' command");
  ExpectError({"CLIENT", "SETNAME"}, "ERR wrong number of arguments for 'client|setname' command");
  ExpectError({"LPUSH", "return 1", "0"},
              "ERR unknown command 'LPUSH', with args beginning with: 'return 1' '0' ");
  const std::string reply = client2_.Ask({std::string(5000, 'x'), std::string(5000, 'y')});
  EXPECT_LT(reply.size(), 400u);
}

TEST_F(ServerCommands, InfoHasWhatClientsLookFor) {
  Claim("k");
  ExpectOk({"SET", "p", "v", "EX", "5"});
  client2_.Ask({"GET", "p"});
  client2_.Ask({"GET", "none"});
  const std::string info = client2_.Ask({"INFO"});
  for (const char* line : {"# Server",
                           "redis_version:8.4.0",
                           "idem_version:",
                           "redis_mode:standalone",
                           "arch_bits:64",
                           "role:master",
                           "connected_slaves:0",
                           "loading:0",
                           "cluster_enabled:0",
                           "maxmemory_policy:noeviction",
                           "connected_clients:",
                           "blocked_clients:0",
                           "used_memory:",
                           "total_commands_processed:4",
                           "total_connections_received:",
                           "expired_keys:0",
                           "keyspace_hits:1",
                           "keyspace_misses:1",
                           "db0:keys=2,expires=2,avg_ttl=0",
                           "ready:1",
                           "durability:memory",
                           "durable_lsn:",
                           "durable_lag:0",
                           "epoch:",
                           "torn_tails_cut:0",
                           "salvages:0",
                           "snapshot_age_seconds:-1",
                           "rdb_bgsave_in_progress:0",
                           "rdb_last_bgsave_status:ok",
                           "claims:1",
                           "replays:0",
                           "retry_age:1s=0,10s=0,1m=0,10m=0,1h=0,6h=0,1d=0,2d=0,7d=0,30d=0,over=0",
                           "too_old:0",
                           "log_segments:"}) {
    EXPECT_THAT(info, HasSubstr(std::string("\r\n") + line)) << line;
  }
}

TEST_F(ServerCommands, InfoTellsTheSectionsThatAreNamed) {
  EXPECT_EQ(client2_.Ask({"INFO", "REPLICATION"}),
            Bulk("# Replication\r\nrole:master\r\nconnected_slaves:0\r\n"));
  EXPECT_EQ(client3_.Ask({"info", "replication"}),
            "=52\r\ntxt:# Replication\r\nrole:master\r\nconnected_slaves:0\r\n\r\n");
  Expect({"INFO", "nothing"}, "$0\r\n\r\n", "=4\r\ntxt:\r\n");
  EXPECT_THAT(client2_.Ask({"INFO", "server", "idem"}), Not(HasSubstr("# Clients")));
  EXPECT_THAT(client2_.Ask({"INFO", "everything"}), HasSubstr("# Clients"));
}

TEST_F(ServerCommands, NothingToSaveInMemory) {
  const char* const error = "ERR a store in memory mode has no log: nothing to save";
  ExpectError({"BGSAVE"}, error);
  ExpectError({"IDEM.SNAPSHOT"}, error);
  ExpectInteger({"LASTSAVE"}, 1'800'000'000);
}

TEST(SnapshotCommands, StartOneAndTellOfIt) {
  MemoryFileSystem files;
  OneThreadServer server(OneThreadServer::OnDisk(&files));
  Client client(server);
  client.Send({"SET", "a", "1"});
  server.Commit();
  server.clock().Advance(5'000);
  client.Receive();
  EXPECT_EQ(client.Ask({"LASTSAVE"}), ":1800000000\r\n") << "when the server started";
  EXPECT_EQ(client.Ask({"BGSAVE", "WAT"}), "-ERR syntax error\r\n");
  EXPECT_EQ(client.Ask({"BGSAVE"}), "+Background saving started\r\n");
  server.store().Step(Store::StepKind::kSnapshot);
  EXPECT_EQ(client.Ask({"bgsave"}), "-ERR Background save already in progress\r\n");
  EXPECT_THAT(client.Ask({"INFO", "persistence"}), HasSubstr("rdb_bgsave_in_progress:1"));
  while (server.store().Step(Store::StepKind::kSnapshot)) {
  }
  EXPECT_EQ(client.Ask({"LASTSAVE"}), ":1800000005\r\n");
  server.clock().Advance(2'000);
  const std::string info = client.Ask({"INFO"});
  for (const char* line : {"rdb_last_save_time:1800000005", "rdb_changes_since_last_save:0",
                           "rdb_saves:1", "snapshot_age_seconds:2", "snapshot_lsn:1"}) {
    EXPECT_THAT(info, HasSubstr(std::string("\r\n") + line)) << line;
  }
  EXPECT_EQ(client.Ask({"IDEM.SNAPSHOT"}), "+OK\r\n");
  server.store().Step(Store::StepKind::kSnapshot);
  EXPECT_EQ(client.Ask({"LASTSAVE"}), ":1800000007\r\n") << "it covers all there is";
  client.Send({"SET", "b", "1"});
  server.Commit();
  client.Receive();
  EXPECT_EQ(client.Ask({"IDEM.SNAPSHOT"}), "+OK\r\n");
  server.store().Step(Store::StepKind::kSnapshot);
  EXPECT_EQ(client.Ask({"BGSAVE", "schedule"}), "+Background saving scheduled\r\n");
}

TEST_F(ServerCommands, ConfigGetMatchesPatterns) {
  Expect({"CONFIG", "GET", "appendonly", "SAVE"},
         "*4\r\n$10\r\nappendonly\r\n$2\r\nno\r\n$4\r\nsave\r\n$0\r\n\r\n",
         "%2\r\n$10\r\nappendonly\r\n$2\r\nno\r\n$4\r\nsave\r\n$0\r\n\r\n");
  EXPECT_THAT(client2_.Ask({"CONFIG", "GET", "max*"}),
              HasSubstr("$9\r\nmaxmemory\r\n$10\r\n1073741824\r\n"));
  Expect({"CONFIG", "GET", "nothing"}, "*0\r\n", "%0\r\n");
  ExpectError({"CONFIG", "GET"}, "ERR wrong number of arguments for 'config|get' command");
}

TEST_F(ServerCommands, ConfigSetMovesWhatMayMove) {
  ExpectOk({"config", "set", "timeout", "60", "MaxClients", "7"});
  Expect({"CONFIG", "GET", "timeout"}, "*2\r\n$7\r\ntimeout\r\n$2\r\n60\r\n",
         "%1\r\n$7\r\ntimeout\r\n$2\r\n60\r\n");
  EXPECT_THAT(client2_.Ask({"INFO", "clients"}), HasSubstr("maxclients:7\r\n"));
  ExpectError(
      {"CONFIG", "SET", "timeout", "1", "maxclients", "x"},
      "ERR CONFIG SET failed (possibly related to argument 'maxclients') - cannot read 'x'; "
      "it takes 1 to 1000000");
  ExpectError({"CONFIG", "SET", "timeout", "1", "port", "7000"},
              "ERR CONFIG SET failed (possibly related to argument 'port') - can't set immutable "
              "config");
  ExpectError(
      {"CONFIG", "SET", "timeout", "1", "TIMEOUT", "2"},
      "ERR CONFIG SET failed (possibly related to argument 'timeout') - duplicate parameter");
  ExpectError({"CONFIG", "SET", "timeout", "1", "nothing", "2"},
              "ERR Unknown option or number of arguments for CONFIG SET - 'nothing'");
  EXPECT_THAT(client2_.Ask({"CONFIG", "GET", "timeout"}), HasSubstr("$2\r\n60\r\n"))
      << "all of them or none";
  ExpectError({"CONFIG", "SET", "timeout", "1", "maxclients"},
              "ERR wrong number of arguments for 'config|set' command");
  ExpectError({"CONFIG", "SET", "timeout"},
              "ERR wrong number of arguments for 'config|set' command");
}

TEST_F(ServerCommands, ConfigCommandsThatMakeNoSenseHereSayWhy) {
  ExpectError({"CONFIG", "RESETSTAT"},
              "ERR CONFIG RESETSTAT is not supported: counters run from the start of the server");
  ExpectError({"CONFIG", "REWRITE"}, "ERR The server is running without a config file");
}

TEST_F(ServerCommands, CommandDescribesTheRows) {
  Expect({"COMMAND", "INFO", "get", "nope"},
         "*2\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n*3\r\n"
         "+@read\r\n+@string\r\n+@fast\r\n*0\r\n*0\r\n*0\r\n*-1\r\n",
         "*2\r\n*10\r\n$3\r\nget\r\n:2\r\n~2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n~3\r\n"
         "+@read\r\n+@string\r\n+@fast\r\n~0\r\n~0\r\n~0\r\n_\r\n");
  const std::string all = client2_.Ask({"COMMAND"});
  EXPECT_THAT(all, HasSubstr("$10\r\nidem.begin\r\n:-2\r\n"));
  EXPECT_THAT(all, HasSubstr("$14\r\nclient|setname\r\n:3\r\n"));
  const size_t count = CommandTable().commands().size();
  EXPECT_THAT(all, StartsWith("*" + std::to_string(count) + "\r\n"));
  ExpectInteger({"COMMAND", "COUNT"}, static_cast<int64_t>(count));
  EXPECT_THAT(client2_.Ask({"COMMAND", "LIST"}), HasSubstr("$10\r\nidem.begin\r\n"));
  EXPECT_THAT(client3_.Ask({"COMMAND", "DOCS", "idem.forget", "nope"}),
              StartsWith("%1\r\n$11\r\nidem.forget\r\n%4\r\n$7\r\nsummary\r\n"));
  EXPECT_THAT(client2_.Ask({"COMMAND", "DOCS", "IDEM.FORGET"}),
              HasSubstr("$9\r\narguments\r\n*3\r\n*4\r\n$4\r\nname\r\n$3\r\nkey\r\n$4\r\ntype\r\n"
                        "$6\r\nstring\r\n*6\r\n$4\r\nname\r\n$4\r\nBODY\r\n"));
  EXPECT_THAT(client2_.Ask({"CLIENT", "HELP"}), HasSubstr("+SETNAME connection-name\r\n"));
}

TEST_F(ServerCommands, CommandGetKeysFindsTheKeys) {
  Expect({"COMMAND", "GETKEYS", "MGET", "a", "b"}, "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
  Expect({"COMMAND", "GETKEYS", "SET", "a", "b"}, "*1\r\n$1\r\na\r\n");
  Expect({"COMMAND", "GETKEYS", "IDEM.COMPLETE", "a", "1", "x"}, "*1\r\n$1\r\na\r\n");
  ExpectError({"COMMAND", "GETKEYS", "PING", "a"}, "ERR The command has no key arguments");
  ExpectError({"COMMAND", "GETKEYS", "GET", "a", "b"},
              "ERR Invalid number of arguments specified for command");
  ExpectError({"COMMAND", "GETKEYS", "NOPE", "a"}, "ERR Invalid command specified");
}

// --- What holds for every row.

TEST(CommandRows, AreComplete) {
  const CommandTable table;
  std::vector<const Command*> rows = table.commands();
  for (const Command* command : table.commands()) {
    for (const Command* subcommand : table.SubcommandsOf(*command)) rows.push_back(subcommand);
  }
  for (const Command* row : rows) {
    SCOPED_TRACE(std::string(row->name));
    EXPECT_FALSE(row->summary.empty());
    EXPECT_FALSE(row->since.empty());
    EXPECT_NE(row->arity, 0);
    EXPECT_EQ(std::count(row->syntax.begin(), row->syntax.end(), '['),
              std::count(row->syntax.begin(), row->syntax.end(), ']'));
    const bool is_planned = row->plan != nullptr && row->answer != nullptr && row->run == nullptr;
    const bool runs_alone = row->plan == nullptr && row->answer == nullptr && row->run != nullptr;
    const bool is_container = (row->flags & kContainer) != 0 && row->plan == nullptr;
    EXPECT_TRUE(is_planned || runs_alone || is_container);
    if (is_planned) {
      EXPECT_EQ(row->keys.first, row->name.find('|') == row->name.npos ? 1 : 2);
    }
    const bool writes = (row->flags & kWrite) != 0;
    EXPECT_FALSE(writes && (row->flags & kReadOnly) != 0);
  }
}

TEST(SyntaxDocs, KeepPiecesInBracketsWhole) {
  using testing::ElementsAre;
  EXPECT_THAT(SplitSyntax(""), ElementsAre());
  EXPECT_THAT(SplitSyntax("key"), ElementsAre(SyntaxPiece{"key", false}));
  EXPECT_THAT(SplitSyntax("key [A [b]] <C | D> e"),
              ElementsAre(SyntaxPiece{"key", false}, SyntaxPiece{"A [b]", true},
                          SyntaxPiece{"C | D", false}, SyntaxPiece{"e", false}));
}

// Steps over one reply; npos if there is none that is whole and well-formed.
size_t EndOfReply(std::string_view bytes, size_t at) {
  const size_t line = bytes.find("\r\n", at);
  if (at >= bytes.size() || line == bytes.npos) return bytes.npos;
  const size_t next = line + 2;
  const std::string_view type = bytes.substr(at, 1);
  if (type == "_") return next;
  if (std::string_view("+-:").find(type) != std::string_view::npos) return next;
  const int64_t number = std::atoll(std::string(bytes.substr(at + 1, line - at - 1)).c_str());
  if (number < 0) return next;
  const auto count = static_cast<size_t>(number);
  if (type == "$" || type == "=") return next + count + 2 <= bytes.size() ? next + count + 2 : 0;
  size_t end = next;
  for (size_t i = 0; i < count * (type == "%" ? 2 : 1); ++i) {
    end = EndOfReply(bytes, end);
    if (end == bytes.npos) return end;
  }
  return end;
}

// Random words to every command: exactly one well-formed reply each, in both versions.
TEST_F(ServerCommands, EveryCommandGivesExactlyOneReplyToAnything) {
  const char* const given = std::getenv("IDEM_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 7;
  SCOPED_TRACE("replay with IDEM_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  const CommandTable table;
  Words words = {"",
                 "k",
                 "l",
                 "1",
                 "0",
                 "-1",
                 "9223372036854775807",
                 "x y",
                 "FP",
                 "NX",
                 "GET",
                 "EX",
                 "PXAT",
                 "HOLD",
                 "RETRY",
                 "FINAL",
                 "FORCE",
                 "TTL",
                 "COUNT",
                 "MATCH",
                 "COMPLETE",
                 "\r\n",
                 "info",
                 "id",
                 "get",
                 "help",
                 "docs",
                 "*",
                 std::string(2000, 'z')};
  const int64_t rounds = TestSize(40'000);
  for (int64_t round = 0; round < rounds; ++round) {
    const Command& command = *table.commands()[random() % table.commands().size()];
    if (command.name == "quit" || command.name == "hello" || command.name == "reset") continue;
    if (command.name == "idem.wait") continue;  // its reply may come later: wait_commands_test
    Words args = {std::string(command.name)};
    for (size_t i = random() % 6; i > 0; --i) args.push_back(words[random() % words.size()]);
    for (Client* client : {&client2_, &client3_}) {
      const std::string reply = client->Ask(args);
      ASSERT_EQ(EndOfReply(reply, 0), reply.size())
          << testing::PrintToString(args) << " -> " << reply;
    }
  }
}

}  // namespace
}  // namespace idem::server
