/* keys: KEYS_LIKE by SCAN. All matches are gathered and sorted, so that a page begins where the last
 * one ended; the token is how many came before. */
#include "store.h"
#include <base/mem.h>
#include <base/slice.h>
#include <base/text.h>
#include <stdlib.h>

#define SCAN_COUNT "1000"

struct found {
    char *at;
    size_t len;
};

struct scan {
    struct store *store;
    struct trb_call *call;
    const struct trb_state_keys_like *question;
    struct text glob;
    uint64_t from;
    struct found *keys;
    uint32_t count, room;
    uint32_t node;                      /* of a cluster: the one that is being looked through */
};

static struct scan *scan_destroy(struct scan *c)
{
    for (uint32_t i = 0; i < c->count; i++)
        mem_free(c->keys[i].at);
    mem_free(c->keys);
    text_fini(&c->glob);
    return mem_free(c);
}

/* % is *, _ is ?, a backslash takes the meaning; what only a glob would understand is escaped. */
static void glob_from(struct text *to, struct trb_slice like)
{
    for (size_t i = 0; i < like.len; i++) {
        char c = like.at[i];
        bool escaped = c == '\\' && i + 1 < like.len;
        if (escaped)
            c = like.at[++i];
        if (!escaped && (c == '%' || c == '_')) {
            text_addc(to, c == '%' ? '*' : '?');
            continue;
        }
        if (strchr("*?[]\\^-", c) && c)
            text_addc(to, '\\');
        text_addc(to, c);
    }
}

static int by_key(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    int order = memcmp(x->at, y->at, x->len < y->len ? x->len : y->len);
    return order ? order : x->len < y->len ? -1 : x->len > y->len;
}

/* SCAN may tell a key twice. */
static void sort(struct scan *c)
{
    uint32_t kept = 0;
    if (c->count)
        qsort(c->keys, c->count, sizeof *c->keys, by_key);
    for (uint32_t i = 0; i < c->count; i++)
        if (kept && !by_key(&c->keys[kept - 1], &c->keys[i]))
            mem_free(c->keys[i].at);
        else
            c->keys[kept++] = c->keys[i];
    c->count = kept;
}

static void answer(struct scan *c)
{
    const struct trb_host *host = c->store->host;
    uint32_t n = 0;
    uint64_t end = c->question->page_size ? c->from + c->question->page_size : UINT64_MAX, i;
    sort(c);
    for (i = c->from; i < c->count && i < end; i++) {
        struct trb_state_key k = {.size = sizeof k, .key = {c->keys[i].at, c->keys[i].len}};
        host->item(c->call, n++, &k, sizeof k, NULL);
    }
    if (i < c->count) {
        char token[REDIS_NUMBER];
        struct trb_data text = redis_number(token, (int64_t)i);
        struct trb_state_key last = {.size = sizeof last, .key = NAME(""), .token = slice_from(text.at, text.len)};
        host->item(c->call, n, &last, sizeof last, NULL);
    }
    trb_done(c->call);
    scan_destroy(c);
}

static void gather(struct scan *c, const struct resp *keys)
{
    const struct resp *key = resp_first(keys);
    for (uint32_t i = 0; i < keys->count; i++, key = resp_next(key)) {
        if (c->count == c->room) {
            c->room = c->room ? c->room * 2 : 64;
            c->keys = mem_grow(c->keys, c->room * sizeof *c->keys);
        }
        c->keys[c->count++] = (struct found){mem_text(key->text.at, key->text.len), key->text.len};
    }
}

static void scan_on(struct scan *, struct trb_slice cursor);

static void on_some(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct scan *c = w->call;
    const struct resp *cursor = resp_at(reply, 0), *keys = resp_at(reply, 1);
    if (!resp_is(cursor, RESP_STRING) || !resp_is(keys, RESP_ARRAY)) {
        redis_fail(c->call, reply, err);
        scan_destroy(c);
        return;
    }
    gather(c, keys);
    if (!slice_is(cursor->text, SLICE("0")))
        scan_on(c, cursor->text);
    else if (++c->node < redis_node_count(c->store->redis))
        scan_on(c, SLICE("0"));
    else
        answer(c);
}

static void scan_on(struct scan *c, struct trb_slice cursor)
{
    struct redis_wish w = {.answered = on_some, .self = c->store, .call = c};
    struct trb_data words[] = {redis_text("SCAN"), redis_word(cursor), redis_text("MATCH"),
                               redis_word(text_slice(&c->glob)), redis_text("COUNT"), redis_text(SCAN_COUNT)};
    redis_ask_node(c->store->redis, c->node, &w, words, 6);
}

void store_keys_like(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_keys_like *q = question;
    uint64_t from = 0;
    if (!q->pattern.len) {
        trb_fail(call, TRB_INVALID, "BAD_PATTERN", "the pattern is empty");
        return;
    }
    if (q->token.len && !slice_to_u64(q->token, &from)) {
        trb_fail(call, TRB_INVALID, "BAD_TOKEN", "the token '%.*s' is not one that this store gave",
                 (int)(q->token.len < 100 ? q->token.len : 100), q->token.at);
        return;
    }
    struct scan *c = mem_zero(sizeof *c);
    *c = (struct scan){.store = self, .call = call, .question = q, .from = from};
    glob_from(&c->glob, slice_name(q->pattern));
    scan_on(c, SLICE("0"));
}
