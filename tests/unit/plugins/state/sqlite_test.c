/* state.sqlite as the kernel drives it: rows as they lie in the file, many writers, what is refused. */
#include "state_driver.h"
#include <base/clock.h>
#include <sched.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <unistd.h>
#include <cmocka.h>

static char path[64];
static struct trb_error why;

static struct instance *open_with(const char *name, const char *value)
{
    const char *const pairs[] = {"connectionString", path, name, value, NULL};
    return driver_component(&block, "state.sqlite", pairs, &why);
}

static void remove_files(void)
{
    char file[80];
    unlink(path);
    snprintf(file, sizeof file, "%s-wal", path), unlink(file);
    snprintf(file, sizeof file, "%s-shm", path), unlink(file);
}

static int up(void **state)
{
    snprintf(path, sizeof path, "/tmp/sqlite_test.%d.db", (int)getpid());
    remove_files();
    return !(store = open_with(NULL, NULL));
}

static int down(void **state)
{
    driver_retire(store);
    remove_files();
    return 0;
}

/* The first column of the first row. */
static const char *row(const char *sql)
{
    static char text[1000];
    sqlite3 *db;
    sqlite3_stmt *q;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    bool found = sqlite3_step(q) == SQLITE_ROW;
    snprintf(text, sizeof text, "%s", found ? (const char *)sqlite3_column_text(q, 0) : "(no row)");
    sqlite3_finalize(q);
    sqlite3_close(db);
    return text;
}

static void the_tables_have_the_known_layout(void **state)
{
    assert_string_equal(row("SELECT group_concat(name || ' ' || type || ' ' || \"notnull\" || ' ' || ifnull(dflt_value, '-') || ' ' || pk, '|') "
                            "FROM pragma_table_info('state')"),
                        "key TEXT 1 - 1|value TEXT 1 - 0|is_binary BOOLEAN 1 - 0|etag TEXT 1 - 0|"
                        "expiration_time TIMESTAMP 0 NULL 0|update_time TIMESTAMP 1 CURRENT_TIMESTAMP 0");
    assert_string_equal(row("SELECT key || '=' || value FROM metadata"), "migrations=1");
    assert_string_equal(row("PRAGMA journal_mode"), "wal");
}

static void json_is_stored_as_text_and_other_bytes_as_base64(void **state)
{
    set("j", "{\"b\":1,\"a\":2.50}");
    assert_string_equal(row("SELECT value || is_binary FROM state WHERE key='j'"), "{\"b\":1,\"a\":2.50}0");
    struct trb_data raw = {"\0\1\377", 3, NULL};
    set_as((struct trb_state_set){.key = NAME("b"), .value = raw}, NULL);
    assert_string_equal(row("SELECT value || is_binary FROM state WHERE key='b'"), "AAH/1");
    assert_int_equal(get("b").len, 3);
    assert_memory_equal(get("b").value, "\0\1\377", 3);
    assert_string_equal(get("j").value, "{\"b\":1,\"a\":2.50}");
    set("e", "");
    assert_true(get("e").is_there);
    assert_int_equal(get("e").len, 0);
}

static void a_plain_set_replaces_the_row_and_an_etag_set_keeps_it(void **state)
{
    set("a", "1"), set("b", "1");
    struct held h = get("a");
    assert_int_equal(set_as((struct trb_state_set){.key = NAME("a"), .value = data_of("2"), .etag = name_of(h.etag)}, NULL), TRB_OK);
    assert_string_equal(row("SELECT rowid FROM state WHERE key='a'"), "1");
    set("a", "3");
    assert_string_equal(row("SELECT rowid FROM state WHERE key='a'"), "3");
}

static void etags_and_first_writes(void **state)
{
    struct trb_error err;
    struct trb_state_set first = {.key = NAME("f"), .value = data_of("1"), .concurrency = TRB_STATE_FIRST_WRITE};
    assert_int_equal(set_as((struct trb_state_set){.key = NAME("k"), .value = data_of("1"), .etag = NAME("e")}, &err), TRB_ABORTED);
    assert_int_equal(err.kind, TRB_STATE_ETAG_MISMATCH);
    assert_string_equal(err.message, "");
    assert_int_equal(set_as(first, NULL), TRB_OK);
    assert_int_equal(set_as(first, NULL), TRB_ABORTED);
    struct held h = get("f");
    assert_int_equal(strlen(h.etag), 36);
    first.etag = name_of(h.etag);
    assert_int_equal(set_as(first, NULL), TRB_OK);
    assert_int_equal(set_as(first, NULL), TRB_ABORTED);
    assert_int_equal(drop("f", h.etag), TRB_ABORTED);
    assert_int_equal(drop("f", get("f").etag), TRB_OK);
    assert_int_equal(drop("f", NULL), TRB_OK);
    assert_int_equal(drop("f", "e"), TRB_ABORTED);
}

static void a_transaction_is_all_or_nothing(void **state)
{
    struct trb_error err;
    set("old", "1");
    struct trb_state_operation bad[] = {upsert("new", "1", NULL), removal("old", NULL), upsert("none", "2", "stale")};
    assert_int_equal(transact(bad, 3, &err), TRB_ABORTED);
    assert_int_equal(err.item, 2);
    assert_false(get("new").is_there);
    assert_string_equal(get("old").value, "1");
    struct trb_state_operation good[] = {upsert("x", "1", NULL), removal("x", NULL), upsert("new", "1", NULL)};
    assert_int_equal(transact(good, 3, NULL), TRB_OK);
    assert_true(get("new").is_there);
    assert_false(get("x").is_there);
}

static void a_ttl_is_kept_shown_and_lifted(void **state)
{
    struct trb_state_set q = {.key = NAME("k"), .value = data_of("1"), .has_ttl = 1, .ttl_s = 100};
    int64_t shown_ns;
    assert_int_equal(set_as(q, NULL), TRB_OK);
    assert_true(clock_parse_rfc3339(slice_of(get("k").expiry), &shown_ns));
    assert_in_range(shown_ns - clock_wall_ns(), 80 * CLOCK_S, 102 * CLOCK_S);
    set("k", "2");
    assert_string_equal(get("k").expiry, "");
    q.ttl_s = 2147483648ll;
    assert_int_equal(set_as(q, NULL), TRB_INVALID);
    q.ttl_s = -1;
    assert_int_equal(set_as(q, NULL), TRB_OK);
    assert_string_equal(get("k").expiry, "");
}

static void an_expired_row_is_not_seen_and_may_be_written_first(void **state)
{
    struct trb_state_set q = {.key = NAME("k"), .value = data_of("1"), .has_ttl = 1, .ttl_s = 1};
    set_as(q, NULL);
    struct held old = get("k");
    while (get("k").is_there)
        sched_yield();
    assert_int_equal(set_as((struct trb_state_set){.key = NAME("k"), .value = data_of("2"), .etag = name_of(old.etag)}, NULL), TRB_ABORTED);
    assert_int_equal(set_as((struct trb_state_set){.key = NAME("k"), .value = data_of("2"), .concurrency = TRB_STATE_FIRST_WRITE}, NULL), TRB_OK);
    assert_string_equal(get("k").value, "2");
}

static void a_sweep_deletes_expired_rows_and_says_when(void **state)
{
    driver_retire(store);
    store = open_with("cleanupInterval", "1s");
    assert_non_null(store);
    set_as((struct trb_state_set){.key = NAME("k"), .value = data_of("1"), .has_ttl = 1, .ttl_s = 1}, NULL);
    set("stays", "1");
    while (strcmp(row("SELECT count(*) FROM state"), "1"))
        usleep(10000);
    assert_int_equal(strlen(row("SELECT value FROM metadata WHERE key='last-cleanup'")), 19);
    assert_true(get("stays").is_there);
}

static void keys_come_by_row_and_a_full_page_has_a_token(void **state)
{
    struct text found = {0};
    set("p1", "1"), set("P2", "1"), set("p3", "1"), set("p_", "1");
    keys(&found, "p%", 0, NULL);
    assert_string_equal(found.at, "p1 p3 p_");
    keys(&found, "p%", 3, NULL);
    assert_string_equal(found.at, "p1 p3 p_ >4");
    keys(&found, "p%", 3, "4");
    assert_string_equal(found.at, "");
    keys(&found, "p\\_", 0, NULL);
    assert_string_equal(found.at, "p_");
    keys(&found, "", 0, NULL);
    assert_string_equal(found.at, "failed");
    text_fini(&found);
}

static void a_bulk_read_answers_each_item(void **state)
{
    set("a", "1");
    struct trb_state_get gets[] = {{.size = sizeof *gets, .key = NAME("a")}, {.size = sizeof *gets, .key = NAME("b")}};
    struct trb_state_bulk_get q = {.size = sizeof q, .items = {gets, 2, sizeof *gets}};
    struct asked a = ask("bulk_get", &q);
    assert_string_equal(held_from(call_item_at(a.call, 0)->answer).value, "1");
    assert_false(held_from(call_item_at(a.call, 1)->answer).is_there);
    driver_release(&a);
}

#define WRITERS 200
static void many_writers_at_once_are_all_written(void **state)
{
    static struct asked asked[WRITERS];
    static struct trb_state_set q[WRITERS];
    static char key[WRITERS][32];
    for (int round = 0; round < 5; round++) {
        for (int n = 0; n < WRITERS; n++) {
            snprintf(key[n], sizeof key[n], "k%d.%d", round, n);
            q[n] = (struct trb_state_set){.size = sizeof q[n], .key = name_of(key[n]), .value = data_of("1")};
            if (n % 10 == 9)
                q[n].etag = NAME("stale");
            asked[n] = (struct asked){.instance = store, .verb = verb("set"), .question = &q[n]};
            driver_send(&asked[n], (uint32_t)n % DRIVER_LOOPS);
        }
        for (int n = 0; n < WRITERS; n++) {
            driver_wait(&asked[n]);
            assert_int_equal(outcome(&asked[n], NULL), n % 10 == 9 ? TRB_ABORTED : TRB_OK);
        }
    }
    assert_string_equal(row("SELECT count(*) FROM state"), "900");
}

static void what_another_process_holds_is_unavailable_and_then_written(void **state)
{
    sqlite3 *db;
    driver_retire(store);
    store = open_with("busyTimeout", "10ms");
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(set("k", "1"), TRB_UNAVAILABLE);
    assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(set("k", "1"), TRB_OK);
    sqlite3_close(db);
}

static void what_was_written_is_there_after_a_restart(void **state)
{
    set("k", "1");
    struct held before = get("k");
    driver_retire(store);
    store = open_with(NULL, NULL);
    assert_string_equal(get("k").value, "1");
    assert_string_equal(get("k").etag, before.etag);
}

static void in_memory_there_is_one_connection_for_all(void **state)
{
    const char *const pairs[] = {"url", ":memory:", NULL};
    driver_retire(store);
    store = driver_component(&block, "state.sqlite", pairs, &why);
    assert_non_null(store);
    set("k", "1");
    assert_string_equal(get("k").value, "1");
}

static void refuse(const char *name, const char *value, const char *connection, const char *words)
{
    const char *const pairs[] = {"connectionString", connection, name, value, NULL};
    why = (struct trb_error){0};
    assert_null(driver_component(&block, "state.sqlite", pairs, &why));
    assert_non_null(strstr(why.message, words));
}

static void bad_options_are_refused_in_words(void **state)
{
    refuse("tableName", "a b", path, "tableName: 'a b' is no identifier");
    refuse("metadataTableName", "1x", path, "metadataTableName: '1x' is no identifier");
    refuse(NULL, NULL, "file:x.db?_txlock=immediate", "must not hold _txlock");
    refuse(NULL, NULL, "x.db?_pragma=busy_timeout(5)", "must not hold busy_timeout");
    refuse(NULL, NULL, "x.db?_pragma=journal_mode(wal)", "must not hold journal_mode");
    refuse(NULL, NULL, "x.db?_pragma=a;b(1)", "is not name(value)");
    refuse(NULL, NULL, "/nonexistent/folder/x.db", "/nonexistent/folder/x.db: unable to open database file");
    refuse(NULL, NULL, "/etc/passwd", "file is not a database");
    refuse("busyTimeout", "soon", path, "busyTimeout: 'soon' is not accepted");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)
    const struct CMUnitTest tests[] = {
        TEST(the_tables_have_the_known_layout), TEST(json_is_stored_as_text_and_other_bytes_as_base64),
        TEST(a_plain_set_replaces_the_row_and_an_etag_set_keeps_it), TEST(etags_and_first_writes),
        TEST(a_transaction_is_all_or_nothing), TEST(a_ttl_is_kept_shown_and_lifted),
        TEST(an_expired_row_is_not_seen_and_may_be_written_first), TEST(a_sweep_deletes_expired_rows_and_says_when),
        TEST(keys_come_by_row_and_a_full_page_has_a_token), TEST(a_bulk_read_answers_each_item),
        TEST(many_writers_at_once_are_all_written), TEST(what_another_process_holds_is_unavailable_and_then_written),
        TEST(what_was_written_is_there_after_a_restart), TEST(in_memory_there_is_one_connection_for_all),
        TEST(bad_options_are_refused_in_words)};
    driver_start();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    driver_stop();
    return failed;
}
