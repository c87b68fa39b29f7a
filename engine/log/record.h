// The one encoding of an after-image: in the log, in a snapshot, on a wire.
//
//    0  length 4           of the whole record, these four bytes included
//    4  kind 1             1 removal, 2 record, 3 register, 4 seen id, 5 sequence
//    5  state 1            of a record; else 0
//    6  presence bits 2    which of the optional fields follow
//    8  token 8
//   16  key bytes 2
//   18  key
//       optional fields, in the order of their bits (record.cc)
//       value              the rest; of an unfinished record its steps, packed (steps.h)
//
// There is exactly one encoding of an image: what DecodeRecord accepts encodes to the same bytes
// again. Everything else (an unknown kind or bit, a field out of range, a present field that is
// empty) is kDataLoss: a checksum stands around each batch of records, so it is never a torn write
// but damage before the checksum, or a newer writer. The LSN is not in here; the container has it.
//
// Thread rule: pure functions.
#ifndef IDEM_LOG_RECORD_H_
#define IDEM_LOG_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "log/image.h"

namespace idem::engine {

inline constexpr size_t kRecordKeyBytesMax = 1024;
inline constexpr size_t kRecordHeadBytes = 18;
// All optional fields but the value; no image has all of them.
inline constexpr size_t kRecordFieldBytesMax = 6 + 16 + 16 + 3 * 6 + 4 + 2 + 16;

// What a record of such a key and value takes at most, whatever else it holds.
constexpr size_t MaxRecordBytes(size_t key_bytes, size_t value_bytes) {
  return kRecordHeadBytes + kRecordFieldBytesMax + key_bytes + value_bytes;
}

// Writes the record of `image` at `to`, which has MaxRecordBytes of room; returns its end. An image
// that DecodeRecord would refuse is a bug of the caller.
char* EncodeRecord(const Image& image, char* to);
// The same without the bytes of the value, which the caller puts behind it.
char* EncodeRecordHead(const Image& image, char* to);
void EncodeRecord(const Image& image, std::string& to);

// The record at the front of `bytes` and its key, without a look at anything else. False: their
// lengths cannot be.
bool FindRecord(std::string_view bytes, std::string_view& record, std::string_view& key);
// Reads the record at the front of `bytes`; `image` views them. Returns its length.
absl::StatusOr<size_t> DecodeRecord(std::string_view bytes, Image& image);

}  // namespace idem::engine

#endif  // IDEM_LOG_RECORD_H_
