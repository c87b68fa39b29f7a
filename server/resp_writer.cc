#include "server/resp_writer.h"

#include <algorithm>
#include <charconv>
#include <iterator>

namespace idem::server {
namespace {

constexpr std::string_view kCrlf = "\r\n";
constexpr std::string_view kPlainText = "txt:";

}  // namespace

void RespWriter::SimpleString(std::string_view text) { Line('+', text); }

void RespWriter::Error(std::string_view text) { Line('-', text); }

void RespWriter::Integer(int64_t number) { Header(':', number); }

void RespWriter::Bulk(std::string_view bytes) {
  Header('$', static_cast<int64_t>(bytes.size()));
  out_->append(bytes).append(kCrlf);
}

void RespWriter::Verbatim(std::string_view text) {
  if (version_ == RespVersion::k2) return Bulk(text);
  Header('=', static_cast<int64_t>(kPlainText.size() + text.size()));
  out_->append(kPlainText).append(text).append(kCrlf);
}

void RespWriter::Null() { out_->append(version_ == RespVersion::k2 ? "$-1\r\n" : "_\r\n"); }

void RespWriter::NullArray() { out_->append(version_ == RespVersion::k2 ? "*-1\r\n" : "_\r\n"); }

void RespWriter::Array(size_t count) { Header('*', static_cast<int64_t>(count)); }

void RespWriter::Map(size_t pairs) {
  if (version_ == RespVersion::k2) return Array(2 * pairs);
  Header('%', static_cast<int64_t>(pairs));
}

void RespWriter::Set(size_t count) {
  Header(version_ == RespVersion::k2 ? '*' : '~', static_cast<int64_t>(count));
}

void RespWriter::Header(char type, int64_t number) {
  char line[24];  // the longest int64 with its type and CRLF takes 23
  line[0] = type;
  char* end = std::to_chars(line + 1, std::end(line), number).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out_->append(line, end);
}

void RespWriter::Line(char type, std::string_view text) {
  out_->push_back(type);
  const size_t begin = out_->size();
  out_->append(text);
  std::replace_if(
      out_->begin() + static_cast<std::ptrdiff_t>(begin), out_->end(),
      [](char c) { return c == '\r' || c == '\n'; }, ' ');
  out_->append(kCrlf);
}

}  // namespace idem::server
