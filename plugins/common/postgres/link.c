/* link: the life of one connection. */
#include <base/clock.h>
#include <base/mem.h>
#include <base/slice.h>
#include <postgres/link_inside.h>

#define FIRST_PAUSE_NS (100 * (int64_t)CLOCK_MS)
#define LONGEST_PAUSE_NS ((int64_t)CLOCK_S)
#define GRACE_NS (2 * CLOCK_S)          /* the server ends a statement itself, if it still can */
#define MOST_WISHES 65536u              /* of one connection */

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
static void scatter(struct pg_link *l, struct ring *orphans, bool may_wait, const struct trb_error *err)
{
    while (orphans->count) {
        struct pg_entry e = pg_queue_take(orphans);
        pg_entry_fini(&e);
        if (may_wait && !l->is_dead && e.wish.is_read && !e.wish.tries++)
            pg_queue_add(&l->waiting)->wish = e.wish;
        else
            tell(&e.wish, err);
    }
    ring_fini(orphans);
}

void pg_link_lose(struct pg_link *l, trb_code code, const char *reason, const char *sentence)
{
    struct trb_error err = {0};
    bool was_up = l->state == UP;
    trb_error(&err, code, reason, "postgresql: %s%s", sentence,
              was_up && l->sent.count ? "; what had been asked may have been carried out" : "");
    err.retryable = 1;
    l->fault = err;
    l->failures = was_up ? 0 : l->failures + 1;
    enter(l);
    struct ring sent = l->sent, waiting = l->waiting;
    l->sent = l->waiting = (struct ring){0};
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
    pg_link_lose(l, TRB_UNAVAILABLE, "CONNECTION", sentence[0] ? sentence : "the connection broke");
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
        pg_link_lose(l, TRB_UNAVAILABLE, "TIMEOUT", sentence);
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
    struct pg_turn *t = arg;
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
    pg_link_receive(l);                 /* what came before the end counts */
    if (l->conns_had == had && !l->is_dead) {
        if (!is_good || PQstatus(l->batch.conn) == CONNECTION_BAD)
            lose_as_said(l);
        else if (what & TRB_WATCH_WRITE)
            flush(l);
        if (l->conns_had == had)
            lose_if_broken(l);
    }
    if (l->conns_had == had && !l->is_dead && !l->sent.count && l->setup.config->idle_ns > 0) {
        timer_stop(l);                  /* from now on idleness counts */
        watch_answers(l);
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
    l->used_ns = l->up_ns = l->setup.host->now_ns();
    l->batch.is_unnamed = l->setup.config->is_unnamed;
    struct ring waiting = l->waiting;
    l->waiting = (struct ring){0};
    if (!l->batch.is_unnamed)           /* a pooler's sessions are not ours to set */
        say(l, &timeout);
    while (waiting.count) {
        struct pg_entry e = pg_queue_take(&waiting);
        pg_link_ask(l, &e.wish);
    }
    ring_fini(&waiting);
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
        pg_link_lose(l, TRB_UNAVAILABLE, "CONNECTION", "the loop cannot watch the socket");
}

static void on_silence(void *arg)
{
    struct pg_link *l = checked(arg, struct pg_link, LINK_MAGIC);
    pg_link_lose(l, TRB_UNAVAILABLE, "TIMEOUT", l->lookup ? "the server's name was not resolved within the timeout"
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
        pg_link_lose(l, err->code, err->reason, err->message);
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

uint64_t pg_link_waits_ns(const struct pg_link *l)
{
    const struct pg_entry *oldest = pg_queue_at(&l->sent, 0);
    return oldest ? l->setup.host->now_ns() - oldest->since_ns : 0;
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
    struct ring sent = l->sent, waiting = l->waiting;
    l->sent = l->waiting = (struct ring){0};
    hang_up(l);
    scatter(l, &sent, false, &err);
    scatter(l, &waiting, false, &err);
    leave(l);
    return NULL;
}
