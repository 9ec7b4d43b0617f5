"""pubsub.jetstream against a real server (contract, components 2.10 and 6.11): messages as another client sees them, consumers
as the server describes them, failures, restarts, lines that fail."""

import asyncio
import base64
import json
import os
import shutil
import signal
import ssl
import subprocess
import threading
import time
import uuid

import pytest

from harness import broker_side
from harness.app import App, reply
from harness.ports import free_port
from harness.resources import component
from harness.services import Service
from harness.tap import Tap
from harness.wait import until

nats = pytest.importorskip("nats")

PATIENCE = 30
pytestmark = pytest.mark.patient


class Server(Service):
    def __init__(self):
        super().__init__("nats")

    @property
    def url(self):
        return f"nats://{self.address}"

    def restart(self):
        done = subprocess.run([self.script, "restart", self.folder], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr

    def ask(self, what):
        """what(connection, jetstream), by a client of another make."""
        async def run():
            connection = await nats.connect(self.url)
            try:
                return await what(connection, connection.jetstream())
            finally:
                await connection.close()
        return asyncio.run(asyncio.wait_for(run(), PATIENCE))

    def stream(self, name, *subjects, **more):
        self.ask(lambda nc, js: js.add_stream(name=name, subjects=list(subjects), **more))

    def consumers(self, stream):
        return self.ask(lambda nc, js: js.consumers_info(stream))

    def last(self, stream, subject):
        return self.ask(lambda nc, js: js.get_last_msg(stream, subject))

    def say(self, subject, data):
        return self.ask(lambda nc, js: js.publish(subject, data))


@pytest.fixture(scope="module")
def server():
    if not (shutil.which("nats-server") or os.path.exists("/usr/sbin/nats-server")):
        pytest.skip("nats-server is not installed")
    made = Server()
    yield made
    made.stop()


@pytest.fixture
def mark(server):
    """Names a test's own stream, which takes MARK and all below it."""
    made = "m" + uuid.uuid4().hex[:8]
    server.stream(made, made, f"{made}.>")
    return made


@pytest.fixture
def tap(server):
    made = Tap(server.port)
    yield made
    made.close()


def Side(bench, url, app_id, topic=None, answers=None, ready=True, **metadata):
    return broker_side.Side(bench, ("pubsub.jetstream", {"natsURL": url, **metadata}), app_id, topic, answers, ready=ready)


def the_consumer(server, stream):
    return until(lambda: server.consumers(stream), "a consumer", PATIENCE)[0]


# --- Messages and consumers ---

def test_another_client_reads_the_envelope_and_its_id(bench, server, mark):
    Side(bench, server.url, mark).published(mark, {"b": 1.50}, "?metadata.cloudevent.id=own")
    message = server.last(mark, mark)
    event = json.loads(message.data)
    assert message.subject == mark and event["id"] == "own" and event["topic"] == mark
    assert message.headers == {"Nats-Msg-Id": "own"}


def test_a_raw_payload_has_no_id(bench, server, mark):
    side = Side(bench, server.url, mark)
    body = b'{"specversion":"1.0","id":"x","data":1}'
    assert side.sidecar.post(f"/v1.0/publish/pubsub/{mark}?metadata.rawPayload=true", body).status == 204
    message = server.last(mark, mark)
    assert message.data == body and not message.headers


def test_one_event_is_stored_once(bench, server, mark):
    side = Side(bench, server.url, mark)
    for _ in range(3):
        side.published(mark, 1, "?metadata.cloudevent.id=same")
    info = server.ask(lambda nc, js: js.stream_info(mark))
    assert info.state.messages == 1


def test_the_app_reads_what_another_client_says(bench, server, mark):
    server.say(f"{mark}.a", json.dumps({"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": "before"}).encode())
    side = Side(bench, server.url, mark, f"{mark}.a")
    came = side.app.wait_one("/t", PATIENCE)
    assert came.json["data"] == "before" and came.header("Topic") == f"{mark}.a"


def test_the_consumer_is_as_documented(bench, server, mark):
    Side(bench, server.url, mark, mark, ackWait="2s")
    config = the_consumer(server, mark).config
    assert config.deliver_policy == "all" and config.ack_policy == "explicit" and config.replay_policy == "instant"
    assert config.ack_wait == 2 and config.max_deliver == -1 and config.max_ack_pending == 1000
    assert config.filter_subject == mark and config.deliver_subject.startswith("_INBOX.") and not config.durable_name
    assert config.inactive_threshold == 5


def test_every_option_reaches_the_consumer(bench, server, mark):
    Side(bench, server.url, mark, mark, durableName="d1", queueGroupName="q1", deliverPolicy="new", ackPolicy="all", ackWait="3s",
         maxDeliver="7", maxAckPending="11", memoryStorage="true", replicas="1", rateLimit="1000000", heartbeat="2s",
         flowControl="true", streamName=mark, name="me")
    info = the_consumer(server, mark)
    config = info.config
    assert (info.name, config.durable_name, config.deliver_group) == ("d1", "d1", "q1")
    assert config.deliver_policy == "new" and config.ack_policy == "all" and config.ack_wait == 3
    assert (config.max_deliver, config.max_ack_pending, config.rate_limit_bps) == (7, 11, 1000000)
    assert config.idle_heartbeat == 2 and config.flow_control and config.mem_storage and config.num_replicas == 1


def test_the_pauses_reach_the_consumer(bench, server, mark):
    Side(bench, server.url, mark, mark, backOff="1s, 2500ms,5", maxDeliver="5")
    assert the_consumer(server, mark).config.backoff == [1, 2.5, 5]


@pytest.mark.parametrize("option, wanted", [
    ({"deliverPolicy": "last"}, [3, 4]), ({"deliverPolicy": "new"}, [4]),
    ({"deliverPolicy": "sequence", "startSequence": "2"}, [2, 3, 4]), ({"deliverPolicy": "time", "startTime": "1"}, [1, 2, 3, 4])])
def test_where_a_consumer_begins(bench, server, mark, option, wanted):
    publisher = Side(bench, server.url, mark + "p")
    for n in (1, 2, 3):
        publisher.published(mark, n)
    side = Side(bench, server.url, mark, mark, **option)
    publisher.published(mark, 4)
    side.await_all(wanted)
    assert side.came() == wanted


@pytest.mark.parametrize("mode, most", [({}, 1), ({"concurrency": "parallel"}, 8), ({"concurrencyMode": "parallel"}, 8)])
def test_one_at_a_time_or_many(bench, server, mark, mode, most):
    busy, worst, lock, all_there = [0], [0], threading.Lock(), threading.Event()

    def slowly(request, sock):
        with lock:
            busy[0] += 1
            worst[0] = max(worst[0], busy[0])
            if busy[0] == most:
                all_there.set()
        all_there.wait(PATIENCE)
        with lock:
            busy[0] -= 1
        return reply(200)
    side = Side(bench, server.url, mark, mark, slowly, **mode)
    for n in range(8):
        side.published(mark, n)
    side.await_all(range(8))
    assert worst[0] == most
    if most == 1:
        assert side.came() == list(range(8))


# --- Failures ---

def test_a_failed_message_comes_again_after_the_wait(bench, server, mark):
    side = Side(bench, server.url, mark, mark, [reply(500), reply(200, b'{"status":"RETRY"}'), reply(200)], ackWait="1s")
    side.published(mark, 1)
    until(lambda: len(side.came()) == 3, "three deliveries", PATIENCE)
    side.published(mark, 2)
    side.await_all([2])
    assert side.came() == [1, 1, 1, 2]


def test_drops_are_acknowledged(bench, server, mark):
    side = Side(bench, server.url, mark, mark, [reply(200, b'{"status":"DROP"}'), reply(404), reply(200)], ackWait="1s")
    for n in range(3):
        side.published(mark, n)
    side.await_all(range(3))
    until(lambda: the_consumer(server, mark).num_ack_pending == 0, "acknowledgements", PATIENCE)
    assert the_consumer(server, mark).ack_floor.stream_seq == 3 and side.came() == [0, 1, 2]


def test_deliveries_end_when_they_are_counted(bench, server, mark):
    side = Side(bench, server.url, mark, mark, lambda request, sock: reply(200 if request.json["data"] == 2 else 500), maxDeliver="3")
    side.published(mark, 1)
    until(lambda: len(side.came()) == 3, "three deliveries", PATIENCE)
    side.published(mark, 2)
    side.await_all([2])
    assert side.came() == [1, 1, 1, 2]


def test_a_durable_consumer_goes_on_where_it_was(bench, server, mark):
    side = Side(bench, server.url, mark, mark, durableName="d")
    for n in range(5):
        side.published(mark, n)
    side.await_all(range(5))
    side.sidecar.stop()
    Side(bench, server.url, mark + "p").published(mark, 5)
    again = Side(bench, server.url, mark, mark, durableName="d")
    again.await_all([5])
    assert again.came() == [5]


def test_a_kill_in_the_middle_of_a_handler_loses_nothing(bench, server, mark):
    arrived, go = threading.Event(), threading.Event()

    def hold(request, sock):
        arrived.set()
        go.wait(60)
        return None
    side = Side(bench, server.url, mark, mark, hold, durableName="d", ackWait="1s")
    side.published(mark, "held")
    assert arrived.wait(PATIENCE)
    side.sidecar.signal(9)
    side.sidecar.process.wait(10)
    go.set()
    Side(bench, server.url, mark, mark, durableName="d", ackWait="1s").await_all(["held"])


def test_what_the_app_finishes_during_a_stop_is_acknowledged(bench, server, mark):
    """Many at handlers when the subscription ends: they are acknowledged although it is gone."""
    go = threading.Event()

    def hold(request, sock):
        go.wait(60)
        return reply(200)
    options = {"durableName": "d", "concurrency": "parallel"}
    side = Side(bench, server.url, mark, mark, hold, **options)
    for n in range(50):
        side.published(mark, n)
    side.await_all(range(50))
    side.sidecar.signal(signal.SIGTERM)
    until(lambda: not the_consumer(server, mark).push_bound, "the end of the subscription", PATIENCE)
    go.set()
    assert side.sidecar.wait_end(PATIENCE) == 0
    assert the_consumer(server, mark).num_ack_pending == 0


def test_a_group_shares(bench, server, mark):
    options = {"durableName": "d", "queueGroupName": "g"}
    one, two = Side(bench, server.url, mark, mark, **options), Side(bench, server.url, mark, mark, **options)
    for n in range(40):
        one.published(mark, n)
    until(lambda: sorted(one.came() + two.came()) == list(range(40)), lambda: f"one each; {one.came()} {two.came()}", PATIENCE)
    assert one.came() and two.came()


# --- Lines and servers that fail ---

def test_a_line_that_breaks_again_and_again_loses_nothing(bench, server, mark, tap):
    side = Side(bench, f"nats://{tap.address}", mark, mark, ackWait="2s")
    kept = []
    for n in range(200):
        if n % 40 == 20:
            tap.reset()
        if side.publish(mark, n).status == 204:
            kept.append(n)
    side.published(mark, "last")
    side.await_all([*kept, "last"])
    assert len(kept) > 150


def test_a_line_that_is_silent_ends_in_words(bench, server, mark, tap):
    side = Side(bench, f"nats://{tap.address}", mark, mark)
    tap.stall()
    answer = side.publish(mark, "stalled")
    assert answer.status == 500 and "has not confirmed the message in time" in answer.json["message"]
    tap.flow()
    until(lambda: side.publish(mark, "after").status == 204, "the line to be back", PATIENCE)
    side.await_all(["after"])


def test_a_server_that_is_killed_under_load(bench, server, mark):
    """Every acknowledged publication is handled, although the consumer has no name and goes with the server."""
    side = Side(bench, server.url, mark, mark, ackWait="2s")
    side.publishes_through_kills(mark, server.restart, 60)
    side.sidecar.assert_alive()


def test_a_consumer_that_somebody_deleted_is_made_again(bench, server, mark):
    side = Side(bench, server.url, mark, mark)
    side.published(mark, 1)
    side.await_all([1])
    gone = the_consumer(server, mark).name
    server.ask(lambda nc, js: js.delete_consumer(mark, gone))
    side.published(mark, 2)
    side.await_all([2])
    assert side.came() == [1, 2]


def test_a_topic_without_a_stream_is_told(bench, server, mark):
    side = Side(bench, server.url, mark, "nobody" + mark)
    side.sidecar.wait_log("no stream takes subject")
    answer = side.publish("nobody" + mark, 1)
    assert answer.status == 500 and "no stream takes subject" in answer.json["message"]


@pytest.mark.parametrize("topic", ["a.*", "a%20b", "a..b", "a.%3E"])
def test_what_is_no_subject_is_refused(bench, server, mark, topic):
    answer = Side(bench, server.url, mark).publish(topic, 1)
    assert answer.status == 500 and "is no subject to publish to" in answer.json["message"]


@pytest.mark.parametrize("metadata, words", [
    ({"natsURL": "nats://127.0.0.1:1"}, "cannot connect to NATS"), ({"natsURL": ""}, "natsURL"), ({"jwt": "x"}, "jwt and seedKey"),
    ({"tls_client_cert": "/x"}, "tls_client_cert and tls_client_key"), ({"deliverPolicy": "sequence"}, "startSequence is required"),
    ({"deliverPolicy": "never"}, "deliverPolicy"), ({"backOff": "1s,x"}, "backOff: 'x'"), ({"domain": "a", "apiPrefix": "b"}, "exclude")])
def test_a_start_that_cannot_succeed_says_why(bench, server, metadata, words):
    sidecar = bench.sidecar(ready=False, resources=[component("pubsub", "pubsub.jetstream", {"natsURL": server.url, **metadata})])
    assert sidecar.wait_end(20) != 0
    assert sidecar.logged(words)


# --- Ways to sign in ---

class Guarded:
    """A server of its own configuration; signed in to by `options` of a client of another make."""

    def __init__(self, bench, folder, text, **options):
        self.port = free_port()
        (folder / "conf").write_text(f"listen: 127.0.0.1:{self.port}\njetstream: {{ store_dir: \"{folder}/js\" }}\n{text}")
        self.process = subprocess.Popen(["nats-server", "-c", str(folder / "conf")], stdin=subprocess.DEVNULL,
                                        stdout=open(folder / "log", "wb"), stderr=subprocess.STDOUT,
                                        env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"})
        bench.stack.callback(lambda: (self.process.kill(), self.process.wait()))

        self.options = options

        def made():
            try:
                self.ask(lambda js: js.add_stream(name="S", subjects=["t"]))
                return True
            except OSError:
                assert self.process.poll() is None, (folder / "log").read_text()
                return False
            except nats.errors.NoServersError:
                return False
        until(made, lambda: (folder / "log").read_text(), PATIENCE)

    def ask(self, what):
        async def run():
            connection = await nats.connect(self.url, allow_reconnect=False, **self.options)
            try:
                return await what(connection.jetstream())
            finally:
                await connection.close()
        return asyncio.run(asyncio.wait_for(run(), PATIENCE))

    def has_every_acknowledgement(self):
        return all(not consumer.num_ack_pending for consumer in self.ask(lambda js: js.consumers_info("S")))

    @property
    def url(self):
        return f"nats://localhost:{self.port}"


def assert_it_works(bench, guarded, **metadata):
    side = Side(bench, guarded.url, "app", "t", **metadata)
    side.published("t", 1)
    side.await_all([1])


def assert_it_is_refused(bench, guarded, secret, **metadata):
    sidecar = Side(bench, guarded.url, "app", ready=False, **metadata).sidecar
    assert sidecar.wait_end(20) != 0
    assert sidecar.logged("cannot connect to NATS") and not sidecar.logged(secret)


def test_a_token(bench, server, tmp_path):
    guarded = Guarded(bench, tmp_path, 'authorization: { token: "s3cret-token" }\n', token="s3cret-token")
    assert_it_works(bench, guarded, token="s3cret-token")
    assert_it_is_refused(bench, guarded, "wr0ng-token", token="wr0ng-token")


@pytest.mark.parametrize("more", [{}, {"durableName": "d"}, {"durableName": "d", "queueGroupName": "g"}])
def test_a_token_that_is_refused_for_a_while(bench, server, tmp_path, more):
    """libnats then closes its connection for good: there is another one, and nothing is lost."""
    guarded = Guarded(bench, tmp_path, 'authorization: { token: "s3cret-token" }\n', token="s3cret-token")
    side = Side(bench, guarded.url, "app", "t", token="s3cret-token", **more)
    side.published("t", 1)
    side.await_all([1])
    until(guarded.has_every_acknowledgement, "the acknowledgement", PATIENCE)
    text = (tmp_path / "conf").read_text()
    (tmp_path / "conf").write_text(text.replace("s3cret-token", "another"))
    guarded.process.send_signal(signal.SIGHUP)
    until(lambda: side.sidecar.logged("refused to let us sign in"), "the end of the connection", PATIENCE)
    assert side.publish("t", 2).status == 500
    (tmp_path / "conf").write_text(text)
    guarded.process.send_signal(signal.SIGHUP)
    until(lambda: side.publish("t", 3).status == 204, "another connection", PATIENCE)
    side.await_all([3])
    side.published("t", 4)
    side.await_all([4])
    assert side.came().count(1) == side.came().count(4) == 1


def certificate(folder, name, issuer=None):
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
             folder / f"{name}.key", "-out", folder / f"{name}.crt", "-days", "2", "-subj", f"/CN={name}", "-addext",
             "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    if issuer:
        words += ["-CA", folder / f"{issuer}.crt", "-CAkey", folder / f"{issuer}.key", "-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run(words, check=True, capture_output=True)


def test_a_certificate(bench, server, tmp_path):
    certificate(tmp_path, "ca")
    certificate(tmp_path, "server", "ca")
    certificate(tmp_path, "client", "ca")
    context = ssl.create_default_context(cafile=tmp_path / "ca.crt")
    context.load_cert_chain(tmp_path / "client.crt", tmp_path / "client.key")
    guarded = Guarded(bench, tmp_path, f'tls: {{ cert_file: "{tmp_path}/server.crt", key_file: "{tmp_path}/server.key", '
                      f'ca_file: "{tmp_path}/ca.crt", verify: true }}\n', tls=context)
    app = App(subscriptions=[{"pubsubname": "pubsub", "topic": "t", "route": "/t"}])
    app.route("/t", reply(200))
    app.start()
    bench.stack.callback(app.stop)
    sidecar = bench.sidecar(app=app, env={"SSL_CERT_FILE": str(tmp_path / "ca.crt")}, resources=[
        component("pubsub", "pubsub.jetstream", {"natsURL": guarded.url, "tls_client_cert": str(tmp_path / "client.crt"),
                                                 "tls_client_key": str(tmp_path / "client.key")})])
    assert sidecar.post("/v1.0/publish/pubsub/t", b"1").status == 204
    app.wait_one("/t", PATIENCE)


def signed(claims, subject, signer):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")
    body = {"jti": uuid.uuid4().hex, "iat": int(time.time()), "iss": signer.public_key.decode(), "sub": subject.public_key.decode(),
            "name": "n", "nats": {"version": 2, **claims}}
    text = part({"typ": "JWT", "alg": "ed25519-nkey"}) + b"." + part(body)
    return (text + b"." + base64.urlsafe_b64encode(signer.sign(text)).rstrip(b"=")).decode()


def test_a_user_of_an_account(bench, server, tmp_path):
    nkeys = pytest.importorskip("nkeys")
    seeds = {name: nkeys.encode_seed(os.urandom(32), prefix) for name, prefix in (
        ("operator", nkeys.PREFIX_BYTE_OPERATOR), ("account", nkeys.PREFIX_BYTE_ACCOUNT), ("system", nkeys.PREFIX_BYTE_ACCOUNT),
        ("user", nkeys.PREFIX_BYTE_USER), ("stranger", nkeys.PREFIX_BYTE_USER))}
    pairs = {name: nkeys.from_seed(bytearray(seed)) for name, seed in seeds.items()}
    limits = {"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": True, "conn": -1, "leaf": -1,
              "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}
    account = signed({"type": "account", "limits": limits}, pairs["account"], pairs["operator"])
    system = signed({"type": "account", "limits": {**limits, "mem_storage": 0, "disk_storage": 0}}, pairs["system"], pairs["operator"])
    user = signed({"type": "user", "subs": -1, "data": -1, "payload": -1}, pairs["user"], pairs["account"])
    names = {name: pair.public_key.decode() for name, pair in pairs.items()}
    operator = signed({"type": "operator", "system_account": names["system"]}, pairs["operator"], pairs["operator"])
    guarded = Guarded(bench, tmp_path, f"operator: {operator}\nsystem_account: {names['system']}\nresolver: MEMORY\nresolver_preload: {{\n"
                      f"{names['account']}: {account}\n{names['system']}: {system}\n}}\n",
                      user_jwt_cb=lambda: user.encode(), signature_cb=lambda nonce: base64.b64encode(pairs["user"].sign(nonce.encode())))
    assert_it_works(bench, guarded, jwt=user, seedKey=seeds["user"].decode())
    assert_it_is_refused(bench, guarded, seeds["stranger"].decode(), jwt=user, seedKey=seeds["stranger"].decode())
