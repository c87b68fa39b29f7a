// The little of HTTP that a scraper and a load balancer need: one GET without a body, one answer,
// then the connection closes.
//
// Thread-safe: pure functions.
#ifndef IDEM_SERVER_ADMIN_HTTP_H_
#define IDEM_SERVER_ADMIN_HTTP_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace idem::server {

inline constexpr size_t kHttpRequestBytes = 8 << 10;

struct HttpRequest {
  enum class State : uint8_t { kIncomplete, kWhole, kRefused };
  State state = State::kIncomplete;
  int status = 0;         // kRefused: what to answer
  std::string_view path;  // kWhole: without the query; a view into what was parsed
};

struct HttpResponse {
  int status = 200;
  std::string_view content_type = "text/plain; charset=utf-8";
  std::string body;
};

// What has come so far. Refused as early as it can be told: anything but GET (405), a line that is
// none of HTTP/1 (400, 505), more than kHttpRequestBytes (431).
HttpRequest ParseHttpRequest(std::string_view bytes);
// The whole answer, as it is sent.
std::string EncodeHttp(const HttpResponse& response);
// A body that says what the status means.
HttpResponse HttpError(int status);

}  // namespace idem::server

#endif  // IDEM_SERVER_ADMIN_HTTP_H_
