/* Handing over: what an instance keeps and the calls that wait go to its successor, or everything stays as it was. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail

#include "kernel/runtime/handover.c"
#include "../plugin/house.h"

/* A block that knows what moving is, and says what it was told. */
struct moving {
    void (*done)(void *);
    void *token;
    uint32_t moving, stays;
};

static void component_moving(void *self, struct trb_instance *i, void *data, void (*done)(void *), void *token)
{
    struct moving *m = self;
    m->moving++;
    m->done = done;
    m->token = token;
}

static void component_stays(void *self, struct trb_instance *i, void *data)
{
    ((struct moving *)self)->stays++;
}

static const struct trb_block moving_block = {
    .size = sizeof moving_block, .abi = TRB_BLOCK_ABI, .name = "state", .self_size = sizeof(struct moving), .verbs = state_verbs,
    .verb_count = countof(state_verbs), .verb_size = sizeof state_verbs[0], .mandatory = "get set remove",
    .component_moving = component_moving, .component_stays = component_stays};

struct pair {
    struct service *service;
    struct trb_instance views[2];
    struct entry old, new_;
    struct handover *handover;
    struct trb_error err;
    uint32_t told;
    bool is_asked;
    sem_t over;
};

static struct moving *moving_of(struct pair *p)
{
    return (struct moving *)(void *)p->service->self;
}

static void pair_up(struct pair *p, const struct trb_block *block, const char *old, const char *how, const char *new_)
{
    memset(p, 0, sizeof *p);
    p->service = mem_zero(sizeof *p->service + sizeof(struct moving));
    p->service->magic = SERVICE_MAGIC;
    p->service->block = block;
    p->err = (struct trb_error)ERROR_INIT;
    p->old.instance = up(old, block, how ? "how" : NULL, how);
    p->new_.instance = up(new_, block, NULL, NULL);
    p->old.view = &p->views[0];
    p->new_.view = &p->views[1];
    for (uint32_t i = 0; i < 2; i++)
        p->views[i] = (struct trb_instance){.magic = VIEW_MAGIC, .instance = i ? p->new_.instance : p->old.instance,
                                            .service = p->service};
    sem_init(&p->over, 0, 0);
}

static void pair_down(struct pair *p)
{
    down(p->old.instance);
    down(p->new_.instance);
    mem_free(p->service);
}

static void then(void *arg, const struct trb_error *err)
{
    struct pair *p = arg;
    p->told++;
    if (err)
        p->err = *err;
    sem_post(&p->over);
}

static void begin(void *arg)
{
    struct pair *p = arg;
    p->handover = handover_begin(&p->old, &p->new_, then, p);
    assert_int_equal(p->told, 0);
}

static void commit(void *arg)
{
    handover_commit(((struct pair *)arg)->handover);
}

static void give_back(void *arg)
{
    handover_abort(((struct pair *)arg)->handover);
}

static void streams_end(void *arg)
{
    struct moving *m = moving_of(arg);
    m->done(m->token);
}

static void be_late(void *arg)
{
    on_late(((struct pair *)arg)->handover);
}

static void see_asked(void *arg)
{
    struct pair *p = arg;
    p->is_asked = p->handover->call;
}

static void hand_over(struct pair *p)
{
    run_on(0, begin, p);
    await(&p->over);
}

static void put(struct instance *i, const char *value)
{
    struct client c;
    client_prepare(&c, i, "key", NULL, 1);
    c.verb = verb_set;
    c.set = (struct trb_state_set){.size = sizeof c.set, .key = NAME("key"), .value = {value, strlen(value), NULL}};
    c.question = (struct call_question){.verb = verb_set, .question = &c.set};
    run_on(1, ask_there, &c);
    await(&c.over);
    assert_false(c.failed);
}

static void holds(struct instance *i, const char *value)
{
    struct client c;
    client_get(&c, i, "key", NULL, 2);
    assert_string_equal(c.value, value);
}

/* ------------------------------------------------------------------------------------- the good end */
static void what_is_kept_and_every_later_call_are_the_successors(void **state)
{
    struct pair p;
    pair_up(&p, &state_block, "state.keeping", NULL, "state.keeping");
    put(p.old.instance, "precious");
    hand_over(&p);
    assert_int_equal(p.err.code, TRB_OK);
    run_on(0, commit, &p);
    holds(p.new_.instance, "precious");
    put(p.old.instance, "later");
    holds(p.new_.instance, "later");
    pair_down(&p);
}

static void a_call_waits_from_the_holding_on_and_is_answered_by_the_successor(void **state)
{
    struct pair p;
    struct client c;
    pair_up(&p, &state_block, "state.keeping", NULL, "state.keeping");
    put(p.old.instance, "precious");
    hand_over(&p);
    client_ask(&c, p.old.instance, "key", NULL, 1);
    assert_int_equal(sem_trywait(&c.over), -1);
    run_on(0, commit, &p);
    await(&c.over);
    assert_string_equal(c.value, "precious");
    pair_down(&p);
}

/* --------------------------------------------------------------------------------- nothing to hand over */
static void one_that_keeps_nothing_is_not_held(void **state)
{
    struct pair p;
    pair_up(&p, &state_block, "state.forgetful", NULL, "state.forgetful");
    put(p.old.instance, "mine");
    hand_over(&p);
    assert_int_equal(p.err.code, TRB_OK);
    holds(p.old.instance, "mine");
    run_on(0, commit, &p);
    holds(p.old.instance, "mine");
    holds(p.new_.instance, "");
    pair_down(&p);
}

static void another_type_is_handed_nothing(void **state)
{
    struct pair p;
    pair_up(&p, &state_block, "state.keeping", NULL, "state.forgetful");
    put(p.old.instance, "mine");
    hand_over(&p);
    run_on(0, give_back, &p);
    holds(p.old.instance, "mine");
    holds(p.new_.instance, "");
    pair_down(&p);
}

/* ------------------------------------------------------------------------------------- the bad ends */
static void one_that_refuses_stays_and_says_why(void **state)
{
    struct pair p;
    struct client c;
    pair_up(&p, &state_block, "state.keeping", "refuses", "state.keeping");
    put(p.old.instance, "mine");
    hand_over(&p);
    assert_int_equal(p.err.code, TRB_ABORTED);
    assert_non_null(strstr(p.err.message, "component 'it' stays"));
    assert_non_null(strstr(p.err.message, "it clings to what it has"));
    client_ask(&c, p.old.instance, "key", NULL, 1);
    run_on(0, give_back, &p);
    await(&c.over);
    assert_string_equal(c.value, "mine");
    holds(p.new_.instance, "");
    pair_down(&p);
}

static void one_that_does_not_answer_is_given_up_and_stays(void **state)
{
    struct pair p;
    pair_up(&p, &state_block, "state.keeping", "never", "state.keeping");
    put(p.old.instance, "mine");
    run_on(0, begin, &p);
    while (!p.is_asked)
        run_on(0, see_asked, &p);
    run_on(0, be_late, &p);
    await(&p.over);
    assert_int_equal(p.err.code, TRB_DEADLINE);
    assert_non_null(strstr(p.err.message, "could not hand over what it keeps in time"));
    run_on(0, give_back, &p);
    holds(p.old.instance, "mine");
    assert_int_equal(p.told, 1);
    pair_down(&p);
}

/* ---------------------------------------------------------------------------------------- its streams */
static void nothing_is_held_before_its_block_has_ended_its_streams(void **state)
{
    struct pair p;
    pair_up(&p, &moving_block, "state.keeping", NULL, "state.keeping");
    run_on(0, begin, &p);
    assert_int_equal(moving_of(&p)->moving, 1);
    put(p.old.instance, "in between");
    run_on(0, streams_end, &p);
    await(&p.over);
    assert_int_equal(p.err.code, TRB_OK);
    run_on(0, commit, &p);
    holds(p.new_.instance, "in between");
    assert_int_equal(moving_of(&p)->stays, 0);
    pair_down(&p);
}

static void streams_that_do_not_end_in_time_are_opened_again(void **state)
{
    struct pair p;
    pair_up(&p, &moving_block, "state.keeping", NULL, "state.keeping");
    run_on(0, begin, &p);
    run_on(0, be_late, &p);
    await(&p.over);
    assert_int_equal(p.err.code, TRB_DEADLINE);
    run_on(0, give_back, &p);
    assert_int_equal(moving_of(&p)->stays, 1);
    put(p.old.instance, "goes on");
    holds(p.old.instance, "goes on");
    pair_down(&p);
}

static void a_block_with_streams_has_to_know_what_moving_is(void **state)
{
    static const struct trb_verb_info verbs[] = {{.name = "ask"}, {.name = "listen", .flags = TRB_VERB_STREAM}};
    struct trb_block b = {.size = sizeof b, .verbs = verbs, .verb_count = 2, .verb_size = sizeof verbs[0]};
    assert_false(may_move(&b));
    b.component_moving = component_moving;
    assert_false(may_move(&b));
    b.component_stays = component_stays;
    assert_true(may_move(&b));
    b.size = offsetof(struct trb_block, component_moving);      /* one of an earlier minor version */
    assert_false(may_move(&b));
    b.verb_count = 1;
    assert_true(may_move(&b));
}

static void nothing_is_as_good_as_over(void **state)
{
    handover_commit(NULL);
    handover_abort(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_and_every_later_call_are_the_successors),
        cmocka_unit_test(a_call_waits_from_the_holding_on_and_is_answered_by_the_successor),
        cmocka_unit_test(one_that_keeps_nothing_is_not_held),
        cmocka_unit_test(another_type_is_handed_nothing),
        cmocka_unit_test(one_that_refuses_stays_and_says_why),
        cmocka_unit_test(one_that_does_not_answer_is_given_up_and_stays),
        cmocka_unit_test(nothing_is_held_before_its_block_has_ended_its_streams),
        cmocka_unit_test(streams_that_do_not_end_in_time_are_opened_again),
        cmocka_unit_test(a_block_with_streams_has_to_know_what_moving_is),
        cmocka_unit_test(nothing_is_as_good_as_over),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
