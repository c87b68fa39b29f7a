// A producer that numbers what it sends, as Kafka's idempotent producer does, over a network that
// loses answers: it sends again what was not answered, and the broker appends each number once.
//
// A producer that starts anew takes a higher epoch. What is left of its former life is fenced.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "idem/store.h"

namespace {

using Outcome = idem::SeqAnswer::Outcome;

void Expect(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "idempotent_producer: %s\n", what);
  std::exit(1);
}

class Broker {
 public:
  explicit Broker(idem::Store& store) : store_(store) {}

  idem::SeqAnswer Append(uint32_t epoch, uint64_t seq, std::string_view message) {
    const auto answer = store_.Seq("producer-1", epoch, seq, {.ttl_ms = 0});
    Expect(answer.ok(), "is answered");
    if (answer->outcome == Outcome::kNew) log_.emplace_back(message);
    return *answer;
  }
  const std::vector<std::string>& log() const { return log_; }

 private:
  idem::Store& store_;
  std::vector<std::string> log_;
};

// Sends all messages from `next` on. Every third answer is lost, and now and then a message, too.
// Returns how many gaps it was told of.
int SendAll(Broker& broker, uint32_t epoch, uint64_t next, uint64_t end) {
  int gaps = 0;
  for (int attempt = 1; next < end; ++attempt) {
    const bool message_lost = attempt % 7 == 0;
    const uint64_t seq = message_lost ? next + 1 : next;  // the one behind it comes first
    const idem::SeqAnswer answer = broker.Append(epoch, seq, "message " + std::to_string(seq));
    gaps += answer.outcome == Outcome::kGap ? 1 : 0;
    if (attempt % 3 == 0) continue;  // the answer is lost: again
    next = answer.expected;
  }
  return gaps;
}

}  // namespace

int main() {
  auto store = idem::Store::Open({.durability = idem::Durability::kMemory});
  Expect(store.ok(), "opens");
  Broker broker(**store);
  Expect(SendAll(broker, 0, 0, 20) > 0, "what overtook a lost message is told: a gap");
  for (uint64_t seq = 0; seq < broker.log().size(); ++seq) {
    Expect(broker.log()[seq] == "message " + std::to_string(seq), "each once, in order");
  }
  Expect(broker.log().size() == 20, "all of them");
  Expect(broker.Append(1, 5, "lost").outcome == Outcome::kGap, "a new epoch begins at 0");
  Expect(broker.Append(1, 0, "after a restart").outcome == Outcome::kNew, "and then counts");
  const idem::SeqAnswer stale = broker.Append(0, 20, "a zombie");
  Expect(stale.outcome == Outcome::kFenced && stale.epoch == 1, "fences the former life");
  std::printf("20 messages over a network that loses: each appended once; a zombie is fenced\n");
  return 0;
}
