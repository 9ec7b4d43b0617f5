"""configuration.postgresql and bindings.postgresql against a real server (contract, components 2.2.5, 2.2.6, 6.15, 6.16):
rows and notifications of psql, and SQL whose effect psql sees."""

import json
import queue
import re
import threading

import pytest

from harness import rpc
from harness.app import reply
from harness.postgres import Database, server_port, url
from harness.resources import component
from harness.tap import Tap
from harness.wait import until

SECONDS = 20
SETTINGS = "/v1.0/configuration/settings"


@pytest.fixture(scope="module")
def server():
    return server_port()


@pytest.fixture
def database(server):
    made = Database(server)
    made.rows("""
        CREATE TABLE configtable (key varchar NOT NULL, value varchar NOT NULL, version varchar NOT NULL, metadata json);
        CREATE FUNCTION tell() RETURNS trigger AS $$
        BEGIN
            PERFORM pg_notify('config', json_build_object('table', TG_TABLE_NAME, 'action', TG_OP, 'data',
                CASE WHEN TG_OP = 'DELETE' THEN row_to_json(OLD) ELSE row_to_json(NEW) END)::text);
            RETURN NULL;
        END $$ LANGUAGE plpgsql;
        CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE ON configtable FOR EACH ROW EXECUTE FUNCTION tell()""")
    yield made
    made.end()


@pytest.fixture
def tap(server):
    made = Tap(server)
    yield made
    made.close()


# --- configuration ---

def settings_of(where, database, **more):
    return component("settings", "configuration.postgresql", {"connectionString": url(where, database.name), "table": "configtable",
                                                              "notifyChannel": "config", **more})


def test_the_highest_version_of_a_key_counts(bench, server, database):
    database.rows("""INSERT INTO configtable VALUES ('k1', 'v1', '1', '{"m":"x"}'), ('k1', 'v2', '2', NULL), ('k1', 'v0', 'zero', NULL),
                     ('k2', 'w', 'a', '{}'), ('k3', 'm', '1', '{"m":"x","n":"y"}')""")
    sidecar = bench.sidecar(resources=[settings_of(server, database)])
    both = {"k1": {"value": "v2", "version": "2"}, "k2": {"value": "w", "version": "a"}}
    assert sidecar.get(SETTINGS).json == {**both, "k3": {"value": "m", "version": "1", "metadata": {"m": "x", "n": "y"}}}
    assert sidecar.get(SETTINGS + "?key=k1&key=k2&key=none").json == both
    assert sidecar.get(SETTINGS + "?key=none").status in (200, 204)
    answer = sidecar.get(SETTINGS + "?key=a%20b")
    assert answer.status == 500 and "a b" in answer.json["message"]


def test_versions_are_numbers_not_texts(bench, server, database):
    database.rows("INSERT INTO configtable VALUES ('k', 'nine', '9', NULL), ('k', 'ten', '10', NULL)")
    sidecar = bench.sidecar(resources=[settings_of(server, database)])
    assert sidecar.get(SETTINGS + "?key=k").json == {"k": {"value": "ten", "version": "10"}}


@pytest.mark.parametrize("change, words", [
    ({"table": "nowhere"}, "postgreSQL configuration table 'nowhere' does not exist"), ({"table": "Config"}, "table: 'Config'"),
    ({"table": "a;b"}, "table: 'a;b'"), ({"table": "x" * 65}, "at most 64"), ({"connectionString": "host=127.0.0.1 port=1"}, "Connection refused")])
def test_a_wrong_option_stops_the_start(bench, server, database, change, words):
    sidecar = bench.sidecar(ready=False, resources=[settings_of(server, database, **change)])
    assert sidecar.wait_end() == 1
    assert sidecar.logged(words)


class Stream:
    def __init__(self, sidecar, keys, **metadata):
        self.dapr = rpc.Dapr(sidecar.grpc)
        method = self.dapr.SubscribeConfiguration
        self.call = method.stream(iter([method.request(store_name="settings", keys=keys, metadata=metadata)]))
        self.messages = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        first = self.messages.get(timeout=SECONDS)
        if isinstance(first, Exception):
            raise first

    def _read(self):
        try:
            for message in self.call:
                self.messages.put(message)
        except Exception as error:
            self.messages.put(error)

    def change(self):
        message = self.messages.get(timeout=SECONDS)
        return {key: (one.value, one.version, dict(one.metadata)) for key, one in message.items.items()}


def test_changes_are_posted_to_the_app(bench, server, database):
    app = bench.app()
    app.otherwise = reply(200, b"")
    sidecar = bench.sidecar(app=app, resources=[settings_of(server, database)])
    assert sidecar.get(SETTINGS + "/subscribe?key=k1").json["id"]
    until(lambda: database.rows("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'listen config'") == ["1"],
          "the listener", SECONDS)
    database.rows("INSERT INTO configtable VALUES ('other', 'x', '1', NULL)")
    database.rows("INSERT INTO configtable VALUES ('k1', 'v0', '0', NULL)")
    database.rows("UPDATE configtable SET value = 'v1', version = '1', metadata = '{\"m\":\"x\"}' WHERE key = 'k1'")
    database.rows("DELETE FROM configtable WHERE key = 'k1'")
    until(lambda: len(app.requests("/configuration/settings/k1")) == 3, "three posts", SECONDS)
    items = [json.loads(one.body)["items"] for one in app.requests("/configuration/settings/k1")]
    last = {"k1": {"value": "v1", "version": "1", "metadata": {"m": "x"}}}
    assert items == [{"k1": {"value": "v0", "version": "0"}}, last, last]
    assert not app.requests("/configuration/settings/other")


def test_a_stream_without_keys_is_told_of_all(bench, server, database):
    sidecar = bench.sidecar(resources=[settings_of(server, database)])
    stream = Stream(sidecar, [])
    database.rows("INSERT INTO configtable VALUES ('a', '1', '1', NULL)")
    assert stream.change() == {"a": ("1", "1", {})}
    database.rows("SELECT pg_notify('config', 'no json'), pg_notify('config', '{\"data\":{\"key\":\"n\",\"value\":1}}')")
    database.rows("INSERT INTO configtable VALUES ('b', '2', '1', NULL)")
    assert stream.change() == {"b": ("2", "1", {})}
    assert len(sidecar.logged("it is dropped")) == 2


def test_a_request_may_name_the_channel_and_one_is_needed(bench, server, database):
    sidecar = bench.sidecar(resources=[settings_of(server, database, notifyChannel="")])
    with pytest.raises(Exception) as refused:
        Stream(sidecar, ["k"])
    assert ('unable to subscribe to "configtable". notifyChannel must be set in component metadata or request metadata'
            in str(refused.value))
    stream = Stream(sidecar, ["k"], pgNotifyChannel="config")
    database.rows("INSERT INTO configtable VALUES ('k', '1', '1', NULL)")
    assert stream.change() == {"k": ("1", "1", {})}


@pytest.mark.differs
def test_a_line_that_broke_listens_again_and_tells_what_was_missed(bench, tap, database):
    sidecar = bench.sidecar(resources=[settings_of(tap.port, database)])
    stream = Stream(sidecar, ["k"])
    database.rows("INSERT INTO configtable VALUES ('k', 'before', '1', NULL)")
    assert stream.change() == {"k": ("before", "1", {})}
    tap.refuse()
    database.rows("UPDATE configtable SET value = 'missed', version = '2'")
    tap.open()
    assert stream.change() == {"k": ("missed", "2", {})}
    database.rows("UPDATE configtable SET value = 'after', version = '3'")
    assert stream.change() == {"k": ("after", "3", {})}


# --- binding ---

def binding_of(where, database, **more):
    return component("sql", "bindings.postgresql", {"connectionString": url(where, database.name), **more})


def invoke(sidecar, operation, sql=None, params=None, **more):
    metadata = {"sql": sql, "params": None if params is None else json.dumps(params)}
    return sidecar.post("/v1.0/bindings/sql", {"operation": operation, "metadata": {k: v for k, v in metadata.items() if v}, **more})


def test_exec_says_how_many_rows_it_touched(bench, server, database):
    sidecar = bench.sidecar(resources=[binding_of(server, database)])
    sql = "INSERT INTO configtable VALUES ($1, $2, $3, $4)"
    answer = invoke(sidecar, "exec", sql, ["k", "it's", "1", {"a": [1.5]}])
    assert answer.status == 200, answer.text
    assert answer.header("Metadata.operation") == "exec" and answer.header("Metadata.sql") == sql
    assert answer.header("Metadata.rows-affected") == "1"
    for name in ("start-time", "end-time"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", answer.header("Metadata." + name))
    assert re.fullmatch(r"[\d.]+(ns|µs|ms|s)", answer.header("Metadata.duration"))
    assert database.rows("SELECT * FROM configtable") == ['k|it\'s|1|{"a": [1.5]}']
    assert invoke(sidecar, "exec", "UPDATE configtable SET value = 'x' WHERE key = 'none'").header("Metadata.rows-affected") == "0"


def test_query_gives_rows_as_lists(bench, server, database):
    database.rows("""CREATE TABLE foo (id int, v1 text, ts date, n numeric, ok bool, at timestamptz, raw bytea, doc jsonb, many int[]);
        INSERT INTO foo VALUES (1, 'x', '2026-11-22', 1.5, true, '2026-11-22T10:00:00Z', '\\x0001ff', '{"a": 1}', '{1,2}');
        INSERT INTO foo (id) VALUES (2)""")
    sidecar = bench.sidecar(resources=[binding_of(server, database)])
    answer = invoke(sidecar, "query", "SELECT * FROM foo WHERE id < $1 ORDER BY id", [3])
    assert answer.status == 200, answer.text
    assert answer.json == [[1, "x", "2026-11-22T00:00:00Z", 1.5, True, "2026-11-22T10:00:00Z", "AAH/", {"a": 1}, [1, 2]],
                           [2, None, None, None, None, None, None, None, None]]
    assert answer.header("Metadata.operation") == "query" and answer.header("Metadata.rows-affected") is None
    assert invoke(sidecar, "query", "SELECT 1 WHERE false").body == b"[]"
    assert rpc.Dapr(sidecar.grpc).InvokeBinding(name="sql", operation="query", metadata={"sql": "SELECT 12345678901234567"}).data == \
        b"[[12345678901234567]]"


@pytest.mark.parametrize("operation, sql, params, words", [
    ("query", None, None, "required metadata not set: sql"), ("exec", "SELEC", None, 'syntax error at or near "SELEC"'),
    ("query", "SELECT 1/0", None, "division by zero"), ("query", "SELECT $1::int", ["x"], "invalid input syntax for type integer"),
    ("exec", "SELECT 1; SELECT 2", None, "multiple commands"), ("exec", "COPY configtable TO STDOUT", None, "postgresql"),
    ("query", "SELECT 1", {"a": 1}, "params"), ("query", "SELECT $1::text", ["a\0b"], "params"),
    ("bogus", "SELECT 1", None, "binding sql does not support operation bogus. supported operations:exec query close")])
def test_what_fails_is_said(bench, server, database, operation, sql, params, words):
    sidecar = bench.sidecar(resources=[binding_of(server, database)])
    answer = invoke(sidecar, operation, sql, params)
    assert answer.status == 500 and answer.json["errorCode"] == "ERR_INVOKE_OUTPUT_BINDING", answer.text
    assert words in answer.json["message"]
    until(lambda: invoke(sidecar, "query", "SELECT 1").status == 200, "the next query", 5)


@pytest.mark.parametrize("opening", ["BEGIN", "/* so */ start transaction isolation level serializable"])
def test_a_transaction_that_a_statement_opens_holds_nobody_up(bench, server, database, opening):
    sidecar = bench.sidecar(resources=[binding_of(server, database)])
    answer = invoke(sidecar, "exec", opening)
    assert answer.status == 500 and "transaction" in answer.json["message"], answer.text
    until(lambda: invoke(sidecar, "query", "SELECT 1").status == 200, "the next query", 5)
    assert invoke(sidecar, "exec", "INSERT INTO configtable VALUES ('k', 'v', '1', '{}')").status == 200
    assert database.rows("SELECT key FROM configtable") == ["k"]


def test_close_ends_the_binding(bench, server, database):
    sidecar = bench.sidecar(resources=[binding_of(server, database)])
    assert invoke(sidecar, "query", "SELECT 1").status == 200
    assert invoke(sidecar, "close").status in (200, 204)
    assert database.rows("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()") == ["0"]
    answer = invoke(sidecar, "query", "SELECT 1")
    assert answer.status == 500 and "closed" in answer.json["message"]


def test_a_broken_line_is_an_error_and_comes_back(bench, tap, database):
    sidecar = bench.sidecar(resources=[binding_of(tap.port, database, timeout="1s")])
    assert invoke(sidecar, "query", "SELECT 1").status == 200
    tap.refuse()
    until(lambda: invoke(sidecar, "query", "SELECT 1").status == 500, "the loss", 5)
    tap.open()
    until(lambda: invoke(sidecar, "query", "SELECT 1").status == 200, "the return", 5)
    answer = invoke(sidecar, "query", "SELECT pg_sleep(9)")
    assert answer.status == 500 and "statement timeout" in answer.json["message"]
