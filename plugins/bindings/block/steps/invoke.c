/* POST or PUT /v1.0/bindings/{name}, and InvokeBinding.
 *
 *     parse (HTTP), read (gRPC) ──► ask ┄┄ the product has answered ┄┄► reply
 */
#include "../bindings_block.h"
#include <base/clock.h>
#include <pb/runtime.h>
#include <rpc/rpc.h>

#define NO_TRACE SLICE("00-00000000000000000000000000000000-0000000000000000-00")
#define TYPE "OutputBindingRequest"

struct invocation {
    struct trb_name name;
    struct binding *binding;
    uint64_t began_ns;
    struct trb_binding_invoke question;
    struct trb_pair *pairs;                /* room for a few more than count */
    uint32_t count;
};

static trb_step reply;

/* -------------------------------------------------------------------------------------- metadata */
static struct trb_pair *find_pair(struct invocation *v, const char *key)
{
    for (uint32_t i = 0; i < v->count; i++)
        if (slice_is(slice_name(v->pairs[i].key), slice_of(key)))
            return &v->pairs[i];
    return NULL;
}

static void put(struct trb_request *rq, struct invocation *v, const char *key, struct trb_slice value, bool replaces)
{
    struct trb_pair *p = find_pair(v, key);
    if (!value.len || (p && !replaces))
        return;
    p = p ? p : &v->pairs[v->count++];
    *p = (struct trb_pair){name_of(key), name_copy(rq, value)};
}

#define ADDED 3u

/* The client's own is better than none. */
static void add_trace(struct trb_request *rq, struct invocation *v)
{
    struct trb_slice parent = rq->kernel->traceparent(rq);
    put(rq, v, "traceparent", parent, !slice_is(parent, NO_TRACE));
    put(rq, v, "tracestate", rq->kernel->tracestate(rq), true);
    put(rq, v, "baggage", rq->kernel->header(rq, "baggage"), true);
}

/* ------------------------------------------------------------------------------------------- ask */
static struct trb_next refuse(struct trb_request *rq, struct trb_name name, const char *why)
{
    return trb_refuse(rq, &INVOKE_FAILED, "error invoking output binding %s: %s", name.at, why);
}

static struct trb_next ask(struct trb_request *rq, struct invocation *v)
{
    const char *why;
    struct trb_instance *i = output_find(rq, v->name, v->question.operation, &why);
    if (!i)
        return refuse(rq, v->name, why);
    add_trace(rq, v);
    v->binding = rq->kernel->instance_data(i);
    v->began_ns = clock_now_ns();
    v->question.size = sizeof v->question;
    v->question.metadata = (struct trb_pairs){v->pairs, v->count, sizeof *v->pairs};
    return trb_ask(rq, i, TRB_AT(bindings, invoke), &v->question, TRB_GO(reply));
}

/* ------------------------------------------------------------------------------------------ HTTP */
/* From the last to the first: of two with one name the last counts, which whoever looks finds first. */
static const char *take_metadata(struct trb_request *rq, struct invocation *v, struct json_value all)
{
    struct json_value value;
    struct trb_slice raw;
    uint32_t n = json_count(all);
    v->pairs = trb_alloc(rq, (n + ADDED) * sizeof *v->pairs);
    if (all.kind == JSON_NONE || all.kind == JSON_NULL)
        return NULL;
    if (all.kind != JSON_OBJECT)
        return trb_printf(rq, "json: cannot unmarshal %s into Go struct field " TYPE ".metadata of type map[string]string",
                          json_kind_name(all)).at;
    v->count = n;
    for (struct json_cursor c = json_enter(all); json_member(&c, &raw, &value);) {
        if (value.kind != JSON_STRING && value.kind != JSON_NULL)
            return trb_printf(rq, "json: cannot unmarshal %s into Go struct field " TYPE ".metadata of type string",
                              json_kind_name(value)).at;
        v->pairs[--n] = (struct trb_pair){string_copy(rq, (struct json_value){JSON_STRING, raw}),
                                          value.kind == JSON_STRING ? string_copy(rq, value) : NAME("")};
    }
    return NULL;
}

/* Every token as it stands; white space between them goes. */
static struct trb_data value_of(struct trb_request *rq, struct json_value v)
{
    if (v.kind == JSON_NONE)
        return (struct trb_data){"null", 4, NULL};
    if (json_is_compact(v))
        return (struct trb_data){v.raw.at, v.raw.len, rq->kernel->body(rq).owner};
    struct text t = {0};
    json_compact(v, &t);
    struct trb_name compact = name_copy(rq, text_slice(&t));
    text_fini(&t);
    return (struct trb_data){compact.at, compact.len, NULL};
}

/* A member that is text, or absent. false: it is something else. */
static bool member_text(struct trb_request *rq, struct json_value object, const char *name, struct trb_name *ret)
{
    struct json_value v = json_find_nocase(object, slice_of(name));
    *ret = v.kind == JSON_STRING ? string_copy(rq, v) : NAME("");
    return v.kind == JSON_STRING || v.kind == JSON_NULL || v.kind == JSON_NONE;
}

static const char *take_members(struct trb_request *rq, struct invocation *v, struct json_value body)
{
    if (body.kind != JSON_OBJECT && body.kind != JSON_NULL)
        return trb_printf(rq, "json: cannot unmarshal %s into Go value of type runtime." TYPE, json_kind_name(body)).at;
    if (body.kind == JSON_NULL)
        body = (struct json_value){JSON_OBJECT, SLICE("{}")};
    if (!member_text(rq, body, "operation", &v->question.operation))
        return trb_printf(rq, "json: cannot unmarshal %s into Go struct field " TYPE ".operation of type string",
                          json_kind_name(json_find_nocase(body, SLICE("operation")))).at;
    v->question.data = value_of(rq, json_find_nocase(body, SLICE("data")));
    return take_metadata(rq, v, json_find_nocase(body, SLICE("metadata")));
}

static const char *read_body(struct trb_request *rq, struct invocation *v)
{
    struct trb_data body = rq->kernel->body(rq);
    struct trb_slice text = slice_from(body.at ? body.at : "", body.len);
    struct json_value all;
    struct json_fault fault;
    const char *cut = rq->kernel->body_fault(rq);
    if (cut)
        return cut;
    if (json_parse(text, &all, &fault))
        return take_members(rq, v, all);
    if (fault.at_end)
        return slice_trim(text).len ? "unexpected EOF" : "EOF";
    return trb_printf(rq, "%s", fault.message).at;
}

struct trb_next invoke_parse(struct trb_request *rq)
{
    struct invocation *v = trb_request_state(rq, sizeof *v);
    v->name = rq->kernel->path(rq, "name");
    const char *fault = read_body(rq, v);
    return fault ? trb_refuse(rq, &MALFORMED, "failed deserializing HTTP body: %s", fault) : ask(rq, v);
}

/* ------------------------------------------------------------------------------------------ gRPC */
static bool is_hidden(struct trb_slice key)
{
    static const char *const hidden[] = {"te", "grpc-timeout", "grpc-encoding", "grpc-accept-encoding", "content-length",
                                         "dapr-api-token"};
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
        if (slice_is(key, slice_of(hidden[i])))
            return true;
    return false;
}

static struct trb_name renamed(struct trb_request *rq, struct trb_name key)
{
    if (key.len && key.at[0] == ':')
        return trb_printf(rq, "dapr-%s", key.at + 1);
    return slice_starts(slice_name(key), SLICE("grpc-")) ? trb_printf(rq, "dapr-%s", key.at) : key;
}

/* What the call came with, beside what the message says; first values, and never instead of it. */
static void add_headers(struct trb_request *rq, struct invocation *v, const struct trb_pairs *headers)
{
    for (uint32_t i = 0; i < headers->count; i++) {
        const struct trb_pair *p = trb_pair_at(headers, i);
        if (!is_hidden(slice_name(p->key)))
            put(rq, v, renamed(rq, p->key).at, slice_name(p->value), false);
    }
}

struct trb_next invoke_rpc(struct trb_request *rq)
{
    struct invocation *v = trb_request_state(rq, sizeof *v);
    struct runtime_invoke_binding_request m;
    struct trb_pairs headers = rq->kernel->headers(rq);
    struct trb_next refusal;
    if (!rpc_read(rq, &runtime_invoke_binding_request_pb, &m, &refusal))
        return refusal;
    v->name = m.name;
    v->question.operation = m.operation;
    v->question.data = rpc_data(rq, m.data);
    v->pairs = trb_alloc(rq, (m.metadata.count + headers.count + ADDED) * sizeof *v->pairs);
    for (; v->count < m.metadata.count; v->count++)
        v->pairs[v->count] = *trb_pair_at(&m.metadata, v->count);
    add_headers(rq, v, &headers);
    return ask(rq, v);
}

/* ----------------------------------------------------------------------------------------- reply */
static void show_metadata(struct trb_request *rq, const struct trb_pairs *metadata)
{
    for (uint32_t i = 0; i < metadata->count; i++) {
        const struct trb_pair *p = trb_pair_at(metadata, i);
        rq->kernel->set_header(rq, slice_name(trb_printf(rq, "metadata.%s", p->key.at)), slice_name(p->value));
    }
}

static struct trb_next reply_http(struct trb_request *rq, const struct trb_binding_answer *a)
{
    if (!a->data.at && !a->metadata.count)
        return trb_reply_empty(rq, 204);
    rq->kernel->set_header(rq, SLICE("Content-Type"), a->content_type.at ? a->content_type : SLICE("application/json"));
    struct trb_data data = a->data;
    data.at = data.at ? data.at : "";
    return trb_reply(rq, 200, data);
}

static struct trb_next reply_rpc(struct trb_request *rq, const struct trb_binding_answer *a)
{
    struct runtime_invoke_binding_response m = {.data = {a->data.at, a->data.len}, .metadata = a->metadata};
    return rpc_reply(rq, &runtime_invoke_binding_response_pb, &m);
}

static struct trb_next reply(struct trb_request *rq)
{
    static const struct trb_binding_answer nothing = {.size = sizeof nothing, .metadata = {.stride = sizeof(struct trb_pair)}};
    struct invocation *v = rq->state;
    const struct trb_error *err = rq->kernel->failure(rq);
    const struct trb_binding_answer *a = rq->kernel->answer(rq);
    if (a && !TRB_KNOWS(a, failure))
        a = &nothing;
    bool is_well = a && !a->failure.at;
    if (!err || strcmp(err->reason, "NO_OPERATION"))
        binding_count_invoked(rq->kernel, v->binding, slice_name(v->question.operation), is_well, v->began_ns);
    if (a)
        show_metadata(rq, &a->metadata);
    if (!is_well)
        return refuse(rq, v->name, a ? name_copy(rq, a->failure).at : component_text(rq, err).at);
    return rq->door == TRB_DOOR_GRPC ? reply_rpc(rq, a) : reply_http(rq, a);
}
