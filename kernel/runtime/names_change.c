/* names_change: the code of the name resolver is replaced while others ask it.
 *
 *     create ──► start ──► self-test ──► announce ──► up ──► commit: the old one drains, stops, and we are announced
 *         └─────────┴──────────┴────────────┴──────► abort     again, for stopping took us back
 */
#include <base/error.h>
#include <base/log.h>
#include <base/mem.h>
#include <base/slice.h>
#include <runtime/inside.h>
#include <runtime/selftest.h>

struct names_change {
    struct runtime *rt;
    struct instance *instance;             /* the new one; NULL: it could not be created, or is in service */
    struct trb_instance *view;
    struct trb_error err;
    void (*up)(void *, const struct trb_error *);
    void *arg;
    struct job job;
};

struct leaver {                            /* an instance that is out of service, and its view or NULL */
    struct runtime *rt;
    struct instance *instance;
    struct trb_instance *view;
};

static bool is_resolver(const struct runtime *rt, const struct plugin *p)
{
    char file[96];
    snprintf(file, sizeof file, "nameresolution.%s.so", rt->names.type);
    return rt->names.service && !strcmp(p->file, file);
}

/* -------------------------------------------------------------------------------------- coming up */
static void told(struct names_change *c, const struct trb_error *err)
{
    struct trb_error why = ERROR_INIT;
    if (err)
        error_set(&why, err->code, "NAMES", "name resolver %s: %.*s", c->rt->names.type, SLICE_ARG(error_text(err)));
    c->up(c->arg, err ? &why : NULL);
}

static void on_announced(void *arg, const struct trb_error *err)
{
    told(arg, err);
}

static void on_tested(void *arg, const struct trb_error *err)
{
    struct names_change *c = arg;
    struct trb_error why = ERROR_INIT;
    if (err)
        told(c, err);
    else if (runtime_is_stopping(c->rt))
        told(c, (error_set(&why, TRB_UNAVAILABLE, "NOT_RUNNING", "the runtime is stopping"), &why));
    else if (view_create(c->rt->names.service, c->instance, &c->view, &why))
        told(c, &why);
    else
        names_announce(c->rt, c->view, on_announced, c);
}

static void on_started(void *arg, struct instance *i, const struct trb_error *why)
{
    if (why)
        told(arg, why);
    else
        selftest_run(i, on_tested, arg);
}

static void not_created(void *arg)
{
    struct names_change *c = arg;
    told(c, &c->err);
}

struct names_change *names_change_begin(struct runtime *rt, struct plugin *plugin,
                                        void (*up)(void *, const struct trb_error *), void *arg)
{
    if (!is_resolver(rt, plugin))
        return NULL;
    struct names_change *c = mem_zero(sizeof *c);
    *c = (struct names_change){.rt = rt, .err = ERROR_INIT, .up = up, .arg = arg};
    rt->names.leaving++;
    if (names_create(rt, plugin, &c->instance, &c->err))
        job_defer(loop_at(0), &c->job, not_created, c);
    else
        instance_start(c->instance, on_started, c);
    return c;
}

/* ---------------------------------------------------------------------------------------- leaving */
static void on_announced_again(void *arg, const struct trb_error *err)
{
    if (err)
        log_warn(SCOPE, "Failed to announce app id %s for name resolution again: %s",
                 ((struct runtime *)arg)->info.app_id.at, error_text(err).at);
    names_part_gone(arg);
}

static void on_gone(void *arg)
{
    struct runtime *rt = arg;
    if (runtime_is_stopping(rt) || !rt->names.view)
        names_part_gone(rt);
    else
        names_announce(rt, rt->names.view, on_announced_again, rt);
}

static void on_quiet(void *arg)
{
    struct leaver *l = arg;
    view_destroy(l->view);
    instance_retire(l->instance, on_gone, l->rt);
    mem_free(l);
}

static void leave(struct runtime *rt, struct instance *i, struct trb_instance *view)
{
    if (i->timed_out) {                    /* its start may take for ever, and is not waited for */
        instance_retire(i, NULL, NULL);
        return;
    }
    struct leaver *l = mem_zero(sizeof *l);
    *l = (struct leaver){.rt = rt, .instance = i, .view = view};
    rt->names.leaving++;
    instance_drain(i, on_quiet, l);
}

static void end(struct names_change *c)
{
    struct runtime *rt = c->rt;
    mem_free(c);
    names_part_gone(rt);
}

void names_change_commit(struct names_change *c)
{
    if (!c)
        return;
    struct names *n = &c->rt->names;
    struct instance *old = n->instance;
    struct trb_instance *old_view = n->view;
    n->instance = c->instance;
    n->view = c->view;
    atomic_store(&n->resolver, n->view);
    if (old)
        leave(c->rt, old, old_view);
    end(c);
}

void names_change_abort(struct names_change *c)
{
    if (c && c->instance)
        leave(c->rt, c->instance, c->view);
    if (c)
        end(c);
}
