"""An app that serves gRPC, by the frame (grpc-api.md 1.4, 1.7, 4.2, 5.1): how a call of it looks, and every way in which
it may answer or not. test_app_grpc.py is the same with the official library."""

import gzip
import socket
import struct
import threading

import h2.errors
import pytest

from harness import rpc
from harness.frames import HEAD, OK, FrameApp, message, value, values
from harness.ports import free_port
from harness.wait import until

CODES = h2.errors.ErrorCodes
Request, Response = rpc.message("common.v1.InvokeRequest"), rpc.message("common.v1.InvokeResponse")
ON_INVOKE = "/dapr.proto.runtime.v1.AppCallback/OnInvoke"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02"
BINARY = "AAAK92UZFs1D3YRI6yEcgDGcAbeta3FpIDMxAgI"
ZERO, ZERO_BINARY = "00-" + "0" * 32 + "-" + "0" * 16 + "-00", "AAAAAAAAAAAAAAAAAAAAAAAAAQAAAAAAAAAAAgA"


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
def sidecar(shared, app):
    return shared.sidecar(app=app, app_id="framed", flags={"app-protocol": "grpc", "max-body-size": "1Mi"},
                          env={"APP_API_TOKEN": "token"})


@pytest.fixture
def dapr(sidecar):
    client = rpc.Dapr(sidecar.grpc)
    yield client
    client.close()


@pytest.fixture(autouse=True)
def fresh(app):
    app.calls.clear()


def body(data=b""):
    made = Response()
    made.data.value = data
    return made.SerializeToString()


def answering(*steps):
    """Each step is a function of the stream; they run when all of the request is there."""
    def act(stream):
        assert stream.ended.wait(20)
        for step in steps:
            step(stream)
    return act


def invoke(dapr, call=None, data=b"x", target="framed"):
    return dapr.InvokeService(id=target, message={"method": "m", "data": {"value": data}}, call=call)


def failure(dapr, **more):
    with pytest.raises(rpc.Failure) as raised:
        invoke(dapr, **more)
    return raised.value


# -------------------------------------------------------------------------------------- the call
def test_what_a_call_looks_like(dapr, app, script):
    script.act = answering(lambda s: s.answer(body(b"ok")))
    invoke(dapr, {"timeout": 15, "metadata": [("x-bytes-bin", b"\x01\x02"), ("dapr-api-token", "of-the-client")]})
    stream = app.wait_call()
    names = [name.decode() for name, _ in stream.headers]
    assert names[:9] == [":method", ":scheme", ":path", ":authority", "content-type", "user-agent", "te",
                         "grpc-accept-encoding", "grpc-timeout"]
    assert [value(stream.headers, name) for name in (":method", ":scheme", ":path", ":authority", "content-type", "te",
                                                     "grpc-accept-encoding")] == \
        ["POST", "http", ON_INVOKE, f"127.0.0.1:{app.port}", "application/grpc", "trailers", "gzip"]
    assert values(stream.headers, "dapr-api-token") == ["token"]
    assert value(stream.headers, "x-bytes-bin") == "AQI"
    assert value(stream.headers, "traceparent") == ZERO and value(stream.headers, "grpc-trace-bin") == ZERO_BINARY
    (flag, sent), = stream.messages
    assert flag == 0 and Request.FromString(sent).data.value == b"x"


def test_a_trace_is_told_in_both_forms(dapr, app, script):
    script.act = answering(lambda s: s.answer(body()))
    invoke(dapr, {"metadata": [("traceparent", PARENT), ("tracestate", "a=b")]})
    stream = app.wait_call()
    assert value(stream.headers, "traceparent") == PARENT and value(stream.headers, "tracestate") == "a=b"
    assert value(stream.headers, "grpc-trace-bin") == BINARY


def test_a_large_message_arrives_in_pieces_as_the_window_allows(dapr, app, script):
    script.act = answering(lambda s: s.answer(body(b"ok")))
    data = bytes(range(256)) * 4000
    invoke(dapr, data=data)
    (flag, sent), = app.wait_call().messages
    assert flag == 0 and Request.FromString(sent).data.value == data


def test_a_message_that_is_too_large_is_not_sent(dapr, app):
    failed = failure(dapr, data=b"x" * ((1 << 20) - 8))
    assert failed.code == "RESOURCE_EXHAUSTED" and "larger than max (" in failed.message
    assert not app.calls


# ------------------------------------------------------------------------------------- the answer
def test_a_packed_answer(dapr, script):
    script.act = answering(lambda s: s.head([*HEAD, (b"grpc-encoding", b"gzip")]),
                           lambda s: s.data(message(gzip.compress(body(b"a" * 5000)), 1)), lambda s: s.trailers())
    assert invoke(dapr).data.value == b"a" * 5000


def test_an_answer_in_the_smallest_pieces(dapr, script):
    data = message(body(b"whole"))
    script.act = answering(lambda s: s.head(), *[lambda s, one=data[at:at + 1]: s.data(one) for at in range(len(data))],
                           lambda s: s.trailers())
    assert invoke(dapr).data.value == b"whole"


def test_trailers_alone(dapr, script):
    script.act = answering(lambda s: s.only_trailers([(b"grpc-status", b"5"), (b"grpc-message", b"gone %E2%82%AC"),
                                                      (b"x-tail", b"1")]))
    failed = failure(dapr)
    rpc.assert_failure(failed, "NOT_FOUND", "gone €")
    assert ("x-tail", "1") in failed.trailing


def test_a_text_that_ends_in_a_blank_is_not_lost(dapr, script):
    script.act = answering(lambda s: s.only_trailers([(b"grpc-status", b"5"), (b"grpc-message", b"not found: ")]))
    found = failure(dapr)
    assert found.code == "NOT_FOUND" and found.message.strip() == "not found:"


def test_a_code_that_has_no_name(sidecar, script):
    """Seen by HTTP: the library shows numbers that it does not know as UNKNOWN."""
    script.act = answering(lambda s: s.only_trailers([(b"grpc-status", b"20"), (b"grpc-message", b"mine")]))
    got = sidecar.post("/v1.0/invoke/framed/method/m")
    assert got.status == 500 and got.json == {"code": 20, "message": "mine"}


@pytest.mark.parametrize("status,code", [(400, "INTERNAL"), (401, "UNAUTHENTICATED"), (403, "PERMISSION_DENIED"),
                                         (404, "UNIMPLEMENTED"), (429, "UNAVAILABLE"), (502, "UNAVAILABLE"),
                                         (503, "UNAVAILABLE"), (504, "UNAVAILABLE"), (500, "UNKNOWN"), (302, "UNKNOWN")])
def test_what_is_no_grpc_means_what_its_status_means(dapr, script, status, code):
    head = [(b":status", str(status).encode()), (b"content-type", b"text/plain")]
    script.act = answering(lambda s: s.head(head), lambda s: s.data(b"sorry", end=True))
    failed = failure(dapr)
    assert failed.code == code
    assert failed.message.startswith(f"unexpected HTTP status code received from server: {status} (")
    assert failed.message.endswith('transport: received unexpected content-type "text/plain"')


def test_a_page_instead_of_an_answer(dapr, script):
    script.act = answering(lambda s: s.head([(b":status", b"200"), (b"content-type", b"text/html")]),
                           lambda s: s.data(b"<html>", end=True))
    rpc.assert_failure(failure(dapr), "UNKNOWN", 'transport: received unexpected content-type "text/html"')


def test_no_trailers(dapr, script):
    script.act = answering(lambda s: s.head(), lambda s: s.data(message(body()), end=True))
    rpc.assert_failure(failure(dapr), "INTERNAL", "server closed the stream without sending trailers")


def test_too_large_an_answer_ends_at_its_prefix(dapr, app, script):
    script.act = answering(lambda s: s.head(), lambda s: s.data(struct.pack(">BI", 0, (1 << 20) + 1)))
    rpc.assert_failure(failure(dapr), "RESOURCE_EXHAUSTED",
                       "grpc: received message larger than max (1048577 vs. 1048576)")
    stream = app.wait_call()
    assert stream.gone.wait(10) and stream.reset == CODES.CANCEL


def test_two_answers(dapr, app, script):
    script.act = answering(lambda s: s.head(), lambda s: s.data(message(body()) + message(body())))
    assert failure(dapr).code == "INTERNAL"
    assert app.wait_call().gone.wait(10)


def test_half_a_message(dapr, script):
    script.act = answering(lambda s: s.head(), lambda s: s.data(message(body(b"whole"))[:7]), lambda s: s.trailers())
    assert failure(dapr).code == "INTERNAL"


# ----------------------------------------------------------------------------------- no answer
@pytest.mark.parametrize("reset,code", [(CODES.INTERNAL_ERROR, "INTERNAL"), (CODES.CANCEL, "CANCELLED"),
                                        (CODES.ENHANCE_YOUR_CALM, "RESOURCE_EXHAUSTED"),
                                        (CODES.INADEQUATE_SECURITY, "PERMISSION_DENIED"), (CODES.NO_ERROR, "INTERNAL")])
def test_a_reset_has_the_code_that_grpc_gives_it(dapr, script, reset, code):
    script.act = answering(lambda s: s.break_off(reset))
    failed = failure(dapr)
    assert failed.code == code
    assert failed.message == f"stream terminated by RST_STREAM with error code: {reset.name}"


@pytest.mark.parametrize("size", [1, 100000])
def test_what_the_app_refused_unseen_is_sent_again(dapr, app, script, size):
    def act(stream):
        if len(app.calls) == 1:
            stream.break_off(CODES.REFUSED_STREAM)
        else:
            assert stream.ended.wait(20)
            stream.answer(body(str(len(stream.body)).encode()))

    script.act = act
    answer = invoke(dapr, data=b"x" * size)
    assert len(app.calls) == 2 and int(answer.data.value) > size


def test_an_app_that_goes_away_is_dialled_again(dapr, app, script):
    """GOAWAY before the call was seen: it goes to another connection; what runs is finished on the old one."""
    script.act = answering(lambda s: s.answer(body(b"one")))
    invoke(dapr)
    first = app.calls[0].wire
    first.send(lambda h: h.close_connection(CODES.NO_ERROR))
    script.act = answering(lambda s: s.answer(body(b"two")))
    until(lambda: _is(dapr, b"two"), "an answer")
    assert app.calls[-1].wire is not first


def _is(dapr, wanted):
    try:
        return invoke(dapr).data.value == wanted
    except rpc.Failure:
        return False


def test_an_app_that_drops_the_connection_in_a_call(dapr, script):
    script.act = answering(lambda s: s.head(), lambda s: s.wire.close())
    rpc.assert_failure(failure(dapr), "UNAVAILABLE", "error reading from server: EOF")


def test_an_app_that_stalls_before_its_preface_is_waited_for(bench):
    """The application restarts slowly (9.2 appconnredial): a connection in its handshake is not given up early."""
    script = Script()
    script.act = answering(lambda s: s.answer(body(b"late")))
    hidden = FrameApp(script).start()
    gate, front = threading.Event(), free_port()
    listener = socket.create_server(("127.0.0.1", front))
    listener.settimeout(30)
    waiting = threading.Semaphore(0)
    threading.Thread(target=_forward, args=(listener, hidden.port, gate, waiting), daemon=True).start()

    class At:
        port = front

    sidecar = bench.sidecar(app=At, app_id="slow", flags={"app-protocol": "grpc"})
    dapr = rpc.Dapr(sidecar.grpc)
    got = []
    thread = threading.Thread(target=lambda: got.append(invoke(dapr, target="slow").data.value))
    thread.start()
    assert waiting.acquire(timeout=10)
    gate.set()
    thread.join(20)
    assert got == [b"late"]
    assert not sidecar.logged("error reading server preface")
    dapr.close()
    listener.close()
    hidden.stop()


def _forward(listener, port, gate, waiting):
    """Connections that say something are passed on once the gate is open; probes say nothing."""
    while True:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_pass_on, args=(sock, port, gate, waiting), daemon=True).start()


def _pass_on(sock, port, gate, waiting):
    first = sock.recv(65536)
    if not first:
        return sock.close()
    waiting.release()
    assert gate.wait(20)
    other = socket.create_connection(("127.0.0.1", port))
    other.sendall(first)
    threading.Thread(target=_pump, args=(other, sock), daemon=True).start()
    _pump(sock, other)


def _pump(source, to):
    try:
        while data := source.recv(65536):
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def test_the_connection_is_kept_and_shared(dapr, app, script):
    script.act = answering(lambda s: s.answer(body()))
    for _ in range(5):
        invoke(dapr)
    assert len({id(stream.wire) for stream in app.calls}) == 1


def test_settings_are_empty(bench):
    """What the sidecar says before anything else: the preface and SETTINGS without entries (5.1)."""
    seen, listener = [], socket.create_server(("127.0.0.1", 0))

    def listen():
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            data = sock.recv(33)
            if data:
                seen.append(data)
            sock.close()

    threading.Thread(target=listen, daemon=True).start()

    class At:
        port = listener.getsockname()[1]

    sidecar = bench.sidecar(app=At, app_id="bare", flags={"app-protocol": "grpc"})
    dapr = rpc.Dapr(sidecar.grpc)
    failed = failure(dapr, target="bare")
    assert failed.code == "UNAVAILABLE" and "error reading server preface: " in failed.message
    assert seen[0] == b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    dapr.close()
    listener.close()


def test_before_it_listens_its_port_is_tried_without_a_word(bench):
    """Connections that are opened and closed, until there is one; then the process is ready (5.1 wait for app)."""
    port, said = free_port(), []

    class At:
        pass

    At.port = port
    sidecar = bench.sidecar(app=At, app_id="waits", ready=False, flags={"app-protocol": "grpc"})
    until(sidecar.is_outbound_ready, "outbound health")
    assert sidecar.status_of("/v1.0/healthz") == 500
    listener = socket.create_server(("127.0.0.1", port))
    listener.settimeout(20)
    sock, _ = listener.accept()
    while data := sock.recv(100):
        said.append(data)
    assert not said
    sidecar.wait_ready()
    listener.close()
