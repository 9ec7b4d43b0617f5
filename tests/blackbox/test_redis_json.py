"""state.redis where the server knows JSON documents and searches them (contract, components 2.1.2: JSON mode, Query).

Documents are kept by an emulator of RedisJSON, and searches are answered by a real RediSearch of an older kind that is
fed the documents as hashes (harness/redis_json.py): FT.CREATE ... ON JSON itself was executed by no server; its words
are compared with the contract's."""

import json
import uuid

import pytest

from harness import rpc
from harness.resources import component

pytest.importorskip("fakeredis")
from harness.redis_json import HAS_SEARCH, RedisJson  # noqa: E402

needs_search = pytest.mark.skipif(not HAS_SEARCH, reason="without Debian's redis-redisearch")
JSON = {"contentType": "application/json"}
QUERY = "/v1.0-alpha1/state/store/query?metadata.queryIndexName="
INDEXES = [{"name": "people", "indexes": [{"key": "person.org", "type": "TEXT"}, {"key": "person.id", "type": "NUMERIC"},
                                          {"key": "city", "type": "TEXT"}, {"key": "state", "type": "text"}]}]


@pytest.fixture(scope="module")
def server():
    made = RedisJson(searches=HAS_SEARCH)
    yield made
    made.stop()


def start(bench, address, ready=True, **metadata):
    given = {"redisHost": address, **metadata}
    return bench.sidecar(app_id="app1", resources=[component("store", "state.redis", given)], ready=ready)


@pytest.fixture(scope="module")
def sidecar(shared, server):
    return start(shared, server.address)


@pytest.fixture(scope="module")
def dapr(sidecar):
    made = rpc.Dapr(sidecar.grpc)
    yield made
    made.close()


@pytest.fixture
def key():
    return uuid.uuid4().hex


def save(sidecar, key, value, metadata=JSON, status=204, **more):
    answer = sidecar.post("/v1.0/state/store", [{"key": key, "value": value, "metadata": metadata, **more}])
    assert answer.status == status, answer.text
    return answer


def get(sidecar, key, query="?metadata.contentType=application/json"):
    return sidecar.get(f"/v1.0/state/store/{key}{query}")


# ------------------------------------------------------------------------------------------ documents
def test_what_says_json_is_a_document(sidecar, server, key):
    save(sidecar, key, {"b": 1, "a": [1.5, "x<y>&"], "u": "é"})
    assert server.document(f"app1||{key}") == {"data": {"b": 1, "a": [1.5, "x<y>&"], "u": "é"}, "version": 1}
    save(sidecar, key, "text")
    assert server.document(f"app1||{key}") == {"data": "text", "version": 2}
    found = get(sidecar, key)
    assert (found.status, found.json, found.header("Etag")) == (200, "text", "2")


@pytest.mark.parametrize("value", [0, -1.25, True, None, "", [], {}, {"version": 7, "first-write": 0}])
def test_any_value_is_read_back(sidecar, key, value):
    save(sidecar, key, value)
    assert get(sidecar, key).json == value


def test_what_does_not_say_json_is_a_hash(sidecar, server, key):
    save(sidecar, key, {"a": 1}, metadata={})
    assert server.client.hgetall(f"app1||{key}") == {"data": '{"a":1}', "version": "1"}


def test_a_document_is_read_without_saying_json_too(sidecar, key):
    save(sidecar, key, {"a": 1})
    assert get(sidecar, key, "").json == {"a": 1}
    bulk = sidecar.post("/v1.0/state/store/bulk", {"keys": [key]}).json
    assert bulk == [{"key": key, "data": {"a": 1}, "etag": "1"}]


def test_one_form_takes_the_place_of_the_other(sidecar, server, key):
    save(sidecar, key, 1, metadata={})
    save(sidecar, key, 2)
    assert server.document(f"app1||{key}") == {"data": 2, "version": 1}
    save(sidecar, key, 3, metadata={})
    assert server.client.hgetall(f"app1||{key}") == {"data": "3", "version": "1"}


def test_versions_count_and_others_are_refused(sidecar, server, key):
    save(sidecar, key, 1)
    save(sidecar, key, 2, etag="1")
    save(sidecar, key, 3, etag="1", status=409)
    save(sidecar, key, 3, etag="bad-etag", status=400)
    save(sidecar, key, 3, etag="1", options={"concurrency": "last-write"})
    assert server.document(f"app1||{key}") == {"data": 3, "version": 3}


def test_the_mark_of_a_first_write_stays(sidecar, server, key):
    first = {"options": {"concurrency": "first-write"}}
    save(sidecar, key, 1, **first)
    assert server.document(f"app1||{key}") == {"data": 1, "version": 1, "first-write": 0}
    save(sidecar, key, 2, status=500, **first)
    save(sidecar, key, 2, status=500)
    save(sidecar, key, 2, etag="1")
    assert server.document(f"app1||{key}") == {"data": 2, "version": 2, "first-write": 0}
    save(sidecar, key, 3, status=500)


@pytest.mark.parametrize("query", ["", "?metadata.contentType=application/json"])
def test_a_document_is_removed_by_its_version(sidecar, server, key, query):
    def remove(etag):
        return sidecar.delete(f"/v1.0/state/store/{key}{query}", headers=[("If-Match", etag)] if etag else []).status
    save(sidecar, key, 1)
    assert remove("7") == 409 and server.document(f"app1||{key}")
    assert remove("1") == 204 and server.document(f"app1||{key}") is None
    assert remove("1") == 204
    save(sidecar, key, 1)
    assert remove(None) == 204 and server.document(f"app1||{key}") is None


def test_a_time_to_live_stays_until_another_is_said(sidecar, server, key):
    save(sidecar, key, 1, metadata={**JSON, "ttlInSeconds": "100"})
    save(sidecar, key, 2)
    assert 98_000 < server.client.pttl(f"app1||{key}") <= 100_000
    save(sidecar, key, 3, metadata={**JSON, "ttlInSeconds": "-1"})
    assert server.client.pttl(f"app1||{key}") == -1


def test_a_transaction_of_documents(sidecar, server, key):
    operations = [{"operation": "upsert", "request": {"key": key, "value": {"n": 1}, "metadata": JSON}},
                  {"operation": "upsert", "request": {"key": key, "value": {"n": 2}, "metadata": JSON}},
                  {"operation": "upsert", "request": {"key": key + "-hash", "value": {"n": 1}}}]
    answer = sidecar.post("/v1.0/state/store/transaction", {"operations": operations})
    assert answer.status == 204, answer.text
    assert server.document(f"app1||{key}") == {"data": {"n": 2}, "version": 2}
    assert server.client.hget(f"app1||{key}-hash", "data") == '{"n":1}'


def test_bytes_that_are_json_are_a_document_and_others_stay_bytes(dapr, server, key):
    dapr.SaveState(store_name="store", states=[{"key": key, "value": b'{"n":1}', "metadata": JSON}])
    assert server.document(f"app1||{key}") == {"data": {"n": 1}, "version": 1}
    dapr.ExecuteStateTransaction(storeName="store", operations=[
        {"operationType": "upsert", "request": {"key": key + "t", "value": b'{"n":2}', "metadata": JSON}},
        {"operationType": "upsert", "request": {"key": key + "b", "value": b"\x00\x01", "metadata": JSON}}])
    assert server.document(f"app1||{key}t") == {"data": {"n": 2}, "version": 1}
    assert dapr.GetState(store_name="store", key=key + "b", metadata=JSON).data == b"\x00\x01"


def test_a_server_that_forgot_the_scripts_is_told_them_again(sidecar, server, key):
    save(sidecar, key, 1)
    server.client.script_flush()
    save(sidecar, key, 2)
    assert server.document(f"app1||{key}") == {"data": 2, "version": 2}


# ------------------------------------------------------------------------------------------ capabilities
def capabilities(sidecar):
    return sidecar.metadata()["components"][0]["capabilities"]


def test_only_a_server_that_knows_json_is_queried(bench, sidecar, redis_server):
    assert "QUERY_API" in capabilities(sidecar)
    plain = start(bench, redis_server.address, queryIndexes=json.dumps(INDEXES))
    assert "QUERY_API" not in capabilities(plain)
    assert plain.logged("queryIndexes has no effect: the server has no RedisJSON")
    answer = plain.post(QUERY + "people", {})
    assert (answer.status, answer.json["message"]) == (
        500, "state store does not support querying")
    save(plain, "plain", {"a": 1})
    assert get(plain, "plain").json == {"a": 1}


@pytest.mark.parametrize("indexes, sentence", [
    ("{", "queryIndexes: "), ("{}", "queryIndexes: it is no list"), ("[{}]", "queryIndexes: an index has no name or no keys"),
    ('[{"name":"a","indexes":[{"key":"k","type":"TAG"}]}]', "queryIndexes: a type is neither TEXT nor NUMERIC"),
    ('[{"name":"a","indexes":[{"key":"k"}]}]', "queryIndexes: a key has no path or no type"),
])
def test_indexes_that_cannot_be_read_end_the_start(bench, server, indexes, sentence):
    sidecar = start(bench, server.address, ready=False, queryIndexes=indexes)
    assert sidecar.wait_end() != 0
    assert sidecar.logged(sentence), sidecar.log_tail()


def test_a_server_that_cannot_search_ends_the_start(bench):
    server = RedisJson(searches=False)
    bench.stack.callback(server.stop)
    sidecar = start(bench, server.address, ready=False, queryIndexes=json.dumps(INDEXES))
    assert sidecar.wait_end() != 0
    assert sidecar.logged("queryIndexes: the index 'people' cannot be made: ERR unknown command"), sidecar.log_tail()


# --------------------------------------------------------------------------------------------- queries
PEOPLE = {"1": {"person": {"org": "Dev Ops", "id": 1036}, "city": "Seattle", "state": "WA"},
          "2": {"person": {"org": "Hardware", "id": 1028}, "city": "Portland", "state": "OR"},
          "3": {"person": {"org": "Finance", "id": 1071}, "city": "Sacramento", "state": "CA"},
          "4": {"person": {"org": "Dev Ops", "id": 1042.5}, "city": "Spokane", "state": "WA"},
          "5": {"person": {"org": "Dev-Rel", "id": -3}, "city": "San Francisco", "state": "CA"}}


@pytest.fixture(scope="module")
def people(shared):
    if not HAS_SEARCH:
        pytest.skip("without Debian's redis-redisearch")
    server = RedisJson()
    shared.stack.callback(server.stop)
    sidecar = start(shared, server.address, queryIndexes=json.dumps(INDEXES))
    for key, value in PEOPLE.items():
        save(sidecar, key, value)
    return sidecar, server


def ask(people, query, index="people"):
    return people[0].post(QUERY + index, query)


def found(people, query):
    answer = ask(people, query)
    if answer.status == 204:
        return []
    assert answer.status == 200, answer.text
    return [one["key"] for one in answer.json["results"]]


def test_an_index_is_made_as_the_contract_says(people):
    made = people[1].commands("FT.CREATE")
    assert made[0] == ["FT.CREATE", "people", "ON", "JSON", "STOPWORDS", "0", "SCHEMA", "$.data.person.org", "AS", "var0",
                       "TEXT", "SORTABLE", "$.data.person.id", "AS", "var1", "NUMERIC", "SORTABLE", "$.data.city", "AS", "var2", "TEXT",
                       "SORTABLE", "$.data.state", "AS", "var3", "TEXT", "SORTABLE"]


@pytest.mark.parametrize("filter, text, keys", [
    ({}, "*", "12345"),
    ({"EQ": {"state": "CA"}}, "@var3:(CA)", "35"),
    ({"EQ": {"state": "OR"}}, "@var3:(OR)", "2"),
    ({"OR": [{"EQ": {"state": "OR"}}, {"AND": [{"EQ": {"person.org": "Dev Ops"}}, {"NEQ": {"city": "Seattle"}}]}]},
     '(@var3:(OR))|((@var0:("Dev Ops")) (-@var2:(Seattle)))', "24"),
    ({"EQ": {"person.org": "Finances"}}, "@var0:(Finances)", ""),
    ({"EQ": {"person.org": "Dev Ops"}}, '@var0:("Dev Ops")', "14"),
    ({"EQ": {"person.org": "Dev-Rel"}}, '@var0:("Dev Rel")', "5"),
    ({"EQ": {"person.org": 'Dev" | @var3:(CA) | "'}}, '@var0:("Dev \\| var3 CA \\|")', ""),
    ({"EQ": {"person.id": 1036}}, "@var1:[1036 1036]", "1"),
    ({"EQ": {"person.id": -3}}, "@var1:[-3 -3]", "5"),
    ({"NEQ": {"state": "CA"}}, "-@var3:(CA)", "124"),
    ({"NEQ": {"person.id": 1028}}, "@var1:[-inf (1028]|@var1:[(1028 +inf]", "1345"),
    ({"GT": {"person.id": 1042.5}}, "@var1:[(1042.5 +inf]", "3"),
    ({"GTE": {"person.id": 1042.5}}, "@var1:[1042.5 +inf]", "34"),
    ({"LT": {"person.id": 1028}}, "@var1:[-inf (1028]", "5"),
    ({"LTE": {"person.id": 1028}}, "@var1:[-inf 1028]", "25"),
    ({"IN": {"state": ["CA", "OR"]}}, "@var3:(CA|OR)", "235"),
    ({"IN": {"person.id": [1028, 1071]}}, "@var1:[1028 1028]|@var1:[1071 1071]", "23"),
    ({"AND": [{"EQ": {"state": "WA"}}, {"GT": {"person.id": 1040}}]}, "(@var3:(WA)) (@var1:[(1040 +inf])", "4"),
    ({"AND": [{"NEQ": {"city": "Seattle"}}, {"OR": [{"EQ": {"state": "OR"}}, {"EQ": {"person.org": "Dev Ops"}}]}]},
     '(-@var2:(Seattle)) ((@var3:(OR))|(@var0:("Dev Ops")))', "24"),
])
def test_a_filter_is_a_search(people, filter, text, keys):
    assert sorted(found(people, {"filter": filter})) == list(keys)
    assert people[1].commands("FT.SEARCH")[-1] == ["FT.SEARCH", "people", text, "VERBATIM", "RETURN", "2", "$.data",
                                                   "$.version", "LIMIT", "0", "10000"]


def test_pages_in_an_order(people):
    query = {"sort": [{"key": "person.id", "order": "DESC"}], "page": {"limit": 2}}
    pages, words = [], []
    for _ in range(3):
        answer = ask(people, query).json
        pages.append([one["key"] for one in answer["results"]])
        words.append(people[1].commands("FT.SEARCH")[-1][8:])
        if "token" not in answer:
            break
        query["page"]["token"] = answer["token"]
    assert pages == [["3", "4"], ["1", "2"], ["5"]] and query["page"]["token"] == "4"
    assert words == [["SORTBY", "var1", "DESC", "LIMIT", at, "2"] for at in "024"]


def test_what_is_found_is_told_with_its_version(people):
    [one] = ask(people, {"filter": {"EQ": {"city": "Spokane"}}}).json["results"]
    assert one == {"key": "4", "data": PEOPLE["4"], "etag": "1"}


def test_nothing_found(people):
    answer = ask(people, {"filter": {"EQ": {"city": "Nowhere"}}})
    assert (answer.status, answer.body) == (204, b"")


def test_a_query_over_grpc(people):
    dapr = rpc.Dapr(people[0].grpc)
    try:
        answer = dapr.QueryStateAlpha1(store_name="store", query='{"filter":{"EQ":{"state":"OR"}},"page":{"limit":1}}',
                                       metadata={"queryIndexName": "people"})
        [one] = answer.results
        assert (one.key, json.loads(one.data), one.etag, answer.token) == ("2", PEOPLE["2"], "1", "1")
    finally:
        dapr.close()


@pytest.mark.parametrize("query, index, why", [
    ({}, "", "a query needs the metadata queryIndexName, one of queryIndexes"),
    ({}, "pets", "there is no index 'pets' among queryIndexes"),
    ({"filter": {"EQ": {"street": "x"}}}, "people", "the index 'people' has no key 'street'"),
    ({"filter": {"GT": {"city": 1}}}, "people", "GT takes a key of type NUMERIC, and 'city' is TEXT"),
    ({"filter": {"EQ": {"person.id": "x"}}}, "people", "the key 'person.id' is compared with numbers"),
    ({"filter": {"EQ": {"city": True}}}, "people", "the key 'city' is compared with texts"),
    ({"filter": {"EQ": {"city": "-"}}}, "people", "the text '-' has no word to look for"),
    ({"sort": [{"key": "city"}, {"key": "state"}]}, "people", "this store sorts by one key at most"),
    ({"sort": [{"key": "street"}]}, "people", "the index 'people' has no key 'street' to sort by"),
    ({"page": {"token": "x"}}, "people", "the token 'x' is not one that this store gave"),
])
def test_a_query_that_has_no_meaning_is_refused(people, query, index, why):
    answer = ask(people, query, index)
    assert answer.status == 500, answer.text
    assert answer.json["errorCode"] == "ERR_STATE_QUERY"
    assert answer.json["message"] == f"state store store query failed: {why}"


@needs_search
def test_an_index_that_is_there_is_made_anew(bench):
    server = RedisJson()
    bench.stack.callback(server.stop)
    server.create("people", "ON", "JSON", "STOPWORDS", "0", "SCHEMA", "$.data.old", "AS", "var0", "TEXT", "SORTABLE")
    start(bench, server.address, queryIndexes=json.dumps(INDEXES))
    assert server.commands("FT.DROPINDEX")[0] == ["FT.DROPINDEX", "people"]
    assert set(server.indexes["people"]) == {"var0", "var1", "var2", "var3"}
