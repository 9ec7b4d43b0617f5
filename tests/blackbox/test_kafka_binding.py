"""bindings.kafka against a real broker, seen by a client of its own as well (contract, components 2.6 and 6.9): what a
record looks like both ways, several topics, groups, what failed, and a broker that breaks."""

import signal
import threading
import uuid

import pytest

from harness.app import App, reply
from harness.ports import free_port
from harness.resources import component
from harness.wait import until
from test_kafka import PATIENCE, broker  # noqa: F401

kafka = pytest.importorskip("kafka")
pytestmark = pytest.mark.patient


@pytest.fixture
def mark():
    return uuid.uuid4().hex[:8]


@pytest.fixture
def client(broker):  # noqa: F811
    made = kafka.KafkaProducer(bootstrap_servers=broker.address)
    yield made
    made.close()


def put(client, topic, value, key=None, headers=(), partition=None):
    return client.send(topic, value, key=key, headers=list(headers), partition=partition).get(PATIENCE)


def records(broker, topic, count):  # noqa: F811
    """The first ones of partition 0."""
    reader = kafka.KafkaConsumer(bootstrap_servers=broker.address, enable_auto_commit=False, consumer_timeout_ms=1000 * PATIENCE)
    try:
        reader.assign([kafka.TopicPartition(topic, 0)])
        reader.seek_to_beginning()
        found = []
        for one in reader:
            found.append(one)
            if len(found) == count:
                return found
        raise AssertionError(f"{len(found)} of {count} records")
    finally:
        reader.close()


class Side:
    """A sidecar with the binding `b`, and perhaps an app that takes its events at /b."""

    def __init__(self, bench, broker, answers=None, app_id=None, address=None, **metadata):
        self.app = None
        if answers is not None:
            self.app = App()
            self.app.route("/b", answers)
            self.app.start()
            bench.stack.callback(self.app.stop)
        given = {"brokers": address or broker.address, "authType": "none", "initialOffset": "oldest", "backOffDuration": "100ms",
                 **metadata}
        self.sidecar = bench.sidecar(app=self.app, app_id=app_id, resources=[component("b", "bindings.kafka", given)])

    def create(self, data, metadata=None, operation="create"):
        return self.sidecar.post("/v1.0/bindings/b", {"data": data, "operation": operation, "metadata": metadata or {}})

    def created(self, data, metadata=None):
        answer = self.create(data, metadata)
        assert answer.status == 204, answer.text

    def came(self):
        return [one for one in self.app.requests("/b") if one.method == "POST"]

    def await_bodies(self, *wanted, seconds=PATIENCE):
        until(lambda: set(wanted) <= {one.body for one in self.came()},
              lambda: f"{wanted}; came {[one.body for one in self.came()]}", seconds)


# --- Output ---

def test_what_a_created_record_looks_like(bench, broker, mark):  # noqa: F811
    side = Side(bench, broker, publishTopic=mark)
    side.created({"n": 1}, {"key": "kk", "partitionKey": "pk", "x": "y"})
    side.created("text")
    first, second = records(broker, mark, 2)
    headers = dict(first.headers)
    assert headers.pop("traceparent").startswith(b"00-")
    headers.pop("tracestate", None)
    assert (first.key, first.value.replace(b" ", b""), headers) == (
        b"pk", b'{"n":1}', {"key": b"kk", "partitionKey": b"pk", "x": b"y"})
    assert (second.key, second.value) == (None, b'"text"')


def test_the_names_of_the_key_count_to_the_letter(bench, broker, mark):  # noqa: F811
    side = Side(bench, broker, publishTopic=mark)
    side.created(1, {"partitionkey": "no", "__KEY": "no"})
    side.created(2, {"__key": "yes"})
    assert [one.key for one in records(broker, mark, 2)] == [None, b"yes"]


def test_null_is_a_tombstone(bench, broker, mark):  # noqa: F811
    side = Side(bench, broker, publishTopic=mark)
    side.created(None, {"partitionKey": "gone"})
    [one] = records(broker, mark, 1)
    assert (one.key, one.value) == (b"gone", None)


def test_only_create(bench, broker, mark):  # noqa: F811
    answer = Side(bench, broker, publishTopic=mark).create(1, operation="get")
    assert answer.status in (400, 500) and "create" in answer.text


def test_without_a_topic_nothing_is_created(bench, broker, mark):  # noqa: F811
    answer = Side(bench, broker).create(1)
    assert answer.status >= 400 and "publishTopic" in answer.text


# --- Input ---

def test_another_clients_record_arrives(bench, broker, client, mark):  # noqa: F811
    side = Side(bench, broker, reply(200), consumerGroup=mark, topics=mark)
    sent = put(client, mark, b"\x00bytes\xff", key=b"k1", headers=[("x", b"y")])
    side.await_bodies(b"\x00bytes\xff")
    [came] = side.came()
    assert (came.header("__key"), came.header("X")) == ("k1", "y")
    assert (came.header("__topic"), came.header("__offset"), came.header("__partition")) == (
        mark, str(sent.offset), str(sent.partition))
    assert len(came.header("__timestamp")) == 13


def test_a_tombstone_arrives_as_null(bench, broker, client, mark):  # noqa: F811
    side = Side(bench, broker, reply(200), consumerGroup=mark, topics=mark)
    put(client, mark, None, key=b"k")
    side.await_bodies(b"null")


def test_several_topics(bench, broker, client, mark):  # noqa: F811
    side = Side(bench, broker, reply(200), consumerGroup=mark, topics=f"{mark}a, {mark}b,,{mark}a")
    put(client, mark + "a", b"1")
    put(client, mark + "b", b"2")
    side.await_bodies(b"1", b"2")
    assert sorted(one.header("__topic") for one in side.came()) == [mark + "a", mark + "b"]


def test_without_topics_nothing_is_read_and_that_is_said(bench, broker, mark):  # noqa: F811
    side = Side(bench, broker, reply(200), publishTopic=mark)
    side.sidecar.wait_log("there are no topics: nothing is read")
    side.created(1)
    side.sidecar.stop()
    assert side.came() == []


def test_what_failed_is_skipped(bench, broker, client, mark):  # noqa: F811
    """consumeRetryEnabled is false for a binding."""
    side = Side(bench, broker, [reply(200), reply(500), reply(200)], consumerGroup=mark, topics=mark)
    put(client, mark, b"1"), put(client, mark, b"2")
    side.await_bodies(b"1", b"2")
    assert [one.body for one in side.came()] == [b"1", b"2"]
    side.sidecar.wait_log("could not be handled and is skipped")


def test_with_retry_it_comes_again_before_the_next(bench, broker, client, mark):  # noqa: F811
    side = Side(bench, broker, [reply(200), reply(500), reply(500), reply(200)], consumerGroup=mark, topics=mark,
                consumeRetryEnabled="true")
    put(client, mark, b"1"), put(client, mark, b"2")
    side.await_bodies(b"2")
    assert [one.body for one in side.came()] == [b"1", b"1", b"1", b"2"]


@pytest.mark.differs
def test_the_group_is_the_app_when_none_is_named(bench, broker, client, mark):  # noqa: F811
    app = f"app-{mark}"
    side = Side(bench, broker, reply(200), app_id=app, topics=mark)
    put(client, mark, b"1")
    side.await_bodies(b"1")
    side.sidecar.stop()
    again = Side(bench, broker, reply(200), app_id=app, topics=mark)
    put(client, mark, b"2")
    again.await_bodies(b"2")
    assert [one.body for one in again.came()] == [b"2"]


# --- The process ends, the broker breaks ---

def test_what_the_app_holds_at_a_kill_comes_again(bench, broker, client, mark):  # noqa: F811
    arrived, go = threading.Event(), threading.Event()

    def hold(request, sock):
        if request.method == "POST":
            arrived.set()
            go.wait(60)
        return reply(200)
    side = Side(bench, broker, hold, consumerGroup=mark, topics=mark)
    put(client, mark, b"held")
    assert arrived.wait(PATIENCE)
    side.sidecar.signal(signal.SIGKILL)
    side.sidecar.process.wait(10)
    go.set()
    Side(bench, broker, reply(200), consumerGroup=mark, topics=mark).await_bodies(b"held", seconds=60)


def test_start_without_a_broker_fails_in_words(bench, mark):
    made = component("b", "bindings.kafka", {"brokers": f"127.0.0.1:{free_port()}", "authType": "none", "topics": mark})
    sidecar = bench.sidecar(ready=False, resources=[made])
    assert sidecar.wait_end(20) == 1
    assert sidecar.logged("can be reached")


def test_a_broker_that_comes_back(bench, broker, mark):  # noqa: F811
    side = Side(bench, broker, reply(200), consumerGroup=mark, topics=mark, publishTopic=mark, writeTimeout="2s")
    side.created("before")
    side.await_bodies(b'"before"')
    broker.halt()
    assert side.create("lost").status >= 400
    broker.back()
    until(lambda: side.create("after").status == 204, "the broker's return", PATIENCE)
    side.await_bodies(b'"after"', seconds=60)
