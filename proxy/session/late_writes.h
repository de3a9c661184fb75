// Lets the first replies of a pipeline wait a moment for the rest of them.
//
// A client that has sent many requests at once gets its replies from several shards, which answer in
// different passes of the event loop. Written as they come, they would cost two or three writes, the
// dearest thing a proxy does. So the output of a client that still has requests under way waits for
// their replies, but no longer than a millisecond or so.
#pragma once

#include "common/net/event_loop.h"
#include "proxy/execution/intrusive_list.h"

namespace keyway::proxy::session {

struct LateTag {};

class LateWriter : private execution::ListLink<LateTag> {
 public:
  virtual ~LateWriter() = default;

 protected:
  bool writes_late() const { return linked(); }
  void DoNotWriteLate() { Unlink(); }
  // The moment is over.
  virtual void WriteNow() = 0;

 private:
  friend class LateWrites;
  template <typename T, typename Tag>
  friend class execution::IntrusiveList;
};

class LateWrites {
 public:
  explicit LateWrites(net::EventLoop& loop) : timer_(loop, [this] { WriteAll(); }) {}

  // `writer` is not waiting yet. It may go away while it waits.
  void Add(LateWriter& writer);

 private:
  void WriteAll();

  execution::IntrusiveList<LateWriter, LateTag> waiting_;
  net::Timer timer_;
};

}  // namespace keyway::proxy::session
