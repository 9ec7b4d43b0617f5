"""Service invocation of the own app (contract 4.2, 5.1, 8.1, 8.2, A12, A15, A16)."""

import base64
import gzip
import subprocess
import threading

import pytest

from harness import raw
from harness.app import reply, raw_reply
from harness.errors import assert_error
from harness.raw import Connection
from harness.streams import LAST_CHUNK, StreamApp, body_pieces, chunk, memory_kb, peak_forget, pieces

ZERO = "00-00000000000000000000000000000000-0000000000000000-00"
NO_TARGET = "failed getting app id either from the URL path or the header dapr-app-id"
HOP_BY_HOP = [("Keep-Alive", "5"), ("Proxy-Connection", "x"), ("TE", "trailers"), ("Trailer", "x"),
              ("Proxy-Authorization", "x"), ("X-Named", "gone"), ("X-Bin-Bin", "eA=="),
              ("destination-app-id", "x")]


@pytest.fixture(scope="module")
def app(shared):
    made = shared.app()
    made.route("/hello", reply(200, b'{"hi":"there"}', [("Content-Type", "application/json"), ("X-App", "1")]))
    made.otherwise = reply(200, b"ok", [("Content-Type", "text/plain")])
    return made


@pytest.fixture(scope="module")
def sidecar(shared, app):
    return shared.sidecar(app=app)


@pytest.fixture(autouse=True)
def fresh(request):
    if "app" in request.fixturenames:
        request.getfixturevalue("app").forget()


def call(sidecar, method="GET", path="/hello", headers=(), body=None):
    return sidecar.request(method, f"/v1.0/invoke/{sidecar.app_id}/method{path}", headers, body)


def assert_failed(answer, target, why, status=500):
    assert_error(answer, status, "ERR_DIRECT_INVOKE", f"failed to invoke, id: {target}, err: {why}")


# ------------------------------------------------------------------------------- the exchange
@pytest.mark.quick
def test_own_app(sidecar, app):
    answer = call(sidecar, "POST", "/hello?q=1", [("Content-Type", "application/json"), ("X-Custom", "v")],
                  b'{"n":1}')
    assert (answer.status, answer.reason, answer.body) == (200, "OK", b'{"hi":"there"}')
    assert answer.names == ["Content-Type", "Traceparent", "X-App", "Date", "Transfer-Encoding"]
    assert answer.header("Traceparent") == ZERO
    seen = app.wait_one("/hello")
    assert (seen.method, seen.target, seen.body) == ("POST", "/hello?q=1", b'{"n":1}')
    assert sorted(seen.headers) == sorted([
        ("Host", f"127.0.0.1:{app.port}"), ("User-Agent", "Go-http-client/1.1"), ("Content-Length", "7"),
        ("Content-Type", "application/json"), ("Traceparent", ZERO), ("X-Custom", "v"),
        ("Accept-Encoding", "gzip")])


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_verbs(sidecar, app, method):
    answer = call(sidecar, method, "/verb")
    assert (answer.status, answer.body) == (200, b"ok")
    assert app.wait_one("/verb").method == method


def test_head(sidecar, app):
    answer = call(sidecar, "HEAD", "/hello")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.header("X-App") == "1" and not answer.values("Content-Length")
    seen = app.wait_one("/hello")
    assert seen.method == "HEAD" and not seen.values("Accept-Encoding")


@pytest.mark.parametrize("method", ["PROPFIND", "FOO"])
def test_other_verbs_arrive_as_post(sidecar, app, method):
    assert call(sidecar, method, "/verb").status == 200
    assert app.wait_one("/verb").method == "POST"


def test_connect_is_no_verb(sidecar, app):
    assert_failed(call(sidecar, "CONNECT", "/verb"), sidecar.app_id,
                  "rpc error: code = InvalidArgument desc = invalid HTTP verb")
    assert not app.requests("/verb")


# --------------------------------------------------------------------------------- addressing
@pytest.mark.parametrize("path", ["/v1.0////invoke/{id}/method/foo", "/v1.0/invoke/{id}/method//foo",
                                  "/v1.0/invoke/{id}/method/foo/", "/v1.0/invoke/{id}/method/a/../foo",
                                  "/v1.0/invoke/{id}/method/a%2F..%2Ffoo", "/v1.0/invoke/{id}.default/method/foo",
                                  "/v1.0/invoke/{id}/method/../foo"])
def test_paths_that_mean_foo(sidecar, app, path):
    assert sidecar.get(path.format(id=sidecar.app_id)).status == 200
    assert app.wait_one("/foo").target == "/foo"


@pytest.mark.parametrize("path,target", [("/", "/"), ("", "/"), ("///foo", "/foo"), ("/foo?a=b", "/foo?a=b")])
def test_the_header_form(sidecar, app, path, target):
    answer = sidecar.get(path or "/", [("dapr-app-id", sidecar.app_id)])
    assert answer.status == 200
    seen = app.requests()[0]
    assert seen.target == target and not seen.values("dapr-app-id")


def test_the_header_wins_over_the_path(sidecar, app):
    path = "/v1.0/invoke/other/method/x"
    assert sidecar.get(path, [("dapr-app-id", sidecar.app_id)]).status == 200
    assert app.wait_one(path).target == path


def test_an_api_route_wins_over_the_header(sidecar, app):
    assert sidecar.get("/v1.0/metadata", [("dapr-app-id", sidecar.app_id)]).json["id"] == sidecar.app_id
    assert not app.requests()


def test_basic_authorization_names_the_target(sidecar, app):
    value = "Basic " + base64.b64encode(f"DAPR-APP-ID:{sidecar.app_id}".encode()).decode()
    assert sidecar.get("/basic", [("Authorization", value)]).status == 200
    assert app.wait_one("/basic").header("Authorization") == value


@pytest.mark.parametrize("path", ["/v1.0/nothing", "/v1.0/invoke/app", "/v1.0/invoke/app/", "/v1.0/invoke/app/foo",
                                  "/v1.0/invoke/app/method", "/v1.0/invoke/app/method?x=1", "/",
                                  "/v1.0/state/s/a/b"])
@pytest.mark.parametrize("headers", [(), (("dapr-app-id", ""),), (("Authorization", "Basic eDp5"),)])
def test_no_target(sidecar, path, headers):
    answer = sidecar.get(path, headers)
    assert_error(answer, 404, "ERR_DIRECT_INVOKE", NO_TARGET)
    assert answer.names == ["Content-Type", "Traceparent", "Date", "Content-Length"]
    assert answer.header("Content-Length") == "118"


@pytest.mark.parametrize("method", ["HEAD", "TRACE", "FOO"])
def test_odd_verbs_on_api_paths_have_no_target(sidecar, method):
    answer = sidecar.request(method, "/v1.0/metadata")
    assert answer.status == 404 and answer.header("Content-Length") == "118"


@pytest.mark.parametrize("target,why", [("a.b.c", "invalid app id a.b.c"), ("x.y.z.w", "invalid app id x.y.z.w")])
def test_more_than_one_dot(sidecar, target, why):
    assert_failed(sidecar.get(f"/v1.0/invoke/{target}/method/x"), target, why)


# ------------------------------------------------------------------------------------ methods
@pytest.mark.parametrize("escaped,arrives", [
    ("a%20b", "/a%20b"), ("%22", "/%22"), ("%2A", "/%2A"), ("*", "/%2A"), ("%5C", "/%5C"), ("%7Bx%7D", "/%7Bx%7D"),
    ("%7C", "/%7C"), ("%C3%A4", "/%C3%A4"), ("a+b", "/a+b"), ("a;b:c@d", "/a;b:c@d"), ("a%2Fb", "/a/b"),
    ("%2541", "/%41"), ("..", "/"), (".", "/")])
def test_escapes(sidecar, app, escaped, arrives):
    assert call(sidecar, "GET", "/" + escaped).status == 200
    assert app.requests()[0].target == arrives


@pytest.mark.parametrize("escaped,why", [
    ("x%3Fy", 'method contains forbidden character: "x?y"'),
    ("x%23y", 'method contains forbidden character: "x#y"'),
    ("x%00y", 'method contains forbidden character: "x\\x00y"'),
    ("x%0Dy", 'method contains control character at position 1: "x\\ry"'),
    ("x%7F", 'method contains control character at position 1: "x\\x7f"')])
def test_forbidden_characters(sidecar, app, escaped, why):
    assert_failed(call(sidecar, "GET", "/" + escaped), sidecar.app_id,
                  f"rpc error: code = InvalidArgument desc = invalid method: {why}")
    assert not app.requests()


def test_a_percent_that_is_no_escape(sidecar, app):
    assert_failed(call(sidecar, "GET", "/a%25b"), sidecar.app_id,
                  f'parse "http://127.0.0.1:{app.port}/a%b": invalid URL escape "%b"')


@pytest.mark.parametrize("query", ["a=b", "x", "a=%zz", "a=1&a=2&b", "q=a+b%20c"])
def test_queries_pass_as_they_are(sidecar, app, query):
    assert call(sidecar, "GET", f"/q?{query}").status == 200
    assert app.wait_one("/q").query == query


# ------------------------------------------------------------------------------------ headers
def test_hop_by_hop_lines_stay(sidecar, app):
    lines = [("Connection", "keep-alive, X-Named"), *HOP_BY_HOP, ("X-Kept", "1"), ("X-Kept", "2"),
             ("grpc-foo", "g"), ("Cookie", "c=1"), ("dapr-api-token", "mine")]
    assert call(sidecar, "GET", "/h", lines).status == 200
    seen = app.wait_one("/h")
    for name, _ in HOP_BY_HOP:
        assert not seen.values(name), name
    assert not seen.values("Connection") and not seen.values("grpc-foo")
    assert seen.values("X-Kept") == ["1", "2"]
    assert seen.header("Dapr-Grpc-Foo") == "g"
    assert seen.header("Cookie") == "c=1" and seen.header("dapr-api-token") == "mine"


def test_expect_is_answered_and_passed_on(sidecar, app):
    with Connection(sidecar.http) as c:
        c.send(raw.request_bytes(sidecar.http, "POST", f"/v1.0/invoke/{sidecar.app_id}/method/h",
                                 [("Expect", "100-continue"), ("Content-Length", "2")]))
        assert c.head_read().status == 100
        c.send(b"ok")
        assert c.answer_read().status == 200
    assert app.wait_one("/h").header("Expect") == "100-continue"


def test_identity_lines_of_the_client_pass_and_none_is_added(sidecar, app):
    assert call(sidecar, "GET", "/h", [("X-Forwarded-For", "9.9.9.9"), ("dapr-caller-app-id", "me")]).status == 200
    seen = app.wait_one("/h")
    assert seen.header("X-Forwarded-For") == "9.9.9.9" and seen.header("dapr-caller-app-id") == "me"
    assert not seen.values("X-Forwarded-Host") and not seen.values("Forwarded")


def test_no_content_type_is_invented(sidecar, app):
    call(sidecar, "POST", "/h", [("User-Agent", "mine"), ("Accept-Encoding", "br")], b"x")
    seen = app.wait_one("/h")
    assert not seen.values("Content-Type")
    assert seen.header("User-Agent") == "mine" and seen.header("Accept-Encoding") == "br"


@pytest.mark.parametrize("value", ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "nonsense"])
def test_the_trace_parent_is_passed_on(sidecar, app, value):
    answer = call(sidecar, "GET", "/h", [("traceparent", value)])
    assert app.wait_one("/h").header("traceparent") == value
    assert answer.header("traceparent") == (value if value[0] == "0" else ZERO)


@pytest.mark.parametrize("method,framing", [("POST", "chunked"), ("PUT", "chunked"), ("PATCH", "chunked"),
                                            ("GET", None), ("DELETE", None), ("OPTIONS", None)])
@pytest.mark.parametrize("body", [None, b""])
def test_empty_bodies(sidecar, app, method, framing, body):
    assert call(sidecar, method, "/e", (), body).status == 200
    seen = app.wait_one("/e")
    assert seen.body == b"" and not seen.values("Content-Length")
    assert seen.header("Transfer-Encoding") == framing


def test_a_chunked_body_of_nothing_is_none_for_get(sidecar, app):
    for method, framing in (("GET", None), ("POST", "chunked")):
        app.forget()
        with Connection(sidecar.http) as c:
            c.send(f"{method} /v1.0/invoke/{sidecar.app_id}/method/e HTTP/1.1\r\nHost: x\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode())
            assert c.answer_read().status == 200
        assert app.wait_one("/e").header("Transfer-Encoding") == framing


def test_get_with_a_body_keeps_its_length(sidecar, app):
    assert call(sidecar, "GET", "/e", (), b"abc").status == 200
    assert app.wait_one("/e").header("Content-Length") == "3"


@pytest.mark.parametrize("body", [b"null", b"", b"false", b"0", b'""', b"\x00\xff" * 100])
def test_bodies_stay_byte_exact_both_ways(sidecar, app, body):
    app.route("/echo", lambda request, sock: reply(200, request.body))
    answer = call(sidecar, "POST", "/echo", (), body)
    assert answer.body == body
    assert app.wait_one("/echo").body == body


# ------------------------------------------------------------------------------------ answers
def test_headers_of_the_answer(sidecar, app):
    app.route("/a", reply(200, b"x", [
        ("Content-Type", "text/odd"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Date", "yesterday"),
        ("Server", "mine"), ("dapr-app-id", "x"), ("Connection", "X-Named"), ("X-Named", "gone"),
        ("Proxy-Authenticate", "x"), ("K-Bin", "eA=="), ("grpc-foo", "g"), ("traceparent", "theirs")]))
    answer = call(sidecar, "GET", "/a")
    assert answer.values("Set-Cookie") == ["a=1", "b=2"]
    assert answer.header("Date") == "yesterday" and answer.header("Server") == "mine"
    assert answer.header("dapr-app-id") == "x" and answer.header("Dapr-Grpc-Foo") == "g"
    assert answer.header("Traceparent") == "theirs"
    for name in ("X-Named", "Proxy-Authenticate", "K-Bin", "grpc-foo", "Connection"):
        assert not answer.values(name), name


@pytest.mark.parametrize("status", [200, 201, 202, 206, 301, 302, 307])
def test_small_statuses_are_chunked(sidecar, app, status):
    app.route("/s", reply(status, b"body", [("Content-Type", "a/b"), ("Location", "/elsewhere")]))
    answer = call(sidecar, "GET", "/s")
    assert (answer.status, answer.body, answer.header("Location")) == (status, b"body", "/elsewhere")
    assert answer.header("Transfer-Encoding") == "chunked" and not answer.values("Content-Length")
    assert len(app.requests("/s")) == 1


@pytest.mark.parametrize("status", [200, 302])
@pytest.mark.parametrize("how", ["length", "chunked"])
def test_small_statuses_without_a_body(sidecar, app, status, how):
    if how == "length":
        app.route("/s", reply(status, b"", [("Content-Type", "a/b")]))
    else:
        app.route("/s", raw_reply(f"HTTP/1.1 {status} X\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  "0\r\n\r\n".encode()))
    answer = call(sidecar, "GET", "/s")
    assert (answer.status, answer.body, answer.header("Content-Length")) == (status, b"", "0")
    assert answer.header("Content-Type") == "a/b"


@pytest.mark.parametrize("status", [204, 304])
def test_bodiless_statuses(sidecar, app, status):
    app.route("/s", reply(status, b"", [("Content-Type", "a/b"), ("X-App", "1")]))
    answer = call(sidecar, "GET", "/s")
    assert answer.status == status and answer.header("X-App") == "1"
    assert not answer.values("Content-Length") and not answer.values("Transfer-Encoding")
    assert answer.values("Content-Type") == (["a/b"] if status == 204 else [])


@pytest.mark.parametrize("status,reason", [(400, "Bad Request"), (404, "Not Found"), (418, "I'm a teapot"),
                                           (500, "Internal Server Error"), (503, "Service Unavailable"),
                                           (599, "status code 599")])
@pytest.mark.parametrize("body", [b"nope", b""])
def test_large_statuses_have_a_length(sidecar, app, status, reason, body):
    app.route("/s", reply(status, body))
    answer = call(sidecar, "GET", "/s")
    assert (answer.status, answer.reason, answer.body) == (status, reason, body)
    assert answer.header("Content-Length") == str(len(body))
    assert answer.header("Content-Type") == "application/json"


@pytest.mark.parametrize("body,type", [(b'{"a":1}', "text/plain; charset=utf-8"), (b"<html>", "text/html; charset=utf-8"),
                                       (b"\x89PNG\r\n\x1a\n", "image/png"), (b"", None)])
def test_a_missing_type_is_sniffed(sidecar, app, body, type):
    app.route("/s", reply(200, body))
    assert call(sidecar, "GET", "/s").header("Content-Type") == type


def test_gzip_that_only_we_asked_for(sidecar, app):
    app.route("/z", reply(200, gzip.compress(b"plain" * 1000), [("Content-Encoding", "gzip"), ("Content-Type", "a/b")]))
    answer = call(sidecar, "GET", "/z")
    assert answer.body == b"plain" * 1000 and not answer.values("Content-Encoding")
    answer = call(sidecar, "GET", "/z", [("Accept-Encoding", "gzip")])
    assert gzip.decompress(answer.body) == b"plain" * 1000 and answer.header("Content-Encoding") == "gzip"


@pytest.mark.figures
def test_what_was_packed_is_unpacked_as_it_is_read(bench):
    """256 KiB of gzip may be 256 MB: who does not read must not make the sidecar hold them."""
    plain = 128 << 20
    app = bench.app()
    app.route("/z", reply(200, gzip.compress(bytes(plain), 9), [("Content-Encoding", "gzip"), ("Content-Type", "a/b")]))
    sidecar = bench.sidecar(app=app)
    assert call(sidecar, "GET", "/other").status
    peak_forget(sidecar.process.pid)
    before = memory_kb(sidecar.process.pid)[0]
    with Connection(sidecar.http) as reader:
        reader.send(f"GET /v1.0/invoke/{sidecar.app_id}/method/z HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        for _ in range(100):
            assert sidecar.is_ready()
        assert sum(len(piece) for piece in body_pieces(reader.head_read(), reader.reader)) == plain
    assert memory_kb(sidecar.process.pid)[1] - before < 8 << 10


def test_gzip_that_breaks_off_is_no_whole_answer(sidecar, app):
    packed = gzip.compress(bytes(range(256)) * 40)
    app.route("/z", reply(200, packed[:-12], [("Content-Encoding", "gzip"), ("Content-Type", "a/b")]))
    assert call(sidecar, "GET", "/z").cut
    assert sidecar.is_ready()


def test_interim_answers_are_skipped(sidecar, app):
    app.route("/i", raw_reply(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                              b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: a/b\r\n\r\nok"))
    answer = call(sidecar, "GET", "/i")
    assert (answer.status, answer.body) == (200, b"ok")


def test_switching_protocols_is_handed_back(sidecar, app):
    app.route("/i", raw_reply(b"HTTP/1.1 101 Switching Protocols\r\nX-App: 1\r\n\r\n"))
    answer = call(sidecar, "GET", "/i")
    assert (answer.status, answer.body, answer.header("X-App")) == (101, b"", "1")


# ------------------------------------------------------------------------------------ the log
def test_the_log_names_the_target_alone(bench, app):
    sidecar = bench.sidecar(app=app, config={"logging": {"apiLogging": {"enabled": True, "obfuscateURLs": True}}})
    call(sidecar, "GET", "/private/thing?secret=1")
    line = sidecar.wait_log(f"InvokeService/{sidecar.app_id}")[0]
    assert "private" not in line and "secret" not in line
    sidecar.get("/hidden/path", [("dapr-app-id", "other")])
    line = sidecar.wait_log("InvokeService/other")[0]
    assert "hidden" not in line


def test_the_log_names_the_path(sidecar):
    call(sidecar, "GET", "/seen/in/the/log")
    sidecar.wait_log(f'GET /v1.0/invoke/{sidecar.app_id}/method/seen/in/the/log')


# ----------------------------------------------------------------------------------- failures
@pytest.mark.parametrize("method,word", [("GET", "Get"), ("POST", "Post")])
def test_the_app_closes_without_an_answer(sidecar, app, method, word):
    app.route("/p", raw_reply(b""))
    assert_failed(call(sidecar, method, "/p"), sidecar.app_id, f'{word} "http://127.0.0.1:{app.port}/p": EOF')


def test_the_app_dies_inside_its_answer(sidecar, app):
    app.route("/p", raw_reply(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nContent-Type: a/b\r\n\r\nsome"))
    answer = call(sidecar, "GET", "/p")
    assert answer.status == 200 and answer.cut
    app.route("/p", raw_reply(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: a/b\r\n\r\n4\r\nsome\r\n"))
    answer = call(sidecar, "GET", "/p")
    assert answer.cut and answer.body == b"some"


def test_no_app_channel(bench):
    sidecar = bench.sidecar()
    assert_failed(call(sidecar), sidecar.app_id, "cannot invoke local endpoint: app channel not initialized")


def test_the_body_limit(bench, app):
    sidecar = bench.sidecar(app=app, flags={"max-body-size": "1k"})
    answer = call(sidecar, "POST", "/big", (), b"x" * 4096)
    assert answer.status == 500 and answer.json["errorCode"] == "ERR_DIRECT_INVOKE"
    assert answer.json["message"].endswith(": stream too large")
    with Connection(sidecar.http) as c:
        c.send(f"POST /v1.0/invoke/{sidecar.app_id}/method/big HTTP/1.1\r\nHost: x\r\n"
               "Transfer-Encoding: chunked\r\n\r\n".encode() + chunk(b"x" * 4096) + LAST_CHUNK)
        answer = c.answer_read()
    assert answer.status == 500 and answer.json["message"].endswith(": stream too large")
    assert call(sidecar, "POST", "/big", (), b"x" * 1000).status == 200


def test_the_apps_token_replaces_the_clients(bench, app):
    sidecar = bench.sidecar(app=app, env={"APP_API_TOKEN": "secret"})
    assert call(sidecar, "GET", "/t", [("dapr-api-token", "mine")]).status == 200
    assert app.wait_one("/t").header("dapr-api-token") == "secret"


def test_the_api_token_never_reaches_the_app(bench, app):
    sidecar = bench.sidecar(app=app, env={"DAPR_API_TOKEN": "door"})
    assert call(sidecar, "GET", "/t", [("dapr-api-token", "door")]).status == 200
    assert not app.wait_one("/t").values("dapr-api-token")
    answer = call(sidecar, "GET", "/t")
    assert (answer.status, answer.body) == (401, b"invalid api token\n")


def test_an_invoke_api_that_is_not_allowed(bench, app):
    sidecar = bench.sidecar(app=app, config={"api": {"allowed": [{"name": "state", "version": "v1", "protocol": "http"}]}})
    answer = call(sidecar)
    assert (answer.status, answer.body) == (404, b"404 page not found\n")
    assert answer.header("Content-Type") == "text/plain; charset=utf-8"
    assert answer.header("X-Content-Type-Options") == "nosniff"


def test_an_unhealthy_app(bench):
    app = bench.app()
    app.route("/healthz", reply(500))
    sidecar = bench.sidecar(app=app, flags={"enable-app-health-check": "true", "app-health-probe-interval": 1,
                                            "app-health-threshold": 1, "app-health-probe-timeout": 500})
    assert_failed(call(sidecar), sidecar.app_id, "rpc error: code = Internal desc = app is not in a healthy state")
    assert not app.requests("/hello")


# ---------------------------------------------------------------------------------- streaming
def test_the_first_bytes_come_before_the_last(bench):
    go_on = threading.Event()

    def handle(request, sock, reader):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"first"))
        assert go_on.wait(30)
        sock.sendall(chunk(b"last") + LAST_CHUNK)

    app = StreamApp(handle).start()
    sidecar = bench.sidecar(app=app)
    with Connection(sidecar.http) as c:
        c.send(raw.request_bytes(sidecar.http, "GET", f"/v1.0/invoke/{sidecar.app_id}/method/s"))
        assert c.head_read().status == 200
        assert c.reader.until(b"first\r\n") == b"5\r\n"
        go_on.set()
        assert c.reader.until(b"0\r\n\r\n") == b"4\r\nlast\r\n"
    app.stop()


def test_both_ways_at_once(bench):
    """The app answers each piece as it comes: nothing waits for the end of the request."""
    def handle(request, sock, reader):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in body_pieces(request, reader):
            sock.sendall(chunk(piece.upper()))
        sock.sendall(LAST_CHUNK)

    app = StreamApp(handle).start()
    sidecar = bench.sidecar(app=app)
    with Connection(sidecar.http) as c:
        c.send(f"POST /v1.0/invoke/{sidecar.app_id}/method/s HTTP/1.1\r\nHost: x\r\n"
               "Transfer-Encoding: chunked\r\n\r\n".encode() + chunk(b"one"))
        assert c.head_read().status == 200
        assert c.reader.until(b"ONE\r\n") == b"3\r\n"
        c.send(chunk(b"two") + LAST_CHUNK)
        assert c.reader.until(b"0\r\n\r\n") == b"3\r\nTWO\r\n"
    app.stop()


def test_events(bench):
    go_on = threading.Event()

    def handle(request, sock, reader):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        assert go_on.wait(30)
        sock.sendall(b"data: 2\n\n")

    app = StreamApp(handle).start()
    sidecar = bench.sidecar(app=app)
    with Connection(sidecar.http) as c:
        c.send(raw.request_bytes(sidecar.http, "GET", f"/v1.0/invoke/{sidecar.app_id}/method/s",
                                 [("Accept", " Text/Event-Stream ")]))
        head = c.head_read()
        assert head.header("Content-Type") == "text/event-stream" and head.header("Cache-Control") == "no-cache"
        assert head.header("Connection") == "keep-alive"
        c.reader.until(b"data: 1\n\n\r\n")
        go_on.set()
        c.reader.until(b"data: 2\n\n\r\n0\r\n\r\n")
    app.stop()


def test_a_client_that_leaves_ends_the_apps_call(bench):
    ended = threading.Event()

    def handle(request, sock, reader):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"x"))
        while reader.fill():
            pass
        ended.set()

    app = StreamApp(handle).start()
    sidecar = bench.sidecar(app=app)
    with Connection(sidecar.http) as c:
        c.send(raw.request_bytes(sidecar.http, "GET", f"/v1.0/invoke/{sidecar.app_id}/method/s"))
        c.head_read()
    assert ended.wait(10)
    app.stop()


def test_a_broken_upload_does_not_look_whole(bench):
    broken = threading.Event()

    def handle(request, sock, reader):
        try:
            for _ in body_pieces(request, reader):
                pass
        except (EOFError, OSError, ValueError):
            broken.set()

    app = StreamApp(handle).start()
    sidecar = bench.sidecar(app=app)
    with Connection(sidecar.http) as c:
        c.send(f"POST /v1.0/invoke/{sidecar.app_id}/method/s HTTP/1.1\r\nHost: x\r\n"
               "Transfer-Encoding: chunked\r\n\r\n".encode() + chunk(b"x" * 100000))
    assert broken.wait(10)
    app.stop()


@pytest.mark.figures
@pytest.mark.parametrize("length", ["known", "chunked"])
def test_64_megabytes_both_ways_in_constant_memory(bench, length):
    total = 64 << 20

    def handle(request, sock, reader):
        got = 0
        for piece in body_pieces(request, reader):
            got += len(piece)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nX-Got: %d\r\nContent-Length: %d\r\n\r\n" % (got, total))
        for piece in pieces(total):
            sock.sendall(piece)

    app = StreamApp(handle).start()
    sidecar = bench.sidecar(app=app, flags={"max-body-size": "0"})
    peak_forget(sidecar.process.pid)
    before, _ = memory_kb(sidecar.process.pid)
    with Connection(sidecar.http) as c:
        framing = f"Content-Length: {total}" if length == "known" else "Transfer-Encoding: chunked"
        c.send(f"POST /v1.0/invoke/{sidecar.app_id}/method/s HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n".encode())
        for piece in pieces(total):
            c.send(piece if length == "known" else chunk(piece))
        if length == "chunked":
            c.send(LAST_CHUNK)
        head = c.head_read()
        assert head.header("X-Got") == str(total)
        assert sum(len(piece) for piece in body_pieces(head, c.reader)) == total
    _, peak = memory_kb(sidecar.process.pid)
    assert peak - before < 8 << 10
    app.stop()


def test_app_max_concurrency(bench):
    inside, most, lock, go_on = [0], [0], threading.Lock(), threading.Event()

    def slow(request, sock):
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        assert go_on.wait(20)
        with lock:
            inside[0] -= 1
        return reply(200, b"x")

    app = bench.app()
    app.route("/slow", slow)
    sidecar = bench.sidecar(app=app, flags={"app-max-concurrency": 2})
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(call(sidecar, "GET", "/slow").status)) for _ in range(6)]
    for one in threads:
        one.start()
    app.wait_for("/slow", 2)
    go_on.set()
    for one in threads:
        one.join()
    assert answers == [200] * 6 and most[0] <= 2


# ------------------------------------------------------------------------------ other protocols
class Port:
    """Anything that listens may stand where an app does."""

    def __init__(self, port):
        self.port = port


def test_an_app_that_speaks_h2c(bench):
    inner = bench.sidecar()
    outer = bench.sidecar(app=Port(inner.http), flags={"app-protocol": "h2c"})
    answer = call(outer, "GET", "/v1.0/metadata")
    assert answer.status == 200 and answer.json["id"] == inner.app_id
    assert call(outer, "PUT", "/v1.0/metadata/noted", (), b"by h2c").status == 204
    assert inner.metadata()["extended"]["noted"] == "by h2c"
    assert call(outer, "HEAD", "/v1.0/nothing").status == 404


def test_a_client_that_speaks_h2c(sidecar, app):
    app.route("/echo", lambda request, sock: reply(200, request.body, [("Content-Type", "a/b"), ("X-App", "1")]))
    done = subprocess.run(
        ["curl", "-s", "-i", "--http2-prior-knowledge", "-d", "x" * 100000, "-H", "X-Custom: v",
         f"http://127.0.0.1:{sidecar.http}/v1.0/invoke/{sidecar.app_id}/method/echo"], capture_output=True, check=True)
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/2 200") and b"x-app: 1" in head and b"connection" not in head.lower()
    assert body == b"x" * 100000
    seen = app.wait_one("/echo")
    assert seen.header("X-Custom") == "v" and seen.header("Content-Length") == "100000"
