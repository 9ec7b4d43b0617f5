/* listener: one subscription, what it heard, and how each event was settled. */
#include "judge.h"
#include <base/check.h>
#include <base/mem.h>
#include <pthread.h>

#define MAX_HEARD 4096u

struct listener {
    struct listener *before;                   /* all stay until the process ends: events may come late */
    struct instance *instance;
    const struct trb_verb_info *verb;
    const void *question;
    uint32_t credit, loop;
    struct stream_call *stream;
    pthread_mutex_t lock;
    struct heard heard[MAX_HEARD];
    uint32_t count, verdict_for_all;
    bool has_opened, has_ended;
    struct trb_error failure;
    struct bell opened, event, ended;
    uint32_t why, settling, settling_verdict;
};

static struct trb_slice keep(struct trb_slice s)
{
    return s.at ? slice_from(mem_text(s.at, s.len), s.len) : s;
}

/* Marked under the lock, for the test may look meanwhile; settled without it, for that may bring the next. */
static void settle_now(struct listener *l, struct heard *h, uint32_t verdict)
{
    struct trb_settlement s = {.size = sizeof s, .verdict = verdict};
    pthread_mutex_lock(&l->lock);
    struct stream_call_event *e = h->event;
    h->verdict = e ? verdict : h->verdict;
    h->event = NULL;
    pthread_mutex_unlock(&l->lock);
    if (e)
        stream_call_settle(e, &s);
}

static const void *field(const struct trb_layout *layout, const char *name, const void *event)
{
    for (uint32_t i = 0; i < layout->field_count; i++)
        if (!strcmp(layout->fields[i].name, name))
            return (const char *)event + layout->fields[i].offset;
    return NULL;
}

static struct trb_slice name_in(const struct listener *l, const char *name, const void *event)
{
    const struct trb_name *at = field(l->verb->answer, name, event);
    return at ? keep(slice_name(*at)) : (struct trb_slice){NULL, 0};
}

/* A message's body, or the value of an item that changed. */
static struct trb_slice data_in(const struct listener *l, const void *event)
{
    const struct trb_data *at = field(l->verb->answer, "data", event);
    const struct trb_slice *value = at ? NULL : field(l->verb->answer, "value", event);
    return at ? keep(slice_from(at->at, at->len)) : value ? keep(*value) : (struct trb_slice){NULL, 0};
}

static struct trb_slice subject_in(const struct listener *l, const void *event)
{
    struct trb_slice topic = name_in(l, "topic", event);
    return topic.at ? topic : name_in(l, "key", event);
}

static void on_event(void *arg, struct stream_call_event *e)
{
    struct listener *l = arg;
    pthread_mutex_lock(&l->lock);
    check(l->count < MAX_HEARD);
    struct heard *h = &l->heard[l->count];
    *h = (struct heard){subject_in(l, e->event), data_in(l, e->event), 0, e};
    l->count++;
    uint32_t verdict = l->verdict_for_all;
    pthread_mutex_unlock(&l->lock);
    if (verdict)
        settle_now(l, h, verdict);
    bell_ring(&l->event);
}

static void on_opened(void *arg)
{
    bell_ring(&((struct listener *)arg)->opened);
}

static void on_ended(void *arg, const struct trb_error *err)
{
    struct listener *l = arg;
    if (err)
        memcpy(&l->failure, err, sizeof *err);
    l->stream = NULL;
    l->has_ended = true;
    bell_ring(&l->opened);
    bell_ring(&l->event);
    bell_ring(&l->ended);
}

static void open_there(void *arg)
{
    static const struct stream_call_owner owner = {on_event, on_ended, on_opened};
    struct listener *l = arg;
    l->stream = stream_call_open(l->instance, l->verb, l->question, l->credit, &owner, l);
}

/* A block has one verb that is a stream. */
static const struct trb_verb_info *the_stream(const struct block_facts *f)
{
    for (uint32_t i = 0; i < f->block.verb_count; i++)
        if (f->block.verbs[i].flags & TRB_VERB_STREAM)
            return &f->block.verbs[i];
    check(false);
    return NULL;
}

struct listener *listen_begin(struct test *t, const void *question, uint32_t credit, uint32_t loop)
{
    static struct listener *last;
    struct listener *l = mem_zero(sizeof *l);
    l->before = last;
    last = l;
    l->instance = t->instance;
    l->verb = the_stream(t->subject->facts);
    l->question = question;
    l->credit = credit;
    l->loop = loop;
    pthread_mutex_init(&l->lock, NULL);
    house_run(loop, open_there, l);
    return l;
}

bool listen_opened(struct listener *l, uint64_t patience_ns)
{
    l->has_opened = l->has_opened || bell_wait(&l->opened, patience_ns);
    return l->has_opened && !l->has_ended;
}

uint32_t listen_count(struct listener *l)
{
    pthread_mutex_lock(&l->lock);
    uint32_t count = l->count;
    pthread_mutex_unlock(&l->lock);
    return count;
}

bool listen_wait(struct listener *l, uint32_t count, uint64_t patience_ns)
{
    uint64_t end = clock_now_ns() + patience_ns;
    while (listen_count(l) < count) {
        uint64_t now = clock_now_ns();
        if (now >= end || !bell_wait(&l->event, end - now))
            return listen_count(l) >= count;
    }
    return true;
}

struct heard listen_heard(struct listener *l, uint32_t i)
{
    pthread_mutex_lock(&l->lock);
    struct heard h = l->heard[i];
    pthread_mutex_unlock(&l->lock);
    return h;
}

static void settle_there(void *arg)
{
    struct listener *l = arg;
    settle_now(l, &l->heard[l->settling], l->settling_verdict);
}

void listen_settle(struct listener *l, uint32_t i, uint32_t verdict)
{
    l->settling = i;
    l->settling_verdict = verdict;
    house_run(l->loop, settle_there, l);
}

static void settle_all_there(void *arg)
{
    struct listener *l = arg;
    pthread_mutex_lock(&l->lock);
    l->verdict_for_all = l->settling_verdict;
    uint32_t count = l->count;
    pthread_mutex_unlock(&l->lock);
    for (uint32_t i = 0; i < count; i++)
        settle_now(l, &l->heard[i], l->settling_verdict);
}

void listen_settle_all(struct listener *l, uint32_t verdict)
{
    l->settling_verdict = verdict;
    house_run(l->loop, settle_all_there, l);
}

static void close_there(void *arg)
{
    struct listener *l = arg;
    if (l->stream)
        stream_call_close(l->stream, l->why);
}

bool listen_close(struct listener *l, uint32_t why, uint64_t patience_ns)
{
    l->why = why;
    house_run(l->loop, close_there, l);
    listen_settle_all(l, TRB_HELD);
    return bell_wait(&l->ended, patience_ns);
}

const struct trb_error *listen_failure(const struct listener *l)
{
    return l->failure.code ? &l->failure : NULL;
}
