/* pools: connections per loop and callee: one pool for the app, one per peer and per origin of URLs. */
#include <base/check.h>
#include <base/clock.h>
#include <base/map.h>
#include <base/mem.h>
#include <base/slice.h>
#include <base/text.h>
#include <channel/outgoing.h>
#include <net/stream.h>
#include <net/tls.h>
#include <pthread.h>
#include <stdatomic.h>

#define MAX_LOOPS 256

static struct shelf {                      /* of one loop; touched by it alone */
    struct http_pool *app;
    struct map others;                     /* "peer 10.0.0.1:5000", "https://host:443 <tls>" */
} shelves[MAX_LOOPS];

static struct channel_setup setup;
static _Atomic bool is_app_healthy = true;

const struct channel_setup *channel_setup(void)
{
    return &setup;
}

void channel_start(const struct channel_setup *s)
{
    setup = *s;
}

void channel_set_app_health(bool healthy)
{
    is_app_healthy = healthy;
}

bool channel_is_app_healthy(void)
{
    return is_app_healthy;
}

static struct shelf *shelf(void)
{
    return &shelves[loop_index(loop_self())];
}

static bool has_suffix_s(struct trb_name protocol)
{
    return protocol.len && protocol.at[protocol.len - 1] == 's';
}

/* Each loop has a pool of its own. */
static uint32_t share_of(uint32_t all)
{
    uint32_t share = all / loop_count();
    return share ? share : 1;
}

static struct http_target app_target(void)
{
    const struct trb_runtime_info *info = setup.info;
    bool grpc = slice_starts(slice_name(info->app_protocol), SLICE("grpc"));
    bool plain = slice_is(slice_name(info->app_protocol), SLICE("http")) ||
                 slice_is(slice_name(info->app_protocol), SLICE("https"));
    return (struct http_target){
        .host = slice_name(info->app_channel_address), .port = (uint16_t)info->app_port,
        .tls = has_suffix_s(info->app_protocol), .version = plain ? 1 : 2, .connect_timeout_ns = 20 * CLOCK_S,
        .max_connections = grpc ? 0 : share_of(1024), .max_idle = share_of(64), .max_streams = 100,
        .idle_timeout_ns = (grpc ? 180 : 90) * CLOCK_S, .max_head = 1 << 20, .window = 256 << 10};
}

struct http_pool *pool_for_app(void)
{
    struct shelf *s = shelf();
    struct http_target target = app_target();
    if (!s->app)
        s->app = http_pool_create(loop_self(), &target);
    return s->app;
}

static struct http_pool *find_or_make(struct trb_slice key, const struct http_target *target)
{
    struct shelf *s = shelf();
    struct http_pool *pool = map_get(&s->others, key);
    if (!pool) {
        pool = http_pool_create(loop_self(), target);
        map_set(&s->others, key, pool);
    }
    return pool;
}

/* gRPC is spoken to the app whatever its own protocol. */
struct http_pool *pool_for_app_grpc(void)
{
    struct http_target target = app_target();
    if (target.version == 2)
        return pool_for_app();
    target.version = 2;
    target.max_connections = 0;
    return find_or_make(SLICE("app by gRPC"), &target);
}

/* "host:port", "[v6]:port" */
static bool split_address(struct trb_slice address, struct trb_slice *ret_host, uint16_t *ret_port)
{
    uint64_t port;
    size_t i = address.len;
    while (i && address.at[i - 1] != ':')
        i--;
    if (!i || !slice_to_u64(slice_skip(address, i), &port) || port > 65535)
        return false;
    *ret_host = slice_cut(address, i - 1);
    if (ret_host->len > 1 && ret_host->at[0] == '[')
        *ret_host = slice_from(ret_host->at + 1, ret_host->len - 2);
    *ret_port = (uint16_t)port;
    return true;
}

struct http_pool *pool_for_peer(struct trb_slice address)
{
    struct http_target target = {
        .version = 2, .connect_timeout_ns = 5 * CLOCK_S, .max_streams = 100, .keepalive_ns = 10 * CLOCK_S,
        .keepalive_timeout_ns = 5 * CLOCK_S, .idle_timeout_ns = 180 * CLOCK_S, .max_head = 4 << 20,
        .window = 256 << 10};
    if (!split_address(address, &target.host, &target.port))
        return NULL;
    return find_or_make(address, &target);
}

static struct tls_context *roots;

/* Without one a stream would trust whoever answers. */
static void make_roots(void)
{
    struct tls_setup s = {.verify_peer = true};
    check(tls_context_create(&s, &roots, NULL) == TRB_OK);
}

static struct tls_context *system_roots(void)          /* of all loops */
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_roots);
    return roots;
}

struct http_pool *pool_for_url(struct trb_slice scheme, struct trb_slice host, uint16_t port, const void *tls)
{
    struct text key = {0};
    bool secure = slice_is(scheme, SLICE("https"));
    struct http_target target = {
        .host = host, .port = port, .tls = secure, .version = 1, .tls_context = tls, .connect_timeout_ns = 15 * CLOCK_S,
        .max_idle = 16, .idle_timeout_ns = 90 * CLOCK_S, .max_head = 1 << 20, .window = 256 << 10};
    if (secure && !tls)
        target.tls_context = system_roots();
    text_addf(&key, "%.*s://%.*s:%u %p", SLICE_ARG(scheme), SLICE_ARG(host), port, tls);
    struct http_pool *pool = find_or_make(text_slice(&key), &target);
    text_fini(&key);
    return pool;
}

/* ------------------------------------------------------------------------------------ stopping */
struct stopping {
    _Atomic uint32_t missing;
    void (*done)(void *);
    void *arg;
};

static void on_all_closed(void *arg)
{
    struct stopping *s = arg;
    s->done(s->arg);
    mem_free(s);
}

static void close_here(void *arg)
{
    struct stopping *st = arg;
    struct shelf *s = shelf();
    struct map_entry *e;
    uint32_t i = 0;
    s->app = s->app ? http_pool_destroy(s->app) : NULL;
    while ((e = map_next(&s->others, &i)))
        http_pool_destroy(e->value);
    map_fini(&s->others);
    if (atomic_fetch_sub(&st->missing, 1) == 1)
        loop_call(loop_at(0), on_all_closed, st);
}

void channel_stop(void (*done)(void *), void *arg)
{
    struct stopping *s = mem_zero(sizeof *s);
    *s = (struct stopping){.missing = loop_count(), .done = done, .arg = arg};
    for (uint32_t i = 0; i < loop_count(); i++)
        loop_call(loop_at(i), close_here, s);
}

/* ------------------------------------------------------------------------------------- probing */
struct probe {
    struct stream *stream;
    void (*then)(void *, bool);
    void *arg;
    struct job job;
    bool listens;
};

static void probe_over(void *arg)
{
    struct probe *p = arg;
    stream_destroy(p->stream);
    p->then(p->arg, p->listens);
    mem_free(p);
}

static void on_probe_connected(void *arg)
{
    struct probe *p = arg;
    p->listens = true;
    job_defer(loop_self(), &p->job, probe_over, p);
}

static void on_probe_closed(void *arg, const struct trb_error *err)
{
    struct probe *p = arg;
    job_defer(loop_self(), &p->job, probe_over, p);
}

static void on_nothing(void *arg)
{
}

static const struct stream_events probing = {.connected = on_probe_connected, .readable = on_nothing,
                                             .writable = on_nothing, .eof = on_nothing, .closed = on_probe_closed};

void channel_probe_app(void (*then)(void *, bool), void *arg)
{
    struct probe *p = mem_zero(sizeof *p);
    struct stream_target target = {.host = slice_name(setup.info->app_channel_address),
                                   .port = (uint16_t)setup.info->app_port, .tls = has_suffix_s(setup.info->app_protocol),
                                   .connect_timeout_ns = CLOCK_S / 2};
    p->then = then;
    p->arg = arg;
    p->stream = stream_connect(loop_self(), &target, &probing, p);
}
