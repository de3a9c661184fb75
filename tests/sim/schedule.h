// One life of a simulated cluster with replicas and clients, made from a seed: a time of troubles
// of the kinds that a profile allows, then peace, after which all must be well.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/clients.h"
#include "tests/sim/cluster_simulation.h"
#include "tests/sim/history.h"
#include "tests/sim/operator.h"
#include "tests/sim/replicated_data.h"

namespace keyway::sim {

struct Profile {
  bool bad_network = false;  // messages of the bus are lost and repeated, delays are long
  bool clocks = false;       // differ, and go at different rates
  bool crashes = false;
  bool partitions = false;
  bool one_way = false;  // partitions in one direction, too
  bool resharding = false;
  bool manual = false;         // CLUSTER FAILOVER
  bool forced = false;         // with FORCE or TAKEOVER
  bool membership = false;     // nodes come and go, replicas change their primary
  bool volatile_data = false;  // a restarted node may have lost its data
  int troubles = 12;
  // Acknowledged writes may be lost, within the bounds of the protocol.
  bool may_lose() const { return crashes || partitions || forced || bad_network; }
};

struct ScheduleResult {
  std::string violation;  // empty: all is well
  std::string trace;
  uint64_t acknowledged = 0;
  uint64_t lost = 0;
  uint64_t promotions = 0;
  uint64_t moved_slots = 0;
  std::vector<int64_t> failover_ms;  // of primaries killed while all was well
  uint64_t split_votes = 0;          // of those: nobody got a majority at first
};

class Schedule {
 public:
  Schedule(uint64_t seed, const Profile& profile);

  ScheduleResult Run();
  // All is well; then one primary after the other is killed: somebody must be there for it within
  // node-timeout and 3 seconds.
  ScheduleResult RunFailovers(int rounds);

 private:
  static NetworkOptions MakeNetwork(Random& random, const Profile& profile);
  static ReplicationOptions MakeReplication(Random& random, const Profile& profile);

  bool ok() const { return history_.violation().empty(); }
  void Form();
  void Trouble();
  void CutSomething();
  void Crash();
  void Restart();
  void RestartNode(int node);
  void ReshardSomething();
  void FailOverSomething();
  void ChangeMembers();
  void MeetLoners();
  void MakePeace();
  ScheduleResult Finish();

  // Everything is as it should be, data included; else why not.
  std::string Unrest();
  bool Quiet() { return Unrest().empty(); }
  bool DataAgree(std::string* why);
  bool RunUntilQuiet(int64_t limit_ms, const std::string& when);

  uint64_t Below(uint64_t bound) { return simulation_.random().Below(bound); }
  // -1 when there is none.
  int PickNode(const std::function<bool(int)>& fits);
  bool IsPrimary(int node);
  bool KnownToAll(int node);

  Random setup_;
  const Profile profile_;
  const int primaries_;
  const int replicas_of_each_;
  const int64_t node_timeout_ms_;
  const bool takeovers_;
  const NetworkOptions network_;
  const ReplicationOptions replication_;
  ReplicatedData::Group data_;
  ClusterSimulation simulation_;
  History history_;
  Operator operator_;
  Clients clients_;
  ScheduleResult result_;
  int64_t failed_over_ms_ = 0;
};

}  // namespace keyway::sim
