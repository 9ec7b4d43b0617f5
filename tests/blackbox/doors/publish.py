"""Publishing over both doors (http-api.md 4.4, 5.4, grpc-api.md 3.2). What was published is heard over a stream."""

from harness.doors import Entry, refused
from harness.pubsub import broker_component
from harness.rpc import error_info, resource_info
from harness.table import Table
from harness.topic_stream import Stream

table = Table()


def heard(at, count=1, **wish):
    """What a stream on the row's topic hears of what publish(at) says."""
    def run(publish):
        stream = Stream(at.sidecar.grpc)
        try:
            stream.begin(at.topic, **wish).wait_begun()
            publish()
            for n in range(count):
                stream.answer(stream.wait(n + 1)[n].id)
            return stream.events
        finally:
            stream.end()
    return run


def event(at, data, content_type=None, metadata=None):
    return heard(at)(lambda: at.door.publish("pubsub", at.topic, data, content_type, metadata))[0]


def data_of(content_type, data):
    def row(at):
        found = event(at, data, content_type)
        return found.data, found.data_content_type
    return row


for given, data, said in (("application/json", b'{"b":1.0,"a":12345678901234567890}', b'{"a":12345678901234567890,"b":1.0}'),
                          ("application/json", b"{", b'"{"'), ("application/json; charset=utf-8", b"[1]", b"[1]"),
                          ("text/plain", b"text", b"text"), ("application/octet-stream", b"\0\xff", b"\0\xff"),
                          ("text/plain", b"", b"")):
    table.row(f"5.4 data as {given}: {data!r}", data_of(given, data), (said, given))


@table.check("5.4 without a content type")
def without_type(at):
    found = event(at, b"text")
    assert (found.data, found.data_content_type) == (b"text", "text/plain")


@table.check("5.4 the attributes of an event")
def attributes(at):
    found = event(at, b"{}", "application/json")
    assert (found.source, found.type, found.spec_version) == ("caller", "com.dapr.event.sent", "1.0")
    assert (found.topic, found.pubsub_name) == (at.topic, "pubsub") and len(found.id) == 36
    texts = {key: value.string_value for key, value in found.extensions.fields.items()}
    assert texts.pop("time") and texts == {"topic": at.topic, "pubsubname": "pubsub", "traceid": "", "traceparent": "",
                                           "tracestate": ""}


@table.check("5.4 attributes that are overridden")
def overridden(at):
    found = event(at, b"{}", "application/json", {"cloudevent.id": "I", "cloudevent.source": "S", "cloudevent.type": "T",
                                                  "cloudevent.subject": "J"})
    assert (found.id, found.source, found.type) == ("I", "S", "T")
    assert found.extensions.fields["subject"].string_value == "J"


@table.check("5.4 a body that is an event")
def passed_through(at):
    found = event(at, b'{"id":"7","data":{"a":1},"datacontenttype":"application/json","own":true}',
                  "application/cloudevents+json")
    assert (found.id, found.data, found.source) == ("7", b'{"a":1}', "Dapr")
    assert found.extensions.fields["own"].bool_value


@table.check("4.4 raw bytes")
def raw(at):
    publish = lambda: at.door.publish("pubsub", at.topic, b"\0", None, {"rawPayload": "true"})  # noqa: E731
    [found] = heard(at, metadata={"rawPayload": "true"})(publish)
    assert (found.data, found.data_content_type, found.source) == (b"\0", "application/octet-stream", "Dapr")


@table.check("4.4 entries of a bulk")
def bulk(at):
    entries = [Entry("1", b'{"a":1}'), Entry("2", b"text", "text/plain"),
               Entry("3", b"\0", "application/octet-stream"), Entry("4", b'{"id":"7"}', "application/cloudevents+json")]
    found = heard(at, 4)(lambda: at.door.bulk_publish("pubsub", at.topic, entries) == [])
    assert [one.data for one in found] == [b'{"a":1}', b"text", b"\0", b""]
    assert [one.id for one in found][3] == "7"


table.row("4.4 a bulk of nothing", lambda at: at.door.bulk_publish("pubsub", at.topic, []), [])
table.row("4.4 nobody hears it", lambda at: at.door.publish("pubsub", at.topic, b"x"))


# --- What is refused ---

def both(message, status, name, code, *details):
    return refused(message, (status, name, details), (code, details))


def about(message, *info, pubsub="pubsub"):
    return resource_info("pubsub", pubsub, message), error_info(*info)


table.row("P2 an unknown pubsub", lambda at: at.door.publish("absent", "t"), both(
    "pubsub absent is not found", 404, "ERR_PUBSUB_NOT_FOUND", "INVALID_ARGUMENT", error_info("DAPR_PUBSUB_NOT_FOUND")))
table.row("P2 an unknown pubsub of a bulk", lambda at: at.door.bulk_publish("absent", "t", []), both(
    "pubsub absent is not found", 404, "ERR_PUBSUB_NOT_FOUND", "INVALID_ARGUMENT", error_info("DAPR_PUBSUB_NOT_FOUND")))

NO_BOOLEAN = "failed deserializing metadata. Error: rawPayload value must be a valid boolean: actual is 'zz'"
for name, door_call in (("", lambda at: at.door.publish("pubsub", "t", b"", None, {"rawPayload": "zz"})),
                        (" of a bulk", lambda at: at.door.bulk_publish("pubsub", "t", [], {"rawPayload": "zz"}))):
    table.row("P4 a rawPayload that is no boolean" + name, door_call, both(
        NO_BOOLEAN, 400, "ERR_PUBSUB_REQUEST_METADATA", "INVALID_ARGUMENT",
        *about(NO_BOOLEAN, "DAPR_PUBSUB_METADATA_DESERIALIZATION", {"rawPayload": "zz"})))

table.row("4.4 an event that is none",
          lambda at: at.door.publish("pubsub", "t", b"[]", "application/cloudevents+json"), both(
              "cannot create cloudevent", 500, "ERR_PUBSUB_CLOUD_EVENTS_SER", "INVALID_ARGUMENT", *about(
                  "cannot create cloudevent", "DAPR_PUBSUB_CLOUD_EVENT_CREATION",
                  {"appID": "caller", "error": "json: cannot unmarshal array into Go value of type "
                                               "map[string]interface {}"})))

BAD_ID = "error marshaling events to bytes for topic t pubsub pubsub. error: entryId is duplicated or not present for entry"
for ids in (["1", "1"], [""]):
    table.row(f"4.4 entry ids {ids}",
              lambda at, ids=ids: at.door.bulk_publish("pubsub", "t", [Entry(one, b"{}") for one in ids]), both(
                  BAD_ID, 400, "ERR_PUBSUB_EVENTS_SER", "INVALID_ARGUMENT", *about(
                      BAD_ID, "DAPR_PUBSUB_MARSHAL_EVENTS",
                      {"appID": "caller", "error": "entryId is duplicated or not present for entry"})))


@table.check("4.4 a topic that is not allowed")
def forbidden(at):
    sidecar = at.bench.sidecar(app_id="caller", resources=[
        broker_component("pubsub.in-memory", publishingScopes="caller=yes")])
    door = at.open(sidecar)
    text = "topic no is not allowed for app id caller"
    expected = both(text, 403, "ERR_PUBSUB_FORBIDDEN", "PERMISSION_DENIED",
                    *about(text, "DAPR_PUBSUB_FORBIDDEN", {"topic": "no", "error": text}))
    door.publish("pubsub", "yes", b"x")
    for call in (lambda: door.publish("pubsub", "no", b"x"),
                 lambda: door.bulk_publish("pubsub", "no", [Entry("1", b"x", "text/plain")])):
        try:
            call()
        except Exception as found:  # noqa: BLE001
            expected.check(found)
        else:
            raise AssertionError("it was published")
    door.close()


# --- Metadata ---

@table.check("3.3 a stream is listed")
def listed(at):
    stream = Stream(at.sidecar.grpc)
    try:
        stream.begin(at.topic, metadata={"a": "b"}, dead_letter_topic="dead").wait_begun()
        found = [one for one in at.door.metadata()["subscriptions"] if one["topic"] == at.topic]
        assert found == [{"pubsubname": "pubsub", "topic": at.topic, "metadata": {"a": "b"}, "rules": [{"path": "/"}],
                          "deadLetterTopic": "dead", "type": "STREAMING"}]
    finally:
        stream.end()
