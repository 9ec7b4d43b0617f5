/* The house of the plugin tests: three loops in threads of their own, workers, and a way to ask from the
 * test's thread and wait. Included by each test after its cmocka headers. */
#include <base/clock.h>
#include <base/error.h>
#include <base/log.h>
#include <base/mem.h>
#include <base/slice.h>
#include <fcntl.h>
#include <loop/loop.h>
#include <loop/workers.h>
#include <plugin/call.h>
#include <plugin/instance.h>
#include <plugin/loader.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trilby/block.h>
#include <trilby/pubsub.h>
#include <trilby/state.h>
#include <unistd.h>

#define LOOPS 3u
#define give_up(...) (print_error(__VA_ARGS__), _fail(__FILE__, __LINE__))

static struct loop *loops[LOOPS];
static pthread_t threads[LOOPS];
static struct workers *workers;

static void *live(void *arg)
{
    loop_run(arg);
    return NULL;
}

static int open_house(void **state)
{
    log_start(&(struct log_setup){.app_id = "test", .level = LOG_FATAL, .fd = open("/dev/null", O_WRONLY)});
    for (uint32_t i = 0; i < LOOPS; i++)
        loops[i] = loop_create(i, NULL);
    loop_set_all(loops, LOOPS);
    workers = workers_create(8);
    for (uint32_t i = 0; i < LOOPS; i++)
        pthread_create(&threads[i], NULL, live, loops[i]);
    loader_add_folder(TEST_PLUGINS);
    return 0;
}

static int close_house(void **state)
{
    for (uint32_t i = 0; i < LOOPS; i++)
        loop_stop(loops[i]);
    for (uint32_t i = 0; i < LOOPS; i++)
        pthread_join(threads[i], NULL);
    workers = workers_destroy(workers);
    for (uint32_t i = 0; i < LOOPS; i++)
        loop_destroy(loops[i]);
    loop_set_all(NULL, 0);
    log_stop();
    return 0;
}

/* A semaphore that fails the test instead of hanging it. */
static inline void await(sem_t *s)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    while (sem_timedwait(s, &until))
        if (errno != EINTR)
            give_up("nothing happened within 30 s");
}

struct errand {
    void (*run)(void *);
    void *arg;
    sem_t over;
};

static void on_errand(void *arg)
{
    struct errand *e = arg;
    e->run(e->arg);
    sem_post(&e->over);
}

static inline void run_on(uint32_t loop, void (*run)(void *), void *arg)
{
    struct errand e = {.run = run, .arg = arg};
    sem_init(&e.over, 0, 0);
    loop_call(loops[loop], on_errand, &e);
    await(&e.over);
}

/* --------------------------------------------------------------------------------------- blocks */
#define TRB_DEF <trilby/state.def>
#define TRB_OPS struct trb_state_ops
#define trb_verbs_ state_verbs
#define trb_layout_nothing state_layout_nothing
#include <trilby/verbs_layout.h>
#undef TRB_DEF
#undef TRB_OPS
#undef trb_verbs_
#undef trb_layout_nothing

static const char *const state_cap_names[] = {"ETAG", "TRANSACTIONAL", NULL};
static const char *const state_cap_verbs[] = {"", "transact", NULL};
static const struct trb_block state_block __attribute__((unused)) = {
    .size = sizeof state_block, .abi = TRB_BLOCK_ABI, .name = "state", .verbs = state_verbs,
    .verb_count = countof(state_verbs), .verb_size = sizeof state_verbs[0], .cap_names = state_cap_names,
    .cap_verbs = state_cap_verbs, .mandatory = "get set remove"};

static const struct trb_verb_info *const verb_get __attribute__((unused)) = &state_verbs[0];
static const struct trb_verb_info *const verb_set __attribute__((unused)) = &state_verbs[1];

/* ------------------------------------------------------------------------------------ instances */
struct coming {
    struct instance_spec spec;
    const struct trb_block *block;
    struct instance *instance;
    struct trb_error err;
    trb_code code;
    sem_t over;
};

static void on_coming_up(void *arg, struct instance *i, const struct trb_error *err)
{
    struct coming *c = arg;
    c->code = err ? err->code : TRB_OK;
    if (err)
        c->err = *err;
    sem_post(&c->over);
}

static void create(struct coming *c)
{
    struct plugin *p = NULL;
    c->code = loader_get(c->spec.type, &p, &c->err);
    if (!c->code)
        c->code = instance_create(&c->spec, c->block, p, &c->instance, &c->err);
    plugin_unref(p);
}

static void bring_up(void *arg)
{
    struct coming *c = arg;
    create(c);
    if (c->code)
        sem_post(&c->over);
    else
        instance_start(c->instance, on_coming_up, c);
}

static inline trb_code try_up(const char *type, const struct trb_block *block, const char *option, const char *value,
                              struct instance **ret, struct trb_error *err)
{
    struct trb_pair pair = {name_of(option), name_of(value)};
    struct coming c = {.block = block, .err = ERROR_INIT};
    c.spec = (struct instance_spec){.name = "it", .type = slice_of(type), .version = SLICE("v1"), .document = SLICE("{}"),
                                    .properties = {&pair, option ? 1 : 0, sizeof pair}, .app_id = NAME("app"),
                                    .namespace_ = NAME(""), .workers = workers, .init_timeout_ns = 20 * CLOCK_S};
    sem_init(&c.over, 0, 0);
    run_on(0, bring_up, &c);
    await(&c.over);
    *ret = c.instance;
    if (err)
        *err = c.err;
    return c.code;
}

static inline struct instance *up(const char *type, const struct trb_block *block, const char *option, const char *value)
{
    struct instance *i = NULL;
    struct trb_error err = ERROR_INIT;
    if (try_up(type, block, option, value, &i, &err))
        give_up("%s does not start: %s", type, err.message);
    return i;
}

struct going {
    struct instance *instance;
    sem_t over;
};

static void on_going_down(void *arg)
{
    sem_post(&((struct going *)arg)->over);
}

static void bring_down(void *arg)
{
    struct going *g = arg;
    instance_retire(g->instance, on_going_down, g);
}

static inline void down(struct instance *i)
{
    struct going g = {.instance = i};
    sem_init(&g.over, 0, 0);
    run_on(0, bring_down, &g);
    await(&g.over);
}

/* --------------------------------------------------------------------------------------- asking */
struct client {                                /* one question, and what became of it */
    struct instance *instance;
    const struct trb_verb_info *verb;
    struct call_question question;
    struct trb_state_get get;
    struct trb_state_set set;
    struct trb_pair how;
    char key[48], value[64];
    struct trb_error failure;
    struct call *call;
    uint32_t loop, answers, items;
    bool failed, is_settled;
    sem_t over;
};

static void on_client_answer(struct call *call, void *arg)
{
    struct client *c = arg;
    const struct trb_state_item *item = call_answer(call);
    c->answers++;
    c->items = call_item_count(call);
    c->failed = call_failure(call) != NULL;
    if (c->failed)
        c->failure = *call_failure(call);
    else if (c->verb == verb_get && item)
        snprintf(c->value, sizeof c->value, "%.*s", (int)item->value.len, item->value.at);
    c->call = call_release(call);
    sem_post(&c->over);
}

static void ask_there(void *arg)
{
    struct client *c = arg;
    c->call = call_ask(c->instance, &c->question, on_client_answer, c);
}

static inline void client_prepare(struct client *c, struct instance *i, const char *key, const char *how, uint32_t loop)
{
    memset(c, 0, sizeof *c);
    c->instance = i;
    c->loop = loop;
    c->verb = verb_get;
    snprintf(c->key, sizeof c->key, "%s", key);
    c->how = (struct trb_pair){NAME("how"), name_of(how)};
    c->get = (struct trb_state_get){.size = sizeof c->get, .key = name_of(c->key),
                                    .metadata = {how ? &c->how : NULL, how ? 1 : 0, sizeof c->how}};
    c->question = (struct call_question){.verb = verb_get, .question = &c->get};
    sem_init(&c->over, 0, 0);
}

static inline void client_ask(struct client *c, struct instance *i, const char *key, const char *how, uint32_t loop)
{
    client_prepare(c, i, key, how, loop);
    run_on(loop, ask_there, c);
}

static inline void client_get(struct client *c, struct instance *i, const char *key, const char *how, uint32_t loop)
{
    client_ask(c, i, key, how, loop);
    await(&c->over);
}

static inline void release_all(struct instance *i)
{
    struct client c;
    client_prepare(&c, i, "release", NULL, 1);
    c.verb = verb_set;
    c.set = (struct trb_state_set){.size = sizeof c.set, .key = NAME("release"), .value = {"1", 1, NULL}};
    c.question = (struct call_question){.verb = verb_set, .question = &c.set};
    run_on(1, ask_there, &c);
    await(&c.over);
}

static void on_client_settled(void *arg)
{
    struct client *c = arg;
    c->call = NULL;
    c->is_settled = true;
    sem_post(&c->over);
}

static void abandon_there(void *arg)
{
    struct client *c = arg;
    call_abandon(c->call, TRB_WHY_CLIENT, on_client_settled, c);
}

static inline void client_abandon(struct client *c)
{
    run_on(c->loop, abandon_there, c);
}
