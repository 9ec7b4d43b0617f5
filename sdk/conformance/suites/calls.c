/* calls: the law of answers, with the one question that any component of the block can be asked. */
#include "../judge.h"
#include "../law.h"
#include <base/check.h>

#define MANY 1000u

static void expect_answer(struct test *t, struct asked *a, const char *when)
{
    EXPECT(t, ask_wait(a, PATIENCE_NS), "%s, %s: no answer within %d s", t->subject->facts->probe, when,
           (int)(PATIENCE_NS / CLOCK_S));
    ask_end(a);
}

static void from_every_loop(struct test *t)
{
    for (uint32_t i = 0; i < HOUSE_LOOPS; i++)
        expect_answer(t, probe_begin(t, &(struct how){.loop = i}), "asked from a loop");
}

static void many(struct test *t)
{
    static struct asked *all[MANY];
    for (uint32_t i = 0; i < MANY; i++)
        all[i] = probe_begin(t, &(struct how){.loop = i});
    for (uint32_t i = 0; i < MANY; i++)
        expect_answer(t, all[i], "among a thousand");
}

static void cancelled(struct test *t)
{
    static const uint32_t whys[] = {TRB_WHY_DEADLINE, TRB_WHY_CLIENT, TRB_WHY_ENDED, TRB_WHY_DRAINING};
    uint64_t end = clock_now_ns() + 5 * CLOCK_S;      /* a component may take its time all the same */
    for (uint32_t i = 0; i < 200 && clock_now_ns() < end; i++) {
        struct asked *a = probe_begin(t, &(struct how){.loop = i});
        ask_cancel(a, whys[i % countof(whys)]);
        expect_answer(t, a, "cancelled");
    }
    expect_answer(t, probe_begin(t, NULL), "after cancelled ones");
}

static void cancelled_in_a_crowd(struct test *t)
{
    static struct asked *all[MANY];
    for (uint32_t i = 0; i < MANY; i++)
        all[i] = probe_begin(t, &(struct how){.loop = i / 16});
    for (uint32_t i = 0; i < MANY; i += 3)
        ask_cancel(all[i], TRB_WHY_CLIENT);
    for (uint32_t i = 0; i < MANY; i++)
        expect_answer(t, all[i], "in a crowd of cancelled ones");
}

static void past_deadline(struct test *t)
{
    uint64_t end = clock_now_ns() + 5 * CLOCK_S;
    for (uint32_t i = 0; i < 20 && clock_now_ns() < end; i++) {
        struct asked *a = probe_begin(t, &(struct how){.loop = i, .deadline_ns = clock_now_ns() - CLOCK_S});
        expect_answer(t, a, "with a deadline that has passed");
    }
    end = clock_now_ns() + 5 * CLOCK_S;
    for (uint32_t i = 0; i < 20 && clock_now_ns() < end; i++) {
        struct asked *a = probe_begin(t, &(struct how){.loop = i, .deadline_ns = clock_now_ns() + CLOCK_MS});
        if (!ask_wait(a, 2 * CLOCK_MS))
            ask_cancel(a, TRB_WHY_DEADLINE);
        expect_answer(t, a, "when its deadline passes");
    }
}

static void stopped_behind_a_crowd(struct test *t)
{
    static struct asked *all[MANY];
    for (uint32_t i = 0; i < MANY; i++)
        all[i] = probe_begin(t, &(struct how){.loop = i});
    for (uint32_t i = 0; i < MANY; i++)
        ask_cancel(all[i], TRB_WHY_DRAINING);
    for (uint32_t i = 0; i < MANY; i++)
        expect_answer(t, all[i], "before stop");
    test_stop(t);
}

const struct test_case suite_calls[] = {
    {"calls", "answers every loop", from_every_loop, .asks = 1},
    {"calls", "answers a thousand questions at once", many, .asks = 1},
    {"calls", "still answers what was cancelled", cancelled, .asks = 1},
    {"calls", "answers the others when some are cancelled", cancelled_in_a_crowd, .asks = 1},
    {"calls", "answers when a deadline has passed", past_deadline, .asks = 1},
    {"calls", "stops after a crowd was cancelled", stopped_behind_a_crowd, .asks = 1},
    {0},
};
