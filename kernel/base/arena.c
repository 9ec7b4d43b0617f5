/* arena: pieces that live together. Bump pointer in release; in sanitizer builds one
 * allocation per piece, so that an overrun by one byte is found where it happens. */
#include <base/arena.h>
#include <base/buf.h>
#include <base/check.h>
#include <base/mem.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define FIRST 3840
#define BLOCK 16384
#define ALIGN 16u
#define KEPT 32

struct block {
    struct block *next;
    size_t room, used;
    char bytes[] __attribute__((aligned(16)));
};

struct link {
    struct link *next;
    void (*release)(void *);
    void *arg;
};

struct arena {
    struct block *blocks;                  /* the newest first */
    struct link *links;
    size_t budget, used;
    struct block first;                    /* FIRST bytes follow */
};

static _Thread_local struct {
    struct arena *at[KEPT];
    uint32_t count;
} kept;

struct arena *arena_create(size_t budget)
{
#ifdef TRB_SANITIZED
    struct arena *a = mem_zero(sizeof *a);
#else
    struct arena *a = kept.count ? kept.at[--kept.count] : mem_alloc(sizeof *a + FIRST);
    memset(a, 0, sizeof *a);
    a->first.room = FIRST;
    a->blocks = &a->first;
#endif
    a->budget = budget;
    return a;
}

static void release_links(struct arena *a)
{
    while (a->links) {
        struct link *l = a->links;
        a->links = l->next;
        l->release(l->arg);
    }
}

static void release_blocks(struct arena *a)
{
    while (a->blocks && a->blocks != &a->first) {
        struct block *b = a->blocks;
        a->blocks = b->next;
        mem_free(b);
    }
}

void arena_clear(struct arena *a)
{
    release_links(a);
    release_blocks(a);
    a->used = 0;
    a->first.used = 0;
}

struct arena *arena_destroy(struct arena *a)
{
    if (!a)
        return NULL;
    arena_clear(a);
#ifndef TRB_SANITIZED
    if (kept.count < KEPT) {
        kept.at[kept.count++] = a;
        return NULL;
    }
#endif
    return mem_free(a);
}

static struct block *add_block(struct arena *a, size_t room)
{
    struct block *b = mem_alloc(sizeof *b + room);
    b->next = a->blocks;
    b->room = room;
    b->used = 0;
    a->blocks = b;
    return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
    size_t need = ((size ? size : 1) + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    struct block *b = a->blocks;
    a->used += need;
#ifdef TRB_SANITIZED
    b = add_block(a, size ? size : 1);
#else
    if (b->room - b->used < need)
        b = add_block(a, need > BLOCK ? need : BLOCK);
#endif
    void *at = b->bytes + b->used;
    b->used += need;
    return at;
}

void *arena_zero(struct arena *a, size_t size)
{
    return memset(arena_alloc(a, size), 0, size);
}

void *arena_try(struct arena *a, size_t size)
{
    if (size > a->budget || a->used > a->budget - size)
        return NULL;
    return arena_alloc(a, size);
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}

struct trb_name arena_name(struct arena *a, struct trb_slice from)
{
    if (!from.at)
        return (struct trb_name){NULL, 0};
    char *at = arena_alloc(a, from.len + 1);
    memcpy(at, from.at, from.len);
    at[from.len] = 0;
    return (struct trb_name){at, from.len};
}

struct trb_name arena_vprintf(struct arena *a, const char *format, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int len = vsnprintf(NULL, 0, format, ap);
    check(len >= 0);
    char *at = arena_alloc(a, (size_t)len + 1);
    vsnprintf(at, (size_t)len + 1, format, again);
    va_end(again);
    return (struct trb_name){at, (size_t)len};
}

struct trb_name arena_printf(struct arena *a, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    struct trb_name name = arena_vprintf(a, format, ap);
    va_end(ap);
    return name;
}

void arena_link(struct arena *a, void (*release)(void *), void *arg)
{
    struct link *l = arena_alloc(a, sizeof *l);
    *l = (struct link){a->links, release, arg};
    a->links = l;
}

static void release_buf(void *arg)
{
    buf_unref(arg);
}

void arena_link_buf(struct arena *a, struct trb_buf *b)
{
    if (b)
        arena_link(a, release_buf, b);
}
