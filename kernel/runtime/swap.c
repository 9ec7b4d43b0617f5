/* swap: a plugin's file is read again, and everything that runs from the old copy moves to the new one.
 *
 *     copy ──► components start beside the old ones ──► all up, and each passes its ping? ──► blocks: new services,
 *          their views ──► what the old ones keep goes over ──► catalog and routes, on every loop
 *          ──► old blocks drain ──► the new ones are in service ──► old ones retire
 *
 * Up to the catalog a failure takes the new ones away and leaves everything as it was. */
#include <base/clock.h>
#include <base/error.h>
#include <base/log.h>
#include <base/mem.h>
#include <base/slice.h>
#include <runtime/handover.h>
#include <runtime/inside.h>
#include <runtime/moved_block.h>
#include <runtime/replace.h>
#include <runtime/selftest.h>

#define OPEN_NS (5 * CLOCK_S)
#define LOOK_NS CLOCK_MS
#define DRAIN_NS (5 * CLOCK_S)             /* then the new copy is in service beside what the old one still settles */

struct moved_entry {
    struct list link;
    struct swap *swap;
    struct entry *old, *new_;
    struct handover *handover;
};

struct swap {
    struct runtime *rt;
    struct plugin *plugin;
    struct list entries, blocks;
    struct names_change *names;            /* when it is the name resolver's plugin */
    uint32_t owed;
    struct trb_error err;
    replace_done *done;
    void *arg;
    struct job job;
};

/* ---------------------------------------------------------------------------------- the end of it */
static void settle(struct swap *s)
{
    if (s->err.code) {
        log_warn(SCOPE, "plugin %s stays as it is: %s", s->plugin ? s->plugin->file : "?", s->err.message);
        if (s->plugin)
            loader_reject(s->plugin);
        return;
    }
    log_info(SCOPE, "plugin %s is served by copy %llu", s->plugin->file, (unsigned long long)s->plugin->serial);
    loader_prefer(s->plugin);
}

static void finish(struct swap *s)
{
    struct list *node;
    settle(s);
    s->done(s->arg, s->err.code ? &s->err : NULL);
    while ((node = list_take(&s->entries)))
        mem_free(list_item(node, struct moved_entry, link));
    plugin_unref(s->plugin);
    mem_free(s);
}

/* ------------------------------------------------------- the old blocks finish what they have begun */
struct draining {
    struct swap *swap;                     /* NULL: it did not wait any longer */
    uint32_t owed;
    uint64_t until_ns;                     /* so long the new copies may take to open what was handed over */
    struct timer late, look;
};

static void put_in_service(struct swap *s)
{
    struct list *node;
    while ((node = list_take(&s->blocks)))
        moved_block_finish(list_item(node, struct moved_block, link));
    finish(s);
}

static void on_drained(void *arg)
{
    struct draining *d = arg;
    struct swap *s = d->swap;
    if (--d->owed)
        return;
    timer_end(&d->late);
    mem_free(d);
    if (s)
        put_in_service(s);
}

static void on_late(void *arg)
{
    struct draining *d = arg;
    struct swap *s = d->swap;
    d->swap = NULL;
    log_info(SCOPE, "plugin %s: the earlier copy has not settled everything yet, the new one goes on beside it",
             s->plugin->file);
    put_in_service(s);
}

static void drain_all(struct draining *d, struct swap *s)
{
    timer_after(loop_at(0), &d->late, DRAIN_NS, on_late, d);
    list_each(node, &s->blocks) {
        d->owed++;
        service_drain(list_item(node, struct moved_block, link)->old, on_drained, d);
    }
    on_drained(d);
}

static bool is_opening(struct swap *s)
{
    if (runtime_is_stopping(s->rt))        /* the new copies may have gone before the old ones */
        return false;
    list_each(node, &s->blocks) {
        struct service *new_ = list_item(node, struct moved_block, link)->new_;
        if (TRB_HAS(new_->block, is_busy) && new_->block->is_busy(new_->self))
            return true;
    }
    return false;
}

/* What the new copies open again of what was handed over is open before the old ones close it. */
static void drain_when_open(void *arg)
{
    struct draining *d = arg;
    struct swap *s = d->swap;
    if (is_opening(s) && clock_now_ns() < d->until_ns)
        timer_after(loop_at(0), &d->look, LOOK_NS, drain_when_open, d);
    else
        drain_all(d, s);
}

static void drain_blocks(struct swap *s)
{
    struct draining *d = mem_zero(sizeof *d);
    *d = (struct draining){.swap = s, .owed = 1, .until_ns = clock_now_ns() + OPEN_NS};
    drain_when_open(d);
}

static void on_published(void *arg)
{
    struct swap *s = arg;
    list_each(at, &s->entries)
        entry_retire(list_item(at, struct moved_entry, link)->old, NULL, NULL);
    drain_blocks(s);
}

/* --------------------------------------------------------------------------------- the exchange */
static void exchange(struct swap *s)
{
    list_each(node, &s->entries) {
        struct moved_entry *m = list_item(node, struct moved_entry, link);
        m->old->state = ENTRY_LEAVING;
        m->new_->is_behind = false;
    }
    list_each(node, &s->blocks)
        moved_block_exchange(list_item(node, struct moved_block, link));
    if (!list_is_empty(&s->blocks))
        blocks_publish(s->rt);
    names_change_commit(s->names);
    components_publish(s->rt, on_published, s);
}

static void give_up(struct swap *s);

static bool is_stopping(struct swap *s)
{
    return runtime_is_stopping(s->rt) &&
           error_set(&s->err, TRB_UNAVAILABLE, "NOT_RUNNING", "the runtime is stopping");
}

/* -------------------------------------------------------------- what the old components keep goes over */
static void end_handovers(struct swap *s)
{
    list_each(node, &s->entries) {
        struct moved_entry *m = list_item(node, struct moved_entry, link);
        if (s->err.code)
            handover_abort(m->handover);
        else
            handover_commit(m->handover);
        m->handover = NULL;
    }
}

static void one_handed_over(void *arg, const struct trb_error *err)
{
    struct swap *s = arg;
    if (err && !s->err.code)
        s->err = *err;
    if (--s->owed)
        return;
    if (!s->err.code)
        (void)is_stopping(s);
    end_handovers(s);
    if (s->err.code)
        give_up(s);
    else
        exchange(s);
}

static void hand_over(struct swap *s)
{
    if (list_is_empty(&s->entries))
        return exchange(s);
    list_each(node, &s->entries) {
        struct moved_entry *m = list_item(node, struct moved_entry, link);
        s->owed++;
        m->handover = handover_begin(m->old, m->new_, one_handed_over, s);
    }
}

/* ---------------------------------------------------------------------------------- new blocks */
static trb_code make_blocks(struct swap *s)
{
    const struct trb_plugin *m = s->plugin->manifest;
    trb_code code = TRB_OK;
    for (uint32_t i = 0; !code && TRB_HAS(m, blocks) && m->blocks[i]; i++)
        code = moved_block_create(s->rt, s->plugin, m->blocks[i], &s->blocks, &s->err);
    return code;
}

/* ------------------------------------------------------------------------------ new components */
static void give_up(struct swap *s)
{
    struct list *node;
    list_each(at, &s->entries) {
        struct moved_entry *m = list_item(at, struct moved_entry, link);
        if (runtime_is_stopping(s->rt))    /* it takes all entries away by itself */
            continue;
        m->old->is_challenged = false;
        if (m->new_ && m->new_->state != ENTRY_LEAVING)
            entry_retire(m->new_, NULL, NULL);
    }
    names_change_abort(s->names);
    while ((node = list_take(&s->blocks)))
        moved_block_take_back(list_item(node, struct moved_block, link));
    finish(s);
}

static void all_up(struct swap *s)
{
    if (s->err.code || is_stopping(s) || make_blocks(s))
        give_up(s);
    else
        hand_over(s);
}

static void one_settled(struct swap *s, const struct trb_error *err)
{
    if (err && !s->err.code)
        s->err = *err;
    if (--s->owed == 0)
        all_up(s);
}

static void on_tested(void *arg, const struct trb_error *err)
{
    one_settled(((struct moved_entry *)arg)->swap, err);
}

static void on_up(void *arg, struct entry *e, const struct trb_error *err)
{
    struct moved_entry *m = arg;
    if (!err)
        return selftest_run(e->instance, on_tested, m);
    m->new_ = NULL;
    if (e->state != ENTRY_LEAVING)
        entry_retire(e, NULL, NULL);
    one_settled(m->swap, err);
}

static void on_names_up(void *arg, const struct trb_error *err)
{
    one_settled(arg, err);
}

static bool runs_from(const struct entry *e, const struct plugin *p)
{
    return e->state == ENTRY_LIVE && !strcmp(e->instance->plugin->file, p->file);
}

static void collect(struct swap *s)
{
    list_each(node, &s->rt->components.entries) {
        struct entry *e = list_item(node, struct entry, link);
        if (!runs_from(e, s->plugin))
            continue;
        struct moved_entry *m = mem_zero(sizeof *m);
        m->swap = s;
        m->old = e;
        e->is_challenged = true;
        list_append(&s->entries, &m->link);
    }
}

/* It has code of an earlier copy already, and nothing to hand over yet. */
static bool is_coming_up(const struct entry *e, const struct plugin *p)
{
    return e->state == ENTRY_STARTING && !strcmp(e->instance->plugin->file, p->file);
}

static bool is_busy(struct swap *s)
{
    list_each(node, &s->rt->components.entries) {
        struct entry *e = list_item(node, struct entry, link);
        bool is_ours = slice_is(slice_name(e->component->plugin), slice_from(s->plugin->file, strlen(s->plugin->file) - 3));
        if (e->state != ENTRY_LEAVING && (is_ours || runs_from(e, s->plugin)) && (e->then || e->is_challenged))
            return error_set(&s->err, TRB_ABORTED, "BUSY", "component %s is being replaced already",
                             e->component->head.name.at);
        if (is_coming_up(e, s->plugin))
            return error_set(&s->err, TRB_ABORTED, "BUSY", "component %s is coming up just now", e->component->head.name.at);
    }
    return false;
}

static void start_one(struct swap *s, struct moved_entry *m)
{
    struct entry *e = entry_create(s->rt, component_of(resource_ref(&m->old->component->head)));
    list_remove(&e->link);
    list_insert(&m->old->link, &e->link);
    m->new_ = e;
    e->plugin = plugin_ref(s->plugin);
    e->is_behind = true;
    e->then = on_up;
    e->arg = m;
    entry_start(e);
}

static void start(void *arg)
{
    struct swap *s = arg;
    if (s->err.code || is_busy(s))
        return finish(s);
    collect(s);
    s->owed = 1;
    s->names = names_change_begin(s->rt, s->plugin, on_names_up, s);
    if (s->names)
        s->owed++;
    list_each(node, &s->entries) {
        s->owed++;
        start_one(s, list_item(node, struct moved_entry, link));
    }
    if (--s->owed == 0)
        all_up(s);
}

static bool is_loaded(struct trb_slice name)
{
    list_each(node, loader_plugins()) {
        struct plugin *p = list_item(node, struct plugin, link);
        if (slice_is(slice_from(p->file, strlen(p->file) - 3), name))
            return true;
    }
    return false;
}

void replace_plugin(struct runtime *rt, struct trb_slice plugin, replace_done *done, void *arg)
{
    struct swap *s = mem_zero(sizeof *s);
    *s = (struct swap){.rt = rt, .done = done, .arg = arg, .err = ERROR_INIT};
    list_init(&s->entries);
    list_init(&s->blocks);
    if (!replace_is_between(rt, &s->err) && !is_loaded(plugin))
        error_set(&s->err, TRB_NOT_FOUND, "NOT_LOADED", "plugin %.*s is not loaded: GET /v1/admin/plugins lists those that are, "
                  "by the name of the file without .so", SLICE_ARG(plugin));
    if (!s->err.code)
        loader_copy(plugin, &s->plugin, &s->err);
    job_defer(loop_at(0), &s->job, start, s);
}
