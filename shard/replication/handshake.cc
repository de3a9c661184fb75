#include "shard/replication/handshake.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "common/log/log.h"

namespace keyway::shard::replication {
namespace {

// What those say who want to be authenticated first, versions of Redis before 2.6 included.
bool AsksForPassword(std::string_view line) {
  return line.starts_with("-NOAUTH") || line.starts_with("-NOPERM") ||
         line.starts_with("-ERR operation not permitted");
}

}  // namespace

std::string EncodeRequest(std::initializer_list<std::string_view> args) {
  std::string request = "*" + std::to_string(args.size()) + "\r\n";
  for (std::string_view arg : args) {
    request += "$" + std::to_string(arg.size()) + "\r\n";
    request.append(arg).append("\r\n");
  }
  return request;
}

std::string Handshake::Begin() {
  KEYWAY_NOTICE() << "Non blocking connect for SYNC fired the event.";
  return EncodeRequest({"PING"});
}

Handshake::Outcome Handshake::OnLine(std::string_view line, std::string* out) {
  const auto refused = [line](const char* what) {
    if (!line.starts_with('-')) return;
    KEYWAY_NOTICE() << "(Non critical) Master does not understand REPLCONF " << what << ": "
                    << line;
  };
  switch (step_) {
    case Step::kPing:
      return OnPing(line, out);
    case Step::kAuth:
      if (line.starts_with('-')) {
        KEYWAY_WARNING() << "Unable to AUTH to MASTER: " << line;
        return Outcome::kFailed;
      }
      step_ = Step::kPort;
      return Outcome::kGoOn;
    case Step::kPort:
      refused("listening-port");
      step_ = options_.ip.empty() ? Step::kCapabilities : Step::kIp;
      return Outcome::kGoOn;
    case Step::kIp:
      refused("ip-address");
      step_ = Step::kCapabilities;
      return Outcome::kGoOn;
    case Step::kCapabilities:
      refused("capa");
      SayPsync(out);
      step_ = Step::kPsync;
      return Outcome::kGoOn;
    case Step::kPsync:
      return OnPsync(line, out);
    case Step::kDone:
      break;
  }
  return Outcome::kFailed;
}

Handshake::Outcome Handshake::OnPing(std::string_view line, std::string* out) {
  if (!line.starts_with('+') && !AsksForPassword(line)) {
    KEYWAY_WARNING() << "Error reply to PING from master: '" << line << "'";
    return Outcome::kFailed;
  }
  KEYWAY_NOTICE() << "Master replied to PING, replication can continue...";
  if (!options_.password.empty()) {
    *out += options_.user.empty() ? EncodeRequest({"AUTH", options_.password})
                                  : EncodeRequest({"AUTH", options_.user, options_.password});
  }
  *out += EncodeRequest({"REPLCONF", "listening-port", std::to_string(options_.port)});
  if (!options_.ip.empty()) *out += EncodeRequest({"REPLCONF", "ip-address", options_.ip});
  *out += EncodeRequest({"REPLCONF", "capa", "eof", "capa", "psync2"});
  step_ = options_.password.empty() ? Step::kPort : Step::kAuth;
  return Outcome::kGoOn;
}

void Handshake::SayPsync(std::string* out) {
  std::string id = "?";
  std::string offset = "-1";
  if (options_.history.has_value()) {
    id = options_.history->id;
    offset = std::to_string(options_.history->offset + 1);
    KEYWAY_NOTICE() << "Trying a partial resynchronization (request " << id << ":" << offset
                    << ").";
  } else {
    KEYWAY_NOTICE() << "Partial resynchronization not possible (no cached master)";
  }
  *out += options_.failover ? EncodeRequest({"PSYNC", id, offset, "FAILOVER"})
                            : EncodeRequest({"PSYNC", id, offset});
}

Handshake::Outcome Handshake::OnPsync(std::string_view line, std::string* out) {
  if (line.empty()) return Outcome::kGoOn;  // it is there still
  step_ = Step::kDone;
  if (line.starts_with("+FULLRESYNC")) return FullSync(line);
  if (line.starts_with("+CONTINUE")) {
    // Who was asked for everything has nothing to go on with.
    if (options_.history.has_value()) return Continue(line);
    KEYWAY_WARNING() << "Unexpected reply to PSYNC from master: " << line;
    return Outcome::kFailed;
  }
  if (line.starts_with("-NOMASTERLINK") || line.starts_with("-LOADING")) {
    KEYWAY_NOTICE() << "Master is currently unable to PSYNC but should be in the future: " << line;
    return Outcome::kFailed;
  }
  if (line.starts_with("-ERR")) {
    KEYWAY_NOTICE() << "Master does not support PSYNC or is in error state (reply: " << line << ")";
  } else {
    KEYWAY_WARNING() << "Unexpected reply to PSYNC from master: " << line;
  }
  KEYWAY_NOTICE() << "Retrying with SYNC...";
  *out += "SYNC\r\n";
  return Outcome::kOldStyle;
}

Handshake::Outcome Handshake::FullSync(std::string_view line) {
  // "+FULLRESYNC <id> <offset>"
  const size_t id_start = line.find(' ');
  const size_t id_end = id_start == line.npos ? line.npos : line.find(' ', id_start + 1);
  if (id_end == line.npos || id_end - id_start - 1 != kIdLength) {
    KEYWAY_WARNING() << "Master replied with wrong +FULLRESYNC syntax.";
    return Outcome::kFullSync;
  }
  id_ = line.substr(id_start + 1, kIdLength);
  const std::string digits(line.substr(id_end + 1));
  const long long offset = std::strtoll(digits.c_str(), nullptr, 10);
  KEYWAY_NOTICE() << "Full resync from master: " << id_ << ":" << offset;
  offset_ = static_cast<uint64_t>(std::max(offset, 0ll));
  return Outcome::kFullSync;
}

Handshake::Outcome Handshake::Continue(std::string_view line) {
  KEYWAY_NOTICE() << "Successful partial resynchronization with master.";
  constexpr size_t kIdStart = std::string_view("+CONTINUE ").size();
  if (line.size() == kIdStart + kIdLength && line.substr(kIdStart) != options_.history->id) {
    new_id_ = line.substr(kIdStart);
    KEYWAY_WARNING() << "Master replication ID changed to " << new_id_;
  }
  return Outcome::kContinue;
}

void Handshake::OnEnd(std::string_view reason) const {
  KEYWAY_WARNING() << "Failed to read response from the server: " << reason;
  if (step_ == Step::kPsync) {
    KEYWAY_WARNING() << "Master did not reply to PSYNC, will try later";
  } else {
    KEYWAY_WARNING() << "Master did not respond to command during SYNC handshake";
  }
}

}  // namespace keyway::shard::replication
