#include "proxy/session/watch.h"

#include <utility>

namespace keyway::proxy::session {
namespace {

constexpr std::string_view kUnwatch = "*1\r\n$7\r\nUNWATCH\r\n";

}  // namespace

Watch::~Watch() {
  Cancel();
}

void Watch::AddKeys(std::span<const std::string> keys, uint64_t map_version) {
  map_version_ = map_version;
  keys_.insert(keys_.end(), keys.begin(), keys.end());
}

void Watch::Lose() {
  Cancel();
  lost_ = true;
}

void Watch::Connect(backend::Pool& pool, const net::Endpoint& node, resp::Version version) {
  Cancel();
  node_ = node;
  version_ = version;
  lease_ = pool.Borrow(node, version, this);
}

void Watch::Send(int database, int replies, std::string_view bytes, User* user) {
  user_ = user;
  lease_->Send({.version = version_, .database = database, .replies = replies}, {&bytes, 1}, this);
}

void Watch::Cancel() {
  user_ = nullptr;
  if (pending()) backend::Call::Cancel();
  lease_.reset();
}

void Watch::Return() {
  user_ = nullptr;
  if (lease_ != nullptr) backend::Lease::Return(std::move(lease_));
}

bool Watch::Part() {
  if (lease_ == nullptr || pending() || lease_->lost()) return false;
  Send(0, 1, kUnwatch, nullptr);
  return true;
}

void Watch::OnReply(std::string_view reply, char type) {
  if (user_ != nullptr) {
    user_->OnWatchReply(reply, type);
  } else if (type == '+') {
    Return();
  } else {
    lease_.reset();
  }
}

void Watch::OnFailure(backend::Failure failure, std::string_view detail) {
  if (User* user = std::exchange(user_, nullptr); user != nullptr) {
    user->OnWatchFailure(failure, detail);
  } else {
    lease_.reset();
  }
}

// What was under way has failed before.
void Watch::OnLeaseLost(std::string_view) {
  lease_.reset();
  lost_ = true;
}

}  // namespace keyway::proxy::session
