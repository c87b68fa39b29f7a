// A consumer of a queue that delivers at least once. Each message comes twice, and the consumer
// dies in the middle of its work.
//
// Seen is enough for work that happens in one step, such as adding to a counter of its own: mark
// the id, then act. Who dies between the two never acts. For work outside that can fail half way
// that is a lost mail: it needs Begin, because a claim that nobody completed is handed to the next
// delivery.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "idem/store.h"

namespace {

void Expect(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "queue_consumer: %s\n", what);
  std::exit(1);
}

struct Consumer {
  idem::Store& store;
  std::vector<std::string> mails;
  bool dies = false;  // once, when it is about to send

  // False: it died.
  bool Send(std::string_view id) {
    if (std::exchange(dies, false)) return false;
    mails.emplace_back(id);
    return true;
  }

  // Whether the message may be taken off the queue.
  bool ConsumeSeen(std::string_view id) {
    const auto first = store.Seen(id, {.ttl_ms = 86'400'000});
    Expect(first.ok(), "is answered");
    return !*first || Send(id);
  }

  bool ConsumeClaimed(std::string_view id) {
    auto answer = store.Begin(id, {}, {.lease_ms = 1, .retention_ms = 86'400'000});
    Expect(answer.ok(), "is answered");
    if (std::holds_alternative<idem::Replay>(*answer)) return true;
    auto* const claim = std::get_if<idem::Claim>(&*answer);
    if (claim == nullptr) return false;  // somebody is at it: the queue delivers again
    return Send(id) && claim->Complete("sent").ok();
  }
};

// Delivers each message until it is consumed, and once more. The first consumer dies at the second.
template <typename Consume>
std::vector<std::string> Deliver(const Consume& consume) {
  idem::FakeClock clock;
  auto store = idem::Store::Open({.durability = idem::Durability::kMemory,
                                  .restart_grace_ms = 0,
                                  .background = idem::Background::kManual,
                                  .clock = &clock});
  Expect(store.ok(), "opens");
  Consumer consumer{**store, {}, false};
  for (const std::string_view id : {"mail-1", "mail-2", "mail-3"}) {
    consumer.dies = id == "mail-2";
    for (int deliveries = 0; deliveries < 2;) {
      deliveries += consume(consumer, id) ? 1 : 0;
      clock.Advance(10);  // until the queue delivers again
    }
  }
  return consumer.mails;
}

// One batch, one wait: how a consumer of many messages asks.
void ConsumeABatch() {
  auto store = idem::Store::Open({.durability = idem::Durability::kMemory});
  Expect(store.ok(), "opens");
  const std::vector<std::string_view> ids = {"a", "b", "a", "c"};
  std::vector<absl::StatusOr<bool>> first(ids.size(), false);
  (*store)->SeenMany(ids, {.ttl_ms = 60'000}, std::span(first));
  Expect(*first[0] && *first[1] && !*first[2] && *first[3], "answers each id of a batch");
}

}  // namespace

int main() {
  ConsumeABatch();
  const auto seen = Deliver([](Consumer& to, std::string_view id) { return to.ConsumeSeen(id); });
  const auto claimed =
      Deliver([](Consumer& to, std::string_view id) { return to.ConsumeClaimed(id); });
  std::printf("Seen:  %zu of 3 mails; the one whose consumer died is lost\n", seen.size());
  std::printf("Begin: %zu of 3 mails, each once\n", claimed.size());
  Expect(seen == std::vector<std::string>({"mail-1", "mail-3"}), "never twice, but one is lost");
  Expect(claimed == std::vector<std::string>({"mail-1", "mail-2", "mail-3"}), "each once");
  return 0;
}
