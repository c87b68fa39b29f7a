// What commands may see beside their arguments: the server, its threads' counters, the client.
//
// Ownership: Server owns the ServerContext, which outlives every connection; a Connection owns its
// Session.
// Thread rule: ServerContext is read by all threads; its counters are atomic. A LoopStats has one
// writing thread. A Session belongs to its connection.
#ifndef IDEM_SERVER_CONTEXT_H_
#define IDEM_SERVER_CONTEXT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "idem/store.h"
#include "server/client_memory.h"
#include "server/command_queue.h"
#include "server/command_stats.h"
#include "server/counter.h"
#include "server/event_log.h"
#include "server/options.h"
#include "server/script_cache.h"
#include "server/slow_log.h"
#include "server/tls.h"
#include "server/transaction_gate.h"
#include "server/users.h"
#include "server/wall_time.h"

namespace idem::server {

class CommandTable;

// What one event loop has seen since the start.
struct alignas(64) LoopStats {
  Counter connections;
  Counter blocked_clients;       // now
  Counter rejected_connections;  // over maxclients
  Counter commands;
  Counter error_replies;
  Counter keyspace_hits;
  Counter keyspace_misses;
  Counter protocol_errors;
  Counter output_overflows;  // connections closed because they did not read
  Counter evicted_clients;   // connections closed because all together held too much
  Counter input_bytes;
  Counter output_bytes;
  std::vector<CommandStats> commands_by_index;  // Command::index
};

// The store, or null while it is being opened.
class OpenedStore {
 public:
  explicit OpenedStore(Store* store) : store_(store) {}
  void Set(Store* store) { store_.store(store, std::memory_order_release); }

  Store* get() const { return store_.load(std::memory_order_acquire); }
  Store* operator->() const { return get(); }
  Store& operator*() const { return *get(); }

 private:
  std::atomic<Store*> store_;
};

// How far the opening of the store has come. One thread writes, any reads.
struct LoadingState {
  Counter bytes_read;
  Counter bytes_total;
  Counter records;
  Counter took_ns;  // when it is done
};

struct ServerContext {
  ServerContext(const ServerOptions& given, Store* opened, const CommandTable* table);

  Clock& clock() const { return *options.store.clock; }

  EventLog& log;
  ServerOptions options;  // with the port that is really listened on
  OpenedStore store;
  LoadingState loading;
  ClientMemory client_memory;
  ScriptCache scripts;
  TransactionGate transactions;
  Users users;
  ReloadableTls tls;
  SlowLog slow_log;
  WallTime wall_time;
  const CommandTable* commands;
  int64_t started_boot_ms;
  int64_t started_unix_ms;
  std::string run_id;
  std::atomic<uint64_t> next_client_id{1};
  std::atomic<int> clients{0};
  std::atomic<bool> stopping{false};
  std::vector<LoopStats> loops;
};

// A command that waits for something to tell, and is called again meanwhile (IDEM.CHANGES ..
// BLOCK).
struct Blocked {
  int64_t until_ms = 0;  // boot time; 0: none
  Lsn after = 0;         // where it goes on
  Lsn lsn = 0;           // must be committed before it is answered
};

// What an IDEM.MSEEN was told before the log had no more room. It goes on from there when it is run
// again.
struct SeenSoFar {
  std::vector<Outcome> outcomes;
  Lsn lsn = 0;
};

// One client, as far as commands are concerned.
struct Session {
  uint64_t id = 0;
  int64_t since_boot_ms = 0;
  std::string peer;  // "127.0.0.1:50000"
  UserPtr user;      // null: has not authenticated yet
  std::string name;
  std::string library_name;
  std::string library_version;
  bool quit = false;  // answer, then close
  Blocked blocked;
  std::unique_ptr<CommandQueue> queue;  // between MULTI and EXEC
  std::vector<WatchedKey> watched;
  SeenSoFar seen;

  // Nothing needs to be checked; see access.h.
  bool may_do_all() const { return user != nullptr && user->may_do_all(); }
  // Is this a key that the client may know of?
  bool Sees(std::string_view key) const { return user != nullptr && user->Sees(key); }
};

}  // namespace idem::server

#endif  // IDEM_SERVER_CONTEXT_H_
