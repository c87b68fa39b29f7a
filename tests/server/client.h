// A client without a socket: feeds commands to a Connection and keeps what it would be sent.
#ifndef IDEM_TESTS_SERVER_CLIENT_H_
#define IDEM_TESTS_SERVER_CLIENT_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "gtest/gtest.h"
#include "idem/memory_file_system.h"
#include "idem/store.h"
#include "server/command_table.h"
#include "server/connection.h"
#include "tests/server/encode.h"

namespace idem::server {

// A server in one thread: a store under a fake clock whose background work is done step by step.
class OneThreadServer {
 public:
  static ServerOptions InMemory() {
    ServerOptions options;
    options.store.durability = Durability::kMemory;
    options.store.restart_grace_ms = 0;
    return options;
  }

  // Its log is on `files` and is committed by Commit() only.
  static ServerOptions OnDisk(MemoryFileSystem* files) {
    ServerOptions options;
    options.store.directory = "/store";
    options.store.file_system = files;
    options.store.policy.max_response_bytes = 8 << 10;
    options.store.segment_bytes = 1 << 20;
    options.store.backlog_bytes = 64 << 10;
    return options;
  }

  explicit OneThreadServer(ServerOptions options = InMemory()) {
    options.store.clock = &clock_;
    options.store.background = Background::kManual;
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(options.store);
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    context_ = std::make_unique<ServerContext>(options, store_.get(), &commands_);
    loop_ = std::make_unique<LoopContext>(*context_, 0);
  }

  void Commit() {
    while (store_->Step(Store::StepKind::kCommit)) {
    }
  }

  FakeClock& clock() { return clock_; }
  Store& store() { return *store_; }
  LoopContext& loop() { return *loop_; }
  ServerContext& context() { return *context_; }

 private:
  FakeClock clock_;
  std::unique_ptr<Store> store_;
  CommandTable commands_;
  std::unique_ptr<ServerContext> context_;
  std::unique_ptr<LoopContext> loop_;
};

class Client {
 public:
  explicit Client(OneThreadServer& server) : connection_(server.loop(), "127.0.0.1:50000") {}

  void Feed(std::string_view bytes) { connection_.Feed(bytes); }
  void Send(const Words& words) { connection_.Feed(Encode(words)); }

  // Everything that may leave now; reads it all, and lets what that had stopped go on.
  std::string Receive() {
    std::string received;
    do {
      for (std::string_view bytes = connection_.Releasable(); !bytes.empty();
           bytes = connection_.Releasable()) {
        received += bytes;
        connection_.Sent(bytes.size());
      }
    } while (connection_.Continue());
    return received;
  }
  std::string Ask(const Words& words) {
    Send(words);
    return Receive();
  }

  Connection& connection() { return connection_; }

 private:
  Connection connection_;
};

}  // namespace idem::server

#endif  // IDEM_TESTS_SERVER_CLIENT_H_
