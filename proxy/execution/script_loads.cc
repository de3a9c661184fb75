#include "proxy/execution/script_loads.h"

#include <utility>

#include "proxy/execution/encode.h"
#include "proxy/execution/shard_access.h"

namespace keyway::proxy::execution {
namespace {

constexpr size_t kMaxLoads = 4096;
constexpr size_t kMaxBytes = 16 * 1024 * 1024;

}  // namespace

class ScriptLoads::Load final : public backend::Call, public ListLink<LoadTag> {
 public:
  Load(ScriptLoads& loads, scripting::ScriptPtr script, size_t bytes)
      : loads_(loads), script_(std::move(script)), bytes_(bytes) {}

  size_t bytes() const { return bytes_; }

  void OnReply(std::string_view, char type) override {
    if (type == '$') script_->compiled = true;
    loads_.End(*this);
  }
  void OnFailure(backend::Failure, std::string_view) override { loads_.End(*this); }

 private:
  ScriptLoads& loads_;
  const scripting::ScriptPtr script_;
  const size_t bytes_;
};

ScriptLoads::~ScriptLoads() {
  while (!loads_.empty()) {
    Load& load = loads_.front();
    if (load.pending()) load.Cancel();
    End(load);
  }
}

void ScriptLoads::Spread(const scripting::ScriptPtr& script, Slot slot,
                         const backend::SendOptions& options) {
  const topology::SlotMap* map = access_.map();
  if (map == nullptr || map->shards().size() < 2) return;
  const std::string request = ScriptLoadRequest(script->text);
  const topology::Shard* own = map->ShardOf(slot);
  backend::SendOptions send = options;
  send.scripts = true;
  for (const topology::Shard& shard : map->shards()) {
    if (&shard == own) continue;
    if (count_ >= kMaxLoads || bytes_ + request.size() > kMaxBytes) return;
    auto* load = new Load(*this, script, request.size());
    loads_.PushBack(*load);
    ++count_;
    bytes_ += request.size();
    const std::string_view parts[] = {request};
    access_.pool().Send(shard.primary.endpoint, send, parts, load);
  }
}

void ScriptLoads::End(Load& load) {
  --count_;
  bytes_ -= load.bytes();
  delete &load;
}

std::string ScriptLoadRequest(std::string_view text) {
  const std::string_view words[] = {"SCRIPT", "LOAD", text};
  std::string request;
  AppendRequest(words, &request);
  return request;
}

}  // namespace keyway::proxy::execution
