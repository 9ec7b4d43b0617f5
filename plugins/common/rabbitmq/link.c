/* link: see link.h. The life of the connection; what it says is in greeting.c, its channels in channel.c. */
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <rabbitmq/greeting.h>
#include <rabbitmq/link_inside.h>

#define DIALING 0
#define GREETING 1
#define UP 2
#define RESTING 3

#define SECOND 1000000000ull
#define LEAST_REST_NS (SECOND / 10)
#define FLAP_NS SECOND                      /* a connection lost sooner is not dialled again at once */
#define READ_LIMIT (1u << 20)               /* frames are read whole: more than the largest */
#define UNSENT_LIMIT (4u << 20)
#define LINK_MAGIC 0x414d5150u

static void dial(struct rabbit_link *);

/* ------------------------------------------------------------------------------------- timers */
static void timer_set(struct rabbit_link *l, uint64_t after_ns, void (*fire)(void *))
{
    l->timer = l->timers->cancel(l->timer);
    l->timer = l->timers->start(l->setup.origin, after_ns, fire, l);
}

/* ------------------------------------------------------------------------------- losing it */
static void enter(struct rabbit_link *l)
{
    l->depth++;
}

static void leave(struct rabbit_link *l)
{
    if (--l->depth || !l->is_dead)
        return;
    text_fini(&l->out);
    mem_free(l->channels);
    l->magic = 0;
    mem_free(l);
}

static void hang_up(struct rabbit_link *l)
{
    l->stream = l->streams->destroy(l->stream);
    l->streams_had++;
    l->timer = l->timers->cancel(l->timer);
    l->pulse = l->timers->cancel(l->pulse);
    l->blocked = mem_free(l->blocked);
    l->holds = 0;
}

static void on_rested(void *arg)
{
    struct rabbit_link *l = checked(arg, struct rabbit_link, LINK_MAGIC);
    enter(l);
    l->timer = l->timers->cancel(l->timer);
    dial(l);
    leave(l);
}

static void rest(struct rabbit_link *l)
{
    uint64_t pause = (uint64_t)l->setup.config->reconnect_ns;
    l->state = RESTING;
    timer_set(l, pause > LEAST_REST_NS ? pause : LEAST_REST_NS, on_rested);
}

static void lose_for(struct rabbit_link *l, const struct trb_error *err)
{
    bool was_up = l->state == UP, is_flapping = was_up && l->setup.host->now_ns() - l->up_ns < FLAP_NS;
    l->fault = *err;
    l->failures += !was_up;
    enter(l);
    hang_up(l);
    if (was_up && !is_flapping)
        l->state = DIALING;
    else
        rest(l);
    rabbit_channels_lose(l, &l->fault);
    if (!l->is_dead)
        l->setup.down(l->setup.arg, &l->fault, was_up);
    if (was_up && !is_flapping && !l->is_dead)
        dial(l);
    leave(l);
}

static void lose(struct rabbit_link *l, trb_code code, const char *reason, const char *sentence)
{
    struct trb_error err = {0};
    trb_error(&err, code, reason, "rabbitmq %s: %s", l->setup.config->name, sentence);
    err.retryable = 1;
    lose_for(l, &err);
}

void rabbit_link_broken(struct rabbit_link *l, const char *sentence)
{
    lose(l, TRB_UNAVAILABLE, "PROTOCOL", sentence);
}

/* ----------------------------------------------------------------------------------- writing */
size_t rabbit_method_begin(struct rabbit_link *l, uint32_t channel, uint32_t method)
{
    text_clear(&l->out);
    size_t begun = wire_frame_begin(&l->out, WIRE_METHOD, channel);
    wire_put(&l->out, method, 4);
    return begun;
}

void rabbit_method_end(struct rabbit_link *l, size_t begun)
{
    wire_frame_end(&l->out, begun);
    l->streams->write(l->stream, text_slice(&l->out));
}

static void say(struct rabbit_link *l, uint32_t method)
{
    rabbit_method_end(l, rabbit_method_begin(l, 0, method));
}

/* -------------------------------------------------------------------------------- heartbeats */
static void on_pulse(void *arg)
{
    static const char beat[] = {8, 0, 0, 0, 0, 0, 0, WIRE_FRAME_END};
    struct rabbit_link *l = checked(arg, struct rabbit_link, LINK_MAGIC);
    l->pulse = l->timers->cancel(l->pulse);
    if (!l->holds && l->setup.host->now_ns() - l->heard_ns > 4 * l->pulse_ns) {
        lose(l, TRB_UNAVAILABLE, "TIMEOUT", "nothing was heard from it, not even a heartbeat");
        return;
    }
    l->streams->write(l->stream, slice_from(beat, sizeof beat));
    l->pulse = l->timers->start(l->setup.origin, l->pulse_ns, on_pulse, l);
}

/* ------------------------------------------------------------------- what the connection says */
trb_code rabbit_read_close(const struct rabbit_link *l, struct wire *w, struct trb_error *err, uint32_t *ret_by)
{
    uint64_t number = wire_number(w, 2);
    struct trb_slice text = slice_cut(wire_short(w), 300);
    *ret_by = (uint32_t)wire_number(w, 4);
    trb_code code = number == 403   ? TRB_DENIED
                    : number == 404 ? TRB_NOT_FOUND
                    : number == 405 ? TRB_ABORTED
                    : number == 406 ? TRB_PRECONDITION
                    : number == 311 ? TRB_EXHAUSTED
                                    : TRB_UNAVAILABLE;
    return trb_error(err, code, "RABBITMQ", "rabbitmq %s: %.*s", l->setup.config->name, SLICE_ARG(text));
}

static void on_close(struct rabbit_link *l, struct wire *w)
{
    struct trb_error err = {0};
    uint32_t by;
    rabbit_read_close(l, w, &err, &by);
    err.retryable = 1;
    say(l, CONNECTION_CLOSE_OK);
    lose_for(l, &err);
}

static void on_up(struct rabbit_link *l, uint32_t heartbeat_s)
{
    l->state = UP;
    l->failures = 0;
    l->timer = l->timers->cancel(l->timer);
    l->up_ns = l->heard_ns = l->setup.host->now_ns();
    l->pulse_ns = heartbeat_s * SECOND / 2;
    if (l->pulse_ns)
        l->pulse = l->timers->start(l->setup.origin, l->pulse_ns, on_pulse, l);
    l->setup.up(l->setup.arg);
}

static void on_blocked(struct rabbit_link *l, struct wire *w)
{
    struct trb_slice why = slice_cut(wire_short(w), 100);
    mem_free(l->blocked);
    l->blocked = mem_text(why.at, why.len);
    trb_log(l->setup.host, l->setup.origin, TRB_LOG_WARN, "rabbitmq %s takes no messages for now: %s", l->setup.config->name,
            l->blocked);
}

static void on_unblocked(struct rabbit_link *l)
{
    l->blocked = mem_free(l->blocked);
    trb_log(l->setup.host, l->setup.origin, TRB_LOG_INFO, "rabbitmq %s takes messages again", l->setup.config->name);
    if (l->setup.room)
        l->setup.room(l->setup.arg);
}

static void on_greeting(struct rabbit_link *l, uint32_t method, struct wire *w)
{
    const char *wrong = NULL;
    if (method == CONNECTION_START)
        wrong = rabbit_greet_start(l, w);
    else if (method == CONNECTION_TUNE)
        wrong = rabbit_greet_tune(l, w);
    else if (method == CONNECTION_OPEN_OK && l->channel_max)
        on_up(l, l->pulse_ns ? (uint32_t)l->pulse_ns : 0);
    else
        wrong = "the greeting has an unexpected step";
    if (wrong)
        rabbit_link_broken(l, wrong);
}

static void on_own_method(struct rabbit_link *l, struct trb_slice payload)
{
    struct wire w = wire_of(payload);
    uint32_t method = (uint32_t)wire_number(&w, 4);
    if (method == CONNECTION_CLOSE)
        on_close(l, &w);
    else if (l->state == GREETING)
        on_greeting(l, method, &w);
    else if (method == CONNECTION_BLOCKED)
        on_blocked(l, &w);
    else if (method == CONNECTION_UNBLOCKED)
        on_unblocked(l);
    else
        rabbit_link_broken(l, "a method came that nobody had asked for");
}

static void on_frame(struct rabbit_link *l, const struct wire_frame *f)
{
    if (f->kind == WIRE_HEARTBEAT)
        return;
    struct rabbit_channel *c = f->channel < l->channel_room ? l->channels[f->channel] : NULL;
    if (!f->channel && f->kind == WIRE_METHOD)
        on_own_method(l, f->payload);
    else if (c)
        rabbit_channel_take(c, f);
    else
        rabbit_link_broken(l, "a frame came for a channel that is not open");
}

static void on_readable(void *arg)
{
    struct rabbit_link *l = checked(arg, struct rabbit_link, LINK_MAGIC);
    struct trb_slice bytes = l->streams->bytes(l->stream);
    uint32_t had = l->streams_had;
    struct wire_frame f;
    size_t used = 0;
    int64_t len = 0;
    enter(l);
    l->heard_ns = l->setup.host->now_ns();
    while (l->streams_had == had && !l->holds && (len = wire_frame_read(slice_skip(bytes, used), l->frame_max, &f)) > 0) {
        used += (size_t)len;
        on_frame(l, &f);
    }
    if (l->streams_had == had)
        l->streams->consume(l->stream, used);
    if (len < 0 && l->streams_had == had)
        rabbit_link_broken(l, "what it says is not AMQP 0-9-1; is the port right, and TLS?");
    leave(l);
}

/* ------------------------------------------------------------------------------------ dialling */
static void on_silence(void *arg)
{
    struct rabbit_link *l = checked(arg, struct rabbit_link, LINK_MAGIC);
    lose(l, TRB_UNAVAILABLE, "TIMEOUT", "connected, but it did not finish its greeting in time");
}

static void on_connected(void *arg)
{
    struct rabbit_link *l = checked(arg, struct rabbit_link, LINK_MAGIC);
    l->state = GREETING;
    l->frame_max = RABBIT_FRAME_MAX;
    l->channel_max = 0;                 /* until tuned */
    l->pulse_ns = 0;
    l->streams->write(l->stream, SLICE("AMQP\0\0\x09\x01"));
    timer_set(l, (uint64_t)l->setup.config->dial_ns, on_silence);
}

static void on_writable(void *arg)
{
    struct rabbit_link *l = checked(arg, struct rabbit_link, LINK_MAGIC);
    enter(l);
    if (l->state == UP && l->setup.room)
        l->setup.room(l->setup.arg);
    leave(l);
}

static void on_closed(void *arg, const struct trb_error *err)
{
    struct rabbit_link *l = checked(arg, struct rabbit_link, LINK_MAGIC);
    lose(l, TRB_UNAVAILABLE, "CONNECTION", err ? err->message : "the connection was closed");
}

static const struct trb_stream_events stream_events = {
    .size = sizeof stream_events, .connected = on_connected, .readable = on_readable, .writable = on_writable,
    .closed = on_closed};

static void on_bad_pem(void *arg)
{
    struct rabbit_link *l = checked(arg, struct rabbit_link, LINK_MAGIC);
    lose(l, TRB_INVALID, "BAD_OPTION", "caCert, clientCert or clientKey is not PEM that can be used");
}

static void dial(struct rabbit_link *l)
{
    const struct rabbit_config *c = l->setup.config;
    struct trb_stream_target target = {
        .size = sizeof target, .host = slice_of(c->host), .port = c->port, .tls = c->tls, .verify = 1,
        .server_name = slice_of(c->server_name), .ca_pem = slice_of(c->ca_cert), .certificate_pem = slice_of(c->client_cert),
        .key_pem = slice_of(c->client_key), .connect_timeout_ns = (uint64_t)c->dial_ns};
    l->state = DIALING;
    l->stream = l->streams->connect(l->setup.origin, &target, &stream_events, l);
    if (!l->stream)
        timer_set(l, 0, on_bad_pem);
    else if (TRB_HAS(l->streams, read_limit))
        l->streams->read_limit(l->stream, READ_LIMIT);
}

/* ------------------------------------------------------------------------------ for its owner */
bool rabbit_link_is_up(const struct rabbit_link *l)
{
    return l->state == UP;
}

bool rabbit_link_has_room(const struct rabbit_link *l)
{
    return l->state == UP && !l->blocked && l->streams->unsent(l->stream) < UNSENT_LIMIT;
}

const char *rabbit_link_blocked(const struct rabbit_link *l)
{
    return l->blocked;
}

const struct trb_error *rabbit_link_fault(const struct rabbit_link *l)
{
    return &l->fault;
}

static void on_let_go(void *arg)
{
    struct rabbit_link *l = checked(arg, struct rabbit_link, LINK_MAGIC);
    l->timer = l->timers->cancel(l->timer);
    if (!l->holds)
        on_readable(l);
}

/* What has arrived already is read in a turn of its own. */
void rabbit_link_hold(struct rabbit_link *l, bool on)
{
    if (l->state != UP || (!on && !l->holds))
        return;
    l->holds += on ? 1 : -1u;
    if (l->holds == (on ? 1 : 0))
        l->streams->read_on(l->stream, !on);
    if (!l->holds) {
        l->heard_ns = l->setup.host->now_ns();
        timer_set(l, 0, on_let_go);
    }
}

struct rabbit_link *rabbit_link_create(const struct rabbit_link_setup *setup)
{
    struct rabbit_link *l = mem_zero(sizeof *l);
    l->magic = LINK_MAGIC;
    l->setup = *setup;
    l->streams = setup->host->extension(TRB_STREAM_SERVICE);
    l->timers = setup->host->extension(TRB_TIMER);
    trb_error(&l->fault, TRB_UNAVAILABLE, "CONNECTION", "rabbitmq %s: not connected yet", setup->config->name);
    dial(l);
    return l;
}

void rabbit_link_forget(struct rabbit_link *l)
{
    if (!l)
        return;
    l->stream = NULL;
    l->timer = l->pulse = NULL;
}

struct rabbit_link *rabbit_link_destroy(struct rabbit_link *l)
{
    if (!l)
        return NULL;
    struct trb_error err = {0};
    check(l->magic == LINK_MAGIC && !l->is_dead);
    trb_error(&err, TRB_UNAVAILABLE, "CLOSED", "rabbitmq %s: the connection is closing", l->setup.config->name);
    enter(l);
    l->is_dead = true;
    l->state = RESTING;
    l->fault = err;
    hang_up(l);
    rabbit_channels_lose(l, &l->fault);
    leave(l);
    return NULL;
}
