"""Streams of clients while Redis, the client or the sidecar fails: nothing acknowledged comes again, nothing else is
lost, and nobody waits for ever."""

import signal

import pytest

from harness import rpc
from harness.pubsub import Scene
from harness.resources import component
from harness.topic_stream import connect, open
from harness.wait import until

pytest.importorskip("redis")
from test_redis_faults import Server  # noqa: E402

QUICK = {"processingTimeout": "300ms", "redeliverInterval": "100ms"}


@pytest.fixture
def server():
    made = Server().start()
    yield made
    made.stop()


@pytest.fixture
def scene(bench, server):
    return started(bench, server)


def started(bench, server, **flags):
    made = Scene(bench, "pubsub.in-memory")
    made.sidecar = bench.sidecar(app_id="mine", flags={"loops": 3, **flags}, resources=[
        component("pubsub", "pubsub.redis", {"redisHost": server.address, **QUICK})])
    made.dapr = rpc.Dapr(made.sidecar.grpc)
    bench.stack.callback(made.dapr.close)
    return made


def publish(scene, n):
    def taken():
        try:
            scene.dapr.PublishEvent(pubsub_name="pubsub", topic="t", data=b"%d" % n, data_content_type="text/plain",
                                    call={"timeout": 5})
            return True
        except rpc.Failure:
            return False
    until(taken, f"message {n} at the broker")


def pending(server):
    return server.client().xpending("t", "mine")["pending"]


def test_the_answer_comes_once_the_subscription_runs(server, scene):
    server.kill()
    stream = connect(scene).begin("t")
    until(lambda: scene.log_has("subscribing to topic 't' on pubsub 'pubsub'"), "the attempt")
    assert not stream.responses and stream.failure() is None
    server.start()
    stream.wait_begun()
    publish(scene, 1)
    stream.answer(stream.wait()[0].id)
    until(lambda: pending(server) == 0, "the acknowledgement")


def test_closing_while_subscribing(server, scene):
    server.kill()
    stream = connect(scene).begin("t")
    until(lambda: scene.log_has("subscribing to topic 't' on pubsub 'pubsub'"), "the attempt")
    scene.sidecar.signal(2)
    stream.ended("INVALID_ARGUMENT", "failed deserializing metadata. Error: subscriber is closed")
    assert scene.sidecar.wait_end() == 0


def test_a_client_that_goes_while_subscribing(server, scene):
    server.kill()
    stream = connect(scene).begin("t")
    until(lambda: scene.log_has("subscribing to topic 't' on pubsub 'pubsub'"), "the attempt")
    stream.cancel()
    server.start()
    assert open(scene, "t").failure() is None
    until(lambda: len(scene.sidecar.metadata()["subscriptions"]) == 1, "one subscription")


def test_a_stream_outlives_a_killed_server(server, scene):
    stream = open(scene, "t")
    seen = set()

    def drain():
        for event in stream.events:
            if event.id not in seen:
                seen.add(event.id)
            stream.answer(event.id)
        return {int(one.data) for one in stream.events}

    for n in range(40):
        if n in (15, 30):
            server.kill()
            server.start()
        publish(scene, n)
        drain()
    until(lambda: drain() == set(range(40)), lambda: f"all messages, there are {sorted(drain())}")
    until(lambda: drain() and pending(server) == 0, "acknowledgements")
    assert stream.failure() is None


def test_what_was_acknowledged_does_not_come_again(server, scene):
    stream = open(scene, "t")
    for n in range(30):
        publish(scene, n)
        stream.answer(stream.wait(n + 1)[n].id)
    until(lambda: pending(server) == 0, "acknowledgements")
    stream.cancel()
    second = open(scene, "t")
    publish(scene, 99)
    second.answer(second.wait()[0].id)
    assert [one.data for one in second.events] == [b"99"]


def test_a_killed_sidecar_leaves_its_messages_to_the_next(bench, server, scene):
    stream = open(scene, "t")
    for n in range(3):
        publish(scene, n)
    events = stream.wait(3)
    stream.answer(next(one.id for one in events if one.data == b"1"))
    until(lambda: pending(server) == 2, "one acknowledgement")
    scene.sidecar.signal(signal.SIGKILL)
    scene.sidecar.wait_end()
    stream.ended("UNAVAILABLE")
    second = open(started(bench, server), "t")

    def heard():
        for event in second.events:
            second.answer(event.id)
        return {one.data for one in second.events} == {b"0", b"2"}
    until(heard, "the two that nobody acknowledged")
    until(lambda: pending(server) == 0, "their acknowledgements")


def test_messages_that_a_client_did_not_answer_are_held_at_the_end(bench, server, scene):
    """An event that was withheld, and one whose client went, are neither acknowledged nor lost."""
    stream = open(scene, "t")
    publish(scene, 0)
    event = stream.wait()[0]
    scene.sidecar.signal(2)
    until(lambda: scene.log_has("Dapr is shutting down"), "the shutdown")
    stream.cancel()
    assert scene.sidecar.wait_end() == 0
    assert pending(server) == 1
    second = open(started(bench, server), "t")
    again = second.wait()[0]
    assert again.id == event.id
