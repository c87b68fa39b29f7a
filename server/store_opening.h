// Opens the store on a thread of its own, while the port answers already.
//
// Ownership: the LoadingState outlives this.
// Thread rule: one thread.
#ifndef IDEM_SERVER_STORE_OPENING_H_
#define IDEM_SERVER_STORE_OPENING_H_

#include <memory>
#include <thread>

#include "absl/status/statusor.h"
#include "idem/store.h"
#include "server/context.h"
#include "server/socket.h"

namespace idem::server {

class StoreOpening {
 public:
  using Opened = absl::StatusOr<std::unique_ptr<Store>>;

  StoreOpening(const Options& options, LoadingState* state);
  // Waits for the end.
  ~StoreOpening();
  StoreOpening(const StoreOpening&) = delete;
  StoreOpening& operator=(const StoreOpening&) = delete;

  // Becomes readable at the end.
  int done_fd() const { return done_.get(); }
  // Waits for the end; once.
  Opened Take();

 private:
  const UniqueFd done_;
  Opened opened_;
  std::thread thread_;
};

}  // namespace idem::server

#endif  // IDEM_SERVER_STORE_OPENING_H_
