"""Service invocation of another app, by way of its sidecar (contract 4.2, 8.2, A13 to A15)."""

import os
import signal
import threading
import time

import pytest

from harness import raw
from harness.app import raw_reply, reply
from harness.errors import assert_error
from harness.metrics import value
from harness.raw import Connection
from harness.streams import LAST_CHUNK, StreamApp, body_pieces, chunk, memory_kb, peak_forget, pieces
from harness.wait import until

ZERO = "00-00000000000000000000000000000000-0000000000000000-00"


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """A resolver that the file's sidecars share and no other."""
    return str(tmp_path_factory.mktemp("names") / "names.db")


def resolver(path, **more):
    return {"nameResolution": {"component": "sqlite", "version": "v1",
                               "configuration": {"connectionString": path, **more}}}


@pytest.fixture(scope="module")
def app(shared):
    made = shared.app()
    made.otherwise = reply(200, b"ok", [("Content-Type", "text/plain")])
    made.route("/hello", reply(200, b'{"hi":"there"}', [("Content-Type", "application/json"), ("X-App", "1")]))
    made.route("/missing", reply(404, b"nope"))
    return made


@pytest.fixture(scope="module")
def caller(shared, names):
    return shared.sidecar(app_id="caller", config=resolver(names))


@pytest.fixture(scope="module")
def callee(shared, app, names):
    return shared.sidecar(app_id="callee", app=app, config=resolver(names))


@pytest.fixture(autouse=True)
def fresh(app, callee):
    app.forget()


def call(caller, method="GET", path="/hello", headers=(), body=None, target="callee"):
    return caller.request(method, f"/v1.0/invoke/{target}/method{path}", headers, body)


def assert_failed(answer, target, why, status=500):
    assert_error(answer, status, "ERR_DIRECT_INVOKE", f"failed to invoke, id: {target}, err: {why}")


# ------------------------------------------------------------------------------- the exchange
@pytest.mark.quick
def test_another_app(caller, callee, app):
    answer = call(caller, headers=[("X-Custom", "v")])
    assert (answer.status, answer.body) == (200, b'{"hi":"there"}')
    assert answer.names == ["Content-Type", "Traceparent", "X-App", "Date", "Transfer-Encoding"]
    seen = app.wait_one("/hello")
    host = seen.header("X-Forwarded-Host")
    address = seen.header("X-Forwarded-For")
    assert sorted(seen.headers) == sorted([
        ("Host", f"127.0.0.1:{app.port}"), ("User-Agent", "Go-http-client/1.1"),
        ("Dapr-Callee-App-Id", "callee"), ("Dapr-Caller-App-Id", "caller"), ("Dapr-Caller-Namespace", "default"),
        ("Forwarded", f"for={address};by={address};host={host}"), ("Traceparent", ZERO), ("X-Custom", "v"),
        ("X-Forwarded-For", address), ("X-Forwarded-Host", host), ("Accept-Encoding", "gzip")])


def test_not_found_without_a_type(caller):
    answer = call(caller, path="/missing")
    assert (answer.status, answer.body) == (404, b"nope")
    assert answer.names == ["Content-Length", "Content-Type", "Traceparent", "Date"] or \
        sorted(answer.names) == sorted(["Content-Length", "Content-Type", "Traceparent", "Date"])
    assert answer.header("Content-Type") == "application/json"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("body", [None, b"body"])
def test_verbs_and_bodies(caller, app, method, body):
    assert call(caller, method, "/verb?x=1&y", [("Content-Type", "a/b")], body).body == b"ok"
    seen = app.wait_one("/verb")
    assert (seen.method, seen.target, seen.body) == (method, "/verb?x=1&y", body or b"")
    assert seen.header("Content-Type") == "a/b"
    if body:
        assert seen.header("Content-Length") == "4"
    else:
        has_none = method in ("GET", "DELETE", "OPTIONS")
        assert seen.header("Transfer-Encoding") == (None if has_none else "chunked")


def test_head(caller, app):
    answer = call(caller, "HEAD")
    assert (answer.status, answer.header("X-App"), answer.body) == (200, "1", b"")
    assert app.wait_one("/hello").method == "HEAD"


def test_other_verbs_are_post_and_connect_is_none(caller, app):
    assert call(caller, "FOO", "/verb").status == 200
    assert app.wait_one("/verb").method == "POST"
    assert_failed(call(caller, "CONNECT", "/verb"), "callee",
                  "rpc error: code = Internal desc = error invoking app channel: "
                  "rpc error: code = InvalidArgument desc = invalid HTTP verb")


@pytest.mark.parametrize("path,target", [("/a%20b", "/a%20b"), ("//foo/", "/foo"), ("/admin%2F..%2Fpublic", "/public"),
                                         ("/%2541", "/%41"), ("/", "/"), ("/%C3%A4", "/%C3%A4")])
def test_methods(caller, app, path, target):
    assert call(caller, path=path).status == 200
    assert app.requests()[0].target == target


def test_a_bad_method_goes_nowhere(caller, app):
    assert_failed(call(caller, path="/a%3Fb"), "callee", "rpc error: code = InvalidArgument desc = "
                  'invalid method: method contains forbidden character: "a?b"')
    answer = call(caller, path="/a%25b")
    assert answer.status == 500
    assert answer.json["message"].endswith(
        "rpc error: code = Internal desc = error invoking app channel: "
        f'parse "http://127.0.0.1:{app.port}/a%b": invalid URL escape "%b"')


@pytest.mark.parametrize("target", ["callee.default", "callee"])
def test_namespaces(caller, app, target):
    assert call(caller, target=target).status == 200
    assert app.wait_one("/hello").header("dapr-callee-app-id") == "callee"


def test_the_header_form(caller, app):
    assert caller.get("/deep/path?q=1", [("dapr-app-id", "callee")]).status == 200
    assert app.wait_one("/deep/path").query == "q=1"


# ------------------------------------------------------------------------------------ headers
def test_headers_pass_or_stay(caller, app):
    app.route("/h", reply(200, b"x", [("Content-Type", "a/b"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"),
                                      ("Connection", "X-Named"), ("X-Named", "gone"), ("K-Bin", "eA=="),
                                      ("grpc-foo", "g"), ("dapr-app-id", "x"), ("Date", "yesterday")]))
    answer = call(caller, path="/h", headers=[
        ("Connection", "close, X-Mine"), ("X-Mine", "gone"), ("TE", "trailers"), ("X-Kept", "1"), ("X-Kept", "2"),
        ("dapr-callee-app-id", "forged"), ("X-Forwarded-For", "9.9.9.9"), ("grpc-bar", "g"), ("baggage", "k=v"),
        ("Authorization", "Bearer x"), ("dapr-api-token", "mine"), ("X-Bin-Bin", "eA==")])
    seen = app.wait_one("/h")
    assert seen.values("X-Kept") == ["1", "2"] and not seen.values("X-Mine") and not seen.values("TE")
    assert sorted(seen.values("dapr-callee-app-id")) == ["callee", "forged"]
    assert len(seen.values("X-Forwarded-For")) == 2 and "9.9.9.9" in seen.values("X-Forwarded-For")
    assert seen.header("Dapr-Grpc-Bar") == "g" and seen.header("baggage") == "k=v"
    assert seen.header("Authorization") == "Bearer x" and seen.header("dapr-api-token") == "mine"
    assert not seen.values("X-Bin-Bin") and not seen.values("destination-app-id")
    assert answer.values("Set-Cookie") == ["a=1", "b=2"] and answer.header("Date") == "yesterday"
    assert answer.header("Dapr-Grpc-Foo") == "g" and answer.header("dapr-app-id") == "x"
    assert not answer.values("X-Named") and not answer.values("K-Bin")


def test_trace_context_passes_both_sidecars(caller, app):
    value = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = call(caller, headers=[("traceparent", value), ("tracestate", "a=b")])
    seen = app.wait_one("/hello")
    assert seen.header("traceparent") == value and seen.header("tracestate") == "a=b"
    assert answer.header("traceparent") == value


def test_only_the_callees_token_is_sent(bench, names):
    app = bench.app()
    app.otherwise = reply(200, b"x")
    bench.sidecar(app_id="with-token", app=app, config=resolver(names), env={"APP_API_TOKEN": "callee's"})
    other = bench.app()
    other.otherwise = reply(200, b"x")
    bench.sidecar(app_id="without-token", app=other, config=resolver(names))
    caller = bench.sidecar(app_id="token-caller", config=resolver(names), env={"APP_API_TOKEN": "caller's"})
    assert call(caller, path="/t", target="with-token", headers=[("dapr-api-token", "client's")]).status == 200
    assert app.wait_one("/t").header("dapr-api-token") == "callee's"
    assert call(caller, path="/t", target="without-token").status == 200
    assert not other.wait_one("/t").values("dapr-api-token")


# ------------------------------------------------------------------------------------ answers
@pytest.mark.parametrize("status", [200, 201, 301, 304, 204, 400, 418, 500, 599])
@pytest.mark.parametrize("body", [b"", b"body"])
def test_statuses(caller, app, status, body):
    if status in (204, 304) and body:
        pytest.skip("has no body")
    app.route("/s", reply(status, body, [("Location", "/x"), ("Content-Type", "a/b")]))
    answer = call(caller, path="/s")
    assert (answer.status, answer.body) == (status, body)
    if status in (204, 304):
        assert not answer.values("Content-Length") and not answer.values("Transfer-Encoding")
    elif status >= 400 or not body:
        assert answer.header("Content-Length") == str(len(body))
    else:
        assert answer.header("Transfer-Encoding") == "chunked"
    assert len(app.requests("/s")) == 1


@pytest.mark.parametrize("body,type", [(b"{}", "text/plain; charset=utf-8"), (b"<p>x", "text/html; charset=utf-8"), (b"", None)])
def test_a_missing_type_is_sniffed(caller, app, body, type):
    app.route("/s", reply(200, body))
    assert call(caller, path="/s").header("Content-Type") == type


@pytest.mark.parametrize("size", [1, 2048, 2049, 32768, 32769, 262144, 262145, 1000000])
def test_bodies_of_all_sizes_stay_exact(caller, app, size):
    app.route("/echo", lambda request, sock: reply(200, request.body, [("Content-Type", "a/b")]))
    body = os.urandom(size)
    assert call(caller, "POST", "/echo", (), body).body == body
    assert app.wait_one("/echo").header("Content-Length") == str(size)


def test_chunked_bodies_stay_chunked(caller, app):
    app.route("/echo", lambda request, sock: reply(200, request.body, [("Content-Type", "a/b")]))
    with Connection(caller.http) as c:
        c.send(b"POST /v1.0/invoke/callee/method/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
               chunk(b"abc") + chunk(b"def") + LAST_CHUNK)
        assert c.answer_read().body == b"abcdef"
    assert app.wait_one("/echo").chunked


def test_an_error_of_a_chunked_call_is_streamed(caller, app):
    app.route("/fails", reply(500, b"why", [("Content-Type", "a/b")]))
    with Connection(caller.http) as c:
        c.send(b"POST /v1.0/invoke/callee/method/fails HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
               chunk(b"abc") + LAST_CHUNK)
        answer = c.answer_read()
    assert (answer.status, answer.body, answer.header("Transfer-Encoding")) == (500, b"why", "chunked")
    assert len(app.requests("/fails")) == 1


# ----------------------------------------------------------------------------------- failures
def test_nobody_has_that_name(caller):
    begin = time.monotonic()
    assert_failed(call(caller, target="ghost", path="/x"), "ghost", "no host found with the given ID")
    assert time.monotonic() - begin < 2


def test_the_peer_has_no_app(bench, caller, names):
    bench.sidecar(app_id="bare", config=resolver(names))
    assert_failed(call(caller, target="bare"), "bare", "rpc error: code = Internal desc = app channel is not initialized")


def test_the_app_closes_without_an_answer(caller, app):
    app.route("/p", raw_reply(b""))
    assert_failed(call(caller, path="/p"), "callee", "rpc error: code = Internal desc = error invoking app channel: "
                  f'Get "http://127.0.0.1:{app.port}/p": EOF')


def test_the_app_is_gone(bench, caller, names):
    app = bench.app()
    bench.sidecar(app_id="lonely", app=app, config=resolver(names))
    app.stop()
    answer = call(caller, "POST", target="lonely", path="/x")
    assert answer.status == 500
    message = answer.json["message"]
    assert message.startswith("failed to invoke, id: lonely, err: rpc error: code = Internal desc = error invoking app "
                              f'channel: Post "http://127.0.0.1:{app.port}/x": ')
    assert message.endswith("connect: connection refused")


def test_the_app_dies_inside_its_answer(caller, app):
    app.route("/p", raw_reply(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nContent-Type: a/b\r\n\r\nsome"))
    answer = call(caller, path="/p")
    assert answer.status == 200 and answer.cut and answer.body == b"some"


def test_an_unhealthy_app(bench, caller, names):
    app = bench.app()
    app.route("/healthz", reply(500))
    bench.sidecar(app_id="ill", app=app, config=resolver(names), flags={
        "enable-app-health-check": "true", "app-health-probe-interval": 1, "app-health-threshold": 1,
        "app-health-probe-timeout": 500})
    assert_failed(call(caller, target="ill"), "ill", "rpc error: code = Internal desc = app is not in a healthy state")


def test_the_peer_is_not_there(bench, names, caller):
    """Its row is fresh, its port is silent: three waits of a second, then the sentence."""
    app = bench.app()
    peer = bench.sidecar(app_id="killed", app=app, config=resolver(names))
    peer.process.kill()
    peer.process.wait()
    begin = time.monotonic()
    answer = call(caller, target="killed")
    took = time.monotonic() - begin
    assert answer.status == 500
    assert answer.json["message"].startswith(
        "failed to invoke, id: killed, err: failed to invoke target killed after 3 retries. "
        "Error: rpc error: code = Unavailable desc = ") or answer.json["message"].endswith(
        "no host found with the given ID")
    assert took > 2.5


def test_a_call_survives_that_the_peer_comes_back(bench, names, caller):
    app = bench.app()
    app.otherwise = reply(200, b"back", [("Content-Type", "a/b")])
    peer = bench.sidecar(app_id="returns", app=app, config=resolver(names))
    assert call(caller, "POST", "/x", (), b"1", "returns").status == 200
    peer.process.kill()
    peer.process.wait()
    answers = []
    calling = threading.Thread(target=lambda: answers.append(call(caller, "POST", "/y", (), b"kept", "returns")))
    calling.start()
    peer.start()
    calling.join(30)
    assert answers[0].status == 200 and app.requests("/y")[-1].body == b"kept"


@pytest.mark.parametrize("way", ["answer", "request"])
def test_the_peer_dies_inside_a_body(bench, names, caller, way):
    begun, stay = threading.Event(), threading.Event()

    def handle(request, sock, reader):
        if way == "answer":
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"some"))
        begun.set()
        stay.wait(30)

    app = StreamApp(handle).start()
    peer = bench.sidecar(app_id=f"dies-{way}", app=app, config=resolver(names))
    with Connection(caller.http) as c:
        c.send(f"POST /v1.0/invoke/dies-{way}/method/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode() +
               chunk(b"piece"))
        assert begun.wait(10)
        if way == "answer":
            assert c.head_read().status == 200
            c.reader.until(b"some\r\n")
        peer.process.kill()
        if way == "answer":
            assert c.at_end()
        else:
            answer = c.answer_read()
            assert answer.status == 500 and answer.json["errorCode"] == "ERR_DIRECT_INVOKE"
            assert answer.json["message"].startswith(
                f"failed to invoke, id: dies-{way}, err: rpc error: code = Unavailable desc = ")
    stay.set()
    app.stop()


def test_a_client_that_leaves_ends_the_apps_call(bench, names, caller):
    ended = threading.Event()

    def handle(request, sock, reader):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"x"))
        while reader.fill():
            pass
        ended.set()

    app = StreamApp(handle).start()
    bench.sidecar(app_id="left", app=app, config=resolver(names))
    with Connection(caller.http) as c:
        c.send(raw.request_bytes(caller.http, "GET", "/v1.0/invoke/left/method/s"))
        c.head_read()
    assert ended.wait(10)
    app.stop()


def test_a_running_call_is_finished_when_the_peer_is_told_to_stop(bench, names, caller):
    begun, go_on = threading.Event(), threading.Event()

    def handle(request, sock, reader):
        begun.set()
        assert go_on.wait(20)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 4\r\n\r\nlate")

    app = StreamApp(handle).start()
    peer = bench.sidecar(app_id="stops", app=app, config=resolver(names))
    answers = []
    calling = threading.Thread(target=lambda: answers.append(call(caller, path="/x", target="stops")))
    calling.start()
    assert begun.wait(10)
    peer.signal(signal.SIGTERM)
    peer.wait_log("beginning shutdown")
    go_on.set()
    calling.join(20)
    assert (answers[0].status, answers[0].body) == (200, b"late")
    assert peer.wait_end() == 0
    app.stop()


# ---------------------------------------------------------------------------------- streaming
def test_both_ways_at_once(bench, names, caller):
    def handle(request, sock, reader):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in body_pieces(request, reader):
            sock.sendall(chunk(piece.upper()))
        sock.sendall(LAST_CHUNK)

    app = StreamApp(handle).start()
    bench.sidecar(app_id="duplex", app=app, config=resolver(names))
    with Connection(caller.http) as c:
        c.send(b"POST /v1.0/invoke/duplex/method/s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"one"))
        assert c.head_read().status == 200
        assert c.reader.until(b"ONE\r\n") == b"3\r\n"
        c.send(chunk(b"two") + LAST_CHUNK)
        assert c.reader.until(b"0\r\n\r\n") == b"3\r\nTWO\r\n"
    app.stop()


def test_events_pass_two_sidecars(bench, names, caller):
    go_on = threading.Event()

    def handle(request, sock, reader):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        assert go_on.wait(30)
        sock.sendall(b"data: 2\n\n")

    app = StreamApp(handle).start()
    bench.sidecar(app_id="events", app=app, config=resolver(names))
    with Connection(caller.http) as c:
        c.send(raw.request_bytes(caller.http, "GET", "/v1.0/invoke/events/method/s", [("Accept", "text/event-stream")]))
        head = c.head_read()
        assert head.header("Content-Type") == "text/event-stream" and head.header("Cache-Control") == "no-cache"
        assert head.header("Connection") == "keep-alive"
        c.reader.until(b"data: 1\n\n\r\n")
        go_on.set()
        c.reader.until(b"data: 2\n\n\r\n0\r\n\r\n")
    app.stop()


@pytest.mark.differs
def test_a_refused_event_stream_keeps_its_status(caller, app):
    app.route("/refused", reply(403, b"no", [("Content-Type", "a/b")]))
    answer = call(caller, path="/refused", headers=[("Accept", "text/event-stream")])
    assert (answer.status, answer.body, answer.header("Content-Type")) == (403, b"no", "a/b")


@pytest.mark.figures
@pytest.mark.parametrize("length", ["known", "chunked"])
def test_64_megabytes_both_ways_in_constant_memory(bench, names, length):
    total = 64 << 20

    def handle(request, sock, reader):
        got = sum(len(piece) for piece in body_pieces(request, reader))
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nX-Got: %d\r\nContent-Length: %d\r\n\r\n" % (got, total))
        for piece in pieces(total):
            sock.sendall(piece)

    app = StreamApp(handle).start()
    flags = {"max-body-size": "0"}
    peers = [bench.sidecar(app_id=f"big-{length}", app=app, config=resolver(names), flags=flags),
             bench.sidecar(app_id=f"big-{length}-caller", config=resolver(names), flags=flags)]
    for one in peers:
        peak_forget(one.process.pid)
    before = [memory_kb(one.process.pid)[0] for one in peers]
    with Connection(peers[1].http) as c:
        framing = f"Content-Length: {total}" if length == "known" else "Transfer-Encoding: chunked"
        c.send(f"POST /v1.0/invoke/big-{length}/method/s HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n".encode())
        for piece in pieces(total):
            c.send(piece if length == "known" else chunk(piece))
        if length == "chunked":
            c.send(LAST_CHUNK)
        head = c.head_read()
        assert head.header("X-Got") == str(total)
        assert sum(len(piece) for piece in body_pieces(head, c.reader)) == total
    for one, begin in zip(peers, before):
        assert memory_kb(one.process.pid)[1] - begin < 8 << 10
    app.stop()


@pytest.mark.figures
@pytest.mark.parametrize("way", ["up", "down"])
def test_a_slow_reader_stops_the_sender(bench, names, way):
    """Whoever does not read is not written to: what is on its way stays below a few windows."""
    sent, go_on, done = [0], threading.Event(), threading.Event()
    total = 64 << 20

    def handle(request, sock, reader):
        if way == "up":
            assert go_on.wait(30)
            assert sum(len(piece) for piece in body_pieces(request, reader)) == total
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        else:
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: %d\r\n\r\n" % total)
            for piece in pieces(total):
                sock.sendall(piece)
                sent[0] += len(piece)

    def still():
        before = sent[0]
        time.sleep(0.3)                     # the only way to see that nothing happens
        return before and before == sent[0]

    def upload(c):
        for piece in pieces(total):
            c.send(piece)
            sent[0] += len(piece)
        done.set()

    app = StreamApp(handle).start()
    flags = {"max-body-size": "0"}
    bench.sidecar(app_id=f"slow-{way}", app=app, config=resolver(names), flags=flags)
    caller = bench.sidecar(app_id=f"slow-{way}-caller", config=resolver(names), flags=flags)
    with Connection(caller.http) as c:
        length = total if way == "up" else 0
        c.send(f"POST /v1.0/invoke/slow-{way}/method/s HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode())
        if way == "up":
            threading.Thread(target=upload, args=(c,), daemon=True).start()
        until(still, "the sender to pause", 20)
        assert sent[0] < 32 << 20
        go_on.set()
        head = c.head_read()
        assert head.status == 200
        if way == "down":
            assert sum(len(piece) for piece in body_pieces(head, c.reader)) == total
        else:
            assert done.wait(10)
    app.stop()


# ------------------------------------------------------------------------------------ metrics
def test_calls_are_counted_at_both_ends(caller, callee):
    for path in ("/hello", "/hello", "/missing"):
        call(caller, path=path)

    def counted():
        name = "dapr_runtime_service_invocation_"
        sent = value(caller, name + "req_sent_total", app_id="caller", dst_app_id="callee", type="unary")
        found = value(caller, name + "res_recv_total", app_id="caller", src_app_id="callee", status="404", type="unary")
        took = value(caller, name + "res_recv_latency_ms_count", app_id="caller", src_app_id="callee", status="404")
        asked = value(callee, name + "req_recv_total", app_id="callee", src_app_id="caller")
        answered = value(callee, name + "res_sent_total", app_id="callee", dst_app_id="caller", status="404")
        return all((sent, found, took, asked, answered)) and min(sent, asked) >= 3
    until(counted, "the metrics of both")


# -------------------------------------------------------------------------------- many of them
def test_several_instances_share_the_calls(bench, names, caller):
    apps = [bench.app() for _ in range(3)]
    for one in apps:
        one.otherwise = reply(200, b"x")
        bench.sidecar(app_id="many", app=one, config=resolver(names))
    for _ in range(60):
        assert call(caller, target="many", path="/x").status == 200
    counts = [len(one.requests("/x")) for one in apps]
    assert sum(counts) == 60 and min(counts) > 0


def test_many_calls_at_once(caller, app):
    answers = []

    def some():
        with Connection(caller.http) as c:
            for n in range(20):
                answer = c.request("POST", "/v1.0/invoke/callee/method/echo2", (), b"%d" % n)
                answers.append(answer.body == b"%d" % n and answer.status == 200)

    app.route("/echo2", lambda request, sock: reply(200, request.body, [("Content-Type", "a/b")]))
    threads = [threading.Thread(target=some) for _ in range(40)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(answers) == 800 and all(answers)
