// A store with a log, in a directory in memory: what survives, when answers may leave, and what a
// failing or full disk does to the calls.
#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "idem/store.h"
#include "tests/support/requests.h"
#include "tests/support/test_store.h"

namespace idem {
namespace {

using absl::StatusCode;
using engine::Ask;

class StoreFilesTest : public StoreTest {
 protected:
  StoreFilesTest() {
    UseDisk(Durability::kAlways);
    options_.segment_bytes = options_.backlog_bytes = 128 << 10;
    options_.policy.max_response_bytes = 16 << 10;
    Open();
  }

  // What the dead store would still write at its end nobody sees.
  void PowerCut() {
    files_.Crash();
    files_.FailCall(1, absl::UnavailableError("no power"), /*keep_failing=*/true);
    store_.reset();
    files_.FailCall(0, absl::OkStatus());
    Open();
  }
  static Request Put(std::string_view key, std::string_view value) {
    Request request = Ask(Op::kPut, key);
    request.value = value;
    return request;
  }
  std::string ValueOf(std::string_view key) {
    Request get = Ask(Op::kGet, key);
    get.want_value = true;
    const Reply reply = Execute(get);
    return reply.outcome == Outcome::kOk ? std::string(reply.response.bytes()) : "absent";
  }
  bool Commit() { return store_->Step(Store::StepKind::kCommit); }
};

// --- what survives

TEST_F(StoreFilesTest, WhatWasAnsweredSurvivesAPowerCut) {
  const std::string long_response(10'000, 'r');
  ASSERT_TRUE(BeginClaim("short").Complete("done", {.code = 201}).ok());
  ASSERT_TRUE(BeginClaim("long").Complete(long_response).ok());
  ASSERT_TRUE(BeginClaim("failed").FailFinal("declined").ok());
  ASSERT_TRUE(BeginClaim("forgotten").Complete("x").ok());
  ASSERT_TRUE(store_->Forget("forgotten").ok());
  const Token running = BeginClaim("running", {.owner = "ann"}).token();
  PowerCut();
  EXPECT_EQ(Begin<Replay>("short").code, 201);
  EXPECT_EQ(Begin<Replay>("long").response.bytes(), long_response);
  EXPECT_EQ(Begin<Replay>("failed").state, State::kFailedFinal);
  EXPECT_EQ(BeginClaim("running", {.owner = "ann"}).token(), running);
  const Claim again = BeginClaim("forgotten");
  EXPECT_EQ(again.attempt(), 1u);
  EXPECT_GT(again.token(), running) << "tokens rise over restarts";
  EXPECT_EQ(store_->GetStats().log.records_recovered, 10u);
}

TEST_F(StoreFilesTest, FingerprintsHoldOverRestarts) {
  const Fingerprint fingerprint = store_->FingerprintOf({"a", "b"});
  const Fingerprint digest = *store_->FingerprintOfDigest("d");
  const std::string id = store_->GetStats().store_id;
  Open();
  EXPECT_EQ(store_->FingerprintOf({"a", "b"}), fingerprint);
  EXPECT_EQ(*store_->FingerprintOfDigest("d"), digest);
  EXPECT_EQ(store_->GetStats().store_id, id);
}

TEST_F(StoreFilesTest, TimeWithoutTheStoreFreesNothing) {
  ASSERT_TRUE(BeginClaim("k", {.lease_ms = 10, .retention_ms = 1000}).Complete("done").ok());
  clock_.Advance(500);
  store_.reset();
  clock_.Advance(1'000'000);
  Open();
  EXPECT_LE(Begin<Replay>("k").ttl_ms, 1000);
  clock_.Advance(1000);
  ClaimAndCrash("k");
}

TEST_F(StoreFilesTest, NoTakeoverBeforeTheRestartGrace) {
  options_.restart_grace_ms = 5000;
  Claim claim = BeginClaim("before", {.lease_ms = 100});
  const Token token = claim.token();
  Open();
  clock_.Advance(4999);
  EXPECT_EQ(Begin<Busy>("before").retry_after_ms, 1);
  ClaimAndCrash("since", {.lease_ms = 1});
  clock_.Advance(1);
  ClaimAndCrash("since");
  EXPECT_EQ(BeginClaim("before").attempt(), 2u);
  EXPECT_EQ(store_->Attach("before", token).Complete("x").code(), StatusCode::kFailedPrecondition);
}

TEST_F(StoreFilesTest, ADirectoryHasOneOpener) {
  EXPECT_EQ(Store::Open(options_).status().code(), StatusCode::kAlreadyExists);
  store_.reset();
  Open();
}

// The limit on values was lowered: what is there already can still be served and changed.
TEST_F(StoreFilesTest, AValueLongerThanTheLimitOfToday) {
  const std::string value(16 << 10, 'v');
  EXPECT_EQ(Execute(Put("k", value)).outcome, Outcome::kOk);
  Commit();
  options_.policy.max_response_bytes = 1024;
  Open();
  Request deadline = Ask(Op::kSetDeadline, "k");
  deadline.retention_ms = 1000;
  EXPECT_EQ(Execute(deadline).outcome, Outcome::kOk);
  Reply reply;
  deadline.retention_ms = 2000;
  EXPECT_TRUE(store_->Transact({&deadline, 1}, {&reply, 1}));
  EXPECT_EQ(reply.outcome, Outcome::kOk);
  EXPECT_EQ(ValueOf("k"), value);
}

// --- when answers may leave

TEST_F(StoreFilesTest, AReplyMayLeaveWhenItIsCommitted) {
  int calls = 0;
  const int listener = store_->AddCommitListener([&] { ++calls; });
  const Reply put = Execute(Put("k", "v"));
  EXPECT_GT(put.lsn, store_->committed());
  EXPECT_EQ(Execute(Ask(Op::kGet, "k")).lsn, put.lsn) << "who sees it must wait as well";
  Commit();
  EXPECT_GE(store_->committed(), put.lsn);
  EXPECT_GE(store_->synced(), put.lsn);
  EXPECT_GE(calls, 1);
  const int calls_before = calls;
  store_->RemoveCommitListener(listener);
  Execute(Put("k", "w"));
  Commit();
  EXPECT_EQ(calls, calls_before);
}

TEST_F(StoreFilesTest, AnAbsenceMayLeaveWhenTheRemovalIsCommitted) {
  Execute(Put("k", "v"));
  const Reply removed = Execute(Ask(Op::kRemove, "k"));
  EXPECT_EQ(Execute(Ask(Op::kGet, "k")).lsn, removed.lsn);
  EXPECT_GT(removed.lsn, store_->committed());
}

TEST_F(StoreFilesTest, ListenersComeAndGo) {
  std::vector<int> called;
  const int first = store_->AddCommitListener([&] { called.push_back(1); });
  const int second = store_->AddCommitListener([&] { called.push_back(2); });
  EXPECT_NE(first, second);
  store_->RemoveCommitListener(first);
  store_->RemoveCommitListener(first);
  Execute(Put("k", "v"));
  Commit();
  ASSERT_FALSE(called.empty());
  for (const int listener : called) EXPECT_EQ(listener, 2);
  store_->RemoveCommitListener(second);
}

TEST_F(StoreFilesTest, AFullBacklogTakesTheRestLater) {
  const std::string value(10'000, 'v');
  std::vector<std::string> keys;
  for (int i = 0; i < 50; ++i) keys.push_back("key" + std::to_string(i));
  std::vector<Request> requests;
  for (const std::string& key : keys) requests.push_back(Put(key, value));
  std::vector<Reply> replies(requests.size());
  size_t done = 0, calls = 0;
  for (; done < requests.size() && !HasFailure(); ++calls) {
    ASSERT_LT(calls, 100u);
    const size_t more = store_->Execute(std::span(requests).subspan(done),  //
                                        std::span(replies).subspan(done));
    EXPECT_LE(more, 13u) << "the backlog holds no more";
    done += more;
    if (more == 0) {
      Reply reply;
      EXPECT_FALSE(store_->Transact({&requests[done], 1}, {&reply, 1}));
      EXPECT_EQ(Execute(Ask(Op::kGet, keys[0])).outcome, Outcome::kOk) << "reading goes on";
    }
    Commit();
    store_->Step(Store::StepKind::kPrepareSegment);
  }
  EXPECT_GT(calls, 3u);
  for (size_t i = 0; i < requests.size(); ++i) EXPECT_EQ(replies[i].outcome, Outcome::kOk) << i;
  PowerCut();
  for (const std::string& key : keys) EXPECT_EQ(ValueOf(key), value);
}

// Blocking calls wait for room themselves.
TEST_F(StoreFilesTest, CallsWaitForRoomInTheBacklog) {
  const std::string value(10'000, 'v');
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(BeginClaim("key" + std::to_string(i)).Complete(value).ok());
  }
  EXPECT_EQ(store_->Begin(std::string(1 << 20, 'k'), {}).status().code(),
            StatusCode::kInvalidArgument);
}

// --- a failing disk

TEST_F(StoreFilesTest, AfterAFailedSyncNothingIsPromised) {
  Claim claim = BeginClaim("k");
  files_.FailCall(1, absl::UnavailableError("broken"), /*keep_failing=*/true);
  EXPECT_EQ(claim.Complete("done").code(), StatusCode::kDataLoss);
  files_.FailCall(0, absl::OkStatus());
  EXPECT_FALSE(store_->log_status().ok());
  EXPECT_EQ(store_->Begin("other", {}).status().code(), StatusCode::kDataLoss);
  EXPECT_EQ(store_->Forget("k", true).code(), StatusCode::kDataLoss);
  EXPECT_EQ(Execute(Put("r", "v")).outcome, Outcome::kUnavailable);
  EXPECT_TRUE(store_->GetStats().log.failed);
  PowerCut();
  EXPECT_TRUE(store_->log_status().ok());
  ClaimAndCrash("other");
  EXPECT_TRUE(store_->Attach("k", claim.token()).Complete("done").ok());
}

TEST_F(StoreFilesTest, OnAFullDiskClaimsAreRefusedFirst) {
  std::vector<Token> tokens;
  const auto key_of = [](size_t number) { return "key" + std::to_string(number); };
  for (size_t i = 0; i < 5; ++i) tokens.push_back(BeginClaim(key_of(i)).token());
  while (store_->Step(Store::StepKind::kPrepareSegment)) {
  }
  files_.SetCapacity(0);
  absl::Status refused;
  for (int i = 0; i < 1000 && refused.ok(); ++i) {
    refused = store_->Begin("new" + std::to_string(i), {}).status();
    while (store_->Step(Store::StepKind::kPrepareSegment)) {
    }
  }
  EXPECT_EQ(refused.code(), StatusCode::kResourceExhausted) << refused;
  EXPECT_EQ(Execute(Put("r", "v")).outcome, Outcome::kNoSpace);
  for (size_t i = 0; i < tokens.size(); ++i) {
    EXPECT_TRUE(store_->Attach(key_of(i), tokens[i]).Complete("done").ok()) << i;
  }
  EXPECT_GT(store_->GetStats().refused_for_disk, 0u);
  files_.SetCapacity(1 << 30);
  clock_.Advance(10'000);
  while (store_->Step(Store::StepKind::kPrepareSegment)) {
  }
  ClaimAndCrash("after");
}

TEST_F(StoreFilesTest, OpenTellsWhatIsWrong) {
  store_.reset();
  files_.FailCall(1, absl::PermissionDeniedError("no"));
  EXPECT_EQ(Store::Open(options_).status().code(), StatusCode::kPermissionDenied);
  files_.FailCall(0, absl::OkStatus());
  Open();
}

}  // namespace
}  // namespace idem
