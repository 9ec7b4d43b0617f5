/* pubsub.jetstream: subjects of NATS JetStream. components.md 2.10
 *
 * Streams are never created here. Each subscription is a push consumer with an inbox of its own. */
#include "jetstream.h"
#include <base/clock.h>
#include <base/mem.h>
#include <base/slice.h>
#include <signal.h>

#define LOOK_NS (10 * CLOCK_S)

static const struct trb_option options[] = {
    TRB_STRING(struct bus, url, "natsURL", .required = 1, .sensitive = 1, .example = "nats://localhost:4222",
               .doc = "Servers to begin with, separated by commas; a URL may hold user:password@."),
    TRB_STRING(struct bus, jwt, "jwt", .sensitive = 1, .empty_is_absent = 1,
               .doc = "User JWT of a decentralised account; with seedKey. Comes before the other ways to sign in."),
    TRB_STRING(struct bus, seed, "seedKey", .sensitive = 1, .empty_is_absent = 1,
               .doc = "Seed of the user's key, which signs what the server asks."),
    TRB_STRING(struct bus, tls_cert, "tls_client_cert", .empty_is_absent = 1,
               .doc = "File of the client's certificate; with tls_client_key. Comes before token."),
    TRB_STRING(struct bus, tls_key, "tls_client_key", .empty_is_absent = 1, .doc = "File of the key of tls_client_cert."),
    TRB_STRING(struct bus, token, "token", .sensitive = 1, .empty_is_absent = 1, .doc = "Token to sign in with."),
    TRB_STRING(struct bus, name, "name", .fallback = "dapr.io - pubsub.jetstream",
               .doc = "Name of this connection, as the server lists it."),
    TRB_STRING(struct bus, stream, "streamName", .empty_is_absent = 1,
               .doc = "Stream to listen to; unless said, the one that takes the topic is looked up. It must exist."),
    TRB_STRING(struct bus, durable, "durableName", .empty_is_absent = 1,
               .doc = "Name of a consumer that outlives its subscriber; without it what is unacknowledged goes with the connection."),
    TRB_STRING(struct bus, queue, "queueGroupName", .empty_is_absent = 1, .doc = "Group whose members share the messages."),
    TRB_INT(struct bus, start_sequence, "startSequence", .doc = "First message of a new consumer, with deliverPolicy 'sequence'."),
    TRB_INT(struct bus, start_time, "startTime", .doc = "Time to begin at in Unix seconds, with deliverPolicy 'time'."),
    TRB_BOOL(struct bus, flow_control, "flowControl", .fallback = "false", .doc = "Let the server pace itself by us; needs heartbeat."),
    TRB_CHOICE(struct bus, deliver_policy, "deliverPolicy", .fallback = "all", .choices = "all|last|new|sequence|time",
               .doc = "Where a new consumer begins."),
    TRB_CHOICE(struct bus, ack_policy, "ackPolicy", .fallback = "explicit", .choices = "explicit|all|none",
               .doc = "How messages are acknowledged: each, each with all before it, or not at all."),
    TRB_DURATION(struct bus, ack_wait_ns, "ackWait",
                 .doc = "A message not acknowledged for so long is delivered again (the server's 30s); a failed one after exactly "
                        "this, at once when it is not said."),
    TRB_INT(struct bus, max_deliver, "maxDeliver", .doc = "At most so many deliveries of one message; unless said without end."),
    TRB_STRING(struct bus, back_off, "backOff", .empty_is_absent = 1, .example = "5s,30s,1m",
               .doc = "Pauses before the first, second, … delivery again, separated by commas."),
    TRB_INT(struct bus, max_ack_pending, "maxAckPending", .doc = "At most so many messages are unacknowledged (the server's 1000)."),
    TRB_INT(struct bus, replicas, "replicas", .max = 5, .doc = "Copies of the consumer's state in a cluster; the stream's unless said."),
    TRB_BOOL(struct bus, memory_storage, "memoryStorage", .fallback = "false", .doc = "Keep the consumer's state in memory."),
    TRB_INT(struct bus, rate_limit, "rateLimit", .doc = "Bits per second at which messages are delivered; 0: as they come."),
    TRB_DURATION(struct bus, heartbeat_ns, "heartbeat", .doc = "Have the server say something at least this often."),
    TRB_STRING(struct bus, domain, "domain", .empty_is_absent = 1, .doc = "JetStream domain, of a leaf node."),
    TRB_STRING(struct bus, prefix, "apiPrefix", .empty_is_absent = 1, .doc = "Prefix of JetStream's subjects, for imported streams."),
    TRB_CHOICE(struct bus, concurrency, "concurrency", .aliases = "concurrencyMode", .fallback = "single",
               .choices = "single|parallel", .doc = "One message of a topic at a time, in order, or many."),
};

bool bus_is_single(const struct bus *b)
{
    return !b->concurrency;
}

trb_code bus_error(struct trb_error *err, natsStatus s, jsErrCode why, const char *what)
{
    const char *last = nats_GetLastError(NULL);
    trb_code code = s == NATS_CONNECTION_AUTH_FAILED || s == NATS_NOT_PERMITTED ? TRB_UNAUTHENTICATED
                    : s == NATS_INVALID_ARG || s == NATS_INVALID_SUBJECT ? TRB_INVALID
                    : s == NATS_NOT_FOUND || why == JSStreamNotFoundErr ? TRB_NOT_FOUND
                    : s == NATS_MAX_PAYLOAD ? TRB_PRECONDITION : TRB_UNAVAILABLE;
    return trb_error(err, code, "NATS", "%s: %s%s%s", what, natsStatus_GetText(s), last && *last ? ": " : "", last ? last : "");
}

/* --------------------------------------------------------------------------------------- starting */
struct errand {                                 /* of the keeper, for a call */
    struct job job;
    struct trb_call *call;
};

static void errand(struct bus *b, struct trb_call *call, void (*run)(struct bus *, struct job *))
{
    struct errand *e = mem_zero(sizeof *e);
    *e = (struct errand){.job.run = run, .call = call};
    pthread_mutex_lock(&b->lock);
    line_push(&b->keeper, &e->job);
    pthread_mutex_unlock(&b->lock);
}

static struct trb_call *errand_call(struct job *job)
{
    struct errand *e = list_item(job, struct errand, job);
    struct trb_call *call = e->call;
    mem_free(e);
    return call;
}

static void prepare(struct bus *b)
{
    pthread_mutex_init(&b->lock, NULL);
    conditions_init(&b->changed);
    conditions_init(&b->sender.more);
    conditions_init(&b->keeper.more);
    list_init(&b->sender.jobs);
    list_init(&b->keeper.jobs);
    list_init(&b->subscriptions);
    b->keeper.every_ns = LOOK_NS;
    b->keeper.idle = consumers_look;
    b->has_lock = true;
}

static void connect_for(struct bus *b, struct job *job)
{
    struct trb_call *call = errand_call(job);
    struct trb_error err = {0};
    if (connect_now(b, &err))
        call->host->fail(call, &err);
    else
        trb_done(call);
}

/* Threads that the library makes for the whole process take no signals. */
static void open_library(void)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    nats_Open(-1);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void start(void *self, struct trb_call *call, const void *unused)
{
    struct bus *b = self;
    struct trb_error err = {0};
    const struct trb_once_service *once = call->host->extension(TRB_ONCE);
    b->host = call->host;
    b->origin = call->origin;
    b->posts = b->host->extension(TRB_POST);
    if (!once || !b->posts) {
        trb_fail(call, TRB_UNIMPLEMENTED, "NO_SERVICE", "this host lends neither once nor post, which NATS needs");
        return;
    }
    if (connect_check(b, &err)) {
        call->host->fail(call, &err);
        return;
    }
    once->run("libnats", open_library);
    prepare(b);
    if (line_start(b, &b->sender) && line_start(b, &b->keeper))
        errand(b, call, connect_for);
    else
        trb_fail(call, TRB_EXHAUSTED, "NO_THREAD", "there are no threads to be had for NATS");
}

static void ping_for(struct bus *b, struct job *job)
{
    struct trb_call *call = errand_call(job);
    struct trb_error err = {0};
    natsStatus s = natsConnection_FlushTimeout(b->nc, 2000);
    if (s)
        call->host->fail(call, (bus_error(&err, s, 0, "NATS does not answer"), &err));
    else
        trb_done(call);
}

static void ping(void *self, struct trb_call *call, const void *unused)
{
    errand(self, call, ping_for);
}

/* --------------------------------------------------------------------------------------- stopping */
static void on_closed(void *arg)
{
    struct bus *b = arg;
    line_end(&b->keeper);
    publish_end(b);
    pthread_cond_destroy(&b->changed);
    pthread_cond_destroy(&b->sender.more);
    pthread_cond_destroy(&b->keeper.more);
    pthread_mutex_destroy(&b->lock);
    b->has_lock = false;
    trb_done(b->stopping);
}

/* The sender's last acknowledgements go out before the connection goes. */
static void close_for(struct bus *b, struct job *job)
{
    errand_call(job);
    line_end(&b->sender);
    connect_end(b);
    b->posts->post(b->origin, on_closed, b);
}

static void stop(void *self, struct trb_call *call, const void *unused)
{
    struct bus *b = self;
    if (!b->has_lock) {
        trb_done(call);
        return;
    }
    pthread_mutex_lock(&b->lock);
    b->stopping = call;
    pthread_mutex_unlock(&b->lock);
    if (b->keeper.has_thread) {
        errand(b, call, close_for);
    } else {
        line_end(&b->sender);
        on_closed(b);
    }
}

static const struct trb_pubsub_ops ops = {
    .size = sizeof ops, .publish = bus_publish, .bulk_publish = bus_bulk_publish, .subscribe = bus_subscribe,
};
static const struct trb_component component = {
    .size = sizeof component, .block = "pubsub", .type = "pubsub.jetstream", .version = "v1",
    .summary = "Subjects of NATS JetStream.",
    .run = TRB_ON_ONE_LOOP, TRB_SELF(struct bus, options), .ops = &ops, .start = start, .stop = stop, .ping = ping,
    .cancel = bus_cancel, .resume = bus_resume, .settle = bus_settle,
};
/* Threads of libnats stay for the life of the process: never unmapped. */
TRB_PLUGIN_FLAGS(0, "pubsub.jetstream", "1.0.0", "Apache-2.0", &component);
