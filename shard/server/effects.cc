#include "shard/server/effects.h"

#include <algorithm>

#include <glog/logging.h>

#include "shard/config/shard_config.h"
#include "shard/keyspace/database.h"
#include "shard/keyspace/keyspace.h"

namespace keyway::shard {
namespace {

constexpr size_t kKeptBytes = 64 * 1024;  // of buffers, from unit to unit
constexpr std::string_view kMulti[] = {"MULTI"};
constexpr std::string_view kExec[] = {"EXEC"};

void AppendLine(char kind, size_t number, std::string* out) {
  char digits[20];
  const char* end = std::to_chars(digits, digits + sizeof(digits), number).ptr;
  out->push_back(kind);
  out->append(digits, static_cast<size_t>(end - digits));
  out->append("\r\n");
}

void AppendCommand(std::span<const std::string_view> args, std::string* out) {
  AppendLine('*', args.size(), out);
  for (const std::string_view arg : args) {
    AppendLine('$', arg.size(), out);
    out->append(arg).append("\r\n");
  }
}

template <typename Buffer>
void ClearBuffer(Buffer& buffer) {
  if (buffer.capacity() * sizeof(typename Buffer::value_type) > kKeptBytes) {
    Buffer().swap(buffer);
  } else {
    buffer.clear();
  }
}

}  // namespace

// ---- One call.

CallEffects::CallEffects(Effects& effects, int db, Kind kind)
    : effects_(effects),
      changes_before_(effects.keyspace_.changes()),
      db_(db),
      allowed_(kind == Kind::kScripted ? effects.script_targets_ : kEffectAll),
      as_called_(kind != Kind::kFrame) {
  if (kind == Kind::kFrame) effects.script_targets_ = kEffectAll;
  ++effects.calls_;
}

bool CallEffects::changed() const {
  return effects_.keyspace_.changes() != changes_before_;
}

void CallEffects::Replace(std::initializer_list<EffectWord> args) {
  as_called_ = false;
  effects_.Collect(db_, allowed_, args, [](const EffectWord& word) { return word.text(); });
}

void CallEffects::Replace(std::span<const std::string_view> args) {
  as_called_ = false;
  effects_.Collect(db_, allowed_, args, [](std::string_view text) { return text; });
}

void CallEffects::Add(std::initializer_list<EffectWord> args) {
  effects_.Collect(db_, kEffectAll, args, [](const EffectWord& word) { return word.text(); });
}

void CallEffects::End(std::span<const std::string_view> args) {
  --effects_.calls_;
  uint8_t targets = kEffectNobody;
  if (as_called_) {
    targets = (changed() ? kEffectAll : forced_) & allowed_ & effects_.wanted_;
  }
  const Effect request{db_, targets, args};
  if (effects_.calls_ == 0) {
    effects_.Flush(targets == kEffectNobody ? Effect{} : request);
  } else if (targets != kEffectNobody) {
    effects_.Collect(db_, targets, args, [](std::string_view text) { return text; });
  }
}

// ---- The stream.

Effects::Effects(keyspace::Keyspace& keyspace, const ShardConfig& config)
    : keyspace_(keyspace), config_(config) {}

Effects::~Effects() {
  CHECK(sinks_.empty());
}

void Effects::AddSink(EffectSink& sink, uint8_t targets) {
  CHECK(targets != kEffectNobody);
  if (sinks_.empty()) keyspace_.AddListener(*this);
  sinks_.push_back({&sink, targets});
  wanted_ |= targets;
}

void Effects::RemoveSink(EffectSink& sink) {
  std::erase_if(sinks_, [&sink](const Sink& other) { return other.sink == &sink; });
  wanted_ = kEffectNobody;
  for (const Sink& left : sinks_) wanted_ |= left.targets;
  if (sinks_.empty()) keyspace_.RemoveListener(*this);
}

template <typename Args, typename TextOf>
void Effects::Collect(int db, uint8_t targets, const Args& args, TextOf text_of) {
  targets &= wanted_;
  if (targets == kEffectNobody || args.size() == 0) return;
  collected_.push_back({db, targets, lengths_.size(), args.size()});
  for (const auto& arg : args) {
    const std::string_view text = text_of(arg);
    bytes_.append(text);
    lengths_.push_back(text.size());
  }
}

// Redis takes the database of MULTI and EXEC from the first and the last effect, even when these
// are for somebody else, so that SELECT comes before MULTI.
void Effects::Flush(const Effect& last) {
  const size_t count = collected_.size() + (last.args.empty() ? 0 : 1);
  if (count == 0) return;
  if (collected_.empty()) return Deliver({&last, 1});  // most units: nothing is copied
  std::vector<std::string_view> views;
  views.reserve(lengths_.size());
  for (size_t at = 0; const size_t length : lengths_) {
    views.emplace_back(bytes_.data() + at, length);
    at += length;
  }
  std::vector<Effect> unit;
  unit.reserve(count + 2);
  if (count > 1) unit.push_back({collected_.front().db, kEffectAll, kMulti});
  for (const Collected& effect : collected_) {
    unit.push_back(
        {effect.db, effect.targets, std::span(views).subspan(effect.first_arg, effect.args)});
  }
  if (!last.args.empty()) unit.push_back(last);
  if (count > 1) unit.push_back({unit.back().db, kEffectAll, kExec});
  Deliver(unit);
  ClearBuffer(bytes_);
  ClearBuffer(lengths_);
  ClearBuffer(collected_);
}

void Effects::Deliver(std::span<const Effect> unit) const {
  for (const Sink& sink : sinks_) {
    const bool concerned = std::any_of(unit.begin(), unit.end(), [&sink](const Effect& effect) {
      return (effect.targets & sink.targets) != 0;
    });
    if (concerned) sink.sink->OnUnit(unit);
  }
}

// What the server does by itself, as active expiry and eviction do, is a unit each.
void Effects::FlushUnlessInCall() {
  if (calls_ == 0) Flush(Effect{});
}

void Effects::AfterChange(const keyspace::Database& database, const keyspace::Key& key,
                          keyspace::Event event) {
  bool lazy;
  if (event == keyspace::Event::kExpired) {
    lazy = config_.lazyfree_lazy_expire;
  } else if (event == keyspace::Event::kEvicted) {
    lazy = config_.lazyfree_lazy_eviction;
  } else {
    return;
  }
  const std::string_view args[] = {DeletionName(lazy), key.text};
  Collect(database.index(), kEffectAll, std::span(args),
          [](std::string_view text) { return text; });
  FlushUnlessInCall();
}

// ---- As text.

void EffectEncoder::Append(std::span<const Effect> unit, std::string* out) {
  for (const Effect& effect : unit) {
    if ((effect.targets & target_) == 0) continue;
    if (effect.db != db_) {
      db_ = effect.db;
      const EffectWord number(static_cast<int64_t>(db_));
      const std::string_view select[] = {"SELECT", number.text()};
      AppendCommand(select, out);
    }
    AppendCommand(effect.args, out);
  }
}

}  // namespace keyway::shard
