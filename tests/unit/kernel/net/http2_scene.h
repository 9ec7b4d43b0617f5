/* http2_scene: a server connection of ours, and at its other end a wire that says what the test wants.
 * Included by each test after cmocka.h. */
#ifndef HTTP2_SCENE_H
#define HTTP2_SCENE_H

#include "tests/unit/kernel/net/wire.h"
#include <base/clock.h>
#include <base/error.h>
#include <net/grpc.h>
#include <net/http2_server.h>
#include <stdio.h>

#define MAX_LIST 20000u

struct scene {
    struct loop *loop;
    struct http_server_setup setup;
    struct connection_home home;
    struct connection *c;
    struct wire w;
    struct exchange *held[16];
    uint32_t held_count, requests, ended, gone;
    size_t got;
    char text[40000];               /* what /fail says */
};
static struct scene *scene;

/* --- who answers ---------------------------------------------------------------------------- */
static inline void end_with(struct exchange *x, const struct trb_error *err)
{
    struct http_headers trailers = {0};
    grpc_status_add(x->arena, &trailers, err);
    x->ops->finish(x, &trailers);
    x->ops->release(x);
}

static inline void begin_answer(struct exchange *x)
{
    struct http_head head = {.status = 200, .content_length = HTTP_LENGTH_UNKNOWN};
    http_header_add(x->arena, &head.headers, SLICE("content-type"), SLICE("application/grpc"));
    x->ops->respond(x, &head);
}

static inline bool is_at(const struct exchange *x, const char *path)
{
    return slice_is(x->request.target, slice_of(path));
}

static inline void serve_data(struct exchange *x, struct trb_data piece)
{
    scene->got += piece.len;
    if (!is_at(x, "/hold"))
        x->ops->consume(x, piece.len);
    if (is_at(x, "/echo"))
        x->ops->write(x, piece);
}

static inline void serve_end(struct exchange *x, const struct http_headers *trailers)
{
    scene->ended++;
    if (is_at(x, "/echo"))
        end_with(x, NULL);
}

static inline void serve_room(struct exchange *x)
{
}

static inline void serve_gone(struct exchange *x, const struct trb_error *err)
{
    scene->gone++;
    for (uint32_t i = 0; i < scene->held_count; i++)
        if (scene->held[i] == x)
            scene->held[i] = scene->held[--scene->held_count];
    x->ops->release(x);
}

static const struct exchange_events events = {serve_data, serve_end, serve_room, serve_gone};

static inline void fail_with_text(struct exchange *x)
{
    struct trb_error err = ERROR_INIT;
    char bytes[3000];
    memset(bytes, 7, sizeof bytes);
    error_set(&err, TRB_INTERNAL, "X", "unused");
    err.text = buf_copy(slice_of(scene->text));
    err.details = buf_copy(slice_from(bytes, sizeof bytes));
    end_with(x, &err);
    error_release(&err);
}

static inline void on_request(void *arg, struct exchange *x)
{
    x->events = &events;
    scene->requests++;
    if (is_at(x, "/hold")) {
        if (scene->held_count < countof(scene->held))
            scene->held[scene->held_count++] = x;
        return;
    }
    begin_answer(x);
    if (is_at(x, "/early"))
        end_with(x, NULL);
    else if (is_at(x, "/fail"))
        fail_with_text(x);
}

/* --- the stage ------------------------------------------------------------------------------ */
static inline void connect_raw(void)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    scene->c = connection_accept(&scene->home, ends[0], NULL);
    wire_open(&scene->w, scene->loop, ends[1]);
}

static inline void greet(void)
{
    wire_send(&scene->w, WIRE_PREFACE, 24);
    wire_setting(&scene->w, 0, 0);
    (void)wire_wait(&scene->w, NGHTTP2_SETTINGS);
    wire_frame(&scene->w, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, NULL, 0);
}

static inline int prepare(void **state)
{
    scene = mem_zero(sizeof *scene);
    scene->loop = loop_create(0, NULL);
    scene->setup = (struct http_server_setup){.on_request = on_request, .max_head = 8192, .window = 1u << 18,
                                              .head_timeout_ns = 10 * CLOCK_S, .idle_timeout_ns = 180 * CLOCK_S,
                                              .http2 = true, .grpc_keepalive = true, .http2_max_header_list = MAX_LIST};
    connection_home_init(&scene->home, scene->loop, &scene->setup);
    connect_raw();
    return 0;
}

static inline void stop_now(void *arg)
{
    loop_stop(scene->loop);
}

static inline int clean_up(void **state)
{
    struct timer t = {0};
    connection_home_cut(&scene->home);
    while (scene->home.count) {
        timer_after(scene->loop, &t, CLOCK_MS, stop_now, NULL);
        loop_run(scene->loop);
    }
    timer_end(&t);
    wire_close(&scene->w);
    loop_destroy(scene->loop);
    mem_free(scene);
    return 0;
}

static inline struct http2_server *server(void)
{
    return scene->c->state;
}

static inline void request(int32_t id, uint8_t flags, const char *path)
{
    wire_head(&scene->w, id, flags, WIRE_FIELDS(":method", "POST", ":scheme", "http", ":path", path, ":authority", "me"));
}

static inline struct trb_slice field(const struct wire_frame *f, const char *name)
{
    return http_header_get(&f->fields, slice_of(name));
}

#define assert_text(slice, text) assert_true(slice_is(slice, SLICE(text)))
#define GOAWAY_LAST(f) wire_u32((f).at)
#define GOAWAY_CODE(f) wire_u32((f).at + 4)
#define GOAWAY_TEXT(f) slice_from((const char *)(f).at + 8, (f).len - 8)

static inline void expect_goaway(uint32_t last, uint32_t code, const char *text)
{
    struct wire_frame f = wire_wait(&scene->w, NGHTTP2_GOAWAY);
    assert_int_equal(GOAWAY_LAST(f), last);
    assert_int_equal(GOAWAY_CODE(f), code);
    if (text)
        assert_true(slice_is(GOAWAY_TEXT(f), slice_of(text)));
}

/* A whole call: its trailers. */
static inline struct wire_frame call(int32_t id, const char *path)
{
    struct wire_frame f;
    request(id, NGHTTP2_FLAG_END_STREAM, path);
    do
        f = wire_wait(&scene->w, NGHTTP2_HEADERS);
    while (!(f.flags & NGHTTP2_FLAG_END_STREAM) || f.id != id);
    return f;
}

#endif
