#include "shard/cluster/bus/links.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/log/log.h"
#include "shard/cluster/bus/frame_reader.h"

namespace keyway::shard::cluster::bus {

using gossip::LinkId;

namespace {

// What the machine lacks altogether, such as IPv6, is no mistake of the operator's; an address that
// it lacks is none if the directive says so.
bool MayBeMissing(std::string_view reason, bool optional) {
  for (const int error :
       {ENOPROTOOPT, EPROTONOSUPPORT, ESOCKTNOSUPPORT, EPFNOSUPPORT, EAFNOSUPPORT}) {
    if (reason == std::strerror(error)) return true;
  }
  return optional && reason == std::strerror(EADDRNOTAVAIL);
}

}  // namespace

class Links::Link final : public net::StreamHandler {
 public:
  Link(Links& links, LinkId id, bool inbound) : links_(links), id_(id), inbound_(inbound) {}

  void Adopt(std::unique_ptr<net::Stream> stream) { stream_ = std::move(stream); }
  net::Stream* stream() const { return stream_.get(); }
  bool stranger() const { return inbound_ && !trusted_; }
  void Trust() {
    trusted_ = true;
    reader_.TrustPeer();
  }
  void Retire() {
    retired_ = true;
    stream_.reset();
  }

  void OnConnected() override {
    if (!retired_) links_.events_.OnConnected(id_);
  }

  size_t OnBytes(std::string_view bytes) override {
    size_t consumed = 0;
    while (!retired_) {
      const auto step = reader_.Next(bytes.substr(consumed));
      if (!step.ok()) {
        links_.events_.OnDropped(id_, step.error());
        KEYWAY_WARNING() << "Bad message length or signature received from the Cluster bus.";
        End("bad message");
        break;
      }
      consumed += step->consumed;
      if (step->complete) {
        Handle(step->frame);
      } else if (step->consumed == 0) {
        break;
      }
    }
    return retired_ ? bytes.size() : consumed;
  }

  void OnClosed(net::CloseReason reason, std::string_view detail) override {
    (void)reason;
    if (!retired_) End(detail);
  }

  void OnOutputFull() override {
    if (!retired_ && inbound_) stream_->PauseReading();
  }
  void OnDrained() override {
    if (!retired_ && inbound_) stream_->ResumeReading();
  }

 private:
  void Handle(std::string_view frame) {
    const auto message = Decode(frame);
    if (message.ok()) {
      links_.events_.OnMessage(id_, *message);
    } else {
      links_.events_.OnDropped(id_, message.error());
    }
  }

  // Tells the owner after the link is out of the table. `this` lives to the end of the pass.
  void End(std::string_view why) {
    Links& links = links_;
    const LinkId id = id_;
    const std::string reason(why);
    links.Retire(id);
    links.events_.OnClosed(id, reason);
  }

  Links& links_;
  const LinkId id_;
  const bool inbound_;
  bool trusted_ = false;
  bool retired_ = false;
  FrameReader reader_;
  std::unique_ptr<net::Stream> stream_;
};

Links::Links(net::EventLoop& loop, const ClusterOptions& options, LinkEvents& events)
    : loop_(loop),
      options_(options),
      events_(events),
      retired_(std::make_shared<std::vector<std::unique_ptr<Link>>>()) {}

Links::~Links() {
  Shutdown();
}

net::StreamOptions Links::StreamOptionsFor(bool inbound) const {
  net::StreamOptions options;
  options.input_limit_bytes = std::max(kMaxMessageBytes, kMaxPublishBytes);
  options.output_high_bytes = kInboundHighBytes;
  options.output_low_bytes = kInboundHighBytes / 4;
  options.connect_timeout_ms =
      static_cast<int>(std::clamp<int64_t>(options_.node_timeout_ms, 100, 60'000));
  options.source_host = options_.source_ip;
  // An idle inbound link means a dead peer: a live one pings.
  if (inbound) {
    options.keepalive_seconds =
        static_cast<int>(std::clamp<int64_t>(options_.node_timeout_ms / 1000 * 2, 1, 3600));
  }
  return options;
}

Status Links::Listen() {
  net::Listener::Options options;
  options.backlog = options_.backlog;
  options.stream = StreamOptionsFor(true);
  for (std::string address : options_.bind) {
    const bool optional = address.starts_with('-');
    if (optional) address.erase(0, 1);
    const net::Endpoint endpoint{address, options_.bus_port};
    auto listener = net::Listener::Listen(
        loop_, endpoint, options,
        [this](std::unique_ptr<net::Stream> stream) { Accept(std::move(stream)); });
    if (listener.ok()) {
      listeners_.push_back(std::move(*listener));
      continue;
    }
    // The message is "<where>: <reason>"; Redis names the call in between.
    const std::string where = net::ToString(endpoint) + ": ";
    std::string reason = listener.error().message;
    if (reason.starts_with(where)) reason.erase(0, where.size());
    KEYWAY_WARNING() << "Warning: Could not create server TCP listening socket " << where
                     << "bind: " << reason;
    if (MayBeMissing(reason, optional)) continue;
    listeners_.clear();
    return Error{"Failed listening on port " + std::to_string(options_.bus_port) +
                 " (cluster), aborting."};
  }
  return {};
}

void Links::Accept(std::unique_ptr<net::Stream> stream) {
  if (strangers_ >= kMaxStrangers) DropOldestStranger();
  const LinkId id = ++last_id_;
  auto link = std::make_unique<Link>(*this, id, /*inbound=*/true);
  Link* raw = link.get();
  KEYWAY_VERBOSE() << "Accepting cluster node connection from " << net::ToString(stream->peer());
  link->Adopt(std::move(stream));
  links_[id] = std::move(link);
  ++strangers_;
  stranger_order_.push_back(id);
  events_.OnAccepted(id);
  raw->stream()->Start(raw);
}

void Links::DropOldestStranger() {
  while (!stranger_order_.empty()) {
    const LinkId id = stranger_order_.front();
    stranger_order_.pop_front();
    const Link* link = Find(id);
    if (link == nullptr || !link->stranger()) continue;
    Retire(id);
    events_.OnClosed(id, "too many connections of strangers");
    return;
  }
}

LinkId Links::Connect(const std::string& ip, uint16_t bus_port) {
  const LinkId id = ++last_id_;
  auto link = std::make_unique<Link>(*this, id, /*inbound=*/false);
  Link* raw = link.get();
  links_[id] = std::move(link);
  raw->Trust();
  raw->Adopt(
      net::Stream::Connect(loop_, net::Endpoint{ip, bus_port}, StreamOptionsFor(false), raw));
  return id;
}

void Links::Send(LinkId link, std::string_view message) {
  const Link* found = Find(link);
  if (found == nullptr) return;
  found->stream()->output().Append(message);
  found->stream()->ScheduleWrite();
}

void Links::Close(LinkId link) {
  Retire(link);
}

void Links::Trust(LinkId link) {
  Link* found = Find(link);
  if (found == nullptr) return;
  if (found->stranger()) --strangers_;
  found->Trust();
}

std::string Links::LocalIp(LinkId link) const {
  const Link* found = Find(link);
  return found == nullptr ? std::string() : found->stream()->local().host;
}

std::string Links::PeerIp(LinkId link) const {
  const Link* found = Find(link);
  return found == nullptr ? std::string() : found->stream()->peer().host;
}

size_t Links::QueuedBytes(LinkId link) const {
  const Link* found = Find(link);
  return found == nullptr ? 0 : found->stream()->output().size();
}

size_t Links::QueueMemory(LinkId link) const {
  const Link* found = Find(link);
  return found == nullptr ? 0 : found->stream()->output().memory();
}

Links::Link* Links::Find(LinkId link) const {
  const auto it = links_.find(link);
  return it == links_.end() ? nullptr : it->second.get();
}

void Links::Retire(LinkId link) {
  auto entry = links_.extract(link);
  if (entry.empty()) return;
  if (entry.mapped()->stranger()) --strangers_;
  entry.mapped()->Retire();
  if (retired_->empty()) {
    loop_.AtEndOfPass([retired = retired_] { retired->clear(); });
  }
  retired_->push_back(std::move(entry.mapped()));
  // The order keeps ids of links that are gone; it must not grow with every connection ever made.
  if (stranger_order_.size() > 2 * kMaxStrangers) {
    std::erase_if(stranger_order_, [this](LinkId id) {
      const Link* found = Find(id);
      return found == nullptr || !found->stranger();
    });
  }
}

void Links::Shutdown() {
  listeners_.clear();
  while (!links_.empty()) Retire(links_.begin()->first);
}

}  // namespace keyway::shard::cluster::bus
