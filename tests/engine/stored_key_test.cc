#include "store/stored_key.h"

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>

#include "gtest/gtest.h"
#include "log/image.h"
#include "store/entry.h"
#include "tests/support/seeds.h"
#include "tests/support/test_size.h"

namespace idem::engine {
namespace {

constexpr std::string_view kUuid = "0190a3f4-7c1e-7b52-9d3e-5f60718293a4";

std::string RandomUuid(std::mt19937_64& random) {
  std::string text(kUuid);
  for (char& c : text) {
    if (c != '-') c = "0123456789abcdef"[random() % 16];
  }
  return text;
}

// The rule, written as one reads it.
bool IsCanonical(std::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = text[i];
    if (hyphen ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
  }
  return true;
}

void ExpectStored(const std::string& text) {
  const StoredKey key(text);
  ASSERT_EQ(key.packed(), IsCanonical(text)) << text;
  EXPECT_EQ(key.text(), text);
  if (!key.packed()) {
    EXPECT_EQ(key.bytes(), text);
    return;
  }
  ASSERT_EQ(key.bytes().size(), kUuidBytes);
  UuidText unpacked;
  StoredKey::Unpack(key.bytes().data(), unpacked);
  EXPECT_EQ(std::string(unpacked.data(), unpacked.size()), text);
}

std::unique_ptr<char[]> EntryOf(const StoredKey& key) {
  Image image;
  image.kind = Kind::kRegister;
  std::unique_ptr<char[]> entry(new char[EntryBytes(image, key)]);
  WriteEntry(image, key, 1, entry.get());
  return entry;
}

TEST(StoredKeyTest, PacksTheDigitsInTheirOrder) {
  const StoredKey key(kUuid);
  ASSERT_TRUE(key.packed());
  EXPECT_EQ(key.bytes(), std::string_view("\x01\x90\xa3\xf4\x7c\x1e\x7b\x52\x9d\x3e\x5f\x60\x71\x82"
                                          "\x93\xa4",
                                          16));
}

TEST(StoredKeyTest, RandomUuidsComeBack) {
  RunSeeds(TestSize(2000), [](uint64_t seed) {
    std::mt19937_64 random(seed);
    for (int i = 0; i < 20; ++i) ExpectStored(RandomUuid(random));
  });
}

TEST(StoredKeyTest, EveryCharacterInEveryPlace) {
  std::mt19937_64 random(5);
  for (const std::string& text : {std::string(kUuid), RandomUuid(random), RandomUuid(random)}) {
    for (size_t at = 0; at < text.size(); ++at) {
      std::string changed = text;
      for (int c = 0; c < 256; ++c) {
        changed[at] = static_cast<char>(c);
        ExpectStored(changed);
      }
    }
  }
}

// Digits that go wrong together must not make up for each other.
TEST(StoredKeyTest, ManyChangesAtOnce) {
  RunSeeds(TestSize(20'000), [](uint64_t seed) {
    std::mt19937_64 random(seed);
    std::string text = RandomUuid(random);
    for (uint64_t changes = random() % 5; changes > 0; --changes) {
      const size_t at = random() % text.size();
      text[at] = random() % 2 == 0 ? static_cast<char>(random())
                                   : static_cast<char>(text[at] + static_cast<char>(random() % 3));
    }
    ExpectStored(text);
  });
}

TEST(StoredKeyTest, OtherSpellingsStayAsTheyAre) {
  const std::string text(kUuid);
  for (const std::string& other : {
           std::string("0190A3F4-7C1E-7B52-9D3E-5F60718293A4"),
           std::string("0190a3f4-7c1e-7b52-9d3e-5f60718293aA"),
           "{" + text + "}",
           "{" + text.substr(0, 34) + "}",
           std::string("0190a3f47c1e7b529d3e5f60718293a4"),
           std::string("0190a3f-47c1e-7b52-9d3e-5f60718293a4"),
           std::string("0190a3f4-7c1e-7b529-d3e-5f60718293a4"),
           std::string("0190a3f4_7c1e_7b52_9d3e_5f60718293a4"),
           std::string(36, '-'),
           std::string(36, '0'),
           std::string(36, '\0'),
           std::string(36, '\xff'),
           text.substr(0, 35),
           text.substr(1),
           text + "0",
           text + '\0',
           " " + text,
           std::string("urn:uuid:") + text,
           std::string("k"),
           std::string(),
       }) {
    ASSERT_FALSE(IsCanonical(other)) << other;
    ExpectStored(other);
  }
}

// Only the text whose bytes it has, and of those bytes only as it was given.
TEST(StoredKeyTest, RawBytesAreAnotherKeyThanTheTextTheySpell) {
  const StoredKey text(kUuid);
  const std::string raw_bytes(text.bytes());
  const StoredKey raw(raw_bytes);
  ASSERT_FALSE(raw.packed());
  ASSERT_EQ(raw.bytes(), text.bytes());
  const std::unique_ptr<char[]> text_entry = EntryOf(text), raw_entry = EntryOf(raw);
  EXPECT_TRUE(EntryHasKey(text_entry.get(), text));
  EXPECT_TRUE(EntryHasKey(raw_entry.get(), raw));
  EXPECT_FALSE(EntryHasKey(text_entry.get(), raw));
  EXPECT_FALSE(EntryHasKey(raw_entry.get(), text));
  UuidText buffer;
  EXPECT_EQ(EntryKeyText(text_entry.get(), buffer), kUuid);
  EXPECT_EQ(EntryKeyText(raw_entry.get(), buffer), raw_bytes);
}

TEST(StoredKeyTest, KeysThatBeginAlikeDiffer) {
  const std::string texts[] = {"a",
                               "ab",
                               "abc",
                               std::string("a\0", 2),
                               std::string(kUuid),
                               std::string(kUuid.substr(0, 35)) + "5",
                               std::string(kUuid) + "0"};
  for (const std::string& one : texts) {
    const std::unique_ptr<char[]> entry = EntryOf(StoredKey(one));
    for (const std::string& other : texts) {
      EXPECT_EQ(EntryHasKey(entry.get(), StoredKey(other)), one == other) << one << ", " << other;
    }
  }
}

}  // namespace
}  // namespace idem::engine
