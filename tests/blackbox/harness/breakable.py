"""A line between two programs on this machine that breaks when the test says so: reset, refused, silent, or cut
in the middle of what the server says; and is whole again afterwards, at the same port."""

import socket
import struct
import threading

PIECE = 1 << 16


class Breakable:
    """A port that is `target`, until something is done to it.

    cut: every connection is reset, new ones are served.    refuse: the same, and new ones are refused.
    stall: nothing passes in either direction, connections stay.    cut_after: of each new connection the
    server's first `count` bytes pass, then it is reset.    mend: all is well again."""

    def __init__(self, target):
        self.target = target
        self.lock = threading.Lock()
        self.pairs = []
        self.flowing = threading.Event()
        self.flowing.set()
        self.allowance = None
        self.accepted = 0
        self.listener = None
        self.port = None
        self._listen()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.flowing.set()
        self.refuse()

    def cut(self):
        with self.lock:
            pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for end in pair:
                _reset(end)

    def refuse(self):
        listener, self.listener = self.listener, None
        if listener:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut()

    def stall(self):
        self.flowing.clear()

    def cut_after(self, count):
        self.allowance = count

    def mend(self):
        self.allowance = None
        self.flowing.set()
        if not self.listener:
            self._listen()

    def _listen(self):
        self.listener = socket.create_server(("127.0.0.1", self.port or 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                _reset(client)
                continue
            with self.lock:
                self.pairs.append((client, server))
                self.accepted += 1
            threading.Thread(target=self._pass, args=(client, server, None), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, self.allowance), daemon=True).start()

    def _pass(self, source, to, allowance):
        try:
            while data := source.recv(PIECE):
                self.flowing.wait()
                if allowance is not None:
                    data, allowance = data[:allowance], allowance - len(data)
                to.sendall(data)
                if allowance is not None and allowance <= 0:
                    break
        except OSError:
            pass
        _reset(source)
        _reset(to)


def _reset(end):
    """Closes with RST, so that the other side hears at once; wakes who reads from it."""
    try:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    end.close()
