/* offerers: an offerer belongs to no block, so the kernel brings a block without verbs. */
#include <base/error.h>
#include <base/log.h>
#include <base/slice.h>
#include <plugin/loader.h>
#include <plugin/offers.h>
#include <runtime/inside.h>
#include <runtime/offerers.h>

static const struct trb_block block = {.size = sizeof block, .abi = TRB_BLOCK_ABI, .name = "offers", .mandatory = ""};

static void one_has_said(struct runtime *rt)
{
    void (*done)(struct runtime *) = rt->offers_done;
    if (--rt->offers_owed)
        return;
    rt->offers_done = NULL;
    if (!runtime_is_stopping(rt))
        done(rt);
}

static void on_said(void *arg, struct instance *i, const struct trb_error *why)
{
    struct runtime *rt = arg;
    if (why)
        log_error(SCOPE, "what %s offers is not known: %s", i->component->type, error_text(why).at);
    if (i->timed_out) {
        instance_retire(i, NULL, NULL);
    } else {
        rt->components.outside++;
        instance_retire(i, components_outside_gone, rt);
    }
    one_has_said(rt);
}

static void start(void *arg, struct trb_slice type)
{
    struct runtime *rt = arg;
    struct trb_error err = ERROR_INIT;
    struct plugin *plugin;
    struct instance *i;
    struct instance_spec spec = {.name = "offers", .type = type, .document = SLICE("{}"), .app_id = rt->info.app_id,
                                 .namespace_ = rt->info.namespace_, .workers = rt->setup.workers};
    trb_code code = loader_get(type, &plugin, &err);
    if (!code) {
        code = instance_create(&spec, &block, plugin, &i, &err);
        plugin_unref(plugin);
    }
    if (code) {
        log_error(SCOPE, "what %.*s offers is not known: %s", SLICE_ARG(type), error_text(&err).at);
        return;
    }
    rt->offers_owed++;
    instance_start(i, on_said, rt);
}

void offerers_start(struct runtime *rt, void (*done)(struct runtime *))
{
    offers_clear();
    rt->offers_done = done;
    rt->offers_owed = 1;                       /* ours: nobody is the last before all have begun */
    loader_each(SLICE("offers."), start, rt);
    one_has_said(rt);
}
