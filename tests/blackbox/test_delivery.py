"""Deliveries one by one (contract 5.1, 5.5, A8, 8.4): what the app gets, what its answers mean, dead
letters, raw payload, metrics, and the end of the process."""

import base64
import json
import threading
import time

import pytest

from harness import metrics
from harness.admin import Admin
from harness.app import raw_reply, reply
from harness.plugins import plugin_folder
from harness.pubsub import BROKERS, NO_TRACE, UUID, Scene, entry
from harness.resources import component
from harness.wait import until

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(params=BROKERS)
def scene(request, bench):
    return Scene(bench, request.param)


@pytest.fixture
def memory(bench):
    return Scene(bench, "pubsub.in-memory")


def sync(scene, topic, path, mark="sync"):
    """Everything before has been delivered when this has: brokers keep the order of a topic here."""
    scene.app.route(path, reply(200))
    scene.published(topic, {"mark": mark})

    def there():
        return [one for one in scene.app.requests(path) if one.json.get("data") == {"mark": mark}]
    until(there, "the message behind the others")


# --- What the app gets ---

@pytest.mark.quick
def test_a_delivery(memory):
    memory.accept("/orders").start(entry("orders", "/orders"))
    memory.published("orders", {"id": 1}, query="?metadata.foo=bar")
    came = memory.app.wait_one("/orders")
    assert came.method == "POST" and came.target == "/orders"
    assert set(came.headers) == {
        ("Host", f"127.0.0.1:{memory.app.port}"), ("User-Agent", "Go-http-client/1.1"),
        ("Content-Length", "280"), ("Content-Type", "application/cloudevents+json"), ("Foo", "bar"),
        ("Pubsubname", "pubsub"), ("Traceparent", NO_TRACE), ("Accept-Encoding", "gzip")}
    assert len(came.headers) == 8
    assert came.body.startswith(b'{"data":{"id":1},"datacontenttype":"application/json","id":"')


def test_metadata_becomes_headers(scene):
    topic = scene.topic("t")
    scene.accept("/t").start(entry(topic, "/t"))
    scene.published(topic, b'{"raw":1}', query="?metadata.rawPayload=true&metadata.ttlInSeconds=100"
                    "&metadata.x-MIXED-case=1&metadata._under=2&metadata.content-type=a&metadata.content-length=9"
                    "&metadata.pubsubname=no")
    came = scene.app.wait_one("/t")
    assert came.body == b'{"raw":1}'
    names = came.names
    for name, value in (("Rawpayload", "true"), ("Ttlinseconds", "100"), ("X-Mixed-Case", "1"), ("_under", "2"),
                        ("Pubsubname", "pubsub"), ("Content-Type", "application/cloudevents+json"),
                        ("Content-Length", "9")):
        assert names.count(name) == 1 and came.header(name) == value


@pytest.mark.parametrize("query", ["metadata.a%0d%0aEvil=1", "metadata.a=1%0d%0aEvil:%201",
                                   "metadata.host=evil&metadata.transfer-encoding=chunked&metadata.connection=close"])
def test_metadata_cannot_speak_for_the_connection(memory, query):
    memory.accept("/t").start(entry("t", "/t"))
    memory.published("t", {"n": 1}, query="?" + query)
    came = memory.app.wait_one("/t")
    assert came.header("Evil") is None and not came.chunked
    assert came.header("Host") == f"127.0.0.1:{memory.app.port}"
    assert came.json["data"] == {"n": 1}


def test_any_object_is_delivered_unchanged(scene):
    topic = scene.topic("t")
    scene.accept("/t").start(entry(topic, "/t"))
    body = b'{ "b" : 1.500 , "a" : "\\u00e9" }'
    scene.published(topic, body, query="?metadata.rawPayload=true")
    came = scene.app.wait_one("/t")
    assert came.body == body and came.header("Content-Type") == "application/cloudevents+json"
    assert came.header("Traceparent") is None


@pytest.mark.parametrize("body", [b"plain", b"[]", b'"text"', b"", b'{"a":'])
def test_a_raw_message_that_is_no_object(scene, body):
    topic, dead = scene.topic("t"), scene.topic("dead")
    scene.accept("/t").accept("/dead").start(
        entry(topic, "/t", deadLetterTopic=dead), entry(dead, "/dead", metadata={"rawPayload": "true"}))
    scene.published(topic, body, query="?metadata.rawPayload=true")
    came = scene.app.wait_one("/dead").json
    assert base64.b64decode(came["data_base64"]) == body
    until(lambda: scene.log_has(f"error deserializing cloud event in pubsub pubsub and topic {topic}: "), "the error")
    assert not scene.app.requests("/t")


@pytest.mark.parametrize("value", [7, True, {"a": 1}, None])
def test_a_trace_that_is_no_text_is_tolerated(memory, value):
    memory.accept("/t").start(entry("t", "/t"))
    memory.published("t", {"id": "1", "traceid": value, "traceparent": value}, "application/cloudevents+json")
    assert memory.app.wait_one("/t").json["traceid"] == value


def test_the_trace_of_the_event_is_the_trace_of_the_delivery(memory):
    memory.accept("/t").start(entry("t", "/t"))
    memory.published("t", {}, headers=[("traceparent", PARENT)])
    assert memory.app.wait_one("/t").header("Traceparent") == PARENT


# --- Raw payload ---

def wrapped(scene, topic, data):
    return {"data_base64": base64.b64encode(data).decode(), "datacontenttype": "application/octet-stream",
            "pubsubname": "pubsub", "source": "Dapr", "specversion": "1.0", "topic": topic,
            "type": "com.dapr.event.sent"}


@pytest.mark.quick
@pytest.mark.parametrize("data", [b'{"b":1.50,"a":2}', b"\0\xff", b""])
def test_raw_published_raw_subscribed(scene, data):
    topic = scene.topic("t")
    scene.accept("/t").start(entry(topic, "/t", metadata={"rawPayload": "true"}))
    scene.published(topic, data, query="?metadata.rawPayload=true")
    came = scene.app.wait_one("/t")
    event = came.json
    assert list(event) == sorted(event) and UUID.fullmatch(event.pop("id"))
    assert event == wrapped(scene, topic, data)
    assert came.header("Traceparent") is None and came.header("Rawpayload") == "true"


def test_an_event_published_raw_subscribed(scene):
    topic = scene.topic("t")
    scene.accept("/t").start(entry(topic, "/t", metadata={"rawPayload": "true"}))
    scene.published(topic, {"a": 1})
    event = scene.app.wait_one("/t").json
    inner = json.loads(base64.b64decode(event["data_base64"]))
    assert inner["data"] == {"a": 1} and inner["source"] == scene.sidecar.app_id
    assert "time" not in event and event["source"] == "Dapr"


# --- What the app answers ---

OUTCOMES = [
    (reply(200), "success", "success"), (reply(201, "x"), "success", "success"),
    (reply(204), "success", "success"), (reply(200, "[]"), "success", "success"),
    (reply(200, "{"), "success", "success"), (reply(200, '{"status":""}'), "success", "success"),
    (reply(200, '{"status":5}'), "success", "success"), (reply(200, '{"status":"SUCCESS"}'), "success", "success"),
    (reply(200, '{"status":"RETRY"}'), "retry", "retry"), (reply(200, '{"status":"drop"}'), "retry", "retry"),
    (reply(200, '{"status":"ANY"}'), "retry", "retry"), (reply(200, '{"status":"DROP"}'), "drop", "success"),
    (reply(404), "drop", "drop"), (reply(500), "retry", "retry"), (reply(400), "retry", "retry"),
    (reply(302, "", [("Location", "/elsewhere")]), "retry", "retry"), (raw_reply(b""), "retry", "retry")]


def count_of(scene, topic, process, status):
    return metrics.value(scene.sidecar, "dapr_component_pubsub_ingress_count", topic=topic, component="pubsub",
                         app_id=scene.sidecar.app_id, namespace="", process_status=process, status=status)


@pytest.mark.parametrize("answer,process,status", OUTCOMES)
def test_what_an_answer_means(memory, answer, process, status):
    memory.accept("/t", answer).start(entry("t", "/t"))
    memory.published("t", {"n": 1})
    until(lambda: count_of(memory, "t", process, status) == 1, f"one message counted as {process}, {status}")
    assert metrics.value(memory.sidecar, "dapr_component_pubsub_ingress_latencies_count", topic="t") == 1
    sync(memory, "t", "/t")
    assert len(memory.app.requests("/t")) == 2
    assert not memory.app.requests("/elsewhere")


@pytest.mark.parametrize("answer,process,status", OUTCOMES)
def test_what_an_answer_means_where_there_is_a_dead_letter_topic(memory, answer, process, status):
    memory.accept("/t", answer).accept("/dead").start(
        entry("t", "/t", deadLetterTopic="dead"), entry("dead", "/dead"))
    memory.published("t", {"n": 1}, query="?metadata.foo=bar&metadata.cloudevent.id=I1")
    if process == "success":
        until(lambda: count_of(memory, "t", process, status) == 1, "the count")
        sync(memory, "t", "/t")
        sync(memory, "dead", "/dead")
        assert len(memory.app.requests("/dead")) == 1
        return
    came = memory.app.wait_one("/dead")
    assert came.json["id"] == "I1" and came.json["topic"] == "t" and came.header("Foo") == "bar"
    assert came.body == memory.app.wait_one("/t").body
    if (process, status) == ("drop", "drop"):
        until(lambda: count_of(memory, "t", "drop", "drop") == 2, "both counts")
    else:
        until(lambda: count_of(memory, "t", process, status) == 1, "its own count")
        until(lambda: count_of(memory, "t", "drop", "drop") == 1, "the count of the dead letter")


def test_a_long_answer_is_no_failure(memory):
    memory.accept("/t", reply(200, "x" * (2 << 20))).start(entry("t", "/t"))
    memory.published("t", {})
    until(lambda: count_of(memory, "t", "success", "success") == 1, "the count")


@pytest.mark.parametrize("answer", [reply(500), reply(200, '{"status":"RETRY"}'), reply(404)])
def test_a_failure_does_not_stop_the_next(scene, answer):
    topic = scene.topic("t")
    scene.accept("/t", answer, reply(200)).start(entry(topic, "/t"))
    scene.published(topic, {"n": 1})
    scene.app.wait_for("/t", 1)
    scene.published(topic, {"n": 2})
    until(lambda: [one for one in scene.app.requests("/t") if one.json["data"] == {"n": 2}], "the second message")


def test_a_dead_letter_topic_may_be_its_own(memory):
    memory.accept("/t", reply(500), reply(200)).start(entry("t", "/t", deadLetterTopic="t"))
    memory.published("t", {"n": 1})
    first, second = memory.app.wait_for("/t", 2)
    assert first.body == second.body


def test_a_declared_dead_letter_topic(memory):
    from harness.resources import subscription
    memory.accept("/t", reply(500)).accept("/dead").start(
        resources=[subscription("a", "pubsub", "t", "/t", deadLetterTopic="dead"),
                   subscription("b", "pubsub", "dead", "/dead")])
    memory.published("t", {"n": 1})
    assert memory.app.wait_one("/dead").json["topic"] == "t"


def test_a_dead_letter_topic_that_the_app_may_not_publish_to(memory):
    memory.accept("/t", reply(500)).start(entry("t", "/t", deadLetterTopic="dead"),
                                          metadata={"publishingScopes": "caller=t"})
    memory.published("t", {"n": 1})
    until(lambda: memory.log_has("failed to send a message of topic t to its dead letter topic dead: "), "the error")


def test_what_expired_goes_to_the_dead_letter_topic(memory):
    memory.accept("/t").accept("/dead").start(
        entry("t", "/t", deadLetterTopic="dead"), entry("dead", "/dead", metadata={"rawPayload": "true"}))
    memory.published("t", {"n": 1}, query="?metadata.ttlInSeconds=0")
    event = memory.app.wait_one("/dead").json
    assert json.loads(base64.b64decode(event["data_base64"]))["data"] == {"n": 1}
    until(lambda: count_of(memory, "t", "drop", "drop") == 2, "both counts")
    assert not memory.app.requests("/t")


def test_without_a_dead_letter_topic_an_expired_one_is_counted(memory):
    memory.start(entry("t", "/t"))
    memory.published("t", {"n": 1}, query="?metadata.ttlInSeconds=0")
    until(lambda: count_of(memory, "t", "drop", "drop") == 1, "the count")


# --- Order, many, large ---

def test_messages_of_a_topic_come_in_their_order(memory):
    memory.accept("/t").start(entry("t", "/t"))
    for n in range(300):
        memory.published("t", {"n": n})
    came = memory.app.wait_for("/t", 300)
    assert [one.json["data"]["n"] for one in came] == list(range(300))


def test_one_message_at_a_time_from_the_embedded_broker(memory):
    gate = threading.Event()
    running, most, lock = [0], [0], threading.Lock()

    def slow(request, sock):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        gate.wait(10)
        with lock:
            running[0] -= 1
        return reply(200)

    memory.accept("/t", slow).start(entry("t", "/t"))
    for n in range(5):
        memory.published("t", {"n": n})
    memory.app.wait_for("/t", 1)
    gate.set()
    memory.app.wait_for("/t", 5)
    assert most[0] == 1


def test_one_topic_does_not_wait_for_another(memory):
    gate = threading.Event()

    def stuck(request, sock):
        gate.wait(10)
        return reply(200)

    memory.accept("/slow", stuck).accept("/fast").start(entry("slow", "/slow"), entry("fast", "/fast"))
    memory.published("slow", {})
    memory.app.wait_for("/slow", 1)
    for n in range(20):
        memory.published("fast", {"n": n})
    memory.app.wait_for("/fast", 20)
    gate.set()


def test_large_messages(scene):
    topic = scene.topic("t")
    scene.accept("/t").start(entry(topic, "/t"))
    text = "é" * (1 << 20)
    scene.published(topic, json.dumps({"text": text}, ensure_ascii=False))
    assert scene.app.wait_one("/t").json["data"] == {"text": text}


def test_the_app_may_only_get_so_many_at_once(memory):
    gate = threading.Event()
    running, most, lock = [0], [0], threading.Lock()

    def slow(request, sock):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        gate.wait(10)
        with lock:
            running[0] -= 1
        return reply(200)

    topics = [f"t{n}" for n in range(6)]
    memory.accept("/t", slow).start(*[entry(topic, "/t") for topic in topics], flags={"app-max-concurrency": 2})
    for topic in topics:
        memory.published(topic, {})
    memory.app.wait_for("/t", 2)
    gate.set()
    memory.app.wait_for("/t", 6)
    assert most[0] <= 2


@pytest.mark.differs
def test_a_dead_letter_topic_that_never_answers_is_waited_for_thirty_seconds(bench, tmp_path):
    """The message goes back to the broker then."""
    app = bench.app()
    app.route("/dapr/subscribe", reply(200, json.dumps([entry("good", "/t", deadLetterTopic="silent")])))
    sidecar = bench.sidecar(app=app, resources=[component("pubsub", "pubsub.shouting")],
                            flags={"plugins-path": str(plugin_folder(tmp_path, "shouting.c", "pubsub.shouting"))})
    assert sidecar.post("/v1.0/publish/pubsub/say", b"").status == 204
    began = time.monotonic()
    sidecar.wait_log("failed to send a message of topic good to its dead letter topic silent: context deadline exceeded", 40)
    assert 29 < time.monotonic() - began < 35
    sidecar.stop()


# --- Code is replaced ---

@pytest.mark.differs
def test_replacing_the_block_loses_no_message(memory, tmp_path):
    path = str(tmp_path / "admin.sock")
    memory.accept("/t").start(entry("t", "/t"), flags={"admin-listen": f"unix:{path}"})
    admin = Admin(path=path)
    sent = 0
    for _ in range(5):
        for _ in range(20):
            memory.published("t", {"n": sent})
            sent += 1
        assert admin.swap("pubsub").status == 200
    came = memory.app.wait_for("/t", sent)
    assert sorted({one.json["data"]["n"] for one in came}) == list(range(sent))


# --- The end of the process ---

def test_a_message_in_the_handler_is_finished_at_shutdown(memory):
    gate = threading.Event()
    done = threading.Event()

    def slow(request, sock):
        gate.wait(10)
        done.set()
        return reply(200)

    memory.accept("/t", slow).start(entry("t", "/t"))
    memory.published("t", {"n": 1})
    memory.app.wait_for("/t", 1)
    memory.published("t", {"n": 2})
    memory.sidecar.signal(2)
    until(lambda: memory.log_has("Dapr is shutting down"), "the shutdown")
    assert memory.sidecar.process.poll() is None
    gate.set()
    assert memory.sidecar.wait_end() == 0
    assert done.is_set() and len(memory.app.requests("/t")) == 1


def test_the_process_ends_although_a_handler_does_not(memory):
    gate = threading.Event()

    def stuck(request, sock):
        gate.wait(30)
        return reply(200)

    memory.accept("/t", stuck).start(entry("t", "/t"), flags={"dapr-graceful-shutdown-seconds": 1})
    memory.published("t", {"n": 1})
    memory.app.wait_for("/t", 1)
    memory.sidecar.signal(2)
    assert memory.sidecar.wait_end() == 1
    assert memory.log_has("Graceful shutdown timeout exceeded, forcing shutdown")
    gate.set()


def test_in_the_block_phase_nothing_is_delivered_but_publishing_works(memory):
    memory.accept("/t").start(entry("t", "/t"), flags={"dapr-block-shutdown-duration": "60s"})
    memory.published("t", {"n": 1})
    memory.app.wait_for("/t", 1)
    memory.sidecar.signal(2)
    until(lambda: memory.log_has("Blocking graceful shutdown for 1m0s or until app reports unhealthy..."), "the block")
    for n in range(20):
        assert memory.publish("t", {"n": n + 2}).status == 204
    assert memory.sidecar.get("/v1.0/metadata").status == 200
    assert len(memory.app.requests("/t")) == 1
    memory.sidecar.signal(2)
    assert memory.sidecar.wait_end() == 1
