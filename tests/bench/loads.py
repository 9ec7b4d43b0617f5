"""Loads: wrk at saturation, h2load at a fixed rate (its log gives the tail of the latency)."""
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


def _script(shape, folder):
    text = [f'wrk.method = "{"GET" if shape.body is None else "POST"}"']
    if shape.body is not None:
        text += [f"wrk.body = [==[{shape.body}]==]", f'wrk.headers["Content-Type"] = "{shape.content_type}"']
    text += ["local bad = 0", "function response(status) if status >= 400 then bad = bad + 1 end end"]
    path = Path(folder) / "shape.lua"
    path.write_text("\n".join(text))
    return path


def saturate(shape, connections, seconds):
    """Requests answered at saturation; refuses a run in which any answer was an error."""
    with tempfile.TemporaryDirectory() as folder:
        out = subprocess.run(["taskset", "-c", LOAD_CPU, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s",
                              _script(shape, folder), shape.url], capture_output=True, text=True, check=True).stdout
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    errors = re.search(r"Socket errors: (.*)", out)
    if bad or (errors and re.search(r"[1-9]", errors.group(1))):
        raise SystemExit(f"tools/bench: {shape.url} answered with errors:\n{out}")
    return int(re.search(r"(\d+) requests in", out).group(1)), float(re.search(r"Requests/sec: +([\d.]+)", out).group(1))


def steady(shape, connections, seconds, rate):
    """Requests and p50, p99 (microseconds) at a fixed rate over HTTP/1.1."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        arguments = ["taskset", "-c", LOAD_CPU, "h2load", "--h1", "-t1", f"-c{connections}", f"-D{seconds}",
                     f"--rps={max(1, rate / connections):.2f}", f"--log-file={log}"]
        if shape.body is not None:
            body = Path(folder) / "body"
            body.write_text(shape.body)
            arguments += ["-d", body, "-H", f"content-type: {shape.content_type}"]
        subprocess.run([*map(str, arguments), shape.url], capture_output=True, text=True, check=True)
        rows = [line.split("\t") for line in log.read_text().splitlines()]
    times = sorted(int(row[2]) for row in rows if int(row[1]) < 400)
    if not times or len(times) < len(rows):
        raise SystemExit(f"tools/bench: {shape.url} answered with errors at a fixed rate")
    return len(times), statistics.median(times), times[int(len(times) * 0.99)]
