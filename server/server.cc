#include "server/server.h"

#include <cstdint>
#include <random>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/admin/pages.h"

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
  absl::StatusOr<Listeners> listeners = Listeners::Open(options);
  if (!listeners.ok()) return listeners.status();
  std::unique_ptr<Server> server(new Server(options, store, *std::move(listeners)));
  if (absl::Status status = server->Reload(options); !status.ok()) return status;
  for (size_t i = 0; i < static_cast<size_t>(options.threads); ++i) {
    auto loop = EventLoop::Create(server->context_, i, server->listeners_.all(), server->loops_);
    if (!loop.ok()) return loop.status();
    server->loops_.push_back(*std::move(loop));
  }
  if (absl::Status status = server->OpenAdminPort(); !status.ok()) return status;
  for (const auto& loop : server->loops_) {
    server->threads_.emplace_back([&loop = *loop] { loop.Run(); });
  }
  return server;
}

Server::Server(const ServerOptions& options, Store* store, Listeners listeners)
    : listeners_(std::move(listeners)), context_(options, store, &commands_) {
  context_.options.port = listeners_.port();
  context_.run_id = RandomId();
}

absl::Status Server::OpenAdminPort() {
  int& port = context_.options.admin_port;
  if (port < 0) return absl::OkStatus();
  auto admin =
      AdminPort::Start(static_cast<uint16_t>(port), context_.clock(),
                       [this](std::string_view path) { return AdminPage(context_, path); });
  if (!admin.ok()) return admin.status();
  admin_ = *std::move(admin);
  port = admin_->port();
  return absl::OkStatus();
}

Server::~Server() {
  RequestStop(StopMode::kNow);
  Join();
}

void Server::Serve(Store* store) {
  for (const auto& loop : loops_) loop->ListenTo(*store);
  context_.store.Set(store);
}

absl::Status Server::Reload(const ServerOptions& options) {
  const std::string exposed = ExposedAddressOf(context_.options.bind);
  if (!exposed.empty() && options.users.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("it still listens on ", exposed, ", which needs a password; restart it"));
  }
  if (options.tls.port != 0) {
    absl::StatusOr<std::shared_ptr<const TlsContext>> tls = TlsContext::Create(options.tls);
    if (!tls.ok()) return tls.status();
    context_.tls.Set(*std::move(tls));
  }
  context_.users.Replace(options.users);
  return absl::OkStatus();
}

void Server::RequestStop(StopMode mode) {
  context_.stopping.store(true, std::memory_order_relaxed);
  for (const auto& loop : loops_) loop->RequestStop(mode);
}

void Server::Join() {
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace idem::server
