#include "server/admin/pages.h"

#include "absl/strings/str_cat.h"
#include "server/admin/metrics.h"
#include "server/readiness.h"
#include "server/text.h"

namespace idem::server {
namespace {

HttpResponse Ready(const ServerContext& server) {
  const std::string_view why_not = WhyNotReady(server);
  HttpResponse response;
  response.status = why_not.empty() ? 200 : 503;
  response.body = absl::StrCat(Absl(why_not.empty() ? "ready" : why_not), "\n");
  return response;
}

}  // namespace

HttpResponse AdminPage(const ServerContext& server, std::string_view path) {
  HttpResponse response;
  if (path == "/metrics") {
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = MetricsPage(server);
  } else if (path == "/healthz") {
    response.body = "ok\n";
  } else if (path == "/readyz") {
    return Ready(server);
  } else {
    return HttpError(404);
  }
  return response;
}

}  // namespace idem::server
