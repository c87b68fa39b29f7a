// The running server: its listening sockets, and one event loop a thread.
//
//   auto server = Server::Start(options);    // answers LOADING to what needs the store
//   .. (*server)->Serve(store.get());
//   .. (*server)->RequestStop(StopMode::kDrain); (*server)->Join();
//
// Ownership: the store outlives the server.
// Thread rule: Start, Serve, Join and destruction on one thread; RequestStop from any.
#ifndef IDEM_SERVER_SERVER_H_
#define IDEM_SERVER_SERVER_H_

#include <memory>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "idem/store.h"
#include "server/admin/admin_port.h"
#include "server/command_table.h"
#include "server/context.h"
#include "server/event_loop.h"
#include "server/listeners.h"
#include "server/options.h"

namespace idem::server {

class Server {
 public:
  // Listens, and answers on its own threads when it returns. `store` may come later.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options,
                                                       Store* store = nullptr);
  // From now on answers from `store`. Once, if Start was given none.
  void Serve(Store* store);
  // Stops now.
  ~Server();

  // Takes over users, passwords and certificates, and nothing else. An error: nothing has changed.
  absl::Status Reload(const ServerOptions& options);

  void RequestStop(StopMode mode);
  // Returns when all loops have ended.
  void Join();

  const ServerContext& context() const { return context_; }
  const Listeners& listeners() const { return listeners_; }
  LoadingState& loading() { return context_.loading; }

 private:
  Server(const ServerOptions& options, Store* store, Listeners listeners);

  absl::Status OpenAdminPort();

  CommandTable commands_;
  Listeners listeners_;
  ServerContext context_;
  EventLoops loops_;
  std::vector<std::thread> threads_;
  std::unique_ptr<AdminPort> admin_;  // null: none
};

}  // namespace idem::server

#endif  // IDEM_SERVER_SERVER_H_
