/* link: see link.h. The life of the connection; what it says is in greeting.c, its channels in channel.c. */
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <rabbitmq/greeting.h>
#include <rabbitmq/link_inside.h>

#define SECOND 1000000000ull
#define LEAST_REST_NS (SECOND / 10)
#define FLAP_NS SECOND                      /* a connection lost sooner is not dialled again at once */
#define READ_LIMIT (1u << 20)               /* frames are read whole: more than the largest */
#define UNSENT_LIMIT (4u << 20)

/* ------------------------------------------------------------------------------- losing it */
static void on_dropped(void *self, const struct trb_error *err, bool was_up)
{
    struct rabbit_link *l = self;
    struct trb_error why = *err;
    l->pulse = l->line.timers->cancel(l->pulse);
    l->blocked = mem_free(l->blocked);
    l->holds = 0;
    rabbit_channels_lose(l, &why);
    if (!l->line.is_dead)
        l->setup.down(l->setup.arg, &why, was_up);
}

static void on_ended(void *self)
{
    struct rabbit_link *l = self;
    text_fini(&l->out);
    mem_free(l->channels);
    mem_free(l);
}

static void lose(struct rabbit_link *l, const char *reason, const char *sentence)
{
    line_lose(&l->line, TRB_UNAVAILABLE, reason, sentence);
}

void rabbit_link_broken(struct rabbit_link *l, const char *sentence)
{
    lose(l, "PROTOCOL", sentence);
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
    l->line.streams->write(l->line.stream, text_slice(&l->out));
}

static void say(struct rabbit_link *l, uint32_t method)
{
    rabbit_method_end(l, rabbit_method_begin(l, 0, method));
}

/* -------------------------------------------------------------------------------- heartbeats */
static void on_pulse(void *arg)
{
    static const char beat[] = {8, 0, 0, 0, 0, 0, 0, WIRE_FRAME_END};
    struct rabbit_link *l = arg;
    l->pulse = l->line.timers->cancel(l->pulse);
    if (!l->holds && l->setup.host->now_ns() - l->heard_ns > 4 * l->pulse_ns) {
        lose(l, "TIMEOUT", "nothing was heard from it, not even a heartbeat");
        return;
    }
    l->line.streams->write(l->line.stream, slice_from(beat, sizeof beat));
    l->pulse = l->line.timers->start(l->setup.origin, l->pulse_ns, on_pulse, l);
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
    line_lose_for(&l->line, &err);
}

static void on_up(struct rabbit_link *l, uint32_t heartbeat_s)
{
    line_up(&l->line);
    l->heard_ns = l->line.up_ns;
    l->pulse_ns = heartbeat_s * SECOND / 2;
    if (l->pulse_ns)
        l->pulse = l->line.timers->start(l->setup.origin, l->pulse_ns, on_pulse, l);
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
    else if (l->line.state == LINE_GREETING)
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

static void on_readable(void *self)
{
    struct rabbit_link *l = self;
    struct trb_slice bytes = l->line.streams->bytes(l->line.stream);
    uint32_t had = l->line.streams_had;
    struct wire_frame f;
    size_t used = 0;
    int64_t len = 0;
    l->heard_ns = l->setup.host->now_ns();
    while (l->line.streams_had == had && !l->holds && (len = wire_frame_read(slice_skip(bytes, used), l->frame_max, &f)) > 0) {
        used += (size_t)len;
        on_frame(l, &f);
    }
    if (l->line.streams_had == had)
        l->line.streams->consume(l->line.stream, used);
    if (len < 0 && l->line.streams_had == had)
        rabbit_link_broken(l, "what it says is not AMQP 0-9-1; is the port right, and TLS?");
}

/* ------------------------------------------------------------------------------------ dialling */
static void greet(void *self)
{
    struct rabbit_link *l = self;
    l->frame_max = RABBIT_FRAME_MAX;
    l->channel_max = 0;                 /* until tuned */
    l->pulse_ns = 0;
    l->line.streams->write(l->line.stream, SLICE("AMQP\0\0\x09\x01"));
}

static void on_writable(void *self)
{
    struct rabbit_link *l = self;
    if (l->line.state == LINE_UP && l->setup.room)
        l->setup.room(l->setup.arg);
}

static void dial(void *self)
{
    struct rabbit_link *l = self;
    const struct rabbit_config *c = l->setup.config;
    struct trb_stream_target target = {
        .size = sizeof target, .host = slice_of(c->host), .port = c->port, .tls = c->tls, .verify = 1,
        .server_name = slice_of(c->server_name), .ca_pem = slice_of(c->ca_cert), .certificate_pem = slice_of(c->client_cert),
        .key_pem = slice_of(c->client_key), .connect_timeout_ns = (uint64_t)c->dial_ns};
    line_connect(&l->line, &target, "caCert, clientCert or clientKey is not PEM that can be used");
}

/* ------------------------------------------------------------------------------ for its owner */
bool rabbit_link_is_up(const struct rabbit_link *l)
{
    return l->line.state == LINE_UP;
}

bool rabbit_link_has_room(const struct rabbit_link *l)
{
    return l->line.state == LINE_UP && !l->blocked && l->line.streams->unsent(l->line.stream) < UNSENT_LIMIT;
}

const char *rabbit_link_blocked(const struct rabbit_link *l)
{
    return l->blocked;
}

const struct trb_error *rabbit_link_fault(const struct rabbit_link *l)
{
    return &l->line.fault;
}

static void on_let_go(void *self)
{
    struct rabbit_link *l = self;
    line_enter(&l->line);
    line_timer_stop(&l->line);
    if (!l->holds)
        on_readable(l);
    line_leave(&l->line);
}

/* What has arrived already is read in a turn of its own. */
void rabbit_link_hold(struct rabbit_link *l, bool on)
{
    if (l->line.state != LINE_UP || (!on && !l->holds))
        return;
    l->holds += on ? 1 : -1u;
    if (l->holds == (on ? 1 : 0))
        l->line.streams->read_on(l->line.stream, !on);
    if (!l->holds) {
        l->heard_ns = l->setup.host->now_ns();
        line_timer(&l->line, 0, on_let_go);
    }
}

struct rabbit_link *rabbit_link_create(const struct rabbit_link_setup *setup)
{
    static const struct line_ops ops = {.dial = dial, .connected = greet, .readable = on_readable, .writable = on_writable,
                                        .dropped = on_dropped, .ended = on_ended};
    const struct rabbit_config *c = setup->config;
    uint64_t pause = (uint64_t)c->reconnect_ns > LEAST_REST_NS ? (uint64_t)c->reconnect_ns : LEAST_REST_NS;
    struct rabbit_link *l = mem_zero(sizeof *l);
    l->setup = *setup;
    line_begin(&l->line, &(struct line_setup){
        .host = setup->host, .origin = setup->origin, .ops = &ops, .owner = l, .product = "rabbitmq", .place = c->name,
        .read_limit = READ_LIMIT, .greeting_ns = (uint64_t)c->dial_ns,
        .silence = "connected, but it did not finish its greeting in time", .min_rest_ns = pause, .max_rest_ns = pause,
        .flap_ns = FLAP_NS});
    return l;
}

void rabbit_link_forget(struct rabbit_link *l)
{
    if (!l)
        return;
    line_forget(&l->line);
    l->pulse = NULL;
}

struct rabbit_link *rabbit_link_destroy(struct rabbit_link *l)
{
    if (l)
        line_end(&l->line);
    return NULL;
}
