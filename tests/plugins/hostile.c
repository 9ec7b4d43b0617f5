/* state.hostile: a store that breaks the law of answers, one way per option. Only tests load it.
 *
 * get answers the key as the value, and then misbehaves as it was told to; "how" is also taken from
 * the question's metadata, so that one instance can be good to some and bad to others. */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <trilby/services.h>
#include <trilby/state.h>
#include <unistd.h>

#define GOOD 0u
#define TWICE 1u
#define NEVER 2u
#define THREAD 3u
#define THREAD_TWICE 4u
#define FAIL_AFTER_DONE 5u
#define ITEM_AFTER_DONE 6u
#define SHORT_ANSWER 7u
#define LONG_ANSWER 8u
#define NO_ERROR 9u
#define BAD_ERROR 10u
#define ODD_ITEMS 11u
#define AFTER_CANCEL 12u
#define TWO_THREADS 13u
#define LATE_AGAIN 14u
#define LINGER 15u

#define MAX_KEPT 8192u

struct hostile {
    uint32_t how, fail_start;
    pthread_mutex_t lock;
    struct trb_call *kept[MAX_KEPT];           /* never answered, or to be answered again */
    uint32_t kept_count;
    pthread_t threads[256];
    uint32_t thread_count;
    pthread_cond_t released;
    bool is_released;
};

static const char hows[] = "good|twice|never|thread|thread-twice|fail-after-done|item-after-done|short-answer|"
                           "long-answer|no-error|bad-error|odd-items|after-cancel|two-threads|late-again|linger";

static const struct trb_option options[] = {
    TRB_CHOICE(struct hostile, how, "how", .choices = hows, .fallback = "good", .doc = "Which law to break."),
    TRB_BOOL(struct hostile, fail_start, "failStart", .fallback = "false", .doc = "Fail to start."),
};

static void answer(struct trb_call *call, const char *text)
{
    struct trb_state_item item = {.size = sizeof item, .value = {text, strlen(text), NULL}, .etag = {"1", 1}};
    call->host->done(call, &item, sizeof item);
}

/* ----------------------------------------------------------------------------- on other threads */
struct job {
    struct trb_call *call;
    uint32_t times;
    char text[64];
};

static void *on_thread(void *arg)
{
    struct job *j = arg;
    for (uint32_t i = 0; i < j->times; i++)
        answer(j->call, j->text);
    free(j);
    return NULL;
}

static void answer_elsewhere(struct hostile *h, struct trb_call *call, const char *text, uint32_t times)
{
    struct job *j = calloc(1, sizeof *j);
    *j = (struct job){.call = call, .times = times};
    snprintf(j->text, sizeof j->text, "%s", text);
    pthread_mutex_lock(&h->lock);
    if (h->thread_count < sizeof h->threads / sizeof h->threads[0] &&
        !pthread_create(&h->threads[h->thread_count], NULL, on_thread, j))
        h->thread_count++;
    else
        on_thread(j);
    pthread_mutex_unlock(&h->lock);
}

static void keep(struct hostile *h, struct trb_call *call)
{
    pthread_mutex_lock(&h->lock);
    if (h->kept_count < MAX_KEPT)
        h->kept[h->kept_count++] = call;
    pthread_mutex_unlock(&h->lock);
}

static void answer_kept(struct hostile *h)
{
    static const size_t whole = sizeof h->kept;
    struct trb_call **all = malloc(whole);
    pthread_mutex_lock(&h->lock);
    uint32_t count = h->kept_count;
    memcpy(all, h->kept, whole);
    h->kept_count = 0;
    pthread_mutex_unlock(&h->lock);
    for (uint32_t i = 0; i < count; i++)
        answer(all[i], "late");
    free(all);
}

/* For workers: a verb whose function is still there when its answer has left. */
static void linger(struct hostile *h, struct trb_call *call, const char *text)
{
    answer(call, text);
    pthread_mutex_lock(&h->lock);
    while (!h->is_released)
        pthread_cond_wait(&h->released, &h->lock);
    pthread_mutex_unlock(&h->lock);
}

static void let_go(struct hostile *h)
{
    pthread_mutex_lock(&h->lock);
    h->is_released = true;
    pthread_cond_broadcast(&h->released);
    pthread_mutex_unlock(&h->lock);
}

/* --------------------------------------------------------------------------------- misbehaving */
static void cut(struct trb_call *call, const char *text, size_t size)
{
    struct {
        struct trb_state_item item;
        char more[64];
    } whole = {.item = {.size = (uint32_t)size, .value = {text, strlen(text), NULL}}};
    memset(whole.more, 0x5A, sizeof whole.more);
    call->host->done(call, &whole, size);
}

static void odd_items(struct trb_call *call)
{
    struct trb_state_item item = {.size = sizeof item, .value = {"item", 4, NULL}};
    call->host->item(call, 3, &item, sizeof item, NULL);
    call->host->item(call, 3, &item, sizeof item, NULL);
    call->host->item(call, 0xFFFFFFFFu, &item, sizeof item, NULL);
    trb_done(call);
}

static void misbehave(struct hostile *h, uint32_t how, struct trb_call *call, const char *text)
{
    struct trb_error err = {.size = sizeof err, .item = -1};
    const struct trb_host *host = call->host;
    char kept[64];
    switch (how) {
    case TWICE: answer(call, text); answer(call, "second"); break;
    case NEVER: case AFTER_CANCEL: keep(h, call); break;
    case LATE_AGAIN: answer(call, text); keep(h, call); break;
    case LINGER: linger(h, call, text); break;
    case THREAD: answer_elsewhere(h, call, text, 1); break;
    case THREAD_TWICE: answer_elsewhere(h, call, text, 2); break;
    case TWO_THREADS:
        snprintf(kept, sizeof kept, "%s", text);
        answer_elsewhere(h, call, kept, 1);
        answer_elsewhere(h, call, kept, 1);
        break;
    case FAIL_AFTER_DONE: answer(call, text); err.code = TRB_INTERNAL; host->fail(call, &err); break;
    case ITEM_AFTER_DONE: answer(call, text); host->item(call, 0, NULL, 0, NULL); break;
    case SHORT_ANSWER: cut(call, text, offsetof(struct trb_state_item, etag)); break;
    case LONG_ANSWER: cut(call, text, sizeof(struct trb_state_item) + 64); break;
    case NO_ERROR: host->fail(call, NULL); break;
    case BAD_ERROR:
        memset(&err, 'x', sizeof err);
        err.size = sizeof err, err.code = 4711, err.text = NULL, err.details = NULL;
        host->fail(call, &err);
        break;
    case ODD_ITEMS: odd_items(call); break;
    default: answer(call, text);
    }
}

static uint32_t how_of(const struct hostile *h, const struct trb_pairs *metadata)
{
    struct trb_name word = trb_pair_get(metadata, "how");
    const char *at = hows;
    for (uint32_t i = 0; word.at; i++) {
        size_t len = strcspn(at, "|");
        if (len == word.len && !memcmp(at, word.at, len))
            return i;
        if (!at[len])
            break;
        at += len + 1;
    }
    return h->how;
}

static void get(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_get *q = question;
    misbehave(self, how_of(self, &q->metadata), call, q->key.at);
}

/* set "release" answers, or answers again, all that was kept, and lets go what lingers. */
static void set(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_set *q = question;
    if (!strcmp(q->key.at, "release")) {
        answer_kept(self);
        let_go(self);
    }
    trb_done(call);
}

static void cancel(void *self, struct trb_call *call, uint32_t why)
{
    struct hostile *h = self;
    if (h->how == AFTER_CANCEL)
        answer(call, "cancelled");
}

static void start(void *self, struct trb_call *call, const void *setup)
{
    struct hostile *h = self;
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->released, NULL);
    if (h->fail_start)
        trb_fail(call, TRB_UNAVAILABLE, "NO_LUCK", "it was told to fail");
    else if (!call->host->deadline_ns(call))
        trb_fail(call, TRB_INTERNAL, "NO_DEADLINE", "a start has to know until when it may try");
    else
        trb_done(call);
}

static void stop(void *self, struct trb_call *call, const void *unused)
{
    struct hostile *h = self;
    for (uint32_t i = 0; i < h->thread_count; i++)
        pthread_join(h->threads[i], NULL);
    pthread_cond_destroy(&h->released);
    pthread_mutex_destroy(&h->lock);
    trb_done(call);
}

#ifndef HOSTILE_RUN
#define HOSTILE_RUN TRB_ANYWHERE
#endif
#ifndef HOSTILE_TYPE
#define HOSTILE_TYPE "state.hostile"
#endif

static const struct trb_state_ops ops = {.size = sizeof ops, .get = get, .set = set, .remove = set};
static const struct trb_component hostile = {
    .size = sizeof hostile, .block = "state", .type = HOSTILE_TYPE, .version = "v1",
    .summary = "A store that breaks the law.", .run = HOSTILE_RUN, .max_parallel = 4, TRB_SELF(struct hostile, options),
    .ops = &ops, .start = start, .stop = stop, .cancel = cancel,
};
TRB_PLUGIN_FLAGS(0, "hostile", "1.0.0", "Apache-2.0", &hostile);
