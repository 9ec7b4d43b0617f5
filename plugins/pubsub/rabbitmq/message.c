/* message: between the host's metadata and AMQP's properties, both ways. */
#include "bus.h"
#include <base/arena.h>
#include <base/check.h>
#include <base/clock.h>
#include <base/mem.h>
#include <base/slice.h>
#include <inttypes.h>

#define MAX_METADATA (1u << 24)

/* ------------------------------------------------------------------------------------ publishing */
static const char *const sent_names[] = {"routingKey", "contentType", "messageID", "correlationID", "type"};

const char *message_fault(const struct trb_pairs *metadata)
{
    for (size_t i = 0; i < countof(sent_names); i++)
        if (trb_pair_get(metadata, sent_names[i]).len > WIRE_SHORT)
            return "routingKey, contentType, messageID, correlationID and type have at most 255 bytes each";
    return NULL;
}

static struct trb_slice sent(const struct trb_pairs *metadata, const char *name)
{
    struct trb_slice value = slice_name(trb_pair_get(metadata, name));
    return value.len ? value : (struct trb_slice){NULL, 0};
}

/* ttlInSeconds, or ttl as a duration or a number of seconds. False: none, or one that makes no sense. */
static bool read_ttl(const struct bus *b, const struct trb_pairs *metadata, int64_t *ret_ns)
{
    struct trb_slice seconds = slice_name(trb_pair_get(metadata, "ttlInSeconds"));
    struct trb_slice text = seconds.len ? seconds : slice_name(trb_pair_get(metadata, "ttl"));
    int64_t number;
    if (!text.len)
        return false;
    if (slice_to_i64(text, &number) && number > 0 && number < INT64_MAX / (int64_t)CLOCK_S) {
        *ret_ns = number * (int64_t)CLOCK_S;
        return true;
    }
    if (!seconds.len && clock_parse_duration(text, &number) && number > 0) {
        *ret_ns = number;
        return true;
    }
    trb_log(b->host, b->origin, TRB_LOG_WARN, "a message's time to live is no number of seconds above 0 and has no effect: %.*s",
            SLICE_ARG(slice_cut(text, 40)));
    return false;
}

static void read_priority(const struct bus *b, const struct trb_pairs *metadata, struct rabbit_properties *p)
{
    struct trb_slice text = slice_name(trb_pair_get(metadata, "priority"));
    int64_t number;
    if (!text.len)
        return;
    if (slice_to_i64(text, &number))
        p->priority = number < 0 ? 0 : number > 255 ? 255 : (int32_t)number;
    else
        trb_log(b->host, b->origin, TRB_LOG_WARN, "a message's priority is no number and has no effect: %.*s",
                SLICE_ARG(slice_cut(text, 40)));
}

void message_properties(const struct bus *b, const struct trb_pairs *metadata, struct text *scratch,
                        struct rabbit_properties *ret_properties)
{
    struct rabbit_properties p = RABBIT_NO_PROPERTIES;
    int64_t ttl = b->ttl_ns;
    p.content_type = sent(metadata, "contentType");
    if (!p.content_type.len)
        p.content_type = SLICE("text/plain");
    p.message_id = sent(metadata, "messageID");
    p.correlation_id = sent(metadata, "correlationID");
    p.type = sent(metadata, "type");
    read_priority(b, metadata, &p);
    if (b->delivery_mode)
        p.delivery_mode = (int32_t)b->delivery_mode;
    if (read_ttl(b, metadata, &ttl) || ttl > 0) {
        text_addf(scratch, "%" PRId64, ttl / (int64_t)CLOCK_MS);
        p.expiration = text_slice(scratch);
    }
    *ret_properties = p;
}

/* ------------------------------------------------------------------------------------- receiving */
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
