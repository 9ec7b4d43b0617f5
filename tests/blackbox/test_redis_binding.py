"""bindings.redis behind the bindings block: what stands in Redis, what a client hears, what faults do. components.md 2.1.6"""

import uuid
from contextlib import closing

import pytest
import redis as client
from harness.resources import component
from harness.tap import Tap
from harness.wait import until

SECONDS = 20


@pytest.fixture(scope="module")
def keeper(redis_server):
    host, port = redis_server.address.split(":")
    with client.Redis(host, int(port)) as made:
        yield made


@pytest.fixture(scope="module")
def sidecar(shared, redis_server):
    return shared.sidecar(resources=[component("red", "bindings.redis", {"redisHost": redis_server.address})])


@pytest.fixture
def key():
    return f"b-{uuid.uuid4().hex[:8]}"


def invoke(sidecar, operation, data=None, **metadata):
    return sidecar.post("/v1.0/bindings/red", {"operation": operation, "metadata": metadata,
                                                **({} if data is None else {"data": data})})


def refusal(answer):
    assert (answer.status, answer.json["errorCode"]) == (500, "ERR_INVOKE_OUTPUT_BINDING")
    return answer.json["message"]


def test_create_keeps_the_json_text(sidecar, keeper, key):
    answer = invoke(sidecar, "create", "abc", key=key, ttlInSeconds="100")
    assert (answer.status, answer.body) == (204, b"")
    assert keeper.get(key) == b'"abc"'
    assert 90 < keeper.ttl(key) <= 100


@pytest.mark.parametrize("ttl,least,most", [("100", 90, 100), ("2m", 110, 120), ("1h30m", 5390, 5400)])
def test_ttl_is_a_number_or_a_duration(sidecar, keeper, key, ttl, least, most):
    assert invoke(sidecar, "create", 1, key=key, ttl=ttl).status == 204
    assert least < keeper.ttl(key) <= most


def test_without_a_ttl_it_stays(sidecar, keeper, key):
    keeper.set(key, "old", ex=100)
    assert invoke(sidecar, "create", {"a": [1, None]}, key=key).status == 204
    assert (keeper.get(key), keeper.ttl(key)) == (b'{"a":[1,null]}', -1)


def test_get_answers_the_bytes(sidecar, keeper, key):
    keeper.set(key, b"\xffraw")
    answer = invoke(sidecar, "get", key=key)
    assert (answer.status, answer.body, answer.header("Content-Type")) == (200, b"\xffraw", "application/json")


def test_get_of_nothing_is_empty(sidecar, key):
    answer = invoke(sidecar, "get", key=key)
    assert (answer.status, answer.body, answer.header("Content-Length")) == (200, b"", "0")


def test_get_may_take_it_away(sidecar, keeper, key):
    keeper.set(key, "x")
    assert invoke(sidecar, "get", key=key, delete="true").body == b"x"
    assert not keeper.exists(key)


def test_delete(sidecar, keeper, key):
    keeper.set(key, "x")
    for _ in range(2):
        assert invoke(sidecar, "delete", key=key).status == 204
    assert not keeper.exists(key)


def test_increment_answers_nothing(sidecar, keeper, key):
    assert invoke(sidecar, "increment", key=key).status == 204
    assert (keeper.get(key), keeper.ttl(key)) == (b"1", -1)
    assert invoke(sidecar, "increment", key=key, ttlInSeconds="50").status == 204
    assert keeper.get(key) == b"2" and 40 < keeper.ttl(key) <= 50


def test_an_unknown_operation_is_told_which_there_are(sidecar, key):
    assert refusal(invoke(sidecar, "bogus", key=key)) == (
        "error invoking output binding red: binding red does not support operation bogus. "
        "supported operations:create delete get increment")


@pytest.mark.parametrize("metadata,word", [({}, "missing key"), ({"key": "k", "ttlInSeconds": "x"}, "ttlInSeconds 'x'"),
                                           ({"key": "k", "ttl": "-5s"}, "ttl '-5s'"), ({"key": "k", "ttlInSeconds": "0"}, "'0'")])
def test_what_cannot_be_done_is_told_in_words(sidecar, metadata, word):
    assert word in refusal(invoke(sidecar, "create", "x", **metadata))


def test_a_key_of_another_kind_is_an_error(sidecar, keeper, key):
    keeper.hset(key, "a", "b")
    assert "WRONGTYPE" in refusal(invoke(sidecar, "get", key=key))
    assert "WRONGTYPE" in refusal(invoke(sidecar, "increment", key=key))


def test_a_line_that_breaks_and_comes_back(bench, redis_server, key):
    with closing(Tap(redis_server.port)) as tap:
        sidecar = bench.sidecar(resources=[component("red", "bindings.redis", {"redisHost": tap.address})])
        tap.refuse()
        until(lambda: invoke(sidecar, "get", key=key).status == 500, lambda: "a refusal", SECONDS)
        assert "redis" in refusal(invoke(sidecar, "create", 1, key=key))
        tap.open()
        until(lambda: invoke(sidecar, "create", 1, key=key).status == 204, lambda: "an answer", SECONDS)
