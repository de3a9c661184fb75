#include "proxy/scripting/newcomers.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "common/log/log.h"
#include "common/resp/reply_parser.h"
#include "proxy/execution/encode.h"
#include "proxy/execution/script_loads.h"

namespace keyway::proxy::scripting {
namespace {

constexpr uint64_t kFirstDelayMs = 100;
constexpr uint64_t kLongestDelayMs = 2000;
constexpr int kMaxAttempts = 40;
// Of scripts sent in one piece.
constexpr size_t kMaxScripts = 64;
constexpr size_t kMaxPieceBytes = 256 * 1024;

struct Library {
  std::string name;
  std::string code;
};

std::string MakeRequest(std::vector<std::string_view> words) {
  std::string request;
  execution::AppendRequest(words, &request);
  return request;
}

// Of FUNCTION LIST [WITHCODE] in RESP2.
std::vector<Library> ReadLibraries(std::string_view reply) {
  std::vector<Library> libraries;
  const auto tree = resp::ParseReplyTree(reply);
  if (!tree.ok()) return libraries;
  for (const resp::ReplyValue& element : tree->elements) {
    const resp::ReplyValue* name = element.Find("library_name");
    const resp::ReplyValue* code = element.Find("library_code");
    if (name == nullptr) continue;
    libraries.push_back(
        {std::string(name->text), code == nullptr ? std::string() : std::string(code->text)});
  }
  return libraries;
}

}  // namespace

class Newcomers::Newcomer final : private backend::Call {
 public:
  Newcomer(Newcomers& all, const net::Endpoint& node)
      : all_(all), node_(node), timer_(all.loop_, [this] { Next(); }) {}
  ~Newcomer() override {
    if (pending()) Cancel();
  }

  const net::Endpoint& node() const { return node_; }
  bool done() const { return step_ == Step::kDone; }
  void Start() { Next(); }

 private:
  // In this order; after a failure the same again.
  enum class Step : uint8_t { kReadSource, kReadOwn, kLoadLibraries, kLoadScripts, kDone };

  void Next() {
    switch (step_) {
      case Step::kReadSource: {
        const auto source = all_.Source();
        if (!source) return BeginScripts();
        return Ask(*source, MakeRequest({"FUNCTION", "LIST", "WITHCODE"}), 1);
      }
      case Step::kReadOwn:
        return Ask(node_, MakeRequest({"FUNCTION", "LIST"}), 1);
      case Step::kLoadLibraries:
        if (libraries_.empty()) return BeginScripts();
        return Ask(node_, MakeRequest({"FUNCTION", "LOAD", libraries_.back().code}), 1);
      case Step::kLoadScripts:
        return SendScripts();
      case Step::kDone:
        return;
    }
  }

  void BeginScripts() {
    step_ = Step::kLoadScripts;
    scripts_ = all_.scripts_.Compiled();
    SendScripts();
  }

  // From the end: those used last are wanted first.
  void SendScripts() {
    std::string requests;
    size_t count = 0;
    while (count < std::min(kMaxScripts, scripts_.size()) && requests.size() < kMaxPieceBytes) {
      requests += execution::ScriptLoadRequest(scripts_[scripts_.size() - ++count]->text);
    }
    if (count == 0) {
      step_ = Step::kDone;
      if (loaded_libraries_ + loaded_scripts_ == 0) return;
      KEYWAY_NOTICE() << net::ToString(node_) << " has joined the shards: loaded "
                      << loaded_libraries_ << " function libraries and " << loaded_scripts_
                      << " scripts there";
      return;
    }
    Ask(node_, std::move(requests), static_cast<int>(count));
  }

  void Ask(const net::Endpoint& node, const std::string& request, int replies) {
    replies_left_ = replies;
    const std::string_view parts[] = {request};
    all_.pool_.Send(node, {.scripts = true, .replies = replies}, parts, this);
  }

  void OnReply(std::string_view reply, char type) override {
    const bool failed = type == '-';
    --replies_left_;
    switch (step_) {
      case Step::kReadSource:
        if (failed) return TryAgain(reply);
        libraries_ = ReadLibraries(reply);
        step_ = libraries_.empty() ? Step::kLoadLibraries : Step::kReadOwn;
        return Next();
      case Step::kReadOwn: {
        if (failed) return TryAgain(reply);
        const std::vector<Library> own = ReadLibraries(reply);
        std::erase_if(libraries_, [&own](const Library& library) {
          return std::any_of(own.begin(), own.end(),
                             [&](const Library& other) { return other.name == library.name; });
        });
        step_ = Step::kLoadLibraries;
        return Next();
      }
      case Step::kLoadLibraries:
        // "ERR Library 'x' already exists": another proxy was faster. Other codes say that it cannot do
        // so now.
        if (failed && !reply.starts_with("-ERR")) return TryAgain(reply);
        if (failed && reply.find("already exists") == std::string_view::npos) {
          KEYWAY_WARNING() << "Function library " << libraries_.back().name
                           << " cannot be loaded on " << net::ToString(node_) << ": " << reply;
        }
        loaded_libraries_ += failed ? 0 : 1;
        libraries_.pop_back();
        return Next();
      case Step::kLoadScripts:
        if (failed && !reply.starts_with("-ERR")) cannot_now_ = true;
        loaded_scripts_ += failed ? 0 : 1;
        if (!cannot_now_) scripts_.pop_back();
        if (replies_left_ > 0) return;
        return std::exchange(cannot_now_, false) ? TryAgain(reply) : Next();
      case Step::kDone:
        return;
    }
  }

  void OnFailure(backend::Failure, std::string_view detail) override { TryAgain(detail); }

  void TryAgain(std::string_view why) {
    if (++attempts_ >= kMaxAttempts) {
      KEYWAY_WARNING() << "Gave up loading functions and scripts on " << net::ToString(node_)
                       << ", which has joined the shards: " << why;
      step_ = Step::kDone;
      return;
    }
    timer_.Start(std::min(kFirstDelayMs << std::min(attempts_ - 1, 10), kLongestDelayMs));
  }

  Newcomers& all_;
  const net::Endpoint node_;
  net::Timer timer_;
  Step step_ = Step::kReadSource;
  int attempts_ = 0;
  int replies_left_ = 0;
  bool cannot_now_ = false;
  std::vector<Library> libraries_;  // still to be loaded
  std::vector<ScriptPtr> scripts_;  // still to be loaded
  size_t loaded_libraries_ = 0;
  size_t loaded_scripts_ = 0;
};

Newcomers::Newcomers(net::EventLoop& loop, backend::Pool& pool, const ScriptCache& scripts)
    : loop_(loop), pool_(pool), scripts_(scripts) {}

Newcomers::~Newcomers() = default;

void Newcomers::SetMap(topology::SlotMapPtr map) {
  const topology::SlotMapPtr before = std::exchange(map_, std::move(map));
  const auto has = [](const topology::SlotMap& in, const net::Endpoint& node) {
    return std::any_of(in.shards().begin(), in.shards().end(), [&node](const auto& shard) {
      return shard.primary.endpoint == node;
    });
  };
  std::erase_if(newcomers_, [&](const auto& newcomer) {
    return newcomer->done() || !has(*map_, newcomer->node());
  });
  if (before == nullptr) return;
  const size_t waiting = newcomers_.size();
  for (const topology::Shard& shard : map_->shards()) {
    const net::Endpoint& node = shard.primary.endpoint;
    if (!has(*before, node)) newcomers_.push_back(std::make_unique<Newcomer>(*this, node));
  }
  // When all are known, so that none is the source of another.
  for (size_t i = waiting; i < newcomers_.size(); ++i) newcomers_[i]->Start();
}

size_t Newcomers::waiting() const {
  return static_cast<size_t>(std::count_if(newcomers_.begin(), newcomers_.end(),
                                           [](const auto& newcomer) { return !newcomer->done(); }));
}

std::optional<net::Endpoint> Newcomers::Source() const {
  for (const topology::Shard& shard : map_->shards()) {
    const net::Endpoint& node = shard.primary.endpoint;
    if (std::none_of(newcomers_.begin(), newcomers_.end(),
                     [&node](const auto& newcomer) { return newcomer->node() == node; })) {
      return node;
    }
  }
  return {};
}

}  // namespace keyway::proxy::scripting
