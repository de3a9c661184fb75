#include "proxy/execution/scan.h"

#include <algorithm>
#include <optional>
#include <unordered_set>
#include <utility>

#include "common/base/glob.h"
#include "common/resp/number.h"
#include "common/resp/reply_parser.h"
#include "proxy/execution/encode.h"
#include "proxy/execution/error_text.h"
#include "proxy/execution/executor.h"
#include "proxy/routing/ignore_case.h"

namespace keyway::proxy::execution {
namespace {

using routing::EqualsIgnoreCase;

// Pages of primaries, or batches of slots, that one request may look through for a key.
constexpr int kMaxRounds = 32;
constexpr int kSlotsInBatch = 256;
constexpr uint64_t kRetryMs = 50;
constexpr std::string_view kViewRequest = "*2\r\n$7\r\nCLUSTER\r\n$5\r\nNODES\r\n";
constexpr std::string_view kSyntaxError = "ERR syntax error";

// Splits "*2\r\n$<n>\r\n<cursor>\r\n<keys>"; `keys` without their header, and how many these are.
bool ReadScanReply(std::string_view reply, std::string_view* cursor, std::string_view* keys,
                   size_t* count) {
  constexpr std::string_view kHeader = "*2\r\n";
  if (!reply.starts_with(kHeader)) return false;
  reply.remove_prefix(kHeader.size());
  resp::ReplyParser parser;
  if (parser.Next(reply) != resp::ReplyParser::Outcome::kReply || parser.type() != '$') {
    return false;
  }
  const std::string_view bulk = reply.substr(0, parser.length());
  const size_t start = bulk.find("\r\n") + 2;
  if (bulk.size() < start + 2) return false;
  *cursor = bulk.substr(start, bulk.size() - start - 2);
  reply.remove_prefix(parser.length());
  const size_t end = reply.find("\r\n");
  int64_t number = 0;
  if (end == std::string_view::npos || reply[0] != '*' ||
      !resp::ParseLength(reply.substr(1, end - 1), &number) || number < 0) {
    return false;
  }
  *count = static_cast<size_t>(number);
  *keys = reply.substr(end + 2);
  return true;
}

}  // namespace

void ScanOperation::Begin(const Request& request) {
  const std::optional<uint64_t> given = ParseScanCursor(request.arguments[1]);
  if (!given) {
    DeliverError("ERR invalid cursor", Outcome::kRefused);
    return;
  }
  if (const auto error = ReadOptions(request.arguments.subspan(2)); !error.empty()) {
    DeliverError(error, Outcome::kRefused);
    return;
  }
  given_ = *given;
  AppendArrayHeader(request.arguments.size(), &head_);
  AppendBulk(request.arguments[0], &head_);
  for (std::string_view argument : request.arguments.subspan(2)) AppendBulk(argument, &tail_);
  terms_ = {.version = request.version, .database = request.database, .repeatable = true};
  StartOver();
}

std::string_view ScanOperation::ReadOptions(std::span<const std::string_view> options) {
  for (size_t i = 0; i < options.size(); i += 2) {
    if (i + 1 == options.size()) return kSyntaxError;
    const std::string_view value = options[i + 1];
    if (EqualsIgnoreCase(options[i], "COUNT")) {
      if (!resp::ParseLength(value, &count_)) return "ERR value is not an integer or out of range";
      if (count_ < 1) return kSyntaxError;
    } else if (EqualsIgnoreCase(options[i], "MATCH")) {
      pattern_ = value;
    } else if (EqualsIgnoreCase(options[i], "TYPE")) {
      type_ = value;
    } else {
      return kSyntaxError;
    }
  }
  return {};
}

void ScanOperation::StartOver() {
  const topology::SlotMap* map = executor().access().map();
  if (map == nullptr || !map->covers_all()) return TryAgainLater();
  page_.clear();
  keys_ = 0;
  rounds_ = 0;
  cursor_ = DecodeScanCursor(given_);
  if (cursor_.by_slot) {
    LookAtOwners();
  } else {
    WalkByPrimary();
  }
}

void ScanOperation::TryAgainLater() {
  executor().access().RequestRefresh();
  ReportHeldUp();
  if (!retry_timer_) retry_timer_.emplace(executor().access().loop(), [this] { StartOver(); });
  retry_timer_->Start(kRetryMs);
}

Gather::Part& ScanOperation::AskNode(const net::Endpoint& node) {
  Gather::Part& part = gather_.Add(0);
  part.node = node;
  return part;
}

void ScanOperation::AskForView(const net::Endpoint& node) {
  AskNode(node).request.bytes() = kViewRequest;
}

void ScanOperation::Send(Step step) {
  step_ = step;
  gather_.set_byte_limit(executor().access().options().max_gathered_bytes);
  gather_.Start(executor().access(), this, terms_);
}

void ScanOperation::DeliverPage(uint64_t cursor) {
  OutputBuffer page;
  resp::ReplyWriter writer(page, version());
  writer.ArrayHeader(2);
  const std::string digits = std::to_string(cursor);
  writer.Bulk(digits);
  writer.ArrayHeader(keys_);
  writer.Raw(page_);
  Deliver(std::move(page), Outcome::kOk);
}

void ScanOperation::OnGathered(Gather&) {
  if (const Gather::Part* failure = gather_.FirstFailure()) {
    if (failure->outcome == Outcome::kUnreachable) return TryAgainLater();
    Deliver(failure->reply, failure->outcome);
    return;
  }
  if (gather_.overflowed()) {
    DeliverError(ProxyErrorText("the keys of some slots, which move, take more than "
                                "--max_gathered_bytes allows"),
                 Outcome::kOverloaded);
    return;
  }
  switch (step_) {
    case Step::kLookBefore:
      return OnLookBefore();
    case Step::kScan:
      return OnScanned();
    case Step::kLookAfter:
      return OnLookAfter();
    case Step::kOwnersBefore:
      return OnOwnersBefore();
    case Step::kList:
    case Step::kListTarget:
      return OnListed();
    case Step::kOwnersAfter:
      return OnOwnersAfter();
    case Step::kTypes:
      return OnTypes();
  }
}

// By primary
// ---------------------------------------------------------------------------------------------

void ScanOperation::WalkByPrimary() {
  const topology::Shard* shard = executor().access().map()->ShardOf(cursor_.slot);
  if (shard == nullptr || shard->first_slot() != cursor_.slot) {
    if (watches() || shard == nullptr) return WalkBySlot();
    cursor_ = {.slot = shard->first_slot()};
  }
  node_ = shard->primary.endpoint;
  if (cursor_.node != 0 || !watches()) return Scan();
  gather_.Reset();
  AskForView(node_);
  Send(Step::kLookBefore);
}

bool ScanOperation::MatchesMap(const NodeView& view) {
  const topology::SlotMap* map = executor().access().map();
  const auto shards = map->shards();
  if (!std::equal(shards.begin(), shards.end(), view.lowest.begin(), view.lowest.end(),
                  [](const topology::Shard& shard, Slot slot) {
                    return shard.first_slot() == slot;
                  })) {
    return false;
  }
  const topology::Shard* shard = map->ShardOf(cursor_.slot);
  return shard != nullptr && ToRanges(view.own) == shard->slots;
}

void ScanOperation::OnLookBefore() {
  const auto view = ParseNodeView(gather_.part(0).reply, node_);
  if (!view || !view->leaving.empty() || !MatchesMap(*view)) return WalkBySlot();
  const bool first = cursor_.slot == executor().access().map()->shards()[0].first_slot();
  const uint32_t print = view->print & ScanCursor::kPrintMask;
  if (!first && print != cursor_.print) return WalkBySlot();
  cursor_.print = print;
  Scan();
}

void ScanOperation::Scan() {
  ++rounds_;
  gather_.Reset();
  std::string& bytes = AskNode(node_).request.bytes();
  bytes = head_;
  AppendBulk(std::to_string(cursor_.node), &bytes);
  bytes += tail_;
  Send(Step::kScan);
}

void ScanOperation::OnScanned() {
  std::string_view text;
  std::string_view keys;
  size_t count = 0;
  std::optional<uint64_t> node;
  if (ReadScanReply(gather_.part(0).reply, &text, &keys, &count)) node = ParseScanCursor(text);
  if (!node || *node > ScanCursor::kMaxNode) {
    DeliverError(ProxyErrorText("the cursor '" + std::string(text) + "' of " +
                                net::ToString(node_) + " does not fit in 48 bits"),
                 Outcome::kError);
    return;
  }
  page_ += keys;
  keys_ += count;
  const uint64_t before = Encode(cursor_);
  cursor_.node = *node;
  if (*node != 0) {
    // A coarse cursor must move, too.
    if (Encode(cursor_) == before) return Scan();
    DeliverPage(Encode(cursor_));
    return;
  }
  gather_.Reset();
  if (!watches()) return OnLookAfter();
  AskForView(node_);
  Send(Step::kLookAfter);
}

void ScanOperation::OnLookAfter() {
  std::optional<Slot> next;
  if (watches()) {
    const auto view = ParseNodeView(gather_.part(0).reply, node_);
    if (!view || !view->leaving.empty() ||
        (view->print & ScanCursor::kPrintMask) != cursor_.print) {
      return WalkBySlot();
    }
    // Not by the map, which may have lost a primary by now.
    const auto behind =
        std::upper_bound(view->lowest.begin(), view->lowest.end(), cursor_.slot);
    if (behind != view->lowest.end()) next = *behind;
  } else {
    next = NextPrimary(cursor_.slot, *executor().access().map());
  }
  if (!next) return DeliverPage(0);
  cursor_.slot = *next;
  cursor_.node = 0;
  if (keys_ == 0 && rounds_ < kMaxRounds) return WalkByPrimary();
  DeliverPage(Encode(cursor_));
}

// By slot
// ---------------------------------------------------------------------------------------------

void ScanOperation::WalkBySlot() {
  executor().access().RequestRefresh();
  cursor_ = {.slot = 0, .by_slot = true};
  if (keys_ > 0) return DeliverPage(Encode(cursor_));
  LookAtOwners();
}

void ScanOperation::LookAtOwners() {
  const topology::SlotMap& map = *executor().access().map();
  ++rounds_;
  batch_first_ = cursor_.slot;
  batch_end_ = std::min(cursor_.slot + kSlotsInBatch, kSlotCount);
  owners_.clear();
  owner_of_.clear();
  for (int slot = batch_first_; slot < batch_end_; ++slot) {
    const topology::Shard* shard = map.ShardOf(static_cast<Slot>(slot));
    if (shard == nullptr) {
      return TryAgainLater();
    }
    const auto owner =
        std::find_if(owners_.begin(), owners_.end(), [shard](const OwnerOfSlots& known) {
          return known.node == shard->primary.endpoint;
        });
    owner_of_.push_back(static_cast<size_t>(owner - owners_.begin()));
    if (owner == owners_.end()) owners_.push_back({.node = shard->primary.endpoint, .view = {}});
  }
  gather_.Reset();
  for (const OwnerOfSlots& owner : owners_) AskForView(owner.node);
  Send(Step::kOwnersBefore);
}

void ScanOperation::OnOwnersBefore() {
  for (size_t i = 0; i < owners_.size(); ++i) {
    auto view = ParseNodeView(gather_.part(i).reply, owners_[i].node);
    if (!view) return TryAgainLater();
    owners_[i].view = std::move(*view);
  }
  ListSlots();
}

void ScanOperation::ListSlots() {
  gather_.Reset();
  listed_.clear();
  listed_at_target_.clear();
  int slot = batch_first_;
  for (; slot < batch_end_; ++slot) {
    const auto number = static_cast<Slot>(slot);
    const OwnerOfSlots& owner = OwnerOf(number);
    if (!owner.view.own.test(number)) break;
    const bool leaves = owner.view.leaving.contains(number);
    if (leaves && slot != batch_first_) break;
    const std::string_view words[] = {"CLUSTER", "GETKEYSINSLOT"};
    std::string& bytes = AskNode(owner.node).request.bytes();
    AppendArrayHeader(4, &bytes);
    for (std::string_view word : words) AppendBulk(word, &bytes);
    AppendBulk(std::to_string(slot), &bytes);
    AppendBulk("2147483647", &bytes);
    if (leaves) {
      ++slot;
      break;
    }
  }
  batch_end_ = slot;
  if (batch_end_ == batch_first_) return TryAgainLater();
  Send(Step::kList);
}

void ScanOperation::OnListed() {
  if (step_ == Step::kListTarget) {
    listed_at_target_ = std::move(gather_.part(0).reply);
  } else {
    for (size_t i = 0; i < gather_.size(); ++i) {
      listed_.push_back(std::move(gather_.part(i).reply));
    }
    const NodeView& view = OwnerOf(batch_first_).view;
    if (const auto leaving = view.leaving.find(batch_first_); leaving != view.leaving.end()) {
      const auto target = view.endpoints.find(leaving->second);
      if (target == view.endpoints.end()) return TryAgainLater();
      std::string bytes = std::move(gather_.part(0).request.bytes());
      gather_.Reset();
      AskNode(target->second).request.bytes() = std::move(bytes);
      Send(Step::kListTarget);
      return;
    }
  }
  gather_.Reset();
  for (const OwnerOfSlots& owner : owners_) AskForView(owner.node);
  Send(Step::kOwnersAfter);
}

void ScanOperation::OnOwnersAfter() {
  std::vector<NodeView> after;
  for (size_t i = 0; i < owners_.size(); ++i) {
    auto view = ParseNodeView(gather_.part(i).reply, owners_[i].node);
    if (!view) return TryAgainLater();
    after.push_back(std::move(*view));
  }
  int sure = batch_first_;
  for (; sure < batch_end_; ++sure) {
    const auto slot = static_cast<Slot>(sure);
    const NodeView& view = OwnerOf(slot).view;
    const NodeView& now = after[owner_of_[slot - batch_first_]];
    const auto target = [slot](const NodeView& seen) {
      const auto leaving = seen.leaving.find(slot);
      return leaving == seen.leaving.end() ? std::string() : leaving->second;
    };
    if (now.epoch != view.epoch || !now.own.test(slot) || target(now) != target(view)) break;
  }
  if (sure == batch_first_) return TryAgainLater();
  batch_end_ = sure;
  candidates_.clear();
  std::unordered_set<std::string_view> seen;
  int slot = batch_first_;
  for (; slot < batch_end_; ++slot) {
    if (keys_ + candidates_.size() >= static_cast<size_t>(count_)) break;
    std::vector<std::string_view> replies = {listed_[static_cast<size_t>(slot - batch_first_)]};
    if (!listed_at_target_.empty()) replies.push_back(listed_at_target_);
    for (std::string_view reply : replies) {
      const auto tree = resp::ParseReplyTree(reply);
      if (!tree.ok()) return TryAgainLater();
      for (const resp::ReplyValue& key : tree->elements) {
        if (!seen.insert(key.text).second || !GlobMatch(pattern_, key.text)) continue;
        candidates_.emplace_back(key.text);
      }
    }
  }
  batch_end_ = slot;
  if (type_.empty() || candidates_.empty()) return FinishSlots();
  gather_.Reset();
  for (const std::string& key : candidates_) {
    std::string& bytes = gather_.Add(KeySlot(key)).request.bytes();
    AppendArrayHeader(2, &bytes);
    AppendBulk("TYPE", &bytes);
    AppendBulk(key, &bytes);
  }
  Send(Step::kTypes);
}

void ScanOperation::OnTypes() {
  std::vector<std::string> fitting;
  for (size_t i = 0; i < candidates_.size(); ++i) {
    const std::string& reply = gather_.part(i).reply;
    if (reply.size() > 3 && EqualsIgnoreCase(reply.substr(1, reply.size() - 3), type_)) {
      fitting.push_back(std::move(candidates_[i]));
    }
  }
  candidates_ = std::move(fitting);
  FinishSlots();
}

void ScanOperation::FinishSlots() {
  for (const std::string& key : candidates_) AppendBulk(key, &page_);
  keys_ += candidates_.size();
  if (batch_end_ == kSlotCount) return DeliverPage(0);
  cursor_.slot = static_cast<Slot>(batch_end_);
  if (keys_ == 0 && rounds_ < kMaxRounds) return LookAtOwners();
  DeliverPage(Encode(cursor_));
}

void ScanOperation::Abandon() {
  if (retry_timer_) retry_timer_->Stop();
  gather_.Abandon();
}

std::string ScanOperation::DeadlineError(Outcome* outcome) {
  std::string error;
  if (!CoversAll(executor().access().map(), executor().access().options(), &error)) {
    *outcome = Outcome::kNoTopology;
    return error;
  }
  return gather_.DeadlineError(executor().access().options().deadline_ms, outcome);
}

void ScanOperation::Recycle() {
  delete this;
}

void ScanOperation::OnShardAway(Gather&) {
  ReportHeldUp();
}

}  // namespace keyway::proxy::execution
