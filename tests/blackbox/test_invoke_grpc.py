"""InvokeService of an app that speaks HTTP: what the app receives, and what becomes of its answer (grpc-api.md 4.1
to 4.3, 9.3). The app is the sidecar's own, or behind another sidecar: both see the same."""

import random
from urllib.parse import unquote

import pytest

from harness import rpc
from harness.app import reply
from harness.metrics import value
from harness.on_invoke import Invoker
from harness.ports import free_port
from harness.resources import endpoint
from harness.rpc import error_info
from harness.wait import until

ZERO = "00-00000000000000000000000000000000-0000000000000000-00"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def resolver(path):
    return {"nameResolution": {"component": "sqlite", "configuration": {"connectionString": path}}}


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    return str(tmp_path_factory.mktemp("names") / "names.db")


@pytest.fixture(scope="module")
def app(shared):
    made = shared.app()
    made.otherwise = reply(200, b"ok", [("Content-Type", "text/plain")])
    made.route("/echo", lambda request, sock: reply(200, request.body, [("Content-Type", "a/b")]))
    return made


@pytest.fixture(scope="module")
def callee(shared, app, names):
    return shared.sidecar(app_id="callee", app=app, config=resolver(names))


@pytest.fixture(scope="module")
def caller(shared, names):
    return shared.sidecar(app_id="caller", config=resolver(names))


@pytest.fixture(scope="module", params=["local", "remote"])
def client(request, callee, caller):
    made = Invoker(callee if request.param == "local" else caller)
    made.is_remote = request.param == "remote"
    yield made
    made.close()


@pytest.fixture(autouse=True)
def fresh(app):
    app.forget()


def failure_of(client, *given, **more):
    with pytest.raises(rpc.Failure) as raised:
        client.call(*given, **more)
    return raised.value


def assert_failed(client, target, why, *given, **more):
    failure = failure_of(client, target, *given, **more)
    assert (failure.code, failure.message, failure.details) == ("INTERNAL", f"failed to invoke, id: {target}, err: {why}", [])


# ---------------------------------------------------------------------------- what the app receives
@pytest.mark.quick
def test_4_3_a_message_becomes_a_request(client, app):
    answer = client.call("callee", "hello/there", b'{"n":1}', "application/json", "PUT", "a=b&c")
    assert (answer.data, answer.content_type, answer.type_url) == (b"ok", "text/plain", "")
    seen = app.wait_one("/hello/there")
    assert (seen.method, seen.target, seen.body) == ("PUT", "/hello/there?a=b&c", b'{"n":1}')
    assert seen.header("Content-Type") == "application/json"


@pytest.mark.parametrize("verb", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "HEAD"])
def test_4_3_the_verb_is_the_extensions(client, app, verb):
    client.call("callee", "verb", verb=verb)
    seen = app.wait_one("/verb")
    assert (seen.method, seen.body) == (verb, b"")


@pytest.mark.parametrize("content_type,type_url,expected", [
    ("a/b", "", "a/b"), ("", "example.com/Type", "application/x-protobuf"), ("a/b", "example.com/Type", "a/b"), ("", "", None)])
def test_4_3_the_body_has_the_messages_content_type(client, app, content_type, type_url, expected):
    client.call("callee", "typed", b"x", content_type, type_url=type_url)
    assert app.wait_one("/typed").header("Content-Type") == expected


def test_4_3_metadata_becomes_headers(client, app):
    client.call("callee", "lines", b"x", metadata=[
        ("x-custom", "v"), ("x-two", "a"), ("x-two", "b"), ("x-data-bin", b"\x01\x02"), ("dapr-app-id", "x"),
        ("destination-app-id", "x"), ("accept", "a/b")])
    seen = app.wait_one("/lines")
    assert seen.header("X-Custom") == "v" and seen.values("X-Two") == ["a", "b"] and seen.header("Accept") == "a/b"
    assert not [name for name in seen.names if name.lower().endswith("-bin")]
    assert not seen.values("dapr-app-id") and not seen.values("destination-app-id")
    assert not [name for name in seen.names if name.lower().startswith("grpc-") or name.startswith(":")]
    assert "gzip" in seen.header("dapr-grpc-accept-encoding")
    assert not seen.values("te") and not seen.values("dapr-grpc-timeout") and not seen.values("dapr-te")


def test_1_8_an_http_app_sees_the_clients_user_agent(client, app):
    client.call("callee", "agent")
    assert "grpc-python/" in app.wait_one("/agent").header("User-Agent")


def test_4_3_remote_hops_say_who_calls_and_local_ones_do_not(client, app):
    client.call("callee", "who")
    seen = app.wait_one("/who")
    said = {"Dapr-Caller-App-Id": "caller", "Dapr-Caller-Namespace": "default", "Dapr-Callee-App-Id": "callee"}
    for name, value in said.items():
        assert seen.header(name) == (value if client.is_remote else None)
    for name in ("X-Forwarded-For", "X-Forwarded-Host", "Forwarded"):
        assert bool(seen.header(name)) == client.is_remote
    if client.is_remote:
        address, host = seen.header("X-Forwarded-For"), seen.header("X-Forwarded-Host")
        assert seen.header("Forwarded") == f"for={address};by={address};host={host}"


@pytest.mark.parametrize("size", [0, 1, 2047, 2048, 2049, 32768, 32769, 1 << 20])
def test_9_3_fuzz_bodies_come_back(client, app, size):
    data = bytes(i * 7 & 255 for i in range(size))
    answer = client.call("callee", "echo", data)
    assert answer.data == data and answer.content_type == "a/b"
    assert app.wait_one("/echo").body == data


@pytest.mark.parametrize("query", ["", "a=b", "a=b&a=c", "?x", "%20+%zz", "ä=ö", "a=b#c"[:3]])
def test_9_3_fuzz_the_query_arrives_as_it_is(client, app, query):
    client.call("callee", "q", query=query)
    seen = app.requests()[0]
    assert seen.query == query or seen.query.encode("latin-1") == query.encode()


def test_9_3_fuzz_methods(client, app):
    choose = random.Random(2)
    letters = "abcXYZ019-_.~!$&'()*+,;=:@\"\\{}|<>^` äß€𝄞"
    methods = ["".join(choose.choices(letters, k=choose.randint(1, 40))).strip(".") or "x" for _ in range(300)]
    for method in methods:
        assert client.call("callee", method).data == b"ok"
    assert [unquote(one.target) for one in app.requests()] == ["/" + method for method in methods]


def test_9_3_contentlength(client, callee, app):
    assert callee.post("/v1.0/invoke/callee/method/echo", b"x" * 1024).body == b"x" * 1024
    answer = client.call("callee", "echo")
    assert answer.data == b""
    assert app.requests("/echo")[-1].body == b""


@pytest.mark.parametrize("method,target", [
    ("", "/"), ("/", "/"), ("foo", "/foo"), ("/foo", "/foo"), ("foo/", "/foo"), ("a///b", "/a/b"), ("a/../b", "/b"),
    ("admin/../public", "/public"), ("admin/../../public", "/public"), (".", "/"), ("..", "/"), ("a b", "/a%20b"),
    ("ä", "/%C3%A4"), ("a;b", "/a;b"), ('"*', "/%22%2A"), ("a\\b", "/a%5Cb"), ("a%25b", "/a%25b"), ("a%2Fb", "/a%2Fb"),
    ("admin%2F..%2Fpublic", "/admin%2F..%2Fpublic"), ("admin%09/../public", "/public")])
def test_4_1_methods_are_cleaned_and_never_decoded(client, app, method, target):
    assert client.call("callee", method).data == b"ok"
    assert app.requests()[0].target == target


def test_9_3_100_parallel_clients(client, app):
    futures = [client.dapr.channel.unary_unary(
        client.dapr.InvokeService.path, client.dapr.InvokeService.request.SerializeToString,
        client.dapr.InvokeService.response.FromString).future(client.dapr.InvokeService.request(id="callee", message={
            "method": "echo", "data": {"value": b"%d" % number}, "http_extension": {"verb": 3}}), timeout=20)
        for number in range(100)]
    assert [one.result().data.value for one in futures] == [b"%d" % number for number in range(100)]


# ------------------------------------------------------------------------------- what it answers
TABLE = {200: ("OK", "OK"), 201: ("OK", "Created"), 206: ("OK", "Partial Content"),
         400: ("INTERNAL", "Bad Request"), 401: ("UNAUTHENTICATED", "Unauthorized"), 403: ("PERMISSION_DENIED", "Forbidden"),
         404: ("NOT_FOUND", "Not Found"), 408: ("CANCELLED", "Request Timeout"), 409: ("ALREADY_EXISTS", "Conflict"),
         429: ("RESOURCE_EXHAUSTED", "Too Many Requests"), 500: ("UNKNOWN", "Internal Server Error"),
         501: ("UNIMPLEMENTED", "Not Implemented"), 503: ("UNAVAILABLE", "Service Unavailable"),
         504: ("DEADLINE_EXCEEDED", "Gateway Timeout"), 301: ("UNKNOWN", "Moved Permanently"), 304: ("UNKNOWN", "Not Modified"),
         418: ("UNKNOWN", "I'm a teapot"), 422: ("UNKNOWN", "Unprocessable Entity"), 502: ("UNKNOWN", "Bad Gateway"),
         599: ("UNKNOWN", "")}


@pytest.mark.parametrize("status", TABLE)
def test_4_2_http_status_to_grpc_code(client, app, status):
    code, text = TABLE[status]
    body = b"" if status == 304 else b"said"
    app.route("/s", reply(status, body, [("Content-Type", "a/b"), ("X-Custom", "v")], "any phrase"))
    if code == "OK":
        answer = client.call("callee", "s")
        assert (answer.data, answer.content_type) == (b"said", "a/b")
        headers = dict(answer.headers)
    else:
        failure = failure_of(client, "callee", "s")
        assert (failure.code, failure.message) == (code, text)
        details = {"http.code": str(status), "http.error_message": body.decode()}
        expected = error_info(text, details)
        if not text:
            del expected[1]["reason"]
        assert failure.details == [expected]
        headers = dict(failure.initial)
    assert headers["dapr-http-status"] == str(status) and headers["x-custom"] == "v"
    assert len(app.requests("/s")) == 1


def test_4_2_no_body_is_no_data(client, app):
    app.route("/empty", reply(204))
    answer = client.call("callee", "empty")
    assert (answer.data, answer.content_type, answer.value("dapr-http-status")) == (b"", "", "204")


@pytest.mark.parametrize("body,said", [(b"x" * 63, "x" * 63), (b"x" * 64, "x" * 63), (b"x" * 100000, "x" * 63), (b"", "")])
def test_4_2_the_body_of_a_failure_is_cut_to_63_bytes(client, app, body, said):
    app.route("/s", reply(404, body))
    assert failure_of(client, "callee", "s").details[0][1]["metadata"]["http.error_message"] == said


def test_4_2_response_headers_are_lower_case_and_permanent_ones_are_marked(client, app):
    app.route("/h", reply(200, b"x", [
        ("Content-Type", "a/b"), ("x-LOWER", "1"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("date", "today"), ("Via", "v"),
        ("Connection", "X-Named, keep-alive"), ("X-Named", "gone"), ("Keep-Alive", "5"), ("Cache-Control", "no-store"),
        ("grpc-status", "3"), ("Data-Bin", "AQI="), ("Broken-Bin", "!!"), ("ETag", '"1"')]))
    answer = client.call("callee", "h")
    assert answer.value("x-lower") == "1" and answer.values("set-cookie") == ["a=1", "b=2"] and answer.value("etag") == '"1"'
    assert answer.value("dapr-content-type") == "a/b" and answer.value("dapr-via") == "v"
    assert answer.value("dapr-date") == "today" and answer.value("dapr-cache-control") == "no-store"
    assert answer.value("data-bin") == b"\x01\x02" and not answer.values("broken-bin")
    assert answer.value("dapr-grpc-status") == "3"
    names = {name for name, _ in answer.headers}
    assert not names & {"connection", "keep-alive", "x-named", "dapr-connection", "dapr-keep-alive", "content-length",
                        "dapr-content-length", "date", "via"}


def test_4_2_the_trace_is_in_the_response(client, app):
    call = client.call("callee", "traced")
    assert call.value("traceparent") == ZERO
    assert app.wait_one("/traced").header("traceparent") == ZERO


@pytest.mark.parametrize("lines", [[("traceparent", PARENT)], [("grpc-trace-bin", bytes(
    [0, 0]) + bytes.fromhex(PARENT[3:35]) + b"\x01" + bytes.fromhex(PARENT[36:52]) + b"\x02\x01")]])
def test_1_7_an_incoming_trace_passes_unchanged(client, app, lines):
    call = client.call("callee", "traced", metadata=lines)
    assert app.wait_one("/traced").header("traceparent") == PARENT
    assert call.value("traceparent") == PARENT


def test_1_7_the_apps_own_trace_wins(client, app):
    app.route("/own-trace", reply(200, b"x", [("Traceparent", PARENT), ("Tracestate", "a=b")]))
    call = client.call("callee", "own-trace")
    assert call.value("traceparent") == PARENT and call.value("tracestate") == "a=b"


def test_9_3_tracing_baggage_grpc(client, app):
    call = client.call("callee", "b", metadata=[("baggage", "k1=v1,k2=v2")])
    assert app.wait_one("/b").header("baggage") == "k1=v1,k2=v2"
    assert call.value("baggage") == "k1=v1,k2=v2"
    failure = failure_of(client, "callee", "b", metadata=[("baggage", "inv")])
    assert failure.code == "INVALID_ARGUMENT" and failure.message.startswith("invalid baggage header")
    app.forget()
    assert client.call("callee", "b").value("baggage") is None
    assert app.wait_one("/b").header("baggage") is None


# ---------------------------------------------------------------------------------------- failures
@pytest.mark.parametrize("method,fault", [
    ("x?y", 'method contains forbidden character: "x?y"'), ("x#y", 'method contains forbidden character: "x#y"'),
    ("x\0y", 'method contains forbidden character: "x\\x00y"'), ("x\ty", 'method contains control character at position 1: "x\\ty"'),
    ("x\r\ny", 'method contains control character at position 1: "x\\r\\ny"'),
    ("x\x7f", 'method contains control character at position 1: "x\\x7f"')])
def test_4_1_methods_that_are_refused(client, app, method, fault):
    assert_failed(client, "callee", f"rpc error: code = InvalidArgument desc = invalid method: {fault}", method)
    assert not app.requests()


def wrapped(client, text):
    return f"rpc error: code = Internal desc = error invoking app channel: {text}" if client.is_remote else text


def test_4_2_a_message_without_extension(client, app):
    assert_failed(client, "callee", wrapped(client, "rpc error: code = InvalidArgument desc = missing HTTP extension field"),
                  "x", verb=None)
    assert not app.requests()


@pytest.mark.parametrize("verb", ["NONE", "CONNECT"])
def test_4_2_a_verb_that_is_none(client, app, verb):
    assert_failed(client, "callee", wrapped(client, "rpc error: code = InvalidArgument desc = invalid HTTP verb"), "x", verb=verb)
    assert not app.requests()


def test_4_2_a_method_that_makes_no_url(client, app):
    assert_failed(client, "callee", wrapped(client, f'parse "http://127.0.0.1:{app.port}/a%b": invalid URL escape "%b"'), "a%b")


def test_4_2_the_app_closes_without_an_answer(client, app):
    app.route("/gone", lambda request, sock: sock.close())
    why = wrapped(client, f'Post "http://127.0.0.1:{app.port}/gone": EOF')
    assert_failed(client, "callee", why, "gone", b"x")


@pytest.mark.parametrize("target,why", [("", "app id is empty"), ("a.b.c", "invalid app id a.b.c")])
def test_4_1_targets_that_are_none(client, target, why):
    assert_failed(client, target, why, "x")


def test_4_1_nobody_has_that_name(client):
    assert_failed(client, "ghost", "no host found with the given ID", "x")


@pytest.mark.parametrize("target", ["callee.default", "callee"])
def test_4_1_namespaces(client, app, target):
    assert client.call(target, "ns").data == b"ok"


def test_a_message_that_is_none(client):
    with pytest.raises(rpc.Failure) as raised:
        client.dapr.InvokeService.raw(b"\xff\xff")
    assert raised.value.code == "INTERNAL" and raised.value.message.startswith("grpc: error unmarshalling request: ")


def test_a_request_without_a_message_is_the_empty_method(client, app):
    with pytest.raises(rpc.Failure) as raised:
        client.dapr.InvokeService(id="callee")
    assert raised.value.code == "INTERNAL" and "missing HTTP extension field" in raised.value.message


def test_4_2_no_app(bench, names):
    bare = bench.sidecar(app_id="bare", config=resolver(names))
    other = bench.sidecar(app_id="asks-bare", config=resolver(names))
    for sidecar, why in [(bare, "cannot invoke local endpoint: app channel not initialized"),
                         (other, "rpc error: code = Internal desc = app channel is not initialized")]:
        client = Invoker(sidecar)
        assert_failed(client, "bare", why, "x")
        client.close()


def test_9_3_slowappstartup(bench, names):
    app = bench.app()
    app.route("/healthz", reply(500))
    app.route("/x", reply(200, b"up"))
    sidecar = bench.sidecar(app_id="slow", app=app, config=resolver(names), ready=False, flags={
        "enable-app-health-check": "true", "app-health-probe-interval": 1, "app-health-threshold": 1})
    sidecar.wait_log("App health probes starting")
    client = Invoker(sidecar)
    assert_failed(client, "slow", "rpc error: code = Internal desc = app is not in a healthy state", "x")
    app.route("/healthz", reply(200))
    sidecar.wait_log("App entered healthy status")
    assert client.call("slow", "x").data == b"up"
    client.close()


# ------------------------------------------------------------------------------------------ tokens
@pytest.mark.parametrize("where", ["local", "remote"])
def test_9_3_appapitoken_the_callees_and_no_other(bench, names, where):
    app, bare = bench.app(), bench.app()
    app.otherwise = bare.otherwise = reply(200, b"x")
    env = {"APP_API_TOKEN": "callee's"}
    callee = bench.sidecar(app_id=f"with-{where}", app=app, config=resolver(names), env=env)
    without = bench.sidecar(app_id=f"without-{where}", app=bare, config=resolver(names))
    caller = bench.sidecar(app_id=f"asks-{where}", config=resolver(names), env={"APP_API_TOKEN": "caller's"})
    first, second = (Invoker(callee), Invoker(without)) if where == "local" else (Invoker(caller), Invoker(caller))
    first.call(f"with-{where}", "t", metadata=[("dapr-api-token", "client's")])
    assert app.wait_one("/t").header("dapr-api-token") == "callee's"
    second.call(f"without-{where}", "t")
    assert not bare.wait_one("/t").values("dapr-api-token")
    bare.forget()
    second.call(f"without-{where}", "t", metadata=[("dapr-api-token", "client's")])
    assert bare.wait_one("/t").header("dapr-api-token") == "client's"
    first.close()
    second.close()


def test_9_3_daprapitoken_is_never_forwarded(bench, names):
    app = bench.app()
    app.otherwise = reply(200, b"x")
    callee = bench.sidecar(app_id="guarded", app=app, config=resolver(names), env={"DAPR_API_TOKEN": "secret"})
    caller = bench.sidecar(app_id="guard", config=resolver(names), env={"DAPR_API_TOKEN": "other"})
    for sidecar, token in [(callee, "secret"), (caller, "other")]:
        client = Invoker(sidecar, metadata=[("dapr-api-token", token)])
        client.call("guarded", "t")
        client.close()
    assert len(app.requests("/t")) == 2
    assert not [one for one in app.requests("/t") if one.values("dapr-api-token")]


def test_4_3_a_callee_that_checks_tokens_passes_none_on(bench, names):
    app = bench.app()
    app.otherwise = reply(200, b"x")
    bench.sidecar(app_id="checks", app=app, config=resolver(names), env={"DAPR_API_TOKEN": "secret"})
    client = Invoker(bench.sidecar(app_id="checks-not", config=resolver(names)))
    client.call("checks", "t", metadata=[("dapr-api-token", "client's")])
    assert not app.wait_one("/t").values("dapr-api-token")
    client.close()


# ----------------------------------------------------------------------------------------- external
def test_4_1_an_http_endpoint_and_a_url(bench):
    away = bench.app()
    away.route("/api/x", reply(200, b"far", [("Content-Type", "a/b"), ("X-Away", "1")]))
    away.route("/api/missing", reply(404, b"nope"))
    away.route("/api/moved", reply(302, b"", [("Location", "/api/x")]))
    sidecar = bench.sidecar(resources=[endpoint("away", f"http://127.0.0.1:{away.port}", {"X-Own": "1"})], env={"APP_API_TOKEN": "own"})
    client = Invoker(sidecar)
    answer = client.call("away", "api/x", b"body", "c/d", "PUT", "q=1", metadata=[("x-custom", "v"), ("x-own", "mine")])
    assert (answer.data, answer.content_type, answer.value("x-away")) == (b"far", "a/b", "1")
    seen = away.wait_one("/api/x")
    assert (seen.method, seen.query, seen.body) == ("PUT", "q=1", b"body")
    assert (seen.header("X-Own"), seen.header("X-Custom"), seen.header("Content-Type")) == ("1", "v", "c/d")
    assert not seen.values("dapr-api-token")
    assert client.call("away", "api/moved", b"x").data == b"far"
    url = f"http://127.0.0.1:{away.port}"
    assert client.call(url, "api/x").data == b"far"
    assert away.requests("/api/x")[-1].header("dapr-api-token") == "own"
    assert failure_of(client, url, "api/moved").details[0][1]["metadata"]["http.code"] == "302"
    assert failure_of(client, "away", "api/missing").code == "NOT_FOUND"
    client.close()


def test_a_url_that_nobody_serves(bench):
    client = Invoker(bench.sidecar())
    url = f"http://127.0.0.1:{free_port()}"
    failure = failure_of(client, url, "x")
    assert failure.code == "INTERNAL"
    assert failure.message.startswith(f'failed to invoke, id: {url}, err: Post "{url}/x": dial tcp ')
    client.close()


# -------------------------------------------------------------------------------------------- limits
def test_too_large_an_answer(bench):
    app = bench.app()
    app.route("/big", reply(200, b"x" * 5000))
    sidecar = bench.sidecar(app=app, flags={"max-body-size": "4k"})
    client = Invoker(sidecar)
    failure = failure_of(client, sidecar.app_id, "big")
    assert failure.code == "RESOURCE_EXHAUSTED"
    assert failure.message.startswith("grpc: trying to send message larger than max (5") and failure.message.endswith(" vs. 4000)")
    client.close()


def test_the_access_list_knows_it_as_invoke_v1(bench, app):
    sidecar = bench.sidecar(app=app, config={"api": {"denied": [{"name": "invoke", "version": "v1", "protocol": "grpc"}]}})
    client = Invoker(sidecar)
    assert failure_of(client, sidecar.app_id, "x").code == "UNIMPLEMENTED"
    assert sidecar.get(f"/v1.0/invoke/{sidecar.app_id}/method/x").status == 200
    client.close()


def test_9_3_metrics_grpc(bench, app):
    sidecar = bench.sidecar(app=app)
    client = Invoker(sidecar)
    client.call(sidecar.app_id, "x")
    labels = {"app_id": sidecar.app_id, "grpc_server_method": "/dapr.proto.runtime.v1.Dapr/InvokeService", "grpc_server_status": "OK"}
    until(lambda: value(sidecar, "dapr_grpc_io_server_completed_rpcs", **labels) == 1, "one call counted")
    client.close()
