/* door_common: what both doors do alike: the kept setup, the token, trace context, the runtime's hooks. */
#include <base/check.h>
#include <base/clock.h>
#include <base/mem.h>
#include <base/slice.h>
#include <request/door_common.h>
#include <request/shared_slot.h>
#include <stdatomic.h>
#include <string.h>

#define SETUP_BUDGET (1u << 20)

static struct trb_slice copy(struct door *d, struct trb_slice text)
{
    return text.at ? slice_name(arena_name(d->arena, text)) : text;
}

/* ------------------------------------------------------------------------ rules that may change */
struct kept_rules {
    _Atomic uint32_t refs;
    struct arena *arena;
    struct door_rules rules;
};

static void rules_ref(void *kept)
{
    atomic_fetch_add(&((struct kept_rules *)kept)->refs, 1);
}

static void rules_unref(void *arg)
{
    struct kept_rules *kept = arg;
    if (atomic_fetch_sub(&kept->refs, 1) != 1)
        return;
    arena_destroy(kept->arena);
    mem_free(kept);
}

static const struct api_rule *copy_rules(struct arena *arena, const struct api_rule *rules, uint32_t count)
{
    struct api_rule *copies = arena_alloc(arena, (count + 1) * sizeof *copies);
    for (uint32_t i = 0; i < count; i++)
        copies[i] = (struct api_rule){slice_name(arena_name(arena, rules[i].name)),
                                      slice_name(arena_name(arena, rules[i].version))};
    return copies;
}

void door_set_rules(struct door *d, const struct door_rules *rules)
{
    struct kept_rules *kept = mem_zero(sizeof *kept);
    *kept = (struct kept_rules){.refs = 1, .arena = arena_create(SETUP_BUDGET), .rules = *rules};
    kept->rules.grpc_allowed = copy_rules(kept->arena, rules->grpc_allowed, rules->grpc_allowed_count);
    kept->rules.grpc_denied = copy_rules(kept->arena, rules->grpc_denied, rules->grpc_denied_count);
    shared_slot_set(d->rules, kept);
}

const struct door_rules *door_rules(const struct door *d)
{
    return &((const struct kept_rules *)shared_slot_get(d->rules))->rules;
}

/* ------------------------------------------------------------------------------------ the setup */

void door_init(struct door *d, const struct door_setup *setup)
{
    d->magic = DOOR_MAGIC;
    d->arena = arena_create(SETUP_BUDGET);
    d->setup = *setup;
    d->setup.api_token = copy(d, setup->api_token);
    struct trb_slice *origins = arena_alloc(d->arena, (setup->origin_count + 1) * sizeof *origins);
    for (uint32_t i = 0; i < setup->origin_count; i++)
        origins[i] = copy(d, setup->origins[i]);
    d->setup.origins = origins;
    static const struct shared_kind kind = {rules_ref, rules_unref};
    d->rules = shared_slot_create(&kind);
    door_set_rules(d, &setup->rules);
}

void door_fini(struct door *d)
{
    d->table = shared_slot_destroy(d->table);
    d->rules = shared_slot_destroy(d->rules);
    d->arena = arena_destroy(d->arena);
    d->magic = 0;
}

/* The length may leak, the bytes may not. */
bool door_is_token(const struct door *d, struct trb_slice given)
{
    return slice_is_secret(given, d->setup.api_token);
}

struct trb_slice door_take_header(struct exchange *x, struct trb_slice name)
{
    struct http_headers *headers = &x->request.headers;
    struct trb_slice first = {NULL, 0};
    uint32_t kept = 0;
    for (uint32_t i = 0; i < headers->count; i++) {
        if (!slice_is_nocase(headers->at[i].name, name))
            headers->at[kept++] = headers->at[i];
        else if (!first.at)
            first = headers->at[i].value;
    }
    headers->count = kept;
    return first;
}

/* Several lines count as one, joined by commas, and go on as one. */
static struct trb_slice join(struct request *rq, struct trb_slice name)
{
    struct http_headers *headers = &rq->exchange->request.headers;
    struct http_header *first = NULL;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < headers->count; i++) {
        struct http_header h = headers->at[i];
        if (first && slice_is_nocase(h.name, name)) {
            first->value = slice_name(arena_printf(rq->arena, "%.*s,%.*s", SLICE_ARG(first->value), SLICE_ARG(h.value)));
            continue;
        }
        headers->at[kept] = h;
        if (slice_is_nocase(h.name, name))
            first = &headers->at[kept];
        kept++;
    }
    headers->count = kept;
    return first ? first->value : (struct trb_slice){NULL, 0};
}

/* What came is passed on unchanged, even when it is nonsense, unless spans of our own are made. */
static void pass_on(struct door *d, struct request *rq, struct trb_slice came)
{
    if (came.at && !d->setup.trace.has_provider) {
        rq->traceparent = came;
        return;
    }
    if (!trace_is_valid(&rq->trace)) {
        rq->traceparent = SLICE(TRACE_NONE);
        return;
    }
    trace_text(&rq->trace, rq->traceparent_room);
    rq->traceparent = slice_from(rq->traceparent_room, TRACE_PARENT_LEN);
}

const char *door_trace(struct door *d, struct request *rq, struct trb_slice bin)
{
    struct trb_slice came = request_header(rq, SLICE("traceparent"));
    char room[256];
    rq->tracestate = request_header(rq, SLICE("tracestate"));
    rq->traceparent = came;
    if (!d->setup.trace.is_on) {
        rq->baggage = join(rq, SLICE("baggage"));
        return NULL;
    }
    bool has_bin = bin.at && trace_parse_bin(bin, &rq->trace_in);
    bool is_valid = has_bin || (came.at && trace_parse(came, &rq->trace_in));
    rq->trace = trace_begin(&d->setup.trace, is_valid ? &rq->trace_in : NULL);
    pass_on(d, rq, has_bin ? (struct trb_slice){NULL, 0} : came);
    rq->baggage = join(rq, SLICE("baggage"));
    const char *fault = rq->baggage.at ? trace_baggage_fault(rq->baggage, room) : NULL;
    return fault ? arena_name(rq->arena, slice_of(fault)).at : NULL;
}

void door_begin(struct door *d, struct request *rq)
{
    if (d->setup.on_begin)
        d->setup.on_begin(rq, d->setup.arg);
}

void door_done(struct door *d, struct request *rq)
{
    if (d->setup.on_done)
        d->setup.on_done(rq, d->setup.arg);
}

void door_refused(struct door *d, struct request *rq, const struct trb_refusal *refusal)
{
    if (d->setup.on_refused && refusal->row->code)
        d->setup.on_refused(rq, refusal->row->category, refusal->row->code, d->setup.arg);
}

uint64_t door_duration_ms(const struct request *rq)
{
    return (loop_now_ns(rq->loop) - rq->begun_ns) / CLOCK_MS;
}
