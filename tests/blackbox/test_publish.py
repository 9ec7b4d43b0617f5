"""Publishing over HTTP (contract 4.4, 5.4, A8-A10, 8.4 and the pub/sub rows of 3): what comes in, what
an event is made of, what is refused. The event is looked at where the app gets it."""

import base64
import json
import re
from datetime import datetime, timedelta, timezone

import pytest

from harness import metrics
from harness.errors import assert_rich, error_info, resource_info
from harness.pubsub import BROKERS, NO_TRACE, UUID, Scene, entry
from harness.wait import until

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02"


@pytest.fixture(params=BROKERS)
def scene(request, bench):
    return Scene(bench, request.param)


@pytest.fixture
def heard(scene):
    """A running scene whose app hears the topic; heard.event(...) publishes and returns what came."""
    scene.heard_topic = scene.topic("heard")
    scene.accept("/heard").start(entry(scene.heard_topic, "/heard"))

    def event(*args, **options):
        before = len(scene.app.requests("/heard"))
        scene.published(scene.heard_topic, *args, **options)
        return scene.app.wait_for("/heard", before + 1)[-1]

    scene.event = event
    return scene


def silent(scene, **metadata):
    """A sidecar without an app: publishing is all it does."""
    return scene.start(app=False, metadata=metadata)


# --- The request ---

@pytest.mark.quick
def test_publishing_answers_204_without_a_body(heard):
    answer = heard.publish(heard.heard_topic, {"id": 1})
    assert answer.status == 204 and answer.body == b""
    assert answer.names == ["Traceparent", "Date"]
    assert answer.header("Traceparent") == NO_TRACE


def test_publishing_needs_no_app_and_no_subscriber(scene):
    assert silent(scene).publish(scene.topic("t"), {}).status == 204


def test_put_publishes_too(heard):
    answer = heard.sidecar.put(f"/v1.0/publish/pubsub/{heard.heard_topic}", {"a": 1})
    assert answer.status == 204
    assert heard.app.wait_one("/heard").json["data"] == {"a": 1}


@pytest.mark.parametrize("text", ["a/b/c", "a b", "ümläut", "a?b", "%2F"])
def test_a_topic_is_the_rest_of_the_path_unescaped(scene, text):
    from urllib.parse import quote
    topic = scene.topic(text)
    scene.accept("/odd").start(entry(topic, "/odd"))
    scene.published(quote(topic, safe="/"), {"a": 1})
    assert scene.app.wait_one("/odd").json["topic"] == topic


def test_a_topic_of_one_blank_is_legal(scene):
    assert silent(scene).publish("%20", {}).status == 204


@pytest.mark.parametrize("path", ["publish/pubsub/", "publish/pubsub"])
def test_an_empty_topic_is_no_route_of_publish(scene, path):
    answer = silent(scene).sidecar.post(f"/v1.0/{path}", {})
    assert answer.status == 404 and answer.json["errorCode"] == "ERR_DIRECT_INVOKE"


def test_bulk_without_a_topic_is_a_pubsub_named_bulk(scene):
    answer = silent(scene).sidecar.post("/v1.0/publish/bulk/pubsub", {})
    assert answer.status == 404 and answer.json["message"] == "pubsub bulk is not found"


def test_an_unknown_pubsub(scene):
    answer = silent(scene).publish("t", {}, query="?metadata.a=b&x=y", pubsub="nope")
    assert_rich(answer, 404, "ERR_PUBSUB_NOT_FOUND", "pubsub nope is not found",
                [error_info("DAPR_PUBSUB_NOT_FOUND", {"a": "b"})])
    assert answer.body == (b'{"errorCode":"ERR_PUBSUB_NOT_FOUND","message":"pubsub nope is not found",'
                           b'"details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo",'
                           b'"domain":"dapr.io","metadata":{"a":"b"},'
                           b'"reason":"DAPR_PUBSUB_NOT_FOUND"}]}')
    assert answer.names == ["Content-Type", "Traceparent", "Date", "Content-Length"]


def test_an_unknown_pubsub_where_there_is_none(bench):
    answer = bench.sidecar().post("/v1.0/publish/pubsub/t", {})
    assert_rich(answer, 404, "ERR_PUBSUB_NOT_FOUND", "pubsub pubsub is not found",
                [error_info("DAPR_PUBSUB_NOT_FOUND", {})])


def test_a_body_over_the_limit(scene):
    scene.start(app=False, flags={"max-body-size": "1k"})
    topic = scene.topic("t")
    message = f"error when publishing to topic {topic} in pubsub pubsub: stream too large"
    assert_rich(scene.publish(topic, b"x" * 1500), 500, "ERR_PUBSUB_PUBLISH_MESSAGE", message,
                [resource_info("pubsub", "pubsub", message),
                 error_info("DAPR_PUBSUB_PUBLISH_MESSAGE", {"error": "stream too large", "topic": topic})])


@pytest.mark.parametrize("word", ["yes", "2", "tRUE", "%20true"])
@pytest.mark.parametrize("bulk", [False, True])
def test_raw_payload_must_be_a_boolean(scene, word, bulk):
    from urllib.parse import unquote
    silent(scene)
    query = f"?metadata.rawPayload={word}"
    answer = (scene.bulk_publish("t", b"[", query) if bulk else scene.publish("t", {}, query=query))
    message = ("failed deserializing metadata. Error: rawPayload value must be a valid boolean: "
               f"actual is '{unquote(word)}'")
    assert_rich(answer, 400, "ERR_PUBSUB_REQUEST_METADATA", message,
                [resource_info("pubsub", "pubsub", message),
                 error_info("DAPR_PUBSUB_METADATA_DESERIALIZATION", {"rawPayload": unquote(word)})])


@pytest.mark.parametrize("word,raw", [("", False), ("0", False), ("f", False), ("False", False),
                                      ("1", True), ("t", True), ("true", True), ("TRUE", True)])
def test_words_for_raw_payload(heard, word, raw):
    came = heard.event({"plain": 1}, query=f"?metadata.rawPayload={word}")
    assert ("specversion" not in came.json) == raw


def test_metadata_keys_are_case_sensitive(heard):
    assert "specversion" in heard.event({}, query="?metadata.rawpayload=true").json


# --- The event ---

@pytest.mark.quick
def test_the_event_of_a_published_document(heard):
    came = heard.event({"id": 1})
    event = came.json
    assert UUID.fullmatch(event.pop("id"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)", event.pop("time"))
    assert event == {
        "data": {"id": 1}, "datacontenttype": "application/json", "pubsubname": "pubsub",
        "source": heard.sidecar.app_id, "specversion": "1.0", "topic": heard.heard_topic, "traceid": "",
        "traceparent": "", "tracestate": "", "type": "com.dapr.event.sent"}


def test_members_are_in_alphabetical_order_without_white_space(heard):
    came = heard.event(b'{ "z" : [1, 2] , "a" : {"y":1,"x":"<&>"} }')
    assert list(came.json) == sorted(came.json)
    assert came.body.startswith(b'{"data":{"a":{"x":"\\u003c\\u0026\\u003e","y":1},"z":[1,2]},'
                                b'"datacontenttype":"application/json","id":"')
    assert came.body.endswith(b'"type":"com.dapr.event.sent"}')


@pytest.mark.parametrize("number", ["12345678901234567890", "1.0", "1e400", "-0", "0.1000",
                                    "123456789.123456789123456789"])
def test_numbers_keep_their_digits(heard, number):
    assert f'"data":{{"n":{number}}}'.encode() in heard.event(f'{{"n":{number}}}').body


@pytest.mark.parametrize("type", ["application/json; charset=utf-8", "APPLICATION/JSON"])
def test_json_with_parameters_or_in_capitals(heard, type):
    event = heard.event(b'{"a":1}', type).json
    assert event["data"] == {"a": 1} and event["datacontenttype"] == type


@pytest.mark.parametrize("body,data", [(b"", ""), (b"{", "{"), (b"{} x", "{} x"), (b'"s"', "s"), (b"5", 5),
                                       (b"null", None), (b'{"a":"\xff"}', '{"a":"�"}')])
def test_a_body_that_is_no_document_becomes_a_string(heard, body, data):
    assert heard.event(body).json["data"] == data


@pytest.mark.parametrize("type", ["text/plain", "text/html", "foo/bar", "application/vnd.x+json",
                                  "application/cloudevents-batch+json", "application/xml"])
def test_every_other_type_is_a_string(heard, type):
    event = heard.event(b'{"a":1}', type).json
    assert event["data"] == '{"a":1}' and event["datacontenttype"] == type


def test_bytes_that_are_no_text_become_replacement_characters(heard):
    assert heard.event(b"a\xffb\xc3", "text/plain").json["data"] == "a�b�"


def test_without_a_type_it_is_plain_text(heard):
    event = heard.event(b"hello", None).json
    assert event["data"] == "hello" and event["datacontenttype"] == "text/plain"


@pytest.mark.parametrize("type", ["application/octet-stream", "application/cloudevents+protobuf"])
def test_binary_types_are_base64(heard, type):
    event = heard.event(b"\0\x01\xff", type).json
    assert event["data_base64"] == "AAH/" and "data" not in event and event["datacontenttype"] == type


def test_overrides(heard):
    query = "&".join(["metadata.cloudevent.id=I1", "metadata.cloudevent.source=S",
                      "metadata.cloudevent.type=T", "metadata.cloudevent.subject=U",
                      "metadata.cloudevent.time=X", "metadata.cloudevent.datacontenttype=X",
                      "metadata.cloudevent.specversion=X", "metadata.cloudevent.topic=X",
                      "metadata.cloudevent.other=X"])
    came = heard.event({}, query="?" + query)
    event = came.json
    assert (event["id"], event["source"], event["type"], event["subject"]) == ("I1", "S", "T", "U")
    assert event["datacontenttype"] == "application/json" and event["specversion"] == "1.0"
    assert event["topic"] == heard.heard_topic and event["time"] != "X" and "other" not in event
    assert came.header("Cloudevent.id") == "I1" and came.header("Cloudevent.other") == "X"


@pytest.mark.parametrize("query,trace,state", [
    ("metadata.cloudevent.traceid=TID", "TID", ""),
    ("metadata.cloudevent.traceparent=TP&metadata.cloudevent.traceid=TID", "TP", ""),
    ("metadata.cloudevent.tracestate=a%3Db", "", "a=b")])
def test_overrides_of_the_trace(heard, query, trace, state):
    event = heard.event({}, query="?" + query).json
    assert event["traceid"] == event["traceparent"] == trace and event["tracestate"] == state


def test_a_trace_goes_with_the_event_byte_for_byte(heard):
    came = heard.event({}, headers=[("traceparent", PARENT), ("tracestate", "k=v")])
    assert came.json["traceid"] == came.json["traceparent"] == PARENT
    assert came.json["tracestate"] == "k=v"
    assert came.header("Traceparent") == PARENT
    assert came.header("Tracestate") is None and came.header("Baggage") is None


def test_without_a_trace_the_delivery_has_zeros(heard):
    came = heard.event({})
    assert came.json["traceid"] == "" and came.header("Traceparent") == NO_TRACE


# --- Time to live ---

@pytest.mark.parametrize("query", ["metadata.ttlInSeconds=100", "metadata.ttl=100", "metadata.ttl=1m40s"])
def test_a_time_to_live_becomes_an_expiration(heard, query):
    event = heard.event({}, query="?" + query).json
    assert event["expiration"].endswith("Z")
    left = datetime.fromisoformat(event["expiration"].replace("Z", "+00:00")) - datetime.now(timezone.utc)
    assert timedelta(seconds=80) < left <= timedelta(seconds=101)


@pytest.mark.parametrize("query", ["metadata.ttlInSeconds=soon", "metadata.ttlInSeconds="])
def test_a_time_to_live_that_is_none_is_ignored(heard, query):
    assert "expiration" not in heard.event({}, query="?" + query).json


def test_what_expires_at_once_is_never_delivered(heard):
    heard.published(heard.heard_topic, {"n": 1}, query="?metadata.ttlInSeconds=0&metadata.cloudevent.id=late")
    assert heard.event({"n": 2}).json["data"] == {"n": 2}
    assert [one.json["data"]["n"] for one in heard.app.requests("/heard")] == [2]
    until(lambda: heard.log_has("dropping expired pub/sub event late as of "), "the warning")


def test_a_cloud_event_that_has_expired_is_never_delivered(heard):
    old = {"id": "1", "expiration": "2020-01-01T00:00:00Z"}
    heard.published(heard.heard_topic, old, "application/cloudevents+json")
    heard.event({"n": 2})
    assert len(heard.app.requests("/heard")) == 1


# --- A body that is an event already ---

EVENT = {"specversion": "1.0", "id": "ce1", "source": "src", "type": "ty", "ext1": "v", "data": {"z": 1},
         "datacontenttype": "application/json"}


@pytest.mark.parametrize("type", ["application/cloudevents+json", "application/cloudevents+json; charset=utf-8"])
def test_an_event_is_completed(heard, type):
    event = heard.event(EVENT, type).json
    assert list(event) == sorted(event)
    assert event.pop("time")
    assert event == {**EVENT, "pubsubname": "pubsub", "topic": heard.heard_topic, "traceid": "",
                     "traceparent": "", "tracestate": ""}


def test_defaults_of_an_event_and_no_id(heard):
    event = heard.event(b" { } ", "application/cloudevents+json").json
    assert event.pop("time")
    assert event == {"pubsubname": "pubsub", "topic": heard.heard_topic, "source": "Dapr",
                     "type": "com.dapr.event.sent", "specversion": "1.0", "traceid": "", "traceparent": "",
                     "tracestate": ""}


def test_topic_and_pubsub_of_an_event_are_overwritten(heard):
    event = heard.event({**EVENT, "topic": "x", "pubsubname": "y"}, "application/cloudevents+json").json
    assert event["topic"] == heard.heard_topic and event["pubsubname"] == "pubsub"


def test_a_time_of_an_event_stays(heard):
    event = heard.event({**EVENT, "time": "2001-01-01T00:00:00Z"}, "application/cloudevents+json").json
    assert event["time"] == "2001-01-01T00:00:00Z"


@pytest.mark.parametrize("given,trace_id,parent", [
    ({}, PARENT, PARENT), ({"traceparent": "own"}, PARENT, PARENT),
    ({"traceid": "own"}, "own", "own"), ({"traceid": "a", "traceparent": "b"}, "a", "b"),
    ({"traceid": 5}, 5, None), ({"traceid": {"a": 1}}, {"a": 1}, None), ({"traceid": True}, True, None)])
def test_the_trace_of_an_event(heard, given, trace_id, parent):
    event = heard.event({**EVENT, **given}, "application/cloudevents+json",
                        headers=[("traceparent", PARENT)]).json
    assert event["traceid"] == trace_id and event.get("traceparent") == parent


def test_overrides_do_not_touch_an_event_but_are_headers(heard):
    came = heard.event(EVENT, "application/cloudevents+json", query="?metadata.cloudevent.id=I1")
    assert came.json["id"] == "ce1" and came.header("Cloudevent.id") == "I1"


def test_the_data_of_an_event_keeps_its_digits(heard):
    came = heard.event(b'{"id":"1","data":{"n":12345678901234567890.50}}', "application/cloudevents+json")
    assert b'"data":{"n":12345678901234567890.50}' in came.body


def test_headers_of_the_binary_form_mean_nothing(heard):
    event = heard.event({"a": 1}, headers=[("ce-id", "X"), ("ce-type", "Y")]).json
    assert event["id"] != "X" and event["type"] == "com.dapr.event.sent"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"5", b"nope"])
def test_what_claims_to_be_an_event_and_is_none(scene, body):
    answer = silent(scene).publish("t", body, "application/cloudevents+json")
    assert answer.status == 500 and answer.json["errorCode"] == "ERR_PUBSUB_CLOUD_EVENTS_SER"
    assert answer.json["message"] == "cannot create cloudevent"
    resource, info = answer.json["details"]
    assert resource == resource_info("pubsub", "pubsub", "cannot create cloudevent")
    assert info["reason"] == "DAPR_PUBSUB_CLOUD_EVENT_CREATION"
    assert info["metadata"]["appID"] == scene.sidecar.app_id and info["metadata"]["error"]


# --- Scopes ---

@pytest.mark.parametrize("metadata,topic,allowed", [
    ({"allowedTopics": "a, b"}, "b", True), ({"allowedTopics": "a,b"}, "c", False),
    ({"protectedTopics": "a"}, "a", False), ({"protectedTopics": "a"}, "b", True),
    ({"protectedTopics": "a", "publishingScopes": "me=a"}, "a", True),
    ({"publishingScopes": "me=a , b;other=c"}, "b", True), ({"publishingScopes": "me=a;other=c"}, "c", False),
    ({"publishingScopes": "other=c"}, "c", True), ({"publishingScopes": "me="}, "a", False),
    ({"publishingScopes": "me=a", "allowedTopics": "b"}, "a", False),
    ({"subscriptionScopes": "me="}, "a", True)])
def test_who_may_publish_what(scene, metadata, topic, allowed):
    scene.start(app=False, metadata=metadata, app_id="me")
    answer = scene.publish(topic, {})
    if allowed:
        assert answer.status == 204, answer.text
        return
    message = f"topic {topic} is not allowed for app id me"
    details = [resource_info("pubsub", "pubsub", message),
               error_info("DAPR_PUBSUB_FORBIDDEN", {"error": message, "topic": topic})]
    assert_rich(answer, 403, "ERR_PUBSUB_FORBIDDEN", message, details)
    bulk = scene.bulk_publish(topic, [{"entryId": "1", "event": {}, "contentType": "application/json"}])
    assert_rich(bulk, 403, "ERR_PUBSUB_FORBIDDEN", message, details)


# --- Bulk publish ---

def one(id="1", event="x", type="text/plain", **more):
    return {"entryId": id, "event": event, "contentType": type, **more}


def bulk_events(heard, entries, query=""):
    answer = heard.bulk_publish(heard.heard_topic, entries, query)
    assert answer.status == 204 and answer.body == b"", answer.text
    return heard.app.wait_for("/heard", len(entries))


@pytest.mark.quick
@pytest.mark.parametrize("version", ["v1.0", "v1.0-alpha1"])
def test_bulk_publishing_delivers_each_entry(heard, version):
    answer = heard.bulk_publish(heard.heard_topic, [one(str(n), {"n": n}, "application/json")
                                                    for n in range(10)], version=version)
    assert answer.status == 204 and answer.names == ["Traceparent", "Date"]
    came = heard.app.wait_for("/heard", 10)
    assert sorted(event.json["data"]["n"] for event in came) == list(range(10))
    assert len({event.json["id"] for event in came}) == 10


@pytest.mark.parametrize("type,event,member,value", [
    ("text/plain", "hello", "data", "hello"), ("text/html", "<p>", "data", "<p>"),
    ("application/xml", "<a/>", "data", "<a/>"), ("application/json", {"b": 1, "a": 2}, "data", {"a": 2, "b": 1}),
    ("application/json", "text", "data", "text"), ("application/json", None, "data", None),
    ("application/vnd.x+json", {"a": 1}, "data", '{"a":1}'),
    ("application/octet-stream", base64.b64encode(b"\0\xff").decode(), "data_base64", "AP8=")])
def test_what_a_bulk_entry_may_hold(heard, type, event, member, value):
    came = bulk_events(heard, [one(event=event, type=type)])[0].json
    assert came[member] == value and came["datacontenttype"] == type


def test_an_entry_may_be_an_event_itself(heard):
    came = bulk_events(heard, [one(event=EVENT, type="application/cloudevents+json")])[0].json
    assert came["id"] == "ce1" and came["topic"] == heard.heard_topic


def test_an_entry_without_an_event_is_null(heard):
    came = bulk_events(heard, [{"entryId": "1", "contentType": "application/json"}])[0]
    assert came.json["data"] is None


@pytest.mark.differs
def test_numbers_in_bulk_keep_their_digits(heard):
    body = b'[{"entryId":"1","contentType":"application/json","event":{"n":12345678901234567890.5}}]'
    assert heard.bulk_publish(heard.heard_topic, body).status == 204
    assert b'"data":{"n":12345678901234567890.5}' in heard.app.wait_one("/heard").body


def test_the_type_of_a_bulk_request_means_nothing(heard):
    answer = heard.sidecar.post(f"/v1.0/publish/bulk/pubsub/{heard.heard_topic}", [one()],
                                [("Content-Type", "foo/bar")])
    assert answer.status == 204


@pytest.mark.parametrize("body", [b"[]", b"null", b" [ ] "])
def test_bulk_of_nothing(scene, body):
    assert silent(scene).bulk_publish("t", body).status == 204


def test_metadata_of_entries_and_request(heard):
    came = bulk_events(heard, [one("1", metadata={"a": "own", "c": "3"})], "?metadata.a=wide&metadata.b=2")[0]
    assert (came.header("A"), came.header("B"), came.header("C")) == ("own", "2", "3")


def test_an_entry_without_metadata_gets_none_of_the_request(heard):
    assert bulk_events(heard, [one("1")], "?metadata.b=2")[0].header("B") is None


def test_raw_entries(heard):
    came = bulk_events(heard, [one(event={"b": 1, "a": 2}, type="application/json", metadata={})],
                       "?metadata.rawPayload=true")[0]
    assert came.body == b'{"a":2,"b":1}' and came.header("Rawpayload") == "true"


def events_error(answer, scene, topic, text, reason, inner):
    metadata = {"appID": scene.sidecar.app_id}
    if inner is not None:
        metadata["error"] = inner
    assert_rich(answer, 400, "ERR_PUBSUB_EVENTS_SER", text,
                [resource_info("pubsub", "pubsub", text), error_info(reason, metadata)])


MISMATCH = "error: mismatch between contentType and event"


@pytest.mark.parametrize("type,event", [("text/plain", {"a": 1}), ("text/plain", None), ("application/xml", 5),
                                        ("application/octet-stream", {"a": 1}), ("foo/bar", "x"),
                                        (None, "x"), ("", {})])
def test_types_that_do_not_fit_their_events(scene, type, event):
    silent(scene)
    made = {"entryId": "1", "event": event, **({} if type is None else {"contentType": type})}
    text = f"error when marshalling cloud event envelope for topic orders pubsub pubsub: {MISMATCH}"
    events_error(scene.bulk_publish("orders", [made]), scene, "orders", text, "DAPR_PUBSUB_MARSHAL_ENVELOPE",
                 MISMATCH)


def test_base64_that_is_none(scene):
    answer = silent(scene).bulk_publish("t", [one(event="AA!", type="application/octet-stream")])
    assert answer.status == 400 and answer.json["errorCode"] == "ERR_PUBSUB_EVENTS_SER"
    assert answer.json["message"].startswith(
        "error when marshalling cloud event envelope for topic t pubsub pubsub: error: unable to decode base64 "
        "application/octect-stream data: ")


@pytest.mark.parametrize("entries", [[one("1"), one("1")], [one("")], [{"event": "x", "contentType": "text/plain"}]])
def test_ids_of_entries(scene, entries):
    silent(scene)
    inner = "entryId is duplicated or not present for entry"
    text = f"error marshaling events to bytes for topic t pubsub pubsub. error: {inner}"
    events_error(scene.bulk_publish("t", entries), scene, "t", text, "DAPR_PUBSUB_MARSHAL_EVENTS", inner)


@pytest.mark.parametrize("body,tail", [
    (b"[", "unexpected EOF"), (b'[{"entryId":', "unexpected EOF"), (b"", "EOF"),
    (b"{}", "json: cannot unmarshal object into Go value of type []http.bulkPublishMessageEntry")])
def test_a_bulk_body_that_cannot_be_read(scene, body, tail):
    silent(scene)
    text = f"error when unmarshaling the request for topic t pubsub pubsub: {tail}"
    events_error(scene.bulk_publish("t", body), scene, "t", text, "DAPR_PUBSUB_UNMARSHAL_EVENTS", None)


def test_a_bulk_body_over_the_limit(scene):
    scene.start(app=False, flags={"max-body-size": "1k"})
    text = "error when unmarshaling the request for topic t pubsub pubsub: stream too large"
    events_error(scene.bulk_publish("t", b"[" + b" " * 1500), scene, "t", text, "DAPR_PUBSUB_UNMARSHAL_EVENTS", None)


def test_bulk_to_an_unknown_pubsub(scene):
    answer = silent(scene).bulk_publish("t", [one()], pubsub="nope")
    assert_rich(answer, 404, "ERR_PUBSUB_NOT_FOUND", "pubsub nope is not found",
                [error_info("DAPR_PUBSUB_NOT_FOUND", {})])


def test_twenty_thousand_entries_with_ids_of_their_own(scene):
    """The check for duplicates must not take time that grows with the square of the entries."""
    silent(scene)
    entries = [{"entryId": str(n), "event": "x", "contentType": "text/plain"} for n in range(20000)]
    assert scene.bulk_publish("t", entries).status == 204


# --- Counting ---

def test_publishing_is_counted(scene):
    silent(scene)
    labels = {"app_id": scene.sidecar.app_id, "component": "pubsub", "namespace": "", "topic": "t"}
    scene.published("t", {})
    scene.published("t", {})
    metrics.wait_value(scene.sidecar, "dapr_component_pubsub_egress_count", 2, success="true", **labels)
    metrics.wait_value(scene.sidecar, "dapr_component_pubsub_egress_latencies_count", 2, success="true", **labels)
    assert scene.bulk_publish("t", [one("1"), one("2")]).status == 204
    for name, wanted in (("bulk_count", 1), ("bulk_event_count", 2), ("bulk_latencies_count", 1)):
        metrics.wait_value(scene.sidecar, f"dapr_component_pubsub_egress_{name}", wanted, success="true", **labels)


def test_errors_are_counted_once(scene):
    scene.start(app=False, config={"metrics": {"recordErrorCodes": True}}, metadata={"allowedTopics": "a"})
    scene.publish("t", {}, pubsub="nope")
    scene.publish("t", {})
    scene.publish("t", {}, query="?metadata.rawPayload=yes")
    scene.publish("t", b"x", "application/cloudevents+json")
    scene.bulk_publish("t", b"{}")
    for code in ("NOT_FOUND", "FORBIDDEN", "REQUEST_METADATA", "CLOUD_EVENTS_SER", "EVENTS_SER"):
        metrics.wait_value(scene.sidecar, "dapr_error_code_total", 1, category="pubsub",
                           error_code=f"ERR_PUBSUB_{code}")


def test_publishing_does_not_wait_for_the_app(heard):
    """An app that does not answer holds deliveries back, never publishers."""
    heard.app.route("/heard", lambda request, sock: None if sock.recv(1) else None)
    for n in range(20):
        heard.published(heard.heard_topic, {"n": n})
    assert json.loads(heard.app.wait_one("/heard").body)["data"]["n"] in range(20)
