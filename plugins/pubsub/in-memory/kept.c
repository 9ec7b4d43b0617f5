/* kept: what waits in places, as bytes, for another copy of this plugin. Both sides are this process: numbers as they
 * stand in memory hold. The first bytes name the form, so that a newer copy can still read it. */
#include "broker.h"
#include <base/mem.h>
#include <base/slice.h>
#include <base/text.h>
#include <stdbool.h>

#define FORM "TRBBUS1\n"
#define ABSENT UINT64_MAX

/* ------------------------------------------------------------------------------------- writing */
static void put_number(struct text *t, uint64_t number)
{
    text_add(t, slice_from((const char *)&number, sizeof number));
}

static void put_bytes(struct text *t, struct trb_slice bytes)
{
    put_number(t, bytes.at ? bytes.len : ABSENT);
    text_add(t, bytes);
}

static void put_message(struct text *t, const struct message *m)
{
    const struct trb_pubsub_event *e = &m->event;
    put_number(t, m->number);
    put_bytes(t, slice_name(e->topic));
    put_bytes(t, slice_name(e->content_type));
    put_bytes(t, slice_from(e->data.at, e->data.len));
    put_number(t, e->metadata.at ? e->metadata.count : ABSENT);
    for (uint32_t i = 0; i < e->metadata.count; i++) {
        const struct trb_pair *p = trb_pair_at(&e->metadata, i);
        put_bytes(t, slice_name(p->key));
        put_bytes(t, slice_name(p->value));
    }
}

static void put_place(struct text *t, const struct place *p)
{
    uint64_t count = 0;
    for (const struct waiting *w = p->queue.first; w; w = w->next)
        count++;
    put_bytes(t, slice_name(p->topic));
    put_number(t, count);
    for (const struct waiting *w = p->queue.first; w; w = w->next)
        put_message(t, w->message);
}

void broker_hand_over(void *self, struct trb_call *call, const void *unused)
{
    struct broker *b = self;
    struct text t = {0};
    char *bytes;
    pthread_mutex_lock(&b->lock);
    text_adds(&t, FORM);
    put_number(&t, b->published);
    list_each(node, &b->places)
        put_place(&t, list_item(node, struct place, link));
    pthread_mutex_unlock(&b->lock);
    struct trb_data answer = {.owner = b->host->buf_new(b->origin, t.len, &bytes), .len = t.len};
    if (answer.owner) {
        answer.at = memcpy(bytes, t.at, t.len);
        call->host->done(call, &answer, sizeof answer);
    } else {
        trb_fail(call, TRB_EXHAUSTED, "NO_MEMORY", "there is no buffer for what is handed over: %zu bytes", t.len);
    }
    text_fini(&t);
}

/* ------------------------------------------------------------------------------------- reading */
static bool take_number(struct trb_slice *rest, uint64_t *ret)
{
    if (rest->len < sizeof *ret)
        return false;
    memcpy(ret, rest->at, sizeof *ret);
    *rest = slice_skip(*rest, sizeof *ret);
    return true;
}

static bool take_bytes(struct trb_slice *rest, struct trb_slice *ret)
{
    uint64_t len;
    *ret = (struct trb_slice){NULL, 0};
    if (!take_number(rest, &len) || (len != ABSENT && len > rest->len))
        return false;
    if (len == ABSENT)
        return true;
    *ret = slice_from(rest->at, (size_t)len);
    *rest = slice_skip(*rest, (size_t)len);
    return true;
}

static struct trb_name as_name(struct trb_slice s)
{
    return (struct trb_name){s.at, s.len};
}

static bool take_pairs(struct trb_slice *rest, struct trb_pairs *ret, struct trb_pair **ret_made)
{
    struct trb_slice key, value;
    uint64_t count;
    *ret_made = NULL;
    *ret = (struct trb_pairs){NULL, 0, sizeof(struct trb_pair)};
    if (!take_number(rest, &count) || (count != ABSENT && count > rest->len))
        return false;
    if (count == ABSENT)
        return true;
    struct trb_pair *pairs = *ret_made = mem_zero((count + 1) * sizeof *pairs);
    for (uint64_t i = 0; i < count; i++) {
        if (!take_bytes(rest, &key) || !take_bytes(rest, &value))
            return false;
        pairs[i] = (struct trb_pair){as_name(key), as_name(value)};
    }
    *ret = (struct trb_pairs){pairs, (uint32_t)count, sizeof *pairs};
    return true;
}

static bool take_message(struct broker *b, struct place *p, struct trb_slice *rest)
{
    struct trb_call speaker = {.size = sizeof speaker, .host = b->host, .origin = b->origin};
    struct trb_pubsub_publish q = {.size = sizeof q};
    struct trb_slice topic = {0}, type = {0}, data = {0};
    struct trb_pair *pairs = NULL;
    uint64_t number = 0;
    bool fine = take_number(rest, &number) && take_bytes(rest, &topic) && take_bytes(rest, &type) &&
                take_bytes(rest, &data) && take_pairs(rest, &q.metadata, &pairs);
    q.topic = as_name(topic);
    q.content_type = as_name(type);
    q.data = (struct trb_data){data.at, data.len, NULL};
    struct message *m = fine ? message_create(&speaker, &q) : NULL;
    mem_free(pairs);
    if (!m)
        return false;
    m->number = number;
    queue_append(&p->queue, m);
    message_unref(b->host, m);
    return true;
}

static bool take_place(struct broker *b, struct trb_slice *rest)
{
    struct trb_slice topic;
    uint64_t count;
    if (!take_bytes(rest, &topic) || !topic.at || !take_number(rest, &count))
        return false;
    struct place *p = place_create(b, as_name(topic));
    while (count && take_message(b, p, rest))
        count--;
    return !count;
}

void broker_adopt(void *broker, struct trb_slice from)
{
    struct broker *b = broker;
    bool fine = slice_starts(from, SLICE(FORM));
    pthread_mutex_lock(&b->lock);
    if (fine) {
        from = slice_skip(from, sizeof FORM - 1);
        fine = take_number(&from, &b->published);
        while (fine && from.len)
            fine = take_place(b, &from);
    }
    pthread_mutex_unlock(&b->lock);
    if (!fine)
        trb_log(b->host, b->origin, TRB_LOG_ERROR, "what the earlier copy handed over cannot be read whole; the rest of it is lost");
}
