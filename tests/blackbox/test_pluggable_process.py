"""Pluggable components that are processes of their own, by the official gRPC of Go (tests/pluggable): every kind of the
contract (components 4.5, grpc-api 6), and processes that stall, die, leave and come back while they are used."""

import json
import os
import signal
import threading

import pytest

from harness import metrics, raw, rpc
from harness.admin import Admin
from harness.app import json_reply, reply
from harness.pluggable_process import Process
from harness.resources import component, subscription
from harness.wait import until

SOCKETS = "DAPR_COMPONENTS_SOCKETS_FOLDER"
ALL = ("ETAG", "TRANSACTIONAL", "QUERY_API", "TTL")
STORE = component("s", "state.mine", {"keyPrefix": "none"})
BUS, BINDING = component("p", "pubsub.mine"), component("b", "bindings.mine", {"direction": "input, output"})
TOPIC = subscription("one", "p", "t", "/t")


@pytest.fixture
def mine(tmp_path):
    made = Process(tmp_path / "mine.sock", *ALL)
    yield made
    made.end()


@pytest.fixture
def sidecar_of(bench, tmp_path):
    """A sidecar with an admin listener and that folder of sockets, and the gRPC client of it."""
    other = tmp_path / "other"      # no folder of sockets is looked into
    other.mkdir()

    def start(*resources, flags=None, **more):
        flags = {"admin-listen": f"unix:{other}/admin", **(flags or {})}
        made = bench.sidecar(resources=resources, env={SOCKETS: str(tmp_path)}, flags=flags, **more)
        made.admin = Admin(path=f"{other}/admin")
        return made, rpc.Dapr(made.grpc)
    return start


def save(dapr, key="k", value=b"1", call=None, **more):
    return dapr.SaveState(store_name="s", states=[{"key": key, "value": value, **more}], call=call)


def serves(dapr, key="k"):
    try:
        dapr.GetState(store_name="s", key=key)
        return True
    except rpc.Failure:
        return False


# --------------------------------------------------------------------------------------------- state
def test_items_live_in_the_process(mine, sidecar_of):
    sidecar, dapr = sidecar_of(STORE)
    save(dapr, value=bytes(range(256)))
    got = dapr.GetState(store_name="s", key="k", consistency=2)
    assert (got.data, got.etag, dict(got.metadata)) == (bytes(range(256)), "1", {"consistency": "CONSISTENCY_STRONG"})
    dapr.DeleteState(store_name="s", key="k")
    assert dapr.GetState(store_name="s", key="k").data == b""
    assert mine.wait("StateStore/Init s")
    assert sidecar.metadata()["components"][0]["capabilities"] == ["ETAG", "TRANSACTIONAL", "QUERY_API", "TTL", "ACTOR"]


def test_versions_are_told_apart(mine, sidecar_of):
    sidecar, dapr = sidecar_of(STORE)
    save(dapr)
    another = rpc.failure(save, dapr, etag={"value": "77"})
    assert (another.code, "possible etag mismatch. error from state store: the version is another" in another.message) \
        == ("ABORTED", True)
    none = rpc.failure(save, dapr, etag={"value": "x"})
    assert (none.code, "invalid etag value: it is no number" in none.message) == ("INVALID_ARGUMENT", True)
    assert sidecar.delete("/v1.0/state/s/k", headers=(("If-Match", "77"),)).status == 409
    assert sidecar.delete("/v1.0/state/s/k", headers=(("If-Match", "x"),)).status == 400
    assert sidecar.post("/v1.0/state/s", b'[{"key":"k","value":1,"etag":"77"},{"key":"l","value":1}]').status == 409
    save(dapr, etag={"value": "1"})
    assert dapr.GetState(store_name="s", key="k").etag == "2"


def test_many_items_are_one_call(mine, sidecar_of):
    _, dapr = sidecar_of(STORE)
    dapr.SaveState(store_name="s", states=[{"key": f"k{i}", "value": str(i).encode()} for i in range(100)])
    answer = dapr.GetBulkState(store_name="s", keys=[f"k{i}" for i in range(101)], parallelism=10)
    assert {one.key: one.data for one in answer.items} == {**{f"k{i}": str(i).encode() for i in range(100)}, "k100": b""}
    dapr.DeleteBulkState(store_name="s", states=[{"key": f"k{i}"} for i in range(100)])
    assert not any(one.data for one in dapr.GetBulkState(store_name="s", keys=["k0", "k99"]).items)
    assert [len(mine.wait(f"StateStore/{name} ", n)) for name, n in (("BulkSet", 1), ("BulkGet", 2), ("BulkDelete", 1))] == [1, 2, 1]


def operations(*pairs):
    return [{"operationType": kind, "request": {"key": key, "value": b"1", **more}} for kind, key, more in pairs]


def test_a_transaction_happens_as_a_whole_or_not_at_all(mine, sidecar_of):
    sidecar, dapr = sidecar_of(STORE)
    dapr.ExecuteStateTransaction(storeName="s", operations=operations(("upsert", "a", {}), ("upsert", "b", {})))
    stale = operations(("delete", "a", {}), ("upsert", "b", {"etag": {"value": "77"}}))
    found = rpc.failure(dapr.ExecuteStateTransaction, storeName="s", operations=stale)
    assert "the version is another" in found.message
    body = {"operations": [{"operation": "upsert", "request": {"key": "b", "value": 1, "etag": "77"}}]}
    assert sidecar.post("/v1.0/state/s/transaction", json.dumps(body).encode()).status == 500
    assert [dapr.GetState(store_name="s", key=key).data for key in "ab"] == [b"1", b"1"]
    many = operations(*(("upsert", str(i), {}) for i in range(4)))
    assert rpc.failure(dapr.ExecuteStateTransaction, storeName="s", operations=many).code == "INVALID_ARGUMENT"
    assert len(mine.wait("MultiMaxSize", 1)) == 1


def test_a_query_finds_sorts_and_pages(mine, sidecar_of):
    _, dapr = sidecar_of(STORE)
    dapr.SaveState(store_name="s", states=[{"key": f"k{i}", "value": json.dumps({"n": i % 2}).encode()} for i in range(6)])
    query = {"filter": {"EQ": {"n": 1}}, "sort": [{"key": "n", "order": "DESC"}], "page": {"limit": 2}}
    answer = dapr.QueryStateAlpha1(store_name="s", query=json.dumps(query))
    assert ([one.key for one in answer.results], answer.token) == (["k5", "k3"], "k3")


@pytest.mark.parametrize("feature, method", [("TRANSACTIONAL", "transaction"), ("TTL", None)])
def test_what_the_process_does_not_promise_it_has_not(tmp_path, sidecar_of, feature, method):
    made = Process(tmp_path / "mine.sock", *(one for one in ALL if one != feature))
    sidecar, _ = sidecar_of(STORE)
    assert feature not in sidecar.metadata()["components"][0]["capabilities"]
    if method:
        body = {"operations": [{"operation": "upsert", "request": {"key": "b", "value": 1}}]}
        answer = sidecar.post("/v1.0/state/s/transaction", json.dumps(body).encode())
        assert (answer.status, answer.json["errorCode"]) == (500, "ERR_STATE_STORE_NOT_SUPPORTED")
    made.end()


@pytest.mark.parametrize("fail, code, text", [
    ("kit", "RESOURCE_EXHAUSTED", "it is my error"),
    ("two", "INTERNAL", "rpc error: code = FailedPrecondition desc = two details of a kind"),
    ("large", "INTERNAL", "rpc error: code = DataLoss desc = " + "é" * 500),          # clients refuse 8 KB at random; it is sent twice
    ("7", "INTERNAL", "rpc error: code = PermissionDenied desc = as it was wished"),
    ("14", "INTERNAL", "rpc error: code = Unavailable desc = as it was wished"),
])
def test_a_failure_says_what_the_process_said(mine, sidecar_of, fail, code, text):
    _, dapr = sidecar_of(STORE)
    found = rpc.failure(dapr.GetState, store_name="s", key="k", metadata={"fail": fail})
    assert (found.code, text in found.message) == (code, True), found


def test_a_structured_failure_is_the_callers_over_http(mine, sidecar_of):
    sidecar, _ = sidecar_of(STORE)
    answer = sidecar.post("/v1.0-alpha1/state/s/query?metadata.fail=kit", b"{}")
    assert (answer.status, answer.json["errorCode"], answer.json["message"]) == (429, "ERR_MINE", "it is my error")


def test_rows_that_stayed_are_counted(mine, sidecar_of):
    _, dapr = sidecar_of(STORE)
    states = [{"key": "a", "metadata": {"fail": "rows"}}, {"key": "b"}]
    assert "delete affected only 1 rows, expected 2" in rpc.failure(dapr.DeleteBulkState, store_name="s", states=states).message


# ------------------------------------------------------------------------------------ whoever gives up
def test_a_caller_whose_time_is_over_is_told_so_and_the_process_too(mine, sidecar_of):
    _, dapr = sidecar_of(STORE)
    found = rpc.failure(dapr.GetState, store_name="s", key="k", metadata={"holdMs": "30000"}, call={"timeout": 1})
    assert found.is_late(), found
    mine.wait("gave up k")
    assert serves(dapr)


def test_a_caller_that_leaves_is_told_to_the_process(mine, sidecar_of):
    sidecar, dapr = sidecar_of(STORE)
    with raw.Connection(sidecar.http) as line:
        line.send(b"GET /v1.0/state/s/k?metadata.holdMs=30000 HTTP/1.1\r\nHost: x\r\n\r\n")
        mine.wait("holds k")
    mine.wait("gave up k: context canceled")
    assert serves(dapr)


# -------------------------------------------------------------------------------------------- faults
def test_a_process_that_stalls_holds_nobody_beyond_his_own_time(mine, sidecar_of):
    sidecar, dapr = sidecar_of(STORE, component("other", "state.in-memory"))
    save(dapr)
    mine.stall()
    found = rpc.failure(dapr.GetState, store_name="s", key="k", call={"timeout": 1})
    assert found.is_late(), found
    assert sidecar.post("/v1.0/state/other", b'[{"key":"k","value":1}]').status == 204
    mine.go_on()
    assert dapr.GetState(store_name="s", key="k").data == b"1"
    assert len(mine.wait("StateStore/Init", 1)) == 1


def test_the_sidecar_leaves_while_a_process_stalls(mine, sidecar_of, bench):
    app = bench.app()
    app.route("/t", json_reply({}))
    sidecar, _ = sidecar_of(STORE, BUS, BINDING, TOPIC, app=app, flags={"dapr-graceful-shutdown-seconds": 2})
    mine.wait("PullMessages p")
    mine.wait("Read b")
    mine.stall()
    sidecar.signal(signal.SIGTERM)
    assert sidecar.wait_end() == 0
    mine.go_on()
    mine.wait("has ended", count=2)


def test_a_process_that_stalls_when_the_sidecar_starts_is_left_out(mine, sidecar_of):
    mine.stall()
    sidecar, _ = sidecar_of(component("other", "state.in-memory"))
    assert sidecar.logged("failed to discover the services of the pluggable component 'mine'")
    mine.go_on()


@pytest.mark.differs
def test_a_process_that_dies_and_comes_back_is_greeted_again(mine, sidecar_of):
    _, dapr = sidecar_of(STORE)
    save(dapr)
    mine.kill()
    assert "rpc error: code = Unavailable" in rpc.failure(dapr.GetState, store_name="s", key="k").message
    mine.again()
    until(lambda: serves(dapr), "the new process serves")
    assert dapr.GetState(store_name="s", key="k").data == b""
    assert "StateStore/Init s" in mine.wait("StateStore/")[0]


@pytest.mark.differs
def test_a_process_that_leaves_answers_what_it_has_taken(mine, sidecar_of):
    _, dapr = sidecar_of(STORE)
    save(dapr)
    answers = []
    asking = threading.Thread(target=lambda: answers.append(
        dapr.GetState(store_name="s", key="k", metadata={"holdMs": "300"})))
    asking.start()
    mine.wait("holds k")
    mine.leave()
    asking.join(20)
    assert [one.data for one in answers] == [b"1"]
    mine.process.wait(20)
    mine.again()
    until(lambda: serves(dapr), "the new process serves")


@pytest.mark.differs
def test_a_limit_of_operations_is_asked_of_the_new_process_too(mine, sidecar_of):
    _, dapr = sidecar_of(STORE)
    one = operations(("upsert", "a", {}))
    dapr.ExecuteStateTransaction(storeName="s", operations=one)
    mine.kill()
    mine.again()
    until(lambda: serves(dapr), "the new process serves")
    dapr.ExecuteStateTransaction(storeName="s", operations=one)
    assert len(mine.wait("MultiMaxSize", 1)) == 1


@pytest.mark.differs
def test_ten_deaths_under_load_end_well(mine, sidecar_of):
    """Calls fail while nobody is there, and only with what they should fail with; then all is as before."""
    _, dapr = sidecar_of(STORE)
    stop, odd = threading.Event(), []

    def ask():
        while not stop.is_set():
            try:
                dapr.GetState(store_name="s", key="k", call={"timeout": 5})
            except rpc.Failure as why:
                if "Unavailable" not in why.message:
                    odd.append(why)
    askers = [threading.Thread(target=ask) for _ in range(4)]
    for one in askers:
        one.start()
    for _ in range(10):
        mine.kill()
        mine.again()
        mine.wait("StateStore/Get s")
    stop.set()
    for one in askers:
        one.join()
    assert odd == []
    assert serves(dapr)


# ------------------------------------------------------------------------------- sockets come and go
def test_a_socket_that_comes_later_is_found_at_sighup(tmp_path, sidecar_of):
    sidecar, dapr = sidecar_of(component("other", "state.in-memory"), flags={"config": None})
    made = Process(tmp_path / "mine.sock", *ALL)
    sidecar.resource_write("1.yaml", STORE)
    sidecar.signal(signal.SIGHUP)
    sidecar.wait_log("pluggable component 'mine' was successfully registered for 'dapr.proto.components.v1.StateStore'")
    until(lambda: serves(dapr), "the store serves")
    made.end()


# --------------------------------------------------------------------------------- reload and swaps
def under_load(dapr, change):
    """Saves and reads without a pause while change() is carried out; answers what failed."""
    stop, failed, count = threading.Event(), [], [0] * 4

    def ask(number):
        while not stop.is_set():
            try:
                save(dapr, key=str(number), value=b"%d" % count[number])
                assert dapr.GetState(store_name="s", key=str(number)).data == b"%d" % count[number]
                count[number] += 1
            except (rpc.Failure, AssertionError) as why:
                failed.append(why)
    askers = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
    for one in askers:
        one.start()
    until(lambda: all(count), "everybody asks")
    change()
    before = list(count)
    until(lambda: failed or all(now > then for now, then in zip(count, before)), "everybody asks on")
    stop.set()
    for one in askers:
        one.join()
    return failed


@pytest.mark.differs
def test_the_bridge_is_replaced_under_load(mine, sidecar_of):
    sidecar, dapr = sidecar_of(STORE)

    def swaps():
        for _ in range(5):
            answer = sidecar.admin.swap("offers.pluggable")
            assert answer.status == 200, answer.text
    assert under_load(dapr, swaps) == []
    assert len(mine.wait("StateStore/Init s", 6)) == 6


@pytest.mark.differs
@pytest.mark.parametrize("reload", ["safe", "dapr"])
def test_a_pluggable_component_is_reloaded_under_load(mine, sidecar_of, reload):
    sidecar, dapr = sidecar_of(STORE, flags={"reload": reload})

    def reloads():
        for _ in range(5):
            answer = sidecar.admin.reload("s")
            assert answer.status == 200, answer.text
    assert under_load(dapr, reloads) == []
    assert len(mine.wait("StateStore/Init s", 6)) == 6


@pytest.mark.differs
def test_with_reload_safe_a_new_version_that_the_process_refuses_changes_nothing(mine, sidecar_of):
    sidecar, dapr = sidecar_of(STORE, flags={"reload": "safe"})

    def write():
        sidecar.resource_write("0.yaml", component("s", "state.mine", {"keyPrefix": "none", "fail": "3"}))
        sidecar.wait_log("stays as it is, its new version is not taken")
    assert under_load(dapr, write) == []


@pytest.mark.differs
def test_a_broker_that_was_paused_for_a_swap_of_its_block_goes_on(mine, sidecar_of, bench):
    app = bench.app()
    app.route("/t", json_reply({"status": "SUCCESS"}))
    sidecar, dapr = sidecar_of(BUS, TOPIC, app=app)
    mine.wait("PullMessages p")
    for plugin in ("pubsub", "offers.pluggable", "pubsub"):
        answer = sidecar.admin.swap(plugin)
        assert answer.status == 200, answer.text
        before = len(app.requests("/t"))
        dapr.PublishEvent(pubsub_name="p", topic="t", data=plugin.encode(), data_content_type="text/plain")
        until(lambda: len(app.requests("/t")) > before, "the message is there")


@pytest.mark.differs
def test_events_of_an_input_binding_outlive_swaps(mine, sidecar_of, bench):
    app = bench.app()
    app.route("/b", json_reply({"done": True}))
    sidecar, dapr = sidecar_of(BINDING, app=app)
    mine.wait("InputBinding/Read b")
    for ended, plugin in enumerate(("offers.pluggable", "bindings", "offers.pluggable"), 1):
        answer = sidecar.admin.swap(plugin)
        assert answer.status == 200, answer.text
        mine.wait("InputBinding/Read b has ended", ended)             # what is said into a stream that ends is lost
        assert json.loads(dapr.InvokeBinding(name="b", operation="ask", data=b"x").data) == {"done": True}


# -------------------------------------------------------------------------------------------- pubsub
def test_a_message_is_published_handled_and_acknowledged(mine, sidecar_of, bench):
    app = bench.app()
    app.route("/t", json_reply({"status": "SUCCESS"}))
    _, dapr = sidecar_of(BUS, TOPIC, app=app)
    dapr.PublishEvent(pubsub_name="p", topic="t", data=b"hello", data_content_type="text/plain")
    assert app.wait_one("/t").json["data"] == "hello"
    mine.wait("ack 1")


def test_a_message_that_was_not_handled_comes_again(mine, sidecar_of, bench):
    app, tries = bench.app(), []

    def answer(request, sock):
        tries.append(request)
        return reply(500) if len(tries) == 1 else json_reply({"status": "SUCCESS"})
    app.route("/t", answer)
    _, dapr = sidecar_of(BUS, TOPIC, app=app)
    dapr.PublishEvent(pubsub_name="p", topic="t", data=b"hello", data_content_type="text/plain")
    mine.wait("nack 1: ")
    mine.wait("ack 1")


def test_many_messages_are_published_at_once(mine, sidecar_of, bench):
    app = bench.app()
    app.route("/t", json_reply({"status": "SUCCESS"}))
    _, dapr = sidecar_of(BUS, TOPIC, app=app)
    entries = [{"entry_id": str(i), "event": b"%d" % i, "content_type": "text/plain",
                "metadata": {"bad": "it is full"} if i == 3 else {}} for i in range(10)]
    answer = dapr.BulkPublishEventAlpha1(pubsub_name="p", topic="t", entries=entries)
    assert [(one.entry_id, "it is full" in one.error) for one in answer.failedEntries] == [("3", True)]
    until(lambda: len(app.requests("/t")) == 9, "nine messages")
    assert [one.json["data"] for one in app.requests("/t")] == [str(i) for i in range(10) if i != 3]


@pytest.mark.differs
def test_a_broker_that_dies_is_subscribed_to_again(mine, sidecar_of, bench):
    app = bench.app()
    app.route("/t", json_reply({"status": "SUCCESS"}))
    _, dapr = sidecar_of(BUS, TOPIC, app=app)
    mine.wait("PullMessages p")
    mine.kill()
    mine.again()
    mine.wait("PullMessages p")
    dapr.PublishEvent(pubsub_name="p", topic="t", data=b"hello", data_content_type="text/plain")
    app.wait_one("/t")


# ------------------------------------------------------------------------------------------ bindings
def test_what_the_app_answers_to_an_event_is_the_bindings(mine, sidecar_of, bench):
    app = bench.app()
    app.route("/b", json_reply({"done": True}))
    sidecar, dapr = sidecar_of(BINDING, app=app)
    assert json.loads(dapr.InvokeBinding(name="b", operation="ask", data=b"hello").data) == {"done": True}
    assert app.requests("/b", "POST")[0].body == b"hello"
    app.route("/b", reply(500))     # the error of that ends in a space, which the component sends back as it is
    answer = sidecar.post("/v1.0/bindings/b", b'{"operation":"ask","data":"x"}')
    assert answer.json["message"].endswith("rpc error: code = Aborted desc = fails to send binding event to http app channel, "
                                           "status code: 500 body: ")


def test_an_operation_is_counted_under_its_name(mine, sidecar_of, bench):
    app = bench.app()
    app.route("/b", json_reply({}))
    sidecar, dapr = sidecar_of(BINDING, app=app)
    counts = "dapr_component_output_binding_count"
    for _ in range(3):
        dapr.InvokeBinding(name="b", operation="ask", data=b"x")
    rpc.failure(dapr.InvokeBinding, name="b", operation="create", metadata={"fail": "8"})
    rpc.failure(dapr.InvokeBinding, name="b", operation="invented")
    metrics.wait_value(sidecar, counts, 3, component="b", operation="ask", success="true")
    metrics.wait_value(sidecar, counts, 1, component="b", operation="create", success="false")
    assert {labels["operation"] for name, labels, _ in metrics.samples(sidecar) if name == counts} == {"ask", "create"}


def test_all_that_was_said_before_the_end_is_handled(mine, sidecar_of, bench):
    """A component that has ended its stream in good order has no other way to tell what it said."""
    app, going = bench.app(), threading.Event()

    def slowly(request, sock):
        going.wait(20)
        return json_reply({})
    app.route("/b", slowly)
    _, dapr = sidecar_of(BINDING, app=app)
    for i in range(500):
        dapr.InvokeBinding(name="b", operation="create", data=b"%d" % i)
    dapr.InvokeBinding(name="b", operation="create", data=b"the last one")
    mine.wait("InputBinding/Read b has ended: OK")
    going.set()
    until(lambda: len(app.requests("/b", "POST")) == 501, lambda: f"501 events, not {len(app.requests('/b', 'POST'))}")


# ------------------------------------------------------------------------------------------- secrets
def test_secrets_are_those_of_the_instance(mine, sidecar_of):
    sidecar, dapr = sidecar_of(component("v1", "secretstores.mine", {"db": "one"}),
                               component("v2", "secretstores.mine", {"db": "two", "more": "m"}))
    assert dict(dapr.GetSecret(store_name="v1", key="db").data) == {"db": "one"}
    assert sidecar.get("/v1.0/secrets/v2/bulk").json == {"db": {"db": "two"}, "more": {"more": "m"}}
    assert "rpc error: code = NotFound desc = no secret nothing" in \
        rpc.failure(dapr.GetSecret, store_name="v1", key="nothing").message


def test_a_secret_that_nobody_waits_for_any_more_is_given_up(mine, sidecar_of):
    _, dapr = sidecar_of(component("v", "secretstores.mine", {"db": "one"}))
    found = rpc.failure(dapr.GetSecret, store_name="v", key="db", metadata={"holdMs": "30000"}, call={"timeout": 1})
    assert found.is_late(), found
    mine.wait("gave up db")


def test_all_kinds_live_in_one_process(mine, sidecar_of, tmp_path):
    sidecar, _ = sidecar_of(STORE, BUS, BINDING, component("v", "secretstores.mine"))
    assert sidecar.component_names() == {"s", "p", "b", "v"}
    for service in ("StateStore", "PubSub", "InputBinding", "OutputBinding", "SecretStore"):
        assert sidecar.logged(f"pluggable component 'mine' was successfully registered for 'dapr.proto.components.v1.{service}'")
    assert not mine.said("Ping")
    assert os.path.exists(tmp_path / "mine.sock")
