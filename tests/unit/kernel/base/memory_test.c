/* memory_test: arenas, counted buffers, gathered bodies and maps keep their promises. */
#include <base/arena.h>
#include <base/buf.h>
#include <base/map.h>
#include <base/slice.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static char order[16];

static void note(void *arg)
{
    size_t len = strlen(order);
    order[len] = *(const char *)arg;
}

static void what_is_linked_last_goes_first(void **state)
{
    struct arena *a = arena_create(1000);
    memset(order, 0, sizeof order);
    arena_link(a, note, "1");
    arena_link(a, note, "2");
    arena_clear(a);
    assert_string_equal(order, "21");
    arena_link(a, note, "3");
    arena_destroy(a);
    assert_string_equal(order, "213");
}

static void pieces_are_aligned_and_apart(void **state)
{
    struct arena *a = arena_create(1 << 24);
    char *before = NULL;
    for (size_t size = 0; size < 20000; size = size * 2 + 1) {
        char *at = arena_alloc(a, size);
        assert_int_equal((uintptr_t)at % 16, 0);
        memset(at, 0xab, size);
        assert_ptr_not_equal(at, before);
        before = at;
    }
    arena_destroy(a);
}

static void a_pair_is_two_names(void **state)
{
    struct arena *a = arena_create(1000);
    struct trb_pair p = arena_pair(a, SLICE("key"), SLICE(""));
    assert_string_equal(p.key.at, "key");
    assert_string_equal(p.value.at, "");
    assert_int_equal(p.key.len, 3);
    assert_int_equal(p.value.len, 0);
    p = arena_pair(a, slice_from("key", 2), slice_from("value", 4));
    assert_string_equal(p.key.at, "ke");
    assert_string_equal(p.value.at, "valu");
    p = arena_pair(a, SLICE("absent"), slice_from(NULL, 0));
    assert_string_equal(p.key.at, "absent");
    assert_null(p.value.at);
    arena_destroy(a);
}

static void a_budget_refuses_but_does_not_break(void **state)
{
    struct arena *a = arena_create(4096);
    uint32_t given = 0;
    while (given < 1000 && arena_try(a, 100))
        given++;
    assert_in_range(given, 20, 60);
    assert_non_null(arena_alloc(a, 100));
    arena_clear(a);
    assert_non_null(arena_try(a, 100));
    arena_destroy(a);
}

static void a_buffer_tells_when_the_last_reference_goes(void **state)
{
    char *bytes;
    struct trb_buf *b = buf_new(3, &bytes);
    memset(order, 0, sizeof order);
    memcpy(bytes, "abc", 3);
    buf_on_gone(b, note, "g");
    buf_ref(b);
    assert_null(buf_unref(b));
    assert_string_equal(order, "");
    assert_true(slice_is(buf_bytes(b), SLICE("abc")));
    buf_unref(b);
    assert_string_equal(order, "g");
}

static void wrapped_memory_goes_back_to_its_owner(void **state)
{
    memset(order, 0, sizeof order);
    struct trb_buf *b = buf_wrap(SLICE("foreign"), note, "w");
    assert_true(slice_is(buf_bytes(b), SLICE("foreign")));
    buf_unref(b);
    assert_string_equal(order, "w");
}

static void a_body_is_gathered_up_to_its_limit(void **state)
{
    struct gather g = {0};
    assert_true(gather_add(&g, SLICE("12345"), 8));
    assert_false(gather_add(&g, SLICE("6789"), 8));
    assert_true(gather_add(&g, SLICE("678"), 8));
    struct trb_buf *b = gather_finish(&g);
    assert_true(slice_is(buf_bytes(b), SLICE("12345678")));
    buf_unref(b);
    b = gather_finish(&g);
    assert_int_equal(buf_bytes(b).len, 0);
    buf_unref(b);
}

static void maps_grow_shrink_and_keep_their_order(void **state)
{
    struct map m = {0};
    char key[16];
    for (uintptr_t i = 1; i <= 1000; i++) {
        snprintf(key, sizeof key, "k%zu", (size_t)i);
        assert_null(map_set(&m, slice_of(key), (void *)i));
    }
    for (uintptr_t i = 1; i <= 1000; i += 2) {
        snprintf(key, sizeof key, "k%zu", (size_t)i);
        assert_ptr_equal(map_remove(&m, slice_of(key)), (void *)i);
    }
    uint32_t cursor = 0, count = 0;
    uintptr_t last = 0;
    for (struct map_entry *e; (e = map_next(&m, &cursor)); count++) {
        assert_true((uintptr_t)e->value > last);
        last = (uintptr_t)e->value;
    }
    assert_int_equal(count, 500);
    assert_null(map_get(&m, SLICE("k1")));
    assert_ptr_equal(map_get(&m, SLICE("k2")), (void *)2);
    assert_ptr_equal(map_set(&m, SLICE("k2"), (void *)7), (void *)2);
    map_fini(&m);
}

#define MANY 100

static void *use(struct arena *a)
{
    memset(arena_alloc(a, 3000), 1, 3000);
    return memset(arena_alloc(a, 6000), 2, 6000);       /* in a second block */
}

static void *warm_up(void *unused)
{
    struct arena *at[MANY];
    arena_keep_spares();
    for (int i = 0; i < MANY; i++)
        use(at[i] = arena_create(1 << 20));
    for (int i = 0; i < MANY; i++)
        arena_destroy(at[i]);
    return NULL;
}

#ifndef TRB_SANITIZED
static void *use_twice(void *unused)
{
    void *at[2];
    arena_keep_spares();
    for (int i = 0; i < 2; i++) {
        struct arena *a = arena_create(1 << 20);
        at[i] = use(a);
        arena_destroy(a);
    }
    return at[0] == at[1] ? order : NULL;
}

static void the_blocks_of_an_arena_that_went_are_the_next_ones(void **state)
{
    pthread_t thread;
    void *same;
    assert_int_equal(pthread_create(&thread, NULL, use_twice, NULL), 0);
    pthread_join(thread, &same);
    assert_non_null(same);
}
#endif

static void a_thread_takes_its_warm_arenas_with_it(void **state)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, warm_up, NULL), 0);
    pthread_join(thread, NULL);             /* the leak checker looks at what stayed */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_linked_last_goes_first),
        cmocka_unit_test(pieces_are_aligned_and_apart),
        cmocka_unit_test(a_pair_is_two_names),
        cmocka_unit_test(a_budget_refuses_but_does_not_break),
        cmocka_unit_test(a_buffer_tells_when_the_last_reference_goes),
        cmocka_unit_test(wrapped_memory_goes_back_to_its_owner),
        cmocka_unit_test(a_body_is_gathered_up_to_its_limit),
        cmocka_unit_test(maps_grow_shrink_and_keep_their_order),
#ifndef TRB_SANITIZED
        cmocka_unit_test(the_blocks_of_an_arena_that_went_are_the_next_ones),
#endif
        cmocka_unit_test(a_thread_takes_its_warm_arenas_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
