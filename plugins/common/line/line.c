/* line: see line.h. */
#include <base/check.h>
#include <line/line.h>
#include <stdio.h>

#define LINE_MAGIC 0x4c494e45u
#define QUICK_NS 1000000000ull          /* an attempt that failed sooner is worth being repeated for whoever asks */

static void dial(struct line *l)
{
    l->state = LINE_DIALLING;
    l->dialled_ns = l->setup.host->now_ns();
    l->setup.ops->dial(l->setup.owner);
}

/* ------------------------------------------------------------------------------------- timers */
void line_timer_stop(struct line *l)
{
    l->timer = l->timers->cancel(l->timer);
}

void line_timer(struct line *l, uint64_t after_ns, void (*fire)(void *owner))
{
    line_timer_stop(l);
    l->timer = l->timers->start(l->setup.origin, after_ns, fire, l->setup.owner);
}

static void own_timer(struct line *l, uint64_t after_ns, void (*fire)(void *))
{
    line_timer_stop(l);
    l->timer = l->timers->start(l->setup.origin, after_ns, fire, l);
}

/* ---------------------------------------------------------------------------------- losing it */
void line_leave(struct line *l)
{
    if (--l->depth || !l->is_dead)
        return;
    l->magic = 0;
    l->setup.ops->ended(l->setup.owner);
}

static void hang_up(struct line *l)
{
    l->stream = l->streams->destroy(l->stream);
    l->streams_had++;
    line_timer_stop(l);
}

static void on_rested(void *arg)
{
    struct line *l = checked(arg, struct line, LINE_MAGIC);
    line_enter(l);
    line_timer_stop(l);
    dial(l);
    line_leave(l);
}

static void on_wakeable(void *arg)
{
    struct line *l = checked(arg, struct line, LINE_MAGIC);
    l->may_wake = l->is_quick;
    own_timer(l, l->rest_ns, on_rested);
}

static void rest(struct line *l)
{
    uint64_t pause = l->setup.min_rest_ns, most = l->setup.max_rest_ns;
    for (uint32_t i = 1; i < l->failures && pause < most; i++)
        pause *= 2;
    l->state = LINE_RESTING;
    l->may_wake = false;
    l->rest_ns = (pause < most ? pause : most) - l->setup.min_rest_ns;
    own_timer(l, l->setup.min_rest_ns, l->rest_ns ? on_wakeable : on_rested);
}

void line_lose_for(struct line *l, const struct trb_error *err)
{
    bool was_up = l->state == LINE_UP, at_once = was_up && l->setup.host->now_ns() - l->up_ns >= l->setup.flap_ns;
    l->fault = *err;
    l->failures = was_up ? 0 : l->failures + 1;
    l->is_quick = err->code == TRB_UNAVAILABLE && l->setup.host->now_ns() - l->dialled_ns < QUICK_NS;
    line_enter(l);
    hang_up(l);
    if (at_once)
        l->state = LINE_DIALLING;
    else
        rest(l);
    l->setup.ops->dropped(l->setup.owner, &l->fault, was_up);
    if (at_once && !l->is_dead)
        dial(l);
    line_leave(l);
}

void line_lose(struct line *l, trb_code code, const char *reason, const char *sentence)
{
    struct trb_error err = {0};
    bool is_owed = l->state == LINE_UP && l->setup.ops->is_owed && l->setup.ops->is_owed(l->setup.owner);
    trb_error(&err, code, reason, "%s %s: %s%s", l->setup.product, l->setup.place, sentence,
              is_owed ? "; what had been asked may have been carried out" : "");
    err.retryable = 1;
    line_lose_for(l, &err);
}

/* ----------------------------------------------------------------------------------- dialling */
static void on_silence(void *arg)
{
    struct line *l = checked(arg, struct line, LINE_MAGIC);
    line_lose(l, TRB_UNAVAILABLE, "TIMEOUT", l->setup.silence);
}

static void on_connected(void *arg)
{
    struct line *l = checked(arg, struct line, LINE_MAGIC);
    l->state = LINE_GREETING;
    own_timer(l, l->setup.greeting_ns, on_silence);
    l->setup.ops->connected(l->setup.owner);
}

static void on_readable(void *arg)
{
    struct line *l = checked(arg, struct line, LINE_MAGIC);
    line_enter(l);
    l->setup.ops->readable(l->setup.owner);
    line_leave(l);
}

static void on_writable(void *arg)
{
    struct line *l = checked(arg, struct line, LINE_MAGIC);
    line_enter(l);
    if (l->setup.ops->writable)
        l->setup.ops->writable(l->setup.owner);
    line_leave(l);
}

static void on_closed(void *arg, const struct trb_error *err)
{
    struct line *l = checked(arg, struct line, LINE_MAGIC);
    line_lose(l, TRB_UNAVAILABLE, "CONNECTION", err ? err->message : "the connection was closed");
}

static const struct trb_stream_events stream_events = {
    .size = sizeof stream_events, .connected = on_connected, .readable = on_readable, .writable = on_writable,
    .closed = on_closed};

static void on_bad_target(void *arg)
{
    struct line *l = checked(arg, struct line, LINE_MAGIC);
    line_lose(l, TRB_INVALID, "BAD_OPTION", l->bad_target);
}

void line_connect(struct line *l, const struct trb_stream_target *target, const char *bad_target)
{
    l->stream = l->streams->connect(l->setup.origin, target, &stream_events, l);
    l->bad_target = bad_target;
    if (!l->stream)
        own_timer(l, 0, on_bad_target);
    else if (TRB_HAS(l->streams, read_limit))
        l->streams->read_limit(l->stream, l->setup.read_limit);
}

bool line_may_wait(struct line *l)
{
    if (l->state == LINE_RESTING && l->may_wake) {
        line_timer_stop(l);
        dial(l);
    }
    return l->state == LINE_UP || (l->state != LINE_RESTING && (!l->failures || l->is_quick));
}

void line_up(struct line *l)
{
    l->state = LINE_UP;
    l->up_ns = l->setup.host->now_ns();
    l->failures = 0;
    line_timer_stop(l);
}

/* --------------------------------------------------------------------------------------- life */
/* ------------------------------------------------------------------------------- late answers */
/* Set once and looked at when it is over, since every question would move it. */
static void on_late(void *arg)
{
    struct line *l = checked(arg, struct line, LINE_MAGIC);
    uint64_t since = l->setup.ops->waits_since(l->setup.owner), limit = l->setup.answer_ns;
    uint64_t age = l->setup.host->now_ns() - since;
    char sentence[160];
    line_timer_stop(l);
    if (since && age < limit) {
        own_timer(l, limit - age, on_late);
    } else if (since) {
        snprintf(sentence, sizeof sentence, "no answer within %llu ms (%s)", (unsigned long long)(limit / 1000000),
                 l->setup.answer_option);
        line_lose(l, TRB_UNAVAILABLE, "TIMEOUT", sentence);
    }
}

void line_watch(struct line *l)
{
    if (!l->timer && l->setup.answer_ns)
        own_timer(l, l->setup.answer_ns, on_late);
}

void line_begin(struct line *l, const struct line_setup *setup)
{
    l->magic = LINE_MAGIC;
    l->setup = *setup;
    l->streams = setup->host->extension(TRB_STREAM_SERVICE);
    l->timers = setup->host->extension(TRB_TIMER);
    trb_error(&l->fault, TRB_UNAVAILABLE, "CONNECTION", "%s %s: not connected yet", setup->product, setup->place);
    dial(l);
}

void line_forget(struct line *l)
{
    l->stream = NULL;
    l->timer = NULL;
}

void line_end(struct line *l)
{
    check(l->magic == LINE_MAGIC && !l->is_dead);
    line_enter(l);
    l->is_dead = true;
    trb_error(&l->fault, TRB_UNAVAILABLE, "CLOSED", "%s %s: the connection is closing", l->setup.product, l->setup.place);
    l->state = LINE_RESTING;
    l->may_wake = false;
    hang_up(l);
    l->setup.ops->dropped(l->setup.owner, &l->fault, false);
    line_leave(l);
}
