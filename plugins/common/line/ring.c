/* ring: see ring.h. */
#include <base/mem.h>
#include <line/ring.h>
#include <string.h>

void ring_grow(struct ring *r, size_t size)
{
    uint32_t room = r->room ? r->room * 2 : 16;
    char *at = mem_alloc(room * size);
    for (uint32_t i = 0; i < r->count; i++)
        memcpy(at + i * size, ring_at(r, i, size), size);
    mem_free(r->at);
    *r = (struct ring){.at = at, .count = r->count, .room = room};
}

void ring_fini(struct ring *r)
{
    mem_free(r->at);
    *r = (struct ring){0};
}
