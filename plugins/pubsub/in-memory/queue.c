/* queue: see queue.h. */
#include "queue.h"
#include <base/mem.h>

void queue_init(struct queue *q)
{
    q->first = NULL;
    q->last = &q->first;
    q->bytes = 0;
}

void queue_append(struct queue *q, struct message *m)
{
    struct waiting *w = mem_zero(sizeof *w);
    w->message = m;
    m->refs++;
    *q->last = w;
    q->last = &w->next;
    q->bytes += m->cost;
}

void queue_remove_first(struct queue *q, const struct trb_host *host)
{
    struct waiting *w = q->first;
    q->first = w->next;
    if (!q->first)
        q->last = &q->first;
    q->bytes -= w->message->cost;
    message_unref(host, w->message);
    mem_free(w);
}

void queue_clear(struct queue *q, const struct trb_host *host)
{
    while (q->first)
        queue_remove_first(q, host);
}

void queue_put_before(struct queue *to, struct queue *from, uint64_t number, bool behind_first, const struct trb_host *host)
{
    struct waiting *rest = to->first;
    struct queue all;
    queue_init(&all);
    if (behind_first && rest) {
        queue_append(&all, rest->message);
        rest = rest->next;
    }
    for (struct waiting *w = from->first; w && w->message->number <= number; w = w->next)
        queue_append(&all, w->message);
    for (struct waiting *w = rest; w; w = w->next)
        queue_append(&all, w->message);
    queue_clear(from, host);
    queue_clear(to, host);
    *to = all;
    if (!to->first)
        to->last = &to->first;
}
