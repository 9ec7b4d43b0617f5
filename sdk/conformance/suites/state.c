/* state: what every store does: values verbatim, absent ones without error, many at once. */
#include "../judge.h"
#include <base/error.h>
#include <base/mem.h>
#include <stdio.h>
#include <trilby/state.h>
#include "state_words.h"

static void round_trip(struct test *t, const char *word, struct trb_slice value)
{
    struct trb_name key = test_key(t, word);
    struct stored got;
    if (!state_put(t, key, value))
        return;
    got = state_read(t, key);
    EXPECT(t, got.value.at && slice_is(got.value, value), "%s: stored %zu bytes and read %zu others", word, value.len,
           got.value.len);
    stored_end(&got);
}

static void values_are_bytes(struct test *t)
{
    static char every[256];
    for (int i = 0; i < 256; i++)
        every[i] = (char)i;
    round_trip(t, "number", SLICE("1"));
    round_trip(t, "big-number", SLICE("12345678901234567890"));
    round_trip(t, "true", SLICE("true"));
    round_trip(t, "null", SLICE("null"));
    round_trip(t, "text", SLICE("\"hello\""));
    round_trip(t, "empty-text", SLICE("\"\""));
    round_trip(t, "object", SLICE("{ \"b\" : 1.50, \"a\":[1,2]}"));
    round_trip(t, "one-byte", SLICE("\x01"));
    round_trip(t, "a-zero-byte", slice_from("\0", 1));
    round_trip(t, "every-byte", slice_from(every, 256));
}

static void large_value(struct test *t)
{
    size_t len = 1u << 20;
    char *big = mem_alloc(len);
    for (size_t i = 0; i < len; i++)
        big[i] = (char)(i * 31 + i / 977);
    round_trip(t, "a-megabyte", slice_from(big, len));
    mem_free(big);
}

static void body_without_owner(struct test *t)
{
    struct trb_name key = test_key(t, "unowned");
    struct trb_state_set q = {.size = sizeof q, .key = key, .value = {"\"kept\"", 6, NULL}};
    struct asked *a = ask_begin(t, "set", &q, &(struct how){.loop = 0, .without_owner = true});
    REQUIRE(t, ask_wait(a, PATIENCE_NS) && !ask_failure(a), "a body without an owner is not stored");
    ask_end(a);
    struct stored got = state_read(t, key);
    EXPECT(t, slice_is(got.value, SLICE("\"kept\"")), "a body without an owner was not copied: it reads otherwise");
    stored_end(&got);
}

static void strange_keys(struct test *t)
{
    static const char *const words[] = {"with blank", "wïth ümläuts", "a:b/c?d#e%20", "'; DROP TABLE state; --", "*[x]?", "ümläut",
                                        "\"quoted\"", "$HOME"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (!t->subject->plain_keys || !strchr(words[i], ' '))
            round_trip(t, words[i], slice_of(words[i]));
}

static void absent(struct test *t)
{
    struct trb_name key = test_key(t, "absent");
    struct trb_error err = ERROR_INIT;
    struct stored got = state_read(t, key);
    EXPECT(t, !got.failed, "reading an absent key is an error: %s", got.why);
    EXPECT(t, !got.value.at, "an absent key has a value of %zu bytes", got.value.len);
    EXPECT(t, !got.etag.at, "an absent key has an etag");
    stored_end(&got);
    EXPECT(t, state_remove(t, key, NULL, &err), "deleting an absent key is an error: %s", err.message);
}

static void removed(struct test *t)
{
    struct trb_name key = test_key(t, "removed");
    struct trb_error err = ERROR_INIT;
    if (!state_put(t, key, SLICE("1")))
        return;
    EXPECT(t, state_remove(t, key, NULL, &err), "delete fails: %s", err.message);
    struct stored got = state_read(t, key);
    EXPECT(t, !got.failed && !got.value.at, "a deleted key still reads");
    stored_end(&got);
    EXPECT(t, state_remove(t, key, NULL, &err), "deleting it again is an error: %s", err.message);
}

static void overwritten(struct test *t)
{
    struct trb_name key = test_key(t, "overwritten");
    if (!state_put(t, key, SLICE("\"a longer first value\"")) || !state_put(t, key, SLICE("2")))
        return;
    struct stored got = state_read(t, key);
    EXPECT(t, slice_is(got.value, SLICE("2")), "the second value does not replace the first");
    stored_end(&got);
}

static void read_by_the_other_loop(struct test *t)
{
    for (uint32_t i = 0; i < 50; i++) {
        char word[16];
        snprintf(word, sizeof word, "seen%u", i);
        struct trb_name key = test_key(t, word);
        struct trb_state_set set = {.size = sizeof set, .key = key, .value = {word, strlen(word), NULL}};
        struct trb_state_get get = {.size = sizeof get, .key = key, .consistency = TRB_STATE_STRONG};
        struct asked *a = ask_begin(t, "set", &set, &(struct how){.loop = i});
        REQUIRE(t, ask_wait(a, PATIENCE_NS) && !ask_failure(a), "set fails");
        ask_end(a);
        a = ask_begin(t, "get", &get, &(struct how){.loop = i + 1});
        REQUIRE(t, ask_wait(a, PATIENCE_NS), "get was not answered");
        const struct trb_state_item *item = ask_answer(a);
        EXPECT(t, item && item->value.at, "what one loop wrote, the other does not read");
        ask_end(a);
    }
}

static void writes_without_buffers(struct test *t)
{
    struct trb_name key = test_key(t, "unwritten");
    struct trb_state_set q = {.size = sizeof q, .key = key, .value = {"\"value\"", 7, NULL}};
    for (uint32_t each = 1; each < 3; each++) {
        atomic_store(&shim_ways.fail_each, each);
        for (uint32_t i = 0; i < 6; i++) {
            struct asked *a = ask_begin(t, "set", &q, &(struct how){.loop = i, .without_owner = true});
            EXPECT(t, ask_wait(a, PATIENCE_NS), "set was not answered when there was no buffer");
            ask_end(a);
        }
    }
    atomic_store(&shim_ways.fail_each, 0);
    REQUIRE(t, state_put(t, key, SLICE("\"later\"")), "it does not write when there are buffers again");
    struct stored got = state_read(t, key);
    EXPECT(t, slice_is(got.value, SLICE("\"later\"")), "it does not recover when there are buffers again");
    stored_end(&got);
}

static void buffers_run_out(struct test *t)
{
    struct trb_name key = test_key(t, "no-buffers");
    if (!state_put(t, key, SLICE("\"value\"")))
        return;
    for (uint32_t each = 1; each < 4; each++) {
        atomic_store(&shim_ways.fail_each, each);
        for (uint32_t i = 0; i < 8; i++) {
            struct stored got = state_read(t, key);
            EXPECT(t, got.failed || slice_is(got.value, SLICE("\"value\"")),
                   "without a buffer it answers a wrong value instead of failing");
            stored_end(&got);
        }
    }
    atomic_store(&shim_ways.fail_each, 0);
    struct stored got = state_read(t, key);
    EXPECT(t, slice_is(got.value, SLICE("\"value\"")), "it does not recover when there are buffers again");
    stored_end(&got);
}

/* ------------------------------------------------------------------------------------ many at once */
#define BULK 5u

static void fill_keys(struct test *t, struct trb_name *ret_keys)
{
    char word[16];
    for (uint32_t i = 0; i < BULK; i++) {
        snprintf(word, sizeof word, "bulk%u", i);
        ret_keys[i] = test_key(t, word);
    }
}

static void bulk_written(struct test *t)
{
    struct trb_name keys[BULK];
    struct trb_state_set sets[BULK];
    struct trb_error err = ERROR_INIT;
    fill_keys(t, keys);
    for (uint32_t i = 0; i < BULK; i++)
        sets[i] = (struct trb_state_set){.size = sizeof sets[i], .key = keys[i], .value = {"\"v\"", 3, NULL}};
    struct trb_state_bulk_set q = {.size = sizeof q, .items = {sets, BULK, sizeof sets[0]}};
    REQUIRE(t, ask_well(t, "bulk_set", &q, &err), "bulk_set fails: %s", err.message);
    for (uint32_t i = 0; i < BULK; i++) {
        struct stored got = state_read(t, keys[i]);
        EXPECT(t, slice_is(got.value, SLICE("\"v\"")), "item %u of bulk_set was not written", i);
        stored_end(&got);
    }
}

static void bulk_read(struct test *t)
{
    struct trb_name keys[BULK];
    struct trb_state_get gets[BULK];
    fill_keys(t, keys);
    for (uint32_t i = 0; i < BULK; i++) {
        gets[i] = (struct trb_state_get){.size = sizeof gets[i], .key = keys[i]};
        if (i != 2 && !state_put(t, keys[i], slice_name(keys[i])))
            return;
    }
    struct trb_state_bulk_get q = {.size = sizeof q, .items = {gets, BULK, sizeof gets[0]}};
    struct asked *a = ask(t, "bulk_get", &q);
    REQUIRE(t, a && !ask_failure(a), "bulk_get fails as a whole");
    EXPECT(t, ask_items(a) == BULK, "bulk_get of %u keys gave %u items", BULK, ask_items(a));
    for (uint32_t i = 0; i < BULK; i++) {
        const struct trb_state_item *item = ask_item(a, i);
        struct trb_slice want = slice_name(keys[i]);
        REQUIRE(t, item, "bulk_get: item %u is missing or failed", i);
        EXPECT(t, i == 2 ? !item->value.at : slice_is(slice_from(item->value.at, item->value.len), want),
               "bulk_get: item %u has not its own value", i);
    }
    ask_end(a);
}

static void bulk_removed(struct test *t)
{
    struct trb_name keys[BULK];
    struct trb_state_delete all[BULK];
    struct trb_error err = ERROR_INIT;
    fill_keys(t, keys);
    for (uint32_t i = 0; i < BULK; i++) {
        all[i] = (struct trb_state_delete){.size = sizeof all[i], .key = keys[i]};
        if (!state_put(t, keys[i], SLICE("1")))
            return;
    }
    struct trb_state_bulk_delete q = {.size = sizeof q, .items = {all, BULK, sizeof all[0]}};
    for (uint32_t times = 0; times < 2; times++)
        EXPECT(t, ask_well(t, "bulk_remove", &q, &err), "bulk_remove, time %u: %s", times + 1, err.message);
    for (uint32_t i = 0; i < BULK; i++) {
        struct stored got = state_read(t, keys[i]);
        EXPECT(t, !got.value.at, "item %u of bulk_remove is still there", i);
        stored_end(&got);
    }
}

const struct test_case suite_state[] = {
    {"state", "gives back every value, byte for byte", values_are_bytes, "state"},
    {"state", "stores a megabyte", large_value, "state"},
    {"state", "copies a body that has no owner", body_without_owner, "state"},
    {"state", "accepts keys of any spelling", strange_keys, "state"},
    {"state", "reads and deletes an absent key without error", absent, "state"},
    {"state", "deletes", removed, "state"},
    {"state", "overwrites", overwritten, "state"},
    {"state", "shows to one loop what the other wrote", read_by_the_other_loop, "state"},
    {"state", "fails to read, and recovers, when there are no buffers", buffers_run_out, "state"},
    {"state", "fails to write, and recovers, when there are no buffers", writes_without_buffers, "state"},
    {"state", "writes many at once", bulk_written, "state", "bulk_set"},
    {"state", "reads many at once, absent ones too", bulk_read, "state", "bulk_get"},
    {"state", "deletes many at once, and again", bulk_removed, "state", "bulk_remove"},
    {0},
};
