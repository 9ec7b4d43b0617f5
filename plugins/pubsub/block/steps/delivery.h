/* delivery: what a message goes through whether it is delivered alone or in a batch: how it is read,
 * and how it ends. */
#ifndef PUBSUB_DELIVERY_H
#define PUBSUB_DELIVERY_H

#include "../pubsub_block.h"

struct delivery {
    struct listener *listener;
    const struct subscription *sub;
    const struct trb_pubsub_event *event;
    struct trb_data body;             /* what the app gets of it */
    struct trb_name trace_parent;     /* of the event; absent: it has none */
    struct trb_slice path;            /* as the app is called; escaped */
    struct trb_pubsub_publish burial;
    struct trb_error why;
    uint64_t began_ns;
};

#define APP_ANSWER_MAX (64u << 20)

/* Reads the event and finds its route. false: it need not or cannot be delivered; *ret ends it. */
bool delivery_read(struct trb_request *, struct delivery *, struct trb_next *ret);
/* process, status: as the metric says it; NULL: counted elsewhere. rq->state is the delivery, or
 * begins with it. */
struct trb_next delivery_end(struct trb_request *, uint32_t verdict, const char *process, const char *status);
/* A failure with a sentence: logged, counted as retry, told to the component. */
struct trb_next delivery_fail(struct trb_request *, const char *format, ...) TRB_PRINTF(2, 3);
/* As above, after why was filled in and logged. */
void delivery_blame(struct delivery *, const struct trb_kernel *, const char *format, ...) TRB_PRINTF(3, 4);
struct trb_name delivery_trace_header(const struct delivery *); /* absent: send none */

#endif
