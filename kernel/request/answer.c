/* answer: what a step says back, whole or in pieces, whatever the door. Doors turn it into bytes. */
#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <request/private.h>
#include <string.h>

static char spell(char c, bool upper)
{
    unsigned from = (unsigned char)c - (upper ? 'a' : 'A');
    return (char)(from < 26 ? c ^ 0x20 : c);
}

/* HTTP/1 shows canonical names (X-Content-Type-Options), HTTP/2 lower ones; between sidecars they are data. */
struct trb_name request_header_name(struct request *rq, struct trb_slice name)
{
    bool is_first = rq->exchange && rq->exchange->request.major == 1, upper = is_first;
    if (rq->public_.door == TRB_DOOR_PEER)
        return arena_name(rq->arena, name);
    char *at = arena_alloc(rq->arena, name.len + 1);
    for (size_t i = 0; i < name.len; i++) {
        at[i] = spell(name.at[i], upper);
        upper = is_first && name.at[i] == '-';
    }
    at[name.len] = '\0';
    return (struct trb_name){at, name.len};
}

static struct trb_name copy_value(struct request *rq, struct trb_slice value)
{
    struct trb_name copy = arena_name(rq->arena, value);
    if (http_is_field_value(value))
        return copy;
    for (size_t i = 0; i < copy.len; i++)
        if ((unsigned char)copy.at[i] < 0x20 && copy.at[i] != '\t')
            ((char *)(uintptr_t)copy.at)[i] = ' ';
    return copy;
}

/* What the codec says itself; that a connection stays open it may be told to say aloud. */
static bool is_framing(struct trb_slice name, struct trb_slice value)
{
    switch (name.len) {
    case 10:
        return slice_is_nocase(name, SLICE("connection")) && !slice_is(value, SLICE("keep-alive"));
    case 14:
        return slice_is_nocase(name, SLICE("content-length"));
    case 17:
        return slice_is_nocase(name, SLICE("transfer-encoding"));
    default:
        return false;
    }
}

static bool is_single(struct trb_slice name)
{
    return slice_is_nocase(name, SLICE("content-type")) || slice_is_nocase(name, SLICE("etag")) ||
           slice_is_nocase(name, SLICE("traceparent")) || slice_is_nocase(name, SLICE("tracestate"));
}

static void remove_header(struct http_headers *headers, struct trb_slice name)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < headers->count; i++)
        if (!slice_is_nocase(headers->at[i].name, name))
            headers->at[kept++] = headers->at[i];
    headers->count = kept;
}

bool request_has_header(const struct request *rq, struct trb_slice name)
{
    for (uint32_t i = 0; i < rq->out.headers.count; i++)
        if (slice_is_nocase(rq->out.headers.at[i].name, name))
            return true;
    return false;
}

void request_set_header(struct request *rq, struct trb_slice name, struct trb_slice value)
{
    if (request_is_over(rq) || rq->out.head_sent || rq->out.ended || is_framing(name, value) ||
        !http_is_token(name))
        return;
    if (!value.at || is_single(name))
        remove_header(&rq->out.headers, name);
    if (value.at)
        http_header_add(rq->arena, &rq->out.headers, slice_name(request_header_name(rq, name)),
                        slice_name(copy_value(rq, value)));
}

#define FEW 32u             /* headers that insertion sorts quickest */

static bool is_before(const struct http_header *a, const struct http_header *b)
{
    int order = memcmp(a->name.at, b->name.at, a->name.len < b->name.len ? a->name.len : b->name.len);
    return order ? order < 0 : a->name.len < b->name.len;
}

static void insert(struct http_header *at, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        struct http_header moving = at[i];
        uint32_t to = i;
        for (; to > 0 && is_before(&moving, &at[to - 1]); to--)
            at[to] = at[to - 1];
        at[to] = moving;
    }
}

/* room: for half of them. */
static void sort(struct http_header *at, uint32_t count, struct http_header *room)
{
    uint32_t half = count / 2, left = 0, right = half, to = 0;
    if (count <= FEW)
        return insert(at, count);
    sort(at, half, room);
    sort(at + half, count - half, room);
    memcpy(room, at, half * sizeof *at);
    while (left < half)
        at[to++] = right < count && is_before(&at[right], &room[left]) ? at[right++] : room[left++];
}

/* Stable, so that lines of one name keep their order; an app may answer very many. */
void request_sort_headers(struct http_headers *headers)
{
    struct http_header *room = headers->count > FEW ? mem_alloc(headers->count / 2 * sizeof *room) : NULL;
    sort(headers->at, headers->count, room);
    mem_free(room);
}

static bool is_closed(const struct request *rq)
{
    return request_is_over(rq) || rq->out.ended;
}

/* Apps, peers and plugins name statuses: what cannot stand in an answer is a failure of theirs. */
static uint32_t status_of(const struct request *rq, uint32_t said)
{
    bool is_switch = said == 101 && rq->exchange && rq->exchange->request.major == 1;
    return (said >= 200 && said < 1000) || is_switch ? said : 500;
}

struct trb_next request_reply(struct request *rq, uint32_t status, struct trb_data body)
{
    if (is_closed(rq) || rq->out.head_sent)
        return request_over();
    rq->out.status = status_of(rq, status);
    rq->out.bytes += body.len;
    rq->out.ended = true;
    if (rq->door->whole)
        rq->door->whole(rq, rq->out.status, body);
    return request_over();
}

struct trb_next request_reply_status(struct request *rq, const struct trb_status *status)
{
    if (is_closed(rq) || rq->out.head_sent)
        return request_over();
    if (!rq->door->status)
        return request_reply(rq, (uint32_t)error_code_to_http(status->code), status->body);
    rq->out.grpc_code = status->code;
    rq->out.bytes += status->body.len;
    rq->out.ended = true;
    rq->door->status(rq, status);
    return request_over();
}

void request_set_trailer(struct request *rq, struct trb_slice name, struct trb_slice value)
{
    if (!request_is_over(rq) && http_is_token(name))
        http_header_add(rq->arena, &rq->out.trailers, slice_name(request_header_name(rq, name)),
                        slice_name(copy_value(rq, value)));
}

struct trb_next request_reply_text(struct request *rq, uint32_t status, struct trb_slice text)
{
    struct trb_name line = arena_printf(rq->arena, "%.*s\n", SLICE_ARG(text));
    request_set_header(rq, SLICE("Content-Type"), SLICE("text/plain; charset=utf-8"));
    request_set_header(rq, SLICE("X-Content-Type-Options"), SLICE("nosniff"));
    return request_reply(rq, status, (struct trb_data){line.at, line.len, NULL});
}

/* A gRPC door can still say a status after messages; the others can only break off. */
struct trb_next request_refuse(struct request *rq, const struct trb_refusal *refusal)
{
    if (is_closed(rq))
        return request_over();
    rq->out.error_code = refusal->row->code;
    rq->out.error_category = refusal->row->category;
    rq->out.status = status_of(rq, refusal->http_status ? refusal->http_status : refusal->row->http_status);
    rq->out.grpc_code = refusal->row->grpc;
    rq->out.ended = true;
    if (rq->door->refuse)
        rq->door->refuse(rq, refusal);
    return request_over();
}

void request_reply_head(struct request *rq, uint32_t status, int64_t length)
{
    if (is_closed(rq) || rq->out.head_sent)
        return;
    rq->out.status = status_of(rq, status);
    rq->out.head_sent = true;
    if (rq->door->head)
        rq->door->head(rq, rq->out.status, length);
}

bool request_reply_has_room(const struct request *rq)
{
    return rq->out.has_room;
}

bool request_reply_piece(struct request *rq, struct trb_data piece)
{
    if (is_closed(rq))
        return true;
    rq->out.bytes += piece.len;
    rq->out.has_room = rq->door->piece ? rq->door->piece(rq, piece) : true;
    return rq->out.has_room;
}

void request_reply_watch(struct request *rq, void (*room)(struct request *, void *), void *arg)
{
    rq->out.room = room;
    rq->out.room_arg = arg;
}

void request_room(struct request *rq)
{
    rq->out.has_room = true;
    if (rq->out.room && !request_is_over(rq))
        rq->out.room(rq, rq->out.room_arg);
}

static void wake(struct request *rq, void *arg)
{
    request_reply_watch(rq, NULL, NULL);
    request_resume(rq);
}

struct trb_next request_reply_send(struct request *rq, struct trb_data piece, struct trb_next then)
{
    if (is_closed(rq))
        return request_over();
    if (request_reply_piece(rq, piece))
        return then;
    struct trb_next next = request_await(rq, then, NULL, NULL);
    request_reply_watch(rq, wake, NULL);
    return next;
}

struct trb_next request_reply_end(struct request *rq)
{
    if (is_closed(rq))
        return request_over();
    rq->out.ended = true;
    if (rq->door->end)
        rq->door->end(rq);
    return request_over();
}

struct trb_next request_reply_cut(struct request *rq)
{
    if (is_closed(rq))
        return request_over();
    rq->out.ended = true;
    rq->out.is_cut = true;
    if (rq->door->cut)
        rq->door->cut(rq);
    return request_over();
}

static struct trb_next end_step(struct trb_request *rq)
{
    return request_reply_end(request_of(rq));
}

static struct trb_next cut_step(struct trb_request *rq)
{
    return request_reply_cut(request_of(rq));
}

struct trb_next request_go_end(void)
{
    return (struct trb_next){.step = end_step, .name = "end", .kind = TRB_NEXT_GO};
}

struct trb_next request_go_cut(void)
{
    return (struct trb_next){.step = cut_step, .name = "cut", .kind = TRB_NEXT_GO};
}
