// PING, ECHO, HELLO, AUTH, SELECT, QUIT, RESET, READONLY, READWRITE.
#include <limits>

#include "proxy/session/deferred.h"
#include "proxy/session/local_commands.h"
#include "proxy/session/session.h"

namespace keyway::proxy::session {
namespace {

constexpr std::string_view kWrongPassword =
    "WRONGPASS invalid username-password pair or user is disabled.";
constexpr std::string_view kHelloNeedsAuth =
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH "
    "<user> <pass> option can be used to authenticate the client and select the RESP protocol "
    "version at the same time";
constexpr std::string_view kNoPasswordSet =
    "ERR AUTH <password> called without any password configured for the default user. Are you "
    "sure your configuration is correct?";

void Ping(LocalCall& call) {
  if (call.arguments.size() > 2) {
    call.Error("ERR wrong number of arguments for 'ping' command");
  } else if (call.session.restricted()) {
    call.reply.ArrayHeader(2);
    call.reply.Bulk("pong");
    call.reply.Bulk(call.arguments.size() == 2 ? call.arguments[1] : std::string_view());
  } else if (call.arguments.size() == 2) {
    call.reply.Bulk(call.arguments[1]);
  } else {
    call.reply.Simple("PONG");
  }
}

void Echo(LocalCall& call) {
  call.reply.Bulk(call.arguments[1]);
}

void WriteHello(LocalCall& call) {
  call.reply.MapHeader(7);
  call.reply.Bulk("server");
  call.reply.Bulk("redis");
  call.reply.Bulk("version");
  call.reply.Bulk(kRedisVersion);
  call.reply.Bulk("proto");
  call.reply.Integer(static_cast<int>(call.reply.version()));
  call.reply.Bulk("id");
  call.reply.Integer(static_cast<int64_t>(call.session.client().id));
  call.reply.Bulk("mode");
  call.reply.Bulk("standalone");
  call.reply.Bulk("role");
  call.reply.Bulk("master");
  call.reply.Bulk("modules");
  call.reply.ArrayHeader(0);
}

void Hello(LocalCall& call) {
  Client& client = call.session.client();
  const auto arguments = call.arguments;
  resp::Version version = client.version;
  if (arguments.size() > 1) {
    int64_t number = 0;
    if (!ParseInteger(arguments[1], &number)) {
      return call.Error("ERR Protocol version is not an integer or out of range");
    }
    if (number != 2 && number != 3) return call.Error("NOPROTO unsupported protocol version");
    version = number == 2 ? resp::Version::kResp2 : resp::Version::kResp3;
  }
  // Each option takes effect as it is read, as in Redis, even if a later one is wrong.
  for (size_t i = 2; i < arguments.size(); ++i) {
    const size_t more = arguments.size() - 1 - i;
    if (EqualsIgnoreCase(arguments[i], "AUTH") && more >= 2) {
      if (!call.session.Authenticate(arguments[i + 1], arguments[i + 2])) {
        return call.Error(kWrongPassword);
      }
      i += 2;
    } else if (EqualsIgnoreCase(arguments[i], "SETNAME") && more >= 1) {
      if (!ValidClientName(arguments[++i])) return call.Error(kBadClientName);
      client.name = arguments[i];
    } else {
      return call.Error("ERR Syntax error in HELLO option '" + std::string(arguments[i]) + "'");
    }
  }
  if (!client.authenticated) return call.Error(kHelloNeedsAuth);
  client.version = version;
  call.reply.set_version(version);
  WriteHello(call);
}

void Auth(LocalCall& call) {
  if (call.arguments.size() > 3) return call.Error(kSyntaxError);
  const bool named = call.arguments.size() == 3;
  if (!named && call.session.context().options.password.empty()) return call.Error(kNoPasswordSet);
  const std::string_view user = named ? call.arguments[1] : "default";
  if (!call.session.Authenticate(user, call.arguments.back())) return call.Error(kWrongPassword);
  call.reply.Ok();
}

void Select(LocalCall& call) {
  int64_t database = 0;
  if (!ParseInteger(call.arguments[1], &database)) return call.Error(kNotAnInteger);
  if (database < std::numeric_limits<int>::min() || database > std::numeric_limits<int>::max()) {
    return call.Error("ERR value is out of range, value must between -2147483648 and 2147483647");
  }
  if (database < 0) return call.Error("ERR DB index is out of range");
  if (database == 0) {
    call.session.client().database = 0;
    call.reply.Ok();
    return;
  }
  call.DeferSelect(new SelectOperation, static_cast<int>(database));
}

void Quit(LocalCall& call) {
  call.reply.Ok();
  call.session.Finish();
}

void Reset(LocalCall& call) {
  Client& client = call.session.client();
  call.session.UnsubscribeFromAll();
  call.session.EndTransaction();
  call.session.Deauthenticate();
  if (client.version != resp::Version::kResp2) call.session.WaitForEarlier();
  client.version = resp::Version::kResp2;
  client.database = 0;
  client.name.clear();
  // It ends CLIENT REPLY OFF, but not a SKIP that is about itself.
  call.answer_anyway = client.replies_off;
  client.replies_off = client.skip_next = false;
  call.reply.Simple("RESET");
}

// Of a client that thinks it talks to a node of a cluster. Replicas are the proxy's matter.
void AcceptReadMode(LocalCall& call) {
  call.reply.Ok();
}

}  // namespace

bool ValidClientName(std::string_view name) {
  for (char c : name) {
    if (c < '!' || c > '~') return false;
  }
  return true;
}

void RegisterConnectionCommands(LocalCommands& commands) {
  commands.Add("ping", Ping);
  commands.Add("echo", Echo);
  // Another version means other connections to the shards, and other messages of channels.
  commands.AddQuiet("hello", Hello);
  commands.Add("auth", Auth);
  commands.Add("select", Select);
  commands.Add("quit", Quit);
  commands.Add("reset", Reset);
  commands.Add("readonly", AcceptReadMode);
  commands.Add("readwrite", AcceptReadMode);
}

}  // namespace keyway::proxy::session
