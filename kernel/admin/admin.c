/* admin: the listener, its requests, and the way of each to the main loop and back. */
#include <admin/admin.h>
#include <admin/guard.h>
#include <base/buf.h>
#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <net/listener.h>

#define ADMIN_MAGIC 0x41444d4eu
#define TASK_MAGIC 0x4154534bu
#define MAX_BODY (1u << 20)
#define MAX_HEAD 16384u
#define NS_PER_S 1000000000ull

struct admin {
    uint32_t magic;
    struct guard guard;
    struct listener *listener;
    const struct admin_verbs *verbs;
    void *arg;
    void (*done)(void *arg);
    void *done_arg;
};

/* Two hold it: the exchange on its loop, and the verb on the main loop. */
struct admin_task {
    uint32_t magic;
    struct admin *admin;
    struct exchange *x;                    /* NULL: the client has gone */
    struct loop *loop;
    struct gather body;
    struct trb_buf *text;                  /* the body, gathered */
    struct trb_name name;                  /* from the path */
    char name_room[128];
    const struct route *route;
    bool is_asked, is_answered;
    struct trb_error err;
    struct text json;
    struct letter letter;
};

struct route {
    const char *method, *prefix, *suffix;  /* what stands before and behind {name}; suffix NULL: no name */
    void (*run)(struct admin_task *);
};

/* -------------------------------------------------------------------------------- the verbs */
static struct trb_slice body_of(struct admin_task *t)
{
    return buf_bytes(t->text);
}

static void run_plugins(struct admin_task *t)
{
    struct text json = {0};
    t->admin->verbs->list_plugins(t->admin->arg, &json);
    admin_answer(t, NULL, text_slice(&json));
    text_fini(&json);
}

static void run_components(struct admin_task *t)
{
    struct text json = {0};
    t->admin->verbs->list_components(t->admin->arg, &json);
    admin_answer(t, NULL, text_slice(&json));
    text_fini(&json);
}

static void run_add(struct admin_task *t)
{
    t->admin->verbs->add_component(t->admin->arg, body_of(t), t);
}

static void run_remove(struct admin_task *t)
{
    t->admin->verbs->remove_component(t->admin->arg, slice_name(t->name), t);
}

static void run_reload_component(struct admin_task *t)
{
    t->admin->verbs->reload_component(t->admin->arg, slice_name(t->name), t);
}

static void run_reload_plugin(struct admin_task *t)
{
    t->admin->verbs->reload_plugin(t->admin->arg, slice_name(t->name), t);
}

static const struct route routes[] = {
    {"GET", "/v1/admin/plugins", NULL, run_plugins},
    {"GET", "/v1/admin/components", NULL, run_components},
    {"POST", "/v1/admin/components", NULL, run_add},
    {"DELETE", "/v1/admin/components/", "", run_remove},
    {"POST", "/v1/admin/components/", "/reload", run_reload_component},
    {"POST", "/v1/admin/plugins/", "/reload", run_reload_plugin},
};

/* -------------------------------------------------------------------------------- answering */
static void task_free(struct admin_task *t)
{
    gather_drop(&t->body);
    buf_unref(t->text);
    error_release(&t->err);
    text_fini(&t->json);
    t->magic = 0;
    mem_free(t);
}

static void reply(struct exchange *x, int status, struct trb_slice json)
{
    struct http_head head = {.status = status};
    http_header_add(x->arena, &head.headers, SLICE("Content-Type"), SLICE("application/json"));
    http_header_add(x->arena, &head.headers, SLICE("Cache-Control"), SLICE("no-store"));
    exchange_reply(x, &head, (struct trb_data){json.at, json.len, NULL});
    x->ops->release(x);
}

static void reply_error(struct exchange *x, int status, const struct trb_error *err)
{
    struct text json = {0};
    text_adds(&json, "{\"errorCode\":");
    text_add_json(&json, slice_of(err->reason[0] ? err->reason : error_code_name(err->code)), true);
    text_adds(&json, ",\"message\":");
    text_add_json(&json, error_text(err), true);
    text_addc(&json, '}');
    reply(x, status, text_slice(&json));
    text_fini(&json);
}

static void refuse(struct exchange *x, int status, trb_code code, const char *reason, const char *sentence)
{
    struct trb_error err = ERROR_INIT;
    error_set(&err, code, reason, "%s", sentence);
    reply_error(x, status, &err);
}

static void on_answer(struct letter *letter)
{
    struct admin_task *t = container_of(letter, struct admin_task, letter);
    if (t->x && t->err.code)
        reply_error(t->x, error_code_to_http(t->err.code), &t->err);
    else if (t->x)
        reply(t->x, 200, text_slice(&t->json));
    task_free(t);
}

void admin_answer(struct admin_task *t, const struct trb_error *err, struct trb_slice json)
{
    check(t->magic == TASK_MAGIC && !t->is_answered);
    t->is_answered = true;
    if (err)
        error_set(&t->err, err->code ? err->code : TRB_UNKNOWN, err->reason, "%.*s", SLICE_ARG(error_text(err)));
    else
        text_add(&t->json, json);
    t->letter.deliver = on_answer;
    loop_post(t->loop, &t->letter);
}

/* ---------------------------------------------------------------------------------- routing */
static bool take_name(struct admin_task *t, struct trb_slice path, const struct route *r)
{
    struct trb_slice prefix = slice_of(r->prefix), suffix = slice_of(r->suffix), name;
    if (!slice_starts(path, prefix) || !slice_ends(path, suffix) || path.len <= prefix.len + suffix.len)
        return false;
    name = slice_cut(slice_skip(path, prefix.len), path.len - prefix.len - suffix.len);
    if (name.len >= sizeof t->name_room || memchr(name.at, '/', name.len) || memchr(name.at, '%', name.len))
        return false;
    memcpy(t->name_room, name.at, name.len);
    t->name = (struct trb_name){t->name_room, name.len};
    return true;
}

static const struct route *find_route(struct admin_task *t, const struct http_head *q, bool *ret_known)
{
    struct trb_slice rest = q->target, path = slice_split(&rest, '?');
    *ret_known = false;
    for (size_t i = 0; i < countof(routes); i++) {
        const struct route *r = &routes[i];
        if (r->suffix ? !take_name(t, path, r) : !slice_is(path, slice_of(r->prefix)))
            continue;
        *ret_known = true;
        if (slice_is(q->method, slice_of(r->method)))
            return r;
    }
    return NULL;
}

/* ------------------------------------------------------------------------------- coming in */
static struct admin_task *task_of(struct exchange *x)
{
    return checked(x->owner, struct admin_task, TASK_MAGIC);
}

static void on_data(struct exchange *x, struct trb_data piece)
{
    struct admin_task *t = task_of(x);
    x->ops->consume(x, piece.len);
    if (gather_add(&t->body, slice_from(piece.at, piece.len), MAX_BODY))
        return;
    refuse(x, 413, TRB_EXHAUSTED, "ADMIN_TOO_LARGE", "an admin request has at most 1 MiB");
    task_free(t);
}

static void run_on_main(struct letter *letter)
{
    struct admin_task *t = container_of(letter, struct admin_task, letter);
    t->route->run(t);
}

static void on_end(struct exchange *x, const struct http_headers *trailers)
{
    struct admin_task *t = task_of(x);
    t->text = gather_finish(&t->body);
    t->is_asked = true;
    t->letter.deliver = run_on_main;
    loop_post(loop_at(0), &t->letter);
}

static void on_room(struct exchange *x)
{
}

static void on_gone(struct exchange *x, const struct trb_error *err)
{
    struct admin_task *t = task_of(x);
    t->x = NULL;
    x->ops->release(x);
    if (!t->is_asked)
        task_free(t);
}

static const struct exchange_events events = {.data = on_data, .end = on_end, .room = on_room, .gone = on_gone};

/* A request that was refused at once: whatever still comes is dropped. */
static void ignore_data(struct exchange *x, struct trb_data piece)
{
    x->ops->consume(x, piece.len);
}

static void ignore_end(struct exchange *x, const struct http_headers *trailers)
{
}

static void ignore_gone(struct exchange *x, const struct trb_error *err)
{
    x->ops->release(x);
}

static const struct exchange_events refused = {.data = ignore_data, .end = ignore_end, .room = on_room, .gone = ignore_gone};

static void on_request(void *arg, struct exchange *x)
{
    struct admin *a = checked(arg, struct admin, ADMIN_MAGIC);
    struct trb_error err = ERROR_INIT;
    bool is_known;
    x->events = &refused;
    if (!guard_admits(&a->guard, x, &err)) {
        reply_error(x, err.code == TRB_UNAUTHENTICATED ? 401 : 403, &err);
        return;
    }
    struct admin_task *t = mem_zero(sizeof *t);
    *t = (struct admin_task){.magic = TASK_MAGIC, .admin = a, .x = x, .loop = x->loop};
    t->route = find_route(t, &x->request, &is_known);
    if (t->route) {
        x->owner = t;
        x->events = &events;
        return;
    }
    task_free(t);
    if (is_known)
        refuse(x, 405, TRB_UNIMPLEMENTED, "ADMIN_METHOD", "this admin path does not take that method");
    else
        refuse(x, 404, TRB_NOT_FOUND, "ADMIN_PATH",
               "there is no such admin path: it is /v1/admin/plugins or /v1/admin/components and what is below them");
}

/* ------------------------------------------------------------------------------------- life */
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
    const struct http_server_setup setup = {.on_request = on_request, .arg = a, .max_head = MAX_HEAD, .window = 65536,
                                            .head_timeout_ns = 10 * NS_PER_S, .idle_timeout_ns = 120 * NS_PER_S, .http1 = true};
    struct trb_slice host = listen;
    uint16_t port = 0;
    trb_code code = a->guard.is_unix ? TRB_OK : split_address(listen, &host, &port, err);
    return code ? code : listener_open(host, port, &setup, NULL, &a->listener, err);
}

trb_code admin_start(const struct admin_setup *setup, struct admin **ret_admin, struct trb_error *err)
{
    struct admin *a = mem_zero(sizeof *a);
    a->magic = ADMIN_MAGIC;
    a->verbs = setup->verbs;
    a->arg = setup->arg;
    a->guard.is_unix = slice_starts(setup->listen, SLICE("unix:"));
    trb_code code = a->guard.is_unix ? TRB_OK : guard_read_token(&a->guard, setup->token_file ? setup->token_file : "", err);
    if (!code)
        code = open_listener(a, setup->listen, err);
    if (code) {
        guard_wipe(&a->guard);
        mem_free(a);
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
    guard_wipe(&a->guard);
    a->magic = 0;
    mem_free(a);
    if (done)
        done(done_arg);
}

void admin_stop(struct admin *a, void (*done)(void *arg), void *arg)
{
    a->done = done;
    a->done_arg = arg;
    listener_close(a->listener, on_closed, a);
}
