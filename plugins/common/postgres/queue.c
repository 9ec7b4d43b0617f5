/* queue: a ring that doubles. */
#include <base/check.h>
#include <base/mem.h>
#include <postgres/queue.h>

static void grow(struct pg_queue *q)
{
    uint32_t room = q->room ? q->room * 2 : 16;
    struct pg_entry *entries = mem_alloc(room * sizeof *entries);
    for (uint32_t i = 0; i < q->count; i++)
        entries[i] = *pg_queue_at(q, i);
    mem_free(q->entries);
    *q = (struct pg_queue){.entries = entries, .count = q->count, .room = room};
}

struct pg_entry *pg_queue_add(struct pg_queue *q)
{
    if (q->count == q->room)
        grow(q);
    struct pg_entry *e = &q->entries[(q->first + q->count++) & (q->room - 1)];
    *e = (struct pg_entry){0};
    return e;
}

struct pg_entry *pg_queue_at(const struct pg_queue *q, uint32_t i)
{
    return i < q->count ? &q->entries[(q->first + i) & (q->room - 1)] : NULL;
}

struct pg_entry pg_queue_take(struct pg_queue *q)
{
    check(q->count);
    struct pg_entry e = q->entries[q->first];
    q->first = (q->first + 1) & (q->room - 1);
    q->count--;
    return e;
}

void pg_queue_fini(struct pg_queue *q)
{
    mem_free(q->entries);
    *q = (struct pg_queue){0};
}

void pg_entry_fini(struct pg_entry *e)
{
    PQclear(e->answer.result);
    mem_free(e->failure);
    e->answer.result = NULL;
    e->failure = NULL;
}
