// The keys that a client watches: a connection to their shard that no other client uses, on which
// they are watched.
//
// EXEC is executed on the same connection, so the shard itself compares and executes as one. When
// the connection is lost, or the slot is served elsewhere by then, nobody can tell whether a key
// has changed: the watch is lost, and EXEC is answered as if one had.
//
// All watched keys lie in one slot. Keys of several slots might be watched where they happen to be
// on one shard, but would not after the next resharding.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/address.h"
#include "common/slot/slot.h"
#include "proxy/backend/backend.h"

namespace keyway::proxy::session {

class Watch final : private backend::LeaseOwner, private backend::Call {
 public:
  // Who has sent something on the connection.
  class User {
   public:
    virtual ~User() = default;
    // As backend::Call. May destroy the watch.
    virtual void OnWatchReply(std::string_view reply, char type) = 0;
    virtual void OnWatchFailure(backend::Failure failure, std::string_view detail) = 0;
  };

  explicit Watch(Slot slot) : slot_(slot) {}
  // Closes the connection.
  ~Watch() override;

  Slot slot() const { return slot_; }
  // What is watched; in the database of the time, which does not matter here.
  std::span<const std::string> keys() const { return keys_; }
  // The node has just said that it serves them, whatever a map of version `map_version` says.
  void AddKeys(std::span<const std::string> keys, uint64_t map_version);
  uint64_t map_version() const { return map_version_; }
  // Whether EXEC must fail.
  bool lost() const { return lost_; }
  void Lose();

  bool connected() const { return lease_ != nullptr; }
  const net::Endpoint& node() const { return node_; }
  resp::Version version() const { return version_; }
  // Takes a connection to `node`, in place of any that it had.
  void Connect(backend::Pool& pool, const net::Endpoint& node, resp::Version version);
  // `user` hears of `replies` replies or of a failure, unless Cancel comes before. When connected.
  void Send(int database, int replies, std::string_view bytes, User* user);
  // Gives up interest in them; the connection is closed, for nobody knows its state.
  void Cancel();
  // The shard watches nothing any more: the connection is fit for another client.
  void Return();
  // Ends the watch, and returns the connection when the shard has confirmed. False: there is
  // nothing to wait for.
  bool Part();

 private:
  void OnReply(std::string_view reply, char type) override;
  void OnFailure(backend::Failure failure, std::string_view detail) override;
  void OnLeaseLost(std::string_view detail) override;

  const Slot slot_;
  bool lost_ = false;
  resp::Version version_ = resp::Version::kResp2;
  net::Endpoint node_;
  uint64_t map_version_ = 0;
  std::vector<std::string> keys_;
  std::unique_ptr<backend::Lease> lease_;
  User* user_ = nullptr;  // nullptr while something is under way: it is parting
};

}  // namespace keyway::proxy::session
