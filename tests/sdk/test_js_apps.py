"""JavaScript: applications with DaprServer over both protocols, with the embedded broker and with Redis."""

import pytest

from frame import STORES, declared, js_command, js_sdk
from scene import DRIVERS, ENV, PROBES, cases

APPS = {"http": js_sdk("JavaScript", "HTTP"), "grpc": js_sdk("JavaScript", "gRPC")}
# What its server has no way to see or to ask for.
HTTP = [one for one in DRIVERS if one != "app.subscribe.bytes"]
GRPC = [one for one in DRIVERS if one not in ("app.subscribe.bytes", "app.subscribe.declarative", "app.invoke.headers",
                                              "app.token")]


def serve(place, protocol, more=(), **options):
    env = {**ENV, "PROTOCOL": protocol}
    return place.serve(js_command("server.mjs"), protocol, env, env=ENV, more=more, **options)


@pytest.mark.parametrize("name, store, feature", cases({"http": HTTP, "grpc": GRPC}, STORES))
def test_an_application(place, row, name, store, feature):
    row(APPS[name], feature)
    topics = [declared("declared", "/declared")] if name == "http" else []
    app, sidecar = place.once((name, store), lambda: serve(place, name, topics, store=store, hasty=True))
    DRIVERS[feature](sidecar, APPS[name])
    app.wait_feature(feature)


@pytest.mark.parametrize("protocol", APPS)
def test_it_says_whether_it_is_healthy(place, row, protocol):
    row(APPS[protocol], "app.health")
    app, _ = serve(place, protocol, flags=PROBES)
    if protocol == "http":                  # over gRPC the SDK answers by itself
        app.wait_feature("app.health")


def test_a_grpc_application_with_a_declared_subscription(place, row):
    row(APPS["grpc"], "app.subscribe.declarative")
    app, sidecar = serve(place, "grpc", [declared("declared", "/default")],
                         flags={"disable-init-endpoints": "subscribe"})
    DRIVERS["app.subscribe.declarative"](sidecar, APPS["grpc"])
    app.wait_feature("app.subscribe.declarative")
