/* peer_codec: field by field; the numbers are those of proto/dapr/proto/{common,internals}/v1. */
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <channel/peer_codec.h>
#include <wire/wire.h>

static const char *const verbs[] = {NULL, "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};

uint32_t peer_verb(struct trb_slice method)
{
    for (uint32_t i = 1; i < countof(verbs); i++)
        if (slice_is(method, slice_of(verbs[i])))
            return i;
    return 0;
}

const char *peer_verb_name(uint32_t verb)
{
    return verb < countof(verbs) ? verbs[verb] : NULL;
}

/* ------------------------------------------------------------------------------------- reading */
struct gathered {
    struct arena *arena;
    struct trb_pair *at;
    uint32_t count, room;
};

#define MAX_PAIRS 4096

static bool add_pair(struct gathered *g, struct trb_slice key, struct trb_slice value)
{
    if (g->count == MAX_PAIRS)
        return false;
    if (g->count == g->room) {
        uint32_t room = g->room ? g->room * 2 : 16;
        struct trb_pair *at = arena_alloc(g->arena, room * sizeof *at);
        if (g->count)
            memcpy(at, g->at, g->count * sizeof *at);
        g->at = at;
        g->room = room;
    }
    g->at[g->count++] = arena_pair(g->arena, key, value);
    return true;
}

/* map<string, ListStringValue>: one pair per value. */
static bool read_lists(struct gathered *g, struct trb_slice entry)
{
    struct trb_slice key = SLICE(""), values = SLICE("");
    struct wire_reader r = wire_read(entry);
    struct wire_field f;
    while (wire_next(&r, &f)) {
        if (f.number == 1 && f.type == WIRE_BYTES)
            key = f.bytes;
        else if (f.number == 2 && f.type == WIRE_BYTES)
            values = f.bytes;
    }
    if (r.broken)
        return false;
    r = wire_read(values);
    while (wire_next(&r, &f))
        if (f.number == 1 && f.type == WIRE_BYTES && !add_pair(g, key, f.bytes))
            return false;
    return !r.broken;
}

static struct trb_pairs pairs_of(const struct gathered *g)
{
    return (struct trb_pairs){g->at, g->count, sizeof(struct trb_pair)};
}

static bool read_any(struct trb_slice any, struct trb_slice *ret_url, struct trb_slice *ret_data)
{
    struct wire_reader r = wire_read(any);
    struct wire_field f;
    while (wire_next(&r, &f)) {
        if (f.number == 1 && f.type == WIRE_BYTES)
            *ret_url = f.bytes;
        else if (f.number == 2 && f.type == WIRE_BYTES)
            *ret_data = f.bytes;
    }
    return !r.broken;
}

static bool read_extension(struct trb_slice extension, struct peer_request *ret)
{
    struct wire_reader r = wire_read(extension);
    struct wire_field f;
    ret->has_extension = true;
    while (wire_next(&r, &f)) {
        if (f.number == 1 && f.type == WIRE_VARINT)
            ret->verb = (uint32_t)f.value;
        else if (f.number == 2 && f.type == WIRE_BYTES)
            ret->query = f.bytes;
    }
    return !r.broken;
}

static bool read_invoke_request(struct trb_slice message, struct peer_request *ret)
{
    struct wire_reader r = wire_read(message);
    struct wire_field f;
    bool fine = true;
    ret->has_message = true;
    while (fine && wire_next(&r, &f)) {
        if (f.type != WIRE_BYTES)
            continue;
        if (f.number == 1)
            ret->method = f.bytes;
        else if (f.number == 2)
            fine = read_any(f.bytes, &ret->type_url, &ret->data);
        else if (f.number == 3)
            ret->content_type = f.bytes;
        else if (f.number == 4)
            fine = read_extension(f.bytes, ret);
    }
    return fine && !r.broken;
}

bool peer_read_request(struct arena *arena, struct trb_slice message, struct peer_request *ret)
{
    struct wire_reader r = wire_read(message);
    struct gathered metadata = {.arena = arena};
    struct wire_field f;
    bool fine = true;
    memset(ret, 0, sizeof *ret);
    while (fine && wire_next(&r, &f)) {
        if (f.number == 2 && f.type == WIRE_BYTES) {
            ret->has_metadata = true;
            fine = read_lists(&metadata, f.bytes);
        } else if (f.number == 3 && f.type == WIRE_BYTES) {
            fine = read_invoke_request(f.bytes, ret);
        }
    }
    ret->metadata = pairs_of(&metadata);
    return fine && !r.broken;
}

static bool read_status(struct trb_slice status, struct peer_response *ret)
{
    struct wire_reader r = wire_read(status);
    struct wire_field f;
    ret->has_status = true;
    while (wire_next(&r, &f)) {
        if (f.number == 1 && f.type == WIRE_VARINT)
            ret->code = (int32_t)f.value;
        else if (f.number == 2 && f.type == WIRE_BYTES)
            ret->message = f.bytes;
        else if (f.number == 3 && f.type == WIRE_BYTES)
            ret->details = status;         /* google.rpc.Status has the same fields */
    }
    return !r.broken;
}

static bool read_invoke_response(struct trb_slice message, struct peer_response *ret)
{
    struct wire_reader r = wire_read(message);
    struct wire_field f;
    bool fine = true;
    while (fine && wire_next(&r, &f)) {
        if (f.number == 1 && f.type == WIRE_BYTES)
            fine = read_any(f.bytes, &ret->type_url, &ret->data);
        else if (f.number == 2 && f.type == WIRE_BYTES)
            ret->content_type = f.bytes;
    }
    return fine && !r.broken;
}

bool peer_read_response(struct arena *arena, struct trb_slice message, struct peer_response *ret)
{
    struct wire_reader r = wire_read(message);
    struct gathered headers = {.arena = arena}, trailers = {.arena = arena};
    struct wire_field f;
    bool fine = true;
    memset(ret, 0, sizeof *ret);
    while (fine && wire_next(&r, &f)) {
        if (f.type != WIRE_BYTES)
            continue;
        if (f.number == 1)
            fine = read_status(f.bytes, ret);
        else if (f.number == 2)
            fine = read_lists(&headers, f.bytes);
        else if (f.number == 3)
            fine = read_lists(&trailers, f.bytes);
        else if (f.number == 4)
            fine = read_invoke_response(f.bytes, ret);
    }
    ret->headers = pairs_of(&headers);
    ret->trailers = pairs_of(&trailers);
    return fine && !r.broken;
}

static bool read_payload(struct trb_slice payload, struct peer_payload *ret)
{
    struct wire_reader r = wire_read(payload);
    struct wire_field f;
    ret->is_present = true;
    ret->data = SLICE("");
    while (wire_next(&r, &f)) {
        if (f.number == 1 && f.type == WIRE_BYTES)
            ret->data = f.bytes;
        else if (f.number == 2 && f.type == WIRE_VARINT)
            ret->seq = f.value;
    }
    return !r.broken;
}

static bool read_chunk(struct trb_slice message, struct trb_slice *ret_head, struct peer_payload *ret_payload)
{
    struct wire_reader r = wire_read(message);
    struct wire_field f;
    bool fine = true;
    memset(ret_payload, 0, sizeof *ret_payload);
    *ret_head = (struct trb_slice){0};
    while (fine && wire_next(&r, &f)) {
        if (f.number == 1 && f.type == WIRE_BYTES)
            *ret_head = f.bytes;
        else if (f.number == 2 && f.type == WIRE_BYTES)
            fine = read_payload(f.bytes, ret_payload);
    }
    return fine && !r.broken;
}

bool peer_read_request_chunk(struct arena *arena, struct trb_slice message, bool *ret_has_request,
                             struct peer_request *ret_request, struct peer_payload *ret_payload)
{
    struct trb_slice head;
    if (!read_chunk(message, &head, ret_payload))
        return false;
    *ret_has_request = head.at != NULL;
    return !head.at || peer_read_request(arena, head, ret_request);
}

bool peer_read_response_chunk(struct arena *arena, struct trb_slice message, bool *ret_has_response,
                              struct peer_response *ret_response, struct peer_payload *ret_payload)
{
    struct trb_slice head;
    if (!read_chunk(message, &head, ret_payload))
        return false;
    *ret_has_response = head.at != NULL;
    return !head.at || peer_read_response(arena, head, ret_response);
}

/* ------------------------------------------------------------------------------------- writing */
static void write_any(struct text *t, uint32_t number, struct trb_slice url, struct trb_slice data)
{
    if (!url.len && !data.len)
        return;
    size_t any = wire_begin(t, number);
    wire_put_bytes(t, 1, url);
    wire_put_bytes(t, 2, data);
    wire_end(t, any);
}

static void write_extension(struct text *t, const struct peer_request *q)
{
    if (!q->has_extension)
        return;
    size_t extension = wire_begin(t, 4);
    wire_put_uint(t, 1, q->verb);
    wire_put_bytes(t, 2, q->query);
    wire_end(t, extension);
}

void peer_write_request(struct text *t, const struct peer_request *q)
{
    wire_put_uint(t, 1, 1);
    peer_write_lists(t, 2, &q->metadata);
    size_t message = wire_begin(t, 3);
    wire_put_bytes(t, 1, q->method);
    write_any(t, 2, q->type_url, q->data);
    wire_put_bytes(t, 3, q->content_type);
    write_extension(t, q);
    wire_end(t, message);
}

static void write_details(struct text *t, struct trb_slice status)
{
    struct wire_reader r = wire_read(status);
    struct wire_field f;
    while (wire_next(&r, &f))
        if (f.number == 3 && f.type == WIRE_BYTES)
            wire_put_bytes_always(t, 3, f.bytes);
}

void peer_write_response(struct text *t, const struct peer_response *a)
{
    if (!a->has_status)
        return;
    size_t status = wire_begin(t, 1);
    wire_put_uint(t, 1, (uint64_t)(int64_t)a->code);
    wire_put_bytes(t, 2, a->message);
    write_details(t, a->details);
    wire_end(t, status);
    peer_write_lists(t, 2, &a->headers);
    peer_write_lists(t, 3, &a->trailers);
    size_t message = wire_begin(t, 4);
    write_any(t, 1, a->type_url, a->data);
    wire_put_bytes(t, 2, a->content_type);
    wire_end(t, message);
}

static void write_payload(struct text *t, const struct peer_payload *p)
{
    if (!p || !p->is_present)
        return;
    size_t payload = wire_begin(t, 2);
    wire_put_bytes(t, 1, p->data);
    wire_put_uint(t, 2, p->seq);
    wire_end(t, payload);
}

void peer_write_request_chunk(struct text *t, const struct peer_request *q, const struct peer_payload *p)
{
    if (q) {
        size_t head = wire_begin(t, 1);
        peer_write_request(t, q);
        wire_end(t, head);
    }
    write_payload(t, p);
}

void peer_write_response_chunk(struct text *t, const struct peer_response *a, const struct peer_payload *p)
{
    if (a) {
        size_t head = wire_begin(t, 1);
        peer_write_response(t, a);
        wire_end(t, head);
    }
    write_payload(t, p);
}
