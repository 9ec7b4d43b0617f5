/* write: set and remove. Neither is repeated when a connection breaks, because the first may have arrived. */
#include "store.h"
#include <base/slice.h>
#include <stdio.h>
#include <time.h>

#define LONGEST_RELATIVE_S (30 * 24 * 3600)     /* from here memcached reads a point in time */

/* Seconds from now, or a point in time when they are many. Beyond what the server counts to: for ever. */
static int64_t expiry(const struct trb_state_set *q, int64_t now_s)
{
    if (!q->has_ttl || q->ttl_s <= 0)
        return 0;
    if (q->ttl_s < LONGEST_RELATIVE_S)
        return q->ttl_s;
    return q->ttl_s > INT32_MAX - now_s ? 0 : now_s + q->ttl_s;
}

static void set_failed(struct wish *w, const struct trb_error *err)
{
    const struct trb_state_set *q = w->question;
    struct trb_error full = *err;
    trb_error(&full, err->code, err->reason, "failed to set key %.*s: %s", SLICE_ARG(slice_cut(slice_name(q->key), 250)),
              err->message);
    full.retryable = err->retryable;
    wish_end(w, NULL, &full);
}

static void on_set(struct wish *w, const struct reply *r, const struct trb_error *err)
{
    struct trb_error own = {0};
    if (r && r->kind == REPLY_STORED) {
        wish_end(w, NULL, NULL);
        return;
    }
    if (!err)
        link_refusal(r, &own);
    set_failed(w, err ? err : &own);
}

static void set_send(struct wish *w)
{
    struct store *s = w->self;
    const struct trb_state_set *q = w->question;
    struct trb_error err = {0};
    struct trb_data value = q->value;
    char line[REPLY_MAX_KEY + 64];
    w->answered = on_set;
    if (!store_check_key(q->key, &err)) {
        set_failed(w, &err);
        return;
    }
    if (!value.at)
        value.at = "";
    int len = snprintf(line, sizeof line, "set %.*s 0 %lld %zu\r\n", (int)q->key.len, q->key.at,
                       (long long)expiry(q, time(NULL)), value.len);
    link_ask(store_link(s, q->key), w, slice_from(line, (size_t)len), &value);
}

/* -------------------------------------------------------------------------------------- remove */
static void on_removed(struct wish *w, const struct reply *r, const struct trb_error *err)
{
    if (r && (r->kind == REPLY_DELETED || r->kind == REPLY_NOT_FOUND))
        wish_end(w, NULL, NULL);
    else if (r)
        wish_refused(w, r);
    else
        wish_end(w, NULL, err);
}

static void remove_send(struct wish *w)
{
    const struct trb_state_delete *q = w->question;
    struct trb_error err = {0};
    char line[REPLY_MAX_KEY + 16];
    w->answered = on_removed;
    if (!store_check_key(q->key, &err)) {
        wish_end(w, NULL, &err);
        return;
    }
    int len = snprintf(line, sizeof line, "delete %.*s\r\n", (int)q->key.len, q->key.at);
    link_ask(store_link(w->self, q->key), w, slice_from(line, (size_t)len), NULL);
}

/* --------------------------------------------------------------------------------------- verbs */
void store_set(void *self, struct trb_call *call, const void *question)
{
    struct wish w = {.self = self, .call = call, .question = question, .index = ALONE};
    set_send(&w);
}

void store_remove(void *self, struct trb_call *call, const void *question)
{
    struct wish w = {.self = self, .call = call, .question = question, .index = ALONE};
    remove_send(&w);
}

static void send_all(void *self, struct trb_call *call, const struct trb_list *items, void (*send)(struct wish *))
{
    struct bulk *b = bulk_create(self, call, items->count);
    for (uint32_t i = 0, count = b ? items->count : 0; i < count; i++) {
        struct wish w = {.self = self, .call = (struct trb_call *)(void *)b, .question = trb_list_at(items, i), .index = i};
        send(&w);
    }
}

void store_bulk_set(void *self, struct trb_call *call, const void *question)
{
    send_all(self, call, &((const struct trb_state_bulk_set *)question)->items, set_send);
}

void store_bulk_remove(void *self, struct trb_call *call, const void *question)
{
    send_all(self, call, &((const struct trb_state_bulk_delete *)question)->items, remove_send);
}
