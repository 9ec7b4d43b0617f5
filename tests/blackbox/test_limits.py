"""Limits and defaults (contract 6) that no other file shows in passing. The size of bodies and heads by flag is in
test_flags.py."""

import socket
import threading
import time

import pytest

from harness import raw
from harness.app import reply
from harness.resources import component
from harness.wait import until

STORE = component("store", "state.in-memory")


@pytest.fixture(scope="module")
def sidecar(shared):
    return shared.sidecar(resources=[STORE])


def body_of(size):
    value = b'[{"key":"k","value":"' + b"x" * (size - 24) + b'"}]'
    assert len(value) == size
    return value


def test_a_body_of_4_mebibytes_and_no_more(sidecar):
    limit = 4 << 20
    assert sidecar.post("/v1.0/state/store", body_of(limit)).status == 204
    answer = sidecar.post("/v1.0/state/store", body_of(limit + 2))
    assert (answer.status, answer.json["errorCode"]) == (400, "ERR_MALFORMED_REQUEST")
    assert answer.json["message"].endswith("stream too large")


def test_a_chunked_body_of_4_mebibytes_and_no_more(sidecar):
    def send(size):
        body = body_of(size)
        with raw.Connection(sidecar.http) as connection:
            connection.send(raw.request_bytes(sidecar.http, "POST", "/v1.0/state/store", [("Transfer-Encoding", "chunked")]) +
                            b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n")
            return connection.answer_read().status
    assert send(4 << 20) == 204
    assert send((4 << 20) + 2) == 400


def test_a_head_that_does_not_end_is_cut_after_10_seconds(sidecar):
    begun = time.monotonic()
    connections = [raw.Connection(port) for port in (sidecar.http, sidecar.public, sidecar.metrics)]
    for connection in connections:
        connection.send(b"GET /v1.0/healthz HTTP/1.1\r\nHost: x\r\n")
    for connection in connections:
        connection.reader.all()
        assert 8 < time.monotonic() - begun < 20
        connection.close()


def test_a_body_may_take_longer_than_that(sidecar):
    body = body_of(100)
    with raw.Connection(sidecar.http) as slow, raw.Connection(sidecar.http) as clock:
        slow.send(raw.request_bytes(sidecar.http, "POST", "/v1.0/state/store", [("Content-Length", "100")]) + body[:50])
        clock.send(b"GET /v1.0/healthz HTTP/1.1\r\nHost: x\r\n")
        clock.reader.all()
        slow.send(body[50:])
        assert slow.answer_read().status == 204


def mute_server(bench):
    listener = socket.create_server(("127.0.0.1", 0), backlog=16)
    bench.stack.callback(listener.close)
    return f"127.0.0.1:{listener.getsockname()[1]}"


def test_a_component_has_5_seconds_to_start(bench):
    begun = time.monotonic()
    slow = component("slow", "state.redis", {"redisHost": mute_server(bench)}, initTimeout=None)
    sidecar = bench.sidecar(ready=False, resources=[slow])
    assert sidecar.wait_end(30) == 1
    assert 4.5 < time.monotonic() - begun < 15
    assert sidecar.logged("init timeout for component slow (state.redis/v1)")


@pytest.mark.parametrize("value", [None, -1])
def test_shutting_down_may_take_5_seconds(bench, value):
    go_on = threading.Event()
    app = bench.app()
    app.route("/held", lambda request, sock: go_on.wait(60) and None or reply(200))
    bench.stack.callback(go_on.set)
    sidecar = bench.sidecar(app=app, flags={"dapr-graceful-shutdown-seconds": value})
    with raw.Connection(sidecar.http) as call:
        call.send(raw.request_bytes(sidecar.http, "GET", f"/v1.0/invoke/{sidecar.app_id}/method/held"))
        app.wait_one("/held")
        begun = time.monotonic()
        sidecar.signal(15)
        assert sidecar.wait_end(30) == 1
        assert 4.5 < time.monotonic() - begun < 15
    assert sidecar.logged("Graceful shutdown timeout exceeded, forcing shutdown")


def test_health_of_the_app_by_default(bench):
    app = bench.app()
    sidecar = bench.sidecar(app=app, flags={"enable-app-health-check": "true", "app-health-probe-interval": 0,
                                            "app-health-probe-timeout": 0, "app-health-threshold": 0})
    assert sidecar.metadata()["appConnectionProperties"]["health"] == {
        "healthCheckPath": "/healthz", "healthProbeInterval": "5s", "healthProbeTimeout": "500ms", "healthThreshold": 3}


def test_the_app_may_come_as_late_as_it_likes(bench):
    app = bench.app(start=False)
    sidecar = bench.sidecar(app=app, ready=False)
    sidecar.wait_log(f"waiting for application to listen on port {app.port}", 30)
    app.start()
    sidecar.wait_ready()
    assert sidecar.logged(f"application discovered on port {app.port}")


def test_many_connections_at_once(sidecar):
    with_all = [raw.Connection(sidecar.http) for _ in range(500)]
    try:
        for one in with_all:
            one.send(raw.request_bytes(sidecar.http, "GET", "/v1.0/healthz"))
        assert [one.answer_read().status for one in with_all] == [204] * len(with_all)
    finally:
        for one in with_all:
            one.close()


def test_many_calls_of_the_app_at_once(bench):
    app = bench.app()
    together = threading.Barrier(200)
    app.route("/hi", lambda request, sock: together.wait(60) and None or reply(200, b"hi"))
    sidecar = bench.sidecar(app=app)
    connections = [raw.Connection(sidecar.http) for _ in range(200)]
    for one in connections:
        one.send(raw.request_bytes(sidecar.http, "GET", f"/v1.0/invoke/{sidecar.app_id}/method/hi"))
    assert [one.answer_read().body for one in connections] == [b"hi"] * 200
    for one in connections:
        one.close()
    until(lambda: len(app.requests("/hi")) == 200, "all calls")
