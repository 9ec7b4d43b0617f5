"""The same faults for every product: refused, reset, silent, half an answer, byte by byte, and back again. A call that
fails says in one sentence what failed and where, none outlasts its limit, what was acknowledged is there afterwards, the
sidecar needs no restart, and a component of another product in it notices nothing."""

import json
import os
import subprocess
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from harness import doors
from harness.app import reply
from harness.doors import Refused, item
from harness.products import (BINDINGS, BROKERS, CONFIGURATIONS, LOCKS, SECRETS, STORES, metadata_of, server, tap_of,
                              topic_of, version_of)
from harness.resources import component
from harness.wait import until

redis = pytest.importorskip("redis")

SLACK = 10                      # seconds beyond a product's limit, on a machine that does much else
PATIENCE = 40                   # until a product that is back is used again
AT_ONCE = 16                    # calls that wait for a silent server


# -------------------------------------------------------------------------------------- what is asked
class Use:
    """What an application does with the component `subject`: calls, each with a number of its own, and the code of each
    call's failure. kept(numbers) looks for what was acknowledged."""
    codes = {}

    def __init__(self, scene):
        self.scene, self.door, self.mark = scene, scene.door, scene.mark

    def prepare(self):
        pass

    def kept(self, numbers):
        pass


class Store(Use):
    codes = {"save": "ERR_STATE_SAVE", "get": "ERR_STATE_GET"}

    def save(self, n):
        self.door.save("subject", [item(f"{self.mark}-{n}", b"%d" % n)])

    def get(self, n):
        assert self.door.get("subject", f"{self.mark}-{n}").data == b"%d" % n

    def kept(self, numbers):
        for n in numbers:
            self.get(n)


class Broker(Use):
    codes = {"publish": "ERR_PUBSUB_PUBLISH_MESSAGE"}

    def publish(self, n):
        self.door.publish("subject", self.scene.topic, b'{"n":%d}' % n, "application/json")

    def kept(self, numbers):
        def came():
            return {json.loads(one.body)["data"]["n"] for one in self.scene.app.requests("/orders")}
        until(lambda: set(numbers) <= came(), lambda: f"{sorted(set(numbers) - came())} of {sorted(numbers)}", PATIENCE)


class Secret(Use):
    codes = {"secret": "ERR_SECRET_GET"}

    def secret(self, n):
        assert self.door.secret("subject", "conftestsecret") == {"conftestsecret": "abcd"}


class Settings(Use):
    codes = {"settings": "ERR_CONFIGURATION_GET"}

    def prepare(self):
        if self.scene.type == "configuration.redis":
            host, port = server("redis").split(":")
            with redis.Redis(host, int(port)) as keeper:
                keeper.set(self.mark, "on||3")
        else:
            subprocess.run(["psql", os.environ["TEST_POSTGRES_URL"], "-qAt", "-v", "ON_ERROR_STOP=1", "-c",
                            f"CREATE TABLE c_{self.mark} (key text, value text, version text, metadata json); "
                            f"INSERT INTO c_{self.mark} VALUES ('{self.mark}', 'on', '3', NULL)"], check=True)

    def settings(self, n):
        assert self.door.settings("subject", [self.mark])[self.mark][:2] == ("on", "3")


class Lock(Use):
    codes = {"lock": "ERR_TRY_LOCK"}

    def lock(self, n):
        """What a call that failed has taken all the same is taken: its owner takes nothing twice."""
        self.door.lock("subject", f"{self.mark}-{n}", "me", 600)

    def kept(self, numbers):
        for n in numbers:
            assert self.door.lock("subject", f"{self.mark}-{n}", "you", 600) is False


class Binding(Use):
    """Keeps a thing by its key and gives it back."""
    codes = {"create": "ERR_INVOKE_OUTPUT_BINDING", "get": "ERR_INVOKE_OUTPUT_BINDING"}

    def create(self, n):
        self.door.bind("subject", "create", b"%d" % n, {"key": f"{self.mark}-{n}"})

    def get(self, n):
        assert self.door.bind("subject", "get", None, {"key": f"{self.mark}-{n}"})[0] == b"%d" % n

    def kept(self, numbers):
        for n in numbers:
            self.get(n)


class SqlBinding(Binding):
    codes = {"execute": "ERR_INVOKE_OUTPUT_BINDING", "query": "ERR_INVOKE_OUTPUT_BINDING"}

    def prepare(self):
        subprocess.run(["psql", os.environ["TEST_POSTGRES_URL"], "-qAt", "-c", f"CREATE TABLE b_{self.mark} (n int)"], check=True)

    def execute(self, n):
        self.door.bind("subject", "exec", None, {"sql": f"INSERT INTO b_{self.mark} VALUES ({n})"})

    def query(self, n):
        data, _ = self.door.bind("subject", "query", None, {"sql": f"SELECT DISTINCT n FROM b_{self.mark} WHERE n = {n}"})
        assert json.loads(data) == [[n]]

    get = query


class TwoWayBinding(Use):
    """What is created comes to the application."""
    codes = {"create": "ERR_INVOKE_OUTPUT_BINDING"}

    def create(self, n):
        self.door.bind("subject", "create", b'{"n":%d}' % n)

    def kept(self, numbers):
        def came():
            return {json.loads(one.body)["n"] for one in self.scene.app.requests("/subject") if one.method == "POST"}
        until(lambda: set(numbers) <= came(), lambda: f"{sorted(set(numbers) - came())} of {sorted(numbers)}", PATIENCE)


# --------------------------------------------------------------------------------------- the table
REDIS = {"readTimeout": "1s", "dialTimeout": "1s"}
KAFKA = {"writeTimeout": "2s", "sessionTimeout": "6s", "heartbeatInterval": "1s"}
SHORT = {                       # each product's own limits, where it has some
    "state.redis": REDIS, "configuration.redis": REDIS, "lock.redis": REDIS, "bindings.redis": REDIS,
    **{type: {"timeout": "1s"} for type in ("state.postgresql", "state.postgresql/v2", "configuration.postgresql",
                                            "bindings.postgresql")},
    "state.mysql": {"timeoutInSeconds": "1"}, "state.mongodb": {"operationTimeout": "1s"}, "state.memcached": {"timeout": "1000"},
    "pubsub.redis": {**REDIS, "processingTimeout": "2s", "redeliverInterval": "500"},
    "pubsub.kafka": KAFKA, "bindings.kafka": KAFKA,
    "pubsub.rabbitmq": {"heartBeat": "1s", "reconnectWaitSeconds": "1"}, "bindings.rabbitmq": {"reconnectWaitInSeconds": "1"},
    "pubsub.mqtt3": {"redeliverInterval": "2s"}, "bindings.mqtt3": {"redeliverInterval": "2s"},
    "pubsub.jetstream": {"ackWait": "2s"},
}
# Seconds after which a call is given up: what is set above with an attempt to connect again, or what the component has by itself.
LIMITS = {"state.etcd": 5, "state.etcd/v2": 5, "pubsub.kafka": 4, "bindings.kafka": 4, "pubsub.jetstream": 10, "pubsub.mqtt3": 20, "bindings.mqtt3": 10,
          "pubsub.rabbitmq": 30, "bindings.rabbitmq": 30, "bindings.aws.s3": 30, **{type: 20 for type in SECRETS}}
# These wait for a silent server exactly as secretstores.hashicorp.vault does, by the same client.
LIKE_VAULT = {"secretstores.aws.secretmanager", "secretstores.azure.keyvault", "secretstores.gcp.secretmanager", "secretstores.kubernetes"}
USES = {
    **{type: (STORES, Store) for type in STORES if STORES[type].service},
    **{type: (BROKERS, Broker) for type in BROKERS if BROKERS[type].service},
    **{type: (SECRETS, Secret) for type in SECRETS},
    **{type: (CONFIGURATIONS, Settings) for type in CONFIGURATIONS},
    **{type: (LOCKS, Lock) for type in LOCKS},
    "bindings.redis": (BINDINGS, Binding), "bindings.aws.s3": (BINDINGS, Binding), "bindings.postgresql": (BINDINGS, SqlBinding),
    "bindings.kafka": (BINDINGS, TwoWayBinding), "bindings.rabbitmq": (BINDINGS, TwoWayBinding), "bindings.mqtt3": (BINDINGS, TwoWayBinding),
}


class Scene:
    """A sidecar with two components: `subject`, whose line the test breaks, and `other`, which must not notice."""

    def __init__(self, bench, type):
        table, use = USES[type]
        self.type, self.mark, self.limit = type, uuid.uuid4().hex[:8], LIMITS.get(type, 2)
        self.tap = tap_of(table, type)
        bench.stack.callback(self.tap.close)
        self.topic = topic_of(self.mark, "orders")
        self.app = bench.app(subscriptions=[{"pubsubname": "subject", "topic": self.topic, "route": "/orders"}] if use is Broker else [])
        for path in ("/orders", "/subject"):
            self.app.route(path, reply(200, b""))
        self.use = use
        self.sidecar = bench.sidecar(start=False, app=self.app, app_id=f"a{self.mark}", resources=self.resources(table),
                                     env={"GOOGLE_APPLICATION_CREDENTIALS": os.environ.get("GOOGLE_APPLICATION_CREDENTIALS", ""),
                                          "AZURE_AUTHORITY_HOST": f"http://{self.tap.address}"})
        self.door = doors.open(self.sidecar, "http", self.limit + 2 * SLACK)
        self.use = use(self)
        self.use.prepare()
        self.sidecar.start()
        self.acknowledged = set()

    def resources(self, table):
        metadata = {**metadata_of(table, self.type, self.mark, self.tap.address), **SHORT.get(self.type, {})}
        return [component("subject", self.type.partition("/")[0], metadata, version=version_of(self.type)),
                component("other", "state.sqlite", {"connectionString": "other.db"})]

    def timed(self, call, n):
        """None, or why it was refused."""
        begun = time.monotonic()
        try:
            call(n)
            return None
        except Refused as why:
            return why
        finally:
            took = time.monotonic() - begun
            assert took < self.limit + SLACK, f"{call.__name__} of {n} took {took:.1f} s"

    def calls(self):
        return [(name, getattr(self.use, name)) for name in self.use.codes]

    def tries(self, n):
        """All calls, as an application does them: the next if the last has gone well. Each is right, or says why not."""
        for name, call in self.calls():
            why = self.timed(call, n)
            if why:
                self.assert_sentence(name, why)
                return False
        self.acknowledged.add(n)
        return True

    def right(self, n):
        for name, call in self.calls():
            call(n)
        self.acknowledged.add(n)

    def fails(self, name, call, n):
        why = self.timed(call, n)
        assert why, f"{name} of {n} was answered"
        self.assert_sentence(name, why)

    def assert_sentence(self, name, why):
        assert (why.code, why.name) == (500, self.use.codes[name]), why
        product = self.type.partition("/")[0].rpartition(".")[2]
        said = why.message
        assert "subject" in said or product in said, said
        assert 20 < len(said) < 600 and said.isprintable() and "(null)" not in said, said

    def comes_back(self, n):
        until(lambda: self.tries(n), "the product to be used again", PATIENCE)

    def kept(self):
        """A connection of another loop may learn only now that it is gone."""
        def is_kept():
            try:
                self.use.kept(self.acknowledged)
                return True
            except Refused:
                return False
        until(is_kept, "an answer about what was acknowledged", PATIENCE)
        self.other_answers(0)
        self.sidecar.assert_alive()

    def other_answers(self, n):
        self.door.save("other", [item(f"{n}", b"%d" % n)])
        assert self.door.get("other", f"{n}").data == b"%d" % n


@pytest.fixture(params=USES)
def scene(bench, request):
    return Scene(bench, request.param)


# ------------------------------------------------------------------------------------------ the faults
def test_refused_and_back(scene):
    scene.right(1)
    scene.tap.refuse()
    for _ in range(2 if scene.limit < SLACK else 1):
        for name, call in scene.calls():
            scene.fails(name, call, 1)
    scene.other_answers(1)
    scene.tap.open()
    scene.comes_back(2)
    scene.kept()


def test_reset_again_and_again(scene):
    scene.right(0)
    for n in range(1, 11):
        scene.tap.reset()
        scene.tries(n)
    scene.comes_back(11)
    scene.kept()


@pytest.mark.parametrize("scene", [type for type in USES if type not in LIKE_VAULT], indirect=True)
def test_silent_and_back(scene):
    scene.right(0)
    scene.tap.stall()
    answers = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = [pool.submit(partial(scene.fails, name, call, n))
                   for n, (name, call) in enumerate(scene.calls() * (AT_ONCE // len(scene.calls())), 1)]
        while not all(one.done() for one in waiting):
            scene.other_answers(answers)
            answers += 1
    for one in waiting:
        one.result()
    assert answers > AT_ONCE
    scene.tap.flow()
    scene.comes_back(100)
    scene.kept()


def test_half_an_answer(scene):
    scene.right(0)
    for n, after in enumerate((1, 9, 40, 200), 1):
        scene.tap.cut_answer(after)
        scene.tries(n)
        scene.tap.flow()
        scene.comes_back(n + 10)
    scene.kept()


def test_byte_by_byte(scene):
    scene.tap.slow()
    scene.right(1)
    scene.tap.reset()
    scene.comes_back(2)
    for n in range(3, 6):
        scene.right(n)
    scene.kept()
