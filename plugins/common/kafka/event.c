/* event: a record as the app sees it: its bytes, its headers, and where it lay. */
#include "kafka.h"
#include <base/mem.h>
#include <base/slice.h>

#define OWN_PAIRS 5u

struct drawing {                            /* pairs and the texts they point at */
    struct trb_pair *pairs;
    uint32_t count;
    struct arena *arena;
    bool escapes;
};

static void add(struct drawing *d, const char *key, struct trb_name value)
{
    d->pairs[d->count++] = (struct trb_pair){name_of(key), value};
}

/* As a query component: a blank is a plus. */
static struct trb_name escaped(struct drawing *d, struct trb_slice value)
{
    struct text t = {0};
    if (!d->escapes)
        return (struct trb_name){value.at ? value.at : "", value.len};
    text_add_escaped(&t, value, "-_.~ ");
    for (size_t n = 0; n < t.len; n++)
        if (t.at[n] == ' ')
            t.at[n] = '+';
    struct trb_name kept = arena_name(d->arena, text_slice(&t));
    text_fini(&t);
    return kept;
}

static void add_own(struct drawing *d, const rd_kafka_message_t *m)
{
    rd_kafka_timestamp_type_t kind;
    if (m->key)
        add(d, "__key", escaped(d, slice_from(m->key, m->key_len)));
    add(d, "__offset", arena_printf(d->arena, "%lld", (long long)m->offset));
    add(d, "__topic", name_of(rd_kafka_topic_name(m->rkt)));
    add(d, "__timestamp", arena_printf(d->arena, "%lld", (long long)rd_kafka_message_timestamp(m, &kind)));
    add(d, "__partition", arena_printf(d->arena, "%d", (int)m->partition));
}

static void add_headers(struct kafka *k, struct drawing *d, rd_kafka_headers_t *headers)
{
    const char *name;
    const void *value;
    size_t len;
    for (size_t n = 0; headers && !rd_kafka_header_get_all(headers, n, &name, &value, &len); n++)
        if (!names_match(k->excluded, slice_of(name)))
            add(d, name, escaped(d, slice_from(value, len)));
}

uint32_t event_emit(struct kafka *k, struct subscription *s, const rd_kafka_message_t *m, void *cookie)
{
    rd_kafka_headers_t *headers = NULL;
    rd_kafka_message_headers(m, &headers);
    size_t room = OWN_PAIRS + (headers ? rd_kafka_header_cnt(headers) : 0);
    struct drawing d = {.arena = arena_create(SIZE_MAX), .escapes = k->options.escape_headers};
    d.pairs = arena_alloc(d.arena, room * sizeof *d.pairs);
    add_own(&d, m);
    add_headers(k, &d, headers);
    struct trb_data data = m->payload ? (struct trb_data){m->payload, m->len, NULL} : (struct trb_data){"null", 4, NULL};
    struct trb_pairs metadata = {d.pairs, d.count, sizeof *d.pairs};
    uint32_t left = k->kind->emit(s->call, name_of(rd_kafka_topic_name(m->rkt)), data, metadata, cookie);
    arena_destroy(d.arena);
    return left;
}
