// CLIENT and its subcommands.
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "common/command/help.h"
#include "proxy/execution/outcome.h"
#include "proxy/session/client_directory.h"
#include "proxy/session/deferred.h"
#include "proxy/session/local_commands.h"
#include "proxy/session/session.h"
#include "proxy/session/session_list.h"

namespace keyway::proxy::session {
namespace {

void Id(LocalCall& call) {
  call.reply.Integer(static_cast<int64_t>(call.session.client().id));
}

void GetName(LocalCall& call) {
  const std::string& name = call.session.client().name;
  if (name.empty()) {
    call.reply.Null();
  } else {
    call.reply.Bulk(name);
  }
}

void SetName(LocalCall& call) {
  if (!ValidClientName(call.arguments[2])) return call.Error(kBadClientName);
  call.session.client().name = call.arguments[2];
  call.reply.Ok();
}

void Info(LocalCall& call) {
  call.reply.Verbatim("txt", call.session.Describe() + "\n");
}

// The types of clients that CLIENT LIST and KILL know. A proxy has normal ones and subscribers.
bool KnownType(std::string_view type) {
  for (std::string_view known : {"normal", "master", "slave", "replica", "pubsub"}) {
    if (EqualsIgnoreCase(type, known)) return true;
  }
  return false;
}

// Asks all workers; `answer` writes the reply on this session's thread. The client's next request waits
// until all have been asked.
template <typename Question, typename AnswerFunction>
void AskAllClients(LocalCall& call, Question question, AnswerFunction answer) {
  SessionContext& context = call.session.context();
  call.Defer(new DeferredOperation([&context, question, answer, version = call.reply.version()](
                                       const std::shared_ptr<DeferredOperation::Ticket>& ticket) {
    context.directory.AskAll(context.loop, question, [ticket, answer, version](Census census) {
      OutputBuffer buffer;
      resp::ReplyWriter reply(buffer, version);
      answer(std::move(census), reply);
      ticket->Answer(std::move(buffer));
    });
  }));
  call.session.WaitForEarlier();
}

void List(LocalCall& call) {
  const auto arguments = call.arguments;
  std::optional<std::vector<uint64_t>> ids;
  std::optional<bool> subscribers;
  bool none = false;
  if (arguments.size() == 4 && EqualsIgnoreCase(arguments[2], "type")) {
    if (!KnownType(arguments[3])) {
      return call.Error("ERR Unknown client type '" + std::string(arguments[3]) + "'");
    }
    subscribers = EqualsIgnoreCase(arguments[3], "pubsub");
    none = !*subscribers && !EqualsIgnoreCase(arguments[3], "normal");
  } else if (arguments.size() > 3 && EqualsIgnoreCase(arguments[2], "id")) {
    ids.emplace();
    for (std::string_view text : arguments.subspan(3)) {
      int64_t id = 0;
      if (!ParseInteger(text, &id)) return call.Error("ERR Invalid client ID");
      ids->push_back(static_cast<uint64_t>(id));
    }
  } else if (arguments.size() != 2) {
    return call.Error(kSyntaxError);
  }
  if (none) {
    call.reply.Verbatim("txt", "");
    return;
  }
  AskAllClients(
      call,
      [wanted = ids ? std::optional(std::set(ids->begin(), ids->end())) : std::nullopt,
       subscribers](SessionList& sessions, Census* census) {
        sessions.ForEach([&](Session& session) {
          const uint64_t id = session.client().id;
          if (subscribers && *subscribers != (session.subscriptions() != nullptr)) return;
          if (!wanted || wanted->contains(id)) census->lines.emplace_back(id, session.Describe());
        });
      },
      [ids](const Census& census, resp::ReplyWriter& reply) {
        const std::map<uint64_t, std::string> lines(census.lines.begin(), census.lines.end());
        std::string text;
        if (!ids) {
          for (const auto& [id, line] : lines) text.append(line).append("\n");
        } else {
          // In the order in which they were asked for, and as often.
          for (const uint64_t id : *ids) {
            if (const auto line = lines.find(id); line != lines.end()) {
              text.append(line->second).append("\n");
            }
          }
        }
        reply.Verbatim("txt", text);
      });
}

// Which clients CLIENT KILL means. What is not set does not matter.
struct KillFilter {
  std::optional<uint64_t> id;
  std::optional<std::string> address;
  std::optional<std::string> local_address;
  std::optional<bool> subscribers;
  bool none = false;  // a type of client, or a user, that a proxy has not
  bool skip_me = true;
  uint64_t me = 0;

  bool Matches(Session& session) const {
    const uint64_t session_id = session.client().id;
    if (none || (id && *id != session_id)) return false;
    if (subscribers && *subscribers != (session.subscriptions() != nullptr)) return false;
    if (address && *address != net::ToString(session.stream().peer())) return false;
    if (local_address && *local_address != net::ToString(session.stream().local())) return false;
    return session_id != me || !skip_me;
  }
};

// Reads the new form, with options. False: the error has been written.
bool ReadKillOptions(LocalCall& call, KillFilter* filter) {
  const auto arguments = call.arguments;
  for (size_t i = 2; i < arguments.size(); i += 2) {
    if (i + 1 >= arguments.size()) return call.Error(kSyntaxError), false;
    const std::string_view option = arguments[i];
    const std::string_view value = arguments[i + 1];
    if (EqualsIgnoreCase(option, "id")) {
      int64_t id = 0;
      if (!ParseInteger(value, &id) || id < 1) {
        return call.Error("ERR client-id should be greater than 0"), false;
      }
      filter->id = static_cast<uint64_t>(id);
    } else if (EqualsIgnoreCase(option, "type")) {
      if (!KnownType(value)) {
        return call.Error("ERR Unknown client type '" + std::string(value) + "'"), false;
      }
      filter->subscribers = EqualsIgnoreCase(value, "pubsub");
      filter->none = !*filter->subscribers && !EqualsIgnoreCase(value, "normal");
    } else if (EqualsIgnoreCase(option, "addr")) {
      filter->address = value;
    } else if (EqualsIgnoreCase(option, "laddr")) {
      filter->local_address = value;
    } else if (EqualsIgnoreCase(option, "user")) {
      if (value != "default") {
        return call.Error("ERR No such user '" + std::string(value) + "'"), false;
      }
    } else if (EqualsIgnoreCase(option, "skipme")) {
      if (!EqualsIgnoreCase(value, "yes") && !EqualsIgnoreCase(value, "no")) {
        return call.Error(kSyntaxError), false;
      }
      filter->skip_me = EqualsIgnoreCase(value, "yes");
    } else {
      return call.Error(kSyntaxError), false;
    }
  }
  return true;
}

void Kill(LocalCall& call) {
  KillFilter filter;
  filter.me = call.session.client().id;
  const bool old_form = call.arguments.size() == 3;
  if (old_form) {
    filter.address = call.arguments[2];
    filter.skip_me = false;
  } else if (!ReadKillOptions(call, &filter)) {
    return;
  }
  AskAllClients(
      call,
      [filter](SessionList& sessions, Census* census) {
        sessions.ForEach([&](Session& session) {
          if (!filter.Matches(session)) return;
          ++census->killed;
          // The one who asked gets the answer first.
          if (session.client().id == filter.me) {
            session.Finish();
          } else {
            session.Doom();
          }
        });
      },
      [old_form](Census census, resp::ReplyWriter& reply) {
        if (!old_form) {
          reply.Integer(static_cast<int64_t>(census.killed));
        } else if (census.killed > 0) {
          reply.Ok();
        } else {
          reply.Error("ERR No such client");
        }
      });
}

void Reply(LocalCall& call) {
  Client& client = call.session.client();
  if (EqualsIgnoreCase(call.arguments[2], "on")) {
    client.replies_off = false;
    call.answer_anyway = true;
    call.reply.Ok();
  } else if (EqualsIgnoreCase(call.arguments[2], "off")) {
    client.replies_off = true;
    call.answer_never = true;
  } else if (EqualsIgnoreCase(call.arguments[2], "skip")) {
    client.skip_next = !client.replies_off;
    call.answer_never = true;
  } else {
    call.Error(kSyntaxError);
  }
}

void NoEvict(LocalCall& call) {
  const bool on = EqualsIgnoreCase(call.arguments[2], "on");
  if (!on && !EqualsIgnoreCase(call.arguments[2], "off")) return call.Error(kSyntaxError);
  call.session.client().no_evict = on;
  call.reply.Ok();
}

void GetRedir(LocalCall& call) {
  call.reply.Integer(-1);
}

void TrackingInfo(LocalCall& call) {
  call.reply.MapHeader(3);
  call.reply.Bulk("flags");
  call.reply.SetHeader(1);
  call.reply.Bulk("off");
  call.reply.Bulk("redirect");
  call.reply.Integer(-1);
  call.reply.Bulk("prefixes");
  call.reply.ArrayHeader(0);
}

void Tracking(LocalCall& call) {
  if (call.arguments.size() == 3 && EqualsIgnoreCase(call.arguments[2], "off")) {
    call.reply.Ok();
    return;
  }
  if (!EqualsIgnoreCase(call.arguments[2], "on") && !EqualsIgnoreCase(call.arguments[2], "off")) {
    return call.Error(kSyntaxError);
  }
  call.Error(
      "ERR keyway-proxy does not support 'client|tracking' yet: the shards' invalidations "
      "are not passed on");
}

void Caching(LocalCall& call) {
  call.Error(
      "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN "
      "or OPTOUT mode enabled");
}

void Unblock(LocalCall& call) {
  if (call.arguments.size() > 4) {
    return TooManyArguments(call);
  }
  if (call.arguments.size() == 4 && !EqualsIgnoreCase(call.arguments[3], "timeout") &&
      !EqualsIgnoreCase(call.arguments[3], "error")) {
    return call.Error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
  }
  int64_t id = 0;
  if (!ParseInteger(call.arguments[2], &id)) return call.Error(kNotAnInteger);
  const bool error = call.arguments.size() == 4 && EqualsIgnoreCase(call.arguments[3], "error");
  const auto question = [id, error](SessionList& sessions, ClientDirectory::Reply reply) {
    Session* meant = nullptr;
    sessions.ForEach([&meant, id](Session& session) {
      if (session.client().id == static_cast<uint64_t>(id)) meant = &session;
    });
    if (meant == nullptr) return reply(false);
    meant->Unblock(error, std::move(reply));
  };
  SessionContext& context = call.session.context();
  call.Defer(new DeferredOperation(
      [&context, question](const std::shared_ptr<DeferredOperation::Ticket>& ticket) {
        context.directory.AskWhether(context.loop, question, [ticket](bool unblocked) {
          OutputBuffer buffer;
          resp::ReplyWriter(buffer).Integer(unblocked ? 1 : 0);
          ticket->Answer(std::move(buffer));
        });
      }));
  call.session.WaitForEarlier();
}

// Tells all workers of this proxy.
void ChangePause(LocalCall& call, const std::function<void(Pause&)>& change) {
  AskAllClients(
      call, [change](SessionList& sessions, Census*) { change(sessions.pause()); },
      [](const Census&, resp::ReplyWriter& reply) { reply.Ok(); });
}

void PauseClients(LocalCall& call) {
  Pause::Kind kind = Pause::Kind::kAll;
  if (call.arguments.size() > 4) {
    return TooManyArguments(call);
  }
  if (call.arguments.size() == 4) {
    if (EqualsIgnoreCase(call.arguments[3], "write")) {
      kind = Pause::Kind::kWrites;
    } else if (!EqualsIgnoreCase(call.arguments[3], "all")) {
      return call.Error("ERR CLIENT PAUSE mode must be WRITE or ALL");
    }
  }
  int64_t milliseconds = 0;
  if (!ParseInteger(call.arguments[2], &milliseconds)) {
    return call.Error("ERR timeout is not an integer or out of range");
  }
  if (milliseconds < 0) return call.Error("ERR timeout is negative");
  ChangePause(call, [kind, milliseconds](Pause& pause) { pause.Begin(kind, milliseconds); });
}

void Unpause(LocalCall& call) {
  ChangePause(call, [](Pause& pause) { pause.End(); });
}

void Help(LocalCall& call) {
  WriteHelp(call, command::ClientHelp());
}

}  // namespace

void RegisterClientCommands(LocalCommands& commands) {
  commands.Add("client|id", Id);
  commands.Add("client|getname", GetName);
  commands.Add("client|setname", SetName);
  commands.Add("client|info", Info);
  commands.Add("client|list", List);
  commands.Add("client|kill", Kill);
  commands.Add("client|reply", Reply);
  commands.Add("client|no-evict", NoEvict);
  commands.Add("client|getredir", GetRedir);
  commands.Add("client|trackinginfo", TrackingInfo);
  commands.Add("client|tracking", Tracking);
  commands.Add("client|caching", Caching);
  commands.AddQuiet("client|unblock", Unblock);
  commands.AddQuiet("client|pause", PauseClients);
  commands.AddQuiet("client|unpause", Unpause);
  commands.Add("client|help", Help);
}

}  // namespace keyway::proxy::session
