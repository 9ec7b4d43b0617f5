"""State over both doors (grpc-api.md 3.1, http-api.md 4.3)."""

import calendar
import time

from harness.doors import Item, Refused, Value, item, refused
from harness.resources import component
from harness.rpc import bad_request, error_info, help_link, resource_info
from harness.table import Table
from harness.wait import until

table = Table()
MISMATCH = "possible etag mismatch. error from state store"
INVALID = "invalid etag value"
KEY = "a||b"
LINK = help_link("https://docs.dapr.io/reference/components-reference/supported-state-stores/",
                 "Check the list of state stores and the features they support")


# ------------------------------------------------------------------------------ S1, S2, S3
CALLS = {
    "GetState": lambda at, store, key: at.door.get(store, key),
    "SaveState": lambda at, store, key: at.door.save(store, [item(key, b"1")]),
    "DeleteState": lambda at, store, key: at.door.delete(store, key),
    "GetBulkState": lambda at, store, key: at.door.bulk_get(store, [key]),
    "ExecuteStateTransaction": lambda at, store, key: at.door.transact(store, [("upsert", item(key, b"1"))]),
}


def no_store(word, reason, code, status, name, app_id="caller"):
    return refused(f"state store nowhere is {word}",
                   http=(status, name, [error_info(reason, {"appID": app_id} if app_id else None)]),
                   grpc=(code, [error_info(reason)]))


NOT_FOUND = ("not found", "DAPR_STATE_NOT_FOUND", "INVALID_ARGUMENT", 400, "ERR_STATE_STORE_NOT_FOUND")
NOT_CONFIGURED = ("not configured", "DAPR_STATE_NOT_CONFIGURED", "FAILED_PRECONDITION", 500, "ERR_STATE_STORE_NOT_CONFIGURED")


def illegal_key(call):
    def made(at):
        text = f"input key/keyPrefix '{KEY}' can't contain '||'"
        kit = f"api error: code = InvalidArgument desc = {text}"
        # A transaction over HTTP does not say which key.
        violation = bad_request(KEY, kit) if call != "ExecuteStateTransaction" else (
            "BadRequest", {"field_violations": [{"description": kit}]})
        rest = [resource_info("state", at.store), error_info("DAPR_STATE_ILLEGAL_KEY")]
        return refused(text, http=(400, "ERR_MALFORMED_REQUEST", [violation, *rest]), http_message=kit,
                       grpc=("INVALID_ARGUMENT", [bad_request(KEY, text), *rest]))
    return made


for _name, _call in CALLS.items():
    table.row(f"S2 {_name}: no such store", lambda at, call=_call: call(at, "nowhere", at.key), no_store(*NOT_FOUND))
    table.row(f"S2 {_name}: the store is looked for before the key",
              lambda at, call=_call: call(at, "nowhere", KEY), no_store(*NOT_FOUND))
    table.row(f"S3 {_name}: an illegal key", lambda at, call=_call: call(at, at.store, KEY), illegal_key(_name), stores=True)

table.row("S2 QueryStateAlpha1: no such store", lambda at: at.door.query("nowhere", b"{}"), no_store(*NOT_FOUND, app_id=None))


@table.check("S1: no store at all")
def no_store_at_all(at):
    door = at.open(at.bench.sidecar(app_id="alone"))
    own = type(at)(door, at.sidecar, at.app, at.store, at.mark, at.bench, at.keeper)
    for call in CALLS.values():
        try:
            call(own, "nowhere", "k")
        except Refused as found:
            no_store(*NOT_CONFIGURED, app_id="alone").check(found)
        else:
            raise AssertionError("it was not refused")


# ------------------------------------------------------------------------------- GetState, SaveState
table.row("GetState: a missing key is empty", lambda at: at.door.get(at.store, at.key), Value(), stores=True)


@table.check("SaveState: what is saved is read back, with an etag", stores=True)
def saved_and_read(at):
    for value in (b'"text"', b"12345678901234567890", b'{"a":[1,2,{"b":null}]}', b"null", b"false", '"ü€"'.encode()):
        at.door.save(at.store, [item(at.key, value)])
        found = at.door.get(at.store, at.key)
        assert found.data == value and found.etag and found.metadata == {}


@table.check("SaveState: several items, duplicates too", stores=True)
def several(at):
    at.door.save(at.store, [item(at.key, b"1"), item(at.key + "2", b"2"), item(at.key, b"3")])
    assert at.door.get(at.store, at.key).data in (b"1", b"3")
    assert at.door.get(at.store, at.key + "2").data == b"2"


table.row("SaveState: no items", lambda at: at.door.save(at.store, []), None, stores=True)
table.row("SaveState: the store is looked for before there are no items", lambda at: at.door.save("nowhere", []),
          no_store(*NOT_FOUND))


@table.check("SaveState: many odd keys", stores=True)
def odd_keys(at):
    keys = [f"{at.key}{part}" for part in (" ", "/", "%2F", "'\"", "ü€😀", "|", "?#", "a" * 300)]
    at.door.save(at.store, [item(key, b'"%d"' % n) for n, key in enumerate(keys)])
    for n, key in enumerate(keys):
        assert at.door.get(at.store, key).data == b'"%d"' % n


@table.check("SaveState: the present etag is taken, another is a mismatch", stores=True)
def etags(at):
    at.door.save(at.store, [item(at.key, b"1")])
    first = at.door.get(at.store, at.key).etag
    at.door.save(at.store, [item(at.key, b"2", etag=first)])
    stale(at, lambda: at.door.save(at.store, [item(at.key, b"3", etag=first)]), "ERR_STATE_SAVE",
          f"failed saving state in state store {at.store}: {MISMATCH}", 1)
    assert at.door.get(at.store, at.key).data == b"2"


def stale(at, do, name, text, times, code=("ABORTED", 409)):
    """do() is refused for its etag; the words of the store follow behind the text."""
    try:
        do()
    except Refused as found:
        assert found.message.startswith(text) and found.message.count(MISMATCH) == times, found.message
        if at.door.kind == "http":
            assert (found.code, found.name, found.details) == (code[1], name, [])
        else:
            assert (found.code, found.details) == (code[0], [error_info(name)])
    else:
        raise AssertionError("a stale etag was taken")


@table.check("SaveState: in a bulk the words for a mismatch come twice", stores=True)
def bulk_etags(at):
    at.door.save(at.store, [item(at.key, b"1")])
    old = at.door.get(at.store, at.key).etag
    at.door.save(at.store, [item(at.key, b"2")])
    stale(at, lambda: at.door.save(at.store, [item(at.key, b"3", etag=old), item(at.key + "2", b"1")]), "ERR_STATE_SAVE",
          f"failed saving state in state store {at.store}: {MISMATCH}: {MISMATCH}", 2)
    assert at.door.get(at.store, at.key).data == b"2"


def bad_etag(at, front, name):
    text = f'{front}{INVALID}: strconv.Atoi: parsing "abc": invalid syntax'
    return refused(text, http=(400, name), grpc=("INVALID_ARGUMENT", [error_info(name)]))


@table.check("SaveState: an etag that is none (redis)")
def invalid_etag(at):
    for items, front in (([item(at.key, b"1", etag="abc")], ""), ([item(at.key, b"1", etag="abc"), item("x", b"1")], f"{INVALID}: ")):
        try:
            at.door.save("redis", items)
        except Refused as found:
            bad_etag(at, f"failed saving state in state store redis: {front}", "ERR_STATE_SAVE").check(found)
        else:
            raise AssertionError("it was taken")


@table.check("SaveState: first-write takes a new key once (in-memory)")
def first_write(at):
    at.door.save("memory", [item(at.key, b"1", concurrency="first-write")])
    text = (f"failed saving state in state store memory: {MISMATCH}: item already exists and no etag was passed")
    try:
        at.door.save("memory", [item(at.key, b"2", concurrency="first-write")])
    except Refused as found:
        refused(text, http=(409, "ERR_STATE_SAVE"), grpc=("ABORTED", [error_info("ERR_STATE_SAVE")])).check(found)
    else:
        raise AssertionError("it was taken")


@table.check("SaveState: consistency and last-write are taken", stores=True)
def options(at):
    at.door.save(at.store, [item(at.key, b"1", concurrency="last-write", consistency="strong")])
    at.door.save(at.store, [item(at.key, b"2", concurrency="last-write", consistency="eventual")])
    assert at.door.get(at.store, at.key, consistency="strong").data == b"2"
    assert at.door.get(at.store, at.key, consistency="eventual").data == b"2"


@table.check("ttl: ttlExpireTime of a get, and nothing afterwards (in-memory)")
def ttl(at):
    before = time.time()
    at.door.save("memory", [item(at.key, b"1", metadata={"ttlInSeconds": "1"})])
    found = at.door.get("memory", at.key)
    assert found.data == b"1"
    if "ttlExpireTime" in found.metadata:
        expiry = calendar.timegm(time.strptime(found.metadata["ttlExpireTime"][:19], "%Y-%m-%dT%H:%M:%S"))
        assert before - 1 <= expiry - 1 <= time.time() + 1 and found.metadata["ttlExpireTime"].endswith("Z")
    else:
        assert time.time() - before > 0.9
    until(lambda: at.door.get("memory", at.key) == Value(), "the item expires")


table.row("ttl: not a number", lambda at: at.door.save(at.store, [item(at.key, b"1", metadata={"ttlInSeconds": "x"})]),
          lambda at: refused(f"failed saving state in state store {at.store}: error parsing TTL: incorrect value for metadata "
                             "'ttlInSeconds': strconv.ParseInt: parsing \"x\": invalid syntax",
                             http=(500, "ERR_STATE_SAVE"), grpc=("INTERNAL", [error_info("ERR_STATE_SAVE")])), stores=True)


# --------------------------------------------------------------------------------------- DeleteState
table.row("DeleteState: a missing key", lambda at: at.door.delete(at.store, at.key), None, stores=True)


@table.check("DeleteState: it is gone", stores=True)
def deleted(at):
    at.door.save(at.store, [item(at.key, b"1")])
    at.door.delete(at.store, at.key)
    assert at.door.get(at.store, at.key) == Value()


@table.check("DeleteState: the present etag is taken, another is a mismatch", stores=True)
def delete_etags(at):
    at.door.save(at.store, [item(at.key, b"1")])
    old = at.door.get(at.store, at.key).etag
    at.door.save(at.store, [item(at.key, b"2")])
    stale(at, lambda: at.door.delete(at.store, at.key, etag=old), "ERR_STATE_DELETE",
          f"failed deleting state with key {at.key}: {MISMATCH}", 1)
    at.door.delete(at.store, at.key, etag=at.door.get(at.store, at.key).etag)
    assert at.door.get(at.store, at.key) == Value()


# -------------------------------------------------------------------------------------- GetBulkState
table.row("GetBulkState: no keys", lambda at: at.door.bulk_get(at.store, []), [], stores=True)


@table.check("GetBulkState: found, missing, etags, the key as it was asked for", stores=True)
def bulk(at):
    keys = [at.key, at.key + "/2", at.key + "3"]
    at.door.save(at.store, [item(keys[0], b'"a"'), item(keys[1], b"[1, 2]")])
    found = {one.key: one for one in at.door.bulk_get(at.store, keys, parallelism=2)}
    assert set(found) == set(keys)
    assert found[keys[0]] == Item(keys[0], b'"a"', at.door.get(at.store, keys[0]).etag)
    assert found[keys[1]].value in (b"[1,2]", b"[1, 2]") and found[keys[1]].etag
    assert found[keys[2]] == Item(keys[2], b"")


@table.check("GetBulkState: ttlExpireTime of an item (in-memory)")
def bulk_ttl(at):
    at.door.save("memory", [item(at.key, b"1", metadata={"ttlInSeconds": "100"})])
    found = at.door.bulk_get("memory", [at.key])
    assert found[0].metadata == at.door.get("memory", at.key).metadata and "ttlExpireTime" in found[0].metadata


# ------------------------------------------------------------------------- ExecuteStateTransaction
table.row("ExecuteStateTransaction: no operations", lambda at: at.door.transact(at.store, []), None, stores=True)


@table.check("ExecuteStateTransaction: upsert and delete, in their order", stores=True)
def transaction(at):
    at.door.save(at.store, [item(at.key, b"1")])
    at.door.transact(at.store, [("upsert", item(at.key + "2", b'"new"')), ("delete", item(at.key)),
                                ("upsert", item(at.key + "3", b"1")), ("delete", item(at.key + "3"))])
    assert at.door.get(at.store, at.key) == Value()
    assert at.door.get(at.store, at.key + "2").data == b'"new"'
    assert at.door.get(at.store, at.key + "3") == Value()


@table.check("ExecuteStateTransaction: one stale etag and nothing is done (in-memory)")
def transaction_whole(at):
    at.door.save("memory", [item(at.key, b"1")])
    old = at.door.get("memory", at.key).etag
    at.door.save("memory", [item(at.key, b"2")])
    stale(at, lambda: at.door.transact("memory", [("upsert", item(at.key + "2", b"1")), ("upsert", item(at.key, b"3", etag=old))]),
          "ERR_STATE_TRANSACTION", f"error while executing state transaction: {MISMATCH}", 1, ("INTERNAL", 500))
    assert at.door.get("memory", at.key).data == b"2"
    assert at.door.get("memory", at.key + "2") == Value()


table.row("ExecuteStateTransaction: another operation", lambda at: at.door.transact(at.store, [("foo", item(at.key, b"1"))]),
          refused("operation type foo not supported", http=(400, "ERR_NOT_SUPPORTED_STATE_OPERATION"),
                  grpc=("UNIMPLEMENTED", [error_info("ERR_NOT_SUPPORTED_STATE_OPERATION")])), stores=True)


# --------------------------------------------------------------------------------- QueryStateAlpha1
table.row("QueryStateAlpha1: a store that cannot", lambda at: at.door.query(at.store, b"{}"),
          lambda at: refused("state store does not support querying",
                             http=(500, "ERR_STATE_STORE_NOT_SUPPORTED", [
                                 resource_info("state", at.store), error_info("DAPR_STATE_QUERYING_NOT_SUPPORTED")]),
                             grpc=("INTERNAL", [resource_info("state", at.store),
                                                error_info("DAPR_STATE_QUERYING_NOT_SUPPORTED")])), stores=True)


# -------------------------------------------------------------------------------------- across doors
@table.check("what one door saved the other reads", stores=True)
def across(at):
    from harness import doors
    other = doors.open(at.sidecar, "grpc" if at.door.kind == "http" else "http")
    at.door.save(at.store, [item(at.key, b'{"a":1}')])
    assert other.get(at.store, at.key) == at.door.get(at.store, at.key)
    other.delete(at.store, at.key)
    assert at.door.get(at.store, at.key) == Value()
    other.close()


@table.check("key prefixes")
def prefixes(at):
    named = {"none": "none", "fixed": "other", "name": "name", "appid": "appid", "namespace": "namespace"}
    sidecar = at.bench.sidecar(app_id="pre", resources=[
        component(name, "state.in-memory", {"keyPrefix": prefix}) for name, prefix in named.items()])
    door = at.open(sidecar)
    for name in named:
        door.save(name, [item("k", b"1")])
        assert [one.key for one in door.bulk_get(name, ["k"])] == ["k"]
        assert door.get(name, "k").data == b"1"
    door.close()
