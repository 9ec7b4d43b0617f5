"""Events as another implementation of CloudEvents reads and writes them (the SDK of the CNCF for Python): what the app
receives is one, and what the SDK writes goes through unchanged (contract 5.4, 5.5; components.md 0.8)."""

import base64
import datetime
import json
import uuid

import pytest

from harness.app import reply
from harness.products import metadata_of
from harness.products import BROKERS as PRODUCTS
from harness.pubsub import BROKERS, Scene, entry
from harness.resources import component

http = pytest.importorskip("cloudevents.http")
conversion = pytest.importorskip("cloudevents.conversion")
CloudEvent, from_http, to_structured, to_binary = (
    http.CloudEvent, http.from_http, conversion.to_structured, conversion.to_binary)
OURS = {"pubsubname", "topic", "traceid", "traceparent", "tracestate"}


@pytest.fixture(params=BROKERS)
def scene(request, bench):
    made = Scene(bench, request.param)
    made.at = made.topic("events")
    made.accept("/events").start(entry(made.at, "/events"))
    return made


def received(scene):
    """The event as the SDK reads the app's request."""
    came = scene.app.wait_one("/events")
    return came, from_http(dict(came.headers), came.body)


def attributes(event):
    return dict(event.get_attributes())


# --- What we make ---

@pytest.mark.parametrize("content_type, body, data", [
    ("application/json", b'{"n":1,"l":[true,null,"\xc3\xa9"]}', {"n": 1, "l": [True, None, "é"]}),
    ("text/plain", "grüße".encode(), "grüße"),
    ("application/xml", b"<a b='c'/>", "<a b='c'/>"),
    ("application/octet-stream", b"\x00\xff\x01", b"\x00\xff\x01"),
])
def test_what_is_published_is_an_event(scene, content_type, body, data):
    scene.published(scene.at, body, content_type)
    came, event = received(scene)
    found = attributes(event)
    assert found.pop("id") and datetime.datetime.fromisoformat(found.pop("time"))
    assert {name: found.pop(name) for name in OURS}["topic"] == scene.at
    assert found == {"specversion": "1.0", "type": "com.dapr.event.sent", "source": scene.sidecar.app_id,
                     "datacontenttype": content_type}
    assert event.get_data() == data
    assert ("data_base64" in came.json) == (content_type == "application/octet-stream")


def test_overrides(scene):
    query = "&".join(f"metadata.cloudevent.{name}={value}" for name, value in {
        "id": "I-1", "source": "urn:me", "type": "my.type", "subject": "s/1"}.items())
    scene.published(scene.at, {"a": 1}, query="?" + query)
    found = attributes(received(scene)[1])
    assert (found["id"], found["source"], found["type"], found["subject"]) == ("I-1", "urn:me", "my.type", "s/1")


def test_a_raw_message_is_presented_as_one(bench):
    scene = Scene(bench, "pubsub.in-memory")
    scene.accept("/events").start(entry("events", "/events", metadata={"rawPayload": "true"}))
    scene.published("events", b"\x00raw", "text/plain", query="?metadata.rawPayload=true")
    event = received(scene)[1]
    assert event.get_data() == b"\x00raw"
    assert attributes(event)["datacontenttype"] == "application/octet-stream"


# --- What the SDK makes ---

def made(data, **more):
    return CloudEvent({"type": "com.example.made", "source": "/here?x=1#y", "id": "A234-1234", "subject": "a<b>&c",
                       "time": "2026-01-02T03:04:05.678901+00:00", "dataschema": "https://example.com/schema",
                       "anextension": "e1", **more}, data)


@pytest.mark.parametrize("data, content_type", [
    ({"big": 12345678901234567890, "f": 1.5, "t": "é☃\u2028<>"}, "application/json"), ("plain", "text/plain"),
    ([1, 2], "application/json"), (None, "application/json"), (b"\x00\x01\xfe", "application/octet-stream")])
def test_a_structured_event_goes_through(scene, data, content_type):
    sent = made(data, datacontenttype=content_type)
    headers, body = to_structured(sent)
    scene.published(scene.at, body, headers["content-type"])
    came, event = received(scene)
    found, wanted = attributes(event), attributes(sent)
    assert {name: found[name] for name in wanted} == wanted
    assert set(found) == set(wanted) | OURS
    assert (found["pubsubname"], found["topic"]) == ("pubsub", scene.at)
    assert event.get_data() == sent.get_data()
    given = json.loads(body)
    for member in ("data", "data_base64"):
        assert came.json.get(member) == given.get(member)


def test_bytes_in_base64_stay_so(scene):
    body = json.dumps({"specversion": "1.0", "id": "1", "source": "s", "type": "t",
                       "data_base64": base64.b64encode(bytes(range(256))).decode()})
    scene.published(scene.at, body.encode(), "application/cloudevents+json; charset=utf-8")
    assert received(scene)[1].get_data() == bytes(range(256))


def test_a_binary_event_is_data_of_ours(scene):
    """Its ce-* headers are not interpreted: its body is published like any other (5.4)."""
    headers, body = to_binary(made({"a": 1}, datacontenttype="application/json"))
    lines = [(name, value) for name, value in headers.items() if name.lower() != "content-type"]
    scene.published(scene.at, body, headers["content-type"], headers=lines)
    found = attributes(received(scene)[1])
    assert found["type"] == "com.dapr.event.sent" and found["id"] != "A234-1234"
    assert received(scene)[1].get_data() == {"a": 1}


def test_in_a_batch(bench):
    scene = Scene(bench, "pubsub.in-memory")
    scene.app.route("/events", reply(200))
    scene.start(entry("events", "/events", bulkSubscribe={"enabled": True, "maxAwaitDurationMs": 10}))
    sent = made({"n": 1}, datacontenttype="application/json")
    scene.published("events", to_structured(sent)[1], "application/cloudevents+json")
    inside = scene.app.wait_one("/events").json["entries"][0]
    event = from_http({"content-type": inside["contentType"]}, json.dumps(inside["event"]).encode())
    assert event.get_data() == {"n": 1} and attributes(event)["anextension"] == "e1"


def test_bulk_publish(scene):
    entries = [{"entryId": str(n), "event": json.loads(to_structured(made({"n": n}, id=f"i{n}"))[1]),
                "contentType": "application/cloudevents+json"} for n in range(3)]
    answer = scene.bulk_publish(scene.at, entries)
    assert answer.status == 204, answer.text
    came = scene.app.wait_for("/events", 3)
    events = [from_http(dict(one.headers), one.body) for one in came]
    assert sorted((attributes(one)["id"], one.get_data()["n"]) for one in events) == [("i0", 0), ("i1", 1), ("i2", 2)]


# --- In the binary mode of a broker ---

def test_a_binary_event_of_a_broker_is_routed_by_its_attributes(bench):
    """Kafka carries the attributes of such an event in headers, ce_ in front; its value is the data."""
    kafka = pytest.importorskip("kafka")
    to_record = pytest.importorskip("cloudevents.kafka").to_binary
    mark = uuid.uuid4().hex[:8]
    metadata = metadata_of(PRODUCTS, "pubsub.kafka", mark)
    app = bench.app(start=False)
    app.route("/dapr/subscribe", reply(200, json.dumps([entry(mark, routes={
        "rules": [{"match": 'event.type == "com.example.made"', "path": "/made"}], "default": "/others"})])))
    app.route("/made", reply(200))
    app.route("/others", reply(200))
    app.start()
    bench.sidecar(app=app, app_id=mark, resources=[component("pubsub", "pubsub.kafka", metadata)])
    client = kafka.KafkaProducer(bootstrap_servers=metadata["brokers"])
    for type in ("com.example.made", "com.example.other"):
        record = to_record(made(b"\x00\xfe data", type=type, datacontenttype="application/octet-stream"),
                           data_marshaller=lambda data: data)
        client.send(mark, record.value, headers=list(record.headers.items())).get(30)
    client.close()
    [came] = app.wait_for("/made", 1, seconds=40)
    assert came.body == b"\x00\xfe data" and came.header("Ce_id") == "A234-1234"
    [other] = app.wait_for("/others", 1, seconds=40)
    assert other.header("Ce_type") == "com.example.other"
