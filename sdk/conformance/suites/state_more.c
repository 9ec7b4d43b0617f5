/* state_more: what a store promises by its capabilities: etags, first writes, expiry, transactions. */
#include "state_words.h"
#include <base/error.h>
#include <base/mem.h>
#include <stdio.h>

static bool is_mismatch(const struct trb_error *err)
{
    return err->kind == TRB_STATE_ETAG_MISMATCH;
}

static void expect_value(struct test *t, struct trb_name key, const char *want, const char *what)
{
    struct stored got = state_read(t, key);
    EXPECT(t, !got.failed && slice_is(got.value, slice_of(want ? want : "")) && !got.value.at == !want, "%s", what);
    stored_end(&got);
}

/* --------------------------------------------------------------------------------------- etags */
static void etag_changes(struct test *t)
{
    struct trb_name key = test_key(t, "etag");
    if (!state_put(t, key, SLICE("1")))
        return;
    char *first = state_etag(t, key);
    REQUIRE(t, first, "an existing key has no etag");
    if (!state_put(t, key, SLICE("2")))
        return;
    char *second = state_etag(t, key);
    EXPECT(t, second && strcmp(first, second), "a write leaves the etag as it was");
    mem_free(first);
    mem_free(second);
}

static void etag_guards_writes(struct test *t)
{
    struct trb_name key = test_key(t, "guarded");
    struct trb_error err = ERROR_INIT;
    if (!state_put(t, key, SLICE("1")))
        return;
    char *stale = state_etag(t, key);
    if (!stale || !state_put(t, key, SLICE("2"))) {
        EXPECT(t, stale, "an existing key has no etag");
        return;
    }
    EXPECT(t, !state_put_if(t, key, SLICE("3"), stale, 0, &err), "a stale etag is accepted");
    EXPECT(t, is_mismatch(&err), "a stale etag is not answered with TRB_STATE_ETAG_MISMATCH: %s", err.message);
    struct stored got = state_read(t, key);
    EXPECT(t, slice_is(got.value, SLICE("2")), "a refused write has changed the value");
    stored_end(&got);
    char *current = state_etag(t, key);
    EXPECT(t, current && state_put_if(t, key, SLICE("4"), current, 0, &err), "the right etag is refused: %s", err.message);
    EXPECT(t, current && !state_put_if(t, key, SLICE("5"), current, 0, &err), "an etag is accepted twice");
    mem_free(stale);
    mem_free(current);
}

static void empty_etag_is_none(struct test *t)
{
    struct trb_name key = test_key(t, "empty etag");
    struct trb_error err = ERROR_INIT;
    if (!state_put(t, key, SLICE("1")))
        return;
    EXPECT(t, state_put_if(t, key, SLICE("2"), "", 0, &err), "an empty etag counts as one: %s", err.message);
    EXPECT(t, state_remove(t, key, "", &err), "an empty etag counts as one in delete: %s", err.message);
}

/* Some products write then; those that refuse must say which kind of refusal it is. */
static void etag_on_a_missing_key(struct test *t)
{
    struct trb_name key = test_key(t, "never written"), other = test_key(t, "lender");
    struct trb_error err = ERROR_INIT;
    if (!state_put(t, other, SLICE("1")))
        return;
    char *etag = state_etag(t, other);
    REQUIRE(t, etag, "an existing key has no etag");
    if (!state_put_if(t, key, SLICE("1"), etag, 0, &err))
        EXPECT(t, is_mismatch(&err), "refusing to write an absent key under an etag is no mismatch: %s", err.message);
    else
        expect_value(t, key, "1", "writing an absent key under an etag was answered with done and is not there");
    mem_free(etag);
}

static void etag_guards_deletes(struct test *t)
{
    struct trb_name key = test_key(t, "guarded delete");
    struct trb_error err = ERROR_INIT;
    if (!state_put(t, key, SLICE("1")))
        return;
    char *stale = state_etag(t, key);
    if (!stale || !state_put(t, key, SLICE("2"))) {
        EXPECT(t, stale, "an existing key has no etag");
        return;
    }
    EXPECT(t, !state_remove(t, key, stale, &err) && is_mismatch(&err), "a stale etag deletes, or is no mismatch: %s",
           err.message);
    char *current = state_etag(t, key);
    EXPECT(t, current && state_remove(t, key, current, &err), "the right etag does not delete: %s", err.message);
    struct stored got = state_read(t, key);
    EXPECT(t, !got.etag.at, "a deleted key still has an etag");
    stored_end(&got);
    mem_free(stale);
    mem_free(current);
}

static void bulk_with_one_bad(struct test *t)
{
    struct trb_name keys[3] = {test_key(t, "bad0"), test_key(t, "bad1"), test_key(t, "bad2")};
    struct trb_state_set sets[3];
    if (!state_put(t, keys[1], SLICE("1")))
        return;
    char *stale = state_etag(t, keys[1]);
    if (!stale || !state_put(t, keys[1], SLICE("2")))
        return;
    for (uint32_t i = 0; i < 3; i++)
        sets[i] = (struct trb_state_set){.size = sizeof sets[i], .key = keys[i], .value = {"9", 1, NULL}};
    sets[1].etag = name_of(stale);
    struct trb_state_bulk_set q = {.size = sizeof q, .items = {sets, 3, sizeof sets[0]}};
    struct asked *a = ask(t, "bulk_set", &q);
    REQUIRE(t, a, "bulk_set was not answered");
    const struct trb_error *err = ask_item_failure(a, 1);
    EXPECT(t, err && is_mismatch(err), "bulk_set: the item with the stale etag did not fail as a mismatch by item");
    EXPECT(t, !ask_item_failure(a, 0) && !ask_item_failure(a, 2), "bulk_set: an innocent item failed too");
    ask_end(a);
    for (uint32_t i = 0; i < 3; i++) {
        struct stored got = state_read(t, keys[i]);
        EXPECT(t, slice_is(got.value, i == 1 ? SLICE("2") : SLICE("9")), "bulk_set with one bad item: item %u is wrong", i);
        stored_end(&got);
    }
    mem_free(stale);
}

static void first_write_wins(struct test *t)
{
    struct trb_name key = test_key(t, "first write");
    struct trb_error err = ERROR_INIT;
    REQUIRE(t, state_put_if(t, key, SLICE("\"winner\""), NULL, TRB_STATE_FIRST_WRITE, &err),
            "the first first-write fails: %s", err.message);
    EXPECT(t, !state_put_if(t, key, SLICE("\"loser\""), NULL, TRB_STATE_FIRST_WRITE, &err), "a second first-write wins");
    EXPECT(t, !state_put_if(t, key, SLICE("\"loser\""), "", TRB_STATE_FIRST_WRITE, &err),
           "a second first-write with an empty etag wins");
    struct stored got = state_read(t, key);
    EXPECT(t, slice_is(got.value, SLICE("\"winner\"")), "the winner's value is gone");
    stored_end(&got);
    char *etag = state_etag(t, key);
    EXPECT(t, etag && state_put_if(t, key, SLICE("2"), etag, TRB_STATE_FIRST_WRITE, &err),
           "first-write with the current etag fails: %s", err.message);
    EXPECT(t, etag && !state_put_if(t, key, SLICE("3"), etag, TRB_STATE_FIRST_WRITE, &err),
           "first-write with a stale etag wins");
    mem_free(etag);
}

/* Sixteen write under the same etag at once, from both loops: one wins. */
static void one_winner(struct test *t)
{
    struct trb_name key = test_key(t, "race");
    struct asked *all[16];
    if (!state_put(t, key, SLICE("0")))
        return;
    char *etag = state_etag(t, key);
    uint32_t winners = 0;
    struct trb_state_set q = {.size = sizeof q, .key = key, .value = {"1", 1, NULL}, .etag = name_of(etag)};
    for (uint32_t i = 0; i < 16; i++)
        all[i] = ask_begin(t, "set", &q, &(struct how){.loop = i});
    for (uint32_t i = 0; i < 16; i++) {
        EXPECT(t, ask_wait(all[i], PATIENCE_NS), "a racing set was not answered");
        winners += !ask_failure(all[i]);
        ask_end(all[i]);
    }
    EXPECT(t, winners == 1, "%u of 16 writes under one etag won", winners);
    mem_free(etag);
}

/* --------------------------------------------------------------------------------------- expiry */
struct expiring {
    struct test *test;
    struct trb_name key;
};

static bool is_absent(void *arg)
{
    struct expiring *e = arg;
    struct stored got = state_read(e->test, e->key);
    bool absent = !got.failed && !got.value.at;
    stored_end(&got);
    return absent;
}

static bool put_for(struct test *t, struct trb_name key, int64_t ttl_s)
{
    struct trb_error err = ERROR_INIT;
    struct trb_state_set q = {.size = sizeof q, .key = key, .value = {"1", 1, NULL}, .has_ttl = 1, .ttl_s = ttl_s};
    bool well = ask_well(t, "set", &q, &err);
    EXPECT(t, well, "set with a TTL of %lld s fails: %s", (long long)ttl_s, err.message);
    return well;
}

static void expires(struct test *t)
{
    struct expiring e = {t, test_key(t, "brief")};
    if (!put_for(t, e.key, 1))
        return;
    EXPECT(t, !is_absent(&e), "a value with a TTL of 1 s is not there at once");
    EXPECT(t, house_wait(is_absent, &e, 6 * CLOCK_S), "a value with a TTL of 1 s is still there after 6 s");
}

static void ttl_is_lifted(struct test *t)
{
    struct expiring lifted = {t, test_key(t, "lifted")}, endless = {t, test_key(t, "endless")}, marker = {t, test_key(t, "marker")};
    if (!put_for(t, lifted.key, 1) || !put_for(t, lifted.key, 0) || !put_for(t, endless.key, -1) ||
        !put_for(t, marker.key, 1))
        return;
    EXPECT(t, house_wait(is_absent, &marker, 6 * CLOCK_S), "the marker does not expire");
    EXPECT(t, !is_absent(&lifted), "a TTL of 0 does not lift an earlier expiry");
    EXPECT(t, !is_absent(&endless), "a value with a TTL of -1 expired");
}

static void tells_when(struct test *t)
{
    struct trb_name key = test_key(t, "long");
    int64_t when, now = clock_wall_ns();
    if (!put_for(t, key, 1000))
        return;
    struct stored got = state_read(t, key);
    if (!got.expires.len) {
        test_skip(t, "it does not tell ttlExpireTime");
    } else if (!clock_parse_rfc3339(got.expires, &when)) {
        EXPECT(t, false, "ttlExpireTime '%.*s' is not RFC 3339", SLICE_ARG(got.expires));
    } else {
        int64_t off = when - now - 1000 * (int64_t)CLOCK_S;
        EXPECT(t, off > -10 * (int64_t)CLOCK_S && off < 10 * (int64_t)CLOCK_S, "ttlExpireTime is %lld s off",
               (long long)(off / (int64_t)CLOCK_S));
    }
    stored_end(&got);
}

/* --------------------------------------------------------------------------------- transactions */
static struct trb_state_operation upsert(struct trb_name key, struct trb_slice value)
{
    return (struct trb_state_operation){.size = sizeof(struct trb_state_operation), .kind = TRB_STATE_UPSERT, .key = key,
                                        .value = {value.at, value.len, NULL}};
}

static struct trb_state_operation removal(struct trb_name key)
{
    return (struct trb_state_operation){.size = sizeof(struct trb_state_operation), .kind = TRB_STATE_REMOVE, .key = key};
}

static bool transact(struct test *t, const struct trb_state_operation *all, uint32_t count, struct trb_error *err)
{
    struct trb_state_transact q = {.size = sizeof q, .operations = {all, count, sizeof *all}};
    return ask_well(t, "transact", &q, err);
}

static void transacts(struct test *t)
{
    struct trb_name a = test_key(t, "t-a"), b = test_key(t, "t-b"), c = test_key(t, "t-c"), d = test_key(t, "t-d");
    struct trb_error err = ERROR_INIT;
    if (!state_put(t, b, SLICE("\"old\"")))
        return;
    struct trb_state_operation all[] = {upsert(a, SLICE("1")), removal(b), upsert(c, SLICE("2")), removal(c), removal(d),
                                        upsert(d, SLICE("3"))};
    REQUIRE(t, transact(t, all, 6, &err), "a transaction fails: %s", err.message);
    expect_value(t, a, "1", "the first set of a transaction is not there");
    expect_value(t, b, NULL, "a deletion inside a transaction did not happen");
    expect_value(t, c, NULL, "set, then delete inside a transaction leaves the key there: the order is lost");
    expect_value(t, d, "3", "delete of an absent key, then set inside a transaction: the set is lost");
}

static void transacts_nothing(struct test *t)
{
    struct trb_error err = ERROR_INIT;
    EXPECT(t, transact(t, NULL, 0, &err), "an empty transaction fails: %s", err.message);
}

static void transaction_with_a_stale_etag(struct test *t)
{
    struct trb_name a = test_key(t, "ta-a"), b = test_key(t, "ta-b");
    struct trb_error err = ERROR_INIT;
    if (!state_put(t, b, SLICE("1")))
        return;
    char *stale = state_etag(t, b);
    if (!stale || !state_put(t, b, SLICE("2"))) {
        mem_free(stale);
        return;
    }
    struct trb_state_operation all[] = {upsert(a, SLICE("9")), upsert(b, SLICE("9"))};
    all[1].etag = name_of(stale);
    EXPECT(t, !transact(t, all, 2, &err), "a transaction with a stale etag succeeds");
    expect_value(t, b, "2", "a transaction with a stale etag wrote under it");
    if (!t->subject->cannot_roll_back)
        expect_value(t, a, NULL, "a transaction that failed has written its first operation (--no-rollback: the product cannot)");
    mem_free(stale);
}

/* --------------------------------------------------------------------------- a prefix, a query */
static void removes_a_prefix(struct test *t)
{
    struct trb_name under = test_key(t, "pre||one"), beside = test_key(t, "other");
    struct trb_name prefix = {under.at, under.len - 3};
    char *text = mem_text(prefix.at, prefix.len);
    struct trb_state_delete_prefix q = {.size = sizeof q, .prefix = name_of(text)};
    if (state_put(t, under, SLICE("1")) && state_put(t, beside, SLICE("1"))) {
        struct asked *a = ask(t, "remove_prefix", &q);
        const struct trb_state_count *count = a ? ask_answer(a) : NULL;
        EXPECT(t, count && count->count == 1, "remove_prefix did not count 1");
        ask_end(a);
        expect_value(t, under, NULL, "remove_prefix left a key");
        expect_value(t, beside, "1", "remove_prefix took a key beside");
    }
    mem_free(text);
}

static void empty_prefix(struct test *t)
{
    struct trb_state_delete_prefix q = {.size = sizeof q, .prefix = {"", 0}};
    struct trb_error err = ERROR_INIT;
    EXPECT(t, !ask_well(t, "remove_prefix", &q, &err), "an empty prefix would delete everything and is accepted");
}

static void bad_query(struct test *t)
{
    struct trb_state_query q = {.size = sizeof q, .query = SLICE("{\"filter\":{\"NONSENSE\":{}}}")};
    struct trb_error err = ERROR_INIT;
    EXPECT(t, !ask_well(t, "query", &q, &err), "a query with an unknown filter is accepted");
}

const struct test_case suite_state_more[] = {
    {"etag", "changes with each write", etag_changes, "state", NULL, TRB_STATE_ETAG},
    {"etag", "guards a write", etag_guards_writes, "state", NULL, TRB_STATE_ETAG},
    {"etag", "guards a delete", etag_guards_deletes, "state", NULL, TRB_STATE_ETAG},
    {"etag", "that is empty is none", empty_etag_is_none, "state", NULL, TRB_STATE_ETAG},
    {"etag", "for an absent key writes, or is a mismatch", etag_on_a_missing_key, "state", NULL, TRB_STATE_ETAG},
    {"etag", "fails one item of many, not all", bulk_with_one_bad, "state", "bulk_set", TRB_STATE_ETAG},
    {"etag", "lets the first write win", first_write_wins, "state", NULL, TRB_STATE_ETAG},
    {"etag", "lets one of sixteen win", one_winner, "state", NULL, TRB_STATE_ETAG},
    {"ttl", "expires", expires, "state", NULL, TRB_STATE_TTL},
    {"ttl", "of 0 and below is for ever", ttl_is_lifted, "state", NULL, TRB_STATE_TTL},
    {"ttl", "tells when", tells_when, "state", NULL, TRB_STATE_TTL},
    {"transact", "carries out all operations in their order", transacts, "state", "transact", TRB_STATE_TRANSACTIONAL},
    {"transact", "carries out none at all", transacts_nothing, "state", "transact", TRB_STATE_TRANSACTIONAL},
    {"transact", "writes nothing when an etag is stale", transaction_with_a_stale_etag, "state", "transact",
     TRB_STATE_TRANSACTIONAL | TRB_STATE_ETAG},
    {"prefix", "deletes one level below it", removes_a_prefix, "state", "remove_prefix", TRB_STATE_DELETE_WITH_PREFIX},
    {"prefix", "that is empty is refused", empty_prefix, "state", "remove_prefix", TRB_STATE_DELETE_WITH_PREFIX},
    {"query", "with an unknown filter is refused", bad_query, "state", "query", TRB_STATE_QUERY},
    {0},
};
