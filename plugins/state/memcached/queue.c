/* queue: a ring that doubles. */
#include "queue.h"
#include <base/check.h>
#include <base/mem.h>

static void grow(struct queue *q)
{
    uint32_t room = q->room ? q->room * 2 : 16;
    struct entry *entries = mem_alloc(room * sizeof *entries);
    for (uint32_t i = 0; i < q->count; i++)
        entries[i] = *queue_at(q, i);
    mem_free(q->entries);
    *q = (struct queue){.entries = entries, .count = q->count, .room = room};
}

struct entry *queue_add(struct queue *q)
{
    if (q->count == q->room)
        grow(q);
    return &q->entries[(q->first + q->count++) & (q->room - 1)];
}

struct entry *queue_at(struct queue *q, uint32_t i)
{
    return i < q->count ? &q->entries[(q->first + i) & (q->room - 1)] : NULL;
}

struct entry queue_take(struct queue *q)
{
    check(q->count);
    struct entry e = q->entries[q->first];
    q->first = (q->first + 1) & (q->room - 1);
    q->count--;
    return e;
}

void queue_fini(struct queue *q)
{
    mem_free(q->entries);
    *q = (struct queue){0};
}
