/* http2_memory_test: pieces come back to who asks for their size next, whole and apart from each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/net/http2_memory.c"

#ifdef TRB_SANITIZED

static void a_sanitizer_build_keeps_none(void **state)
{
    assert_null(http2_memory());
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(a_sanitizer_build_keeps_none)};

#else

static void *ask(size_t size)
{
    void *at = http2_memory()->malloc(size, NULL);
    assert_non_null(at);
    assert_int_equal((uintptr_t)at % 16, 0);
    memset(at, 0xa5, size);
    return at;
}

static void drop(void *at)
{
    http2_memory()->free(at, NULL);
}

static void a_piece_is_taken_again_for_its_size(void **state)
{
    void *small = ask(65), *other = ask(1);
    drop(small);
    drop(other);
    assert_ptr_equal(ask(128), small);
    assert_ptr_equal(ask(64), other);
    drop(small);
    drop(other);
}

static void pieces_of_all_sizes_lie_apart(void **state)
{
    uint8_t *at[1200];
    for (size_t i = 0; i < 1200; i++)
        memset(at[i] = ask(i), (int)(i & 0xff), i);
    for (size_t i = 0; i < 1200; i++) {
        for (size_t n = 0; n < i; n++)
            assert_int_equal(at[i][n], i & 0xff);
        drop(at[i]);
    }
}

static void a_piece_that_grows_keeps_its_bytes(void **state)
{
    static const size_t sizes[] = {1, 64, 65, 1024, 1025, 70000, 10, 3};
    uint8_t *at = http2_memory()->realloc(NULL, 1, NULL);
    at[0] = 7;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        at = http2_memory()->realloc(at, sizes[i], NULL);
        assert_int_equal(at[0], 7);
        memset(at + 1, 0xee, sizes[i] - 1);
    }
    drop(at);
}

static void zeroed_is_zeroed_although_it_was_used(void **state)
{
    drop(ask(200));
    uint8_t *at = http2_memory()->calloc(1, 200, NULL);
    for (size_t i = 0; i < 200; i++)
        assert_int_equal(at[i], 0);
    drop(at);
}

static void no_more_are_kept_than_a_few(void **state)
{
    void *at[2 * KEPT];
    for (size_t i = 0; i < 2 * KEPT; i++)
        at[i] = ask(300);
    for (size_t i = 0; i < 2 * KEPT; i++)
        drop(at[i]);
    assert_int_equal(kept[(300 - 1) / STEP].count, KEPT);
}

static void nothing_may_be_given_back(void **state)
{
    drop(NULL);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_piece_is_taken_again_for_its_size), cmocka_unit_test(pieces_of_all_sizes_lie_apart),
    cmocka_unit_test(a_piece_that_grows_keeps_its_bytes),  cmocka_unit_test(zeroed_is_zeroed_although_it_was_used),
    cmocka_unit_test(no_more_are_kept_than_a_few),         cmocka_unit_test(nothing_may_be_given_back),
};

#endif

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
