"""Every call of the admin API against its own OpenAPI description, which is made from the table that routes requests."""

import os
import threading

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from harness.admin import Admin
from harness.ports import free_port
from harness.resources import component, text_of
from harness.wait import until

pytestmark = pytest.mark.differs
TOKEN = "a-token-of-the-tests-1234"


def start(bench, tmp_path, *resources):
    path, port = tmp_path / "token", free_port()
    path.write_text(TOKEN)
    path.chmod(0o600)
    sidecar = bench.sidecar(flags={"admin-listen": f"127.0.0.1:{port}", "admin-token-file": str(path)}, resources=[*resources])
    return sidecar, Admin(port=port, token=TOKEN)


@pytest.fixture
def admin(bench, tmp_path):
    return start(bench, tmp_path, component("store", "state.in-memory"), component("other", "state.in-memory"))[1]


def described(admin):
    return admin.request("GET", "/v1/admin/openapi.json").json


def calls(description):
    for path, methods in description["paths"].items():
        for method, call in methods.items():
            yield method.upper(), path, call


def strict(description):
    """What is described is all there is."""
    for schema in description["components"]["schemas"].values():
        schema["additionalProperties"] = False
    return description


def resolved(description, response):
    return description["components"]["responses"][response["$ref"].rsplit("/", 1)[1]] if "$ref" in response else response


def assert_described(description, call, answer):
    assert str(answer.status) in call["responses"], (call["operationId"], answer.status, answer.text)
    schema = resolved(description, call["responses"][str(answer.status)])["content"]["application/json"]["schema"]
    assert answer.header("Content-Type") == "application/json" and answer.header("Cache-Control") == "no-store"
    Draft202012Validator({**schema, "components": description["components"]}).validate(answer.json)


ONE = text_of(component("one", "state.in-memory"))
GOOD = {     # operation: (name, body)
    "index": (None, None), "openapi": (None, None), "showFeatures": (None, None), "showProcess": (None, None),
    "showLogLevel": (None, None), "setLogLevel": (None, '{"level":"debug"}'), "listPlugins": (None, None),
    "reloadPlugin": ("state.in-memory", None), "reloadResources": (None, None), "listComponents": (None, None), "addComponent": (None, ONE),
    "showComponent": ("store", None), "reloadComponent": ("store", None), "removeComponent": ("other", None)}


def ask(admin, method, path, call, name, body, headers=None):
    lines = admin.own_headers() if headers is None else headers
    if "requestBody" in call:
        lines = [line for line in lines if line[0] != "X-Trilby-Admin"]
        lines.append(("Content-Type", next(iter(call["requestBody"]["content"]))))
    return admin.request(method, path.replace("{name}", name or ""), body, headers=lines)


def test_the_description_is_openapi_3_1(admin):
    description = described(admin)
    assert description["openapi"].startswith("3.1.")
    validate(description)
    assert len({call["operationId"] for _, _, call in calls(description)}) == len(list(calls(description)))


def test_the_index_names_what_is_described(admin):
    listed = {(one["method"], one["path"]) for one in admin.request("GET", "/v1/admin").json["calls"]}
    assert listed == {(method, path) for method, path, _ in calls(described(admin))}


def test_every_call_answers_as_described(admin):
    description = strict(described(admin))
    assert {call["operationId"] for _, _, call in calls(description)} == set(GOOD)
    for method, path, call in calls(description):
        answer = ask(admin, method, path, call, *GOOD[call["operationId"]])
        assert answer.status == 200, answer.text
        assert_described(description, call, answer)


def without(admin, name):
    return [line for line in admin.own_headers() if line[0] != name]


BAD = {      # status: (name, body, headers) of a request that gets it
    "401": lambda admin, good: (*good, without(admin, "Authorization")),
    "403": lambda admin, good: (*good, [*admin.own_headers(), ("Origin", "http://localhost")]),
    "404": lambda admin, good: ("nobody", text_of(component("one", "state.nothing")), None),
    "413": lambda admin, good: (good[0], "x" * (1 << 20 | 1), None)}


@pytest.mark.parametrize("status", BAD)
def test_every_refusal_is_as_described(admin, status):
    description = strict(described(admin))
    asked = 0
    for method, path, call in calls(description):
        if status not in call["responses"]:
            continue
        answer = ask(admin, method, path, call, *BAD[status](admin, GOOD[call["operationId"]]))
        assert answer.status == int(status), (call["operationId"], answer.text)
        assert_described(description, call, answer)
        asked += 1
    assert asked


def call_named(description, name):
    return next(one for one in calls(description) if one[2]["operationId"] == name)


@pytest.mark.parametrize("name, body", [("addComponent", "a: ["), ("setLogLevel", "{}")])
def test_a_wrong_body_is_refused_as_described(admin, name, body):
    description = strict(described(admin))
    call = call_named(description, name)
    answer = ask(admin, *call, None, body)
    assert answer.status == 400
    assert_described(description, call[2], answer)


def test_a_component_that_leaves_and_one_that_failed_are_as_described(bench, tmp_path, silent):
    sidecar, admin = start(bench, tmp_path, component("slow", "bindings.http", {"url": f"http://127.0.0.1:{silent}", "responseTimeout": "3s"}),
                           component("failed", "state.redis", {"redisHost": "127.0.0.1:1"}, ignoreErrors=True))
    description = strict(described(admin))
    asking = threading.Thread(target=lambda: sidecar.post("/v1.0/bindings/slow", {"operation": "get"}))
    asking.start()
    until(lambda: admin.components()["slow"]["pins"]["calls"] == 1, "the call to be under way")
    assert admin.remove("slow").status == 200
    for name in ("listComponents", "listPlugins"):
        assert_described(description, call_named(description, name)[2], admin.request("GET", call_named(description, name)[1]))
    slow = admin.components()["slow"]
    assert slow["state"] == "leaving" and slow["pins"]["calls"] == 1 and "1 call, 0 buffers" in slow["story"]
    [plugin] = [one for one in admin.plugins() if one["file"] == "bindings.http.so"]
    assert [one["name"] for one in plugin["leaving"]] == ["slow"] and plugin["leaving"][0]["pins"]["calls"] == 1
    for name in ("slow", "failed"):
        assert_described(description, call_named(description, "showComponent")[2], admin.request("GET", f"/v1/admin/components/{name}"))
    asking.join(30)
    until(lambda: "slow" not in admin.components(), "the component to go")


def test_what_is_being_changed_is_refused_and_what_does_not_come_up_is_told(admin, silent):
    description = strict(described(admin))
    call = call_named(description, "addComponent")
    text = text_of(component("slow", "state.redis", {"redisHost": f"127.0.0.1:{silent}"}, initTimeout="3s"))
    answers = []
    first = threading.Thread(target=lambda: answers.append(ask(admin, *call, None, text)))
    first.start()
    until(lambda: "slow" in admin.components(), "the component to be starting")
    second = ask(admin, *call, None, text)
    assert second.status == 409 and "slow" in second.json["message"]
    assert_described(description, call[2], second)
    first.join(30)
    assert answers[0].status == 503 and "slow" in answers[0].json["message"]
    assert_described(description, call[2], answers[0])


def test_what_this_sidecar_is(admin, binary):
    features = admin.request("GET", "/v1/admin/features").json
    assert {"state", "healthz", "metadata"} <= set(features["blocks"]) and "state.in-memory" in features["plugins"]
    assert features["abi"]["major"] == 1 and features["set"] == "sidecar" and "HotReload" in features["preview"]
    assert any(os.path.isdir(folder) for folder in features["folders"])
    process = admin.request("GET", "/v1/admin/process").json
    assert os.path.exists(f"/proc/{process['pid']}") and process["memory"]["residentBytes"] > 1 << 20
    assert process["loops"][0]["turns"] > 0 and process["workers"]["most"] > 0
    assert process["log"] == {"level": admin.request("GET", "/v1/admin/log-level").json["level"], "dropped": 0}
