/* Any header blocks, cut into HEADERS and CONTINUATION in any way, through our sessions: as requests and trailers to a
 * server connection, as answers and trailers to a call. Both end; what they make of a block does not depend on the
 * pieces it came in; no list is larger than allowed, no field is one that HTTP has no place for.
 *
 * The input is a row of frames: a byte of flags, a byte of length, a payload. */
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <net/connection.h>
#include <net/socket.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_LIST 4096u
#define OUT (1u << 18)

#define ENDS_BLOCK 1u
#define ENDS_STREAM 2u
#define GOES_ON 4u                          /* CONTINUATION */
#define PADDED 8u
#define HAS_PRIORITY 16u
#define SAME_STREAM 32u
#define RESETS 64u                          /* a RST_STREAM instead */

static struct loop *loop;
static struct connection_home home;
static struct watch peer, accepting;
static struct timer limit;
static int listener;
static char path[64];
static struct trb_slice input;              /* what the peer still has to say */
static size_t step, heard;                  /* bytes at once; bytes that came from our side */
static size_t greeting;                     /* what the peer says before it has heard a request; 0: it does not wait */
static uint64_t sum;
static bool is_over;

/* --- what is heard -------------------------------------------------------------------------- */
static void fold(struct trb_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        sum = (sum ^ (uint8_t)s.at[i]) * 1099511628211u;
    sum = sum * 31 + s.len;
}

static void fold_headers(const struct http_headers *headers)
{
    size_t size = 0;
    for (uint32_t i = 0; headers && i < headers->count; i++) {
        struct http_header h = headers->at[i];
        check(http_is_token(h.name) && http_is_field_value(h.value) && h.name.at[0] != ':');
        size += h.name.len + h.value.len + 32;
        fold(h.name);
        fold(h.value);
    }
    check(size <= MAX_LIST);
}

static void on_data(struct exchange *x, struct trb_data piece)
{
    x->ops->consume(x, piece.len);
}

static void on_end(struct exchange *x, const struct http_headers *trailers)
{
    fold_headers(trailers);
}

static void on_room(struct exchange *x)
{
}

static void on_gone(struct exchange *x, const struct trb_error *err)
{
    x->ops->release(x);
}

static const struct exchange_events events = {.data = on_data, .end = on_end, .room = on_room, .gone = on_gone};

static void on_request(void *arg, struct exchange *x)
{
    x->events = &events;
    fold(x->request.method);
    fold(x->request.target);
    fold(x->request.authority);
    fold_headers(&x->request.headers);
}

static const struct http_server_setup setup = {.on_request = on_request, .max_head = MAX_LIST, .http2 = true,
                                               .http2_max_header_list = MAX_LIST};

static void end_turn(void)
{
    is_over = true;
    loop_stop(loop);
}

static void on_ended(struct connection_home *h)
{
    end_turn();
}

static void on_call_head(struct http_call *call, const struct http_head *head)
{
    sum = sum * 31 + (uint64_t)head->status;
    fold_headers(&head->headers);
}

static void on_call_data(struct http_call *call, struct trb_data piece)
{
    http_call_consume(call, piece.len);
}

static void on_call_end(struct http_call *call, const struct http_headers *trailers)
{
    fold_headers(trailers);
    end_turn();
}

static void on_call_room(struct http_call *call)
{
}

static void on_call_failed(struct http_call *call, const struct trb_error *err)
{
    end_turn();
}

static const struct http_call_events call_events = {on_call_head, on_call_data, on_call_end, on_call_room, on_call_failed};

/* --- what is said --------------------------------------------------------------------------- */
static size_t put_frame(char *to, uint8_t type, uint8_t flags, int32_t id, struct trb_slice payload)
{
    const char head[9] = {0, (char)(payload.len >> 8), (char)payload.len, (char)type, (char)flags,
                          (char)(id >> 24), (char)(id >> 16), (char)(id >> 8), (char)id};
    memcpy(to, head, 9);
    memcpy(to + 9, payload.at, payload.len);
    return 9 + payload.len;
}

static uint8_t flags_of(uint8_t how)
{
    return (how & ENDS_BLOCK ? NGHTTP2_FLAG_END_HEADERS : 0) |
           (how & GOES_ON ? 0 : (how & ENDS_STREAM ? NGHTTP2_FLAG_END_STREAM : 0) | (how & PADDED ? NGHTTP2_FLAG_PADDED : 0) |
                                    (how & HAS_PRIORITY ? NGHTTP2_FLAG_PRIORITY : 0));
}

static size_t make_frames(struct trb_slice from, bool is_answer, char *to)
{
    int32_t id = is_answer ? 1 : -1;
    size_t len = put_frame(to, NGHTTP2_SETTINGS, 0, 0, SLICE(""));
    while (from.len > 2 && len < OUT - 512) {
        uint8_t how = (uint8_t)from.at[0];
        size_t n = (uint8_t)from.at[1];
        from = slice_skip(from, 2);
        struct trb_slice payload = slice_cut(from, n < from.len ? n : from.len);
        from = slice_skip(from, payload.len);
        if (!is_answer && !(how & (GOES_ON | SAME_STREAM | RESETS)))
            id += 2;
        if (how & RESETS)
            len += put_frame(to + len, NGHTTP2_RST_STREAM, 0, id, SLICE("\0\0\0\x08"));
        else
            len += put_frame(to + len, how & GOES_ON ? NGHTTP2_CONTINUATION : NGHTTP2_HEADERS, flags_of(how), id, payload);
    }
    return len;
}

#define REQUEST_FROM (24 + 9 + 9 + 1)       /* a preface, settings and their acknowledgement are no request yet */

static void say(void)
{
    size_t n = step < input.len ? step : input.len;
    if (greeting && n > greeting)
        n = greeting;
    ssize_t sent = n ? send(peer.fd, input.at, n, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
    if (sent > 0)
        input = slice_skip(input, (size_t)sent);
    if (sent > 0 && greeting && !(greeting -= (size_t)sent) && heard < REQUEST_FROM)
        watch_want(&peer, LOOP_READ);
    if (!input.len || (sent < 0 && n)) {
        input.len = 0;
        shutdown(peer.fd, SHUT_WR);
        watch_want(&peer, LOOP_READ);
    }
}

static void on_peer(void *arg, uint32_t what)
{
    char bytes[65536];
    ssize_t n = what & LOOP_READ ? recv(peer.fd, bytes, sizeof bytes, MSG_DONTWAIT) : -1;
    heard += n > 0 ? (size_t)n : 0;
    if (n == 0)
        watch_want(&peer, input.len ? LOOP_WRITE : 0);
    else if (n > 0 && input.len && !greeting && heard >= REQUEST_FROM)
        watch_want(&peer, LOOP_READ | LOOP_WRITE);
    if (what & LOOP_WRITE && input.len)
        say();
}

static void too_late(void *unused)
{
    abort();                                /* it did not end */
}

static void play(int fd)
{
    struct trb_error err;
    check(watch_set(loop, &peer, fd, LOOP_READ | LOOP_WRITE, on_peer, NULL, &err) == TRB_OK);
}

static void run_out(void)
{
    timer_after(loop, &limit, 9000000000, too_late, NULL);
    while (!is_over)
        loop_run(loop);
    timer_end(&limit);
    if (peer.event) {
        int fd = peer.fd;
        watch_end(&peer);
        close(fd);
    }
}

/* --- the two sides -------------------------------------------------------------------------- */
static void prepare(struct trb_slice all, size_t pieces, size_t said_first)
{
    sum = heard = 0;
    is_over = false;
    input = all;
    step = pieces;
    greeting = said_first;
}

static uint64_t serve(struct trb_slice all, size_t pieces)
{
    int ends[2];
    prepare(all, pieces, 0);
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    connection_accept(&home, ends[0], NULL);
    play(ends[1]);
    run_out();
    check(home.count == 0);
    return sum;
}

static void on_accept(void *arg, uint32_t what)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0 && !is_over && !peer.event)
        play(fd);
    else if (fd >= 0)
        close(fd);                          /* a second attempt hears nothing */
}

static uint64_t call_out(struct trb_slice all, size_t pieces)
{
    struct http_target target = {.host = slice_of(path), .version = 2, .max_head = MAX_LIST, .connect_timeout_ns = 5000000000};
    struct http_call call = {.events = &call_events, .arena = arena_create(1u << 24)};
    struct http_head head = {.method = SLICE("POST"), .target = SLICE("/a/b"), .authority = SLICE("x"),
                             .content_length = HTTP_NO_BODY};
    prepare(all, pieces, 9);
    struct http_pool *pool = http_pool_create(loop, &target);
    http_pool_call(pool, &call, &head, (struct trb_data){0});
    run_out();
    http_pool_destroy(pool);
    arena_destroy(call.arena);
    return sum;
}

static void begin(void)
{
    struct trb_error err;
    char folder[] = "/tmp/hpack_fuzz.XXXXXX";
    loop = loop_create(0, &err);
    check(loop && mkdtemp(folder));
    loop_set_all(&loop, 1);
    connection_home_init(&home, loop, &setup);
    home.ended = on_ended;
    snprintf(path, sizeof path, "unix:%s/s", folder);
    check(socket_listen(slice_of(path), 0, &listener, &err) == TRB_OK);
    check(watch_set(loop, &accepting, listener, LOOP_READ, on_accept, NULL, &err) == TRB_OK);
}

static void clean_up(void)
{
    char *slash = strrchr(path, '/');
    unlink(path + 5);
    *slash = 0;
    rmdir(path + 5);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char out[24 + OUT];
    if (size < 3 || size > 32768)
        return 0;
    if (!loop) {
        begin();
        atexit(clean_up);
    }
    size_t pieces = 1 + data[0] % 64;
    struct trb_slice frames = slice_from((const char *)data + 1, size - 1);
    memcpy(out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
    size_t len = make_frames(frames, false, out + 24);
    uint64_t whole = serve(slice_from(out, 24 + len), OUT);
    if (len < 64 * pieces)
        check(whole == serve(slice_from(out, 24 + len), pieces));
    len = make_frames(frames, true, out);
    whole = call_out(slice_from(out, len), OUT);
    if (len < 64 * pieces)
        check(whole == call_out(slice_from(out, len), pieces));
    return 0;
}
