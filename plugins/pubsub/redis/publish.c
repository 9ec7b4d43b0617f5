/* publish: one entry of the stream per message: its data, and the request's metadata as JSON. */
#include "bus.h"
#include <base/clock.h>
#include <base/mem.h>
#include <base/slice.h>
#include <base/text.h>
#include <stdlib.h>

static int by_key(const void *a, const void *b)
{
    const struct trb_pair *x = *(const struct trb_pair *const *)a, *y = *(const struct trb_pair *const *)b;
    size_t least = x->key.len < y->key.len ? x->key.len : y->key.len;
    int order = memcmp(x->key.at, y->key.at, least);
    return order ? order : x->key.len < y->key.len ? -1 : x->key.len > y->key.len;
}

/* An object with its names in order; {} when there is none. */
static void add_metadata(struct text *to, const struct trb_pairs *pairs)
{
    const struct trb_pair **sorted = mem_alloc((pairs->count + 1) * sizeof(void *));
    for (uint32_t i = 0; i < pairs->count; i++)
        sorted[i] = trb_pair_at(pairs, i);
    qsort(sorted, pairs->count, sizeof *sorted, by_key);
    text_addc(to, '{');
    for (uint32_t i = 0; i < pairs->count; i++) {
        if (i)
            text_addc(to, ',');
        text_add_json(to, slice_name(sorted[i]->key), true);
        text_addc(to, ':');
        text_add_json(to, slice_name(sorted[i]->value), true);
    }
    text_addc(to, '}');
    mem_free(sorted);
}

static uint32_t add_trim(const struct bus *b, struct trb_data *words, char room[REDIS_NUMBER + 8])
{
    if (b->max_len <= 0 && b->stream_ttl_ns <= 0)
        return 0;
    words[0] = redis_text(b->max_len > 0 ? "MAXLEN" : "MINID");
    words[1] = redis_text("~");
    if (b->max_len > 0)
        snprintf(room, REDIS_NUMBER + 8, "%lld", (long long)b->max_len);
    else
        snprintf(room, REDIS_NUMBER + 8, "%lld-1", (long long)((clock_wall_ns() - b->stream_ttl_ns) / REDIS_MS));
    words[2] = redis_text(room);
    return 3;
}

static void send(struct bus *b, struct trb_name topic, struct trb_data data, const struct trb_pairs *metadata,
                 const struct redis_wish *wish)
{
    struct trb_data words[10] = {redis_text("XADD"), redis_name(topic)};
    char room[REDIS_NUMBER + 8];
    struct text json = {0};
    uint32_t n = 2;
    n += add_trim(b, words + n, room);
    add_metadata(&json, metadata);
    words[n++] = redis_text("*");
    words[n++] = redis_text("data");
    words[n++] = data;
    words[n++] = redis_text("metadata");
    words[n++] = redis_word(text_slice(&json));
    redis_ask(b->redis, slice_name(topic), wish, words, n);
    text_fini(&json);
}

static void on_added(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    if (resp_is(reply, RESP_STRING))
        trb_done(w->call);
    else
        redis_fail(w->call, reply, err);
}

void bus_publish(void *self, struct trb_call *call, const void *question)
{
    const struct trb_pubsub_publish *q = question;
    struct redis_wish w = {.answered = on_added, .self = self, .call = call};
    send(self, q->topic, q->data, &q->metadata, &w);
}

/* --------------------------------------------------------------------------------------- in bulk */
struct bulk {
    struct trb_call *call;
    uint32_t owed;
};

static void on_one_added(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct bulk *k = w->call;
    struct trb_error own = {0};
    bool is_added = resp_is(reply, RESP_STRING);
    if (!is_added && !err)
        redis_reply_error(reply, &own);
    k->call->host->item(k->call, w->index, NULL, 0, is_added ? NULL : err ? err : &own);
    if (--k->owed)
        return;
    trb_done(k->call);
    mem_free(k);
}

void bus_bulk_publish(void *self, struct trb_call *call, const void *question)
{
    const struct trb_pubsub_bulk_publish *q = question;
    uint32_t count = q->entries.count;
    if (!count) {
        trb_done(call);
        return;
    }
    struct bulk *k = mem_alloc(sizeof *k);
    *k = (struct bulk){.call = call, .owed = count};
    for (uint32_t i = 0; i < count; i++) {
        const struct trb_pubsub_entry *e = trb_list_at(&q->entries, i);
        struct redis_wish w = {.answered = on_one_added, .self = self, .call = k, .index = i};
        send(self, q->topic, e->data, &e->metadata, &w);
    }
}
