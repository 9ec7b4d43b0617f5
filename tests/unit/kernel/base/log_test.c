/* log_test: the two forms of a line, and that none is lost on the way to the descriptor. */
#include <base/log_line.h>
#include <base/slice.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static struct log_line line_of(bool json)
{
    static const struct log_field fields[] = {{"duration", {NULL, 0}, 12}, {"method", {"GET /x y", 8}, 0}};
    return (struct log_line){.level = LOG_WARN, .json = json, .scope = "dapr.runtime", .app_id = "orders", .instance = "host",
                             .version = "1.18.0", .wall_ns = 1700000000123456789, .message = SLICE("a \"b\"\n"),
                             .fields = fields, .count = 2};
}

static void assert_line(bool json, const char *wanted)
{
    struct log_line l = line_of(json);
    struct text t = {0};
    log_line_write(&l, &t);
    text_addc(&t, 0);
    assert_string_equal(t.at, wanted);
    text_fini(&t);
}

static void logfmt_has_its_front_and_sorted_fields(void **state)
{
    assert_line(false, "time=\"2023-11-14T22:13:20.123456789Z\" level=warning msg=\"a \\\"b\\\"\\n\" app_id=orders duration=12 "
                       "instance=host method=\"GET /x y\" scope=dapr.runtime type=log ver=1.18.0\n");
}

static void json_is_sorted_whole(void **state)
{
    assert_line(true, "{\"app_id\":\"orders\",\"duration\":12,\"instance\":\"host\",\"level\":\"warning\",\"method\":\"GET /x y\","
                      "\"msg\":\"a \\\"b\\\"\\n\",\"scope\":\"dapr.runtime\",\"time\":\"2023-11-14T22:13:20.123456789Z\","
                      "\"type\":\"log\",\"ver\":\"1.18.0\"}\n");
}

#define THREADS 4
#define LINES 500

static void *talk(void *name)
{
    for (int i = 0; i < LINES; i++)
        log_write(LOG_INFO, "test", "%s %d", (const char *)name, i);
    return NULL;
}

static void lines_of_many_threads_arrive_whole_and_in_order(void **state)
{
    static char names[THREADS][2] = {"a", "b", "c", "d"};
    char path[] = "/tmp/log_test.XXXXXX", line[512];
    int fd = mkstemp(path), next[THREADS] = {0};
    struct log_setup setup = {.app_id = "t", .instance = "i", .version = "v", .level = LOG_INFO, .fd = fd};
    pthread_t threads[THREADS];
    log_start(&setup);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, talk, names[i]);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    log_stop();
    FILE *f = fopen(path, "r");
    while (fgets(line, sizeof line, f)) {
        char name;
        int number;
        const char *msg = strstr(line, "msg=\"");
        assert_non_null(msg);
        assert_int_equal(sscanf(msg, "msg=\"%c %d\"", &name, &number), 2);
        assert_int_equal(number, next[name - 'a']++);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(next[i], LINES);
    assert_int_equal(log_dropped(), 0);
    fclose(f);
    close(fd);
    unlink(path);
}

static void levels_have_their_words(void **state)
{
    uint32_t level = 9;
    assert_true(log_level_parse("warn", &level) && level == LOG_WARN);
    assert_true(log_level_parse("debug", &level) && level == LOG_DEBUG);
    assert_false(log_level_parse("loud", &level));
    assert_int_equal(level, LOG_DEBUG);
}

static void the_level_can_be_changed_at_any_time(void **state)
{
    uint32_t before = log_level(), read;
    for (uint32_t level = LOG_DEBUG; level <= LOG_FATAL; level++) {
        log_set_level(level);
        assert_int_equal(log_level(), level);
        assert_true(log_level_parse(log_level_name(level), &read) && read == level);
        assert_true(log_is_on(level) && (level == LOG_DEBUG || !log_is_on(level - 1)));
    }
    log_set_level(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logfmt_has_its_front_and_sorted_fields),
        cmocka_unit_test(json_is_sorted_whole),
        cmocka_unit_test(lines_of_many_threads_arrive_whole_and_in_order),
        cmocka_unit_test(levels_have_their_words),
        cmocka_unit_test(the_level_can_be_changed_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
