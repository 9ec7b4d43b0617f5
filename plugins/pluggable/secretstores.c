/* secretstores: a store of secrets in another process. */
#include "bridge.h"
#include "kinds.h"
#include <base/slice.h>
#include <trilby/secretstores.h>

#define SERVICE SERVICES "SecretStore/"

static void hear_features(struct bridge *b, const struct components_features_response *m)
{
    static const char *const names[] = {"MULTIPLE_KEY_VALUES_PER_SECRET"};
    b->host->narrow(b->origin, features_caps(m, names, 1));
}

static const struct greeting greetings[] = {{SERVICE "Init", NULL}, {SERVICE "Features", hear_features}};
static const struct kind kind = {"secretstores", greetings, 2};

static void start(void *self, struct trb_call *call, const void *setup)
{
    bridge_start(self, &kind, call, setup);
}

/* ----------------------------------------------------------------------------------------- verbs */
static void on_got(struct grpc_wish *w, struct trb_slice message, const struct trb_error *err)
{
    struct components_get_secret_response m;
    struct arena *arena = bridge_failed(w, err) ? NULL : bridge_read(w, message, &components_get_secret_response_pb, &m);
    if (!arena)
        return;
    struct trb_secret secret = {.size = sizeof secret, .values = m.data};
    ((struct bridge *)w->self)->host->done(w->call, &secret, sizeof secret);
    arena_destroy(arena);
}

static void get(void *self, struct trb_call *call, const void *question)
{
    const struct trb_secret_get *q = question;
    struct components_get_secret_request m = {.key = q->name, .metadata = q->metadata};
    bridge_ask(self, call, SERVICE "Get", &components_get_secret_request_pb, &m, q, on_got);
}

static void on_got_all(struct grpc_wish *w, struct trb_slice message, const struct trb_error *err)
{
    struct components_bulk_get_secret_response m;
    struct bridge *b = w->self;
    struct arena *arena = bridge_failed(w, err) ? NULL : bridge_read(w, message, &components_bulk_get_secret_response_pb, &m);
    if (!arena)
        return;
    for (uint32_t i = 0; i < m.data.count; i++) {
        struct trb_secret secret = {.size = sizeof secret, .name = m.data.at[i].key, .values = m.data.at[i].value->secrets};
        b->host->item(w->call, i, &secret, sizeof secret, NULL);
    }
    trb_done(w->call);
    arena_destroy(arena);
}

static void bulk(void *self, struct trb_call *call, const void *question)
{
    const struct trb_secret_bulk *q = question;
    struct components_bulk_get_secret_request m = {.metadata = q->metadata};
    bridge_ask(self, call, SERVICE "BulkGet", &components_bulk_get_secret_request_pb, &m, q, on_got_all);
}

/* ------------------------------------------------------------------------------------- manifest */
static const struct trb_secretstores_ops ops = {.size = sizeof ops, .get = get, .bulk = bulk};

const struct trb_component pluggable_secretstores = {
    .size = sizeof pluggable_secretstores, .block = "secretstores", .type = "secretstores.pluggable", .version = "v1",
    .summary = "A store of secrets in a process of its own, over the socket that is named as the type.",
    .caps = TRB_SECRET_MULTIPLE, .run = TRB_ON_ONE_LOOP, TRB_SELF(struct bridge, bridge_options), .ops = &ops,
    .start = start, .stop = bridge_stop, .cancel = bridge_cancel};
