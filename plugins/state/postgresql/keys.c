/* keys: KEYS_LIKE, in the order in which the rows came to be; the token is the last row's number. */
#include "store.h"
#include <base/slice.h>

static void say_keys(struct pg_wish *w, struct pg_batch *b)
{
    const struct trb_state_keys_like *q = w->question;
    char most[16];
    snprintf(most, sizeof most, "%llu", (unsigned long long)q->page_size + 1);
    struct pg_param params[3] = {pg_text(slice_name(q->pattern)), pg_text(q->token.len ? q->token : SLICE("0")),
                                 q->page_size ? pg_text(slice_of(most)) : pg_null()};
    pg_say(b, &store_of(w)->statements[KEYS_LIKE], params, 3);
}

static void on_keys(struct pg_wish *w, const struct pg_answer *a, const struct trb_error *err)
{
    const struct trb_state_keys_like *q = w->question;
    const struct trb_host *host = store_of(w)->host;
    if (err) {
        host->fail(w->call, err);
        return;
    }
    uint32_t rows = pg_rows(a), shown = q->page_size && rows > q->page_size ? q->page_size : rows, i;
    for (i = 0; i < shown; i++) {
        struct trb_slice key = pg_cell(a, i, 0);
        struct trb_state_key k = {.size = sizeof k, .key = {key.at, key.len}};
        host->item(w->call, i, &k, sizeof k, NULL);
    }
    if (shown < rows) {
        struct trb_state_key last = {.size = sizeof last, .key = NAME(""), .token = pg_cell(a, shown - 1, 1)};
        host->item(w->call, i, &last, sizeof last, NULL);
    }
    host->done(w->call, NULL, 0);
}

void store_keys_like(void *self, struct trb_call *call, const void *question)
{
    struct store *s = self;
    const struct trb_state_keys_like *q = question;
    int64_t ignored;
    if (!q->pattern.len) {
        trb_fail(call, TRB_INVALID, "BAD_PATTERN", "the pattern is empty");
        return;
    }
    if (q->token.len && !slice_to_i64(q->token, &ignored)) {
        trb_fail(call, TRB_INVALID, "BAD_TOKEN", "the token '%.*s' is not one that this store gave",
                 (int)(q->token.len < 100 ? q->token.len : 100), q->token.at);
        return;
    }
    struct pg_wish w = wish_alone(s, call, question);
    w.say = say_keys;
    w.answered = on_keys;
    w.is_read = true;
    pg_ask(s->pg, &w);
}
