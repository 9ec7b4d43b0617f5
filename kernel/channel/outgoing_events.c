/* outgoing_events: what a connection tells a call out, handed to its protocol. What is told may be the last thing the
 * request waited for: it stays until we are through. */
#include <base/check.h>
#include <channel/outgoing.h>

static struct outgoing *outgoing_of(struct http_call *c)
{
    return checked(container_of(c, struct outgoing, call), struct outgoing, OUTGOING_MAGIC);
}

static void on_head(struct http_call *c, const struct http_head *head)
{
    struct outgoing *o = outgoing_of(c);
    struct request *rq = o->rq;
    request_pin(rq);
    o->protocol->head(o, head);
    request_unpin(rq);
}

static void on_data(struct http_call *c, struct trb_data piece)
{
    struct outgoing *o = outgoing_of(c);
    struct request *rq = o->rq;
    request_pin(rq);
    o->protocol->data(o, piece);
    request_unpin(rq);
}

static void on_end(struct http_call *c, const struct http_headers *trailers)
{
    struct outgoing *o = outgoing_of(c);
    struct request *rq = o->rq;
    request_pin(rq);
    o->protocol->end(o, trailers);
    request_unpin(rq);
}

static void on_room(struct http_call *c)
{
    struct outgoing *o = outgoing_of(c);
    struct request *rq = o->rq;
    request_pin(rq);
    if (o->protocol->room)
        o->protocol->room(o);
    request_unpin(rq);
}

static void on_failed(struct http_call *c, const struct trb_error *err)
{
    struct outgoing *o = outgoing_of(c);
    struct request *rq = o->rq;
    request_pin(rq);
    o->protocol->failed(o, err);
    request_unpin(rq);
}

const struct http_call_events outgoing_events = {.head = on_head, .data = on_data, .end = on_end, .room = on_room,
                                                 .failed = on_failed};
