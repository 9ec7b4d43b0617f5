"""bindings.rabbitmq against a real broker, seen by a client of its own as well (contract, components 2.7, 6.10 and
6.16): what is declared, what messages look like both ways, redelivery, and what happens when the line breaks."""

import threading

import pytest

from harness.app import App, reply
from harness.resources import component
from harness.wait import until
from test_rabbitmq import ADDRESS, Broker, broker, line, mark, pika, pytestmark  # noqa: F401


def binding(name="rabbit", address=ADDRESS, **metadata):
    return component(name, "bindings.rabbitmq", {"host": f"amqp://guest:guest@{address}", "queueName": name, **metadata})


class Side:
    """A sidecar with the binding `name`, and perhaps an app that takes its events at /name."""

    def __init__(self, bench, name, answers=None, address=ADDRESS, **metadata):
        self.name, self.app = name, None
        if answers is not None:
            self.app = App()
            self.app.route(f"/{name}", answers)
            self.app.start()
            bench.stack.callback(self.app.stop)
        self.sidecar = bench.sidecar(app=self.app, resources=[binding(name, address, **metadata)])

    def create(self, data, metadata=None, operation="create"):
        return self.sidecar.post(f"/v1.0/bindings/{self.name}", {"data": data, "operation": operation, "metadata": metadata or {}})

    def created(self, data, metadata=None):
        answer = self.create(data, metadata)
        assert answer.status == 204, answer.text

    def came(self):
        return [one for one in self.app.requests(f"/{self.name}") if one.method == "POST"]


def test_the_queue_is_declared_without_arguments(bench, broker, mark):
    Side(bench, mark)
    broker.channel.queue_declare(mark, arguments={})
    broker.channel.queue_delete(mark)


def test_options_at_the_broker(bench, broker, mark):
    Side(bench, mark, durable="true", ttlInSeconds="60", maxPriority="300")
    broker.channel.queue_declare(mark, durable=True, arguments={"x-message-ttl": 60000, "x-max-priority": 255})
    broker.channel.queue_delete(mark)


def test_a_queue_that_is_there_with_other_arguments_is_refused_in_words(bench, broker, mark):
    broker.channel.queue_declare(mark, durable=True)
    sidecar = bench.sidecar(resources=[binding(mark)], ready=False)
    assert sidecar.wait_end() != 0
    assert sidecar.logged("PRECONDITION_FAILED - inequivalent arg 'durable' for queue")
    broker.channel.queue_delete(mark)


def test_what_a_created_message_looks_like(bench, broker, mark):
    side = Side(bench, mark)
    side.created({"a": 1.5}, {"ttlInSeconds": "60", "x": "y", "priority": "2", "contentType": "a/b", "messageID": "m1",
                              "correlationID": "c1", "type": "t1"})
    method, properties, body = broker.get(mark)
    assert body.replace(b" ", b"") == b'{"a":1.5}' and method.exchange == "" and method.routing_key == mark
    assert (properties.type, properties.message_id, properties.correlation_id, properties.expiration, properties.priority,
            properties.delivery_mode, properties.content_type) == ("t1", "m1", "c1", "60000", 2, 2, "a/b")
    headers = dict(properties.headers)
    assert headers.pop("traceparent", "").startswith("00-")
    assert {k: v for k, v in headers.items() if k != "tracestate"} == {
        "contentType": "a/b", "correlationID": "c1", "messageID": "m1", "priority": "2", "ttlInSeconds": "60", "type": "t1", "x": "y"}
    broker.channel.queue_delete(mark)


def test_a_message_without_metadata(bench, broker, mark):
    side = Side(bench, mark)
    side.created("text")
    _, properties, body = broker.get(mark)
    assert body == b'"text"' and (properties.content_type, properties.expiration, properties.priority) == ("text/plain", None, None)
    broker.channel.queue_delete(mark)


def test_an_operation_that_is_none(bench, broker, mark):
    answer = Side(bench, mark).create(1, operation="bogus")
    assert answer.status in (400, 500) and "create" in answer.text
    broker.channel.queue_delete(mark)


def test_another_clients_message_arrives_with_its_text_headers(bench, broker, mark):
    side = Side(bench, mark, reply(200))
    broker.channel.basic_publish("", mark, b"\x00bytes\xff", pika.BasicProperties(
        headers={"text": "x y", "a b/c": "1", "number": 7, "table": {"a": 1}}))
    until(side.came, "the event")
    [came] = side.came()
    assert came.body == b"\x00bytes\xff"
    assert came.header("Text") == "x y" and came.header("A+b%2Fc") == "1"
    assert came.header("Number") is None and came.header("Table") is None
    until(lambda: broker.depth(mark) == 0, "the queue to be empty")


def test_what_a_handler_fails_on_comes_again(bench, broker, mark):
    side = Side(bench, mark, [reply(200), reply(500), reply(500), reply(200)], deleteWhenUnused="true")
    side.created(1)
    until(lambda: len(side.came()) >= 3, lambda: f"three; came {len(side.came())}")
    side.created(2)
    until(lambda: side.came()[-1].body == b"2", "the next")
    assert [one.body for one in side.came()] == [b"1"] * (len(side.came()) - 1) + [b"2"]


def test_a_queue_that_is_gone_is_made_again_with_the_message(bench, broker, mark):
    side = Side(bench, mark)
    side.created(1)
    broker.channel.queue_delete(mark)
    side.created(2)
    side.created(3)
    assert [broker.get(mark)[2], broker.get(mark)[2]] == [b"2", b"3"]
    broker.channel.queue_delete(mark)


def test_an_exclusive_queue_is_written_and_read_over_one_connection(bench, broker, mark):
    side = Side(bench, mark, reply(200), exclusive="true")
    side.created(1)
    until(lambda: [one.body for one in side.came()] == [b"1"], "the event")
    side.sidecar.stop()
    until(lambda: not broker.exists("queue", mark), "the queue to go")


@pytest.mark.parametrize("metadata, sentence", [
    ({"host": "localhost"}, "must begin with amqp://"),
    ({"host": "amqp://127.0.0.1:1"}, "connection refused"),
    ({"queueName": "q" * 256}, "queueName has more than 255 bytes"),
    ({"externalSasl": "true"}, "saslExternal needs amqps"),
    ({"saslExternal": "true"}, "saslExternal needs amqps"),
])
def test_a_start_that_cannot_succeed_says_why(bench, metadata, sentence):
    sidecar = bench.sidecar(resources=[binding(**metadata)], ready=False)
    assert sidecar.wait_end() != 0
    assert sidecar.logged(sentence), sidecar.log_tail()


def test_nothing_that_was_created_is_lost_while_the_line_breaks(bench, line, broker, mark):
    side = Side(bench, mark, reply(200), address=line.address, reconnectWaitInSeconds="100ms", durable="true")
    taken, stopped = [], threading.Event()

    def create():
        n = 0
        while not stopped.is_set():
            n += 1
            if side.create(n).status == 204:
                taken.append(n)

    worker = threading.Thread(target=create, daemon=True)
    worker.start()
    for _ in range(6):
        goal = len(taken) + 30
        until(lambda: len(taken) >= goal, "messages to be taken", 20)
        line.reset()
    goal = len(taken) + 30
    until(lambda: len(taken) >= goal, "messages to be taken", 20)
    stopped.set()
    worker.join(30)
    until(lambda: set(taken) <= {int(one.body) for one in side.came()}, "all that was taken", 20)
    broker.channel.queue_delete(mark)
