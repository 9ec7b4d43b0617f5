/* browser: who waits is answered once, places take turns and age, whatever the clock of the test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "plugins/nameresolution/mdns/browser.c"

#include <cmocka.h>                        /* last: its fail() is a macro */

#define S 1000000000ull

static char said[8][600];
static uint32_t said_count, asked_count, timer_count;
static void (*fire)(void *);
static void *fire_arg;
static struct browser b;
static struct trb_host host;
static struct trb_call call = {.size = sizeof call, .host = &host};
static struct dns_writer w;

static void on_done(struct trb_call *c, const void *answer, size_t size)
{
    const struct trb_name_address *a = answer;
    snprintf(said[said_count++], sizeof said[0], "%.*s", (int)a->address.len, a->address.at);
}

static void on_fail(struct trb_call *c, const struct trb_error *err)
{
    snprintf(said[said_count++], sizeof said[0], "%d %s", err->code, err->message);
}

static void ask(void *arg, const struct dns_name *service)
{
    asked_count++;
}

static struct trb_timer *start(void *arg, uint64_t after_ns, void (*run)(void *), void *run_arg)
{
    assert_int_equal(after_ns, S);
    fire = run;
    fire_arg = run_arg;
    timer_count++;
    return (struct trb_timer *)&timer_count;
}

static struct trb_timer *cancel(struct trb_timer *t)
{
    timer_count -= t != NULL;
    return NULL;
}

static int set_up(void **state)
{
    memset(&b, 0, sizeof b);
    host = (struct trb_host){.size = sizeof host, .done = on_done, .fail = on_fail};
    browser_init(&b);
    b.ask = ask;
    b.start = start;
    b.cancel = cancel;
    said_count = asked_count = timer_count = 0;
    return 0;
}

static int tear_down(void **state)
{
    browser_fini(&b);
    assert_int_equal(timer_count, 0);
    return 0;
}

static void hear_from(uint32_t pid, const char *address, uint16_t port, bool bye, uint64_t now)
{
    struct identity who;
    assert_null(identity_make(SLICE("app"), "h", pid, address, port, &who));
    browser_hear(&b, bye ? record_goodbye(&who, &w) : record_announcement(&who, &w), now);
}

static void resolve_at(uint64_t now, const char *answer)
{
    uint32_t before = said_count;
    browser_resolve(&b, &call, SLICE("app"), now);
    assert_int_equal(said_count, before + 1);
    assert_string_equal(said[before], answer);
    said_count = 0;
}

static void all_who_wait_are_answered_by_the_first_who_speaks(void **state)
{
    browser_resolve(&b, &call, SLICE("app"), S);
    browser_resolve(&b, &call, SLICE("app"), S);
    assert_int_equal(asked_count, 1);
    assert_int_equal(timer_count, 1);
    hear_from(1, "10.0.0.1", 5, false, S);
    assert_int_equal(said_count, 2);
    assert_string_equal(said[0], "10.0.0.1:5");
    assert_int_equal(timer_count, 0);
    assert_int_equal(asked_count, 2);              /* once more, for those that are slower */
}

static void nobody_speaks(void **state)
{
    browser_resolve(&b, &call, SLICE("app"), S);
    fire(fire_arg);
    assert_int_equal(said_count, 1);
    assert_string_equal(said[0], "5 couldn't find service: app");
    assert_int_equal(b.apps.live, 0);
}

static void whoever_waits_at_the_end_hears_of_it(void **state)
{
    browser_resolve(&b, &call, SLICE("app"), S);
    browser_fini(&b);
    assert_int_equal(said_count, 1);
    browser_init(&b);
}

static void ids_that_no_app_has_are_nobody(void **state)
{
    char long_one[80];
    memset(long_one, 'a', sizeof long_one);
    browser_resolve(&b, &call, (struct trb_slice){long_one, sizeof long_one}, S);
    browser_resolve(&b, &call, SLICE("a..b"), S);
    browser_resolve(&b, &call, SLICE(""), S);
    assert_int_equal(said_count, 3);
    assert_int_equal(asked_count, 0);
}

static void know(uint64_t now)
{
    browser_resolve(&b, &call, SLICE("app"), now);
    hear_from(1, "10.0.0.1", 5, false, now);
    said_count = asked_count = 0;
}

static void places_take_turns(void **state)
{
    know(S);
    hear_from(2, "10.0.0.2", 5, false, S);
    hear_from(3, "::1", 5, false, S);              /* IPv4 goes first while there is any */
    char first[600];
    browser_resolve(&b, &call, SLICE("app"), S);
    snprintf(first, sizeof first, "%s", said[0]);
    said_count = 0;
    const char *other = strcmp(first, "10.0.0.1:5") ? "10.0.0.1:5" : "10.0.0.2:5";
    resolve_at(S, other);
    resolve_at(S, first);
    resolve_at(S, other);
    assert_int_equal(asked_count, 0);
}

static void a_goodbye_takes_a_place_away(void **state)
{
    know(S);
    hear_from(3, "::1", 7, false, S);
    hear_from(1, "10.0.0.1", 5, true, S);
    resolve_at(S, "[::1]:7");
}

static void a_place_that_moved_is_the_same_place(void **state)
{
    know(S);
    hear_from(1, "10.0.0.1", 6, false, S);
    resolve_at(S, "10.0.0.1:6");
    resolve_at(S, "10.0.0.1:6");
}

static void known_apps_are_asked_for_again_and_old_places_go(void **state)
{
    know(S);
    browser_refresh(&b, 31 * S);
    assert_int_equal(asked_count, 1);
    resolve_at(31 * S, "10.0.0.1:5");
    browser_refresh(&b, 61 * S);
    resolve_at(61 * S, "10.0.0.1:5");
    browser_refresh(&b, 62 * S);                   /* 61 s after it was seen */
    assert_int_equal(b.apps.live, 0);
}

static void more_places_than_there_is_room_for_are_left_out(void **state)
{
    know(S);
    for (uint32_t pid = 2; pid < 100; pid++)
        hear_from(pid, "10.0.0.9", (uint16_t)pid, false, S);
    struct app *a = map_get(&b.apps, SLICE("app"));
    assert_int_equal(a->count, INSTANCES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_who_wait_are_answered_by_the_first_who_speaks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_speaks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whoever_waits_at_the_end_hears_of_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ids_that_no_app_has_are_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(places_take_turns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_goodbye_takes_a_place_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_place_that_moved_is_the_same_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(known_apps_are_asked_for_again_and_old_places_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_places_than_there_is_room_for_are_left_out, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
