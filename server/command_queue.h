// What a client has sent between MULTI and EXEC, and the keys that it watches.
//
// Ownership: the commands are rows of the table; arguments are copied.
// Thread rule: none; belongs to its Session.
#ifndef IDEM_SERVER_COMMAND_QUEUE_H_
#define IDEM_SERVER_COMMAND_QUEUE_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "idem/answer.h"

namespace idem::server {

struct Command;

class CommandQueue {
 public:
  static constexpr size_t kCommands = 10'000;
  static constexpr size_t kBytes = 64 << 20;

  struct Queued {
    const Command* command;
    std::vector<std::string> args;
  };

  // False: the queue is full, and spoiled.
  bool Add(const Command& command, std::span<const std::string_view> args);
  // A command could not be queued: EXEC will execute nothing.
  void Spoil() { spoiled_ = true; }
  bool spoiled() const { return spoiled_; }
  size_t bytes() const { return bytes_; }
  const std::vector<Queued>& commands() const { return commands_; }

 private:
  std::vector<Queued> commands_;
  size_t bytes_ = 0;
  bool spoiled_ = false;
};

// A key as it was when the client began to watch it.
struct WatchedKey {
  std::string key;
  Token version = 0;        // 0: there was none
  int64_t deadline_ms = 0;  // store time; 0: it had none
};

}  // namespace idem::server

#endif  // IDEM_SERVER_COMMAND_QUEUE_H_
