// Writes the golden directories of the present format. Run once for each version of the format;
// README.md tells how.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "idem/clock.h"
#include "idem/memory_file_system.h"
#include "idem/store.h"
#include "tests/support/golden_state.h"

namespace idem {
namespace {

using Contents = std::map<std::string, std::string>;  // of files, by name

class GoldenStore {
 public:
  explicit GoldenStore(Durability durability) {
    options_.directory = "store";
    options_.durability = durability;
    options_.segment_bytes = 64 << 10;
    options_.policy.max_response_bytes = 1000;
    options_.background = Background::kManual;
    options_.clock = &clock_;
    options_.file_system = &files_;
    store_ = Store::Open(options_).value();
  }

  // Every kind of entry in every state, and some that are gone.
  void WriteAllKinds(const std::string& prefix) {
    const auto key = [&prefix](const char* name) { return prefix + "/" + name; };
    const Fingerprint body = store_->FingerprintOf({"POST /charges", "card 42"});
    const Fingerprint digest = store_->FingerprintOfDigest("0123456789abcdef").value();
    Claim(key("in progress"), body, {.owner = "worker 1"}).Extend(60'000).IgnoreError();
    Claim(key("held"), digest, {.lease_ms = 1000, .hold = true}).Extend(2000).IgnoreError();
    Check(Claim(key("completed"), body).Complete("receipt 1001", {.code = 201}));
    Check(Claim(key("completed, nothing to say"), {}).Complete(""));
    Check(Claim(key("too large to keep"), digest).Complete(std::string(1001, 'r')));
    Check(Claim(key("failed"), body).FailFinal("no such card", {.code = 402}));
    Check(Claim(key("failed for retry"), body).FailRetry(5000));
    WriteSteps(prefix, body);
    Check(Claim(key("second attempt"), body).FailRetry());
    Check(Claim(key("second attempt"), body).Complete("at last"));
    Check(Claim(key("released"), body).Release());
    Check(Claim(key("forgotten"), body).Complete("gone"));
    Check(store_->Forget(key("forgotten")));
    Put(key("register"), "value", 0);
    Put(key("register that expires"), std::string("\0\xff", 2), 3'600'000);
    Put(key("overwritten"), "first", 0);
    Put(key("overwritten"), "second", 0);
    Execute({.op = Op::kSeen, .key = key("seen")}, Outcome::kNew);
    const std::string refreshed_id = key("seen and refreshed"), producer = key("producer");
    Request refreshed{.op = Op::kSeen, .key = refreshed_id};
    refreshed.refresh = true;
    Execute(refreshed, Outcome::kNew);
    Execute({.op = Op::kSeen, .key = key("seen and removed")}, Outcome::kNew);
    Execute({.op = Op::kRemove, .key = key("seen and removed")});
    for (const uint64_t seq : {0, 1, 4, 9}) {
      Request request{.op = Op::kSeq, .key = producer, .epoch = 3, .seq = seq};
      request.window = 64;
      Execute(request, Outcome::kNew);
    }
    clock_.Advance(777);
  }

  // Just made, renewed, handed on to the next claim, without their data.
  void WriteSteps(const std::string& prefix, const Fingerprint& body) {
    const auto key = [&prefix](const char* name) { return prefix + "/" + name; };
    idem::Claim just_made = Claim(key("steps, just made"), body);
    Check(just_made.Step("charge", "ch_1001"));
    Check(just_made.Step("mail", ""));
    idem::Claim renewed = Claim(key("steps, renewed"), {}, {.owner = "worker 1"});
    Check(renewed.Step("charge", std::string("\0\xff", 2)));
    Check(renewed.Extend(60'000));
    idem::Claim failed = Claim(key("steps, failed for retry"), body);
    Check(failed.Step("charge", "ch_1002"));
    Check(failed.FailRetry(5000));
    idem::Claim first = Claim(key("steps, second attempt"), body);
    Check(first.Step("charge", "ch_1003"));
    Check(first.FailRetry());
    Check(Claim(key("steps, second attempt"), body).Step("mail", std::string(300, 'm')));
    idem::Claim forgotten = Claim(key("steps, data forgotten"), body);
    Check(forgotten.Step("charge", "ch_1004"));
    Check(store_->ForgetBody(key("steps, data forgotten"), /*force=*/true));
    idem::Claim finished = Claim(key("steps, finished"), body);
    Check(finished.Step("charge", "ch_1005"));
    Check(finished.Complete("receipt 1005"));
  }

  // Enough to go on into the next segment; most of it is removed again.
  void Fill(int count) {
    for (int i = 0; i < count; ++i) {
      Step(Store::StepKind::kPrepareSegment);
      const std::string key = "fill/" + std::to_string(i);
      Put(key, std::string(900, 'f'), 86'400'000);
      if (i % 20 != 0) Execute({.op = Op::kRemove, .kind = Kind::kRegister, .key = key});
    }
  }
  void Snapshot() { Check(store_->Snapshot()); }
  void Step(Store::StepKind kind) {
    while (store_->Step(kind)) {
    }
  }

  void Stop() { store_.reset(); }
  void Kill() {
    before_ = ReadFiles();
    store_.reset();
  }
  // The files as the kill left them, or the stop.
  Contents Files() { return before_.empty() ? ReadFiles() : before_; }

 private:
  idem::Claim Claim(const std::string& key, const Fingerprint& fingerprint,
                    const BeginOptions& options = {}) {
    return std::get<idem::Claim>(store_->Begin(key, fingerprint, options).value());
  }
  void Put(const std::string& key, std::string_view value, int64_t retention_ms) {
    Request request{.op = Op::kPut, .key = key, .value = value};
    request.retention_ms = retention_ms;
    Execute(request);
  }
  void Execute(const Request& request, Outcome outcome = Outcome::kOk) {
    Reply reply;
    while (store_->Execute({&request, 1}, {&reply, 1}) == 0) {
      Step(Store::StepKind::kCommit);
      Step(Store::StepKind::kPrepareSegment);
    }
    IDEM_CHECK(reply.outcome == outcome);
    Step(Store::StepKind::kCommit);
  }
  // Every file but LOCK.
  Contents ReadFiles() {
    Contents contents;
    const std::vector<std::string> names = files_.List(options_.directory).value();
    for (const std::string& name : names) {
      if (name != "LOCK") contents[name] = files_.Read(options_.directory + "/" + name).value();
    }
    return contents;
  }
  static void Check(const absl::Status& status) { IDEM_CHECK(status.ok()); }

  FakeClock clock_;
  MemoryFileSystem files_;
  Options options_;
  std::unique_ptr<Store> store_;
  Contents before_;
};

Contents Killed(Durability durability) {
  GoldenStore store(durability);
  store.WriteAllKinds("first");
  store.Fill(durability == Durability::kAlways ? 5 : 70);
  store.WriteAllKinds("last");
  store.Kill();
  return store.Files();
}

Contents Stopped() {
  GoldenStore store(Durability::kAlways);
  store.WriteAllKinds("only");
  store.Stop();
  return store.Files();
}

// The last byte that was written never reached the disk.
Contents Torn() {
  GoldenStore store(Durability::kAlways);
  store.WriteAllKinds("only");
  store.Kill();
  Contents files = store.Files();
  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    const size_t end = file->second.find_last_not_of('\0');
    if (end == std::string::npos) continue;
    file->second[end] = '\0';
    break;
  }
  return files;
}

Contents WithSnapshots() {
  GoldenStore store(Durability::kAlways);
  store.WriteAllKinds("first");
  store.Snapshot();
  store.Fill(10);
  store.Snapshot();
  store.WriteAllKinds("last");
  store.Kill();
  return store.Files();
}

void Write(const std::filesystem::path& directory, const char* name, const Contents& files) {
  std::filesystem::create_directories(directory / name);
  for (const auto& [file, bytes] : files) {
    std::ofstream(directory / name / file, std::ios::binary) << bytes;
  }
  std::ofstream(directory / (std::string(name) + ".state")) << engine::StateText(files);
}

}  // namespace
}  // namespace idem

int main(int argc, char** argv) {
  if (argc != 2 || std::filesystem::exists(argv[1])) {
    std::fprintf(stderr, "usage: idem_write_golden NEW_DIRECTORY\n");
    return 64;
  }
  idem::Write(argv[1], "always", idem::Killed(idem::Durability::kAlways));
  idem::Write(argv[1], "interval", idem::Killed(idem::Durability::kInterval));
  idem::Write(argv[1], "os", idem::Killed(idem::Durability::kOs));
  idem::Write(argv[1], "stopped", idem::Stopped());
  idem::Write(argv[1], "torn", idem::Torn());
  idem::Write(argv[1], "snapshots", idem::WithSnapshots());
  return 0;
}
