// MIGRATE sends keys to another server as RESTORE (RESTORE-ASKING by a node of a cluster), waits
// until that has them, and deletes them here: a key is always on one of the two at least. To the
// stream of effects this is DEL of the keys that have arrived.
//
// All requests are sent, then all replies are read. What is sent leaves while the next key is
// written, so that no more than one value is in memory twice.
#include "shard/commands/migrate_command.h"

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shard/commands/arguments.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/database.h"
#include "shard/persistence/rdb/value_writer.h"
#include "shard/server/effects.h"
#include "shard/server/peer_connections.h"

namespace keyway::shard::commands {

using keyspace::Access;
using keyspace::Key;
using keyspace::Reclaim;
using keyspace::Record;

namespace {

constexpr int64_t kDefaultTimeoutMs = 1000;

struct Request {
  std::string_view host;
  std::string_view port;
  int64_t database = 0;
  int64_t timeout_ms = 0;
  bool copy = false;
  bool replace = false;
  std::optional<std::string_view> user;
  std::optional<std::string_view> password;
  std::span<const std::string_view> keys;
};

bool ReadRequest(CommandContext& context, Request* request) {
  const auto args = context.args;
  request->host = args[1];
  request->port = args[2];
  request->keys = args.subspan(3, 1);
  for (size_t i = 6; i < args.size(); ++i) {
    const size_t more = args.size() - 1 - i;
    if (Is(args[i], "COPY")) {
      request->copy = true;
    } else if (Is(args[i], "REPLACE")) {
      request->replace = true;
    } else if (Is(args[i], "AUTH") && more >= 1) {
      request->password = args[++i];
    } else if (Is(args[i], "AUTH2") && more >= 2) {
      request->user = args[++i];
      request->password = args[++i];
    } else if (Is(args[i], "KEYS")) {
      if (!args[3].empty()) {
        context.reply.Error(
            "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string");
        return false;
      }
      request->keys = args.subspan(i + 1);
      break;
    } else {
      context.reply.Error(kSyntaxError);
      return false;
    }
  }
  if (!ReadInteger(context, args[5], &request->timeout_ms)) return false;
  if (!ReadInteger(context, args[4], &request->database)) return false;
  if (request->timeout_ms <= 0) request->timeout_ms = kDefaultTimeoutMs;
  return true;
}

struct Moving {
  Key key;
  const Record* record;
};

// Writes requests to a connection. After a failure it writes nothing more.
class RequestWriter {
 public:
  RequestWriter(PeerConnection& peer, int64_t timeout_ms) : peer_(peer), timeout_ms_(timeout_ms) {}

  void Array(size_t elements) { Header('*', elements); }
  void Bulk(std::string_view bytes) {
    Header('$', bytes.size());
    if (bytes.size() >= PeerConnection::kPieceBytes) {
      Flush();
      Send(bytes);
    } else {
      buffer_.append(bytes);
    }
    buffer_.append("\r\n");
    if (buffer_.size() >= PeerConnection::kPieceBytes) Flush();
  }
  void Bulk(int64_t number) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof(digits), number).ptr;
    Bulk(std::string_view(digits, static_cast<size_t>(end - digits)));
  }
  PeerResult Finish() {
    Flush();
    return result_;
  }

 private:
  void Header(char type, size_t number) {
    buffer_ += type;
    buffer_ += std::to_string(number);
    buffer_ += "\r\n";
  }
  void Flush() {
    Send(buffer_);
    buffer_.clear();
  }
  void Send(std::string_view bytes) {
    if (result_ == PeerResult::kOk) result_ = peer_.Write(bytes, timeout_ms_);
  }

  PeerConnection& peer_;
  const int64_t timeout_ms_;
  std::string buffer_;
  PeerResult result_ = PeerResult::kOk;
};

// One MIGRATE whose arguments make sense and that has keys to move.
class Migration {
 public:
  Migration(CommandContext& context, const Request& request, std::vector<Moving> keys)
      : context_(context), request_(request), keys_(std::move(keys)) {}

  void Run() {
    // A connection that was kept may have been closed over there long ago. Another one is tried,
    // once, unless a key has arrived or time has run out.
    while (!Try()) may_retry_ = false;
  }

 private:
  // False: to be tried again.
  bool Try();
  PeerResult Send(PeerConnection& peer);
  // The replies to AUTH and SELECT, if they were sent.
  PeerResult ReadPreamble(PeerConnection& peer);
  PeerResult ReadReplies(PeerConnection& peer);
  void OnArrived(const Key& key);
  bool Fail(PeerResult result, std::string_view what);

  CommandContext& context_;
  const Request& request_;
  std::vector<Moving> keys_;
  bool may_retry_ = true;
  bool selects_ = false;
  std::string refusal_;  // of AUTH or SELECT
  std::string error_;    // the first that the target has replied with
  size_t replies_ = 0;
  std::vector<std::string_view> deletion_;  // DEL and the keys that have arrived
};

PeerResult Migration::Send(PeerConnection& peer) {
  RequestWriter writer(peer, request_.timeout_ms);
  if (request_.password.has_value()) {
    writer.Array(request_.user.has_value() ? 3 : 2);
    writer.Bulk("AUTH");
    if (request_.user.has_value()) writer.Bulk(*request_.user);
    writer.Bulk(*request_.password);
  }
  selects_ = peer.database != request_.database;
  if (selects_) {
    writer.Array(2);
    writer.Bulk("SELECT");
    writer.Bulk(request_.database);
  }
  const bool in_cluster = context_.services.cluster != nullptr;
  const rdb::WriteOptions options{.compress = context_.services.config.rdbcompression};
  size_t kept = 0;
  for (const Moving& moving : keys_) {
    int64_t ttl = 0;
    if (moving.record->has_expiry()) {
      // Writing takes time: the key may have expired since the command has begun.
      ttl = moving.record->expiry_ms() - context_.services.clock.WallMillis();
      if (ttl < 0) continue;
      if (ttl == 0) ttl = 1;
    }
    writer.Array(request_.replace ? 5 : 4);
    writer.Bulk(in_cluster ? "RESTORE-ASKING" : "RESTORE");
    writer.Bulk(moving.key.text);
    writer.Bulk(ttl);
    writer.Bulk(rdb::DumpPayload(*moving.record, options));
    if (request_.replace) writer.Bulk("REPLACE");
    keys_[kept++] = moving;
  }
  keys_.erase(keys_.begin() + static_cast<ptrdiff_t>(kept), keys_.end());
  return writer.Finish();
}

PeerResult Migration::ReadPreamble(PeerConnection& peer) {
  const int count = (request_.password.has_value() ? 1 : 0) + (selects_ ? 1 : 0);
  std::string line;
  for (int i = 0; i < count; ++i) {
    const PeerResult result = peer.ReadLine(&line, request_.timeout_ms);
    if (result != PeerResult::kOk) return result;
    if (line.starts_with('-') && refusal_.empty()) refusal_ = line;
  }
  return PeerResult::kOk;
}

void Migration::OnArrived(const Key& key) {
  if (request_.copy) return;
  context_.db.Delete(
      key, keyspace::kEvenIfExpired,
      context_.services.config.lazyfree_lazy_server_del ? Reclaim::kLater : Reclaim::kNow);
  if (context_.effects == nullptr) return;
  if (deletion_.empty()) deletion_.emplace_back("DEL");
  deletion_.push_back(key.text);
}

PeerResult Migration::ReadReplies(PeerConnection& peer) {
  std::string line;
  for (replies_ = 0; replies_ < keys_.size(); ++replies_) {
    const PeerResult result = peer.ReadLine(&line, request_.timeout_ms);
    if (result != PeerResult::kOk) return result;
    if (refusal_.empty() && !line.starts_with('-')) {
      OnArrived(keys_[replies_].key);
    } else if (error_.empty()) {
      error_ = refusal_.empty() ? line : refusal_;
      peer.database = -1;
    }
  }
  return PeerResult::kOk;
}

bool Migration::Try() {
  PeerConnection* const peer =
      context_.services.peers->Find(request_.host, request_.port, request_.timeout_ms);
  if (peer == nullptr) {
    context_.reply.Error("IOERR error or timeout connecting to the client");
    return true;
  }
  refusal_.clear();
  PeerResult result = Send(*peer);
  if (result != PeerResult::kOk) return Fail(result, "writing");
  result = ReadPreamble(*peer);
  if (result != PeerResult::kOk) return Fail(result, "reading");
  result = ReadReplies(*peer);
  if (replies_ > 0) may_retry_ = false;
  if (!deletion_.empty()) context_.effects->Replace(deletion_);
  if (result != PeerResult::kOk && error_.empty()) return Fail(result, "reading");
  if (result != PeerResult::kOk) context_.services.peers->Drop(request_.host, request_.port);
  if (!error_.empty()) {
    // Without the '-', and up to a NUL, where it ends for Redis.
    context_.reply.Error(std::string("ERR Target instance replied with error: ") +
                         (error_.c_str() + 1));
    return true;
  }
  peer->database = request_.database;
  context_.reply.Ok();
  return true;
}

bool Migration::Fail(PeerResult result, std::string_view what) {
  context_.services.peers->Drop(request_.host, request_.port);
  if (result == PeerResult::kBroken && may_retry_) return false;
  context_.reply.Error("IOERR error or timeout " + std::string(what) + " to target instance");
  return true;
}

void Migrate(CommandContext& context) {
  Request request;
  if (!ReadRequest(context, &request)) return;
  std::vector<Moving> keys;
  keys.reserve(request.keys.size());
  for (const std::string_view text : request.keys) {
    const Key key(text);
    const Record* record = context.db.Find(key, context.now_ms, Access::kRead);
    if (record != nullptr) keys.push_back({key, record});
  }
  if (keys.empty()) return context.reply.Simple("NOKEY");
  Migration(context, request, std::move(keys)).Run();
}

}  // namespace

void RegisterMigrate(HandlerTable& handlers) {
  handlers.Register("migrate", Migrate);
}

}  // namespace keyway::shard::commands
