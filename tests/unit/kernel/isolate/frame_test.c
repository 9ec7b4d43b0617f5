/* Frames over a real pair of sockets: small, large, in pieces, and none at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail

#include "kernel/isolate/frame.c"
#include <base/check.h>
#include <sys/socket.h>
#include <unistd.h>

static struct loop *loop;

struct end {
    struct stream *stream;
    struct frame_head last;
    char *text;
    uint32_t frames;
    int result;
};

static void on_readable(void *arg)
{
    struct end *e = arg;
    struct frame f;
    while ((e->result = frame_next(e->stream, &f)) == FRAME_WHOLE) {
        struct trb_error err = {0};
        e->last = f.head;
        e->frames++;
        if (f.head.len && frame_take_error(&f.body, &err)) {
            mem_free(e->text);
            struct trb_slice text = error_text(&err);
            e->text = mem_text(text.at, text.len);
            error_release(&err);
        }
        frame_done(e->stream, &f);
    }
    loop_stop(loop);
}

static void on_end(void *arg)
{
    loop_stop(loop);
}

static void on_closed(void *arg, const struct trb_error *err)
{
    loop_stop(loop);
}

static const struct stream_events events = {.readable = on_readable, .eof = on_end, .closed = on_closed};

static void pair(struct end *here, struct end *there)
{
    int fds[2];
    memset(here, 0, sizeof *here);
    memset(there, 0, sizeof *there);
    check(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds));
    here->stream = stream_accept(loop, fds[0], NULL, &events, here);
    there->stream = stream_accept(loop, fds[1], NULL, &events, there);
}

static void part(struct end *here, struct end *there)
{
    stream_destroy(here->stream);
    stream_destroy(there->stream);
    mem_free(here->text);
    mem_free(there->text);
}

static void send_error(struct end *e, const struct trb_error *err)
{
    struct trb_isolate_error value;
    frame_error(err, &value);
    struct frame_part part = {layout_error, &value, sizeof value};
    assert_true(frame_send(e->stream, (struct frame_head){.kind = FRAME_FAIL, .id = 7}, &part, 1));
}

static void an_error_keeps_all_that_it_says(void **state)
{
    struct trb_error err = ERROR_INIT, got;
    struct trb_isolate_error value;
    error_set(&err, TRB_ABORTED, "ETAG", "the etag does not match");
    err.kind = 1;
    err.item = 3;
    err.http_status = 409;
    frame_error(&err, &value);
    frame_error_of(&value, &got);
    assert_int_equal(got.code, TRB_ABORTED);
    assert_int_equal(got.kind, 1);
    assert_int_equal(got.item, 3);
    assert_int_equal(got.http_status, 409);
    assert_string_equal(got.reason, "ETAG");
    assert_string_equal(got.message, "the etag does not match");
}

static void a_code_that_is_none_becomes_unknown(void **state)
{
    struct trb_isolate_error value = {.size = sizeof value, .code = 99, .http_status = 7};
    struct trb_error got;
    frame_error_of(&value, &got);
    assert_int_equal(got.code, TRB_UNKNOWN);
    assert_int_equal(got.http_status, 0);
}

static void small_and_large_frames_arrive_in_order(void **state)
{
    struct end here, there;
    struct trb_error err = ERROR_INIT;
    size_t len = 3u << 20;
    char *bytes;
    pair(&here, &there);
    error_set(&err, TRB_INTERNAL, "SHORT", "short");
    send_error(&here, &err);
    err.text = buf_new(len, &bytes);
    memset(bytes, 'x', len);
    send_error(&here, &err);
    error_release(&err);
    frame_send(here.stream, (struct frame_head){.kind = FRAME_OPENED, .id = 9}, NULL, 0);
    while (there.frames < 3)
        loop_run(loop);
    assert_int_equal(strlen(there.text), len);
    assert_int_equal(there.last.kind, FRAME_OPENED);
    assert_int_equal(there.last.id, 9);
    part(&here, &there);
}

static void what_is_no_frame_is_told(void **state)
{
    static const struct frame_head bad[] = {{.kind = 0}, {.kind = FRAME_KINDS}, {.len = FRAME_MOST + 1, .kind = FRAME_DONE}};
    for (size_t i = 0; i < countof(bad); i++) {
        struct end here, there;
        pair(&here, &there);
        stream_write(here.stream, slice_from((const char *)&bad[i], sizeof bad[i]));
        loop_run(loop);
        assert_int_equal(there.result, FRAME_BAD);
        part(&here, &there);
    }
}

static int set_up(void **state)
{
    struct trb_error err = ERROR_INIT;
    loop = loop_create(0, &err);
    loop_set_all(&loop, 1);
    return loop ? 0 : -1;
}

static int tear_down(void **state)
{
    loop_destroy(loop);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_keeps_all_that_it_says),
        cmocka_unit_test(a_code_that_is_none_becomes_unknown),
        cmocka_unit_test(small_and_large_frames_arrive_in_order),
        cmocka_unit_test(what_is_no_frame_is_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
