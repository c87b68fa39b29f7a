#include "server/command_queue.h"

namespace idem::server {

bool CommandQueue::Add(const Command& command, std::span<const std::string_view> args) {
  for (const std::string_view arg : args) bytes_ += sizeof(std::string) + arg.size();
  if (commands_.size() >= kCommands || bytes_ > kBytes) {
    Spoil();
    return false;
  }
  commands_.push_back({&command, {args.begin(), args.end()}});
  return true;
}

}  // namespace idem::server
