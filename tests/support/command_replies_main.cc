// The command table as a server of its own, for comparison with redis-server: reads requests from
// stdin, writes replies to stdout. COMMAND is answered as both programs answer it. Of any other
// request only the lookup is shown: its error, or +OK.
//
//   command_replies [2|3]    the version of RESP, 2 by default
#include <unistd.h>

#include <cstdio>
#include <string>
#include <string_view>

#include "common/base/output_buffer.h"
#include "common/command/command_replies.h"
#include "common/command/table.h"
#include "common/resp/reply_writer.h"
#include "common/resp/request_parser.h"

namespace keyway::command {
namespace {

void Reply(std::span<const std::string_view> arguments, resp::ReplyWriter& reply) {
  const Lookup lookup = LookupCommand(arguments);
  if (lookup.status != Lookup::Status::kFound) {
    reply.Error(LookupError(lookup, arguments));
    return;
  }
  const Command& command =
      lookup.command->container != nullptr ? *lookup.command->container : *lookup.command;
  if (command.full_name == "command") {
    ReplyToCommand(arguments, {}, reply);
  } else {
    reply.Ok();
  }
}

bool WriteAll(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

int Serve(resp::Version version) {
  if (const Status status = ValidateTable(); !status.ok()) {
    std::fprintf(stderr, "%s\n", status.error().message.c_str());
    return 1;
  }
  resp::RequestParser parser;
  std::string received;
  char chunk[64 * 1024];
  while (true) {
    const ssize_t count = read(STDIN_FILENO, chunk, sizeof(chunk));
    if (count <= 0) return 0;
    received.append(chunk, static_cast<size_t>(count));

    OutputBuffer out;
    resp::ReplyWriter reply(out, version);
    while (true) {
      const resp::ParseOutcome outcome = parser.Next(received);
      if (outcome == resp::ParseOutcome::kError) {
        std::fprintf(stderr, "%s\n", parser.error().c_str());
        return 1;
      }
      if (outcome == resp::ParseOutcome::kRequest) Reply(parser.arguments(), reply);
      received.erase(0, parser.consumed());
      if (outcome == resp::ParseOutcome::kNeedMore) break;
    }
    if (!WriteAll(out.ToString())) return 1;
  }
}

}  // namespace
}  // namespace keyway::command

int main(int argc, char** argv) {
  const bool resp3 = argc > 1 && std::string_view(argv[1]) == "3";
  return keyway::command::Serve(resp3 ? keyway::resp::Version::kResp3
                                      : keyway::resp::Version::kResp2);
}
