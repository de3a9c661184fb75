// What a client has said about itself and asked of its connection.
#pragma once

#include <cstdint>
#include <string>

#include "common/resp/reply_writer.h"
#include "proxy/execution/read_from.h"

namespace keyway::proxy::session {

struct Client {
  uint64_t id = 0;
  std::string name;
  int database = 0;
  resp::Version version = resp::Version::kResp2;
  bool authenticated = true;
  // Of the listener that it has come through.
  execution::ReadFrom read_from = execution::ReadFrom::kPrimary;
  bool no_evict = false;
  // CLIENT REPLY.
  bool replies_off = false;
  bool skip_next = false;
  // Commands queued since MULTI; -1 without one.
  int multi = -1;
};

}  // namespace keyway::proxy::session
