"""A fleet of clients for storms: some hundred connections in a few processes, each with keys and a history (storm_history.py) of its own.

Three kinds of client, in turn: one sends a request and waits for its reply; one sends a pipeline and waits for all replies; one goes on
sending while replies are under way, up to a bound, so that its pipelines span whatever happens meanwhile. A connection that ends is
made again, to the next proxy; reads and SETs that were under way are sent again, INCRs are ambiguous from then on.

Replies are parsed here and not by kt.Client, as thousands a second have to fit beside the servers under test.
"""

import collections
import dataclasses
import errno
import heapq
import multiprocessing
import random
import select
import socket
import time

import keyway_testing as kt
from storm_history import CLOSED, SILENT, History

ONE_BY_ONE, PIPELINE, STREAM = "one by one", "pipeline", "stream"
KINDS = (ONE_BY_ONE, PIPELINE, ONE_BY_ONE, STREAM)
_BATCH = {ONE_BY_ONE: 1, PIPELINE: 8, STREAM: 4}
_STREAM_BOUND = 64       # requests under way
SLOW_SECONDS = 0.02      # slower replies are reported one by one
_SILENCE_SECONDS = 25.0  # after which a client that stops waits for no more replies
_RECONNECT_SECONDS = 0.02

_READ, _WRITE = select.EPOLLIN, select.EPOLLOUT


@dataclasses.dataclass
class Slow:
    """A reply that took long."""
    sent: float
    answered: float
    command: str
    client: int


@dataclasses.dataclass
class Report:
    histories: list
    slow: list          # of Slow
    answered: int

    @property
    def findings(self):
        return [finding for history in self.histories for finding in history.findings]


class ReplyReader:
    """Values of replies, as kt.parse has them, from bytes in pieces; statuses, errors, integers, strings and flat arrays of RESP2."""

    def __init__(self):
        self._data = bytearray()

    def feed(self, data):
        """The values that are complete now."""
        self._data += data
        values, at = [], 0
        while True:
            done = self._one(at)
            if done is None:
                break
            value, at = done
            values.append(value)
        del self._data[:at]
        return values

    def _one(self, at):
        end = self._data.find(b"\r\n", at)
        if end < 0:
            return None
        kind, line, after = self._data[at], bytes(self._data[at + 1:end]), end + 2
        if kind == 0x3a:  # :
            return int(line), after
        if kind == 0x2b:  # +
            return line.decode(), after
        if kind == 0x2d:  # -
            return kt.ProtocolError(line.decode("utf-8", "replace")), after
        count = int(line)
        if kind == 0x24:  # $
            if count < 0:
                return None, after
            if len(self._data) < after + count + 2:
                return None
            return bytes(self._data[after:after + count]), after + count + 2
        if kind != 0x2a:  # *
            raise kt.ProtocolError(f"no reply: {bytes(self._data[at:at + 100])!r}")
        values = []
        for _ in range(count):
            done = self._one(after)
            if done is None:
                return None
            value, after = done
            values.append(value)
        return values, after


class _Client:
    def __init__(self, number, ports, rate, chance, registers=3, counters=3):
        self.number = number
        self.kind = KINDS[number % len(KINDS)]
        self.ports = ports[number % len(ports):] + ports[:number % len(ports)]
        self.place = 0                        # of the proxy among the ports; 0 is the client's own
        self.interval = _BATCH[self.kind] / rate
        self.chance = chance
        self.history = History(b"storm:%d" % number, registers, counters)
        self.under_way = collections.deque()  # (request, when sent)
        self.again = []                       # requests to send first on the next connection
        self.output = b""
        self.socket = None
        self.replies = None

    def connect(self, place):
        """Whether it is connected to that proxy now; with what it was connected to before it is not any more."""
        try:
            connection = socket.create_connection(("127.0.0.1", self.ports[place]), timeout=2.0)
        except OSError:
            return False
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setblocking(False)
        if self.socket is not None:
            self.socket.close()
        self.socket, self.place, self.replies = connection, place, ReplyReader()
        return True

    def may_send(self):
        return self.socket is not None and (not self.under_way or self.kind == STREAM and len(self.under_way) < _STREAM_BOUND)

    def _next_request(self):
        choice = self.chance.random()
        register = self.chance.randrange(len(self.history.registers))
        counter = self.chance.randrange(len(self.history.counters))
        if choice < 0.30:
            return self.history.new_set(register)
        if choice < 0.60:
            return ("INCR", counter)
        if choice < 0.85:
            return ("GET", register)
        return ("COUNT", counter) if choice < 0.95 else ("MGET",)

    def send(self, requests=None):
        """Sends these, or a new batch; whether all left at once."""
        requests = requests if requests is not None else [self._next_request() for _ in range(_BATCH[self.kind])]
        now = time.monotonic()
        for request in requests:
            self.history.sent(request)
            self.under_way.append((request, now))
        self.output += b"".join(kt.encode(*self.history.words(request)) for request in requests)
        return self.flush()

    def flush(self):
        try:
            sent = self.socket.send(self.output)
        except BlockingIOError:
            sent = 0
        except OSError:  # reading tells the same
            sent = len(self.output)
        self.output = self.output[sent:]
        return not self.output

    def receive(self, slow):
        """Takes what has come; False when the connection has ended."""
        try:
            data = self.socket.recv(1 << 16)
        except BlockingIOError:
            return True
        except OSError as error:
            if error.errno not in (errno.ECONNRESET, errno.EPIPE):
                raise
            return False
        if not data:
            return False
        now = time.monotonic()
        for value in self.replies.feed(data):
            if not self.under_way:
                raise kt.ProtocolError(f"a reply to no request: {value!r}")
            request, sent = self.under_way.popleft()
            self.history.answered(request, value, now, sent)
            if now - sent > SLOW_SECONDS:
                slow.append(Slow(sent, now, request[0], self.number))
        return True

    def closed(self):
        """The connection has ended."""
        now = time.monotonic()
        self.socket.close()
        self.socket = None
        self.output = b""
        for request, _ in self.under_way:
            self.history.unanswered(request, CLOSED, now)
            if request[0] != "INCR":
                self.again.append(request)
        self.under_way.clear()


class _Loop:
    """The clients of one process, until the other end of `control` says stop."""

    def __init__(self, control, clients):
        self.control = control
        self.clients = clients
        self.slow = []
        self.epoll = select.epoll()
        self.by_descriptor = {}
        self.timers = []  # (when, client's index)
        self.stopping = None

    def run(self):
        self.epoll.register(self.control.fileno(), _READ)
        begin = time.monotonic()
        for index, client in enumerate(self.clients):
            self._connect(client, 0)
            heapq.heappush(self.timers, (begin + client.chance.random() * client.interval, index))
        while self.stopping is None or not self._finished():
            now = time.monotonic()
            while self.timers and self.timers[0][0] <= now:
                self._turn(heapq.heappop(self.timers)[1], now)
            wait = max(0.0, self.timers[0][0] - time.monotonic()) if self.timers else 0.1
            for descriptor, events in self.epoll.poll(min(wait, 0.1)):
                if descriptor == self.control.fileno():
                    self._command()
                elif descriptor in self.by_descriptor:
                    self._event(self.by_descriptor[descriptor], events)
        for client in self.clients:
            for request, _ in client.under_way:
                client.history.unanswered(request, SILENT, time.monotonic())
            for request in client.again:
                client.history.unanswered(request, SILENT, time.monotonic())
        self.control.send((self.slow, [client.history for client in self.clients]))

    def _finished(self):
        return (time.monotonic() > self.stopping + _SILENCE_SECONDS
                or not any(client.under_way or client.again for client in self.clients))

    def _turn(self, index, now):
        client = self.clients[index]
        delay = client.interval * client.chance.uniform(0.5, 1.5)
        if client.socket is None and (self.stopping is None or client.again):
            client.place = (client.place + 1) % len(client.ports)
            if not self._connect(client, client.place):
                delay = _RECONNECT_SECONDS
        elif client.socket is not None and client.place != 0 and not client.under_way and client.chance.random() < 0.1:
            self._connect(client, 0)  # its own proxy is back, perhaps
        if client.may_send():
            if client.again:
                self._send(client, client.again)
                client.again = []
            elif self.stopping is None:
                self._send(client, None)
        heapq.heappush(self.timers, (now + delay, index))

    def _connect(self, client, place):
        before = client.socket.fileno() if client.socket is not None else None
        if not client.connect(place):
            return False
        if before is not None:  # closed, and with that out of epoll
            del self.by_descriptor[before]
        self.by_descriptor[client.socket.fileno()] = client
        self.epoll.register(client.socket.fileno(), _READ)
        return True

    def _send(self, client, requests):
        if not client.send(requests):
            self.epoll.modify(client.socket.fileno(), _READ | _WRITE)

    def _event(self, client, events):
        descriptor = client.socket.fileno()
        if events & ~_WRITE and not client.receive(self.slow):
            self.epoll.unregister(descriptor)
            del self.by_descriptor[descriptor]
            client.closed()
        elif events & _WRITE and client.flush():
            self.epoll.modify(descriptor, _READ)

    def _command(self):
        try:
            command = self.control.recv()
        except EOFError:  # the test has ended
            raise SystemExit(1) from None
        if command == "stop":
            self.stopping = time.monotonic()
        else:
            oldest = min((client.under_way[0][1] for client in self.clients if client.under_way), default=time.monotonic())
            unconnected = sum(client.socket is None for client in self.clients)
            answered = sum(client.history.answered_count for client in self.clients)
            self.control.send((oldest, unconnected, answered))


def _process(control, others, numbers, ports, rate, seed):
    for other in others:
        other.close()
    clients = [_Client(number, list(ports), rate, random.Random(f"{seed}:{number}")) for number in numbers]
    _Loop(control, clients).run()


@dataclasses.dataclass
class State:
    waiting: float     # seconds that the oldest request under way has been waiting
    unconnected: int   # clients without a connection
    answered: int      # requests so far


class Fleet:
    """`count` clients of the proxies at `ports`, each `rate` requests a second, in `processes` processes. Start it before threads are."""

    def __init__(self, ports, count, rate, seed, processes=2):
        context = multiprocessing.get_context("fork")
        self._controls, self._processes = [], []
        for part in range(processes):
            ours, theirs = context.Pipe()
            numbers = range(part, count, processes)
            process = context.Process(target=_process, args=(theirs, [*self._controls, ours], numbers, ports, rate, seed), daemon=True)
            process.start()
            theirs.close()
            self._controls.append(ours)
            self._processes.append(process)

    def state(self):
        """A State."""
        for control in self._controls:
            control.send("state")
        parts = [control.recv() for control in self._controls]
        now = time.monotonic()
        return State(waiting=now - min(part[0] for part in parts), unconnected=sum(part[1] for part in parts),
                     answered=sum(part[2] for part in parts))

    def stop(self):
        """No more requests; a Report when the last ones are answered, or their time is over."""
        for control in self._controls:
            control.send("stop")
        slow, histories = [], []
        for control in self._controls:
            part = control.recv()
            slow += part[0]
            histories += part[1]
        self.end()
        return Report(histories, slow, sum(history.answered_count for history in histories))

    def end(self):
        """Ends the processes, whatever they do."""
        for control in self._controls:
            control.close()
        for process in self._processes:
            process.terminate()
            process.join()
