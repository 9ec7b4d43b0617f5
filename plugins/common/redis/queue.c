/* queue: a ring that doubles. */
#include <base/check.h>
#include <base/mem.h>
#include <redis/queue.h>

static void grow(struct redis_queue *q)
{
    uint32_t room = q->room ? q->room * 2 : 16;
    struct redis_entry *entries = mem_alloc(room * sizeof *entries);
    for (uint32_t i = 0; i < q->count; i++)
        entries[i] = q->entries[(q->first + i) & (q->room - 1)];
    mem_free(q->entries);
    *q = (struct redis_queue){.entries = entries, .count = q->count, .room = room};
}

struct redis_entry *redis_queue_add(struct redis_queue *q)
{
    if (q->count == q->room)
        grow(q);
    return &q->entries[(q->first + q->count++) & (q->room - 1)];
}

struct redis_entry *redis_queue_first(struct redis_queue *q)
{
    return q->count ? &q->entries[q->first] : NULL;
}

struct redis_entry redis_queue_take(struct redis_queue *q)
{
    check(q->count);
    struct redis_entry e = q->entries[q->first];
    q->first = (q->first + 1) & (q->room - 1);
    q->count--;
    return e;
}

void redis_queue_fini(struct redis_queue *q)
{
    mem_free(q->entries);
    *q = (struct redis_queue){0};
}
