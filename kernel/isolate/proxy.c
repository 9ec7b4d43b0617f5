/* proxy: the verbs of an isolated component on one loop: questions are written to its process, answers are
 * read and judged. While a process is on its way, questions wait; when one ends, those it had fail. */
#include <base/clock.h>
#include <base/error.h>
#include <base/log.h>
#include <base/mem.h>
#include <base/slice.h>
#include <isolate/house.h>
#include <isolate/wire.h>
#include <plugin/call.h>
#include <plugin/copy.h>

#define ITEMS_AHEAD 65536u                 /* an index may be that far beyond what has come */
#define EVENTS_AHEAD 4096u                /* a component may overlook that its credit is spent, for so long */
#define ITEMS_MOST (1u << 22)

struct pending {                           /* a question of ours */
    struct list link;                      /* in the queue */
    struct trb_call *token;                /* NULL: answered already, the child still owes */
    const struct trb_verb_info *verb;
    const void *question;
    uint64_t id;
    uint32_t credit, outstanding, items;   /* streams: may emit, has emitted; bulk: so many came */
    bool is_opened;
};

struct event {                             /* the cookie of what we emitted */
    struct proxy *proxy;
    uint64_t generation, call, id;
};

static struct proxy *proxy_of(const struct trb_call *call)
{
    return &house_of(call)->proxies[loop_index(loop_self())];
}

void proxy_init(struct proxy *p, struct house *h, struct loop *loop)
{
    p->house = h;
    p->loop = loop;
    list_init(&p->queue);
}

/* --------------------------------------------------------------------------------------- failing */
static void refuse(struct trb_call *token, trb_code code, const char *reason, const char *sentence)
{
    struct trb_error err = ERROR_INIT;
    error_set(&err, code, reason, "%s", sentence);
    err.retryable = code == TRB_UNAVAILABLE;
    token->host->fail(token, &err);
}

static void fail(struct trb_call *token, const struct trb_error *why)
{
    struct trb_error err = *why;
    token->host->fail(token, &err);
}

static void fail_queue(struct proxy *p)
{
    struct list *node;
    while ((node = list_take(&p->queue))) {
        struct pending *q = list_item(node, struct pending, link);
        fail(q->token, &p->why);
        mem_free(q);
    }
}

/* The process has gone, and with it all that it was asked. */
static void lose(struct proxy *p)
{
    uint32_t at = 0;
    struct pending *q;
    p->link = stream_destroy(p->link);
    while ((q = ids_next(&p->asked, &at))) {
        if (q->token)
            refuse(q->token, TRB_UNAVAILABLE, "PROCESS_ENDED",
                   "the component's process ended while it had this call; it is being started again");
        mem_free(q);
    }
    ids_fini(&p->asked);
}

static void distrust(struct proxy *p, const char *why)
{
    uint64_t generation = p->generation;
    lose(p);
    house_line_lost(p, generation, why);
}

/* ---------------------------------------------------------------------------------------- asking */
static uint64_t time_left(const struct trb_call *token)
{
    uint64_t deadline = token->host->deadline_ns(token), now = clock_now_ns();
    return !deadline ? 0 : deadline > now ? deadline - now : 1;
}

static void send(struct proxy *p, struct pending *q)
{
    struct house *h = p->house;
    const struct trb_layout *layout = q->verb->question;
    struct frame_part part = {layout, q->question, layout->field_count ? *(const uint32_t *)q->question : 0};
    q->id = ids_put(&p->asked, q);
    struct frame_head head = {.kind = FRAME_ASK, .id = q->id, .verb = (uint16_t)(q->verb - h->words->verbs),
                              .extra = q->credit ? q->credit : time_left(q->token)};
    if (stream_unsent(p->link) < FRAME_MOST && frame_send(p->link, head, &part, 1))
        return;
    ids_drop(&p->asked, q->id);
    refuse(q->token, TRB_EXHAUSTED, "TOO_LARGE", "the question does not fit through the line to the component's process");
    mem_free(q);
}

static void ask(struct trb_call *call, uint32_t verb, const void *question)
{
    struct proxy *p = proxy_of(call);
    if (!p->link && p->is_down)
        return fail(call, &p->why);
    struct pending *q = mem_zero(sizeof *q);
    q->token = call;
    q->verb = &p->house->words->verbs[verb];
    q->question = question;
    q->credit = q->verb->flags & TRB_VERB_STREAM ? stream_call_credit(call) : 0;
    list_init(&q->link);
    if (p->link)
        send(p, q);
    else
        list_append(&p->queue, &q->link);
}

#define VERBS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define VERB(n)                                                                                    \
    static void verb_##n(void *self, struct trb_call *call, const void *question)                  \
    {                                                                                              \
        ask(call, n, question);                                                                    \
    }
VERBS(VERB)
#define VERB_NAME(n) verb_##n,
static trb_verb *const verbs[] = {VERBS(VERB_NAME)};

/* Beside verbs a table holds numbers and texts of the block's: those stay as they are. */
void proxy_verbs(const struct words *w, const void *real_ops, char *ops)
{
    uint32_t size = *(const uint32_t *)real_ops;
    size_t known = size < w->ops_size ? size : w->ops_size;
    check(w->verb_count <= countof(verbs));
    memcpy(ops, real_ops, known);
    *(uint32_t *)(void *)ops = (uint32_t)known;
    for (uint32_t i = 0; i < w->verb_count; i++) {
        trb_verb **slot = (trb_verb **)(void *)(ops + w->verbs[i].offset);
        if (w->verbs[i].offset + sizeof *slot <= known && *slot)
            *slot = verbs[i];
    }
}

/* --------------------------------------------------------------------------------------- answers */
static void forget(struct proxy *p, struct pending *q)
{
    ids_drop(&p->asked, q->id);
    mem_free(q);
}

static bool is_plain(const struct pending *q)
{
    return !(q->verb->flags & (TRB_VERB_STREAM | TRB_VERB_BULK));
}

static bool on_done(struct proxy *p, struct pending *q, struct frame *f)
{
    const struct trb_layout *layout = q->verb->answer;
    void *answer = NULL;
    if (f->head.verb && (!is_plain(q) || !(answer = wire_take(layout, &f->body, f->owner, f->owner))))
        return false;
    if (q->token)
        q->token->host->done(q->token, answer, answer ? layout->size : 0);
    else if (answer)
        copy_release(layout, answer, false);           /* nobody wants it */
    mem_free(answer);
    atomic_fetch_add_explicit(&p->answers, 1, memory_order_relaxed);
    forget(p, q);
    return true;
}

static bool on_fail(struct proxy *p, struct pending *q, struct frame *f)
{
    struct trb_error err;
    if (!frame_take_error(&f->body, &err))
        return false;
    if (q->token)
        q->token->host->fail(q->token, &err);
    else
        error_release(&err);
    atomic_fetch_add_explicit(&p->answers, 1, memory_order_relaxed);
    forget(p, q);
    return true;
}

static bool on_item(struct proxy *p, struct pending *q, struct frame *f)
{
    const struct trb_layout *layout = q->verb->answer;
    uint64_t index = f->head.extra;
    struct trb_error err = {0};
    void *answer = NULL;
    if (!(q->verb->flags & TRB_VERB_BULK) || index > q->items * 2ull + ITEMS_AHEAD || index > ITEMS_MOST ||
        (f->head.verb & 1 && !frame_take_error(&f->body, &err)))
        return false;
    if (f->head.verb & 2 && !(answer = wire_take(layout, &f->body, NULL, false)))
        return error_release(&err), false;
    q->items++;
    if (q->token)
        q->token->host->item(q->token, (uint32_t)index, answer, answer ? layout->size : 0, err.code ? &err : NULL);
    else
        error_release(&err);
    mem_free(answer);
    return true;
}

static bool on_opened(struct proxy *p, struct pending *q, struct frame *f)
{
    if (!(q->verb->flags & TRB_VERB_STREAM) || q->is_opened)
        return false;
    q->is_opened = true;
    q->token->host->opened(q->token);
    return true;
}

static bool on_event(struct proxy *p, struct pending *q, struct frame *f)
{
    const struct trb_layout *layout = q->verb->answer;
    void *event = NULL;
    if (!(q->verb->flags & TRB_VERB_STREAM) || q->outstanding >= q->credit + EVENTS_AHEAD ||
        !(event = wire_take(layout, &f->body, f->owner, f->owner)))
        return false;
    struct event *e = mem_zero(sizeof *e);
    *e = (struct event){.proxy = p, .generation = p->generation, .call = q->id, .id = f->head.extra};
    q->outstanding++;
    q->token->host->emit(q->token, event, layout->size, e);
    mem_free(event);
    return true;
}

static bool take(struct proxy *p, struct frame *f)
{
    static bool (*const kinds[FRAME_KINDS])(struct proxy *, struct pending *, struct frame *) = {
        [FRAME_DONE] = on_done, [FRAME_FAIL] = on_fail, [FRAME_ITEM] = on_item, [FRAME_OPENED] = on_opened, [FRAME_EVENT] = on_event};
    struct pending *q = ids_get(&p->asked, f->head.id);
    return q && kinds[f->head.kind] && kinds[f->head.kind](p, q, f) && !f->body.len;
}

static void on_readable(void *arg)
{
    struct proxy *p = arg;
    struct frame f;
    int result;
    while ((result = frame_next(p->link, &f)) == FRAME_WHOLE) {
        bool is_good = take(p, &f);
        frame_done(p->link, &f);
        if (!is_good)
            return distrust(p, "it said what is no answer");
    }
    if (result == FRAME_BAD)
        distrust(p, "it said what is no answer");
}

static void on_eof(void *arg)
{
    distrust(arg, NULL);
}

static void on_closed(void *arg, const struct trb_error *err)
{
    distrust(arg, NULL);
}

static const struct stream_events line_events = {.readable = on_readable, .eof = on_eof, .closed = on_closed};

/* ------------------------------------------------------------------------- cancelled and settled */
static struct pending *find_queued(struct proxy *p, const struct trb_call *call)
{
    list_each(node, &p->queue)
        if (list_item(node, struct pending, link)->token == call)
            return list_item(node, struct pending, link);
    return NULL;
}

static struct pending *find_asked(struct proxy *p, const struct trb_call *call)
{
    struct pending *q;
    uint32_t at = 0;
    while ((q = ids_next(&p->asked, &at)) && q->token != call)
        continue;
    return q;
}

/* A stream ends when its events are settled; whoever gave up a question need not wait for a process that
 * may hang. */
void proxy_cancel(void *self, struct trb_call *call, uint32_t why)
{
    struct proxy *p = proxy_of(call);
    struct pending *q = find_queued(p, call);
    if (q) {
        list_remove(&q->link);
        mem_free(q);
        return refuse(call, TRB_CANCELLED, "CANCELLED", "the call was given up");
    }
    if (!(q = find_asked(p, call)))
        return;
    frame_send(p->link, (struct frame_head){.kind = FRAME_CANCEL, .id = q->id, .extra = why}, NULL, 0);
    if (q->verb->flags & TRB_VERB_STREAM)
        return;
    q->token = NULL;
    refuse(call, TRB_CANCELLED, "CANCELLED", "the call was given up");
}

static void send_settlement(struct proxy *p, uint64_t event, const struct trb_settlement *s)
{
    struct trb_isolate_error error;
    struct trb_isolate_settlement value = {.size = sizeof value, .verdict = s->verdict, .data = s->data};
    struct trb_isolate_verdict *items = mem_zero((s->item_count + 1) * sizeof *items);
    if (s->error) {
        frame_error(s->error, &error);
        value.errors = (struct trb_list){&error, 1, sizeof error};
    }
    for (uint32_t i = 0; s->items && i < s->item_count; i++)
        items[i] = (struct trb_isolate_verdict){sizeof *items, s->items[i]};
    if (s->items)
        value.items = (struct trb_list){items, s->item_count, sizeof *items};
    struct frame_part part = {layout_settlement, &value, sizeof value};
    struct frame_head head = {.kind = FRAME_SETTLE, .id = event};
    if (!frame_send(p->link, head, &part, 1)) {        /* the answer of the application was too much */
        value.data = (struct trb_data){0};
        frame_send(p->link, head, &part, 1);
    }
    mem_free(items);
}

void proxy_settle(void *self, void *cookie, const struct trb_settlement *s)
{
    struct event *e = cookie;
    struct proxy *p = e->proxy;
    if (p->link && p->generation == e->generation) {
        struct pending *q = ids_get(&p->asked, e->call);
        if (q)
            q->outstanding--;
        send_settlement(p, e->id, s);
    }
    mem_free(e);
}

/* -------------------------------------------------------------------------------- from the house */
struct order {
    struct proxy *proxy;
    uint64_t generation;
    struct stream_ends ends;
    bool has_why;
    struct trb_error why;
};

static void connect_here(void *arg)
{
    struct order *o = arg;
    struct proxy *p = o->proxy;
    struct list *node;
    if (p->link)
        lose(p);
    p->is_down = false;
    p->generation = o->generation;
    p->link = stream_over_pipes(p->loop, o->ends, &line_events, p);
    mem_free(o);
    while (p->link && (node = list_take(&p->queue)))
        send(p, list_item(node, struct pending, link));
}

void proxy_connect(struct proxy *p, struct stream_ends ends, uint64_t generation)
{
    struct order *o = mem_zero(sizeof *o);
    *o = (struct order){.proxy = p, .generation = generation, .ends = ends};
    loop_call(p->loop, connect_here, o);
}

static void disconnect_here(void *arg)
{
    struct order *o = arg;
    struct proxy *p = o->proxy;
    if (p->link && p->generation == o->generation)
        lose(p);
    p->is_down = o->has_why;
    p->why = o->why;
    if (p->is_down)
        fail_queue(p);
    mem_free(o);
}

void proxy_disconnect(struct proxy *p, uint64_t generation, const struct trb_error *why)
{
    struct order *o = mem_zero(sizeof *o);
    *o = (struct order){.proxy = p, .generation = generation, .has_why = why, .why = why ? *why : (struct trb_error)ERROR_INIT};
    o->why.text = o->why.details = NULL;
    loop_call(p->loop, disconnect_here, o);
}

void proxy_close(struct proxy *p)
{
    if (p->link)
        lose(p);
    error_set(&p->why, TRB_UNAVAILABLE, "STOPPED", "the component has been stopped");
    p->is_down = true;
    fail_queue(p);
}
