/* pubsub_driver: publishing and listening for tests, spelled the way a test reads. */
#ifndef TEST_PUBSUB_DRIVER_H
#define TEST_PUBSUB_DRIVER_H

#include <base/clock.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <trilby/pubsub.h>
#include "../driver.h"

#define TRB_DEF <trilby/pubsub.def>
#define TRB_OPS struct trb_pubsub_ops
#include <trilby/verbs_layout.h>

static const struct trb_block block = {
    .size = sizeof block, .abi = TRB_BLOCK_ABI, .name = "pubsub", .verbs = trb_verbs_, .mandatory = "publish subscribe",
    .verb_count = sizeof trb_verbs_ / sizeof trb_verbs_[0], .verb_size = sizeof trb_verbs_[0]};

static struct instance *bus;

static const struct trb_verb_info *verb(const char *name)
{
    for (uint32_t n = 0; n < block.verb_count; n++)
        if (!strcmp(block.verbs[n].name, name))
            return &block.verbs[n];
    abort();
}

static trb_code publish_with(const char *topic, const char *text, struct trb_pair *pairs, uint32_t count,
                             struct trb_error *ret_err)
{
    struct trb_pubsub_publish q = {.size = sizeof q, .topic = name_of(topic), .data = {text, strlen(text), NULL},
                                   .metadata = {pairs, count, sizeof *pairs}};
    struct asked a = {.instance = bus, .verb = verb("publish"), .question = &q};
    driver_ask(&a);
    const struct trb_error *err = call_failure(a.call);
    trb_code code = err ? err->code : TRB_OK;
    if (err && ret_err)
        *ret_err = *err;
    driver_release(&a);
    return code;
}

static trb_code publish(const char *topic, const char *text)
{
    return publish_with(topic, text, NULL, 0, NULL);
}

/* ------------------------------------------------------------------------------------ listening */
struct heard {
    char text[64], metadata[256];
    struct stream_call_event *event;                 /* NULL: settled */
    uint64_t at_ns;
};

struct listener {
    struct instance *instance;
    const char *topic;
    uint32_t loop, verdict;                          /* verdict 0: the test settles */
    struct stream_call *stream;                      /* NULL: it has ended */
    sem_t opened, ended, event;
    pthread_mutex_t lock;
    struct heard heard[4096];
    _Atomic uint32_t count;                          /* written under the lock */
    uint32_t looked_at;
    struct trb_error failure;
    struct listener *next;
};

static struct listener *listeners;                   /* not freed yet */

static void settle_event(struct stream_call_event *e, uint32_t verdict)
{
    struct trb_settlement s = {.size = sizeof s, .verdict = verdict};
    stream_call_settle(e, &s);
}

static void on_event(void *arg, struct stream_call_event *e)
{
    struct listener *l = arg;
    const struct trb_pubsub_event *from = e->event;
    pthread_mutex_lock(&l->lock);
    struct heard *h = &l->heard[l->count++ % 4096];
    memset(h, 0, sizeof *h);
    snprintf(h->text, sizeof h->text, "%.*s", (int)from->data.len, from->data.at);
    for (uint32_t n = 0; n < from->metadata.count; n++) {
        const struct trb_pair *p = trb_pair_at(&from->metadata, n);
        size_t len = strlen(h->metadata);
        snprintf(h->metadata + len, sizeof h->metadata - len, "%s%s=%s", n ? " " : "", p->key.at, p->value.at);
    }
    h->at_ns = clock_now_ns();
    h->event = l->verdict ? NULL : e;
    pthread_mutex_unlock(&l->lock);
    if (l->verdict)
        settle_event(e, l->verdict);
    sem_post(&l->event);
}

static void on_opened(void *arg)
{
    sem_post(&((struct listener *)arg)->opened);
}

static void on_ended(void *arg, const struct trb_error *err)
{
    struct listener *l = arg;
    l->stream = NULL;
    if (err)
        l->failure = *err;
    sem_post(&l->opened);
    sem_post(&l->ended);
}

static void open_here(void *arg)
{
    static const struct stream_call_owner owner = {.event = on_event, .ended = on_ended, .opened = on_opened};
    struct listener *l = arg;
    struct trb_pubsub_subscribe q = {.size = sizeof q, .topic = name_of(l->topic)};
    l->stream = stream_call_open(l->instance, verb("subscribe"), &q, 1000, &owner, l);
}

/* Returns when it is open, or has failed. */
static struct listener *listen_on(struct instance *i, const char *topic, uint32_t loop, uint32_t verdict)
{
    struct listener *l = mem_zero(sizeof *l);
    l->instance = i;
    l->topic = topic;
    l->loop = loop;
    l->verdict = verdict;
    sem_init(&l->opened, 0, 0);
    sem_init(&l->ended, 0, 0);
    sem_init(&l->event, 0, 0);
    pthread_mutex_init(&l->lock, NULL);
    l->next = listeners;
    listeners = l;
    loop_call(loop_at(loop), open_here, l);
    sem_wait(&l->opened);
    return l;
}

/* The next event, or NULL when none comes in time. */
static struct heard *hear(struct listener *l, uint64_t within_ns)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += (time_t)(within_ns / CLOCK_S);
    end.tv_nsec += (long)(within_ns % CLOCK_S);
    end.tv_sec += end.tv_nsec / (long)CLOCK_S;
    end.tv_nsec %= (long)CLOCK_S;
    while (sem_timedwait(&l->event, &end))
        if (errno != EINTR)
            return NULL;
    return &l->heard[l->looked_at++ % 4096];
}

struct settling {
    struct stream_call_event *event;
    uint32_t verdict;
    sem_t done;
};

static void settle_here(void *arg)
{
    struct settling *s = arg;
    settle_event(s->event, s->verdict);
    sem_post(&s->done);
}

static void settle(struct listener *l, struct heard *h, uint32_t verdict)
{
    struct settling s = {.event = h->event, .verdict = verdict};
    sem_init(&s.done, 0, 0);
    h->event = NULL;
    loop_call(loop_at(l->loop), settle_here, &s);
    sem_wait(&s.done);
}

static void close_here(void *arg)
{
    struct listener *l = arg;
    if (l->stream)
        stream_call_close(l->stream, TRB_WHY_DRAINING);
}

static void pass(void *arg)
{
    sem_post(arg);
}

/* Its loop is through with it once a letter behind the end has come. */
static struct listener *listener_free(struct listener *l)
{
    static sem_t passed;
    sem_wait(&l->ended);
    sem_init(&passed, 0, 0);
    loop_call(loop_at(l->loop), pass, &passed);
    sem_wait(&passed);
    struct listener **at = &listeners;
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    pthread_mutex_destroy(&l->lock);
    return mem_free(l);
}

static struct listener *hush(struct listener *l)
{
    loop_call(loop_at(l->loop), close_here, l);
    return listener_free(l);
}

static void hold_here(void *arg)
{
    struct listener *l = arg;
    l->verdict = TRB_HELD;
    for (uint32_t n = 0; n < 4096; n++) {
        struct stream_call_event *e = l->heard[n].event;
        l->heard[n].event = NULL;
        if (e)
            settle_event(e, TRB_HELD);
    }
}

/* What a test that failed has left open: else its component would never be quiet, and nobody would hear why. */
static void hush_all(void)
{
    while (listeners) {
        loop_call(loop_at(listeners->loop), hold_here, listeners);
        hush(listeners);
    }
}

#endif
