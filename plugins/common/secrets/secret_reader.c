/* secret_reader: counting requests, and the one answer at their end. */
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <secrets/secret_reader.h>
#include <stdarg.h>

#define MOST_AT_ONCE 16u
#define ARENA_BUDGET (64u << 20)
#define PATIENCE_NS 20000000000         /* for one answer, when the client names no deadline */

struct later {                          /* a wish that waits for its turn */
    struct later *next;
    uint32_t kind;
    bool is_first;
    struct trb_name name;
};

struct reader_job {
    struct list link;
    struct reader_store *store;
    struct trb_call *call;              /* NULL: answered */
    struct trb_pairs metadata;
    struct later *first, **last;
    uint32_t flying, given;
    bool is_bulk, has_failed;
    struct trb_error err;
};

struct flight {
    struct reader_wish wish;
    struct trb_name name;               /* ours */
};

/* -------------------------------------------------------------------------------------- the ends */
static void add_later(struct reader_job *j, uint32_t kind, struct trb_slice name)
{
    struct later *l = mem_zero(sizeof *l);
    l->kind = kind;
    l->is_first = !name.at;
    l->name = (struct trb_name){mem_text(name.at ? name.at : "", name.len), name.len};
    *j->last = l;
    j->last = &l->next;
}

static struct trb_name take_later(struct reader_job *j, uint32_t *ret_kind, bool *ret_is_first)
{
    struct later *l = j->first;
    struct trb_name name = l->name;
    *ret_kind = l->kind;
    *ret_is_first = l->is_first;
    j->first = l->next;
    j->last = j->first ? j->last : &j->first;
    mem_free(l);
    return name;
}

static void fail(struct reader_job *j, const struct trb_error *err)
{
    if (j->has_failed || !j->call)
        return;
    j->has_failed = true;
    j->err = *err;
    http_cancel_for(j->store->http, j->call, TRB_WHY_ENDED);
}

static void end(struct reader_job *j)
{
    const struct trb_host *host = j->store->host;
    while (j->first) {
        uint32_t kind;
        bool is_first;
        mem_free((char *)(uintptr_t)take_later(j, &kind, &is_first).at);
    }
    list_remove(&j->link);
    if (j->call && j->has_failed)
        host->fail(j->call, &j->err);
    else if (j->call && j->is_bulk)
        trb_done(j->call);
    else if (j->call)
        trb_fail(j->call, TRB_NOT_FOUND, "SECRET_NOT_FOUND", "the store answered without the secret");
    mem_free(j);
}

/* ----------------------------------------------------------------------------------- one request */
static void pump(struct reader_job *);

static bool object_of(struct reader_wish *w, const struct http_answer *a, struct json_value *ret_object)
{
    struct json_fault fault;
    bool is_json = json_parse(a->body, ret_object, &fault);
    if (!is_json)
        reader_fail(w, TRB_INTERNAL, "BAD_ANSWER", "the store's answer is not JSON: %s", fault.message);
    else if (ret_object->kind != JSON_OBJECT)
        reader_fail(w, TRB_INTERNAL, "BAD_ANSWER", "the store's answer is a JSON %s, not an object", json_kind_name(*ret_object));
    return is_json && ret_object->kind == JSON_OBJECT;
}

static void hear(struct reader_store *s, struct reader_wish *w, const struct http_answer *a)
{
    struct json_value body;
    if (a->status != 200)
        s->product->refuse(w, a);
    else if (object_of(w, a, &body))
        (w->kind == READER_PAGE ? s->product->page : s->product->one)(s, w, body);
}

static void on_answered(void *arg, const struct http_answer *answer, const struct trb_error *err)
{
    struct flight *f = arg;
    struct reader_job *j = f->wish.job;
    if (err)
        fail(j, err);
    else if (!j->has_failed)
        hear(j->store, &f->wish, answer);
    j->flying--;
    arena_destroy(f->wish.arena);
    mem_free((char *)(uintptr_t)f->name.at);
    mem_free(f);
    pump(j);
}

static void fly(struct reader_job *j)
{
    struct reader_store *s = j->store;
    struct flight *f = mem_zero(sizeof *f);
    struct text url = {0};
    struct trb_error err = {.size = sizeof err};
    bool is_first;
    f->name = take_later(j, &f->wish.kind, &is_first);
    f->wish.name = is_first ? (struct trb_name){NULL, 0} : f->name;
    f->wish.metadata = j->metadata;
    f->wish.is_bulk = j->is_bulk;
    f->wish.arena = arena_create(ARENA_BUDGET);
    f->wish.job = j;
    struct http_request r = {.call = j->call, .secret = true, .timeout_ns = PATIENCE_NS, .answered = on_answered, .arg = f};
    if (s->product->ask(s, &f->wish, &url, &r, &err)) {
        r.url = url.at;
        http_ask(s->http, &r);
    } else {
        j->flying--;
        fail(j, &err);
        arena_destroy(f->wish.arena);
        mem_free((char *)(uintptr_t)f->name.at);
        mem_free(f);
    }
    text_fini(&url);
}

static void pump(struct reader_job *j)
{
    j->flying++;                        /* ours: no one else ends the job meanwhile */
    while (j->first && !j->has_failed && j->call && j->flying <= MOST_AT_ONCE) {
        j->flying++;
        fly(j);
    }
    if (!--j->flying)
        end(j);
}

/* --------------------------------------------------------------------------------------- the verbs */
static void begin(struct reader_store *s, struct trb_call *call, struct trb_pairs metadata, uint32_t kind, struct trb_slice name)
{
    struct reader_job *j = mem_zero(sizeof *j);
    *j = (struct reader_job){.store = s, .call = call, .metadata = metadata, .is_bulk = kind == READER_PAGE};
    j->last = &j->first;
    list_append(&s->jobs, &j->link);
    add_later(j, kind, name);
    pump(j);
}

void reader_open(struct reader_store *s, struct trb_call *start, const struct reader_product *product)
{
    *s = (struct reader_store){.host = start->host, .origin = start->origin, .product = product};
    list_init(&s->jobs);
}

static void reader_get(void *self, struct trb_call *call, const void *question)
{
    const struct trb_secret_get *q = question;
    begin(self, call, q->metadata, READER_ONE, slice_name(q->name));
}

static void reader_bulk(void *self, struct trb_call *call, const void *question)
{
    const struct trb_secret_bulk *q = question;
    begin(self, call, q->metadata, READER_PAGE, (struct trb_slice){NULL, 0});
}

const struct trb_secretstores_ops reader_ops = {.size = sizeof reader_ops, .get = reader_get, .bulk = reader_bulk};

void reader_cancel(void *self, struct trb_call *call, uint32_t why)
{
    struct reader_store *s = self;
    list_each (node, &s->jobs) {
        struct reader_job *j = list_item(node, struct reader_job, link);
        if (j->call == call) {
            http_cancel_for(s->http, call, why);
            return;
        }
    }
}

/* ------------------------------------------------------------------------------- what an answer may say */
void reader_give(struct reader_wish *w, struct trb_name name, const struct trb_pairs *values)
{
    static const struct trb_pair none;  /* no values, which is not an absent secret */
    struct reader_job *j = w->job;
    struct trb_secret secret = {.size = sizeof secret, .values = *values};
    if (!values->count)
        secret.values = (struct trb_pairs){&none, 0, sizeof none};
    if (!j->call || j->has_failed)
        return;
    if (j->is_bulk) {
        secret.name = name;
        j->store->host->item(j->call, j->given++, &secret, sizeof secret, NULL);
    } else {
        j->store->host->done(j->call, &secret, sizeof secret);
        j->call = NULL;
    }
}

void reader_give_one(struct reader_wish *w, struct trb_slice value)
{
    struct trb_pair pair = {w->name, {value.at, value.len}};
    struct trb_pairs pairs = {&pair, 1, sizeof pair};
    reader_give(w, w->name, &pairs);
}

void reader_more(struct reader_wish *w, uint32_t kind, struct trb_slice name)
{
    add_later(w->job, kind, name);
}

void reader_fail(struct reader_wish *w, trb_code code, const char *reason, const char *format, ...)
{
    char sentence[512];
    struct trb_error err = {.size = sizeof err};
    va_list ap;
    va_start(ap, format);
    vsnprintf(sentence, sizeof sentence, format, ap);
    va_end(ap);
    trb_error(&err, code, reason, "%s", sentence);
    fail(w->job, &err);
}

trb_code reader_code(uint32_t status)
{
    return status == 404                    ? TRB_NOT_FOUND
           : status == 403                  ? TRB_DENIED
           : status == 401                  ? TRB_UNAUTHENTICATED
           : status == 400                  ? TRB_INVALID
           : status == 429 || status >= 500 ? TRB_UNAVAILABLE
                                            : TRB_INTERNAL;
}

/* ------------------------------------------------------------------------------------------ wiping */
static void wipe(void *arg)
{
    struct trb_slice *s = arg;
    mem_wipe((char *)(uintptr_t)s->at, s->len);
}

void reader_wipe_later(struct arena *a, struct trb_slice s)
{
    struct trb_slice *kept = arena_alloc(a, sizeof *kept);
    *kept = s;
    arena_link(a, wipe, kept);
}

struct trb_name reader_text(struct reader_wish *w, struct json_value string)
{
    struct trb_name text = json_name(w->arena, string);
    reader_wipe_later(w->arena, slice_name(text));
    return text;
}
