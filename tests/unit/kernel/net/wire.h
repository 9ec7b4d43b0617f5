/* wire: one end of an HTTP/2 connection, frame by frame, for tests: it says what no library would say, and shows what
 * came as it came. Included by each test after cmocka.h. */
#ifndef WIRE_H
#define WIRE_H

#include <base/arena.h>
#include <base/mem.h>
#include <base/slice.h>
#include <errno.h>
#include <loop/loop.h>
#include <net/http.h>
#include <nghttp2/nghttp2.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WIRE_LIMIT_NS 20000000000ull
#define WIRE_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

struct wire_frame {
    uint8_t type, flags;
    int32_t id;
    uint32_t len;
    const uint8_t *at;              /* good until the next frame is taken */
    struct http_headers fields;     /* of a whole head */
};

struct wire {
    struct loop *loop;
    int fd;
    struct watch watch;
    struct timer limit;
    struct arena *arena;            /* of the fields */
    nghttp2_hd_inflater *inflater;
    uint8_t *in;
    size_t len, room, taken;
    bool is_eof;
};

static inline void wire_on_readable(void *arg, uint32_t what)
{
    struct wire *w = arg;
    if (w->room - w->len < 65536) {
        w->room = (w->room + 65536) * 2;
        w->in = mem_grow(w->in, w->room);
    }
    ssize_t n = recv(w->fd, w->in + w->len, w->room - w->len, MSG_DONTWAIT);
    if (n > 0)
        w->len += (size_t)n;
    w->is_eof |= n == 0 || (n < 0 && errno != EAGAIN);
    if (w->is_eof)
        watch_want(&w->watch, 0);
    loop_stop(w->loop);
}

static inline void wire_on_limit(void *arg)
{
    fail_msg("the other side is silent");
}

/* Takes the descriptor. */
static inline void wire_open(struct wire *w, struct loop *loop, int fd)
{
    *w = (struct wire){.loop = loop, .fd = fd, .arena = arena_create(1u << 26)};
    assert_int_equal(nghttp2_hd_inflate_new(&w->inflater), 0);
    assert_int_equal(watch_set(loop, &w->watch, fd, LOOP_READ, wire_on_readable, w, NULL), 0);
}

static inline void wire_close(struct wire *w)
{
    if (!w->loop)
        return;
    watch_end(&w->watch);
    timer_end(&w->limit);
    close(w->fd);
    nghttp2_hd_inflate_del(w->inflater);
    arena_destroy(w->arena);
    w->loop = NULL;
    w->in = mem_free(w->in);
}

/* --- saying --------------------------------------------------------------------------------- */
static inline void wire_send(struct wire *w, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    while (len) {
        ssize_t n = send(w->fd, at, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            watch_want(&w->watch, LOOP_READ | LOOP_WRITE);
            loop_run(w->loop);      /* the other side is served by this thread, too */
            watch_want(&w->watch, w->is_eof ? 0 : LOOP_READ);
            continue;
        }
        if (n < 0)
            return;                 /* the test sees the end when it reads */
        at += n;
        len -= (size_t)n;
    }
}

static inline void wire_frame(struct wire *w, uint8_t type, uint8_t flags, int32_t id, const void *payload, size_t len)
{
    uint8_t head[9] = {(uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len, type, flags,
                       (uint8_t)(id >> 24),  (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};
    uint8_t *all = mem_alloc(9 + len);
    memcpy(all, head, 9);
    if (len)
        memcpy(all + 9, payload, len);
    wire_send(w, all, 9 + len);
    mem_free(all);
}

static inline void wire_number(struct wire *w, uint8_t type, int32_t id, uint32_t number)
{
    uint8_t b[4] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};
    wire_frame(w, type, 0, id, b, 4);
}

static inline void wire_reset(struct wire *w, int32_t id, uint32_t code)
{
    wire_number(w, NGHTTP2_RST_STREAM, id, code);
}

static inline void wire_setting(struct wire *w, uint16_t id, uint32_t value)
{
    uint8_t b[6] = {(uint8_t)(id >> 8), (uint8_t)id, (uint8_t)(value >> 24), (uint8_t)(value >> 16),
                    (uint8_t)(value >> 8), (uint8_t)value};
    wire_frame(w, NGHTTP2_SETTINGS, 0, 0, b, id ? 6 : 0);
}

static inline void wire_goaway(struct wire *w, uint32_t last, uint32_t code, const char *text)
{
    uint8_t b[64] = {(uint8_t)(last >> 24), (uint8_t)(last >> 16), (uint8_t)(last >> 8), (uint8_t)last, 0, 0, 0, (uint8_t)code};
    memcpy(b + 8, text, strlen(text));
    wire_frame(w, NGHTTP2_GOAWAY, 0, 0, b, 8 + strlen(text));
}

/* Literal fields without an index: names and values below 127 bytes as they are, longer ones with a longer length. */
static inline size_t wire_put_text(uint8_t *to, const char *text)
{
    size_t len = strlen(text), n = 0;
    if (len < 127) {
        to[n++] = (uint8_t)len;
    } else {
        size_t rest = len - 127;
        to[n++] = 127;
        for (; rest >= 128; rest >>= 7)
            to[n++] = (uint8_t)(128 | (rest & 127));
        to[n++] = (uint8_t)rest;
    }
    memcpy(to + n, text, len);
    return n + len;
}

/* Names and values in turn, up to a NULL. */
static inline void wire_head(struct wire *w, int32_t id, uint8_t flags, const char *const *fields)
{
    static uint8_t block[1 << 20];
    size_t len = 0;
    for (; *fields; fields += 2) {
        block[len++] = 0;
        len += wire_put_text(block + len, fields[0]);
        len += wire_put_text(block + len, fields[1]);
    }
    bool is_first = true;
    for (size_t at = 0; is_first || at < len; is_first = false) {
        size_t part = len - at < 16384 ? len - at : 16384;
        uint8_t last = at + part == len ? NGHTTP2_FLAG_END_HEADERS : 0;
        wire_frame(w, is_first ? NGHTTP2_HEADERS : NGHTTP2_CONTINUATION, (is_first ? flags : 0) | last, id, block + at, part);
        at += part;
    }
}

#define WIRE_FIELDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* --- hearing -------------------------------------------------------------------------------- */
static inline void wire_inflate(struct wire *w, struct wire_frame *f)
{
    const uint8_t *at = f->at;
    size_t len = f->len;
    int flags = 0;
    do {
        nghttp2_nv nv;
        ssize_t n = nghttp2_hd_inflate_hd2(w->inflater, &nv, &flags, at, len, f->flags & NGHTTP2_FLAG_END_HEADERS);
        assert_true(n >= 0);
        at += n;
        len -= (size_t)n;
        if (flags & NGHTTP2_HD_INFLATE_EMIT)
            http_header_add(w->arena, &f->fields,
                            slice_name(arena_name(w->arena, slice_from((char *)nv.name, nv.namelen))),
                            slice_name(arena_name(w->arena, slice_from((char *)nv.value, nv.valuelen))));
    } while (flags & NGHTTP2_HD_INFLATE_EMIT || len);
    if (f->flags & NGHTTP2_FLAG_END_HEADERS)
        nghttp2_hd_inflate_end_headers(w->inflater);
}

static inline bool wire_take(struct wire *w, struct wire_frame *f)
{
    if (w->taken)
        memmove(w->in, w->in + w->taken, w->len - w->taken);
    w->len -= w->taken;
    w->taken = 0;
    if (w->len < 9)
        return false;
    const uint8_t *b = w->in;
    uint32_t len = (uint32_t)b[0] << 16 | (uint32_t)b[1] << 8 | b[2];
    if (w->len < 9 + len)
        return false;
    *f = (struct wire_frame){.type = b[3], .flags = b[4], .id = (b[5] & 0x7f) << 24 | b[6] << 16 | b[7] << 8 | b[8],
                             .len = len, .at = b + 9};
    w->taken = 9 + len;
    if (f->type == NGHTTP2_HEADERS || f->type == NGHTTP2_CONTINUATION)
        wire_inflate(w, f);
    return true;
}

/* The next frame; false: the other side has closed. */
static inline bool wire_next(struct wire *w, struct wire_frame *f)
{
    timer_after(w->loop, &w->limit, WIRE_LIMIT_NS, wire_on_limit, w);
    bool is_there;
    while (!(is_there = wire_take(w, f)) && !w->is_eof)
        loop_run(w->loop);
    timer_end(&w->limit);
    return is_there;
}

/* The next frame of a type; others are passed over. */
static inline struct wire_frame wire_wait(struct wire *w, uint8_t type)
{
    struct wire_frame f;
    do
        if (!wire_next(w, &f))
            fail_msg("closed before a frame of type %u came", type);
    while (f.type != type);
    return f;
}

/* Reads to the end; whatever still comes is dropped. */
static inline void wire_wait_end(struct wire *w)
{
    struct wire_frame f;
    while (wire_next(w, &f))
        ;
}

static inline uint32_t wire_u32(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Says and waits for a PING: what was sent before it has been worked on. */
static inline void wire_sync(struct wire *w)
{
    static const uint8_t text[8] = "in sync";
    struct wire_frame f;
    wire_frame(w, NGHTTP2_PING, 0, 0, text, 8);
    do
        f = wire_wait(w, NGHTTP2_PING);
    while (!(f.flags & NGHTTP2_FLAG_ACK) || memcmp(f.at, text, 8));
}

#endif
