// idem-server: listens, opens the store, serves it, and stops cleanly on SIGTERM or SIGINT; a
// second one ends it at once.
//
// Exit codes: 0 stopped; 1 the store or the port cannot be opened, or the log failed; 2 a wrong
// command line, environment or config file. Why it is not 0 is said on stderr in plain words; what
// else happens goes to the event log.
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "idem/store.h"
#include "server/event_log.h"
#include "server/option_sources.h"
#include "server/options.h"
#include "server/readiness.h"
#include "server/server.h"
#include "server/service_notify.h"
#include "server/settings.h"
#include "server/signals.h"
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

// Every connection is a file descriptor; the log and the loops need some too.
void FitFileLimit(ServerOptions* options, const EventLog& log) {
  constexpr rlim_t kReserved = 64;
  const rlim_t wanted = static_cast<rlim_t>(options->maxclients) + kReserved;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min(wanted, limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur == wanted) return;
  options->maxclients = static_cast<int>(limit.rlim_cur - std::min(limit.rlim_cur - 1, kReserved));
  log.Write(LogLevel::kWarning, "few_open_files",
            {{"maxclients", options->maxclients.get()},
             {"msg",
              "the limit of open files allows for no more clients; raise it with ulimit -n, "
              "or lower --maxclients"}});
}

void WarnIfNotDurable(const Options& store, const EventLog& log) {
  if (store.durability == Durability::kAlways) return;
  std::string loss = "everything is lost when the server stops";
  if (store.durability == Durability::kInterval) {
    loss = absl::StrCat("a power cut can lose the last ", store.sync_interval_ms, " ms of answers");
  } else if (store.durability == Durability::kOs) {
    loss = "a power cut can lose answers, as many as the system had not written";
  }
  log.Write(LogLevel::kWarning, "not_durable",
            {{"durability", DurabilityName(store)}, {"msg", loss}});
}

void TellReady(const Server& server, const EventLog& log) {
  const ServerOptions& options = server.context().options;
  const std::string where = options.store.durability == Durability::kMemory
                                ? "no data directory"
                                : absl::StrCat("data in ", options.store.directory);
  log.Write(
      LogLevel::kNotice, "ready",
      {{"version", kIdemVersion}, {"port", options.port}, {"admin_port", options.admin_port}});
  // Last, so that who waits for this line finds the other in the log.
  std::printf("idem-server %s ready on %s, %s, durability %s, memory limit %s, %d thread%s\n",
              std::string(kIdemVersion).c_str(), server.listeners().Names().c_str(), where.c_str(),
              DurabilityName(options.store).c_str(),
              HumanBytes(options.store.memory_limit_bytes).c_str(), options.threads,
              options.threads == 1 ? "" : "s");
  std::fflush(stdout);
  NotifyService("READY=1\nSTATUS=ready");
}

// What SIGHUP asks for: the log file, users and certificates anew, from where they came from. If
// anything is wrong with those, the old ones stay.
void Reload(Server& server, std::span<const char* const> arguments, EventLog& log) {
  absl::Status status = log.Reopen();
  const absl::StatusOr<ServerOptions> options = ParseOptions(arguments, Environment());
  status.Update(options.ok() ? server.Reload(*options) : options.status());
  if (status.ok()) return log.Write(LogLevel::kNotice, "reloaded");
  log.Write(LogLevel::kWarning, "reload_failed", {{"error", std::string(status.message())}});
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

// Keeps the service manager patient, too.
void TellLoading(const LoadingState& loading, const EventLog& log) {
  const std::string progress = absl::StrCat("loading: ", HumanBytes(loading.bytes_read.value()),
                                            " of ", HumanBytes(loading.bytes_total.value()));
  NotifyService(absl::StrCat("EXTEND_TIMEOUT_USEC=60000000\nSTATUS=", progress));
  if (loading.bytes_total.value() == 0) return;
  log.Write(LogLevel::kNotice, "loading",
            {{"bytes", loading.bytes_read.value()},
             {"of_bytes", loading.bytes_total.value()},
             {"records", loading.records.value()}});
}

// Tells once a second how far it is. False: a stop signal came first.
bool AwaitOpening(const StoreOpening& opening, const LoadingState& loading, const Signals& signals,
                  const std::function<void()>& reload, const EventLog& log) {
  constexpr int kTellMs = 1000;
  pollfd events[] = {{.fd = opening.done_fd(), .events = POLLIN, .revents = 0},
                     {.fd = signals.fd(), .events = POLLIN, .revents = 0}};
  while (true) {
    if (poll(events, 2, kTellMs) <= 0) {
      TellLoading(loading, log);
      continue;
    }
    if (events[0].revents != 0) return true;
    const int signal = signals.Take();
    if (signal == SIGTERM || signal == SIGINT) return false;
    if (signal == SIGHUP) reload();
  }
}

// Says so once when the disk has not answered for long, and once when it has.
class StallWatch {
 public:
  static constexpr int kLookMs = 1000;

  explicit StallWatch(const EventLog& log) : log_(log) {}

  void Look(const LogStats& stats) {
    if (IsStalled(stats) == stalled_) return;
    stalled_ = !stalled_;
    if (!stalled_) return log_.Write(LogLevel::kNotice, "disk_answers");
    log_.Write(LogLevel::kWarning, "disk_stalled",
               {{"ms", stats.commit_running_ms},
                {"msg", "the disk has not answered for long: answers wait, not ready"}});
  }

 private:
  const EventLog& log_;
  bool stalled_ = false;
};

// Until a stop signal comes, or the log has failed. Says which.
std::string_view ServeUntilStopped(Store& store, const Signals& signals,
                                   const std::function<void()>& reload, const EventLog& log) {
  const FailureAlarm alarm(&store);
  pollfd events[] = {{.fd = signals.fd(), .events = POLLIN, .revents = 0},
                     {.fd = alarm.fd(), .events = POLLIN, .revents = 0}};
  StallWatch stalls(log);
  while (true) {
    if (poll(events, 2, StallWatch::kLookMs) <= 0) {
      stalls.Look(store.GetStats().log);
      continue;
    }
    if (events[1].revents != 0) return "log_failed";
    switch (signals.Take()) {
      case SIGHUP:
        reload();
        break;
      case SIGINT:
        return "SIGINT";
      case SIGTERM:
        return "SIGTERM";
      default:
        break;
    }
  }
}

// Returns the exit code.
int ServeAndStop(Server& server, Store& store, const Signals& signals,
                 const std::function<void()>& reload, const EventLog& log) {
  const std::string_view reason = ServeUntilStopped(store, signals, reload, log);
  log.Write(LogLevel::kNotice, "stopping", {{"reason", reason}});
  NotifyService("STOPPING=1");
  // From here on a second signal ends the process at once; the store survives that.
  signals.LetStopsThrough();
  server.RequestStop(store.log_status().ok() ? StopMode::kDrain : StopMode::kNow);
  server.Join();
  const absl::Status status = store.log_status();
  if (status.ok()) return 0;
  log.Write(LogLevel::kWarning, "log_failed", {{"error", status.ToString()}});
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

// From the first connection to the sealed store. Returns the exit code.
int Run(const ServerOptions& options, std::span<const char* const> arguments,
        const Signals& signals, EventLog& log) {
  StoreOpening::Opened store = nullptr;  // outlives the server
  absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(options);
  if (!server.ok()) {
    Complain(std::string(server.status().message()));
    return kFailed;
  }
  const std::function<void()> reload = [&] { Reload(**server, arguments, log); };
  StoreOpening opening(options.store, &(*server)->loading());
  if (!AwaitOpening(opening, (*server)->loading(), signals, reload, log)) {
    // An open may be cut short anywhere, and there is no other way to end it at once.
    log.Write(LogLevel::kNotice, "stopped", {{"while", "loading"}});
    _exit(0);
  }
  store = opening.Take();
  if (!store.ok()) {
    Complain(absl::StrCat("cannot open the store: ", store.status().ToString()));
    return kFailed;
  }
  (*server)->Serve(store->get());
  WarnIfNotDurable(options.store, log);
  TellReady(**server, log);
  return ServeAndStop(**server, **store, signals, reload, log);
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
  EventLog log;
  if (absl::Status status = log.Open(options->logfile, options->loglevel, Clock::System());
      !status.ok()) {
    Complain(std::string(status.message()));
    return kFailed;
  }
  options->log = &log;
  const Signals signals;
  FitFileLimit(&*options, log);
  options->shut_down = [] { kill(getpid(), SIGTERM); };
  const int code = Run(*options, arguments, signals, log);
  if (code == 0) log.Write(LogLevel::kNotice, "stopped");
  return code;
}

}  // namespace
}  // namespace idem::server

int main(int argc, char** argv) {
  return idem::server::Main({argv + 1, static_cast<size_t>(argc - 1)});
}
