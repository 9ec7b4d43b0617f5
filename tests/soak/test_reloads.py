"""A component's file is rewritten again and again under load, every tenth time with something that does not work
(--reload=safe): no request fails, every version that works is taken up, and nothing grows."""

import os
import re

import pytest

from harness.resources import component, text_of
from harness.wait import until
from load import SAVE_AND_GET, Holdings, Load

pytestmark = pytest.mark.differs
FACTOR = float(os.environ.get("TEST_SOAK", "1"))
COUNT = int(os.environ.get("TEST_SOAK_RELOADS", str(int(1000 * FACTOR))))
TAKEN = re.compile(r"Component updated: store \(state\.")
STAYS = re.compile(r"Component store \(state\.[^)]*\) stays as it is")
# What a reload may leave behind, and how much memory that follows the load moves by itself.
LEFT_KB, STILL_KB = 0.25, 2048


class Watcher:
    """The lines of the log since it looked last."""

    def __init__(self, sidecar):
        self.sidecar, self.at = sidecar, len(sidecar.stdout)

    def sees(self, pattern):
        while self.at < len(self.sidecar.stdout):
            self.at += 1
            if pattern.search(self.sidecar.stdout[self.at - 1]):
                return True
        return False

    def wait_for(self, pattern, what):
        until(lambda: self.sees(pattern), lambda: f"{what}; the log:\n{self.sidecar.log_tail()}", 60)


def broken(number):
    """In turn: a version that does not start, one that is no YAML, one of a type that nobody has, an empty file."""
    return (text_of(component("store", "state.sqlite", {"connectionString": f"/nowhere/{number}/x.db"})),
            f"apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: [{number}\n",
            text_of(component("store", f"state.nobody-{number}")), "")[number // 10 % 4]


def reload_many(sidecar, store, first, count):
    watcher = Watcher(sidecar)
    for number in range(first, first + count):
        is_broken = number % 10 == 9
        sidecar.resource_write("0.yaml", broken(number) if is_broken else store(number))
        watcher.wait_for(STAYS if is_broken else TAKEN, f"reload {number}")


def reloads_under_load(bench, store, count):
    sidecar = bench.sidecar(resources=[store(-1)], flags={"reload": "safe", "enable-api-logging": "false", "log-level": "info"})
    assert sidecar.post("/v1.0/state/store", [{"key": "kept", "value": "kept"}]).status == 204
    load = Load(f"http://127.0.0.1:{sidecar.http}/v1.0/state/store/k1", lua=SAVE_AND_GET, seconds=900 + count)
    third = max(count // 3, 10)
    reload_many(sidecar, store, 0, third)
    before = Holdings(sidecar.process.pid)
    reload_many(sidecar, store, third, count - third)
    after = Holdings(sidecar.process.pid)
    requests = load.end()
    print(f"{count} reloads, {requests} requests, RSS {before.rss_kb} to {after.rss_kb} KB")
    assert requests > count
    assert sidecar.get("/v1.0/state/store/kept").json == "kept"
    assert after.threads <= before.threads + 2 and after.descriptors <= before.descriptors + 4
    assert after.maps <= before.maps + 16
    assert after.rss_kb - before.rss_kb < LEFT_KB * (count - third) + STILL_KB


def test_reloads_of_state_in_memory(bench):
    """What the store holds goes from version to version."""
    reloads_under_load(bench, lambda number: component("store", "state.in-memory", {"number": number}), COUNT)


def test_reloads_of_state_redis(bench, redis_server):
    reloads_under_load(bench, lambda number: component("store", "state.redis", {"redisHost": redis_server.address,
                                                                               "maxRetries": str(number % 7 + 1)}), COUNT)
