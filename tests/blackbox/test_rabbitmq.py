"""pubsub.rabbitmq against a real broker, seen by a client of its own as well (contract, components 2.7 and 6.10):
what it declares, what messages look like, redelivery, dead letters, order, and restarts."""

import json
import os
import random
import signal
import subprocess
import threading
import uuid

import pytest

from harness.app import App, json_reply, reply
from harness.pubsub import entry
from harness.resources import component
from harness.services import Service
from harness.tap import Tap
from harness.wait import until

pika = pytest.importorskip("pika")

pytestmark = pytest.mark.skipif(not os.environ.get("TEST_RABBITMQ"), reason="without TEST_RABBITMQ (tests/services/with rabbitmq)")
ADDRESS = os.environ.get("TEST_RABBITMQ", "")
EMPTY = ""


class Broker:
    """A client of the broker that is not ours. A channel that the broker closed is opened again."""

    def __init__(self, address):
        self.host, port = address.split(":")
        self.connection = pika.BlockingConnection(pika.ConnectionParameters(self.host, int(port), heartbeat=0))
        self.open = None

    @property
    def channel(self):
        if not self.open or not self.open.is_open:
            self.open = self.connection.channel()
        return self.open

    def close(self):
        self.connection.close()

    def queue(self, name="", exchange=None, key="", **options):
        made = self.channel.queue_declare(name, **{"exclusive": not name, **options}).method.queue
        if exchange:
            self.channel.queue_bind(made, exchange, key)
        return made

    def get(self, queue, seconds=10):
        """(method, properties, body) of the next message, acknowledged."""
        got = until(lambda: self._take(queue), f"a message in {queue}", seconds)
        self.channel.basic_ack(got[0].delivery_tag)
        return got

    def _take(self, queue):
        got = self.channel.basic_get(queue)
        return got if got[0] else None

    def depth(self, queue):
        return self.channel.queue_declare(queue, passive=True).method.message_count

    def exists(self, what, name):
        declare = self.channel.queue_declare if what == "queue" else self.channel.exchange_declare
        try:
            declare(name, passive=True)
            return True
        except pika.exceptions.ChannelClosedByBroker:
            return False


@pytest.fixture
def broker():
    made = Broker(ADDRESS)
    yield made
    made.close()


@pytest.fixture
def mark():
    return uuid.uuid4().hex[:8]


def bus(address=ADDRESS, **metadata):
    return component("pubsub", "pubsub.rabbitmq", {"connectionString": f"amqp://guest:guest@{address}/", **metadata})


class Side:
    """A sidecar with the broker as `pubsub`, and perhaps an app that listens to `topic` at /t."""

    def __init__(self, bench, app_id, topic=None, answers=None, subscription=None, address=ADDRESS, flags=None, **metadata):
        self.app = None
        if topic:
            self.app = App(subscriptions=[entry(topic, "/t", metadata=subscription or {})])
            self.app.route("/t", answers or reply(200))
            self.app.start()
            bench.stack.callback(self.app.stop)
        self.sidecar = bench.sidecar(app=self.app, app_id=app_id, resources=[bus(address, **metadata)], flags=flags)

    def publish(self, topic, value, query=""):
        return self.sidecar.post(f"/v1.0/publish/pubsub/{topic}{query}", json.dumps(value))

    def published(self, topic, value, query=""):
        answer = self.publish(topic, value, query)
        assert answer.status == 204, answer.text

    def came(self):
        return [one.json["data"] for one in self.app.requests("/t")]

    def await_all(self, wanted, seconds=20):
        until(lambda: set(wanted) <= set(self.came()), lambda: f"{wanted}; came: {self.came()}", seconds)


# --- What is declared ---

def test_the_defaults_at_the_broker(bench, broker, mark):
    Side(bench, mark, mark)
    broker.channel.exchange_declare(mark, "fanout", durable=True, auto_delete=True)
    broker.channel.queue_declare(f"{mark}-{mark}", durable=True, auto_delete=True, arguments={"x-queue-type": "classic"})


def test_with_the_defaults_nothing_is_left(bench, broker, mark):
    side = Side(bench, mark, mark)
    assert broker.exists("queue", f"{mark}-{mark}")
    side.sidecar.stop()
    until(lambda: not broker.exists("queue", f"{mark}-{mark}") and not broker.exists("exchange", mark), "both to go")


def test_options_at_the_broker(bench, broker, mark):
    Side(bench, "app", mark, consumerID=f" c{mark} ", exchangeKind="topic", enableDeadLetter="true", deletedWhenUnused="false",
         maxLen="50", maxLenBytes="9999")
    queue, limits = f"c{mark}-{mark}", {"x-max-length": 50, "x-max-length-bytes": 9999}
    broker.channel.exchange_declare(mark, "topic", durable=True)
    broker.channel.exchange_declare(f"dlx-{queue}", "fanout", durable=True)
    broker.channel.queue_declare(queue, durable=True, arguments={
        "x-queue-type": "classic", "x-dead-letter-exchange": f"dlx-{queue}", **limits})
    broker.channel.queue_declare(f"dlq-{queue}", durable=True, arguments={"x-queue-mode": "lazy", **limits})


def test_a_quorum_queue_with_one_active_consumer(bench, broker, mark):
    Side(bench, mark, mark, subscription={"queueType": "quorum", "singleActiveConsumer": "true", "queueName": f"q{mark}"},
         deletedWhenUnused="false")
    broker.channel.queue_declare(f"q{mark}", durable=True, arguments={
        "x-queue-type": "quorum", "x-single-active-consumer": True})


def test_the_limits_of_a_subscription_win(bench, broker, mark):
    Side(bench, mark, mark, subscription={"maxLen": "7", "maxLenBytes": "700", "maxPriority": "300"}, maxLen="50")
    broker.channel.queue_declare(f"{mark}-{mark}", durable=True, auto_delete=True, arguments={
        "x-queue-type": "classic", "x-max-length": 7, "x-max-length-bytes": 700, "x-max-priority": 255})


def test_not_durable(bench, broker, mark):
    Side(bench, mark, mark, durable="false")
    broker.channel.exchange_declare(mark, "fanout", auto_delete=True)
    broker.channel.queue_declare(f"{mark}-{mark}", auto_delete=True, arguments={"x-queue-type": "classic"})


def test_each_routing_key_is_a_binding(bench, broker, mark):
    side = Side(bench, mark, mark, subscription={"routingKey": "k1,k2"}, exchangeKind="direct")
    side.published(mark, "lost", "?metadata.routingKey=k3")
    side.published(mark, "one", "?metadata.routingKey=k1")
    side.published(mark, "two", "?metadata.routingKey=k2")
    side.await_all(["one", "two"])
    assert "lost" not in side.came()


def test_an_exchange_of_another_kind_is_refused_in_words(bench, broker, mark):
    broker.channel.exchange_declare(mark, "direct", durable=True)
    side = Side(bench, mark)
    answer = side.publish(mark, 1)
    assert answer.status == 500 and "PRECONDITION_FAILED - inequivalent arg 'type' for exchange" in answer.text
    broker.channel.exchange_delete(mark)
    side.published(mark, 1)


def test_a_queue_type_that_is_none(bench, mark):
    side = Side(bench, mark, mark, subscription={"queueType": "stream"})
    side.sidecar.wait_log("queueType must be classic or quorum")


# --- What messages look like ---

def test_the_properties_of_a_message(bench, broker, mark):
    side = Side(bench, mark, deletedWhenUnused="false")
    side.published(mark, 0)
    queue = broker.queue(exchange=mark)
    side.published(mark, {"b": 1, "a": [1]})
    _, plain, body = broker.get(queue)
    assert json.loads(body)["data"] == {"b": 1, "a": [1]} and "expiration" not in json.loads(body)
    assert (plain.content_type, plain.delivery_mode, plain.expiration, plain.headers) == ("text/plain", None, None, None)
    side.published(mark, 1, "?metadata.routingKey=rk1&metadata.ttlInSeconds=60&metadata.priority=3&metadata.messageID=m1"
                            "&metadata.correlationid=c1&metadata.type=t1&metadata.contentType=a/b&metadata.custom=x")
    method, full, _ = broker.get(queue)
    assert method.routing_key == "rk1" and full.headers is None
    assert (full.type, full.message_id, full.correlation_id, full.expiration, full.priority, full.content_type) == (
        "t1", "m1", "c1", "60000", 3, "a/b")
    broker.channel.exchange_delete(mark)


def test_what_the_component_says_of_every_message(bench, broker, mark):
    side = Side(bench, mark, ttlInSeconds="300", deliveryMode="2", deletedWhenUnused="false")
    side.published(mark, 0)
    queue = broker.queue(exchange=mark)
    side.published(mark, 1, "?metadata.priority=999")
    _, properties, _ = broker.get(queue)
    assert (properties.expiration, properties.delivery_mode, properties.priority) == ("300000", 2, 255)
    side.published(mark, 1, "?metadata.ttl=1500ms")
    assert broker.get(queue)[1].expiration == "1500"
    broker.channel.exchange_delete(mark)


def test_a_message_that_nobody_took_in_time_is_gone(bench, broker, mark):
    side = Side(bench, mark, deletedWhenUnused="false")
    side.published(mark, 0)
    queue = broker.queue(exchange=mark)
    side.published(mark, 1, "?metadata.ttl=100ms")
    side.published(mark, 2)
    until(lambda: broker.depth(queue) == 1, "the first to expire")
    assert json.loads(broker.get(queue)[2])["data"] == 2
    broker.channel.exchange_delete(mark)


def test_a_message_of_another_client_arrives_with_its_properties(bench, broker, mark):
    side = Side(bench, mark, mark, publishMessagePropertiesToMetadata="true", subscription={"rawPayload": "true"})
    broker.channel.basic_publish(mark, "", b'{"n":1}', pika.BasicProperties(
        content_type="a/b", message_id="m1", correlation_id="c1", type="t1",
        headers={"text": "x", "number": 7, "truth": True, "table": {"a": 1}, "empty": ""}))
    [came] = side.app.wait_for("/t", 1)
    assert came.json["data_base64"] == "eyJuIjoxfQ=="
    assert [came.header(f"Metadata.{name}") for name in ("messageid", "correlationid", "type", "contenttype", "text", "number",
                                                         "truth", "table", "empty")] == [
        "m1", "c1", "t1", "a/b", "x", "7", "true", None, None]


def test_without_the_option_there_is_no_metadata(bench, broker, mark):
    side = Side(bench, mark, mark)
    broker.channel.basic_publish(mark, "", json.dumps({"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": 1}),
                                 pika.BasicProperties(message_id="m1", headers={"text": "x"}))
    [came] = side.app.wait_for("/t", 1)
    assert came.json["data"] == 1 and came.header("Metadata.messageid") is None and came.header("Metadata.text") is None


@pytest.mark.parametrize("size", [0, 1, 131064, 131065, 262128, 1 << 20, 4 << 20])
def test_bodies_of_every_size_arrive_whole(bench, broker, mark, size):
    side = Side(bench, mark, mark, flags={"max-body-size": "16Mi"})
    value = "x" * size
    side.published(mark, value)
    [came] = side.app.wait_for("/t", 1)
    assert came.json["data"] == value


def test_a_property_that_is_too_long_is_refused(bench, mark):
    answer = Side(bench, mark).publish(mark, 1, "?metadata.messageID=" + "x" * 256)
    assert answer.status == 500 and "at most 255 bytes" in answer.text


# --- What follows from the handler's answer ---

@pytest.mark.parametrize("answers, times", [
    ([json_reply({"status": "RETRY"})], 1), ([reply(500)], 1), ([json_reply({"status": "DROP"})], 1), ([reply(404)], 1)])
def test_a_failed_message_is_dropped(bench, broker, mark, answers, times):
    side = Side(bench, mark, mark, answers)
    side.published(mark, 1)
    side.app.wait_for("/t", 1)
    until(lambda: broker.depth(f"{mark}-{mark}") == 0, "the queue to be empty")
    side.app.route("/t", reply(200))
    side.published(mark, 2)
    side.await_all([2])
    assert side.came() == [1] * times + [2]


@pytest.mark.parametrize("answers, times", [
    ([json_reply({"status": "RETRY"}), json_reply({"status": "RETRY"}), reply(200)], 3), ([reply(500), reply(500), reply(200)], 3),
    ([json_reply({"status": "DROP"}), reply(200)], 1), ([reply(404), reply(200)], 1)])
def test_a_failed_message_goes_back(bench, mark, answers, times):
    side = Side(bench, mark, mark, answers, requeueInFailure="true")
    side.published(mark, 1)
    side.app.wait_for("/t", times)
    side.published(mark, 2)
    side.await_all([2])
    assert side.came() == [1] * times + [2]


def test_dead_letters(bench, broker, mark):
    side = Side(bench, mark, mark, lambda request, _: json_reply({"status": request.json["data"]}), enableDeadLetter="true",
                deliveryMode="2", ttlInSeconds="300")
    for status in ("SUCCESS", "RETRY", "DROP"):
        side.published(mark, status)
    side.await_all(["SUCCESS", "RETRY", "DROP"])
    method, properties, body = broker.get(f"dlq-{mark}-{mark}")
    assert json.loads(body)["data"] == "RETRY" and method.exchange == f"dlx-{mark}-{mark}" and method.routing_key == ""
    assert (properties.content_type, properties.delivery_mode, properties.expiration) == ("text/plain", 2, None)
    death = properties.headers["x-death"][0]
    assert (death["count"], death["reason"], death["queue"], death["original-expiration"]) == (
        1, "rejected", f"{mark}-{mark}", "300000")
    assert broker.depth(f"dlq-{mark}-{mark}") == 0


def test_single_keeps_the_order_although_some_fail(bench, mark):
    seen, lock = [], threading.Lock()

    def handle(request, _):
        value = request.json["data"]
        with lock:
            first = value not in seen
            seen.append(value)
        return reply(500 if first and value % 7 == 0 else 200)

    side = Side(bench, mark, mark, handle, concurrencyMode="single", requeueInFailure="true")
    entries = [{"entryId": str(n), "event": n, "contentType": "application/json"} for n in range(200)]
    assert side.sidecar.post(f"/v1.0/publish/bulk/pubsub/{mark}", entries).status == 204
    side.await_all(range(200))
    done = [value for n, value in enumerate(seen) if value % 7 or value in seen[:n]]
    assert done == list(range(200))


def test_prefetch_bounds_what_is_at_handlers(bench, broker, mark):
    gate = threading.Event()
    bench.stack.callback(gate.set)

    def handle(request, _):
        gate.wait(20)
        return reply(200)

    side = Side(bench, mark, mark, handle, prefetchCount="4")
    for n in range(6):
        side.published(mark, n)
    side.app.wait_for("/t", 4)
    assert broker.depth(f"{mark}-{mark}") == 2 and len(side.came()) == 4
    gate.set()
    side.await_all(range(6))


def test_two_sidecars_of_one_app_share_the_queue(bench, mark):
    one, two = Side(bench, mark, mark), Side(bench, mark, mark)
    for n in range(40):
        one.published(mark, n)
    until(lambda: len(one.came()) + len(two.came()) >= 40, "forty")
    assert sorted(one.came() + two.came()) == list(range(40)) and one.came() and two.came()


# --- Publishing ---

def test_a_bulk_arrives_whole_and_in_order(bench, mark):
    side = Side(bench, mark, mark, concurrencyMode="single")
    entries = [{"entryId": str(n), "event": n, "contentType": "application/json"} for n in range(500)]
    answer = side.sidecar.post(f"/v1.0/publish/bulk/pubsub/{mark}", entries)
    assert answer.status == 204, answer.text
    side.await_all(range(500))
    assert side.came() == list(range(500))


def test_a_bulk_says_which_entry_failed(bench, mark):
    side = Side(bench, mark)
    entries = [{"entryId": str(n), "event": n, "contentType": "application/json",
                "metadata": {"messageID": "x" * 256} if n == 1 else {}} for n in range(3)]
    answer = side.sidecar.post(f"/v1.0/publish/bulk/pubsub/{mark}", entries)
    assert answer.status == 500 and [one["entryId"] for one in answer.json["failedEntries"]] == ["1"], answer.text


def test_an_exchange_that_went_with_its_last_queue_is_made_again(bench, broker, mark):
    side = Side(bench, mark)
    side.published(mark, 1)
    queue = broker.queue(exchange=mark)
    broker.channel.queue_delete(queue)
    until(lambda: not broker.exists("exchange", mark), "the exchange to go")
    side.published(mark, 2)
    assert broker.exists("exchange", mark)


def test_a_message_the_broker_does_not_take_fails(bench, broker, mark):
    side = Side(bench, mark, deletedWhenUnused="false")
    side.published(mark, 0)
    broker.queue(exchange=mark, arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
    side.published(mark, 1)
    answer = side.publish(mark, 2)
    assert answer.status == 500 and "did not take the message" in answer.text
    broker.channel.exchange_delete(mark)


def test_without_confirms(bench, mark):
    side = Side(bench, mark, mark, publisherConfirm="false")
    for n in range(20):
        side.published(mark, n)
    side.await_all(range(20))


# --- Starting ---

@pytest.mark.parametrize("metadata, sentence", [
    ({"connectionString": "http://x"}, "must begin with amqp://"),
    ({"protocol": "amqps"}, "protocol differs"),
    ({"saslExternal": "true"}, "saslExternal needs amqps"),
    ({"caCert": "/etc/ca.pem"}, "caCert is not PEM"),
    ({"exchangeKind": "round"}, "exchangeKind"),
    ({"connectionString": f"amqp://guest:wrong@{ADDRESS}"}, "ACCESS_REFUSED"),
    ({"connectionString": f"amqp://guest:guest@{ADDRESS}/nowhere"}, "vhost nowhere not found"),
    ({"connectionString": "amqp://127.0.0.1:1"}, "connection refused"),
])
def test_a_start_that_cannot_succeed_says_why(bench, metadata, sentence):
    sidecar = bench.sidecar(resources=[bus(**metadata)], ready=False)
    assert sidecar.wait_end() != 0
    assert sidecar.logged(sentence), sidecar.log_tail()
    assert not sidecar.logged("guest:wrong")


def test_single_options_instead_of_a_uri(bench, mark):
    made = component("pubsub", "pubsub.rabbitmq", {"hostname": ADDRESS, "username": "guest", "password": "guest"})
    sidecar = bench.sidecar(resources=[made])
    assert sidecar.post(f"/v1.0/publish/pubsub/{mark}", "1").status == 204


def test_the_features(bench):
    [listed] = [one for one in Side(bench, "features").sidecar.metadata()["components"] if one["name"] == "pubsub"]
    assert listed["capabilities"] == ["MESSAGE_TTL"]


# --- Faults ---

@pytest.fixture
def line():
    made = Tap(int(ADDRESS.split(":")[1]))
    yield made
    made.close()


class Load(threading.Thread):
    """Publishes one number after the other and remembers which were acknowledged."""

    def __init__(self, side, topic):
        super().__init__(daemon=True)
        self.side, self.topic = side, topic
        self.stopped = threading.Event()
        self.taken, self.failures = [], []

    def run(self):
        n = 0
        while not self.stopped.is_set():
            n += 1
            answer = self.side.publish(self.topic, n)
            if answer.status == 204:
                self.taken.append(n)
            else:
                self.failures.append(answer)

    def end(self):
        self.stopped.set()
        self.join(30)
        assert not self.is_alive()


def test_nothing_that_was_taken_is_lost_while_the_line_breaks(bench, line, mark):
    side = Side(bench, mark, mark, address=line.address, reconnectWaitSeconds="100ms", deletedWhenUnused="false")
    load = Load(side, mark)
    load.start()
    for _ in range(8):
        goal = len(load.taken) + 30
        until(lambda: len(load.taken) >= goal, "messages to be taken", 20)
        line.reset()
    line.refuse()
    until(lambda: load.failures, "an error", 20)
    line.open()
    goal = len(load.taken) + 30
    until(lambda: len(load.taken) >= goal, "messages to be taken", 20)
    load.end()
    side.await_all(load.taken, 30)
    side.sidecar.assert_alive()
    for failure in load.failures:
        assert failure.status == 500 and "rabbitmq 127.0.0.1" in failure.text, failure.text


def test_nothing_of_a_bulk_that_was_taken_is_lost_while_the_line_breaks(bench, line, mark):
    side = Side(bench, mark, mark, address=line.address, reconnectWaitSeconds="100ms", deletedWhenUnused="false")
    taken = []
    for first in range(0, 8000, 200):
        entries = [{"entryId": str(n), "event": n, "contentType": "application/json"} for n in range(first, first + 200)]
        line.cut_answer(random.randrange(1, 8000))
        answer = side.sidecar.post(f"/v1.0/publish/bulk/pubsub/{mark}", entries)
        lost = {int(one["entryId"]) for one in answer.json["failedEntries"]} if answer.status != 204 else set()
        taken += [n for n in range(first, first + 200) if n not in lost]
    line.flow()
    assert taken
    side.await_all(taken, 60)
    side.sidecar.assert_alive()


def test_a_silent_broker_is_noticed_by_its_heartbeat(bench, line, mark):
    side = Side(bench, mark, mark, address=line.address, reconnectWaitSeconds="100ms", heartBeat="1s", deletedWhenUnused="false")
    side.published(mark, 1)
    side.await_all([1])
    line.stall()
    answer = side.publish(mark, 2)
    assert answer.status == 500 and "not even a heartbeat" in answer.text
    line.reset()
    line.flow()
    until(lambda: side.publish(mark, 3).status == 204, "the broker to be back", 20)
    side.await_all([3])


@pytest.mark.parametrize("count", [0, 1, 7, 8, 100, 500])
def test_half_a_greeting(bench, line, mark, count):
    line.cut_answer(count)
    sidecar = bench.sidecar(resources=[bus(line.address)], ready=False)
    assert sidecar.wait_end() != 0
    assert sidecar.logged(f"rabbitmq {line.address}: "), sidecar.log_tail()


def test_a_greeting_that_never_comes(bench, line):
    line.stall()
    sidecar = bench.sidecar(resources=[bus(line.address)], ready=False)
    assert sidecar.wait_end() != 0
    assert sidecar.logged("did not finish its greeting"), sidecar.log_tail()


def test_acknowledgements_that_were_lost_bring_the_message_again(bench, line, broker, mark):
    gate = threading.Event()
    bench.stack.callback(gate.set)

    def handle(request, _):
        gate.wait(20)
        return reply(200)

    side = Side(bench, mark, mark, handle, address=line.address, reconnectWaitSeconds="100ms", deletedWhenUnused="false")
    side.published(mark, 1)
    side.app.wait_for("/t", 1)
    line.reset()
    side.app.wait_for("/t", 2, seconds=20)
    gate.set()
    until(lambda: broker.depth(f"{mark}-{mark}") == 0, "the queue to be empty")
    side.published(mark, 2)
    side.await_all([2])
    broker.channel.queue_delete(f"{mark}-{mark}")


def test_a_queue_deleted_under_it_is_made_again(bench, broker, mark):
    side = Side(bench, mark, mark, reconnectWaitSeconds="100ms")
    broker.channel.queue_delete(f"{mark}-{mark}")
    side.sidecar.wait_log("its queue is declared again: the queue is gone")
    until(lambda: broker.exists("queue", f"{mark}-{mark}"), "the queue to be there")
    side.published(mark, 1)
    side.await_all([1])


def test_a_handler_cut_by_the_end_of_the_process(bench, broker, mark):
    gate = threading.Event()
    bench.stack.callback(gate.set)

    def handle(request, _):
        gate.wait(30)
        return reply(200)

    side = Side(bench, mark, mark, handle, deletedWhenUnused="false", flags={"dapr-graceful-shutdown-seconds": "1"})
    side.published(mark, 1)
    side.app.wait_for("/t", 1)
    side.sidecar.signal(signal.SIGTERM)
    side.sidecar.wait_end()
    until(lambda: broker.depth(f"{mark}-{mark}") == 1, "the message to be back in the queue")
    broker.channel.queue_delete(f"{mark}-{mark}")


# --- A broker of its own ---

@pytest.fixture(scope="module")
def own():
    made = Service("rabbitmq")
    yield made
    made.stop()


def control(service, *words):
    done = subprocess.run([service.script, *words[:1], service.folder, *words[1:]], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_killed_broker_keeps_what_was_confirmed(bench, own, mark):
    side = Side(bench, mark, address=own.address, reconnectWaitSeconds="200ms", deletedWhenUnused="false", deliveryMode="2")
    listener = Side(bench, f"l{mark}", mark, address=own.address, reconnectWaitSeconds="200ms", deletedWhenUnused="false",
                    deliveryMode="2")
    load = Load(side, mark)
    load.start()
    until(lambda: len(load.taken) >= 50, "messages to be taken", 20)
    control(own, "kill")
    until(lambda: load.failures, "an error", 20)
    control(own, "again")
    goal = len(load.taken) + 50
    until(lambda: len(load.taken) >= goal, "messages to be taken", 30)
    load.end()
    listener.await_all(load.taken, 30)
    assert side.sidecar.logged("has lost its product: rabbitmq 127.0.0.1")
    assert side.sidecar.logged("has reached its product again")


def test_an_alarm_holds_publishers_and_lets_consumers_go_on(bench, own, mark):
    side = Side(bench, mark, mark, address=own.address)
    side.published(mark, 1)
    side.await_all([1])
    control(own, "ctl", "set_vm_memory_high_watermark", "0.00001")
    try:
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(side.publish(mark, 2)), daemon=True)
        waiting.start()
        side.sidecar.wait_log("takes no messages for now", 60)
        assert not answers
    finally:
        control(own, "ctl", "set_vm_memory_high_watermark", "absolute", "512MB")
    waiting.join(30)
    assert answers[0].status == 204
    side.await_all([2])


def test_an_alarm_does_not_keep_the_process_from_leaving(bench, own, mark):
    side = Side(bench, mark, address=own.address)
    side.published(mark, 1)
    control(own, "ctl", "set_vm_memory_high_watermark", "0.00001")
    try:
        threading.Thread(target=lambda: side.publish(mark, 2), daemon=True).start()
        side.sidecar.wait_log("takes no messages for now", 60)
        side.sidecar.signal(signal.SIGTERM)
        side.sidecar.wait_end()
    finally:
        control(own, "ctl", "set_vm_memory_high_watermark", "absolute", "512MB")
