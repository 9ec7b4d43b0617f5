/* options: what the table says must be what happens: missing, wrong and secret values. */
#include "../judge.h"
#include "../law.h"
#include <base/error.h>
#include <trilby/options.h>

#define MAX_PAIRS 128u
#define CANARY "tr1lby-canary-5ecret"

struct properties {
    struct trb_pair at[MAX_PAIRS];
    uint32_t count;
};

static const struct trb_option *option(const struct test *t, size_t i)
{
    const struct trb_component *c = t->subject->component;
    return (const struct trb_option *)(const void *)((const char *)(const void *)c->options + i * c->option_size);
}

static bool is_named(const struct trb_option *o, struct trb_name key)
{
    struct trb_slice rest = slice_of(o->aliases);
    if (slice_is_nocase(slice_name(key), slice_of(o->name)))
        return true;
    while (rest.at)
        if (slice_is_nocase(slice_split(&rest, '|'), slice_name(key)))
            return true;
    return false;
}

/* The given configuration without this option, and with value when there is one. */
static struct trb_pairs changed(struct test *t, const struct trb_option *o, const char *value, struct properties *ret)
{
    ret->count = 0;
    for (uint32_t i = 0; i < t->subject->properties.count && ret->count + 1 < MAX_PAIRS; i++)
        if (!is_named(o, trb_pair_at(&t->subject->properties, i)->key))
            ret->at[ret->count++] = *trb_pair_at(&t->subject->properties, i);
    if (value)
        ret->at[ret->count++] = (struct trb_pair){name_of(o->name), name_of(value)};
    return (struct trb_pairs){ret->at, ret->count, sizeof ret->at[0]};
}

static void missing(struct test *t)
{
    bool any = false;
    for (size_t i = 0; i < t->subject->component->option_count; i++) {
        const struct trb_option *o = option(t, i);
        struct properties room;
        struct trb_pairs p = changed(t, o, NULL, &room);
        struct trb_error err = ERROR_INIT;
        struct instance *up = NULL;
        if (!o->required)
            continue;
        any = true;
        EXPECT(t, instance_up(t, &p, &up, &err), "it starts without the required %s", o->name);
        EXPECT(t, up || strstr(err.message, o->name), "without %s the sentence does not name it: %s", o->name, err.message);
        if (up)
            instance_down(t, up);
    }
    if (!any)
        test_skip(t, "no option is required");
}

static bool is_typed(const struct trb_option *o)
{
    return o->type == TRB_OPTION_INT || o->type == TRB_OPTION_BYTES || o->type == TRB_OPTION_DURATION ||
           o->type == TRB_OPTION_CHOICE || o->type == TRB_OPTION_NUMBER;
}

static void wrong(struct test *t)
{
    bool any = false;
    for (size_t i = 0; i < t->subject->component->option_count; i++) {
        const struct trb_option *o = option(t, i);
        struct properties room;
        struct trb_pairs p = changed(t, o, "?" CANARY, &room);
        struct trb_error err = ERROR_INIT;
        struct instance *up = NULL;
        if (!is_typed(o))
            continue;
        any = true;
        EXPECT(t, instance_up(t, &p, &up, &err), "it starts with '?' for %s", o->name);
        EXPECT(t, up || strstr(err.message, o->name), "a wrong %s is not named: %s", o->name, err.message);
        EXPECT(t, !o->sensitive || !strstr(err.message, CANARY), "a wrong %s shows its value", o->name);
        if (up)
            instance_down(t, up);
    }
    if (!any)
        test_skip(t, "no option has a type that can be wrong");
}

/* Started with a wrong password, a token of rubbish: whatever it says, it must not say the value. */
static void secret(struct test *t)
{
    bool any = false;
    law_secret(CANARY);
    for (size_t i = 0; i < t->subject->component->option_count; i++) {
        const struct trb_option *o = option(t, i);
        struct properties room;
        struct trb_pairs p = changed(t, o, CANARY, &room);
        struct trb_error err = ERROR_INIT;
        struct instance *up = NULL;
        if (!o->sensitive || o->type != TRB_OPTION_STRING)
            continue;
        any = true;
        instance_up(t, &p, &up, &err);
        law_check_text("the reason why it does not start", slice_of(err.message));
        if (up)
            instance_down(t, up);
    }
    if (!any)
        test_skip(t, "no option is sensitive");
}

static void unknown(struct test *t)
{
    static const struct trb_option stranger = {.name = "conformKnowsNoSuchOption"};
    struct properties room;
    struct trb_pairs p = changed(t, &stranger, "1", &room);
    struct trb_error err = ERROR_INIT;
    EXPECT(t, !instance_up(t, &p, &t->instance, &err), "an unknown option keeps it from starting: %s", err.message);
}

const struct test_case suite_options[] = {
    {"options", "refuses to start without a required one, and names it", missing, .starts_itself = 1},
    {"options", "refuses a value of the wrong type, and names the option", wrong, .starts_itself = 1},
    {"options", "never shows a secret value", secret, .starts_itself = 1},
    {"options", "starts in spite of one it does not know", unknown, .starts_itself = 1},
    {0},
};
