"""Two sidecars far apart: a window of 65535 bytes would let no more than that be on its way, whatever the line carries.
The tests count what is on its way; they measure no time."""

import sqlite3

import pytest

from harness.app import reply
from harness.far import Far
from harness.raw import request
from harness.wait import until

ROUND_TRIP = 0.1
SIZE = 12 << 20
BODY = bytes(range(256)) * (SIZE // 256)
PROVEN = 600_000


def names(path):
    return {"nameResolution": {"component": "sqlite", "version": "v1", "configuration": {"connectionString": str(path)}}}


def address_of(path, app_id):
    def find():
        with sqlite3.connect(path) as db:
            return db.execute("SELECT address FROM hosts WHERE app_id = ?", (app_id,)).fetchone()
    return until(find, f"{app_id} to be announced")[0]


@pytest.fixture(scope="module")
def app(shared):
    made = shared.app()
    made.route("/large", reply(200, BODY))
    made.route("/take", reply(200, b"thanks"))
    return made


@pytest.fixture
def pair(bench, shared, app, tmp_path):
    """A caller, and the line to the sidecar of the app that it calls."""
    there = tmp_path / "there.db"
    callee = bench.sidecar(app_id="callee", app=app, config=names(there), flags={"max-body-size": "-1"})
    assert address_of(there, "callee").endswith(f":{callee.peer}")
    caller = bench.sidecar(app_id="caller", config=names(there), flags={"max-body-size": "-1"})
    with Far(callee.peer, ROUND_TRIP) as line:
        with sqlite3.connect(there) as db:
            db.execute("UPDATE hosts SET address = ? WHERE app_id = 'callee'", (f"127.0.0.1:{line.port}",))
        yield caller, line


def test_a_download_fills_the_line(pair):
    caller, line = pair
    answer = request(caller.http, "GET", "/v1.0/invoke/callee/method/large", seconds=60)
    assert answer.status == 200 and answer.body == BODY
    assert line.most_back > PROVEN


def test_an_upload_fills_the_line(pair, app):
    caller, line = pair
    answer = request(caller.http, "POST", "/v1.0/invoke/callee/method/take", body=BODY, seconds=60)
    assert (answer.status, answer.body) == (200, b"thanks")
    assert app.wait_one("/take").body == BODY
    assert line.most_there > PROVEN
