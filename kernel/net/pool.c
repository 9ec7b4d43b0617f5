/* pool: calls, links and who gets which. See pool.h; links themselves are pool_link.c. */
#include <net/pool.h>

#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <net/pool_link.h>
#include <string.h>

#define MAX_ATTEMPTS 3

static struct trb_slice keep(struct trb_slice s)
{
    return s.at ? slice_from(mem_text(s.at, s.len), s.len) : s;
}

static void serve(void *arg);

void pool_serve(struct http_pool *p)
{
    if (!p->is_ending)
        job_defer(p->loop, &p->serve, serve, p);
}

struct http_pool *http_pool_create(struct loop *loop, const struct http_target *target)
{
    struct http_pool *p = mem_zero(sizeof *p);
    p->magic = HTTP_POOL_MAGIC;
    p->loop = loop;
    p->target = *target;
    p->target.host = keep(target->host);
    if (target->tls_context)
        p->target.tls_context = tls_context_ref((struct tls_context *)target->tls_context);
    list_init(&p->links);
    list_init(&p->waiting);
    return p;
}

/* --- a call's end --------------------------------------------------------------------------- */
static void leave(struct pool_call *pc)
{
    struct http_pool *p = pc->pool;
    list_remove(&pc->link);
    if (!pc->on)
        p->waiting_count--;
    else
        pool_link_lost_call(pc->on);
    pc->on = NULL;
}

static void forget(struct pool_call *pc)
{
    leave(pc);
    pc->call->link = NULL;
    pc->call = NULL;
    buf_unref(pc->body.owner);
    gather_drop(&pc->early);
    pc->magic = 0;
}

struct http_call *pool_call_ended(struct pool_call *pc)
{
    struct http_call *call = pc->call;
    struct http_pool *p = pc->pool;
    forget(pc);
    pool_serve(p);
    return call;
}

static void fail(struct pool_call *pc, const struct trb_error *err)
{
    struct http_call *call = pool_call_ended(pc);
    call->events->failed(call, err);
}

/* Nobody can tell a stale connection from a server that broke down over the request: what has effects
 * is not sent twice. */
static bool is_safe(struct trb_slice method)
{
    return slice_is(method, SLICE("GET")) || slice_is(method, SLICE("HEAD")) ||
           slice_is(method, SLICE("OPTIONS")) || slice_is(method, SLICE("TRACE"));
}

void pool_call_lost(struct pool_call *pc, const struct trb_error *err, bool answered, bool unprocessed)
{
    struct http_pool *p = pc->pool;
    bool was_stale = pc->on && pc->on->served > 1 && is_safe(pc->head.method);
    bool may_repeat = (pc->is_whole || pc->is_kept) && !answered && (unprocessed || was_stale) && !p->is_ending &&
                      ++pc->attempts < MAX_ATTEMPTS;
    if (!may_repeat) {
        fail(pc, err);
        return;
    }
    leave(pc);
    if (!unprocessed)
        http_pool_drop_idle(p);     /* what was kept beside a stale one is no better */
    pc->state = NULL;
    pc->is_kept = false;
    pc->call->sent_any = false;
    list_prepend(&p->waiting, &pc->link);
    p->waiting_count++;
    pool_serve(p);
}

void pool_fail_waiting(struct http_pool *p, const struct trb_error *err, bool all)
{
    while (!list_is_empty(&p->waiting)) {
        fail(list_item(p->waiting.next, struct pool_call, link), err);
        if (!all)
            return;
    }
}

/* --- giving calls to links -------------------------------------------------------------------- */
static struct client_link *find_room(struct http_pool *p)
{
    list_each(node, &p->links) {
        struct client_link *l = list_item(node, struct client_link, link);
        if (l->is_greeted && !l->is_ending && l->room)
            return l;
    }
    return NULL;
}

/* What was written or finished while the call waited follows its head. */
static void catch_up(struct client_link *l, struct pool_call *pc)
{
    if (pc->is_whole)
        return;
    if (pc->early.len) {
        struct trb_buf *early = gather_finish(&pc->early);
        (void)l->codec->write(pc, buf_data(early));
        buf_unref(early);
    }
    if (pc->is_finished)
        l->codec->finish(pc, pc->early_trailers);
}

static void give(struct client_link *l, struct pool_call *pc)
{
    struct http_pool *p = pc->pool;
    list_remove(&pc->link);
    p->waiting_count--;
    pc->on = l;
    pc->call->reused = l->served > 0;
    pool_link_took_call(l, pc);
    bool owes_room = pc->wants_room;
    pc->wants_room = false;
    l->codec->start(l, pc);
    catch_up(l, pc);
    if (owes_room && !pc->is_finished)
        pc->call->events->room(pc->call);
}

/* A peer that allows few calls on a connection is not to be outwitted by more connections. */
static bool must_wait(const struct http_pool *p)
{
    list_each(node, &p->links) {
        struct client_link *l = list_item(node, struct client_link, link);
        if (l->is_limited && !l->is_ending)
            return true;
    }
    return false;
}

static void open_links(struct http_pool *p)
{
    uint64_t each = p->target.version == 1 || !p->target.max_streams ? 1 : p->target.max_streams;
    if (!p->waiting_count || must_wait(p))
        return;
    while (p->waiting_count > p->connecting * each &&
           (!p->target.max_connections || p->link_count < p->target.max_connections))
        pool_link_open(p);
}

static void serve(void *arg)
{
    struct http_pool *p = checked(arg, struct http_pool, HTTP_POOL_MAGIC);
    struct client_link *l;
    while (!list_is_empty(&p->waiting) && (l = find_room(p)))
        give(l, list_item(p->waiting.next, struct pool_call, link));
    open_links(p);
}

/* --- the caller's verbs ----------------------------------------------------------------------- */
void http_pool_call(struct http_pool *p, struct http_call *call, const struct http_head *head,
                    struct trb_data whole_body)
{
    check(p->magic == HTTP_POOL_MAGIC && !p->is_ending);
    struct pool_call *pc = arena_zero(call->arena, sizeof *pc);
    pc->magic = POOL_CALL_MAGIC;
    pc->call = call;
    pc->pool = p;
    pc->head = *head;
    pc->is_whole = whole_body.at || head->content_length == HTTP_NO_BODY || head->content_length == 0;
    pc->is_finished = pc->is_whole;
    pc->body = whole_body;
    buf_ref(whole_body.owner);
    call->magic = HTTP_CALL_MAGIC;
    call->loop = p->loop;
    call->link = pc;
    call->sent_any = call->reused = false;
    list_append(&p->waiting, &pc->link);
    p->waiting_count++;
    struct client_link *l = p->waiting_count == 1 ? find_room(p) : NULL;
    if (l)
        give(l, pc);
    else
        pool_serve(p);
}

/* NULL: the call has ended. */
static struct pool_call *of(struct http_call *call)
{
    check(call->magic == HTTP_CALL_MAGIC);
    return call->link ? checked(call->link, struct pool_call, POOL_CALL_MAGIC) : NULL;
}

bool http_call_write(struct http_call *call, struct trb_data data)
{
    struct pool_call *pc = of(call);
    if (!pc)
        return true;
    check(!pc->is_finished);
    bool has_room = false;
    if (pc->on)
        has_room = pc->on->codec->write(pc, data);
    else
        (void)gather_add(&pc->early, slice_from(data.at, data.len), SIZE_MAX);
    pc->wants_room = !has_room;
    return has_room;
}

void http_call_finish(struct http_call *call, const struct http_headers *trailers)
{
    struct pool_call *pc = of(call);
    if (!pc || pc->is_finished)
        return;
    pc->is_finished = true;
    pc->early_trailers = trailers;
    if (pc->on)
        pc->on->codec->finish(pc, trailers);
}

void http_call_consume(struct http_call *call, size_t bytes)
{
    struct pool_call *pc = of(call);
    if (pc && pc->on)
        pc->on->codec->consume(pc, bytes);
}

void http_call_cancel(struct http_call *call)
{
    struct pool_call *pc = of(call);
    if (!pc)
        return;
    if (pc->on)
        pc->on->codec->cancel(pc);
    (void)pool_call_ended(pc);
}

struct http_pool *http_pool_destroy(struct http_pool *p)
{
    if (!p)
        return NULL;
    struct trb_error err = ERROR_INIT;
    error_set(&err, TRB_CANCELLED, "POOL_CLOSED", "context canceled");
    p->is_ending = true;
    job_end(&p->serve);
    pool_fail_waiting(p, &err, true);
    while (!list_is_empty(&p->links))
        pool_link_destroy(list_item(p->links.next, struct client_link, link), &err);
    mem_free((void *)p->target.host.at);
    tls_context_unref((struct tls_context *)p->target.tls_context);
    p->magic = 0;
    return mem_free(p);
}

void http_pool_drop_idle(struct http_pool *p)
{
    list_each(node, &p->links) {
        struct client_link *l = list_item(node, struct client_link, link);
        if (l->is_greeted && list_is_empty(&l->calls))
            pool_link_close(l);
    }
}
