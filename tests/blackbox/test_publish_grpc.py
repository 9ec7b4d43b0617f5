"""Publishing over gRPC (contract grpc-api 3.2, 9.2): PublishEvent, BulkPublishEvent and BulkPublishEventAlpha1.
The event is looked at where an HTTP app gets it; what it is made of is the business of test_publish.py."""

import base64
import threading

import pytest

from harness import metrics, rpc
from harness.app import reply
from harness.pubsub import BROKERS, NO_TRACE, UUID, Scene, broker_component, entry
from harness.rpc import Failure, assert_failure, error_info, resource_info
from harness.wait import until

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02"
BULK = ["BulkPublishEvent", "BulkPublishEventAlpha1"]


def connect(scene, **options):
    scene.dapr = rpc.Dapr(scene.sidecar.grpc, **options)
    scene.bench.stack.callback(scene.dapr.close)
    return scene


@pytest.fixture(params=BROKERS)
def scene(request, bench):
    return Scene(bench, request.param)


@pytest.fixture
def memory(bench):
    return Scene(bench, "pubsub.in-memory")


@pytest.fixture
def heard(scene):
    """A running scene whose app hears the topic; heard.event(...) publishes and returns what came."""
    scene.heard_topic = scene.topic("heard")
    connect(scene.accept("/heard").start(entry(scene.heard_topic, "/heard")))

    def event(**fields):
        before = len(scene.app.requests("/heard"))
        scene.dapr.PublishEvent(pubsub_name="pubsub", topic=scene.heard_topic, **fields)
        return scene.app.wait_for("/heard", before + 1)[-1]

    scene.event = event
    return scene


@pytest.fixture
def silent(memory):
    return connect(memory.start(app=False))


def refused(method, **fields):
    with pytest.raises(Failure) as caught:
        method(**fields)
    return caught.value


# --- PublishEvent ---

@pytest.mark.quick
def test_an_event_is_published(heard):
    answer = heard.dapr.PublishEvent(pubsub_name="pubsub", topic=heard.heard_topic, data=b'{"id":1}',
                                     data_content_type="application/json")
    assert not answer.ListFields()
    came = heard.app.wait_one("/heard").json
    assert came["data"] == {"id": 1} and UUID.fullmatch(came["id"])
    assert came["datacontenttype"] == "application/json" and came["source"] == heard.sidecar.app_id
    assert came["type"] == "com.dapr.event.sent" and came["specversion"] == "1.0"
    assert came["topic"] == heard.heard_topic and came["pubsubname"] == "pubsub"
    assert came["traceid"] == "" and came["traceparent"] == "" and came["tracestate"] == ""


def test_publishing_needs_no_app_and_no_subscriber(silent):
    silent.dapr.PublishEvent(pubsub_name="pubsub", topic="t", data=b"{}")


@pytest.mark.parametrize("type,data,member,value", [
    ("application/json", b'{"b":1.50,"a":12345678901234567890}', "data", {"b": 1.5, "a": 12345678901234567890}),
    ("application/json; charset=utf-8", b"[1]", "data", [1]), ("application/json", b"{", "data", "{"),
    ("text/plain", b"hello", "data", "hello"), ("", b"hello", "data", "hello"), ("foo/bar", b"x", "data", "x"),
    ("application/octet-stream", b"\0\xff", "data_base64", base64.b64encode(b"\0\xff").decode()),
    ("text/plain", b"", "data", "")])
def test_the_content_type_decides_about_data(heard, type, data, member, value):
    came = heard.event(data=data, data_content_type=type).json
    assert came[member] == value
    assert came["datacontenttype"] == (type or "text/plain")


def test_attributes_may_be_overridden(heard):
    came = heard.event(data=b"x", metadata={"cloudevent.id": "I", "cloudevent.source": "S", "cloudevent.type": "T",
                                            "cloudevent.subject": "J", "cloudevent.traceid": "TI",
                                            "cloudevent.traceparent": "TP", "cloudevent.tracestate": "TS"}).json
    assert [came[key] for key in ("id", "source", "type", "subject", "traceid", "traceparent", "tracestate")] == [
        "I", "S", "T", "J", "TP", "TP", "TS"]


def test_a_cloud_event_passes_through(heard):
    came = heard.event(data=b'{"id":"7","data":{"a":1},"own":true,"topic":"x"}',
                       data_content_type="application/cloudevents+json").json
    assert came["id"] == "7" and came["data"] == {"a": 1} and came["own"] is True
    assert came["topic"] == heard.heard_topic and came["source"] == "Dapr" and "time" in came


def test_metadata_goes_with_the_message(heard):
    came = heard.event(data=b"{}", metadata={"foo": "bar"})
    assert came.header("Foo") == "bar"


@pytest.mark.parametrize("flag", ["true", "1", "T"])
def test_raw_bytes_are_published_as_they_are(heard, flag):
    came = heard.event(data=b'{ "a" : 1 }', metadata={"rawPayload": flag})
    assert came.body == b'{ "a" : 1 }' and came.header("Rawpayload") == flag
    assert came.header("Traceid") is None


def test_raw_bytes_carry_their_trace_beside_them(heard):
    came = heard.event(data=b'{"a":1}', metadata={"rawPayload": "true"},
                       call={"metadata": [("traceparent", PARENT), ("tracestate", "a=b")]})
    assert came.header("Traceid") == PARENT and came.header("Tracestate") == "a=b"


def test_a_time_to_live_becomes_an_expiration(heard):
    assert "expiration" in heard.event(data=b"{}", metadata={"ttlInSeconds": "100"}).json


def test_the_trace_of_the_call_is_the_trace_of_the_event(heard):
    came = heard.event(data=b"{}", call={"metadata": [("traceparent", PARENT)]})
    assert came.json["traceparent"] == PARENT and came.json["traceid"] == PARENT
    assert came.header("Traceparent") == PARENT


def test_the_answer_tells_its_trace(silent):
    _, head, _ = silent.dapr.PublishEvent.answered(pubsub_name="pubsub", topic="t")
    assert "grpc-trace-bin" not in dict(head) or len(dict(head)["grpc-trace-bin"]) == 29


def test_egress_is_counted(silent):
    silent.dapr.PublishEvent(pubsub_name="pubsub", topic="t", data=b"{}")
    until(lambda: metrics.value(silent.sidecar, "dapr_component_pubsub_egress_count", topic="t", component="pubsub",
                                success="true") == 1, "one event")


# --- What is refused: P1 to P4 and behind them, for all of the methods ---

METHODS = ["PublishEvent", *BULK]


@pytest.fixture(params=METHODS)
def method(request, memory):
    connect(memory.start(app=False, metadata={"publishingScopes": "caller=t"}))
    return getattr(memory.dapr, request.param)


def test_p1_an_empty_name(method):
    text = "pubsub name is empty"
    assert_failure(refused(method, topic="t"), "INVALID_ARGUMENT", text,
                   [resource_info("pubsub", "", text), error_info("DAPR_PUBSUB_NAME_EMPTY")])


def test_p1_an_empty_name_with_metadata(method):
    text = "pubsub name is empty"
    assert_failure(refused(method, metadata={"a": "b", "c": "d"}), "INVALID_ARGUMENT", text,
                   [resource_info("pubsub", "", text), error_info("DAPR_PUBSUB_NAME_EMPTY", {"a": "b", "c": "d"})])


def test_p2_an_unknown_name_has_one_detail(method):
    assert_failure(refused(method, pubsub_name="absent"), "INVALID_ARGUMENT", "pubsub absent is not found",
                   [error_info("DAPR_PUBSUB_NOT_FOUND")])


def test_p3_an_empty_topic(method):
    text = "topic is empty in pubsub pubsub"
    assert_failure(refused(method, pubsub_name="pubsub", metadata={"rawPayload": "zz"}), "INVALID_ARGUMENT", text,
                   [resource_info("pubsub", "pubsub", text),
                    error_info("DAPR_PUBSUB_TOPIC_NAME_EMPTY", {"rawPayload": "zz"})])


def test_p4_a_raw_payload_that_is_no_boolean(method):
    text = "failed deserializing metadata. Error: rawPayload value must be a valid boolean: actual is 'zz'"
    assert_failure(refused(method, pubsub_name="pubsub", topic="t", metadata={"rawPayload": "zz"}), "INVALID_ARGUMENT",
                   text, [resource_info("pubsub", "pubsub", text),
                          error_info("DAPR_PUBSUB_METADATA_DESERIALIZATION", {"rawPayload": "zz"})])


def fields_of(method, **event):
    """One event, as the method takes it."""
    if method.path.endswith("/PublishEvent"):
        return {"data": event.get("data", b""), "data_content_type": event.get("type", "")}
    return {"entries": [{"entry_id": "1", "event": event.get("data", b""), "content_type": event.get("type", "")}]}


def test_a_topic_that_the_app_may_not_publish_to(method):
    text = "topic no is not allowed for app id caller"
    assert_failure(refused(method, pubsub_name="pubsub", topic="no", **fields_of(method)), "PERMISSION_DENIED", text,
                   [resource_info("pubsub", "pubsub", text),
                    error_info("DAPR_PUBSUB_FORBIDDEN", {"topic": "no", "error": text})])


@pytest.mark.parametrize("data,why", [(b"{", "unexpected end of JSON input"), (b"", "unexpected end of JSON input")])
def test_a_cloud_event_that_is_none(method, data, why):
    text = "cannot create cloudevent"
    failure = refused(method, pubsub_name="pubsub", topic="t",
                      **fields_of(method, data=data, type="application/cloudevents+json"))
    assert (failure.code, failure.message) == ("INVALID_ARGUMENT", text)
    assert failure.details[0] == resource_info("pubsub", "pubsub", text)
    assert failure.details[1] == error_info("DAPR_PUBSUB_CLOUD_EVENT_CREATION", {"appID": "caller", "error": why})
    assert len(failure.details) == 2


def test_a_broker_that_refuses(bench, method):
    """The embedded one, whose queue is full because what lies in it is still with the app."""
    scene, gate = Scene(bench, "pubsub.in-memory"), threading.Event()
    bench.stack.callback(gate.set)
    scene.accept("/t", lambda request, sock: reply(200 if gate.wait(20) else 500))
    connect(scene.start(entry("t", "/t"), metadata={"maxQueuedBytes": "1"}))
    own = getattr(scene.dapr, method.path.rpartition("/")[2])

    def full():
        try:
            own(pubsub_name="pubsub", topic="t", **fields_of(own))
        except Failure as failure:
            return failure
    failure = until(full, "a full queue")
    start = "error when publishing to topic t in pubsub pubsub: "
    assert failure.code == "INTERNAL" and failure.message.startswith(start)
    assert failure.details == [
        resource_info("pubsub", "pubsub", failure.message),
        error_info("DAPR_PUBSUB_PUBLISH_MESSAGE", {"topic": "t", "error": failure.message[len(start):]})]


def test_what_is_no_message_is_refused(method):
    with pytest.raises(Failure) as caught:
        method.raw(b"\x0a\xff")
    assert caught.value.code == "INTERNAL"
    assert caught.value.message.startswith("grpc: error unmarshalling request: ")


# --- BulkPublishEvent ---

@pytest.fixture(params=BULK)
def bulk(request, scene):
    scene.heard_topic = scene.topic("heard")
    connect(scene.accept("/heard").start(entry(scene.heard_topic, "/heard")))

    def publish(*entries, **fields):
        return getattr(scene.dapr, request.param)(pubsub_name="pubsub", topic=scene.heard_topic, entries=entries, **fields)

    scene.bulk = publish
    return scene


def by_data(scene, count):
    return {str(one.json.get("data")): one for one in scene.app.wait_for("/heard", count)}


@pytest.mark.quick
def test_entries_have_their_own_type_and_envelope(bulk):
    answer = bulk.bulk({"entry_id": "1", "event": b'{"a":1}', "content_type": "application/json"},
                       {"entry_id": "2", "event": b"text", "content_type": "text/plain"},
                       {"entry_id": "3", "event": b"none"})
    assert not answer.failedEntries
    came = by_data(bulk, 3)
    assert came["{'a': 1}"].json["datacontenttype"] == "application/json"
    assert came["text"].json["datacontenttype"] == "text/plain" and came["none"].json["datacontenttype"] == "text/plain"
    assert len({one.json["id"] for one in came.values()}) == 3


def test_no_entries_are_fine(bulk):
    assert not bulk.bulk().failedEntries


def test_metadata_of_the_request_joins_only_where_the_entry_has_some(bulk):
    bulk.bulk({"entry_id": "1", "event": b"one", "metadata": {"own": "1", "both": "entry"}},
              {"entry_id": "2", "event": b"two"}, metadata={"both": "request", "wide": "2"})
    came = by_data(bulk, 2)
    assert [came["one"].header(name) for name in ("Own", "Both", "Wide")] == ["1", "entry", "2"]
    assert came["two"].header("Both") is None and came["two"].header("Wide") is None


def test_raw_entries_have_no_envelope(bulk):
    bulk.bulk({"entry_id": "1", "event": b'{ "a" : 1 }'}, metadata={"rawPayload": "true"})
    assert bulk.app.wait_one("/heard").body == b'{ "a" : 1 }'


@pytest.mark.parametrize("ids", [["1", "1"], [""], ["1", "2", "1"]])
def test_entry_ids_are_there_and_unique(memory, ids):
    connect(memory.start(app=False))
    text = ("error marshaling events to bytes for topic t pubsub pubsub. error: entryId is duplicated or not present "
            "for entry")
    assert_failure(refused(memory.dapr.BulkPublishEvent, pubsub_name="pubsub", topic="t",
                           entries=[{"entry_id": one, "event": b"x"} for one in ids]),
                   "INVALID_ARGUMENT", text,
                   [resource_info("pubsub", "pubsub", text),
                    error_info("DAPR_PUBSUB_MARSHAL_EVENTS", {"appID": "caller", "error": text.split("error: ", 1)[1]})])


def test_bulk_egress_is_counted(memory):
    connect(memory.start(app=False))
    memory.dapr.BulkPublishEvent(pubsub_name="pubsub", topic="t",
                                 entries=[{"entry_id": str(n), "event": b"x"} for n in range(3)])
    until(lambda: metrics.value(memory.sidecar, "dapr_component_pubsub_egress_bulk_event_count", topic="t",
                                success="true") == 3, "three events")


# --- The token and the lists ---

def test_the_token_is_asked_for(memory):
    connect(memory.start(app=False, env={"DAPR_API_TOKEN": "secret"}))
    assert refused(memory.dapr.PublishEvent, pubsub_name="pubsub", topic="t").code == "UNAUTHENTICATED"
    memory.dapr.PublishEvent(pubsub_name="pubsub", topic="t", call={"metadata": [("dapr-api-token", "secret")]})


@pytest.mark.parametrize("rule,denied", [({"name": "publish", "version": "v1"}, ["PublishEvent", "BulkPublishEvent"]),
                                         ({"name": "publish", "version": "v1alpha1"}, ["BulkPublishEventAlpha1"])])
def test_a_list_denies_what_it_names(memory, rule, denied):
    connect(memory.start(app=False, config={"api": {"denied": [{**rule, "protocol": "grpc"}]}}))
    for name in METHODS:
        one = getattr(memory.dapr, name)
        if name in denied:
            assert refused(one, pubsub_name="pubsub", topic="t").code == "UNIMPLEMENTED"
        else:
            one(pubsub_name="pubsub", topic="t")


def test_two_brokers_side_by_side(memory):
    connect(memory.accept("/two").start(entry("t", "/two", pubsub="second"),
                                        resources=[broker_component("pubsub.in-memory", "second")]))
    memory.dapr.PublishEvent(pubsub_name="second", topic="t", data=b"x")
    assert memory.app.wait_one("/two").json["pubsubname"] == "second"
    assert memory.app.wait_one("/two").header("Traceparent") == NO_TRACE
