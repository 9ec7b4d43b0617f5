"""How long things may take (contract 6, 1.8) where it is more than a moment: endpoints that never answer, calls and
messages that do not end with the process."""

import socket
import threading
import time

import pytest

from harness import raw
from harness.app import reply
from harness.resources import component, endpoint

pytestmark = pytest.mark.patient


def mute_server(bench):
    """Takes connections and never says a word."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=16)
    bench.stack.callback(listener.close)
    return f"127.0.0.1:{listener.getsockname()[1]}"


def full_server(bench):
    """A port whose queue is full: nobody gets a connection, and nobody is refused."""
    listener = socket.socket()
    bench.stack.callback(listener.close)
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    for _ in range(3):
        waiting = socket.socket()
        bench.stack.callback(waiting.close)
        waiting.setblocking(False)
        waiting.connect_ex(listener.getsockname())
    return f"127.0.0.1:{listener.getsockname()[1]}"


def test_an_endpoint_has_15_seconds_to_take_a_connection_and_15_for_tls(bench):
    sidecar = bench.sidecar(resources=[endpoint("full", f"http://{full_server(bench)}"),
                                       endpoint("mute", f"https://{mute_server(bench)}")])
    begun, took = time.monotonic(), {}

    def call(name):
        answer = raw.request(sidecar.http, "GET", f"/v1.0/invoke/{name}/method/x", seconds=60)
        took[name] = (time.monotonic() - begun, answer.status, answer.json["errorCode"])
    calls = [threading.Thread(target=call, args=(name,)) for name in ("full", "mute")]
    for one in calls:
        one.start()
    for one in calls:
        one.join(60)
    for name in ("full", "mute"):
        seconds, status, code = took[name]
        assert 14 < seconds < 25 and (status, code) == (500, "ERR_DIRECT_INVOKE"), took


def held_app(bench, **options):
    go_on = threading.Event()
    app = bench.app(**options)
    app.route("/held", lambda request, sock: go_on.wait(60) and None or reply(200))
    bench.stack.callback(go_on.set)
    return app


def test_calls_have_10_seconds_to_end(bench):
    app = held_app(bench)
    sidecar = bench.sidecar(app=app, flags={"dapr-graceful-shutdown-seconds": 40})
    with raw.Connection(sidecar.http) as call:
        call.send(raw.request_bytes(sidecar.http, "GET", f"/v1.0/invoke/{sidecar.app_id}/method/held"))
        app.wait_one("/held")
        begun = time.monotonic()
        sidecar.signal(15)
        call.reader.all()
        sidecar.wait_end(30)
        assert 9 < time.monotonic() - begun < 20


def test_messages_have_30_seconds_to_end(bench):
    app = held_app(bench, subscriptions=[{"pubsubname": "pubsub", "topic": "t", "route": "/held"}])
    sidecar = bench.sidecar(app=app, resources=[component("pubsub", "pubsub.in-memory")],
                            flags={"dapr-graceful-shutdown-seconds": 0})
    assert sidecar.post("/v1.0/publish/pubsub/t", b"{}").status == 204
    app.wait_one("/held")
    begun = time.monotonic()
    sidecar.signal(15)
    sidecar.wait_end(60)
    assert 29 < time.monotonic() - begun < 45
