// Committed offsets per partition: what a consumer did with a message and how far it came are one
// transaction, so a message that is delivered again, after a crash or a rebalance, changes nothing.
//
// The epoch is the generation of the consumer group. Who was given the partition anew begins with
// it, and fences the one who had it before. Offsets count from the first one of that generation.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "idem/store.h"

namespace {

void Expect(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "committed_offsets: %s\n", what);
  std::exit(1);
}

int AmountIn(const idem::Versioned& balance) {
  return balance.version == 0 ? 0 : std::stoi(std::string(balance.value.bytes()));
}

int BalanceOf(idem::Store& store) { return AmountIn(store.ReadVersion("balance").value()); }

// Adds 10 to the balance for the message at `offset`: both, or nothing.
idem::Outcome Consume(idem::Store& store, uint32_t generation, uint64_t offset) {
  const idem::Versioned before = store.ReadVersion("balance").value();
  const std::string balance = std::to_string(AmountIn(before) + 10);
  std::array<idem::Request, 2> requests;
  requests[0].op = idem::Op::kSeq;
  requests[0].key = "partition-3";
  requests[0].epoch = generation;
  requests[0].seq = offset;
  requests[0].retention_ms = 0;
  requests[1].op = idem::Op::kPut;
  requests[1].key = "balance";
  requests[1].value = balance;
  requests[1].condition = idem::Condition::kIfVersion;
  requests[1].expected_version = before.version;
  std::array<idem::Reply, 2> replies;
  Expect(store.Transact(requests, replies), "has room in the log");
  while (store.committed() < replies[0].lsn) store.Commit();  // only then may anyone be told
  return replies[0].outcome;
}

std::unique_ptr<idem::Store> OpenStore(const std::string& directory) {
  auto store = idem::Store::Open({.directory = directory});
  Expect(store.ok(), "opens");
  return *std::move(store);
}

void Play(const std::string& directory) {
  {
    auto store = OpenStore(directory);
    for (const uint64_t offset : {0, 1, 1, 2, 0}) Consume(*store, 1, offset);
    Expect(BalanceOf(*store) == 30, "three messages, five deliveries");
    Expect(Consume(*store, 1, 4) == idem::Outcome::kGap, "none is left out");
  }
  auto store = OpenStore(directory);
  const idem::SeqPosition position = store->ReadSeq("partition-3").value();
  Expect(position.epoch == 1 && position.expected == 3, "goes on where it was");
  Expect(Consume(*store, 1, 2) == idem::Outcome::kDuplicate, "delivered again after the restart");
  Expect(Consume(*store, 1, position.expected) == idem::Outcome::kNew, "the next one");
  Expect(Consume(*store, 2, 0) == idem::Outcome::kNew, "a new generation takes the partition");
  Expect(Consume(*store, 1, 4) == idem::Outcome::kStaleEpoch, "the old owner is fenced");
  Expect(BalanceOf(*store) == 50, "five messages, each once");
}

}  // namespace

int main() {
  std::string directory = std::filesystem::temp_directory_path() / "idem-offsets-XXXXXX";
  Expect(mkdtemp(directory.data()) != nullptr, "makes a directory");
  Play(directory);
  std::filesystem::remove_all(directory);
  std::printf("5 messages, 9 deliveries, one restart, one rebalance: the balance is 50\n");
  return 0;
}
