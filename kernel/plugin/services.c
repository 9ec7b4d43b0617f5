/* services: timers, streams, watches, once and post, behind trilby/services.h. Each thing lent hangs
 * in its origin's list, so that nothing of an instance fires after its stop. */
#include <base/check.h>
#include <base/doing.h>
#include <base/list.h>
#include <base/mem.h>
#include <base/slice.h>
#include <net/stream.h>
#include <net/tls.h>
#include <plugin/offers.h>
#include <plugin/services.h>
#include <pthread.h>
#include <trilby/services.h>

struct lent {
    struct list link;
    const char *label;                         /* whose it is */
    void (*take_back)(struct lent *);
};

static void lend(const struct trb_origin *o, struct lent *l, void (*take_back)(struct lent *))
{
    check(o->magic == ORIGIN_MAGIC && o->loop && o->loop == loop_self());
    l->take_back = take_back;
    l->label = o->instance->label;
    list_append(&((struct trb_origin *)(uintptr_t)o)->lent, &l->link);
}

void services_take_back(struct trb_origin *o)
{
    struct list *node;
    while ((node = list_take(&o->lent)))
        list_item(node, struct lent, link)->take_back(list_item(node, struct lent, link));
}

/* ------------------------------------------------------------------------------------- timers */
struct trb_timer {
    struct lent lent;
    struct timer timer;
    void (*fire)(void *);
    void *arg;
    bool fired;
};

static void timer_free(struct lent *l)
{
    struct trb_timer *t = container_of(l, struct trb_timer, lent);
    timer_end(&t->timer);
    list_remove(&l->link);
    mem_free(t);
}

static void on_timer(void *arg)
{
    struct trb_timer *t = arg;
    t->fired = true;
    const char *before = doing_enter(t->lent.label);          /* t may be gone when it returns */
    t->fire(t->arg);
    doing_leave(before);
}

static struct trb_timer *timer_start(const struct trb_origin *o, uint64_t after_ns, void (*fire)(void *),
                                     void *arg)
{
    struct trb_timer *t = mem_zero(sizeof *t);
    t->fire = fire;
    t->arg = arg;
    lend(o, &t->lent, timer_free);
    timer_after(o->loop, &t->timer, after_ns, on_timer, t);
    return t;
}

static struct trb_timer *timer_cancel(struct trb_timer *t)
{
    if (t)
        timer_free(&t->lent);
    return NULL;
}

static const struct trb_timer_service timers = {.size = sizeof timers, .start = timer_start,
                                                .cancel = timer_cancel};

/* ------------------------------------------------------------------------------------ watches */
struct trb_watch {
    struct lent lent;
    struct watch watch;
    void (*ready)(void *, uint32_t);
    void *arg;
};

static void watch_free(struct lent *l)
{
    struct trb_watch *w = container_of(l, struct trb_watch, lent);
    watch_end(&w->watch);
    list_remove(&l->link);
    mem_free(w);
}

static void on_watch(void *arg, uint32_t what)
{
    struct trb_watch *w = arg;
    const char *before = doing_enter(w->lent.label);
    w->ready(w->arg, what & (TRB_WATCH_READ | TRB_WATCH_WRITE));
    doing_leave(before);
}

_Static_assert(TRB_WATCH_READ == LOOP_READ && TRB_WATCH_WRITE == LOOP_WRITE, "one set of bits");

static struct trb_watch *watch_start(const struct trb_origin *o, int32_t fd, uint32_t want,
                                     void (*ready)(void *, uint32_t), void *arg)
{
    struct trb_watch *w = mem_zero(sizeof *w);
    w->ready = ready;
    w->arg = arg;
    lend(o, &w->lent, watch_free);
    if (!watch_set(o->loop, &w->watch, fd, want, on_watch, w, NULL))
        return w;
    watch_free(&w->lent);
    return NULL;
}

static void watch_change(struct trb_watch *w, uint32_t want)
{
    watch_want(&w->watch, want);
}

static struct trb_watch *watch_stop(struct trb_watch *w)
{
    if (w)
        watch_free(&w->lent);
    return NULL;
}

static const struct trb_watch_service watches = {.size = sizeof watches, .start = watch_start,
                                                 .change = watch_change, .end = watch_stop};

/* ------------------------------------------------------------------------------------ streams */
struct trb_stream {
    struct lent lent;
    struct stream *stream;
    struct tls_context *tls;
    struct trb_stream_events events;
    void *arg;
    char farewell[64];
    uint32_t farewell_len;
    bool is_connected;
};

static void stream_free(struct lent *l)
{
    struct trb_stream *s = container_of(l, struct trb_stream, lent);
    if (s->is_connected && s->farewell_len) {
        stream_write(s->stream, slice_from(s->farewell, s->farewell_len));
        stream_flush(s->stream);
    }
    s->stream = stream_destroy(s->stream);
    tls_context_unref(s->tls);
    list_remove(&l->link);
    mem_free(s);
}

static void on_connected(void *arg)
{
    struct trb_stream *s = arg;
    s->is_connected = true;
    const char *before = doing_enter(s->lent.label);          /* s may be gone when it returns; so below */
    s->events.connected(s->arg);
    doing_leave(before);
}

static void on_readable(void *arg)
{
    struct trb_stream *s = arg;
    const char *before = doing_enter(s->lent.label);
    s->events.readable(s->arg);
    doing_leave(before);
}

static void on_writable(void *arg)
{
    struct trb_stream *s = arg;
    const char *before = doing_enter(s->lent.label);
    if (s->events.writable)
        s->events.writable(s->arg);
    doing_leave(before);
}

static void on_closed(void *arg, const struct trb_error *err)
{
    struct trb_stream *s = arg;
    s->is_connected = false;
    const char *before = doing_enter(s->lent.label);
    s->events.closed(s->arg, err);
    doing_leave(before);
}

/* A product that half-closes has nothing more to say to us. */
static void on_eof(void *arg)
{
    struct trb_error err = {.size = sizeof err, .code = TRB_UNAVAILABLE, .retryable = 1, .item = -1,
                            .reason = "CLOSED", .message = "the server closed the connection"};
    on_closed(arg, &err);
}

static const struct stream_events stream_table = {.connected = on_connected, .readable = on_readable,
                                                  .writable = on_writable, .eof = on_eof, .closed = on_closed};

static struct trb_stream *stream_open(const struct trb_origin *o, const struct trb_stream_target *t,
                                      const struct trb_stream_events *events, void *arg)
{
    struct trb_stream *s = mem_zero(sizeof *s);
    memcpy(&s->events, events, events->size < sizeof s->events ? events->size : sizeof s->events);
    s->arg = arg;
    if (t->tls) {
        struct tls_setup setup = {.certificate_pem = t->certificate_pem, .key_pem = t->key_pem,
                                  .ca_pem = t->ca_pem, .verify_peer = t->verify};
        if (tls_context_create(&setup, &s->tls, NULL))
            return mem_free(s);
    }
    struct stream_target target = {
        .host = t->host, .port = (uint16_t)t->port, .tls = t->tls, .tls_context = s->tls,
        .server_name = t->server_name, .alpn = TRB_KNOWS(t, alpn) ? t->alpn : (struct trb_slice){0},
        .connect_timeout_ns = t->connect_timeout_ns ? t->connect_timeout_ns : 5000000000ull};
    lend(o, &s->lent, stream_free);
    s->stream = stream_connect(o->loop, &target, &stream_table, s);
    return s;
}

static struct trb_stream *stream_end(struct trb_stream *s)
{
    if (s)
        stream_free(&s->lent);
    return NULL;
}

static struct trb_slice bytes(const struct trb_stream *s)
{
    return stream_bytes(s->stream);
}

static void consume(struct trb_stream *s, size_t n)
{
    stream_consume(s->stream, n);
}

static struct trb_buf *take(struct trb_stream *s, size_t n)
{
    return stream_take(s->stream, n);
}

static void put(struct trb_stream *s, struct trb_slice from)
{
    stream_write(s->stream, from);
}

static void put_data(struct trb_stream *s, struct trb_data from)
{
    stream_write_buf(s->stream, from);
}

static char *room(struct trb_stream *s, size_t n)
{
    return stream_room(s->stream, n);
}

static void wrote(struct trb_stream *s, size_t n)
{
    stream_wrote(s->stream, n);
}

static size_t unsent(const struct trb_stream *s)
{
    return stream_unsent(s->stream);
}

static void read_on(struct trb_stream *s, uint32_t on)
{
    stream_read_on(s->stream, on);
}

static void read_limit(struct trb_stream *s, size_t n)
{
    stream_read_limit(s->stream, n);
}

static void farewell(struct trb_stream *s, struct trb_slice words)
{
    check(words.len <= sizeof s->farewell);
    if (words.len)
        memcpy(s->farewell, words.at, words.len);
    s->farewell_len = (uint32_t)words.len;
}

static const struct trb_stream_service streams = {
    .size = sizeof streams, .connect = stream_open, .destroy = stream_end, .bytes = bytes,
    .consume = consume, .take = take, .write = put, .write_data = put_data, .room = room,
    .wrote = wrote, .unsent = unsent, .read_on = read_on,
    .read_limit = read_limit, .farewell = farewell};

/* -------------------------------------------------------------------------------- once and post */
static void once_run(const char *key, void (*init)(void))
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static const char *keys[64];
    static uint32_t count;
    pthread_mutex_lock(&lock);
    for (uint32_t i = 0; i < count; i++)
        if (!strcmp(keys[i], key)) {
            pthread_mutex_unlock(&lock);
            return;
        }
    check(count < countof(keys));
    keys[count++] = mem_text(key, strlen(key));
    init();
    pthread_mutex_unlock(&lock);
}

static void post(const struct trb_origin *o, void (*run)(void *), void *arg)
{
    if (o->loop)
        loop_call(o->loop, run, arg);
    else
        run(arg);
}

static const struct trb_once_service once = {.size = sizeof once, .run = once_run};
static const struct trb_post_service posting = {.size = sizeof posting, .post = post};

const void *services_find(const char *id)
{
    static const struct {
        const char *id;
        const void *table;
    } all[] = {{TRB_TIMER, &timers}, {TRB_STREAM_SERVICE, &streams}, {TRB_WATCH, &watches},
               {TRB_ONCE, &once}, {TRB_POST, &posting}, {TRB_OFFERS, &offers_service}};
    for (size_t i = 0; i < countof(all); i++)
        if (!strcmp(all[i].id, id))
            return all[i].table;
    return NULL;
}
