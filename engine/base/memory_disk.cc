#include "base/memory_disk.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_split.h"
#include "base/check.h"
#include "base/path.h"

namespace idem::engine {
namespace {

// "a/b" of "./a//b/".
std::string Normalised(std::string_view path) {
  if (path.empty()) return "";
  std::string normalised = path.front() == '/' ? "/" : "";
  for (absl::string_view part :
       absl::StrSplit(absl::string_view(path.data(), path.size()), '/', absl::SkipEmpty())) {
    if (part == ".") continue;
    if (!normalised.empty() && normalised.back() != '/') normalised += '/';
    normalised.append(part.data(), part.size());
  }
  return normalised.empty() ? "." : normalised;
}

}  // namespace

void MemoryDisk::Change::ApplyTo(Entries& entries) const {
  if (!erased.empty()) entries.erase(erased);
  if (!set.empty()) entries[set] = inode;
}

void MemoryDisk::Directory::Apply(Change change) {
  change.ApplyTo(entries);
  unsynced.push_back(std::move(change));
}

MemoryDisk::MemoryDisk() {
  directories_["/"];
  directories_["."];
}

bool MemoryDisk::IsDirectory(std::string_view path) const {
  return directories_.contains(Normalised(path));
}

bool MemoryDisk::IsFile(std::string_view path) const {
  const auto parent = directories_.find(ParentDirectory(path));
  return parent != directories_.end() && parent->second.entries.contains(FileName(path));
}

int MemoryDisk::WhyNoDirectory(std::string_view path) const {
  for (; !IsDirectory(path); path = ParentDirectory(path)) {
    if (IsFile(path)) return ENOTDIR;
  }
  return ENOENT;
}

int MemoryDisk::Locate(std::string_view path, Place* place) {
  const std::string normalised = Normalised(path);
  if (IsDirectory(normalised)) return EISDIR;
  const std::string_view parent = ParentDirectory(normalised);
  const auto directory = directories_.find(parent);
  if (directory == directories_.end()) return WhyNoDirectory(parent);
  place->directory = &directory->second;
  place->name = FileName(normalised);
  return place->name.empty() ? ENOENT : 0;
}

int MemoryDisk::Create(std::string_view path, std::shared_ptr<Inode>* inode) {
  Place place;
  const int error = Locate(path, &place);
  if (error != 0) return error == EISDIR ? EEXIST : error;
  if (place.directory->entries.contains(place.name)) return EEXIST;
  if (UsedBytes() >= capacity_) return ENOSPC;
  *inode = std::make_shared<Inode>();
  place.directory->Apply({.erased = {}, .set = place.name, .inode = *inode});
  return 0;
}

int MemoryDisk::Find(std::string_view path, std::shared_ptr<Inode>* inode) {
  Place place;
  if (const int error = Locate(path, &place); error != 0) return error;
  const auto entry = place.directory->entries.find(place.name);
  if (entry == place.directory->entries.end()) return ENOENT;
  *inode = entry->second;
  return 0;
}

uint64_t MemoryDisk::UsedBytes() const {
  uint64_t bytes = 0;
  for (const auto& [path, directory] : directories_) {
    for (const auto& [name, inode] : directory.entries) bytes += inode->size();
  }
  return bytes;
}

int MemoryDisk::Write(Inode& inode, uint64_t offset, std::string_view bytes) {
  const uint64_t size = inode.size();
  const uint64_t growth = std::max(size, offset + bytes.size()) - size;
  const uint64_t room = capacity_ - std::min(capacity_, UsedBytes());
  if (growth > room) {
    inode.Write(offset, bytes.substr(0, std::max(offset, size + room) - offset));
    return ENOSPC;
  }
  inode.Write(offset, bytes);
  return 0;
}

int MemoryDisk::Rename(std::string_view from, std::string_view to) {
  Place source;
  Place target;
  if (const int error = Locate(from, &source); error != 0) return error;
  if (const int error = Locate(to, &target); error != 0) return error;
  const auto entry = source.directory->entries.find(source.name);
  if (entry == source.directory->entries.end()) return ENOENT;
  const std::shared_ptr<Inode> inode = entry->second;
  if (source.directory == target.directory) {
    source.directory->Apply({.erased = source.name, .set = target.name, .inode = inode});
  } else {
    source.directory->Apply({.erased = source.name, .set = {}, .inode = nullptr});
    target.directory->Apply({.erased = {}, .set = target.name, .inode = inode});
  }
  return 0;
}

int MemoryDisk::Remove(std::string_view path) {
  Place place;
  if (const int error = Locate(path, &place); error != 0) return error;
  if (!place.directory->entries.contains(place.name)) return ENOENT;
  place.directory->Apply({.erased = place.name, .set = {}, .inode = nullptr});
  return 0;
}

int MemoryDisk::List(std::string_view directory, std::vector<std::string>* names) const {
  const std::string normalised = Normalised(directory);
  const auto found = directories_.find(normalised);
  if (found == directories_.end()) return WhyNoDirectory(normalised);
  for (const auto& [name, inode] : found->second.entries) names->push_back(name);
  return 0;
}

int MemoryDisk::MakeDirectory(std::string_view path) {
  Place place;
  if (const int error = Locate(path, &place); error != 0) return error == EISDIR ? 0 : error;
  if (place.directory->entries.contains(place.name)) return EEXIST;
  directories_[Normalised(path)];
  return 0;
}

int MemoryDisk::SyncDirectory(std::string_view path) {
  const std::string normalised = Normalised(path);
  const auto directory = directories_.find(normalised);
  if (directory == directories_.end()) return WhyNoDirectory(normalised);
  directory->second.entries_on_disk = directory->second.entries;
  directory->second.unsynced.clear();
  return 0;
}

void MemoryDisk::Put(std::string_view path, std::string_view contents) {
  Place place;
  IDEM_CHECK(Locate(path, &place) == 0);
  std::shared_ptr<Inode>& inode = place.directory->entries[place.name];
  if (inode == nullptr) inode = std::make_shared<Inode>();
  const bool locked = inode->locked;
  *inode = Inode(contents);
  inode->locked = locked;
  place.directory->entries_on_disk[place.name] = inode;
}

// An inode that stands in several places is made anew once.
template <typename Remake>
void MemoryDisk::ReplaceInodes(Remake remake) {
  std::map<std::shared_ptr<Inode>, std::shared_ptr<Inode>> replaced;
  const auto replace = [&](std::shared_ptr<Inode>& inode) {
    if (inode == nullptr) return;
    std::shared_ptr<Inode>& anew = replaced[inode];
    if (anew == nullptr) anew = std::make_shared<Inode>(remake(*inode));
    inode = anew;
  };
  for (auto& [path, directory] : directories_) {
    for (auto& [name, inode] : directory.entries) replace(inode);
    for (auto& [name, inode] : directory.entries_on_disk) replace(inode);
    for (Change& change : directory.unsynced) replace(change.inode);
  }
  ++life_;
}

// In an order that does not depend on where things stand in memory: directories and files by name.
void MemoryDisk::PowerCut(const Choose& choose) {
  for (auto& [path, directory] : directories_) {
    for (const Change& change : directory.unsynced) {
      if (choose(2) == 1) change.ApplyTo(directory.entries_on_disk);
    }
    directory.unsynced.clear();
    directory.entries = directory.entries_on_disk;
  }
  ReplaceInodes([&choose](const Inode& old) { return old.AfterPowerCut(choose); });
}

void MemoryDisk::ProcessDeath() {
  ReplaceInodes([](const Inode& old) {
    Inode anew = old;
    anew.locked = false;
    return anew;
  });
}

MemoryDisk MemoryDisk::Copy() const {
  MemoryDisk copy = *this;
  copy.ProcessDeath();
  return copy;
}

}  // namespace idem::engine
