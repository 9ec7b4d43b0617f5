"""state.postgresql against a real server (contract, components 2.2, 6.1 and 6.3): tables and rows as Dapr lays them out,
rows that psql wrote in that form, and the server as it fails in life."""

import json
import os
import re
import subprocess
import threading
import time

import pytest

from harness import rpc
from harness.postgres import Database, OwnServer, server_port, url
from harness.resources import component
from harness.tap import Tap
from harness.wait import until

STATE = "/v1.0/state/store"
QUERY = "/v1.0-alpha1/state/store/query"
RECOVERY_SECONDS = 5.0


@pytest.fixture(scope="module")
def server():
    return server_port()


@pytest.fixture
def database(server):
    made = Database(server)
    yield made
    made.end()


def store_of(where, schema, version="v1", kind="state.postgresql", **more):
    return component("store", kind, {"connectionString": url(where, schema.name), **more}, version=version)


def started(bench, where, schema, **more):
    return bench.sidecar(resources=[store_of(where, schema, **more)], app_id="app1")


def save(sidecar, key, value, **more):
    return sidecar.post(STATE, [{"key": key, "value": value, **more}])


def save_text(sidecar, key, text):
    return sidecar.post(STATE, f'[{{"key":"{key}","value":{text}}}]'.encode())


# --- The tables ---

COLUMNS = ("SELECT column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '') || ' ' || is_identity "
           "FROM information_schema.columns WHERE table_name = '{}' ORDER BY ordinal_position")
INDEXES = "SELECT indexdef FROM pg_indexes WHERE tablename = '{}' ORDER BY indexname"


def test_the_tables_of_both_versions_are_as_dapr_makes_them(bench, server, database):
    second = store_of(server, database, "v2", tablePrefix="p_")
    second["metadata"]["name"] = "second"
    bench.sidecar(resources=[store_of(server, database), second])
    assert database.rows(COLUMNS.format("state")) == [
        "key text NO  NO", "value jsonb NO  NO", "isbinary boolean NO  NO", "insertdate timestamp with time zone NO now() NO",
        "updatedate timestamp with time zone YES  NO", "expiredate timestamp with time zone YES  NO", "row_id bigint NO  YES"]
    assert database.rows(COLUMNS.format("p_state")) == [
        "key text NO  NO", "value bytea NO  NO", "etag uuid NO gen_random_uuid() NO",
        "created_at timestamp with time zone NO now() NO", "updated_at timestamp with time zone YES  NO",
        "expires_at timestamp with time zone YES  NO", "row_id bigint NO  YES"]
    assert database.rows(INDEXES.format("state")) == [
        "CREATE UNIQUE INDEX state_pkey ON public.state USING btree (key)",
        "CREATE UNIQUE INDEX state_row_id_uidx ON public.state USING btree (row_id)"]
    assert database.rows(INDEXES.format("p_state")) == [
        "CREATE INDEX p_state_expires_at_idx ON public.p_state USING btree (expires_at)",
        "CREATE UNIQUE INDEX p_state_pkey ON public.p_state USING btree (key)",
        "CREATE UNIQUE INDEX p_state_row_id_uidx ON public.p_state USING btree (row_id)"]
    assert database.rows("SELECT * FROM dapr_metadata ORDER BY key") == [
        "lock|lock", "migrations|3", "migrations-state-v2-p_|2"]


@pytest.mark.parametrize("version, kind", [("", "state.postgresql"), ("v1", "state.postgres"), ("v2", "state.postgres"),
                                           ("v2", "State.PostgreSQL")])
def test_the_version_chooses_the_table_and_v1_is_the_default(bench, server, database, version, kind):
    sidecar = started(bench, server, database, version=version, kind=kind)
    assert save(sidecar, "k", {"a": 1}).status == 204
    kind_of_value = database.rows("SELECT data_type FROM information_schema.columns WHERE table_name = 'state' AND column_name = 'value'")
    assert kind_of_value == ["bytea" if version == "v2" else "jsonb"]
    features = sidecar.get("/v1.0/metadata").json["components"][0]["capabilities"]
    assert ("QUERY_API" in features) == (version != "v2")


def test_v2_does_not_take_the_table_of_v1(bench, server, database):
    started(bench, server, database).stop()
    refused = bench.sidecar(ready=False, resources=[store_of(server, database, "v2")])
    assert refused.wait_end() == 1
    assert refused.logged('column "expires_at" does not exist')


def test_two_sidecars_make_the_tables_at_once(bench, server, database):
    made = [bench.sidecar(ready=False, resources=[store_of(server, database)]) for _ in range(4)]
    for sidecar in made:
        sidecar.wait_ready()
    assert database.rows("SELECT * FROM dapr_metadata ORDER BY key") == ["lock|lock", "migrations|3"]


def test_a_lock_that_another_sidecar_holds_is_waited_for(bench, server, database):
    database.rows("CREATE TABLE dapr_metadata (key text NOT NULL PRIMARY KEY, value text NOT NULL); "
                  "INSERT INTO dapr_metadata VALUES ('lock', 'lock')")
    holder = subprocess.Popen(["psql", url(server, database.name), "-qAt"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    holder.stdin.write("BEGIN; SELECT value FROM dapr_metadata WHERE key = 'lock' FOR UPDATE;\n")
    holder.stdin.flush()
    assert holder.stdout.readline() == "lock\n"
    sidecar = bench.sidecar(ready=False, resources=[store_of(server, database)])
    until(lambda: database.rows("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"),
          "the sidecar at the lock", 10)
    assert database.rows("SELECT to_regclass('state')") == [""]
    holder.stdin.write("COMMIT;\n")
    holder.stdin.close()
    holder.wait(10)
    sidecar.wait_ready()
    assert save(sidecar, "k", 1).status == 204


# --- The rows of v1 ---

@pytest.mark.parametrize("value, stored", [
    ('"abc"', '"abc"'), ('""', '""'), ("1", "1"), ("0.123456789", "0.123456789"), ("1e21", "1000000000000000000000"),
    ("true", "true"), ("null", "null"),
    ('{"b":1,"a":[1.50,"x<y>&"],"u":"é","a2":null}', '{"a": [1.50, "x<y>&"], "b": 1, "u": "é", "a2": null}')])
def test_json_over_http_is_jsonb(bench, server, database, value, stored):
    sidecar = started(bench, server, database)
    assert save_text(sidecar, "k", value).status == 204
    assert database.rows("SELECT value, isbinary FROM state WHERE key = 'app1||k'") == [f"{stored}|f"]
    assert sidecar.get(STATE + "/k").body.decode() == stored


@pytest.mark.parametrize("value, stored", [
    (b"\0\1\xff", '"AAH/"'), (b"abc", '"YWJj"'), (b'{"b":1,"a":2.50}', '"eyJiIjoxLCJhIjoyLjUwfQ=="'), (b"", '""')])
def test_bytes_over_grpc_are_a_text_of_base64(bench, server, database, value, stored):
    sidecar = started(bench, server, database)
    dapr = rpc.Dapr(sidecar.grpc)
    dapr.SaveState(store_name="store", states=[{"key": "k", "value": value}])
    assert database.rows("SELECT value, isbinary FROM state WHERE key = 'app1||k'") == [f"{stored}|t"]
    assert dapr.GetState(store_name="store", key="k").data == value


def test_bytes_that_say_they_are_json_are_json_but_not_in_a_transaction(bench, server, database):
    sidecar = started(bench, server, database)
    dapr = rpc.Dapr(sidecar.grpc)
    said = {"contentType": "application/json"}
    dapr.SaveState(store_name="store", states=[{"key": "k", "value": b'{"b":1,"a":2.50}', "metadata": said}])
    dapr.ExecuteStateTransaction(storeName="store", operations=[
        {"operationType": "upsert", "request": {"key": "x", "value": b'{"b":1}', "metadata": said}}])
    assert database.rows("SELECT key, value, isbinary FROM state ORDER BY key") == [
        'app1||k|{"a": 2.50, "b": 1}|f', 'app1||x|"eyJiIjoxfQ=="|t']


def test_dates_numbers_and_etags_of_rows(bench, server, database):
    sidecar = started(bench, server, database)
    save(sidecar, "e", "v1")
    assert database.rows("SELECT updatedate IS NULL, expiredate IS NULL, row_id FROM state") == ["t|t|1"]
    [etag] = database.rows("SELECT xmin FROM state")
    assert sidecar.get(STATE + "/e").header("Etag") == etag
    assert save(sidecar, "e", "v2", etag=etag).status == 204
    assert database.rows("SELECT updatedate IS NULL, row_id FROM state") == ["f|1"]
    sidecar.post(STATE + "/transaction", {"operations": [
        {"operation": "upsert", "request": {"key": key, "value": 1}} for key in ("tx1", "tx2")]})
    assert database.rows("SELECT count(DISTINCT xmin::text) FROM state WHERE key LIKE 'app1||tx%'") == ["1"]


def test_rows_that_dapr_wrote_are_read_by_v1(bench, server, database):
    database.rows("""
        CREATE TABLE dapr_metadata (key text NOT NULL PRIMARY KEY, value text NOT NULL);
        INSERT INTO dapr_metadata VALUES ('lock', 'lock'), ('migrations', '3');
        CREATE TABLE state (key text NOT NULL PRIMARY KEY, value jsonb NOT NULL, isbinary boolean NOT NULL,
            insertdate timestamptz NOT NULL DEFAULT now(), updatedate timestamptz, expiredate timestamptz,
            row_id bigint NOT NULL GENERATED BY DEFAULT AS IDENTITY);
        CREATE UNIQUE INDEX state_row_id_uidx ON state (row_id);
        INSERT INTO state (key, value, isbinary, expiredate) VALUES
            ('app1||e', '"v2"', false, NULL), ('app1||gb', '"AAH/"', true, NULL), ('app1||tx1', '{"z": 1}', false, NULL),
            ('app1||ttl', '"x"', false, now() + interval '1 hour'), ('app1||gone', '"x"', false, now() - interval '1 hour')""")
    sidecar = started(bench, server, database)
    assert sidecar.get(STATE + "/e").json == "v2"
    assert sidecar.get(STATE + "/gb").body == b"\0\1\xff"
    assert sidecar.get(STATE + "/tx1").body == b'{"z": 1}'
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", sidecar.get(STATE + "/ttl").header("Metadata.ttlExpireTime"))
    assert sidecar.get(STATE + "/gone").status == 204
    found = {one["key"]: one for one in sidecar.post(STATE + "/bulk", {"keys": ["e", "gone", "ttl", "none"]}).json}
    assert found["e"]["data"] == "v2" and "ttlExpireTime" in found["ttl"]["metadata"]
    assert "data" not in found["gone"] and "data" not in found["none"]
    assert save(sidecar, "tx1", 2, etag=sidecar.get(STATE + "/tx1").header("Etag")).status == 204


def test_a_table_of_before_row_ids_is_brought_up_to_date(bench, server, database):
    database.rows("""
        CREATE TABLE dapr_metadata (key text NOT NULL PRIMARY KEY, value text NOT NULL);
        INSERT INTO dapr_metadata VALUES ('lock', 'lock'), ('migrations', '2');
        CREATE TABLE state (key text NOT NULL PRIMARY KEY, value jsonb NOT NULL, isbinary boolean NOT NULL,
            insertdate timestamptz NOT NULL DEFAULT now(), updatedate timestamptz, expiredate timestamptz);
        INSERT INTO state (key, value, isbinary, insertdate) VALUES ('b', '1', false, '2024-02-01'), ('a', '2', false, '2024-02-01'),
            ('first', '3', false, '2024-01-01')""")
    sidecar = started(bench, server, database)
    assert database.rows("SELECT key, row_id FROM state ORDER BY row_id") == ["first|1", "a|2", "b|3"]
    save(sidecar, "new", 1)
    assert database.rows("SELECT row_id FROM state WHERE key = 'app1||new'") == ["4"]
    assert database.rows("SELECT value FROM dapr_metadata WHERE key = 'migrations'") == ["3"]


# --- The rows of v2 ---

def test_values_of_v2_are_the_bytes(bench, server, database):
    sidecar = started(bench, server, database, version="v2", tablePrefix="p_")
    assert save_text(sidecar, "e", '"v2"').status == 204
    rpc.Dapr(sidecar.grpc).SaveState(store_name="store", states=[{"key": "gb", "value": b"\0\1\xff"}])
    assert database.rows("SELECT key, value, updated_at IS NULL, expires_at IS NULL FROM p_state ORDER BY row_id") == [
        r"app1||e|\x22763222|t|t", r"app1||gb|\x0001ff|t|t"]
    [etag] = database.rows("SELECT etag FROM p_state WHERE key = 'app1||e'")
    assert sidecar.get(STATE + "/e").header("Etag") == etag
    save_text(sidecar, "e", '"v2"')
    assert database.rows("SELECT etag FROM p_state WHERE key = 'app1||e'") != [etag]


def test_rows_that_dapr_wrote_are_read_by_v2(bench, server, database):
    started(bench, server, database, version="v2").stop()
    database.rows(r"""INSERT INTO state (key, value, etag, expires_at) VALUES
        ('app1||e', '\x22763222', 'a2ed1c6a-1b7a-4c3c-9d52-4d1f3a8f0c11', NULL),
        ('app1||gone', '\x31', gen_random_uuid(), now() - interval '1 hour')""")
    sidecar = started(bench, server, database, version="v2")
    answer = sidecar.get(STATE + "/e")
    assert answer.body == b'"v2"' and answer.header("Etag") == "a2ed1c6a-1b7a-4c3c-9d52-4d1f3a8f0c11"
    assert sidecar.get(STATE + "/gone").status == 204
    assert save(sidecar, "e", 3, etag="a2ed1c6a-1b7a-4c3c-9d52-4d1f3a8f0c11").status == 204


# --- Etags and lives ---

@pytest.mark.parametrize("version, malformed, detail", [
    ("v1", 400, 'invalid etag value: strconv.ParseUint: parsing "bad-etag": invalid syntax'),
    ("v2", 409, "possible etag mismatch. error from state store: invalid UUID length: 8")])
def test_etags_as_the_contract_tabulates_them(bench, server, database, version, malformed, detail):
    sidecar = started(bench, server, database, version=version)
    save(sidecar, "k", 1)
    stale = sidecar.get(STATE + "/k").header("Etag")
    save(sidecar, "k", 2)
    assert save(sidecar, "k", 3, etag=stale).status == 409
    answer = save(sidecar, "k", 3, etag="bad-etag")
    assert answer.status == malformed and detail in answer.json["message"]
    assert sidecar.delete(STATE + "/k", headers={"If-Match": stale}).status == 409
    assert sidecar.delete(STATE + "/k", headers={"If-Match": "bad-etag"}).status == malformed
    assert save(sidecar, "none", 1, etag=stale).status == 409
    assert save(sidecar, "fw", 1, options={"concurrency": "first-write"}).status == 204
    answer = save(sidecar, "fw", 2, options={"concurrency": "first-write"})
    assert answer.status == 500 and answer.json["message"] == "failed saving state in state store store: no item was updated"
    assert save(sidecar, "fw", 3).status == 204
    assert sidecar.delete(STATE + "/none").status == 204
    assert sidecar.delete(STATE + "/none", headers={"If-Match": stale}).status == 409
    answer = sidecar.post(STATE + "/transaction", {"operations": [
        {"operation": "upsert", "request": {"key": "t", "value": 1}},
        {"operation": "upsert", "request": {"key": "k", "value": 9, "etag": stale}}]})
    assert answer.status == 500 and answer.json["errorCode"] == "ERR_STATE_TRANSACTION"
    assert answer.json["message"].startswith("error while executing state transaction: possible etag mismatch")
    assert sidecar.get(STATE + "/t").status == 204
    assert sidecar.get(STATE + "/k").json == 2


@pytest.mark.parametrize("version, expiry", [("v1", "expiredate"), ("v2", "expires_at")])
def test_a_time_to_live(bench, server, database, version, expiry):
    sidecar = started(bench, server, database, version=version)
    save(sidecar, "k", 1, metadata={"ttlInSeconds": "100"})
    [left] = database.rows(f"SELECT extract(epoch FROM {expiry} - now()) FROM state")
    assert 95 < float(left) <= 100
    for lifted in ("-1", "0"):
        save(sidecar, "k", 1, metadata={"ttlInSeconds": lifted})
        assert database.rows(f"SELECT {expiry} IS NULL FROM state") == ["t"]
    save(sidecar, "k", 1, metadata={"ttlInSeconds": "100"})
    save(sidecar, "k", 1)
    assert database.rows(f"SELECT {expiry} IS NULL FROM state") == ["t"]
    answer = save(sidecar, "k", 1, metadata={"ttlInSeconds": "abc"})
    assert answer.status == 500 and "error parsing TTL: incorrect value for metadata 'ttlInSeconds'" in answer.json["message"]
    database.rows(f"UPDATE state SET {expiry} = now() - interval '1 second'")
    assert sidecar.get(STATE + "/k").status == 204
    assert save(sidecar, "k", 2, options={"concurrency": "first-write"}).status == 204


@pytest.mark.parametrize("version, note", [("v1", "last-cleanup"), ("v2", "last-cleanup-state-v2-w_")])
def test_a_sweep_deletes_what_has_expired_and_notes_it(bench, server, database, version, note):
    more = {"tablePrefix": "w_"} if version == "v2" else {"tableName": "w_state"}
    sidecar = started(bench, server, database, version=version, cleanupInterval="1s", **more)
    save(sidecar, "short", 1, metadata={"ttlInSeconds": "1"})
    save(sidecar, "long", 1)
    until(lambda: database.rows("SELECT key FROM w_state") == ["app1||long"], "the sweep", 10)
    [noted] = database.rows(f"SELECT value FROM dapr_metadata WHERE key = '{note}'")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?[+-]\d\d(:\d\d)?", noted)


# --- Queries ---

def test_queries(bench, server, database):
    sidecar = started(bench, server, database)
    for key, org, city in (("1", "A", "Berlin"), ("2", "B", "Kyiv"), ("3", "A", "Rome")):
        save(sidecar, key, {"person": {"org": org, "id": int(key)}, "city": city})

    def found(query):
        answer = sidecar.post(QUERY, query)
        return ([] if answer.status == 204 else [one["key"] for one in answer.json["results"]],
                None if answer.status == 204 else answer.json.get("token"))
    assert found({"filter": {"EQ": {"person.org": "A"}}, "sort": [{"key": "city", "order": "DESC"}]}) == (["3", "1"], None)
    assert found({"filter": {"OR": [{"EQ": {"person.id": 2}}, {"IN": {"city": ["Rome", "Oslo"]}}]}}) == (["2", "3"], None)
    assert found({"page": {"limit": 2}}) == (["1", "2"], "2")
    assert found({"page": {"limit": 2, "token": "2"}}) == (["3"], None)
    assert found({"filter": {"EQ": {"city": "Nowhere"}}}) == ([], None)
    [one] = sidecar.post(QUERY, {"filter": {"EQ": {"city": "Kyiv"}}}).json["results"]
    assert one["data"] == {"person": {"org": "B", "id": 2}, "city": "Kyiv"}
    assert one["etag"] == sidecar.get(STATE + "/2").header("Etag")
    answer = sidecar.post(QUERY, {"filter": {"GT": {"city": "B"}}})
    assert answer.status == 500 and answer.json["errorCode"] == "ERR_STATE_QUERY"


@pytest.mark.differs
def test_a_query_compares_numbers_as_numbers_and_leaves_out_what_has_expired(bench, server, database):
    sidecar = started(bench, server, database)
    save(sidecar, "nine", {"n": 9})
    save(sidecar, "ten", {"n": 10})
    save(sidecar, "gone", {"n": 11}, metadata={"ttlInSeconds": "100"})
    database.rows("UPDATE state SET expiredate = now() - interval '1 second' WHERE expiredate IS NOT NULL")
    assert [one["key"] for one in sidecar.post(QUERY, {"filter": {"GT": {"n": 9}}}).json["results"]] == ["ten"]
    assert [one["key"] for one in sidecar.post(QUERY, {"sort": [{"key": "n"}]}).json["results"]] == ["nine", "ten"]


# --- Lines to the server ---

@pytest.mark.parametrize("change, words", [
    ({"connectionString": "host=127.0.0.1 port=1 password=s3cret"}, "Connection refused"),
    ({"connectionString": "s3cret"}, "connectionString"), ({"connectionString": ""}, "connectionString is missing"),
    ({"connectionString": "postgres://u:s3cret@no-such-host.invalid/d"}, "cannot resolve 'no-such-host.invalid'"),
    ({"database": "nowhere"}, 'database "nowhere" does not exist'), ({"tableName": "a b"}, "tableName"),
    ({"user": "trilby", "password": "s3cret"}, "password authentication failed"), ({"timeout": "1ms"}, "at least 1s"),
    ({"useAzureAD": "true"}, "useAzureAD")])
def test_a_wrong_option_stops_the_start(bench, server, database, change, words):
    sidecar = bench.sidecar(ready=False, resources=[store_of(server, database, **change)])
    assert sidecar.wait_end() == 1
    assert sidecar.logged(words)
    assert not sidecar.logged("s3cret")


@pytest.mark.parametrize("given", [
    {"host": "localhost", "user": "trilby", "password": "secret", "connectionString": ""},
    {"connectionString": "user=trilby password='secret' host=localhost application_name=mine search_path=public pool_max_conns=3"},
    {"connectionString": "postgresql://trilby:secret@localhost?statement_timeout=5s", "queryExecMode": "simple_protocol"}])
def test_the_server_may_be_said_in_several_ways(bench, server, database, given):
    sidecar = started(bench, server, database, **{"port": str(server), "database": database.name, **given})
    assert save(sidecar, "k", {"text": "x" * 100000}).status == 204
    assert sidecar.get(STATE + "/k").json == {"text": "x" * 100000}
    assert database.rows("SELECT count(*) > 0 FROM pg_stat_activity WHERE usename = 'trilby' AND datname = current_database()") == ["t"]


def test_a_server_with_tls_is_verified(bench, server, database, tmp_path):
    authority = os.environ["POSTGRES_CA"]

    def with_tls(host, mode, ca):
        return component("store", "state.postgresql", {"connectionString": f"host={host} user=postgres sslmode={mode}", "port": str(server),
                                                       "database": database.name, "sslRootCert": ca})
    for mode in ("verify-full", "require"):
        sidecar = bench.sidecar(resources=[with_tls("localhost", mode, authority)])
        assert save(sidecar, "k", {"big": "x" * 300000}).status == 204
        assert sidecar.get(STATE + "/k").json == {"big": "x" * 300000}
        assert database.rows("SELECT bool_or(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE datname = current_database() "
                             "AND pid <> pg_backend_pid()") == ["t"]
        sidecar.stop()
    stranger = str(tmp_path / "stranger.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-subj", "/CN=stranger", "-keyout", str(tmp_path / "key"), "-out", stranger], check=True, capture_output=True)
    for ca, words in ((stranger, "certificate verify failed"), ("/nowhere.pem", "/nowhere.pem")):
        refused = bench.sidecar(ready=False, resources=[with_tls("localhost", "verify-full", ca)])
        assert refused.wait_end() == 1
        assert refused.logged(words)


@pytest.fixture
def tap(server):
    made = Tap(server)
    yield made
    made.close()


def assert_sentence(answer):
    assert answer.status == 500, answer.text
    assert answer.json["errorCode"] in ("ERR_STATE_SAVE", "ERR_STATE_GET", "ERR_STATE_TRANSACTION"), answer.text
    assert "postgresql: " in answer.json["message"]


def assert_recovers(sidecar, key):
    since = time.monotonic()
    until(lambda: save(sidecar, key, "back").status == 204, "a write", 10)
    until(lambda: sidecar.get(f"{STATE}/{key}").json == "back", "a read", 10)        # on every loop
    assert time.monotonic() - since < RECOVERY_SECONDS


def test_a_line_that_is_refused_is_an_error_and_comes_back(bench, tap, database):
    sidecar = started(bench, tap.port, database)
    assert save(sidecar, "k", 1).status == 204
    tap.refuse()
    for _ in range(3):
        assert_sentence(save(sidecar, "k", 2))
    assert_sentence(sidecar.get(STATE + "/k"))
    tap.open()
    assert_recovers(sidecar, "k")


def test_an_idle_line_that_was_reset_is_not_noticed(bench, tap, database):
    sidecar = started(bench, tap.port, database)
    for turn in range(10):
        until(lambda: save(sidecar, "k", turn).status == 204, "the write", 5)
        tap.reset()
        assert sidecar.get(STATE + "/k").json == turn


@pytest.mark.parametrize("after", [1, 4, 9, 20, 60])
def test_half_an_answer_is_asked_again_or_an_error(bench, tap, database, after):
    sidecar = started(bench, tap.port, database)
    assert save(sidecar, "k", {"text": "x" * 500}).status == 204
    assert sidecar.get(STATE + "/k").status == 200
    tap.cut_answer(after)
    assert sidecar.get(STATE + "/k").json == {"text": "x" * 500}
    tap.cut_answer(after)
    answer = save(sidecar, "k", 2)
    assert answer.status == 204 or assert_sentence(answer) is None
    assert_recovers(sidecar, "k")


def test_a_stalled_server_costs_the_timeout_and_no_more(bench, tap, database):
    sidecar = started(bench, tap.port, database, timeoutInSeconds="1")
    assert save(sidecar, "k", 1).status == 204
    tap.stall()
    since = time.monotonic()
    answers = []
    clients = [threading.Thread(target=lambda: answers.append(sidecar.post(STATE, [{"key": "other", "value": 2}]))) for _ in range(4)]
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


def test_a_server_that_is_down_at_start_ends_it_in_one_sentence(bench, tap, database):
    tap.stall()
    since = time.monotonic()
    sidecar = bench.sidecar(ready=False, resources=[store_of(tap.port, database, timeout="2s")])
    assert sidecar.wait_end() == 1
    assert time.monotonic() - since < 8
    assert sidecar.logged("no connection within the timeout")


@pytest.fixture
def own(server):
    made = OwnServer()
    yield made
    made.stop()


def test_what_was_acknowledged_survives_crashes_of_the_server(bench, own):
    database = Database(own.port)
    sidecar = started(bench, own.port, database)
    acknowledged, ends = [], threading.Event()

    def write(writer):
        for number in range(100000):
            if ends.is_set():
                return
            key = f"w{writer}-{number}"
            if save(sidecar, key, number).status == 204:
                acknowledged.append(key)
    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for writer in writers:
        writer.start()
    for turn in range(1, 3):
        until(lambda: len(acknowledged) > turn * 100, "writes", 30)
        own.do("crash")
        before = len(acknowledged)
        own.do("again")
        until(lambda: len(acknowledged) > before + 10, "writes after the crash", 30)
    ends.set()
    for writer in writers:
        writer.join(20)
    kept = set(database.rows("SELECT replace(key, 'app1||', '') FROM state"))
    assert set(acknowledged) <= kept
    for key in acknowledged[:3] + acknowledged[-3:]:
        assert json.loads(sidecar.get(f"{STATE}/{key}").body) == int(key.split("-")[1])
