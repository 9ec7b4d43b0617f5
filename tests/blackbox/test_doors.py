"""Two doors, one room: what HTTP and gRPC must agree on, from one table, over each door and on each kind of store.

To add rows for a building block: write doors/<block>.py with `table = Table()` and rows as harness/table.py shows them,
and name it in TABLES below. A row gets `at`: the door under test (at.door, the operations of harness/doors.py), the
sidecar, its app (an HTTP app, harness/app.py), a store's name, a key and a topic that nobody else uses. What the sidecar
has is in the fixtures below; a row that needs a sidecar of its own starts it with at.bench and opens it with
at.open(sidecar)."""

import json
import uuid
from dataclasses import dataclass

import pytest
import redis

from doors import bindings, configuration, crypto, invoke, lock, metadata, publish, secrets, state
from harness import doors
from harness.app import reply
from harness.resources import component
from harness.table import STORES, run

TABLES = {"state": state, "secrets": secrets, "metadata": metadata, "invoke": invoke, "publish": publish,
          "lock": lock, "configuration": configuration, "bindings": bindings, "crypto": crypto}
SECRETS = {"db": "pw<1>", "hidden": "no", "ümläut": "ü"}


@dataclass
class At:
    door: object
    sidecar: object
    app: object
    store: str
    mark: str
    bench: object
    keeper: object                      # a client of the Redis that is behind its components

    @property
    def key(self):
        return f"key-{self.mark}"

    @property
    def topic(self):
        return f"topic-{self.mark}"

    def open(self, sidecar):
        return doors.open(sidecar, self.door.kind)


def _rows():
    for block, module in TABLES.items():
        for row in module.table.rows:
            for store in STORES if row.stores else [STORES[0]]:
                name = f"{block}-{row.name}" + (f"-{store}" if row.stores else "")
                yield pytest.param(row, store, id=name)


@pytest.fixture(scope="module")
def app(shared):
    made = shared.app()
    made.otherwise = reply(200, b"")
    return made


@pytest.fixture(scope="module")
def sidecar(shared, app, tmp_path_factory, redis_server):
    file = tmp_path_factory.mktemp("secrets") / "secrets.json"
    file.write_text(json.dumps(SECRETS))
    keys = crypto.keys_write(tmp_path_factory.mktemp("keys"))
    scopes = [{"storeName": "secrets", "deniedSecrets": ["hidden"]}]
    return shared.sidecar(app=app, app_id="caller", config={"secrets": {"scopes": scopes}}, resources=[
        component("memory", "state.in-memory"),
        component("redis", "state.redis", {"redisHost": redis_server.address}),
        component("settings", "configuration.redis", {"redisHost": redis_server.address}),
        component("keys", "crypto.dapr.localstorage", {"path": str(keys)}),
        component("locks", "lock.redis", {"redisHost": redis_server.address}),
        component("pubsub", "pubsub.in-memory"),
        component("files", "bindings.localstorage", {"rootPath": str(tmp_path_factory.mktemp("files"))}),
        component("loop", "bindings.http", {"url": f"http://127.0.0.1:{app.port}"}),
        component("secrets", "secretstores.local.file", {"secretsFile": str(file)}),
        component("env", "secretstores.local.env")])


@pytest.fixture(scope="module")
def keeper(redis_server):
    host, port = redis_server.address.split(":")
    with redis.Redis(host, int(port)) as made:
        yield made


@pytest.fixture(scope="module", params=doors.DOORS)
def door(request, sidecar):
    made = doors.open(sidecar, request.param)
    yield made
    made.close()


@pytest.mark.parametrize("row,store", list(_rows()))
def test_both_doors(row, store, door, sidecar, app, bench, keeper):
    run(row, At(door, sidecar, app, store, uuid.uuid4().hex[:8], bench, keeper))
