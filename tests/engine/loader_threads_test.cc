// Blocks of records into stripes, with any number of workers: the same state, the same refusal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "log/record.h"
#include "store/loader.h"
#include "tests/support/seeds.h"
#include "tests/support/test_size.h"

namespace idem::engine {
namespace {

constexpr size_t kStripes = 16;
constexpr size_t kWorkers[] = {0, 1, 2, 3, 8};
constexpr size_t kSmallChunk = 300;

// Encoded records on their way into blocks.
class Records {
 public:
  explicit Records(bool with_lsns = false) : with_lsns_(with_lsns) {}

  void Add(const Image& image, Lsn lsn) {
    if (count_ == 0) first_lsn_ = lsn;
    if (with_lsns_) bytes_.append(reinterpret_cast<const char*>(&lsn), sizeof(lsn));
    EncodeRecord(image, bytes_);
    ++count_;
  }
  void AddGarbage() {
    bytes_.append(100, '\xee');
    ++count_;
  }
  void EndBlock() {
    auto bytes = std::make_shared_for_overwrite<char[]>(bytes_.size());
    std::copy(bytes_.begin(), bytes_.end(), bytes.get());
    blocks.push_back({.records = {bytes.get(), bytes_.size()},
                      .bytes = bytes,
                      .record_count = std::exchange(count_, 0),
                      .first_lsn = with_lsns_ ? 0 : first_lsn_,
                      .path = path_,
                      .offset = 1000 * blocks.size()});
    bytes_.clear();
  }

  std::vector<RecordBlock> blocks;

 private:
  const bool with_lsns_;
  const std::shared_ptr<const std::string> path_ = std::make_shared<const std::string>("file");
  std::string bytes_;
  uint32_t count_ = 0;
  Lsn first_lsn_ = 0;
};

Image RegisterOf(const std::string& key, const std::string& value, Token token) {
  Image image;
  image.kind = Kind::kRegister;
  image.key = key;
  image.value = value;
  image.token = token;
  return image;
}

Image RemovalOf(const std::string& key, Token token) {
  Image image;
  image.key = key;
  image.token = token;
  return image;
}

// Few keys, so that most records meet an older one of theirs.
void AddRandom(Records& records, uint64_t seed, size_t count, Lsn first_lsn) {
  std::mt19937_64 random(seed);
  for (size_t i = 0; i < count; ++i) {
    const Lsn lsn = first_lsn + i;
    const std::string key = "key " + std::to_string(random() % 100);
    if (random() % 5 == 0) {
      records.Add(RemovalOf(key, lsn), lsn);
    } else {
      records.Add(RegisterOf(key, std::string(random() % 600, 'v') + std::to_string(lsn), lsn),
                  lsn);
    }
    if (random() % 7 == 0) records.EndBlock();
  }
  records.EndBlock();
}

// Stripes that a loader fills.
class Loaded {
 public:
  explicit Loaded(size_t workers, size_t chunk_bytes = kSmallChunk)
      : loader({&shared_, &stripes_}, workers, chunk_bytes) {}

  bool Add(const Records& records) {
    for (const RecordBlock& block : records.blocks) {
      if (!loader.Add(block)) return false;
    }
    return true;
  }

  // Key, LSN and value of every entry.
  std::map<std::string, std::string> Dump() {
    std::map<std::string, std::string> dump;
    for (const auto& stripe : stripes_) {
      stripe->CheckInvariants();
      std::string keys;
      std::vector<Stripe::Copy> copies;
      for (uint64_t from = 0; from < Table::kEnd;) {
        from = stripe->CopyFrom(from, 1000, moment_, keys, copies);
      }
      size_t start = 0;
      for (const Stripe::Copy& copy : copies) {
        dump[keys.substr(start, copy.key_end - start)] =
            std::to_string(copy.about.lsn) + " " + std::to_string(copy.about.value_bytes);
        start = copy.key_end;
      }
    }
    return dump;
  }
  uint64_t memory_used() const { return memory_.used(); }

 private:
  static Stripes MakeStripes(const StripeShared* shared) {
    Stripes stripes;
    for (size_t i = 0; i < kStripes; ++i) stripes.push_back(std::make_unique<Stripe>(shared));
    return stripes;
  }

  PagePool pool_;
  MemoryMeter memory_{uint64_t{1} << 30};
  const StripeShared shared_{
      .entry_pool = &pool_, .index_pool = &pool_, .memory = &memory_, .table_secret = &secret_};
  const HashSecret secret_{};
  const Policy policy_{};
  const Moment moment_{.now_ms = 1, .policy = &policy_, .secret = &secret_};
  Stripes stripes_ = MakeStripes(&shared_);

 public:
  Loader loader;
};

TEST(LoaderTest, AnyNumberOfWorkersGivesTheSameState) {
  RunSeeds(TestSize(40), [](uint64_t seed) {
    for (const bool with_lsns : {false, true}) {
      Records records(with_lsns);
      AddRandom(records, seed, 2000, 1);
      std::map<std::string, std::string> expected;
      for (const size_t workers : kWorkers) {
        Loaded loaded(workers);
        ASSERT_TRUE(loaded.Add(records));
        ASSERT_EQ(loaded.loader.Finish(), absl::OkStatus());
        ASSERT_EQ(loaded.loader.Finish(), absl::OkStatus()) << "once more does nothing";
        if (expected.empty()) expected = loaded.Dump();
        ASSERT_GT(expected.size(), 50u);
        ASSERT_EQ(loaded.Dump(), expected) << workers << " workers";
      }
    }
  });
}

TEST(LoaderTest, OlderRecordsAreSkippedWhereverTheyCome) {
  Records snapshot(/*with_lsns=*/true), log;
  snapshot.Add(RegisterOf("a", "new", 8), 8);
  snapshot.Add(RegisterOf("b", "only here", 3), 3);
  snapshot.EndBlock();
  log.Add(RegisterOf("a", "old", 7), 7);
  log.Add(RegisterOf("c", "c", 8), 8);
  log.EndBlock();
  for (const size_t workers : kWorkers) {
    Loaded loaded(workers);
    ASSERT_TRUE(loaded.Add(snapshot) && loaded.Add(log));
    ASSERT_TRUE(loaded.loader.Finish().ok());
    EXPECT_THAT(loaded.Dump(), testing::ElementsAre(testing::Pair("a", testing::StartsWith("8 ")),
                                                    testing::Pair("b", testing::StartsWith("3 ")),
                                                    testing::Pair("c", testing::StartsWith("8 "))));
  }
}

// Several records are wrong; the first one is told, whoever comes upon his first.
TEST(LoaderTest, TellsTheFirstRefusalInTheOrderOfBlocks) {
  Records records;
  AddRandom(records, 1, 500, 1);
  const size_t broken_block = records.blocks.size();
  for (Lsn i = 0; i < 50; ++i) {
    records.Add(RegisterOf("falls " + std::to_string(i), "v", 900), 501 + i);
  }
  records.EndBlock();
  for (Lsn i = 0; i < 50; ++i) {
    records.Add(RegisterOf("falls " + std::to_string(i), "v", 899), 551 + i);
    records.EndBlock();
  }
  records.AddGarbage();
  records.EndBlock();
  for (const size_t workers : kWorkers) {
    Loaded loaded(workers);
    loaded.Add(records);
    const absl::Status status = loaded.loader.Finish();
    EXPECT_TRUE(absl::IsDataLoss(status));
    EXPECT_EQ(status.message(), "file: offset " + std::to_string(1000 * (broken_block + 1)) +
                                    ": the token of a key falls while its log goes on, at LSN 551")
        << workers << " workers";
  }
}

TEST(LoaderTest, RefusesABlockThatIsBroken) {
  Records garbage, short_count, long_count;
  garbage.Add(RegisterOf("a", "v", 1), 1);
  garbage.AddGarbage();
  garbage.EndBlock();
  short_count.Add(RegisterOf("a", "v", 1), 1);
  short_count.Add(RegisterOf("b", "v", 2), 2);
  short_count.EndBlock();
  long_count.blocks = short_count.blocks;
  short_count.blocks[0].record_count = 1;
  long_count.blocks[0].record_count = 3;
  for (const size_t workers : kWorkers) {
    for (const Records* records : {&garbage, &short_count, &long_count}) {
      Loaded loaded(workers, 1);
      loaded.Add(*records);
      EXPECT_THAT(loaded.loader.Finish().ToString(), testing::HasSubstr("DATA_LOSS: file: offset "))
          << workers << " workers";
      EXPECT_FALSE(loaded.Add(*records)) << "nothing more is wanted";
    }
  }
}

TEST(LoaderTest, ForgetsAllAndLoadsAnew) {
  Records first, broken, second;
  AddRandom(first, 1, 1000, 5000);
  broken.AddGarbage();
  broken.EndBlock();
  AddRandom(second, 2, 1000, 1);
  for (const size_t workers : kWorkers) {
    Loaded only_second(workers), both(workers);
    only_second.Add(second);
    ASSERT_TRUE(only_second.loader.Finish().ok());
    both.Add(first);
    both.Add(broken);
    ASSERT_FALSE(both.loader.Finish().ok());
    both.loader.Clear();
    EXPECT_EQ(both.memory_used(), 0u);
    EXPECT_TRUE(both.Dump().empty());
    ASSERT_TRUE(both.Add(second));
    ASSERT_TRUE(both.loader.Finish().ok());
    EXPECT_EQ(both.Dump(), only_second.Dump());
    EXPECT_EQ(both.memory_used(), only_second.memory_used());
  }
}

TEST(LoaderTest, MayBeDroppedHalfWay) {
  Records records;
  AddRandom(records, 1, 5000, 1);
  for (const size_t workers : kWorkers) {
    Loaded loaded(workers);
    loaded.Add(records);
  }
}

}  // namespace
}  // namespace idem::engine
