/* receive: results become answers, in the order of the questions. A wish is answered when the sync behind it has
 * come, for only then has the server committed. */
#include <base/clock.h>
#include <base/mem.h>
#include <postgres/link_inside.h>

#define REPLICA_PATIENCE_NS CLOCK_S     /* a server that became a replica: its name may lead elsewhere by now */

/* Whoever shares a transaction with a failure was undone with it, or never looked at. */
static bool group_has_failed(struct pg_link *l)
{
    bool has_failed = false;
    struct pg_entry *e;
    for (uint32_t i = 0; (e = pg_queue_at(&l->sent, i)); i++) {
        has_failed = has_failed || e->failure || e->is_skipped;
        if (e->ends)
            break;
    }
    for (uint32_t i = 0; has_failed && (e = pg_queue_at(&l->sent, i)); i++) {
        l->batch.prepared &= ~e->prepared;
        if (e->ends)
            break;
    }
    return has_failed;
}

static bool is_forgotten_statement(const struct pg_entry *e)
{
    return e->failure && !strcmp(e->answer.state, "26000");
}

static void settle(struct pg_link *l, struct pg_entry *e, bool has_failed)
{
    if ((has_failed && !e->failure) || (is_forgotten_statement(e) && e->wish.tries < 2)) {
        struct pg_wish again = e->wish;
        pg_entry_fini(e);
        again.tries++;
        again.is_read = false;          /* alone this time */
        pg_link_ask(l, &again);
        return;
    }
    bool is_replica = e->failure && !strcmp(e->answer.state, "25006");
    uint32_t had = l->conns_had;
    e->wish.answered(&e->wish, &e->answer, e->failure);
    pg_entry_fini(e);
    if (is_replica && !l->is_dead && l->conns_had == had && l->setup.host->now_ns() - l->up_ns > REPLICA_PATIENCE_NS)
        pg_link_lose(l, TRB_UNAVAILABLE, "READONLY", "the server is read-only now");
}

static void settle_group(struct pg_link *l)
{
    bool has_failed = group_has_failed(l), is_last = false;
    uint32_t had = l->conns_had;
    while (!is_last && !l->is_dead && l->conns_had == had && l->sent.count) {
        struct pg_entry e = pg_queue_take(&l->sent);
        l->cursor -= l->cursor ? 1 : 0;
        is_last = e.ends;
        settle(l, &e, has_failed);
    }
}

static void note_failure(struct pg_entry *e, const PGresult *r)
{
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    if (e->failure)
        return;
    e->failure = mem_zero(sizeof *e->failure);
    pg_error_read(r, e->failure);
    e->answer.failed_at = e->done;
    snprintf(e->answer.state, sizeof e->answer.state, "%s", state ? state : "");
}

static void note(struct pg_entry *e, PGresult *r)
{
    ExecStatusType status = PQresultStatus(r);
    if (status == PGRES_PIPELINE_ABORTED)
        e->is_skipped = true;
    else if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        note_failure(e, r);
    else if (status == PGRES_TUPLES_OK || *PQcmdStatus(r)) {    /* a preparation has no word */
        PQclear(e->answer.result);
        e->answer.result = r;
        e->done++;
        return;
    }
    PQclear(r);
}

/* What is said next, by whomever, would wait in it for a commit that nobody says. */
static bool opens_transaction(const PGresult *r)
{
    const char *word = PQcmdStatus((PGresult *)(uintptr_t)r);
    return !strcmp(word, "BEGIN") || !strcmp(word, "START TRANSACTION");
}

/* False: the connection is of no use any more. */
static bool take(struct pg_link *l, PGresult *r)
{
    ExecStatusType status = PQresultStatus(r);
    struct pg_entry *before = l->cursor ? pg_queue_at(&l->sent, l->cursor - 1) : NULL, *e = pg_queue_at(&l->sent, l->cursor);
    if (status == PGRES_PIPELINE_SYNC) {
        PQclear(r);
        settle_group(l);
        return true;
    }
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
        PQclear(r);
        return false;
    }
    if (before && before->ends) {       /* the end of a transaction itself may fail */
        note_failure(before, r);
        PQclear(r);
        return true;
    }
    if (!e) {
        PQclear(r);
        return false;
    }
    if (opens_transaction(r)) {
        PQclear(r);
        pg_link_lose(l, TRB_UNAVAILABLE, "OPEN_TRANSACTION", "a statement has opened a transaction, which no single statement can end");
        return true;
    }
    note(e, r);
    if (++e->got == e->commands)
        l->cursor++;
    return true;
}

static void take_results(struct pg_link *l)
{
    uint32_t had = l->conns_had;
    bool was_null = false, is_good = true;
    while (is_good && l->conns_had == had && !l->is_dead && l->sent.count && !PQisBusy(l->batch.conn)) {
        PGresult *r = PQgetResult(l->batch.conn);
        if (!r && was_null)
            break;
        was_null = !r;
        is_good = !r || take(l, r);
    }
    if (!is_good && l->conns_had == had && !l->is_dead)
        pg_link_lose(l, TRB_UNAVAILABLE, "PROTOCOL", "an answer came that fits no question; COPY is not possible here");
}

static void take_notifications(struct pg_link *l)
{
    uint32_t had = l->conns_had;
    for (PGnotify *n; l->conns_had == had && !l->is_dead && (n = PQnotifies(l->batch.conn)); PQfreemem(n))
        if (l->setup.notified)
            l->setup.notified(l->setup.arg, n->relname, n->extra);
}

void pg_link_receive(struct pg_link *l)
{
    uint32_t had = l->conns_had;
    take_results(l);
    if (l->conns_had == had && !l->is_dead)
        take_notifications(l);
}
