// IDEM.* beside records as a client sees it: every answer, every error, in both protocol versions.
#include <string>

#include "gtest/gtest.h"
#include "tests/server/both_protocols.h"

namespace idem::server {
namespace {

constexpr char kWrongType[] = "WRONGTYPE Operation against a key holding the wrong kind of value";

class DedupCommands : public BothProtocols {
 protected:
  // Stores, and returns the new version.
  std::string Cas(const std::string& key, const std::string& version, const std::string& value) {
    const std::string reply = client2_.Ask({"IDEM.CAS", key, version, value});
    EXPECT_EQ(client3_.Ask({"IDEM.CAS", key, version, value}), reply);
    constexpr std::string_view kOk = "*2\r\n$2\r\nOK\r\n:";
    if (!reply.starts_with(kOk)) {
      ADD_FAILURE() << "not stored: " << reply;
      return "0";
    }
    return reply.substr(kOk.size(), reply.size() - kOk.size() - 2);
  }
};

// --- IDEM.SEEN, IDEM.MSEEN

TEST_F(DedupCommands, SeenTellsTheFirstTime) {
  ExpectInteger({"IDEM.SEEN", "id"}, 1);
  ExpectInteger({"idem.seen", "id"}, 0);
  ExpectInteger({"PTTL", "id"}, 86'400'000);
  ExpectInteger({"IDEM.SEEN", "brief", "TTL", "100"}, 1);
  Advance(60);
  ExpectInteger({"IDEM.SEEN", "brief", "TTL", "100"}, 0);
  Advance(40);
  ExpectInteger({"IDEM.SEEN", "brief", "ttl", "100", "refresh", "cap", "150"}, 1);
  Advance(90);
  ExpectInteger({"IDEM.SEEN", "brief", "TTL", "100", "REFRESH"}, 0);
  ExpectInteger({"PTTL", "brief"}, 60);
}

TEST_F(DedupCommands, SeenRefusals) {
  constexpr char kUsage[] = "; usage: IDEM.SEEN id [TTL milliseconds] [REFRESH [CAP milliseconds]]";
  ExpectError({"IDEM.SEEN"},
              std::string("ERR wrong number of arguments for 'idem.seen' command") + kUsage);
  ExpectError({"IDEM.SEEN", "id", "EX"}, std::string("SYNTAX error at 'EX'") + kUsage);
  ExpectError({"IDEM.SEEN", "id", "CAP", "5"}, "ERR CAP goes with REFRESH");
  ExpectError({"IDEM.SEEN", "id", "TTL", "0"},
              "ERR retention must be 1 to 7776000000 ms (90 days)");
  ExpectError({"IDEM.SEEN", "id", "TTL", "9", "REFRESH", "CAP", "8"},
              "ERR cap must be at least the retention, at most 31536000000 ms (365 days)");
  ExpectInteger({"EXISTS", "id"}, 0);
}

TEST_F(DedupCommands, MSeenTellsOfEachId) {
  Expect({"IDEM.MSEEN", "100", "a", "b", "a"}, "*3\r\n:1\r\n:1\r\n:0\r\n");
  Advance(100);
  ExpectOk({"SET", "c", "plain"});
  Expect({"IDEM.MSEEN", "100", "c", "a"}, "*2\r\n-" + std::string(kWrongType) + "\r\n:1\r\n");
  ExpectError({"IDEM.MSEEN", "100"},
              "ERR wrong number of arguments for 'idem.mseen' command; usage: IDEM.MSEEN "
              "ttl-milliseconds id [id ...]");
  ExpectError({"IDEM.MSEEN", "0", "d"},
              "ERR ttl_ms is not an integer or out of range; it takes 1 to 7776000000");
  ExpectError({"IDEM.MSEEN", "1", "d", ""}, "ERR an id must have 1 to 1024 bytes");
  ExpectError({"IDEM.MSEEN", "1", "d", std::string(1025, 'i')},
              "ERR an id must have 1 to 1024 bytes");
  Words many(1003, "i");
  many[0] = "IDEM.MSEEN";
  many[1] = "1";
  ExpectError(many, "ERR IDEM.MSEEN takes at most 1000 ids; split it");
  ExpectInteger({"EXISTS", "d"}, 0);
}

// What was marked before the log was full is told once the rest is.
TEST(DedupCommandsOnDisk, MSeenGoesOnWhereTheLogWasFull) {
  MemoryFileSystem files;
  OneThreadServer server(OneThreadServer::OnDisk(&files));
  Client client(server);
  std::string sent, wanted;
  for (int batch = 0; batch < 5; ++batch) {
    Words command = {"IDEM.MSEEN", "100000"};
    for (int i = 0; i < 1000; ++i) command.push_back(std::to_string(batch * 1000 + i));
    sent += Encode(command);
    wanted += "*1000\r\n";
    for (int i = 0; i < 1000; ++i) wanted += ":1\r\n";
  }
  client.Feed(sent);
  std::string received = client.Receive();
  EXPECT_EQ(received, "");
  for (int turn = 0; turn < 100 && received.size() < wanted.size(); ++turn) {
    server.Commit();
    server.store().Step(Store::StepKind::kPrepareSegment);
    received += client.Receive();
  }
  EXPECT_TRUE(received == wanted) << received.size() << " bytes of " << wanted.size();
  EXPECT_EQ(server.store().GetStats().seen_ids, 5000u);
}

// --- IDEM.SEQ, IDEM.SEQGET

TEST_F(DedupCommands, SeqCountsAProducer) {
  const auto gap = [](int expected) {
    return "*2\r\n$3\r\nGAP\r\n:" + std::to_string(expected) + "\r\n";
  };
  constexpr char kNew[] = "*1\r\n$3\r\nNEW\r\n";
  constexpr char kDuplicate[] = "*1\r\n$9\r\nDUPLICATE\r\n";
  Expect({"IDEM.SEQGET", "p"}, "*-1\r\n", "_\r\n");
  Expect({"IDEM.SEQ", "p", "3", "1", "WINDOW", "64"}, gap(0));
  Expect({"IDEM.SEQ", "p", "3", "0"}, kNew);
  Expect({"idem.seq", "p", "3", "0"}, kDuplicate);
  Expect({"IDEM.SEQ", "p", "3", "2"}, gap(1));
  Expect({"IDEM.SEQ", "p", "3", "2", "window", "1", "ttl", "500"}, kNew);
  Expect({"IDEM.SEQ", "p", "3", "2"}, kDuplicate);
  Expect({"IDEM.SEQGET", "p"}, "*3\r\n:3\r\n:1\r\n:500\r\n");
  Expect({"IDEM.SEQ", "p", "3", "1", "TTL", "0"}, kNew);
  Expect({"IDEM.SEQGET", "p"}, "*3\r\n:3\r\n:3\r\n:-1\r\n");
  Expect({"IDEM.SEQ", "p", "2", "3"}, "*2\r\n$6\r\nFENCED\r\n:3\r\n");
  Expect({"IDEM.SEQ", "p", "4", "3"}, gap(0));
  Expect({"IDEM.SEQ", "p", "4294967295", "0"}, kNew);
  Expect({"IDEM.SEQ", "p", "4294967295", "9007199254740991"}, gap(1));
}

TEST_F(DedupCommands, SeqRefusals) {
  constexpr char kRange[] = " is not an integer or out of range; it takes 0 to ";
  ExpectError({"IDEM.SEQ", "p", "-1", "0"}, std::string("ERR epoch") + kRange + "4294967295");
  ExpectError({"IDEM.SEQ", "p", "4294967296", "0"},
              std::string("ERR epoch") + kRange + "4294967295");
  ExpectError({"IDEM.SEQ", "p", "0", "9007199254740992"},
              std::string("ERR seq") + kRange + "9007199254740991");
  ExpectError({"IDEM.SEQ", "p", "0", "0", "WINDOW", "65"},
              std::string("ERR WINDOW") + kRange + "64");
  ExpectError({"IDEM.SEQ", "p", "0", "0", "TTL", "-1"},
              "ERR time to live must be 0 (none) to 100 years in ms");
  ExpectError({"IDEM.SEQ", "p", "0", "0", "HOLD"},
              "SYNTAX error at 'HOLD'; usage: IDEM.SEQ producer epoch seq [TTL milliseconds] "
              "[WINDOW count]");
}

// --- Beside the other kinds

TEST_F(DedupCommands, EveryKindIsSeenByTheCommandsForAll) {
  ExpectInteger({"IDEM.SEEN", "id"}, 1);
  Expect({"IDEM.SEQ", "p", "0", "0", "TTL", "5000"}, "*1\r\n$3\r\nNEW\r\n");
  ExpectOk({"SET", "plain", "v"});
  Claim("record");
  ExpectInteger({"DBSIZE"}, 4);
  ExpectInteger({"EXISTS", "id", "p", "plain", "record"}, 4);
  Expect({"TYPE", "id"}, "+seen\r\n");
  Expect({"TYPE", "p"}, "+sequence\r\n");
  ExpectInteger({"TTL", "p"}, 5);
  ExpectBulk({"OBJECT", "ENCODING", "id"}, "seen");
  Expect({"SCAN", "0", "TYPE", "sequence"}, "*2\r\n$1\r\n0\r\n*1\r\n$1\r\np\r\n");
  Expect({"SCAN", "0", "TYPE", "seen"}, "*2\r\n$1\r\n0\r\n*1\r\n$2\r\nid\r\n");
  Expect({"MGET", "id", "p", "plain"}, "*3\r\n$-1\r\n$-1\r\n$1\r\nv\r\n",
         "*3\r\n_\r\n_\r\n$1\r\nv\r\n");
  ExpectOk({"FLUSHALL"});
  ExpectInteger({"DBSIZE"}, 3);
  ExpectInteger({"DEL", "id", "p"}, 2);
  ExpectInteger({"IDEM.SEEN", "id"}, 1);
}

TEST_F(DedupCommands, TheWrongKindIsToldAndChangesNothing) {
  ExpectInteger({"IDEM.SEEN", "id"}, 1);
  Expect({"IDEM.SEQ", "p", "0", "0"}, "*1\r\n$3\r\nNEW\r\n");
  ExpectOk({"SET", "plain", "v"});
  Claim("record");
  for (const char* key : {"p", "plain", "record"}) ExpectError({"IDEM.SEEN", key}, kWrongType);
  for (const char* key : {"id", "plain", "record"}) {
    ExpectError({"IDEM.SEQ", key, "0", "0"}, kWrongType);
    ExpectError({"IDEM.SEQGET", key}, kWrongType);
  }
  for (const char* key : {"id", "p"}) {
    for (const Words& command :
         {Words{"GET", key}, Words{"SET", key, "v"}, Words{"SETNX", key, "v"}, Words{"INCR", key},
          Words{"EXPIRE", key, "1"}, Words{"GETDEL", key}, Words{"IDEM.BEGIN", key},
          Words{"IDEM.GET", key}, Words{"IDEM.FORGET", key}, Words{"IDEM.CAS", key, "0", "v"},
          Words{"WATCH", key}}) {
      ExpectError(command, kWrongType);
    }
    ExpectInteger({"EXISTS", key}, 1);
  }
}

TEST_F(DedupCommands, TransactionsSeeThemAndChangeThemNot) {
  ExpectInteger({"IDEM.SEEN", "id"}, 1);
  ExpectOk({"MULTI"});
  for (const Words& command :
       {Words{"EXISTS", "id"}, Words{"DEL", "id"}, Words{"SET", "id", "v"}}) {
    Expect(command, "+QUEUED\r\n");
  }
  const std::string wrong = "-" + std::string(kWrongType) + "\r\n";
  Expect({"EXEC"}, "*3\r\n:1\r\n" + wrong + wrong);
}

TEST_F(DedupCommands, InfoCountsThem) {
  ExpectInteger({"IDEM.SEEN", "id"}, 1);
  ExpectInteger({"IDEM.SEEN", "id"}, 0);
  client2_.Ask({"IDEM.SEQ", "p", "0", "0"});
  client2_.Ask({"IDEM.SEQ", "p", "0", "9"});
  const std::string info = client2_.Ask({"INFO", "idem"});
  for (const char* line : {"seen_ids:1\r\n", "sequences:1\r\n", "duplicates:1\r\n", "gaps:1\r\n"}) {
    EXPECT_NE(info.find(line), std::string::npos) << line << info;
  }
}

// --- IDEM.CAS, IDEM.CASGET

TEST_F(DedupCommands, CasStoresOrTellsWhatStandsThere) {
  const std::string first = Cas("etag", "0", "a");
  const std::string second = Cas("etag", first, "b");
  EXPECT_LT(std::stoll(first), std::stoll(second));
  const std::string now = ":" + second + "\r\n" + Bulk("b");
  Expect({"IDEM.CAS", "etag", first, "c"}, "*3\r\n$8\r\nCONFLICT\r\n" + now);
  Expect({"idem.cas", "etag", "0", "c"}, "*3\r\n$8\r\nCONFLICT\r\n" + now);
  Expect({"IDEM.CASGET", "etag"}, "*2\r\n" + now);
  ExpectBulk({"GET", "etag"}, "b");
}

TEST_F(DedupCommands, CasOfAnAbsentKey) {
  Expect({"IDEM.CASGET", "k"}, "*2\r\n:0\r\n$-1\r\n", "*2\r\n:0\r\n_\r\n");
  Expect({"IDEM.CAS", "k", "7", "v"}, "*3\r\n$8\r\nCONFLICT\r\n:0\r\n$-1\r\n",
         "*3\r\n$8\r\nCONFLICT\r\n:0\r\n_\r\n");
}

TEST_F(DedupCommands, CasSeesWhatPlainCommandsDid) {
  ExpectOk({"SET", "k", "plain"});
  Expect({"IDEM.CAS", "k", "0", "v"}, client2_.Ask({"IDEM.CAS", "k", "0", "v"}));
  const std::string version = Cas("other", "0", "v");
  ExpectOk({"SET", "other", "v"});
  EXPECT_TRUE(client2_.Ask({"IDEM.CAS", "other", version, "w"}).starts_with("*3\r\n$8\r\nCONFLICT"))
      << "the same value, but a newer version";
}

TEST_F(DedupCommands, CasSetsTheTimeToLive) {
  ExpectOk({"SET", "k", "v", "PX", "500"});
  client2_.Ask({"DEL", "k"});
  client3_.Ask({"DEL", "k"});
  const Words make = {"IDEM.CAS", "k", "0", "v", "ttl", "300"};
  EXPECT_EQ(client2_.Ask(make), client3_.Ask(make));
  ExpectInteger({"PTTL", "k"}, 300);
  Advance(300);
  Expect({"IDEM.CASGET", "k"}, "*2\r\n:0\r\n$-1\r\n", "*2\r\n:0\r\n_\r\n");
}

TEST_F(DedupCommands, CasRefusals) {
  Claim("record");
  ExpectError({"IDEM.CAS", "record", "0", "v"}, kWrongType);
  ExpectError({"IDEM.CASGET", "record"}, kWrongType);
  constexpr char kUsage[] = "; usage: IDEM.CAS key version value [TTL milliseconds]";
  ExpectError({"IDEM.CAS", "k", "0"},
              std::string("ERR wrong number of arguments for 'idem.cas' command") + kUsage);
  ExpectError({"IDEM.CAS", "k", "0", "v", "PX"}, std::string("SYNTAX error at 'PX'") + kUsage);
  ExpectError({"IDEM.CAS", "k", "-1", "v"},
              "ERR version is not an integer or out of range; it takes 0 or more");
  ExpectError({"IDEM.CAS", "k", "0", "v", "TTL", "0"},
              "ERR TTL is not an integer or out of range; it takes 1 or more");
  ExpectOk({"MULTI"});
  ExpectError({"IDEM.CAS", "k", "0", "v"}, "ERR Command not allowed inside a transaction");
}

}  // namespace
}  // namespace idem::server
