/* bindings: a binding in another process, which serves one direction or both over the same connection. */
#include "bridge.h"
#include "kinds.h"
#include "stream.h"
#include <base/mem.h>
#include <base/slice.h>
#include <trilby/bindings.h>

#define INPUT SERVICES "InputBinding/"
#define OUTPUT SERVICES "OutputBinding/"

/* ------------------------------------------------------------------------------------- greeting */
static void hear_operations(struct bridge *b, const struct components_features_response *m)
{
    text_clear(&b->operations);
    for (uint32_t i = 0; i < m->features.count; i++)
        text_addf(&b->operations, i ? " %s" : "%s", m->features.at[i].at);
}

static const struct greeting both[] = {{INPUT "Init", NULL}, {OUTPUT "Init", NULL},
                                       {OUTPUT "ListOperations", hear_operations}};
static const struct kind input_kind = {"bindings", both, 1}, output_kind = {"bindings", both + 1, 2},
                         both_kind = {"bindings", both, 3};

static void start_input(void *self, struct trb_call *call, const void *setup)
{
    bridge_start(self, &input_kind, call, setup);
}

static void start_output(void *self, struct trb_call *call, const void *setup)
{
    bridge_start(self, &output_kind, call, setup);
}

static void start_both(void *self, struct trb_call *call, const void *setup)
{
    bridge_start(self, &both_kind, call, setup);
}

/* --------------------------------------------------------------------------------------- output */
static bool has_operation(const struct bridge *b, struct trb_slice name)
{
    struct trb_slice rest = text_slice(&b->operations);
    while (rest.at)
        if (slice_is(slice_split(&rest, ' '), name))
            return true;
    return false;
}

static void on_invoked(struct grpc_wish *w, struct trb_slice message, const struct trb_error *err)
{
    struct components_invoke_response m;
    struct arena *arena = bridge_failed(w, err) ? NULL : bridge_read(w, message, &components_invoke_response_pb, &m);
    if (!arena)
        return;
    struct trb_binding_answer answer = {.size = sizeof answer, .data = {m.data.at ? m.data.at : "", m.data.len, NULL},
                                        .metadata = m.metadata, .content_type = present(m.content_type)};
    ((struct bridge *)w->self)->host->done(w->call, &answer, sizeof answer);
    arena_destroy(arena);
}

static void invoke(void *self, struct trb_call *call, const void *question)
{
    const struct trb_binding_invoke *q = question;
    struct bridge *b = self;
    struct components_invoke_request m = {.data = {q->data.at, q->data.len}, .metadata = q->metadata,
                                          .operation = q->operation};
    if (!has_operation(b, slice_name(q->operation)))
        trb_fail(call, TRB_INVALID, "NO_OPERATION", "binding %s does not support operation %s. supported operations:%.*s",
                 b->name, q->operation.at, SLICE_ARG(text_slice(&b->operations)));
    else
        bridge_ask(b, call, OUTPUT "Invoke", &components_invoke_request_pb, &m, q, on_invoked);
}

/* ---------------------------------------------------------------------------------------- input */
static const char *emit(struct flow *f, struct event *e, struct trb_slice message, uint32_t *ret_credit)
{
    struct components_read_response m;
    struct arena *arena;
    const char *fault = message_read(message, &components_read_response_pb, &m, &arena);
    if (!fault) {
        struct trb_binding_event event = {.size = sizeof event, .data = {m.data.at, m.data.len, NULL},
                                          .metadata = m.metadata};
        if (m.content_type.len)
            event.content_type = m.content_type;
        e->id = (struct trb_name){mem_text(m.message_id.at, m.message_id.len), m.message_id.len};
        *ret_credit = f->bridge->host->emit(f->call, &event, sizeof event, e);
    }
    arena_destroy(arena);
    return fault;
}

static void settled(struct flow *f, struct trb_name id, const struct trb_settlement *s)
{
    struct components_ack_response_error why = {
        .message = s->verdict == TRB_HELD ? NAME("input binding is closed") : settlement_text(s)};
    bool has_failed = s->verdict == TRB_RETRY || s->verdict == TRB_HELD;
    struct components_read_request m = {.response_data = {s->data.at, s->data.len}, .message_id = id,
                                        .response_error = has_failed ? &why : NULL};
    stream_send(f, &components_read_request_pb, &m);
}

static const struct flow_kind reading = {.path = INPUT "Read", .may_end = true, .emit = emit, .settled = settled};

static void read_events(void *self, struct trb_call *call, const void *question)
{
    stream_open(self, call, &reading, NULL);
}

/* ------------------------------------------------------------------------------------- manifest */
static const struct trb_bindings_ops input_ops = {.size = sizeof input_ops, .read = read_events};
static const struct trb_bindings_ops output_ops = {.size = sizeof output_ops, .operations = "*", .invoke = invoke};
static const struct trb_bindings_ops both_ops = {.size = sizeof both_ops, .operations = "*", .invoke = invoke,
                                                 .read = read_events};

const struct trb_component pluggable_input = {
    .size = sizeof pluggable_input, .block = "bindings", .type = "bindings.pluggable.input", .version = "v1",
    .summary = "An input binding in a process of its own, over the socket that is named as the type.",
    .caps = TRB_BINDINGS_INPUT, .run = TRB_ON_ONE_LOOP, TRB_SELF(struct bridge, bridge_options), .ops = &input_ops,
    .start = start_input, .stop = bridge_stop, .cancel = bridge_cancel, .resume = stream_resume, .settle = stream_settle};

const struct trb_component pluggable_output = {
    .size = sizeof pluggable_output, .block = "bindings", .type = "bindings.pluggable.output", .version = "v1",
    .summary = "An output binding in a process of its own, over the socket that is named as the type.",
    .caps = TRB_BINDINGS_OUTPUT, .run = TRB_ON_ONE_LOOP, TRB_SELF(struct bridge, bridge_options), .ops = &output_ops,
    .start = start_output, .stop = bridge_stop, .cancel = bridge_cancel};

const struct trb_component pluggable_bindings = {
    .size = sizeof pluggable_bindings, .block = "bindings", .type = "bindings.pluggable", .version = "v1",
    .summary = "A binding of both directions in a process of its own, over the socket that is named as the type.",
    .caps = TRB_BINDINGS_INPUT | TRB_BINDINGS_OUTPUT, .run = TRB_ON_ONE_LOOP, TRB_SELF(struct bridge, bridge_options),
    .ops = &both_ops, .start = start_both, .stop = bridge_stop, .cancel = bridge_cancel, .resume = stream_resume,
    .settle = stream_settle};
