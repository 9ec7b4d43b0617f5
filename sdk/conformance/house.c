/* house: threads, a bell, and what the process holds. */
#include "house.h"
#include <base/check.h>
#include <base/clock.h>
#include <base/mem.h>
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>

#define WORKERS 8u

static struct loop *loops[HOUSE_LOOPS];
static pthread_t threads[HOUSE_LOOPS];
static struct workers *workers;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;

static void *live(void *arg)
{
    loop_run(arg);
    return NULL;
}

void house_open(void)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&changed, &attr);
    pthread_condattr_destroy(&attr);
    for (uint32_t i = 0; i < HOUSE_LOOPS; i++)
        check(loops[i] = loop_create(i, NULL));
    loop_set_all(loops, HOUSE_LOOPS);
    workers = workers_create(WORKERS);
    for (uint32_t i = 0; i < HOUSE_LOOPS; i++)
        check(pthread_create(&threads[i], NULL, live, loops[i]) == 0);
}

void house_close(void)
{
    for (uint32_t i = 0; i < HOUSE_LOOPS; i++)
        loop_stop(loops[i]);
    for (uint32_t i = 0; i < HOUSE_LOOPS; i++)
        pthread_join(threads[i], NULL);
    workers = workers_destroy(workers);
    for (uint32_t i = 0; i < HOUSE_LOOPS; i++)
        loops[i] = loop_destroy(loops[i]);
    loop_set_all(NULL, 0);
}

struct workers *house_workers(void)
{
    return workers;
}

/* A queue gets half of the pool at most, so two of them fill it. They stay until the process ends. */
static struct {
    struct work work[WORKERS];
    struct worker_queue *queues[2];
    pthread_barrier_t all;
} warming;

static void on_warm(struct work *w)
{
    pthread_barrier_wait(&warming.all);
}

void house_warm(void)
{
    pthread_barrier_init(&warming.all, NULL, WORKERS + 1);
    for (uint32_t i = 0; i < WORKERS; i++) {
        struct worker_queue **q = &warming.queues[i % 2];
        if (!*q)
            *q = worker_queue_create(workers, WORKERS / 2, 0);
        warming.work[i].run = on_warm;
        check(worker_queue_add(*q, &warming.work[i]));
    }
    pthread_barrier_wait(&warming.all);
}

/* ---------------------------------------------------------------------------------------- bells */
void bell_ring(struct bell *b)
{
    pthread_mutex_lock(&lock);
    b->rings++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

bool bell_wait(struct bell *b, uint64_t patience_ns)
{
    uint64_t end = clock_now_ns() + patience_ns;
    struct timespec until = {(time_t)(end / CLOCK_S), (long)(end % CLOCK_S)};
    pthread_mutex_lock(&lock);
    while (b->rings == b->heard && !pthread_cond_timedwait(&changed, &lock, &until))
        ;
    bool rang = b->rings != b->heard;
    if (rang)
        b->heard++;
    pthread_mutex_unlock(&lock);
    return rang;
}

struct errand {
    void (*run)(void *);
    void *arg;
    struct bell over;
};

static void on_errand(void *arg)
{
    struct errand *e = arg;
    e->run(e->arg);
    bell_ring(&e->over);
}

void house_run(uint32_t loop, void (*run)(void *), void *arg)
{
    struct errand e = {.run = run, .arg = arg};
    loop_call(loops[loop], on_errand, &e);
    check(bell_wait(&e.over, 600 * CLOCK_S));
}

bool house_wait(bool (*is_so)(void *), void *arg, uint64_t patience_ns)
{
    uint64_t end = clock_now_ns() + patience_ns;
    while (!is_so(arg)) {
        if (clock_now_ns() > end)
            return false;
        poll(NULL, 0, 5);
    }
    return true;
}

static uint32_t entries(const char *folder)
{
    uint32_t count = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));)
        count += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return count;
}

struct belongings house_count(void)
{
    return (struct belongings){entries("/proc/self/task"), entries("/proc/self/fd")};
}
