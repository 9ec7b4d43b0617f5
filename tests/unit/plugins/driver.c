/* driver: loops, workers and waiting for the tests of plugins. */
#include "driver.h"
#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

static struct loop *loops[DRIVER_LOOPS];
static pthread_t threads[DRIVER_LOOPS];
static struct workers *pool;

static void *run_loop(void *arg)
{
    loop_run(arg);
    return NULL;
}

void driver_start(void)
{
    struct trb_error err = ERROR_INIT;
    for (uint32_t n = 0; n < DRIVER_LOOPS; n++)
        check((loops[n] = loop_create(n, &err)));
    loop_set_all(loops, DRIVER_LOOPS);
    pool = workers_create(16);
    loader_add_folder(DRIVER_PLUGINS);
    for (uint32_t n = 0; n < DRIVER_LOOPS; n++)
        check(!pthread_create(&threads[n], NULL, run_loop, loops[n]));
}

void driver_stop(void)
{
    for (uint32_t n = 0; n < DRIVER_LOOPS; n++)
        loop_stop(loops[n]);
    for (uint32_t n = 0; n < DRIVER_LOOPS; n++)
        pthread_join(threads[n], NULL);
    workers_destroy(pool);
    for (uint32_t n = 0; n < DRIVER_LOOPS; n++)
        loop_destroy(loops[n]);
}

/* ------------------------------------------------------------------------------------ components */
struct making {
    const struct trb_block *block;
    const char *type;
    const char *const *pairs;
    struct instance *instance;
    struct trb_error *err;
    sem_t done;
};

static void on_gone(void *arg)
{
    sem_post(arg);
}

static void on_started(void *arg, struct instance *i, const struct trb_error *err)
{
    struct making *m = arg;
    if (!err) {
        sem_post(&m->done);
        return;
    }
    *m->err = *err;
    m->instance = NULL;
    instance_retire(i, on_gone, &m->done);
}

bool driver_succeeds;

static void make(void *arg)
{
    struct making *m = arg;
    struct trb_pair pairs[32];
    uint32_t count = 0;
    struct plugin *plugin;
    for (const char *const *at = m->pairs; at && *at; at += 2)
        pairs[count++] = (struct trb_pair){name_of(at[0]), name_of(at[1])};
    struct trb_slice version = slice_of(m->type), type = slice_split(&version, '@');
    struct instance_spec spec = {.name = "it", .type = type, .version = version.at ? version : SLICE("v1"),
                                 .properties = {pairs, count, sizeof *pairs}, .document = SLICE("{}"),
                                 .app_id = NAME("app"), .namespace_ = NAME(""), .workers = pool};
    trb_code code = loader_get(type, &plugin, m->err);
    if (!code) {
        code = instance_create(&spec, m->block, plugin, &m->instance, m->err);
        plugin_unref(plugin);
    }
    if (code) {
        sem_post(&m->done);
        return;
    }
    m->instance->setup.is_successor = driver_succeeds;
    driver_succeeds = false;
    instance_start(m->instance, on_started, m);
}

struct instance *driver_component(const struct trb_block *block, const char *type, const char *const *pairs,
                                  struct trb_error *err)
{
    struct trb_error unused = ERROR_INIT;
    struct making m = {.block = block, .type = type, .pairs = pairs, .err = err ? err : &unused};
    sem_init(&m.done, 0, 0);
    loop_call(loops[0], make, &m);
    sem_wait(&m.done);
    return m.instance;
}

struct retiring_one {
    struct instance *instance;
    sem_t done;
};

static void retire(void *arg)
{
    struct retiring_one *r = arg;
    instance_retire(r->instance, on_gone, &r->done);
}

void driver_retire(struct instance *i)
{
    struct retiring_one r = {.instance = i};
    sem_init(&r.done, 0, 0);
    loop_call(loops[0], retire, &r);
    sem_wait(&r.done);
}

/* ------------------------------------------------------------------------------------- questions */
static void on_answered(struct call *c, void *arg)
{
    struct asked *a = arg;
    a->call = c;
    sem_post(a->waiting);
}

static void ask(void *arg)
{
    struct asked *a = arg;
    struct call_question q = {.verb = a->verb, .function = a->function, .answer = a->layout, .question = a->question};
    call_ask(a->instance, &q, on_answered, a);
}

void driver_send(struct asked *a, uint32_t loop)
{
    a->waiting = mem_zero(sizeof(sem_t));
    sem_init(a->waiting, 0, 0);
    loop_call(loops[loop], ask, a);
}

void driver_wait(struct asked *a)
{
    sem_wait(a->waiting);
}

void driver_release(struct asked *a)
{
    a->call = call_release(a->call);
    sem_destroy(a->waiting);
    a->waiting = mem_free(a->waiting);
}

void driver_ask(struct asked *a)
{
    driver_send(a, 0);
    driver_wait(a);
}

struct running {
    void (*run)(void *);
    void *arg;
    sem_t done;
};

static void run_here(void *arg)
{
    struct running *r = arg;
    r->run(r->arg);
    sem_post(&r->done);
}

void driver_run(void (*run)(void *), void *arg)
{
    struct running r = {.run = run, .arg = arg};
    sem_init(&r.done, 0, 0);
    loop_call(loops[0], run_here, &r);
    sem_wait(&r.done);
}
