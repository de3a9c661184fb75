// The command line of keyway-proxy: its flags, read here and in settings.cc and nowhere else, and
// passed down as structs. Every flag may also stand in a file, one a line, given by --flagfile.
//
// A new flag is a DEFINE in flags.cc and a line in ReadFlags there; if it can change while the proxy
// runs, also one of kReloadable, and what it sets must be taken over by Worker::Apply or
// Server::Apply.
#pragma once

#include <gflags/gflags_declare.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/expected.h"
#include "proxy/server.h"

DECLARE_string(bind);
DECLARE_string(requirepass);
DECLARE_string(advertise);
DECLARE_string(client_output_buffer_limit);
DECLARE_string(client_output_buffer_limit_pubsub);
DECLARE_string(client_query_buffer_limit);
DECLARE_string(proto_max_bulk_len);
DECLARE_string(maxmemory_clients);
DECLARE_string(logfile);
DECLARE_string(loglevel);
DECLARE_string(pidfile);
DECLARE_int32(port);
DECLARE_int32(tcp_backlog);
DECLARE_int32(databases);
DECLARE_int64(maxclients);
DECLARE_int64(timeout);
DECLARE_int64(tcp_keepalive);
DECLARE_bool(enable_debug_command);
DECLARE_bool(take_over);

namespace keyway::proxy {

// The part of a path that names where this program's flags are defined.
inline constexpr char kFlagsFile[] = "proxy/flags.cc";

// What the flags say now. All that is wrong with them is added to `problems`, a line each; then the
// result is of no use. `program` is argv[0].
ServerOptions ReadFlags(std::string_view program, std::vector<std::string>* problems);

// Raises the process's limit of open files for as many clients; with fewer in `options` when the
// system does not give them, which is logged. Error: not even one fits.
Status RaiseLimits(ServerOptions* options);

// Name and text of each of this program's flags.
using FlagValues = std::vector<std::pair<std::string, std::string>>;
FlagValues CurrentFlags();
void RestoreFlags(const FlagValues& values);

// Sets all flags anew: to their defaults, then as `arguments` (argv without the program's name) say,
// with the files that --flagfile names as they are now. Error: what is wrong; some flags are set then.
Status ReplayFlags(const std::string& program, const std::vector<std::string>& arguments);

// Whether the flag can change while the proxy runs.
bool IsReloadable(std::string_view flag);

}  // namespace keyway::proxy
