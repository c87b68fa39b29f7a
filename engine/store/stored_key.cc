#include "store/stored_key.h"

#include <cstdint>

#include "base/coding.h"

namespace idem::engine {
namespace {

// Where the pairs of digits stand, and the hyphens.
constexpr std::array<uint8_t, kUuidBytes> kPairAt = {0,  2,  4,  6,  9,  11, 14, 16,
                                                     19, 21, 24, 26, 28, 30, 32, 34};
constexpr std::array<uint8_t, 4> kHyphenAt = {8, 13, 18, 23};

constexpr uint64_t InAll(uint8_t byte) { return 0x0101010101010101u * byte; }
// For bytes below 0x80: the high bit of each that is at least `limit`.
constexpr uint64_t AtLeast(uint64_t bytes, uint8_t limit) {
  return (bytes + InAll(static_cast<uint8_t>(0x80 - limit))) & InAll(0x80);
}

// Eight digits in one register become four bytes, in their order. Adds to `wrong` if one of them is
// no digit, or in upper case.
uint32_t ParseEight(uint64_t text, uint64_t& wrong) {
  const uint64_t letters = AtLeast(text, 'a');
  const uint64_t digits = AtLeast(text, '0') & ~AtLeast(text, '9' + 1);
  const uint64_t hex_letters = letters & ~AtLeast(text, 'f' + 1);
  wrong |= (text & InAll(0x80)) | ((digits | hex_letters) ^ InAll(0x80));
  // '0' .. '9' end in their value; 'a' .. 'f' in theirs less 9.
  uint64_t nibbles = (text & InAll(0x0f)) + (letters >> 7) * 9;
  // The first character stands in the lowest byte: join neighbours, then pairs, then fours.
  nibbles = ((nibbles << 4) | (nibbles >> 8)) & 0x00ff00ff00ff00ff;
  nibbles = (nibbles | (nibbles >> 8)) & 0x0000ffff0000ffff;
  return static_cast<uint32_t>(nibbles | (nibbles >> 16));
}

// Digits of the text that stand around its hyphens: 4 from `at`, 4 from `then`.
uint64_t TwoGroups(const char* text, size_t at, size_t then) {
  return Load<uint32_t>(text + at) | uint64_t{Load<uint32_t>(text + then)} << 32;
}

bool Pack(std::string_view text, char* uuid) {
  if (text.size() != kUuidTextBytes) return false;
  for (const uint8_t at : kHyphenAt) {
    if (text[at] != '-') return false;
  }
  const char* const from = text.data();
  uint64_t wrong = 0;
  StoreAt(uuid, ParseEight(Load<uint64_t>(from), wrong));
  StoreAt(uuid + 4, ParseEight(TwoGroups(from, 9, 14), wrong));
  StoreAt(uuid + 8, ParseEight(TwoGroups(from, 19, 24), wrong));
  StoreAt(uuid + 12, ParseEight(Load<uint64_t>(from + 28), wrong));
  return wrong == 0;
}

}  // namespace

StoredKey::StoredKey(std::string_view text) : text_(text), packed_(Pack(text, uuid_.data())) {}

void StoredKey::Unpack(const char* bytes, UuidText& text) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (const uint8_t at : kHyphenAt) text[at] = '-';
  for (size_t i = 0; i < kUuidBytes; ++i) {
    const auto byte = static_cast<uint8_t>(bytes[i]);
    text[kPairAt[i]] = kDigits[byte >> 4];
    text[kPairAt[i] + 1u] = kDigits[byte & 15];
  }
}

}  // namespace idem::engine
