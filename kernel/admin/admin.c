/* admin: the listener and its life. What comes in is task.c's. */
#include <admin/admin.h>
#include <admin/task.h>
#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <net/listener.h>

#define MAX_HEAD 16384u
#define NS_PER_S 1000000000ull

static trb_code split_address(struct trb_slice listen, struct trb_slice *ret_host, uint16_t *ret_port, struct trb_error *err)
{
    const char *colon = listen.len ? memrchr(listen.at, ':', listen.len) : NULL;
    uint64_t port;
    struct trb_slice host = slice_cut(listen, colon ? (size_t)(colon - listen.at) : 0);
    bool is_local = slice_is(host, SLICE("127.0.0.1")) || slice_is(host, SLICE("[::1]")) || slice_is(host, SLICE("localhost"));
    if (!colon || !is_local || !slice_to_u64(slice_skip(listen, host.len + 1), &port) || port > UINT16_MAX)
        return error_set(err, TRB_INVALID, "ADMIN_LISTEN",
                         "--admin-listen is unix:/path, or 127.0.0.1:PORT, [::1]:PORT or localhost:PORT, not '%.*s'", SLICE_ARG(listen));
    *ret_host = slice_is(host, SLICE("localhost")) ? SLICE("127.0.0.1") : host;
    *ret_port = (uint16_t)port;
    return TRB_OK;
}

static trb_code open_listener(struct admin *a, struct trb_slice listen, struct trb_error *err)
{
    const struct http_server_setup setup = {.on_request = task_begin, .arg = a, .max_head = MAX_HEAD, .window = 65536,
                                            .head_timeout_ns = 10 * NS_PER_S, .idle_timeout_ns = 120 * NS_PER_S, .http1 = true};
    struct trb_slice host = listen;
    uint16_t port = 0;
    trb_code code = a->guard.is_unix ? TRB_OK : split_address(listen, &host, &port, err);
    return code ? code : listener_open(host, port, &setup, NULL, &a->listener, err);
}

static void admin_destroy(struct admin *a)
{
    guard_wipe(&a->guard);
    mem_free(a->version);
    a->magic = 0;
    mem_free(a);
}

trb_code admin_start(const struct admin_setup *setup, struct admin **ret_admin, struct trb_error *err)
{
    struct admin *a = mem_zero(sizeof *a);
    a->magic = ADMIN_MAGIC;
    a->verbs = setup->verbs;
    a->arg = setup->arg;
    a->version = mem_text(setup->version, strlen(setup->version));
    a->guard.is_unix = slice_starts(setup->listen, SLICE("unix:"));
    trb_code code = a->guard.is_unix ? TRB_OK : guard_read_token(&a->guard, setup->token_file ? setup->token_file : "", err);
    if (!code)
        code = open_listener(a, setup->listen, err);
    if (code) {
        admin_destroy(a);
        return code;
    }
    *ret_admin = a;
    return TRB_OK;
}

uint16_t admin_port(const struct admin *a)
{
    return a->guard.is_unix ? 0 : listener_port(a->listener);
}

static void on_closed(void *arg)
{
    struct admin *a = checked(arg, struct admin, ADMIN_MAGIC);
    void (*done)(void *) = a->done;
    void *done_arg = a->done_arg;
    admin_destroy(a);
    if (done)
        done(done_arg);
}

void admin_stop(struct admin *a, void (*done)(void *arg), void *arg)
{
    a->done = done;
    a->done_arg = arg;
    listener_close(a->listener, on_closed, a);
}
