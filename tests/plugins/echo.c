/* bindings.echo: what it is told to create it reads as an event, and answers when that is settled: with the data of
 * the application, or its error, and the verdict as metadata. Only tests load it. */
#include <stdlib.h>
#include <trilby/bindings.h>

struct echo {
    int64_t refusals;                          /* so many reads fail before one opens */
    struct trb_call *reader;
};

struct pending {                               /* the cookie of an event */
    struct trb_call *call;
};

static const struct trb_option options[] = {
    TRB_INT(struct echo, refusals, "refusals", .fallback = "0", .doc = "How many reads fail before one opens."),
};

static void done(void *self, struct trb_call *call, const void *unused)
{
    trb_done(call);
}

static void create(struct echo *e, struct trb_call *call, const struct trb_binding_invoke *q)
{
    struct trb_binding_event event = {.size = sizeof event, .data = q->data, .metadata = q->metadata};
    struct pending *p = malloc(sizeof *p);
    struct trb_data data = q->data;
    if (data.owner)
        call->host->buf_ref(data.owner);
    *p = (struct pending){call};
    call->host->emit(e->reader, &event, sizeof event, p);
}

static void end(struct echo *e, struct trb_call *call)
{
    struct trb_call *reader = e->reader;
    e->reader = NULL;
    trb_fail(reader, TRB_UNAVAILABLE, "GONE", "the source has dried up");
    trb_done(call);
}

static void invoke(void *self, struct trb_call *call, const void *question)
{
    const struct trb_binding_invoke *q = question;
    struct echo *e = self;
    if (!strcmp(q->operation.at, "is-read")) {
        struct trb_binding_answer answer = {.size = sizeof answer, .data = {e->reader ? "true" : "false", e->reader ? 4 : 5, NULL}};
        call->host->done(call, &answer, sizeof answer);
    } else if (!e->reader) {
        trb_fail(call, TRB_PRECONDITION, "NOT_READ", "nobody reads");
    } else if (!strcmp(q->operation.at, "end")) {
        end(e, call);
    } else {
        create(e, call, q);
    }
}

static void read_on(void *self, struct trb_call *call, const void *question)
{
    struct echo *e = self;
    if (e->refusals > 0) {
        e->refusals--;
        trb_fail(call, TRB_UNAVAILABLE, "NOT_YET", "the source is dry");
        return;
    }
    e->reader = call;
    call->host->opened(call);
}

static void cancel(void *self, struct trb_call *call, uint32_t why)
{
    struct echo *e = self;
    if (e->reader != call)
        return;
    e->reader = NULL;
    trb_done(call);
}

static void resume(void *self, struct trb_call *call)
{
}

static void settle(void *self, void *cookie, const struct trb_settlement *s)
{
    static const char *const words[] = {"none", "ack", "retry", "drop", "held"};
    struct pending *p = cookie;
    const struct trb_pair verdict = {{"verdict", 7}, {words[s->verdict], strlen(words[s->verdict])}};
    struct trb_binding_answer answer = {.size = sizeof answer, .data = s->data, .metadata = {&verdict, 1, sizeof verdict}};
    answer.data.owner = NULL;
    if (s->error)
        answer.failure = (struct trb_slice){s->error->message, strlen(s->error->message)};
    p->call->host->done(p->call, &answer, sizeof answer);
    free(p);
}

static const struct trb_bindings_ops ops = {.size = sizeof ops, .operations = "create end is-read", .invoke = invoke, .read = read_on};
static const struct trb_component echo = {
    .size = sizeof echo, .block = "bindings", .type = "bindings.echo", .version = "v1", .summary = "Reads what it is told.",
    .caps = TRB_BINDINGS_INPUT | TRB_BINDINGS_OUTPUT, .run = TRB_ON_ONE_LOOP, TRB_SELF(struct echo, options),
    .ops = &ops, .start = done, .stop = done, .cancel = cancel, .resume = resume, .settle = settle,
};
TRB_PLUGIN("echo", "1.0.0", "Apache-2.0", &echo);
