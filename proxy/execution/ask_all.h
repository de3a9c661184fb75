// One question to every primary, and one reply made of all their answers: what the policies of the
// command table cannot say (LASTSAVE, SLOWLOG GET, INFO, CONFIG SET ...).
//
// A new command of this kind is a row of kSpecials in executor.cc with a function that makes its
// reply, or a local command that defers to an AskAllOperation.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/event_loop.h"
#include "common/resp/reply_writer.h"
#include "proxy/execution/gather.h"
#include "proxy/execution/operation.h"

namespace keyway::proxy::execution {

// What one primary says. The views are valid during MakeReply.
struct ShardAnswer {
  std::string node;         // host:port
  std::string_view bytes;   // one complete reply; empty: none came
  char type = 0;            // its first byte; 0: none came

  bool failed() const { return type == 0 || type == '-' || type == '!'; }
  // Of an error, the text without its marks; else empty.
  std::string_view error() const;
};

using Arguments = std::vector<std::string>;  // of a request, the command's name included

class AskAllOperation final : public Operation, private Gather::Owner {
 public:
  // The request for the primary with the given place among `count`: a RESP array of bulk strings.
  using MakeRequest = std::function<std::string(size_t place, size_t count)>;
  // Writes the whole reply. The answers stand in the order of the primaries' lowest slots.
  using MakeReply = std::function<void(const Arguments& arguments,
                                       std::span<const ShardAnswer> answers,
                                       resp::ReplyWriter& reply)>;
  enum class OnFailure : uint8_t {
    // An error of any is the reply: as it stands when all say the same, else with the name of the
    // shard in front, since the others have done what was asked.
    kReplyError,
    // MakeReply sees failures as well.
    kLetReplyDecide,
    // As well as those that said nothing within `patience_ms`, and a cluster without shards, or with
    // slots that no shard serves.
    kReplyAnyway,
  };
  struct Terms {
    OnFailure on_failure = OnFailure::kReplyError;
    bool repeatable = true;  // asking twice harms nothing
    int patience_ms = 1000;  // of kReplyAnyway
  };

  // Without `make_request`, the client's own request goes to all.
  AskAllOperation(Terms terms, MakeReply make_reply, MakeRequest make_request = nullptr);

 private:
  void Begin(const Request& request) override;
  void Abandon() override;
  std::string DeadlineError(Outcome* outcome) override;
  void Recycle() override;
  bool asks_all_shards(const Request&) const override {
    return terms_.on_failure != OnFailure::kReplyAnyway;
  }
  void OnGathered(Gather& gather) override;
  void OnShardAway(Gather& gather) override;

  std::vector<ShardAnswer> Answers();
  void Reply(std::span<const ShardAnswer> answers);

  const Terms terms_;
  const MakeReply make_reply_;
  const MakeRequest make_request_;
  Arguments arguments_;
  std::vector<std::string> nodes_;
  Gather gather_;
  std::unique_ptr<net::Timer> patience_;
};

// The error of the first that failed, for a command that changes something: as it stands when all
// said the same, else naming the shard. Empty when none failed.
std::string ErrorOf(std::span<const ShardAnswer> answers);

}  // namespace keyway::proxy::execution
