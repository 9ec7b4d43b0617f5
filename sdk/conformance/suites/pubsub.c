/* pubsub: what is published arrives, each event is settled, a subscription ends when asked to. */
#include "../judge.h"
#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <stdio.h>
#include <trilby/pubsub.h>

#define MESSAGES 10u

static struct trb_name topic(struct test *t, const char *word)
{
    struct trb_name key = test_key(t, word);
    for (char *p = (char *)(uintptr_t)key.at; *p; p++)
        *p = *p == '|' || *p == ' ' ? '-' : *p;
    return key;
}

static struct listener *hear(struct test *t, struct trb_name name, uint32_t credit, uint32_t loop)
{
    struct trb_pubsub_subscribe *q = mem_zero(sizeof *q);
    *q = (struct trb_pubsub_subscribe){.size = sizeof *q, .topic = name};
    struct listener *l = listen_begin(t, q, credit, loop);
    EXPECT(t, listen_opened(l, PATIENCE_NS), "the subscription does not open: %s",
           listen_failure(l) ? listen_failure(l)->message : "no answer");
    mem_free(q);
    return l;
}

static bool say(struct test *t, struct trb_name name, struct trb_slice data)
{
    struct trb_pubsub_publish q = {.size = sizeof q, .topic = name, .data = {data.at, data.len, NULL}};
    struct trb_error err = ERROR_INIT;
    bool well = ask_well(t, "publish", &q, &err);
    EXPECT(t, well, "publish fails: %s", err.message);
    return well;
}

static void say_many(struct test *t, struct trb_name name, uint32_t count)
{
    char text[32];
    for (uint32_t i = 0; i < count; i++)
        if (!say(t, name, slice_from(text, (size_t)snprintf(text, sizeof text, "{\"n\":%u}", i))))
            return;
}

static bool has_heard(struct listener *l, uint32_t n)
{
    char text[32];
    struct trb_slice want = {text, (size_t)snprintf(text, sizeof text, "{\"n\":%u}", n)};
    for (uint32_t i = 0, count = listen_count(l); i < count; i++)
        if (slice_is(listen_heard(l, i).data, want))
            return true;
    return false;
}

static void close_it(struct test *t, struct listener *l)
{
    EXPECT(t, listen_close(l, TRB_WHY_ENDED, PATIENCE_NS), "a cancelled subscription does not end");
}

static void arrives(struct test *t)
{
    struct trb_name name = topic(t, "arrives");
    struct listener *l = hear(t, name, 100, 1);
    listen_settle_all(l, TRB_ACK);
    say_many(t, name, MESSAGES);
    EXPECT(t, listen_wait(l, MESSAGES, PATIENCE_NS), "%u of %u messages arrived", listen_count(l), MESSAGES);
    for (uint32_t i = 0; i < MESSAGES; i++)
        EXPECT(t, has_heard(l, i), "message %u did not arrive as it was sent", i);
    for (uint32_t i = 0, count = listen_count(l); i < count; i++)
        EXPECT(t, slice_is(listen_heard(l, i).topic, slice_name(name)), "an event does not carry its topic");
    close_it(t, l);
}

static void keeps_order(struct test *t)
{
    struct trb_name name = topic(t, "order");
    if (!t->subject->is_ordered) {
        test_skip(t, "without --ordered");
        return;
    }
    struct listener *l = hear(t, name, 1, 0);
    listen_settle_all(l, TRB_ACK);
    say_many(t, name, MESSAGES);
    EXPECT(t, listen_wait(l, MESSAGES, PATIENCE_NS), "%u of %u messages arrived", listen_count(l), MESSAGES);
    for (uint32_t i = 0, count = listen_count(l); i < count && i < MESSAGES; i++) {
        char text[32];
        struct trb_slice want = {text, (size_t)snprintf(text, sizeof text, "{\"n\":%u}", i)};
        EXPECT(t, slice_is(listen_heard(l, i).data, want), "message %u is out of order", i);
    }
    close_it(t, l);
}

/* As the reference's suite: the first two, then every fifth handler fails. */
static void survives_failing_handlers(struct test *t)
{
    struct trb_name name = topic(t, "failing");
    struct listener *l = hear(t, name, 100, 0);
    say_many(t, name, MESSAGES);
    uint32_t settled = 0;
    while (settled < MESSAGES && listen_wait(l, settled + 1, PATIENCE_NS)) {
        listen_settle(l, settled, settled < 2 || settled % 5 == 0 ? TRB_RETRY : TRB_ACK);
        settled++;
    }
    EXPECT(t, settled >= MESSAGES, "%u of %u messages arrived when some handlers failed", settled, MESSAGES);
    listen_settle_all(l, TRB_DROP);
    close_it(t, l);
}

static void credit_is_kept(struct test *t)
{
    struct trb_name name = topic(t, "credit");
    struct listener *l = hear(t, name, 3, 0);
    say_many(t, name, MESSAGES);
    EXPECT(t, listen_wait(l, 1, PATIENCE_NS), "nothing arrives");
    for (uint32_t done = 0; done < MESSAGES && listen_wait(l, done + 1, PATIENCE_NS); done++) {
        uint32_t heard = listen_count(l);
        EXPECT(t, heard <= done + 3, "%u events were under way with a credit of 3", heard - done);
        listen_settle(l, done, TRB_ACK);
    }
    EXPECT(t, listen_count(l) >= MESSAGES, "after the credit was used up %u of %u arrived: resume is not heeded",
           listen_count(l), MESSAGES);
    close_it(t, l);
}

static void no_cross_talk(struct test *t)
{
    struct trb_name one = topic(t, "one"), two = topic(t, "two");
    struct listener *first = hear(t, one, 10, 0), *second = hear(t, two, 10, 1);
    listen_settle_all(first, TRB_ACK);
    listen_settle_all(second, TRB_ACK);
    say(t, one, SLICE("{\"n\":1}"));
    say(t, two, SLICE("{\"n\":2}"));
    EXPECT(t, listen_wait(first, 1, PATIENCE_NS) && listen_wait(second, 1, PATIENCE_NS), "two topics: one is silent");
    EXPECT(t, !has_heard(first, 2) && !has_heard(second, 1), "an event went to the other topic's subscription");
    close_it(t, first);
    uint32_t before = listen_count(first);
    say(t, two, SLICE("{\"n\":3}"));
    say(t, one, SLICE("{\"n\":4}"));
    EXPECT(t, listen_wait(second, 2, PATIENCE_NS), "ending one subscription stopped the other");
    EXPECT(t, listen_count(first) == before, "an ended subscription still hears");
    close_it(t, second);
}

static void binary(struct test *t)
{
    static char every[256];
    for (int i = 0; i < 256; i++)
        every[i] = (char)i;
    struct trb_name name = topic(t, "binary");
    struct listener *l = hear(t, name, 10, 0);
    listen_settle_all(l, TRB_ACK);
    say(t, name, slice_from(every, 256));
    EXPECT(t, listen_wait(l, 1, PATIENCE_NS) && slice_is(listen_heard(l, 0).data, slice_from(every, 256)),
           "256 different bytes do not arrive as they were sent");
    close_it(t, l);
}

static void ends_with_events_held(struct test *t)
{
    struct trb_name name = topic(t, "held");
    struct listener *l = hear(t, name, 10, 0);
    say_many(t, name, 3);
    EXPECT(t, listen_wait(l, 1, PATIENCE_NS), "nothing arrives");
    EXPECT(t, listen_close(l, TRB_WHY_DRAINING, PATIENCE_NS), "it does not end when events come back held");
}

static void opens_and_closes(struct test *t)
{
    for (uint32_t i = 0; i < 20; i++) {
        struct trb_name name = topic(t, "often");
        struct trb_pubsub_subscribe q = {.size = sizeof q, .topic = name};
        struct listener *l = listen_begin(t, &q, 4, i % HOUSE_LOOPS);
        if (i % 2)
            listen_opened(l, PATIENCE_NS);
        REQUIRE(t, listen_close(l, TRB_WHY_ENDED, PATIENCE_NS), "subscription %u does not end", i);
    }
}

/* What was refused is refused in words; what was taken arrives whole, now or later. */
static void buffers_run_out(struct test *t)
{
    struct trb_name name = topic(t, "no buffers");
    struct listener *l = hear(t, name, 100, 0);
    struct trb_pubsub_publish q = {.size = sizeof q, .topic = name, .data = {"{\"n\":7}", 7, NULL}};
    listen_settle_all(l, TRB_ACK);
    for (uint32_t i = 0; i < 12; i++) {
        atomic_store(&shim_ways.fail_each, 1 + i % 3);
        struct asked *a = ask_begin(t, "publish", &q, &(struct how){.loop = i, .without_owner = true});
        EXPECT(t, ask_wait(a, PATIENCE_NS), "publish was not answered when there was no buffer");
        ask_end(a);
    }
    atomic_store(&shim_ways.fail_each, 0);
    say(t, name, SLICE("{\"n\":8}"));
    for (uint32_t heard = 0; !has_heard(l, 8) && listen_wait(l, heard + 1, PATIENCE_NS); heard++)
        ;
    EXPECT(t, has_heard(l, 8), "it does not deliver when there are buffers again");
    for (uint32_t i = 0, count = listen_count(l); i < count; i++)
        EXPECT(t, listen_heard(l, i).data.len == 7, "a message arrived that is not whole");
    close_it(t, l);
}

static void in_bulk(struct test *t)
{
    struct trb_name name = topic(t, "bulk");
    struct trb_pubsub_entry entries[MESSAGES];
    char texts[MESSAGES][32], ids[MESSAGES][8];
    struct listener *l = hear(t, name, 100, 0);
    listen_settle_all(l, TRB_ACK);
    for (uint32_t i = 0; i < MESSAGES; i++) {
        size_t len = (size_t)snprintf(texts[i], sizeof texts[i], "{\"n\":%u}", i);
        snprintf(ids[i], sizeof ids[i], "e%u", i);
        entries[i] = (struct trb_pubsub_entry){.size = sizeof entries[i], .id = name_of(ids[i]),
                                               .data = {texts[i], len, NULL}};
    }
    struct trb_pubsub_bulk_publish q = {.size = sizeof q, .topic = name, .entries = {entries, MESSAGES, sizeof entries[0]}};
    struct asked *a = ask(t, "bulk_publish", &q);
    REQUIRE(t, a && !ask_failure(a), "bulk_publish fails");
    for (uint32_t i = 0; i < MESSAGES; i++)
        EXPECT(t, !ask_item_failure(a, i), "bulk_publish: entry %u failed", i);
    ask_end(a);
    EXPECT(t, listen_wait(l, MESSAGES, PATIENCE_NS), "%u of %u messages of one bulk arrived", listen_count(l), MESSAGES);
    close_it(t, l);
}

const struct test_case suite_pubsub[] = {
    {"pubsub", "delivers what is published", arrives, "pubsub"},
    {"pubsub", "delivers every byte", binary, "pubsub"},
    {"pubsub", "keeps the order of a topic", keeps_order, "pubsub"},
    {"pubsub", "goes on when handlers fail", survives_failing_handlers, "pubsub"},
    {"pubsub", "emits no more than its credit, and goes on at resume", credit_is_kept, "pubsub"},
    {"pubsub", "keeps topics apart", no_cross_talk, "pubsub"},
    {"pubsub", "ends with events that were held", ends_with_events_held, "pubsub"},
    {"pubsub", "fails, and recovers, when there are no buffers", buffers_run_out, "pubsub"},
    {"pubsub", "opens and ends subscriptions again and again", opens_and_closes, "pubsub"},
    {"pubsub", "publishes many at once", in_bulk, "pubsub", "bulk_publish"},
    {0},
};
