"""Python: applications with FastAPI, Flask and gRPC behind a sidecar, with the embedded broker and with Redis."""

import pytest

from frame import STORES, declared, python_command, python_sdk
from scene import DRIVERS, ENV, PROBES, cases

APPS = {
    "fastapi": (python_sdk("Python, FastAPI", "HTTP"), "http", "fastapi_app.py"),
    "flask": (python_sdk("Python, Flask", "HTTP"), "http", "flask_app.py"),
    "grpc": (python_sdk("Python, App", "gRPC"), "grpc", "grpc_app.py"),
}
# What a framework has no way to ask for.
HTTP = [one for one in DRIVERS if one not in ("app.subscribe.routes", "app.subscribe.bulk", "app.subscribe.bulk.raw")]
GRPC = [one for one in DRIVERS if one not in ("app.invoke.query", "app.subscribe.declarative", "app.subscribe.bulk",
                                              "app.subscribe.bulk.raw")]


def serve(place, name, **options):
    sdk, protocol, script = APPS[name]
    app, sidecar = place.serve(python_command(script), protocol, ENV, env=ENV, **options)
    app.sdk = sdk
    return app, sidecar


@pytest.mark.parametrize("name, store, feature", cases({"fastapi": HTTP, "flask": HTTP, "grpc": GRPC}, STORES))
def test_an_application(place, row, name, store, feature):
    row(APPS[name][0], feature)
    app, sidecar = place.once((name, store), lambda: serve(place, name, store=store, hasty=True,
                                                           more=[declared("declared", "/declared")]))
    DRIVERS[feature](sidecar, app.sdk)
    app.wait_feature(feature)


@pytest.mark.parametrize("name", APPS)
def test_it_says_whether_it_is_healthy(place, row, name):
    row(APPS[name][0], "app.health")
    app, _ = serve(place, name, flags=PROBES)
    app.wait_feature("app.health")


@pytest.mark.parametrize("feature", ["app.subscribe.declarative", "app.subscribe.bulk"])
def test_a_grpc_application_with_declared_subscriptions(place, row, feature):
    row(APPS["grpc"][0], feature)
    topics = [declared("declared", "declared"), declared("bulk", "bulk", bulkSubscribe={"enabled": True})]
    app, sidecar = serve(place, "grpc", more=topics, flags={"disable-init-endpoints": "subscribe"})
    DRIVERS[feature](sidecar, app.sdk)
    app.wait_feature(feature)
