"""Hot reload as the contract has it (resources.md 3, 9.8): what changes in the resource folders is taken up while the
process runs."""

import json
import os
import signal
import tempfile
import threading

import pytest

from harness import metrics
from harness.app import reply
from harness.pubsub import Scene
from harness.resources import component, configuration, document, endpoint, resiliency, subscription, text_of
from harness.wait import until

STORE = component("store", "state.in-memory")
OTHER = component("other", "state.in-memory")
KINDS = ("Component", "Subscription", "MCPServer", "WorkflowAccessPolicy")
REBUILT = ("Configuration", "HTTPEndpoint", "Resiliency")
SECONDS = 20


def folder_of(bench):
    folder = tempfile.TemporaryDirectory(prefix="blackbox-reload-")
    bench.stack.callback(folder.cleanup)
    return folder.name


def secrets_file(bench, **values):
    path = os.path.join(folder_of(bench), "secrets.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(values, file)
    return path


def vault(path, name="vault"):
    return component(name, "secretstores.local.file", {"secretsFile": path})


def wait_components(sidecar, *names):
    until(lambda: sidecar.component_names() == set(names),
          lambda: f"components {set(names)}, there are {sidecar.component_names()}:\n{sidecar.log_tail()}", SECONDS)


def types(sidecar):
    return {one["name"]: one["type"] for one in sidecar.metadata().get("components", [])}


def save(sidecar, store):
    return sidecar.post(f"/v1.0/state/{store}", [{"key": "k", "value": 1}]).status


def write(folder, name, text):
    """In place, as many programs do."""
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(text)


# --- 3.1 What is watched ---

def test_the_start_tells_what_is_watched(bench):
    more = folder_of(bench)
    sidecar = bench.sidecar(start=False)
    sidecar.flags["resources-path"] = [sidecar.resources, more]
    sidecar.start()
    sidecar.wait_log(
        "Hot reloading enabled. Daprd will reload 'Component', 'Subscription', 'MCPServer', 'Configuration', 'HTTPEndpoint', "
        "'Resiliency' and 'WorkflowAccessPolicy' resources when they are added, updated or deleted.")
    sidecar.wait_log(f"Watching directories: [{sidecar.resources}, {more}]")
    for kind in KINDS:
        sidecar.wait_log(f"Starting to watch {kind} updates")
    for kind in REBUILT:
        sidecar.wait_log(f"Starting to watch {kind} updates for SIGHUP reload")


def test_it_is_watched_before_the_process_is_ready(bench):
    sidecar = bench.sidecar()
    sidecar.wait_log("dapr initialized. Status: Running.")
    lines = sidecar.log()
    watched = [n for n, line in enumerate(lines) if "Starting to watch" in line]
    ready, = [n for n, line in enumerate(lines) if "dapr initialized. Status: Running." in line]
    assert len(watched) == len(KINDS + REBUILT) and max(watched) < ready


def test_switched_off_nothing_is_watched(bench):
    sidecar = bench.sidecar(resources=[STORE], config={"features": [{"name": "HotReload", "enabled": False}]},
                            flags={"hot-reload-reconcile-interval": "10ms"})
    assert not sidecar.logged("Hot reloading enabled")
    assert "HotReload" not in sidecar.metadata().get("enabledFeatures", [])
    sidecar.resource_write("1.yaml", OTHER)
    sidecar.signal(signal.SIGHUP)                      # reads everything: what was not taken up before is now
    sidecar.wait_log("dapr initialized. Status: Running.", count=2, seconds=SECONDS)
    sidecar.wait_ready()
    assert sidecar.component_names() == {"store", "other"}
    assert not sidecar.logged("Component updated: other")


def test_components_come_change_and_go(bench):
    sidecar = bench.sidecar()
    assert save(sidecar, "store") == 500
    sidecar.resource_write("a.yaml", STORE)
    wait_components(sidecar, "store")
    assert save(sidecar, "store") == 204
    assert save(sidecar, "other") == 400
    sidecar.wait_log("Adding Component for processing: store (state.in-memory/v1)")
    sidecar.wait_log("Component updated: store (state.in-memory/v1)")
    sidecar.resource_write("a.yaml", component("store", "state.in-memory", {"some": "option"}))
    sidecar.wait_log("Closing existing Component to reload: store (state.in-memory/v1)")
    sidecar.wait_log("Component updated: store (state.in-memory/v1)", count=2)
    wait_components(sidecar, "store")
    sidecar.resource_remove("a.yaml")
    wait_components(sidecar)
    assert save(sidecar, "store") == 500
    sidecar.stop()


def test_several_folders_are_watched_at_once(bench):
    more = folder_of(bench)
    sidecar = bench.sidecar(start=False, resources=[STORE])
    sidecar.flags["resources-path"] = [sidecar.resources, more]
    sidecar.start()
    write(more, "x.yaml", text_of(OTHER))
    wait_components(sidecar, "store", "other")
    os.remove(os.path.join(more, "x.yaml"))
    wait_components(sidecar, "store")


def test_a_file_of_several_documents(bench):
    sidecar = bench.sidecar(resources=[[STORE, OTHER]])
    sidecar.resource_write("0.yaml", [STORE, component("third", "state.in-memory")])
    wait_components(sidecar, "store", "third")
    assert not sidecar.logged("Closing existing Component to reload: store")


# --- 3.2 What is different ---

def test_renaming_closes_the_old_name_and_opens_the_new_one(bench):
    sidecar = bench.sidecar(resources=[STORE])
    sidecar.resource_write("0.yaml", OTHER)
    wait_components(sidecar, "other")
    sidecar.wait_log("Component loaded: other")
    lines = sidecar.log()
    closed, = [n for n, line in enumerate(lines) if "Shutting down component store" in line] or [0]
    opened, = [n for n, line in enumerate(lines) if "Component loaded: other" in line]
    assert closed <= opened


def test_labels_and_annotations_are_no_difference(bench):
    sidecar = bench.sidecar(resources=[STORE])
    labelled = component("store", "state.in-memory")
    labelled["metadata"]["labels"] = {"a": "b"}
    sidecar.resource_write("0.yaml", labelled)
    sidecar.resource_write("1.yaml", OTHER)
    wait_components(sidecar, "store", "other")
    assert not sidecar.logged("Closing existing Component to reload: store")


def test_the_app_leaves_and_joins_a_scope(bench):
    sidecar = bench.sidecar(app_id="mine", resources=[component("store", "state.in-memory", scopes=["mine"]), OTHER])
    sidecar.resource_write("0.yaml", component("store", "state.in-memory", scopes=["another"]))
    wait_components(sidecar, "other")
    sidecar.resource_write("0.yaml", component("store", "state.in-memory", scopes=["another", "mine"]))
    wait_components(sidecar, "store", "other")


def test_what_cannot_be_read_is_not_there_until_it_can(bench):
    sidecar = bench.sidecar(resources=[STORE, OTHER])
    sidecar.resource_write("0.yaml", "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: [\n")
    wait_components(sidecar, "other")
    assert sidecar.wait_log("daprd load Component error when parsing manifests yaml resource in ")
    sidecar.resource_write("0.yaml", STORE)
    wait_components(sidecar, "store", "other")


@pytest.mark.parametrize("text", ["", "---\n"], ids=["empty", "no document"])
def test_an_emptied_file_is_a_removal(bench, text):
    sidecar = bench.sidecar(resources=[STORE, OTHER])
    write(sidecar.resources, "0.yaml", text)
    wait_components(sidecar, "other")


def test_a_file_written_in_place_is_taken_up(bench):
    sidecar = bench.sidecar(resources=[STORE])
    write(sidecar.resources, "0.yaml", text_of([STORE, OTHER]))
    wait_components(sidecar, "store", "other")


def test_a_duplicate_while_running_is_fatal(bench):
    sidecar = bench.sidecar(env={"NAMESPACE": "ns"}, resources=[component("foo", "pubsub.in-memory")])
    sidecar.resource_write("1.yaml", component("foo", "state.in-memory"))
    assert sidecar.wait_end() == 1
    assert sidecar.logged("Fatal error from runtime: failed to load resources from disk: duplicate definition of Component name "
                          "foo (state.in-memory/v1) with existing foo (pubsub.in-memory/v1)")


def test_a_folder_that_goes_while_running_is_fatal(bench):
    sidecar = bench.sidecar()
    os.rmdir(sidecar.resources)
    assert sidecar.wait_end() == 1
    assert sidecar.logged("Fatal error from runtime: ")


@pytest.mark.differs
def test_a_folder_that_goes_is_named(bench):
    sidecar = bench.sidecar()
    os.rmdir(sidecar.resources)
    assert sidecar.wait_end() == 1
    assert sidecar.logged(f"Fatal error from runtime: failed to load resources from disk: open {sidecar.resources}: "
                          "no such file or directory")


def test_the_folders_are_read_again_without_being_told(bench):
    """A secret store that appears behind a link in the folder is no event of the folder."""
    elsewhere = folder_of(bench)
    write(elsewhere, "real.yaml", text_of(STORE))
    sidecar = bench.sidecar(start=False, flags={"hot-reload-reconcile-interval": "200ms"})
    os.symlink(os.path.join(elsewhere, "real.yaml"), os.path.join(sidecar.resources, "link.yaml"))
    sidecar.start()
    wait_components(sidecar, "store")
    write(elsewhere, "real.yaml", text_of(OTHER))
    wait_components(sidecar, "other")


# --- 3.3 Components ---

def test_the_type_changes_under_the_same_name(bench):
    sidecar = bench.sidecar(resources=[STORE])
    sidecar.resource_write("0.yaml", vault(secrets_file(bench, k="v"), "store"))
    until(lambda: types(sidecar) == {"store": "secretstores.local.file"}, "the other type", SECONDS)
    assert sidecar.get("/v1.0/secrets/store/k").json == {"k": "v"}
    assert save(sidecar, "store") == 500


def test_a_new_version_that_fails_is_absent_when_errors_are_ignored(bench):
    sidecar = bench.sidecar(resources=[component("a", "state.in-memory"), OTHER])
    sidecar.resource_write("0.yaml", component("a", "state.sqlite", ignoreErrors=True))
    sidecar.wait_log("Ignoring error processing component: process component a error: [INIT_COMPONENT_FAILURE]: initialization "
                     "error occurred for a (state.sqlite/v1)", seconds=SECONDS)
    assert sidecar.logged("Failed to init component a (state.sqlite/v1): [INIT_COMPONENT_FAILURE]: initialization error "
                          "occurred for a (state.sqlite/v1): ")
    wait_components(sidecar, "other")
    sidecar.resource_write("0.yaml", component("a", "state.in-memory"))
    wait_components(sidecar, "a", "other")


def test_a_new_version_that_fails_ends_the_process(bench):
    sidecar = bench.sidecar(resources=[component("a", "state.in-memory")])
    sidecar.resource_write("0.yaml", component("a", "state.sqlite"))
    assert sidecar.wait_end() == 1
    assert sidecar.logged("Error processing component, daprd will exit gracefully: process component a error: ")
    assert sidecar.logged("Fatal error from runtime: process component a error: ")


def test_a_denied_component_is_not_taken(bench):
    sidecar = bench.sidecar(resources=[STORE], config={"components": {"deny": ["secretstores.local.env/v1"]}})
    sidecar.resource_write("1.yaml", component("vault", "secretstores.local.env"))
    sidecar.wait_log("Received unauthorized component update, ignored: vault (secretstores.local.env/v1)")
    assert sidecar.component_names() == {"store"}


def test_secret_stores_come_and_go(bench):
    path = secrets_file(bench, key="value")
    sidecar = bench.sidecar()
    assert sidecar.get("/v1.0/secrets/vault/key").status == 500
    sidecar.resource_write("v.yaml", vault(path))
    until(lambda: sidecar.get("/v1.0/secrets/vault/key").status == 200, "the store", SECONDS)
    assert sidecar.get("/v1.0/secrets/nowhere/key").status == 401
    sidecar.resource_remove("v.yaml")
    until(lambda: sidecar.get("/v1.0/secrets/vault/key").status == 500, "no store", SECONDS)


def needy(path_secret="path"):
    """A store that reads the file which a secret names."""
    return component("inner", "secretstores.local.file", auth={"secretStore": "vault"},
                     metadata={"secretsFile": {"secretKeyRef": {"name": path_secret, "key": path_secret}}})


def test_what_waits_for_a_secret_store_starts_with_it(bench):
    inner = secrets_file(bench, deep="found")
    sidecar = bench.sidecar(resources=[STORE])
    sidecar.resource_write("n.yaml", needy())
    sidecar.wait_log("Component inner references a secret store that isn't loaded: vault", seconds=SECONDS)
    assert sidecar.component_names() == {"store"}
    sidecar.resource_write("v.yaml", vault(secrets_file(bench, path=inner)))
    wait_components(sidecar, "store", "vault", "inner")
    assert sidecar.get("/v1.0/secrets/inner/deep").json == {"deep": "found"}
    sidecar.stop()


# --- 3.3 Subscriptions ---

@pytest.fixture
def memory(bench):
    return Scene(bench, "pubsub.in-memory")


def publish(memory, topic, value):
    assert memory.sidecar.post(f"/v1.0/publish/pubsub/{topic}", json.dumps(value)).status == 204


def listed(sidecar):
    return {one["topic"] for one in sidecar.metadata().get("subscriptions", [])}


def test_subscriptions_come_change_and_go(memory):
    memory.accept("/a").accept("/b").start()
    sidecar = memory.sidecar
    sidecar.resource_write("s.yaml", subscription("sub", "pubsub", "a", "/a"))
    sidecar.wait_log("Subscription updated: sub", seconds=SECONDS)
    until(lambda: listed(sidecar) == {"a"}, "the subscription", SECONDS)
    until(lambda: publish(memory, "a", 1) or memory.app.requests("/a"), "a message of the topic", SECONDS)
    sidecar.resource_write("s.yaml", subscription("sub", "pubsub", "b", "/b"))
    sidecar.wait_log("Closing existing Subscription to reload: sub", seconds=SECONDS)
    sidecar.wait_log("Subscription updated: sub", count=2, seconds=SECONDS)
    until(lambda: listed(sidecar) == {"b"}, "the other topic", SECONDS)
    until(lambda: publish(memory, "b", 2) or memory.app.requests("/b"), "a message of the other topic", SECONDS)
    sidecar.resource_remove("s.yaml")
    until(lambda: listed(sidecar) == set(), "no subscription", SECONDS)
    sidecar.stop()


def test_a_changed_subscription_moves_to_the_end(memory):
    memory.start(resources=[subscription("one", "pubsub", "a", "/a"), subscription("two", "pubsub", "b", "/b")])
    sidecar = memory.sidecar
    sidecar.resource_write("1.yaml", subscription("one", "pubsub", "c", "/c"))

    def topics():
        return [one["topic"] for one in sidecar.metadata().get("subscriptions", [])]
    until(lambda: topics() == ["b", "c"], lambda: f"b, then c; there is {topics()}", SECONDS)


class Held:
    """The app gets one request and answers it when it is told to."""

    def __init__(self, app, path):
        self.came, self.goes = threading.Event(), threading.Event()
        app.route(path, self.hold)

    def hold(self, request, sock):
        self.came.set()
        assert self.goes.wait(30)
        return reply(200)


def test_a_delivery_in_flight_outlives_its_subscription(memory):
    held = Held(memory.app, "/a")
    memory.start(resources=[subscription("sub", "pubsub", "a", "/a")])
    publish(memory, "a", 1)
    assert held.came.wait(SECONDS)
    memory.sidecar.resource_remove("1.yaml")
    until(lambda: listed(memory.sidecar) == set(), "no subscription", SECONDS)
    held.goes.set()
    until(lambda: metrics.value(memory.sidecar, "dapr_component_pubsub_ingress_count", topic="a",
                                process_status="success") == 1, "the delivery to be counted", SECONDS)


def test_a_broker_waits_for_its_deliveries_before_it_is_closed(memory):
    held = Held(memory.app, "/a")
    memory.start(resources=[subscription("sub", "pubsub", "a", "/a")])
    sidecar = memory.sidecar
    publish(memory, "a", 1)
    assert held.came.wait(SECONDS)
    sidecar.resource_write("0.yaml", component("pubsub", "pubsub.in-memory", {"some": "option"}))
    sidecar.wait_log("Closing existing Component to reload: pubsub (pubsub.in-memory/v1)", seconds=SECONDS)
    assert not sidecar.logged("Adding Component for processing: pubsub")
    held.goes.set()
    sidecar.wait_log("Component updated: pubsub (pubsub.in-memory/v1)", seconds=SECONDS)
    assert metrics.value(sidecar, "dapr_component_pubsub_ingress_count", topic="a", process_status="success") == 1


def test_an_input_binding_waits_for_its_event_before_it_is_closed(bench):
    app = bench.app()
    app.route("/tick", reply(200))
    sidecar = bench.sidecar(app=app, resources=[component("tick", "bindings.cron", {"schedule": "@every 1s"})])
    held = Held(app, "/tick")
    assert held.came.wait(SECONDS)
    sidecar.resource_write("0.yaml", component("tick", "bindings.cron", {"schedule": "@every 2s"}))
    sidecar.wait_log("Closing existing Component to reload: tick (bindings.cron/v1)", seconds=SECONDS)
    assert not sidecar.logged("Adding Component for processing: tick")
    held.goes.set()
    sidecar.wait_log("Component updated: tick (bindings.cron/v1)", seconds=SECONDS)


def test_a_broker_is_replaced_under_its_subscriptions(memory):
    memory.accept("/a").start(resources=[subscription("sub", "pubsub", "a", "/a")])
    sidecar = memory.sidecar
    sidecar.resource_write("0.yaml", component("pubsub", "pubsub.in-memory", {"some": "option"}))
    sidecar.wait_log("Component updated: pubsub (pubsub.in-memory/v1)", seconds=SECONDS)
    until(lambda: sidecar.component_names() == {"pubsub"} and
          sidecar.post("/v1.0/publish/pubsub/a", "1").status == 204 and memory.app.requests("/a"),
          "a message through the new one", SECONDS)


def test_a_publish_while_its_broker_is_away_says_so(memory):
    memory.start()
    sidecar, ends, said = memory.sidecar, threading.Event(), set()

    def ask():
        while not ends.is_set():
            answer = sidecar.post("/v1.0/publish/pubsub/a", "1")
            said.add("" if answer.status == 204 else (answer.status, answer.json["errorCode"]))
    thread = threading.Thread(target=ask)
    thread.start()
    for number in range(20):
        sidecar.resource_write("0.yaml", component("pubsub", "pubsub.in-memory", {"number": number}))
        sidecar.wait_log("Component updated: pubsub (pubsub.in-memory/v1)", count=number + 1, seconds=SECONDS)
    ends.set()
    thread.join()
    assert "" in said and said <= {"", (400, "ERR_PUBSUB_NOT_CONFIGURED"), (400, "ERR_PUBSUB_NOT_FOUND"),
                                    (404, "ERR_PUBSUB_NOT_FOUND")}


# --- Kinds that build the runtime anew ---

def rebuilt(sidecar, times=2):
    sidecar.wait_log("Received signal 'hangup'; restarting", count=times - 1, seconds=SECONDS)
    sidecar.wait_log("dapr initialized. Status: Running.", count=times, seconds=SECONDS)
    sidecar.wait_ready()


def names(sidecar, member):
    return {one["name"] for one in sidecar.metadata().get(member, [])}


def test_an_endpoint_builds_the_runtime_anew(bench):
    sidecar = bench.sidecar(resources=[STORE])
    pid = sidecar.process.pid
    sidecar.resource_write("e.yaml", endpoint("shop", "http://127.0.0.1:1"))
    sidecar.wait_log("Received HTTPEndpoint CREATED event: shop (http://127.0.0.1:1) - triggering SIGHUP reload", seconds=SECONDS)
    rebuilt(sidecar)
    assert names(sidecar, "httpEndpoints") == {"shop"} and sidecar.process.pid == pid
    sidecar.resource_write("e.yaml", endpoint("shop", "http://127.0.0.1:2"))
    sidecar.wait_log("Received HTTPEndpoint UPDATED event: shop (http://127.0.0.1:2)", seconds=SECONDS)
    rebuilt(sidecar, 3)
    sidecar.resource_remove("e.yaml")
    sidecar.wait_log("Received HTTPEndpoint DELETED event: shop (http://127.0.0.1:2)", seconds=SECONDS)
    rebuilt(sidecar, 4)
    assert names(sidecar, "httpEndpoints") == set()
    sidecar.stop()


def test_a_renamed_resiliency(bench):
    def policy(name):
        return resiliency(name, {"timeouts": {"t": "5s"}}, {})
    sidecar = bench.sidecar(resources=[policy("one")])
    sidecar.resource_write("0.yaml", policy("two"))
    sidecar.wait_log("Resiliency CREATED event: two - triggering SIGHUP reload", seconds=SECONDS)
    rebuilt(sidecar)
    assert names(sidecar, "resiliencies") == {"two"}


def test_a_configuration_in_a_folder_is_noticed_by_its_name(bench):
    sidecar = bench.sidecar(resources=[STORE], config={})
    sidecar.config_write("config.yaml", {"metric": {"enabled": True, "http": {"increasedCardinality": True}}})
    written = configuration()
    written["metadata"]["name"] = "a-name-to-find"
    sidecar.resource_write("c.yaml", written)
    sidecar.wait_log("Received Configuration CREATED event: a-name-to-find - triggering SIGHUP reload", seconds=SECONDS)
    rebuilt(sidecar)
    assert sidecar.wait_log('increasedCardinality\\":true')


@pytest.mark.differs
def test_a_configuration_that_stays_does_not_build_anew(bench):
    sidecar = bench.sidecar(resources=[STORE, configuration()])
    sidecar.resource_write("z.yaml", OTHER)
    wait_components(sidecar, "store", "other")
    assert not sidecar.logged("triggering SIGHUP reload")


def test_the_configuration_file_itself_is_not_watched(bench):
    sidecar = bench.sidecar(resources=[STORE], config={})
    sidecar.config_write("config.yaml", {"components": {"deny": ["state.in-memory"]}})
    sidecar.resource_write("1.yaml", OTHER)
    wait_components(sidecar, "store", "other")
    assert not sidecar.logged("restarting")


# --- Other kinds in place ---

def mcp(name, url):
    return document("MCPServer", name, {"endpoint": {"streamableHTTP": {"url": url}}})


def test_mcp_servers_come_change_and_go(bench):
    sidecar = bench.sidecar(resources=[STORE])
    sidecar.resource_write("m.yaml", mcp("tools", "http://127.0.0.1:1/mcp"))
    sidecar.wait_log("MCPServer updated via hot-reload: tools", seconds=SECONDS)
    until(lambda: names(sidecar, "mcpServers") == {"tools"}, "the server", SECONDS)
    sidecar.resource_write("m.yaml", mcp("tools", "http://127.0.0.1:2/mcp"))
    sidecar.wait_log("Closing existing MCPServer to reload: tools", seconds=SECONDS)
    sidecar.resource_remove("m.yaml")
    sidecar.wait_log("MCPServer deleted via hot-reload: tools", seconds=SECONDS)
    until(lambda: names(sidecar, "mcpServers") == set(), "no server", SECONDS)
    sidecar.stop()


def test_a_secret_of_an_mcp_server_that_changes_is_noticed(bench):
    server = document("MCPServer", "tools", {"endpoint": {"streamableHTTP": {
        "url": "http://127.0.0.1:1/mcp", "headers": [{"name": "key", "secretKeyRef": {"name": "key", "key": "key"}}],
        "auth": {"secretStore": "vault"}}}})
    sidecar = bench.sidecar(resources=[vault(secrets_file(bench, key="one")), server],
                            flags={"hot-reload-reconcile-interval": "200ms"})
    sidecar.resource_write("0.yaml", vault(secrets_file(bench, key="two")))
    sidecar.wait_log("MCPServer updated via hot-reload: tools", seconds=SECONDS)
    assert len(sidecar.logged("MCPServer updated via hot-reload: tools")) == 1


def policy(name, action="allow", **rule):
    rule = rule or {"callers": [{"appID": "a"}], "activities": [{"name": "x"}]}
    return document("WorkflowAccessPolicy", name, {"defaultAction": action, "rules": [rule]})


def test_policies_come_change_and_go(bench):
    sidecar = bench.sidecar(resources=[STORE])
    sidecar.resource_write("p.yaml", policy("rule"))
    sidecar.wait_log("Recompiled 1 workflow access policy resource(s) (of 1 total)", seconds=SECONDS)
    until(lambda: names(sidecar, "workflowAccessPolicies") == {"rule"}, "the policy", SECONDS)
    sidecar.resource_write("p.yaml", policy("rule", "deny"))
    sidecar.wait_log("Recompiled 1 workflow access policy resource(s) (of 1 total)", count=2, seconds=SECONDS)
    sidecar.resource_remove("p.yaml")
    until(lambda: names(sidecar, "workflowAccessPolicies") == set(), "no policy", SECONDS)


@pytest.mark.differs
def test_a_policy_that_is_none_leaves_the_one_before(bench):
    sidecar = bench.sidecar(resources=[policy("rule")])
    sidecar.resource_write("0.yaml", policy("rule", callers=[]))
    sidecar.wait_log('WorkflowAccessPolicy "rule" failed validation, skipping: ', seconds=SECONDS)
    assert names(sidecar, "workflowAccessPolicies") == {"rule"}


# --- 3.4 Order against the start ---

def test_what_is_written_while_it_starts_is_not_lost(bench):
    sidecar = bench.sidecar(ready=False, resources=[STORE])
    sidecar.resource_write("1.yaml", OTHER)
    sidecar.wait_ready()
    wait_components(sidecar, "store", "other")
    sidecar.resource_write("2.yaml", component("third", "state.in-memory"))
    sidecar.signal(signal.SIGHUP)
    sidecar.resource_write("3.yaml", component("fourth", "state.in-memory"))
    sidecar.wait_log("dapr initialized. Status: Running.", count=2, seconds=SECONDS)
    sidecar.wait_ready()
    wait_components(sidecar, "store", "other", "third", "fourth")
