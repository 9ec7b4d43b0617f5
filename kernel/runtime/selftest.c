/* selftest: asking every self on its own loop, gathering on the main one. A late answer finds nobody who waits. */
#include <base/clock.h>
#include <base/error.h>
#include <base/mem.h>
#include <plugin/call.h>
#include <runtime/selftest.h>

struct selftest {
    struct instance *instance;             /* pinned */
    uint32_t owed;                         /* selves that have not answered */
    uint64_t deadline_ns;
    struct trb_error failure;
    struct timer late;
    struct job job;
    void (*then)(void *, const struct trb_error *);        /* NULL: it was told */
    void *arg;
};

struct asked {                             /* one self */
    struct selftest *test;
    struct trb_origin *origin;
    struct trb_error failure;
};

static void tell(struct selftest *t)
{
    void (*then)(void *, const struct trb_error *) = t->then;
    struct trb_error why = ERROR_INIT;
    t->then = NULL;
    timer_end(&t->late);
    if (t->failure.code)
        error_set(&why, t->failure.code, "SELF_TEST", "component %s came up and did not pass its self-test: %s",
                  t->instance->name, t->failure.message);
    if (then)
        then(t->arg, t->failure.code ? &why : NULL);
}

static void one_over(struct selftest *t)
{
    if (--t->owed)
        return;
    tell(t);
    instance_unpin(t->instance);
    mem_free(t);
}

static void on_main(void *arg)
{
    struct asked *a = arg;
    if (a->failure.code && !a->test->failure.code)
        a->test->failure = a->failure;
    one_over(a->test);
    mem_free(a);
}

static void on_answer(struct call *c, void *arg)
{
    struct asked *a = arg;
    if (call_failure(c)) {
        a->failure = *call_failure(c);
        a->failure.text = a->failure.details = NULL;
    }
    call_release(c);
    loop_call(loop_at(0), on_main, a);
}

static void ask_here(void *arg)
{
    struct asked *a = arg;
    struct instance *i = a->test->instance;
    struct call_question q = {.function = i->component->ping, .origin = a->origin, .deadline_ns = a->test->deadline_ns};
    call_ask(i, &q, on_answer, a);
}

static void on_late(void *arg)
{
    struct selftest *t = arg;
    if (!t->failure.code)
        error_set(&t->failure, TRB_DEADLINE, "PING_TIMEOUT", "its ping was not answered in time");
    tell(t);
}

static void ask_all(struct selftest *t)
{
    struct instance *i = t->instance;
    for (uint32_t n = 0; n < i->origin_count; n++) {
        struct asked *a = mem_zero(sizeof *a);
        *a = (struct asked){.test = t, .origin = &i->origins[n], .failure = ERROR_INIT};
        t->owed++;
        loop_call(i->origins[n].loop ? i->origins[n].loop : loop_at(0), ask_here, a);
    }
}

static void nothing_to_ask(void *arg)
{
    one_over(arg);
}

void selftest_run(struct instance *i, void (*then)(void *, const struct trb_error *), void *arg)
{
    struct selftest *t = mem_zero(sizeof *t);
    *t = (struct selftest){.instance = i, .failure = ERROR_INIT, .then = then, .arg = arg,
                           .deadline_ns = clock_now_ns() + i->init_timeout_ns};
    instance_pin(i);
    if (i->component->ping) {
        timer_after(loop_at(0), &t->late, i->init_timeout_ns, on_late, t);
        ask_all(t);
    } else {
        t->owed = 1;
        job_defer(loop_at(0), &t->job, nothing_to_ask, t);
    }
}
