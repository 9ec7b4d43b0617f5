/* secretstores: known secrets, unknown ones, all of them. */
#include "../judge.h"
#include <base/error.h>
#include <trilby/secretstores.h>

static struct trb_slice value_of(const struct trb_secret *s, const char *name)
{
    struct trb_name v = s ? trb_pair_get(&s->values, name) : (struct trb_name){NULL, 0};
    return slice_name(v);
}

static void reads(struct test *t)
{
    for (uint32_t i = 0; i < t->subject->secret_count; i++) {
        const struct secret_fact *f = &t->subject->secrets[i];
        struct trb_secret_get q = {.size = sizeof q, .name = name_of(f->name)};
        struct asked *a = ask(t, "get", &q);
        REQUIRE(t, a, "get was not answered");
        EXPECT(t, !ask_failure(a), "secret %s: %s", f->name, ask_why(a));
        EXPECT(t, slice_is(value_of(ask_answer(a), f->name), slice_of(f->value)),
               "secret %s has not the expected value under its own name", f->name);
        ask_end(a);
    }
}

static void unknown(struct test *t)
{
    struct trb_secret_get q = {.size = sizeof q, .name = name_of("conformNoSuchSecret")};
    struct asked *a = ask(t, "get", &q);
    REQUIRE(t, a, "get was not answered");
    const struct trb_secret *s = ask_answer(a);
    struct trb_slice value = value_of(s, "conformNoSuchSecret");
    EXPECT(t, ask_failure(a) || !value.len, "an unknown secret has a value");
    trb_code code = ask_failure(a) ? ask_failure(a)->code : TRB_NOT_FOUND;
    EXPECT(t, code == TRB_NOT_FOUND, "an unknown secret fails with the code %d, not %d", code, TRB_NOT_FOUND);
    ask_end(a);
}

static void strange_names(struct test *t)
{
    static const char *const names[] = {"", "../../etc/passwd", "/etc/passwd", "a\nb", "%s%s%n", "..", "."};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct trb_secret_get q = {.size = sizeof q, .name = name_of(names[i])};
        struct asked *a = ask(t, "get", &q);
        REQUIRE(t, a, "get of a strange name was not answered");
        const struct trb_secret *s = ask_answer(a);
        EXPECT(t, !s || !value_of(s, names[i]).len, "the name '%s' has a value", names[i]);
        ask_end(a);
    }
}

static bool bulk_has(struct asked *a, const struct secret_fact *f)
{
    for (uint32_t i = 0; i < ask_items(a); i++) {
        const struct trb_secret *s = ask_item(a, i);
        if (s && slice_is(slice_name(s->name), slice_of(f->name)) && slice_is(value_of(s, f->name), slice_of(f->value)))
            return true;
    }
    return false;
}

static void lists(struct test *t)
{
    struct trb_secret_bulk q = {.size = sizeof q};
    struct asked *a = ask(t, "bulk", &q);
    REQUIRE(t, a && !ask_failure(a), "bulk fails: %s", ask_why(a));
    for (uint32_t i = 0; i < t->subject->secret_count; i++)
        EXPECT(t, bulk_has(a, &t->subject->secrets[i]), "bulk does not have %s with its value",
               t->subject->secrets[i].name);
    ask_end(a);
}

const struct test_case suite_secretstores[] = {
    {"secretstores", "reads each expected secret", reads, "secretstores"},
    {"secretstores", "has nothing under an unknown name", unknown, "secretstores"},
    {"secretstores", "has nothing under names that look like paths", strange_names, "secretstores"},
    {"secretstores", "lists all of them", lists, "secretstores", "bulk"},
    {0},
};
