/* sweep: a thread that has expired rows deleted at the interval the component was given. */
#include "store.h"
#include <base/clock.h>
#include <errno.h>
#include <signal.h>

static void *run(void *arg)
{
    struct store *s = arg;
    uint64_t due_ns = clock_now_ns();
    pthread_mutex_lock(&s->sweeper_lock);
    while (!s->ends) {
        due_ns += (uint64_t)s->cleanup_interval_ns;
        struct timespec at = {(time_t)(due_ns / CLOCK_S), (long)(due_ns % CLOCK_S)};
        while (!s->ends && pthread_cond_timedwait(&s->sweeper_wake, &s->sweeper_lock, &at) != ETIMEDOUT)
            ;
        if (s->ends)
            break;
        pthread_mutex_unlock(&s->sweeper_lock);
        write_sweep(s);
        pthread_mutex_lock(&s->sweeper_lock);
    }
    pthread_mutex_unlock(&s->sweeper_lock);
    return NULL;
}

void sweeper_start(struct store *s)
{
    sigset_t all, before;
    if (s->cleanup_interval_ns <= 0 || s->place.is_read_only)
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    s->sweeper_runs = !pthread_create(&s->sweeper, NULL, run, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void sweeper_stop(struct store *s)
{
    pthread_mutex_lock(&s->sweeper_lock);
    s->ends = true;
    pthread_cond_signal(&s->sweeper_wake);
    pthread_mutex_unlock(&s->sweeper_lock);
    if (s->sweeper_runs)
        pthread_join(s->sweeper, NULL);
}
