/* shim_host: the host that the component sees. It checks, then lets the kernel's own table work. */
#include "guarded.h"
#include "law.h"
#include "shim.h"
#include "shim_private.h"
#include <base/buf.h>
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <plugin/call.h>
#include <pthread.h>
#include <string.h>

static bool may_speak(const struct trb_origin *o, const char *what)
{
    if (!shim_is_stopped(o))
        return true;
    law_broken("%s was called after stop had been answered", what);
    return false;
}

/* Is the call still the component's? */
static struct token *open_call(const struct trb_call *call, const char *what)
{
    struct token *t = token_of(call, what);
    if (!t)
        return NULL;
    if (atomic_load(&t->answers)) {
        law_broken("%s was called for %s after its answer", what, t->verb);
        return NULL;
    }
    return t;
}

/* True for the one answer that counts; stop's is the last word of its origin. */
static bool redeem(struct token *t, const char *how)
{
    if (!t)
        return false;
    if (atomic_fetch_add(&t->answers, 1)) {
        law_broken("%s was answered twice (the second time by %s)", t->verb, how);
        return false;
    }
    if (!strcmp(t->verb, "stop"))
        shim_silence(t->public_.origin);
    atomic_fetch_sub(&shim_counts.unanswered, 1);
    return true;
}

static void check_answer(struct token *t, const void *answer, size_t size)
{
    if (answer && (size < sizeof(uint32_t) || *(const uint32_t *)answer < sizeof(uint32_t) ||
                   *(const uint32_t *)answer > size))
        law_broken("%s: the answer says it has %u bytes and %zu were given: set .size = sizeof answer", t->verb,
                   size >= sizeof(uint32_t) ? *(const uint32_t *)answer : 0, size);
}

static void done(struct trb_call *call, const void *answer, size_t size)
{
    struct token *t = token_of(call, "done");
    if (!redeem(t, "done"))
        return;
    check_answer(t, answer, size);
    const void *question = t->question;
    host_table.done(t->inner, answer, size);
    guarded_seal((void *)(uintptr_t)question);
}

static void fail(struct trb_call *call, const struct trb_error *err)
{
    static const struct trb_error none = {.size = sizeof none, .code = TRB_UNKNOWN, .item = -1,
                                          .message = "no error was given"};
    struct token *t = token_of(call, "fail");
    if (!redeem(t, "fail"))
        return;
    law_check_error(t->verb, err);
    const void *question = t->question;
    host_table.fail(t->inner, err ? err : &none);
    guarded_seal((void *)(uintptr_t)question);
}

static void item(struct trb_call *call, uint32_t index, const void *answer, size_t size, const struct trb_error *err)
{
    struct token *t = open_call(call, "item");
    if (!t)
        return;
    check_answer(t, answer, size);
    if (err)
        law_check_error(t->verb, err);
    host_table.item(t->inner, index, answer, size, err);
}

static void opened(struct trb_call *call)
{
    struct token *t = open_call(call, "opened");
    if (!t)
        return;
    if (atomic_fetch_add(&t->opens, 1))
        law_broken("%s was opened twice", t->verb);
    else
        host_table.opened(t->inner);
}

/* A resume may overtake the 0 that it answers. */
static uint32_t emit(struct trb_call *call, const void *event, size_t size, void *cookie)
{
    struct token *t = open_call(call, "emit");
    if (!t)
        return 0;
    if (!atomic_load(&t->opens))
        law_broken("%s emitted an event before it was opened", t->verb);
    if (atomic_load(&t->starved))
        law_broken("%s emitted an event without credit: after 0 wait for resume", t->verb);
    check_answer(t, event, size);
    uint32_t resumes = atomic_load(&t->resumes);
    uint32_t left = host_table.emit(t->inner, event, size, cookie);
    if (!left && atomic_load(&t->resumes) == resumes)
        atomic_store(&t->starved, 1);
    return left;
}

static uint64_t deadline_ns(const struct trb_call *call)
{
    struct token *t = open_call(call, "deadline_ns");
    return t ? host_table.deadline_ns(t->inner) : 1;
}

static uint32_t is_cancelled(const struct trb_call *call)
{
    struct token *t = open_call(call, "is_cancelled");
    return t ? host_table.is_cancelled(t->inner) : 1;
}

/* ------------------------------------------------------------------------------------- buffers */
static void on_buffer_gone(void *unused)
{
    atomic_fetch_sub(&shim_counts.buffers, 1);
}

static struct trb_buf *new_buffer(const struct trb_origin *o, size_t len, char **ret_bytes)
{
    static _Atomic uint32_t count;
    uint32_t each = atomic_load(&shim_ways.fail_each);
    if (!may_speak(o, "buf_new"))
        return NULL;
    if (each && (atomic_fetch_add(&count, 1) + 1) % each == 0) {
        atomic_fetch_add(&shim_counts.refused_buffers, 1);
        return NULL;
    }
    struct trb_buf *b = host_table.buf_new(o, len, ret_bytes);
    atomic_fetch_add(&shim_counts.buffers, 1);
    buf_on_gone(b, on_buffer_gone, NULL);
    return b;
}

struct wrapped {
    void (*release)(void *);
    void *arg;
};

static void on_wrapped_gone(void *arg)
{
    struct wrapped w = *(struct wrapped *)arg;
    mem_free(arg);
    atomic_fetch_sub(&shim_counts.buffers, 1);
    if (w.release)
        w.release(w.arg);
}

static struct trb_buf *wrap(const struct trb_origin *o, struct trb_slice bytes, void (*release)(void *), void *arg)
{
    if (!may_speak(o, "buf_wrap"))
        return NULL;
    struct wrapped *w = mem_alloc(sizeof *w);
    *w = (struct wrapped){release, arg};
    atomic_fetch_add(&shim_counts.buffers, 1);
    return host_table.buf_wrap(o, bytes, on_wrapped_gone, w);
}

/* --------------------------------------------------------------------------------- small members */
static void say(const struct trb_origin *o, uint32_t level, const char *text)
{
    if (!may_speak(o, "log"))
        return;
    if (level > TRB_LOG_ERROR)
        law_broken("log was called with the level %u", level);
    law_check_text("a log line", slice_of(text));
    if (shim_ways.hear)
        shim_ways.hear(level, text);
}

static void narrow(const struct trb_origin *o, uint64_t caps)
{
    if (may_speak(o, "narrow"))
        host_table.narrow(o, caps);
}

static void lost(const struct trb_origin *o, const struct trb_error *err)
{
    if (!may_speak(o, "lost"))
        return;
    if (err)
        law_check_error("lost", err);
    host_table.lost(o, err);
}

static void ready(const struct trb_origin *o)
{
    if (may_speak(o, "ready"))
        host_table.ready(o);
}

static const void *extension(const char *id)
{
    return shim_ways.without_services ? NULL : host_table.extension(id);
}

/* One table per age of the host; a guard page stands behind it. */
struct age {
    size_t longer;
    uint32_t minor;
    const struct trb_host *table;
};

static const struct trb_host *table_of_this_age(void)
{
    struct trb_host h = host_table;
    h.abi_minor = shim_ways.minor;
    h.done = done, h.fail = fail, h.item = item, h.opened = opened, h.emit = emit;
    h.deadline_ns = deadline_ns, h.is_cancelled = is_cancelled;
    h.buf_new = new_buffer, h.buf_wrap = wrap;
    h.log = say, h.narrow = narrow, h.lost = lost, h.ready = ready, h.extension = extension;
    return guarded_flat(&h, sizeof h, shim_ways.longer);
}

const struct trb_host *shim_host(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct age ages[4];
    struct age *a = ages;
    pthread_mutex_lock(&lock);
    while (a->table && (a->longer != shim_ways.longer || a->minor != shim_ways.minor))
        check(++a < ages + countof(ages));
    if (!a->table)
        *a = (struct age){shim_ways.longer, shim_ways.minor, table_of_this_age()};
    pthread_mutex_unlock(&lock);
    return a->table;
}
