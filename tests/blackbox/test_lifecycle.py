"""Start, signals and shutdown of the process (contract 1.5 to 1.8, 8.6)."""

import os
import signal
import socket
import threading
import time

import pytest

from harness import raw
from harness.app import reply
from harness.resources import component
from harness.wait import until

HEALTHZ = "/v1.0/healthz"


def names(tmp_path):
    return {"nameResolution": {"component": "sqlite", "version": "v1", "configuration": {
        "connectionString": str(tmp_path / "names.db")}}}


def invoke(sidecar, method="hi"):
    return sidecar.get(f"/v1.0/invoke/{sidecar.app_id}/method/{method}")


class Held:
    """An app's answer that waits until it is let go."""

    def __init__(self, answer=None):
        self.entered, self.open = threading.Event(), threading.Event()
        self.answer = answer or reply(200, "late")

    def __call__(self, request, sock):
        self.entered.set()
        self.open.wait(30)
        return self.answer


class Call(threading.Thread):
    """A request on its own thread; .answer, or .error when the connection was cut."""

    def __init__(self, run):
        super().__init__(daemon=True)
        self.run_it, self.answer, self.error = run, None, None
        self.start()

    def run(self):
        try:
            self.answer = self.run_it()
        except (OSError, EOFError) as error:
            self.error = error


# --- Ending ---

@pytest.mark.quick
@pytest.mark.parametrize("number, name", [(signal.SIGINT, "interrupt"), (signal.SIGTERM, "terminated")])
def test_a_signal_ends_the_process_gracefully(bench, number, name):
    sidecar = bench.sidecar()
    sidecar.signal(number)
    assert sidecar.wait_end() == 0
    assert sidecar.logged(f"Received signal '{name}'; beginning shutdown")
    assert sidecar.logged("Dapr is shutting down")
    assert sidecar.log()[-1].count("Daprd shutdown gracefully") == 1


def test_every_component_is_said_to_shut_down(bench):
    sidecar = bench.sidecar(resources=[component("mem", "state.in-memory")])
    sidecar.stop()
    assert sidecar.logged("Shutting down component mem (state.in-memory/v1)")


def test_a_second_signal_ends_at_once(bench, tmp_path):
    app = bench.app()
    held = Held()
    app.route("/held", held)
    sidecar = bench.sidecar(app=app, config=names(tmp_path), flags={"dapr-graceful-shutdown-seconds": 60})
    Call(lambda: invoke(sidecar, "held"))
    assert held.entered.wait(10)
    sidecar.signal(signal.SIGTERM)
    sidecar.wait_log("Dapr is shutting down")
    sidecar.signal(signal.SIGTERM)
    assert sidecar.wait_end() == 1
    held.open.set()


def test_a_call_in_flight_is_finished(bench, tmp_path):
    app = bench.app()
    held = Held()
    app.route("/held", held)
    sidecar = bench.sidecar(app=app, config=names(tmp_path))
    call = Call(lambda: invoke(sidecar, "held"))
    assert held.entered.wait(10)
    sidecar.signal(signal.SIGINT)
    sidecar.wait_log("Dapr is shutting down")
    until(lambda: _is_refused(sidecar.http), "the port to close")
    held.open.set()
    assert sidecar.wait_end() == 0
    call.join(10)
    assert call.answer is not None and call.answer.status == 200 and call.answer.text == "late"


def _is_refused(port):
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def test_what_does_not_end_in_time_is_cut(bench, tmp_path):
    app = bench.app()
    held = Held()
    app.route("/held", held)
    sidecar = bench.sidecar(app=app, config=names(tmp_path), flags={"dapr-graceful-shutdown-seconds": 1})
    call = Call(lambda: invoke(sidecar, "held"))
    assert held.entered.wait(10)
    sidecar.signal(signal.SIGINT)
    assert sidecar.wait_end() == 1
    assert sidecar.logged("Graceful shutdown timeout exceeded, forcing shutdown")
    call.join(10)
    assert call.answer is None or call.answer.cut
    held.open.set()


# --- The shutdown API ---

def test_the_api_ends_the_process(bench):
    sidecar = bench.sidecar()
    assert sidecar.post("/v1.0/shutdown").status == 204
    assert sidecar.wait_end() == 0
    assert sidecar.logged("Shutdown requested via API")
    assert sidecar.logged("Daprd shutdown gracefully")


@pytest.mark.parametrize("value", ["true", "TRUE"])
def test_the_api_ends_the_process_by_force(bench, value):
    sidecar = bench.sidecar()
    assert sidecar.post("/v1.0/shutdown", headers=[("dapr-force-shutdown", value)]).status == 204
    assert sidecar.wait_end() == 1
    assert sidecar.logged("Force shutdown requested, exiting immediately without graceful shutdown")
    assert not sidecar.logged("Daprd shutdown gracefully")


# --- Blocking ---

def test_blocking_keeps_serving_for_a_while(bench):
    sidecar = bench.sidecar(app=bench.app(), resources=[component("mem", "state.in-memory")],
                            flags={"dapr-block-shutdown-duration": "1s"})
    sidecar.signal(signal.SIGINT)
    sidecar.wait_log("Blocking graceful shutdown for 1s or until app reports unhealthy...")
    assert sidecar.post("/v1.0/state/mem", b'[{"key":"k","value":1}]').status == 204
    assert sidecar.get(HEALTHZ).status == 204
    assert sidecar.wait_end() == 0
    assert sidecar.logged("Block shutdown period expired, entering shutdown...")


def test_an_unhealthy_app_ends_the_blocking(bench):
    app = bench.app()
    sidecar = bench.sidecar(app=app, flags={
        "dapr-block-shutdown-duration": "180s", "enable-app-health-check": "true",
        "app-health-probe-interval": 1, "app-health-threshold": 1})
    sidecar.wait_log("App entered healthy status")
    sidecar.signal(signal.SIGINT)
    sidecar.wait_log("Blocking graceful shutdown for 3m0s or until app reports unhealthy...")
    app.route("/healthz", reply(503))
    assert sidecar.wait_end() == 0
    assert sidecar.logged("App reported unhealthy, entering shutdown...")


# --- SIGHUP ---

def test_a_hangup_starts_again_in_the_same_process(bench):
    sidecar = bench.sidecar(resources=[component("mem", "state.in-memory")])
    number = sidecar.process.pid
    sidecar.resource_write("1.yaml", component("more", "state.in-memory"))
    sidecar.signal(signal.SIGHUP)
    sidecar.wait_log("Received signal 'hangup'; restarting")
    sidecar.wait_log("dapr initialized. Status: Running.", count=2)
    sidecar.wait_ready()
    assert sidecar.process.pid == number and sidecar.process.poll() is None
    assert sidecar.component_names() == {"mem", "more"}
    sidecar.stop()


def test_a_hangup_reads_the_configuration_again(bench):
    sidecar = bench.sidecar(config={"metric": {"http": {"increasedCardinality": False}}})
    assert sidecar.logged('"increasedCardinality":false')
    sidecar.config_write("config.yaml", {"metric": {"http": {"increasedCardinality": True}}})
    sidecar.signal(signal.SIGHUP)
    sidecar.wait_log('"increasedCardinality":true')
    sidecar.wait_log("dapr initialized. Status: Running.", count=2)
    sidecar.wait_ready()


def test_a_hangup_that_meets_a_broken_configuration_ends(bench):
    sidecar = bench.sidecar(config={"metric": {}})
    sidecar.config_write("config.yaml", "spec: [")
    sidecar.signal(signal.SIGHUP)
    assert sidecar.wait_end() == 1
    assert sidecar.logged("Fatal error from runtime: error loading configuration: ")


def test_many_hangups_leave_nothing_behind(bench):
    sidecar = bench.sidecar(resources=[component("mem", "state.in-memory")])

    def again(count):
        sidecar.signal(signal.SIGHUP)
        sidecar.wait_log("dapr initialized. Status: Running.", count=count)

    folder = f"/proc/{sidecar.process.pid}/fd"
    again(2)
    before = len(os.listdir(folder))
    for count in range(3, 9):
        again(count)
    assert len(os.listdir(folder)) <= before
    sidecar.stop()


# --- Starting ---

def fails(sidecar, sentence):
    assert sidecar.wait_end() == 1, sidecar.log_tail()
    assert sidecar.logged(sentence), sidecar.log_tail()


def test_a_busy_http_port_is_fatal(bench):
    sidecar = bench.sidecar(start=False)
    with socket.create_server(("127.0.0.1", sidecar.http)):
        sidecar.start(ready=False)
        assert sidecar.wait_end(30) == 1
    assert sidecar.logged("Fatal error from runtime: failed to start HTTP server: could not listen on any endpoint")


def test_a_port_that_becomes_free_is_taken(bench):
    sidecar = bench.sidecar(start=False)
    with socket.create_server(("127.0.0.1", sidecar.http)):
        sidecar.start(ready=False)
        sidecar.wait_log("address already in use")
    sidecar.wait_ready()


def test_a_busy_metrics_port_is_fatal_at_once(bench):
    sidecar = bench.sidecar(start=False)
    with socket.create_server(("127.0.0.1", sidecar.metrics)):
        sidecar.start(ready=False)
        fails(sidecar, f"Fatal error from runtime: failed to listen on 127.0.0.1:{sidecar.metrics}: listen tcp "
                       f"127.0.0.1:{sidecar.metrics}: bind: address already in use")


def test_an_unknown_type_is_fatal(bench):
    sidecar = bench.sidecar(ready=False, resources=[component("x", "state.foo")])
    inner = "initialization error occurred for x (state.foo/v1): "
    fails(sidecar, "Fatal error from runtime: process component x error: [INIT_COMPONENT_FAILURE]: " + inner +
          "[CREATE_COMPONENT_FAILURE]: " + inner + "couldn't find state store state.foo/v1")
    assert sidecar.logged("Error processing component, daprd will exit gracefully: process component x error: ")
    assert sidecar.logged("Failed to init component x (state.foo/v1): [CREATE_COMPONENT_FAILURE]: " + inner)


def test_an_unknown_category_is_fatal(bench):
    sidecar = bench.sidecar(ready=False, resources=[component("x", "workflow.dapr")])
    fails(sidecar, "process component x error: incorrect type workflow.dapr")


def test_a_failure_may_be_ignored(bench):
    broken = component("x", "state.foo")
    broken["spec"]["ignoreErrors"] = True
    sidecar = bench.sidecar(resources=[broken, component("mem", "state.in-memory")])
    assert sidecar.logged("Ignoring error processing component: process component x error: ")
    assert sidecar.component_names() == {"mem"}


def test_a_missing_folder_is_fatal(bench):
    sidecar = bench.sidecar(ready=False, flags={"resources-path": "/no/such"})
    fails(sidecar, "Fatal error from runtime: failed to create watcher: failed to add target /no/such: "
                   "no such file or directory")


def test_a_component_waits_for_its_secret(bench, tmp_path):
    file = tmp_path / "secrets.json"
    file.write_text('{"prefix": "none"}')
    user = component("mem", "state.in-memory")
    user["auth"] = {"secretStore": "secrets"}
    user["spec"]["metadata"] = [{"name": "keyPrefix", "secretKeyRef": {"name": "prefix", "key": "prefix"}}]
    sidecar = bench.sidecar(resources=[user, component("secrets", "secretstores.local.file",
                                                       {"secretsFile": str(file)})])
    assert sidecar.component_names() == {"mem", "secrets"}
    loaded = [line for line in sidecar.log() if "Component loaded: " in line]
    assert "secrets" in loaded[0] and "mem" in loaded[1]


def test_a_component_whose_store_is_missing_is_parked(bench):
    user = component("mem", "state.in-memory")
    user["auth"] = {"secretStore": "nowhere"}
    user["spec"]["metadata"] = [{"name": "keyPrefix", "secretKeyRef": {"name": "a", "key": "b"}}]
    sidecar = bench.sidecar(resources=[user])
    assert sidecar.logged("Component mem references a secret store that isn't loaded: nowhere")
    assert sidecar.component_names() == set()


def test_unix_sockets_take_the_place_of_both_ports(bench, tmp_path):
    sidecar = bench.sidecar(ready=False, flags={"unix-domain-socket": str(tmp_path)}, app_id="uds")
    sidecar.wait_log("dapr initialized. Status: Running.")
    paths = [tmp_path / f"dapr-uds-{kind}.socket" for kind in ("http", "grpc")]
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(paths[0]))
        sock.sendall(b"GET /v1.0/healthz HTTP/1.1\r\nHost: unix\r\nConnection: close\r\n\r\n")
        assert sock.recv(1000).startswith(b"HTTP/1.1 204 ")
    assert paths[1].exists()
    assert raw.request(sidecar.public, "GET", HEALTHZ).status == 204
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", sidecar.http), 5)
    sidecar.stop()
    assert not any(path.exists() for path in paths)
