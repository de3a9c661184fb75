"""A RESP client that hands out replies as the bytes that came, for comparison byte for byte."""

import errno
import socket


class ProtocolError(Exception):
    """What came is no RESP."""


def encode(*arguments):
    """One request, as an array of bulk strings. Arguments: bytes, str or numbers."""
    parts = [b"*%d\r\n" % len(arguments)]
    for argument in arguments:
        if not isinstance(argument, bytes):
            argument = str(argument).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(argument), argument))
    return b"".join(parts)


def _end_of_reply(data, at):
    """Where the reply that starts at `at` ends, or None when it is not complete."""
    end = data.find(b"\r\n", at)
    if end < 0:
        return None
    kind, line, after = data[at:at + 1], data[at + 1:end], end + 2
    if kind in (b"+", b"-", b":", b"_", b",", b"#", b"("):
        return after
    try:
        count = int(line)
    except ValueError:
        raise ProtocolError(f"bad reply line {data[at:end]!r}") from None
    if kind in (b"$", b"=", b"!"):
        if count < 0:
            return after
        return after + count + 2 if len(data) >= after + count + 2 else None
    if kind not in (b"*", b"%", b"~", b">", b"|"):
        raise ProtocolError(f"bad reply line {data[at:end]!r}")
    elements = count * 2 if kind in (b"%", b"|") else count
    elements += kind == b"|"  # an attribute comes before the reply that it belongs to
    for _ in range(elements):
        after = _end_of_reply(data, after)
        if after is None:
            return None
    return after


def _value(data, at):
    end = data.index(b"\r\n", at)
    kind, line, after = data[at:at + 1], data[at + 1:end], end + 2
    if kind == b"+":
        return line.decode(), after
    if kind == b"-":
        return ProtocolError(line.decode("utf-8", "replace")), after
    if kind in (b":", b"("):
        return int(line), after
    if kind == b"_":
        return None, after
    if kind == b",":
        return float(line), after
    if kind == b"#":
        return line == b"t", after
    count = int(line)
    if kind in (b"$", b"=", b"!"):
        if count < 0:
            return None, after
        text = bytes(data[after:after + count])
        return (text[4:] if kind == b"=" else text), after + count + 2
    if count < 0:
        return None, after
    if kind == b"|":
        for _ in range(count * 2):
            _, after = _value(data, after)
        return _value(data, after)
    items = []
    for _ in range(count * 2 if kind == b"%" else count):
        item, after = _value(data, after)
        items.append(item)
    if kind == b"%":
        return dict(zip(items[::2], items[1::2])), after
    return items, after


def parse(data):
    """The value of one whole reply: str for a status, bytes for a string, int, float, bool, None, list, dict;
    an error becomes a ProtocolError object (returned, not raised)."""
    return _value(data, 0)[0]


value_of = parse


def elements_of(reply):
    """The raw elements of an array's whole raw reply."""
    at = reply.index(b"\r\n") + 2
    elements = []
    for _ in range(int(reply[1:at - 2])):
        after = _end_of_reply(reply, at)
        elements.append(reply[at:after])
        at = after
    return elements


class Client:
    """One connection. Every wait ends after `timeout` seconds with an exception."""

    def __init__(self, port, host="127.0.0.1", timeout=10.0, path=None):
        if path is not None:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.settimeout(timeout)
            self.socket.connect(path)
        else:
            self.socket = socket.create_connection((host, port), timeout=timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        """Sends bytes as they are."""
        self.socket.sendall(data)

    def end_input(self):
        """Sends no more, but reads on. Raises ConnectionError when the server has closed."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            if error.errno == errno.ENOTCONN:
                raise ConnectionResetError(errno.ECONNRESET, "the server had closed") from error
            raise

    def read(self):
        """The next reply, raw. Raises EOFError when the server has closed, TimeoutError after the timeout."""
        while True:
            end = _end_of_reply(self._received, 0) if self._received else None
            if end is not None:
                reply = bytes(self._received[:end])
                del self._received[:end]
                return reply
            chunk = self.socket.recv(1 << 20)
            if not chunk:
                raise EOFError(f"connection closed after {bytes(self._received)[:200]!r}")
            self._received += chunk

    def read_to_end(self):
        """Everything until the server closes, raw."""
        while True:
            try:
                chunk = self.socket.recv(1 << 20)
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                data = bytes(self._received)
                self._received.clear()
                return data
            self._received += chunk

    def call(self, *arguments):
        """Sends one request and returns its reply, raw."""
        self.send(encode(*arguments))
        return self.read()

    def value(self, *arguments):
        """Sends one request and returns the value of its reply, as `parse` does."""
        return parse(self.call(*arguments))

    def pipeline(self, requests):
        """Sends all requests (sequences of arguments) in one piece; returns the raw replies."""
        self.send(b"".join(encode(*request) for request in requests))
        return [self.read() for _ in requests]
