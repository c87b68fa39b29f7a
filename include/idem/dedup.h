// Dedup that needs no claim: what Store::Seen, Seq and Cas take and tell.
//
// Seen: has this id come before? For work that happens in one step; who may fail half way needs
// Begin, because an id that was seen stays seen, whatever became of the work.
//
// Seq: has this number of this producer come before? One entry for a producer, whatever the volume.
// Numbers begin at 0 in each epoch. A producer that starts anew takes a higher epoch, which fences
// what is left of its former life.
//
// Cas: a value with a version. Who updates it names the version that he has read; if somebody was
// faster he is told what stands there now. The version does as an ETag: it never comes twice, not
// even for a key that was deleted and made again.
#ifndef IDEM_DEDUP_H_
#define IDEM_DEDUP_H_

#include <cstdint>
#include <optional>

#include "idem/answer.h"

namespace idem {

struct SeenOptions {
  // How long the id is remembered, from the first time on: 1 ms .. 90 d. Without it: the store's
  // default retention.
  std::optional<int64_t> ttl_ms = std::nullopt;
  // Each time the id comes it is remembered for ttl_ms from then on, if that is longer ..
  bool refresh = false;
  // .. but no longer than this from the first refresh on: ttl_ms .. 365 d; 90 d if not given. It
  // counts once; what later calls name changes nothing.
  std::optional<int64_t> cap_ms = std::nullopt;
};

struct SeqOptions {
  // How long the producer is remembered, from its latest new number on: up to 100 years; 0: for
  // ever. Without it: the store's default retention. A forgotten producer must begin at 0 again.
  std::optional<int64_t> ttl_ms = std::nullopt;
  // How far a number may run ahead of the lowest one that has not come: 0 .. 64.
  uint32_t window = 0;
};

struct SeqAnswer {
  enum class Outcome : uint8_t {
    kNew = 0,        // act on it
    kDuplicate = 1,  // it came before, in order or within the window
    kGap = 2,        // nothing was changed: send from `expected` on. An unknown producer gets 0
    kFenced = 3,     // nothing was changed: the producer has a newer `epoch`
  };
  Outcome outcome = Outcome::kNew;
  uint32_t epoch = 0;
  uint64_t expected = 0;  // the lowest number that has not come
};

// Where a producer stands. Epoch 0, expected 0: also one that is unknown.
struct SeqPosition {
  uint32_t epoch = 0;
  uint64_t expected = 0;
  int64_t ttl_ms = -1;  // how much longer it is remembered; -1: for ever
};

// A plain value as it stands. Version 0: there is none.
struct Versioned {
  Token version = 0;
  int64_t ttl_ms = -1;  // how much longer it lives; -1: for ever
  Response value = {};
};

struct CasOptions {
  // How long the value lives from now on, up to 100 years. Without it: for ever, whatever was named
  // before.
  std::optional<int64_t> ttl_ms = std::nullopt;
};

struct CasAnswer {
  // False: another version stands there; nothing was changed. If the value is the one that was to
  // be stored, it may have been stored by this very caller, whose first answer was lost.
  bool stored = false;
  Versioned now = {};  // stored: version and ttl_ms alone, the caller has the value
};

}  // namespace idem

#endif  // IDEM_DEDUP_H_
