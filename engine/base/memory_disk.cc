#include "base/memory_disk.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
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

void Inode::Write(uint64_t offset, std::string_view bytes) {
  if (bytes.empty()) return;
  const size_t begin = offset;
  const size_t end = begin + bytes.size();
  if (end > contents.size()) contents.resize(end);
  std::memcpy(contents.data() + begin, bytes.data(), bytes.size());
  dirty_begin = std::min(dirty_begin, begin);
  dirty_end = std::max(dirty_end, end);
}

void Inode::Sync() {
  on_disk.resize(contents.size());
  const size_t end = std::min(dirty_end, contents.size());
  if (dirty_begin < end) {
    std::memcpy(on_disk.data() + dirty_begin, contents.data() + dirty_begin, end - dirty_begin);
  }
  MarkClean();
}

void Inode::SyncRange(uint64_t offset, size_t length) {
  const size_t begin = std::min(offset, contents.size());
  const size_t end = std::min(begin + length, contents.size());
  on_disk.resize(std::max(on_disk.size(), end));
  std::memcpy(on_disk.data() + begin, contents.data() + begin, end - begin);
}

void Inode::MarkClean() {
  dirty_begin = std::numeric_limits<size_t>::max();
  dirty_end = 0;
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
  place.directory->entries[place.name] = *inode;
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
    for (const auto& [name, inode] : directory.entries) bytes += inode->contents.size();
  }
  return bytes;
}

int MemoryDisk::Write(Inode& inode, uint64_t offset, std::string_view bytes) {
  const uint64_t size = inode.contents.size();
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
  std::shared_ptr<Inode> inode = std::move(entry->second);
  source.directory->entries.erase(entry);
  target.directory->entries[target.name] = std::move(inode);
  return 0;
}

int MemoryDisk::Remove(std::string_view path) {
  Place place;
  if (const int error = Locate(path, &place); error != 0) return error;
  return place.directory->entries.erase(place.name) == 1 ? 0 : ENOENT;
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
  return 0;
}

void MemoryDisk::Put(std::string_view path, std::string contents) {
  Place place;
  IDEM_CHECK(Locate(path, &place) == 0);
  std::shared_ptr<Inode>& inode = place.directory->entries[place.name];
  if (inode == nullptr) inode = std::make_shared<Inode>();
  inode->contents = contents;
  inode->on_disk = std::move(contents);
  inode->MarkClean();
  place.directory->entries_on_disk[place.name] = inode;
}

// An inode that has several entries, in either row, is made anew once.
template <typename Remake>
void MemoryDisk::ReplaceInodes(Remake remake) {
  std::map<std::shared_ptr<Inode>, std::shared_ptr<Inode>> replaced;
  const auto replace = [&](Entries& entries) {
    for (auto& [name, inode] : entries) {
      std::shared_ptr<Inode>& anew = replaced[inode];
      if (anew == nullptr) anew = std::make_shared<Inode>(remake(*inode));
      inode = anew;
    }
  };
  for (auto& [path, directory] : directories_) {
    replace(directory.entries);
    replace(directory.entries_on_disk);
  }
  ++life_;
}

void MemoryDisk::PowerCut() {
  for (auto& [path, directory] : directories_) directory.entries = directory.entries_on_disk;
  ReplaceInodes([](const Inode& old) {
    Inode anew;
    anew.contents = old.on_disk;
    anew.on_disk = old.on_disk;
    return anew;
  });
}

void MemoryDisk::ProcessDeath() {
  ReplaceInodes([](const Inode& old) {
    Inode anew = old;
    anew.locked = false;
    return anew;
  });
}

}  // namespace idem::engine
