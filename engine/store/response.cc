#include <cstring>
#include <utility>

#include "base/body.h"
#include "base/check.h"
#include "idem/answer.h"

namespace idem {

Response::Response(Response&& other) noexcept
    : body_(std::exchange(other.body_, nullptr)),
      shared_bytes_(other.shared_bytes_),
      size_(std::exchange(other.size_, 0)) {
  if (body_ == nullptr) std::memcpy(inline_, other.inline_, size_);
}

Response& Response::operator=(Response&& other) noexcept {
  if (this == &other) return *this;
  if (body_ != nullptr) body_->Unref();
  body_ = std::exchange(other.body_, nullptr);
  shared_bytes_ = other.shared_bytes_;
  size_ = std::exchange(other.size_, 0);
  if (body_ == nullptr) std::memcpy(inline_, other.inline_, size_);
  return *this;
}

Response::~Response() {
  if (body_ != nullptr) body_->Unref();
}

void Response::Copy(std::string_view bytes) {
  IDEM_CHECK(bytes.size() <= kInlineBytes);
  if (body_ != nullptr) std::exchange(body_, nullptr)->Unref();
  size_ = static_cast<uint32_t>(bytes.size());
  if (!bytes.empty()) std::memcpy(inline_, bytes.data(), bytes.size());
}

void Response::Share(engine::Body* body) {
  body->Ref();
  if (body_ != nullptr) body_->Unref();
  body_ = body;
  shared_bytes_ = body->bytes().data();
  size_ = static_cast<uint32_t>(body->bytes().size());
}

}  // namespace idem
