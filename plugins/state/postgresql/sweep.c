/* sweep: at the interval the component was given, expired rows are deleted, by whoever comes first. */
#include "store.h"
#include <base/clock.h>
#include <base/slice.h>

#define SLACK_MS 100                    /* clocks of several sidecars */

static void say_sweep(struct pg_wish *w, struct pg_batch *b)
{
    struct store *s = w->self;
    char ms[24];
    snprintf(ms, sizeof ms, "%lld", (long long)(s->cleanup_interval_ns / (int64_t)CLOCK_MS - SLACK_MS));
    struct pg_param param = pg_text(slice_of(ms));
    pg_say(b, &s->statements[SWEEP], &param, 1);
}

static void on_swept(struct pg_wish *w, const struct pg_answer *a, const struct trb_error *err)
{
    struct store *s = w->self;
    if (err && err->code != TRB_UNAVAILABLE)    /* that the database is away is said elsewhere */
        trb_log(s->host, s->origin, TRB_LOG_WARN, "expired items were not swept: %s", err->message);
    else if (!err && pg_affected(a))
        trb_log(s->host, s->origin, TRB_LOG_DEBUG, "swept %llu expired items", (unsigned long long)pg_affected(a));
}

static void on_due(void *arg)
{
    struct store *s = arg;
    struct pg_wish w = {.say = say_sweep, .answered = on_swept, .self = s};
    const struct trb_timer_service *timers = s->host->extension(TRB_TIMER);
    s->sweeper = timers->cancel(s->sweeper);
    pg_ask(s->pg, &w);
    sweep_start(s);
}

void sweep_start(struct store *s)
{
    const struct trb_timer_service *timers = s->host->extension(TRB_TIMER);
    if (s->cleanup_interval_ns > 0)
        s->sweeper = timers->start(s->origin, (uint64_t)s->cleanup_interval_ns, on_due, s);
}
