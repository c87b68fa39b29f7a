#include "tests/support/one_stripe.h"

#include "base/check.h"
#include "gtest/gtest.h"
#include "log/record.h"
#include "tests/support/text.h"

namespace idem::engine {
namespace {

bool KeepsValue(const Request& request, const Policy& policy) {
  const bool has_value = request.op == Op::kComplete || request.op == Op::kResolve ||
                         request.op == Op::kPut || (request.op == Op::kFail && request.final);
  return has_value && request.value.size() > kInlineValueBytesMax &&
         request.value.size() <= policy.max_response_bytes;
}

}  // namespace

Lsn RecordList::Append(std::span<const Image> images) {
  for (const Image& image : images) EncodeRecord(image, records.emplace_back());
  return records.size();
}

OneStripe::OneStripe(uint64_t memory_limit_bytes) : memory(memory_limit_bytes) {
  for (size_t i = 0; i < secret.size(); ++i) secret[i] = static_cast<char>(i * 7);
}

Table::Place OneStripe::PlaceOf(std::string_view key) const {
  const auto chosen = hashes.find(key);
  return Table::PlaceOf(chosen != hashes.end()
                            ? chosen->second
                            : static_cast<uint32_t>(shared.HashOf(StoredKey(key).bytes())));
}

Moment OneStripe::moment() const {
  return {.now_ms = now_ms,
          .wall_ms = kWallMsAtStart + now_ms,
          .grace_end_ms = grace_end_ms,
          .policy = &policy,
          .secret = &secret};
}

Call OneStripe::Prepare(const Request& request) {
  IDEM_CHECK(WhyInvalid(request, policy) == nullptr);
  pool.Refill();
  Call call;
  call.request = &request;
  call.key = StoredKey(request.key);
  call.place = PlaceOf(request.key);
  call.value_room = kResponseBytesMax;
  if (KeepsValue(request, policy)) call.body = BodyRef(Body::New(request.value));
  return call;
}

Reply OneStripe::Do(const Request& request) {
  Call call = Prepare(request);
  Reply reply;
  if (stripe.Execute(call, moment(), reply)) return reply;
  call.MakeRoomForSteps();
  reply = Reply{};
  EXPECT_TRUE(stripe.Execute(call, moment(), reply));
  return reply;
}

Reply OneStripe::Do(std::string_view key, Request request) {
  request.key = key;
  return Do(request);
}

absl::Status OneStripe::Apply(const Image& image, Lsn lsn) {
  pool.Refill();
  return stripe.Apply(StoredKey(image.key), PlaceOf(image.key), image, lsn);
}

absl::Status OneStripe::ApplyRecord(std::string_view record, Lsn lsn) {
  Image image;
  const absl::StatusOr<size_t> length = DecodeRecord(record, image);
  EXPECT_TRUE(length.ok()) << length.status();
  EXPECT_EQ(*length, record.size());
  return Apply(image, lsn);
}

int OneStripe::ExpireAll() {
  int slices = 1;
  for (; !Expire(1000); ++slices) IDEM_CHECK(slices < 1'000'000);
  return slices;
}

std::map<std::string, std::string> OneStripe::Dump() {
  std::string keys;
  std::vector<Stripe::Copy> copies;
  for (uint64_t from = 0; from < Table::kEnd;) {
    from = stripe.CopyFrom(from, 1000, moment(), keys, copies);
  }
  std::map<std::string, std::string> dump;
  size_t start = 0;
  for (const Stripe::Copy& copy : copies) {
    const std::string key = keys.substr(start, copy.key_end - start);
    start = copy.key_end;
    Request get;
    get.key = key;
    get.want_value = true;
    const Reply reply = Do(get);
    EXPECT_TRUE(
        dump.emplace(key, Text(Op::kGet, reply) + " lsn " + std::to_string(reply.lsn)).second);
    EXPECT_EQ(copy.about.lsn, reply.lsn);
  }
  return dump;
}

Stats OneStripe::stats() const {
  Stats stats;
  stripe.AddStats(stats);
  return stats;
}

}  // namespace idem::engine
