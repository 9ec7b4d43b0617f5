"""state.sqlite against its file: the rows as Dapr lays them out, and what an acknowledgement is worth
when the process is killed or the disk fails (contract, components 2.4 and 6.4)."""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import threading
import uuid
from contextlib import closing

import pytest

from harness.resources import component
from harness.wait import until

STATE = "/v1.0/state/store"


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "state.db")


def started(bench, path, env=None, **metadata):
    made = component("store", "state.sqlite", {"connectionString": path, **metadata})
    return bench.sidecar(resources=[made], app_id="app1", env=env)


def save(sidecar, key, value, **more):
    return sidecar.post(STATE, [{"key": key, "value": value, **more}])


def rows(path, sql, *given):
    with closing(sqlite3.connect(path)) as database:
        return database.execute(sql, given).fetchall()


# --- The file ---

def test_the_tables_are_as_dapr_makes_them(bench, path):
    started(bench, path)
    columns = rows(path, "SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info('state')")
    assert columns == [
        ("key", "TEXT", 1, None, 1), ("value", "TEXT", 1, None, 0), ("is_binary", "BOOLEAN", 1, None, 0),
        ("etag", "TEXT", 1, None, 0), ("expiration_time", "TIMESTAMP", 0, "NULL", 0),
        ("update_time", "TIMESTAMP", 1, "CURRENT_TIMESTAMP", 0)]
    assert rows(path, "SELECT key, value FROM metadata") == [("migrations", "1")]
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]
    indexes = rows(path, "SELECT name FROM sqlite_master WHERE type='index' AND tbl_name='state'")
    assert indexes == [("sqlite_autoindex_state_1",)]


def test_the_rows_are_as_dapr_writes_them(bench, path):
    sidecar = started(bench, path)
    save(sidecar, "e", "v1")
    save(sidecar, "ttl", {"a": [1.5, "é"]}, metadata={"ttlInSeconds": "100"})
    [(value, binary, etag, expiry, update)] = rows(
        path, "SELECT value, is_binary, etag, expiration_time, update_time FROM state WHERE key=?", "app1||e")
    assert (value, binary, expiry) == ('"v1"', 0, None)
    assert str(uuid.UUID(etag)) == etag == sidecar.get(STATE + "/e").header("Etag")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", update)
    [(value, expiry)] = rows(path, "SELECT value, expiration_time FROM state WHERE key=?", "app1||ttl")
    assert value == '{"a":[1.5,"é"]}' or value == '{"a":[1.5,"\\u00e9"]}'
    shown = sidecar.get(STATE + "/ttl").header("Metadata.ttlExpireTime")
    assert shown == expiry.replace(" ", "T") + "Z"


def test_a_row_of_another_program_is_read(bench, path):
    sidecar = started(bench, path)
    with closing(sqlite3.connect(path)) as database:
        database.execute("INSERT INTO state (key, value, is_binary, etag) VALUES (?, ?, 0, 'e1')",
                         ("app1||json", '{"from":"elsewhere"}'))
        database.execute("INSERT INTO state (key, value, is_binary, etag) VALUES (?, ?, 1, 'e2')",
                         ("app1||bytes", "YWJj"))
        database.commit()
    answer = sidecar.get(STATE + "/json")
    assert answer.json == {"from": "elsewhere"} and answer.header("Etag") == "e1"
    assert sidecar.get(STATE + "/bytes").body == b"abc"


def test_a_plain_set_makes_a_new_row_and_an_etag_set_does_not(bench, path):
    sidecar = started(bench, path)
    save(sidecar, "a", 1), save(sidecar, "b", 1)

    def row():
        return rows(path, "SELECT rowid FROM state WHERE key='app1||a'")[0][0]
    before = row()
    assert save(sidecar, "a", 2, etag=sidecar.get(STATE + "/a").header("Etag")).status == 204
    assert row() == before
    save(sidecar, "a", 3)
    assert row() > before


def test_a_sweep_deletes_what_has_expired_and_notes_it(bench, path):
    sidecar = started(bench, path, cleanupInterval="1s")
    save(sidecar, "short", 1, metadata={"ttlInSeconds": "1"})
    save(sidecar, "long", 1)
    until(lambda: rows(path, "SELECT key FROM state") == [("app1||long",)], "the sweep", 10)
    [(noted,)] = rows(path, "SELECT value FROM metadata WHERE key='last-cleanup'")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", noted)


def test_two_sidecars_share_one_file(bench, path):
    one, other = started(bench, path), started(bench, path)
    assert save(one, "k", "from one").status == 204
    assert other.get(STATE + "/k").json == "from one"
    etag = other.get(STATE + "/k").header("Etag")
    assert save(one, "k", 2, etag=etag).status == 204
    assert save(other, "k", 3, etag=etag).status == 409


@pytest.mark.parametrize("metadata, words", [
    ({"connectionString": "file:x.db?_txlock=immediate"}, "_txlock"),
    ({"connectionString": "x.db?_pragma=journal_mode(delete)"}, "journal_mode"),
    ({"tableName": "a b"}, "tableName"), ({"connectionString": ""}, "connectionString")])
def test_a_wrong_option_stops_the_start(bench, path, metadata, words):
    made = component("store", "state.sqlite", {"connectionString": path, **metadata})
    sidecar = bench.sidecar(ready=False, resources=[made])
    assert sidecar.wait_end() == 1
    assert sidecar.logged(words)


# --- What an acknowledgement is worth ---

class Writers:
    """Threads that save keys of their own until told to end; which were acknowledged, which refused."""

    def __init__(self, sidecar, count=8):
        self.sidecar = sidecar
        self.kept, self.refused = [], []
        self.ends = threading.Event()
        self.threads = [threading.Thread(target=self._write, args=(n,), daemon=True) for n in range(count)]
        for thread in self.threads:
            thread.start()

    def _write(self, number):
        turn = 0
        while not self.ends.is_set():
            key = f"w{number}-{turn}"
            turn += 1
            try:
                answer = save(self.sidecar, key, key)
            except (OSError, EOFError):
                return
            (self.kept if answer.status == 204 else self.refused).append((key, answer))

    def end(self):
        self.ends.set()
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive()


def keys_of(answers):
    return {f"app1||{key}" for key, _ in answers}


def kill(sidecar):
    sidecar.signal(signal.SIGKILL)
    sidecar.process.wait(10)


def test_a_kill_under_load_loses_nothing_acknowledged(bench, tmp_path):
    for round in range(3):
        path = str(tmp_path / f"{round}.db")
        sidecar = started(bench, path)
        writers = Writers(sidecar)
        until(lambda: len(writers.kept) >= 200, "200 acknowledged writes", 30)
        kill(sidecar)
        writers.end()
        after = started(bench, path)
        found = {key for (key,) in rows(path, "SELECT key FROM state")}
        assert keys_of(writers.kept) - found == set()
        assert after.get(STATE + "/" + writers.kept[0][0]).json == writers.kept[0][0]
        after.stop()


SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
static int calls;
static int fails(void)
{
    return !access(getenv("FAULT_WHEN"), F_OK) && __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST) % atoi(getenv("FAULT_EVERY")) == 0;
}
#define SYNC(name) int name(int fd) { \
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, #name); \
    if (fails()) { errno = EIO; return -1; } return real(fd); }
SYNC(fdatasync)
SYNC(fsync)
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shim")
    (folder / "shim.c").write_text(SHIM)
    built = folder / "shim.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(built), str(folder / "shim.c"), "-ldl"], check=True)
    return str(built)


@pytest.mark.parametrize("every", [1, 2, 3, 7])
def test_a_failed_sync_is_an_error_to_each_of_its_writers(bench, path, tmp_path, shim, every):
    when = tmp_path / "now"
    sidecar = started(bench, path, env={
        "LD_PRELOAD": shim, "FAULT_WHEN": str(when), "FAULT_EVERY": str(every),
        "ASAN_OPTIONS": "verify_asan_link_order=0"})
    assert save(sidecar, "before", 1).status == 204
    when.touch()
    writers = Writers(sidecar)
    until(lambda: len(writers.refused) >= 30 and (every == 1 or len(writers.kept) >= 100),
          "acknowledged and refused writes", 60)
    writers.end()
    when.unlink()
    assert save(sidecar, "after", 1).status == 204
    kill(sidecar)
    for _, answer in writers.refused:
        assert answer.status == 500 and answer.json["errorCode"] == "ERR_STATE_SAVE"
        assert "could not be made durable" in answer.json["message"]
    assert every > 1 or not writers.kept
    found = {key for (key,) in rows(path, "SELECT key FROM state")}
    assert keys_of(writers.kept) | {"app1||before", "app1||after"} <= found
    assert not keys_of(writers.refused) & found


# --- The order of events, as the system sees it ---

WRITES = re.compile(r"(write|writev|sendto|sendmsg|pwrite64|pwritev)\(")


@pytest.fixture
def trace(tmp_path):
    """trace(sidecar) -> its system calls from now on, until stop()."""
    if not shutil.which("strace"):
        pytest.fail("needs strace: apt-get install strace")
    tracers = []

    def attach(sidecar):
        file = tmp_path / f"trace{len(tracers)}"
        tracer = subprocess.Popen(
            ["strace", "-f", "-qq", "-s", "64", "-e", "trace=fdatasync,fsync,write,writev,sendto,sendmsg",
             "-o", str(file), "-p", str(sidecar.process.pid)], stderr=subprocess.PIPE)
        tracers.append(tracer)

        def is_traced():
            assert tracer.poll() is None, tracer.stderr.read()
            status = f"/proc/{sidecar.process.pid}/status"
            return "TracerPid:\t0" not in open(status, encoding="ascii").read()
        until(is_traced, "strace to attach", 10)

        def stop():
            tracer.send_signal(signal.SIGINT)
            tracer.wait(10)
            return file.read_text(errors="replace").splitlines()
        return stop
    yield attach
    for tracer in tracers:
        if tracer.poll() is None:
            tracer.kill()
            tracer.wait()


def is_sync(line):
    return re.search(r"(fdatasync|fsync)(\(\d+\)| resumed>\)).*= 0", line) is not None


def test_each_acknowledgement_follows_a_sync(bench, path, trace):
    sidecar = started(bench, path)
    save(sidecar, "warm", 0)
    stop = trace(sidecar)
    for turn in range(25):
        assert save(sidecar, f"k{turn}", turn).status == 204
    assert sidecar.delete(STATE + "/k0").status == 204
    assert sidecar.post(STATE + "/transaction", {"operations": [
        {"operation": "upsert", "request": {"key": "t", "value": 1}}]}).status == 204
    lines = stop()
    synced, acknowledged = False, 0
    for line in lines:
        if is_sync(line):
            synced = True
        elif "HTTP/1.1 204" in line and WRITES.search(line):
            assert synced, f"acknowledged without a sync: {line}"
            synced = False
            acknowledged += 1
    assert acknowledged == 27


def test_writers_at_once_share_a_sync(bench, path, trace):
    sidecar = started(bench, path)
    save(sidecar, "warm", 0)
    stop = trace(sidecar)
    writers = Writers(sidecar, 16)
    until(lambda: len(writers.kept) >= 400, "400 acknowledged writes", 60)
    writers.end()
    syncs = sum(map(is_sync, stop()))
    assert 0 < syncs < len(writers.kept) * 0.7


def test_a_stop_leaves_one_file(bench, path):
    sidecar = started(bench, path)
    save(sidecar, "k", 1)
    sidecar.stop()
    assert not os.path.exists(path + "-wal")
    assert rows(path, "SELECT count(*) FROM state") == [(1,)]
