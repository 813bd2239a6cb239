"""A proxy between a replica and its master: alters, delays, holds, cuts and resets what goes through."""
import socket
import struct
import threading
import time

from lib import free_port


class Proxy:
    """change(data) may alter what the master sends, and may raise Reset; to_master the same for the other direction.

    hold: while it is set nothing goes through in that direction ("down": to the replica, "up": to the master), as
    with a route that is lost one way. delay: seconds that each piece waits. piece: bytes of a piece at most."""

    def __init__(self, master_port, change=None, to_master=None, delay=0, piece=1 << 16):
        self.port, self.to, self.delay, self.piece = free_port(), master_port, delay, piece
        self.change = {"down": change, "up": to_master}
        self.hold = {"down": threading.Event(), "up": threading.Event()}
        self.lock, self.pairs, self.refuse = threading.Lock(), [], False
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                a, _ = self.listener.accept()
                if self.refuse:
                    a.close()
                    continue
                b = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                return
            with self.lock:
                self.pairs.append((a, b))
            threading.Thread(target=self.pump, args=(a, b, "up"), daemon=True).start()
            threading.Thread(target=self.pump, args=(b, a, "down"), daemon=True).start()

    def pump(self, a, b, way):
        try:
            while data := a.recv(self.piece):
                while self.hold[way].is_set():
                    time.sleep(0.005)
                if self.delay:
                    time.sleep(self.delay)
                b.sendall(self.change[way](data) if self.change[way] else data)
        except Reset:
            reset(a, b)
        except OSError:
            pass
        shut(a, b)

    def cut(self, hard=False):
        with self.lock:
            for pair in self.pairs:
                (reset if hard else shut)(*pair)
            self.pairs = []

    def end(self):
        self.listener.close()
        for e in self.hold.values():
            e.clear()
        self.cut()


class Reset(Exception):
    """Raised by a change function: both connections are reset here."""


def shut(*socks):
    for s in socks:
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def reset(*socks):
    for s in socks:
        try:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.shutdown(socket.SHUT_RD)  # wakes the thread that reads from it: only then close() closes
            s.close()
        except OSError:
            pass
