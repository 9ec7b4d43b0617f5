/* line: a thread that works off jobs in their order. Signals are not for it, nor for the threads that libnats makes in it. */
#include "jetstream.h"
#include <base/clock.h>
#include <base/mem.h>
#include <signal.h>
#include <time.h>

void conditions_init(pthread_cond_t *cond)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

void wait_ns(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t ns)
{
    uint64_t until_ns = clock_now_ns() + ns;
    struct timespec at = {(time_t)(until_ns / CLOCK_S), (long)(until_ns % CLOCK_S)};
    pthread_cond_timedwait(cond, lock, &at);
}

/* NULL: it ends, or has been idle for every_ns. Under the lock. */
static struct job *next(struct line *l, bool *ret_ends)
{
    uint64_t since = clock_now_ns();
    while (list_is_empty(&l->jobs) && !l->ends) {
        if (!l->every_ns)
            pthread_cond_wait(&l->more, &l->bus->lock);
        else if (clock_now_ns() - since >= l->every_ns)
            return NULL;
        else
            wait_ns(&l->more, &l->bus->lock, l->every_ns);
    }
    struct list *node = list_take(&l->jobs);
    *ret_ends = !node && l->ends;
    return node ? list_item(node, struct job, link) : NULL;
}

static void *run(void *arg)
{
    struct line *l = arg;
    for (;;) {
        bool ends = false;
        pthread_mutex_lock(&l->bus->lock);
        struct job *job = next(l, &ends);
        pthread_mutex_unlock(&l->bus->lock);
        if (ends)
            return NULL;
        if (job)
            job->run(l->bus, job);
        else if (l->idle)
            l->idle(l->bus);
    }
}

bool line_start(struct bus *b, struct line *l)
{
    sigset_t all, before;
    l->bus = b;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    l->has_thread = !pthread_create(&l->thread, NULL, run, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return l->has_thread;
}

void line_push(struct line *l, struct job *job)
{
    list_append(&l->jobs, &job->link);
    pthread_cond_signal(&l->more);
}

void line_end(struct line *l)
{
    if (!l->has_thread)
        return;
    pthread_mutex_lock(&l->bus->lock);
    l->ends = true;
    pthread_cond_signal(&l->more);
    pthread_mutex_unlock(&l->bus->lock);
    pthread_join(l->thread, NULL);
    l->has_thread = false;
}
