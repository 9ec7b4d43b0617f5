/* hosts: older and newer ones, one without services, one without memory. */
#include "../judge.h"
#include "../law.h"
#include <base/error.h>

/* Longer structs, wider strides, a higher minor: nothing may be read by sizeof of its own. */
static void newer(struct test *t)
{
    shim_ways.longer = 64;
    shim_ways.minor = TRB_ABI_MINOR + 1;
    if (test_start(t))
        EXPECT(t, probe(t), "it does not answer a newer host");
}

/* The first release's tables, to the byte; what lies behind them cannot be read. */
static void oldest(struct test *t)
{
    shim_ways.longer = 0;
    shim_ways.minor = 0;
    if (test_start(t))
        EXPECT(t, probe(t), "it does not answer the oldest host");
}

static void without_services(struct test *t)
{
    struct trb_error err = ERROR_INIT;
    shim_ways.without_services = true;
    if (!instance_up(t, NULL, &t->instance, &err))
        EXPECT(t, probe(t), "it started without the host's services and does not answer");
    else
        EXPECT(t, err.message[0], "it does not start and does not say why");
}

static void without_memory(struct test *t)
{
    static const uint32_t each[] = {1, 2, 3, 7};
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++) {
        atomic_store(&shim_ways.fail_each, each[i]);
        uint64_t end = clock_now_ns() + CLOCK_S;
        for (uint32_t k = 0; k < 10 && clock_now_ns() < end; k++)
            EXPECT(t, probe(t), "no answer when every %u. buffer is refused", each[i]);
    }
    atomic_store(&shim_ways.fail_each, 0);
    EXPECT(t, probe(t), "no answer after buffers were refused");
    if (!atomic_load(&shim_counts.refused_buffers))
        test_skip(t, "it takes no buffer for this question; the block's suite tries again");
}

const struct test_case suite_hosts[] = {
    {"hosts", "serves a newer one, whose structs are longer", newer, .starts_itself = 1},
    {"hosts", "serves the oldest one, and reads nothing behind its structs", oldest, .starts_itself = 1},
    {"hosts", "starts, or says why not, on one without services", without_services, .starts_itself = 1},
    {"hosts", "answers one that has no buffers left", without_memory, .asks = 1},
    {0},
};
