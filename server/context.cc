#include "server/context.h"

#include "server/command_table.h"

namespace idem::server {
namespace {

EventLog& LogOf(const ServerOptions& options) {
  static EventLog silent;
  return options.log == nullptr ? silent : *options.log;
}

}  // namespace

ServerContext::ServerContext(const ServerOptions& given, Store* opened, const CommandTable* table)
    : log(LogOf(given)),
      options(given),
      store(opened),
      client_memory(given.client_memory_bytes),
      users(given.users),
      slow_log(options.slowlog_log_slower_than_us, static_cast<size_t>(given.slowlog_max_len)),
      wall_time(*given.store.clock),
      commands(table),
      started_boot_ms(given.store.clock->BootMs()),
      started_unix_ms(given.store.clock->WallMs()),
      loops(static_cast<size_t>(given.threads)) {
  for (LoopStats& loop : loops) {
    loop.commands_by_index = std::vector<CommandStats>(table->rows().size());
  }
}

}  // namespace idem::server
