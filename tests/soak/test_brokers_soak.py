"""Every broker in bad weather: TEST_SOAK_MESSAGES messages (times TEST_SOAK) while the sidecar is killed, the broker is killed
and started again, and the application refuses one in ten; then SIGTERM with a tenth as many in flight. Each message whose publishing was
acknowledged is taken at least once. Servers keep what they acknowledge."""

import json
import os
import signal
import subprocess
import threading
import uuid

import pytest

from harness import raw
from harness.products import BROKERS, topic_of
from harness.resources import component
from harness.services import Service
from harness.wait import until
from tally import Tally

MESSAGES = int(float(os.environ.get("TEST_SOAK_MESSAGES", "20000")) * float(os.environ.get("TEST_SOAK", "1"))) // 100 * 100
IN_FLIGHT = MESSAGES // 10
BATCH = 100
SECONDS = float(os.environ.get("TEST_SOAK_PATIENCE", "600"))

# The server, what it needs to keep its word, and what makes a failed message come again soon.
SCENES = {
    "pubsub.redis": (("redis", "--durable"), {"processingTimeout": "2s", "redeliverInterval": "200"}),
    "pubsub.kafka": (("kafka",), {"backOffDuration": "1ms"}),
    "pubsub.rabbitmq": (("rabbitmq",), {"reconnectWaitSeconds": "1"}),
    "pubsub.mqtt3": (("mosquitto",), {"cleanSession": "false", "redeliverInterval": "2s"}),
    "pubsub.jetstream": (("nats",), {"ackWait": "5s"}),
}
ORDERED = {"pubsub.kafka"}


class Publisher(threading.Thread):
    """One batch after the other, each until all of it was acknowledged: what is said again may come twice."""

    def __init__(self, sidecar, topic, first, count):
        super().__init__(daemon=True)
        self.sidecar, self.topic, self.first, self.count = sidecar, topic, first, count
        self.acknowledged, self.fault = first, None

    def run(self):
        for at in range(self.first, self.first + self.count, BATCH):
            left = list(range(at, at + BATCH))
            while left:
                left = self.publish(left)
            self.acknowledged = at + BATCH

    def publish(self, numbers):
        body = json.dumps([{"entryId": str(n), "event": {"n": n}, "contentType": "application/json"} for n in numbers])
        try:
            answer = raw.request(self.sidecar.http, "POST", f"/v1.0/publish/bulk/events/{self.topic}",
                                 [("Content-Type", "application/json")], body.encode(), seconds=60)
        except (OSError, EOFError):
            return numbers
        if answer.status == 204:
            return []
        failed = json.loads(answer.body).get("failedEntries") if answer.body.startswith(b'{"failedEntries"') else None
        return [int(one["entryId"]) for one in failed] if failed else numbers


def scene(bench, type):
    mark = f"s{uuid.uuid4().hex[:8]}"
    (name, *words), more = SCENES[type]
    server = Service(name, *words)
    bench.stack.callback(server.stop)
    os.environ["TEST_" + name.upper()] = server.address
    topic = topic_of(mark, "orders")
    app = Tally(topic, MESSAGES + IN_FLIGHT)
    bench.stack.callback(app.stop)
    sidecar = bench.sidecar(app=app, app_id=mark, flags={
        "log-level": "warn", "enable-api-logging": "false", "dapr-graceful-shutdown-seconds": 30}, resources=[
        component("events", type, {**BROKERS[type](mark), **more}, ignoreErrors=False)])
    return server, sidecar, app, topic


def crash(sidecar):
    sidecar.process.kill()
    sidecar.process.wait()
    sidecar.start()


def again(server):
    done = subprocess.run([server.script, "restart", server.folder], capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("type", SCENES)
def test_a_broker_in_bad_weather(bench, type):
    server, sidecar, app, topic = scene(bench, type)
    publisher = Publisher(sidecar, topic, 0, MESSAGES)
    publisher.start()

    def reached(share):
        until(lambda: publisher.acknowledged >= MESSAGES * share, lambda: f"{share:.0%} of the messages", SECONDS)

    reached(0.2)
    crash(sidecar)
    reached(0.4)
    again(server)
    reached(0.7)
    crash(sidecar)
    publisher.join(SECONDS)
    assert not publisher.is_alive()
    until(lambda: app.distinct == MESSAGES, lambda: f"all of {MESSAGES}; {app.distinct} have come, the first that are missing: "
          f"{app.missing(MESSAGES)[:10]}; the log:\n{sidecar.log_tail(5)}", SECONDS)
    assert app.refused >= MESSAGES // 10
    twice = sum(1 for n in range(MESSAGES) if app.taken[n] > 1)
    print(f"{type}: {MESSAGES} taken, {app.refused} refused, {twice} more than once, {app.out_of_order} out of order")
    if type in ORDERED:
        assert app.out_of_order == 0
    leave_with_many_in_flight(sidecar, app, topic)


def leave_with_many_in_flight(sidecar, app, topic):
    """What is at the application when the signal comes is finished; what waits is somebody's later."""
    app.delay_ms.value = 20
    publisher = Publisher(sidecar, topic, MESSAGES, IN_FLIGHT)
    publisher.start()
    publisher.join(SECONDS)
    until(lambda: app.waiting, lambda: "a message at the application", SECONDS)
    sidecar.signal(signal.SIGTERM)
    code = sidecar.wait_end(60)
    assert code == 0, f"it ended with {code}:\n{sidecar.log_tail(5)}"
    app.delay_ms.value = 0
    sidecar.start()
    total = MESSAGES + IN_FLIGHT
    until(lambda: app.distinct == total, lambda: f"all of {total}; {app.distinct} have come, the first that are missing: "
          f"{app.missing(total)[:10]}; the log:\n{sidecar.log_tail(5)}", SECONDS)
