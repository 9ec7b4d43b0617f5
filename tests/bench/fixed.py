"""Figures that are no rates: start-up, memory, connections, a long stream, instructions."""
import os
import re
import resource
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from bench.processes import ROOT, Process, Sidecar, free_port, memory_kb, wait_for

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
HEALTHZ = b"GET /v1.0/healthz HTTP/1.1\r\nHost: bench\r\n\r\n"


def _healthz(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as s:
            s.sendall(HEALTHZ)
            return b" 204 " in s.recv(4096)
    except OSError:
        return False


def start_ms(binary, resources):
    """From exec to the first 204: asked again as soon as the last question was refused."""
    began = time.monotonic()
    sidecar = Sidecar(binary, "bench", resources, ready=False)
    try:
        began = max(began, sidecar_began(sidecar))
        wait_for(lambda: _healthz(sidecar.port))
        return (time.monotonic() - began) * 1000
    finally:
        sidecar.stop()


def sidecar_began(sidecar):
    """When the process was made, on the monotonic clock (exact to a hundredth of a second): Popen's own moment is
    earlier, so the later of the two counts."""
    ticks = int(Path(f"/proc/{sidecar.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
    return ticks / os.sysconf("SC_CLK_TCK")


def idle_kb(sidecar):
    wait_for(lambda: _healthz(sidecar.port))
    rss, dirty = memory_kb(sidecar.pid, "Rss", "Private_Dirty")
    return rss, dirty


def raise_limit():
    """As many descriptors as may be had; the servers that are started afterwards inherit it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def connection_kb(sidecar, protocol, count):
    """Each asks once, is answered, and stays."""
    before, = memory_kb(sidecar.pid)
    held = []
    for number in range(count):
        s = socket.socket()
        s.bind((f"127.0.{1 + number // 20000}.1", 0))
        s.connect(("127.0.0.1", sidecar.port))
        s.sendall(PREFACE if protocol == "http2" else HEALTHZ)
        held.append(s)
    for s in held:
        s.settimeout(10)
        s.recv(4096)
    after, = memory_kb(sidecar.pid)
    for s in held:
        s.close()
    return (after - before) / count


class Sink(threading.Thread):
    """An application that swallows what it is sent and says how much that was."""

    def __init__(self):
        super().__init__(daemon=True)
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]

    def run(self):
        while True:
            client, _ = self.server.accept()
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client, client.makefile("rb") as stream:
            while True:
                head = []
                while (line := stream.readline().strip()):
                    head.append(line.lower())
                if not head:
                    return
                length = [int(h.split(b":")[1]) for h in head if h.startswith(b"content-length:")]
                took = self.take_chunks(stream) if b"transfer-encoding: chunked" in head else self.take(stream, sum(length))
                body = str(took).encode()
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    @staticmethod
    def take(stream, length):
        left = length
        while left:
            left -= len(stream.read(min(left, 1 << 20)))
        return length

    def take_chunks(self, stream):
        total = 0
        while (size := int(stream.readline().split(b";")[0], 16)):
            total += self.take(stream, size)
            stream.readline()
        stream.readline()
        return total


def stream_growth_kb(stand, size=1 << 30):
    sink = Sink()
    sink.start()
    flags = ["--max-body-size", "0"]
    callee = stand.sidecar("callee", app_port=sink.port, flags=flags, cpu=None)
    caller = stand.sidecar("caller", flags=flags, cpu=None)
    before = [memory_kb(s.pid)[0] for s in (callee, caller)]
    most = [0, 0]
    with socket.create_connection(("127.0.0.1", caller.port)) as s:
        s.sendall(b"POST /v1.0/invoke/callee/method/sink HTTP/1.1\r\nHost: b\r\nContent-Length: %d\r\n\r\n" % size)
        piece = bytes(1 << 20)
        for number in range(size >> 20):
            s.sendall(piece)
            if number % 16 == 0:
                most = [max(m, memory_kb(p.pid)[0]) for m, p in zip(most, (callee, caller))]
        answer = b""
        while str(size).encode() not in answer:
            got = s.recv(65536)
            if not got:
                raise SystemExit(f"tools/bench: the stream broke: {answer!r}")
            answer += got
    return max(m - b for m, b in zip(most, before))


def instructions(binary, resources, loops, requests=4000):
    """Instructions per request under callgrind, counted between two runs of different length."""
    return (_count(binary, resources, loops, requests) - _count(binary, resources, loops, 0)) / requests


def _count(binary, resources, loops, requests):
    folder = Path(tempfile.mkdtemp(prefix="bench-callgrind-"))
    for number, text in enumerate(resources):
        (folder / f"{number}.yaml").write_text(text)
    port = free_port()
    log = folder / "log"
    process = Process(["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", f"--log-file={log}", binary, "--app-id",
                       "bench", "--dapr-http-port", port, "--dapr-grpc-port", free_port(), "--dapr-internal-grpc-port", free_port(),
                       "--resources-path", folder, "--enable-metrics=false", "--log-level", "error", "--loops", loops], cpu=None)
    try:
        wait_for(lambda: _healthz(port), 60)
        if requests:
            subprocess.run(["h2load", "--h1", "-t1", "-c8", f"-n{requests}", f"http://127.0.0.1:{port}/v1.0/healthz"],
                           capture_output=True, check=True)
    finally:
        process.stop()
    return int(re.search(r"Collected : (\d+)", log.read_text()).group(1))
