/* keeper: a thread that has expired rows deleted, and connects again when the server was lost. */
#include "store.h"
#include <base/clock.h>
#include <errno.h>
#include <signal.h>

#define RETRY_NS (250 * CLOCK_MS)
#define SWEPT 5000

/* Of all that share the table, one sweeps per interval: the one that can say so first. */
static trb_code claim(struct store *s, struct link *l, bool *ret_ours, struct trb_error *err)
{
    trb_code code = link_runf(s, l, "cannot note the sweep", err,
        "INSERT INTO `%s` (id, value) VALUES ('last-cleanup', CURRENT_TIMESTAMP) ON DUPLICATE KEY UPDATE "
        "value = IF(TIMESTAMPDIFF(SECOND, value, CURRENT_TIMESTAMP) >= %lld, CURRENT_TIMESTAMP, value)",
        s->metadata_table, (long long)(s->cleanup_interval_ns / (int64_t)CLOCK_S));
    *ret_ours = !code && mysql_affected_rows(l->my) > 0;
    return code;
}

static void sweep(struct store *s)
{
    struct trb_error err = {.size = sizeof err};
    struct link *l;
    bool is_ours = false;
    trb_code code = link_take(s, clock_now_ns() + (uint64_t)s->timeout_ns, &l, &err);
    if (!code) {
        code = claim(s, l, &is_ours, &err);
        do {
            if (!code && is_ours)
                code = link_runf(s, l, "cannot sweep", &err, "DELETE FROM `%s` WHERE expiredate <= CURRENT_TIMESTAMP LIMIT %d",
                                 s->table, SWEPT);
        } while (!code && is_ours && mysql_affected_rows(l->my) == SWEPT);
        link_give_back(s, l);
    }
    if (code)
        trb_log(s->host, s->origin, TRB_LOG_WARN, "expired items were not swept: %s", err.message);
}

static void await(struct store *s, uint64_t due_ns)
{
    struct timespec at = {(time_t)(due_ns / CLOCK_S), (long)(due_ns % CLOCK_S)};
    while (!s->ends && !s->is_lost && pthread_cond_timedwait(&s->keeper_wake, &s->lock, &at) != ETIMEDOUT)
        ;
}

static void await_retry(struct store *s)
{
    uint64_t due_ns = clock_now_ns() + RETRY_NS;
    struct timespec at = {(time_t)(due_ns / CLOCK_S), (long)(due_ns % CLOCK_S)};
    while (!s->ends && pthread_cond_timedwait(&s->keeper_wake, &s->lock, &at) != ETIMEDOUT)
        ;
}

static void *run(void *arg)
{
    struct store *s = arg;
    uint64_t interval_ns = s->cleanup_interval_ns > 0 ? (uint64_t)s->cleanup_interval_ns : 86400 * CLOCK_S;
    uint64_t due_ns = clock_now_ns() + interval_ns;
    pthread_mutex_lock(&s->lock);
    while (await(s, due_ns), !s->ends) {
        bool is_lost = s->is_lost, is_due = clock_now_ns() >= due_ns;
        pthread_mutex_unlock(&s->lock);
        if (is_lost)
            link_keep(s);
        else if (is_due && s->cleanup_interval_ns > 0)
            sweep(s);
        if (is_due)
            due_ns += interval_ns;
        pthread_mutex_lock(&s->lock);
        if (s->is_lost && !s->ends)
            await_retry(s);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

void keeper_start(struct store *s)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    s->keeper_runs = !pthread_create(&s->keeper, NULL, run, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void keeper_stop(struct store *s)
{
    pthread_mutex_lock(&s->lock);
    s->ends = true;
    pthread_cond_signal(&s->keeper_wake);
    pthread_mutex_unlock(&s->lock);
    if (s->keeper_runs)
        pthread_join(s->keeper, NULL);
}
