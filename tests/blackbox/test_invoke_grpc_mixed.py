"""Every mixture of who asks and how the app speaks, through one sidecar and through two: the same question, the same
answer; and what happens when the way breaks (grpc-api.md 4.1 to 4.4)."""

import os
import sqlite3
import threading
import time

import grpc
import pytest

from harness import rpc
from harness.app import reply
from harness.on_invoke import InvokedApp, Invoker, failed, said
from harness.raw import Connection
from harness.wait import until


def resolver(path):
    return {"nameResolution": {"component": "sqlite", "configuration": {"connectionString": path}}}


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    return str(tmp_path_factory.mktemp("names") / "names.db")


class HttpSide:
    """An app that speaks HTTP, in the words that both kinds share."""
    protocol, missing = "http", {"http": 404, "grpc": "NOT_FOUND"}

    def __init__(self, bench):
        self.app = bench.app()
        self.app.route("/echo", lambda request, sock: reply(200, request.body, [
            ("Content-Type", request.header("Content-Type") or "none"), ("X-Answer", "yes")]))
        self.app.route("/missing", reply(404, b"not here"))

    @property
    def port(self):
        return self.app.port

    def seen(self):
        """body, content type, query, and the values of x-custom."""
        one = self.app.requests("/echo")[-1]
        return one.body, one.header("Content-Type"), one.query, one.values("x-custom")

    def said(self, name):
        return self.app.requests("/echo")[-1].values(name)


class GrpcSide:
    protocol, missing = "grpc", {"http": 404, "grpc": "NOT_FOUND"}

    def __init__(self, bench):
        self.app = InvokedApp(bench.grpc_app())
        self.app.on("echo", lambda got, context: said(got.body, got.message.content_type or "none", headers=(("x-answer", "yes"),)))
        self.app.on("missing", failed(grpc.StatusCode.NOT_FOUND, "not here"))

    @property
    def port(self):
        return self.app.port

    def seen(self):
        one = self.app.seen()[-1]
        return one.body, one.message.content_type or None, one.message.http_extension.querystring, one.values("x-custom")

    def said(self, name):
        return self.app.seen()[-1].values(name)


class HttpAsks:
    kind = "http"

    def __init__(self, sidecar):
        self.sidecar = sidecar

    def call(self, target, method, body, content_type, query="", lines=()):
        """data, content type, x-answer; or status and text of a failure."""
        headers = [*lines, *([("Content-Type", content_type)] if content_type else [])]
        answer = self.sidecar.request("POST", f"/v1.0/invoke/{target}/method/{method}?{query}".rstrip("?"), headers, body)
        if answer.status == 200:
            return answer.body, answer.header("Content-Type"), answer.header("X-Answer")
        return answer.status, answer.body

    def close(self):
        pass


class GrpcAsks:
    kind = "grpc"

    def __init__(self, sidecar):
        self.client = Invoker(sidecar)

    def call(self, target, method, body, content_type, query="", lines=()):
        try:
            answer = self.client.call(target, method, body, content_type or "", query=query, metadata=lines)
            return answer.data, answer.content_type, answer.value("x-answer")
        except rpc.Failure as failure:
            return failure.code, failure

    def close(self):
        self.client.close()


@pytest.fixture(scope="module", params=[HttpSide, GrpcSide], ids=["to-http", "to-grpc"])
def side(request, shared):
    return request.param(shared)


@pytest.fixture(scope="module")
def callee(shared, side, names):
    return shared.sidecar(app_id=f"speaks-{side.protocol}", app=side, config=resolver(names), flags={"app-protocol": side.protocol})


@pytest.fixture(scope="module")
def caller(shared, names):
    return shared.sidecar(app_id="mixes", config=resolver(names))


@pytest.fixture(params=["local", "remote"])
def asked(request, callee, caller):
    return callee if request.param == "local" else caller


@pytest.fixture(params=[HttpAsks, GrpcAsks], ids=["from-http", "from-grpc"])
def asks(request, asked):
    made = request.param(asked)
    yield made
    made.close()


# ------------------------------------------------------------------------------------- the exchange
@pytest.mark.parametrize("size", [0, 1, 2048, 2049, 262144, 262145, 3 << 20])
def test_a_question_and_its_answer(asks, callee, side, size):
    data = os.urandom(size)
    answer = asks.call(callee.app_id, "echo", data, "a/b", "q=1&r", [("x-custom", "v"), ("x-custom", "w")])
    assert answer == (data, "a/b", "yes")
    assert side.seen() == (data, "a/b", "q=1&r", ["v", "w"])


def test_a_question_without_a_type(asks, callee, side):
    assert asks.call(callee.app_id, "echo", b"x", None) == (b"x", "none", "yes")
    assert side.seen()[1] is None


def test_an_answer_that_is_none(asks, callee, side):
    status, text = asks.call(callee.app_id, "missing", b"x", "a/b")
    assert status == side.missing[asks.kind]
    if asks.kind == "http" and side.protocol == "http":
        assert text == b"not here"
    elif asks.kind == "http":
        assert text == b'{"code":5,"message":"not here"}'
    elif side.protocol == "http":
        assert text.message == "Not Found" and text.details[0][1]["metadata"]["http.error_message"] == "not here"
    else:
        assert text.message == "not here" and text.details == []


def test_many_at_once(asks, callee, side):
    wrong = []

    def some(number):
        for turn in range(10):
            body = b"%d-%d" % (number, turn)
            if asks.call(callee.app_id, "echo", body, "a/b")[0] != body:
                wrong.append(body)
    threads = [threading.Thread(target=some, args=(n,)) for n in range(16)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not wrong


# ---------------------------------------------------------------------------- names, instances, ends
@pytest.mark.parametrize("protocol", ["http", "grpc"])
@pytest.mark.parametrize("kind", [HttpAsks, GrpcAsks])
def test_4_1_another_namespace(bench, names, protocol, kind):
    made = (HttpSide if protocol == "http" else GrpcSide)(bench)
    app_id = f"far-{protocol}-{kind.kind}"
    far = bench.sidecar(app_id=app_id, app=made, config=resolver(names), flags={"app-protocol": protocol}, env={"NAMESPACE": "there"})
    near = bench.sidecar(app_id="near", config=resolver(names), env={"NAMESPACE": "here"})
    for sidecar, hop in [(far, []), (near, ["here"])]:
        asks = kind(sidecar)
        for target in [app_id, f"{app_id}.there"] if sidecar is far else [f"{app_id}.there"]:
            assert asks.call(target, "echo", b"x", "a/b") == (b"x", "a/b", "yes")
            assert made.said("dapr-caller-namespace") == hop
        asks.close()


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_several_instances_share_the_calls(bench, names, protocol):
    sides = [(HttpSide if protocol == "http" else GrpcSide)(bench) for _ in range(3)]
    for one in sides:
        bench.sidecar(app_id=f"many-{protocol}", app=one, config=resolver(names), flags={"app-protocol": protocol})
    asks = GrpcAsks(bench.sidecar(app_id="asks-many", config=resolver(names)))
    for _ in range(60):
        assert asks.call(f"many-{protocol}", "echo", b"x", "a/b")[0] == b"x"
    counts = [len(one.app.requests("/echo") if protocol == "http" else one.app.seen()) for one in sides]
    assert sum(counts) == 60 and min(counts) > 0
    asks.close()


@pytest.mark.parametrize("kind", [HttpAsks, GrpcAsks])
def test_a_peer_that_goes_away_in_the_middle_of_a_call(bench, names, kind):
    app = InvokedApp(bench.grpc_app())
    begun, release = threading.Event(), threading.Event()

    def slow(got, context):
        begun.set()
        release.wait(30)
        return said()
    app.on("slow", slow)
    app_id = f"dies-{kind.kind}"
    peer = bench.sidecar(app_id=app_id, app=app, config=resolver(names), flags={"app-protocol": "grpc"})
    asks = kind(bench.sidecar(app_id=f"mourns-{kind.kind}", config=resolver(names)))
    answers = []
    calling = threading.Thread(target=lambda: answers.append(asks.call(app_id, "slow", b"x", "a/b")))
    calling.start()
    assert begun.wait(10)
    began = time.monotonic()
    peer.process.kill()
    calling.join(20)
    release.set()
    assert 2.5 < time.monotonic() - began < 15, "three waits of a second"
    status, said_why = answers[0]
    text = said_why.message if kind is GrpcAsks else said_why.decode()
    assert status == (500 if kind is HttpAsks else "INTERNAL")
    assert (f"failed to invoke, id: {app_id}, err: failed to invoke target {app_id} after 3 retries. "
            "Error: rpc error: code = Unavailable desc = ") in text
    asks.close()


def test_a_call_moves_to_an_instance_that_lives(bench, names):
    """The address is asked for anew each time: once the row of the dead one is gone, the other answers."""
    first, second = InvokedApp(bench.grpc_app()), InvokedApp(bench.grpc_app())
    begun = threading.Event()

    def stuck(got, context):
        begun.set()
        until(lambda: not context.is_active(), "the call is broken off", 20)
        return said()
    first.on("echo", stuck)
    second.on("echo", lambda got, context: said(b"second"))
    gone = bench.sidecar(app_id="moves", app=first, config=resolver(names), flags={"app-protocol": "grpc"})
    asks = Invoker(bench.sidecar(app_id="asks-moves", config=resolver(names)))
    answers = []
    calling = threading.Thread(target=lambda: answers.append(asks.call("moves", "echo", b"x").data))
    calling.start()
    assert begun.wait(10)
    bench.sidecar(app_id="moves", app=second, config=resolver(names), flags={"app-protocol": "grpc"})
    gone.process.kill()
    with sqlite3.connect(names) as db:
        db.execute("DELETE FROM hosts WHERE address = ?", (f"127.0.0.1:{gone.peer}",))
        assert db.total_changes == 1
    calling.join(30)
    assert answers == [b"second"]
    asks.close()


@pytest.mark.differs
@pytest.mark.parametrize("kind", [HttpAsks, GrpcAsks])
@pytest.mark.parametrize("where", ["local", "remote"])
def test_an_app_hears_that_its_caller_has_gone(bench, names, where, kind):
    app = InvokedApp(bench.grpc_app())
    begun, gone = threading.Event(), threading.Event()

    def slow(got, context):
        context.add_callback(gone.set)
        begun.set()
        gone.wait(20)
        return said()
    app.on("slow", slow)
    app_id = f"left-{where}-{kind.kind}"
    own = bench.sidecar(app_id=app_id, app=app, config=resolver(names), flags={"app-protocol": "grpc"})
    asked = own if where == "local" else bench.sidecar(app_id=f"leaves-{where}-{kind.kind}", config=resolver(names))
    if kind is HttpAsks:
        with Connection(asked.http) as c:
            c.send(f"POST /v1.0/invoke/{app_id}/method/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
            assert begun.wait(10)
        assert gone.wait(10)
        return
    asks = Invoker(asked)
    method = asks.dapr.InvokeService
    multi = asks.dapr.channel.unary_unary(method.path, method.request.SerializeToString, method.response.FromString)
    future = multi.future(method.request(id=app_id, message={"method": "slow"}), timeout=30)
    assert begun.wait(10)
    future.cancel()
    assert gone.wait(10)
    asks.close()


def test_a_client_that_gives_up_is_told_in_time(bench, names):
    app = InvokedApp(bench.grpc_app())
    release = threading.Event()
    app.on("slow", lambda got, context: release.wait(20) and said() or said())
    bench.sidecar(app_id="sleeps", app=app, config=resolver(names), flags={"app-protocol": "grpc"})
    caller = bench.sidecar(app_id="wakes", config=resolver(names))
    asks = Invoker(caller)
    with pytest.raises(rpc.Failure) as raised:
        asks.call("sleeps", "slow", seconds=0.5)
    assert raised.value.is_late(), raised.value
    release.set()
    app.on("echo", lambda got, context: said(b"well"))
    assert asks.call("sleeps", "echo").data == b"well"
    asks.close()
