/* pubsub.shouting: subscriptions that emit as they like. Only tests load it.
 *
 * A subscription's topic says how: "good" keeps the law (what is published to "say" arrives), the others
 * break it: emit before opened, without credit, after the end, opened twice, ended at once. What is published to
 * "silent" is never answered. */
#include <pthread.h>
#include <stdlib.h>
#include <trilby/pubsub.h>

#define MAX_STREAMS 64u

struct shouting {
    pthread_mutex_t lock;
    struct stream {
        struct trb_call *call;
        uint32_t credit, waiting;              /* messages that wait for credit */
    } streams[MAX_STREAMS];
    uint32_t settled[5], resumed;
};

static uint32_t emit(struct trb_call *call, const char *text)
{
    struct trb_pubsub_event e = {.size = sizeof e, .topic = {"good", 4}, .data = {text, strlen(text), NULL}};
    return call->host->emit(call, &e, sizeof e, call);
}

static struct stream *find(struct shouting *s, const struct trb_call *call)
{
    for (uint32_t i = 0; i < MAX_STREAMS; i++)
        if (s->streams[i].call == call)
            return &s->streams[i];
    return NULL;
}

static void flush(struct stream *st)
{
    while (st->waiting && st->credit) {
        st->waiting--;
        st->credit = emit(st->call, "message");
    }
}

static void subscribe(void *self, struct trb_call *call, const void *question)
{
    const struct trb_pubsub_subscribe *q = question;
    struct shouting *s = self;
    const struct trb_host *host = call->host;
    if (!strcmp(q->topic.at, "before-opened")) {
        emit(call, "early");
        host->opened(call);
        trb_done(call);
    } else if (!strcmp(q->topic.at, "opened-twice")) {
        host->opened(call);
        host->opened(call);
        trb_done(call);
    } else if (!strcmp(q->topic.at, "after-done")) {
        host->opened(call);
        trb_done(call);
        emit(call, "too late");
        host->opened(call);
    } else if (!strcmp(q->topic.at, "without-credit")) {
        host->opened(call);
        for (uint32_t i = 0; i < 100; i++)
            emit(call, "shout");
        trb_done(call);
    } else if (!strcmp(q->topic.at, "fails")) {
        trb_fail(call, TRB_UNAVAILABLE, "NO_BROKER", "there is no broker");
    } else {
        pthread_mutex_lock(&s->lock);
        *find(s, NULL) = (struct stream){.call = call, .credit = 1};
        pthread_mutex_unlock(&s->lock);
        host->opened(call);
    }
}

static void publish(void *self, struct trb_call *call, const void *question)
{
    const struct trb_pubsub_publish *q = question;
    struct shouting *s = self;
    if (!strcmp(q->topic.at, "silent"))
        return;
    pthread_mutex_lock(&s->lock);
    for (uint32_t i = 0; i < MAX_STREAMS; i++)
        if (s->streams[i].call) {
            s->streams[i].waiting++;
            flush(&s->streams[i]);
        }
    pthread_mutex_unlock(&s->lock);
    trb_done(call);
}

static void resume(void *self, struct trb_call *call)
{
    struct shouting *s = self;
    pthread_mutex_lock(&s->lock);
    struct stream *st = find(s, call);
    s->resumed++;
    if (st) {
        st->credit = 1;
        flush(st);
    }
    pthread_mutex_unlock(&s->lock);
}

static void settle(void *self, void *cookie, const struct trb_settlement *how)
{
    struct shouting *s = self;
    pthread_mutex_lock(&s->lock);
    s->settled[how->verdict <= TRB_HELD ? how->verdict : 0]++;
    pthread_mutex_unlock(&s->lock);
}

static void cancel(void *self, struct trb_call *call, uint32_t why)
{
    struct shouting *s = self;
    pthread_mutex_lock(&s->lock);
    struct stream *st = find(s, call);
    if (st)
        *st = (struct stream){0};
    pthread_mutex_unlock(&s->lock);
    trb_done(call);                            /* a stream that ends, or a silent publish */
}

static void start(void *self, struct trb_call *call, const void *setup)
{
    pthread_mutex_init(&((struct shouting *)self)->lock, NULL);
    trb_done(call);
}

static void stop(void *self, struct trb_call *call, const void *unused)
{
    pthread_mutex_destroy(&((struct shouting *)self)->lock);
    trb_done(call);
}

static const struct trb_pubsub_ops ops = {.size = sizeof ops, .publish = publish, .subscribe = subscribe};
static const struct trb_component shouting = {
    .size = sizeof shouting, .block = "pubsub", .type = "pubsub.shouting", .version = "v1",
    .summary = "Subscriptions that shout.", .run = TRB_ANYWHERE, .max_parallel = 4, .self_size = sizeof(struct shouting),
    .ops = &ops, .start = start, .stop = stop, .cancel = cancel, .resume = resume, .settle = settle,
};
TRB_PLUGIN_FLAGS(0, "shouting", "1.0.0", "Apache-2.0", &shouting);
