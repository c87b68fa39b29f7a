// All that can be set, one row each: --help, the flags, the environment, the config file, CONFIG
// GET and CONFIG SET are made from these rows. Names are redis.conf's where it has the thing.
//
// Rows are set in the order of the table, whatever the order of the sources; a row may rely on
// those above it.
//
// Thread-safe: the rows never change.
#ifndef IDEM_SERVER_SETTINGS_H_
#define IDEM_SERVER_SETTINGS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "server/options.h"

namespace idem::server {

enum SettingFlag : uint32_t {
  kLive = 1 << 0,     // CONFIG SET may change it: the value is Live
  kWords = 1 << 1,    // takes several words
  kRepeats = 1 << 2,  // each line adds to it
  kSecret = 1 << 3,   // never on the command line, which everybody can see, nor in an answer
};

struct Setting {
  std::string_view name;
  std::string standard;  // what it is if nobody sets it
  std::string takes;     // "0 to 65535"
  std::string_view reason;
  // Empty if the value was taken; else what is wrong with it, and nothing has changed.
  std::function<std::string(std::string_view value, ServerOptions& options)> set;
  // The value in force.
  std::function<std::string(const ServerOptions& options)> show;
  uint32_t flags = 0;

  bool Is(SettingFlag flag) const { return (flags & flag) != 0; }
};

const std::vector<Setting>& Settings();
// In any letter case, with - or _. Null if there is none.
const Setting* FindSetting(std::string_view name);
// "; did you mean port?", or a hint to --help if nothing is near.
std::string NearestSetting(std::string_view name);

// All settings, with what they take, their defaults and reasons.
std::string UsageText();

}  // namespace idem::server

#endif  // IDEM_SERVER_SETTINGS_H_
