#include "base/body.h"

#include <cstring>
#include <new>

#include "base/allocation.h"

namespace idem::engine {

Body* Body::NewRoom(size_t size) {
  void* memory = AllocateOrNull(sizeof(Body) + size);
  return memory == nullptr ? nullptr : new (memory) Body(size);
}

Body* Body::New(std::string_view bytes) {
  Body* body = NewRoom(bytes.size());
  if (body != nullptr && !bytes.empty()) std::memcpy(body->room(), bytes.data(), bytes.size());
  return body;
}

void Body::Unref() {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  const size_t size = sizeof(Body) + size_;
  this->~Body();
  Free(this, size);
}

}  // namespace idem::engine
