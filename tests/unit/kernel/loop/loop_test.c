/* loop_test: turns, timers, jobs, letters, watches, workers and names, each on real loops and threads. */
#include <loop/dns.h>
#include <loop/loop.h>
#include <loop/workers.h>
#include <base/check.h>
#include <base/clock.h>
#include <base/slice.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static struct loop *loop;
static char order[64];

static void note(void *arg)
{
    size_t len = strlen(order);
    order[len] = *(const char *)arg;
    order[len + 1] = 0;
}

static void note_and_stop(void *arg)
{
    note(arg);
    loop_stop(loop);
}

static int open_loop(void **state)
{
    struct trb_error err;
    order[0] = 0;
    loop = loop_create(0, &err);
    assert_non_null(loop);
    loop_set_all(&loop, 1);
    return 0;
}

static int close_loop(void **state)
{
    loop = loop_destroy(loop);
    return 0;
}

/* ------------------------------------------------------------------------------------ timers */
static void timers_fire_in_order_and_once(void **state)
{
    struct timer a = {0}, b = {0}, c = {0}, ended = {0};
    timer_after(loop, &b, 2 * CLOCK_MS, note, "b");
    timer_after(loop, &c, 3 * CLOCK_MS, note_and_stop, "c");
    timer_after(loop, &a, 1 * CLOCK_MS, note, "a");
    timer_after(loop, &ended, 1 * CLOCK_MS, note, "x");
    timer_end(&ended);
    timer_end(&ended);
    loop_run(loop);
    assert_string_equal(order, "abc");
    assert_false(timer_is_armed(&a));
}

static void a_timer_that_is_set_again_forgets_its_first_time(void **state)
{
    struct timer a = {0}, b = {0};
    timer_after(loop, &a, 3600 * CLOCK_S, note, "x");
    timer_after(loop, &a, 1 * CLOCK_MS, note, "a");
    timer_after(loop, &b, 2 * CLOCK_MS, note_and_stop, "b");
    loop_run(loop);
    assert_string_equal(order, "ab");
}

static void many_timers_keep_their_order(void **state)
{
    enum { MANY = 2000 };
    static struct timer timers[MANY];
    static uint64_t due[MANY];
    struct timer last = {0};
    uint64_t now = loop_now_ns(loop);
    memset(timers, 0, sizeof timers);
    for (int i = 0; i < MANY; i++) {
        due[i] = now + (uint64_t)(i * 7919 % MANY) * 1000;
        timer_set(loop, &timers[i], due[i], note, ".");
    }
    for (int i = 0; i < MANY; i += 2)
        timer_end(&timers[i]);
    for (int i = 1; i < MANY; i++)
        assert_true(timer_is_armed(&timers[i]) == (i % 2 == 1));
    for (int i = 1; i < MANY; i += 2)
        timer_end(&timers[i]);
    timer_after(loop, &last, 0, note_and_stop, "z");
    loop_run(loop);
    assert_string_equal(order, "z");
}

/* -------------------------------------------------------------------------------------- jobs */
static struct job first, second, at_end;

static void defer_two(void *arg)
{
    note(arg);
    job_at_turn_end(loop, &at_end, note_and_stop, "e");
    job_defer(loop, &first, note, "1");
    job_defer(loop, &second, note, "2");
    job_defer(loop, &first, note, "1");
    note("-");
}

static void jobs_run_later_in_the_same_turn_and_flushes_at_its_end(void **state)
{
    struct timer t = {0};
    timer_after(loop, &t, 0, defer_two, "t");
    loop_run(loop);
    assert_string_equal(order, "t-12e");
}

static void an_ended_job_does_not_run(void **state)
{
    struct job gone = {0}, last = {0};
    job_defer(loop, &gone, note, "x");
    job_end(&gone);
    job_end(&gone);
    job_defer(loop, &last, note_and_stop, "l");
    loop_run(loop);
    assert_string_equal(order, "l");
}

/* ----------------------------------------------------------------------------------- letters */
#define SENDERS 4
#define LETTERS 5000

struct numbered {
    struct letter letter;
    uint32_t sender, number;
};

static uint32_t arrived[SENDERS], all;

static void deliver(struct letter *l)
{
    struct numbered *n = container_of(l, struct numbered, letter);
    assert_ptr_equal(loop_self(), loop);
    assert_int_equal(n->number, arrived[n->sender]++);
    free(n);
    if (++all == SENDERS * LETTERS)
        loop_stop(loop);
}

static void *send_all(void *arg)
{
    for (uint32_t i = 0; i < LETTERS; i++) {
        struct numbered *n = calloc(1, sizeof *n);
        n->sender = (uint32_t)(uintptr_t)arg;
        n->number = i;
        n->letter.deliver = deliver;
        loop_post(loop, &n->letter);
    }
    return NULL;
}

static void letters_arrive_in_the_order_of_each_sender(void **state)
{
    pthread_t threads[SENDERS];
    all = 0;
    memset(arrived, 0, sizeof arrived);
    for (uintptr_t i = 0; i < SENDERS; i++)
        pthread_create(&threads[i], NULL, send_all, (void *)i);
    loop_run(loop);
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(all, SENDERS * LETTERS);
}

static void what_is_in_the_mailbox_at_the_end_is_still_delivered(void **state)
{
    struct trb_error err;
    struct loop *other = loop_create(1, &err);
    loop_call(other, note, "d");
    loop_destroy(other);
    assert_string_equal(order, "d");
}

static void stop_other(struct letter *l)
{
    loop_stop(loop_self());
}

struct ending {
    struct loop *loop;
    struct letter letter;
};

static void *post_the_last(void *arg)
{
    struct ending *e = arg;
    loop_post(e->loop, &e->letter);
    return NULL;
}

/* Its letter ends the loop while the thread may still be on its way out of the mailbox. */
static void a_loop_outlives_the_posting_of_its_last_letter(void **state)
{
    for (int n = 0; n < 500; n++) {
        struct trb_error err;
        struct ending e = {.loop = loop_create(1, &err), .letter = {.deliver = stop_other}};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, post_the_last, &e), 0);
        loop_run(e.loop);
        loop_destroy(e.loop);
        pthread_join(thread, NULL);
    }
}

/* ----------------------------------------------------------------------------------- watches */
static struct watch watch;

static void read_one(void *arg, uint32_t what)
{
    char byte;
    assert_int_equal(what, LOOP_READ);
    assert_int_equal(read(watch.fd, &byte, 1), 1);
    note(&byte);
    if (byte == 'c') {
        watch_end(&watch);
        loop_stop(loop);
    }
}

static void a_descriptor_is_told_until_it_is_read_empty(void **state)
{
    int ends[2];
    struct trb_error err;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    assert_int_equal(watch_set(loop, &watch, ends[0], LOOP_READ, read_one, NULL, &err), TRB_OK);
    loop_run(loop);
    assert_string_equal(order, "abc");
    watch_end(&watch);
    close(ends[0]);
    close(ends[1]);
}

static void pause_after_one(void *arg, uint32_t what)
{
    static struct timer t;
    note("r");
    watch_want(&watch, 0);
    timer_after(loop, &t, 5 * CLOCK_MS, note_and_stop, "p");
}

static void a_paused_descriptor_is_silent(void **state)
{
    int ends[2];
    struct trb_error err;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    assert_int_equal(watch_set(loop, &watch, ends[0], LOOP_READ, pause_after_one, NULL, &err), TRB_OK);
    loop_run(loop);
    assert_string_equal(order, "rp");
    watch_end(&watch);
    close(ends[0]);
    close(ends[1]);
}

/* ----------------------------------------------------------------------------------- workers */
static _Atomic uint32_t running, most, done;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER;
static bool is_open;

static void work_one(struct work *w)
{
    uint32_t now = atomic_fetch_add(&running, 1) + 1, seen = atomic_load(&most);
    assert_true(workers_is_worker());
    while (now > seen && !atomic_compare_exchange_weak(&most, &seen, now)) {
    }
    pthread_mutex_lock(&gate);
    while (!is_open)
        pthread_cond_wait(&opened, &gate);
    pthread_mutex_unlock(&gate);
    atomic_fetch_sub(&running, 1);
    atomic_fetch_add(&done, 1);
    free(w);
}

static bool add_work(struct worker_queue *q)
{
    struct work *w = calloc(1, sizeof *w);
    w->run = work_one;
    if (worker_queue_add(q, w))
        return true;
    free(w);
    return false;
}

static void open_gate(void)
{
    pthread_mutex_lock(&gate);
    is_open = true;
    pthread_cond_broadcast(&opened);
    pthread_mutex_unlock(&gate);
}

static void await_done(uint32_t count)
{
    while (atomic_load(&done) < count)
        sched_yield();
}

static void a_queue_holds_no_more_than_its_share_and_refuses_when_full(void **state)
{
    struct workers *pool = workers_create(8);
    struct worker_queue *q = worker_queue_create(pool, 2, 10);
    uint32_t taken = 0;
    is_open = false;
    done = most = 0;
    while (taken < 100 && add_work(q))
        taken++;
    assert_in_range(taken, 10, 12);
    open_gate();
    await_done(taken);
    assert_true(most <= 2);
    worker_queue_destroy(q);
    workers_destroy(pool);
}

static void one_full_queue_leaves_room_for_another(void **state)
{
    struct workers *pool = workers_create(4);
    struct worker_queue *slow = worker_queue_create(pool, 4, 100), *quick = worker_queue_create(pool, 1, 100);
    is_open = false;
    done = most = 0;
    for (int i = 0; i < 20; i++)
        assert_true(add_work(slow));
    assert_true(add_work(quick));
    while (atomic_load(&running) < 3)       /* two of the slow, and the quick one */
        sched_yield();
    assert_int_equal(worker_queue_waiting(quick), 0);
    open_gate();
    await_done(21);
    worker_queue_destroy(slow);
    worker_queue_destroy(quick);
    workers_destroy(pool);
}

int main(void)
{
#define ON_LOOP(f) cmocka_unit_test_setup_teardown(f, open_loop, close_loop)
    const struct CMUnitTest tests[] = {
        ON_LOOP(timers_fire_in_order_and_once),
        ON_LOOP(a_timer_that_is_set_again_forgets_its_first_time),
        ON_LOOP(many_timers_keep_their_order),
        ON_LOOP(jobs_run_later_in_the_same_turn_and_flushes_at_its_end),
        ON_LOOP(an_ended_job_does_not_run),
        ON_LOOP(letters_arrive_in_the_order_of_each_sender),
        ON_LOOP(what_is_in_the_mailbox_at_the_end_is_still_delivered),
        ON_LOOP(a_loop_outlives_the_posting_of_its_last_letter),
        ON_LOOP(a_descriptor_is_told_until_it_is_read_empty),
        ON_LOOP(a_paused_descriptor_is_silent),
        cmocka_unit_test(a_queue_holds_no_more_than_its_share_and_refuses_when_full),
        cmocka_unit_test(one_full_queue_leaves_room_for_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
