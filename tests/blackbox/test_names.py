"""Name resolution: multicast DNS and SQLite (resources 5.1 to 5.3, components 2.17, 6.12, 6.13)."""

import socket
import sqlite3
import struct
import time
import uuid

import pytest

from harness.app import reply
from harness.errors import assert_error
from harness.mdns import A, PTR, SRV, TXT, Neighbour, announcement, query
from harness.ports import free_port
from harness.wait import until


def new_id():
    return "n" + uuid.uuid4().hex[:12]


def invoke(sidecar, target, path="/x"):
    return sidecar.get(f"/v1.0/invoke/{target}/method{path}")


def assert_nowhere(answer, target, why):
    assert_error(answer, 500, "ERR_DIRECT_INVOKE", f"failed to invoke, id: {target}, err: {why}")


def plain_app(bench):
    app = bench.app()
    app.otherwise = reply(200, b"ok", [("Content-Type", "a/b")])
    return app


# ------------------------------------------------------------------------------ multicast DNS
@pytest.fixture
def neighbour():
    made = Neighbour()
    yield made
    made.stop()


@pytest.mark.quick
def test_two_sidecars_find_each_other(bench):
    app = plain_app(bench)
    callee, caller = bench.sidecar(app_id=new_id(), app=app), bench.sidecar(app_id=new_id())
    assert invoke(caller, callee.app_id).body == b"ok"
    caller.wait_log("Initialized name resolution to mdns")
    callee.wait_log(f"local service entry announced: {callee.app_id} -> 127.0.0.1:{callee.peer}")


def test_it_is_announced_and_taken_back(bench, neighbour):
    sidecar = bench.sidecar(app_id=new_id())
    service = f"{sidecar.app_id}.local"
    instance = f"{socket.gethostname()}:{sidecar.process.pid}.{service}"
    host = f"{socket.gethostname()}.local"
    records = [(instance, SRV, 0x8001, 3200, (0, 0, sidecar.peer, host)),
               (instance, TXT, 0x8001, 3200, bytes([len(sidecar.app_id)]) + sidecar.app_id.encode()),
               (service, PTR, 1, 3200, instance), ("_services._dns-sd._udp.local", PTR, 1, 3200, service),
               (host, A, 0x8001, 120, socket.inet_aton("127.0.0.1"))]
    _, probe, _ = neighbour.wait(sidecar.app_id, lambda m: m.authorities, "a probe")[0]
    assert probe.questions == [(instance, PTR, 1)] and probe.flags == 0
    assert probe.authorities == [(name, kind, 1, ttl, value) for name, kind, _, ttl, value in records[:2]]
    _, said, _ = neighbour.wait(sidecar.app_id, lambda m: m.is_response, "an announcement")[0]
    assert (said.id, said.flags, said.answers) == (0, 0x8000, records)
    first = said
    again = until(lambda: [at for at, m, _ in neighbour.about(sidecar.app_id) if m.data == first.data][-1:],
                  "an announcement")
    until(lambda: [at for at, m, _ in neighbour.about(sidecar.app_id)
                   if m.data == first.data and at - again[0] > 0.5], "a second announcement")
    sidecar.stop()
    _, bye, _ = neighbour.wait(sidecar.app_id, lambda m: m.is_response and m.answers[0][3] == 0, "a goodbye")[0]
    assert bye.answers == [(name, kind, group, 0, value) for name, kind, group, _, value in records]


def test_questions_are_answered(bench, neighbour):
    sidecar = bench.sidecar(app_id=new_id())
    service = f"{sidecar.app_id}.local"
    neighbour.say(query(service, id=0x7777))
    _, answer, _ = neighbour.wait(sidecar.app_id, lambda m: m.id == 0x7777 and m.is_response, "an answer")[0]
    assert answer.flags == 0x8400 and answer.questions == []
    assert [one[:4] for one in answer.answers] == [(service, PTR, 1, 3200)]
    assert [one[1] for one in answer.additionals] == [SRV, TXT, A]
    assert answer.additionals[0][4][2] == sidecar.peer


def test_whoever_asks_from_another_port_is_answered_alone(bench):
    sidecar = bench.sidecar(app_id=new_id())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF,
                          struct.pack("=4s4si", b"\0" * 4, b"\0" * 4, socket.if_nametoindex("lo")))
        asking.settimeout(5)
        asking.sendto(query(f"{sidecar.app_id}.local"), ("224.0.0.251", 5353))
        assert sidecar.app_id.encode() in asking.recv(9000)


def test_an_unknown_app(bench, neighbour):
    sidecar, ghost = bench.sidecar(), new_id()
    begin = time.monotonic()
    assert_nowhere(invoke(sidecar, ghost), ghost, f"couldn't find service: {ghost}")
    assert 0.9 < time.monotonic() - begin < 3
    _, asked, _ = neighbour.wait(ghost, lambda m: not m.is_response, "a query")[0]
    assert asked.questions == [(f"{ghost}.local", PTR, 1)] and asked.flags == 0
    assert len({m.id for _, m, _ in neighbour.about(ghost)}) == 1


def test_letter_case_counts(bench):
    app = plain_app(bench)
    callee, caller = bench.sidecar(app_id=new_id(), app=app), bench.sidecar()
    upper = callee.app_id.upper()
    assert_nowhere(invoke(caller, upper), upper, f"couldn't find service: {upper}")


def test_other_sidecars_are_understood(bench, neighbour):
    """A callee that only announces as Dapr does; the peer port is a real sidecar's."""
    app, foreign = plain_app(bench), new_id()
    peer, caller = bench.sidecar(app_id=new_id(), app=app), bench.sidecar()
    neighbour.answer(foreign, announcement(foreign, peer.peer, "elsewhere:1"))
    assert invoke(caller, foreign).status == 200


@pytest.mark.parametrize("made", ["text", "gone", "cut", "wrong name"])
def test_what_is_not_believed(bench, neighbour, made):
    sidecar, foreign = bench.sidecar(), new_id()
    said = {"text": announcement(foreign, 1, "x:1", texts=["other"]), "gone": announcement(foreign, 1, "x:1", ttl=0),
            "cut": announcement(foreign, 1, "x:1")[:-1], "wrong name": announcement("x" + foreign, 1, "x:1")}[made]
    neighbour.answer(foreign, said)
    assert_nowhere(invoke(sidecar, foreign), foreign, f"couldn't find service: {foreign}")


def test_a_known_app_is_not_asked_for_again(bench, neighbour):
    app = plain_app(bench)
    callee, caller = bench.sidecar(app_id=new_id(), app=app), bench.sidecar()
    assert invoke(caller, callee.app_id).status == 200

    def queries():
        return [m for _, m, _ in neighbour.about(callee.app_id) if not m.is_response and not m.authorities]
    first = until(queries, "a query")
    ids = {m.id for m in first}
    assert len(ids) <= 2
    for _ in range(20):
        assert invoke(caller, callee.app_id).status == 200
    assert len({m.id for m in queries()}) <= 2


def test_instances_take_turns(bench):
    name = new_id()
    apps = [plain_app(bench) for _ in range(3)]
    callees = [bench.sidecar(app_id=name, app=one) for one in apps]
    caller = bench.sidecar()
    assert invoke(caller, name).status == 200

    def all_known():
        for _ in range(6):
            assert invoke(caller, name).status == 200
        return all(one.requests("/x") for one in apps)
    until(all_known, "calls at every instance")
    for one in apps:
        one.forget()
    for _ in range(30):
        assert invoke(caller, name).status == 200
    assert [len(one.requests("/x")) for one in apps] == [10, 10, 10]
    callees[0].stop()
    apps[0].forget()
    for _ in range(10):
        assert invoke(caller, name).status == 200
    assert not apps[0].requests("/x")


def test_ipv6_is_announced_and_called(bench):
    app = plain_app(bench)
    callee = bench.sidecar(app_id=new_id(), app=app, flags={"dapr-internal-grpc-listen-address": "[::1]"})
    caller = bench.sidecar()
    assert invoke(caller, callee.app_id).status == 200


# --------------------------------------------------------------------------------------- SQLite
def sqlite(path, **more):
    return {"nameResolution": {"component": "SQLite", "version": "v1",
                               "configuration": {"connectionString": str(path), **more}}}


def rows(path, table="hosts"):
    with sqlite3.connect(path) as db:
        return db.execute(f"SELECT registration_id, address, app_id, namespace, last_update FROM {table}").fetchall()


@pytest.mark.quick
def test_a_row_per_sidecar(bench, tmp_path):
    path = tmp_path / "names.db"
    sidecar = bench.sidecar(app_id="one", config=sqlite(path))
    sidecar.wait_log("Initialized name resolution to sqlite")
    [(id, address, app_id, namespace, updated)] = rows(path)
    assert str(uuid.UUID(id)) == id
    assert (address, app_id, namespace) == (f"127.0.0.1:{sidecar.peer}", "one", "")
    assert abs(updated - time.time()) < 5
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT value FROM metadata WHERE key = 'nr-migrations'").fetchone() == ("1",)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        indexes = {one[0] for one in db.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
        assert {"hosts_address_idx", "hosts_last_update_idx"} <= indexes
    sidecar.stop()
    assert rows(path) == []


def test_it_resolves(bench, tmp_path):
    path, app = tmp_path / "names.db", plain_app(bench)
    bench.sidecar(app_id="callee", app=app, config=sqlite(path))
    caller = bench.sidecar(app_id="caller", config=sqlite(path))
    assert invoke(caller, "callee").body == b"ok"
    assert_nowhere(invoke(caller, "ghost"), "ghost", "no host found with the given ID")


def test_other_tables_and_the_row_is_renewed(bench, tmp_path):
    path = tmp_path / "names.db"
    bench.sidecar(app_id="one", config=sqlite(path, tableName="peers", metadataTableName="notes", updateInterval="2s",
                                              timeout="1s"))
    [(*_, before)] = rows(path, "peers")
    until(lambda: rows(path, "peers")[0][4] > before, "a renewed row")


def test_a_stale_row_is_nobody(bench, tmp_path):
    path = tmp_path / "names.db"
    caller = bench.sidecar(app_id="caller", config=sqlite(path))
    with sqlite3.connect(path) as db:
        db.execute("INSERT INTO hosts VALUES ('x', '127.0.0.1:1', 'old', '', ?)", (int(time.time()) - 6,))
    assert_nowhere(invoke(caller, "old"), "old", "no host found with the given ID")


@pytest.mark.differs
def test_a_removed_row_comes_back(bench, tmp_path):
    path = tmp_path / "names.db"
    sidecar = bench.sidecar(app_id="one", config=sqlite(path, updateInterval="2s", timeout="1s"))
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM hosts")
    until(lambda: rows(path), "a new row")
    sidecar.wait_log("registering again")
    sidecar.assert_alive()


@pytest.mark.differs
def test_the_sweep_takes_the_stale_and_leaves_the_live(bench, tmp_path):
    path = tmp_path / "names.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE hosts (registration_id TEXT NOT NULL PRIMARY KEY, address TEXT NOT NULL, app_id TEXT NOT "
                   "NULL, namespace TEXT NOT NULL, last_update INTEGER NOT NULL)")
        db.execute("INSERT INTO hosts VALUES ('x', '127.0.0.1:1', 'old', '', 1)")
    bench.sidecar(app_id="one", config=sqlite(path, updateInterval="2s", timeout="1s", cleanupInterval="1s"))
    until(lambda: [one[2] for one in rows(path)] == ["one"], "only the live row")
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT value FROM metadata WHERE key = 'nr-last-cleanup'").fetchone()


def test_an_address_has_one_owner(bench, tmp_path):
    path = tmp_path / "names.db"
    peer = free_port()
    first = bench.sidecar(app_id="first", config=sqlite(path), flags={"dapr-internal-grpc-port": peer})
    first.process.kill()
    first.process.wait()
    bench.sidecar(app_id="second", config=sqlite(path), flags={"dapr-internal-grpc-port": peer})
    assert [one[2] for one in rows(path)] == ["second"]


@pytest.mark.parametrize("options,why", [
    ({"connectionString": ""}, "missing connection string"),
    ({"updateInterval": "1500ms", "timeout": "100ms"}, "whole number of seconds"),
    ({"updateInterval": "5s", "timeout": "5s"}, "at least one second longer"),
    ({"tableName": "x; DROP TABLE y"}, "letters, digits"),
    ({"connectionString": "/nowhere/at/all/names.db"}, "unable to open database file")])
def test_wrong_options_are_only_logged(bench, tmp_path, options, why):
    sidecar = bench.sidecar(config=sqlite(tmp_path / "names.db", **options))
    line = sidecar.wait_log("initialization error occurred for nr (sqlite/v1)")[0]
    assert "[INIT_COMPONENT_FAILURE]" in line and why in line
    assert_nowhere(invoke(sidecar, "x"), "x", "name resolver not initialized")


def test_an_unknown_resolver_is_only_logged(bench):
    sidecar = bench.sidecar(config={"nameResolution": {"component": "nothing"}})
    sidecar.wait_log("couldn't find name resolver nothing/v1")
    assert_nowhere(invoke(sidecar, "x"), "x", "name resolver not initialized")


def test_a_file_in_use_is_waited_for(bench, tmp_path):
    path, app = tmp_path / "names.db", plain_app(bench)
    bench.sidecar(app_id="callee", app=app, config=sqlite(path))
    caller = bench.sidecar(app_id="caller", config=sqlite(path))
    with sqlite3.connect(path, isolation_level=None) as db:
        db.execute("BEGIN IMMEDIATE")
        assert invoke(caller, "callee").status == 200
        db.execute("ROLLBACK")


def test_in_memory_warns(bench):
    sidecar = bench.sidecar(config=sqlite(":memory:"))
    sidecar.wait_log("no other sidecar will find this one")
