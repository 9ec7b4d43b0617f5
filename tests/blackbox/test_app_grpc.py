"""An app that serves gRPC, called by the client's own sidecar and by another one: what it sees, and what becomes of
its answers (grpc-api.md 4.2, 4.3, 5.1, 5.2, 9.3)."""

import os
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from harness import rpc
from harness.grpc_app import Answer
from harness.metrics import wait_value
from harness.wait import until

Request, Response = rpc.message("common.v1.InvokeRequest"), rpc.message("common.v1.InvokeResponse")
INVOKE = "OnInvoke"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
BINARY = bytes.fromhex("00000af7651916cd43dd8448eb211c80319c01b7ad6b71692033310201")


def answer(data=b"", content_type="", type_url="", **more):
    made = Response(content_type=content_type)
    if data or type_url:
        made.data.value, made.data.type_url = data, type_url
    return Answer(made.SerializeToString(), **more)


def resolver(path):
    return {"nameResolution": {"component": "sqlite", "version": "v1", "configuration": {"connectionString": path}}}


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    return str(tmp_path_factory.mktemp("names") / "names.db")


@pytest.fixture(scope="module")
def app(shared):
    return shared.grpc_app(workers=200, streams=100)


@pytest.fixture(scope="module")
def callee(shared, app, names):
    return shared.sidecar(app_id="callee", app=app, config=resolver(names), flags={"app-protocol": "grpc"},
                          env={"APP_API_TOKEN": "of-the-callee"})


@pytest.fixture(scope="module")
def caller(shared, callee, names):
    return shared.sidecar(app_id="caller", config=resolver(names), env={"APP_API_TOKEN": "of-the-caller"})


@pytest.fixture(autouse=True)
def fresh(app):
    app.forget()
    app.route(INVOKE, answer(b"ok"))


@pytest.fixture(params=["local", "remote"])
def way(request):
    return request.param


@pytest.fixture
def dapr(way, caller, callee):
    client = rpc.Dapr(callee.grpc if way == "local" else caller.grpc)
    yield client
    client.close()


def invoke(dapr, method="m", call=None, **message):
    return dapr.InvokeService(id="callee", message={"method": method, **message}, call=call)


def seen(app):
    call = app.wait_one(INVOKE)
    return call, Request.FromString(call.message)


# ----------------------------------------------------------------------------------- what it sees
def test_the_message_arrives_as_it_was_sent(dapr, app):
    invoke(dapr, "orders/7", data={"value": b"\x00body", "type_url": "type.example/x"}, content_type="a/b",
           http_extension={"verb": 4, "querystring": "q=1"})
    _, message = seen(app)
    assert (message.method, message.data.value, message.data.type_url, message.content_type) == \
        ("orders/7", b"\x00body", "type.example/x", "a/b")
    assert (message.http_extension.verb, message.http_extension.querystring) == (4, "q=1")


@pytest.mark.parametrize("method", ["", "unknown", "with/slashes", "/rooted"])
def test_any_method_reaches_the_app(dapr, app, method):
    app.route(INVOKE, Answer(code=grpc.StatusCode.UNKNOWN, text="invalid method"))
    with pytest.raises(rpc.Failure) as raised:
        invoke(dapr, method)
    rpc.assert_failure(raised.value, "UNKNOWN", "invalid method")
    assert seen(app)[1].method == method


@pytest.mark.parametrize("size", [0, 1, 16384, 70000, 4 << 20])
def test_bodies_of_all_sizes_stay_exact(dapr, app, size):
    app.route(INVOKE, lambda call, context: answer(Request.FromString(call.message).data.value))
    data = os.urandom(max(size - 200, 0) if size == 4 << 20 else size)
    assert invoke(dapr, data={"value": data}).data.value == data


def test_metadata_passes(dapr, app):
    invoke(dapr, call={"metadata": [("x-custom", "a"), ("x-custom", "b"), ("x-bytes-bin", b"\x00\xff"), ("baggage", "k=v")]})
    call, _ = seen(app)
    assert call.values("x-custom") == ["a", "b"] and call.value("x-bytes-bin") == b"\x00\xff"
    assert call.value("baggage") == "k=v"
    assert "dapr-app-id" not in dict(call.metadata) and "destination-app-id" not in dict(call.metadata)


def test_the_app_sees_the_sidecars_own_user_agent(dapr, app):
    invoke(dapr)
    assert "grpc-python" not in seen(app)[0].value("user-agent")


def test_the_trace_arrives(dapr, app):
    invoke(dapr, call={"metadata": [("traceparent", PARENT)]})
    assert seen(app)[0].value("traceparent") == PARENT


def test_a_binary_trace_becomes_text(dapr, app):
    invoke(dapr, call={"metadata": [("grpc-trace-bin", BINARY)]})
    assert seen(app)[0].value("traceparent") == PARENT


def test_without_a_trace_it_is_all_zeros(dapr, app):
    invoke(dapr)
    assert seen(app)[0].value("traceparent") == "00-" + "0" * 32 + "-" + "0" * 16 + "-00"


def test_the_app_sees_its_own_token_once(dapr, app):
    invoke(dapr, call={"metadata": [("dapr-api-token", "of-the-client")]})
    assert seen(app)[0].values("dapr-api-token") == ["of-the-callee"]


def test_a_deadline_travels(dapr, app):
    invoke(dapr, call={"timeout": 15})
    assert 0 < seen(app)[0].seconds <= 16


def test_a_caller_that_gives_up_ends_the_apps_call(dapr, app):
    ended = threading.Event()

    def stall(call, context):
        context.add_callback(ended.set)
        assert ended.wait(15)
        return answer()

    app.route(INVOKE, stall)
    with pytest.raises(rpc.Failure) as raised:
        invoke(dapr, call={"timeout": 0.3})
    assert raised.value.code == "DEADLINE_EXCEEDED"
    assert ended.wait(10)


def test_who_calls_is_said_between_sidecars_only(dapr, app, way, caller):
    invoke(dapr)
    call, _ = seen(app)
    names = {key for key, _ in call.metadata}
    ours = {"dapr-caller-app-id", "dapr-callee-app-id", "dapr-caller-namespace", "x-forwarded-for", "x-forwarded-host",
            "forwarded"}
    if way == "local":
        assert not names & ours
    else:
        assert call.value("dapr-caller-app-id") == "caller" and call.value("dapr-callee-app-id") == "callee"
        assert call.value("dapr-caller-namespace") == "default"
        host = call.value("x-forwarded-for")
        assert call.value("forwarded") == f"for={host};by={host};host={call.value('x-forwarded-host')}"


# ------------------------------------------------------------------------------ what it answers
def test_an_answer_arrives_whole(dapr, app):
    app.route(INVOKE, answer(b"data", "any text/at all", "type.example/y", headers=[("x-head", "1"), ("x-head-bin", b"\xff")],
                             trailers=[("x-tail", "2"), ("x-tail-bin", b"\xfe\x00")]))
    got, head, tail = dapr.InvokeService.answered(id="callee", message={"method": "m"})
    assert (got.data.value, got.content_type, got.data.type_url) == (b"data", "any text/at all", "type.example/y")
    assert ("x-head", "1") in head and ("x-head-bin", b"\xff") in head
    assert ("x-tail", "2") in tail and ("x-tail-bin", b"\xfe\x00") in tail


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_a_status_arrives_as_it_is(dapr, app, code):
    app.route(INVOKE, Answer(code=code, text="näh, \"100 %\"\n"))
    with pytest.raises(rpc.Failure) as raised:
        invoke(dapr)
    rpc.assert_failure(raised.value, code.name, "näh, \"100 %\"\n")


def test_details_arrive_as_they_are(dapr, app):
    status = rpc.Status(code=5, message="gone")
    detail = status.details.add(type_url="type.googleapis.com/google.rpc.ResourceInfo")
    detail.value = bytes.fromhex("0a0173") + b"\x12\x01n"
    app.route(INVOKE, Answer(code=grpc.StatusCode.NOT_FOUND, text="gone", details=status.SerializeToString(),
                             headers=[("x-head", "1")], trailers=[("x-tail", "2")]))
    with pytest.raises(rpc.Failure) as raised:
        invoke(dapr)
    rpc.assert_failure(raised.value, "NOT_FOUND", "gone", [rpc.resource_info("s", "n")])
    assert ("x-head", "1") in raised.value.initial and ("x-tail", "2") in raised.value.trailing


def test_a_packed_answer_is_unpacked(dapr, app):
    app.route(INVOKE, answer(b"a" * 100000, compress=True))
    assert invoke(dapr).data.value == b"a" * 100000


def test_a_nil_answer_is_an_empty_one(dapr, app):
    app.route(INVOKE, Answer(b""))
    got = invoke(dapr)
    assert (got.data.value, got.data.type_url, got.content_type) == (b"", "", "")


def test_an_answer_that_is_too_large(dapr, app, way):
    app.route(INVOKE, answer(b"x" * ((4 << 20) + 1)))
    with pytest.raises(rpc.Failure) as raised:
        invoke(dapr)
    assert raised.value.code == "RESOURCE_EXHAUSTED"
    assert raised.value.message.startswith("grpc: received message larger than max (")


# --------------------------------------------------------------------------------- by HTTP too
def http_invoke(caller, callee, way, method="m", headers=(), body=b"", verb="POST"):
    sidecar = callee if way == "local" else caller
    return sidecar.request(verb, f"/v1.0/invoke/callee/method/{method}", headers, body)


def test_an_http_client_reaches_it(way, caller, callee, app):
    app.route(INVOKE, answer(b"data", "a/b", headers=[("x-head", "1")]))
    got = http_invoke(caller, callee, way, "a%2Fb/c?q=1", [("Content-Type", "t/p"), ("X-Custom", "v"), ("traceparent", PARENT)],
                      b"body", "PUT")
    assert (got.status, got.body, got.header("Content-Type"), got.header("X-Head")) == (200, b"data", "a/b", "1")
    call, message = seen(app)
    assert (message.method, message.data.value, message.content_type) == ("a/b/c", b"body", "t/p")
    assert (message.http_extension.verb, message.http_extension.querystring) == (4, "q=1")
    assert call.value("x-custom") == "v" and call.value("traceparent") == PARENT
    assert call.value("dapr-api-token") == "of-the-callee"


@pytest.mark.parametrize("code,status", [("NOT_FOUND", 404), ("CANCELLED", 408), ("UNKNOWN", 500), ("ABORTED", 409),
                                         ("RESOURCE_EXHAUSTED", 429), ("UNAVAILABLE", 503)])
def test_a_status_becomes_one_of_http(way, caller, callee, app, code, status):
    app.route(INVOKE, Answer(code=grpc.StatusCode[code], text="why"))
    got = http_invoke(caller, callee, way)
    assert got.status == status and got.json["message"] == "why"


# ----------------------------------------------------------------------------- the connection
def test_150_calls_at_once_need_a_second_connection(dapr, app):
    """The app allows 100 streams of a connection (9.3 connpool)."""
    all_there = threading.Barrier(150)
    peers = set()

    def meet(call, context):
        peers.add(context.peer())
        all_there.wait(30)
        return answer(b"met")

    app.route(INVOKE, meet)
    with ThreadPoolExecutor(150) as pool:
        answers = list(pool.map(lambda _: invoke(dapr).data.value, range(150)))
    assert answers == [b"met"] * 150
    assert len(peers) >= 2


def test_a_limit_of_calls_holds(bench):
    app = bench.grpc_app()
    lock, running, most = threading.Lock(), [0], [0]
    gate = threading.Semaphore(0)

    def count(call, context):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        assert gate.acquire(timeout=20)
        with lock:
            running[0] -= 1
        return answer()

    app.route(INVOKE, count)
    sidecar = bench.sidecar(app=app, app_id="limited", flags={"app-protocol": "grpc", "app-max-concurrency": 2})
    dapr = rpc.Dapr(sidecar.grpc)
    with ThreadPoolExecutor(6) as pool:
        calls = [pool.submit(dapr.InvokeService, id="limited", message={"method": "m"}) for _ in range(6)]
        for _ in range(6):
            until(lambda: running[0] > 0, "a call at the app")
            gate.release()
        for one in calls:
            one.result(20)
    assert most[0] <= 2 and len(app.seen(INVOKE)) == 6
    dapr.close()


def test_an_app_that_comes_back_is_found(bench):
    app = bench.grpc_app()
    app.route(INVOKE, answer(b"ok"))
    sidecar = bench.sidecar(app=app, app_id="back", flags={"app-protocol": "grpc"})
    dapr = rpc.Dapr(sidecar.grpc)

    def call():
        return dapr.InvokeService(id="back", message={"method": "m"}).data.value

    assert call() == b"ok"
    app.stop()
    with pytest.raises(rpc.Failure) as raised:
        call()
    assert raised.value.code == "UNAVAILABLE"
    assert raised.value.message == ('connection error: desc = "transport: Error while dialing: dial tcp '
                                    f'127.0.0.1:{app.port}: connect: connection refused"')
    app.start()
    until(lambda: _works(call), "the app again")
    assert not sidecar.logged("error reading server preface")
    dapr.close()


def _works(call):
    try:
        return call() == b"ok"
    except rpc.Failure:
        return False


def test_an_app_that_dies_inside_a_call(dapr, bench, names):
    app = bench.grpc_app()
    there = threading.Event()

    def stall(call, context):
        there.set()
        ended = threading.Event()
        context.add_callback(ended.set)
        ended.wait(15)
        return answer()

    app.route(INVOKE, stall)
    sidecar = bench.sidecar(app=app, app_id="dying", config=resolver(names), flags={"app-protocol": "grpc"})
    client = rpc.Dapr(sidecar.grpc)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.InvokeService, id="dying", message={"method": "m"})
        assert there.wait(10)
        app.stop()
        with pytest.raises(rpc.Failure) as raised:
            call.result(20)
    assert raised.value.code in ("UNAVAILABLE", "CANCELLED")
    client.close()


def test_an_app_that_speaks_http1_is_told(bench):
    app = bench.app()
    sidecar = bench.sidecar(app=app, app_id="old", flags={"app-protocol": "grpc"})
    dapr = rpc.Dapr(sidecar.grpc)
    with pytest.raises(rpc.Failure) as raised:
        dapr.InvokeService(id="old", message={"method": "m"})
    assert raised.value.code == "UNAVAILABLE"
    assert raised.value.message.startswith('connection error: desc = "error reading server preface: ')
    dapr.close()


def test_until_it_is_healthy_it_is_not_called(bench):
    app = bench.grpc_app()
    app.route(INVOKE, answer(b"ok"))
    sidecar = bench.sidecar(app=app, app_id="ill", flags={"app-protocol": "grpc", "enable-app-health-check": "true",
                                                          "app-health-probe-interval": 1, "app-health-threshold": 1})
    dapr = rpc.Dapr(sidecar.grpc)
    with pytest.raises(rpc.Failure) as raised:
        dapr.InvokeService(id="ill", message={"method": "m"})
    assert "app is not in a healthy state" in raised.value.message
    assert not app.seen(INVOKE)
    app.route("/dapr.proto.runtime.v1.AppCallbackHealthCheck/HealthCheck", Answer())
    sidecar.wait_log("App entered healthy status")
    assert dapr.InvokeService(id="ill", message={"method": "m"}).data.value == b"ok"
    dapr.close()


def test_calls_are_counted(bench):
    app = bench.grpc_app()
    app.route(INVOKE, lambda call, context: answer(b"12345") if b"good" in call.message
              else Answer(code=grpc.StatusCode.NOT_FOUND, text="no"))
    sidecar = bench.sidecar(app=app, app_id="counted", flags={"app-protocol": "grpc"})
    dapr = rpc.Dapr(sidecar.grpc)
    dapr.InvokeService(id="counted", message={"method": "good"})
    with pytest.raises(rpc.Failure):
        dapr.InvokeService(id="counted", message={"method": "bad"})
    labels = {"app_id": "counted", "grpc_client_method": "/dapr.proto.runtime.v1.AppCallback/OnInvoke"}
    wait_value(sidecar, "dapr_grpc_io_client_completed_rpcs", 1, grpc_client_status="OK", **labels)
    wait_value(sidecar, "dapr_grpc_io_client_completed_rpcs", 1, grpc_client_status="NotFound", **labels)
    wait_value(sidecar, "dapr_grpc_io_client_roundtrip_latency_count", 1, grpc_client_status="NotFound", **labels)
    wait_value(sidecar, "dapr_grpc_io_client_sent_bytes_per_rpc_count", 2, **labels)
    wait_value(sidecar, "dapr_grpc_io_client_received_bytes_per_rpc_sum", 9, **labels)
    dapr.close()


def test_grpcs_is_spoken_by_tls_and_not_verified(bench, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=elsewhere"], check=True,
                   capture_output=True)
    app = bench.grpc_app(credentials=grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())]))
    app.route(INVOKE, answer(b"secure"))
    sidecar = bench.sidecar(app=app, app_id="tls", flags={"app-protocol": "grpcs"})
    dapr = rpc.Dapr(sidecar.grpc)
    assert dapr.InvokeService(id="tls", message={"method": "m"}).data.value == b"secure"
    dapr.close()
