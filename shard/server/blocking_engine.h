// Clients that wait for keys, and who of them is served when keys change. See blocking.h for what a
// handler does; this is the side of the server.
//
// Each key that someone waits for has a queue of its waiters, in the order in which they began to
// wait. A KeyChangeListener, present only while somebody waits, notes in order which of these keys
// have changed in a way that may end a wait. After the command, or after the whole of an EXEC, the
// notes are worked off (ServeReady): for each key, its waiters are tried again one after the other
// as long as the key holds what they wait for. What these do may make further keys ready (BLMOVE),
// which are served in the next round, until there are none.
//
// A client that waits is suspended: its later requests stay in its stream's input. It stops to wait
// when it is served, when its time is over, by CLIENT UNBLOCK, when its slot moves to another node,
// or by closing, and always by the end of its Waiter, which takes it out of all queues.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "common/net/event_loop.h"
#include "shard/keyspace/key_change_listener.h"
#include "shard/server/blocking.h"
#include "shard/server/client_state.h"
#include "shard/server/kept_arguments.h"
#include "shard/server/key_map.h"

namespace keyway::shard {

class BlockingEngine final : public Blocking, private keyspace::KeyChangeListener {
 public:
  // `services`, and the dispatcher in it, outlive the engine; the loop is used from here on.
  explicit BlockingEngine(Services& services);
  // No client may wait any more.
  ~BlockingEngine() override;

  // Blocking
  void Block(CommandContext& context, const Wait& wait) override;
  void BeganToWait(Client& client, int64_t call_micros) override;
  bool Unblock(Client& client, UnblockReply reply) override;
  void UnblockAll() override;
  void ServeAcknowledged() override;
  void EndShutdownWaits() override;
  size_t timeouts() const override { return deadlines_.size(); }
  void Cron() override;
  void ServeReady() override;

  // Clients that wait.
  size_t waiting() const { return waiters_.size(); }

 private:
  class Waiter;
  struct Queue {
    std::list<Waiter*> waiters;
    std::list<Waiter*>::iterator next;  // while the key is served: who is tried next
    size_t for_streams = 0;             // of the waiters
    size_t even_if_gone = 0;
    bool ready = false;  // is noted in ready_
    bool serving = false;
  };
  using Queues = KeyMap<Queue>;
  // By when, in the order of the clients' ids; monotonic.
  using Deadlines = std::map<std::pair<int64_t, uint64_t>, Waiter*>;

  void Enter(Waiter& waiter, const Wait& wait);
  void Leave(Waiter& waiter);
  void EraseIfUnused(Queues::value_type& queue);
  void MarkReady(Queues::value_type& queue);
  void ServeKey(const KeyName& name);
  void ServeQueue(const KeyName& name, Queue& queue);
  void ReplyTimedOut(Waiter& waiter);
  // The command of the waiter, who has got a reply, is over. Destroys it.
  void End(Waiter& waiter);
  void EndExpired();
  void StartTimer();
  bool IsServedElsewhere(const Waiter& waiter, resp::ReplyWriter& reply) const;

  // keyspace::KeyChangeListener
  void BeforeChange(const keyspace::Database&, Slot, const keyspace::Record&) override {}
  void AfterChange(const keyspace::Database& database, const keyspace::Key& key,
                   keyspace::Event event) override;
  void BeforeFlush(const keyspace::Database& database) override;
  void AfterSwap(const keyspace::Database& first, const keyspace::Database& second) override;

  Services& services_;
  Queues queues_;
  std::list<Waiter*> waiters_;
  std::list<Waiter*> for_replicas_;  // those of WAIT
  Deadlines deadlines_;
  net::Timer timer_;
  int64_t timer_deadline_ = 0;  // 0: does not run
  std::vector<KeyName> ready_;
  bool serving_ = false;
};

}  // namespace keyway::shard
