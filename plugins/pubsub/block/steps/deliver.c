/* A message on its way to the application, alone.
 *
 *     parse ──► call ┄┄ the app answers ┄┄► hear (the tongue's) ──► (delivery_end)
 */
#include "delivery.h"

static trb_step call, hear;

struct trb_next event_parse(struct trb_request *rq)
{
    struct alone *a = trb_request_state(rq, sizeof *a);
    struct trb_next end;
    if (!delivery_read(rq, &a->delivery, &end))
        return end;
    a->delivery.listener->tongue->ask(rq, a);
    return TRB_GO(call);
}

static struct trb_next call(struct trb_request *rq)
{
    return rq->kernel->send(rq, &((struct alone *)rq->state)->call, TRB_GO(hear));
}

static struct trb_next hear(struct trb_request *rq)
{
    return ((struct alone *)rq->state)->delivery.listener->tongue->hear(rq);
}
