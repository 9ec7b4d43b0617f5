"""State over HTTP (contract 4.3, 8.3, the state rows of 3): every store that promises the same is held
to the same; what a store does in its own way is in the table at the top."""

import calendar
import os
import time
import uuid
from urllib.parse import quote

import pytest

from harness.errors import (assert_error, assert_rich, bad_request, error_info, resource_info)
from harness.resources import component
from harness.wait import until

MISMATCH = "possible etag mismatch. error from state store"
INVALID = "invalid etag value"
REQUIRED = '"key" is a required field'

# What the stores are allowed to answer in their own way.
HABITS = {
    "state.in-memory": {"etag_absent": 409, "etag_format": 409, "first_write": 409,
                        "first_write_again": 409, "ttl_shown": True, "transaction_whole": True},
    "state.sqlite": {"etag_absent": 409, "etag_format": 409, "first_write": 409,
                     "first_write_again": 409, "ttl_shown": True, "transaction_whole": True},
    "state.redis": {"etag_absent": 204, "etag_format": 400, "first_write": 204,
                    "first_write_again": 500, "ttl_shown": False, "transaction_whole": False},
}


class Store:
    def __init__(self, sidecar, type):
        self.sidecar = sidecar
        self.type = type
        self.habits = HABITS[type]
        self.base = "/v1.0/state/store"

    def save(self, *items, query="", method="POST"):
        return self.sidecar.request(method, self.base + query,
                                    [("Content-Type", "application/json")], list(items))

    def get(self, key, query=""):
        return self.sidecar.get(f"{self.base}/{quote(key, safe='')}{query}")

    def delete(self, key, headers=(), query=""):
        return self.sidecar.delete(f"{self.base}/{quote(key, safe='')}{query}", headers)

    def bulk(self, body, method="POST"):
        return self.sidecar.request(method, self.base + "/bulk",
                                    [("Content-Type", "application/json")], body)

    def transact(self, *operations, query="", **more):
        return self.sidecar.post(self.base + "/transaction" + query,
                                 {"operations": list(operations), **more})

    def etag(self, key):
        return self.get(key).header("Etag")

    def other_etag(self, key):
        """An etag of the store's form that is not the key's."""
        return "99999" if self.type == "state.redis" else str(uuid.uuid4())


def metadata_of(type, folder, request):
    if type == "state.sqlite":
        return {"connectionString": os.path.join(folder, "state.db")}
    if type == "state.redis":
        return {"redisHost": request.getfixturevalue("redis_server").address}
    return {}


@pytest.fixture(scope="module", params=list(HABITS), ids=lambda type: type.split(".", 1)[1])
def store(request, shared, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("state"))
    made = component("store", request.param, metadata_of(request.param, folder, request))
    return Store(shared.sidecar(resources=[made], app_id="caller"), request.param)


@pytest.fixture(scope="module")
def memory(shared):
    return Store(shared.sidecar(resources=[component("store", "state.in-memory")],
                                app_id="caller"), "state.in-memory")


@pytest.fixture
def key():
    return f"key-{uuid.uuid4()}"


def upsert(key, value, **more):
    return {"operation": "upsert", "request": {"key": key, "value": value, **more}}


def remove(key, **more):
    return {"operation": "delete", "request": {"key": key, **more}}


def expiry_seconds(text):
    assert text.endswith("Z"), text
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) - time.time()


# --- Save and get ---

@pytest.mark.quick
def test_a_saved_value_reads_back_with_an_etag(store, key):
    saved = store.save({"key": key, "value": {"b": 1, "a": "<x>"}})
    assert saved.status == 204 and saved.body == b""
    assert saved.header("Content-Length") is None and saved.header("Content-Type") is None
    read = store.get(key)
    assert read.status == 200
    assert read.json == {"b": 1, "a": "<x>"}
    assert read.header("Content-Type") == "application/json"
    assert read.header("Etag")


def test_the_lines_of_a_save_answer_are_in_order(store, key):
    assert store.save({"key": key, "value": 1}).names == ["Traceparent", "Date"]


def test_the_lines_of_a_get_answer_are_in_order(store, key):
    store.save({"key": key, "value": 1})
    assert store.get(key).names == ["Content-Type", "Etag", "Traceparent", "Date",
                                    "Content-Length"]


@pytest.mark.quick
def test_an_absent_key_is_204_without_an_etag(store, key):
    answer = store.get(key)
    assert answer.status == 204 and answer.body == b""
    assert answer.header("Etag") is None and answer.header("Content-Length") is None


@pytest.mark.parametrize("value", ["text", "", 5, -1.5, True, False, [1, "two", None], {},
                                   {"deep": {"er": [{}]}}, "é\n\"q<&>"])
def test_every_kind_of_value_reads_back_equal(store, key, value):
    assert store.save({"key": key, "value": value}).status == 204
    assert store.get(key).json == value


def test_a_string_keeps_its_quotes(store, key):
    store.save({"key": key, "value": "abc"})
    assert store.get(key).body == b'"abc"'


def test_null_is_a_value(store, key):
    assert store.save({"key": key, "value": None}).status == 204
    answer = store.get(key)
    assert (answer.status, answer.body) == (200, b"null")


def test_a_missing_value_is_null(store, key):
    assert store.save({"key": key}).status == 204
    assert store.get(key).body == b"null"


@pytest.mark.differs
@pytest.mark.parametrize("sent", [
    '12345678901234567890', '1.0', '0.123456789', '{"b":1,"a":2}', '"<x>&"', '"\\u00e9"', '1e21',
    '{"b":1.50,"a":[1,-0]}'])
def test_every_token_of_a_saved_value_is_kept(store, key, sent):
    body = '[{"key":"%s","value":%s}]' % (key, sent)
    assert store.sidecar.post(store.base, body).status == 204
    assert store.get(key).text == sent


@pytest.mark.differs
def test_every_token_of_a_bulk_read_is_kept(store, key):
    body = '[{"key":"%s","value":{"b":12345678901234567890,"a":1.0}}]' % key
    store.sidecar.post(store.base, body)
    assert b'{"b":12345678901234567890,"a":1.0}' in store.bulk({"keys": [key]}).body


def test_several_items_are_saved_at_once(store, key):
    assert store.save({"key": key + "1", "value": 1}, {"key": key + "2", "value": 2}).status == 204
    assert store.get(key + "1").json == 1
    assert store.get(key + "2").json == 2


def test_put_saves_like_post(store, key):
    assert store.save({"key": key, "value": 7}, method="PUT").status == 204
    assert store.get(key).json == 7


def test_the_content_type_of_a_request_is_ignored(store, key):
    answer = store.sidecar.post(store.base, [{"key": key, "value": 1}],
                                [("Content-Type", "text/plain")])
    assert answer.status == 204
    assert store.get(key).json == 1


@pytest.mark.parametrize("body", ["[]", "null"])
def test_saving_nothing_is_204(store, body):
    assert store.sidecar.post(store.base, body).status == 204


def test_an_item_content_type_changes_nothing_on_read(memory, key):
    memory.save({"key": key, "value": "x", "metadata": {"contentType": "application/octet-stream"}})
    answer = memory.get(key)
    assert answer.body == b'"x"' and answer.header("Content-Type") == "application/json"


def test_a_content_type_member_is_accepted(memory, key):
    assert memory.save({"key": key, "value": 1, "contentType": "application/json"}).status == 204


@pytest.mark.parametrize("name", ["with space", "a/b", "a+b", "a%b", "ümläut", "\"quoted\"", "a?b",
                                  "bulk", "a|b", "{}", "日本"])
def test_odd_keys_round_trip(store, name):
    unique = f"{name}-{uuid.uuid4()}" if name != "bulk" else name
    assert store.save({"key": unique, "value": unique}).status == 204
    assert store.get(unique).json == unique
    assert store.delete(unique).status == 204
    assert store.get(unique).status == 204


def test_a_plus_in_a_key_segment_is_a_space(store, key):
    store.save({"key": f"{key} x", "value": 1})
    assert store.sidecar.get(f"{store.base}/{key}+x").json == 1


def test_consistency_is_accepted_on_get(store, key):
    store.save({"key": key, "value": 1})
    for consistency in ("strong", "eventual", "zzz"):
        assert store.get(key, f"?consistency={consistency}").status == 200


@pytest.mark.parametrize("body, message", [
    ("", "EOF"),
    ("{}", "json: cannot unmarshal object into Go value of type []state.SetRequest"),
    ('[{"key":5}]',
     "json: cannot unmarshal number into Go struct field SetRequest.key of type string")])
def test_an_unparsable_save_is_refused_with_the_decoders_words(store, body, message):
    assert_error(store.sidecar.post(store.base, body), 400, "ERR_MALFORMED_REQUEST", message)


@pytest.mark.parametrize("body", ['[{"key":"a"', '[{"key":"a","value":}]', "nonsense", "[{]"])
def test_broken_json_is_refused(memory, body):
    answer = memory.sidecar.post(memory.base, body)
    assert answer.status == 400
    assert answer.json["errorCode"] == "ERR_MALFORMED_REQUEST"
    assert answer.json["message"]


@pytest.mark.parametrize("item", [{"value": 1}, {"key": "", "value": 1}])
def test_a_missing_key_is_refused(store, item):
    assert_error(store.save(item), 400, "ERR_MALFORMED_REQUEST", REQUIRED)


# --- Stores and keys that are not ---

NOT_FOUND = ("ERR_STATE_STORE_NOT_FOUND", "state store nope is not found",
             [error_info("DAPR_STATE_NOT_FOUND", {"appID": "caller"})])


@pytest.mark.quick
@pytest.mark.parametrize("method, path, body", [
    ("GET", "nope/k", None), ("POST", "nope", b""), ("PUT", "nope", b"[]"), ("DELETE", "nope/k", None),
    ("POST", "nope/bulk", b"{}"), ("POST", "nope/transaction", b"{}")])
def test_an_unknown_store_is_refused_before_the_body_is_read(memory, method, path, body):
    answer = memory.sidecar.request(method, f"/v1.0/state/{path}", (), body)
    assert_rich(answer, 400, *NOT_FOUND)


def test_an_unknown_store_in_a_query_has_no_app_id(memory):
    answer = memory.sidecar.post("/v1.0-alpha1/state/nope/query", b"{}")
    assert_rich(answer, 400, NOT_FOUND[0], NOT_FOUND[1],
                [error_info("DAPR_STATE_NOT_FOUND", None)])


@pytest.fixture(scope="module")
def bare(shared):
    return shared.sidecar(app_id="caller")


@pytest.mark.parametrize("name", ["store", "%C3%BC%20%22x", "a%2Fb"])
@pytest.mark.parametrize("method, path", [
    ("GET", "{}/k"), ("POST", "{}"), ("DELETE", "{}/k"), ("POST", "{}/bulk"),
    ("POST", "{}/transaction")])
def test_without_any_store_none_is_configured(bare, method, path, name):
    from urllib.parse import unquote
    answer = bare.request(method, "/v1.0/state/" + path.format(name))
    assert_rich(answer, 500, "ERR_STATE_STORE_NOT_CONFIGURED",
                f"state store {unquote(name)} is not configured",
                [error_info("DAPR_STATE_NOT_CONFIGURED", {"appID": "caller"})])


def test_without_any_store_a_query_has_no_app_id(bare):
    answer = bare.post("/v1.0-alpha1/state/s/query", b"{}")
    assert_rich(answer, 500, "ERR_STATE_STORE_NOT_CONFIGURED", "state store s is not configured",
                [error_info("DAPR_STATE_NOT_CONFIGURED", None)])


ILLEGAL = "api error: code = InvalidArgument desc = input key/keyPrefix 'a||b' can't contain '||'"


def illegal_details(field="a||b"):
    return [bad_request(field, ILLEGAL), resource_info("state", "store"),
            error_info("DAPR_STATE_ILLEGAL_KEY", None)]


@pytest.mark.quick
@pytest.mark.parametrize("call", [
    lambda s: s.get("a||b"), lambda s: s.delete("a||b"), lambda s: s.save({"key": "a||b", "value": 1}),
    lambda s: s.bulk({"keys": ["a||b"]})], ids=["get", "delete", "save", "bulk"])
def test_an_illegal_key_is_refused(store, call):
    assert_rich(call(store), 400, "ERR_MALFORMED_REQUEST", ILLEGAL, illegal_details())


def test_an_illegal_key_in_a_transaction_has_no_field(memory):
    answer = memory.transact(upsert("a||b", 1))
    assert answer.status == 400
    assert answer.json["errorCode"] == "ERR_MALFORMED_REQUEST"
    violation = answer.json["details"][0]["field_violations"][0]
    assert "field" not in violation and "'a||b' can't contain '||'" in violation["description"]


def test_the_bytes_of_the_illegal_key_answer(memory):
    answer = memory.sidecar.get("/v1.0/state/store/a%7C%7Cb")
    assert answer.text == (
        '{"errorCode":"ERR_MALFORMED_REQUEST","message":"' + ILLEGAL + '","details":['
        '{"@type":"type.googleapis.com/google.rpc.BadRequest","field_violations":'
        '[{"field":"a||b","description":"' + ILLEGAL + '"}]},'
        '{"@type":"type.googleapis.com/google.rpc.ResourceInfo","description":"","owner":"",'
        '"resource_name":"store","resource_type":"state"},'
        '{"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"dapr.io","metadata":null,'
        '"reason":"DAPR_STATE_ILLEGAL_KEY"}]}')
    assert answer.names == ["Content-Type", "Traceparent", "Date", "Content-Length"]


# --- Etags and options ---

@pytest.mark.quick
def test_the_right_etag_saves_and_changes(store, key):
    store.save({"key": key, "value": 1})
    before = store.etag(key)
    assert store.save({"key": key, "value": 2, "etag": before}).status == 204
    assert store.get(key).json == 2
    assert store.etag(key) != before


def test_a_stale_etag_is_409_and_changes_nothing(store, key):
    store.save({"key": key, "value": 1})
    answer = store.save({"key": key, "value": 2, "etag": store.other_etag(key)})
    assert answer.status == 409
    assert answer.json["errorCode"] == "ERR_STATE_SAVE"
    prefix = f"failed saving state in state store store: {MISMATCH}"
    assert answer.json["message"].startswith(prefix)
    assert list(answer.json) == ["errorCode", "message"]
    assert store.get(key).json == 1


def test_the_text_of_an_etag_conflict(memory, key):
    memory.save({"key": key, "value": 1})
    current = memory.etag(key)
    assert_error(memory.save({"key": key, "value": 2, "etag": "bad"}), 409, "ERR_STATE_SAVE",
                 f"failed saving state in state store store: {MISMATCH}: state etag not match for "
                 f"key=caller||{key}: current={current}, expect=bad")


def test_an_etag_without_the_stores_form(store, key):
    store.save({"key": key, "value": 1})
    answer = store.save({"key": key, "value": 2, "etag": "abc"})
    assert answer.status == store.habits["etag_format"]
    assert answer.json["errorCode"] == "ERR_STATE_SAVE"
    if answer.status == 400:
        assert answer.json["message"] == (
            f"failed saving state in state store store: {INVALID}: "
            'strconv.Atoi: parsing "abc": invalid syntax')


def test_an_etag_without_the_stores_form_on_delete_is_409(store, key):
    store.save({"key": key, "value": 1})
    answer = store.delete(key, [("If-Match", "abc")])
    assert answer.status == 409
    assert answer.json["errorCode"] == "ERR_STATE_DELETE"


def test_an_etag_on_an_absent_key(store, key):
    answer = store.save({"key": key, "value": 1, "etag": store.other_etag(key)})
    assert answer.status == store.habits["etag_absent"]


def test_the_text_of_an_etag_on_an_absent_key(memory, key):
    answer = memory.save({"key": key, "value": 1, "etag": "e"})
    assert answer.json["message"].endswith(f"state not exist or expired for key=caller||{key}")


def test_an_empty_etag_is_none(store, key):
    store.save({"key": key, "value": 1})
    assert store.save({"key": key, "value": 2, "etag": ""}).status == 204


def test_one_stale_item_of_several(store, key):
    store.save({"key": key, "value": 1})
    answer = store.save({"key": key, "value": 2, "etag": store.other_etag(key)},
                        {"key": key + "b", "value": 3})
    assert answer.status == 409
    assert f"{MISMATCH}: {MISMATCH}" in answer.json["message"]


def test_first_write_without_an_etag_on_a_plain_key(store, key):
    store.save({"key": key, "value": 1})
    answer = store.save({"key": key, "value": 2, "options": {"concurrency": "first-write"}})
    assert answer.status == store.habits["first_write"]


def test_first_write_twice(store, key):
    first = {"key": key, "value": 1, "options": {"concurrency": "first-write"}}
    assert store.save(first).status == 204
    assert store.save(first).status == store.habits["first_write_again"]
    assert store.save({**first, "etag": store.etag(key)}).status == 204


def test_the_text_of_a_lost_first_write(memory, key):
    memory.save({"key": key, "value": 1})
    answer = memory.save({"key": key, "value": 2, "options": {"concurrency": "first-write"}})
    assert answer.json["message"].endswith("item already exists and no etag was passed")


@pytest.mark.parametrize("options", [{}, {"concurrency": "last-write"}, {"consistency": "strong"},
                                     {"concurrency": "", "consistency": "eventual"}])
def test_known_options_are_accepted(store, key, options):
    assert store.save({"key": key, "value": 1, "options": options}).status == 204


@pytest.mark.parametrize("options, text", [
    ({"concurrency": "zzz"}, "unrecognized concurrency model 'zzz'"),
    ({"consistency": "zzz"}, "unrecognized consistency model 'zzz'")])
def test_unknown_options_are_500_on_save(store, key, options, text):
    assert_error(store.save({"key": key, "value": 1, "options": options}), 500, "ERR_STATE_SAVE",
                 f"failed saving state in state store store: {text}")


@pytest.mark.parametrize("query, text", [
    ("?concurrency=zzz", "unrecognized concurrency model 'zzz'"),
    ("?consistency=zzz", "unrecognized consistency model 'zzz'")])
def test_unknown_options_are_500_on_delete(store, key, query, text):
    assert_error(store.delete(key, query=query), 500, "ERR_STATE_DELETE",
                 f"failed deleting state with key {key}: {text}")


# --- Delete ---

@pytest.mark.quick
def test_a_deleted_key_is_gone(store, key):
    store.save({"key": key, "value": 1})
    answer = store.delete(key)
    assert answer.status == 204 and answer.body == b""
    assert answer.names == ["Traceparent", "Date"]
    assert store.get(key).status == 204


def test_deleting_an_absent_key_is_204(store, key):
    assert store.delete(key).status == 204


def test_delete_with_the_right_etag(store, key):
    store.save({"key": key, "value": 1})
    assert store.delete(key, [("If-Match", store.etag(key))]).status == 204
    assert store.get(key).status == 204


def test_delete_with_a_stale_etag_is_409(store, key):
    store.save({"key": key, "value": 1})
    answer = store.delete(key, [("If-Match", store.other_etag(key))])
    assert answer.status == 409
    assert answer.json["errorCode"] == "ERR_STATE_DELETE"
    assert answer.json["message"].startswith(f"failed deleting state with key {key}: {MISMATCH}")
    assert store.get(key).json == 1


def test_quotes_around_an_etag_are_part_of_it(store, key):
    store.save({"key": key, "value": 1})
    assert store.delete(key, [("If-Match", f'"{store.etag(key)}"')]).status == 409


# --- Time to live ---

def test_a_ttl_is_shown_and_kept(store, key):
    store.save({"key": key, "value": 1, "metadata": {"ttlInSeconds": "60"}})
    shown = store.get(key).header("Metadata.ttlExpireTime")
    if not store.habits["ttl_shown"]:
        assert shown is None
    else:
        assert 57 <= expiry_seconds(shown) <= 61


def test_the_name_of_the_expiry_line(memory, key):
    memory.save({"key": key, "value": 1, "metadata": {"ttlInSeconds": "60"}})
    assert "Metadata.ttlexpiretime" in memory.get(key).names


def test_without_a_ttl_no_expiry_is_shown(store, key):
    store.save({"key": key, "value": 1})
    assert store.get(key).header("Metadata.ttlExpireTime") is None


def test_an_expired_item_is_gone(store, key):
    store.save({"key": key, "value": 1, "metadata": {"ttlInSeconds": "1"}})
    assert store.get(key).status == 200
    until(lambda: store.get(key).status == 204, "the item to expire", 5)


@pytest.mark.parametrize("ttl", ["0", "-1"])
def test_zero_and_negative_are_no_expiry(store, key, ttl):
    store.save({"key": key, "value": 1, "metadata": {"ttlInSeconds": ttl}})
    answer = store.get(key)
    assert answer.status == 200 and answer.header("Metadata.ttlExpireTime") is None


def test_a_ttl_that_is_no_number_is_500(store, key):
    answer = store.save({"key": key, "value": 1, "metadata": {"ttlInSeconds": "abc"}})
    assert answer.status == 500
    assert answer.json["errorCode"] == "ERR_STATE_SAVE"
    assert answer.json["message"].startswith("failed saving state in state store store: ")
    assert 'strconv.' in answer.json["message"] and '"abc"' in answer.json["message"]


def test_a_ttl_as_a_json_number_is_400(store, key):
    answer = store.save({"key": key, "value": 1, "metadata": {"ttlInSeconds": 5}})
    assert answer.status == 400
    assert answer.json["errorCode"] == "ERR_MALFORMED_REQUEST"


def test_query_metadata_overrides_an_items(memory, key):
    memory.save({"key": key, "value": 1, "metadata": {"ttlInSeconds": "9999"}},
                query="?metadata.ttlInSeconds=60")
    assert expiry_seconds(memory.get(key).header("Metadata.ttlExpireTime")) <= 61


# --- Bulk read ---

@pytest.mark.quick
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_bulk_read(store, key, method):
    store.save({"key": key + "1", "value": {"a": "<x>"}}, {"key": key + "2", "value": "two"})
    answer = store.bulk({"keys": [key + "1", key + "2", key + "none"]}, method)
    assert answer.status == 200
    assert answer.header("Content-Type") == "application/json"
    assert answer.body.endswith(b"\n")
    found = {item["key"]: item for item in answer.json}
    assert found[key + "1"] == {"key": key + "1", "data": {"a": "<x>"},
                                "etag": store.etag(key + "1")}
    assert found[key + "2"]["data"] == "two"
    assert found[key + "none"] == {"key": key + "none"}


def test_the_members_of_a_bulk_item_are_in_order(memory, key):
    memory.save({"key": key, "value": 1, "metadata": {"ttlInSeconds": "60"}})
    [item] = memory.bulk({"keys": [key]}).json
    assert list(item) == ["key", "data", "etag", "metadata"]
    assert 57 <= expiry_seconds(item["metadata"]["ttlExpireTime"]) <= 61


@pytest.mark.parametrize("body", ["{}", '{"keys":[]}'])
def test_a_bulk_read_of_nothing_is_an_empty_list(store, body):
    answer = store.bulk(body)
    assert answer.status == 200 and answer.json == []


@pytest.mark.parametrize("parallelism", [-1, 0, 1, 10, 1000])
def test_a_bulk_read_takes_any_parallelism(memory, key, parallelism):
    memory.save(*({"key": f"{key}{n}", "value": n} for n in range(20)))
    answer = memory.bulk({"keys": [f"{key}{n}" for n in range(20)], "parallelism": parallelism})
    assert sorted(item["data"] for item in answer.json) == list(range(20))


@pytest.mark.parametrize("body, message", [
    ("", "failed deserializing HTTP body: EOF"),
    ("[]", "failed deserializing HTTP body: "
           "json: cannot unmarshal array into Go value of type http.BulkGetRequest")])
def test_an_unparsable_bulk_read_is_refused(memory, body, message):
    assert_error(memory.bulk(body), 400, "ERR_MALFORMED_REQUEST", message)


def test_get_of_the_word_bulk_reads_that_key(store):
    store.save({"key": "bulk", "value": "b"})
    assert store.sidecar.get(store.base + "/bulk").json == "b"


# --- Transactions ---

@pytest.mark.quick
def test_a_transaction_applies_its_operations(store, key):
    store.save({"key": key + "old", "value": 1})
    answer = store.transact(upsert(key + "1", {"a": 1}), upsert(key + "2", "two"),
                            remove(key + "old"))
    assert answer.status == 204 and answer.names == ["Traceparent", "Date"]
    assert store.get(key + "1").json == {"a": 1}
    assert store.get(key + "2").json == "two"
    assert store.get(key + "old").status == 204


def test_put_transacts_like_post(store, key):
    answer = store.sidecar.put(store.base + "/transaction", {"operations": [upsert(key, 1)]})
    assert answer.status == 204
    assert store.get(key).json == 1


@pytest.mark.parametrize("body", ["{}", '{"operations":[]}'])
def test_a_transaction_of_nothing_is_204(store, body):
    assert store.sidecar.post(store.base + "/transaction", body).status == 204


def test_a_stale_etag_fails_a_transaction(store, key):
    store.save({"key": key, "value": 1})
    answer = store.transact(upsert(key + "new", 1), upsert(key, 2, etag=store.other_etag(key)))
    assert answer.status == 500
    assert answer.json["errorCode"] == "ERR_STATE_TRANSACTION"
    assert answer.json["message"].startswith("error while executing state transaction: ")
    assert store.get(key).json == 1
    if store.habits["transaction_whole"]:
        assert store.get(key + "new").status == 204


@pytest.mark.parametrize("operation, name", [
    ({"operation": "Upsert", "request": {"key": "k"}}, "Upsert"),
    ({"operation": "get", "request": {"key": "k"}}, "get"),
    ({"request": {"key": "k"}}, "")])
def test_an_unknown_operation_is_refused(memory, operation, name):
    assert_error(memory.transact(operation), 400, "ERR_NOT_SUPPORTED_STATE_OPERATION",
                 f"operation type {name} not supported")


def test_an_unparsable_transaction_is_refused(memory):
    answer = memory.sidecar.post(memory.base + "/transaction", "[]")
    assert answer.status == 400 and answer.json["errorCode"] == "ERR_MALFORMED_REQUEST"
    assert answer.json["message"].endswith("type http.stateTransactionRequestBody")


def test_a_request_that_is_text_is_refused(memory):
    answer = memory.transact({"operation": "upsert", "request": "str"})
    assert_error(answer, 400, "ERR_MALFORMED_REQUEST",
                 "failed deserializing HTTP body: '' expected a map, got 'string'")


def test_a_missing_request_is_stored_under_the_empty_key(memory):
    assert memory.transact({"operation": "upsert"}).status == 204


def test_metadata_of_a_transaction(memory, key):
    memory.transact(upsert(key + "1", 1), metadata={"ttlInSeconds": "60"})
    assert memory.get(key + "1").header("Metadata.ttlExpireTime") is None
    memory.transact(upsert(key + "2", 1), query="?metadata.ttlInSeconds=60")
    assert memory.get(key + "2").header("Metadata.ttlExpireTime")
    memory.transact(upsert(key + "3", 1, metadata={"ttlInSeconds": "60"}))
    assert memory.get(key + "3").header("Metadata.ttlExpireTime")


# --- Query ---

@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_store_without_query_says_so(memory, method):
    answer = memory.sidecar.request(method, "/v1.0-alpha1/state/store/query", (), b'{"filter":{}}')
    assert_rich(answer, 500, "ERR_STATE_STORE_NOT_SUPPORTED",
                "state store does not support querying",
                [resource_info("state", "store"),
                 error_info("DAPR_STATE_QUERYING_NOT_SUPPORTED", None)])


# --- Key prefixes ---

@pytest.mark.parametrize("prefix, wanted", [
    (None, "caller||k"), ("appid", "caller||k"), ("name", "store||k"), ("none", "k"),
    ("mine", "mine||k"), ("namespace", "ns1.caller||k")])
def test_the_key_in_the_store(bench, redis_server, prefix, wanted):
    import redis
    database = redis.Redis(port=redis_server.port)
    database.delete(wanted)
    given = {"redisHost": redis_server.address, **({"keyPrefix": prefix} if prefix else {})}
    sidecar = bench.sidecar(resources=[component("store", "state.redis", given)],
                            app_id="caller", env={"NAMESPACE": "ns1"})
    assert sidecar.post("/v1.0/state/store", [{"key": "k", "value": "v"}]).status == 204
    assert database.hgetall(wanted) == {b"data": b'"v"', b"version": b"1"}
    assert sidecar.post("/v1.0/state/store/bulk", {"keys": ["k"]}).json[0]["key"] == "k"


def test_a_prefix_with_the_separator_is_refused_at_start(bench):
    sidecar = bench.sidecar(ready=False, resources=[
        component("store", "state.in-memory", {"keyPrefix": "a||b"})])
    assert sidecar.wait_end() == 1
    assert sidecar.logged("failed to save lock keyprefix: api error: code = InvalidArgument desc = "
                          "input key/keyPrefix 'a||b' can't contain '||'")


# --- Encryption ---

KEY = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"


def encrypted(bench, tmp_path, redis_server, store):
    secrets = tmp_path / "secrets.json"
    secrets.write_text('{"key":"%s"}' % KEY)
    return bench.sidecar(app_id="caller", resources=[
        component("sec", "secretstores.local.file", {"secretsFile": str(secrets)}),
        component(store, "state.redis", {
            "redisHost": redis_server.address, "keyPrefix": "name",
            "primaryEncryptionKey": {"secretKeyRef": {"name": "key", "key": "key"}}},
            auth={"secretStore": "sec"})])


def test_an_encrypted_store_reads_back_what_was_saved(bench, tmp_path, redis_server):
    import redis
    sidecar = encrypted(bench, tmp_path, redis_server, "enc")
    assert sidecar.post("/v1.0/state/enc", [{"key": "k", "value": "value1"}]).status == 204
    assert sidecar.get("/v1.0/state/enc/k").text.strip('"') == "value1"
    held = redis.Redis(port=redis_server.port).hget("enc||k", "data")
    assert b"value1" not in held and held.endswith(b"||key")


@pytest.mark.parametrize("sent, read", [('"v"', "v"), ('""', ""), ("5", "5"), ("true", "true")])
def test_an_encrypted_value_reads_back_as_what_it_says(bench, tmp_path, redis_server, sent, read):
    sidecar = encrypted(bench, tmp_path, redis_server, "plain")
    sidecar.post("/v1.0/state/plain", b'[{"key":"k","value":' + sent.encode() + b"}]")
    answer = sidecar.get("/v1.0/state/plain/k")
    assert (answer.status, answer.text) == (200, read)
    assert answer.header("Content-Type") == "application/json"


@pytest.mark.differs
@pytest.mark.parametrize("sent", ['{"a":1.50,"b":["x"]}', "null", "12345678901234567890"])
def test_an_encrypted_object_stays_json(bench, tmp_path, redis_server, sent):
    sidecar = encrypted(bench, tmp_path, redis_server, "json")
    sidecar.post("/v1.0/state/json", b'[{"key":"k","value":' + sent.encode() + b"}]")
    assert sidecar.get("/v1.0/state/json/k").text == sent


@pytest.mark.differs
def test_a_bulk_read_of_an_encrypted_store_is_json(bench, tmp_path, redis_server):
    sidecar = encrypted(bench, tmp_path, redis_server, "encbulk")
    sidecar.post("/v1.0/state/encbulk", [{"key": "a", "value": "text"}, {"key": "b", "value": {"n": 1}}])
    found = {one["key"]: one.get("data") for one in
             sidecar.post("/v1.0/state/encbulk/bulk", {"keys": ["a", "b", "c"]}).json}
    assert found == {"a": "text", "b": {"n": 1}, "c": None}


def test_a_transaction_is_encrypted_too(bench, tmp_path, redis_server):
    import redis
    sidecar = encrypted(bench, tmp_path, redis_server, "enctx")
    operation = {"operation": "upsert", "request": {"key": "k", "value": "value1"}}
    assert sidecar.post("/v1.0/state/enctx/transaction", {"operations": [operation]}).status == 204
    held = redis.Redis(port=redis_server.port).hget("enctx||k", "data")
    assert b"value1" not in held and held.endswith(b"||key")
    assert sidecar.get("/v1.0/state/enctx/k").text == "value1"


def test_what_others_have_encrypted_can_be_read(bench, tmp_path, redis_server):
    import redis
    secrets = tmp_path / "secrets.json"
    secrets.write_text('{"ek":"%s","old":"%s"}' % (bytes(range(32)).hex(), KEY))
    sidecar = bench.sidecar(resources=[
        component("sec", "secretstores.local.file", {"secretsFile": str(secrets)}),
        component("two", "state.redis", {
            "redisHost": redis_server.address, "keyPrefix": "name",
            "primaryEncryptionKey": {"secretKeyRef": {"name": "old", "key": "old"}},
            "secondaryEncryptionKey": {"secretKeyRef": {"name": "ek", "key": "ek"}}}, auth={"secretStore": "sec"})])
    database = redis.Redis(port=redis_server.port)
    for key, held in (("k", "JFgO1vCYtpZJzmwG11RE3XAMICpI+IFQN7UvwwmKbxyE||ek"), ("n", "plain"), ("x", "AAAA||ek"),
                      ("y", "JFgO1vCYtpZJzmwG11RE3XAMICpI+IFQN7UvwwmKbxyE||other")):
        database.hset(f"two||{key}", mapping={"data": held, "version": 1})
    assert sidecar.get("/v1.0/state/two/k").text == "hello"
    for key in "nxy":
        answer = sidecar.get(f"/v1.0/state/two/{key}")
        assert (answer.status, answer.json["errorCode"]) == (500, "ERR_STATE_GET")


def test_a_key_without_a_secret_store_does_nothing(bench):
    sidecar = bench.sidecar(resources=[component("store", "state.in-memory", {"primaryEncryptionKey": "zz"})])
    sidecar.post("/v1.0/state/store", [{"key": "k", "value": "v"}])
    assert sidecar.get("/v1.0/state/store/k").text == '"v"'


@pytest.mark.differs
@pytest.mark.parametrize("item, word", [("primaryEncryptionKey", "hex digits")])
def test_what_cannot_be_kept_is_refused_at_start(bench, tmp_path, item, word):
    (tmp_path / "s.json").write_text("{}")
    sidecar = bench.sidecar(ready=False, resources=[
        component("sec", "secretstores.local.file", {"secretsFile": str(tmp_path / "s.json")}),
        component("store", "state.in-memory", {item: "zz"}, auth={"secretStore": "sec"})])
    assert sidecar.wait_end() == 1
    assert sidecar.logged(word)


def test_an_encrypted_store_answers_no_query(bench, tmp_path, redis_server):
    answer = encrypted(bench, tmp_path, redis_server, "enc2").post(
        "/v1.0-alpha1/state/enc2/query", b"{}")
    assert answer.status == 500
    assert answer.json["errorCode"] in ("ERR_STATE_QUERY", "ERR_STATE_STORE_NOT_SUPPORTED")


# --- Redis behind a password ---

def test_a_redis_with_a_password(bench, redis_with_password):
    sidecar = bench.sidecar(resources=[component("store", "state.redis", {
        "redisHost": redis_with_password.address,
        "redisPassword": redis_with_password.password})])
    assert sidecar.post("/v1.0/state/store", [{"key": "k", "value": 1}]).status == 204
    assert sidecar.get("/v1.0/state/store/k").json == 1


def test_a_redis_with_a_wrong_password_stops_the_start(bench, redis_with_password):
    sidecar = bench.sidecar(ready=False, resources=[component("store", "state.redis", {
        "redisHost": redis_with_password.address, "redisPassword": "wrong"})])
    assert sidecar.wait_end() == 1
    assert sidecar.logged("Failed to init component store (state.redis/v1)")


# --- Memory ---

def resident_bytes(sidecar):
    with open(f"/proc/{sidecar.process.pid}/statm", encoding="ascii") as handle:
        return int(handle.read().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.mark.figures
def test_many_large_calls_do_not_grow_the_process(bench):
    sidecar = bench.sidecar(resources=[component("store", "state.in-memory")])
    item = [{"key": f"k{n}", "value": "x" * 100_000} for n in range(5)]
    keys = {"keys": [one["key"] for one in item]}
    sidecar.post("/v1.0/state/store", item)
    before = resident_bytes(sidecar)
    for _ in range(150):
        assert sidecar.post("/v1.0/state/store", item).status == 204
        assert sidecar.post("/v1.0/state/store/bulk", keys).status == 200
    assert resident_bytes(sidecar) - before < 50 * 1024 * 1024
