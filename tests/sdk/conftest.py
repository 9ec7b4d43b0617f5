"""The SDK tests: programs written with the official SDKs run unmodified next to the sidecar. The sidecars, ports and
servers are those of the black-box harness; --sidecar PATH names the binary, as there.

Each test that names a row adds it to build/sdk/table-LANGUAGE.tsv, from which tests/sdk/table makes the section of
docs/compatibility.md."""

import importlib.util
import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
BLACKBOX = os.path.join(HERE, "..", "blackbox")
sys.path[:0] = [HERE, BLACKBOX]
_spec = importlib.util.spec_from_file_location("blackbox_conftest", os.path.join(BLACKBOX, "conftest.py"))
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
globals().update({name: getattr(_module, name) for name in ("pytest_addoption", "pytest_collection_modifyitems",
                                                            "binary")})

from frame import Place, rows_write  # noqa: E402
from harness.services import Service  # noqa: E402

_rows = {}


@pytest.fixture(scope="module")
def redis_port():
    """A Redis of this file's own: topics and keys have the names the programs give them."""
    server = Service("redis")
    yield server.port
    server.stop()


@pytest.fixture(scope="module")
def place(binary, pytestconfig, redis_port):
    """Sidecars and programs, ended with the file they belong to."""
    made = Place(binary, pytestconfig, redis_port)
    with made.stack:
        yield made


@pytest.fixture
def row(record_property):
    """row(sdk, feature): this test is one cell of the table."""
    def add(sdk, feature):
        record_property("sdk_row", [sdk.language, sdk.name, sdk.version, sdk.protocol, feature])
    return add


def pytest_runtest_logreport(report):
    for name, value in report.user_properties:
        if name == "sdk_row" and (report.when == "call" or report.failed):
            key = tuple(value)
            _rows[key] = _rows.get(key, True) and report.passed


def pytest_sessionfinish(session):
    if not hasattr(session.config, "workerinput"):
        rows_write(_rows)
