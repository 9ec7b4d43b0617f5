"""The protocol between sidecars, spoken by the official gRPC library: as a caller towards our sidecar, and
as a callee that ours calls (grpc-api.md 4.2 to 4.4)."""

import os
import sqlite3
import subprocess
import threading
import time

import grpc
import h2.errors
import pytest

from harness import rpc
from harness.app import raw_reply, reply
from harness.frames import FrameApp
from harness.frames import message as frame
from harness.messages import Request, RequestChunk, Response, ResponseChunk, chunks, request, response
from harness.peers import Callee, Caller, make_known
from harness.raw import Connection
from harness.streams import LAST_CHUNK, StreamApp, body_pieces, chunk

CODES = h2.errors.ErrorCodes


@pytest.fixture(scope="module")
def app(shared):
    made = shared.app()
    made.otherwise = reply(200, b"ok", [("Content-Type", "text/plain"), ("X-App", "1")])
    made.route("/echo", lambda request, sock: reply(200, request.body, [("Content-Type", "a/b")]))
    return made


@pytest.fixture(scope="module")
def callee(shared, app):
    return shared.sidecar(app=app)


@pytest.fixture(autouse=True)
def fresh(app):
    app.forget()


@pytest.fixture
def caller(callee):
    made = Caller(callee.peer)
    yield made
    made.channel.close()


def assert_status(raised, code, text):
    assert raised.value.code() == code
    assert raised.value.details() == text


def body_of(answers):
    assert [one.payload.seq for one in answers if one.HasField("payload")] == \
        list(range(sum(one.HasField("payload") for one in answers)))
    return b"".join(one.payload.data for one in answers)


# --------------------------------------------------------------------------- we are called: unary
def test_unary(caller, app):
    answer = caller.unary(request("hello", "PUT", [("X-Custom", "v"), ("X-Two", "a"), ("X-Two", "b")], "q=1", "a/b",
                                  b"body"), timeout=10)
    assert answer.status.code == 200 and answer.message.data.value == b"ok"
    assert answer.message.content_type == "text/plain"
    headers = {key.lower(): list(one.values) for key, one in answer.headers.items()}
    assert headers["x-app"] == ["1"] and headers["content-type"] == ["text/plain"]
    seen = app.wait_one("/hello")
    assert (seen.method, seen.target, seen.body) == ("PUT", "/hello?q=1", b"body")
    assert seen.header("X-Custom") == "v" and seen.values("X-Two") == ["a", "b"]
    assert seen.header("Content-Type") == "a/b" and seen.header("Content-Length") == "4"


def test_unary_with_an_error_of_the_app(caller, app):
    app.route("/bad", reply(418, b"why", [("Content-Type", "a/b")]))
    answer = caller.unary(request("bad", "GET"), timeout=10)
    assert answer.status.code == 418 and answer.message.data.value == b"why"
    seen = app.wait_one("/bad")
    assert not seen.values("Content-Length") and not seen.values("Transfer-Encoding")


def test_unary_without_a_message(caller):
    with pytest.raises(grpc.RpcError) as raised:
        caller.unary(Request(ver=1), timeout=10)
    assert_status(raised, grpc.StatusCode.INVALID_ARGUMENT, "parsing InternalInvokeRequest error: field Message is nil")


# ------------------------------------------------------------------------- we are called: streams
@pytest.mark.parametrize("size", [0, 1, 2047, 2048, 2049, 1 << 20])
def test_streamed(caller, app, size):
    data = os.urandom(size)
    answers = caller.call(chunks(RequestChunk, request("echo", content_type="a/b"), data))
    assert answers[0].response.status.code == 200
    assert answers[0].response.message.content_type == "a/b"
    assert not any(one.HasField("response") for one in answers[1:])
    assert body_of(answers) == data
    assert app.wait_one("/echo").body == data


def test_larger_chunks_are_taken(caller):
    data = os.urandom(1 << 20)
    assert body_of(caller.call(chunks(RequestChunk, request("echo"), data, 100000))) == data


def test_the_first_chunk_may_come_without_a_payload(caller):
    sent = [RequestChunk(request=request("echo"))]
    for number, piece in enumerate([b"one", b"", b"two"]):
        sent.append(RequestChunk())
        sent[-1].payload.data = piece
        sent[-1].payload.seq = number
    assert body_of(caller.call(sent)) == b"onetwo"


def test_a_length_that_was_said_is_passed_on(caller, app):
    caller.call(chunks(RequestChunk, request("echo", metadata=[("Content-Length", "5")]), b"12345"))
    assert app.wait_one("/echo").header("Content-Length") == "5"


@pytest.mark.parametrize("said,text", [("3", "the body is longer than its content-length"),
                                       ("9", "unexpected EOF: the body is shorter than its content-length")])
def test_a_length_that_was_wrong_is_not_passed_on(caller, app, said, text):
    with pytest.raises(grpc.RpcError) as raised:
        caller.call(chunks(RequestChunk, request("echo", metadata=[("Content-Length", said)]), b"12345"))
    assert_status(raised, grpc.StatusCode.INVALID_ARGUMENT, text)
    assert not [one for one in app.requests("/echo") if one.body]


def test_gaps_are_noticed(caller, app):
    sent = chunks(RequestChunk, request("echo"), b"x" * 6000)
    del sent[1]
    with pytest.raises(grpc.RpcError) as raised:
        caller.call(sent)
    assert_status(raised, grpc.StatusCode.INTERNAL, "invalid sequence number received: 2 (expected: 1)")


def test_metadata_comes_first_and_once(caller):
    lacking = "parsing InternalInvokeRequest error: request does not contain the required fields in the leading chunk"
    no_message = Request(ver=1)
    no_message.metadata["a"].values.append("b")
    for first in (RequestChunk(), RequestChunk(request=Request(ver=1)), RequestChunk(request=no_message)):
        with pytest.raises(grpc.RpcError) as raised:
            caller.call([first])
        assert_status(raised, grpc.StatusCode.INVALID_ARGUMENT, lacking)
    sent = chunks(RequestChunk, request("echo"), b"x" * 3000)
    sent[1].request.CopyFrom(request("echo"))
    with pytest.raises(grpc.RpcError) as raised:
        caller.call(sent)
    assert_status(raised, grpc.StatusCode.INVALID_ARGUMENT, "request metadata found in non-leading chunk")


def test_a_bad_method(caller, app):
    for call in (lambda: caller.call([RequestChunk(request=request("a?b"))]),
                 lambda: caller.unary(request("a?b"), timeout=10)):
        with pytest.raises(grpc.RpcError) as raised:
            call()
        assert_status(raised, grpc.StatusCode.INVALID_ARGUMENT,
                      'invalid method: method contains forbidden character: "a?b"')
    assert not app.requests()


def test_the_method_is_cleaned_here_too(caller, app):
    caller.call([RequestChunk(request=request("/admin/../public//x/", "GET"))])
    assert app.requests()[0].target == "/public/x"


def test_no_verb(caller):
    nothing = request("x")
    nothing.message.ClearField("http_extension")
    with pytest.raises(grpc.RpcError) as raised:
        caller.call([RequestChunk(request=nothing)])
    assert raised.value.code() == grpc.StatusCode.INTERNAL
    assert raised.value.details().startswith("error invoking app channel: rpc error: code = InvalidArgument desc = ")


def test_the_app_fails(caller, app):
    app.route("/p", raw_reply(b""))
    with pytest.raises(grpc.RpcError) as raised:
        caller.call([RequestChunk(request=request("p", "GET"))])
    assert_status(raised, grpc.StatusCode.INTERNAL,
                  f'error invoking app channel: Get "http://127.0.0.1:{app.port}/p": EOF')


def test_the_app_dies_inside_its_answer(caller, app):
    app.route("/p", raw_reply(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome"))
    stream = caller.stream(iter([RequestChunk(request=request("p", "GET"))]), timeout=10)
    with pytest.raises(grpc.RpcError) as raised:
        assert next(stream).response.status.code == 200
        list(stream)
    assert raised.value.code() == grpc.StatusCode.INTERNAL


def test_a_deadline_of_the_caller(bench):
    ended = threading.Event()

    def handle(request, sock, reader):
        while reader.fill():
            pass
        ended.set()

    app = StreamApp(handle).start()
    caller = Caller(bench.sidecar(app=app).peer)
    with pytest.raises(grpc.RpcError) as raised:
        list(caller.stream(iter([RequestChunk(request=request("p", "GET"))]), timeout=0.5))
    assert raised.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert ended.wait(10)
    app.stop()


def test_an_endless_answer_cannot_go_the_old_way(bench):
    ended = threading.Event()

    def handle(request, sock, reader):
        try:
            sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                sock.sendall(chunk(b"x" * 65536))
        except OSError:
            ended.set()

    app = StreamApp(handle).start()
    caller = Caller(bench.sidecar(app=app, flags={"max-body-size": "1Mi"}).peer)
    with pytest.raises(grpc.RpcError) as raised:
        caller.unary(request("p", "GET"), timeout=20)
    assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, raised.value.details()
    assert ended.wait(10)
    app.stop()


def test_many_small_chunks_never_stall(caller, app):
    """4 MB in 2 KiB messages: the window must open by what the messages measure, not their payloads."""
    data = os.urandom(4 << 20)
    assert body_of(caller.call(chunks(RequestChunk, request("echo"), data))) == data


def test_both_directions_at_once(bench):
    def handle(request, sock, reader):
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in body_pieces(request, reader):
            sock.sendall(chunk(piece.upper()))
        sock.sendall(LAST_CHUNK)

    app = StreamApp(handle).start()
    caller = Caller(bench.sidecar(app=app).peer)
    go_on = threading.Event()

    def sending():
        first, second = chunks(RequestChunk, request("x"), b"onetwo", 3)
        yield first
        assert go_on.wait(10)
        yield second

    stream = caller.stream(sending(), timeout=10)
    got = b""
    while got != b"ONE":
        got += next(stream).payload.data
    go_on.set()
    assert b"".join(one.payload.data for one in stream) == b"TWO"
    app.stop()


# ------------------------------------------------------------------ we are called: streams of events
def events_app(answer, go_on):
    def handle(request, sock, reader):
        sock.sendall(answer)
        assert go_on.wait(20)
        sock.sendall(b"data: 2\n\n")

    return StreamApp(handle).start()


def test_4_4_each_event_is_one_message_with_a_response(bench):
    go_on = threading.Event()
    app = events_app(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n", go_on)
    caller = Caller(bench.sidecar(app=app).peer)
    asked = request("events", "GET")
    asked.metadata["Accept"].values[:] = [" Text/Event-Stream "]
    stream = caller.stream(iter([RequestChunk(request=asked)]), timeout=20)
    first = next(stream)
    assert first.response.HasField("status") and first.response.status.code == 0
    assert list(first.response.headers["Content-Type"].values) == ["text/event-stream"]
    one = first if first.payload.data else next(stream)
    assert one.HasField("response") and (one.payload.data, one.payload.seq) == (b"data: 1\n\n", 0)
    go_on.set()
    rest = list(stream)
    assert all(later.HasField("response") and not later.response.HasField("status") for later in rest)
    assert [(later.payload.data, later.payload.seq) for later in rest] == [(b"data: 2\n\n", 1)]
    app.stop()


@pytest.mark.differs
def test_a_refused_stream_of_events_keeps_its_status(caller, app):
    app.route("/events", reply(403, b"no"))
    asked = request("events", "GET")
    asked.metadata["Accept"].values[:] = ["text/event-stream"]
    answers = caller.call([RequestChunk(request=asked)])
    assert answers[0].response.status.code == 403 and b"".join(one.payload.data for one in answers) == b"no"


# ----------------------------------------------------------------------- we are called: the method
REFUSED = {"x?y": 'forbidden character: "x?y"', "x#y": 'forbidden character: "x#y"', "x\0y": 'forbidden character: "x\\x00y"',
           "x\ty": 'control character at position 1: "x\\ty"', "x\r": 'control character at position 1: "x\\r"',
           "\nx": 'control character at position 0: "\\nx"', "x\x7f": 'control character at position 1: "x\\x7f"',
           "admin#/../public": 'forbidden character: "admin#/../public"'}


@pytest.mark.parametrize("method", REFUSED)
@pytest.mark.parametrize("form", ["stream", "unary"])
def test_9_3_reservedchars_are_refused_by_the_callee(caller, app, method, form):
    with pytest.raises(grpc.RpcError) as raised:
        if form == "stream":
            caller.call([RequestChunk(request=request(method))])
        else:
            caller.unary(request(method), timeout=10)
    assert_status(raised, grpc.StatusCode.INVALID_ARGUMENT, f"invalid method: method contains {REFUSED[method]}")
    assert not app.requests()


@pytest.mark.parametrize("method,target", [
    ("admin/../public", "/public"), ("admin/../../public", "/public"), ("/admin%09/../public", "/public"),
    ("public/../admin%2Fsecret", "/admin%2Fsecret"), ("public%23/../../unauthorized", "/unauthorized"),
    ("admin%2F..%2Fpublic", "/admin%2F..%2Fpublic"), ("/public;../../admin", "/admin"), ("a///b/", "/a/b"),
    ("100%25", "/100%25"), ("..", "/"), ("", "/")])
def test_9_3_reservedchars_reach_the_app_as_they_are_judged(caller, app, method, target):
    caller.call([RequestChunk(request=request(method, "GET"))])
    assert [one.target for one in app.requests()] == [target]


# --------------------------------------------------------------------------------- we call others
@pytest.fixture
def ours(shared, tmp_path):
    """A sidecar of ours, and a way to make others known to it."""
    path = tmp_path / "names.db"
    sidecar = shared.sidecar(config={"nameResolution": {"component": "sqlite", "configuration": {
        "connectionString": str(path)}}})
    sidecar.names = path
    yield sidecar
    sidecar.end()


@pytest.fixture
def other(ours):
    made = []

    def make(**how):
        callee = Callee(**how)
        made.append(callee)
        make_known(ours.names, callee.port)
        return callee

    yield make
    for one in made:
        one.stop()


def call(ours, method="GET", path="/x", headers=(), body=None):
    return ours.request(method, f"/v1.0/invoke/other/method{path}", headers, body)


def failure(answer, status=500):
    assert answer.status == status, answer.text
    assert answer.json["errorCode"] == "ERR_DIRECT_INVOKE"
    begin = "failed to invoke, id: other, err: "
    assert answer.json["message"].startswith(begin)
    return answer.json["message"][len(begin):]


def test_what_we_send(ours, other):
    callee = other(stream=lambda got, context: chunks(ResponseChunk, response(content_type="a/b"), b"hi"))
    answer = call(ours, "PUT", "/a%20b//c?q=1", [("X-Custom", "v"), ("X-Two", "1"), ("X-Two", "2"), ("Content-Type", "c/d")],
                  b"z" * 5000)
    assert (answer.status, answer.body, answer.header("Content-Type")) == (200, b"hi", "a/b")
    got, context = callee.calls[0]
    first = got[0].request
    assert first.ver == 1 and first.message.method == "a b/c" and first.message.http_extension.verb == 4
    assert first.message.http_extension.querystring == "q=1" and first.message.content_type == "c/d"
    metadata = {key: list(one.values) for key, one in first.metadata.items()}
    assert metadata["X-Custom"] == ["v"] and metadata["X-Two"] == ["1", "2"]
    assert metadata["Dapr-Caller-App-Id"] == [ours.app_id] and metadata["Dapr-Callee-App-Id"] == ["other"]
    assert metadata["Dapr-Caller-Namespace"] == ["default"] and metadata["destination-app-id"] == ["other"]
    assert metadata["Content-Length"] == ["5000"]
    assert not any(one.HasField("request") for one in got[1:])
    assert body_of(got) == b"z" * 5000
    assert "traceparent" in dict(context.invocation_metadata())


@pytest.mark.parametrize("status", [199, 1000, 2147483647])
@pytest.mark.parametrize("version", ["--http1.1", "--http2-prior-knowledge"])
def test_a_status_that_is_none_is_a_500(ours, other, status, version):
    other(stream=lambda got, context: chunks(ResponseChunk, response(status)))
    shown = subprocess.run(["curl", "-s", "-o", os.devnull, "-w", "%{http_code}", "--max-time", "10", version,
                            f"http://127.0.0.1:{ours.http}/v1.0/invoke/other/method/x"], capture_output=True, text=True)
    assert shown.stdout == "500", shown
    assert ours.is_ready()


def test_no_body_no_payload(ours, other):
    callee = other(stream=lambda got, context: chunks(ResponseChunk, response(204)))
    answer = call(ours)
    assert answer.status == 204
    assert [one.HasField("payload") for one in callee.calls[0][0]] == [False]


@pytest.mark.parametrize("size", [0, 1, 2048, 5000, 1 << 20])
def test_answers_in_small_chunks(ours, other, size):
    data = os.urandom(size)
    other(stream=lambda got, context: chunks(ResponseChunk, response(content_type="a/b"), data))
    assert call(ours).body == data


def test_events_repeat_their_response(ours, other):
    def stream(got, context):
        for number in range(3):
            made = ResponseChunk(response=response(0 if number == 0 else 200))
            made.payload.data = b"data: %d\n\n" % number
            made.payload.seq = number
            yield made

    other(stream=stream)
    answer = call(ours, headers=[("Accept", "text/event-stream")])
    assert answer.status == 200 and answer.body == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"
    assert answer.header("Content-Type") == "text/event-stream"


def test_an_old_sidecar_is_called_the_old_way(ours, other):
    callee = other(unary=lambda got, context: response(201, [("X-App", "1")], "a/b", b"old"))
    answer = call(ours, "POST", "/x", (), b"kept")
    assert (answer.status, answer.body, answer.header("X-App")) == (201, b"old", "1")
    assert callee.calls[0][0].message.data.value == b"kept"


def test_an_endless_body_cannot_go_the_old_way(ours, other):
    other(unary=lambda got, context: response(200))
    with Connection(ours.http) as c:
        c.send(b"POST /v1.0/invoke/other/method/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
               chunk(b"abc") + LAST_CHUNK)
        answer = c.answer_read()
    assert failure(answer).startswith("target app 'other' is running a version of Dapr that does not support "
                                      "streaming-based service invocation. Please upgrade")


def test_a_denial_is_a_403(ours, other):
    text = "access control policy has denied access to id: x operation: y verb: POST"
    other(stream=lambda got, context: context.abort(grpc.StatusCode.PERMISSION_DENIED, text))
    assert failure(call(ours), 403) == f"rpc error: code = PermissionDenied desc = {text}"


def test_other_statuses_are_said_at_once(ours, other):
    callee = other(stream=lambda got, context: context.abort(grpc.StatusCode.INTERNAL, "app channel is not initialized"))
    assert failure(call(ours)) == "rpc error: code = Internal desc = app channel is not initialized"
    assert len(callee.calls) == 1


def test_unavailable_is_tried_again(ours, other):
    callee = other(stream=lambda got, context: context.abort(grpc.StatusCode.UNAVAILABLE, "no"))
    begin = time.monotonic()
    assert failure(call(ours, "POST", "/x", (), b"kept")) == \
        "failed to invoke target other after 3 retries. Error: rpc error: code = Unavailable desc = no"
    assert 2.9 < time.monotonic() - begin < 8
    assert [body_of(got) for got, _ in callee.calls] == [b"kept"] * 4


def test_an_endless_body_is_never_tried_again(ours, other):
    callee = other(stream=lambda got, context: context.abort(grpc.StatusCode.UNAVAILABLE, "no"))
    with Connection(ours.http) as c:
        c.send(b"POST /v1.0/invoke/other/method/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
               chunk(b"abc") + LAST_CHUNK)
        assert failure(c.answer_read()) == "rpc error: code = Unavailable desc = no"
    assert len(callee.calls) == 1


def faulty(kind):
    def stream(got, context):
        made = chunks(ResponseChunk, response(), b"x" * 6000)
        if kind == "gap":
            del made[1]
        elif kind == "no response":
            made[0].ClearField("response")
        elif kind == "no status":
            made[0].response.ClearField("status")
        elif kind == "response later":
            made[1].response.CopyFrom(response())
        elif kind == "nothing":
            made = []
        return made
    return stream


@pytest.mark.parametrize("kind,text", [
    ("no response", "response does not contain the required fields in the leading chunk"),
    ("no status", "response does not contain the required fields in the leading chunk"),
    ("nothing", "error invoking app channel: no response received from stream")])
def test_answers_that_are_none(ours, other, kind, text):
    other(stream=faulty(kind))
    assert failure(call(ours)) == f"rpc error: code = Internal desc = {text}"


@pytest.mark.parametrize("kind", ["gap", "response later"])
def test_answers_that_break(ours, other, kind):
    other(stream=faulty(kind))
    answer = call(ours)
    assert answer.cut or answer.status == 500


@pytest.mark.parametrize("code,status", [(5, 404), (3, 400), (7, 403), (16, 401), (14, 503), (13, 500), (99, 500)])
def test_an_error_of_an_app_that_speaks_grpc(ours, other, code, status):
    other(stream=lambda got, context: chunks(ResponseChunk, response(code, message='not "here"')))
    answer = call(ours)
    assert answer.status == status and answer.json == {"code": code, "message": 'not "here"'}
    assert answer.header("Content-Type") == "application/json"


def test_success_of_an_app_that_speaks_grpc(ours, other):
    other(stream=lambda got, context: chunks(ResponseChunk, response(0, content_type="a/b"), b"data"))
    answer = call(ours)
    assert (answer.status, answer.body, answer.header("Content-Type")) == (200, b"data", "a/b")


def test_a_name_that_resolves_to_nonsense(ours):
    with sqlite3.connect(ours.names) as db:
        db.execute("REPLACE INTO hosts VALUES ('n', 'no-port', 'other', '', ?)", (int(time.time()) + 1000,))
    assert "no-port" in failure(call(ours))


# ------------------------------------------------------------------- others whose app speaks gRPC
@pytest.fixture
def client(ours):
    made = rpc.Dapr(ours.grpc)
    yield made
    made.close()


def ask(client, method="m", call=None, **message):
    return client.InvokeService.answered(id="other", message={"method": method, **message}, call=call)


def grpc_response(code=0, message="", details=(), **more):
    made = response(code, message=message, **more)
    made.headers["content-type"].values.append("application/grpc")
    for one in details:
        made.status.details.add(type_url=one.type_url, value=one.value)
    return made


def test_4_2_a_failure_behind_another_sidecar_passes_unchanged(client, other):
    detail = rpc.Any(type_url="type.googleapis.com/google.rpc.ErrorInfo", value=b"\x0a\x01R\x12\x07dapr.io")
    answer = grpc_response(9, 'näh "%"\n', [detail], headers=[("x-head", "1"), ("x-head-bin", "/w==")])
    answer.trailers["x-tail"].values.extend(["2", "3"])
    answer.trailers["x-tail-bin"].values.append("AQI=")
    other(stream=lambda got, context: [ResponseChunk(response=answer)])
    with pytest.raises(rpc.Failure) as raised:
        ask(client)
    rpc.assert_failure(raised.value, "FAILED_PRECONDITION", 'näh "%"\n', [rpc.error_info("R")])
    assert {("x-head", "1"), ("x-head-bin", b"\xff")} <= set(raised.value.initial)
    assert {("x-tail", "2"), ("x-tail", "3"), ("x-tail-bin", b"\x01\x02")} <= set(raised.value.trailing)


@pytest.mark.parametrize("form", ["stream", "unary"])
def test_4_4_type_urls_travel_both_ways(client, other, form):
    answer = grpc_response(content_type="a/b", headers=[("x-head", "1")])
    answer.message.data.type_url = "type.example/out"

    def whole(got, context):
        made = Response()
        made.CopyFrom(answer)
        made.message.data.value = b"data"
        return made

    callee = other(**({"stream": lambda got, context: chunks(ResponseChunk, answer, b"data", 3)} if form == "stream"
                      else {"unary": whole}))
    got, head, _ = ask(client, data={"type_url": "type.example/in", "value": b"body"}, content_type="c/d")
    assert (got.data.type_url, got.data.value, got.content_type) == ("type.example/out", b"data", "a/b")
    assert ("x-head", "1") in head
    sent = callee.calls[0][0]
    first = sent[0].request if form == "stream" else sent
    assert (first.message.data.type_url, first.message.content_type) == ("type.example/in", "c/d")
    assert body_of(sent) == b"body" if form == "stream" else first.message.data.value == b"body"


def test_4_4_without_an_http_extension_there_is_none(client, other):
    callee = other(stream=lambda got, context: [ResponseChunk(response=grpc_response())])
    ask(client)
    assert not callee.calls[0][0][0].request.message.HasField("http_extension")


def test_4_3_what_a_remote_hop_says(client, other, ours):
    callee = other(stream=lambda got, context: [ResponseChunk(response=grpc_response())])
    ask(client, call={"timeout": 15, "metadata": [("x-one", "a"), ("x-one", "b"), ("x-two-bin", b"\x01\x02"),
                                                  ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]})
    sent, context = callee.calls[0]
    metadata = {key.lower(): list(one.values) for key, one in sent[0].request.metadata.items()}
    assert metadata["x-one"] == ["a", "b"] and metadata["x-two-bin"] == ["AQI="]
    assert metadata["content-type"] == ["application/grpc"]
    assert metadata["dapr-caller-app-id"] == [ours.app_id] and metadata["dapr-callee-app-id"] == ["other"]
    assert metadata["dapr-caller-namespace"] == ["default"] and metadata["destination-app-id"] == ["other"]
    host, = metadata["x-forwarded-for"]
    name, = metadata["x-forwarded-host"]
    assert metadata["forwarded"] == [f"for={host};by={host};host={name}"]
    assert "dapr-app-id" not in metadata
    outer = dict(context.invocation_metadata())
    assert outer["dapr-callee-app-id"] == "other"
    assert outer["traceparent"] == "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_deadline_goes_along(client, other):
    seen = []

    def stream(got, context):
        seen.append(context.time_remaining())
        return [ResponseChunk(response=grpc_response())]

    other(stream=stream)
    ask(client, call={"timeout": 15})
    assert 0 < seen[0] <= 16


# ------------------------------------------------------------------------------------------ tokens
def everything_of(callee):
    """All that the other sidecar got to see, as one text of bytes."""
    sent = []
    for got, context in callee.calls:
        sent += [repr(one).encode() for one in context.invocation_metadata()]
        sent += [one.SerializeToString() for one in (got if isinstance(got, list) else [got])]
    return b"\n".join(sent)


@pytest.mark.parametrize("form", ["stream", "unary"])
@pytest.mark.parametrize("door", ["http", "grpc"])
def test_neither_token_ever_leaves_towards_a_peer(bench, tmp_path, door, form):
    names = tmp_path / "names.db"
    sidecar = bench.sidecar(env={"DAPR_API_TOKEN": "the-api-token", "APP_API_TOKEN": "the-app-token"}, config={
        "nameResolution": {"component": "sqlite", "configuration": {"connectionString": str(names)}}})
    answer = grpc_response() if door == "grpc" else response(200)
    callee = Callee(**({"stream": lambda got, context: [ResponseChunk(response=answer)]} if form == "stream" else
                       {"unary": lambda got, context: answer}))
    make_known(names, callee.port)
    if door == "http":
        got = sidecar.request("POST", "/v1.0/invoke/other/method/m", [("dapr-api-token", "the-api-token")], b"body")
        assert got.status == 200, got.text
    else:
        made = rpc.Dapr(sidecar.grpc, [("dapr-api-token", "the-api-token")])
        ask(made, data={"value": b"body"})
        made.close()
    seen = everything_of(callee)
    assert b"body" in seen
    assert b"the-api-token" not in seen and b"the-app-token" not in seen and b"dapr-api-token" not in seen.lower()
    callee.stop()


# ------------------------------------------------------------------------- others that are in trouble
@pytest.mark.parametrize("code", ["UNAVAILABLE", "UNAUTHENTICATED"])
def test_4_1_another_attempt_asks_the_resolver_anew(ours, other, code):
    """The first one sends us away; meanwhile the app has moved."""
    moved = []

    def stream(got, context):
        moved.append(other(stream=lambda got, context: chunks(ResponseChunk, response(), b"here")))
        with sqlite3.connect(ours.names) as db:
            db.execute("DELETE FROM hosts WHERE address = ?", (f"127.0.0.1:{gone.port}",))
        context.abort(grpc.StatusCode[code], "no")

    gone = other(stream=stream)
    assert call(ours).body == b"here"
    assert len(gone.calls) == 1 and len(moved[0].calls) == 1


def test_4_1_another_attempt_dials_anew(ours, other):
    peers = []

    def stream(got, context):
        peers.append(context.peer())
        if len(peers) == 1:
            context.abort(grpc.StatusCode.UNAVAILABLE, "no")
        yield from chunks(ResponseChunk, response(), b"here")

    other(stream=stream)
    assert call(ours).body == b"here"
    assert len(set(peers)) == 2


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code not in (
    grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNIMPLEMENTED)])
def test_4_1_other_codes_are_not_tried_again(ours, other, code):
    callee = other(stream=lambda got, context: context.abort(code, "no"))
    name = {"CANCELLED": "Canceled"}.get(code.name, code.name.title().replace("_", ""))
    assert failure(call(ours)) == f"rpc error: code = {name} desc = no"
    assert len(callee.calls) == 1


def test_a_long_status_with_details_is_told(ours, other):
    detail = rpc.Any(type_url="type.googleapis.com/google.rpc.ErrorInfo", value=b"\x0a\x01R")
    status = rpc.Status(code=13, message="x" * 3000, details=[detail])

    def stream(got, context):
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(grpc.StatusCode.INTERNAL, "x" * 3000)

    other(stream=stream)
    assert failure(call(ours)).startswith("rpc error: code = Internal desc = xxxx")


@pytest.fixture
def wired(ours):
    """Another sidecar by the frame: act is what it does with a call."""
    made = []

    def make(act):
        peer = FrameApp(act).start()
        made.append(peer)
        make_known(ours.names, peer.port)
        return peer

    yield make
    for one in made:
        one.stop()


def frames_of(*answers):
    return b"".join(frame(one.SerializeToString()) for one in answers)


def test_a_peer_that_goes_away_before_it_answers(ours, wired):
    """An attempt on which the connection broke is made again; a body that passed once is not."""
    peer = wired(lambda stream: stream.ended.wait(20) and stream.wire.close())
    with Connection(ours.http) as c:
        c.send(b"POST /v1.0/invoke/other/method/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
               chunk(b"abc") + LAST_CHUNK)
        answer = c.answer_read()
    assert failure(answer).startswith("rpc error: code = Unavailable desc = ")
    assert len(peer.calls) == 1


def test_a_peer_that_goes_away_inside_its_answer(ours, wired, client):
    def act(stream):
        assert stream.ended.wait(20)
        stream.head()
        stream.data(frames_of(*chunks(ResponseChunk, response(), b"x" * 100)))
        stream.wire.close()

    peer = wired(act)
    answer = call(ours)
    assert answer.cut and answer.status == 200
    with pytest.raises(rpc.Failure) as raised:
        ask(client)
    assert raised.value.code == "INTERNAL"
    assert raised.value.message.startswith("failed to invoke, id: other, err: rpc error: code = Unavailable desc = ")
    assert len(peer.calls) == 2


def test_a_peer_that_resets_the_call(ours, wired, client):
    wired(lambda stream: stream.ended.wait(20) and stream.break_off(CODES.INTERNAL_ERROR))
    assert failure(call(ours)) == \
        "rpc error: code = Internal desc = stream terminated by RST_STREAM with error code: INTERNAL_ERROR"


def test_a_peer_whose_stream_ends_without_a_status(ours, wired):
    def act(stream):
        assert stream.ended.wait(20)
        stream.head()
        stream.data(frames_of(*chunks(ResponseChunk, response(), b"x")), end=True)

    wired(act)
    answer = call(ours)
    assert answer.cut or answer.status == 500


def test_a_client_that_leaves_ends_the_call_at_the_peer(ours, wired):
    peer = wired(lambda stream: None)
    with Connection(ours.http) as c:
        c.send(b"GET /v1.0/invoke/other/method/x HTTP/1.1\r\nHost: x\r\n\r\n")
        stream = peer.wait_call()
    assert stream.gone.wait(10) and stream.reset == CODES.CANCEL
