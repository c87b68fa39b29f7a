// Before: the update with If-Match that API tutorials print: read the order's version, compare it
// with the client's, write. Two updates that come together both find it right, and one is lost.
//
// After: the same two updates with Cas. The version is the ETag. One is stored; the other is told
// 412 with what stands there now, applies its change to that, and is stored, too.
#include <barrier>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>

#include "idem/store.h"

namespace {

void Expect(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "order_update: %s\n", what);
  std::exit(1);
}

// PATCH /orders/7, If-Match: `etag`. Returns the status. `meet` makes the bad moment certain: both
// have compared before one of them writes.
int PatchBefore(idem::Store& store, idem::Token etag, const std::string& order,
                std::barrier<>& meet) {
  const bool matches = store.ReadVersion("order-7").value().version == etag;
  meet.arrive_and_wait();
  if (!matches) return 412;
  idem::Request set;  // SET order-7 order
  set.op = idem::Op::kPut;
  set.key = "order-7";
  set.value = order;
  idem::Reply reply;
  Expect(store.Execute({&set, 1}, {&reply, 1}) == 1, "writes");
  return 200;
}

// `now`: ETag and body of the response, in either case.
int PatchAfter(idem::Store& store, idem::Token etag, const std::string& order,
               idem::Versioned& now) {
  auto answer = store.Cas("order-7", etag, order);
  if (!answer.ok()) return 503;
  now = std::move(answer->now);
  return answer->stored ? 200 : 412;
}

// A client of the API that adds a word to the order, until it is in.
void AddWord(idem::Store& store, const std::string& word, std::barrier<>& meet) {
  idem::Versioned now = store.ReadVersion("order-7").value();  // GET /orders/7
  meet.arrive_and_wait();
  int status = 412;
  while (status == 412) {
    const std::string order = std::string(now.value.bytes()) + " " + word;
    status = PatchAfter(store, now.version, order, now);
  }
  Expect(status == 200, "is stored in the end");
}

std::string OrderAfter(const std::function<void(idem::Store&, const char*)>& patch) {
  auto store = idem::Store::Open({.durability = idem::Durability::kMemory});
  Expect(store.ok(), "opens");
  Expect((*store)->Cas("order-7", 0, "tea")->stored, "makes the order");
  std::thread gift([&] { patch(**store, "gift-wrapped"); });
  patch(**store, "urgent");
  gift.join();
  return std::string((*store)->ReadVersion("order-7")->value.bytes());
}

}  // namespace

int main() {
  std::barrier<> meet(2);
  const std::string before = OrderAfter([&meet](idem::Store& store, const char* word) {
    const idem::Versioned read = store.ReadVersion("order-7").value();
    meet.arrive_and_wait();
    const std::string order = std::string(read.value.bytes()) + " " + word;
    Expect(PatchBefore(store, read.version, order, meet) == 200, "tells both: stored");
  });
  const std::string after =
      OrderAfter([&meet](idem::Store& store, const char* word) { AddWord(store, word, meet); });
  std::printf("before: both 200, the order is '%s'\n", before.c_str());
  std::printf("after:  the order is '%s'\n", after.c_str());
  Expect(before == "tea urgent" || before == "tea gift-wrapped", "before: one update is lost");
  Expect(after == "tea urgent gift-wrapped" || after == "tea gift-wrapped urgent",
         "after: both updates are there");
  return 0;
}
