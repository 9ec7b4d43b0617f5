/* get: one key; and many keys, by one command for each hundred keys of a server. */
#include "store.h"
#include <base/mem.h>
#include <base/slice.h>
#include <base/text.h>

#define BATCH 100u

static struct trb_state_item item_of(struct trb_slice value)
{
    return (struct trb_state_item){.size = sizeof(struct trb_state_item), .value = {value.at, value.len, NULL}};
}

static bool may_repeat(struct wish *w, const struct trb_error *err)
{
    return err && err->code == TRB_UNAVAILABLE && w->tries++ < MAX_TRIES;
}

/* ------------------------------------------------------------------------------------ one key */
static void get_send(struct wish *w);

static void on_got(struct wish *w, const struct reply *r, const struct trb_error *err)
{
    const struct trb_state_get *q = w->question;
    struct trb_state_item item = item_of(r && r->kind == REPLY_VALUE ? r->value : (struct trb_slice){0});
    struct trb_error own = {0};
    if (w->told)
        return;
    w->told = 1;
    if (r && r->kind == REPLY_VALUE && !slice_is(r->key, slice_name(q->key))) {
        trb_error(&own, TRB_INTERNAL, "PROTOCOL", "memcached answered with another key than was asked for");
        wish_end(w, NULL, &own);
    } else if (r && (r->kind == REPLY_VALUE || r->kind == REPLY_END)) {
        wish_end(w, &item, NULL);
    } else if (r) {
        wish_refused(w, r);
    } else if (may_repeat(w, err)) {
        w->told = 0;
        get_send(w);
    } else {
        wish_end(w, NULL, err);
    }
}

static void get_send(struct wish *w)
{
    const struct trb_state_get *q = w->question;
    struct trb_error err = {0};
    char line[REPLY_MAX_KEY + 16];
    w->answered = on_got;
    if (!store_check_key(q->key, &err)) {
        wish_end(w, NULL, &err);
        return;
    }
    int len = snprintf(line, sizeof line, "get %.*s\r\n", (int)q->key.len, q->key.at);
    link_ask(store_link(w->self, q->key), w, slice_from(line, (size_t)len), NULL);
}

void store_get(void *self, struct trb_call *call, const void *question)
{
    struct wish w = {.self = self, .call = call, .question = question, .index = ALONE};
    get_send(&w);
}

/* ----------------------------------------------------------------------------------- many keys */
struct batch {
    struct store *store;
    struct bulk *bulk;
    const struct trb_list *items;
    uint32_t server, count, at, tries;          /* at: those before it have been answered */
    uint32_t index[BATCH];
};

static struct trb_name key_at(const struct batch *b, uint32_t n)
{
    return ((const struct trb_state_get *)trb_list_at(b->items, b->index[n]))->key;
}

/* The server answers in the order of the keys and leaves out those that it has not. */
static void answer_until(struct batch *b, uint32_t n, const struct trb_error *err)
{
    struct trb_state_item none = item_of((struct trb_slice){0});
    for (; b->at < n; b->at++)
        bulk_item(b->bulk, b->index[b->at], err ? NULL : &none, err);
}

static void on_one(struct batch *b, const struct reply *r)
{
    struct trb_state_item item = item_of(r->value);
    for (uint32_t n = b->at; n < b->count; n++)
        if (slice_is(r->key, slice_name(key_at(b, n)))) {
            answer_until(b, n, NULL);
            bulk_item(b->bulk, b->index[b->at++], &item, NULL);
            return;
        }
}

static void batch_send(struct batch *b);

static void on_many(struct wish *w, const struct reply *r, const struct trb_error *err)
{
    struct batch *b = (struct batch *)(void *)w->call;
    struct trb_error own = {0};
    if (r && r->kind == REPLY_VALUE) {
        on_one(b, r);
        return;
    }
    if (err && err->code == TRB_UNAVAILABLE && b->tries++ < MAX_TRIES && b->at < b->count) {
        batch_send(b);
        return;
    }
    if (r && r->kind != REPLY_END) {
        link_refusal(r, &own);
        err = &own;
    }
    answer_until(b, b->count, err);
    mem_free(b);
}

static void batch_send(struct batch *b)
{
    struct wish w = {.answered = on_many, .self = b->store, .call = (struct trb_call *)(void *)b};
    struct text line = {0};
    text_adds(&line, "get");
    for (uint32_t n = b->at; n < b->count; n++) {
        text_addc(&line, ' ');
        text_add(&line, slice_name(key_at(b, n)));
    }
    text_adds(&line, "\r\n");
    link_ask(b->store->links[b->server], &w, text_slice(&line), NULL);
    text_fini(&line);
}

static struct batch *batch_add(struct batch *open[], const struct batch *fresh, uint32_t index)
{
    struct batch *b = open[fresh->server];
    if (!b) {
        b = open[fresh->server] = mem_alloc(sizeof *b);
        *b = *fresh;
    }
    b->index[b->count++] = index;
    if (b->count < BATCH)
        return NULL;
    open[fresh->server] = NULL;
    return b;
}

void store_bulk_get(void *self, struct trb_call *call, const void *question)
{
    struct store *s = self;
    const struct trb_list *items = &((const struct trb_state_bulk_get *)question)->items;
    struct batch *open[MAX_HOSTS] = {0}, fresh = {.store = s, .bulk = bulk_create(s, call, items->count), .items = items};
    for (uint32_t i = 0, count = fresh.bulk ? items->count : 0; i < count; i++) {
        struct trb_name key = ((const struct trb_state_get *)trb_list_at(items, i))->key;
        struct trb_error err = {0};
        if (!store_check_key(key, &err)) {
            bulk_item(fresh.bulk, i, NULL, &err);
            continue;
        }
        fresh.server = config_pick(&s->config, slice_name(key));
        struct batch *full = batch_add(open, &fresh, i);
        if (full)
            batch_send(full);
    }
    for (uint32_t n = 0; n < s->config.address_count; n++)
        if (open[n])
            batch_send(open[n]);
}
