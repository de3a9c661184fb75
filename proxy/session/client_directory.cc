#include "proxy/session/client_directory.h"

#include <iterator>
#include <memory>
#include <utility>

#include "proxy/session/session_statistics.h"

namespace keyway::proxy::session {

bool ClientDirectory::Enter() {
  if (connected_.fetch_add(1, std::memory_order_relaxed) < max_clients()) return true;
  connected_.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

ConnectionTotals ClientDirectory::TotalsSinceStart() const {
  ConnectionTotals totals;
  for (const Worker& worker : workers_) {
    totals.accepted += worker.session_statistics->accepted.Get();
    totals.rejected += worker.session_statistics->rejected.Get();
    totals.input_bytes += worker.session_statistics->input_bytes.Get();
    totals.output_bytes += worker.session_statistics->output_bytes.Get();
  }
  return totals;
}

ConnectionTotals ClientDirectory::Totals() const {
  const std::lock_guard lock(mark_mutex_);
  const ConnectionTotals now = TotalsSinceStart();
  return {now.accepted - mark_.accepted, now.rejected - mark_.rejected,
          now.input_bytes - mark_.input_bytes, now.output_bytes - mark_.output_bytes};
}

uint64_t ClientDirectory::blocked() const {
  uint64_t blocked = 0;
  for (const Worker& worker : workers_) blocked += worker.session_statistics->blocked.Get();
  return blocked;
}

void ClientDirectory::MarkStatistics() {
  const std::lock_guard lock(mark_mutex_);
  mark_ = TotalsSinceStart();
}

void ClientDirectory::AskAll(net::EventLoop& asker,
                             const std::function<void(SessionList&, Census*)>& question,
                             std::function<void(Census)> answer) {
  // Touched on the asker's thread only.
  struct Gathering {
    Census census;
    size_t outstanding;
    std::function<void(Census)> answer;
  };
  auto gathering = std::make_shared<Gathering>(Gathering{{}, workers_.size(), std::move(answer)});
  for (const Worker& worker : workers_) {
    worker.loop->Post([sessions = worker.sessions, question, gathering, &asker] {
      auto part = std::make_shared<Census>();
      question(*sessions, part.get());
      asker.Post([gathering, part] {
        Census& census = gathering->census;
        std::move(part->lines.begin(), part->lines.end(), std::back_inserter(census.lines));
        census.killed += part->killed;
        if (--gathering->outstanding == 0) gathering->answer(std::move(census));
      });
    });
  }
}

void ClientDirectory::AskWhether(net::EventLoop& asker,
                                 const std::function<void(SessionList&, Reply)>& question,
                                 std::function<void(bool any)> answer) {
  // Touched on the asker's thread only.
  struct Gathering {
    bool any;
    size_t outstanding;
    std::function<void(bool)> answer;
  };
  auto gathering = std::make_shared<Gathering>(Gathering{false, workers_.size(), std::move(answer)});
  for (const Worker& worker : workers_) {
    worker.loop->Post([sessions = worker.sessions, question, gathering, &asker] {
      question(*sessions, [gathering, &asker](bool yes) {
        asker.Post([gathering, yes] {
          gathering->any = gathering->any || yes;
          if (--gathering->outstanding == 0) gathering->answer(gathering->any);
        });
      });
    });
  }
}

}  // namespace keyway::proxy::session
