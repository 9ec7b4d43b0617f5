/* components: who may start when, and the catalog of those that are live. */
#include <base/error.h>
#include <base/log.h>
#include <base/mem.h>
#include <base/slice.h>
#include <plugin/catalog.h>
#include <policy/ask.h>
#include <runtime/inside.h>
#include <runtime/standin.h>
#include <trilby/secretstores.h>

void components_init(struct components *c)
{
    list_init(&c->entries);
}

static struct entry *entry_at(struct list *node)
{
    return list_item(node, struct entry, link);
}

struct entry *components_find(struct runtime *rt, struct trb_slice name)
{
    list_each(node, &rt->components.entries)
        if (slice_is(slice_name(entry_at(node)->component->head.name), name) &&
            entry_at(node)->state != ENTRY_LEAVING)
            return entry_at(node);
    return NULL;
}

/* --------------------------------------------------------------------------------- who waits for whom */
static bool is_under_way(const struct entry *e)
{
    return e->state == ENTRY_WAITING || e->state == ENTRY_RESOLVING || e->state == ENTRY_STARTING;
}

static struct entry *store_of(struct runtime *rt, struct trb_slice name)
{
    list_each(node, &rt->components.entries) {
        struct component *c = entry_at(node)->component;
        if (entry_at(node)->state != ENTRY_LEAVING && slice_is(slice_name(c->block), SLICE("secretstores")) &&
            slice_is(slice_name(c->head.name), name))
            return entry_at(node);
    }
    return NULL;
}

static void park(struct entry *e, struct trb_slice store)
{
    if (e->state != ENTRY_PARKED)
        log_warn(SCOPE, "Component %s references a secret store that isn't loaded: %.*s", e->component->head.name.at,
                 SLICE_ARG(store));
    e->state = ENTRY_PARKED;
    entry_settled(e);
}

/* true: something has changed. */
static bool advance_one(struct entry *e, bool is_stuck)
{
    struct trb_slice store = resource_needs_store(&e->component->head, &e->rt->resources.context);
    struct entry *other = store.at ? store_of(e->rt, store) : NULL;
    if (!store.at || (other && other->state == ENTRY_LIVE)) {
        entry_start(e);
        return true;
    }
    if (e->state == ENTRY_WAITING && (is_stuck || !other || other == e || !is_under_way(other))) {
        park(e, store);
        return true;
    }
    return false;
}

static uint32_t count_under_way(struct runtime *rt, bool with_waiting)
{
    uint32_t count = 0;
    list_each(node, &rt->components.entries)
        if (is_under_way(entry_at(node)) && (with_waiting || entry_at(node)->state != ENTRY_WAITING))
            count++;
    return count;
}

/* Two stores that need each other wait for ever: with nothing else under way they are parked. */
static bool advance_all(struct runtime *rt)
{
    bool is_stuck = !count_under_way(rt, false), moved = false;
    list_each(node, &rt->components.entries)
        if (entry_at(node)->state == ENTRY_WAITING || entry_at(node)->state == ENTRY_PARKED)
            moved |= advance_one(entry_at(node), false);
    if (moved || !is_stuck)
        return moved;
    list_each(node, &rt->components.entries)
        if (entry_at(node)->state == ENTRY_WAITING)
            moved |= advance_one(entry_at(node), true);
    return moved;
}

static void tell_strangers(struct runtime *rt)
{
    const struct flag_list *names = &rt->setup.flags->isolate;
    for (uint32_t i = 0; i < names->count; i++)
        if (!slice_is(slice_name(names->at[i]), SLICE("all")) && !components_find(rt, slice_name(names->at[i])))
            log_warn(SCOPE, "--isolate names '%s', and there is no component of that name", names->at[i].at);
}

static void advance(void *arg)
{
    struct runtime *rt = arg;
    struct components *c = &rt->components;
    if (runtime_is_stopping(rt))
        return;
    while (advance_all(rt))
        continue;
    if (c->is_loaded || count_under_way(rt, true))
        return;
    c->is_loaded = true;
    log_info(SCOPE, "All outstanding components processed");
    tell_strangers(rt);
    c->loaded(rt);
}

void components_changed(struct runtime *rt)
{
    job_defer(loop_at(0), &rt->components.advance, advance, rt);
}

/* ------------------------------------------------------------------------------------ the catalog */
void components_publish(struct runtime *rt, void (*then)(void *), void *arg)
{
    uint32_t count = 0, room = 0;
    list_each(node, &rt->components.entries)
        room++;
    struct trb_instance **views = mem_zero((room + 1) * sizeof *views);
    list_each(node, &rt->components.entries)
        if (entry_at(node)->state == ENTRY_LIVE && !entry_at(node)->is_behind)
            views[count++] = entry_at(node)->view;
        else if (entry_at(node)->standin && entry_at(node)->state != ENTRY_LEAVING)
            views[count++] = standin_view(entry_at(node)->standin);
    catalog_publish(catalog_create(views, count), then, arg);
    mem_free(views);
}

/* --------------------------------------------------------------------------------------- secrets */
struct secret_ask {
    struct secret_ticket *ticket;
    struct trb_name name, namespace_;
    struct trb_pair pair;
    struct trb_secret_get question;
};

static void secret_ask_destroy(struct secret_ask *a)
{
    mem_free((void *)(uintptr_t)a->name.at);
    mem_free((void *)(uintptr_t)a->namespace_.at);
    mem_free(a);
}

static void on_secret(void *arg, const void *answer, const struct trb_error *err)
{
    struct secret_ask *a = arg;
    const struct trb_secret *secret = answer;
    secret_answer(a->ticket, secret ? &secret->values : NULL, err);
    secret_ask_destroy(a);
}

static struct trb_name keep(struct trb_slice text)
{
    return (struct trb_name){mem_text(text.at ? text.at : "", text.len), text.len};
}

static struct secret_ask *secret_ask_create(struct trb_slice name, struct trb_slice namespace_,
                                            struct secret_ticket *ticket)
{
    struct secret_ask *a = mem_zero(sizeof *a);
    a->ticket = ticket;
    a->name = keep(name);
    a->namespace_ = keep(namespace_);
    a->pair = (struct trb_pair){NAME("namespace"), a->namespace_};
    a->question = (struct trb_secret_get){.size = sizeof a->question, .name = a->name,
                                          .metadata = {&a->pair, 1, sizeof a->pair}};
    return a;
}

void components_secret(void *runtime, struct trb_slice store, struct trb_slice name, struct trb_slice namespace_,
                       struct secret_ticket *ticket)
{
    struct entry *e = store_of(runtime, store);
    struct trb_error err = ERROR_INIT;
    if (e && e->state == ENTRY_LIVE) {
        struct secret_ask *a = secret_ask_create(name, namespace_, ticket);
        ask_plain(e->view, TRB_AT(secretstores, get), &a->question, 0, on_secret, a);
        return;
    }
    error_set(&err, TRB_NOT_FOUND, "NO_STORE", "the secret store %.*s is not loaded", SLICE_ARG(store));
    secret_answer(ticket, NULL, &err);
}

/* --------------------------------------------------------------------------------- all together */
void components_start(struct runtime *rt, void (*loaded)(struct runtime *))
{
    const struct resource_list *list = &rt->resources.set->of[RESOURCE_COMPONENT];
    rt->components.loaded = loaded;
    log_info(SCOPE, "Loading components\u2026");
    for (uint32_t i = 0; i < list->count; i++) {
        struct component *c = component_of(list->at[i]);
        if (c->head.name.len)
            entry_create(rt, (struct component *)(void *)resource_ref(&c->head));
    }
    log_info(SCOPE, "Waiting for all outstanding components to be processed\u2026");
    components_changed(rt);
}

void components_check_gone(struct runtime *rt)
{
    struct components *c = &rt->components;
    void (*all_gone)(void *) = c->all_gone;
    if (!c->is_withdrawn || !all_gone || c->outside || !list_is_empty(&c->entries))
        return;
    c->all_gone = NULL;
    all_gone(c->arg);
}

void components_outside_gone(void *runtime)
{
    struct runtime *rt = runtime;
    rt->components.outside--;
    components_check_gone(rt);
}

static void on_withdrawn(void *arg)
{
    struct runtime *rt = arg;
    rt->components.is_withdrawn = true;
    list_each(node, &rt->components.entries)
        if (entry_at(node)->state != ENTRY_LEAVING)
            entry_retire(entry_at(node), NULL, NULL);
    components_check_gone(rt);
}

void components_stop(struct runtime *rt, void (*done)(void *), void *arg)
{
    job_end(&rt->components.advance);
    rt->components.all_gone = done;
    rt->components.arg = arg;
    catalog_publish(catalog_create(NULL, 0), on_withdrawn, rt);
}
