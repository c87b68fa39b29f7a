// Passwords, users and what each may do, from the config line to the answer.
#include "server/users.h"

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/option_sources.h"
#include "server/user_settings.h"
#include "tests/server/client.h"

namespace idem::server {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kSecretDigest =  // of "secret"
    "#2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
const std::string kNoAuth = "-NOAUTH Authentication required.\r\n";
const std::string kWrongPass = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
const std::string kNoKey = "-NOPERM No permissions to access a key\r\n";

std::string MayNotRun(const std::string& user, const std::string& command) {
  return "-NOPERM User " + user + " has no permissions to run the '" + command + "' command\r\n";
}

std::string TakeUsers(std::initializer_list<std::string> lines, ServerOptions& options) {
  for (const std::string& line : lines) {
    const std::string fault = FindSetting("user")->set(line, options);
    if (!fault.empty()) return fault;
  }
  return "";
}

// --- From text to users --------------------------------------------------------------------------

TEST(UserSettings, TakesRolesPrefixesAndPasswords) {
  ServerOptions options;
  ASSERT_EQ(TakeUsers({"ada role=admin >secret", "bob prefix=orders: " + std::string(kSecretDigest),
                       "eve role=reader >one >two"},
                      options),
            "");
  ASSERT_EQ(options.users.size(), 3u);
  EXPECT_EQ(options.users[0].role, Role::kAdmin);
  EXPECT_EQ(options.users[1].role, Role::kClient) << "if none is given";
  EXPECT_EQ(options.users[1].prefix, "orders:");
  EXPECT_EQ(options.users[1].passwords, options.users[0].passwords) << "a digest or the password";
  EXPECT_EQ(options.users[2].role, Role::kReader);
  EXPECT_EQ(options.users[2].passwords.size(), 2u);
}

TEST(UserSettings, FaultsSayWhatToDoAndNeverShowAPassword) {
  const auto fault = [](const std::string& line) {
    ServerOptions options;
    return TakeUsers({line}, options);
  };
  EXPECT_EQ(fault("bob"), "bob: has no password; add password-file=FILE or #digest");
  EXPECT_EQ(fault("bob role=king >x"), "bob: role= takes reader, client or admin");
  EXPECT_EQ(fault("bob prefix= >x"), "bob: prefix= needs the beginning of the user's keys");
  EXPECT_EQ(fault("bob role=admin prefix=a >x"),
            "bob: an admin sees every key; take role=client, or no prefix");
  EXPECT_EQ(fault("bob #12"), "bob: # is followed by the 64 hex digits of a password's SHA-256");
  EXPECT_THAT(fault("bob #" + std::string(64, 'x')), HasSubstr("64 hex digits"));
  EXPECT_THAT(fault("bob hunter2"), Not(HasSubstr("hunter2")));
  EXPECT_THAT(fault("bob hunter2"), StartsWith("bob: a word is none of role="));
  EXPECT_THAT(fault("bob >"), StartsWith("bob: a word is none of"));
  EXPECT_THAT(fault("role=admin >x"), HasSubstr("begins with a name"));
  EXPECT_THAT(fault(std::string(65, 'n') + " >x"), HasSubstr("a name of 1 to 64"));
  EXPECT_EQ(fault("bob password-file=/none/password"),
            "bob: cannot read the password in /none/password: No such file or directory");
  ServerOptions options;
  EXPECT_EQ(TakeUsers({"bob >x", "bob >y"}, options), "there is a user bob already");
}

class PasswordFile : public testing::Test {
 protected:
  ~PasswordFile() override { std::remove(path_.c_str()); }

  std::string Read(std::string_view text) {
    std::ofstream(path_, std::ios::binary) << text;
    options_.users.clear();
    return FindSetting("requirepass-file")->set(path_, options_);
  }

  const std::string path_ = testing::TempDir() + "idem-password-" + std::to_string(getpid());
  ServerOptions options_;
};

TEST_F(PasswordFile, HoldsAPasswordOrItsDigestInTheFirstLine) {
  for (const std::string& text :
       {std::string("secret"), std::string("secret\n"), std::string("secret\r\nmore"),
        std::string(kSecretDigest) + "\n"}) {
    ASSERT_EQ(Read(text), "") << text;
    EXPECT_EQ(options_.users.front().passwords.front(), DigestOf("secret")) << text;
  }
  EXPECT_EQ(options_.users.front().name, "default");
  EXPECT_EQ(options_.users.front().role, Role::kAdmin);
  EXPECT_EQ(FindSetting("requirepass")->set("other", options_), "there is a user default already");
}

TEST_F(PasswordFile, Faults) {
  for (const std::string& text : {std::string(), std::string("\nsecret"), std::string(1025, 'x')}) {
    EXPECT_THAT(Read(text), HasSubstr(path_ + " must be a password of 1 to 1024 bytes"));
  }
  EXPECT_THAT(FindSetting("requirepass-file")->set("/none", options_),
              HasSubstr("cannot read the password in /none: No such file"));
  EXPECT_THAT(FindSetting("requirepass-file")->set("/", options_), HasSubstr("Is a directory"));
}

TEST(UserSettings, ASecretIsNoFlagAndIsInNoError) {
  for (const char* flag : {"--requirepass", "--user"}) {
    const auto options = ParseOptions(std::vector<const char*>{flag, "hunter2"});
    EXPECT_THAT(
        std::string(options.status().message()),
        testing::AllOf(HasSubstr("everybody can see the command line"), Not(HasSubstr("hunter2"))));
  }
  const std::string too_long = "IDEM_CONF_REQUIREPASS=" + std::string(1025, 'h');
  const auto options = ParseOptions({}, std::vector<const char*>{too_long.c_str()});
  EXPECT_EQ(options.status().message(), "IDEM_CONF_REQUIREPASS: takes 1 to 1024 bytes");
}

TEST(ConfigRewrite, NamesTheFileThatItDoesNotWrite) {
  ServerOptions options = OneThreadServer::InMemory();
  options.config_file = "/etc/idem.conf";
  OneThreadServer server(options);
  EXPECT_EQ(Client(server).Ask({"CONFIG", "REWRITE"}),
            "-ERR Rewriting config file: this server never writes /etc/idem.conf; change it by "
            "hand\r\n");
}

// --- From users to answers -----------------------------------------------------------------------

ServerOptions WithUsers() {
  ServerOptions options = OneThreadServer::InMemory();
  options.users.clear();
  EXPECT_EQ(FindSetting("requirepass")->set("root's word", options), "");
  EXPECT_EQ(TakeUsers({"bob >secret", "orders prefix=orders: >secret", "eve role=reader >secret",
                       "peek role=reader prefix=orders: >secret"},
                      options),
            "");
  return options;
}

class Access : public testing::Test {
 protected:
  // One that is `user`, or nobody yet.
  std::unique_ptr<Client> Connect(const std::string& user = "") {
    auto client = std::make_unique<Client>(server_);
    if (user == "default") {
      EXPECT_EQ(client->Ask({"AUTH", "root's word"}), "+OK\r\n");
    } else if (!user.empty()) {
      EXPECT_EQ(client->Ask({"AUTH", user, "secret"}), "+OK\r\n");
    }
    return client;
  }

  OneThreadServer server_{WithUsers()};
  std::unique_ptr<Client> root_ = Connect("default");
};

TEST_F(Access, NobodyMustAuthenticateFirst) {
  const auto client = Connect();
  EXPECT_FALSE(client->connection().is_authenticated());
  for (const Words& words : std::vector<Words>{
           {"GET", "k"}, {"PING"}, {"INFO"}, {"MULTI"}, {"CONFIG", "GET", "*"}, {"CLIENT", "ID"}}) {
    EXPECT_EQ(client->Ask(words), kNoAuth) << words[0];
  }
  EXPECT_THAT(client->Ask({"WAT"}), StartsWith("-ERR unknown command")) << "as Redis does";
  EXPECT_EQ(client->Ask({"AUTH", "wrong"}), kWrongPass);
  EXPECT_EQ(client->Ask({"AUTH", ""}), kWrongPass);
  EXPECT_EQ(client->Ask({"AUTH", "default", "wrong"}), kWrongPass);
  EXPECT_EQ(client->Ask({"AUTH", "nobody", "secret"}), kWrongPass);
  EXPECT_EQ(client->Ask({"AUTH", "nobody", std::string(32, '\0')}), kWrongPass);
  EXPECT_EQ(client->Ask({"GET", "k"}), kNoAuth);
  EXPECT_EQ(client->Ask({"AUTH", "root's word"}), "+OK\r\n");
  EXPECT_TRUE(client->connection().is_authenticated());
  EXPECT_EQ(client->Ask({"GET", "k"}), "$-1\r\n");
  EXPECT_EQ(client->Ask({"AUTH", "wrong"}), kWrongPass);
  EXPECT_EQ(client->Ask({"GET", "k"}), "$-1\r\n") << "a failed AUTH takes nothing away";
  EXPECT_EQ(client->Ask({"RESET"}), "+RESET\r\n");
  EXPECT_EQ(client->Ask({"GET", "k"}), kNoAuth);
  EXPECT_EQ(client->Ask({"QUIT"}), "+OK\r\n");
}

TEST_F(Access, HelloAuthenticates) {
  const auto client = Connect();
  const std::string hello_first =
      "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
      "<proto> AUTH <user> <pass> option can be used to authenticate the client and select the "
      "RESP protocol version at the same time\r\n";
  EXPECT_EQ(client->Ask({"HELLO"}), hello_first);
  EXPECT_EQ(client->Ask({"HELLO", "3"}), hello_first);
  EXPECT_EQ(client->Ask({"HELLO", "3", "AUTH", "bob", "wrong"}), kWrongPass);
  EXPECT_EQ(client->Ask({"GET", "k"}), kNoAuth);
  EXPECT_THAT(client->Ask({"HELLO", "3", "AUTH", "bob", "secret", "SETNAME", "b"}),
              StartsWith("%7\r\n"));
  EXPECT_THAT(client->Ask({"CLIENT", "INFO"}), HasSubstr(" name=b "));
  EXPECT_THAT(client->Ask({"CLIENT", "INFO"}), HasSubstr(" user=bob "));
  EXPECT_EQ(client->Ask({"ACL", "WHOAMI"}), Bulk("bob"));
}

TEST_F(Access, CommandsAreFewAndSmallBeforeAuth) {
  const auto args = Connect();
  args->Feed("*11\r\n");
  EXPECT_EQ(args->Receive(), "-ERR Protocol error: unauthenticated multibulk length\r\n");
  EXPECT_TRUE(args->connection().finished());
  const auto bulk = Connect();
  bulk->Feed("*2\r\n$4\r\nAUTH\r\n$16385\r\n");
  EXPECT_EQ(bulk->Receive(), "-ERR Protocol error: unauthenticated bulk length\r\n");
  const auto known = Connect();
  const Words large = {"SET", "k", std::string(100'000, 'x')};
  known->Feed(Encode({"AUTH", "bob", "secret"}) + Encode(large));
  EXPECT_EQ(known->Receive(), "+OK\r\n+OK\r\n") << "the limits end with AUTH, in one pipeline too";
  EXPECT_EQ(known->Ask({"RESET"}), "+RESET\r\n");
  known->Send(large);
  EXPECT_EQ(known->Receive(), "-ERR Protocol error: unauthenticated bulk length\r\n");
}

TEST_F(Access, RolesByTheFlagsOfTheRows) {
  const auto client = Connect("bob");
  const auto reader = Connect("eve");
  EXPECT_EQ(client->Ask({"SET", "k", "v"}), "+OK\r\n");
  EXPECT_EQ(reader->Ask({"GET", "k"}), Bulk("v"));
  EXPECT_THAT(reader->Ask({"INFO"}), HasSubstr("redis_version"));
  EXPECT_EQ(reader->Ask({"SET", "k", "w"}), MayNotRun("eve", "set"));
  EXPECT_EQ(reader->Ask({"IDEM.BEGIN", "k"}), MayNotRun("eve", "idem.begin"));
  EXPECT_EQ(reader->Ask({"EVAL", "return 1", "0"}), MayNotRun("eve", "eval"));
  for (const Words& words : std::vector<Words>{{"FLUSHALL"},
                                               {"KEYS", "*"},
                                               {"SHUTDOWN"},
                                               {"CONFIG", "GET", "*"},
                                               {"BGSAVE"},
                                               {"CONFIG", "SET", "timeout", "1"},
                                               {"IDEM.RESOLVE", "k", "RETRY"},
                                               {"SLOWLOG", "GET"}}) {
    EXPECT_THAT(client->Ask(words), StartsWith("-NOPERM User bob ")) << words[0];
    EXPECT_THAT(reader->Ask(words), StartsWith("-NOPERM User eve ")) << words[0];
  }
  EXPECT_EQ(client->Ask({"CONFIG", "GET", "*"}), MayNotRun("bob", "config|get"));
  EXPECT_EQ(root_->Ask({"FLUSHALL"}), "+OK\r\n");
  EXPECT_THAT(root_->Ask({"CONFIG", "GET", "*"}), Not(HasSubstr("root's word")));
}

TEST_F(Access, APrefixBindsEveryKeyThatIsNamed) {
  const auto client = Connect("orders");
  EXPECT_EQ(client->Ask({"SET", "orders:1", "v"}), "+OK\r\n");
  for (const Words& words :
       std::vector<Words>{{"SET", "users:1", "v"},
                          {"GET", "users:1"},
                          {"GET", "orders"},
                          {"MGET", "orders:1", "users:1"},
                          {"MSET", "orders:1", "v", "users:1", "v"},
                          {"DEL", "orders:1", "users:1"},
                          {"WATCH", "orders:1", "users:1"},
                          {"OBJECT", "ENCODING", "users:1"},
                          {"MEMORY", "USAGE", "users:1"},
                          {"IDEM.BEGIN", "users:1"},
                          {"IDEM.GET", "users:1"},
                          {"EVAL", "return redis.call('get', KEYS[1])", "1", "users:1"},
                          {"EVALSHA", std::string(40, '0'), "2", "orders:1", "users:1"}}) {
    EXPECT_EQ(client->Ask(words), kNoKey) << words[0];
  }
  EXPECT_EQ(client->Ask({"MSET", "orders:2", "users:1", "orders:3", "v"}), "+OK\r\n")
      << "a value may look like anything";
  EXPECT_EQ(client->Ask({"EVALSHA", std::string(40, '0'), "1", "orders:1", "users:1"}),
            "-NOSCRIPT No matching script. Please use EVAL.\r\n");
  EXPECT_THAT(client->Ask({"EVALSHA", std::string(40, '0'), "9", "orders:1"}), StartsWith("-ERR"));
}

TEST_F(Access, APrefixHidesTheOtherKeysFromWalks) {
  for (const char* key : {"orders:1", "users:1", "users:2"}) root_->Ask({"SET", key, "v"});
  for (const char* key : {"orders:claim", "users:claim"}) {
    root_->Ask({"IDEM.BEGIN", key, "LEASE", "1"});
  }
  server_.clock().Advance(10);
  for (const char* user : {"orders", "peek"}) {
    const auto client = Connect(user);
    const std::string keys = client->Ask({"SCAN", "0", "COUNT", "1000"});
    EXPECT_THAT(keys, HasSubstr("orders:1"));
    EXPECT_THAT(keys, Not(HasSubstr("users:")));
    const std::string stuck = client->Ask({"IDEM.STUCK"});
    EXPECT_THAT(stuck, HasSubstr("orders:claim"));
    EXPECT_THAT(stuck, Not(HasSubstr("users:")));
    EXPECT_THAT(client->Ask({"KEYS", "*"}), StartsWith("-NOPERM"));
  }
  EXPECT_THAT(root_->Ask({"SCAN", "0", "COUNT", "1000"}), HasSubstr("users:1"));
}

// Whoever adds a command without key positions must think of what it shows to users with a prefix.
TEST_F(Access, CommandsThatReachKeysWithoutNamingThemAreKnown) {
  std::set<std::string_view> found;
  const CommandTable table;
  const auto look = [&found](const Command& command) {
    const bool names_keys = command.keys.first != 0 || command.keys.count_at != 0;
    const bool is_container = command.plan == nullptr && command.run == nullptr;
    if ((command.flags & (kAdmin | kLoading)) != 0 || names_keys || is_container) return;
    found.insert(command.name);
  };
  for (const Command* command : table.commands()) {
    look(*command);
    for (const Command* subcommand : table.SubcommandsOf(*command)) look(*subcommand);
  }
  EXPECT_EQ(found,
            (std::set<std::string_view>{"dbsize", "discard", "exec", "idem.changes", "idem.stuck",
                                        "multi", "ping", "scan", "unwatch", "wait"}));
}

TEST_F(Access, IsCheckedWhenACommandIsQueued) {
  const auto client = Connect("orders");
  EXPECT_EQ(client->Ask({"MULTI"}), "+OK\r\n");
  EXPECT_EQ(client->Ask({"SET", "orders:1", "v"}), "+QUEUED\r\n");
  EXPECT_EQ(client->Ask({"SET", "users:1", "v"}), kNoKey);
  EXPECT_THAT(client->Ask({"EXEC"}), StartsWith("-EXECABORT"));
  EXPECT_EQ(root_->Ask({"EXISTS", "orders:1", "users:1"}), ":0\r\n");
}

TEST_F(Access, UsersThatChangeMustAuthenticateAnew) {
  const auto bob = Connect("bob");
  const auto eve = Connect("eve");
  ServerOptions options;
  ASSERT_EQ(FindSetting("requirepass")->set("root's word", options), "");
  ASSERT_EQ(TakeUsers({"bob >secret", "eve role=client >secret"}, options), "");
  server_.loop().server.users.Replace(options.users);
  EXPECT_EQ(bob->Ask({"GET", "k"}), "$-1\r\n") << "nothing has changed for bob";
  EXPECT_EQ(root_->Ask({"GET", "k"}), "$-1\r\n");
  EXPECT_EQ(eve->Ask({"GET", "k"}), kNoAuth);
  EXPECT_EQ(eve->Ask({"AUTH", "eve", "secret"}), "+OK\r\n");
  EXPECT_EQ(eve->Ask({"SET", "k", "v"}), "+OK\r\n");
  server_.loop().server.users.Replace({});
  EXPECT_EQ(root_->Ask({"GET", "k"}), kNoAuth);
  EXPECT_EQ(Connect()->Ask({"GET", "k"}), Bulk("v")) << "no users, no passwords";
}

}  // namespace
}  // namespace idem::server
