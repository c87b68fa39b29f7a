// Writes replies: the answer half of RESP, in version 2 or 3.
//
// Each call appends one reply, or the header of an aggregate whose elements the next calls append,
// to the connection's output. A handler says what it means (a map, a null); the version decides the
// bytes:
//
//                 RESP2                RESP3
//   Null          $-1                  _
//   NullArray     *-1                  _
//   Map(n)        *2n                  %n
//   Set(n)        *n                   ~n
//   Verbatim      $len, text           =len+4, txt:text
//
// The rest looks the same in both. Does no I/O and does not fail; the output grows by what is
// written, and the connection bounds it. A value: a pointer and a version.
//
// Thread rule: none; a writer belongs to its connection.
#ifndef IDEM_SERVER_RESP_WRITER_H_
#define IDEM_SERVER_RESP_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "server/output_buffer.h"

namespace idem::server {

enum class RespVersion : uint8_t { k2 = 2, k3 = 3 };

class RespWriter {
 public:
  // `out` outlives the writer.
  explicit RespWriter(OutputBuffer* out, RespVersion version = RespVersion::k2)
      : out_(out), version_(version) {}

  RespVersion version() const { return version_; }
  // HELLO: for the replies that follow, its own included.
  void set_version(RespVersion version) { version_ = version; }

  // One line; a CR or LF inside becomes a blank, as in Redis, so that no text can forge a reply.
  void SimpleString(std::string_view text);
  // `text` begins with the one-word code: "ERR syntax error".
  void Error(std::string_view text);

  void Integer(int64_t number);
  void Bulk(std::string_view bytes);
  void Verbatim(std::string_view text);  // text for people, such as INFO
  void Null();
  void Encoded(std::string_view replies) { out_->Append(replies); }  // by another writer
  void NullArray();  // where RESP2 has an array or nothing, such as an aborted EXEC

  // Followed by `count` replies; for a map by `pairs` times key, value.
  void Array(size_t count);
  void Map(size_t pairs);
  void Set(size_t count);

 private:
  void Header(char type, int64_t number);
  void Line(char type, std::string_view text);

  OutputBuffer* out_;
  RespVersion version_;
};

}  // namespace idem::server

#endif  // IDEM_SERVER_RESP_WRITER_H_
