"""state.mysql against a real MariaDB (contract, components 2.4, 6.1 and 6.4): the tables and rows as Dapr lays them
out, rows of another client, TLS, and the server as it fails in life. MariaDB stands for MySQL, which keeps JSON in a
form of its own; that form is not seen here."""

import os
import re
import signal
import subprocess
import threading
import time
import uuid

import pytest

from harness import rpc
from harness.resources import component
from harness.services import Service
from harness.tap import Tap
from harness.wait import until

pymysql = pytest.importorskip("pymysql")

STATE = "/v1.0/state/store"
PASSWORD = "p w:@/"
RECOVERY_SECONDS = 5.0
NO_ROW = "rows affected error: no rows match given key and eTag"


@pytest.fixture(scope="module")
def server():
    given = os.environ.get("TEST_MARIADB")
    if not given:
        pytest.skip("no MariaDB: run under tests/services/with mariadb")
    return int(given.rpartition(":")[2])


def connect(port, **more):
    return pymysql.connect(host="127.0.0.1", port=port, user="u", password=PASSWORD, autocommit=True, charset="utf8mb4",
                           **more)


class Schema:
    """A database of its own for a test, looked at by PyMySQL."""

    def __init__(self, port):
        self.name = "t" + uuid.uuid4().hex
        self.line = connect(port)

    def rows(self, sql, *given):
        self.line.select_db(self.name)
        with self.line.cursor() as cursor:
            cursor.execute(sql, given or None)
            return list(cursor.fetchall())

    def make(self):
        with self.line.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {self.name}")

    def end(self):
        with self.line.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {self.name}")
        self.line.close()


@pytest.fixture
def schema(server):
    made = Schema(server)
    yield made
    made.end()


def dsn(port, host="127.0.0.1", query=""):
    return f"u:{PASSWORD}@tcp({host}:{port})/{query}"


def store_of(port, schema, **more):
    return component("store", "state.mysql", {"connectionString": dsn(port), "schemaName": schema.name, **more})


def started(bench, port, schema, **more):
    return bench.sidecar(resources=[store_of(port, schema, **more)], app_id="app1")


def save(sidecar, key, value, **more):
    return sidecar.post(STATE, [{"key": key, "value": value, **more}])


def save_text(sidecar, key, text):
    return sidecar.post(STATE, f'[{{"key":"{key}","value":{text}}}]'.encode())


# --- The tables ---

def columns(schema, table):
    return schema.rows("SELECT COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, COLUMN_KEY, EXTRA FROM "
                       "information_schema.COLUMNS WHERE TABLE_SCHEMA=%s AND TABLE_NAME=%s ORDER BY ORDINAL_POSITION",
                       schema.name, table)


STATE_COLUMNS = [
    ("id", "varchar(255)", "NO", None, "PRI", ""), ("value", "longtext", "NO", None, "", ""),
    ("isbinary", "tinyint(1)", "NO", None, "", ""),
    ("insertDate", "timestamp", "NO", "current_timestamp()", "", ""),
    ("updateDate", "timestamp", "NO", "current_timestamp()", "", "on update current_timestamp()"),
    ("eTag", "varchar(36)", "NO", None, "", ""), ("expiredate", "timestamp", "YES", "NULL", "MUL", ""),
    ("row_id", "bigint(20) unsigned", "NO", None, "UNI", "auto_increment")]


def test_the_tables_are_as_dapr_makes_them(bench, server, schema):
    started(bench, server, schema)
    assert columns(schema, "state") == STATE_COLUMNS
    assert columns(schema, "dapr_metadata") == [
        ("id", "varchar(255)", "NO", None, "PRI", ""), ("value", "text", "NO", None, "", "")]
    indexes = {row[2] for row in schema.rows("SHOW INDEX FROM state")}
    assert indexes == {"PRIMARY", "row_id_uidx", "expiredate_idx"}
    assert "json_valid" in schema.rows("SHOW CREATE TABLE state")[0][1]
    assert schema.rows("SELECT * FROM dapr_metadata") == []


def test_tables_have_the_names_they_are_given(bench, server, schema):
    sidecar = started(bench, server, schema, tableName="items", metadataTableName="notes")
    assert save(sidecar, "k", 1).status == 204
    assert schema.rows("SELECT id FROM items") == [("app1||k",)]
    assert columns(schema, "notes")


def test_an_old_table_gets_the_columns_it_lacks(bench, server, schema):
    schema.make()
    schema.rows("CREATE TABLE state (id VARCHAR(255) NOT NULL PRIMARY KEY, value JSON NOT NULL, isbinary BOOLEAN NOT NULL, "
                "insertDate TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, updateDate TIMESTAMP NOT NULL DEFAULT "
                "CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, eTag VARCHAR(36) NOT NULL)")
    schema.rows("INSERT INTO state (id, value, isbinary, eTag) VALUES ('app1||Old', '{\"kept\":true}', 0, 'e0')")
    sidecar = started(bench, server, schema)
    assert columns(schema, "state") == STATE_COLUMNS
    answer = sidecar.get(STATE + "/Old")
    assert answer.json == {"kept": True} and answer.header("Etag") == "e0"
    # The order of an old table is the server's: here "old" is "Old", one by one and in a bulk alike.
    found = sidecar.post(STATE + "/bulk", {"keys": ["Old", "none"]}).json
    assert sorted(one["key"] for one in found if "data" in one) == ["Old"]


# --- The rows ---

@pytest.mark.parametrize("value, stored", [
    ('"abc"', '"abc"'), ('""', '""'), ("1", "1"), ("0.123456789", "0.123456789"), ("true", "true"), ("null", "null"),
    ('{"b":1,"a":[1.50,"x<y>&"],"u":"é","a2":null}', '{"b":1,"a":[1.50,"x<y>&"],"u":"é","a2":null}')])
def test_json_over_http_is_stored_as_it_is(bench, server, schema, value, stored):
    sidecar = started(bench, server, schema)
    assert save_text(sidecar, "k", value).status == 204
    assert schema.rows("SELECT value, isbinary FROM state WHERE id='app1||k'") == [(stored, 0)]
    assert sidecar.get(STATE + "/k").body.decode() == value


@pytest.mark.parametrize("value, stored", [
    (b"\0\1\xff", '"AAH/"'), (b"abc", '"YWJj"'), (b'{"b":1,"a":2.50}', '"eyJiIjoxLCJhIjoyLjUwfQ=="'), (b"", '""')])
def test_bytes_over_grpc_are_a_text_of_base64(bench, server, schema, value, stored):
    sidecar = started(bench, server, schema)
    dapr = rpc.Dapr(sidecar.grpc)
    dapr.SaveState(store_name="store", states=[{"key": "k", "value": value}])
    assert schema.rows("SELECT value, isbinary FROM state WHERE id='app1||k'") == [(stored, 1)]
    assert dapr.GetState(store_name="store", key="k").data == value


def test_bytes_that_say_they_are_json_are_json(bench, server, schema):
    sidecar = started(bench, server, schema)
    dapr = rpc.Dapr(sidecar.grpc)
    dapr.SaveState(store_name="store", states=[{"key": "k", "value": b'{"b": 1}', "metadata": {"contentType": "application/json"}}])
    dapr.ExecuteStateTransaction(storeName="store", operations=[{"operationType": "upsert", "request": {
        "key": "x", "value": b'{"b":1}', "metadata": {"contentType": "application/json"}}}])
    assert schema.rows("SELECT id, value, isbinary FROM state ORDER BY id") == [
        ("app1||k", '{"b":1}', 0), ("app1||x", '"eyJiIjoxfQ=="', 1)]


def test_etag_dates_and_row_id(bench, server, schema):
    sidecar = started(bench, server, schema)
    save(sidecar, "e", "v1")

    def row():
        return schema.rows("SELECT row_id, eTag, expiredate FROM state WHERE id='app1||e'")[0]
    first, etag, expiry = row()
    assert str(uuid.UUID(etag)) == etag == sidecar.get(STATE + "/e").header("Etag")
    assert expiry is None
    assert save(sidecar, "e", "v2", etag=etag).status == 204
    assert row()[0] == first and row()[1] != etag
    assert save(sidecar, "e", "v3").status == 204
    assert row()[0] > first


def test_rows_of_another_client_are_read(bench, server, schema):
    sidecar = started(bench, server, schema)
    schema.rows("INSERT INTO state (id, value, isbinary, eTag, expiredate) VALUES "
                "('app1||json', '{\"from\":\"elsewhere\"}', 0, 'e1', NULL), ('app1||bytes', '\"AAH/\"', 1, 'e2', NULL), "
                "('app1||gone', '1', 0, 'e3', CURRENT_TIMESTAMP - INTERVAL 5 SECOND), "
                "('app1||soon', '1', 0, 'e4', CURRENT_TIMESTAMP + INTERVAL 50 SECOND)")
    answer = sidecar.get(STATE + "/json")
    assert answer.json == {"from": "elsewhere"} and answer.header("Etag") == "e1"
    assert sidecar.get(STATE + "/bytes").body == b"\0\1\xff"
    assert sidecar.get(STATE + "/gone").status == 204
    assert sidecar.get(STATE + "/soon").header("Metadata.ttlExpireTime")
    found = {one["key"]: one for one in sidecar.post(STATE + "/bulk", {"keys": ["json", "gone", "soon"]}).json}
    assert found["json"]["etag"] == "e1" and "data" not in found["gone"]
    assert "ttlExpireTime" in found["soon"]["metadata"]


def test_a_row_that_is_no_base64_is_an_error_not_a_value(bench, server, schema):
    sidecar = started(bench, server, schema)
    schema.rows("INSERT INTO state (id, value, isbinary, eTag) VALUES ('app1||bad', '{\"x\":1}', 1, 'e')")
    answer = sidecar.get(STATE + "/bad")
    assert answer.status == 500 and "not base64" in answer.json["message"]


def test_etags_as_the_contract_tabulates_them(bench, server, schema):
    sidecar = started(bench, server, schema)
    save(sidecar, "k", 1)
    stale = sidecar.get(STATE + "/k").header("Etag")
    save(sidecar, "k", 2)
    for etag in (stale, "bad-etag"):
        answer = save(sidecar, "k", 3, etag=etag)
        assert answer.status == 409 and NO_ROW in answer.json["message"]
        assert sidecar.delete(STATE + "/k", headers={"If-Match": etag}).status == 409
    assert save(sidecar, "none", 1, etag=stale).status == 409
    assert save(sidecar, "fw", 1, options={"concurrency": "first-write"}).status == 204
    assert save(sidecar, "fw", 2, options={"concurrency": "first-write"}).status == 409
    assert save(sidecar, "fw", 3).status == 204
    assert sidecar.delete(STATE + "/none").status == 204
    assert sidecar.delete(STATE + "/none", headers={"If-Match": stale}).status == 409
    answer = sidecar.post(STATE + "/transaction", {"operations": [
        {"operation": "upsert", "request": {"key": "t", "value": 1}},
        {"operation": "upsert", "request": {"key": "k", "value": 9, "etag": stale}}]})
    assert answer.status == 500 and answer.json["errorCode"] == "ERR_STATE_TRANSACTION"
    assert sidecar.get(STATE + "/t").status == 204
    assert sidecar.get(STATE + "/k").json == 2


def test_a_time_to_live(bench, server, schema):
    sidecar = started(bench, server, schema)
    save(sidecar, "k", 1, metadata={"ttlInSeconds": "100"})
    [(left,)] = schema.rows("SELECT TIMESTAMPDIFF(SECOND, CURRENT_TIMESTAMP, expiredate) FROM state")
    assert 98 <= left <= 101
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", sidecar.get(STATE + "/k").header("Metadata.ttlExpireTime"))
    for lifted in ("-1", "0"):
        save(sidecar, "k", 1, metadata={"ttlInSeconds": lifted})
        assert schema.rows("SELECT expiredate FROM state") == [(None,)]
    answer = save(sidecar, "k", 1, metadata={"ttlInSeconds": "abc"})
    assert answer.status == 500 and "error parsing TTL: incorrect value for metadata 'ttlInSeconds'" in answer.json["message"]


def test_a_sweep_deletes_what_has_expired_and_notes_it(bench, server, schema):
    sidecar = started(bench, server, schema, cleanupInterval="1s")
    save(sidecar, "short", 1, metadata={"ttlInSeconds": "1"})
    save(sidecar, "long", 1)
    until(lambda: schema.rows("SELECT id FROM state") == [("app1||long",)], "the sweep", 10)
    [(noted,)] = schema.rows("SELECT value FROM dapr_metadata WHERE id='last-cleanup'")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", noted)


@pytest.mark.differs
def test_an_expired_row_may_be_written_first(bench, server, schema):
    sidecar = started(bench, server, schema)
    schema.rows("INSERT INTO state (id, value, isbinary, eTag, expiredate) VALUES "
                "('app1||k', '1', 0, 'e1', CURRENT_TIMESTAMP - INTERVAL 5 SECOND)")
    assert save(sidecar, "k", 2, etag="e1").status == 409
    assert save(sidecar, "k", 2, options={"concurrency": "first-write"}).status == 204
    assert sidecar.get(STATE + "/k").json == 2


@pytest.mark.differs
def test_keys_that_differ_in_case_or_blanks_are_two(bench, server, schema):
    sidecar = started(bench, server, schema)
    for number, key in enumerate(["key", "Key", "key ", "kéy"]):
        assert save(sidecar, key, number).status == 204
    assert [sidecar.get(STATE + f"/{key}").json for key in ("key", "Key", "key%20", "k%C3%A9y")] == [0, 1, 2, 3]


# --- Lines to the server ---

def test_a_server_with_tls_is_verified(bench, server, schema, tmp_path):
    authority = os.environ["MARIADB_CA"]

    def with_tls(host, query, **more):
        return component("store", "state.mysql", {"connectionString": dsn(server, host, query), "schemaName": schema.name, **more})

    def cipher():
        return schema.rows("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB=%s", schema.name)
    sidecar = bench.sidecar(resources=[with_tls("localhost", "?tls=custom", pemPath=authority)])
    assert save(sidecar, "k", {"big": "x" * 300000}).status == 204
    assert sidecar.get(STATE + "/k").json == {"big": "x" * 300000}
    assert cipher()
    sidecar.stop()
    for query in ("?tls=skip-verify", "?tls=preferred"):
        sidecar = bench.sidecar(resources=[with_tls("127.0.0.1", query)])
        assert save(sidecar, "k", 1).status == 204
        sidecar.stop()
    stranger = str(tmp_path / "stranger.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-subj", "/CN=stranger", "-keyout", str(tmp_path / "key"), "-out", stranger], check=True, capture_output=True)
    for query, more in (("?tls=true", {}), ("?tls=custom", {"pemPath": stranger})):
        refused = bench.sidecar(ready=False, resources=[with_tls("localhost", query, **more)])
        assert refused.wait_end() == 1
        assert refused.logged("cannot connect: ")


def test_a_unix_socket(bench, server, schema):
    sidecar = bench.sidecar(resources=[component("store", "state.mysql", {
        "connectionString": f"u:{PASSWORD}@unix({os.environ['MARIADB_SOCKET']})/", "schemaName": schema.name})])
    assert save(sidecar, "k", 1).status == 204


@pytest.mark.parametrize("change, words", [
    ({"connectionString": "u:s3cret@tcp(127.0.0.1:1)/"}, "mysql 127.0.0.1:1: cannot connect"),
    ({"connectionString": "u:s3cret@127.0.0.1/"}, "neither tcp nor unix"),
    ({"connectionString": ""}, "connectionString"), ({"tableName": "a b"}, "tableName"),
    ({"connectionString": "u:s3cret@tcp(127.0.0.1:1)/mine"}, "say schemaName: mine"),
    ({"pemPath": "/nowhere.pem"}, "pemPath")])
def test_a_wrong_option_stops_the_start(bench, server, schema, change, words):
    sidecar = bench.sidecar(ready=False, resources=[store_of(server, schema, **change)])
    assert sidecar.wait_end() == 1
    assert sidecar.logged(words)
    assert not sidecar.logged("s3cret")


def test_a_user_that_may_not_is_told(bench, server, schema):
    for given in (f"u:wrong@tcp(127.0.0.1:{server})/", f"few:few@tcp(127.0.0.1:{server})/"):
        sidecar = bench.sidecar(ready=False, resources=[store_of(server, schema, connectionString=given)])
        assert sidecar.wait_end() == 1
        assert sidecar.logged("denied")


# --- The server as it fails ---

@pytest.fixture
def tap(server):
    made = Tap(server)
    yield made
    made.close()


def assert_sentence(answer):
    assert answer.status == 500, answer.text
    assert answer.json["errorCode"] in ("ERR_STATE_SAVE", "ERR_STATE_GET", "ERR_STATE_TRANSACTION"), answer.text
    assert "mysql" in answer.json["message"]


def assert_recovers(sidecar, key):
    since = time.monotonic()
    until(lambda: save(sidecar, key, "back").status == 204, "a write", 10)
    assert time.monotonic() - since < RECOVERY_SECONDS
    assert sidecar.get(f"{STATE}/{key}").json == "back"


def test_a_line_that_is_refused_is_an_error_and_comes_back(bench, tap, schema):
    sidecar = started(bench, tap.port, schema)
    assert save(sidecar, "k", 1).status == 204
    tap.refuse()
    for _ in range(3):
        assert_sentence(save(sidecar, "k", 2))
    assert_sentence(sidecar.get(STATE + "/k"))
    tap.open()
    assert_recovers(sidecar, "k")


def test_an_idle_line_that_was_reset_is_not_noticed(bench, tap, schema):
    sidecar = started(bench, tap.port, schema)
    for turn in range(10):
        assert save(sidecar, "k", turn).status == 204
        assert sidecar.get(STATE + "/k").json == turn
        tap.reset()


@pytest.mark.parametrize("after", [1, 4, 9, 20, 60])
def test_half_an_answer_is_asked_again_or_an_error(bench, tap, schema, after):
    sidecar = started(bench, tap.port, schema)
    assert save(sidecar, "k", {"text": "x" * 500}).status == 204
    assert sidecar.get(STATE + "/k").status == 200
    tap.cut_answer(after)
    assert sidecar.get(STATE + "/k").json == {"text": "x" * 500}
    tap.cut_answer(after)
    answer = save(sidecar, "k", 2)
    assert answer.status == 204 or assert_sentence(answer) is None
    assert_recovers(sidecar, "k")


@pytest.mark.parametrize("query", ["", "?tls=skip-verify"])
def test_a_stalled_server_costs_the_timeout_and_no_more(bench, tap, schema, query):
    sidecar = started(bench, tap.port, schema, connectionString=dsn(tap.port, query=query), timeoutInSeconds="1")
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


def test_a_start_with_a_stalled_server_ends_in_time(bench, tap, schema):
    tap.stall()
    since = time.monotonic()
    sidecar = bench.sidecar(ready=False, resources=[
        component("store", "state.mysql", {"connectionString": dsn(tap.port), "schemaName": schema.name}, initTimeout="2s")])
    assert sidecar.wait_end() == 1
    assert time.monotonic() - since < 6


class Own(Service):
    """A MariaDB of this test, that can be killed and started again at the same port with what it held."""

    def __init__(self):
        super().__init__("mariadb")

    def pid(self):
        with open(os.path.join(self.folder, "pid"), encoding="ascii") as file:
            return int(file.read())

    def kill(self):
        pid = self.pid()
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            self.command = [part.decode() for part in file.read().split(b"\0")[:-1]]
        os.kill(pid, signal.SIGKILL)

        def is_gone():
            try:
                with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                    return file.read().rsplit(")", 1)[1].split()[0] == "Z"
            except FileNotFoundError:
                return True
        until(is_gone, "the server to end", 20)

    def back(self):
        with open(os.path.join(self.folder, "log"), "ab") as log:
            made = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        with open(os.path.join(self.folder, "pid"), "w", encoding="ascii") as file:
            file.write(str(made.pid))

        def answers():
            try:
                connect(self.port).close()
                return True
            except pymysql.err.OperationalError:
                return False
        until(answers, "the server to answer", 30)


def test_a_killed_server_loses_nothing_acknowledged(bench):
    server = Own()
    try:
        schema = Schema(server.port)
        sidecar = started(bench, server.port, schema)
        kept, failed, odd, ends = {}, [], [], threading.Event()

        def write(name):
            turn = 0
            while not ends.is_set():
                turn += 1
                answer = save(sidecar, name, turn)
                if answer.status == 204:
                    kept[name] = turn
                else:
                    (failed if answer.status == 500 else odd).append(answer)
        writers = [threading.Thread(target=write, args=(f"w{n}",)) for n in range(4)]
        for writer in writers:
            writer.start()
        for _ in range(2):
            until(lambda: len(kept) == 4, "writes", 20)
            server.kill()
            server.back()
            since = time.monotonic()
            kept.clear()
            until(lambda: len(kept) == 4, "writes after the server is back", 10)
            assert time.monotonic() - since < RECOVERY_SECONDS
        ends.set()
        for writer in writers:
            writer.join(20)
        assert failed and not odd, [one.text for one in odd[:3]]
        for name, turn in kept.items():
            assert sidecar.get(f"{STATE}/{name}").json == turn
    finally:
        server.stop()
