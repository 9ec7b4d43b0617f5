/* state.postgresql as the kernel drives it, against a real server that is also stalled, crashed and started again. */
#include "state_driver.h"
#include "../postgres_server.h"
#include <base/buf.h>
#include <setjmp.h>
#include <cmocka.h>

static struct postgres_server server;

static struct instance *open_as(const char *type, const char *name, const char *value, struct trb_error *err)
{
    const char *pairs[] = {"connectionString", server.url, name, value, NULL};
    return driver_component(&block, type, pairs, err);
}

static int open_store(const char *type, const char *name, const char *value)
{
    struct trb_error err = ERROR_INIT;
    postgres_say(&server, "drop table if exists state, p_state, dapr_metadata, others cascade;");
    store = open_as(type, name, value, &err);
    if (!store)
        printf("%s\n", err.message);
    return !store;
}

static int up(void **state)
{
    return open_store("state.postgresql", NULL, NULL);
}

static int up_2(void **state)
{
    return open_store("state.postgresql@v2", "tablePrefix", "p_");
}

static int down(void **state)
{
    driver_retire(store);
    return 0;
}

static const char *say(const char *sql)
{
    return postgres_say(&server, sql);
}

static trb_code set_with(const char *value, const char *etag, struct trb_error *err)
{
    return set_as((struct trb_state_set){.key = NAME("k"), .value = data_of(value), .etag = name_of(etag), .is_json = 1}, err);
}

static trb_code set_json(const char *key, const char *value)
{
    return set_as((struct trb_state_set){.key = name_of(key), .value = data_of(value), .is_json = 1}, NULL);
}

#define COLUMNS "select string_agg(column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '') || ' ' || " \
                "is_identity, ';' order by ordinal_position) from information_schema.columns where table_name = "
#define INDEXES "select string_agg(indexname, ' ' order by indexname) from pg_indexes where tablename = "

/* --------------------------------------------------------------------------------------- the tables */
static void the_tables_of_v1_are_as_dapr_makes_them(void **state)
{
    assert_string_equal(say(COLUMNS "'state'"),
                        "key text NO  NO;value jsonb NO  NO;isbinary boolean NO  NO;insertdate timestamp with time zone NO now() NO;"
                        "updatedate timestamp with time zone YES  NO;expiredate timestamp with time zone YES  NO;"
                        "row_id bigint NO  YES");
    assert_string_equal(say(INDEXES "'state'"), "state_pkey state_row_id_uidx");
    assert_string_equal(say("select indisunique from pg_index where indexrelid = 'state_row_id_uidx'::regclass"), "t");
    assert_string_equal(say(COLUMNS "'dapr_metadata'"), "key text NO  NO;value text NO  NO");
    assert_string_equal(say("select * from dapr_metadata order by key"), "lock|lock;migrations|3");
}

static void the_tables_of_v2_are_as_dapr_makes_them(void **state)
{
    assert_string_equal(say(COLUMNS "'p_state'"),
                        "key text NO  NO;value bytea NO  NO;etag uuid NO gen_random_uuid() NO;created_at timestamp with time zone NO now() NO;"
                        "updated_at timestamp with time zone YES  NO;expires_at timestamp with time zone YES  NO;row_id bigint NO  YES");
    assert_string_equal(say(INDEXES "'p_state'"), "p_state_expires_at_idx p_state_pkey p_state_row_id_uidx");
    assert_string_equal(say("select * from dapr_metadata order by key"), "lock|lock;migrations-state-v2-p_|2");
}

static void an_older_table_is_brought_up_to_date_and_its_rows_numbered(void **state)
{
    driver_retire(store);
    say("drop table state; update dapr_metadata set value = '1' where key = 'migrations';"
        "create table state (key text not null primary key, value jsonb not null, isbinary boolean not null, "
        "insertdate timestamptz not null default now(), updatedate timestamptz);"
        "insert into state values ('late', '1', false, '2024-02-01'), ('b', '2', false, '2024-01-01'), ('a', '3', false, '2024-01-01');");
    store = open_as("state.postgresql", NULL, NULL, NULL);
    assert_non_null(store);
    assert_string_equal(say("select key, row_id from state order by row_id"), "a|1;b|2;late|3");
    assert_string_equal(say("select value from dapr_metadata where key = 'migrations'"), "3");
    set_json("new", "4");
    assert_string_equal(say("select row_id from state where key = 'new'"), "4");
    assert_string_equal(get("late").value, "1");
}

static void a_finished_table_is_left_alone(void **state)
{
    set_json("k", "1");
    driver_retire(store);
    say("update dapr_metadata set value = '9' where key = 'migrations'");
    store = open_as("state.postgresql", NULL, NULL, NULL);
    assert_non_null(store);
    assert_string_equal(get("k").value, "1");
    assert_string_equal(say("select value from dapr_metadata where key = 'migrations'"), "9");
}

static void tables_may_have_other_names_and_a_schema(void **state)
{
    struct trb_error err = ERROR_INIT;
    say("create schema if not exists s1; drop table if exists s1.things, s1.notes;");
    const char *pairs[] = {"connectionString", server.url, "tableName", "s1.Things", "metadataTableName", "s1.notes", NULL};
    struct instance *other = driver_component(&block, "state.postgresql", pairs, &err), *first = store;
    assert_non_null(other);
    store = other;
    set_json("k", "1");
    assert_string_equal(get("k").value, "1");
    driver_retire(store);
    store = first;
    assert_string_equal(say("select key from s1.things"), "k");
    assert_string_equal(say("select key from s1.notes order by key"), "lock;migrations");
}

static void v2_refuses_the_table_of_v1(void **state)
{
    struct trb_error err = ERROR_INIT;
    assert_null(open_as("state.postgresql@v2", NULL, NULL, &err));
    assert_non_null(strstr(err.message, "column \"expires_at\" does not exist"));
}

static void the_version_is_chosen_and_v1_is_the_default(void **state)
{
    struct trb_error err = ERROR_INIT;
    struct instance *i = open_as("state.postgresql@v0", "tableName", "others", &err);
    assert_non_null(i);
    driver_retire(i);
    i = open_as("state.postgres@", "tableName", "others", &err);
    assert_non_null(i);
    driver_retire(i);
    assert_string_equal(say("select count(*) from others"), "0");
    assert_null(open_as("state.postgresql@v3", NULL, NULL, &err));
    assert_non_null(strstr(err.message, "v3"));
}

/* ---------------------------------------------------------------------------------------- the rows */
static void values_of_v1_are_jsonb_or_marked_base64(void **state)
{
    set_json("app1||s", "\"abc\"");
    set_json("app1||o", "{\"b\":1,\"a\":[1.50]}");
    set_as((struct trb_state_set){.key = NAME("app1||gb"), .value = {"\0\1\377", 3, NULL}}, NULL);
    set_as((struct trb_state_set){.key = NAME("app1||gj"), .value = data_of("{\"b\":1,\"a\":2.50}")}, NULL);
    assert_string_equal(say("select key, value, isbinary, updatedate is null, expiredate is null from state order by row_id"),
                        "app1||s|\"abc\"|f|t|t;app1||o|{\"a\": [1.50], \"b\": 1}|f|t|t;app1||gb|\"AAH/\"|t|t|t;"
                        "app1||gj|\"eyJiIjoxLCJhIjoyLjUwfQ==\"|t|t|t");
    struct held h = get("app1||gb");
    assert_int_equal(h.len, 3);
    assert_memory_equal(h.value, "\0\1\377", 3);
    assert_string_equal(get("app1||gj").value, "{\"b\":1,\"a\":2.50}");
    assert_string_equal(get("app1||o").value, "{\"a\": [1.50], \"b\": 1}");
    set_json("app1||s", "2");
    assert_string_equal(say("select value, updatedate is null, row_id from state where key = 'app1||s'"), "2|f|1");
}

static void values_of_v2_are_the_bytes(void **state)
{
    set_json("app1||e", "\"v2\"");
    set_as((struct trb_state_set){.key = NAME("app1||gb"), .value = {"\0\1\377", 3, NULL}}, NULL);
    assert_string_equal(say("select key, value, updated_at is null, expires_at is null, row_id from p_state order by row_id"),
                        "app1||e|\\x22763222|t|t|1;app1||gb|\\x0001ff|t|t|2");
    char first[64], etag[64];
    snprintf(first, sizeof first, "%s", get("app1||e").etag);
    assert_int_equal(strlen(first), 36);
    snprintf(etag, sizeof etag, "%.63s", say("select etag from p_state where key = 'app1||e'"));
    assert_string_equal(first, etag);
    set_json("app1||e", "\"v2\"");
    assert_string_not_equal(get("app1||e").etag, first);
}

static void rows_that_others_wrote_are_read(void **state)
{
    say("insert into state (key, value, isbinary) values ('app1||x', '{\"z\": 1}', false), ('app1||b', '\"AAH/\"', true);"
        "insert into state (key, value, isbinary, expiredate) values ('live', '1', false, now() + interval '1 hour'), "
        "('gone', '1', false, now() - interval '1 second')");
    assert_string_equal(get("app1||x").value, "{\"z\": 1}");
    assert_int_equal(get("app1||b").len, 3);
    assert_int_equal(strlen(get("live").expiry), 20);
    assert_false(get("gone").is_there);
    char etag[64];
    snprintf(etag, sizeof etag, "%.63s", say("select xmin from state where key = 'app1||x'"));
    assert_string_equal(get("app1||x").etag, etag);
}

static void an_absent_key_is_no_error(void **state)
{
    assert_false(get("nobody").is_there);
    assert_int_equal(get("nobody").code, TRB_OK);
    assert_int_equal(drop("nobody", NULL), TRB_OK);
    assert_int_equal(drop("nobody", "4"), TRB_ABORTED);
}

static void an_empty_value_is_not_an_absent_one(void **state)
{
    assert_int_equal(set("k", ""), TRB_OK);
    assert_true(get("k").is_there);
    assert_int_equal(get("k").len, 0);
}

static void what_the_server_cannot_keep_is_the_clients_fault(void **state)
{
    struct trb_error err;
    assert_int_equal(set_as((struct trb_state_set){.key = {"a\0b", 3}, .value = data_of("1"), .is_json = 1}, &err), TRB_INVALID);
    assert_non_null(strstr(err.message, "SQLSTATE 22021"));
    assert_int_equal(set_as((struct trb_state_set){.key = NAME("k"), .value = data_of("\"\\u0000\""), .is_json = 1}, &err), TRB_INVALID);
    assert_int_equal(set_json("k", "1"), TRB_OK);
}

static void a_large_value_goes_there_and_back(void **state)
{
    size_t len = 3u << 20;
    char *bytes;
    struct trb_buf *buf = buf_new(len, &bytes);
    for (size_t n = 0; n < len; n++)
        bytes[n] = (char)(n * 31);
    assert_int_equal(set_as((struct trb_state_set){.key = NAME("big"), .value = buf_data(buf)}, NULL), TRB_OK);
    struct trb_state_get q = {.size = sizeof q, .key = NAME("big")};
    struct asked a = ask("get", &q);
    const struct trb_state_item *item = call_answer(a.call);
    assert_non_null(item);
    assert_int_equal(item->value.len, len);
    assert_memory_equal(item->value.at, bytes, len);
    driver_release(&a);
    buf_unref(buf);
}

/* --------------------------------------------------------------------------------- etags, first writes */
static void only_the_present_version_may_be_replaced(void **state)
{
    struct trb_error err;
    char first[64], second[64];
    set_json("k", "1");
    snprintf(first, sizeof first, "%s", get("k").etag);
    assert_int_equal(set_with("2", first, NULL), TRB_OK);
    assert_int_equal(set_with("3", first, &err), TRB_ABORTED);
    assert_int_equal(err.kind, TRB_STATE_ETAG_MISMATCH);
    assert_string_equal(get("k").value, "2");
    snprintf(second, sizeof second, "%s", get("k").etag);
    assert_int_equal(drop("k", first), TRB_ABORTED);
    assert_int_equal(drop("k", second), TRB_OK);
    assert_false(get("k").is_there);
    assert_int_equal(set_with("3", second, NULL), TRB_ABORTED);
}

static void an_etag_of_v1_is_a_number(void **state)
{
    struct trb_error err;
    assert_int_equal(set_with("1", "bad-etag", &err), TRB_INVALID);
    assert_int_equal(err.kind, TRB_STATE_ETAG_INVALID);
    assert_string_equal(err.message, "strconv.ParseUint: parsing \"bad-etag\": invalid syntax");
    assert_int_equal(set_with("1", "4294967296", &err), TRB_INVALID);
    assert_string_equal(err.message, "strconv.ParseUint: parsing \"4294967296\": value out of range");
    assert_int_equal(drop("k", "-1"), TRB_INVALID);
}

static void an_etag_of_v2_that_is_no_uuid_does_not_match(void **state)
{
    struct trb_error err;
    assert_int_equal(set_with("1", "bad-etag", &err), TRB_ABORTED);
    assert_int_equal(err.kind, TRB_STATE_ETAG_MISMATCH);
    assert_string_equal(err.message, "invalid UUID length: 8");
    assert_int_equal(set_with("1", "zzzzzzzz-0000-0000-0000-000000000000", &err), TRB_ABORTED);
    assert_string_equal(err.message, "invalid UUID format");
    assert_int_equal(drop("k", "bad-etag"), TRB_ABORTED);
    assert_int_equal(set_with("1", "\"a2ed1c6a-0000-4000-8000-000000000000\"", &err), TRB_ABORTED);
    assert_string_equal(err.message, "invalid UUID length: 38");
    assert_int_equal(set_with("1", "a2ed1c6a-0000-4000-8000-000000000000", &err), TRB_ABORTED);
    assert_string_equal(err.message, "");
}

static void a_first_write_is_for_what_is_not_there(void **state)
{
    struct trb_error err;
    struct trb_state_set first = {.key = NAME("k"), .value = data_of("1"), .concurrency = TRB_STATE_FIRST_WRITE, .is_json = 1};
    assert_int_equal(set_as(first, NULL), TRB_OK);
    assert_int_equal(set_as(first, &err), TRB_INTERNAL);
    assert_int_equal(err.kind, 0);
    assert_string_equal(err.message, "no item was updated");
    assert_int_equal(set_with("2", get("k").etag, NULL), TRB_OK);
    assert_int_equal(set_json("k", "3"), TRB_OK);
}

static trb_code set_for(int64_t ttl_s)
{
    return set_as((struct trb_state_set){.key = NAME("k"), .value = data_of("1"), .has_ttl = 1, .ttl_s = ttl_s, .is_json = 1}, NULL);
}

static void an_expired_row_is_not_there_but_its_etag_still_deletes(void **state)
{
    char etag[64];
    struct trb_state_set first = {.key = NAME("k"), .value = data_of("1"), .concurrency = TRB_STATE_FIRST_WRITE, .is_json = 1};
    set_for(100);
    say("update state set expiredate = now() - interval '1 second'");
    snprintf(etag, sizeof etag, "%.63s", say("select xmin from state"));
    assert_false(get("k").is_there);
    assert_int_equal(set_with("2", etag, NULL), TRB_ABORTED);
    assert_int_equal(set_as(first, NULL), TRB_OK);
    say("update state set expiredate = now() - interval '1 second'");
    snprintf(etag, sizeof etag, "%.63s", say("select xmin from state"));
    assert_int_equal(drop("k", etag), TRB_OK);
}

static void a_write_sets_or_clears_the_expiry(void **state)
{
    assert_int_equal(set_for(100), TRB_OK);
    assert_string_equal(say("select round(extract(epoch from expiredate - now()) / 10) from state"), "10");
    assert_int_equal(set_json("k", "2"), TRB_OK);
    assert_string_equal(say("select expiredate is null from state"), "t");
    assert_int_equal(set_for(0), TRB_OK);
    assert_int_equal(set_for(-1), TRB_OK);
    assert_string_equal(say("select expiredate is null from state"), "t");
    assert_int_equal(set_for(2147483647), TRB_OK);
    assert_int_equal(set_for(2147483648), TRB_INVALID);
    assert_int_equal(set_for(-2), TRB_INVALID);
}

/* -------------------------------------------------------------------------------- many, and together */
static void a_transaction_does_all_in_order(void **state)
{
    set_json("old", "1");
    char etag[64];
    snprintf(etag, sizeof etag, "%s", get("old").etag);
    struct trb_state_operation all[] = {upsert("a", "1", NULL), upsert("b", "2", NULL), removal("b", NULL), removal("old", etag),
                                        upsert("c", "3", NULL)};
    all[0].is_json = 1;
    all[4].has_ttl = 1;
    all[4].ttl_s = 50;
    assert_int_equal(transact(all, 5, NULL), TRB_OK);
    assert_true(get("a").is_there);
    assert_false(get("b").is_there);
    assert_false(get("old").is_there);
    assert_string_equal(get("a").etag, get("c").etag);
    assert_string_not_equal(get("c").expiry, "");
    assert_int_equal(transact(all, 0, NULL), TRB_OK);
}

static void a_refused_operation_undoes_the_transaction(void **state)
{
    struct trb_error err;
    set_json("k", "1");
    struct trb_state_operation all[] = {upsert("new", "1", NULL), upsert("k", "2", "9"), upsert("newer", "1", NULL)};
    assert_int_equal(transact(all, 3, &err), TRB_ABORTED);
    assert_int_equal(err.kind, TRB_STATE_ETAG_MISMATCH);
    assert_int_equal(err.item, 1);
    all[1] = removal("k", "9");
    assert_int_equal(transact(all, 3, &err), TRB_ABORTED);
    all[1] = upsert("k", "2", NULL);
    all[1].concurrency = TRB_STATE_FIRST_WRITE;
    assert_int_equal(transact(all, 3, &err), TRB_INTERNAL);
    assert_string_equal(err.message, "no item was updated");
    all[1] = upsert("k", "2", "bad");
    assert_int_equal(transact(all, 3, &err), TRB_INVALID);
    assert_string_equal(say("select key, value from state"), "k|1");
}

static void a_bulk_answers_each_item(void **state)
{
    struct trb_state_set sets[] = {{.size = sizeof *sets, .key = NAME("a"), .value = data_of("1")},
                                   {.size = sizeof *sets, .key = NAME("b"), .value = data_of("2"), .etag = NAME("x")},
                                   {.size = sizeof *sets, .key = NAME("c"), .value = data_of("3")}};
    struct trb_state_bulk_set q = {.size = sizeof q, .items = {sets, 3, sizeof *sets}};
    struct asked a = ask("bulk_set", &q);
    assert_null(call_failure(a.call));
    assert_null(call_item_at(a.call, 0)->failure);
    assert_int_equal(call_item_at(a.call, 1)->failure->kind, TRB_STATE_ETAG_INVALID);
    assert_null(call_item_at(a.call, 2)->failure);
    driver_release(&a);
    struct trb_state_get gets[] = {{.size = sizeof *gets, .key = NAME("c")}, {.size = sizeof *gets, .key = NAME("b")},
                                   {.size = sizeof *gets, .key = NAME("a")}, {.size = sizeof *gets, .key = NAME("c")}};
    struct trb_state_bulk_get g = {.size = sizeof g, .items = {gets, 4, sizeof *gets}};
    a = ask("bulk_get", &g);
    assert_int_equal(call_item_count(a.call), 4);
    assert_string_equal(held_from(call_item_at(a.call, 0)->answer).value, "3");
    assert_false(held_from(call_item_at(a.call, 1)->answer).is_there);
    assert_string_equal(held_from(call_item_at(a.call, 2)->answer).value, "1");
    assert_string_equal(held_from(call_item_at(a.call, 3)->answer).value, "3");
    driver_release(&a);
}

static void keys_are_found_by_pattern_page_by_page(void **state)
{
    struct text t = {0};
    const char *all[] = {"p_1", "p_2", "px3", "p*4", "q%5"};
    for (size_t n = 0; n < sizeof all / sizeof *all; n++)
        set(all[n], "1");
    keys(&t, "p\\_%", 0, NULL);
    assert_string_equal(t.at, "p_1 p_2");
    keys(&t, "p_3", 0, NULL);
    assert_string_equal(t.at, "px3");
    keys(&t, "%", 2, NULL);
    assert_string_equal(t.at, "p_1 p_2 >2");
    drop("p_1", NULL);
    keys(&t, "%", 2, "2");
    assert_string_equal(t.at, "px3 p*4 >4");
    keys(&t, "%", 2, "4");
    assert_string_equal(t.at, "q%5");
    keys(&t, "%", 2, "x");
    assert_string_equal(t.at, "failed");
    keys(&t, "", 0, NULL);
    assert_string_equal(t.at, "failed");
    text_fini(&t);
}

/* ------------------------------------------------------------------------------------------ queries */
/* "k1 k2 >token", or the failure. */
static const char *found(const char *query)
{
    static char line[1024];
    struct trb_state_query q = {.size = sizeof q, .query = slice_of(query)};
    struct asked a = ask("query", &q);
    const struct trb_error *err = call_failure(a.call);
    size_t len = (size_t)snprintf(line, sizeof line, "%s", err ? err->message : "");
    for (uint32_t n = 0; n < call_item_count(a.call) && len < sizeof line; n++) {
        const struct trb_state_query_item *item = call_item_at(a.call, n)->answer;
        len += (size_t)snprintf(line + len, sizeof line - len, "%s%s%.*s", n ? " " : "", item->key.len ? "" : ">",
                                SLICE_ARG(item->key.len ? slice_name(item->key) : item->token));
    }
    driver_release(&a);
    return line;
}

static void queries_filter_sort_and_page(void **state)
{
    set_json("1", "{\"person\":{\"org\":\"A\",\"id\":10},\"city\":\"Berlin\",\"ok\":true}");
    set_json("2", "{\"person\":{\"org\":\"B\",\"id\":9},\"city\":\"Kyiv\",\"ok\":false}");
    set_json("3", "{\"person\":{\"org\":\"A\",\"id\":9.0},\"city\":\"Rome\",\"gone\":null}");
    set_json("4", "{\"person\":{\"org\":\"C\",\"id\":\"9\"},\"city\":\"O'Hara\\\"--\"}");
    set_as((struct trb_state_set){.key = NAME("old"), .value = data_of("{\"city\":\"Rome\"}"), .is_json = 1, .has_ttl = 1, .ttl_s = 9}, NULL);
    say("update state set expiredate = now() - interval '1 second' where key = 'old'");
    assert_string_equal(found("{}"), "1 2 3 4");
    assert_string_equal(found("{\"filter\":{\"EQ\":{\"person.org\":\"A\"}}}"), "1 3");
    assert_string_equal(found("{\"filter\":{\"EQ\":{\"person.id\":9}}}"), "2 3 4");
    assert_string_equal(found("{\"filter\":{\"NEQ\":{\"person.org\":\"A\"}}}"), "2 4");
    assert_string_equal(found("{\"filter\":{\"EQ\":{\"ok\":true}}}"), "1");
    assert_string_equal(found("{\"filter\":{\"IN\":{\"city\":[\"Rome\",\"O'Hara\\\"--\",7]}}}"), "3 4");
    assert_string_equal(found("{\"filter\":{\"GT\":{\"person.id\":9}}}"), "1");
    assert_string_equal(found("{\"filter\":{\"LTE\":{\"person.id\":9}}}"), "2 3");
    assert_string_equal(found("{\"filter\":{\"GT\":{\"city\":\"B\"}}}"), "GT compares numbers only");
    assert_string_equal(found("{\"filter\":{\"OR\":[{\"EQ\":{\"city\":\"Kyiv\"}},{\"AND\":[{\"EQ\":{\"person.org\":\"A\"}},"
                              "{\"LT\":{\"person.id\":10}}]}]}}"), "2 3");
    assert_string_equal(found("{\"sort\":[{\"key\":\"city\",\"order\":\"DESC\"}],\"page\":{\"limit\":3}}"), "3 4 2 >3");
    assert_string_equal(found("{\"sort\":[{\"key\":\"city\",\"order\":\"DESC\"}],\"page\":{\"limit\":3,\"token\":\"3\"}}"), "1");
    assert_string_equal(found("{\"filter\":{\"EQ\":{\"city\":\"Nowhere\"}}}"), "");
    assert_string_equal(found("{\"page\":{\"token\":\"x\"}}"), "the token 'x' is not one that this store gave");
    assert_string_equal(found("{\"filter\":{\"EQ\":{\"x'; drop table state; --\":1}}}"), "");
    assert_string_equal(say("select count(*) from state"), "5");
}

/* -------------------------------------------------------------------------------------------- sweeps */
static void until_it_says(const char *sql, const char *answer)
{
    for (int turns = 0; strcmp(say(sql), answer); turns++)
        if (turns > 200)
            fail_msg("\"%s\" stays \"%s\"", sql, say(sql));
}

static void expired_rows_are_swept_and_the_time_noted(void **state)
{
    driver_retire(store);
    say("insert into state (key, value, isbinary, expiredate) values ('gone', '1', false, now() - interval '1 hour'), "
        "('live', '1', false, now() + interval '1 hour'), ('ever', '1', false, null)");
    store = open_as("state.postgresql", "cleanupInterval", "1s", NULL);
    assert_non_null(store);
    until_it_says("select string_agg(key, ' ' order by key) from state", "ever live");
    assert_string_equal(say("select value::timestamptz <= now(), value ~ '^\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d.*[+-]\\d\\d' from dapr_metadata where key = "
                            "'last-cleanup'"), "t|t");
}

static void who_comes_too_early_does_not_sweep(void **state)
{
    driver_retire(store);
    say("insert into dapr_metadata values ('last-cleanup', (now() + interval '1 hour')::text);"
        "insert into state (key, value, isbinary, expiredate) values ('gone', '1', false, now() - interval '1 hour')");
    store = open_as("state.postgresql", "cleanupInterval", "1s", NULL);
    assert_non_null(store);
    until_it_says("select count(*) > 1 from pg_stat_activity where query like 'WITH due%'", "t");
    assert_string_equal(say("select count(*) from state"), "1");
}

/* ------------------------------------------------------------------------------------------- starting */
static void refused_with(const char *const *pairs, const char *part)
{
    struct trb_error err = ERROR_INIT;
    struct instance *i = driver_component(&block, "state.postgresql", pairs, &err);
    if (i)
        driver_retire(i);
    assert_null(i);
    if (!strstr(err.message, part))
        fail_msg("'%s' does not say '%s'", err.message, part);
}

static void a_start_that_cannot_succeed_says_why(void **state)
{
    refused_with((const char *[]){NULL}, "connectionString is missing");
    refused_with((const char *[]){"connectionString", "host=127.0.0.1 port=1", NULL}, "Connection refused");
    refused_with((const char *[]){"connectionString", "host=nowhere.invalid", NULL}, "cannot resolve 'nowhere.invalid'");
    refused_with((const char *[]){"connectionString", "nonsense", NULL}, "connectionString: ");
    refused_with((const char *[]){"connectionString", server.url, "database", "nobody", NULL}, "database \"nobody\" does not exist");
    refused_with((const char *[]){"connectionString", server.url, "user", "trilby", "password", "wrong", NULL}, "password authentication failed");
    refused_with((const char *[]){"connectionString", server.url, "tableName", "a;b", NULL}, "tableName: 'a;b'");
    refused_with((const char *[]){"connectionString", server.url, "metadataTableName", "a b", NULL}, "metadataTableName: 'a b'");
    refused_with((const char *[]){"connectionString", server.url, "timeout", "10ms", NULL}, "at least 1s");
    refused_with((const char *[]){"connectionString", server.url, "useAzureAD", "true", NULL}, "useAzureAD");
    refused_with((const char *[]){"connectionString", server.url, "queryExecMode", "guess", NULL}, "queryExecMode");
}

static void the_parts_may_stand_for_the_string(void **state)
{
    const char *parts[] = {"host", "localhost", "port", server.port, "user", "trilby", "password", "secret", "database", "postgres",
                           "tableName", "others", "queryExecMode", "exec", "maxConns", "8", NULL};
    struct trb_error err = ERROR_INIT;
    struct instance *first = store;
    store = driver_component(&block, "state.postgresql", parts, &err);
    assert_non_null(store);
    assert_int_equal(set_json("k", "1"), TRB_OK);
    assert_string_equal(get("k").value, "1");
    assert_string_equal(say("select count(*) from pg_prepared_statements"), "0");
    driver_retire(store);
    store = first;
}

/* --------------------------------------------------------------------------------------------- faults */
#define COUNT 2000

struct crowd {
    struct asked all[COUNT];
    struct trb_state_set sets[COUNT];
    char names[COUNT][16];
};

static struct crowd *crowd_send(void)
{
    struct crowd *c = mem_zero(sizeof *c);
    for (int n = 0; n < COUNT; n++) {
        snprintf(c->names[n], sizeof c->names[n], "key%d", n);
        c->sets[n] = (struct trb_state_set){.size = sizeof c->sets[n], .key = name_of(c->names[n]), .value = data_of("1"), .is_json = 1};
        c->all[n] = (struct asked){.instance = store, .verb = verb("set"), .question = &c->sets[n]};
        driver_send(&c->all[n], (uint32_t)n % DRIVER_LOOPS);
    }
    return c;
}

/* How many went well. */
static int crowd_wait(struct crowd *c)
{
    int good = 0;
    for (int n = 0; n < COUNT; n++) {
        driver_wait(&c->all[n]);
        good += !call_failure(c->all[n].call);
        driver_release(&c->all[n]);
    }
    mem_free(c);
    return good;
}

static void many_at_once_are_pipelined_on_both_loops(void **state)
{
    assert_int_equal(crowd_wait(crowd_send()), COUNT);
    assert_string_equal(say("select count(*) from state"), "2000");
}

static void a_statement_that_the_server_forgot_is_prepared_again(void **state)
{
    set_json("k", "1");
    say("select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()");
    assert_string_equal(get("k").value, "1");
    assert_int_equal(set_json("k", "2"), TRB_OK);
}

static void a_connection_that_has_nothing_to_do_goes_and_comes_back(void **state)
{
    driver_retire(store);
    const char *pairs[] = {"connectionString", server.url, "connectionMaxIdleTime", "1s", "cleanupInterval", "-1", NULL};
    store = driver_component(&block, "state.postgresql", pairs, NULL);
    assert_non_null(store);
    set_json("k", "1");
    until_it_says("select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()", "0");
    assert_string_equal(get("k").value, "1");
    assert_int_equal(set_json("k", "2"), TRB_OK);
}

static void a_server_that_became_read_only_is_looked_for_again(void **state)
{
    struct trb_error err;
    set_json("k", "1");
    usleep(1100000);                    /* a fresh connection is given time */
    say("alter database postgres set default_transaction_read_only = on;"
        "select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()");
    for (int turns = 0; set_as((struct trb_state_set){.key = NAME("k"), .value = data_of("2"), .is_json = 1}, &err) == TRB_OK; turns++)
        assert_true(turns < 100);
    assert_int_equal(err.code, TRB_UNAVAILABLE);
    say("set default_transaction_read_only = off; alter database postgres reset default_transaction_read_only");
    for (int turns = 0; set_json("k", "3") && turns < 500; turns++)
        usleep(10000);
    assert_string_equal(get("k").value, "3");
}

static void a_crash_loses_nothing_that_was_acknowledged(void **state)
{
    char count[16];
    struct crowd *c = crowd_send();
    postgres_do(&server, "crash");
    int good = crowd_wait(c);
    assert_int_equal(get("key0").code, TRB_UNAVAILABLE);
    assert_int_equal(postgres_do(&server, "again"), 0);
    for (int turns = 0; set_json("after", "1") && turns < 500; turns++)
        usleep(10000);
    assert_true(get("after").is_there);
    snprintf(count, sizeof count, "%s", say("select count(*) from state where key like 'key%'"));
    assert_true(atoi(count) >= good);
}

static void a_locked_row_ends_by_the_timeout_and_holds_up_no_connection(void **state)
{
    driver_retire(store);
    store = open_as("state.postgresql", "timeout", "1s", NULL);
    assert_non_null(store);
    set_json("k", "1");
    char command[512];
    snprintf(command, sizeof command, "psql '%s' -qAt -c \"begin; update state set value = '9' where key = 'k'; select pg_sleep(3); rollback\" "
             ">/dev/null &", server.url);
    assert_int_equal(system(command), 0);
    until_it_says("select count(*) from pg_stat_activity where query like '%pg_sleep(3)%' and wait_event = 'PgSleep'", "1");
    struct trb_error err;
    assert_int_equal(set_as((struct trb_state_set){.key = NAME("k"), .value = data_of("2"), .is_json = 1}, &err), TRB_DEADLINE);
    assert_non_null(strstr(err.message, "57014"));
    assert_int_equal(set_json("other", "2"), TRB_OK);
    until_it_says("select count(*) from pg_stat_activity where query like '%pg_sleep(3)%' and pid <> pg_backend_pid()", "0");
    assert_int_equal(set_json("k", "3"), TRB_OK);
}

static void a_server_that_stalls_is_given_up_and_found_again(void **state)
{
    driver_retire(store);
    store = open_as("state.postgresql", "timeout", "1s", NULL);
    assert_non_null(store);
    set_json("k", "1");
    postgres_signal(&server, SIGSTOP);
    struct trb_error err;
    trb_code code = set_as((struct trb_state_set){.key = NAME("k"), .value = data_of("2"), .is_json = 1}, &err);
    postgres_signal(&server, SIGCONT);
    assert_int_equal(code, TRB_UNAVAILABLE);
    assert_non_null(strstr(err.message, "may have been carried out"));
    assert_int_equal(set_json("k", "3"), TRB_OK);
    assert_string_equal(get("k").value, "3");
}

static int start_all(void **state)
{
    postgres_start(&server);
    driver_start();
    return 0;
}

static int stop_all(void **state)
{
    driver_stop();
    postgres_stop(&server);
    return 0;
}

#define V1(test) cmocka_unit_test_setup_teardown(test, up, down)
#define V2(test) {#test " (v2)", test, up_2, down, NULL}

int main(void)
{
    const struct CMUnitTest tests[] = {
        V1(the_tables_of_v1_are_as_dapr_makes_them), V2(the_tables_of_v2_are_as_dapr_makes_them),
        V1(an_older_table_is_brought_up_to_date_and_its_rows_numbered), V1(a_finished_table_is_left_alone),
        V1(tables_may_have_other_names_and_a_schema), V1(v2_refuses_the_table_of_v1), V1(the_version_is_chosen_and_v1_is_the_default),
        V1(values_of_v1_are_jsonb_or_marked_base64), V2(values_of_v2_are_the_bytes), V1(rows_that_others_wrote_are_read),
        V1(an_absent_key_is_no_error), V2(an_empty_value_is_not_an_absent_one), V1(an_empty_value_is_not_an_absent_one),
        V1(what_the_server_cannot_keep_is_the_clients_fault), V1(a_large_value_goes_there_and_back),
        V2(a_large_value_goes_there_and_back), V1(only_the_present_version_may_be_replaced),
        V2(only_the_present_version_may_be_replaced), V1(an_etag_of_v1_is_a_number), V2(an_etag_of_v2_that_is_no_uuid_does_not_match),
        V1(a_first_write_is_for_what_is_not_there), V2(a_first_write_is_for_what_is_not_there),
        V1(an_expired_row_is_not_there_but_its_etag_still_deletes), V1(a_write_sets_or_clears_the_expiry),
        V1(a_transaction_does_all_in_order), V1(a_refused_operation_undoes_the_transaction), V1(a_bulk_answers_each_item),
        V1(keys_are_found_by_pattern_page_by_page), V2(keys_are_found_by_pattern_page_by_page), V1(queries_filter_sort_and_page),
        V1(expired_rows_are_swept_and_the_time_noted), V1(who_comes_too_early_does_not_sweep),
        V1(a_start_that_cannot_succeed_says_why), V1(the_parts_may_stand_for_the_string),
        V1(many_at_once_are_pipelined_on_both_loops), V1(a_statement_that_the_server_forgot_is_prepared_again),
        V1(a_connection_that_has_nothing_to_do_goes_and_comes_back), V1(a_server_that_became_read_only_is_looked_for_again),
        V1(a_crash_loses_nothing_that_was_acknowledged), V1(a_locked_row_ends_by_the_timeout_and_holds_up_no_connection),
        V1(a_server_that_stalls_is_given_up_and_found_again),
    };
    return cmocka_run_group_tests(tests, start_all, stop_all);
}
