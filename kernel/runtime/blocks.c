/* blocks: starting them, publishing what they serve, telling them what happens. */
#include <base/error.h>
#include <base/log.h>
#include <base/mem.h>
#include <base/slice.h>
#include <channel/peer_door.h>
#include <channel/proxy.h>
#include <request/door_grpc.h>
#include <request/grpc_reflection.h>
#include <request/door_http.h>
#include <runtime/inside.h>
#include <runtime/sets.h>

#define MOST_BLOCKS 64

void blocks_init(struct blocks *b)
{
    list_init(&b->services);
    list_init(&b->leaving);
    pthread_mutex_init(&b->lock, NULL);
}

void blocks_fini(struct blocks *b)
{
    check(list_is_empty(&b->services) && list_is_empty(&b->leaving));
    pthread_mutex_destroy(&b->lock);
}

static struct service *service_at(struct list *node)
{
    return list_item(node, struct service, link);
}

struct service *blocks_find(struct runtime *rt, struct trb_slice name)
{
    list_each(node, &rt->blocks.services)
        if (slice_is(slice_of(service_at(node)->block->name), name))
            return service_at(node);
    return NULL;
}

void service_in_service(struct runtime *rt, struct service *s)
{
    s->is_in_service = true;
    if (TRB_HAS(s->block, in_service))
        s->block->in_service(s->self);
    if (rt->blocks.has_app && TRB_HAS(s->block, app_up))
        s->block->app_up(s->self);
}

void blocks_replace(struct runtime *rt, struct service *s)
{
    struct service *old = blocks_find(rt, slice_of(s->block->name));
    pthread_mutex_lock(&rt->blocks.lock);
    if (old) {
        list_insert(&old->link, &s->link);
        list_remove(&old->link);
        list_append(&rt->blocks.leaving, &old->link);
    } else {
        list_append(&rt->blocks.services, &s->link);
    }
    pthread_mutex_unlock(&rt->blocks.lock);
}

/* ------------------------------------------------------------------------------------ starting */
static trb_code start_blocks(struct runtime *rt, struct plugin *p, struct trb_error *err)
{
    const struct trb_plugin *m = p->manifest;
    trb_code code = TRB_OK;
    for (uint32_t i = 0; !code && TRB_HAS(m, blocks) && m->blocks[i]; i++) {
        struct service *s;
        code = service_create(p, m->blocks[i], &rt->kernel, &s, err);
        if (code)
            break;
        blocks_replace(rt, s);
        service_in_service(rt, s);
    }
    return code;
}

static trb_code start_plugin(struct runtime *rt, const char *name, struct trb_error *err)
{
    struct trb_error why = ERROR_INIT;
    struct plugin *p;
    trb_code code = loader_get(slice_of(name), &p, &why);
    if (code == TRB_NOT_FOUND && !strcmp(why.reason, "PLUGIN_NOT_FOUND")) {
        log_debug(SCOPE, "block %s is not installed", name);
        return TRB_OK;
    }
    if (code) {
        *err = why;
        return code;
    }
    code = start_blocks(rt, p, err);
    plugin_unref(p);
    return code;
}

trb_code blocks_start(struct runtime *rt, struct trb_error *err)
{
    const char *const *names = set_plugins(slice_name(rt->setup.flags->set));
    trb_code code = TRB_OK;
    if (!names)
        return error_set(err, TRB_INVALID, "NO_SUCH_SET", "invalid value for 'set': %s (there is: sidecar)",
                         rt->setup.flags->set.at);
    for (uint32_t i = 0; !code && names[i]; i++)
        code = start_plugin(rt, names[i], err);
    return code;
}

/* ---------------------------------------------------------------------------------- publishing */
static struct router *make_router(struct runtime *rt, bool is_public, bool is_peer)
{
    struct router_source sources[MOST_BLOCKS];
    struct api_rules *lists = &rt->servers.rules;
    uint32_t count = 0;
    list_each(node, &rt->blocks.services) {
        check(count < MOST_BLOCKS);
        sources[count++] = (struct router_source){service_at(node)->block, &service_at(node)->owner};
    }
    struct router_setup setup = {.sources = sources, .source_count = count, .is_public = is_public, .is_peer = is_peer,
                                 .allowed = lists->http_allowed, .allowed_count = lists->http_allowed_count,
                                 .denied = lists->http_denied, .denied_count = lists->http_denied_count};
    return router_create(&setup);
}

static struct grpc_table *make_table(struct runtime *rt)
{
    struct grpc_source sources[MOST_BLOCKS];
    uint32_t count = 0, handler_count;
    const struct grpc_service_handler *reflection = reflection_handlers(&handler_count);
    struct grpc_service_handler handlers[8];
    check(handler_count < countof(handlers));
    memcpy(handlers, reflection, handler_count * sizeof *reflection);
    handlers[handler_count++] = *proxy_handler(false);
    list_each(node, &rt->blocks.services)
        sources[count++] = (struct grpc_source){service_at(node)->block, &service_at(node)->owner};
    return grpc_table_create(sources, count, handlers, handler_count);
}

void blocks_publish(struct runtime *rt)
{
    struct servers *s = &rt->servers;
    door_http_set_router(s->http_door, make_router(rt, false, false));
    if (s->public_door)
        door_http_set_router(s->public_door, make_router(rt, true, false));
    door_grpc_set_table(s->grpc_door, make_table(rt));
    peer_door_set_router(make_router(rt, false, true));
}

static void withdraw(struct runtime *rt)
{
    struct servers *s = &rt->servers;
    door_http_set_router(s->http_door, NULL);
    if (s->public_door)
        door_http_set_router(s->public_door, NULL);
    door_grpc_set_table(s->grpc_door, NULL);
    peer_door_set_router(NULL);
}

/* ------------------------------------------------------------------------------------- telling */
void blocks_app_up(struct runtime *rt)
{
    rt->blocks.has_app = true;
    list_each(node, &rt->blocks.services)
        if (service_at(node)->is_in_service && TRB_HAS(service_at(node)->block, app_up))
            service_at(node)->block->app_up(service_at(node)->self);
}

void blocks_app_down(struct runtime *rt)
{
    if (!rt->blocks.has_app)
        return;
    rt->blocks.has_app = false;
    list_each(node, &rt->blocks.services)
        if (service_at(node)->is_in_service && TRB_HAS(service_at(node)->block, app_down))
            service_at(node)->block->app_down(service_at(node)->self);
}

void blocks_resources(struct runtime *rt, uint32_t kind)
{
    list_each(node, &rt->blocks.services)
        if (TRB_HAS(service_at(node)->block, resources))
            service_at(node)->block->resources(service_at(node)->self, kind);
}

const char *blocks_busy(struct runtime *rt)
{
    const char *busy = NULL;
    pthread_mutex_lock(&rt->blocks.lock);
    list_each(node, &rt->blocks.services) {
        struct service *s = service_at(node);
        if (!busy && TRB_HAS(s->block, is_busy) && s->block->is_busy(s->self))
            busy = s->block->name;
    }
    pthread_mutex_unlock(&rt->blocks.lock);
    return busy;
}

const void *blocks_extension(struct runtime *rt, const char *id)
{
    const void *found = NULL;
    pthread_mutex_lock(&rt->blocks.lock);
    list_each(node, &rt->blocks.services) {
        struct service *s = service_at(node);
        if (!found && TRB_HAS(s->block, extension))
            found = s->block->extension(s->self, id);
    }
    pthread_mutex_unlock(&rt->blocks.lock);
    return found;
}

/* -------------------------------------------------------------------------- draining, stopping */
struct waiting {                           /* for several things at once */
    uint32_t owed;
    void (*done)(void *);
    void *arg;
};

static void one_is_done(void *arg)
{
    struct waiting *w = arg;
    if (--w->owed)
        return;
    w->done(w->arg);
    mem_free(w);
}

static struct waiting *wait_for(void (*done)(void *), void *arg)
{
    struct waiting *w = mem_zero(sizeof *w);
    *w = (struct waiting){.owed = 1, .done = done, .arg = arg};
    return w;
}

struct drain_waiter {
    struct list link;
    void (*done)(void *);
    void *arg;
};

static void on_drained(void *service)
{
    struct service *s = service;
    struct list *node;
    s->is_drained = true;
    while ((node = list_take(&s->drains))) {
        struct drain_waiter *w = list_item(node, struct drain_waiter, link);
        w->done(w->arg);
        mem_free(w);
    }
}

void service_drain(struct service *s, void (*done)(void *), void *arg)
{
    if (s->is_drained || !TRB_HAS(s->block, drain)) {
        done(arg);
        return;
    }
    struct drain_waiter *w = mem_zero(sizeof *w);
    *w = (struct drain_waiter){.done = done, .arg = arg};
    list_append(&s->drains, &w->link);
    if (s->is_draining)
        return;
    s->is_draining = true;
    s->block->drain(s->self, on_drained, s);
}

static void drain_all(struct list *services, struct waiting *w)
{
    list_each(node, services) {
        w->owed++;
        service_drain(service_at(node), one_is_done, w);
    }
}

void blocks_drain(struct runtime *rt, void (*done)(void *), void *arg)
{
    struct waiting *w = wait_for(done, arg);
    drain_all(&rt->blocks.services, w);
    drain_all(&rt->blocks.leaving, w);
    one_is_done(w);
}

static void on_gone(void *runtime)
{
    struct blocks *b = &((struct runtime *)runtime)->blocks;
    void (*all_gone)(void *) = b->all_gone;
    if (!all_gone || !list_is_empty(&b->leaving))
        return;
    b->all_gone = NULL;
    all_gone(b->all_gone_arg);
}

void blocks_retire(struct runtime *rt, struct service *s)
{
    pthread_mutex_lock(&rt->blocks.lock);
    list_remove(&s->link);
    pthread_mutex_unlock(&rt->blocks.lock);
    list_append(&rt->blocks.leaving, &s->link);
    service_retire(s, on_gone, rt);
}

/* Those that left before are under way by themselves. */
void blocks_stop(struct runtime *rt, void (*done)(void *), void *arg)
{
    withdraw(rt);
    rt->blocks.all_gone = done;
    rt->blocks.all_gone_arg = arg;
    while (!list_is_empty(&rt->blocks.services))
        blocks_retire(rt, service_at(rt->blocks.services.prev));
    on_gone(rt);
}
