/* Any bytes on a server connection of ours: HTTP/1, HTTP/2, an upgrade between them. It ends, whatever came, and nothing
 * is left behind. */
#include <base/check.h>
#include <base/slice.h>
#include <net/connection.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct loop *loop;
static struct connection_home home;
static struct watch drain;
static struct timer limit;
static struct trb_slice input;

static void on_data(struct exchange *x, struct trb_data piece)
{
    x->ops->consume(x, piece.len);
}

static void on_end(struct exchange *x, const struct http_headers *trailers)
{
    struct http_head head = {.status = 200};
    http_header_add(x->arena, &head.headers, SLICE("X-Target"), x->request.target);
    exchange_reply(x, &head, (struct trb_data){"hello", 5, NULL});
    x->ops->release(x);
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
}

static const struct http_server_setup setup = {
    .on_request = on_request, .max_head = 8192, .window = 65536, .head_timeout_ns = 3000000000, .http1 = true, .http2 = true,
    .upgrade_h2c = true, .http2_max_header_list = 65536};

static void on_ended(struct connection_home *h)
{
    loop_stop(loop);
}

static void feed(int fd)
{
    ssize_t n = send(fd, input.at, input.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0)
        input = slice_skip(input, (size_t)n);
    if (!input.len)
        shutdown(fd, SHUT_WR);
}

static void on_peer(void *arg, uint32_t what)
{
    char bytes[65536];
    if (what & LOOP_READ && recv(drain.fd, bytes, sizeof bytes, MSG_DONTWAIT) == 0)
        watch_want(&drain, 0);
    else if (input.len)
        feed(drain.fd);
    if (!input.len && drain.want == (LOOP_READ | LOOP_WRITE))
        watch_want(&drain, LOOP_READ);
}

static void too_late(void *unused)
{
    abort();                                /* it did not end */
}

static void begin(void)
{
    struct trb_error err;
    loop = loop_create(0, &err);
    check(loop);
    loop_set_all(&loop, 1);
    connection_home_init(&home, loop, &setup);
    home.ended = on_ended;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int ends[2];
    struct trb_error err;
    if (size > 65536)
        return 0;
    if (!loop)
        begin();
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    input = slice_from((const char *)data, size);
    feed(ends[1]);
    connection_accept(&home, ends[0], NULL);
    check(watch_set(loop, &drain, ends[1], LOOP_READ | (input.len ? LOOP_WRITE : 0), on_peer, NULL, &err) == TRB_OK);
    timer_after(loop, &limit, 9000000000, too_late, NULL);
    loop_run(loop);
    timer_end(&limit);
    watch_end(&drain);
    close(ends[1]);
    check(home.count == 0);
    return 0;
}
