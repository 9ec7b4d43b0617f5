"""Metrics (contract 7, 3.5; resources.md 6.2): the text of a scrape, what is counted by which labels, and what the
configuration changes. Pub/sub counts are in test_publish.py and test_delivery.py."""

import pytest

from harness import raw
from harness.app import reply
from harness.metrics import samples, scrape, value, wait_value
from harness.ports import free_port
from harness.resources import component

STORE = component("store", "state.in-memory")
PUBSUB = component("pubsub", "pubsub.in-memory")
LATENCIES = [1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 30, 40, 50, 65, 80, 100, 130, 160, 200, 250, 300, 400, 500, 650, 800,
             1000, 2000, 5000, 10000, 20000, 50000, 100000]
SIZES = [1 << n for n in (10, 11, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32)]


def secrets(tmp_path):
    path = tmp_path / "s.json"
    path.write_text('{"k": "v"}')
    return component("secrets", "secretstores.local.file", {"secretsFile": str(path)})


def buckets(sidecar, name, **labels):
    return [have["le"] for key, have, _ in samples(sidecar) if key == name + "_bucket" and
            all(have.get(one) == two for one, two in labels.items())]


# --- The text ---

@pytest.mark.quick
@pytest.mark.parametrize("path", ["/metrics", "/", "/anything?at=all"])
def test_a_scrape(bench, path):
    answer = raw.request(bench.sidecar().metrics, "GET", path)
    assert answer.status == 200
    assert answer.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
    assert answer.header("Transfer-Encoding") == "chunked"
    assert "process_resident_memory_bytes " in answer.text


def test_every_family_has_a_type_and_its_labels_in_order(bench):
    sidecar = bench.sidecar(resources=[STORE])
    sidecar.post("/v1.0/state/store", [{"key": "k", "value": 1}])
    wait_value(sidecar, "dapr_component_state_count", 1, operation="set")
    types = {}
    for line in scrape(sidecar).text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types, f"{name} is described twice"
            types[name] = kind
    for name, labels, _ in samples(sidecar):
        family = name if name in types else name.rpartition("_")[0]
        assert family in types, name
        own = [label for label in labels if label != "le"]
        assert own == sorted(own)
    assert types["dapr_http_server_request_count"] == "counter" and types["dapr_http_server_latency"] == "histogram"
    assert types["process_resident_memory_bytes"] == "gauge"


def test_values_of_labels_are_escaped(bench):
    sidecar = bench.sidecar(resources=[component('a"b\\c', "state.in-memory")])
    assert sidecar.get("/v1.0/state/a%22b%5Cc/k").status == 204
    wait_value(sidecar, "dapr_component_state_count", 1, component='a\\"b\\\\c')


# --- The HTTP server ---

def test_each_request_is_counted_once(bench):
    sidecar = bench.sidecar(app_id="counted", resources=[STORE])
    sidecar.post("/v1.0/state/store", [{"key": "k", "value": 1}])
    sidecar.get("/v1.0/state/store/k")
    sidecar.get("/v1.0/state/store/none")
    sidecar.delete("/v1.0/state/store/k")
    sidecar.get("/v1.0/state/nope/k")
    for method, status, wanted in (("POST", 204, 1), ("GET", 200, 1), ("GET", 204, 1), ("DELETE", 204, 1)):
        labels = {"app_id": "counted", "method": method, "path": "/v1.0/state/store", "status": str(status)}
        wait_value(sidecar, "dapr_http_server_request_count", wanted, **labels)
        wait_value(sidecar, "dapr_http_server_response_count", wanted, **labels)
        wait_value(sidecar, "dapr_http_server_latency_count", wanted, **labels)
    wait_value(sidecar, "dapr_http_server_request_count", 1, path="/v1.0/state/nope", status="400")
    for _, labels, _ in [one for one in samples(sidecar) if one[0] == "dapr_http_server_request_count"]:
        assert list(labels) == ["app_id", "method", "path", "status"]


def test_paths_are_cut_where_the_names_begin(bench, tmp_path):
    app = bench.app()
    app.route("/a/b", reply(200))
    sidecar = bench.sidecar(app=app, app_id="me", resources=[STORE, PUBSUB, secrets(tmp_path)])
    for path in ("/v1.0/secrets/secrets/k", "/v1.0/invoke/me/method/a/b?x=1", "/v1.0/metadata", "/nothing/here",
                 "/v1.0/invoke/me/method//a///b", "/v1.0/state/store/one"):
        sidecar.get(path)
    sidecar.post("/v1.0/publish/pubsub/some/topic", b"{}")
    sidecar.request("BREW", "/v1.0/metadata")
    for path, method, status, wanted in (
            ("/v1.0/secrets/secrets", "GET", 200, 1), ("/v1.0/invoke/me/method/a/b", "GET", 200, 2),
            ("/v1.0/metadata", "GET", 200, 1), ("/nothing/here", "GET", 404, 1), ("/v1.0/state/store", "GET", 204, 1),
            ("/v1.0/publish/pubsub/some/topic", "POST", 204, 1), ("/v1.0/metadata", "UNKNOWN", 404, 1)):
        wait_value(sidecar, "dapr_http_server_request_count", wanted, path=path, method=method, status=str(status))
    assert value(sidecar, "dapr_http_server_request_count", path="/v1.0/healthz", status="204") >= 1


def test_a_url_as_target_has_its_slashes_collapsed(bench):
    port = free_port()
    sidecar = bench.sidecar()
    sidecar.get(f"/v1.0/invoke/http://127.0.0.1:{port}/method/x")
    wait_value(sidecar, "dapr_http_server_request_count", 1, path=f"/v1.0/invoke/http:/127.0.0.1:{port}/method/x")


def test_bytes_have_buckets_of_sizes(bench):
    sidecar = bench.sidecar(app_id="sized", resources=[STORE])
    body = b'[{"key":"k","value":"' + b"x" * 5000 + b'"}]'
    before = value(sidecar, "dapr_http_server_request_bytes_sum")
    sidecar.post("/v1.0/state/store", body)
    wait_value(sidecar, "dapr_http_server_request_bytes_sum", (before or 0) + len(body), app_id="sized")
    for name in ("request", "response"):
        found = buckets(sidecar, f"dapr_http_server_{name}_bytes")
        assert [int(float(one)) for one in found[:-1]] == SIZES and found[-1] == "+Inf"


def test_latency_buckets_are_whole_numbers(bench):
    sidecar = bench.sidecar()
    sidecar.get("/v1.0/metadata")
    wait_value(sidecar, "dapr_http_server_request_count", 1, path="/v1.0/metadata")
    assert buckets(sidecar, "dapr_http_server_latency", path="/v1.0/metadata") == [str(one) for one in LATENCIES] + ["+Inf"]


def test_latency_buckets_may_be_others(bench):
    sidecar = bench.sidecar(resources=[STORE], config={"metrics": {"latencyDistributionBuckets": [7, 70, 700]}})
    sidecar.get("/v1.0/state/store/k")
    wait_value(sidecar, "dapr_component_state_count", 1)
    for name, labels in (("dapr_http_server_latency", {"path": "/v1.0/state/store"}), ("dapr_component_state_latencies", {})):
        assert buckets(sidecar, name, **labels) == ["7", "70", "700", "+Inf"]


# --- What the configuration changes ---

def test_low_cardinality(bench):
    app = bench.app()
    app.route("/hi", reply(200))
    sidecar = bench.sidecar(app=app, resources=[STORE, PUBSUB], config={"metrics": {"http": {"increasedCardinality": False}}})
    assert sidecar.logged('increasedCardinality":false')
    sidecar.get("/v1.0/state/store/k")
    sidecar.get(f"/v1.0/invoke/{sidecar.app_id}/method/hi")
    wait_value(sidecar, "dapr_http_server_request_count", 1, method="GET", path="", status="200")
    assert {labels["path"] for name, labels, _ in samples(sidecar) if name.startswith("dapr_http_server_request_count")} == {""}
    assert value(sidecar, "dapr_http_server_response_count") is None
    paths = {labels["path"] for name, labels, _ in samples(sidecar) if name == "dapr_http_client_completed_count"}
    assert paths == {"", "/dapr/config", "/dapr/subscribe"}


@pytest.mark.parametrize("is_high, other", [(True, "/v1.0/metadata"), (False, "")])
def test_patterns_of_paths(bench, is_high, other):
    app = bench.app()
    app.otherwise = reply(200)
    patterns = ["/orders/{id}", "/orders/special", "/tree/", "/v1.0/invoke/{app}/method/own/{x}"]
    sidecar = bench.sidecar(app=app, app_id="me", config={"metrics": {"http": {"increasedCardinality": is_high,
                                                                              "pathMatching": patterns}}})
    for path in ("/orders/1", "/orders/2", "//orders//3", "/orders/special", "/tree/a/b", "/own/5"):
        assert sidecar.get(f"/v1.0/invoke/me/method{path}").status == 200
    sidecar.get("/v1.0/metadata")
    under = "/v1.0/invoke/{app_id}/method"
    for path, wanted in ((under + "/orders/{id}", 3), (under + "/orders/special", 1), (under + "/tree/", 1),
                         ("/v1.0/invoke/{app}/method/own/{x}", 1)):
        wait_value(sidecar, "dapr_http_server_request_count", wanted, path=path)
    wait_value(sidecar, "dapr_http_server_request_count", 1, path=other, status="200")


def test_without_verbs(bench):
    sidecar = bench.sidecar(resources=[STORE], config={"metrics": {"http": {"excludeVerbs": True}}})
    sidecar.get("/v1.0/state/store/k")
    sidecar.delete("/v1.0/state/store/k")
    wait_value(sidecar, "dapr_http_server_request_count", 2, method="", path="/v1.0/state/store", status="204")


@pytest.mark.parametrize("key", ["metric", "metrics"])
def test_switched_off_the_server_stays(bench, key):
    sidecar = bench.sidecar(resources=[STORE], config={key: {"enabled": False}})
    sidecar.get("/v1.0/state/store/k")
    names = {name for name, _, _ in samples(sidecar)}
    assert "process_resident_memory_bytes" in names and not [name for name in names if name.startswith("dapr_")]


# --- Calls of the app ---

def test_calls_of_the_app(bench):
    app = bench.app(subscriptions=[{"pubsubname": "pubsub", "topic": "t", "route": "/heard"}])
    for path in ("/", "/a%20b", "/heard"):
        app.route(path, reply(200, b"hello"))
    app.route("/broken", lambda request, sock: None)
    sidecar = bench.sidecar(app=app, app_id="me", resources=[PUBSUB])
    for path in ("/", "/a%20b", "/broken", "/missing"):
        sidecar.get(f"/v1.0/invoke/me/method{path}")
    sidecar.post("/v1.0/publish/pubsub/t", b"{}")
    for path, method, status in (("/dapr/config", "GET", 200), ("/dapr/subscribe", "GET", 200), ("", "GET", 200),
                                 ("/a b", "GET", 200), ("/broken", "GET", 500), ("/missing", "GET", 404), ("/heard", "POST", 200)):
        wait_value(sidecar, "dapr_http_client_completed_count", 1, app_id="me", path=path, method=method, status=str(status))
        wait_value(sidecar, "dapr_http_client_roundtrip_latency_count", 1, path=path, method=method, status=str(status))
    assert value(sidecar, "dapr_http_client_sent_bytes_count", path="/heard", method="POST", status="") == 1
    assert value(sidecar, "dapr_http_client_received_bytes_count", app_id="me") >= 4


def test_probes_of_the_app(bench):
    app = bench.app()
    app.route("/healthz", [reply(200), reply(503), reply(204)])
    sidecar = bench.sidecar(app=app, app_id="me", flags={"enable-app-health-check": "true", "app-health-probe-interval": 1})
    app.wait_for("/healthz", 3)
    for status in ("200", "503"):
        wait_value(sidecar, "dapr_http_healthprobes_completed_count", 1, app_id="me", status=status)
        wait_value(sidecar, "dapr_http_healthprobes_roundtrip_latency_count", 1, app_id="me", status=status)


# --- Components ---

@pytest.mark.parametrize("namespace", [None, "ns"])
def test_operations_of_a_store(bench, namespace):
    sidecar = bench.sidecar(resources=[STORE], app_id="me", env={"NAMESPACE": namespace} if namespace else {})
    path = "/v1.0/state/store"
    sidecar.post(path, [{"key": "k", "value": 1}])
    sidecar.post(path, [{"key": "k", "value": 2, "etag": "bad"}])
    sidecar.get(path + "/k")
    sidecar.get(path + "/none")
    sidecar.post(path + "/bulk", {"keys": ["k"]})
    sidecar.post(path + "/transaction", {"operations": [{"operation": "upsert", "request": {"key": "k", "value": 3}}]})
    sidecar.delete(path + "/k")
    for operation, success, wanted in (("set", "true", 1), ("set", "false", 1), ("get", "true", 2), ("bulk_get", "true", 1),
                                       ("transaction", "true", 1), ("delete", "true", 1)):
        labels = {"app_id": "me", "component": "store", "namespace": namespace or "", "operation": operation, "success": success}
        wait_value(sidecar, "dapr_component_state_count", wanted, **labels)
    assert {name for name, _, _ in samples(sidecar)} >= {"dapr_component_state_latencies_bucket", "dapr_component_state_latencies_sum",
                                                       "dapr_component_state_latencies_count"}


def test_operations_of_a_secret_store(bench, tmp_path):
    sidecar = bench.sidecar(resources=[secrets(tmp_path)], app_id="me")
    sidecar.get("/v1.0/secrets/secrets/k")
    sidecar.get("/v1.0/secrets/secrets/none")
    sidecar.get("/v1.0/secrets/secrets/bulk")
    for operation, success in (("get", "true"), ("get", "false"), ("bulk_get", "true")):
        wait_value(sidecar, "dapr_component_secret_count", 1, app_id="me", component="secrets", namespace="",
                   operation=operation, success=success)


def test_components_that_start_and_that_do_not(bench):
    sidecar = bench.sidecar(app_id="me", resources=[
        STORE, component("second", "state.in-memory"), component("typeless", "state.foo", ignoreErrors=True),
        component("broken", "secretstores.local.file", {"secretsFile": "/nowhere.json"}, ignoreErrors=True)])
    assert value(sidecar, "dapr_runtime_component_loaded", app_id="me") == 4
    assert value(sidecar, "dapr_runtime_component_init_total", app_id="me", component="state.in-memory") == 2
    assert value(sidecar, "dapr_runtime_component_init_fail_total", component="state.foo", componentName="typeless",
                 reason="creation") == 1
    assert value(sidecar, "dapr_runtime_component_init_fail_total", component="secretstores.local.file",
                 componentName="broken", reason="init") == 1


# --- Sidecar to sidecar ---

def test_calls_between_sidecars(bench, tmp_path):
    config = {"nameResolution": {"component": "sqlite", "configuration": {"connectionString": str(tmp_path / "n.db")}}}
    app = bench.app()
    app.route("/hi", reply(200, b"hello"))
    callee = bench.sidecar(app=app, app_id="callee", config=config)
    caller = bench.sidecar(app_id="caller", config=config)
    assert caller.get("/v1.0/invoke/callee/method/hi").status == 200
    name = "dapr_runtime_service_invocation_"
    wait_value(caller, name + "req_sent_total", 1, app_id="caller", dst_app_id="callee")
    wait_value(caller, name + "res_recv_total", 1, app_id="caller", src_app_id="callee", status="200")
    wait_value(caller, name + "res_recv_latency_ms_count", 1, app_id="caller", src_app_id="callee", status="200")
    wait_value(callee, name + "req_recv_total", 1, app_id="callee", src_app_id="caller")
    wait_value(callee, name + "res_sent_total", 1, app_id="callee", dst_app_id="caller", status="200")
    assert value(caller, "dapr_http_client_completed_count") is None
    assert value(callee, "dapr_http_client_completed_count", path="/hi", status="200") == 1


# --- Error codes ---

def refuse(sidecar):
    sidecar.get("/nothing")
    sidecar.get("/v1.0/state/nope/k")
    sidecar.post("/v1.0/state/store", b"{}")
    sidecar.get("/v1.0/secrets/secrets/none")
    sidecar.get("/v1.0/secrets/nope/k")
    sidecar.get("/v1.0/healthz?appid=other")
    sidecar.post("/v1.0/publish/nope/t", b"{}")


def test_error_codes_are_counted_when_it_is_wanted(bench, tmp_path):
    sidecar = bench.sidecar(app_id="me", resources=[STORE, secrets(tmp_path)], config={"metrics": {"recordErrorCodes": True}})
    refuse(sidecar)
    for category, code in (("service-invocation", "ERR_DIRECT_INVOKE"), ("state", "ERR_STATE_STORE_NOT_FOUND"),
                           ("secret", "ERR_SECRET_GET"), ("secret", "ERR_SECRET_STORE_NOT_FOUND"),
                           ("health", "ERR_HEALTH_APPID_NOT_MATCH"), ("pubsub", "ERR_PUBSUB_NOT_FOUND")):
        wait_value(sidecar, "dapr_error_code_total", 1, app_id="me", category=category, error_code=code)


def test_otherwise_they_are_not(bench, tmp_path):
    sidecar = bench.sidecar(resources=[STORE, secrets(tmp_path)])
    refuse(sidecar)
    wait_value(sidecar, "dapr_http_server_request_count", 1, path="/nothing")
    assert value(sidecar, "dapr_error_code_total") is None
