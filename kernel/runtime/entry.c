/* entry: the life of one component: its plugin, its instance, its failures and its end. */
#include <base/clock.h>
#include <base/error.h>
#include <base/log.h>
#include <base/mem.h>
#include <base/slice.h>
#include <observe/metrics.h>
#include <plugin/call.h>
#include <plugin/offers.h>
#include <runtime/handover.h>
#include <runtime/inside.h>
#include <runtime/isolation.h>
#include <runtime/standin.h>

#define HEAL_FIRST_NS CLOCK_S
#define HEAL_MOST_NS (30 * CLOCK_S)
#define LET_GO_NS CLOCK_S                  /* so long a start under way is waited for once it is not wanted any more */

struct entry *entry_create(struct runtime *rt, struct component *given)
{
    struct entry *e = mem_zero(sizeof *e);
    e->rt = rt;
    e->component = given;
    e->pause_ns = HEAL_FIRST_NS;
    list_append(&rt->components.entries, &e->link);
    return e;
}

static void entry_destroy(struct entry *e)
{
    struct runtime *rt = e->rt;
    list_remove(&e->link);
    timer_end(&e->again);
    text_fini(&e->why);
    plugin_unref(e->plugin);
    resource_unref(&e->component->head);
    mem_free(e);
    components_check_gone(rt);
}

static const char *log_name(const struct entry *e)
{
    return e->component->head.log_name.at;
}

/* ------------------------------------------------------------------------------------- metrics */
static void count(struct entry *e, const char *metric, const char *reason)
{
    struct trb_pair pairs[] = {{NAME("app_id"), e->rt->info.app_id},
                               {NAME("component"), e->component->type},
                               {NAME("componentName"), e->component->head.name},
                               {NAME("reason"), name_of(reason ? reason : "")}};
    struct trb_pairs labels = {pairs, reason ? 4 : 2, sizeof pairs[0]};
    metric_add(metric_get(metric, &labels), 1);
}

/* ------------------------------------------------------------------------------------- failing */
static void try_again(void *arg)
{
    struct entry *e = arg;
    e->state = ENTRY_WAITING;
    components_changed(e->rt);
}

void entry_settled(struct entry *e)
{
    void (*settled)(void *) = e->settled;
    e->settled = NULL;
    if (settled)
        settled(e->settled_arg);
}

static void heal(struct entry *e)
{
    char pause[CLOCK_TEXT];
    clock_duration_text((int64_t)e->pause_ns, pause);
    log_warn(SCOPE, "Component %s is out of service and is tried again in %s: %s", log_name(e), pause, e->why.at);
    timer_after(loop_at(0), &e->again, e->pause_ns, try_again, e);
    e->pause_ns = e->pause_ns * 2 < HEAL_MOST_NS ? e->pause_ns * 2 : HEAL_MOST_NS;
}

static void settle_failure(struct entry *e)
{
    const char *name = e->component->head.name.at, *why = e->why.at;
    if (e->component->ignore_errors) {
        log_error(SCOPE, "Ignoring error processing component: process component %s error: %s", name, why);
    } else if (e->rt->setup.flags->heal) {
        heal(e);
    } else if (e->rt->setup.flags->reload_safe && e->rt->components.is_loaded) {
        log_error(SCOPE, "Component %s is left out, and tried again with the next change in the resource folders: %s",
                  log_name(e), why);
    } else {
        log_warn(SCOPE, "Error processing component, daprd will exit gracefully: process component %s error: %s", name,
                 why);
        runtime_fail(e->rt, "process component %s error: %s", name, why);
    }
    components_changed(e->rt);
}

/* Once, and e->then is empty before it: a maker who is told of a failure retires the entry from inside. false: there is
 * none. */
static bool tell_maker(struct entry *e, const struct trb_error *err)
{
    void (*then)(void *, struct entry *, const struct trb_error *) = e->then;
    e->then = NULL;
    if (then)
        then(e->arg, e, err);
    return then != NULL;
}

static void failed(struct entry *e, trb_code code)
{
    struct trb_error err = ERROR_INIT;
    e->state = ENTRY_FAILED;
    if (runtime_is_stopping(e->rt))
        return;
    error_set(&err, code, "COMPONENT", "%s", e->why.at);
    if (tell_maker(e, &err))
        return;
    settle_failure(e);
    entry_settled(e);
}

/* kind NULL: the cause stands alone. */
static void fail(struct entry *e, const char *kind, const char *reason, trb_code code, const char *cause)
{
    static const char form[] = "[%s]: initialization error occurred for %s: ";
    struct text inner = {0};
    if (kind)
        text_addf(&inner, form, kind, log_name(e));
    text_adds(&inner, cause && *cause ? cause : "no reason was given");
    log_error("dapr.runtime.processor", "Failed to init component %s: %s", log_name(e), inner.at);
    count(e, "dapr_runtime_component_init_fail_total", reason);
    text_clear(&e->why);
    text_addf(&e->why, form, "INIT_COMPONENT_FAILURE", log_name(e));
    text_add(&e->why, text_slice(&inner));
    text_fini(&inner);
    failed(e, code);
}

/* ------------------------------------------------------------------------------------ starting */
static void retire_standin(void *arg)
{
    standin_retire(arg);
}

/* Takes what stands in now out of the catalog. */
static void set_standin(struct entry *e, struct standin *in)
{
    struct standin *old = e->standin;
    e->standin = in;
    if (e->rt->components.is_loaded && (old || in || e->state == ENTRY_LIVE))
        components_publish(e->rt, retire_standin, old);
    else
        standin_retire(old);
}

/* The runtime ends after it. Only one that has not answered yet may take for ever, and is not waited for:
 * then the process ends around it (instance_count). */
static void send_away(struct runtime *rt, struct instance *i)
{
    if (i->timed_out) {
        instance_retire(i, NULL, NULL);
        return;
    }
    rt->components.outside++;
    instance_retire(i, components_outside_gone, rt);
}

/* An instance that did not start: it goes, unless it can say why until another try succeeds. */
static void dismiss(struct entry *e, struct service *s, struct instance *i, const char *why)
{
    bool heals = e->rt->setup.flags->heal && !e->component->ignore_errors && !e->then && !runtime_is_stopping(e->rt);
    if (heals)
        set_standin(e, standin_create(e->rt, s, i, why));
    else
        send_away(e->rt, i);
}

static void on_started(void *arg, struct instance *i, const struct trb_error *why)
{
    struct entry *e = arg;
    struct trb_error err = ERROR_INIT;
    struct text cause = {0};
    struct service *s = blocks_find(e->rt, slice_name(e->component->block));
    if (why)
        err = *why;
    else if (e->state == ENTRY_STARTING)
        view_create(s, i, &e->view, &err);
    if (e->state != ENTRY_STARTING)                    /* it was told to leave meanwhile */
        return;
    if (err.code) {
        e->instance = NULL;
        if (!strcmp(err.reason, "INIT_TIMEOUT")) {
            char limit[CLOCK_TEXT];
            clock_duration_text((int64_t)e->component->init_timeout_ns, limit);
            text_addf(&cause, "init timeout for component %s exceeded after %s", log_name(e), limit);
        } else {
            text_add(&cause, error_text(&err));
        }
        dismiss(e, s, i, cause.at);
        fail(e, "INIT_COMPONENT_FAILURE", "init", err.code, cause.at);
        text_fini(&cause);
        return;
    }
    e->state = ENTRY_LIVE;
    e->pause_ns = HEAL_FIRST_NS;
    count(e, "dapr_runtime_component_init_total", NULL);
    log_info("dapr.runtime.processor", "Component loaded: %s", log_name(e));
    if (!tell_maker(e, NULL))
        set_standin(e, NULL);
    components_changed(e->rt);
    entry_settled(e);
}

/* What a type is called when it is not there. */
static void missing(struct entry *e, const struct trb_error *err)
{
    static const struct {
        const char *block, *what;
    } names[] = {{"state", "state store"},    {"pubsub", "message bus"},       {"secretstores", "secret store"},
                 {"lock", "lock store"},      {"configuration", "configuration store"},
                 {"crypto", "crypto provider"}, {"conversation", "conversation"}};
    struct component *c = e->component;
    struct text cause = {0};
    const char *what = "component";
    for (size_t i = 0; i < countof(names); i++)
        if (slice_is(slice_name(c->block), slice_of(names[i].block)))
            what = names[i].what;
    if (err && err->code != TRB_NOT_FOUND)
        text_add(&cause, error_text(err));
    else if (slice_is(slice_name(c->block), SLICE("bindings")))
        text_addf(&cause, "couldn't find binding %s", log_name(e));
    else if (slice_is(slice_name(c->block), SLICE("middleware")))
        text_addf(&cause, "HTTP middleware %s/%s has not been registered", c->type.at, c->version.at);
    else
        text_addf(&cause, "couldn't find %s %s/%s", what, c->type.at, c->version.at);
    bool is_binding = slice_is(slice_name(c->block), SLICE("bindings"));
    fail(e, is_binding ? NULL : "CREATE_COMPONENT_FAILURE", "creation", TRB_NOT_FOUND, cause.at);
    text_fini(&cause);
}

/* What that plugin calls the type, when it only offers it; else absent. */
static struct trb_slice word_of(const struct component *c, const struct plugin *p)
{
    const struct offer *o = offers_find(slice_name(c->type));
    bool is_its_own = o && slice_is(slice_of(o->plugin), slice_from(p->file, strlen(p->file) - 3));
    return is_its_own ? slice_of(o->as) : (struct trb_slice){NULL, 0};
}

/* A plugin of the type's own name comes before what is only offered. */
static trb_code find_plugin(const struct component *c, struct plugin **ret_plugin, struct trb_error *err)
{
    trb_code code = loader_get(slice_name(c->plugin), ret_plugin, err);
    bool is_absent = code == TRB_NOT_FOUND || code == TRB_INVALID;
    const struct offer *o = is_absent ? offers_find(slice_name(c->type)) : NULL;
    return o ? loader_get(slice_of(o->plugin), ret_plugin, err) : code;
}

static trb_code choose_plugin(struct entry *e, struct plugin **ret_plugin, struct trb_error *err)
{
    struct component *c = e->component;
    if (e->plugin) {
        *ret_plugin = plugin_ref(e->plugin);
        return TRB_OK;
    }
    trb_code code = find_plugin(c, ret_plugin, err);
    struct trb_slice word = code ? (struct trb_slice){NULL, 0} : word_of(c, *ret_plugin);
    if (!code && !plugin_component(*ret_plugin, word.at ? word : slice_name(c->type), slice_name(c->version))) {
        plugin_unref(*ret_plugin);
        return error_set(err, TRB_NOT_FOUND, "NO_SUCH_VERSION", "%s has no version %s", c->type.at, c->version.at);
    }
    return code;
}

/* Told to it, so that it can leave alone what its product has for one at a time. */
static bool is_successor(struct entry *e)
{
    struct entry *old = e->is_behind ? components_find(e->rt, slice_name(e->component->head.name)) : NULL;
    return old && old != e && old->state == ENTRY_LIVE && handover_is_due(old, e);
}

static void create(struct entry *e)
{
    struct component *c = e->component;
    struct runtime *rt = e->rt;
    struct service *s = blocks_find(rt, slice_name(c->block));
    struct trb_error err = ERROR_INIT;
    struct text document = {0};
    struct plugin *plugin;
    if (!s || choose_plugin(e, &plugin, &err))
        return missing(e, s ? &err : NULL);
    resource_to_json(&c->head, false, &document);
    struct instance_spec spec = {
        .name = c->head.name.at, .type = slice_name(c->type), .version = slice_name(c->version),
        .as = word_of(c, plugin), .properties = c->resolved, .places = c->places, .document = text_slice(&document),
        .place = yaml_place_text(c->head.values, c->head.place),
        .app_id = rt->info.app_id, .namespace_ = rt->info.namespace_, .init_timeout_ns = c->init_timeout_ns,
        .workers = rt->setup.workers};
    trb_code code = isolation_apply(rt->setup.flags, c, plugin, &spec, &err);
    if (!code && (code = instance_create(&spec, s->block, plugin, &e->instance, &err)))
        isolation_undo(&spec);
    plugin_unref(plugin);
    mem_wipe(document.at, document.len);
    text_fini(&document);
    if (code)
        return fail(e, "INIT_COMPONENT_FAILURE", "init", code, error_text(&err).at);
    e->state = ENTRY_STARTING;
    e->instance->setup.is_successor = is_successor(e);
    instance_start(e->instance, on_started, e);
}

static void on_resolved(void *arg, struct resource *resource, const struct trb_error *err)
{
    struct entry *e = arg;
    e->resolution = NULL;
    if (err)
        fail(e, "INIT_COMPONENT_FAILURE", "init", err->code, error_text(err).at);
    else
        create(e);
}

static bool is_known(struct trb_slice block)
{
    static const char *const known[] = {"bindings", "configuration", "crypto",     "lock",        "pubsub",
                                        "secretstores", "state",     "middleware", "conversation"};
    for (size_t i = 0; i < countof(known); i++)
        if (slice_is(block, slice_of(known[i])))
            return true;
    return false;
}

static bool is_denied(struct entry *e)
{
    struct component *c = e->component;
    if (!configuration_denies_component(e->rt->rules, slice_name(c->type), slice_name(c->version)))
        return false;
    log_warn(SCOPE, "component '%s' cannot be loaded because components of type '%s' are not allowed",
             c->head.name.at, log_name(e));
    return true;
}

void entry_start(struct entry *e)
{
    struct runtime *rt = e->rt;
    if (is_denied(e)) {
        struct trb_error err = ERROR_INIT;
        error_set(&err, TRB_DENIED, "DENIED", "components of type '%s/%s' are not allowed here: the configuration's components.deny "
                  "names them", e->component->type.at, e->component->version.at);
        e->state = ENTRY_FAILED;
        if (!tell_maker(e, &err))
            entry_settled(e);
        return;
    }
    count(e, "dapr_runtime_component_loaded", NULL);
    if (!is_known(slice_name(e->component->block))) {
        text_clear(&e->why);
        text_addf(&e->why, "incorrect type %s", e->component->type.at);
        return failed(e, TRB_INVALID);
    }
    e->state = ENTRY_RESOLVING;
    struct resolution *r = resource_resolve(&e->component->head, &rt->resources.context, on_resolved, e);
    if (e->state == ENTRY_RESOLVING)
        e->resolution = r;
}

/* --------------------------------------------------------------------------------------- leaving */
static void on_gone(void *arg)
{
    struct entry *e = arg;
    void (*gone)(void *) = e->gone;
    void *gone_arg = e->gone_arg;
    entry_destroy(e);
    if (gone)
        gone(gone_arg);
}

/* Nobody uses it any more: its block hears that, then it stops. */
static void stop(void *arg)
{
    struct entry *e = arg;
    e->view = view_destroy(e->view);
    instance_retire(e->instance, on_gone, e);
}

/* ------------------------------------------------------------------- leaving while its start is under way */
struct parting {                           /* the instance's end, which the entry may not wait for */
    struct entry *entry;                   /* NULL: it did not */
};

static void on_start_over(void *arg)
{
    struct parting *p = arg;
    if (p->entry)
        on_gone(p->entry);
    mem_free(p);
}

/* A start cannot be called back. When it answers, the instance goes by itself; if the process ends before, it does so
 * around it (instance_count). */
static void let_go(void *arg)
{
    struct entry *e = arg;
    if (atomic_load(&e->instance->state) == INSTANCE_STOPPING)     /* the start is over */
        return;
    log_warn(SCOPE, "Component %s is leaving while its start hangs: it is not waited for", log_name(e));
    e->parting->entry = NULL;
    on_gone(e);
}

static void leave_start(struct entry *e)
{
    e->parting = mem_zero(sizeof *e->parting);
    e->parting->entry = e;
    timer_after(loop_at(0), &e->again, LET_GO_NS, let_go, e);
    instance_forget_start(e->instance);
    instance_retire(e->instance, on_start_over, e->parting);
}

static void tell_leaving(struct entry *e)
{
    struct trb_error err = ERROR_INIT;
    error_set(&err, TRB_CANCELLED, "LEAVING", "component %s was taken away before it was up", log_name(e));
    (void)tell_maker(e, &err);
}

void entry_retire(struct entry *e, void (*gone)(void *), void *arg)
{
    bool is_starting = e->state == ENTRY_STARTING;
    e->state = ENTRY_LEAVING;
    e->gone = gone;
    e->gone_arg = arg;
    timer_end(&e->again);
    standin_retire(e->standin);            /* nor is that */
    e->standin = NULL;
    tell_leaving(e);
    entry_settled(e);
    if (e->resolution)
        resolution_cancel(e->resolution);
    e->resolution = NULL;
    if (!e->instance)                                  /* whoever called may still look at it */
        return job_defer(loop_at(0), &e->end, on_gone, e);
    log_info("dapr.runtime.processor", "Shutting down component %s", log_name(e));
    if (is_starting)
        return leave_start(e);
    if (e->view && TRB_HAS(e->view->service->block, component_leaving))
        e->view->service->block->component_leaving(e->view->service->self, e->view, e->view->data);
    instance_drain(e->instance, stop, e);
}
