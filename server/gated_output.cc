#include "server/gated_output.h"

#include "server/clear_and_trim.h"

namespace idem::server {
namespace {

constexpr size_t kKeptGates = 64;  // for which an idle connection keeps the room
constexpr size_t kCompactBytes = 256 << 10;

}  // namespace

void GatedOutput::SealBehindGates(Lsn lsn) {
  const bool waits_for_more = lsn > (gates_.empty() ? 0 : gates_.back().lsn);
  if (waits_for_more) {
    gates_.push_back({output_.size(), lsn});
  } else if (gates_.empty()) {
    released_ = output_.size();
  } else {
    gates_.back().end = output_.size();
  }
}

std::string_view GatedOutput::Releasable(Lsn committed) {
  while (first_gate_ < gates_.size() && gates_[first_gate_].lsn <= committed) {
    released_ = gates_[first_gate_++].end;
  }
  DropOpenGates();
  return output_.view().substr(sent_, released_ - sent_);
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
  if (sent_ == output_.size()) {
    output_.Clear();
    sent_ = released_ = 0;
  } else if (sent_ >= kCompactBytes && sent_ >= output_.size() / 2) {
    output_.DropFront(sent_);
    for (size_t i = first_gate_; i < gates_.size(); ++i) gates_[i].end -= sent_;
    released_ -= sent_;
    sent_ = 0;
  }
}

void GatedOutput::Discard() {
  output_.Clear();
  std::vector<Gate>().swap(gates_);
  first_gate_ = sent_ = released_ = 0;
}

}  // namespace idem::server
