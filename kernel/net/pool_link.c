/* pool_link: see pool_link.h. */
#include <net/pool_link.h>

#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>

static struct client_link *of(void *arg)
{
    return checked(arg, struct client_link, CLIENT_LINK_MAGIC);
}

/* An idle link counts, and stands first in line: the warmest is used next. */
static void set_idle(struct client_link *l, bool is_idle)
{
    if (l->is_idle == is_idle)
        return;
    l->is_idle = is_idle;
    if (is_idle)
        l->pool->idle_count++;
    else
        l->pool->idle_count--;
    if (!is_idle)
        timer_end(&l->idle);
}

static void link_free(struct client_link *l)
{
    struct http_pool *p = l->pool;
    set_idle(l, false);
    timer_end(&l->idle);
    job_end(&l->end);
    list_remove(&l->link);
    p->link_count--;
    if (!l->is_greeted)
        p->connecting--;
    stream_destroy(l->stream);
    l->magic = 0;
    mem_free(l);
}

/* The link ends: the codec gives its calls back, then nothing is left of it. */
static void link_end(struct client_link *l, const struct trb_error *err)
{
    struct http_pool *p = l->pool;
    l->is_ending = true;
    if (l->codec)
        l->codec->closed(l, err);
    check(list_is_empty(&l->calls));
    bool was_greeted = l->is_greeted;
    struct trb_error why = *err;
    why.text = why.details = NULL;
    if (l->is_connected && !was_greeted)
        error_prefix(&why, "error reading server preface: ");
    link_free(l);
    if (!was_greeted)
        pool_fail_waiting(p, &why, p->target.version != 1);
    pool_serve(p);
}

static void on_end(void *arg)
{
    struct trb_error err = ERROR_INIT;
    error_set(&err, TRB_UNAVAILABLE, "CONNECTION_CLOSED", "%s",
              of(arg)->is_greeted ? "http: server closed idle connection" : "EOF");
    err.retryable = 1;
    link_end(of(arg), &err);
}

void pool_link_close(struct client_link *l)
{
    l->is_ending = true;
    l->room = 0;
    set_idle(l, false);
    job_defer(l->loop, &l->end, on_end, l);
}

void pool_link_retire(struct client_link *l)
{
    l->is_ending = true;
    l->room = 0;
    if (list_is_empty(&l->calls))
        pool_link_close(l);
}

static void on_idle_too_long(void *arg)
{
    pool_link_close(of(arg));
}

void pool_link_lost_call(struct client_link *l)
{
    struct http_pool *p = l->pool;
    if (!list_is_empty(&l->calls))
        return;
    if (l->is_ending) {
        if (!p->is_ending)
            pool_link_close(l);
        return;
    }
    set_idle(l, true);
    list_remove(&l->link);
    list_prepend(&p->links, &l->link);
    if (p->target.max_idle && p->idle_count > p->target.max_idle && list_is_empty(&p->waiting))
        pool_link_close(l);
    else if (p->target.idle_timeout_ns)
        timer_after(l->loop, &l->idle, p->target.idle_timeout_ns, on_idle_too_long, l);
}

void pool_link_took_call(struct client_link *l, struct pool_call *pc)
{
    list_append(&l->calls, &pc->link);
    l->served++;
    l->room--;
    set_idle(l, false);
    if (!l->room) {                 /* a full one need not be looked at first */
        list_remove(&l->link);
        list_append(&l->pool->links, &l->link);
    }
}

void pool_link_ready(struct client_link *l)
{
    if (!list_is_empty(&l->pool->waiting))
        pool_serve(l->pool);
}

void pool_link_greeted(struct client_link *l)
{
    struct http_pool *p = l->pool;
    if (l->is_greeted)
        return;
    l->is_greeted = true;
    p->connecting--;
    timer_end(&l->idle);
    pool_link_lost_call(l);         /* without calls it is idle, until one is given to it */
    pool_serve(p);
}

static void end_as(struct client_link *l, const char *sentence)
{
    struct trb_error err = ERROR_INIT;
    error_set(&err, TRB_UNAVAILABLE, "PREFACE", "%s", sentence);
    link_end(l, &err);
}

static void on_no_greeting(void *arg)
{
    end_as(of(arg), "i/o timeout");
}

static void wait_for_greeting(struct client_link *l)
{
    uint64_t patience_ns = l->pool->target.connect_timeout_ns;
    if (patience_ns)
        timer_after(l->loop, &l->idle, patience_ns, on_no_greeting, l);
}

static void on_connected(void *arg)
{
    struct client_link *l = of(arg);
    uint8_t version = l->pool->target.version;
    l->is_connected = true;
    bool is_h2 = version == 2 || (version == 0 && slice_is(stream_alpn(l->stream), SLICE("h2")));
    if (is_h2) {
        http2_client_attach(l);
        wait_for_greeting(l);
    } else {
        http1_client_attach(l);
        pool_link_greeted(l);
    }
}

/* A server of HTTP/1 answers the preface in its own way. */
static bool is_no_http2(const struct client_link *l)
{
    return !l->is_greeted && slice_starts(stream_bytes(l->stream), SLICE("HTTP/"));
}

static void on_readable(void *arg)
{
    struct client_link *l = of(arg);
    if (l->codec && is_no_http2(l))
        end_as(l, "http2: frame too large, note that the frame header looked like an HTTP/1.1 header");
    else if (l->codec)
        l->codec->readable(l);
}

static void on_writable(void *arg)
{
    struct client_link *l = of(arg);
    if (l->codec)
        l->codec->writable(l);
}

static void on_eof(void *arg)
{
    struct client_link *l = of(arg);
    if (l->codec)
        l->codec->eof(l);
}

static void on_closed(void *arg, const struct trb_error *err)
{
    struct trb_error none = ERROR_INIT;
    error_set(&none, TRB_UNAVAILABLE, "CONNECTION_CLOSED", "EOF");
    none.retryable = 1;
    link_end(of(arg), err ? err : &none);
}

static const struct stream_events events = {.connected = on_connected,
                                            .readable = on_readable,
                                            .writable = on_writable,
                                            .eof = on_eof,
                                            .closed = on_closed};

static struct trb_slice alpn_of(const struct http_target *t)
{
    return t->version == 2 ? SLICE("h2") : t->version == 1 ? SLICE("http/1.1") : SLICE("h2,http/1.1");
}

void pool_link_open(struct http_pool *p)
{
    struct client_link *l = mem_zero(sizeof *l);
    l->magic = CLIENT_LINK_MAGIC;
    l->pool = p;
    l->loop = p->loop;
    list_init(&l->calls);
    list_append(&p->links, &l->link);
    p->link_count++;
    p->connecting++;
    struct stream_target target = {.host = p->target.host,
                                   .port = p->target.port,
                                   .tls = p->target.tls,
                                   .tls_context = p->target.tls_context,
                                   .alpn = p->target.tls ? alpn_of(&p->target) : (struct trb_slice){0},
                                   .connect_timeout_ns = p->target.connect_timeout_ns};
    l->stream = stream_connect(p->loop, &target, &events, l);
}

void pool_link_destroy(struct client_link *l, const struct trb_error *err)
{
    l->is_ending = true;
    if (l->codec)
        l->codec->closed(l, err);
    link_free(l);
}
