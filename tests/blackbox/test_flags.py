"""The command line and the environment (contract 1.1, 1.2): what is refused and how, and what each flag does that
can be seen from outside. Flags of one feature are tested with it: health (test_health.py), the end of the process
(test_lifecycle.py), the log (test_logging.py), CORS and the token (test_http_filters.py)."""

import re
import sqlite3
import subprocess

import pytest

from harness import raw
from harness.app import reply
from harness.ports import free_port, is_open
from harness.resources import component
from harness.wait import until

SQUARE = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
FLAGS = """mode app-id app-port app-protocol app-ssl app-channel-address app-max-concurrency dapr-http-port dapr-grpc-port
dapr-internal-grpc-port dapr-internal-grpc-listen-address dapr-listen-addresses dapr-public-port dapr-public-listen-address
profile-port enable-profiling metrics-port metrics-listen-address enable-metrics resources-path components-path config
control-plane-address control-plane-trust-domain control-plane-namespace sentry-address sentry-request-jwt-audiences
enable-mtls placement-host-address actors-disseminate-timeout scheduler-host-address scheduler-job-streams
allowed-origins max-body-size dapr-http-max-request-size read-buffer-size dapr-http-read-buffer-size unix-domain-socket
dapr-graceful-shutdown-seconds dapr-block-shutdown-duration enable-api-logging disable-builtin-k8s-secret-store
enable-app-health-check app-health-check-path app-health-probe-interval app-health-probe-timeout app-health-threshold
app-binding-options-timeout disable-init-endpoints hot-reload-reconcile-interval log-level log-as-json log-file version
build-info wait""".split()


def run(binary, *arguments, env=None):
    """A start that ends by itself: its code, standard output and standard error."""
    ended = subprocess.run([binary, *arguments], env=env or {}, capture_output=True, text=True, timeout=60)
    return ended.returncode, ended.stdout, ended.stderr


# --- Asking the program itself ---

@pytest.mark.quick
@pytest.mark.parametrize("flag", ["--help", "-help"])
def test_help_names_every_flag_on_standard_error(binary, flag):
    code, out, err = run(binary, flag)
    assert (code, out) == (0, "")
    for name in FLAGS:
        assert f"--{name}" in err, name


def test_a_flag_without_effect_says_so_in_the_help(binary):
    listed = {re.match(r"\s+--([\w-]+)", line).group(1): line for line in run(binary, "--help")[2].splitlines()
              if line.lstrip().startswith("--")}
    assert "--actors-service" not in listed and "--reminders-service" not in listed


@pytest.mark.differs
def test_what_has_no_effect_yet_is_said(binary, bench):
    text = run(binary, "--help")[2]
    later = re.findall(r"--([\w-]+).*\(no effect yet\)", text)
    assert "sentry-address" in later and "app-id" not in later
    given = {"control-plane-address": "x:1", "control-plane-trust-domain": "td", "control-plane-namespace": "ns",
             "sentry-address": "127.0.0.1:1", "sentry-request-jwt-audiences": "a,b", "enable-mtls": "true",
             "scheduler-host-address": "127.0.0.1:1", "scheduler-job-streams": "2", "actors-disseminate-timeout": "3s",
             "placement-host-address": "127.0.0.1:1", "disable-builtin-k8s-secret-store": "true"}
    sidecar = bench.sidecar(flags=given)
    assert set(given) <= set(later)
    for name in given:
        assert sidecar.logged(f"the flag --{name} is accepted and has no effect yet"), name
    assert not bench.sidecar(flags={"enable-profiling": None, "profile-port": None}).logged("has no effect yet")


@pytest.mark.differs
@pytest.mark.parametrize("spec, text", [
    ({"accessControl": {"defaultAction": "deny"}}, "spec.accessControl has no effect yet: every caller is admitted"),
    ({"httpPipeline": {"handlers": [{"name": "a", "type": "middleware.http.uppercase"}]}}, "spec.httpPipeline has no effect yet"),
    ({"appHttpPipeline": {"handlers": [{"name": "a", "type": "middleware.http.uppercase"}]}}, "spec.appHttpPipeline has no effect"),
    ({"tracing": {"zipkin": {"endpointAddress": "http://127.0.0.1:1/"}}}, "the exporters of spec.tracing have no effect yet"),
    ({"metrics": {"rules": [{"name": "x", "labels": []}]}}, "spec.metrics.rules has no effect yet"),
    ({"workflow": {"maxConcurrentWorkflowInvocations": 5}}, "spec.workflow has no effect yet"),
    ({"accessControl": {"trustDomain": "hello"}}, None), ({}, None)], ids=str)
def test_what_of_a_configuration_has_no_effect_yet_is_said(bench, spec, text):
    sidecar = bench.sidecar(config=spec)
    lines = [line for line in sidecar.log() if "no effect yet" in line and "the flag" not in line]
    assert len(lines) == (text is not None)
    assert not text or (text in lines[0] and "level=warning" in lines[0])


@pytest.mark.quick
@pytest.mark.parametrize("arguments", [
    ["--no-such-flag"], ["--no-such-flag=1"], ["-x"], ["--app-id"], ["--app-max-concurrency=many"], ["--enable-metrics=maybe"],
    ["--log-as-json=2"], ["--app-binding-options-timeout=5"], ["--dapr-graceful-shutdown-seconds=1s"],
    ["--scheduler-job-streams=-1"], ["--app-health-threshold="], ["--enable-api-logging=perhaps"],
    ["--actors-disseminate-timeout=soon"], ["--dapr-block-shutdown-duration=2"]], ids=" ".join)
def test_a_flag_that_cannot_be_read_is_2_and_the_usage(binary, arguments):
    code, out, err = run(binary, "--app-id=a", *arguments)
    assert (code, out) == (2, "")
    assert "--dapr-http-port" in err


def test_the_version(binary):
    code, out, err = run(binary, "--version")
    assert code == 0 and err == ""
    assert re.fullmatch(r"(edge|\d+\.\d+\.\d+(-rc\.\d+)?)\n", out)


def test_the_build(binary):
    code, out, _ = run(binary, "--build-info")
    assert code == 0
    assert re.fullmatch(r"Version: .+\nGit Commit: .*\nGit Version: .*\n", out)


# --- What is refused: code 1 and one sentence in the log ---

def refused(bench, flags, env=None, config=None):
    sidecar = bench.sidecar(ready=False, flags=flags, env=env, config=config)
    assert sidecar.wait_end() == 1
    assert not sidecar.logged("dapr initialized")
    return sidecar


REFUSED = [
    ({"app-id": None}, "parameter app-id cannot be empty"),
    ({"app-id": ""}, "parameter app-id cannot be empty"),
    ({"app-id": "a.b"}, "parameter app-id cannot contain dots"),
    ({"dapr-http-port": 12345, "app-port": 12345}, "the 'dapr-http-port' argument value 12345 conflicts with 'app-port'"),
    ({"dapr-grpc-port": 12345, "app-port": 12345}, "the 'dapr-grpc-port' argument value 12345 conflicts with 'app-port'"),
    ({"dapr-http-port": "abc"}, 'error parsing dapr-http-port flag: strconv.Atoi: parsing "abc": invalid syntax'),
    ({"dapr-grpc-port": "1.5"}, 'error parsing dapr-grpc-port flag: strconv.Atoi: parsing "1.5": invalid syntax'),
    ({"app-port": "abc"}, 'error parsing app-port: strconv.Atoi: parsing "abc": invalid syntax'),
    ({"app-protocol": "smtp"}, "invalid value for 'app-protocol': smtp"),
    ({"mode": "zzz"}, "invalid mode: zzz"),
    ({"disable-init-endpoints": "config,all"}, "invalid value for 'disable-init-endpoints': all"),
    ({"scheduler-job-streams": 0}, "must define at least 1 scheduler stream, got 0"),
    ({"metrics-port": "abc"}, 'failed to parse metrics port: strconv.Atoi: parsing "abc": invalid syntax'),
    ({"config": "/nowhere/c.yaml"}, "error loading configuration: stat /nowhere/c.yaml: no such file or directory"),
    ({"resources-path": "/nowhere/r"},
     "failed to create watcher: failed to add target /nowhere/r: no such file or directory"),
]


@pytest.mark.parametrize("flags, text", REFUSED, ids=[text[:48] for _, text in REFUSED])
def test_a_start_that_makes_no_sense_ends_with_a_sentence(bench, flags, text):
    sidecar = refused(bench, flags)
    line, = sidecar.logged("Fatal error from runtime: ")
    escaped = text.replace('"', '\\"')
    assert "level=fatal" in line and f'msg="Fatal error from runtime: {escaped}"' in line


@pytest.mark.parametrize("flags, text", [
    ({"max-body-size": "4Q"}, f"Failed to parse flags: invalid value for 'max-body-size' option: {SQUARE}"),
    ({"read-buffer-size": "x"}, f"Failed to parse flags: invalid value for 'read-buffer-size' option: {SQUARE}"),
    ({"actors-disseminate-timeout": "0s"},
     "Failed to parse flags: invalid value for 'actors-disseminate-timeout' option: must be positive, got 0s"),
    ({"actors-disseminate-timeout": "-1s"},
     "Failed to parse flags: invalid value for 'actors-disseminate-timeout' option: must be positive, got -1s"),
    ({"log-level": "zz"}, "invalid value for --log-level: zz")])
def test_some_sentences_stand_alone(bench, flags, text):
    sidecar = refused(bench, flags)
    assert [line for line in sidecar.log() if f'msg="{text}"' in line], sidecar.log_tail()


def test_an_access_list_must_be_whole(bench):
    sidecar = refused(bench, {}, config={"accessControl": {"policies": [{"appId": "a", "defaultAction": "allow"}]}})
    assert sidecar.logged("Fatal error from runtime: invalid access control spec. missing trustdomain for apps: [a], "
                          "missing namespace for apps: [a], missing app name on at least one of the app policies: false")


def test_a_configuration_that_is_no_yaml_is_fatal(bench):
    sidecar = refused(bench, {}, config="spec: [1\n")
    assert sidecar.logged("Fatal error from runtime: error loading configuration: yaml: line ")
    assert sidecar.logged("did not find expected ',' or ']'")


@pytest.mark.parametrize("text", ["kind: Strange\nspec: {features: [{name: Odd, enabled: true}]}\n",
                                  "spec: {features: [{name: Odd, enabled: true}]}\n"])
def test_only_the_spec_of_a_configuration_is_read(bench, text):
    assert "Odd" in bench.sidecar(config=text).metadata()["enabledFeatures"]


# --- How flags are written ---

def test_one_dash_and_two_words_are_fine(bench):
    sidecar = bench.sidecar(start=False, app_id="worded")
    pairs = [(name, value) for name, value in sidecar.flags.items() if not str(value) in ("true", "false")]
    words = [word for name, value in pairs for word in (f"-{name}", str(value))]
    sidecar.flags = {}
    sidecar.extra_flags = words + sidecar.extra_flags
    assert sidecar.start().metadata()["id"] == "worded"


def test_a_bare_word_switches_on(bench):
    sidecar = bench.sidecar(start=False, flags={"log-as-json": None})
    sidecar.extra_flags = ["--log-as-json", *sidecar.extra_flags]
    sidecar.start()
    assert sidecar.log()[0].startswith("{")


def test_the_last_of_two_values_counts(bench):
    sidecar = bench.sidecar(flags={"log-level": ["debug", "error"]})
    sidecar.get("/v1.0/metadata")
    sidecar.stop()
    assert not sidecar.log()


def test_a_list_is_repeated_or_has_commas(bench, tmp_path):
    paths = []
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.yaml").write_text(f"""
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {{name: {name}}}
spec: {{type: state.in-memory, version: v1}}
""")
        paths.append(str(tmp_path / name))
    sidecar = bench.sidecar(flags={"resources-path": [f"{paths[0]},{paths[1]}", paths[2]]})
    assert sidecar.component_names() == {"a", "b", "c"}


# --- Ports and addresses ---

def test_listen_addresses_are_the_only_ones(bench):
    sidecar = bench.sidecar(flags={
        "dapr-listen-addresses": "127.0.0.1,127.0.0.2", "dapr-internal-grpc-listen-address": "127.0.0.2",
        "dapr-public-listen-address": "127.0.0.2", "metrics-listen-address": "127.0.0.2"})
    for port in (sidecar.http, sidecar.grpc):
        assert is_open(port) and is_open(port, "127.0.0.2") and not is_open(port, "127.0.0.3")
    for port in (sidecar.peer, sidecar.public, sidecar.metrics):
        assert is_open(port, "127.0.0.2") and not is_open(port)


def test_without_addresses_it_is_all_of_them(bench):
    sidecar = bench.sidecar(flags={"dapr-listen-addresses": None, "dapr-internal-grpc-listen-address": None,
                                   "dapr-public-listen-address": None, "metrics-listen-address": None})
    for port in (sidecar.http, sidecar.grpc, sidecar.peer, sidecar.public, sidecar.metrics):
        assert is_open(port) and is_open(port, "127.0.0.2")


def test_without_a_public_port_there_is_no_public_server(bench):
    sidecar = bench.sidecar(flags={"dapr-public-port": None})
    assert not is_open(sidecar.public)
    assert not sidecar.logged(str(sidecar.public))


@pytest.mark.parametrize("value", [None, 0])
def test_a_port_for_peers_is_found_when_none_is_given(bench, tmp_path, value):
    database = str(tmp_path / "names.db")
    sidecar = bench.sidecar(app_id="unnumbered", flags={"dapr-internal-grpc-port": value}, config=names(database))
    host, port = announced(database, "unnumbered").rsplit(":", 1)
    assert host == "127.0.0.1" and is_open(int(port))
    assert int(port) not in (sidecar.http, sidecar.grpc, sidecar.public, sidecar.metrics)


def names(database):
    return {"nameResolution": {"component": "sqlite", "configuration": {"connectionString": database}}}


def announced(database, app_id):
    def find():
        with sqlite3.connect(database) as db:
            rows = db.execute("SELECT address FROM hosts WHERE app_id = ?", (app_id,)).fetchall()
        return rows[0][0] if rows else None
    return until(find, f"{app_id} to be announced")


def test_the_host_address_may_be_given(bench, tmp_path):
    database = str(tmp_path / "names.db")
    bench.sidecar(app_id="hosted", env={"DAPR_HOST_IP": "127.0.0.9"}, config=names(database),
                  flags={"dapr-internal-grpc-listen-address": "0.0.0.0"})
    assert announced(database, "hosted").startswith("127.0.0.9:")


def test_metrics_may_be_off(bench):
    sidecar = bench.sidecar(flags={"enable-metrics": "false"})
    assert not is_open(sidecar.metrics)


@pytest.mark.parametrize("flag", ["dapr-http-port", "dapr-grpc-port"])
def test_a_port_beyond_65535_cannot_be_listened_on(bench, flag):
    sidecar = bench.sidecar(ready=False, flags={flag: 70000})
    assert sidecar.wait_end(40) == 1
    assert sidecar.logged("Fatal error from runtime: failed to start ")


# --- The app ---

def test_the_app_may_live_elsewhere(bench):
    app = bench.app(host="127.0.0.2")
    app.route("/hi", reply(200, b"hello"))
    sidecar = bench.sidecar(app=app, flags={"app-channel-address": "127.0.0.2"})
    assert sidecar.get(f"/v1.0/invoke/{sidecar.app_id}/method/hi").body == b"hello"
    assert sidecar.metadata()["appConnectionProperties"]["channelAddress"] == "127.0.0.2"
    assert app.wait_one("/hi").header("Host") == f"127.0.0.2:{app.port}"


@pytest.mark.parametrize("protocol, wanted", [("HTTP", "http"), ("", "http"), ("H2C", "h2c"), ("GrpC", "grpc"),
                                              ("https", "https"), ("grpcs", "grpcs")])
def test_letter_case_of_a_protocol_does_not_count(bench, protocol, wanted):
    sidecar = bench.sidecar(flags={"app-protocol": protocol})
    assert sidecar.metadata()["appConnectionProperties"]["protocol"] == wanted


@pytest.mark.parametrize("protocol, wanted", [("http", "https"), ("grpc", "grpcs")])
def test_app_ssl_is_an_old_way_to_say_it(bench, protocol, wanted):
    sidecar = bench.sidecar(flags={"app-protocol": protocol, "app-ssl": "true"})
    assert sidecar.metadata()["appConnectionProperties"]["protocol"] == wanted
    assert sidecar.logged(f"The 'app-ssl' flag is deprecated; use 'app-protocol={wanted}' instead")


@pytest.mark.parametrize("value, wanted", [(3, 3), (0, None), (-1, None), (None, None)])
def test_concurrency_is_listed_when_it_is_limited(bench, value, wanted):
    sidecar = bench.sidecar(flags={"app-max-concurrency": value})
    assert sidecar.metadata()["appConnectionProperties"].get("maxConcurrency") == wanted


def test_init_endpoints_may_be_left_out(bench):
    app = bench.app(subscriptions=[{"pubsubname": "pubsub", "topic": "t", "route": "/t"}])
    sidecar = bench.sidecar(app=app, resources=[component("pubsub", "pubsub.in-memory")],
                            flags={"disable-init-endpoints": "config,subscribe"})
    for what in ("dapr configuration", "subscription"):
        assert sidecar.logged(f"Skipping programmatic {what} loading (see 'disable-init-endpoints' flag/annotation)")
    assert not app.requests("/dapr/config") and not app.requests("/dapr/subscribe")
    assert "subscriptions" not in sidecar.metadata()


# --- Sizes ---

def body_limit(sidecar, size):
    """Is a state of that many bytes taken?"""
    value = b'[{"key":"k","value":"' + b"x" * (size - 24) + b'"}]'
    assert len(value) == size
    return sidecar.post("/v1.0/state/store", value).status == 204


@pytest.mark.parametrize("flags, limit", [
    ({"max-body-size": "1k"}, 1000), ({"max-body-size": "2Ki"}, 2048), ({"max-body-size": "5000"}, 5000),
    ({"max-body-size": "1.5k"}, 1500), ({"max-body-size": "1e3"}, 1000), ({}, 4 << 20),
    ({"dapr-http-max-request-size": 1}, 1 << 20), ({"dapr-http-max-request-size": -1}, 4 << 20),
    ({"dapr-http-max-request-size": 1, "max-body-size": "1k"}, 1000)], ids=str)
def test_the_size_of_a_body(bench, flags, limit):
    sidecar = bench.sidecar(flags=flags, resources=[component("store", "state.in-memory")])
    assert body_limit(sidecar, limit)
    assert not body_limit(sidecar, limit + 2)


@pytest.mark.parametrize("value", ["0", "-1"])
def test_no_size_is_no_limit(bench, value):
    sidecar = bench.sidecar(flags={"max-body-size": value}, resources=[component("store", "state.in-memory")])
    assert body_limit(sidecar, 6 << 20)


def head_of(sidecar, size):
    """The status of a request whose line and headers are that long."""
    fixed = raw.request_bytes(sidecar.http, "GET", "/v1.0/healthz", [("X", "")])
    with raw.Connection(sidecar.http) as connection:
        connection.send(raw.request_bytes(sidecar.http, "GET", "/v1.0/healthz", [("X", "x" * (size - len(fixed)))]))
        return connection.answer_read().status


@pytest.mark.parametrize("flags, limit", [
    ({}, 8192), ({"read-buffer-size": "8Ki"}, 12288), ({"dapr-http-read-buffer-size": 16}, 20480),
    ({"dapr-http-read-buffer-size": -1}, 8192), ({"dapr-http-read-buffer-size": 16, "read-buffer-size": "8Ki"}, 12288)],
    ids=str)
def test_the_size_of_a_head(bench, flags, limit):
    sidecar = bench.sidecar(flags=flags)
    assert head_of(sidecar, limit - 16) == 204
    assert head_of(sidecar, limit + 1024) == 431


# --- Resources ---

def test_the_old_name_of_the_resources_folder_counts_alone(bench, tmp_path):
    old = bench.sidecar(start=False, resources=[component("here", "state.in-memory")])
    old.flags["components-path"] = old.flags.pop("resources-path")
    assert old.start().component_names() == {"here"}
    both = bench.sidecar(resources=[component("new", "state.in-memory")], flags={"components-path": old.resources})
    assert both.component_names() == {"new"}


# --- Waiting for another one ---

def test_wait_ends_when_the_other_is_outbound_ready(binary, bench):
    sidecar = bench.sidecar(ready=False)
    code, _, err = run(binary, "--wait", f"--dapr-http-port={sidecar.http}")
    assert code == 0 and sidecar.is_outbound_ready()
    assert err.startswith("Waiting for Dapr to be outbound ready (timeout: 60 seconds): "
                          f"url=http://localhost:{sidecar.http}/v1.0/healthz/outbound\n")
    assert err.endswith("Dapr is outbound ready!\n")


def test_wait_says_what_it_waits_for(binary, bench):
    port = free_port()
    waiting = subprocess.Popen([binary, "--wait", f"--dapr-http-port={port}"], stderr=subprocess.PIPE, text=True, env={})
    assert waiting.stderr.readline().startswith("Waiting for Dapr to be outbound ready")
    assert waiting.stderr.readline().startswith("Dapr outbound NOT ready yet: ")
    bench.sidecar(flags={"dapr-http-port": port}, ready=False)
    assert waiting.wait(60) == 0
    assert waiting.stderr.read().endswith("Dapr is outbound ready!\n")


# --- The environment ---

@pytest.mark.parametrize("variable", ["APP_ID", "APP_PORT", "HOST_ADDRESS"])
def test_the_process_sets_what_components_may_ask_for(bench, variable):
    """The file that a component reads shows the value that it was given."""
    app = bench.app()
    sidecar = bench.sidecar(start=False, app=app, app_id="exported", env={"DAPR_HOST_IP": "127.0.0.7"}, resources=[
        component("secrets", "secretstores.local.file", {"secretsFile": {"envRef": variable}})],
        flags={"dapr-internal-grpc-listen-address": "0.0.0.0"})
    value = {"APP_ID": "exported", "APP_PORT": str(app.port), "HOST_ADDRESS": "127.0.0.7"}[variable]
    with open(f"{sidecar.folder}/{value}", "w", encoding="utf-8") as file:
        file.write('{"k": "found"}')
    assert sidecar.start().get("/v1.0/secrets/secrets/k").json == {"k": "found"}


@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
def test_an_exporter_in_the_environment_samples_everything(bench, variable):
    app = bench.app()
    app.route("/hi", reply(200))
    sidecar = bench.sidecar(app=app, env={variable: f"http://127.0.0.1:{free_port()}"})
    assert "AlwaysOnSampler" in sidecar.wait_log("Dapr trace sampler initialized: ")[0]
    sidecar.get(f"/v1.0/invoke/{sidecar.app_id}/method/hi")
    assert app.wait_one("/hi").header("traceparent").split("-")[1] != "0" * 32


@pytest.mark.parametrize("value, is_on", [("true", False), ("1", False), ("false", True), ("", True)])
def test_http_2_may_be_switched_off(bench, value, is_on):
    sidecar = bench.sidecar(env={"DAPR_HTTP_DISABLE_H2C": value})
    with raw.Connection(sidecar.http) as connection:
        connection.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        connection.reader.fill()
        assert (connection.reader.rest[3:4] == b"\x04") == is_on


def test_an_empty_environment_is_enough(bench):
    assert bench.sidecar(env={}).metadata()["id"]
