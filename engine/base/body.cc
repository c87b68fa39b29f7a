#include "base/body.h"

#include <cstring>
#include <new>

#include "base/allocation.h"

namespace idem::engine {

Body* Body::New(std::string_view bytes) {
  void* memory = AllocateOrNull(sizeof(Body) + bytes.size());
  if (memory == nullptr) return nullptr;
  Body* body = new (memory) Body(bytes.size());
  if (!bytes.empty()) std::memcpy(static_cast<void*>(body + 1), bytes.data(), bytes.size());
  return body;
}

void Body::Unref() {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  const size_t size = sizeof(Body) + size_;
  this->~Body();
  Free(this, size);
}

}  // namespace idem::engine
