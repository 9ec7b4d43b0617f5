/* link: the life of one connection. */
#include <base/check.h>
#include <base/clock.h>
#include <base/mem.h>
#include <base/slice.h>
#include <postgres/batch.h>
#include <postgres/link.h>
#include <postgres/lookup.h>
#include <postgres/queue.h>

#define LOOKING 0
#define DIALING 1
#define UP 2
#define RESTING 3
#define ASLEEP 4

#define FIRST_PAUSE_NS (100 * (int64_t)CLOCK_MS)
#define LONGEST_PAUSE_NS (5 * (int64_t)CLOCK_S)
#define GRACE_NS (2 * CLOCK_S)          /* the server ends a statement itself, if it still can */
#define MOST_WISHES 65536u              /* of one connection */

/* Owed to the host's mailbox; outlives the link, which it then no longer knows. */
struct turn {
    struct pg_link *link;
};

struct pg_link {
    uint32_t magic;
    struct pg_link_setup setup;
    const struct trb_watch_service *watches;
    const struct trb_timer_service *timers;
    const struct trb_post_service *posts;
    struct pg_batch batch;              /* the connection, and what it has prepared */
    struct trb_watch *watch;
    struct trb_timer *timer;            /* of the state: dialling, rest; answers and idleness when up */
    struct pg_lookup *lookup;
    struct turn *turn;                  /* asked for; NULL: not */
    uint32_t state, failures, depth, conns_had, want;
    bool is_dead, has_open;             /* has_open: reads were said that no sync ends yet */
    struct pg_queue sent, waiting;
    uint32_t cursor;                    /* in sent: whose results come next */
    struct trb_error fault;             /* why the last attempt failed */
    uint64_t used_ns;
};
#define LINK_MAGIC 0x50474c4bu

static void look(struct pg_link *);
static void say(struct pg_link *, const struct pg_wish *);

/* ------------------------------------------------------------------------------------- timers */
static void timer_stop(struct pg_link *l)
{
    l->timer = l->timers->cancel(l->timer);
}

static void timer_set(struct pg_link *l, int64_t after_ns, void (*fire)(void *))
{
    timer_stop(l);
    l->timer = l->timers->start(l->setup.origin, (uint64_t)after_ns, fire, l);
}

/* ------------------------------------------------------------------------------- losing it */
static void enter(struct pg_link *l)
{
    l->depth++;
}

static void leave(struct pg_link *l)
{
    if (--l->depth || !l->is_dead)
        return;
    l->magic = 0;
    mem_free(l);
}

static void tell(struct pg_wish *w, const struct trb_error *err)
{
    struct pg_answer none = {0};
    w->answered(w, &none, err);
}

static void hang_up(struct pg_link *l)
{
    l->watch = l->watches->end(l->watch);
    timer_stop(l);
    l->lookup = pg_lookup_forget(l->lookup);
    PQfinish(l->batch.conn);
    l->batch = (struct pg_batch){0};
    l->conns_had++;
    l->cursor = 0;
    l->has_open = false;
}

static void on_rested(void *arg)
{
    struct pg_link *l = checked(arg, struct pg_link, LINK_MAGIC);
    enter(l);
    timer_stop(l);
    look(l);
    leave(l);
}

static void rest(struct pg_link *l)
{
    int64_t pause = FIRST_PAUSE_NS;
    for (uint32_t i = 1; i < l->failures && pause < LONGEST_PAUSE_NS; i++)
        pause *= 2;
    l->state = RESTING;
    timer_set(l, pause < LONGEST_PAUSE_NS ? pause : LONGEST_PAUSE_NS, on_rested);
}

/* A read whose connection broke waits for the next one, once. Who cannot is told. */
static void scatter(struct pg_link *l, struct pg_queue *orphans, bool may_wait, const struct trb_error *err)
{
    while (orphans->count) {
        struct pg_entry e = pg_queue_take(orphans);
        pg_entry_fini(&e);
        if (may_wait && !l->is_dead && e.wish.is_read && !e.wish.tries++)
            pg_queue_add(&l->waiting)->wish = e.wish;
        else
            tell(&e.wish, err);
    }
    pg_queue_fini(orphans);
}

static void lose(struct pg_link *l, trb_code code, const char *reason, const char *sentence)
{
    struct trb_error err = {0};
    bool was_up = l->state == UP;
    trb_error(&err, code, reason, "postgresql: %s%s", sentence,
              was_up && l->sent.count ? "; what had been asked may have been carried out" : "");
    err.retryable = 1;
    l->fault = err;
    l->failures = was_up ? 0 : l->failures + 1;
    enter(l);
    struct pg_queue sent = l->sent, waiting = l->waiting;
    l->sent = l->waiting = (struct pg_queue){0};
    hang_up(l);
    if (was_up)
        l->state = LOOKING;
    else
        rest(l);
    scatter(l, &sent, was_up, &err);
    scatter(l, &waiting, false, &err);
    if (!l->is_dead)
        l->setup.down(l->setup.arg, &err, was_up);
    if (was_up && !l->is_dead)
        look(l);
    leave(l);
}

static void lose_as_said(struct pg_link *l)
{
    char sentence[300];
    pg_sentence(PQerrorMessage(l->batch.conn), sentence, sizeof sentence);
    lose(l, TRB_UNAVAILABLE, "CONNECTION", sentence[0] ? sentence : "the connection broke");
}

/* ------------------------------------------------------------------------- patience and idleness */
static void on_up_timer(void *arg)
{
    struct pg_link *l = checked(arg, struct pg_link, LINK_MAGIC);
    const struct pg_config *c = l->setup.config;
    struct pg_entry *oldest = pg_queue_at(&l->sent, 0);
    uint64_t limit = oldest ? (uint64_t)c->timeout_ns + GRACE_NS : (uint64_t)c->idle_ns;
    uint64_t now = l->setup.host->now_ns(), age = now - (oldest ? oldest->since_ns : l->used_ns);
    char sentence[80];
    timer_stop(l);
    if (!oldest && (c->idle_ns <= 0 || !l->setup.may_sleep))
        return;
    if (age < limit) {
        timer_set(l, (int64_t)(limit - age), on_up_timer);
        return;
    }
    if (oldest) {
        snprintf(sentence, sizeof sentence, "no answer within %llu ms (timeout)", (unsigned long long)(c->timeout_ns / (int64_t)CLOCK_MS));
        lose(l, TRB_UNAVAILABLE, "TIMEOUT", sentence);
        return;
    }
    hang_up(l);
    l->state = ASLEEP;
}

static void watch_answers(struct pg_link *l)
{
    const struct pg_config *c = l->setup.config;
    if (!l->timer && l->sent.count)
        timer_set(l, c->timeout_ns + (int64_t)GRACE_NS, on_up_timer);
    else if (!l->timer && c->idle_ns > 0 && l->setup.may_sleep)
        timer_set(l, c->idle_ns, on_up_timer);
}

/* ------------------------------------------------------------------------------------ answers */
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
    e->wish.answered(&e->wish, &e->answer, e->failure);
    pg_entry_fini(e);
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
    note(e, r);
    if (++e->got == e->commands)
        l->cursor++;
    return true;
}

static void take_all(struct pg_link *l)
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
        lose(l, TRB_UNAVAILABLE, "PROTOCOL", "an answer came that fits no question; COPY is not possible here");
}

static void take_notifications(struct pg_link *l)
{
    uint32_t had = l->conns_had;
    for (PGnotify *n; l->conns_had == had && !l->is_dead && (n = PQnotifies(l->batch.conn)); PQfreemem(n))
        if (l->setup.notified)
            l->setup.notified(l->setup.arg, n->relname, n->extra);
}

/* ---------------------------------------------------------------------------------- sending */
static void want(struct pg_link *l, uint32_t what)
{
    if (l->want != what)
        l->watches->change(l->watch, what);
    l->want = what;
}

static void flush(struct pg_link *l)
{
    int left = PQflush(l->batch.conn);
    if (left < 0)
        l->batch.is_broken = true;
    else
        want(l, TRB_WATCH_READ | (left ? TRB_WATCH_WRITE : 0));
}

static void end_transaction(struct pg_link *l)
{
    if (!PQpipelineSync(l->batch.conn))
        l->batch.is_broken = true;
    pg_queue_at(&l->sent, l->sent.count - 1)->ends = true;
    l->has_open = false;
    flush(l);
}

static void lose_if_broken(struct pg_link *l)
{
    if (l->state == UP && l->batch.is_broken)
        lose_as_said(l);
}

static void on_turn(void *arg)
{
    struct turn *t = arg;
    struct pg_link *l = t->link;
    mem_free(t);
    if (!l)
        return;
    l->turn = NULL;
    enter(l);
    if (l->state == UP && l->has_open) {
        end_transaction(l);
        lose_if_broken(l);
    }
    leave(l);
}

static void await_turn(struct pg_link *l)
{
    l->has_open = true;
    if (l->turn)
        return;
    l->turn = mem_alloc(sizeof *l->turn);
    l->turn->link = l;
    l->posts->post(l->setup.origin, on_turn, l->turn);
}

static void on_ready(void *arg, uint32_t what)
{
    struct pg_link *l = checked(arg, struct pg_link, LINK_MAGIC);
    uint32_t had = l->conns_had;
    enter(l);
    bool is_good = !(what & TRB_WATCH_READ) || PQconsumeInput(l->batch.conn);
    take_all(l);                        /* what came before the end counts */
    if (l->conns_had == had && !l->is_dead)
        take_notifications(l);
    if (l->conns_had == had && !l->is_dead) {
        if (!is_good || PQstatus(l->batch.conn) == CONNECTION_BAD)
            lose_as_said(l);
        else if (what & TRB_WATCH_WRITE)
            flush(l);
        if (l->conns_had == had)
            lose_if_broken(l);
    }
    leave(l);
}

/* ------------------------------------------------------------------------------------ dialling */
static void ignore_notice(void *arg, const PGresult *r)
{
}

static void say_timeout(struct pg_wish *w, struct pg_batch *b)
{
    const struct pg_link *l = w->self;
    char sql[80];
    snprintf(sql, sizeof sql, "SET statement_timeout = %lld", (long long)(l->setup.config->timeout_ns / (int64_t)CLOCK_MS));
    pg_say(b, &(struct pg_statement){.sql = sql}, NULL, 0);
}

static void ignore_answer(struct pg_wish *w, const struct pg_answer *a, const struct trb_error *err)
{
}

static void on_connected(struct pg_link *l)
{
    const struct pg_wish timeout = {.say = say_timeout, .answered = ignore_answer, .self = l};
    uint32_t had = l->conns_had;
    timer_stop(l);
    PQsetNoticeReceiver(l->batch.conn, ignore_notice, NULL);
    if (PQsetnonblocking(l->batch.conn, 1) || !PQenterPipelineMode(l->batch.conn)) {
        lose_as_said(l);
        return;
    }
    l->watch = l->watches->start(l->setup.origin, PQsocket(l->batch.conn), l->want = TRB_WATCH_READ, on_ready, l);
    l->state = UP;
    l->failures = 0;
    l->used_ns = l->setup.host->now_ns();
    l->batch.is_unnamed = l->setup.config->is_unnamed;
    struct pg_queue waiting = l->waiting;
    l->waiting = (struct pg_queue){0};
    if (!l->batch.is_unnamed)           /* a pooler's sessions are not ours to set */
        say(l, &timeout);
    while (waiting.count) {
        struct pg_entry e = pg_queue_take(&waiting);
        pg_link_ask(l, &e.wish);
    }
    pg_queue_fini(&waiting);
    if (l->conns_had == had && !l->is_dead) {
        watch_answers(l);
        l->setup.up(l->setup.arg);
    }
}

static void dial_on(struct pg_link *l, PostgresPollingStatusType);

static void on_dialing(void *arg, uint32_t what)
{
    struct pg_link *l = checked(arg, struct pg_link, LINK_MAGIC);
    enter(l);
    l->watch = l->watches->end(l->watch);       /* the next step may be another socket */
    dial_on(l, PQconnectPoll(l->batch.conn));
    leave(l);
}

static void dial_on(struct pg_link *l, PostgresPollingStatusType status)
{
    uint32_t what = status == PGRES_POLLING_READING ? TRB_WATCH_READ : TRB_WATCH_WRITE;
    if (status == PGRES_POLLING_OK)
        on_connected(l);
    else if (status == PGRES_POLLING_FAILED)
        lose_as_said(l);
    else if (!(l->watch = l->watches->start(l->setup.origin, PQsocket(l->batch.conn), what, on_dialing, l)))
        lose(l, TRB_UNAVAILABLE, "CONNECTION", "the loop cannot watch the socket");
}

static void on_silence(void *arg)
{
    struct pg_link *l = checked(arg, struct pg_link, LINK_MAGIC);
    lose(l, TRB_UNAVAILABLE, "TIMEOUT", l->lookup ? "the server's name was not resolved within the timeout"
                                                  : "no connection within the timeout");
}

/* Also a failure at once is told from the timer: nobody is told inside what he asked. */
static void on_refused(void *arg)
{
    struct pg_link *l = checked(arg, struct pg_link, LINK_MAGIC);
    enter(l);
    timer_stop(l);
    lose_as_said(l);
    leave(l);
}

static void dial(struct pg_link *l, const struct pg_target *t)
{
    const char *names[PG_TARGET_WORDS + 1], *values[PG_TARGET_WORDS + 1];
    uint32_t n = 0;
    for (; n < t->count; n++) {
        names[n] = t->names[n];
        values[n] = t->values[n];
    }
    names[n] = values[n] = NULL;
    l->state = DIALING;
    l->batch.conn = PQconnectStartParams(names, values, 0);
    if (PQstatus(l->batch.conn) == CONNECTION_BAD)
        timer_set(l, 0, on_refused);
    else
        dial_on(l, PGRES_POLLING_WRITING);
}

static void on_found(void *arg, const struct pg_target *found, const struct trb_error *err)
{
    struct pg_link *l = checked(arg, struct pg_link, LINK_MAGIC);
    enter(l);
    if (found)
        dial(l, found);
    else
        lose(l, err->code, err->reason, err->message);
    if (!l->is_dead)
        l->lookup = pg_lookup_forget(l->lookup);
    leave(l);
}

static void look(struct pg_link *l)
{
    const struct pg_target *t = &l->setup.config->target;
    l->state = LOOKING;
    timer_set(l, l->setup.config->timeout_ns, on_silence);
    if (!pg_lookup_is_needed(t))
        dial(l, t);
    else if (!(l->lookup = pg_lookup_begin(l->setup.host, l->setup.origin, t, on_found, l)))
        timer_set(l, 0, on_silence);
}

/* ------------------------------------------------------------------------------------- asking */
static void refuse(const struct pg_wish *wish, const struct trb_error *err)
{
    struct pg_wish w = *wish;
    tell(&w, err);
}

static void say(struct pg_link *l, const struct pg_wish *wish)
{
    if (l->has_open && !wish->is_read)
        end_transaction(l);
    struct pg_entry *e = pg_queue_add(&l->sent);
    e->wish = *wish;
    e->since_ns = l->used_ns = l->setup.host->now_ns();
    l->batch.entry = e;
    e->wish.say(&e->wish, &l->batch);
    check(e->commands);
    if (wish->is_read)
        await_turn(l);
    else
        end_transaction(l);
    watch_answers(l);
}

void pg_link_ask(struct pg_link *l, const struct pg_wish *wish)
{
    if (l->is_dead || l->state == RESTING || (l->state != UP && l->state != ASLEEP && l->failures)) {
        refuse(wish, &l->fault);
        return;
    }
    if (l->sent.count + l->waiting.count >= MOST_WISHES) {
        struct trb_error err = {0};
        trb_error(&err, TRB_EXHAUSTED, "TOO_MUCH_WAITS", "postgresql: %u operations wait already", MOST_WISHES);
        err.retryable = 1;
        refuse(wish, &err);
        return;
    }
    if (l->state != UP) {
        pg_queue_add(&l->waiting)->wish = *wish;
        if (l->state == ASLEEP)
            look(l);
        return;
    }
    enter(l);
    say(l, wish);
    lose_if_broken(l);
    leave(l);
}

bool pg_link_is_up(const struct pg_link *l)
{
    return l && l->state == UP;
}

uint32_t pg_link_in_flight(const struct pg_link *l)
{
    return l->sent.count + l->waiting.count;
}

struct pg_link *pg_link_create(const struct pg_link_setup *setup)
{
    struct pg_link *l = mem_zero(sizeof *l);
    l->magic = LINK_MAGIC;
    l->setup = *setup;
    l->watches = setup->host->extension(TRB_WATCH);
    l->timers = setup->host->extension(TRB_TIMER);
    l->posts = setup->host->extension(TRB_POST);
    look(l);
    return l;
}

void pg_link_forget(struct pg_link *l)
{
    if (!l)
        return;
    l->watch = NULL;
    l->timer = NULL;
}

struct pg_link *pg_link_destroy(struct pg_link *l)
{
    struct trb_error err = {0};
    if (!l)
        return NULL;
    check(l->magic == LINK_MAGIC && !l->is_dead);
    trb_error(&err, TRB_UNAVAILABLE, "CLOSED", "postgresql: the connection is closing");
    enter(l);
    l->is_dead = true;
    l->fault = err;
    if (l->turn)
        l->turn->link = NULL;
    struct pg_queue sent = l->sent, waiting = l->waiting;
    l->sent = l->waiting = (struct pg_queue){0};
    hang_up(l);
    scatter(l, &sent, false, &err);
    scatter(l, &waiting, false, &err);
    leave(l);
    return NULL;
}
