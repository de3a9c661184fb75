#include "proxy/execution/first_ready.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "common/log/log.h"
#include "proxy/execution/blocking.h"
#include "proxy/execution/encode.h"
#include "proxy/execution/error_text.h"
#include "proxy/execution/executor.h"
#include "proxy/execution/timeout.h"
#include "proxy/routing/ignore_case.h"

namespace keyway::proxy::execution {
namespace {

using routing::EqualsIgnoreCase;

constexpr int64_t kMicrosPerMilli = 1000;
constexpr int64_t kLookingCheckMicros = 20'000;

constexpr FirstReadyRow kRows[] = {
    {"blpop", "LMPOP", "list", "LEFT"},    {"brpop", "LMPOP", "list", "RIGHT"},
    {"blmpop", "LMPOP", "list", {}},       {"bzpopmin", "ZMPOP", "zset", "MIN"},
    {"bzpopmax", "ZMPOP", "zset", "MAX"},  {"bzmpop", "ZMPOP", "zset", {}},
};

bool IsPositive(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value > 0 && text[0] != '0';
}

bool HasElements(std::string_view reply, char type) {
  return type == '*' && reply != TimeoutReply(resp::Version::kResp2);
}

bool IsError(char type) {
  return type == '-' || type == '!';
}

}  // namespace

// Taking from one key
// ------------------------------------------------------------------------------

KeyPop::KeyPop(Pops& pops, ShardAccess& access, Owner* owner, const FirstReadyRow& row)
    : pops_(pops), access_(access), owner_(owner), row_(row) {}

KeyPop* KeyPop::Start(Pops& pops, ShardAccess& access, Owner* owner, const FirstReadyRow& row,
                      std::string_view where, std::string_view count, std::string_view key,
                      Slot slot, const ShardRequest::Terms& terms) {
  std::unique_ptr<KeyPop> owned(new KeyPop(pops, access, owner, row));
  KeyPop* pop = owned.get();
  pops.emplace(pop, std::move(owned));
  pop->where_ = where;
  pop->slot_ = slot;
  pop->terms_ = terms;
  std::vector<std::string_view> words = {row.pop, "1", key, where};
  if (!count.empty()) words.insert(words.end(), {"COUNT", count});
  AppendRequest(words, &pop->request_.bytes());
  pop->request_.Start(access, pop, slot, terms);
  return pops.contains(pop) ? pop : nullptr;
}

void KeyPop::Detach() {
  owner_ = nullptr;
  // Still in the waiting room, or answered by now.
  if (!request_.in_doubt()) pops_.erase(this);
}

void KeyPop::OnShardReply(ShardRequest&, std::string_view reply, char type, Outcome outcome) {
  if (putting_back_) {
    if (outcome != Outcome::kOk) {
      KEYWAY_WARNING() << "What was taken for a client that went away could not be put back: "
                       << reply.substr(0, reply.find('\r'));
    }
    pops_.erase(this);
    return;
  }
  if (owner_ == nullptr && HasElements(reply, type)) return PutBack(reply);
  const auto self = pops_.extract(this);
  if (owner_ != nullptr) owner_->OnPopped(reply, type, outcome);
}

void KeyPop::PutBack(std::string_view reply) {
  putting_back_ = true;
  const auto value = resp::ParseReplyTree(reply);
  if (!value.ok() || value->elements.size() != 2) {
    pops_.erase(this);
    return;
  }
  const std::vector<resp::ReplyValue>& taken = value->elements[1].elements;
  std::vector<std::string_view> words;
  const std::string_view key = value->elements[0].text;
  if (row_.type == "list") {
    words = {EqualsIgnoreCase(where_, "LEFT") ? "LPUSH" : "RPUSH", key};
    // The last that was taken stands next to what is there still.
    for (auto element = taken.rbegin(); element != taken.rend(); ++element) {
      words.push_back(element->text);
    }
  } else {
    // A member that has come back by itself keeps its new score.
    words = {"ZADD", key, "NX"};
    for (const resp::ReplyValue& pair : taken) {
      if (pair.elements.size() != 2) continue;
      words.push_back(pair.elements[1].text);
      words.push_back(pair.elements[0].text);
    }
  }
  std::string request;
  AppendRequest(words, &request);
  request_.bytes() = std::move(request);
  request_.Start(access_, this, slot_, terms_);
}

// The operation
// ------------------------------------------------------------------------------

const FirstReadyRow* FirstReadyOperation::Find(const command::Command& command) {
  const auto* row = std::find_if(std::begin(kRows), std::end(kRows), [&command](const auto& known) {
    return known.name == command.full_name;
  });
  return row == std::end(kRows) ? nullptr : row;
}

bool FirstReadyOperation::ReadArguments(const Request& request) {
  const routing::Plan& plan = *request.plan;
  const auto arguments = request.arguments;
  const auto timeout = ParseTimeout(arguments[static_cast<size_t>(plan.timeout)], false);
  if (!timeout) return false;
  const int64_t now = executor().now_micros();
  if (*timeout > 0 && *timeout < (INT64_MAX - now) / kMicrosPerMilli) {
    ends_micros_ = now + *timeout * kMicrosPerMilli;
  }
  where_ = row_->where;
  if (!where_.empty()) return true;
  const auto options = arguments.subspan(static_cast<size_t>(plan.keys.back().index) + 1);
  if (options.size() != 1 && options.size() != 3) return false;
  const bool list = row_->type == "list";
  if (!EqualsIgnoreCase(options[0], list ? "LEFT" : "MIN") &&
      !EqualsIgnoreCase(options[0], list ? "RIGHT" : "MAX")) {
    return false;
  }
  where_ = options[0];
  if (options.size() == 1) return true;
  count_ = options[2];
  return EqualsIgnoreCase(options[1], "COUNT") && IsPositive(count_);
}

void FirstReadyOperation::Begin(const Request& request) {
  row_ = Find(*request.command);
  database_ = request.database;
  timer_ = std::make_unique<net::Timer>(executor().access().loop(), [this] { OnTimer(); });
  if (!ReadArguments(request)) return Reject(request);
  const auto& keys = request.plan->keys;
  interests_.resize(keys.size());
  state_ = State::kLooking;
  SetPatience();
  for (size_t i = 0; i < keys.size(); ++i) {
    if (!executor().first_ready().watch.Add(&interests_[i], this, database_,
                                            request.arguments[static_cast<size_t>(keys[i].index)],
                                            keys[i].slot)) {
      return EndWith(ErrorReply(ProxyErrorText("too many keys are waited for")),
                     Outcome::kOverloaded);
    }
  }
}

void FirstReadyOperation::Reject(const Request& request) {
  const routing::Plan& plan = *request.plan;
  const auto arguments = request.arguments;
  // The same with its first key alone, so that a shard reads it to the end.
  std::vector<std::string_view> words;
  if (row_->where.empty()) {
    const auto options = arguments.subspan(static_cast<size_t>(plan.keys.back().index) + 1);
    if (options.empty()) return EndWith(ErrorReply("ERR syntax error"), Outcome::kRefused);
    words = {arguments[0], arguments[1], "1"};
    words.push_back(arguments[static_cast<size_t>(plan.keys[0].index)]);
    words.insert(words.end(), options.begin(), options.end());
  } else {
    words = {arguments[0], arguments[1], arguments.back()};
  }
  const std::string_view multi[] = {"MULTI"};
  const std::string_view exec[] = {"EXEC"};
  AppendRequest(multi, &rejected_.bytes());
  AppendRequest(words, &rejected_.bytes());
  AppendRequest(exec, &rejected_.bytes());
  state_ = State::kRejected;
  SetPatience();
  rejected_.Start(executor().access(), this, plan.keys[0].slot,
                  {.version = request.version, .database = request.database, .requests = 3});
}

void FirstReadyOperation::OnShardReply(ShardRequest&, std::string_view reply, char,
                                       Outcome outcome) {
  constexpr std::string_view kOneReply = "*1\r\n";
  if (reply.starts_with(kOneReply)) {
    reply.remove_prefix(kOneReply.size());
    outcome = Outcome::kError;
  }
  EndWith(std::string(reply), outcome);
}

void FirstReadyOperation::OnLooked() {
  if (state_ != State::kLooking || !first_round_) return;
  const bool all = std::all_of(interests_.begin(), interests_.end(),
                               [](const KeyWatch::Interest& key) { return key.looked; });
  if (all) TakeNext();
}

void FirstReadyOperation::TakeNext() {
  while (next_ < interests_.size()) {
    KeyWatch::Interest& interest = interests_[next_++];
    // What others have waited for is theirs.
    if (KeyWatch::Exists(interest) && !KeyWatch::IsBehindOthers(interest)) return Take(interest);
  }
  first_round_ = false;
  Wait();
}

void FirstReadyOperation::Take(KeyWatch::Interest& interest) {
  state_ = State::kTaking;
  taking_ = &interest;
  SetPatience();
  FirstReadyShared& shared = executor().first_ready();
  const FirstReadyRow& row = *row_;
  // It may end in there, and `this` with it; then the pop has gone, too.
  KeyPop* pop = KeyPop::Start(shared.pops, executor().access(), this, row, where_, count_,
                              KeyWatch::Name(interest), KeyWatch::SlotOf(interest),
                              {.version = version(), .database = database_});
  if (pop != nullptr) pop_ = pop;
}

bool FirstReadyOperation::Wants(std::string_view type) const {
  return state_ == State::kWaiting && type == row_->type;
}

void FirstReadyOperation::OnTurn(KeyWatch::Interest& interest) {
  has_turn_ = true;
  Take(interest);
}

void FirstReadyOperation::OnPopped(std::string_view reply, char type, Outcome outcome) {
  pop_ = nullptr;
  KeyWatch::Interest& taken_from = *std::exchange(taking_, nullptr);
  const bool had_turn = std::exchange(has_turn_, false);
  const bool error = IsError(type);
  if (had_turn) executor().first_ready().watch.EndTurn(taken_from, error);
  if (HasElements(reply, type)) return EndWith(Reply(reply), Outcome::kOk);
  // Whoever waits does not mind a key that has another type, or whose shard is away, for a moment.
  if (error && (first_round_ || outcome == Outcome::kUncertain)) {
    return EndWith(std::string(reply), outcome);
  }
  if (first_round_) return TakeNext();
  Wait();
}

void FirstReadyOperation::Wait() {
  state_ = State::kWaiting;
  patience_micros_ = 0;
  if (unblock_answer_ != nullptr) return EndWait(true);
  if (ends_micros_ != 0 && executor().now_micros() >= ends_micros_) return EndWait(false);
  ArmTimer();
  // One of them may have been ready while another was tried.
  for (const KeyWatch::Interest& interest : interests_) {
    executor().first_ready().watch.Offer(interest);
  }
}

bool FirstReadyOperation::AnyAway() const {
  return std::any_of(interests_.begin(), interests_.end(), [](const KeyWatch::Interest& key) {
    return !key.looked && !KeyWatch::Trouble(key).empty();
  });
}

void FirstReadyOperation::SetPatience() {
  patience_micros_ = executor().now_micros() +
                     int64_t{executor().access().options().deadline_ms} * kMicrosPerMilli;
  ArmTimer();
}

void FirstReadyOperation::ArmTimer() {
  // Until the first round has ended, it is not known whether it has to wait at all. But a shard that is
  // away is waited for no longer than the client wishes.
  int64_t wake = patience_micros_;
  if (state_ == State::kWaiting) {
    wake = ends_micros_;
  } else if (state_ == State::kLooking && (ends_micros_ != 0 || unblock_answer_ != nullptr)) {
    const int64_t soon = executor().now_micros() + kLookingCheckMicros;
    const int64_t wish = unblock_answer_ != nullptr ? 0 : ends_micros_;
    wake = std::min(wake, std::max(wish, soon));
  }
  if (wake == 0) return timer_->Stop();
  const int64_t left = wake - executor().now_micros() + kMicrosPerMilli - 1;
  timer_->Start(static_cast<uint64_t>(std::max<int64_t>(0, left) / kMicrosPerMilli));
}

void FirstReadyOperation::OnTimer() {
  const int64_t now = executor().now_micros();
  if (state_ == State::kWaiting) {
    if (now >= ends_micros_) return EndWait(false);
    return ArmTimer();
  }
  if (state_ == State::kLooking) {
    const bool ended = unblock_answer_ != nullptr || (ends_micros_ != 0 && now >= ends_micros_);
    const bool over = ended && AnyAway();
    if (now < patience_micros_ && !over) return ArmTimer();
    // Those that can be reached serve it, as they do when it waits already.
    const bool some = std::any_of(interests_.begin(), interests_.end(),
                                  [](const KeyWatch::Interest& key) { return key.looked; });
    if (some) return TakeNext();
    if (unblock_answer_ != nullptr) return EndWait(true);
  }
  if (state_ != State::kLooking && now < patience_micros_) return ArmTimer();
  if (state_ == State::kTaking && !first_round_) {
    // What that shard says at last, if ever, is put back.
    std::exchange(pop_, nullptr)->Detach();
    executor().first_ready().watch.EndTurn(*std::exchange(taking_, nullptr), true);
    has_turn_ = false;
    return Wait();
  }
  Outcome outcome = Outcome::kDeadline;
  std::string error = DeadlineError(&outcome);
  EndWith(ErrorReply(error), outcome);
}

std::string FirstReadyOperation::DeadlineError(Outcome* outcome) {
  *outcome = Outcome::kDeadline;
  if (state_ == State::kLooking) {
    for (const KeyWatch::Interest& interest : interests_) {
      if (!interest.looked && !KeyWatch::Trouble(interest).empty()) {
        return KeyWatch::Trouble(interest);
      }
    }
  }
  return ProxyErrorText(DeadlineCause({}, executor().access().options().deadline_ms));
}

void FirstReadyOperation::Unblock(bool error, std::function<void(bool)> answer) {
  if (unblock_answer_ != nullptr || state_ == State::kRejected) return answer(false);
  unblock_with_error_ = error;
  unblock_answer_ = std::move(answer);
  // Whether it is served at once, or right now, the shards will say.
  if (state_ == State::kWaiting) return EndWait(true);
  if (state_ == State::kLooking) ArmTimer();
}

void FirstReadyOperation::EndWait(bool unblocked) {
  const bool error = unblocked && unblock_with_error_;
  End(unblocked);
  if (error) return DeliverError(kUnblockedText, Outcome::kError);
  Deliver(TimeoutReply(version()), Outcome::kOk);
}

void FirstReadyOperation::End(bool unblocked) {
  state_ = State::kIdle;
  timer_->Stop();
  rejected_.Abandon();
  KeyWatch& watch = executor().first_ready().watch;
  if (pop_ != nullptr) std::exchange(pop_, nullptr)->Detach();
  if (std::exchange(has_turn_, false)) watch.EndTurn(*taking_, false);
  taking_ = nullptr;
  for (KeyWatch::Interest& interest : interests_) watch.Remove(&interest);
  if (unblock_answer_ != nullptr) std::exchange(unblock_answer_, nullptr)(unblocked);
}

void FirstReadyOperation::EndWith(std::string reply, Outcome outcome) {
  End(false);
  Deliver(reply, outcome);
}

std::string FirstReadyOperation::Reply(std::string_view popped) const {
  if (row_->where.empty()) return std::string(popped);
  // Of [key, [element]] or [key, [[member, score]]], all in one array.
  const auto value = resp::ParseReplyTree(popped);
  if (!value.ok() || value->elements.size() != 2 || value->elements[1].elements.size() != 1) {
    return ErrorReply(ProxyErrorText("the shard's reply was not understood"));
  }
  const resp::ReplyValue& taken = value->elements[1].elements[0];
  std::string reply;
  AppendArrayHeader(1 + std::max<size_t>(1, taken.elements.size()), &reply);
  AppendBulk(value->elements[0].text, &reply);
  if (taken.elements.empty()) {
    AppendBulk(taken.text, &reply);
    return reply;
  }
  for (const resp::ReplyValue& part : taken.elements) {
    if (part.type == ',') {
      reply.append(",").append(part.text).append("\r\n");
    } else {
      AppendBulk(part.text, &reply);
    }
  }
  return reply;
}

}  // namespace keyway::proxy::execution
