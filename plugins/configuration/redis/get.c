/* get: named keys side by side; without names all keys, found by SCAN. */
#include "settings.h"
#include <base/mem.h>
#include <base/slice.h>

#define SCAN_COUNT "1000"

struct get {
    struct settings *settings;
    struct trb_call *call;
    uint32_t owed, items, node;
    bool has_failed;
};

static void settle_one(struct get *g)
{
    if (--g->owed)
        return;
    if (!g->has_failed)
        trb_done(g->call);
    mem_free(g);
}

/* Reads have answers of their own; the first that fails is the call's. */
static void fail(struct get *g, const struct resp *reply, const struct trb_error *err)
{
    if (!g->has_failed)
        redis_fail(g->call, reply, err);
    g->has_failed = true;
}

static void on_value(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct get *g = w->call;
    char *copy = w->self;
    struct trb_configuration_item item;
    struct trb_name key = {copy, w->index};
    if (err || (resp_is(reply, RESP_ERROR) && !resp_error_is(reply, "WRONGTYPE")))
        fail(g, reply, err);
    else if (item_read(reply, key, &item) && !g->has_failed)
        g->settings->host->item(g->call, g->items++, &item, sizeof item, NULL);
    mem_free(copy);
    settle_one(g);
}

/* The key is copied: those that SCAN found are gone with its reply. */
static void read_key(struct get *g, struct trb_slice key)
{
    struct redis_wish w = {.answered = on_value, .self = mem_text(key.at, key.len), .call = g, .index = (uint32_t)key.len};
    g->owed++;
    redis_ask(g->settings->redis, key, &w, (struct trb_data[]){redis_text("GET"), redis_word(key)}, 2);
}

/* ------------------------------------------------------------------------------------- all of them */
static void scan_on(struct get *, struct trb_slice cursor);

static void on_some(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct get *g = w->call;
    const struct resp *cursor = resp_at(reply, 0), *keys = resp_at(reply, 1);
    bool is_fine = resp_is(cursor, RESP_STRING) && resp_is(keys, RESP_ARRAY);
    if (!is_fine)
        fail(g, reply, err);
    const struct resp *key = is_fine ? resp_first(keys) : NULL;
    for (uint32_t i = 0; is_fine && i < keys->count; i++, key = resp_next(key))
        read_key(g, key->text);
    bool is_last = is_fine && slice_is(cursor->text, SLICE("0"));
    if (is_fine && !is_last)
        scan_on(g, cursor->text);
    else if (is_last && ++g->node < redis_node_count(g->settings->redis))
        scan_on(g, SLICE("0"));
    settle_one(g);
}

static void scan_on(struct get *g, struct trb_slice cursor)
{
    struct redis_wish w = {.answered = on_some, .call = g};
    struct trb_data words[] = {redis_text("SCAN"), redis_word(cursor), redis_text("COUNT"), redis_text(SCAN_COUNT)};
    g->owed++;
    redis_ask_node(g->settings->redis, g->node, &w, words, 4);
}

/* owed keeps it while it begins: answers may come at once. */
void settings_get(void *self, struct trb_call *call, const void *question)
{
    const struct trb_configuration_get *q = question;
    struct get *g = mem_zero(sizeof *g);
    g->settings = self;
    g->call = call;
    g->owed = 1;
    for (uint32_t i = 0; i < q->keys.count; i++)
        read_key(g, slice_name(((const struct trb_configuration_key *)trb_list_at(&q->keys, i))->key));
    if (!q->keys.count)
        scan_on(g, SLICE("0"));
    settle_one(g);
}
