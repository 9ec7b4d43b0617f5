/* read: get, and many at once in one SELECT. Reads of one turn of the loop share a transaction. */
#include "store.h"
#include <base/mem.h>
#include <base/slice.h>

static void say_get(struct pg_wish *w, struct pg_batch *b)
{
    const struct trb_state_get *q = w->question;
    struct pg_param key = pg_text(slice_name(q->key));
    pg_say(b, &store_of(w)->statements[GET], &key, 1);
}

static void on_row(struct pg_wish *w, const struct pg_answer *a, const struct trb_error *err)
{
    struct row_item r = {.item.size = sizeof r.item};
    if (err) {
        wish_fail(w, err);
        return;
    }
    if (pg_rows(a))
        row_read(&r, a, 0, 0);
    wish_done(w, &r.item, sizeof r.item);
}

void store_get(void *self, struct trb_call *call, const void *question)
{
    struct store *s = self;
    struct pg_wish w = wish_alone(s, call, question);
    w.say = say_get;
    w.answered = on_row;
    w.is_read = true;
    pg_ask(s->pg, &w);
}

/* ------------------------------------------------------------------------------------------- many */
static void say_bulk(struct pg_wish *w, struct pg_batch *b)
{
    const struct trb_state_bulk_get *q = w->question;
    size_t bytes = 0;
    for (uint32_t i = 0; i < q->items.count; i++)
        bytes += ((const struct trb_state_get *)trb_list_at(&q->items, i))->key.len;
    size_t room = pg_texts_room(q->items.count, bytes);
    char *keys = mem_alloc(room), *to = pg_texts_begin(keys, q->items.count);
    for (uint32_t i = 0; i < q->items.count; i++)
        to = pg_texts_add(to, slice_name(((const struct trb_state_get *)trb_list_at(&q->items, i))->key));
    pg_say(b, &store_of(w)->statements[BULK_GET], &(struct pg_param){keys, (size_t)(to - keys), PG_TEXTS}, 1);
    mem_free(keys);
}

/* Rows come in any order and say which question they answer; who has none is not there. */
static void on_rows(struct pg_wish *w, const struct pg_answer *a, const struct trb_error *err)
{
    const struct trb_state_bulk_get *q = w->question;
    const struct trb_host *host = store_of(w)->host;
    uint32_t rows = err ? 0 : pg_rows(a);
    uint64_t n;
    if (err) {
        host->fail(w->call, err);
        return;
    }
    char *is_there = mem_zero(q->items.count);
    for (uint32_t i = 0; i < rows; i++) {
        struct row_item r = {.item.size = sizeof r.item};
        if (!slice_to_u64(pg_cell(a, i, 0), &n) || !n || n > q->items.count)
            continue;
        is_there[n - 1] = 1;
        row_read(&r, a, i, 1);
        host->item(w->call, (uint32_t)n - 1, &r.item, sizeof r.item, NULL);
    }
    for (uint32_t i = 0; i < q->items.count; i++) {
        const struct trb_state_item none = {.size = sizeof none};
        if (!is_there[i])
            host->item(w->call, i, &none, sizeof none, NULL);
    }
    mem_free(is_there);
    host->done(w->call, NULL, 0);
}

void store_bulk_get(void *self, struct trb_call *call, const void *question)
{
    struct store *s = self;
    struct pg_wish w = wish_alone(s, call, question);
    if (!((const struct trb_state_bulk_get *)question)->items.count) {
        trb_done(call);
        return;
    }
    w.say = say_bulk;
    w.answered = on_rows;
    w.is_read = true;
    pg_ask(s->pg, &w);
}
