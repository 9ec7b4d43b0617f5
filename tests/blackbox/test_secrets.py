"""Secrets over HTTP (contract 4.6, 8.5.5-6): local files, the environment, scopes."""

import json
from urllib.parse import quote

import pytest

from harness.errors import assert_error
from harness.resources import component

CONTENT = {"db": "pw<1>", "api": "k", "a/b": "slash", "outer": {"inner": "i", "deep": {"er": "d"}},
           "list": ["x", "y"], "with space": "s", "ümläut": "ü"}
BASE = "/v1.0/secrets"


def file_component(folder, content, name="secrets", **metadata):
    path = folder / f"{name}.json"
    path.write_text(json.dumps(content))
    return component(name, "secretstores.local.file", {"secretsFile": str(path), **metadata})


@pytest.fixture(scope="module")
def sidecar(shared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("secrets")
    scopes = [{"storeName": "secrets", "deniedSecrets": ["api"]},
              {"storeName": "few", "defaultAccess": "deny", "allowedSecrets": ["db"]},
              {"storeName": "none", "defaultAccess": "deny"},
              {"storeName": "missing", "defaultAccess": "deny"}]
    return shared.sidecar(
        config={"secrets": {"scopes": scopes}}, env={"MYP_ONE": "1", "OTHER": "2", "DAPR_X": "no"},
        resources=[file_component(folder, CONTENT),
                   file_component(folder, CONTENT, "few"), file_component(folder, CONTENT, "none"),
                   file_component(folder, CONTENT, "dashed", nestedSeparator="-"),
                   file_component(folder, {"outer": {"a": "b", "c": {"d": "e"}, "n": 5}, "s": "t",
                                           "l": ["x"]}, "multi", multiValued="true"),
                   component("env", "secretstores.local.env"),
                   component("prefixed", "secretstores.local.env", {"prefix": "MYP_"})])


@pytest.mark.quick
def test_a_secret(sidecar):
    answer = sidecar.get(f"{BASE}/secrets/db")
    assert answer.status == 200
    assert answer.body == b'{"db":"pw\\u003c1\\u003e"}\n'
    assert answer.names == ["Content-Type", "Traceparent", "Date", "Content-Length"]
    assert answer.header("Content-Type") == "application/json"


def test_query_metadata_is_accepted(sidecar):
    assert sidecar.get(f"{BASE}/secrets/db?metadata.x=y").json == {"db": "pw<1>"}


@pytest.mark.parametrize("name", ["a/b", "with space", "ümläut"])
def test_odd_names(sidecar, name):
    answer = sidecar.get(f"{BASE}/secrets/{quote(name, safe='')}")
    assert answer.status == 200 and answer.json == {name: CONTENT[name]}


def test_a_slash_as_it_is_leads_nowhere(sidecar):
    assert sidecar.get(f"{BASE}/secrets/a/b").status == 404


def test_only_version_1_0_exists(sidecar):
    assert sidecar.get("/v1.0-alpha1/secrets/secrets/db").status == 404


@pytest.mark.quick
def test_a_missing_secret(sidecar):
    assert_error(sidecar.get(f"{BASE}/secrets/zzz"), 500, "ERR_SECRET_GET",
                 "failed getting secret with key zzz from secret store secrets: "
                 "secret zzz not found")


def test_nested_names_are_joined(sidecar):
    assert sidecar.get(f"{BASE}/secrets/outer:inner").json == {"outer:inner": "i"}
    assert sidecar.get(f"{BASE}/secrets/outer:deep:er").json == {"outer:deep:er": "d"}
    assert sidecar.get(f"{BASE}/secrets/list:1").json == {"list:1": "y"}
    assert sidecar.get(f"{BASE}/secrets/outer").status == 500


def test_the_separator_can_be_another(sidecar):
    assert sidecar.get(f"{BASE}/dashed/outer-inner").json == {"outer-inner": "i"}


def test_multi_valued_secrets(sidecar):
    answer = sidecar.get(f"{BASE}/multi/outer").json
    assert (answer["a"], answer["c:d"]) == ("b", "e")
    assert sidecar.get(f"{BASE}/multi/s").json == {"s": "t"}
    assert sidecar.get(f"{BASE}/multi/l").status == 500


@pytest.mark.quick
def test_an_unknown_store_is_401(sidecar):
    assert_error(sidecar.get(f"{BASE}/nope/db"), 401, "ERR_SECRET_STORE_NOT_FOUND",
                 "failed finding secret store with key nope")
    assert_error(sidecar.get(f"{BASE}/nope/bulk"), 401, "ERR_SECRET_STORE_NOT_FOUND",
                 "failed finding secret store with key nope")


def test_without_a_store_none_is_configured(bench):
    sidecar = bench.sidecar()
    for path in ("any/db", "any/bulk"):
        assert_error(sidecar.get(f"{BASE}/{path}"), 500, "ERR_SECRET_STORES_NOT_CONFIGURED",
                     "secret store is not configured")


@pytest.mark.quick
def test_a_denied_secret(sidecar):
    answer = sidecar.get(f"{BASE}/secrets/api")
    assert_error(answer, 403, "ERR_PERMISSION_DENIED",
                 'access denied by policy to get "api" from "secrets"')
    assert answer.text == ('{"errorCode":"ERR_PERMISSION_DENIED","message":'
                           '"access denied by policy to get \\"api\\" from \\"secrets\\""}')


def test_only_allowed_secrets_pass(sidecar):
    assert sidecar.get(f"{BASE}/few/db").json == {"db": "pw<1>"}
    assert sidecar.get(f"{BASE}/few/api").status == 403
    assert sidecar.get(f"{BASE}/few/bulk").json == {"db": {"db": "pw<1>"}}


def test_the_policy_is_asked_before_the_store(sidecar):
    assert sidecar.get(f"{BASE}/none/zzz").status == 403


@pytest.mark.quick
def test_a_bulk_read_leaves_out_the_denied(sidecar):
    answer = sidecar.get(f"{BASE}/secrets/bulk")
    assert answer.status == 200 and answer.body.endswith(b"\n")
    assert answer.json["db"] == {"db": "pw<1>"}
    assert answer.json["outer:inner"] == {"outer:inner": "i"}
    assert "api" not in answer.json


def test_a_bulk_read_with_all_denied_is_empty(sidecar):
    answer = sidecar.get(f"{BASE}/none/bulk")
    assert answer.status == 200 and answer.json == {}


def test_a_scope_for_a_missing_store_is_logged(sidecar):
    sidecar.wait_log("Secrets configuration added for 'missing', "
                     "but no matching secret store was found")
    assert sidecar.get(f"{BASE}/missing/x").status == 401


def test_the_environment(sidecar):
    assert sidecar.get(f"{BASE}/env/OTHER").json == {"OTHER": "2"}
    assert sidecar.get(f"{BASE}/env/UNSET").json == {"UNSET": ""}
    assert sidecar.get(f"{BASE}/env/DAPR_X").json == {"DAPR_X": ""}
    assert sidecar.get(f"{BASE}/prefixed/ONE").json == {"ONE": "1"}


def test_the_environment_at_once(sidecar):
    assert sidecar.get(f"{BASE}/prefixed/bulk").json == {"ONE": {"ONE": "1"}}
    everything = sidecar.get(f"{BASE}/env/bulk").json
    assert everything["OTHER"] == {"OTHER": "2"}
    assert "DAPR_X" not in everything


def test_a_thousand_stores_with_odd_names(bench, tmp_path):
    path = tmp_path / "s.json"
    path.write_text('{"key1":"v"}')
    names = [f"ß\"'&<{n}> +#?" for n in range(1000)]
    made = [component(name, "secretstores.local.file", {"secretsFile": str(path)})
            for name in names]
    sidecar = bench.sidecar(resources=[made])
    for name in names[::50]:
        answer = sidecar.get(f"{BASE}/{quote(name, safe='').replace('%20', '+')}/key1")
        assert answer.json == {"key1": "v"}
    assert len(sidecar.component_names()) == 1000
