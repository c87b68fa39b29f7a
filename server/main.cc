// idem-server: listens, opens the store, serves it, and stops cleanly on SIGTERM or SIGINT.
//
// Exit codes: 0 stopped; 1 the store or the port cannot be opened, or the log failed; 2 a wrong
// command line, environment or config file.
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <initializer_list>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "idem/store.h"
#include "server/option_sources.h"
#include "server/options.h"
#include "server/readiness.h"
#include "server/server.h"
#include "server/settings.h"
#include "server/store_opening.h"
#include "server/tls.h"
#include "server/version.h"

namespace idem::server {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

void Complain(const std::string& text) { std::fprintf(stderr, "idem-server: %s\n", text.c_str()); }

std::span<const char* const> Environment() {
  const char* const* const first = environ;
  const char* const* end = first;
  while (*end != nullptr) ++end;
  return {first, end};
}

bool Names(std::span<const char* const> arguments, std::string_view word) {
  return std::find(arguments.begin(), arguments.end(), word) != arguments.end();
}

// The signals that we answer, read from descriptors. Blocked for all threads started later.
struct Signals {
  sigset_t stop_set = SetOf({SIGTERM, SIGINT});
  UniqueFd stop = Catch(stop_set);
  UniqueFd reload = Catch(SetOf({SIGHUP}));

  static sigset_t SetOf(std::initializer_list<int> signals) {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : signals) sigaddset(&set, signal);
    return set;
  }
  static UniqueFd Catch(const sigset_t& set) {
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    return UniqueFd(signalfd(-1, &set, SFD_CLOEXEC));
  }
};

// Every connection is a file descriptor; the log and the loops need some too.
void FitFileLimit(ServerOptions* options) {
  constexpr rlim_t kReserved = 64;
  const rlim_t wanted = static_cast<rlim_t>(options->maxclients) + kReserved;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min(wanted, limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur == wanted) return;
  options->maxclients = static_cast<int>(limit.rlim_cur - std::min(limit.rlim_cur - 1, kReserved));
  Complain(absl::StrCat("warning: the limit of open files allows for ", options->maxclients.get(),
                        " clients only; raise it with ulimit -n, or lower --maxclients"));
}

void WarnIfNotDurable(const Options& store) {
  if (store.durability == Durability::kAlways) return;
  std::string loss = "everything is lost when the server stops";
  if (store.durability == Durability::kInterval) {
    loss = absl::StrCat("a power cut can lose the last ", store.sync_interval_ms, " ms of answers");
  } else if (store.durability == Durability::kOs) {
    loss = "a power cut can lose answers, as many as the system had not written";
  }
  Complain(absl::StrCat("warning: durability ", DurabilityName(store), ": ", loss));
}

void TellReady(const Server& server) {
  const ServerOptions& options = server.context().options;
  const std::string where = options.store.durability == Durability::kMemory
                                ? "no data directory"
                                : absl::StrCat("data in ", options.store.directory);
  std::printf("idem-server %s ready on %s, %s, durability %s, memory limit %s, %d thread%s\n",
              std::string(kIdemVersion).c_str(), server.listeners().Names().c_str(), where.c_str(),
              DurabilityName(options.store).c_str(),
              HumanBytes(options.store.memory_limit_bytes).c_str(), options.threads,
              options.threads == 1 ? "" : "s");
  std::fflush(stdout);
}

// Left pending, the signal would end the process as soon as it is unblocked.
void TakeSignal(const UniqueFd& signals) {
  signalfd_siginfo taken;
  while (read(signals.get(), &taken, sizeof(taken)) < 0 && errno == EINTR) {
  }
}

// Becomes readable when the log has failed.
class FailureAlarm {
 public:
  explicit FailureAlarm(Store* store)
      : store_(store), event_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    listener_ = store_->AddCommitListener([this] {
      if (!store_->log_status().ok()) eventfd_write(event_.get(), 1);
    });
  }
  ~FailureAlarm() { store_->RemoveCommitListener(listener_); }
  FailureAlarm(const FailureAlarm&) = delete;
  FailureAlarm& operator=(const FailureAlarm&) = delete;

  int fd() const { return event_.get(); }

 private:
  Store* store_;
  UniqueFd event_;
  int listener_ = 0;
};

void TellLoading(const LoadingState& loading) {
  if (loading.bytes_total.value() == 0) return;
  Complain(absl::StrCat("loading: ", HumanBytes(loading.bytes_read.value()), " of ",
                        HumanBytes(loading.bytes_total.value()), ", ", loading.records.value(),
                        " records"));
}

// Tells once a second how far it is. False: a stop signal came first.
bool AwaitOpening(const StoreOpening& opening, const LoadingState& loading,
                  const UniqueFd& stop_signals) {
  constexpr int kTellMs = 1000;
  pollfd events[] = {{.fd = opening.done_fd(), .events = POLLIN, .revents = 0},
                     {.fd = stop_signals.get(), .events = POLLIN, .revents = 0}};
  while (poll(events, 2, kTellMs) <= 0) TellLoading(loading);
  return events[0].revents != 0;
}

// Says so once when the disk has not answered for long, and once when it has.
class StallWatch {
 public:
  static constexpr int kLookMs = 1000;

  void Look(const LogStats& log) {
    if (IsStalled(log) == stalled_) return;
    stalled_ = !stalled_;
    Complain(stalled_ ? absl::StrCat("the disk has not answered for ", log.commit_running_ms / 1000,
                                     " s: answers wait, not ready")
                      : std::string("the disk answers again: ready"));
  }

 private:
  bool stalled_ = false;
};

// Users and certificates anew, from where they came from; if anything is wrong, the old ones stay.
void Reload(Server& server, std::span<const char* const> arguments) {
  const absl::StatusOr<ServerOptions> options = ParseOptions(arguments, Environment());
  const absl::Status status = options.ok() ? server.Reload(*options) : options.status();
  Complain(status.ok() ? "SIGHUP: users and certificates are read again"
                       : absl::StrCat("SIGHUP: users and certificates stay as they were: ",
                                      status.message()));
}

// Returns the exit code.
int ServeUntilStopped(Server& server, Store& store, std::span<const char* const> arguments,
                      const Signals& signals) {
  const FailureAlarm alarm(&store);
  pollfd events[] = {{.fd = signals.stop.get(), .events = POLLIN, .revents = 0},
                     {.fd = alarm.fd(), .events = POLLIN, .revents = 0},
                     {.fd = signals.reload.get(), .events = POLLIN, .revents = 0}};
  StallWatch stalls;
  while (events[0].revents == 0 && events[1].revents == 0) {
    const int ready = poll(events, std::size(events), StallWatch::kLookMs);
    if (ready <= 0) {
      stalls.Look(store.GetStats().log);
    } else if (events[2].revents != 0) {
      TakeSignal(signals.reload);
      Reload(server, arguments);
    }
  }
  const bool log_failed = events[1].revents != 0;
  if (events[0].revents != 0) TakeSignal(signals.stop);
  // From here on a second signal ends the process at once; the store survives that.
  pthread_sigmask(SIG_UNBLOCK, &signals.stop_set, nullptr);
  server.RequestStop(log_failed ? StopMode::kNow : StopMode::kDrain);
  server.Join();
  const absl::Status status = store.log_status();
  if (status.ok()) return 0;
  Complain(absl::StrCat("the log failed, so answers since then were not given: ", status.ToString(),
                        "; see to the disk, then start again"));
  return kFailed;
}

// What ParseOptions did not look into: the certificates.
int CheckConfig(const ServerOptions& options) {
  if (options.tls.port != 0) {
    const auto tls = TlsContext::Create(options.tls);
    if (!tls.ok()) Complain(std::string(tls.status().message()));
    if (!tls.ok()) return kUsage;
  }
  return std::puts("the configuration is good") < 0 ? kFailed : 0;
}

int Main(std::span<const char* const> arguments) {
  if (Names(arguments, "--help")) return std::fputs(UsageText().c_str(), stdout) < 0 ? kFailed : 0;
  if (Names(arguments, "--version"))
    return std::puts("idem-server " IDEM_VERSION) < 0 ? kFailed : 0;
  absl::StatusOr<ServerOptions> options = ParseOptions(arguments, Environment());
  if (!options.ok()) {
    Complain(std::string(options.status().message()));
    return kUsage;
  }
  if (options->check_only) return CheckConfig(*options);
  std::signal(SIGPIPE, SIG_IGN);
  const Signals signals;
  FitFileLimit(&*options);
  options->shut_down = [] { kill(getpid(), SIGTERM); };
  StoreOpening::Opened store = nullptr;  // outlives the server
  absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(*options);
  if (!server.ok()) {
    Complain(std::string(server.status().message()));
    return kFailed;
  }
  StoreOpening opening(options->store, &(*server)->loading());
  if (!AwaitOpening(opening, (*server)->loading(), signals.stop)) {
    // An open may be cut short anywhere, and there is no other way to end it at once.
    Complain("stopped while loading");
    _exit(0);
  }
  store = opening.Take();
  if (!store.ok()) {
    Complain(absl::StrCat("cannot open the store: ", store.status().ToString()));
    return kFailed;
  }
  (*server)->Serve(store->get());
  WarnIfNotDurable(options->store);
  TellReady(**server);
  return ServeUntilStopped(**server, **store, arguments, signals);
}

}  // namespace
}  // namespace idem::server

int main(int argc, char** argv) {
  return idem::server::Main({argv + 1, static_cast<size_t>(argc - 1)});
}
