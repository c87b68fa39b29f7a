#include "server/admin/http.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/text.h"

namespace idem::server {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kHeaderEnd = "\r\n\r\n";

HttpRequest Refuse(int status) { return {HttpRequest::State::kRefused, status, {}}; }

bool IsVisible(char c) { return c > ' ' && c < '\x7f'; }

std::string_view Reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 431:
      return "Request Header Fields Too Large";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Service Unavailable";
  }
}

// "GET /metrics?x=y HTTP/1.1"
HttpRequest ParseLine(std::string_view line) {
  const size_t method_end = line.find(' ');
  const size_t path_end = line.rfind(' ');
  if (method_end == line.npos || path_end == method_end) return Refuse(400);
  if (line.substr(0, method_end) != "GET") return Refuse(405);
  const std::string_view target = line.substr(method_end + 1, path_end - method_end - 1);
  const std::string_view version = line.substr(path_end + 1);
  if (!target.starts_with('/') || !std::all_of(target.begin(), target.end(), IsVisible)) {
    return Refuse(400);
  }
  if (!version.starts_with("HTTP/")) return Refuse(400);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return Refuse(505);
  return {HttpRequest::State::kWhole, 0, target.substr(0, target.find('?'))};
}

}  // namespace

HttpRequest ParseHttpRequest(std::string_view bytes) {
  // What cannot become a request line, such as a TLS hello, need not be waited for.
  const std::string_view line = bytes.substr(0, bytes.find(kLineEnd));
  const bool is_text = std::all_of(line.begin(), line.end(),
                                   [](char c) { return IsVisible(c) || c == ' ' || c == '\r'; });
  if (!is_text) return Refuse(400);
  if (line.size() < bytes.size()) {
    const HttpRequest request = ParseLine(line);
    if (request.state == HttpRequest::State::kRefused) return request;
    if (bytes.find(kHeaderEnd) < kHttpRequestBytes) return request;
  }
  return bytes.size() < kHttpRequestBytes ? HttpRequest() : Refuse(431);
}

std::string EncodeHttp(const HttpResponse& response) {
  return absl::StrCat("HTTP/1.1 ", response.status, " ", Absl(Reason(response.status)),
                      "\r\nContent-Type: ", Absl(response.content_type),
                      "\r\nContent-Length: ", response.body.size(),
                      response.status == 405 ? "\r\nAllow: GET" : "",
                      "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n", response.body);
}

HttpResponse HttpError(int status) {
  HttpResponse response;
  response.status = status;
  response.body = absl::StrCat(Absl(Reason(status)), "\n");
  return response;
}

}  // namespace idem::server
