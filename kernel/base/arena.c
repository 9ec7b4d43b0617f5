/* arena: pieces that live together. Bump pointer in release: unused bytes between pieces, and a guard
 * behind each block that is looked at when the block goes. In sanitizer builds one allocation per
 * piece, so that an overrun by one byte is found where it happens. */
#include <base/arena.h>
#include <base/buf.h>
#include <base/check.h>
#include <base/mem.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define FIRST 3840
#define BLOCK 8192
#define ALIGN 16u
#define RED_ZONE 8u
#define GUARD 0x6465725a6f6e6521ull
#define KEPT 32
#define KEPT_BLOCKS 32
#define PRINTED 256                         /* longer texts are printed twice */

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

#ifndef TRB_SANITIZED
static void guard_block(struct block *b, size_t room)
{
    b->next = NULL;
    b->room = room - RED_ZONE;
    b->used = 0;
    memcpy(b->bytes + b->room, &(uint64_t){GUARD}, RED_ZONE);
}

static void check_guard(const struct block *b)
{
    uint64_t guard;
    memcpy(&guard, b->bytes + b->room, RED_ZONE);
    check(guard == GUARD);                 /* a piece of this block was overrun */
}

/* A few arenas with their first block, and a few more blocks, wait in each thread for their next request, where
 * that is wanted: what a copy of us in a plugin left behind in a thread would outlive the plugin. */
static _Thread_local struct {
    struct arena *at[KEPT];
    struct block *blocks;
    uint32_t count, block_count;
    bool is_wanted;
} kept;

static pthread_key_t thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static struct block *take_block(void)
{
    struct block *b = kept.blocks;
    if (!b)
        return mem_alloc(sizeof *b + BLOCK + RED_ZONE);
    kept.blocks = b->next;
    kept.block_count--;
    return b;
}

static void free_block(struct block *b)
{
    if (!kept.is_wanted || b->room != BLOCK || kept.block_count == KEPT_BLOCKS) {
        mem_free(b);
        return;
    }
    b->next = kept.blocks;
    kept.blocks = b;
    kept.block_count++;
}

static void free_kept(void *unused)
{
    kept.is_wanted = false;
    while (kept.count)
        mem_free(kept.at[--kept.count]);
    while (kept.blocks)
        mem_free(take_block());
}

static void make_key(void)
{
    check(pthread_key_create(&thread_end, free_kept) == 0);
}

void arena_keep_spares(void)
{
    if (kept.is_wanted)
        return;
    pthread_once(&once, make_key);
    pthread_setspecific(thread_end, &kept);
    kept.is_wanted = true;
}

static bool keep(struct arena *a)
{
    if (!kept.is_wanted || kept.count == KEPT)
        return false;
    kept.at[kept.count++] = a;
    return true;
}
#else
static void check_guard(const struct block *b)
{
}

static void free_block(struct block *b)
{
    mem_free(b);
}

void arena_keep_spares(void)
{
}
#endif

struct arena *arena_create(size_t budget)
{
#ifdef TRB_SANITIZED
    struct arena *a = mem_zero(sizeof *a);
#else
    struct arena *a = kept.count ? kept.at[--kept.count] : mem_alloc(sizeof *a + FIRST);
    memset(a, 0, sizeof *a);
    guard_block(&a->first, FIRST);
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
        check_guard(b);
        free_block(b);
    }
    if (a->blocks)
        check_guard(a->blocks);
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
    if (keep(a))
        return NULL;
#endif
    return mem_free(a);
}

#ifndef TRB_SANITIZED
/* Seldom: kept out of the way of those who have room. */
static __attribute__((noinline)) struct block *add_block(struct arena *a, size_t room)
{
    struct block *b = room == BLOCK ? take_block() : mem_alloc(sizeof *b + room + RED_ZONE);
    guard_block(b, room + RED_ZONE);
    b->next = a->blocks;
    a->blocks = b;
    return b;
}
#endif

void *arena_alloc(struct arena *a, size_t size)
{
    size_t need = (size + RED_ZONE + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    struct block *b = a->blocks;
    check(need > size);
    a->used += need;
#ifdef TRB_SANITIZED
    /* The allocator's own red zone begins right behind the piece. */
    b = mem_alloc(sizeof *b + size);
    b->next = a->blocks;
    b->used = 0;
    a->blocks = b;
    return b->bytes;
#else
    if (b->room - b->used < need)
        b = add_block(a, need > BLOCK ? need : BLOCK);
    void *at = b->bytes + b->used;
    b->used += need;
    return at;
#endif
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

struct trb_pair arena_pair(struct arena *a, struct trb_slice key, struct trb_slice value)
{
    if (!key.at || !value.at)
        return (struct trb_pair){arena_name(a, key), arena_name(a, value)};
    char *at = arena_alloc(a, key.len + value.len + 2), *value_at = at + key.len + 1;
    memcpy(at, key.at, key.len);
    at[key.len] = 0;
    memcpy(value_at, value.at, value.len);
    value_at[value.len] = 0;
    return (struct trb_pair){{at, key.len}, {value_at, value.len}};
}

struct trb_name arena_join(struct arena *a, const struct trb_slice *parts, size_t count)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    char *start = arena_alloc(a, len + 1), *at = start;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len)
            memcpy(at, parts[i].at, parts[i].len);
        at += parts[i].len;
    }
    *at = 0;
    return (struct trb_name){start, len};
}

struct trb_name arena_vprintf(struct arena *a, const char *format, va_list ap)
{
    char room[PRINTED];
    va_list again;
    va_copy(again, ap);
    int len = vsnprintf(room, sizeof room, format, ap);
    check(len >= 0);
    char *at = arena_alloc(a, (size_t)len + 1);
    if ((size_t)len < sizeof room)
        memcpy(at, room, (size_t)len + 1);
    else
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
