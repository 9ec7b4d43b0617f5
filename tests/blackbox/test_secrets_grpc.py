"""Secrets over gRPC (grpc-api.md 3.5): all errors are plain. What both doors share is in doors/secrets.py too."""

import json

import pytest

from harness import rpc
from harness.resources import component
from harness.rpc import DENIED, assert_failure, failure

CONTENT = {"db": "pw<1>", "api": "k", "a/b": "slash", "outer": {"inner": "i"}, "ümläut": "ü"}


def file_component(folder, name, content=None, **metadata):
    path = folder / f"{name}.json"
    path.write_text(json.dumps(content or CONTENT))
    return component(name, "secretstores.local.file", {"secretsFile": str(path), **metadata})


@pytest.fixture(scope="module")
def sidecar(shared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("secrets")
    scopes = [{"storeName": "secrets", "deniedSecrets": ["api"]}, {"storeName": "few", "defaultAccess": "deny", "allowedSecrets": ["db"]},
              {"storeName": "none", "defaultAccess": "deny"}, {"storeName": "missing", "defaultAccess": "deny"}]
    return shared.sidecar(config={"secrets": {"scopes": scopes}}, env={"MYP_ONE": "1", "OTHER": "2"}, resources=[
        file_component(folder, "secrets"), file_component(folder, "few"), file_component(folder, "none"),
        file_component(folder, "multi", {"outer": {"a": "b", "c": {"d": "e"}}, "s": "t"}, multiValued="true"),
        component("env", "secretstores.local.env"), component("prefixed", "secretstores.local.env", {"prefix": "MYP_"})])


@pytest.fixture(scope="module")
def dapr(sidecar):
    made = rpc.Dapr(sidecar.grpc)
    yield made
    made.close()


@pytest.mark.quick
@pytest.mark.parametrize("name", ["db", "a/b", "ümläut", "outer:inner"])
def test_one(dapr, name):
    value = {"outer:inner": "i"}.get(name) or CONTENT[name]
    assert dict(dapr.GetSecret(store_name="secrets", key=name, metadata={"a": "b"}).data) == {name: value}


def test_one_of_several_values(dapr):
    assert dict(dapr.GetSecret(store_name="multi", key="outer").data) == {"a": "b", "c:d": "e"}
    assert {name: dict(one.secrets) for name, one in dapr.GetBulkSecret(store_name="multi").data.items()} == {
        "outer": {"a": "b", "c:d": "e"}, "s": {"s": "t"}}


def test_no_stores(bench):
    dapr = rpc.Dapr(bench.sidecar(resources=[component("memory", "state.in-memory")]).grpc)
    for found in (failure(dapr.GetSecret, store_name="s", key="k"), failure(dapr.GetBulkSecret, store_name="s")):
        assert_failure(found, "FAILED_PRECONDITION", "secret store is not configured")


def test_unknown_store(dapr):
    for found in (failure(dapr.GetSecret, store_name="missing", key="k"), failure(dapr.GetBulkSecret, store_name="missing")):
        assert_failure(found, "INVALID_ARGUMENT", "failed finding secret store with key missing")


@pytest.mark.parametrize("store, key", [("secrets", "api"), ("few", "api"), ("none", "db"), ("none", 'odd "name"')])
def test_scope_denies(dapr, store, key):
    quoted = key.replace('"', '\\"')
    assert_failure(failure(dapr.GetSecret, store_name=store, key=key), "PERMISSION_DENIED",
                   f'access denied by policy to get "{quoted}" from "{store}"')


def test_failure(dapr):
    assert_failure(failure(dapr.GetSecret, store_name="secrets", key="zzz"), "INTERNAL",
                   "failed getting secret with key zzz from secret store secrets: secret zzz not found")


def test_bulk_leaves_out_denied_names_silently(dapr):
    def bulk(store):
        return {name: dict(one.secrets) for name, one in dapr.GetBulkSecret(store_name=store, metadata={"a": "b"}).data.items()}

    assert bulk("secrets") == {name: {name: value} for name, value in {
        "db": "pw<1>", "a/b": "slash", "outer:inner": "i", "ümläut": "ü"}.items()}
    assert bulk("few") == {"db": {"db": "pw<1>"}}
    assert bulk("none") == {}


def test_the_environment(dapr):
    assert dict(dapr.GetSecret(store_name="env", key="OTHER").data) == {"OTHER": "2"}
    assert dict(dapr.GetSecret(store_name="env", key="NO_SUCH").data) == {"NO_SUCH": ""}
    assert dict(dapr.GetSecret(store_name="prefixed", key="ONE").data) == {"ONE": "1"}
    assert dict(dapr.GetBulkSecret(store_name="prefixed").data["ONE"].secrets) == {"ONE": "1"}


def test_a_message_that_is_none(dapr):
    for method in (dapr.GetSecret, dapr.GetBulkSecret):
        assert_failure(failure(method.raw, b"\x0a\xff"), "INTERNAL",
                       "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data")


def test_the_access_list_knows_these_methods(bench):
    sidecar = bench.sidecar(config={"api": {"denied": [{"name": "secrets", "version": "v1", "protocol": "grpc"}]}})
    dapr = rpc.Dapr(sidecar.grpc)
    for method in (dapr.GetSecret, dapr.GetBulkSecret):
        assert_failure(failure(method), "UNIMPLEMENTED", "Not Implemented", DENIED)
