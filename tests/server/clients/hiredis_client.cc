// T13: hiredis, the C client that others are built on, in RESP2 (Debian's has no other).
//
//   hiredis_client <port>
//
// Prints what was not as it must be; exits with 1 then.
#include <hiredis/hiredis.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace {

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
struct FreeContext {
  void operator()(redisContext* context) const { redisFree(context); }
};
using Reply = std::unique_ptr<redisReply, FreeReply>;

int g_passed = 0;
int g_failed = 0;

void Check(const char* what, bool holds) {
  ++(holds ? g_passed : g_failed);
  if (!holds) std::printf("FAILED %s\n", what);
}

std::string_view Text(const redisReply* reply) {
  return reply->str == nullptr ? std::string_view() : std::string_view(reply->str, reply->len);
}

std::string_view Text(const Reply& reply) { return Text(reply.get()); }

const redisReply* At(const Reply& reply, size_t i) {
  static const redisReply kNothing{};
  return reply->type == REDIS_REPLY_ARRAY && i < reply->elements ? reply->element[i] : &kNothing;
}

bool IsError(const Reply& reply, std::string_view code) {
  return reply->type == REDIS_REPLY_ERROR && Text(reply).substr(0, code.size()) == code;
}

class Client {
 public:
  explicit Client(int port) : context_(redisConnectWithTimeout("127.0.0.1", port, {10, 0})) {
    if (context_ == nullptr || context_->err != 0) Die("cannot connect");
    redisSetTimeout(context_.get(), {10, 0});
  }

  template <typename... Arguments>
  Reply Ask(const char* format, Arguments... arguments) {
    return Received(redisCommand(context_.get(), format, arguments...));
  }
  template <typename... Arguments>
  void Append(const char* format, Arguments... arguments) {
    redisAppendCommand(context_.get(), format, arguments...);
  }
  Reply Next() {
    void* reply = nullptr;
    redisGetReply(context_.get(), &reply);
    return Received(reply);
  }

 private:
  static void Die(const char* why) {
    std::printf("FAILED %s\n", why);
    std::exit(1);
  }
  static Reply Received(void* reply) {
    if (reply == nullptr) Die("no reply");
    return Reply(static_cast<redisReply*>(reply));
  }

  std::unique_ptr<redisContext, FreeContext> context_;
};

void Connects(Client& client) {
  Check("ping", Text(client.Ask("PING")) == "PONG");
  Check("a name", Text(client.Ask("CLIENT SETNAME %s", "worker-1")) == "OK");
  Check("the name", Text(client.Ask("CLIENT GETNAME")) == "worker-1");
  Check("database 0", Text(client.Ask("SELECT 0")) == "OK");
  Check("no other database", IsError(client.Ask("SELECT 1"), "ERR DB index is out of range"));
}

void ClaimsCompletesAndReplays(Client& client) {
  const Reply claimed = client.Ask("IDEM.BEGIN order BODY %s LEASE 30000", "card 42");
  Check("claimed", Text(At(claimed, 0)) == "CLAIMED" && At(claimed, 2)->integer == 1 &&
                       At(claimed, 3)->integer == 30000 && At(claimed, 4)->elements == 0);
  const long long token = At(claimed, 1)->integer;
  Check("busy", Text(At(client.Ask("IDEM.BEGIN order BODY %s", "card 42"), 0)) == "BUSY");
  Check("mismatch", Text(At(client.Ask("IDEM.BEGIN order BODY %s", "card 43"), 0)) == "MISMATCH");
  Check("fenced", IsError(client.Ask("IDEM.COMPLETE order %lld stale", token - 1), "FENCED"));
  const std::string response("a\0b\r\nc", 6);
  const Reply done =
      client.Ask("IDEM.COMPLETE order %lld %b CODE 201", token, response.data(), response.size());
  Check("complete", Text(done) == "OK");
  const Reply replay = client.Ask("IDEM.BEGIN order BODY %s", "card 42");
  Check("replay", Text(At(replay, 0)) == "REPLAY" && Text(At(replay, 1)) == "completed" &&
                      At(replay, 2)->integer == 201 && Text(At(replay, 3)) == response);
  Check("its times", At(replay, 4)->integer >= 0 && At(replay, 5)->integer > 0);
  Check("forget", Text(client.Ask("IDEM.FORGET order")) == "OK");
  Check("unknown", IsError(client.Ask("IDEM.COMPLETE order %lld x", token), "UNKNOWNKEY"));
}

void Retries(Client& client) {
  const long long first = At(client.Ask("IDEM.BEGIN retry"), 1)->integer;
  Check("fail", Text(client.Ask("IDEM.FAIL retry %lld RETRY", first)) == "OK");
  const Reply second = client.Ask("IDEM.BEGIN retry");
  Check("attempt 2", At(second, 2)->integer == 2 && At(second, 1)->integer > first);
}

void Locks(Client& client) {
  Check("set nx", Text(client.Ask("SET lock mine NX PX 60000")) == "OK");
  Check("lost", client.Ask("SET lock other NX PX 60000")->type == REDIS_REPLY_NIL);
  const long long left = client.Ask("PTTL lock")->integer;
  Check("its time to live", left > 50000 && left <= 60000);
  Check("del", client.Ask("DEL lock")->integer == 1);
  Check("gone", client.Ask("GET lock")->type == REDIS_REPLY_NIL);
}

void Pipelines(Client& client) {
  constexpr int kCommands = 1000;
  for (int i = 0; i < kCommands; ++i) {
    client.Append("SET p:%d %d", i, i);
    client.Append("GET p:%d", i);
  }
  client.Append("IDEM.BEGIN p:0");
  client.Append("PING");
  int right = 0;
  for (int i = 0; i < kCommands; ++i) {
    right += Text(client.Next()) == "OK";
    right += Text(client.Next()) == std::to_string(i);
  }
  Check("a pipeline's replies, in order", right == 2 * kCommands);
  Check("an error in between", IsError(client.Next(), "WRONGTYPE"));
  Check("what follows it", Text(client.Next()) == "PONG");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  Client client(std::atoi(argv[1]));
  Connects(client);
  ClaimsCompletesAndReplays(client);
  Retries(client);
  Locks(client);
  Pipelines(client);
  Check("quit", Text(client.Ask("QUIT")) == "OK");
  std::printf("%d passed, %d failed\n", g_passed, g_failed);
  return g_failed == 0 ? 0 : 1;
}
