"""Redis as it fails in life: killed and started again under load, stalled, its password changed, its
scripts forgotten; and the bytes it holds, looked at without the sidecar."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from contextlib import ExitStack

import pytest

from harness.app import reply
from harness.ports import free_port
from harness.resources import component, subscription
from harness.wait import until

redis = pytest.importorskip("redis")

RECOVERY_SECONDS = 5.0


class Server:
    """A redis-server that can be killed, stalled and started again at the same port, with what it held."""

    def __init__(self, *options):
        self.folder = tempfile.mkdtemp(prefix="blackbox-redis-")
        self.port = free_port()
        self.options = options
        self.process = None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def client(self, **more):
        return redis.Redis(port=self.port, decode_responses=True, **more)

    def answers(self):
        try:
            return self.client(socket_timeout=1).ping()
        except redis.AuthenticationError:
            return True
        except (redis.ConnectionError, redis.TimeoutError):
            return False

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--dir", self.folder,
             "--save", "", "--appendonly", "yes", "--appendfsync", "always", *self.options],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until(self.answers, "redis-server to answer")
        except AssertionError:
            self.stop()
            raise
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def server():
    made = Server().start()
    yield made
    made.stop()


def store_of(server, **more):
    return component("store", "state.redis", {"redisHost": server.address, **more})


def save(sidecar, key, value):
    return sidecar.post("/v1.0/state/store", [{"key": key, "value": value}])


def assert_sentence(answer):
    assert answer.status == 500, answer.text
    assert answer.json["errorCode"] in ("ERR_STATE_SAVE", "ERR_STATE_GET"), answer.text
    assert "redis 127.0.0.1" in answer.json["message"]


class Load(threading.Thread):
    """One client that saves one number after the other and remembers the last acknowledged."""

    def __init__(self, sidecar, key):
        super().__init__(daemon=True)
        self.sidecar, self.key = sidecar, key
        self.stopped = threading.Event()
        self.acknowledged, self.tried, self.failures, self.odd = 0, 0, [], []

    def run(self):
        while not self.stopped.is_set():
            self.tried += 1
            answer = save(self.sidecar, self.key, self.tried)
            if answer.status == 204:
                self.acknowledged = self.tried
            elif answer.status >= 500:
                self.failures.append(answer)
            else:
                self.odd.append(answer)

    def end(self):
        self.stopped.set()
        self.join(30)
        assert not self.is_alive()


def test_killed_and_started_again_under_load(bench, server):
    sidecar = bench.sidecar(resources=[store_of(server)])
    loads = [Load(sidecar, f"key{n}") for n in range(4)]
    for load in loads:
        load.start()
    for _ in range(3):
        marks = [load.acknowledged for load in loads]
        until(lambda: all(load.acknowledged > mark for load, mark in zip(loads, marks)), "writes")
        server.kill()
        marks = [len(load.failures) for load in loads]
        until(lambda: all(len(load.failures) > mark for load, mark in zip(loads, marks)), "errors")
        server.start()
        marks, begun = [load.acknowledged for load in loads], time.monotonic()
        until(lambda: all(load.acknowledged > mark for load, mark in zip(loads, marks)), "recovery", 5)
        assert time.monotonic() - begun < RECOVERY_SECONDS
    for load in loads:
        load.end()
        assert not load.odd
        for failure in load.failures:
            assert_sentence(failure)
        held = int(sidecar.get(f"/v1.0/state/store/{load.key}").body)
        assert load.acknowledged <= held <= load.tried
    sidecar.assert_alive()
    assert sidecar.logged("has lost its product: redis 127.0.0.1")
    assert sidecar.logged("has reached its product again")


def test_a_server_that_is_back_is_back_for_whoever_asks_first(bench, server):
    sidecar = bench.sidecar(resources=[store_of(server)])
    assert save(sidecar, "k", 1).status == 204
    for _ in range(4):
        server.kill()
        begun = time.monotonic()
        until(lambda: save(sidecar, "k", 2).status == 500 and time.monotonic() - begun > 0.8, "an outage")
        server.start()
        answers = [sidecar.get("/v1.0/state/store/k") for _ in range(8)]
        assert {(one.status, one.body) for one in answers} == {(200, b"1")}, answers[0].text


def test_stalled(bench, server):
    sidecar = bench.sidecar(resources=[store_of(server, readTimeout="300ms")])
    assert save(sidecar, "k", 1).status == 204
    server.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, server.process.pid, os.WSTOPPED)
    begun = time.monotonic()
    answer = save(sidecar, "other", 2)                      # it may be written all the same, and at any time
    assert time.monotonic() - begun < 5
    assert_sentence(answer)
    server.process.send_signal(signal.SIGCONT)
    begun = time.monotonic()
    until(lambda: save(sidecar, "k", 3).status == 204, "recovery", 5)
    assert time.monotonic() - begun < RECOVERY_SECONDS
    assert sidecar.get("/v1.0/state/store/k").json == 3


def test_a_password_that_changes_is_told(bench):
    server = Server("--requirepass", "first").start()
    try:
        sidecar = bench.sidecar(resources=[store_of(server, redisPassword="first")])
        assert save(sidecar, "k", 1).status == 204
        admin = server.client(password="first")
        admin.config_set("requirepass", "second")
        admin.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        until(lambda: save(sidecar, "k", 2).status == 500, "a refusal")
        answer = until(lambda: "WRONGPASS" in save(sidecar, "k", 2).text, "the reason")
        assert answer
        admin.config_set("requirepass", "first")
        until(lambda: save(sidecar, "k", 3).status == 204, "recovery", 5)
        assert not sidecar.logged("first") and "second" not in sidecar.log_tail()
    finally:
        server.stop()


@pytest.mark.parametrize("given, said", [
    ({"redisHost": "127.0.0.1:1"}, "connection refused"),
    ({"redisHost": "127.0.0.1:1", "redisPort": "2"}, "redisPort says 2"),
    ({"redisHost": ""}, "redisHost"),
    ({"redisHost": "127.0.0.1:1,127.0.0.1:2", "redisType": "cluster"}, "connection refused"),
    ({"redisHost": "a:1", "useOIDC": "true"}, "is not supported yet"),
    ({"redisHost": "a:1", "failover": "true"}, "sentinelMasterName is required with failover"),
    ({"redisHost": "a:1", "redisDB": "x"}, "redisDB"),
    ({"redisHost": "nobody.invalid:6379"}, "nobody.invalid")])
@pytest.mark.parametrize("type", ["state.redis", "pubsub.redis"])
def test_a_start_that_cannot_succeed_says_why(bench, type, given, said):
    sidecar = bench.sidecar(ready=False, resources=[component("it", type, given)])
    assert sidecar.wait_end() != 0
    assert sidecar.logged(said)


def test_tls(bench, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", tmp_path / "key", "-out", tmp_path / "cert", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    port = free_port()
    server = Server("--tls-port", str(port), "--tls-cert-file", str(tmp_path / "cert"), "--tls-key-file",
                    str(tmp_path / "key"), "--tls-auth-clients", "no").start()
    cert = (tmp_path / "cert").read_text()
    try:
        sidecar = bench.sidecar(resources=[
            component("store", "state.redis", {"redisHost": f"localhost:{port}", "enableTLS": "true", "caCert": cert}),
            component("loose", "state.redis", {"redisHost": f"127.0.0.1:{port}", "enableTLS": "true",
                                               "insecureSkipTLSVerify": "true"})])
        for n in range(100):
            assert save(sidecar, f"k{n}", "x" * n * 100).status == 204
        assert sidecar.get("/v1.0/state/store/k99").json == "x" * 9900
        assert sidecar.get("/v1.0/state/loose/k99").json == "x" * 9900
        refused = bench.sidecar(ready=False, resources=[component(
            "store", "state.redis", {"redisHost": f"localhost:{port}", "enableTLS": "true"})])
        assert refused.wait_end() != 0
        assert refused.logged("certificate")
    finally:
        server.stop()


def test_a_unix_socket(bench, tmp_path):
    path = str(tmp_path / "redis.sock")
    server = Server("--unixsocket", path).start()
    try:
        sidecar = bench.sidecar(resources=[component("store", "state.redis", {"redisHost": f"unix:{path}"})])
        assert save(sidecar, "k", 1).status == 204
        assert server.client().hgetall(f"{sidecar.app_id}||k") == {"data": "1", "version": "1"}
    finally:
        server.stop()


# --- The bytes ---

def test_what_a_store_holds(bench, server):
    sidecar = bench.sidecar(resources=[store_of(server)], app_id="app1")
    held = server.client()
    save(sidecar, "e", "v1")
    save(sidecar, "e", "v2")
    assert held.hgetall("app1||e") == {"data": '"v2"', "version": "2"}
    assert held.pttl("app1||e") == -1
    sidecar.post("/v1.0/state/store", [{"key": "fw", "value": "a", "options": {"concurrency": "first-write"}}])
    assert held.execute_command("HGETALL", "app1||fw") in (
        {"data": '"a"', "first-write": "0", "version": "1"},
        ["data", '"a"', "first-write", "0", "version", "1"])
    sidecar.post("/v1.0/state/store", [{"key": "ttl", "value": "x", "metadata": {"ttlInSeconds": "100"}}])
    assert 99000 < held.pttl("app1||ttl") <= 100000
    assert save(sidecar, "ttl", "y").status == 204
    assert 90000 < held.pttl("app1||ttl") <= 100000
    sidecar.post("/v1.0/state/store", [{"key": "ttl", "value": "x", "metadata": {"ttlInSeconds": "-1"}}])
    assert held.pttl("app1||ttl") == -1
    answer = sidecar.post("/v1.0/state/store/transaction", {"operations": [
        {"operation": "upsert", "request": {"key": "m", "value": {"b": 1}, "metadata": {"ttlInSeconds": "9"}}},
        {"operation": "delete", "request": {"key": "e", "etag": "2"}}]})
    assert answer.status == 204
    assert held.hgetall("app1||m") == {"data": '{"b":1}', "version": "1"}
    assert 8000 < held.pttl("app1||m") <= 9000
    assert not held.exists("app1||e")


def test_what_another_sidecar_wrote_is_read(bench, server):
    sidecar = bench.sidecar(resources=[store_of(server)], app_id="app1")
    held = server.client()
    held.hset("app1||k", mapping={"data": '{"a":1}', "version": "41"})
    read = sidecar.get("/v1.0/state/store/k")
    assert read.json == {"a": 1} and read.header("Etag") == "41"
    assert sidecar.post("/v1.0/state/store", [{"key": "k", "value": 2, "etag": "41"}]).status == 204
    assert held.hget("app1||k", "version") == "42"
    held.set("app1||plain", "text")
    assert sidecar.get("/v1.0/state/store/plain").body == b"text"
    held.hset("app1||half", "data", "x")
    assert sidecar.get("/v1.0/state/store/half").status == 500


def test_scripts_that_were_forgotten_are_taught_again(bench, server):
    sidecar = bench.sidecar(resources=[store_of(server)])
    for _ in range(3):
        server.client().script_flush()
        assert save(sidecar, "k", 1).status == 204


# --- Publish and subscribe ---

def bus_of(server, **more):
    return component("bus", "pubsub.redis", {"redisHost": server.address, **more})


def test_what_a_stream_holds(bench, server):
    sidecar = bench.sidecar(resources=[bus_of(server)], app_id="appB")
    answer = sidecar.post('/v1.0/publish/bus/ok?metadata.custom=x&metadata.priority=3', b'{"b":1.50,"a":[1]}')
    assert answer.status == 204
    sidecar.post("/v1.0/publish/bus/ok", b"hello", [("Content-Type", "text/plain")])
    (_, first), (_, second) = server.client().xrange("ok")
    assert first["metadata"] == '{"custom":"x","priority":"3"}'
    assert first["data"].startswith('{"data":{"a":[1],"b":1.50},"datacontenttype":"application/json","id":"')
    assert json.loads(first["data"])["source"] == "appB"
    assert second["metadata"] == "{}"
    assert json.loads(second["data"])["data"] == "hello"


def test_messages_outlive_a_killed_server(bench, server):
    app = bench.app()
    app.route("/orders", reply(200))
    sidecar = bench.sidecar(app=app, app_id="appB", resources=[
        bus_of(server, processingTimeout="500ms", redeliverInterval="100ms"), subscription("s", "bus", "orders", "/orders")])
    until(lambda: server.client().exists("orders"), "the subscription")
    sent = set()
    for n in range(60):
        if n in (20, 40):
            server.kill()
            server.start()
        until(lambda: sidecar.post("/v1.0/publish/bus/orders", {"n": n}).status == 204, f"message {n}", 5)
        sent.add(n)

    def arrived():
        return {one.json["data"]["n"] for one in app.requests("/orders")}
    until(lambda: arrived() == sent, lambda: f"{sorted(sent - arrived())}")
    until(lambda: server.client().xpending("orders", "appB")["pending"] == 0, "acknowledgements")


def test_a_killed_sidecar_leaves_its_messages_to_the_next(bench, server):
    app = bench.app()
    gate = threading.Event()
    app.route("/orders", lambda request, _: gate.wait(20) and reply(200))
    given = [bus_of(server, processingTimeout="300ms", redeliverInterval="100ms"), subscription("s", "bus", "orders", "/orders")]
    first = bench.sidecar(app=app, app_id="appB", resources=given)
    mark = str(uuid.uuid4())
    assert first.post("/v1.0/publish/bus/orders", {"mark": mark}).status == 204
    app.wait_one("/orders")
    first.signal(signal.SIGKILL)
    first.wait_end()
    gate.set()
    other = bench.app()
    other.route("/orders", reply(200))
    bench.sidecar(app=other, app_id="appB", resources=given)
    assert other.wait_one("/orders").json["data"] == {"mark": mark}
    until(lambda: server.client().xpending("orders", "appB")["pending"] == 0, "the acknowledgement")


# --- Sentinels ---

@pytest.fixture
def watched():
    """A master and its replica, and a sentinel that knows them as mymaster."""
    folder = tempfile.mkdtemp(prefix="blackbox-sentinel-")
    master, replica, port = Server().start(), None, free_port()
    replica = Server("--replicaof", "127.0.0.1", str(master.port)).start()
    with open(f"{folder}/sentinel.conf", "w") as file:
        file.write(f"port {port}\nbind 127.0.0.1\ndir {folder}\n"
                   f"sentinel monitor mymaster 127.0.0.1 {master.port} 1\n"
                   "sentinel down-after-milliseconds mymaster 300\n"
                   "sentinel failover-timeout mymaster 3000\n")
    sentinel = subprocess.Popen(["redis-server", f"{folder}/sentinel.conf", "--sentinel"],
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    asked = redis.Redis(port=port, decode_responses=True)

    def knows_both():
        try:
            return asked.sentinel_slaves("mymaster") and master.client().info("replication")["connected_slaves"] == 1
        except redis.ConnectionError:
            return False
    until(knows_both, "the sentinel to know both servers", 20)
    yield master, replica, f"127.0.0.1:{port}"
    sentinel.kill()
    sentinel.wait()
    master.stop()
    replica.stop()
    shutil.rmtree(folder, ignore_errors=True)


def test_a_failover_is_followed(bench, watched):
    master, replica, sentinels = watched
    app = bench.app()
    app.route("/orders", reply(200))
    given = {"redisHost": f"127.0.0.1:1,{sentinels}", "failover": "true", "sentinelMasterName": "mymaster"}
    sidecar = bench.sidecar(app=app, app_id="appB", resources=[
        component("store", "state.redis", given), component("bus", "pubsub.redis", given),
        subscription("s", "bus", "orders", "/orders")])
    assert save(sidecar, "k", 1).status == 204
    assert master.client().hget("appB||k", "data") == "1"
    until(lambda: replica.client().hget("appB||k", "data") == "1", "the replica")
    until(lambda: replica.client().exists("orders"), "the subscription")
    master.kill()
    until(lambda: save(sidecar, "k", 2).status == 204, "the new master", 20)
    assert replica.client().hget("appB||k", "data") == "2"
    until(lambda: sidecar.post("/v1.0/publish/bus/orders", {"n": 1}).status == 204, "a publish", 5)
    assert app.wait_one("/orders").json["data"] == {"n": 1}


def test_sentinels_that_know_no_such_master_are_told(bench, watched):
    _, _, sentinels = watched
    sidecar = bench.sidecar(ready=False, resources=[component("store", "state.redis", {
        "redisHost": sentinels, "failover": "true", "sentinelMasterName": "another"})])
    assert sidecar.wait_end() != 0
    assert sidecar.logged("no sentinel of redisHost names a master 'another'")


# --- A cluster ---

@pytest.fixture
def cluster():
    servers = []
    with ExitStack() as ending:
        for _ in range(3):
            one = Server("--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", str(free_port()))
            servers.append(one.start())
            ending.callback(one.stop)
        subprocess.run(["redis-cli", "--cluster", "create", *[one.address for one in servers], "--cluster-yes"],
                       check=True, capture_output=True)

        def is_whole():
            return all(one.client().execute_command("CLUSTER INFO")["cluster_state"] == "ok" for one in servers)
        until(is_whole, "the cluster", 20)
        yield servers


def clustered(servers):
    return {"redisHost": ",".join(one.address for one in servers[:2]), "redisType": "cluster"}


def test_a_cluster_holds_each_key_where_its_slot_is(bench, cluster):
    app = bench.app()
    topics = [f"t{n}" for n in range(6)]
    for topic in topics:
        app.route(f"/{topic}", reply(200))
    sidecar = bench.sidecar(app=app, app_id="app1", resources=[
        component("store", "state.redis", clustered(cluster)), component("bus", "pubsub.redis", clustered(cluster)),
        *[subscription(topic, "bus", topic, f"/{topic}") for topic in topics]])
    for n in range(100):
        assert save(sidecar, f"k{n}", n).status == 204
    assert [sidecar.get(f"/v1.0/state/store/k{n}").json for n in range(100)] == list(range(100))
    sizes = [one.client().dbsize() for one in cluster]
    assert all(size > 10 for size in sizes), sizes
    answer = sidecar.post("/v1.0/state/store/bulk", {"keys": [f"k{n}" for n in range(100)]})
    assert sorted(one["data"] for one in answer.json) == list(range(100))
    answer = sidecar.post("/v1.0/state/store/transaction", {"operations": [
        {"operation": "upsert", "request": {"key": f"{{tag}}{n}", "value": n}} for n in range(5)]})
    assert answer.status == 204
    assert sidecar.get("/v1.0/state/store/%7Btag%7D4").json == 4
    for topic in topics:
        assert sidecar.post(f"/v1.0/publish/bus/{topic}", {"n": 1}).status == 204
        assert app.wait_one(f"/{topic}").json["data"] == {"n": 1}


MOVED = 200                     # slots that are moved at a time: the lowest of a node


def name_within(server, first, form):
    """A name whose key, of this form, is in one of the MOVED slots from the first on."""
    asked = server.client()
    return next(f"n{n}" for n in itertools.count()
                if 0 <= asked.execute_command("CLUSTER KEYSLOT", form.format(f"n{n}")) - first < MOVED)


def test_slots_that_move_are_followed(bench, cluster):
    app = bench.app()
    app.route("/orders", reply(200))
    topic = name_within(cluster[0], 0, "{}")
    sidecar = bench.sidecar(app=app, app_id="app1", resources=[
        component("store", "state.redis", clustered(cluster)), component("bus", "pubsub.redis", clustered(cluster)),
        subscription("s", "bus", topic, "/orders")])
    loads = [Load(sidecar, name_within(cluster[0], first, "app1||{}")) for first in (0, 5461, 10923)]
    for load in loads:
        load.start()
    names = [one.client().execute_command("CLUSTER MYID") for one in cluster]
    for source, target in ((0, 2), (1, 0), (2, 1)):
        subprocess.run(["redis-cli", "--cluster", "reshard", cluster[0].address, "--cluster-from", names[source],
                        "--cluster-to", names[target], "--cluster-slots", str(MOVED), "--cluster-yes"],
                       check=True, capture_output=True)
    for load in loads:
        load.end()
        assert not load.odd and not load.failures, [one.text for one in load.failures[:3]]
        assert sidecar.get(f"/v1.0/state/store/{load.key}").json == load.acknowledged
    assert cluster[1].client().exists(f"app1||{loads[0].key}") and cluster[0].client().exists(f"app1||{loads[1].key}")
    assert sidecar.post(f"/v1.0/publish/bus/{topic}", {"n": 1}).status == 204
    assert app.wait_one("/orders").json["data"] == {"n": 1}
    assert cluster[1].client().exists(topic)
    tag = "{%s}" % uuid.uuid4()
    answer = sidecar.post("/v1.0/state/store/transaction", {"operations": [
        {"operation": "upsert", "request": {"key": f"{tag}{n}", "value": n}} for n in range(5)]})
    assert answer.status == 204
