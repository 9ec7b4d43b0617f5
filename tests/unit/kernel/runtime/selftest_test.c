/* The self-test: every self is asked, one that is ill decides, what is late is not waited for. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail

#include "../plugin/house.h"
#include "kernel/runtime/selftest.c"

struct me {
    const char *unused;
};

static const struct trb_option me_options[] = {
    TRB_STRING(struct me, unused, "unused", .doc = "Nothing."),
};

#define WELL 0u
#define ONE_IS_ILL 1u
#define SILENT 2u

static uint32_t how;
static _Atomic uint32_t times_asked;
static struct trb_call *kept[LOOPS];               /* silent: by loop */
static sem_t has_kept;

static void fine(void *self, struct trb_call *call, const void *question)
{
    trb_done(call);
}

static void answer_ping(void *self, struct trb_call *call, const void *unused)
{
    uint32_t n = loop_index(loop_self());
    atomic_fetch_add(&times_asked, 1);
    if (how == SILENT) {
        kept[n] = call;
        sem_post(&has_kept);
    } else if (how == ONE_IS_ILL && n == 1) {
        trb_fail(call, TRB_UNAVAILABLE, "ILL", "its server on loop 1 is away");
    } else {
        trb_done(call);
    }
}

static const struct trb_state_ops ops = {.size = sizeof ops, .get = fine, .set = fine, .remove = fine};
static struct trb_component component = {
    .size = sizeof component, .block = "state", .type = "state.hostile", .version = "v1", .run = TRB_ON_LOOP,
    TRB_SELF(struct me, me_options), .ops = &ops, .start = fine, .stop = fine};

static struct instance *up_with(trb_verb *ping)
{
    struct coming c = {.block = &state_block, .err = ERROR_INIT};
    component.ping = ping;
    c.spec = (struct instance_spec){.name = "it", .type = SLICE("state.hostile"), .version = SLICE("v1"), .document = SLICE("{}"),
                                    .app_id = NAME("app"), .namespace_ = NAME(""), .workers = workers,
                                    .init_timeout_ns = 20 * CLOCK_S, .instead = &component};
    sem_init(&c.over, 0, 0);
    run_on(0, bring_up, &c);
    await(&c.over);
    assert_int_equal(c.code, TRB_OK);
    return c.instance;
}

struct test {
    struct instance *instance;
    struct trb_error err;
    uint32_t times_told;
    sem_t over;
};

static void on_told(void *arg, const struct trb_error *err)
{
    struct test *t = arg;
    assert_ptr_equal(loop_self(), loops[0]);
    if (err)
        t->err = *err;
    t->times_told++;
    sem_post(&t->over);
}

static void begin(void *arg)
{
    struct test *t = arg;
    selftest_run(t->instance, on_told, t);
    assert_int_equal(t->times_told, 0);
}

static void ask_whether_well(struct test *t, struct instance *i)
{
    *t = (struct test){.instance = i, .err = ERROR_INIT};
    atomic_store(&times_asked, 0);
    sem_init(&t->over, 0, 0);
    run_on(0, begin, t);
    await(&t->over);
}

static void every_self_is_asked(void **state)
{
    struct instance *i = up_with(answer_ping);
    struct test t;
    how = WELL;
    ask_whether_well(&t, i);
    assert_int_equal(t.err.code, TRB_OK);
    assert_int_equal(atomic_load(&times_asked), LOOPS);
    down(i);
}

static void one_self_that_is_ill_decides(void **state)
{
    struct instance *i = up_with(answer_ping);
    struct test t;
    how = ONE_IS_ILL;
    ask_whether_well(&t, i);
    assert_int_equal(t.err.code, TRB_UNAVAILABLE);
    assert_string_equal(t.err.reason, "SELF_TEST");
    assert_string_equal(t.err.message, "component it came up and did not pass its self-test: its server on loop 1 is away");
    assert_int_equal(atomic_load(&times_asked), LOOPS);
    down(i);
}

static void answer_kept(void *arg)
{
    trb_done(kept[loop_index(loop_self())]);
}

static void what_is_late_is_not_waited_for_and_its_answer_is_nobodys(void **state)
{
    struct instance *i = up_with(answer_ping);
    struct test t;
    how = SILENT;
    sem_init(&has_kept, 0, 0);
    i->init_timeout_ns = CLOCK_MS;
    ask_whether_well(&t, i);
    assert_int_equal(t.err.code, TRB_DEADLINE);
    assert_non_null(strstr(t.err.message, "its ping was not answered in time"));
    for (uint32_t n = 0; n < LOOPS; n++)
        await(&has_kept);
    for (uint32_t n = 0; n < LOOPS; n++)
        run_on(n, answer_kept, NULL);
    down(i);
    assert_int_equal(t.times_told, 1);
}

static void without_a_ping_it_passes(void **state)
{
    struct instance *i = up_with(NULL);
    struct test t;
    ask_whether_well(&t, i);
    assert_int_equal(t.err.code, TRB_OK);
    down(i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_self_is_asked),
        cmocka_unit_test(one_self_that_is_ill_decides),
        cmocka_unit_test(what_is_late_is_not_waited_for_and_its_answer_is_nobodys),
        cmocka_unit_test(without_a_ping_it_passes),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
