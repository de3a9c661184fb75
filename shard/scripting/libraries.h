// Redis Functions: libraries of Lua functions, loaded once, called by name (FCALL); see
// https://redis.io/docs/manual/programmability/functions-intro.
//
// All libraries share one interpreter. A library is loaded as a whole or not at all, and so is a
// payload of several (FUNCTION RESTORE): names are compared only when all code has been run, and
// what was loaded in vain is released again. FLUSHALL and SCRIPT FLUSH leave libraries alone.
//
// Names of libraries are taken as they are; functions are found in any case. Redis lists neither in
// any order that means something; here both are sorted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/base/expected.h"
#include "shard/keyspace/lazy_free.h"
#include "shard/scripting/lua/vm.h"

namespace keyway::shard::scripting {

struct Library;

struct Function {
  std::string name;
  std::string description;
  bool has_description = false;
  uint32_t flags = 0;  // ScriptFlag
  FunctionRef ref = 0;
  const Library* library = nullptr;
};

struct Library {
  std::string name;
  std::string code;  // all of it, the "#!" line included
  std::map<std::string, Function, std::less<>> functions;
};

class Libraries {
 public:
  using ByName = std::map<std::string, std::unique_ptr<Library>, std::less<>>;

  // Of FUNCTION LOAD, as Redis's.
  static constexpr int64_t kLoadTimeoutMs = 500;
  // Of the code of one library in FUNCTION RESTORE. Redis waits for ever.
  static constexpr int64_t kRestoreTimeoutMs = 5000;

  // Both outlive the object.
  Libraries(ScriptHost& host, keyspace::LazyFree& lazy_free);
  ~Libraries();
  Libraries(const Libraries&) = delete;
  Libraries& operator=(const Libraries&) = delete;

  // Another one after Clear.
  Vm& vm() { return *vm_; }
  const Vm& vm() const { return *vm_; }

  // nullptr: there is none. `name` in any case. Valid until the next change of the libraries.
  const Function* Find(std::string_view name) const;
  const ByName& all() const { return current_.libraries; }
  size_t function_count() const { return current_.function_count; }

  // FUNCTION LOAD: the library's name, or the error that Redis replies with. `timeout_ms`: for the
  // code of the library itself, 0: none (a file is being loaded).
  Expected<std::string> Load(std::string_view code, bool replace, int64_t timeout_ms);
  // False: there is none.
  bool Delete(std::string_view name);
  // FUNCTION FLUSH, with the interpreter and all that libraries have left in it. `later`: what
  // there is is freed on a side thread. No function is running.
  void Clear(bool later);

  // FUNCTION DUMP; see library_payload.h. `compress`: rdbcompression.
  std::string Dump(bool compress) const;
  // FUNCTION RESTORE: all of the payload's libraries or, on error, none. The error is Redis's.
  // kAppend: no library of that name may exist; kReplace: it is replaced; kFlush: all others go.
  enum class RestorePolicy : uint8_t { kAppend, kFlush, kReplace };
  Status Restore(std::string_view payload, RestorePolicy policy, bool check_crc = true);

  // What is kept besides the interpreter, bytes.
  size_t MemoryBytes() const { return current_.bytes; }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view name) const;
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(std::string_view left, std::string_view right) const;
  };
  // Libraries whose names, and whose functions' names, do not collide; but one library may have two
  // functions whose names differ only in case, as in Redis: then the first of them is found.
  struct Collection {
    ByName libraries;
    std::unordered_map<std::string_view, const Function*, Hash, Equal> functions;
    size_t function_count = 0;
    size_t bytes = 0;

    const Library* FindLibrary(std::string_view name) const;
    const Function* FindFunction(std::string_view name) const;
    void Add(std::unique_ptr<Library> library);
    // It must be there.
    std::unique_ptr<Library> Remove(std::string_view name);
    // The error if a function of `library` is here already, in another library than `replaced`
    // (nullptr: none), or one of those in `replacing`.
    Status CheckFunctions(const Library& library, const Library* replaced,
                          const Collection* replacing = nullptr) const;
  };
  struct Garbage;

  // Runs the code of a library that is not to be in `others` (`replace`: or is).
  Expected<std::unique_ptr<Library>> Read(std::string_view code, int64_t timeout_ms,
                                          const Collection& others, bool replace);
  Status ReadAll(std::string_view payload, bool check_crc, Collection* restored);
  // Whether the restored libraries can stand beside those that stay.
  Status CheckRestored(const Collection& restored, bool replace) const;
  void Release(const Library& library);
  void Release(const Collection& collection);

  ScriptHost& host_;
  keyspace::LazyFree& lazy_free_;
  std::unique_ptr<Vm> vm_;
  Collection current_;
};

}  // namespace keyway::shard::scripting
