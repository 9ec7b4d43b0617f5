/* write: the queue of writes and the group commit of whoever leads it. */
#include "store.h"
#include <base/clock.h>
#include <base/mem.h>
#include <base/slice.h>

#define BATCH 512u

static struct trb_error *keep_error(const struct trb_error *err)
{
    return mem_copy(err, sizeof *err);
}

static trb_code simply(struct store *s, sqlite3_stmt *q, const char *what, struct trb_error *err)
{
    return sqlite_db_finish(s->writer.db, q, what, err);
}

/* ------------------------------------------------------------------- one write, in the transaction */
static trb_code apply_transaction(struct store *s, struct write *w, struct trb_error *err)
{
    trb_code code = simply(s, s->writer.mark, "cannot begin", err);
    if (code)
        return code;
    for (uint32_t n = 0; n < w->operations.count && !code; n++)
        if ((code = writer_apply(s, trb_list_at(&w->operations, n), err)))
            err->item = (int32_t)n;
    if (code && !sqlite3_get_autocommit(s->writer.db))
        simply(s, s->writer.back, "cannot go back", NULL);
    if (!sqlite3_get_autocommit(s->writer.db))
        simply(s, s->writer.unmark, "cannot go on", NULL);
    return code;
}

static void apply(struct store *s, struct write *w)
{
    struct trb_error err = {.size = sizeof err, .item = -1};
    trb_code code;
    if (!w->call)
        code = writer_sweep(s, &err);
    else if (clock_now_ns() - w->queued_ns > (uint64_t)s->timeout_ns)
        code = trb_error(&err, TRB_DEADLINE, "TIMEOUT", "the write waited longer than the component's timeout");
    else if (w->is_transaction)
        code = apply_transaction(s, w, &err);
    else
        code = writer_apply(s, &w->one, &err);
    if (code)
        w->failure = keep_error(&err);
}

/* ------------------------------------------------------------------------------------- the batch */
static void fail_rest(struct write *all, const struct trb_error *err)
{
    for (struct write *w = all; w; w = w->next)
        if (!w->failure)
            w->failure = keep_error(err);
}

/* A fault of the disk ends SQLite's transaction under us: then nothing of the batch was written. */
static trb_code apply_all(struct store *s, struct write *all, struct trb_error *err)
{
    for (struct write *w = all; w; w = w->next) {
        apply(s, w);
        if (sqlite3_get_autocommit(s->writer.db)) {
            *err = w->failure ? *w->failure : (struct trb_error){.size = sizeof *err, .code = TRB_INTERNAL};
            return err->code;
        }
    }
    return TRB_OK;
}

static void commit_all(struct store *s, struct write *all)
{
    struct trb_error err = {.size = sizeof err, .item = -1};
    trb_code code = simply(s, s->writer.begin, "cannot begin to write", &err);
    if (!code)
        code = apply_all(s, all, &err);
    if (!code)
        code = simply(s, s->writer.commit, "the write could not be made durable", &err);
    if (!code)
        return;
    if (!sqlite3_get_autocommit(s->writer.db))
        simply(s, s->writer.rollback, "cannot roll back", NULL);
    fail_rest(all, &err);
}

static void answer(struct store *s, struct write *w)
{
    if (w->call && w->failure)
        w->call->host->fail(w->call, w->failure);
    else if (w->call)
        trb_done(w->call);
    else if (w->failure)
        trb_log(s->host, s->origin, TRB_LOG_WARN, "expired items were not swept: %s", w->failure->message);
    mem_free(w->failure);
    mem_free(w);
}

static struct write *take_batch(struct store *s)
{
    uint32_t count = 1;
    pthread_mutex_lock(&s->queue_lock);
    struct write *all = s->first, *last = all;
    while (last && last->next && count++ < BATCH)
        last = last->next;
    if (last) {
        s->first = last->next;
        last->next = NULL;
        if (!s->first)
            s->last = NULL;
    }
    s->is_led = all != NULL;
    if (!all)
        pthread_cond_broadcast(&s->unled);
    pthread_mutex_unlock(&s->queue_lock);
    return all;
}

static void lead(struct store *s)
{
    for (struct write *all, *next; (all = take_batch(s));) {
        pthread_mutex_lock(&s->db_lock);
        commit_all(s, all);
        pthread_mutex_unlock(&s->db_lock);
        for (struct write *w = all; w; w = next) {
            next = w->next;
            answer(s, w);
        }
    }
}

static void enqueue(struct store *s, struct write *w)
{
    w->queued_ns = clock_now_ns();
    pthread_mutex_lock(&s->queue_lock);
    if (s->last)
        s->last->next = w;
    else
        s->first = w;
    s->last = w;
    bool leads = !s->is_led;
    s->is_led = true;
    pthread_mutex_unlock(&s->queue_lock);
    if (leads)
        lead(s);
}

/* ------------------------------------------------------------------------------------------ verbs */
static struct write *write_create(struct trb_call *call)
{
    struct write *w = mem_zero(sizeof *w);
    w->call = call;
    return w;
}

void sqlite_set(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_set *q = question;
    struct write *w = write_create(call);
    w->one = (struct trb_state_operation){.size = sizeof w->one, .kind = TRB_STATE_UPSERT, .key = q->key,
                                          .value = q->value, .etag = q->etag, .concurrency = q->concurrency,
                                          .has_ttl = q->has_ttl, .ttl_s = q->ttl_s};
    enqueue(self, w);
}

void sqlite_remove(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_delete *q = question;
    struct write *w = write_create(call);
    w->one = (struct trb_state_operation){.size = sizeof w->one, .kind = TRB_STATE_REMOVE, .key = q->key, .etag = q->etag};
    enqueue(self, w);
}

void sqlite_transact(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_transact *q = question;
    struct write *w = write_create(call);
    w->is_transaction = true;
    w->operations = q->operations;
    enqueue(self, w);
}

void write_sweep(struct store *s)
{
    enqueue(s, write_create(NULL));
}

/* The last answer may be what lets the store stop, while its leader still looks for more. */
void write_settle(struct store *s)
{
    pthread_mutex_lock(&s->queue_lock);
    while (s->is_led)
        pthread_cond_wait(&s->unled, &s->queue_lock);
    pthread_mutex_unlock(&s->queue_lock);
}
