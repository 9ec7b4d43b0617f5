/* The admin listener: any request against its guard on a port, its table of calls and the one body it reads itself.
 * Who is admitted has the token, a Host of this machine, no Origin, and means a change; a path that finds a call is
 * that call's path with a plain name in it. */
#define exchange_connection said_connection
#include "kernel/admin/calls.c"
#include "kernel/admin/guard.c"
#include "kernel/admin/own.c"
#include <base/mem.h>

#define TOKEN "0123456789abcdef"
#define MAX_HEADERS 16u

static struct connection_info who;

const struct connection_info *said_connection(const struct exchange *unused)
{
    return &who;
}

void admin_answer(struct admin_task *unused, const struct trb_error *err, struct trb_slice json)
{
}

const char *task_version(const struct admin_task *unused)
{
    return "";
}

static struct trb_slice header(const struct http_head *q, const char *name)
{
    return http_header_get(&q->headers, slice_of(name));
}

static void try_guard(struct exchange *x)
{
    static const struct guard tcp = {.token = TOKEN, .token_len = sizeof TOKEN - 1};
    struct trb_error err = ERROR_INIT;
    const struct http_head *q = &x->request;
    if (!guard_admits(&tcp, x, &err)) {
        check(err.code == TRB_DENIED || err.code == TRB_UNAUTHENTICATED);
        return;
    }
    check(slice_is(slice_skip(header(q, "authorization"), 7), SLICE(TOKEN)));
    check(slice_starts_nocase(q->authority, SLICE("localhost")) || slice_starts(q->authority, SLICE("127.0.0.1")) ||
          slice_starts(q->authority, SLICE("[::1]")));
    check(!header(q, "origin").at);
    check(slice_is(q->method, SLICE("GET")) || header(q, "x-trilby-admin").len || header(q, "content-type").len);
}

static void try_path(const struct http_head *q)
{
    struct trb_slice rest = q->target, path = slice_split(&rest, '?'), name = {0};
    struct text again = {0};
    bool is_known;
    const struct admin_call *c = calls_find(q->method, path, &name, &is_known);
    check(!c || (is_known && slice_is(q->method, slice_of(c->method)) && !c->name == !name.len));
    if (c) {
        struct trb_slice behind = slice_of(c->path);
        text_add(&again, slice_split(&behind, '{'));
        text_add(&again, name);
        slice_split(&behind, '}');
        text_add(&again, behind);
        check(slice_is(text_slice(&again), path));
        check(name.len < 256 && (!name.len || !memchr(name.at, '/', name.len)));
    }
    text_fini(&again);
}

static struct trb_slice line_of(struct trb_slice *rest)
{
    struct trb_slice line = rest->at ? slice_split(rest, '\n') : SLICE("");
    return line.at ? line : SLICE("");
}

static void read_headers(struct http_headers *headers, struct trb_slice *rest)
{
    for (struct trb_slice line = line_of(rest); line.len; line = line_of(rest)) {
        struct trb_slice value = line, name = slice_split(&value, ':');
        if (headers->count < MAX_HEADERS && value.at)
            headers->at[headers->count++] = (struct http_header){name, slice_trim(value)};
    }
}

/* METHOD SP target SP host LF, headers, an empty line, the body. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_header room[MAX_HEADERS];
    struct exchange x = {.request = {.headers = {room, 0, MAX_HEADERS}}};
    struct trb_slice rest = slice_from((const char *)data, size), line = line_of(&rest);
    uint32_t level;
    x.request.method = slice_split(&line, ' ');
    x.request.target = line.at ? slice_split(&line, ' ') : SLICE("");
    x.request.authority = line.at ? line : SLICE("");
    read_headers(&x.request.headers, &rest);
    try_guard(&x);
    try_path(&x.request);
    check(!read_level(rest.at ? rest : SLICE(""), &level) || level <= LOG_FATAL);
    return 0;
}
