/* http2_memory: see http2_memory.h. */
#include <net/http2_memory.h>

#include <base/mem.h>
#include <stdint.h>
#include <string.h>

#ifdef TRB_SANITIZED

nghttp2_mem *http2_memory(void)
{
    return NULL;
}

#else

#define STEP 64u
#define CLASSES 16u                 /* up to 1,024 bytes */
#define KEPT 64u                    /* of each */
#define LARGE UINT32_MAX

/* In front of each piece. */
struct head {
    union {
        size_t size;                /* as it was asked for */
        struct head *next;          /* while it waits */
    };
    uint32_t class;
} __attribute__((aligned(16)));

static _Thread_local struct {
    struct head *first;
    uint32_t count;
} kept[CLASSES];

static void *take(size_t size, void *unused)
{
    uint32_t class = size && size <= STEP * CLASSES ? (uint32_t)(size - 1) / STEP : LARGE;
    struct head *h;
    if (class != LARGE && kept[class].first) {
        h = kept[class].first;
        kept[class].first = h->next;
        kept[class].count--;
    } else {
        h = mem_alloc(sizeof *h + (class == LARGE ? size : (class + 1) * STEP));
        h->class = class;
    }
    h->size = size;
    return h + 1;
}

static void give(void *at, void *unused)
{
    struct head *h = (struct head *)at - 1;
    if (!at)
        return;
    if (h->class == LARGE || kept[h->class].count == KEPT) {
        mem_free(h);
        return;
    }
    h->next = kept[h->class].first;
    kept[h->class].first = h;
    kept[h->class].count++;
}

static void *take_zero(size_t count, size_t size, void *arg)
{
    return memset(take(count * size, arg), 0, count * size);
}

static void *take_more(void *at, size_t size, void *arg)
{
    struct head *h = (struct head *)at - 1;
    if (!at)
        return take(size, arg);
    void *more = take(size, arg);
    memcpy(more, at, h->size < size ? h->size : size);
    give(at, arg);
    return more;
}

nghttp2_mem *http2_memory(void)
{
    static nghttp2_mem mem = {NULL, take, give, take_zero, take_more};
    return &mem;
}

#endif
