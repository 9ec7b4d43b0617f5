/* Streams: opened once, events with credit, each settled once, an end after the last of them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail

#include "kernel/plugin/stream.c"
#include "house.h"

#define TRB_DEF <trilby/pubsub.def>
#define TRB_OPS struct trb_pubsub_ops
#define trb_verbs_ pubsub_verbs
#define trb_layout_nothing pubsub_layout_nothing
#include <trilby/verbs_layout.h>

static const struct trb_block pubsub_block = {
    .size = sizeof pubsub_block, .abi = TRB_BLOCK_ABI, .name = "pubsub", .verbs = pubsub_verbs,
    .verb_count = countof(pubsub_verbs), .verb_size = sizeof pubsub_verbs[0], .mandatory = "publish subscribe"};
static const struct trb_verb_info *const verb_publish = &pubsub_verbs[0], *const verb_subscribe = &pubsub_verbs[2];

struct subscriber {
    struct instance *instance;
    struct trb_pubsub_subscribe question;
    struct stream_call *stream;
    struct stream_call_event *events[256];
    uint32_t loop, credit, opened, event_count, ended, verdict;
    struct trb_error failure;
    sem_t has_opened, has_event, has_ended;
};

static void on_open(void *arg)
{
    struct subscriber *s = arg;
    s->opened++;
    sem_post(&s->has_opened);
}

static void on_one(void *arg, struct stream_call_event *e)
{
    struct subscriber *s = arg;
    struct trb_settlement how = {.size = sizeof how, .verdict = s->verdict};
    s->events[s->event_count++] = s->verdict ? NULL : e;
    sem_post(&s->has_event);
    if (s->verdict)
        stream_call_settle(e, &how);           /* may be the last: the end comes inside */
}

static void on_end(void *arg, const struct trb_error *err)
{
    struct subscriber *s = arg;
    s->ended++;
    if (err)
        s->failure = *err;
    sem_post(&s->has_ended);
}

static void open_there(void *arg)
{
    static const struct stream_call_owner owner = {on_one, on_end, on_open};
    struct subscriber *s = arg;
    s->stream = stream_call_open(s->instance, verb_subscribe, &s->question, s->credit, &owner, s);
}

static void subscribe(struct subscriber *s, struct instance *i, const char *topic, uint32_t credit, uint32_t verdict,
                      uint32_t loop)
{
    memset(s, 0, sizeof *s);
    s->instance = i;
    s->question = (struct trb_pubsub_subscribe){.size = sizeof s->question, .topic = name_of(topic)};
    s->credit = credit;
    s->verdict = verdict;
    s->loop = loop;
    sem_init(&s->has_opened, 0, 0);
    sem_init(&s->has_event, 0, 0);
    sem_init(&s->has_ended, 0, 0);
    run_on(loop, open_there, s);
}

static void close_there(void *arg)
{
    struct subscriber *s = arg;
    stream_call_close(s->stream, TRB_WHY_ENDED);
}

static void settle_there(void *arg)
{
    struct subscriber *s = arg;
    struct trb_settlement how = {.size = sizeof how, .verdict = TRB_ACK};
    for (uint32_t i = 0; i < s->event_count; i++)
        if (s->events[i])
            stream_call_settle(s->events[i], &how), s->events[i] = NULL;
}

static void on_published(struct call *c, void *arg)
{
    call_release(c);
    sem_post(arg);
}

struct publishing {
    struct instance *instance;
    sem_t over;
};

static void publish_there(void *arg)
{
    static const struct trb_pubsub_publish q = {.size = sizeof q, .topic = NAME("good"), .data = {"x", 1, NULL}};
    struct publishing *p = arg;
    call_ask(p->instance, &(struct call_question){.verb = verb_publish, .question = &q}, on_published, &p->over);
}

static void publish(struct instance *i, uint32_t loop)
{
    struct publishing p = {.instance = i};
    sem_init(&p.over, 0, 0);
    run_on(loop, publish_there, &p);
    await(&p.over);
}

static void every_message_arrives_in_spite_of_a_credit_of_one(void **state)
{
    struct instance *i = up("pubsub.shouting", &pubsub_block, NULL, NULL);
    static struct subscriber all[LOOPS];
    for (uint32_t l = 0; l < LOOPS; l++)
        subscribe(&all[l], i, "good", 1, TRB_ACK, l);
    for (uint32_t l = 0; l < LOOPS; l++)
        await(&all[l].has_opened);
    for (uint32_t n = 0; n < 100; n++)
        publish(i, n % LOOPS);
    for (uint32_t l = 0; l < LOOPS; l++) {
        for (uint32_t n = 0; n < 100; n++)
            await(&all[l].has_event);
        run_on(l, close_there, &all[l]);
        await(&all[l].has_ended);
        assert_int_equal(all[l].event_count, 100);
        assert_int_equal(all[l].opened, 1);
        assert_int_equal(all[l].failure.code, TRB_OK);
    }
    assert_int_equal(atomic_load(&i->misbehaved), 0);
    down(i);
}

static void the_end_waits_for_the_last_settlement(void **state)
{
    struct instance *i = up("pubsub.shouting", &pubsub_block, NULL, NULL);
    static struct subscriber s;
    subscribe(&s, i, "good", 8, 0, 1);
    await(&s.has_opened);
    publish(i, 0);
    await(&s.has_event);
    run_on(1, close_there, &s);
    run_on(1, close_there, &s);
    assert_int_equal(s.ended, 0);
    run_on(1, settle_there, &s);
    await(&s.has_ended);
    assert_int_equal(s.ended, 1);
    down(i);
}

static void a_stream_that_fails_ends_with_its_reason(void **state)
{
    struct instance *i = up("pubsub.shouting", &pubsub_block, NULL, NULL);
    static struct subscriber s;
    subscribe(&s, i, "fails", 8, 0, 2);
    await(&s.has_ended);
    assert_int_equal(s.failure.code, TRB_UNAVAILABLE);
    assert_string_equal(s.failure.message, "there is no broker");
    assert_int_equal(s.opened, 0);
    down(i);
}

static void opening_twice_counts_once(void **state)
{
    struct instance *i = up("pubsub.shouting", &pubsub_block, NULL, NULL);
    static struct subscriber s;
    subscribe(&s, i, "opened-twice", 8, 0, 1);
    await(&s.has_ended);
    assert_int_equal(s.opened, 1);
    assert_int_equal(atomic_load(&i->misbehaved), 1);
    down(i);
}

static void what_comes_after_the_end_is_dropped(void **state)
{
    struct instance *i = up("pubsub.shouting", &pubsub_block, NULL, NULL);
    static struct subscriber s;
    subscribe(&s, i, "after-done", 8, TRB_ACK, 1);
    await(&s.has_ended);
    assert_int_equal(s.event_count, 0);
    assert_int_equal(s.opened, 1);
    assert_int_equal(atomic_load(&i->misbehaved), 2);
    down(i);
}

static void shouting_without_credit_loses_nothing(void **state)
{
    struct instance *i = up("pubsub.shouting", &pubsub_block, NULL, NULL);
    static struct subscriber s;
    subscribe(&s, i, "without-credit", 2, TRB_ACK, 1);
    await(&s.has_ended);
    assert_int_equal(s.event_count, 100);
    down(i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_arrives_in_spite_of_a_credit_of_one),
        cmocka_unit_test(the_end_waits_for_the_last_settlement),
        cmocka_unit_test(a_stream_that_fails_ends_with_its_reason),
        cmocka_unit_test(opening_twice_counts_once),
        cmocka_unit_test(what_comes_after_the_end_is_dropped),
        cmocka_unit_test(shouting_without_credit_loses_nothing),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
