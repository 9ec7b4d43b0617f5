"""SubscribeTopicEventsAlpha1 (contract grpc-api 3.3, 9.2 stream/*): a client hears a topic over a stream of its own.
Tests are named after the rows of the contract's tables."""

import contextlib
import json
import os
import socket
import threading

import pytest

from harness import metrics, rpc
from harness.admin import Admin
from harness.app import reply
from harness.pubsub import BROKERS, UUID, Scene, broker_component, entry
from harness.resources import subscription, text_of
from harness.rpc import Failure, error_info
from harness.topic_stream import DROP, RETRY, SUCCESS, connect, open
from harness.wait import until

LOOPS = {"loops": 3}
needs_redis = pytest.mark.skipif(len(BROKERS) < 2, reason="without Redis")
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02"


@pytest.fixture(params=BROKERS)
def scene(request, bench):
    return Scene(bench, request.param)


@pytest.fixture
def memory(bench):
    return Scene(bench, "pubsub.in-memory")


def lonely(scene, resources=(), flags=None, **metadata):
    """A sidecar without an app."""
    scene.start(app=False, resources=resources, metadata=metadata, flags={**LOOPS, **(flags or {})})
    scene.dapr = rpc.Dapr(scene.sidecar.grpc)
    scene.bench.stack.callback(scene.dapr.close)
    return scene


def publish(scene, topic, data=b"{}", type="application/json", **more):
    scene.dapr.PublishEvent(pubsub_name="pubsub", topic=topic, data=data, data_content_type=type, **more)


def streaming(scene):
    return [one for one in scene.sidecar.metadata().get("subscriptions", []) if one["type"] == "STREAMING"]


def attributes(event):
    """The extensions in Python's words."""
    def plain(value):
        kind = value.WhichOneof("kind")
        if kind == "struct_value":
            return {key: plain(one) for key, one in value.struct_value.fields.items()}
        if kind == "list_value":
            return [plain(one) for one in value.list_value.values]
        return None if kind == "null_value" else getattr(value, kind)
    return {key: plain(one) for key, one in event.extensions.fields.items()}


def count(scene, topic, process, status):
    return metrics.value(scene.sidecar, "dapr_component_pubsub_ingress_count", topic=topic, process_status=process,
                         status=status)


# --- The first message and its answer ---

@pytest.mark.quick
def test_the_answer_is_an_initial_response(scene):
    topic = scene.topic("t")
    stream = open(lonely(scene), topic)
    publish(scene, topic, b'{"a":1}')
    [event] = stream.wait()
    assert UUID.fullmatch(event.id) and event.data == b'{"a":1}'
    stream.answer(event.id)
    publish(scene, topic, b'{"a":2}')
    assert [one.data for one in stream.wait(2)] == [b'{"a":1}', b'{"a":2}']


def test_half_close_before_the_first_message(memory):
    stream = connect(lonely(memory))
    stream.half_close()
    stream.ended("UNKNOWN", "EOF")


def test_the_first_message_is_not_initial(memory):
    stream = connect(lonely(memory))
    stream.answer("1")
    stream.ended("UNKNOWN", "initial request is required")


def test_an_empty_pubsub(memory):
    connect(lonely(memory)).begin("t", "").ended("UNKNOWN", "pubsubName is required")


def test_an_empty_topic(memory):
    connect(lonely(memory)).begin("").ended("UNKNOWN", "topic is required")


def test_an_unknown_pubsub(memory):
    connect(lonely(memory)).begin("t", "absent").ended("INVALID_ARGUMENT", "pubsub absent is not found",
                                                       [error_info("DAPR_PUBSUB_NOT_FOUND")])
    assert streaming(memory) == []


@pytest.mark.parametrize("scopes", [{"subscriptionScopes": "caller=other"}, {"allowedTopics": "other"}])
def test_a_topic_that_is_not_allowed(memory, scopes):
    connect(lonely(memory, **scopes)).begin("t").ended(
        "UNKNOWN", "failed to create subscription for pubsub: subscription to topic 't' on pubsub 'pubsub' is not allowed")
    assert streaming(memory) == []


@needs_redis
def test_a_broker_that_refuses(bench):
    """The key of the topic is no stream."""
    scene = Scene(bench, "pubsub.redis")
    topic = scene.topic("t")
    host, port = os.environ["TEST_REDIS"].rsplit(":", 1)
    with socket.create_connection((host, int(port))) as redis:
        redis.sendall(f"SET {topic} 1\r\n".encode())
        assert redis.recv(100) == b"+OK\r\n"
    failure = connect(lonely(scene)).begin(topic).ended("UNKNOWN")
    assert failure.message.startswith("failed to create subscription for pubsub: ") and "WRONGTYPE" in failure.message
    assert failure.details == []


def test_a_second_initial_request(memory):
    open(lonely(memory), "t").begin("t").ended("UNKNOWN", "duplicate initial request received")
    until(lambda: not streaming(memory), "the end of the subscription")


def test_a_message_that_says_nothing(memory):
    stream = open(lonely(memory), "t")
    stream.send()
    stream.ended("UNKNOWN", "duplicate initial request received")


def test_bytes_that_are_no_message(memory):
    stream = connect(lonely(memory))
    stream.call.cancel()
    broken = stream.dapr.channel.stream_stream(stream.method.path)(iter([b"\x0a\xff"]), timeout=10)
    with pytest.raises(Exception) as caught:
        next(broken)
    assert caught.value.code().name == "INTERNAL"
    assert caught.value.details().startswith("grpc: error unmarshalling request: ")


def test_the_lists_and_the_token(memory):
    memory.start(app=False, env={"DAPR_API_TOKEN": "secret"},
                 config={"api": {"allowed": [{"name": "subscribe", "version": "v1alpha1", "protocol": "grpc"}]}})
    connect(memory).begin("t").ended("UNAUTHENTICATED")
    connect(memory, metadata=[("dapr-api-token", "secret")]).begin("t").wait_begun()


def test_a_list_that_denies_it(memory):
    memory.start(app=False, config={"api": {"denied": [{"name": "subscribe", "version": "v1alpha1", "protocol": "grpc"}]}})
    connect(memory).begin("t").ended("UNIMPLEMENTED")


# --- The event ---

@pytest.mark.quick
def test_what_an_event_message_says(memory):
    stream = open(lonely(memory), "t")
    publish(memory, "t", b'{"b":1.50,"a":"<x>"}', metadata={"cloudevent.id": "I", "cloudevent.source": "S",
                                                            "cloudevent.type": "T", "cloudevent.subject": "J"})
    [event] = stream.wait()
    assert (event.id, event.source, event.type, event.spec_version) == ("I", "S", "T", "1.0")
    assert (event.topic, event.pubsub_name, event.path) == ("t", "pubsub", "/")
    assert event.data_content_type == "application/json" and event.data == b'{"a":"\\u003cx\\u003e","b":1.50}'
    found = attributes(event)
    assert found.pop("time") and found == {"topic": "t", "pubsubname": "pubsub", "subject": "J", "traceid": "",
                                           "traceparent": "", "tracestate": ""}


@pytest.mark.parametrize("type,sent,came", [
    ("text/plain", b"hello", b"hello"), ("", b"hello", b"hello"), ("text/x; charset=utf-8", b"<>", b"<>"),
    ("application/json", b'"text"', b'"text"'), ("application/json", b"5", b"5"), ("application/json", b"null", b"null"),
    ("application/octet-stream", b"\0\xff", b"\0\xff"), ("application/octet-stream", b"", b""),
    ("foo/bar", b"x", b""), ("text/plain", b"", b"")])
def test_the_data_of_an_event_by_its_content_type(memory, type, sent, came):
    stream = open(lonely(memory), "t")
    publish(memory, "t", sent, type)
    [event] = stream.wait()
    assert event.data == came and event.data_content_type == (type or "text/plain")


def test_other_attributes_are_extensions(memory):
    stream = open(lonely(memory), "t")
    publish(memory, "t", json.dumps({
        "id": "1", "own": [1, 2.5, "x", None, True, {"deep": {"a": []}}], "datacontenttype": "text/plain", "data": "D",
        "source": "S", "type": "T", "specversion": "1.0", "time": "now"}).encode(), "application/cloudevents+json")
    [event] = stream.wait()
    assert event.data == b"D" and (event.id, event.source, event.type) == ("1", "S", "T")
    found = attributes(event)
    assert found["own"] == [1, 2.5, "x", None, True, {"deep": {"a": []}}] and found["time"] == "now"
    assert not {"id", "source", "datacontenttype", "type", "specversion", "data", "data_base64"} & set(found)


@pytest.mark.differs
def test_data_of_an_event_that_names_no_type_is_json(memory):
    stream = open(lonely(memory), "t")
    publish(memory, "t", b'{"id":"1","data":{"a":1}}', "application/cloudevents+json")
    [event] = stream.wait()
    assert event.data == b'{"a":1}' and event.data_content_type == ""


@pytest.mark.parametrize("value", [7, True, {"a": 1}, None])
def test_traces_that_are_no_text(memory, value):
    stream = open(lonely(memory), "t")
    publish(memory, "t", json.dumps({"id": "1", "traceid": value, "traceparent": value}).encode(),
            "application/cloudevents+json")
    assert attributes(stream.wait()[0])["traceid"] == value


def test_attributes_that_are_no_text_are_empty(memory):
    stream = open(lonely(memory), "t")
    publish(memory, "t", b'{"id":7,"source":null,"type":{},"data":"x","datacontenttype":"text/plain"}',
            "application/cloudevents+json")
    [event] = stream.wait()
    assert (event.id, event.source, event.type, event.data) == ("", "", "", b"x")


def test_base64_that_is_none_is_a_failure(memory):
    stream = open(lonely(memory), "t", dead_letter_topic="dead")
    dead = open(memory, "dead", metadata={"rawPayload": "true"})
    publish(memory, "t", b'{"id":"1","data_base64":"?"}', "application/cloudevents+json")
    assert json.loads(dead.wait()[0].data)["data_base64"] == "?"
    assert not stream.events


def test_raw_bytes_are_wrapped(scene):
    topic = scene.topic("t")
    stream = open(lonely(scene), topic, metadata={"rawPayload": "true"})
    publish(scene, topic, b"\0\1", metadata={"rawPayload": "true"})
    [event] = stream.wait()
    assert event.data == b"\0\1" and event.data_content_type == "application/octet-stream"
    assert event.type == "com.dapr.event.sent" and event.source == "Dapr" and UUID.fullmatch(event.id)


def test_an_envelope_is_data_where_raw_bytes_are_expected(memory):
    stream = open(lonely(memory), "t", metadata={"rawPayload": "true"})
    publish(memory, "t", b'{"a":1}')
    [event] = stream.wait()
    assert json.loads(event.data)["data"] == {"a": 1} and event.data_content_type == "application/octet-stream"


def test_an_expired_event_does_not_come(memory):
    stream = open(lonely(memory), "t")
    publish(memory, "t", b"1", metadata={"ttlInSeconds": "0"})
    publish(memory, "t", b"2")
    assert [one.data for one in stream.wait()] == [b"2"]


def test_large_events(scene):
    topic = scene.topic("t")
    stream = open(lonely(scene), topic)
    text = b"x" * (3 << 20)
    publish(scene, topic, text, "text/plain")
    assert stream.wait()[0].data == text


def test_bulk_publishes_arrive_one_by_one(scene):
    topic = scene.topic("t")
    stream = open(lonely(scene), topic)
    scene.dapr.BulkPublishEvent(pubsub_name="pubsub", topic=topic, entries=[
        {"entry_id": str(n), "event": str(n).encode(), "content_type": "text/plain"} for n in range(4)])
    for n in range(4):
        stream.answer(stream.wait(n + 1)[n].id)
    assert sorted(one.data for one in stream.events) == [b"0", b"1", b"2", b"3"]


# --- The acknowledgement ---

def test_success_acknowledges(memory):
    stream = open(lonely(memory), "t")
    publish(memory, "t")
    stream.answer(stream.wait()[0].id, SUCCESS)
    until(lambda: count(memory, "t", "success", "success") == 1, "the count")


def test_an_answer_without_a_status_acknowledges(memory):
    stream = open(lonely(memory), "t")
    publish(memory, "t")
    stream.send(event_processed={"id": stream.wait()[0].id})
    until(lambda: count(memory, "t", "success", "success") == 1, "the count")


@pytest.mark.parametrize("status", [RETRY, 7, -1])
def test_retry_and_unknown_numbers_go_to_the_dead_letter_topic(scene, status):
    topic, dead = scene.topic("t"), scene.topic("dead")
    stream = open(lonely(scene), topic, dead_letter_topic=dead)
    grave = open(scene, dead)
    publish(scene, topic, b'{"a":1}')
    id = stream.wait()[0].id
    stream.answer(id, status)
    [buried] = grave.wait()
    assert buried.id == id and buried.data == b'{"a":1}' and attributes(buried)["topic"] == topic
    grave.answer(buried.id)
    until(lambda: count(scene, topic, "retry", "retry") == 1, "its own count")
    until(lambda: count(scene, topic, "drop", "drop") == 1, "the count of the dead letter")
    publish(scene, topic, b'{"a":2}')
    assert [one.data for one in stream.wait(2)] == [b'{"a":1}', b'{"a":2}']


@pytest.mark.parametrize("status", [RETRY, 7])
def test_without_a_dead_letter_topic_retry_goes_back_to_the_broker(memory, status):
    stream = open(lonely(memory), "t")
    publish(memory, "t", b"1")
    publish(memory, "t", b"2")
    stream.answer(stream.wait()[0].id, status)
    assert [one.data for one in stream.wait(2)] == [b"1", b"2"]     # this one does not redeliver


@needs_redis
def test_retry_redelivers_the_same_id(bench):
    scene = Scene(bench, "pubsub.redis")
    topic = scene.topic("t")
    stream = open(lonely(scene, processingTimeout="300ms", redeliverInterval="100ms"), topic)
    publish(scene, topic)
    stream.answer(stream.wait()[0].id, RETRY)
    first, second = stream.wait(2)
    assert first.id == second.id
    stream.answer(second.id)
    publish(scene, topic)
    assert stream.wait(3)[2].id != first.id


def test_drop_goes_to_the_dead_letter_topic(memory):
    stream = open(lonely(memory), "t", dead_letter_topic="dead")
    grave = open(memory, "dead")
    publish(memory, "t")
    stream.answer(stream.wait()[0].id, DROP)
    assert grave.wait()[0].id == stream.events[0].id


def test_drop_acknowledges_without_one(memory):
    stream = open(lonely(memory), "t")
    publish(memory, "t")
    stream.answer(stream.wait()[0].id, DROP)
    until(lambda: count(memory, "t", "drop", "success") == 1, "the count")


def test_an_unknown_id_is_ignored(memory):
    stream = open(lonely(memory), "t")
    stream.answer("nobody")
    until(lambda: memory.log_has("a streaming subscriber answered for an event that it does not have: nobody"),
          "the error in the log")
    publish(memory, "t")
    stream.answer(stream.wait()[0].id)
    stream.answer(stream.events[0].id)
    publish(memory, "t")
    assert len(stream.wait(2)) == 2


def test_one_stream_cannot_answer_for_another(memory):
    one, other = open(lonely(memory), "a"), open(memory, "b")
    publish(memory, "a", metadata={"cloudevent.id": "same"})
    publish(memory, "b", metadata={"cloudevent.id": "same"})
    one.wait(), other.wait()
    one.answer("same")
    until(lambda: count(memory, "a", "success", "success") == 1, "the count")
    assert count(memory, "b", "success", "success") is None
    other.answer("same")
    until(lambda: count(memory, "b", "success", "success") == 1, "the count")


def test_one_message_at_a_time_from_a_broker_that_delivers_serially(memory):
    stream = open(lonely(memory), "t")
    for n in range(3):
        publish(memory, "t", str(n).encode(), "text/plain")
    stream.wait()
    publish(memory, "other")
    for n in range(3):
        assert [one.data for one in stream.wait(n + 1)] == [str(i).encode() for i in range(n + 1)]
        stream.answer(stream.events[n].id)


def test_ordering_of_1000_messages(memory):
    stream = open(lonely(memory), "t")
    for n in range(1000):
        publish(memory, "t", str(n).encode(), "text/plain")
    for n in range(1000):
        stream.answer(stream.wait(n + 1)[n].id)
    assert [int(one.data) for one in stream.events] == list(range(1000))


def test_an_unacknowledged_message_does_not_block_other_topics(memory):
    stuck, free = open(lonely(memory), "stuck"), open(memory, "free")
    publish(memory, "stuck")
    stuck.wait()
    for n in range(20):
        publish(memory, "free")
        free.answer(free.wait(n + 1)[n].id)


# --- Several streams ---

def test_three_streams_on_one_topic_each_receive_all(memory):
    streams = [open(lonely(memory), "t"), open(memory, "t"), open(memory, "t")]
    for n in range(100):
        publish(memory, "t", str(n).encode(), "text/plain")
    for n in range(100):
        for stream in streams:
            stream.answer(stream.wait(n + 1)[n].id)
    for stream in streams:
        assert [int(one.data) for one in stream.events] == list(range(100))
    assert len(streaming(memory)) == 3


def test_streams_and_the_app_hear_the_same_topic(memory):
    memory.accept("/t").accept("/d").start(entry("t", "/t"), flags=LOOPS)
    memory.dapr = rpc.Dapr(memory.sidecar.grpc)
    memory.bench.stack.callback(memory.dapr.close)
    stream = open(memory, "t")
    publish(memory, "t", b'{"a":1}')
    assert memory.app.wait_one("/t").json["data"] == {"a": 1} and stream.wait()[0].data == b'{"a":1}'
    kinds = [one["type"] for one in memory.sidecar.metadata()["subscriptions"]]
    assert kinds == ["PROGRAMMATIC", "STREAMING"]


def test_many_streams_at_once(memory):
    lonely(memory)
    streams = [connect(memory).begin(f"t{n}") for n in range(60)]
    for stream in streams:
        stream.wait_begun()
    for n in range(60):
        publish(memory, f"t{n}", str(n).encode(), "text/plain")
    for n, stream in enumerate(streams):
        [event] = stream.wait()
        assert event.data == str(n).encode()
        stream.answer(event.id)
    for stream in streams:
        stream.cancel()
    until(lambda: not streaming(memory), "the end of all subscriptions")


# --- Metadata ---

def test_an_entry_for_each_stream(memory):
    lonely(memory)
    first = open(memory, "t", dead_letter_topic="dead", metadata={"a": "<b>"})
    open(memory, "t")
    assert streaming(memory) == [
        {"pubsubname": "pubsub", "topic": "t", "metadata": {"a": "<b>"}, "rules": [{"path": "/"}],
         "deadLetterTopic": "dead", "type": "STREAMING"},
        {"pubsubname": "pubsub", "topic": "t", "rules": [{"path": "/"}], "deadLetterTopic": "", "type": "STREAMING"}]
    first.cancel()
    until(lambda: [one["deadLetterTopic"] for one in streaming(memory)] == [""], "the entry's end")


def test_a_stream_casts_no_shadow(memory):
    memory.accept("/file").start(app=True, flags=LOOPS, resources=[subscription("s", "pubsub", "t", "/file")])
    stream = open(memory, "t")
    memory.published("t", {"n": 1})
    memory.app.wait_one("/file")
    stream.wait()
    assert sorted(one["type"] for one in memory.sidecar.metadata()["subscriptions"]) == ["DECLARATIVE", "STREAMING"]


# --- The end of a stream ---

def test_half_close_ends_in_eof(scene):
    stream = open(lonely(scene), scene.topic("t"))
    stream.half_close()
    stream.ended("UNKNOWN", "EOF")
    until(lambda: not streaming(scene), "the end of the subscription")


def test_cancelling_unsubscribes(scene):
    stream = open(lonely(scene), scene.topic("t"))
    assert len(streaming(scene)) == 1
    stream.cancel()
    until(lambda: not streaming(scene), "the end of the subscription")


def test_a_broken_connection_unsubscribes(scene):
    stream = open(lonely(scene), scene.topic("t"))
    stream.dapr.close()
    until(lambda: not streaming(scene), "the end of the subscription")


def test_a_deadline_ends_it(memory):
    stream = connect(lonely(memory), seconds=1).begin("t").wait_begun()
    stream.ended("DEADLINE_EXCEEDED")
    until(lambda: not streaming(memory), "the end of the subscription")


@needs_redis
@pytest.mark.parametrize("how", ["cancel", "half_close"])
def test_what_was_not_acknowledged_comes_to_the_next_stream(bench, how):
    scene = Scene(bench, "pubsub.redis")
    topic = scene.topic("t")
    first = open(lonely(scene, processingTimeout="300ms", redeliverInterval="100ms"), topic, dead_letter_topic="dead")
    for n in range(3):
        publish(scene, topic, str(n).encode(), "text/plain")
    events = first.wait(3)
    first.answer(next(one.id for one in events if one.data == b"1"))
    until(lambda: count(scene, topic, "success", "success") == 1, "the count")
    getattr(first, how)()
    until(lambda: not streaming(scene), "the end of the subscription")
    second = open(scene, topic)
    assert sorted(one.data for one in second.wait(2)) == [b"0", b"2"]
    assert count(scene, topic, "drop", "drop") is None


@needs_redis
def test_what_was_acknowledged_just_before_the_end_is_acknowledged(bench):
    scene = Scene(bench, "pubsub.redis")
    topic = scene.topic("t")
    lonely(scene)
    for n in range(20):
        stream = open(scene, topic)
        publish(scene, topic)
        stream.answer(stream.wait()[0].id)
        stream.half_close()
        stream.ended("UNKNOWN", "EOF")
    until(lambda: count(scene, topic, "success", "success") == 20, "all of them acknowledged")


def test_a_client_that_comes_back_hears_again(memory):
    lonely(memory)
    for n in range(10):
        stream = open(memory, "t")
        publish(memory, "t", str(n).encode(), "text/plain")
        [event] = stream.wait()
        assert event.data == str(n).encode()
        stream.answer(event.id)
        stream.cancel()
        until(lambda: not streaming(memory), "the end of the subscription")


def test_a_client_that_does_not_read_loses_nothing(scene):
    """More than windows hold lies between the broker and the client."""
    topic = scene.topic("t")
    stream = open(lonely(scene), topic)
    stream.sleeping.clear()
    for n in range(30):
        publish(scene, topic, b"%02d" % n + b"x" * 300000, "text/plain")
    stream.sleeping.set()
    for n in range(30):
        stream.answer(stream.wait(n + 1)[n].id)
    assert sorted(one.data[:2] for one in stream.events) == [b"%02d" % n for n in range(30)]


# --- The app ---

def test_streams_work_while_the_app_is_unhealthy(memory):
    memory.app.route("/healthz", reply(500))
    memory.accept("/t").start(entry("t", "/t"), flags={
        **LOOPS, "enable-app-health-check": "true", "app-health-probe-interval": 1, "app-health-threshold": 1})
    memory.dapr = rpc.Dapr(memory.sidecar.grpc)
    memory.bench.stack.callback(memory.dapr.close)
    stream = open(memory, "t")
    publish(memory, "t", b"1")
    assert stream.wait()[0].data == b"1"
    assert not memory.app.requests("/t")


def test_a_stream_stays_when_the_app_becomes_unhealthy(memory):
    healthy = {"now": True}
    memory.app.route("/healthz", lambda request, sock: reply(200 if healthy["now"] else 500))
    memory.accept("/t").start(entry("t", "/t"), flags={
        **LOOPS, "enable-app-health-check": "true", "app-health-probe-interval": 1, "app-health-threshold": 1})
    memory.dapr = rpc.Dapr(memory.sidecar.grpc)
    memory.bench.stack.callback(memory.dapr.close)
    until(lambda: memory.app.requests("/dapr/subscribe"), "the question for subscriptions")
    stream = open(memory, "t")
    healthy["now"] = False
    until(lambda: memory.log_has("App entered un-healthy status"), "the word of the log")
    publish(memory, "t", b"1")
    stream.answer(stream.wait()[0].id)
    publish(memory, "t", b"2")
    assert stream.wait(2)[1].data == b"2"


# --- The component ---

def answer_all(stream):
    for event in stream.events:
        stream.answer(event.id)


@contextlib.contextmanager
def answering(stream):
    """Whatever comes is answered, from another thread."""
    done = threading.Event()

    def answer():
        while not done.wait(0.02):
            answer_all(stream)
    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@pytest.mark.differs
def test_a_replaced_component_keeps_its_streams(scene, tmp_path):
    """What is on its way meanwhile is answered afterwards, but where contents go over: they wait for the answer."""
    path, topic = str(tmp_path / "admin.sock"), scene.topic("t")
    lonely(scene, flags={"admin-listen": f"unix:{path}"})
    stream, admin = open(scene, topic), Admin(path=path)
    for n in range(3):
        heard = len(stream.events)

        def hears():
            publish(scene, topic, b"x", "text/plain")
            return len(stream.events) > heard
        until(hears, "the stream on this component")
        with answering(stream) if scene.type == "pubsub.in-memory" else contextlib.nullcontext():
            assert admin.reload("pubsub").status == 200
        answer_all(stream)
    assert stream.failure() is None and len(streaming(scene)) == 1


@pytest.mark.differs
def test_contents_stay_where_they_are_while_a_message_is_on_its_way(memory, tmp_path):
    path = str(tmp_path / "admin.sock")
    lonely(memory, flags={"admin-listen": f"unix:{path}"})
    stream, admin = open(memory, "t"), Admin(path=path)
    for n in range(3):
        publish(memory, "t", b"%d" % n)
    first = stream.wait()[0]
    answer = admin.reload("pubsub")
    assert answer.status == 503 and "could not hand over what it keeps in time" in answer.text
    assert "1 call" in answer.text
    stream.answer(first.id)
    stream.answer(stream.wait(2)[1].id)
    stream.answer(stream.wait(3)[2].id)
    assert [event.data for event in stream.events] == [b"0", b"1", b"2"]
    until(lambda: admin.reload("pubsub").status == 200, "the replacement")
    publish(memory, "t", b"3")
    assert stream.wait(4)[3].data == b"3" and stream.failure() is None


@pytest.mark.differs
def test_a_component_that_leaves_and_comes_back(memory, tmp_path):
    path = str(tmp_path / "admin.sock")
    lonely(memory, flags={"admin-listen": f"unix:{path}"})
    stream, admin = open(memory, "t"), Admin(path=path)
    assert admin.remove("pubsub").status == 200
    with pytest.raises(Failure):
        publish(memory, "t")
    assert len(streaming(memory)) == 1 and stream.failure() is None
    assert admin.put(text_of(broker_component("pubsub.in-memory"))).status == 200

    def hears():
        publish(memory, "t", b"1")
        return stream.events
    until(hears, "an event of the new component")


@pytest.mark.differs
def test_a_message_with_the_client_keeps_its_component_until_the_answer(memory, tmp_path):
    path = str(tmp_path / "admin.sock")
    lonely(memory, flags={"admin-listen": f"unix:{path}"})
    stream, admin, answers = open(memory, "t"), Admin(path=path), []
    publish(memory, "t")
    event = stream.wait()[0]
    mover = threading.Thread(target=lambda: answers.append(admin.reload("pubsub").status))
    mover.start()
    stream.answer(event.id)
    mover.join(20)
    assert answers == [200]
    until(lambda: count(memory, "t", "success", "success") == 1, "the count")


@pytest.mark.differs
def test_replacing_the_code_ends_streams_so_that_clients_reconnect(memory, tmp_path):
    path = str(tmp_path / "admin.sock")
    lonely(memory, flags={"admin-listen": f"unix:{path}"})
    stream, admin = open(memory, "t"), Admin(path=path)
    publish(memory, "t", b"1")
    event = stream.wait()[0]
    stream.answer(event.id)
    assert admin.swap("pubsub").status == 200
    stream.ended("UNKNOWN", "stream closed")
    second = open(memory, "t")
    publish(memory, "t", b"2")
    assert second.wait()[0].data == b"2"


# --- The end of the process ---

def test_an_idle_stream_ends_in_stream_closed(memory):
    stream = open(lonely(memory), "t")
    memory.sidecar.signal(2)
    stream.ended("UNKNOWN", "stream closed")
    assert memory.sidecar.wait_end() == 0


def test_before_the_first_message_the_server_is_closed(memory):
    """The process ends although a client said nothing, and another stream is open."""
    silent = connect(lonely(memory))
    stream = open(memory, "t")
    memory.sidecar.signal(2)
    silent.ended("UNKNOWN", "api server closed")
    stream.ended("UNKNOWN", "stream closed")
    assert memory.sidecar.wait_end() == 0
    stream.half_close()


def test_an_unacknowledged_message_is_waited_for(scene):
    topic = scene.topic("t")
    stream = open(lonely(scene), topic)
    publish(scene, topic, b"1")
    event = stream.wait()[0]
    scene.sidecar.signal(2)
    until(lambda: scene.log_has("Dapr is shutting down"), "the shutdown")
    assert stream.failure() is None and scene.sidecar.process.poll() is None
    stream.answer(event.id)
    stream.ended("UNKNOWN", "stream closed")
    assert scene.sidecar.wait_end() == 0
    assert [one.data for one in stream.events] == [b"1"]


def test_new_messages_are_withheld_at_the_end(memory):
    stream = open(lonely(memory), "t")
    publish(memory, "t", b"1")
    event = stream.wait()[0]
    publish(memory, "t", b"2")
    memory.sidecar.signal(2)
    until(lambda: memory.log_has("Dapr is shutting down"), "the shutdown")
    stream.answer(event.id)
    stream.ended("UNKNOWN", "stream closed")
    assert memory.sidecar.wait_end() == 0
    assert [one.data for one in stream.events] == [b"1"]


def test_the_process_ends_although_a_client_does_not_answer(memory):
    stream = open(lonely(memory, flags={"dapr-graceful-shutdown-seconds": 1}), "t")
    publish(memory, "t", b"1")
    stream.wait()
    memory.sidecar.signal(2)
    assert memory.sidecar.wait_end() == 1
    assert memory.log_has("Graceful shutdown timeout exceeded, forcing shutdown")
