"""An app that serves gRPC, called by the client's own sidecar and by another one (grpc-api.md 5.1, 5.2): sizes, time,
limits, and an app that goes and comes. What messages and metadata become is in test_invoke_grpc_app.py."""

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


def answer(data=b"", content_type="", type_url="", **more):
    made = Response(content_type=content_type)
    if data or type_url:
        made.data.value, made.data.type_url = data, type_url
    return Answer(made.SerializeToString(), **more)


def resolver(path):
    return {"nameResolution": {"component": "sqlite", "version": "v1", "configuration": {"connectionString": path, "updateInterval": "30s"}}}


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    return str(tmp_path_factory.mktemp("names") / "names.db")


@pytest.fixture(scope="module")
def app(shared):
    return shared.grpc_app()


@pytest.fixture(scope="module")
def callee(shared, app, names):
    return shared.sidecar(app_id="callee", app=app, config=resolver(names), flags={"app-protocol": "grpc"})


@pytest.fixture(scope="module")
def caller(shared, callee, names):
    return shared.sidecar(app_id="caller", config=resolver(names))


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


# --------------------------------------------------------------------------------- sizes and time
@pytest.mark.parametrize("size", [0, 1, 16384, 70000, 4 << 20])
def test_bodies_of_all_sizes_stay_exact(dapr, app, size):
    app.route(INVOKE, lambda call, context: answer(Request.FromString(call.message).data.value))
    data = os.urandom(max(size - 200, 0) if size == 4 << 20 else size)
    assert invoke(dapr, data={"value": data}).data.value == data


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
    assert raised.value.is_late(), raised.value
    assert ended.wait(10)


# ------------------------------------------------------------------------------ what it answers
def test_a_packed_answer_is_unpacked(dapr, app):
    app.route(INVOKE, answer(b"a" * 100000, compress=True))
    assert invoke(dapr).data.value == b"a" * 100000


def test_a_nil_answer_is_an_empty_one(dapr, app):
    app.route(INVOKE, Answer(b""))
    got = invoke(dapr)
    assert (got.data.value, got.data.type_url, got.content_type) == (b"", "", "")


def test_an_answer_that_is_too_large(dapr, app):
    app.route(INVOKE, answer(b"x" * ((4 << 20) + 1)))
    with pytest.raises(rpc.Failure) as raised:
        invoke(dapr)
    assert raised.value.code == "RESOURCE_EXHAUSTED"
    assert raised.value.message.startswith("grpc: received message larger than max (")


# ----------------------------------------------------------------------------- the connection
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
        until(lambda: running[0] == 2, "two calls at the app")
        for _ in range(6):
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


def test_an_app_that_dies_inside_a_call(bench, way, caller, names):
    app = bench.grpc_app()
    there = threading.Event()

    def stall(call, context):
        there.set()
        ended = threading.Event()
        context.add_callback(ended.set)
        ended.wait(15)
        return answer()

    app.route(INVOKE, stall)
    sidecar = bench.sidecar(app=app, app_id=f"dying-{way}", config=resolver(names), flags={"app-protocol": "grpc"})
    client = rpc.Dapr(sidecar.grpc if way == "local" else caller.grpc)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.InvokeService, id=f"dying-{way}", message={"method": "m"})
        assert there.wait(10)
        app.stop()
        with pytest.raises(rpc.Failure) as raised:
            call.result(20)
    assert raised.value.code in ("UNAVAILABLE", "CANCELLED")
    client.close()


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
