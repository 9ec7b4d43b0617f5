"""state.memcached against a real server (contract, components 2.4, 6.1 and 6.5): the bytes it holds, written and read
by another client; several servers; and the server as it fails in life."""

import os
import time
import zlib

import pytest

from harness import rpc
from harness.resources import component
from harness.services import Service
from harness.tap import Tap
from harness.wait import until

pymemcache = pytest.importorskip("pymemcache")
from pymemcache.client.base import Client  # noqa: E402

RECOVERY_SECONDS = 5.0


@pytest.fixture(scope="module")
def server():
    given = os.environ.get("TEST_MEMCACHED")
    if not given:
        pytest.skip("no memcached: run under tests/services/with memcached")
    return int(given.rpartition(":")[2])


@pytest.fixture
def held(server):
    client = Client(("127.0.0.1", server), default_noreply=False)
    client.flush_all()
    yield client
    client.close()


@pytest.fixture
def tap(server):
    made = Tap(server)
    yield made
    made.close()


def store_of(hosts, name="store", **more):
    return component(name, "state.memcached", {"hosts": hosts, **more})


def save(sidecar, key, value, **more):
    return sidecar.post("/v1.0/state/store", [{"key": key, "value": value, **more}])


@pytest.fixture
def sidecar(bench, server, held):
    return bench.sidecar(resources=[store_of(f"127.0.0.1:{server}")], app_id="app1")


# --- The bytes ---

@pytest.mark.parametrize("value, stored", [
    ('"abc"', b'"abc"'), ('""', b'""'), ("1", b"1"), ("true", b"true"), ("null", b"null"), ('"x<y>&"', b'"x<y>&"')])
def test_what_a_store_holds(sidecar, held, value, stored):
    answer = sidecar.post("/v1.0/state/store", f'[{{"key":"s","value":{value}}}]'.encode())
    assert answer.status == 204
    assert held.get("app1||s") == stored
    read = sidecar.get("/v1.0/state/store/s")
    assert (read.status, read.body) == (200, stored)
    assert read.header("Etag") is None


def test_what_another_client_wrote_is_read(sidecar, held):
    held.set("app1||k", b'{"a":1}', flags=7)
    held.set("app1||bytes", bytes(range(256)))
    held.set("app1||empty", b"")
    assert sidecar.get("/v1.0/state/store/k").json == {"a": 1}
    assert sidecar.get("/v1.0/state/store/bytes").body == bytes(range(256))
    assert sidecar.get("/v1.0/state/store/absent").status == 204
    bulk = sidecar.post("/v1.0/state/store/bulk", {"keys": ["k", "absent"]})
    assert sorted(bulk.json, key=lambda item: item["key"]) == [{"key": "absent"}, {"key": "k", "data": {"a": 1}}]


def test_bytes_of_grpc_are_kept(sidecar, held):
    dapr = rpc.Dapr(sidecar.grpc)
    try:
        for key, value in (("gb", b"\x00\x01\xff"), ("gt", b"abc"), ("gj", b'{"b":1,"a":2.50}')):
            dapr.SaveState(store_name="store", states=[{"key": key, "value": value}])
            assert held.get(f"app1||{key}") == value
            read = dapr.GetState(store_name="store", key=key)
            assert (read.data, read.etag) == (value, "")
        refused = rpc.failure(dapr.ExecuteStateTransaction, storeName="store", operations=[
            {"operationType": "upsert", "request": {"key": "gx", "value": b"x"}}])
        assert refused.code == "UNIMPLEMENTED"
    finally:
        dapr.close()


def test_what_is_deleted_is_gone(sidecar, held):
    save(sidecar, "k", 1)
    assert sidecar.delete("/v1.0/state/store/k").status == 204
    assert held.get("app1||k") is None
    assert sidecar.delete("/v1.0/state/store/k").status == 204


def test_etags_and_first_write_are_ignored(sidecar):
    assert save(sidecar, "e", 1, etag="bad-etag").status == 204
    assert save(sidecar, "e", 2, options={"concurrency": "first-write"}).status == 204
    assert save(sidecar, "e", 3, options={"concurrency": "first-write"}).status == 204
    assert sidecar.delete("/v1.0/state/store/e", [("If-Match", "bad-etag")]).status == 204
    assert sidecar.delete("/v1.0/state/store/e", [("If-Match", "1")]).status == 204


def seconds_left(held, key):
    line = held.raw_command(f"mg {key} t", b"\r\n").decode()
    assert line.startswith("HD t"), line
    return int(line[4:])


@pytest.mark.parametrize("given, low, high", [("100", 95, 100), ("-1", -1, -1), ("0", -1, -1),
                                              ("2592000", 2591990, 2592000), ("4000000", 3999990, 4000000)])
def test_time_to_live(sidecar, held, given, low, high):
    assert save(sidecar, "ttl", "x", metadata={"ttlInSeconds": given}).status == 204
    # Beyond a month the time is absolute, and its clock, which ticks by seconds, may be late.
    assert low <= seconds_left(held, "app1||ttl") <= high + (5 if high > 100 else 0)
    assert save(sidecar, "ttl", "y").status == 204
    assert seconds_left(held, "app1||ttl") == -1
    assert sidecar.get("/v1.0/state/store/ttl").header("Metadata.ttlexpiretime") is None


def test_a_time_to_live_that_is_none(sidecar):
    assert save(sidecar, "ttl", "x", metadata={"ttlInSeconds": "abc"}).status == 500


def test_an_item_expires(sidecar):
    assert save(sidecar, "ttl", "x", metadata={"ttlInSeconds": "1"}).status == 204
    until(lambda: sidecar.get("/v1.0/state/store/ttl").status == 204, "the end of the item", 5)


@pytest.mark.parametrize("key", ["with%20blank", "k" * 251, "line%0d%0aflush_all"])
def test_a_key_that_the_protocol_cannot_carry(sidecar, held, key):
    held.set("stays", b"1")
    answer = sidecar.get(f"/v1.0/state/store/{key}")
    assert answer.status == 500, answer.text
    assert "malformed: key is too long or contains invalid characters" in answer.json["message"]
    assert held.get("stays") == b"1"


def test_there_are_no_transactions(sidecar):
    answer = sidecar.post("/v1.0/state/store/transaction", {"operations": [
        {"operation": "upsert", "request": {"key": "a", "value": 1}}]})
    assert answer.status >= 400
    listed = next(c for c in sidecar.get("/v1.0/metadata").json["components"] if c["name"] == "store")
    assert listed["capabilities"] == ["TTL"]


def test_a_value_larger_than_an_item(bench, server):
    sidecar = bench.sidecar(flags={"max-body-size": "8Mi"}, resources=[store_of(f"127.0.0.1:{server}")])
    save(sidecar, "big", 1)
    answer = save(sidecar, "big", "x" * (4 << 20))
    assert answer.status == 500
    assert "SERVER_ERROR object too large for cache" in answer.json["message"]
    assert save(sidecar, "k", 2).status == 204
    assert sidecar.get("/v1.0/state/store/k").json == 2


# --- Several servers ---

def test_keys_are_shared_out_by_their_checksum(bench, server, held):
    second = Service("memcached")
    other = Client(("127.0.0.1", second.port), default_noreply=False)
    try:
        sidecar = bench.sidecar(resources=[store_of(f"127.0.0.1:{server},127.0.0.1:{second.port}")], app_id="app1")
        keys = [f"key{n}" for n in range(60)]
        assert sidecar.post("/v1.0/state/store", [{"key": key, "value": key} for key in keys]).status == 204
        for key in keys:
            full = f"app1||{key}"
            owner, stranger = ((held, other), (other, held))[zlib.crc32(full.encode()) % 2]
            assert owner.get(full) == f'"{key}"'.encode()
            assert stranger.get(full) is None
        bulk = sidecar.post("/v1.0/state/store/bulk", {"keys": keys})
        assert {item["key"]: item["data"] for item in bulk.json} == {key: key for key in keys}
    finally:
        other.close()
        second.stop()


def test_a_dead_server_fails_its_keys_only(bench, server, held):
    tap = Tap(server)
    sidecar = bench.sidecar(resources=[store_of(f"127.0.0.1:{server},{tap.address}")], app_id="app1")
    lost = next(f"k{n}" for n in range(99) if zlib.crc32(f"app1||k{n}".encode()) % 2)
    kept = next(f"k{n}" for n in range(99) if not zlib.crc32(f"app1||k{n}".encode()) % 2)
    for key in (lost, kept):
        assert save(sidecar, key, 1).status == 204
    tap.refuse()
    until(lambda: sidecar.get(f"/v1.0/state/store/{lost}").status == 500, "an error")
    begun = time.monotonic()
    for _ in range(20):
        assert sidecar.get(f"/v1.0/state/store/{lost}").status == 500
        assert sidecar.get(f"/v1.0/state/store/{kept}").json == 1
    assert time.monotonic() - begun < 1
    bulk = {item["key"]: item for item in sidecar.post("/v1.0/state/store/bulk", {"keys": [lost, kept]}).json}
    assert bulk[kept]["data"] == 1 and tap.address in bulk[lost]["error"]
    tap.open()
    until(lambda: sidecar.get(f"/v1.0/state/store/{lost}").status == 200, "recovery", RECOVERY_SECONDS)
    tap.close()


# --- Faults ---

def fails_with(sidecar, part):
    answer = save(sidecar, "k", 1)
    assert answer.status == 500 and part in answer.json["message"], answer.text


def test_refused_and_back(bench, tap, held):
    sidecar = bench.sidecar(resources=[store_of(tap.address)], app_id="app1")
    assert save(sidecar, "k", 1).status == 204
    tap.refuse()
    until(lambda: save(sidecar, "k", 2).status == 500, "an error")
    fails_with(sidecar, f"memcached {tap.address}")
    until(lambda: sidecar.logged("has lost its product: memcached 127.0.0.1"), "the loss in the log")
    tap.open()
    until(lambda: save(sidecar, "k", 3).status == 204, "recovery", RECOVERY_SECONDS)
    assert held.get("app1||k") == b"3"
    until(lambda: sidecar.logged("has reached its product again"), "the return in the log")


def test_a_reset_is_not_noticed_by_a_reader(bench, tap):
    sidecar = bench.sidecar(resources=[store_of(tap.address)])
    assert save(sidecar, "k", 1).status == 204
    tap.reset()
    for _ in range(20):
        assert sidecar.get("/v1.0/state/store/k").json == 1


def test_a_silent_server_is_given_up(bench, tap):
    sidecar = bench.sidecar(resources=[store_of(tap.address, timeout="200")])
    assert save(sidecar, "k", 1).status == 204
    tap.stall()
    begun = time.monotonic()
    fails_with(sidecar, "no answer within 200 ms")
    assert time.monotonic() - begun < 2
    tap.flow()
    until(lambda: save(sidecar, "k", 2).status == 204, "recovery", RECOVERY_SECONDS)


@pytest.mark.parametrize("after", [1, 10, 40, 100040])
def test_half_an_answer_is_none(bench, tap, after):
    sidecar = bench.sidecar(resources=[store_of(tap.address)], app_id="app1")
    value = "x" * 200000
    assert save(sidecar, "k", value).status == 204
    tap.cut_answer(after)
    read = sidecar.get("/v1.0/state/store/k")
    assert read.status == 200 and read.json == value        # asked again on a new connection

    def is_cut():                                           # not the greeting of another connection that comes back
        tap.cut_answer(1)
        return save(sidecar, "k", 2).status == 500
    until(is_cut, "an error: a write is not repeated")
    until(lambda: save(sidecar, "k", 3).status == 204, "recovery", RECOVERY_SECONDS)


@pytest.mark.parametrize("given, said", [
    ({"hosts": "127.0.0.1:1"}, "connection refused"),
    ({"hosts": ""}, "hosts"),
    ({"hosts": "a:b"}, "no port between 1 and 65535"),
    ({"hosts": "127.0.0.1:1", "timeout": "5s"}, "timeout"),
    ({"hosts": "nobody.invalid:11211"}, "nobody.invalid")])
def test_a_start_that_cannot_succeed_says_why(bench, given, said):
    sidecar = bench.sidecar(ready=False, resources=[component("it", "state.memcached", given)])
    assert sidecar.wait_end() != 0
    assert sidecar.logged(said)


def test_a_server_that_says_nothing_fails_the_start(bench, tap):
    tap.stall()
    sidecar = bench.sidecar(ready=False, resources=[store_of(tap.address, timeout="300")])
    assert sidecar.wait_end() != 0
    assert sidecar.logged("no answer to the greeting")
