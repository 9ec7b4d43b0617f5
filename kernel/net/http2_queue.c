/* http2_queue: see http2_queue.h. */
#include <net/http2_queue.h>

#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <string.h>

#define REFERENCE_FROM 512u         /* below, a copy is cheaper than what a reference keeps alive */

struct http2_piece {
    struct http2_piece *next;
    const char *at;
    size_t len;
    size_t sent;                    /* the first of them */
    struct trb_buf *owner;          /* NULL: bytes[] */
    char bytes[];
};

static struct http2_piece *piece_of(struct trb_data data)
{
    bool is_kept = data.owner && data.len >= REFERENCE_FROM && buf_bytes(data.owner).len / 4 <= data.len;
    struct http2_piece *p = mem_alloc(sizeof *p + (is_kept ? 0 : data.len));
    p->next = NULL;
    p->len = data.len;
    p->sent = 0;
    p->owner = is_kept ? buf_ref(data.owner) : NULL;
    p->at = is_kept ? data.at : p->bytes;
    if (!is_kept)
        memcpy(p->bytes, data.at, data.len);
    return p;
}

static void append(struct http2_pieces *list, struct http2_piece *p)
{
    if (list->tail)
        list->tail->next = p;
    else
        list->head = p;
    list->tail = p;
}

static struct http2_piece *take_first(struct http2_pieces *list)
{
    struct http2_piece *p = list->head;
    list->head = p->next;
    if (!list->head)
        list->tail = NULL;
    p->next = NULL;
    return p;
}

static void piece_free(struct http2_piece *p)
{
    buf_unref(p->owner);
    mem_free(p);
}

void http2_queue_add(struct http2_queue *q, struct trb_data data)
{
    if (!data.len)
        return;
    struct http2_piece *p = piece_of(data);
    append(&q->waiting, p);
    q->len += data.len;
    q->cost += data.len + sizeof *p;
}

/* --- what has left -------------------------------------------------------------------------- */
void http2_queue_keep(struct http2_queue *q)
{
    q->keeps = true;
}

void http2_queue_forget(struct http2_queue *q)
{
    while (q->sent.head)
        piece_free(take_first(&q->sent));
    q->keeps = false;
}

static void has_left(struct http2_queue *q, struct http2_piece *p)
{
    size_t kept = q->kept + p->len + sizeof *p;
    if (q->keeps && kept <= HTTP2_MAX_KEPT) {
        q->kept = (uint32_t)kept;
        append(&q->sent, p);
        return;
    }
    piece_free(p);
    http2_queue_forget(q);
}

static void recall(const struct http2_pieces *list, struct gather *to)
{
    for (const struct http2_piece *p = list->head; p; p = p->next)
        (void)gather_add(to, slice_from(p->at, p->len), SIZE_MAX);
}

bool http2_queue_recall(const struct http2_queue *q, struct gather *to)
{
    if (!q->keeps)
        return false;
    recall(&q->sent, to);
    recall(&q->waiting, to);
    return true;
}

/* --- leaving -------------------------------------------------------------------------------- */
void http2_queue_send(struct http2_queue *q, size_t n, struct stream *s)
{
    check(n <= q->len);
    while (n) {
        struct http2_piece *p = q->waiting.head;
        size_t left = p->len - p->sent, part = left < n ? left : n;
        stream_write_buf(s, (struct trb_data){p->at + p->sent, part, p->owner});
        p->sent += part;
        q->len -= part;
        q->cost -= part;
        n -= part;
        if (p->sent < p->len)
            continue;
        q->cost -= sizeof *p;
        has_left(q, take_first(&q->waiting));
    }
}

void http2_queue_drop(struct http2_queue *q)
{
    http2_queue_forget(q);
    while (q->waiting.head)
        piece_free(take_first(&q->waiting));
    q->len = q->cost = 0;
}
