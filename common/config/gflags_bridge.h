// The command line of a program with a registry: redis-server's and gflags' at once.
//
//   program [redis.conf] [-] [--name value [value ...]] [--name=value] [gflags ...]
//
// Each directive is also a gflags string flag (with '_' for '-'), so --help lists all of them with
// help and default, and --flagfile may set them. --help, --version, --flagfile, --v, --vmodule and
// the other flags of gflags and glog work as usual; everything else is read as redis-server 7.0.15
// does: words up to the next --name belong to the directive, `--save` alone means `--save ""`, "-"
// at the end reads a configuration from stdin. Later settings override earlier ones; the file comes
// first, then stdin, flags of a --flagfile, and the command line.
#pragma once

#include <string>
#include <vector>

#include "common/base/expected.h"
#include "common/config/config_file.h"
#include "common/config/registry.h"

namespace keyway::config {

struct ProgramInfo {
  std::string version;  // for --version, -v
  std::string usage;    // first lines of --help
};

// gflags::ParseCommandLineFlags, but --help shows the program's own flags only, those defined in
// files whose name holds `own_files`; --helpfull shows the libraries' too. Both end the process with
// code 1, as redis-server does.
void ParseCommandLineFlags(int* argc, char*** argv, bool remove_flags, const char* own_files);

// Makes a flag of every directive. Call once a process, after all directives are added.
void RegisterFlags(const Registry& registry);

// Reads argv, sets the registry. --help and --version print and end the process, as gflags does.
// Keeps the file's absolute path in the registry. Error: text for stderr, complete with line ends;
// the process should exit with 1.
Status LoadFromCommandLine(Registry& registry, int argc, char** argv, const ProgramInfo& program);

// The part without side effects: what redis-server makes of `arguments` (argv without the program).
Sources ParseArguments(const std::vector<std::string>& arguments);

}  // namespace keyway::config
