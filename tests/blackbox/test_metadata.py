"""What a sidecar says about itself (contract 4.14, 2.8, 8.1, A20)."""

import re
from urllib.parse import quote

import pytest

from harness import raw
from harness.app import reply
from harness.resources import component, document, endpoint, resiliency, subscription

ORDER = ["id", "runtimeVersion", "enabledFeatures", "actors", "components", "extended", "subscriptions",
         "httpEndpoints", "appConnectionProperties", "actorRuntime", "scheduler", "workflows", "mcpServers",
         "workflowAccessPolicies", "resiliencies"]


@pytest.fixture(scope="module")
def app(shared):
    return shared.app(subscriptions=[{"pubsubname": "pubsub", "topic": "orders", "route": "/orders"}])


@pytest.fixture(scope="module")
def sidecar(shared, app, tmp_path_factory):
    secrets = tmp_path_factory.mktemp("secrets") / "s.json"
    secrets.write_text("{}")
    return shared.sidecar(app=app, resources=[
        component("secrets", "secretstores.local.file", {"secretsFile": str(secrets)}),
        component("statestore", "state.in-memory"), component("pubsub", "pubsub.in-memory"),
        subscription("declared", "pubsub", "declared", "/declared"),
        subscription("absent", "nobody", "t", "/t"),
        endpoint("outside", "http://127.0.0.1:1"),
        resiliency("steady", {"timeouts": {"t": "5s"}}, {"apps": {"x": {"timeout": "t"}}})])


@pytest.mark.quick
def test_the_document(sidecar, app):
    answer = sidecar.get("/v1.0/metadata")
    assert answer.status == 200 and answer.body.endswith(b"}\n")
    assert answer.names == ["Content-Type", "Traceparent", "Date", "Content-Length"]
    assert answer.header("Content-Type") == "application/json"
    value = answer.json
    assert list(value) == [name for name in ORDER if name in value]
    assert value["id"] == sidecar.app_id
    assert all(isinstance(one, str) for one in value["enabledFeatures"])
    assert value["appConnectionProperties"] == {"port": app.port, "protocol": "http", "channelAddress": "127.0.0.1"}
    assert value["actorRuntime"] == {"runtimeStatus": "DISABLED", "hostReady": False,
                                     "placement": "placement: disconnected"}
    for absent in ("actors", "scheduler", "workflows", "mcpServers", "workflowAccessPolicies"):
        assert absent not in value


def test_the_version(sidecar):
    value = sidecar.metadata()
    assert re.match(r"^(edge|\d+\.\d+\.\d+(-rc\.\d+)?)$", value["runtimeVersion"])
    assert value["extended"]["daprRuntimeVersion"] == value["runtimeVersion"]


def test_components(sidecar):
    found = {one["name"]: one for one in sidecar.metadata()["components"]}
    assert found["secrets"] == {"name": "secrets", "type": "secretstores.local.file", "version": "v1"}
    assert list(found["statestore"]) == ["name", "type", "version", "capabilities"]
    assert found["statestore"]["capabilities"] == ["ETAG", "TRANSACTIONAL", "TTL", "DELETE_WITH_PREFIX", "KEYS_LIKE",
                                                   "ACTOR"]
    assert found["pubsub"]["capabilities"] == ["SUBSCRIBE_WILDCARDS"]
    assert len(found) == 3


def test_subscriptions(sidecar):
    found = sidecar.metadata()["subscriptions"]
    assert {"pubsubname": "pubsub", "topic": "orders", "rules": [{"path": "/orders"}], "deadLetterTopic": "",
            "type": "PROGRAMMATIC"} in found
    assert {"pubsubname": "pubsub", "topic": "declared", "rules": [{"path": "/declared"}], "deadLetterTopic": "",
            "type": "DECLARATIVE"} in found
    assert [one for one in found if one["pubsubname"] == "nobody"]
    assert len(found) == 3


def test_endpoints_and_resiliencies(sidecar):
    value = sidecar.metadata()
    assert value["httpEndpoints"] == [{"name": "outside"}]
    assert value["resiliencies"] == [{"name": "steady"}]


def test_the_public_server_says_the_same(sidecar):
    answer = raw.request(sidecar.public, "GET", "/v1.0/metadata")
    assert answer.status == 200 and answer.json == sidecar.metadata()
    assert raw.request(sidecar.public, "GET", "/v1.0/metadata/").status == 200
    assert raw.request(sidecar.public, "PUT", "/v1.0/metadata/public", (), b"yes").status == 204
    assert sidecar.metadata()["extended"]["public"] == "yes"
    answer = raw.request(sidecar.public, "POST", "/v1.0/metadata")
    assert (answer.status, answer.header("Content-Length"), answer.values("Allow")) == (405, "0", ["GET"])
    answer = raw.request(sidecar.public, "GET", "/v1.0/nothing")
    assert (answer.status, answer.body) == (404, b"404 page not found\n")


@pytest.mark.parametrize("key,value", [("plain", "text"), ("empty", ""), ("with space", "a b"), ("a/b", "slash"),
                                       ("ümläut", "ß"), ("html<&>", "<&>"), ("quote\"", "\"\\\n")])
def test_notes(sidecar, key, value):
    answer = sidecar.put("/v1.0/metadata/" + quote(key, safe=""), value.encode())
    assert (answer.status, answer.body) == (204, b"")
    assert not answer.values("Content-Length") and not answer.values("Content-Type")
    assert sidecar.metadata()["extended"][key] == value


def test_notes_are_sorted_and_escaped(sidecar):
    sidecar.put("/v1.0/metadata/zz", b"<z>")
    sidecar.put("/v1.0/metadata/aa", b"1")
    assert list(sidecar.metadata()["extended"]) == sorted(sidecar.metadata()["extended"], key=lambda k: k.encode())
    assert b'"zz":"\\u003cz\\u003e"' in sidecar.get("/v1.0/metadata").body


def test_a_later_note_replaces(sidecar):
    sidecar.put("/v1.0/metadata/again", b"1")
    sidecar.put("/v1.0/metadata/again", b"2")
    assert sidecar.metadata()["extended"]["again"] == "2"


def test_the_runtimes_own_note_stays(sidecar):
    assert sidecar.put("/v1.0/metadata/daprRuntimeVersion", b"mine").status == 204
    value = sidecar.metadata()
    assert value["extended"]["daprRuntimeVersion"] == value["runtimeVersion"]


@pytest.mark.parametrize("method,path", [("PUT", "/v1.0/metadata"), ("POST", "/v1.0/metadata"), ("PUT", "/v1.0/metadata/a/b"),
                                         ("GET", "/v1.0/metadata/a"), ("OPTIONS", "/v1.0/metadata")])
def test_other_ways_lead_nowhere(sidecar, method, path):
    answer = sidecar.request(method, path)
    assert answer.status == 404 and answer.json["errorCode"] == "ERR_DIRECT_INVOKE"


def test_a_long_note_is_cut(bench):
    sidecar = bench.sidecar(flags={"max-body-size": "1k"})
    assert sidecar.put("/v1.0/metadata/long", b"x" * 5000).status == 204
    assert sidecar.metadata()["extended"]["long"] == "x" * 1000
    assert raw.request(sidecar.public, "PUT", "/v1.0/metadata/longer", (), b"x" * 5000).status == 204
    assert len(sidecar.metadata()["extended"]["longer"]) == 5000


def test_without_an_app(bench):
    value = bench.sidecar().metadata()
    assert value["appConnectionProperties"] == {"protocol": "http", "channelAddress": "127.0.0.1"}
    assert "components" not in value and "subscriptions" not in value and "httpEndpoints" not in value


def test_other_resources_are_named(bench):
    sidecar = bench.sidecar(resources=[
        document("MCPServer", "tools", {"endpoint": {"streamableHTTP": {"url": "http://127.0.0.1:1"}},
                                        "ignoreErrors": True}),
        document("WorkflowAccessPolicy", "guard", {"rules": [
            {"callers": [{"appID": "x"}], "workflows": [{"name": "*", "operations": ["schedule"]}]}]})])
    value = sidecar.metadata()
    assert value["mcpServers"] == [{"name": "tools"}]
    assert value["workflowAccessPolicies"] == [{"name": "guard"}]


def test_a_failed_component_is_absent(bench):
    broken = component("broken", "secretstores.local.file", {"secretsFile": "/nowhere/at/all.json"}, ignoreErrors=True)
    assert bench.sidecar(resources=[broken, component("fine", "state.in-memory")]).component_names() == {"fine"}


def test_app_properties(bench):
    app = bench.app()
    app.route("/health", reply(200))
    sidecar = bench.sidecar(app=app, flags={
        "app-max-concurrency": 7, "enable-app-health-check": "true", "app-health-check-path": "/health",
        "app-health-probe-interval": 3, "app-health-probe-timeout": 250, "app-health-threshold": 2})
    assert sidecar.metadata()["appConnectionProperties"] == {
        "port": app.port, "protocol": "http", "channelAddress": "127.0.0.1", "maxConcurrency": 7,
        "health": {"healthCheckPath": "/health", "healthProbeInterval": "3s", "healthProbeTimeout": "250ms",
                   "healthThreshold": 2}}
    assert list(sidecar.metadata()["appConnectionProperties"]) == ["port", "protocol", "channelAddress", "maxConcurrency",
                                                                   "health"]
