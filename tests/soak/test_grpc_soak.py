"""gRPC in bad weather: clients that cancel, vanish, stare and cut, applications that are restarted, a peer that is
killed, code that is swapped, a broker whose connections are cut. Then it is quiet, and nothing may be missing: no
event, no answer, no memory, no descriptor."""

import os
import re
import signal
import time
import uuid

import pytest

from harness import rpc
from harness.admin import Admin
from harness.any_app import AnyApp
from harness.resources import component
from harness.topic_stream import Stream
from harness.wait import until
from load import Holdings
from storm import SLACK, Storm

redis = pytest.importorskip("redis")
pytestmark = pytest.mark.differs
SECONDS = 30 * float(os.environ.get("TEST_SOAK", "1"))
SEED = os.environ.get("TEST_SOAK_SEED", "1")
GRACE_SECONDS = 10
REPORT = re.compile(r"Sanitizer|runtime error:|Assertion|check failed")


def is_sanitized(pid):
    with open(f"/proc/{pid}/maps", encoding="utf-8") as handle:
        return re.search(r"lib[at]san", handle.read()) is not None


def sidecar_for(bench, app, app_id, names, server, **flags):
    broker = component("pubsub", "pubsub.redis", {"redisHost": server.address, "processingTimeout": "2s",
                                                  "redeliverInterval": "500ms"})
    resolver = {"component": "sqlite", "version": "v1", "configuration": {"connectionString": names}}
    return bench.sidecar(app=app, app_id=app_id, resources=[broker], config={"nameResolution": resolver}, ready=False,
                         flags={"loops": 3, "log-level": "error", "enable-api-logging": "false",
                                "dapr-graceful-shutdown-seconds": GRACE_SECONDS, **flags})


class Weather:
    """What happens to the processes while the storm blows."""

    def __init__(self, alpha, beta, http_app, grpc_app, admin, broker):
        self.alpha, self.beta, self.http_app, self.grpc_app, self.admin = alpha, beta, http_app, grpc_app, admin
        host, _, port = broker.address.partition(":")
        self.broker = redis.Redis(host, int(port))
        self.troubles = []

    def cut_broker(self):
        """Acknowledgements on their way are lost, and have to be said again."""
        self.broker.client_kill_filter(_type="normal")

    def swap(self):
        """Alpha's code under the feet of its clients: what streams is asked to leave, what is new comes in."""
        for plugin in ("invoke", "pubsub", "pubsub.redis"):
            answer = self.admin.swap(plugin)
            assert answer.status == 200, f"swap of {plugin}: {answer.text}"

    def kill_beta(self):
        self.beta.process.kill()
        self.beta.process.wait()
        self.troubles += self.beta.stderr
        self.beta.stderr = []
        self.beta.start(ready=False)

    def renew_alpha(self):
        """The same process ends its runtime and builds another."""
        self.alpha.signal(signal.SIGHUP)

    def restart_http_app(self):
        self.http_app.stop()
        self.http_app.start()

    def restart_grpc_app(self):
        self.grpc_app.stop()
        self.grpc_app.start()

    def blow(self, seconds):
        events = (self.restart_grpc_app, self.cut_broker, self.swap, self.kill_beta, self.cut_broker,
                  self.renew_alpha, self.restart_http_app)
        for event in events:
            time.sleep(seconds / (len(events) + 1))
            event()
        time.sleep(seconds / (len(events) + 1))


def quiet(storm, alpha, beta):
    """The storm is over: everybody answers, and what was lost on its way comes again."""
    storm.end()
    for one in (alpha, beta):
        one.wait_ready(60)
    stream = Stream(alpha.grpc).begin(storm.stream_topic).wait_begun()
    answered = 0

    def is_complete():
        nonlocal answered
        events = stream.events[answered:]
        for one in events:
            storm.ledger.take(storm.stream_topic, one.data.decode())
            stream.answer(one.id)
        answered += len(events)
        return not storm.ledger.lost()
    try:
        until(is_complete, lambda: f"events that were published and not delivered: {storm.ledger.lost()}", 60)
    finally:
        stream.end()
    dapr = rpc.Dapr(alpha.grpc)
    assert dapr.InvokeService(id="beta", message={"method": "x", "data": {"value": b"1"}}).data.value == b"1"
    dapr.close()
    assert not storm.late, storm.late


def settled(pid):
    """Once descriptors and memory stand still."""
    seen = []

    def is_flat():
        seen.append(Holdings(pid))
        recent = seen[-20:]
        time.sleep(0.1)
        return len(recent) == 20 and len({one.descriptors for one in recent}) == 1
    until(is_flat, lambda: f"descriptors to stand still: {[one.descriptors for one in seen[-20:]]}", 60)
    return seen[-1]


def end(sidecar):
    began = time.monotonic()
    sidecar.signal(signal.SIGTERM)
    code = sidecar.wait_end(GRACE_SECONDS + 10)
    assert code == 0, f"exit code {code}:\n{sidecar.log_tail()}"
    return time.monotonic() - began


def test_a_storm_leaves_nothing_behind(bench, tmp_path, redis_server):
    names, mark = str(tmp_path / "names.db"), uuid.uuid4().hex[:8]
    http_app, grpc_app = bench.app(start=False), AnyApp(workers=400)
    bench.stack.callback(grpc_app.stop)
    storm = Storm(SEED, mark)
    storm.prepare(http_app, grpc_app)
    for one in (http_app, grpc_app):
        one.start()
    beta = sidecar_for(bench, grpc_app, "beta", names, redis_server, **{"app-protocol": "grpc"})
    alpha = sidecar_for(bench, http_app, "alpha", names, redis_server, **{
        "app-max-concurrency": 5, "admin-listen": f"unix:{tmp_path}/admin.sock"})
    for one in (alpha, beta):
        one.wait_ready(60)
    sanitized = is_sanitized(alpha.process.pid)
    storm.slack = SLACK * (5 if sanitized else 1)
    Stream(alpha.grpc).begin(storm.stream_topic).wait_begun().end()     # from here on the group knows the topic
    weather = Weather(alpha, beta, http_app, grpc_app, Admin(path=f"{tmp_path}/admin.sock"), redis_server)

    storm.start(alpha, beta)
    try:
        weather.blow(SECONDS / 3)
    finally:
        storm.end()
    quiet(storm, alpha, beta)
    before = settled(alpha.process.pid)

    storm.start(alpha, beta)
    try:
        weather.blow(SECONDS * 2 / 3)
    finally:
        storm.end()
    quiet(storm, alpha, beta)
    after = settled(alpha.process.pid)

    print(f"{dict(storm.did)}, RSS {before.rss_kb} -> {after.rss_kb} KB, descriptors {before.descriptors} -> "
          f"{after.descriptors}")
    assert after.descriptors <= before.descriptors + 16
    assert after.threads <= before.threads + 4
    assert sanitized or after.rss_kb - before.rss_kb < 32 << 10
    assert {one.status_of("/v1.0/healthz") for one in (alpha, beta)} == {204}
    took = [end(one) for one in (alpha, beta)]
    assert max(took) < GRACE_SECONDS, f"the sidecars took {took} s to end"
    troubles = [line for line in weather.troubles + alpha.stderr + beta.stderr if REPORT.search(line)]
    assert not troubles, troubles
