"""The proxy by the frame (grpc-api.md 1.2, 1.3, 4.5, 5.1): heads as they are sent, where messages begin and end, what
a callee may do in the middle of a call. test_proxy.py is the same with the official library."""

import gzip
import socket
import sqlite3
import struct
import threading
import time

import h2.errors
import h2.settings
import pytest

from harness.frames import HEAD, OK, FrameApp, FrameClient, message, value, values
from harness.streams import memory_kb, peak_forget
from harness.wait import until

CODES = h2.errors.ErrorCodes
ROUTE = [("dapr-app-id", "framed")]
PATH = "/pkg.Any/Do"
ZERO = "00-00000000000000000000000000000000-0000000000000000-00"


def resolver(path):
    return {"nameResolution": {"component": "sqlite", "configuration": {"connectionString": path}}}


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    return str(tmp_path_factory.mktemp("names") / "names.db")


class Script:
    """What the app does is up to each test."""

    def __init__(self):
        self.act = None

    def __call__(self, stream):
        self.act(stream)


@pytest.fixture(scope="module")
def script():
    return Script()


@pytest.fixture(scope="module")
def app(script):
    with FrameApp(script) as made:
        yield made


@pytest.fixture(scope="module")
def callee(shared, app, names):
    made = shared.sidecar(app=app, app_id="framed", flags={"app-protocol": "grpc", "max-body-size": "1Mi"},
                          config=resolver(names), env={"APP_API_TOKEN": "token"})
    yield made
    made.stop()


@pytest.fixture(scope="module")
def caller(shared, names, callee):
    made = shared.sidecar(app_id="framing", config=resolver(names), flags={"max-body-size": "1Mi"})
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def fresh(app, script):
    app.calls.clear()
    script.act = reply


def reply(stream, data=b"answer", **more):
    assert stream.ended.wait(10)
    stream.answer(data, **more)


@pytest.fixture
def local(callee):
    with FrameClient(callee.grpc) as made:
        yield made


@pytest.fixture
def remote(caller):
    with FrameClient(caller.grpc) as made:
        yield made


@pytest.fixture(params=["local", "remote"])
def client(request):
    return request.getfixturevalue(request.param)


# ------------------------------------------------------------------------------------------ heads
def test_the_head_that_the_app_gets(local, app):
    local.call(PATH, ROUTE + [("grpc-timeout", "5S"), ("x-a", "1"), ("grpc-accept-encoding", "identity, deflate, gzip"),
                              ("grpc-message-type", "t"), ("user-agent", "me")])
    head = app.wait_call().headers
    timeout = value(head, "grpc-timeout")
    assert timeout[-1] in "num" and timeout != "5S"
    assert head == [(b":method", b"POST"), (b":scheme", b"http"), (b":path", PATH.encode()),
                    (b":authority", f"127.0.0.1:{app.port}".encode()), (b"content-type", b"application/grpc+proto"),
                    (b"user-agent", value(head, "user-agent").encode()), (b"te", b"trailers"),
                    (b"grpc-accept-encoding", b"gzip"), (b"grpc-timeout", timeout.encode()), (b"x-a", b"1"),
                    (b"grpc-accept-encoding", b"identity, deflate, gzip"), (b"dapr-api-token", b"token")]


def test_the_head_after_a_remote_hop(remote, app):
    remote.call(PATH, ROUTE + [("x-a", "1"), ("dapr-api-token", "mine")])
    head = app.wait_call().headers
    assert [name.decode() for name, _ in head[4:]] == [
        "content-type", "user-agent", "te", "grpc-accept-encoding", "grpc-accept-encoding", "x-a", "dapr-caller-app-id",
        "dapr-callee-app-id", "traceparent", "grpc-trace-bin", "dapr-api-token"]
    assert values(head, "content-type") == ["application/grpc+proto"]
    assert values(head, "dapr-api-token") == ["token"]
    assert values(head, "traceparent") == [ZERO]
    assert len(value(head, "grpc-trace-bin")) == 39 and "=" not in value(head, "grpc-trace-bin")


def test_what_a_peer_gets(bench, names, caller, app):
    """No token of anybody, no caller's namespace, no forwarding headers."""
    with sqlite3.connect(names) as db:
        db.execute("REPLACE INTO hosts VALUES (?, ?, 'foreign', 'default', ?)",
                   (str(app.port), f"127.0.0.1:{app.port}", int(time.time()) + 1000))
    with FrameClient(caller.grpc) as client:
        client.call("//pkg.Any/../x?y", [("dapr-app-id", "foreign"), ("dapr-api-token", "mine"), ("x-a", "1")])
    head = app.wait_call().headers
    assert value(head, ":path") == "//pkg.Any/../x?y"
    assert value(head, ":authority") == f"127.0.0.1:{app.port}"
    assert sorted(name.decode() for name, _ in head[4:]) == sorted([
        "content-type", "user-agent", "te", "grpc-accept-encoding", "x-a", "dapr-caller-app-id", "dapr-callee-app-id",
        "traceparent", "grpc-trace-bin"])
    assert value(head, "dapr-caller-app-id") == "framing" and value(head, "dapr-callee-app-id") == "foreign"


def test_repeated_keys_keep_their_order(client, app):
    sent = [("x-b", "2"), ("x-a", "1"), ("x-b", "1"), ("x-c-bin", "AAE"), ("x-c-bin", "AgM=,BA"), ("x-a", "0")]
    client.call(PATH, ROUTE + sent)
    assert [(name.decode(), one.decode()) for name, one in app.wait_call().headers if name.startswith(b"x-")] == sent


@pytest.mark.parametrize("asked,answered", [(b"application/grpc", "application/grpc"), (b"application/grpc+proto", "application/grpc+proto"),
                                            (b"application/grpc+json", "application/grpc+json")])
def test_the_content_type_of_the_answer_is_the_clients(client, app, asked, answered):
    answer = client.call(PATH, ROUTE, content_type=asked)
    assert values(answer.head, "content-type") == [answered]
    assert value(app.wait_call().headers, "content-type") == "application/grpc+proto"


def test_an_unknown_encoding_is_refused(client, app):
    answer = client.call(PATH, ROUTE + [("grpc-encoding", "snappy")])
    assert answer.status == ("12", 'grpc: Decompressor is not installed for grpc-encoding "snappy"')
    assert not app.calls


def test_answer_head_and_trailers(client, script):
    script.act = lambda stream: reply(
        stream, headers=HEAD + [(b"x-a", b"1"), (b"x-a", b"2"), (b"grpc-message-type", b"no"), (b"x-bin", b"AAE")],
        trailers=OK + [(b"x-t", b"1"), (b"x-t", b"0")])
    answer = client.call(PATH, ROUTE)
    assert [one for one in answer.head if one[0].startswith(b"x-")] == [(b"x-a", b"1"), (b"x-a", b"2"), (b"x-bin", b"AAE")]
    assert not values(answer.head, "grpc-message-type")
    assert answer.trailers == OK + [(b"x-t", b"1"), (b"x-t", b"0")]


@pytest.mark.parametrize("has_head", [True, False])
def test_without_a_message_there_are_only_trailers(client, script, has_head):
    last = [(b"grpc-status", b"20"), (b"grpc-message", b"a%20b"), (b"x-t", b"1"), (b"grpc-status-details-bin", b"CBQ")]

    def act(stream):
        assert stream.ended.wait(10)
        if has_head:
            stream.head(HEAD + [(b"x-a", b"1")])
            stream.trailers(last)
        else:
            stream.only_trailers(last)

    script.act = act
    answer = client.call(PATH, ROUTE)
    assert answer.trailers is None and not answer.body
    assert answer.head == HEAD + last


@pytest.mark.parametrize("code", ["20", "17", "99999"])
def test_any_number_is_a_code(client, script, code):
    script.act = lambda stream: reply(stream, trailers=[(b"grpc-status", code.encode()), (b"grpc-message", b"m")])
    answer = client.call(PATH, ROUTE)
    assert answer.messages == [(0, b"answer")] and answer.status == (code, "m")


def test_a_message_of_the_status_is_there_even_if_the_app_said_none(client, script):
    script.act = lambda stream: reply(stream, trailers=[(b"grpc-status", b"0")])
    assert client.call(PATH, ROUTE).trailers == OK


# --------------------------------------------------------------------------------------- messages
def test_messages_may_be_cut_anywhere(client, app):
    wire = message(b"one") + message(b"") + message(b"x" * 300)
    number = client.begin(PATH, ROUTE)
    for byte in wire:
        client.data(number, bytes([byte]))
    client.data(number, b"", end=True)
    answer = client.wait(number)
    assert answer.status == ("0", "")
    assert app.wait_call().body == wire


def test_several_messages_in_one_frame(client, app):
    wire = b"".join(message(b"%d" % number) for number in range(1000))
    assert client.call(PATH, ROUTE, wire).status == ("0", "")
    assert app.wait_call().body == wire


def test_a_packed_request_is_unpacked_for_the_app(client, app):
    wire = message(b"plain") + message(gzip.compress(b"y" * 5000), 1) + message(gzip.compress(b""), 1) + message(b"z")
    assert client.call(PATH, ROUTE + [("grpc-encoding", "gzip")], wire).status == ("0", "")
    call = app.wait_call()
    assert call.messages == [(0, b"plain"), (0, b"y" * 5000), (0, b""), (0, b"z")]
    assert not values(call.headers, "grpc-encoding")


def test_a_packed_answer_is_unpacked_for_the_client(client, script):
    def act(stream):
        assert stream.ended.wait(10)
        stream.head(HEAD + [(b"grpc-encoding", b"gzip")])
        stream.data(message(gzip.compress(b"y" * 5000), 1) + message(b"plain"))
        stream.trailers()

    script.act = act
    answer = client.call(PATH, ROUTE + [("grpc-accept-encoding", "gzip")])
    assert answer.messages == [(0, b"y" * 5000), (0, b"plain")]
    assert not values(answer.head, "grpc-encoding")


def test_a_flag_without_an_encoding(client, app):
    answer = client.call(PATH, ROUTE, message(b"abc", 1))
    assert answer.status == ("13", "grpc: compressed flag set with identity or empty encoding")


def test_a_request_that_is_no_gzip_is_a_failure_of_the_copy(client):
    answer = client.call(PATH, ROUTE + [("grpc-encoding", "gzip")], message(b"abc", 1))
    assert answer.status[0] == "13"
    assert answer.status[1].startswith("failed proxying server-to-client: rpc error: code = Internal desc = grpc: failed to "
                                       "decompress the received message: ")


def test_a_request_that_breaks_off_is_a_failure_of_the_copy(client):
    answer = client.call(PATH, ROUTE, message(b"whole") + message(b"broken")[:-1])
    assert answer.status == ("13", "failed proxying server-to-client: rpc error: code = Internal desc = unexpected EOF")


def test_an_answer_that_breaks_off(client, script):
    def act(stream):
        assert stream.ended.wait(10)
        stream.head()
        stream.data(message(b"whole") + message(b"broken")[:-1])
        stream.trailers()

    script.act = act
    assert client.call(PATH, ROUTE).status == ("13", "unexpected EOF")


def test_an_answer_with_a_flag_but_no_encoding(client, script):
    def act(stream):
        assert stream.ended.wait(10)
        stream.head()
        stream.data(message(b"abc", 1))
        stream.trailers()

    script.act = act
    assert client.call(PATH, ROUTE).status == ("13", "grpc: compressed flag set with identity or empty encoding")


def test_an_answer_with_an_unknown_encoding(client, script):
    def act(stream):
        assert stream.ended.wait(10)
        stream.head(HEAD + [(b"grpc-encoding", b"snappy")])
        stream.data(message(b"abc", 1))
        stream.trailers()

    script.act = act
    assert client.call(PATH, ROUTE).status == ("13", 'grpc: Decompressor is not installed for grpc-encoding "snappy"')


# ------------------------------------------------------------------------------------------- size
TOO_LARGE = struct.pack(">BI", 0, (1 << 20) + 1)


def test_a_large_request_is_refused_as_soon_as_its_prefix_is_there(client, app):
    number = client.begin(PATH, ROUTE)
    client.data(number, message(b"small") + TOO_LARGE)
    assert client.wait(number).status == ("8", "grpc: received message larger than max (1048577 vs. 1048576)")


def test_a_large_answer_is_refused_as_soon_as_its_prefix_is_there(client, app, script):
    def act(stream):
        stream.head()
        stream.data(message(b"small") + TOO_LARGE)

    script.act = act
    answer = client.wait(client.begin(PATH, ROUTE))
    assert answer.messages == [(0, b"small")]
    assert answer.status == ("8", "grpc: trying to send message larger than max (1048577 vs. 1048576)")
    call = app.wait_call()
    assert call.gone.wait(10) and call.reset == CODES.CANCEL


def test_a_large_packed_request_is_refused_by_its_prefix(client):
    number = client.begin(PATH, ROUTE + [("grpc-encoding", "gzip")])
    client.data(number, struct.pack(">BI", 1, 0xffffffff))
    assert client.wait(number).status == ("8", "grpc: received message larger than max (4294967295 vs. 1048576)")


# -------------------------------------------------------------------------------- the two directions
def test_the_answer_may_begin_and_end_before_the_request_has(client, app, script):
    def act(stream):
        stream.head()
        stream.data(message(b"early"))
        stream.trailers([(b"grpc-status", b"9"), (b"grpc-message", b"enough")])

    script.act = act
    number = client.begin(PATH, ROUTE)
    answer = client.wait(number)
    assert answer.messages == [(0, b"early")] and answer.status == ("9", "enough")


def test_the_half_close_comes_by_itself(client, app, script):
    script.act = lambda stream: None
    number = client.begin(PATH, ROUTE)
    client.data(number, message(b"one"))
    call = app.wait_call()
    until(lambda: call.messages == [(0, b"one")], "the first message")
    assert not call.ended.is_set()
    client.data(number, b"", end=True)
    assert call.ended.wait(10)
    call.answer(b"two")
    assert client.wait(number).messages == [(0, b"two")]


def test_a_request_of_nothing_but_a_head(client, app):
    answer = client.wait(client.begin(PATH, ROUTE, end=True))
    assert answer.messages == [(0, b"answer")] and answer.status == ("0", "")
    assert app.wait_call().body == b""


def test_a_reset_by_the_client_reaches_the_app(client, app, script):
    script.act = lambda stream: stream.head()
    number = client.begin(PATH, ROUTE)
    client.data(number, message(b"one"))
    call = app.wait_call()
    client.reset(number)
    assert call.gone.wait(10) and call.reset == CODES.CANCEL


def test_a_deadline_cancels_the_call_of_the_app(client, app, script):
    script.act = lambda stream: None
    answer = client.call(PATH, ROUTE + [("grpc-timeout", "300m")])
    assert answer.status == ("4", "context deadline exceeded")
    call = app.wait_call()
    assert call.gone.wait(10) and call.reset == CODES.CANCEL


# ------------------------------------------------------------------------------------- back-pressure
def test_a_client_is_held_back_by_an_app_that_does_not_read(bench, names):
    """What is on its way is bounded by the windows, and everything arrives once the app reads."""
    go_on = threading.Event()

    def act(stream):
        assert go_on.wait(60)
        app.consume = True
        with stream.wire.lock:
            stream.wire.h2.acknowledge_received_data(stream.took, stream.number)
            stream.wire.flush()
        assert stream.ended.wait(60)
        stream.answer(b"%d" % stream.took)

    app = FrameApp(act)
    app.consume = app.keep = False
    with app:
        sidecar = bench.sidecar(app=app, app_id="slow", flags={"app-protocol": "grpc", "max-body-size": "0"},
                                config=resolver(names))
        with FrameClient(sidecar.grpc) as client:
            size = 4 << 20
            number = client.begin(PATH, [("dapr-app-id", "slow")])
            client.data(number, struct.pack(">BI", 0, size))
            sent = fill(client, number, size, app.wait_call())
            assert sent < 2 << 20
            go_on.set()
            while sent < size:
                client.wait_room(number)
                sent += client.send_some(number, size - sent)
            client.data(number, b"", end=True)
            assert client.wait(number, 60).messages == [(0, b"%d" % (size + 5))]


def fill(client, number, size, call):
    """Sends until nothing moves any more: the app's window is full, and a ping came back without room."""
    sent = 0
    while True:
        while (n := client.send_some(number, size - sent)):
            sent += n
        until(lambda: call.took == 65535 or client.room(number), "the app's window to fill")
        client.ping()
        if not client.room(number):
            return sent


@pytest.mark.figures
def test_one_message_of_256_mb_in_constant_memory(bench, names):
    """It passes through two sidecars window by window, never whole."""
    size = 256 << 20
    app = FrameApp(lambda stream: stream.ended.wait(80) and stream.answer(b"%d" % stream.took))
    app.keep = False
    with app:
        flags = {"app-protocol": "grpc", "max-body-size": "0"}
        back = bench.sidecar(app=app, app_id="wide", flags=flags, config=resolver(names))
        front = bench.sidecar(app_id="widening", flags=flags, config=resolver(names))
        pids = [one.process.pid for one in (front, back)]
        with FrameClient(front.grpc) as client:
            assert client.call(PATH, [("dapr-app-id", "wide")]).messages == [(0, b"5")]
            before = [memory_kb(pid)[0] for pid in pids]
            for pid in pids:
                peak_forget(pid)
            number = client.begin(PATH, [("dapr-app-id", "wide")])
            client.data(number, struct.pack(">BI", 0, size))
            left = size
            while left:
                client.wait_room(number)
                left -= client.send_some(number, left)
            client.data(number, b"", end=True)
            assert client.wait(number).messages == [(0, b"%d" % (size + 5))]
            grown = [memory_kb(pid)[1] - was for pid, was in zip(pids, before)]
    assert max(grown) < 8 << 10, grown


# ---------------------------------------------------------------------------------- faults of the app
@pytest.mark.parametrize("code,status", [
    (CODES.NO_ERROR, "13"), (CODES.PROTOCOL_ERROR, "13"), (CODES.INTERNAL_ERROR, "13"), (CODES.FLOW_CONTROL_ERROR, "8"),
    (CODES.CANCEL, "1"), (CODES.ENHANCE_YOUR_CALM, "8"), (CODES.INADEQUATE_SECURITY, "7"), (CODES.STREAM_CLOSED, "13")],
    ids=lambda one: getattr(one, "name", one))
def test_a_reset_by_the_app_becomes_a_status(client, script, code, status):
    def act(stream):
        assert stream.ended.wait(10)
        stream.head()
        stream.data(message(b"one"))
        stream.break_off(code)

    script.act = act
    answer = client.call(PATH, ROUTE)
    assert answer.messages == [(0, b"one")]
    assert answer.status == (status, f"stream terminated by RST_STREAM with error code: {code.name}")


def test_a_refused_stream_is_tried_again(client, app, script):
    def act(stream):
        assert stream.ended.wait(10)
        if len(app.calls) == 1:
            stream.break_off(CODES.REFUSED_STREAM)
        else:
            stream.answer(b"second")

    script.act = act
    assert client.call(PATH, ROUTE, message(b"m")).messages == [(0, b"second")]
    assert [one.messages for one in app.calls] == [[(0, b"m")]] * 2


def test_a_stream_that_is_refused_for_ever_is_a_failure(client, app, script):
    script.act = lambda stream: stream.break_off(CODES.REFUSED_STREAM)
    answer = client.call(PATH, ROUTE)
    assert answer.status == ("14", "stream terminated by RST_STREAM with error code: REFUSED_STREAM")
    assert len(app.calls) == 3


def test_a_connection_that_breaks_in_the_middle(client, script):
    def act(stream):
        stream.head()
        stream.data(message(b"one"))
        stream.wire.close()

    script.act = act
    answer = client.call(PATH, ROUTE)
    assert answer.messages == [(0, b"one")]
    assert answer.status[0] == "14" and answer.status[1].startswith("error reading from server: ")


@pytest.mark.parametrize("head,status", [
    ([(b":status", b"200"), (b"content-type", b"text/html")],
     ("2", 'transport: received unexpected content-type "text/html"')),
    ([(b":status", b"200")], ("2", "malformed header: missing HTTP content-type")),
    ([(b":status", b"404"), (b"content-type", b"text/html")],
     ("12", 'unexpected HTTP status code received from server: 404 (Not Found); transport: received unexpected '
            'content-type "text/html"')),
    ([(b":status", b"503"), (b"content-type", b"application/grpc")],
     ("14", "unexpected HTTP status code received from server: 503 (Service Unavailable)"))])
def test_an_answer_that_is_no_grpc(client, script, head, status):
    def act(stream):
        assert stream.ended.wait(10)
        stream.head(head, end=True)

    script.act = act
    assert client.call(PATH, ROUTE).status == status


def test_an_answer_without_a_status(client, script):
    def act(stream):
        assert stream.ended.wait(10)
        stream.head()
        stream.data(message(b"one"), end=True)

    script.act = act
    answer = client.call(PATH, ROUTE)
    assert answer.status == ("13", "server closed the stream without sending trailers")


@pytest.mark.parametrize("said", [b"abc", b"-1", b"99999999999"])
def test_a_status_that_is_no_number(client, script, said):
    script.act = lambda stream: reply(stream, trailers=[(b"grpc-status", said)])
    code, text = client.call(PATH, ROUTE).status
    assert code == "13" and text.startswith("transport: malformed grpc-status")


def test_an_app_that_stalls_before_its_preface(bench, names):
    """9.2 appconnredial: the calls wait."""
    listener = socket.create_server(("127.0.0.1", 0))

    class Stalling:
        port = listener.getsockname()[1]

    sidecar = bench.sidecar(app=Stalling, app_id="stalling", flags={"app-protocol": "grpc"}, config=resolver(names))
    app = FrameApp(reply)
    with FrameClient(sidecar.grpc) as client:
        number = client.begin(PATH, [("dapr-app-id", "stalling")])
        client.data(number, message(b"m"), end=True)
        sock = accept_h2(listener)
        assert not client.answers[number].ended.is_set()
        threading.Thread(target=app._serve, args=(sock,), daemon=True).start()
        assert client.wait(number).messages == [(0, b"answer")]
    listener.close()


def accept_h2(listener):
    """Probes come without a byte."""
    while True:
        sock, _ = listener.accept()
        sock.settimeout(10)
        if sock.recv(3, socket.MSG_PEEK) == b"PRI":
            sock.settimeout(None)
            return sock
        sock.close()


def test_an_app_that_closes_before_its_preface(bench, names):
    listener = socket.create_server(("127.0.0.1", 0))

    class Closing:
        port = listener.getsockname()[1]

    sidecar = bench.sidecar(app=Closing, app_id="closing", flags={"app-protocol": "grpc"}, config=resolver(names))
    with FrameClient(sidecar.grpc) as client:
        number = client.begin(PATH, [("dapr-app-id", "closing")], end=True)
        sock = accept_h2(listener)
        sock.shutdown(socket.SHUT_WR)
        assert client.wait(number).status == ("14", 'connection error: desc = "error reading server preface: EOF"')
        sock.close()
    listener.close()
