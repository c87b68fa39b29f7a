// Before: the payment sample that Redis tutorials print: GET the answer, else run, then SETEX it.
// Two requests that come together both see nothing, and both charge.
//
// After: the same two requests with Once. One charges; the other is told to come again, and then
// gets the first one's answer.
#include <atomic>
#include <barrier>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>

#include "idem/store.h"

namespace {

class Bank {
 public:
  std::string Charge() { return "receipt " + std::to_string(++charges_); }
  int charges() const { return charges_; }

 private:
  std::atomic<int> charges_{0};
};

void Expect(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "payment: %s\n", what);
  std::exit(1);
}

idem::Reply Execute(idem::Store& store, const idem::Request& request) {
  idem::Reply reply;
  Expect(store.Execute({&request, 1}, {&reply, 1}) == 1, "executes");
  return reply;
}

// `meet` makes the bad moment certain: everyone has looked before anyone stores.
std::string PayBefore(idem::Store& store, Bank& bank, std::barrier<>& meet) {
  idem::Request get;  // GET order-7
  get.op = idem::Op::kGet;
  get.key = "order-7";
  get.want_value = true;
  const idem::Reply found = Execute(store, get);
  meet.arrive_and_wait();
  if (found.outcome == idem::Outcome::kOk) return std::string(found.response.bytes());

  const std::string receipt = bank.Charge();
  idem::Request setex;  // SETEX order-7 86400 receipt
  setex.op = idem::Op::kPut;
  setex.key = "order-7";
  setex.value = receipt;
  setex.retention_ms = 86'400'000;
  Execute(store, setex);
  return receipt;
}

// Comes again while the first one runs, as a client does that is told "busy".
std::string PayAfter(idem::Store& store, Bank& bank, std::barrier<>& meet) {
  meet.arrive_and_wait();
  for (;;) {
    const auto paid = store.Once("order-8", store.FingerprintOf({"card 42"}),
                                 [&](idem::Claim&) { return bank.Charge(); });
    if (paid.ok()) return std::string(paid->response.bytes());
    Expect(absl::IsUnavailable(paid.status()), "is busy at worst");
  }
}

using Pay = std::function<std::string(idem::Store&, Bank&, std::barrier<>&)>;

// Two requests for one order at once: how often the card was charged.
int ChargesOfTwo(idem::Store& store, const Pay& pay, bool& same_answer) {
  Bank bank;
  std::barrier meet(2);
  std::string second;
  std::thread thread([&] { second = pay(store, bank, meet); });
  const std::string first = pay(store, bank, meet);
  thread.join();
  same_answer = first == second;
  return bank.charges();
}

}  // namespace

int main() {
  auto store = idem::Store::Open({.durability = idem::Durability::kMemory});
  Expect(store.ok(), "opens");
  bool same_answer = false;

  const int before = ChargesOfTwo(**store, PayBefore, same_answer);
  std::printf("before (GET, run, SETEX): charged %d times\n", before);
  Expect(before == 2 && !same_answer, "the race is there");

  const int after = ChargesOfTwo(**store, PayAfter, same_answer);
  std::printf("after (Once):             charged %d time\n", after);
  Expect(after == 1 && same_answer, "the race is gone");
  return 0;
}
