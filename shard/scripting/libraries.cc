#include "shard/scripting/libraries.h"

#include <strings.h>

#include <utility>
#include <vector>

#include <glog/logging.h>

#include "shard/scripting/library_metadata.h"
#include "shard/scripting/library_payload.h"

namespace keyway::shard::scripting {
namespace {

// A node of a tree or a hash table beside what it holds.
constexpr size_t kNodeBytes = 4 * sizeof(void*);

size_t BytesOf(const std::string& text) {
  return text.capacity() == std::string().capacity() ? 0 : text.capacity() + 1;
}

size_t BytesOf(const Library& library) {
  size_t bytes = kNodeBytes + sizeof(std::string) + sizeof(Library) + 2 * BytesOf(library.name) +
                 BytesOf(library.code);
  for (const auto& [name, function] : library.functions) {
    bytes += kNodeBytes + sizeof(std::string) + sizeof(Function) + 2 * BytesOf(name) +
             BytesOf(function.description);
    bytes += kNodeBytes + sizeof(std::string_view) + sizeof(const Function*);  // in the index
  }
  return bytes;
}

}  // namespace

// The functions' refs end with their interpreter. Redis counts objects only of those collections
// that are large enough for its side thread.
struct Libraries::Garbage : keyspace::Garbage {
  static constexpr size_t kUncounted = 64;

  Garbage(Collection libraries, std::unique_ptr<Vm> interpreter)
      : keyspace::Garbage(libraries.function_count > kUncounted ? libraries.function_count : 0),
        collection(std::move(libraries)),
        vm(std::move(interpreter)) {}

  Collection collection;
  std::unique_ptr<Vm> vm;
};

// FNV-1a of the name in lower case.
size_t Libraries::Hash::operator()(std::string_view name) const {
  uint64_t hash = 0xcbf29ce484222325;
  for (char c : name) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    hash = (hash ^ static_cast<uint8_t>(lower)) * 0x100000001b3;
  }
  return hash;
}

bool Libraries::Equal::operator()(std::string_view left, std::string_view right) const {
  return left.size() == right.size() && strncasecmp(left.data(), right.data(), left.size()) == 0;
}

const Library* Libraries::Collection::FindLibrary(std::string_view name) const {
  const auto found = libraries.find(name);
  return found == libraries.end() ? nullptr : found->second.get();
}

const Function* Libraries::Collection::FindFunction(std::string_view name) const {
  const auto found = functions.find(name);
  return found == functions.end() ? nullptr : found->second;
}

void Libraries::Collection::Add(std::unique_ptr<Library> library) {
  for (const auto& [name, function] : library->functions) functions.emplace(name, &function);
  function_count += library->functions.size();
  bytes += BytesOf(*library);
  const auto [at, added] = libraries.emplace(library->name, nullptr);
  CHECK(added) << "library " << library->name << " is there twice";
  at->second = std::move(library);
}

std::unique_ptr<Library> Libraries::Collection::Remove(std::string_view name) {
  const auto at = libraries.find(name);
  CHECK(at != libraries.end());
  std::unique_ptr<Library> library = std::move(at->second);
  libraries.erase(at);
  for (const auto& [function_name, function] : library->functions) functions.erase(function_name);
  function_count -= library->functions.size();
  bytes -= BytesOf(*library);
  return library;
}

Status Libraries::Collection::CheckFunctions(const Library& library, const Library* replaced,
                                             const Collection* replacing) const {
  for (const auto& [name, function] : library.functions) {
    const Function* other = FindFunction(name);
    if (other == nullptr || other->library == replaced) continue;
    if (replacing != nullptr && replacing->FindLibrary(other->library->name) != nullptr) continue;
    return Error{"ERR Function " + name + " already exists"};
  }
  return {};
}

Libraries::Libraries(ScriptHost& host, keyspace::LazyFree& lazy_free)
    : host_(host),
      lazy_free_(lazy_free),
      vm_(std::make_unique<Vm>(Vm::Purpose::kLibraries, host)) {}

Libraries::~Libraries() = default;

const Function* Libraries::Find(std::string_view name) const {
  return current_.FindFunction(name);
}

Expected<std::unique_ptr<Library>> Libraries::Read(std::string_view code, int64_t timeout_ms,
                                                   const Collection& others, bool replace) {
  Expected<LibraryMetadata> metadata = ReadLibraryMetadata(code);
  if (!metadata.ok()) return metadata.error();
  if (!replace && others.FindLibrary(metadata->name) != nullptr) {
    return Error{"ERR Library '" + metadata->name + "' already exists"};
  }
  Expected<std::vector<RegisteredFunction>> registered = vm_->Load(metadata->body, timeout_ms);
  if (!registered.ok()) return registered.error();
  if (registered->empty()) return Error{"ERR No functions registered"};
  auto library = std::make_unique<Library>();
  library->name = std::move(metadata->name);
  library->code = code;
  for (RegisteredFunction& function : *registered) {
    library->functions.emplace(function.name,
                               Function{.name = function.name,
                                        .description = std::move(function.description),
                                        .has_description = function.has_description,
                                        .flags = function.flags,
                                        .ref = function.function,
                                        .library = library.get()});
  }
  CHECK_EQ(library->functions.size(), registered->size()) << "a function is registered twice";
  return library;
}

Expected<std::string> Libraries::Load(std::string_view code, bool replace, int64_t timeout_ms) {
  Expected<std::unique_ptr<Library>> read = Read(code, timeout_ms, current_, replace);
  if (!read.ok()) return read.error();
  std::unique_ptr<Library> library = std::move(read).value();
  const Library* const replaced = current_.FindLibrary(library->name);
  const Status names = current_.CheckFunctions(*library, replaced);
  if (!names.ok()) {
    Release(*library);
    return names.error();
  }
  if (replaced != nullptr) Release(*current_.Remove(library->name));
  std::string name = library->name;
  current_.Add(std::move(library));
  return name;
}

bool Libraries::Delete(std::string_view name) {
  if (current_.FindLibrary(name) == nullptr) return false;
  Release(*current_.Remove(name));
  return true;
}

void Libraries::Clear(bool later) {
  if (current_.libraries.empty()) return;
  auto garbage = std::make_unique<Garbage>(std::exchange(current_, {}), std::move(vm_));
  vm_ = std::make_unique<Vm>(Vm::Purpose::kLibraries, host_);
  if (later) lazy_free_.Free(std::move(garbage));
}

std::string Libraries::Dump(bool compress) const {
  LibraryPayloadWriter writer(compress);
  for (const auto& [name, library] : current_.libraries) writer.Add(library->code);
  return writer.Finish();
}

Status Libraries::ReadAll(std::string_view payload, bool check_crc, Collection* restored) {
  LibraryPayloadReader reader(payload);
  if (!reader.IsWhole(check_crc)) return Error{"ERR DUMP payload version or checksum are wrong"};
  while (!reader.AtEnd()) {
    const Expected<std::string> code = reader.Next();
    if (!code.ok()) return code.error();
    Expected<std::unique_ptr<Library>> read =
        Read(code.value(), kRestoreTimeoutMs, *restored, /*replace=*/false);
    if (!read.ok()) return read.error();
    std::unique_ptr<Library> library = std::move(read).value();
    const Status names = restored->CheckFunctions(*library, nullptr);
    if (!names.ok()) {
      Release(*library);
      return names;
    }
    restored->Add(std::move(library));
  }
  return {};
}

Status Libraries::CheckRestored(const Collection& restored, bool replace) const {
  for (const auto& [name, library] : restored.libraries) {
    if (!replace && current_.FindLibrary(name) != nullptr) {
      return Error{"ERR Library " + name + " already exists"};
    }
  }
  for (const auto& [name, library] : restored.libraries) {
    const Status names = current_.CheckFunctions(*library, nullptr, &restored);
    if (!names.ok()) return names;
  }
  return {};
}

Status Libraries::Restore(std::string_view payload, RestorePolicy policy, bool check_crc) {
  Collection restored;
  Status status = ReadAll(payload, check_crc, &restored);
  if (status.ok() && policy != RestorePolicy::kFlush) {
    status = CheckRestored(restored, policy == RestorePolicy::kReplace);
  }
  if (!status.ok()) {
    Release(restored);
    return status;
  }
  if (policy == RestorePolicy::kFlush) {
    Release(current_);
    current_ = std::move(restored);
    return {};
  }
  // First all that go: a function may move from one library to another.
  for (const auto& [name, library] : restored.libraries) {
    if (current_.FindLibrary(name) != nullptr) Release(*current_.Remove(name));
  }
  while (!restored.libraries.empty()) {
    current_.Add(restored.Remove(std::string(restored.libraries.begin()->first)));
  }
  return {};
}

void Libraries::Release(const Library& library) {
  for (const auto& [name, function] : library.functions) vm_->Release(function.ref);
}

void Libraries::Release(const Collection& collection) {
  for (const auto& [name, library] : collection.libraries) Release(*library);
}

}  // namespace keyway::shard::scripting
