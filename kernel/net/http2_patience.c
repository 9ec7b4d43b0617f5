/* http2_patience: what a server connection does because time has passed: gRPC's keep-alive, idleness,
 * heads that do not end, and draining in two steps. One timer, looked at when it fires: traffic only
 * notes when it came. */
#include <net/http2_server.h>

#include <base/check.h>
#include <base/clock.h>
#include <base/slice.h>
#include <string.h>

#define KEEPALIVE_NS (10 * CLOCK_S)
#define KEEPALIVE_ACK_NS (5 * CLOCK_S)
#define DRAIN_ACK_NS (5 * CLOCK_S)
#define LEAVE_NS (5 * CLOCK_S)          /* for the last words to a peer that does not listen */
#define LAST_ID 0x7fffffff
#define MAX_FAREWELL 32

static const uint8_t drain_ping[8] = {1, 6, 1, 8, 0, 3, 3, 9};

/* --- draining ------------------------------------------------------------------------------- */
static void drained(struct http2_server *s)
{
    if (s->drain == HTTP2_DRAIN_LAST || !s->h.ng)
        return;
    s->drain = HTTP2_DRAIN_LAST;
    int32_t last = nghttp2_session_get_last_proc_stream_id(s->h.ng);
    nghttp2_submit_goaway(s->h.ng, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0);
    http2_drain_later(&s->h);
}

/* An idle connection, too: a request may be on its way. */
void http2_server_drain(struct http2_server *s, const char *farewell)
{
    if (s->drain != HTTP2_DRAIN_NONE || s->h.is_ending)
        return;
    s->farewell = farewell;
    s->drain = HTTP2_DRAIN_WANTED;
    http2_drain_later(&s->h);
}

bool http2_server_pong(struct http2_server *s, const uint8_t data[8])
{
    if (s->drain != HTTP2_DRAIN_NOTICED || memcmp(data, drain_ping, 8))
        return false;
    drained(s);
    return true;
}

/* By hand: nghttp2 would take no stream after a GOAWAY of its own, and those under way are welcome. */
void http2_server_notice(struct http2_server *s)
{
    struct trb_slice text = slice_of(s->farewell);
    char frame[9 + 8 + MAX_FAREWELL] = {0, 0, (char)(8 + text.len), NGHTTP2_GOAWAY};
    uint8_t last[4] = {LAST_ID >> 24, 0xff, 0xff, 0xff};
    check(text.len <= MAX_FAREWELL);
    memcpy(frame + 9, last, sizeof last);
    memcpy(frame + 17, text.at, text.len);
    stream_write(s->h.stream, slice_from(frame, 17 + text.len));
    nghttp2_submit_ping(s->h.ng, NGHTTP2_FLAG_NONE, drain_ping);
    s->drain = HTTP2_DRAIN_NOTICED;
    s->drain_due_ns = loop_now_ns(s->h.loop) + DRAIN_ACK_NS;
    http2_drain_later(&s->h);
}

/* --- the peer's pings ----------------------------------------------------------------------- */
void http2_server_ping(struct http2_server *s)
{
    if (http2_setup(s)->grpc_keepalive && !http2_guard_ping(&s->h.guard, loop_now_ns(s->h.loop)))
        http2_end(&s->h, NGHTTP2_ENHANCE_YOUR_CALM, "too_many_pings");
}

/* --- the timer ------------------------------------------------------------------------------ */
static uint64_t idle_due(const struct http2_server *s)
{
    uint64_t timeout = http2_setup(s)->idle_timeout_ns;
    if (!timeout || s->drain != HTTP2_DRAIN_NONE || !http2_server_is_idle(s))
        return UINT64_MAX;
    uint64_t from = s->idle_from_ns > s->h.read_ns ? s->idle_from_ns : s->h.read_ns;
    return (http2_setup(s)->grpc_keepalive ? s->idle_from_ns : from) + timeout;
}

static uint64_t head_due(const struct http2_server *s)
{
    bool is_owed = s->open_head || !s->has_settings;
    return is_owed && http2_setup(s)->head_timeout_ns ? s->head_due_ns : UINT64_MAX;
}

static uint64_t alive_due(const struct http2_server *s)
{
    if (!http2_setup(s)->grpc_keepalive)
        return UINT64_MAX;
    return s->ack_due_ns ? s->ack_due_ns : s->h.read_ns + KEEPALIVE_NS;
}

static uint64_t drain_due(const struct http2_server *s)
{
    return s->drain == HTTP2_DRAIN_NOTICED ? s->drain_due_ns : UINT64_MAX;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void ask_if_alive(struct http2_server *s, uint64_t now)
{
    if (s->ack_due_ns) {
        connection_cut(s->c);
        return;
    }
    nghttp2_submit_ping(s->h.ng, NGHTTP2_FLAG_NONE, NULL);
    s->ack_due_ns = now + KEEPALIVE_ACK_NS;
    http2_drain_later(&s->h);
}

static void on_time(void *arg)
{
    struct connection *c = checked(arg, struct connection, CONNECTION_MAGIC);
    struct http2_server *s = c->state;
    uint64_t now = loop_now_ns(s->h.loop);
    if (s->is_left || head_due(s) <= now)
        connection_cut(c);
    else if (drain_due(s) <= now)
        drained(s);
    else if (idle_due(s) <= now)
        http2_server_drain(s, "idle");
    else if (alive_due(s) <= now)
        ask_if_alive(s, now);
    http2_server_wait(s);
}

/* A timer that fires too early costs a look; moving it with all traffic would cost more. */
void http2_server_wait(struct http2_server *s)
{
    if (s->is_closed || s->is_left || s->c->is_cut)
        return;
    uint64_t due = least(least(idle_due(s), head_due(s)), least(alive_due(s), drain_due(s)));
    struct timer *t = &s->c->timer;
    if (due != UINT64_MAX && (!timer_is_armed(t) || t->due_ns > due))
        timer_set(s->h.loop, t, due, on_time, s->c);
}

void http2_server_wait_to_leave(struct http2_server *s)
{
    timer_after(s->h.loop, &s->c->timer, LEAVE_NS, on_time, s->c);
}
