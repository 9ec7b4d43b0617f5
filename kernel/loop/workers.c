/* workers: threads for work that blocks. One lock for the pool: its calls are few and short.
 *
 * A queue is in the ring of ready ones while it has waiting work and may run more of it; the ring
 * turns, so that a long queue does not keep a short one waiting. */
#include <base/check.h>
#include <base/mem.h>
#include <base/signals.h>
#include <errno.h>
#include <loop/workers.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#define IDLE_S 10
#define MAX_WAITING 1024

struct workers {
    pthread_mutex_t lock;
    pthread_cond_t wake, changed;
    struct list ready;                      /* of struct worker_queue */
    struct list ended;                      /* of struct thread: to be joined */
    uint32_t max_threads, threads, idle, tickets;
    bool stopping;
};

struct worker_queue {
    struct workers *pool;
    struct list link, waiting;
    uint32_t count, running, max_parallel, max_waiting;
    bool is_ready;
};

struct thread {
    struct list link;
    struct workers *pool;
    pthread_t id;
};

static _Thread_local bool is_worker;

static void consider(struct worker_queue *q)
{
    if (q->is_ready || !q->count || q->running >= q->max_parallel)
        return;
    q->is_ready = true;
    list_append(&q->pool->ready, &q->link);
}

static struct work *take(struct workers *p, struct worker_queue **ret_queue)
{
    struct list *node = list_take(&p->ready);
    if (!node)
        return NULL;
    struct worker_queue *q = list_item(node, struct worker_queue, link);
    q->is_ready = false;
    q->running++;
    q->count--;
    struct list *first = list_take(&q->waiting);
    consider(q);
    *ret_queue = q;
    return list_item(first, struct work, link);
}

static void work_all(struct workers *p)
{
    struct worker_queue *q;
    for (struct work *w; (w = take(p, &q));) {
        pthread_mutex_unlock(&p->lock);
        w->run(w);
        pthread_mutex_lock(&p->lock);
        q->running--;
        consider(q);
        pthread_cond_broadcast(&p->changed);
    }
}

/* True: there may be something to do. False: time to go. */
static bool wait_for_ticket(struct workers *p)
{
    struct timespec until;
    int late = 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += IDLE_S;
    p->idle++;
    while (!p->tickets && !p->stopping && late != ETIMEDOUT)
        late = pthread_cond_timedwait(&p->wake, &p->lock, &until);
    p->idle--;
    if (!p->tickets)
        return false;
    p->tickets--;
    return true;
}

static void *live(void *arg)
{
    struct thread *t = arg;
    struct workers *p = t->pool;
    is_worker = true;
    pthread_setname_np(pthread_self(), "trb-worker");
    pthread_mutex_lock(&p->lock);
    do
        work_all(p);
    while (wait_for_ticket(p));
    p->threads--;
    list_append(&p->ended, &t->link);
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void join_ended(struct workers *p)
{
    for (struct list *node; (node = list_take(&p->ended));) {
        struct thread *t = list_item(node, struct thread, link);
        pthread_join(t->id, NULL);
        mem_free(t);
    }
}

/* Signals are the main loop's. */
static bool start_thread(struct workers *p)
{
    sigset_t old;
    struct thread *t = mem_zero(sizeof *t);
    t->pool = p;
    join_ended(p);
    signals_block(&old);
    int failed = pthread_create(&t->id, NULL, live, t);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (failed)
        mem_free(t);
    else
        p->threads++;
    return !failed;
}

struct workers *workers_create(uint32_t max_threads)
{
    struct workers *p = mem_zero(sizeof *p);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, &monotonic);
    pthread_cond_init(&p->changed, NULL);
    pthread_condattr_destroy(&monotonic);
    list_init(&p->ready);
    list_init(&p->ended);
    p->max_threads = max_threads ? max_threads : 1;
    return p;
}

struct workers *workers_destroy(struct workers *p)
{
    if (!p)
        return NULL;
    check(!is_worker);
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->wake);
    while (p->threads)
        pthread_cond_wait(&p->changed, &p->lock);
    join_ended(p);
    check(list_is_empty(&p->ready));
    pthread_mutex_unlock(&p->lock);
    pthread_cond_destroy(&p->wake);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    return mem_free(p);
}

struct worker_queue *worker_queue_create(struct workers *p, uint32_t max_parallel, uint32_t max_waiting)
{
    struct worker_queue *q = mem_zero(sizeof *q);
    uint32_t share = p->max_threads > 1 ? p->max_threads / 2 : 1;
    q->pool = p;
    q->max_parallel = max_parallel && max_parallel < share ? max_parallel : share;
    q->max_waiting = max_waiting ? max_waiting : MAX_WAITING;
    list_init(&q->waiting);
    list_init(&q->link);
    return q;
}

/* A work's last act may be what tells its owner to come here: its thread is given the moment. */
struct worker_queue *worker_queue_destroy(struct worker_queue *q)
{
    if (!q)
        return NULL;
    pthread_mutex_lock(&q->pool->lock);
    check(!q->count);
    while (q->running)
        pthread_cond_wait(&q->pool->changed, &q->pool->lock);
    pthread_mutex_unlock(&q->pool->lock);
    return mem_free(q);
}

/* An idle thread is given a ticket; with none idle, another thread is started. */
static bool call_thread(struct workers *p)
{
    if (p->idle > p->tickets) {
        p->tickets++;
        pthread_cond_signal(&p->wake);
        return true;
    }
    return (p->threads < p->max_threads && start_thread(p)) || p->threads;
}

bool worker_queue_add(struct worker_queue *q, struct work *w)
{
    struct workers *p = q->pool;
    pthread_mutex_lock(&p->lock);
    bool fits = !p->stopping && q->count < q->max_waiting &&
                (q->running + q->count >= q->max_parallel || call_thread(p));
    if (fits) {
        list_append(&q->waiting, &w->link);
        q->count++;
        consider(q);
    }
    pthread_mutex_unlock(&p->lock);
    return fits;
}

uint32_t worker_queue_waiting(const struct worker_queue *q)
{
    pthread_mutex_lock(&q->pool->lock);
    uint32_t count = q->count;
    pthread_mutex_unlock(&q->pool->lock);
    return count;
}

void workers_figures(struct workers *p, struct workers_figures *ret_figures)
{
    pthread_mutex_lock(&p->lock);
    *ret_figures = (struct workers_figures){.most = p->max_threads, .threads = p->threads, .idle = p->idle};
    pthread_mutex_unlock(&p->lock);
}

bool workers_is_worker(void)
{
    return is_worker;
}
