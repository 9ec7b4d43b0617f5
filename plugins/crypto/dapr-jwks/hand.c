/* hand: one thread, one queue. Questions stay readable until they are answered, so a job is a few pointers. */
#include "hand.h"
#include <pthread.h>
#include <signal.h>

struct job {
    struct job *next;
    hand_verb *verb;
    struct trb_call *call;
    const void *question;
    struct crypto_key *key;
};

struct hand {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct job *first, **last;
    bool runs, ends;
};

static struct crypto_key *given(void *self, struct trb_name name, struct trb_error *err)
{
    return crypto_key_ref(self);
}

static struct job *next(struct hand *h)
{
    pthread_mutex_lock(&h->lock);
    while (!h->first && !h->ends)
        pthread_cond_wait(&h->changed, &h->lock);
    struct job *j = h->first;
    if (j && !(h->first = j->next))
        h->last = &h->first;
    pthread_mutex_unlock(&h->lock);
    return j;
}

static void *work(void *arg)
{
    struct job *j;
    while ((j = next(arg))) {
        j->verb(&(struct crypto_local){j->key, given}, j->call, j->question);
        crypto_key_unref(j->key);
        mem_free(j);
    }
    return NULL;
}

struct hand *hand_create(void)
{
    struct hand *h = mem_zero(sizeof *h);
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->changed, NULL);
    h->last = &h->first;
    return h;
}

struct hand *hand_destroy(struct hand *h)
{
    if (!h)
        return NULL;
    pthread_mutex_lock(&h->lock);
    h->ends = true;
    pthread_cond_signal(&h->changed);
    pthread_mutex_unlock(&h->lock);
    if (h->runs)
        pthread_join(h->thread, NULL);
    pthread_cond_destroy(&h->changed);
    pthread_mutex_destroy(&h->lock);
    return mem_free(h);
}

/* Signals are the host's. */
static bool begin(struct hand *h)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    h->runs = h->runs || !pthread_create(&h->thread, NULL, work, h);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return h->runs;
}

bool hand_give(struct hand *h, hand_verb *verb, struct trb_call *call, const void *question, struct crypto_key *key)
{
    if (!h->runs && !begin(h))
        return false;
    struct job *j = mem_zero(sizeof *j);
    *j = (struct job){NULL, verb, call, question, key};
    pthread_mutex_lock(&h->lock);
    *h->last = j;
    h->last = &j->next;
    pthread_cond_signal(&h->changed);
    pthread_mutex_unlock(&h->lock);
    return true;
}
