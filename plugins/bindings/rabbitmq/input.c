/* input: what is in the queue goes to the application, with its text headers; what a handler fails on goes back. */
#include "queue.h"
#include <base/arena.h>
#include <base/mem.h>
#include <base/slice.h>

#define MAX_METADATA (1u << 24)

static struct reader *item(struct list *node)
{
    return list_item(node, struct reader, link);
}

/* As a query of a URL spells it: blanks are plus signs. */
static struct trb_name escaped(struct arena *arena, struct trb_slice name)
{
    struct text t = {0};
    while (name.at) {
        struct trb_slice word = slice_split(&name, ' ');
        text_add_escaped(&t, word, "-_.~");
        if (name.at)
            text_addc(&t, '+');
    }
    char *at = arena_zero(arena, t.len + 1);
    struct trb_name made = {at, t.len};
    if (t.len)
        memcpy(at, t.at, t.len);
    text_fini(&t);
    return made;
}

static struct trb_name copied(struct arena *arena, struct trb_slice text)
{
    char *at = arena_zero(arena, text.len + 1);
    if (text.len)
        memcpy(at, text.at, text.len);
    return (struct trb_name){at, text.len};
}

static struct trb_pairs read_headers(struct trb_slice headers, struct arena *arena)
{
    struct wire_value value;
    struct trb_slice name;
    uint32_t count = 0;
    for (struct wire w = wire_of(headers); wire_field(&w, &name, &value);)
        count += value.kind == 'S';
    struct trb_pair *pairs = arena_zero(arena, (count + 1) * sizeof *pairs), *to = pairs;
    for (struct wire w = wire_of(headers); wire_field(&w, &name, &value);)
        if (value.kind == 'S')
            *to++ = (struct trb_pair){escaped(arena, name), copied(arena, value.text)};
    return (struct trb_pairs){pairs, count, sizeof *pairs};
}

static uint32_t emit(void *arg, struct rabbit_delivery *d)
{
    const struct reader *r = arg;
    const struct trb_host *host = r->queue->host;
    struct trb_slice bytes = host->buf_bytes(d->body);
    struct trb_binding_event e = {.size = sizeof e, .data = {bytes.at, bytes.len, d->body}};
    struct rabbit_properties p;
    struct arena *arena = NULL;
    if (rabbit_properties_read(slice_from(d->properties, d->properties_len), &p) && p.headers.len) {
        arena = arena_create(MAX_METADATA);
        e.metadata = read_headers(p.headers, arena);
    }
    d->body = NULL;                         /* given with the event */
    uint32_t credit = host->emit(r->call, &e, sizeof e, d);
    arena_destroy(arena);
    return credit;
}

static void declare(void *arg, struct rabbit_channel *c, rabbit_then *consuming)
{
    const struct reader *r = arg;
    const struct queue *q = r->queue;
    queue_declare(q, c, NULL);
    rabbit_qos(c, q->prefetch ? (uint32_t)q->prefetch : RABBIT_PREFETCH);
    rabbit_consume(c, slice_of(q->name), slice_of(r->tag), false, false, consuming);
}

static void on_over(void *arg)
{
    struct reader *r = arg;
    list_remove(&r->link);
    mem_free(r->what);
    mem_free(r->tag);
    mem_free(r);
}

static char *quoted(const char *name)
{
    struct text t = {0};
    text_addf(&t, "queue '%s'", name);
    return t.at;
}

void input_read(void *self, struct trb_call *call, const void *question)
{
    struct queue *q = self;
    struct reader *r = mem_zero(sizeof *r);
    *r = (struct reader){.queue = q, .call = call, .what = quoted(q->name), .tag = rabbit_consumer_tag("ctag-trilbyd")};
    list_append(&q->readers, &r->link);
    struct rabbit_consumer_setup setup = {
        .host = q->host, .origin = q->origin, .link = q->in, .call = call, .what = r->what, .tag = r->tag,
        .pause_ns = q->config.reconnect_ns, .goes_unused = q->delete_when_unused, .arg = r, .declare = declare, .emit = emit,
        .over = on_over};
    r->consumer = rabbit_consumer_create(&setup);
    rabbit_consumer_begin(r->consumer);
}

void input_begin(struct queue *q)
{
    list_each(node, &q->readers)
        rabbit_consumer_begin(item(node)->consumer);
}

struct reader *input_find(struct queue *q, const struct trb_call *call)
{
    list_each(node, &q->readers)
        if (item(node)->call == call)
            return item(node);
    return NULL;
}
