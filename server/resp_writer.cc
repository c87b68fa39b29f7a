#include "server/resp_writer.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace idem::server {
namespace {

constexpr std::string_view kCrlf = "\r\n";
constexpr std::string_view kPlainText = "txt:";
constexpr size_t kHeaderBytes = 24;  // the longest int64 with its type and CRLF takes 23

char* Put(std::string_view bytes, char* out) {
  if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
  return out + bytes.size();
}

char* PutCrlf(char* out) { return Put(kCrlf, out); }

// Takes kHeaderBytes at most.
char* PutHeader(char type, int64_t number, char* out) {
  *out++ = type;
  if (0 <= number && number < 10) {
    *out++ = static_cast<char>('0' + number);
  } else {
    out = std::to_chars(out, out + kHeaderBytes, number).ptr;
  }
  return PutCrlf(out);
}

}  // namespace

void RespWriter::SimpleString(std::string_view text) { Line('+', text); }

void RespWriter::Error(std::string_view text) { Line('-', text); }

void RespWriter::Integer(int64_t number) { Header(':', number); }

void RespWriter::Bulk(std::string_view bytes) {
  char* const begin = out_->Room(kHeaderBytes + bytes.size() + kCrlf.size());
  char* const text = PutHeader('$', static_cast<int64_t>(bytes.size()), begin);
  out_->AppendTo(PutCrlf(Put(bytes, text)));
}

void RespWriter::Verbatim(std::string_view text) {
  if (version_ == RespVersion::k2) return Bulk(text);
  Header('=', static_cast<int64_t>(kPlainText.size() + text.size()));
  out_->Append(kPlainText);
  out_->Append(text);
  out_->Append(kCrlf);
}

void RespWriter::Null() { out_->Append(version_ == RespVersion::k2 ? "$-1\r\n" : "_\r\n"); }

void RespWriter::NullArray() { out_->Append(version_ == RespVersion::k2 ? "*-1\r\n" : "_\r\n"); }

void RespWriter::Array(size_t count) { Header('*', static_cast<int64_t>(count)); }

void RespWriter::Map(size_t pairs) {
  if (version_ == RespVersion::k2) return Array(2 * pairs);
  Header('%', static_cast<int64_t>(pairs));
}

void RespWriter::Set(size_t count) {
  Header(version_ == RespVersion::k2 ? '*' : '~', static_cast<int64_t>(count));
}

void RespWriter::Header(char type, int64_t number) {
  out_->AppendTo(PutHeader(type, number, out_->Room(kHeaderBytes)));
}

void RespWriter::Line(char type, std::string_view text) {
  char* const begin = out_->Room(1 + text.size() + kCrlf.size());
  *begin = type;
  char* const end = std::transform(text.begin(), text.end(), begin + 1,
                                   [](char c) { return c == '\r' || c == '\n' ? ' ' : c; });
  out_->AppendTo(PutCrlf(end));
}

}  // namespace idem::server
