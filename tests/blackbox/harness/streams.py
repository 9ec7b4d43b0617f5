"""An app that is one function of a socket: for bodies that are too large or too slow to keep."""

import os
import socket
import threading

from harness.app import _head_read
from harness.ports import free_port
from harness.raw import Reader, chunks_read

PIECE = 1 << 16


class StreamApp:
    """handle(request, sock, reader) is called per connection, after the head; whatever it does, the
    connection closes when it returns. Probes without a byte and init endpoints are answered here."""

    def __init__(self, handle):
        self.handle = handle
        self.port = free_port()
        self.listener = None
        self.faults = []
        self.calls = []

    def start(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()
        return self

    def stop(self):
        if self.listener:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None

    def _accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        reader = Reader(sock)
        try:
            while True:
                request = _head_read(reader)
                if not request.path.startswith("/dapr/"):
                    break
                sock.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            self.calls.append(request)
            self.handle(request, sock, reader)
        except (EOFError, OSError) as fault:
            self.faults.append(fault)
        finally:
            sock.close()


def pieces(total, piece=PIECE):
    """That many bytes, not all alike."""
    block = bytes(range(251)) * (piece // 251 + 1)
    sent = 0
    while sent < total:
        size = min(piece, total - sent)
        start = sent % 251
        yield block[start:start + size] if start + size <= len(block) else (block * 2)[start:start + size]
        sent += size


def body_pieces(request, reader):
    """The body of a request or answer as it comes, by its own framing."""
    if "chunked" in "".join(request.values("Transfer-Encoding")):
        yield from chunks_read(reader)
        return
    left = int(request.values("Content-Length")[0])
    while left:
        if not reader.rest and not reader.fill():
            raise EOFError(f"closed with {left} bytes to come")
        part, reader.rest = reader.rest[:left], reader.rest[left:]
        left -= len(part)
        yield part


def chunk(data):
    return b"%x\r\n" % len(data) + data + b"\r\n"


LAST_CHUNK = b"0\r\n\r\n"


def memory_kb(pid):
    """Resident memory, and its peak."""
    found = {}
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            name, _, value = line.partition(":")
            if name in ("VmRSS", "VmHWM"):
                found[name] = int(value.split()[0])
    return found["VmRSS"], found["VmHWM"]


def peak_forget(pid):
    """The peak counts from here on."""
    descriptor = os.open(f"/proc/{pid}/clear_refs", os.O_WRONLY)
    os.write(descriptor, b"5")
    os.close(descriptor)
