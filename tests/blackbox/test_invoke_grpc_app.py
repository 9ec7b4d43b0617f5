"""An app that speaks gRPC, invoked over both doors, by its own sidecar and by way of it (grpc-api.md 4.2 to 4.4, 5.2,
9.3; http-api.md 4.2)."""

import base64
import os
import random
import signal
import threading

import grpc
import pytest
from google.protobuf import any_pb2

from harness import rpc
from harness.frames import HEAD, FrameApp, FrameClient, message, values
from harness.grpc_app import HEALTH, Answer
from harness.messages import SERVICE, RequestChunk, Response, ResponseChunk, chunks, request
from harness.messages import Request as Internal
from harness.on_invoke import InvokedApp, Invoker, Request, echo, failed, said
from harness.raw import Connection
from harness.streams import LAST_CHUNK, chunk
from harness.wait import until

ZERO = "00-00000000000000000000000000000000-0000000000000000-00"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CODES = {code.value[0]: code for code in grpc.StatusCode}


def resolver(path):
    return {"nameResolution": {"component": "sqlite", "configuration": {"connectionString": path}}}


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    return str(tmp_path_factory.mktemp("names") / "names.db")


@pytest.fixture(scope="module")
def app(shared):
    made = InvokedApp(shared.grpc_app())
    made.on("echo", echo)
    return made


@pytest.fixture(scope="module")
def callee(shared, app, names):
    return shared.sidecar(app_id="callee", app=app, config=resolver(names), flags={"app-protocol": "grpc"})


@pytest.fixture(scope="module")
def caller(shared, names):
    return shared.sidecar(app_id="caller", config=resolver(names))


@pytest.fixture(params=["local", "remote"])
def asked(request, callee, caller):
    """The sidecar that is asked for the app: its own, or another."""
    return callee if request.param == "local" else caller


@pytest.fixture
def client(asked, caller):
    made = Invoker(asked)
    made.is_remote = asked is caller
    yield made
    made.close()


@pytest.fixture(autouse=True)
def fresh(app):
    app.forget()


def failure_of(client, *given, **more):
    with pytest.raises(rpc.Failure) as raised:
        client.call(*given, **more)
    return raised.value


def call(sidecar, method="POST", path="/echo", headers=(), body=None, target="callee"):
    return sidecar.request(method, f"/v1.0/invoke/{target}/method{path}", headers, body)


def info(reason, **metadata):
    made = any_pb2.Any(type_url="type.googleapis.com/google.rpc.ErrorInfo")
    kind = rpc._class(rpc.POOL.FindMessageTypeByName("google.rpc.ErrorInfo"))
    one = kind(reason=reason, domain="example.com")
    for key, value in metadata.items():
        one.metadata.add(key=key, value=value)
    made.value = one.SerializeToString()
    return {"type_url": made.type_url, "value": made.value}


# ------------------------------------------------------------------------------ gRPC asks, gRPC answers
@pytest.mark.quick
def test_9_3_basic_everything_of_the_message_arrives_and_comes_back(client, app):
    app.on("hello/there", lambda got, context: said(b"answer", "any text; x=1", "example.com/Out"))
    answer = client.call("callee", "hello/there", b"question", "a/b", "PUT", "a=b", "example.com/In")
    assert (answer.data, answer.content_type, answer.type_url) == (b"answer", "any text; x=1", "example.com/Out")
    seen = app.only()
    assert seen.message == Request(
        method="hello/there", content_type="a/b", data={"value": b"question", "type_url": "example.com/In"},
        http_extension={"verb": 4, "querystring": "a=b"})


@pytest.mark.parametrize("method", ["nosuch", ""])
def test_9_3_basic_unknown_and_empty_methods_reach_the_app(client, app, method):
    failure = failure_of(client, "callee", method)
    assert (failure.code, failure.message, failure.details) == ("UNKNOWN", "invalid method", [])
    assert app.only().method == method


def test_a_message_needs_no_http_extension(client, app):
    assert client.call("callee", "echo", b"x", verb=None).data == b"x"
    assert not app.only().message.HasField("http_extension")


@pytest.mark.parametrize("verb", ["NONE", "CONNECT", "GET"])
def test_any_verb_passes(client, app, verb):
    client.call("callee", "echo", verb=verb)
    assert app.only().message.HasField("http_extension")
    assert app.only().message.http_extension.verb == {"NONE": 0, "CONNECT": 6, "GET": 1}[verb]


@pytest.mark.parametrize("size", [0, 1, 2047, 2048, 2049, 32768, 32769, 1 << 20])
def test_9_3_fuzz_bodies_come_back(client, app, size):
    data = os.urandom(size)
    answer = client.call("callee", "echo", data)
    assert answer.data == data and app.only().body == data
    assert app.only().message.HasField("data") == bool(size)


def test_9_3_fuzz_methods(client, app):
    choose = random.Random(1)
    letters = "abcXYZ019-_.~!$&'()*+,;=:@\"\\%{}|<>^` äß€𝄞"
    methods = ["".join(choose.choices(letters, k=choose.randint(1, 40))).strip(".") or "x" for _ in range(300)]
    for method in methods:
        failure_of(client, "callee", method)
    assert [one.method for one in app.seen()] == methods


@pytest.mark.parametrize("method,arrives", [
    ("foo", "foo"), ("/foo", "/foo"), ("foo/", "foo"), ("a///b", "a/b"), ("a/../b", "b"), ("admin/../public", "public"),
    ("admin/../../public", "public"), ("/admin%09/../public", "/public"), ("..", ""), (".", ""), ("ä b", "ä b"),
    ("admin%2F..%2Fpublic", "admin%2F..%2Fpublic"), ("admin\\..\\public", "admin\\..\\public"), ('"*%25%', '"*%25%'),
    ("public;../../admin", "admin"), ("／admin", "／admin")])
def test_9_3_reservedchars_pathcorrectness(client, app, method, arrives):
    failure_of(client, "callee", method)
    assert app.only().method == arrives


@pytest.mark.parametrize("method", ["x?y", "x#y", "x\0y", "x\ty", "x\ry", "x\ny"])
def test_9_3_reservedchars_that_never_reach_the_app(client, app, method):
    failure = failure_of(client, "callee", method)
    assert failure.code == "INTERNAL" and failure.details == []
    assert failure.message.startswith(
        "failed to invoke, id: callee, err: rpc error: code = InvalidArgument desc = invalid method: method contains ")
    assert not app.seen()


def test_9_3_reservedchars_over_http(asked, app):
    call(asked, "GET", "/%2541/admin%2F..%2Fpublic//x/")
    assert app.only().method == "%41/public/x"


# ------------------------------------------------------------------------------------ its failures
@pytest.mark.parametrize("code", [code for code in CODES if code])
def test_4_2_a_failure_passes_unchanged(client, app, code):
    app.on("fails", failed(CODES[code], 'say "what"\n%é', [info("REASON", a="b"), info("OTHER")], headers=(("x-head", "1"),),
                           trailers=(("x-trail", "2"), ("x-data-bin", b"\x01\xff"))))
    failure = failure_of(client, "callee", "fails")
    assert (failure.code, failure.message) == (CODES[code].name, 'say "what"\n%é')
    assert [name for name, _ in failure.details] == ["ErrorInfo", "ErrorInfo"]
    assert failure.details[0][1] == {"reason": "REASON", "domain": "example.com", "metadata": {"a": "b"}}
    assert ("x-head", "1") in failure.initial
    assert ("x-trail", "2") in failure.trailing and ("x-data-bin", b"\x01\xff") in failure.trailing


def test_4_2_a_failure_without_metadata_passes_too(client, app):
    app.on("fails", failed(grpc.StatusCode.NOT_FOUND, ""))
    failure = failure_of(client, "callee", "fails")
    assert (failure.code, failure.message, failure.details) == ("NOT_FOUND", "", [])


HTTP = {1: 408, 2: 500, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400, 12: 501, 13: 500, 14: 503,
        15: 500, 16: 401}


@pytest.mark.parametrize("code", HTTP)
def test_4_2_grpc_code_to_http_status(asked, app, code):
    app.on("fails", failed(CODES[code], 'say "what"'))
    answer = call(asked, path="/fails")
    assert (answer.status, answer.json) == (HTTP[code], {"code": code, "message": 'say "what"'})
    assert answer.header("Content-Type") == "application/json"
    assert answer.header("Content-Length") == str(len(answer.body))


def test_4_2_details_are_json_over_http(asked, app):
    app.on("fails", failed(grpc.StatusCode.INVALID_ARGUMENT, "", [info("WHY", k="v")], headers=(("x-head", "1"),)))
    answer = call(asked, path="/fails")
    assert answer.status == 400 and answer.header("X-Head") == "1"
    assert answer.json == {"code": 3, "details": [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "WHY", "domain": "example.com", "metadata": {"k": "v"}}]}


@pytest.mark.differs
def test_a_detail_that_nobody_knows_keeps_its_bytes_over_http(asked, app):
    app.on("fails", failed(grpc.StatusCode.ABORTED, "x", [{"type_url": "example.com/Mine", "value": b"\x01"}]))
    assert call(asked, path="/fails").json["details"] == [
        {"@type": "example.com/Mine", "value": base64.b64encode(b"\x01").decode()}]


class Coded:
    """An app whose OnInvoke ends in any code."""

    def __init__(self):
        self.code = 0

    def __call__(self, stream):
        stream.ended.wait(10)
        stream.head([*HEAD, (b"x-head", b"1")])
        stream.trailers([(b"grpc-status", b"%d" % self.code), (b"grpc-message", b"odd"), (b"x-trail", b"2")])


@pytest.mark.parametrize("where", ["local", "remote"])
@pytest.mark.parametrize("code", [17, 99, 100, 2147483647])
def test_4_2_codes_outside_0_to_16(bench, names, where, code):
    act = Coded()
    act.code = code
    with FrameApp(act) as odd:
        own = bench.sidecar(app_id=f"odd-{where}-{code}", app=odd, flags={"app-protocol": "grpc"}, config=resolver(names))
        asked = own if where == "local" else bench.sidecar(app_id=f"asks-{where}-{code}", config=resolver(names))
        with FrameClient(asked.grpc) as client:
            sent = rpc.message("runtime.v1.InvokeServiceRequest")(id=own.app_id, message={"method": "x"})
            answer = client.call("/dapr.proto.runtime.v1.Dapr/InvokeService", body=message(sent.SerializeToString()))
        over_http = call(asked, path="/x", target=own.app_id)
        if code >= 100 and where == "remote":
            assert asked.is_ready(), "between sidecars it looks like an HTTP status: nobody can tell"
            return
        assert answer.status == (str(code), "odd") and values(answer.last, "x-trail") == ["2"]
        assert values(answer.head, "x-head") == ["1"]
        assert (over_http.status, over_http.json) == (500, {"code": code, "message": "odd"})


# ---------------------------------------------------------------------------------------- metadata
def test_4_3_metadata_of_a_grpc_client(client, app):
    client.call("callee", "echo", b"x", metadata=[
        ("x-custom", "v"), ("x-two", "a"), ("x-two", "b"), ("x-data-bin", b"\x01\xfe"), ("accept", "a/b"), ("dapr-app-id", "x"),
        ("destination-app-id", "x"), ("traceparent", PARENT)])
    seen = app.only()
    assert seen.value("x-custom") == "v" and seen.values("x-two") == ["a", "b"] and seen.value("accept") == "a/b"
    assert seen.value("x-data-bin") == b"\x01\xfe" and seen.value("traceparent") == PARENT
    assert not {"dapr-app-id", "destination-app-id", "te", "grpc-accept-encoding", "dapr-content-type"} & set(seen.names)


def test_1_8_grpc_apps_see_the_sidecars_own_user_agent(client, app):
    client.call("callee", "echo")
    assert "grpc-python" not in app.only().value("user-agent")


def test_9_3_appapitoken_remote_hops_say_who_calls_once(client, app):
    client.call("callee", "echo")
    seen = app.only()
    for name, value in {"dapr-caller-app-id": "caller", "dapr-caller-namespace": "default", "dapr-callee-app-id": "callee"}.items():
        assert seen.value(name) == (value if client.is_remote else None)
    assert bool(seen.value("x-forwarded-for")) == client.is_remote and bool(seen.value("forwarded")) == client.is_remote


def test_4_3_headers_of_an_http_client(asked, app):
    call(asked, "PUT", "/echo?a=b", [
        ("Content-Type", "a/b"), ("X-Custom", "v"), ("X-Two", "a"), ("X-Two", "b"), ("Accept", "*/*"), ("Connection", "close, X-Named"),
        ("X-Named", "gone"), ("TE", "trailers"), ("Data-Bin", "AQI="), ("Broken-Bin", "!"), ("User-Agent", "me"), ("grpc-foo", "g"),
        ("dapr-app-id-x", "1")], b"body")
    seen = app.only()
    assert (seen.method, seen.body, seen.message.content_type) == ("echo", b"body", "a/b")
    assert (seen.message.http_extension.verb, seen.message.http_extension.querystring) == (4, "a=b")
    assert seen.value("x-custom") == "v" and seen.values("x-two") == ["a", "b"]
    assert seen.value("dapr-content-type") == "a/b" and seen.value("dapr-accept") == "*/*"
    assert seen.value("data-bin") == b"\x01\x02" and seen.value("dapr-grpc-foo") == "g"
    assert not {"x-named", "dapr-connection", "connection", "broken-bin", "accept", "host", "dapr-host", "content-length",
                "dapr-te", "te", "grpc-foo"} & set(seen.names)
    assert seen.value("user-agent") != "me"


@pytest.mark.parametrize("incoming,arrives", [(None, ZERO), (PARENT, PARENT)])
def test_1_7_the_trace_of_an_http_client(asked, app, incoming, arrives):
    answer = call(asked, headers=[("traceparent", incoming)] if incoming else [])
    assert app.only().value("traceparent") == arrives
    assert answer.header("traceparent") == arrives


def test_1_7_both_forms_of_the_trace_reach_the_app_and_the_client(bench):
    def act(stream):
        stream.ended.wait(10)
        stream.answer(b"")
    with FrameApp(act) as app:
        sidecar = bench.sidecar(app=app, flags={"app-protocol": "grpc"})
        with FrameClient(sidecar.grpc) as client:
            sent = rpc.message("runtime.v1.InvokeServiceRequest")(id=sidecar.app_id, message={"method": "x"})
            answer = client.call("/dapr.proto.runtime.v1.Dapr/InvokeService", [("traceparent", PARENT)],
                                 message(sent.SerializeToString()))
        binary = base64.b64encode(bytes([0, 0]) + bytes.fromhex(PARENT[3:35]) + b"\x01" + bytes.fromhex(PARENT[36:52]) +
                                  b"\x02\x01").decode().rstrip("=")
        for headers in (app.wait_call().headers, answer.head):
            assert values(headers, "traceparent") == [PARENT] and values(headers, "grpc-trace-bin") == [binary]


def test_9_3_tracing_baggage_grpc(client, asked, app):
    answer = client.call("callee", "echo", metadata=[("baggage", "k1=v1,k2=v2")])
    assert app.only().value("baggage") == "k1=v1,k2=v2" and answer.value("baggage") == "k1=v1,k2=v2"
    app.forget()
    client.call("callee", "echo")
    assert app.only().value("baggage") is None
    app.forget()
    assert failure_of(client, "callee", "echo", metadata=[("baggage", "inv")]).message.startswith("invalid baggage header")
    assert not app.seen()


# ---------------------------------------------------------------------------------- what it answers
def test_4_2_headers_and_trailers_of_success(client, app):
    app.on("lines", said(b"x", headers=(("x-head", "1"), ("x-head", "2"), ("x-data-bin", b"\x01\xfe"), ("date", "d")),
                         trailers=(("x-trail", "3"),)))
    answer = client.call("callee", "lines")
    assert answer.values("x-head") == ["1", "2"] and answer.value("x-data-bin") == b"\x01\xfe" and answer.value("date") == "d"
    assert ("x-trail", "3") in answer.trailers
    assert not answer.values("dapr-http-status") and not answer.values("grpc-accept-encoding")


def test_the_answer_over_http(asked, app):
    app.on("lines", said(b"body", "a/b", headers=(("x-head", "1"), ("x-data-bin", b"\x01"), ("grpc-odd", "2")),
                         trailers=(("x-trail", "3"),)))
    answer = call(asked, path="/lines")
    assert (answer.status, answer.body, answer.header("Content-Type")) == (200, b"body", "a/b")
    assert answer.header("Transfer-Encoding") == "chunked" and not answer.values("Content-Length")
    assert answer.header("X-Head") == "1"
    lower = {name.lower() for name in answer.names}
    assert not lower & {"x-data-bin", "x-trail", "trailer", "grpc-odd", "grpc-status", "grpc-accept-encoding", "grpc-encoding"}


@pytest.mark.parametrize("body,content_type,expected", [
    (b"", "", None), (b"", "a/b", "a/b"), (b"text", "", "text/plain; charset=utf-8"), (b"<p>", "", "text/html; charset=utf-8")])
def test_the_content_type_over_http(asked, app, body, content_type, expected):
    app.on("typed", said(body, content_type))
    answer = call(asked, path="/typed")
    assert (answer.status, answer.body, answer.header("Content-Type")) == (200, body, expected)
    assert answer.header("Content-Length") == (None if body else "0")


def test_head_has_no_body(asked, app):
    app.on("echo", echo)
    app.on("typed", said(b"body", "a/b"))
    answer = call(asked, "HEAD", "/typed")
    assert (answer.status, answer.body) == (200, b"")
    assert app.only().message.http_extension.verb == 2


@pytest.mark.parametrize("size", [0, 1, 2048, 2049, 32769, 262144, 262145, 1 << 20])
def test_bodies_over_http(asked, app, size):
    data = os.urandom(size)
    assert call(asked, "POST", "/echo", [("Content-Type", "a/b")], data).body == data
    assert app.only().body == data


def test_a_chunked_body_is_one_message(asked, app):
    with Connection(asked.http) as c:
        c.send(b"POST /v1.0/invoke/callee/method/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
               chunk(b"abc") + chunk(b"def") + LAST_CHUNK)
        assert c.answer_read().body == b"abcdef"
    assert app.only().body == b"abcdef"


# ---------------------------------------------------------------------------------- the peer protocol
@pytest.fixture
def peer(callee):
    channel = grpc.insecure_channel(f"127.0.0.1:{callee.peer}")
    channel.local = channel.unary_unary(f"/{SERVICE}/CallLocal", Internal.SerializeToString, Response.FromString)
    channel.stream = channel.stream_stream(f"/{SERVICE}/CallLocalStream", RequestChunk.SerializeToString, ResponseChunk.FromString)
    yield channel
    channel.close()


def ask_peer(peer, form, made, body=b""):
    """The response, and the body."""
    if form == "unary":
        made.message.data.value = body
        answer = peer.local(made, timeout=10)
        return answer, answer.message.data.value
    answers = list(peer.stream(iter(chunks(RequestChunk, made, body)), timeout=10))
    assert [one.HasField("response") for one in answers] == [True] + [False] * (len(answers) - 1)
    return answers[0].response, b"".join(one.payload.data for one in answers)


@pytest.mark.parametrize("form", ["unary", "stream"])
def test_4_4_a_peer_hears_the_code_of_a_grpc_app(peer, app, form):
    app.on("fails", failed(grpc.StatusCode.ABORTED, "no", [info("WHY")], headers=(("x-head", "1"),),
                           trailers=(("x-trail", "2"), ("x-data-bin", b"\x01"))))
    answer, body = ask_peer(peer, form, request("fails"))
    assert (answer.status.code, answer.status.message, body) == (10, "no", b"")
    assert [one.type_url for one in answer.status.details] == ["type.googleapis.com/google.rpc.ErrorInfo"]
    assert list(answer.headers["x-head"].values) == ["1"] and list(answer.trailers["x-trail"].values) == ["2"]
    assert list(answer.headers["content-type"].values) == ["application/grpc"]
    assert list(answer.trailers["x-data-bin"].values) == ["AQ=="], "between sidecars base64 is padded"


@pytest.mark.parametrize("form", ["unary", "stream"])
@pytest.mark.parametrize("size", [0, 1, 100000])
def test_4_4_a_peer_hears_the_answer_of_a_grpc_app(peer, app, form, size):
    data = os.urandom(size)
    made = request("echo", "PUT", [("x-custom", "v"), ("x-data-bin", "AQI="), ("content-type", "application/grpc")], "q=1", "a/b")
    made.message.data.type_url = "example.com/In"
    answer, body = ask_peer(peer, form, made, data)
    assert (answer.status.code, answer.status.message, body) == (0, "", data)
    assert (answer.message.content_type, answer.message.data.type_url) == ("a/b", "example.com/In")
    seen = app.only()
    assert (seen.body, seen.message.data.type_url, seen.message.content_type) == (data, "example.com/In", "a/b")
    assert seen.value("x-custom") == "v" and seen.value("x-data-bin") == b"\x01\x02"
    assert "dapr-content-type" not in seen.names


@pytest.mark.parametrize("form", ["unary", "stream"])
def test_4_3_a_peers_permanent_headers_are_marked(peer, app, form):
    ask_peer(peer, form, request("echo", metadata=[("Content-Type", "a/b"), ("Date", "d"), ("X-Custom", "v"), ("accept-lower", "x")]))
    seen = app.only()
    assert seen.value("dapr-content-type") == "a/b" and seen.value("dapr-date") == "d" and seen.value("x-custom") == "v"
    assert seen.value("dapr-accept") == "*/*" and seen.value("accept-lower") == "x"


def test_4_4_a_body_larger_than_a_message_is_refused(bench):
    app = InvokedApp(bench.grpc_app())
    app.on("echo", echo)
    sidecar = bench.sidecar(app=app, flags={"app-protocol": "grpc", "max-body-size": "64k"})
    with grpc.insecure_channel(f"127.0.0.1:{sidecar.peer}") as channel:
        stream = channel.stream_stream(f"/{SERVICE}/CallLocalStream", RequestChunk.SerializeToString, ResponseChunk.FromString)
        with pytest.raises(grpc.RpcError) as raised:
            list(stream(iter(chunks(RequestChunk, request("echo"), b"x" * 70000)), timeout=10))
        assert raised.value.details() == "error invoking app channel: stream too large"
        answers = list(stream(iter(chunks(RequestChunk, request("echo", metadata=[("Content-Length", "70000")]), b"x" * 70000)), timeout=10))
        assert answers[0].response.status.code == 8
        assert answers[0].response.status.message == "trying to send message larger than max (70000 vs. 64000)"
    assert not app.seen()


# ------------------------------------------------------------------------------------ no answer came
@pytest.mark.parametrize("where", ["local", "remote"])
def test_an_app_that_is_gone_is_unavailable(bench, names, where):
    app = InvokedApp(bench.grpc_app())
    own = bench.sidecar(app_id=f"gone-{where}", app=app, flags={"app-protocol": "grpc"}, config=resolver(names))
    asked = own if where == "local" else bench.sidecar(app_id=f"seeks-{where}", config=resolver(names))
    app.app.stop()
    client = Invoker(asked)
    failure = failure_of(client, own.app_id, "x")
    assert failure.code == "UNAVAILABLE" and failure.message.startswith("connection error: desc = \"transport: Error while dialing")
    answer = call(asked, path="/x", target=own.app_id)
    assert answer.status == 503 and answer.json["code"] == 14
    client.close()


def test_an_app_that_speaks_no_grpc_is_unavailable(bench):
    sidecar = bench.sidecar(app=bench.app(), flags={"app-protocol": "grpc"})
    answer = call(sidecar, path="/x", target=sidecar.app_id)
    assert answer.status == 503
    assert answer.json["message"].startswith('connection error: desc = "error reading server preface: http2: frame too large')


def test_4_2_no_app(bench):
    sidecar = bench.sidecar(flags={"app-protocol": "grpc"})
    client = Invoker(sidecar)
    failure = failure_of(client, sidecar.app_id, "x")
    assert failure.message == \
        f"failed to invoke, id: {sidecar.app_id}, err: cannot invoke local endpoint: app channel not initialized"
    client.close()


@pytest.mark.parametrize("where", ["local", "remote"])
def test_9_3_slowappstartup(bench, names, where):
    app = InvokedApp(bench.grpc_app())
    app.on("echo", echo)
    app.app.route(HEALTH, Answer(code=grpc.StatusCode.INTERNAL, text="not yet"))
    own = bench.sidecar(app_id=f"slow-{where}", app=app, ready=False, config=resolver(names), flags={
        "app-protocol": "grpc", "enable-app-health-check": "true", "app-health-probe-interval": 1, "app-health-threshold": 1})
    own.wait_log("App health probes starting")
    asked = own if where == "local" else bench.sidecar(app_id=f"hurries-{where}", config=resolver(names))
    client = Invoker(asked)
    text = "rpc error: code = Internal desc = app is not in a healthy state"
    failure = failure_of(client, own.app_id, "echo")
    assert (failure.code, failure.message) == ("INTERNAL", f"failed to invoke, id: {own.app_id}, err: {text}")
    answer = call(asked, target=own.app_id)
    assert answer.status == 500 and answer.json["message"] == f"failed to invoke, id: {own.app_id}, err: {text}"
    app.app.route(HEALTH, Answer())
    own.wait_log("App entered healthy status")
    assert client.call(own.app_id, "echo", b"x").data == b"x"
    client.close()


def test_an_answer_that_is_no_message(bench):
    def act(stream):
        stream.ended.wait(10)
        stream.answer(b"\xff\xff")
    with FrameApp(act) as app:
        sidecar = bench.sidecar(app=app, flags={"app-protocol": "grpc"})
        client = Invoker(sidecar)
        failure = failure_of(client, sidecar.app_id, "x")
        assert failure.code == "INTERNAL" and failure.message.startswith("grpc: failed to unmarshal the received message: ")
        client.close()


# ------------------------------------------------------------------------------------------ tokens
@pytest.mark.parametrize("where", ["local", "remote"])
@pytest.mark.parametrize("door", ["http", "grpc"])
def test_9_3_appapitoken_the_callees_and_no_other(bench, names, where, door):
    def ask(asked, target, token=()):
        if door == "http":
            assert call(asked, path="/echo", headers=[("dapr-api-token", one) for one in token], target=target).status == 200
        else:
            client = Invoker(asked)
            client.call(target, "echo", metadata=[("dapr-api-token", one) for one in token])
            client.close()
    app, bare = InvokedApp(bench.grpc_app()), InvokedApp(bench.grpc_app())
    app.on("echo", echo)
    bare.on("echo", echo)
    flags, mark = {"app-protocol": "grpc"}, f"{where}-{door}"
    callee = bench.sidecar(app_id=f"with-{mark}", app=app, config=resolver(names), flags=flags, env={"APP_API_TOKEN": "callee's"})
    without = bench.sidecar(app_id=f"without-{mark}", app=bare, config=resolver(names), flags=flags)
    caller = bench.sidecar(app_id=f"asks-{mark}", config=resolver(names), env={"APP_API_TOKEN": "caller's"})
    is_local = where == "local"
    ask(callee if is_local else caller, f"with-{mark}", ["client's"])
    assert app.only().value("dapr-api-token") == "callee's"
    ask(without if is_local else caller, f"without-{mark}")
    assert bare.only().value("dapr-api-token") is None
    bare.forget()
    ask(without if is_local else caller, f"without-{mark}", ["client's"])
    assert bare.only().value("dapr-api-token") == "client's"


@pytest.mark.parametrize("door", ["http", "grpc"])
def test_9_3_daprapitoken_is_never_forwarded(bench, names, door):
    app = InvokedApp(bench.grpc_app())
    app.on("echo", echo)
    callee = bench.sidecar(app_id=f"guarded-{door}", app=app, config=resolver(names), flags={"app-protocol": "grpc"},
                           env={"DAPR_API_TOKEN": "secret"})
    caller = bench.sidecar(app_id=f"guard-{door}", config=resolver(names), env={"DAPR_API_TOKEN": "other"})
    for sidecar, token in [(callee, "secret"), (caller, "other")]:
        app.forget()
        if door == "http":
            assert call(sidecar, headers=[("dapr-api-token", token)], target=callee.app_id).status == 200
        else:
            client = Invoker(sidecar, metadata=[("dapr-api-token", token)])
            client.call(callee.app_id, "echo")
            client.close()
        assert app.only().value("dapr-api-token") is None


# ------------------------------------------------------------------------------------ many at a time
def test_9_3_connpool_150_calls_although_100_streams(bench):
    app = InvokedApp(bench.grpc_app(workers=160, streams=100))
    barrier = threading.Barrier(150)

    def together(got, context):
        barrier.wait(20)
        return said(got.body)
    app.on("together", together)
    sidecar = bench.sidecar(app=app, flags={"app-protocol": "grpc"})
    client = Invoker(sidecar)
    method = client.dapr.InvokeService
    multi = client.dapr.channel.unary_unary(method.path, method.request.SerializeToString, method.response.FromString)
    futures = [multi.future(method.request(id=sidecar.app_id, message={"method": "together", "data": {"value": b"%d" % n}}),
                            timeout=30) for n in range(150)]
    assert [one.result().data.value for one in futures] == [b"%d" % n for n in range(150)]
    client.close()


@pytest.mark.parametrize("where", ["local", "callee", "caller"])
def test_9_3_shutdown_graceful_waits_for_a_running_call(bench, names, where):
    app = InvokedApp(bench.grpc_app())
    begun, release = threading.Event(), threading.Event()

    def slow(got, context):
        begun.set()
        release.wait(20)
        return said(b"", "")
    app.on("slow", slow)
    own = bench.sidecar(app_id=f"leaves-{where}", app=app, flags={"app-protocol": "grpc"}, config=resolver(names))
    asked = own if where == "local" else bench.sidecar(app_id=f"stays-{where}", config=resolver(names))
    leaving = asked if where == "caller" else own
    client = Invoker(asked)
    method = client.dapr.InvokeService
    multi = client.dapr.channel.unary_unary(method.path, method.request.SerializeToString, method.response.FromString)
    future = multi.future(method.request(id=own.app_id, message={"method": "slow"}), timeout=30)
    assert begun.wait(10)
    leaving.signal(signal.SIGINT)
    until(lambda: leaving.logged("shut"), "the shut-down has begun")
    assert leaving.process.poll() is None
    release.set()
    assert future.result(timeout=10) == method.response()
    assert leaving.wait_end() == 0
    client.close()
