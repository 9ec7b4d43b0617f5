/* configuration_tracing: where spans go and how many, from the spec, else from the environment. */
#include <base/clock.h>
#include <base/codec.h>
#include <config/configuration_read.h>
#include <math.h>
#include <stdlib.h>

#define DEFAULT_RATE 0.0001
#define DEFAULT_TIMEOUT_NS (10 * (int64_t)CLOCK_S)

static void settle_rate(struct configuration_tracing *t)
{
    char *end;
    const char *text = t->sampling_rate.at;
    t->rate = DEFAULT_RATE;
    if (!t->sampling_rate.len || !strchr("+-.0123456789", text[0]))
        return;
    double rate = strtod(text, &end);
    if (end == text + t->sampling_rate.len && !isnan(rate))
        t->rate = rate;
}

/* --- headers: "k=v", or a mapping with name and value ------------------------------------------- */

struct headers {
    struct trb_pair *at;
    uint32_t count;
};

static void add_pair_text(struct headers *h, struct arena *arena, struct trb_name text)
{
    struct trb_slice value = slice_name(text), key = slice_split(&value, '=');
    if (!value.at)
        value = slice_of("");
    h->at[h->count++] = (struct trb_pair){arena_name(arena, key), arena_name(arena, value)};
}

static void add_pair(struct reader *r, struct headers *h, struct yaml_node *item)
{
    static const char path[] = "spec.tracing.otel.headers";
    if (item->kind == YAML_SCALAR && !yaml_is_null(item)) {
        add_pair_text(h, r->fields.arena, item->text);
    } else if (item->kind == YAML_MAPPING) {
        h->at[h->count++] = (struct trb_pair){field_or_empty(reader_text(r, item, "headers.name")),
                                              field_or_empty(reader_text(r, item, "headers.value"))};
    } else {
        field_refuse(&r->fields, item, "%s must be a list of texts such as name=value", path);
    }
}

static struct trb_pairs read_headers(struct reader *r, struct yaml_node *otel)
{
    struct yaml_node *list = reader_list(r, otel, "spec.tracing.otel.headers");
    struct headers h = {.at = reader_room(r, list, struct trb_pair)};
    for (uint32_t i = 0; i < field_count(list); i++)
        add_pair(r, &h, list->items[i]);
    return (struct trb_pairs){h.at, h.count, sizeof(struct trb_pair)};
}

/* --- the environment ---------------------------------------------------------------------------- */

static trb_code refuse_env(struct trb_error *err, const char *what, struct trb_slice part)
{
    return error_set(err, TRB_INVALID, "CONFIGURATION", "error setting tracing spec from env: %s %.*s", what,
                     SLICE_ARG(part));
}

/* a=b,c=d with percent-escapes in the values. */
static trb_code headers_from_env(struct reader *r, struct trb_error *err)
{
    struct trb_slice rest = slice_name(r->env->otel_headers);
    struct headers h = {.at = arena_zero(r->fields.arena, (rest.len / 2 + 1) * sizeof *h.at)};
    while (rest.at) {
        struct trb_slice part = slice_trim(slice_split(&rest, ','));
        struct trb_slice value = part, key = slice_split(&value, '=');
        if (!part.len)
            continue;
        char *decoded = arena_alloc(r->fields.arena, value.len + 1);
        size_t len = 0;
        if (!value.at || !key.len || !percent_decode(value, false, decoded, &len))
            return refuse_env(err, "a header must be name=value, with percent-escapes in the value, not", key);
        h.at[h.count++] = (struct trb_pair){arena_name(r->fields.arena, slice_trim(key)),
                                            arena_name(r->fields.arena, slice_from(decoded, len))};
    }
    r->c->tracing.otel_headers = (struct trb_pairs){h.at, h.count, sizeof(struct trb_pair)};
    return TRB_OK;
}

static struct trb_slice cut_scheme(struct trb_slice s)
{
    if (slice_starts(s, SLICE("http://")))
        return slice_skip(s, 7);
    return slice_starts(s, SLICE("https://")) ? slice_skip(s, 8) : s;
}

static trb_code timeout_from_env(struct reader *r, struct trb_error *err)
{
    uint64_t ms;
    struct trb_slice text = slice_name(r->env->otel_timeout);
    if (!text.at)
        return TRB_OK;
    if (!slice_to_u64(text, &ms) || ms > INT64_MAX / CLOCK_MS)
        return refuse_env(err, "the timeout must be a whole number of milliseconds, not", text);
    r->c->tracing.otel_timeout_ns = ms * CLOCK_MS;
    return TRB_OK;
}

static trb_code take_environment(struct reader *r, struct trb_error *err)
{
    struct configuration_tracing *t = &r->c->tracing;
    const struct environment *env = r->env;
    if (!env || !env->otel_endpoint.at || t->otel_endpoint.at)
        return TRB_OK;
    t->otel_endpoint = arena_name(r->fields.arena, cut_scheme(slice_name(env->otel_endpoint)));
    bool is_http = slice_starts(slice_name(env->otel_protocol), SLICE("http"));
    t->otel_protocol = is_http ? NAME("http") : NAME("grpc");
    if (slice_is(slice_name(env->otel_insecure), SLICE("true")))
        t->otel_secure = false;
    if (!t->sampling_rate.at)
        t->sampling_rate = NAME("1");
    trb_code code = env->otel_headers.at ? headers_from_env(r, err) : TRB_OK;
    return code ? code : timeout_from_env(r, err);
}

/* --- all of it ---------------------------------------------------------------------------------- */

static trb_code check_protocol(const struct configuration_tracing *t, struct trb_error *err)
{
    struct trb_slice protocol = slice_name(t->otel_protocol);
    bool is_known = slice_is(protocol, SLICE("http")) || slice_is(protocol, SLICE("grpc"));
    if (!t->otel_endpoint.at || !protocol.at || is_known)
        return TRB_OK;
    return error_set(err, TRB_INVALID, "CONFIGURATION",
                     "failed to setup tracing: invalid protocol %.*s provided for Otel endpoint",
                     SLICE_ARG(protocol));
}

static void read_otel(struct reader *r, struct yaml_node *tracing)
{
    struct configuration_tracing *t = &r->c->tracing;
    struct yaml_node *otel = reader_mapping(r, tracing, "spec.tracing.otel");
    t->otel_protocol = reader_text_or(r, otel, "spec.tracing.otel.protocol", (struct trb_name){0});
    t->otel_endpoint = reader_text_or(r, otel, "spec.tracing.otel.endpointAddress", (struct trb_name){0});
    t->otel_secure = reader_bool(r, otel, "spec.tracing.otel.isSecure", true);
    t->otel_headers = read_headers(r, otel);
    int64_t timeout_ns = reader_duration(r, otel, "spec.tracing.otel.timeout", DEFAULT_TIMEOUT_NS);
    t->otel_timeout_ns = (uint64_t)(timeout_ns ? timeout_ns : DEFAULT_TIMEOUT_NS);
}

trb_code read_tracing(struct reader *r, struct yaml_node *spec, struct trb_error *err)
{
    struct configuration_tracing *t = &r->c->tracing;
    struct yaml_node *tracing = reader_mapping(r, spec, "spec.tracing");
    t->sampling_rate = reader_text_or(r, tracing, "spec.tracing.samplingRate", (struct trb_name){0});
    t->to_stdout = reader_bool(r, tracing, "spec.tracing.stdout", false);
    t->zipkin_endpoint = reader_text_or(r, reader_mapping(r, tracing, "spec.tracing.zipkin"),
                                        "spec.tracing.zipkin.endpointAddress", (struct trb_name){0});
    read_otel(r, tracing);
    trb_code code = take_environment(r, err);
    settle_rate(t);
    return code || r->fields.fault.at ? code : check_protocol(t, err);
}
