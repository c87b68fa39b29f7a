// Directories that released versions wrote are read back to the very state they had.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "idem/clock.h"
#include "idem/memory_file_system.h"
#include "idem/store.h"
#include "log/manifest.h"
#include "tests/support/golden_state.h"

namespace idem::engine {
namespace {

namespace fs = std::filesystem;

using Files = std::map<std::string, std::string>;

std::string Contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Files FilesIn(const fs::path& directory) {
  Files files;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    files[entry.path().filename()] = Contents(entry.path());
  }
  return files;
}

// Every golden store of every version.
template <typename Visit>
void ForEachStore(const Visit& visit) {
  int stores = 0;
  for (const fs::directory_entry& version : fs::directory_iterator(IDEM_GOLDEN_DIR)) {
    if (!version.is_directory()) continue;
    for (const fs::directory_entry& entry : fs::directory_iterator(version.path())) {
      if (!entry.is_directory()) continue;
      SCOPED_TRACE(entry.path());
      ++stores;
      visit(entry.path());
    }
  }
  EXPECT_GE(stores, 6);
}

TEST(GoldenTest, EveryReleasedStoreIsReadBack) {
  ForEachStore([](const fs::path& path) {
    EXPECT_EQ(StateText(FilesIn(path)), Contents(path.string() + ".state"));
  });
}

TEST(GoldenTest, EveryReleasedStoreOpensAndLosesNoEntry) {
  ForEachStore([](const fs::path& path) {
    MemoryFileSystem files;
    ASSERT_TRUE(files.CreateDirectory("store").ok());
    for (const auto& [name, bytes] : FilesIn(path)) files.Overwrite("store/" + name, bytes);
    FakeClock clock;
    Options options{.directory = "store"};
    options.background = Background::kManual;
    options.clock = &clock;
    options.file_system = &files;
    const absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(options);
    ASSERT_TRUE(store.ok()) << store.status();
    const std::string state = Contents(path.string() + ".state");
    EXPECT_EQ((*store)->GetStats().entries(),
              static_cast<uint64_t>(std::count(state.begin(), state.end(), '\n')));
  });
}

// What this build writes of the same facts are the same bytes.
TEST(GoldenTest, ManifestsOfThisFormatAreWrittenAsTheyWere) {
  const std::string version = std::to_string(kFormatMajor) + "." + std::to_string(kFormatMinor);
  ForEachStore([&version](const fs::path& path) {
    if (path.parent_path().filename() != version) return;
    const std::string bytes = Contents(path / "MANIFEST");
    const absl::StatusOr<Manifest> manifest = DecodeManifest("MANIFEST", bytes);
    ASSERT_TRUE(manifest.ok()) << manifest.status();
    EXPECT_EQ(EncodeManifest(*manifest), bytes);
  });
}

}  // namespace
}  // namespace idem::engine
