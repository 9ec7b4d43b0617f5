/* Commands as they stand on the wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <base/slice.h>
#include <redis/command.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static void a_head_says_every_digit_of_its_number(void **state)
{
    static const size_t numbers[] = {0, 1, 9, 10, 11, 99, 100, 101, 999, 1000, 65535, 4294967296u, SIZE_MAX};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char room[24], wanted[32];
        int len = snprintf(wanted, sizeof wanted, "$%zu\r\n", numbers[i]);
        assert_int_equal(redis_command_head(room, '$', numbers[i]) - room, len);
        assert_memory_equal(room, wanted, (size_t)len);
    }
}

static void a_command_is_an_array_of_its_words_and_fits_its_room(void **state)
{
    struct trb_data words[] = {redis_text("HSET"), redis_text(""), redis_word(SLICE("a\r\n\0b")), redis_text("twelve bytes")};
    static const char wanted[] = "*4\r\n$4\r\nHSET\r\n$0\r\n\r\n$5\r\na\r\n\0b\r\n$12\r\ntwelve bytes\r\n";
    size_t room = redis_command_room(words, 4);
    char *to = malloc(room);
    assert_true(room >= sizeof wanted - 1);
    assert_int_equal(redis_command_write(to, words, 4), sizeof wanted - 1);
    assert_memory_equal(to, wanted, sizeof wanted - 1);
    free(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_says_every_digit_of_its_number),
        cmocka_unit_test(a_command_is_an_array_of_its_words_and_fits_its_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
