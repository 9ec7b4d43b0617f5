/* Holding: calls wait at the door of an instance, and go on there or at the one that took over. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail

#include "kernel/plugin/hold.c"
#include "house.h"

struct pair {
    struct instance *old, *new_;
    bool is_still;
};

static void hold(void *arg)
{
    instance_hold(((struct pair *)arg)->old);
}

static void look(void *arg)
{
    struct pair *p = arg;
    p->is_still = instance_is_still(p->old);
}

static void release(void *arg)
{
    instance_release(((struct pair *)arg)->old);
}

static void succeed(void *arg)
{
    struct pair *p = arg;
    instance_succeed(p->old, p->new_);
}

static bool is_still(struct pair *p)
{
    run_on(0, look, p);
    return p->is_still;
}

static void held_calls_go_on_when_they_are_released(void **state)
{
    struct pair p = {.old = up("state.hostile", &state_block, NULL, NULL)};
    struct client c[LOOPS];
    run_on(0, hold, &p);
    for (uint32_t i = 0; i < LOOPS; i++)
        client_ask(&c[i], p.old, "mine", NULL, i);
    assert_true(is_still(&p));
    for (uint32_t i = 0; i < LOOPS; i++)
        assert_int_equal(sem_trywait(&c[i].over), -1);
    run_on(0, release, &p);
    for (uint32_t i = 0; i < LOOPS; i++) {
        await(&c[i].over);
        assert_string_equal(c[i].value, "mine");
    }
    down(p.old);
}

static void an_unanswered_call_is_waited_for(void **state)
{
    struct pair p = {.old = up("state.hostile", &state_block, NULL, NULL)};
    struct client owed, waiting;
    client_ask(&owed, p.old, "mine", "never", 1);
    run_on(0, hold, &p);
    client_ask(&waiting, p.old, "other", NULL, 2);
    assert_false(is_still(&p));
    run_on(0, release, &p);
    await(&waiting.over);
    release_all(p.old);
    await(&owed.over);
    run_on(0, hold, &p);
    assert_true(is_still(&p));
    run_on(0, release, &p);
    down(p.old);
}

/* The new one fails every get, which tells the two apart. */
static void held_calls_and_later_ones_are_the_successors(void **state)
{
    struct pair p = {.old = up("state.hostile-on-one-loop", &state_block, NULL, NULL),
                     .new_ = up("state.hostile", &state_block, "how", "no-error")};
    struct client held[LOOPS], late;
    run_on(0, hold, &p);
    for (uint32_t i = 0; i < LOOPS; i++)
        client_ask(&held[i], p.old, "mine", NULL, i);
    run_on(0, succeed, &p);
    for (uint32_t i = 0; i < LOOPS; i++) {
        await(&held[i].over);
        assert_true(held[i].failed);
    }
    client_get(&late, p.old, "mine", NULL, 1);
    assert_true(late.failed);
    assert_true(is_still(&p));
    assert_int_equal(atomic_load(&p.new_->pins), 1);
    down(p.old);
    assert_int_equal(atomic_load(&p.new_->pins), 0);
    down(p.new_);
}

static void a_call_that_was_given_up_is_not_run(void **state)
{
    struct pair p = {.old = up("state.hostile", &state_block, NULL, NULL),
                     .new_ = up("state.hostile", &state_block, "how", "never")};
    struct client c;
    run_on(0, hold, &p);
    client_ask(&c, p.old, "mine", NULL, 1);
    client_abandon(&c);
    run_on(0, succeed, &p);
    await(&c.over);
    assert_true(c.is_settled);
    assert_int_equal(c.answers, 0);
    assert_int_equal(atomic_load(&p.new_->calls), 0);
    down(p.old);
    down(p.new_);
}

struct crowd {                                 /* asked one after the other, on loop 0 */
    struct pair *p;
    void (*let_go)(void *);
    uint32_t asked, answered, out_of_turn;
    sem_t over;
};

#define CROWD 20u

struct member {
    struct crowd *crowd;
    uint32_t number;
};

static void on_member_answer(struct call *call, void *arg)
{
    struct member *m = arg;
    struct crowd *c = m->crowd;
    c->out_of_turn += m->number != c->answered++;
    call_release(call);
    free(m);
    if (c->answered == CROWD)
        sem_post(&c->over);
}

static void ask_some(void *arg)
{
    static const struct trb_state_get get = {.size = sizeof get, .key = NAME("mine")};
    struct crowd *c = arg;
    struct call_question q = {.verb = verb_get, .question = &get};
    for (uint32_t i = 0; i < CROWD / 2; i++) {
        struct member *m = malloc(sizeof *m);
        *m = (struct member){c, c->asked++};
        call_ask(c->p->old, &q, on_member_answer, m);
    }
}

static void let_go_and_ask(void *arg)
{
    struct crowd *c = arg;
    c->let_go(c->p);
    ask_some(c);
}

static void ask_around(struct pair *p, void (*how)(void *))
{
    struct crowd c = {.p = p, .let_go = how};
    sem_init(&c.over, 0, 0);
    run_on(0, hold, p);
    run_on(0, ask_some, &c);
    run_on(0, let_go_and_ask, &c);
    await(&c.over);
    assert_int_equal(c.out_of_turn, 0);
}

static void calls_keep_their_order_when_they_are_let_go(void **state)
{
    struct pair p = {.old = up("state.hostile-on-loop", &state_block, NULL, NULL),
                     .new_ = up("state.hostile-on-loop", &state_block, NULL, NULL)};
    ask_around(&p, release);
    ask_around(&p, release);
    assert_int_equal(atomic_load(&p.old->is_held), 0);
    ask_around(&p, succeed);
    down(p.old);
    down(p.new_);
}

struct storm {
    struct pair *p;
    uint32_t loop, asked, answered, wrong;
    bool is_ending;
    sem_t over;
};

static void ask_on(void *arg);

static void on_answer(struct call *call, void *arg)
{
    struct storm *s = arg;
    s->wrong += call_failure(call) != NULL;
    call_release(call);
    s->answered++;
    if (s->asked < 20000)
        ask_on(s);
    else
        sem_post(&s->over);
}

static void ask_on(void *arg)
{
    static const struct trb_state_get get = {.size = sizeof get, .key = NAME("mine")};
    struct storm *s = arg;
    struct call_question q = {.verb = verb_get, .question = &get};
    s->asked++;
    call_ask(s->p->old, &q, on_answer, s);
}

/* Whatever the moment, each call is answered once, and after the change only by the new one. */
static void a_change_under_load_loses_no_call(void **state)
{
    struct pair p = {.old = up("state.hostile", &state_block, NULL, NULL),
                     .new_ = up("state.hostile", &state_block, NULL, NULL)};
    struct storm storms[2] = {{.p = &p, .loop = 1}, {.p = &p, .loop = 2}};
    for (uint32_t i = 0; i < 2; i++) {
        sem_init(&storms[i].over, 0, 0);
        run_on(storms[i].loop, ask_on, &storms[i]);
    }
    for (int i = 0; i < 50; i++) {
        run_on(0, hold, &p);
        while (!is_still(&p))
            ;
        run_on(0, release, &p);
    }
    run_on(0, hold, &p);
    while (!is_still(&p))
        ;
    run_on(0, succeed, &p);
    for (uint32_t i = 0; i < 2; i++) {
        await(&storms[i].over);
        assert_int_equal(storms[i].answered, 20000);
        assert_int_equal(storms[i].wrong, 0);
    }
    assert_int_equal(atomic_load(&p.old->calls), 0);
    down(p.old);
    down(p.new_);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(held_calls_go_on_when_they_are_released),
        cmocka_unit_test(an_unanswered_call_is_waited_for),
        cmocka_unit_test(held_calls_and_later_ones_are_the_successors),
        cmocka_unit_test(a_call_that_was_given_up_is_not_run),
        cmocka_unit_test(calls_keep_their_order_when_they_are_let_go),
        cmocka_unit_test(a_change_under_load_loses_no_call),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
