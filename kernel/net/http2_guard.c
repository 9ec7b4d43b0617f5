/* http2_guard: token buckets. See http2_guard.h. */
#include <net/http2_guard.h>

#include <base/clock.h>

struct rule {
    uint32_t burst, per_second;
};

/* A reset request costs us about what a served one does, so its budget is what a loop can do aside. */
static const struct rule resets = {8000, 2000};
static const struct rule controls = {10000, 5000};
static const struct rule empties = {1000, 100};

#define RESETS_PER_ANSWER 2u        /* a client that is served may cancel as many again */
#define CONTROLS_PER_FRAME 8u       /* each frame of ours may be met by window updates and pings */

#define PING_APART_NS (8 * CLOCK_S)
#define MAX_STRIKES 2u

void http2_guard_init(struct http2_guard *g, uint64_t now_ns)
{
    *g = (struct http2_guard){
        .resets = {resets.burst, now_ns},
        .controls = {controls.burst, now_ns},
        .empties = {empties.burst, now_ns},
    };
}

static void earn(struct http2_bucket *b, uint64_t tokens, const struct rule *rule)
{
    b->tokens = tokens >= rule->burst - b->tokens ? rule->burst : b->tokens + (uint32_t)tokens;
}

static bool spend(struct http2_bucket *b, const struct rule *rule, uint64_t now_ns)
{
    if (!b->tokens) {
        uint64_t passed = now_ns - b->filled_ns;
        uint64_t whole = passed / CLOCK_S * rule->per_second +
                         passed % CLOCK_S * rule->per_second / CLOCK_S;
        if (whole)
            b->filled_ns = now_ns;
        earn(b, whole, rule);
    }
    if (!b->tokens)
        return false;
    b->tokens--;
    return true;
}

bool http2_guard_reset(struct http2_guard *g, uint64_t now_ns)
{
    return spend(&g->resets, &resets, now_ns);
}

bool http2_guard_control(struct http2_guard *g, uint64_t now_ns)
{
    return spend(&g->controls, &controls, now_ns);
}

bool http2_guard_empty(struct http2_guard *g, uint64_t now_ns)
{
    return spend(&g->empties, &empties, now_ns);
}

bool http2_guard_ping(struct http2_guard *g, uint64_t now_ns)
{
    bool is_early = g->last_ping_ns && now_ns - g->last_ping_ns < PING_APART_NS;
    g->last_ping_ns = now_ns;
    if (g->wrote) {
        g->wrote = false;
        g->strikes = 0;
        return true;
    }
    if (is_early)
        g->strikes++;
    return g->strikes <= MAX_STRIKES;
}

void http2_guard_served(struct http2_guard *g)
{
    earn(&g->resets, RESETS_PER_ANSWER, &resets);
}

void http2_guard_sent(struct http2_guard *g)
{
    g->wrote = true;
    earn(&g->controls, CONTROLS_PER_FRAME, &controls);
}
