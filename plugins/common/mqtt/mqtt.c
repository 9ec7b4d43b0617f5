/* mqtt: the connection: dialling, greeting, keeping alive, losing. */
#include "inside.h"
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>

#define KEEP_ALIVE_S 30u
#define PING_IDLE_NS (20000 * MQTT_MS)          /* nothing sent for so long: a ping */
#define PING_SILENCE_NS (5000 * MQTT_MS)        /* something is owed to us and nothing came for so long: a ping */
#define PING_PATIENCE_NS (10000 * MQTT_MS)
#define CONNECT_NS (5000 * MQTT_MS)
#define MIN_REST_NS (100 * MQTT_MS)
#define MAX_REST_NS (5000 * MQTT_MS)
#define TICK_NS (200 * MQTT_MS)                 /* while something has a limit */
#define IDLE_TICK_NS (5000 * MQTT_MS)
#define ID_ROOM 65000u                          /* for an id with something behind it */
#define CODE_ID 2u                              /* of CONNACK: the id is refused */
#define CODE_NOT_AUTHORIZED 5u
#define SHORT_LIFE_NS (5000 * MQTT_MS)
#define READ_LIMIT (MQTT_MAX_REMAINING + 5u)

static void on_tick(void *);

/* ------------------------------------------------------------------------------------- timers */
void mqtt_timer_set(struct mqtt *m, uint64_t after_ns, void (*fire)(void *))
{
    m->timer = m->timers->cancel(m->timer);
    m->timer = m->timers->start(m->setup.origin, after_ns, fire, m);
}

static void tick_set(struct mqtt *m, uint64_t after_ns)
{
    m->tick = m->timers->cancel(m->tick);
    m->tick = m->timers->start(m->setup.origin, after_ns, on_tick, m);
}

void mqtt_enter(struct mqtt *m)
{
    m->depth++;
}

void mqtt_leave(struct mqtt *m)
{
    if (--m->depth || !m->is_dead)
        return;
    m->magic = 0;
    mem_free(m);
}

/* ------------------------------------------------------------------------------------ packet ids */
uint32_t mqtt_id_take(struct mqtt *m)
{
    for (uint32_t tries = 0; tries < 65535; tries++) {
        if (++m->last_id && !mqtt_bit(m->ids, m->last_id)) {
            mqtt_bit_set(m->ids, m->last_id, true);
            return m->last_id;
        }
    }
    return 0;
}

void mqtt_id_give(struct mqtt *m, uint32_t id)
{
    mqtt_bit_set(m->ids, id, false);
}

/* ----------------------------------------------------------------------------------- losing it */
static void on_rested(void *arg)
{
    struct mqtt *m = checked(arg, struct mqtt, MQTT_MAGIC);
    mqtt_enter(m);
    m->timer = m->timers->cancel(m->timer);
    mqtt_dial(m);
    mqtt_leave(m);
}

/* One that is put out again and again as soon as it is in: perhaps by another of the same name. */
static void count_short_life(struct mqtt *m)
{
    bool is_short = m->setup.host->now_ns() - m->up_ns < SHORT_LIFE_NS;
    m->short_lives = is_short ? m->short_lives + 1 : 0;
    m->failures = m->short_lives;
    if (m->short_lives == 3)
        trb_log(m->setup.host, m->setup.origin, TRB_LOG_WARN,
                "the broker ends the connection again and again: is another client there with the id '%.*s' (consumerID)?",
                SLICE_ARG(m->setup.client_id));
}

static void rest(struct mqtt *m)
{
    uint64_t pause = MIN_REST_NS;
    for (uint32_t i = 1; i < m->failures && pause < MAX_REST_NS; i++)
        pause *= 2;
    m->state = MQTT_RESTING;
    mqtt_timer_set(m, !m->failures ? 0 : pause < MAX_REST_NS ? pause : MAX_REST_NS, on_rested);
}

static void tell_start(struct mqtt *m, const struct trb_error *err)
{
    struct trb_call *call = m->starting;
    m->starting = NULL;
    if (call && err)
        call->host->fail(call, err);
    else if (call)
        trb_done(call);
}

void mqtt_drop_stream(struct mqtt *m)
{
    m->stream = m->streams->destroy(m->stream);
    m->streams_had++;
    m->renewal = m->timers->cancel(m->renewal);
    m->is_owing = false;
    m->again = m->timers->cancel(m->again);
    m->is_paused = false;
    m->pinged_ns = 0;
}

/* Whoever has a message or waits for a confirmation goes on with the next connection. */
void mqtt_tell_down(struct mqtt *m, const struct trb_error *err)
{
    incoming_down(m);
    incoming_again(m);
    outgoing_down(m, err);
    listeners_down(m);
}

static void hang_up(struct mqtt *m, const struct trb_error *err)
{
    bool was_up = m->state == MQTT_UP;
    mqtt_drop_stream(m);
    rest(m);
    if (was_up)
        mqtt_tell_down(m, err);
}

void mqtt_lose(struct mqtt *m, trb_code code, const char *reason, const char *sentence)
{
    struct trb_error err = {0};
    bool is_starting = m->starting;
    trb_error(&err, code, reason, "MQTT broker %s:%u: %s", m->setup.config->host, m->setup.config->port, sentence);
    err.retryable = 1;
    m->fault = err;
    mqtt_enter(m);
    if (m->state == MQTT_UP)
        count_short_life(m);
    else
        m->failures++;
    hang_up(m, &err);
    tell_start(m, &err);
    if (!m->is_lost && !is_starting) {
        m->is_lost = true;
        m->setup.host->lost(m->setup.origin, &err);
    }
    mqtt_leave(m);
}

/* What was refused is kept unacknowledged and handled again. What there was no room for MQTT sends again only to another
 * connection of the same session. */
static void on_renewal(void *arg)
{
    struct mqtt *m = checked(arg, struct mqtt, MQTT_MAGIC);
    struct trb_error err = {0};
    m->renewal = m->timers->cancel(m->renewal);
    incoming_again(m);
    if (m->state != MQTT_UP || !m->is_owing || m->setup.config->clean_session)
        return;
    trb_error(&err, TRB_UNAVAILABLE, "RENEWED", "the connection was renewed");
    m->failures = 0;
    hang_up(m, &err);
}

void mqtt_renew_later(struct mqtt *m)
{
    if (!m->renewal && m->state == MQTT_UP)
        m->renewal = m->timers->start(m->setup.origin, m->setup.redeliver_ns, on_renewal, m);
}

/* ----------------------------------------------------------------------------------- sending */
void mqtt_send(struct mqtt *m, struct trb_slice packet)
{
    m->sent_ns = m->setup.host->now_ns();
    m->streams->write(m->stream, packet);
}

void mqtt_send_short(struct mqtt *m, uint32_t kind, uint32_t id)
{
    char bytes[MQTT_SHORT];
    mqtt_send(m, slice_from(bytes, mqtt_write_short(bytes, kind, id)));
}

/* ---------------------------------------------------------------------------------- keeping alive */
static void ping_if_due(struct mqtt *m, uint64_t now)
{
    if (m->pinged_ns) {
        if (m->heard_ns >= m->pinged_ns)
            m->pinged_ns = 0;
        else if (now - m->pinged_ns > PING_PATIENCE_NS && !m->is_paused)
            mqtt_lose(m, TRB_UNAVAILABLE, "TIMEOUT", "no sign of life within 10 s of a ping");
        return;
    }
    bool is_silent = m->flying_count && now - m->heard_ns >= PING_SILENCE_NS;
    if (!is_silent && now - m->sent_ns < PING_IDLE_NS)
        return;
    m->pinged_ns = now;
    mqtt_send_short(m, MQTT_PINGREQ, 0);
}

static void on_tick(void *arg)
{
    struct mqtt *m = checked(arg, struct mqtt, MQTT_MAGIC);
    uint64_t now = m->setup.host->now_ns();
    mqtt_enter(m);
    m->tick = m->timers->cancel(m->tick);
    bool is_busy = outgoing_tick(m, now);
    is_busy = listeners_tick(m, now) || is_busy;
    if (!m->is_dead && m->state == MQTT_UP)
        ping_if_due(m, now);
    if (!m->is_dead)
        tick_set(m, is_busy ? TICK_NS : IDLE_TICK_NS);
    mqtt_leave(m);
}

void mqtt_tick_now(struct mqtt *m)
{
    if (m->flying_count + m->waiting_count <= 1)
        tick_set(m, TICK_NS);
}

/* ----------------------------------------------------------------------------------- greeting */
static void on_silence(void *arg)
{
    struct mqtt *m = checked(arg, struct mqtt, MQTT_MAGIC);
    mqtt_lose(m, TRB_UNAVAILABLE, "TIMEOUT", "connected, but no answer to CONNECT within 5 s");
}

static void on_connected(void *arg)
{
    struct mqtt *m = checked(arg, struct mqtt, MQTT_MAGIC);
    const struct mqtt_config *c = m->setup.config;
    struct text packet = {0}, id = {0};
    text_addf(&id, "%.*s%s", SLICE_ARG(m->setup.client_id), m->is_trying ? "-next" : "");
    struct mqtt_connect hello = {.client_id = text_slice(&id), .user = slice_of(c->user), .password = slice_of(c->password),
                                 .keep_alive_s = KEEP_ALIVE_S, .is_clean = c->clean_session || m->is_trying};
    m->state = MQTT_GREETING;
    mqtt_add_connect(&packet, &hello);
    text_fini(&id);
    mqtt_send(m, text_slice(&packet));
    mem_wipe(packet.at, packet.len);
    text_fini(&packet);
    mqtt_timer_set(m, CONNECT_NS, on_silence);
}

static void refused(struct mqtt *m, uint32_t code)
{
    static const struct {
        trb_code code;
        const char *sentence;
    } words[] = {{TRB_UNIMPLEMENTED, "refuses MQTT 3.1.1"}, {TRB_INVALID, "refuses the client id (consumerID)"},
                 {TRB_UNAVAILABLE, "says that it is not available"}, {TRB_UNAUTHENTICATED, "refuses the user or the password"},
                 {TRB_DENIED, "says that this client is not authorized"}};
    if (code <= sizeof words / sizeof words[0])
        mqtt_lose(m, words[code - 1].code, "REFUSED", words[code - 1].sentence);
    else
        mqtt_lose(m, TRB_UNAVAILABLE, "REFUSED", "refuses the connection with an unknown code");
}

/* A broker may know by name who may come in, and say so or just hang up: then there is no other way to see whether it takes us. */
static bool tries_by_name(struct mqtt *m, uint32_t code)
{
    if (!m->is_trying || (code != CODE_ID && code != CODE_NOT_AUTHORIZED))
        return false;
    m->is_trying = false;
    mqtt_drop_stream(m);
    mqtt_dial(m);
    return true;
}

static void set_farewell(struct mqtt *m)
{
    char goodbye[MQTT_SHORT];
    if (TRB_HAS(m->streams, farewell))
        m->streams->farewell(m->stream, slice_from(goodbye, mqtt_write_short(goodbye, MQTT_DISCONNECT, 0)));
}

static void on_connack(struct mqtt *m, const struct mqtt_packet *p)
{
    if (p->code && tries_by_name(m, p->code))
        return;
    if (p->code) {
        refused(m, p->code);
        return;
    }
    m->timer = m->timers->cancel(m->timer);
    set_farewell(m);
    if (m->is_trying) {
        m->is_trying = false;
        mqtt_drop_stream(m);
        m->state = MQTT_ASIDE;
        tell_start(m, NULL);
        return;
    }
    m->state = MQTT_UP;
    m->failures = 0;
    m->up_ns = m->setup.host->now_ns();
    tick_set(m, TICK_NS);
    incoming_up(m, p->has_session);
    listeners_up(m);
    outgoing_up(m, p->has_session);
    tell_start(m, NULL);
    if (m->is_lost) {
        m->is_lost = false;
        m->setup.host->ready(m->setup.origin);
    }
}

/* ------------------------------------------------------------------------------------ reading */
static bool is_expected(const struct mqtt *m, uint32_t kind)
{
    return (kind == MQTT_CONNACK) == (m->state == MQTT_GREETING);
}

/* Consumes the packet; its slices end with that. */
static void on_packet(struct mqtt *m, const struct mqtt_packet *p, size_t len)
{
    uint32_t had = m->streams_had;
    switch (p->kind) {
    case MQTT_PUBLISH:
        incoming_take(m, p, len);
        return;
    case MQTT_CONNACK:
        on_connack(m, p);
        break;
    case MQTT_PUBREL:
        incoming_release(m, p->id);
        break;
    case MQTT_SUBACK:
        listeners_granted(m, p);
        break;
    case MQTT_UNSUBACK:
        listeners_left(m, p->id);
        break;
    case MQTT_PINGRESP:
        break;
    default:
        outgoing_confirm(m, p);
    }
    if (m->streams_had == had)
        m->streams->consume(m->stream, len);
}

static void read_packets(struct mqtt *m)
{
    uint32_t had = m->streams_had;
    struct mqtt_packet p;
    int64_t len = MQTT_MORE;
    mqtt_enter(m);
    while (m->streams_had == had && !m->is_paused && (len = mqtt_read(m->streams->bytes(m->stream), &p)) > 0) {
        if (is_expected(m, p.kind))
            on_packet(m, &p, (size_t)len);
        else
            mqtt_lose(m, TRB_UNAVAILABLE, "PROTOCOL", "a packet came out of turn");
    }
    if (m->streams_had == had && len == MQTT_BROKEN)
        mqtt_lose(m, TRB_UNAVAILABLE, "PROTOCOL", "what comes is not MQTT 3.1.1; is the port right, and the scheme?");
    mqtt_leave(m);
}

static void on_readable(void *arg)
{
    struct mqtt *m = checked(arg, struct mqtt, MQTT_MAGIC);
    m->heard_ns = m->setup.host->now_ns();
    if (m->state == MQTT_LEAVING)
        m->streams->consume(m->stream, m->streams->bytes(m->stream).len);
    else
        read_packets(m);
}

static void on_again(void *arg)
{
    struct mqtt *m = checked(arg, struct mqtt, MQTT_MAGIC);
    m->again = m->timers->cancel(m->again);
    read_packets(m);
}

void mqtt_read_again(struct mqtt *m)
{
    if (!m->again)
        m->again = m->timers->start(m->setup.origin, 0, on_again, m);
}

static void on_writable(void *arg)
{
    struct mqtt *m = checked(arg, struct mqtt, MQTT_MAGIC);
    mqtt_enter(m);
    outgoing_pump(m);
    mqtt_leave(m);
}

static void on_closed(void *arg, const struct trb_error *err)
{
    struct mqtt *m = checked(arg, struct mqtt, MQTT_MAGIC);
    if (m->state == MQTT_LEAVING)
        mqtt_be_aside(m);
    else if (m->state != MQTT_GREETING || !tries_by_name(m, CODE_NOT_AUTHORIZED))
        mqtt_lose(m, TRB_UNAVAILABLE, "CONNECTION", err ? err->message : "the connection was closed");
}

static const struct trb_stream_events stream_events = {.size = sizeof stream_events, .connected = on_connected,
                                                       .readable = on_readable, .writable = on_writable, .closed = on_closed};

static void on_bad_pem(void *arg)
{
    struct mqtt *m = checked(arg, struct mqtt, MQTT_MAGIC);
    mqtt_lose(m, TRB_INVALID, "BAD_OPTION", "caCert, clientCert or clientKey is not PEM that can be used");
}

void mqtt_dial(struct mqtt *m)
{
    const struct mqtt_config *c = m->setup.config;
    struct trb_stream_target target = {
        .size = sizeof target, .host = slice_of(c->host), .port = c->port, .tls = c->tls, .verify = 1,
        .server_name = slice_of(c->tls ? c->host : NULL), .connect_timeout_ns = CONNECT_NS};
    if (c->tls) {
        target.ca_pem = slice_of(c->ca_cert);
        target.certificate_pem = slice_of(c->client_cert);
        target.key_pem = slice_of(c->client_key);
    }
    m->state = MQTT_DIALING;
    m->stream = m->streams->connect(m->setup.origin, &target, &stream_events, m);
    if (!m->stream)
        mqtt_timer_set(m, 0, on_bad_pem);
    else if (TRB_HAS(m->streams, read_limit))
        m->streams->read_limit(m->stream, READ_LIMIT);
}

/* ------------------------------------------------------------------------------- start and stop */
void mqtt_start(const struct mqtt_setup *setup, struct mqtt **place, struct trb_call *start)
{
    const struct trb_stream_service *streams = setup->host->extension(TRB_STREAM_SERVICE);
    const struct trb_timer_service *timers = setup->host->extension(TRB_TIMER);
    if (start && (!streams || !timers)) {
        trb_fail(start, TRB_UNIMPLEMENTED, "NO_SERVICE", "this host lends neither streams nor timers, which MQTT needs");
        return;
    }
    struct mqtt *m = mem_zero(sizeof *m);
    m->magic = MQTT_MAGIC;
    m->setup = *setup;
    m->streams = streams;
    m->timers = timers;
    m->starting = start;
    m->is_trying = setup->is_successor && setup->client_id.len < ID_ROOM;
    list_init(&m->waiting);
    list_init(&m->flying);
    list_init(&m->owed);
    list_init(&m->parked);
    list_init(&m->refused);
    list_init(&m->listeners);
    *place = m;
    mqtt_dial(m);
}

struct mqtt *mqtt_stop(struct mqtt *m)
{
    struct trb_error err = {0};
    if (!m)
        return NULL;
    check(m->magic == MQTT_MAGIC && !m->is_dead);
    trb_error(&err, TRB_UNAVAILABLE, "CLOSED", "the component is closed");
    mqtt_enter(m);
    m->is_dead = true;
    m->state = MQTT_RESTING;
    m->stream = NULL;
    m->timer = m->tick = m->renewal = m->again = NULL;
    m->streams_had++;
    tell_start(m, &err);
    outgoing_end(m, &err);
    incoming_end(m);
    mqtt_leave(m);
    return NULL;
}

void mqtt_ping(struct mqtt *m, struct trb_call *call)
{
    if (m->state == MQTT_UP || m->state >= MQTT_LEAVING)
        trb_done(call);
    else if (m->fault.code)
        call->host->fail(call, &m->fault);
    else
        trb_fail(call, TRB_UNAVAILABLE, "CONNECTION", "there is no connection to the broker yet");
}
