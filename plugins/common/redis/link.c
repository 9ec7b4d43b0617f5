/* link: the life of one connection. */
#include <base/mem.h>
#include <base/slice.h>
#include <base/text.h>
#include <line/line.h>
#include <line/ring.h>
#include <redis/link.h>
#include <stdio.h>

#define LARGE 16384u                    /* from here a value with an owner is referenced, not copied */
#define MAX_WAITING (64u << 20)         /* bytes kept for a connection that is being dialled */
#define REPLICA_PATIENCE_NS 1000000000ull   /* a master that became a replica: its name may lead elsewhere by now */
#define READ_LIMIT (1u << 30)           /* one answer, whole: two of the largest strings */

struct entry {
    struct redis_wish wish;
    uint64_t since_ns;
};

struct redis_link {
    struct line line;
    struct redis_link_setup setup;
    struct redis_address address;
    uint32_t greetings;
    struct ring asked;                  /* of entries; up: sent; else: waiting */
    struct text waiting;                /* their bytes */
    struct resp_reader reader;
};

/* ------------------------------------------------------------------------------- losing it */
static void lose(struct redis_link *l, trb_code code, const char *reason, const char *sentence)
{
    line_lose(&l->line, code, reason, sentence);
}

static void tell_all(struct ring *r, const struct trb_error *err)
{
    while (r->count) {
        struct entry e = *(struct entry *)ring_take(r, sizeof e);
        e.wish.answered(&e.wish, NULL, err);
    }
    ring_fini(r);
}

static void on_dropped(void *self, const struct trb_error *err, bool was_up)
{
    struct redis_link *l = self;
    struct trb_error why = *err;
    struct ring orphans = l->asked;
    l->asked = (struct ring){0};
    text_clear(&l->waiting);
    l->reader.need = 0;
    tell_all(&orphans, &why);
    if (!l->line.is_dead)
        l->setup.down(l->setup.arg, &why, was_up);
}

static bool is_owed(const void *self)
{
    return ((const struct redis_link *)self)->asked.count;
}

static void on_ended(void *self)
{
    struct redis_link *l = self;
    text_fini(&l->waiting);
    resp_fini(&l->reader);
    mem_free(l);
}

void redis_link_lost(struct redis_link *l, const struct trb_error *err)
{
    lose(l, err->code, err->reason, err->message);
}

/* ------------------------------------------------------------------------------------ answers */
static void on_answer_timeout(void *arg)
{
    struct redis_link *l = arg;
    struct entry *oldest = ring_at(&l->asked, 0, sizeof *oldest);
    line_timer_stop(&l->line);
    if (!oldest)
        return;
    uint64_t age = l->setup.host->now_ns() - oldest->since_ns, limit = (uint64_t)l->setup.read_timeout_ns;
    if (age < limit) {
        line_timer(&l->line, limit - age, on_answer_timeout);
        return;
    }
    char sentence[80];
    snprintf(sentence, sizeof sentence, "no answer within %llu ms (readTimeout)", (unsigned long long)(limit / REDIS_MS));
    lose(l, TRB_UNAVAILABLE, "TIMEOUT", sentence);
}

static void watch_answers(struct redis_link *l)
{
    if (!l->line.timer && l->setup.read_timeout_ns > 0)
        line_timer(&l->line, (uint64_t)l->setup.read_timeout_ns, on_answer_timeout);
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
    line_up(&l->line);
    for (uint32_t i = 0; i < l->asked.count; i++)
        ((struct entry *)ring_at(&l->asked, i, sizeof(struct entry)))->since_ns = l->line.up_ns;
    if (l->asked.count) {
        l->line.streams->write(l->line.stream, text_slice(&l->waiting));
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
    if (l->line.state == LINE_GREETING) {
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
    struct entry e = *(struct entry *)ring_take(&l->asked, sizeof e);
    bool is_replica = resp_error_is(reply, "READONLY");
    uint32_t had = l->line.streams_had;
    e.wish.answered(&e.wish, reply, NULL);
    if (is_replica && l->line.streams_had == had && l->setup.host->now_ns() - l->line.up_ns > REPLICA_PATIENCE_NS)
        lose(l, TRB_UNAVAILABLE, "READONLY", "the server is a read-only replica now");
}

static void on_readable(void *self)
{
    struct redis_link *l = self;
    const struct trb_stream_service *streams = l->line.streams;
    uint32_t had = l->line.streams_had;
    int64_t len = RESP_MORE;
    while (l->line.streams_had == had && (len = resp_read(&l->reader, streams->bytes(l->line.stream))) > 0) {
        on_reply(l, l->reader.nodes);
        if (l->line.streams_had == had)
            streams->consume(l->line.stream, (size_t)len);
    }
    if (len == RESP_BROKEN && l->line.streams_had == had)
        lose(l, TRB_UNAVAILABLE, "PROTOCOL", "the answer is not Redis's protocol; is the port right, and enableTLS?");
}

/* ------------------------------------------------------------------------------------ dialling */
static void send_now(struct redis_link *l, const struct trb_data *words, uint32_t count)
{
    char *to = l->line.streams->room(l->line.stream, redis_command_room(words, count));
    l->line.streams->wrote(l->line.stream, redis_command_write(to, words, count));
}

static void greet(struct redis_link *l, const struct trb_data *words, uint32_t count)
{
    send_now(l, words, count);
    l->greetings++;
}

static void on_connected(void *self)
{
    struct redis_link *l = self;
    const struct redis_link_setup *s = &l->setup;
    char number[REDIS_NUMBER];
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
}

void redis_link_found(struct redis_link *l, const struct redis_address *where)
{
    const struct redis_config *c = l->setup.config;
    l->address = *where;
    struct trb_stream_target target = {
        .size = sizeof target, .host = slice_of(l->address.host), .port = l->address.port, .tls = c->tls,
        .verify = !c->skip_verify, .ca_pem = slice_of(c->ca_cert), .certificate_pem = slice_of(c->client_cert),
        .key_pem = slice_of(c->client_key), .connect_timeout_ns = (uint64_t)c->dial_timeout_ns};
    line_connect(&l->line, &target, "caCert, clientCert or clientKey is not PEM that can be used");
}

static void dial(void *self)
{
    struct redis_link *l = self;
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
    l->line.streams->write(l->line.stream, slice_from(head, (size_t)(redis_command_head(head, '*', count) - head)));
    for (uint32_t i = 0; i < count; i++) {
        l->line.streams->write(l->line.stream, slice_from(head, (size_t)(redis_command_head(head, '$', words[i].len) - head)));
        l->line.streams->write_data(l->line.stream, words[i]);
        l->line.streams->write(l->line.stream, SLICE("\r\n"));
    }
}

static void ask(struct redis_link *l, const struct redis_wish *wish, const struct trb_data *words, uint32_t count)
{
    if (!line_may_wait(&l->line)) {
        refuse(wish, &l->line.fault);
        return;
    }
    if (l->line.state != LINE_UP && l->waiting.len + redis_command_room(words, count) > MAX_WAITING) {
        struct trb_error err = {0};
        trb_error(&err, TRB_EXHAUSTED, "TOO_MUCH_WAITS", "redis %s: too much waits for the connection", l->address.host);
        err.retryable = 1;
        refuse(wish, &err);
        return;
    }
    *(struct entry *)ring_add(&l->asked, sizeof(struct entry)) =
        (struct entry){.wish = *wish, .since_ns = l->setup.host->now_ns()};
    if (l->line.state != LINE_UP)
        keep(l, words, count);
    else if (has_large(words, count))
        send_pieces(l, words, count);
    else
        send_now(l, words, count);
    if (l->line.state == LINE_UP)
        watch_answers(l);
}

/* Dialling may fail at once, and the link be taken down for that. */
void redis_link_ask(struct redis_link *l, const struct redis_wish *wish, const struct trb_data *words, uint32_t count)
{
    line_enter(&l->line);
    ask(l, wish, words, count);
    line_leave(&l->line);
}

bool redis_link_is_up(const struct redis_link *l)
{
    return l->line.state == LINE_UP;
}

const struct redis_address *redis_link_address(const struct redis_link *l)
{
    return &l->address;
}

struct redis_link *redis_link_create(const struct redis_link_setup *setup)
{
    static const struct line_ops ops = {.dial = dial, .connected = on_connected, .readable = on_readable,
                                        .dropped = on_dropped, .is_owed = is_owed, .ended = on_ended};
    const struct redis_config *c = setup->config;
    struct redis_link *l = mem_zero(sizeof *l);
    l->setup = *setup;
    l->address = setup->address;
    line_begin(&l->line, &(struct line_setup){
        .host = setup->host, .origin = setup->origin, .ops = &ops, .owner = l, .product = "redis", .place = l->address.host,
        .read_limit = READ_LIMIT, .greeting_ns = (uint64_t)c->dial_timeout_ns,
        .silence = "connected, but no answer to the greeting within dialTimeout",
        .min_rest_ns = (uint64_t)c->min_retry_ns, .max_rest_ns = (uint64_t)c->max_retry_ns});
    return l;
}

void redis_link_forget(struct redis_link *l)
{
    if (l)
        line_forget(&l->line);
}

struct redis_link *redis_link_destroy(struct redis_link *l)
{
    if (l)
        line_end(&l->line);
    return NULL;
}
