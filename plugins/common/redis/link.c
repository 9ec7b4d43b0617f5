/* link: the life of one connection. */
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <base/text.h>
#include <redis/link.h>
#include <redis/queue.h>

#define DIALING 0
#define GREETING 1
#define UP 2
#define RESTING 3

#define LARGE 16384u                    /* from here a value with an owner is referenced, not copied */
#define MAX_WAITING (64u << 20)         /* bytes kept for a connection that is being dialled */
#define REPLICA_PATIENCE_NS 1000000000ull   /* a master that became a replica: its name may lead elsewhere by now */
#define READ_LIMIT (1u << 30)           /* one answer, whole: two of the largest strings */
#define QUICK_NS 1000000000ull          /* an attempt that failed sooner is worth being repeated for whoever asks */

struct redis_link {
    uint32_t magic;
    struct redis_link_setup setup;
    const struct trb_stream_service *streams;
    const struct trb_timer_service *timers;
    struct redis_address address;
    struct trb_stream *stream;
    struct trb_timer *timer;            /* of the state: greeting, rest; answers when up */
    uint32_t state, failures, greetings, depth, streams_had;
    bool is_dead;
    bool is_quick, may_wake;            /* the last attempt failed at once, undenied; has rested enough for whoever asks */
    struct redis_queue asked;           /* up: sent; else: waiting */
    struct text waiting;                /* their bytes */
    struct resp_reader reader;
    struct trb_error fault;             /* why the last attempt failed */
    uint64_t up_ns, dialled_ns;         /* since when it is up; when the last attempt began */
    int64_t rest_ns;                    /* what is left of the rest when it may be woken */
};
#define LINK_MAGIC 0x4c494e4bu

static void dial(struct redis_link *);

/* ------------------------------------------------------------------------------------- timers */
static void timer_stop(struct redis_link *l)
{
    l->timer = l->timers->cancel(l->timer);
}

static void timer_set(struct redis_link *l, int64_t after_ns, void (*fire)(void *))
{
    timer_stop(l);
    l->timer = l->timers->start(l->setup.origin, (uint64_t)after_ns, fire, l);
}

/* ------------------------------------------------------------------------------- losing it */
static void enter(struct redis_link *l)
{
    l->depth++;
}

static void leave(struct redis_link *l)
{
    if (--l->depth || !l->is_dead)
        return;
    text_fini(&l->waiting);
    resp_fini(&l->reader);
    l->magic = 0;
    mem_free(l);
}

static void tell_all(struct redis_queue *q, const struct trb_error *err)
{
    while (q->count) {
        struct redis_entry e = redis_queue_take(q);
        e.wish.answered(&e.wish, NULL, err);
    }
    redis_queue_fini(q);
}

static struct redis_queue hang_up(struct redis_link *l)
{
    struct redis_queue orphans = l->asked;
    l->asked = (struct redis_queue){0};
    l->stream = l->streams->destroy(l->stream);
    l->streams_had++;
    timer_stop(l);
    text_clear(&l->waiting);
    l->reader.need = 0;
    return orphans;
}

static void on_rested(void *arg)
{
    struct redis_link *l = checked(arg, struct redis_link, LINK_MAGIC);
    enter(l);
    timer_stop(l);
    dial(l);
    leave(l);
}

static void on_wakeable(void *arg)
{
    struct redis_link *l = checked(arg, struct redis_link, LINK_MAGIC);
    l->may_wake = l->is_quick;
    timer_set(l, l->rest_ns, on_rested);
}

static void rest(struct redis_link *l)
{
    int64_t pause = l->setup.config->min_retry_ns;
    for (uint32_t i = 1; i < l->failures && pause < l->setup.config->max_retry_ns; i++)
        pause *= 2;
    if (pause > l->setup.config->max_retry_ns)
        pause = l->setup.config->max_retry_ns;
    l->state = RESTING;
    l->may_wake = false;
    l->rest_ns = pause - l->setup.config->min_retry_ns;
    timer_set(l, l->setup.config->min_retry_ns, l->rest_ns ? on_wakeable : on_rested);
}

static void lose(struct redis_link *l, trb_code code, const char *reason, const char *sentence)
{
    struct trb_error err = {0};
    bool was_up = l->state == UP;
    trb_error(&err, code, reason, "redis %s: %s%s", l->address.host, sentence,
              was_up && l->asked.count ? "; what had been asked may have been carried out" : "");
    err.retryable = 1;
    l->fault = err;
    l->failures = was_up ? 0 : l->failures + 1;
    l->is_quick = code == TRB_UNAVAILABLE && l->setup.host->now_ns() - l->dialled_ns < QUICK_NS;
    enter(l);
    struct redis_queue orphans = hang_up(l);
    if (was_up)
        l->state = DIALING;
    else
        rest(l);
    tell_all(&orphans, &err);
    if (!l->is_dead)
        l->setup.down(l->setup.arg, &err, was_up);
    if (was_up && !l->is_dead)
        dial(l);
    leave(l);
}

void redis_link_lost(struct redis_link *l, const struct trb_error *err)
{
    lose(l, err->code, err->reason, err->message);
}

/* ------------------------------------------------------------------------------------ answers */
static void on_answer_timeout(void *arg)
{
    struct redis_link *l = checked(arg, struct redis_link, LINK_MAGIC);
    struct redis_entry *oldest = redis_queue_first(&l->asked);
    timer_stop(l);
    if (!oldest)
        return;
    uint64_t age = l->setup.host->now_ns() - oldest->since_ns, limit = (uint64_t)l->setup.read_timeout_ns;
    if (age < limit) {
        timer_set(l, (int64_t)(limit - age), on_answer_timeout);
        return;
    }
    char sentence[80];
    snprintf(sentence, sizeof sentence, "no answer within %llu ms (readTimeout)", (unsigned long long)(limit / REDIS_MS));
    lose(l, TRB_UNAVAILABLE, "TIMEOUT", sentence);
}

static void watch_answers(struct redis_link *l)
{
    if (!l->timer && l->setup.read_timeout_ns > 0)
        timer_set(l, l->setup.read_timeout_ns, on_answer_timeout);
}

static void on_greeted(struct redis_link *l, const struct resp *reply)
{
    if (resp_is(reply, RESP_ERROR)) {
        struct trb_slice said = slice_cut(reply->text, 300);
        char sentence[400];
        snprintf(sentence, sizeof sentence, "refused the connection: %.*s", SLICE_ARG(said));
        bool denied = resp_error_is(reply, "WRONGPASS") || resp_error_is(reply, "NOAUTH") || resp_error_is(reply, "NOPERM");
        lose(l, denied ? TRB_UNAUTHENTICATED : TRB_UNAVAILABLE, "REFUSED", sentence);
        return;
    }
    if (--l->greetings)
        return;
    uint64_t now = l->setup.host->now_ns();
    l->state = UP;
    l->up_ns = now;
    l->failures = 0;
    timer_stop(l);
    for (uint32_t i = 0; i < l->asked.count; i++)
        l->asked.entries[(l->asked.first + i) & (l->asked.room - 1)].since_ns = now;
    if (l->asked.count) {
        l->streams->write(l->stream, text_slice(&l->waiting));
        watch_answers(l);
    }
    text_fini(&l->waiting);
    l->setup.up(l->setup.arg);
}

static bool is_push(const struct resp *reply)
{
    const struct resp *kind = resp_at(reply, 0);
    return resp_is(kind, RESP_STRING) &&
           (slice_is(kind->text, SLICE("message")) || slice_is(kind->text, SLICE("pmessage")));
}

static void on_reply(struct redis_link *l, const struct resp *reply)
{
    if (l->state == GREETING) {
        on_greeted(l, reply);
        return;
    }
    if (l->setup.push && is_push(reply)) {
        l->setup.push(l->setup.arg, reply);
        return;
    }
    if (!l->asked.count) {
        lose(l, TRB_UNAVAILABLE, "PROTOCOL", "an answer came that nobody had asked for");
        return;
    }
    struct redis_entry e = redis_queue_take(&l->asked);
    bool is_replica = resp_error_is(reply, "READONLY");
    uint32_t had = l->streams_had;
    e.wish.answered(&e.wish, reply, NULL);
    if (is_replica && l->streams_had == had && l->setup.host->now_ns() - l->up_ns > REPLICA_PATIENCE_NS)
        lose(l, TRB_UNAVAILABLE, "READONLY", "the server is a read-only replica now");
}

static void on_readable(void *arg)
{
    struct redis_link *l = checked(arg, struct redis_link, LINK_MAGIC);
    uint32_t had = l->streams_had;
    int64_t len = RESP_MORE;
    enter(l);
    while (l->streams_had == had && (len = resp_read(&l->reader, l->streams->bytes(l->stream))) > 0) {
        on_reply(l, l->reader.nodes);
        if (l->streams_had == had)
            l->streams->consume(l->stream, (size_t)len);
    }
    if (len == RESP_BROKEN && l->streams_had == had)
        lose(l, TRB_UNAVAILABLE, "PROTOCOL", "the answer is not Redis's protocol; is the port right, and enableTLS?");
    leave(l);
}

/* ------------------------------------------------------------------------------------ dialling */
static void send_now(struct redis_link *l, const struct trb_data *words, uint32_t count)
{
    char *to = l->streams->room(l->stream, redis_command_room(words, count));
    l->streams->wrote(l->stream, redis_command_write(to, words, count));
}

static void greet(struct redis_link *l, const struct trb_data *words, uint32_t count)
{
    send_now(l, words, count);
    l->greetings++;
}

static void on_silence(void *arg)
{
    struct redis_link *l = checked(arg, struct redis_link, LINK_MAGIC);
    lose(l, TRB_UNAVAILABLE, "TIMEOUT", "connected, but no answer to the greeting within dialTimeout");
}

static void on_connected(void *arg)
{
    struct redis_link *l = checked(arg, struct redis_link, LINK_MAGIC);
    const struct redis_link_setup *s = &l->setup;
    char number[REDIS_NUMBER];
    l->state = GREETING;
    l->greetings = 0;
    if (s->username)
        greet(l, (struct trb_data[]){redis_text("AUTH"), redis_text(s->username), redis_text(s->password)}, 3);
    else if (s->password)
        greet(l, (struct trb_data[]){redis_text("AUTH"), redis_text(s->password)}, 2);
    if (s->database)
        greet(l, (struct trb_data[]){redis_text("SELECT"), redis_number(number, s->database)}, 2);
    if (s->readonly)
        greet(l, (struct trb_data[]){redis_text("READONLY")}, 1);
    greet(l, (struct trb_data[]){redis_text("PING")}, 1);
    timer_set(l, s->config->dial_timeout_ns, on_silence);
}

static void on_closed(void *arg, const struct trb_error *err)
{
    struct redis_link *l = checked(arg, struct redis_link, LINK_MAGIC);
    lose(l, TRB_UNAVAILABLE, "CONNECTION", err ? err->message : "the connection was closed");
}

static const struct trb_stream_events stream_events = {
    .size = sizeof stream_events, .connected = on_connected, .readable = on_readable, .closed = on_closed};

static void on_bad_pem(void *arg)
{
    struct redis_link *l = checked(arg, struct redis_link, LINK_MAGIC);
    lose(l, TRB_INVALID, "BAD_OPTION", "caCert, clientCert or clientKey is not PEM that can be used");
}

void redis_link_found(struct redis_link *l, const struct redis_address *where)
{
    const struct redis_config *c = l->setup.config;
    l->address = *where;
    struct trb_stream_target target = {
        .size = sizeof target, .host = slice_of(l->address.host), .port = l->address.port, .tls = c->tls,
        .verify = !c->skip_verify, .ca_pem = slice_of(c->ca_cert), .certificate_pem = slice_of(c->client_cert),
        .key_pem = slice_of(c->client_key), .connect_timeout_ns = (uint64_t)c->dial_timeout_ns};
    l->stream = l->streams->connect(l->setup.origin, &target, &stream_events, l);
    if (!l->stream)
        timer_set(l, 0, on_bad_pem);
    else if (TRB_HAS(l->streams, read_limit))
        l->streams->read_limit(l->stream, READ_LIMIT);
}

static void dial(struct redis_link *l)
{
    l->state = DIALING;
    l->dialled_ns = l->setup.host->now_ns();
    if (l->setup.find)
        l->setup.find(l->setup.find_arg, l, l->setup.find_slot);
    else if (l->setup.follow)
        redis_link_found(l, &l->setup.follow->address);
    else
        redis_link_found(l, &l->setup.address);
}

/* ------------------------------------------------------------------------------------- asking */
static void refuse(const struct redis_wish *wish, const struct trb_error *err)
{
    struct redis_wish w = *wish;
    w.answered(&w, NULL, err);
}

static void keep(struct redis_link *l, const struct trb_data *words, uint32_t count)
{
    size_t room = redis_command_room(words, count);
    if (l->waiting.len + room > l->waiting.room) {
        l->waiting.room = (l->waiting.len + room) * 2;
        l->waiting.at = mem_grow(l->waiting.at, l->waiting.room);
    }
    l->waiting.len += redis_command_write(l->waiting.at + l->waiting.len, words, count);
}

static bool has_large(const struct trb_data *words, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (words[i].owner && words[i].len >= LARGE)
            return true;
    return false;
}

static void send_pieces(struct redis_link *l, const struct trb_data *words, uint32_t count)
{
    char head[32];
    l->streams->write(l->stream, slice_from(head, (size_t)(redis_command_head(head, '*', count) - head)));
    for (uint32_t i = 0; i < count; i++) {
        l->streams->write(l->stream, slice_from(head, (size_t)(redis_command_head(head, '$', words[i].len) - head)));
        l->streams->write_data(l->stream, words[i]);
        l->streams->write(l->stream, SLICE("\r\n"));
    }
}

/* A server that refused a moment ago may be back, as another loop knows already; nobody waits for one that is silent.
 * Within a turn the answer stays the same: what belongs together is asked whole or not at all. */
static bool may_wait(struct redis_link *l)
{
    if (l->state == RESTING && l->may_wake) {
        timer_stop(l);
        dial(l);
    }
    return l->state == UP || (l->state != RESTING && (!l->failures || l->is_quick));
}

static void ask(struct redis_link *l, const struct redis_wish *wish, const struct trb_data *words, uint32_t count)
{
    if (!may_wait(l)) {
        refuse(wish, &l->fault);
        return;
    }
    if (l->state != UP && l->waiting.len + redis_command_room(words, count) > MAX_WAITING) {
        struct trb_error err = {0};
        trb_error(&err, TRB_EXHAUSTED, "TOO_MUCH_WAITS", "redis %s: too much waits for the connection", l->address.host);
        err.retryable = 1;
        refuse(wish, &err);
        return;
    }
    *redis_queue_add(&l->asked) = (struct redis_entry){.wish = *wish, .since_ns = l->setup.host->now_ns()};
    if (l->state != UP)
        keep(l, words, count);
    else if (has_large(words, count))
        send_pieces(l, words, count);
    else
        send_now(l, words, count);
    if (l->state == UP)
        watch_answers(l);
}

/* Dialling may fail at once, and the link be taken down for that. */
void redis_link_ask(struct redis_link *l, const struct redis_wish *wish, const struct trb_data *words, uint32_t count)
{
    enter(l);
    ask(l, wish, words, count);
    leave(l);
}

bool redis_link_is_up(const struct redis_link *l)
{
    return l->state == UP;
}

const struct redis_address *redis_link_address(const struct redis_link *l)
{
    return &l->address;
}

struct redis_link *redis_link_create(const struct redis_link_setup *setup)
{
    struct redis_link *l = mem_zero(sizeof *l);
    l->magic = LINK_MAGIC;
    l->setup = *setup;
    l->address = setup->address;
    l->streams = setup->host->extension(TRB_STREAM_SERVICE);
    l->timers = setup->host->extension(TRB_TIMER);
    dial(l);
    return l;
}

void redis_link_forget(struct redis_link *l)
{
    if (!l)
        return;
    l->stream = NULL;
    l->timer = NULL;
}

struct redis_link *redis_link_destroy(struct redis_link *l)
{
    if (!l)
        return NULL;
    struct trb_error err = {0};
    check(l->magic == LINK_MAGIC && !l->is_dead);
    trb_error(&err, TRB_UNAVAILABLE, "CLOSED", "redis %s: the connection is closing", l->address.host);
    enter(l);
    l->is_dead = true;
    l->state = RESTING;
    l->may_wake = false;
    l->fault = err;
    struct redis_queue orphans = hang_up(l);
    tell_all(&orphans, &err);
    leave(l);
    return NULL;
}
