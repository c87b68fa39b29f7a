// Bytes that wait to be sent, and where they wait.
//
// A connection has something to send for a moment only, so the connections of a loop share memory:
// a BufferPool lends a block at the first byte and takes it back when everything is sent. In steady
// state nothing is allocated, the same blocks stay in the cache, and an idle connection holds none.
//
//   OutputBuffer: [ sent, dropped by DropFront ][ view() ][ Room() ]
//
// Thread rule: none; a pool and its buffers belong to one event loop. The pool outlives them.
#ifndef IDEM_SERVER_OUTPUT_BUFFER_H_
#define IDEM_SERVER_OUTPUT_BUFFER_H_

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace idem::server {

// A piece of memory, or none.
struct Block {
  std::unique_ptr<char[]> bytes;
  size_t capacity = 0;
};

class BufferPool {
 public:
  BufferPool() = default;
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  // Makes `block` one of at least `bytes`; the one that came back last, if it is large enough.
  void Lend(size_t bytes, Block& block);
  // Keeps it, unless it is unusually large or there are many.
  void TakeBack(Block block);

  size_t kept_bytes() const { return kept_bytes_; }

 private:
  std::vector<Block> blocks_;
  size_t kept_bytes_ = 0;
};

class OutputBuffer {
 public:
  // Without a pool it has memory of its own.
  explicit OutputBuffer(BufferPool* pool = nullptr) : pool_(pool) {}
  ~OutputBuffer() { Clear(); }
  OutputBuffer(const OutputBuffer&) = delete;
  OutputBuffer& operator=(const OutputBuffer&) = delete;

  // At least `bytes` writable bytes behind the end. AppendTo(end) makes those before `end` part of
  // the buffer.
  char* Room(size_t bytes) {
    if (block_.capacity - size_ < bytes) Grow(bytes);
    return block_.bytes.get() + size_;
  }
  void AppendTo(const char* end) { size_ = static_cast<size_t>(end - block_.bytes.get()); }
  void Append(std::string_view bytes);

  void DropFront(size_t count);
  // Gives the memory back too.
  void Clear();

  size_t size() const { return size_; }
  size_t capacity() const { return block_.capacity; }
  std::string_view view() const { return {block_.bytes.get(), size_}; }

 private:
  void Grow(size_t bytes);
  void GiveBack(Block block);

  BufferPool* pool_;
  Block block_;
  size_t size_ = 0;
};

}  // namespace idem::server

#endif  // IDEM_SERVER_OUTPUT_BUFFER_H_
