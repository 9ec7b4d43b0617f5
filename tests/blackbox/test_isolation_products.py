"""Every component that can be isolated, in a process of its own, with its product: it is asked, its process is killed, and it
is asked again. Trilby's own."""

import os
import signal
import uuid

import pytest

from harness import metrics
from harness.admin import Admin
from harness.app import reply
from harness.products import BINDINGS, BROKERS, CONFIGURATIONS, LOCKS, SECRETS, STORES, metadata_of, server, topic_of, version_of
from harness.resources import component, subscription
from harness.wait import until

redis = pytest.importorskip("redis")
pytestmark = pytest.mark.differs

# These connect through the host's streams, or to nothing; the libraries of all others open sockets of their own.
BY_THE_HOST = {"in-memory", "sqlite", "redis", "etcd", "memcached", "rabbitmq", "mqtt3"}


@pytest.fixture
def mark():
    return "i" + uuid.uuid4().hex[:8]


class Apart:
    """A sidecar with this one component, isolated."""

    def __init__(self, bench, tmp_path, table, type, mark, *more, **options):
        self.type, self.admin = type.partition("/")[0], Admin(path=str(tmp_path / "admin.sock"))
        network = "named" if self.type.partition(".")[2] in BY_THE_HOST else "open"
        self.sidecar = bench.sidecar(
            resources=[component("it", self.type, metadata_of(table, type, mark), version=version_of(type)), *more],
            flags={"isolate": "all", "isolate-network": network, "admin-listen": f"unix:{tmp_path}/admin.sock"}, **options)

    def process(self):
        return self.admin.component("it")["isolated"]

    def kill(self):
        before = self.process()
        assert before["pid"] > 0 and before["residentBytes"] > 0
        os.kill(before["pid"], signal.SIGKILL)
        until(lambda: self.process()["restarts"] > before["restarts"] and self.process()["pid"], "another process")
        assert self.process()["pid"] != before["pid"]


def tries(ask, status):
    """A call that a killed process had fails: the next one does not."""
    answers = []
    until(lambda: answers.append(ask()) or answers[-1].status == status, lambda: f"an answer {status}: {answers[-1].text}", 20)
    return answers[-1]


@pytest.mark.parametrize("type", STORES)
def test_a_state_store(bench, tmp_path, type, mark):
    apart = Apart(bench, tmp_path, STORES, type, mark)
    there = "/v1.0/state/it"
    for n in (1, 2):
        assert tries(lambda n=n: apart.sidecar.post(there, [{"key": mark, "value": {"n": n}}]), 204)
        answer = apart.sidecar.get(f"{there}/{mark}")
        assert answer.json == {"n": n} and (type == "state.memcached" or answer.header("ETag"))
        if n == 1:
            apart.kill()
    assert metrics.value(apart.sidecar, "trilby_isolated_restarts_total", component="it") == 1
    assert apart.sidecar.delete(f"{there}/{mark}").status == 204
    apart.sidecar.stop()


@pytest.mark.parametrize("type", BROKERS)
def test_a_broker(bench, tmp_path, type, mark):
    app, topic = bench.app(), topic_of(mark, "orders")
    app.route("/orders", reply(200))
    apart = Apart(bench, tmp_path, BROKERS, type, mark, subscription("s", "it", topic, "/orders"), app=app)

    def comes_back(n):
        """Asked again, for what pubsub.in-memory takes before it is subscribed to anew is heard by nobody."""
        tries(lambda: apart.sidecar.post(f"/v1.0/publish/it/{topic}", {"n": n}), 204)
        return n in [one.json["data"]["n"] for one in app.requests("/orders")]
    until(lambda: comes_back(1), "a message")
    apart.kill()
    until(lambda: comes_back(2), "a message")
    apart.sidecar.stop()


# Those left out here are led to their stand-ins by the environment, of which an isolated one sees nothing.
@pytest.mark.parametrize("type", ["secretstores.hashicorp.vault", "secretstores.aws.secretmanager", "secretstores.kubernetes"])
def test_a_secret_store(bench, tmp_path, type, mark):
    apart = Apart(bench, tmp_path, SECRETS, type, mark)
    for again in (True, False):
        assert "abcd" in tries(lambda: apart.sidecar.get("/v1.0/secrets/it/conftestsecret"), 200).text
        if again:
            apart.kill()
    apart.sidecar.stop()


@pytest.mark.parametrize("type", ["bindings.rabbitmq", "bindings.kafka", "bindings.mqtt3"])
def test_a_binding_in_both_directions(bench, tmp_path, type, mark):
    app = bench.app()
    app.route("/it", reply(200))
    apart = Apart(bench, tmp_path, BINDINGS, type, mark, app=app)
    for n in (1, 2):
        tries(lambda n=n: apart.sidecar.post("/v1.0/bindings/it", {"operation": "create", "data": {"n": n}}), 204)
        until(lambda n=n: {"n": n} in [one.json for one in app.requests("/it", "POST")], "the event", 30)
        if n == 1:
            apart.kill()
    apart.sidecar.stop()


def test_a_lock(bench, tmp_path, mark):
    apart = Apart(bench, tmp_path, LOCKS, "lock.redis", mark)
    for n in (1, 2):
        wish = {"resourceId": f"{mark}{n}", "lockOwner": "a", "expiryInSeconds": 60}
        assert tries(lambda wish=wish: apart.sidecar.post("/v1.0-alpha1/lock/it", wish), 200).json == {"success": True}
        if n == 1:
            apart.kill()
    apart.sidecar.stop()


def test_a_configuration_store(bench, tmp_path, mark):
    apart = Apart(bench, tmp_path, CONFIGURATIONS, "configuration.redis", mark)
    with redis.Redis(port=int(server("redis").rpartition(":")[2])) as client:
        client.set(mark, "blue||1")
    for again in (True, False):
        assert tries(lambda: apart.sidecar.get(f"/v1.0/configuration/it?key={mark}"), 200).json[mark]["value"] == "blue"
        if again:
            apart.kill()
    apart.sidecar.stop()
