/* queue: see queue.h. */
#include <base/mem.h>
#include <postgres/queue.h>

struct pg_entry *pg_queue_add(struct ring *r)
{
    struct pg_entry *e = ring_add(r, sizeof *e);
    *e = (struct pg_entry){0};
    return e;
}

void pg_entry_fini(struct pg_entry *e)
{
    PQclear(e->answer.result);
    mem_free(e->failure);
    e->answer.result = NULL;
    e->failure = NULL;
}
