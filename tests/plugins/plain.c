/* state.plain: a store that cannot do transactions; state.small: one that takes two operations in one. Both fail
 * when the key says so: "fail" plainly, "fail-506" with that status. Only tests load them. */
#include <stdio.h>
#include <stdlib.h>
#include <trilby/state.h>

struct plain {
    uint32_t unused;
};

static const struct trb_option options[] = {
    TRB_BOOL(struct plain, unused, "flag", .doc = "Nothing."),
};

static void fail(struct trb_call *call, const char *said)
{
    struct trb_error err = {.size = sizeof err, .code = TRB_INTERNAL, .item = -1, .reason = "ASKED_TO"};
    err.http_status = (uint32_t)(said[0] == '-' ? atoi(said + 1) : 0);
    snprintf(err.message, sizeof err.message, "%s", "the store was asked to fail");
    call->host->fail(call, &err);
}

static void take(struct trb_call *call, struct trb_name key, const void *answer, size_t size)
{
    const char *said = key.len ? strstr(key.at, "fail") : NULL;
    if (said)
        fail(call, said + 4);
    else
        call->host->done(call, answer, size);
}

static void get(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_get *q = question;
    struct trb_state_item none = {.size = sizeof none};
    take(call, q->key, &none, sizeof none);
}

static void set(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_set *q = question;
    take(call, q->key, NULL, 0);
}

static void drop(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_delete *q = question;
    take(call, q->key, NULL, 0);
}

static void bulk_get(void *self, struct trb_call *call, const void *question)
{
    fail(call, "");
}

static void transact(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_transact *q = question;
    const struct trb_state_operation *first = q->operations.at;
    take(call, q->operations.count ? first->key : (struct trb_name){0}, NULL, 0);
}

static void start(void *self, struct trb_call *call, const void *setup)
{
    trb_done(call);
}

static const struct trb_state_ops plain_ops = {.size = sizeof plain_ops, .get = get, .set = set, .remove = drop};
static const struct trb_state_ops small_ops = {.size = sizeof small_ops, .get = get, .set = set, .remove = drop,
                                               .bulk_get = bulk_get, .transact = transact, .transact_max = 2};

#define COMPONENT(type_, ops_, caps_)                                                                              \
    {.size = sizeof(struct trb_component), .type = type_, .version = "v1", .summary = "For tests.", .block = "state", \
     .run = TRB_ANYWHERE, .caps = caps_, .start = start, .stop = start, .ops = &ops_, TRB_SELF(struct plain, options)}

static const struct trb_component plain = COMPONENT("state.plain", plain_ops, 0);
static const struct trb_component small = COMPONENT("state.small", small_ops, TRB_STATE_TRANSACTIONAL);
static const struct trb_component *const components[] = {&plain, &small, NULL};

const struct trb_plugin trilby_plugin_v1 = {.size = sizeof(struct trb_plugin), .name = "plain", .version = "1.0.0",
                                            .license = "Apache-2.0", .components = components};
