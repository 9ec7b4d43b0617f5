"""The plugins of brokers and of input bindings, and their blocks, are replaced while messages flow: each message whose
publishing was acknowledged is taken, none comes twice but where the broker's contract allows it, and nothing grows.

Each is swapped TEST_SWAPS / 100 times (times TEST_SOAK), 3 unless said otherwise. Memory is measured from 30 swaps on."""

import os
import threading
import time
import uuid

import pytest

from harness import raw
from harness.app import reply
from harness.products import BINDINGS, BROKERS, server, topic_of
from harness.resources import component
from harness.wait import until
from load import Holdings
from swapping import SWAPS, WINDOWS, Publisher, admined, grows, steady, swap_many
from tally import Tally

pytestmark = [pytest.mark.differs, pytest.mark.timeout(14400)]
TIMES = max(SWAPS // 100, 3)
MEASURED = 30

# Threads and exit handlers of their libraries are left behind: a copy of the plugin stays mapped with every swap.
STAY = {"pubsub.kafka", "pubsub.jetstream", "bindings.kafka"}
MAPS, KEPT_KB = 6, 1024

# At least once: a consumer of JetStream that gets another inbox has all that is unacknowledged come again.
TWICE = {"pubsub.jetstream"}

MORE = {
    "pubsub.kafka": {"backOffDuration": "1ms"},
    "pubsub.mqtt3": {"cleanSession": "false"},
    "bindings.mqtt3": {"cleanSession": "false"},
}


class Invoker(threading.Thread):
    """One message after the other through an output binding until it is told to end: each has to be taken."""

    def __init__(self, sidecar, app):
        super().__init__(daemon=True)
        self.sidecar, self.app = sidecar, app
        self.count, self.fault, self.ended = 0, None, threading.Event()
        self.start()

    def run(self):
        while not self.ended.is_set() and not self.fault:
            if self.count > self.app.distinct + Publisher.AHEAD:
                self.ended.wait(0.002)
                continue
            body = b'{"operation":"create","data":{"n":%d}}' % self.count
            answer = raw.request(self.sidecar.http, "POST", "/v1.0/bindings/events", [("Content-Type", "application/json")],
                                 body, seconds=60)
            if answer.status not in (200, 204):
                self.fault = answer.text
            self.count += 1

    def end(self):
        self.ended.set()
        self.join(60)
        assert not self.fault, self.fault
        return self.count


def scene(bench, tmp_path, table, type, **more):
    name = table[type].service
    if not server(name):
        pytest.skip(f"without {name} (tests/services/with {name})")
    mark = f"s{uuid.uuid4().hex[:8]}"
    topic = topic_of(mark, "orders")
    app = Tally(topic, Publisher.MOST + Publisher.BATCH, refuses=False)
    bench.stack.callback(app.stop)
    sidecar, admin = admined(bench, tmp_path, app=app, app_id=mark, resources=[
        component("events", type, {**table[type](mark), **MORE.get(type, {}), **more}, ignoreErrors=False)])
    sidecar.wait_ready()
    return sidecar, admin, app, topic


def coming_and_going(ports):
    """The inodes of connections from or to one of these ports."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in list(table)[1:]]
    return {f"socket:[{row[9]}]" for row in rows if {int(end.rpartition(":")[2], 16) for end in row[1:3]} & ports and
            row[3] != "0A"}


def held_files(pid, ports):
    links = []
    for one in os.listdir(f"/proc/{pid}/fd"):
        try:
            links.append(os.readlink(f"/proc/{pid}/fd/{one}"))
        except FileNotFoundError:
            pass
    passing = coming_and_going(ports)
    return sum(link not in passing for link in links)


def holdings(sidecar, app):
    """Without the connections of clients and to the application, which come and go with the messages."""
    pid = sidecar.process.pid
    held = steady(pid) if TIMES >= MEASURED else Holdings(pid)
    held.descriptors = min(held_files(pid, {app.port, sidecar.http}) for _ in range(5))
    return held


def swap_in_turn(sidecar, admin, app, plugins):
    for plugin in plugins:
        for _ in range(TIMES):
            before = app.distinct
            swap_many(admin, plugin, 1)
            until(lambda: app.distinct > before, lambda: f"messages to flow after a swap of {plugin}", 60)
    for plugin in plugins:
        until(lambda: sum(one["file"] == f"{plugin}.so" for one in admin.plugins()) == 1,
              f"the old copies of {plugin}.so to go", 60)
    return holdings(sidecar, app)


def rounds(sidecar, admin, app, plugins, kept):
    """What is held after each round, until one has left memory as it was (swapping.windows says why)."""
    seen = [swap_in_turn(sidecar, admin, app, plugins) for _ in range(2)]
    while TIMES >= MEASURED and grows(seen[-2].rss_kb + KEPT_KB * kept, seen[-1].rss_kb, 2 * TIMES):
        assert len(seen) < WINDOWS, f"memory grows with every {TIMES} swaps: {[one.rss_kb for one in seen]} KB"
        seen.append(swap_in_turn(sidecar, admin, app, plugins))
    return seen


def nothing_but_copies_grew(before, after, kept):
    """kept: so many copies of a plugin stay mapped, each with its descriptor and what its library keeps."""
    assert after.maps <= before.maps + 8 + MAPS * kept and after.descriptors <= before.descriptors + 3 + kept
    assert after.threads <= before.threads + 1


def swap_while_messages_flow(sidecar, admin, app, source, type, block):
    kept = TIMES if type in STAY else 0
    until(lambda: app.distinct, "the first message", 60)
    began = time.monotonic()
    seen = rounds(sidecar, admin, app, [type, block], kept)
    took, sent = time.monotonic() - began, source.end()
    until(lambda: app.distinct == sent, lambda: f"all of {sent}; {app.distinct} have come, the first that are missing: "
          f"{app.missing(sent)[:10]}", 120)
    twice = sum(app.taken[n] > 1 for n in range(sent))
    print(f"{len(seen)} rounds of {TIMES} swaps of {type} and of {block} in {took:.1f} s, {sent} messages, {twice} of them twice, "
          f"{app.out_of_order} out of order; RSS {[one.rss_kb for one in seen]} KB, {vars(seen[0])}, {vars(seen[-1])}")
    assert not twice or type in TWICE
    nothing_but_copies_grew(seen[0], seen[-1], kept * (len(seen) - 1))


@pytest.mark.parametrize("type", ["pubsub.kafka", "pubsub.rabbitmq", "pubsub.mqtt3", "pubsub.jetstream"])
def test_a_broker(bench, tmp_path, type):
    sidecar, admin, app, topic = scene(bench, tmp_path, BROKERS, type)
    swap_while_messages_flow(sidecar, admin, app, Publisher(sidecar, topic, app), type, "pubsub")


@pytest.mark.parametrize("type", ["bindings.kafka", "bindings.rabbitmq", "bindings.mqtt3"])
def test_an_input_binding(bench, tmp_path, type):
    sidecar, admin, app, _ = scene(bench, tmp_path, BINDINGS, type, route="/orders")
    swap_while_messages_flow(sidecar, admin, app, Invoker(sidecar, app), type, "bindings")


def test_a_clock_goes_on(bench, tmp_path):
    """An event of cron for (nearly) every second, and never two."""
    app = bench.app()
    app.otherwise = reply(200)
    sidecar, admin = admined(bench, tmp_path, app=app, resources=[
        component("tick", "bindings.cron", {"schedule": "* * * * * *", "direction": "input"})])
    sidecar.wait_ready()
    app.wait_for("/tick", 1, "POST")
    began, count = time.time(), len(app.requests("/tick", "POST"))
    for _ in range(TIMES):
        swap_many(admin, "bindings.cron", 1)
        swap_many(admin, "bindings", 1)
    until(lambda: len(app.requests("/tick", "POST")) >= count + 2, "it to tick on", 30)
    ticks = [one.header("Readtimeutc")[:19] for one in app.requests("/tick", "POST")]
    assert len(set(ticks)) == len(ticks)
    assert len(ticks) - count >= int(time.time() - began) - 2 * TIMES
