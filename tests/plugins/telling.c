/* state.telling: a store whose every verb fails and says which verb it was, in an error that is whole: code, status,
 * reason; with "plain" in a sentence alone. Only tests load it. */
#include <stdio.h>
#include <trilby/state.h>

struct telling {
    uint32_t plain;
};

static const struct trb_option options[] = {
    TRB_BOOL(struct telling, plain, "plain", .doc = "Fail without a status of its own."),
};

static void tell(void *self, struct trb_call *call, const char *verb)
{
    struct telling *t = self;
    struct trb_error err = {.size = sizeof err, .code = TRB_PRECONDITION, .item = -1, .http_status = t->plain ? 0 : 510};
    snprintf(err.reason, sizeof err.reason, "TOLD_%s", verb);
    snprintf(err.message, sizeof err.message, "this was %s", verb);
    call->host->fail(call, &err);
}

#define VERB(name) \
    static void name(void *self, struct trb_call *call, const void *question) \
    { \
        tell(self, call, #name); \
    }
VERB(get)
VERB(set)
VERB(drop)
VERB(bulk_get)
VERB(bulk_set)
VERB(bulk_drop)
VERB(transact)
VERB(query)

static void start(void *self, struct trb_call *call, const void *setup)
{
    trb_done(call);
}

static const struct trb_state_ops ops = {
    .size = sizeof ops, .get = get, .set = set, .remove = drop, .bulk_get = bulk_get, .bulk_set = bulk_set,
    .bulk_remove = bulk_drop, .transact = transact, .query = query};
static const struct trb_component telling = {
    .size = sizeof(struct trb_component), .type = "state.telling", .version = "v1", .summary = "For tests.", .block = "state",
    .run = TRB_ANYWHERE, .caps = TRB_STATE_TRANSACTIONAL | TRB_STATE_QUERY, .start = start, .stop = start, .ops = &ops,
    TRB_SELF(struct telling, options)};
TRB_PLUGIN("telling", "1.0.0", "Apache-2.0", &telling);
