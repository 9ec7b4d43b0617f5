/* instance: creating, starting, draining and stopping one component. */
#include <base/check.h>
#include <base/clock.h>
#include <base/doing.h>
#include <base/error.h>
#include <base/log.h>
#include <base/mem.h>
#include <base/slice.h>
#include <observe/metrics.h>
#include <plugin/call.h>
#include <plugin/instance.h>
#include <plugin/options.h>
#include <plugin/services.h>
#include <stdio.h>

static _Atomic uint32_t alive;

uint32_t instance_count(void)
{
    return atomic_load(&alive);
}

/* ------------------------------------------------------------------------------------ creating */
static bool has_function(const void *ops, uint32_t offset)
{
    uint32_t size = *(const uint32_t *)ops;
    return size >= offset + sizeof(void *) && *(void *const *)(const void *)((const char *)ops + offset);
}

static bool is_mandatory(const struct trb_block *b, const char *verb)
{
    struct trb_slice rest = slice_of(b->mandatory);
    while (rest.at)
        if (slice_is(slice_split(&rest, ' '), slice_of(verb)))
            return true;
    return false;
}

/* A bit is a promise, an optional verb its proof. */
static trb_code check_proofs(const struct trb_component *c, const struct trb_block *b, struct trb_error *err)
{
    for (uint32_t bit = 0; TRB_HAS(b, cap_verbs) && b->cap_verbs[bit] && bit < 64; bit++)
        for (uint32_t i = 0; c->caps & (1ull << bit) && i < b->verb_count; i++)
            if (!strcmp(b->verbs[i].name, b->cap_verbs[bit]) && !has_function(c->ops, b->verbs[i].offset))
                return error_set(err, TRB_PRECONDITION, "BAD_MANIFEST", "%s promises %s and has no verb %s to keep it",
                                 c->type, b->cap_names[bit], b->cap_verbs[bit]);
    return TRB_OK;
}

static trb_code check_promises(const struct trb_component *c, const struct trb_block *b, struct trb_error *err)
{
    if (c->size < offsetof(struct trb_component, hand_over) || !c->start || !c->stop || !c->ops)
        return error_set(err, TRB_PRECONDITION, "BAD_MANIFEST",
                         "%s: its manifest lacks start, stop or its table of verbs", c->type);
    if (!slice_is(slice_of(c->block), slice_of(b->name)))
        return error_set(err, TRB_PRECONDITION, "BAD_MANIFEST", "%s is a component of %s, not of %s", c->type,
                         c->block, b->name);
    for (uint32_t i = 0; i < b->verb_count; i++)
        if (is_mandatory(b, b->verbs[i].name) && !has_function(c->ops, b->verbs[i].offset))
            return error_set(err, TRB_PRECONDITION, "BAD_MANIFEST", "%s lacks the mandatory verb %s", c->type,
                             b->verbs[i].name);
    return check_proofs(c, b, err);
}

static struct trb_pairs keep_pairs(struct arena *keep, const struct trb_pairs *from)
{
    struct trb_pair *to = arena_zero(keep, (from->count + 1) * sizeof *to);
    for (uint32_t i = 0; i < from->count; i++) {
        const struct trb_pair *p = trb_pair_at(from, i);
        to[i].key = arena_name(keep, slice_name(p->key));
        to[i].value = arena_name(keep, slice_name(p->value));
    }
    return (struct trb_pairs){to, from->count, sizeof *to};
}

static void keep_setup(struct instance *i, const struct instance_spec *spec)
{
    struct trb_name document = arena_name(i->keep, spec->document);
    i->setup = (struct trb_setup){
        .size = sizeof i->setup, .component = name_of(i->name),
        .app_id = arena_name(i->keep, slice_name(spec->app_id)),
        .namespace_ = arena_name(i->keep, slice_name(spec->namespace_)),
        .properties = keep_pairs(i->keep, &spec->properties),
        .document = slice_name(document)};
}

static void create_selves(struct instance *i)
{
    uint32_t run = i->component->run;
    i->origin_count = run == TRB_ON_LOOP ? loop_count() : 1;
    i->origins = mem_zero(i->origin_count * sizeof *i->origins);
    for (uint32_t n = 0; n < i->origin_count; n++) {
        struct trb_origin *o = &i->origins[n];
        o->magic = ORIGIN_MAGIC;
        o->instance = i;
        o->loop = run == TRB_ON_LOOP ? loop_at(n) : run == TRB_ON_ONE_LOOP ? loop_at(0) : NULL;
        o->self = mem_zero(i->component->self_size + 1);
        list_init(&o->lent);
    }
}

static void warn(void *arg, const char *sentence)
{
    log_warn("dapr.runtime", "%s", sentence);
}

static trb_code fill_selves(struct instance *i, const struct instance_spec *spec, const struct trb_block *block,
                            struct trb_error *err)
{
    struct options_input input = {.properties = i->setup.properties, .places = spec->places, .place = spec->place, .component = i->name,
                                  .others = TRB_HAS(block, properties) ? block->properties : NULL};
    for (uint32_t n = 0; n < i->origin_count; n++) {
        trb_code code = options_fill(i->component, &input, i->origins[n].self, i->keep, n ? NULL : warn, NULL, err);
        if (code)
            return code;
    }
    return TRB_OK;
}

static void wipe_properties(struct instance *i)
{
    for (uint32_t n = 0; n < i->setup.properties.count; n++) {
        const struct trb_pair *p = trb_pair_at(&i->setup.properties, n);
        mem_wipe((char *)(uintptr_t)p->value.at, p->value.len);
    }
}

static struct instance *instance_destroy(struct instance *i)
{
    worker_queue_destroy(i->queue);            /* its stop may still be returning */
    for (uint32_t n = 0; n < i->origin_count; n++)
        mem_free(i->origins[n].self);
    /* A plugin that broke the law may still speak through its origin. */
    bool leave = atomic_load(&i->misbehaved) > 0;
    if (i->successor)
        instance_unpin(i->successor);
    slot_home_destroy(i->slots);
    wipe_properties(i);
    arena_destroy(i->keep);
    if (leave && i->plugin)
        i->plugin->keep_mapped = true;
    plugin_unref(i->plugin);
    if (i->given_up && !leave)
        i->given_up(i->component);
    mem_free(i->type);
    mem_free(i->version);
    if (leave)
        return NULL;
    mem_free(i->origins);
    mem_free(i->travelling);
    mem_free(i->name);
    pthread_mutex_destroy(&i->hold_lock);
    atomic_fetch_sub(&alive, 1);
    i->magic = 0;
    return mem_free(i);
}

static const struct trb_component *choose(struct plugin *p, const struct instance_spec *spec, struct trb_error *err)
{
    const struct trb_component *c = plugin_component(p, spec->as.at ? spec->as : spec->type, spec->version);
    if (!c)
        error_set(err, TRB_NOT_FOUND, "NO_SUCH_COMPONENT", "plugin %s has no component %.*s/%.*s", p->path,
                  SLICE_ARG(spec->type), SLICE_ARG(spec->version));
    return c;
}

trb_code instance_create(const struct instance_spec *spec, const struct trb_block *block, struct plugin *plugin,
                         struct instance **ret_instance, struct trb_error *err)
{
    const struct trb_component *c = spec->instead ? spec->instead : choose(plugin, spec, err);
    trb_code code = c ? check_promises(c, block, err) : TRB_NOT_FOUND;
    if (code)
        return code;
    struct instance *i = mem_zero(sizeof *i);
    i->magic = INSTANCE_MAGIC;
    atomic_fetch_add(&alive, 1);
    i->plugin = plugin_ref(plugin);
    i->component = c;
    snprintf(i->block, sizeof i->block, "%s", block->name);
    i->is_secret = !strcmp(i->block, "secretstores") || !strcmp(i->block, "crypto");
    i->name = mem_text(spec->name, strlen(spec->name));
    i->type = mem_text(spec->type.at, spec->type.len);
    i->version = mem_text(spec->version.len ? spec->version.at : "", spec->version.len);   /* as written */
    i->label = doing_name(i->name, c->type);
    i->lent = doing_buffers(i->label);
    i->keep = arena_create(1u << 30);
    i->caps = c->caps;
    i->init_timeout_ns = spec->init_timeout_ns ? spec->init_timeout_ns : 5 * CLOCK_S;
    i->created_ns = clock_now_ns();
    i->slots = slot_home_create(i);
    list_init(&i->link);
    list_init(&i->held);
    pthread_mutex_init(&i->hold_lock, NULL);
    keep_setup(i, spec);
    create_selves(i);
    if (c->run == TRB_ON_WORKERS)
        i->queue = worker_queue_create(spec->workers, c->max_parallel ? c->max_parallel : 1, 0);
    code = fill_selves(i, spec, block, err);
    if (code)
        return instance_destroy(i), code;
    i->given_up = spec->given_up;
    *ret_instance = i;
    return TRB_OK;
}

struct trb_origin *instance_origin(const struct instance *i, const struct loop *loop)
{
    return &i->origins[i->origin_count > 1 ? loop_index(loop) : 0];
}

static void count_misbehaviour(const struct instance *i)
{
    struct trb_pair pairs[] = {{NAME("app_id"), i->setup.app_id}, {NAME("component"), name_of(i->name)}};
    struct trb_pairs labels = {pairs, 2, sizeof pairs[0]};
    metric_add(metric_get("trilby_misbehaviour_total", &labels), 1);
}

void instance_misbehaved(struct instance *i, const char *how)
{
    atomic_fetch_add(&i->misbehaved, 1);
    count_misbehaviour(i);
    log_error("dapr.runtime", "misbehaviour: component '%s' (%s) redeemed a spent token (%s); the answer is dropped",
              i->name, i->component->type, how);
#ifdef TRB_STRICT
    check(!"a component broke the law of answers");
#endif
}

/* ------------------------------------------------------- start and stop, in every self's own role */
struct lifecycle {
    struct instance *instance;
    struct trb_origin *origin;
    trb_verb *function;
    uint64_t deadline_ns;                               /* monotonic; 0: none */
    void (*answered)(struct instance *, const struct trb_error *);
    struct trb_error failure;
    bool failed;
};

static void on_main(void *arg)
{
    struct lifecycle *l = arg;
    instance_unpin(l->instance);
    l->answered(l->instance, l->failed ? &l->failure : NULL);
    mem_free(l);
}

static void on_answer(struct call *c, void *arg)
{
    struct lifecycle *l = arg;
    const struct trb_error *err = call_failure(c);
    if (err) {
        l->failed = true;
        l->failure = *err;
        l->failure.text = l->failure.details = NULL;
    }
    call_release(c);
    loop_call(loop_at(0), on_main, l);
}

static void ask_here(void *arg)
{
    struct lifecycle *l = arg;
    struct call_question q = {.function = l->function, .question = &l->instance->setup, .origin = l->origin,
                              .deadline_ns = l->deadline_ns};
    if (l->function == l->instance->component->stop)
        services_take_back(l->origin);
    call_ask(l->instance, &q, on_answer, l);
}

static void ask_selves(struct instance *i, trb_verb *function, uint64_t deadline_ns,
                       void (*answered)(struct instance *, const struct trb_error *))
{
    i->owed = i->origin_count;
    for (uint32_t n = 0; n < i->origin_count; n++) {
        struct lifecycle *l = mem_zero(sizeof *l);
        *l = (struct lifecycle){.instance = i, .origin = &i->origins[n], .function = function, .deadline_ns = deadline_ns,
                                .answered = answered};
        instance_pin(i);
        loop_call(i->origins[n].loop ? i->origins[n].loop : loop_at(0), ask_here, l);
    }
}

static void started(struct instance *i, const struct trb_error *err)
{
    void (*then)(void *, struct instance *, const struct trb_error *) = i->then;
    i->then = NULL;
    timer_end(&i->timer);
    if (!then)
        return;
    atomic_store(&i->state, err ? INSTANCE_FAILED : INSTANCE_LIVE);
    then(i->then_arg, i, err);
}

static void on_started(struct instance *i, const struct trb_error *err)
{
    if (err && !i->failure.code) {
        i->failure = *err;
        i->failure.size = sizeof i->failure;
    }
    if (--i->owed == 0)
        started(i, i->failure.code ? &i->failure : NULL);
}

static void on_start_timeout(void *arg)
{
    struct instance *i = arg;
    struct trb_error err = ERROR_INIT;
    char limit[CLOCK_TEXT];
    clock_duration_text((int64_t)i->init_timeout_ns, limit);
    i->timed_out = true;
    started(i, (error_set(&err, TRB_DEADLINE, "INIT_TIMEOUT", "init timeout for component %s exceeded after %s",
                          i->name, limit), &err));
}

void instance_start(struct instance *i, void (*then)(void *, struct instance *, const struct trb_error *), void *arg)
{
    check(loop_self() == loop_at(0) && atomic_load(&i->state) == INSTANCE_CREATED);
    atomic_store(&i->state, INSTANCE_STARTING);
    i->then = then;
    i->then_arg = arg;
    timer_after(loop_at(0), &i->timer, i->init_timeout_ns, on_start_timeout, i);
    ask_selves(i, i->component->start, clock_now_ns() + i->init_timeout_ns, on_started);
}

void instance_forget_start(struct instance *i)
{
    i->then = NULL;
    timer_end(&i->timer);
}

/* ------------------------------------------------------------------------------------ retiring */
struct retiring {
    struct instance *instance;
    void (*quiet)(void *);                 /* then: it is not stopped yet */
    void (*gone)(void *);
    void *arg;
    struct timer timer;
    uint64_t turns[256];
    bool told;
};

static void on_stop_late(void *arg)
{
    const struct instance *i = ((struct retiring *)arg)->instance;
    char limit[CLOCK_TEXT];
    clock_duration_text((int64_t)i->init_timeout_ns, limit);
    log_warn("dapr.runtime", "component '%s' (%s) has not answered stop within %s: it is waited for, and stays mapped until then",
             i->name, i->component->type, limit);
}

/* What an answer under way still holds is counted, too: a number that grows is a leak. */
static void tell_buffers(const struct instance *i)
{
    int64_t left = atomic_load(i->lent);
    if (left > 0)
        log_warn("dapr.runtime", "component '%s' (%s) has stopped, and %lld buffer%s that it took of the host %s not given back", i->name,
                 i->component->type, (long long)left, left == 1 ? "" : "s", left == 1 ? "is" : "are");
}

static void on_stopped(struct instance *i, const struct trb_error *err)
{
    if (err)
        log_warn("dapr.runtime", "component '%s' (%s) stopped with: %s", i->name, i->component->type, err->message);
    if (--i->owed)
        return;
    struct retiring *r = i->then_arg;
    timer_end(&r->timer);
    tell_buffers(i);
    instance_destroy(i);
    if (r->gone)
        r->gone(r->arg);
    mem_free(r);
}

static bool is_quiet(struct retiring *r)
{
    if (atomic_load_explicit(&r->instance->pins, memory_order_acquire) > 0 || r->instance->then)
        return false;
    for (uint32_t n = 0; n < loop_count(); n++)
        if (loop_at(n) != loop_self() && loop_turn(loop_at(n)) == r->turns[n])
            return false;
    return true;
}

static void nudge(void *unused)
{
}

static void look(void *arg)
{
    struct retiring *r = arg;
    struct instance *i = r->instance;
    if (!is_quiet(r)) {
        uint64_t age = clock_now_ns() - i->created_ns;
        timer_after(loop_at(0), &r->timer, age ? 2 * CLOCK_MS : CLOCK_MS, look, r);
        return;
    }
    if (r->quiet) {
        void (*quiet)(void *) = r->quiet;
        void *arg = r->arg;
        mem_free(r);
        quiet(arg);
        return;
    }
    atomic_store(&i->state, INSTANCE_STOPPING);
    i->then_arg = r;
    timer_after(loop_at(0), &r->timer, i->init_timeout_ns, on_stop_late, r);
    ask_selves(i, i->component->stop, 0, on_stopped);
}

static void drain(struct instance *i, struct retiring *r)
{
    check(loop_self() == loop_at(0) && loop_count() <= countof(r->turns));
    if (!i->draining_ns)
        i->draining_ns = clock_now_ns();
    for (uint32_t n = 0; n < loop_count(); n++) {
        r->turns[n] = loop_turn(loop_at(n));
        loop_call(loop_at(n), nudge, NULL);
    }
    look(r);
}

void instance_drain(struct instance *i, void (*quiet)(void *), void *arg)
{
    struct retiring *r = mem_zero(sizeof *r);
    *r = (struct retiring){.instance = i, .quiet = quiet, .arg = arg};
    i->has_been_asked = atomic_exchange(&i->state, INSTANCE_DRAINING) != INSTANCE_CREATED;
    drain(i, r);
}

void instance_retire(struct instance *i, void (*gone)(void *), void *arg)
{
    struct retiring *r = mem_zero(sizeof *r);
    *r = (struct retiring){.instance = i, .gone = gone, .arg = arg};
    uint32_t was = atomic_exchange(&i->state, INSTANCE_DRAINING);
    if (was == INSTANCE_CREATED || (was == INSTANCE_DRAINING && !i->has_been_asked)) {
        i->owed = 1;
        i->then_arg = r;
        on_stopped(i, NULL);
        return;
    }
    drain(i, r);
}
