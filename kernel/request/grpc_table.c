/* grpc_table: which block or handler answers which gRPC method. Immutable once built, counted. */
#include <base/map.h>
#include <base/mem.h>
#include <base/slice.h>
#include <request/grpc_private.h>
#include <stdatomic.h>
#include <string.h>

struct grpc_table {
    _Atomic uint32_t refs;
    struct arena *arena;
    struct map methods;                 /* "/service/method" and "/service/" + "*" */
    struct grpc_entry *stray;
    struct grpc_service_handler *handlers;
    const char **services;
    uint32_t service_count;
    struct request_owner **owners;
    uint32_t owner_count;
};

#define TABLE_BUDGET (16u << 20)

static void add_service(struct grpc_table *t, const char *service)
{
    for (uint32_t i = 0; i < t->service_count; i++)
        if (!strcmp(t->services[i], service))
            return;
    t->services[t->service_count++] = service;
}

static struct grpc_entry *add(struct grpc_table *t, const char *service, const char *method)
{
    struct grpc_entry *entry = arena_zero(t->arena, sizeof *entry);
    struct trb_name path = arena_printf(t->arena, "/%s/%s", service, method);
    if (!map_get(&t->methods, slice_name(path)))
        map_set(&t->methods, slice_name(path), entry);
    add_service(t, arena_name(t->arena, slice_of(service)).at);
    return entry;
}

static void add_block(struct grpc_table *t, const struct grpc_source *source)
{
    const struct trb_block *block = source->block;
    t->owners[t->owner_count++] = source->owner;
    if (source->owner && source->owner->pin)
        source->owner->pin(source->owner);
    for (uint32_t i = 0; i < block->method_count; i++) {
        const struct trb_method *m = (const void *)((const char *)block->methods + (size_t)i * block->method_size);
        struct grpc_entry *entry = add(t, m->service, m->name);
        entry->method = m;
        entry->owner = source->owner;
    }
}

static void add_handler(struct grpc_table *t, const struct grpc_service_handler *handler)
{
    struct grpc_entry *entry = !strcmp(handler->service, "*") ? arena_zero(t->arena, sizeof *entry)
                                                              : add(t, handler->service, handler->method);
    entry->handler = handler;
    if (!strcmp(handler->service, "*"))
        t->stray = entry;
}

static uint32_t count_all(const struct grpc_source *sources, uint32_t count)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += sources[i].block->method_count;
    return sum;
}

struct grpc_table *grpc_table_create(const struct grpc_source *sources, uint32_t count,
                                     const struct grpc_service_handler *handlers, uint32_t handler_count)
{
    struct grpc_table *t = mem_zero(sizeof *t);
    uint32_t most = count_all(sources, count) + handler_count + 1;
    t->refs = 1;
    t->arena = arena_create(TABLE_BUDGET);
    t->services = arena_zero(t->arena, most * sizeof *t->services);
    t->owners = arena_zero(t->arena, (count + 1) * sizeof *t->owners);
    t->handlers = arena_zero(t->arena, (handler_count + 1) * sizeof *t->handlers);
    for (uint32_t i = 0; i < count; i++)
        add_block(t, &sources[i]);
    for (uint32_t i = 0; i < handler_count; i++) {
        t->handlers[i] = handlers[i];
        add_handler(t, &t->handlers[i]);
    }
    return t;
}

struct grpc_table *grpc_table_ref(struct grpc_table *t)
{
    if (t)
        atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

struct grpc_table *grpc_table_unref(struct grpc_table *t)
{
    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
        return NULL;
    for (uint32_t i = 0; i < t->owner_count; i++)
        if (t->owners[i] && t->owners[i]->unpin)
            t->owners[i]->unpin(t->owners[i]);
    map_fini(&t->methods);
    arena_destroy(t->arena);
    mem_free(t);
    return NULL;
}

const char *grpc_table_service(const struct grpc_table *t, uint32_t i)
{
    return t && i < t->service_count ? t->services[i] : NULL;
}

/* "/a.B/M" as it stands, then "/a.B/" and a star. */
const struct grpc_entry *grpc_table_find(const struct grpc_table *t, struct trb_slice path)
{
    char any[256];
    const struct grpc_entry *entry = t ? map_get(&t->methods, path) : NULL;
    const char *slash = path.len ? memrchr(path.at, '/', path.len) : NULL;
    if (entry || !t || !slash)
        return entry;
    size_t len = (size_t)(slash - path.at) + 1;
    if (len + 1 > sizeof any)
        return NULL;
    memcpy(any, path.at, len);
    any[len] = '*';
    return map_get(&t->methods, slice_from(any, len + 1));
}

const struct grpc_entry *grpc_table_stray(const struct grpc_table *t)
{
    return t ? t->stray : NULL;
}
