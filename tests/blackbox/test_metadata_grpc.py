"""What a sidecar says about itself over gRPC (grpc-api.md 3.14, 2.3). What both doors share is in doors/metadata.py too."""

import pytest

from harness import rpc
from harness.ports import free_port
from harness.resources import component, endpoint, resiliency, subscription
from harness.rpc import DENIED, assert_failure, failure
from harness.wait import until


@pytest.fixture(scope="module")
def app(shared):
    return shared.app(subscriptions=[{"pubsubname": "pubsub", "topic": "orders", "route": "/orders", "metadata": {"a": "b"}}])


@pytest.fixture(scope="module")
def sidecar(shared, app):
    made = shared.sidecar(app=app, app_id="me", resources=[
        component("statestore", "state.in-memory"), component("pubsub", "pubsub.in-memory"),
        subscription("declared", "pubsub", "declared", "/declared", deadLetterTopic="dead"), endpoint("outside", "http://127.0.0.1:1"),
        resiliency("steady", {"timeouts": {"t": "5s"}}, {"apps": {"x": {"timeout": "t"}}})],
        flags={"app-max-concurrency": 3, "enable-app-health-check": "true", "app-health-probe-interval": 5,
               "app-health-probe-timeout": 500, "app-health-threshold": 3})
    until(lambda: len(made.metadata()["subscriptions"]) == 2, "the app's subscription beside the declared one")
    return made


@pytest.fixture(scope="module")
def dapr(sidecar):
    made = rpc.Dapr(sidecar.grpc)
    yield made
    made.close()


@pytest.mark.quick
def test_identity_and_version(dapr):
    found = dapr.GetMetadata()
    assert found.id == "me" and found.runtime_version
    assert found.extended_metadata["daprRuntimeVersion"] == found.runtime_version
    assert list(found.enabled_features) and all(found.enabled_features)


def test_registered_components(dapr):
    found = {one.name: one for one in dapr.GetMetadata().registered_components}
    assert set(found) == {"statestore", "pubsub"}
    assert (found["statestore"].type, found["statestore"].version) == ("state.in-memory", "v1")
    assert list(found["statestore"].capabilities) == ["ETAG", "TRANSACTIONAL", "TTL", "DELETE_WITH_PREFIX", "KEYS_LIKE", "ACTOR"]


def test_subscriptions(dapr):
    kinds = rpc.POOL.FindEnumTypeByName("dapr.proto.runtime.v1.PubsubSubscriptionType").values_by_name
    found = {one.topic: one for one in dapr.GetMetadata().subscriptions}
    assert set(found) == {"orders", "declared"}
    assert found["orders"].pubsub_name == "pubsub" and dict(found["orders"].metadata) == {"a": "b"}
    assert [(rule.match, rule.path) for rule in found["orders"].rules.rules] == [("", "/orders")]
    assert found["orders"].type == kinds["PROGRAMMATIC"].number == 2
    assert found["declared"].type == kinds["DECLARATIVE"].number == 1 and found["declared"].dead_letter_topic == "dead"


def test_endpoints_and_policies(dapr):
    found = dapr.GetMetadata()
    assert [one.name for one in found.http_endpoints] == ["outside"]
    assert [one.name for one in found.resiliencies] == ["steady"]
    assert not found.mcp_servers and not found.workflow_access_policies


def test_the_connection_to_the_app(dapr, app):
    found = dapr.GetMetadata().app_connection_properties
    assert (found.port, found.protocol, found.channel_address, found.max_concurrency) == (app.port, "http", "127.0.0.1", 3)
    assert (found.health.health_check_path, found.health.health_probe_interval, found.health.health_probe_timeout,
            found.health.health_threshold) == ("/healthz", "5s", "500ms", 3)


def test_without_an_app_port_there_is_no_connection(bench):
    assert not rpc.Dapr(bench.sidecar().grpc).GetMetadata().HasField("app_connection_properties")


def test_actors_and_what_is_absent(dapr):
    found = dapr.GetMetadata()
    assert found.actor_runtime.runtime_status == 1 and not found.actor_runtime.host_ready
    assert found.actor_runtime.placement == "placement: disconnected"
    assert not found.active_actors_count and not found.actor_runtime.active_actors
    assert not found.HasField("scheduler") and not found.HasField("workflows")


def test_it_works_before_the_app_is_up(bench):
    """SDKs ask for it to learn that the sidecar is there."""
    sidecar = bench.sidecar(ready=False, flags={"app-port": free_port()})
    dapr = rpc.Dapr(sidecar.grpc)
    assert dapr.GetMetadata(call={"wait_for_ready": True}).id == sidecar.app_id
    assert not sidecar.is_ready()


def test_set_metadata(dapr, sidecar):
    before = dict(dapr.GetMetadata().extended_metadata)
    dapr.SetMetadata(key="cliPID", value="1")
    dapr.SetMetadata(key="cliPID", value="123")
    dapr.SetMetadata(key="empty")
    assert dict(dapr.GetMetadata().extended_metadata) == {**before, "cliPID": "123", "empty": ""}
    assert sidecar.metadata()["extended"]["cliPID"] == "123"


def test_set_metadata_with_an_empty_key_does_nothing(dapr):
    before = dict(dapr.GetMetadata().extended_metadata)
    dapr.SetMetadata(value="x")
    assert dict(dapr.GetMetadata().extended_metadata) == before


def test_a_message_that_is_none(dapr):
    for method in (dapr.GetMetadata, dapr.SetMetadata):
        assert_failure(failure(method.raw, b"\x0a\xff"), "INTERNAL", "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data")


def test_the_access_list_knows_these_methods(bench):
    sidecar = bench.sidecar(config={"api": {"denied": [{"name": "metadata", "version": "v1", "protocol": "grpc"}]}})
    dapr = rpc.Dapr(sidecar.grpc)
    for method in (dapr.GetMetadata, dapr.SetMetadata):
        assert_failure(failure(method), "UNIMPLEMENTED", "Not Implemented", DENIED)
