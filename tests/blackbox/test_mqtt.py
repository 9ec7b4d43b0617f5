"""pubsub.mqtt3 and bindings.mqtt3 against a real broker (contract, components 2.8 and 6.11): what is on the wire as another
client sees it, acknowledgement after the handler, sessions, lines that fail, a broker that is killed, TLS."""

import json
import os
import selectors
import shutil
import subprocess
import threading
import uuid

import pytest

from harness import broker_side
from harness.app import reply
from harness.ports import free_port, is_open
from harness.resources import component
from harness.services import Service
from harness.tap import Tap
from harness.wait import until

paho = pytest.importorskip("paho.mqtt.client")

PATIENCE = 30


class Broker(Service):
    def __init__(self):
        super().__init__("mosquitto")

    @property
    def url(self):
        return f"mqtt://{self.address}"

    def restart(self):
        """Killed, and started at the same port with what it had written."""
        done = subprocess.run([self.script, "restart", self.folder], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def broker():
    if not (shutil.which("mosquitto") or os.path.exists("/usr/sbin/mosquitto")):
        pytest.skip("mosquitto is not installed")
    made = Broker()
    yield made
    made.stop()


@pytest.fixture
def mark():
    return uuid.uuid4().hex[:8]


@pytest.fixture
def tap(broker):
    made = Tap(broker.port)
    yield made
    made.close()


class Other:
    """A client of another make."""

    def __init__(self, bench, broker, name="", clean=True):
        self.got, self.ready, self.subscribed = [], threading.Event(), threading.Event()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=name, clean_session=clean)
        self.client.on_message = lambda client, data, message: self.got.append(message)
        self.client.on_connect = lambda *_: self.ready.set()
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.client.connect("127.0.0.1", broker.port)
        self.is_ending = False
        self.runner = threading.Thread(target=self.run, daemon=True)
        self.runner.start()
        assert self.ready.wait(PATIENCE)
        bench.stack.callback(self.end)

    def run(self):
        """Its own loop uses select(), which knows no descriptor above 1023: a long run of tests has more."""
        with selectors.DefaultSelector() as ready:
            socket = self.client.socket()
            ready.register(socket, selectors.EVENT_READ)
            while not self.is_ending and self.client.socket() is socket:
                if ready.select(0.05):
                    self.client.loop_read()
                while self.client.want_write():
                    self.client.loop_write()
                self.client.loop_misc()

    def end(self):
        self.client.disconnect()
        self.is_ending = True
        self.runner.join(PATIENCE)

    def listen(self, topic, qos=1):
        self.client.subscribe(topic, qos)
        assert self.subscribed.wait(PATIENCE)
        return self

    def say(self, topic, text, qos=1, retain=False):
        info = self.client.publish(topic, text, qos, retain)
        info.wait_for_publish(PATIENCE)
        assert info.is_published()

    def await_one(self):
        return until(lambda: self.got and self.got[0], "a message", PATIENCE)


def Side(bench, url, name, topic=None, answers=None, raw=False, **metadata):
    return broker_side.Side(bench, ("pubsub.mqtt3", {"url": url, **metadata}), name, topic, answers, raw)


# --- What is on the wire ---

def test_another_client_reads_the_envelope(bench, broker, mark):
    other = Other(bench, broker).listen(mark)
    side = Side(bench, broker.url, mark)
    side.published(mark, {"b": 1.50, "a": [1]}, "?metadata.ttlInSeconds=60&metadata.custom=x")
    message = other.await_one()
    event = json.loads(message.payload)
    assert (message.topic, message.qos, message.retain) == (mark, 1, False)
    assert b'"data":{"a":[1],"b":1.5' in message.payload
    assert event["topic"] == mark and event["specversion"] == "1.0" and event["source"] == mark
    assert "expiration" in event and event["pubsubname"] == "pubsub"


def test_a_raw_payload_is_the_body(bench, broker, mark):
    other = Other(bench, broker).listen(mark)
    side = Side(bench, broker.url, mark)
    answer = side.sidecar.post(f"/v1.0/publish/pubsub/{mark}?metadata.rawPayload=true", b'{"b":1.50,"a":2}')
    assert answer.status == 204
    assert other.await_one().payload == b'{"b":1.50,"a":2}'


@pytest.mark.parametrize("option, query, kept", [
    ({}, "", False), ({}, "?metadata.retain=true", True), ({"retain": "true"}, "", True),
    ({"retain": "true"}, "?metadata.retain=0", False)])
def test_whether_a_message_is_kept(bench, broker, mark, option, query, kept):
    side = Side(bench, broker.url, mark, **option)
    side.published(mark, 1, query)
    side.published(f"{mark}/end", 1, "?metadata.retain=true")
    late = Other(bench, broker)
    late.client.subscribe([(mark, 1), (f"{mark}/end", 1)])
    until(lambda: any(m.topic.endswith("/end") for m in late.got), "what was kept", PATIENCE)
    assert any(m.topic == mark for m in late.got) == kept
    for topic in (mark, f"{mark}/end"):
        late.say(topic, b"", retain=True)


def test_a_word_that_is_no_truth_is_refused(bench, broker, mark):
    answer = Side(bench, broker.url, mark).publish(mark, 1, "?metadata.retain=yes")
    assert answer.status == 500 and answer.json["errorCode"] == "ERR_PUBSUB_PUBLISH_MESSAGE"
    assert "'retain': 'yes'" in answer.json["message"]


def test_the_app_reads_what_another_client_says(bench, broker, mark):
    other = Other(bench, broker)
    side = Side(bench, broker.url, mark, mark)
    other.say(mark, json.dumps({"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": "hello",
                                "datacontenttype": "text/plain"}))
    came = side.app.wait_one("/t", PATIENCE)
    assert came.json["data"] == "hello" and came.header("Retained") == "false"
    assert came.header("Pubsubname") == "pubsub"


def test_what_was_kept_says_so(bench, broker, mark):
    Other(bench, broker).say(mark, "kept", retain=True)
    side = Side(bench, broker.url, mark, mark, raw=True)
    came = side.app.wait_one("/t", PATIENCE)
    assert came.header("Retained") == "true" and came.json["data_base64"] == "a2VwdA=="
    Other(bench, broker).say(mark, b"", retain=True)


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_each_quality_of_service_reaches_the_other_side(bench, broker, mark, qos):
    other = Other(bench, broker).listen(mark, 2)
    side = Side(bench, broker.url, mark, mark, qos=str(qos))
    side.published(mark, "x")
    assert other.await_one().qos == qos
    side.await_all(["x"])


def test_wildcards_and_shares(bench, broker, mark):
    other = Other(bench, broker)
    one = Side(bench, broker.url, mark + "a", f"$share/g/{mark}/+/end", raw=True)
    two = Side(bench, broker.url, mark + "b", f"$share/g/{mark}/+/end", raw=True)
    rest = Side(bench, broker.url, mark + "c", f"{mark}/#", raw=True)
    for n in range(20):
        other.say(f"{mark}/{n}/end", str(n))
    other.say(f"{mark}/no", "21")
    until(lambda: len(one.app.requests("/t")) + len(two.app.requests("/t")) == 20, "twenty in two parts", PATIENCE)
    assert one.app.requests("/t") and two.app.requests("/t")
    until(lambda: len(rest.app.requests("/t")) == 21, "all of them", PATIENCE)


def test_the_metadata_lists_the_feature(bench, broker, mark):
    [made] = [one for one in Side(bench, broker.url, mark).sidecar.metadata()["components"] if one["name"] == "pubsub"]
    assert made["capabilities"] == ["SUBSCRIBE_WILDCARDS"]


# --- Sessions, and handlers that fail ---

def test_failures_stay_unacknowledged_and_drops_do_not(bench, broker, mark):
    answers = {"fail": reply(500), "retry": reply(200, b'{"status":"RETRY"}'), "drop": reply(200, b'{"status":"DROP"}'),
               "gone": reply(404), "good": reply(200)}
    side = Side(bench, broker.url, mark, mark, lambda request, sock: answers[request.json["data"]])
    for word in answers:
        side.published(mark, word)
    side.await_all(answers)
    assert sorted(side.came()) == sorted(answers)
    side.sidecar.stop()
    again = Side(bench, broker.url, mark, mark)
    again.await_all(["fail", "retry"])
    again.published(mark, "last")
    again.await_all(["last"])
    assert sorted(again.came()) == ["fail", "last", "retry"]


@pytest.mark.differs
def test_what_came_while_nobody_was_there_is_delivered(bench, broker, mark):
    Side(bench, broker.url, mark, mark).sidecar.stop()
    other = Other(bench, broker)
    for n in range(30):
        other.say(mark, json.dumps({"specversion": "1.0", "id": str(n), "source": "s", "type": "t", "data": n}))
    again = Side(bench, broker.url, mark, mark)
    again.await_all(range(30))
    assert sorted(again.came()) == list(range(30))


@pytest.mark.differs
def test_a_failed_message_comes_again_within_the_interval(bench, broker, mark):
    side = Side(bench, broker.url, mark, mark, [reply(500), reply(500), reply(200)], redeliverInterval="300ms")
    side.published(mark, 1)
    until(lambda: len(side.came()) == 3, "three deliveries", PATIENCE)
    side.published(mark, 2)
    side.await_all([2])
    assert side.came() == [1, 1, 1, 2]


def test_a_kill_in_the_middle_of_a_handler_loses_nothing(bench, broker, mark):
    arrived, go = threading.Event(), threading.Event()

    def hold(request, sock):
        arrived.set()
        go.wait(60)
        return None
    side = Side(bench, broker.url, mark, mark, hold)
    side.published(mark, "held")
    assert arrived.wait(PATIENCE)
    side.sidecar.signal(9)
    side.sidecar.process.wait(10)
    go.set()
    Side(bench, broker.url, mark, mark).await_all(["held"])


def test_a_clean_session_is_forgotten(bench, broker, mark):
    Side(bench, broker.url, mark, mark, cleanSession="true").sidecar.stop()
    other = Other(bench, broker)
    other.say(mark, json.dumps({"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": "missed"}))
    again = Side(bench, broker.url, mark, mark, cleanSession="true")
    again.published(mark, "seen")
    again.await_all(["seen"])
    assert again.came() == ["seen"]


# --- Lines and brokers that fail ---

def test_a_line_that_breaks_again_and_again_loses_nothing(bench, broker, mark, tap):
    side = Side(bench, f"mqtt://{tap.address}", mark, mark)
    for n in range(200):
        if n % 40 == 20:
            tap.reset()
        side.published(mark, n)
    side.await_all(range(200))


def test_half_an_answer_is_no_answer(bench, broker, mark, tap):
    side = Side(bench, f"mqtt://{tap.address}", mark, mark)
    tap.cut_answer(2)
    side.published(mark, "sent again")
    tap.flow()
    side.await_all(["sent again"])


def test_a_line_that_is_silent_ends_in_words(bench, broker, mark, tap):
    side = Side(bench, f"mqtt://{tap.address}", mark, mark)
    tap.stall()
    answer = side.publish(mark, "stalled")
    assert answer.status == 500 and "confirmed the message in time" in answer.json["message"]
    tap.flow()
    side.published(mark, "after")
    side.await_all(["after"])


def test_a_broker_that_is_refused_and_comes_back(bench, broker, mark, tap):
    side = Side(bench, f"mqtt://{tap.address}", mark, mark)
    tap.refuse()
    side.sidecar.wait_log("has lost its product")
    waited = []
    thread = threading.Thread(target=lambda: waited.append(side.publish(mark, "waited").status), daemon=True)
    thread.start()
    tap.open()
    thread.join(PATIENCE)
    assert waited == [204]
    side.await_all(["waited"])
    side.sidecar.wait_log("has reached its product again")


def test_a_broker_that_is_killed_under_load(bench, broker, mark):
    """Every acknowledged publication is handled."""
    side = Side(bench, broker.url, mark, mark)
    side.publishes_through_kills(mark, broker.restart, PATIENCE)


def test_two_clients_of_one_name_are_told(bench, broker, mark):
    Side(bench, broker.url, mark)
    side = Side(bench, broker.url, mark)
    side.sidecar.wait_log("is another client there with the id", PATIENCE)


# --- Starts ---

@pytest.mark.parametrize("metadata, words", [
    ({"url": "mqtt://127.0.0.1:1"}, "connection refused"), ({"url": ""}, "url"), ({"url": "http://h"}, "url: expects tcp://"),
    ({"url": "ws://h"}, "WebSocket"), ({"url": "mqtts://h", "caCert": "/a/path"}, "caCert: expects PEM"),
    ({"url": "mqtt://nobody.invalid"}, "nobody.invalid"), ({"url": "mqtt://h", "qos": "7"}, "qos")])
@pytest.mark.parametrize("type", ["pubsub.mqtt3", "pubsub.mqtt"])
def test_a_start_that_cannot_succeed_says_why(bench, metadata, words, type):
    sidecar = bench.sidecar(ready=False, resources=[component("pubsub", type, metadata)])
    assert sidecar.wait_end(20) != 0
    assert sidecar.logged(words)


def certificate(folder, name, issuer=None):
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
             folder / f"{name}.key", "-out", folder / f"{name}.crt", "-days", "2", "-subj", f"/CN={name}", "-addext",
             "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    if issuer:
        words += ["-CA", folder / f"{issuer}.crt", "-CAkey", folder / f"{issuer}.key", "-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run(words, check=True, capture_output=True)


@pytest.fixture
def guarded(bench, tmp_path):
    """A broker that wants TLS, a certificate, a user and a password."""
    certificate(tmp_path, "ca")
    certificate(tmp_path, "server", "ca")
    certificate(tmp_path, "client", "ca")
    port = free_port()
    path = os.environ["PATH"] + ":/usr/sbin"
    subprocess.run(["mosquitto_passwd", "-b", "-c", tmp_path / "users", "al@ice", "p/w:1"], check=True, capture_output=True)
    (tmp_path / "conf").write_text(
        f"listener {port} 127.0.0.1\ncafile {tmp_path}/ca.crt\ncertfile {tmp_path}/server.crt\nkeyfile {tmp_path}/server.key\n"
        f"require_certificate true\nallow_anonymous false\npassword_file {tmp_path}/users\nuser root\n")
    process = subprocess.Popen(["mosquitto", "-c", str(tmp_path / "conf")], env={"PATH": path}, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    bench.stack.callback(lambda: (process.kill(), process.wait()))
    until(lambda: is_open(port), "the broker", PATIENCE)
    return port, {name: (tmp_path / f"{name}").read_text() for name in ("ca.crt", "client.crt", "client.key")}


def test_tls_a_certificate_a_user_and_a_password(bench, broker, guarded, mark):
    port, pem = guarded
    side = Side(bench, f"mqtts://al%40ice:p%2Fw:1@localhost:{port}", mark, mark, caCert=pem["ca.crt"], clientCert=pem["client.crt"],
                clientKey=pem["client.key"])
    side.published(mark, 1)
    side.await_all([1])
    wrong = bench.sidecar(ready=False, resources=[component("pubsub", "pubsub.mqtt3", {
        "url": f"mqtts://al%40ice:secret@localhost:{port}", "caCert": pem["ca.crt"], "clientCert": pem["client.crt"],
        "clientKey": pem["client.key"]})])
    assert wrong.wait_end(20) != 0
    assert wrong.logged("MQTT broker localhost") and not wrong.logged("secret@")


# --- The binding ---

def binding(url, name, **more):
    return component("bind", "bindings.mqtt3", {"url": url, "consumerID": name, "topic": f"{name}/in", **more})


def create(sidecar, data, **metadata):
    return sidecar.post("/v1.0/bindings/bind", json.dumps({"operation": "create", "data": data, "metadata": metadata}))


def test_the_binding_says_and_hears(bench, broker, mark):
    other = Other(bench, broker).listen(f"{mark}/other")
    app = bench.app()
    app.route("/bind", reply(200))
    sidecar = bench.sidecar(app=app, app_id=mark, resources=[binding(broker.url, mark)])
    assert create(sidecar, {"n": 1}, topic=f"{mark}/other").status in (200, 204)
    assert json.loads(other.await_one().payload) == {"n": 1}
    assert create(sidecar, {"n": 2}).status in (200, 204)
    came = app.wait_for("/bind", 1, method="POST", seconds=PATIENCE)[0]
    assert came.json == {"n": 2} and came.header("Topic") == f"{mark}/in"
    assert create(sidecar, 1, topic="a/#").status == 500


def test_the_binding_delivers_again_what_failed(bench, broker, mark):
    app = bench.app()
    app.route("/bind", lambda request, sock: reply(200 if len(app.requests("/bind", "POST")) > 1 or request.method != "POST" else 500))
    sidecar = bench.sidecar(app=app, app_id=mark, resources=[binding(broker.url, mark, backOffMaxRetries="1")])
    Other(bench, broker).say(f"{mark}/in", "again")
    assert len(app.wait_for("/bind", 2, method="POST", seconds=PATIENCE)) == 2
    sidecar.assert_alive()
