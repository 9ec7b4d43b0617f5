/* A message on its way to a client that streams.
 *
 *     parse ──► join ┄┄ the client's word, or its end ┄┄► judge ──► (delivery_end)
 */
#include "../session.h"
#include "delivery.h"

struct handed {
    struct delivery delivery; /* first: the ends expect it */
    struct parcel parcel;
};

static trb_step judge;

static void over(struct trb_request *rq, void *arg)
{
    session_withdraw(arg);
}

static void wrap(struct trb_request *rq, struct handed *h)
{
    struct runtime_topic_event_request event = delivery_event(rq, &h->delivery);
    struct runtime_subscribe_topic_events_response_alpha1 m = {.event_message = &event};
    h->parcel.delivery = rq;
    h->parcel.id = event.id;
    pb_write(&runtime_subscribe_topic_events_response_alpha1_pb, &m, &h->parcel.message);
}

/* A stream that closes gives nothing more away: somebody else shall have the message. */
struct trb_next stream_event_parse(struct trb_request *rq)
{
    struct handed *h = trb_request_state(rq, sizeof *h);
    struct trb_next end;
    if (!delivery_read(rq, &h->delivery, &end))
        return end;
    h->delivery.path = SLICE("/");
    wrap(rq, h);
    if (h->delivery.listener->is_closing || !session_join(h->delivery.sub->session, &h->parcel)) {
        text_fini(&h->parcel.message);
        return delivery_end(rq, TRB_HELD, NULL, NULL);
    }
    rq->kernel->on_over(rq, over, &h->parcel);
    return rq->kernel->park(rq, TRB_GO(judge));
}

static struct trb_next judge(struct trb_request *rq)
{
    struct handed *h = rq->state;
    int32_t status;
    uint32_t fate = session_fate(&h->parcel, &status);
    if (fate == PARCEL_WAITING)
        return rq->kernel->park(rq, TRB_GO(judge));
    session_withdraw(&h->parcel);
    return fate == PARCEL_HELD ? delivery_end(rq, TRB_HELD, NULL, NULL) : delivery_judge(rq, status);
}
