/* moved_block: views for the new copy, made beforehand and for those that came since; the old ones leave. */
#include <base/error.h>
#include <base/log.h>
#include <base/mem.h>
#include <base/slice.h>
#include <runtime/inside.h>
#include <runtime/moved_block.h>

struct moved_view {                        /* of a component that stays, from the old block to the new one */
    struct instance *instance;             /* pinned: its entry may go meanwhile */
    struct trb_instance *view;
};

/* --------------------------------------------------------------------------------------- the new copy */
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

static trb_code make_views(struct runtime *rt, struct moved_block *m, struct trb_error *err)
{
    trb_code code = TRB_OK;
    list_each(node, &rt->components.entries) {
        struct entry *e = list_item(node, struct entry, link);
        if (!code && e->state == ENTRY_LIVE && e->view->service == m->old)
            code = add_view(m, e, err);
    }
    return code;
}

/* A component that moves has told this copy of its block; one of the same plugin moves with it. */
static bool hands_over(struct runtime *rt, const struct service *s, const struct plugin *plugin)
{
    list_each(node, &rt->components.entries) {
        struct entry *e = list_item(node, struct entry, link);
        if (e->state == ENTRY_LIVE && e->is_challenged && e->view->service == s && TRB_HAS(s->block, component_moving) &&
            strcmp(e->instance->plugin->file, plugin->file))
            return true;
    }
    return false;
}

trb_code moved_block_create(struct runtime *rt, struct plugin *plugin, const struct trb_block *block, struct list *to,
                            struct trb_error *err)
{
    struct service *old = blocks_find(rt, slice_of(block->name));
    if (!old)
        return TRB_OK;
    if (!old->is_in_service)
        return error_set(err, TRB_ABORTED, "BUSY", "block %s is being replaced already", block->name);
    if (hands_over(rt, old, plugin))
        return error_set(err, TRB_ABORTED, "BUSY", "a component of block %s is being replaced", block->name);
    struct moved_block *m = mem_zero(sizeof *m);
    m->rt = rt;
    m->old = old;
    list_append(to, &m->link);
    trb_code code = service_create(plugin, block, &rt->kernel, &m->new_, err);
    return code ? code : make_views(rt, m, err);
}

static void drop_view(struct moved_view *v)
{
    view_destroy(v->view);
    instance_unpin(v->instance);
}

void moved_block_take_back(struct moved_block *m)
{
    for (uint32_t i = 0; i < m->view_count; i++)
        drop_view(&m->views[i]);
    if (m->new_)
        blocks_retire(m->rt, m->new_);
    mem_free(m->views);
    mem_free(m);
}

/* --------------------------------------------------------------------------------------- the exchange */
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

static void adopt(void *arg, struct trb_slice kept)
{
    struct service *s = arg;
    s->block->adopt(s->self, kept);
}

/* To the copy that serves now: another may have taken the place of the new one already. */
static void hand_over(struct moved_block *m, struct service *to)
{
    if (to && TRB_HAS(m->old->block, hand_over) && TRB_HAS(to->block, adopt))
        m->old->block->hand_over(m->old->self, adopt, to);
}

void moved_block_exchange(struct moved_block *m)
{
    hand_over(m, m->new_);
    blocks_replace(m->rt, m->new_);
    list_each(node, &m->rt->components.entries) {
        struct entry *e = list_item(node, struct entry, link);
        if (e->state == ENTRY_LIVE && e->view->service == m->old)
            exchange_view(m, e);
    }
    drop_unused_views(m);
}

/* --------------------------------------------------------------------------------------- the old copy */
static void on_block_quiet(void *arg)
{
    struct moved_block *m = arg;
    hand_over(m, blocks_find(m->rt, slice_of(m->old->block->name)));
    for (uint32_t i = 0; i < m->view_count; i++)
        drop_view(&m->views[i]);
    blocks_retire(m->rt, m->old);
    mem_free(m->views);
    mem_free(m);
}

void moved_block_finish(struct moved_block *m)
{
    const struct trb_block *b = m->old->block;
    if (!runtime_is_stopping(m->rt))
        service_in_service(m->rt, m->new_);
    for (uint32_t i = 0; i < m->view_count; i++)
        if (TRB_HAS(b, component_leaving))
            b->component_leaving(m->old->self, m->views[i].view, m->views[i].view->data);
    service_when_quiet(m->old, m->view_count, on_block_quiet, m);
}
