"""Any gRPC service and method goes through the sidecar to the app: all kinds of streams, bytes as they come
(grpc-api.md 1.6, 1.8, 4.1, 4.5, 9.3). Spoken by the official library; test_proxy_frames.py looks at the frames."""

import os
import queue
import signal
import subprocess
import threading

import grpc
import pytest

from harness.any_app import AnyApp, Client, echo, fail, join
from harness.metrics import wait_value
from harness.streams import memory_kb, peak_forget
from harness.wait import until

ECHO, JOIN = "/pkg.Any/Echo", "/pkg.Any/Join"
ZERO = "00-00000000000000000000000000000000-0000000000000000-00"


def resolver(path):
    return {"component": "sqlite", "version": "v1", "configuration": {"connectionString": path}}


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    return str(tmp_path_factory.mktemp("names") / "names.db")


@pytest.fixture(scope="module")
def app():
    made = AnyApp().start()
    made.route(ECHO, echo)
    made.route(JOIN, join)
    yield made
    made.stop()


def sidecar_for(bench, app, app_id, names, config=None, flags=None, **more):
    return bench.sidecar(app=app, app_id=app_id, flags={"app-protocol": "grpc", **(flags or {})},
                         config={"nameResolution": resolver(names), **(config or {})}, **more)


@pytest.fixture(scope="module")
def callee(shared, app, names):
    """Stopped by the book at the end: what it lost would show there under a sanitizer."""
    made = sidecar_for(shared, app, "callee", names, env={"APP_API_TOKEN": "callee-token"})
    yield made
    made.stop()


@pytest.fixture(scope="module")
def caller(shared, names, callee):
    made = sidecar_for(shared, None, "caller", names, env={"APP_API_TOKEN": "caller-token"})
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def fresh(app):
    app.forget()


@pytest.fixture
def local(callee):
    """The app's own sidecar."""
    with Client(callee.grpc, ("dapr-app-id", "callee")) as made:
        yield made


@pytest.fixture
def remote(caller):
    """By way of another sidecar."""
    with Client(caller.grpc, ("dapr-app-id", "callee")) as made:
        yield made


@pytest.fixture
def peer(callee):
    """As another sidecar would."""
    with Client(callee.peer, ("dapr-callee-app-id", "callee"), ("dapr-caller-app-id", "other")) as made:
        yield made


@pytest.fixture(params=["local", "remote", "peer"])
def client(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["local", "remote"])
def api(request):
    return request.getfixturevalue(request.param)


def status_of(call):
    with pytest.raises(grpc.RpcError) as raised:
        call()
    return raised.value.code(), raised.value.details()


def assert_fails(call, code, text):
    assert status_of(call) == (code, text)


# -------------------------------------------------------------------------------- kinds of streams
@pytest.mark.quick
def test_unary(client, app):
    data = os.urandom(1000)
    assert client.unary(ECHO, data) == data
    assert app.wait_one(ECHO).messages == [data]


def test_an_empty_message(client):
    assert client.unary(ECHO, b"") == b""


def test_a_stream_from_the_client(client, app):
    sent = [os.urandom(size) for size in (0, 1, 5, 100, 70000, 0, 1000000)]
    assert list(client.stream(JOIN, sent)) == [b"".join(sent)]
    assert app.wait_one(JOIN).messages == sent


def test_a_stream_from_the_app(client, app):
    sent = [os.urandom(size) for size in (0, 1, 5, 100, 70000, 0, 1000000)]

    def many(seen, messages, context):
        assert list(messages) == [b"go"]
        yield from sent

    app.route("/pkg.Any/Many", many)
    assert list(client.stream("/pkg.Any/Many", [b"go"])) == sent


def test_ping_pong(client):
    """Each message comes back before the next is sent: neither side waits for the other's end."""
    out = queue.Queue()
    stream = client.stream(ECHO, iter(out.get, None))
    for number in range(20):
        out.put(b"%d" % number)
        assert next(stream) == b"%d" % number
    out.put(None)
    assert list(stream) == []


def test_a_stream_without_messages(client):
    assert list(client.stream(ECHO, [])) == []


def test_the_half_close_is_forwarded_while_the_answer_goes_on(client, app):
    """Each direction ends by itself."""
    go_on = threading.Event()

    def late(seen, messages, context):
        list(messages)
        yield b"first"
        assert go_on.wait(10)
        yield b"second"

    app.route("/pkg.Any/Late", late)
    stream = client.stream("/pkg.Any/Late", [b"a", b"b"])
    assert next(stream) == b"first"
    assert app.wait_one("/pkg.Any/Late").half_closed.wait(10)
    go_on.set()
    assert list(stream) == [b"second"]


def test_an_answer_may_come_before_the_request_has_ended(client, app):
    def early(seen, messages, context):
        next(messages)
        context.abort(grpc.StatusCode.ABORTED, "enough")
        yield

    app.route("/pkg.Any/Early", early)
    out = queue.Queue()
    out.put(b"one")
    stream = client.stream("/pkg.Any/Early", iter(out.get, None))
    assert_fails(lambda: next(stream), grpc.StatusCode.ABORTED, "enough")
    out.put(None)


def test_many_calls_at_once(client):
    """More than the app's connection takes."""
    calls = [client.channel.unary_unary(ECHO).future(b"%d" % number, metadata=client.metadata, timeout=30)
             for number in range(300)]
    assert [one.result() for one in calls] == [b"%d" % number for number in range(300)]


def test_150_streams_are_open_at_once(client, app):
    """9.3 connpool: 100 streams per connection, then another connection."""
    inside, go_on = threading.Semaphore(0), threading.Event()

    def hold(seen, messages, context):
        inside.release()
        assert go_on.wait(30)
        yield b"done"

    app.route("/pkg.Any/Hold", hold)
    calls = [client.channel.unary_unary("/pkg.Any/Hold").future(b"", metadata=client.metadata, timeout=30)
             for _ in range(150)]
    for _ in range(150):
        assert inside.acquire(timeout=20)
    go_on.set()
    assert {one.result() for one in calls} == {b"done"}


# ------------------------------------------------------------------------------------- routing id
def test_dapr_callee_app_id_comes_first(callee):
    with Client(callee.grpc) as client:
        assert client.unary(ECHO, b"x", [("dapr-app-id", "nobody"), ("dapr-callee-app-id", "callee")]) == b"x"


def test_a_target_may_name_its_namespace(api, app):
    assert api.unary(ECHO, b"x", [("dapr-callee-app-id", "callee.default")]) == b"x"


def test_more_dots_are_no_app_id(callee):
    with Client(callee.grpc) as client:
        assert_fails(lambda: client.unary(ECHO, metadata=[("dapr-app-id", "a.b.c")]), grpc.StatusCode.UNKNOWN,
                     "invalid app id a.b.c")


def test_an_empty_app_id(callee):
    with Client(callee.grpc) as client:
        assert_fails(lambda: client.unary(ECHO, metadata=[("dapr-app-id", ".ns")]), grpc.StatusCode.UNKNOWN,
                     "app id is empty")


def test_without_a_routing_id(callee):
    with Client(callee.grpc) as client:
        for path in (ECHO, "/grpc.health.v1.Health/Check"):
            assert_fails(lambda: client.unary(path), grpc.StatusCode.UNKNOWN,
                         "cannot proxy request: missing dapr-callee-app-id or dapr-app-id metadata")


def test_without_a_routing_id_and_without_tracing(bench, app, names):
    sidecar = sidecar_for(bench, app, "untraced", names, config={"tracing": {"samplingRate": "0"}})
    with Client(sidecar.grpc) as client:
        assert_fails(lambda: client.unary(ECHO), grpc.StatusCode.UNKNOWN,
                     "failed to proxy request: required metadata dapr-callee-app-id or dapr-app-id not found")


def test_a_dapr_service_that_the_api_does_not_serve_is_proxied(client, app):
    """9.4: AppCallback.OnInvoke."""
    path = "/dapr.proto.runtime.v1.AppCallback/OnInvoke"
    app.route(path, echo)
    assert client.unary(path, b"x") == b"x"


def test_resolver_failure(caller):
    with Client(caller.grpc, ("dapr-app-id", "nobody")) as client:
        assert_fails(lambda: client.unary(ECHO), grpc.StatusCode.UNKNOWN, "no host found with the given ID")


@pytest.mark.differs
def test_a_peer_that_was_asked_for_another_app_does_not_ask_on(callee):
    with Client(callee.peer, ("dapr-callee-app-id", "caller"), ("dapr-caller-app-id", "lost")) as client:
        assert_fails(lambda: client.unary(ECHO), grpc.StatusCode.UNAVAILABLE,
                     "app 'caller' is not here: its name led the sidecar of 'lost' to that of 'callee'")


# --------------------------------------------------------------------------------------- metadata
def test_app_sees_no_dapr_app_id(remote, app):
    """9.3 proxy."""
    remote.unary(ECHO)
    seen = app.wait_one(ECHO)
    assert seen.values("dapr-app-id") == []
    assert seen.values("dapr-callee-app-id") == ["callee"] and seen.values("dapr-caller-app-id") == ["caller"]


def test_a_remote_hop_adds_no_more_than_the_contract_says(remote, app):
    remote.unary(ECHO)
    names = {key for key, _ in app.wait_one(ECHO).metadata}
    assert names == {"user-agent", "dapr-callee-app-id", "dapr-caller-app-id", "dapr-api-token", "traceparent",
                     "grpc-trace-bin"} - hidden()


def hidden():
    """grpc-python keeps it from its own programs."""
    return {"grpc-trace-bin"}


def test_a_local_call_adds_the_app_token_only(local, app):
    local.unary(ECHO)
    assert {key for key, _ in app.wait_one(ECHO).metadata} == {"user-agent", "dapr-api-token"}


@pytest.mark.differs
def test_the_two_ends_are_said_by_the_sidecar_alone(remote, app):
    remote.unary(ECHO, metadata=[("dapr-caller-app-id", "somebody"), ("dapr-callee-app-id", "callee")])
    seen = app.wait_one(ECHO)
    assert seen.values("dapr-caller-app-id") == ["caller"] and seen.values("dapr-callee-app-id") == ["callee"]


def test_trace_context(remote, app):
    remote.unary(ECHO)
    assert app.wait_one(ECHO).values("traceparent") == [ZERO]
    app.forget()
    given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02"
    remote.unary(ECHO, metadata=[("traceparent", given), ("tracestate", "a=b"), ("baggage", "k=v")])
    seen = app.wait_one(ECHO)
    assert seen.values("traceparent") == [given] and seen.values("tracestate") == ["a=b"]
    assert seen.values("baggage") == ["k=v"]


def test_everything_else_goes_on(client, app):
    sent = [("x-one", "1"), ("x-two", "b"), ("x-two", "a"), ("x-some-bin", bytes(range(256))), ("x-other-bin", b"")]
    client.unary(ECHO, metadata=sent)
    seen = app.wait_one(ECHO)
    assert [one for one in seen.metadata if one[0].startswith("x-")] == sent


def test_the_app_sees_the_sidecars_user_agent(client, app):
    client.unary(ECHO)
    assert ["trilby" in one for one in app.wait_one(ECHO).values("user-agent")] == [True]


def test_response_metadata_and_trailers(client, app):
    def talk(seen, messages, context):
        context.send_initial_metadata([("x-head", "a"), ("x-head", "b"), ("x-head-bin", b"\0\1")])
        context.set_trailing_metadata([("x-tail", "c"), ("x-tail", "d"), ("x-tail-bin", b"\2\3")])
        yield from messages

    app.route("/pkg.Any/Talk", talk)
    answer, call = client.whole("/pkg.Any/Talk", b"m")
    assert answer == b"m"
    assert [one for one in call.initial_metadata() if one[0].startswith("x-")] == \
        [("x-head", "a"), ("x-head", "b"), ("x-head-bin", b"\0\1")]
    assert [one for one in call.trailing_metadata() if one[0].startswith("x-")] == \
        [("x-tail", "c"), ("x-tail", "d"), ("x-tail-bin", b"\2\3")]


def test_a_call_without_messages_forwards_trailers_only(client, app):
    def talk(seen, messages, context):
        context.send_initial_metadata([("x-head", "a")])
        context.set_trailing_metadata([("x-tail", "c")])
        return
        yield

    app.route("/pkg.Any/Nothing", talk)
    stream = client.stream("/pkg.Any/Nothing", [b"m"])
    assert list(stream) == []
    assert not [one for one in stream.initial_metadata() if one[0] == "x-head"]
    assert ("x-tail", "c") in [tuple(one) for one in stream.trailing_metadata()]


# ----------------------------------------------------------------------------------------- tokens
def test_the_app_sees_its_own_token_once(client, app):
    client.unary(ECHO)
    assert app.wait_one(ECHO).values("dapr-api-token") == ["callee-token"]


def test_the_callers_token_reaches_nobody(client, app):
    client.unary(ECHO, metadata=[("dapr-api-token", "stolen")])
    assert app.wait_one(ECHO).values("dapr-api-token") == ["callee-token"]


def test_an_app_without_a_token_sees_none(bench, app, names, caller):
    """Even if the caller's sidecar has one."""
    sidecar = sidecar_for(bench, app, "tokenless", names)
    for port in (sidecar.grpc, caller.grpc):
        app.forget()
        with Client(port, ("dapr-app-id", "tokenless"), ("dapr-api-token", "stolen")) as client:
            client.unary(ECHO)
        assert app.wait_one(ECHO).values("dapr-api-token") == []


def test_the_api_token_is_asked_for_and_never_forwarded(bench, app, names, callee):
    sidecar = sidecar_for(bench, app, "guarded", names, env={"DAPR_API_TOKEN": "secret"})
    with Client(sidecar.grpc) as client:
        for target in ("guarded", "callee"):
            app.forget()
            route = [("dapr-app-id", target)]
            assert status_of(lambda: client.unary(ECHO, metadata=route)) == (grpc.StatusCode.UNAUTHENTICATED, "Unauthorized")
            assert client.unary(ECHO, b"x", route + [("dapr-api-token", "secret")]) == b"x"
            assert "secret" not in app.wait_one(ECHO).values("dapr-api-token")


# --------------------------------------------------------------------------------- status, details
@pytest.mark.parametrize("code", list(grpc.StatusCode)[1:], ids=lambda code: code.name)
def test_every_code_comes_back_unchanged(client, app, code):
    app.route("/pkg.Any/Fail", fail(code, "why"))
    assert_fails(lambda: client.unary("/pkg.Any/Fail"), code, "why")


def test_texts_and_details_come_back_unchanged(client, app):
    text = "né%\n€ and \t more " + "x" * 2000
    details = b"\x08\x05\x12\x03why" + os.urandom(30)
    app.route("/pkg.Any/Fail", fail(grpc.StatusCode.NOT_FOUND, text, details, [("x-more", "1")]))
    with pytest.raises(grpc.RpcError) as raised:
        client.unary("/pkg.Any/Fail")
    assert raised.value.details() == text
    found = [tuple(one) for one in raised.value.trailing_metadata()]
    assert [one for one in found if one[0] == "grpc-status-details-bin"] == [("grpc-status-details-bin", details)]
    assert ("x-more", "1") in found


def test_a_status_after_messages(client, app):
    def partly(seen, messages, context):
        yield b"one"
        yield b"two"
        context.set_code(grpc.StatusCode.DATA_LOSS)
        context.set_details("lost the rest")

    app.route("/pkg.Any/Partly", partly)
    stream = client.stream("/pkg.Any/Partly", [b"m"])
    assert [next(stream), next(stream)] == [b"one", b"two"]
    assert_fails(lambda: next(stream), grpc.StatusCode.DATA_LOSS, "lost the rest")


def test_the_app_lacks_the_method(client):
    code, _ = status_of(lambda: client.unary("/pkg.Any/Unknown"))
    assert code == grpc.StatusCode.UNIMPLEMENTED


# ------------------------------------------------------------------------------- deadline, cancel
def wait_cancelled(seen, messages, context):
    yield b"here"
    assert seen.cancelled.wait(20)


def test_the_deadline_propagates(client, app):
    app.route("/pkg.Any/Wait", wait_cancelled)
    code, text = status_of(lambda: list(client.stream("/pkg.Any/Wait", [b""], timeout=2)))
    assert code == grpc.StatusCode.DEADLINE_EXCEEDED
    seen = app.wait_one("/pkg.Any/Wait")
    assert 1 < seen.seconds < 2.1 and seen.cancelled.wait(10)


def test_without_a_deadline_none_is_invented(client, app):
    client.unary(ECHO, timeout=None)
    seconds = app.wait_one(ECHO).seconds
    assert seconds is None or seconds > 1e6


def test_a_cancel_of_the_client_propagates(client, app):
    app.route("/pkg.Any/Wait", wait_cancelled)
    stream = client.stream("/pkg.Any/Wait", [b""], timeout=None)
    assert next(stream) == b"here"
    stream.cancel()
    assert app.wait_one("/pkg.Any/Wait").cancelled.wait(10)


def test_a_client_that_goes_away_is_a_cancel(client, app):
    app.route("/pkg.Any/Wait", wait_cancelled)
    stream = client.stream("/pkg.Any/Wait", [b""], timeout=None)
    assert next(stream) == b"here"
    client.close()
    assert app.wait_one("/pkg.Any/Wait").cancelled.wait(10)


# ----------------------------------------------------------------------------------------- limits
@pytest.fixture(scope="module")
def small(shared, app, names):
    return sidecar_for(shared, app, "small", names, flags={"max-body-size": "64Ki"})


def test_a_request_of_the_limit_passes_and_one_byte_more_does_not(small, app):
    with Client(small.grpc, ("dapr-app-id", "small")) as client:
        assert client.unary(ECHO, bytes(65536)) == bytes(65536)
        app.forget()
        assert_fails(lambda: client.unary(ECHO, bytes(65537)), grpc.StatusCode.RESOURCE_EXHAUSTED,
                     "grpc: received message larger than max (65537 vs. 65536)")


def test_a_large_answer_is_refused(small, app):
    def large(seen, messages, context):
        yield b"first"
        yield bytes(65537)

    app.route("/pkg.Any/Large", large)
    with Client(small.grpc, ("dapr-app-id", "small")) as client:
        stream = client.stream("/pkg.Any/Large", [b""])
        assert next(stream) == b"first"
        assert_fails(lambda: next(stream), grpc.StatusCode.RESOURCE_EXHAUSTED,
                     "grpc: trying to send message larger than max (65537 vs. 65536)")


def test_the_limit_is_for_a_message_not_for_the_call(small):
    with Client(small.grpc, ("dapr-app-id", "small")) as client:
        sent = [bytes(60000)] * 40
        assert list(client.stream(ECHO, sent)) == sent


def test_packed_messages_within_the_limit_that_grow_over_it(small):
    with Client(small.grpc, ("dapr-app-id", "small")) as client:
        code, text = status_of(lambda: client.unary(ECHO, bytes(100000), compression=grpc.Compression.Gzip))
        assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert text == "grpc: received message after decompression larger than max 65536"


def test_the_slots_of_the_app_are_not_for_proxied_calls(bench, app, names):
    """5.1: app-max-concurrency limits OnInvoke and jobs."""
    inside, go_on = threading.Semaphore(0), threading.Event()

    def hold(seen, messages, context):
        inside.release()
        assert go_on.wait(30)
        yield b"done"

    app.route("/pkg.Any/Slots", hold)
    sidecar = sidecar_for(bench, app, "slots", names, flags={"app-max-concurrency": 1})
    with Client(sidecar.grpc, ("dapr-app-id", "slots")) as client:
        calls = [client.channel.unary_unary("/pkg.Any/Slots").future(b"", metadata=client.metadata, timeout=30)
                 for _ in range(3)]
        for _ in range(3):
            assert inside.acquire(timeout=20)
        go_on.set()
        assert {one.result() for one in calls} == {b"done"}


def flood(piece, count):
    for _ in range(count):
        yield piece


@pytest.mark.figures
def test_a_long_stream_each_way_in_constant_memory(bench, app, names):
    """256 MB out and back through two sidecars."""
    def count(seen, messages, context):
        total = sum(len(one) for one in count_only(messages, seen))
        assert total == 256 << 20
        yield from flood(bytes(1 << 20), 256)

    def count_only(messages, seen):
        for one in messages:
            seen.messages.clear()
            yield one

    app.route("/pkg.Any/Flood", count)
    back = sidecar_for(bench, app, "flooded", names)
    front = sidecar_for(bench, None, "flooding", names)
    with Client(front.grpc, ("dapr-app-id", "flooded")) as client:
        client.unary(ECHO, bytes(1 << 20))
        pids = [one.process.pid for one in (front, back)]
        before = [memory_kb(pid)[0] for pid in pids]
        for pid in pids:
            peak_forget(pid)
        got = 0
        for one in client.stream("/pkg.Any/Flood", flood(bytes(1 << 20), 256), timeout=100):
            got += len(one)
        assert got == 256 << 20
        grown = [memory_kb(pid)[1] - was for pid, was in zip(pids, before)]
    assert max(grown) < 8 << 10, grown


# ------------------------------------------------------------------------------------ own methods
@pytest.mark.parametrize("path,wanted", [("//pkg.Any//Echo", "/pkg.Any/Echo"), ("/x/../pkg.Any/Echo", "/pkg.Any/Echo"),
                                         ("/../../pkg.Any/Echo", "/pkg.Any/Echo"), ("/pkg.Any/Echo/", "/pkg.Any/Echo"),
                                         ("/./pkg.Any/Echo/.", "/pkg.Any/Echo")])
def test_the_method_is_normalised_for_the_own_app(client, path, wanted, app):
    assert client.unary(path, b"x") == b"x"
    assert app.wait_one().path == wanted


@pytest.mark.parametrize("path", ["/pkg.Any/%2e%2e/Echo", "/pkg.Any%2FEcho/x", "/pkg.Any/a\\b", "/pkg.Any/;x"])
def test_nothing_is_decoded_in_a_method(client, path, app):
    status_of(lambda: client.unary(path))
    assert app.wait_one().path == path


@pytest.mark.parametrize("path", ["/pkg.Any/E#cho", "/pkg.Any/Echo?x=y"])
def test_forbidden_characters_in_a_method(client, path, app):
    assert_fails(lambda: client.unary(path), grpc.StatusCode.INVALID_ARGUMENT,
                 f'invalid method: method contains forbidden character: "{path}"')
    assert not app.seen()


# ------------------------------------------------------------------------------------- other apps
def test_no_app_port(bench, names):
    sidecar = sidecar_for(bench, None, "appless", names)
    with Client(sidecar.grpc, ("dapr-app-id", "appless")) as client:
        assert_fails(lambda: client.unary(ECHO), grpc.StatusCode.UNAVAILABLE,
                     'connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:0: connect: '
                     'connection refused"')


def test_nobody_listens_on_the_app_port(bench, app, names, caller):
    gone = AnyApp().start()
    sidecar = sidecar_for(bench, gone, "gone", names)
    gone.stop()
    text = f'connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:{gone.port}: connect: ' \
        'connection refused"'
    for port in (sidecar.grpc, caller.grpc):
        with Client(port, ("dapr-app-id", "gone")) as client:
            assert_fails(lambda: client.unary(ECHO), grpc.StatusCode.UNAVAILABLE, text)


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_the_app_speaks_http_1(bench, names, protocol):
    plain = bench.app()
    sidecar = sidecar_for(bench, plain, "plain-" + protocol, names, flags={"app-protocol": protocol})
    with Client(sidecar.grpc, ("dapr-app-id", sidecar.app_id)) as client:
        code, text = status_of(lambda: client.unary(ECHO))
        assert code == grpc.StatusCode.UNAVAILABLE
        assert text.startswith('connection error: desc = "error reading server preface: http2: frame too large')


def test_a_grpc_app_may_stand_behind_another_protocol(bench, app, names):
    """The flag says how the app is invoked; gRPC is spoken to whoever understands it."""
    sidecar = sidecar_for(bench, app, "mixed", names, flags={"app-protocol": "http"})
    with Client(sidecar.grpc, ("dapr-app-id", "mixed")) as client:
        assert client.unary(ECHO, b"x") == b"x"


def test_an_app_with_tls(bench, names, certificate):
    key, chain = certificate
    app = AnyApp(credentials=grpc.ssl_server_credentials([(key, chain)])).start()
    app.route(ECHO, echo)
    sidecar = sidecar_for(bench, app, "secure", names, flags={"app-protocol": "grpcs"})
    with Client(sidecar.grpc, ("dapr-app-id", "secure")) as client:
        data = os.urandom(1 << 20)
        assert client.unary(ECHO, data) == data
    app.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "2", "-subj", "/CN=127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True,
                   capture_output=True)
    return (folder / "key.pem").read_bytes(), (folder / "cert.pem").read_bytes()


def test_the_app_comes_back(bench, names):
    app = AnyApp().start()
    app.route(ECHO, echo)
    sidecar = sidecar_for(bench, app, "back", names)
    with Client(sidecar.grpc, ("dapr-app-id", "back")) as client:
        assert client.unary(ECHO, b"x") == b"x"
        app.stop()
        until(lambda: status_of(lambda: client.unary(ECHO))[0] == grpc.StatusCode.UNAVAILABLE, "the app to be gone")
        app.start()
        assert client.unary(ECHO, b"y") == b"y"
        app.stop()


def test_the_peer_goes_away_in_the_middle(bench, names, app, caller):
    app.route("/pkg.Any/Wait", wait_cancelled)
    sidecar = sidecar_for(bench, app, "dying", names)
    with Client(caller.grpc, ("dapr-app-id", "dying")) as client:
        stream = client.stream("/pkg.Any/Wait", [b""])
        assert next(stream) == b"here"
        sidecar.signal(signal.SIGKILL)
        code, text = status_of(lambda: next(stream))
        assert code == grpc.StatusCode.UNAVAILABLE and text.startswith("error reading from server: "), text


def test_a_peer_that_is_gone_is_asked_for_anew(bench, names, app, caller):
    """One immediate re-dial, with the name looked up again."""
    first = sidecar_for(bench, app, "moving", names)
    with Client(caller.grpc, ("dapr-app-id", "moving")) as client:
        assert client.unary(ECHO, b"x") == b"x"
        first.stop()
        second = sidecar_for(bench, app, "moving", names)
        assert second.peer != first.peer
        assert until(lambda: client.unary(ECHO, b"y"), "the new one") == b"y"


# -------------------------------------------------------------------------------------- observing
def test_calls_are_counted_by_both_sidecars(bench, names, app):
    """What the app says, too; a method that it does not know is no series of its own."""
    app.route("/pkg.Any/Bad", fail(grpc.StatusCode.ABORTED))
    back = sidecar_for(bench, app, "counted", names)
    front = sidecar_for(bench, None, "counting", names)
    with Client(front.grpc, ("dapr-app-id", "counted")) as client:
        client.unary(ECHO)
        client.unary(ECHO, metadata=[("dapr-stream", "true")])
        for path in ("/pkg.Any/Bad", "/pkg.Any/Unknown"):
            status_of(lambda: client.unary(path))
    for one in (back, front):
        for path, status, count in ((ECHO, "OK", 2), ("/pkg.Any/Bad", "Aborted", 1), ("/pkg.Any/Unknown", "Unimplemented", None)):
            wait_value(one, "dapr_grpc_io_server_completed_rpcs", count, app_id=one.app_id, grpc_server_method=path,
                       grpc_server_status=status)
    base = "dapr_runtime_service_invocation_"
    wait_value(front, base + "req_sent_total", 3, dst_app_id="counted", type="unary")
    wait_value(front, base + "req_sent_total", 1, dst_app_id="counted", type="streaming")
    wait_value(front, base + "res_recv_total", 1, src_app_id="counted", type="unary", status="0")
    wait_value(front, base + "res_recv_total", 1, src_app_id="counted", type="streaming", status="0")
    wait_value(front, base + "res_recv_total", 1, src_app_id="counted", type="unary", status="10")
    wait_value(back, base + "req_recv_total", 4, src_app_id="counting")
    wait_value(back, base + "res_sent_total", 2, dst_app_id="counting", status="0")


def test_calls_are_logged(local, callee, app):
    app.route("/pkg.Any/Logged", echo)
    local.unary("/pkg.Any/Logged", b"x")
    line = callee.wait_log("method=/pkg.Any/Logged")[0]
    assert "gRPC API Called" in line and "code=0" in line and "useragent=" in line


def test_shutting_down_waits_for_a_running_call(bench, names, app):
    inside, go_on = threading.Event(), threading.Event()

    def slow(seen, messages, context):
        inside.set()
        assert go_on.wait(20)
        yield b"done"

    app.route("/pkg.Any/Slow", slow)
    sidecar = sidecar_for(bench, app, "leaving", names)
    with Client(sidecar.grpc, ("dapr-app-id", "leaving")) as client:
        call = client.channel.unary_unary("/pkg.Any/Slow").future(b"", metadata=client.metadata, timeout=20)
        assert inside.wait(10)
        sidecar.signal(signal.SIGTERM)
        sidecar.wait_log("Dapr is shutting down")
        go_on.set()
        assert call.result() == b"done"
        assert sidecar.wait_end() == 0
