#include "server/server.h"

#include <cstdint>
#include <random>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"

namespace idem::server {
namespace {

std::string RandomId() {
  std::random_device random;
  std::string id;
  for (int i = 0; i < 5; ++i) id += absl::StrFormat("%08x", uint32_t{random()});
  return id;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options, Store* store) {
  absl::StatusOr<UniqueFd> listener = ListenOn(options.bind, options.port);
  if (!listener.ok()) return listener.status();
  std::unique_ptr<Server> server(new Server(options, store, *std::move(listener)));
  for (size_t i = 0; i < static_cast<size_t>(options.threads); ++i) {
    auto loop = EventLoop::Create(server->context_, i, server->listener_.get(), server->loops_);
    if (!loop.ok()) return loop.status();
    server->loops_.push_back(*std::move(loop));
  }
  for (const auto& loop : server->loops_) {
    server->threads_.emplace_back([&loop = *loop] { loop.Run(); });
  }
  return server;
}

Server::Server(const ServerOptions& options, Store* store, UniqueFd listener)
    : listener_(std::move(listener)), context_(options, store, &commands_) {
  context_.options.port = PortOf(listener_.get());
  context_.run_id = RandomId();
}

Server::~Server() {
  RequestStop(StopMode::kNow);
  Join();
}

void Server::Serve(Store* store) {
  for (const auto& loop : loops_) loop->ListenTo(*store);
  context_.store.Set(store);
}

void Server::RequestStop(StopMode mode) {
  for (const auto& loop : loops_) loop->RequestStop(mode);
}

void Server::Join() {
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace idem::server
