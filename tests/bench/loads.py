"""Loads: wrk at saturation, h2load at a fixed rate (its log gives the tail of the latency); gRPC is h2load's both times."""
import re
import statistics
import subprocess
import tempfile
from pathlib import Path

from bench.processes import LOAD_CPU


class Shape:
    """What is asked: a URL, and for a POST its body."""

    def __init__(self, url, body=None, content_type="application/json"):
        self.url, self.body, self.content_type = url, body, content_type


class GrpcShape:
    """One unary call: the method's path, its message, metadata; so many streams at once on each connection.
    may_fail: the share of answers that may be errors, for a yardstick that has its own."""

    may_fail = 0.0

    def __init__(self, port, method, message, streams=16, metadata=()):
        self.url, self.message, self.streams = f"http://127.0.0.1:{port}{method}", message, streams
        self.headers = ["content-type: application/grpc", "te: trailers", *metadata]

    def arguments(self, folder):
        body = Path(folder) / "message"
        body.write_bytes(b"\0" + len(self.message).to_bytes(4, "big") + self.message)
        return ["-d", body, *(word for line in self.headers for word in ("-H", line))]

    def check(self):
        """h2load takes every HTTP status 200 for success: what gRPC says of it is looked at once."""
        with tempfile.TemporaryDirectory() as folder:
            out = subprocess.run(["nghttp", "-nv", *map(str, self.arguments(folder)), self.url], capture_output=True, text=True,
                                 check=True).stdout
        if "grpc-status: 0" not in out:
            raise SystemExit(f"tools/bench: {self.url} answered with an error:\n{out}")


def _script(shape, folder):
    text = [f'wrk.method = "{"GET" if shape.body is None else "POST"}"']
    if shape.body is not None:
        text += [f"wrk.body = [==[{shape.body}]==]", f'wrk.headers["Content-Type"] = "{shape.content_type}"']
    text += ["local bad = 0", "function response(status) if status >= 400 then bad = bad + 1 end end"]
    path = Path(folder) / "shape.lua"
    path.write_text("\n".join(text))
    return path


def _saturate_grpc(shape, connections, seconds):
    shape.check()
    with tempfile.TemporaryDirectory() as folder:
        out = subprocess.run([*map(str, ["taskset", "-c", LOAD_CPU, "h2load", "-t1", f"-c{connections}", f"-m{shape.streams}",
                                         f"-D{seconds}", *shape.arguments(folder), shape.url])],
                             capture_output=True, text=True, check=True).stdout
    done, bad = (int(re.search(pattern, out).group(1)) for pattern in (r"(\d+) succeeded", r"(\d+) failed"))
    if bad > shape.may_fail * done:
        raise SystemExit(f"tools/bench: {shape.url} answered with errors:\n{out}")
    return done, done / seconds


def saturate(shape, connections, seconds):
    """Requests answered at saturation; refuses a run in which any answer was an error."""
    if isinstance(shape, GrpcShape):
        return _saturate_grpc(shape, connections, seconds)
    with tempfile.TemporaryDirectory() as folder:
        out = subprocess.run(["taskset", "-c", LOAD_CPU, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s",
                              _script(shape, folder), shape.url], capture_output=True, text=True, check=True).stdout
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    errors = re.search(r"Socket errors: (.*)", out)
    if bad or (errors and re.search(r"[1-9]", errors.group(1))):
        raise SystemExit(f"tools/bench: {shape.url} answered with errors:\n{out}")
    return int(re.search(r"(\d+) requests in", out).group(1)), float(re.search(r"Requests/sec: +([\d.]+)", out).group(1))


def steady(shape, connections, seconds, rate):
    """Requests and p50, p99 (microseconds) at a fixed rate, over HTTP/1.1 or gRPC."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        is_grpc = isinstance(shape, GrpcShape)
        arguments = ["taskset", "-c", LOAD_CPU, "h2load", f"-m{shape.streams}" if is_grpc else "--h1", "-t1", f"-c{connections}", f"-D{seconds}",
                     f"--rps={max(1, rate / connections):.2f}", f"--log-file={log}"]
        if is_grpc:
            arguments += shape.arguments(folder)
        elif shape.body is not None:
            body = Path(folder) / "body"
            body.write_text(shape.body)
            arguments += ["-d", body, "-H", f"content-type: {shape.content_type}"]
        subprocess.run([*map(str, arguments), shape.url], capture_output=True, text=True, check=True)
        rows = [line.split("\t") for line in log.read_text().splitlines()]
    times = sorted(int(row[2]) for row in rows if int(row[1]) < 400)
    if not times or len(times) < len(rows) * (1 - getattr(shape, "may_fail", 0.0)):
        raise SystemExit(f"tools/bench: {shape.url} answered with errors at a fixed rate")
    return len(times), statistics.median(times), times[int(len(times) * 0.99)]
