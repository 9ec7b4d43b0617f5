/* purge: a thread that sleeps until something expires, so that forgotten items give their memory back. */
#include "store.h"
#include <base/clock.h>
#include <signal.h>

#define AT_MOST_EVERY_NS CLOCK_S        /* many expiries close together are one pass */

void purger_init(struct store *s)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->purger.wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&s->purger.lock, NULL);
}

static uint64_t purge(struct store *s)
{
    uint64_t next_ns = 0;
    for (uint32_t n = 0; n < SHARDS; n++) {
        pthread_mutex_lock(&s->shards[n].lock);
        uint64_t due_ns = items_purge(&s->shards[n].items, clock_now_ns());
        pthread_mutex_unlock(&s->shards[n].lock);
        if (due_ns && (!next_ns || due_ns < next_ns))
            next_ns = due_ns;
    }
    return next_ns;
}

static void sleep_until(struct purger *p, uint64_t due_ns)
{
    struct timespec at = {(time_t)(due_ns / CLOCK_S), (long)(due_ns % CLOCK_S)};
    if (due_ns)
        pthread_cond_timedwait(&p->wake, &p->lock, &at);
    else
        pthread_cond_wait(&p->wake, &p->lock);
}

static void *run(void *arg)
{
    struct store *s = arg;
    struct purger *p = &s->purger;
    pthread_mutex_lock(&p->lock);
    while (!p->ends) {
        if (!p->due_ns || clock_now_ns() < p->due_ns) {
            sleep_until(p, p->due_ns);
            continue;
        }
        p->due_ns = 0;
        pthread_mutex_unlock(&p->lock);
        uint64_t next_ns = purge(s), soonest_ns = clock_now_ns() + AT_MOST_EVERY_NS;
        pthread_mutex_lock(&p->lock);
        if (next_ns && next_ns < soonest_ns)
            next_ns = soonest_ns;
        if (next_ns && (!p->due_ns || next_ns < p->due_ns))
            p->due_ns = next_ns;
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static bool thread_start(struct store *s)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int fault = pthread_create(&s->purger.thread, NULL, run, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return !fault;
}

/* Without a thread to be had, items still expire when they are met. */
void purger_expect(struct store *s, uint64_t due_ns)
{
    struct purger *p = &s->purger;
    pthread_mutex_lock(&p->lock);
    if (!p->due_ns || due_ns < p->due_ns) {
        p->due_ns = due_ns;
        pthread_cond_signal(&p->wake);
    }
    if (!p->runs)
        p->runs = thread_start(s);
    pthread_mutex_unlock(&p->lock);
}

void purger_fini(struct store *s)
{
    struct purger *p = &s->purger;
    pthread_mutex_lock(&p->lock);
    p->ends = true;
    pthread_cond_signal(&p->wake);
    bool runs = p->runs;
    pthread_mutex_unlock(&p->lock);
    if (runs)
        pthread_join(p->thread, NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
}
