/* http1_server: the life of a connection: one request after another, its end, its times. Reading is
 * http1_input.c, answering http1_exchange.c. */
#include <net/http1_server.h>

#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <net/stream_private.h>
#include <string.h>

static const struct http_server_setup *setup_of(const struct http1 *h)
{
    return h->c->home->setup;
}

static bool is_over(const struct http1 *h)
{
    return h->c->is_cut || h->c->is_closed || h->c->codec == NULL;
}

static void tell_gone(struct http1_exchange *x, const struct trb_error *err)
{
    if (x->is_silent || x->base.finished)
        return;
    x->is_silent = true;
    x->base.events->gone(&x->base, err);
}

/* --- time ------------------------------------------------------------------------------------- */
static void on_time(void *arg)
{
    struct connection *c = checked(arg, struct connection, CONNECTION_MAGIC);
    struct http1 *h = checked(c->state, struct http1, HTTP1_MAGIC);
    connection_cut(c);              /* its closed tells the exchange, if there is one */
    if (h->x)
        h->keep_alive = false;
}

void http1_wait_for_head(struct http1 *h)
{
    if (setup_of(h)->head_timeout_ns && !timer_is_armed(&h->c->timer))
        timer_after(h->c->loop, &h->c->timer, setup_of(h)->head_timeout_ns, on_time, h->c);
}

void http1_wait_for_peer(struct http1 *h)
{
    timer_after(h->c->loop, &h->c->timer, HTTP1_GRACE_NS, on_time, h->c);
}

/* --- going on --------------------------------------------------------------------------------- */
static void leave(struct http1 *h)
{
    struct connection *c = h->c;
    bool is_eof = h->is_eof;
    job_end(&h->job);
    timer_end(&c->timer);
    h->magic = 0;
    mem_free(h);
    connection_linger(c, is_eof);
}

static void end(struct http1 *h)
{
    struct connection *c = h->c;
    job_end(&h->job);
    h->magic = 0;
    mem_free(h);
    connection_end(c);
}

static void meet_eof(struct http1 *h)
{
    if (!h->body_open) {
        if (!timer_is_armed(&h->c->timer))
            http1_wait_for_peer(h);
        return;
    }
    struct trb_error err = ERROR_INIT;
    error_set(&err, TRB_CANCELLED, "UNEXPECTED_EOF", "unexpected EOF");
    h->body_open = h->keep_alive = false;
    tell_gone(h->x, &err);
    connection_cut(h->c);
}

/* Nothing more can be done now: what is to be waited for? */
static void rest(struct http1 *h)
{
    if (is_over(h))
        return;
    if (h->x) {
        if (h->is_eof && !h->x->base.finished)
            meet_eof(h);
        return;
    }
    if (h->is_eof || !h->keep_alive || h->c->home->draining)
        leave(h);
    else if (setup_of(h)->idle_timeout_ns && !timer_is_armed(&h->c->timer))
        timer_after(h->c->loop, &h->c->timer, setup_of(h)->idle_timeout_ns, on_time, h->c);
}

/* One step; *ret_alive false: h is gone. */
static bool step(struct http1 *h, bool *ret_alive)
{
    bool is_blocked = h->x && h->x->base.finished;      /* waits for release */
    if (is_over(h) || (!h->x && !h->keep_alive))
        return false;
    if (h->body_open)
        return http1_read_body(h);
    if (h->x || is_blocked)
        return false;
    bool again;
    size_t len = http1_look_for_head(h, &again);
    if (!len)
        return again;
    *ret_alive = http1_begin(h, len);
    return *ret_alive;
}

static void process(struct http1 *h)
{
    bool is_alive = true;
    if (h->is_busy || h->is_closed)
        return;
    h->is_busy = true;
    while (step(h, &is_alive))
        ;
    if (!is_alive)
        return;
    h->is_busy = false;
    rest(h);
}

static void on_job(void *arg)
{
    process(checked(arg, struct http1, HTTP1_MAGIC));
}

void http1_go_on(struct http1 *h)
{
    if (!h->is_busy && !h->is_closed)
        job_defer(h->c->loop, &h->job, on_job, h);
}

void http1_released(struct http1 *h)
{
    h->x = NULL;
    if (h->is_eof)
        timer_end(&h->c->timer);
    if (h->is_closed) {
        if (!h->is_busy)
            end(h);
        return;
    }
    bool is_quiet = h->keep_alive && !h->body_open && !h->is_eof && !stream_bytes(h->c->stream).len &&
                    !h->c->home->draining && !setup_of(h)->idle_timeout_ns;
    if (!is_quiet)
        http1_go_on(h);
}

/* --- the connection's events ------------------------------------------------------------------ */
static struct http1 *of(struct connection *c)
{
    return checked(c->state, struct http1, HTTP1_MAGIC);
}

static void on_readable(struct connection *c)
{
    struct http1 *h = of(c);
    if (!h->x && timer_is_armed(&c->timer) && !h->scanned)
        timer_end(&c->timer);       /* it was the idle one */
    process(h);
}

static void on_writable(struct connection *c)
{
    struct http1 *h = of(c);
    if (h->x && h->x->base.responded && !h->x->base.finished && !h->x->is_silent)
        h->x->base.events->room(&h->x->base);
    else
        process(h);
}

static void on_eof(struct connection *c)
{
    of(c)->is_eof = true;
    process(of(c));
}

static void on_closed(struct connection *c, const struct trb_error *err)
{
    struct http1 *h = of(c);
    h->is_closed = h->is_busy = true;
    job_end(&h->job);
    if (h->x)
        tell_gone(h->x, err);
    h->is_busy = false;
    if (!h->x)
        end(h);
}

static void on_drain(struct connection *c)
{
    struct http1 *h = of(c);
    h->keep_alive = h->keep_alive && h->x && !h->x->base.finished && !h->x->base.responded;
    if (!h->x && stream_unsent(c->stream))
        connection_close(c);        /* the last answer is still leaving */
    else if (!h->x)
        connection_cut(c);
}

static const struct connection_codec codec = {.readable = on_readable,
                                              .writable = on_writable,
                                              .eof = on_eof,
                                              .closed = on_closed,
                                              .drain = on_drain};

void http1_connection_create(struct connection *c)
{
    struct http1 *h = mem_zero(sizeof *h);
    h->magic = HTTP1_MAGIC;
    h->c = c;
    h->keep_alive = true;
    c->codec = &codec;
    c->state = h;
    if (setup_of(h)->max_head > STREAM_HIGH)
        stream_read_limit(c->stream, setup_of(h)->max_head);
}
