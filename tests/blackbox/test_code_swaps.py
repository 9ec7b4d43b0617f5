"""What stays as it was when code is replaced: notes, subscriptions, names; and what a copy that is ill does: nothing."""

import os
import signal
import threading
import uuid

import pytest
import redis as client

from harness.admin import Admin
from harness.app import reply
from harness.plugins import plugin_folder
from harness.resources import component
from harness.wait import until

pytestmark = pytest.mark.differs


@pytest.fixture
def admined(bench, tmp_path):
    """A sidecar with an admin listener."""
    path = str(tmp_path / "admin.sock")

    def start(**how):
        sidecar = bench.sidecar(**{**how, "flags": {**how.get("flags", {}), "admin-listen": f"unix:{path}"}})
        return sidecar, Admin(path=path)
    return start


def copies(admin, file):
    return sum(one["file"] == f"{file}.so" for one in admin.plugins())


def serving(admin, name):
    """The copy that the live one of that name runs from."""
    return next(one["copy"] for one in admin.request("GET", "/v1/admin/components").json["components"]
                if one["name"] == name and one["state"] == "live")


def swapped(admin, plugin):
    answer = admin.swap(plugin)
    assert answer.status == 200, answer.text


# --- Notes ---

def hearing(admined, bench, handler):
    """An app that hears of topic t by its handler, its ready sidecar, and that one's admin."""
    app = bench.app()
    app.route("/dapr/subscribe", reply(200, b'[{"pubsubname":"pubsub","topic":"t","route":"/t"}]'))
    app.route("/t", handler)
    sidecar, admin = admined(app=app, resources=[component("pubsub", "pubsub.in-memory")])
    sidecar.wait_ready()
    return app, sidecar, admin


def test_notes_stay_when_their_block_is_replaced(admined):
    sidecar, admin = admined()
    assert sidecar.put("/v1.0/metadata/kept", b"a:1 \xc3\xbc,").status == 204
    assert sidecar.put("/v1.0/metadata/empty", b"").status == 204
    for _ in range(3):
        swapped(admin, "metadata")
    extended = sidecar.metadata()["extended"]
    assert extended["kept"] == "a:1 \u00fc," and extended["empty"] == ""
    assert sidecar.put("/v1.0/metadata/kept", b"later").status == 204
    swapped(admin, "metadata")
    until(lambda: copies(admin, "metadata") == 1, "the old copy to go")
    assert sidecar.metadata()["extended"]["kept"] == "later"


def test_no_note_that_was_taken_is_lost_in_between(admined):
    sidecar, admin = admined()
    ended, taken = threading.Event(), []

    def write():
        while not ended.is_set():
            number = len(taken)
            assert sidecar.put(f"/v1.0/metadata/n{number % 50}", str(number).encode()).status == 204
            taken.append(number)

    writer = threading.Thread(target=write)
    writer.start()
    for _ in range(20):
        before = len(taken)
        swapped(admin, "metadata")
        until(lambda: len(taken) > before + 3, "notes to be taken")
    ended.set()
    writer.join(30)
    until(lambda: copies(admin, "metadata") == 1, "the old copies to go")
    last = {f"n{number % 50}": str(number) for number in taken}
    extended = sidecar.metadata()["extended"]
    assert {name: extended.get(name) for name in last} == last


# --- Subscriptions ---

def test_the_app_is_not_asked_again(admined, bench):
    app = bench.app()
    app.route("/dapr/subscribe", reply(200, b'[{"pubsubname":"pubsub","topic":"t","route":"/t"}]'))
    app.route("/t", reply(200))
    sidecar, admin = admined(app=app, resources=[component("pubsub", "pubsub.in-memory")])
    sidecar.wait_ready()
    for number in range(3):
        swapped(admin, "pubsub")
        assert sidecar.post("/v1.0/publish/pubsub/t", {"n": number}).status == 204
    app.wait_for("/t", 3)
    assert [one["topic"] for one in sidecar.metadata()["subscriptions"]] == ["t"]
    assert len(app.requests("/dapr/subscribe")) == 1


@pytest.mark.parametrize("change", ["configuration", "configuration.redis", "reload"])
def test_a_subscription_to_configuration_goes_on(admined, bench, redis_server, change):
    app = bench.app()
    app.otherwise = reply(200, b"")
    sidecar, admin = admined(app=app, resources=[
        component("settings", "configuration.redis", {"redisHost": redis_server.address})])
    key = f"k-{uuid.uuid4().hex[:8]}"
    id = sidecar.get(f"/v1.0/configuration/settings/subscribe?key={key}").json["id"]
    host, port = redis_server.address.split(":")
    path = f"/configuration/settings/{key}"
    with client.Redis(host, int(port)) as keeper:
        for number in range(1, 6):
            if change == "reload":
                assert admin.reload("settings").status == 200
            else:
                swapped(admin, change)
            keeper.set(key, f"v{number}||{number}")
            until(lambda: any(one.json["items"][key].get("value") == f"v{number}" and one.json["id"] == id
                              for one in app.requests(path)), f"the change {number}")
        assert sidecar.get(f"/v1.0/configuration/settings/{id}/unsubscribe").json == {"ok": True}
        keeper.set(key, "no||9")
    assert not any(one.json["items"][key].get("value") == "no" for one in app.requests(path))


def test_a_signal_in_the_middle_is_obeyed_and_the_swap_is_answered(admined, bench):
    gate, at_the_app = threading.Event(), threading.Event()

    def slow(request, sock):
        at_the_app.set()
        gate.wait(20)
        return reply(200)

    app, sidecar, admin = hearing(admined, bench, slow)
    assert sidecar.post("/v1.0/publish/pubsub/t", {"n": 1}).status == 204
    assert at_the_app.wait(10)
    answers = []
    swap = threading.Thread(target=lambda: answers.append(admin.swap("pubsub")))
    swap.start()
    until(lambda: copies(admin, "pubsub") == 2, "the swap to be under way")
    sidecar.signal(signal.SIGTERM)
    sidecar.wait_log("Dapr is shutting down")
    gate.set()
    swap.join(20)
    assert not swap.is_alive() and answers and answers[0].status in (200, 503)
    assert sidecar.wait_end(20) == 0


def test_a_handler_that_takes_its_time_does_not_stop_the_others(admined, bench):
    gate = threading.Event()

    def slow(request, sock):
        if request.json["data"]["n"] == 0:
            gate.wait(60)
        return reply(200)

    app, sidecar, admin = hearing(admined, bench, slow)
    assert sidecar.post("/v1.0/publish/pubsub/t", {"n": 0}).status == 204
    app.wait_for("/t", 1)
    swapped(admin, "pubsub")

    def another_is_heard():
        """Until the new copy has subscribed, what comes waits behind the first."""
        assert sidecar.post("/v1.0/publish/pubsub/t", {"n": 1}).status == 204
        return len(app.requests("/t")) > 1

    until(another_is_heard, "a message that the first one's handler does not hold")
    gate.set()
    until(lambda: copies(admin, "pubsub") == 1, "the old copy to go")


@pytest.mark.parametrize("change", ["swap", "reload"])
def test_what_waits_in_memory_goes_over_in_its_order(admined, bench, change):
    """Also what is published while the handler of the first one takes its time, by that handler, too."""
    gate, at_the_app = threading.Event(), threading.Event()
    where = {}

    def hear(request, sock):
        if request.json["data"]["n"] == 0:
            at_the_app.set()
            gate.wait(20)
            assert where["sidecar"].post("/v1.0/publish/pubsub/t", {"n": 51}).status == 204
        return reply(200)

    app, sidecar, admin = hearing(admined, bench, hear)
    where["sidecar"] = sidecar
    for number in range(50):
        assert sidecar.post("/v1.0/publish/pubsub/t", {"n": number}).status == 204
    assert at_the_app.wait(10)
    answers = []
    taking = threading.Thread(target=lambda: answers.append(
        admin.swap("pubsub.in-memory") if change == "swap" else admin.reload("pubsub")))
    taking.start()
    until(lambda: sum(one["name"] == "pubsub" for one in admin.request("GET", "/v1/admin/components").json["components"]) == 2,
          "the new one to come up")
    assert sidecar.post("/v1.0/publish/pubsub/t", {"n": 50}).status == 204
    gate.set()
    taking.join(20)
    assert answers and answers[0].status == 200, answers[0].text
    came = [one.json["data"]["n"] for one in app.wait_for("/t", 52)]
    assert came == list(range(52))


def test_what_cannot_go_over_in_time_stays_and_is_delivered(admined, bench):
    gate, at_the_app = threading.Event(), threading.Event()

    def hear(request, sock):
        at_the_app.set()
        gate.wait(60)
        return reply(200)

    app, sidecar, admin = hearing(admined, bench, hear)
    for number in range(5):
        assert sidecar.post("/v1.0/publish/pubsub/t", {"n": number}).status == 204
    assert at_the_app.wait(10)
    answer = admin.swap("pubsub.in-memory")
    assert answer.status >= 400 and "could not hand over what it keeps in time" in answer.json["message"]
    assert sidecar.post("/v1.0/publish/pubsub/t", {"n": 5}).status == 204
    gate.set()
    assert sorted(one.json["data"]["n"] for one in app.wait_for("/t", 6)) == list(range(6))


# --- Names ---

@pytest.mark.parametrize("kind", ["mdns", "sqlite"])
def test_the_resolver_of_names_is_replaced_while_it_is_asked(admined, bench, tmp_path, kind):
    resolver = {"component": kind, "version": "v1"}
    if kind == "sqlite":
        resolver["configuration"] = {"connectionString": str(tmp_path / "names.db")}
    config = {"nameResolution": resolver}
    app = bench.app()
    app.otherwise = reply(200, b"ok")
    callee = bench.sidecar(app_id=f"n{uuid.uuid4().hex[:10]}", app=app, config=config)
    caller, admin = admined(app_id=f"n{uuid.uuid4().hex[:10]}", config=config)
    before = {one["copy"] for one in admin.plugins() if one["file"] == f"nameresolution.{kind}.so"}
    assert len(before) == 1
    for _ in range(3):
        assert caller.get(f"/v1.0/invoke/{callee.app_id}/method/x").body == b"ok"
        swapped(admin, f"nameresolution.{kind}")
        assert caller.get(f"/v1.0/invoke/{callee.app_id}/method/x").body == b"ok"
    until(lambda: copies(admin, f"nameresolution.{kind}") == 1, "the old copies to go")
    assert {one["copy"] for one in admin.plugins() if one["file"] == f"nameresolution.{kind}.so"} != before
    until(lambda: callee.get(f"/v1.0/invoke/{caller.app_id}/method/x").status != 500 or b"couldn't find service" not in
          callee.get(f"/v1.0/invoke/{caller.app_id}/method/x").body, "it to be announced again")


# --- Self-test ---

def test_a_copy_that_is_ill_does_not_take_over(admined, tmp_path):
    trouble = tmp_path / "trouble"
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    sidecar, admin = admined(flags={"plugins-path": str(plugin_folder(plugins, "fussy.c", "state.fussy"))},
                             resources=[component("store", "state.fussy", {"troubleFile": str(trouble)})])
    before = serving(admin, "store")
    trouble.touch()
    answer = admin.swap("state.fussy")
    assert answer.status == 503 and "store" in answer.json["message"] and "there is trouble" in answer.json["message"]
    assert serving(admin, "store") == before
    assert sidecar.get("/v1.0/state/store/k").status == 204
    trouble.unlink()
    swapped(admin, "state.fussy")
    assert serving(admin, "store") != before


# --- All at once ---

ROUNDS = int(os.environ.get("TEST_SWAP_ROUNDS", "3"))
STORM = ("state.redis", "pubsub.redis", "pubsub.in-memory", "state.in-memory", "configuration.redis", "state", "pubsub",
         "configuration", "metadata", "nameresolution.mdns")


def test_a_storm_of_swaps_with_three_loops(admined, bench, redis_server):
    """Every kind of plugin, while clients save, read, publish and note: each request is answered, each event comes once."""
    app = bench.app()
    app.route("/dapr/subscribe", reply(200, b'[{"pubsubname":"redis","topic":"storm","route":"/r"},'
                                           b'{"pubsubname":"memory","topic":"storm","route":"/m"}]'))
    app.otherwise = reply(200)
    host = {"redisHost": redis_server.address}
    sidecar, admin = admined(app=app, app_id=f"s{uuid.uuid4().hex[:8]}", flags={"loops": 3}, resources=[
        component("store", "state.redis", host), component("kept", "state.in-memory"), component("memory", "pubsub.in-memory"),
        component("redis", "pubsub.redis", host), component("settings", "configuration.redis", host)])
    sidecar.wait_ready()
    sidecar.get("/v1.0/configuration/settings/subscribe?key=storm")
    ended, bad, sent = threading.Event(), [], {"redis": 0, "memory": 0}

    def check(answer, what):
        if answer.status >= 300:
            bad.append(f"{what}: {answer.status} {answer.text}")

    def save(store, number):
        while not ended.is_set():
            check(sidecar.post(f"/v1.0/state/{store}", [{"key": f"k{number}", "value": number}]), f"saving in {store}")
            check(sidecar.get(f"/v1.0/state/{store}/k{number}"), f"reading of {store}")

    def publish(name):
        while not ended.is_set():
            check(sidecar.post(f"/v1.0/publish/{name}/storm", {"n": sent[name]}), f"publishing to {name}")
            sent[name] += 1

    def note():
        while not ended.is_set():
            check(sidecar.put("/v1.0/metadata/note", b"x"), "noting")
            check(sidecar.get("/v1.0/metadata"), "the metadata")

    clients = [threading.Thread(target=save, args=(store, number)) for store in ("store", "kept") for number in range(2)]
    clients += [threading.Thread(target=publish, args=(name,)) for name in sent] + [threading.Thread(target=note)]
    for one in clients:
        one.start()
    try:
        for _ in range(ROUNDS):
            for plugin in STORM:
                swapped(admin, plugin)
    finally:
        ended.set()
    for one in clients:
        one.join(30)
    assert not bad, bad[:5]
    for name, path in (("redis", "/r"), ("memory", "/m")):
        came = app.wait_for(path, sent[name], seconds=60)
        assert sorted(one.json["data"]["n"] for one in came) == list(range(sent[name])), name
