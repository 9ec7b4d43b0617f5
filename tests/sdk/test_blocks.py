"""Bindings, configuration, locks and encryption: a client of each SDK."""

import os

import pytest
import redis
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from frame import js_command, js_sdk, python_command, python_sdk
from harness.app import App, reply
from harness.resources import component
from harness.wait import until
from test_go import CLIENT as GO_CLIENT, SDK as GO
from test_java import SDK as JAVA, java

BINDINGS = "binding binding.get binding.redis binding.http binding.error"
LOCKS = "lock lock.held lock.unlock lock.missing lock.error"
READ = "configuration.get configuration.get.all configuration.error"
CHANGES = "configuration.subscribe configuration.unsubscribe"
CRYPTO = "crypto crypto.large crypto.error"
ALL = f"{BINDINGS} {LOCKS} {READ} {CHANGES} {CRYPTO}"
# Column, command, environment, features: what the SDK has.
PROGRAMS = {
    "python": (python_sdk("Python", "gRPC"), python_command("blocks.py"), {}, ALL),
    "python-aio": (python_sdk("Python, async", "gRPC"), python_command("blocks_aio.py"), {},
                   f"{BINDINGS} {LOCKS} {READ} {CRYPTO}"),
    "python-1.18": (python_sdk("Python 1.18", "gRPC", "-1.18"), python_command("blocks.py", "-1.18"), {}, ALL),
    "js-http": (js_sdk("JavaScript", "HTTP"), js_command("blocks.mjs"), {"PROTOCOL": "http"}, f"{BINDINGS} {LOCKS}"),
    "js-grpc": (js_sdk("JavaScript", "gRPC"), js_command("blocks.mjs"), {"PROTOCOL": "grpc"}, ALL),
    "go": (GO, [GO_CLIENT, "bindings", "configuration", "locks", "encryption"], {}, f"wait {ALL}"),
    "java": (JAVA, java("Blocks"), {}, f"{BINDINGS} {LOCKS} {READ} {CHANGES}"),
}
CASES = [(name, feature) for name in PROGRAMS for feature in PROGRAMS[name][3].split()]


@pytest.fixture(scope="module")
def keeper(place):
    """A client of the Redis of these components."""
    with redis.Redis("127.0.0.1", place.redis_port, next(place.databases)) as made:
        yield made


@pytest.fixture(scope="module")
def server():
    """What bindings.http calls."""
    with App() as made:
        made.route("/orders", lambda request, _: reply(201, request.body, [("X-Seen", request.header("x-colour"))]))
        yield made


@pytest.fixture(scope="module")
def components(place, keeper, server):
    keys = os.path.join(place.folder, "keys")
    keys_write(keys)
    options = {"redisHost": f"127.0.0.1:{place.redis_port}",
               "redisDB": str(keeper.connection_pool.connection_kwargs["db"])}
    return [component("files", "bindings.localstorage", {"rootPath": os.path.join(place.folder, "files")}),
            component("cache", "bindings.redis", options),
            component("web", "bindings.http", {"url": f"http://127.0.0.1:{server.port}"}),
            component("configstore", "configuration.redis", options),
            component("lockstore", "lock.redis", options),
            component("keys", "crypto.dapr.localstorage", {"path": keys})]


def keys_write(folder):
    pair = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    os.makedirs(folder)
    for name, key in {"pair.pem": pair, "symmetric": os.urandom(32)}.items():
        with open(os.path.join(folder, name), "wb") as handle:
            handle.write(key)


def change(keeper, program, colour, feature):
    """Sets it until the program has spoken: not every SDK says when it has subscribed."""
    def told():
        keeper.set("colour", colour)
        return feature in program.results() or program.process.poll() is not None
    until(told, lambda: f"{feature}:\n{program.said()}", 60)


def ran(place, name, keeper, components):
    """The program, run to its end, and its sidecar."""
    def make():
        _, command, env, features = PROGRAMS[name]
        keeper.flushdb()
        keeper.mset({"colour": "red||1", "size": "42"})
        sidecar = place.sidecar(more=components)
        program = place.program(command, sidecar, env)
        if "configuration.subscribe" in features:
            program.wait_line("subscribed")
            change(keeper, program, "blue||2", "configuration.subscribe")
            program.wait_line("unsubscribed")
            change(keeper, program, "green||3", "configuration.unsubscribe")
        return program.finish(), sidecar
    return place.once(name, make)


@pytest.mark.parametrize("name, feature", CASES)
def test_a_client(place, row, keeper, components, name, feature):
    row(PROGRAMS[name][0], feature)
    ran(place, name, keeper, components)[0].check(feature)


@pytest.mark.parametrize("name", PROGRAMS)
def test_nothing_it_does_is_left_out_and_the_sidecar_ends_well(place, keeper, components, name):
    program, sidecar = ran(place, name, keeper, components)
    assert set(program.results()) == set(PROGRAMS[name][3].split())
    sidecar.stop()
