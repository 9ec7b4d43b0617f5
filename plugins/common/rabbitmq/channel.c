/* channel: see channel.h. What comes in; what goes out is in requests.c. */
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <rabbitmq/link_inside.h>

#define MAX_BODY (512u << 20)                /* no RabbitMQ takes more */

struct rabbit_delivery *rabbit_delivery_free(const struct trb_host *host, struct rabbit_delivery *d)
{
    if (!d)
        return NULL;
    host->buf_unref(d->body);
    mem_free(d->properties);
    return mem_free(d);
}

/* -------------------------------------------------------------------------------------- the end */
static void channel_free(struct rabbit_channel *c)
{
    rabbit_delivery_free(c->link->setup.host, c->delivery);
    c->link->channels[c->number] = NULL;
    mem_free(c->asks);
    mem_free(c);
}

/* Out of the table first: the owner may open another at once. */
static void channel_closed(struct rabbit_channel *c, const struct trb_error *err, uint32_t by)
{
    const struct rabbit_channel_events *events = c->events;
    bool is_ending = c->is_ending;
    void *arg = c->arg;
    channel_free(c);
    if (!events)
        return;
    if (is_ending && !err)
        events->ended(arg);
    else
        events->closed(arg, err, by);
}

void rabbit_channels_lose(struct rabbit_link *l, const struct trb_error *err)
{
    for (uint32_t n = 1; n < l->channel_room; n++)
        if (l->channels[n])
            channel_closed(l->channels[n], err, 0);
}

static void say(struct rabbit_channel *c, uint32_t method)
{
    rabbit_method_end(c->link, rabbit_method_begin(c->link, c->number, method));
}

static void on_close(struct rabbit_channel *c, struct wire *w)
{
    struct trb_error err = {0};
    uint32_t by;
    rabbit_read_close(c->link, w, &err, &by);
    say(c, CHANNEL_CLOSE_OK);
    if (!c->is_ending)
        channel_closed(c, &err, by);        /* else both closed at once: its close-ok follows */
}

/* ----------------------------------------------------------------------------------- content */
static void content_end(struct rabbit_channel *c)
{
    struct rabbit_delivery *d = c->delivery;
    const struct rabbit_channel_events *e = c->is_ending ? NULL : c->events;
    void (*give)(void *, struct rabbit_delivery *) = !e ? NULL : c->content == BASIC_DELIVER ? e->delivered : e->returned;
    c->content = 0;
    c->has_header = false;
    c->delivery = NULL;
    c->body_at = NULL;
    if (d && give)
        give(c->arg, d);
    else
        rabbit_delivery_free(c->link->setup.host, d);
}

static void on_header(struct rabbit_channel *c, struct trb_slice payload)
{
    const struct trb_host *host = c->link->setup.host;
    struct wire w = wire_of(payload);
    uint64_t class_ = wire_number(&w, 2);
    wire_number(&w, 2);
    c->body_left = wire_number(&w, 8);
    if (w.broken || class_ != BASIC_CLASS || !c->content || c->has_header) {
        rabbit_link_broken(c->link, "a content header came out of order");
        return;
    }
    c->has_header = true;
    if (c->content == BASIC_DELIVER || (c->events && c->events->returned)) {
        struct rabbit_delivery *d = c->delivery = mem_zero(sizeof *d);
        list_init(&d->link);
        d->tag = c->tag;
        d->len = c->body_left;
        d->properties = mem_text((const char *)w.at, w.left);
        d->properties_len = w.left;
        d->body = c->body_left <= MAX_BODY ? host->buf_new(c->link->setup.origin, c->body_left, &c->body_at) : NULL;
    }
    if (!c->body_left)
        content_end(c);
}

static void on_body(struct rabbit_channel *c, struct trb_slice payload)
{
    if (!c->has_header || payload.len > c->body_left) {
        rabbit_link_broken(c->link, "a message's body came out of order");
        return;
    }
    if (c->delivery && c->delivery->body) {
        memcpy(c->body_at, payload.at, payload.len);
        c->body_at += payload.len;
    }
    c->body_left -= payload.len;
    if (!c->body_left)
        content_end(c);
}

static void on_deliver(struct rabbit_channel *c, struct wire *w, uint32_t method)
{
    bool is_next = true;
    if (method == BASIC_DELIVER) {
        wire_short(w);
        is_next = wire_number(w, 8) == ++c->tag;
    }
    c->content = method;
    if (w->broken || !is_next)
        rabbit_link_broken(c->link, "a delivery is cut short, or numbered out of order");
}

/* ----------------------------------------------------------------------------------- methods */
static void on_confirm(struct rabbit_channel *c, struct wire *w, bool is_taken)
{
    uint64_t tag = wire_number(w, 8), bits = wire_number(w, 1);
    if (w->broken)
        rabbit_link_broken(c->link, "a confirm is cut short");
    else if (c->events && c->events->confirmed)
        c->events->confirmed(c->arg, tag, bits & 1, is_taken);
}

/* A consumer that the broker ended; unless it wants none, it is answered. */
static void on_cancel(struct rabbit_channel *c, struct wire *w)
{
    struct trb_slice tag = wire_short(w);
    bool no_wait = wire_number(w, 1) & 1;
    if (!no_wait) {
        size_t begun = rabbit_method_begin(c->link, c->number, BASIC_CANCEL_OK);
        wire_put_short(&c->link->out, tag);
        rabbit_method_end(c->link, begun);
    }
    if (c->events && c->events->cancelled)
        c->events->cancelled(c->arg);
}

static void on_flow(struct rabbit_channel *c, struct wire *w)
{
    size_t begun = rabbit_method_begin(c->link, c->number, CHANNEL_FLOW_OK);
    wire_put(&c->link->out, wire_number(w, 1), 1);
    rabbit_method_end(c->link, begun);
}

static void on_reply(struct rabbit_channel *c, uint32_t method)
{
    if (!c->ask_count || c->asks[c->ask_first].reply != method) {
        rabbit_link_broken(c->link, "an answer came that nobody had asked for");
        return;
    }
    rabbit_then *then = c->asks[c->ask_first].then;
    c->ask_first = (c->ask_first + 1) & (c->ask_room - 1);
    c->ask_count--;
    if (then && c->events)
        then(c->arg);
}

static void on_method(struct rabbit_channel *c, struct trb_slice payload)
{
    struct wire w = wire_of(payload);
    uint32_t method = (uint32_t)wire_number(&w, 4);
    if (c->content) {
        rabbit_link_broken(c->link, "a method came inside a message");
        return;
    }
    switch (method) {
    case BASIC_DELIVER:
    case BASIC_RETURN: on_deliver(c, &w, method); break;
    case BASIC_ACK: on_confirm(c, &w, true); break;
    case BASIC_NACK: on_confirm(c, &w, false); break;
    case BASIC_CANCEL: on_cancel(c, &w); break;
    case CHANNEL_FLOW: on_flow(c, &w); break;
    case CHANNEL_CLOSE: on_close(c, &w); break;
    case CHANNEL_CLOSE_OK:
        if (c->is_ending)
            channel_closed(c, NULL, 0);
        else
            rabbit_link_broken(c->link, "a channel was closed that nobody had closed");
        break;
    default: on_reply(c, method);
    }
}

void rabbit_channel_take(struct rabbit_channel *c, const struct wire_frame *f)
{
    if (f->kind == WIRE_METHOD)
        on_method(c, f->payload);
    else if (f->kind == WIRE_HEADER)
        on_header(c, f->payload);
    else
        on_body(c, f->payload);
}
