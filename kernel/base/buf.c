/* buf: counted bytes. One block holds header and bytes; a wrapped buffer holds a release function. */
#include <base/buf.h>
#include <base/check.h>
#include <base/mem.h>
#include <stdatomic.h>
#include <string.h>

#define BUF_MAGIC 0x42554646u

struct trb_buf {
    uint32_t magic;
    _Atomic uint32_t refs;
    const char *at;
    size_t len;
    void (*release)(void *);
    void *release_arg;
    void (*gone)(void *);
    void *gone_arg;
    char bytes[];
};

static struct trb_buf *create(size_t room)
{
    struct trb_buf *b = mem_alloc(sizeof *b + room);
    memset(b, 0, sizeof *b);
    b->magic = BUF_MAGIC;
    b->refs = 1;
    b->at = b->bytes;
    return b;
}

struct trb_buf *buf_new(size_t len, char **ret_bytes)
{
    struct trb_buf *b = create(len);
    b->len = len;
    *ret_bytes = b->bytes;
    return b;
}

struct trb_buf *buf_copy(struct trb_slice from)
{
    char *bytes;
    struct trb_buf *b = buf_new(from.len, &bytes);
    if (from.len)
        memcpy(bytes, from.at, from.len);
    return b;
}

struct trb_buf *buf_wrap(struct trb_slice from, void (*release)(void *), void *arg)
{
    struct trb_buf *b = create(0);
    b->at = from.at;
    b->len = from.len;
    b->release = release;
    b->release_arg = arg;
    return b;
}

struct trb_buf *buf_ref(struct trb_buf *b)
{
    if (b)
        atomic_fetch_add_explicit(&checked(b, struct trb_buf, BUF_MAGIC)->refs, 1, memory_order_relaxed);
    return b;
}

static void destroy(struct trb_buf *b)
{
    if (b->release)
        b->release(b->release_arg);
    if (b->gone)
        b->gone(b->gone_arg);
    b->magic = 0;
    mem_free(b);
}

struct trb_buf *buf_unref(struct trb_buf *b)
{
    if (b && atomic_fetch_sub_explicit(&checked(b, struct trb_buf, BUF_MAGIC)->refs, 1, memory_order_acq_rel) == 1)
        destroy(b);
    return NULL;
}

struct trb_slice buf_bytes(const struct trb_buf *b)
{
    return b ? (struct trb_slice){b->at, b->len} : (struct trb_slice){NULL, 0};
}

void buf_shorten(struct trb_buf *b, size_t len)
{
    check(len <= b->len);
    b->len = len;
}

void buf_on_gone(struct trb_buf *b, void (*gone)(void *), void *arg)
{
    b->gone = gone;
    b->gone_arg = arg;
}

/* ------------------------------------------------------------------------------------- gather */
static void make_room(struct gather *g, size_t room)
{
    char *bytes;
    struct trb_buf *bigger = buf_new(room, &bytes);
    if (g->len)
        memcpy(bytes, g->buf->bytes, g->len);
    buf_unref(g->buf);
    g->buf = bigger;
    g->room = room;
}

bool gather_add(struct gather *g, struct trb_slice piece, size_t limit)
{
    if (piece.len > limit || g->len > limit - piece.len)
        return false;
    if (g->len + piece.len > g->room)
        make_room(g, g->len + piece.len > g->room * 2 ? g->len + piece.len : g->room * 2);
    if (piece.len)
        memcpy(g->buf->bytes + g->len, piece.at, piece.len);
    g->len += piece.len;
    return true;
}

void gather_expect(struct gather *g, size_t len)
{
    if (len > g->room)
        make_room(g, len);
}

struct trb_buf *gather_finish(struct gather *g)
{
    if (!g->buf)
        make_room(g, 0);
    struct trb_buf *b = g->buf;
    b->len = g->len;
    *g = (struct gather){0};
    return b;
}

void gather_drop(struct gather *g)
{
    buf_unref(g->buf);
    *g = (struct gather){0};
}
