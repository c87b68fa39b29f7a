#include "server/store_opening.h"

#include <sys/eventfd.h>

#include <utility>

#include "server/stopwatch.h"

namespace idem::server {

StoreOpening::StoreOpening(const Options& options, LoadingState* state)
    : done_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), opened_(absl::UnknownError("not yet")) {
  thread_ = std::thread([this, options, state] {
    const Stopwatch watch;
    opened_ = Store::Open(options, [state](const OpenProgress& progress) {
      state->bytes_total.Set(progress.bytes_total);
      state->bytes_read.Set(progress.bytes_read);
      state->records.Set(progress.records);
    });
    state->took_ns.Set(static_cast<uint64_t>(watch.ElapsedNs()));
    eventfd_write(done_.get(), 1);
  });
}

StoreOpening::~StoreOpening() {
  if (thread_.joinable()) thread_.join();
}

StoreOpening::Opened StoreOpening::Take() {
  thread_.join();
  return std::move(opened_);
}

}  // namespace idem::server
