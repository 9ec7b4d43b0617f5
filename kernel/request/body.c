/* body: what a client sends, gathered whole or handed on piece by piece. Never arena memory, because a
 * late answer may outlive the request.
 *
 * Back-pressure is the door's window: a gathered byte is consumed at once (a limit bounds it), a
 * streamed one when it is taken. */
#include <base/check.h>
#include <base/mem.h>
#include <request/private.h>

#define EXPECT_AT_MOST (256u << 10)     /* what an announced length may reserve before it came */

void request_body_begin(struct request *rq, uint8_t mode, int64_t length, uint64_t limit, bool cut)
{
    struct request_body *b = &rq->body;
    b->mode = mode;
    b->length = length;
    b->limit = limit;
    b->cut = cut;
    b->ended = length == HTTP_NO_BODY || length == 0;
    if (mode == BODY_IGNORED || b->ended)
        return;
    if (limit && length > 0 && (uint64_t)length > limit && !cut) {
        b->fault = "stream too large";
        b->ended = true;
    } else if (mode == BODY_WHOLE && length > 0) {
        gather_expect(&b->gather, (size_t)length < EXPECT_AT_MOST ? (size_t)length : EXPECT_AT_MOST);
    }
}

static void consume(struct request *rq, size_t bytes)
{
    if (rq->door->consume && rq->cancelled != TRB_WHY_CLIENT)
        rq->door->consume(rq, bytes);
}

static void tell(struct request *rq)
{
    if (rq->body.more && rq->phase != REQUEST_ENDED)
        rq->body.more(rq, rq->body.more_arg);
}

/* A small piece of a large buffer is copied: kept by a store, it would keep the buffer. */
static struct trb_data keep(struct trb_data piece)
{
    if (!piece.owner || buf_bytes(piece.owner).len > 2 * piece.len + 4096)
        return buf_data(buf_copy((struct trb_slice){piece.at, piece.len}));
    buf_ref(piece.owner);
    return piece;
}

static void push(struct request_body *b, struct trb_data piece)
{
    if (b->count == b->room) {
        uint32_t room = b->room ? b->room * 2 : 8;
        struct trb_data *pieces = mem_alloc(room * sizeof *pieces);
        for (uint32_t i = 0; i < b->count; i++)
            pieces[i] = b->pieces[(b->first + i) % b->room];
        mem_free(b->pieces);
        b->pieces = pieces;
        b->first = 0;
        b->room = room;
    }
    b->pieces[(b->first + b->count++) % b->room] = keep(piece);
}

static struct trb_data pop(struct request_body *b)
{
    struct trb_data piece = b->pieces[b->first];
    b->first = (b->first + 1) % b->room;
    b->count--;
    return piece;
}

static void gather(struct request_body *b, struct trb_data piece)
{
    bool is_all = b->length == (int64_t)piece.len && piece.owner && !b->gather.len && !b->whole.owner;
    if (is_all && buf_bytes(piece.owner).len <= 2 * piece.len + 4096)
        b->whole = keep(piece);
    else
        gather_add(&b->gather, (struct trb_slice){piece.at, piece.len}, SIZE_MAX);
}

static void drop_all(struct request *rq)
{
    struct request_body *b = &rq->body;
    while (b->count) {
        struct trb_data piece = pop(b);
        buf_unref(piece.owner);
    }
    gather_drop(&b->gather);
    b->whole.owner = buf_unref(b->whole.owner);
    b->whole = (struct trb_data){NULL, 0, NULL};
}

/* Cuts the piece to what the limit leaves; without permission to cut, the body is at fault. */
static void apply_limit(struct request *rq, struct trb_data *piece)
{
    struct request_body *b = &rq->body;
    uint64_t over = b->arrived - b->limit;
    b->ended = true;
    if (b->cut) {
        piece->len -= over < piece->len ? (size_t)over : piece->len;
        return;
    }
    b->fault = "stream too large";
    piece->len = 0;
    if (b->mode == BODY_WHOLE)
        drop_all(rq);
}

void request_body_feed(struct request *rq, struct trb_data piece)
{
    struct request_body *b = &rq->body;
    size_t came = piece.len;
    b->arrived += came;
    if (rq->phase == REQUEST_ENDED || b->mode == BODY_IGNORED || b->ended) {
        consume(rq, came);
        return;
    }
    if (b->limit && b->arrived > b->limit)
        apply_limit(rq, &piece);
    if (b->mode == BODY_WHOLE)
        gather(b, piece);
    else if (piece.len || !came)
        push(b, piece);
    consume(rq, b->mode == BODY_WHOLE ? came : came - piece.len);
    if (b->mode == BODY_STREAM || b->ended)
        tell(rq);
}

void request_body_end(struct request *rq)
{
    if (rq->body.ended)
        return;
    rq->body.ended = true;
    tell(rq);
}

void request_body_give(struct request *rq, struct trb_buf *whole)
{
    struct request_body *b = &rq->body;
    drop_all(rq);
    b->mode = BODY_WHOLE;
    b->whole = buf_data(whole);
    b->length = (int64_t)b->whole.len;
    b->ended = true;
}

bool request_body_is_whole(const struct request *rq)
{
    return rq->body.mode != BODY_WHOLE || rq->body.ended;
}

struct trb_data request_body_take_left(struct request *rq)
{
    struct request_body *b = &rq->body;
    if (!b->count)
        return (struct trb_data){NULL, 0, NULL};
    struct trb_data piece = pop(b);
    if (!request_is_over(rq))
        consume(rq, piece.len);
    if (!piece.at)
        piece.at = "";          /* an empty message is not nothing */
    return piece;
}

struct trb_data request_body_take(struct request *rq)
{
    return request_is_over(rq) ? (struct trb_data){NULL, 0, NULL} : request_body_take_left(rq);
}

bool request_body_ended(const struct request *rq)
{
    return rq->body.ended && !rq->body.count;
}

void request_body_watch(struct request *rq, void (*more)(struct request *, void *), void *arg)
{
    rq->body.more = more;
    rq->body.more_arg = arg;
}

static void wake(struct request *rq, void *arg)
{
    request_body_watch(rq, NULL, NULL);
    request_resume(rq);
}

static struct trb_next wait_more(struct request *rq, struct trb_next then)
{
    struct trb_next next = request_await(rq, then, request_wait_cancelled, NULL);
    request_body_watch(rq, wake, NULL);
    return next;
}

/* Nobody wakes this one: the step behind it counts on the whole body. */
static struct trb_next wait_all(struct request *rq, struct trb_next then)
{
    struct trb_next next = request_await(rq, then, NULL, NULL);
    request_body_watch(rq, wake, NULL);
    return next;
}

struct trb_next request_body_wait(struct request *rq, struct trb_next then)
{
    if (request_is_over(rq))
        return request_over();
    return rq->body.count || rq->body.ended ? then : wait_more(rq, then);
}

struct trb_next request_body_gather(struct request *rq, struct trb_next then)
{
    struct request_body *b = &rq->body;
    if (request_is_over(rq))
        return request_over();
    if (b->mode == BODY_STREAM)
        b->mode = BODY_WHOLE;
    while (b->count) {
        struct trb_data piece = pop(b);
        consume(rq, piece.len);
        gather_add(&b->gather, (struct trb_slice){piece.at, piece.len}, SIZE_MAX);
        buf_unref(piece.owner);
    }
    return b->ended ? then : wait_all(rq, then);
}

struct trb_data request_body(struct request *rq)
{
    struct request_body *b = &rq->body;
    if (!b->whole.owner)
        b->whole = buf_data(gather_finish(&b->gather));
    return b->whole;
}

void request_body_fini(struct request *rq)
{
    drop_all(rq);
    rq->body.pieces = mem_free(rq->body.pieces);
    rq->body.room = 0;
}
