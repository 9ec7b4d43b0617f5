"""A line between two programs on this machine that is as long as the test wants: what one side sends arrives at the
other only after a while, in both directions, however much is on its way."""

import queue
import socket
import threading
import time


class Direction:
    """Bytes from one socket to another, each so long on its way. `most` is the most that was on its way at once."""

    def __init__(self, source, target, seconds):
        self.source, self.target, self.seconds = source, target, seconds
        self.on_its_way, self.most, self.total = 0, 0, 0
        self.lock = threading.Lock()
        self.pieces = queue.Queue()
        for work in (self._read, self._write):
            threading.Thread(target=work, daemon=True).start()

    def _count(self, n):
        with self.lock:
            self.on_its_way += n
            self.most = max(self.most, self.on_its_way)
            self.total += max(n, 0)

    def _read(self):
        try:
            while data := self.source.recv(1 << 17):
                self._count(len(data))
                self.pieces.put((time.monotonic() + self.seconds, data))
        except OSError:
            pass
        self.pieces.put((time.monotonic() + self.seconds, None))

    def _write(self):
        while True:
            due, data = self.pieces.get()
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                if data is None:
                    self.target.shutdown(socket.SHUT_WR)
                    return
                self.target.sendall(data)
            except OSError:
                return
            self._count(-len(data))


class Far:
    """A port that is `port`, seen from so far away that an answer takes `seconds`."""

    def __init__(self, port, seconds):
        self.target, self.seconds = port, seconds
        self.there, self.back = [], []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for direction in self.there + self.back:
            try:
                direction.source.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            for sock in (near, far):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.there.append(Direction(near, far, self.seconds / 2))
            self.back.append(Direction(far, near, self.seconds / 2))

    @property
    def most_there(self):
        """The most bytes that were on their way to the port at once."""
        return max((one.most for one in self.there), default=0)

    @property
    def most_back(self):
        return max((one.most for one in self.back), default=0)
