"""--reload=safe (docs/reload.md): the new one comes up beside the old one, what is broken leaves the old one serving, and
nothing is built anew. It is Trilby's own, so the whole file is left out on any other sidecar."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import threading

import pytest

from harness import raw, rpc
from harness.admin import Admin
from harness.app import reply
from harness.plugins import plugin_folder
from harness.resources import component, configuration, endpoint, resiliency, subscription, text_of
from harness.pubsub import Scene
from harness.wait import until
from test_reload import OTHER, SECONDS, STORE, folder_of, mcp, names, needy, save, secrets_file, types, vault, wait_components, write

pytestmark = pytest.mark.differs
SAFE = {"reload": "safe"}
BROKEN = component("store", "state.sqlite", {"connectionString": "/nowhere/at/all/x.db"})


def start(bench, *resources, **more):
    return bench.sidecar(resources=list(resources), flags={**SAFE, **more.pop("flags", {})}, **more)


def fussy(bench, tmp_path, flags):
    """A sidecar whose store is well, a version of it that fails its self-test, and what makes that one well and writes it
    again."""
    folder, trouble = tmp_path / "plugins", tmp_path / "trouble"
    folder.mkdir()
    trouble.touch()

    def store(path):
        return component("store", "state.fussy", {"troubleFile": str(path)})
    sidecar = bench.sidecar(resources=[store(tmp_path / "nothing")], flags={
        **flags, "plugins-path": str(plugin_folder(folder, "fussy.c", "state.fussy"))})

    def heal():
        trouble.unlink()
        sidecar.resource_write("0.yaml", store(trouble))
    return sidecar, store(trouble), heal


def test_the_start_says_that_nothing_is_built_anew(bench):
    sidecar = start(bench)
    sidecar.wait_log("Starting to watch HTTPEndpoint updates")
    assert not sidecar.logged("for SIGHUP reload")
    assert not sidecar.logged("reload is accepted and has no effect yet")


def test_a_store_keeps_what_it_holds_while_its_options_change(bench):
    sidecar = start(bench, STORE)
    assert save(sidecar, "store") == 204
    sidecar.resource_write("0.yaml", component("store", "state.in-memory", {"some": "option"}))
    sidecar.wait_log("Component updated: store (state.in-memory/v1)", seconds=SECONDS)
    assert sidecar.get("/v1.0/state/store/k").json == 1
    assert not sidecar.logged("Closing existing Component")


def test_a_version_that_does_not_start_leaves_the_old_one_serving(bench):
    sidecar = start(bench, STORE)
    assert save(sidecar, "store") == 204
    sidecar.resource_write("0.yaml", BROKEN)
    sidecar.wait_log("Component store (state.sqlite/v1) stays as it is, its new version is not taken: ", seconds=SECONDS)
    assert types(sidecar) == {"store": "state.in-memory"}
    assert sidecar.get("/v1.0/state/store/k").json == 1
    sidecar.resource_write("0.yaml", STORE)
    sidecar.resource_write("1.yaml", OTHER)
    wait_components(sidecar, "store", "other")
    assert sidecar.get("/v1.0/state/store/k").json == 1


def test_a_version_that_comes_up_ill_leaves_the_old_one_serving(bench, tmp_path):
    sidecar, ill, taken = fussy(bench, tmp_path, SAFE)
    sidecar.resource_write("0.yaml", ill)
    sidecar.wait_log("Component store (state.fussy/v1) stays as it is, its new version is not taken: component store came up and "
                     "did not pass its self-test: there is trouble", seconds=SECONDS)
    assert sidecar.get("/v1.0/state/store/k").status == 204
    assert not sidecar.logged("Component updated: store")
    taken()
    sidecar.wait_log("Component updated: store (state.fussy/v1)", seconds=SECONDS)
    sidecar.stop()


def test_without_safe_a_version_starts_as_at_the_start(bench, tmp_path):
    """The old one is closed by then: what comes up serves."""
    sidecar, ill, _ = fussy(bench, tmp_path, {"reload": "dapr"})
    sidecar.resource_write("0.yaml", ill)
    sidecar.wait_log("Component loaded: store (state.fussy/v1)", seconds=SECONDS, count=2)
    until(lambda: sidecar.get("/v1.0/state/store/k").status == 204, "the new one", SECONDS)
    sidecar.stop()


@pytest.mark.parametrize("text", ["", "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: [\n"], ids=["empty", "broken"])
def test_a_file_that_cannot_be_read_takes_nothing_away(bench, text):
    sidecar = start(bench, STORE)
    write(sidecar.resources, "0.yaml", text)
    path = os.path.join(sidecar.resources, "0.yaml")
    sidecar.wait_log(f"Component store (state.in-memory/v1) stays as it is: {path} is empty, or not all of it can be read",
                     seconds=SECONDS)
    assert save(sidecar, "store") == 204
    sidecar.resource_remove("0.yaml")
    wait_components(sidecar)


def test_a_new_component_that_does_not_start_is_left_out_and_tried_again(bench):
    sidecar = start(bench, STORE, flags={"hot-reload-reconcile-interval": "100ms"})
    folder = os.path.join(sidecar.folder, "later")
    sidecar.resource_write("1.yaml", component("late", "state.sqlite", {"connectionString": os.path.join(folder, "x.db")}))
    sidecar.wait_log("Component late (state.sqlite/v1) is left out, and tried again", seconds=SECONDS)
    assert sidecar.component_names() == {"store"}
    os.mkdir(folder)
    wait_components(sidecar, "store", "late")


def test_two_of_a_name_change_nothing(bench):
    sidecar = start(bench, STORE)
    sidecar.resource_write("1.yaml", [component("store", "pubsub.in-memory"), OTHER])
    sidecar.wait_log("what is loaded stays as it is: failed to load resources from disk: duplicate definition of Component name "
                     "store (pubsub.in-memory/v1) with existing store (state.in-memory/v1)", seconds=SECONDS)
    assert types(sidecar) == {"store": "state.in-memory"}
    sidecar.resource_write("1.yaml", OTHER)
    wait_components(sidecar, "store", "other")


def test_a_folder_that_goes_is_watched_again_when_it_is_back(bench):
    sidecar = start(bench, STORE, flags={"hot-reload-reconcile-interval": "100ms"})
    os.rename(sidecar.resources, sidecar.resources + ".away")
    sidecar.wait_log("a resource folder cannot be watched, what is loaded stays", seconds=SECONDS)
    assert save(sidecar, "store") == 204
    os.rename(sidecar.resources + ".away", sidecar.resources)
    sidecar.resource_write("1.yaml", OTHER)
    wait_components(sidecar, "store", "other")


def test_a_folder_that_is_back_is_found_long_before_the_minute(bench):
    sidecar = start(bench, STORE)
    shutil.rmtree(sidecar.resources)
    sidecar.wait_log("a resource folder cannot be watched, what is loaded stays, and it is tried again: ", seconds=SECONDS)
    os.mkdir(sidecar.resources)
    sidecar.resource_write("1.yaml", OTHER)
    wait_components(sidecar, "other")
    sidecar.resource_write("0.yaml", STORE)
    wait_components(sidecar, "store", "other")


def test_a_folder_as_kubernetes_mounts_it_changes_in_one_step(bench):
    sidecar = start(bench)

    def put(version, value):
        folder = os.path.join(sidecar.resources, version)
        os.mkdir(folder)
        write(folder, "0.yaml", text_of(value))
        os.symlink(version, os.path.join(sidecar.resources, "..data_tmp"))
        os.replace(os.path.join(sidecar.resources, "..data_tmp"), os.path.join(sidecar.resources, "..data"))
    put("..one", STORE)
    os.symlink("..data/0.yaml", os.path.join(sidecar.resources, "0.yaml"))
    wait_components(sidecar, "store")
    put("..two", [STORE, OTHER])
    shutil.rmtree(os.path.join(sidecar.resources, "..one"))
    wait_components(sidecar, "store", "other")
    assert save(sidecar, "store") == 204


def is_watched(sidecar, folder):
    """As the system lists it: the number of the folder in hex."""
    mark = f"ino:{os.stat(folder).st_ino:x} "
    for info in pathlib.Path(f"/proc/{sidecar.process.pid}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):    # closed in between
            if mark in info.read_text():
                return True
    return False


def test_a_folder_behind_a_link_that_leads_elsewhere_by_now_is_watched_there(bench):
    first, second = folder_of(bench), folder_of(bench)
    write(first, "0.yaml", text_of(STORE))
    write(second, "0.yaml", text_of(OTHER))
    link = os.path.join(folder_of(bench), "current")
    os.symlink(first, link)
    sidecar = bench.sidecar(flags={**SAFE, "resources-path": link, "hot-reload-reconcile-interval": "100ms"})
    wait_components(sidecar, "store")
    assert is_watched(sidecar, first) and not is_watched(sidecar, second)
    os.symlink(second, link + ".new")
    os.replace(link + ".new", link)
    wait_components(sidecar, "other")
    until(lambda: is_watched(sidecar, second), "the other folder to be watched", SECONDS)
    assert not is_watched(sidecar, first)


def test_requests_go_on_while_the_old_one_drains(bench):
    """A removal waits for the calls that are under way."""
    sidecar = start(bench, STORE, OTHER)
    sidecar.resource_remove("1.yaml")
    wait_components(sidecar, "store")
    assert save(sidecar, "other") == 400 and save(sidecar, "store") == 204


# --- Secret stores and those that depend on them ---

def test_a_changed_secret_store_changes_those_that_use_it(bench):
    first, second = secrets_file(bench, deep="one"), secrets_file(bench, deep="two")
    sidecar = start(bench, vault(secrets_file(bench, path=first)), needy())
    assert sidecar.get("/v1.0/secrets/inner/deep").json == {"deep": "one"}
    sidecar.resource_write("0.yaml", vault(secrets_file(bench, path=second)))
    until(lambda: sidecar.get("/v1.0/secrets/inner/deep").json == {"deep": "two"}, "the other secret", SECONDS)


def test_a_secret_store_with_the_same_secrets_disturbs_nobody(bench):
    inner = secrets_file(bench, deep="one")
    sidecar = start(bench, vault(secrets_file(bench, path=inner)), needy())
    sidecar.resource_write("0.yaml", vault(secrets_file(bench, path=inner)))
    sidecar.wait_log("Component updated: vault", seconds=SECONDS)
    sidecar.wait_log("Component update skipped: no changes detected: inner (secretstores.local.file/v1)", seconds=SECONDS)
    assert not sidecar.logged("Component updated: inner")
    sidecar.stop()


def test_a_version_whose_secret_store_is_missing_is_not_taken(bench):
    sidecar = start(bench, vault(secrets_file(bench, k="v"), "inner"))
    sidecar.resource_write("0.yaml", needy())
    sidecar.wait_log("Component inner (secretstores.local.file/v1) stays as it is, its new version is not taken: component inner "
                     "references a secret store that isn't loaded: vault", seconds=SECONDS)
    assert sidecar.get("/v1.0/secrets/inner/k").json == {"k": "v"}


def test_an_endpoint_hears_of_its_changed_secret(bench):
    app = bench.app()
    app.route("/x", reply(200, b"hi"))
    shop = endpoint("shop", f"http://127.0.0.1:{app.port}")
    shop["spec"]["headers"] = [{"name": "key", "secretKeyRef": {"name": "key", "key": "key"}}]
    shop["auth"] = {"secretStore": "vault"}
    sidecar = start(bench, vault(secrets_file(bench, key="one")), shop)

    def header():
        app.forget()
        assert sidecar.get("/v1.0/invoke/shop/method/x").body == b"hi"
        return app.wait_one("/x").header("key")
    assert header() == "one"
    sidecar.resource_write("0.yaml", vault(secrets_file(bench, key="two")))
    until(lambda: header() == "two", "the other secret", SECONDS)
    sidecar.stop()


# --- Kinds that need no new runtime ---

def test_endpoints_change_in_place(bench):
    app = bench.app()
    app.route("/x", reply(200, b"hi"))
    sidecar = start(bench, STORE)
    kept = raw.Connection(sidecar.http)
    sidecar.resource_write("e.yaml", endpoint("shop", f"http://127.0.0.1:{app.port}"))
    until(lambda: sidecar.get("/v1.0/invoke/shop/method/x").body == b"hi", "the endpoint", SECONDS)
    assert names(sidecar, "httpEndpoints") == {"shop"}
    sidecar.resource_remove("e.yaml")
    until(lambda: names(sidecar, "httpEndpoints") == set(), "no endpoint", SECONDS)
    assert kept.request("GET", "/v1.0/healthz").status == 204
    assert not sidecar.logged("restarting")


def test_resiliencies_change_in_place(bench):
    def policy(name, time="5s"):
        return resiliency(name, {"timeouts": {"t": time}}, {})
    sidecar = start(bench, policy("one"))
    sidecar.resource_write("0.yaml", policy("two"))
    until(lambda: names(sidecar, "resiliencies") == {"two"}, "the other", SECONDS)
    sidecar.resource_write("0.yaml", policy("two", "t"))
    sidecar.wait_log("Could not read resiliency policy two: ", seconds=SECONDS)
    assert not sidecar.logged("restarting")


def test_mcp_servers_change_in_place(bench):
    sidecar = start(bench, mcp("tools", "http://127.0.0.1:1/mcp"))
    sidecar.resource_write("0.yaml", mcp("others", "http://127.0.0.1:1/mcp"))
    until(lambda: names(sidecar, "mcpServers") == {"others"}, "the other", SECONDS)


def test_subscriptions_change_while_messages_flow(bench):
    memory = Scene(bench, "pubsub.in-memory")
    memory.accept("/a").accept("/b").start(resources=[subscription("sub", "pubsub", "a", "/a")], flags=SAFE)
    sidecar = memory.sidecar
    sidecar.resource_write("1.yaml", subscription("sub", "pubsub", "a", "/b"))
    sidecar.wait_log("Subscription updated: sub", seconds=SECONDS)
    until(lambda: sidecar.post("/v1.0/publish/pubsub/a", "1").status == 204 and memory.app.requests("/b"),
          "a message by the new route", SECONDS)


# --- The configuration ---

def rpc_status(sidecar):
    try:
        rpc.Dapr(sidecar.grpc).GetMetadata()
    except rpc.Failure as failure:
        return failure.code
    return "OK"


def test_scopes_of_secrets_and_denied_components_change_with_a_hangup(bench):
    sidecar = start(bench, vault(secrets_file(bench, k="v")), config={})
    kept = raw.Connection(sidecar.http)
    assert sidecar.get("/v1.0/secrets/vault/k").status == 200
    sidecar.config_write("config.yaml", {"secrets": {"scopes": [{"storeName": "vault", "defaultAccess": "deny"}]},
                                         "components": {"deny": ["state.in-memory/v1"]}})
    sidecar.signal(signal.SIGHUP)
    sidecar.wait_log("Configuration read again: ", seconds=SECONDS)
    assert sidecar.get("/v1.0/secrets/vault/k").status == 403
    sidecar.resource_write("s.yaml", STORE)
    sidecar.wait_log("Received unauthorized component update, ignored: store (state.in-memory/v1)", seconds=SECONDS)
    assert kept.request("GET", "/v1.0/healthz").status == 204
    assert not sidecar.logged("restarting")


def test_apis_and_the_log_of_calls_change_with_a_hangup(bench):
    sidecar = start(bench, STORE, config={}, flags={"enable-api-logging": None})
    kept = raw.Connection(sidecar.http)
    assert save(sidecar, "store") == 204 and rpc_status(sidecar) == "OK"
    sidecar.config_write("config.yaml", {"logging": {"apiLogging": {"enabled": True}}, "api": {"denied": [
        {"name": "state", "version": "v1.0", "protocol": "http"}, {"name": "metadata", "version": "v1", "protocol": "grpc"}]}})
    sidecar.signal(signal.SIGHUP)
    until(lambda: kept.request("POST", "/v1.0/state/store", [], b"[]").status == 404, "the API to be closed", SECONDS)
    assert rpc_status(sidecar) == "UNIMPLEMENTED"
    assert kept.request("GET", "/v1.0/metadata").status == 200
    sidecar.wait_log("HTTP API Called")
    sidecar.config_write("config.yaml", {})
    sidecar.signal(signal.SIGHUP)
    until(lambda: save(sidecar, "store") == 204, "the API to be open", SECONDS)
    assert rpc_status(sidecar) == "OK" and not sidecar.logged("restarting")
    sidecar.stop()


def test_a_configuration_in_a_folder_has_the_files_read_again(bench):
    sidecar = start(bench, vault(secrets_file(bench, k="v")), config={})
    sidecar.config_write("config.yaml", {"secrets": {"scopes": [{"storeName": "vault", "defaultAccess": "deny"}]},
                                         "tracing": {"samplingRate": "1"}})
    sidecar.resource_write("c.yaml", configuration())
    sidecar.wait_log("spec.tracing cannot change while the runtime runs: SIGHUP builds it anew", seconds=SECONDS)
    assert sidecar.get("/v1.0/secrets/vault/k").status == 403
    assert not sidecar.logged("restarting")


def test_what_cannot_change_in_place_is_built_anew_by_a_hangup(bench):
    sidecar = start(bench, STORE, config={})
    sidecar.config_write("config.yaml", {"tracing": {"samplingRate": "1"}})
    sidecar.signal(signal.SIGHUP)
    sidecar.wait_log("dapr initialized. Status: Running.", count=2, seconds=SECONDS)
    sidecar.wait_ready()
    assert "AlwaysOnSampler" in sidecar.logged("Dapr trace sampler initialized")[-1]


def test_a_hangup_into_a_broken_configuration_changes_nothing(bench):
    sidecar = start(bench, STORE, config={})
    sidecar.config_write("config.yaml", "spec: [1\n")
    sidecar.signal(signal.SIGHUP)
    sidecar.wait_log("the configuration stays as it is: error loading configuration: yaml: ", seconds=SECONDS)
    assert save(sidecar, "store") == 204 and sidecar.get("/v1.0/healthz").status == 204


def test_a_hangup_reads_folders_that_nobody_watches(bench):
    sidecar = start(bench, STORE, config={"features": [{"name": "HotReload", "enabled": False}]})
    sidecar.resource_write("1.yaml", OTHER)
    sidecar.signal(signal.SIGHUP)
    wait_components(sidecar, "store", "other")
    assert not sidecar.logged("restarting")


# --- Beside the admin listener ---

@pytest.fixture
def admined(bench, tmp_path):
    path = str(tmp_path / "admin.sock")
    return start(bench, STORE, flags={"admin-listen": f"unix:{path}"}), Admin(path=path)


def test_what_was_given_by_hand_stays(admined):
    sidecar, admin = admined
    assert admin.put(text_of(component("given", "state.in-memory"))).status == 200
    sidecar.resource_write("1.yaml", OTHER)
    wait_components(sidecar, "store", "given", "other")


def test_what_was_taken_away_by_hand_stays_away_until_its_file_changes(admined):
    sidecar, admin = admined
    assert admin.remove("store").status == 200
    sidecar.resource_write("1.yaml", OTHER)
    wait_components(sidecar, "other")
    sidecar.resource_write("0.yaml", component("store", "state.in-memory", {"some": "option"}))
    wait_components(sidecar, "store", "other")


def test_hand_and_folder_at_the_same_time(admined):
    sidecar, admin = admined
    ends = threading.Event()

    def by_hand():
        while not ends.is_set():
            assert admin.reload("store").status in (200, 409)
    thread = threading.Thread(target=by_hand)
    thread.start()
    for number in range(50):
        sidecar.resource_write("0.yaml", component("store", "state.in-memory", {"number": number}))
        assert save(sidecar, "store") == 204
    ends.set()
    thread.join()
    sidecar.resource_write("0.yaml", component("store", "state.in-memory", {"last": "one"}))
    sidecar.resource_write("1.yaml", OTHER)
    wait_components(sidecar, "store", "other")
    assert json.loads(sidecar.get("/v1.0/state/store/k").body) == 1


# --- Actor state stores ---

@pytest.mark.parametrize("reload", ["dapr", "safe"])
def test_there_is_one_actor_state_store(bench, reload):
    def actors(name):
        return component(name, "state.in-memory", {"actorStateStore": "true"})
    sidecar = start(bench, actors("one"), flags={"placement-host-address": "127.0.0.1:1", "reload": reload})
    sidecar.resource_write("1.yaml", actors("two"))
    sidecar.wait_log("Skipping hot reload of two (state.in-memory/v1): one is already the actor state store, only one actor state "
                     "store is allowed. The component will be applied if one is removed", seconds=SECONDS)
    assert sidecar.component_names() == {"one"}
    sidecar.resource_remove("0.yaml")
    sidecar.wait_log("Applying previously skipped actor state store: two (state.in-memory/v1)", seconds=SECONDS)
    wait_components(sidecar, "two")


# --- Many times ---

COUNT = int(os.environ.get("TEST_RELOADS", "120"))


def broken(number):
    """In turn: a version that does not start, one that is no YAML, an empty file."""
    return (component("store", "state.sqlite", {"connectionString": f"/nowhere/{number}/x.db"}),
            f"apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: [{number}\n", "")[number // 10 % 3]


def test_many_versions_under_requests_of_which_none_fails(bench):
    """Every tenth version is broken. tests/soak has ten thousand of them."""
    sidecar = start(bench, STORE)
    ends, failures, done = threading.Event(), [], [0]

    def ask(key):
        while not ends.is_set():
            saved = sidecar.post("/v1.0/state/store", [{"key": key, "value": done[0]}]).status
            found = sidecar.get(f"/v1.0/state/store/{key}").status
            if (saved, found) != (204, 200):
                failures.append((saved, found))
            done[0] += 1
    threads = [threading.Thread(target=ask, args=(f"k{number}",)) for number in range(3)]
    for one in threads:
        one.start()
    taken = stays = 0
    for number in range(COUNT):
        if number % 10 == 9:
            stays += 1
            sidecar.resource_write("0.yaml", broken(number))
            sidecar.wait_log("stays as it is", seconds=60, count=stays)
        else:
            taken += 1
            sidecar.resource_write("0.yaml", component("store", "state.in-memory", {"number": number}))
            sidecar.wait_log("Component updated: store", seconds=60, count=taken)
    ends.set()
    for one in threads:
        one.join()
    assert not failures and done[0] > COUNT
    sidecar.stop()
