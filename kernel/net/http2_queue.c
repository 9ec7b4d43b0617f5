/* http2_queue: see http2_queue.h. */
#include <net/http2_queue.h>

#include <base/check.h>
#include <base/mem.h>
#include <string.h>

#define REFERENCE_FROM 512u         /* below, a copy is cheaper than what a reference keeps alive */

struct http2_piece {
    struct http2_piece *next;
    const char *at;
    size_t len;
    struct trb_buf *owner;          /* NULL: bytes[] */
    char bytes[];
};

static struct http2_piece *piece_of(struct trb_data data)
{
    bool is_kept = data.owner && data.len >= REFERENCE_FROM && buf_bytes(data.owner).len / 4 <= data.len;
    struct http2_piece *p = mem_alloc(sizeof *p + (is_kept ? 0 : data.len));
    p->next = NULL;
    p->len = data.len;
    p->owner = is_kept ? buf_ref(data.owner) : NULL;
    p->at = is_kept ? data.at : p->bytes;
    if (!is_kept)
        memcpy(p->bytes, data.at, data.len);
    return p;
}

void http2_queue_add(struct http2_queue *q, struct trb_data data)
{
    if (!data.len)
        return;
    struct http2_piece *p = piece_of(data);
    if (q->tail)
        q->tail->next = p;
    else
        q->head = p;
    q->tail = p;
    q->len += data.len;
    q->cost += data.len + sizeof *p;
}

static void drop_first(struct http2_queue *q)
{
    struct http2_piece *p = q->head;
    q->head = p->next;
    if (!q->head)
        q->tail = NULL;
    q->len -= p->len;
    q->cost -= p->len + sizeof *p;
    buf_unref(p->owner);
    mem_free(p);
}

void http2_queue_send(struct http2_queue *q, size_t n, struct stream *s)
{
    check(n <= q->len);
    while (n) {
        struct http2_piece *p = q->head;
        size_t part = p->len < n ? p->len : n;
        stream_write_buf(s, (struct trb_data){p->at, part, p->owner});
        p->at += part;
        p->len -= part;
        q->len -= part;
        q->cost -= part;
        n -= part;
        if (!p->len)
            drop_first(q);
    }
}

void http2_queue_drop(struct http2_queue *q)
{
    while (q->head)
        drop_first(q);
}
