"""Deliveries many at once (contract 5.6, A11, 8.4.16): how a batch is made, and what its answers mean."""

import base64
import json

import pytest

from harness import metrics
from harness.app import json_reply, raw_reply, reply
from harness.pubsub import BROKERS, NO_TRACE, UUID, Scene, entry
from harness.resources import subscription
from harness.wait import until

NOW = {"enabled": True, "maxAwaitDurationMs": 10}


@pytest.fixture(params=BROKERS)
def scene(request, bench):
    return Scene(bench, request.param)


@pytest.fixture
def memory(bench):
    return Scene(bench, "pubsub.in-memory")


def say(*statuses):
    """Answers each entry of a request with one of the statuses, in turn; None: says nothing of it."""
    def answer(request, sock):
        ids = [one["entryId"] for one in request.json["entries"]]
        return json_reply({"statuses": [{"entryId": id, "status": statuses[n % len(statuses)]}
                                        for n, id in enumerate(ids) if statuses[n % len(statuses)] is not None]})
    return answer


def entries_of(requests):
    return [one for request in requests for one in request.json["entries"]]


@pytest.mark.quick
def test_a_batch_of_one(memory):
    memory.accept("/bulk", say("SUCCESS")).start(entry("bulk", "/bulk", bulkSubscribe={"enabled": True}))
    memory.published("bulk", {"id": 2})
    came = memory.app.wait_one("/bulk")
    assert came.method == "POST"
    assert set(came.headers) == {
        ("Host", f"127.0.0.1:{memory.app.port}"), ("User-Agent", "Go-http-client/1.1"),
        ("Content-Length", "560"), ("Content-Type", "application/json"), ("Pubsubname", "pubsub"),
        ("Traceparent", NO_TRACE), ("Accept-Encoding", "gzip")}
    assert len(came.headers) == 7
    body = came.json
    assert list(body) == ["entries", "id", "metadata", "pubsubname", "topic", "type"]
    assert UUID.fullmatch(body["id"]) and body["metadata"] == {"pubsubName": "pubsub"}
    assert (body["pubsubname"], body["topic"], body["type"]) == ("pubsub", "bulk", "com.dapr.event.sent.bulk")
    [one] = body["entries"]
    assert list(one) == ["entryId", "event", "metadata", "contentType"]
    assert UUID.fullmatch(one["entryId"]) and one["metadata"] == {}
    assert one["contentType"] == "application/cloudevents+json"
    event = one["event"]
    assert event.pop("time") and UUID.fullmatch(event.pop("id"))
    assert event == {"data": {"id": 2}, "datacontenttype": "application/json", "pubsubname": "pubsub",
                     "source": "caller", "specversion": "1.0", "topic": "bulk", "traceid": "", "traceparent": "",
                     "tracestate": "", "type": "com.dapr.event.sent"}


def test_the_embedded_broker_makes_batches_of_one(memory):
    memory.accept("/bulk", say("SUCCESS")).start(entry("bulk", "/bulk", bulkSubscribe=NOW))
    answer = memory.bulk_publish("bulk", [{"entryId": str(n), "event": {"n": n}, "contentType": "application/json"}
                                          for n in range(4)])
    assert answer.status == 204
    came = memory.app.wait_for("/bulk", 4)
    assert [len(one.json["entries"]) for one in came] == [1, 1, 1, 1]
    assert [one["event"]["data"]["n"] for one in entries_of(came)] == [0, 1, 2, 3]
    assert all(one["metadata"] is None for one in entries_of(came))


@pytest.mark.skipif("pubsub.redis" not in BROKERS, reason="no broker that hands over many at once")
def test_a_batch_of_many(bench):
    scene = Scene(bench, "pubsub.redis")
    topic = scene.topic("bulk")
    scene.accept("/bulk", say("SUCCESS")).start(
        entry(topic, "/bulk", bulkSubscribe={"enabled": True, "maxMessagesCount": 5, "maxAwaitDurationMs": 3000}))
    entries = [{"entryId": str(n), "event": {"n": n}, "contentType": "application/json"} for n in range(10)]
    assert scene.bulk_publish(topic, entries).status == 204
    until(lambda: len(entries_of(scene.app.requests("/bulk"))) == 10, "ten entries")
    came = scene.app.requests("/bulk")
    assert max(len(one.json["entries"]) for one in came) > 1
    assert all(len(one.json["entries"]) <= 5 for one in came)
    assert sorted(one["event"]["data"]["n"] for one in entries_of(came)) == list(range(10))


def test_metadata_of_entries(memory):
    memory.accept("/bulk", say("SUCCESS")).start(entry("bulk", "/bulk", bulkSubscribe=NOW))
    memory.published("bulk", b'{"a":1}', query="?metadata.rawPayload=true&metadata.b=2&metadata.a=1")
    came = memory.app.wait_one("/bulk")
    assert came.json["entries"][0]["metadata"] == {"a": "1", "b": "2", "rawPayload": "true"}
    assert came.json["entries"][0]["event"] == {"a": 1}
    assert came.header("B") is None and came.header("Rawpayload") is None


def test_raw_entries(scene):
    topic = scene.topic("bulk")
    scene.accept("/bulk", say("SUCCESS")).start(
        entry(topic, "/bulk", bulkSubscribe=NOW, metadata={"rawPayload": "true"}))
    scene.published(topic, b"\0\xff", query="?metadata.rawPayload=true")
    [one] = scene.app.wait_one("/bulk").json["entries"]
    assert one["event"] == base64.b64encode(b"\0\xff").decode()
    assert one["contentType"] == "application/octet-stream"


def test_numbers_keep_their_digits(memory):
    memory.accept("/bulk", say("SUCCESS")).start(entry("bulk", "/bulk", bulkSubscribe=NOW))
    memory.published("bulk", b'{"n":12345678901234567890.50}')
    assert b'"data":{"n":12345678901234567890.50}' in memory.app.wait_one("/bulk").body


def test_a_declared_one(memory):
    made = subscription("s", "pubsub", "bulk", routes={"default": "/bulk"}, bulkSubscribe=NOW)
    memory.accept("/bulk", say("SUCCESS")).start(resources=[made])
    memory.published("bulk", {"n": 1})
    assert entries_of([memory.app.wait_one("/bulk")])[0]["event"]["data"] == {"n": 1}


def test_not_enabled_means_one_by_one(memory):
    memory.accept("/t").start(entry("t", "/t", bulkSubscribe={"enabled": False, "maxMessagesCount": 3}))
    memory.published("t", {"n": 1})
    assert memory.app.wait_one("/t").json["data"] == {"n": 1}


@pytest.mark.skipif("pubsub.redis" not in BROKERS, reason="no broker that hands over many at once")
def test_one_post_per_path(bench):
    scene = Scene(bench, "pubsub.redis")
    topic = scene.topic("bulk")
    rules = {"rules": [{"match": "event.data.n in [0, 2, 4]", "path": "/even"}], "default": "/odd"}
    scene.accept("/even", say("SUCCESS")).accept("/odd", say("SUCCESS")).start(
        entry(topic, routes=rules, bulkSubscribe={"enabled": True, "maxMessagesCount": 6, "maxAwaitDurationMs": 3000}))
    entries = [{"entryId": str(n), "event": {"n": n}, "contentType": "application/json"} for n in range(6)]
    assert scene.bulk_publish(topic, entries).status == 204
    for path, wanted in (("/even", [0, 2, 4]), ("/odd", [1, 3, 5])):
        until(lambda: len(entries_of(scene.app.requests(path))) == 3, "three entries")
        assert sorted(one["event"]["data"]["n"] for one in entries_of(scene.app.requests(path))) == wanted


# --- What the app answers ---

def count_of(scene, topic, process):
    return metrics.value(scene.sidecar, "dapr_component_pubsub_ingress_bulk_event_count", topic=topic,
                         component="pubsubName", app_id=scene.sidecar.app_id, namespace="", process_status=process)


OUTCOMES = [
    (say("SUCCESS"), "SUCCESS", False), (say("RETRY"), "RETRY", True), (say("DROP"), "DROP", True),
    (say(""), "RETRY", True), (say("success"), "RETRY", True), (say(None), "RETRY", True),
    (reply(200), "RETRY", True), (reply(200, "{}"), "RETRY", True), (reply(200, "["), "RETRY", True),
    (reply(204), "RETRY", True), (reply(404), "DROP", False), (reply(500), "RETRY", True),
    (reply(302, "", [("Location", "/x")]), "RETRY", True), (raw_reply(b""), "RETRY", True)]


@pytest.mark.parametrize("answer,process,buried", OUTCOMES)
def test_what_an_answer_means(memory, answer, process, buried):
    memory.accept("/bulk", answer, say("SUCCESS")).accept("/dead").start(
        entry("bulk", "/bulk", bulkSubscribe=NOW, deadLetterTopic="dead"), entry("dead", "/dead"))
    memory.published("bulk", {"n": 1}, query="?metadata.cloudevent.id=I1")
    until(lambda: count_of(memory, "bulk", process) == 1, f"one entry counted as {process}")
    assert metrics.value(memory.sidecar, "dapr_component_pubsub_ingress_bulk_count", topic="bulk",
                         process_status="") == 1
    assert metrics.value(memory.sidecar, "dapr_component_pubsub_ingress_bulk_latencies_count", topic="bulk",
                         process_status="") == 1
    if buried:
        came = memory.app.wait_one("/dead").json
        assert came["id"] == "I1" and came["topic"] == "bulk"
    memory.published("bulk", {"n": 2})
    memory.app.wait_for("/bulk", 2)
    memory.published("dead", {"n": 3})
    until(lambda: [one for one in memory.app.requests("/dead") if one.json["data"] == {"n": 3}], "the last")
    assert len(memory.app.requests("/dead")) == (2 if buried else 1)


def test_an_answer_for_an_unknown_entry_is_ignored_with_a_warning(memory):
    def answer(request, sock):
        made = [{"entryId": one["entryId"], "status": "SUCCESS"} for one in request.json["entries"]]
        return json_reply({"statuses": [{"entryId": "stranger", "status": "RETRY"}, *made]})
    memory.accept("/bulk", answer).start(entry("bulk", "/bulk", bulkSubscribe=NOW))
    memory.published("bulk", {"n": 1})
    until(lambda: count_of(memory, "bulk", "SUCCESS") == 1, "the count")
    until(lambda: memory.log_has("stranger"), "the warning")


def test_what_is_no_event_is_not_in_the_batch(memory):
    memory.accept("/bulk", say("SUCCESS")).accept("/dead").start(
        entry("bulk", "/bulk", bulkSubscribe=NOW, deadLetterTopic="dead"),
        entry("dead", "/dead", metadata={"rawPayload": "true"}))
    memory.published("bulk", b"plain", query="?metadata.rawPayload=true")
    event = memory.app.wait_one("/dead").json
    assert base64.b64decode(event["data_base64"]) == b"plain"
    memory.published("bulk", {"n": 1})
    assert len(entries_of(memory.app.wait_for("/bulk", 1))) == 1


def test_what_expired_is_not_in_the_batch(memory):
    memory.accept("/bulk", say("SUCCESS")).start(entry("bulk", "/bulk", bulkSubscribe=NOW))
    memory.published("bulk", {"n": 1}, query="?metadata.ttlInSeconds=0")
    memory.published("bulk", {"n": 2})
    assert [one["event"]["data"]["n"] for one in entries_of(memory.app.wait_for("/bulk", 1))] == [2]


def test_a_batch_that_fills_at_shutdown_is_held(memory):
    wide = {"enabled": True, "maxAwaitDurationMs": 60000}
    memory.accept("/bulk", say("SUCCESS")).start(entry("bulk", "/bulk", bulkSubscribe=wide))
    memory.published("bulk", json.dumps({"n": 1}))
    memory.sidecar.stop()
    assert not memory.app.requests("/bulk")


def test_a_full_batch_does_not_wait(memory):
    wide = {"enabled": True, "maxAwaitDurationMs": 60000, "maxMessagesCount": 1}
    memory.accept("/bulk", say("SUCCESS")).start(entry("bulk", "/bulk", bulkSubscribe=wide))
    memory.published("bulk", {"n": 1})
    memory.app.wait_for("/bulk", 1)
