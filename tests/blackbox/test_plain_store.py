"""What clients see of a store that cannot do transactions, that takes few operations in one, and that fails (contract 3.1
to 3.3). The stores come with a plugin of the tests, so other sidecars have none of them."""

import pytest

from harness.errors import TYPE, assert_error, assert_rich, error_info, resource_info
from harness.plugins import plugin_folder
from harness.resources import component

pytestmark = pytest.mark.differs
ASKED = "the store was asked to fail"


def said(key):
    """A store that chooses the status has made a whole error; HTTP shows it in its one-line form."""
    return "api error: code = Internal desc = " + ASKED if "-" in key else ASKED


@pytest.fixture(scope="module")
def sidecar(shared, tmp_path_factory):
    folder = plugin_folder(tmp_path_factory.mktemp("plugins"), "plain.c", "state.plain", "state.small")
    return shared.sidecar(app_id="me", flags={"plugins-path": folder}, resources=[
        component("plain", "state.plain"), component("small", "state.small")])


def operations(*keys):
    return {"operations": [{"operation": "upsert", "request": {"key": key, "value": 1}} for key in keys]}


def test_a_store_without_transactions(sidecar):
    link = {"description": "Check the list of state stores and the features they support",
            "url": "https://docs.dapr.io/reference/components-reference/supported-state-stores/"}
    answer = sidecar.post("/v1.0/state/plain/transaction", operations("a"))
    assert_rich(answer, 500, "ERR_STATE_STORE_NOT_SUPPORTED", "state store plain doesn't support transactions",
                [{"@type": TYPE + "Help", "links": [link]}, resource_info("state", "plain"),
                 error_info("DAPR_STATE_TRANSACTIONS_NOT_SUPPORTED", None)])
    assert sidecar.post("/v1.0/state/plain/transaction", b"nonsense").json == answer.json


def test_too_many_operations(sidecar):
    assert sidecar.post("/v1.0/state/small/transaction", operations("a", "b")).status == 204
    assert_rich(sidecar.post("/v1.0/state/small/transaction", operations("a", "b", "c")), 400,
                "ERR_STATE_STORE_TOO_MANY_TRANSACTIONS",
                "the transaction contains 3 operations, which is more than what the state store supports: 2",
                [resource_info("state", "small"), error_info("DAPR_STATE_TOO_MANY_TRANSACTIONS", {
                    "currentOpsTransaction": "3", "maxOpsPerTransaction": "2"})])


@pytest.mark.parametrize("key, status", [("fail", 500), ("fail-506", 506), ("fail-510", 510), ("fail-409", 409)])
def test_errors_of_a_store(sidecar, key, status):
    path = "/v1.0/state/plain"
    assert_error(sidecar.get(f"{path}/{key}"), status, "ERR_STATE_GET", f"fail to get {key} from state store plain: {said(key)}")
    assert_error(sidecar.post(path, [{"key": key, "value": 1}]), status, "ERR_STATE_SAVE",
                 f"failed saving state in state store plain: {said(key)}")
    assert_error(sidecar.delete(f"{path}/{key}"), status, "ERR_STATE_DELETE", f"failed deleting state with key {key}: {said(key)}")


def test_errors_of_a_bulk_read(sidecar):
    assert_error(sidecar.post("/v1.0/state/small/bulk", {"keys": ["a"]}), 500, "ERR_STATE_BULK_GET", ASKED)
    items = sidecar.post("/v1.0/state/plain/bulk", {"keys": ["a", "fail"]}).json
    assert {item["key"]: item.get("error") for item in items} == {"a": None, "fail": ASKED}


@pytest.mark.parametrize("key", ["fail", "fail-506"])
def test_errors_of_a_transaction(sidecar, key):
    assert_error(sidecar.post("/v1.0/state/small/transaction", operations(key)), 500, "ERR_STATE_TRANSACTION",
                 f"error while executing state transaction: {said(key)}")


def test_promises_are_listed(sidecar):
    found = {one["name"]: one.get("capabilities") for one in sidecar.metadata()["components"]}
    assert found == {"plain": None, "small": ["TRANSACTIONAL"]}
