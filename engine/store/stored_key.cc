#include "store/stored_key.h"

#include <cstdint>
#include <cstring>

#include "base/coding.h"

namespace idem::engine {
namespace {

// Where the pairs of digits stand, and the hyphens.
constexpr std::array<uint8_t, kUuidBytes> kPairAt = {0,  2,  4,  6,  9,  11, 14, 16,
                                                     19, 21, 24, 26, 28, 30, 32, 34};
constexpr std::array<uint8_t, 4> kHyphenAt = {8, 13, 18, 23};

// Vectors of the compilers, of whatever the machine has.
using Characters = int8_t __attribute__((vector_size(16)));
using Bytes = uint8_t __attribute__((vector_size(16)));
using Pairs = uint16_t __attribute__((vector_size(16)));
using Words = uint64_t __attribute__((vector_size(16)));

// Sixteen digits become eight bytes, in their order, each in the low half of a pair. Marks in
// `wrong` what is no digit, or in upper case.
Pairs ParseDigits(uint64_t first, uint64_t second, Words& wrong) {
  const auto text = reinterpret_cast<Characters>(Words{first, second});
  const auto digits = reinterpret_cast<Bytes>((text >= '0') & (text <= '9'));
  const auto letters = reinterpret_cast<Bytes>((text >= 'a') & (text <= 'f'));
  wrong |= ~reinterpret_cast<Words>(digits | letters);
  // '0' .. '9' end in their value; 'a' .. 'f' in theirs less 9.
  const Bytes nibbles = (reinterpret_cast<Bytes>(text) & 0x0f) + (letters & 9);
  // The first character stands in the lower byte, and is the higher nibble.
  const auto pairs = reinterpret_cast<Pairs>(nibbles);
  return (pairs << 4 | pairs >> 8) & 0xff;
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
  Words wrong{};
  const Pairs first = ParseDigits(Load<uint64_t>(from), TwoGroups(from, 9, 14), wrong);
  const Pairs second = ParseDigits(TwoGroups(from, 19, 24), Load<uint64_t>(from + 28), wrong);
  const Bytes packed = __builtin_shufflevector(  // the lower bytes of the pairs
      reinterpret_cast<Bytes>(first), reinterpret_cast<Bytes>(second), 0, 2, 4, 6, 8, 10, 12, 14,
      16, 18, 20, 22, 24, 26, 28, 30);
  std::memcpy(uuid, &packed, kUuidBytes);
  return (wrong[0] | wrong[1]) == 0;
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
