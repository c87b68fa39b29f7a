// Who has been silent for how long: a queue of those that are waited for, the longest in front.
//
//   idle.Add(client, now_ms);                          // a sign of life
//   while (Guest* late = idle.Overdue(limit_ms, now_ms)) ..
//
// Every call takes constant time and allocates nothing but in Add.
//
// Ownership: none; a Guest is removed before it dies.
// Thread rule: none; belongs to one event loop.
#ifndef IDEM_SERVER_PATIENCE_H_
#define IDEM_SERVER_PATIENCE_H_

#include <cstdint>
#include <list>

namespace idem::server {

class Patience {
 public:
  // A base of what is waited for. In one queue at a time.
  struct Guest {
    int64_t since_ms = 0;
    Patience* queue = nullptr;
    std::list<Guest*>::iterator place;
  };

  bool empty() const { return guests_.empty(); }

  // Puts it at the end, whichever queue it was in.
  void Add(Guest& guest, int64_t now_ms) {
    guest.since_ms = now_ms;
    if (guest.queue == nullptr) {
      guest.place = guests_.insert(guests_.end(), &guest);
    } else {
      guests_.splice(guests_.end(), guest.queue->guests_, guest.place);
    }
    guest.queue = this;
  }
  void Remove(Guest& guest) {
    if (guest.queue != nullptr) guest.queue->guests_.erase(guest.place);
    guest.queue = nullptr;
  }
  // Nobody was silent before.
  void RenewAll(int64_t now_ms) {
    for (Guest* const guest : guests_) guest->since_ms = now_ms;
  }
  // The one that was silent for longest, if it was for so long. Null: nobody.
  Guest* Overdue(int64_t limit_ms, int64_t now_ms) const {
    const bool is_late = !empty() && now_ms - guests_.front()->since_ms >= limit_ms;
    return is_late ? guests_.front() : nullptr;
  }

 private:
  std::list<Guest*> guests_;
};

}  // namespace idem::server

#endif  // IDEM_SERVER_PATIENCE_H_
