/* configuration: known items, unknown ones, all of them; and who is told of a change. */
#include "../judge.h"
#include <base/mem.h>
#include <stdlib.h>
#include <trilby/configuration.h>

#define MANY 1024u

static struct trb_configuration_get *question(const char *const *names, uint32_t count)
{
    struct trb_configuration_get *q = mem_zero(sizeof *q);
    struct trb_configuration_key *keys = mem_zero((count + 1) * sizeof *keys);
    for (uint32_t i = 0; i < count; i++)
        keys[i] = (struct trb_configuration_key){.size = sizeof *keys, .key = name_of(names[i])};
    *q = (struct trb_configuration_get){.size = sizeof *q, .keys = {keys, count, sizeof *keys}};
    return q;
}

static void question_free(struct trb_configuration_get *q)
{
    mem_free((void *)(uintptr_t)q->keys.at);
    mem_free(q);
}

static bool has(struct asked *a, const struct secret_fact *f)
{
    for (uint32_t i = 0; i < ask_items(a); i++) {
        const struct trb_configuration_item *one = ask_item(a, i);
        if (one && slice_is(slice_name(one->key), slice_of(f->name)) && slice_is(one->value, slice_of(f->value)))
            return true;
    }
    return false;
}

static void expect_facts(struct test *t, struct asked *a)
{
    for (uint32_t i = 0; i < t->subject->secret_count; i++)
        EXPECT(t, has(a, &t->subject->secrets[i]), "the item %s is not there with its value", t->subject->secrets[i].name);
}

static void reads(struct test *t)
{
    const char *names[17];
    uint32_t n = t->subject->secret_count;
    for (uint32_t i = 0; i < n; i++)
        names[i] = t->subject->secrets[i].name;
    names[n] = "conform.unknown";
    struct trb_configuration_get *q = question(names, n + 1);
    struct asked *a = ask(t, "get", q);
    REQUIRE(t, a && !ask_failure(a), "get fails: %s", a ? ask_why(a) : "no answer");
    expect_facts(t, a);
    EXPECT(t, ask_items(a) == n, "%u keys that are there and one that is not have %u items", n, ask_items(a));
    ask_end(a);
    question_free(q);
}

static void reads_all(struct test *t)
{
    struct trb_configuration_get *q = question(NULL, 0);
    struct asked *a = ask(t, "get", q);
    REQUIRE(t, a && !ask_failure(a), "get without keys fails: %s", a ? ask_why(a) : "no answer");
    expect_facts(t, a);
    ask_end(a);
    question_free(q);
}

static void unknown(struct test *t)
{
    static const char *const names[] = {"conform.unknown", "conform.another"};
    struct trb_configuration_get *q = question(names, 2);
    struct asked *a = ask(t, "get", q);
    REQUIRE(t, a && !ask_failure(a), "get of unknown keys fails: %s", a ? ask_why(a) : "no answer");
    EXPECT(t, !ask_items(a), "unknown keys have %u items", ask_items(a));
    ask_end(a);
    question_free(q);
}

/* --------------------------------------------------------------------------------- subscriptions */
static struct listener *hear(struct test *t, const char *const *names, uint32_t count, uint32_t loop)
{
    struct listener *l = listen_begin(t, question(names, count), MANY, loop);
    EXPECT(t, listen_opened(l, PATIENCE_NS), "the subscription does not open: %s",
           listen_failure(l) ? listen_failure(l)->message : "no answer");
    listen_settle_all(l, TRB_ACK);
    return l;
}

static void close_it(struct test *t, struct listener *l)
{
    EXPECT(t, listen_close(l, TRB_WHY_ENDED, PATIENCE_NS), "a cancelled subscription does not end");
}

static void ends(struct test *t)
{
    static const char *const names[] = {"conform.one", "conform.two"};
    close_it(t, hear(t, names, 2, 0));
    close_it(t, hear(t, names, 1, 1));
}

static void change(struct test *t, const char *key, const char *value)
{
    setenv("KEY", key, 1);
    setenv("VALUE", value, 1);
    EXPECT(t, system(t->subject->change) == 0, "the command of --change fails: %s", t->subject->change);
}

static bool was_told(struct listener *l, const char *key, const char *value)
{
    uint64_t end = clock_now_ns() + PATIENCE_NS;
    for (uint32_t i = 0; clock_now_ns() < end && listen_wait(l, i + 1, PATIENCE_NS); i++)
        if (slice_is(listen_heard(l, i).topic, slice_of(key)) && slice_is(listen_heard(l, i).data, slice_of(value)))
            return true;
    return false;
}

static bool has_heard_of(struct listener *l, const char *key)
{
    for (uint32_t i = 0; i < listen_count(l); i++)
        if (slice_is(listen_heard(l, i).topic, slice_of(key)))
            return true;
    return false;
}

static void tells(struct test *t)
{
    static const char *const first[] = {"conform.one", "conform.two"}, *const second[] = {"conform.two"};
    if (!t->subject->change) {
        test_skip(t, "without --change");
        return;
    }
    struct listener *one = hear(t, first, 2, 0), *two = hear(t, second, 1, 1), *all = hear(t, NULL, 0, 0);
    change(t, "conform.one", "red");
    change(t, "conform.two", "green");
    EXPECT(t, was_told(one, "conform.one", "red") && was_told(one, "conform.two", "green"), "a change of a listed key is not told");
    EXPECT(t, was_told(two, "conform.two", "green"), "a second subscription is not told");
    EXPECT(t, was_told(all, "conform.one", "red") && was_told(all, "conform.two", "green"), "a subscription to all is not told");
    EXPECT(t, !has_heard_of(two, "conform.one"), "a change of a key that is not listed is told");
    close_it(t, one);
    change(t, "conform.two", "blue");
    EXPECT(t, was_told(two, "conform.two", "blue"), "the end of one subscription has ended another");
    close_it(t, two);
    close_it(t, all);
}

const struct test_case suite_configuration[] = {
    {"configuration", "reads each expected item, and no other", reads, "configuration"},
    {"configuration", "reads all without keys", reads_all, "configuration"},
    {"configuration", "unknown keys have no items", unknown, "configuration"},
    {"configuration", "a subscription opens and ends when asked", ends, "configuration"},
    {"configuration", "a change is told to who asked for it", tells, "configuration"},
    {0},
};
