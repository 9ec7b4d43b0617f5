/* Windows against simulated lines: they fill a long one, leave a short one small, and are limited together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/net/http2_window.c"

/* A line of a bandwidth and a delay whose sender is held up by the window alone: in each round trip it sends what the
 * window allows, in pieces. What the line does not carry at once waits in its queue, and so does the ping. */
struct line {
    struct http2_window w;
    uint64_t now_ns, delay_ns, bytes_per_s, sent;
};

#define PIECE 16384u

static void round_trip(struct line *l)
{
    uint64_t flight = l->w.size, took_ns = flight * CLOCK_S / l->bytes_per_s;
    if (took_ns < l->delay_ns)
        took_ns = l->delay_ns;
    for (uint64_t at = 0; at < flight; at += PIECE) {
        (void)http2_window_came(&l->w, PIECE, l->now_ns);
        l->now_ns += took_ns * PIECE / flight;
        l->sent += PIECE;
        if (l->w.is_measuring && l->now_ns - l->w.asked_ns >= took_ns)
            (void)http2_window_answered(&l->w, l->now_ns);
    }
}

static struct line line_of(uint64_t delay_ns, uint64_t bytes_per_s)
{
    struct line l = {.now_ns = CLOCK_S, .delay_ns = delay_ns, .bytes_per_s = bytes_per_s};
    http2_window_init(&l.w);
    return l;
}

static void send_all(struct line *l, uint64_t bytes)
{
    while (l->sent < bytes)
        round_trip(l);
}

static void it_begins_as_http2_says(void **state)
{
    struct http2_window w;
    http2_window_init(&w);
    assert_int_equal(w.size, 65535);
}

static void a_long_line_is_filled(void **state)
{
    struct line l = line_of(100 * CLOCK_MS, 20000000);      /* 2 MB in flight */
    send_all(&l, 64 << 20);
    assert_in_range(l.w.size, 4000000, 8000000);            /* twice of it, because half may be on its way back */
    uint64_t ideal_ns = (64ull << 20) * CLOCK_S / l.bytes_per_s;
    assert_in_range(l.now_ns - CLOCK_S, ideal_ns, ideal_ns + 2 * CLOCK_S);
    http2_window_fini(&l.w);
}

static void what_waits_in_queues_is_not_taken_for_distance(void **state)
{
    struct line l = line_of(10 * CLOCK_MS, 1000000);        /* 10 kB in flight: even the first window queues */
    send_all(&l, 64 << 20);
    assert_in_range(l.w.size, 65535, 4 * 65535);
    http2_window_fini(&l.w);
}

static void a_short_line_needs_little(void **state)
{
    struct line l = line_of(50000, 1000000000);             /* a neighbour: 50 us, 1 GB/s */
    send_all(&l, 1 << 30);
    assert_in_range(l.w.size, 65535, 1 << 20);
    http2_window_fini(&l.w);
}

static void no_window_is_larger_than_the_limit(void **state)
{
    struct line l = line_of(CLOCK_S, 10000000000);
    send_all(&l, 1 << 30);
    assert_int_equal(l.w.size, HTTP2_MAX_WINDOW);
    http2_window_fini(&l.w);
}

static void all_windows_together_are_limited_and_give_back(void **state)
{
    struct line lines[8];
    uint64_t sum = 0;
    for (uint32_t i = 0; i < 8; i++) {
        lines[i] = line_of(CLOCK_S, 10000000000);
        send_all(&lines[i], 256 << 20);
        sum += lines[i].w.size - HTTP2_WINDOW;
    }
    assert_in_range(sum, HTTP2_LENT_WINDOW / 2, HTTP2_LENT_WINDOW);
    assert_int_equal(sum, lent);
    for (uint32_t i = 0; i < 8; i++)
        http2_window_fini(&lines[i].w);
    assert_int_equal(lent, 0);
}

static void between_two_pings_data_comes(void **state)
{
    struct line l = line_of(100 * CLOCK_MS, 20000000);
    for (int i = 0; i < 50; i++) {
        while (!http2_window_came(&l.w, 1000, l.now_ns))
            ;
        assert_false(http2_window_came(&l.w, 1000, l.now_ns));      /* one at a time */
        l.now_ns += l.delay_ns;
        (void)http2_window_answered(&l.w, l.now_ns);
        assert_true(l.w.quiet > 0);
        assert_false(http2_window_answered(&l.w, l.now_ns));        /* nobody asked */
    }
    http2_window_fini(&l.w);
}

static void who_gains_nothing_asks_seldom(void **state)
{
    struct line l = line_of(50000, 10000000);
    uint64_t pings = 0;
    for (uint64_t sent = 0; sent < 64 << 20; sent += 10000)
        if (http2_window_came(&l.w, 10000, l.now_ns)) {
            pings++;
            l.now_ns += l.delay_ns;
            (void)http2_window_answered(&l.w, l.now_ns);
        }
    assert_in_range(pings, 10, 100);
    http2_window_fini(&l.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_begins_as_http2_says),
        cmocka_unit_test(a_long_line_is_filled),
        cmocka_unit_test(what_waits_in_queues_is_not_taken_for_distance),
        cmocka_unit_test(a_short_line_needs_little),
        cmocka_unit_test(no_window_is_larger_than_the_limit),
        cmocka_unit_test(all_windows_together_are_limited_and_give_back),
        cmocka_unit_test(between_two_pings_data_comes),
        cmocka_unit_test(who_gains_nothing_asks_seldom),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
