"""Code is replaced under load: no request fails, and nothing grows."""

import os
import time

import pytest

from harness.admin import Admin
from harness.resources import component
from harness.wait import until
from load import SAVE_AND_GET, Holdings, Load

pytestmark = pytest.mark.differs
FACTOR = float(os.environ.get("TEST_SOAK", "1"))


def swap_many(admin, plugin, times):
    for number in range(times):
        answer = admin.swap(plugin)
        assert answer.status == 200, f"swap {number} of {plugin}: {answer.text}"


def settled(admin, sidecar, plugin):
    """What is held once the old copies are gone and memory has stopped to follow the rate of the load (tokens of
    answered calls rest for a second)."""
    file = f"{plugin}.so"
    until(lambda: sum(one["file"] == file for one in admin.plugins()) == 1, f"the old copies of {file} to go", 30)
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


# What a swap may leave behind, less than the tokens of an instance or a list of routes, and how much memory that stands
# still moves.
LEFT_KB, STILL_KB = 1, 128
WINDOWS = 10


def windows(admin, sidecar, plugin, times):
    """Memory after each window of so many swaps, until two windows in succession have left it as it was: the heap
    follows the highest rate of requests that there has been, which any machine may reach late, and rests there; what is
    lost with each swap makes it grow in every window."""
    swap_many(admin, plugin, times)
    seen = [settled(admin, sidecar, plugin)]
    while len(seen) <= WINDOWS:
        swap_many(admin, plugin, times)
        seen.append(settled(admin, sidecar, plugin))
        if len(seen) > 2 and seen[-1].rss_kb - seen[-3].rss_kb < LEFT_KB * 2 * times + STILL_KB:
            return seen
    raise AssertionError(f"memory grows with every {times} swaps of {plugin}: {[one.rss_kb for one in seen]} KB")


def swap_under_load(bench, tmp_path, resources, plugin, times):
    path = str(tmp_path / "admin.sock")
    sidecar = bench.sidecar(resources=resources, flags={"admin-listen": f"unix:{path}", "enable-api-logging": "false",
                                                        "log-level": "error"})
    admin = Admin(path=path)
    load = Load(f"http://127.0.0.1:{sidecar.http}/v1.0/state/store/k1", lua=SAVE_AND_GET)
    seen = windows(admin, sidecar, plugin, times)
    requests = load.end()
    print(f"{times} swaps of {plugin} at a time, {requests} requests, RSS {[one.rss_kb for one in seen]} KB")
    before, after = seen[0], seen[-1]
    assert requests > times
    assert after.threads <= before.threads and after.maps <= before.maps + 8
    assert after.descriptors <= before.descriptors + 2


def test_a_thousand_swaps_of_state_redis(bench, tmp_path, redis_server):
    store = component("store", "state.redis", {"redisHost": redis_server.address})
    swap_under_load(bench, tmp_path, [store], "state.redis", int(350 * FACTOR))


def test_a_hundred_swaps_of_the_state_block(bench, tmp_path):
    swap_under_load(bench, tmp_path, [component("store", "state.in-memory")], "state", int(100 * FACTOR))


def test_a_hundred_swaps_of_the_state_block_on_redis(bench, tmp_path, redis_server):
    store = component("store", "state.redis", {"redisHost": redis_server.address})
    swap_under_load(bench, tmp_path, [store], "state", int(100 * FACTOR))


def test_a_hundred_swaps_of_state_in_memory_keep_every_key(bench, tmp_path):
    """What the store keeps goes from copy to copy while clients write: nothing acknowledged is lost."""
    path = str(tmp_path / "admin.sock")
    sidecar = bench.sidecar(resources=[component("store", "state.in-memory")], flags={
        "admin-listen": f"unix:{path}", "enable-api-logging": "false", "log-level": "error"})
    admin = Admin(path=path)
    store = "/v1.0/state/store"
    keys = [f"key-{number}" for number in range(500)]
    assert sidecar.post(store, [{"key": key, "value": key} for key in keys]).status == 204
    load = Load(f"http://127.0.0.1:{sidecar.http}{store}/k1", lua=SAVE_AND_GET)
    swap_many(admin, "state.in-memory", int(100 * FACTOR))
    settled(admin, sidecar, "state.in-memory")
    requests = load.end()
    assert requests > 100
    for key in keys:
        assert sidecar.get(f"{store}/{key}").json == key
