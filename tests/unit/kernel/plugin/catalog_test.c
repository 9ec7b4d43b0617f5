/* The catalog: a new one is in force on every loop before publish calls back, and the old one is gone. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail

#include "kernel/plugin/catalog.c"
#include "house.h"

static struct instance first = {.magic = INSTANCE_MAGIC, .block = "state", .name = "orders"};
static struct instance second = {.magic = INSTANCE_MAGIC, .block = "pubsub", .name = "bus"};
static struct trb_instance view_one = {.magic = VIEW_MAGIC, .instance = &first};
static struct trb_instance view_two = {.magic = VIEW_MAGIC, .instance = &second};

struct publishing_catalog {
    struct trb_instance *views[2];
    uint32_t count;
    sem_t over;
};

static void on_published(void *arg)
{
    sem_post(&((struct publishing_catalog *)arg)->over);
}

static void publish_there(void *arg)
{
    struct publishing_catalog *p = arg;
    catalog_publish(catalog_create(p->views, p->count), on_published, p);
}

static void publish(uint32_t count)
{
    struct publishing_catalog p = {.views = {&view_one, &view_two}, .count = count};
    sem_init(&p.over, 0, 0);
    run_on(0, publish_there, &p);
    await(&p.over);
}

struct look {
    struct trb_instance *one, *two, *none, *last;
    uint32_t states;
};

static void look_there(void *arg)
{
    struct look *l = arg;
    *l = (struct look){catalog_find("state", SLICE("orders")), catalog_find("pubsub", SLICE("bus")),
                       catalog_find("state", SLICE("bus")), catalog_at(2), catalog_count("state")};
}

static void every_loop_sees_what_was_published(void **state)
{
    publish(2);
    for (uint32_t i = 0; i < LOOPS; i++) {
        struct look l;
        run_on(i, look_there, &l);
        assert_ptr_equal(l.one, &view_one);
        assert_ptr_equal(l.two, &view_two);
        assert_null(l.none);
        assert_null(l.last);
        assert_int_equal(l.states, 1);
    }
}

static void what_left_is_found_by_no_loop(void **state)
{
    publish(2);
    publish(1);
    for (uint32_t i = 0; i < LOOPS; i++) {
        struct look l;
        run_on(i, look_there, &l);
        assert_ptr_equal(l.one, &view_one);
        assert_null(l.two);
    }
    publish(0);
}

static void outside_of_loops_there_is_nothing(void **state)
{
    publish(2);
    assert_null(catalog_find("state", SLICE("orders")));
    assert_null(catalog_at(0));
    publish(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_loop_sees_what_was_published),
        cmocka_unit_test(what_left_is_found_by_no_loop),
        cmocka_unit_test(outside_of_loops_there_is_nothing),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
