/* message: from an entry of the stream to an event of the host. */
#include "bus.h"
#include <base/arena.h>
#include <base/clock.h>
#include <base/json.h>
#include <base/mem.h>
#include <base/slice.h>

struct message *message_free(struct message *m)
{
    if (m->data)
        m->sub->bus->host->buf_unref(m->data);
    mem_free(m->metadata);
    return mem_free(m);
}

static void keep_data(struct message *m, struct trb_slice from)
{
    const struct bus *b = m->sub->bus;
    char *bytes;
    m->data = b->host->buf_new(b->origin, from.len, &bytes);
    if (m->data && from.len)
        memcpy(bytes, from.at, from.len);
}

void subscription_take(struct subscription *s, const struct resp *entry)
{
    const struct resp *id = resp_at(entry, 0), *fields = resp_at(entry, 1);
    if (!resp_is(id, RESP_STRING) || id->text.len >= ID_ROOM || !resp_is(fields, RESP_ARRAY))
        return;
    struct message *m = mem_zero(sizeof *m);
    m->sub = s;
    memcpy(m->id, id->text.at, id->text.len);
    m->since_ns = s->bus->host->now_ns();
    const struct resp *name = resp_first(fields);
    bool has_data = false;
    for (uint32_t i = 0; i + 1 < fields->count; i += 2, name = resp_next(resp_next(name))) {
        struct trb_slice value = resp_next(name)->text;
        if (slice_is(name->text, SLICE("data")) && !has_data) {
            has_data = true;
            keep_data(m, value);
        } else if (slice_is(name->text, SLICE("metadata")) && !m->metadata) {
            m->metadata = mem_text(value.at, value.len);
            m->metadata_len = value.len;
        }
    }
    if (!has_data)
        keep_data(m, SLICE(""));
    if (!m->data) {                         /* the host has no more: it stays pending, and comes again */
        message_free(m);
        return;
    }
    list_append(&s->queued, &m->link);
    s->queued_count++;
}

static struct trb_pairs read_metadata(struct message *m, struct arena *arena)
{
    struct bus *b = m->sub->bus;
    struct json_value object, value;
    struct json_fault fault;
    struct trb_slice key;
    uint32_t count = 0;
    if (!json_parse(slice_from(m->metadata, m->metadata_len), &object, &fault) || object.kind != JSON_OBJECT) {
        trb_log(b->host, b->origin, TRB_LOG_WARN, "topic '%s': the metadata of message %s is no JSON object and is left out",
                m->sub->topic.at, m->id);
        return (struct trb_pairs){0};
    }
    struct json_cursor c = json_enter(object);
    while (json_member(&c, &key, &value))
        count += value.kind == JSON_STRING;
    struct trb_pair *pairs = arena_zero(arena, (count + 1) * sizeof *pairs), *to = pairs;
    c = json_enter(object);
    while (json_member(&c, &key, &value))
        if (value.kind == JSON_STRING)
            *to++ = (struct trb_pair){json_name(arena, (struct json_value){JSON_STRING, key}), json_name(arena, value)};
    return (struct trb_pairs){pairs, count, sizeof *pairs};
}

static void emit(struct message *m)
{
    struct subscription *s = m->sub;
    struct bus *b = s->bus;
    struct trb_slice bytes = b->host->buf_bytes(m->data);
    struct trb_pubsub_event e = {.size = sizeof e, .topic = s->topic, .data = {bytes.at, bytes.len, m->data}};
    struct arena *arena = m->metadata_len > 2 ? arena_create(1 << 24) : NULL;
    if (arena)
        e.metadata = read_metadata(m, arena);
    m->data = NULL;                         /* given with the event */
    s->running++;
    b->running++;
    s->has_credit = b->host->emit(s->call, &e, sizeof e, m) > 0;
    arena_destroy(arena);
}

/* Too old: the group may have given it to another consumer meanwhile. It stays pending, to be reclaimed. */
static bool is_stale(const struct message *m)
{
    const struct bus *b = m->sub->bus;
    return reclaim_is_on(b) && b->host->now_ns() - m->since_ns >= (uint64_t)b->processing_timeout_ns;
}

static bool emit_first(struct subscription *s)
{
    while (s->has_credit && !s->is_ending) {
        struct list *node = list_take(&s->queued);
        if (!node)
            return false;
        struct message *m = list_item(node, struct message, link);
        s->queued_count--;
        if (is_stale(m)) {
            message_free(m);
            continue;
        }
        emit(m);
        return true;
    }
    return false;
}

void bus_pump(struct bus *b)
{
    bool any = true;
    while (any && b->running < b->concurrency) {
        any = false;
        list_each(node, &b->subscriptions)
            if (b->running < b->concurrency && emit_first(list_item(node, struct subscription, link)))
                any = true;
    }
    list_each(node, &b->subscriptions)
        subscription_read(list_item(node, struct subscription, link));
}
