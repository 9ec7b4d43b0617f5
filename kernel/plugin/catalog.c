/* catalog: snapshots of the components in service, one pointer per loop. */
#include <base/check.h>
#include <base/map.h>
#include <base/mem.h>
#include <base/slice.h>
#include <plugin/catalog.h>

#define MAX_LOOPS 256
#define MAX_BLOCKS 16

struct shelf {
    const char *block;
    struct map names;
    uint32_t count;
};

struct catalog {
    struct shelf shelves[MAX_BLOCKS];
    uint32_t shelf_count, count;
    struct trb_instance *views[];
};

static struct catalog *current[MAX_LOOPS];
static struct catalog *newest;

static struct shelf *shelf_of(struct catalog *c, const char *block)
{
    for (uint32_t i = 0; i < c->shelf_count; i++)
        if (!strcmp(c->shelves[i].block, block))
            return &c->shelves[i];
    return NULL;
}

static struct shelf *shelf_add(struct catalog *c, const char *block)
{
    struct shelf *s = shelf_of(c, block);
    if (s)
        return s;
    check(c->shelf_count < MAX_BLOCKS);
    s = &c->shelves[c->shelf_count++];
    s->block = mem_text(block, strlen(block));     /* the plugin's own text may be unmapped first */
    return s;
}

struct catalog *catalog_create(struct trb_instance *const *views, uint32_t count)
{
    struct catalog *c = mem_zero(sizeof *c + count * sizeof *views);
    for (uint32_t i = 0; i < count; i++) {
        struct shelf *s = shelf_add(c, views[i]->instance->block);
        map_set(&s->names, slice_of(views[i]->instance->name), views[i]);
        if (views[i]->instance->failure.code)  /* it only says why it does not serve */
            continue;
        c->views[c->count++] = views[i];
        s->count++;
    }
    return c;
}

static void catalog_destroy(struct catalog *c)
{
    for (uint32_t i = 0; c && i < c->shelf_count; i++) {
        map_fini(&c->shelves[i].names);
        mem_free((void *)(uintptr_t)c->shelves[i].block);
    }
    mem_free(c);
}

struct publication {
    struct catalog *catalog, *old;
    _Atomic uint32_t missing;
    void (*then)(void *);
    void *arg;
};

static void on_everywhere(void *arg)
{
    struct publication *p = arg;
    catalog_destroy(p->old);
    if (p->then)
        p->then(p->arg);
    mem_free(p);
}

static void switch_here(void *arg)
{
    struct publication *p = arg;
    current[loop_index(loop_self())] = p->catalog;
    if (atomic_fetch_sub(&p->missing, 1) == 1)
        loop_call(loop_at(0), on_everywhere, p);
}

void catalog_publish(struct catalog *c, void (*then)(void *), void *arg)
{
    check(loop_self() == loop_at(0) && loop_count() <= MAX_LOOPS);
    struct publication *p = mem_zero(sizeof *p);
    *p = (struct publication){.catalog = c, .old = newest, .missing = loop_count(), .then = then, .arg = arg};
    newest = c;
    for (uint32_t i = 0; i < loop_count(); i++)
        loop_call(loop_at(i), switch_here, p);
}

static struct catalog *here(void)
{
    struct loop *loop = loop_self();
    return loop ? current[loop_index(loop)] : NULL;
}

struct trb_instance *catalog_find(const char *block, struct trb_slice name)
{
    struct catalog *c = here();
    struct shelf *s = c ? shelf_of(c, block) : NULL;
    return s ? map_get(&s->names, name) : NULL;
}

uint32_t catalog_count(const char *block)
{
    struct catalog *c = here();
    struct shelf *s = c ? shelf_of(c, block) : NULL;
    return s ? s->count : 0;
}

struct trb_instance *catalog_at(uint32_t i)
{
    struct catalog *c = here();
    return c && i < c->count ? c->views[i] : NULL;
}
