"""Deliveries to an application that speaks gRPC (contract grpc-api 3.3, 5.2, 9.2): OnTopicEvent and its answers,
OnBulkTopicEvent and the older name of it, dead letters, metrics, the end of the process."""

import json
import threading

import grpc
import pytest

from harness import metrics
from harness.grpc_app import HEALTH, Answer
from harness.pubsub import BROKERS, NO_TRACE, UUID
from harness.rpc_scene import ALPHA, DROP, RETRY, SUCCESS, RpcScene, entry
from harness.wait import until

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02"
CODES = grpc.StatusCode


@pytest.fixture(params=BROKERS)
def scene(request, bench):
    return RpcScene(bench, request.param)


@pytest.fixture
def memory(bench):
    return RpcScene(bench, "pubsub.in-memory")


def publish(scene, topic, data=b"{}", type="application/json", **more):
    scene.dapr.PublishEvent(pubsub_name="pubsub", topic=topic, data=data, data_content_type=type, **more)


def count(scene, topic, process, status):
    return metrics.value(scene.sidecar, "dapr_component_pubsub_ingress_count", topic=topic, component="pubsub",
                         process_status=process, status=status)


# --- What the app gets ---

@pytest.mark.quick
def test_an_event(scene):
    topic = scene.topic("t")
    scene.accept("/t").start(entry(topic, "/t"))
    publish(scene, topic, b'{"b":1.50,"a":"<x>"}', metadata={"foo": "bar", "cloudevent.source": "S"})
    [came] = scene.wait("/t")
    event = came.request
    assert UUID.fullmatch(event.id) and (event.source, event.type) == ("S", "com.dapr.event.sent")
    assert (event.topic, event.pubsub_name, event.path) == (topic, "pubsub", "/t")
    assert event.spec_version == "1.0" and event.data_content_type == "application/json"
    assert event.data == b'{"a":"\\u003cx\\u003e","b":1.50}'
    assert sorted(event.extensions.fields) == ["pubsubname", "time", "topic", "traceid", "traceparent", "tracestate"]


@pytest.mark.parametrize("type,sent,came", [
    ("text/plain", b"hello", b"hello"), ("", b"hello", b"hello"), ("application/octet-stream", b"\0\xff", b"\0\xff"),
    ("foo/bar", b"x", b""), ("application/json", b"[1,2]", b"[1,2]")])
def test_data_by_content_type(memory, type, sent, came):
    memory.accept("/t").start(entry("t", "/t"))
    publish(memory, "t", sent, type)
    event = memory.wait("/t")[0].request
    assert event.data == came and event.data_content_type == (type or "text/plain")


def test_metadata_of_the_call(memory):
    memory.accept("/t").start(entry("t", "/t"), env={"APP_API_TOKEN": "secret"})
    publish(memory, "t", metadata={"Foo": "bar", "content-type": "no", "Content-Length": "9", "pubsubname": "no",
                                   "te": "no", "bad key": "x", "dapr-api-token": "no", "text": "ü", "data-bin": "\1\2",
                                   "grpc-status": "5", "user-agent": "no", "traceparent": "no"})
    call = memory.wait("/t")[0].call
    assert call.value("foo") == "bar" and call.value("pubsubname") == "pubsub" and call.value("data-bin") == b"\1\2"
    assert call.value("dapr-api-token") == "secret" and call.value("traceparent") == NO_TRACE
    assert call.value("content-length") is None and call.value("text") is None and call.value("bad key") is None
    assert call.value("user-agent") != "no" and call.value("grpc-status") is None


def test_the_trace_of_the_publisher(memory):
    memory.accept("/t").start(entry("t", "/t"))
    publish(memory, "t", call={"metadata": [("traceparent", PARENT)]})
    assert memory.wait("/t")[0].call.value("traceparent") == PARENT


def test_without_a_trace_it_is_all_zero(memory):
    memory.accept("/t").start(entry("t", "/t"))
    publish(memory, "t")
    assert memory.wait("/t")[0].call.value("traceparent") == NO_TRACE


@pytest.mark.parametrize("trace", [PARENT, None])
def test_the_trace_of_raw_bytes(memory, trace):
    memory.accept("/t").start(entry("t", "/t", metadata={"rawPayload": "true"}))
    publish(memory, "t", b"\0", metadata={"rawPayload": "true"},
            call={"metadata": [("traceparent", trace)] if trace else []})
    assert memory.wait("/t")[0].call.value("traceparent") == (trace or NO_TRACE)


@pytest.mark.parametrize("value", [7, True, {"a": 1}, None])
def test_traces_that_are_no_text(memory, value):
    memory.accept("/t").start(entry("t", "/t"))
    publish(memory, "t", json.dumps({"id": "1", "traceid": value, "traceparent": value}).encode(),
            "application/cloudevents+json")
    assert memory.wait("/t")[0].call.value("traceparent") == NO_TRACE


def test_raw_payload_of_a_normal_event(scene):
    topic = scene.topic("t")
    scene.accept("/t").start(entry(topic, "/t", metadata={"rawPayload": "true"}))
    publish(scene, topic, b'{"a":1}')
    event = scene.wait("/t")[0].request
    inner = json.loads(event.data)
    assert event.data_content_type == "application/octet-stream" and inner["data"] == {"a": 1}
    assert sorted(inner) == ["data", "datacontenttype", "id", "pubsubname", "source", "specversion", "time", "topic",
                             "traceid", "traceparent", "tracestate", "type"]


def test_a_message_that_is_no_object_is_a_failure(scene):
    topic, dead = scene.topic("t"), scene.topic("dead")
    scene.accept("/t").accept("/dead").start(
        entry(topic, "/t", dead_letter_topic=dead), entry(dead, "/dead", metadata={"rawPayload": "true"}))
    publish(scene, topic, b"plain", metadata={"rawPayload": "true"})
    assert scene.wait("/dead")[0].request.data == b"plain"
    assert not scene.events("/t")


def test_large_events(scene):
    topic = scene.topic("t")
    scene.accept("/t").start(entry(topic, "/t"))
    publish(scene, topic, b"x" * (3 << 20), "text/plain")
    assert scene.wait("/t")[0].request.data == b"x" * (3 << 20)


def test_messages_of_a_topic_come_in_their_order(memory):
    memory.accept("/t").start(entry("t", "/t"))
    for n in range(200):
        publish(memory, "t", str(n).encode(), "text/plain")
    assert [int(one.request.data) for one in memory.wait("/t", 200)] == list(range(200))


def test_events_published_over_http(memory):
    memory.accept("/t").start(entry("t", "/t"))
    memory.published("t", {"n": 1})
    assert memory.wait("/t")[0].request.data == b'{"n":1}'


def test_topic_events_are_not_limited(memory):
    """The concurrency of the app counts what it is asked to do for others."""
    gate = threading.Event()
    memory.bench.stack.callback(gate.set)
    memory.accept("/t", lambda event: SUCCESS if gate.wait(20) else RETRY)
    memory.start(*[entry(f"t{n}", "/t") for n in range(5)], flags={"app-max-concurrency": 1})
    for n in range(5):
        publish(memory, f"t{n}")
    memory.wait("/t", 5)
    gate.set()


# --- What the app answers ---

OUTCOMES = [
    (SUCCESS, "success", "success"), (b"", "success", "success"), (RETRY, "retry", "retry"), (7, "retry", "retry"),
    (DROP, "drop", "success"), (CODES.UNIMPLEMENTED, "drop", "drop"), (CODES.INTERNAL, "retry", "retry"),
    (CODES.UNKNOWN, "retry", "retry"), (CODES.UNAVAILABLE, "retry", "retry"), (CODES.NOT_FOUND, "retry", "retry"),
    (b"\x0a\xff", "retry", "retry")]


@pytest.mark.parametrize("answer,process,status", OUTCOMES)
def test_what_an_answer_means(memory, answer, process, status):
    memory.accept("/t", answer, SUCCESS).start(entry("t", "/t"))
    publish(memory, "t", b"1")
    until(lambda: count(memory, "t", process, status) == 1, f"one message counted as {process}, {status}")
    publish(memory, "t", b"2")
    assert [one.request.data for one in memory.wait("/t", 2)] == [b"1", b"2"]


BURIED = [RETRY, 7, DROP, CODES.INTERNAL, CODES.UNAVAILABLE]


@pytest.mark.parametrize("answer", BURIED)
def test_dead_letters(scene, answer):
    topic, dead = scene.topic("t"), scene.topic("dead")
    scene.accept("/t", answer, SUCCESS).accept("/dead").start(
        entry(topic, "/t", dead_letter_topic=dead), entry(dead, "/dead"))
    publish(scene, topic, b"1", metadata={"cloudevent.id": "I1", "foo": "bar"})
    came = scene.wait("/dead")[0]
    assert came.request.id == "I1" and came.request.topic == dead and came.call.value("foo") == "bar"
    assert came.request.extensions.fields["topic"].string_value == topic
    until(lambda: count(scene, topic, "drop", "drop") == 1, "the count of the dead letter")


@pytest.mark.parametrize("answer", [SUCCESS, CODES.UNIMPLEMENTED])
def test_no_dead_letters(memory, answer):
    memory.accept("/t", answer).accept("/dead").start(
        entry("t", "/t", dead_letter_topic="dead"), entry("dead", "/dead"))
    publish(memory, "t")
    memory.wait("/t")
    until(lambda: count(memory, "t", "success", "success") or count(memory, "t", "drop", "drop"), "the count")
    publish(memory, "dead", b"mark", "text/plain")
    assert [one.request.data for one in memory.wait("/dead")] == [b"mark"]


def test_a_dead_letter_topic_may_be_its_own(memory):
    memory.accept("/t", CODES.INTERNAL, SUCCESS).start(entry("t", "/t", dead_letter_topic="t"))
    publish(memory, "t")
    first, second = memory.wait("/t", 2)
    assert first.request.id == second.request.id


def test_without_the_method_events_are_dropped(memory):
    memory.start(entry("t", "/t"))
    del memory.app.routes["/dapr.proto.runtime.v1.AppCallback/OnTopicEvent"]
    publish(memory, "t")
    until(lambda: count(memory, "t", "drop", "drop") == 1, "the count")


def test_an_app_that_is_gone_is_a_failure(memory):
    memory.accept("/t").start(entry("t", "/t"))
    memory.app.stop()
    publish(memory, "t")
    until(lambda: count(memory, "t", "retry", "retry") == 1, "the count", 30)


# --- In batches ---

def all_of(status):
    return lambda request: {one.entry_id: status for one in request.entries}


BULK = {"enabled": True, "max_messages_count": 100, "max_await_duration_ms": 1000}


def bulk_scene(scene, answer=all_of(SUCCESS), method=None, bulk=None, **more):
    topic = scene.topic("t")
    scene.bulk(answer, **({"method": method} if method else {}))
    scene.start(entry(topic, "/t", bulk_subscribe=bulk or {**BULK, "max_await_duration_ms": 50}, **more))
    return topic


@pytest.mark.quick
def test_a_round_of_a_batch(scene):
    topic = bulk_scene(scene)
    publish(scene, topic, b'{"a":1}', metadata={"foo": "bar"})
    [came] = scene.wait_rounds()
    request = came.request
    assert UUID.fullmatch(request.id) and request.type == "com.dapr.event.sent.bulk"
    assert (request.topic, request.pubsub_name, request.path) == (topic, "pubsub", "/t")
    assert dict(request.metadata) == {"pubsubName": "pubsub"}
    [one] = request.entries
    assert UUID.fullmatch(one.entry_id) and one.content_type == "application/cloudevents+json"
    assert one.metadata["foo"] == "bar" and one.WhichOneof("event") == "cloud_event"
    event = one.cloud_event
    assert event.data == b'{"a":1}' and event.data_content_type == "application/json" and UUID.fullmatch(event.id)
    assert (event.source, event.type, event.spec_version) == (scene.sidecar.app_id, "com.dapr.event.sent", "1.0")
    assert event.extensions.fields["topic"].string_value == topic
    assert came.call.value("pubsubname") == "pubsub" and came.call.value("traceparent") == NO_TRACE
    until(lambda: metrics.value(scene.sidecar, "dapr_component_pubsub_ingress_bulk_event_count", topic=topic,
                                process_status="SUCCESS") == 1, "the count")


def test_raw_entries_are_bytes(memory):
    topic = bulk_scene(memory, metadata={"rawPayload": "true"})
    publish(memory, topic, b"\0\1", metadata={"rawPayload": "true"})
    [one] = memory.wait_rounds()[0].request.entries
    assert one.WhichOneof("event") == "bytes" and one.bytes == b"\0\1" and one.content_type == "application/octet-stream"


@pytest.mark.differs
def test_binary_data_of_an_entry_is_decoded(memory):
    topic = bulk_scene(memory)
    publish(memory, topic, b"\0\xff", "application/octet-stream")
    [one] = memory.wait_rounds()[0].request.entries
    assert one.cloud_event.data == b"\0\xff"


def test_entries_of_bulk_publishing_come_one_by_one_from_a_serial_broker(memory):
    topic = bulk_scene(memory)
    memory.dapr.BulkPublishEvent(pubsub_name="pubsub", topic=topic, entries=[
        {"entry_id": str(n), "event": b"x"} for n in range(4)])
    assert [len(one.request.entries) for one in memory.wait_rounds(4)] == [1, 1, 1, 1]


@pytest.mark.skipif(len(BROKERS) < 2, reason="without Redis")
def test_several_messages_in_one_round(bench):
    scene = RpcScene(bench, "pubsub.redis")
    topic = bulk_scene(scene, bulk={"enabled": True, "max_messages_count": 3, "max_await_duration_ms": 30000})
    for n in range(3):
        publish(scene, topic, str(n).encode(), "text/plain")
    [came] = scene.wait_rounds()
    assert sorted(one.cloud_event.data for one in came.request.entries) == [b"0", b"1", b"2"]


@pytest.mark.skipif(len(BROKERS) < 2, reason="without Redis")
def test_one_round_for_each_path(bench):
    scene = RpcScene(bench, "pubsub.redis")
    topic = scene.topic("t")
    scene.bulk(all_of(SUCCESS)).start(entry(
        topic, "/b", rules=[('event.type == "a"', "/a")],
        bulk_subscribe={"enabled": True, "max_messages_count": 3, "max_await_duration_ms": 30000}))
    for type in ("a", "b", "a"):
        publish(scene, topic, metadata={"cloudevent.type": type})
    rounds = scene.wait_rounds(2)
    assert sorted((one.request.path, len(one.request.entries)) for one in rounds) == [("/a", 2), ("/b", 1)]


def test_the_older_name_is_tried_second(memory):
    topic = bulk_scene(memory, method=ALPHA)
    publish(memory, topic)
    [came] = memory.wait_rounds()
    assert came.call.method == ALPHA
    assert len(memory.app.seen("OnBulkTopicEvent")) == 1
    publish(memory, topic)
    assert len(memory.wait_rounds(2)) == 2


def test_the_stable_name_is_enough(memory):
    topic = bulk_scene(memory)
    memory.bulk(all_of(SUCCESS), method=ALPHA)
    publish(memory, topic)
    assert memory.wait_rounds()[0].call.method.endswith(".AppCallback/OnBulkTopicEvent")
    assert not memory.app.seen(ALPHA)


def bulk_count(scene, topic, word):
    return metrics.value(scene.sidecar, "dapr_component_pubsub_ingress_bulk_event_count", topic=topic, process_status=word)


def test_without_either_name_all_are_dropped(memory):
    memory.accept("/dead").start(entry("t", "/t", bulk_subscribe=BULK | {"max_await_duration_ms": 50},
                                       dead_letter_topic="dead"), entry("dead", "/dead"))
    publish(memory, "t", b"1")
    until(lambda: bulk_count(memory, "t", "DROP") == 1, "the count")
    publish(memory, "dead", b"mark", "text/plain")
    assert [one.request.data for one in memory.wait("/dead")] == [b"mark"]


@pytest.mark.parametrize("answer,word", [
    (all_of(SUCCESS), "SUCCESS"), (all_of(RETRY), "RETRY"), (all_of(DROP), "DROP"), (all_of(9), "RETRY"),
    (lambda request: {}, "RETRY"), (lambda request: {"nobody": SUCCESS}, "RETRY"),
    (lambda request: CODES.INTERNAL, "RETRY"), (lambda request: b"\x0a\xff", "RETRY")],
    ids=["success", "retry", "drop", "unknown", "missing", "another", "error", "no message"])
def test_what_the_status_of_an_entry_means(memory, answer, word):
    topic, dead = memory.topic("t"), memory.topic("dead")
    memory.bulk(answer).accept("/dead").start(
        entry(topic, "/t", dead_letter_topic=dead, bulk_subscribe=BULK | {"max_await_duration_ms": 50}),
        entry(dead, "/dead"))
    publish(memory, topic, b"1")
    until(lambda: bulk_count(memory, topic, word) == 1, "the count")
    publish(memory, dead, b"mark", "text/plain")
    expected = [b"mark"] if word == "SUCCESS" else [b"1", b"mark"]
    assert sorted(one.request.data for one in memory.wait("/dead", len(expected))) == expected


def test_a_missing_status_is_told(memory):
    topic = bulk_scene(memory, lambda request: {})
    publish(memory, topic)
    id = memory.wait_rounds()[0].request.entries[0].entry_id
    until(lambda: memory.log_has("response not received, RETRY required while processing bulk subscribe event for "
                                 f"entry id: {id}"), "the error in the log")


@pytest.mark.skipif(len(BROKERS) < 2, reason="without Redis")
def test_each_entry_has_its_own_fate(bench):
    scene = RpcScene(bench, "pubsub.redis")
    topic, dead = scene.topic("t"), scene.topic("dead")
    fates = {b"0": SUCCESS, b"1": RETRY, b"2": DROP}
    scene.bulk(lambda request: {one.entry_id: fates[one.cloud_event.data] for one in request.entries})
    scene.accept("/dead").start(
        entry(topic, "/t", dead_letter_topic=dead,
              bulk_subscribe={"enabled": True, "max_messages_count": 3, "max_await_duration_ms": 30000}),
        entry(dead, "/dead"))
    for n in range(3):
        publish(scene, topic, str(n).encode(), "text/plain")
    assert sorted(one.request.data for one in scene.wait("/dead", 2)) == [b"1", b"2"]


# --- Health, and the end of the process ---

def test_nothing_is_delivered_while_the_app_is_unhealthy(memory):
    healthy = {"now": False}
    memory.app.route(HEALTH, lambda call, context: Answer(code=CODES.OK if healthy["now"] else CODES.INTERNAL))
    memory.accept("/t").start(entry("t", "/t"), flags={
        "enable-app-health-check": "true", "app-health-probe-interval": 1, "app-health-threshold": 1})
    publish(memory, "t", b"early", "text/plain")
    assert not memory.app.seen("ListTopicSubscriptions")
    healthy["now"] = True

    def hears():
        publish(memory, "t", b"now", "text/plain")
        return memory.events("/t")
    until(hears, "a delivery")
    assert len(memory.app.seen("ListTopicSubscriptions")) == 1
    assert not [one for one in memory.events("/t") if one.request.data == b"early"]
    healthy["now"] = False
    until(lambda: memory.log_has("App entered un-healthy status"), "the word of the log")
    before = len(memory.events("/t"))
    publish(memory, "t", b"late", "text/plain")
    healthy["now"] = True

    def hears_again():
        publish(memory, "t", b"again", "text/plain")
        return [one for one in memory.events("/t") if one.request.data == b"again"]
    until(hears_again, "a delivery after recovery")
    assert not [one for one in memory.events("/t")[before:] if one.request.data == b"late"]
    assert len(memory.app.seen("ListTopicSubscriptions")) == 1


def test_a_message_in_the_handler_is_finished_at_shutdown(memory):
    gate = threading.Event()
    memory.accept("/t", lambda event: SUCCESS if gate.wait(20) else RETRY).start(entry("t", "/t"))
    publish(memory, "t", b"1")
    memory.wait("/t")
    publish(memory, "t", b"2")
    memory.sidecar.signal(2)
    until(lambda: memory.log_has("Dapr is shutting down"), "the shutdown")
    assert memory.sidecar.process.poll() is None
    gate.set()
    assert memory.sidecar.wait_end() == 0
    assert [one.request.data for one in memory.events("/t")] == [b"1"]


def test_the_app_drops_its_connections(memory):
    memory.accept("/t").start(entry("t", "/t"))
    publish(memory, "t", b"1")
    memory.wait("/t")
    memory.app.stop()
    memory.app.start()

    def hears():
        publish(memory, "t", b"2")
        return [one for one in memory.events("/t") if one.request.data == b"2"]
    until(hears, "a delivery over a new connection", 30)
