"""Pluggable components: what lives in another process and speaks gRPC over a Unix socket works like any other
(contract, grpc-api 6 and components 4.5). The components are servers by the official library."""

import json
import signal
import socket
import threading

import grpc
import pytest

from harness import rpc
from harness.app import json_reply, reply
from harness.pluggable import Broker, Input, Output, Secrets, Server, Store, message, refuse
from harness.resources import component, subscription
from harness.wait import until

SOCKETS = "DAPR_COMPONENTS_SOCKETS_FOLDER"


@pytest.fixture
def sidecar_of(bench, tmp_path):
    """A sidecar with those sockets in its folder, and the gRPC client of it."""
    def start(*resources, **options):
        made = bench.sidecar(resources=resources, env={SOCKETS: str(tmp_path)}, **options)
        return made, rpc.Dapr(made.grpc)
    return start


@pytest.fixture
def serve(tmp_path):
    servers = []

    def start(name, *parts, **options):
        servers.append(Server(tmp_path / name, *parts, **options).start())
        return servers[-1]
    yield start
    for one in servers:
        one.stop()


# ------------------------------------------------------------------------------------------ finding
def test_a_socket_gives_all_kinds_that_its_server_has(serve, sidecar_of):
    serve("mine.v2.sock", Store(), Broker(), Input(), Output(), Secrets())
    sidecar, _ = sidecar_of()
    for service in ("StateStore", "PubSub", "InputBinding", "OutputBinding", "SecretStore"):
        line = f"pluggable component 'mine.v2' was successfully registered for 'dapr.proto.components.v1.{service}'"
        assert sidecar.logged(line), sidecar.log_tail()


def test_what_is_no_socket_is_left_out_with_a_warning(serve, sidecar_of, tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "folder").mkdir()
    serve("mine.sock", Store())
    sidecar, _ = sidecar_of(component("s", "state.mine"))
    assert "s" in sidecar.component_names()
    assert sidecar.logged("notes.txt is no socket")
    assert not sidecar.logged("folder is no socket")


def test_a_socket_that_nobody_serves_is_logged_and_the_sidecar_runs(serve, sidecar_of, tmp_path):
    dead = Server(tmp_path / "dead.sock", Store()).start()
    dead.server.stop(0).wait()
    left = socket.socket(socket.AF_UNIX)
    (tmp_path / "dead.sock").unlink(missing_ok=True)
    left.bind(str(tmp_path / "dead.sock"))
    left.close()
    serve("mine.sock", Store())
    sidecar, _ = sidecar_of(component("s", "state.mine"))
    assert sidecar.logged("failed to discover the services of the pluggable component 'dead'")


def test_a_server_without_reflection_is_logged(serve, sidecar_of):
    serve("mute.sock", Store(), reflects=False)
    sidecar, _ = sidecar_of()
    assert sidecar.logged("failed to discover the services of the pluggable component 'mute'")


def test_a_folder_that_is_not_there_is_none(bench, tmp_path):
    bench.sidecar(env={SOCKETS: str(tmp_path / "nothing")})


def test_a_type_that_no_socket_has_is_not_found(sidecar_of, bench, tmp_path):
    sidecar = bench.sidecar(resources=[component("s", "state.mine")], env={SOCKETS: str(tmp_path)}, ready=False)
    assert sidecar.wait_end() != 0
    assert sidecar.logged("couldn't find state store state.mine/v1")


# --------------------------------------------------------------------------------------------- state
@pytest.fixture
def store(serve, sidecar_of):
    """A store, its server, the sidecar and the client."""
    part = Store()
    server = serve("mine.sock", part)
    sidecar, dapr = sidecar_of(component("s", "state.mine", {"keyPrefix": "none", "colour": "blue"}))
    return part, server, sidecar, dapr


def test_init_brings_the_properties_then_features_are_asked(store):
    part, server, sidecar, _ = store
    assert part.properties["colour"] == "blue"
    assert [name for name, *_ in server.calls][-2:] == ["StateStore.Init", "StateStore.Features"]
    assert {instance for _, instance, _ in server.calls} == {"s"}
    assert server.called("StateStore.Ping") == []
    assert sidecar.metadata()["components"][0] == {
        "name": "s", "type": "state.mine", "version": "v1", "capabilities": ["ETAG", "TRANSACTIONAL", "QUERY_API", "ACTOR"]}


def test_items_are_saved_got_and_deleted_over_http(store):
    part, server, sidecar, _ = store
    body = json.dumps([{"key": "k", "value": {"a": 1}, "metadata": {"ttlInSeconds": "60"},
                        "options": {"concurrency": "first-write", "consistency": "strong"}}]).encode()
    assert sidecar.post("/v1.0/state/s", body).status == 204
    (_, asked), = server.called("StateStore.Set")
    assert (asked.key, asked.value, asked.HasField("etag")) == ("k", b'{"a":1}', False)
    assert (asked.options.concurrency, asked.options.consistency) == (1, 2)
    assert dict(asked.metadata) == {"ttlInSeconds": "60"}
    got = sidecar.get("/v1.0/state/s/k")
    assert (got.status, got.body, got.header("etag")) == (200, b'{"a":1}', "1")
    assert sidecar.delete("/v1.0/state/s/k").status == 204
    assert sidecar.get("/v1.0/state/s/k").status == 204


def test_any_bytes_go_through_grpc(store):
    _, _, _, dapr = store
    value = bytes(range(256)) * 8000
    dapr.SaveState(store_name="s", states=[{"key": "b", "value": value}])
    assert dapr.GetState(store_name="s", key="b").data == value


def test_a_null_is_refused_before_the_component_is_asked(store):
    _, server, sidecar, _ = store
    answer = sidecar.post("/v1.0/state/s", b'[{"key":"k","value":null}]')
    assert answer.status == 500
    assert "an attempt to set a nil value was received, try to use Delete instead" in answer.body.decode()
    assert server.called("StateStore.Set") == []


def test_a_version_that_does_not_match_is_told_as_such(store):
    _, _, sidecar, dapr = store
    dapr.SaveState(store_name="s", states=[{"key": "k", "value": b"1"}])
    found = rpc.failure(dapr.SaveState, store_name="s", states=[{"key": "k", "value": b"2", "etag": {"value": "99"}}])
    assert found.code == "ABORTED"
    assert "possible etag mismatch. error from state store: the version is another" in found.message
    assert sidecar.delete("/v1.0/state/s/k", headers=(("If-Match", "99"),)).status == 409


def test_a_version_that_is_none_is_told_as_such(store):
    part, _, sidecar, dapr = store
    part.fails["Set"] = lambda context: refuse(
        context, grpc.StatusCode.INVALID_ARGUMENT, "bad",
        ("BadRequest", {"field_violations": [{"field": "etag", "description": "it is no number"}]}))
    found = rpc.failure(dapr.SaveState, store_name="s", states=[{"key": "k", "value": b"2", "etag": {"value": "x"}}])
    assert found.code == "INVALID_ARGUMENT"
    assert "invalid etag value: it is no number" in found.message
    assert sidecar.post("/v1.0/state/s", b'[{"key":"k","value":1,"etag":"x"}]').status == 400


def test_one_item_is_set_and_two_are_bulk_set(store):
    _, server, _, dapr = store
    dapr.SaveState(store_name="s", states=[{"key": "a", "value": b"1"}])
    dapr.SaveState(store_name="s", states=[{"key": "b", "value": b"1"}, {"key": "c", "value": b"2"}])
    assert (len(server.called("StateStore.Set")), len(server.called("StateStore.BulkSet"))) == (1, 1)


def test_bulk_get_has_each_item_its_own_result_in_the_order_of_the_question(store):
    _, server, _, dapr = store
    dapr.SaveState(store_name="s", states=[{"key": "a", "value": b"1"}, {"key": "b", "value": b"2"}])
    answer = dapr.GetBulkState(store_name="s", keys=["a", "broken", "none", "b"], parallelism=3)
    found = {one.key: one for one in answer.items}
    assert (found["a"].data, found["b"].data, found["none"].data) == (b"1", b"2", b"")
    assert "it is broken" in found["broken"].error
    assert server.called("StateStore.BulkGet")[0][1].options.parallelism == 3


def test_a_transaction_is_one_call(store):
    part, server, sidecar, _ = store
    body = {"operations": [{"operation": "upsert", "request": {"key": "x", "value": "1"}},
                           {"operation": "delete", "request": {"key": "y"}}], "metadata": {"m": "n"}}
    assert sidecar.post("/v1.0/state/s/transaction", json.dumps(body).encode()).status == 204
    (_, asked), = server.called("TransactionalStateStore.Transact")
    assert [one.WhichOneof("request") for one in asked.operations] == ["set", "delete"]
    assert part.items["x"][0] == b'"1"'


def test_a_store_that_says_how_many_operations_it_takes_is_believed(serve, sidecar_of):
    server = serve("mine.sock", Store(most=1))
    sidecar, dapr = sidecar_of(component("s", "state.mine", {"keyPrefix": "none"}))
    one = {"operationType": "upsert", "request": {"key": "x", "value": b"1"}}
    two = [one, {"operationType": "upsert", "request": {"key": "y", "value": b"1"}}]
    dapr.ExecuteStateTransaction(storeName="s", operations=[one])
    found = rpc.failure(dapr.ExecuteStateTransaction, storeName="s", operations=two)
    assert found.code == "INVALID_ARGUMENT"
    assert rpc.error_info("DAPR_STATE_TOO_MANY_TRANSACTIONS",
                          {"currentOpsTransaction": "2", "maxOpsPerTransaction": "1"}) in found.details
    assert len(server.called("TransactionalStoreMultiMaxSize.MultiMaxSize")) == 1


def test_without_the_feature_there_are_no_transactions(serve, sidecar_of):
    serve("mine.sock", Store(features=["ETAG"]))
    _, dapr = sidecar_of(component("s", "state.mine"))
    found = rpc.failure(dapr.ExecuteStateTransaction, storeName="s",
                        operations=[{"operationType": "upsert", "request": {"key": "x", "value": b"1"}}])
    assert found.code == "UNIMPLEMENTED"


def test_a_query_is_asked_whatever_the_features(serve, sidecar_of):
    server = serve("mine.sock", Store(features=[]))
    _, dapr = sidecar_of(component("s", "state.mine", {"keyPrefix": "none"}))
    dapr.SaveState(store_name="s", states=[{"key": "a", "value": b'{"n":1}'}])
    query = {"filter": {"EQ": {"n": 1}}, "sort": [{"key": "n", "order": "DESC"}], "page": {"limit": 2, "token": "t"}}
    answer = dapr.QueryStateAlpha1(store_name="s", query=json.dumps(query))
    assert [(one.key, one.data) for one in answer.results] == [("a", b'{"n":1}')]
    assert answer.token == "more"
    (_, asked), = server.called("QueriableStateStore.Query")
    assert json.loads(asked.query.filter["EQ"].value) == {"n": 1}
    assert (asked.query.sort[0].key, asked.query.sort[0].order) == ("n", 1)
    assert (asked.query.pagination.limit, asked.query.pagination.token) == (2, "t")


KIT = ("ErrorInfo", {"reason": "DAPR_MINE", "domain": "dapr.io",
                     "metadata": {"kit_error": "true", "http_code": "509", "tag": "ERR_MINE"}})


def kit(context):
    refuse(context, grpc.StatusCode.INTERNAL, "it is my error", KIT)


@pytest.mark.parametrize("method, ask", [
    ("Get", lambda d: d.GetState(store_name="s", key="k")),
    ("BulkGet", lambda d: d.GetBulkState(store_name="s", keys=["k", "l"])),
    ("Set", lambda d: d.SaveState(store_name="s", states=[{"key": "k", "value": b"1"}])),
    ("BulkSet", lambda d: d.SaveState(store_name="s", states=[{"key": "k", "value": b"1"}, {"key": "l", "value": b"1"}])),
    ("Delete", lambda d: d.DeleteState(store_name="s", key="k")),
    ("BulkDelete", lambda d: d.DeleteBulkState(store_name="s", states=[{"key": "k"}, {"key": "l"}])),
    ("Query", lambda d: d.QueryStateAlpha1(store_name="s", query="{}")),
])
def test_customerrors_a_structured_error_reaches_the_client(store, method, ask):
    part, _, _, dapr = store
    part.fails[method] = kit
    rpc.assert_failure(rpc.failure(ask, dapr), "INTERNAL", "it is my error",
                       [("ErrorInfo", {"reason": "DAPR_MINE", "domain": "dapr.io"})])


def test_a_structured_error_has_its_status_over_http(store):
    part, _, sidecar, _ = store
    part.fails["Get"] = part.fails["Query"] = kit
    assert sidecar.get("/v1.0/state/s/k").status == 509
    answer = sidecar.post("/v1.0-alpha1/state/s/query", b"{}")
    assert (answer.status, json.loads(answer.body)["errorCode"]) == (509, "ERR_MINE")


def test_rows_that_were_not_removed_are_counted(store):
    part, _, _, dapr = store
    part.fails["BulkDelete"] = lambda context: refuse(
        context, grpc.StatusCode.INTERNAL, "rows", ("ErrorInfo", {"metadata": {"expected": "2", "affected": "1"}}))
    found = rpc.failure(dapr.DeleteBulkState, store_name="s", states=[{"key": "k"}, {"key": "l"}])
    assert "delete affected only 1 rows, expected 2" in found.message


def test_another_error_is_told_as_its_status(store):
    part, _, _, dapr = store
    part.fails["Get"] = lambda context: context.abort(grpc.StatusCode.DATA_LOSS, "all gone")
    assert "rpc error: code = DataLoss desc = all gone" in rpc.failure(dapr.GetState, store_name="s", key="k").message


def test_two_resources_of_one_type_are_two_instances(serve, sidecar_of):
    server = serve("mine.sock", Store())
    _, dapr = sidecar_of(component("s1", "state.mine"), component("s2", "state.mine"))
    assert sorted(instance for instance, _ in server.called("StateStore.Init")) == ["s1", "s2"]
    dapr.SaveState(store_name="s2", states=[{"key": "k", "value": b"1"}])
    assert server.called("StateStore.Set")[0][0] == "s2"


def test_a_component_that_refuses_init_does_not_start(serve, bench, tmp_path):
    part = Store()
    part.Init = lambda request, context: context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no colour")
    serve("mine.sock", part)
    sidecar = bench.sidecar(resources=[component("s", "state.mine")], env={SOCKETS: str(tmp_path)}, ready=False)
    assert sidecar.wait_end() != 0
    assert sidecar.logged("rpc error: code = InvalidArgument desc = no colour")


def test_a_component_that_never_answers_init_is_given_up(serve, bench, tmp_path):
    part, given_up = Store(), threading.Event()
    part.Init = lambda request, context: given_up.wait(20)
    serve("mine.sock", part)
    sidecar = bench.sidecar(resources=[component("s", "state.mine", initTimeout="1s")], env={SOCKETS: str(tmp_path)},
                            ready=False)
    assert sidecar.wait_end() != 0
    given_up.set()
    assert sidecar.logged("init timeout for component s")


@pytest.mark.differs
def test_a_component_that_comes_back_is_greeted_again(store, tmp_path):
    part, server, sidecar, dapr = store
    dapr.SaveState(store_name="s", states=[{"key": "k", "value": b"1"}])
    server.stop()
    found = rpc.failure(dapr.GetState, store_name="s", key="k")
    assert "rpc error: code = Unavailable" in found.message
    again = Server(tmp_path / "mine.sock", part).start()

    def is_back():
        try:
            return dapr.GetState(store_name="s", key="k").data == b"1"
        except rpc.Failure:
            return False
    until(is_back, "the store serves again", 10)
    assert [name for name, *_ in again.calls][:2] == ["StateStore.Init", "StateStore.Features"]
    again.stop()


# ------------------------------------------------------------------------------------------- secrets
def test_secrets_are_got_one_by_one_and_all_together(serve, sidecar_of):
    serve("vault.sock", Secrets())
    sidecar, dapr = sidecar_of(component("v", "secretstores.vault"))
    assert dict(dapr.GetSecret(store_name="v", key="db").data) == {"user": "u", "password": "p"}
    assert json.loads(sidecar.get("/v1.0/secrets/v/bulk").body) == Secrets.secrets
    found = sidecar.get("/v1.0/secrets/v/none")
    assert found.status == 500
    assert "rpc error: code = NotFound desc = no such secret" in found.body.decode()


def test_a_bulk_of_secrets_that_fails_has_the_status_in_it(serve, sidecar_of):
    part = Secrets()
    part.BulkGet = lambda request, context: context.abort(grpc.StatusCode.PERMISSION_DENIED, "not you")
    serve("vault.sock", part)
    sidecar, _ = sidecar_of(component("v", "secretstores.vault"))
    answer = sidecar.get("/v1.0/secrets/v/bulk")
    assert (answer.status, answer.json["errorCode"]) == (500, "ERR_SECRET_GET")
    assert "rpc error: code = PermissionDenied desc = not you" in answer.json["message"]


def test_another_component_starts_with_a_secret_of_it(serve, sidecar_of):
    part = Store()
    serve("vault.sock", Secrets())
    serve("mine.sock", part)
    sidecar_of(component("s", "state.mine", {"password": {"secretKeyRef": {"name": "db", "key": "password"}}},
                         auth={"secretStore": "v"}), component("v", "secretstores.vault"))
    assert part.properties["password"] == "p"


# ------------------------------------------------------------------------------------------ bindings
def test_an_output_binding_is_invoked(serve, sidecar_of):
    serve("out.sock", Output())
    sidecar, dapr = sidecar_of(component("b", "bindings.out"))
    body = json.dumps({"operation": "echo", "data": "hello", "metadata": {"a": "b"}}).encode()
    answer = sidecar.post("/v1.0/bindings/b", body)
    assert (answer.status, answer.body, answer.header("metadata.was")) == (200, b'"hello"', "echo")
    assert dapr.InvokeBinding(name="b", operation="create", data=b"\x00x").data == b"\x00x"


def test_an_operation_that_is_not_listed_is_refused(serve, sidecar_of):
    server = serve("out.sock", Output())
    _, dapr = sidecar_of(component("b", "bindings.out"))
    found = rpc.failure(dapr.InvokeBinding, name="b", operation="drop")
    assert "binding b does not support operation drop. supported operations:create echo" in found.message
    assert server.called("OutputBinding.Invoke") == []


def test_a_failed_invocation_has_the_status_in_it(serve, sidecar_of):
    serve("out.sock", Output())
    _, dapr = sidecar_of(component("b", "bindings.out"))
    found = rpc.failure(dapr.InvokeBinding, name="b", operation="echo", metadata={"fail": "too much"})
    assert "rpc error: code = ResourceExhausted desc = too much" in found.message


def test_events_of_an_input_binding_reach_the_app_and_its_answers_come_back(serve, sidecar_of, bench):
    part = Input()
    serve("in.sock", part)
    app = bench.app()
    app.route("/b", json_reply({"done": True}))
    sidecar_of(component("b", "bindings.in", {"direction": "input"}), app=app)
    part.events.put(message("ReadResponse", data=b"event", message_id="7", metadata={"m": "n"}, content_type="text/plain"))
    answer = part.events.answers.get(timeout=10)
    assert (answer.message_id, answer.HasField("response_error")) == ("7", False)
    assert json.loads(answer.response_data) == {"done": True}
    assert app.requests("/b", "POST")[0].body == b"event"


def test_an_app_that_fails_is_told_to_the_input_binding(serve, sidecar_of, bench):
    part = Input()
    serve("in.sock", part)
    app = bench.app()
    app.route("/b", reply(500))
    sidecar_of(component("b", "bindings.in", {"direction": "input"}), app=app)
    part.events.put(message("ReadResponse", data=b"event", message_id="7"))
    answer = part.events.answers.get(timeout=10)
    assert answer.message_id == "7"
    assert answer.response_error.message


# -------------------------------------------------------------------------------------------- pubsub
def test_a_message_is_published(serve, sidecar_of):
    part = Broker()
    serve("bus.sock", part)
    _, dapr = sidecar_of(component("p", "pubsub.bus"))
    dapr.PublishEvent(pubsub_name="p", topic="t", data=b"x", data_content_type="text/plain", metadata={"rawPayload": "true"})
    sent, = part.published
    assert (sent.pubsub_name, sent.topic, sent.data, sent.content_type) == ("p", "t", b"x", "")


def test_a_publication_that_fails_has_the_status_in_it(serve, sidecar_of):
    part = Broker()
    part.failing = (grpc.StatusCode.UNKNOWN, "full")
    serve("bus.sock", part)
    _, dapr = sidecar_of(component("p", "pubsub.bus"))
    found = rpc.failure(dapr.PublishEvent, pubsub_name="p", topic="t", data=b"x")
    assert "rpc error: code = Unknown desc = full" in found.message


def test_an_outbox_whose_broker_fails_says_so(serve, sidecar_of):
    part = Broker()
    part.failing = (grpc.StatusCode.UNKNOWN, "outbox error")
    serve("bus.sock", part)
    store = component("s", "state.in-memory", {"outboxPublishPubsub": "p", "outboxPublishTopic": "t"})
    _, dapr = sidecar_of(store, component("p", "pubsub.bus"))
    found = rpc.failure(dapr.ExecuteStateTransaction, storeName="s",
                        operations=[{"operationType": "upsert", "request": {"key": "x", "value": b"1"}}])
    assert found.message == "error while publishing outbox message: rpc error: code = Unknown desc = outbox error"
    assert len(found.details) == 1


def test_entries_that_fail_are_told_one_by_one(serve, sidecar_of):
    part = Broker(features=["BULK_PUBSUB"])
    serve("bus.sock", part)
    _, dapr = sidecar_of(component("p", "pubsub.bus"))
    entries = [{"entry_id": "1", "event": b"good", "content_type": "text/plain"},
               {"entry_id": "2", "event": b"bad", "content_type": "text/plain"}]
    answer = dapr.BulkPublishEventAlpha1(pubsub_name="p", topic="t", entries=entries)
    assert [(one.entry_id, "it is bad" in one.error) for one in answer.failedEntries] == [("2", True)]


@pytest.fixture
def listening(serve, sidecar_of, bench):
    part, app = Broker(), bench.app()
    server = serve("bus.sock", part)
    app.route("/t", json_reply({"status": "SUCCESS"}))
    sidecar, _ = sidecar_of(component("p", "pubsub.bus"), subscription("one", "p", "t", "/t", metadata={"a": "b"}), app=app)
    return part, app, sidecar, server


def event(id, data=b'{"specversion":"1.0","id":"1","source":"s","type":"t","data":"x"}'):
    return message("PullMessagesResponse", data=data, id=id, topic_name="t")


def test_a_subscription_names_its_topic_and_acknowledges_each_message(listening):
    part, app, _, _ = listening
    part.topic("t").put(event("m1"))
    answer = part.topic("t").answers.get(timeout=10)
    assert (answer.ack_message_id, answer.HasField("ack_error"), answer.HasField("topic")) == ("m1", False, False)
    assert (part.first.topic.name, dict(part.first.topic.metadata)) == ("t", {"a": "b"})
    assert len(app.requests("/t")) == 1


def test_a_message_that_is_not_handled_is_acknowledged_with_the_error(listening):
    part, app, _, _ = listening
    app.route("/t", reply(500))
    part.topic("t").put(event("m1"))
    answer = part.topic("t").answers.get(timeout=10)
    assert (answer.ack_message_id, answer.HasField("ack_error")) == ("m1", True)
    assert answer.ack_error.message


def test_a_thousand_messages_come_in_their_order(listening):
    part, app, _, _ = listening
    for i in range(1000):
        part.topic("t").put(event(f"m{i}"))
    found = [part.topic("t").answers.get(timeout=30).ack_message_id for _ in range(1000)]
    assert found == [f"m{i}" for i in range(1000)]


@pytest.mark.differs
def test_a_broker_that_comes_back_is_subscribed_to_again(listening, tmp_path):
    part, app, sidecar, server = listening
    server.stop()
    part.events = {}
    sidecar.wait_log("has ended, it will be opened again")
    again = Server(tmp_path / "bus.sock", part).start()
    part.topic("t").put(event("m2"))
    assert part.topic("t").answers.get(timeout=20).ack_message_id == "m2"
    again.stop()


def test_a_message_in_process_is_acknowledged_when_the_sidecar_leaves(listening):
    part, app, sidecar, server = listening

    def slowly(request, sock):
        leaving.wait(10)
        return json_reply({"status": "SUCCESS"})
    leaving = threading.Event()
    app.route("/t", slowly)
    part.topic("t").put(event("m1"))
    part.topic("t").put(event("m2"))
    app.wait_one("/t")
    sidecar.signal(signal.SIGTERM)
    sidecar.wait_log("Dapr is shutting down")
    leaving.set()
    assert sidecar.wait_end() == 0
    assert part.topic("t").answers.get(timeout=5).ack_message_id == "m1"
    assert part.topic("t").answers.empty()


# -------------------------------------------------------------------------------------------- faults
def test_a_server_that_answers_rubbish_is_logged_and_the_sidecar_runs(sidecar_of, tmp_path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "rubbish.sock"))
    listener.listen()

    def answer():
        while True:
            try:
                one, _ = listener.accept()
            except OSError:
                return
            one.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            one.close()
    threading.Thread(target=answer, daemon=True).start()
    sidecar, _ = sidecar_of()
    assert sidecar.logged("failed to discover the services of the pluggable component 'rubbish'")
    listener.close()


def test_a_server_that_says_nothing_holds_the_start_for_a_bounded_time(sidecar_of, tmp_path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "mute.sock"))
    listener.listen()
    sidecar, _ = sidecar_of()
    assert sidecar.logged("failed to discover the services of the pluggable component 'mute'")
    listener.close()


class Bytes:
    """What stands for a message on the wire, whatever it is."""

    def __init__(self, data):
        self.data = data

    def SerializeToString(self):
        return self.data


@pytest.mark.parametrize("data", [b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x05ab", b"\x0b", b"\xff" * 40])
def test_rubbish_as_an_answer_fails_the_call_and_nothing_else(serve, sidecar_of, data):
    part = Store()
    part.Get = lambda request, context: Bytes(data)
    serve("mine.sock", part)
    _, dapr = sidecar_of(component("s", "state.mine", {"keyPrefix": "none"}))
    found = rpc.failure(dapr.GetState, store_name="s", key="k")
    assert "rpc error: code = Internal desc = the component's answer is no" in found.message
    dapr.SaveState(store_name="s", states=[{"key": "k", "value": b"1"}])


def test_an_answer_that_is_too_large_fails_its_call_and_nothing_else(serve, sidecar_of):
    part = Store()
    part.Get = lambda request, context: Bytes(bytes((64 << 20) + 1))
    serve("mine.sock", part)
    _, dapr = sidecar_of(component("s", "state.mine", {"keyPrefix": "none"}))
    found = rpc.failure(dapr.GetState, store_name="s", key="k")
    assert "rpc error: code = ResourceExhausted desc = " in found.message and "larger than is taken" in found.message
    dapr.SaveState(store_name="s", states=[{"key": "k", "value": b"1"}])


def test_a_message_that_cannot_be_read_is_passed_over(listening):
    part, app, sidecar, _ = listening
    part.topic("t").put(Bytes(b"\x0a\x05ab"))
    part.topic("t").put(event("m2"))
    assert part.topic("t").answers.get(timeout=10).ack_message_id == "m2"
    assert sidecar.logged("a message of the component cannot be read: ")


def test_a_component_that_dies_in_a_call_fails_that_call(serve, sidecar_of):
    part, died, servers = Store(), threading.Event(), []

    def die(request, context):
        threading.Thread(target=servers[0].stop, daemon=True).start()
        died.wait(10)
        return message("GetResponse")
    part.Get = die
    servers.append(serve("mine.sock", part))
    _, dapr = sidecar_of(component("s", "state.mine"))
    found = rpc.failure(dapr.GetState, store_name="s", key="k")
    died.set()
    assert "rpc error: code = " in found.message
