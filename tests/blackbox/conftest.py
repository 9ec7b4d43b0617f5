"""Options and fixtures of the black-box suite. It speaks only the public protocol, so --sidecar may
name any sidecar that is compatible with Dapr's."""

import os
import socket
import sys
from collections import Counter
from contextlib import ExitStack

import pytest

sys.path.insert(0, os.path.dirname(__file__))

pytest.register_assert_rewrite("harness", "doors")

from harness.app import App  # noqa: E402
from harness.grpc_app import GrpcApp  # noqa: E402
from harness.services import Service  # noqa: E402
from harness.sidecar import Sidecar  # noqa: E402

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
PASSWORD = "p w'\"#1"


def pytest_addoption(parser):
    parser.addoption("--sidecar", default=os.path.join(ROOT, "build", "bin", "trilbyd"),
                     help="the binary under test")
    parser.addoption("--sidecar-flag", action="append", default=[],
                     help="one more flag for every start of it")
    parser.addoption("--sidecar-env", action="append", default=[], metavar="NAME=VALUE",
                     help="one more variable in its environment, which is empty otherwise")


def is_own(config):
    path = os.path.realpath(config.getoption("--sidecar"))
    return os.path.basename(path).startswith("trilbyd")


def files_order(items):
    """A worker takes file by file: those that wait for long first, then the large ones, so that none is left at the end."""
    sizes = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.get_closest_marker("patient") is None, -sizes[item.path], str(item.path)))


def pytest_collection_modifyitems(config, items):
    files_order(items)
    if is_own(config):
        return
    for item in items:
        if item.get_closest_marker("differs"):
            item.add_marker(pytest.mark.skip(reason="differs on purpose from other sidecars"))


@pytest.fixture(scope="session")
def binary(pytestconfig):
    path = os.path.abspath(pytestconfig.getoption("--sidecar"))
    if not os.access(path, os.X_OK):
        pytest.fail(f"no sidecar at {path}: build it, or name one with --sidecar", pytrace=False)
    return path


class Bench:
    """Starts sidecars and apps and ends them with the fixture it belongs to."""

    def __init__(self, binary, config):
        self.binary = binary
        self.extra_flags = config.getoption("--sidecar-flag")
        pairs = (one.partition("=") for one in config.getoption("--sidecar-env"))
        self.extra_env = {name: value for name, _, value in pairs}
        self.stack = ExitStack()

    def sidecar(self, start=True, ready=True, **options):
        made = Sidecar(self.binary, extra_flags=self.extra_flags, extra_env=self.extra_env,
                       **options)
        self.stack.callback(made.end)
        return made.start(ready) if start else made

    def app(self, start=True, **options):
        made = App(**options)
        self.stack.callback(made.stop)
        return made.start() if start else made

    def grpc_app(self, start=True, **options):
        made = GrpcApp(**options)
        self.stack.callback(made.stop)
        return made.start() if start else made


@pytest.fixture
def bench(binary, pytestconfig):
    made = Bench(binary, pytestconfig)
    with made.stack:
        yield made


@pytest.fixture(scope="module")
def shared(binary, pytestconfig):
    """As bench, for what a whole file shares."""
    made = Bench(binary, pytestconfig)
    with made.stack:
        yield made


@pytest.fixture(scope="session")
def redis_server():
    server = Service("redis")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis_with_password():
    server = Service("redis", "--password", PASSWORD)
    server.password = PASSWORD
    yield server
    server.stop()


@pytest.fixture
def silent():
    """A port where nobody answers, ever."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(8)
        yield listening.getsockname()[1]
