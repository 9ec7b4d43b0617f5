"""The channel to the app (contract 5.1, 5.2, 5.11): its protocols, what every call carries, how many at once, and the
questions of the start. What invocation and topics add stands in their own files."""

import socket
import ssl
import subprocess
import threading
import time

import h2.config
import h2.connection
import h2.events
import pytest

from harness import raw
from harness.app import App, json_reply, raw_reply, reply
from harness.ports import free_port
from harness.resources import component
from harness.wait import until

PUBSUB = component("pubsub", "pubsub.in-memory")
SUBSCRIBED = [{"pubsubname": "pubsub", "topic": "orders", "route": "/orders"}]


def invoke(sidecar, path, **options):
    return raw.request(sidecar.http, options.pop("method", "GET"), f"/v1.0/invoke/{sidecar.app_id}/method{path}", **options)


def publish(sidecar, body=b"{}"):
    assert sidecar.post("/v1.0/publish/pubsub/orders", body).status == 204


def publish_until_heard(sidecar, heard, body=b"{}"):
    """With health checks a sidecar is ready before the app has been asked, and in memory nobody keeps a message till then."""
    until(lambda: publish(sidecar, body) or heard("/orders"), "a delivery")


# --- What a call looks like ---

def test_the_question_for_the_configuration(bench):
    app = bench.app()
    sidecar = bench.sidecar(app=app)
    question = app.wait_one("/dapr/config")
    assert (question.method, question.target, question.version, question.body) == ("GET", "/dapr/config", "HTTP/1.1", b"")
    assert dict(question.headers) == {"Host": f"127.0.0.1:{app.port}", "User-Agent": "Go-http-client/1.1",
                                      "Content-Type": "application/json", "Dapr-App-Id": sidecar.app_id,
                                      "Accept-Encoding": "gzip"}
    sidecar.wait_log("Application configuration loaded")


@pytest.mark.parametrize("token", [None, "for-the-app"])
def test_the_apps_token_is_on_every_call_but_the_probes(bench, token):
    app = bench.app(subscriptions=SUBSCRIBED)
    for path in ("/hi", "/orders"):
        app.route(path, reply(200))
    sidecar = bench.sidecar(app=app, resources=[PUBSUB], env={"APP_API_TOKEN": token} if token else {}, flags={
        "enable-app-health-check": "true", "app-health-probe-interval": 1})
    app.wait_one("/dapr/subscribe")
    invoke(sidecar, "/hi")
    publish_until_heard(sidecar, app.requests)
    for path in ("/dapr/config", "/dapr/subscribe", "/hi", "/orders"):
        assert app.wait_one(path).header("dapr-api-token") == token, path
    assert app.wait_one("/healthz").header("dapr-api-token") is None


def test_connections_are_kept(bench):
    app = bench.app()
    sockets = set()
    app.route("/hi", lambda request, sock: sockets.add(sock.fileno()) or reply(200, b"hi"))
    sidecar = bench.sidecar(app=app, flags={"app-health-probe-interval": 1})
    for _ in range(30):
        assert invoke(sidecar, "/hi").status == 200
    assert len(sockets) <= 4


def test_only_so_many_idle_ones_are_kept(bench):
    app = bench.app()
    together = threading.Barrier(100)
    app.route("/hi", lambda request, sock: together.wait(30) and None or reply(200, b"hi"))
    sidecar = bench.sidecar(app=app)
    calls = [threading.Thread(target=invoke, args=(sidecar, "/hi")) for _ in range(100)]
    for one in calls:
        one.start()
    for one in calls:
        one.join(30)
    assert len(app.requests("/hi")) == 100
    until(lambda: len(app.sockets) <= 64, lambda: f"at most 64 idle connections, there are {len(app.sockets)}")


def test_a_redirect_of_a_topics_route_is_not_followed(bench):
    app = bench.app(subscriptions=SUBSCRIBED)
    app.route("/orders", reply(302, headers=[("Location", "/elsewhere")]))
    sidecar = bench.sidecar(app=app, resources=[PUBSUB])
    publish(sidecar, b"1")
    publish(sidecar, b"2")
    app.wait_for("/orders", 2)
    assert not app.requests("/elsewhere")


# --- Protocols ---

@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Signed by itself and for another name: it is not looked at."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=somebody.else", "-keyout", "key.pem", "-out", "cert.pem"], cwd=folder, check=True,
                   capture_output=True)
    return folder


class SecureApp(App):
    def __init__(self, folder, **options):
        super().__init__(**options)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "cert.pem", folder / "key.pem")

    def _serve(self, sock):
        try:
            sock = self.context.wrap_socket(sock, server_side=True)
        except (OSError, ssl.SSLError):
            return sock.close()
        super()._serve(sock)


def test_https_without_looking_at_the_certificate(bench, certificate):
    app = SecureApp(certificate, subscriptions=SUBSCRIBED)
    bench.stack.callback(app.stop)
    app.route("/hi", reply(200, b"hello"))
    app.route("/orders", reply(200))
    app.route("/big", lambda request, sock: reply(200, request.body))
    sidecar = bench.sidecar(app=app.start(), resources=[PUBSUB], flags={
        "app-protocol": "https", "enable-app-health-check": "true", "app-health-probe-interval": 1})
    sidecar.wait_log("App entered healthy status")
    app.wait_one("/dapr/subscribe")
    assert invoke(sidecar, "/hi").body == b"hello"
    body = bytes(range(256)) * 4096
    assert invoke(sidecar, "/big", method="POST", body=body).body == body
    publish_until_heard(sidecar, app.requests, b'{"a":1}')
    assert app.wait_one("/orders").json["data"] == {"a": 1}
    assert sidecar.logged("application protocol: https. waiting on port ")


class PlainApp(App):
    """Ends a connection that does not begin as HTTP does."""

    def _serve(self, sock):
        if sock.recv(1, socket.MSG_PEEK) not in (b"G", b"P"):
            return sock.close()
        super()._serve(sock)


def test_https_to_an_app_that_speaks_none(bench):
    app = PlainApp()
    bench.stack.callback(app.stop)
    sidecar = bench.sidecar(app=app.start(), ready=False, flags={"app-protocol": "https"})
    until(sidecar.is_outbound_ready, "outbound health")
    assert sidecar.status_of("/v1.0/healthz") == 500
    assert invoke(sidecar, "/hi").json["errorCode"] == "ERR_DIRECT_INVOKE"
    assert not app.requests()


class MultiplexedApp:
    """An app that speaks HTTP/2 at once and nothing else; echoes bodies."""

    def __init__(self):
        self.port = free_port()
        self.seen, self.first_bytes, self.connections = [], [], 0
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        connection.initiate_connection()
        streams, first = {}, True
        while data := _read(sock):
            if first:
                self.first_bytes.append(data[:24])
                self.connections += 1
                sock.sendall(connection.data_to_send())
                first = False
            for event in connection.receive_data(data):
                self._take(connection, streams, event)
            sock.sendall(connection.data_to_send())

    def _take(self, connection, streams, event):
        if isinstance(event, h2.events.RequestReceived):
            streams[event.stream_id] = (dict(event.headers), bytearray())
        elif isinstance(event, h2.events.DataReceived):
            streams[event.stream_id][1].extend(event.data)
            connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            headers, body = streams.pop(event.stream_id)
            self.seen.append((headers, bytes(body)))
            found = headers[":path"].partition("?")[0]
            answer = b'[{"pubsubname":"pubsub","topic":"orders","route":"/orders"}]' if found == "/dapr/subscribe" else bytes(body)
            connection.send_headers(event.stream_id, [(":status", "200"), ("content-type", "a/b"), ("x-two", "2")])
            connection.send_data(event.stream_id, answer, end_stream=True)

    def requests(self, path):
        return [one for one in self.seen if one[0][":path"] == path]

    def wait_for(self, path):
        return until(lambda: self.requests(path), f"{path} at the app")


def _read(sock):
    try:
        return sock.recv(65536)
    except OSError:
        return b""


def test_h2c_at_once(bench):
    app = MultiplexedApp()
    bench.stack.callback(app.stop)
    sidecar = bench.sidecar(app=app, resources=[PUBSUB], flags={
        "app-protocol": "h2c", "enable-app-health-check": "true", "app-health-probe-interval": 1})
    app.wait_for("/dapr/subscribe")
    answer = invoke(sidecar, "/hi?q=1", method="POST", body=b"hello", headers=[("X-Custom", "v")])
    assert (answer.status, answer.body) == (200, b"hello")
    assert answer.header("X-Two") == "2" and answer.header("Content-Type") == "a/b"
    (headers, body), = app.wait_for("/hi?q=1")
    assert headers[":method"] == "POST" and headers["x-custom"] == "v" and body == b"hello"
    publish_until_heard(sidecar, app.requests, b'{"a":1}')
    app.wait_for("/healthz")
    assert set(app.first_bytes) == {b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}


def test_calls_share_a_connection_of_h2c(bench):
    app = MultiplexedApp()
    bench.stack.callback(app.stop)
    sidecar = bench.sidecar(app=app, flags={"app-protocol": "h2c"})
    for number in range(30):
        assert invoke(sidecar, f"/{number}", method="POST", body=b"x").body == b"x"
    assert app.connections <= 8


# --- Answers that are not what they say ---

def test_a_switch_of_protocols_is_handed_on_as_the_status(bench):
    app = bench.app()
    app.route("/up", raw_reply(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"))
    sidecar = bench.sidecar(app=app)
    with raw.Connection(sidecar.http) as connection:
        connection.send(raw.request_bytes(sidecar.http, "GET", f"/v1.0/invoke/{sidecar.app_id}/method/up"))
        assert connection.head_read().status == 101


@pytest.mark.parametrize("status", [200, 404])
def test_what_follows_the_said_length_is_not_the_answers(bench, status):
    app = bench.app()
    app.route("/short", raw_reply(b"HTTP/1.1 %d X\r\nContent-Length: 3\r\nContent-Type: a/b\r\n\r\nabcdef" % status))
    app.route("/next", reply(200, b"next"))
    sidecar = bench.sidecar(app=app)
    answer = invoke(sidecar, "/short")
    assert (answer.status, answer.body) == (status, b"abc")
    assert answer.header("Content-Length") in (None, "3")
    assert invoke(sidecar, "/next").body == b"next"


# --- How many at once ---

def test_a_slot_is_held_until_the_answer_is_read(bench):
    go_on = threading.Event()

    def half(request, sock):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
        go_on.wait(30)
        sock.sendall(b"def")

    app = bench.app()
    app.route("/half", half)
    app.route("/next", reply(200, b"next"))
    sidecar = bench.sidecar(app=app, flags={"app-max-concurrency": 1})
    with raw.Connection(sidecar.http) as first:
        first.send(raw.request_bytes(sidecar.http, "GET", f"/v1.0/invoke/{sidecar.app_id}/method/half"))
        first.head_read()
        answers = []
        second = threading.Thread(target=lambda: answers.append(invoke(sidecar, "/next")))
        second.start()
        sidecar.post("/v1.0/metadata")
        assert not app.requests("/next")
        go_on.set()
        second.join(30)
    assert answers[0].body == b"next"


def test_probes_need_no_slot(bench):
    go_on = threading.Event()
    app = bench.app()
    app.route("/held", lambda request, sock: go_on.wait(60) and None or reply(200))
    sidecar = bench.sidecar(app=app, flags={"app-max-concurrency": 1, "enable-app-health-check": "true",
                                            "app-health-probe-interval": 1, "app-health-threshold": 1})
    bench.stack.callback(go_on.set)
    sidecar.wait_log("App entered healthy status")
    answers = []
    held = threading.Thread(target=lambda: answers.append(invoke(sidecar, "/held").status))
    app.wait_one("/dapr/config")
    held.start()
    app.wait_one("/held")
    app.wait_for("/healthz", len(app.requests("/healthz")) + 2)
    assert not sidecar.logged("App entered un-healthy status")
    go_on.set()
    held.join(30)
    assert answers == [200]


# --- The configuration of the app ---

@pytest.mark.parametrize("answer", [reply(404), reply(500, b"no"), reply(204), reply(200, b""), json_reply({}),
                                    reply(200, b"{nonsense"), json_reply([1])], ids=range(7))
def test_whatever_the_app_answers_the_start_goes_on(bench, answer):
    app = bench.app()
    app.route("/dapr/config", answer)
    sidecar = bench.sidecar(app=app)
    assert len(app.requests("/dapr/config")) == 1
    assert sidecar.is_ready()


def test_a_configuration_that_is_no_json_is_told(bench):
    app = bench.app()
    app.route("/dapr/config", reply(200, b"{nonsense"))
    sidecar = bench.sidecar(app=app)
    assert [line for line in sidecar.log() if "level=warning" in line and "app" in line and "config" in line]


def test_an_app_that_closes_instead_of_answering(bench):
    app = bench.app()
    app.route("/dapr/config", lambda request, sock: None)
    assert bench.sidecar(app=app).is_ready()


def test_ready_means_that_the_app_was_asked(bench):
    go_on = threading.Event()
    bench.stack.callback(go_on.set)
    app = bench.app()
    app.route("/dapr/config", lambda request, sock: go_on.wait(60) and None or json_reply({}))
    sidecar = bench.sidecar(app=app, ready=False)
    app.wait_one("/dapr/config")
    assert sidecar.status_of("/v1.0/healthz") == 500
    assert sidecar.status_of("/v1.0/healthz/outbound") == 204
    go_on.set()
    sidecar.wait_ready()


# --- Health ---

PROBED = {"enable-app-health-check": "true", "app-health-probe-interval": 1, "app-health-threshold": 2}


def test_the_first_probe_comes_at_once_and_readiness_does_not_wait_for_it(bench):
    app = bench.app()
    app.route("/healthz", reply(503))
    sidecar = bench.sidecar(app=app, flags={**PROBED, "app-health-probe-interval": 60})
    app.wait_one("/healthz")
    assert sidecar.is_ready() and not app.requests("/dapr/config")
    assert not sidecar.logged("App entered healthy status")


@pytest.mark.parametrize("status, is_healthy", [(200, True), (204, True), (299, True), (301, False), (404, False), (500, False)])
def test_any_2xx_is_healthy(bench, status, is_healthy):
    app = bench.app()
    app.route("/healthz", reply(status))
    sidecar = bench.sidecar(app=app, flags=PROBED)
    app.wait_for("/healthz", 2)
    if is_healthy:
        sidecar.wait_log("App entered healthy status")
    else:
        assert not sidecar.logged("App entered healthy status")


def test_failures_add_up_although_successes_lie_between(bench):
    app = bench.app()
    app.route("/healthz", [reply(200), reply(503), reply(200), reply(503), reply(200)])
    sidecar = bench.sidecar(app=app, flags=PROBED)
    sidecar.wait_log("App entered healthy status", count=2)
    assert len(sidecar.logged("App entered un-healthy status: ")) == 1
    assert len(app.requests("/healthz")) >= 5
    app.wait_for("/dapr/config", 2)


def test_probes_keep_their_distance(bench):
    app = bench.app()
    times = []
    app.route("/healthz", lambda request, sock: times.append(time.monotonic()) or reply(200))
    bench.sidecar(app=app, flags=PROBED)
    app.wait_for("/healthz", 3)
    assert times[2] - times[0] > 1.7


def test_a_path_for_probes_may_carry_a_query(bench):
    app = bench.app()
    app.route("/alive", reply(200))
    sidecar = bench.sidecar(app=app, flags={**PROBED, "app-health-check-path": "/alive?deep=1"})
    sidecar.wait_log("App entered healthy status")
    assert app.wait_one("/alive").target == "/alive?deep=1"
