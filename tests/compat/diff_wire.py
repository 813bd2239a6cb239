"""Replies as bytes: where one ends, what it says, and a connection that sends a batch and reads the answers.

Replies of the two servers are compared as bytes first; only where they differ is anything parsed, with the kind
of each reply kept: (kind, value), so that a bulk string is not a simple one and a set is not an array."""
import socket

PATIENCE_S = 60


class Gone(Exception):
    """The server closed the connection, or says nothing any more."""


def encode(words):
    return b"*%d\r\n" % len(words) + b"".join([b"$%d\r\n%s\r\n" % (len(w), w) for w in words])


def reply_end(buf, p):
    """The position behind the reply that begins at p; ValueError or IndexError: it is not whole yet."""
    e = buf.index(b"\r\n", p)
    kind = buf[p:p + 1]
    if kind in b"+-:_,#(":
        return e + 2
    n = int(buf[p + 1:e])
    if kind in b"$=!":
        end = e + 2 if n < 0 else e + 4 + n
        if end > len(buf):
            raise IndexError
        return end
    if kind not in b"*%~>":
        raise AssertionError(f"not a reply: {bytes(buf[p:p + 40])!r}")
    p = e + 2
    for _ in range(n * 2 if kind == b"%" else n):
        p = reply_end(buf, p)
    return p


def parse(buf, p=0):
    """((kind, value), end): maps are lists of pairs, null is None of the kind it came as."""
    e = buf.index(b"\r\n", p)
    kind = chr(buf[p])
    rest = bytes(buf[p + 1:e])
    p = e + 2
    if kind in "+-:_,#(":
        return (kind, rest), p
    n = int(rest)
    if n < 0:
        return (kind, None), p
    if kind in "$=!":
        return (kind, bytes(buf[p:p + n])), p + n + 2
    items = []
    for _ in range(n * 2 if kind == "%" else n):
        item, p = parse(buf, p)
        items.append(item)
    return (kind, list(zip(items[::2], items[1::2])) if kind == "%" else items), p


def text(x):
    """A parsed reply for people."""
    kind, value = x
    if value is None:
        return f"(nil {kind})"
    if kind in "$=!":
        return repr(value)[1:]
    if kind in "*~>":
        return f"{kind}[" + ", ".join(map(text, value)) + "]"
    if kind == "%":
        return "%{" + ", ".join(f"{text(k)}: {text(v)}" for k, v in value) + "}"
    return kind + value.decode("latin-1")


class Wire:
    """A connection: ask() for one command, batch() for many at once."""

    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buf = bytearray()
        self.marks = 0

    def close(self):
        self.sock.close()

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError as e:
            raise Gone(str(e)) from e

    def more(self):
        try:
            data = self.sock.recv(1 << 18)
        except OSError as e:
            raise Gone(f"{e}; {len(self.buf)} bytes of replies were there") from e
        if not data:
            raise Gone("closed")
        self.buf += data

    def take(self, n):
        data = bytes(self.buf[:n])
        del self.buf[:n]
        return data

    def replies(self, n):
        """The bytes of the next n replies, and where each begins (and the last ends)."""
        at = [0]
        while len(at) <= n:
            try:
                at.append(reply_end(self.buf, at[-1]))
            except (ValueError, IndexError):
                self.more()
        return self.take(at[-1]), at

    def mark(self):
        """What send_marked() is to add: a reply to it ends the batch."""
        self.marks += 1
        return b"mark:%d:%d" % (id(self), self.marks)

    def send_marked(self, data):
        self.last_mark = b"$%d\r\n%s\r\n" % ((m := self.mark()) and len(m), m)
        self.send(data + encode([b"ECHO", m]))

    def read_marked(self):
        return self.read_until(self.last_mark)[:-len(self.last_mark)]

    def read_until(self, end):
        while not self.buf.endswith(end):
            self.more()
        return self.take(len(self.buf))

    def ask(self, *words):
        """One command, its parsed reply."""
        self.send(encode([w if isinstance(w, bytes) else str(w).encode() for w in words]))
        data, _ = self.replies(1)
        return parse(data)[0]

    def value(self, *words):
        """The reply as plain Python values; an error is an exception."""
        return plain(self.ask(*words))


def plain(x):
    kind, value = x
    if kind == "-":
        raise RuntimeError(value.decode("latin-1"))
    if kind in ":(" and value is not None:
        return int(value)
    if kind in "*~>" and value is not None:
        return [plain(v) for v in value]
    if kind == "%":
        return {plain(k): plain(v) for k, v in value}
    return value


def split_replies(buf):
    """Positions of all replies of whole bytes."""
    at = [0]
    while at[-1] < len(buf):
        at.append(reply_end(buf, at[-1]))
    return at
