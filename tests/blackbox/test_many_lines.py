"""Lines of headers and metadata in numbers that no honest side has: the time they take grows with them, not with
their square, for a loop that is busy with one call has none for all others."""

import os

import grpc
import h2.errors
import pytest

from harness import rpc
from harness.app import raw_reply
from harness.frames import FrameClient, message
from harness.messages import SERVICE, ResponseChunk, request, response
from harness.peers import Callee, make_known

LINES = 60000
CPU_SECONDS = 2.5
INVOKE = "/dapr.proto.runtime.v1.Dapr/InvokeService"
Invoke = rpc.message("runtime.v1.InvokeServiceRequest")


def cpu_seconds(sidecar):
    with open(f"/proc/{sidecar.process.pid}/stat", encoding="ascii") as handle:
        fields = handle.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    return str(tmp_path_factory.mktemp("names") / "names.db")


@pytest.fixture(scope="module")
def app(shared):
    made = shared.app()
    for name, count in (("/many", LINES), ("/half", LINES // 2)):
        lines = b"".join(b"%05d: v\r\n" % (count - one) for one in range(count))
        made.route(name, raw_reply(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + lines + b"\r\nok"))
    return made


@pytest.fixture(scope="module")
def sidecar(shared, app, names):
    resolver = {"component": "sqlite", "version": "v1", "configuration": {"connectionString": names}}
    return shared.sidecar(app=app, app_id="mine", config={"nameResolution": resolver},
                          flags={"enable-api-logging": "false", "log-level": "error"})


@pytest.fixture(autouse=True)
def is_quick(sidecar):
    before = cpu_seconds(sidecar)
    yield
    took = cpu_seconds(sidecar) - before
    assert took < CPU_SECONDS, f"{took:.1f} s of a processor for one call"


def test_an_answer_of_many_lines(sidecar):
    answer = sidecar.post("/v1.0/invoke/mine/method/many")
    assert (answer.status, answer.body) == (200, b"ok")
    assert len(answer.headers) >= LINES


def invoke(sidecar, id="mine", method="m", metadata=()):
    body = Invoke(id=id, message={"method": method, "http_extension": {"verb": 3}}).SerializeToString()
    with FrameClient(sidecar.grpc) as client:
        client.wire.h2.decoder.max_header_list_size = 64 << 20
        number = client.begin(INVOKE, metadata)
        data = message(body)
        while data:
            client.wait_room(number)
            with client.wire.lock:
                piece = min(client.room(number), 16384)
                client.data(number, data[:piece], end=len(data) <= piece)
            data = data[piece:]
        return client.wait(number, 60)


def test_an_answer_of_many_lines_over_grpc(sidecar):
    answer = invoke(sidecar, method="half")
    assert answer.status == ("0", "")
    assert len(answer.head) >= LINES // 2


def test_an_answer_of_too_many_lines_is_broken_off(sidecar):
    """Nobody waits for what is too large to be sent."""
    assert invoke(sidecar, method="many").reset == h2.errors.ErrorCodes.INTERNAL_ERROR


def test_a_sentence_that_is_too_long_is_cut(sidecar):
    code, text = invoke(sidecar, id="." * 2000000).status
    assert code == "13" and text.startswith("failed to invoke, id: ...") and len(text) < 1 << 20


def test_a_client_of_many_lines(sidecar, names):
    """To another sidecar each name is an entry of a map."""
    callee = Callee(stream=lambda got, context: [ResponseChunk(response=response(200))])
    try:
        make_known(names, callee.port)
        answer = invoke(sidecar, "other", metadata=[(f"{LINES - one:05d}", "v") for one in range(LINES)])
        assert answer.status == ("0", ""), answer.status
        assert len(callee.calls[0][0][0].request.metadata) >= LINES
    finally:
        callee.stop()


def test_a_peer_that_names_lines_of_the_connection_without_end(sidecar):
    lines = [("connection", "a," * 1000000), *((f"k{one}", "v") for one in range(3000))]
    with grpc.insecure_channel(f"127.0.0.1:{sidecar.peer}") as channel:
        call = channel.unary_unary(f"/{SERVICE}/CallLocal")
        call(request(method="other", metadata=lines).SerializeToString(), timeout=60)
