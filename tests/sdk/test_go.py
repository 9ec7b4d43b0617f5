"""Go: a client, and applications over HTTP and gRPC with their own sidecars."""

import os

import pytest

from frame import BUILT, STORES, Sdk, declared, _pinned
from scene import DRIVERS

VERSION = _pinned("go/go.mod", r"github.com/dapr/go-sdk v(\S+)$")
SDK = Sdk("go", "Go", VERSION, "gRPC")
APPS = {protocol: Sdk("go", "Go", VERSION, name) for protocol, name in (("http", "HTTP"), ("grpc", "gRPC"))}
CLIENT, APP = (os.path.join(BUILT, "go", name) for name in ("client", "app"))
FEATURES = """wait metadata.get metadata.set
 state.save state.get state.get.missing state.save.bulk state.get.bulk state.options state.ttl
 state.etag state.etag.mismatch state.delete state.delete.etag state.delete.bulk state.transaction state.error
 publish publish.json publish.bytes publish.metadata publish.raw publish.cloudevent publish.bulk publish.error
 secret.get secret.bulk secret.error
 subscribe.stream subscribe.stream.order subscribe.stream.drop subscribe.stream.handler
 subscribe.stream.close shutdown""".split()
SERVED = """app.subscribe app.subscribe.json app.subscribe.bytes app.subscribe.routes
 app.subscribe.drop app.subscribe.deadletter""".split()
CALLED = ["app.invoke", "app.invoke.query", "app.invoke.error"]
INVOKED = "invoke.get invoke.post invoke.bytes invoke.large invoke.error invoke.missing".split()
TEXT = [("Content-Type", "text/plain")]
REFUSALS = {"http": "Internal Server Error", "grpc": "not today"}


@pytest.fixture(scope="module", params=STORES)
def client(request, place):
    sidecar = place.sidecar(request.param)
    run = place.program([CLIENT, "state", "publish", "secret", "metadata", "subscribe", "shutdown"], sidecar).finish()
    run.sidecar = sidecar
    return run


@pytest.mark.parametrize("feature", FEATURES)
def test_a_client(client, row, feature):
    row(SDK, feature)
    client.check(feature)


def test_a_stream_asks_for_an_event_again(place, row):
    row(SDK, "subscribe.stream.retry")
    place.program([CLIENT, "retry"], place.sidecar("redis", hasty=True)).finish().check("subscribe.stream.retry")


def test_nothing_a_client_does_is_left_out(client):
    assert set(client.results()) == set(FEATURES)


def test_the_sidecar_ended_when_it_was_told_to(client):
    assert client.sidecar.wait_end() == 0


def test_a_client_sends_the_token(place, row):
    row(SDK, "token")
    sidecar = place.sidecar(env={"DAPR_API_TOKEN": "secret-word"})
    place.program([CLIENT, "token"], sidecar, {"DAPR_API_TOKEN": "secret-word"}).finish().check("token")


@pytest.fixture(scope="module", params=list(APPS))
def pair(request, place):
    """An application with its sidecar, and a client at another sidecar of another application."""
    app, sidecar = place.serve([APP, request.param], request.param, app_id=f"go-{request.param}",
                               flags={"enable-app-health-check": True, "app-health-check-path": "/health",
                                      "app-health-probe-timeout": 4000})
    caller = place.sidecar()
    env = {"TARGET": sidecar.app_id, "REFUSAL": REFUSALS[request.param]}
    run = place.program([CLIENT, "invoke"], caller, env).finish()
    return request.param, app, sidecar, run


@pytest.mark.parametrize("feature", INVOKED)
def test_a_client_invokes_an_application_of_another_sidecar(pair, row, feature):
    protocol, _, _, run = pair
    row(SDK, feature if protocol == "http" else feature.replace("invoke.", "invoke.grpc."))
    run.check(feature)


@pytest.mark.parametrize("feature", CALLED)
def test_an_application_is_called(pair, row, feature):
    protocol, app, _, _ = pair
    row(APPS[protocol], feature)
    app.check(feature)


@pytest.mark.parametrize("feature", ["app.binding", "app.configuration"])
def test_an_application_is_called_by_what_happens(pair, row, feature):
    protocol, app, *_ = pair
    row(APPS[protocol], feature)
    DRIVERS[feature](app.sidecar, APPS[protocol])
    app.wait_feature(feature)


def test_an_application_is_asked_for_its_health(pair, row):
    protocol, app, _, _ = pair
    row(APPS[protocol], "app.health")
    app.wait_line("ok app.health")


@pytest.fixture(scope="module", params=[(protocol, store) for protocol in APPS for store in STORES], ids="-".join)
def subscriber(request, place):
    protocol, store = request.param
    app, sidecar = place.serve([APP, protocol], protocol, store=store, hasty=True)
    place.program([CLIENT, "publish"], sidecar).finish()
    for topic in ("retried", "unwelcome"):
        assert sidecar.post(f"/v1.0/publish/pubsub/{topic}", "x", TEXT).status == 204
    return protocol, store, app


@pytest.mark.parametrize("feature", SERVED)
def test_an_application_subscribes(subscriber, row, feature):
    protocol, _, app = subscriber
    row(APPS[protocol], feature)
    app.wait_line(f"ok {feature}")
    app.check(feature)


def test_no_event_took_a_wrong_way(subscriber):
    _, _, app = subscriber
    app.wait_line("event metadata")
    assert not [line for line in app.lines if line.startswith("failed")], app.said()
    assert "ok app.subscribe.default" not in app.lines, app.said()


def test_an_application_asks_for_an_event_again(subscriber, row):
    protocol, store, app = subscriber
    if store == "redis":
        row(APPS[protocol], "app.subscribe.retry")
        app.wait_line("ok app.subscribe.retry")


def test_an_application_is_given_events_that_yaml_asks_for(place, row):
    """Over HTTP: the gRPC service of the SDK answers only for topics that its code names."""
    row(APPS["http"], "app.subscribe.declarative")
    app, sidecar = place.serve([APP, "http"], "http", more=[declared("declared", "/text")])
    assert sidecar.post("/v1.0/publish/pubsub/declared", "by yaml", TEXT).status == 204
    app.wait_line("event declared")
