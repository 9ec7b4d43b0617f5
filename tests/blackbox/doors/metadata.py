"""What a sidecar says about itself, and its end, over both doors (grpc-api.md 3.14, http-api.md 4.14, 4.16)."""

from harness import doors
from harness.resources import component, endpoint, resiliency, subscription
from harness.table import Table
from harness.wait import until

table = Table()


@table.check("GetMetadata: both doors say the same")
def same(at):
    found = at.door.metadata()
    other = doors.open(at.sidecar, "grpc" if at.door.kind == "http" else "http")
    again = other.metadata()
    other.close()
    for one in (found, again):
        one["enabledFeatures"] = sorted(one.get("enabledFeatures", []))
    assert found == again
    assert found["id"] == "caller" and found["extended"]["daprRuntimeVersion"] == found["runtimeVersion"]
    assert {one["name"] for one in found["components"]} >= {"memory", "redis", "pubsub", "secrets", "env"}
    assert found["appConnectionProperties"]["port"] == at.app.port
    assert found["actorRuntime"] == {"runtimeStatus": "DISABLED", "hostReady": False, "placement": "placement: disconnected"}


def with_topic(found, topic):
    return found if any(one["topic"] == topic for one in found["subscriptions"]) else None


@table.check("GetMetadata: capabilities, subscriptions, endpoints, policies, health")
def whole(at):
    app = at.bench.app(subscriptions=[{"pubsubname": "pubsub", "topic": "orders", "metadata": {"a": "b"}, "deadLetterTopic": "dead",
                                       "routes": {"rules": [{"match": 'event.type == "x"', "path": "/x"}], "default": "/other"}}])
    sidecar = at.bench.sidecar(app=app, flags={
        "enable-app-health-check": "true", "app-health-probe-interval": 5, "app-health-probe-timeout": 500,
        "app-health-threshold": 3, "app-max-concurrency": 7}, resources=[
        component("store", "state.in-memory"), component("pubsub", "pubsub.in-memory"),
        subscription("declared", "pubsub", "declared", "/declared"), endpoint("outside", "http://127.0.0.1:1"),
        resiliency("steady", {"timeouts": {"t": "5s"}}, {"apps": {"x": {"timeout": "t"}}})])
    door = at.open(sidecar)
    found = until(lambda: with_topic(door.metadata(), "orders"), "the app's subscription")
    door.close()
    assert {"name": "store", "type": "state.in-memory", "version": "v1", "capabilities": [
        "ETAG", "TRANSACTIONAL", "TTL", "DELETE_WITH_PREFIX", "KEYS_LIKE", "ACTOR"]} in found["components"]
    topics = {one["topic"]: one for one in found["subscriptions"]}
    assert topics["declared"] == {"pubsubname": "pubsub", "topic": "declared", "rules": [{"path": "/declared"}],
                                  "deadLetterTopic": "", "type": "DECLARATIVE"}
    assert topics["orders"] == {"pubsubname": "pubsub", "topic": "orders", "metadata": {"a": "b"}, "deadLetterTopic": "dead",
                                "rules": [{"match": 'event.type == "x"', "path": "/x"}, {"path": "/other"}], "type": "PROGRAMMATIC"}
    assert found["httpEndpoints"] == [{"name": "outside"}] and found["resiliencies"] == [{"name": "steady"}]
    assert found["appConnectionProperties"] == {
        "port": app.port, "protocol": "http", "channelAddress": "127.0.0.1", "maxConcurrency": 7,
        "health": {"healthCheckPath": "/healthz", "healthProbeInterval": "5s", "healthProbeTimeout": "500ms", "healthThreshold": 3}}


@table.check("SetMetadata: a note that is kept, replaced, and never the runtime's own")
def notes(at):
    at.door.set_metadata(at.key, "one")
    assert at.door.metadata()["extended"][at.key] == "one"
    at.door.set_metadata(at.key, "<two> ü")
    assert at.door.metadata()["extended"][at.key] == "<two> ü"
    at.door.set_metadata(at.key, "")
    assert at.door.metadata()["extended"][at.key] == ""
    at.door.set_metadata("daprRuntimeVersion", "x")
    assert at.door.metadata()["extended"]["daprRuntimeVersion"] == at.door.metadata()["runtimeVersion"]


@table.check("Shutdown: it ends as by a signal")
def shutdown(at):
    sidecar = at.bench.sidecar()
    door = at.open(sidecar)
    door.shutdown()
    assert sidecar.wait_end() == 0
    assert sidecar.logged("Shutdown requested via API") and sidecar.logged("Daprd shutdown gracefully")
    door.close()


@table.check("Shutdown: by force it ends at once, with 1")
def forced(at):
    for word in ("true", "TRUE"):
        sidecar = at.bench.sidecar()
        door = at.open(sidecar)
        door.shutdown(force=word)
        assert sidecar.wait_end() == 1
        assert sidecar.logged("Force shutdown requested, exiting immediately without graceful shutdown")
        door.close()


@table.check("Shutdown: another word forces nothing")
def not_forced(at):
    sidecar = at.bench.sidecar()
    door = at.open(sidecar)
    door.shutdown(force="1")
    assert sidecar.wait_end() == 0
    door.close()
