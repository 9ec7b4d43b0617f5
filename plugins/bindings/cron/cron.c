/* bindings.cron: an event whenever a schedule is due, in the time zone of the process. Nothing is made up for: what
 * was due while nobody read, or while the application was too slow, is over. components.md 2.14 */
#include "schedule.h"
#include <base/clock.h>
#include <base/list.h>
#include <base/mem.h>
#include <base/slice.h>
#include <time.h>
#include <trilby/bindings.h>
#include <trilby/services.h>

#define NAP_NS (30 * CLOCK_S)        /* so late a clock that was set is noticed at most */

struct cron {
    const char *text;                /* option, filled in by the host */
    struct schedule schedule;        /* ours, from start to stop */
    const struct trb_timer_service *timers;
    const struct trb_host *host;
    const struct trb_origin *origin;
    struct list readers;
};

struct reader {
    struct list link;
    struct cron *cron;
    struct trb_call *call;
    struct trb_timer *timer;
    int64_t seen_s, due_s;           /* due_s was made out at seen_s, by the wall's clock */
    bool is_starved;
};

static const struct trb_option options[] = {
    TRB_STRING(struct cron, text, "schedule", .required = 1, .example = "@every 15m",
               .doc = "When: five fields of cron, six with seconds in front, or @hourly, @daily, @every 15m and the like."),
};

/* ------------------------------------------------------------------------------------------- start */
static void start(void *self, struct trb_call *call, const void *setup)
{
    struct cron *c = self;
    char fault[160];
    c->host = call->host;
    c->origin = call->origin;
    c->timers = call->host->extension(TRB_TIMER);
    list_init(&c->readers);
    if (!schedule_parse(slice_of(c->text), &c->schedule, fault))
        trb_fail(call, TRB_INVALID, "BAD_SCHEDULE", "invalid schedule format: '%.100s': %s", c->text, fault);
    else if (schedule_next(&c->schedule, clock_wall_ns() / (int64_t)CLOCK_S) < 0)
        trb_fail(call, TRB_INVALID, "BAD_SCHEDULE", "invalid schedule format: '%.100s' is never due", c->text);
    else if (!c->timers)
        trb_fail(call, TRB_UNIMPLEMENTED, "NO_TIMERS", "this host lends no timers, without which nothing is ever due");
    else
        trb_done(call);
}

static void stop(void *self, struct trb_call *call, const void *unused)
{
    trb_done(call);
}

/* ------------------------------------------------------------------------------------------- events */
static void wait_on(struct reader *);

/* "2026-11-26 19:02:58.123456789 +0000 UTC" */
static size_t time_text(int64_t wall_ns, char room[64])
{
    time_t s = (time_t)(wall_ns / (int64_t)CLOCK_S);
    struct tm t;
    gmtime_r(&s, &t);
    size_t n = strftime(room, 32, "%Y-%m-%d %H:%M:%S", &t);
    n += (size_t)snprintf(room + n, 16, ".%09lld", (long long)(wall_ns % (int64_t)CLOCK_S));
    while (room[n - 1] == '0')
        n--;
    n -= room[n - 1] == '.';
    return n + (size_t)snprintf(room + n, 16, " +0000 UTC");
}

static void fire(struct reader *r, int64_t wall_ns)
{
    char now[64];
    size_t len = time_text(wall_ns, now);
    struct trb_pair pairs[] = {{NAME("timeZone"), NAME("Local")}, {NAME("readTimeUTC"), {now, len}}};
    struct trb_binding_event event = {.size = sizeof event, .data = {"", 0, NULL}, .metadata = {pairs, 2, sizeof pairs[0]}};
    if (!r->is_starved)
        r->is_starved = !r->cron->host->emit(r->call, &event, sizeof event, NULL);
}

static void on_timer(void *arg)
{
    struct reader *r = arg;
    int64_t wall_ns = clock_wall_ns(), now_s = wall_ns / (int64_t)CLOCK_S;
    r->timer = NULL;
    if (now_s >= r->due_s)
        fire(r, wall_ns);
    if (now_s >= r->due_s || now_s < r->seen_s)
        r->due_s = schedule_next(&r->cron->schedule, now_s);
    r->seen_s = now_s;
    wait_on(r);
}

static void wait_on(struct reader *r)
{
    uint64_t left = NAP_NS;
    int64_t ns = r->due_s * (int64_t)CLOCK_S - clock_wall_ns();
    if (r->due_s >= 0 && ns < (int64_t)NAP_NS)
        left = ns > 0 ? (uint64_t)ns : 1;
    r->timer = r->cron->timers->start(r->cron->origin, left, on_timer, r);
}

/* -------------------------------------------------------------------------------------------- reads */
static void read_on(void *self, struct trb_call *call, const void *question)
{
    struct cron *c = self;
    struct reader *r = mem_zero(sizeof *r);
    *r = (struct reader){.cron = c, .call = call, .seen_s = clock_wall_ns() / (int64_t)CLOCK_S};
    r->due_s = schedule_next(&c->schedule, r->seen_s);
    list_append(&c->readers, &r->link);
    c->host->opened(call);
    wait_on(r);
}

static struct reader *find(struct cron *c, const struct trb_call *call)
{
    list_each(node, &c->readers)
        if (list_item(node, struct reader, link)->call == call)
            return list_item(node, struct reader, link);
    return NULL;
}

static void cancel(void *self, struct trb_call *call, uint32_t why)
{
    struct cron *c = self;
    struct reader *r = find(c, call);
    if (!r)
        return;
    list_remove(&r->link);
    c->timers->cancel(r->timer);
    mem_free(r);
    trb_done(call);
}

static void resume(void *self, struct trb_call *call)
{
    struct reader *r = find(self, call);
    if (r)
        r->is_starved = false;
}

/* What the application made of it changes nothing: the next one comes when it is due. */
static void settle(void *self, void *cookie, const struct trb_settlement *unused)
{
}

static const struct trb_bindings_ops ops = {.size = sizeof ops, .read = read_on};
static const struct trb_component cron = {
    .size = sizeof cron, .block = "bindings", .type = "bindings.cron", .version = "v1",
    .summary = "An event whenever a schedule is due.", .caps = TRB_BINDINGS_INPUT,
    .run = TRB_ON_ONE_LOOP, TRB_SELF(struct cron, options),
    .ops = &ops, .start = start, .stop = stop, .cancel = cancel, .resume = resume, .settle = settle,
};
TRB_PLUGIN("cron", "1.0.0", "Apache-2.0", &cron);
