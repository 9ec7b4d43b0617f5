"""The public gRPC server (grpc-api.md 1.1 to 1.7): by the frame what a well-behaved client never sends, by the official
client what every call sees. test_proxy*.py is the same for calls that are passed on."""

import base64
import functools
import gzip
import signal
import socket
import struct

import h2.errors
import h2.settings
import pytest

from harness import metrics, raw, rpc
from harness.frames import Answer, FrameClient, message, value, values
from harness.resources import component
from harness.rpc import DENIED, assert_failure, error_info, failure
from harness.wait import until

CODES = h2.errors.ErrorCodes
DAPR = "/dapr.proto.runtime.v1.Dapr/"
GET, SAVE, BULK = DAPR + "GetState", DAPR + "SaveState", DAPR + "GetBulkState"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
EMPTY_SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
TRACE = bytes.fromhex("0000" + "0af7651916cd43dd8448eb211c80319c" + "01" + "b7ad6b7169203331" + "0201")
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def get_message(store="memory", key="k"):
    return rpc.message("runtime.v1.GetStateRequest")(store_name=store, key=key).SerializeToString()


@pytest.fixture(scope="module")
def sidecar(shared):
    return shared.sidecar(app_id="door", resources=[component("memory", "state.in-memory")])


@pytest.fixture(scope="module")
def dapr(sidecar):
    made = rpc.Dapr(sidecar.grpc)
    made.SaveState(store_name="memory", states=[{"key": "k", "value": b"value"}])
    yield made
    made.close()


@pytest.fixture
def client(sidecar, dapr):
    with FrameClient(sidecar.grpc) as made:
        yield made


@pytest.fixture(scope="module")
def quiet(shared):
    """Without tracing: failures are trailers and nothing else."""
    return shared.sidecar(config={"tracing": {"samplingRate": "0"}}, resources=[component("memory", "state.in-memory")])


def begin(client, head, end=False):
    """A call whose head is as it is given."""
    with client.wire.lock:
        number = client.wire.h2.get_next_available_stream_id()
        client.answers[number] = Answer()
        client.wire.send(lambda h: h.send_headers(number, head, end_stream=end))
    return number


def head(path=GET, **changes):
    """The head of a call by name; a value of None takes a line away."""
    lines = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "localhost",
             "content-type": "application/grpc", "te": "trailers"}
    lines.update({name.replace("_", "-"): value for name, value in changes.items()})
    return [(name.encode(), line.encode()) for name, line in lines.items() if line is not None]


def call(client, lines, body=None):
    number = begin(client, lines)
    client.data(number, message(get_message()) if body is None else body, end=True)
    return client.wait(number)


def status(answer):
    return value(answer.head, ":status"), value(answer.last, "grpc-status"), value(answer.last, "grpc-message")


# ------------------------------------------------------------------------------ 1.1 who serves what
def test_there_is_no_health_service(client):
    found = client.call("/grpc.health.v1.Health/Check")
    assert found.status == ("2", "cannot proxy request: missing dapr-callee-app-id or dapr-app-id metadata")


def test_what_this_server_does_not_do_yet_is_unimplemented(client):
    """Methods of Dapr's own service never go to an app."""
    found = client.call(DAPR + "NoSuchMethod", [("dapr-app-id", "door")])
    assert found.status[0] == "12" and "NoSuchMethod" in found.status[1]


@pytest.mark.differs
@pytest.mark.parametrize("port", ["grpc", "peer"])
@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_a_client_of_http_1_reads_where_it_is(sidecar, port, verb):
    answer = raw.request(getattr(sidecar, port), verb, "/v1.0/metadata", (), b"x" * 100000 if verb == "POST" else b"")
    assert (answer.status, answer.header("Connection")) == (505, "close")
    assert answer.text == "this port speaks gRPC, over HTTP/2 without an upgrade: the HTTP API is on --dapr-http-port\n"


@pytest.mark.differs
def test_a_client_of_grpc_reads_that_the_port_speaks_http(sidecar):
    found = failure(rpc.Dapr(sidecar.http).GetMetadata)
    assert_failure(found, "UNIMPLEMENTED", "this port speaks HTTP: the gRPC API is on --dapr-grpc-port")


def test_a_unix_socket_instead_of_a_port(bench, tmp_path):
    sidecar = bench.sidecar(flags={"unix-domain-socket": str(tmp_path)}, app_id="uds", ready=False)
    path = tmp_path / "dapr-uds-grpc.socket"
    until(path.exists, lambda: f"the socket; the log:\n{sidecar.log_tail()}")
    assert rpc.Dapr(f"unix:{path}").GetMetadata(call={"wait_for_ready": True}).id == "uds"


# ---------------------------------------------------------------------------------- 1.2 connections
def frames(sock, rest=b""):
    """(kind, flags, stream, payload) as they come."""
    while True:
        while len(rest) < 9 or len(rest) < 9 + int.from_bytes(rest[:3], "big"):
            data = sock.recv(65536)
            if not data:
                return
            rest += data
        length = int.from_bytes(rest[:3], "big")
        yield rest[3], rest[4], struct.unpack(">I", rest[5:9])[0], rest[9:9 + length]
        rest = rest[9 + length:]


@pytest.mark.parametrize("flags, list_size", [({}, 4 << 20), ({"read-buffer-size": "8Ki"}, 8 << 20)], ids=["default", "8Ki"])
def test_the_settings_are_these_two_and_no_more(bench, flags, list_size):
    sidecar = bench.sidecar(flags=flags)
    with socket.create_connection(("127.0.0.1", sidecar.grpc), timeout=10) as sock:
        sock.sendall(PREFACE + EMPTY_SETTINGS)
        kind, flag, stream, payload = next(frames(sock))
    assert (kind, flag, stream) == (4, 0, 0)
    said = {struct.unpack(">HI", payload[at:at + 6]) for at in range(0, len(payload), 6)}
    assert said == {(5, 16384), (6, list_size)}


def test_too_large_a_request_is_refused_at_its_prefix(client):
    number = client.begin(SAVE)
    client.data(number, struct.pack(">BI", 0, 5000000))
    assert client.wait(number).status == ("8", "grpc: received message larger than max (5000000 vs. 4194304)")


def test_the_limit_is_the_flag(bench):
    dapr = rpc.Dapr(bench.sidecar(flags={"max-body-size": "2Ki"}, resources=[component("memory", "state.in-memory")]).grpc)
    dapr.SaveState(store_name="memory", states=[{"key": "a", "value": b"x" * 1500}])
    found = failure(dapr.SaveState, store_name="memory", states=[{"key": "a", "value": b"x" * 2500}])
    assert found.code == "RESOURCE_EXHAUSTED" and found.message.endswith(" vs. 2048)")
    dapr.SaveState(store_name="memory", states=[{"key": "b", "value": b"x" * 1500}])
    found = failure(dapr.GetBulkState, store_name="memory", keys=["a", "b"])
    assert found.code == "RESOURCE_EXHAUSTED" and found.message.startswith("grpc: trying to send message larger than max (3")
    assert found.message.endswith(" vs. 2048)")


def test_a_message_that_inflates_past_the_limit(client):
    packed = gzip.compress(b"\0" * 5000000)
    found = client.call(SAVE, [("grpc-encoding", "gzip")], message(packed, flag=1))
    assert found.status[0] == "8" and found.status[1].startswith("grpc: ") and "after decompression larger than max " in found.status[1]


def test_pings_in_a_row_are_abuse(client):
    client.wire.send(lambda h: [h.ping(b"12345678") for _ in range(6)])     # at once: after the GOAWAY no more can be sent
    goaway = until(lambda: client.wire.goaways, "GOAWAY")[0]
    assert goaway.error_code == CODES.ENHANCE_YOUR_CALM and goaway.additional_data == b"too_many_pings"
    assert client.wire.closed.wait(10)


def test_pings_between_answers_are_none(client):
    for _ in range(20):
        client.ping()
        assert client.call(GET, body=message(get_message())).status[0] == "0"
    assert not client.wire.goaways


def test_the_first_stream_may_be_3(sidecar):
    with FrameClient(sidecar.grpc) as client:
        with client.wire.lock:
            client.answers[3] = Answer()
            client.wire.send(lambda h: h.send_headers(3, head()))
        client.data(3, message(get_message()), end=True)
        assert client.wait(3).status[0] == "0"


def test_an_even_stream_is_an_error_of_the_connection(sidecar):
    with socket.create_connection(("127.0.0.1", sidecar.grpc), timeout=10) as sock:
        sock.sendall(PREFACE + EMPTY_SETTINGS + b"\x00\x00\x01\x01\x05\x00\x00\x00\x02\x82")
        found = [(kind, payload) for kind, _, _, payload in frames(sock)]
    assert found[-1][0] == 7 and struct.unpack(">I", found[-1][1][4:8])[0] == CODES.PROTOCOL_ERROR


def test_a_client_that_is_silent_is_asked_and_then_left(bench):
    """PING after 10 s, the end 5 s later; what comes in between is waited for, not timed."""
    sidecar = bench.sidecar()
    with socket.create_connection(("127.0.0.1", sidecar.grpc), timeout=30) as sock:
        sock.sendall(PREFACE + EMPTY_SETTINGS + b"\x00\x00\x00\x04\x01\x00\x00\x00\x00")
        kinds = [(kind, flags) for kind, flags, _, _ in frames(sock)]
    assert (6, 0) in kinds


# --------------------------------------------------------------------------------- 1.3 validation
@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD"])
def test_a_method_other_than_post(client, method):
    found = client.wait(begin(client, head(**{":method": method}), end=True))
    assert status(found) == ("405", "13", f'Received a HEADERS frame with :method "{method}" which should be POST')


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "", None])
def test_a_content_type_that_is_not_grpcs(client, kind):
    found = client.wait(begin(client, head(content_type=kind), end=True))
    assert status(found) == ("415", "3", f'invalid gRPC request content-type "{kind or ""}"')


def test_what_is_no_grpc_is_refused_before_all_of_it_has_come(client):
    number = begin(client, head(content_type="text/plain"))
    client.wire.send(lambda h: [h.send_data(number, bytes(16000)) for _ in range(3)])
    assert status(client.wait(number)) == ("415", "3", 'invalid gRPC request content-type "text/plain"')


def test_what_is_no_grpc_may_be_given_up(client):
    number = begin(client, head(**{":method": "PUT"}))
    client.ping()
    if not client.answers[number].ended.is_set():
        client.reset(number)
    assert client.call(GET, body=message(get_message())).status[0] == "0"


@pytest.mark.parametrize("kind", ["application/grpc", "application/grpc+proto", "application/grpc+json", "application/grpc;charset=x"])
def test_the_subtype_is_echoed(client, kind):
    found = call(client, head(content_type=kind))
    assert found.status[0] == "0" and b"value" in found.messages[0][1]
    assert value(found.head, "content-type") == kind.partition(";")[0]


def test_without_te(client):
    assert call(client, head(te=None)).status[0] == "0"


@pytest.mark.parametrize("given, why", [("zz", 'transport: timeout unit is not recognized: "zz"'), ("5x", 'transport: timeout unit is not recognized: "5x"'),
                                        ("5", 'transport: timeout string is too short: "5"'),
                                        ("123456789S", 'transport: timeout string is too long: "123456789S"')])
def test_a_timeout_that_is_none(client, given, why):
    found = client.wait(begin(client, head(grpc_timeout=given), end=True))
    assert status(found) == ("400", "13", f"malformed grpc-timeout: {why}")


@pytest.mark.parametrize("given", ["1H", "5M", "99999999S", "20000m", "20000000u", "99999999n"])
def test_timeouts_of_every_unit(client, given):
    assert call(client, head(grpc_timeout=given)).status[0] == "0"


def test_a_timeout_that_expires(client):
    """A unary call whose message does not come."""
    found = client.wait(client.begin(GET, [("grpc-timeout", "50m")]))
    assert found.reset == CODES.CANCEL or found.status == ("4", "context deadline exceeded")


def test_binary_metadata_that_is_none(client):
    found = client.wait(begin(client, head(x_bin="!!!"), end=True))
    assert status(found) == ("400", "13", 'malformed binary metadata "!!!" in header "x-bin": illegal base64 data at input byte 0')


@pytest.mark.parametrize("given", ["YQ==", "YQ", "YWI=,YQ", ""])
def test_binary_metadata_of_every_form(client, given):
    assert call(client, head(x_bin=given)).status[0] == "0"


def test_a_connection_header(client):
    assert client.wait(begin(client, head(connection="close"))).reset == CODES.PROTOCOL_ERROR


def test_two_hosts(client):
    found = client.wait(begin(client, [*head(), (b"host", b"a"), (b"host", b"b")], end=True))
    assert found.reset == CODES.PROTOCOL_ERROR or status(found)[:2] == ("400", "13")


def test_a_header_list_over_the_limit(bench):
    sidecar = bench.sidecar(flags={"read-buffer-size": "1Ki"})
    with FrameClient(sidecar.grpc) as client:
        client.ping()
        number = begin(client, [*head(), *[(b"x", b"y" * 4000)] * 280], end=True)      # small on the wire
        found = client.wait(number)
        assert found.head is None and (found.reset == CODES.FRAME_SIZE_ERROR or client.wire.goaways)


def test_a_path_without_a_method(client):
    found = call(client, head("/nosuch", dapr_app_id="x"))
    assert found.status == ("12", 'malformed method name: "/nosuch"')


def test_an_unknown_encoding(client):
    found = call(client, head(grpc_encoding="snappy"))
    assert found.status == ("12", 'grpc: Decompressor is not installed for grpc-encoding "snappy"')


@pytest.mark.parametrize("encoding", [None, "identity"])
def test_a_compressed_message_without_an_encoding(client, encoding):
    found = call(client, head(grpc_encoding=encoding), message(gzip.compress(get_message()), flag=1))
    assert found.status == ("13", "grpc: compressed flag set with identity or empty encoding")


def test_no_message(client):
    number = client.begin(GET)
    client.data(number, b"", end=True)
    assert client.wait(number).status == ("2", "EOF")


def test_no_message_and_the_end_with_the_head(client):
    assert client.wait(client.begin(GET, end=True)).status == ("2", "EOF")


def test_a_message_that_breaks_off(client):
    assert client.call(GET, body=message(get_message())[:-1]).status[0] == "13"


def test_a_second_message_is_ignored(client):
    found = client.call(GET, body=message(get_message()) + message(get_message("nowhere")))
    assert found.status[0] == "0" and len(found.messages) == 1


def test_a_message_in_pieces_and_the_end_apart(client):
    number = client.begin(GET)
    for at in message(get_message()):
        client.data(number, bytes([at]))
    client.data(number, b"", end=True)
    assert client.wait(number).status[0] == "0"


# ----------------------------------------------------------------------------------- 1.4 responses
def test_success_is_head_data_trailers(client):
    found = client.call(GET, body=message(get_message()))
    assert found.head[0] == (b":status", b"200") and value(found.head, "content-type") == "application/grpc"
    assert value(found.head, "grpc-status") is None and len(found.messages) == 1
    assert found.trailers == [(b"grpc-status", b"0"), (b"grpc-message", b"")]


def test_a_failure_is_trailers_only(quiet):
    with FrameClient(quiet.grpc) as client:
        found = client.call(GET, body=message(get_message("nowhere")))
    assert found.trailers is None and found.body == b"" and status(found) == ("200", "3", "state store nowhere is not found")


def test_with_tracing_a_failure_has_a_head_first(client):
    found = client.call(GET, body=message(get_message("nowhere")))
    assert value(found.head, "grpc-trace-bin") and value(found.head, "grpc-status") is None
    assert value(found.trailers, "grpc-status") == "3"


def test_a_failure_before_the_handler_is_trailers_only(client):
    assert client.wait(client.begin(GET, end=True)).trailers is None


def test_a_message_is_percent_encoded(client):
    found = client.call(GET, body=message(get_message("né%\n€")))
    assert found.status == ("3", "state store n%C3%A9%25%0A%E2%82%AC is not found")


def test_details_are_unpadded_base64(client):
    said = value(client.call(GET, body=message(get_message("nowhere"))).trailers, "grpc-status-details-bin")
    assert "=" not in said
    found = rpc.Status.FromString(base64.b64decode(said + "=" * (-len(said) % 4)))
    assert (found.code, found.message, len(found.details)) == (3, "state store nowhere is not found", 1)
    assert found.details[0].type_url == "type.googleapis.com/google.rpc.ErrorInfo"


def test_an_end_before_the_client_has_ended_is_told(client):
    """RST_STREAM(NO_ERROR) behind the trailers; the connection goes on."""
    number = client.begin(SAVE)
    client.data(number, struct.pack(">BI", 0, 5000000))
    client.wait(number)
    assert client.call(GET, body=message(get_message())).status[0] == "0"


@pytest.mark.parametrize("limit", [8192, 16384])
def test_trailers_fit_the_clients_limit(sidecar, limit):
    with FrameClient(sidecar.grpc, settings={h2.settings.SettingCodes.MAX_HEADER_LIST_SIZE: limit}) as client:
        client.ping()
        number = client.begin(GET)
        body = message(get_message("x" * 30000))
        for at in range(0, len(body), 16384):
            client.data(number, body[at:at + 16384], end=at + 16384 >= len(body))
        found = client.wait(number)
        assert found.reset is None and found.status[0] == "3"
        assert found.status[1].startswith("state store xxx")
        assert sum(len(name) + len(text) + 32 for name, text in found.last) <= limit


def test_large_trailers_come_whole(sidecar):
    dapr, name = rpc.Dapr(sidecar.grpc, options=[("grpc.max_metadata_size", 1 << 20)]), "x" * 30000
    assert_failure(failure(dapr.GetState, store_name=name), "INVALID_ARGUMENT", f"state store {name} is not found",
                   [error_info("DAPR_STATE_NOT_FOUND")])


def test_gzip_is_echoed_and_never_begun(client):
    packed = message(gzip.compress(get_message()), flag=1)
    found = client.call(GET, [("grpc-encoding", "gzip")], packed)
    assert value(found.head, "grpc-encoding") == "gzip" and found.status[0] == "0"
    (flag, body), = found.messages
    assert flag == 1 and b"value" in gzip.decompress(body)
    found = client.call(GET, [("grpc-accept-encoding", "identity, deflate, gzip")], message(get_message()))
    assert value(found.head, "grpc-encoding") is None and found.messages[0][0] == 0
    found = client.call(GET, [("grpc-encoding", "identity")], message(get_message()))
    assert value(found.head, "grpc-encoding") is None and found.messages[0][0] == 0


# ------------------------------------------------------------------------------------ 1.5 shutdown
def test_goaway_twice_and_the_connection_closes(bench):
    sidecar = bench.sidecar(resources=[component("memory", "state.in-memory")])
    with socket.create_connection(("127.0.0.1", sidecar.grpc), timeout=15) as sock:
        sock.sendall(PREFACE + EMPTY_SETTINGS)
        coming = frames(sock)
        assert next(coming)[0] == 4
        sock.sendall(b"\x00\x00\x00\x04\x01\x00\x00\x00\x00")
        sidecar.signal(signal.SIGTERM)
        told = []
        for kind, flags, _, payload in coming:
            if kind == 7:
                told.append((struct.unpack(">II", payload[:8]), payload[8:]))
            elif kind == 6 and not flags:
                told.append(payload)
                sock.sendall(b"\x00\x00\x08\x06\x01\x00\x00\x00\x00" + payload)
    assert told[0] == ((2**31 - 1, CODES.NO_ERROR), b"graceful_stop")
    assert told[1] == bytes([1, 6, 1, 8, 0, 3, 3, 9])
    assert told[2][0] == (0, CODES.NO_ERROR) and len(told) == 3
    assert sidecar.wait_end() == 0


# -------------------------------------------------------------------------------- 1.6 interceptors


def unauthorized(why):
    return [error_info("Unauthorized", {"http.code": "401", "http.error_message": why})]


@pytest.fixture(scope="module")
def guarded(shared):
    rules = {"denied": [{"name": "secrets", "version": "v1", "protocol": "grpc"}, {"name": "metadata", "version": "v1", "protocol": "http"},
                        {"name": "state", "version": "v1alpha1", "protocol": "grpc"}]}
    return shared.sidecar(app_id="guarded", env={"DAPR_API_TOKEN": "right"}, config={"api": rules}, resources=[
        component("memory", "state.in-memory")])


def test_the_token(guarded):
    dapr = rpc.Dapr(guarded.grpc, metadata=[("dapr-api-token", "right")])
    assert dapr.GetState(store_name="memory", key="k").data == b""


@pytest.mark.parametrize("given, why", [([], "missing api token in request metadata"),
                                        ([("dapr-api-token", "wrong")], "authentication error: api token mismatch"),
                                        ([("dapr-api-token", "")], "authentication error: api token mismatch")])
def test_without_the_right_token(guarded, given, why):
    found = failure(rpc.Dapr(guarded.grpc, metadata=given).GetState, store_name="memory", key="k")
    assert_failure(found, "UNAUTHENTICATED", "Unauthorized", unauthorized(why))


@pytest.mark.parametrize("path", ["/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "/pkg.Any/Do"])
def test_the_token_is_asked_for_everywhere(guarded, path):
    with FrameClient(guarded.grpc) as client:
        assert client.call(path, [("dapr-app-id", "guarded")]).status == ("16", "Unauthorized")


def test_the_list_is_looked_at_before_the_token(guarded):
    dapr = rpc.Dapr(guarded.grpc)
    assert_failure(failure(dapr.GetSecret), "UNIMPLEMENTED", "Not Implemented", DENIED)
    assert failure(dapr.GetMetadata).code == "UNAUTHENTICATED"


def test_rules_of_one_door_leave_the_other_open(guarded):
    assert rpc.Dapr(guarded.grpc, metadata=[("dapr-api-token", "right")]).GetMetadata().id == "guarded"
    assert guarded.get("/v1.0/metadata", [("dapr-api-token", "right")]).status == 404


def test_denied_first_then_allowed(bench):
    rules = {"denied": [{"name": "metadata", "version": "v1", "protocol": "grpc"}],
             "allowed": [{"name": "state", "version": "v1", "protocol": "grpc"}, {"name": "metadata", "version": "v1", "protocol": "grpc"}]}
    sidecar = bench.sidecar(config={"api": rules}, resources=[component("memory", "state.in-memory")])
    dapr = rpc.Dapr(sidecar.grpc)
    assert dapr.GetState(store_name="memory", key="k").data == b""
    for refused in (dapr.GetMetadata, dapr.Shutdown, dapr.QueryStateAlpha1, dapr.GetSecret):
        assert_failure(failure(refused), "UNIMPLEMENTED", "Not Implemented", DENIED)


def test_each_method_has_its_name_in_the_lists(bench):
    """With nothing allowed but one name, its methods go on and no other does."""
    names = {"invoke": ["InvokeService"], "publish": ["PublishEvent", "BulkPublishEvent"], "secrets": ["GetSecret", "GetBulkSecret"],
             "shutdown": []}
    for name, methods in names.items():
        sidecar = bench.sidecar(config={"api": {"allowed": [{"name": name, "version": "v1", "protocol": "grpc"}]}})
        dapr = rpc.Dapr(sidecar.grpc)
        for method in ("InvokeService", "PublishEvent", "BulkPublishEvent", "BulkPublishEventAlpha1", "GetSecret", "GetBulkSecret",
                       "GetState", "GetMetadata"):
            found = None
            try:
                getattr(dapr, method)()
            except rpc.Failure as caught:
                found = caught
            is_open = not (found and found.message == "Not Implemented")
            assert is_open == (method in methods), (name, method, found)


def test_calls_are_counted(bench):
    sidecar = bench.sidecar()
    rpc.Dapr(sidecar.grpc).GetMetadata()
    labels = {"app_id": sidecar.app_id, "grpc_server_method": DAPR + "GetMetadata", "grpc_server_status": "OK"}
    until(lambda: metrics.value(sidecar, "dapr_grpc_io_server_completed_rpcs", **labels) == 1, "the count")


def test_calls_are_logged(sidecar, dapr):
    failure(dapr.SaveState, store_name="nowhere-logged")
    def found():
        return [line for line in sidecar.logged("gRPC API Called") if f"method={DAPR}SaveState" in line
                and "useragent=" in line and "duration=" in line and "code=3" in line]
    until(found, lambda: f"the call's line; the log:\n{sidecar.log_tail()}")


def test_without_a_name_resolver_nobody_is_found(bench):
    sidecar = bench.sidecar(config={"nameResolution": {"component": "nosuch"}})
    found = failure(rpc.Dapr(sidecar.grpc).InvokeService, id="other", message={"method": "m"})
    assert_failure(found, "INTERNAL", "failed to invoke, id: other, err: name resolver not initialized")
    with FrameClient(sidecar.grpc) as client:
        code, text = client.call("/pkg.Any/Do", [("dapr-app-id", "other")]).status
    assert code == "2" and "not initialized" in text


# --------------------------------------------------------------------------------- 1.7 trace context
def trace_of(dapr, *metadata):
    _, initial, _ = dapr.GetState.answered(store_name="memory", key="k", call={"metadata": list(metadata)})
    return {key: value for key, value in initial}


def trace_bin(sidecar, *metadata):
    """grpcio hides grpc-trace-bin from its callers."""
    with FrameClient(sidecar.grpc) as client:
        found = client.call(GET, metadata, message(get_message()))
    said = values(found.head, "grpc-trace-bin")
    assert len(said) <= 1 and found.status[0] == "0"
    return base64.b64decode(said[0] + "=" * (-len(said[0]) % 4)) if said else None


def test_the_trace_context_is_echoed(sidecar):
    said = base64.b64encode(TRACE).decode().rstrip("=")
    assert trace_bin(sidecar, ("grpc-trace-bin", said)) == TRACE
    assert trace_bin(sidecar, ("traceparent", PARENT)) == TRACE
    assert trace_bin(sidecar, ("grpc-trace-bin", said), ("traceparent", PARENT.replace("0af", "fff"))) == TRACE


def test_without_a_context_it_is_all_zeros(sidecar):
    assert trace_bin(sidecar) == bytes.fromhex("0000" + "00" * 16 + "01" + "00" * 8 + "0200")


def test_without_tracing_there_is_none(quiet):
    assert trace_bin(quiet, ("traceparent", PARENT)) is None


def test_baggage_is_echoed(sidecar, dapr, quiet):
    assert trace_of(dapr, ("baggage", "a=b,c=d"))["baggage"] == "a=b,c=d"
    assert "baggage" not in trace_of(dapr)
    assert "baggage" not in trace_of(rpc.Dapr(quiet.grpc), ("baggage", "a=b"))


def test_invalid_baggage(dapr):
    found = failure(dapr.GetState, store_name="memory", key="k", call={"metadata": [("baggage", "inv")]})
    assert_failure(found, "INVALID_ARGUMENT", 'invalid baggage header: invalid baggage list-member: "inv"')
