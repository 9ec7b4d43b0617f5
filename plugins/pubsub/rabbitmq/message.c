/* message: what a delivery is to the host, with its properties as metadata. */
#include "bus.h"
#include <base/arena.h>
#include <base/mem.h>
#include <base/slice.h>
#include <inttypes.h>

#define MAX_METADATA (1u << 24)

struct collector {
    struct arena *arena;
    struct trb_pair *pairs;
    uint32_t count;
};

static struct trb_name join(struct arena *arena, const char *prefix, struct trb_slice rest)
{
    size_t len = strlen(prefix);
    char *at = arena_zero(arena, len + rest.len + 1);
    memcpy(at, prefix, len);
    if (rest.len)
        memcpy(at + len, rest.at, rest.len);
    return (struct trb_name){at, len + rest.len};
}

static void collect(struct collector *c, struct trb_slice name, struct trb_slice value)
{
    if (value.len)
        c->pairs[c->count++] = (struct trb_pair){join(c->arena, "metadata.", name), join(c->arena, "", value)};
}

/* Texts, numbers and truths; what is made of several has no form as one text. */
static void collect_header(struct collector *c, struct trb_slice name, const struct wire_value *v)
{
    char room[40];
    int len = 0;
    switch (v->kind) {
    case 'S':
    case 'x': collect(c, name, v->text); return;
    case 't': len = snprintf(room, sizeof room, "%s", v->number ? "true" : "false"); break;
    case 'f':
    case 'd': len = snprintf(room, sizeof room, "%.17g", v->real); break;
    case 'A':
    case 'F':
    case 'D':
    case 'V': return;
    default: len = snprintf(room, sizeof room, "%" PRId64, v->number);
    }
    collect(c, name, slice_from(room, (size_t)len));
}

static struct trb_pairs read_properties(const struct rabbit_delivery *d, struct arena *arena)
{
    struct rabbit_properties p;
    struct wire_value value;
    struct trb_slice name;
    if (!rabbit_properties_read(slice_from(d->properties, d->properties_len), &p))
        return (struct trb_pairs){0};
    uint32_t room = 4;
    for (struct wire w = wire_of(p.headers); wire_field(&w, &name, &value);)
        room++;
    struct collector c = {.arena = arena, .pairs = arena_zero(arena, room * sizeof *c.pairs)};
    collect(&c, SLICE("messageid"), p.message_id);
    collect(&c, SLICE("correlationid"), p.correlation_id);
    collect(&c, SLICE("type"), p.type);
    collect(&c, SLICE("contenttype"), p.content_type);
    for (struct wire w = wire_of(p.headers); wire_field(&w, &name, &value);)
        collect_header(&c, name, &value);
    return (struct trb_pairs){c.pairs, c.count, sizeof *c.pairs};
}

uint32_t subscription_emit(void *subscription, struct rabbit_delivery *d)
{
    const struct subscription *s = subscription;
    const struct trb_host *host = s->bus->host;
    struct trb_slice bytes = host->buf_bytes(d->body);
    struct trb_pubsub_event e = {.size = sizeof e, .topic = s->topic, .data = {bytes.at, bytes.len, d->body}};
    struct arena *arena = s->bus->properties_to_metadata ? arena_create(MAX_METADATA) : NULL;
    if (arena)
        e.metadata = read_properties(d, arena);
    d->body = NULL;                         /* given with the event */
    d->properties = mem_free(d->properties);
    uint32_t credit = host->emit(s->call, &e, sizeof e, d);
    arena_destroy(arena);
    return credit;
}
