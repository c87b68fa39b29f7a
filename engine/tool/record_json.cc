#include "tool/record_json.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "idem/steps.h"

namespace idem::engine {
namespace {

class JsonLine {
 public:
  void Text(std::string_view name, std::string_view text) { Raw(name, JsonString(text)); }
  void Number(std::string_view name, uint64_t value) { Raw(name, absl::StrCat(value)); }
  void True(std::string_view name) { Raw(name, "true"); }
  void NumberIfSet(std::string_view name, uint64_t value) {
    if (value != 0) Number(name, value);
  }
  void TimeIfSet(std::string_view name, int64_t ms) {
    NumberIfSet(name, static_cast<uint64_t>(ms));
  }
  // An array of [name, bytes of the data], or with the data itself.
  void Steps(std::string_view packed, bool with_data) {
    std::string array;
    for (const Step& step : UnpackSteps(packed)) {
      absl::StrAppend(&array, array.empty() ? "[[" : ",[", JsonString(step.name), ",",
                      with_data ? JsonString(step.data) : absl::StrCat(step.data.size()), "]");
    }
    Raw("steps", array + "]");
  }
  std::string Finish() { return std::move(text_) + "}"; }

 private:
  void Raw(std::string_view name, const std::string& value) {
    absl::StrAppend(&text_, text_.empty() ? "{" : ",", JsonString(name), ":", value);
  }
  std::string text_;
};

const char* NameOf(const Image& image) {
  switch (image.kind) {
    case Kind::kAny:
      return "removal";
    case Kind::kRecord:
      return "record";
    case Kind::kRegister:
      return "register";
    case Kind::kSeen:
      return "seen id";
    case Kind::kSequence:
      return "sequence";
  }
  return "?";
}

const char* NameOf(State state) {
  switch (state) {
    case State::kAbsent:
      return "absent";
    case State::kInProgress:
      return "in progress";
    case State::kCompleted:
      return "completed";
    case State::kFailedFinal:
      return "failed";
    case State::kFailedRetry:
      return "failed, retry";
  }
  return "?";
}

void AddRecordFields(const Image& image, JsonLine& line) {
  line.Text("state", NameOf(image.state));
  line.Number("attempt", image.attempt);
  line.NumberIfSet("code", image.code);
  if (image.hold) line.True("hold");
  line.TimeIfSet("since_ms", image.since_ms);
  line.TimeIfSet("until_ms", image.until_ms);
  line.TimeIfSet("retention_ms", image.retention_ms);
  if (image.has_owner) {
    std::string hex;
    for (const char byte : image.owner)
      absl::StrAppendFormat(&hex, "%02x", static_cast<uint8_t>(byte));
    line.Text("owner", hex);
  }
  if (image.fingerprint.kind != Fingerprint::Kind::kNone) {
    const bool body = image.fingerprint.kind == Fingerprint::Kind::kBody;
    line.Text(body ? "body_fingerprint" : "digest_fingerprint",
              absl::StrFormat("%016x%016x", image.fingerprint.high, image.fingerprint.low));
  }
}

std::string AddDedupFields(const Image& image, JsonLine& line) {
  line.TimeIfSet("until_ms", image.until_ms);
  if (image.kind == Kind::kSequence) {
    line.Number("epoch", image.sequence.epoch);
    line.Number("next", image.sequence.next);
    if (image.sequence.ahead != 0)
      line.Text("ahead", absl::StrFormat("%016x", image.sequence.ahead));
  }
  return line.Finish();
}

}  // namespace

std::string JsonString(std::string_view bytes) {
  std::string text = "\"";
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') {
      text += '\\';
      text += c;
    } else if (byte < 0x20 || byte > 0x7e) {
      absl::StrAppendFormat(&text, "\\u%04x", byte);
    } else {
      text += c;
    }
  }
  return text + '"';
}

std::string RecordJson(const Image& image, const RecordPlace& place, bool with_value) {
  JsonLine line;
  line.Number("lsn", place.lsn);
  line.Text("file", place.file);
  line.Text("kind", NameOf(image));
  line.Text("key", image.key);
  line.NumberIfSet("token", image.token);
  if (image.absent()) return line.Finish();
  if (image.kind == Kind::kRecord) AddRecordFields(image, line);
  line.TimeIfSet("deadline_ms", image.deadline_ms);
  if (!image.has_token()) return AddDedupFields(image, line);
  if (image.value_omitted) {
    line.True("value_omitted");
    line.Number("value_bytes", image.omitted_bytes);
    line.Text("value_checksum", absl::StrFormat("%016x", image.omitted_checksum));
    return line.Finish();
  }
  if (image.kind == Kind::kRecord && !image.finished()) {
    if (!image.value.empty()) line.Steps(image.value, with_value);
    if (image.step_made) line.True("step_made");
    line.Number("value_bytes", 0);
    if (with_value) line.Text("value", "");
    return line.Finish();
  }
  line.Number("value_bytes", image.value.size());
  if (with_value) line.Text("value", image.value);
  return line.Finish();
}

}  // namespace idem::engine
