/* house: the process of an isolated component: started, watched, started again, stopped. */
#include <base/clock.h>
#include <base/error.h>
#include <base/log.h>
#include <base/mem.h>
#include <base/slice.h>
#include <isolate/dial.h>
#include <isolate/house.h>
#include <isolate/reaper.h>
#include <net/stream.h>
#include <plugin/call.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define SCOPE "dapr.runtime"
#define GRACE_NS (200 * CLOCK_MS)          /* the host's own limit of a start comes first */
#define STOP_NS (5 * CLOCK_S)
#define PAUSE_NS (50 * CLOCK_MS)           /* after the second end in a row; doubled up to … */
#define PAUSE_MOST_NS (10 * CLOCK_S)
#define LOOK_NS CLOCK_S
#define MOTIONLESS 5u                      /* looks without an answer to a ping */
#define OVER_MOST 10u                      /* looks with more than its share of a CPU */

static void spawn(struct house *h);
static void ended(struct house *h, const char *why);

static struct trb_origin *origin(struct house *h)
{
    return &h->instance->origins[0];
}

static const char *name(const struct house *h)
{
    return h->instance->name;
}

/* ---------------------------------------------------------------------------------------- tokens */
/* Those of start, or of stop, are answered together. */
static void answer_tokens(struct house *h, const struct trb_error *or_null)
{
    for (uint32_t i = 0; i < h->loops; i++) {
        struct trb_call *token = h->tokens[i];
        struct trb_error err = or_null ? *or_null : (struct trb_error)ERROR_INIT;
        h->tokens[i] = NULL;
        if (token && or_null)
            token->host->fail(token, &err);
        else if (token)
            token->host->done(token, NULL, 0);
    }
    h->token_count = 0;
}

static uint64_t answers(const struct house *h)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < h->loops; i++)
        sum += atomic_load_explicit(&h->proxies[i].answers, memory_order_relaxed);
    return sum;
}

/* ------------------------------------------------------------------------------------- watchdog */
static void distrust(struct house *h, const char *why)
{
    ended(h, why);
}

static bool uses_too_much(struct house *h)
{
    uint64_t now = clock_now_ns(), used = reaper_cpu_ns(h->reaper);
    uint64_t share = used > h->cpu_ns ? (used - h->cpu_ns) * 100 / (now - h->cpu_at_ns + 1) : 0;
    h->cpu_ns = used;
    h->cpu_at_ns = now;
    h->cpu_over = h->limits.cpu_percent && share > h->limits.cpu_percent ? h->cpu_over + 1 : 0;
    return h->cpu_over > OVER_MOST;
}

static void look(void *arg)
{
    struct house *h = arg;
    if (h->ping - h->pong >= MOTIONLESS)
        return distrust(h, "it has not moved for five seconds");
    if (uses_too_much(h))
        return distrust(h, "it uses more than its share of the CPU");
    frame_send(h->control, (struct frame_head){.kind = FRAME_PING, .extra = ++h->ping}, NULL, 0);
    timer_after(loop_at(0), &h->watchdog, LOOK_NS, look, h);
}

/* ------------------------------------------------------------------------------------ it has come up */
#define NO_LINK ((struct stream_ends){-1, -1})

static void hand_out_links(struct house *h)
{
    for (uint32_t i = 0; i < h->loops; i++) {
        proxy_connect(&h->proxies[i], h->links[i], h->generation);
        h->links[i] = NO_LINK;
    }
}

static void is_up(struct house *h, uint64_t caps)
{
    h->state = HOUSE_UP;
    h->answers_before = answers(h);
    timer_end(&h->patience);
    host_table.narrow(origin(h), caps);
    hand_out_links(h);
    timer_after(loop_at(0), &h->watchdog, LOOK_NS, look, h);
    if (h->was_up)
        log_info(SCOPE, "component '%s' (%s) is back: process %d, %.1f ms after the last one's end", name(h),
                 h->instance->component->type, (int)h->pid, (double)(clock_now_ns() - h->ended_ns) / 1e6);
    else
        log_info(SCOPE, "component '%s' (%s) runs in process %d", name(h), h->instance->component->type, (int)h->pid);
    h->was_up = true;
    answer_tokens(h, NULL);
}

static bool on_started(struct house *h, struct frame *f)
{
    struct trb_error err;
    if (h->state == HOUSE_STOPPING)                    /* too late to be of use */
        return true;
    if (h->state != HOUSE_STARTING)
        return false;
    if (!f->head.verb)
        return is_up(h, f->head.extra), true;
    if (!frame_take_error(&f->body, &err))
        return false;
    if (h->was_up) {
        ended(h, error_text(&err).at);
        error_release(&err);
    } else {
        h->state = HOUSE_EMPTY;
        answer_tokens(h, &err);
        ended(h, NULL);
    }
    return true;
}

static bool on_health(struct house *h, struct frame *f)
{
    struct trb_error err;
    if (f->head.kind == FRAME_READY) {
        host_table.ready(origin(h));
        return true;
    }
    if (!frame_take_error(&f->body, &err))
        return false;
    host_table.lost(origin(h), &err);
    error_release(&err);
    return true;
}

static bool take(struct house *h, struct frame *f)
{
    switch (f->head.kind) {
    case FRAME_STARTED: return on_started(h, f);
    case FRAME_LOST:
    case FRAME_READY: return on_health(h, f);
    case FRAME_PONG: h->pong = f->head.extra; return h->pong <= h->ping;
    case FRAME_STOPPED: return h->state == HOUSE_STOPPING;
    default: return false;
    }
}

static void on_readable(void *arg)
{
    struct house *h = arg;
    struct frame f;
    int result = FRAME_NONE;
    while (h->control && (result = frame_next(h->control, &f)) == FRAME_WHOLE) {
        struct stream *control = h->control;
        bool is_good = take(h, &f);
        if (h->control == control)
            frame_done(control, &f);
        if (!is_good)
            return distrust(h, "it said what is no word of ours");
    }
    if (result == FRAME_BAD)
        distrust(h, "it said what is no word of ours");
}

static void on_eof(void *arg)
{
    ended(arg, NULL);
}

static void on_closed(void *arg, const struct trb_error *err)
{
    ended(arg, NULL);
}

static const struct stream_events control_events = {.readable = on_readable, .eof = on_eof, .closed = on_closed};

/* -------------------------------------------------------------------------------------- starting */
static void on_late(void *arg)
{
    distrust(arg, "it did not start in time");
}

static void on_gone(void *arg);

static void spawn(struct house *h)
{
    struct trb_error err = ERROR_INIT;
    struct started s = {.links = h->links};
    h->state = HOUSE_STARTING;
    h->generation++;
    h->ping = h->pong = h->cpu_ns = h->cpu_over = 0;
    h->cpu_at_ns = clock_now_ns();
    if (process_spawn(h->plugin, name(h), h->instance->component->type, &s, &err))
        return ended(h, err.message);
    if (h->was_up)
        house_count_restart(h);
    h->pid = s.pid;
    h->reaper = reaper_create(s.pid, name(h), on_gone, h);
    h->log_fd = s.log;
    h->board = switchboard_create(s.dial, h->real, &h->instance->setup.properties);
    watch_set(loop_at(0), &h->log, h->log_fd, LOOP_READ, house_read_log, h, NULL);
    h->control = stream_accept(loop_at(0), s.control, NULL, &control_events, h);
    house_send_setup(h);
    timer_after(loop_at(0), &h->patience, h->instance->init_timeout_ns + GRACE_NS, on_late, h);
}

/* ---------------------------------------------------------------------------------- it has ended */
static void close_link(struct stream_ends *link)
{
    if (link->in >= 0)
        close(link->in);
    if (link->out >= 0)
        close(link->out);
    *link = NO_LINK;
}

static void drop_process(struct house *h)
{
    timer_end(&h->patience);
    timer_end(&h->watchdog);
    watch_end(&h->log);
    if (h->log_fd >= 0) {
        house_read_log(h, LOOP_READ);                          /* its last words */
        close(h->log_fd);
    }
    h->log_fd = -1;
    h->control = stream_destroy(h->control);
    h->board = switchboard_destroy(h->board);
    for (uint32_t i = 0; i < h->loops; i++)
        close_link(&h->links[i]);
    if (h->reaper)
        reaper_kill(h->reaper);
    if (h->state != HOUSE_STOPPING)
        h->reaper = reaper_forget(h->reaper);
}

static void tell_proxies(struct house *h, const struct trb_error *or_null)
{
    for (uint32_t i = 0; i < h->loops; i++)
        proxy_disconnect(&h->proxies[i], h->generation, or_null);
}

static void try_again(void *arg)
{
    struct house *h = arg;
    tell_proxies(h, NULL);
    spawn(h);
}

/* One that has answered since it came up is started again at once. */
static void recover(struct house *h, const char *why)
{
    struct trb_error err = ERROR_INIT;
    h->failures = answers(h) != h->answers_before ? 0 : h->failures + 1;
    h->answers_before = answers(h);
    uint32_t doublings = h->failures > 2 ? h->failures - 2 : 0;
    uint64_t pause = doublings < 8 ? PAUSE_NS << doublings : PAUSE_MOST_NS;
    if (h->failures < 2) {
        tell_proxies(h, NULL);
        spawn(h);
        return;
    }
    error_set(&err, TRB_UNAVAILABLE, "PROCESS_ENDED", "the component's process ended %u times in a row%s%s", h->failures,
              why ? ", at last because " : "", why ? why : "");
    err.retryable = 1;
    h->state = HOUSE_PAUSING;
    tell_proxies(h, &err);
    timer_after(loop_at(0), &h->pause, pause < PAUSE_MOST_NS ? pause : PAUSE_MOST_NS, try_again, h);
}

static void fail_start(struct house *h, const char *why)
{
    struct trb_error err = ERROR_INIT;
    h->state = HOUSE_EMPTY;
    error_set(&err, TRB_UNAVAILABLE, "PROCESS_ENDED", "the component's process ended before it was up%s%s", why ? ": " : "",
              why ? why : "");
    err.retryable = 1;
    answer_tokens(h, &err);
}

/* why NULL: it went by itself; its reaper says how. */
static void ended(struct house *h, const char *why)
{
    bool was_starting = h->state == HOUSE_STARTING;
    if (h->state == HOUSE_PAUSING || (h->state == HOUSE_EMPTY && !h->control))
        return;
    if (why)
        log_warn(SCOPE, "component '%s' (%s): its process %d is ended: %s", name(h), h->instance->component->type, (int)h->pid, why);
    if (h->state == HOUSE_UP)
        h->ended_ns = clock_now_ns();
    drop_process(h);
    if (h->state == HOUSE_STOPPING || h->state == HOUSE_EMPTY)
        return;
    if (was_starting && !h->was_up)
        return fail_start(h, why);
    recover(h, why);
}

/* It is no process any more. */
static void on_gone(void *arg)
{
    struct house *h = arg;
    h->reaper = NULL;
    if (h->control)
        ended(h, NULL);
    if (h->state == HOUSE_STOPPING)
        answer_tokens(h, NULL);
}

/* -------------------------------------------------------------------------------- start and stop */
struct visit {                             /* a loop's start or stop, on its way to the main loop */
    struct house *house;
    struct trb_call *token;
    uint32_t loop;
};

static bool has_all(struct visit *v)
{
    struct house *h = v->house;
    h->tokens[v->loop] = v->token;
    mem_free(v);
    return ++h->token_count == h->loops;
}

static void start_here(void *arg)
{
    struct visit *v = arg;
    struct house *h = v->house;
    h->instance = v->token->origin->instance;
    if (has_all(v))
        spawn(h);
}

static void on_patience(void *arg)
{
    distrust(arg, "it did not stop in time");
}

static void stop_here(void *arg)
{
    struct house *h = ((struct visit *)arg)->house;
    if (!has_all(arg))
        return;
    timer_end(&h->pause);
    h->state = HOUSE_STOPPING;
    if (!h->control) {
        if (!h->reaper)
            answer_tokens(h, NULL);
        return;
    }
    timer_end(&h->watchdog);
    frame_send(h->control, (struct frame_head){.kind = FRAME_STOP}, NULL, 0);
    timer_after(loop_at(0), &h->patience, STOP_NS, on_patience, h);
}

static void to_main(struct trb_call *call, void (*run)(void *))
{
    struct visit *v = mem_zero(sizeof *v);
    *v = (struct visit){house_of(call), call, loop_index(loop_self())};
    loop_call(loop_at(0), run, v);
}

static void start(void *self, struct trb_call *call, const void *setup)
{
    to_main(call, start_here);
}

static void stop(void *self, struct trb_call *call, const void *unused)
{
    proxy_close(&house_of(call)->proxies[loop_index(loop_self())]);
    to_main(call, stop_here);
}

/* ------------------------------------------------------------------------------- a line that broke */
struct loss {
    struct house *house;
    uint64_t generation;
    const char *why;
};

static void loss_here(void *arg)
{
    struct loss *l = arg;
    struct house *h = l->house;
    if (l->generation == h->generation && h->state == HOUSE_UP)
        ended(h, l->why);
    instance_unpin(h->instance);
    mem_free(l);
}

/* The pin keeps the house until the letter has arrived. */
void house_line_lost(struct proxy *p, uint64_t generation, const char *why)
{
    struct loss *l = mem_zero(sizeof *l);
    *l = (struct loss){p->house, generation, why};
    instance_pin(p->house->instance);
    loop_call(loop_at(0), loss_here, l);
}

/* ------------------------------------------------------------------------------------- the table */
static void make_component(struct house *h)
{
    const struct trb_component *r = h->real;
    h->ops = mem_zero(h->words->ops_size);
    proxy_verbs(h->words, r->ops, h->ops);
    h->component = (struct trb_component){
        .size = sizeof h->component, .block = r->block, .type = r->type, .version = r->version, .summary = r->summary,
        .aliases = r->aliases, .caps = r->caps, .run = TRB_ON_LOOP, .self_size = r->self_size, .options = r->options,
        .option_count = r->option_count, .option_size = r->option_size, .ops = h->ops, .start = start, .stop = stop,
        .cancel = proxy_cancel, .settle = proxy_settle};
}

trb_code isolate_component(struct plugin *plugin, const struct trb_component *real, const struct isolate_limits *limits,
                           const struct trb_component **ret_component, struct trb_error *err)
{
    const struct words *w = words_of(slice_of(real->block));
    if (!w || !real->ops)
        return error_set(err, TRB_UNIMPLEMENTED, "NOT_ISOLATED", "%s cannot be isolated: a component of %s runs in the sidecar only",
                         real->type, real->block);
    struct house *h = mem_zero(sizeof *h);
    h->magic = HOUSE_MAGIC;
    h->words = w;
    h->real = real;
    h->plugin = plugin_ref(plugin);
    h->limits = *limits;
    h->writes = mem_text(limits->writes.at ? limits->writes.at : "", limits->writes.len);
    h->limits.writes.at = h->writes;
    h->loops = loop_count();
    h->log_fd = -1;
    h->proxies = mem_zero(h->loops * sizeof *h->proxies);
    h->tokens = mem_zero(h->loops * sizeof *h->tokens);
    h->links = mem_alloc(h->loops * sizeof *h->links);
    for (uint32_t i = 0; i < h->loops; i++) {
        proxy_init(&h->proxies[i], h, loop_at(i));
        h->links[i] = NO_LINK;
    }
    make_component(h);
    house_tell_of_files(limits);
    *ret_component = &h->component;
    return TRB_OK;
}

void isolate_given_up(const struct trb_component *c)
{
    struct house *h = checked(container_of(c, struct house, component), struct house, HOUSE_MAGIC);
    timer_end(&h->pause);
    h->state = HOUSE_EMPTY;
    drop_process(h);
    plugin_unref(h->plugin);
    mem_free(h->ops);
    mem_free(h->proxies);
    mem_free(h->tokens);
    mem_free(h->links);
    mem_free(h->writes);
    h->magic = 0;
    mem_free(h);
}
