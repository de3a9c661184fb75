"""A storm: a fleet of clients (storm_clients.py), rounds of faults (storm_rounds.py), and what came of it as a verdict and a table."""

import collections
import dataclasses
import random
import statistics
import time

import keyway_testing as kt
from storm_clients import SLOW_SECONDS, Fleet, Report
from storm_history import ERROR, verdict
from storm_rounds import NODE_TIMEOUT_MS, ROUNDS

_CALM_SECONDS = 0.5


@dataclasses.dataclass
class Round:
    kind: str
    begin: float
    end: float


@dataclasses.dataclass
class Outcome:
    rounds: list     # of Round
    report: Report
    faults: list     # of Finding: what nothing excuses
    losses: list     # of Finding: what asynchronous replication has lost
    cut: list        # of Finding: requests under way on connections that a proxy closed at its end
    unplanned: list  # texts


def order_of_rounds(kinds, rounds, seed):
    """`rounds` kinds, all of them before one comes again; None: each once, in their order."""
    if rounds is None:
        return list(kinds)
    chance, order = random.Random(seed), []
    while len(order) < rounds:
        order += chance.sample(kinds, len(kinds))
    return order[:rounds]


def run(cluster, start_fleet=Fleet, kinds=None, rounds=None, clients=200, rate=20.0, seed=1):
    """A storm over a StormCluster; an Outcome. `start_fleet(ports, clients, rate, seed)`: Fleet, or what has its methods."""
    fleet = start_fleet(cluster.ports(), clients, rate, seed)
    cluster.test.addCleanup(fleet.end)
    cluster.wait_served = lambda: wait_calm(fleet, clients)
    cluster.wait_served()
    played = []
    for kind in order_of_rounds(list(kinds or ROUNDS), rounds, seed):
        begin = time.monotonic()
        cluster.play(kind)
        cluster.wait_served()
        played.append(Round(kind, begin, time.monotonic()))
        print(f"round {len(played)}, {kind}: {played[-1].end - begin:.1f} s", flush=True)
    report = fleet.stop()
    cluster.read_all(report.histories)
    return Outcome(played, report, *verdict(report.findings, cluster.windows, cluster.closing, cluster.deaths), cluster.unplanned)


def wait_calm(fleet, clients):
    """Until all clients are served: as many requests more as there are clients, and none that has been waiting."""
    answered = fleet.state().answered
    def is_calm():
        state = fleet.state()
        return state.waiting < _CALM_SECONDS and state.unconnected == 0 and state.answered >= answered + clients
    kt.wait_until(is_calm, timeout=60, what="all clients to be served", interval=0.05)


def table(outcome):
    """One line a kind of round: the longest wait for a reply, of all its rounds and of the median one, by commands, and what was counted."""
    by_kind = collections.defaultdict(list)
    for each in outcome.rounds:
        by_kind[each.kind].append(each)
    errors = [finding.since for finding in outcome.faults if finding.kind == ERROR]
    faults = [finding.since for finding in outcome.faults if finding.kind != ERROR]
    ambiguous = [at for history in outcome.report.histories for at in history.ambiguous]
    losses, cut = [finding.since for finding in outcome.losses], [finding.at for finding in outcome.cut]
    lines = [f"{'round':<16}{'rounds':>7}{'longest':>9}{'median':>9}{'reads':>9}{'SET':>9}{'INCR':>9} s"
             f"{'errors':>8}{'faults':>8}{'ambiguous':>11}{'set back':>10}{'cut':>6}"]
    for kind, rounds in by_kind.items():
        waits = [[wait for wait in outcome.report.slow if each.begin <= wait.answered < each.end] for each in rounds]
        longest = [max((wait.answered - wait.sent for wait in some), default=0.0) for some in waits]
        def of(*commands, waits=waits):
            return _seconds(max((wait.answered - wait.sent for some in waits for wait in some if wait.command in commands), default=0.0))
        def count(times, rounds=rounds):
            return sum(any(each.begin <= at < each.end for each in rounds) for at in times)
        lines.append(f"{kind:<16}{len(rounds):>7}{_seconds(max(longest)):>9}{_seconds(statistics.median(longest)):>9}"
                     f"{of('GET', 'MGET', 'COUNT'):>9}{of('SET'):>9}{of('INCR'):>9}  "
                     f"{count(errors):>8}{count(faults):>8}{count(ambiguous):>11}{count(losses):>10}{count(cut):>6}")
    lines.append(f"{outcome.report.answered} requests, {len(ambiguous)} INCRs ambiguous, {len(losses)} times a key set back by replication, "
                 f"{len(cut)} requests cut off, {len(outcome.faults)} faults; cluster-node-timeout {NODE_TIMEOUT_MS} ms")
    return "\n".join(lines + [f"a failover that no round wanted: {text}" for text in outcome.unplanned])


def _seconds(wait):
    return f"{wait:.3f}" if wait > SLOW_SECONDS else f"<{SLOW_SECONDS:.3f}"
