// The answers of one connection on their way out, each held until it may be told.
//
//            sent_        released_                           size
//  output_: ░░░░░│ may leave │ until committed >= 7 │ .. >= 9 │ still being written
//                            └──────── gates_ ──────┴─────────┘
//
// An answer may leave once the store has committed the record that it was read from. Answers keep
// their order, so one that is covered still waits for those before it.
//
// Idle connections are many: the memory is given back once everything is sent (output_buffer.h).
//
// Thread rule: none; belongs to its connection.
#ifndef IDEM_SERVER_GATED_OUTPUT_H_
#define IDEM_SERVER_GATED_OUTPUT_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "idem/answer.h"
#include "server/output_buffer.h"

namespace idem::server {

class GatedOutput {
 public:
  // The pool outlives it.
  explicit GatedOutput(BufferPool* pool) : output_(pool) {}
  GatedOutput(const GatedOutput&) = delete;
  GatedOutput& operator=(const GatedOutput&) = delete;

  // Answers are appended here, by a RespWriter; each ends with a Seal.
  OutputBuffer* buffer() { return &output_; }
  // What was appended since the last Seal, at least one byte, may leave when committed >= lsn; 0:
  // at once.
  void Seal(Lsn lsn) {
    if (gates_.empty() && lsn == 0) {
      released_ = output_.size();
    } else {
      SealBehindGates(lsn);
    }
  }

  // What may be sent now. Valid until the next call of anything else.
  std::string_view Releasable(Lsn committed);
  // The first `count` bytes of it are sent.
  void Sent(size_t count);
  // Nothing more will be sent.
  void Discard();

  size_t unsent_bytes() const { return output_.size() - sent_; }
  bool empty() const { return unsent_bytes() == 0; }
  size_t memory_bytes() const { return output_.capacity() + gates_.capacity() * sizeof(Gate); }
  bool has_gates() const { return !gates_.empty(); }

 private:
  struct Gate {
    size_t end;
    Lsn lsn;
  };

  void SealBehindGates(Lsn lsn);
  void DropOpenGates();

  OutputBuffer output_;
  std::vector<Gate> gates_;  // both fields rise
  size_t first_gate_ = 0;
  size_t sent_ = 0;
  size_t released_ = 0;
};

}  // namespace idem::server

#endif  // IDEM_SERVER_GATED_OUTPUT_H_
