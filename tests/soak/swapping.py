"""Swaps of code under load: a sidecar that is told to, how much is left of what it held, and messages without an end."""

import json
import os
import threading
import time

from harness import raw
from harness.admin import Admin
from harness.wait import until
from load import Holdings

SWAPS = int(float(os.environ.get("TEST_SWAPS", "300")) * float(os.environ.get("TEST_SOAK", "1")))
QUIET = {"enable-api-logging": "false", "log-level": "error"}
# What a window of swaps may leave behind, less than the tokens of an instance or a list of routes, and how much memory
# that stands still moves.
LEFT_KB, STILL_KB = 1, 128
WINDOWS, SHARE = 10, 0.01


def admined(bench, tmp_path, **how):
    path = str(tmp_path / "admin.sock")
    sidecar = bench.sidecar(**{**how, "flags": {**QUIET, **how.get("flags", {}), "admin-listen": f"unix:{path}"}})
    return sidecar, Admin(path=path)


def swap_many(admin, plugin, times):
    for number in range(times):
        answer = admin.swap(plugin)
        assert answer.status == 200, f"swap {number} of {plugin}: {answer.text}"


def settled(admin, sidecar, plugin):
    """What is held once the old copies are gone and memory has stopped to follow the rate of the load (tokens of
    answered calls rest for a second)."""
    file = f"{plugin}.so"
    until(lambda: sum(one["file"] == file for one in admin.plugins()) == 1, f"the old copies of {file} to go", 60)
    return steady(sidecar.process.pid)


def steady(pid, samples=15):
    seen = []

    def is_flat():
        seen.append(Holdings(pid))
        recent = [one.rss_kb for one in seen[-samples:]]
        time.sleep(0.1)
        return len(recent) == samples and max(recent) - min(recent) < 128
    until(is_flat, "memory to be steady under a steady load", 60)
    return seen[-1]


def windows(admin, sidecar, plugin, times, connections=lambda: 0):
    """What is held (without so many connections) after each third of so many swaps, and further thirds until one has left memory as it was: the heap
    follows the highest rate of requests that there has been, which any machine may reach late, and rests there; what is
    lost with each swap makes it grow in every window."""
    step = -(-times // 3)
    seen = []
    while len(seen) < WINDOWS:
        swap_many(admin, plugin, step)
        seen.append(settled(admin, sidecar, plugin))
        seen[-1].descriptors -= connections()
        if len(seen) > 2 and not grows(seen[-3].rss_kb, seen[-1].rss_kb, 2 * step):
            return seen
    raise AssertionError(f"memory grows with every {step} swaps of {plugin}: {[one.rss_kb for one in seen]} KB")


def grows(before_kb, after_kb, swaps):
    return after_kb - before_kb > STILL_KB + min(LEFT_KB * swaps, SHARE * before_kb)


def nothing_grew(before, after):
    assert after.threads <= before.threads and after.maps <= before.maps + 8
    assert after.descriptors <= before.descriptors + 2


class Publisher(threading.Thread):
    """One batch after the other until it is told to end, some ahead of the application: each has to be taken."""

    BATCH, AHEAD, MOST = 50, 2000, 4_000_000

    def __init__(self, sidecar, topic, app):
        super().__init__(daemon=True)
        self.sidecar, self.topic, self.app = sidecar, topic, app
        self.count, self.fault, self.ended = 0, None, threading.Event()
        self.took_ms = []
        self.start()

    def run(self):
        while not self.ended.is_set() and not self.fault and self.count < self.MOST:
            if self.count > self.app.distinct + self.AHEAD:
                self.ended.wait(0.002)
                continue
            body = json.dumps([{"entryId": str(n), "event": {"n": n}, "contentType": "application/json"}
                               for n in range(self.count, self.count + self.BATCH)])
            asked = time.monotonic()
            answer = raw.request(self.sidecar.http, "POST", f"/v1.0/publish/bulk/events/{self.topic}",
                                 [("Content-Type", "application/json")], body.encode(), seconds=60)
            self.took_ms.append((time.monotonic() - asked) * 1000)
            if answer.status != 204:
                self.fault = answer.text
            self.count += self.BATCH

    def p99_ms(self):
        """Of the batches since it was asked last."""
        took, self.took_ms = sorted(self.took_ms), []
        return took[len(took) * 99 // 100]

    def end(self):
        self.ended.set()
        self.join(60)
        assert not self.fault, self.fault
        return self.count
