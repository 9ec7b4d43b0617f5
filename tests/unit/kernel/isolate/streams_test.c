/* Subscriptions of a component in a process of its own: events and what becomes of them go there and back, and
 * when the process ends, the subscription does, once, and another can be made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail

#include "apart.h"
#include <isolate/house.h>
#include <plugin/call.h>
#include <signal.h>
#include <trilby/pubsub.h>

struct subscriber {
    struct instance *instance;
    struct trb_pubsub_subscribe question;
    struct stream_call *stream;
    struct stream_call_event *held[256];
    uint32_t credit, verdict, count, ended;
    trb_code failure;
    char text[64];
    sem_t has_opened, has_event, has_ended;
};

static void on_open(void *arg)
{
    sem_post(&((struct subscriber *)arg)->has_opened);
}

static void on_event(void *arg, struct stream_call_event *e)
{
    struct subscriber *s = arg;
    const struct trb_pubsub_event *event = e->event;
    struct trb_error why = ERROR_INIT;
    struct trb_settlement how = {.size = sizeof how, .verdict = s->verdict, .error = &why, .data = {"done", 4, NULL}};
    error_set(&why, TRB_INTERNAL, "APP", "the handler failed");
    snprintf(s->text, sizeof s->text, "%.*s", (int)event->data.len, event->data.at);
    if (!s->verdict)
        s->held[s->count] = e;
    s->count++;
    sem_post(&s->has_event);
    if (s->verdict)
        stream_call_settle(e, &how);
}

static void on_end(void *arg, const struct trb_error *err)
{
    struct subscriber *s = arg;
    s->ended++;
    s->failure = err ? err->code : TRB_OK;
    sem_post(&s->has_ended);
}

static void open_there(void *arg)
{
    static const struct stream_call_owner owner = {on_event, on_end, on_open};
    struct subscriber *s = arg;
    s->stream = stream_call_open(s->instance, apart_verb("pubsub", "subscribe"), &s->question, s->credit, &owner, s);
}

static void close_there(void *arg)
{
    stream_call_close(((struct subscriber *)arg)->stream, TRB_WHY_ENDED);
}

static void settle_there(void *arg)
{
    struct subscriber *s = arg;
    struct trb_settlement how = {.size = sizeof how, .verdict = TRB_ACK};
    for (uint32_t i = 0; i < s->count; i++)
        if (s->held[i])
            stream_call_settle(s->held[i], &how), s->held[i] = NULL;
}

/* And from now on every one at once. */
static void accept_there(void *arg)
{
    ((struct subscriber *)arg)->verdict = TRB_ACK;
    settle_there(arg);
}

static void subscribe(struct subscriber *s, struct instance *i, const char *topic, uint32_t credit, uint32_t verdict)
{
    *s = (struct subscriber){.instance = i, .credit = credit, .verdict = verdict};
    s->question = (struct trb_pubsub_subscribe){.size = sizeof s->question, .topic = name_of(topic)};
    sem_init(&s->has_opened, 0, 0);
    sem_init(&s->has_event, 0, 0);
    sem_init(&s->has_ended, 0, 0);
    driver_run(open_there, s);
}

static trb_code publish(struct instance *i)
{
    struct trb_pubsub_publish q = {.size = sizeof q, .topic = NAME("say"), .data = {"message", 7, NULL}};
    struct asked a = {.instance = i, .verb = apart_verb("pubsub", "publish"), .question = &q};
    driver_ask(&a);
    trb_code code = call_failure(a.call) ? call_failure(a.call)->code : TRB_OK;
    driver_release(&a);
    return code;
}

static struct instance *up(void)
{
    struct apart a = {.type = "pubsub.shouting"};
    struct instance *i = apart_up(&a);
    assert_non_null(i);
    return i;
}

static void end(struct subscriber *s)
{
    driver_run(close_there, s);
    sem_wait(&s->has_ended);
    assert_int_equal(s->ended, 1);
}

static void events_come_as_long_as_they_are_settled(void **state)
{
    struct instance *i = up();
    struct subscriber s;
    subscribe(&s, i, "good", 1, TRB_RETRY);
    sem_wait(&s.has_opened);
    for (uint32_t n = 0; n < 50; n++) {
        assert_int_equal(publish(i), TRB_OK);
        sem_wait(&s.has_event);
        assert_string_equal(s.text, "message");
    }
    end(&s);
    assert_int_equal(s.failure, TRB_OK);
    driver_retire(i);
}

static void credit_is_kept_across_the_line(void **state)
{
    struct instance *i = up();
    struct subscriber s;
    subscribe(&s, i, "good", 2, 0);
    sem_wait(&s.has_opened);
    for (uint32_t n = 0; n < 5; n++)
        publish(i);
    sem_wait(&s.has_event);
    sem_wait(&s.has_event);
    assert_int_equal(s.count, 2);              /* what was asked before answers after what would have come */
    driver_run(accept_there, &s);
    for (uint32_t n = 2; n < 5; n++)
        sem_wait(&s.has_event);
    end(&s);
    driver_retire(i);
}

static void a_stream_that_fails_says_why(void **state)
{
    struct instance *i = up();
    struct subscriber s;
    subscribe(&s, i, "fails", 2, TRB_ACK);
    sem_wait(&s.has_ended);
    assert_int_equal(s.failure, TRB_UNAVAILABLE);
    driver_retire(i);
}

static void who_emits_beyond_its_credit_is_borne(void **state)
{
    struct instance *i = up();
    struct subscriber s;
    subscribe(&s, i, "without-credit", 2, TRB_ACK);
    for (uint32_t n = 0; n < 100; n++)
        sem_wait(&s.has_event);
    sem_wait(&s.has_ended);
    assert_int_equal(s.ended, 1);
    driver_retire(i);
}

static void when_the_process_ends_the_stream_does_and_another_opens(void **state)
{
    struct instance *i = up();
    struct subscriber s, t;
    subscribe(&s, i, "good", 8, 0);
    sem_wait(&s.has_opened);
    publish(i);
    sem_wait(&s.has_event);
    kill(container_of(i->component, struct house, component)->pid, SIGKILL);
    subscribe(&t, i, "good", 8, TRB_ACK);      /* asked of the one that dies, or waits for the next */
    driver_run(settle_there, &s);              /* an event of a process that is no more */
    sem_wait(&s.has_ended);
    assert_int_equal(s.failure, TRB_UNAVAILABLE);
    while (sem_trywait(&t.has_opened)) {
        if (!sem_trywait(&t.has_ended))
            subscribe(&t, i, "good", 8, TRB_ACK);
        sched_yield();
    }
    assert_int_equal(publish(i), TRB_OK);
    sem_wait(&t.has_event);
    end(&t);
    driver_retire(i);
}

static int set_up(void **state)
{
    driver_start();
    return 0;
}

static int tear_down(void **state)
{
    driver_stop();
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], ISOLATE_WORD))
        return isolate_child(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_as_long_as_they_are_settled),
        cmocka_unit_test(credit_is_kept_across_the_line),
        cmocka_unit_test(a_stream_that_fails_says_why),
        cmocka_unit_test(who_emits_beyond_its_credit_is_borne),
        cmocka_unit_test(when_the_process_ends_the_stream_does_and_another_opens),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
