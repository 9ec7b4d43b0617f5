/* chain: see chain.h. A sanitizer build keeps no blocks, so that a late use is found. */
#include <net/chain.h>

#include <base/check.h>
#include <base/mem.h>
#include <string.h>

#define KEPT_BLOCKS 32
#define REFERENCE_FROM 2048         /* bytes from which a reference is cheaper than a copy */

static _Thread_local struct block *kept;
static _Thread_local unsigned kept_count;

static struct block *take_kept(void)
{
    struct block *b = kept;
    if (!b)
        return mem_alloc(BLOCK_WHOLE);
    kept = b->next;
    kept_count--;
    return b;
}

struct block *block_new(size_t room)
{
    bool is_usual = room <= BLOCK_ROOM && room > BLOCK_ROOM / 4;
    struct block *b = is_usual ? take_kept() : mem_alloc(sizeof *b + room);
    b->next = NULL;
    atomic_init(&b->refs, 1);
    b->size = is_usual ? BLOCK_ROOM : (uint32_t)room;
    b->at = b->end = b->bytes;
    b->owner = NULL;
    return b;
}

static struct block *block_refer(struct trb_data data)
{
    struct block *b = mem_zero(sizeof *b);
    atomic_init(&b->refs, 1);
    b->owner = buf_ref(data.owner);
    b->at = (char *)data.at;
    b->end = b->at + data.len;
    return b;
}

static void block_free(struct block *b)
{
    buf_unref(b->owner);
#ifndef TRB_SANITIZED
    if (b->size == BLOCK_ROOM && kept_count < KEPT_BLOCKS) {
        b->next = kept;
        kept = b;
        kept_count++;
        return;
    }
#endif
    mem_free(b);
}

struct block *block_unref(struct block *b)
{
    if (b && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
        block_free(b);
    return NULL;
}

static void release_block(void *arg)
{
    block_unref(arg);
}

struct trb_buf *block_share(struct block *b, struct trb_slice part)
{
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return buf_wrap(part, release_block, b);
}

static void append(struct chain *c, struct block *b)
{
    if (c->tail)
        c->tail->next = b;
    else
        c->head = b;
    c->tail = b;
}

char *chain_room(struct chain *c, size_t n)
{
    if (!c->tail || !c->tail->size || block_room(c->tail) < n)
        append(c, block_new(n > BLOCK_ROOM ? n : BLOCK_ROOM));
    return c->tail->end;
}

void chain_wrote(struct chain *c, size_t n)
{
    check(c->tail && n <= block_room(c->tail));
    c->tail->end += n;
    c->len += n;
}

void chain_add(struct chain *c, struct trb_slice s)
{
    while (s.len) {
        char *to = chain_room(c, 1);
        size_t room = block_room(c->tail), n = s.len < room ? s.len : room;
        memcpy(to, s.at, n);
        chain_wrote(c, n);
        s.at += n;
        s.len -= n;
    }
}

void chain_add_data(struct chain *c, struct trb_data data)
{
    if (!data.owner || data.len < REFERENCE_FROM) {
        chain_add(c, (struct trb_slice){data.at, data.len});
        return;
    }
    append(c, block_refer(data));
    c->len += data.len;
}

int chain_pieces(const struct chain *c, struct iovec *pieces, int room)
{
    int count = 0;
    for (struct block *b = c->head; b && count < room; b = b->next)
        if (block_len(b))
            pieces[count++] = (struct iovec){b->at, block_len(b)};
    return count;
}

void chain_drop(struct chain *c, size_t n)
{
    check(n <= c->len);
    c->len -= n;
    while (c->head && (n || !c->len)) {
        struct block *b = c->head;
        size_t part = block_len(b) < n ? block_len(b) : n;
        b->at += part;
        n -= part;
        if (b->at < b->end)
            return;
        c->head = b->next;
        block_unref(b);
    }
    if (!c->head)
        c->tail = NULL;
}
