"""state.mongodb (contract, components 2.3, 6.1 and 6.7) against a server that speaks MongoDB's protocol, looked at by
pymongo; and, for what such servers cannot do (updates by pipeline, transactions), against a primary of our own, which
keeps what it is sent. No mongod can be installed here: transactions have been checked on the wire, not on one."""

import calendar
import json
import os
import re
import threading
import time
import uuid

import bson
import pytest
from bson.int64 import Int64

from harness import rpc
from harness.replica import Refused, Replica
from harness.resources import component
from harness.tap import Tap
from harness.wait import until

pymongo = pytest.importorskip("pymongo")

STATE = "/v1.0/state/store"
QUERY = "/v1.0-alpha1/state/store/query"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def server_port(variable, script):
    given = os.environ.get(variable)
    if not given:
        pytest.skip(f"no such server: run under tests/services/with {script}")
    return int(given.rpartition(":")[2])


@pytest.fixture(scope="module")
def server():
    return server_port("TEST_MONGO", "mongo")


class Items:
    """A collection of a test's own, looked at by pymongo."""

    def __init__(self, port):
        self.port = port
        self.name = "t" + uuid.uuid4().hex
        self.client = pymongo.MongoClient("127.0.0.1", port, serverSelectionTimeoutMS=5000)
        self.docs = self.client["daprStore"][self.name]

    def store(self, port=None, **more):
        return component("store", "state.mongodb", {"host": f"127.0.0.1:{port or self.port}", "collectionName": self.name, **more})

    def one(self, key):
        return self.docs.find_one({"_id": key})

    def end(self):
        self.docs.drop()
        self.client.close()


@pytest.fixture
def items(server):
    made = Items(server)
    yield made
    made.end()


@pytest.fixture
def replica():
    made = Replica()
    yield made
    made.close()


def store_of(replica, **more):
    return component("store", "state.mongodb", {"host": replica.address, "params": "?replicaSet=rs0", **more})


@pytest.fixture
def primary(bench, replica):
    """A sidecar before the replica set, and the commands it sends from now on."""
    sidecar = bench.sidecar(resources=[store_of(replica)], app_id="app1")
    replica.commands.clear()
    return sidecar


def save(sidecar, key, value, **more):
    return sidecar.post(STATE, [{"key": key, "value": value, **more}])


def save_text(sidecar, key, text):
    return sidecar.post(STATE, f'[{{"key":"{key}","value":{text}}}]'.encode())


def same_bytes(command, expected):
    """The same members, types and, below the first level, order; UUIDs stand for each other."""
    def blank(value):
        if isinstance(value, str):
            return UUID.sub("<uuid>", value)
        if isinstance(value, list):
            return [blank(one) for one in value]
        return {key: blank(one) for key, one in value.items()} if isinstance(value, dict) else value
    kept = {key: command[key] for key in command if key not in ("lsid", "$clusterTime", "$readPreference")}
    assert bson.encode(dict(sorted(blank(kept).items()))) == bson.encode(dict(sorted(expected.items()))), blank(kept)


# --- Commands, to the letter ---

CONCERN = {"w": 1, "j": True, "wtimeout": 5000}
ALIVE = {"$expr": {"$or": [{"$eq": [{"$ifNull": ["$_ttl", None]}, None]}, {"$gte": ["$_ttl", "$$NOW"]}]}}


def change(key, value, ttl=None, guard=None, number=1, upsert=True):
    query = {"_id": f"app1||{key}", **({"_etag": guard} if guard else {})}
    return {"q": query, "u": [{"$set": {"_id": f"app1||{key}", "value": value, "_etag": "<uuid>"}},
                              {"$addFields": {"_ttl": ttl, "_exact": "$$REMOVE"}}], **({"upsert": True} if upsert else {})}


def test_the_start_makes_the_index(bench, replica):
    bench.sidecar(resources=[store_of(replica)])
    [made] = replica.sent("createIndexes")
    same_bytes(made, {"createIndexes": "daprCollection", "indexes": [
        {"key": {"_ttl": 1}, "expireAfterSeconds": 0, "name": "_ttl_1"}], "writeConcern": {"w": 1, "j": True, "wtimeout": Int64(5000)},
        "$db": "daprStore"})
    assert not replica.docs


def test_sets_as_they_are_sent(primary, replica):
    save(primary, "s", "abc")
    save(primary, "e", "v", metadata={"ttlInSeconds": "100"})
    etag = primary.get(STATE + "/s").header("Etag")
    save(primary, "s", 1, etag=etag)
    save(primary, "f", True, options={"concurrency": "first-write"})
    updates = replica.sent("update")
    assert [set(one) for one in updates] == [set(updates[0])] * 4
    assert updates[0]["ordered"] is True and dict(updates[0]["writeConcern"]) == CONCERN
    assert isinstance(updates[0]["txnNumber"], Int64)
    wanted = [change("s", '"abc"'), change("e", '"v"', {"$add": ["$$NOW", 100000]}),
              change("s", 1.0, guard="<uuid>", upsert=False), change("f", True, guard="<uuid>")]
    for update, one in zip(updates, wanted):
        assert update["update"] == "daprCollection" and update["$db"] == "daprStore"
        same_bytes({"updates": update["updates"]}, {"updates": [one]})
    assert updates[2]["updates"][0]["q"]["_etag"] == etag


def test_reads_and_deletes_as_they_are_sent(primary, replica):
    primary.get(STATE + "/s")
    primary.post(STATE + "/bulk", {"keys": ["a", "b"]})
    primary.delete(STATE + "/s")
    primary.delete(STATE + "/s", headers={"If-Match": "e1"})
    one, many = replica.sent("find")
    same_bytes(one, {"find": "daprCollection", "filter": {"$and": [{"_id": {"$eq": "app1||s"}}, ALIVE]}, "limit": Int64(1),
                     "singleBatch": True, "readConcern": {"level": "local"}, "$db": "daprStore"})
    same_bytes(many, {"find": "daprCollection", "filter": {"$and": [{"_id": {"$in": ["app1||a", "app1||b"]}}, ALIVE]},
                      "readConcern": {"level": "local"}, "$db": "daprStore"})
    deletes = replica.sent("delete")
    same_bytes({"deletes": deletes[0]["deletes"]}, {"deletes": [{"q": {"_id": "app1||s"}, "limit": 1}]})
    same_bytes({"deletes": deletes[1]["deletes"]}, {"deletes": [{"q": {"_id": "app1||s", "_etag": "e1"}, "limit": 1}]})
    assert dict(deletes[0]["writeConcern"]) == CONCERN


def transact(sidecar, *operations):
    return sidecar.post(STATE + "/transaction", {"operations": [
        {"operation": kind, "request": request} for kind, request in operations]})


def test_a_transaction_as_it_is_sent(primary, replica):
    assert transact(primary, ("upsert", {"key": "a", "value": 1}), ("delete", {"key": "b"}),
                    ("upsert", {"key": "c", "value": "x"})).status == 204
    names = [name for name, _ in replica.commands]
    assert names == ["update", "delete", "update", "commitTransaction"]
    first, second, third, commit = [command for _, command in replica.commands]
    number = first["txnNumber"]
    assert dict(first["readConcern"]) == {"level": "snapshot"}
    assert first["startTransaction"] is True and first["autocommit"] is False and "writeConcern" not in first
    for later in (second, third):
        assert later["autocommit"] is False and later["txnNumber"] == number
        assert not {"startTransaction", "readConcern", "writeConcern"} & set(later)
    same_bytes({"updates": first["updates"]}, {"updates": [change("a", 1.0)]})
    same_bytes(commit, {"commitTransaction": 1, "writeConcern": {"w": "majority"}, "txnNumber": number, "autocommit": False,
                        "$db": "admin"})
    assert len({bytes(one["lsid"]["id"]) for _, one in replica.commands}) == 1
    assert set(replica.docs) == {"app1||a", "app1||c"}


def test_a_stale_etag_in_a_transaction_aborts_it(primary, replica):
    save(primary, "k", 1)
    answer = transact(primary, ("upsert", {"key": "new", "value": 1}), ("upsert", {"key": "k", "value": 2, "etag": "stale"}))
    assert answer.status == 500 and answer.json["errorCode"] == "ERR_STATE_TRANSACTION"
    assert "possible etag mismatch. error from state store" in answer.json["message"]
    assert [name for name, _ in replica.commands][-1] == "abortTransaction"
    assert set(replica.docs) == {"app1||k"} and replica.docs["app1||k"]["value"] == 1


def test_a_transaction_that_the_server_undid_is_tried_again(primary, replica):
    replica.failures += [("update", Refused(112, "write conflict", ["TransientTransactionError"])),
                         ("commitTransaction", Refused(251, "gone", ["TransientTransactionError"])),
                         ("commitTransaction", Refused(91, "going down", ["UnknownTransactionCommitResult"]))]
    assert transact(primary, ("upsert", {"key": "a", "value": 1}), ("delete", {"key": "b"})).status == 204
    assert not replica.failures and set(replica.docs) == {"app1||a"}
    assert len({command["txnNumber"] for _, command in replica.commands}) == 3


def test_a_server_that_undoes_all_is_not_stormed(bench, replica):
    sidecar = bench.sidecar(resources=[store_of(replica, operationTimeout="1s")])
    replica.failures += [("update", Refused(112, "write conflict", ["TransientTransactionError"]))] * 5000
    answer = transact(sidecar, ("upsert", {"key": "a", "value": 1}), ("delete", {"key": "b"}))
    assert answer.status == 500 and "write conflict" in answer.json["message"], answer.text
    assert 10 < 5000 - len(replica.failures) < 200
    replica.failures.clear()


def test_without_a_replica_set_there_are_no_transactions(bench, items):
    sidecar = bench.sidecar(resources=[items.store()])
    answer = transact(sidecar, ("upsert", {"key": "a", "value": 1}))
    assert answer.status == 500 and answer.json["errorCode"] == "ERR_STATE_STORE_NOT_SUPPORTED"
    [store] = [one for one in sidecar.get("/v1.0/metadata").json["components"] if one["name"] == "store"]
    assert "TRANSACTIONAL" not in store["capabilities"] and "ETAG" in store["capabilities"]


# --- Values ---

def test_native_values(primary, replica):
    for key, text in {"n": "1", "d": "0.5", "t": "true", "z": "null", "o": '{"b":1,"a":[1.5,"x<y>&"],"u":"é"}',
                      "i": "9007199254740993"}.items():
        assert save_text(primary, key, text).status == 204
        assert primary.get(f"{STATE}/{key}").body.decode() == text
    held = {key.partition("||")[2]: doc["value"] for key, doc in replica.docs.items()}
    assert held == {"n": 1.0, "d": 0.5, "t": True, "z": None, "o": {"b": 1.0, "a": [1.5, "x<y>&"], "u": "é"},
                    "i": 9007199254740993}
    assert isinstance(held["n"], float) and isinstance(held["i"], Int64)
    assert all(set(doc) == {"_id", "value", "_etag", "_ttl"} for doc in replica.docs.values())


@pytest.mark.differs
@pytest.mark.parametrize("text, native", [
    ("1.50", 1.5), ("12345678901234567890", 12345678901234567890.0), ('{"a":1.0,"b":"\\u00e9"}', {"a": 1.0, "b": "é"})])
def test_every_token_is_kept_and_the_native_value_too(primary, replica, text, native):
    assert save_text(primary, "k", text).status == 204
    assert replica.docs["app1||k"]["value"] == native
    assert primary.get(STATE + "/k").body.decode() == text
    # A write of another sidecar, which knows nothing of the text, makes it count no more.
    replica.docs["app1||k"].update(value=7.0, _etag="other")
    assert primary.get(STATE + "/k").body == b"7"
    assert save_text(primary, "k", "1").status == 204
    assert "_exact" not in replica.docs["app1||k"]


@pytest.mark.parametrize("text", ['"$x"', '["$x",{"$y":"$z"}]', '{"a.b":1,"":2}', '"\\u0001\\u2028<"', '{"a":1,"a":2}',
                                  "[" * 90 + "]" * 90])
@pytest.mark.differs
def test_nothing_of_a_value_is_an_expression(primary, replica, text):
    assert save_text(primary, "k", text).status == 204
    assert primary.get(STATE + "/k").body.decode() == text


@pytest.mark.parametrize("value", [b"abc", b'{"b":1,"a":2.50}', b"$path", b"$$NOW", b"a\0b", b"", b"\0\1\xff"])
def test_bytes_are_a_string(primary, replica, value):
    """Those that are no UTF-8, too, where the server takes them; this one does not, and gets them as binary."""
    dapr = rpc.Dapr(primary.grpc)
    dapr.SaveState(store_name="store", states=[{"key": "k", "value": value}])
    assert dapr.GetState(store_name="store", key="k").data == value
    assert replica.docs["app1||k"]["value"] == (value if b"\xff" in value else value.decode())


def test_bytes_that_say_they_are_json_are_native(primary, replica):
    rpc.Dapr(primary.grpc).SaveState(store_name="store", states=[
        {"key": "k", "value": b'{"b":1,"a":2.5}', "metadata": {"contentType": "application/json"}}])
    assert replica.docs["app1||k"]["value"] == {"b": 1.0, "a": 2.5}


# --- Documents of another client, on a server ---

def test_documents_of_another_client_are_read(bench, items):
    sidecar = bench.sidecar(resources=[items.store()], app_id="app1")
    soon, gone = time.time() + 50, time.time() - 5
    items.docs.insert_many([
        {"_id": "app1||doc", "value": {"from": "elsewhere", "n": 1.0, "i": 5}, "_etag": "e1", "_ttl": None},
        {"_id": "app1||text", "value": '"quoted"', "_etag": "e2"}, {"_id": "app1||raw", "value": "raw", "_etag": "e3"},
        {"_id": "app1||gone", "value": 1, "_etag": "e4", "_ttl": bson.datetime_ms.DatetimeMS(int(gone * 1000))},
        {"_id": "app1||soon", "value": 1, "_etag": "e5", "_ttl": bson.datetime_ms.DatetimeMS(int(soon * 1000))}])
    answer = sidecar.get(STATE + "/doc")
    assert answer.json == {"from": "elsewhere", "n": 1, "i": 5} and answer.header("Etag") == "e1"
    assert sidecar.get(STATE + "/text").json == "quoted"
    assert sidecar.get(STATE + "/raw").body == b"raw"
    assert sidecar.get(STATE + "/gone").status == 204
    assert sidecar.get(STATE + "/soon").header("Metadata.ttlExpireTime") == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(soon))
    found = {one["key"]: one for one in sidecar.post(STATE + "/bulk", {"keys": ["doc", "gone", "none", "doc"]}).json}
    assert found["doc"]["etag"] == "e1" and "data" not in found["gone"] and "data" not in found["none"]
    assert sidecar.delete(STATE + "/doc", headers={"If-Match": "e1"}).status == 204
    assert not items.one("app1||doc")


def test_our_documents_are_read_by_another_client(bench, items):
    sidecar = bench.sidecar(resources=[items.store()], app_id="app1")
    save(sidecar, "o", {"b": 1, "a": [True, None, "x"]})
    save(sidecar, "s", "abc", metadata={"ttlInSeconds": "100"})
    made = items.one("app1||o")
    assert set(made) == {"_id", "value", "_etag", "_ttl"}
    assert made["value"] == {"b": 1.0, "a": [True, None, "x"]} and made["_ttl"] is None
    assert str(uuid.UUID(made["_etag"])) == made["_etag"] == sidecar.get(STATE + "/o").header("Etag")
    text = items.one("app1||s")
    assert text["value"] == '"abc"'
    assert 95 < calendar.timegm(text["_ttl"].timetuple()) - time.time() < 105
    assert "_ttl_1" in items.docs.index_information()


def assert_etags(sidecar):
    save(sidecar, "k", 1)
    stale = sidecar.get(STATE + "/k").header("Etag")
    save(sidecar, "k", 2)
    for etag in (stale, "bad-etag"):
        assert save(sidecar, "k", 3, etag=etag).status == 409
        assert sidecar.delete(STATE + "/k", headers={"If-Match": etag}).status == 409
    etag = sidecar.get(STATE + "/k").header("Etag")
    assert save(sidecar, "k", 3, etag=etag + "\0more").status == 409
    assert save(sidecar, "k", 3, etag=etag).status == 204
    assert save(sidecar, "fw", 1, options={"concurrency": "first-write"}).status == 204
    assert save(sidecar, "fw", 2, options={"concurrency": "first-write"}).status == 409
    assert save(sidecar, "fw", 3).status == 204
    assert sidecar.delete(STATE + "/none").status == 204
    assert sidecar.delete(STATE + "/none", headers={"If-Match": stale}).status == 409
    assert sidecar.get(STATE + "/k").json == 3


def test_etags_on_a_plain_server(bench, items):
    assert_etags(bench.sidecar(resources=[items.store()], app_id="app1"))


def test_etags_on_a_replica_set(primary):
    assert_etags(primary)


@pytest.mark.differs
def test_an_etag_of_what_is_gone_is_no_longer_the_present_one(primary, replica):
    save(primary, "k", 1)
    etag = primary.get(STATE + "/k").header("Etag")
    primary.delete(STATE + "/k")
    assert save(primary, "k", 2, etag=etag).status == 409
    assert not replica.docs


@pytest.mark.differs
def test_a_time_to_live_of_zero_and_below_is_for_ever(primary, replica):
    for ttl in ("0", "-1"):
        save(primary, "k", 1, metadata={"ttlInSeconds": "50"})
        assert replica.docs["app1||k"]["_ttl"]
        save(primary, "k", 2, metadata={"ttlInSeconds": ttl})
        assert replica.docs["app1||k"]["_ttl"] is None
        assert primary.get(STATE + "/k").json == 2
    answer = save(primary, "k", 1, metadata={"ttlInSeconds": "abc"})
    assert answer.status == 500 and "error parsing TTL" in answer.json["message"]


@pytest.mark.differs
def test_an_expired_document_may_be_written_first(primary, replica):
    save(primary, "k", 1, metadata={"ttlInSeconds": "1"})
    until(lambda: primary.get(STATE + "/k").status == 204, "the end of it", 5)
    assert "app1||k" in replica.docs
    assert save(primary, "k", 2, options={"concurrency": "first-write"}).status == 204
    assert primary.get(STATE + "/k").json == 2
    assert save(primary, "k", 3, options={"concurrency": "first-write"}).status == 409


# --- Queries ---

PEOPLE = [("1", "Dev Ops", 1036, "Seattle", "WA"), ("2", "Hardware", 1028, "Portland", "OR"), ("3", "Finance", 1071, "Sacramento", "CA"),
          ("4", "Dev Ops", 1042, "Spokane", "WA"), ("5", "Hardware", 1007, "Los Angeles", "CA"), ("6", "Finance", 1064.5, "New York", "NY"),
          ("7", "Dev Ops", 1015, "Olympia", "WA"), ("8", "Hardware", 1077, "Los Angeles", "CA")]


def query(sidecar, **what):
    answer = sidecar.post(QUERY, what)
    if answer.status == 204:
        return [], None
    assert answer.status == 200, answer.text
    return [one["key"] for one in answer.json["results"]], answer.json.get("token")


def fill(sidecar):
    for key, org, number, city, state in PEOPLE:
        assert save(sidecar, key, {"person": {"org": org, "id": number}, "city": city, "state": state}).status == 204
    save(sidecar, "text", "WA")


def assert_queries(sidecar):
    fill(sidecar)
    assert sorted(query(sidecar, filter={"EQ": {"state": "CA"}})[0]) == ["3", "5", "8"]
    assert sorted(query(sidecar, filter={"EQ": {"person.id": 1064.5}})[0]) == ["6"]
    assert sorted(query(sidecar, filter={"IN": {"state": ["CA", "NY"]}})[0]) == ["3", "5", "6", "8"]
    assert sorted(query(sidecar, filter={"AND": [{"EQ": {"person.org": "Hardware"}}, {"NEQ": {"state": "OR"}}]})[0]) == ["5", "8"]
    assert sorted(query(sidecar, filter={"OR": [{"GT": {"person.id": 1070}}, {"LTE": {"person.id": 1007}}]})[0]) == ["3", "5", "8"]
    assert query(sidecar, filter={"EQ": {"state": "ZZ"}}) == ([], None)
    by_number = {"filter": {"EQ": {"state": "CA"}}, "sort": [{"key": "person.id", "order": "DESC"}]}
    assert query(sidecar, **by_number)[0] == ["8", "3", "5"]
    keys, token = query(sidecar, **by_number, page={"limit": 2})
    assert (keys, token) == (["8", "3"], "2")
    assert query(sidecar, **by_number, page={"limit": 2, "token": token}) == (["5"], None)
    answer = sidecar.post(QUERY, {"filter": {"EQ": {"person.id": 1036}}})
    [one] = answer.json["results"]
    assert one["data"]["city"] == "Seattle" and one["etag"] == sidecar.get(STATE + "/1").header("Etag")
    for bad in ({"filter": {"XX": {"a": 1}}}, {"page": {"limit": 1, "token": "x"}}, {"filter": {"EQ": {"a": {"$where": "1"}}}}):
        answer = sidecar.post(QUERY, bad)
        assert answer.status == 500 and "query failed" in answer.json["message"]


def test_queries_on_a_plain_server(bench, items):
    assert_queries(bench.sidecar(resources=[items.store()], app_id="app1"))


def test_queries_on_a_replica_set(primary, replica):
    assert_queries(primary)
    asked = replica.sent("find")[0]
    same_bytes(asked, {"find": "daprCollection", "filter": {"$and": [{"value.state": {"$eq": "CA"}}, ALIVE]},
                       "readConcern": {"level": "local"}, "$db": "daprStore"})


# --- Options ---

def test_concerns_are_as_the_options_say(bench, replica):
    sidecar = bench.sidecar(resources=[store_of(replica, writeconcern="majority", readconcern="majority", databaseName="other",
                                                collectionName="things")])
    replica.commands.clear()
    save(sidecar, "k", 1), sidecar.get(STATE + "/k")
    [update], [find] = replica.sent("update"), replica.sent("find")
    assert dict(update["writeConcern"]) == {"w": "majority", "j": True, "wtimeout": 5000}
    assert dict(find["readConcern"]) == {"level": "majority"}
    assert (find["$db"], find["find"]) == ("other", "things")


def test_a_whole_uri(bench, replica):
    sidecar = bench.sidecar(resources=[component("store", "state.mongodb", {
        "connectionString": f"mongodb://{replica.address}/?replicaSet=rs0&w=2&readConcernLevel=available"})])
    replica.commands.clear()
    save(sidecar, "k", 1), sidecar.get(STATE + "/k")
    assert replica.sent("update")[0]["writeConcern"]["w"] == 2
    assert dict(replica.sent("find")[0]["readConcern"]) == {"level": "available"}


@pytest.mark.parametrize("given, words", [
    ({}, "one of connectionString, server and host is needed"), ({"host": "a", "server": "b"}, "exclude each other"),
    ({"host": "127.0.0.1:1", "username": "u", "password": "s3cret", "operationTimeout": "1s"}, "mongodb 127.0.0.1:1: cannot ping"),
    ({"host": "127.0.0.1:1", "writeconcern": "many"}, "writeconcern: 'many'"),
    ({"host": "127.0.0.1:1", "readconcern": "none"}, "readconcern: 'none'"),
    ({"host": "127.0.0.1:1", "operationTimeout": "0"}, "operationTimeout must be above zero"),
    ({"connectionString": "mongo://u:s3cret@h"}, "connectionString is no MongoDB URI")])
def test_a_wrong_option_stops_the_start(bench, given, words):
    sidecar = bench.sidecar(ready=False, resources=[component("store", "state.mongodb", given)])
    assert sidecar.wait_end() == 1
    assert sidecar.logged(words)
    assert not sidecar.logged("s3cret")


def test_a_server_without_an_index_that_expires_is_told_of(bench):
    port = server_port("TEST_FERRETDB", "ferretdb")
    items = Items(port)
    try:
        sidecar = bench.sidecar(resources=[items.store()], app_id="app1")
        assert sidecar.logged("there is no index that removes expired items")
        assert_etags(sidecar)
        save(sidecar, "short", {"a": 1}, metadata={"ttlInSeconds": "1"})
        assert sidecar.get(STATE + "/short").json == {"a": 1}
        until(lambda: sidecar.get(STATE + "/short").status == 204, "the end of it", 5)
    finally:
        items.end()


# --- The server as it fails ---

@pytest.fixture
def tap(server):
    made = Tap(server)
    yield made
    made.close()


def assert_sentence(answer):
    assert answer.status == 500, answer.text
    assert answer.json["errorCode"] in ("ERR_STATE_SAVE", "ERR_STATE_GET"), answer.text
    assert "mongodb 127.0.0.1:" in answer.json["message"]


def assert_recovers(sidecar, key):
    until(lambda: save(sidecar, key, "back").status == 204, "a write", 10)
    assert sidecar.get(f"{STATE}/{key}").json == "back"


def test_a_line_that_is_refused_is_an_error_and_comes_back(bench, tap, items):
    sidecar = bench.sidecar(resources=[items.store(tap.port, operationTimeout="1s")], app_id="app1")
    assert save(sidecar, "k", 1).status == 204
    tap.refuse()
    for _ in range(2):
        assert_sentence(save(sidecar, "k", 2))
    assert_sentence(sidecar.get(STATE + "/k"))
    assert sidecar.logged("has lost its product")
    tap.open()
    assert_recovers(sidecar, "k")
    until(lambda: sidecar.logged("has reached its product again"), "the news", 15)


@pytest.mark.parametrize("after", [1, 20, 100])
def test_half_an_answer_is_asked_again_or_an_error(bench, tap, items, after):
    sidecar = bench.sidecar(resources=[items.store(tap.port, operationTimeout="2s")], app_id="app1")
    assert save(sidecar, "k", {"text": "x" * 500}).status == 204
    tap.cut_answer(after)
    answer = sidecar.get(STATE + "/k")
    assert answer.json == {"text": "x" * 500} or assert_sentence(answer) is None
    tap.cut_answer(after)
    answer = save(sidecar, "k", 2)
    assert answer.status == 204 or assert_sentence(answer) is None
    assert_recovers(sidecar, "k")


def test_a_stalled_server_costs_the_timeout_and_no_more(bench, tap, items):
    sidecar = bench.sidecar(resources=[items.store(tap.port, operationTimeout="1s")], app_id="app1")
    assert save(sidecar, "k", 1).status == 204
    tap.stall()
    since = time.monotonic()
    answers = []
    clients = [threading.Thread(target=lambda: answers.append(sidecar.get(STATE + "/k"))) for _ in range(4)]
    for client in clients:
        client.start()
    for client in clients:
        client.join(20)
    assert len(answers) == 4 and time.monotonic() - since < 8
    for answer in answers:
        assert_sentence(answer)
    tap.flow()
    tap.reset()
    assert_recovers(sidecar, "k")


def test_a_start_with_a_stalled_server_ends_in_time(bench, tap, items):
    tap.stall()
    since = time.monotonic()
    made = items.store(tap.port)
    made["spec"]["initTimeout"] = "2s"
    sidecar = bench.sidecar(ready=False, resources=[made])
    assert sidecar.wait_end() == 1
    assert time.monotonic() - since < 6
    assert sidecar.logged("cannot ping"), sidecar.log_tail()


def test_the_haste_of_a_start_does_not_outlive_it(bench, tap, items):
    """initTimeout bounds the start alone: afterwards operationTimeout counts."""
    made = items.store(tap.port, operationTimeout="20s")
    made["spec"]["initTimeout"] = "2s"
    sidecar = bench.sidecar(resources=[made], app_id="app1")
    assert save(sidecar, "k", 1).status == 204
    tap.stall()
    since = time.monotonic()
    threading.Timer(3, tap.flow).start()
    assert sidecar.get(STATE + "/k").json == 1
    assert time.monotonic() - since >= 3


def test_resets_under_load_lose_nothing_acknowledged(bench, tap, items):
    sidecar = bench.sidecar(resources=[items.store(tap.port, operationTimeout="2s")], app_id="app1")
    kept, odd, ends = {}, [], threading.Event()

    def write(name):
        turn = 0
        while not ends.is_set():
            turn += 1
            answer = save(sidecar, name, turn)
            if answer.status == 204:
                kept[name] = turn
            elif answer.status != 500:
                odd.append(answer)
    writers = [threading.Thread(target=write, args=(f"w{n}",)) for n in range(4)]
    for writer in writers:
        writer.start()
    for _ in range(4):
        kept.clear()
        until(lambda: len(kept) == 4, "writes", 20)
        tap.reset()
    kept.clear()
    until(lambda: len(kept) == 4, "writes after the last reset", 20)
    ends.set()
    for writer in writers:
        writer.join(20)
    assert not odd
    for name, turn in kept.items():
        assert json.loads(sidecar.get(f"{STATE}/{name}").body) == turn
