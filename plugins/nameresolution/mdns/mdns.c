/* nameresolution.mdns: apps find each other on the local network without any server: multicast DNS in
 * the form that Dapr's sidecars speak, so both find each other.
 *
 *     announce: probe ─ 0.1 s ─ probe ─ 0.1 s ─ announcement ─ 1 s ─ announcement … goodbye at stop
 *     resolve:  known ──► the next in turn
 *               else query ──► first answer, or after 1 s "couldn't find service" */
#include "browser.h"
#include "wire.h"
#include <arpa/inet.h>
#include <base/slice.h>
#include <trilby/nameresolution.h>
#include <trilby/services.h>
#include <unistd.h>

#define PROBE_GAP_NS 100000000ull
#define ANNOUNCE_GAP_NS 1000000000ull

struct mdns {
    const struct trb_host *host;
    const struct trb_origin *origin;
    const struct trb_timer_service *timers;
    const struct trb_watch_service *watches;
    struct wire wire;
    struct trb_watch *watch4, *watch6;
    struct browser browser;
    struct trb_timer *refresh, *saying;
    struct identity me;
    uint32_t said;                         /* steps of the announcement */
    bool is_announced;
    struct dns_writer writer;
    char incoming[DNS_MESSAGE];
};

/* ------------------------------------------------------------------------------------ speaking */
static uint16_t new_id(const struct mdns *m)
{
    return (uint16_t)(m->host->now_ns() / 1000 ^ (uint64_t)getpid());
}

static void ask(void *arg, const struct dns_name *service)
{
    struct mdns *m = arg;
    wire_send(&m->wire, record_query(service, new_id(m), &m->writer));
}

static void on_say_next(void *arg)
{
    struct mdns *m = arg;
    static const uint64_t gaps[] = {PROBE_GAP_NS, PROBE_GAP_NS, ANNOUNCE_GAP_NS};
    uint32_t step = m->said++;
    struct trb_slice message = step < 2 ? record_probe(&m->me, new_id(m), &m->writer)
                                        : record_announcement(&m->me, &m->writer);
    wire_send(&m->wire, message);
    m->saying = m->timers->cancel(m->saying);
    if (step < sizeof gaps / sizeof gaps[0])
        m->saying = m->timers->start(m->origin, gaps[step], on_say_next, m);
}

static void announce(void *self, struct trb_call *call, const void *question)
{
    struct mdns *m = self;
    const struct trb_name_announce *q = question;
    char host[256];
    if (gethostname(host, sizeof host))
        return trb_fail_errno(call, "host name");
    host[sizeof host - 1] = '\0';
    const char *why = identity_make(slice_name(q->app_id), host, (uint32_t)getpid(), q->address.at, (uint16_t)q->port,
                                    &m->me);
    if (why)
        return trb_fail(call, TRB_INVALID, "BAD_NAME", "cannot announce '%s' at '%s': %s", q->app_id.at, q->address.at,
                        why);
    m->is_announced = true;
    m->said = 0;
    on_say_next(m);
    trb_log(m->host, m->origin, TRB_LOG_INFO, "local service entry announced: %s -> %s:%u", q->app_id.at, q->address.at,
            q->port);
    trb_done(call);
}

static void resolve(void *self, struct trb_call *call, const void *question)
{
    struct mdns *m = self;
    const struct trb_name_resolve *q = question;
    browser_resolve(&m->browser, call, slice_name(q->app_id), m->host->now_ns());
}

/* ----------------------------------------------------------------------------------- listening */
/* A response from another port was not sent by a responder. */
static void take(struct mdns *m, const struct wire_source *source, struct trb_slice message)
{
    bool alone = false;
    if (message.len > 2 && message.at[2] & 0x80) {
        if (source->port == MDNS_PORT)
            browser_hear(&m->browser, message, m->host->now_ns());
        return;
    }
    if (!m->is_announced)
        return;
    struct trb_slice answer = record_answer(&m->me, message, &m->writer, &alone);
    if (answer.at)
        wire_answer(&m->wire, source, alone || source->port != MDNS_PORT, answer);
}

static void drain(struct mdns *m, int fd)
{
    struct wire_source source;
    struct trb_slice message;
    for (int i = 0; i < 64 && wire_receive(fd, m->incoming, sizeof m->incoming, &source, &message); i++)
        take(m, &source, message);
}

static void on_v4(void *arg, uint32_t what)
{
    struct mdns *m = arg;
    drain(m, m->wire.v4);
}

static void on_v6(void *arg, uint32_t what)
{
    struct mdns *m = arg;
    drain(m, m->wire.v6);
}

static void on_refresh(void *arg)
{
    struct mdns *m = arg;
    wire_look(&m->wire);
    browser_refresh(&m->browser, m->host->now_ns());
    m->timers->cancel(m->refresh);
    m->refresh = m->timers->start(m->origin, REFRESH_NS, on_refresh, m);
}

/* ---------------------------------------------------------------------------------------- life */
static struct trb_timer *start_timer(void *arg, uint64_t after_ns, void (*fire)(void *), void *fire_arg)
{
    struct mdns *m = arg;
    return m->timers->start(m->origin, after_ns, fire, fire_arg);
}

static void start(void *self, struct trb_call *call, const void *setup)
{
    struct mdns *m = self;
    struct trb_error err = {.size = sizeof err};
    m->host = call->host;
    m->origin = call->origin;
    m->timers = m->host->extension(TRB_TIMER);
    m->watches = m->host->extension(TRB_WATCH);
    if (!m->timers || !m->watches)
        return trb_fail(call, TRB_UNIMPLEMENTED, "OLD_HOST", "this host lends neither timers nor watches");
    browser_init(&m->browser);
    m->browser.ask = ask;
    m->browser.start = start_timer;
    m->browser.arg = m;
    if (!m->timers || !m->watches) {
        m->timers = NULL;
        trb_fail(call, TRB_PRECONDITION, "NO_SERVICE", "this host offers no " TRB_TIMER " and " TRB_WATCH ", which mdns needs");
        return;
    }
    m->browser.cancel = m->timers->cancel;
    if (wire_open(&m->wire, &err)) {
        m->host->fail(call, &err);
        return;
    }
    if (m->wire.v4 >= 0)
        m->watch4 = m->watches->start(m->origin, m->wire.v4, TRB_WATCH_READ, on_v4, m);
    if (m->wire.v6 >= 0)
        m->watch6 = m->watches->start(m->origin, m->wire.v6, TRB_WATCH_READ, on_v6, m);
    m->refresh = m->timers->start(m->origin, REFRESH_NS, on_refresh, m);
    trb_done(call);
}

/* The host has taken timers and watches back by now; the sockets are still ours to say goodbye on. */
static struct trb_timer *no_timer(struct trb_timer *t)
{
    return NULL;
}

static void stop(void *self, struct trb_call *call, const void *unused)
{
    struct mdns *m = self;
    if (m->is_announced)
        wire_send(&m->wire, record_goodbye(&m->me, &m->writer));
    m->browser.cancel = no_timer;
    if (m->browser.seen) {
        browser_fini(&m->browser);
        wire_close(&m->wire);
    }
    trb_done(call);
}

static const struct trb_nameresolution_ops ops = {.size = sizeof ops, .announce = announce, .resolve = resolve};
static const struct trb_component mdns = {
    .size = sizeof mdns, .block = "nameresolution", .type = "nameresolution.mdns", .version = "v1",
    .summary = "Apps find each other by multicast DNS, without a server.",
    .run = TRB_ON_ONE_LOOP, .self_size = sizeof(struct mdns), .option_size = sizeof(struct trb_option),
    .ops = &ops, .start = start, .stop = stop,
};
TRB_PLUGIN("mdns", "0.1.0", "Apache-2.0", &mdns);
