// Immutable bytes under a reference count: responses and values too large to stand in an entry.
//
// Thread rule: Ref, Unref and bytes() from any thread. Whoever drops the last reference frees it.
#ifndef IDEM_BASE_BODY_H_
#define IDEM_BASE_BODY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/allocation.h"

namespace idem::engine {

class Body {
 public:
  // A copy of `bytes` with one reference; null when there is no memory.
  static Body* New(std::string_view bytes);
  // The same, but for its bytes: these are to be written at room() before anybody reads them.
  static Body* NewRoom(size_t size);
  char* room() { return reinterpret_cast<char*>(this + 1); }

  std::string_view bytes() const { return {reinterpret_cast<const char*>(this + 1), size_}; }
  // What it takes from the allocator, for accounting.
  size_t memory_bytes() const { return AllocatedBytes(sizeof(Body) + size_); }

  void Ref() { references_.fetch_add(1, std::memory_order_relaxed); }
  void Unref();

 private:
  explicit Body(uint64_t size) : size_(size) {}

  std::atomic<uint64_t> references_{1};
  const uint64_t size_;
};

// Holds one reference, or none.
class BodyRef {
 public:
  BodyRef() = default;
  // Takes over the caller's reference.
  explicit BodyRef(Body* body) : body_(body) {}
  BodyRef(BodyRef&& other) noexcept : body_(std::exchange(other.body_, nullptr)) {}
  BodyRef& operator=(BodyRef&& other) noexcept {
    std::swap(body_, other.body_);
    return *this;
  }
  ~BodyRef() {
    if (body_ != nullptr) body_->Unref();
  }

  static BodyRef Share(Body* body) {
    if (body != nullptr) body->Ref();
    return BodyRef(body);
  }
  Body* get() const { return body_; }
  Body* release() { return std::exchange(body_, nullptr); }

 private:
  Body* body_ = nullptr;
};

}  // namespace idem::engine

#endif  // IDEM_BASE_BODY_H_
