"""What one client was answered, in the order of its requests, held against what one correct server would have answered.

A client has keys of its own, so that it alone knows what they may hold: registers, to which it writes rising numbers, and
counters, which it increments. A register must hold the number that was last acknowledged, a counter as much as was acknowledged
plus, at any later moment, what is ambiguous. A deviation is a `Finding`; `verdict` tells those from all others that a primary's death
explains: asynchronous replication loses what was acknowledged shortly before it, and a read whose reply was lost with the connection
is sent again behind the writes that followed it in its pipeline, if those had been executed.
"""

import collections
import dataclasses
import re

import keyway_testing as kt

# What an INCR may be answered when its fate is unknown, and the one error that a client may see.
AMBIGUOUS = re.compile(r"UNCERTAIN .+; the command may or may not have been executed")

# Acknowledged changes of a key that are kept to say when those that went missing had been acknowledged.
_KEPT = 1000

LOST = "lost"            # something acknowledged is gone
FUTURE = "future"        # what has not been asked for, or was counted twice
EARLY = "early"          # a read has seen a write that was sent behind it
WRONG = "wrong reply"    # not of the kind or the key that was asked for
ERROR = "error"          # an error that no client may see
CLOSED = "closed"        # the connection ended with requests under way
SILENT = "no reply"      # none within the client's patience


@dataclasses.dataclass
class Finding:
    kind: str
    key: bytes
    at: float              # when it was seen (time.monotonic, which all processes of a machine share)
    text: str
    acknowledged: tuple = ()  # LOST: when each change that is gone had been acknowledged
    sent: float = None        # EARLY: when the read was

    @property
    def since(self):
        """When what is wrong happened, as far as it is known: a loss may be seen late."""
        known = [at for at in self.acknowledged if at != float("-inf")]
        return known[-1] if known else self.at

    def __str__(self):
        when = "" if not self.acknowledged else f", acknowledged {self.at - self.acknowledged[0]:.3f} s before"
        return f"{self.kind} at {self.at:.3f}: {self.key.decode()} (slot {kt.slot_of(self.key)}): {self.text}{when}"


@dataclasses.dataclass
class LossWindow:
    """A time in which acknowledged writes to `slots` may be lost by replication, or in which their primary died. `begin` and `end` as
    Finding.at."""
    slots: frozenset
    begin: float
    end: float

    def covers(self, slot, at):
        return slot in self.slots and self.begin <= at <= self.end


class Register:
    """Holds "<key>=<number>"."""

    def __init__(self, key):
        self.key = key
        self.next_number = 0
        self.last = 0
        self.maybe = set()   # of SETs without an acknowledgement
        self.acknowledged = collections.deque(maxlen=_KEPT)

    def value(self, number):
        return b"%s=%d" % (self.key, number)

    def was_set(self, number, at):
        self.last = number
        self.maybe.clear()
        self.acknowledged.append((number, at))

    def was_not_set(self, number):
        self.maybe.add(number)

    def was_read(self, value, at, sent=None):
        """A Finding or None."""
        if value is None:
            value = self.value(0)
        prefix, _, digits = value.rpartition(b"=") if isinstance(value, bytes) else (b"", b"", b"")
        if prefix != self.key or not digits.isdigit():
            return Finding(WRONG, self.key, at, f"GET answered {value!r}")
        number, last = int(digits), self.last
        if number == last:
            return None
        self.last = number
        if number in self.maybe:
            self.maybe.discard(number)
            self.acknowledged.append((number, at))
            return None
        if number > last:
            self.acknowledged.append((number, at))
            return Finding(EARLY if number <= self.next_number else FUTURE, self.key, at, f"read {number}, but {last} was written last",
                           sent=sent)
        return Finding(LOST, self.key, at, f"read {number} when {last} had been acknowledged", _take_after(self.acknowledged, number))


class Counter:
    def __init__(self, key):
        self.key = key
        self.last = 0
        self.ambiguous = 0   # increments that may still come to light
        self.under_way = 0   # sent and not answered
        self.acknowledged = collections.deque(maxlen=_KEPT)

    def will_be_incremented(self):
        self.under_way += 1

    def was_incremented(self, value, at):
        """A Finding or None."""
        self.under_way -= 1
        return self._seen("INCR", value, self.last + 1, at, None)

    def was_not_incremented(self):
        self.under_way -= 1
        self.ambiguous += 1

    def was_read(self, value, at, sent=None):
        """A Finding or None."""
        if value is None:
            value = b"0"
        return self._seen("GET", int(value) if isinstance(value, bytes) and value.isdigit() else value, self.last, at, sent)

    def _seen(self, command, value, least, at, sent):
        if not isinstance(value, int) or isinstance(value, bool):
            return Finding(WRONG, self.key, at, f"{command} answered {value!r}")
        surplus, self.last = value - least, value
        if surplus < 0:
            gone = _take_after(self.acknowledged, value if command == "GET" else value - 1)
            self.acknowledged.append((value, at))
            return Finding(LOST, self.key, at, f"{command} answered {value} where {least} is the least", gone)
        if value != least or command == "INCR":
            self.acknowledged.append((value, at))
        if surplus > self.ambiguous:
            most = least + self.ambiguous
            self.ambiguous = 0
            early = command == "GET" and value <= most + self.under_way
            return Finding(EARLY if early else FUTURE, self.key, at, f"{command} answered {value} where {most} is the most", sent=sent)
        self.ambiguous -= surplus
        return None


def _take_after(acknowledged, number):
    """Removes those beyond `number`; the times of them, oldest first. When none of them is known any more, one of long ago."""
    times = []
    while acknowledged and acknowledged[-1][0] > number:
        times.append(acknowledged.pop()[1])
    if not times or len(times) == _KEPT:
        times.append(float("-inf"))
    return tuple(reversed(times))


class History:
    """Of one client. Requests: ("SET", register, number), ("GET", register), ("MGET",), ("INCR", counter), ("COUNT", counter), with
    indexes of registers and counters."""

    def __init__(self, name, registers, counters):
        self.registers = [Register(b"%s:r%d" % (name, i)) for i in range(registers)]
        self.counters = [Counter(b"%s:c%d" % (name, i)) for i in range(counters)]
        self.findings = []
        self.ambiguous = []  # when INCRs were answered so
        self.answered_count = 0

    def new_set(self, register):
        """A request that writes the next number."""
        self.registers[register].next_number += 1
        return ("SET", register, self.registers[register].next_number)

    def words(self, request):
        """The arguments of the command."""
        command = request[0]
        if command == "SET":
            register = self.registers[request[1]]
            return b"SET", register.key, register.value(request[2])
        if command == "GET":
            return b"GET", self.registers[request[1]].key
        if command == "MGET":
            return (b"MGET", *(register.key for register in self.registers))
        return b"INCR" if command == "INCR" else b"GET", self.counters[request[1]].key

    def key(self, request):
        return self.words(request)[1]

    def sent(self, request):
        """It is under way now, behind the others."""
        if request[0] == "INCR":
            self.counters[request[1]].will_be_incremented()

    def answered(self, request, value, at, sent=None):
        """The reply to the next request in order, as kt.parse has it. `sent`: when the request was."""
        self.answered_count += 1
        command = request[0]
        if isinstance(value, Exception):
            self._refused(request, str(value), at)
        elif command == "SET":
            if value == "OK":
                self.registers[request[1]].was_set(request[2], at)
            else:
                self._note(Finding(WRONG, self.key(request), at, f"SET answered {value!r}"))
        elif command == "GET":
            self._note(self.registers[request[1]].was_read(value, at, sent))
        elif command == "MGET":
            if isinstance(value, list) and len(value) == len(self.registers):
                for register, each in zip(self.registers, value):
                    self._note(register.was_read(each, at, sent))
            else:
                self._note(Finding(WRONG, self.key(request), at, f"MGET answered {value!r}"))
        elif command == "INCR":
            self._note(self.counters[request[1]].was_incremented(value, at))
        else:
            self._note(self.counters[request[1]].was_read(value, at, sent))

    def unanswered(self, request, kind, at):
        """The connection ended (CLOSED) or nothing came (SILENT)."""
        self._not_done(request)
        self._note(Finding(kind, self.key(request), at, f"{request[0]} was not answered"))

    def _refused(self, request, text, at):
        self._not_done(request)
        if request[0] == "INCR" and AMBIGUOUS.fullmatch(text):
            self.ambiguous.append(at)
        else:
            self._note(Finding(ERROR, self.key(request), at, f"{request[0]} answered {text}"))

    def _not_done(self, request):
        if request[0] == "SET":
            self.registers[request[1]].was_not_set(request[2])
        elif request[0] == "INCR":
            self.counters[request[1]].was_not_incremented()

    def _note(self, finding):
        if finding is not None:
            self.findings.append(finding)


def verdict(findings, windows, closing=(), deaths=()):
    """(faults, losses, cut): what nothing excuses, what `windows` of loss explain, and requests whose connection ended when a proxy did:
    `closing` has those times, (begin, end). Reads that were under way during one of the `deaths` (LossWindow) may be early."""
    faults, losses, cut = [], [], []
    for finding in findings:
        if finding.kind == CLOSED and any(begin <= finding.at <= end for begin, end in closing):
            cut.append(finding)
            continue
        slot = kt.slot_of(finding.key)
        if finding.kind == EARLY and finding.sent is not None and any(
                slot in death.slots and finding.sent <= death.end and finding.at >= death.begin for death in deaths):
            continue
        explained = finding.kind == LOST and all(
            any(window.covers(slot, at) for window in windows) for at in finding.acknowledged)
        (losses if explained else faults).append(finding)
    return faults, losses, cut
