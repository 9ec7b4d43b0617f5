"""The transactional outbox (contract 5.12, 3.3; components.md 0.6; grpc-api.md 3.1, 9.2): a transaction publishes what it
stores, once it is stored, whatever ends in between."""

import json
import re
import signal
import threading
import uuid

import pytest

from harness import rpc
from harness.admin import Admin
from harness.app import reply
from harness.errors import error_info
from harness.products import BROKERS, STORES, metadata_of, topic_of, version_of
from harness.pubsub import UUID
from harness.resources import component, subscription
from harness.rpc import assert_failure, failure
from harness.tap import Tap
from harness.wait import until

redis = pytest.importorskip("redis")
SAMPLE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def outbox(pubsub="pubsub", topic="orders", **more):
    return {"outboxPublishPubsub": pubsub, "outboxPublishTopic": topic, **more}


def store(name="store", **more):
    return component(name, "state.in-memory", {**outbox(), **more})


def memory(name="pubsub", **metadata):
    return component(name, "pubsub.in-memory", metadata)


def upsert(key, value, **more):
    return {"operation": "upsert", "request": {"key": key, "value": value, **more}}


def delete(key):
    return {"operation": "delete", "request": {"key": key}}


def transact(sidecar, *operations, store="store", headers=(), **more):
    return sidecar.post(f"/v1.0/state/{store}/transaction", json.dumps({"operations": list(operations), **more}),
                        [("Content-Type", "application/json"), *headers])


def transacted(sidecar, *operations, **more):
    answer = transact(sidecar, *operations, **more)
    assert answer.status == 204, answer.text


def get(sidecar, key, store="store"):
    return sidecar.get(f"/v1.0/state/{store}/{key}")


class Scene:
    """An app that hears topic orders, and what it has heard."""

    def __init__(self, bench):
        self.bench = bench
        self.app = bench.app(start=False)
        self.app.route("/orders", reply(200))

    def start(self, *resources, topic="orders", pubsub="pubsub", **options):
        self.app.start()
        options.setdefault("app_id", "caller")
        self.sidecar = self.bench.sidecar(app=self.app, resources=[
            *resources, subscription("s", pubsub, topic, "/orders")], **options)
        return self.sidecar

    def events(self, count=1, seconds=20.0):
        return [one.json for one in self.app.wait_for("/orders", count, seconds=seconds)]

    def data(self, count=1):
        return [one["data"] for one in self.events(count)]


@pytest.fixture
def scene(bench):
    return Scene(bench)


@pytest.fixture
def simple(scene):
    scene.start(memory(), store())
    return scene


# --- What goes out ---

def test_what_a_transaction_stores_is_published(simple):
    transacted(simple.sidecar, upsert("k", "hello"), delete("gone"))
    event, = simple.events()
    assert re.fullmatch("outbox-" + UUID.pattern, event.pop("id"))
    assert event.pop("time")
    assert event == {"data": "hello", "datacontenttype": "text/plain", "pubsubname": "pubsub", "source": "caller",
                     "specversion": "1.0", "topic": "orders", "traceid": event["traceid"], "traceparent": "",
                     "tracestate": "", "type": "com.dapr.event.sent"}
    assert get(simple.sidecar, "k").json == "hello"


def test_the_trace_of_the_request(simple):
    transacted(simple.sidecar, upsert("k", 1), headers=[("traceparent", SAMPLE)])
    event, = simple.events()
    assert event["traceid"].split("-")[1] == SAMPLE.split("-")[1] and event["traceparent"] == ""


def test_deletes_are_not_published(simple):
    transacted(simple.sidecar, delete("a"), delete("b"))
    transacted(simple.sidecar, upsert("c", "the only one"))
    assert simple.data() == ["the only one"]


def test_every_upsert_in_its_order(simple):
    transacted(simple.sidecar, *(upsert(f"k{n}", n) for n in range(5)))
    assert simple.data(5) == ["0", "1", "2", "3", "4"]
    assert len({one["id"] for one in simple.events(5)}) == 5


@pytest.mark.parametrize("value, more, data", [
    ("text", {}, "text"),
    (12345678901234567890, {}, "12345678901234567890"),
    (True, {}, "true"),
    ({"n": 1.5}, {"contentType": "application/json"}, {"n": 1.5}),
    ("text", {"metadata": {"contentType": "application/json"}}, "text"),
    ([1, 2], {"metadata": {"contentType": "application/json"}}, [1, 2]),
])
def test_the_data(simple, value, more, data):
    transacted(simple.sidecar, upsert("k", value, **more))
    assert simple.data() == [data]


def test_numbers_keep_their_text(simple):
    answer = simple.sidecar.post("/v1.0/state/store/transaction", b'{"operations":[{"operation":"upsert","request":'
                                 b'{"key":"k","value":{"n":1.50,"big":123456789012345678901},"contentType":"application/json"}}]}')
    assert answer.status == 204
    came, = simple.app.wait_for("/orders")
    assert b'"data":{"big":123456789012345678901,"n":1.50}' in came.body


@pytest.mark.differs
def test_an_object_that_is_no_json_is_its_json_text(simple):
    transacted(simple.sidecar, upsert("k", {"a": 1}))
    assert simple.data() == ['{"a":1}']


def test_metadata_becomes_members_but_for_data_and_id(simple):
    transacted(simple.sidecar, upsert("k", "v", metadata={"type": "mine", "source": "else", "extra": "1", "id": "no",
                                                          "data": "no"}))
    event, = simple.events()
    assert (event["type"], event["source"], event["extra"], event["data"]) == ("mine", "else", "1", "v")
    assert event["id"].startswith("outbox-")


def test_a_projection_is_published_in_place_of_what_is_stored(simple):
    transacted(simple.sidecar, upsert("k", {"secret": 1}),
               upsert("k", {"public": 2}, contentType="application/json", metadata={"outbox.projection": "true"}))
    assert simple.data() == [{"public": 2}]
    assert get(simple.sidecar, "k").json == {"secret": 1}


def test_a_projection_of_nothing_is_neither_stored_nor_published(simple):
    transacted(simple.sidecar, upsert("x", 1, metadata={"outbox.projection": "yes"}))
    transacted(simple.sidecar, upsert("k", "behind it"))
    assert simple.data() == ["behind it"]
    assert get(simple.sidecar, "x").status == 204


def test_over_grpc(simple):
    dapr = rpc.Dapr(simple.sidecar.grpc)
    item = {"operationType": "upsert", "request": {"key": "k", "value": b"the store's"}}
    projection = {"operationType": "upsert", "request": {"key": "k", "value": b'{"a":1}', "metadata": {
        "outbox.projection": "true", "contentType": "application/json"}}}
    dapr.ExecuteStateTransaction(storeName="store", operations=[item, projection])
    assert simple.data() == [{"a": 1}]
    assert dapr.GetState(store_name="store", key="k").data == b"the store's"
    dapr.ExecuteStateTransaction(storeName="store", operations=[item])
    assert simple.data(2)[1] == "the store's"
    dapr.close()


def test_the_row_is_removed(scene, redis_server, mark):
    scene.start(memory(), component("store", "state.redis", {"redisHost": redis_server.address, **outbox()}), app_id=mark)
    transacted(scene.sidecar, upsert("k", 1))
    scene.events()
    with redis.Redis(port=redis_server.port) as client:
        until(lambda: not [key for key in client.keys("outbox-*")], "the end of the row")
        assert client.keys(f"{mark}||*") == [f"{mark}||k".encode()]


def test_a_prefix_does_not_matter(scene):
    scene.start(memory(), store(keyPrefix="name"))
    transacted(scene.sidecar, upsert("k", 1))
    assert scene.data() == ["1"]


def test_an_encrypted_store_publishes_what_it_seals(scene, tmp_path):
    (tmp_path / "secrets.json").write_text(json.dumps({"key": "00" * 32}))
    scene.start(memory(), component("sec", "secretstores.local.file", {"secretsFile": str(tmp_path / "secrets.json")}),
                component("store", "state.in-memory", {
                    **outbox(), "primaryEncryptionKey": {"secretKeyRef": {"name": "key", "key": "key"}}},
                    auth={"secretStore": "sec"}))
    transacted(scene.sidecar, upsert("k", {"a": 1}, contentType="application/json"))
    assert scene.data() == [{"a": 1}]
    assert get(scene.sidecar, "k").json == {"a": 1}


# --- Who does not publish ---

def test_both_options_are_needed(scene):
    scene.start(memory(), component("store", "state.in-memory", {"outboxPublishPubsub": "pubsub"}), store("whole"))
    transacted(scene.sidecar, upsert("k", 1))
    transacted(scene.sidecar, upsert("k", 2), store="whole")
    assert scene.data() == ["2"]
    assert scene.sidecar.logged("outboxPublishTopic")


def test_saving_outside_a_transaction_publishes_nothing(simple):
    assert simple.sidecar.post("/v1.0/state/store", [{"key": "k", "value": 1}]).status == 204
    transacted(simple.sidecar, upsert("k", 2))
    assert simple.data() == ["2"]


def test_metadata_shows_no_subscription_of_ours(simple):
    assert [one["topic"] for one in simple.sidecar.metadata()["subscriptions"]] == ["orders"]


# --- Which brokers ---

def test_a_broker_of_its_own_for_what_waits(scene, redis_server, mark):
    inner = component("inner", "pubsub.redis", {"redisHost": redis_server.address})
    scene.start(memory(), inner, store(outboxPubsub="inner"), app_id=mark, env={"NAMESPACE": "ns"})
    transacted(scene.sidecar, upsert("k", "v", contentType="text/x"))
    assert scene.events()[0]["pubsubname"] == "pubsub"
    with redis.Redis(port=redis_server.port) as client:
        (_, fields), = client.xrange(f"ns{mark}ordersoutbox")
    waiting = json.loads(fields[b"data"])
    assert (waiting["topic"], waiting["pubsubname"], waiting["datacontenttype"]) == ("", "inner", "text/x")
    assert waiting["id"] == scene.events()[0]["id"]


def test_two_stores_may_share_a_topic(scene):
    scene.start(memory(), store(), store("other"))
    for n in range(3):
        transacted(scene.sidecar, upsert("k", f"a{n}"))
        transacted(scene.sidecar, upsert("k", f"b{n}"), store="other")
    assert sorted(scene.data(6)) == ["a0", "a1", "a2", "b0", "b1", "b2"]


@pytest.fixture
def mark():
    return uuid.uuid4().hex[:12]


def test_without_an_app(scene, redis_server, mark):
    broker = component("pubsub", "pubsub.redis", {"redisHost": redis_server.address})
    topic = f"orders-{mark}"
    alone = scene.bench.sidecar(app_id=mark, resources=[broker, store(outboxPublishTopic=topic)])
    scene.start(broker, topic=topic, app_id=f"other-{mark}")
    transacted(alone, upsert("k", "v"))
    event, = scene.events()
    assert (event["data"], event["source"], event["topic"]) == ("v", mark, topic)


# --- Failures ---

def refused(answer, why):
    assert answer.status == 500, answer.text
    message = f"error while publishing outbox message: {why}"
    assert answer.json == {"errorCode": "ERR_PUBLISH_OUTBOX", "message": message, "details": [
        error_info("DAPR_PUBSUB_OUTBOX", {"appID": "caller", "error": why})]}


def test_without_the_broker_nothing_is_stored(bench):
    sidecar = bench.sidecar(app_id="caller", resources=[memory(), store(outboxPubsub="nobody")])
    refused(transact(sidecar, upsert("k", 1)), "pubsub nobody is not found")
    assert get(sidecar, "k").status == 204
    transacted(sidecar, delete("k"))


def test_the_same_over_grpc(bench):
    sidecar = bench.sidecar(app_id="caller", resources=[memory(), store(outboxPubsub="nobody")])
    dapr = rpc.Dapr(sidecar.grpc)
    failed = failure(dapr.ExecuteStateTransaction, storeName="store", operations=[
        {"operationType": "upsert", "request": {"key": "k", "value": b"1"}}])
    why = "pubsub nobody is not found"
    assert_failure(failed, "INTERNAL", f"error while publishing outbox message: {why}",
                   [rpc.error_info("DAPR_PUBSUB_OUTBOX", {"appID": "caller", "error": why})])
    assert dapr.GetState(store_name="store", key="k").data == b""
    dapr.close()


def test_a_broker_that_has_gone(bench, redis_server):
    tap = Tap(redis_server.port)
    sidecar = bench.sidecar(app_id="caller", resources=[
        component("pubsub", "pubsub.redis", {"redisHost": tap.address}), store()])
    tap.refuse()
    answer = transact(sidecar, upsert("k", 1))
    refused(answer, answer.json["message"].removeprefix("error while publishing outbox message: "))
    assert get(sidecar, "k").status == 204


@pytest.mark.differs
def test_a_topic_that_is_forbidden_is_said_before_anything_is_stored(bench):
    sidecar = bench.sidecar(app_id="caller", resources=[memory(allowedTopics="others"), store()])
    refused(transact(sidecar, upsert("k", 1)), "topic orders is not allowed for app id caller")
    assert get(sidecar, "k").status == 204


def test_a_transaction_that_fails_publishes_nothing(scene):
    scene.start(memory(), store(outboxDiscardWhenMissingState="true"))
    transacted(scene.sidecar, upsert("k", "first"))
    assert scene.data() == ["first"]
    answer = transact(scene.sidecar, upsert("a", 1), upsert("k", 2, etag="no-such", options={"concurrency": "first-write"}))
    assert answer.status == 500 and answer.json["errorCode"] == "ERR_STATE_TRANSACTION"
    assert len(scene.sidecar.wait_log("has no transaction and is discarded", 25, count=2)) == 2
    transacted(scene.sidecar, upsert("k", "last"))
    assert scene.data(2) == ["first", "last"]


def crash_broker(redis_server, name="pubsub"):
    return component(name, "pubsub.redis", {"redisHost": redis_server.address, "redeliverInterval": "500ms",
                                            "processingTimeout": "500ms"})


def test_an_event_without_its_transaction_goes_back_to_the_broker(bench, redis_server, mark):
    sidecar = bench.sidecar(app_id=mark, resources=[crash_broker(redis_server), store()])
    event = {"id": f"outbox-{uuid.uuid4()}", "data": 1, "specversion": "1.0", "source": "x", "type": "y"}
    with redis.Redis(port=redis_server.port) as client:
        client.xadd(f"{mark}ordersoutbox", {"data": json.dumps(event)})
        sidecar.wait_log("its transaction was not found", 25)
        assert client.xpending(f"{mark}ordersoutbox", mark)["pending"] == 1


@pytest.mark.differs
def test_a_store_that_cannot_be_asked_is_no_missing_row(scene, redis_server, mark):
    topic, tap = f"t-{mark}", Tap(redis_server.port)
    options = outbox(topic=topic, outboxDiscardWhenMissingState="true")
    scene.start(crash_broker(redis_server), component("store", "state.redis", {
        "redisHost": tap.address, "maxRetries": "0", **options}), topic=topic, app_id=mark)
    tap.refuse()
    event = {"id": f"outbox-{uuid.uuid4()}", "data": "kept", "specversion": "1.0", "source": "x", "type": "y"}
    with redis.Redis(port=redis_server.port) as client:
        client.xadd(f"{mark}{topic}outbox", {"data": json.dumps(event)})
        scene.sidecar.wait_log("a store could not be asked", 30)
        client.hset(event["id"], mapping={"data": '"0"', "version": 1})
    tap.open()
    assert "kept" in scene.data()


def test_what_is_no_event_of_an_outbox_touches_nothing(scene, redis_server, mark):
    """Who may write to the broker may not have keys removed by us."""
    scene.start(crash_broker(redis_server), store(outboxPublishTopic=f"t-{mark}"), topic=f"t-{mark}", app_id=mark)
    transacted(scene.sidecar, upsert("k", 1))
    scene.events()
    with redis.Redis(port=redis_server.port) as client:
        for data in (json.dumps({"id": f"{mark}||k"}), "no json", "[]", json.dumps({"data": 1})):
            client.xadd(f"{mark}t-{mark}outbox", {"data": data})
    scene.sidecar.wait_log("is no event of an outbox, it is dropped", count=4)
    assert get(scene.sidecar, "k").json == 1


# --- The process ends in between ---

def killed(sidecar):
    sidecar.signal(signal.SIGKILL)
    sidecar.wait_end()


def crash_store(redis_server, **more):
    return component("store", "state.redis", {"redisHost": redis_server.address, **more})


def test_killed_after_the_transaction(scene, redis_server, mark):
    """The event cannot go out: its pubsub is not there. The process ends; the next one has it."""
    topic = f"t-{mark}"
    options = outbox("real", topic, outboxPubsub="pubsub")
    first = scene.bench.sidecar(app_id=mark, resources=[crash_broker(redis_server), crash_store(redis_server, **options)])
    transacted(first, upsert("k", "kept"))
    with redis.Redis(port=redis_server.port) as client:
        (_, waiting), = client.xrange(f"{mark}{topic}outbox")
        row = json.loads(waiting[b"data"])["id"]
        assert client.hget(row, "data") == b'"0"'
    killed(first)
    scene.start(crash_broker(redis_server), crash_broker(redis_server, "real"), crash_store(redis_server, **options),
                topic=topic, pubsub="real", app_id=mark)
    assert "kept" in scene.data()
    with redis.Redis(port=redis_server.port) as client:
        until(lambda: not client.exists(row), "the end of the row")


def test_killed_in_the_middle_of_many(scene, redis_server, mark):
    topic = f"t-{mark}"
    resources = [crash_broker(redis_server), crash_store(redis_server, **outbox("pubsub", topic))]
    first = scene.bench.sidecar(app_id=mark, resources=resources)
    for n in range(30):
        transacted(first, upsert(f"k{n}", n))
    killed(first)
    scene.start(*resources, topic=topic, app_id=mark)
    wanted = {str(n) for n in range(30)}
    until(lambda: wanted <= {one.json["data"] for one in scene.app.requests("/orders")}, "every event", 30)


def test_killed_before_the_transaction(scene, redis_server, mark):
    """The event waits already, the transaction never comes: nothing is published."""
    topic, tap = f"t-{mark}", Tap(redis_server.port)
    options = outbox("pubsub", topic, outboxDiscardWhenMissingState="true")
    first = scene.bench.sidecar(app_id=mark, resources=[
        crash_broker(redis_server), component("store", "state.redis", {"redisHost": tap.address, **options})])
    tap.stall()
    with redis.Redis(port=redis_server.port) as client:
        threading.Thread(target=lambda: _ignored(lambda: transact(first, upsert("k", "never"))), daemon=True).start()
        until(lambda: client.xlen(f"{mark}{topic}outbox"), "the event that waits")
    killed(first)
    tap.refuse()
    scene.start(crash_broker(redis_server), crash_store(redis_server, **options), topic=topic, app_id=mark)
    scene.sidecar.wait_log("has no transaction and is discarded", 25)
    assert get(scene.sidecar, "k").status == 204
    assert scene.app.requests("/orders") == []


def _ignored(do):
    try:
        do()
    except (OSError, EOFError):
        pass


# --- Components and code are replaced ---

@pytest.fixture
def admined(scene, tmp_path):
    path = str(tmp_path / "admin.sock")
    scene.start(memory(), store(), flags={"admin-listen": f"unix:{path}"})
    scene.admin = Admin(path=path)
    return scene


@pytest.mark.differs
@pytest.mark.parametrize("change", ["swap pubsub", "swap state", "swap state.in-memory", "swap pubsub.in-memory",
                                    "reload store", "reload pubsub"])
def test_what_comes_anew_publishes_as_before(admined, change):
    what, name = change.split()

    def opened():
        return [len(admined.sidecar.logged(f"subscribing to topic '{topic}'")) for topic in ("orders", "callerordersoutbox")]
    reopens = name.startswith("pubsub")
    transacted(admined.sidecar, upsert("k", "before"))
    assert admined.data() == ["before"]
    for n in range(3):
        earlier = opened()
        assert getattr(admined.admin, what)(name).status == 200
        until(lambda: not reopens or all(now > then for now, then in zip(opened(), earlier)), "new subscriptions")
        until(admined.sidecar.is_ready, "readiness")
        transacted(admined.sidecar, upsert("k", f"after {n}"))
        assert admined.data(n + 2)[-1] == f"after {n}"


@pytest.mark.differs
def test_replacing_the_blocks_loses_no_event(admined):
    sent = 0
    for block in ("pubsub", "state", "pubsub", "state"):
        for _ in range(10):
            transacted(admined.sidecar, upsert("k", sent))
            sent += 1
        assert admined.admin.swap(block).status == 200
    until(lambda: {one.json["data"] for one in admined.app.requests("/orders")} >= {str(n) for n in range(sent)},
          "every event", 20)


@pytest.mark.differs
def test_without_an_app_the_blocks_may_be_replaced_too(scene, redis_server, mark, tmp_path):
    path, topic = str(tmp_path / "admin.sock"), f"orders-{mark}"
    broker = component("pubsub", "pubsub.redis", {"redisHost": redis_server.address})
    alone = scene.bench.sidecar(app_id=mark, flags={"admin-listen": f"unix:{path}"}, resources=[
        broker, store(outboxPublishTopic=topic)])
    scene.start(broker, topic=topic, app_id=f"other-{mark}")
    for n, block in enumerate(("pubsub", "state", "pubsub")):
        assert Admin(path=path).swap(block).status == 200
        transacted(alone, upsert("k", n))
        assert scene.data(n + 1)[-1] == str(n)


# --- Other products ---

@pytest.mark.parametrize("state, broker", [("state.postgresql/v2", "pubsub.rabbitmq"), ("state.postgresql", "pubsub.kafka")])
def test_with_real_products(scene, mark, state, broker):
    topic = topic_of(mark, "orders")
    made = metadata_of(STORES, state, mark)
    queues = metadata_of(BROKERS, broker, mark)
    scene.start(
        component("pubsub", broker, queues),
        component("store", state.partition("/")[0], {**made, **outbox(topic=topic)}, version=version_of(state)),
        topic=topic, app_id=mark)
    transacted(scene.sidecar, *(upsert(f"k{n}", n) for n in range(5)))
    until(lambda: {one.json["data"] for one in scene.app.requests("/orders")} == {"0", "1", "2", "3", "4"}, "every event", 30)
    assert get(scene.sidecar, "k4").json == 4
