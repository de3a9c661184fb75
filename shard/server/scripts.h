// What the server around it has to know of scripts and functions; how they run is in
// shard/scripting.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "common/base/allocated_bytes.h"
#include "common/base/expected.h"
#include "common/command/table.h"
#include "shard/server/command_context.h"

namespace keyway::shard {

class Scripts {
 public:
  virtual ~Scripts() = default;

  // command::Flag of a call of `command`, which has kRunsScript, with the arity right: a script
  // that declares what it does counts as that.
  virtual uint32_t CommandFlags(const command::Command& command,
                                std::span<const std::string_view> args) const = 0;

  // Whether a script has run for longer than busy-reply-threshold, and runs on while the loop turns:
  // only commands with kAllowBusy are executed.
  bool busy() const { return busy_; }
  // What the others get: "BUSY Redis is busy running a script. ..."
  virtual std::string_view BusyError() const = 0;
  // At the end of the process: the script that has stepped aside ends at its next step.
  virtual void Abort() = 0;

  // Libraries of functions, for files: the code of each, by name; one more, with the error that
  // FUNCTION LOAD would reply with (`replace`: one of that name is replaced); none any longer.
  virtual void ForEachLibrary(const std::function<void(std::string_view code)>& visit) const = 0;
  virtual Status LoadLibrary(std::string_view code, bool replace) = 0;
  virtual void ClearLibraries() = 0;

  // For INFO and MEMORY STATS; bytes.
  struct Usage {
    size_t eval_vm_bytes = 0;       // the interpreter of EVAL
    size_t functions_vm_bytes = 0;  // the interpreter of FCALL
    size_t scripts_bytes = 0;       // what is kept about cached scripts
    size_t functions_bytes = 0;     // what is kept about libraries and functions
    size_t cached_scripts = 0;
    size_t functions = 0;
    size_t libraries = 0;
  };
  virtual Usage usage() const = 0;
  // Of it, the interpreters: cheap enough to be asked before each command.
  virtual size_t vm_bytes() const = 0;

 protected:
  bool busy_ = false;
};

// What redis-server calls used memory, and compares with maxmemory: what the program has allocated,
// but for the interpreters.
inline uint64_t UsedMemory(const Services& services) {
  const uint64_t allocated = AllocatedBytes();
  const uint64_t vms = services.scripts == nullptr ? 0 : services.scripts->vm_bytes();
  return allocated - std::min(allocated, vms);
}

}  // namespace keyway::shard
