"""Input bindings (contract 5.7, 8.5; grpc-api.md 5.2): which are read, what the app gets, what its answers mean, health
and the end. Cron is read where any events will do; what an event holds is seen with a plugin of the tests that reads
what it is told to create, and answers with what became of it."""

import json
import os
import re
import threading
import time

import grpc
import pytest

from harness import metrics, raw, rpc
from harness.admin import Admin
from harness.app import raw_reply, reply
from harness.grpc_app import HEALTH, Answer
from harness.plugins import plugin_folder
from harness.pubsub import NO_TRACE
from harness.resources import component, text_of
from harness.wait import until

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CODES = grpc.StatusCode
Event = rpc.message("runtime.v1.BindingEventRequest")
Answered = rpc.message("runtime.v1.BindingEventResponse")
Listing = rpc.message("runtime.v1.ListInputBindingsResponse")


def cron(name="tick", schedule="@every 1s", **more):
    return component(name, "bindings.cron", {"schedule": schedule, **more})


@pytest.fixture(scope="module")
def plugins(binary, pytestconfig, tmp_path_factory):
    if not binary.endswith("trilbyd"):
        pytest.skip("a plugin of the tests, which other sidecars cannot load")
    return str(plugin_folder(tmp_path_factory.mktemp("plugins"), "echo.c", "bindings.echo"))


def echo(name="echo", **more):
    return component(name, "bindings.echo", more)


def create(sidecar, data, metadata=None, binding="echo", operation="create"):
    body = json.dumps({"operation": operation, "data": data, "metadata": metadata or {}}).encode()
    return raw.request(sidecar.http, "POST", f"/v1.0/bindings/{binding}", [("Content-Type", "application/json")], body)


def is_read(sidecar, binding="echo"):
    return create(sidecar, None, operation="is-read", binding=binding).json


def events(app, path):
    return app.requests(path, "POST")


# --- Which are read: HTTP ---

@pytest.mark.parametrize("status", [200, 204, 405])
def test_an_app_that_takes_a_binding_gets_its_events(bench, status):
    app = bench.app()
    app.route("/tick", [reply(status), reply(200)])
    bench.sidecar(app=app, resources=[cron()])
    asked, = app.requests("/tick", "OPTIONS")
    assert asked.header("Content-Type") == "application/json" and asked.body == b""
    came = app.wait_for("/tick", 1, "POST")[0]
    assert came.body == b"" and came.target == "/tick"


@pytest.mark.parametrize("status", [404, 400, 302, 500])
def test_an_app_that_does_not_gets_none(bench, plugins, status):
    app = bench.app()
    app.route("/echo", reply(status))
    sidecar = bench.sidecar(app=app, resources=[echo()], flags={"plugins-path": [plugins, own_plugins(bench)]})
    assert len(app.requests("/echo", "OPTIONS")) == 1
    assert not is_read(sidecar)
    assert create(sidecar, 1).json["message"] == "error invoking output binding echo: nobody reads"
    assert "echo" in sidecar.component_names()


def own_plugins(bench):
    """Those of the build, beside a folder that is named."""
    return os.path.join(os.path.dirname(os.path.dirname(bench.binary)), "plugins")


@pytest.fixture
def start(bench, plugins):
    """Starts a sidecar that has the plugin of the tests."""
    def make(*resources, app=None, flags=None, **more):
        return bench.sidecar(app=app, resources=list(resources) or [echo()],
                             flags={"plugins-path": [plugins, own_plugins(bench)], **(flags or {})}, **more)
    return make


def test_a_direction_is_an_answer(bench, start):
    app = bench.app()
    app.otherwise = reply(200)
    sidecar = start(echo("in", direction="Input"), echo("both", direction="input, output"), echo("out", direction="output"),
                    app=app)
    assert not app.requests(method="OPTIONS")
    assert is_read(sidecar, "both") and not is_read(sidecar, "out")
    assert create(sidecar, 1, binding="in").json["message"].endswith("couldn't find output binding in")
    assert create(sidecar, 1, binding="both").status == 200


def test_a_route_replaces_the_name(bench, start):
    app = bench.app()
    app.otherwise = reply(200)
    sidecar = start(echo(route="/a/b?c"), app=app)
    assert app.requests("/a/b", "OPTIONS")[0].target == "/a/b?c"
    assert create(sidecar, 1).status == 200
    assert app.wait_for("/a/b", 1, "POST")[0].target == "/a/b?c"
    assert not app.requests("/echo")


def test_an_app_that_is_slow_to_say_is_not_waited_for(bench, start):
    slow, go = bench.app(), threading.Event()
    slow.route("/slow", lambda request, sock: go.wait(30) and None)
    slow.route("/quick", reply(200))
    sidecar = start(echo("slow"), echo("quick"), app=slow, flags={"app-binding-options-timeout": "300ms"})
    assert is_read(sidecar, "quick") and not is_read(sidecar, "slow")
    assert sidecar.wait_log("could not invoke OPTIONS method on input binding subscription endpoint /slow")
    assert {"slow", "quick"} <= set(sidecar.component_names())
    go.set()


def test_the_question_is_given_up_after_three_seconds(bench, start):
    app, took = bench.app(), []

    def until_closed(request, sock):
        began = time.monotonic()
        sock.settimeout(20)
        sock.recv(1)
        took.append(time.monotonic() - began)
    app.route("/echo", until_closed)
    start(app=app)
    assert 2.5 < until(lambda: took, "the end of the question")[0] < 10


def test_without_an_app_nothing_is_read(start):
    sidecar = start(echo("a", direction="input,output"))
    assert not is_read(sidecar, "a")


# --- What an HTTP app gets, and what its answers mean ---

@pytest.fixture
def told(bench, start):
    """A sidecar whose echo is read by an HTTP app."""
    app = bench.app()
    app.route("/echo", reply(200))
    sidecar = start(app=app, app_id="reader", env={"APP_API_TOKEN": "secret"})
    assert is_read(sidecar)
    app.forget()
    return app, sidecar


def test_an_event(told):
    app, sidecar = told
    create(sidecar, {"a": [1, 2.50]}, {"X-mixed-CASE": "1", "plain": "ü", "content-type": "no", "host": "no",
                                       "transfer-encoding": "chunked", "bad name": "no", "dapr-api-token": "no"})
    came, = events(app, "/echo")
    assert came.body == b'{"a":[1,2.5]}' and not came.chunked
    assert set(came.headers) == {
        ("Host", f"127.0.0.1:{app.port}"), ("User-Agent", "Go-http-client/1.1"), ("Content-Length", "13"),
        ("Content-Type", "application/json"), ("X-Mixed-Case", "1"), ("Plain", "Ã¼"), ("Traceparent", NO_TRACE),
        ("Dapr-Api-Token", "secret"), ("Accept-Encoding", "gzip")}


def test_a_trace_in_the_metadata_goes_on(told):
    app, sidecar = told
    create(sidecar, 1, {"traceparent": PARENT, "tracestate": "a=b"})
    came, = events(app, "/echo")
    assert came.header("Traceparent") == PARENT and came.header("Tracestate") == "a=b"


def test_metadata_cannot_speak_for_the_connection(told):
    app, sidecar = told
    create(sidecar, 1, {"a": "1\r\nEvil: 1", "b\r\nEvil": "1"})
    came, = events(app, "/echo")
    assert came.header("Evil") is None and came.header("A") == "1  Evil: 1"


@pytest.mark.parametrize("status", [200, 201, 204])
def test_any_2xx_is_an_answer(told, status):
    app, sidecar = told
    app.route("/echo", reply(status, b"" if status == 204 else b'{"to":["nowhere"],"data":1}'))
    answer = create(sidecar, 1)
    assert answer.status == 200 and answer.header("Metadata.verdict") == "ack"
    assert answer.body == (b"" if status == 204 else b'{"to":["nowhere"],"data":1}')
    assert not sidecar.logged("nowhere")


@pytest.mark.parametrize("status", [404, 400, 500, 302])
def test_any_other_status_is_an_error(told, status):
    app, sidecar = told
    app.route("/echo", reply(status, b"no thanks"))
    answer = create(sidecar, 1)
    text = f"fails to send binding event to http app channel, status code: {status} body: no thanks"
    assert answer.status == 500 and answer.header("Metadata.verdict") == "retry"
    assert answer.json["message"] == f"error invoking output binding echo: {text}"
    sidecar.wait_log(f"error from app consumer for binding [echo]: {text}")


def test_no_answer_is_an_error(told):
    app, sidecar = told
    app.route("/echo", raw_reply(b""))
    answer = create(sidecar, 1)
    assert answer.status == 500
    assert answer.json["message"].startswith("error invoking output binding echo: error invoking app: ")


def test_events_are_counted(told):
    app, sidecar = told
    create(sidecar, 1)
    app.route("/echo", reply(500))
    create(sidecar, 1)
    labels = {"app_id": "reader", "component": "echo", "namespace": ""}
    metrics.wait_value(sidecar, "dapr_component_input_binding_count", 1, success="true", **labels)
    metrics.wait_value(sidecar, "dapr_component_input_binding_count", 1, success="false", **labels)
    assert metrics.value(sidecar, "dapr_component_input_binding_latencies_count", success="true", **labels) == 1


def test_a_cron_event_says_when(bench):
    app = bench.app()
    app.route("/tick", reply(200))
    bench.sidecar(app=app, resources=[cron(schedule="* * * * * *")], env={"TZ": "Asia/Tokyo"})
    came = app.wait_for("/tick", 2, "POST")[1]
    assert came.header("Timezone") == "Local"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,9})? \+0000 UTC", came.header("Readtimeutc"))


@pytest.mark.parametrize("schedule,word", [("every now and then", "expected 5 fields"), ("* * 31 2 *", "never due"), ("@often", "@often")])
def test_a_bad_schedule_ends_the_start(bench, schedule, word):
    sidecar = bench.sidecar(ready=False, resources=[cron(schedule=schedule)])
    assert sidecar.wait_end() == 1
    line, = sidecar.logged("Fatal error from runtime")
    assert "invalid schedule format" in line and word in line


def test_the_metadata_list_what_a_direction_leaves(bench, start):
    sidecar = start(echo("both"), echo("in", direction="input"), echo("out", direction="output"))
    found = {one["name"]: one["capabilities"] for one in sidecar.metadata()["components"]}
    assert found == {"both": ["INPUT_BINDING", "OUTPUT_BINDING"], "in": ["INPUT_BINDING"], "out": ["OUTPUT_BINDING"]}


# --- gRPC apps ---

class GrpcScene:
    def __init__(self, bench, start):
        self.start_sidecar, self.app = start, bench.grpc_app(start=False)
        self.heard = []
        self.app.route("ListInputBindings", Answer(Listing(bindings=["echo", "other"]).SerializeToString()))
        self.said = Answer()
        self.app.route("OnBindingEvent", self.on_event)

    def on_event(self, call, context):
        self.heard.append(Event.FromString(call.message))
        return self.said

    def start(self, *resources, flags=None, **more):
        self.app.start()
        self.sidecar = self.start_sidecar(*resources, app=self.app, flags={"app-protocol": "grpc", **(flags or {})}, **more)
        return self.sidecar

    def says(self, **fields):
        self.said = Answer(Answered(**fields).SerializeToString())


@pytest.fixture
def scene(bench, start):
    return GrpcScene(bench, start)


def test_a_grpc_app_is_asked_once_for_its_list(scene):
    sidecar = scene.start(echo(), echo("other"), echo("third"), env={"APP_API_TOKEN": "secret"})
    asked, = scene.app.seen("ListInputBindings")
    assert asked.message == b"" and asked.value("dapr-api-token") is None and asked.seconds <= 3
    assert is_read(sidecar) and is_read(sidecar, "other") and not is_read(sidecar, "third")


def test_a_grpc_app_without_a_list_gets_only_what_has_a_direction(scene):
    del scene.app.routes["/dapr.proto.runtime.v1.AppCallback/ListInputBindings"]
    sidecar = scene.start(echo(), echo("other", direction="input,output"))
    assert not is_read(sidecar) and is_read(sidecar, "other")


def test_a_grpc_app_that_is_slow_to_say_is_not_waited_for(scene):
    go = threading.Event()
    scene.app.route("ListInputBindings", lambda call, context: go.wait(30) and Answer())
    sidecar = scene.start(flags={"app-binding-options-timeout": "300ms"})
    assert not is_read(sidecar) and "echo" in sidecar.component_names()
    go.set()


def test_an_event_over_grpc(scene):
    sidecar = scene.start(env={"APP_API_TOKEN": "secret"})
    scene.says(data=b"thanks")
    answer = create(sidecar, {"a": 1}, {"Key": "value", "traceparent": PARENT})
    event, = scene.heard
    assert (event.name, event.data) == ("echo", b'{"a":1}')
    assert dict(event.metadata)["Key"] == "value"
    call, = scene.app.seen("OnBindingEvent")
    assert call.value("dapr-api-token") == "secret" and call.value("traceparent") == PARENT
    assert answer.body == b"thanks" and answer.header("Metadata.verdict") == "ack"


def test_an_error_of_a_grpc_app_goes_to_the_component(scene):
    sidecar = scene.start()
    scene.said = Answer(code=CODES.ABORTED, text="not today")
    answer = create(sidecar, 1)
    assert answer.header("Metadata.verdict") == "retry"
    assert answer.json["message"] == ("error invoking output binding echo: error invoking app: rpc error: code = Aborted "
                                      "desc = not today")


def test_an_answer_goes_to_other_bindings(scene, tmp_path):
    files = component("files", "bindings.localstorage", {"rootPath": str(tmp_path), "decodeBase64": "never"})
    sidecar = scene.start(echo(), files, component("more", "bindings.localstorage", {"rootPath": str(tmp_path)}))
    scene.says(data=b'{"b": 1, "a": "<x>"}', to=["files", "more"], store_name="nowhere",
               states=[{"key": "k", "value": b"v"}])
    answer = create(sidecar, 1)
    assert answer.body == b'{"b": 1, "a": "<x>"}'
    assert sorted(one.read_bytes() for one in tmp_path.iterdir()) == [b'{"a":"\\u003cx\\u003e","b":1}'] * 2


@pytest.mark.parametrize("concurrency,written", [(0, 0), (1, 1)])
def test_a_binding_that_fails_stops_those_behind_it_unless_they_are_side_by_side(scene, tmp_path, concurrency, written):
    files = component("files", "bindings.localstorage", {"rootPath": str(tmp_path), "decodeBase64": "never"})
    sidecar = scene.start(echo(), files)
    scene.says(data=b"no json", to=["nowhere", "files"], concurrency=concurrency)
    answer = create(sidecar, 1)
    assert answer.header("Metadata.verdict") == "ack" and answer.body == b"no json"
    sidecar.wait_log("error executing app response: error invoking output binding nowhere: couldn't find output binding nowhere")
    if written:
        until(lambda: [one.read_bytes() for one in tmp_path.iterdir() if not one.name.startswith(".")] == [b"null"], "the file")
    assert len(list(tmp_path.iterdir())) == written


# --- Health, the broken source, hot reload, the end ---

def test_events_flow_only_while_the_app_is_healthy(bench, start):
    app = bench.app()
    app.route("/healthz", reply(500))
    app.route("/echo", reply(200))
    sidecar = start(app=app, ready=False, flags={"enable-app-health-check": "true", "app-health-probe-interval": 1,
                                                 "app-health-probe-timeout": 500, "app-health-threshold": 1})
    until(lambda: app.requests("/healthz"), "a probe")
    until(sidecar.is_outbound_ready, "outbound health")
    assert not is_read(sidecar) and not app.requests("/echo")
    app.route("/healthz", reply(200))
    until(lambda: is_read(sidecar), "reading")
    assert create(sidecar, 1).status == 200
    app.route("/healthz", reply(500))
    until(lambda: not is_read(sidecar), "the end of reading")
    app.route("/healthz", reply(200))
    until(lambda: is_read(sidecar), "reading again")
    assert len(app.requests("/echo", "OPTIONS")) == 2


def test_a_source_that_breaks_is_read_again(bench, start):
    app = bench.app()
    app.otherwise = reply(200)
    sidecar = start(echo(refusals="1"), app=app)
    sidecar.wait_log("error reading from input binding echo, it is read again soon: the source is dry")
    until(lambda: is_read(sidecar), "reading")
    create(sidecar, None, operation="end")
    sidecar.wait_log("error reading from input binding echo, it is read again soon: the source has dried up")
    until(lambda: is_read(sidecar), "reading again")
    assert create(sidecar, 1).status == 200


def test_what_is_under_way_at_the_end_is_answered(bench, start):
    app, go = bench.app(), threading.Event()
    app.route("/echo", [reply(200), lambda request, sock: go.wait(30) and reply(200, b"late")])
    sidecar = start(app=app)
    answers = []
    asking = threading.Thread(target=lambda: answers.append(create(sidecar, 1)))
    asking.start()
    app.wait_for("/echo", 1, "POST")
    sidecar.signal(15)
    sidecar.wait_log("Dapr is shutting down")
    go.set()
    asking.join(20)
    assert answers[0].body == b"late" and answers[0].header("Metadata.verdict") == "ack"
    assert sidecar.wait_end() == 0


def test_many_that_are_under_way_at_the_end_are_all_answered(bench, start):
    app, go = bench.app(), threading.Event()
    app.route("/echo", [reply(200), lambda request, sock: go.wait(30) and reply(200, request.body)])
    sidecar = start(app=app)
    answers = {}

    def ask(n):
        answers[n] = create(sidecar, n)
    asking = [threading.Thread(target=ask, args=(n,)) for n in range(60)]
    for one in asking:
        one.start()
    app.wait_for("/echo", 60, "POST")
    sidecar.signal(15)
    sidecar.wait_log("Dapr is shutting down")
    go.set()
    for one in asking:
        one.join(20)
    assert {n: (one.body, one.header("Metadata.verdict")) for n, one in answers.items()} == {
        n: (b"%d" % n, "ack") for n in range(60)}
    assert sidecar.wait_end() == 0


def test_a_component_that_comes_later_or_anew_is_read(bench, start, tmp_path):
    app = bench.app()
    app.otherwise = reply(200)
    path = str(tmp_path / "admin.sock")
    sidecar = start(app=app, flags={"admin-listen": f"unix:{path}"})
    admin = Admin(path=path)
    assert admin.put(text_of(echo("late"))).status == 200
    until(lambda: is_read(sidecar, "late"), "reading the late one")
    assert admin.reload("echo").status == 200
    until(lambda: is_read(sidecar), "reading the one made anew")
    assert create(sidecar, 1).status == 200
    assert admin.remove("late").status in (200, 204)
    until(lambda: create(sidecar, 1, binding="late").json["message"].endswith("couldn't find output binding late"), "its end")


def test_a_plugin_is_swapped_while_it_is_read(bench, start, tmp_path):
    app = bench.app()
    app.otherwise = reply(200)
    path = str(tmp_path / "admin.sock")
    sidecar = start(app=app, flags={"admin-listen": f"unix:{path}"})
    for plugin in ("bindings.echo", "bindings"):
        answer = Admin(path=path).swap(plugin)
        assert answer.status == 200, answer.text
        until(lambda: is_read(sidecar), f"reading after {plugin} was swapped")
        assert create(sidecar, 1).status == 200
