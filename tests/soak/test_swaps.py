"""Code is replaced at full load: no request fails, no message is lost or comes twice, and nothing grows.

TEST_SWAPS times (times TEST_SOAK) for state.redis.so, a tenth as often for the others; the full measure is 10000.
TEST_SWAPS_P99=1 also holds the slowest requests to the undisturbed run's: for a machine that does nothing else."""

import json
import os
import threading
import time
import uuid

import pytest

from harness import raw
from harness.admin import Admin
from harness.products import topic_of
from harness.resources import component
from harness.wait import until
from load import SAVE_AND_GET, Holdings, Load
from tally import Tally

pytestmark = [pytest.mark.differs, pytest.mark.timeout(14400)]
SWAPS = int(float(os.environ.get("TEST_SWAPS", "300")) * float(os.environ.get("TEST_SOAK", "1")))
FEW = max(SWAPS // 10, 3)
UNDISTURBED_S = min(max(SWAPS / 100, 3), 30)
P99_MS = 5 if os.environ.get("TEST_SWAPS_P99") else None
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


def undisturbed(url, lua):
    load = Load(url, lua=lua)
    time.sleep(UNDISTURBED_S)
    load.end()
    return load.p99_ms


def swap_under_load(sidecar, admin, plugin, times):
    url = f"http://127.0.0.1:{sidecar.http}/v1.0/state/store/k1"
    calm_ms = undisturbed(url, SAVE_AND_GET)
    load = Load(url, lua=SAVE_AND_GET, seconds=14400)
    began = time.monotonic()
    seen = windows(admin, sidecar, plugin, times)
    took, requests = time.monotonic() - began, load.end()
    print(f"{len(seen)} windows of {-(-times // 3)} swaps of {plugin} in {took:.0f} s, {requests} requests, RSS "
          f"{[one.rss_kb for one in seen]} KB, {seen[-1].threads} threads, {seen[-1].descriptors} descriptors; p99 "
          f"{load.p99_ms} ms, {calm_ms} ms undisturbed")
    assert requests > times
    nothing_grew(seen[0], seen[-1])
    assert P99_MS is None or load.p99_ms <= calm_ms + P99_MS


@pytest.mark.parametrize("plugin,type,times", [
    ("state.redis", "state.redis", SWAPS), ("state", "state.redis", FEW), ("state", "state.in-memory", FEW)])
def test_a_plugin_of_the_state_api(bench, tmp_path, redis_server, plugin, type, times):
    options = {"redisHost": redis_server.address} if type == "state.redis" else {}
    sidecar, admin = admined(bench, tmp_path, resources=[component("store", type, options)])
    swap_under_load(sidecar, admin, plugin, times)


def test_state_in_memory_keeps_every_key(bench, tmp_path):
    """What the store keeps goes from copy to copy while clients write: nothing acknowledged is lost."""
    sidecar, admin = admined(bench, tmp_path, resources=[component("store", "state.in-memory")])
    store = "/v1.0/state/store"
    keys = [f"key-{number}" for number in range(500)]
    assert sidecar.post(store, [{"key": key, "value": key} for key in keys]).status == 204
    load = Load(f"http://127.0.0.1:{sidecar.http}{store}/k1", lua=SAVE_AND_GET, seconds=14400)
    swap_many(admin, "state.in-memory", FEW)
    settled(admin, sidecar, "state.in-memory")
    assert load.end() > 100
    for key in keys:
        assert sidecar.get(f"{store}/{key}").json == key


# --- Messages ---

class Publisher(threading.Thread):
    """One batch after the other until it is told to end, some ahead of the application: each has to be taken."""

    BATCH, AHEAD, MOST = 50, 2000, 4_000_000

    def __init__(self, sidecar, topic, app):
        super().__init__(daemon=True)
        self.sidecar, self.topic, self.app = sidecar, topic, app
        self.count, self.fault, self.ended = 0, None, threading.Event()
        self.start()

    def run(self):
        while not self.ended.is_set() and not self.fault and self.count < self.MOST:
            if self.count > self.app.distinct + self.AHEAD:
                self.ended.wait(0.002)
                continue
            body = json.dumps([{"entryId": str(n), "event": {"n": n}, "contentType": "application/json"}
                               for n in range(self.count, self.count + self.BATCH)])
            answer = raw.request(self.sidecar.http, "POST", f"/v1.0/publish/bulk/events/{self.topic}",
                                 [("Content-Type", "application/json")], body.encode(), seconds=60)
            if answer.status != 204:
                self.fault = answer.text
            self.count += self.BATCH

    def end(self):
        self.ended.set()
        self.join(60)
        assert not self.fault, self.fault
        return self.count


REDIS = {"processingTimeout": "20s", "redeliverInterval": "500ms"}


@pytest.mark.parametrize("plugin,type", [("pubsub.redis", "pubsub.redis"), ("pubsub", "pubsub.redis"),
                                         ("pubsub", "pubsub.in-memory"), ("pubsub.in-memory", "pubsub.in-memory")])
def test_a_plugin_of_the_pubsub_api(bench, tmp_path, redis_server, plugin, type):
    mark = f"s{uuid.uuid4().hex[:8]}"
    topic = topic_of(mark, "orders")
    app = Tally(topic, Publisher.MOST + Publisher.BATCH, refuses=False)
    bench.stack.callback(app.stop)
    options = {"redisHost": redis_server.address, **REDIS} if type == "pubsub.redis" else {}
    sidecar, admin = admined(bench, tmp_path, app=app, app_id=mark, resources=[component("events", type, options)])
    sidecar.wait_ready()
    publisher = Publisher(sidecar, topic, app)
    began = time.monotonic()
    seen = windows(admin, sidecar, plugin, FEW, lambda: app.connections)
    took, sent = time.monotonic() - began, publisher.end()
    until(lambda: app.distinct == sent, lambda: f"all of {sent}; {app.distinct} have come, the first that are missing: "
          f"{app.missing(sent)[:10]}", 120)
    twice = [n for n in range(sent) if app.taken[n] > 1]
    print(f"{len(seen)} windows of {-(-FEW // 3)} swaps of {plugin} on {type} in {took:.0f} s, {sent} messages, "
          f"{len(twice)} of them twice, {app.out_of_order} out of order, RSS {[one.rss_kb for one in seen]} KB")
    assert not twice and (type != "pubsub.in-memory" or not app.out_of_order)
    nothing_grew(seen[0], seen[-1])
