/* Streams over two pipes: bytes there and back, more than a pipe holds, and either end going. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/error.h>
#include <fcntl.h>
#include <net/stream.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIMIT_NS 20000000000ull
#define LOAD 1000000u

struct side {
    struct stream *stream;
    size_t got;
    uint32_t wrong;
    bool eof, closed, broken, writable;
};

struct scene {
    struct loop *loop;
    struct timer limit;
    struct side here, there;
    bool (*is_over)(const struct scene *);
};
static struct scene *scene;

static void look(void)
{
    if (scene->is_over(scene))
        loop_stop(scene->loop);
}

static void on_readable(void *arg)
{
    struct side *s = arg;
    struct trb_slice bytes = stream_bytes(s->stream);
    for (size_t i = 0; i < bytes.len; i++)
        s->wrong += bytes.at[i] != (char)((s->got + i) * 7);
    s->got += bytes.len;
    stream_consume(s->stream, bytes.len);
    look();
}

static void on_writable(void *arg)
{
    ((struct side *)arg)->writable = true;
    look();
}

static void on_eof(void *arg)
{
    ((struct side *)arg)->eof = true;
    look();
}

static void on_closed(void *arg, const struct trb_error *err)
{
    struct side *s = arg;
    s->closed = true;
    s->broken = err != NULL;
    look();
}

static const struct stream_events events = {.readable = on_readable, .writable = on_writable, .eof = on_eof, .closed = on_closed};

static void on_limit(void *arg)
{
    fail_msg("nothing happened");
}

static int set_up(void **state)
{
    struct trb_error err = ERROR_INIT;
    int there[2], back[2];
    signal(SIGPIPE, SIG_IGN);
    scene = calloc(1, sizeof *scene);
    scene->loop = loop_create(0, &err);
    assert_int_equal(pipe2(there, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(pipe2(back, O_CLOEXEC | O_NONBLOCK), 0);
    scene->here.stream = stream_over_pipes(scene->loop, (struct stream_ends){back[0], there[1]}, &events, &scene->here);
    scene->there.stream = stream_over_pipes(scene->loop, (struct stream_ends){there[0], back[1]}, &events, &scene->there);
    timer_after(scene->loop, &scene->limit, LIMIT_NS, on_limit, NULL);
    return 0;
}

static int tear_down(void **state)
{
    timer_end(&scene->limit);
    stream_destroy(scene->here.stream);
    stream_destroy(scene->there.stream);
    loop_destroy(scene->loop);
    free(scene);
    return 0;
}

static void run_until(bool (*is_over)(const struct scene *))
{
    scene->is_over = is_over;
    loop_run(scene->loop);
}

static void send_load(struct stream *s, size_t len)
{
    char *load = malloc(len);
    for (size_t i = 0; i < len; i++)
        load[i] = (char)(i * 7);
    stream_write(s, (struct trb_slice){load, len});
    free(load);
}

static bool both_have_some(const struct scene *s)
{
    return s->here.got == 100 && s->there.got == 200;
}

static bool load_is_there(const struct scene *s)
{
    return s->there.got == LOAD && s->here.writable;
}

static bool there_has_ended(const struct scene *s)
{
    return s->there.got == 200 && s->there.eof;
}

static bool here_is_broken(const struct scene *s)
{
    return s->here.closed;
}

static void test_bytes_go_both_ways(void **state)
{
    send_load(scene->here.stream, 200);
    send_load(scene->there.stream, 100);
    run_until(both_have_some);
    assert_int_equal(scene->here.wrong + scene->there.wrong, 0);
}

static void test_more_than_a_pipe_holds_waits_for_room(void **state)
{
    send_load(scene->here.stream, LOAD);
    run_until(load_is_there);
    assert_int_equal(scene->there.wrong, 0);
    assert_int_equal(stream_unsent(scene->here.stream), 0);
}

static void test_the_end_comes_after_all_bytes_and_of_one_way_alone(void **state)
{
    send_load(scene->here.stream, 200);
    stream_shutdown(scene->here.stream);
    run_until(there_has_ended);
    assert_false(scene->there.closed);
    send_load(scene->there.stream, 100);
    run_until(both_have_some);
}

static void test_a_stream_whose_other_end_has_gone_says_so(void **state)
{
    scene->there.stream = stream_destroy(scene->there.stream);
    send_load(scene->here.stream, 10);
    run_until(here_is_broken);
    assert_true(scene->here.broken || scene->here.eof);
}

static void test_nothing_is_left_open(void **state)
{
    int before = dup(0);
    close(before);
    tear_down(NULL);
    set_up(NULL);
    int after = dup(0);
    close(after);
    assert_int_equal(before, after);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_bytes_go_both_ways),
        TEST(test_more_than_a_pipe_holds_waits_for_room),
        TEST(test_the_end_comes_after_all_bytes_and_of_one_way_alone),
        TEST(test_a_stream_whose_other_end_has_gone_says_so),
        TEST(test_nothing_is_left_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
