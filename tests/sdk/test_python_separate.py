"""Python: the last release whose extensions are packages of their own, as many applications have it. The same
programs, but no streams: that release now and then ends a stream right after it has begun it, and loses answers when it
begins another (its successor says so)."""

import pytest

from frame import declared, python_command, python_sdk
from scene import DRIVERS, ENV
from test_python_apps import GRPC, HTTP
from test_python_client import PROGRAMS

RELEASE = "-1.18"
CLIENT = python_sdk("Python 1.18", "gRPC", RELEASE)
APPS = {
    "fastapi": (python_sdk("Python 1.18, FastAPI", "HTTP", RELEASE), "http", "fastapi_app.py", HTTP),
    "flask": (python_sdk("Python 1.18, Flask", "HTTP", RELEASE), "http", "flask_app.py", HTTP),
    "grpc": (python_sdk("Python 1.18, App", "gRPC", RELEASE), "grpc", "grpc_app.py", GRPC),
}


def ran(place, script):
    def make():
        return place.program(python_command(script, RELEASE), place.sidecar("redis"), {"STORE": "redis"}).finish()
    return place.once(script, make)


@pytest.mark.parametrize("feature", PROGRAMS["client.py"][1].split())
def test_a_client(place, row, feature):
    row(CLIENT, feature)
    ran(place, "client.py").check(feature)


@pytest.mark.parametrize("name, feature", [(name, feature) for name in APPS for feature in APPS[name][3]])
def test_an_application(place, row, name, feature):
    sdk, protocol, script, _ = APPS[name]
    row(sdk, feature)
    app, sidecar = place.once(name, lambda: place.serve(python_command(script, RELEASE), protocol, ENV, env=ENV,
                                                        store="redis", hasty=True,
                                                        more=[declared("declared", "/declared")]))
    DRIVERS[feature](sidecar, sdk)
    app.wait_feature(feature)
