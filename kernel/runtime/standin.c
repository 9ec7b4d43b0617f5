/* standin: a failed instance with a view. */
#include <base/error.h>
#include <base/mem.h>
#include <runtime/inside.h>
#include <runtime/standin.h>

struct standin {
    struct runtime *rt;
    struct instance *instance;
    struct trb_instance *view;
};

static bool has_streams(const struct trb_block *b)
{
    for (uint32_t n = 0; n < b->verb_count; n++) {
        const struct trb_verb_info *v = (const void *)((const char *)b->verbs + n * b->verb_size);
        if (v->flags & TRB_VERB_STREAM)
            return true;
    }
    return false;
}

struct standin *standin_create(struct runtime *rt, struct service *s, struct instance *failed, const char *why)
{
    struct trb_error err = ERROR_INIT;
    struct trb_instance *view = NULL;
    error_set(&failed->failure, TRB_UNAVAILABLE, "OUT_OF_SERVICE", "component '%s' is out of service: %s", failed->name, why);
    failed->failure.retryable = 1;
    rt->components.outside++;
    if (has_streams(s->block) || view_create(s, failed, &view, &err)) {
        instance_retire(failed, components_outside_gone, rt);
        return NULL;
    }
    struct standin *in = mem_zero(sizeof *in);
    *in = (struct standin){.rt = rt, .instance = failed, .view = view};
    return in;
}

struct trb_instance *standin_view(const struct standin *in)
{
    return in->view;
}

static void on_quiet(void *arg)
{
    struct standin *in = arg;
    view_destroy(in->view);
    instance_retire(in->instance, components_outside_gone, in->rt);
    mem_free(in);
}

void standin_retire(struct standin *in)
{
    if (in)
        instance_drain(in->instance, on_quiet, in);
}
