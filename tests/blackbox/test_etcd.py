"""state.etcd, both versions, against a real server (contract, components 2.4, 6.1 and 6.5): what it holds, written and
read through etcd's JSON gateway; TLS; and the server as it fails in life."""

import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.request

import pytest

from harness import rpc
from harness.ports import free_port, is_open
from harness.resources import component
from harness.tap import Tap
from harness.wait import until

RECOVERY_SECONDS = 5.0


def b64(data):
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


class Gateway:
    """etcd's own JSON door."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}/v3/"

    def ask(self, path, **message):
        request = urllib.request.Request(self.url + path, json.dumps(message).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def row(self, key):
        rows = self.ask("kv/range", key=b64(key)).get("kvs", [])
        return rows[0] if rows else None

    def get(self, key):
        row = self.row(key)
        return base64.b64decode(row.get("value", "")) if row else None

    def put(self, key, value, **more):
        self.ask("kv/put", key=b64(key), value=b64(value), **more)

    def revision(self, key):
        return self.row(key)["mod_revision"]

    def granted(self, key):
        """The seconds of the key's lease, 0 without one."""
        lease = self.row(key).get("lease", "0")
        return int(self.ask("kv/lease/timetolive", ID=lease)["grantedTTL"]) if lease != "0" else 0


@pytest.fixture(scope="module")
def server():
    given = os.environ.get("TEST_ETCD")
    if not given:
        pytest.skip("no etcd: run under tests/services/with etcd")
    return int(given.rpartition(":")[2])


@pytest.fixture
def held(server):
    return Gateway(server)


@pytest.fixture
def tap(server):
    made = Tap(server)
    yield made
    made.close()


@pytest.fixture
def prefix(request):
    """A key prefix that no other test has."""
    return f"p{abs(hash((request.node.nodeid, time.monotonic_ns())))}"


def store_of(endpoints, prefix, version="v2", name="store", **more):
    return component(name, "state.etcd", {"endpoints": endpoints, "keyPrefixPath": prefix, **more}, version=version)


@pytest.fixture(params=["v1", "v2"])
def version(request):
    return request.param


@pytest.fixture
def sidecar(bench, server, version, prefix):
    return bench.sidecar(resources=[store_of(f"127.0.0.1:{server}", prefix, version)], app_id="app1")


def save(sidecar, key, value, **more):
    return sidecar.post("/v1.0/state/store", [{"key": key, "value": value, **more}])


def varint(n):
    out = b""
    while n > 0x7f:
        out += bytes([n & 0x7f | 0x80])
        n >>= 7
    return out + bytes([n])


def fields(message):
    """number -> value of a protobuf message, by the book."""
    found, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value
    while at < len(message):
        tag = number()
        if tag & 7 == 0:
            found[tag >> 3] = number()
        else:
            assert tag & 7 == 2
            length = number()
            found[tag >> 3] = message[at:at + length]
            at += length
    return found


def data_of(version, stored):
    return stored if version == "v1" else fields(stored).get(1, b"")


# --- The bytes ---

@pytest.mark.parametrize("value, stored", [
    ('"abc"', b'"abc"'), ('""', b'""'), ("1", b"1"), ("true", b"true"), ("null", b"null"), ("0.123456789", b"0.123456789")])
def test_what_a_store_holds(sidecar, held, version, prefix, value, stored):
    answer = sidecar.post("/v1.0/state/store", f'[{{"key":"s","value":{value}}}]'.encode())
    assert answer.status == 204
    key = f"{prefix}/app1||s"
    row = held.get(key)
    assert data_of(version, row) == stored
    if version == "v2":
        assert row.endswith(b"\x1a\x00")
        assert abs(fields(fields(row)[2])[1] - time.time()) < 60
    read = sidecar.get("/v1.0/state/store/s")
    assert (read.status, read.body) == (200, stored)
    assert read.header("Etag") == held.revision(key)
    assert held.granted(key) == 0


def test_bytes_of_grpc_are_kept(sidecar, held, version, prefix):
    dapr = rpc.Dapr(sidecar.grpc)
    try:
        for key, value in (("gb", b"\x00\x01\xff"), ("gt", b"abc"), ("gj", b'{"b":1,"a":2.50}')):
            dapr.SaveState(store_name="store", states=[{"key": key, "value": value}])
            assert data_of(version, held.get(f"{prefix}/app1||{key}")) == value
            read = dapr.GetState(store_name="store", key=key)
            assert (read.data, read.etag) == (value, held.revision(f"{prefix}/app1||{key}"))
        dapr.ExecuteStateTransaction(storeName="store", operations=[
            {"operationType": "upsert", "request": {"key": "gx", "value": b"\x00\x01\xff"}}])
        assert data_of(version, held.get(f"{prefix}/app1||gx")) == b"\x00\x01\xff"
    finally:
        dapr.close()


def test_without_a_prefix_a_key_begins_with_a_slash(bench, server, held):
    sidecar = bench.sidecar(resources=[component("store", "state.etcd", {"endpoints": f"127.0.0.1:{server}"}, version="v1")])
    assert save(sidecar, "k", 1).status == 204
    assert held.get(f"/{sidecar.app_id}||k") == b"1"


def test_what_another_sidecar_wrote_is_read_v2(bench, server, held, prefix):
    sidecar = bench.sidecar(resources=[store_of(f"127.0.0.1:{server}", prefix)], app_id="app1")
    since = int(time.time())
    stamp = b"\x08" + varint(since) + b"\x10" + varint(123456789)
    stamp = b"\x12" + varint(len(stamp)) + stamp
    held.put(f"{prefix}/app1||s", b'\x0a\x05"abc"' + stamp + b"\x1a\x00")
    held.put(f"{prefix}/app1||ttl", b'\x0a\x03"x"' + stamp + b"\x1a\x02\x08\x64")
    held.put(f"{prefix}/app1||gb", b"\x0a\x03\x00\x01\xff" + stamp + b"\x1a\x00")
    held.put(f"{prefix}/app1||plain", b'"abc"')
    assert sidecar.get("/v1.0/state/store/s").json == "abc"
    read = sidecar.get("/v1.0/state/store/ttl")
    assert read.json == "x"
    assert read.header("Metadata.ttlexpiretime") == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(since + 100))
    assert sidecar.get("/v1.0/state/store/gb").body == b"\x00\x01\xff"
    assert sidecar.get("/v1.0/state/store/plain").status == 500      # of version 1
    bulk = {i["key"]: i for i in sidecar.post("/v1.0/state/store/bulk", {"keys": ["s", "zz", "ttl"]}).json}
    assert (bulk["s"]["data"], bulk["s"]["etag"]) == ("abc", held.revision(f"{prefix}/app1||s"))
    assert bulk["zz"] == {"key": "zz"}
    assert "ttlExpireTime" in bulk["ttl"]["metadata"]


def test_what_another_sidecar_wrote_is_read_v1(bench, server, held, prefix):
    sidecar = bench.sidecar(resources=[store_of(f"127.0.0.1:{server}", prefix, "v1")], app_id="app1")
    held.put(f"{prefix}/app1||o", b'{"a":[1.5,"x\\u003cy"],"b":1}')
    held.put(f"{prefix}/app1||b", bytes(range(256)))
    assert sidecar.get("/v1.0/state/store/o").body == b'{"a":[1.5,"x\\u003cy"],"b":1}'
    assert sidecar.get("/v1.0/state/store/b").body == bytes(range(256))
    assert save(sidecar, "o", 2, etag=held.revision(f"{prefix}/app1||o")).status == 204
    assert held.get(f"{prefix}/app1||o") == b"2"


def test_version_one_is_the_one_without_a_version_and_warns_once(bench, server, held, prefix):
    sidecar = bench.sidecar(resources=[store_of(f"127.0.0.1:{server}", prefix, "")], app_id="app1")
    assert save(sidecar, "k", 1).status == 204
    assert held.get(f"{prefix}/app1||k") == b"1"
    said = "WARNING: state store state.etcd/v1 is deprecated and will be removed in a future version, please use state.etcd/v2"
    until(lambda: sidecar.logged(said), "the warning")
    assert sidecar.log_tail().count(said) == 1


# --- Versions, times, transactions ---

def test_etags(sidecar, version, prefix):
    def etag():
        return sidecar.get("/v1.0/state/store/e").header("Etag")
    save(sidecar, "e", 1)
    first = etag()
    assert save(sidecar, "e", 2, etag=first).status == 204
    stale = save(sidecar, "e", 3, etag=first)
    assert stale.status == 409
    assert "possible etag mismatch. error from state store" in stale.json["message"]
    assert f"state etag not match for key={prefix}/app1||e: current={etag()}, expect={first}" in stale.json["message"]
    assert save(sidecar, "e", 3, etag="bad-etag").status == 409
    absent = save(sidecar, "absent", 3, etag="7")
    assert absent.status == 409 and "state not exist or expired for key=" in absent.json["message"]
    assert sidecar.get("/v1.0/state/store/e").json == 2

    def delete(key, etag=None):
        return sidecar.delete(f"/v1.0/state/store/{key}", [("If-Match", etag)] if etag else []).status
    assert delete("e", first) == 409
    assert delete("e", "bad-etag") == 409
    assert delete("absent") == 204
    assert delete("absent", "7") == 409
    assert delete("e", etag()) == 204
    assert sidecar.get("/v1.0/state/store/e").status == 204


def test_first_write(sidecar):
    first = {"options": {"concurrency": "first-write"}}
    assert save(sidecar, "fw", 1, **first).status == 204
    second = save(sidecar, "fw", 2, **first)
    assert second.status == 409 and "item already exists and no etag was passed" in second.json["message"]
    assert save(sidecar, "fw", 3, **first, etag="").status == 409
    etag = sidecar.get("/v1.0/state/store/fw").header("Etag")
    assert save(sidecar, "fw", 4, **first, etag=etag).status == 204
    assert save(sidecar, "fw", 5, **first, etag=etag).status == 409
    assert sidecar.get("/v1.0/state/store/fw").json == 4
    assert save(sidecar, "fw", 6).status == 204


@pytest.mark.differs
def test_a_lost_race_is_told(sidecar):
    save(sidecar, "race", 0)
    etag = sidecar.get("/v1.0/state/store/race").header("Etag")
    results = []

    def run(n):
        results.append(save(sidecar, "race", n, etag=etag).status)
    threads = [threading.Thread(target=run, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [204] + [409] * 15


def test_time_to_live(sidecar, held, version, prefix):
    key = f"{prefix}/app1||ttl"
    assert save(sidecar, "ttl", "x", metadata={"ttlInSeconds": "100"}).status == 204
    assert held.granted(key) == 100
    if version == "v2":
        assert held.get(key).endswith(b"\x1a\x02\x08\x64")
    assert (sidecar.get("/v1.0/state/store/ttl").header("Metadata.ttlexpiretime") is not None) == (version == "v2")
    assert save(sidecar, "ttl", "y").status == 204
    assert held.granted(key) == 0
    assert save(sidecar, "ttl", "x", metadata={"ttlInSeconds": "abc"}).status == 500
    assert save(sidecar, "short", "x", metadata={"ttlInSeconds": "1"}).status == 204
    until(lambda: sidecar.get("/v1.0/state/store/short").status == 204, "the end of the item", 8)


@pytest.mark.differs
@pytest.mark.parametrize("given", ["-1", "0"])
def test_no_time_to_live_is_for_ever(sidecar, held, prefix, given):
    assert save(sidecar, "ttl", "x", metadata={"ttlInSeconds": "100"}).status == 204
    assert save(sidecar, "ttl", "z", metadata={"ttlInSeconds": given}).status == 204
    assert held.granted(f"{prefix}/app1||ttl") == 0


@pytest.mark.differs
def test_what_lives_for_ever_has_no_end(sidecar):
    assert save(sidecar, "ever", "x").status == 204
    assert sidecar.get("/v1.0/state/store/ever").header("Metadata.ttlexpiretime") is None
    assert sidecar.post("/v1.0/state/store/bulk", {"keys": ["ever"]}).json[0].get("metadata", {}) == {}


@pytest.mark.differs
def test_a_refused_write_leaves_no_lease(sidecar, held):
    save(sidecar, "k", 1)
    before = len(held.ask("kv/lease/leases").get("leases", []))
    for _ in range(5):
        assert save(sidecar, "k", 2, etag="1", metadata={"ttlInSeconds": "1000"}).status == 409
    until(lambda: len(held.ask("kv/lease/leases").get("leases", [])) <= before, "the leases to go")


def transact(sidecar, *operations):
    return sidecar.post("/v1.0/state/store/transaction", {"operations": [
        {"operation": kind, "request": {"key": key, **more}} for kind, key, more in operations]})


def test_transactions(sidecar, held, version, prefix):
    save(sidecar, "old", 1)
    etag = sidecar.get("/v1.0/state/store/old").header("Etag")
    done = transact(sidecar, ("upsert", "tx1", {"value": {"z": 1}}), ("delete", "old", {"etag": etag}),
                    ("upsert", "tx2", {"value": "t", "metadata": {"ttlInSeconds": "30"}}), ("upsert", "tx3", {"value": 1}),
                    ("delete", "tx3", {}), ("delete", "nobody", {}))
    assert done.status == 204, done.text
    assert data_of(version, held.get(f"{prefix}/app1||tx1")) == b'{"z":1}'
    assert held.revision(f"{prefix}/app1||tx1") == held.revision(f"{prefix}/app1||tx2")
    assert held.granted(f"{prefix}/app1||tx2") == 30
    assert held.row(f"{prefix}/app1||old") is None and held.row(f"{prefix}/app1||tx3") is None
    refused = transact(sidecar, ("upsert", "tx1", {"value": 9}), ("upsert", "tx2", {"value": 9, "etag": etag}))
    assert refused.status == 500
    assert refused.json["errorCode"] == "ERR_STATE_TRANSACTION"
    assert f"state etag not match for key={prefix}/app1||tx2: current=" in refused.json["message"]
    assert sidecar.get("/v1.0/state/store/tx1").json == {"z": 1}


def test_a_transaction_has_at_most_128_operations(sidecar):
    assert transact(sidecar, *[("upsert", f"k{n}", {"value": n}) for n in range(128)]).status == 204
    assert transact(sidecar, *[("upsert", f"k{n}", {"value": -1}) for n in range(129)]).status >= 400
    assert sidecar.get("/v1.0/state/store/k0").json == 0


def test_a_smaller_limit_of_the_component_counts(bench, server, prefix):
    sidecar = bench.sidecar(resources=[store_of(f"127.0.0.1:{server}", prefix, maxTxnOps="2")])
    refused = transact(sidecar, *[("upsert", f"k{n}", {"value": n}) for n in range(3)])
    assert refused.status == 500 and "at most 2 are taken (maxTxnOps)" in refused.json["message"]


def test_what_the_metadata_promises(sidecar, version):
    listed = next(c for c in sidecar.get("/v1.0/metadata").json["components"] if c["name"] == "store")
    assert (listed["type"], listed["version"]) == ("state.etcd", version)
    assert set(listed["capabilities"]) == {"ETAG", "TRANSACTIONAL", "TTL", "KEYS_LIKE", "ACTOR"}


# --- Faults ---

def fails_with(sidecar, part):
    answer = save(sidecar, "k", 1)
    assert answer.status == 500 and part in answer.json["message"], answer.text


def test_refused_and_back(bench, tap, prefix):
    sidecar = bench.sidecar(resources=[store_of(tap.address, prefix)])
    assert save(sidecar, "k", 1).status == 204
    tap.refuse()
    until(lambda: save(sidecar, "k", 2).status == 500, "an error")
    fails_with(sidecar, f"etcd {tap.address}")
    until(lambda: sidecar.logged("has lost its product: etcd 127.0.0.1"), "the loss in the log")
    tap.open()
    until(lambda: save(sidecar, "k", 3).status == 204, "recovery", RECOVERY_SECONDS)
    until(lambda: sidecar.logged("has reached its product again"), "the return in the log")


def test_a_reset_is_not_noticed_by_a_reader(bench, tap, prefix):
    sidecar = bench.sidecar(resources=[store_of(tap.address, prefix)])
    assert save(sidecar, "k", 1).status == 204
    tap.reset()
    for _ in range(20):
        assert sidecar.get("/v1.0/state/store/k").json == 1


def test_another_endpoint_takes_over_at_once(bench, server, tap, prefix):
    other = Tap(server)
    sidecar = bench.sidecar(resources=[store_of(f"{tap.address},{other.address}", prefix)])
    for first, second in ((tap, other), (other, tap)) * 3:
        assert save(sidecar, "k", 1).status == 204
        first.refuse()
        begun = time.monotonic()
        until(lambda: save(sidecar, "k", 2).status == 204, "the other endpoint", RECOVERY_SECONDS)
        assert time.monotonic() - begun < 1
        first.open()
    other.close()


def test_a_silent_server_is_given_up(bench, tap, prefix):
    sidecar = bench.sidecar(resources=[store_of(tap.address, prefix)])
    assert save(sidecar, "k", 1).status == 204
    tap.stall()
    begun = time.monotonic()
    fails_with(sidecar, "no answer in time")
    assert 4 < time.monotonic() - begun < 8
    tap.flow()
    until(lambda: save(sidecar, "k", 2).status == 204, "recovery", RECOVERY_SECONDS)


@pytest.mark.parametrize("after", [1, 9, 30, 100000])
def test_half_an_answer_is_none(bench, tap, prefix, after):
    sidecar = bench.sidecar(resources=[store_of(tap.address, prefix)])
    value = "x" * 200000
    assert save(sidecar, "k", value).status == 204
    tap.cut_answer(after)
    read = sidecar.get("/v1.0/state/store/k")
    assert read.status == 200 and read.json == value        # asked again on a new connection

    def is_cut():                                           # not what another connection hears
        tap.cut_answer(1)
        return save(sidecar, "k", 2).status == 500
    until(is_cut, "an error: a write is not repeated")
    until(lambda: save(sidecar, "k", 3).status == 204, "recovery", RECOVERY_SECONDS)


@pytest.mark.parametrize("given, said", [
    ({"endpoints": "127.0.0.1:1"}, "connection refused"),
    ({"endpoints": "127.0.0.1:1,127.0.0.1:2"}, "connection refused"),
    ({"endpoints": ""}, "endpoints"),
    ({"endpoints": "a:b"}, "no port between 1 and 65535"),
    ({"endpoints": "a:1", "cert": "x"}, "cert and key are given both or neither"),
    ({"endpoints": "nobody.invalid:2379"}, "nobody.invalid")])
def test_a_start_that_cannot_succeed_says_why(bench, given, said):
    sidecar = bench.sidecar(ready=False, resources=[component("it", "state.etcd", given, version="v2")])
    assert sidecar.wait_end() != 0
    assert sidecar.logged(said)


def test_a_server_that_says_nothing_fails_the_start(bench, tap, prefix):
    tap.stall()
    sidecar = bench.sidecar(ready=False, resources=[store_of(tap.address, prefix)])
    assert sidecar.wait_end() != 0


# --- A server of the test's own ---

class Server:
    """An etcd that can be killed, stalled and started again at the same port, with what it held."""

    def __init__(self, scheme="http", *options):
        self.folder = tempfile.mkdtemp(prefix="blackbox-etcd-")
        self.port, self.peer = free_port(), free_port()
        self.scheme, self.options = scheme, options
        self.process = None

    def start(self):
        client, peer = f"{self.scheme}://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.peer}"
        self.process = subprocess.Popen(
            ["etcd", "--data-dir", self.folder, "--logger", "zap", "--log-level", "error", "--listen-client-urls", client,
             "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
             "--initial-cluster", f"default={peer}", *self.options],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Load(threading.Thread):
    """One client that saves one number after the other and remembers the last acknowledged."""

    def __init__(self, sidecar, key):
        super().__init__(daemon=True)
        self.sidecar, self.key = sidecar, key
        self.stopped = threading.Event()
        self.acknowledged, self.tried, self.failures, self.odd = 0, 0, 0, []

    def run(self):
        while not self.stopped.is_set():
            self.tried += 1
            answer = save(self.sidecar, self.key, self.tried)
            if answer.status == 204:
                self.acknowledged = self.tried
            elif answer.status == 500:
                self.failures += 1
            else:
                self.odd.append(answer)

    def end(self):
        self.stopped.set()
        self.join(30)
        assert not self.is_alive()


def test_killed_and_started_again_under_load(bench, prefix):
    server = Server().start()
    try:
        sidecar = bench.sidecar(start=False, resources=[store_of(f"127.0.0.1:{server.port}", prefix)])
        until(lambda: Gateway(server.port).ask("kv/range", key=b64("k")) if _answers(server) else None, "etcd", 30)
        sidecar.start()
        loads = [Load(sidecar, f"key{n}") for n in range(4)]
        for load in loads:
            load.start()
        for _ in range(2):
            marks = [load.acknowledged for load in loads]
            until(lambda: all(load.acknowledged > mark for load, mark in zip(loads, marks)), "writes")
            server.kill()
            marks = [load.failures for load in loads]
            until(lambda: all(load.failures > mark for load, mark in zip(loads, marks)), "errors")
            server.start()
            marks = [load.acknowledged for load in loads]
            until(lambda: all(load.acknowledged > mark for load, mark in zip(loads, marks)), "recovery", 20)
        for load in loads:
            load.end()
            assert not load.odd
            held = int(sidecar.get(f"/v1.0/state/store/{load.key}").body)
            assert load.acknowledged <= held <= load.tried
        sidecar.assert_alive()
    finally:
        server.stop()


def _answers(server):
    try:
        Gateway(server.port).ask("kv/range", key=b64("k"))
        return True
    except OSError:
        return False


def _make_certificates(folder):
    def run(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    run("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=ca")
    for name in ("server", "client"):
        (folder / f"{name}.ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        run("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        run("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", f"{name}.pem",
            "-days", "2", "-extfile", f"{name}.ext")
    return {path.name: path.read_text() for path in folder.glob("*.*") if path.suffix in (".pem", ".key")}


def test_tls_with_a_certificate_on_both_sides(bench, tmp_path, prefix):
    made = _make_certificates(tmp_path)
    server = Server("https", "--cert-file", str(tmp_path / "server.pem"), "--key-file", str(tmp_path / "server.key"),
                    "--client-cert-auth", "--trusted-ca-file", str(tmp_path / "ca.pem")).start()
    whole = {"tlsEnable": "true", "ca": made["ca.pem"], "cert": made["client.pem"], "key": made["client.key"]}
    try:
        until(lambda: is_open(server.port), "etcd", 30)
        sidecar = bench.sidecar(resources=[store_of(f"localhost:{server.port}", prefix, **whole)])
        for n in range(50):
            assert save(sidecar, f"k{n}", "x" * n * 100).status == 204
        assert sidecar.get("/v1.0/state/store/k49").json == "x" * 4900
        for less, said in ((("ca",), "certificate"), (("cert", "key"), "etcd localhost")):
            refused = bench.sidecar(ready=False, resources=[store_of(
                f"localhost:{server.port}", prefix, **{k: v for k, v in whole.items() if k not in less})])
            assert refused.wait_end() != 0
            assert refused.logged(said)
            assert made["client.key"].splitlines()[1] not in refused.log_tail()
    finally:
        server.stop()


# --- A cluster of three ---

class Cluster:
    """Three members, each of which can be killed and started again with what it held."""

    def __init__(self):
        self.folders = [tempfile.mkdtemp(prefix="blackbox-etcd-") for _ in range(3)]
        self.ports, self.peers = [free_port() for _ in range(3)], [free_port() for _ in range(3)]
        self.members = [None] * 3
        for n in range(3):
            self.start(n)

    @property
    def endpoints(self):
        return ",".join(f"127.0.0.1:{port}" for port in self.ports)

    def start(self, n):
        peers = [f"http://127.0.0.1:{port}" for port in self.peers]
        client = f"http://127.0.0.1:{self.ports[n]}"
        self.members[n] = subprocess.Popen(
            ["etcd", "--name", f"m{n}", "--data-dir", self.folders[n], "--logger", "zap", "--log-level", "error",
             "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peers[n],
             "--initial-advertise-peer-urls", peers[n], "--heartbeat-interval", "50", "--election-timeout", "500",
             "--initial-cluster", ",".join(f"m{i}={peer}" for i, peer in enumerate(peers))],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def answers(self, n):
        try:
            Gateway(self.ports[n]).ask("kv/range", key=b64("k"))
            return True
        except OSError:
            return False

    def kill(self, n):
        self.members[n].kill()
        self.members[n].wait()

    def stop(self):
        for n in range(3):
            if self.members[n].poll() is None:
                self.kill(n)
            shutil.rmtree(self.folders[n], ignore_errors=True)


def test_a_cluster_that_loses_one_member_after_the_other_keeps_every_write(bench, prefix):
    cluster = Cluster()
    try:
        until(lambda: all(cluster.answers(n) for n in range(3)), "the cluster", 30)
        sidecar = bench.sidecar(resources=[store_of(cluster.endpoints, prefix)])
        loads = [Load(sidecar, f"key{n}") for n in range(2)]
        for load in loads:
            load.start()
        for n in range(3):
            marks = [load.acknowledged for load in loads]
            cluster.kill(n)
            until(lambda: all(load.acknowledged > mark + 20 for load, mark in zip(loads, marks)), "writes without it", 20)
            cluster.start(n)
            until(lambda: cluster.answers(n), "the member", 30)
        for load in loads:
            load.end()
            assert not load.odd
            held = int(sidecar.get(f"/v1.0/state/store/{load.key}").body)
            assert load.acknowledged <= held <= load.tried
        cluster.kill(0)
        cluster.kill(1)
        begun = time.monotonic()
        assert save(sidecar, "k", 1).status == 500          # no majority: an error, in time
        assert time.monotonic() - begun < 8
        cluster.start(0)
        until(lambda: save(sidecar, "k", 2).status == 204, "a majority again", 20)
        sidecar.assert_alive()
    finally:
        cluster.stop()
