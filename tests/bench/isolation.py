"""What it costs to ask a component in a process of its own, against a bare round trip between two processes, and
how long it is away after a crash. The budget is for where the scheduler puts processes that wait for each other; with
everybody on one processor, for comparison, it counts what has to be done and nothing else."""
import json
import os
import re
import signal
import statistics
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from bench import loads
from bench.loads import Shape
from bench.processes import LOAD_CPU, ROOT, cpu_ns, wait_for


class Pair:
    """Two processes and a pair of sockets."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="bench-")
        self.program = Path(self.folder.name) / "rtt"
        subprocess.run(["cc", "-O2", "-o", self.program, ROOT / "tests/bench/socketpair_rtt.c"], check=True)

    def us(self, seconds, cpu):
        pin = ["taskset", "-c", cpu] if cpu else []
        said = subprocess.run([*pin, self.program, str(seconds)], check=True, capture_output=True, text=True)
        return [float(us) for us in said.stdout.split()]

    def stop(self):
        self.folder.cleanup()


def each_us(sidecar, seconds):
    """One client, one question at a time: what each takes, and what of it is CPU of the sidecar and its child."""
    pids = [sidecar.pid, *children(sidecar)]
    before = sum(map(cpu_ns, pids))
    count, rate = loads.saturate(Shape(f"http://127.0.0.1:{sidecar.port}/v1.0/state/statestore/k1"), 1, seconds)
    return [1e6 / rate, (sum(map(cpu_ns, pids)) - before) / count / 1000]


def added_us(options, stand, resources, cpu):
    """Medians over interleaved rounds, each of time and of CPU: added by isolation, and the bare round trip."""
    pair = stand.add(Pair())
    plain = stand.sidecar("plain", resources, cpu=cpu)
    apart = stand.sidecar("apart", resources, cpu=cpu, flags=["--isolate", "statestore"])
    for sidecar in (plain, apart):
        put(sidecar)
        each_us(sidecar, 1)
    rounds = [(each_us(apart, options.seconds), each_us(plain, options.seconds), pair.us(options.seconds, cpu))
              for _ in range(options.rounds)]
    return [(statistics.median(r[0][i] - r[1][i] for r in rounds), statistics.median(r[2][i] for r in rounds)) for i in (0, 1)]


def put(sidecar):
    request = urllib.request.Request(f"http://127.0.0.1:{sidecar.port}/v1.0/state/statestore", method="POST",
                                     data=json.dumps([{"key": "k1", "value": 1}]).encode(),
                                     headers={"content-type": "application/json"})
    urllib.request.urlopen(request).close()


def children(sidecar):
    return [int(pid) for pid in Path(f"/proc/{sidecar.pid}/task/{sidecar.pid}/children").read_text().split()]


def away_ms(stand, resources, crashes):
    """From the end of its process to the next being up, as the sidecar says it: it has to be asked in between."""
    sidecar = stand.sidecar("crashes", resources, flags=["--isolate", "statestore", "--log-level", "info"], cpu=None)
    for n in range(crashes):
        put(sidecar)
        os.kill(children(sidecar)[0], signal.SIGKILL)
        wait_for(lambda: len(said(sidecar)) > n)
        time.sleep(0.05)
    return said(sidecar)


def said(sidecar):
    return [float(ms) for ms in re.findall(r"is back: process \d+, ([0-9.]+) ms", (sidecar.folder / "log").read_text())]
