/* names: one component of kind nameresolution. It belongs to no block, so the kernel brings the table
 * of verbs; a failure leaves the process without names, which every invocation then says. */
#include <base/clock.h>
#include <base/error.h>
#include <base/log.h>
#include <base/mem.h>
#include <base/slice.h>
#include <plugin/loader.h>
#include <policy/ask.h>
#include <runtime/inside.h>
#include <trilby/nameresolution.h>

#define TRB_DEF <trilby/nameresolution.def>
#define TRB_OPS struct trb_nameresolution_ops
#include <trilby/verbs_layout.h>

static const struct trb_block block = {
    .size = sizeof block, .abi = TRB_BLOCK_ABI, .name = "nameresolution", .verbs = trb_verbs_,
    .verb_count = countof(trb_verbs_), .verb_size = sizeof trb_verbs_[0], .mandatory = "resolve"};

#define ANNOUNCE_NS (5 * CLOCK_S)
#define EMPTY_TRIES 5u
#define EMPTY_PAUSE_NS (100 * CLOCK_MS)

/* ------------------------------------------------------------------------------------ starting */
static void begun(struct runtime *rt)
{
    void (*started)(struct runtime *) = rt->names.started;
    rt->names.started = NULL;
    if (started)
        started(rt);
}

static void fail(struct runtime *rt, const char *kind, const char *why)
{
    struct names *n = &rt->names;
    log_error(SCOPE, "[%s]: initialization error occurred for nr (%s/%s): %s", kind, n->type, n->version, why);
    begun(rt);
}

static void fail_init(struct runtime *rt, const char *why)
{
    struct text cause = {0};
    text_addf(&cause, "[INIT_COMPONENT_FAILURE]: initialization error occurred for nr (%s/%s): %s", rt->names.type,
              rt->names.version, why);
    fail(rt, "INIT_COMPONENT_FAILURE", cause.at);
    text_fini(&cause);
}

struct announcing {
    struct trb_name_announce question;
    void (*then)(void *, const struct trb_error *);
    void *arg;
    struct job job;
};

static void announcing_over(struct announcing *a, const struct trb_error *err)
{
    a->then(a->arg, err);
    mem_free(a);
}

static void on_answer(void *arg, const void *answer, const struct trb_error *err)
{
    announcing_over(arg, err);
}

static void nothing_to_say(void *arg)
{
    announcing_over(arg, NULL);
}

void names_announce(struct runtime *rt, struct trb_instance *view, void (*then)(void *, const struct trb_error *), void *arg)
{
    const struct trb_nameresolution_ops *ops = instance_of(view)->component->ops;
    struct announcing *a = mem_zero(sizeof *a);
    a->then = then;
    a->arg = arg;
    a->question = (struct trb_name_announce){
        .size = sizeof a->question, .app_id = rt->info.app_id, .namespace_ = rt->info.namespace_,
        .address = rt->info.host_address, .port = rt->info.peer_port, .http_port = rt->info.http_port,
        .app_port = rt->info.app_port};
    if (TRB_HAS(ops, announce))
        ask_plain(view, TRB_AT(nameresolution, announce), &a->question, ANNOUNCE_NS, on_answer, a);
    else
        job_defer(loop_at(0), &a->job, nothing_to_say, a);
}

/* Whoever sees us ready finds us: starting goes on when we are known. */
static void on_announced(void *arg, const struct trb_error *err)
{
    struct runtime *rt = arg;
    if (err)
        log_warn(SCOPE, "Failed to announce app id %s for name resolution: %s", rt->info.app_id.at, error_text(err).at);
    begun(rt);
}

static void on_started(void *arg, struct instance *i, const struct trb_error *why)
{
    struct runtime *rt = arg;
    struct names *n = &rt->names;
    struct trb_error err = ERROR_INIT;
    if (why)
        return fail_init(rt, error_text(why).at);
    if (view_create(n->service, i, &n->view, &err))
        return fail_init(rt, error_text(&err).at);
    atomic_store(&n->resolver, n->view);
    log_info(SCOPE, "Initialized name resolution to %s", n->type);
    names_announce(rt, n->view, on_announced, rt);
}

/* Names as the configuration writes them: "mdns", or the whole type. */
static void choose(struct runtime *rt)
{
    struct names *n = &rt->names;
    struct configuration *c = rt->configuration;
    const char *fallback = rt->setup.flags->is_kubernetes ? "kubernetes" : "mdns";
    snprintf(n->type, sizeof n->type, "%s", c->resolver.len ? c->resolver.at : fallback);
    snprintf(n->version, sizeof n->version, "%s", c->resolver_version.len ? c->resolver_version.at : "v1");
    for (char *at = n->type; *at; at++)
        *at = (char)(*at >= 'A' && *at <= 'Z' ? *at | 0x20 : *at);
}

trb_code names_create(struct runtime *rt, struct plugin *plugin, struct instance **ret_instance, struct trb_error *err)
{
    struct configuration *c = rt->configuration;
    char type[96];
    snprintf(type, sizeof type, "nameresolution.%s", rt->names.type);
    struct instance_spec spec = {
        .name = "nr", .type = slice_of(type), .version = slice_of(rt->names.version),
        .properties = c->resolver_properties, .document = c->resolver_configuration,
        .app_id = rt->info.app_id, .namespace_ = rt->info.namespace_, .workers = rt->setup.workers};
    return instance_create(&spec, &block, plugin, ret_instance, err);
}

void names_start(struct runtime *rt, void (*started)(struct runtime *))
{
    struct names *n = &rt->names;
    struct trb_error err = ERROR_INIT;
    struct plugin *plugin;
    char type[96], missing[128];
    n->started = started;
    choose(rt);
    snprintf(type, sizeof type, "nameresolution.%s", n->type);
    snprintf(missing, sizeof missing, "couldn't find name resolver %s/%s", n->type, n->version);
    trb_code code = loader_get(slice_of(type), &plugin, &err);
    if (code)
        return fail(rt, "CREATE_COMPONENT_FAILURE", code == TRB_NOT_FOUND ? missing : error_text(&err).at);
    check(!service_create(NULL, &block, &rt->kernel, &n->service, NULL));
    code = names_create(rt, plugin, &n->instance, &err);
    plugin_unref(plugin);
    if (code)
        return fail_init(rt, error_text(&err).at);
    instance_start(n->instance, on_started, rt);
}

/* --------------------------------------------------------------------------------------- asking */
struct looking {
    struct runtime *rt;
    struct instance *instance;             /* pinned: the runtime waits for it */
    struct trb_name app_id, namespace_;
    struct trb_name_resolve question;
    void (*found)(void *, struct trb_slice, const struct trb_error *);
    void *arg;
    uint32_t tries;
    struct timer again;
    struct job job;
};

static void looking_over(struct looking *l, struct trb_slice address, const struct trb_error *err)
{
    l->found(l->arg, address, err);
    if (l->instance)
        instance_unpin(l->instance);
    mem_free((void *)(uintptr_t)l->app_id.at);
    mem_free((void *)(uintptr_t)l->namespace_.at);
    mem_free(l);
}

static void give_up(struct looking *l, const char *sentence)
{
    struct trb_error err = ERROR_INIT;
    error_set(&err, TRB_INTERNAL, "NAMES", "%s", sentence);
    looking_over(l, (struct trb_slice){NULL, 0}, &err);
}

static void look(void *arg);

static void on_resolved(void *arg, const void *answer, const struct trb_error *err)
{
    struct looking *l = arg;
    const struct trb_name_address *a = answer;
    if (err)
        looking_over(l, (struct trb_slice){NULL, 0}, err);
    else if (a && a->address.len)
        looking_over(l, slice_name(a->address), NULL);
    else if (++l->tries <= EMPTY_TRIES)
        timer_after(loop_self(), &l->again, EMPTY_PAUSE_NS, look, l);
    else
        give_up(l, "the name resolver gave no address");
}

static void look(void *arg)
{
    struct looking *l = arg;
    struct trb_instance *resolver = atomic_load(&l->rt->names.resolver);
    if (!resolver)
        return give_up(l, "name resolver not initialized");
    if (!l->instance) {
        l->instance = instance_of(resolver);
        instance_pin(l->instance);
    }
    ask_plain(resolver, TRB_AT(nameresolution, resolve), &l->question, 0, on_resolved, l);
}

static struct trb_name keep(struct trb_slice text)
{
    return (struct trb_name){mem_text(text.at ? text.at : "", text.len), text.len};
}

void names_resolve(void *runtime, struct trb_slice app_id, struct trb_slice namespace_,
                   void (*found)(void *, struct trb_slice, const struct trb_error *), void *found_arg)
{
    struct runtime *rt = runtime;
    struct looking *l = mem_zero(sizeof *l);
    *l = (struct looking){.rt = rt, .app_id = keep(app_id), .namespace_ = keep(namespace_), .found = found,
                          .arg = found_arg};
    l->question = (struct trb_name_resolve){.size = sizeof l->question, .app_id = l->app_id,
                                            .namespace_ = l->namespace_, .port = rt->info.peer_port};
    job_defer(loop_self(), &l->job, look, l);
}

/* ------------------------------------------------------------------------------------- stopping */
static void check_gone(struct names *n)
{
    void (*done)(void *) = n->done;
    if (!done || n->leaving)
        return;
    n->done = NULL;
    done(n->done_arg);
}

void names_part_gone(void *runtime)
{
    struct names *n = &((struct runtime *)runtime)->names;
    n->leaving--;
    check_gone(n);
}

static void on_quiet(void *arg)
{
    struct runtime *rt = arg;
    struct names *n = &rt->names;
    n->view = view_destroy(n->view);
    instance_retire(n->instance, names_part_gone, rt);
}

void names_stop(struct runtime *rt, void (*done)(void *), void *arg)
{
    struct names *n = &rt->names;
    n->done = done;
    n->done_arg = arg;
    n->started = NULL;
    atomic_store(&n->resolver, NULL);
    if (n->instance) {
        n->leaving++;
        instance_drain(n->instance, on_quiet, rt);
    }
    if (n->service) {
        n->leaving++;
        service_retire(n->service, names_part_gone, rt);
    }
    check_gone(n);
}
