"""Subscriptions (contract 5.3, 8.4.9-13, 8.4.15, the metadata of 4.14): what the app asks for, what
resources ask for, which of them counts, which route a message takes."""

import json

import pytest

from harness import metrics
from harness.app import json_reply, raw_reply, reply
from harness.pubsub import BROKERS, Scene, broker_component, entry
from harness.resources import subscription
from harness.wait import until


@pytest.fixture(params=BROKERS)
def scene(request, bench):
    return Scene(bench, request.param)


@pytest.fixture
def memory(bench):
    return Scene(bench, "pubsub.in-memory")


def listed(scene):
    return scene.sidecar.metadata().get("subscriptions", [])


def as_listed(topic, path, type, pubsub="pubsub", dead_letter="", **more):
    return {"pubsubname": pubsub, "topic": topic, "rules": [{"path": path}], "deadLetterTopic": dead_letter,
            "type": type, **more}


def assert_delivers(scene, topic, path):
    before = len(scene.app.requests(path))
    scene.published(topic, {"to": topic})
    assert scene.app.wait_for(path, before + 1)[-1].json["topic"] == topic


# --- GET /dapr/subscribe ---

@pytest.mark.quick
def test_the_app_is_asked_once(memory):
    memory.start(entry("t", "/t"))
    asked = memory.app.requests("/dapr/subscribe")
    assert len(asked) == 1 and asked[0].method == "GET" and asked[0].body == b""
    assert asked[0].header("Dapr-App-Id") == "caller"
    assert asked[0].header("Content-Type") == "application/json"
    assert asked[0].header("traceparent") is None


def test_the_app_is_asked_with_its_token(memory):
    memory.start(entry("t", "/t"), env={"APP_API_TOKEN": "secret"})
    assert memory.app.wait_one("/dapr/subscribe").header("dapr-api-token") == "secret"
    memory.accept("/t").published("t", {})
    assert memory.app.wait_one("/t").header("dapr-api-token") == "secret"


def test_without_a_pubsub_the_app_is_not_asked(bench):
    app = bench.app()
    bench.sidecar(app=app)
    assert app.requests("/dapr/config") and not app.requests("/dapr/subscribe")


def test_the_init_endpoint_may_be_off(memory):
    memory.accept("/t").start(entry("t", "/t"), flags={"disable-init-endpoints": "subscribe"},
                              resources=[subscription("s", "pubsub", "d", "/d")])
    until(lambda: memory.log_has("Skipping programmatic subscription loading (see 'disable-init-endpoints' "
                                 "flag/annotation)"), "the line in the log")
    assert not memory.app.requests("/dapr/subscribe")
    assert [one["topic"] for one in listed(memory)] == ["d"]


def test_subscriptions_are_live_when_the_process_is_ready(memory):
    memory.accept("/t").start(entry("t", "/t"))
    memory.published("t", {"n": 1})
    assert memory.app.wait_one("/t").json["data"] == {"n": 1}


@pytest.fixture
def fresh(memory):
    """No connection is left from before: a client may silently repeat a GET whose old connection broke."""
    memory.app.route("/dapr/config", reply(200, "{}", [("Connection", "close")]))
    return memory


def test_a_failed_connection_is_tried_again(fresh):
    memory = fresh
    memory.app.route("/dapr/subscribe", [raw_reply(b""), raw_reply(b""), raw_reply(b""),
                                         json_reply([entry("t", "/t")])])
    memory.accept("/t").start()
    assert_delivers(memory, "t", "/t")
    assert len(memory.app.requests("/dapr/subscribe")) == 4


def test_after_three_more_attempts_it_is_over(fresh):
    memory = fresh
    memory.app.route("/dapr/subscribe", raw_reply(b""))
    memory.start()
    assert len(memory.app.requests("/dapr/subscribe")) == 4
    assert listed(memory) == []


@pytest.mark.parametrize("status", [500, 503, 201, 302])
def test_another_status_is_final(memory, status):
    memory.app.route("/dapr/subscribe", [reply(status, json.dumps([entry("t", "/t")])),
                                         json_reply([entry("t", "/t")])])
    memory.start()
    assert len(memory.app.requests("/dapr/subscribe")) == 1
    assert listed(memory) == []
    until(lambda: memory.log_has(f"app returned http status code {status} from subscription endpoint"),
          "the error in the log")


def test_not_found_means_none(memory):
    memory.app.route("/dapr/subscribe", reply(404))
    memory.start()
    assert listed(memory) == [] and len(memory.app.requests("/dapr/subscribe")) == 1
    assert not memory.log_has("app returned http status code")


@pytest.mark.parametrize("body", ["", "[]", "null", "{", '{"a":1}', '"text"'])
def test_answers_that_list_nothing(memory, body):
    memory.app.route("/dapr/subscribe", reply(200, body))
    memory.start()
    assert listed(memory) == []


def test_entries_that_are_none_leave_the_others_alive(memory):
    memory.app.route("/dapr/subscribe", json_reply([5, {"topic": "t"}, {"pubsubname": "pubsub"},
                                                    entry("none"), entry("good", "/good")]))
    memory.accept("/good").start()
    assert [one["topic"] for one in listed(memory)] == ["good"]
    until(lambda: memory.log_has("topic none has an empty routes. removing from subscriptions list"), "the warning")
    assert_delivers(memory, "good", "/good")


@pytest.mark.parametrize("answer,path", [
    ({"route": "/a"}, "/a"), ({"route": "a"}, "/a"), ({"routes": {"default": "/b"}}, "/b"),
    ({"route": "/a", "routes": {"default": "/b"}}, "/b"), ({"route": "/a", "routes": {}}, "/a"),
    ({"routes": {"rules": [{"path": "/c"}], "default": "/b"}}, "/c"),
    ({"routes": {"rules": [{"match": "", "path": "/c"}, {"path": "/d"}]}}, "/c"),
    ({"route": "/with/deep/path"}, "/with/deep/path"), ({"route": "/q?x=1"}, "/q")])
def test_the_route_of_an_entry(memory, answer, path):
    memory.accept(path).start(entry("t", **answer))
    assert_delivers(memory, "t", path)


def test_a_path_without_its_slash_is_listed_as_given(memory):
    memory.start(entry("t", "plain"))
    assert listed(memory) == [as_listed("t", "plain", "PROGRAMMATIC")]


def test_a_rule_may_look_for_a_pattern(memory):
    memory.accept("/com").accept("/others").start(entry("t", routes={
        "rules": [{"match": r'event.source.matches("^com\\.[a-z]+$")', "path": "/com"}], "default": "/others"}))
    for source in ("org.other", "com.example"):
        memory.published("t", {}, query=f"?metadata.cloudevent.source={source}")
    assert memory.app.wait_one("/others").json["source"] == "org.other"
    assert memory.app.wait_one("/com").json["source"] == "com.example"


def test_an_empty_match_hides_the_rest(memory):
    memory.accept("/first").start(entry("t", routes={"rules": [{"path": "/first"}, {"path": "/second"}],
                                                     "default": "/third"}))
    assert_delivers(memory, "t", "/first")
    assert listed(memory)[0]["rules"] == [{"path": "/first"}, {"path": "/second"}, {"path": "/third"}]


# --- Rules ---

RULES = {"rules": [{"match": 'event.type == "big" && event.data.n > 5', "path": "/big"},
                   {"match": 'event.type == "big"', "path": "/small"}], "default": "/other"}


def send(scene, topic, type, body=b"{}"):
    scene.published(topic, body, query=f"?metadata.cloudevent.type={type}")


@pytest.mark.quick
@pytest.mark.parametrize("declared", [False, True])
def test_the_first_rule_that_matches(scene, declared):
    topic = scene.topic("t")
    scene.accept("/big").accept("/small").accept("/other")
    if declared:
        scene.start(resources=[subscription("s", "pubsub", topic, routes=RULES)])
    else:
        scene.start(entry(topic, routes=RULES))
    send(scene, topic, "big", {"n": 6})
    send(scene, topic, "big", {"n": 5})
    send(scene, topic, "none", {"n": 6})
    for path, n, type in (("/big", 6, "big"), ("/small", 5, "big"), ("/other", 6, "none")):
        [came] = scene.app.wait_for(path, 1)
        assert came.json["data"] == {"n": n} and came.json["type"] == type
    assert listed(scene)[0]["rules"] == [
        {"match": 'event.type == "big" && event.data.n > 5', "path": "/big"},
        {"match": 'event.type == "big"', "path": "/small"}, {"path": "/other"}]


def test_without_a_match_and_a_default_nothing_is_delivered(memory):
    memory.accept("/big").accept("/dead").start(
        entry("t", routes={"rules": [{"match": 'event.type == "big"', "path": "/big"}]}, deadLetterTopic="dead"),
        entry("dead", "/dead"))
    send(memory, "t", "other", {"n": 1})
    assert memory.app.wait_one("/dead").json["data"] == {"n": 1}
    send(memory, "t", "big", {"n": 2})
    assert memory.app.wait_one("/big").json["data"] == {"n": 2}
    until(lambda: metrics.value(memory.sidecar, "dapr_component_pubsub_ingress_count", topic="t",
                                process_status="drop", status="success") == 1, "the count")


@pytest.mark.parametrize("match,said", [("event.data.n > 5", "no such key: n"), ("event.id", "")])
def test_a_rule_that_cannot_be_evaluated(memory, match, said):
    memory.accept("/t").accept("/dead").start(
        entry("t", routes={"rules": [{"match": match, "path": "/t"}], "default": "/t"}, deadLetterTopic="dead"),
        entry("dead", "/dead"))
    memory.published("t", {"m": 1}, query="?metadata.cloudevent.id=I1")
    assert memory.app.wait_one("/dead").json["id"] == "I1"
    until(lambda: memory.log_has("error finding matching route for event I1 in pubsub pubsub and topic t: " + said),
          "the error in the log")
    until(lambda: metrics.value(memory.sidecar, "dapr_component_pubsub_ingress_count", topic="t",
                                process_status="retry", status="retry") == 1, "the count")
    assert not memory.app.requests("/t")


@pytest.mark.parametrize("match", ["event.type ==", "nothing == 1", "event.type.matches("])
def test_a_rule_that_cannot_be_read_costs_the_whole_list(memory, match):
    memory.start(entry("good", "/good"), entry("t", routes={"rules": [{"match": match, "path": "/t"}]}))
    assert listed(memory) == []
    until(lambda: memory.log_has("failed to subscribe to topics: ERROR: <input>:1:"), "the warning")


def test_a_declared_rule_that_cannot_be_read(memory):
    broken = subscription("s", "pubsub", "t", routes={"rules": [{"match": "event.type ==", "path": "/t"}]})
    memory.accept("/good").start(resources=[broken, subscription("g", "pubsub", "good", "/good")])
    assert [one["topic"] for one in listed(memory)] == ["good"]
    until(lambda: memory.log_has("ERROR: <input>:1:14: Syntax error: "), "the error in the log")
    assert_delivers(memory, "good", "/good")


# --- Resources ---

@pytest.mark.quick
@pytest.mark.parametrize("made", [{"route": "/orders"}, {"routes": {"default": "/orders"}},
                                  {"routes": {"rules": [{"path": "/orders"}], "default": "/no"}}],
                         ids=["v1alpha1", "v2alpha1", "rules"])
def test_a_declared_subscription(scene, made):
    topic = scene.topic("orders")
    scene.accept("/orders").start(resources=[subscription("s", "pubsub", topic, **made)])
    assert_delivers(scene, topic, "/orders")
    assert listed(scene)[0]["type"] == "DECLARATIVE"


def test_what_the_metadata_says_of_subscriptions(memory):
    memory.start(entry("p", "/p", deadLetterTopic="dead", metadata={"rawPayload": "true"}),
                 resources=[subscription("s", "pubsub", "d", "/d", metadata={"a": "<b>"}),
                            subscription("absent", "elsewhere", "e", "/e")])
    found = {one["topic"]: one for one in listed(memory)}
    assert found == {
        "p": as_listed("p", "/p", "PROGRAMMATIC", dead_letter="dead", metadata={"rawPayload": "true"}),
        "d": as_listed("d", "/d", "DECLARATIVE", metadata={"a": "<b>"}),
        "e": as_listed("e", "/e", "DECLARATIVE", pubsub="elsewhere")}


def test_subscriptions_are_listed_without_an_app(memory):
    memory.start(app=False, resources=[subscription("s", "pubsub", "d", "/d")])
    assert listed(memory) == [as_listed("d", "/d", "DECLARATIVE")]


def test_a_subscription_in_the_scope_of_others(memory):
    memory.accept("/mine").start(resources=[subscription("a", "pubsub", "a", "/a", scopes=["other"]),
                                            subscription("b", "pubsub", "b", "/mine", scopes=["caller", "x"])])
    assert [one["topic"] for one in listed(memory)] == ["b"]
    assert_delivers(memory, "b", "/mine")


def test_an_absent_pubsub_does_not_stop_the_others(memory):
    memory.accept("/t").start(entry("t", "/nowhere", pubsub="absent"), entry("t", "/t"),
                              resources=[subscription("s", "absent", "d", "/nowhere")])
    assert_delivers(memory, "t", "/t")
    assert {(one["pubsubname"], one["topic"]) for one in listed(memory)} == {
        ("absent", "t"), ("pubsub", "t"), ("absent", "d")}


# --- Which of them counts ---

def test_of_two_declared_the_first_counts(memory):
    memory.accept("/first").start(resources=[subscription("a", "pubsub", "t", "/first"),
                                             subscription("b", "pubsub", "t", "/second")])
    assert_delivers(memory, "t", "/first")
    assert listed(memory) == [as_listed("t", "/first", "DECLARATIVE")]
    assert not memory.app.requests("/second")


def test_of_two_programmatic_the_last_counts(memory):
    memory.accept("/second").start(entry("t", "/first"), entry("t", "/second"))
    assert_delivers(memory, "t", "/second")
    assert listed(memory) == [as_listed("t", "/second", "PROGRAMMATIC")]
    assert not memory.app.requests("/first")


def test_programmatic_beats_declared(memory):
    memory.accept("/app").start(entry("t", "/app"), resources=[subscription("a", "pubsub", "t", "/file")])
    assert_delivers(memory, "t", "/app")
    assert listed(memory) == [as_listed("t", "/app", "PROGRAMMATIC")]
    assert not memory.app.requests("/file")


def test_differing_topics_are_all_live(scene):
    names = [scene.topic(name) for name in "abcd"]
    for name in "abcd":
        scene.accept("/" + name)
    scene.start(entry(names[0], "/a"), entry(names[1], "/b"),
                resources=[subscription("c", "pubsub", names[2], "/c"), subscription("d", "pubsub", names[3], "/d")])
    for name, topic in zip("abcd", names):
        assert_delivers(scene, topic, "/" + name)


def test_the_same_topic_of_two_pubsubs(memory):
    memory.accept("/one").accept("/two").start(
        entry("t", "/one"), entry("t", "/two", pubsub="second"),
        resources=[broker_component("pubsub.in-memory", "second")])
    memory.published("t", {}, pubsub="second")
    assert memory.app.wait_one("/two").json["pubsubname"] == "second"
    assert not memory.app.requests("/one")


# --- Scopes of subscribing ---

@pytest.mark.parametrize("metadata", [{"subscriptionScopes": "caller=yes"}, {"allowedTopics": "yes"},
                                      {"subscriptionScopes": "caller=yes;other=no"},
                                      {"protectedTopics": "no"}])
def test_topics_that_the_app_may_not_hear(memory, metadata):
    memory.accept("/yes").accept("/no").start(entry("no", "/no"), entry("yes", "/yes"), metadata=metadata)
    assert_delivers(memory, "yes", "/yes")
    until(lambda: memory.log_has("subscription to topic 'no' on pubsub 'pubsub' is not allowed"),
          "the error in the log")
    if "allowedTopics" not in metadata and "protectedTopics" not in metadata:
        memory.published("no", {})
    assert_delivers(memory, "yes", "/yes")
    assert not memory.app.requests("/no")


# --- Topics with a star ---

def test_a_topic_that_ends_in_a_star(memory):
    memory.accept("/star").start(entry("orders*", "/star"))
    for topic in ("orders", "other", "orders.eu", "orders2"):
        memory.published(topic, {"to": topic})
    came = memory.app.wait_for("/star", 2)
    assert [one.json["topic"] for one in came] == ["orders.eu", "orders2"]


# --- The app comes and goes ---

def test_without_an_app_nothing_is_consumed(bench):
    """What is published while nobody may deliver it must not be taken from the broker."""
    scene = Scene(bench, BROKERS[-1])
    topic = scene.topic("t")
    scene.start(app=False, resources=[subscription("s", "pubsub", topic, "/t")])
    scene.published(topic, {"n": 1})
    assert scene.sidecar.get("/v1.0/healthz").status == 204


def test_an_app_that_comes_late(memory):
    memory.app.route("/dapr/subscribe", json_reply([entry("t", "/t")]))
    memory.accept("/t").start(app=False, ready=False, flags={"app-port": memory.app.port})
    until(memory.sidecar.is_outbound_ready, "outbound health")
    assert memory.publish("t", {"n": 0}).status == 204
    memory.app.start()
    memory.sidecar.wait_ready()
    assert_delivers(memory, "t", "/t")
    assert len(memory.app.requests("/dapr/subscribe")) == 1


HEALTH = {"enable-app-health-check": "true", "app-health-probe-interval": 1, "app-health-threshold": 1,
          "app-health-probe-timeout": 500}


def test_an_app_that_is_not_healthy_hears_nothing(memory):
    healthy = {"now": False}
    memory.app.route("/healthz", lambda request, sock: reply(200 if healthy["now"] else 500))
    memory.accept("/t").start(entry("t", "/t"), flags=HEALTH)
    assert memory.publish("t", {"n": 0}).status == 204
    assert not memory.app.requests("/dapr/subscribe")
    healthy["now"] = True
    memory.app.wait_one("/dapr/subscribe")
    until(lambda: listed(memory), "the subscription")

    def delivers():
        memory.published("t", {"n": 1})
        return memory.app.requests("/t")
    until(delivers, "a delivery")
    healthy["now"] = False
    until(lambda: memory.log_has("App entered un-healthy status"), "the word of the log")
    memory.app.forget()
    memory.published("t", {"n": 2})
    healthy["now"] = True

    def delivers_again():
        memory.published("t", {"n": 3})
        return [one for one in memory.app.requests("/t") if one.json["data"]["n"] == 3]
    until(delivers_again, "a delivery after recovery")
    assert not [one for one in memory.app.requests("/t") if one.json["data"]["n"] == 2]
    assert len(memory.app.requests("/dapr/subscribe")) == 0
