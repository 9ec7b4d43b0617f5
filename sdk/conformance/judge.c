/* judge: starting, stopping and asking, from a thread that may wait. */
#include "judge.h"
#include "guarded.h"
#include "law.h"
#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

uint64_t patience_ns = 20 * CLOCK_S;

void test_check(struct test *t, bool so, const char *format, ...)
{
    va_list ap;
    t->checks++;
    if (so)
        return;
    if (t->failures.len)
        text_adds(&t->failures, "; ");
    va_start(ap, format);
    text_vaddf(&t->failures, format, ap);
    va_end(ap);
}

void test_skip(struct test *t, const char *why)
{
    t->skipped = why;
}

/* ---------------------------------------------------------------------------------------- life */
struct coming {
    struct test *test;
    const struct trb_pairs *properties;
    struct instance *instance;
    struct trb_error err;
    trb_code code;
    struct bell over;
};

static void on_started(void *arg, struct instance *i, const struct trb_error *err)
{
    struct coming *c = arg;
    if (err) {
        c->code = err->code ? err->code : TRB_UNKNOWN;
        memcpy(&c->err, err, sizeof c->err);
    }
    bell_ring(&c->over);
}

static void bring_up(void *arg)
{
    struct coming *c = arg;
    const struct subject *s = c->test->subject;
    struct instance_spec spec = {
        .name = s->name, .type = slice_of(s->component->type), .version = slice_of(s->component->version),
        .properties = c->properties ? *c->properties : s->properties, .document = s->document,
        .app_id = NAME("conform"), .namespace_ = NAME(""), .init_timeout_ns = s->init_timeout_ns,
        .workers = house_workers()};
    c->code = instance_create(&spec, &s->facts->block, s->shim, &c->instance, &c->err);
    if (c->code)
        bell_ring(&c->over);
    else
        instance_start(c->instance, on_started, c);
}

trb_code instance_up(struct test *t, const struct trb_pairs *properties, struct instance **ret, struct trb_error *err)
{
    struct coming c = {.test = t, .properties = properties, .err = ERROR_INIT};
    house_run(0, bring_up, &c);
    if (!bell_wait(&c.over, t->subject->init_timeout_ns + PATIENCE_NS)) {
        test_check(t, false, "start was not answered, not even after its time was over");
        _exit(3);                              /* the kernel still holds what is on this stack */
    }
    if (c.code && c.instance)
        instance_down(t, c.instance);          /* stop also after a failed start */
    *ret = c.code ? NULL : c.instance;
    if (c.code && err)
        *err = c.err;
    return c.code;
}

struct going {
    struct instance *instance;
    struct bell over;
};

static void on_gone(void *arg)
{
    bell_ring(&((struct going *)arg)->over);
}

static void bring_down(void *arg)
{
    struct going *g = arg;
    instance_retire(g->instance, on_gone, g);
}

bool instance_down(struct test *t, struct instance *i)
{
    struct going *g = mem_zero(sizeof *g);     /* left behind when it never ends */
    char story[200];
    g->instance = i;
    house_run(0, bring_down, g);
    if (bell_wait(&g->over, PATIENCE_NS)) {
        mem_free(g);
        return true;
    }
    instance_story(i, story, sizeof story);
    test_check(t, false, "it did not stop: %s", story);
    return false;
}

bool test_start(struct test *t)
{
    struct trb_error err = ERROR_INIT;
    trb_code code = instance_up(t, NULL, &t->instance, &err);
    test_check(t, !code, "it does not start with the given configuration: %s", err.message);
    return !code;
}

bool test_stop(struct test *t)
{
    struct instance *i = t->instance;
    t->instance = NULL;
    return !i || instance_down(t, i);
}

/* -------------------------------------------------------------------------------------- asking */
struct asked {
    struct instance *instance;
    struct call_question question;
    struct call *call;
    uint32_t loop, why;
    bool is_cancelled, is_answered, is_over;
    struct bell over;
};

static void on_answered(struct call *c, void *arg)
{
    struct asked *a = arg;
    a->is_answered = true;
    bell_ring(&a->over);
}

static void on_owed(void *arg)
{
    struct asked *a = arg;
    a->call = NULL;
    bell_ring(&a->over);
}

static void ask_there(void *arg)
{
    struct asked *a = arg;
    a->call = call_ask(a->instance, &a->question, on_answered, a);
}

struct asked *ask_begin(struct test *t, const char *verb, const void *question, const struct how *how)
{
    const struct trb_verb_info *v = block_verb(t->subject->facts, verb);
    struct guarded_shape shape = {.longer = shim_ways.longer, .without_owner = how && how->without_owner};
    struct asked *a = mem_zero(sizeof *a);
    check(v);
    a->instance = how && how->instance ? how->instance : t->instance;
    a->loop = (how ? how->loop : t->next_loop++) % HOUSE_LOOPS;
    a->question = (struct call_question){.verb = v, .question = guarded_question(v->question, question, &shape),
                                         .deadline_ns = how ? how->deadline_ns : 0};
    house_run(a->loop, ask_there, a);
    return a;
}

bool ask_wait(struct asked *a, uint64_t patience_ns)
{
    a->is_over = a->is_over || bell_wait(&a->over, patience_ns);
    return a->is_over;
}

static void cancel_there(void *arg)
{
    struct asked *a = arg;
    if (a->is_answered || a->is_cancelled)
        return;
    a->is_cancelled = true;
    call_abandon(a->call, a->why, on_owed, a);
}

void ask_cancel(struct asked *a, uint32_t why)
{
    a->why = why;
    house_run(a->loop, cancel_there, a);
}

const void *ask_answer(const struct asked *a)
{
    return a->call ? call_answer(a->call) : NULL;
}

const struct trb_error *ask_failure(const struct asked *a)
{
    return a->call ? call_failure(a->call) : NULL;
}

const char *ask_why(const struct asked *a)
{
    const struct trb_error *err = a ? ask_failure(a) : NULL;
    return !a ? "it was not answered" : err ? err->message : "";
}

uint32_t ask_items(const struct asked *a)
{
    return a->call ? call_item_count(a->call) : 0;
}

const void *ask_item(const struct asked *a, uint32_t i)
{
    const struct call_item *item = a->call ? call_item_at(a->call, i) : NULL;
    return item && item->is_set && !item->failure ? item->answer : NULL;
}

const struct trb_error *ask_item_failure(const struct asked *a, uint32_t i)
{
    const struct call_item *item = a->call ? call_item_at(a->call, i) : NULL;
    return item && item->is_set ? item->failure : NULL;
}

static void release_there(void *arg)
{
    struct asked *a = arg;
    if (a->is_answered)
        a->call = call_release(a->call);
}

struct asked *ask_end(struct asked *a)
{
    if (!a)
        return NULL;
    house_run(a->loop, release_there, a);
    if (!a->call)
        mem_free(a);
    return NULL;
}

struct asked *ask(struct test *t, const char *verb, const void *question)
{
    struct asked *a = ask_begin(t, verb, question, NULL);
    if (ask_wait(a, PATIENCE_NS))
        return a;
    test_check(t, false, "%s was not answered within %d s", verb, (int)(PATIENCE_NS / CLOCK_S));
    return NULL;
}

bool ask_well(struct test *t, const char *verb, const void *question, struct trb_error *err)
{
    struct asked *a = ask(t, verb, question);
    const struct trb_error *why = a ? ask_failure(a) : NULL;
    bool well = a && !why;
    if (err && why)
        memcpy(err, why, sizeof *err);
    else if (err && !a)
        snprintf(err->message, sizeof err->message, "it was not answered");
    ask_end(a);
    return well;
}

struct asked *probe_begin(struct test *t, const struct how *how)
{
    const struct block_facts *f = t->subject->facts;
    return ask_begin(t, f->probe, f->probe_question_of ? f->probe_question_of(t->subject->component) : f->probe_question(), how);
}

bool probe(struct test *t)
{
    if (!shim_has(t->subject->facts->probe))
        return true;
    struct asked *a = probe_begin(t, &(struct how){.loop = t->next_loop++});
    bool answered = ask_wait(a, PATIENCE_NS);
    EXPECT(t, answered, "%s was not answered within %d s", t->subject->facts->probe, (int)(PATIENCE_NS / CLOCK_S));
    if (answered)
        ask_end(a);
    return answered;
}

struct trb_name test_key(struct test *t, const char *word)
{
    static uint64_t run;
    static char *kept[4096];                   /* questions may outlive their case */
    static uint32_t count;
    char *text;
    if (!run)
        run = (uint64_t)clock_wall_ns() ^ ((uint64_t)getpid() << 40);
    int len = asprintf(&text, "conform%llx||%s", (unsigned long long)run, word);
    check(len > 0 && count < countof(kept));
    kept[count++] = text;
    return (struct trb_name){text, (size_t)len};
}
