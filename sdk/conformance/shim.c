/* shim: tokens of ours, verbs in between, and the component that the kernel sees. The host table that
 * the component sees is in shim_host.c. */
#include "shim.h"
#include "guarded.h"
#include "law.h"
#include "shim_private.h"
#include <base/check.h>
#include <base/clock.h>
#include <base/mem.h>
#include <base/slice.h>
#include <plugin/instance.h>
#include <pthread.h>
#include <sys/resource.h>

#define MAX_VERBS 16u
#define SLEPT_TOO_LONG_NS (250 * CLOCK_MS)

struct shim_ways shim_ways = {.minor = TRB_ABI_MINOR};
struct shim_counts shim_counts;
static const struct trb_component *real;
static const struct block_facts *facts;

/* ------------------------------------------------------------------------------------- tokens */
#define BUCKETS 1024u
static struct token *buckets[BUCKETS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static uint32_t bucket_of(const void *inner)
{
    return (uint32_t)((uintptr_t)inner / 64 % BUCKETS);
}

static struct token *token_new(struct trb_call *inner, const char *verb, const void *question)
{
    struct token *t = mem_zero(sizeof *t);     /* never freed: a second answer must find it */
    t->magic = TOKEN_MAGIC;
    t->inner = inner;
    t->verb = verb;
    t->question = question;
    t->public_ = (struct trb_call){.size = sizeof t->public_, .host = shim_host(), .origin = inner->origin};
    pthread_mutex_lock(&lock);
    t->next = buckets[bucket_of(inner)];
    buckets[bucket_of(inner)] = t;
    pthread_mutex_unlock(&lock);
    atomic_fetch_add(&shim_counts.unanswered, 1);
    return t;
}

struct token *token_of(const struct trb_call *call, const char *what)
{
    struct token *t = (struct token *)(void *)(uintptr_t)call;
    if (t && t->magic == TOKEN_MAGIC)
        return t;
    law_broken("%s was called with something that is no call", what);
    return NULL;
}

/* The kernel uses its tokens again after a while: the newest is meant. */
static struct token *token_by_inner(const struct trb_call *inner)
{
    pthread_mutex_lock(&lock);
    struct token *t = buckets[bucket_of(inner)];
    while (t && t->inner != inner)
        t = t->next;
    pthread_mutex_unlock(&lock);
    return t;
}

/* ---------------------------------------------------------- who has been stopped and may not speak */
static const struct trb_origin *stopped[1024];
static uint32_t stopped_count;

bool shim_is_stopped(const struct trb_origin *o)
{
    bool found = false;
    pthread_mutex_lock(&lock);
    for (uint32_t i = 0; i < stopped_count; i++)
        found |= stopped[i] == o;
    pthread_mutex_unlock(&lock);
    return found;
}

static void revive(const struct trb_origin *o)
{
    pthread_mutex_lock(&lock);
    for (uint32_t i = 0; i < stopped_count; i++)
        if (stopped[i] == o)
            stopped[i--] = stopped[--stopped_count];
    pthread_mutex_unlock(&lock);
}

void shim_silence(const struct trb_origin *o)
{
    pthread_mutex_lock(&lock);
    if (stopped_count < countof(stopped))
        stopped[stopped_count++] = o;
    pthread_mutex_unlock(&lock);
}

/* -------------------------------------------------------------------------------------- verbs */
struct watchful {                              /* did a verb sleep where it must not? */
    uint64_t began_ns;
    long sleeps;
};

static long sleeps_of_this_thread(void)
{
    struct rusage u;
    getrusage(RUSAGE_THREAD, &u);
    return u.ru_nvcsw;
}

static struct watchful watch_begin(void)
{
    return (struct watchful){clock_now_ns(), sleeps_of_this_thread()};
}

static void watch_judge(struct watchful w, const char *verb)
{
    uint64_t took = clock_now_ns() - w.began_ns;
    if (real->run == TRB_ON_WORKERS || took < SLEPT_TOO_LONG_NS || sleeps_of_this_thread() == w.sleeps)
        return;
    law_broken("%s slept on a loop (for more than %llu ms): run TRB_ON_WORKERS, or do not block", verb,
               (unsigned long long)(SLEPT_TOO_LONG_NS / CLOCK_MS));
}

static trb_verb *real_verb(uint32_t i)
{
    const struct trb_verb_info *v = &facts->block.verbs[i];
    uint32_t size = *(const uint32_t *)real->ops;
    return size >= v->offset + sizeof(trb_verb *)
               ? *(trb_verb *const *)(const void *)((const char *)real->ops + v->offset)
               : NULL;
}

static void pass_on(trb_verb *verb, const char *name, void *self, struct trb_call *inner, const void *question)
{
    struct token *t = token_new(inner, name, question);
    struct watchful w = watch_begin();
    verb(self, &t->public_, question);
    watch_judge(w, name);
}

static void run_verb(uint32_t i, void *self, struct trb_call *inner, const void *question)
{
    const struct trb_verb_info *v = &facts->block.verbs[i];
    const void *q = question;
    if (v->flags & TRB_VERB_STREAM) {          /* the kernel's own copy: guard it here */
        struct guarded_shape shape = {.longer = shim_ways.longer};
        q = guarded_question(v->question, question, &shape);
    }
    pass_on(real_verb(i), v->name, self, inner, q);
}

#define VERB(n)                                                                                    \
    static void verb_##n(void *self, struct trb_call *inner, const void *question)                 \
    {                                                                                              \
        run_verb(n, self, inner, question);                                                        \
    }
VERB(0) VERB(1) VERB(2) VERB(3) VERB(4) VERB(5) VERB(6) VERB(7)
VERB(8) VERB(9) VERB(10) VERB(11) VERB(12) VERB(13) VERB(14) VERB(15)
static trb_verb *const between[MAX_VERBS] = {verb_0, verb_1, verb_2, verb_3, verb_4, verb_5, verb_6, verb_7, verb_8,
                                             verb_9, verb_10, verb_11, verb_12, verb_13, verb_14, verb_15};

static const void *guarded_setup(const void *setup)
{
    static const struct trb_field fields[] = {
        {"component", "", TRB_FIELD_NAME, offsetof(struct trb_setup, component), NULL},
        {"app_id", "", TRB_FIELD_NAME, offsetof(struct trb_setup, app_id), NULL},
        {"namespace_", "", TRB_FIELD_NAME, offsetof(struct trb_setup, namespace_), NULL},
        {"properties", "", TRB_FIELD_PAIRS, offsetof(struct trb_setup, properties), NULL},
        {"document", "", TRB_FIELD_SLICE, offsetof(struct trb_setup, document), NULL},
    };
    static const struct trb_layout layout = {"setup", sizeof(struct trb_setup), countof(fields), fields};
    struct guarded_shape shape = {.longer = shim_ways.longer};
    return guarded_question(&layout, setup, &shape);
}

static void start(void *self, struct trb_call *inner, const void *setup)
{
    revive(inner->origin);
    atomic_fetch_add(&shim_counts.starts, 1);
    pass_on(real->start, "start", self, inner, guarded_setup(setup));
}

static void stop(void *self, struct trb_call *inner, const void *setup)
{
    atomic_fetch_add(&shim_counts.stops, 1);
    pass_on(real->stop, "stop", self, inner, guarded_setup(setup));
}

static void ping(void *self, struct trb_call *inner, const void *question)
{
    pass_on(real->ping, "ping", self, inner, question);
}

static void hand_over(void *self, struct trb_call *inner, const void *question)
{
    pass_on(real->hand_over, "hand_over", self, inner, question);
}

static void cancel(void *self, struct trb_call *inner, uint32_t why)
{
    struct token *t = token_by_inner(inner);
    if (!t)                                    /* it waits for a worker: is_cancelled will say so to the verb */
        return;
    if (atomic_fetch_add(&t->cancels, 1))
        law_broken("the runner cancelled %s twice", t->verb);
    struct watchful w = watch_begin();
    real->cancel(self, &t->public_, why);
    watch_judge(w, "cancel");
}

static void resume(void *self, struct trb_call *inner)
{
    struct token *t = token_by_inner(inner);
    check(t);
    atomic_store(&t->starved, 0);
    atomic_fetch_add(&t->resumes, 1);
    real->resume(self, &t->public_);
}

/* A settlement of a newer host is longer. */
static void settle(void *self, void *cookie, const struct trb_settlement *s)
{
    struct trb_settlement *longer = guarded_flat(s, sizeof *s, shim_ways.longer);
    struct watchful w = watch_begin();
    real->settle(self, cookie, longer);
    watch_judge(w, "settle");
    guarded_seal(longer);
}

/* ------------------------------------------------------------------- what the kernel takes it for */
static const void *shim_ops(void)
{
    uint32_t size = 8;
    for (uint32_t i = 0; i < facts->block.verb_count; i++)
        if (size < facts->block.verbs[i].offset + sizeof(trb_verb *))
            size = facts->block.verbs[i].offset + (uint32_t)sizeof(trb_verb *);
    char *ops = mem_zero(size);
    uint32_t known = *(const uint32_t *)real->ops;
    memcpy(ops, real->ops, known < size ? known : size);
    *(uint32_t *)(void *)ops = size;
    for (uint32_t i = 0; i < facts->block.verb_count; i++)
        *(trb_verb **)(void *)(ops + facts->block.verbs[i].offset) = real_verb(i) ? between[i] : NULL;
    return ops;
}

static struct trb_component *shim_component(void)
{
    struct trb_component *c = mem_zero(sizeof *c);
    memcpy(c, real, real->size < sizeof *c ? real->size : sizeof *c);
    c->size = sizeof *c;
    c->ops = real->ops ? shim_ops() : NULL;
    c->start = real->start ? start : NULL;
    c->stop = real->stop ? stop : NULL;
    c->ping = c->ping ? ping : NULL;
    c->cancel = c->cancel ? cancel : NULL;
    c->resume = c->resume ? resume : NULL;
    c->settle = c->settle ? settle : NULL;
    c->hand_over = c->hand_over ? hand_over : NULL;
    return c;
}

struct plugin *shim_plugin(struct plugin *p, const struct trb_component *component, const struct block_facts *f)
{
    struct plugin *shim = mem_zero(sizeof *shim);
    struct trb_plugin *manifest = mem_copy(p->manifest, sizeof *manifest);
    const struct trb_component **list = mem_zero(2 * sizeof *list);
    check(f->block.verb_count <= MAX_VERBS);
    real = component;
    facts = f;
    list[0] = shim_component();
    manifest->components = list;
    manifest->flags = 0;
    *shim = (struct plugin){.magic = PLUGIN_MAGIC, .refs = 1u << 30, .manifest = manifest, .fd = -1,
                            .file = p->file, .path = p->path, .serial = p->serial, .keep_mapped = true};
    list_init(&shim->link);
    return shim;
}

bool shim_has(const char *verb)
{
    for (uint32_t i = 0; i < facts->block.verb_count; i++)
        if (!strcmp(facts->block.verbs[i].name, verb))
            return real_verb(i) != NULL;
    return false;
}
