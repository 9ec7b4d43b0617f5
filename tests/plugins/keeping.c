/* state.keeping: a store of one value, which it hands over when another takes its place, as its option `how` says: gives,
 * refuses, or never answers (until it is stopped). state.forgetful (-DFORGETFUL) hands over nothing. Only tests load them. */
#include <stdio.h>
#include <trilby/state.h>

#ifdef FORGETFUL
#define TYPE "state.forgetful"
#else
#define TYPE "state.keeping"
#endif

struct keeping {
    const char *how;                        /* option */
    char value[64];
    struct trb_call *owed;                  /* hand_over, never answered */
};

static const struct trb_option options[] = {
    TRB_STRING(struct keeping, how, "how", .fallback = "gives", .doc = "What hand_over does: gives, refuses, never."),
};

static void get(void *self, struct trb_call *call, const void *question)
{
    struct keeping *k = self;
    struct trb_state_item item = {.size = sizeof item, .value = {k->value, strlen(k->value), NULL}};
    call->host->done(call, &item, sizeof item);
}

static void set(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_set *q = question;
    struct keeping *k = self;
    snprintf(k->value, sizeof k->value, "%.*s", (int)q->value.len, q->value.at);
    trb_done(call);
}

static void drop(void *self, struct trb_call *call, const void *question)
{
    ((struct keeping *)self)->value[0] = 0;
    trb_done(call);
}

static void start(void *self, struct trb_call *call, const void *setup)
{
    trb_done(call);
}

static void stop(void *self, struct trb_call *call, const void *unused)
{
    struct keeping *k = self;
    if (k->owed)
        trb_fail(k->owed, TRB_CANCELLED, "STOPPED", "it never was going to");
    trb_done(call);
}

#ifndef FORGETFUL
static void hand_over(void *self, struct trb_call *call, const void *unused)
{
    struct keeping *k = self;
    struct trb_data kept = {k->value, strlen(k->value), NULL};
    if (!strcmp(k->how, "refuses"))
        trb_fail(call, TRB_INTERNAL, "REFUSED", "it clings to what it has");
    else if (!strcmp(k->how, "never"))
        k->owed = call;
    else
        call->host->done(call, &kept, sizeof kept);
}

static void adopt(void *self, struct trb_slice kept)
{
    struct keeping *k = self;
    snprintf(k->value, sizeof k->value, "%.*s", (int)kept.len, kept.at);
}

/* A call that was given up is answered. */
static void cancel(void *self, struct trb_call *call, uint32_t why)
{
    struct keeping *k = self;
    if (k->owed != call)
        return;
    k->owed = NULL;
    trb_fail(call, TRB_CANCELLED, "CANCELLED", "nobody waits for it any more");
}
#endif

static const struct trb_state_ops ops = {.size = sizeof ops, .get = get, .set = set, .remove = drop};

static const struct trb_component component = {
    .size = sizeof component, .type = TYPE, .version = "v1", .summary = "For tests.", .block = "state", .run = TRB_ON_ONE_LOOP,
    .start = start, .stop = stop, .ops = &ops, TRB_SELF(struct keeping, options),
#ifndef FORGETFUL
    .hand_over = hand_over, .adopt = adopt, .cancel = cancel,
#endif
};

TRB_PLUGIN(TYPE, "1.0.0", "Apache-2.0", &component);
