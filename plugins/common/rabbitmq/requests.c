/* requests: what is said on a channel, each written at once. */
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <rabbitmq/link_inside.h>

#define COPIED 16384u                       /* a larger body with an owner is referenced, not copied */

static struct text *begin(struct rabbit_channel *c, uint32_t method, size_t *ret_begun)
{
    *ret_begun = rabbit_method_begin(c->link, c->number, method);
    return &c->link->out;
}

static void await(struct rabbit_channel *c, uint32_t reply, rabbit_then *then)
{
    if (c->ask_count == c->ask_room) {
        uint32_t room = c->ask_room ? c->ask_room * 2 : 8;
        struct rabbit_ask *asks = mem_zero(room * sizeof *asks);
        for (uint32_t i = 0; i < c->ask_count; i++)
            asks[i] = c->asks[(c->ask_first + i) & (c->ask_room - 1)];
        mem_free(c->asks);
        c->asks = asks;
        c->ask_room = room;
        c->ask_first = 0;
    }
    c->asks[(c->ask_first + c->ask_count++) & (c->ask_room - 1)] = (struct rabbit_ask){reply, then};
}

static void end(struct rabbit_channel *c, size_t begun, uint32_t reply, rabbit_then *then)
{
    rabbit_method_end(c->link, begun);
    if (reply)
        await(c, reply, then);
}

/* ------------------------------------------------------------------------------ opening, ending */
/* A free number, smallest first; 0: none. */
static uint32_t find_number(struct rabbit_link *l)
{
    uint32_t n = 1;
    while (n < l->channel_room && l->channels[n])
        n++;
    if (n > l->channel_max)
        return 0;
    if (n >= l->channel_room) {
        uint32_t room = l->channel_room ? l->channel_room * 2 : 8;
        l->channels = mem_grow(l->channels, room * sizeof *l->channels);
        memset(l->channels + l->channel_room, 0, (room - l->channel_room) * sizeof *l->channels);
        n = l->channel_room ? n : 1;
        l->channel_room = room;
    }
    return n;
}

struct rabbit_channel *rabbit_channel_open(struct rabbit_link *l, const struct rabbit_channel_events *events, void *arg)
{
    check(rabbit_link_is_up(l));
    uint32_t number = find_number(l);
    size_t begun;
    if (!number)
        return NULL;
    struct rabbit_channel *c = l->channels[number] = mem_zero(sizeof *c);
    *c = (struct rabbit_channel){.link = l, .number = number, .events = events, .arg = arg};
    wire_put_short(begin(c, CHANNEL_OPEN, &begun), SLICE(""));
    end(c, begun, CHANNEL_OPEN_OK, NULL);
    return c;
}

void rabbit_channel_end(struct rabbit_channel *c)
{
    size_t begun;
    if (c->is_ending)
        return;
    struct text *t = begin(c, CHANNEL_CLOSE, &begun);
    wire_put(t, 200, 2);
    wire_put_short(t, SLICE("done"));
    wire_put(t, 0, 4);
    end(c, begun, 0, NULL);
    c->is_ending = true;
}

void rabbit_channel_drop(struct rabbit_channel *c)
{
    if (!c)
        return;
    rabbit_channel_end(c);
    c->events = NULL;
}

/* ---------------------------------------------------------------------------------- declaring */
void rabbit_exchange_declare(struct rabbit_channel *c, struct trb_slice name, const char *kind, uint32_t flags)
{
    size_t begun;
    struct text *t = begin(c, EXCHANGE_DECLARE, &begun);
    wire_put(t, 0, 2);
    wire_put_short(t, name);
    wire_put_short(t, slice_of(kind));
    wire_put(t, (flags & RABBIT_DURABLE ? 2u : 0u) | (flags & RABBIT_AUTO_DELETE ? 4u : 0u), 1);
    wire_put(t, 0, 4);
    end(c, begun, EXCHANGE_DECLARE_OK, NULL);
}

void rabbit_queue_declare(struct rabbit_channel *c, struct trb_slice name, uint32_t flags, struct trb_slice arguments,
                          rabbit_then *then)
{
    size_t begun;
    struct text *t = begin(c, QUEUE_DECLARE, &begun);
    wire_put(t, 0, 2);
    wire_put_short(t, name);
    wire_put(t, (flags & RABBIT_DURABLE ? 2u : 0u) | (flags & RABBIT_EXCLUSIVE ? 4u : 0u) |
                    (flags & RABBIT_AUTO_DELETE ? 8u : 0u), 1);
    wire_put_long(t, arguments);
    end(c, begun, QUEUE_DECLARE_OK, then);
}

void rabbit_queue_bind(struct rabbit_channel *c, struct trb_slice queue, struct trb_slice exchange, struct trb_slice key)
{
    size_t begun;
    struct text *t = begin(c, QUEUE_BIND, &begun);
    wire_put(t, 0, 2);
    wire_put_short(t, queue);
    wire_put_short(t, exchange);
    wire_put_short(t, key);
    wire_put(t, 0, 1);
    wire_put(t, 0, 4);
    end(c, begun, QUEUE_BIND_OK, NULL);
}

/* ---------------------------------------------------------------------------------- consuming */
void rabbit_qos(struct rabbit_channel *c, uint32_t prefetch)
{
    size_t begun;
    struct text *t = begin(c, BASIC_QOS, &begun);
    wire_put(t, 0, 4);
    wire_put(t, prefetch, 2);
    wire_put(t, 0, 1);
    end(c, begun, BASIC_QOS_OK, NULL);
}

void rabbit_consume(struct rabbit_channel *c, struct trb_slice queue, struct trb_slice tag, bool no_ack, bool exclusive,
                    rabbit_then *then)
{
    size_t begun;
    struct text *t = begin(c, BASIC_CONSUME, &begun);
    wire_put(t, 0, 2);
    wire_put_short(t, queue);
    wire_put_short(t, tag);
    wire_put(t, (no_ack ? 2u : 0u) | (exclusive ? 4u : 0u), 1);
    wire_put(t, 0, 4);
    end(c, begun, BASIC_CONSUME_OK, then);
}

void rabbit_cancel(struct rabbit_channel *c, struct trb_slice tag, rabbit_then *then)
{
    size_t begun;
    struct text *t = begin(c, BASIC_CANCEL, &begun);
    wire_put_short(t, tag);
    wire_put(t, 0, 1);
    end(c, begun, BASIC_CANCEL_OK, then);
}

static void settle(struct rabbit_channel *c, uint32_t method, uint64_t tag, uint32_t bits)
{
    size_t begun;
    if (c->is_ending)
        return;
    struct text *t = begin(c, method, &begun);
    wire_put(t, tag, 8);
    wire_put(t, bits, 1);
    end(c, begun, 0, NULL);
}

void rabbit_ack(struct rabbit_channel *c, uint64_t tag)
{
    settle(c, BASIC_ACK, tag, 0);
}

void rabbit_nack(struct rabbit_channel *c, uint64_t tag, bool multiple, bool requeue)
{
    settle(c, BASIC_NACK, tag, (multiple ? 1u : 0u) | (requeue ? 2u : 0u));
}

/* --------------------------------------------------------------------------------- publishing */
void rabbit_confirm(struct rabbit_channel *c)
{
    size_t begun;
    wire_put(begin(c, CONFIRM_SELECT, &begun), 0, 1);
    end(c, begun, CONFIRM_SELECT_OK, NULL);
}

static void put_body(struct rabbit_channel *c, struct trb_slice piece)
{
    struct text *t = &c->link->out;
    size_t begun = wire_frame_begin(t, WIRE_BODY, c->number);
    text_add(t, piece);
    wire_frame_end(t, begun);
}

/* Its bytes stay where they are: only what stands around them is written. */
static void send_body(struct rabbit_channel *c, struct trb_data piece)
{
    static const char frame_end[] = {WIRE_FRAME_END};
    const struct trb_stream_service *s = c->link->line.streams;
    char head[7];
    wire_frame_head(head, WIRE_BODY, c->number, piece.len);
    s->write(c->link->line.stream, slice_from(head, sizeof head));
    s->write_data(c->link->line.stream, piece);
    s->write(c->link->line.stream, slice_from(frame_end, 1));
}

void rabbit_publish(struct rabbit_channel *c, struct trb_slice exchange, struct trb_slice key, bool is_mandatory,
                    const struct rabbit_properties *properties, struct trb_data data)
{
    struct rabbit_link *l = c->link;
    size_t most = l->frame_max - WIRE_FRAME_EXTRA, begun;
    struct text *t = begin(c, BASIC_PUBLISH, &begun);
    wire_put(t, 0, 2);
    wire_put_short(t, exchange);
    wire_put_short(t, key);
    wire_put(t, is_mandatory, 1);
    wire_frame_end(t, begun);
    begun = wire_frame_begin(t, WIRE_HEADER, c->number);
    wire_put(t, BASIC_CLASS, 2);
    wire_put(t, 0, 2);
    wire_put(t, data.len, 8);
    rabbit_properties_write(t, properties);
    wire_frame_end(t, begun);
    bool is_copied = !data.owner || data.len < COPIED;
    if (is_copied && data.len && data.len <= most)
        put_body(c, slice_from(data.at, data.len));
    l->line.streams->write(l->line.stream, text_slice(t));
    if (is_copied && data.len <= most)
        return;
    for (size_t at = 0; at < data.len; at += most)
        send_body(c, (struct trb_data){data.at + at, data.len - at < most ? data.len - at : most, data.owner});
}
