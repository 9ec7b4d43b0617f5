"""The life of the process (contract 1.5 to 1.8, 4.16, 8.6): what opens when, what is logged, how it ends, how it starts
again. Flags that end a start before it begins are in test_flags.py."""

import os
import re
import signal
import socket
import threading

import pytest

from harness import raw
from harness.app import reply
from harness.plugins import plugin_folder
from harness.ports import free_port, is_open
from harness.resources import component, endpoint, subscription
from harness.wait import until

STORE = component("store", "state.in-memory")


class Held:
    """A path of the app that answers when it is told to."""

    def __init__(self, app, path="/held"):
        self.app, self.path = app, path
        self.released = threading.Event()
        app.route(path, self.answer)

    def answer(self, request, sock):
        self.released.wait(60)
        return reply(200, b"at last")

    def release(self):
        self.released.set()


class Call(threading.Thread):
    """A request in flight; its answer, or what came instead."""

    def __init__(self, sidecar, path, method="GET"):
        super().__init__(daemon=True)
        self.sidecar, self.path, self.method = sidecar, path, method
        self.answer = self.fault = None
        self.start()

    def run(self):
        try:
            self.answer = self.sidecar.request(self.method, self.path)
        except (OSError, EOFError) as fault:
            self.fault = fault

    def wait(self):
        self.join(30)
        assert not self.is_alive()
        return self.answer


@pytest.fixture
def busy(bench):
    """A sidecar with one call in flight: (sidecar, held, call) after begin()."""
    app = bench.app()
    held = Held(app)
    bench.stack.callback(held.release)

    def begin(**options):
        sidecar = bench.sidecar(app=app, **options)
        call = Call(sidecar, f"/v1.0/invoke/{sidecar.app_id}/method/held")
        app.wait_one("/held")
        return sidecar, held, call
    return begin


# --- The start ---

def positions(sidecar, *texts):
    """Where in the log each text is first said."""
    lines = sidecar.log()
    found = []
    for text in texts:
        at = [number for number, line in enumerate(lines) if text in line]
        assert at, f"{text!r} is not in the log:\n" + "\n".join(lines)
        found.append(at[0])
    return found


def test_the_story_of_a_start(bench):
    app = bench.app()
    sidecar = bench.sidecar(app=app, resources=[
        STORE, component("pubsub", "pubsub.in-memory"), endpoint("outside", "http://127.0.0.1:1"),
        subscription("heard", "pubsub", "t", "/t")])
    sidecar.wait_log("dapr initialized. Status: Running. Init Elapsed ")
    order = positions(
        sidecar, "Starting Dapr Runtime -- version ", "Log level set to: debug",
        f"metrics server started on 127.0.0.1:{sidecar.metrics}/", "Loading components…",
        "Component loaded: store (state.in-memory/v1)", "All outstanding components processed", "Loading endpoints…",
        "Found http endpoint: outside", "Loading Declarative Subscriptions…", "Found Subscription: heard",
        f"API gRPC server is running on port {sidecar.grpc}", f"HTTP server is running on port {sidecar.http}",
        f"Internal gRPC server is running on 127.0.0.1:{sidecar.peer}",
        f"application protocol: http. waiting on port {app.port}.  This will block until the app is listening on that port.",
        f"application discovered on port {app.port}", "dapr initialized. Status: Running. Init Elapsed ")
    assert order == sorted(order)
    assert sidecar.logged("standalone mode configured") and sidecar.logged(f"app id: {sidecar.app_id}")
    assert sidecar.logged("Component loaded: pubsub (pubsub.in-memory/v1)")
    assert sidecar.logged("Waiting for all outstanding components to be processed…")
    assert re.search(r"Init Elapsed \d+ms", sidecar.logged("dapr initialized")[0])
    assert re.search(r"Starting Dapr Runtime -- version \S+ -- commit \S+", sidecar.logged("Starting Dapr Runtime")[0])


def test_what_is_not_configured_is_said(bench):
    sidecar = bench.sidecar()
    for said in ("App channel is not initialized. Did you configure an app-port?", "Actor runtime disabled",
                 "Scheduler disabled", "loading default configuration", 'metric spec: {"enabled":true'):
        sidecar.wait_log(said)
    line, = sidecar.wait_log("Enabled features: ")
    assert set(re.search(r'msg="Enabled features: ([^"]*)"', line).group(1).split()) == {
        "HotReload", "WorkflowsRemoteActivityReminder"}


def mute_server(bench):
    """A port that takes connections and never says a word."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=16)
    bench.stack.callback(listener.close)
    return listener.getsockname()[1]


def test_while_a_component_starts_peers_can_connect_and_nobody_else(bench):
    slow = component("slow", "state.redis", {"redisHost": f"127.0.0.1:{mute_server(bench)}"}, initTimeout="60s")
    sidecar = bench.sidecar(ready=False, resources=[slow])
    sidecar.wait_log("Loading components…")
    until(lambda: is_open(sidecar.peer), "the port for peers")
    until(lambda: is_open(sidecar.metrics), "the metrics")
    assert raw.request(sidecar.metrics, "GET", "/metrics").status == 200
    assert not is_open(sidecar.http) and not is_open(sidecar.grpc) and not is_open(sidecar.public)
    assert not sidecar.logged("dapr initialized")


def test_a_signal_while_a_component_starts_ends_the_process(bench):
    slow = component("slow", "state.redis", {"redisHost": f"127.0.0.1:{mute_server(bench)}"}, initTimeout="60s")
    sidecar = bench.sidecar(ready=False, resources=[slow])
    sidecar.wait_log("Loading components…")
    sidecar.signal(signal.SIGINT)
    assert sidecar.wait_end() in (0, 1)
    assert sidecar.logged("Received signal 'interrupt'; beginning shutdown")


def test_a_component_that_did_not_start_is_stopped_before_the_process_ends(bench, tmp_path):
    folder = plugin_folder(tmp_path, "tardy.c", "state.tardy")
    sidecar = bench.sidecar(ready=False, resources=[component("late", "state.tardy")], flags={"plugins-path": str(folder)})
    assert sidecar.wait_end() == 1
    end, = sidecar.logged("Fatal error from runtime: process component late error: ")
    assert "it was told to fail" in end
    assert sidecar.logged("component 'late' (state.tardy): stopped at last")


def test_the_apis_are_open_before_the_app_is_there(bench):
    app = bench.app(start=False)
    sidecar = bench.sidecar(app=app, ready=False, resources=[STORE])
    until(sidecar.is_outbound_ready, "outbound health")
    assert sidecar.status_of("/v1.0/healthz") == 500
    assert sidecar.post("/v1.0/state/store", [{"key": "k", "value": 1}]).status == 204
    assert is_open(sidecar.grpc)
    sidecar.stop()


# --- Ports ---

@pytest.fixture
def taken():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder


@pytest.mark.parametrize("flag, text", [
    ("dapr-http-port", "failed to start HTTP server: could not listen on any endpoint"),
    ("metrics-port", "failed to listen on 127.0.0.1:{0}: listen tcp 127.0.0.1:{0}: bind: address already in use")])
def test_a_busy_port_ends_the_start_with_a_sentence(bench, taken, flag, text):
    port = taken.getsockname()[1]
    sidecar = bench.sidecar(ready=False, flags={flag: port})
    assert sidecar.wait_end(40) == 1
    line, = sidecar.logged("level=fatal")
    assert f'msg="Fatal error from runtime: {text.format(port)}"' in line


def test_other_busy_ports_end_the_start_too(bench, taken):
    """All at once, because each waits ten seconds for its port."""
    started = [bench.sidecar(ready=False, flags={flag: taken.getsockname()[1]})
               for flag in ("dapr-grpc-port", "dapr-internal-grpc-port", "dapr-public-port")]
    for sidecar in started:
        assert sidecar.wait_end(40) == 1
        assert len(sidecar.logged("Fatal error from runtime: ")) == 1


def test_a_port_that_becomes_free_is_taken(bench, taken):
    sidecar = bench.sidecar(ready=False, flags={"dapr-http-port": taken.getsockname()[1]})
    sidecar.http = taken.getsockname()[1]
    sidecar.wait_log("All outstanding components processed")
    taken.close()
    sidecar.wait_ready()
    sidecar.stop()


def test_unix_sockets_take_the_place_of_the_api_ports_and_go_at_the_end(bench, tmp_path):
    folder = tmp_path / "sockets"
    folder.mkdir()
    sidecar = bench.sidecar(ready=False, app_id="unix", resources=[STORE], flags={"unix-domain-socket": folder})
    http, grpc = folder / "dapr-unix-http.socket", folder / "dapr-unix-grpc.socket"
    until(lambda: http.exists() and grpc.exists(), "the sockets")
    sidecar.wait_log("dapr initialized")
    with raw.Connection(0, path=str(http)) as connection:
        assert connection.request("GET", "/v1.0/healthz").status == 204
        assert connection.request("GET", "/v1.0/state/store/none").status == 204
    assert not is_open(sidecar.http) and not is_open(sidecar.grpc)
    assert is_open(sidecar.public) and is_open(sidecar.metrics) and is_open(sidecar.peer)
    sidecar.stop()
    assert os.listdir(folder) == []


# --- The end ---

@pytest.mark.quick
@pytest.mark.parametrize("number, name", [(signal.SIGINT, "interrupt"), (signal.SIGTERM, "terminated")])
def test_a_signal_ends_it_gracefully(bench, number, name):
    sidecar = bench.sidecar(resources=[STORE], flags={"dapr-graceful-shutdown-seconds": 5})
    sidecar.signal(number)
    assert sidecar.wait_end() == 0
    order = positions(sidecar, f"Received signal '{name}'; beginning shutdown", "Dapr is shutting down",
                      "Shutting down component store (state.in-memory/v1)", "Daprd shutdown gracefully")
    assert order == sorted(order)
    assert "Daprd shutdown gracefully" in sidecar.log()[-1]


@pytest.mark.differs
def test_a_start_that_hangs_does_not_keep_a_signal_waiting(bench):
    """It cannot be called back; it is let go."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        hanging = component("hanging", "state.redis", {"redisHost": f"127.0.0.1:{silent.getsockname()[1]}"}, initTimeout="10m")
        sidecar = bench.sidecar(resources=[hanging, STORE], flags={"dapr-graceful-shutdown-seconds": 600}, ready=False)
        sidecar.wait_log("Component loaded: store (state.in-memory/v1)")
        sidecar.signal(signal.SIGTERM)
        assert sidecar.wait_end() == 0
        assert sidecar.logged("Component hanging (state.redis/v1) is leaving while its start hangs: it is not waited for")
        assert "Daprd shutdown gracefully" in sidecar.log()[-1]


def test_a_call_in_flight_is_finished_and_new_ones_are_refused(busy):
    sidecar, held, call = busy()
    sidecar.signal(signal.SIGINT)
    sidecar.wait_log("Dapr is shutting down")
    for port in (sidecar.http, sidecar.grpc, sidecar.public):
        until(lambda: not is_open(port), "the ports to close")
    assert call.is_alive()
    held.release()
    assert (call.wait().status, call.answer.body) == (200, b"at last")
    assert sidecar.wait_end() == 0
    assert sidecar.logged("Daprd shutdown gracefully")


def test_zero_seconds_are_as_many_as_needed(busy):
    sidecar, held, call = busy(flags={"dapr-graceful-shutdown-seconds": 0})
    sidecar.signal(signal.SIGINT)
    sidecar.wait_log("Dapr is shutting down")
    until(lambda: not is_open(sidecar.http), "the port to close")
    assert call.is_alive()
    held.release()
    assert call.wait().status == 200
    assert sidecar.wait_end() == 0


def test_a_call_to_an_endpoint_is_finished_too(bench):
    outside = bench.app()
    held = Held(outside)
    sidecar = bench.sidecar(resources=[endpoint("outside", f"http://127.0.0.1:{outside.port}")])
    call = Call(sidecar, "/v1.0/invoke/outside/method/held")
    outside.wait_one("/held")
    sidecar.signal(signal.SIGINT)
    sidecar.wait_log("Dapr is shutting down")
    held.release()
    assert call.wait().status == 200
    assert sidecar.wait_end() == 0


def test_a_call_to_a_peer_is_finished_too(bench, tmp_path):
    config = {"nameResolution": {"component": "sqlite", "configuration": {"connectionString": str(tmp_path / "n.db")}}}
    app = bench.app()
    held = Held(app)
    bench.sidecar(app=app, app_id="callee", config=config)
    caller = bench.sidecar(app_id="caller", config=config)
    call = Call(caller, "/v1.0/invoke/callee/method/held")
    app.wait_one("/held")
    caller.signal(signal.SIGINT)
    caller.wait_log("Dapr is shutting down")
    held.release()
    assert call.wait().status == 200
    assert caller.wait_end() == 0


def test_what_takes_too_long_is_cut(busy):
    sidecar, _, call = busy(flags={"dapr-graceful-shutdown-seconds": 1})
    sidecar.signal(signal.SIGINT)
    assert sidecar.wait_end() == 1
    assert sidecar.logged("Graceful shutdown timeout exceeded, forcing shutdown")
    assert not sidecar.logged("Daprd shutdown gracefully")
    assert call.wait() is None and call.fault is not None


def test_the_second_signal_is_the_last(busy):
    sidecar, _, call = busy(flags={"dapr-graceful-shutdown-seconds": 0})
    sidecar.signal(signal.SIGINT)
    sidecar.wait_log("Dapr is shutting down")
    sidecar.signal(signal.SIGTERM)
    assert sidecar.wait_end() == 1
    assert call.wait() is None and call.fault is not None


# --- POST /v1.0/shutdown ---

@pytest.mark.quick
def test_it_ends_when_it_is_asked(bench):
    sidecar = bench.sidecar()
    answer = sidecar.post("/v1.0/shutdown")
    assert (answer.status, answer.body) == (204, b"")
    assert sidecar.wait_end() == 0
    order = positions(sidecar, "Shutdown requested via API", "Dapr is shutting down", "Daprd shutdown gracefully")
    assert order == sorted(order)
    assert not is_open(sidecar.http)


def test_asked_for_it_finishes_what_is_in_flight(busy):
    sidecar, held, call = busy()
    assert sidecar.post("/v1.0/shutdown", headers=[("dapr-force-shutdown", "false")]).status == 204
    sidecar.wait_log("Dapr is shutting down")
    assert call.is_alive()
    held.release()
    assert call.wait().status == 200
    assert sidecar.wait_end() == 0


@pytest.mark.parametrize("value", ["true", "TRUE"])
def test_forced_it_ends_at_once(busy, value):
    sidecar, _, call = busy(flags={"dapr-graceful-shutdown-seconds": 0})
    assert sidecar.post("/v1.0/shutdown", headers=[("Dapr-Force-Shutdown", value)]).status == 204
    assert sidecar.wait_end() == 1
    assert sidecar.logged("Force shutdown requested, exiting immediately without graceful shutdown")
    assert not sidecar.logged("Daprd shutdown gracefully")
    assert call.wait() is None and call.fault is not None


def test_only_post_shuts_down(bench):
    sidecar = bench.sidecar()
    for method in ("GET", "PUT", "DELETE"):
        assert sidecar.request(method, "/v1.0/shutdown").status == 404
    assert sidecar.is_ready()


# --- The block phase ---

PROBED = {"enable-app-health-check": "true", "app-health-probe-interval": 1, "app-health-threshold": 1}


def test_blocked_it_serves_until_the_time_is_over(bench):
    app = bench.app()
    app.route("/hi", reply(200, b"hello"))
    sidecar = bench.sidecar(app=app, resources=[STORE], flags={"dapr-block-shutdown-duration": "2s"})
    sidecar.signal(signal.SIGINT)
    sidecar.wait_log("Blocking graceful shutdown for 2s or until app reports unhealthy...")
    assert sidecar.post("/v1.0/state/store", [{"key": "k", "value": 1}]).status == 204
    assert sidecar.get(f"/v1.0/invoke/{sidecar.app_id}/method/hi").body == b"hello"
    assert not sidecar.logged("Dapr is shutting down")
    assert sidecar.wait_end() == 0
    order = positions(sidecar, "Blocking graceful shutdown for 2s", "Block shutdown period expired, entering shutdown...",
                      "Dapr is shutting down", "Daprd shutdown gracefully")
    assert order == sorted(order)


def test_blocked_it_goes_on_when_the_app_is_unhealthy(bench):
    app = bench.app()
    sidecar = bench.sidecar(app=app, flags={**PROBED, "dapr-block-shutdown-duration": "180s"})
    sidecar.wait_log("App entered healthy status")
    sidecar.signal(signal.SIGTERM)
    sidecar.wait_log("Blocking graceful shutdown for 3m0s or until app reports unhealthy...")
    assert sidecar.get("/v1.0/healthz/outbound").status == 204
    app.route("/healthz", reply(503))
    assert sidecar.wait_end() == 0
    order = positions(sidecar, "Blocking graceful shutdown for 3m0s", "App reported unhealthy, entering shutdown...",
                      "Daprd shutdown gracefully")
    assert order == sorted(order)


def test_an_unhealthy_app_blocks_nothing(bench):
    app = bench.app()
    app.route("/healthz", reply(503))
    sidecar = bench.sidecar(app=app, flags={**PROBED, "dapr-block-shutdown-duration": "180s"})
    app.wait_one("/healthz")
    sidecar.signal(signal.SIGINT)
    assert sidecar.wait_end() == 0
    order = positions(sidecar, "Blocking graceful shutdown for 3m0s", "App reported unhealthy, entering shutdown...",
                      "Daprd shutdown gracefully")
    assert order == sorted(order)


def test_blocked_the_second_signal_is_the_last(bench):
    sidecar = bench.sidecar(flags={"dapr-block-shutdown-duration": "180s"})
    sidecar.signal(signal.SIGINT)
    sidecar.wait_log("Blocking graceful shutdown for 3m0s")
    sidecar.signal(signal.SIGINT)
    assert sidecar.wait_end() == 1


# --- SIGHUP ---

def again(sidecar, times=2):
    sidecar.signal(signal.SIGHUP)
    sidecar.wait_log("Received signal 'hangup'; restarting", count=times - 1)
    sidecar.wait_log("dapr initialized. Status: Running.", count=times)
    sidecar.wait_ready()


def test_after_a_hangup_it_is_built_again_in_the_same_process(bench):
    app = bench.app()
    app.route("/hi", reply(200, b"hello"))
    sidecar = bench.sidecar(app=app, resources=[STORE], config={"features": [{"name": "One", "enabled": True}]},
                            flags={"enable-api-logging": None})
    pid = sidecar.process.pid
    kept = raw.Connection(sidecar.http)
    assert kept.request("GET", "/v1.0/metadata").status == 200
    sidecar.resource_write("1.yaml", component("second", "state.in-memory"))
    sidecar.config_write("config.yaml", {"features": [{"name": "Two", "enabled": True}],
                                         "metric": {"enabled": False}, "logging": {"apiLogging": {"enabled": True}},
                                         "tracing": {"samplingRate": "1"}})
    again(sidecar)
    assert sidecar.process.pid == pid and sidecar.process.poll() is None
    assert kept.at_end()
    assert sidecar.component_names() == {"store", "second"}
    features = sidecar.metadata()["enabledFeatures"]
    assert "Two" in features and "One" not in features
    sidecar.wait_log("HTTP API Called")
    assert "AlwaysOnSampler" in sidecar.logged("Dapr trace sampler initialized")[-1]
    assert "dapr_http_server_request_count" not in raw.request(sidecar.metrics, "GET", "/metrics").text
    assert sidecar.get(f"/v1.0/invoke/{sidecar.app_id}/method/hi").body == b"hello"
    assert len(app.requests("/dapr/config")) == 2
    for port in (sidecar.http, sidecar.grpc, sidecar.peer, sidecar.public, sidecar.metrics):
        assert is_open(port)
    sidecar.stop()


def test_a_call_in_flight_survives_a_hangup(busy):
    sidecar, held, call = busy()
    sidecar.signal(signal.SIGHUP)
    sidecar.wait_log("Dapr is shutting down")
    held.release()
    assert call.wait().status == 200
    sidecar.wait_log("dapr initialized", count=2)
    sidecar.stop()


def test_many_hangups(bench):
    sidecar = bench.sidecar(resources=[STORE, component("pubsub", "pubsub.in-memory")])
    for times in range(2, 12):
        again(sidecar, times)
    assert sidecar.component_names() == {"store", "pubsub"}
    sidecar.stop()


def test_a_hangup_into_a_broken_configuration_ends_it_with_a_sentence(bench):
    sidecar = bench.sidecar(config={})
    sidecar.config_write("config.yaml", "spec: [1\n")
    sidecar.signal(signal.SIGHUP)
    assert sidecar.wait_end() == 1
    assert sidecar.logged("Fatal error from runtime: error loading configuration: yaml: line ")


def test_a_signal_after_a_hangup_ends_it(busy):
    sidecar, held, call = busy()
    sidecar.signal(signal.SIGHUP)
    sidecar.wait_log("Dapr is shutting down")
    sidecar.signal(signal.SIGINT)
    sidecar.wait_log("Received signal 'interrupt'; beginning shutdown")
    held.release()
    assert call.wait().status == 200
    assert sidecar.wait_end() == 0


# --- Configuration files ---

def test_of_two_files_the_later_list_counts_whole(bench):
    sidecar = bench.sidecar(start=False)
    files = [sidecar.config_write(f"{n}.yaml", {"features": [{"name": f"Feature{n}", "enabled": True}],
                                                "tracing": {"samplingRate": str(n)} if n == 1 else {}}) for n in (1, 2)]
    sidecar.flags["config"] = files
    sidecar.start()
    features = set(sidecar.metadata()["enabledFeatures"])
    assert features == {"Feature2", "HotReload", "WorkflowsRemoteActivityReminder"}
    assert "AlwaysOnSampler" in sidecar.logged("Dapr trace sampler initialized")[0]


def test_a_feature_may_be_switched_off(bench):
    sidecar = bench.sidecar(config={"features": [{"name": "HotReload", "enabled": False}]})
    assert "HotReload" not in sidecar.metadata()["enabledFeatures"]


def test_variables_are_expanded_in_configuration_files(bench):
    sidecar = bench.sidecar(env={"MINE": "Named", "BRACED": "Too"},
                            config="spec: {features: [{name: $MINE${BRACED}$NONE, enabled: true}]}\n")
    assert "NamedToo" in sidecar.metadata()["enabledFeatures"]


@pytest.mark.parametrize("rate, text", [("0", "TraceIDRatioBased{0}"), ("1", "AlwaysOnSampler")])
def test_the_sampler_is_told(bench, rate, text):
    sidecar = bench.sidecar(config={"tracing": {"samplingRate": rate}})
    line, = sidecar.logged("Dapr trace sampler initialized: ")
    assert text in line


def test_metrics_lie_over_metric(bench):
    sidecar = bench.sidecar(config={"metric": {"http": {"increasedCardinality": True}},
                                    "metrics": {"http": {"increasedCardinality": False}}})
    assert 'increasedCardinality\\":false' in sidecar.logged("metric spec: ")[0]
