/* serve: the questions of one of the host's loops, asked of the component as the host would ask it itself. */
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <isolate/child.h>
#include <isolate/ids.h>
#include <isolate/wire.h>
#include <plugin/call.h>

struct line {
    struct loop *loop;
    struct stream *stream;
    struct instance *instance;             /* NULL: not to be asked yet */
    const struct words *words;
    struct served **asked;                 /* by the lower half of the host's number */
    uint32_t room;
    struct ids events;                     /* struct stream_call_event, until settled */
};

struct served {
    struct line *line;
    uint64_t id;
    const struct trb_verb_info *verb;
    struct call *call;
    struct stream_call *stream;
    void *question;
    struct trb_buf *owner;                 /* of the bytes the question lies in */
};

#define MOST_ASKED (1u << 20)

/* ---------------------------------------------------------------------------------- what is under way */
static struct served *find(const struct line *l, uint64_t id)
{
    uint32_t at = (uint32_t)id;
    struct served *s = at < l->room ? l->asked[at] : NULL;
    return s && s->id == id ? s : NULL;
}

static void remember(struct line *l, struct served *s)
{
    uint32_t at = (uint32_t)s->id, was = l->room;
    if (at >= MOST_ASKED || (at < was && l->asked[at]))
        child_end("the host repeats a number");
    if (at >= was) {
        l->room = at * 2 < 64 ? 64 : at * 2;
        l->asked = mem_grow(l->asked, l->room * sizeof(struct served *));
        memset(l->asked + was, 0, (l->room - was) * sizeof(struct served *));
    }
    l->asked[at] = s;
}

static void forget(struct served *s)
{
    s->line->asked[(uint32_t)s->id] = NULL;
    mem_free(s->question);
    buf_unref(s->owner);
    mem_free(s);
}

/* --------------------------------------------------------------------------------------- answers */
static void say(struct line *l, struct frame_head head, const struct frame_part *parts, uint32_t count)
{
    if (!frame_send(l->stream, head, parts, count))
        child_end("an item is larger than a frame may be");
}

static void say_failure(struct served *s, const struct trb_error *err)
{
    struct trb_isolate_error value;
    frame_error(err, &value);
    struct frame_part part = {layout_error, &value, sizeof value};
    if (!frame_send(s->line->stream, (struct frame_head){.kind = FRAME_FAIL, .id = s->id}, &part, 1)) {
        value.text = value.details = (struct trb_slice){0};
        say(s->line, (struct frame_head){.kind = FRAME_FAIL, .id = s->id}, &part, 1);
    }
}

static void refuse(struct served *s, trb_code code, const char *reason, const char *sentence)
{
    struct trb_error err = ERROR_INIT;
    error_set(&err, code, reason, "%s", sentence);
    say_failure(s, &err);
}

static void say_items(struct served *s, const struct call *c)
{
    const struct trb_layout *layout = s->verb->answer;
    for (uint32_t i = 0; i < call_item_count(c); i++) {
        const struct call_item *item = call_item_at(c, i);
        struct trb_isolate_error error;
        struct frame_part parts[2];
        uint32_t count = 0;
        struct frame_head head = {.kind = FRAME_ITEM, .id = s->id, .extra = i};
        if (!item->is_set)
            continue;
        if (item->failure) {
            frame_error(item->failure, &error);
            parts[count++] = (struct frame_part){layout_error, &error, sizeof error};
            head.verb |= 1;
        }
        if (item->answer) {
            parts[count++] = (struct frame_part){layout, item->answer, layout->size};
            head.verb |= 2;
        }
        say(s->line, head, parts, count);
    }
}

static void say_done(struct served *s, const struct call *c)
{
    const void *answer = call_answer(c);
    struct frame_part part = {s->verb->answer, answer, s->verb->answer->size};
    struct frame_head head = {.kind = FRAME_DONE, .id = s->id, .verb = answer && !(s->verb->flags & TRB_VERB_BULK)};
    if (!frame_send(s->line->stream, head, &part, head.verb))
        refuse(s, TRB_EXHAUSTED, "TOO_LARGE", "the answer does not fit through the line from the component's process");
}

static void on_answered(struct call *c, void *arg)
{
    struct served *s = arg;
    say_items(s, c);
    if (call_failure(c))
        say_failure(s, call_failure(c));
    else
        say_done(s, c);
    call_release(c);
    forget(s);
}

static void on_abandoned(void *arg)
{
    refuse(arg, TRB_CANCELLED, "CANCELLED", "the call was given up");
    forget(arg);
}

/* --------------------------------------------------------------------------------------- streams */
static void on_event(void *arg, struct stream_call_event *e)
{
    struct served *s = arg;
    struct frame_part part = {s->verb->answer, e->event, s->verb->answer->size};
    struct frame_head head = {.kind = FRAME_EVENT, .id = s->id, .extra = ids_put(&s->line->events, e)};
    struct trb_settlement retry = {.size = sizeof retry, .verdict = TRB_DROP};
    if (frame_send(s->line->stream, head, &part, 1))
        return;
    ids_drop(&s->line->events, head.extra);
    stream_call_settle(e, &retry);                     /* it will never fit */
}

static void on_ended(void *arg, const struct trb_error *err)
{
    struct served *s = arg;
    if (err)
        say_failure(s, err);
    else
        say(s->line, (struct frame_head){.kind = FRAME_DONE, .id = s->id}, NULL, 0);
    forget(s);
}

static void on_opened(void *arg)
{
    struct served *s = arg;
    say(s->line, (struct frame_head){.kind = FRAME_OPENED, .id = s->id}, NULL, 0);
}

static const struct stream_call_owner stream_owner = {.event = on_event, .ended = on_ended, .opened = on_opened};

/* ------------------------------------------------------------------------------------- questions */
static bool has_verb(const struct instance *i, uint32_t offset)
{
    const char *ops = i->component->ops;
    return *(const uint32_t *)(const void *)ops >= offset + sizeof(trb_verb *) &&
           *(trb_verb *const *)(const void *)(ops + offset);
}

static void open_stream(struct served *s, uint64_t credit)
{
    s->stream = stream_call_open(s->line->instance, s->verb, s->question, (uint32_t)credit, &stream_owner, s);
}

static void ask(struct served *s, uint64_t left_ns)
{
    struct call_question q = {.verb = s->verb, .question = s->question,
                              .deadline_ns = left_ns ? loop_now_ns(s->line->loop) + left_ns : 0};
    s->call = call_ask(s->line->instance, &q, on_answered, s);
}

static void on_ask(struct line *l, struct frame *f)
{
    if (!l->instance || f->head.verb >= l->words->verb_count)
        child_end("the host asks for what there is not");
    struct served *s = mem_zero(sizeof *s);
    *s = (struct served){.line = l, .id = f->head.id, .verb = &l->words->verbs[f->head.verb]};
    s->owner = f->owner ? buf_ref(f->owner) : buf_copy(f->body);
    bool is_stream = s->verb->flags & TRB_VERB_STREAM;
    f->body = buf_bytes(s->owner);
    s->question = wire_take(s->verb->question, &f->body, is_stream ? NULL : s->owner, false);
    if (!s->question || f->body.len)
        child_end("the host asks what is no question");
    remember(l, s);
    if (!has_verb(l->instance, s->verb->offset)) {
        refuse(s, TRB_UNIMPLEMENTED, "NO_VERB", "the component does not do that");
        forget(s);
    } else if (is_stream) {
        open_stream(s, f->head.extra);
    } else {
        ask(s, f->head.extra);
    }
}

/* An answer may have crossed it. */
static void on_cancel(struct line *l, struct frame *f)
{
    struct served *s = find(l, f->head.id);
    if (s && s->stream)
        stream_call_close(s->stream, (uint32_t)f->head.extra);
    else if (s && s->call) {
        struct call *c = s->call;
        s->call = NULL;
        call_abandon(c, (uint32_t)f->head.extra, on_abandoned, s);
    }
}

static void on_settle(struct line *l, struct frame *f)
{
    struct stream_call_event *e = ids_drop(&l->events, f->head.id);
    struct trb_isolate_settlement *from = wire_take(layout_settlement, &f->body, f->owner, false);
    if (!e || !from)
        child_end("the host settles what is no event");
    struct trb_settlement s = {.size = sizeof s, .verdict = from->verdict, .data = from->data, .item_count = from->items.count};
    struct trb_error err;
    uint32_t *items = from->items.at ? mem_zero((from->items.count + 1) * sizeof *items) : NULL;
    for (uint32_t i = 0; i < from->items.count; i++)
        items[i] = ((const struct trb_isolate_verdict *)trb_list_at(&from->items, i))->verdict;
    s.items = items;
    struct trb_buf *copy = from->data.at && !f->owner ? buf_copy((struct trb_slice){from->data.at, from->data.len}) : NULL;
    if (copy)
        s.data = buf_data(copy);
    if (from->errors.count) {
        frame_error_of(from->errors.at, &err);
        s.error = &err;
    }
    stream_call_settle(e, &s);
    if (s.error)
        error_release(&err);
    buf_unref(copy);
    mem_free(items);
    mem_free(from);
}

static void on_readable(void *arg)
{
    struct line *l = arg;
    struct frame f;
    int result;
    while ((result = frame_next(l->stream, &f)) == FRAME_WHOLE) {
        if (f.head.kind == FRAME_ASK)
            on_ask(l, &f);
        else if (f.head.kind == FRAME_CANCEL)
            on_cancel(l, &f);
        else if (f.head.kind == FRAME_SETTLE)
            on_settle(l, &f);
        else
            child_end("the host says what is no question");
        frame_done(l->stream, &f);
    }
    if (result == FRAME_BAD)
        child_end("the host says what is no frame");
}

/* The loop at the other end has stopped the component; the process ends when the control line says so. */
static void on_eof(void *arg)
{
    struct line *l = arg;
    stream_read_on(l->stream, false);
}

static void on_closed(void *arg, const struct trb_error *err)
{
}

static const struct stream_events events = {.readable = on_readable, .eof = on_eof, .closed = on_closed};

struct line *line_create(struct loop *loop, struct stream_ends ends)
{
    struct line *l = mem_zero(sizeof *l);
    l->loop = loop;
    l->stream = stream_over_pipes(loop, ends, &events, l);
    return l;
}

void line_serve(struct line *l, struct instance *i, const struct words *words)
{
    l->instance = i;
    l->words = words;
}
