/* swap: a plugin's file is read again, and everything that runs from the old copy moves to the new one.
 *
 *     copy ──► components start beside the old ones ──► all up? ──► blocks: new services, their views
 *          ──► old blocks drain ──► catalog and routes ──► old ones retire
 *
 * Up to "all up" a failure takes the new ones away and leaves everything as it was. */
#include <base/error.h>
#include <base/log.h>
#include <base/mem.h>
#include <base/slice.h>
#include <runtime/handover.h>
#include <runtime/inside.h>
#include <runtime/replace.h>

struct moved_view {                        /* of a component that stays, from the old block to the new one */
    struct instance *instance;             /* pinned: its entry may go meanwhile */
    struct trb_instance *view;
};

struct moved_block {
    struct list link;
    struct service *old, *new_;
    struct moved_view *views;              /* first the new ones, after the exchange the old ones */
    uint32_t view_count, view_room;
};

struct moved_entry {
    struct list link;
    struct entry *old, *new_;
    struct handover *handover;
};

struct swap {
    struct runtime *rt;
    struct plugin *plugin;
    struct list entries, blocks;
    uint32_t owed;
    struct trb_error err;
    replace_done *done;
    void *arg;
    struct job job;
};

/* ---------------------------------------------------------------------------------- the end of it */
static void finish(struct swap *s)
{
    struct list *node;
    if (s->err.code)
        log_warn(SCOPE, "plugin %s stays as it is: %s", s->plugin ? s->plugin->file : "?", s->err.message);
    else
        log_info(SCOPE, "plugin %s is served by copy %llu", s->plugin->file, (unsigned long long)s->plugin->serial);
    s->done(s->arg, s->err.code ? &s->err : NULL);
    while ((node = list_take(&s->entries)))
        mem_free(list_item(node, struct moved_entry, link));
    plugin_unref(s->plugin);
    mem_free(s);
}

/* ------------------------------------------------------------------------------- old blocks leave */
static void drop_view(struct moved_view *v)
{
    view_destroy(v->view);
    instance_unpin(v->instance);
}

static void on_block_quiet(void *arg)
{
    struct moved_block *m = arg;
    for (uint32_t i = 0; i < m->view_count; i++)
        drop_view(&m->views[i]);
    service_retire(m->old, NULL, NULL);
    mem_free(m->views);
    mem_free(m);
}

static void retire_block(struct moved_block *m)
{
    const struct trb_block *b = m->old->block;
    for (uint32_t i = 0; i < m->view_count; i++)
        if (TRB_HAS(b, component_leaving))
            b->component_leaving(m->old->self, m->views[i].view, m->views[i].view->data);
    service_when_quiet(m->old, m->view_count, on_block_quiet, m);
}

static void on_published(void *arg)
{
    struct swap *s = arg;
    struct list *node;
    list_each(at, &s->entries)
        entry_retire(list_item(at, struct moved_entry, link)->old, NULL, NULL);
    while ((node = list_take(&s->blocks)))
        retire_block(list_item(node, struct moved_block, link));
    finish(s);
}

/* --------------------------------------------------------------------------------- the exchange */
static trb_code add_view(struct moved_block *m, struct entry *e, struct trb_error *err)
{
    if (m->view_count == m->view_room) {
        m->view_room = m->view_room ? m->view_room * 2 : 8;
        m->views = mem_grow(m->views, m->view_room * sizeof *m->views);
    }
    struct moved_view *v = &m->views[m->view_count];
    trb_code code = view_create(m->new_, e->instance, &v->view, err);
    if (code)
        return code;
    v->instance = e->instance;
    instance_pin(v->instance);
    m->view_count++;
    return TRB_OK;
}

static struct moved_view *view_for(struct moved_block *m, const struct entry *e)
{
    for (uint32_t i = 0; i < m->view_count; i++)
        if (m->views[i].instance == e->instance)
            return &m->views[i];
    return NULL;
}

/* Components that came up since the views were made have none yet. */
static void exchange_view(struct moved_block *m, struct entry *e)
{
    struct trb_error err = ERROR_INIT;
    struct moved_view *v = view_for(m, e);
    if (!v && !add_view(m, e, &err))
        v = &m->views[m->view_count - 1];
    if (!v) {
        log_error(SCOPE, "component '%s' stays with the earlier copy of its block: %s", e->instance->name, err.message);
        return;
    }
    struct trb_instance *old = e->view;
    e->view = v->view;
    v->view = old;
}

/* Of components that have left meanwhile. */
static void drop_unused_views(struct moved_block *m)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < m->view_count; i++)
        if (m->views[i].view->service == m->new_)
            drop_view(&m->views[i]);
        else
            m->views[kept++] = m->views[i];
    m->view_count = kept;
}

static void exchange_block(struct swap *s, struct moved_block *m)
{
    const struct trb_block *b = m->new_->block;
    blocks_replace(s->rt, m->new_);
    list_each(node, &s->rt->components.entries) {
        struct entry *e = list_item(node, struct entry, link);
        if (e->state == ENTRY_LIVE && e->view->service == m->old)
            exchange_view(m, e);
    }
    drop_unused_views(m);
    if (s->rt->blocks.has_app && TRB_HAS(b, app_up))
        b->app_up(m->new_->self);
}

static void exchange(struct swap *s)
{
    list_each(node, &s->entries) {
        struct moved_entry *m = list_item(node, struct moved_entry, link);
        m->old->state = ENTRY_LEAVING;
        m->new_->is_behind = false;
    }
    list_each(node, &s->blocks)
        exchange_block(s, list_item(node, struct moved_block, link));
    if (!list_is_empty(&s->blocks))
        blocks_publish(s->rt);
    components_publish(s->rt, on_published, s);
}

static void give_up(struct swap *s);

static bool is_stopping(struct swap *s)
{
    return runtime_is_stopping(s->rt) &&
           error_set(&s->err, TRB_UNAVAILABLE, "NOT_RUNNING", "the runtime is stopping");
}

static void on_drained(void *arg)
{
    struct swap *s = arg;
    if (--s->owed)
        return;
    if (is_stopping(s))
        give_up(s);
    else
        exchange(s);
}

static void drain_blocks(struct swap *s)
{
    s->owed = 1;
    list_each(node, &s->blocks) {
        s->owed++;
        service_drain(list_item(node, struct moved_block, link)->old, on_drained, s);
    }
    on_drained(s);
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
        drain_blocks(s);
}

static void hand_over(struct swap *s)
{
    if (list_is_empty(&s->entries))
        return drain_blocks(s);
    list_each(node, &s->entries) {
        struct moved_entry *m = list_item(node, struct moved_entry, link);
        s->owed++;
        m->handover = handover_begin(m->old, m->new_, one_handed_over, s);
    }
}

/* ---------------------------------------------------------------------------------- new blocks */
static void take_back(struct moved_block *m)
{
    for (uint32_t i = 0; i < m->view_count; i++)
        drop_view(&m->views[i]);
    if (m->new_)
        service_retire(m->new_, NULL, NULL);
    mem_free(m->views);
    mem_free(m);
}

static trb_code make_views(struct swap *s, struct moved_block *m)
{
    trb_code code = TRB_OK;
    list_each(node, &s->rt->components.entries) {
        struct entry *e = list_item(node, struct entry, link);
        if (!code && e->state == ENTRY_LIVE && e->view->service == m->old)
            code = add_view(m, e, &s->err);
    }
    return code;
}

static trb_code make_block(struct swap *s, const struct trb_block *block)
{
    struct service *old = blocks_find(s->rt, slice_of(block->name));
    if (!old)
        return TRB_OK;
    struct moved_block *m = mem_zero(sizeof *m);
    m->old = old;
    list_append(&s->blocks, &m->link);
    trb_code code = service_create(s->plugin, block, &s->rt->kernel, &m->new_, &s->err);
    return code ? code : make_views(s, m);
}

static trb_code make_blocks(struct swap *s)
{
    const struct trb_plugin *m = s->plugin->manifest;
    trb_code code = TRB_OK;
    for (uint32_t i = 0; !code && TRB_HAS(m, blocks) && m->blocks[i]; i++)
        code = make_block(s, m->blocks[i]);
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
    while ((node = list_take(&s->blocks)))
        take_back(list_item(node, struct moved_block, link));
    finish(s);
}

static void all_up(struct swap *s)
{
    if (s->err.code || make_blocks(s))
        give_up(s);
    else
        hand_over(s);
}

static void on_up(void *arg, struct entry *e, const struct trb_error *err)
{
    struct swap *s = arg;
    if (err && !s->err.code)
        s->err = *err;
    list_each(node, &s->entries) {
        struct moved_entry *m = list_item(node, struct moved_entry, link);
        if (err && m->new_ == e) {
            m->new_ = NULL;
            if (e->state != ENTRY_LEAVING)
                entry_retire(e, NULL, NULL);
        }
    }
    if (--s->owed == 0)
        all_up(s);
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
        m->old = e;
        e->is_challenged = true;
        list_append(&s->entries, &m->link);
    }
}

static bool is_busy(struct swap *s)
{
    list_each(node, &s->rt->components.entries) {
        struct entry *e = list_item(node, struct entry, link);
        bool is_ours = slice_is(slice_name(e->component->plugin), slice_from(s->plugin->file, strlen(s->plugin->file) - 3));
        if (e->state != ENTRY_LEAVING && (is_ours || runs_from(e, s->plugin)) && (e->then || e->is_challenged))
            return error_set(&s->err, TRB_ABORTED, "BUSY", "component %s is being replaced already",
                             e->component->head.name.at);
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
    e->arg = s;
    entry_start(e);
}

static void start(void *arg)
{
    struct swap *s = arg;
    if (s->err.code || is_busy(s))
        return finish(s);
    collect(s);
    s->owed = 1;
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
    if (runtime_is_stopping(rt) || !rt->components.is_loaded)
        error_set(&s->err, TRB_UNAVAILABLE, "NOT_RUNNING", "the runtime is starting or stopping");
    else if (!is_loaded(plugin))
        error_set(&s->err, TRB_NOT_FOUND, "NOT_LOADED", "plugin %.*s is not loaded", SLICE_ARG(plugin));
    else
        loader_copy(plugin, &s->plugin, &s->err);
    job_defer(loop_at(0), &s->job, start, s);
}
