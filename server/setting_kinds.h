// The kinds of rows that the table of settings is made of: numbers, bytes and words.
//
// A row is told its field by a function that works on const options, too: IDEM_FIELD(port).
#ifndef IDEM_SERVER_SETTING_KINDS_H_
#define IDEM_SERVER_SETTING_KINDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/settings.h"
#include "server/text.h"

#define IDEM_FIELD(path) ([](auto& options) -> auto& { return options.path; })

namespace idem::server {

// As redis.conf has it: k is 1000, kb is 1024.
std::optional<uint64_t> ParseBytes(std::string_view text);

// What a setting of several words may be the name of: a user, a namespace. Printable ASCII but for
// blanks and `without`.
inline constexpr size_t kSettingNameMax = 64;
bool IsSettingName(std::string_view text, std::string_view without);

template <typename T>
void SetField(T& field, int64_t value) {
  field = static_cast<T>(value);
}
template <typename T>
void SetField(Live<T>& field, int64_t value) {
  field = static_cast<T>(value);
}
template <typename T>
T ValueOf(const T& field) {
  return field;
}
template <typename T>
T ValueOf(const Live<T>& field) {
  return field.get();
}

struct Bounds {
  int64_t low;
  int64_t high;
};

// What is wrong with this number; empty if nothing is.
std::string NumberFault(std::string_view text, const Bounds& bounds);

template <typename Field>
Setting NumberSetting(std::string_view name, int64_t standard, Bounds bounds,
                      std::string_view reason, Field field, uint32_t flags = 0) {
  return {name,
          absl::StrCat(standard),
          absl::StrCat(bounds.low, " to ", bounds.high),
          reason,
          [=](std::string_view value, ServerOptions& options) {
            std::string fault = NumberFault(value, bounds);
            if (fault.empty()) SetField(field(options), *ParseInteger(value));
            return fault;
          },
          [=](const ServerOptions& options) { return absl::StrCat(ValueOf(field(options))); },
          flags};
}

template <typename Field>
Setting BytesSetting(std::string_view name, std::string_view standard, std::string_view takes,
                     Bounds bounds, std::string_view reason, Field field) {
  return {name,
          std::string(standard),
          std::string(takes),
          reason,
          [=](std::string_view value, ServerOptions& options) -> std::string {
            const std::optional<uint64_t> bytes = ParseBytes(value);
            const bool fits = bytes && std::cmp_greater_equal(*bytes, bounds.low) &&
                              std::cmp_less_equal(*bytes, bounds.high);
            if (fits) SetField(field(options), static_cast<int64_t>(*bytes));
            return fits ? ""
                        : absl::StrCat("takes ", Absl(takes),
                                       ": bytes, or a number with kb, mb or gb");
          },
          [=](const ServerOptions& options) { return absl::StrCat(ValueOf(field(options))); }};
}

template <typename Field>
Setting TextSetting(std::string_view name, std::string_view takes, std::string_view reason,
                    Field field) {
  return {name,
          "",
          std::string(takes),
          reason,
          [=](std::string_view value, ServerOptions& options) -> std::string {
            field(options) = value;
            return "";
          },
          [=](const ServerOptions& options) { return field(options); }};
}

template <typename T>
using WordList = std::vector<std::pair<std::string_view, T>>;

// "always, interval or no"
template <typename T>
std::string WordsOf(const WordList<T>& words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    const char* const between = i == 0 ? "" : i + 1 == words.size() ? " or " : ", ";
    absl::StrAppend(&text, between, Absl(words[i].first));
  }
  return text;
}

// The first word is the default. Of two words for a value the first one is shown.
template <typename T, typename Field>
Setting WordSetting(std::string_view name, const WordList<T>& words, std::string_view reason,
                    Field field, uint32_t flags = 0) {
  const std::string takes = WordsOf(words);
  return {name,
          std::string(words.front().first),
          takes,
          reason,
          [=](std::string_view value, ServerOptions& options) -> std::string {
            for (const auto& [word, meaning] : words) {
              if (!EqualsIgnoreCase(word, value)) continue;
              field(options) = meaning;
              return "";
            }
            return absl::StrCat("takes ", takes);
          },
          [=](const ServerOptions& options) -> std::string {
            for (const auto& [word, meaning] : words) {
              if (ValueOf(field(options)) == meaning) return std::string(word);
            }
            return "";
          },
          flags};
}

}  // namespace idem::server

#endif  // IDEM_SERVER_SETTING_KINDS_H_
