/* watchdog: compares each loop's turn with the one of the last look. */
#include <base/clock.h>
#include <base/doing.h>
#include <base/log.h>
#include <base/mem.h>
#include <base/signals.h>
#include <loop/loop.h>
#include <loop/watchdog.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

#define SCOPE "trilby.runtime.watchdog"
#define EACH_NS (CLOCK_S / 2)
#define TOO_LONG_NS CLOCK_S

struct seen {
    uint64_t turn, since_ns;
    uint64_t next_ns;                          /* how long it must last to be told (again) */
    const char *told;                          /* NULL: not yet */
};

static struct {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t stopping;
    bool is_running, is_over;
    struct seen *seen;
} dog = {.lock = PTHREAD_MUTEX_INITIALIZER};

static double seconds(uint64_t ns)
{
    return (double)ns / (double)CLOCK_S;
}

static void begin_anew(struct seen *s, uint32_t index, uint64_t turn, uint64_t now_ns)
{
    if (s->told)
        log_info(SCOPE, "loop %u goes on, after %.1f s inside of %s", index, seconds(now_ns - s->since_ns), s->told);
    *s = (struct seen){.turn = turn, .since_ns = now_ns, .next_ns = TOO_LONG_NS};
}

static void look_at(struct seen *s, const struct loop *l, uint32_t index, uint64_t now_ns)
{
    const char *what = loop_doing(l);
    uint64_t turn = loop_turn(l);
    if (!what || turn != s->turn) {
        begin_anew(s, index, turn, now_ns);
        return;
    }
    if (now_ns - s->since_ns < s->next_ns)
        return;
    s->told = what;
    s->next_ns *= 2;
    log_warn(SCOPE, "loop %u has been inside of %s for %.1f s, and serves nothing else meanwhile: what blocks runs on workers "
             "(TRB_ON_WORKERS)", index, what, seconds(now_ns - s->since_ns));
}

static void wait_a_while(void)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)EACH_NS;
    until.tv_sec += until.tv_nsec / (long)CLOCK_S;
    until.tv_nsec %= (long)CLOCK_S;
    pthread_cond_timedwait(&dog.stopping, &dog.lock, &until);
}

static void *watch(void *unused)
{
    pthread_setname_np(pthread_self(), "trb-watchdog");
    pthread_mutex_lock(&dog.lock);
    while (!dog.is_over) {
        uint64_t now_ns = clock_now_ns();
        for (uint32_t i = 0; i < loop_count(); i++)
            look_at(&dog.seen[i], loop_at(i), i, now_ns);
        wait_a_while();
    }
    pthread_mutex_unlock(&dog.lock);
    return NULL;
}

static void start_thread(void)
{
    sigset_t old;
    pthread_attr_t small;
    signals_block(&old);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 128 * 1024);
    dog.is_running = pthread_create(&dog.thread, &small, watch, NULL) == 0;
    pthread_attr_destroy(&small);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void watchdog_start(void)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&dog.stopping, &monotonic);
    pthread_condattr_destroy(&monotonic);
    dog.is_over = false;
    dog.seen = mem_zero((loop_count() + 1) * sizeof *dog.seen);
    for (uint32_t i = 0; i < loop_count(); i++)
        begin_anew(&dog.seen[i], i, loop_turn(loop_at(i)), clock_now_ns());
    start_thread();
}

void watchdog_stop(void)
{
    if (!dog.is_running)
        return;
    pthread_mutex_lock(&dog.lock);
    dog.is_over = true;
    pthread_cond_signal(&dog.stopping);
    pthread_mutex_unlock(&dog.lock);
    pthread_join(dog.thread, NULL);
    pthread_cond_destroy(&dog.stopping);
    dog.seen = mem_free(dog.seen);
    dog.is_running = false;
}
