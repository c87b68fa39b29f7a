// Dedup without claims, as a library's caller sees it: Seen, Seq, Cas.
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "idem/store.h"
#include "tests/support/test_store.h"

namespace idem {
namespace {

using absl::StatusCode;

class StoreDedupTest : public StoreTest {
 protected:
  StoreDedupTest() { Open(); }

  CasAnswer Cas(std::string_view key, Token expected, std::string_view value,
                const CasOptions& options = {}) {
    return store_->Cas(key, expected, value, options).value();
  }
};

// --- Seen

TEST_F(StoreDedupTest, SeenTellsTheFirstTimeFromTheOthers) {
  EXPECT_TRUE(store_->Seen("event-1").value());
  EXPECT_FALSE(store_->Seen("event-1").value());
  EXPECT_TRUE(store_->Seen("event-2", {.ttl_ms = 100}).value());
  clock_.Advance(99);
  EXPECT_FALSE(store_->Seen("event-2", {.ttl_ms = 5'000}).value());
  clock_.Advance(1);
  EXPECT_TRUE(store_->Seen("event-2").value()) << "each id has a time of its own";
  clock_.Advance(86'400'000 - 101);
  EXPECT_FALSE(store_->Seen("event-1").value());
  clock_.Advance(1);
  EXPECT_TRUE(store_->Seen("event-1").value());
}

TEST_F(StoreDedupTest, SeenIsRefreshedUpToItsCap) {
  const SeenOptions refresh{.ttl_ms = 100, .refresh = true, .cap_ms = 250};
  EXPECT_TRUE(store_->Seen("k", refresh).value());
  for (int i = 0; i < 3; ++i) {
    clock_.Advance(80);
    EXPECT_FALSE(store_->Seen("k", refresh).value());
  }
  clock_.Advance(10);
  EXPECT_TRUE(store_->Seen("k", refresh).value());
}

TEST_F(StoreDedupTest, SeenManyAnswersInOrder) {
  std::vector<std::string> names;
  for (int i = 0; i < 200; ++i) names.push_back("event-" + std::to_string(i / 2));
  const std::vector<std::string_view> ids(names.begin(), names.end());
  std::vector<absl::StatusOr<bool>> first(ids.size(), absl::UnknownError("not answered"));
  store_->SeenMany(ids, {}, std::span(first));
  for (size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(first[i].value(), i % 2 == 0) << i;
  EXPECT_EQ(store_->GetStats().seen_ids, 100u);
  EXPECT_EQ(store_->GetStats().duplicates, 100u);
}

TEST_F(StoreDedupTest, SeenErrors) {
  ClaimAndCrash("record");
  const std::array<std::string_view, 3> ids = {"a", "", "record"};
  std::array<absl::StatusOr<bool>, 3> first;
  store_->SeenMany(ids, {}, first);
  EXPECT_TRUE(first[0].value());
  EXPECT_EQ(first[1].status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(first[2].status().code(), StatusCode::kFailedPrecondition);
  for (const SeenOptions& bad : {SeenOptions{.ttl_ms = 0}, SeenOptions{.ttl_ms = 7'776'000'001},
                                 SeenOptions{.ttl_ms = 2, .refresh = true, .cap_ms = 1}}) {
    EXPECT_EQ(store_->Seen("k", bad).status().code(), StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(store_->Begin("a", {}).status().code(), StatusCode::kFailedPrecondition);
}

// --- Seq

TEST_F(StoreDedupTest, SeqCountsAProducer) {
  using Outcome = SeqAnswer::Outcome;
  const auto seq = [this](uint32_t epoch, uint64_t number, const SeqOptions& options = {}) {
    return store_->Seq("p", epoch, number, options).value();
  };
  EXPECT_EQ(seq(0, 1).outcome, Outcome::kGap);
  EXPECT_EQ(store_->ReadSeq("p").value().expected, 0u);
  EXPECT_EQ(seq(0, 0).outcome, Outcome::kNew);
  EXPECT_EQ(seq(0, 0).outcome, Outcome::kDuplicate);
  EXPECT_EQ(seq(0, 2).expected, 1u);
  EXPECT_EQ(seq(0, 2, {.window = 1}).outcome, Outcome::kNew);
  EXPECT_EQ(seq(0, 2).outcome, Outcome::kDuplicate);
  EXPECT_EQ(seq(0, 1).expected, 3u);
  EXPECT_EQ(seq(1, 0).outcome, Outcome::kNew);
  EXPECT_EQ(seq(0, 3).outcome, Outcome::kFenced);
  EXPECT_EQ(seq(0, 3).epoch, 1u);
  EXPECT_EQ(store_->GetStats().sequences, 1u);
}

TEST_F(StoreDedupTest, SeqIsForgottenAfterItsTime) {
  EXPECT_EQ(store_->Seq("p", 0, 0, {.ttl_ms = 100}).value().outcome, SeqAnswer::Outcome::kNew);
  clock_.Advance(60);
  EXPECT_EQ(store_->Seq("p", 0, 1, {.ttl_ms = 100}).value().outcome, SeqAnswer::Outcome::kNew);
  clock_.Advance(60);
  EXPECT_EQ(store_->ReadSeq("p").value().ttl_ms, 40);
  clock_.Advance(40);
  EXPECT_EQ(store_->Seq("p", 0, 2).value().outcome, SeqAnswer::Outcome::kGap);
  EXPECT_EQ(store_->Seq("q", 0, 0, {.ttl_ms = 0}).value().outcome, SeqAnswer::Outcome::kNew);
  EXPECT_EQ(store_->ReadSeq("q").value().ttl_ms, -1);
}

TEST_F(StoreDedupTest, SeqErrors) {
  EXPECT_EQ(store_->Seq("p", 0, uint64_t{1} << 53).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->Seq("p", 0, 0, {.window = 65}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->Seq("p", 0, 0, {.ttl_ms = -1}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(store_->Seen("id").value());
  EXPECT_EQ(store_->Seq("id", 0, 0).status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->ReadSeq("id").status().code(), StatusCode::kFailedPrecondition);
}

// --- Together with what the message does

TEST_F(StoreDedupTest, ATransactionHappensOnceForAMessage) {
  const auto deposit = [this](Request dedup, std::string_view balance) {
    Request put{.op = Op::kPut, .key = "balance", .value = balance};
    const std::array<Request, 2> requests = {dedup, put};
    std::array<Reply, 2> replies;
    EXPECT_TRUE(store_->Transact(requests, replies));
    return replies[0].outcome;
  };
  const Request seen{.op = Op::kSeen, .key = "message-1"};
  EXPECT_EQ(deposit(seen, "100"), Outcome::kNew);
  EXPECT_EQ(deposit(seen, "200"), Outcome::kDuplicate);
  const auto offset = [](uint32_t epoch, uint64_t seq) {
    return Request{.op = Op::kSeq, .key = "partition-3", .epoch = epoch, .seq = seq};
  };
  EXPECT_EQ(deposit(offset(1, 1), "300"), Outcome::kGap);
  EXPECT_EQ(store_->ReadVersion("balance").value().value.bytes(), "100");
  EXPECT_EQ(deposit(offset(1, 0), "400"), Outcome::kNew);
  EXPECT_EQ(deposit(offset(1, 0), "500"), Outcome::kDuplicate);
  EXPECT_EQ(deposit(offset(0, 1), "600"), Outcome::kStaleEpoch);
  EXPECT_EQ(store_->ReadVersion("balance").value().value.bytes(), "400");
}

// --- What a restart keeps

TEST_F(StoreDedupTest, AllOfItIsThereAfterARestart) {
  options_ = {.directory = "store"};
  options_.durability = Durability::kInterval;
  options_.background = Background::kManual;
  options_.clock = &clock_;
  options_.file_system = &files_;
  Open();
  EXPECT_TRUE(store_->Seen("id").value());
  EXPECT_EQ(store_->Seq("p", 4, 0).value().outcome, SeqAnswer::Outcome::kNew);
  EXPECT_EQ(store_->Seq("p", 4, 2, {.window = 2}).value().outcome, SeqAnswer::Outcome::kNew);
  // A key may be a value first, with a version, and then an id, which has none.
  EXPECT_TRUE(Cas("key", 0, "v", {.ttl_ms = 10}).stored);
  clock_.Advance(10);
  EXPECT_TRUE(store_->Seen("key").value());
  for (const bool with_snapshot : {false, true}) {
    EXPECT_TRUE(!with_snapshot || store_->Snapshot().ok());
    Open();
    ASSERT_NE(store_, nullptr);
    EXPECT_FALSE(store_->Seen("id").value());
    EXPECT_FALSE(store_->Seen("key").value());
    EXPECT_EQ(store_->Seq("p", 4, 2).value().outcome, SeqAnswer::Outcome::kDuplicate);
    EXPECT_EQ(store_->ReadSeq("p").value().expected, 1u);
    EXPECT_EQ(store_->ReadSeq("p").value().epoch, 4u);
  }
}

// --- Cas

TEST_F(StoreDedupTest, CasStoresOnTheVersionThatWasRead) {
  const CasAnswer made = Cas("order-7", 0, "new");
  ASSERT_TRUE(made.stored);
  const Versioned read = store_->ReadVersion("order-7").value();
  EXPECT_EQ(read.version, made.now.version);
  EXPECT_EQ(read.value.bytes(), "new");
  EXPECT_EQ(read.ttl_ms, -1);
  const CasAnswer updated = Cas("order-7", read.version, "paid");
  ASSERT_TRUE(updated.stored);
  EXPECT_GT(updated.now.version, read.version);
  EXPECT_EQ(store_->ReadVersion("order-7").value().value.bytes(), "paid");
}

TEST_F(StoreDedupTest, CasTellsWhoWasFaster) {
  const Token version = Cas("k", 0, "first").now.version;
  for (const Token other : {Token{0}, version - 1, version + 1, ~Token{0}}) {
    const CasAnswer refused = Cas("k", other, "second");
    EXPECT_FALSE(refused.stored);
    EXPECT_EQ(refused.now.version, version);
    EXPECT_EQ(refused.now.value.bytes(), "first");
  }
  const CasAnswer absent = Cas("other", version, "second");
  EXPECT_FALSE(absent.stored);
  EXPECT_EQ(absent.now.version, 0u);
  EXPECT_EQ(store_->ReadVersion("other").value().version, 0u);
}

TEST_F(StoreDedupTest, CasVersionDoesNotComeBackWithTheKey) {
  const Token first = Cas("k", 0, "a", {.ttl_ms = 100}).now.version;
  clock_.Advance(100);
  EXPECT_EQ(Cas("k", first, "b").now.version, 0u);
  EXPECT_GT(Cas("k", 0, "a").now.version, first);
  EXPECT_FALSE(Cas("k", first, "b").stored);
}

TEST_F(StoreDedupTest, CasNamesTheTimeToLiveAnew) {
  const CasAnswer made = Cas("k", 0, "a", {.ttl_ms = 100});
  EXPECT_EQ(made.now.ttl_ms, 100);
  clock_.Advance(40);
  EXPECT_EQ(store_->ReadVersion("k").value().ttl_ms, 60);
  const CasAnswer updated = Cas("k", made.now.version, "b");
  EXPECT_EQ(updated.now.ttl_ms, -1);
  EXPECT_EQ(store_->ReadVersion("k").value().ttl_ms, -1);
}

TEST_F(StoreDedupTest, CasErrors) {
  EXPECT_EQ(store_->Cas("", 0, "v").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->Cas("k", 0, std::string((1 << 20) + 1, 'v')).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->Cas("k", 0, "v", {.ttl_ms = -1}).status().code(), StatusCode::kInvalidArgument);
  ClaimAndCrash("record");
  EXPECT_EQ(store_->Cas("record", 0, "v").status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->ReadVersion("record").status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->ReadVersion("").status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace idem
