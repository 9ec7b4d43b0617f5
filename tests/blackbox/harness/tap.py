"""A line to a server that fails as lines do: refused, reset, silent, or cut in the middle of an answer."""

import socket
import struct
import threading


class Tap:
    """A port in front of `port`. What it does to connections is changed while they are open. told: the server's own
    words for where it is, made of a port; in its answers they lead to this port."""

    def __init__(self, port, told=None):
        self.target = port
        self.told = told
        self.lock = threading.Lock()
        self.pairs = []
        self.passed = threading.Event()
        self.passed.set()
        self.left = None                        # so many bytes of answers are still let through, then a reset
        self.is_slow = False
        self.answered = 0                       # bytes that the server has said
        self.port = None
        self.listener = None
        self.open()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def open(self):
        """Takes connections (again, at the same port)."""
        self.listener = socket.create_server(("127.0.0.1", self.port or 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def refuse(self):
        """Ends every connection, takes no new one. May be repeated."""
        if self.listener:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None
        self.reset()

    def reset(self):
        """Ends every connection with a reset; new ones are taken."""
        with self.lock:
            pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for end in pair:
                self._end(end)

    def stall(self):
        """Nothing arrives any more, on either side."""
        self.passed.clear()

    def slow(self):
        """Answers arrive byte by byte."""
        self.is_slow = True

    def flow(self):
        self.left = None
        self.is_slow = False
        self.passed.set()

    def cut_answer(self, after):
        """The next `after` bytes of answers arrive; then the connection is reset."""
        self.left = after

    def close(self):
        self.flow()
        self.refuse()

    @staticmethod
    def _end(end):
        try:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        end.close()

    def _accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                there = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                self._end(near)
                continue
            with self.lock:
                self.pairs.append((near, there))
            threading.Thread(target=self._carry, args=(near, there, False), daemon=True).start()
            threading.Thread(target=self._carry, args=(there, near, True), daemon=True).start()

    @staticmethod
    def _trickle(target, data):
        target.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(data)):
            target.sendall(data[at:at + 1])

    def _carry(self, source, target, is_answer):
        try:
            while data := source.recv(1 << 16):
                self.passed.wait()
                self.answered += len(data) if is_answer else 0
                if is_answer and self.told:
                    data = data.replace(self.told(self.target), self.told(self.port))
                if is_answer and self.is_slow:
                    self._trickle(target, data)
                    continue
                if is_answer and self.left is not None:
                    data, rest = data[:self.left], data[self.left:]
                    self.left -= len(data)
                    target.sendall(data)
                    if rest or not self.left:
                        self.left = None
                        self.reset()
                        return
                    continue
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass
