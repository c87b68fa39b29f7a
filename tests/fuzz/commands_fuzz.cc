// The command layer against the model of T2: a client that pipelines, cut anywhere, is told what
// each command alone is told; and each of these was executed as the model has it.
//
//            ┌─ all at once, in pieces ──► Connection ─────────────────────► bytes ─┐
//   commands ┤                                                                      ├─ equal
//            └─ one by one ──► plan ──► Store ─┬────────────────► answer ──► bytes ─┘
//                                              └─ Model: the same replies
//
//   input: lines. "+25" lets 25 ms pass. Anything else is a command of words, where $ is the token
//   of the key that the command names first, $- one less, and @300 a word of 300 bytes.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/error_texts.h"
#include "tests/fuzz/expect.h"
#include "tests/server/client.h"
#include "tests/support/model.h"
#include "tests/support/text.h"

namespace idem::server {
namespace {

constexpr size_t kWordBytesMax = 5000;
constexpr int64_t kStepMsMax = 1'000'000'000;

// One command at a time, in the simplest way.
class OneByOne {
 public:
  OneByOne() : model_(OneThreadServer::InMemory().store) {
    session_.user = server_.context().users.initial();
    offset_ms_ = 1 - server_.clock().BootMs();
    model_.Reopen(1, offset_ms_);
    Advance(1);
  }

  void Advance(int64_t ms) {
    server_.clock().Advance(ms);
    model_.SetTime(server_.clock().BootMs() + offset_ms_, server_.clock().WallMs());
  }
  Token TokenOf(const std::string& key) const { return model_.TokenOf(key); }
  CommandTable& commands() { return commands_; }

  // If there is no such command, `error` says so.
  std::string Ask(const Command* command, const std::string& error, Arguments args) {
    OutputBuffer bytes;
    RespWriter out(&bytes, version_);
    if (command == nullptr) {
      out.Error(error);
      return std::string(bytes.view());
    }
    Call call = {*command, args, server_.context(), session_};
    if (command->run != nullptr) {
      command->run(call, out);
    } else {
      AskStore(call, out);
    }
    version_ = out.version();
    return std::string(bytes.view());
  }

 private:
  void AskStore(const Call& call, RespWriter& out) {
    std::vector<Request> requests;
    Plan plan(&requests);
    call.command.plan(call, plan);
    if (plan.failed()) return out.Error(*plan.error());
    std::vector<Reply> replies(requests.size());
    if (plan.atomic()) {
      Expect(server_.store().Transact(requests, replies), "there is room in memory");
      Compare(requests, model_.AnswerTogether(requests, replies), replies);
    } else {
      Expect(server_.store().Execute(requests, replies) == requests.size(), "there is room");
      std::vector<Reply> wanted;
      wanted.reserve(requests.size());
      for (size_t i = 0; i < requests.size(); ++i) {
        wanted.push_back(model_.Answer(requests[i], replies[i]));
      }
      Compare(requests, wanted, replies);
    }
    for (size_t i = 0; i < requests.size(); ++i) {
      if (IsError(replies[i].outcome)) return out.Error(ErrorText(requests[i], replies[i]));
    }
    call.command.answer({requests, replies}, out);
  }

  // Of what was undone, only the reason is compared.
  static void Compare(const std::vector<Request>& requests, const std::vector<Reply>& wanted,
                      const std::vector<Reply>& told) {
    const auto undoes = [](const Reply& reply) {
      return IsError(reply.outcome) || reply.outcome == Outcome::kNotMet;
    };
    const bool undone = requests.size() > 1 && std::any_of(wanted.begin(), wanted.end(), undoes);
    for (size_t i = 0; i < requests.size(); ++i) {
      if (undone && !undoes(wanted[i])) continue;
      const bool same = engine::SaysTheSame(requests[i].op, wanted[i], told[i]);
      if (same) continue;
      ExpectEqual(engine::Text(requests[i].op, told[i]), engine::Text(requests[i].op, wanted[i]),
                  "the store answers as the model does");
      Expect(false, "the store says the same as the model");
    }
  }

  OneThreadServer server_;
  CommandTable commands_;
  engine::Model model_;
  Session session_{.id = 1, .peer = "127.0.0.1:50000"};
  RespVersion version_ = RespVersion::k2;
  int64_t offset_ms_ = 0;  // store time - boot time
};

// The secret of a store's fingerprints is its own.
std::string WithoutFingerprints(std::string bytes) {
  constexpr std::string_view kHeader = "$32\r\n";
  for (size_t at = bytes.find(kHeader); at != bytes.npos; at = bytes.find(kHeader, at + 1)) {
    const size_t digits = std::min<size_t>(32, bytes.size() - at - kHeader.size());
    bytes.replace(at + kHeader.size(), digits, digits, 'f');
  }
  return bytes;
}

class BothWays {
 public:
  explicit BothWays(size_t piece_bytes) : client_(server_), piece_bytes_(piece_bytes) {
    server_.clock().Advance(1);
  }
  ~BothWays() { Settle(); }
  BothWays(const BothWays&) = delete;
  BothWays& operator=(const BothWays&) = delete;

  void TakeLine(std::string_view line) {
    if (!line.starts_with('+')) return TakeCommand(line);
    int64_t ms = 0;
    const bool is_step = absl::SimpleAtoi(absl::string_view(line.data(), line.size()), &ms);
    if (!is_step || ms < 0 || ms > kStepMsMax) return;
    Settle();
    server_.clock().Advance(ms);
    one_by_one_.Advance(ms);
  }

 private:
  void TakeCommand(std::string_view line) {
    const Words words = WordsOf(line);
    if (words.empty()) return;
    const std::vector<std::string_view> args(words.begin(), words.end());
    std::string error;
    const Command* const command = one_by_one_.commands().Find(args, &error);
    if (command != nullptr && !CanFollow(*command)) return;
    unsent_ += Encode(words);
    expected_ += one_by_one_.Ask(command, error, args);
  }

  // Most that run alone change what the model does not hear of.
  static bool CanFollow(const Command& command) {
    if (command.name == "quit" || command.name == "client|info") return false;
    return command.run == nullptr || command.group == "connection";
  }

  Words WordsOf(std::string_view line) const {
    Words words;
    for (const absl::string_view part :
         absl::StrSplit(absl::string_view(line.data(), line.size()), ' ', absl::SkipEmpty())) {
      const Token token = words.size() < 2 ? 0 : one_by_one_.TokenOf(words[1]);
      size_t size = 0;
      if (part == "$" || part == "$-") {
        words.push_back(absl::StrCat(part == "$" ? token : token - 1));
      } else if (part[0] == '@' && absl::SimpleAtoi(part.substr(1), &size)) {
        words.emplace_back(std::min(size, kWordBytesMax), 'x');
      } else {
        words.emplace_back(part);
      }
    }
    return words;
  }

  void Settle() {
    std::string told;
    for (size_t at = 0; at < unsent_.size(); at += piece_bytes_) {
      Expect(client_.connection().wants_input(), "a client that reads may go on");
      client_.Feed(std::string_view(unsent_).substr(at, piece_bytes_));
      told += client_.Receive();
    }
    ExpectEqual(WithoutFingerprints(told), WithoutFingerprints(expected_),
                "a pipeline is told what each command alone is told");
    unsent_.clear();
    expected_.clear();
  }

  OneThreadServer server_;
  OneByOne one_by_one_;
  Client client_;
  const size_t piece_bytes_;
  std::string unsent_;
  std::string expected_;
};

}  // namespace
}  // namespace idem::server

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  const std::string_view input(reinterpret_cast<const char*>(bytes), count);
  idem::server::BothWays both(1 + input.size() % 97);
  size_t begin = 0;
  while (begin < input.size()) {
    const size_t end = std::min(input.find('\n', begin), input.size());
    both.TakeLine(input.substr(begin, end - begin));
    begin = end + 1;
  }
  return 0;
}
