"""Resource files as the process takes them (resources.md 1, 2.1, 9.4; contract 1.4): which documents count, what their
values become, what happens to a component that does not start. What a component was given is seen by the file it reads:
secretstores.local.file opens the path it is told."""

import json
import os
import socket
import subprocess

import pytest

from harness.errors import assert_error
from harness.resources import component, endpoint, resiliency, subscription, text_of
from harness.wait import until

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
STORE = component("store", "state.in-memory")
INIT = "[INIT_COMPONENT_FAILURE]: initialization error occurred for "
CREATE = "[CREATE_COMPONENT_FAILURE]: initialization error occurred for "


def secrets(bench, text='{"k": "v"}', name="file.json"):
    """A folder of secrets next to the resources, and its path."""
    import tempfile
    folder = tempfile.TemporaryDirectory(prefix="blackbox-secrets-")
    bench.stack.callback(folder.cleanup)
    path = os.path.join(folder.name, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def fatal(sidecar):
    """The one fatal line of a process that ends with 1."""
    assert sidecar.wait_end() == 1
    line, = sidecar.logged("level=fatal")
    return line.replace('\\"', '"')


# --- Files and documents ---

@pytest.mark.quick
def test_files_of_one_level_in_their_order(bench):
    sidecar = bench.sidecar(start=False)
    inner = os.path.join(sidecar.resources, "inner")
    os.mkdir(inner)
    for folder, name, value in ((sidecar.resources, "b.yaml", component("b", "state.in-memory")),
                                (sidecar.resources, "a.yml", component("a", "state.in-memory")),
                                (sidecar.resources, "c.YAML", component("c", "state.in-memory")),
                                (sidecar.resources, "d.json", component("d", "state.in-memory")),
                                (inner, "e.yaml", component("e", "state.in-memory"))):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text_of(value))
    assert sidecar.start().component_names() == {"a", "b", "c"}
    assert sidecar.logged("A non-YAML Component file d.json was detected, it will not be loaded")


def test_json_is_yaml(bench):
    assert bench.sidecar(resources=[json.dumps(component("json", "state.in-memory"))]).component_names() == {"json"}


def test_documents_of_a_file(bench):
    text = "\n".join(["--- # the first", text_of(component("one", "state.in-memory")), "--- # a note", "", "---",
                      text_of({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}), "---", "null", "---",
                      text_of(component("two", "state.in-memory")), "---",
                      text_of({**component("other", "state.in-memory"), "apiVersion": "dapr.io/v1"}), ""])
    assert bench.sidecar(resources=[text]).component_names() == {"one", "two"}


def test_broken_yaml_is_told_with_its_place_and_the_others_load(bench):
    text = "\n".join([text_of(component("good", "state.in-memory")), "---", "apiVersion: dapr.io/v1alpha1", "kind: [Component",
                      "metadata:", "---", text_of(component("after", "state.in-memory"))])
    sidecar = bench.sidecar(resources=[text, STORE])
    assert sidecar.component_names() == {"good", "after", "store"}
    path = os.path.join(sidecar.resources, "0.yaml")
    line = sidecar.logged(f"daprd load Component error when parsing manifests yaml resource in {path}: ")[0]
    assert "level=warning" in line


@pytest.mark.differs
def test_broken_yaml_names_its_line(bench):
    sidecar = bench.sidecar(resources=["apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: [\nspec: {\n"])
    path = os.path.join(sidecar.resources, "0.yaml")
    line = sidecar.logged("error when parsing manifests yaml resource in ")[0]
    assert f"{path}:" in line and any(f":{number}" in line.split(path)[-1] for number in (3, 4, 5))


@pytest.mark.parametrize("name", [".", "..", "a/b", "a%b"])
def test_names_that_are_no_path_segments(bench, name):
    sidecar = bench.sidecar(resources=[component(name, "state.in-memory"), STORE])
    assert sidecar.component_names() == {"store"}
    assert sidecar.logged(f'invalid name "{name}" for "Component"')


@pytest.mark.parametrize("name", ["123", "977953e5", "08349e73", "0x1f", "1_000",
                                  "ünï©öde ☃", "it's \"quoted\"", "a b", "dapr", "with.dot", "...", "A" * 300])
def test_any_other_name(bench, name):
    sidecar = bench.sidecar(resources=[component(name, "state.in-memory")])
    assert sidecar.component_names() == {name}


def test_a_number_is_a_name(bench):
    text = text_of(STORE).replace("name: store", "name: 123")
    assert bench.sidecar(resources=[text]).component_names() == {"123"}


def test_long_documents(bench):
    sidecar = bench.sidecar(resources=[component("long", "state.in-memory", {"note": "x" * 200_000}), STORE])
    assert sidecar.component_names() == {"long", "store"}


def test_a_configuration_in_the_folder_is_no_component(bench):
    document = text_of({"apiVersion": "dapr.io/v1alpha1", "kind": "Configuration", "metadata": {"name": "c"},
                        "spec": {"features": [{"name": "Elsewhere", "enabled": True}]}})
    sidecar = bench.sidecar(resources=[document, STORE])
    assert sidecar.component_names() == {"store"} and "Elsewhere" not in sidecar.metadata()["enabledFeatures"]


def test_several_folders_may_need_each_other(bench, tmp_path):
    path = secrets(bench, '{"where": "%s"}' % secrets(bench, '{"deep": "found"}', "inner.json"))
    (tmp_path / "0.yaml").write_text(text_of(component("outer", "secretstores.local.file", {"secretsFile": path})))
    user = component("inner", "secretstores.local.file",
                     {"secretsFile": {"secretKeyRef": {"name": "where", "key": "where"}}}, auth={"secretStore": "outer"})
    sidecar = bench.sidecar(start=False, resources=[user])
    sidecar.flags["resources-path"] = [sidecar.resources, str(tmp_path)]
    assert sidecar.start().get("/v1.0/secrets/inner/deep").json == {"deep": "found"}


# --- Namespace, scopes, duplicates ---

@pytest.mark.parametrize("env, namespace, is_loaded", [
    ({"NAMESPACE": "mine"}, "mine", True), ({"NAMESPACE": "mine"}, "other", False), ({"NAMESPACE": "mine"}, None, True),
    ({}, "other", True), ({"NAMESPACE": ""}, "other", True)])
def test_namespaces(bench, env, namespace, is_loaded):
    sidecar = bench.sidecar(env=env, resources=[component("c", "state.in-memory", namespace=namespace), STORE])
    assert ("c" in sidecar.component_names()) == is_loaded


@pytest.mark.parametrize("scopes, is_loaded", [(["me"], True), (["you", "me"], True), (["you"], False), ([], True),
                                               (["ME"], False)])
def test_scopes(bench, scopes, is_loaded):
    sidecar = bench.sidecar(app_id="me", resources=[component("c", "state.in-memory", scopes=scopes), STORE])
    assert ("c" in sidecar.component_names()) == is_loaded


def test_a_number_among_scopes(bench):
    text = text_of(component("c", "state.in-memory")) + "scopes: [1]\n"
    assert bench.sidecar(app_id="1", resources=[text]).component_names() == {"c"}


DUPLICATE = "Fatal error from runtime: failed to load components: duplicate definition of Component name "


def test_a_name_twice_is_fatal(bench):
    line = fatal(bench.sidecar(ready=False, resources=[component("a", "state.in-memory"), component("a", "pubsub.in-memory")]))
    assert f"{DUPLICATE}a (pubsub.in-memory/v1) with existing a (state.in-memory/v1)" in line


def test_all_names_twice_are_told(bench):
    sidecar = bench.sidecar(ready=False, resources=[component(name, "state.in-memory") for name in "abab"])
    assert sidecar.wait_end() == 1
    line, = sidecar.logged("level=fatal")
    same = "{0} (state.in-memory/v1) with existing {0} (state.in-memory/v1)"
    assert DUPLICATE + same.format("a") + "\\nduplicate definition of Component name " + same.format("b") in line


@pytest.mark.parametrize("first, second, is_fatal", [(["me"], ["you"], True), (["you"], ["me"], False)])
def test_scopes_and_duplicates(bench, first, second, is_fatal):
    sidecar = bench.sidecar(ready=False, app_id="me", resources=[
        component("a", "state.in-memory", scopes=first), component("a", "pubsub.in-memory", scopes=second)])
    if is_fatal:
        assert DUPLICATE in fatal(sidecar)
    else:
        sidecar.wait_ready()
        assert sidecar.component_names() == {"a"}


def test_duplicates_in_another_namespace_are_none(bench):
    sidecar = bench.sidecar(env={"NAMESPACE": "mine"}, resources=[
        component("a", "state.in-memory", namespace="mine"), component("a", "pubsub.in-memory", namespace="other")])
    assert sidecar.component_names() == {"a"}


def test_an_endpoint_twice_only_warns(bench):
    sidecar = bench.sidecar(resources=[endpoint("x", "http://127.0.0.1:1"), endpoint("x", "http://127.0.0.1:2")])
    assert sidecar.logged("failed to load HTTP endpoints: ")


def test_a_subscription_twice_is_fine(bench):
    sidecar = bench.sidecar(resources=[component("pubsub", "pubsub.in-memory"), subscription("s", "pubsub", "a", "/a"),
                                       subscription("s", "pubsub", "b", "/b")])
    assert [one["topic"] for one in sidecar.metadata()["subscriptions"]] == ["b"]


# --- Types and versions ---

@pytest.mark.parametrize("type, version", [("State.In-Memory", "V1"), ("state.in-memory", ""), ("state.in-memory", "v0"),
                                           ("STATE.IN-MEMORY", None)])
def test_letter_case_and_a_missing_version_do_not_count(bench, type, version):
    value = component("c", type, version=version)
    if version is None:
        del value["spec"]["version"]
    sidecar = bench.sidecar(resources=[value])
    assert sidecar.post("/v1.0/state/c", [{"key": "k", "value": 1}]).status == 204
    assert sidecar.metadata()["components"][0].get("version", "") == (version or "")


@pytest.mark.parametrize("type, version, what", [
    ("state.foo", "v1", "state store state.foo/v1"), ("pubsub.foo", "v1", "message bus pubsub.foo/v1"),
    ("secretstores.foo", "v1", "secret store secretstores.foo/v1"), ("state.in-memory", "v2", "state store state.in-memory/v2"),
    ("configuration.foo", "v1", "configuration store configuration.foo/v1"), ("lock.foo", "v1", "lock store lock.foo/v1")])
def test_an_unknown_type_ends_the_start(bench, type, version, what):
    sidecar = bench.sidecar(ready=False, resources=[component("x", type, version=version)])
    name = f"x ({type}/{version})"
    line = fatal(sidecar)
    assert f"Fatal error from runtime: process component x error: {INIT}{name}: {CREATE}{name}: couldn't find {what}" in line
    assert sidecar.logged(f"Failed to init component {name}: {CREATE}{name}: couldn't find {what}")
    assert sidecar.logged(f"Error processing component, daprd will exit gracefully: process component x error: {INIT}{name}: ")


def test_an_unknown_binding_has_words_of_its_own(bench):
    sidecar = bench.sidecar(ready=False, resources=[component("x", "bindings.foo")])
    name = "x (bindings.foo/v1)"
    assert f"process component x error: {INIT}{name}: couldn't find binding {name}" in fatal(sidecar)


@pytest.mark.parametrize("type", ["workflow.dapr", "nonsense", "nothing.at.all"])
def test_an_unknown_category(bench, type):
    sidecar = bench.sidecar(ready=False, resources=[component("x", type)])
    assert f"Fatal error from runtime: process component x error: incorrect type {type}" in fatal(sidecar)


@pytest.mark.parametrize("deny, is_denied", [(["state.in-memory"], True), (["state.in-memory/v1"], True),
                                             (["state.in-memory/v2"], False), (["State.in-memory"], False)])
def test_denied_types(bench, deny, is_denied):
    sidecar = bench.sidecar(config={"components": {"deny": deny}},
                            resources=[component("mem", "state.in-memory"), component("pubsub", "pubsub.in-memory")])
    assert ("mem" in sidecar.component_names()) != is_denied
    told = "component 'mem' cannot be loaded because components of type 'mem (state.in-memory/v1)' are not allowed"
    if is_denied:
        sidecar.wait_log(told)
    assert bool(sidecar.logged(told)) == is_denied


# --- Values ---

def resolved(bench, value, name, env=None, app_id="me", more=(), auth=None):
    """Does the component read the file of that name? It is in the working folder."""
    sidecar = bench.sidecar(start=False, app_id=app_id, env=env or {}, resources=[
        *more, component("reader", "secretstores.local.file", {"secretsFile": value}, auth=auth, ignoreErrors=True)])
    with open(os.path.join(sidecar.folder, name), "w", encoding="utf-8") as file:
        file.write('{"k": "found"}')
    answer = sidecar.start().get("/v1.0/secrets/reader/k")
    return sidecar, answer.status == 200 and answer.json == {"k": "found"}


@pytest.mark.parametrize("value, name, env", [
    ("{appID}.json", "me.json", {}), ("{namespace}.json", "ns.me.json", {"NAMESPACE": "ns"}),
    ("{namespace}.json", "default.me.json", {}), ("{podName}.json", "pod-1.json", {"POD_NAME": "pod-1"}),
    ("{appID}-{appID}.json", "me-me.json", {}), ("{appid}.json", "{appid}.json", {})])
def test_templates(bench, value, name, env):
    assert resolved(bench, value, name, env)[1]


def test_a_pod_without_a_name_does_not_start(bench):
    sidecar, is_there = resolved(bench, "{podName}.json", ".json")
    assert not is_there
    assert sidecar.logged("failed to parse metadata: property secretsFile refers to {podName} but podName is not set")


@pytest.mark.parametrize("env, is_there", [
    ({"WHERE": "w.json"}, True), ({"WHERE": "w.json", "DAPR_ENV_KEYS": "OTHER WHERE"}, True),
    ({"WHERE": "w.json", "DAPR_ENV_KEYS": "OTHER"}, False), ({}, False)])
def test_a_variable_as_a_value(bench, env, is_there):
    assert resolved(bench, {"envRef": "WHERE"}, "w.json", env)[1] == is_there


@pytest.mark.parametrize("variable", ["DAPR_API_TOKEN", "dapr_anything", "APP_API_TOKEN", "A B"])
def test_variables_that_components_may_not_read(bench, variable):
    sidecar, is_there = resolved(bench, {"envRef": variable}, "w.json", {variable: "w.json"})
    assert not is_there
    assert sidecar.logged(f"Component reader references an env variable that isn't allowed: {variable}")


def test_a_value_beats_a_variable(bench):
    assert resolved(bench, {"value": "v.json", "envRef": "WHERE"}, "v.json", {"WHERE": "w.json"})[1]


@pytest.mark.parametrize("text, name", [("5", "5"), ("true", "true"), ("1.5", "1.5"), ("'05'", "05"), ("yes", "true"),
                                        ("{b: 1, a: x}", '{"a":"x","b":1}'), ("[1, two]", '[1,"two"]')])
def test_values_that_are_no_texts(bench, text, name):
    sidecar = bench.sidecar(start=False, resources=[
        text_of(component("reader", "secretstores.local.file", {"secretsFile": "HERE"})).replace("HERE", text)])
    with open(os.path.join(sidecar.folder, name), "w", encoding="utf-8") as file:
        file.write('{"k": "found"}')
    assert sidecar.start().get("/v1.0/secrets/reader/k").json == {"k": "found"}


@pytest.mark.parametrize("key, reference", [("where", {"name": "where"}), ("where", {"name": "where", "key": "where"})])
def test_a_secret_as_a_value(bench, key, reference):
    outer = component("outer", "secretstores.local.file", {"secretsFile": secrets(bench, '{"%s": "s.json"}' % key)})
    assert resolved(bench, {"secretKeyRef": reference}, "s.json", more=[outer], auth={"secretStore": "outer"})[1]


def test_a_secret_beats_a_value(bench):
    outer = component("outer", "secretstores.local.file", {"secretsFile": secrets(bench, '{"where": "s.json"}')})
    value = {"value": "v.json", "secretKeyRef": {"name": "where", "key": "where"}}
    assert resolved(bench, value, "s.json", more=[outer], auth={"secretStore": "outer"})[1]


def test_an_empty_secret_leaves_the_value(bench):
    outer = component("outer", "secretstores.local.file", {"secretsFile": secrets(bench, '{"where": ""}')})
    value = {"value": "v.json", "secretKeyRef": {"name": "where", "key": "where"}}
    assert resolved(bench, value, "v.json", more=[outer], auth={"secretStore": "outer"})[1]


def test_a_missing_secret_is_told_and_leaves_the_value(bench):
    outer = component("outer", "secretstores.local.file", {"secretsFile": secrets(bench)})
    value = {"value": "v.json", "secretKeyRef": {"name": "absent", "key": "absent"}}
    sidecar, is_there = resolved(bench, value, "v.json", more=[outer], auth={"secretStore": "outer"})
    assert is_there and sidecar.logged("Error getting secret: ")


def test_secret_stores_come_first_whatever_their_file(bench):
    outer = component("zz", "secretstores.local.file", {"secretsFile": secrets(bench, '{"p": "x"}')})
    user = component("aa", "state.in-memory", {"note": {"secretKeyRef": {"name": "p", "key": "p"}}}, auth={"secretStore": "zz"})
    sidecar = bench.sidecar(resources=[user, outer])
    assert sidecar.component_names() == {"aa", "zz"}
    lines = [line for line in sidecar.log() if "Component loaded: " in line]
    assert "zz (" in lines[0] and "aa (" in lines[1]


def test_an_unknown_secret_store_parks_the_component(bench):
    user = component("waiting", "state.in-memory", {"note": {"secretKeyRef": {"name": "p", "key": "p"}}},
                     auth={"secretStore": "nobody"})
    sidecar = bench.sidecar(resources=[user, STORE])
    assert sidecar.component_names() == {"store"}
    line, = sidecar.logged("Component waiting references a secret store that isn't loaded: nobody")
    assert "level=warning" in line


def test_secrets_never_show(bench):
    outer = component("outer", "secretstores.local.file", {"secretsFile": secrets(bench, '{"p": "s3cr3t-value"}')})
    user = component("user", "state.redis", {"redisHost": "127.0.0.1:1", "redisMaxRetries": "0", "redisPassword": {
        "secretKeyRef": {"name": "p", "key": "p"}}}, auth={"secretStore": "outer"}, ignoreErrors=True)
    sidecar = bench.sidecar(resources=[outer, user])
    assert "s3cr3t-value" not in sidecar.get("/v1.0/metadata").text
    sidecar.stop()
    assert not sidecar.logged("s3cr3t-value")


# --- Components that do not start ---

def test_a_component_that_fails_ends_the_start(bench):
    name = "broken (secretstores.local.file/v1)"
    sidecar = bench.sidecar(ready=False, resources=[component("broken", "secretstores.local.file", {
        "secretsFile": "/nowhere/at/all.json"})])
    line = fatal(sidecar)
    assert f"Fatal error from runtime: process component broken error: {INIT}{name}: {INIT}{name}: " in line
    assert "/nowhere/at/all.json" in line
    assert sidecar.logged(f"Failed to init component {name}: {INIT}{name}: ")
    assert sidecar.logged("Error processing component, daprd will exit gracefully: process component broken error: ")


def test_a_failure_may_be_ignored(bench):
    name = "broken (secretstores.local.file/v1)"
    sidecar = bench.sidecar(resources=[STORE, component("broken", "secretstores.local.file", {
        "secretsFile": "/nowhere/at/all.json"}, ignoreErrors=True)])
    assert sidecar.component_names() == {"store"}
    line, = sidecar.logged(f"Ignoring error processing component: process component broken error: {INIT}{name}: ")
    assert "level=error" in line
    assert_error(sidecar.get("/v1.0/secrets/broken/k"), 500, "ERR_SECRET_STORES_NOT_CONFIGURED", "secret store is not configured")


@pytest.mark.parametrize("ignore", [False, True])
def test_a_required_option_that_is_missing(bench, ignore):
    sidecar = bench.sidecar(ready=ignore, resources=[component("x", "secretstores.local.file", ignoreErrors=ignore)])
    if not ignore:
        assert sidecar.wait_end() == 1
    line = sidecar.logged("Failed to init component x (secretstores.local.file/v1): ")[0]
    assert "secret" in line.split("Failed to init component")[1]


@pytest.mark.differs
def test_a_required_option_that_is_missing_is_named(bench):
    sidecar = bench.sidecar(ready=False, resources=[component("x", "secretstores.local.file")])
    line = fatal(sidecar)
    assert "for x (secretstores.local.file/v1): " in line and "0.yaml:1: secretsFile is required" in line


@pytest.mark.parametrize("values", [{"redisDB": "many"}, {"enableTLS": "perhaps"}, {"redisType": "ring"}], ids=str)
def test_a_value_that_is_none_ends_the_start(bench, values):
    sidecar = bench.sidecar(ready=False, resources=[component("r", "state.redis", {"redisHost": "127.0.0.1:1", **values})])
    assert f"process component r error: {INIT}r (state.redis/v1): " in fatal(sidecar)


@pytest.mark.differs
@pytest.mark.parametrize("values", [{"redisDB": "many"}, {"enableTLS": "perhaps"}, {"redisType": "ring"}], ids=str)
def test_a_value_that_is_none_is_told_with_its_place(bench, values):
    sidecar = bench.sidecar(ready=False, resources=[component("r", "state.redis", {"redisHost": "127.0.0.1:1", **values})])
    (key, value), = values.items()
    path = os.path.join(sidecar.resources, "0.yaml")
    with open(path, encoding="utf-8") as file:
        number = next(at for at, line in enumerate(file, 1) if f"value: {value}" in line)
    line = fatal(sidecar)
    assert key in line and value in line and f"{path}:{number}" in line


def mute_server(bench):
    listener = socket.create_server(("127.0.0.1", 0), backlog=16)
    bench.stack.callback(listener.close)
    return f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("ignore", [False, True])
def test_a_start_that_takes_too_long(bench, ignore):
    name = "slow (state.redis/v1)"
    sidecar = bench.sidecar(ready=False, resources=[STORE, component("slow", "state.redis", {
        "redisHost": mute_server(bench)}, initTimeout="300ms", ignoreErrors=ignore)])
    sidecar.wait_log(f"Failed to init component {name}: {INIT}{name}: init timeout for component {name}")
    if not ignore:
        assert f"init timeout for component {name}" in fatal(sidecar)
    else:
        sidecar.wait_ready()
        assert sidecar.component_names() == {"store"}


def test_a_server_that_is_not_there(bench):
    sidecar = bench.sidecar(ready=False, resources=[component("r", "state.redis", {"redisHost": "127.0.0.1:1"})])
    line = fatal(sidecar)
    assert f"process component r error: {INIT}r (state.redis/v1): {INIT}r (state.redis/v1): " in line and "127.0.0.1:1" in line


def test_one_that_fails_does_not_hold_up_the_others_endlessly(bench):
    parts = [component(f"s{n}", "state.redis", {"redisHost": mute_server(bench)}, initTimeout="300ms", ignoreErrors=True)
             for n in range(5)]
    sidecar = bench.sidecar(resources=[*parts, STORE])
    assert sidecar.component_names() == {"store"}


@pytest.mark.differs
def test_healing_keeps_the_process_up_and_takes_the_component_back(bench, tmp_path):
    path = tmp_path / "later.json"
    sidecar = bench.sidecar(flags={"on-component-failure": "heal"}, resources=[
        STORE, component("later", "secretstores.local.file", {"secretsFile": str(path)})])
    assert sidecar.component_names() == {"store"}
    assert sidecar.logged("Component later (secretstores.local.file/v1) is out of service and is tried again in ")
    path.write_text('{"k": "v"}')
    until(lambda: sidecar.get("/v1.0/secrets/later/k").status == 200, "the component to come into service", 30)
    assert sidecar.component_names() == {"store", "later"}


def test_a_resiliency_that_cannot_be_read(bench):
    broken = resiliency("careless", {"timeouts": {"slow": "soon"}}, {"apps": {"x": {"timeout": "slow"}}})
    sidecar = bench.sidecar(resources=[broken, STORE])
    assert sidecar.component_names() == {"store"}
    assert sidecar.logged("Could not read resiliency policy careless: ")


# --- Without resources ---

@pytest.mark.differs
def test_without_a_folder_there_are_defaults(bench):
    app = bench.app()
    sidecar = bench.sidecar(start=False, app=app, flags={"resources-path": None})
    with open(os.path.join(sidecar.folder, "secrets.json"), "w", encoding="utf-8") as file:
        file.write('{"db-password": "pw"}')
    sidecar.start()
    assert sidecar.component_names() == {"statestore", "pubsub", "secretstore"}
    assert sidecar.post("/v1.0/state/statestore", [{"key": "k", "value": {"a": 1}}]).status == 204
    assert sidecar.get("/v1.0/state/statestore/k").json == {"a": 1}
    assert sidecar.get("/v1.0/secrets/secretstore/db-password").json == {"db-password": "pw"}
    assert sidecar.post("/v1.0/publish/pubsub/orders", b'{"orderId":"1"}').status == 204
    assert app.wait_one("/orders").json["data"] == {"orderId": "1"}


def test_an_empty_folder_is_none_at_all(bench):
    sidecar = bench.sidecar()
    assert "components" not in sidecar.metadata()


# --- Plugins ---

def plugin_build(tmp_path, wrong):
    """A folder with one plugin that breaks the contract in that way."""
    folder = tmp_path / "plugins"
    folder.mkdir(mode=0o755)
    made = folder / f"state.wrong-{wrong}.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-std=gnu11", "-I", os.path.join(ROOT, "sdk", "include"),
                    f"-DWRONG_{wrong.upper().replace('-', '_')}", f'-DWRONG_NAME="wrong-{wrong}"',
                    os.path.join(ROOT, "tests", "plugins", "manifest.c"), "-o", str(made)], check=True, capture_output=True)
    made.chmod(0o755)
    return folder, made


def refusal(bench, folder, type):
    sidecar = bench.sidecar(ready=False, flags={"plugins-path": folder}, resources=[component("x", type)])
    return fatal(sidecar)


@pytest.mark.differs
@pytest.mark.parametrize("wrong, text", [
    ("abi", "was built for ABI 1."), ("symbol", "exports no trilby_plugin_v1"), ("size", "its manifest has 8 bytes")])
def test_a_plugin_for_another_kernel_is_refused_with_a_sentence(bench, tmp_path, wrong, text):
    folder, made = plugin_build(tmp_path, wrong)
    line = refusal(bench, folder, f"state.wrong-{wrong}")
    assert text in line and str(made) in line


@pytest.mark.differs
@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_plugin_that_others_may_write_is_refused(bench, tmp_path, what):
    folder, made = plugin_build(tmp_path, "abi")
    (made if what == "file" else folder).chmod(0o777)
    assert "may be written by group or others" in refusal(bench, folder, "state.wrong-abi")


@pytest.mark.differs
def test_a_plugin_that_is_no_library_is_refused(bench, tmp_path):
    folder = tmp_path / "plugins"
    folder.mkdir(mode=0o755)
    (folder / "state.text.so").write_text("no library\n")
    (folder / "state.text.so").chmod(0o644)
    assert "state.text.so: " in refusal(bench, folder, "state.text")


@pytest.mark.differs
def test_a_plugin_that_is_a_link_elsewhere_is_refused(bench, tmp_path):
    folder, made = plugin_build(tmp_path, "abi")
    other = tmp_path / "other"
    other.mkdir(mode=0o755)
    (other / "state.linked.so").symlink_to(made)
    line = refusal(bench, other, "state.linked")
    assert "state.linked" in line and "Fatal error from runtime: process component x error: " in line
