#include "server/gated_output.h"

#include "server/clear_and_trim.h"

namespace idem::server {
namespace {

constexpr size_t kKeptBytes = 4096;  // capacity that an idle connection keeps
constexpr size_t kKeptGates = 64;
constexpr size_t kCompactBytes = 256 << 10;

}  // namespace

void GatedOutput::Seal(Lsn lsn) {
  const bool waits_for_more = lsn > (gates_.empty() ? 0 : gates_.back().lsn);
  if (waits_for_more) {
    gates_.push_back({bytes_.size(), lsn});
  } else if (gates_.empty()) {
    released_ = bytes_.size();
  } else {
    gates_.back().end = bytes_.size();
  }
}

std::string_view GatedOutput::Releasable(Lsn committed) {
  while (first_gate_ < gates_.size() && gates_[first_gate_].lsn <= committed) {
    released_ = gates_[first_gate_++].end;
  }
  DropOpenGates();
  return std::string_view(bytes_).substr(sent_, released_ - sent_);
}

void GatedOutput::DropOpenGates() {
  if (first_gate_ == gates_.size()) {
    ClearAndTrim(&gates_, kKeptGates);
    first_gate_ = 0;
  } else if (first_gate_ >= kKeptGates && first_gate_ >= gates_.size() / 2) {
    gates_.erase(gates_.begin(), gates_.begin() + static_cast<std::ptrdiff_t>(first_gate_));
    first_gate_ = 0;
  }
}

void GatedOutput::Sent(size_t count) {
  sent_ += count;
  if (sent_ == bytes_.size()) {
    ClearAndTrim(&bytes_, kKeptBytes);
    sent_ = released_ = 0;
  } else if (sent_ >= kCompactBytes && sent_ >= bytes_.size() / 2) {
    bytes_.erase(0, sent_);
    for (size_t i = first_gate_; i < gates_.size(); ++i) gates_[i].end -= sent_;
    released_ -= sent_;
    sent_ = 0;
  }
}

void GatedOutput::Discard() {
  std::string().swap(bytes_);
  std::vector<Gate>().swap(gates_);
  first_gate_ = sent_ = released_ = 0;
}

}  // namespace idem::server
