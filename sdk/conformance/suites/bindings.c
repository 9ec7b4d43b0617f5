/* bindings: operations are said and kept, what is created is got, listed and deleted; what is read is delivered,
 * settled and ends. The metadata names that the field's products know go with every operation. */
#include "../judge.h"
#include <base/check.h>
#include <base/mem.h>
#include <ctype.h>
#include <trilby/bindings.h>

/* ------------------------------------------------------------------------------------ operations */
static const char *operations(const struct test *t)
{
    const struct trb_bindings_ops *ops = t->subject->component->ops;
    return ops->operations ? ops->operations : "";
}

static bool has_operation(const struct test *t, const char *name)
{
    struct trb_slice rest = slice_of(operations(t));
    while (rest.at)
        if (slice_is(slice_split(&rest, ' '), slice_of(name)))
            return true;
    return false;
}

static struct trb_name plain_key(struct test *t, const char *word)
{
    struct trb_name key = test_key(t, word);
    for (char *p = (char *)(uintptr_t)key.at; *p; p++)
        *p = *p == '|' || *p == ' ' ? '-' : *p;
    return key;
}

static struct asked *invoke(struct test *t, const char *operation, struct trb_name key, struct trb_slice data)
{
    struct trb_pair beside[] = {{NAME("key"), key}, {NAME("fileName"), key}};
    struct trb_binding_invoke q = {.size = sizeof q, .operation = name_of(operation), .data = {data.at, data.len, NULL},
                                   .metadata = {beside, key.at ? countof(beside) : 0, sizeof beside[0]}};
    return ask(t, "invoke", &q);
}

/* NULL: it failed, in either of the two ways. */
static const struct trb_binding_answer *well(const struct asked *a)
{
    const struct trb_binding_answer *answer = a ? ask_answer(a) : NULL;
    return answer && !answer->failure.at ? answer : NULL;
}

static const char *why(const struct asked *a)
{
    static char text[512];
    const struct trb_binding_answer *answer = a ? ask_answer(a) : NULL;
    if (!answer || !answer->failure.at)
        return ask_why(a);
    snprintf(text, sizeof text, "%.*s", SLICE_ARG(answer->failure));
    return text;
}

static bool goes_well(struct test *t, const char *operation, struct trb_name key, struct trb_slice data)
{
    struct asked *a = invoke(t, operation, key, data);
    bool is_well = well(a) != NULL;
    EXPECT(t, is_well, "%s fails: %s", operation, why(a));
    ask_end(a);
    return is_well;
}

static void says_operations(struct test *t)
{
    struct trb_slice rest = slice_of(operations(t));
    REQUIRE(t, rest.len, "it has invoke and says no operations");
    for (const char *p = operations(t); *p; p++)
        EXPECT(t, isalnum((unsigned char)*p) || *p == '-' || *p == ' ', "an operation has a '%c' in its name", *p);
    while (rest.at) {
        struct trb_slice one = slice_split(&rest, ' '), others = rest;
        EXPECT(t, one.len, "operations are separated by more than one blank");
        while (others.at)
            EXPECT(t, !slice_is(slice_split(&others, ' '), one), "the operation %.*s is said twice", SLICE_ARG(one));
    }
}

static void refuses_unknown(struct test *t)
{
    struct asked *a = invoke(t, "conformNoSuchOperation", plain_key(t, "unknown"), SLICE("{}"));
    EXPECT(t, a && !well(a), "an operation that it does not say went well");
    EXPECT(t, *why(a) && !strchr(why(a), '\n'), "an unknown operation is not refused in one sentence");
    ask_end(a);
}

/* ------------------------------------------------------------------------------------ round trip */
static bool can_keep(struct test *t)
{
    if (t->subject->keeps_nothing)
        test_skip(t, "what it creates cannot be got again (--keeps-nothing)");
    else if (!has_operation(t, "create") || !has_operation(t, "get"))
        test_skip(t, "it has not both create and get");
    return !t->skipped;
}

static void expect_data(struct test *t, struct trb_name key, struct trb_slice want)
{
    struct asked *a = invoke(t, "get", key, SLICE(""));
    const struct trb_binding_answer *answer = well(a);
    EXPECT(t, answer, "get fails: %s", why(a));
    if (answer)
        EXPECT(t, slice_is(slice_from(answer->data.at, answer->data.len), want),
               "%zu bytes were created and %zu others got", want.len, answer->data.len);
    ask_end(a);
}

static void expect_gone(struct test *t, struct trb_name key)
{
    struct asked *a = invoke(t, "get", key, SLICE(""));
    const struct trb_binding_answer *answer = well(a);
    EXPECT(t, !answer || !answer->data.len, "get after delete still has data");
    EXPECT(t, answer || *why(a), "get after delete fails and does not say why");
    ask_end(a);
}

static void round_trip(struct test *t)
{
    struct trb_name key = plain_key(t, "trip");
    if (!can_keep(t) || !goes_well(t, "create", key, SLICE("{\"conform\": 1.0}")))
        return;
    expect_data(t, key, SLICE("{\"conform\": 1.0}"));
    if (has_operation(t, "list"))
        goes_well(t, "list", (struct trb_name){NULL, 0}, SLICE(""));
    if (has_operation(t, "delete") && goes_well(t, "delete", key, SLICE("")))
        expect_gone(t, key);
}

static void every_byte(struct test *t)
{
    static char every[256];
    for (int i = 0; i < 256; i++)
        every[i] = (char)i;
    struct trb_name key = plain_key(t, "bytes");
    if (!can_keep(t) || !goes_well(t, "create", key, slice_from(every, sizeof every)))
        return;
    expect_data(t, key, slice_from(every, sizeof every));
    if (has_operation(t, "delete"))
        goes_well(t, "delete", key, SLICE(""));
}

static void many_at_once(struct test *t)
{
    static struct asked *asked[64];
    struct trb_name keys[countof(asked)];
    if (!can_keep(t))
        return;
    for (uint32_t i = 0; i < countof(asked); i++) {
        keys[i] = plain_key(t, "many");
        char *last = (char *)(uintptr_t)keys[i].at + keys[i].len - 1;
        *last = (char)('0' + i);
        struct trb_pair beside[] = {{NAME("key"), keys[i]}, {NAME("fileName"), keys[i]}};
        struct trb_binding_invoke q = {.size = sizeof q, .operation = NAME("create"), .data = {keys[i].at, keys[i].len, NULL},
                                       .metadata = {beside, countof(beside), sizeof beside[0]}};
        asked[i] = ask_begin(t, "invoke", &q, &(struct how){.loop = i, .without_owner = i % 2});
    }
    for (uint32_t i = 0; i < countof(asked); i++) {
        EXPECT(t, ask_wait(asked[i], PATIENCE_NS) && well(asked[i]), "create among %zu fails: %s", countof(asked), why(asked[i]));
        ask_end(asked[i]);
        expect_data(t, keys[i], slice_name(keys[i]));
        if (has_operation(t, "delete"))
            goes_well(t, "delete", keys[i], SLICE(""));
    }
}

static void buffers_run_out(struct test *t)
{
    struct trb_name key = plain_key(t, "buffers");
    if (!can_keep(t) || !goes_well(t, "create", key, SLICE("{\"n\":1}")))
        return;
    for (uint32_t i = 0; i < 12; i++) {
        atomic_store(&shim_ways.fail_each, 1 + i % 3);
        struct asked *a = invoke(t, "get", key, SLICE(""));
        EXPECT(t, !well(a) || slice_is(slice_from(well(a)->data.at, well(a)->data.len), SLICE("{\"n\":1}")),
               "get answers something else when there is no buffer");
        ask_end(a);
    }
    atomic_store(&shim_ways.fail_each, 0);
    expect_data(t, key, SLICE("{\"n\":1}"));
    if (has_operation(t, "delete"))
        goes_well(t, "delete", key, SLICE(""));
}

static void queries(struct test *t)
{
    struct trb_pair beside[] = {{NAME("sql"), NAME("SELECT 1")}};
    struct trb_binding_invoke q = {.size = sizeof q, .operation = NAME("query"),
                                   .metadata = {beside, countof(beside), sizeof beside[0]}};
    if (!has_operation(t, "query") || !has_operation(t, "exec")) {
        test_skip(t, "it has not both exec and query");
        return;
    }
    struct asked *a = ask(t, "invoke", &q);
    EXPECT(t, well(a) && well(a)->data.len, "query SELECT 1 fails: %s", why(a));
    ask_end(a);
}

/* ---------------------------------------------------------------------------------------- reading */
static struct listener *hear(struct test *t, uint32_t credit, uint32_t loop)
{
    static const struct trb_nothing q = {.size = sizeof q};
    struct listener *l = listen_begin(t, &q, credit, loop);
    EXPECT(t, listen_opened(l, PATIENCE_NS), "read does not open: %s",
           listen_failure(l) ? listen_failure(l)->message : "no answer");
    return l;
}

/* What it creates it also reads; one that has no create must have something to say by itself. */
static void feed(struct test *t, uint32_t count)
{
    for (uint32_t i = 0; i < count && shim_has("invoke") && has_operation(t, "create"); i++)
        goes_well(t, "create", plain_key(t, "event"), SLICE("{\"conform\":2}"));
}

static void close_it(struct test *t, struct listener *l)
{
    EXPECT(t, listen_close(l, TRB_WHY_ENDED, PATIENCE_NS), "a cancelled read does not end");
}

/* How many of those that were fed have come; a queue may still hold what earlier cases created. */
static uint32_t fed(struct listener *l)
{
    uint32_t found = 0;
    for (uint32_t i = 0, count = listen_count(l); i < count; i++)
        found += slice_is(listen_heard(l, i).data, SLICE("{\"conform\":2}"));
    return found;
}

static void reads(struct test *t)
{
    struct listener *l = hear(t, 10, 1);
    listen_settle_all(l, TRB_ACK);
    feed(t, 3);
    uint32_t want = shim_has("invoke") ? 3 : 0, heard = 0;
    while ((!heard || fed(l) < want) && listen_wait(l, heard + 1, PATIENCE_NS))
        heard++;
    EXPECT(t, heard, "nothing arrives");
    EXPECT(t, fed(l) >= want, "%u of %u events arrived as they were created", fed(l), want);
    close_it(t, l);
    uint32_t before = listen_count(l);
    feed(t, 1);
    EXPECT(t, listen_count(l) == before, "it still reads after its end");
}

static void survives_failing_handlers(struct test *t)
{
    struct listener *l = hear(t, 10, 0);
    feed(t, 2);
    for (uint32_t i = 0; i < 2 && listen_wait(l, i + 1, PATIENCE_NS); i++)
        listen_settle(l, i, i ? TRB_ACK : TRB_RETRY);
    EXPECT(t, listen_count(l) >= 2, "after a handler failed nothing more arrives");
    listen_settle_all(l, TRB_ACK);
    close_it(t, l);
}

static void ends_with_events_held(struct test *t)
{
    struct listener *l = hear(t, 10, 0);
    feed(t, 1);
    EXPECT(t, listen_wait(l, 1, PATIENCE_NS), "nothing arrives");
    EXPECT(t, listen_close(l, TRB_WHY_DRAINING, PATIENCE_NS), "it does not end when events come back held");
    l = hear(t, 10, 1);
    listen_settle_all(l, TRB_ACK);
    EXPECT(t, listen_wait(l, 1, PATIENCE_NS), "an event that was held does not come again");
    close_it(t, l);
}

static void opens_and_closes(struct test *t)
{
    static const struct trb_nothing q = {.size = sizeof q};
    for (uint32_t i = 0; i < 20; i++) {
        struct listener *l = listen_begin(t, &q, 4, i % HOUSE_LOOPS);
        if (i % 2)
            listen_opened(l, PATIENCE_NS);
        REQUIRE(t, listen_close(l, TRB_WHY_ENDED, PATIENCE_NS), "read %u does not end", i);
    }
}

const struct test_case suite_bindings[] = {
    {"bindings", "says its operations", says_operations, "bindings", "invoke"},
    {"bindings", "refuses an operation that it does not say", refuses_unknown, "bindings", "invoke"},
    {"bindings", "gets, lists and deletes what was created", round_trip, "bindings", "invoke"},
    {"bindings", "keeps every byte", every_byte, "bindings", "invoke"},
    {"bindings", "keeps what many create at once", many_at_once, "bindings", "invoke"},
    {"bindings", "fails, and recovers, when there are no buffers", buffers_run_out, "bindings", "invoke"},
    {"bindings", "answers a query", queries, "bindings", "invoke"},
    {"bindings", "delivers what it reads, until its end", reads, "bindings", "read"},
    {"bindings", "goes on when handlers fail", survives_failing_handlers, "bindings", "read"},
    {"bindings", "ends with events that were held, and brings them again", ends_with_events_held, "bindings", "read"},
    {"bindings", "opens and ends again and again", opens_and_closes, "bindings", "read"},
    {0},
};
