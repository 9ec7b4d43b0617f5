"""State over gRPC (grpc-api.md 3 S1 to S3, 3.1, 9.1): what each row says, with the number of details. What both doors share
is in doors/state.py too."""

import calendar
import json
import os
import time

import pytest

from harness import rpc
from harness.plugins import plugin_folder
from harness.resources import component
from harness.rpc import DENIED, assert_failure, bad_request, error_info, failure, help_link, resource_info
from harness.wait import until

MISMATCH = "possible etag mismatch. error from state store"
INVALID = "invalid etag value"
ASKED = "the store was asked to fail"
STORES = ["memory", "redis", "sqlite"]
LINK = help_link("https://docs.dapr.io/reference/components-reference/supported-state-stores/",
                 "Check the list of state stores and the features they support")


@pytest.fixture(scope="module")
def sidecar(shared, redis_server, tmp_path_factory):
    file = tmp_path_factory.mktemp("sqlite") / "state.db"
    return shared.sidecar(app_id="caller", resources=[
        component("memory", "state.in-memory"), component("redis", "state.redis", {"redisHost": redis_server.address}),
        component("sqlite", "state.sqlite", {"connectionString": str(file)})])


@pytest.fixture(scope="module")
def dapr(sidecar):
    made = rpc.Dapr(sidecar.grpc)
    yield made
    made.close()


@pytest.fixture(params=STORES)
def store(request):
    return request.param


@pytest.fixture
def key(request):
    return request.node.name


def save(dapr, store, *states):
    dapr.SaveState(store_name=store, states=list(states))


def get(dapr, store, key):
    return dapr.GetState(store_name=store, key=key)


def operation(kind, **request):
    return {"operationType": kind, "request": request}


def transact(dapr, store, *operations, **more):
    return dapr.ExecuteStateTransaction(storeName=store, operations=list(operations), **more)


# --------------------------------------------------------------------------------- S1, S2, S3
def calls(dapr, store, key):
    """Every method, with one key."""
    return {
        "GetState": lambda: dapr.GetState(store_name=store, key=key),
        "GetBulkState": lambda: dapr.GetBulkState(store_name=store, keys=["fine", key]),
        "SaveState": lambda: save(dapr, store, {"key": key, "value": b"1"}),
        "DeleteState": lambda: dapr.DeleteState(store_name=store, key=key),
        "DeleteBulkState": lambda: dapr.DeleteBulkState(store_name=store, states=[{"key": key}]),
        "ExecuteStateTransaction": lambda: transact(dapr, store, operation("upsert", key=key, value=b"1")),
        "QueryStateAlpha1": lambda: dapr.QueryStateAlpha1(store_name=store, query="{}")}


METHODS = list(calls(None, None, None))


@pytest.fixture(scope="module")
def nothing(shared):
    made = rpc.Dapr(shared.sidecar(resources=[component("pubsub", "pubsub.in-memory")]).grpc)
    yield made
    made.close()


@pytest.mark.parametrize("method", METHODS)
def test_s1_no_state_store_configured(nothing, method):
    assert_failure(failure(calls(nothing, "s", "k")[method]), "FAILED_PRECONDITION", "state store s is not configured",
                   [error_info("DAPR_STATE_NOT_CONFIGURED")])


@pytest.mark.quick
@pytest.mark.parametrize("method", METHODS)
def test_s2_name_unknown(dapr, method):
    assert_failure(failure(calls(dapr, "nowhere", "k")[method]), "INVALID_ARGUMENT", "state store nowhere is not found",
                   [error_info("DAPR_STATE_NOT_FOUND")])


@pytest.mark.parametrize("method", METHODS)
def test_s2_an_empty_name(dapr, method):
    assert_failure(failure(calls(dapr, "", "k")[method]), "INVALID_ARGUMENT", "state store  is not found",
                   [error_info("DAPR_STATE_NOT_FOUND")])


@pytest.mark.parametrize("method", [one for one in METHODS if one != "QueryStateAlpha1"])
def test_s3_key_contains_two_bars(dapr, store, method):
    text = "input key/keyPrefix 'a||b' can't contain '||'"
    assert_failure(failure(calls(dapr, store, "a||b")[method]), "INVALID_ARGUMENT", text,
                   [bad_request("a||b", text), resource_info("state", store), error_info("DAPR_STATE_ILLEGAL_KEY")])


def test_a_message_that_is_none(dapr):
    text = "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data"
    for method in METHODS:
        assert_failure(failure(getattr(dapr, method).raw, b"\x0a\xff"), "INTERNAL", text)


def test_a_store_name_that_is_no_utf_8(dapr):
    found = failure(dapr.GetState.raw, b"\x0a\x02\xff\xfe")
    assert found.code == "INTERNAL" and found.message.endswith("string field contains invalid UTF-8")


def test_unknown_fields_are_ignored(dapr, key):
    save(dapr, "memory", {"key": key, "value": b"1"})
    request = dapr.GetState.request(store_name="memory", key=key).SerializeToString() + b"\xfa\x3f\x03abc\xf8\x3f\x01"
    assert dapr.GetState.response.FromString(dapr.GetState.raw(request)).data == b"1"


# ------------------------------------------------------------------------------------- GetState
@pytest.mark.quick
def test_get_of_a_missing_key_is_empty(dapr, store, key):
    assert dapr.GetState.raw(dapr.GetState.request(store_name=store, key=key).SerializeToString()) == b""


def test_get_takes_an_empty_key(dapr, store):
    assert get(dapr, store, "").data == b""
    transact(dapr, store, operation("upsert", key="", value=b"at nothing"))
    assert get(dapr, store, "").data == b"at nothing"
    dapr.DeleteState(store_name=store, key="")


@pytest.mark.parametrize("consistency", [0, 1, 2, 7, -1])
def test_get_with_every_consistency(dapr, store, key, consistency):
    save(dapr, store, {"key": key, "value": b"v"})
    assert dapr.GetState(store_name=store, key=key, consistency=consistency, metadata={"a": "b"}).data == b"v"


def test_get_tells_when_an_item_expires(dapr, key):
    for store in ("memory", "sqlite"):
        save(dapr, store, {"key": key, "value": b"v", "metadata": {"ttlInSeconds": "100"}})
        now, expiry = time.time(), dict(get(dapr, store, key).metadata)["ttlExpireTime"]
        assert abs(calendar.timegm(time.strptime(expiry, "%Y-%m-%dT%H:%M:%SZ")) - now - 100) <= 1.5
        save(dapr, store, {"key": key, "value": b"v"})
        assert dict(get(dapr, store, key).metadata) == {}


def test_ttl_after_expiry_an_empty_answer(dapr, store, key):
    save(dapr, store, {"key": key, "value": b"v", "metadata": {"ttlInSeconds": "1"}})
    assert get(dapr, store, key).data == b"v"
    until(lambda: get(dapr, store, key).SerializeToString() == b"", "the item expires")


# ----------------------------------------------------------------------------------- SaveState
def test_basic_a_completely_empty_request_is_an_error(dapr):
    assert_failure(failure(dapr.SaveState), "INVALID_ARGUMENT", "state store  is not found", [error_info("DAPR_STATE_NOT_FOUND")])


def test_basic_no_states(dapr, store):
    assert dapr.SaveState.raw(dapr.SaveState.request(store_name=store).SerializeToString()) == b""


def test_basic_a_key_and_no_value(dapr, store, key):
    save(dapr, store, {"key": key})
    found = get(dapr, store, key)
    assert found.data == b"" and found.etag


def test_basic_duplicate_keys(dapr, store, key):
    save(dapr, store, {"key": key, "value": b"1"}, {"key": key, "value": b"1"})
    assert get(dapr, store, key).data == b"1"


@pytest.mark.parametrize("states", [[{"value": b"1"}], [{"key": "fine", "value": b"1"}, {"value": b"2"}]], ids=["one", "two"])
def test_basic_an_empty_key_is_an_error(dapr, store, states):
    assert_failure(failure(save, dapr, store, *states), "INVALID_ARGUMENT", "state key cannot be empty", [error_info("ERR_STATE_SAVE")])


def test_a_value_is_bytes(dapr, store, key):
    for value in (bytes(range(256)), b"\x00", b'"quoted"', b" { } ", b"\xff" * 100, os.urandom(100000)):
        save(dapr, store, {"key": key, "value": value})
        assert get(dapr, store, key).data == value


def test_the_other_door_reads_any_bytes(dapr, sidecar, key):
    save(dapr, "memory", {"key": key, "value": b"\x00\xffbytes"})
    assert sidecar.get(f"/v1.0/state/memory/{key}").body == b"\x00\xffbytes"
    save(dapr, "memory", {"key": key, "value": b"no json"})
    assert sidecar.post("/v1.0/state/memory/bulk", {"keys": [key]}).json[0]["data"] == "no json"


def test_fuzz_binary_values_and_odd_keys(dapr, store, key):
    items = {f"{key}{chr(n)}{n}": os.urandom(n % 50) for n in range(1, 600) if n != ord("|")}
    save(dapr, store, *({"key": name, "value": value} for name, value in items.items()))
    for name, value in list(items.items())[::7]:
        assert get(dapr, store, name).data == value
    found = dapr.GetBulkState(store_name=store, keys=list(items))
    assert {one.key: one.data for one in found.items} == items


def test_a_large_value(dapr, store, key):
    value = os.urandom((4 << 20) - 1000)
    save(dapr, store, {"key": key, "value": value})
    assert get(dapr, store, key).data == value


def test_too_large_a_message(dapr, key):
    found = failure(save, dapr, "memory", {"key": key, "value": b"x" * (4 << 20)})
    assert found.code == "RESOURCE_EXHAUSTED" and found.message.startswith("grpc: received message larger than max (")


@pytest.mark.parametrize("value, stored", [(b'{"a" : [1, 2.50]}', b'{"a":[1,2.50]}'), (b'"x"', b'"x"'), (b"12345678901234567890", None)])
def test_content_type_json_a_value_is_parsed_first(dapr, store, key, value, stored):
    save(dapr, store, {"key": key, "value": value, "metadata": {"contentType": "application/json"}})
    assert get(dapr, store, key).data == (stored or value)


@pytest.mark.parametrize("states", [1, 2])
def test_content_type_json_and_bad_json(dapr, store, key, states):
    item = {"key": key, "value": b"{bad", "metadata": {"contentType": "application/json"}}
    found = failure(save, dapr, store, *[item] * states)
    assert_failure(found, "UNKNOWN", "invalid character 'b' looking for beginning of object key string")
    assert get(dapr, store, key).data == b""


def test_content_type_json_and_no_value(dapr, key):
    found = failure(save, dapr, "memory", {"key": key, "metadata": {"contentType": "application/json"}})
    assert_failure(found, "UNKNOWN", "unexpected end of JSON input")


def test_another_content_type_changes_nothing(dapr, key):
    save(dapr, "memory", {"key": key, "value": b"{bad", "metadata": {"contentType": "text/plain"}})
    assert get(dapr, "memory", key).data == b"{bad"


def test_an_empty_etag_is_none_for_these_stores(dapr, store, key):
    save(dapr, store, {"key": key, "value": b"1"})
    save(dapr, store, {"key": key, "value": b"2", "etag": {"value": ""}})
    save(dapr, store, {"key": key, "value": b"3", "etag": {}})
    assert get(dapr, store, key).data == b"3"


def stale(dapr, store, key):
    """An etag of that item that is no longer its own."""
    save(dapr, store, {"key": key, "value": b"1"})
    etag = get(dapr, store, key).etag
    save(dapr, store, {"key": key, "value": b"2"})
    return {"value": etag}


def test_etag_mismatch_of_one_item(dapr, store, key):
    found = failure(save, dapr, store, {"key": key, "value": b"3", "etag": stale(dapr, store, key)})
    assert found.code == "ABORTED" and found.details == [error_info("ERR_STATE_SAVE")]
    assert found.message.startswith(f"failed saving state in state store {store}: {MISMATCH}")
    assert found.message.count(MISMATCH) == 1
    assert get(dapr, store, key).data == b"2"


def test_etag_mismatch_of_several_items_says_it_twice(dapr, store, key):
    found = failure(save, dapr, store, {"key": key, "value": b"3", "etag": stale(dapr, store, key)}, {"key": "other", "value": b"1"})
    assert found.code == "ABORTED" and found.details == [error_info("ERR_STATE_SAVE")]
    assert found.message.startswith(f"failed saving state in state store {store}: {MISMATCH}: {MISMATCH}")
    assert get(dapr, store, key).data == b"2"


def test_in_memory_texts(dapr, key):
    save(dapr, "memory", {"key": key, "value": b"1", "options": {"concurrency": 1}})
    found = failure(save, dapr, "memory", {"key": key, "value": b"2", "options": {"concurrency": 1}})
    assert_failure(found, "ABORTED", f"failed saving state in state store memory: {MISMATCH}: item already exists and no etag was passed",
                   [error_info("ERR_STATE_SAVE")])
    found = failure(save, dapr, "memory", {"key": key + "x", "value": b"2", "etag": {"value": "1"}})
    assert_failure(found, "ABORTED", f"failed saving state in state store memory: {MISMATCH}: state not exist or expired for "
                   f"key=caller||{key}x", [error_info("ERR_STATE_SAVE")])


@pytest.mark.parametrize("states", [1, 2])
def test_etag_invalid(dapr, key, states):
    items = [{"key": key, "value": b"1", "etag": {"value": "abc"}}, {"key": key + "2", "value": b"1"}][:states]
    front = "" if states == 1 else f"{INVALID}: "
    assert_failure(failure(save, dapr, "redis", *items), "INVALID_ARGUMENT", f"failed saving state in state store redis: {front}"
                   f'{INVALID}: strconv.Atoi: parsing "abc": invalid syntax', [error_info("ERR_STATE_SAVE")])


def test_unknown_options_are_unset(dapr, store, key):
    save(dapr, store, {"key": key, "value": b"1", "options": {"concurrency": 9, "consistency": -3}})
    save(dapr, store, {"key": key, "value": b"2", "options": {"concurrency": 2, "consistency": 2}})
    assert get(dapr, store, key).data == b"2"


@pytest.mark.parametrize("word", ["x", "99999999999999999999", "-2", "2147483648"])
def test_a_time_to_live_that_is_none(dapr, store, key, word):
    found = failure(save, dapr, store, {"key": key, "value": b"1", "metadata": {"ttlInSeconds": word}})
    assert found.code == "INTERNAL" and found.details == [error_info("ERR_STATE_SAVE")]
    assert found.message.startswith(f"failed saving state in state store {store}: error parsing TTL: ")


# ---------------------------------------------------------------------------------- DeleteState
def test_delete_of_a_missing_key(dapr, store, key):
    assert dapr.DeleteState.raw(dapr.DeleteState.request(store_name=store, key=key).SerializeToString()) == b""


def test_delete_with_an_etag(dapr, store, key):
    found = failure(dapr.DeleteState, store_name=store, key=key, etag=stale(dapr, store, key))
    assert found.code == "ABORTED" and found.details == [error_info("ERR_STATE_DELETE")]
    assert found.message.startswith(f"failed deleting state with key {key}: {MISMATCH}")
    dapr.DeleteState(store_name=store, key=key, etag={"value": get(dapr, store, key).etag},
                     options={"concurrency": 1, "consistency": 2}, metadata={"a": "b"})
    assert get(dapr, store, key).etag == ""


def test_delete_with_an_empty_etag(dapr, store, key):
    save(dapr, store, {"key": key, "value": b"1"})
    dapr.DeleteState(store_name=store, key=key, etag={"value": ""})
    assert get(dapr, store, key).etag == ""


# ------------------------------------------------------------------------------ DeleteBulkState
def test_delete_bulk_of_nothing(dapr, store):
    assert dapr.DeleteBulkState.raw(dapr.DeleteBulkState.request(store_name=store).SerializeToString()) == b""


@pytest.mark.parametrize("count", [1, 2, 30])
def test_delete_bulk(dapr, store, key, count):
    keys = [f"{key}-{n}" for n in range(count)]
    save(dapr, store, *({"key": one, "value": b"1"} for one in [*keys, key]))
    dapr.DeleteBulkState(store_name=store, states=[{"key": one} for one in [*keys, "missing"]])
    assert all(one.data == b"" and not one.etag for one in dapr.GetBulkState(store_name=store, keys=keys).items)
    assert get(dapr, store, key).data == b"1"


def test_delete_bulk_with_an_etag(dapr, store, key):
    etag = stale(dapr, store, key)
    found = failure(dapr.DeleteBulkState, store_name=store, states=[{"key": key, "etag": etag}, {"key": "other"}])
    assert found.code == "ABORTED" and found.details == [error_info("ERR_STATE_BULK_DELETE")]
    assert found.message.startswith(f"failed deleting state in state store {store}: {MISMATCH}: {MISMATCH}")
    assert get(dapr, store, key).data == b"2"
    dapr.DeleteBulkState(store_name=store, states=[{"key": key, "etag": {"value": get(dapr, store, key).etag}}])
    assert get(dapr, store, key).etag == ""


# --------------------------------------------------------------------------------- GetBulkState
def test_bulk_of_no_keys(dapr, store):
    assert dapr.GetBulkState.raw(dapr.GetBulkState.request(store_name=store).SerializeToString()) == b""


def test_bulk_has_the_original_keys(dapr, store, key):
    keys = [f"{key}-{n}" for n in range(20)]
    save(dapr, store, *({"key": one, "value": one.encode()} for one in keys[:10]))
    found = {one.key: one for one in dapr.GetBulkState(store_name=store, keys=keys, parallelism=3, metadata={"a": "b"}).items}
    assert set(found) == set(keys)
    for one in keys[:10]:
        assert found[one].data == one.encode() and found[one].etag == get(dapr, store, one).etag and not found[one].error
    for one in keys[10:]:
        assert found[one].ByteSize() == len(one) + 2


def test_bulk_tells_when_items_expire(dapr, key):
    save(dapr, "memory", {"key": key, "value": b"v", "metadata": {"ttlInSeconds": "100"}})
    assert dict(dapr.GetBulkState(store_name="memory", keys=[key]).items[0].metadata) == dict(get(dapr, "memory", key).metadata) != {}


# ---------------------------------------------------------------------- ExecuteStateTransaction
def test_transaction_in_order(dapr, store, key):
    transact(dapr, store, operation("upsert", key=key, value=b"1"), operation("delete", key=key),
             operation("upsert", key=key + "2", value=b"\x00\xff"), operation("upsert", key=key + "2", value=b"last"),
             metadata={"a": "b"})
    assert get(dapr, store, key).etag == "" and get(dapr, store, key + "2").data == b"last"


def test_transaction_without_operations(dapr, store):
    assert transact(dapr, store).SerializeToString() == b""


def test_transaction_with_a_content_type_takes_bytes(dapr, store, key):
    transact(dapr, store, operation("upsert", key=key, value=b"{bad", metadata={"contentType": "application/json"}))
    assert get(dapr, store, key).data == b"{bad"


def test_transaction_of_another_operation(dapr, store, key):
    found = failure(transact, dapr, store, operation("upsert", key=key, value=b"1"), operation("foo", key=key))
    assert_failure(found, "UNIMPLEMENTED", "operation type foo not supported", [error_info("ERR_NOT_SUPPORTED_STATE_OPERATION")])
    assert get(dapr, store, key).etag == ""


def test_transaction_without_an_operation_and_without_a_request(dapr, store):
    found = failure(transact, dapr, store, {"operationType": "Upsert"})
    assert_failure(found, "UNIMPLEMENTED", "operation type Upsert not supported", [error_info("ERR_NOT_SUPPORTED_STATE_OPERATION")])
    transact(dapr, store, {"operationType": "delete"})


def test_transaction_s3_is_tested_before_the_operation(dapr, store):
    text = "input key/keyPrefix 'x||y' can't contain '||'"
    found = failure(transact, dapr, store, operation("foo", key="x||y"))
    assert_failure(found, "INVALID_ARGUMENT", text, [bad_request("x||y", text), resource_info("state", store),
                                                     error_info("DAPR_STATE_ILLEGAL_KEY")])


def test_transaction_etag_mismatch(dapr, key):
    for store in ("memory", "sqlite"):
        found = failure(transact, dapr, store, operation("upsert", key=key + "2", value=b"1"),
                        operation("delete", key=key, etag=stale(dapr, store, key)))
        assert found.code == "INTERNAL" and found.details == [error_info("ERR_STATE_TRANSACTION")]
        assert found.message.startswith(f"error while executing state transaction: {MISMATCH}")
        assert get(dapr, store, key + "2").etag == "" and get(dapr, store, key).data == b"2"


def test_transaction_with_a_time_to_live(dapr, store, key):
    transact(dapr, store, operation("upsert", key=key, value=b"1", metadata={"ttlInSeconds": "1"}))
    until(lambda: get(dapr, store, key).etag == "", "the item expires")
    found = failure(transact, dapr, store, operation("upsert", key=key, value=b"1", metadata={"ttlInSeconds": "x"}))
    assert found.code == "INTERNAL" and found.details == [error_info("ERR_STATE_TRANSACTION")]
    assert found.message.startswith("error while executing state transaction: error parsing TTL: ")


# ----------------------------------------------------------------------------- QueryStateAlpha1
@pytest.mark.parametrize("store", [one for one in STORES if one != "redis"])
def test_query_of_a_store_that_cannot(dapr, store):
    assert_failure(failure(dapr.QueryStateAlpha1, store_name=store, query="{}"), "INTERNAL", "state store does not support querying",
                   [resource_info("state", store), error_info("DAPR_STATE_QUERYING_NOT_SUPPORTED")])


# ------------------------------------------------------------------- stores that fail (own plugins)
@pytest.fixture(scope="module")
def failing(shared, tmp_path_factory, pytestconfig):
    folder = plugin_folder(tmp_path_factory.mktemp("plugins"), "plain.c", "state.plain", "state.small")
    plugin_folder(folder, "telling.c", "state.telling")
    secrets = tmp_path_factory.mktemp("secrets") / "s.json"
    secrets.write_text(json.dumps({"state-key": "11" * 32}))
    made = rpc.Dapr(shared.sidecar(app_id="me", flags={"plugins-path": folder}, resources=[
        component("plain", "state.plain"), component("small", "state.small"), component("telling", "state.telling"),
        component("curt", "state.telling", {"plain": "true"}),
        component("secrets", "secretstores.local.file", {"secretsFile": str(secrets)}),
        component("sealed", "state.telling", {"primaryEncryptionKey": {"secretKeyRef": {"name": "state-key", "key": "state-key"}}},
                  auth={"secretStore": "secrets"})]).grpc)
    yield made
    made.close()


@pytest.mark.differs
def test_transactions_unsupported(failing):
    assert_failure(failure(transact, failing, "plain", operation("foo", key="a||b")), "UNIMPLEMENTED",
                   "state store plain doesn't support transactions",
                   [LINK, resource_info("state", "plain"), error_info("DAPR_STATE_TRANSACTIONS_NOT_SUPPORTED")])
    assert failure(transact, failing, "plain").code == "UNIMPLEMENTED"


@pytest.mark.differs
def test_too_many_operations(failing):
    many = [operation("upsert", key=f"k{n}", value=b"1") for n in range(3)]
    transact(failing, "small", *many[:2])
    assert_failure(failure(transact, failing, "small", *many), "INVALID_ARGUMENT",
                   "the transaction contains 3 operations, which is more than what the state store supports: 2",
                   [resource_info("state", "small"), error_info("DAPR_STATE_TOO_MANY_TRANSACTIONS", {
                       "currentOpsTransaction": "3", "maxOpsPerTransaction": "2"})])


@pytest.mark.differs
def test_a_store_error_is_in_the_apis_own_words(failing):
    cases = {
        "GetState": ("INTERNAL", "fail to get fail from state store plain: ", "ERR_STATE_GET"),
        "SaveState": ("INTERNAL", "failed saving state in state store plain: ", "ERR_STATE_SAVE"),
        "DeleteState": ("INTERNAL", "failed deleting state with key fail: ", "ERR_STATE_DELETE"),
        "DeleteBulkState": ("INTERNAL", "failed deleting state in state store plain: ", "ERR_STATE_BULK_DELETE")}
    for method, (code, front, reason) in cases.items():
        assert_failure(failure(calls(failing, "plain", "fail")[method]), code, front + ASKED, [error_info(reason)])
    assert_failure(failure(transact, failing, "small", operation("upsert", key="fail", value=b"1")), "INTERNAL",
                   "error while executing state transaction: " + ASKED, [error_info("ERR_STATE_TRANSACTION")])


@pytest.mark.differs
def test_bulk_failures_of_items_and_of_the_whole(failing):
    items = failing.GetBulkState(store_name="plain", keys=["a", "fail"]).items
    assert {one.key: one.error for one in items} == {"a": "", "fail": ASKED}
    assert_failure(failure(failing.GetBulkState, store_name="small", keys=["a"]), "UNKNOWN", ASKED)


@pytest.mark.differs
def test_query_failed(failing):
    details = [resource_info("state", "curt"), error_info("DAPR_STATE_QUERY_FAILED")]
    for query, text in (("{}", "this was query"), ("{bad", "failed to parse JSON query body: invalid character 'b' looking for "
                                                   "beginning of object key string")):
        assert_failure(failure(failing.QueryStateAlpha1, store_name="curt", query=query), "INTERNAL",
                       f"state store curt query failed: {text}", details)


@pytest.mark.differs
def test_query_of_an_encrypted_store(failing):
    assert_failure(failure(failing.QueryStateAlpha1, store_name="sealed", query="{}"), "INTERNAL",
                   "state store sealed query failed: cannot query encrypted store",
                   [resource_info("state", "sealed"), error_info("DAPR_STATE_QUERY_FAILED")])


@pytest.mark.differs
@pytest.mark.parametrize("verb, call", [
    ("get", lambda d: d.GetState(store_name="telling", key="k")),
    ("bulk_get", lambda d: d.GetBulkState(store_name="telling", keys=["k"])),
    ("set", lambda d: save(d, "telling", {"key": "k"})),
    ("bulk_set", lambda d: save(d, "telling", {"key": "k"}, {"key": "l"})),
    ("drop", lambda d: d.DeleteState(store_name="telling", key="k")),
    ("bulk_drop", lambda d: d.DeleteBulkState(store_name="telling", states=[{"key": "k"}])),
    ("query", lambda d: d.QueryStateAlpha1(store_name="telling", query="{}"))])
def test_customerrors_a_structured_error_passes(failing, verb, call):
    """One item is saved by set, two are by bulk_set: the error says which verb it was."""
    assert_failure(failure(call, failing), "FAILED_PRECONDITION", f"this was {verb}", [error_info(f"TOLD_{verb}")])


@pytest.mark.differs
def test_customerrors_a_transaction_has_words_of_its_own(failing):
    found = failure(transact, failing, "telling", operation("upsert", key="k", value=b"1"))
    assert_failure(found, "INTERNAL", "error while executing state transaction: api error: code = FailedPrecondition desc = this was "
                   "transact", [error_info("ERR_STATE_TRANSACTION")])


# ------------------------------------------------------------------------------- key layout, others
@pytest.mark.parametrize("prefix, full", [(None, "pre||k"), ("appid", "pre||k"), ("none", "k"), ("name", "Store||k"),
                                          ("NAMESPACE", "ns.pre||k"), ("Other", "other||k")])
def test_key_layout(bench, tmp_path, prefix, full):
    """The full key is seen in a text of the in-memory store."""
    metadata = {"keyPrefix": prefix} if prefix else {}
    sidecar = bench.sidecar(app_id="pre", env={"NAMESPACE": "ns"}, resources=[component("Store", "state.in-memory", metadata)])
    found = failure(save, rpc.Dapr(sidecar.grpc), "Store", {"key": "k", "etag": {"value": "1"}})
    assert found.message.endswith(f"for key={full}")


def test_an_encrypted_store_takes_bytes_as_they_are(bench, tmp_path):
    secrets = tmp_path / "s.json"
    secrets.write_text(json.dumps({"state-key": "22" * 16}))
    sidecar = bench.sidecar(resources=[
        component("secrets", "secretstores.local.file", {"secretsFile": str(secrets)}),
        component("sealed", "state.in-memory", {"primaryEncryptionKey": {"secretKeyRef": {"name": "state-key", "key": "state-key"}}},
                  auth={"secretStore": "secrets"})])
    dapr = rpc.Dapr(sidecar.grpc)
    for value in (b'"text"', bytes(range(256)), b"", b"{}"):
        save(dapr, "sealed", {"key": "k", "value": value})
        assert get(dapr, "sealed", "k").data == value
        assert [one.data for one in dapr.GetBulkState(store_name="sealed", keys=["k"]).items] == [value]
        transact(dapr, "sealed", operation("upsert", key="t", value=value))
        assert get(dapr, "sealed", "t").data == value
    sidecar.post("/v1.0/state/sealed", [{"key": "h", "value": "text"}])
    assert get(dapr, "sealed", "h").data == b"text"


def test_compname_100_stores_with_arbitrary_names(bench):
    names = [f"store {n} {part}" for n, part in enumerate(["'\"", "ü€😀", "\\", "=;:,", "<>&", "a.b", "日本", "$()", "`", "#?"] * 10)]
    sidecar = bench.sidecar(resources=[component(name, "state.in-memory") for name in names])
    clients = [rpc.Dapr(sidecar.grpc) for _ in names]
    for client, name in zip(clients, names):
        save(client, name, {"key": "k", "value": name.encode()})
    for client, name in zip(clients, reversed(names)):
        assert get(client, name, "k").data == name.encode()
        client.close()


# ------------------------------------------------------------------------------- the access list
@pytest.mark.parametrize("rule, denied", [(("state", "v1"), [one for one in METHODS if one != "QueryStateAlpha1"]),
                                          (("state", "v1alpha1"), ["QueryStateAlpha1"])], ids=["v1", "v1alpha1"])
def test_the_access_list_knows_these_methods(bench, rule, denied):
    name, version = rule
    sidecar = bench.sidecar(config={"api": {"denied": [{"name": name, "version": version, "protocol": "grpc"}]}},
                            resources=[component("memory", "state.in-memory")])
    dapr = rpc.Dapr(sidecar.grpc)
    for method, call in calls(dapr, "nowhere", "k").items():
        found = failure(call)
        if method in denied:
            assert_failure(found, "UNIMPLEMENTED", "Not Implemented", DENIED)
        else:
            assert found.code == "INVALID_ARGUMENT"
