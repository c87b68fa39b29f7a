// What the admin port shows. None of it holds a key, a value or a client's name.
//
//   /metrics   all figures, for Prometheus
//   /healthz   200 as long as the process answers: ask it whether to restart
//   /readyz    200 while clients are served, else 503 and why not: ask it whether to send clients
//
// Thread-safe.
#ifndef IDEM_SERVER_ADMIN_PAGES_H_
#define IDEM_SERVER_ADMIN_PAGES_H_

#include <string_view>

#include "server/admin/http.h"
#include "server/context.h"

namespace idem::server {

HttpResponse AdminPage(const ServerContext& server, std::string_view path);

}  // namespace idem::server

#endif  // IDEM_SERVER_ADMIN_PAGES_H_
