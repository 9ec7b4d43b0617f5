/* replace: one component for another of its name. Plugins are swap.c.
 *
 *     (it joins) start ──────────────────────────────────────────────────► catalog
 *     (it takes a place) start ──► self-test ──► what the old one keeps goes over ──► catalog ──► the old one retires
 *
 * Where nothing serves there is nothing to keep from harm: one that joins starts as at the runtime's start. */
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <runtime/handover.h>
#include <runtime/inside.h>
#include <runtime/replace.h>
#include <runtime/selftest.h>

struct replacement {
    struct runtime *rt;
    struct component *component;           /* a reference, until its entry has it */
    struct entry *old;                     /* NULL: there was none, or it has gone with the runtime */
    struct entry *new_;
    struct handover *handover;
    struct trb_error err;
    bool is_given;                         /* by somebody, not by a file */
    replace_done *done;
    void *arg;
    struct job job;
};

static struct replacement *begin(struct runtime *rt, replace_done *done, void *arg)
{
    struct replacement *r = mem_zero(sizeof *r);
    *r = (struct replacement){.rt = rt, .done = done, .arg = arg, .err = ERROR_INIT};
    return r;
}

static void finish(struct replacement *r)
{
    r->done(r->arg, r->err.code ? &r->err : NULL);
    if (r->component)
        resource_unref(&r->component->head);
    mem_free(r);
}

static void finish_later(void *arg)
{
    finish(arg);
}

/* err is filled in: told from the run queue. */
static void refuse(struct replacement *r)
{
    job_defer(loop_at(0), &r->job, finish_later, r);
}

/* ---------------------------------------------------------------------------------- taking over */
static void on_published(void *arg)
{
    struct replacement *r = arg;
    if (r->old)
        entry_retire(r->old, NULL, NULL);
    finish(r);
}

static void publish(struct replacement *r)
{
    if (r->old)
        r->old->state = ENTRY_LEAVING;     /* it is in the next catalog no more */
    if (r->new_)
        r->new_->is_behind = false;
    components_publish(r->rt, on_published, r);
}

/* A runtime that stops takes all entries away by itself. */
static void give_up(struct replacement *r)
{
    if (r->old && !runtime_is_stopping(r->rt))
        r->old->is_challenged = false;
    if (r->new_ && r->new_->state != ENTRY_LEAVING && !runtime_is_stopping(r->rt))
        entry_retire(r->new_, NULL, NULL);
    finish(r);
}

static bool has_failed(struct replacement *r, const struct trb_error *err)
{
    if (err)
        r->err = *err;
    else if (runtime_is_stopping(r->rt))
        error_set(&r->err, TRB_UNAVAILABLE, "NOT_RUNNING", "the runtime is stopping");
    return r->err.code;
}

static void on_handed_over(void *arg, const struct trb_error *err)
{
    struct replacement *r = arg;
    if (has_failed(r, err)) {
        handover_abort(r->handover);
        return give_up(r);
    }
    handover_commit(r->handover);
    publish(r);
}

static void on_tested(void *arg, const struct trb_error *err)
{
    struct replacement *r = arg;
    if (has_failed(r, err))
        give_up(r);
    else
        r->handover = handover_begin(r->old, r->new_, on_handed_over, r);
}

static void on_up(void *arg, struct entry *e, const struct trb_error *err)
{
    struct replacement *r = arg;
    r->new_ = e;
    if (has_failed(r, err))
        give_up(r);
    else if (r->old && r->old->state == ENTRY_LIVE)
        selftest_run(e->instance, on_tested, r);
    else
        publish(r);
}

bool replace_is_busy(struct runtime *rt, struct trb_slice name)
{
    list_each(node, &rt->components.entries) {
        struct entry *e = list_item(node, struct entry, link);
        if ((e->then || (e->is_challenged && e->state != ENTRY_LEAVING)) &&
            slice_is(slice_name(e->component->head.name), name))
            return true;
    }
    return reload_will_add(rt, name);
}

/* Looked at when it is asked, too: what is deferred while the runtime ends would find none. */
bool replace_is_between(const struct runtime *rt, struct trb_error *err)
{
    return (runtime_is_stopping(rt) || !rt->components.is_loaded) &&
           error_set(err, TRB_UNAVAILABLE, "NOT_RUNNING", "the runtime is starting or stopping");
}

static bool is_possible(struct replacement *r)
{
    struct component *c = r->component;
    struct trb_slice store = resource_needs_store(&c->head, &r->rt->resources.context);
    struct entry *e = store.at ? components_find(r->rt, store) : NULL;
    if (replace_is_between(r->rt, &r->err))
        return false;
    if (replace_is_busy(r->rt, slice_name(c->head.name)))
        error_set(&r->err, TRB_ABORTED, "BUSY", "component %s is being replaced already", c->head.name.at);
    else if (store.at && (!e || e->state != ENTRY_LIVE))
        error_set(&r->err, TRB_PRECONDITION, "NO_STORE", "component %s references a secret store that isn't loaded: %.*s",
                  c->head.name.at, SLICE_ARG(store));
    return !r->err.code;
}

static void start(void *arg)
{
    struct replacement *r = arg;
    if (!is_possible(r))
        return finish(r);
    r->old = components_find(r->rt, slice_name(r->component->head.name));
    struct entry *e = entry_create(r->rt, r->component);
    r->component = NULL;
    if (r->old) {
        list_remove(&e->link);
        list_insert(&r->old->link, &e->link);
        r->old->is_challenged = true;
    }
    e->is_behind = true;
    e->is_given = r->is_given;
    e->then = on_up;
    e->arg = r;
    entry_start(e);
}

/* -------------------------------------------------------------------------------------- asking */
static void keep_warning(void *arg, const char *sentence)
{
    struct replacement *r = arg;
    if (!r->err.code)
        error_set(&r->err, TRB_INVALID, "BAD_DOCUMENT", "%s", sentence);
}

static void read_document(struct replacement *r, const char *file, struct trb_slice yaml)
{
    struct runtime *rt = r->rt;
    struct resource_query query = {.app_id = slice_name(rt->info.app_id), .warn = keep_warning, .arg = r,
                                   .namespace_ = slice_name(rt->environment.namespace_)};
    struct resource_set *set = NULL;
    if (resource_set_parse(file, yaml, &query, &set, &r->err))
        return;
    struct resource_list *list = &set->of[RESOURCE_COMPONENT];
    if (!r->err.code && list->count != 1)
        error_set(&r->err, TRB_INVALID, "BAD_DOCUMENT", "%s: there are %u documents of kind Component for this app, "
                  "and there has to be one", file, list->count);
    else if (!r->err.code)
        r->component = component_of(resource_ref(list->at[0]));
    resource_set_destroy(set);
}

void replace_component(struct runtime *rt, const char *file, struct trb_slice yaml, replace_done *done, void *arg)
{
    struct replacement *r = begin(rt, done, arg);
    r->is_given = true;
    if (!replace_is_between(rt, &r->err))
        read_document(r, file, yaml);
    if (r->err.code)
        refuse(r);
    else
        job_defer(loop_at(0), &r->job, start, r);
}

static struct entry *find(struct replacement *r, struct trb_slice name)
{
    struct entry *e = components_find(r->rt, name);
    if (!e)
        error_set(&r->err, TRB_NOT_FOUND, "NO_SUCH_COMPONENT", "there is no component %.*s", SLICE_ARG(name));
    return e;
}

void replace_reload(struct runtime *rt, struct trb_slice name, replace_done *done, void *arg)
{
    struct replacement *r = begin(rt, done, arg);
    struct entry *e = replace_is_between(rt, &r->err) ? NULL : find(r, name);
    if (!e)
        return refuse(r);
    r->component = component_of(resource_ref(&e->component->head));
    r->is_given = e->is_given;
    job_defer(loop_at(0), &r->job, start, r);
}

void replace_with(struct runtime *rt, struct component *component, replace_done *done, void *arg)
{
    struct replacement *r = begin(rt, done, arg);
    r->component = component_of(resource_ref(&component->head));
    job_defer(loop_at(0), &r->job, start, r);
}

static void remove_now(void *arg)
{
    publish(arg);
}

void replace_remove(struct runtime *rt, struct trb_slice name, replace_done *done, void *arg)
{
    struct replacement *r = begin(rt, done, arg);
    r->old = replace_is_between(rt, &r->err) ? NULL : find(r, name);
    if (r->old && replace_is_busy(rt, name))
        error_set(&r->err, TRB_ABORTED, "BUSY", "component %.*s is being replaced", SLICE_ARG(name));
    if (r->err.code)
        return refuse(r);
    r->old->state = ENTRY_LEAVING;
    job_defer(loop_at(0), &r->job, remove_now, r);
}
