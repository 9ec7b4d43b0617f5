"""What an application that speaks gRPC wants to hear (contract grpc-api 5.2, 9.2): ListTopicSubscriptions, routes,
declared subscriptions beside it."""

import grpc
import pytest

from harness.admin import Admin
from harness.grpc_app import Answer
from harness.pubsub import BROKERS, broker_component
from harness.resources import subscription, text_of
from harness.rpc_scene import RETRY, SUCCESS, RpcScene, entry, listing
from harness.wait import until

METHOD = "ListTopicSubscriptions"
CODES = grpc.StatusCode


@pytest.fixture(params=BROKERS)
def scene(request, bench):
    return RpcScene(bench, request.param)


@pytest.fixture
def memory(bench):
    return RpcScene(bench, "pubsub.in-memory")


def publish(scene, topic, data=b"{}", pubsub="pubsub", **more):
    scene.dapr.PublishEvent(pubsub_name=pubsub, topic=topic, data=data, data_content_type="application/json", **more)


def listed(scene):
    return scene.sidecar.metadata().get("subscriptions", [])


def as_listed(topic, *rules, type="PROGRAMMATIC", pubsub="pubsub", dead_letter="", **more):
    return {"pubsubname": pubsub, "topic": topic, "rules": list(rules), "deadLetterTopic": dead_letter, "type": type, **more}


def assert_delivers(scene, topic, path, **more):
    before = len(scene.events(path))
    publish(scene, topic, **more)
    assert scene.wait(path, before + 1)[-1].request.topic == topic


# --- The question ---

@pytest.mark.quick
def test_the_app_is_asked_once(memory):
    memory.accept("/t").start(entry("t", "/t"), env={"APP_API_TOKEN": "secret"})
    [asked] = memory.app.seen(METHOD)
    assert asked.message == b"" and asked.value("dapr-api-token") is None
    assert_delivers(memory, "t", "/t")
    assert len(memory.app.seen(METHOD)) == 1


def test_without_a_pubsub_the_app_is_not_asked(bench):
    app = bench.grpc_app()
    bench.sidecar(app=app, flags={"app-protocol": "grpc"})
    assert not app.seen(METHOD)


def test_unimplemented_means_none(memory):
    memory.start()
    assert len(memory.app.seen(METHOD)) == 1 and listed(memory) == []
    assert not memory.log_has("failed to get the subscriptions of the app")


def test_errors_are_retried(memory):
    answers = [Answer(code=CODES.UNAVAILABLE), Answer(code=CODES.INTERNAL), Answer(code=CODES.UNKNOWN),
               listing(entry("t", "/t"))]
    memory.app.route(METHOD, lambda call, context: answers.pop(0))
    memory.accept("/t").start()
    assert_delivers(memory, "t", "/t")
    assert len(memory.app.seen(METHOD)) == 4


def test_after_three_more_attempts_it_is_over(memory):
    memory.app.route(METHOD, Answer(code=CODES.INTERNAL, text="not today"))
    memory.start()
    assert len(memory.app.seen(METHOD)) == 4 and listed(memory) == []
    until(lambda: memory.log_has("failed to get the subscriptions of the app: rpc error: code = Internal desc = not today"),
          "the error in the log")


def test_an_answer_that_is_no_message_is_an_error(memory):
    answers = [Answer(b"\x0a\xff"), listing(entry("t", "/t"))]
    memory.app.route(METHOD, lambda call, context: answers.pop(0))
    memory.accept("/t").start()
    assert_delivers(memory, "t", "/t")


def test_the_init_endpoint_may_be_off(memory):
    memory.accept("/t").start(entry("t", "/t"), flags={"disable-init-endpoints": "subscribe"})
    until(lambda: memory.log_has("Skipping programmatic subscription loading"), "the line in the log")
    publish(memory, "t")
    assert not memory.app.seen(METHOD) and listed(memory) == [] and not memory.heard


def test_an_app_that_comes_late(memory):
    memory.app.route(METHOD, listing(entry("t", "/t")))
    memory.accept("/t").start(app=False, ready=False, flags={"app-port": memory.app.port})
    until(memory.sidecar.is_outbound_ready, "outbound health")
    memory.app.start()
    memory.sidecar.wait_ready()
    assert_delivers(memory, "t", "/t")
    assert len(memory.app.seen(METHOD)) == 1


def test_the_process_is_ready_when_subscriptions_are_live(memory):
    memory.accept("/t").start(entry("t", "/t"))
    publish(memory, "t", b"1")
    assert memory.wait("/t")[0].request.data == b"1"


# --- The answer ---

def test_an_entry_without_routes_has_one_empty_path(memory):
    memory.accept("").start(entry("t"))
    assert listed(memory) == [as_listed("t", {})]
    assert_delivers(memory, "t", "")


def test_an_entry_with_empty_routes_has_one_empty_path(memory):
    memory.accept("").start(entry("t", routes={}))
    assert listed(memory) == [as_listed("t", {})]
    assert_delivers(memory, "t", "")


def test_the_default_route_is_the_last_rule(memory):
    memory.start(entry("t", "/other", rules=[('event.type == "big"', "/big"), ("", "/always")]))
    assert listed(memory) == [as_listed("t", {"match": 'event.type == "big"', "path": "/big"}, {"path": "/always"},
                                        {"path": "/other"})]


def test_metadata_and_dead_letter_topic_are_listed(memory):
    memory.start(entry("t", "/t", metadata={"rawPayload": "true"}, dead_letter_topic="dead"))
    assert listed(memory) == [as_listed("t", {"path": "/t"}, dead_letter="dead", metadata={"rawPayload": "true"})]


def test_an_entry_of_an_absent_pubsub_does_not_stop_the_others(memory):
    memory.accept("/t").start(entry("t", "/x", pubsub="absent"), entry("t", "/t"))
    assert_delivers(memory, "t", "/t")
    assert [(one["pubsubname"], one["topic"]) for one in listed(memory)] == [("absent", "t"), ("pubsub", "t")]


def test_an_entry_without_a_name_is_left_out(memory):
    memory.accept("/t").start(entry("", "/x"), entry("t", "/x", pubsub=""), entry("t", "/t"))
    assert [one["topic"] for one in listed(memory)] == ["t"]
    assert_delivers(memory, "t", "/t")


def test_a_rule_that_cannot_be_read_costs_the_whole_list(memory):
    memory.start(entry("good", "/good"), entry("t", "/t", rules=[("event.type ==", "/t")]))
    assert listed(memory) == []
    until(lambda: memory.log_has("failed to subscribe to topics: ERROR: <input>:1:"), "the warning")


@pytest.mark.quick
def test_the_first_rule_that_matches(scene):
    topic = scene.topic("t")
    scene.accept("/big").accept("/small").accept("/other").start(
        entry(topic, "/other", rules=[('event.type == "big" && event.data.n > 5', "/big"),
                                      ('event.type == "big"', "/small")]))
    for type, n, path in (("big", 6, "/big"), ("big", 5, "/small"), ("none", 6, "/other")):
        publish(scene, topic, b'{"n":%d}' % n, metadata={"cloudevent.type": type})
        assert scene.wait(path)[0].request.data == b'{"n":%d}' % n


def test_a_rule_without_a_match_beats_the_default(memory):
    memory.accept("/first").start(entry("t", "/default", rules=[("", "/first")]))
    assert_delivers(memory, "t", "/first")


def test_without_a_match_and_a_default_nothing_is_delivered(memory):
    memory.accept("/big").accept("/dead").start(
        entry("t", rules=[('event.type == "big"', "/big")], dead_letter_topic="dead"), entry("dead", "/dead"))
    publish(memory, "t", b"1")
    assert memory.wait("/dead")[0].request.data == b"1"
    assert not memory.events("/big")


def test_a_path_is_given_as_it_is(memory):
    memory.accept("plain path?x").start(entry("t", "plain path?x"))
    assert_delivers(memory, "t", "plain path?x")


# --- Which of them counts ---

def test_of_two_programmatic_the_last_counts(memory):
    memory.accept("/second").start(entry("t", "/first"), entry("t", "/second"))
    assert_delivers(memory, "t", "/second")
    assert listed(memory) == [as_listed("t", {"path": "/second"})]


def test_programmatic_beats_declared(memory):
    memory.accept("/app").start(entry("t", "/app"), resources=[subscription("a", "pubsub", "t", "/file")])
    assert_delivers(memory, "t", "/app")
    assert listed(memory) == [as_listed("t", {"path": "/app"})]


@pytest.mark.quick
def test_declared_subscriptions_are_delivered_over_grpc(scene):
    topic = scene.topic("d")
    scene.accept("/d").start(resources=[subscription("d", "pubsub", topic, "/d")])
    assert_delivers(scene, topic, "/d")
    assert listed(scene) == [as_listed(topic, {"path": "/d"}, type="DECLARATIVE")]


def test_both_kinds_are_live(memory):
    memory.accept("/p").accept("/d").start(entry("p", "/p"), resources=[subscription("d", "pubsub", "d", "/d")])
    assert_delivers(memory, "p", "/p")
    assert_delivers(memory, "d", "/d")


def test_a_declared_dead_letter_topic(memory):
    memory.accept("/t", RETRY, SUCCESS).accept("/dead").start(
        resources=[subscription("a", "pubsub", "t", "/t", deadLetterTopic="dead"), subscription("b", "pubsub", "dead", "/dead")])
    publish(memory, "t", b"1")
    assert memory.wait("/dead")[0].request.data == b"1"


# --- Scopes, stars, several brokers ---

def test_topics_that_the_app_may_not_hear(memory):
    memory.accept("/yes").accept("/no").start(entry("no", "/no"), entry("yes", "/yes"),
                                              metadata={"subscriptionScopes": "caller=yes"})
    assert_delivers(memory, "yes", "/yes")
    publish(memory, "no")
    assert_delivers(memory, "yes", "/yes")
    assert not memory.events("/no")


def test_the_topic_of_an_event_is_the_brokers(memory):
    memory.accept("/star").start(entry("orders*", "/star"))
    publish(memory, "orders.eu")
    assert memory.wait("/star")[0].request.topic == "orders.eu"


@pytest.mark.skipif(len(BROKERS) < 2, reason="without Redis")
def test_a_namespace_of_topics_is_not_seen(bench):
    scene = RpcScene(bench, "pubsub.redis")
    topic = scene.topic("t")
    scene.accept("/t").start(entry(topic, "/t"), metadata={"consumerID": "{namespace}"}, env={"NAMESPACE": "ns"})
    assert_delivers(scene, topic, "/t")


def test_the_same_topic_of_two_pubsubs(memory):
    memory.accept("/one").accept("/two").start(
        entry("t", "/one"), entry("t", "/two", pubsub="second"),
        resources=[broker_component("pubsub.in-memory", "second")])
    publish(memory, "t", pubsub="second")
    assert memory.wait("/two")[0].request.pubsub_name == "second"
    assert not memory.events("/one")


@pytest.mark.differs
def test_a_pubsub_that_comes_later_is_heard(memory, tmp_path):
    path = str(tmp_path / "admin.sock")
    memory.accept("/late").accept("/declared").start(
        entry("t", "/late", pubsub="late"), flags={"admin-listen": f"unix:{path}"},
        resources=[subscription("d", "late", "d", "/declared")])
    assert Admin(path=path).put(text_of(broker_component("pubsub.in-memory", "late"))).status == 200

    def hears(topic, route):
        publish(memory, topic, pubsub="late")
        return memory.events(route)
    until(lambda: hears("t", "/late"), "an event of the app's subscription")
    until(lambda: hears("d", "/declared"), "an event of the declared one")
    assert len(memory.app.seen(METHOD)) == 1
