"""What a broker sees and what clients see of one that fails (contract 4.4, 1.4): topics of a namespace, a publish that does
not arrive. The broker is a real Redis, looked at with a client of its own."""

import json

import pytest

from harness.app import reply
from harness.errors import error_info, resource_info
from harness.resources import component, subscription
from harness.services import Service
from harness.wait import until

redis = pytest.importorskip("redis")


@pytest.fixture
def server(bench):
    made = Service("redis")
    bench.stack.callback(made.stop)
    return made


def broker(server, **more):
    return component("pubsub", "pubsub.redis", {"redisHost": server.address, **more})


def streams(server):
    with redis.Redis(port=server.port) as client:
        return {key.decode() for key in client.keys("*")}


@pytest.mark.parametrize("namespace, consumer, stream", [
    ("ns", "{namespace}", "nsorders"), ("ns", "x-{namespace}", "nsorders"), ("ns", "plain", "orders"), (None, "plain", "orders")])
def test_topics_of_a_namespace(bench, server, namespace, consumer, stream):
    app = bench.app()
    app.route("/orders", reply(200))
    sidecar = bench.sidecar(app=app, env={"NAMESPACE": namespace} if namespace else {}, resources=[
        broker(server, consumerID=consumer), subscription("s", "pubsub", "orders", "/orders")])
    assert sidecar.post("/v1.0/publish/pubsub/orders", b'{"a":1}').status == 204
    came = app.wait_one("/orders").json
    assert came["topic"] == "orders" and came["data"] == {"a": 1}
    assert streams(server) == {stream}
    with redis.Redis(port=server.port) as client:
        [group] = client.xinfo_groups(stream)
    own = f"{namespace}.{sidecar.app_id}" if namespace else sidecar.app_id
    assert group["name"].decode() == consumer.replace("{namespace}", own)


def test_what_came_while_the_app_was_not_healthy_is_heard_when_it_is(bench, server):
    app, healthy = bench.app(), {"now": True}
    app.route("/healthz", lambda request, sock: reply(200 if healthy["now"] else 500))
    app.route("/orders", reply(200))
    sidecar = bench.sidecar(app=app, resources=[broker(server), subscription("s", "pubsub", "orders", "/orders")], flags={
        "enable-app-health-check": "true", "app-health-probe-interval": 1, "app-health-threshold": 1,
        "app-health-probe-timeout": 500})

    def delivers():
        assert sidecar.post("/v1.0/publish/pubsub/orders", b"0").status == 204
        return app.requests("/orders")
    until(delivers, "a delivery")
    healthy["now"] = False
    sidecar.wait_log("App entered un-healthy status")
    app.forget()
    for n in range(1, 6):
        assert sidecar.post("/v1.0/publish/pubsub/orders", str(n).encode()).status == 204
    assert not app.requests("/orders")
    healthy["now"] = True
    until(lambda: {one.json["data"] for one in app.requests("/orders")} >= {1, 2, 3, 4, 5}, "what was published meanwhile", 20)


def gone(bench, server):
    sidecar = bench.sidecar(resources=[broker(server)])
    assert sidecar.post("/v1.0/publish/pubsub/orders", b"{}").status == 204
    server.stop()
    return sidecar


def test_a_publish_that_does_not_arrive(bench, server):
    sidecar = gone(bench, server)
    answer = sidecar.post("/v1.0/publish/pubsub/orders", b"{}")
    assert answer.status == 500 and answer.json["errorCode"] == "ERR_PUBSUB_PUBLISH_MESSAGE"
    message = answer.json["message"]
    assert message.startswith("error when publishing to topic orders in pubsub pubsub: ")
    cause = message.removeprefix("error when publishing to topic orders in pubsub pubsub: ")
    assert answer.json["details"] == [resource_info("pubsub", "pubsub", message),
                                      error_info("DAPR_PUBSUB_PUBLISH_MESSAGE", {"error": cause, "topic": "orders"})]


def test_a_bulk_publish_that_does_not_arrive(bench, server):
    sidecar = gone(bench, server)
    entries = [{"entryId": name, "event": {"n": 1}, "contentType": "application/json"} for name in ("1", "two")]
    answer = sidecar.post("/v1.0/publish/bulk/pubsub/orders", entries)
    assert answer.status == 500 and answer.header("Content-Type") == "application/json"
    assert answer.json["errorCode"] == "ERR_PUBSUB_PUBLISH_MESSAGE"
    assert set(answer.json) == {"failedEntries", "errorCode"}
    failed = answer.json["failedEntries"]
    assert {one["entryId"] for one in failed} == {"1", "two"} and all(one["error"] for one in failed)
    assert json.loads(answer.header("metadata.responseData")) == answer.json
    assert answer.header("metadata.error").startswith("api error: code = Internal desc = ")
