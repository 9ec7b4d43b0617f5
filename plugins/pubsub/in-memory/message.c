/* message: see message.h. */
#include "message.h"
#include <base/mem.h>

static size_t text_cost(const struct trb_pubsub_publish *q)
{
    size_t cost = q->topic.len + 1 + q->content_type.len + 1 + q->metadata.count * sizeof(struct trb_pair);
    for (uint32_t i = 0; i < q->metadata.count; i++) {
        const struct trb_pair *p = trb_pair_at(&q->metadata, i);
        cost += p->key.len + 1 + p->value.len + 1;
    }
    return cost;
}

static struct trb_name put(char **room, struct trb_name from)
{
    char *at = *room;
    if (!from.at)
        return from;
    memcpy(at, from.at, from.len);
    at[from.len] = 0;
    *room += from.len + 1;
    return (struct trb_name){at, from.len};
}

static struct trb_pairs put_pairs(struct trb_pair *to, char **room, const struct trb_pairs *from)
{
    for (uint32_t i = 0; i < from->count; i++) {
        const struct trb_pair *p = trb_pair_at(from, i);
        to[i].key = put(room, p->key);
        to[i].value = put(room, p->value);
    }
    return (struct trb_pairs){from->at ? to : NULL, from->count, sizeof *to};
}

/* Bytes with an owner are shared, others are copied once. */
static struct trb_data keep(struct trb_call *call, struct trb_data from)
{
    char *bytes;
    if (from.owner) {
        call->host->buf_ref(from.owner);
        return from;
    }
    struct trb_buf *copy = call->host->buf_new(call->origin, from.len, &bytes);
    if (copy && from.len)
        memcpy(bytes, from.at, from.len);
    return (struct trb_data){bytes, from.len, copy};
}

struct message *message_create(struct trb_call *call, const struct trb_pubsub_publish *q)
{
    struct trb_data data = keep(call, q->data);
    if (!data.owner)
        return NULL;
    size_t texts = text_cost(q);
    struct message *m = mem_zero(sizeof *m + texts);
    struct trb_pair *pairs = (struct trb_pair *)(void *)(m + 1);
    char *room = (char *)(pairs + q->metadata.count);
    m->refs = 1;
    m->cost = sizeof *m + texts + q->data.len;
    m->event = (struct trb_pubsub_event){.size = sizeof m->event, .data = data};
    m->event.metadata = put_pairs(pairs, &room, &q->metadata);
    m->event.topic = put(&room, q->topic);
    m->event.content_type = put(&room, q->content_type);
    return m;
}

void message_unref(const struct trb_host *host, struct message *m)
{
    if (--m->refs)
        return;
    host->buf_unref(m->event.data.owner);
    mem_free(m);
}
