#include "server/readiness.h"

#include "server/context.h"

namespace idem::server {

std::string_view WhyNotReady(const ServerContext& server) {
  if (server.stopping.load(std::memory_order_relaxed)) return "stopping";
  const Store* const store = server.store.get();
  if (store == nullptr) return "loading";
  const LogStats log = store->GetStats().log;
  if (log.failed) return "log failed";
  return IsStalled(log) ? "disk stalled" : "";
}

}  // namespace idem::server
